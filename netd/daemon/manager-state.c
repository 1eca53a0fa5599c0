/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a pass says of each network: its state, its problem and what mends it.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/str.h"
#include "../model/notes.h"
#include "firewalld.h"
#include "log.h"
#include "services.h"
#include "taken.h"

/* A guest that has asked for a network has its port after so long, or is not coming: a request for a tap takes 5 s at most. */
#define DEMAND_US	10000000

/* A step of a network has failed: it is left out for a while, and says why. */
void manager_note_failure(struct manager *manager, const char *network, const char *text)
{
	struct managed *managed = managed_find(&manager->networks, network);

	/* What belongs to all is every network's problem; the pass as a whole is tried again later. */
	if (!managed) {
		if (!manager->shared_problem[0])
			snprintf(manager->shared_problem, sizeof(manager->shared_problem), "%s", text);
		return;
	}
	if (managed->retry_at_us)
		return;		/* the first failed step of a pass is the reason, and counts */
	if (strcmp(managed->problem, text) != 0)
		log_say(3, network, managed->network.bridge, "network %s: %s", network, text);
	managed_set_problem(managed, PROBLEM_OTHER, text);
	managed->retry_at_us = clock_us() + backoff_us(RETRY_US, managed->n_failures++);
	managed_set_state(managed, NETWORK_FAILED);
	manager_want_pass_at(manager, managed->retry_at_us);
}

/* A declared tap cannot be made or changed: its network goes on without. */
void manager_note_tap_failure(struct manager *manager, const char *network, const char *text)
{
	struct managed *managed = managed_find(&manager->networks, network);

	if (manager->n_tap_failures == 0)
		log_say(4, network, NULL, "network %s: %s", network, text);
	if (managed)
		managed_set_text(&managed->taps_failure, text);
}

/* What a plan does for whom: a bit for each kind of step. */
struct touched {
	uint64_t *ops;			/* owned; by a network's place in the list */
	uint64_t shared;		/* for what belongs to all */
};
_Static_assert(PLAN_OP_MAX_ <= 64, "a bit for each kind of step");

static int list_touched(const struct manager *manager, const struct plan *plan, struct touched *ret_touched)
{
	struct touched touched = { .ops = calloc(manager->networks.n + 1, sizeof(*touched.ops)) };

	if (!touched.ops)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];
		size_t place;

		if (!step->network[0])
			touched.shared |= UINT64_C(1) << step->op;
		else if (managed_find_place(&manager->networks, step->network, &place))
			touched.ops[place] |= UINT64_C(1) << step->op;
	}
	*ret_touched = touched;
	return 0;
}

/* A repair, by what it consisted of. */
static void count_repair(struct managed *managed, uint64_t ops)
{
	managed->n_repairs++;
	if (!managed->repairs)
		managed->repairs = calloc(PLAN_OP_MAX_, sizeof(*managed->repairs));
	if (!managed->repairs)
		return;		/* what it was is only for people to read */
	for (unsigned int op = 0; op < PLAN_OP_MAX_; op++)
		managed->repairs[op] += ops >> op & 1;
}

/* What the planner leaves alone; what keeps a network from being is its problem. */
static void tell_note(struct managed *managed, const struct plan_note *note)
{
	char problem[NOTE_TEXT_SIZE], mend[NOTE_FIX_SIZE];
	struct text text, fix;

	text_init(&text, problem, sizeof(problem));
	text_init(&fix, mend, sizeof(mend));
	switch (notes_print(note, &text, &fix)) {
	case NOTE_FAILING: managed_set_state(managed, NETWORK_FAILED); break;
	case NOTE_DEGRADING: managed_set_state(managed, NETWORK_DEGRADED); break;
	case NOTE_REMARK: break;
	}
	managed_set_problem(managed, PROBLEM_NOTE + note->kind, problem);
	managed_set_text(&managed->fix, mend);
}

/* What the planner left alone becomes the problem of its network, or of all. */
void manager_tell_notes(struct manager *manager, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_notes; i++) {
		const struct plan_note *note = &plan->notes[i];
		struct managed *managed = note->network[0] ? managed_find(&manager->networks, note->network) : NULL;

		if (managed && managed->wanted)
			tell_note(managed, note);
		for (size_t j = 0; !note->network[0] && j < manager->networks.n; j++)
			if (manager->networks.items[j]->wanted)
				tell_note(manager->networks.items[j], note);
	}
}

