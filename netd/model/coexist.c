/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where other firewalls have a place for rules of ours, and where they have none.
 * Pure: no system calls.
 *
 * An accept in our table is no more than that: whoever comes before or behind it may still drop. docker and ufw
 * have chains for the rules of others, and iptables' FORWARD with the policy to drop is one for everybody. Nothing
 * is put anywhere else; where something drops and has no place, that is said.
 *
 * docker runs DOCKER-USER first, and what its chain DOCKER or the policy would drop behind it are ports of containers that
 * were not published. An accept there is for everything else: what goes to an interface that docker guards returns to
 * docker's own chains. Which those are is read from its rules: `-o BRIDGE -j DOCKER`.
 */
#include "coexist.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "ip.h"

void coexist_view_deinit(struct coexist_view *view)
{
	free(view->chains);
	free(view->jumps);
	*view = COEXIST_VIEW_NULL;
}

/* The tables of iptables-nft. */
static bool is_iptables(uint8_t family, const char *table)
{
	return strcmp(table, "filter") == 0 && (family == NFPROTO_IPV4 || family == NFPROTO_IPV6);
}

static int compare_chains(const void *a, const void *b)
{
	const struct coexist_chain *left = *(const struct coexist_chain *const *)a, *right = *(const struct coexist_chain *const *)b;
	int r = (left->family > right->family) - (left->family < right->family);

	if (!r)
		r = strcmp(left->table, right->table);
	return r ? r : strcmp(left->name, right->name);
}

/* A jump, from chain to chain of the view. */
struct way {
	struct coexist_chain *from, *to;
	bool all;
};

struct ways {
	struct way *items;	/* owned */
	size_t n;
};

static struct coexist_chain *find_chain(struct coexist_chain *const *sorted, size_t n, const struct coexist_jump *jump, const char *name)
{
	struct coexist_chain wanted = { .family = jump->family }, *key = &wanted, *const *found;

	memcpy(wanted.table, jump->table, sizeof(wanted.table));
	memcpy(wanted.name, name, sizeof(wanted.name));
	found = n ? bsearch(&key, sorted, n, sizeof(*sorted), compare_chains) : NULL;
	return found ? *found : NULL;
}

/* Some hosts have thousands of chains, and this is asked whenever one of them changes. -ENOMEM only. */
static int find_ways(struct coexist_view *view, struct ways *ret_ways)
{
	_cleanup_(freep) struct coexist_chain **sorted = calloc(view->n_chains + 1, sizeof(*sorted));
	struct ways ways = { .items = calloc(view->n_jumps + 1, sizeof(*ways.items)) };

	if (!sorted || !ways.items) {
		free(ways.items);
		return -ENOMEM;
	}
	for (size_t i = 0; i < view->n_chains; i++)
		sorted[i] = &view->chains[i];
	if (view->n_chains > 0)
		qsort(sorted, view->n_chains, sizeof(*sorted), compare_chains);
	for (size_t i = 0; i < view->n_jumps; i++) {
		const struct coexist_jump *jump = &view->jumps[i];
		struct way *way = &ways.items[ways.n];

		way->from = find_chain(sorted, view->n_chains, jump, jump->from);
		way->to = find_chain(sorted, view->n_chains, jump, jump->to);
		way->all = jump->all;
		ways.n += way->from && way->to;
	}
	*ret_ways = ways;
	return 0;
}

/* A chain drops all that is left, too, if another one does with what it gets from it. Rounds: as for reach(). */
static void note_ends(const struct ways *ways)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < ways->n; i++) {
			const struct way *way = &ways->items[i];

			if (way->all && way->to->drop && !way->to->returns && !way->from->drop)
				way->from->drop = more = true;
		}
	}
}

/* Marks what can be reached from a base chain. Rounds are as many as jumps lie within each other: the kernel lets it be 16. */
static void reach(struct coexist_view *view, const struct ways *ways, struct coexist_chain *base)
{
	bool more = true;

	for (size_t i = 0; i < view->n_chains; i++)
		view->chains[i].reached = false;
	base->reached = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < ways->n; i++) {
			if (!ways->items[i].from->reached || ways->items[i].to->reached)
				continue;
			ways->items[i].to->reached = more = true;
		}
	}
}

