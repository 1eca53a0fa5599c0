/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card on its way into a bridge and back: looks, carries steps out, asks neighbours.
 * Acts; decides nothing.
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
int uplink_read_address(const struct nlmsghdr *message, struct uplink_address *ret_address, int *ret_ifindex)
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
int uplink_read_route(const struct nlmsghdr *message, int ifindex, struct uplink_route *ret_route, const char **ret_obstacle)
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
	const struct nlattr *families[AF_MAX], *values[IFLA_INET6_MAX + 1];
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
	if (table[IFLA_AF_SPEC] && nl_parse_nested(table[IFLA_AF_SPEC], families, ARRAY_SIZE(families)) && families[AF_INET6] &&
	    nl_parse_nested(families[AF_INET6], values, ARRAY_SIZE(values)))
		look->gen_mode = nl_get_u8(values[IFLA_INET6_ADDR_GEN_MODE], 0);
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

	if (uplink_read_address(message, &address, &ifindex) < 0 || ifindex != looking->ifindex)
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

	if (uplink_read_route(message, looking->ifindex, &route, &obstacle) < 0)
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
	nl_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
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

static void sysctl_path(const struct uplink_sysctl *sysctl, const char *name, char path[static 96])
{
	snprintf(path, 96, "%s/conf/%s/%s", sysctl->family, name, sysctl->name);
}

/* What of an interface's values is not what an interface gets by itself. Those that this kernel has not are none. */
void uplink_read_sysctls(struct kernel *kernel, struct uplink *uplink)
{
	uplink->sysctls_set = 0;
	for (size_t i = 0; i < uplink_n_sysctls; i++) {
		int value, usual;
		char path[96];

		sysctl_path(&uplink_sysctls[i], uplink->nic, path);
		if (sysctl_read(kernel, path, &value) < 0)
			continue;
		sysctl_path(&uplink_sysctls[i], "default", path);
		if (sysctl_read(kernel, path, &usual) < 0 || value == usual)
			continue;
		uplink->sysctls_set |= UINT64_C(1) << i;
		uplink->sysctls[i] = value;
	}
}

/* The bridge is what the card was. Safe because: it is a bridge of ours, and the values are those of the host's own card. */
void uplink_write_sysctls(struct kernel *kernel, const struct uplink *uplink)
{
	for (size_t i = 0; i < uplink_n_sysctls; i++) {
		char path[96];

		if (!(uplink->sysctls_set >> i & 1))
			continue;
		sysctl_path(&uplink_sysctls[i], uplink->bridge, path);
		(void)sysctl_write(kernel, path, uplink->sysctls[i]);
	}
}

/*
 * Of a card that was moved by somebody who has left nothing written about it: what the bridge says of router advertisements and
 * of its link-local address, read backwards (desired.c). Where several values of the card have led to that, it
 * is what interfaces get by themselves.
 */
void uplink_read_backwards(struct kernel *kernel, struct uplink *uplink)
{
	int bridge, usual = 1;
	char path[96];

	uplink->accept_ra = -1;
	snprintf(path, sizeof(path), "ipv6/conf/%s/accept_ra", uplink->bridge);
	if (sysctl_read(kernel, path, &bridge) < 0)
		return;
	(void)sysctl_read(kernel, "ipv6/conf/default/accept_ra", &usual);
	uplink->accept_ra = bridge == 0 ? 0 : usual ?: 1;
	usual = 0;
	(void)sysctl_read(kernel, "ipv6/conf/default/addr_gen_mode", &usual);
	snprintf(path, sizeof(path), "ipv6/conf/%s/addr_gen_mode", uplink->bridge);
	if (sysctl_read(kernel, path, &bridge) == 0 && bridge != 0)
		uplink->gen_mode = (uint8_t)(usual ?: bridge);
}

/* Cards that are in bridges of ours: a port that has the bridge's own Ethernet address gave it that. */

struct finding {
	struct uplink_moved *items;	/* owned */
	size_t n;
	int error;
};

