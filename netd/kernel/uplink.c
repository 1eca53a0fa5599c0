/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card on its way into a bridge and back: carries steps out, asks neighbours.
 * Acts; decides nothing.
 */
#include "uplink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "../model/ip.h"
#include "link.h"
#include "sysctl.h"

static void put_ip(struct nl_batch *batch, uint16_t type, const struct ip *ip)
{
	if (ip->family)
		nl_put(batch, type, ip->bytes_be, ip->family == AF_INET6 ? 16 : 4);
}

static void put_address(struct nl_batch *batch, const struct uplink_step *step, uint32_t flags, uint32_t tag)
{
	const struct uplink_address *address = &step->address;
	const bool add = step->op == UPLINK_ADDRESS_ADD;
	const struct ifaddrmsg header = {
		.ifa_family = address->local.family,
		.ifa_prefixlen = address->prefix_length,
		.ifa_scope = address->scope,
		.ifa_index = (uint32_t)step->ifindex,
	};
	const struct ifa_cacheinfo lifetimes = { .ifa_valid = address->valid_s, .ifa_prefered = address->preferred_s };

	nl_begin(batch, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0, tag, &header, sizeof(header));
	put_ip(batch, IFA_LOCAL, &address->local);
	put_ip(batch, IFA_ADDRESS, address->peer.family ? &address->peer : &address->local);
	if (!add)
		return;
	put_ip(batch, IFA_BROADCAST, &address->broadcast);
	nl_put_u32(batch, IFA_FLAGS, flags);
	nl_put(batch, IFA_CACHEINFO, &lifetimes, sizeof(lifetimes));
	if (address->metric)
		nl_put_u32(batch, IFA_RT_PRIORITY, address->metric);
	if (address->protocol)
		nl_put_u8(batch, IFA_PROTO, address->protocol);
	if (address->label[0])
		nl_put_string(batch, IFA_LABEL, address->label);
}

/*
 * An address of IPv6 comes without waiting for others that may have it: it was the host's all the time. Then it is what it
 * was: inet6_addr_modify() takes the flag away again, and looks for nobody.
 */
static void put_address_step(struct nl_batch *batch, const struct uplink_step *step, uint32_t tag)
{
	const uint32_t flags = step->address.flags;
	const bool v6 = step->address.local.family == AF_INET6;

	put_address(batch, step, v6 ? flags | IFA_F_NODAD : flags, tag);
	if (v6 && step->op == UPLINK_ADDRESS_ADD && !(flags & IFA_F_NODAD))
		put_address(batch, step, flags, tag);
}

static void put_gateway(struct nl_batch *batch, const struct ip *gateway, uint8_t family)
{
	struct { uint16_t family; uint8_t bytes[16]; } via = { .family = gateway->family };

	if (!gateway->family || gateway->family == family) {
		put_ip(batch, RTA_GATEWAY, gateway);
		return;
	}
	memcpy(via.bytes, gateway->bytes_be, sizeof(via.bytes));
	nl_put(batch, RTA_VIA, &via, 2 + (gateway->family == AF_INET6 ? 16 : 4));
}

static size_t write_attribute(uint8_t *bytes, uint16_t type, const void *value, size_t length)
{
	const struct nlattr header = { .nla_len = (uint16_t)(sizeof(header) + length), .nla_type = type };

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), value, length);
	return NLA_ALIGN(sizeof(header) + length);
}

