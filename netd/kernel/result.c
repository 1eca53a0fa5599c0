/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of a step of a plan: for who carries it out, and who asked for it.
 * Event loop context.
 */
#include "result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* For a plan of @n steps, which may be none. The caller frees it; NULL: no memory. */
struct apply_result *apply_results_new(size_t n)
{
	return calloc(n + 1, sizeof(struct apply_result));
}

/* NULL will do. */
void apply_results_free(struct apply_result *results, size_t n)
{
	for (size_t i = 0; results && i < n; i++)
		free(results[i].text);
	free(results);
}

/* In the place of what was said before. Without memory nothing is said: the error says enough. */
void apply_result_say(struct apply_result *result, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	free(result->text);
	result->text = text;
}
