/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ports of a network's services: whether its dnsmasq listens on them, and who does where it cannot.
 * System calls; event loop context: nothing here waits.
 *
 * Theory of operation. A dnsmasq that runs need not serve. It binds its DHCP socket to the device that has the
 * bridge's name while it starts, and its DNS sockets to the addresses that it finds there, and looks again only when
 * an address or a route changes (dnsmasq's netlink.c): the bridge's getting its name back is nothing that it hears
 * of. So what counts is what the kernel says of the sockets, in each pass; it is a part of what is.
 *
 * Before a start the ports are tried. One that another program holds is left to it, and dnsmasq is started
 * without that part: it would not start at all otherwise.
 */
#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../model/dnsmasq.h"
#include "../model/ip.h"
#include "holder.h"
#include "log.h"

#define PORT_DNS	53
#define PORT_DHCP	67

/* By user, device and address: hosts with many networks have many sockets, and each network looks for some of them. */
static int compare_sockets(const void *a, const void *b)
{
	const struct socket_entry *left = a, *right = b;

	if (left->uid != right->uid)
		return left->uid < right->uid ? -1 : 1;
	if (left->ifindex != right->ifindex)
		return left->ifindex < right->ifindex ? -1 : 1;
	return memcmp(&left->address, &right->address, sizeof(left->address));
}

static void sort_sockets(struct socket_list *list)
{
	if (list->n > 0)
		qsort(list->items, list->n, sizeof(*list->items), compare_sockets);
}

static bool has_socket(const struct socket_list *list, const struct socket_entry *key)
{
	return list->n > 0 && bsearch(key, list->items, list->n, sizeof(*list->items), compare_sockets);
}

/* Two dumps, however many networks there are. */
void listen_view_read(struct listen_view *ret_view)
{
	struct listen_view view = LISTEN_VIEW_NULL;

	view.known = sockets_read(IPPROTO_UDP, PORT_DHCP, &view.dhcp) == 0 &&
		     sockets_read(IPPROTO_UDP, PORT_DNS, &view.dns) == 0;
	sort_sockets(&view.dhcp);
	sort_sockets(&view.dns);
	*ret_view = view;
}

void listen_view_deinit(struct listen_view *view)
{
	socket_list_deinit(&view->dhcp);
	socket_list_deinit(&view->dns);
}

/* dnsmasq has one for all addresses, bound to the bridge. */
static bool has_dhcp_socket(const struct listen_view *view, int ifindex, uint32_t uid)
{
	const struct socket_entry key = { .address = ip_v4(0), .ifindex = ifindex, .uid = uid };

	return has_socket(&view->dhcp, &key);
}

static bool has_dns_socket(const struct listen_view *view, const struct ip *address, uint32_t uid)
{
	const struct socket_entry key = { .address = *address, .uid = uid };

	return has_socket(&view->dns, &key);
}

/*
 * Does the network's dnsmasq listen where guests will ask? What is missing because the bridge or an address is
 * missing is not its fault: that is put right first, and then looked at again.
 */
bool listen_is_heard(const struct listen_view *view, const struct managed *managed, const struct netstate *snapshot,
		     const struct subnet_choice *choice, uint32_t service_uid)
{
	const struct network *network = &managed->network;
	const struct netstate_bridge *bridge = netstate_find_bridge(snapshot, network->bridge);
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n = subnet_addresses(network, choice, addresses);
	bool any_v4 = false;

	if (!view->known || !bridge)
		return true;
	for (size_t i = 0; i < n; i++) {
		struct netstate_address address = { .address = addresses[i].ip, .prefix_length = addresses[i].prefix_length };

		memcpy(address.link, network->bridge, sizeof(address.link));
		if (!netstate_find_address(snapshot, &address))
			continue;
		any_v4 |= ip_is_v4(&address.address);
		if (network->dns && !(managed->withheld & SERVICE_DNS) && !has_dns_socket(view, &address.address, service_uid))
			return false;
	}
	return !any_v4 || !network->dhcp || managed->withheld & SERVICE_DHCP ||
	       has_dhcp_socket(view, bridge->ifindex, service_uid);
}

/* The first address whose port is taken, and for which protocol. */
static bool find_taken(const struct network *network, const struct subnet_choice *choice, uint16_t port,
		       struct socket_entry *ret_taken)
{
	static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n = subnet_addresses(network, choice, addresses);
	bool any_v4 = false;

	for (size_t i = 0; i < n; i++) {
		any_v4 |= ip_is_v4(&addresses[i].ip);
		for (size_t j = 0; port == PORT_DNS && j < ARRAY_SIZE(protocols); j++)
			if (socket_try(protocols[j], &addresses[i].ip, port) == -EADDRINUSE) {
				*ret_taken = (struct socket_entry){ .protocol = protocols[j], .address = addresses[i].ip, .port = port };
				return true;
			}
	}
	*ret_taken = (struct socket_entry){ .protocol = IPPROTO_UDP, .address = ip_v4(0), .port = port };
	return port == PORT_DHCP && any_v4 && socket_try(IPPROTO_UDP, &ret_taken->address, port) == -EADDRINUSE;
}

static bool is_any(const struct ip *ip)
{
	static const uint8_t zero[16];

	return memcmp(ip->bytes_be, zero, sizeof(zero)) == 0;
}

/* Who of those that hold the port stands in the way: who has this very address, or all of them. */
static bool find_holder(const struct socket_entry *taken, struct holder *ret_holder)
{
	struct socket_list list = SOCKET_LIST_NULL;
	const struct socket_entry *found = NULL;

	(void)sockets_read(taken->protocol, taken->port, &list);
	for (size_t i = 0; i < list.n; i++) {
		const struct socket_entry *entry = &list.items[i];
		bool same = memcmp(&entry->address, &taken->address, sizeof(entry->address)) == 0;

		/* An IPv6 socket for all addresses has those of IPv4 too, unless it was told otherwise. */
		if ((same || is_any(&entry->address)) && (!found || same) && entry->ifindex == 0)
			found = entry;
	}
	if (found)
		holder_find(found, ret_holder);
	socket_list_deinit(&list);
	return found != NULL;
}

static void tell_taken(struct managed *managed, const struct socket_entry *taken, unsigned int part)
{
	const bool dns = part == SERVICE_DNS;
	struct holder holder;
	char problem[384] = "", mend[128] = "";
	struct text text, fix;

	text_init(&text, problem, sizeof(problem));
	text_init(&fix, mend, sizeof(mend));
	text_add(&text, "%s port %u%s%s is held by ", taken->protocol == IPPROTO_TCP ? "TCP" : "UDP", taken->port, dns ? " of " : "",
		 dns ? IP_TEXT(&taken->address) : "");
	managed->withheld_kind = PROBLEM_HELD;
	if (find_holder(taken, &holder)) {
		if (strcmp(holder.command, "dnsmasq") == 0 || strcmp(holder.unit, "dnsmasq.service") == 0)
			managed->withheld_kind = PROBLEM_HELD_BY_DNSMASQ;
		holder_print(&holder, &text);
		holder_print_fix(&holder, &fix);
	} else {
		text_add(&text, "another program");
	}
	text_add(&text, "%s", dns ? ": guests get addresses, but no names from this host; stop it, or set [DNS] Enable=no"
				  : ": guests get no addresses from this host; stop it, or set [DHCP] Enable=no");
	managed_set_text(&managed->withheld_problem, problem);
	managed_set_text(&managed->withheld_fix, mend);
}

/*
 * Tries the ports of @parts (enum service_part), which no dnsmasq of this network may hold now, and notes in
 * @managed which parts are to be left out, and in words who has their port.
 */
void listen_try(struct managed *managed, const struct subnet_choice *choice, unsigned int parts)
{
	static const struct { unsigned int part; uint16_t port; } ports[] = {
		{ SERVICE_DNS, PORT_DNS }, { SERVICE_DHCP, PORT_DHCP },
	};
	const struct network *network = &managed->network;
	const unsigned int before = managed->withheld;

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		const unsigned int part = ports[i].part;
		const bool wanted = part == SERVICE_DNS ? network->dns : network->dhcp;
		struct socket_entry taken;

		if (!(parts & part))
			continue;
		managed->withheld &= ~part;
		if (!wanted || !find_taken(network, choice, ports[i].port, &taken))
			continue;
		managed->withheld |= part;
		if (before & part)
			continue;
		tell_taken(managed, &taken, part);
		log_say(4, network->name, network->bridge, "network %s: %s", network->name, managed->withheld_problem);
	}
	if (before && !managed->withheld)
		log_say(5, network->name, network->bridge, "network %s: the ports of its services are free again", network->name);
}
