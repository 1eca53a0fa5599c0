/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of networks with Address=auto, or Address=delegated.
 * Pure: no system calls.
 *
 * A network's place in the pool is a hash of its name under the machine id: machines differ, and one
 * machine finds the same place again even without a record. Where something else is there already, the
 * next free place is taken. The pools are tried in turn; the later ones are for hosts that have a route
 * to all of 10.0.0.0/8, as some VPNs make one. 192.168.122.0/24 is left to libvirt, here and inside guests.
 *
 * A network moves when others come to where it is, and does not go back when they go: it keeps away from where they have been
 * while there is any other place. When it may move by itself is the planner's word (plan-routes.c).
 *
 * What the host was delegated is told by the kernel's routes (kernel/dump.c). A network has a /64 of the first such prefix, in the
 * order of addresses, at a place by the same hash; and stays with the prefix that it has while that is there.
 */
#include "subnet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "ip.h"

static const struct pool {
	uint32_t base;
	uint8_t length;
} pools[] = {
	{ 0x0a400000, 10 },	/* 10.64.0.0/10 */
	{ 0xac100000, 12 },	/* 172.16.0.0/12 */
	{ 0xc0a80000, 16 },	/* 192.168.0.0/16 */
};

/* Prefixes that are in use: a list that grows. */
struct taken {
	struct subnet_prefix *items;
	size_t n;
	size_t size;
};

static void taken_deinit(struct taken *taken)
{
	free(taken->items);
}

static int taken_add(struct taken *taken, const struct ip *ip, uint8_t length)
{
	if (taken->n == taken->size) {
		size_t size = taken->size ? 2 * taken->size : 32;
		struct subnet_prefix *items = reallocarray(taken->items, size, sizeof(*items));

		if (!items)
			return -ENOMEM;
		taken->items = items;
		taken->size = size;
	}
	taken->items[taken->n++] = (struct subnet_prefix){ *ip, length };
	return 0;
}

static bool has_overlap(const struct subnet_prefix *items, size_t n, const struct ip *ip, uint8_t length)
{
	for (size_t i = 0; i < n; i++)
		if (ip_overlaps(&items[i].ip, items[i].length, ip, length))
			return true;
	return false;
}

static bool taken_has(const struct taken *taken, const struct ip *ip, uint8_t length)
{
	return has_overlap(taken->items, taken->n, ip, length);
}

/* Is this interface, as it is named now, the bridge of one of the networks? */
static bool is_own_link(const struct netstate *snapshot, const char *link)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(snapshot, link);

	return bridge && bridge->owner == NETSTATE_OURS;
}

/* Everything outside: what the host has addresses in, and what it has routes to (but for default routes). */
static int collect_foreign(const struct netstate *snapshot, struct taken *taken)
{
	int r = 0;

	for (size_t i = 0; i < snapshot->n_routes && r == 0; i++) {
		const struct netstate_route *route = &snapshot->routes[i];

		if (!netstate_is_default(route) && !route->delegated && !is_own_link(snapshot, route->link))
			r = taken_add(taken, &route->destination, route->prefix_length);
	}
	for (size_t i = 0; i < snapshot->n_addresses && r == 0; i++) {
		const struct netstate_address *address = &snapshot->addresses[i];

		if (!is_own_link(snapshot, address->link))
			r = taken_add(taken, &address->address, address->prefix_length);
	}
	return r;
}

static int collect_written(const struct network *const networks[], size_t n_networks, struct taken *taken)
{
	int r = 0;

	for (size_t i = 0; i < n_networks; i++) {
		const struct network *network = networks[i];

		for (size_t j = 0; r == 0 && j < network->n_addresses; j++)
			r = taken_add(taken, &network->addresses[j].ip, network->addresses[j].prefix_length);
		for (size_t j = 0; r == 0 && j < network->n_routes; j++)
			r = taken_add(taken, &network->routes[j].destination, network->routes[j].prefix_length);
	}
	return r;
}