static void put_hops(struct nl_batch *batch, const struct uplink_step *step)
{
	const struct uplink_route *route = &step->route;
	const uint8_t family = route->destination.family;
	uint8_t bytes[UPLINK_HOPS * 64] = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < route->n_hops; i++) {
		const struct uplink_hop *hop = &route->hops[i];
		struct { uint16_t family; uint8_t bytes[16]; } via = { .family = hop->gateway.family };
		struct rtnexthop header = {
			.rtnh_flags = hop->flags, .rtnh_hops = hop->weight,
			.rtnh_ifindex = hop->ours ? step->ifindex : hop->ifindex,
		};
		size_t length = hop->gateway.family == AF_INET6 ? 16 : 4, end = at + sizeof(header);

		memcpy(via.bytes, hop->gateway.bytes_be, sizeof(via.bytes));
		if (hop->gateway.family == family)
			end += write_attribute(bytes + end, RTA_GATEWAY, hop->gateway.bytes_be, length);
		else if (hop->gateway.family)
			end += write_attribute(bytes + end, RTA_VIA, &via, 2 + length);
		header.rtnh_len = (unsigned short)(end - at);
		memcpy(bytes + at, &header, sizeof(header));
		at = end;
	}
	nl_put(batch, RTA_MULTIPATH, bytes, at);
}

static void put_metrics(struct nl_batch *batch, const struct uplink_route *route)
{
	size_t nest;

	if (!route->metrics_set)
		return;
	nest = nl_nest(batch, RTA_METRICS);
	for (uint16_t i = 1; i < UPLINK_METRICS; i++)
		if (route->metrics_set >> i & 1)
			nl_put_u32(batch, i, route->metrics[i]);
	nl_nest_end(batch, nest);
}

static void put_route_step(struct nl_batch *batch, const struct uplink_step *step, uint32_t tag)
{
	const struct uplink_route *route = &step->route;
	const bool v4 = route->destination.family == AF_INET, add = step->op == UPLINK_ROUTE_ADD;
	const struct rtmsg header = {
		.rtm_family = route->destination.family, .rtm_dst_len = route->prefix_length, .rtm_tos = route->tos,
		.rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_COMPAT, .rtm_protocol = route->protocol,
		.rtm_scope = route->scope, .rtm_type = route->type,
		.rtm_flags = route->n_hops == 1 ? route->hops[0].flags : 0,
	};
	/*
	 * Another interface may have a route to the same place with the same metric, such as one that a router has announced there:
	 * it stands beside, as it did on the card. fib6_add_rt2node() refuses any such pair with NLM_F_EXCL, and without it only a
	 * route that is there already.
	 */
	nl_begin(batch, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | (v4 ? NLM_F_APPEND : 0) : 0, tag, &header, sizeof(header));
	nl_put_u32(batch, RTA_TABLE, route->table);
	if (route->prefix_length > 0)
		put_ip(batch, RTA_DST, &route->destination);
	if (route->metric)
		nl_put_u32(batch, RTA_PRIORITY, route->metric);
	if (route->n_hops > 1) {
		put_hops(batch, step);
	} else {
		put_gateway(batch, &route->hops[0].gateway, route->destination.family);
		nl_put_u32(batch, RTA_OIF, (uint32_t)step->ifindex);
	}
	put_ip(batch, RTA_PREFSRC, &route->source);
	if (route->realm)
		nl_put_u32(batch, RTA_FLOW, route->realm);
	if (!add)
		return;
	put_metrics(batch, route);
	if (!v4 && route->preference)
		nl_put_u8(batch, RTA_PREF, route->preference);
	if (!v4 && route->expires_s)
		nl_put_u32(batch, RTA_EXPIRES, route->expires_s);
}

static void put_gen_mode(struct nl_batch *batch, const struct uplink_step *step, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_index = step->ifindex };
	size_t list, family;

	nl_begin(batch, RTM_SETLINK, 0, tag, &header, sizeof(header));
	list = nl_nest(batch, IFLA_AF_SPEC);
	family = nl_nest(batch, AF_INET6);
	nl_put_u8(batch, IFLA_INET6_ADDR_GEN_MODE, (uint8_t)step->value);
	nl_nest_end(batch, family);
	nl_nest_end(batch, list);
}

