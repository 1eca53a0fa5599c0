/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network files: text to struct network, and what networks must not have in common.
 * Pure.
 */
#pragma once

#include "network.h"

/* One file: its path as it is to be named in errors, and its bytes. Borrowed. */
struct config_file {
	const char *path;
	const char *text;
	size_t length;
};

int config_parse_all(const char *name, const struct config_file *files, size_t n_files, struct network *ret_network,
		     struct mistakes *mistakes);
int config_parse(const char *name, const struct config_file *files, size_t n_files, struct network *ret_network,
		 struct failure *failure);
int config_verify(struct network *networks, size_t n_networks);
