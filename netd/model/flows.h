/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the flows that the kernel remembers the present rules would not have made.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstate.h"
#include "plan.h"

/* One direction of a flow. Ports are 0 where the protocol has none. */
struct flow_tuple {
	struct ip source, destination;
	uint16_t source_port, destination_port;
};

struct flow {
	uint8_t protocol;
	uint16_t zone;			/* 0: the one that our rules work in */
	uint32_t status;		/* IPS_*: linux/netfilter/nf_conntrack_common.h */
	struct flow_tuple original, reply;
};

/* A prefix of a network. Identity: prefix; no two share an address. */
struct flow_prefix {
	struct ip prefix;
	uint8_t prefix_length;
	bool gone;			/* of a network that is no longer there */
	bool open;			/* of one with Mode=open: only what guests may not begin, or be reached by, is asked of it */
	bool inside;			/* of a network without a way out */
	bool nat;
	bool routed;			/* can be reached from outside */
	bool host_open, host_closed;	/* HostAccess=all, none */
	char bridge[IFNAME_SIZE];
};

/* An address of the host itself. */
struct flow_host {
	struct ip address;
	bool service;			/* guests of `bridge` are served there */
	char bridge[IFNAME_SIZE];
};

/* Whose an address is. */
struct flow_neighbour {
	struct ip ip;
	struct mac mac;
};

struct flow_rules {
	struct flow_prefix *prefixes;	/* owned, sorted */
	size_t n_prefixes;
	struct flow_host *hosts;	/* owned, sorted by address */
	size_t n_hosts;
	const struct netstate *desired, *snapshot;	/* borrowed: what the maps say, and said */
	struct flow_neighbour *neighbours;	/* owned; what is said of one guest is by its Ethernet address */
	size_t n_neighbours;
};

#define FLOW_RULES_NULL (struct flow_rules){ 0 }

bool flows_are_due(const struct plan *plan);
int flow_rules_build(const struct netstate *desired, const struct netstate *snapshot,
		     const struct netstate_address *previous, size_t n_previous, struct flow_rules *ret_rules);
bool flow_rules_want_neighbours(const struct flow_rules *rules);
int flow_rules_add_neighbour(struct flow_rules *rules, const struct ip *ip, const struct mac *mac);
void flow_rules_deinit(struct flow_rules *rules);
bool flow_is_unwanted(const struct flow_rules *rules, const struct flow *flow);
