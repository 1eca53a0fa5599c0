/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of guests that the host answers for on its uplink (ProxyARP=).
 * Pure: no system calls.
 *
 * Theory of operation. The kernel's switch proxy_arp answers for whatever the host has a route to by another interface
 * (net/ipv4/arp.c:arp_fwd_proxy()): for all other networks of ours, for a VPN, and, on a host with two ways out, for everybody.
 * What is done instead is exact: an entry in the kernel's list of proxies (`ip neigh add proxy`) for each address of the
 * network, which counts while the host has a route to that address by another interface, without the switch. No entry is
 * needed for the host's own address in IPv4, which it answers for in any case; of a prefix's first and last address
 * in IPv4, and its first in IPv6, no guest has any.
 *
 * All addresses are entered, not only those that guests have at present: nobody else is to have them, and there is
 * nothing to follow. Entries bear a mark, as routes of ours do; those of others are left alone, and count as being there.
 *
 * The kernel drops them when the interface goes down, and says nothing of it, nor of one that somebody deletes: they are
 * looked at whenever there is something to look at, and an interface that goes down is.
 *
 * They are there only while the interface is on a LAN that the network is a part of: a laptop's is another one tomorrow.
 */
#include "plan-internal.h"

#include <string.h>

#include "ip.h"

/* Is @ip one that the host is to answer for, of the network with this address of its own? */
static bool is_answered(const struct netstate_address *own, const struct ip *ip)
{
	const unsigned int n_bits = (unsigned int)(ip_bits(&own->address) - own->prefix_length);
	uint8_t hosts, number;

	if (ip->family != own->address.family || n_bits > PROXY_BITS || !ip_overlaps(&own->address, own->prefix_length, ip, ip_bits(ip)))
		return false;
	hosts = (uint8_t)((1U << n_bits) - 1);
	number = ip->bytes_be[ip_length(ip) - 1] & hosts;
	if (number == 0)
		return false;
	return ip_is_v6(ip) || (number != hosts && memcmp(ip, &own->address, sizeof(*ip)) != 0);
}

/* Has the interface an address of a LAN that this prefix is a part of? */
static bool is_on_lan(const struct planner *planner, const char *link, const struct netstate_address *own)
{
	size_t n, first = netstate_addresses_of(planner->snapshot, link, &n);

	for (size_t i = first; i < first + n; i++) {
		const struct netstate_address *address = &planner->snapshot->addresses[i];

		if (address->prefix_length < own->prefix_length &&
		    ip_overlaps(&address->address, address->prefix_length, &own->address, own->prefix_length))
			return true;
	}
	return false;
}

/* An address of the interface, or a gateway by it, inside of this prefix; NULL when there is none. */
static const struct ip *find_taken(const struct planner *planner, const char *link, const struct netstate_address *own)
{
	const struct netstate *snapshot = planner->snapshot;
	size_t n, first = netstate_addresses_of(snapshot, link, &n);

	for (size_t i = first; i < first + n; i++)
		if (ip_overlaps(&snapshot->addresses[i].address, ip_bits(&snapshot->addresses[i].address), &own->address, own->prefix_length))
			return &snapshot->addresses[i].address;
	for (size_t i = 0; i < snapshot->n_routes; i++) {
		const struct netstate_route *route = &snapshot->routes[i];

		if (route->gateway.family && strcmp(route->link, link) == 0 &&
		    ip_overlaps(&route->gateway, ip_bits(&route->gateway), &own->address, own->prefix_length))
			return &route->gateway;
	}
	return NULL;
}

static void add_note(struct planner *planner, enum plan_note_kind kind, const struct netstate_bridge *bridge,
		     const struct netstate_address *own, const struct ip *taken)
{
	struct plan_note *note;

	planner_add_note(planner, kind, bridge->network, bridge->proxied, NULL);
	if (planner->error < 0)
		return;
	note = &planner->plan.notes[planner->plan.n_notes - 1];
	note->own = ip_mask(&own->address, own->prefix_length);
	note->own_length = own->prefix_length;
	if (taken) {
		note->address = *taken;
		note->prefix_length = (uint8_t)ip_bits(taken);
	}
}

