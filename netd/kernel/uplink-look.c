/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card on its way into a bridge and back: all that is on it, on the bridge, and around them.
 * Reads from the kernel; changes nothing.
 */
#include "uplink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <net/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/util.h"
#include "../model/ip.h"
#include "dump.h"
#include "link.h"
#include "sysctl.h"

/* What of an address's flags can be given (net/ipv6/addrconf.c:inet6_rtm_newaddr(), net/ipv4/devinet.c). */
#define ADDRESS_FLAGS (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)
#define LOOK_ATTEMPTS 8
#define TICKS_PER_S 100		/* USER_HZ, in which the kernel tells when a route expires */

static bool read_ip(const struct nlattr *attribute, uint8_t family, struct ip *ret_ip)
{
	ret_ip->family = family;
	return nl_get(attribute, ret_ip->bytes_be, family == AF_INET6 ? 16 : 4);
}

/* One RTM_NEWADDR. -EPROTO for what is none. */
static int read_address(const struct nlmsghdr *message, struct uplink_address *ret_address, int *ret_ifindex)
{
	const struct nlattr *table[IFA_MAX + 1], *local;
	struct ifa_cacheinfo lifetimes;
	struct ifaddrmsg header;
	const char *label;

	memset(ret_address, 0, sizeof(*ret_address));
	if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	local = table[IFA_LOCAL] ?: table[IFA_ADDRESS];
	if ((header.ifa_family != AF_INET && header.ifa_family != AF_INET6) ||
	    !read_ip(local, header.ifa_family, &ret_address->local) ||
	    (table[IFA_ADDRESS] && !read_ip(table[IFA_ADDRESS], header.ifa_family, &ret_address->peer)))
		return -EPROTO;
	if (memcmp(&ret_address->peer, &ret_address->local, sizeof(ret_address->peer)) == 0)
		memset(&ret_address->peer, 0, sizeof(ret_address->peer));
	if (table[IFA_BROADCAST] && !read_ip(table[IFA_BROADCAST], header.ifa_family, &ret_address->broadcast))
		return -EPROTO;
	ret_address->prefix_length = header.ifa_prefixlen;
	ret_address->scope = header.ifa_scope;
	ret_address->flags = nl_get_u32(table[IFA_FLAGS], header.ifa_flags) & ADDRESS_FLAGS;
	ret_address->metric = nl_get_u32(table[IFA_RT_PRIORITY], 0);
	ret_address->protocol = nl_get_u8(table[IFA_PROTO], 0);
	ret_address->valid_s = ret_address->preferred_s = UPLINK_FOREVER;
	if (nl_get(table[IFA_CACHEINFO], &lifetimes, sizeof(lifetimes))) {
		ret_address->valid_s = lifetimes.ifa_valid;
		ret_address->preferred_s = lifetimes.ifa_prefered;
	}
	label = nl_get_string(table[IFA_LABEL]);
	if (label && strlen(label) < sizeof(ret_address->label))
		memcpy(ret_address->label, label, strlen(label));
	*ret_ifindex = (int)header.ifa_index;
	return 0;
}

static bool read_gateway(const struct nlattr *gateway, const struct nlattr *via, uint8_t family, struct ip *ret_gateway)
{
	struct { uint16_t family; uint8_t bytes[16]; } other = { 0 };
	size_t length;

	if (gateway)
		return read_ip(gateway, family, ret_gateway);
	if (!via)
		return true;
	length = nl_length(via);
	if (length != 2 + 4 && length != 2 + 16)
		return false;
	memcpy(&other, nl_data(via), length);
	if (other.family != (length == 2 + 16 ? AF_INET6 : AF_INET))
		return false;
	ret_gateway->family = (uint8_t)other.family;
	memcpy(ret_gateway->bytes_be, other.bytes, length - 2);
	return true;
}

