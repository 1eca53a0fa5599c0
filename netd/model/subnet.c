/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of networks with Address=auto.
 * Pure: no system calls.
 *
 * A network's place in the pool is a hash of its name under the machine id: machines differ, and one
 * machine finds the same place again even without a record. Where something else is there already, the
 * next free place is taken. The pools are tried in turn; the later ones are for hosts that have a route
 * to all of 10.0.0.0/8, as some VPNs make one. 192.168.122.0/24 is left to libvirt, here and inside guests.
 */
#include "subnet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ip.h"

static const struct pool {
	uint32_t base;
	uint8_t length;
} pools[] = {
	{ 0x0a400000, 10 },	/* 10.64.0.0/10 */
	{ 0xac100000, 12 },	/* 172.16.0.0/12 */
	{ 0xc0a80000, 16 },	/* 192.168.0.0/16 */
};

struct prefix {
	struct ip ip;
	uint8_t length;
};

/* Prefixes that are in use: a list that grows. */
struct taken {
	struct prefix *items;
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
		struct prefix *items = reallocarray(taken->items, size, sizeof(*items));

		if (!items)
			return -ENOMEM;
		taken->items = items;
		taken->size = size;
	}
	taken->items[taken->n++] = (struct prefix){ *ip, length };
	return 0;
}

static bool taken_has(const struct taken *taken, const struct ip *ip, uint8_t length)
{
	for (size_t i = 0; i < taken->n; i++)
		if (ip_overlaps(&taken->items[i].ip, taken->items[i].length, ip, length))
			return true;
	return false;
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

		if (route->prefix_length > 0 && !is_own_link(snapshot, route->link))
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

static uint64_t hash_name(const char *purpose, const char *name, const uint8_t machine_id[static SIPHASH_KEY_SIZE])
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s %s", purpose, name);

	return siphash24(text, (size_t)n, machine_id);
}

static bool choose_v4(const char *name, const uint8_t machine_id[static SIPHASH_KEY_SIZE], const struct taken *taken,
		      struct ip *ret_ip)
{
	const struct ip libvirt = ip_v4(0xc0a87a00);
	uint64_t hash = hash_name("subnet4", name, machine_id);

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		uint32_t n = 1u << (SUBNET_LENGTH4 - pools[i].length);

		for (uint32_t tried = 0; tried < n; tried++) {
			uint32_t place = (uint32_t)((hash + tried) % n);
			struct ip ip = ip_v4(pools[i].base | place << (32 - SUBNET_LENGTH4) | 1);

			if (ip_overlaps(&ip, SUBNET_LENGTH4, &libvirt, 24) || taken_has(taken, &ip, SUBNET_LENGTH4))
				continue;
			*ret_ip = ip;
			return true;
		}
	}
	return false;
}

/* RFC 4193: 40 bits that are this machine's, 16 that are the network's. */
static bool choose_v6(const char *name, const uint8_t machine_id[static SIPHASH_KEY_SIZE], const struct taken *taken,
		      struct ip *ret_ip)
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

		if (taken_has(taken, &ip, SUBNET_LENGTH6))
			continue;
		*ret_ip = ip;
		return true;
	}
	return false;
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

/* Keeps an earlier choice where it may be kept; nothing when it must be made again. */
static int keep(struct ip *ip, uint8_t length, bool fixed, const struct ip *before, struct taken *taken)
{
	if (!before->family || (!fixed && taken_has(taken, before, length)))
		return 0;
	*ip = *before;
	return taken_add(taken, ip, length);
}

static int keep_previous(const struct network *const networks[], size_t n_networks,
			 const struct subnet_choice *previous, size_t n_previous,
			 struct subnet_choice *choices, bool fixed, struct taken *taken)
{
	for (size_t i = 0; i < n_networks; i++) {
		const struct subnet_choice *before = subnet_find(previous, n_previous, networks[i]->name);
		int r = 0;

		if (!before || before->fixed != fixed)
			continue;
		if (is_wanted(networks[i], false))
			r = keep(&choices[i].address4, SUBNET_LENGTH4, fixed, &before->address4, taken);
		if (r == 0 && is_wanted(networks[i], true))
			r = keep(&choices[i].address6, SUBNET_LENGTH6, fixed, &before->address6, taken);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Chooses for every network with Address=auto and each family that it has no written address of. What was
 * chosen before stays: always when it is `fixed`, otherwise (it comes from a record of an earlier run) while
 * nothing in @snapshot, which must be sorted, overlaps with it. Routes and addresses of our own bridges
 * count as nothing. A family for which no place is left gets no address. The caller owns @ret_choices,
 * sorted by name, one for each network; all are fixed. -ENOMEM only.
 */
int subnet_choose(const struct network *const networks[], size_t n_networks,
		  const uint8_t machine_id[static SIPHASH_KEY_SIZE], const struct netstate *snapshot,
		  const struct subnet_choice *previous, size_t n_previous,
		  struct subnet_choice **ret_choices, size_t *ret_n_choices)
{
	_cleanup_(taken_deinit) struct taken taken = { 0 };
	_cleanup_(freep) struct subnet_choice *choices = calloc(n_networks + 1, sizeof(*choices));
	int r;

	if (!choices)
		return -ENOMEM;
	r = collect_written(networks, n_networks, &taken);
	/* What guests may have already is not to be given to others, and not moved for anything. */
	if (r == 0)
		r = keep_previous(networks, n_networks, previous, n_previous, choices, true, &taken);
	if (r == 0)
		r = collect_foreign(snapshot, &taken);
	if (r == 0)
		r = keep_previous(networks, n_networks, previous, n_previous, choices, false, &taken);

	for (size_t i = 0; i < n_networks && r == 0; i++) {
		struct subnet_choice *choice = &choices[i];

		memcpy(choice->network, networks[i]->name, sizeof(choice->network));
		choice->fixed = true;
		if (!choice->address4.family && is_wanted(networks[i], false) &&
		    choose_v4(choice->network, machine_id, &taken, &choice->address4))
			r = taken_add(&taken, &choice->address4, SUBNET_LENGTH4);
		if (r == 0 && !choice->address6.family && is_wanted(networks[i], true) &&
		    choose_v6(choice->network, machine_id, &taken, &choice->address6))
			r = taken_add(&taken, &choice->address6, SUBNET_LENGTH6);
	}
	if (r < 0)
		return r;

	if (n_networks > 0)
		qsort(choices, n_networks, sizeof(*choices), compare_choices);
	*ret_choices = steal_ptr(choices);
	*ret_n_choices = n_networks;
	return 0;
}

/* The choice for a network in an array that is sorted by name; NULL when there is none. */
const struct subnet_choice *subnet_find(const struct subnet_choice *choices, size_t n_choices, const char *network)
{
	struct subnet_choice key = { 0 };

	if (n_choices == 0)
		return NULL;
	snprintf(key.network, sizeof(key.network), "%s", network);
	return bsearch(&key, choices, n_choices, sizeof(*choices), compare_choices);
}

/* All addresses of the host on a network, written ones first. @choice may be NULL. Returns how many. */
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
	return n;
}
