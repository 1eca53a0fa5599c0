/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bridge asked for: looked up once, and known by its index from then on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../policy/policy.h"
#include "rtnetlink.h"

#define BRIDGE_NAMES	256	/* names of one device that are compared with rules */

struct bridge {
	int ifindex;
	uint32_t mtu;
	bool vlan_filtering;
	uint16_t default_pvid;
	/* Of a declared network, what its file's [Port] wants of every port; guestnetd writes it into the alias. */
	bool ports_isolated;
	uint32_t port_group;			/* 0: none; else rules are about it, which guestnetd keeps */
	size_t n_names;
	const char *names[BRIDGE_NAMES];	/* the canonical one first; point into text */
	char text[RTNL_REPLY_SIZE];
};

static inline struct policy_device bridge_device(const struct bridge *bridge)
{
	return (struct policy_device){ .names = bridge->names, .n_names = bridge->n_names };
}

int bridge_resolve(struct rtnl *rtnl, const char *name, struct bridge *ret_bridge, struct failure *failure);
int bridge_read(const struct rtnl_reply *reply, struct bridge *ret_bridge, char *ret_kind, size_t kind_size);
int bridge_each(struct rtnl *rtnl, int (*each)(const struct bridge *bridge, void *data), void *data);
bool bridge_address_is_pinned(const struct bridge *bridge);
