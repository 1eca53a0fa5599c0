/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a bridge is put right as soon as the kernel tells of it, before anything is looked at.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include "plan.h"

/* More than so much in one go is left to the pass. */
#define HASTE_LINKS	4
#define HASTE_GONE	8

/* What was told of one bridge. */
struct haste_link {
	int ifindex;
	const char *name;			/* at the last look; borrowed until the next one */
	bool changed;
	struct netstate_bridge bridge;		/* as it is now, when it has changed */
	unsigned int n_gone, n_unrouted;
	struct netstate_address gone[HASTE_GONE];	/* addresses */
	struct netstate_route unrouted[HASTE_GONE];	/* routes that the kernel had made for addresses */
};

/* What was told while all was as the last plan has left it. */
struct haste {
	unsigned int n_links;
	struct haste_link links[HASTE_LINKS];
	bool forwarding;			/* of some interface, or of all */
};

struct haste_link *haste_find_link(struct haste *haste, int ifindex, const char *name);
int haste_plan(const struct haste *haste, const struct netstate *desired, const struct netstate *snapshot, const int forwards[2],
	       uint64_t id, struct plan *ret_plan);