/* How many ports the bridge of each network has. */
static void count_ports(struct manager *manager, const struct pass *pass)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		manager->networks.items[i]->n_ports = 0;
	for (size_t i = 0; i < pass->snapshot.n_ports; i++) {
		const char *bridge = pass->snapshot.ports[i].bridge;
		const struct netstate_bridge *desired = netstate_find_bridge(&pass->desired, bridge);
		struct managed *managed = desired ? managed_find(&manager->networks, desired->network) : NULL;

		if (managed)
			managed->n_ports++;
		for (size_t j = 0; !desired && j < manager->networks.n; j++)
			manager->networks.items[j]->n_ports += strcmp(manager->networks.items[j]->network.bridge, bridge) == 0;
	}
}

/* How long a network that is there on demand stays without a port: a guest that is on its way has the time it may take. */
static uint64_t idle_end_us(const struct managed *managed)
{
	uint64_t end_us = managed->idle_since_us + (uint64_t)managed->network.idle_timeout_s * 1000000;
	uint64_t guest_us = managed->demanded_at_us ? managed->demanded_at_us + DEMAND_US : 0;

	return end_us > guest_us ? end_us : guest_us;
}

/* Networks that are there on demand go when they have had no port for long enough. */
void manager_watch_idle(struct manager *manager, const struct pass *pass)
{
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];

		if (!managed->network.on_demand || !managed->wanted || managed->n_ports > 0 ||
		    managed->network.idle_timeout_s == NETWORK_NEVER) {
			managed->idle_since_us = 0;
			continue;
		}
		if (managed->idle_since_us == 0)
			managed->idle_since_us = pass->now_us;
		if (pass->now_us < idle_end_us(managed)) {
			manager_want_pass_at(manager, idle_end_us(managed));
			continue;
		}
		log_say(6, managed->network.name, managed->network.bridge,
			"network %s has had no port for %u s: it goes until a guest asks for it", managed->network.name,
			managed->network.idle_timeout_s);
		managed->wanted = false;
		managed->idle_since_us = 0;
		(void)managed_remember_wanted(managed, &manager->options);
		manager_want_pass(manager);
	}
}

/* What its service lacks is the network's state. A start is over when the service is there. */
static bool tell_service(struct managed *managed)
{
	const char *fix, *problem = services_problem(managed, &fix);

	if (problem[0]) {
		managed_set_problem(managed, problem == managed->withheld_problem ? managed->withheld_kind : PROBLEM_OTHER, problem);
		managed_set_text(&managed->fix, fix);
		managed_set_state(managed, NETWORK_DEGRADED);
		return true;
	}
	if (services_are_ready(managed) || managed->state == NETWORK_RUNNING)
		return false;
	managed_set_problem(managed, PROBLEM_OTHER, "");
	managed_set_state(managed, NETWORK_STARTING);
	return true;
}

/*
 * Are replies left with unfinished checksums? That is a problem of few guests, and worth a word; where the
 * network's file asks for a way that cannot be had, something declared is missing.
 */
static bool is_unchecked(const struct manager *manager, struct managed *managed)
{
	const struct subnet_choice *choice = subnet_find(manager->choices, manager->n_choices, managed->network.name);

	char problem[512] = "";

	if (managed->problem[0] ||
	    !checksums_problem(&manager->checksums, &managed->network, choice, problem, sizeof(problem)))
		return false;
	managed_set_problem(managed, PROBLEM_OTHER, problem);
	return managed->network.checksum != NETWORK_CHECKSUM_AUTO;
}

/* Is something not held to the rate that the network's file gives it? */
static bool is_unrated(const struct manager *manager, struct managed *managed)
{
	const uint8_t missing = manager_missing_rates(manager, &managed->network);
	char buffer[256];
	struct text text;

	if (!missing)
		return false;
	text_init(&text, buffer, sizeof(buffer));
	rates_explain(missing, &text);
	if (!managed->problem[0])
		managed_set_problem(managed, PROBLEM_OTHER, buffer);
	return true;
}

