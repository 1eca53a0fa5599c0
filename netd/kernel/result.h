/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of a step of a plan: for who carries it out, and who asked for it.
 */
#pragma once

#include <stddef.h>

#include "../../lib/util.h"

/* What became of one step. Zeros: it is done. */
struct apply_result {
	int error;			/* 0, or a negative errno; -ECANCELED: left out, something it needs has failed */
	char *text;			/* owned: the kernel's words, or ours; NULL when there are none */
};

struct apply_result *apply_results_new(size_t n);
void apply_results_free(struct apply_result *results, size_t n);
void apply_result_say(struct apply_result *result, const char *format, ...) _printf_(2, 3);
