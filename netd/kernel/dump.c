/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoders for what the kernel tells about links, addresses, routes and rules.
 * Pure: no system calls.
 *
 * Rules are read by this and not by libnftnl, whose functions for reading end the process when an attribute
 * has another size than they expect. What is read need not be understood, only compared: so an
 * expression becomes its name and its attributes in the order of their numbers, values in hexadecimal. Our own
 * messages go through the same function, and equal rules give equal lines.
 */
#include "dump.h"

#include <endian.h>
#include <errno.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/nl/batch.h"
#include "../../lib/str.h"
#include "../../lib/util.h"
#include "link.h"

/* Copies a string of the kernel's; false, and nothing copied, when it is absent or too long. */
static bool copy_string(const struct nlattr *attribute, char *buffer, size_t size)
{
	const char *string = nl_get_string(attribute);
	size_t length = string ? strlen(string) : size;

	if (length >= size)
		return false;
	memcpy(buffer, string, length + 1);
	return true;
}

/* The value of `KEY=` among the words of an alias; false when there is none. */
bool dump_alias_word(const char *alias, const char *key, char *buffer, size_t size)
{
	size_t n_key = strlen(key);

	while (*alias) {
		size_t length = strcspn(alias, " ");

		if (length > n_key && strncmp(alias, key, n_key) == 0 && alias[n_key] == '=') {
			length -= n_key + 1;
			if (length >= size)
				return false;
			memcpy(buffer, alias + n_key + 1, length);
			buffer[length] = '\0';
			return true;
		}
		alias += length;
		alias += strspn(alias, " ");
	}
	return false;
}

