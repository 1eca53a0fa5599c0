/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of a step of a plan: for who carries it out, and who asked for it.
 */
#pragma once

#define APPLY_TEXT_SIZE	192

/* What became of one step. */
struct apply_result {
	int error;			/* 0, or a negative errno; -ECANCELED: left out, something it needs has failed */
	char text[APPLY_TEXT_SIZE];	/* the kernel's words, or ours; "" when there are none */
};
