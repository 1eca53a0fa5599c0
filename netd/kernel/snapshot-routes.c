/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and routes into the view: all of them, or those of one interface.
 * Reads; changes and decides nothing.
 */
#include "snapshot-internal.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "prefixes.h"

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
	link = view_find_link(view, ifindex);
	if (!link || link_local)
		return 0;
	link->ra_address |= dump_is_advertised(message);
	memcpy(address.link, link->name, sizeof(address.link));
	address.ours = link->ours;
	return netstate_add_address(&view->state, &address);
}

/* Addresses, without the link-local ones, which the kernel makes. */
int snapshot_read_addresses(struct kernel *kernel)
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

/* Those of one interface, which has none in the view. */
int snapshot_read_addresses_of(struct kernel *kernel, int ifindex)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifaddrmsg header = { .ifa_family = AF_UNSPEC, .ifa_index = (uint32_t)ifindex };
	struct address_reading reading = { .view = &kernel->view, .link = view_find_link(&kernel->view, ifindex) };

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

/* Forgets main's routes by an interface of this name. */
void snapshot_remove_routes(struct netstate *state, const char *link)
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
void snapshot_remove_routes_of(struct netstate *state, const struct view_link *link)
{
	size_t n, first = netstate_addresses_of(state, link->name, &n);

	if (link->other_routes) {
		snapshot_remove_routes(state, link->name);
		return;
	}
	for (size_t i = first; i < first + n; i++)
		remove_prefix(state, &state->addresses[i]);
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
int snapshot_read_routes_of(struct kernel *kernel, int ifindex, bool all)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct route_reading reading = { .view = &kernel->view, .link = view_find_link(&kernel->view, ifindex) };
	int r = 0;

	if (!reading.link || reading.link->port || reading.link->loopback)
		return 0;
	if (!all && (!reading.link->ours || ask_prefixes_of(kernel, reading.link)))
		return 0;
	if (reading.link->ours)
		snapshot_remove_routes(&kernel->view.state, reading.link->name);
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

static int each_route(const struct nlmsghdr *message, void *data)
{
	struct view *view = data;
	struct netstate_route route;
	struct view_link *link;
	int ifindex, r;

	r = dump_route(message, &route, &ifindex);
	if (r < 0)
		return 0;
	link = view_find_link(view, ifindex);
	if (link) {
		memcpy(route.link, link->name, sizeof(route.link));
		link->ra_route |= dump_is_advertised(message);
		note_other_route(link, view, &route);
	}
	return netstate_add_route(&view->state, &route);
}

/* All routes of both families, of whatever interface. */
int snapshot_read_routes(struct kernel *kernel)
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
int snapshot_watch_routes(struct view *view, const struct netstate *desired)
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
void snapshot_drop_foreign_routes(struct kernel *kernel)
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

/* An interface goes without a word about its IPv4 routes (fib_sync_down_dev()): were some of them in our way? */
bool snapshot_has_overlap_on(const struct kernel *kernel, const struct dirt *dirt)
{
	const struct view *view = &kernel->view;

	for (unsigned int i = 0; i < dirt->n_links; i++) {
		const struct view_link *link = view_find_link(view, dirt->links[i]);

		for (size_t j = 0; link && !link->ours && j < view->state.n_routes; j++)
			if (strcmp(view->state.routes[j].link, link->name) == 0 &&
			    kernel_is_overlap(kernel, &view->state.routes[j]))
				return true;
	}
	return false;
}
