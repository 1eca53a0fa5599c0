/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table with its elements, and the rules for the checksums of DHCP replies.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <stdio.h>
#include <string.h>

#include "../../lib/util.h"
#include "ip.h"
#include "ruleset.h"

static bool has_link_name(const struct netstate_element *element)
{
	return ruleset_set_key(element->set)[0] == 'n';
}

/* Whose a forward was is not in its key; and nothing is lost when it goes at once. */
static bool is_forward(const struct netstate_element *element)
{
	return ruleset_set_feature(element->set) == RULESET_FORWARD;
}

static const char *network_of_address(const struct planner *planner, const struct netstate *state,
				      const struct netstate_element *element)
{
	for (size_t i = 0; i < state->n_addresses; i++) {
		const struct netstate_address *address = &state->addresses[i];

		if (ip_is_v4(&address->address) && memcmp(address->address.bytes_be, element->key, 4) == 0)
			return planner_network_of_link(planner, address->link);
	}
	return NULL;
}

/* The network whose guests' ports have this group. */
static const char *network_of_group(const struct planner *planner, const struct netstate_element *element)
{
	uint32_t group;

	memcpy(&group, element->key, sizeof(group));
	for (size_t i = 0; i < planner->desired->n_bridges; i++)
		if (planner->desired->bridges[i].port_group == group)
			return planner->desired->bridges[i].network;
	return NULL;
}

/* Whose an element of the snapshot is; NULL when nobody's any more. */
static const char *network_of_element(const struct planner *planner, const struct netstate_element *element)
{
	char link[IFNAME_SIZE];
	const char *network;

	if (has_link_name(element)) {
		memcpy(link, element->key, sizeof(link));
		link[sizeof(link) - 1] = '\0';
		return planner_network_of_link(planner, link);
	}
	if (ruleset_set_key(element->set)[0] == 'g')
		return network_of_group(planner, element);
	if (element->set == NETSTATE_SET_GUARD)
		return NULL;
	network = network_of_address(planner, planner->desired, element);
	return network ? network : network_of_address(planner, planner->snapshot, element);
}

static bool is_desired_element(const struct planner *planner, const struct netstate_element *element, bool with_excepted)
{
	const struct job *job = planner_find_job(planner, element->network);

	/* What belongs to all is there as long as one of them is. */
	if (!element->network[0])
		return true;
	return job && !job->blocked && (with_excepted || !job->excepted);
}

static void plan_stale_element(struct planner *planner, const struct netstate_element *element)
{
	const char *network = is_forward(element) ? NULL : network_of_element(planner, element);
	bool wanted = is_forward(element) || (network && planner_is_wanted(planner, network));

	if (network && planner_is_excepted(planner, network))
		return;
	/* What a network loses while it lives, it loses with the same batch; else not before it is down. */
	planner_add_element_step(planner, wanted ? PHASE_RULES : PHASE_REMOVE_RULES, PLAN_ELEMENT_REMOVE, OUTCOME_DELETE,
				 network ? network : "", element);
}

/* A key of a map cannot be given another value: it goes and comes in one transaction, in this order. */
static void plan_changed_element(struct planner *planner, const struct netstate_element *want,
				 const struct netstate_element *have)
{
	planner_add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_REMOVE, OUTCOME_UPDATE, want->network, have);
	planner_add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_ADD, OUTCOME_UPDATE, want->network, want);
}

/*
 * An element that begins with the name which its bridge is about to get. It is there before the bridge is called so: what
 * is not known by its name is not filtered.
 */
static bool is_ahead(const struct planner *planner, const struct netstate_element *element)
{
	const struct job *job = has_link_name(element) ? planner_find_job(planner, element->network) : NULL;

	return job && job->seen && memcmp(job->desired->name, element->key, IFNAME_SIZE) == 0 &&
	       strcmp(job->seen->bridge->name, job->desired->name) != 0;
}