/* Would the network take from the host its own address on the LAN, or the way to its gateway? A note says so. */
bool plan_proxies_block(struct planner *planner, const struct job *job)
{
	const struct netstate_bridge *bridge = job->desired;
	size_t n, first;

	if (!bridge->proxied[0])
		return false;
	first = netstate_addresses_of(planner->desired, bridge->name, &n);
	for (size_t i = first; i < first + n; i++) {
		const struct netstate_address *own = &planner->desired->addresses[i];
		const struct ip *taken = find_taken(planner, bridge->proxied, own);

		if (!taken)
			continue;
		add_note(planner, PLAN_NOTE_PROXY_TAKEN, bridge, own, taken);
		return true;
	}
	return false;
}

/* Is this route, which leads to more than the network with this address, the one to the LAN that it is a part of? */
bool plan_proxies_is_lan(const struct netstate_bridge *bridge, const struct netstate_route *route, const struct netstate_address *address)
{
	return bridge->proxied[0] && strcmp(bridge->proxied, route->link) == 0 && !route->gateway.family &&
	       route->prefix_length < address->prefix_length;
}

/* One for each address of the prefix that has none. */
static void plan_missing(struct planner *planner, const struct netstate_bridge *bridge, const struct netstate_address *own)
{
	struct netstate_proxy proxy = { .address = ip_mask(&own->address, own->prefix_length), .ours = true };
	const size_t last = ip_length(&proxy.address) - 1;
	const unsigned int n = 1U << (ip_bits(&own->address) - own->prefix_length);
	const uint8_t base = proxy.address.bytes_be[last];

	memcpy(proxy.link, bridge->proxied, sizeof(proxy.link));
	for (unsigned int i = 0; i < n; i++) {
		proxy.address.bytes_be[last] = (uint8_t)(base + i);
		if (is_answered(own, &proxy.address) && !netstate_find_proxy(planner->snapshot, proxy.link, &proxy.address))
			planner_add_proxy_step(planner, PHASE_UP, PLAN_PROXY_ADD, OUTCOME_CREATE, bridge->network, &proxy);
	}
}

static void plan_wanted(struct planner *planner, const struct netstate_bridge *bridge)
{
	size_t n, first = netstate_addresses_of(planner->desired, bridge->name, &n);

	for (size_t i = first; i < first + n; i++) {
		const struct netstate_address *own = &planner->desired->addresses[i];

		if (is_on_lan(planner, bridge->proxied, own))
			plan_missing(planner, bridge, own);
		else
			add_note(planner, PLAN_NOTE_PROXY_ASIDE, bridge, own, NULL);
	}
}

/* Is it one of a network that is there, or of one that is left out of this plan? */
static bool is_needed(const struct planner *planner, const struct netstate_proxy *have)
{
	for (size_t i = 0; i < planner->n_jobs; i++) {
		const struct job *job = &planner->jobs[i];
		size_t n, first;

		if (job->blocked || strcmp(job->desired->proxied, have->link) != 0)
			continue;
		first = netstate_addresses_of(planner->desired, job->desired->name, &n);
		for (size_t j = first; j < first + n; j++)
			if (is_answered(&planner->desired->addresses[j], &have->address) &&
			    (job->excepted || is_on_lan(planner, have->link, &planner->desired->addresses[j])))
				return true;
	}
	return false;
}

/* Whose it was: of the bridge with the address's prefix. "" when that is not there any more. */
static const char *network_of(const struct planner *planner, const struct netstate_proxy *have)
{
	for (size_t i = 0; i < planner->snapshot->n_addresses; i++) {
		const struct netstate_address *address = &planner->snapshot->addresses[i];
		const char *network = address->ours && is_answered(address, &have->address) ?
				      planner_network_of_link(planner, address->link) : NULL;

		if (network)
			return network;
	}
	return "";
}

static void plan_stale(struct planner *planner, const struct netstate_proxy *have)
{
	const char *network;

	if (!have->ours || is_needed(planner, have))
		return;
	network = network_of(planner, have);
	if (!network[0] || !planner_is_excepted(planner, network))
		planner_add_proxy_step(planner, PHASE_REMOVE_ADDRESSES, PLAN_PROXY_REMOVE, OUTCOME_DELETE, network, have);
}

/* Those that should be there, and no others of ours. */
void plan_proxies(struct planner *planner)
{
	for (size_t i = 0; i < planner->n_jobs; i++)
		if (planner->jobs[i].desired->proxied[0] && !planner->jobs[i].blocked && !planner->jobs[i].excepted)
			plan_wanted(planner, planner->jobs[i].desired);
	for (size_t i = 0; i < planner->snapshot->n_proxies; i++)
		plan_stale(planner, &planner->snapshot->proxies[i]);
}
