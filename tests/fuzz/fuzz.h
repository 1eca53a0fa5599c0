/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every fuzzer is: one function, called by libFuzzer or by replay.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input. Not assert(): no flavour may leave it out. */
#define must(condition)			\
do {					\
	if (!(condition))		\
		__builtin_trap();	\
} while (0)