static void put_neighbour_step(struct nl_batch *batch, const struct uplink_step *step, uint32_t tag)
{
	const struct uplink_neighbour *neighbour = &step->neighbour;
	const bool add = step->op == UPLINK_NEIGHBOUR_ADD;
	const struct ndmsg header = {
		.ndm_family = neighbour->address.family, .ndm_ifindex = step->ifindex,
		.ndm_state = add ? NUD_PERMANENT : 0, .ndm_flags = neighbour->proxy ? NTF_PROXY : 0,
	};

	nl_begin(batch, add ? RTM_NEWNEIGH : RTM_DELNEIGH, add ? NLM_F_CREATE | NLM_F_REPLACE : 0, tag, &header, sizeof(header));
	put_ip(batch, NDA_DST, &neighbour->address);
	if (add && !neighbour->proxy)
		nl_put(batch, NDA_LLADDR, &neighbour->mac, sizeof(neighbour->mac));
}

/* The interfaces that a move is between: a rule names one of them. */
struct ends {
	const char *nic, *bridge;
	int bridge_ifindex;
};

static void put_rule(struct nl_batch *batch, bool add, const struct uplink_rule *rule, const char *from, const char *to, uint32_t tag)
{
	struct { struct nlattr parent; uint8_t bytes[UPLINK_RULE_SIZE]; } nest;
	size_t length = rule->length - NLMSG_ALIGN(sizeof(struct fib_rule_hdr));
	const struct nlattr *attribute = NULL;
	struct fib_rule_hdr header;

	memcpy(&header, rule->bytes, sizeof(header));
	/* Not what the kernel has found out of it, such as that there is no such interface. */
	header.flags &= FIB_RULE_INVERT;
	nest.parent.nla_len = (uint16_t)(sizeof(nest.parent) + length);
	memcpy(nest.bytes, rule->bytes + NLMSG_ALIGN(sizeof(header)), length);
	nl_begin(batch, add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0, tag, &header, sizeof(header));
	while ((attribute = nl_next(&nest.parent, attribute))) {
		unsigned int type = attribute->nla_type & NLA_TYPE_MASK;

		if (type == FRA_PAD)
			continue;
		if (add && (type == FRA_IIFNAME || type == FRA_OIFNAME) && strcmp(nl_get_string(attribute) ?: "", from) == 0)
			nl_put_string(batch, (uint16_t)type, to);
		else
			nl_put(batch, (uint16_t)type, nl_data(attribute), nl_length(attribute));
	}
}

/* It is there under its new name before it goes under the old one: no packet takes another way in between. */
static void put_rule_step(struct nl_batch *batch, const struct uplink_step *step, const struct ends *ends, uint32_t tag)
{
	bool forth = step->ifindex == ends->bridge_ifindex;

	put_rule(batch, true, &step->rule, forth ? ends->nic : ends->bridge, forth ? ends->bridge : ends->nic, tag);
	put_rule(batch, false, &step->rule, NULL, NULL, tag);
}

static void put_step(struct nl_batch *batch, const struct uplink_step *step, const struct ends *ends, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_index = step->ifindex };

	switch ((enum uplink_op)step->op) {
	case UPLINK_GEN_MODE:
		put_gen_mode(batch, step, tag);
		break;
	case UPLINK_SET_UP:
		link_put_flags(batch, step->ifindex, step->value, tag);
		break;
	case UPLINK_SET_MASTER:
		nl_begin(batch, RTM_SETLINK, 0, tag, &header, sizeof(header));
		nl_put_u32(batch, IFLA_MASTER, (uint32_t)step->value);
		break;
	case UPLINK_ADDRESS_ADD:
	case UPLINK_ADDRESS_REMOVE:
		put_address_step(batch, step, tag);
		break;
	case UPLINK_ROUTE_ADD:
	case UPLINK_ROUTE_REMOVE:
		put_route_step(batch, step, tag);
		break;
	case UPLINK_NEIGHBOUR_ADD:
	case UPLINK_NEIGHBOUR_REMOVE:
		put_neighbour_step(batch, step, tag);
		break;
	case UPLINK_RULE_MOVE:
		put_rule_step(batch, step, ends, tag);
		break;
	case UPLINK_ACCEPT_RA:
	case UPLINK_OP_MAX_:
		break;
	}
}

