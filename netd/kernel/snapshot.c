/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: the kernel's networking as a struct netstate.
 * Reads; changes and decides nothing.
 *
 * Theory of operation
 *
 * What was read is kept (struct view), and only what is dirty is read again: a part as a whole by a dump, or, where
 * events name the interfaces that something has happened to, those interfaces with their addresses, each by its index.
 * A part that could not be read, or whose dump was interrupted, stays dirty as a whole.
 *
 * A dump is several system calls, and what it describes can change between them. rtnetlink says so (an
 * interrupted dump), nftables has a generation that is the same before and after a dump that is whole.
 * In both cases everything is read again, a few times; after that it is somebody else who never stops.
 *
 * Values of interfaces below /proc/sys/net come with the messages of links: reading a file of /proc takes seven times
 * as long. No event tells when they change; a dump of all links does, and whoever wants to be sure makes them dirty.
 */
#include "snapshot.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "dump.h"
#include "prefixes.h"
#include "proxies.h"
#include "rules.h"
#include "shaper.h"
#include "sysctl.h"
#include "tunnels.h"

#define ATTEMPTS	10

/* An interface: addresses and routes have only its index. */
struct view_link {
	int ifindex;
	char name[IFNAME_SIZE];
	bool ours;		/* a bridge of ours */
	bool port;		/* of any bridge or bond */
	bool card;		/* a network card that is no port */
	bool loopback;
	bool ra_address, ra_route;	/* has one by router advertisement */
	bool other_routes;	/* of ours: in the main table, and not made for one of its addresses */
	struct dump_values values;
	struct dump_tap tap;
};

/* Links, on their way into the view. */
struct reading {
	struct netstate *state;
	struct view_link *links;	/* owned */
	size_t n_links, max_links;
};

static int compare_links(const void *a, const void *b)
{
	const struct view_link *left = a, *right = b;

	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

static struct view_link *find_link(const struct view *view, int ifindex)
{
	const struct view_link key = { .ifindex = ifindex };

	if (view->n_links == 0)
		return NULL;
	return bsearch(&key, view->links, view->n_links, sizeof(key), compare_links);
}

static const struct view_link *find_link_name(const struct view *view, const char *name)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(&view->state, name);

	if (bridge)
		return find_link(view, bridge->ifindex);
	for (size_t i = 0; i < view->n_links; i++)
		if (strcmp(view->links[i].name, name) == 0)
			return &view->links[i];
	return NULL;
}

/* Compared as bytes: what is between its members is 0. */
static void set_view_link(struct view_link *item, const struct dump_link *link)
{
	memset(item, 0, sizeof(*item));
	item->ifindex = link->port.ifindex;
	item->ours = link->bridge.owner == NETSTATE_OURS;
	item->port = link->port.master;
	item->card = link->port.physical && !link->port.master;
	item->loopback = link->loopback;
	item->values = link->values;
	item->tap = link->tap;
	item->tap.declared &= link->port.tap;
	memcpy(item->name, link->port.name, IFNAME_SIZE);
}

static bool is_port(const struct dump_link *link)
{
	return !link->bridge.ifindex && !link->tunnel.network[0] && (link->port.master || link->port.tap || link->port.owner == NETSTATE_OURS ||
				       netstate_is_group(link->port.group));
}

static int each_link(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct dump_link link;
	int r;

	r = dump_link(message, &link);
	if (r < 0)
		return r;
	if (reading->n_links == reading->max_links) {
		size_t max = reading->max_links ? reading->max_links * 2 : 64;
		struct view_link *grown = reallocarray(reading->links, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		reading->links = grown;
		reading->max_links = max;
	}
	set_view_link(&reading->links[reading->n_links++], &link);
	if (link.tunnel.name[0] && netstate_add_tunnel(reading->state, &link.tunnel) < 0)
		return -ENOMEM;
	if (link.bridge.ifindex)
		return netstate_add_bridge(reading->state, &link.bridge);
	return is_port(&link) ? netstate_add_port(reading->state, &link.port) : 0;
}

/*
 * Is this a port of a bridge of ours, one that may have fallen from it, or one that went elsewhere with our group? Says
 * where it belongs.
 */
static bool is_our_port(const struct view *view, struct netstate_port *port)
{
	const struct view_link *master = find_link(view, port->master);

	if (port->owner != NETSTATE_OURS && !(master && master->ours) && !(port->tap && !port->master) &&
	    !netstate_is_group(port->group))
		return false;
	if (port->bridge[0] == '\0' && master)
		memcpy(port->bridge, master->name, sizeof(port->bridge));
	return true;
}

static void keep_our_ports(const struct view *view, struct netstate *state)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n_ports; i++) {
		if (!is_our_port(view, &state->ports[i]))
			continue;
		if (i != n)
			memcpy(&state->ports[n], &state->ports[i], sizeof(*state->ports));
		n++;
	}
	state->n_ports = n;
}

static bool same_links(const struct view *view, const struct reading *reading)
{
	if (view->n_links != reading->n_links)
		return false;
	for (size_t i = 0; i < view->n_links; i++)
		if (view->links[i].ifindex != reading->links[i].ifindex || view->links[i].ours != reading->links[i].ours ||
		    strcmp(view->links[i].name, reading->links[i].name) != 0)
			return false;
	return true;
}

/* A list that was read takes the place of the one before. */
#define TAKE(state, fresh, many)						\
	do {									\
		free((state)->many);						\
		(state)->many = steal_ptr((fresh)->many);			\
		(state)->n_##many = (fresh)->n_##many;				\
		(fresh)->n_##many = 0;						\
	} while (0)