/* Is its part of a delegated prefix missing? It goes on without. */
static bool is_undelegated(const struct manager *manager, struct managed *managed)
{
	char buffer[256];
	struct text text;

	if (!managed->network.address_delegated)
		return false;
	text_init(&text, buffer, sizeof(buffer));
	if (!subnet_explain(&managed->network, subnet_find(manager->choices, manager->n_choices, managed->network.name), &text))
		return false;
	if (!managed->problem[0])
		managed_set_problem(managed, PROBLEM_NOT_DELEGATED, buffer);
	return true;
}

/* Whoever of the host listens where a forward leads to a guest: worth a word, and no failure. */
static void tell_taken(struct managed *managed)
{
	char buffer[512];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	taken_look(&managed->network, &text);
	managed_set_problem(managed, PROBLEM_OTHER, buffer);
}

/* A peer that does not name this network, or is not there: nothing is opened, and somebody expects it to be. */
static void tell_peers(const struct manager *manager, struct managed *managed)
{
	const struct network *network = &managed->network;

	for (size_t i = 0; i < network->n_peers; i++) {
		const struct managed *peer = managed_find(&manager->networks, network->peers[i]);
		char buffer[128];

		if (peer && network_has_peer(&peer->network, network->name))
			continue;
		snprintf(buffer, sizeof(buffer), peer ? "Peer=%s: network %s does not name this one as its peer, so nothing is opened" :
			 "Peer=%s: there is no network %s", network->peers[i], network->peers[i]);
		managed_set_problem(managed, PROBLEM_OTHER, buffer);
		return;
	}
}

/* Firmware says nothing but that nobody answers. */
static void tell_boot(struct managed *managed)
{
	if (dnsmasq_boots_nobody(&managed->network))
		managed_set_problem(managed, PROBLEM_OTHER,
				    "[Boot] File=: over IPv6 UEFI boots with an address of DHCPv6 alone, and nobody gets one here: write a Range= of IPv6 in section [DHCP], or a [Host] with an IPv6 Address=");
}

/* A network card that is its port. True when there is nothing more to say. */
static bool tell_card(const struct manager *manager, struct managed *managed)
{
	char problem[512] = "", fix[1536] = "";
	struct text problem_text, fix_text;
	enum card_state state;

	managed->card_state = CARD_NONE;
	if (!network_has_card(&managed->network))
		return false;
	text_init(&problem_text, problem, sizeof(problem));
	text_init(&fix_text, fix, sizeof(fix));
	managed->card_state = state = uplinks_tell(&manager->uplinks, managed, &problem_text, &fix_text);
	if (!problem[0])
		return false;
	managed_set_problem(managed, PROBLEM_OTHER, problem);
	managed_set_text(&managed->fix, fix);
	if (state == CARD_TRIAL)
		managed_set_state(managed, NETWORK_STARTING);
	else
		managed_set_state(managed, state == CARD_GONE || state == CARD_OWNED || state == CARD_SECOND ||
				  state == CARD_SECOND_GONE || managed->config_problem[0] ?
				  NETWORK_DEGRADED : NETWORK_RUNNING);
	return true;
}

/* So many networks are told of one by one when they were repaired. */
#define REPAIRS_TOLD	8

/* What was done for a network that ran and was not asked to change. */
static uint64_t repair_of(const struct manager *manager, const struct touched *list, size_t i)
{
	const uint64_t of_ports = UINT64_C(1) << PLAN_ELEMENT_ADD | UINT64_C(1) << PLAN_ELEMENT_REMOVE |
				  UINT64_C(1) << PLAN_SHAPER_SET | UINT64_C(1) << PLAN_SHAPER_REMOVE;
	const struct managed *managed = manager->networks.items[i];
	uint64_t ops = list->ops[i] | list->shared;

	/* A guest that comes or goes is no damage. */
	if (manager->rates.changed && rates_are_of_ports(&managed->network))
		ops &= ~of_ports;
	return managed->state == NETWORK_RUNNING && managed->wanted && !manager->settling ? ops : 0;
}

static void note_repairs(const struct manager *manager, const struct pass *pass, const struct touched *list)
{
	const unsigned long long plan = pass->plan.id;
	size_t n = 0;

	for (size_t i = 0; i < manager->networks.n; i++) {
		uint64_t ops = repair_of(manager, list, i);

		if (ops)
			count_repair(manager->networks.items[i], ops);
		n += ops != 0;
	}
	for (size_t i = 0; n <= REPAIRS_TOLD && i < manager->networks.n; i++) {
		const struct network *network = &manager->networks.items[i]->network;

		if (repair_of(manager, list, i))
			log_say(5, network->name, network->bridge, "network %s repaired (plan %llu)", network->name, plan);
	}
	if (n > REPAIRS_TOLD)
		log_say(5, NULL, NULL, "%zu networks repaired (plan %llu)", n, plan);
}

