/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What went wrong, in words, carried up to the one place that prints.
 * Pure: no system calls.
 */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * Writes the text of a failure and returns @error, a negative errno, so that a caller can say
 * `return failure_set(...)`. The first text of a failure stays: it is nearest to the cause.
 * @failure may be NULL. Text that is too long is cut.
 */
int failure_set(struct failure *failure, int error, const char *format, ...)
{
	va_list args;

	if (!failure || failure->text[0])
		return error;

	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	return error;
}
