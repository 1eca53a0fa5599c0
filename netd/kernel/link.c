/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links, addresses and ports as messages of rtnetlink.
 * Writes messages only, but for link_index().
 */
#include "link.h"

#include <errno.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ipv6_route.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/addr.h"
#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "../../lib/nl/wire.h"
#include "../../lib/util.h"
#include "dump.h"

/* The index of a link by its name, or by an alternative one; 0 when there is none. */
int link_index(const struct kernel *kernel, const char *name)
{
	return nl_wire_index(nl_channel_fd(&kernel->rtnl), name);
}

static void begin_link(struct nl_batch *batch, uint16_t type, uint16_t flags, const struct ifinfomsg *header, uint32_t tag)
{
	nl_begin(batch, type, flags, tag, header, sizeof(*header));
}

/* The index to work on: the name's, or else the one that the plan knows (a bridge that is being renamed). */
static int bridge_index(const struct kernel *kernel, const struct netstate_bridge *bridge)
{
	return link_index(kernel, bridge->name) ?: bridge->ifindex;
}

static void put_bridge_data(struct nl_batch *batch, const struct netstate_bridge *bridge, uint32_t fields)
{
	size_t info, data;

	info = nl_nest(batch, IFLA_LINKINFO);
	nl_put_string(batch, IFLA_INFO_KIND, "bridge");
	data = nl_nest(batch, IFLA_INFO_DATA);
	if (fields & BRIDGE_FIELD_STP)
		nl_put_u32(batch, IFLA_BR_STP_STATE, bridge->stp);
	if (fields & BRIDGE_FIELD_DELAY)
		nl_put_u32(batch, IFLA_BR_FORWARD_DELAY, bridge->forward_delay_cs);
	if (fields & BRIDGE_FIELD_NF_CALL) {
		nl_put_u8(batch, IFLA_BR_NF_CALL_IPTABLES, bridge->nf_call);
		nl_put_u8(batch, IFLA_BR_NF_CALL_IP6TABLES, bridge->nf_call);
		nl_put_u8(batch, IFLA_BR_NF_CALL_ARPTABLES, bridge->nf_call);
	}
	nl_nest_end(batch, data);
	nl_nest_end(batch, info);
}

/* By index, or by name while there is no index yet. */
static void begin_bridge(struct nl_batch *batch, uint16_t type, uint16_t flags,
			 const struct netstate_bridge *bridge, int ifindex, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	begin_link(batch, type, flags, &header, tag);
	if (!ifindex)
		nl_put_string(batch, IFLA_IFNAME, bridge->name);
}

static void put_addr_gen_mode(struct nl_batch *batch, uint8_t mode)
{
	size_t list = nl_nest(batch, IFLA_AF_SPEC), family = nl_nest(batch, AF_INET6);

	nl_put_u8(batch, IFLA_INET6_ADDR_GEN_MODE, mode);
	nl_nest_end(batch, family);
	nl_nest_end(batch, list);
}

/* Into a message about a device: the host has no link-local address there. */
void link_put_no_addresses(struct nl_batch *batch)
{
	put_addr_gen_mode(batch, IN6_ADDR_GEN_MODE_NONE);
}

static void put_alias(struct nl_batch *batch, const struct netstate_bridge *bridge, int ifindex, uint32_t tag)
{
	char alias[NETSTATE_ALIAS_SIZE], guards[NETSTATE_GUARDS_SIZE];
	struct text text;

	/* The helper reads what its taps are to have, see helper/bridge.c; `guestnet ports` shows it. */
	text_init(&text, alias, sizeof(alias));
	text_add(&text, DUMP_ALIAS_NETWORK "%s", bridge->network);
	if (bridge->port_group)
		text_add(&text, " group=%u", bridge->port_group);
	if (bridge->ports_isolated)
		text_add(&text, " isolated");
	netstate_guard_letters(bridge->port_guards, guards);
	if (guards[0])
		text_add(&text, " guards=%s", guards);
	begin_bridge(batch, RTM_SETLINK, 0, bridge, ifindex, tag);
	nl_put_string(batch, IFLA_IFALIAS, alias);
}

