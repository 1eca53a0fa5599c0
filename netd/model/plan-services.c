/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks' dnsmasq: started, told of changes, ended.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <string.h>

static bool is_service_good(const struct netstate_service *want, const struct netstate_service *have)
{
	return have->config_hash == want->config_hash && strcmp(have->bridge, want->bridge) == 0 && !have->deaf;
}

/* One service for each network that should have one; compared by the digests of its configuration and data. */
void plan_services(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t i = 0; i < desired->n_services; i++) {
		const struct netstate_service *want = &desired->services[i];
		const struct netstate_service *have = netstate_find_service(snapshot, want->network);
		const struct job *job = planner_find_job(planner, want->network);
		/* Sockets are bound to an index: a bridge that cannot have its old one again loses them. */
		bool rebound = job && !job->seen && !planner_old_index(planner, want->network);

		if (!planner_is_wanted(planner, want->network))
			continue;
		if (!have || !have->running)
			planner_add_service_step(planner, PHASE_START_SERVICES, PLAN_SERVICE_START, OUTCOME_CREATE, want->network, want);
		else if (!is_service_good(want, have) || rebound)
			planner_add_service_step(planner, PHASE_START_SERVICES, PLAN_SERVICE_RESTART, OUTCOME_UPDATE, want->network, want);
		else if (have->data_hash != want->data_hash)
			planner_add_service_step(planner, PHASE_START_SERVICES, PLAN_SERVICE_RELOAD, OUTCOME_UPDATE, want->network, want);
	}
	for (size_t i = 0; i < snapshot->n_services; i++) {
		const struct netstate_service *have = &snapshot->services[i];

		if (!have->running || planner_is_excepted(planner, have->network))
			continue;
		if (!planner_is_wanted(planner, have->network) || !netstate_find_service(desired, have->network))
			planner_add_service_step(planner, PHASE_STOP_SERVICES, PLAN_SERVICE_STOP, OUTCOME_DELETE, have->network, have);
	}
}
