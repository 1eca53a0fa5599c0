/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a plan needs to see when only a few networks are not as they were.
 * Pure: no system calls.
 *
 * Theory of operation. A plan is a function of what should be and what is. Where both were looked at, and nothing was to be
 * done, nothing is to be done while they stay the same; and what networks have to do with each other is little. So the plan for
 * some networks is the plan of two states in which there are no others (tests/unit/test-plan.c compares the two). With a
 * thousand networks that is the difference between a repair that takes as long as it would with one, and one that takes as long
 * as looking at a thousand.
 *
 * What networks do have to do with each other (names that move from one to another, routes through guests, taps, tunnels, network
 * cards, addresses that the host answers for, a bridge that is somebody else's) is not cut: then the whole is to be planned. Of the table's elements a slice has those
 * that are on one side only, and only when networks have come or gone: else whoever plans one knows that nobody has changed a rule.
 */
#include "slice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "ip.h"
#include "ruleset.h"

struct cut {
	const struct netstate *desired, *snapshot;
	const struct plan_memory *memory;
	const char (*networks)[NETWORK_NAME_SIZE];
	size_t n_networks;
	struct slice *slice;
	const struct netstate *changed;	/* elements that have come or gone with some of the networks; NULL: none has */
	bool whole;			/* it cannot be cut */
	int error;
};

void slice_deinit(struct slice *slice)
{
	netstate_deinit(&slice->desired);
	netstate_deinit(&slice->snapshot);
	free((void *)slice->memory.bridges);
	*slice = SLICE_NULL;
}

static bool is_among(const struct cut *cut, const char *network)
{
	for (size_t i = 0; i < cut->n_networks; i++)
		if (strcmp(cut->networks[i], network) == 0)
			return true;
	return false;
}

static void latch(struct cut *cut, int r)
{
	if (cut->error == 0)
		cut->error = r;
}

static bool goes_on(const struct cut *cut)
{
	return !cut->whole && cut->error == 0;
}

static const struct netstate_bridge *find_remembered(const struct plan_memory *memory, int ifindex)
{
	for (size_t i = 0; i < memory->n_bridges; i++)
		if (memory->bridges[i].ifindex == ifindex)
			return &memory->bridges[i];
	return NULL;
}

/* Whose bridge this is, as the planner has it (plan-owners.c); NULL for a stranger. */
static const char *network_of_bridge(const struct plan_memory *memory, const struct netstate_bridge *bridge)
{
	const struct netstate_bridge *other = find_remembered(memory, bridge->ifindex);

	if (other && (bridge->owner == NETSTATE_OURS || strcmp(other->name, bridge->name) == 0 ||
		      memcmp(&other->mac, &bridge->mac, sizeof(other->mac)) == 0))
		return other->network;
	return bridge->owner == NETSTATE_OURS ? bridge->network : NULL;
}

/* The network that an interface's name belongs to: as it should be, as it is, or as it was. NULL for a stranger's. */
static const char *find_network_of_link(const struct netstate *desired, const struct netstate *snapshot,
					const struct plan_memory *memory, const char *link)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(desired, link);
	const char *network;

	if (bridge)
		return bridge->network;
	bridge = netstate_find_bridge(snapshot, link);
	network = bridge ? network_of_bridge(memory, bridge) : NULL;
	for (size_t i = 0; !network && i < memory->n_bridges; i++)
		if (strcmp(memory->bridges[i].name, link) == 0)
			network = memory->bridges[i].network;
	return network;
}

static const char *network_of_link(const struct cut *cut, const char *link)
{
	return find_network_of_link(cut->desired, cut->snapshot, cut->memory, link);
}

/* Where a port belongs, as its name for the bridge says (plan-ports.c): mostly the bridge's name, or the network's. */
static const char *find_network_of_port(const struct netstate *desired, const struct netstate *snapshot,
					const struct plan_memory *memory, const char *bridge)
{
	const char *network = bridge[0] ? find_network_of_link(desired, snapshot, memory, bridge) : NULL;

	for (size_t i = 0; !network && i < desired->n_bridges; i++)
		if (strcmp(desired->bridges[i].network, bridge) == 0)
			network = bridge;
	return network;
}