#define SAME(a, b, many) ((a)->n_##many == (b)->n_##many && \
	((a)->n_##many == 0 || memcmp((a)->many, (b)->many, (a)->n_##many * sizeof(*(a)->many)) == 0))

static void replace_links(struct view *view, struct reading *reading)
{
	struct netstate *state = &view->state, *fresh = reading->state;
	struct view_link *fitting;
	bool changed;

	/* What is not in the messages of links stays as it is known. */
	for (size_t i = 0; i < reading->n_links; i++) {
		const struct view_link *before = find_link(view, reading->links[i].ifindex);

		reading->links[i].ra_address = before && before->ra_address;
		reading->links[i].ra_route = before && before->ra_route;
		reading->links[i].other_routes = before && before->other_routes;
	}
	changed = !SAME(view, reading, links);
	fitting = reallocarray(reading->links, reading->n_links + 1, sizeof(*fitting));

	free(view->links);
	view->links = fitting ?: reading->links;
	view->n_links = reading->n_links;
	keep_our_ports(view, fresh);
	netstate_sort(fresh);
	changed |= !SAME(state, fresh, bridges) || !SAME(state, fresh, ports);
	view->changes += changed;
	view->wholes += changed;
	view->all_values |= changed;
	free(state->bridges);
	free(state->ports);
	state->bridges = steal_ptr(fresh->bridges);
	state->n_bridges = fresh->n_bridges;
	state->ports = steal_ptr(fresh->ports);
	state->n_ports = fresh->n_ports;
	TAKE(state, fresh, tunnels);
}

/* All links. Addresses and routes have to be read again when a name means another one now. */
static int read_links(struct kernel *kernel)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct reading reading = { .state = &fresh };
	int r;

	nl_begin(&request, RTM_GETLINK, NLM_F_DUMP, 0, &header, sizeof(header));
	nl_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_dump(&kernel->rtnl, &request, each_link, &reading);
	if (r < 0) {
		free(reading.links);
		return r;
	}
	if (reading.n_links > 0)
		qsort(reading.links, reading.n_links, sizeof(*reading.links), compare_links);
	if (!same_links(&kernel->view, &reading))
		kernel->dirt.parts |= DIRTY_ADDRESSES | DIRTY_ROUTES;
	replace_links(&kernel->view, &reading);
	kernel->view.all_links = true;
	return 0;
}

/* What was asked of single interfaces. */
struct asking {
	struct view *view;
	struct dump_link found[DIRT_LINKS];	/* by tag; no index: it is gone */
};

static int each_asked_link(const struct nlmsghdr *message, uint32_t tag, void *data)
{
	struct asking *asking = data;

	return message->nlmsg_type == RTM_NEWLINK && tag < DIRT_LINKS ? dump_link(message, &asking->found[tag]) : 0;
}

static int ask_links(struct kernel *kernel, const struct dirt *dirt, struct asking *asking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	for (uint32_t i = 0; i < dirt->n_links; i++) {
		const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = dirt->links[i] };

		nl_begin(&batch, RTM_GETLINK, 0, i, &header, sizeof(header));
		nl_put_u32(&batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	}
	r = nl_transact(&kernel->rtnl, &batch, each_asked_link, asking);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		if (batch.entries[i].error && batch.entries[i].error != -ENODEV)
			r = batch.entries[i].error;
	return r;
}

static void remove_addresses(struct netstate *state, const char *link)
{
	size_t n, first = netstate_addresses_of(state, link, &n);

	memmove(&state->addresses[first], &state->addresses[first + n], (state->n_addresses - first - n) * sizeof(*state->addresses));
	state->n_addresses -= n;
}

static void remove_port(struct netstate *state, int ifindex)
{
	for (size_t i = 0; i < state->n_ports; i++)
		if (state->ports[i].ifindex == ifindex) {
			netstate_remove_port(state, i);
			return;
		}
}

static void remove_routes(struct netstate *state, const char *link)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n_routes; i++) {
		if (strcmp(state->routes[i].link, link) == 0 && state->routes[i].table == RT_TABLE_MAIN)
			continue;
		if (i != n)
			memcpy(&state->routes[n], &state->routes[i], sizeof(*state->routes));
		n++;
	}
	state->n_routes = n;
}

/* The route that the address has made, where it is known. */
static void remove_prefix(struct netstate *state, const struct netstate_address *address)
{
	const struct ip prefix = ip_mask(&address->address, address->prefix_length);
	size_t n, first = netstate_routes_to(state, &prefix, address->prefix_length, &n);

	for (size_t i = first + n; i > first; i--)
		if (strcmp(state->routes[i - 1].link, address->link) == 0 && state->routes[i - 1].table == RT_TABLE_MAIN)
			netstate_remove_route(state, i - 1);
}

/* Main's routes of a bridge of ours; where all of them are of its addresses, they need not be searched for. */
static void remove_routes_of(struct netstate *state, const struct view_link *link)
{
	size_t n, first = netstate_addresses_of(state, link->name, &n);

	if (link->other_routes) {
		remove_routes(state, link->name);
		return;
	}
	for (size_t i = first; i < first + n; i++)
		remove_prefix(state, &state->addresses[i]);
}

/* Forgets an interface and all that is on it. */
static void remove_link(struct view *view, struct view_link *link)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(&view->state, link->name);
	size_t i = (size_t)(link - view->links);

	if (bridge)
		netstate_remove_bridge(&view->state, (size_t)(bridge - view->state.bridges));
	remove_port(&view->state, link->ifindex);
	for (size_t j = view->state.n_tunnels; j > 0; j--)
		if (view->state.tunnels[j - 1].ifindex == link->ifindex)
			netstate_remove_tunnel(&view->state, j - 1);
	if (link->ours)
		remove_routes_of(&view->state, link);
	remove_addresses(&view->state, link->name);
	memmove(link, link + 1, (--view->n_links - i) * sizeof(*link));
}