/* Is the pass about this network? Of the others its plan has nothing to say. */
static bool is_of_pass(const struct manager *manager, const struct pass *pass, const char *network)
{
	for (size_t i = 0; pass->partial && i < pass->n_networks; i++)
		if (strcmp(pass->networks[i], network) == 0)
			return true;
	return !pass->partial || manager->shared_problem[0];
}

/* After a pass: what can be said of each network now. */
int manager_update_states(struct manager *manager, const struct pass *pass)
{
	struct touched list;
	int r;

	r = list_touched(manager, &pass->plan, &list);
	if (r < 0)
		return r;
	count_ports(manager, pass);
	note_repairs(manager, pass, &list);
	if (list.shared)
		manager_count_repair(manager, pass, NULL);
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];
		bool touched = list.ops[i] != 0;

		if (touched)
			manager_count_repair(manager, pass, managed);
		if (!is_of_pass(manager, pass, managed->network.name))
			continue;
		managed_set_text(&managed->fix, "");
		if (managed->card_refused)
			managed_set_text(&managed->fix, managed->card_fix);
		if (managed->look_at_us)
			manager_want_pass_at(manager, managed->look_at_us);
		if (managed->retry_at_us)
			continue;
		if (manager->shared_problem[0] && managed->wanted) {
			managed_set_problem(managed, PROBLEM_OTHER, manager->shared_problem);
			managed_set_state(managed, NETWORK_DEGRADED);
			continue;
		}
		if (touched) {	/* the next pass says whether it is settled */
			if (managed->wanted && managed->state == NETWORK_STOPPED)
				managed_set_state(managed, NETWORK_STARTING);
			continue;
		}
		managed->n_failures = 0;
		if (managed->wanted && managed->network.bridge[0] && tell_service(managed))
			continue;
		if (managed->config_problem[0] && !managed->network.bridge[0]) {
			managed_set_state(managed, NETWORK_FAILED);
		} else if (!managed->wanted) {
			managed_set_state(managed, managed->card_failed ? NETWORK_FAILED : NETWORK_STOPPED);
			managed_set_problem(managed, PROBLEM_OTHER, managed->card_failed ? managed->card_problem : "");
		} else if (!tell_card(manager, managed)) {
			const char *block = firewalld_problem_of(manager->firewalld, managed->network.bridge);

			if (!block[0])
				block = coexist_block_of(&manager->coexist, managed->network.bridge);

			if (!block[0])
				block = managed->twins_problem;
			if (!block[0])
				block = managed->held_problem;
			if (!block[0])
				block = managed->boot_problem;
			if (!block[0])
				block = managed->taps_problem;
			if (!block[0])
				block = managed->taps_failure;
			if (block[0])
				managed_set_problem(managed, PROBLEM_OTHER, block);
			else
				tell_taken(managed);
			if (!managed->problem[0])
				tell_peers(manager, managed);
			if (!managed->problem[0])
				tell_boot(managed);
			managed_set_state(managed, managed->config_problem[0] || block[0] || is_unrated(manager, managed) ||
					  is_undelegated(manager, managed) || is_unchecked(manager, managed) ?
					  NETWORK_DEGRADED : NETWORK_RUNNING);
		}
	}
	free(list.ops);
	return 0;
}

/* One line for systemctl status. */
void manager_update_status_text(struct manager *manager)
{
	size_t n_running = 0, n_wanted = 0;
	const char *problem = "";
	struct text text;

	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		n_wanted += managed->wanted;
		n_running += managed->state == NETWORK_RUNNING;
		if (managed->config_problem[0])
			problem = managed->config_problem;
		else if (managed->state == NETWORK_FAILED)
			problem = managed->problem;
	}
	text_init(&text, manager->status_text, sizeof(manager->status_text));
	text_add(&text, "%zu of %zu networks running%s%s", n_running, n_wanted, problem[0] ? "; " : "", problem);
}

/* Borrowed until the manager runs again. */
const char *manager_status_text(const struct manager *manager)
{
	return manager->status_text;
}
