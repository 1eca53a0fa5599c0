/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that declare networks: which there are, and what stands in them.
 */
#pragma once

#include <stddef.h>

#include "../model/netstate.h"

/* One text, in the order in which it applies. */
struct file_part {
	char *path;		/* owned */
	char *text;		/* owned; terminated */
	size_t length;
};

/* A network's file and its drop-ins. */
struct network_files {
	char name[NETWORK_NAME_SIZE];
	struct file_part *parts;	/* owned; the network's own file first */
	size_t n_parts;
	char *problem;			/* owned: why it cannot be read, with its path; NULL when it can */
};

/* What is to be said of files, and stops no network: one line each, cut when there are many. */
struct file_words {
	char problems[1024];		/* that were to be one's, and cannot */
	char warnings[1024];		/* that nobody reads, and somebody may have meant to be read; or that can hardly be meant */
};

struct network_files_list {
	struct network_files *items;	/* owned; sorted by name */
	size_t n;
	struct file_words words;
};

#define NETWORK_FILES_LIST_NULL (struct network_files_list){ 0 }

void network_files_list_deinit(struct network_files_list *list);
int network_files_load(const char *const directories[], size_t n_directories, struct network_files_list *ret_list);
