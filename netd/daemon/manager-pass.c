/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass: look, plan, act, and when to look again.
 * Event loop context.
 *
 * Theory of operation. Nothing here reacts to an event by its content (but for what manager-haste.c sets again at once). Whatever happens (a netlink event, a
 * child's end, a reload, a timer after a failure) marks the pass as due; the pass takes a snapshot of what is,
 * builds what should be, plans the difference, carries it out and throws the plan away. A pass that has
 * changed something is followed by another one: it must find nothing to do, or the network is said to be
 * degraded. A network whose step has failed is left out for a while, and the others go on.
 */
#include "manager-internal.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/pages.h"
#include "../../lib/str.h"
#include "../kernel/apply.h"
#include "../kernel/rules.h"
#include "../kernel/snapshot.h"
#include "../model/print.h"
#include "log.h"
#include "recorded.h"
#include "services.h"
#include "twins.h"

/* Of the heap so much may be free; of that, so much is not given back, in bytes. */
#define HEAP_FREE	(256 * 1024)
#define HEAP_READY	(64 * 1024)

static void pass_deinit(struct pass *pass)
{
	free(pass->snapshot.services);
	free(pass->snapshot.uplinks);
	free(pass->ports);
	plan_deinit(&pass->plan);
	free(pass->wanted);
	free(pass->except);
	netstate_deinit(&pass->changed);
}

/* What has happened since the last look, by us or by others. Negative when that cannot be known. */
int manager_read_news(struct manager *manager, struct monitor_news *ret_news)
{
	struct monitor_news news = { 0 };
	int r = monitor_read(manager->monitor, &news);

	/* What cannot be read may have been anything. */
	if (r < 0)
		news = (struct monitor_news){ .dirty = DIRTY_ALL, .dirt = DIRT_EVERYTHING };
	dirt_add(&manager->kernel.dirt, &news.dirt);
	if (news.committer_pid)
		manager->culprit = news;
	if (news.dirt.delegated)
		manager_note_delegated(manager);
	*ret_news = news;
	return r;
}

/* The view's arrays may have moved since they were lent; services and uplinks are the pass's own. */
static void lend_snapshot(struct manager *manager, struct pass *pass)
{
	struct netstate_service *services = pass->snapshot.services;
	struct netstate_uplink *uplinks = pass->snapshot.uplinks;
	size_t n_services = pass->snapshot.n_services, n_uplinks = pass->snapshot.n_uplinks;

	pass->snapshot = manager->kernel.view.state;
	pass->snapshot.services = services;
	pass->snapshot.n_services = n_services;
	pass->snapshot.uplinks = uplinks;
	pass->snapshot.n_uplinks = n_uplinks;
}

/* The steps: for the networks that something has happened to, where that can be said, else for all. */
static int plan_pass(struct manager *manager, struct pass *pass)
{
	const char (*except)[NETWORK_NAME_SIZE] = (const char (*)[NETWORK_NAME_SIZE])pass->except;
	_cleanup_(slice_deinit) struct slice slice = SLICE_NULL;
	struct plan_memory memory = manager_memory(manager);
	int r;

	memory.no_taps = pass->no_taps;
	plan_deinit(&pass->plan);
	manager_note_made_of(manager, pass);
	r = manager_slice(manager, pass, &slice);
	if (r > 0)
		r = plan_build(&slice.desired, &slice.snapshot, &slice.memory, NULL, 0, pass->now_us, &pass->plan);
	else if (r == 0)
		r = plan_build(&pass->desired, &pass->snapshot, &memory, except, pass->n_except, pass->now_us, &pass->plan);
	if (r < 0)
		return r;
	return record_plan(manager->options.recorder, &pass->desired, &pass->snapshot, &memory, except, pass->n_except, pass->now_us,
			   &pass->plan);
}

/* What should be, and the steps to it from what the last look has found. */
static int make_plan(struct manager *manager, struct pass *pass, bool same_networks)
{
	int r;

	lend_snapshot(manager, pass);
	r = manager_update_forwarding(manager, &pass->snapshot);
	if (r == 0 && !same_networks && !pass->change.few)
		r = manager_choose_subnets(manager, pass);	/* what was chosen stays while those with Address=auto are the same */
	services_note_idle(&manager->services, &pass->snapshot);
	if (r == 0)
		r = manager_look_at_ports(manager, pass);
	if (r == 0)
		r = manager_look_at_rates(manager, pass);
	held_review(&manager->held, &manager->networks, &pass->snapshot, pass->only_look);
	if (r == 0)
		r = manager_build_desire(manager, pass, same_networks);
	if (r < 0)
		return r;
	pass->desired = manager->desire.state;

	r = kernel_look_at_sysctls(&manager->kernel, &pass->desired);
	if (r == 0)
		r = kernel_look_at_taps(&manager->kernel, &pass->desired);
	if (r == 0)
		r = kernel_look_at_shapers(&manager->kernel, &pass->desired);
	if (r == 0)
		r = kernel_look_at_proxies(&manager->kernel, &pass->desired);
	if (r == 0)
		r = kernel_look_at_remotes(&manager->kernel, &pass->desired);
	if (r < 0)
		return r;
	lend_snapshot(manager, pass);
	if (pass->ports)
		pass->snapshot.ports = pass->ports;
	free(pass->snapshot.services);
	pass->snapshot.services = NULL;
	pass->snapshot.n_services = 0;
	free(pass->snapshot.uplinks);
	pass->snapshot.uplinks = NULL;
	pass->snapshot.n_uplinks = 0;
	r = services_add_to_snapshot(&manager->services, &pass->desired, &pass->snapshot);
	if (r < 0)
		return r;
	netstate_sort_services(&pass->snapshot);
	r = uplinks_add_to_snapshot(&manager->uplinks, &pass->snapshot);
	if (r < 0)
		return r;
	netstate_sort_uplinks(&pass->snapshot);
	/* Only to say what would be done: by the daemon that owns the table. */
	if (pass->only_look && pass->snapshot.table.foreign_owner) {
		pass->snapshot.table.foreign_owner = false;
		pass->snapshot.table.owned = true;
	}
	return plan_pass(manager, pass);
}

static bool has_deaf_service(const struct manager *manager)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		if (manager->networks.items[i]->deaf_since_us)
			return true;
	return false;
}