static void put_altname(struct nl_batch *batch, const char *name)
{
	size_t list = nl_nest(batch, IFLA_PROP_LIST);

	nl_put_string(batch, IFLA_ALT_IFNAME, name);
	nl_nest_end(batch, list);
}

static void put_altnames(const struct kernel *kernel, struct nl_batch *batch, const struct netstate_bridge *bridge, int ifindex,
			 uint32_t tag)
{
	for (size_t i = 0; i < bridge->n_altnames; i++) {
		if (ifindex && link_index(kernel, bridge->altnames[i]) == ifindex)
			continue;
		begin_bridge(batch, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, bridge, ifindex, tag);
		put_altname(batch, bridge->altnames[i]);
	}
}

static void put_bridge_addr_gen_mode(struct nl_batch *batch, const struct netstate_bridge *bridge, int ifindex, uint32_t tag)
{
	begin_bridge(batch, RTM_SETLINK, 0, bridge, ifindex, tag);
	put_addr_gen_mode(batch, bridge->addr_gen_mode);
}

/*
 * Makes a bridge, down, with everything that it is to have. The first message makes it, with the index that
 * @bridge asks for when @with_index; the rest is what the kernel does not take in that message.
 */
void link_put_bridge_create(struct nl_batch *batch, const struct netstate_bridge *bridge, bool with_index, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = with_index ? bridge->ifindex : 0 };

	begin_link(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, tag);
	nl_put_string(batch, IFLA_IFNAME, bridge->name);
	/* Given by hand it is pinned: it no longer follows the lowest address among the ports. */
	nl_put(batch, IFLA_ADDRESS, &bridge->mac, sizeof(bridge->mac));
	if (bridge->mtu)
		nl_put_u32(batch, IFLA_MTU, bridge->mtu);
	put_bridge_data(batch, bridge, UINT32_MAX);

	put_alias(batch, bridge, 0, tag);
	if (bridge->addr_gen_mode)
		put_bridge_addr_gen_mode(batch, bridge, 0, tag);
	put_altnames(NULL, batch, bridge, 0, tag);
}

/* Writes the @fields of a bridge that exists. */
void link_put_bridge_set(const struct kernel *kernel, struct nl_batch *batch, const struct netstate_bridge *bridge, uint32_t fields,
			 uint32_t tag)
{
	const uint32_t data = BRIDGE_FIELD_STP | BRIDGE_FIELD_DELAY | BRIDGE_FIELD_NF_CALL;
	int ifindex = bridge_index(kernel, bridge);

	/* Off in a message of its own: within one the kernel looks at the delay first, and with STP on refuses short ones. */
	if (fields & BRIDGE_FIELD_STP && !bridge->stp) {
		begin_bridge(batch, RTM_NEWLINK, 0, bridge, ifindex, tag);
		put_bridge_data(batch, bridge, BRIDGE_FIELD_STP);
		fields &= ~(uint32_t)BRIDGE_FIELD_STP;
	}
	if (fields & (BRIDGE_FIELD_MAC | BRIDGE_FIELD_MTU | data)) {
		begin_bridge(batch, RTM_NEWLINK, 0, bridge, ifindex, tag);
		if (fields & BRIDGE_FIELD_MAC)
			nl_put(batch, IFLA_ADDRESS, &bridge->mac, sizeof(bridge->mac));
		if (fields & BRIDGE_FIELD_MTU)
			nl_put_u32(batch, IFLA_MTU, bridge->mtu);
		if (fields & data)
			put_bridge_data(batch, bridge, fields);
	}
	if (fields & BRIDGE_FIELD_ALIAS)
		put_alias(batch, bridge, ifindex, tag);
	if (fields & BRIDGE_FIELD_ADDR_GEN)
		put_bridge_addr_gen_mode(batch, bridge, ifindex, tag);
	if (fields & BRIDGE_FIELD_ALTNAMES)
		put_altnames(kernel, batch, bridge, ifindex, tag);
}

