/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps from what is to what should be.
 * Pure: no system calls.
 *
 * Theory of operation. First every bridge of the snapshot is told whose it is: a bridge that we remember is
 * ours whatever it is called or whatever its alias says now, otherwise the alias decides. Then
 * every network gets a job: its desired bridge, and the actual one that is it. From there each kind of
 * object is a merge of two sorted lists. Steps are collected in any order and put in order once, at the
 * end: phase, network, order of creation.
 *
 * What is left alone, always:
 *  - a bridge that is neither remembered nor marked, even under the name of one of ours (the network is
 *    then left out as if it were not declared, and a note says why). One that a network uses as it is
 *    (Mode=bridge) gets its ports back, and nothing else is done with it;
 *  - an address on our bridge that we have not put there: an administrator may have reasons, and it opens
 *    nothing, because the rules know only our own addresses. A note says that it is there;
 *  - what belongs to a network of @except, in both directions;
 *  - everything, while another process owns the table: without a filter nothing may come up.
 *
 * A network card that is the port of a bridge of ours (Uplink=) is one step, whatever is on it: model/uplink.c makes its
 * parts of what is there when it is carried out. It gets back what is its own before anything else of its network goes.
 *
 * A bridge of a network that is gone is known by its mark alone. While the table has to be made anew, such a
 * bridge stays an element of the set of bridges, and of no other: its guests reach nothing until it is down.
 */
#include "plan-internal.h"

#include <stdlib.h>

#include "../../lib/util.h"

static void planner_deinit(struct planner *planner)
{
	free(planner->remembered);
	free(planner->seen);
	free(planner->seen_of);
	free(planner->jobs);
	plan_deinit(&planner->plan);
}

static void plan_networks(struct planner *planner)
{
	for (size_t i = 0; i < planner->n_jobs; i++) {
		if (planner->jobs[i].blocked || planner->jobs[i].excepted)
			continue;
		plan_bridge(planner, &planner->jobs[i]);
		plan_addresses(planner, &planner->jobs[i]);
	}
	for (size_t i = 0; i < planner->n_seen; i++) {
		const struct seen *seen = &planner->seen[i];

		if (planner_is_leaving(planner, seen))
			plan_leaving_bridge(planner, seen);
		else if (!seen->taken && !planner_is_excepted(planner, seen->network))
			planner_add_note(planner, PLAN_NOTE_BRIDGE_DOUBLE, seen->network, seen->bridge->name, NULL);
	}
}

/*
 * Compares and plans. @memory may be NULL: nothing is remembered. @except names networks that are left out
 * of this pass, sorted. Both states must be sorted. @now_us becomes the plan's id. The caller owns
 * @ret_plan. -ENOMEM only.
 */
int plan_build(const struct netstate *desired, const struct netstate *snapshot, const struct plan_memory *memory,
	       const char (*except)[NETWORK_NAME_SIZE], size_t n_except, uint64_t now_us, struct plan *ret_plan)
{
	static const struct plan_memory nothing;
	struct hints hints = { 0 };
	_cleanup_(planner_deinit) struct planner planner = {
		.hints = &hints, .desired = desired, .snapshot = snapshot, .memory = memory ? memory : &nothing,
		.except = except, .n_except = n_except, .plan = { .id = now_us },
	};
	int r;

	r = planner_see_bridges(&planner);
	if (r < 0)
		return r;
	if (snapshot->table.foreign_owner) {
		planner_add_note(&planner, PLAN_NOTE_TABLE_OWNED, "", "", NULL);
	} else {
		r = planner_make_jobs(&planner);
		if (r < 0)
			return r;
		plan_networks(&planner);
		plan_guest_routes(&planner);
		plan_table(&planner);
		plan_checksums(&planner);
		plan_sysctls(&planner);
		plan_taps(&planner);
		plan_tunnels(&planner);
		plan_ports(&planner);
		plan_shapers(&planner);
		plan_proxies(&planner);
		plan_services(&planner);
		plan_uplinks(&planner);
		plan_routes(&planner);
	}
	if (planner.error == 0)
		planner.error = planner_sort_steps(&planner.plan);
	if (planner.error < 0)
		return planner.error;

	*ret_plan = planner.plan;
	planner.plan = PLAN_NULL;
	return 0;
}
