/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bridge of a network: made, changed, taken away.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <stdio.h>
#include <string.h>

static bool has_altname(const struct netstate_bridge *bridge, const char *name)
{
	for (size_t i = 0; i < bridge->n_altnames; i++)
		if (strcmp(bridge->altnames[i], name) == 0)
			return true;
	return false;
}

static uint32_t compare_fields(const struct netstate_bridge *desired, const struct netstate_bridge *actual)
{
	uint32_t fields = 0;

	if (memcmp(&desired->mac, &actual->mac, sizeof(desired->mac)) != 0)
		fields |= BRIDGE_FIELD_MAC;
	if (desired->mtu != actual->mtu)
		fields |= BRIDGE_FIELD_MTU;
	if (desired->stp != actual->stp)
		fields |= BRIDGE_FIELD_STP;
	if (desired->forward_delay_cs != actual->forward_delay_cs)
		fields |= BRIDGE_FIELD_DELAY;
	if (desired->nf_call != actual->nf_call)
		fields |= BRIDGE_FIELD_NF_CALL;
	if (desired->addr_gen_mode != actual->addr_gen_mode)
		fields |= BRIDGE_FIELD_ADDR_GEN;
	if (actual->owner != NETSTATE_OURS || strcmp(desired->network, actual->network) != 0 ||
	    desired->ports_isolated != actual->ports_isolated || desired->port_group != actual->port_group ||
	    desired->port_guards != actual->port_guards)
		fields |= BRIDGE_FIELD_ALIAS;
	/* Names that others have added are theirs. With so many of them it is not known whether ours are there: that settles, too. */
	for (size_t i = 0; i < desired->n_altnames && actual->n_altnames < NETSTATE_ALTNAMES; i++)
		if (!has_altname(actual, desired->altnames[i]))
			fields |= BRIDGE_FIELD_ALTNAMES;
	return fields;
}

static void add_set_step(struct planner *planner, const struct netstate_bridge *bridge, uint32_t fields,
			 enum plan_outcome outcome)
{
	struct plan_step *step = planner_add_step(planner, PHASE_SET_LINKS, PLAN_BRIDGE_SET, outcome, bridge->network);

	if (!step)
		return;
	step->fields = fields;
	step->bridge = *bridge;
}

/*
 * A bridge that was another network's has that one's name for an alternative one. It goes before links are made: there may be a
 * network of that name again.
 */
static void plan_unname(struct planner *planner, const struct netstate_bridge *desired, const struct netstate_bridge *actual)
{
	struct netstate_bridge bridge = *desired;

	if (actual->owner != NETSTATE_OURS || strcmp(actual->network, desired->network) == 0 ||
	    !has_altname(actual, actual->network) || has_altname(desired, actual->network))
		return;
	memset(bridge.altnames, 0, sizeof(bridge.altnames));
	memcpy(bridge.altnames[0], actual->network, sizeof(actual->network));
	bridge.n_altnames = 1;
	planner_add_bridge_step(planner, PHASE_CREATE_LINKS, PLAN_BRIDGE_UNNAME, OUTCOME_UPDATE, bridge.network, &bridge);
}

/* Makes the bridge of a network, or gives it what it lacks. */
void plan_bridge(struct planner *planner, const struct job *job)
{
	struct netstate_bridge bridge = *job->desired;
	uint32_t fields;

	if (bridge.existing)
		return;
	if (!job->seen) {
		bridge.ifindex = planner_old_index(planner, bridge.network);
		planner_add_bridge_step(planner, PHASE_CREATE_LINKS, PLAN_BRIDGE_CREATE, OUTCOME_CREATE, bridge.network, &bridge);
		fields = BRIDGE_FIELD_ALIAS | (bridge.n_altnames > 0 ? BRIDGE_FIELD_ALTNAMES : 0);
		add_set_step(planner, &bridge, fields, OUTCOME_CREATE);
		planner_add_bridge_step(planner, PHASE_UP, PLAN_BRIDGE_UP, OUTCOME_CREATE, bridge.network, &bridge);
		return;
	}

	bridge.ifindex = job->seen->bridge->ifindex;
	plan_unname(planner, &bridge, job->seen->bridge);
	fields = compare_fields(&bridge, job->seen->bridge);
	if (strcmp(bridge.name, job->seen->bridge->name) != 0 || job->seen->moved)
		planner_add_bridge_step(planner, PHASE_SET_LINKS, PLAN_BRIDGE_RENAME, OUTCOME_UPDATE, bridge.network, &bridge);
	if (fields)
		add_set_step(planner, &bridge, fields, OUTCOME_UPDATE);
	if (!job->seen->bridge->up)
		planner_add_bridge_step(planner, PHASE_UP, PLAN_BRIDGE_UP, OUTCOME_UPDATE, bridge.network, &bridge);
}

/*
 * Takes a bridge away whose network is gone. Its addresses go with it: to take them off first is to have the kernel walk
 * the routes of all networks once more, and whoever has asked for this waits until the bridge is down.
 */
void plan_leaving_bridge(struct planner *planner, const struct seen *seen)
{
	struct netstate_bridge bridge = *seen->bridge;

	snprintf(bridge.network, sizeof(bridge.network), "%s", seen->network);
	memcpy(bridge.name, seen->name, sizeof(bridge.name));
	if (bridge.up && !seen->moved)
		planner_add_bridge_step(planner, PHASE_DOWN, PLAN_BRIDGE_DOWN, OUTCOME_DELETE, seen->network, &bridge);
	planner_add_bridge_step(planner, PHASE_DELETE_LINKS, PLAN_BRIDGE_DELETE, OUTCOME_DELETE, seen->network, &bridge);
}