/* Of a user's own network (UID.NAME) the name is nothing: or it would be tried until the prefix is the one that was wished for. */
static uint64_t hash_name(const char *purpose, const char *name, const uint8_t machine_id[static SIPHASH_KEY_SIZE])
{
	uint32_t owner;
	char text[64];
	int n = name_find_owner(name, &owner) ? snprintf(text, sizeof(text), "%s of %u", purpose, owner) :
						snprintf(text, sizeof(text), "%s %s", purpose, name);

	return siphash24(text, (size_t)n, machine_id);
}

static bool choose_v4(const char *name, const uint8_t machine_id[static SIPHASH_KEY_SIZE], const struct taken *taken,
		      const struct subnet_avoided *avoided, struct ip *ret_ip)
{
	const struct ip libvirt = ip_v4(0xc0a87a00);
	uint64_t hash = hash_name("subnet4", name, machine_id);

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		uint32_t n = 1u << (SUBNET_LENGTH4 - pools[i].length);

		for (uint32_t tried = 0; tried < n; tried++) {
			uint32_t place = (uint32_t)((hash + tried) % n);
			struct ip ip = ip_v4(pools[i].base | place << (32 - SUBNET_LENGTH4) | 1);

			if (ip_overlaps(&ip, SUBNET_LENGTH4, &libvirt, 24) || taken_has(taken, &ip, SUBNET_LENGTH4) ||
			    has_overlap(avoided->items, avoided->n, &ip, SUBNET_LENGTH4))
				continue;
			*ret_ip = ip;
			return true;
		}
	}
	return false;
}

/* RFC 4193: 40 bits that are this machine's, 16 that are the network's. */
static bool choose_v6(const char *name, const uint8_t machine_id[static SIPHASH_KEY_SIZE], const struct taken *taken,
		      const struct subnet_avoided *avoided, struct ip *ret_ip)
{
	uint64_t site = hash_name("site", "", machine_id);
	uint64_t hash = hash_name("subnet6", name, machine_id);

	for (uint32_t tried = 0; tried <= UINT16_MAX; tried++) {
		uint16_t place = (uint16_t)(hash + tried);
		uint8_t bytes[16] = {
			0xfd, (uint8_t)(site >> 32), (uint8_t)(site >> 24), (uint8_t)(site >> 16), (uint8_t)(site >> 8),
			(uint8_t)site, (uint8_t)(place >> 8), (uint8_t)place, [15] = 1,
		};
		struct ip ip = ip_v6(bytes);

		if (taken_has(taken, &ip, SUBNET_LENGTH6) || has_overlap(avoided->items, avoided->n, &ip, SUBNET_LENGTH6))
			continue;
		*ret_ip = ip;
		return true;
	}
	return false;
}

/* Which of the delegated prefix's subnets this is. */
static uint64_t subnet_number(const struct ip *ip, unsigned int length)
{
	uint64_t number = 0;

	for (unsigned int i = 0; i < SUBNET_LENGTH6 / 8; i++)
		number = number << 8 | ip->bytes_be[i];
	return number & ((UINT64_C(1) << (SUBNET_LENGTH6 - length)) - 1);
}

static struct ip delegated_address(const struct netstate_route *prefix, uint16_t number)
{
	struct ip ip = prefix->destination;

	ip.bytes_be[6] |= (uint8_t)(number >> 8);
	ip.bytes_be[7] |= (uint8_t)number;
	ip.bytes_be[15] = 1;
	return ip;
}

/* Does something narrower than the prefix have this place? Routes that lead to more than it do not count. */
static bool is_place_taken(const struct taken *taken, const struct netstate_route *prefix, const struct ip *ip)
{
	for (size_t i = 0; i < taken->n; i++)
		if ((taken->items[i].length > prefix->prefix_length || taken->items[i].length >= SUBNET_LENGTH6) &&
		    ip_overlaps(&taken->items[i].ip, taken->items[i].length, ip, SUBNET_LENGTH6))
			return true;
	return false;
}

