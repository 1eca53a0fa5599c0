/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's addresses on bridges.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <stdio.h>
#include <string.h>

#include "ip.h"

static bool is_first_address(const struct netstate *state, size_t i, const char *link)
{
	return i <= state->n_addresses && (i == 0 || strcmp(state->addresses[i - 1].link, link) < 0) &&
	       (i == state->n_addresses || strcmp(state->addresses[i].link, link) >= 0);
}

/* The first address on this link, or where it would be. */
static size_t first_address(const struct planner *planner, const struct netstate *state, const char *link)
{
	size_t *hint = &planner->hints->addresses[state == planner->desired];
	size_t n;

	/* The next link's addresses are mostly behind a few of the last one's. */
	for (size_t i = *hint; i <= *hint + 4; i++)
		if (is_first_address(state, i, link))
			return *hint = i;
	return *hint = netstate_addresses_of(state, link, &n);
}

#define for_each_address(state, address, on_link)						\
	for (const struct netstate_address *address = (state)->addresses + first_address(planner, state, on_link);\
	     address < (state)->addresses + (state)->n_addresses && strcmp(address->link, on_link) == 0;	\
	     address++)

/* The same address as it would be called on another link. */
static struct netstate_address address_on(const struct netstate_address *address, const char *link)
{
	struct netstate_address moved = *address;

	memset(moved.link, 0, sizeof(moved.link));
	snprintf(moved.link, sizeof(moved.link), "%s", link);
	return moved;
}

static bool is_remembered_address(const struct planner *planner, const struct netstate_address *address)
{
	for (size_t i = 0; i < planner->memory->n_addresses; i++) {
		const struct netstate_address *other = &planner->memory->addresses[i];

		if (strcmp(other->link, address->link) == 0 && other->prefix_length == address->prefix_length &&
		    memcmp(&other->address, &address->address, sizeof(other->address)) == 0)
			return true;
	}
	return false;
}

static bool same_address(const struct netstate_address *a, const struct netstate_address *b)
{
	return a->prefix_length == b->prefix_length && memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

/* The same address on a link of @state. */
static const struct netstate_address *find_on(const struct planner *planner, const struct netstate *state,
					      const char *link, const struct netstate_address *like)
{
	for_each_address(state, address, link)
		if (same_address(address, like))
			return address;
	return NULL;
}

/* Where the host's administrator has turned IPv6 off, a network is what it can be without. */
static void note_off(struct planner *planner, const char *network, const char *link, const struct netstate_address *address)
{
	planner_add_note(planner, PLAN_NOTE_ADDRESS_OFF, network, link, address);
	if (!planner->error)
		planner->plan.notes[planner->plan.n_notes - 1].harmless = address->chosen;
}

/*
 * Adds what a network should have on its bridge; of the rest, takes away what we have put there: by the kernel's word, or by
 * our memory, which is shorter.
 */
void plan_addresses(struct planner *planner, const struct job *job)
{
	const char *network = job->desired->network, *name = job->desired->name;
	const char *actual = job->seen ? job->seen->bridge->name : NULL;

	for_each_address(planner->desired, address, name) {
		const struct netstate_address *have = actual ? find_on(planner, planner->snapshot, actual, address) : NULL;

		if (!have && ip_is_v6(&address->address) && actual && job->seen->bridge->ipv6_off)
			note_off(planner, network, name, address);
		else if (!have)
			planner_add_address_step(planner, PHASE_ADD_ADDRESSES, PLAN_ADDRESS_ADD, OUTCOME_CREATE, network, address);
		else if (have->no_route)
			planner_add_address_step(planner, PHASE_UP, PLAN_ROUTE_ADD, OUTCOME_UPDATE, network, address);
	}
	if (!actual)
		return;
	for_each_address(planner->snapshot, address, actual) {
		struct netstate_address then;

		if (ip_is_link_local(&address->address) || find_on(planner, planner->desired, name, address))
			continue;
		then = address_on(address, name);
		if (address->marked || is_remembered_address(planner, &then) || is_remembered_address(planner, address))
			planner_add_address_step(planner, PHASE_REMOVE_ADDRESSES, PLAN_ADDRESS_REMOVE, OUTCOME_DELETE, network, &then);
		else if (!job->desired->existing && !job->desired->lan)
			planner_add_note(planner, PLAN_NOTE_ADDRESS_FOREIGN, network, name, address);
	}
}
