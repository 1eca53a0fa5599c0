/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ports of guests may not do: [Port] of a network's file as elements of sets.
 * Pure.
 */
#pragma once

#include "leasefile.h"
#include "network.h"

/* An Ethernet address that a port is bound to. Zeroed first: it can be compared with memcmp(). */
struct port_binding {
	int ifindex;
	char port[IFNAME_SIZE];
	char bridge[IFNAME_SIZE];
	struct mac mac;
};

/* What the elements of one network are made of. Borrowed. */
struct guards {
	const struct network *network;
	uint32_t group;
	struct mac mac;				/* the bridge's */
	const struct network_address *addresses;	/* the host's */
	size_t n_addresses;
	const struct leases *leases;		/* may be NULL */
	const struct port_binding *bindings;	/* of all networks */
	size_t n_bindings;
};

uint8_t guards_of(const struct network *network);
bool guards_are_wanted(const struct network *network);
uint32_t guards_choose_group(const char *network, const struct netstate *state);
bool guards_is_guest(const struct network *network, const struct netstate_port *port);
int guards_add(const struct guards *guards, struct netstate *state);
bool guards_find_mac(const struct lease *lease, struct mac *ret_mac);
uint64_t guards_hash_leases(const struct leases *leases);