/* Chains that docker and ufw leave to others. */
static bool is_user_chain(const char *name, bool input)
{
	static const char *const forward_names[] = { "DOCKER-USER", "ufw-user-forward", "ufw6-user-forward" };
	static const char *const input_names[] = { "ufw-user-input", "ufw6-user-input" };
	const char *const *names = input ? input_names : forward_names;
	size_t n = input ? ARRAY_SIZE(input_names) : ARRAY_SIZE(forward_names);

	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Interfaces that this place's program guards by itself, one after the other from *@i = 0 on; NULL at the end. */
const char *coexist_next_kept(const struct coexist_view *view, const struct coexist_place *place, size_t *i)
{
	if (strcmp(place->chain->name, "DOCKER-USER") != 0)
		return NULL;
	while (*i < view->n_jumps) {
		const struct coexist_jump *jump = &view->jumps[(*i)++];

		if (jump->family == place->chain->family && strcmp(jump->table, place->chain->table) == 0 &&
		    strcmp(jump->to, "DOCKER") == 0 && jump->out[0])
			return jump->out;
	}
	return NULL;
}

/* Can there be a rule of ours in this chain? */
bool coexist_may_hold(uint8_t family, const char *table, const char *chain)
{
	return is_iptables(family, table) &&
	       (strcmp(chain, "FORWARD") == 0 || is_user_chain(chain, false) || is_user_chain(chain, true));
}

static size_t find_base_places(struct coexist_view *view, const struct ways *ways, struct coexist_chain *base,
			       struct coexist_place *places)
{
	const bool input = base->input, iptables = is_iptables(base->family, base->table);
	size_t n = 0;

	if (iptables)
		reach(view, ways, base);
	for (size_t i = 0; iptables && i < view->n_chains; i++)
		if (view->chains[i].reached && is_user_chain(view->chains[i].name, input))
			places[n++] = (struct coexist_place){ .chain = &view->chains[i], .base = base, .input = input };
	if (n > 0 || !base->drop)
		return n;
	places[0] = (struct coexist_place){
		.chain = base,
		.base = base,
		.input = input,
		.blocked = input || !iptables || strcmp(base->name, "FORWARD") != 0,
	};
	return 1;
}

/* The places of all base chains. The caller frees the array; it borrows from @view. -ENOMEM only. */
int coexist_find_places(struct coexist_view *view, struct coexist_place **ret_places, size_t *ret_n_places)
{
	/* Three chains for users' rules per base chain at most, or itself. */
	struct coexist_place *places = calloc(4 * view->n_chains + 1, sizeof(*places));
	struct ways ways;
	size_t n = 0;

	if (!places || find_ways(view, &ways) < 0) {
		free(places);
		return -ENOMEM;
	}
	note_ends(&ways);
	for (size_t i = 0; i < view->n_chains; i++)
		if (view->chains[i].forward || view->chains[i].input)
			n += find_base_places(view, &ways, &view->chains[i], places + n);
	free(ways.items);
	*ret_places = places;
	*ret_n_places = n;
	return 0;
}

/* Does this place take this rule for this bridge? For a blocked one: would it, if it could? */
bool coexist_is_wanted(const struct coexist_place *place, const struct coexist_bridge *bridge, enum coexist_rule rule)
{
	bool v4 = place->chain->family != NFPROTO_IPV6, v6 = place->chain->family != NFPROTO_IPV4;

	if (!(v4 && bridge->v4) && !(v6 && bridge->v6))
		return false;
	if (rule == COEXIST_FROM || rule == COEXIST_TO || rule == COEXIST_NOT_TO)
		return !place->input && bridge->forward;
	return place->input;
}

/* The place of an element's bridge; one past the last when it is not there. */
static size_t find_bridge(const struct netstate *desired, const struct netstate_element *element)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(desired, (const char *)element->key);

	return bridge ? (size_t)(bridge - desired->bridges) : desired->n_bridges;
}

static void note_address(struct coexist_bridge *bridge, const struct ip *address)
{
	if (ip_is_v4(address) && !bridge->v4)
		memcpy(bridge->address4, address->bytes_be, sizeof(bridge->address4));
	if (ip_is_v6(address) && !bridge->v6)
		memcpy(bridge->address6, address->bytes_be, sizeof(bridge->address6));
	bridge->v4 |= ip_is_v4(address);
	bridge->v6 |= ip_is_v6(address);
}

/* The bridges that should be there, sorted as @desired is. The caller frees. -ENOMEM only. */
int coexist_bridges(const struct netstate *desired, struct coexist_bridge **ret_bridges, size_t *ret_n_bridges)
{
	struct coexist_bridge *bridges = calloc(desired->n_bridges + 1, sizeof(*bridges));

	if (!bridges)
		return -ENOMEM;
	for (size_t i = 0; i < desired->n_bridges; i++) {
		memcpy(bridges[i].name, desired->bridges[i].name, IFNAME_SIZE);
		/* The LAN's, not ours to open. */
		bridges[i].closed = desired->bridges[i].existing || desired->bridges[i].lan;
	}
	for (size_t i = 0, j = 0; i < desired->n_addresses && j < desired->n_bridges;) {
		int r = strcmp(bridges[j].name, desired->addresses[i].link);

		if (r == 0) {
			note_address(&bridges[j], &desired->addresses[i].address);
		}
		if (r < 0)
			j++;
		else
			i++;
	}
	/* Guests of these may leave. */
	for (size_t i = 0; i < desired->n_elements; i++)
		if (desired->elements[i].set == NETSTATE_SET_SOURCE4 || desired->elements[i].set == NETSTATE_SET_SOURCE6)
			bridges[find_bridge(desired, &desired->elements[i])].forward = true;
	*ret_bridges = bridges;
	*ret_n_bridges = desired->n_bridges;
	return 0;
}
