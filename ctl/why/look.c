/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says of routes, devices, neighbours and settings.
 * System calls: rtnetlink, and reading below /proc/sys/net.
 */
#include "look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


/* The caller ends it with look_deinit(), after a failure too. */
int look_open(struct look *ret_look, struct failure *failure)
{
	int r = nl_channel_open(NETLINK_ROUTE, &ret_look->channel);

	if (r == 0)
		r = link_table_load(&ret_look->links);
	return r < 0 ? failure_set(failure, r, "cannot look at the network: %s", strerror(-r)) : 0;
}

void look_deinit(struct look *look)
{
	nl_channel_deinit(&look->channel);
	link_table_deinit(&look->links);
}

const struct link *look_link(const struct look *look, int index)
{
	for (size_t i = 0; i < look->links.n_links; i++)
		if (look->links.links[i].ifindex == index)
			return &look->links.links[i];
	return NULL;
}

const char *look_link_name(const struct look *look, int index)
{
	const struct link *link = look_link(look, index);

	return link && link->n_names > 0 ? link->names[0] : "";
}

static int read_route(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct rtmsg *header = NLMSG_DATA(message);
	const struct nlattr *table[RTA_MAX + 1];
	struct look_route *route = data;
	size_t length = header->rtm_family == AF_INET ? 4 : 16;

	if (message->nlmsg_type != RTM_NEWROUTE || !nl_parse(message, sizeof(*header), table, ARRAY_SIZE(table)))
		return 0;
	route->type = header->rtm_type;
	route->oif = (int)nl_get_u32(table[RTA_OIF], 0);
	route->has_gateway = nl_get(table[RTA_GATEWAY], route->gateway, length);
	(void)nl_get(table[RTA_PREFSRC], route->source, length);
	return 0;
}

/*
 * The route that the kernel would take. With a device of arrival (@iif, and a source) it is asked as for a packet that comes
 * in there, with everything that is checked then (net/ipv4/route.c:inet_rtm_getroute(), ip_route_input_rcu()). What it
 * refuses is in ret_route->error; other errors are returned.
 */
int look_route(struct look *look, uint8_t family, const uint8_t *target, const uint8_t *source, int iif, int oif,
	       struct look_route *ret_route)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	size_t length = family == AF_INET ? 4 : 16;
	const struct rtmsg header = {
		.rtm_family = family,
		.rtm_dst_len = (unsigned char)(length * 8),
		.rtm_src_len = source ? (unsigned char)(length * 8) : 0,
	};
	int r;

	*ret_route = (struct look_route){ 0 };
	nl_begin(&request, RTM_GETROUTE, 0, 0, &header, sizeof(header));
	nl_put(&request, RTA_DST, target, length);
	if (source)
		nl_put(&request, RTA_SRC, source, length);
	if (iif)
		nl_put_u32(&request, RTA_IIF, (uint32_t)iif);
	if (oif)
		nl_put_u32(&request, RTA_OIF, (uint32_t)oif);
	r = nl_transact(&look->channel, &request, read_route, ret_route);
	if (r == 0 && request.n_errors)
		ret_route->error = request.entries[0].error;
	switch (ret_route->type) {
	case RTN_UNREACHABLE: ret_route->error = -EHOSTUNREACH; break;
	case RTN_PROHIBIT: ret_route->error = -EACCES; break;
	case RTN_BLACKHOLE: ret_route->error = -EINVAL; break;
	default: break;
	}
	return r;
}

struct neighbour_search {
	uint8_t family;
	const uint8_t *address;
	const struct mac *mac;
	int ifindex;			/* of the device, or of the bridge */
	struct mac found_mac;
	int found_port;
	bool found;
};

