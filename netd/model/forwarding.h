/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forwarding belongs to the whole host: what is turned on for our networks, and what of the host must not change
 * because of it.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/limits.h"
#include "netstate.h"

/* Whether the host forwarded before the first network needed it, since it was booted. */
enum forwarding_found { FORWARDING_UNKNOWN, FORWARDING_OFF, FORWARDING_ON };

/* The families that something is about. */
struct families {
	bool v4, v6;
};

/* What is remembered between passes. Names are sorted. */
struct forwarding {
	uint8_t found4, found6;		/* enum forwarding_found */
	bool kept4, kept6;		/* a network has needed it: it is that value, whatever it is now */
	struct netstate_device *off;	/* owned: do not forward although the host does; somebody wants it so */
	size_t n_off;
	char (*cards)[IFNAME_SIZE];	/* owned: network cards of the last snapshot */
	size_t n_cards;
	char (*uplinks)[IFNAME_SIZE];	/* owned: interfaces that have been seen to use router advertisements */
	size_t n_uplinks;
};

#define FORWARDING_NULL (struct forwarding){ 0 }

void forwarding_deinit(struct forwarding *forwarding);
int forwarding_update(struct forwarding *forwarding, const struct netstate *snapshot, bool *ret_uplinks_changed);
int forwarding_add_uplink(struct forwarding *forwarding, const char *name, bool *ret_changed);
int forwarding_add_sysctls(const struct forwarding *forwarding, const struct families *need, struct netstate *desired);
struct families forwarding_guarded(const struct forwarding *forwarding, const struct families *wanted);
struct families forwarding_needed(const struct netstate *desired);
