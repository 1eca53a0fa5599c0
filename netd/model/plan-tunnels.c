/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tunnels to other hosts, where they belong, and whom they lead to.
 * Pure: no system calls.
 *
 * A device is ours by its mark; one that has lost it, by being a tunnel of this name and number on the network's bridge. What the
 * kernel does not change of a device is had by a new one in its place. The list of remotes is ours as a whole while the
 * file has one: what is not in the file goes. While it has none, the forwarding table is another program's, and only
 * what the file had before goes, known by the mark.
 *
 * A remote that is this host itself, as in a list that is the same on all hosts, or where an address moves from host to host, is
 * left out: the kernel would give the device what it sends there back (drivers/net/vxlan/vxlan_core.c:encap_bypass_if_local()), and
 * the bridge believe that its own guests are behind the tunnel.
 */
#include "plan-internal.h"

#include <string.h>

#include "tunnel.h"

/* No address cannot be said of a tunnel that has one. */
static bool has_to_be_made_anew(const struct netstate_tunnel *want, const struct netstate_tunnel *have)
{
	return want->vni != have->vni || want->port != have->port || want->v6 != have->v6 ||
	       (!want->local.family && have->local.family) || memcmp(&want->group, &have->group, sizeof(want->group)) != 0 ||
	       strcmp(want->under, have->under) != 0;
}

static bool is_same(const struct netstate_tunnel *want, const struct netstate_tunnel *have, int bridge)
{
	return strcmp(want->network, have->network) == 0 && have->master == bridge && have->up && want->listed == have->listed &&
	       want->learning == have->learning && want->port_learning == have->port_learning && want->isolated == have->isolated &&
	       want->ttl == have->ttl && want->mtu == have->mtu && memcmp(&want->local, &have->local, sizeof(want->local)) == 0;
}

static bool is_own_address(const struct planner *planner, const struct ip *ip)
{
	for (size_t i = 0; i < planner->snapshot->n_addresses; i++)
		if (memcmp(&planner->snapshot->addresses[i].address, ip, sizeof(*ip)) == 0)
			return true;
	return false;
}

/* Those that are missing; all of them on a device that is new. */
static void add_remotes(struct planner *planner, const struct netstate_tunnel *want, bool is_new)
{
	for (size_t i = 0; i < planner->desired->n_remotes; i++) {
		const struct netstate_remote *remote = &planner->desired->remotes[i];

		if (strcmp(remote->link, want->name) == 0 && !is_own_address(planner, &remote->address) &&
		    (is_new || !netstate_find_remote(planner->snapshot, remote->link, &remote->address)))
			planner_add_remote_step(planner, PHASE_PORTS, PLAN_REMOTE_ADD, OUTCOME_CREATE, want->network, remote);
	}
}

static void remove_remotes(struct planner *planner, const struct netstate_tunnel *want)
{
	for (size_t i = 0; i < planner->snapshot->n_remotes; i++) {
		const struct netstate_remote *remote = &planner->snapshot->remotes[i];

		if (strcmp(remote->link, want->name) == 0 &&
		    (!netstate_find_remote(planner->desired, remote->link, &remote->address) || is_own_address(planner, &remote->address)))
			planner_add_remote_step(planner, PHASE_PORTS, PLAN_REMOTE_REMOVE, OUTCOME_DELETE, want->network, remote);
	}
}

/* Nobody is reached by no route. Packets that are too large are taken apart, and put together again by the other host; or they are lost. */
static void note_way(struct planner *planner, const struct netstate_tunnel *want, const struct netstate_tunnel *have)
{
	const struct netstate_address lost = { .address = have->lost, .prefix_length = (uint8_t)ip_bits(&have->lost) };
	struct plan_note *note;

	if (lost.address.family)
		planner_add_note(planner, PLAN_NOTE_TUNNEL_LOST, want->network, want->name, &lost);
	if (!have->way_mtu || want->mtu + tunnel_overhead(want->v6) <= have->way_mtu)
		return;
	planner_add_note(planner, PLAN_NOTE_TUNNEL_TIGHT, want->network, have->way, NULL);
	if (planner->error < 0)
		return;
	note = &planner->plan.notes[planner->plan.n_notes - 1];
	note->mtu = want->mtu;
	note->fitting_mtu = have->way_mtu - tunnel_overhead(want->v6);
}

/* From an address that the host does not have nothing is sent (net/ipv4/route.c:ip_route_output_key_hash_rcu()), or nothing comes back. */
static void note_local(struct planner *planner, const struct netstate_tunnel *want)
{
	const struct netstate_address local = { .address = want->local, .prefix_length = (uint8_t)ip_bits(&want->local) };

	if (want->local.family && !is_own_address(planner, &want->local))
		planner_add_note(planner, PLAN_NOTE_TUNNEL_LOCAL, want->network, want->name, &local);
}

static void plan_tunnel(struct planner *planner, const struct netstate_tunnel *want)
{
	const struct netstate_tunnel *have = netstate_find_tunnel(planner->snapshot, want->name);
	const struct job *job = planner_find_job(planner, want->network);
	const int bridge = job->seen ? job->seen->bridge->ifindex : 0;
	struct netstate_tunnel tunnel = *want;

	if (have && !have->network[0] && (have->vni != want->vni || !bridge || have->master != bridge)) {
		planner_add_note(planner, PLAN_NOTE_TUNNEL_FOREIGN, want->network, want->name, NULL);
		return;
	}
	if (have)
		note_way(planner, want, have);
	note_local(planner, want);
	/* What is bound to an interface, the kernel lets have no more than what fits there (vxlan_change_mtu()). */
	if (have && want->under[0] && have->way_mtu && want->mtu + tunnel_overhead(want->v6) > have->way_mtu)
		tunnel.mtu = have->way_mtu - tunnel_overhead(want->v6);
	/* Nor more than it has while nothing leads there, when nobody knows what fits. */
	if (have && want->under[0] && !have->way_mtu && have->mtu < want->mtu)
		tunnel.mtu = have->mtu;
	if (planner->memory->no_taps)
		return;
	if (!have || has_to_be_made_anew(want, have)) {
		tunnel.ifindex = have ? have->ifindex : 0;
		planner_add_tunnel_step(planner, PHASE_PORTS, PLAN_TUNNEL_CREATE, have ? OUTCOME_UPDATE : OUTCOME_CREATE, want->network, &tunnel);
		add_remotes(planner, want, true);
		return;
	}
	tunnel.ifindex = have->ifindex;
	if (!bridge || !is_same(&tunnel, have, bridge))
		planner_add_tunnel_step(planner, PHASE_PORTS, PLAN_TUNNEL_SET, OUTCOME_UPDATE, want->network, &tunnel);
	add_remotes(planner, want, false);
	if (want->listed || have->listed)
		remove_remotes(planner, want);
}

/* One of ours that no network has any more. */
static void plan_leaving_tunnel(struct planner *planner, const struct netstate_tunnel *have)
{
	if (!planner_is_excepted(planner, have->network))
		planner_add_tunnel_step(planner, PHASE_PORTS, PLAN_TUNNEL_REMOVE, OUTCOME_DELETE, have->network, have);
}

void plan_tunnels(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t i = 0; i < snapshot->n_tunnels; i++)
		if (snapshot->tunnels[i].network[0] && !netstate_find_tunnel(desired, snapshot->tunnels[i].name))
			plan_leaving_tunnel(planner, &snapshot->tunnels[i]);
	for (size_t i = 0; i < desired->n_tunnels; i++)
		if (planner_is_wanted(planner, desired->tunnels[i].network))
			plan_tunnel(planner, &desired->tunnels[i]);
}