/* Is @word one of the words of an alias? */
bool dump_alias_has(const char *alias, const char *word)
{
	size_t n = strlen(word);

	for (; *alias; alias += strcspn(alias, " "), alias += strspn(alias, " "))
		if (strcspn(alias, " ") == n && strncmp(alias, word, n) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void read_altnames(const struct nlattr *list, struct netstate_bridge *bridge)
{
	const struct nlattr *name = NULL;

	while ((name = nl_next(list, name)) && bridge->n_altnames < NETSTATE_ALTNAMES)
		if ((name->nla_type & NLA_TYPE_MASK) == IFLA_ALT_IFNAME &&
		    copy_string(name, bridge->altnames[bridge->n_altnames], IFNAME_SIZE))
			bridge->n_altnames++;
	qsort(bridge->altnames, bridge->n_altnames, sizeof(bridge->altnames[0]), compare_names);
}

static void read_bridge_data(const struct nlattr *data, struct netstate_bridge *bridge)
{
	const struct nlattr *table[IFLA_BR_MAX + 1];

	if (!nl_parse_nested(data, table, ARRAY_SIZE(table)))
		return;
	bridge->forward_delay_cs = (uint16_t)nl_get_u32(table[IFLA_BR_FORWARD_DELAY], 0);
	bridge->stp = nl_get_u32(table[IFLA_BR_STP_STATE], 0) != 0;
	bridge->nf_call = nl_get_u8(table[IFLA_BR_NF_CALL_IPTABLES], 0) || nl_get_u8(table[IFLA_BR_NF_CALL_IP6TABLES], 0) ||
			  nl_get_u8(table[IFLA_BR_NF_CALL_ARPTABLES], 0);
}

static void read_port_data(const struct nlattr *data, struct netstate_port *port)
{
	const struct nlattr *table[IFLA_BRPORT_MAX + 1];

	if (!nl_parse_nested(data, table, ARRAY_SIZE(table)))
		return;
	port->isolated = nl_get_u8(table[IFLA_BRPORT_ISOLATED], 0) != 0;
	port->locked = nl_get_u8(table[IFLA_BRPORT_LOCKED], 0) != 0;
	port->learning = nl_get_u8(table[IFLA_BRPORT_LEARNING], 1) != 0;
	port->flood = nl_get_u8(table[IFLA_BRPORT_UNICAST_FLOOD], 1) != 0;
}

/* Where the kernel puts them: IFLA_INET6_CONF counts from 0 (net/ipv6/addrconf.c), IFLA_INET_CONF from 1. */
static const struct {
	uint8_t family;
	const char *name;
	uint8_t number;
} value_table[] = {
	[VALUE_ACCEPT_RA] = { AF_INET6, "accept_ra", DEVCONF_ACCEPT_RA },
	[VALUE_ACCEPT_DAD] = { AF_INET6, "accept_dad", DEVCONF_ACCEPT_DAD },
	[VALUE_DISABLE_IPV6] = { AF_INET6, "disable_ipv6", DEVCONF_DISABLE_IPV6 },
	[VALUE_FORWARDING6] = { AF_INET6, "forwarding", DEVCONF_FORWARDING },
	[VALUE_PROXY_NDP] = { AF_INET6, "proxy_ndp", DEVCONF_PROXY_NDP },
	[VALUE_FORWARDING4] = { AF_INET, "forwarding", IPV4_DEVCONF_FORWARDING - 1 },
	[VALUE_RP_FILTER] = { AF_INET, "rp_filter", IPV4_DEVCONF_RP_FILTER - 1 },
	[VALUE_ROUTE_LOCALNET] = { AF_INET, "route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET - 1 },
	[VALUE_PROXY_ARP] = { AF_INET, "proxy_arp", IPV4_DEVCONF_PROXY_ARP - 1 },
};
_Static_assert(ARRAY_SIZE(value_table) == VALUE_MAX_, "every value has its place");

/* Is FAMILY/conf/INTERFACE/NAME among the values that a link's message has? */
bool dump_value_find(const char *family, const char *name, enum dump_value *ret_value)
{
	uint8_t wanted = strcmp(family, "ipv6") == 0 ? AF_INET6 : strcmp(family, "ipv4") == 0 ? AF_INET : AF_UNSPEC;

	for (size_t i = 0; i < ARRAY_SIZE(value_table); i++)
		if (value_table[i].family == wanted && strcmp(value_table[i].name, name) == 0) {
			*ret_value = (enum dump_value)i;
			return true;
		}
	return false;
}

static void read_family_values(const struct nlattr *conf, uint8_t family, struct dump_values *values)
{
	for (size_t i = 0; i < ARRAY_SIZE(value_table); i++) {
		size_t offset = value_table[i].number * sizeof(int32_t);

		if (value_table[i].family != family || nl_length(conf) < offset + sizeof(int32_t))
			continue;
		memcpy(&values->values[i], (const uint8_t *)nl_data(conf) + offset, sizeof(int32_t));
		values->present |= 1u << i;
	}
}

static void read_families(const struct nlattr *af_spec, struct dump_link *link)
{
	const struct nlattr *family = NULL, *v6[IFLA_INET6_MAX + 1], *v4[IFLA_INET_MAX + 1];

	while ((family = nl_next(af_spec, family))) {
		uint16_t type = family->nla_type & NLA_TYPE_MASK;

		if (type == AF_INET6 && nl_parse_nested(family, v6, ARRAY_SIZE(v6))) {
			link->addr_gen_mode = nl_get_u8(v6[IFLA_INET6_ADDR_GEN_MODE], 0);
			link->no_gen_mode = !v6[IFLA_INET6_ADDR_GEN_MODE];
			read_family_values(v6[IFLA_INET6_CONF], AF_INET6, &link->values);
		} else if (type == AF_INET && nl_parse_nested(family, v4, ARRAY_SIZE(v4))) {
			read_family_values(v4[IFLA_INET_CONF], AF_INET, &link->values);
		}
	}
}

static void read_port_alias(struct netstate_port *port)
{
	const char *rest;
	char number[8];
	uint32_t vlan;

	if (!str_has_prefix(port->alias, DUMP_ALIAS_PORT, &rest))
		return;
	port->owner = NETSTATE_OURS;
	dump_alias_word(port->alias, "net", port->bridge, sizeof(port->bridge));
	if (dump_alias_word(port->alias, "vlan", number, sizeof(number)) && str_parse_u32(number, 4094, &vlan) == 0)
		port->vlan = (uint16_t)vlan;
}

/* The network that an alias says a device of ours is of; false when it says none. */
static bool read_network(const char *alias, char network[static NETWORK_NAME_SIZE])
{
	const char *rest;

	return str_has_prefix(alias, DUMP_ALIAS_NETWORK, &rest) && dump_alias_word(alias, "net", network, NETWORK_NAME_SIZE) && network[0];
}

static void read_bridge(const struct nlattr **table, const struct nlattr *data, const char *alias,
			const struct netstate_port *port, struct netstate_bridge *bridge)
{
	char network[NETWORK_NAME_SIZE], group[16], guards[NETSTATE_GUARDS_SIZE];

	memcpy(bridge->name, port->name, sizeof(bridge->name));
	bridge->ifindex = port->ifindex;
	bridge->up = port->up;
	bridge->mtu = port->mtu;
	bridge->address_pinned = true;
	nl_get(table[IFLA_ADDRESS], &bridge->mac, sizeof(bridge->mac));
	read_bridge_data(data, bridge);
	read_altnames(table[IFLA_PROP_LIST], bridge);
	if (read_network(alias, network)) {
		bridge->owner = NETSTATE_OURS;
		memcpy(bridge->network, network, strlen(network));
		bridge->ports_isolated = dump_alias_has(alias, "isolated");
		if (dump_alias_word(alias, "group", group, sizeof(group)))
			(void)str_parse_u32(group, UINT32_MAX, &bridge->port_group);
		if (dump_alias_word(alias, "guards", guards, sizeof(guards)))
			bridge->port_guards = netstate_read_guards(guards);
	}
}

static void read_tunnel(const char *kind, const struct nlattr *data, const struct netstate_port *port, struct netstate_tunnel *tunnel)
{
	const struct nlattr *table[IFLA_VXLAN_MAX + 1];
	const bool vxlan = strcmp(kind, "vxlan") == 0;
	uint16_t port_be = 0;
	const char *rest;

	if (!vxlan && !str_has_prefix(port->name, NETSTATE_TUNNEL_PREFIX, &rest))
		return;
	memcpy(tunnel->name, port->name, sizeof(tunnel->name));
	tunnel->ifindex = port->ifindex;
	tunnel->master = port->master;
	tunnel->up = port->up;
	tunnel->mtu = port->mtu;
	tunnel->port_learning = port->learning;
	tunnel->isolated = port->isolated;
	if (!vxlan || !nl_parse_nested(data, table, ARRAY_SIZE(table)))
		return;
	tunnel->vni = nl_get_u32(table[IFLA_VXLAN_ID], 0);
	nl_get(table[IFLA_VXLAN_PORT], &port_be, sizeof(port_be));
	tunnel->port = be16toh(port_be);
	tunnel->ttl = nl_get_u8(table[IFLA_VXLAN_TTL], 0);
	tunnel->learning = nl_get_u8(table[IFLA_VXLAN_LEARNING], 0) != 0;
	if (nl_get(table[IFLA_VXLAN_LOCAL], tunnel->local.bytes_be, 4))
		tunnel->local.family = AF_INET;
	else if (nl_get(table[IFLA_VXLAN_LOCAL6], tunnel->local.bytes_be, 16))
		tunnel->local.family = AF_INET6;
	if (nl_get(table[IFLA_VXLAN_GROUP], tunnel->group.bytes_be, 4))
		tunnel->group.family = AF_INET;
	else if (nl_get(table[IFLA_VXLAN_GROUP6], tunnel->group.bytes_be, 16))
		tunnel->group.family = AF_INET6;
	tunnel->under_index = (int)nl_get_u32(table[IFLA_VXLAN_LINK], 0);
	if (!dump_alias_has(port->alias, DUMP_TUNNEL) || !read_network(port->alias, tunnel->network))
		return;
	tunnel->v6 = dump_alias_has(port->alias, DUMP_TUNNEL_V6);
	tunnel->listed = dump_alias_has(port->alias, DUMP_TUNNEL_LISTED);
}

/* IFLA_TUN_*, since Linux 4.18; what is on: somebody has it open (drivers/net/tun.c:tun_set_iff(), __tun_detach()). */
static void read_tap(const struct nlattr **table, const struct nlattr *data, const struct netstate_port *port,
		     struct dump_tap *tap)
{
	const struct nlattr *tun[IFLA_TUN_MAX + 1];
	char kind[16];

	tap->uid = tap->gid = NETSTATE_NOBODY;
	tap->declared = port->owner == NETSTATE_OURS && dump_alias_word(port->alias, "kind", kind, sizeof(kind)) &&
			strcmp(kind, DUMP_KIND_DECLARED) == 0;
	if (!port->tap || !nl_parse_nested(data, tun, ARRAY_SIZE(tun)))
		return;
	tap->uid = nl_get_u32(tun[IFLA_TUN_OWNER], NETSTATE_NOBODY);
	tap->gid = nl_get_u32(tun[IFLA_TUN_GROUP], NETSTATE_NOBODY);
	tap->persist = nl_get_u8(tun[IFLA_TUN_PERSIST], 0) != 0;
	tap->carries_ip = nl_get_u8(tun[IFLA_TUN_TYPE], IFF_TAP) == IFF_TUN;
	tap->multi_queue = nl_get_u8(tun[IFLA_TUN_MULTI_QUEUE], 0) != 0;
	tap->in_use = nl_get_u8(table[IFLA_CARRIER], 0) != 0;
}

/* One RTM_NEWLINK. -EPROTO for what is none, or has no name. */
int dump_link(const struct nlmsghdr *message, struct dump_link *ret_link)
{
	const struct nlattr *table[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct netstate_port *port = &ret_link->port;
	struct ifinfomsg header;

	memset(ret_link, 0, sizeof(*ret_link));
	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)) ||
	    !nl_parse_nested(table[IFLA_LINKINFO], info, ARRAY_SIZE(info)) ||
	    !copy_string(table[IFLA_IFNAME], port->name, sizeof(port->name)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));

	port->ifindex = header.ifi_index;
	port->up = header.ifi_flags & IFF_UP;
	port->master = (int)nl_get_u32(table[IFLA_MASTER], 0);
	port->mtu = nl_get_u32(table[IFLA_MTU], 0);
	port->group = nl_get_u32(table[IFLA_GROUP], 0);
	nl_get(table[IFLA_ADDRESS], &port->mac, sizeof(port->mac));
	port->learning = port->flood = true;
	copy_string(table[IFLA_IFALIAS], port->alias, sizeof(port->alias));
	copy_string(info[IFLA_INFO_KIND], ret_link->kind, sizeof(ret_link->kind));
	port->tap = strcmp(ret_link->kind, "tun") == 0;
	port->physical = !table[IFLA_LINKINFO] || !info[IFLA_INFO_KIND];
	ret_link->loopback = header.ifi_flags & IFF_LOOPBACK;
	if (ret_link->loopback)
		port->physical = false;
	if (strcmp(nl_get_string(info[IFLA_INFO_SLAVE_KIND]) ?: "", "bridge") == 0)
		read_port_data(info[IFLA_INFO_SLAVE_DATA], port);
	read_port_alias(port);
	read_tap(table, info[IFLA_INFO_DATA], port, &ret_link->tap);
	read_tunnel(ret_link->kind, info[IFLA_INFO_DATA], port, &ret_link->tunnel);
	port->tap &= !ret_link->tap.carries_ip;
	if (strcmp(ret_link->kind, "bridge") == 0)
		read_bridge(table, info[IFLA_INFO_DATA], port->alias, port, &ret_link->bridge);
	read_families(table[IFLA_AF_SPEC], ret_link);
	if (ret_link->bridge.ifindex) {
		const struct dump_values *values = &ret_link->values;

		ret_link->bridge.addr_gen_mode = ret_link->addr_gen_mode;
		/* A kernel that was started without IPv6 (ipv6.disable=1) has no such value. */
		ret_link->bridge.ipv6_off = !(values->present >> VALUE_DISABLE_IPV6 & 1) || values->values[VALUE_DISABLE_IPV6];
	}
	return 0;
}

static bool read_ip(const struct nlattr *attribute, uint8_t family, struct ip *ret_ip)
{
	ret_ip->family = family;
	return nl_get(attribute, ret_ip->bytes_be, family == AF_INET6 ? 16 : 4);
}

/* One RTM_NEWADDR or RTM_DELADDR; the link's name is the caller's to fill in. -EPROTO for what is none. */
int dump_address(const struct nlmsghdr *message, struct netstate_address *ret_address, int *ret_ifindex,
		 bool *ret_link_local)
{
	const struct nlattr *table[LINK_IFA_PROTO + 1];
	struct ifa_cacheinfo lifetimes;
	struct ifaddrmsg header;

	memset(ret_address, 0, sizeof(*ret_address));
	if ((message->nlmsg_type != RTM_NEWADDR && message->nlmsg_type != RTM_DELADDR) || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if ((header.ifa_family != AF_INET && header.ifa_family != AF_INET6) ||
	    !read_ip(table[IFA_LOCAL] ?: table[IFA_ADDRESS], header.ifa_family, &ret_address->address))
		return -EPROTO;
	ret_address->prefix_length = header.ifa_prefixlen;
	ret_address->marked = nl_get_u8(table[LINK_IFA_PROTO], 0) == LINK_ADDRESS_OURS;
	ret_address->ending = nl_get(table[IFA_CACHEINFO], &lifetimes, sizeof(lifetimes)) && lifetimes.ifa_prefered != UINT32_MAX;
	*ret_ifindex = (int)header.ifa_index;
	*ret_link_local = header.ifa_family == AF_INET6 && ret_address->address.bytes_be[0] == 0xfe &&
			  (ret_address->address.bytes_be[1] & 0xc0) == 0x80;
	return 0;
}

static bool is_reject(const struct rtmsg *header)
{
	return header->rtm_type == RTN_UNREACHABLE || header->rtm_type == RTN_BLACKHOLE || header->rtm_type == RTN_PROHIBIT;
}

/*
 * Of a prefix that was delegated to a host nothing may leave it again: a DHCPv6 client has a route to all of it lead nowhere (RFC 7084,
 * WPD-5). systemd-networkd and dhcpcd mark such a one with this protocol, and take it away when their lease is over: the kernel
 * keeps no time for it (net/ipv6/route.c: ip6_route_info_create() gives it RTF_REJECT alone).
 */
static bool is_delegated(const struct rtmsg *header)
{
	return header->rtm_family == AF_INET6 && is_reject(header) && header->rtm_protocol == RTPROT_DHCP &&
	       header->rtm_dst_len >= NETSTATE_DELEGATED_MIN && header->rtm_dst_len <= NETSTATE_DELEGATED_MAX;
}

/* One RTM_NEWROUTE or RTM_DELROUTE. -EPROTO for what is none, -ENOENT for one that nobody's prefix can clash with. */
int dump_route(const struct nlmsghdr *message, struct netstate_route *ret_route, int *ret_ifindex)
{
	const struct nlattr *table[RTA_MAX + 1];
	struct rtmsg header;

	memset(ret_route, 0, sizeof(*ret_route));
	if ((message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if (header.rtm_flags & RTM_F_CLONED || header.rtm_type == RTN_LOCAL || header.rtm_type == RTN_BROADCAST ||
	    header.rtm_type == RTN_ANYCAST || header.rtm_type == RTN_MULTICAST)
		return -ENOENT;
	ret_route->destination.family = header.rtm_family;
	if (table[RTA_DST] && !read_ip(table[RTA_DST], header.rtm_family, &ret_route->destination))
		return -EPROTO;
	if (header.rtm_family == AF_INET6 && ret_route->destination.bytes_be[0] == 0xfe &&
	    (ret_route->destination.bytes_be[1] & 0xc0) == 0x80)
		return -ENOENT;
	ret_route->prefix_length = header.rtm_dst_len;
	ret_route->table = nl_get_u32(table[RTA_TABLE], header.rtm_table);
	ret_route->metric = nl_get_u32(table[RTA_PRIORITY], 0);
	ret_route->ours = header.rtm_protocol == NETSTATE_ROUTE_PROTOCOL;
	ret_route->delegated = is_delegated(&header);
	if (table[RTA_GATEWAY] && !read_ip(table[RTA_GATEWAY], header.rtm_family, &ret_route->gateway))
		return -EPROTO;
	/* One of IPv6 that leads nowhere has the loopback interface (net/ipv6/route.c: fib6_nh_init()). */
	*ret_ifindex = is_reject(&header) ? 0 : (int)nl_get_u32(table[RTA_OIF], 0);
	return 0;
}

/*
 * Did a router advertisement bring this RTM_NEWADDR or RTM_NEWROUTE? The kernel marks routes with RTPROT_RA. Addresses
 * bear no such mark before Linux 5.18, but those that somebody configured have no lifetime.
 */
bool dump_is_advertised(const struct nlmsghdr *message)
{
	const struct nlattr *table[IFA_MAX + 1];
	struct ifaddrmsg address;
	struct rtmsg route;

	if (message->nlmsg_type == RTM_NEWROUTE && message->nlmsg_len >= NLMSG_LENGTH(sizeof(route))) {
		memcpy(&route, NLMSG_DATA(message), sizeof(route));
		return route.rtm_family == AF_INET6 && route.rtm_protocol == RTPROT_RA;
	}
	if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(address)) ||
	    !nl_parse(message, sizeof(address), table, ARRAY_SIZE(table)))
		return false;
	memcpy(&address, NLMSG_DATA(message), sizeof(address));
	return address.ifa_family == AF_INET6 && address.ifa_scope == RT_SCOPE_UNIVERSE &&
	       !(nl_get_u32(table[IFA_FLAGS], address.ifa_flags) & IFA_F_PERMANENT);
}

/* Rules as lines. */

#define LINE_SIZE	4096

struct line {
	char *data;
	size_t length, size;
	bool overflow;
};

static void line_add(struct line *line, const char *bytes, size_t length)
{
	if (length >= line->size - line->length) {
		line->overflow = true;
		return;
	}
	memcpy(line->data + line->length, bytes, length);
	line->length += length;
	line->data[line->length] = '\0';
}

static void line_add_string(struct line *line, const char *string)
{
	line_add(line, string, strlen(string));
}

static void line_add_number(struct line *line, uint64_t number)
{
	char digits[24];

	line_add(line, digits, (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number));
}

static void line_add_hex(struct line *line, const struct nlattr *attribute)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *bytes = nl_data(attribute);

	for (size_t i = 0; i < nl_length(attribute); i++) {
		const char pair[2] = { digit[bytes[i] >> 4], digit[bytes[i] & 15] };

		line_add(line, pair, sizeof(pair));
	}
}

/*
 * Which attributes of an expression hold data (struct nft_data: a value or a verdict). The kernel does not
 * mark nested attributes of nftables, so this cannot be seen.
 */
static const struct {
	const char *name;
	uint32_t data;		/* bit n: attribute n */
} expression_table[] = {
	{ "bitwise", 1 << NFTA_BITWISE_MASK | 1 << NFTA_BITWISE_XOR | 1 << NFTA_BITWISE_DATA },
	{ "cmp", 1 << NFTA_CMP_DATA },
	{ "immediate", 1 << NFTA_IMMEDIATE_DATA },
};

static void add_data(struct line *line, const struct nlattr *attribute)
{
	const struct nlattr *data[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	if (!nl_parse_nested(attribute, data, ARRAY_SIZE(data)) ||
	    !nl_parse_nested(data[NFTA_DATA_VERDICT], verdict, ARRAY_SIZE(verdict))) {
		line->overflow = true;
		return;
	}
	if (data[NFTA_DATA_VALUE])
		line_add_hex(line, data[NFTA_DATA_VALUE]);
	if (data[NFTA_DATA_VERDICT]) {
		line_add_string(line, "verdict ");
		line_add_hex(line, verdict[NFTA_VERDICT_CODE]);
		line_add_string(line, " ");
		line_add_hex(line, verdict[NFTA_VERDICT_CHAIN]);
	}
}

static bool is_zero(const struct nlattr *attribute)
{
	uint32_t value;

	return nl_get(attribute, &value, sizeof(value)) && value == 0;
}

static void add_expression(struct line *line, const struct nlattr *expression)
{
	const struct nlattr *outer[NFTA_EXPR_MAX + 1], *table[32];
	const char *name;
	uint32_t data = 0;

	if (!nl_parse_nested(expression, outer, ARRAY_SIZE(outer)) ||
	    !nl_parse_nested(outer[NFTA_EXPR_DATA], table, ARRAY_SIZE(table)) ||
	    !(name = nl_get_string(outer[NFTA_EXPR_NAME]))) {
		line->overflow = true;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(expression_table); i++)
		if (strcmp(expression_table[i].name, name) == 0)
			data = expression_table[i].data;

	line_add_string(line, " [");
	line_add_string(line, name);
	for (size_t i = 1; i < ARRAY_SIZE(table); i++) {
		/* The kernel writes numbers that are 0 where we leave them out: flags, operators. */
		if (!table[i] || (!(data >> i & 1) && is_zero(table[i])))
			continue;
		line_add_string(line, " ");
		line_add_number(line, i);
		line_add_string(line, "=");
		if (data >> i & 1)
			add_data(line, table[i]);
		else
			line_add_hex(line, table[i]);
	}
	line_add_string(line, "]");
}

static void add_expressions(struct line *line, const struct nlattr *expressions)
{
	const struct nlattr *expression = NULL;

	while ((expression = nl_next(expressions, expression)))
		add_expression(line, expression);
}

static bool is_nft(const struct nlmsghdr *message, uint8_t type)
{
	return message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type) &&
	       message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nfgenmsg));
}

