/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks started and stopped: by hand, and for a guest that is on its way.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/str.h"
#include "services.h"
#include "taps.h"

/* Who starts a network waits so long for its service at most. */
#define START_WAIT_US	5000000

/*
 * Remembers a change of `wanted` when it is one, or is somebody's word, and carries out what it needs. Nothing has changed when it
 * cannot be remembered.
 */
static int change_wanted(struct manager *manager, struct managed *managed, bool wanted, bool by_hand, struct failure *failure)
{
	const bool before = managed->wanted;
	char name[NETWORK_NAME_SIZE];
	int r;

	memcpy(name, managed->network.name, sizeof(name));
	managed->wanted = wanted;
	r = by_hand || before != wanted ? managed_remember_wanted(managed, &manager->options) : 0;
	if (r < 0) {
		managed->wanted = before;
		return failure_set(failure, r, "%s/%s.wanted: %s", manager->options.run_root, name, strerror(-r));
	}
	if (by_hand)
		managed->stopped_by_hand = !wanted && !managed->network.on_demand;
	managed->retry_at_us = managed->child_retry_at_us = 0;
	managed->n_failures = managed->n_child_failures = 0;
	managed->card_failed = false;
	slice_mark(&manager->dirty.marks, name);
	r = manager_settle_marked(manager);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	managed = managed_find(&manager->networks, name);
	if (managed && managed->state == NETWORK_FAILED)
		return failure_set(failure, -EIO, "%s", managed->problem);
	return 0;
}

/* A start is over when the service is there, or cannot be: then -EIO with the reason. */
static int await_service(struct manager *manager, const char *network, struct failure *failure)
{
	const uint64_t end_us = clock_us() + START_WAIT_US;
	const char *problem = "", *fix;
	struct managed *managed;

	while ((managed = managed_find(&manager->networks, network)) && managed->wanted &&
	       managed->state == NETWORK_STARTING && services_wait(&manager->services, managed, end_us)) {
		int r = manager_run_pass(manager);

		if (r < 0)
			return failure_set(failure, r, "%s", strerror(-r));
	}
	/* What becomes of a trial is not for this call to wait for. */
	if (!managed || !managed->wanted || uplinks_trial_end(&manager->uplinks, network))
		return 0;
	problem = services_problem(managed, &fix);
	if (problem[0])
		return failure_set(failure, -EIO, "network %s is up, but degraded: %s", network, problem);
	if (managed->state == NETWORK_STARTING)
		return failure_set(failure, -EIO, "network %s is up, but its dnsmasq has not begun to serve", network);
	return 0;
}

/* Is this network up, as far as anybody can tell who has carried out its steps a moment ago? */
static bool is_up(struct manager *manager, const struct pass *pass, struct managed *managed)
{
	const char *fix;

	if (!managed || !managed->wanted || managed->retry_at_us || manager->shared_problem[0] || network_has_card(&managed->network) ||
	    !services_are_ready(managed) || services_problem(managed, &fix)[0])
		return false;
	for (size_t i = 0; i < pass->plan.n_notes; i++)
		if (!pass->plan.notes[i].network[0] || strcmp(pass->plan.notes[i].network, managed->network.name) == 0)
			return false;
	return netstate_find_bridge(&pass->desired, managed->network.bridge) != NULL;
}

/*
 * Tells whoever waits, when what he has asked for is so. @pass is the one that has started a network; for a network that is
 * stopped it may be NULL.
 */
void manager_answer(struct manager *manager, const struct pass *pass)
{
	struct answer *answer = &manager->answer;
	void (*done)(void *data) = answer->done;

	if (!done || !answer->applied ||
	    (answer->up && !is_up(manager, pass, managed_find(&manager->networks, answer->network))))
		return;
	answer->done = NULL;
	done(answer->data);
}

static void set_answer(struct manager *manager, const char *network, bool up, void (*done)(void *data), void *data)
{
	manager->answer = (struct answer){ .done = done, .data = data, .up = up };
	snprintf(manager->answer.network, sizeof(manager->answer.network), "%s", network);
}

/*
 * Starts a network, and remembers that until the next boot. Returns when it has been seen to be as it should; before that,
 * when it is up and nothing of it has failed, @started is called; it may be NULL. With @ask a network card that becomes a port has to be found good with manager_confirm(). -ENOENT when there
 * is no such network; -EIO with the reason when it did not come up.
 */
int manager_start(struct manager *manager, const char *network, bool ask, void (*started)(void *data), void *data,
		  struct failure *failure)
{
	struct managed *managed = managed_find(&manager->networks, network);
	int r;

	if (!managed)
		return manager_no_such(manager, network, failure);
	if (!managed->network.bridge[0])
		return failure_set(failure, -EINVAL, "%s", managed->config_problem);
	managed->card_ask = ask;
	set_answer(manager, managed->network.name, true, started, data);
	r = change_wanted(manager, managed, true, true, failure);
	if (r >= 0)
		r = await_service(manager, network, failure);
	manager->answer = (struct answer){ 0 };
	return r;
}

