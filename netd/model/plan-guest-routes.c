/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes through guests: those that files ask for, and what is there of ours.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <string.h>

#include "ip.h"

/* The way of a network that chose its prefix by itself, before somebody wrote a [Route] to there. */
static const struct netstate_address *find_chosen(const struct planner *planner, const struct netstate_route *route)
{
	for (size_t i = 0; i < planner->desired->n_addresses; i++) {
		const struct netstate_address *address = &planner->desired->addresses[i];

		if (strcmp(address->link, route->link) != 0 &&
		    ip_overlaps(&address->address, address->prefix_length, &route->destination, route->prefix_length))
			return address;
	}
	return NULL;
}

static bool same_gateway(const struct netstate_route *a, const struct netstate_route *b)
{
	return memcmp(&a->gateway, &b->gateway, sizeof(a->gateway)) == 0;
}

/* Is this a route of ours on a bridge of ours, as it is called now? Anybody can write the same protocol elsewhere. */
static bool is_guest_route(const struct planner *planner, const struct netstate_route *route)
{
	return route->ours && route->table == NETSTATE_MAIN_TABLE && planner_find_seen_name(planner, route->link);
}

/* Somebody else's route to this prefix that the kernel takes instead of this one, or keeps it from being made. */
static const struct netstate_route *find_foreign_route(const struct planner *planner, const struct netstate_route *want)
{
	const struct netstate *snapshot = planner->snapshot;
	size_t n, first = netstate_routes_to(snapshot, &want->destination, want->prefix_length, &n);

	for (size_t i = first; i < first + n; i++)
		if (snapshot->routes[i].table == NETSTATE_MAIN_TABLE && snapshot->routes[i].metric <= want->metric &&
		    !is_guest_route(planner, &snapshot->routes[i]))
			return &snapshot->routes[i];
	return NULL;
}

static const struct netstate_route *find_guest_route(const struct planner *planner, const struct netstate *state,
						     const char *link, const struct netstate_route *like)
{
	size_t n, first = netstate_routes_to(state, &like->destination, like->prefix_length, &n);

	for (size_t i = first; i < first + n; i++) {
		const struct netstate_route *route = &state->routes[i];

		if (route->metric == like->metric && strcmp(route->link, link) == 0 && same_gateway(route, like) &&
		    (state == planner->desired || is_guest_route(planner, route)))
			return route;
	}
	return NULL;
}

static void note_guest_route(struct planner *planner, enum plan_note_kind kind, const struct job *job,
			     const struct netstate_route *route, const char *link, bool harmless)
{
	planner_add_note(planner, kind, job->desired->network, link, NULL);
	if (planner->error < 0)
		return;
	planner->plan.notes[planner->plan.n_notes - 1].address = route->destination;
	planner->plan.notes[planner->plan.n_notes - 1].prefix_length = route->prefix_length;
	planner->plan.notes[planner->plan.n_notes - 1].harmless = harmless;
}

static void plan_guest_route(struct planner *planner, const struct job *job, const struct netstate_route *want)
{
	const struct netstate_route *foreign = find_foreign_route(planner, want);
	const struct netstate_address *chosen = find_chosen(planner, want);
	const char *actual = job->seen ? job->seen->bridge->name : "";

	if (chosen)
		note_guest_route(planner, PLAN_NOTE_GUEST_ROUTE_TAKEN, job, want, chosen->link, false);
	else if (foreign)
		note_guest_route(planner, PLAN_NOTE_GUEST_ROUTE_FOREIGN, job, want, foreign->link,
				 strcmp(foreign->link, actual) == 0 && same_gateway(foreign, want));
	if (chosen || (foreign && foreign->metric == want->metric) ||
	    find_guest_route(planner, planner->snapshot, actual, want))
		return;
	planner_add_route_step(planner, PHASE_UP, PLAN_GUEST_ROUTE_ADD, OUTCOME_CREATE, job->desired->network, want);
}

/* What no file says any more; with a bridge that goes, they go by themselves. */
static void plan_stale_guest_route(struct planner *planner, const struct netstate_route *have)
{
	const struct seen *seen = planner_find_seen_name(planner, have->link);
	const struct job *job = planner_find_job(planner, seen->network);
	const struct netstate_route *want;
	struct netstate_route then = *have;

	if (!job || !planner_is_wanted(planner, seen->network) || job->seen != seen)
		return;
	want = find_guest_route(planner, planner->desired, job->desired->name, have);
	if (want && !find_chosen(planner, want))
		return;
	memcpy(then.link, job->desired->name, sizeof(then.link));
	planner_add_route_step(planner, PHASE_REMOVE_ADDRESSES, PLAN_GUEST_ROUTE_REMOVE, OUTCOME_DELETE, seen->network, &then);
}

void plan_guest_routes(struct planner *planner)
{
	for (size_t i = 0; i < planner->desired->n_routes; i++) {
		const struct netstate_route *want = &planner->desired->routes[i];
		const struct job *job = planner_find_job(planner, planner_network_of_link(planner, want->link));

		if (job && !job->blocked && !job->excepted)
			plan_guest_route(planner, job, want);
	}
	for (size_t i = 0; i < planner->snapshot->n_routes; i++)
		if (is_guest_route(planner, &planner->snapshot->routes[i]))
			plan_stale_guest_route(planner, &planner->snapshot->routes[i]);
}