static int find_bridge(const struct nlmsghdr *message, void *data)
{
	struct finding *finding = data;
	struct uplink_moved *grown;
	struct dump_link link;

	if (dump_link(message, &link) < 0 || link.bridge.owner != NETSTATE_OURS || !link.bridge.network[0])
		return 0;
	grown = reallocarray(finding->items, finding->n + 1, sizeof(*grown));
	if (!grown) {
		finding->error = -ENOMEM;
		return 0;
	}
	finding->items = grown;
	grown += finding->n++;
	memset(grown, 0, sizeof(*grown));
	grown->bridge_ifindex = link.bridge.ifindex;
	grown->mac = link.bridge.mac;
	memcpy(grown->network, link.bridge.network, sizeof(grown->network));
	memcpy(grown->bridge, link.bridge.name, sizeof(grown->bridge));
	return 0;
}

static int find_card(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1];
	struct finding *finding = data;
	struct dump_link link;
	struct mac mac;

	if (dump_link(message, &link) < 0 || !link.port.master || link.port.tap ||
	    !nl_parse(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table)) ||
	    !nl_get(table[IFLA_ADDRESS], &mac, sizeof(mac)))
		return 0;
	for (size_t i = 0; i < finding->n; i++)
		if (finding->items[i].bridge_ifindex == link.port.master && memcmp(&finding->items[i].mac, &mac, sizeof(mac)) == 0)
			memcpy(finding->items[i].nic, link.port.name, sizeof(finding->items[i].nic));
	return 0;
}

/* Bridges of ours that a network card is in whose address they have; @ret_moved is the caller's to free. */
int uplink_find_moved(struct kernel *kernel, struct uplink_moved **ret_moved, size_t *ret_n)
{
	struct finding finding = { 0 };
	size_t n = 0;
	int r = dump_links(kernel, find_bridge, &finding);

	if (r == 0 && finding.n > 0)
		r = dump_links(kernel, find_card, &finding);
	r = r ?: finding.error;
	if (r < 0) {
		free(finding.items);
		return r;
	}
	for (size_t i = 0; i < finding.n; i++)
		if (finding.items[i].nic[0])
			finding.items[n++] = finding.items[i];
	*ret_moved = finding.items;
	*ret_n = n;
	return 0;
}

/* Acting */

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
	/* Of IPv4, another interface may have a route of that kind, and keeps it; of IPv6 it would be joined to it. */
	const uint16_t how = v4 ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE | NLM_F_EXCL;

	nl_begin(batch, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? how : 0, tag, &header, sizeof(header));
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
		if (add && (type == FRA_IIFNAME || type == FRA_OIFNAME) && is_named(attribute, from))
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

/*
 * Carries out all steps, in as few datagrams as they fit into: the host is without its addresses for as long as the kernel
 * needs for them. All are tried; the first failure is returned. Safe because: the card and the bridge are those that a
 * network's file names, and what was there is in a file already.
 */
int uplink_apply(struct kernel *kernel, const struct uplink_steps *steps, const char *nic, const char *bridge,
		 struct failure *failure)
{
	const struct ends ends = { nic, bridge, link_index(kernel, bridge) };
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	char path[64];
	int r = 0, first = 0;

	/* It counts for the addresses that come after it: who appears asks for routers. */
	snprintf(path, sizeof(path), "ipv6/conf/%s/accept_ra", nic);
	for (size_t i = 0; i < steps->n; i++)
		if (steps->items[i].op == UPLINK_ACCEPT_RA)
			(void)sysctl_write(kernel, path, steps->items[i].value);
	for (size_t i = 0; i < steps->n; i++)
		put_step(&batch, &steps->items[i], &ends, (uint32_t)i);
	if (batch.n_entries > 0)
		r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", nic, strerror(-r));
	for (size_t i = 0; i < batch.n_entries; i++) {
		const struct nl_entry *entry = &batch.entries[i];
		const struct uplink_step *step = &steps->items[entry->tag];

		if (first == 0 && entry->error && !is_harmless(step->op, entry->error))
			first = failure_set(failure, entry->error, "%s: cannot %s: %s", nic, describe(step),
					    entry->text ?: strerror(-entry->error));
	}
	return first;
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