/* -EINTR when another one has its name in the view: that one has changed, too, and its event is on its way. */
static int insert_link(struct view *view, const struct dump_link *link)
{
	struct view_link *grown;
	size_t i;

	if (find_link_name(view, link->port.name))
		return -EINTR;
	grown = reallocarray(view->links, view->n_links + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	view->links = grown;
	for (i = view->n_links; i > 0 && grown[i - 1].ifindex > link->port.ifindex; i--)
		;
	memmove(&grown[i + 1], &grown[i], (view->n_links++ - i) * sizeof(*grown));
	set_view_link(&grown[i], link);
	if (link->tunnel.name[0] && netstate_insert_tunnel(&view->state, &link->tunnel) < 0)
		return -ENOMEM;
	return link->bridge.ifindex ? netstate_insert_bridge(&view->state, &link->bridge) : 0;
}

static int each_port_of(const struct nlmsghdr *message, void *data)
{
	struct view *view = data;
	struct dump_link link;
	int r;

	r = dump_link(message, &link);
	if (r < 0 || !is_port(&link) || !is_our_port(view, &link.port))
		return r;
	remove_port(&view->state, link.port.ifindex);
	return netstate_insert_port(&view->state, &link.port);
}

/* A bridge has come, gone, or is called another way: its ports are ports of ours, or not, or of another bridge. */
static int read_ports_of(struct kernel *kernel, int bridge)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct netstate *state = &kernel->view.state;

	for (size_t i = state->n_ports; i > 0; i--)
		if (state->ports[i - 1].master == bridge)
			netstate_remove_port(state, i - 1);
	if (!find_link(&kernel->view, bridge))
		return 0;
	nl_begin(&request, RTM_GETLINK, NLM_F_DUMP, 0, &header, sizeof(header));
	/* Without IFLA_EXT_MASK: where there is one, the kernel asks all interfaces for their size first (rtnl_calcit()). */
	nl_put_u32(&request, IFLA_MASTER, (uint32_t)bridge);
	return nl_dump(&kernel->rtnl, &request, each_port_of, &kernel->view);
}

static int each_address(const struct nlmsghdr *message, void *data)
{
	struct view *view = data;
	struct netstate_address address;
	struct view_link *link;
	bool link_local;
	int ifindex, r;

	r = dump_address(message, &address, &ifindex, &link_local);
	if (r < 0)
		return 0;	/* of a family that is none of ours */
	link = find_link(view, ifindex);
	if (!link || link_local)
		return 0;
	link->ra_address |= dump_is_advertised(message);
	memcpy(address.link, link->name, sizeof(address.link));
	address.ours = link->ours;
	return netstate_add_address(&view->state, &address);
}

/* Addresses, without the link-local ones, which the kernel makes. */
static int read_addresses(struct kernel *kernel)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };

	kernel->view.changes++;
	kernel->view.wholes++;
	kernel->view.state.n_addresses = 0;
	for (size_t i = 0; i < kernel->view.n_links; i++)
		kernel->view.links[i].ra_address = false;
	nl_begin(&request, RTM_GETADDR, NLM_F_DUMP, 0, &header, sizeof(header));
	return nl_dump(&kernel->rtnl, &request, each_address, &kernel->view);
}

struct address_reading {
	struct view *view;
	struct view_link *link;
};

static int each_address_of(const struct nlmsghdr *message, void *data)
{
	const struct address_reading *reading = data;
	struct netstate_address address;
	bool link_local;
	int ifindex;

	/* A kernel that cannot be asked for one interface answers with all. */
	if (dump_address(message, &address, &ifindex, &link_local) < 0 || link_local || ifindex != reading->link->ifindex)
		return 0;
	reading->link->ra_address |= dump_is_advertised(message);
	memcpy(address.link, reading->link->name, sizeof(address.link));
	address.ours = reading->link->ours;
	return netstate_insert_address(&reading->view->state, &address);
}

static int read_addresses_of(struct kernel *kernel, int ifindex)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifaddrmsg header = { .ifa_family = AF_UNSPEC, .ifa_index = (uint32_t)ifindex };
	struct address_reading reading = { .view = &kernel->view, .link = find_link(&kernel->view, ifindex) };

	if (!reading.link)
		return 0;
	nl_begin(&request, RTM_GETADDR, NLM_F_DUMP, 0, &header, sizeof(header));
	return nl_dump(&kernel->rtnl, &request, each_address_of, &reading);
}

/* Was this route of the link made for one of its addresses? */
static bool is_of_address(const struct netstate *state, const struct netstate_route *route)
{
	size_t n, first = netstate_addresses_of(state, route->link, &n);

	for (size_t i = first; !route->ours && i < first + n; i++) {
		const struct netstate_address *address = &state->addresses[i];

		if (address->prefix_length == route->prefix_length && address->address.family == route->destination.family &&
		    ip_overlaps(&address->address, address->prefix_length, &route->destination, route->prefix_length))
			return true;
	}
	return false;
}

static void note_other_route(struct view_link *link, const struct view *view, const struct netstate_route *route)
{
	link->other_routes |= link->ours && route->table == RT_TABLE_MAIN && !is_of_address(&view->state, route);
}

struct route_reading {
	struct view *view;
	struct view_link *link;
};

static int each_route_of(const struct nlmsghdr *message, void *data)
{
	const struct route_reading *reading = data;
	struct netstate_route route;
	int ifindex;

	if (dump_route(message, &route, &ifindex) < 0 || ifindex != reading->link->ifindex || route.table != RT_TABLE_MAIN)
		return 0;
	reading->link->ra_route |= dump_is_advertised(message);
	if (!reading->link->ours)
		return 0;
	memcpy(route.link, reading->link->name, sizeof(route.link));
	note_other_route(reading->link, reading->view, &route);
	return netstate_insert_route(&reading->view->state, &route);
}

/* More addresses than so many of one bridge are not asked for one by one. */
#define ASKED_PREFIXES	16

/*
 * The routes of a bridge of ours that is up, where each of its addresses has its own: then no others have come or gone, or
 * there would have been an event. False: nothing is known.
 */
static bool ask_prefixes_of(struct kernel *kernel, const struct view_link *link)
{
	struct netstate *state = &kernel->view.state;
	const struct netstate_bridge *bridge = netstate_find_bridge(state, link->name);
	size_t n, first = netstate_addresses_of(state, link->name, &n);
	struct netstate_route routes[ASKED_PREFIXES];
	bool found[ASKED_PREFIXES];

	if (!bridge || !bridge->up || n > ASKED_PREFIXES ||
	    prefixes_ask(kernel, link->ifindex, &state->addresses[first], n, routes, found) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!found[i])
			return false;
	for (size_t i = 0; i < n; i++) {
		size_t others, place = netstate_routes_to(state, &routes[i].destination, routes[i].prefix_length, &others);
		bool known = false;

		/* Two addresses of one prefix have one route. */
		for (; others-- > 0; place++)
			known |= strcmp(state->routes[place].link, link->name) == 0 && state->routes[place].table == RT_TABLE_MAIN;
		memcpy(routes[i].link, link->name, sizeof(routes[i].link));
		if (!known && netstate_insert_route(state, &routes[i]) < 0)
			return false;
	}
	return true;
}