/* What events have named is marked as it was and as it is. */
static int look_and_mark(struct manager *manager, unsigned int parts, struct failure *failure)
{
	const struct dirt dirt = manager->kernel.dirt;
	int r;

	manager_mark_dirt(manager, &dirt);
	r = kernel_look(&manager->kernel, parts, failure);
	manager_mark_dirt(manager, &dirt);
	return r;
}

/*
 * What no event tells of: values of interfaces, the sockets of services. A plan that was made without is made again. The
 * values come with a dump of all interfaces: nobody waits for that, so a pass of its own does it.
 */
static int look_further(struct manager *manager, struct pass *pass, unsigned int parts, struct failure *failure)
{
	const uint64_t changes = manager->kernel.view.changes, services = manager_hash_services(manager, false);
	uint64_t look_us;
	int r = 0;

	if (((!manager->kernel.view.all_links && manager->values_due) || manager->routes_due) && !manager->settling) {
		if (!manager->kernel.view.all_links && manager->values_due)
			manager->kernel.dirt.parts |= DIRTY_LINKS;
		r = look_and_mark(manager, parts | (manager->routes_due ? SNAPSHOT_ROUTES : 0), failure);
		manager->routes_due = false;
	}
	manager->values_due = !manager->kernel.view.all_links;
	if (manager->values_due || manager->routes_due)
		manager_want_look(manager);
	lend_snapshot(manager, pass);
	if (r < 0)
		return r;
	services_review(&manager->services, &pass->snapshot, manager->choices, manager->n_choices);
	look_us = twins_review(manager->twins, &pass->snapshot, pass->now_us);
	if (look_us)
		manager_want_pass_at(manager, look_us);
	if (changes == manager->kernel.view.changes && services == manager_hash_services(manager, false) && !has_deaf_service(manager))
		return 0;
	return make_plan(manager, pass, true);
}

static void refuse_card(void *data, const char *network, const char *text)
{
	manager_note_failure(data, network, text);
}

static void review_uplinks(struct manager *manager, const struct pass *pass)
{
	uint64_t look_us;

	uplinks_note_dirt(&manager->uplinks, &manager->kernel.dirt);
	uplinks_review(&manager->uplinks, pass->now_us, pass->only_look, refuse_card, manager, &look_us);
	if (look_us)
		manager_want_pass_at(manager, look_us);
}

