/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network cards of the host that are ports of our bridges: taken, kept, given back.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <string.h>

static bool is_same(const struct netstate_uplink *a, const struct netstate_uplink *b)
{
	return strcmp(a->bridge, b->bridge) == 0 && strcmp(a->nic, b->nic) == 0;
}

static void plan_wanted(struct planner *planner, const struct netstate_uplink *want)
{
	const struct netstate_uplink *have = netstate_find_uplink(planner->snapshot, want->network);
	const struct job *job = planner_find_job(planner, want->network);

	if (!planner_is_wanted(planner, want->network))
		return;
	if (!have || !is_same(have, want))
		planner_add_uplink_step(planner, PHASE_TAKE_UPLINKS, PLAN_UPLINK_TAKE, OUTCOME_CREATE, want->network, want);
	/* A bridge that has to be made has no port, whatever was seen of the card. */
	else if (!have->in_place || !job->seen)
		planner_add_uplink_step(planner, PHASE_TAKE_UPLINKS, PLAN_UPLINK_TAKE, OUTCOME_UPDATE, want->network, want);
}

/* One for each network that should have one. Another card, or another bridge: back first, and then forth. */
void plan_uplinks(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t i = 0; i < desired->n_uplinks; i++)
		plan_wanted(planner, &desired->uplinks[i]);
	for (size_t i = 0; i < snapshot->n_uplinks; i++) {
		const struct netstate_uplink *have = &snapshot->uplinks[i];
		const struct netstate_uplink *want = netstate_find_uplink(desired, have->network);

		if (planner_is_excepted(planner, have->network) ||
		    (want && is_same(want, have) && planner_is_wanted(planner, have->network)))
			continue;
		planner_add_uplink_step(planner, PHASE_FREE_UPLINKS, PLAN_UPLINK_RELEASE, OUTCOME_DELETE, have->network, have);
	}
}