/*
 * The routes of one bridge of ours, in the table where the kernel puts those that it makes for addresses. Of another
 * interface only whether a router advertisement has brought one: there may be a million of others.
 *
 * They are gone through, all of them, where @all says so: where others may be there than its addresses have made. IPv4
 * routes go without an event when their interface goes down, or has lost its last address (fib_sync_down_dev()).
 */
static int read_routes_of(struct kernel *kernel, int ifindex, bool all)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct route_reading reading = { .view = &kernel->view, .link = find_link(&kernel->view, ifindex) };
	int r = 0;

	if (!reading.link || reading.link->port || reading.link->loopback)
		return 0;
	if (!all && (!reading.link->ours || ask_prefixes_of(kernel, reading.link)))
		return 0;
	if (reading.link->ours)
		remove_routes(&kernel->view.state, reading.link->name);
	reading.link->ra_route = reading.link->other_routes = false;
	for (size_t i = reading.link->ours ? 0 : 1; r == 0 && i < ARRAY_SIZE(families); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct rtmsg header = {
			.rtm_family = families[i], .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST,
			.rtm_protocol = reading.link->ours ? RTPROT_UNSPEC : RTPROT_RA,
		};

		nl_begin(&request, RTM_GETROUTE, NLM_F_DUMP, 0, &header, sizeof(header));
		nl_put_u32(&request, RTA_OIF, (uint32_t)ifindex);
		r = nl_dump(&kernel->rtnl, &request, each_route_of, (void *)&reading);
	}
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP || r == -ENOENT ? 0 : r;
}

static void touch(struct view *view, const char *name)
{
	if (view->n_touched < ARRAY_SIZE(view->touched))
		memcpy(view->touched[view->n_touched++], name, IFNAME_SIZE);
	else
		view->all_values = true;
}

/* The interfaces that events have named, one by one. After a failure what was read of them is worth nothing. */
static int read_some_links(struct kernel *kernel, const struct dirt *dirt)
{
	struct view *view = &kernel->view;
	struct asking asking = { .view = view };
	int bridges[DIRT_LINKS], r;
	unsigned int n_bridges = 0;
	bool all_routes[DIRT_LINKS];

	view->changes++;
	r = ask_links(kernel, dirt, &asking);
	/* All of them go before any of them comes: they may have changed names with each other. */
	for (unsigned int i = 0; r == 0 && i < dirt->n_links; i++) {
		const struct dump_link *now = &asking.found[i];
		struct view_link *before = find_link(view, dirt->links[i]);
		bool is_ours = now->bridge.owner == NETSTATE_OURS, was_ours = before && before->ours;

		if ((was_ours || is_ours) &&
		    (!before || !now->port.ifindex || was_ours != is_ours || strcmp(before->name, now->port.name) != 0))
			bridges[n_bridges++] = dirt->links[i];
		/* One that was not there has only what came with an event. */
		all_routes[i] = dirt->routed[i] || (before && (before->ours != is_ours || before->other_routes || before->ra_route));
		if (before)
			remove_link(view, before);
	}
	for (unsigned int i = 0; r == 0 && i < dirt->n_links; i++)
		if (asking.found[i].port.ifindex)
			r = insert_link(view, &asking.found[i]);
	for (unsigned int i = 0; r == 0 && i < dirt->n_links; i++) {
		struct dump_link *now = &asking.found[i];

		if (!now->port.ifindex)
			continue;
		touch(view, now->port.name);
		if (is_port(now) && is_our_port(view, &now->port))
			r = netstate_insert_port(&view->state, &now->port);
		if (r == 0)
			r = read_addresses_of(kernel, dirt->links[i]);
		if (r == 0)
			r = read_routes_of(kernel, dirt->links[i], all_routes[i]);
		if (r == 0)
			netstate_mark_routes_of(&view->state, now->port.name);
	}
	for (unsigned int i = 0; r == 0 && i < n_bridges; i++)
		r = read_ports_of(kernel, bridges[i]);
	return r == -ENODEV ? -EINTR : r;
}

static int each_route(const struct nlmsghdr *message, void *data)
{
	struct view *view = data;
	struct netstate_route route;
	struct view_link *link;
	int ifindex, r;

	r = dump_route(message, &route, &ifindex);
	if (r < 0)
		return 0;
	link = find_link(view, ifindex);
	if (link) {
		memcpy(route.link, link->name, sizeof(route.link));
		link->ra_route |= dump_is_advertised(message);
		note_other_route(link, view, &route);
	}
	return netstate_add_route(&view->state, &route);
}

static int read_routes(struct kernel *kernel)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	kernel->view.changes++;
	kernel->view.wholes++;
	kernel->view.state.n_routes = 0;
	for (size_t i = 0; i < kernel->view.n_links; i++)
		kernel->view.links[i].ra_route = kernel->view.links[i].other_routes = false;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct rtmsg header = { .rtm_family = families[i] };

		nl_begin(&request, RTM_GETROUTE, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&kernel->rtnl, &request, each_route, &kernel->view);
	}
	/* A kernel without IPv6 has no such routes. */
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

static bool is_proxied(const struct netstate *desired, const struct netstate_address *address)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(desired, address->link);

	return bridge && bridge->proxied[0];
}

/*
 * Routes that @desired has, and prefixes that the host is to answer for: those of others to the same places are kept in the
 * view, and looked for when they come or go. -ENOMEM only.
 */
