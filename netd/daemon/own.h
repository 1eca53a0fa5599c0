/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks of unprivileged users' own: who may do what to which, by the policy.
 */
#pragma once

#include <stdint.h>

#include "../../lib/failure.h"
#include "../../policy/policy.h"
#include "manager.h"

/* What a method means for a network of the caller's own. */
enum own_act {
	OWN_NEVER,		/* it is for administrators alone */
	OWN_END,		/* it takes something away: whose the network is decides */
	OWN_USE,		/* the policy decides */
	OWN_DEFINE,		/* and how many there are, when it is a new one */
};

/* Which ports of the host a user's networks may forward, and by what. */
struct own_ports {
	uint32_t uid;
	struct policy_range ranges[LIMIT_POLICY_PORTS];
	size_t n;
	char rule[256];			/* file and line */
};

struct own {
	struct manager *manager;	/* borrowed */
	uint64_t lookup_after_us;	/* CLOCK_MONOTONIC: no name is asked for of the lookup program before that */
};

bool own_is_about(const char *network, uid_t uid);
bool own_is_subordinate(uid_t uid);
int own_verify(struct own *own, int peer_fd, const char *network, enum own_act act, struct own_ports *ret_ports,
	       struct failure *failure);
int own_verify_ports(const struct own_ports *ports, const struct network *network, struct failure *failure);