static bool choose_delegated(const struct network *network, const uint8_t machine_id[static SIPHASH_KEY_SIZE],
			     const struct netstate_route *prefix, const struct taken *taken, struct ip *ret_ip)
{
	const unsigned int bits = SUBNET_LENGTH6 - prefix->prefix_length;
	const uint32_t n = bits < 16 ? 1u << bits : 1u << 16;
	const bool any = network->delegated_subnet == NETWORK_ANY_SUBNET;
	const uint64_t first = any ? hash_name("delegated", network->name, machine_id) : network->delegated_subnet;

	for (uint32_t tried = 0; tried < (any ? n : first < n); tried++) {
		const struct ip ip = delegated_address(prefix, (uint16_t)((first + tried) % n));

		if (is_place_taken(taken, prefix, &ip))
			continue;
		*ret_ip = ip;
		return true;
	}
	return false;
}

/* The prefix that was delegated to the host and holds this address; of no address: the first one. NULL when there is none. */
static const struct netstate_route *find_delegated(const struct netstate *snapshot, const struct ip *ip)
{
	for (size_t i = 0; i < snapshot->n_routes; i++) {
		const struct netstate_route *route = &snapshot->routes[i];

		if (route->delegated && (!ip || ip_overlaps(&route->destination, route->prefix_length, ip, ip_bits(ip))))
			return route;
	}
	return NULL;
}

/* Is what the network had of a delegated prefix still what its file asks for, and delegated? */
static bool is_still_delegated(const struct network *network, const struct netstate *snapshot, const struct subnet_choice *before)
{
	const struct netstate_route *prefix;

	if (!network->address_delegated || !before->delegated.family)
		return false;
	prefix = find_delegated(snapshot, &before->delegated);
	return prefix && (network->delegated_subnet == NETWORK_ANY_SUBNET ||
			  network->delegated_subnet == subnet_number(&before->delegated, prefix->prefix_length));
}

static bool has_family(const struct network *network, bool v6)
{
	for (size_t i = 0; i < network->n_addresses; i++)
		if (ip_is_v6(&network->addresses[i].ip) == v6)
			return true;
	return false;
}

static bool is_wanted(const struct network *network, bool v6)
{
	return network->address_auto && !has_family(network, v6);
}

static int compare_choices(const void *a, const void *b)
{
	return strcmp(((const struct subnet_choice *)a)->network, ((const struct subnet_choice *)b)->network);
}

static int compare_network(const void *network, const void *choice)
{
	return strcmp(network, ((const struct subnet_choice *)choice)->network);
}

/* Keeps an earlier choice where it may be kept; nothing when it must be made again. */
static int keep(struct ip *ip, uint8_t length, bool fixed, const struct ip *before, struct taken *taken)
{
	if (!before->family || (!fixed && taken_has(taken, before, length)))
		return 0;
	*ip = *before;
	return taken_add(taken, ip, length);
}

/*
 * May guests have addresses of an earlier run's choice? They do while they are on the bridge, which outlives the daemon; and
 * where the file says so, while there is a bridge.
 */
static bool is_in_use(const struct netstate *snapshot, const struct network *network)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(snapshot, network->bridge);

	return bridge && bridge->owner == NETSTATE_OURS && strcmp(bridge->network, network->name) == 0 &&
	       (network->renumber == NETWORK_RENUMBER_NEVER ||
		(network->renumber == NETWORK_RENUMBER_IDLE && netstate_is_used(snapshot, bridge)));
}

