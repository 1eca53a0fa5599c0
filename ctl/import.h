/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's network XML as a network file of ours, with an exact account of what became of each part of it.
 * Pure: no system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/failure.h"
#include "../netd/model/network.h"

#define LIMIT_IMPORT_BYTES	(1024 * 1024)	/* of one document */
#define LIMIT_IMPORT_ITEMS	10000		/* attributes, texts and empty elements of one document */
#define LIMIT_IMPORT_DEPTH	64		/* elements inside elements */

/*
 * What can mean something in a document: each attribute (declarations of namespaces are none), the text of
 * each element that has one, and each element that has neither attributes nor text nor elements in it.
 */
struct import_item {
	char *path;		/* owned: elements as they are written, "network/ip@address" */
	char *value;		/* owned: without the blanks around a text */
	char *words;		/* owned: what it is in the file, or why it is not there */
	unsigned int line;
	bool translated;	/* else it is listed */
};

struct import {
	char name[NETWORK_NAME_SIZE];
	char *text;		/* owned: the network file; NULL: the network cannot be ours, `problem` says why */
	char *problem;		/* owned */
	struct import_item *items;	/* owned: in the order of the document, each once */
	size_t n_items, n_translated, n_listed;
	size_t n_found;		/* items by another count of the document: none is lost when it is n_items */
	char **remarks;		/* owned: what is different although no item says so */
	size_t n_remarks;
};

struct import_options {
	const char *name;	/* of the network; NULL: the document's */
	const char *origin;	/* for the first line of the file */
	bool autostart_known, autostart;	/* the document does not say it */
};

#define IMPORT_NULL (struct import){ .text = NULL }
void import_deinit(struct import *import);
int import_parse(const char *xml, size_t length, const struct import_options *options, struct import *ret_import,
		 struct failure *failure);
