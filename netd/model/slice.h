/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a plan needs to see when only a few networks are not as they were.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include "plan.h"

struct slice {
	struct netstate desired, snapshot;	/* owned */
	struct plan_memory memory;		/* its bridges owned, the rest borrowed */
};

#define SLICE_NULL (struct slice){ 0 }

/* More networks than so many are planned for as all of them. */
#define SLICE_NETWORKS	32

/* Networks that something has happened to. */
struct slice_marks {
	bool all;
	size_t n;
	char networks[SLICE_NETWORKS][NETWORK_NAME_SIZE];
};

void slice_mark(struct slice_marks *marks, const char *network);
void slice_mark_any(struct slice_marks *marks, const struct netstate *desired);
void slice_mark_link(struct slice_marks *marks, const struct netstate *desired, const struct netstate *snapshot,
		     const struct plan_memory *memory, int ifindex);

int slice_build(const struct netstate *desired, const struct netstate *snapshot, const struct plan_memory *memory,
		const char (*networks)[NETWORK_NAME_SIZE], size_t n_networks, const struct netstate *changed,
		struct slice *ret_slice);
void slice_deinit(struct slice *slice);