/* Adds a network, if it is not there yet; NULL or "" is none. Too many of them are all of them. */
void slice_mark(struct slice_marks *marks, const char *network)
{
	if (!network || !network[0])
		return;
	for (size_t i = 0; i < marks->n; i++)
		if (strcmp(marks->networks[i], network) == 0)
			return;
	if (marks->n == SLICE_NETWORKS)
		marks->all = true;
	else
		memcpy(marks->networks[marks->n++], network, strnlen(network, NETWORK_NAME_SIZE - 1) + 1);
}

/* Adds a network that is desired, if there is none yet: what belongs to all is planned beside any of those, not without one. */
void slice_mark_any(struct slice_marks *marks, const struct netstate *desired)
{
	for (size_t i = 0; i < desired->n_bridges; i++)
		for (size_t j = 0; j < marks->n; j++)
			if (strcmp(marks->networks[j], desired->bridges[i].network) == 0)
				return;
	if (desired->n_bridges > 0)
		slice_mark(marks, desired->bridges[0].network);
}

/*
 * Adds the networks that have to do with an interface: as bridge, or as port on one, or off one. To be called with the state
 * before something has happened to it and with the one after that: what moves concerns both, and what is gone is only in the first.
 */
void slice_mark_link(struct slice_marks *marks, const struct netstate *desired, const struct netstate *snapshot,
		     const struct plan_memory *memory, int ifindex)
{
	const struct netstate_bridge *bridge = netstate_find_bridge_index(snapshot, ifindex);
	const struct { const struct netstate_port *ports; size_t n; } lists[] = {
		{ snapshot->ports, snapshot->n_ports }, { memory->ports, memory->n_ports },
	};

	if (bridge)
		slice_mark(marks, find_network_of_link(desired, snapshot, memory, bridge->name));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t j = 0; j < lists[i].n; j++)
			if (lists[i].ports[j].ifindex == ifindex)
				slice_mark(marks, find_network_of_port(desired, snapshot, memory, lists[i].ports[j].bridge));
}

/* What should be of bridges; and what is remembered of them. */
static void cut_wanted_bridges(struct cut *cut)
{
	struct netstate_bridge *remembered = calloc(cut->memory->n_bridges ? cut->n_networks + 1 : 1, sizeof(*remembered));
	size_t n = 0;

	cut->slice->memory = *cut->memory;
	cut->slice->memory.bridges = remembered;
	cut->slice->memory.n_bridges = 0;
	if (!remembered)
		latch(cut, -ENOMEM);
	for (size_t i = 0; goes_on(cut) && i < cut->desired->n_bridges; i++)
		if (is_among(cut, cut->desired->bridges[i].network))
			latch(cut, netstate_add_bridge(&cut->slice->desired, &cut->desired->bridges[i]));
	for (size_t i = 0; goes_on(cut) && i < cut->memory->n_bridges; i++) {
		if (!is_among(cut, cut->memory->bridges[i].network))
			continue;
		/* More than one of a network: something has moved. */
		cut->whole = n == cut->n_networks;
		if (goes_on(cut))
			remembered[n++] = cut->memory->bridges[i];
	}
	cut->slice->memory.n_bridges = n;
}

/* Is this bridge of the snapshot one of the slice's? */
static bool is_bridge_of_slice(const struct cut *cut, const struct netstate_bridge *bridge)
{
	if (bridge->owner == NETSTATE_OURS && is_among(cut, bridge->network))
		return true;
	for (size_t i = 0; i < cut->slice->memory.n_bridges; i++)
		if (cut->slice->memory.bridges[i].ifindex == bridge->ifindex)
			return true;
	for (size_t i = 0; i < cut->slice->desired.n_bridges; i++)
		if (strcmp(cut->slice->desired.bridges[i].name, bridge->name) == 0)
			return true;
	return false;
}