static int each_neighbour(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *header = NLMSG_DATA(message);
	const struct nlattr *table[NDA_MAX + 1];
	struct neighbour_search *search = data;
	size_t length = search->family == AF_INET ? 4 : 16;
	struct mac mac;

	if (!nl_parse(message, sizeof(*header), table, ARRAY_SIZE(table)) || !nl_get(table[NDA_LLADDR], &mac, sizeof(mac)))
		return 0;
	if (search->mac) {
		if ((int)nl_get_u32(table[NDA_MASTER], 0) == search->ifindex && memcmp(&mac, search->mac, sizeof(mac)) == 0) {
			search->found_port = header->ndm_ifindex;
			search->found = true;
		}
	} else if (header->ndm_ifindex == search->ifindex && nl_length(table[NDA_DST]) == length &&
		   memcmp(nl_data(table[NDA_DST]), search->address, length) == 0) {
		search->found_mac = mac;
		search->found = true;
	}
	return 0;
}

static bool search_neighbours(struct look *look, uint8_t family, struct neighbour_search *search)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ndmsg header = { .ndm_family = family };

	nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
	return nl_dump(&look->channel, &request, each_neighbour, search) == 0 && search->found;
}

/* The MAC address that the host knows for an address on a device. */
bool look_neighbour(struct look *look, uint8_t family, const uint8_t *address, int ifindex, struct mac *ret_mac)
{
	struct neighbour_search search = { .family = family, .address = address, .ifindex = ifindex };

	if (!search_neighbours(look, family, &search))
		return false;
	*ret_mac = search.found_mac;
	return true;
}

/* The port behind which a bridge has learned an address; 0 when it has not. */
int look_bridge_port(struct look *look, int bridge, const struct mac *mac)
{
	struct neighbour_search search = { .family = AF_INET, .mac = mac, .ifindex = bridge };

	return search_neighbours(look, AF_BRIDGE, &search) ? search.found_port : 0;
}

struct ports {
	struct look_port *items;
	size_t n;
	int bridge;
};

static int each_learned(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *header = NLMSG_DATA(message);
	const struct nlattr *table[NDA_MAX + 1];
	struct ports *ports = data;
	struct mac mac;

	if (!nl_parse(message, sizeof(*header), table, ARRAY_SIZE(table)) || !nl_get(table[NDA_LLADDR], &mac, sizeof(mac)) ||
	    (int)nl_get_u32(table[NDA_MASTER], 0) != ports->bridge || header->ndm_state & NUD_PERMANENT)
		return 0;
	for (size_t i = 0; i < ports->n; i++)
		if (ports->items[i].ifindex == header->ndm_ifindex) {
			ports->items[i].mac = mac;
			ports->items[i].has_mac = true;
		}
	return 0;
}

static int each_address(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *header = NLMSG_DATA(message);
	const struct nlattr *table[NDA_MAX + 1];
	struct ports *ports = data;
	uint8_t address[16];
	struct mac mac;

	if (!nl_parse(message, sizeof(*header), table, ARRAY_SIZE(table)) || header->ndm_ifindex != ports->bridge ||
	    !nl_get(table[NDA_LLADDR], &mac, sizeof(mac)) ||
	    !nl_get(table[NDA_DST], address, header->ndm_family == AF_INET ? 4 : 16))
		return 0;
	for (size_t i = 0; i < ports->n; i++) {
		struct look_port *port = &ports->items[i];

		if (!port->has_mac || memcmp(&port->mac, &mac, sizeof(mac)) != 0)
			continue;
		if (header->ndm_family == AF_INET) {
			memcpy(port->address4, address, sizeof(port->address4));
			port->has_address4 = true;
		} else if (address[0] != 0xfe) {
			memcpy(port->address6, address, sizeof(port->address6));
			port->has_address6 = true;
		}
	}
	return 0;
}

static void read_ports(struct look *look, uint8_t family, int (*each)(const struct nlmsghdr *message, void *data), struct ports *ports)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ndmsg header = { .ndm_family = family };

	nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
	(void)nl_dump(&look->channel, &request, each, ports);
}