static int watch_routes(struct view *view, const struct netstate *desired)
{
	const bool proxied = netstate_has_proxied(desired);
	struct netstate_route *watched;
	size_t n = 0, n_proxied = 0;

	/* Mostly there is none: no address is looked at then. */
	for (size_t i = 0; proxied && i < desired->n_addresses; i++)
		n_proxied += is_proxied(desired, &desired->addresses[i]);
	watched = calloc(desired->n_routes + n_proxied + 1, sizeof(*watched));
	if (!watched)
		return -ENOMEM;
	for (; n < desired->n_routes; n++)
		watched[n] = desired->routes[n];
	for (size_t i = 0; n_proxied > 0 && i < desired->n_addresses; i++)
		if (is_proxied(desired, &desired->addresses[i]))
			watched[n++] = (struct netstate_route){
				.destination = desired->addresses[i].address, .prefix_length = desired->addresses[i].prefix_length,
			};
	free(view->watched);
	view->watched = watched;
	view->n_watched = n;
	return 0;
}

/* What an interface was called at the last look; NULL when it was not there. Borrowed until the next one. */
const char *kernel_link_name(const struct kernel *kernel, int ifindex)
{
	const struct view_link *link = find_link(&kernel->view, ifindex);

	return link ? link->name : NULL;
}

/* Was this index a bridge of ours at the last look? */
bool kernel_is_our_bridge(const struct kernel *kernel, int ifindex)
{
	const struct view_link *link = find_link(&kernel->view, ifindex);

	return link && link->ours;
}

/* Does a route, but for a default route, lead to where an address or a route of ours is, or to more, or by a gateway there? */
bool kernel_is_overlap(const struct kernel *kernel, const struct netstate_route *route)
{
	const struct view *view = &kernel->view;

	for (size_t i = 0; i < view->n_watched; i++)
		if ((route->prefix_length > 0 && netstate_routes_overlap(&view->watched[i], route)) ||
		    (route->gateway.family && ip_overlaps(&view->watched[i].destination, view->watched[i].prefix_length,
							  &route->gateway, ip_bits(&route->gateway))))
			return true;
	return netstate_is_overlap(&view->state, route);
}

/*
 * What is not asked for, and dirty, is not there: the routes of interfaces that are no bridges of ours; but for those that
 * lead to where our bridges or routes are: whether they change is known.
 */
static void drop_foreign_routes(struct kernel *kernel)
{
	struct view *view = &kernel->view;
	struct netstate *state = &view->state;
	size_t n = 0;

	for (size_t i = 0; i < state->n_routes; i++) {
		const struct netstate_bridge *bridge = netstate_find_bridge(state, state->routes[i].link);

		if ((!bridge || bridge->owner != NETSTATE_OURS) && !kernel_is_overlap(kernel, &state->routes[i]))
			continue;
		if (i != n)
			memcpy(&state->routes[n], &state->routes[i], sizeof(*state->routes));
		n++;
	}
	state->n_routes = n;
	view->foreign_routes = false;
}

/*
 * While the host's switch is off, nothing can be said of who is taken out of forwarding, and when it goes on all are put
 * into it: what was read of interfaces before is then worth nothing. -EINTR when it went on or off while they were read.
 */
static int check_forwarding(struct kernel *kernel, bool links_read, bool all_read)
{
	struct view *view = &kernel->view;
	int now[2];

	if (!links_read)
		return 0;
	sysctl_read_forwarding(kernel, now);
	if (memcmp(now, view->forwards, sizeof(now)) != 0)
		return -EINTR;
	for (size_t i = 0; i < ARRAY_SIZE(now); i++)
		view->values_of_off[i] = now[i] == 0 || (!all_read && view->values_of_off[i]);
	return 0;
}

static bool has_value(const struct view_link *link, enum dump_value value, int32_t wanted)
{
	return link->values.present >> value & 1 && link->values.values[value] == wanted;
}

/* Interfaces of which there is something to say. */
static int find_devices(struct view *view)
{
	const uint64_t now = view->changes + 1;
	const bool off4 = view->forwards[0] == 0, off6 = view->forwards[1] == 0;
	const struct netstate_device all = { .name = "all", .off4 = off4, .off6 = off6 };
	int r;

	/* They are as they were while the links are, and their addresses and routes. */
	if (view->devices_of == now && memcmp(view->devices_forwards, view->forwards, sizeof(view->forwards)) == 0)
		return 0;
	view->devices_of = 0;
	view->state.n_devices = 0;
	r = netstate_add_device(&view->state, &all);
	for (size_t i = 0; r == 0 && i < view->n_links; i++) {
		const struct view_link *link = &view->links[i];
		struct netstate_device device = {
			.card = link->card,
			.ra = (link->ra_address || link->ra_route) && !link->ours,
			.off4 = !off4 && has_value(link, VALUE_FORWARDING4, 0),
			.off6 = !off6 && has_value(link, VALUE_FORWARDING6, 0),
		};

		if (link->loopback || link->port || (!device.card && !device.ra && !device.off4 && !device.off6))
			continue;
		memcpy(device.name, link->name, sizeof(device.name));
		r = netstate_add_device(&view->state, &device);
	}
	netstate_sort_devices(&view->state);
	memcpy(view->devices_forwards, view->forwards, sizeof(view->forwards));
	view->devices_of = r == 0 ? now : 0;
	return r;
}

/* An interface goes without a word about its IPv4 routes (fib_sync_down_dev()): were some of them in our way? */
static bool has_overlap_on(const struct kernel *kernel, const struct dirt *dirt)
{
	const struct view *view = &kernel->view;

	for (unsigned int i = 0; i < dirt->n_links; i++) {
		const struct view_link *link = find_link(view, dirt->links[i]);

		for (size_t j = 0; link && !link->ours && j < view->state.n_routes; j++)
			if (strcmp(view->state.routes[j].link, link->name) == 0 &&
			    kernel_is_overlap(kernel, &view->state.routes[j]))
				return true;
	}
	return false;
}

static bool is_dirty_link(const struct dirt *dirt, int ifindex)
{
	for (unsigned int i = 0; i < dirt->n_links; i++)
		if (dirt->links[i] == ifindex)
			return true;
	return false;
}