/* Gives the link of bridge->ifindex its name again. */
void link_put_bridge_rename(struct nl_batch *batch, const struct netstate_bridge *bridge, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = bridge->ifindex };

	begin_link(batch, RTM_SETLINK, 0, &header, tag);
	nl_put_string(batch, IFLA_IFNAME, bridge->name);
}

/* Takes its alternative names from the link of bridge->ifindex. -ENOENT: it does not have one. */
void link_put_bridge_unname(struct nl_batch *batch, const struct netstate_bridge *bridge, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = bridge->ifindex };

	for (size_t i = 0; i < bridge->n_altnames; i++) {
		begin_link(batch, RTM_DELLINKPROP, 0, &header, tag);
		put_altname(batch, bridge->altnames[i]);
	}
}

void link_put_delete(struct nl_batch *batch, int ifindex, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	begin_link(batch, RTM_DELLINK, 0, &header, tag);
}

/*
 * Marks a tap as a port of ours: its alias, no IPv6 of the host's on it, and, where @mac is not NULL, that address. It is
 * on no bridge yet.
 */
void link_put_mark(struct nl_batch *batch, int ifindex, const char *alias, const struct mac *mac, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	/* First: a kernel without IPv6 refuses it, and nothing else. */
	begin_link(batch, RTM_SETLINK, 0, &header, tag);
	link_put_no_addresses(batch);
	begin_link(batch, RTM_SETLINK, 0, &header, tag);
	if (mac)
		nl_put(batch, IFLA_ADDRESS, mac, sizeof(*mac));
	nl_put_string(batch, IFLA_IFALIAS, alias);
}

void link_put_flags(struct nl_batch *batch, int ifindex, bool up, uint32_t tag)
{
	const struct ifinfomsg header = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = ifindex,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP,
	};

	begin_link(batch, RTM_SETLINK, 0, &header, tag);
}

/* Adds an address to, or removes it from, the link that has this name now; where none has, the kernel says -ENODEV (inet_rtm_newaddr()). */
void link_put_address(const struct kernel *kernel, struct nl_batch *batch, bool add, const struct netstate_address *address, uint32_t tag)
{
	const struct ifaddrmsg header = {
		.ifa_family = address->address.family,
		.ifa_prefixlen = address->prefix_length,
		/* Nobody else can have it: no time is spent on finding out, during which it could not be used. */
		.ifa_flags = address->address.family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = (uint32_t)link_index(kernel, address->link),
	};
	size_t length = address->address.family == AF_INET6 ? 16 : 4;

	nl_begin(batch, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0, tag, &header, sizeof(header));
	nl_put(batch, IFA_LOCAL, address->address.bytes_be, length);
	nl_put(batch, IFA_ADDRESS, address->address.bytes_be, length);
	if (add)
		nl_put_u8(batch, LINK_IFA_PROTO, LINK_ADDRESS_OURS);
	if (add && length == 4 && address->prefix_length < 31) {
		uint8_t broadcast[4];

		for (unsigned int i = 0; i < 32; i++) {
			uint8_t bit = (uint8_t)(0x80 >> i % 8);

			if (i % 8 == 0)
				broadcast[i / 8] = address->address.bytes_be[i / 8];
			if (i >= address->prefix_length)
				broadcast[i / 8] |= bit;
		}
		nl_put(batch, IFA_BROADCAST, broadcast, sizeof(broadcast));
	}
}

/* For a route by the link that has this name now. Where none has: an index that none has (-ENODEV); 0 would mean any link. */
static uint32_t route_index(const struct kernel *kernel, const char *link)
{
	int ifindex = link_index(kernel, link);

	return ifindex > 0 ? (uint32_t)ifindex : INT32_MAX;
}

/*
 * The route to an address's prefix, as the kernel makes it with the address: fib_add_ifaddr() for IPv4, and
 * addrconf_prefix_route() for IPv6, with its metric. Another route to the prefix stays, and stays first.
 */
