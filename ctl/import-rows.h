/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of libvirt's network XML are in a network file: between import.c, which walks the document,
 * and import-rows.c, which knows what the parts mean.
 * Pure: no system calls.
 */
#pragma once

#include <libxml/tree.h>

#include "../netd/model/keys.h"
#include "import.h"

#define IMPORT_WORDS_SIZE 640

/* One line of the file that is being made. */
struct import_line {
	const struct key *key;		/* borrowed */
	char *value;			/* owned */
	unsigned int instance;		/* of a section that is there several times; 0 for the others */
	int rank;			/* lines of one key: lower ones first */
};

/* What a function said of a group of items, so that it is asked once. */
struct import_verdict {
	const xmlNode *node;
	const void *asked;
	bool translated;
	char *words;			/* owned */
};

struct import_build {
	struct import *import;
	const struct import_options *options;
	xmlNode *network;		/* borrowed: the element */
	struct network scratch;		/* every value goes through the parser of its key */
	struct import_line *lines;	/* owned */
	size_t n_lines;
	struct import_verdict *verdicts;	/* owned */
	size_t n_verdicts;
	unsigned int n_instances;
	int error;			/* -ENOMEM, latched */
};

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
 * With neither, the part is listed with the row's words.
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

/* What the rows' functions do their work with. */
int import_emit(struct import_build *build, unsigned int instance, int rank, const char *section, const char *key,
		const char *value, char words[static IMPORT_WORDS_SIZE]);
void import_remark(struct import_build *build, const char *format, ...) _printf_(2, 3);
void import_problem(struct import_build *build, const char *format, ...) _printf_(2, 3);
const char *import_attribute(const xmlNode *element, const char *name, char *buffer, size_t size);
xmlNode *import_child(const xmlNode *element, const char *name);
xmlNode *import_next(const xmlNode *element, const char *name);
char *import_own_text(const xmlNode *element);

int import_file_print(struct import_build *build, char **ret_text);
int import_file_verify(struct import_build *build);
