/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables and a little colour for people; plain text where nobody looks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../lib/util.h"

enum style { STYLE_NONE, STYLE_TITLE, STYLE_GOOD, STYLE_BAD };

struct table_column {
	const char *title;
	bool keep_end;		/* where it must be cut, the end tells more: file:line */
};

struct table {
	const struct table_column *columns;	/* borrowed */
	size_t n_columns;
	char **cells;		/* owned, each of them too */
	enum style *styles;	/* owned: one for each cell */
	size_t n_cells;
	bool failed;		/* no memory for a cell */
};

#define TABLE_NULL(_columns) (struct table){ .columns = (_columns), .n_columns = ARRAY_SIZE(_columns) }

void table_deinit(struct table *table);
void table_add(struct table *table, const char *format, ...) _printf_(2, 3);
void table_add_styled(struct table *table, enum style style, const char *format, ...) _printf_(3, 4);
int table_print(const struct table *table, FILE *out, const char *indent);

const char *style_begin(enum style style, FILE *out);
const char *style_end(FILE *out);
