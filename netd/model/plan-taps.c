/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps that are there before their guests. That they are on their bridge is plan-ports.c's, as for any port of ours.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <string.h>

#include "taps.h"

/* A tap cannot be told that it belongs to nobody any more, nor how many queues it has: it is made anew. */
static bool has_to_be_made_anew(const struct netstate_tap *want, const struct netstate_tap *have)
{
	return want->multi_queue != have->multi_queue || (want->uid == NETSTATE_NOBODY && have->uid != NETSTATE_NOBODY) ||
	       (want->gid == NETSTATE_NOBODY && have->gid != NETSTATE_NOBODY);
}

/* One that has its name and our mark. While a guest uses it, only its mark can be written. */
static void plan_own_tap(struct planner *planner, const struct netstate_tap *want, const struct netstate_tap *have)
{
	bool anew = has_to_be_made_anew(want, have), wrong = anew || !taps_same_owner(want, have) || !have->persist;
	struct netstate_tap tap = *want;
	struct plan_step *step;
	uint32_t fields = 0;

	tap.ifindex = have->ifindex;
	if (wrong && have->in_use)
		planner_add_note(planner, PLAN_NOTE_TAP_BUSY, want->network, want->name, NULL);
	else if (wrong)
		fields |= TAP_FIELD_OWNER;
	if (strcmp(want->bridge, have->bridge) != 0)
		fields |= TAP_FIELD_MARK;
	if (!fields || planner->memory->no_taps)
		return;
	if (anew && fields & TAP_FIELD_OWNER) {
		/* The next pass makes it. */
		planner_add_tap_step(planner, PHASE_DELETE_LINKS, PLAN_TAP_REMOVE, OUTCOME_UPDATE, want->network, &tap);
		return;
	}
	step = planner_add_step(planner, PHASE_PORTS, PLAN_TAP_SET, OUTCOME_UPDATE, want->network);
	if (!step)
		return;
	step->fields = fields;
	step->tap = tap;
}

/* One that nobody declares goes; not under a guest that uses it. */
static void plan_leaving_tap(struct planner *planner, const struct netstate_tap *have)
{
	const char *network = planner_network_of_link(planner, have->bridge);

	if (network && planner_is_excepted(planner, network))
		return;
	if (have->in_use && network)
		planner_add_note(planner, PLAN_NOTE_TAP_LEAVING, network, have->name, NULL);
	if (!have->in_use && !planner->memory->no_taps)
		planner_add_tap_step(planner, PHASE_DELETE_LINKS, PLAN_TAP_REMOVE, OUTCOME_DELETE, network ?: "", have);
}

void plan_taps(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t i = 0; i < desired->n_taps; i++) {
		const struct netstate_tap *want = &desired->taps[i], *have = netstate_find_tap(snapshot, want->name);

		if (!planner_is_wanted(planner, want->network))
			continue;
		if (have && have->ours)
			plan_own_tap(planner, want, have);
		else if (have)
			planner_add_note(planner, PLAN_NOTE_TAP_FOREIGN, want->network, want->name, NULL);
		else if (!planner->memory->no_taps)
			planner_add_tap_step(planner, PHASE_PORTS, PLAN_TAP_CREATE, OUTCOME_CREATE, want->network, want);
	}
	for (size_t i = 0; i < snapshot->n_taps; i++)
		if (snapshot->taps[i].ours && !netstate_find_tap(desired, snapshot->taps[i].name))
			plan_leaving_tap(planner, &snapshot->taps[i]);
}
