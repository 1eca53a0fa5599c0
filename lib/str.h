/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded text: building, escaping, numbers.
 * Pure: no system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

/*
 * Text that grows in a buffer of the caller and never past it. What does not fit is left out and
 * `overflow` stays set, so that a caller tests once, at the end.
 */
struct text {
	char *data;		/* borrowed; always terminated */
	size_t size;
	size_t length;
	bool overflow;
};

void text_init(struct text *text, char *buffer, size_t size);
void text_add(struct text *text, const char *format, ...) _printf_(2, 3);
void text_add_range(struct text *text, unsigned int first, unsigned int last);
void text_add_escaped(struct text *text, const char *bytes, size_t length);

const char *str_escape(char *buffer, size_t size, const char *string);
#define STR_ESCAPED(string) str_escape((char[256]){ 0 }, 256, (string))

void str_one_line(char *string);
int str_parse_u32(const char *string, uint32_t max, uint32_t *ret_value);
bool str_has_prefix(const char *string, const char *prefix, const char **ret_rest);
size_t str_distance(const char *a, const char *b);
const char *str_nearest(const char *word, const char *const *candidates, size_t n_candidates);