/* Looks this often before a plan is made of what is known: whoever makes events all the time is answered in between. */
#define LOOKS	3

/*
 * A look may wait for the kernel, which is at work on something else: what has been told meanwhile is looked at before
 * anything is planned.
 */
static int look(struct manager *manager, unsigned int parts, struct failure *failure)
{
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < LOOKS; i++) {
		const struct dirt *dirt = &manager->kernel.dirt;
		struct monitor_news news;

		r = look_and_mark(manager, parts, failure);
		(void)manager_read_news(manager, &news);
		if (dirt->n_links == 0 && !(dirt->parts & ~(unsigned int)DIRTY_ROUTES))
			return r;
	}
	/* Their events have been read. */
	manager_want_look(manager);
	return r;
}

/*
 * Looks, and plans. First only at what events have named: what has to be repaired then is repaired at once, and the
 * pass that follows looks further.
 */
static int pass_prepare(struct manager *manager, struct pass *pass)
{
	const unsigned int parts = SNAPSHOT_ADDRESSES | SNAPSHOT_RULES;
	struct failure failure = { 0 };
	struct monitor_news news;
	bool same, renumbering;
	int r;

	pass->now_us = clock_us();
	pass->no_taps = pass->now_us < manager->taps_retry_at_us;
	(void)manager_read_news(manager, &news);
	if (!manager->uplinks.adopted) {
		r = look(manager, parts | SNAPSHOT_ROUTES, &failure);
		if (r < 0)
			return r;
		uplinks_adopt(&manager->uplinks, &manager->kernel.view.state);
	}
	review_uplinks(manager, pass);
	r = manager_select_networks(manager, pass);
	if (r < 0)
		return r;
	same = manager_wants_the_same(manager, pass);
	/* What is delegated while this pass looks is for the next one to choose of. */
	renumbering = manager->renumbering;
	manager->renumbering = false;
	/*
	 * Routes of others count only where a prefix is to be chosen; that one of them is in the way of a network that was started
	 * is said when all is done.
	 */
	manager->routes_due |= pass->change.few;
	r = look(manager, parts | (same || pass->change.few ? 0 : SNAPSHOT_ROUTES), &failure);
	if (r == 0)
		r = make_plan(manager, pass, same);
	if (r == 0 && pass->plan.n_steps == 0)
		r = look_further(manager, pass, parts, &failure);
	if (r == 0)
		manager_note_plan(manager, pass);
	else
		manager->renumbering |= renumbering;
	return r;
}

/* The steps that are about processes and network cards; kernel/apply.c calls this in the order of the plan. */
static int act(void *data, const struct plan_step *step, struct apply_result *result)
{
	struct manager *manager = data;
	struct managed *managed = managed_find(&manager->networks, step->network);
	struct failure failure = { 0 };
	int r;

	if (step->op == PLAN_UPLINK_TAKE || step->op == PLAN_UPLINK_RELEASE)
		r = uplinks_apply(&manager->uplinks, step, &failure);
	else if (!managed)
		return -ENOENT;
	else
		r = services_apply(&manager->services, step, managed,
				   subnet_find(manager->choices, manager->n_choices, step->network), &failure);
	if (r == 0 && (step->op == PLAN_SERVICE_START || step->op == PLAN_SERVICE_RESTART))
		manager_end_prefix(manager, managed);
	if (r < 0 && failure.text[0])
		apply_result_say(result, "%s", failure.text);
	return r;
}

static void on_closed(void *data)
{
	struct manager *manager = data;

	manager->answer.applied = true;
	if (!manager->answer.up)
		manager_answer(manager, NULL);
}

/* A tap that cannot be had now is told of, and tried again later; its network goes on. */
static void forget_tap_failures(struct manager *manager)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		managed_set_text(&manager->networks.items[i]->taps_failure, "");
}

static void want_taps_again(struct manager *manager, bool failed)
{
	unsigned int doublings = manager->n_tap_failures;

	manager->n_tap_failures = failed ? doublings + 1 : 0;
	manager->taps_retry_at_us = failed ? clock_us() + backoff_us(RETRY_US, doublings) : 0;
	if (failed)
		manager_want_pass_at(manager, manager->taps_retry_at_us);
}