static const char *read_metrics(const struct nlattr *metrics, struct uplink_route *route)
{
	const struct nlattr *metric = NULL;

	while (metrics && (metric = nl_next(metrics, metric))) {
		unsigned int type = metric->nla_type & NLA_TYPE_MASK;

		if (type >= UPLINK_METRICS || type == RTAX_CC_ALGO || !nl_get(metric, &route->metrics[type], sizeof(uint32_t)))
			return "it has a congestion control of its own";
		route->metrics_set |= UINT32_C(1) << type;
	}
	return NULL;
}

/* Hops of a multipath route stand behind each other, each with attributes of its own. */
static const char *read_hops(const struct nlattr *multipath, uint8_t family, int ifindex, struct uplink_route *route)
{
	const uint8_t *bytes = nl_data(multipath);
	size_t left = nl_length(multipath);

	while (left >= sizeof(struct rtnexthop)) {
		struct uplink_hop *hop = &route->hops[route->n_hops];
		struct rtnexthop header;
		const struct nlattr *gateway = NULL, *via = NULL;

		memcpy(&header, bytes, sizeof(header));
		if (header.rtnh_len < sizeof(header) || header.rtnh_len > left)
			return "its hops cannot be read";
		if (route->n_hops == UPLINK_HOPS)
			return "it has more than 8 hops";
		for (size_t at = sizeof(header); at + sizeof(struct nlattr) <= header.rtnh_len;) {
			const struct nlattr *attribute = (const struct nlattr *)(bytes + at);

			if (attribute->nla_len < sizeof(*attribute) || at + attribute->nla_len > header.rtnh_len)
				return "its hops cannot be read";
			if ((attribute->nla_type & NLA_TYPE_MASK) == RTA_GATEWAY)
				gateway = attribute;
			else if ((attribute->nla_type & NLA_TYPE_MASK) == RTA_VIA)
				via = attribute;
			else if ((attribute->nla_type & NLA_TYPE_MASK) == RTA_ENCAP)
				return "it encapsulates";
			at += NLA_ALIGN(attribute->nla_len);
		}
		if (!read_gateway(gateway, via, family, &hop->gateway))
			return "its hops cannot be read";
		hop->ours = header.rtnh_ifindex == ifindex;
		hop->ifindex = hop->ours ? 0 : header.rtnh_ifindex;
		hop->flags = header.rtnh_flags & RTNH_F_ONLINK;
		hop->weight = header.rtnh_hops;
		route->n_hops++;
		bytes += NLMSG_ALIGN(header.rtnh_len);
		left -= NLMSG_ALIGN(header.rtnh_len) < left ? NLMSG_ALIGN(header.rtnh_len) : left;
	}
	return NULL;
}

static bool goes_by(const struct uplink_route *route)
{
	for (size_t i = 0; i < route->n_hops; i++)
		if (route->hops[i].ours)
			return true;
	return false;
}

/*
 * One RTM_NEWROUTE, as it is by the interface @ifindex. -ENOENT when it does not go by that, or is one of those that the
 * kernel has for each address of the host; -EPROTO for what is none. @ret_obstacle: why it cannot be moved, or NULL.
 */