/* Has a queue changed at an interface that no event has named? */
static bool is_unexpected(const struct netstate *before, const struct netstate *after, const struct dirt *dirt)
{
	size_t i = 0, j = 0;

	while (i < before->n_shapers || j < after->n_shapers) {
		const struct netstate_shaper *old = i < before->n_shapers ? &before->shapers[i] : NULL;
		const struct netstate_shaper *new = j < after->n_shapers ? &after->shapers[j] : NULL;
		int order = !old ? 1 : !new ? -1 : strcmp(old->link, new->link);

		if ((order != 0 || memcmp(old, new, sizeof(*old)) != 0) &&
		    !is_dirty_link(dirt, order > 0 ? new->ifindex : old->ifindex))
			return true;
		i += order <= 0;
		j += order >= 0;
	}
	return false;
}

/* Queues are read while there are some of ours, all of them in one dump. */
static int read_shapers(struct kernel *kernel, const struct dirt *dirt)
{
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	struct netstate *state = &kernel->view.state;
	bool used = kernel->shapers_wanted;
	int r = shaper_read(kernel, &fresh);

	if (r < 0)
		return r;
	kernel->view.wholes += is_unexpected(state, &fresh, dirt);
	for (size_t i = 0; i < fresh.n_shapers; i++)
		used |= fresh.shapers[i].ours;
	kernel->shapers_used = used;
	TAKE(state, &fresh, shapers);
	return 0;
}

/* No event tells of these: they are read in each look while there are some of ours, all of them in one dump. */
static int read_proxies(struct kernel *kernel)
{
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	struct netstate *state = &kernel->view.state;
	bool used = kernel->proxies_wanted;
	int r = proxies_read(kernel, &fresh);

	if (r < 0)
		return r;
	kernel->view.wholes += !SAME(state, &fresh, proxies);
	for (size_t i = 0; i < fresh.n_proxies; i++)
		used |= fresh.proxies[i].ours;
	kernel->proxies_used = used;
	TAKE(state, &fresh, proxies);
	return 0;
}

/* Whom tunnels of ours lead to: read in each look while there are some that have that from a file. */
static int read_remotes(struct kernel *kernel)
{
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	struct netstate *state = &kernel->view.state;
	bool used = kernel->remotes_wanted;
	int r = tunnels_read_remotes(kernel, &fresh);

	if (r < 0)
		return r;
	for (size_t i = 0; i < state->n_tunnels; i++)
		used |= state->tunnels[i].network[0] && state->tunnels[i].listed;
	kernel->remotes_used = used;
	TAKE(state, &fresh, remotes);
	return 0;
}

static int look_once(struct kernel *kernel, unsigned int parts, const char **ret_what)
{
	struct view *view = &kernel->view;
	struct dirt dirt;
	bool all = false;
	int r;

	sysctl_read_forwarding(kernel, view->forwards);
	for (size_t i = 0; i < ARRAY_SIZE(view->forwards); i++)
		if (view->forwards[i] == 1 && view->values_of_off[i])
			kernel->dirt.parts |= DIRTY_LINKS;
	dirt = kernel->dirt;
	if (dirt.overlap || has_overlap_on(kernel, &dirt)) {
		kernel->dirt.parts |= DIRTY_ROUTES;
		parts |= SNAPSHOT_ROUTES;
	}
	*ret_what = "links";
	r = dirt.parts & DIRTY_LINKS ? read_links(kernel) : 0;
	if (r == 0 && dirt.n_links > 0 && (dirt.parts & (DIRTY_LINKS | DIRTY_ADDRESSES)) != (DIRTY_LINKS | DIRTY_ADDRESSES))
		r = read_some_links(kernel, &dirt);
	if (r == 0 && kernel->shapers_used && (dirt.parts & (DIRTY_LINKS | DIRTY_FILTERS) || dirt.n_links > 0)) {
		*ret_what = "queues";
		r = read_shapers(kernel, &dirt);
	}
	if (r == 0 && kernel->proxies_used) {
		*ret_what = "proxies";
		r = read_proxies(kernel);
	}
	if (r == 0 && kernel->remotes_used) {
		*ret_what = "forwarding entries";
		r = read_remotes(kernel);
	}
	if (r == 0 && kernel->dirt.parts & DIRTY_ADDRESSES && parts & SNAPSHOT_ADDRESSES) {
		*ret_what = "addresses";
		r = read_addresses(kernel);
		netstate_sort_addresses(&view->state);
		all = true;
	}
	/* For the routes of one's own bridges, all are read at first, and whenever the links are others. */
	if (r == 0 && kernel->dirt.parts & DIRTY_ROUTES && (parts & SNAPSHOT_ROUTES || kernel->dirt.parts & DIRTY_ADDRESSES)) {
		*ret_what = "routes";
		r = read_routes(kernel);
		netstate_sort_routes(&view->state);
		view->foreign_routes = true;
		kernel->dirt.parts &= ~(unsigned int)DIRTY_ROUTES;
		all = true;
	}
	if (r == 0 && all)
		netstate_mark_routes(&view->state);
	if (r == 0 && kernel->dirt.parts & DIRTY_ROUTES && view->foreign_routes)
		drop_foreign_routes(kernel);
	if (r == 0)
		r = check_forwarding(kernel, dirt.parts & DIRTY_LINKS || dirt.n_links > 0, dirt.parts & DIRTY_LINKS);
	if (r == 0)
		r = find_devices(view);
	if (r == 0 && parts & SNAPSHOT_RULES) {
		*ret_what = "nftables";
		r = rules_look(kernel, &dirt);
	}
	if (r < 0) {
		kernel->dirt = DIRT_EVERYTHING;
		return r;
	}
	kernel->dirt.n_links = 0;
	kernel->dirt.overlap = false;
	kernel->dirt.parts &= ~(unsigned int)(DIRTY_LINKS | DIRTY_SYSCTLS | DIRTY_FILTERS | (parts & SNAPSHOT_ADDRESSES ? DIRTY_ADDRESSES : 0) |
					      (parts & SNAPSHOT_RULES ? DIRTY_RULES : 0));
	return 0;
}

/*
 * Brings kernel->view up to date: what kernel->dirt names, of the parts that are asked for. Links are always read: the
 * rest needs their names. Without SNAPSHOT_ROUTES only routes of bridges of ours are sure to be there. Errors: -EINTR when the kernel's tables never stood still, others as they come; with a text.
 * After an error everything is dirty.
 */