static void cut_bridges(struct cut *cut)
{
	for (size_t i = 0; goes_on(cut) && i < cut->snapshot->n_bridges; i++) {
		const struct netstate_bridge *bridge = &cut->snapshot->bridges[i];
		const char *network;

		if (!is_bridge_of_slice(cut, bridge))
			continue;
		network = network_of_bridge(cut->memory, bridge);
		cut->whole = !network || !is_among(cut, network);
		if (goes_on(cut))
			latch(cut, netstate_add_bridge(&cut->slice->snapshot, bridge));
	}
}

static bool is_index_used(const struct cut *cut, int ifindex)
{
	if (netstate_find_bridge_index(cut->snapshot, ifindex))
		return true;
	for (size_t i = 0; i < cut->snapshot->n_ports; i++)
		if (cut->snapshot->ports[i].ifindex == ifindex)
			return true;
	return false;
}

/* Does the filter know the bridge? Then the elements of its network are all there. */
static bool is_filtered(const struct cut *cut, const struct netstate_bridge *bridge)
{
	struct netstate_element element = { .set = NETSTATE_SET_BRIDGES, .key_length = IFNAME_SIZE };

	memcpy(element.key, bridge->name, IFNAME_SIZE);
	return !netstate_find_element(cut->desired, &element) || netstate_find_element(cut->snapshot, &element);
}

/* Each network is to be there, and has one bridge that is its own, or none. */
static void check_networks(struct cut *cut)
{
	for (size_t i = 0; goes_on(cut) && i < cut->n_networks; i++) {
		const struct netstate_bridge *want = NULL, *have = NULL;

		for (size_t j = 0; j < cut->slice->desired.n_bridges; j++)
			if (strcmp(cut->slice->desired.bridges[j].network, cut->networks[i]) == 0)
				want = &cut->slice->desired.bridges[j];
		for (size_t j = 0; goes_on(cut) && j < cut->slice->snapshot.n_bridges; j++) {
			const struct netstate_bridge *bridge = &cut->slice->snapshot.bridges[j];

			if (strcmp(network_of_bridge(cut->memory, bridge), cut->networks[i]) != 0)
				continue;
			cut->whole = have != NULL;
			have = bridge;
		}
		if (want ? want->existing || want->lan || (!cut->changed && !is_filtered(cut, want)) : !cut->changed)
			cut->whole = true;
		/* The index of before is free, or is had by none of those that are in the slice. */
		for (size_t j = 0; goes_on(cut) && !have && j < cut->slice->memory.n_bridges; j++)
			cut->whole = strcmp(cut->slice->memory.bridges[j].network, cut->networks[i]) == 0 &&
				     is_index_used(cut, cut->slice->memory.bridges[j].ifindex);
	}
	/* A name that one of them should have is nobody else's, nor another one's of them. */
	for (size_t i = 0; goes_on(cut) && i < cut->slice->desired.n_bridges; i++) {
		const struct netstate_bridge *want = &cut->slice->desired.bridges[i];
		const struct netstate_bridge *have = netstate_find_bridge(&cut->slice->snapshot, want->name);

		cut->whole = have && strcmp(network_of_bridge(cut->memory, have), want->network) != 0;
	}
}

static void cut_addresses_of(struct cut *cut, const struct netstate *from, const char *link, struct netstate *to)
{
	size_t n, first = netstate_addresses_of(from, link, &n);

	for (size_t i = first; goes_on(cut) && i < first + n; i++)
		latch(cut, netstate_add_address(to, &from->addresses[i]));
}

static void cut_addresses(struct cut *cut)
{
	struct slice *slice = cut->slice;

	for (size_t i = 0; i < slice->desired.n_bridges; i++)
		cut_addresses_of(cut, cut->desired, slice->desired.bridges[i].name, &slice->desired);
	for (size_t i = 0; i < slice->snapshot.n_bridges; i++)
		cut_addresses_of(cut, cut->snapshot, slice->snapshot.bridges[i].name, &slice->snapshot);
}

