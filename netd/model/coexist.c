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

static bool same_table(const struct coexist_chain *a, const struct coexist_chain *b)
{
	return a->family == b->family && strcmp(a->table, b->table) == 0;
}

static bool has_jump(const struct coexist_view *view, const struct coexist_chain *from, const struct coexist_chain *to)
{
	for (size_t i = 0; i < view->n_jumps; i++) {
		const struct coexist_jump *jump = &view->jumps[i];

		if (jump->family == from->family && strcmp(jump->table, from->table) == 0 &&
		    strcmp(jump->from, from->name) == 0 && strcmp(jump->to, to->name) == 0)
			return true;
	}
	return false;
}

/* Marks what can be reached from a base chain. */
static void reach(struct coexist_view *view, struct coexist_chain *base)
{
	bool more = true;

	for (size_t i = 0; i < view->n_chains; i++)
		view->chains[i].reached = false;
	base->reached = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < view->n_chains; i++)
			for (size_t j = 0; view->chains[i].reached && j < view->n_chains; j++) {
				struct coexist_chain *to = &view->chains[j];

				if (to->reached || !same_table(&view->chains[i], to) || !has_jump(view, &view->chains[i], to))
					continue;
				to->reached = more = true;
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

static size_t find_base_places(struct coexist_view *view, struct coexist_chain *base, struct coexist_place *places)
{
	bool input = base->input;
	size_t n = 0;

	reach(view, base);
	for (size_t i = 0; is_iptables(base->family, base->table) && i < view->n_chains; i++)
		if (view->chains[i].reached && is_user_chain(view->chains[i].name, input))
			places[n++] = (struct coexist_place){ .chain = &view->chains[i], .base = base, .input = input };
	if (n > 0 || !base->drop)
		return n;
	places[0] = (struct coexist_place){
		.chain = base,
		.base = base,
		.input = input,
		.blocked = input || !is_iptables(base->family, base->table) || strcmp(base->name, "FORWARD") != 0,
	};
	return 1;
}

/* The places of all base chains. The caller frees the array; it borrows from @view. -ENOMEM only. */
int coexist_find_places(struct coexist_view *view, struct coexist_place **ret_places, size_t *ret_n_places)
{
	/* Three chains for users' rules per base chain at most, or itself. */
	struct coexist_place *places = calloc(4 * view->n_chains + 1, sizeof(*places));
	size_t n = 0;

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < view->n_chains; i++)
		if (view->chains[i].forward || view->chains[i].input)
			n += find_base_places(view, &view->chains[i], places + n);
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
