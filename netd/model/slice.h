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

int slice_build(const struct netstate *desired, const struct netstate *snapshot, const struct plan_memory *memory,
		const char (*networks)[NETWORK_NAME_SIZE], size_t n_networks, struct slice *ret_slice);
void slice_deinit(struct slice *slice);
const char *slice_network_of_link(const struct netstate *desired, const struct netstate *snapshot,
				  const struct plan_memory *memory, const char *link);