/* Routes of others to where the networks are; and those on their bridges that are marked as ours. */
static void cut_routes(struct cut *cut)
{
	for (size_t i = 0; goes_on(cut) && i < cut->snapshot->n_routes; i++) {
		const struct netstate_route *route = &cut->snapshot->routes[i];

		if ((route->ours && netstate_find_bridge(&cut->slice->snapshot, route->link)) ||
		    (netstate_is_overlap(&cut->slice->desired, route) && !network_of_link(cut, route->link)))
			latch(cut, netstate_add_route(&cut->slice->snapshot, route));
	}
}

static bool has_bridge(const struct netstate *state, int ifindex)
{
	return ifindex && netstate_find_bridge_index(state, ifindex);
}

static bool belongs_to_slice(const struct cut *cut, const char *bridge)
{
	const char *network = find_network_of_port(cut->desired, cut->snapshot, cut->memory, bridge);

	return network && is_among(cut, network);
}

/* As it was; both lists are in the order of indexes, or nearly so: *hint is where to begin. */
static const struct netstate_port *find_port_before(const struct cut *cut, int ifindex, size_t *hint)
{
	const size_t n = cut->memory->n_ports;

	for (size_t i = 0; i < n; i++) {
		const struct netstate_port *port = &cut->memory->ports[(*hint + i) % n];

		if (port->ifindex == ifindex) {
			*hint = (*hint + i + 1) % n;
			return port;
		}
	}
	return NULL;
}

/* Ports on bridges of the slice, and those that belong there. What others have moved away is seen as a whole. */
static void cut_ports(struct cut *cut)
{
	size_t hint = 0;

	for (size_t i = 0; goes_on(cut) && i < cut->snapshot->n_ports; i++) {
		const struct netstate_port *port = &cut->snapshot->ports[i];
		const struct netstate_port *before = find_port_before(cut, port->ifindex, &hint);
		bool on = has_bridge(&cut->slice->snapshot, port->master), belongs, stray;

		belongs = belongs_to_slice(cut, port->bridge) || (before && belongs_to_slice(cut, before->bridge));
		stray = !on && !belongs && netstate_is_group(port->group) && !has_bridge(cut->snapshot, port->master);
		/* It belongs to one of these networks, and is on the bridge of another one, or the other way round. */
		if (on != belongs && (on ? (port->bridge[0] && port->owner == NETSTATE_OURS) || before : port->master != 0))
			cut->whole = true;
		if (stray)
			cut->whole = true;
		if (goes_on(cut) && (on || belongs))
			latch(cut, netstate_add_port(&cut->slice->snapshot, port));
	}
}

/* Is this the name of a bridge of the slice, as it should be or as it is? */
static bool is_link_of_slice(const struct cut *cut, const char *link)
{
	return netstate_find_bridge(&cut->slice->desired, link) || netstate_find_bridge(&cut->slice->snapshot, link);
}

static void cut_checksums(struct cut *cut)
{
	for (size_t i = 0; goes_on(cut) && i < cut->desired->n_checksums; i++)
		if (netstate_find_bridge(&cut->slice->desired, cut->desired->checksums[i].bridge))
			latch(cut, netstate_add_checksum(&cut->slice->desired, &cut->desired->checksums[i]));
	for (size_t i = 0; goes_on(cut) && i < cut->snapshot->n_checksums; i++)
		if (is_link_of_slice(cut, cut->snapshot->checksums[i].bridge))
			latch(cut, netstate_add_checksum(&cut->slice->snapshot, &cut->snapshot->checksums[i]));
}

static bool is_address_of(const struct netstate *state, const struct netstate_element *element)
{
	for (size_t i = 0; i < state->n_addresses; i++)
		if (ip_is_v4(&state->addresses[i].address) && memcmp(state->addresses[i].address.bytes_be, element->key, 4) == 0)
			return true;
	return false;
}

