/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What should be, when a few networks come or go: the state for the others stays as it is.
 * Pure: no system calls.
 *
 * Theory of operation. What networks have in common is little: forwarding, and which sets and rules the table has. The rest of a state
 * is lists in which each entry is one network's. So what a network adds is built for it alone and merged; what it leaves is
 * found by its name or its bridge. A network for which that is not all (peers, guests' ports with rules, routes, cards, forwards: what
 * others have to do with, too) is none of these: then the whole is to be built.
 */
#include "desired.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ip.h"
#include "ruleset.h"

/* Is everything of it its own? */
static bool is_simple(const struct network *network)
{
	return network->mode <= NETWORK_ROUTE && !network->address_auto && !network->address_delegated && network->n_peers == 0 && network->n_routes == 0 &&
	       network->n_taps == 0 && !network->tunnel && network->n_forwards == 0 && network->n_uplinks == 0 && !network->forward_guard &&
	       !network_has_card(network) && !guards_are_wanted(network) && !rates_are_of_ports(network);
}

/* May @networks come or go one by one, by what is in their files? */
bool desired_can_change(const struct network *const networks[], size_t n_networks)
{
	for (size_t i = 0; i < n_networks; i++)
		if (!is_simple(networks[i]))
			return false;
	return true;
}

static bool is_own_value(const char *path, const char *bridge)
{
	const size_t length = strlen(bridge), before = strlen("ipv4/conf/");

	return strlen(path) > before + length && strncmp(path + before, bridge, length) == 0 && path[before + length] == '/';
}

/* Drops entries of one list by a condition. */
#define DROP(state, many, condition)						\
	do {									\
		size_t n_kept = 0;						\
										\
		for (size_t i = 0; i < (state)->n_##many; i++) {		\
			const typeof(*(state)->many) *item = &(state)->many[i];	\
										\
			if (condition)						\
				continue;					\
			if (n_kept != i)					\
				memcpy(&(state)->many[n_kept], item, sizeof(*item));\
			n_kept++;						\
		}								\
		(state)->n_##many = n_kept;					\
	} while (0)

/* Its elements go to @ret_changed, in their order. -ENOMEM only. */
static int remove_network(struct netstate *state, const struct network *network, struct netstate *ret_changed)
{
	const char *bridge = network->bridge;
	int r = 0;

	DROP(state, bridges, strcmp(item->network, network->name) == 0);
	DROP(state, addresses, strcmp(item->link, bridge) == 0);
	/* There are many; names have zeros behind them. */
	DROP(state, elements, memcmp(item->network, network->name, NETWORK_NAME_SIZE) == 0 &&
			      (r = r ?: netstate_add_element(ret_changed, item), true));
	DROP(state, checksums, strcmp(item->bridge, bridge) == 0);
	DROP(state, shapers, strcmp(item->network, network->name) == 0);
	DROP(state, sysctls, is_own_value(item->path, bridge));
	DROP(state, services, strcmp(item->network, network->name) == 0);
	return r;
}

static bool has_family(const struct network *network, const struct subnet_choice *choices, size_t n_choices, bool v6)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n = subnet_addresses(network, subnet_find(choices, n_choices, network->name), addresses);

	for (size_t i = 0; i < n; i++)
		if (ip_is_v6(&addresses[i].ip) == v6)
			return true;
	return false;
}

/* Does one of the networks need what the state does for forwarding, as it did before? */
static bool needs_the_same(const struct network *const networks[], size_t n_networks, const struct subnet_choice *choices,
			   size_t n_choices, const struct families *need)
{
	bool v4 = false, v6 = false;

	for (size_t i = 0; i < n_networks && (v4 < need->v4 || v6 < need->v6); i++) {
		if (networks[i]->mode == NETWORK_ISOLATED || networks[i]->mode == NETWORK_BRIDGE)
			continue;
		v4 |= has_family(networks[i], choices, n_choices, false);
		v6 |= has_family(networks[i], choices, n_choices, true);
	}
	return v4 >= need->v4 && v6 >= need->v6;
}

