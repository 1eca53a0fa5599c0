/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time that only goes forward, and when to try again.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC in microseconds, as sd-event counts. It cannot fail. */
static inline uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* How long before another try when @n_before have failed: @first_us, doubled each time up to 64 times as long. */
static inline uint64_t backoff_us(uint64_t first_us, unsigned int n_before)
{
	return first_us << (n_before < 6 ? n_before : 6);
}