int kernel_look(struct kernel *kernel, unsigned int parts, struct failure *failure)
{
	const char *what = "";
	int r = -EINTR;

	recorder_add_look(kernel->recorder, kernel, parts);
	kernel->view.all_links = false;
	for (unsigned int i = 0; r == -EINTR && i < ATTEMPTS; i++)
		r = look_once(kernel, parts, &what);
	return r < 0 ? failure_set(failure, r, "cannot read %s from the kernel: %s", what, strerror(-r)) : 0;
}

/* The interface and the value that a path such as "ipv6/conf/INTERFACE/accept_ra" is about; false when about neither. */
static bool split_path(const char *path, char link[IFNAME_SIZE], enum dump_value *ret_value)
{
	const char *rest, *name;
	bool v6 = str_has_prefix(path, "ipv6/conf/", &rest);

	if (!v6 && !str_has_prefix(path, "ipv4/conf/", &rest))
		return false;
	name = strchr(rest, '/');
	if (!name || name - rest >= IFNAME_SIZE || !dump_value_find(v6 ? "ipv6" : "ipv4", name + 1, ret_value))
		return false;
	memset(link, 0, IFNAME_SIZE);
	memcpy(link, rest, (size_t)(name - rest));
	return strcmp(link, "all") != 0 && strcmp(link, "default") != 0;
}

static bool is_touched(const struct view *view, const char *link)
{
	for (unsigned int i = 0; i < view->n_touched; i++)
		if (strcmp(view->touched[i], link) == 0)
			return true;
	return false;
}

/* The value at the path of @sysctl, into it; -ENOENT when there is no such thing. @before: as it was, or NULL. */
static int look_at_value(const struct kernel *kernel, const struct netstate_sysctl *before, struct netstate_sysctl *sysctl)
{
	const struct view *view = &kernel->view;
	const struct view_link *link;
	enum dump_value value;
	char name[IFNAME_SIZE];

	if (netstate_is_forwarding(sysctl->path)) {
		sysctl->value = view->forwards[sysctl->path[3] == '6'];
		return sysctl->value < 0 ? -ENOENT : 0;
	}
	if (!split_path(sysctl->path, name, &value))
		return sysctl_read(kernel, sysctl->path, &sysctl->value);
	if (before && !view->all_values && !is_touched(view, name)) {
		sysctl->value = before->value;
		return 0;
	}
	link = find_link_name(view, name);
	if (!link || !(link->values.present >> value & 1))
		return -ENOENT;
	sysctl->value = link->values.values[value];
	return 0;
}

/* One that is wanted, and may be another one than it was. -ENOMEM only. */
static int look_at_sysctl_again(struct kernel *kernel, const struct netstate_sysctl *wanted)
{
	struct netstate *state = &kernel->view.state;
	const struct netstate_sysctl *before = netstate_find_sysctl(state, wanted->path);
	struct netstate_sysctl sysctl = *wanted;
	int r = look_at_value(kernel, before, &sysctl);

	if (r == 0 && before)
		state->sysctls[before - state->sysctls] = sysctl;
	else if (r == 0)
		return netstate_insert_sysctl(state, &sysctl);
	else if (r != -ENOMEM && before)
		netstate_remove_sysctl(state, (size_t)(before - state->sysctls));
	return r == -ENOMEM ? r : 0;
}

static int look_at_sysctls_again(struct kernel *kernel, const struct netstate *desired, size_t first, size_t n)
{
	int r = 0;

	for (size_t i = first; r == 0 && i < first + n; i++)
		r = look_at_sysctl_again(kernel, &desired->sysctls[i]);
	return r;
}

static int look_at_sysctls_below(struct kernel *kernel, const struct netstate *desired, const char *family, const char *link)
{
	char prefix[64];
	size_t n, first;

	snprintf(prefix, sizeof(prefix), "%s/conf/%s%s", family, link, link[0] ? "/" : "");
	first = netstate_sysctls_below(desired, prefix, &n);
	return look_at_sysctls_again(kernel, desired, first, n);
}

/* What is not an interface's, and the values of interfaces that were read since the last time. -ENOMEM only. */
static int look_at_some_sysctls(struct kernel *kernel, const struct netstate *desired)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	const struct view *view = &kernel->view;
	size_t done = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		size_t n, first = netstate_sysctls_below(desired, i == 0 ? "ipv4/conf/" : "ipv6/conf/", &n);

		r = look_at_sysctls_again(kernel, desired, done, first - done);
		done = first + n;
		if (r == 0)
			r = look_at_sysctls_below(kernel, desired, families[i], "all");
		if (r == 0)
			r = look_at_sysctls_below(kernel, desired, families[i], "default");
		for (unsigned int j = 0; r == 0 && j < view->n_touched; j++)
			r = look_at_sysctls_below(kernel, desired, families[i], view->touched[j]);
	}
	return r ? r : look_at_sysctls_again(kernel, desired, done, desired->n_sysctls - done);
}

/*
 * To be called when @desired is another one: what the view has of others follows from it. @values: it may name values of
 * interfaces that were there before; those of one that is made for it come with its event. -ENOMEM only.
 */
int kernel_want(struct kernel *kernel, const struct netstate *desired, bool values)
{
	int r = watch_routes(&kernel->view, desired);

	kernel->view.new_desire |= values || r < 0;
	return r;
}

/*
 * The sysctls that @desired names, into the view; one that does not exist is left out. Those of interfaces are as
 * kernel_look() has found them, the others are read now. -ENOMEM only.
 */
int kernel_look_at_sysctls(struct kernel *kernel, const struct netstate *desired)
{
	struct view *view = &kernel->view;
	struct netstate fresh = NETSTATE_NULL;
	size_t next = 0;
	int r = 0;

	if (!view->all_values && !view->new_desire) {
		r = look_at_some_sysctls(kernel, desired);
		view->n_touched = 0;
		return r;
	}
	for (size_t i = 0; r == 0 && i < desired->n_sysctls; i++) {
		struct netstate_sysctl sysctl = desired->sysctls[i];
		const struct netstate_sysctl *before = NULL;

		/* Both are sorted. */
		while (next < view->state.n_sysctls && strcmp(view->state.sysctls[next].path, sysctl.path) < 0)
			next++;
		if (next < view->state.n_sysctls && strcmp(view->state.sysctls[next].path, sysctl.path) == 0)
			before = &view->state.sysctls[next];
		r = look_at_value(kernel, before, &sysctl);
		if (r == 0)
			r = netstate_add_sysctl(&fresh, &sysctl);
		else if (r != -ENOMEM)
			r = 0;
	}
	if (r < 0) {
		netstate_deinit(&fresh);
		return r;
	}
	TAKE(&view->state, &fresh, sysctls);
	view->all_values = view->new_desire = false;
	view->n_touched = 0;
	return 0;
}