/* Which rules there are follows from the elements, but for forwards: their rules are there before their guests. */
static void add_features(const struct netstate *state, struct netstate_table *table)
{
	for (size_t i = 0; i < state->n_elements; i++) {
		const struct netstate_element *element = &state->elements[i];

		table->features |= ruleset_set_feature(element->set);
		if (!ruleset_set_has_prefixes(element->set))
			continue;
		if (strcmp(ruleset_set_key(element->set), "n6") == 0)
			ruleset_add_prefix6(table, element->prefix_length);
		else
			ruleset_add_prefix4(table, element->prefix_length);
	}
}

/* What one of them needs alone, without what belongs to all: *ret_need says what of that it needs. */
static int build_part(const struct network *const networks[], size_t n_networks, const struct subnet_choice *choices,
		      size_t n_choices, const struct desired_options *options, struct netstate *ret_part,
		      struct families *ret_need)
{
	struct desired_options own = *options;
	int r;

	own.forwarding = NULL;
	r = desired_build_part(networks, n_networks, choices, n_choices, &own, ret_part);
	if (r < 0)
		return r;
	*ret_need = forwarding_needed(ret_part);
	DROP(ret_part, sysctls, netstate_is_forwarding(item->path));
	return 0;
}

/*
 * Makes of @state, which desired_build() has built with @options and @choices, what it builds for @networks: those are the same
 * networks, but that those in @added have come, which are among them, and those in @removed have gone, which are not. All must be
 * such as desired_can_change() says. Returns 1, and the elements that have come or gone, sorted, in an otherwise empty state that the
 * caller owns; 0 when the whole is to be built, and @state is as it was; or a negative errno as desired_build() has it, and @state is
 * good for nothing but netstate_deinit().
 */
int desired_change(struct netstate *state, const struct network *const networks[], size_t n_networks,
		   const struct network *const added[], size_t n_added,
		   const struct network *const removed[], size_t n_removed,
		   const struct subnet_choice *choices, size_t n_choices, const struct desired_options *options,
		   struct netstate *ret_changed)
{
	_cleanup_(netstate_deinit) struct netstate part = NETSTATE_NULL, changed = NETSTATE_NULL;
	const struct families need = forwarding_needed(state);
	const struct netstate_table before = state->table;
	struct families part_need;
	int r;

	if (n_networks == 0 || state->table.state != NETSTATE_TABLE_EQUAL || state->table.features & RULESET_OPEN ||
	    (options->forwarding && options->forwarding->n_off > 0))
		return 0;
	r = build_part(added, n_added, choices, n_choices, options, &part, &part_need);
	if (r < 0)
		return r;
	if (part_need.v4 > need.v4 || part_need.v6 > need.v6 ||
	    (n_removed > 0 && !needs_the_same(networks, n_networks, choices, n_choices, &need)))
		return 0;
	for (size_t i = 0; r == 0 && i < n_removed; i++)
		r = remove_network(state, removed[i], &changed);
	if (r == 0)
		r = netstate_merge(state, &part);
	for (size_t i = 0; r == 0 && i < part.n_elements; i++)
		r = netstate_add_element(&changed, &part.elements[i]);
	if (r < 0)
		return r;
	if (n_removed > 0) {
		state->table.prefixes4 = 0;
		memset(state->table.prefixes6, 0, sizeof(state->table.prefixes6));
		state->table.features &= RULESET_FORWARD | RULESET_BRIDGED;
	}
	/* What has only come is all that is new. */
	add_features(n_removed > 0 ? state : &part, &state->table);
	if (memcmp(&before, &state->table, sizeof(before)) != 0)
		state->table.fingerprint = ruleset_fingerprint(&state->table);
	netstate_sort_elements(&changed);
	*ret_changed = changed;
	changed = NETSTATE_NULL;
	return 1;
}