/*
 * Stops a network, and remembers that until the next boot. Returns when its bridge is gone. Before that, when nothing of it can
 * be reached any more, @stopped is called, unless something has failed; it may be NULL. -ENOENT when there is no such network;
 * -EIO with the reason when it is not gone.
 */
int manager_stop(struct manager *manager, const char *network, void (*stopped)(void *data), void *data,
		 struct failure *failure)
{
	struct managed *managed = managed_find(&manager->networks, network);
	int r;

	if (!managed)
		return manager_no_such(manager, network, failure);
	managed->card_ask = false;
	set_answer(manager, managed->network.name, false, stopped, data);
	r = change_wanted(manager, managed, false, true, failure);
	manager->answer = (struct answer){ 0 };
	return r;
}

/*
 * Somebody has found good what was moved on trial. -ENOENT when there is no such network; -EINVAL when nothing is on trial
 * any more, with what became of it.
 */
int manager_confirm(struct manager *manager, const char *network, struct failure *failure)
{
	const struct managed *managed = managed_find(&manager->networks, network);
	int r;

	if (!managed)
		return manager_no_such(manager, network, failure);
	if (!uplinks_confirm(&manager->uplinks, network))
		return failure_set(failure, -EINVAL, "nothing of network %s is on trial%s%s", managed->network.name,
				   managed->card_failed ? ": " : "", managed->card_failed ? managed->card_problem : "");
	r = manager_settle(manager);
	return r < 0 ? failure_set(failure, r, "%s", strerror(-r)) : 0;
}

/* The daemon ends: network cards that are on trial go back, because nobody would end the trial. */
void manager_end_trials(struct manager *manager)
{
	uplinks_give_up(&manager->uplinks);
}

/*
 * Which declared network is meant by this name, its own or one of its bridge's? NULL: none. Borrowed until the
 * manager runs again.
 */
const struct network *manager_find_declared(const struct manager *manager, const char *name)
{
	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		if (managed->declared && managed->network.bridge[0] && network_is_called(&managed->network, name))
			return &managed->network;
	}
	return NULL;
}

/*
 * A guest whose owner may use this network asks for it: it is brought up when it is down. Returns when its bridge
 * is there. -EPERM when an administrator has stopped it, or a network card would have to be moved; -ENOENT when it is declared
 * no more; -EIO, with the reason, when it does not come up.
 */
int manager_demand(struct manager *manager, const char *network, struct failure *failure)
{
	struct managed *managed = managed_find(&manager->networks, network);
	struct failure cause = { 0 };

	if (!managed || !managed->declared)
		return failure_set(failure, -ENOENT, "failed to get mtu of bridge `%s': No such device: the network is not declared any more",
				   STR_ESCAPED(network));
	if (!managed->wanted && managed->stopped_by_hand)
		return failure_set(failure, -EPERM, "failed to get mtu of bridge `%s': No such device: the network was stopped by hand: guestnet start %s",
				   STR_ESCAPED(network), STR_ESCAPED(network));
	if (!managed->wanted && network_has_card(&managed->network))
		return failure_set(failure, -EPERM, "failed to get mtu of bridge `%s': No such device: a network card of the host would have to be moved: guestnet start %s",
				   STR_ESCAPED(network), STR_ESCAPED(network));
	managed->demanded_at_us = clock_us();
	if (change_wanted(manager, managed, true, false, &cause) < 0)
		return failure_set(failure, -EIO, "failed to get mtu of bridge `%s': the network does not come up: %s",
				   STR_ESCAPED(network), cause.text);
	return 0;
}

/*
 * Takes in a tap that another program has left on no bridge: it is a port of this network from now on, put back like all
 * others. The network must be up. -ENOENT for no such network; -EINVAL and what is in the way; -EIO when it is no port after all.
 */
int manager_adopt(struct manager *manager, const char *network, const char *tap, struct failure *failure)
{
	struct managed *managed = managed_find(&manager->networks, network);
	int r;

	if (!managed)
		return manager_no_such(manager, network, failure);
	if (!managed->wanted || !managed->network.bridge[0])
		return failure_set(failure, -EINVAL, "network %s is not up: guestnet start %s", network, network);
	manager->kernel.dirt = DIRT_EVERYTHING;
	r = manager_settle(manager);
	if (r == 0)
		r = taps_adopt(&manager->kernel, tap, &managed->network, failure);
	if (r < 0)
		return failure->text[0] ? r : failure_set(failure, r, "%s", strerror(-r));
	manager->kernel.dirt = DIRT_EVERYTHING;
	manager->settling = true;	/* it was asked for: that it comes to its bridge is no repair */
	r = manager_settle(manager);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	for (size_t i = 0; i < manager->n_ports; i++)
		if (strcmp(manager->ports[i].name, tap) == 0 && manager->ports[i].master)
			return 0;
	return failure_set(failure, -EIO, "%s did not become a port of %s", STR_ESCAPED(tap), network);
}

/* Taps of others that are down and on no bridge. Returns how many, at most @max. */
size_t manager_list_stray_taps(const struct manager *manager, char (*ret_names)[IFNAME_SIZE], size_t max)
{
	return taps_find_stray(&manager->kernel.view.state, ret_names, max);
}