/* Has every network that should be there its elements? So it is mostly, and then not each of them is looked up. */
static bool are_all_possible(const struct planner *planner)
{
	for (size_t i = 0; i < planner->n_jobs; i++)
		if (planner->jobs[i].blocked)
			return false;
	return true;
}

static void plan_element_changes(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;
	const bool all = are_all_possible(planner);
	size_t i = 0, j = 0;

	while (i < desired->n_elements || j < snapshot->n_elements) {
		const struct netstate_element *want = i < desired->n_elements ? &desired->elements[i] : NULL;
		const struct netstate_element *have = j < snapshot->n_elements ? &snapshot->elements[j] : NULL;
		int order = !want ? 1 : !have ? -1 : netstate_compare_elements(want, have);

		if (order < 0) {
			if (is_desired_element(planner, want, false))
				planner_add_element_step(planner, is_ahead(planner, want) ? PHASE_RULES_AHEAD : PHASE_RULES,
							 PLAN_ELEMENT_ADD, OUTCOME_CREATE, want->network, want);
			i++;
		} else if (order > 0) {
			plan_stale_element(planner, have);
			j++;
		} else {
			/* A network that cannot be has no elements either. */
			if (!all && !is_desired_element(planner, want, true))
				plan_stale_element(planner, have);
			else if (!netstate_same_data(want, have) && is_desired_element(planner, want, false))
				plan_changed_element(planner, want, have);
			i++;
			j++;
		}
	}
}

/* Has anything but what leaves later to be changed? Looks at steps from @first on. */
static bool has_changes_now(const struct planner *planner, size_t first)
{
	for (size_t i = first; i < planner->plan.n_steps; i++)
		if (planner->plan.steps[i].phase == PHASE_RULES || planner->plan.steps[i].phase == PHASE_RULES_AHEAD)
			return true;
	return false;
}

static bool covers_prefixes(const struct netstate_table *table, const struct netstate_table *wanted)
{
	bool covers = !(wanted->prefixes4 & ~table->prefixes4) && !(wanted->features & ~table->features);

	for (size_t i = 0; i < ARRAY_SIZE(table->prefixes6); i++)
		covers &= !(wanted->prefixes6[i] & ~table->prefixes6[i]);
	return covers;
}

static bool same_prefixes(const struct netstate_table *a, const struct netstate_table *b)
{
	return a->prefixes4 == b->prefixes4 && a->features == b->features &&
	       memcmp(a->prefixes6, b->prefixes6, sizeof(a->prefixes6)) == 0;
}

/*
 * Are the rules those that we would make? More prefix lengths and features than needed do no harm; but rules for
 * bridges cost every frame of the host something.
 */
bool plan_keeps_table(const struct netstate_table *actual, const struct netstate_table *wanted)
{
	if (actual->features & ~wanted->features & RULESET_BRIDGED)
		return false;
	if (actual->state != NETSTATE_TABLE_EQUAL || !covers_prefixes(actual, wanted))
		return false;
	return !actual->fingerprint || !wanted->fingerprint || !same_prefixes(actual, wanted) ||
	       actual->fingerprint == wanted->fingerprint;
}

static struct netstate_element bridge_element(const char name[static IFNAME_SIZE], const char *network)
{
	struct netstate_element element = { .set = NETSTATE_SET_BRIDGES, .key_length = IFNAME_SIZE };

	memcpy(element.key, name, IFNAME_SIZE);
	snprintf(element.network, sizeof(element.network), "%s", network);
	return element;
}

/* A bridge that is about to go: a member of the set of bridges, of no other, and that until it is down. */
static void add_closing_element(struct planner *planner, const struct seen *seen)
{
	const struct netstate_element element = bridge_element(seen->bridge->name, seen->network);

	planner_add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_ADD, OUTCOME_DELETE, seen->network, &element);
	planner_add_element_step(planner, PHASE_REMOVE_RULES, PLAN_ELEMENT_REMOVE, OUTCOME_DELETE, seen->network, &element);
}