/* A tunnel is to its network what a tap is: without it, it goes on. */
static bool is_tap_step(const struct plan_step *step)
{
	return step->op == PLAN_TAP_CREATE || step->op == PLAN_TAP_SET || step->op == PLAN_TAP_REMOVE || step->op == PLAN_TUNNEL_CREATE ||
	       step->op == PLAN_TUNNEL_SET || step->op == PLAN_TUNNEL_REMOVE || step->op == PLAN_REMOTE_ADD || step->op == PLAN_REMOTE_REMOVE;
}

/* Carries the plan out, and notes what has failed: the first failed step of a network is the reason. */
static int pass_apply(struct manager *manager, const struct pass *pass)
{
	const struct plan *plan = &pass->plan;
	struct apply_result *results = apply_results_new(plan->n_steps);
	const struct apply_services services = { .act = act, .closed = on_closed, .data = manager };
	const bool looked_at_all = manager->kernel.view.all_links;
	bool again = false, tap_failed = false;
	int r;

	if (!results)
		return -ENOMEM;
	if (!pass->no_taps)
		forget_tap_failures(manager);
	manager->answer.applied = false;
	/* Such a change is read back as a whole: to be told of each part of it would take as long again. */
	if (plan->n_steps > RULES_NOTED)
		monitor_skip(manager->monitor);
	/* What it returns is the first failure of a step, and those are gone through one by one. */
	r = apply_plan(&manager->kernel, plan, &services, results);
	for (size_t i = 0; i < plan->n_steps; i++) {
		const char *path = plan->steps[i].op == PLAN_SYSCTL_SET ? plan->steps[i].sysctl.path : "";
		char text[sizeof(manager->shared_problem)];

		if (results[i].error >= 0)
			continue;
		r = 0;
		if (results[i].error == -ECANCELED ||
		    checksums_note_failure(&manager->checksums, &plan->steps[i], &results[i]) ||
		    manager_note_rates_failure(manager, &plan->steps[i], &results[i]))
			continue;
		/*
		 * The kernel is ahead of the events that have come so far: a port is let go before its bridge is seen to be
		 * gone, say. A step fails only if it does so after a look at everything.
		 */
		if (!looked_at_all) {
			again = true;
			continue;
		}
		snprintf(text, sizeof(text), "%s%s%s: %s%s%s", plan_op_name(plan->steps[i].op), path[0] ? " " : "", path,
			 strerror(-results[i].error), results[i].text ? ": " : "", results[i].text ?: "");
		if (is_tap_step(&plan->steps[i])) {
			manager_note_tap_failure(manager, plan->steps[i].network, text);
			tap_failed = true;
			continue;
		}
		manager_note_failure(manager, plan->steps[i].network, text);
	}
	if (!pass->no_taps)
		want_taps_again(manager, tap_failed);
	if (again) {
		manager->kernel.dirt = DIRT_EVERYTHING;
		manager_want_pass(manager);
	}
	apply_results_free(results, plan->n_steps);
	return r;
}

/* When to look again after this pass: at once when it changed something, later when that failed for all. */
static void want_next_pass(struct manager *manager, const struct pass *pass, const char *problem_before)
{
	if (manager->shared_problem[0]) {
		if (strcmp(manager->shared_problem, problem_before) != 0)
			log_say(3, NULL, NULL, "%s", manager->shared_problem);
		manager_want_pass_at(manager, clock_us() + backoff_us(RETRY_US, manager->n_shared_failures++));
		return;
	}
	manager->n_shared_failures = 0;
	if (pass->plan.n_steps == 0) {
		/* Peace is worth a line, too. */
		if (manager_fight_goes_on(manager, pass->now_us))
			manager_want_pass_at(manager, manager->last_repair_us + FIGHT_OVER_US);
		return;
	}
	if (manager_in_a_fight(manager, pass))
		manager_want_pass_at(manager, pass->now_us + FIGHT_PAUSE_US);
	else
		manager_want_look(manager);
}

/*
 * What the changes took: it may be needed again in a year. What starting took is not; and from then on large arrays come and
 * go with each change, so they are given back at once, and do not tear holes (mallopt(3)). What a small repair takes lies ready.
 */
