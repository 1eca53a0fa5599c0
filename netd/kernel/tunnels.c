/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tunnels to other hosts, and whom they lead to: devices of the kind vxlan, and their forwarding entries for the address 0.
 * Reads, and carries steps out; decides nothing.
 *
 * What `ip` and `bridge` would write as
 *
 *	ip link add gv-NAME mtu MTU type vxlan id VNI dstport PORT [local ADDRESS] [ttl TTL] [nolearning] [group ADDRESS dev INTERFACE]
 *	ip link set gv-NAME alias "guestnet net=NAME tunnel" addrgenmode none master BRIDGE up
 *	bridge fdb append 00:00:00:00:00:00 dev gv-NAME dst ADDRESS [via INTERFACE]
 *
 * With an entry that goes, what was learnt of guests behind that host goes: it would be sent there for five minutes still.
 *
 * Safe because: what is made is called exactly so or not at all (NLM_F_EXCL), and where a part of that was refused, it is known
 * by its mark, or else by its number and its bridge, and completed; what is changed or taken away carries our mark, or is the network's own by number and place. It comes up on its bridge,
 * not before.
 */
#include "tunnels.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "dump.h"
#include "link.h"
#include "snapshot.h"

static const struct mac nobody;		/* the address of whatever has no entry of its own */

struct reading {
	const struct netstate_tunnel *tunnel;
	struct netstate *state;
};

/*
 * One of those that the file may name: to the device's own port and number, by the interface that it is bound to, or any. What
 * another program has put beside them for another port, number or interface is its own business.
 */
static int each_entry(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NDA_MAX + 1];
	const struct reading *reading = data;
	struct netstate_remote remote;
	struct ndmsg header;
	struct mac mac;

	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	/* The bridge's own entries for this port are in the same list. */
	if (header.ndm_ifindex != reading->tunnel->ifindex || table[NDA_MASTER] || table[NDA_PORT] || table[NDA_VNI] ||
	    !nl_get(table[NDA_LLADDR], &mac, sizeof(mac)) || memcmp(&mac, &nobody, sizeof(mac)) != 0)
		return 0;
	memset(&remote, 0, sizeof(remote));
	remote.address.family = nl_length(table[NDA_DST]) == 16 ? AF_INET6 : AF_INET;
	if (!nl_get(table[NDA_DST], remote.address.bytes_be, ip_length(&remote.address)))
		return 0;
	remote.ifindex = header.ndm_ifindex;
	remote.under_index = (int)nl_get_u32(table[NDA_IFINDEX], 0);
	if (remote.under_index && remote.under_index != reading->tunnel->under_index)
		return 0;
	memcpy(remote.link, reading->tunnel->name, sizeof(remote.link));
	return netstate_add_remote(reading->state, &remote);
}

/*
 * Adds the remotes of tunnels of ours to @ret_state, which is sorted then; tunnels are those of the last look at links. Of one
 * whose table others fill nothing is asked.
 */
int tunnels_read_remotes(struct kernel *kernel, struct netstate *ret_state)
{
	const struct netstate *state = &kernel->view.state;
	int r = 0;

	for (size_t i = 0; r == 0 && i < state->n_tunnels; i++) {
		const struct netstate_tunnel *tunnel = &state->tunnels[i];
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct ndmsg header = { .ndm_family = AF_BRIDGE, .ndm_ifindex = tunnel->ifindex };
		struct reading reading = { .tunnel = tunnel, .state = ret_state };

		if (!tunnel->network[0] || !tunnel->listed)
			continue;
		nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&kernel->rtnl, &request, each_entry, &reading);
		/* It has gone meanwhile, and its event is on its way. */
		if (r == -ENODEV)
			r = 0;
	}
	netstate_sort_remotes(ret_state);
	return r;
}

static void put_address(struct nl_batch *batch, uint16_t v4, uint16_t v6, const struct ip *ip)
{
	nl_put(batch, ip_is_v6(ip) ? v6 : v4, ip->bytes_be, ip_length(ip));
}