/* What one rule does, as text that can be compared. False when it cannot be written down. */
bool dump_rule_line(const struct nlmsghdr *message, char *buffer, size_t size)
{
	struct line line = { .data = buffer, .size = size };
	const struct nlattr *table[NFTA_RULE_MAX + 1];

	buffer[0] = '\0';
	if (!is_nft(message, NFT_MSG_NEWRULE) || !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return false;
	add_expressions(&line, table[NFTA_RULE_EXPRESSIONS]);
	return !line.overflow;
}

static void add_rule_line(struct dump_lines *lines, struct line *line, const struct nlattr **table)
{
	const char *chain = nl_get_string(table[NFTA_RULE_CHAIN]) ?: "";
	char number[16];

	if (strncmp(lines->chain, chain, sizeof(lines->chain)) != 0) {
		snprintf(lines->chain, sizeof(lines->chain), "%s", chain);
		lines->rule = 0;
	}
	line_add_string(line, "rule ");
	line_add_string(line, chain);
	line_add(line, number, (size_t)snprintf(number, sizeof(number), " %05u", lines->rule++));
	add_expressions(line, table[NFTA_RULE_EXPRESSIONS]);
}

static void add_chain_line(struct line *line, const struct nlattr **table)
{
	const struct nlattr *hook[NFTA_HOOK_MAX + 1];

	if (!nl_parse_nested(table[NFTA_CHAIN_HOOK], hook, ARRAY_SIZE(hook)))
		line->overflow = true;
	line_add_string(line, "chain ");
	line_add_string(line, nl_get_string(table[NFTA_CHAIN_NAME]) ?: "");
	if (!table[NFTA_CHAIN_HOOK])
		return;
	line_add_string(line, " type ");
	line_add_string(line, nl_get_string(table[NFTA_CHAIN_TYPE]) ?: "");
	line_add_string(line, " hook ");
	line_add_hex(line, hook[NFTA_HOOK_HOOKNUM]);
	line_add_string(line, " priority ");
	line_add_hex(line, hook[NFTA_HOOK_PRIORITY]);
	line_add_string(line, " policy ");
	line_add_hex(line, table[NFTA_CHAIN_POLICY]);
}

/* The lengths of the parts of a key, where those are ranges. */
static void add_description(struct line *line, const struct nlattr *description)
{
	const struct nlattr *table[NFTA_SET_DESC_MAX + 1], *field[NFTA_SET_FIELD_MAX + 1], *item = NULL;

	if (nl_length(description) == 0)
		return;
	line_add_string(line, " described");
	if (!nl_parse_nested(description, table, ARRAY_SIZE(table)) || table[NFTA_SET_DESC_SIZE])
		line_add_string(line, " bounded");
	while ((item = nl_next(table[NFTA_SET_DESC_CONCAT], item))) {
		if (!nl_parse_nested(item, field, ARRAY_SIZE(field)))
			line->overflow = true;
		line_add_string(line, " ");
		line_add_number(line, nl_get_u32_be(field[NFTA_SET_FIELD_LEN], 0));
	}
}

static void add_set_line(struct line *line, const struct nlattr **table)
{
	line_add_string(line, "set ");
	line_add_string(line, nl_get_string(table[NFTA_SET_NAME]) ?: "");
	line_add_string(line, " flags ");
	line_add_number(line, nl_get_u32_be(table[NFTA_SET_FLAGS], 0));
	line_add_string(line, " type ");
	line_add_number(line, nl_get_u32_be(table[NFTA_SET_KEY_TYPE], 0));
	line_add_string(line, " length ");
	line_add_number(line, nl_get_u32_be(table[NFTA_SET_KEY_LEN], 0));
	if (table[NFTA_SET_DATA_LEN]) {
		line_add_string(line, " data ");
		line_add_number(line, nl_get_u32_be(table[NFTA_SET_DATA_TYPE], 0));
		line_add_string(line, " length ");
		line_add_number(line, nl_get_u32_be(table[NFTA_SET_DATA_LEN], 0));
	}
	/* A bound on its elements, or expressions in each of them: no set of ours. */
	add_description(line, table[NFTA_SET_DESC]);
	if (table[NFTA_SET_EXPR] || table[NFTA_SET_EXPRESSIONS])
		line_add_string(line, " expressions");
}

static void append(struct dump_lines *lines, const struct line *line)
{
	char *copy;

	if (lines->n == lines->max) {
		size_t max = lines->max ? lines->max * 2 : 128;
		char **grown = reallocarray(lines->lines, max, sizeof(*grown));

		if (!grown) {
			lines->failed = true;
			return;
		}
		lines->lines = grown;
		lines->max = max;
	}
	copy = strdup(line->data);
	if (!copy || line->overflow)
		lines->failed = true;
	if (copy)
		lines->lines[lines->n++] = copy;
}

/* Adds the line of a set, a chain or a rule of @table_name, whose family may be inet or bridge. Everything else is passed over. */
void dump_lines_add(struct dump_lines *lines, const char *table_name, const struct nlmsghdr *message)
{
	const struct nfgenmsg *header = NLMSG_DATA(message);
	const struct nlattr *table[32];
	char buffer[LINE_SIZE] = "";
	struct line line = { .data = buffer, .size = sizeof(buffer) };
	_Static_assert(NFTA_RULE_TABLE == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_SET_TABLE == 1, "one place for the table's name");

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
	    !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)) ||
	    strcmp(nl_get_string(table[NFTA_RULE_TABLE]) ?: "", table_name) != 0)
		return;
	if (header->nfgen_family == NFPROTO_BRIDGE)
		line_add_string(&line, "bridge ");
	if (is_nft(message, NFT_MSG_NEWRULE))
		add_rule_line(lines, &line, table);
	else if (is_nft(message, NFT_MSG_NEWCHAIN))
		add_chain_line(&line, table);
	else if (is_nft(message, NFT_MSG_NEWSET))
		add_set_line(&line, table);
	else
		return;
	append(lines, &line);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Do both say the same? Sorts them. What could not be written down equals nothing. */