/* Is what is in the table alone one of the slice's networks', and can that be seen in the slice (plan-rules.c)? */
static bool is_stale_of_slice(const struct cut *cut, const struct netstate_element *element)
{
	const char key = ruleset_set_key(element->set)[0];
	char link[IFNAME_SIZE];

	if (key == 'n') {
		memcpy(link, element->key, sizeof(link));
		link[sizeof(link) - 1] = '\0';
		return is_link_of_slice(cut, link);
	}
	return key != 'g' && element->set != NETSTATE_SET_GUARD && ruleset_set_feature(element->set) != RULESET_FORWARD &&
	       (is_address_of(&cut->slice->desired, element) || is_address_of(&cut->slice->snapshot, element));
}

/* All but those that have come or gone are on both sides. What is on one side only, or differs, has to be of the slice's networks. */
static void cut_elements(struct cut *cut)
{
	const struct netstate_element *last = NULL;

	for (size_t i = 0; goes_on(cut) && i < cut->changed->n_elements; last = &cut->changed->elements[i++]) {
		const struct netstate_element *element = &cut->changed->elements[i];
		const struct netstate_element *want = netstate_find_element(cut->desired, element);
		const struct netstate_element *have = netstate_find_element(cut->snapshot, element);

		if ((last && netstate_compare_elements(last, element) == 0) || (!want && !have) ||
		    (want && have && netstate_same_data(want, have)))
			continue;
		cut->whole = want ? !is_among(cut, want->network) : !is_stale_of_slice(cut, have);
		if (goes_on(cut) && want)
			latch(cut, netstate_add_element(&cut->slice->desired, want));
		if (goes_on(cut) && have)
			latch(cut, netstate_add_element(&cut->slice->snapshot, have));
	}
}

static bool has_link(const struct netstate *state, const char *link)
{
	if (netstate_find_bridge(state, link))
		return true;
	for (size_t i = 0; i < state->n_ports; i++)
		if (strcmp(state->ports[i].name, link) == 0)
			return true;
	return false;
}

/* Queues at bridges and ports of the slice; one of ours that is nobody's any more is seen as a whole. */
static void cut_shapers(struct cut *cut)
{
	for (size_t i = 0; goes_on(cut) && i < cut->desired->n_shapers; i++) {
		const struct netstate_shaper *want = &cut->desired->shapers[i];

		if (is_among(cut, want->network))
			latch(cut, netstate_add_shaper(&cut->slice->desired, want));
		/* A port of theirs on the bridge of another network, or the other way round. */
		if (is_among(cut, want->network) != has_link(&cut->slice->snapshot, want->link) && has_link(cut->snapshot, want->link))
			cut->whole = true;
	}
	for (size_t i = 0; goes_on(cut) && i < cut->snapshot->n_shapers; i++) {
		const struct netstate_shaper *shaper = &cut->snapshot->shapers[i];

		if (has_link(&cut->slice->snapshot, shaper->link))
			latch(cut, netstate_add_shaper(&cut->slice->snapshot, shaper));
		else if (shaper->ours && !has_link(cut->snapshot, shaper->link))
			cut->whole = true;
	}
}

static void cut_services(struct cut *cut)
{
	for (size_t i = 0; i < cut->n_networks; i++) {
		const struct netstate_service *want = netstate_find_service(cut->desired, cut->networks[i]);
		const struct netstate_service *have = netstate_find_service(cut->snapshot, cut->networks[i]);

		if (want)
			latch(cut, netstate_add_service(&cut->slice->desired, want));
		if (have)
			latch(cut, netstate_add_service(&cut->slice->snapshot, have));
	}
	netstate_sort_services(&cut->slice->desired);
	netstate_sort_services(&cut->slice->snapshot);
}

/* Is this the place of a value of the bridge, such as "ipv6/conf/BRIDGE/accept_ra"? */
static bool is_value_of(const char *path, const struct netstate_bridge *bridge)
{
	const size_t length = strlen(bridge->name);

	return strncmp(path + strlen("ipv4/conf/"), bridge->name, length) == 0 && path[strlen("ipv4/conf/") + length] == '/';
}