void link_put_route(const struct kernel *kernel, struct nl_batch *batch, const struct netstate_address *address, uint32_t tag)
{
	const bool v4 = address->address.family == AF_INET;
	const struct rtmsg header = {
		.rtm_family = address->address.family,
		.rtm_dst_len = address->prefix_length,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_KERNEL,
		.rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	size_t length = v4 ? 4 : 16;
	uint8_t prefix[16] = { 0 };

	for (unsigned int i = 0; i < address->prefix_length; i++)
		prefix[i / 8] |= (uint8_t)(address->address.bytes_be[i / 8] & (0x80 >> i % 8));
	nl_begin(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, tag, &header, sizeof(header));
	nl_put(batch, RTA_DST, prefix, length);
	nl_put_u32(batch, RTA_OIF, route_index(kernel, address->link));
	if (v4)
		nl_put(batch, RTA_PREFSRC, address->address.bytes_be, length);
	else
		nl_put_u32(batch, RTA_PRIORITY, IP6_RT_PRIO_ADDRCONF);
}

/*
 * A route through a guest, ours by its protocol. A new one comes beside what is there (fib_table_insert() with
 * NLM_F_APPEND; fib6_add_rt2node(), where two ways of one metric become one route with both): a change of the gateway is
 * the new one and then the old one's end, and never a moment without. What is taken away is named in full, so that it is
 * ours and no other; but for its scope, which follows from the gateway and may be anything where there is none (fib_table_delete()).
 */
void link_put_guest_route(const struct kernel *kernel, struct nl_batch *batch, bool add, const struct netstate_route *route,
			  uint32_t tag)
{
	const struct rtmsg header = {
		.rtm_family = route->destination.family,
		.rtm_dst_len = route->prefix_length,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = NETSTATE_ROUTE_PROTOCOL,
		.rtm_scope = add ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE,
		.rtm_type = RTN_UNICAST,
	};
	size_t length = route->destination.family == AF_INET ? 4 : 16;

	nl_begin(batch, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_APPEND : 0, tag, &header, sizeof(header));
	nl_put(batch, RTA_DST, route->destination.bytes_be, length);
	if (route->gateway.family)
		nl_put(batch, RTA_GATEWAY, route->gateway.bytes_be, length);
	nl_put_u32(batch, RTA_OIF, route_index(kernel, route->link));
	if (route->metric)
		nl_put_u32(batch, RTA_PRIORITY, route->metric);
}

static void put_vlan(struct nl_batch *batch, uint16_t type, int ifindex, uint16_t vid, uint16_t flags, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_family = AF_BRIDGE, .ifi_index = ifindex };
	const struct bridge_vlan_info info = { .flags = flags, .vid = vid };
	size_t list;

	begin_link(batch, type, 0, &header, tag);
	list = nl_nest(batch, IFLA_AF_SPEC);
	nl_put(batch, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
	nl_nest_end(batch, list);
}

static void put_fixed_mac(struct nl_batch *batch, const struct netstate_port *port, int bridge, const struct mac *mac, uint32_t tag)
{
	const struct ndmsg header = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = port->ifindex,
		.ndm_state = NUD_NOARP,
		.ndm_flags = NTF_MASTER | NTF_STICKY,
	};

	nl_begin(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, tag, &header, sizeof(header));
	nl_put(batch, NDA_LLADDR, mac, sizeof(*mac));
	nl_put_u32(batch, NDA_MASTER, (uint32_t)bridge);
	if (port->vlan)
		nl_put_u16(batch, NDA_VLAN, port->vlan);
}

/*
 * The fixed addresses that the helper wrote into the port's alias: macs=ADDRESS,ADDRESS... As it made them: sticky, or they would
 * follow a frame that another port sends; and twice, as one that was learnt meanwhile may move until it is (helper/attach.c).
 */
static void put_fixed_macs(struct nl_batch *batch, const struct netstate_port *port, int bridge, uint32_t tag)
{
	char macs[NETSTATE_ALIAS_SIZE], *rest = macs, *word;
	struct mac mac;

	if (!dump_alias_word(port->alias, "macs", macs, sizeof(macs)))
		return;
	while ((word = strsep(&rest, ",")))
		for (int i = 0; i < 2 && mac_parse(word, &mac) == 0; i++)
			put_fixed_mac(batch, port, bridge, &mac, tag);
}