static int read_route(const struct nlmsghdr *message, int ifindex, struct uplink_route *ret_route, const char **ret_obstacle)
{
	const struct nlattr *table[RTA_MAX + 1];
	struct rta_cacheinfo cache;
	struct rtmsg header;
	const char *obstacle;
	struct uplink_hop *hop = &ret_route->hops[0];

	memset(ret_route, 0, sizeof(*ret_route));
	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if (header.rtm_family != AF_INET && header.rtm_family != AF_INET6)
		return -EPROTO;
	ret_route->table = nl_get_u32(table[RTA_TABLE], header.rtm_table);
	if (header.rtm_flags & RTM_F_CLONED || ret_route->table == RT_TABLE_LOCAL || header.rtm_type != RTN_UNICAST)
		return -ENOENT;
	ret_route->destination.family = header.rtm_family;
	if (table[RTA_DST] && !read_ip(table[RTA_DST], header.rtm_family, &ret_route->destination))
		return -EPROTO;
	obstacle = read_metrics(table[RTA_METRICS], ret_route);
	if (table[RTA_MULTIPATH]) {
		obstacle = read_hops(table[RTA_MULTIPATH], header.rtm_family, ifindex, ret_route) ?: obstacle;
	} else {
		if (!read_gateway(table[RTA_GATEWAY], table[RTA_VIA], header.rtm_family, &hop->gateway))
			return -EPROTO;
		hop->ours = (int)nl_get_u32(table[RTA_OIF], 0) == ifindex;
		hop->flags = header.rtm_flags & RTNH_F_ONLINK;
		ret_route->n_hops = 1;
	}
	if (!goes_by(ret_route))
		return -ENOENT;
	if (table[RTA_PREFSRC] && !read_ip(table[RTA_PREFSRC], header.rtm_family, &ret_route->source))
		return -EPROTO;
	ret_route->prefix_length = header.rtm_dst_len;
	ret_route->tos = header.rtm_tos;
	ret_route->protocol = header.rtm_protocol;
	ret_route->scope = header.rtm_scope;
	ret_route->type = header.rtm_type;
	ret_route->metric = nl_get_u32(table[RTA_PRIORITY], 0);
	ret_route->realm = nl_get_u32(table[RTA_FLOW], 0);
	ret_route->preference = nl_get_u8(table[RTA_PREF], 0);
	ret_route->made = header.rtm_protocol == RTPROT_KERNEL || header.rtm_protocol == RTPROT_RA ||
			  header.rtm_protocol == RTPROT_REDIRECT;
	if (nl_get(table[RTA_CACHEINFO], &cache, sizeof(cache)) && cache.rta_expires > 0)
		ret_route->expires_s = (uint32_t)cache.rta_expires / TICKS_PER_S + 1;
	if (table[RTA_NH_ID])
		obstacle = "it uses a nexthop object";
	else if (table[RTA_ENCAP])
		obstacle = "it encapsulates";
	else if (header.rtm_src_len)
		obstacle = "it is for one source only";
	*ret_obstacle = ret_route->made ? NULL : obstacle;
	return 0;
}

/*
 * One RTM_NEWNEIGH that somebody has written down: with an address of Ethernet that never gets old, or one that the host
 * answers for. -ENOENT for all others, and for those of other interfaces.
 */
static int read_neighbour(const struct nlmsghdr *message, int ifindex, struct uplink_neighbour *ret_neighbour)
{
	const struct nlattr *table[NDA_MAX + 1];
	struct ndmsg header;

	memset(ret_neighbour, 0, sizeof(*ret_neighbour));
	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	ret_neighbour->proxy = header.ndm_flags & NTF_PROXY;
	if ((header.ndm_family != AF_INET && header.ndm_family != AF_INET6) || header.ndm_ifindex != ifindex ||
	    !read_ip(table[NDA_DST], header.ndm_family, &ret_neighbour->address))
		return -ENOENT;
	if (ret_neighbour->proxy)
		return 0;
	return header.ndm_state & NUD_PERMANENT && nl_get(table[NDA_LLADDR], &ret_neighbour->mac, sizeof(ret_neighbour->mac)) ?
		0 : -ENOENT;
}

static bool is_named(const struct nlattr *attribute, const char *name)
{
	return strcmp(nl_get_string(attribute) ?: "", name) == 0;
}