/* Is this value that of a bridge of another network? Values and bridges are in nearly the same order: *hint is the last bridge. */
static bool is_of_other_bridge(const struct cut *cut, const struct netstate_sysctl *sysctl, size_t *hint)
{
	const struct netstate *desired = cut->desired;
	const struct netstate_bridge *found = NULL;
	char link[IFNAME_SIZE] = "";

	if (sysctl->when != SYSCTL_ALWAYS ||
	    (strncmp(sysctl->path, "ipv4/conf/", 10) != 0 && strncmp(sysctl->path, "ipv6/conf/", 10) != 0))
		return false;
	for (size_t i = *hint; !found && i < desired->n_bridges && i < *hint + 2; i++)
		if (is_value_of(sysctl->path, &desired->bridges[i]))
			found = &desired->bridges[i];
	if (!found) {
		snprintf(link, sizeof(link), "%.*s", (int)strcspn(sysctl->path + 10, "/"), sysctl->path + 10);
		found = netstate_find_bridge(desired, link);
	}
	if (!found)
		return false;
	*hint = (size_t)(found - desired->bridges);
	return !is_among(cut, found->network);
}

static void cut_sysctls(struct cut *cut)
{
	size_t hint = 0;

	for (size_t i = 0; goes_on(cut) && i < cut->desired->n_sysctls; i++) {
		const struct netstate_sysctl *want = &cut->desired->sysctls[i], *have;

		if (is_of_other_bridge(cut, want, &hint))
			continue;
		latch(cut, netstate_add_sysctl(&cut->slice->desired, want));
		have = netstate_find_sysctl(cut->snapshot, want->path);
		if (have)
			latch(cut, netstate_add_sysctl(&cut->slice->snapshot, have));
	}
}

/*
 * The parts of both states and of the memory, all sorted, that a plan for @networks is made of. plan_build() makes the same
 * steps and the same notes of them, as far as they are about these networks or about all, where the whole had no steps
 * before something happened to these networks, and nobody has changed a rule since. @networks must be different ones. With @changed some of
 * them are desired since, or are not desired any more, and it has the elements, sorted, that have come or gone with them (one too
 * many does no harm): the other networks must be as they were. NULL: none has come or gone.
 *
 * Returns 1, and the slice, which the caller owns; 0 when the whole is to be planned; -ENOMEM.
 */
int slice_build(const struct netstate *desired, const struct netstate *snapshot, const struct plan_memory *memory,
		const char (*networks)[NETWORK_NAME_SIZE], size_t n_networks, const struct netstate *changed,
		struct slice *ret_slice)
{
	_cleanup_(slice_deinit) struct slice slice = SLICE_NULL;
	struct cut cut = {
		.desired = desired, .snapshot = snapshot, .memory = memory, .networks = networks,
		.n_networks = n_networks, .slice = &slice, .changed = changed,
	};

	if (n_networks == 0 || desired->n_routes > 0 || desired->n_taps > 0 || snapshot->n_taps > 0 || desired->n_uplinks > 0 ||
	    netstate_has_proxied(desired) || snapshot->n_proxies > 0 ||
	    desired->n_tunnels > 0 || snapshot->n_tunnels > 0 || snapshot->n_uplinks > 0 || snapshot->table.state != NETSTATE_TABLE_EQUAL || desired->table.state != NETSTATE_TABLE_EQUAL ||
	    snapshot->table.orphan || snapshot->table.foreign_owner || !plan_keeps_table(&snapshot->table, &desired->table))
		return 0;
	slice.desired.table = desired->table;
	slice.snapshot.table = snapshot->table;
	cut_wanted_bridges(&cut);
	cut_bridges(&cut);
	if (goes_on(&cut))
		check_networks(&cut);
	if (goes_on(&cut))
		cut_addresses(&cut);
	cut_routes(&cut);
	cut_ports(&cut);
	cut_checksums(&cut);
	if (changed)
		cut_elements(&cut);
	cut_shapers(&cut);
	if (goes_on(&cut))
		cut_services(&cut);
	cut_sysctls(&cut);
	if (cut.error < 0 || cut.whole)
		return cut.error;
	*ret_slice = slice;
	slice = SLICE_NULL;
	return 1;
}