/* A name in the set of bridges, and in no other: what comes from a bridge of this name goes nowhere. */
static bool close_ahead(struct planner *planner, const char name[static IFNAME_SIZE], const char *network)
{
	const struct netstate_element element = bridge_element(name, network);

	if (netstate_find_element(planner->snapshot, &element))
		return false;
	planner_add_element_step(planner, PHASE_RULES_AHEAD, PLAN_ELEMENT_ADD, OUTCOME_UPDATE, network, &element);
	return true;
}

/* Is there a set for it in the table as it is? */
static bool fits(const struct netstate_table *table, const struct netstate_element *element)
{
	const uint32_t feature = ruleset_set_feature(element->set);

	if (feature && !(table->features & feature))
		return false;
	if (!ruleset_set_has_prefixes(element->set))
		return true;
	return strcmp(ruleset_set_key(element->set), "n6") == 0 ? ruleset_has_prefix6(table, element->prefix_length) :
								   ruleset_has_prefix4(table, element->prefix_length);
}

/* What the table that goes can take of names which bridges are about to get. It takes the set of bridges in any case. */
static void add_fitting_ahead(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	if (snapshot->table.state != NETSTATE_TABLE_EQUAL)
		return;
	for (size_t i = 0; i < desired->n_elements; i++) {
		const struct netstate_element *element = &desired->elements[i];

		if (is_desired_element(planner, element, false) && is_ahead(planner, element) && fits(&snapshot->table, element) &&
		    !netstate_find_element(snapshot, element))
			planner_add_element_step(planner, PHASE_RULES_AHEAD, PLAN_ELEMENT_ADD, OUTCOME_UPDATE, element->network, element);
	}
}

/* Bridges that get another name, with their names of a moment when they change names with each other. */
static void close_names_ahead(struct planner *planner, bool replaced)
{
	for (size_t i = 0; i < planner->n_jobs && planner->snapshot->table.state == NETSTATE_TABLE_EQUAL; i++) {
		const struct job *job = &planner->jobs[i];
		const char *network = job->desired->network;

		if (job->excepted || !job->seen || job->desired->open || job->desired->existing || job->desired->lan ||
		    !job->seen->bridge->up)
			continue;
		if (job->seen->moved && close_ahead(planner, job->seen->name, network) && !replaced) {
			const struct netstate_element element = bridge_element(job->seen->name, network);

			/* One that is blocked keeps the name of a moment until it is down. */
			planner_add_element_step(planner, job->blocked ? PHASE_REMOVE_RULES : PHASE_RULES, PLAN_ELEMENT_REMOVE,
						 OUTCOME_UPDATE, network, &element);
		}
	}
	if (replaced)
		add_fitting_ahead(planner);
}

/* Is the host itself behind this bridge, by a network card? Then no rule was about it, and none may be. */
static bool is_host_s(const struct planner *planner, const struct seen *seen)
{
	const struct netstate_uplink *uplink = netstate_find_uplink(planner->snapshot, seen->network);

	return uplink && strcmp(uplink->bridge, seen->bridge->name) == 0;
}

/*
 * The table anew, in one batch with every element: those of networks that are left out of this pass too,
 * because they would be without a filter otherwise.
 */
static void plan_table_replace(struct planner *planner)
{
	const struct netstate *desired = planner->desired;
	bool absent = planner->snapshot->table.state == NETSTATE_TABLE_ABSENT;
	struct netstate_table table = desired->table;

	close_names_ahead(planner, true);
	table.handle = planner->snapshot->table.handle;
	planner_add_table_step(planner, PHASE_RULES, PLAN_TABLE_REPLACE, absent ? OUTCOME_CREATE : OUTCOME_UPDATE, "", &table);
	for (size_t i = 0; i < desired->n_elements; i++)
		if (is_desired_element(planner, &desired->elements[i], true))
			planner_add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_ADD, OUTCOME_CREATE,
						 desired->elements[i].network, &desired->elements[i]);
	for (size_t i = 0; i < planner->n_seen; i++)
		if (planner_is_leaving(planner, &planner->seen[i]) &&
		    !planner_find_desired(planner, planner->seen[i].bridge->name) &&
		    !is_host_s(planner, &planner->seen[i]))
			add_closing_element(planner, &planner->seen[i]);
}