/* One RTM_NEWRULE that names the interface. -ENOENT for all others. */
static int read_rule(const struct nlmsghdr *message, const char *name, struct uplink_rule *ret_rule)
{
	const struct nlattr *table[FRA_MAX + 1];
	size_t length = message->nlmsg_len - NLMSG_HDRLEN;

	if (message->nlmsg_type != RTM_NEWRULE || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct fib_rule_hdr)) ||
	    !nl_parse(message, sizeof(struct fib_rule_hdr), table, ARRAY_SIZE(table)))
		return -EPROTO;
	if (!is_named(table[FRA_IIFNAME], name) && !is_named(table[FRA_OIFNAME], name))
		return -ENOENT;
	if (length > sizeof(ret_rule->bytes))
		return -E2BIG;
	memset(ret_rule, 0, sizeof(*ret_rule));
	ret_rule->length = (uint16_t)length;
	memcpy(ret_rule->bytes, NLMSG_DATA(message), length);
	return 0;
}

/* Looking */

struct looking {
	struct uplink_look *look;
	const char *nic;
	const char *name;		/* of the interface whose rules are looked for */
	int ifindex;			/* addresses and routes of this one go into the set */
	struct uplink_set *set;
	int error;
};

static void read_link(const struct nlmsghdr *message, const struct nlattr *const table[], struct uplink_look *look)
{
	struct dump_link link;
	struct ifinfomsg header;

	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if (dump_link(message, &link) < 0)
		return;
	look->nic = header.ifi_index;
	look->master = link.port.master;
	look->up = header.ifi_flags & IFF_UP;
	look->carrier = header.ifi_flags & IFF_RUNNING;
	look->loopback = header.ifi_flags & IFF_LOOPBACK;
	look->ethernet = header.ifi_type == ARPHRD_ETHER && nl_get(table[IFLA_ADDRESS], &look->mac, sizeof(look->mac));
	look->mtu = link.port.mtu;
	memcpy(look->kind, link.kind, sizeof(look->kind));
	look->accept_ra = link.values.present >> VALUE_ACCEPT_RA & 1 ? link.values.values[VALUE_ACCEPT_RA] : -1;
	look->ra_ignored = look->accept_ra == 1 && link.values.present >> VALUE_FORWARDING6 & 1 && link.values.values[VALUE_FORWARDING6];
	look->gen_mode = link.addr_gen_mode;
}

static int find_link(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1];
	struct looking *looking = data;
	const char *name;

	if (!nl_parse(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table)))
		return 0;
	name = nl_get_string(table[IFLA_IFNAME]) ?: "";
	if (strcmp(name, looking->nic) == 0)
		read_link(message, table, looking->look);
	return 0;
}

/* What is related to the card: its master's name, what stands on it. */
static int find_relative(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1];
	struct looking *looking = data;
	struct uplink_look *look = looking->look;
	struct dump_link link;
	struct ifinfomsg header;

	if (!nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)) || dump_link(message, &link) < 0)
		return 0;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if (look->master && header.ifi_index == look->master)
		snprintf(look->master_name, sizeof(look->master_name), "%s", link.port.name);
	/* A link of another namespace has an index there. The other end of a veth does not stand on this one. */
	if (look->nic && (int)nl_get_u32(table[IFLA_LINK], 0) == look->nic && header.ifi_index != look->nic &&
	    !table[IFLA_LINK_NETNSID] && strcmp(link.kind, "veth") != 0)
		snprintf(look->upper, sizeof(look->upper), "%s", link.port.name);
	return 0;
}

/* The kernel gives those of one interface only, where it looks at what is asked (NETLINK_GET_STRICT_CHK). */
static int take_address(const struct nlmsghdr *message, void *data)
{
	struct looking *looking = data;
	struct uplink_address address;
	int ifindex, r;

	if (read_address(message, &address, &ifindex) < 0 || ifindex != looking->ifindex)
		return 0;
	r = uplink_set_add_address(looking->set, &address);
	looking->error = looking->error ?: r;
	return 0;
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	struct looking *looking = data;
	struct uplink_look *look = looking->look;
	struct uplink_route route;
	const char *obstacle;
	int r;

	if (read_route(message, looking->ifindex, &route, &obstacle) < 0)
		return 0;
	if (obstacle && looking->ifindex == look->nic && !look->obstacle[0])
		snprintf(look->obstacle, sizeof(look->obstacle), "the route to %s/%u in table %u cannot be made anew: %s",
			 IP_TEXT(&route.destination), route.prefix_length, route.table, obstacle);
	r = obstacle ? 0 : uplink_set_add_route(looking->set, &route);
	looking->error = looking->error ?: r;
	return 0;
}

