/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests may not reach, and from where they may not be reached: DenyOut= and so on.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "leasefile.h"
#include "values.h"

extern const char *const reach_list_names[REACH_LIST_MAX_];

/* What keys.c takes for its table: of all guests, and of one. */
#define REACH_KEY(name)											\
	int reach_parse_##name(struct network *network, const char *value, char why[static KEY_WHY_SIZE]);	\
	void reach_reset_##name(struct network *network);
REACH_KEY(deny_out)
REACH_KEY(allow_out)
REACH_KEY(deny_in)
REACH_KEY(allow_in)
REACH_KEY(host_deny_out)
REACH_KEY(host_allow_out)
REACH_KEY(host_deny_in)
REACH_KEY(host_allow_in)
#undef REACH_KEY

void reach_verify(const struct network *network, struct mistakes *mistakes);
bool reach_follows_leases(const struct network *network);
uint64_t reach_hash(const struct network *network, const struct leases *leases);
void reach_print(const struct network_reach *reach, struct text *text);
const struct network_host *reach_host(const struct network *network, const struct network_reach *reach);
void reach_print_guest(const struct network *network, const struct network_reach *reach, const struct leases *leases, struct text *text);
int reach_add(const struct network *network, const struct leases *leases, struct netstate *state);

/* Which way a flow goes, and who is at its ends. */
struct reach_flow {
	bool out;			/* the guest has begun it */
	const char *bridge;		/* IFNAME_SIZE bytes */
	const struct mac *mac;		/* of the guest that has begun it; NULL: not known */
	const struct ip *guest;		/* that it leads to */
	const struct ip *far;
	uint8_t protocol;
	uint16_t port;
};

bool reach_denies(const struct netstate *state, const struct reach_flow *flow);