/* What was to be achieved is so already, whoever did it. */
static bool is_harmless(enum uplink_op op, int error)
{
	switch (op) {
	case UPLINK_ADDRESS_REMOVE:
		return error == -EADDRNOTAVAIL;
	case UPLINK_ROUTE_ADD:
		return error == -EEXIST;
	case UPLINK_ROUTE_REMOVE:
		return error == -ESRCH || error == -ENOENT;
	case UPLINK_NEIGHBOUR_REMOVE:
		return error == -ENOENT;
	case UPLINK_RULE_MOVE:
		return error == -EEXIST || error == -ENOENT;
	/* Before Linux 5.18 or so a mode cannot be set where IPv6 is off: then it makes no addresses either. */
	case UPLINK_GEN_MODE:
	case UPLINK_ACCEPT_RA:
		return true;
	case UPLINK_SET_UP:
	case UPLINK_SET_MASTER:
	case UPLINK_ADDRESS_ADD:
	case UPLINK_NEIGHBOUR_ADD:
	case UPLINK_OP_MAX_:
		return false;
	}
	return false;
}

static const char *describe(const struct uplink_step *step)
{
	switch ((enum uplink_op)step->op) {
	case UPLINK_SET_UP:
		return "set it up";
	case UPLINK_SET_MASTER:
		return step->value ? "make it a port" : "take it off the bridge";
	case UPLINK_ADDRESS_ADD:
		return "move an address";
	case UPLINK_ADDRESS_REMOVE:
		return "remove an address";
	case UPLINK_ROUTE_ADD:
		return "move a route";
	case UPLINK_ROUTE_REMOVE:
		return "remove a route";
	case UPLINK_NEIGHBOUR_ADD:
		return "move a neighbour";
	case UPLINK_NEIGHBOUR_REMOVE:
		return "remove a neighbour";
	case UPLINK_RULE_MOVE:
		return "rename it in a rule of routing";
	case UPLINK_ACCEPT_RA:
	case UPLINK_GEN_MODE:
	case UPLINK_OP_MAX_:
		break;
	}
	return "change it";
}

/* The bridge is what the card was. Safe because: it is a bridge of ours, and the values are those of the host's own card. */
void uplink_write_sysctls(struct kernel *kernel, const struct uplink *uplink)
{
	for (size_t i = 0; i < uplink_n_sysctls; i++) {
		char path[UPLINK_SYSCTL_PATH_SIZE];

		if (!(uplink->sysctls_set >> i & 1))
			continue;
		uplink_sysctl_path(&uplink_sysctls[i], uplink->bridge, path);
		(void)sysctl_write(kernel, path, uplink->sysctls[i]);
	}
}

/* Steps from @first to before @end, in as few datagrams as they fit into. All are tried; the first failure is returned. */
static int carry_out(struct kernel *kernel, const struct uplink_steps *steps, size_t first, size_t end, const struct ends *ends,
		     struct failure *failure)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r = 0, first_error = 0;

	for (size_t i = first; i < end; i++)
		put_step(&batch, &steps->items[i], ends, (uint32_t)i);
	if (batch.n_entries > 0)
		r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", ends->nic, strerror(-r));
	for (size_t i = 0; i < batch.n_entries; i++) {
		const struct nl_entry *entry = &batch.entries[i];
		const struct uplink_step *step = &steps->items[entry->tag];

		if (first_error || !entry->error || is_harmless(step->op, entry->error))
			continue;
		/* netdev_rx_handler_register(): one that stands on the card, and that only its own namespace tells of. */
		if (step->op == UPLINK_SET_MASTER && step->value && entry->error == -EBUSY)
			first_error = failure_set(failure, entry->error,
						  "%s: cannot make it a port: something else takes its frames already: a macvlan or ipvlan of a container's network namespace, or another such program's",
						  ends->nic);
		else
			first_error = failure_set(failure, entry->error, "%s: cannot %s: %s", ends->nic, describe(step),
						  entry->text ?: strerror(-entry->error));
	}
	return first_error;
}

