/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values below /proc/sys/net: forwarding, and those of bridges.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"

/* The network that a path such as "ipv6/conf/BRIDGE/accept_ra" is about; "" when it is about all. */
static const char *network_of_sysctl(const struct planner *planner, const char *path)
{
	const struct netstate_bridge *bridge;
	char name[IFNAME_SIZE];
	const char *rest;
	size_t n;

	if (!str_has_prefix(path, "ipv6/conf/", &rest) && !str_has_prefix(path, "ipv4/conf/", &rest))
		return "";
	n = strcspn(rest, "/");
	if (n >= sizeof(name))
		return "";
	memcpy(name, rest, n);
	name[n] = '\0';
	bridge = planner_find_desired(planner, name);
	return bridge ? bridge->network : "";
}

/* Forwarding is for all networks: with none that may be touched there is no need to touch it either. */
static bool has_wanted_job(const struct planner *planner)
{
	for (size_t i = 0; i < planner->n_jobs; i++)
		if (!planner->jobs[i].blocked && !planner->jobs[i].excepted)
			return true;
	return false;
}

/* Was what the snapshot calls by the bridge's name the bridge? Its sysctls move with it. */
static bool is_at_its_name(const struct planner *planner, const char *network)
{
	const struct job *job = planner_find_job(planner, network);

	return job && job->seen && !job->seen->moved && strcmp(job->seen->bridge->name, job->desired->name) == 0;
}

/* Will this step turn forwarding on, and with it that of every interface? */
static bool turns_on(const struct planner *planner, const char *family)
{
	for (size_t i = 0; i < planner->plan.n_steps; i++) {
		const struct plan_step *step = &planner->plan.steps[i];

		if (step->op == PLAN_SYSCTL_SET && step->sysctl.when == SYSCTL_ALWAYS && !step->network[0] &&
		    strncmp(step->sysctl.path, family, strlen(family)) == 0)
			return true;
	}
	return false;
}

static bool is_sysctl_due(const struct planner *planner, const struct netstate_sysctl *want,
			  const struct netstate_sysctl *have, const char *network)
{
	switch ((enum sysctl_when)want->when) {
	case SYSCTL_FROM_1:
		return have && have->value == 1;
	case SYSCTL_AFTER:
		/* What was found off may be on by somebody's will since; what is to be on is ours. */
		return have && ((have->value != want->value && want->value) ||
				turns_on(planner, strncmp(want->path, "ipv4", 4) == 0 ? "ipv4" : "ipv6"));
	case SYSCTL_IF_THERE:
		return have && have->value != want->value;
	case SYSCTL_ALWAYS:
	case SYSCTL_WHEN_MAX_:
		break;
	}
	return !have || have->value != want->value || (*network && !is_at_its_name(planner, network));
}

static void plan_sysctl(struct planner *planner, const struct netstate_sysctl *want, const struct netstate_sysctl *have)
{
	const char *network = want->when == SYSCTL_ALWAYS ? network_of_sysctl(planner, want->path) : "";

	if (is_sysctl_due(planner, want, have, network) &&
	    (*network ? planner_is_wanted(planner, network) : has_wanted_job(planner)))
		planner_add_sysctl_step(planner, PHASE_SYSCTLS, PLAN_SYSCTL_SET, OUTCOME_UPDATE, network, want);
}

/* Values are written where they differ, in the order of their kinds. */
void plan_sysctls(struct planner *planner)
{
	/* Steps that belong to all come in this order. */
	static const enum sysctl_when order[] = { SYSCTL_FROM_1, SYSCTL_ALWAYS, SYSCTL_AFTER, SYSCTL_IF_THERE };
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t turn = 0; turn < ARRAY_SIZE(order); turn++)
		for (size_t i = 0, j = 0; i < desired->n_sysctls; i++) {
			const struct netstate_sysctl *want = &desired->sysctls[i];
			bool found;

			if (want->when != order[turn])
				continue;
			/* Both are sorted. */
			while (j < snapshot->n_sysctls && strcmp(snapshot->sysctls[j].path, want->path) < 0)
				j++;
			found = j < snapshot->n_sysctls && strcmp(snapshot->sysctls[j].path, want->path) == 0;
			plan_sysctl(planner, want, found ? &snapshot->sysctls[j] : NULL);
		}
}
