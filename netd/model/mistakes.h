/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong in a network's files: every mistake, each in a line of its own.
 * Pure.
 */
#pragma once

#include "../../lib/failure.h"
#include "../../lib/str.h"

#define MISTAKES_MAX 20		/* with words; of further ones only how many they are is said */

struct mistakes {
	size_t n;			/* all of them */
	int error;			/* of the first one; 0 while there is none */
	struct text lines;		/* in @buffer, without a newline at the end */
	char buffer[(MISTAKES_MAX + 1) * sizeof(((struct failure *)NULL)->text)];
};

void mistakes_init(struct mistakes *mistakes);
int mistakes_add(struct mistakes *mistakes, int error, const char *format, ...) _printf_(3, 4);
void mistakes_end(struct mistakes *mistakes, const char *path);
