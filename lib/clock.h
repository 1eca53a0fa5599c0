/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time that only goes forward, and when to try again.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* In microseconds. It cannot fail for the clocks that there are. */
static inline uint64_t clock_read_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* CLOCK_MONOTONIC, as sd-event counts. */
static inline uint64_t clock_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

/* CLOCK_BOOTTIME: it goes on while the host sleeps. */
static inline uint64_t clock_boot_us(void)
{
	return clock_read_us(CLOCK_BOOTTIME);
}

/* How long before another try when @n_before have failed: @first_us, doubled each time up to 64 times as long. */
static inline uint64_t backoff_us(uint64_t first_us, unsigned int n_before)
{
	return first_us << (n_before < 6 ? n_before : 6);
}
