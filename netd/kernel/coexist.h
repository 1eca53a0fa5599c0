/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of ours in the tables of other firewalls.
 */
#pragma once

#include "../model/coexist.h"
#include "kernel.h"

#define COEXIST_TEXT_SIZE	160

/* What is in a bridge's way: "blocked by CHAIN of TABLE"; "" for nothing. */
struct coexist_block {
	char bridge[IFNAME_SIZE];
	char text[COEXIST_TEXT_SIZE];
};

struct coexist_result {
	struct coexist_block *blocks;	/* owned */
	size_t n_blocks;
	size_t n_changes;		/* rules added and removed */
	bool alone;			/* nobody else has a chain */
};

#define COEXIST_RESULT_NULL (struct coexist_result){ 0 }

int coexist_apply(struct kernel *kernel, const struct coexist_bridge *bridges, size_t n_bridges,
		  struct coexist_result *ret_result);
void coexist_result_deinit(struct coexist_result *result);
const char *coexist_block_of(const struct coexist_result *result, const char *bridge);
