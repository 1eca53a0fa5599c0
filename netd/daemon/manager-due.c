/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the next pass is due; and another program that undoes what is repaired: seen, said once, and answered more slowly.
 * Event loop context.
 */
#include "manager-internal.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

/* So many passes with something to repair of one network within so long are a fight with another program. */
#define FIGHT_PASSES	16
#define FIGHT_WINDOW_US	2000000

/* A pass is due when all that is pending has been seen, for what events have named. */
void manager_want_look(struct manager *manager)
{
	(void)sd_event_source_set_enabled(manager->pass_source, SD_EVENT_ONESHOT);
}

/* The same for all networks. */
void manager_want_pass(struct manager *manager)
{
	manager->dirty.marks.all = true;
	manager_want_look(manager);
}

/* A pass is due at @when_us of CLOCK_MONOTONIC at the latest; it looks at everything. */
void manager_want_pass_at(struct manager *manager, uint64_t when_us)
{
	uint64_t set_us = 0;
	int enabled = SD_EVENT_OFF;

	(void)sd_event_source_get_enabled(manager->timer_source, &enabled);
	(void)sd_event_source_get_time(manager->timer_source, &set_us);
	if (enabled != SD_EVENT_OFF && set_us <= when_us)
		return;
	(void)sd_event_source_set_time(manager->timer_source, when_us);
	(void)sd_event_source_set_enabled(manager->timer_source, SD_EVENT_ONESHOT);
}

/* Has a fight been seen that is not over? Its end is noticed here, and said. */
bool manager_fight_goes_on(struct manager *manager, uint64_t now_us)
{
	if (manager->fight && now_us - manager->last_repair_us >= FIGHT_OVER_US) {
		log_say(5, NULL, NULL, "nothing undoes the repairs any more");
		manager->fight = false;
		manager->window_start_us = 0;
	}
	return manager->fight;
}

/*
 * A pass has repaired something of this network, or, with NULL, of what belongs to all. What is broken once in each of many
 * networks is no fight.
 */
void manager_count_repair(struct manager *manager, const struct pass *pass, struct managed *managed)
{
	unsigned int *n = managed ? &managed->n_redone : &manager->n_redone;

	if (pass->now_us - manager->window_start_us > FIGHT_WINDOW_US) {
		manager->window_start_us = pass->now_us;
		manager->n_redone = 0;
		manager->disputed = false;
		for (size_t i = 0; i < manager->networks.n; i++)
			manager->networks.items[i]->n_redone = 0;
	}
	if (++*n != FIGHT_PASSES)
		return;
	manager->disputed = true;
	memset(manager->disputed_network, 0, sizeof(manager->disputed_network));
	if (managed)
		memcpy(manager->disputed_network, managed->network.name, sizeof(manager->disputed_network));
}

/* Undone, redone, undone: is somebody else at work? Then once in the log, and slower until it is over. */
bool manager_in_a_fight(struct manager *manager, const struct pass *pass)
{
	const char *culprit = manager->culprit.committer_name;
	bool fight = manager_fight_goes_on(manager, pass->now_us);
	char who[96] = "";

	manager->last_repair_us = pass->now_us;
	if (fight)
		return true;
	if (!manager->disputed)
		return false;
	if (culprit[0])
		snprintf(who, sizeof(who), " (the last to change the firewall was %s, pid %u)", culprit, manager->culprit.committer_pid);
	log_say(4, manager->disputed_network, NULL, "something undoes what is repaired%s%s, again and again: repairing once a second%s",
		manager->disputed_network[0] ? " of network " : "", manager->disputed_network, who);
	manager->fight = true;
	return true;
}

/* Whom repairs are a fight with, "" for nobody known; NULL while there is no fight. */
const char *manager_fights(const struct manager *manager, uint32_t *ret_pid)
{
	if (!manager->fight)
		return NULL;
	*ret_pid = manager->culprit.committer_pid;
	return manager->culprit.committer_name;
}