static int take_neighbour(const struct nlmsghdr *message, void *data)
{
	struct looking *looking = data;
	struct uplink_neighbour neighbour;
	int r = read_neighbour(message, looking->ifindex, &neighbour);

	r = r < 0 ? 0 : uplink_set_add_neighbour(looking->set, &neighbour);
	looking->error = looking->error ?: r;
	return 0;
}

static int take_rule(const struct nlmsghdr *message, void *data)
{
	struct looking *looking = data;
	struct uplink_rule rule;
	int r = read_rule(message, looking->name, &rule);

	if (r == -EPROTO || r == -ENOENT)
		return 0;
	if (r == 0)
		r = uplink_set_add_rule(looking->set, &rule);
	looking->error = looking->error ?: r;
	return 0;
}

static int dump_links(struct kernel *kernel, int (*each)(const struct nlmsghdr *message, void *data), void *data)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };

	nl_begin(&request, RTM_GETLINK, NLM_F_DUMP, 0, &header, sizeof(header));
	kernel_leave_out_counters(kernel, &request);
	return nl_dump(&kernel->rtnl, &request, each, data);
}

static int dump_addresses(struct kernel *kernel, struct looking *looking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifaddrmsg header = { .ifa_family = AF_UNSPEC, .ifa_index = (uint32_t)looking->ifindex };

	nl_begin(&request, RTM_GETADDR, NLM_F_DUMP, 0, &header, sizeof(header));
	return nl_dump(&kernel->rtnl, &request, take_address, looking);
}

static int dump_routes(struct kernel *kernel, uint8_t family, struct looking *looking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct rtmsg header = { .rtm_family = family };

	nl_begin(&request, RTM_GETROUTE, NLM_F_DUMP, 0, &header, sizeof(header));
	nl_put_u32(&request, RTA_OIF, (uint32_t)looking->ifindex);
	return nl_dump(&kernel->rtnl, &request, take_route, looking);
}

/* Those that are answered for are in a table of their own, which is not asked by interface. */
static int dump_neighbours(struct kernel *kernel, bool proxies, struct looking *looking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ndmsg header = { .ndm_family = AF_UNSPEC, .ndm_flags = proxies ? NTF_PROXY : 0 };

	nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
	if (!proxies)
		nl_put_u32(&request, NDA_IFINDEX, (uint32_t)looking->ifindex);
	return nl_dump(&kernel->rtnl, &request, take_neighbour, looking);
}

/* A kernel without such rules, or without IPv6, has none. */
static int dump_rules(struct kernel *kernel, uint8_t family, struct looking *looking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct fib_rule_hdr header = { .family = family };
	int r;

	nl_begin(&request, RTM_GETRULE, NLM_F_DUMP, 0, &header, sizeof(header));
	r = nl_dump(&kernel->rtnl, &request, take_rule, looking);
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT ? 0 : r;
}

static int look_at(struct kernel *kernel, struct looking *looking, int ifindex, const char *name, struct uplink_set *set)
{
	int r;

	if (!ifindex)
		return 0;
	looking->ifindex = ifindex;
	looking->name = name;
	looking->set = set;
	r = dump_addresses(kernel, looking);
	if (r == 0)
		r = dump_routes(kernel, AF_INET, looking);
	/* A kernel without IPv6 has no such routes. */
	if (r == 0 && looking->look->accept_ra >= 0)
		r = dump_routes(kernel, AF_INET6, looking);
	if (r == 0)
		r = dump_neighbours(kernel, false, looking);
	if (r == 0)
		r = dump_neighbours(kernel, true, looking);
	if (r == 0)
		r = dump_rules(kernel, AF_INET, looking);
	if (r == 0 && looking->look->accept_ra >= 0)
		r = dump_rules(kernel, AF_INET6, looking);
	return r;
}