/* The way to a remote. */
struct way {
	int ifindex;			/* 0: there is none */
	uint32_t mtu;			/* of the route; 0: that of the interface */
	char link[IFNAME_SIZE];
};

static int each_route(const struct nlmsghdr *message, uint32_t tag, void *data)
{
	const struct nlattr *table[RTA_MAX + 1], *metrics[RTAX_MAX + 1];
	struct way *ways = data;

	if (message->nlmsg_type != RTM_NEWROUTE || !nl_parse(message, sizeof(struct rtmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	ways[tag].ifindex = (int)nl_get_u32(table[RTA_OIF], 0);
	/* Also of one that was found to be narrower further on (RFC 1191). */
	if (table[RTA_METRICS] && nl_parse_nested(table[RTA_METRICS], metrics, ARRAY_SIZE(metrics)))
		ways[tag].mtu = nl_get_u32(metrics[RTAX_MTU], 0);
	return 0;
}

static int each_device(const struct nlmsghdr *message, uint32_t tag, void *data)
{
	struct way *ways = data;
	struct dump_link link;

	if (dump_link(message, &link) < 0)
		return -EPROTO;
	memcpy(ways[tag].link, link.port.name, sizeof(ways[tag].link));
	if (!ways[tag].mtu)
		ways[tag].mtu = link.port.mtu;
	return 0;
}

/* Which interfaces the host reaches its remotes by, and what they take. */
static int ask_ways(struct kernel *kernel, const struct netstate *desired, struct way *ways)
{
	_cleanup_(nl_batch_deinit) struct nl_batch routes = NL_BATCH_NULL, devices = NL_BATCH_NULL;
	int r;

	for (size_t i = 0; i < desired->n_remotes; i++) {
		const struct ip *remote = &desired->remotes[i].address;
		const struct rtmsg header = { .rtm_family = remote->family, .rtm_dst_len = (uint8_t)ip_bits(remote) };

		nl_begin(&routes, RTM_GETROUTE, 0, (uint32_t)i, &header, sizeof(header));
		put_address(&routes, RTA_DST, RTA_DST, remote);
		if (desired->remotes[i].under[0])
			nl_put_u32(&routes, RTA_OIF, (uint32_t)link_index(kernel, desired->remotes[i].under));
	}
	r = nl_transact(&kernel->rtnl, &routes, each_route, ways);
	for (size_t i = 0; r == 0 && i < desired->n_remotes; i++) {
		const struct ifinfomsg header = { .ifi_index = ways[i].ifindex };

		if (!ways[i].ifindex)
			continue;
		nl_begin(&devices, RTM_GETLINK, 0, (uint32_t)i, &header, sizeof(header));
		nl_put_u32(&devices, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	}
	return r == 0 && devices.n_entries > 0 ? nl_transact(&kernel->rtnl, &devices, each_device, ways) : r;
}

/*
 * Says of the tunnels in the view how large a packet may be on its way to the remotes that @desired has for them, of which the
 * smallest counts, and to which of them there is no way. Errors as nl_transact() has them.
 */
int tunnels_look_at_ways(struct kernel *kernel, const struct netstate *desired)
{
	_cleanup_(freep) struct way *ways = calloc(desired->n_remotes + 1, sizeof(*ways));
	struct netstate *state = &kernel->view.state;
	int r = ways ? ask_ways(kernel, desired, ways) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < state->n_tunnels; i++) {
		struct netstate_tunnel *tunnel = &state->tunnels[i];

		tunnel->way_mtu = 0;
		memset(tunnel->way, 0, sizeof(tunnel->way));
		memset(&tunnel->lost, 0, sizeof(tunnel->lost));
		for (size_t j = 0; j < desired->n_remotes; j++) {
			if (strcmp(desired->remotes[j].link, tunnel->name) != 0)
				continue;
			if (!ways[j].ifindex)
				tunnel->lost = desired->remotes[j].address;
			if (!ways[j].mtu || (tunnel->way_mtu && tunnel->way_mtu <= ways[j].mtu))
				continue;
			tunnel->way_mtu = ways[j].mtu;
			memcpy(tunnel->way, ways[j].link, sizeof(tunnel->way));
		}
	}
	return r;
}

/* The device by its index, or by its name where it is made by a message before. */
static void begin(struct nl_batch *batch, uint16_t type, const struct netstate_tunnel *tunnel, int ifindex, bool up, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_index = ifindex, .ifi_flags = up ? IFF_UP : 0, .ifi_change = up ? IFF_UP : 0 };

	nl_begin(batch, type, 0, tag, &header, sizeof(header));
	if (!ifindex)
		nl_put_string(batch, IFLA_IFNAME, tunnel->name);
}

/* What the kernel changes of one that is there (drivers/net/vxlan/vxlan_core.c:vxlan_changelink()), and what it does not. */
static void put_device(const struct kernel *kernel, struct nl_batch *batch, const struct netstate_tunnel *tunnel, int ifindex, uint32_t tag)
{
	const struct ifinfomsg header = { .ifi_index = ifindex };
	const struct ip any6 = { .family = AF_INET6 };
	const uint16_t port_be = htons(tunnel->port);
	size_t info, data;

	nl_begin(batch, RTM_NEWLINK, ifindex ? 0 : NLM_F_CREATE | NLM_F_EXCL, tag, &header, sizeof(header));
	if (!ifindex)
		nl_put_string(batch, IFLA_IFNAME, tunnel->name);
	nl_put_u32(batch, IFLA_MTU, tunnel->mtu);
	/* Together with the rest it is refused of a device that is there. */
	if (ifindex)
		nl_begin(batch, RTM_NEWLINK, 0, tag, &header, sizeof(header));
	info = nl_nest(batch, IFLA_LINKINFO);
	nl_put_string(batch, IFLA_INFO_KIND, "vxlan");
	data = nl_nest(batch, IFLA_INFO_DATA);
	if (!ifindex) {
		nl_put_u32(batch, IFLA_VXLAN_ID, tunnel->vni);
		nl_put(batch, IFLA_VXLAN_PORT, &port_be, sizeof(port_be));
		/* A group, or which family it is of; a tunnel of neither is of IPv4. */
		if (tunnel->group.family) {
			put_address(batch, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, &tunnel->group);
			nl_put_u32(batch, IFLA_VXLAN_LINK, (uint32_t)link_index(kernel, tunnel->under));
		} else if (tunnel->v6 && !tunnel->local.family)
			put_address(batch, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, &any6);
	}
	if (tunnel->local.family)
		put_address(batch, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, &tunnel->local);
	nl_put_u8(batch, IFLA_VXLAN_TTL, tunnel->ttl);
	nl_put_u8(batch, IFLA_VXLAN_LEARNING, tunnel->learning);
	nl_nest_end(batch, data);
	nl_nest_end(batch, info);
}

static void put_mark(struct nl_batch *batch, const struct netstate_tunnel *tunnel, int ifindex, uint32_t tag)
{
	char alias[NETSTATE_ALIAS_SIZE];

	snprintf(alias, sizeof(alias), DUMP_ALIAS_NETWORK "%s " DUMP_TUNNEL "%s%s", tunnel->network, tunnel->v6 ? " " DUMP_TUNNEL_V6 : "",
		 tunnel->listed ? " " DUMP_TUNNEL_LISTED : "");
	begin(batch, RTM_SETLINK, tunnel, ifindex, false, tag);
	nl_put_string(batch, IFLA_IFALIAS, alias);
	/* No address of the host's on it. A kernel without IPv6 refuses this message, and has none. */
	begin(batch, RTM_SETLINK, tunnel, ifindex, false, tag);
	link_put_no_addresses(batch);
}

/* On its bridge, and then up, with its options before that (net/core/rtnetlink.c:rtnl_changelink()). */
static void put_place(struct nl_batch *batch, const struct netstate_tunnel *tunnel, int ifindex, int bridge, uint32_t tag)
{
	size_t info, data;

	begin(batch, RTM_SETLINK, tunnel, ifindex, false, tag);
	nl_put_u32(batch, IFLA_MASTER, (uint32_t)bridge);
	begin(batch, RTM_NEWLINK, tunnel, ifindex, true, tag);
	info = nl_nest(batch, IFLA_LINKINFO);
	nl_put_string(batch, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nl_nest(batch, IFLA_INFO_SLAVE_DATA);
	nl_put_u8(batch, IFLA_BRPORT_LEARNING, tunnel->port_learning);
	nl_put_u8(batch, IFLA_BRPORT_ISOLATED, tunnel->isolated);
	nl_nest_end(batch, data);
	nl_nest_end(batch, info);
}

static void put_tunnel(struct kernel *kernel, struct nl_batch *batch, const struct plan_step *step, uint32_t tag)
{
	const struct netstate_tunnel *tunnel = &step->tunnel;
	const bool make = step->op == PLAN_TUNNEL_CREATE;
	const int ifindex = make ? 0 : tunnel->ifindex;

	put_device(kernel, batch, tunnel, ifindex, tag);
	put_mark(batch, tunnel, ifindex, tag);
	put_place(batch, tunnel, ifindex, link_index(kernel, tunnel->bridge), tag);
}

/* An entry beside others with the same address (NLM_F_APPEND); one that is there already stays as it is. */
static void put_remote(const struct kernel *kernel, struct nl_batch *batch, bool add, const struct netstate_remote *remote, uint32_t tag)
{
	const struct ndmsg header = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = add ? link_index(kernel, remote->link) : remote->ifindex,
		.ndm_state = NUD_PERMANENT,
		.ndm_flags = NTF_SELF,
	};
	int under;

	nl_begin(batch, add ? RTM_NEWNEIGH : RTM_DELNEIGH, add ? NLM_F_CREATE | NLM_F_APPEND : 0, tag, &header, sizeof(header));
	nl_put(batch, NDA_LLADDR, &nobody, sizeof(nobody));
	put_address(batch, NDA_DST, NDA_DST, &remote->address);
	under = add && remote->under[0] ? link_index(kernel, remote->under) : remote->under_index;
	if (under)
		nl_put_u32(batch, NDA_IFINDEX, (uint32_t)under);
}

/* What the kernel has learnt from hosts that are no remotes any more. */
struct forgetting {
	const struct plan *plan;
	const size_t *steps;
	size_t n_steps;
	struct nl_batch *batch;
};

/* The step that takes away a remote of this address from this device; NULL: none does. */
static const size_t *find_removal(const struct forgetting *forgetting, int ifindex, const struct nlattr *address)
{
	for (size_t i = 0; i < forgetting->n_steps; i++) {
		const struct plan_step *step = &forgetting->plan->steps[forgetting->steps[i]];
		const struct ip *remote = &step->remote.address;

		if (step->op == PLAN_REMOTE_REMOVE && step->remote.ifindex == ifindex && nl_length(address) == ip_length(remote) &&
		    memcmp(nl_data(address), remote->bytes_be, ip_length(remote)) == 0)
			return &forgetting->steps[i];
	}
	return NULL;
}

/* What was written down, by whomever, stays. */
static int each_learnt(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NDA_MAX + 1];
	struct forgetting *forgetting = data;
	struct ndmsg header;
	const size_t *step;
	struct mac mac;

	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if (table[NDA_MASTER] || !table[NDA_DST] || header.ndm_state & (NUD_PERMANENT | NUD_NOARP) || header.ndm_flags & NTF_EXT_LEARNED ||
	    !nl_get(table[NDA_LLADDR], &mac, sizeof(mac)))
		return 0;
	step = find_removal(forgetting, header.ndm_ifindex, table[NDA_DST]);
	if (!step)
		return 0;
	header = (struct ndmsg){ .ndm_family = AF_BRIDGE, .ndm_ifindex = header.ndm_ifindex, .ndm_flags = NTF_SELF };
	nl_begin(forgetting->batch, RTM_DELNEIGH, 0, (uint32_t)*step, &header, sizeof(header));
	nl_put(forgetting->batch, NDA_LLADDR, &mac, sizeof(mac));
	nl_put(forgetting->batch, NDA_DST, nl_data(table[NDA_DST]), nl_length(table[NDA_DST]));
	if (table[NDA_IFINDEX])
		nl_put_u32(forgetting->batch, NDA_IFINDEX, nl_get_u32(table[NDA_IFINDEX], 0));
	return 0;
}

/* One dump for each device that has lost remotes. What cannot be read ends by itself: that is no failure of a step. */
static void put_forgetting(struct kernel *kernel, struct forgetting *forgetting)
{
	int asked = 0;

	for (size_t i = 0; i < forgetting->n_steps; i++) {
		const struct plan_step *step = &forgetting->plan->steps[forgetting->steps[i]];
		const struct ndmsg header = { .ndm_family = AF_BRIDGE, .ndm_ifindex = step->remote.ifindex };
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

		/* Those of a device stand together. */
		if (step->op != PLAN_REMOTE_REMOVE || step->remote.ifindex == asked)
			continue;
		asked = step->remote.ifindex;
		nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
		(void)nl_dump(&kernel->rtnl, &request, each_learnt, forgetting);
	}
}

static bool is_harmless(const struct plan_step *step, int error)
{
	return error == -EAFNOSUPPORT || (step->op == PLAN_TUNNEL_REMOVE && error == -ENODEV) ||
	       (step->op == PLAN_REMOTE_REMOVE && (error == -ENOENT || error == -ENODEV || error == -EINVAL));
}

/* The first failure of a step is its result. */
static void carry_out(struct kernel *kernel, const struct plan *plan, struct nl_batch *batch, struct apply_result *results)
{
	int r = batch->n_entries > 0 ? kernel_transact(kernel, &kernel->rtnl, batch, NULL, NULL) : 0;

	for (size_t i = 0; i < batch->n_entries; i++) {
		const struct nl_entry *entry = &batch->entries[i];
		const struct plan_step *step = &plan->steps[entry->tag];
		struct apply_result *result = &results[entry->tag];
		const int error = r < 0 ? r : entry->error;

		if (error == 0 || is_harmless(step, error) || result->error)
			continue;
		result->error = error;
		apply_result_say(result, "%s: %s", step->op == PLAN_REMOTE_ADD || step->op == PLAN_REMOTE_REMOVE ?
			 step->remote.link : step->tunnel.name, entry->text ?: strerror(-error));
	}
}

/*
 * Carries out the steps among @steps that are about tunnels: those that go first, and those that are made anew, so that
 * their numbers are free; entries last, of devices that are there by then.
 */
void tunnels_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps, struct apply_result *results)
{
	_cleanup_(nl_batch_deinit) struct nl_batch devices = NL_BATCH_NULL, entries = NL_BATCH_NULL, learnt = NL_BATCH_NULL;
	struct forgetting forgetting = { .plan = plan, .steps = steps, .n_steps = n_steps, .batch = &learnt };

	for (size_t i = 0; i < n_steps; i++) {
		const struct plan_step *step = &plan->steps[steps[i]];

		if (step->op == PLAN_TUNNEL_REMOVE || (step->op == PLAN_TUNNEL_CREATE && step->tunnel.ifindex))
			link_put_delete(&devices, step->tunnel.ifindex, (uint32_t)steps[i]);
	}
	for (size_t i = 0; i < n_steps; i++)
		if (plan->steps[steps[i]].op == PLAN_TUNNEL_CREATE || plan->steps[steps[i]].op == PLAN_TUNNEL_SET)
			put_tunnel(kernel, &devices, &plan->steps[steps[i]], (uint32_t)steps[i]);
	carry_out(kernel, plan, &devices, results);
	for (size_t i = 0; i < n_steps; i++)
		if (plan->steps[steps[i]].op == PLAN_REMOTE_ADD || plan->steps[steps[i]].op == PLAN_REMOTE_REMOVE)
			put_remote(kernel, &entries, plan->steps[steps[i]].op == PLAN_REMOTE_ADD, &plan->steps[steps[i]].remote, (uint32_t)steps[i]);
	carry_out(kernel, plan, &entries, results);
	put_forgetting(kernel, &forgetting);
	carry_out(kernel, plan, &learnt, results);
}
