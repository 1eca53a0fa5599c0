/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports that have fallen off their bridge, or lack an option, are put back.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <string.h>

#include "../../lib/str.h"

/*
 * The options that the alias of one of our helper's taps promises (helper/attach.c). An address list locks
 * the port; then nothing is to be learned, or flooded to it.
 */
static void set_promised_options(struct netstate_port *port)
{
	const char *word = port->alias;
	bool macs = false;
	uint32_t vlan;

	port->isolated = false;
	port->vlan = 0;
	while (*word) {
		size_t n = strcspn(word, " ");
		char text[16];

		if (n == strlen("isolated") && memcmp(word, "isolated", n) == 0)
			port->isolated = true;
		if (n >= 5 && memcmp(word, "macs=", 5) == 0)
			macs = true;
		if (n > 5 && n < sizeof(text) && memcmp(word, "vlan=", 5) == 0) {
			memcpy(text, word + 5, n - 5);
			text[n - 5] = '\0';
			if (str_parse_u32(text, 4094, &vlan) == 0)
				port->vlan = (uint16_t)vlan;
		}
		word += n;
		word += strspn(word, " ");
	}
	port->locked = macs;
	port->learning = !macs;
	port->flood = !macs;
	port->up = true;
}

static const struct netstate_port *find_remembered_port(const struct planner *planner, const struct netstate_port *port)
{
	for (size_t i = 0; i < planner->memory->n_ports; i++) {
		const struct netstate_port *other = &planner->memory->ports[i];

		if (other->ifindex == port->ifindex && strcmp(other->name, port->name) == 0)
			return other;
	}
	return NULL;
}

/* The network of a port: its alias names the bridge, as it is called or was, or the network. */
static const struct job *find_port_job(const struct planner *planner, const char *bridge)
{
	const struct netstate_bridge *desired = planner_find_desired(planner, bridge);
	const char *network = desired ? desired->network : planner_network_of_link(planner, bridge);

	return planner_find_job(planner, network ? network : bridge);
}

/*
 * What the network's [Port] adds to what the alias promises, or to what the program whose port it is has set; and takes
 * back of what it had added.
 */
static void set_guards(const struct job *job, const struct netstate_port *remembered, struct netstate_port *want)
{
	bool guest = want->guest || want->owner == NETSTATE_OURS;

	if (guest && job->desired->ports_isolated)
		want->isolated = true;
	else if (want->owner != NETSTATE_OURS && remembered && remembered->made_isolated)
		want->isolated = false;
	if (guest && job->desired->port_group)
		want->group = job->desired->port_group;
	else if (netstate_is_group(want->group))
		want->group = 0;
}

static bool has_same_guards(const struct netstate_port *a, const struct netstate_port *b)
{
	return a->isolated == b->isolated && a->group == b->group;
}

static void add_set_step(struct planner *planner, const char *network, const struct netstate_port *want)
{
	planner_add_port_step(planner, PLAN_PORT_SET, network, want);
}

/* The network whose bridge it is on now; by name, which is nearly always true, else by index. */
static const struct job *find_job_of_master(const struct planner *planner, const struct netstate_port *port)
{
	const struct job *job = port->bridge[0] ? find_port_job(planner, port->bridge) : NULL;

	if (job && job->seen && job->seen->bridge->ifindex == port->master)
		return job;
	for (size_t i = 0; i < planner->n_jobs; i++)
		if (planner->jobs[i].seen && planner->jobs[i].seen->bridge->ifindex == port->master)
			return &planner->jobs[i];
	return NULL;
}

/* What a pass leaves out it leaves out with its ports, also where its bridge is on the way out. */
static bool is_on_excepted(const struct planner *planner, const struct netstate_port *port)
{
	for (size_t i = 0; i < planner->n_seen; i++)
		if (planner->seen[i].bridge->ifindex == port->master)
			return planner_is_excepted(planner, planner->seen[i].network);
	return false;
}

/* Another program's port, where it is: on a bridge of ours, or gone elsewhere with our group. */
static void plan_foreign_port(struct planner *planner, const struct netstate_port *port,
			      const struct netstate_port *remembered)
{
	struct netstate_port want = *port;
	const struct job *job;

	if (!port->master || !(port->guest || netstate_is_group(port->group) || (remembered && remembered->made_isolated)))
		return;
	job = find_job_of_master(planner, port);
	/* A bridge that has lost its mark, and whose network cannot be, is nobody's from now on. */
	if (job && job->blocked && !job->excepted && job->seen->bridge->owner != NETSTATE_OURS)
		job = NULL;
	if (job && (job->blocked || job->excepted))
		return;
	if (job) {
		set_guards(job, remembered, &want);
		if (!has_same_guards(port, &want))
			add_set_step(planner, job->desired->network, &want);
	} else if (netstate_is_group(port->group) && !is_on_excepted(planner, port)) {
		want.group = want.master = 0;
		add_set_step(planner, "", &want);
	}
}

