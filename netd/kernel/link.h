/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links, addresses and ports as messages of rtnetlink.
 */
#pragma once

#include "../../lib/nl/batch.h"
#include "../model/plan.h"
#include "kernel.h"

/*
 * IFA_PROTO (Linux 5.18) says who has put an address on a link; the value is ours. A kernel that does not know it passes over it
 * (rtm_to_ifaddr() and inet6_rtm_newaddr() parse liberally), and never tells it back.
 */
#define LINK_IFA_PROTO		11
#define LINK_ADDRESS_OURS	NETSTATE_ROUTE_PROTOCOL

int link_index(const struct kernel *kernel, const char *name);

void link_put_bridge_create(struct nl_batch *batch, const struct netstate_bridge *bridge, bool with_index, uint32_t tag);
void link_put_bridge_set(const struct kernel *kernel, struct nl_batch *batch, const struct netstate_bridge *bridge, uint32_t fields,
			 uint32_t tag);
void link_put_bridge_rename(struct nl_batch *batch, const struct netstate_bridge *bridge, uint32_t tag);
void link_put_bridge_unname(struct nl_batch *batch, const struct netstate_bridge *bridge, uint32_t tag);
void link_put_delete(struct nl_batch *batch, int ifindex, uint32_t tag);
void link_put_mark(struct nl_batch *batch, int ifindex, const char *alias, const struct mac *mac, uint32_t tag);
void link_put_no_addresses(struct nl_batch *batch);
void link_put_flags(struct nl_batch *batch, int ifindex, bool up, uint32_t tag);
void link_put_address(const struct kernel *kernel, struct nl_batch *batch, bool add, const struct netstate_address *address,
		      uint32_t tag);
void link_put_route(const struct kernel *kernel, struct nl_batch *batch, const struct netstate_address *address, uint32_t tag);
void link_put_guest_route(const struct kernel *kernel, struct nl_batch *batch, bool add, const struct netstate_route *route,
			  uint32_t tag);
void link_put_port_set(struct nl_batch *batch, const struct netstate_port *port, bool isolation, uint32_t tag);
void link_put_port_back(struct nl_batch *batch, const struct netstate_port *port, int bridge, uint16_t default_vlan, uint32_t tag);
void link_put_port_up(struct nl_batch *batch, const struct netstate_port *port, uint32_t tag);
