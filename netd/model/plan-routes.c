/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes of others that lead where a network is. They are never touched.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <errno.h>
#include <stdlib.h>

#include "ip.h"

#define LOCAL_TABLE	255	/* RT_TABLE_LOCAL */

/*
 * Those that may be in the way, of the main table or of all others: no default route, none of our own, and not that of a
 * prefix from which networks have theirs. The table of the host's own addresses says nothing that is not in another one. The
 * caller frees.
 */
static const struct netstate_route **find_foreign_routes(struct planner *planner, bool of_main, size_t *ret_n)
{
	const struct netstate *snapshot = planner->snapshot;
	const struct netstate_route **routes = calloc(snapshot->n_routes + 1, sizeof(*routes));

	*ret_n = 0;
	if (!routes)
		planner->error = -ENOMEM;
	for (size_t i = 0; routes && i < snapshot->n_routes; i++) {
		const struct netstate_route *route = &snapshot->routes[i];

		if ((route->table == NETSTATE_MAIN_TABLE) == of_main && route->table != LOCAL_TABLE &&
		    !netstate_is_default(route) && !route->delegated && !planner_network_of_link(planner, route->link))
			routes[(*ret_n)++] = route;
	}
	return routes;
}

/*
 * One that leads into the network counts more than one that leads to more than it, and one by an interface more than one that
 * leads nowhere; one of them is enough. The kernel has no routes by an interface that is down.
 */
static const struct netstate_route *find_overlap(const struct planner *planner, const struct netstate_route *const routes[],
						 size_t n, const struct netstate_address *address)
{
	const struct netstate_route *wider = NULL, *nowhere = NULL;
	const struct netstate_bridge *bridge;

	for (size_t i = 0; i < n; i++) {
		const struct netstate_route *route = routes[i];

		if (!ip_overlaps(&route->destination, route->prefix_length, &address->address, address->prefix_length))
			continue;
		if (route->prefix_length >= address->prefix_length && route->link[0])
			return route;
		bridge = planner_find_desired(planner, address->link);
		if (bridge && plan_proxies_is_lan(bridge, route, address))
			continue;
		/* A wider one that leads nowhere keeps strangers' traffic from leaving; the network's own is the better one. */
		if (route->link[0])
			wider = route;
		else if (route->prefix_length >= address->prefix_length)
			nowhere = route;
	}
	return nowhere ? nowhere : wider;
}

/* How the network gets out of the way: by itself where nobody is cut off who may not be, and where there is somebody to make way for. */
static enum plan_way find_way(const struct planner *planner, const struct netstate_address *address,
			      const struct netstate_route *route)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(planner->snapshot, address->link);

	if (!address->chosen)
		return PLAN_WAY_WRITTEN;
	if (!address->moves || !route->link[0] || !bridge)
		return PLAN_WAY_ASKED;
	return netstate_is_used(planner->snapshot, bridge) && !address->moves_guests ? PLAN_WAY_LATER : PLAN_WAY_NOW;
}

static void note_overlaps_of_kind(struct planner *planner, const struct netstate_route *const routes[], size_t n,
				  enum plan_note_kind kind)
{
	for (size_t i = 0; n > 0 && i < planner->desired->n_addresses; i++) {
		const struct netstate_address *address = &planner->desired->addresses[i];
		const struct netstate_route *route = find_overlap(planner, routes, n, address);
		const struct netstate_bridge *bridge = route ? netstate_find_bridge(planner->desired, address->link) : NULL;
		bool inside = route && route->prefix_length >= address->prefix_length;
		struct plan_note *note;

		if (!bridge || (kind != PLAN_NOTE_ROUTE_TABLE && inside != (kind == PLAN_NOTE_ROUTE_INSIDE)) ||
		    !planner_is_wanted(planner, bridge->network))
			continue;
		planner_add_note(planner, kind, bridge->network, route->link, NULL);
		if (planner->error < 0)
			break;
		note = &planner->plan.notes[planner->plan.n_notes - 1];
		note->address = route->destination;
		note->prefix_length = route->prefix_length;
		note->own = ip_mask(&address->address, address->prefix_length);
		note->own_length = address->prefix_length;
		note->way = find_way(planner, address, route);
		note->table = kind == PLAN_NOTE_ROUTE_TABLE ? route->table : 0;
	}
}

/* The last note of a network is what its status tells: the worse ones come behind. */
void plan_routes(struct planner *planner)
{
	size_t n;
	const struct netstate_route **routes = find_foreign_routes(planner, false, &n);

	if (routes)
		note_overlaps_of_kind(planner, routes, n, PLAN_NOTE_ROUTE_TABLE);
	free(routes);
	routes = find_foreign_routes(planner, true, &n);
	if (n > 0) {
		note_overlaps_of_kind(planner, routes, n, PLAN_NOTE_ROUTE_WIDER);
		note_overlaps_of_kind(planner, routes, n, PLAN_NOTE_ROUTE_INSIDE);
	}
	free(routes);
}