static void give_memory_back(struct manager *manager)
{
	if (!manager->started || mallinfo2().fordblks > HEAP_FREE)
		(void)malloc_trim(HEAP_READY);
	if (!manager->started) {
		pages_give_back_text();
		(void)mallopt(M_MMAP_THRESHOLD, HEAP_FREE);
		(void)mallopt(M_TRIM_THRESHOLD, HEAP_FREE);
		(void)mallopt(M_TOP_PAD, HEAP_READY);
	}
	manager->started = true;
}

/* One pass. An error is about the pass as a whole: it is due again a little later. */
int manager_run_pass(struct manager *manager)
{
	_cleanup_(pass_deinit) struct pass pass = { 0 };
	char problem_before[sizeof(manager->shared_problem)];
	int r;

	memcpy(problem_before, manager->shared_problem, sizeof(problem_before));
	manager->shared_problem[0] = '\0';
	manager->dirty.marks.all |= problem_before[0] != '\0';
	services_end_orphans(&manager->services);
	r = pass_prepare(manager, &pass);
	if (r == 0)
		manager_keep_forwarding(manager, &pass.desired);
	if (r == 0)
		r = pass_apply(manager, &pass);
	if (r == 0)
		manager_end_delegated(manager);
	if (r == 0)
		manager_time_delegated(manager);
	if (r == 0)
		r = manager_add_hasty_steps(manager, &pass.plan);
	if (r == 0 && manager->remembered != manager->kernel.view.changes)
		r = manager_remember(manager, &pass.snapshot, &pass.plan);
	if (r == 0)
		r = manager_coexist(manager, &pass);
	if (r == 0 && manager->answer.up)
		manager_answer(manager, &pass);
	if (r == 0)
		r = manager_sweep_flows(manager, &pass);
	if (r < 0) {
		manager->dirty.marks.all = true;
		snprintf(manager->shared_problem, sizeof(manager->shared_problem), "cannot look at the network or change it: %s",
			 strerror(-r));
		log_say(3, NULL, NULL, "%s", manager->shared_problem);
		manager_want_pass_at(manager, clock_us() + RETRY_US);
		return r == -ENOMEM ? r : 0;
	}

	r = manager_update_states(manager, &pass);
	manager->rates.changed = false;
	manager_tell_resolved(manager, &pass.snapshot);
	manager_watch_idle(manager, &pass);
	manager_tell_notes(manager, &pass.plan);
	manager_renumber_idle(manager, &pass);
	/* Which they were before says what flows end. */
	if (r == 0 && !manager->flows_due)
		r = manager_remember_addresses(manager, &pass);
	managed_list_sweep(&manager->networks);
	monitor_watch_tc(manager->monitor, manager->kernel.tc_used || manager->kernel.shapers_used);
	monitor_watch_remotes(manager->monitor, manager->kernel.remotes_wanted);
	want_next_pass(manager, &pass, problem_before);
	/* A look at all links fills as much memory with them once more; 0.2 ms, and no pass follows at once. */
	if (pass.plan.n_steps == 0 && (manager->settling || manager->kernel.view.all_links))
		give_memory_back(manager);
	manager->settling = pass.plan.n_steps > 0 || manager->renumbering;	/* what was decided is no repair */
	manager_update_status_text(manager);
	/* A pass that follows at once has the same to say, and more. */
	if (manager->changed && ((pass.plan.n_steps == 0 && !manager->renumbering) || manager->fight || manager->shared_problem[0]))
		manager->changed(manager->changed_data);
	return r;
}

/* What would be done now, as text. The caller owns it. */
int manager_print_plan(struct manager *manager, char **ret_text)
{
	_cleanup_(pass_deinit) struct pass pass = { .only_look = true };
	int r = pass_prepare(manager, &pass);

	return r < 0 ? r : plan_print(&pass.plan, ret_text);
}

/* Runs passes until one finds nothing to do, or for a while: about what is marked, and what else has changed. */
int manager_settle_marked(struct manager *manager)
{
	for (int i = 0; i < 4; i++) {
		int r = manager_run_pass(manager);

		if (r < 0 || !manager->settling)
			return r;
	}
	return 0;
}

/* The same about everything. */
int manager_settle(struct manager *manager)
{
	manager->dirty.marks.all = true;
	return manager_settle_marked(manager);
}