bool dump_lines_equal(struct dump_lines *a, struct dump_lines *b)
{
	if (a->failed || b->failed || a->n != b->n)
		return false;
	if (a->n == 0)
		return true;
	qsort(a->lines, a->n, sizeof(*a->lines), compare_lines);
	qsort(b->lines, b->n, sizeof(*b->lines), compare_lines);
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->lines[i], b->lines[i]) != 0)
			return false;
	return true;
}

void dump_lines_deinit(struct dump_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->lines[i]);
	free(lines->lines);
	*lines = DUMP_LINES_NULL;
}

/* One NFT_MSG_NEWTABLE. -EPROTO for what is none. */
int dump_table(const struct nlmsghdr *message, struct dump_table *ret_table)
{
	const struct nlattr *table[NFTA_TABLE_MAX + 1];

	if (!is_nft(message, NFT_MSG_NEWTABLE) || !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	*ret_table = (struct dump_table){
		.flags = nl_get_u32_be(table[NFTA_TABLE_FLAGS], 0),
		.owner = nl_get_u32_be(table[NFTA_TABLE_OWNER], 0),
		.handle = nl_get_u64_be(table[NFTA_TABLE_HANDLE], 0),
	};
	return 0;
}

#define LIMIT_SIZE	(sizeof(uint64_t) + sizeof(uint32_t))

/* A limit of an element as its data: the rate in bytes a second, and the burst. Zeros for one that is none of ours. False: no limit. */
static bool read_limit(const struct nlattr *attribute, uint8_t data[static LIMIT_SIZE])
{
	const struct nlattr *expression[NFTA_EXPR_MAX + 1], *limit[NFTA_LIMIT_MAX + 1];
	uint64_t rate, unit;
	uint32_t burst;

	if (!attribute || !nl_parse_nested(attribute, expression, ARRAY_SIZE(expression)) ||
	    strcmp(nl_get_string(expression[NFTA_EXPR_NAME]) ?: "", "limit") != 0 ||
	    !nl_parse_nested(expression[NFTA_EXPR_DATA], limit, ARRAY_SIZE(limit)))
		return false;
	memset(data, 0, LIMIT_SIZE);
	if (!nl_get(limit[NFTA_LIMIT_RATE], &rate, sizeof(rate)) || !nl_get(limit[NFTA_LIMIT_UNIT], &unit, sizeof(unit)) ||
	    be64toh(unit) != 1 || nl_get_u32_be(limit[NFTA_LIMIT_TYPE], 0) != NFT_LIMIT_PKT_BYTES ||
	    nl_get_u32_be(limit[NFTA_LIMIT_FLAGS], 0) != NFT_LIMIT_F_INV)
		return true;
	rate = be64toh(rate);
	burst = nl_get_u32_be(limit[NFTA_LIMIT_BURST], 0);
	memcpy(data, &rate, sizeof(rate));
	memcpy(data + sizeof(rate), &burst, sizeof(burst));
	return true;
}

/* The elements in one NFT_MSG_NEWSETELEM. A negative return of @each ends the reading and is returned. */
int dump_elements(const struct nlmsghdr *message, dump_each_element each, void *data)
{
	const struct nlattr *table[NFTA_SET_ELEM_LIST_MAX + 1], *item = NULL;
	const struct nlattr *element[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1], *value[NFTA_DATA_MAX + 1];
	const struct nlattr *end[NFTA_DATA_MAX + 1];
	uint8_t limit[LIMIT_SIZE];
	const void *last;
	int r;

	if (!is_nft(message, NFT_MSG_NEWSETELEM) || !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	while ((item = nl_next(table[NFTA_SET_ELEM_LIST_ELEMENTS], item))) {
		if (!nl_parse_nested(item, element, ARRAY_SIZE(element)) ||
		    !nl_parse_nested(element[NFTA_SET_ELEM_KEY], key, ARRAY_SIZE(key)) || !key[NFTA_DATA_VALUE] ||
		    !nl_parse_nested(element[NFTA_SET_ELEM_KEY_END], end, ARRAY_SIZE(end)) ||
		    (end[NFTA_DATA_VALUE] && nl_length(end[NFTA_DATA_VALUE]) != nl_length(key[NFTA_DATA_VALUE])) ||
		    !nl_parse_nested(element[NFTA_SET_ELEM_DATA], value, ARRAY_SIZE(value)))
			return -EPROTO;
		last = end[NFTA_DATA_VALUE] ? nl_data(end[NFTA_DATA_VALUE]) : NULL;
		if (read_limit(element[NFTA_SET_ELEM_EXPR], limit))
			r = each(nl_data(key[NFTA_DATA_VALUE]), last, nl_length(key[NFTA_DATA_VALUE]), limit, sizeof(limit), data);
		else
			r = each(nl_data(key[NFTA_DATA_VALUE]), last, nl_length(key[NFTA_DATA_VALUE]),
				 nl_data(value[NFTA_DATA_VALUE]), nl_length(value[NFTA_DATA_VALUE]), data);
		if (r < 0)
			return r;
	}
	return 0;
}

/* An RTM_NEWVLAN (net/bridge/br_vlan.c:br_vlan_fill_vids()); what is not, and other ports, are passed over. -EPROTO. */
int dump_vlans(const struct nlmsghdr *message, struct dump_vlans *vlans)
{
	const uint16_t flags = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED;
	const uint8_t *at = NLMSG_DATA(message), *end = (const uint8_t *)message + message->nlmsg_len;
	struct bridge_vlan_info info;
	struct br_vlan_msg header;

	if (message->nlmsg_type != RTM_NEWVLAN)
		return 0;
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(header)))
		return -EPROTO;
	memcpy(&header, at, sizeof(header));
	if ((int)header.ifindex != vlans->port)
		return 0;
	/* One attribute for each entry, all of one type. */
	at += NLMSG_ALIGN(sizeof(header));
	while (at < end && (size_t)(end - at) >= NLA_HDRLEN) {
		const struct nlattr *entry = (const struct nlattr *)at, *table[BRIDGE_VLANDB_ENTRY_INFO + 1];
		size_t step;

		if (entry->nla_len < NLA_HDRLEN || entry->nla_len > end - at)
			return -EPROTO;
		/* The last one need not be padded. */
		step = (size_t)NLA_ALIGN(entry->nla_len);
		at += step < (size_t)(end - at) ? step : (size_t)(end - at);
		if ((entry->nla_type & NLA_TYPE_MASK) != BRIDGE_VLANDB_ENTRY || !nl_parse_nested(entry, table, ARRAY_SIZE(table)) ||
		    !nl_get(table[BRIDGE_VLANDB_ENTRY_INFO], &info, sizeof(info)))
			continue;
		if (info.vid == vlans->vid && (info.flags & flags) == flags)
			vlans->found = true;
		else
			vlans->others = true;
	}
	return 0;
}