/* All but what plan_port() looks at in any case. */
static bool has_same_options(const struct netstate_port *a, const struct netstate_port *b)
{
	return a->up == b->up && a->locked == b->locked && a->learning == b->learning && a->flood == b->flood;
}

/*
 * A port of another program that the network keeps, such as a tap of libvirt's. Where it went when it is on no bridge
 * nobody says: with our bridge gone it fell off; else its owner may be moving it to another bridge right now, and is
 * given the time until the next look.
 */
static void plan_kept_port(struct planner *planner, const struct netstate_port *port, const struct netstate_port *remembered)
{
	struct netstate_port want = *remembered;
	const struct job *job;

	if (!remembered->kept || port->master)
		return;
	job = find_port_job(planner, remembered->bridge);
	if (!job || job->blocked || job->excepted)
		return;
	if (job->seen && job->seen->bridge->ifindex == remembered->master && !remembered->off)
		return;
	memcpy(want.bridge, job->desired->name, sizeof(want.bridge));
	want.master = job->seen ? job->seen->bridge->ifindex : planner_old_index(planner, job->desired->network);
	want.mtu = job->desired->mtu;
	set_guards(job, remembered, &want);
	want.kept = want.off = want.made_isolated = false;
	planner_add_port_step(planner, PLAN_PORT_PUT_BACK, job->desired->network, &want);
}

static void plan_port(struct planner *planner, const struct netstate_port *port)
{
	const struct netstate_port *remembered = find_remembered_port(planner, port);
	struct netstate_port want = *port;
	const struct job *job;
	bool in_place;

	if (port->owner != NETSTATE_OURS && remembered && remembered->owner != NETSTATE_OURS)
		plan_kept_port(planner, port, remembered);
	if (port->owner != NETSTATE_OURS && (!remembered || remembered->owner != NETSTATE_OURS)) {
		plan_foreign_port(planner, port, remembered);
		return;
	}
	if (port->owner != NETSTATE_OURS) {
		/* Its alias was taken away; what it said is remembered. */
		memcpy(want.alias, remembered->alias, sizeof(want.alias));
		memcpy(want.bridge, remembered->bridge, sizeof(want.bridge));
		want.owner = NETSTATE_OURS;
	}
	job = find_port_job(planner, want.bridge);
	if (!job || job->blocked || job->excepted)
		return;

	in_place = job->seen && port->master == job->seen->bridge->ifindex;
	/* On its bridge and still down, never seen up: the helper is at work on it. */
	if (in_place && !port->up && (!remembered || !remembered->up) && !netstate_find_tap(planner->snapshot, port->name))
		return;
	set_promised_options(&want);
	set_guards(job, remembered, &want);
	if (in_place && has_same_options(port, &want)) {
		if (port->owner != NETSTATE_OURS || !has_same_guards(port, &want))
			add_set_step(planner, job->desired->network, &want);
		return;
	}

	memcpy(want.bridge, job->desired->name, sizeof(want.bridge));
	want.master = job->seen ? job->seen->bridge->ifindex : planner_old_index(planner, job->desired->network);
	if (!in_place)
		want.mtu = job->desired->existing ? job->seen->bridge->mtu : job->desired->mtu;
	planner_add_port_step(planner, PLAN_PORT_PUT_BACK, job->desired->network, &want);
}

/* The kernel has no guard against loops but STP: a second way out of a bridge to the LAN may close one. */
static void note_card(struct planner *planner, const struct seen *seen, const struct netstate_port *port)
{
	const struct netstate_uplink *uplink = netstate_find_uplink(planner->desired, seen->network);
	const struct job *job = planner_find_job(planner, seen->network);

	if (!uplink || !job)
		planner_add_note(planner, PLAN_NOTE_PORT_PHYSICAL, seen->network, port->name, NULL);
	else if (strcmp(uplink->nic, port->name) != 0 && !job->desired->stp)
		planner_add_note(planner, PLAN_NOTE_PORT_SECOND, seen->network, port->name, NULL);
}

/* Each port of the snapshot that is ours, or kept as if it were; and network cards, which are only noted. */
void plan_ports(struct planner *planner)
{
	for (size_t i = 0; i < planner->snapshot->n_ports; i++) {
		const struct netstate_port *port = &planner->snapshot->ports[i];

		plan_port(planner, port);
		for (size_t j = 0; port->physical && port->master && j < planner->n_seen; j++)
			if (planner->seen[j].bridge->ifindex == port->master)
				note_card(planner, &planner->seen[j], port);
	}
}