static bool is_wireless(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", name);
	return access(path, F_OK) == 0;
}

static int look_once(struct kernel *kernel, const char *nic, const char *bridge, struct uplink_look *ret_look)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = { .accept_ra = -1 };
	struct looking looking = { .look = &look, .nic = nic };
	int r;

	look.bridge = link_index(kernel, bridge);
	look.wireless = is_wireless(nic);
	r = dump_links(kernel, find_link, &looking);
	if (r == 0)
		r = dump_links(kernel, find_relative, &looking);
	if (r == 0)
		r = look_at(kernel, &looking, look.nic, nic, &look.on_nic);
	if (r == 0)
		r = look_at(kernel, &looking, look.bridge, bridge, &look.on_bridge);
	if (r < 0)
		return r;
	if (looking.error == -E2BIG && !look.obstacle[0])
		snprintf(look.obstacle, sizeof(look.obstacle), "there are more than %d addresses, %d routes, %d neighbours or %d rules",
			 LIMIT_UPLINK_ADDRESSES, LIMIT_UPLINK_ROUTES, LIMIT_UPLINK_NEIGHBOURS, LIMIT_UPLINK_RULES);
	else if (looking.error < 0 && !look.obstacle[0])
		return looking.error;
	uplink_settle_routes(&look.on_nic);
	uplink_settle_routes(&look.on_bridge);
	*ret_look = look;
	look = UPLINK_LOOK_NULL;
	return 0;
}

/*
 * Everything that is of interest about a card and the bridge that it is to be a port of. The caller owns @ret_look. What
 * cannot be moved is an obstacle in there; so is too much of it.
 */
int uplink_look(struct kernel *kernel, const char *nic, const char *bridge, struct uplink_look *ret_look)
{
	int r = -EINTR;

	/* It changes while it is read: again, and not without end. */
	for (unsigned int i = 0; i < LOOK_ATTEMPTS && r == -EINTR; i++)
		r = look_once(kernel, nic, bridge, ret_look);
	return r;
}

/* What of an interface's values is not what an interface gets by itself. Those that this kernel has not are none. */
void uplink_read_sysctls(struct kernel *kernel, struct uplink *uplink)
{
	uplink->sysctls_set = 0;
	for (size_t i = 0; i < uplink_n_sysctls; i++) {
		int value, usual;
		char path[UPLINK_SYSCTL_PATH_SIZE];

		uplink_sysctl_path(&uplink_sysctls[i], uplink->nic, path);
		if (sysctl_read(kernel, path, &value) < 0)
			continue;
		uplink_sysctl_path(&uplink_sysctls[i], "default", path);
		if (sysctl_read(kernel, path, &usual) < 0 || value == usual)
			continue;
		uplink->sysctls_set |= UINT64_C(1) << i;
		uplink->sysctls[i] = value;
	}
}

/* Of an interface, or of "default". */
void uplink_read_values(struct kernel *kernel, const char *name, struct uplink_values *ret_values)
{
	const struct uplink_sysctl accept_ra = { "ipv6", "accept_ra" }, gen_mode = { "ipv6", "addr_gen_mode" };
	char path[UPLINK_SYSCTL_PATH_SIZE];

	uplink_sysctl_path(&accept_ra, name, path);
	if (sysctl_read(kernel, path, &ret_values->accept_ra) < 0)
		ret_values->accept_ra = -1;
	uplink_sysctl_path(&gen_mode, name, path);
	if (sysctl_read(kernel, path, &ret_values->gen_mode) < 0)
		ret_values->gen_mode = -1;
}