/*
 * Carries out all steps. What makes the card a port goes ahead, and when that fails, nothing else is touched: the kernel refuses
 * for reasons that nobody can see before, and the host would be without its addresses each time somebody tries. The rest
 * comes in as few datagrams as it fits into: the host is without its addresses for as long as the kernel needs for them.
 * Safe because: the card and the bridge are those that a network's file names, and what was there is in a file already.
 */
int uplink_apply(struct kernel *kernel, const struct uplink_steps *steps, const char *nic, const char *bridge,
		 struct failure *failure)
{
	const struct ends ends = { nic, bridge, link_index(kernel, bridge) };
	size_t ahead = 0;
	char path[64];
	int r = 0;

	/* It counts for the addresses that come after it: who appears asks for routers. */
	snprintf(path, sizeof(path), "ipv6/conf/%s/accept_ra", nic);
	for (size_t i = 0; i < steps->n; i++)
		if (steps->items[i].op == UPLINK_ACCEPT_RA)
			(void)sysctl_write(kernel, path, steps->items[i].value);
	for (size_t i = 0; i < steps->n; i++)
		if (steps->items[i].op == UPLINK_SET_MASTER && steps->items[i].value)
			ahead = i + 1;
	if (ahead > 0)
		r = carry_out(kernel, steps, 0, ahead, &ends, failure);
	return r < 0 ? r : carry_out(kernel, steps, ahead, steps->n, &ends, failure);
}

/* Neighbours */

static void begin_neighbour(struct nl_batch *batch, uint16_t type, uint16_t flags, int ifindex, uint8_t use,
			    const struct ip *neighbour)
{
	const struct ndmsg header = { .ndm_family = neighbour->family, .ndm_ifindex = ifindex, .ndm_flags = use };

	nl_begin(batch, type, flags, 0, &header, sizeof(header));
	put_ip(batch, NDA_DST, neighbour);
}

static int take_state(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	struct ndmsg header;

	if (message->nlmsg_type == RTM_NEWNEIGH && message->nlmsg_len >= NLMSG_LENGTH(sizeof(header))) {
		memcpy(&header, NLMSG_DATA(message), sizeof(header));
		*(uint16_t *)data = header.ndm_state;
	}
	return 0;
}

/*
 * What the kernel knows of a neighbour: has it answered a question for its Ethernet address? Of one that is written down
 * by hand nothing can be said.
 */
enum uplink_answer uplink_answer(struct kernel *kernel, int ifindex, const struct ip *neighbour)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	uint16_t state = NUD_NONE;

	begin_neighbour(&request, RTM_GETNEIGH, 0, ifindex, 0, neighbour);
	if (nl_transact(&kernel->rtnl, &request, take_state, &state) < 0)
		return UPLINK_SILENT;
	if (state & (NUD_PERMANENT | NUD_NOARP))
		return UPLINK_FIXED;
	return state & NUD_REACHABLE ? UPLINK_ANSWERS : UPLINK_SILENT;
}

/*
 * Has the kernel ask for a neighbour now, by ARP or neighbour discovery (NTF_USE: neigh_event_send()). What it knows is
 * forgotten first, so that an answer is a new one.
 */
int uplink_ask(struct kernel *kernel, int ifindex, const struct ip *neighbour)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;

	begin_neighbour(&batch, RTM_DELNEIGH, 0, ifindex, 0, neighbour);
	begin_neighbour(&batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, NTF_USE, neighbour);
	return kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
}
