/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong in a network's files: every mistake, each in a line of its own.
 * Pure: no system calls.
 */
#include "mistakes.h"

#include <stdarg.h>
#include <stdio.h>

void mistakes_init(struct mistakes *mistakes)
{
	mistakes->n = 0;
	mistakes->error = 0;
	text_init(&mistakes->lines, mistakes->buffer, sizeof(mistakes->buffer));
}

/* Adds a mistake, a line without a newline, and returns @error, a negative errno, so that a caller can say `return mistakes_add(...)`. */
int mistakes_add(struct mistakes *mistakes, int error, const char *format, ...)
{
	struct failure line;
	va_list arguments;

	if (mistakes->n == 0)
		mistakes->error = error;
	if (mistakes->n++ >= MISTAKES_MAX)
		return error;
	va_start(arguments, format);
	vsnprintf(line.text, sizeof(line.text), format, arguments);
	va_end(arguments);
	text_add(&mistakes->lines, "%s%s", mistakes->n > 1 ? "\n" : "", line.text);
	return error;
}

/* After the last one: how many more there are than lines. @path is the network's own file. */
void mistakes_end(struct mistakes *mistakes, const char *path)
{
	if (mistakes->n > MISTAKES_MAX)
		text_add(&mistakes->lines, "\n%s: and %zu more", STR_ESCAPED(path), mistakes->n - MISTAKES_MAX);
}