/*
 * Queues are looked at while there are some of ours (kernel_look() does it), or @desired has some: where they were not until
 * now, they are read now. Errors as the kernel has them.
 */
int kernel_look_at_shapers(struct kernel *kernel, const struct netstate *desired)
{
	static const struct dirt nothing;

	kernel->shapers_wanted = desired->n_shapers > 0;
	if (!kernel->shapers_wanted || kernel->shapers_used)
		return 0;
	return read_shapers(kernel, &nothing);
}

/*
 * Addresses that the host answers for are looked at while there are some of ours (kernel_look() does it), or @desired has a
 * network with such: where it had none until now, they are read now, others' with them. Errors as the kernel has them.
 */
int kernel_look_at_proxies(struct kernel *kernel, const struct netstate *desired)
{
	const bool wanted_before = kernel->proxies_wanted;

	kernel->proxies_wanted = netstate_has_proxied(desired);
	return kernel->proxies_wanted && !wanted_before ? read_proxies(kernel) : 0;
}

/*
 * The same of whom tunnels lead to: they are looked at while there are tunnels of ours with a list, or @desired has such. It is to
 * be known what has become of the list, too: the monitor asks for events then. And what the ways there take, for each of those
 * that @desired has. Errors as the kernel has them.
 */
int kernel_look_at_remotes(struct kernel *kernel, const struct netstate *desired)
{
	kernel->remotes_wanted = desired->n_remotes > 0;
	kernel->remotes_used |= kernel->remotes_wanted;
	return kernel->remotes_wanted ? tunnels_look_at_ways(kernel, desired) : 0;
}

static int add_tap(struct netstate *fresh, const struct view *view, const struct view_link *link)
{
	struct netstate_tap tap;

	memset(&tap, 0, sizeof(tap));
	memcpy(tap.name, link->name, sizeof(tap.name));
	tap.ifindex = link->ifindex;
	tap.uid = link->tap.uid;
	tap.gid = link->tap.gid;
	tap.ours = link->tap.declared;
	tap.persist = link->tap.persist;
	tap.multi_queue = link->tap.multi_queue;
	tap.in_use = link->tap.in_use;
	/* A port of ours, as it is marked: the list has it, and knows where it belongs. */
	for (size_t i = 0; tap.ours && i < view->state.n_ports; i++)
		if (view->state.ports[i].ifindex == link->ifindex)
			memcpy(tap.bridge, view->state.ports[i].bridge, sizeof(tap.bridge));
	return netstate_add_tap(fresh, &tap);
}

/*
 * The taps that are marked as declared, and whatever is called as one that @desired declares, into the view, as
 * kernel_look() has found them. -ENOMEM only.
 */
int kernel_look_at_taps(struct kernel *kernel, const struct netstate *desired)
{
	struct view *view = &kernel->view;
	struct netstate fresh = NETSTATE_NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < view->n_links; i++)
		if (view->links[i].tap.declared || netstate_find_tap(desired, view->links[i].name))
			r = add_tap(&fresh, view, &view->links[i]);
	if (r < 0) {
		netstate_deinit(&fresh);
		return r;
	}
	netstate_sort_taps(&fresh);
	TAKE(&view->state, &fresh, taps);
	return 0;
}

/*
 * A value below /proc/sys/net was written: where no event tells of that, its interface is to be read again. One that is not
 * in the view was made since the last look, and the event that says so has not been read yet.
 */
void kernel_note_sysctl(struct kernel *kernel, const char *path)
{
	const struct view_link *link;
	enum dump_value value;
	char name[IFNAME_SIZE];

	if (!split_path(path, name, &value))
		return;
	link = find_link_name(&kernel->view, name);
	if (link)
		dirt_add_link(&kernel->dirt, link->ifindex, false);
}

static int copy_state(const struct netstate *state, struct netstate *ret_copy)
{
	struct netstate copy = { .table = state->table };
	int r = 0;

#define COPY(one, many)								\
	for (size_t i = 0; r == 0 && i < state->n_##many; i++)			\
		r = netstate_add_##one(&copy, &state->many[i]);
	NETSTATE_KINDS(COPY)
#undef COPY
	if (r < 0)
		netstate_deinit(&copy);
	else
		*ret_copy = copy;
	return r;
}

/*
 * Reads what @parts names, all of it afresh, into a sorted state, owned by the caller. @desired only says which
 * sysctls there are to look at, and may be NULL. Services are not the kernel's: there are none in it. Errors as
 * kernel_look().
 */
int kernel_snapshot(struct kernel *kernel, const struct netstate *desired, unsigned int parts,
		    struct netstate *ret_state, struct failure *failure)
{
	static const struct netstate nothing;
	int r;

	kernel->dirt = DIRT_EVERYTHING;
	kernel->view.new_desire = true;
	r = kernel_look(kernel, parts, failure);
	if (r < 0)
		return r;
	r = kernel_look_at_sysctls(kernel, desired && parts & SNAPSHOT_SYSCTLS ? desired : &nothing);
	if (r == 0)
		r = kernel_look_at_taps(kernel, desired ?: &nothing);
	if (r == 0)
		r = kernel_look_at_shapers(kernel, desired ?: &nothing);
	if (r == 0)
		r = kernel_look_at_proxies(kernel, desired ?: &nothing);
	if (r == 0)
		r = kernel_look_at_remotes(kernel, desired ?: &nothing);
	if (r == 0)
		r = copy_state(&kernel->view.state, ret_state);
	return r < 0 ? failure_set(failure, r, "%s", strerror(-r)) : 0;
}
