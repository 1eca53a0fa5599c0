/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guestnet doctor says of the host's network cards in bridges.
 * System calls: reads below /sys; the rest is what the daemon has said.
 *
 * A card that its network's file names is the daemon's to judge, in a word (UplinkState, ProblemKind) and a sentence: here each word
 * has its place in the table. One that nobody has named, on a bridge whose addresses are ours to give out, is seen here.
 */
#include "cards.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/fd.h"

/* A VLAN on a bond of cards on a switch's ports: there is no end to what can be stacked, but to what is looked at. */
#define STACK_DEPTH	4

/*
 * Is this the port of a switch in the card that leads to a guest? It is a device of the card, too, and is called after the
 * function behind it: "pf0vf3", "c1pf0sf88" (__devlink_port_phys_port_name_get()).
 */
static bool leads_to_guest(const char *name)
{
	char path[64], text[64] = "";
	_cleanup_(fd_closep) int fd = -EBADF;

	snprintf(path, sizeof(path), "/sys/class/net/%s/phys_port_name", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && (strstr(text, "vf") || strstr(text, "sf"));
}

/* Does an interface lead out of this host: a card, or what lies on one (a VLAN, a bond)? */
static bool leads_out(const char *name, unsigned int depth)
{
	char path[64];
	glob_t lower;
	bool found = false;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
	if (access(path, F_OK) == 0)
		return !leads_to_guest(name);
	snprintf(path, sizeof(path), "/sys/class/net/%s/lower_*", name);
	if (depth == 0 || glob(path, 0, NULL, &lower) != 0)
		return false;
	for (size_t i = 0; i < lower.gl_pathc && !found; i++)
		found = leads_out(strstr(lower.gl_pathv[i], "/lower_") + strlen("/lower_"), depth - 1);
	globfree(&lower);
	return found;
}

/* The next port of a bridge that leads out, behind @after; NULL for the first. */
static const struct link *find_card(const struct doctor *doctor, const char *bridge, const struct link *after)
{
	const struct link_table *table = &doctor->look.links;
	const struct link *master = link_table_find(table, bridge);

	for (size_t i = after ? (size_t)(after - table->links) + 1 : 0; master && i < table->n_links; i++)
		if (table->links[i].master == master->ifindex && leads_out(table->links[i].names[0], STACK_DEPTH))
			return &table->links[i];
	return NULL;
}

/* Is its bridge for guests alone, with addresses of ours? */
static bool is_inner(const struct report *report)
{
	return report->mode[0] && strcmp(report->mode, "bridge") != 0;
}

static bool is_state(const struct report *report, const char *state)
{
	return strcmp(report->uplink_state, state) == 0;
}

/* The file names a second card without STP=yes; somebody has put one there; it has something that a port may not have. */
static bool is_loop(const struct report *report)
{
	return is_state(report, "second") || report_is_about(report, "file-second") || report_is_about(report, "port-second");
}

static bool is_lost(const struct report *report)
{
	return is_state(report, "gone") || is_state(report, "second-gone");
}

/* Is what is wrong with this network told by one of the checks below? */
bool cards_tell(const struct doctor *doctor, const struct report *report)
{
	if (report_is_about(report, "port-physical") && is_inner(report) && find_card(doctor, report->bridge, NULL))
		return true;
	return is_state(report, "trial") || is_state(report, "undone") || is_state(report, "refused") || is_state(report, "owned") ||
	       is_state(report, "client") || is_loop(report) || is_lost(report);
}

void cards_check_stray(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		for (const struct link *card = NULL; is_inner(report) && (card = find_card(doctor, report->bridge, card));)
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
				"the network card %s is a port of %s, the bridge of network %s (Mode=%s): our DHCP server answers the LAN behind that "
				"card, and who is there reaches guests past all rules; take it off, or, if guests belong to that LAN, make them a network "
				"with Mode=bridge and Uplink=%s", card->names[0], report->bridge, report->name, report->mode, card->names[0]), false,
				"ip link set %s nomaster", card->names[0]);
	}
}

void cards_check_trial(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		if (is_state(report, "trial"))
			doctor_fix(doctor_add(doctor, VERDICT_NOTE, "network %s: %s", report->name, report->problem), false, "%s", report->fix);
		else if (is_state(report, "undone"))
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "network %s was undone: %s", report->name, report->problem), false,
				   "guestnet start %s", report->name);
		else if (is_state(report, "refused") && !is_loop(report))
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "network %s has not got its network card: %s", report->name,
					      report->problem), false, "%s", report->fix);
	}
}

void cards_check_owner(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		if (is_state(report, "owned") || is_state(report, "client"))
			doctor_fix(doctor_add(doctor, is_state(report, "owned") ? VERDICT_PROBLEM : VERDICT_NOTE, "network %s: %s", report->name,
					      report->problem), false, "%s", report->fix);
	}
}

void cards_check_lost(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++)
		if (is_lost(&doctor->reports.items[i]))
			doctor_add(doctor, VERDICT_PROBLEM, "network %s: %s", doctor->reports.items[i].name, doctor->reports.items[i].problem);
}

void cards_check_loop(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		if (!is_loop(report))
			continue;
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "network %s: %s", report->name, report->problem), false,
			   report->fix[0] ? "%s" : "guestnet edit %s", report->fix[0] ? report->fix : report->name);
	}
}
