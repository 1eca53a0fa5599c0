/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables and a little colour for people; plain text where nobody looks.
 * System calls: asks the terminal for its width.
 *
 * Every cell is ASCII (STR_ESCAPED()), so bytes are columns of the terminal. A table is cut to the
 * terminal's width; where the output is not a terminal it is whole, and without colours.
 */
#include "table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../lib/str.h"

#define GAP		2	/* blanks between columns */
#define NARROWEST	8	/* a column is not cut below that */

/* Frees what a table owns. */
void table_deinit(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->styles);
	table->cells = NULL;
	table->styles = NULL;
	table->n_cells = 0;
}

static void add_cell(struct table *table, enum style style, const char *format, va_list args)
{
	char **cells = reallocarray(table->cells, table->n_cells + 1, sizeof(*cells));
	enum style *styles = cells ? reallocarray(table->styles, table->n_cells + 1, sizeof(*styles)) : NULL;

	if (cells)
		table->cells = cells;
	if (styles)
		table->styles = styles;
	if (!cells || !styles || vasprintf(&cells[table->n_cells], format, args) < 0) {
		table->failed = true;
		return;
	}
	styles[table->n_cells++] = style;
}

/* Adds the next cell, row by row. Running out of memory is told by table_print(). */
void table_add(struct table *table, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_cell(table, STYLE_NONE, format, args);
	va_end(args);
}

/* Likewise, for one that stands out. */
void table_add_styled(struct table *table, enum style style, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_cell(table, style, format, args);
	va_end(args);
}

/* How wide a line may be; SIZE_MAX when nobody looks. COLUMNS outdoes the terminal's own word. */
static size_t line_width(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = { 0 };
	uint32_t width;

	if (!isatty(fileno(out)))
		return SIZE_MAX;
	if (columns && str_parse_u32(columns, UINT16_MAX, &width) == 0 && width > 0)
		return width;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

/* Takes from the widest column until the line fits, or nothing more can be taken. */
static void fit(size_t *widths, size_t n_columns, size_t room)
{
	for (;;) {
		size_t total = GAP * (n_columns - 1), widest = 0;

		for (size_t i = 0; i < n_columns; i++) {
			total += widths[i];
			if (widths[i] > widths[widest])
				widest = i;
		}
		if (total <= room || widths[widest] <= NARROWEST)
			return;
		widths[widest]--;
	}
}

static void print_cell(FILE *out, const char *cell, size_t width, bool keep_end, bool last)
{
	size_t length = strlen(cell), kept = width > 3 ? width - 3 : 0;

	if (length <= width)
		fprintf(out, "%s%*s", cell, last ? 0 : (int)(width - length), "");
	else if (keep_end)
		fprintf(out, "...%s", cell + length - kept);
	else
		fprintf(out, "%.*s...", (int)kept, cell);
	if (!last)
		fprintf(out, "%*s", GAP, "");
}

/* Prints title and rows, each line behind @indent. -ENOMEM when a cell is missing. */
int table_print(const struct table *table, FILE *out, const char *indent)
{
	_cleanup_(freep) size_t *widths = calloc(table->n_columns, sizeof(*widths));
	size_t room = line_width(out), n = table->n_columns;

	if (!widths || table->failed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		widths[i] = strlen(table->columns[i].title);
	for (size_t i = 0; i < table->n_cells; i++)
		if (strlen(table->cells[i]) > widths[i % n])
			widths[i % n] = strlen(table->cells[i]);
	fit(widths, n, room == SIZE_MAX ? room : room > strlen(indent) ? room - strlen(indent) : 0);

	fprintf(out, "%s%s", indent, style_begin(STYLE_TITLE, out));
	for (size_t i = 0; i < n; i++)
		print_cell(out, table->columns[i].title, widths[i], false, i + 1 == n);
	fprintf(out, "%s\n", style_end(out));
	for (size_t i = 0; i < table->n_cells; i++) {
		fputs(i % n == 0 ? indent : "", out);
		fputs(style_begin(table->styles[i], out), out);
		print_cell(out, table->cells[i], widths[i % n], table->columns[i % n].keep_end, i % n + 1 == n);
		fputs(table->styles[i] != STYLE_NONE ? style_end(out) : "", out);
		fputs(i % n + 1 == n ? "\n" : "", out);
	}
	return 0;
}

/* Colours are for terminals whose user wants them (https://no-color.org). */
static bool has_colours(FILE *out)
{
	const char *terminal = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");

	return isatty(fileno(out)) && terminal && strcmp(terminal, "dumb") != 0 && !(no_colour && *no_colour);
}

/* What to print before and behind a text that stands out; empty where there are no colours. */
const char *style_begin(enum style style, FILE *out)
{
	if (!has_colours(out))
		return "";
	switch (style) {
	case STYLE_NONE:
		return "";
	case STYLE_TITLE:
		return "\033[1m";
	case STYLE_GOOD:
		return "\033[32m";
	case STYLE_BAD:
		return "\033[31m";
	}
	return "";
}

const char *style_end(FILE *out)
{
	return has_colours(out) ? "\033[0m" : "";
}
