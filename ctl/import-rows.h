/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of libvirt's network XML mean: a table of rows, asked by import.c for each item of the document.
 * Pure: no system calls.
 */
#pragma once

#include "import-build.h"

struct import_row;

/* An item on its way: the element it belongs to, and its value. */
struct import_part {
	xmlNode *element;
	const char *value;
	const struct import_row *row;
};

/*
 * How a part is translated. An item function is asked for each item; a group function once for the element that is
 * @up levels above the one the items belong to, and what it says holds for all of them. Both return whether the
 * part is translated, and leave in @words what it has become, or why not; @words comes with the row's own words.
 * With both, the group is asked about items that the item function says yes to. With neither, the part is listed with
 * the row's words.
 */
struct import_row {
	const char *path;	/* of elements, "@" before an attribute; "**" at the end: and everything below */
	bool (*item)(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE]);
	bool (*group)(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE]);
	unsigned int up;
	const char *section, *key;	/* for functions that serve several rows */
	const char *when;		/* the value that needs nothing */
	const char *words;
};

const struct import_row *import_row_find(const char *path);
void import_rows_finish(struct import_build *build);
