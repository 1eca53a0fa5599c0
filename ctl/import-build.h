/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network file while it is made of libvirt's XML: its lines so far, and what the rows' functions do their work with.
 * Pure: no system calls.
 */
#pragma once

#include "../netd/model/keys.h"
#include "import.h"
#include "libxml.h"

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

void import_build_deinit(struct import_build *build);
int import_emit(struct import_build *build, unsigned int instance, int rank, const char *section, const char *key,
		const char *value, char words[static IMPORT_WORDS_SIZE]);
void import_remark(struct import_build *build, const char *format, ...) _printf_(2, 3);
void import_problem(struct import_build *build, const char *format, ...) _printf_(2, 3);
const char *import_attribute(const xmlNode *element, const char *name, char *buffer, size_t size);
xmlNode *import_child(const xmlNode *element, const char *name);
xmlNode *import_next(const xmlNode *element, const char *name);
char *import_own_text(const xmlNode *element);
