/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues that send at a rate, at bridges and at ports of guests.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <string.h>

#include "rates.h"

/* The network of an interface of the snapshot, a bridge or a port; NULL when it is nobody's. */
static const char *network_of(const struct planner *planner, const char *link)
{
	const char *network = planner_network_of_link(planner, link);

	for (size_t i = 0; !network && i < planner->snapshot->n_ports; i++) {
		const struct netstate_port *port = &planner->snapshot->ports[i];

		if (strcmp(port->name, link) == 0)
			return port->bridge[0] ? planner_network_of_link(planner, port->bridge) : NULL;
	}
	return network;
}

/* What is at the interface now: a bridge may be called another way still. */
static const struct netstate_shaper *find_actual(const struct planner *planner, const struct job *job,
						 const struct netstate_shaper *want)
{
	if (strcmp(job->desired->name, want->link) != 0)
		return netstate_find_shaper(planner->snapshot, want->link);
	return job->seen ? netstate_find_shaper(planner->snapshot, job->seen->bridge->name) : NULL;
}

static void plan_wanted(struct planner *planner, const struct netstate_shaper *want)
{
	const struct job *job = planner_find_job(planner, want->network);
	const struct netstate_shaper *have;
	struct netstate_shaper step = *want;

	if (!job || job->blocked || job->excepted)
		return;
	have = find_actual(planner, job, want);
	if (have && !have->ours) {
		planner_add_note(planner, PLAN_NOTE_SHAPER_FOREIGN, want->network, want->link, NULL);
	} else if (!have || !rates_same(want, have)) {
		step.ifindex = have ? have->ifindex : 0;
		planner_add_shaper_step(planner, PHASE_PORTS, PLAN_SHAPER_SET, have ? OUTCOME_UPDATE : OUTCOME_CREATE,
					want->network, &step);
	}
}

/* Is one of ours to be there? A bridge that goes takes it along. */
static bool is_needless(const struct planner *planner, const struct netstate_shaper *have)
{
	const struct seen *seen = planner_find_seen_name(planner, have->link);
	const struct job *job = seen ? planner_find_job(planner, seen->network) : NULL;

	if (seen && planner_is_leaving(planner, seen))
		return false;
	/* One that cannot be is as if it were not declared. */
	if (job && job->seen == seen && job->blocked)
		return true;
	return !netstate_find_shaper(planner->desired, job && job->seen == seen ? job->desired->name : have->link);
}

static void plan_stale(struct planner *planner, const struct netstate_shaper *have)
{
	const char *network = network_of(planner, have->link);

	if (have->ours && is_needless(planner, have) && !(network && planner_is_excepted(planner, network)))
		planner_add_shaper_step(planner, PHASE_PORTS, PLAN_SHAPER_REMOVE, OUTCOME_DELETE, network ? network : "", have);
}

/* Those that should be there, and no others of ours. What stands there of others stays. */
void plan_shapers(struct planner *planner)
{
	for (size_t i = 0; i < planner->desired->n_shapers; i++)
		plan_wanted(planner, &planner->desired->shapers[i]);
	for (size_t i = 0; i < planner->snapshot->n_shapers; i++)
		plan_stale(planner, &planner->snapshot->shapers[i]);
}
