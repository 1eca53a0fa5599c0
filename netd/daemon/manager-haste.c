/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is repaired as soon as the kernel tells of it; the pass that is due then looks, and counts it for its own.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/util.h"
#include "../kernel/sysctl.h"

/*
 * Is all as the last plan has left it, as far as is known? Then there is something that what an event says can be compared
 * with. Whoever records wants a plan for all that is done.
 */
bool manager_may_hasten(const struct manager *manager)
{
	const struct dirt *dirt = &manager->kernel.dirt;
	const struct slice_marks *marks = &manager->dirty.marks;

	return manager->started && !manager->settling && !manager->fight && !manager->options.recorder && !manager->shared_problem[0] &&
	       manager->desire.known && manager->desire.serial == manager->networks.serial && !marks->all && marks->n == 0 &&
	       dirt->n_links == 0 && !(dirt->parts & ~(unsigned int)DIRTY_ROUTES) && manager->hasty.n_steps == 0;
}

/* A network that lacks something, or is on its way, has its reasons: only those that run are mended without a look. */
static bool is_running(const struct manager *manager, const struct plan_step *step)
{
	const struct managed *managed;

	if (!step->network[0])
		return true;
	managed = managed_find(&manager->networks, step->network);
	return managed && managed->wanted && managed->state == NETWORK_RUNNING && !managed->retry_at_us;
}

static void keep_steps(struct plan *plan, const struct manager *manager, const struct apply_result *results)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_steps; i++) {
		if (results ? results[i].error < 0 : !is_running(manager, &plan->steps[i])) {
			plan_step_deinit(&plan->steps[i]);
			continue;
		}
		if (i != n)
			memcpy(&plan->steps[n], &plan->steps[i], sizeof(*plan->steps));
		n++;
	}
	plan->n_steps = n;
}

/*
 * Repairs what was told, as far as that can be done without a look. Whatever becomes of it: the pass for the same events is
 * due, and must follow.
 */
void manager_repair_in_haste(struct manager *manager, const struct haste *haste)
{
	struct kernel *kernel = &manager->kernel;
	const struct dirt dirt = kernel->dirt;
	_cleanup_(plan_deinit) struct plan plan = PLAN_NULL;
	struct apply_result *results;
	size_t n_results;
	int forwards[2] = { -1, -1 };

	if (haste->n_links == 0 && !haste->forwarding)
		return;
	if (haste->forwarding)
		sysctl_read_forwarding(kernel, forwards);
	if (haste_plan(haste, &manager->desire.state, &kernel->view.state, forwards, clock_us(), &plan) < 0)
		return;
	keep_steps(&plan, manager, NULL);
	n_results = plan.n_steps;
	results = n_results > 0 ? apply_results_new(n_results) : NULL;
	if (!results)
		return;
	/* Safe because: each step sets again what is declared for a network that runs, on a bridge marked as ours a moment ago. */
	(void)apply_plan(kernel, &plan, NULL, results);
	/* What has failed is no more than not done: the events name what the pass looks at. */
	kernel->dirt = dirt;
	keep_steps(&plan, manager, results);
	apply_results_free(results, n_results);
	manager->hasty = plan;
	plan = PLAN_NULL;
}

/* What was done in haste becomes part of what the pass has done, behind its own steps. -ENOMEM only. */
int manager_add_hasty_steps(struct manager *manager, struct plan *plan)
{
	_cleanup_(plan_deinit) struct plan hasty = manager->hasty;
	struct plan_step *steps;

	manager->hasty = PLAN_NULL;
	if (hasty.n_steps == 0)
		return 0;
	steps = reallocarray(plan->steps, plan->n_steps + hasty.n_steps, sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	plan->steps = steps;
	memcpy(steps + plan->n_steps, hasty.steps, hasty.n_steps * sizeof(*steps));
	plan->n_steps += hasty.n_steps;
	for (size_t i = 0; i < hasty.n_steps; i++)
		slice_mark(&manager->dirty.marks, hasty.steps[i].network);
	hasty.n_steps = 0;		/* they are the other plan's */
	return 0;
}