/* Who is behind these ports of a bridge: their ifindex is the caller's to say. What cannot be read is not known. */
void look_ports(struct look *look, int bridge, struct look_port *ports, size_t n)
{
	struct ports all = { .items = ports, .n = n, .bridge = bridge };

	read_ports(look, AF_BRIDGE, each_learned, &all);
	read_ports(look, AF_INET, each_address, &all);
	read_ports(look, AF_INET6, each_address, &all);
}

/* One byte of a link: below IFLA_LINKINFO, in the data of its kind or of its role as a port. */
struct link_search {
	uint16_t where;		/* IFLA_INFO_DATA or IFLA_INFO_SLAVE_DATA */
	uint16_t type;
	uint8_t value;
};

static int read_link(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *values[64];
	struct link_search *search = data;

	if (nl_parse(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table)) && table[IFLA_LINKINFO] &&
	    nl_parse_nested(table[IFLA_LINKINFO], info, ARRAY_SIZE(info)) && info[search->where] &&
	    nl_parse_nested(info[search->where], values, ARRAY_SIZE(values)))
		search->value = nl_get_u8(values[search->type], 0);
	return 0;
}

static uint8_t look_link_value(struct look *look, int ifindex, uint16_t where, uint16_t type)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = ifindex };
	struct link_search search = { .where = where, .type = type };

	nl_begin(&request, RTM_GETLINK, 0, 0, &header, sizeof(header));
	(void)nl_transact(&look->channel, &request, read_link, &search);
	return search.value;
}

struct device {
	struct mac mac;
	uint32_t group;
	bool has_mac;
};

static int read_device(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1];
	struct device *device = data;

	if (!nl_parse(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table)))
		return 0;
	device->group = nl_get_u32(table[IFLA_GROUP], 0);
	device->has_mac = nl_get(table[IFLA_ADDRESS], &device->mac, sizeof(device->mac));
	return 0;
}

static struct device ask_device(struct look *look, int ifindex)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = ifindex };
	struct device device = { .has_mac = false };

	nl_begin(&request, RTM_GETLINK, 0, 0, &header, sizeof(header));
	(void)nl_transact(&look->channel, &request, read_device, &device);
	return device;
}

/* A device's Ethernet address; false when it has none, or is not there. */
bool look_mac(struct look *look, int ifindex, struct mac *ret_mac)
{
	struct device device = ask_device(look, ifindex);

	*ret_mac = device.mac;
	return device.has_mac;
}

/* A device as rules see it. One that was not there when the links were read has its number alone; 0 is none. */
void look_packet_device(struct look *look, int ifindex, struct packet_device *ret_device)
{
	const struct link *link = look_link(look, ifindex);

	*ret_device = (struct packet_device){ .index = ifindex };
	if (!link)
		return;
	snprintf(ret_device->name, sizeof(ret_device->name), "%s", look_link_name(look, ifindex));
	snprintf(ret_device->kind, sizeof(ret_device->kind), "%.*s", IFNAME_SIZE - 1, link->kind);
	ret_device->group = ask_device(look, ifindex).group;
}

static int read_alias(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1];

	if (nl_parse(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table)))
		snprintf(data, LOOK_ALIAS_SIZE, "%s", nl_get_string(table[IFLA_IFALIAS]) ?: "");
	return 0;
}

/* What is written on a device; "" when nothing is, or it is not there. */
void look_alias(struct look *look, int ifindex, char alias[static LOOK_ALIAS_SIZE])
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = ifindex };

	alias[0] = '\0';
	nl_begin(&request, RTM_GETLINK, 0, 0, &header, sizeof(header));
	(void)nl_transact(&look->channel, &request, read_alias, alias);
}

