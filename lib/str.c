/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded text: building, escaping, numbers.
 * Pure: no system calls.
 */
#include "str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Begins an empty text in @buffer, which must hold at least one byte and outlive @text. */
void text_init(struct text *text, char *buffer, size_t size)
{
	assert(size > 0);
	*text = (struct text){ .data = buffer, .size = size };
	buffer[0] = '\0';
}

/* Appends as printf does. */
void text_add(struct text *text, const char *format, ...)
{
	size_t room = text->size - text->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->data + text->length, room, format, args);
	va_end(args);

	if (n < 0 || (size_t)n >= room) {
		text->overflow = true;
		text->length = text->size - 1;
	} else {
		text->length += (size_t)n;
	}
}

/* Appends a range of numbers as people write it: "8000-8999", or "22" where it is one. */
void text_add_range(struct text *text, unsigned int first, unsigned int last)
{
	text_add(text, "%u", first);
	if (last != first)
		text_add(text, "-%u", last);
}

/*
 * Appends bytes that may come from anybody: control bytes, the backslash and everything outside
 * ASCII become \xNN, so that no name can move a cursor or forge a second line.
 */
void text_add_escaped(struct text *text, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c < 0x20 || c >= 0x7f || c == '\\')
			text_add(text, "\\x%02x", c);
		else
			text_add(text, "%c", c);
	}
}

/* Writes @string into @buffer as text_add_escaped() does, cut where it does not fit. Returns @buffer. */
const char *str_escape(char *buffer, size_t size, const char *string)
{
	struct text text;

	text_init(&text, buffer, size);
	text_add_escaped(&text, string, strlen(string));
	return buffer;
}

/* Makes sure that text which is meant to be one line is one: control bytes become '?'. */
void str_one_line(char *string)
{
	for (; *string; string++)
		if ((unsigned char)*string < 0x20 || *string == 0x7f)
			*string = '?';
}

/*
 * Reads a plain decimal number: digits only, no sign, no blank, nothing behind it.
 * Returns -EINVAL for anything else and -ERANGE above @max.
 */
int str_parse_u32(const char *string, uint32_t max, uint32_t *ret_value)
{
	uint64_t value = 0;

	if (!*string)
		return -EINVAL;

	for (const char *p = string; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		if (value <= UINT32_MAX)
			value = value * 10 + (uint64_t)(*p - '0');
	}
	if (value > max)
		return -ERANGE;

	*ret_value = (uint32_t)value;
	return 0;
}

/* Does @string begin with @prefix? Then what follows it is in @ret_rest. */
bool str_has_prefix(const char *string, const char *prefix, const char **ret_rest)
{
	size_t length = strlen(prefix);

	if (strncmp(string, prefix, length) != 0)
		return false;
	*ret_rest = string + length;
	return true;
}

/* The number of single-byte edits between two words; long words are infinitely far apart (Levenshtein). */
size_t str_distance(const char *a, const char *b)
{
	enum { LONGEST = 64 };
	size_t n_a = strlen(a), n_b = strlen(b);
	size_t row[LONGEST + 1];

	if (n_a > LONGEST || n_b > LONGEST)
		return SIZE_MAX;

	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			size_t above = row[j];
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[n_b];
}

/* The candidate that @word was probably meant to be, or NULL when none is within a third of it. */
const char *str_nearest(const char *word, const char *const *candidates, size_t n_candidates)
{
	size_t best = strlen(word) / 3 + 2;
	const char *nearest = NULL;

	for (size_t i = 0; i < n_candidates; i++) {
		size_t distance = str_distance(word, candidates[i]);

		if (distance < best) {
			best = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}