/* What marks a port as ours: it may have been taken away. Of another program's it is none of our business. */
static void put_port_alias(struct nl_batch *batch, const struct netstate_port *port)
{
	if (port->owner == NETSTATE_OURS && port->alias[0])
		nl_put_string(batch, IFLA_IFALIAS, port->alias);
}

/*
 * Puts a port back into the bridge of index @bridge, down before it gets there, with its group, its alias, its VLAN and its
 * fixed addresses. @default_vlan is what the bridge gives to new ports, or 0.
 */
void link_put_port_back(struct nl_batch *batch, const struct netstate_port *port, int bridge, uint16_t default_vlan, uint32_t tag)
{
	const struct ifinfomsg down = { .ifi_index = port->ifindex, .ifi_change = IFF_UP };
	const struct ifinfomsg there = { .ifi_index = port->ifindex };

	/* The flags of a message are worked on last: down comes alone. */
	begin_link(batch, RTM_SETLINK, 0, &down, tag);
	begin_link(batch, RTM_SETLINK, 0, &there, tag);
	nl_put_u32(batch, IFLA_GROUP, port->group);
	nl_put_u32(batch, IFLA_MASTER, (uint32_t)bridge);
	put_port_alias(batch, port);
	if (port->mtu)
		nl_put_u32(batch, IFLA_MTU, port->mtu);
	if (port->vlan) {
		put_vlan(batch, RTM_SETLINK, port->ifindex, port->vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, tag);
		if (default_vlan && default_vlan != port->vlan)
			put_vlan(batch, RTM_DELLINK, port->ifindex, default_vlan, 0, tag);
	}
	put_fixed_macs(batch, port, bridge, tag);
}

/*
 * Sets a port up that was put back, together with its options, so that no frame passes without them; then asks for it,
 * for the caller to compare.
 */
void link_put_port_up(struct nl_batch *batch, const struct netstate_port *port, uint32_t tag)
{
	const struct ifinfomsg up = { .ifi_index = port->ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	const struct ifinfomsg ask = { .ifi_index = port->ifindex };
	size_t info, data;

	/* Here the options of the port come before its flags (net/core/rtnetlink.c:rtnl_changelink()). */
	begin_link(batch, RTM_NEWLINK, 0, &up, tag);
	info = nl_nest(batch, IFLA_LINKINFO);
	nl_put_string(batch, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nl_nest(batch, IFLA_INFO_SLAVE_DATA);
	nl_put_u8(batch, IFLA_BRPORT_ISOLATED, port->isolated);
	nl_put_u8(batch, IFLA_BRPORT_LEARNING, port->learning);
	nl_put_u8(batch, IFLA_BRPORT_UNICAST_FLOOD, port->flood);
	/* Kernels before 5.17 do not know it, and need not: nothing asked for it. */
	if (port->locked)
		nl_put_u8(batch, IFLA_BRPORT_LOCKED, 1);
	nl_nest_end(batch, data);
	nl_nest_end(batch, info);

	begin_link(batch, RTM_GETLINK, 0, &ask, tag);
	nl_put_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

/*
 * What [Port] says of a port that is in its place, without a moment of rest: its group, its alias when it is ours, and whether it
 * is isolated when @isolation; then asks for it, for the caller to compare.
 */
void link_put_port_set(struct nl_batch *batch, const struct netstate_port *port, bool isolation, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_index = port->ifindex };
	size_t info, data;

	begin_link(batch, RTM_SETLINK, 0, &header, tag);
	nl_put_u32(batch, IFLA_GROUP, port->group);
	put_port_alias(batch, port);
	if (isolation) {
		begin_link(batch, RTM_NEWLINK, 0, &header, tag);
		info = nl_nest(batch, IFLA_LINKINFO);
		nl_put_string(batch, IFLA_INFO_SLAVE_KIND, "bridge");
		data = nl_nest(batch, IFLA_INFO_SLAVE_DATA);
		nl_put_u8(batch, IFLA_BRPORT_ISOLATED, port->isolated);
		nl_nest_end(batch, data);
		nl_nest_end(batch, info);
	}
	begin_link(batch, RTM_GETLINK, 0, &header, tag);
	nl_put_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}