static int read_tunnel(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1], *kind[IFLA_INFO_MAX + 1], *values[IFLA_VXLAN_MAX + 1];
	struct look_tunnel *tunnel = data;

	if (!nl_parse(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table)) ||
	    !table[IFLA_LINKINFO] || !nl_parse_nested(table[IFLA_LINKINFO], kind, ARRAY_SIZE(kind)) ||
	    strcmp(nl_get_string(kind[IFLA_INFO_KIND]) ?: "", "vxlan") != 0 ||
	    !kind[IFLA_INFO_DATA] || !nl_parse_nested(kind[IFLA_INFO_DATA], values, ARRAY_SIZE(values)))
		return 0;
	tunnel->port = ntohs(nl_get_u16(values[IFLA_VXLAN_PORT], 0));
	tunnel->under = (int)nl_get_u32(values[IFLA_VXLAN_LINK], 0);
	if (nl_get(values[IFLA_VXLAN_LOCAL], tunnel->local, 4))
		tunnel->family = AF_INET;
	else if (nl_get(values[IFLA_VXLAN_LOCAL6], tunnel->local, 16))
		tunnel->family = AF_INET6;
	return 0;
}

/*
 * nft's `fib`, a struct packet_fib's function: @data is a struct look. What depends on the device of an address is not told.
 * A guest that has no address yet is believed wherever it is (net/ipv4/netfilter/nft_fib_ipv4.c:nft_fib4_eval()).
 */
bool look_fib(void *data, const struct packet *packet, uint32_t flags, uint32_t result, uint32_t *ret_value)
{
	static const uint8_t nobody[16];
	const uint8_t *address = flags & NFTA_FIB_F_SADDR ? packet->source : packet->target;
	struct look *look = data;
	struct look_route route;
	int oif = 0;

	if (result == NFT_FIB_RESULT_OIF && flags & NFTA_FIB_F_SADDR && packet->family == AF_INET && memcmp(address, nobody, 4) == 0) {
		*ret_value = (uint32_t)packet->iif.index;
		return true;
	}
	if (result == NFT_FIB_RESULT_OIF && flags & NFTA_FIB_F_IIF)
		oif = packet->iif.index;
	if (look_route(look, packet->family, address, NULL, 0, oif, &route) < 0)
		return false;
	if (result == NFT_FIB_RESULT_OIF) {
		*ret_value = route.error || (route.type != RTN_UNICAST && route.type != RTN_LOCAL) ? 0 : (uint32_t)route.oif;
		return true;
	}
	if (flags & (NFTA_FIB_F_IIF | NFTA_FIB_F_OIF) && route.type == RTN_LOCAL)
		return false;
	*ret_value = route.error ? RTN_UNREACHABLE : route.type;
	return true;
}

/* False for what is no VXLAN device, or is not there. */
bool look_tunnel(struct look *look, int ifindex, struct look_tunnel *ret_tunnel)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = ifindex };

	*ret_tunnel = (struct look_tunnel){ 0 };
	nl_begin(&request, RTM_GETLINK, 0, 0, &header, sizeof(header));
	return nl_transact(&look->channel, &request, read_tunnel, ret_tunnel) == 0 && ret_tunnel->port;
}

bool look_port_is_isolated(struct look *look, int port)
{
	return look_link_value(look, port, IFLA_INFO_SLAVE_DATA, IFLA_BRPORT_ISOLATED);
}

/* br_netfilter: the module, and then its setting for all bridges or this bridge's own (br_netfilter_hooks.c). */
bool look_bridge_calls_iptables(struct look *look, int bridge, uint8_t family)
{
	long all = look_sysctl("bridge/bridge-nf-call-ip%stables", family == AF_INET ? "" : "6");

	if (all < 0)
		return false;
	return all > 0 || look_link_value(look, bridge, IFLA_INFO_DATA,
					  family == AF_INET ? IFLA_BR_NF_CALL_IPTABLES : IFLA_BR_NF_CALL_IP6TABLES);
}

/* The number in a file of /proc or /sys, decimal or as C writes it; negative when there is none. */
long look_number(const char *format, ...)
{
	char path[160], text[32] = "";
	va_list arguments;
	ssize_t n;
	int fd;

	va_start(arguments, format);
	vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 0) : -1;
}
