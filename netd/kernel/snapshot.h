/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: the kernel's networking as a struct netstate.
 */
#pragma once

#include "../model/netstate.h"
#include "kernel.h"

/* What to look at. Links are always read: the rest needs their names. */
enum snapshot_parts {
	SNAPSHOT_ADDRESSES	= 1 << 0,
	SNAPSHOT_ROUTES		= 1 << 1,
	SNAPSHOT_RULES		= 1 << 2,	/* our table with its elements, and the checksum rules */
	SNAPSHOT_SYSCTLS	= 1 << 3,	/* those that @desired names */
	SNAPSHOT_ALL		= (1 << 4) - 1,
};

int kernel_look(struct kernel *kernel, unsigned int parts, struct failure *failure);
int kernel_want(struct kernel *kernel, const struct netstate *desired, bool values);
const char *kernel_link_name(const struct kernel *kernel, int ifindex);
bool kernel_is_our_bridge(const struct kernel *kernel, int ifindex);
bool kernel_is_overlap(const struct kernel *kernel, const struct netstate_route *route);
int kernel_look_at_sysctls(struct kernel *kernel, const struct netstate *desired);
int kernel_look_at_shapers(struct kernel *kernel, const struct netstate *desired);
int kernel_look_at_proxies(struct kernel *kernel, const struct netstate *desired);
int kernel_look_at_remotes(struct kernel *kernel, const struct netstate *desired);
int kernel_look_at_taps(struct kernel *kernel, const struct netstate *desired);
void kernel_note_sysctl(struct kernel *kernel, const char *path);
int kernel_snapshot(struct kernel *kernel, const struct netstate *desired, unsigned int parts,
		    struct netstate *ret_state, struct failure *failure);