/* The table as it is with other elements; or, when it is not as we would make it, made anew. */
void plan_table(struct planner *planner)
{
	const struct netstate_table *actual = &planner->snapshot->table, *wanted = &planner->desired->table;
	size_t first = planner->plan.n_steps;
	bool excepted = false;

	if (wanted->state == NETSTATE_TABLE_ABSENT) {
		for (size_t i = 0; i < planner->n_seen; i++)
			excepted |= planner_is_excepted(planner, planner->seen[i].network);
		if (actual->state != NETSTATE_TABLE_ABSENT && !excepted)
			planner_add_table_step(planner, PHASE_REMOVE_RULES, PLAN_TABLE_DELETE, OUTCOME_DELETE, "", actual);
		return;
	}
	if (!plan_keeps_table(actual, wanted)) {
		plan_table_replace(planner);
		return;
	}
	plan_element_changes(planner);
	close_names_ahead(planner, false);
	if (!actual->orphan)
		return;
	/* Anybody could have written to an orphan: it is taken over as it should be, or not at all. */
	if (has_changes_now(planner, first)) {
		planner->plan.n_steps = first;
		plan_table_replace(planner);
	} else {
		planner_add_table_step(planner, PHASE_RULES, PLAN_TABLE_ADOPT, OUTCOME_KEEP, "", actual);
	}
}

/* The rules for DHCP checksums, by bridge; the snapshot may have a bridge twice. */

static bool is_wanted_link(const struct planner *planner, const char *link)
{
	const struct netstate_bridge *bridge = planner_find_desired(planner, link);

	return bridge && planner_is_wanted(planner, bridge->network);
}

static const struct netstate_checksum *find_checksum(const struct netstate *state, const char *bridge)
{
	size_t low = 0, high = state->n_checksums;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(state->checksums[middle].bridge, bridge) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < state->n_checksums && strcmp(state->checksums[low].bridge, bridge) == 0 ? &state->checksums[low] : NULL;
}

/* Which of the rules for this bridge stays: the first with the right strategy. */
static const struct netstate_checksum *find_kept_checksum(const struct planner *planner, const struct netstate_checksum *want)
{
	const struct netstate *snapshot = planner->snapshot;
	const struct netstate_checksum *have = find_checksum(snapshot, want->bridge);

	for (; have && have < snapshot->checksums + snapshot->n_checksums && strcmp(have->bridge, want->bridge) == 0; have++)
		if (have->strategy == want->strategy)
			return have;
	return NULL;
}

/* A rule for each bridge that should have one, and no other. */
void plan_checksums(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t i = 0; i < desired->n_checksums; i++) {
		const struct netstate_checksum *want = &desired->checksums[i];

		if (is_wanted_link(planner, want->bridge) && !find_kept_checksum(planner, want))
			planner_add_checksum_step(planner, PHASE_RULES, PLAN_CHECKSUM_ADD, OUTCOME_CREATE,
						  planner_network_of_link(planner, want->bridge), want);
	}
	for (size_t i = 0; i < snapshot->n_checksums; i++) {
		const struct netstate_checksum *have = &snapshot->checksums[i];
		const struct netstate_checksum *want = find_checksum(desired, have->bridge);
		const char *network = planner_network_of_link(planner, have->bridge);
		bool wanted = is_wanted_link(planner, have->bridge);

		if (network && planner_is_excepted(planner, network))
			continue;
		if (wanted && want && find_kept_checksum(planner, want) == have)
			continue;
		planner_add_checksum_step(planner, wanted ? PHASE_RULES : PHASE_REMOVE_RULES, PLAN_CHECKSUM_REMOVE,
					  OUTCOME_DELETE, network ? network : "", have);
	}
}