static int keep_previous(const struct network *const networks[], size_t n_networks, const struct netstate *snapshot,
			 const struct subnet_choice *previous, size_t n_previous,
			 struct subnet_choice *choices, bool fixed, struct taken *taken)
{
	for (size_t i = 0; i < n_networks; i++) {
		const struct subnet_choice *before = subnet_find(previous, n_previous, networks[i]->name);
		int r = 0;

		if (!before || (before->fixed || is_in_use(snapshot, networks[i])) != fixed)
			continue;
		if (is_wanted(networks[i], false) && !before->anew4)
			r = keep(&choices[i].address4, SUBNET_LENGTH4, fixed, &before->address4, taken);
		if (r == 0 && is_wanted(networks[i], true) && !before->anew6)
			r = keep(&choices[i].address6, SUBNET_LENGTH6, fixed, &before->address6, taken);
		if (r == 0 && is_still_delegated(networks[i], snapshot, before))
			r = keep(&choices[i].delegated, SUBNET_LENGTH6, fixed, &before->delegated, taken);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What is to be left is nobody's, until it is known whether it can be. */
static int collect_left(const struct subnet_choice *previous, size_t n_previous, struct taken *taken)
{
	int r = 0;

	for (size_t i = 0; i < n_previous && r == 0; i++) {
		if (previous[i].anew4)
			r = taken_add(taken, &previous[i].address4, SUBNET_LENGTH4);
		if (r == 0 && previous[i].anew6)
			r = taken_add(taken, &previous[i].address6, SUBNET_LENGTH6);
	}
	return r;
}

struct choosing {
	const uint8_t *machine_id;
	const struct netstate *snapshot;
	const struct subnet_avoided *avoided;
	struct taken *taken;
};

/* A /64 of what is delegated, where the network has none yet. */
static int choose_of_delegated(const struct choosing *choosing, const struct network *network, struct subnet_choice *choice)
{
	const struct netstate_route *prefix;
	bool had = choice->delegated.family;

	prefix = find_delegated(choosing->snapshot, had ? &choice->delegated : NULL);
	choice->delegated_length = prefix ? prefix->prefix_length : 0;
	if (had || !prefix || !choose_delegated(network, choosing->machine_id, prefix, choosing->taken, &choice->delegated))
		return 0;
	return taken_add(choosing->taken, &choice->delegated, SUBNET_LENGTH6);
}

/* Those that say which one come first. */
static int choose_all_of_delegated(const struct choosing *choosing, const struct network *const networks[], size_t n_networks,
				   struct subnet_choice *choices)
{
	int r = 0;

	for (int any = 0; any < 2; any++)
		for (size_t i = 0; r == 0 && i < n_networks; i++)
			if (networks[i]->address_delegated && (networks[i]->delegated_subnet == NETWORK_ANY_SUBNET) == any)
				r = choose_of_delegated(choosing, networks[i], &choices[i]);
	return r;
}

/* One family of one network: a place that nobody has been at, else any that is free, else the one that was to be left. */
static int choose(const struct choosing *choosing, const char *name, bool v6, const struct ip *left, struct ip *ip)
{
	static const struct subnet_avoided nothing = { .n = 0 };
	const struct subnet_avoided *const avoided[] = { choosing->avoided, &nothing };

	for (size_t i = 0; i < ARRAY_SIZE(avoided); i++)
		if (v6 ? choose_v6(name, choosing->machine_id, choosing->taken, avoided[i], ip) :
			 choose_v4(name, choosing->machine_id, choosing->taken, avoided[i], ip))
			return taken_add(choosing->taken, ip, v6 ? SUBNET_LENGTH6 : SUBNET_LENGTH4);
	if (left)
		*ip = *left;
	return 0;
}

/* Has the network anything that is chosen, or had it? One whose addresses are all written has not, as most of many. */
static bool is_remembered(const struct network *network, const struct subnet_choice *before)
{
	return network->address_auto || network->address_delegated ||
	       (before && (before->address4.family || before->address6.family || before->delegated.family));
}

/*
 * Chooses for every network with Address=auto and each family that it has no written address of. What was
 * chosen before stays: always when it is `fixed` and not to be chosen anew, or when guests are there; otherwise (it comes from
 * a record of an earlier run) while nothing in @snapshot, which must be sorted, overlaps with it. Routes and addresses of our
 * own bridges count as nothing. A family for which no place is left gets no address, or keeps what was to be chosen anew. One with
 * Address=delegated has an address of what is delegated in @snapshot, or none. The caller owns @ret_choices, sorted by name, one for
 * each network that has such addresses, may have them or had them before; all are fixed. -ENOMEM only.
 */
int subnet_choose(const struct network *const networks[], size_t n_networks,
		  const uint8_t machine_id[static SIPHASH_KEY_SIZE], const struct netstate *snapshot,
		  const struct subnet_avoided *avoided, const struct subnet_choice *previous, size_t n_previous,
		  struct subnet_choice **ret_choices, size_t *ret_n_choices)
{
	_cleanup_(taken_deinit) struct taken taken = { 0 };
	_cleanup_(freep) struct subnet_choice *choices = calloc(n_networks + 1, sizeof(*choices));
	const struct choosing choosing = { machine_id, snapshot, avoided, &taken };
	size_t n = 0;
	int r;

	if (!choices)
		return -ENOMEM;
	r = collect_written(networks, n_networks, &taken);
	if (r == 0)
		r = collect_left(previous, n_previous, &taken);
	/* What guests may have already is not to be given to others, and not moved for anything. */
	if (r == 0)
		r = keep_previous(networks, n_networks, snapshot, previous, n_previous, choices, true, &taken);
	if (r == 0)
		r = collect_foreign(snapshot, &taken);
	if (r == 0)
		r = keep_previous(networks, n_networks, snapshot, previous, n_previous, choices, false, &taken);

	for (size_t i = 0; i < n_networks && r == 0; i++) {
		const struct subnet_choice *before = subnet_find(previous, n_previous, networks[i]->name);
		struct subnet_choice *choice = &choices[i];

		memcpy(choice->network, networks[i]->name, sizeof(choice->network));
		choice->fixed = true;
		if (!choice->address4.family && is_wanted(networks[i], false))
			r = choose(&choosing, choice->network, false, before && before->anew4 ? &before->address4 : NULL,
				   &choice->address4);
		if (r == 0 && !choice->address6.family && is_wanted(networks[i], true))
			r = choose(&choosing, choice->network, true, before && before->anew6 ? &before->address6 : NULL,
				   &choice->address6);
	}
	if (r == 0)
		r = choose_all_of_delegated(&choosing, networks, n_networks, choices);
	if (r < 0)
		return r;

	for (size_t i = 0; i < n_networks; i++)
		if (is_remembered(networks[i], subnet_find(previous, n_previous, networks[i]->name)))
			choices[n++] = choices[i];
	if (n > 0)
		qsort(choices, n, sizeof(*choices), compare_choices);
	*ret_choices = reallocarray(choices, n + 1, sizeof(*choices)) ?: choices;
	*ret_n_choices = n;
	choices = NULL;
	return 0;
}

/* From now on networks keep away from this prefix, and from those that are parts of it. The oldest one makes room. */
void subnet_avoid(struct subnet_avoided *avoided, const struct ip *ip, unsigned int length)
{
	const struct subnet_prefix prefix = { .ip = ip_mask(ip, length), .length = (uint8_t)length };
	size_t n = 0;

	for (size_t i = 0; i < avoided->n; i++)
		if (avoided->items[i].length <= length && ip_overlaps(&avoided->items[i].ip, avoided->items[i].length, ip, length))
			return;
	for (size_t i = 0; i < avoided->n; i++)
		if (!ip_overlaps(&avoided->items[i].ip, avoided->items[i].length, ip, length))
			avoided->items[n++] = avoided->items[i];
	if (n == LIMIT_SUBNETS_AVOIDED)
		memmove(avoided->items, avoided->items + 1, --n * sizeof(*avoided->items));
	avoided->items[n++] = prefix;
	avoided->n = n;
}

/* Does a route of others, by an interface, lead to the prefix, or to more? Where they lead is avoided from now on. */
static bool note_others(const struct netstate *snapshot, const struct ip *ip, unsigned int length, struct subnet_avoided *avoided)
{
	bool any = false;

	for (size_t i = 0; ip->family && i < snapshot->n_routes; i++) {
		const struct netstate_route *route = &snapshot->routes[i];

		if (netstate_is_default(route) || !route->link[0] || is_own_link(snapshot, route->link) ||
		    !ip_overlaps(&route->destination, route->prefix_length, ip, length))
			continue;
		subnet_avoid(avoided, ip, route->prefix_length < length ? route->prefix_length : length);
		any = true;
	}
	return any;
}

/*
 * Another prefix is to be chosen for the network at the next time, of each family where others are; where they are nowhere,
 * somebody has asked for it without a need, and means IPv4: the other one is nobody's but this host's. False when nothing was
 * chosen for it at all.
 */
bool subnet_leave(struct subnet_choice *choice, const struct netstate *snapshot, struct subnet_avoided *avoided)
{
	choice->anew4 = note_others(snapshot, &choice->address4, SUBNET_LENGTH4, avoided);
	choice->anew6 = note_others(snapshot, &choice->address6, SUBNET_LENGTH6, avoided);
	if (choice->anew4 || choice->anew6)
		return true;
	choice->anew4 = choice->address4.family;
	choice->anew6 = choice->address6.family && !choice->anew4;
	if (choice->anew4)
		subnet_avoid(avoided, &choice->address4, SUBNET_LENGTH4);
	if (choice->anew6)
		subnet_avoid(avoided, &choice->address6, SUBNET_LENGTH6);
	return choice->anew4 || choice->anew6;
}

/* The choice for a network in an array that is sorted by name; NULL when there is none. */
const struct subnet_choice *subnet_find(const struct subnet_choice *choices, size_t n_choices, const char *network)
{
	return n_choices == 0 ? NULL : bsearch(network, choices, n_choices, sizeof(*choices), compare_network);
}

/* Is this the network's address of a delegated prefix? @choice may be NULL. */
bool subnet_is_delegated(const struct subnet_choice *choice, const struct network_address *address)
{
	return choice && choice->delegated.family && memcmp(&choice->delegated, &address->ip, sizeof(address->ip)) == 0;
}

/* Why a network with Address=delegated has no address of such a prefix: false when it has one, or asks for none. @choice may be NULL. */
bool subnet_explain(const struct network *network, const struct subnet_choice *choice, struct text *text)
{
	if (!network->address_delegated || (choice && choice->delegated.family))
		return false;
	if (!choice || !choice->delegated_length)
		text_add(text, "waiting for a delegated IPv6 prefix: the host has been given none yet (ip -6 route show proto dhcp would list it)");
	else if (network->delegated_subnet == NETWORK_ANY_SUBNET)
		text_add(text, "what was delegated to the host is a /%u, and no /64 of it is left for this network", choice->delegated_length);
	else
		text_add(text, "what was delegated to the host is a /%u, and its subnet %x is not there or not free",
			 choice->delegated_length, network->delegated_subnet);
	return true;
}

/* All addresses of the host on a network, written ones first, that of a delegated prefix last. @choice may be NULL. Returns how many. */
size_t subnet_addresses(const struct network *network, const struct subnet_choice *choice,
			struct network_address ret_addresses[static SUBNET_ADDRESSES])
{
	size_t n;

	for (n = 0; n < network->n_addresses; n++)
		ret_addresses[n] = network->addresses[n];
	if (choice && choice->address4.family && is_wanted(network, false))
		ret_addresses[n++] = (struct network_address){ .ip = choice->address4, .prefix_length = SUBNET_LENGTH4 };
	if (choice && choice->address6.family && is_wanted(network, true))
		ret_addresses[n++] = (struct network_address){ .ip = choice->address6, .prefix_length = SUBNET_LENGTH6 };
	if (choice && choice->delegated.family && network->address_delegated)
		ret_addresses[n++] = (struct network_address){ .ip = choice->delegated, .prefix_length = SUBNET_LENGTH6 };
	return n;
}
