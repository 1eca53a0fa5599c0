/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A declared network as a value: its lists, its end, and what it is called.
 * Pure: no system calls.
 */
#include "network.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"

const char *const network_mode_names[] = {
	[NETWORK_NAT] = "nat", [NETWORK_ISOLATED] = "isolated", [NETWORK_ROUTE] = "route", [NETWORK_OPEN] = "open",
	[NETWORK_BRIDGE] = "bridge",
};
static_assert(ARRAY_SIZE(network_mode_names) == NETWORK_MODE_MAX_, "a name for each mode");

const char *const network_host_access_names[] = {
	[HOST_ACCESS_GATEWAY] = "gateway", [HOST_ACCESS_ALL] = "all", [HOST_ACCESS_NONE] = "none",
};
static_assert(ARRAY_SIZE(network_host_access_names) == HOST_ACCESS_MAX_, "a name for each access");

/*
 * One more item, all of it 0, behind a list of a network's: NETWORK_APPEND(). NULL without memory, and the list is as it was.
 */
void *network_append(void **items, size_t *n, size_t size)
{
	char *grown = reallocarray(*items, *n + 1, size);

	if (!grown)
		return NULL;
	*items = grown;
	return memset(grown + (*n)++ * size, 0, size);
}

/* Where the key was said last; line 0: nowhere. */
struct network_place network_find_place(const struct network *network, enum key_id key)
{
	for (size_t i = 0; i < network->n_said; i++)
		if (network->said[i].key == key)
			return network->said[i].place;
	return (struct network_place){ 0 };
}

/* The key was said there; line 0 takes that back. -ENOMEM only. */
int network_set_place(struct network *network, enum key_id key, struct network_place place)
{
	struct network_said *said = NULL;

	for (size_t i = 0; i < network->n_said && !said; i++)
		if (network->said[i].key == key)
			said = &network->said[i];
	if (!said)
		said = NETWORK_APPEND(network, said);
	if (!said)
		return -ENOMEM;
	said->key = (uint8_t)key;
	said->place = place;
	return 0;
}

/* One of its rates; where its files say nothing, one that is 0. */
const struct network_rate *network_find_rate(const struct network *network, enum network_rate_id id)
{
	static const struct network_rate none;

	return network->rates ? &network->rates[id] : &none;
}

void network_texts_deinit(struct network_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->items[i]);
	free(texts->items);
	*texts = (struct network_texts){ 0 };
}

/* Frees what it holds; it is NETWORK_NULL then. */
void network_deinit(struct network *network)
{
	for (size_t i = 0; i < network->n_paths; i++)
		free(network->paths[i]);
	free(network->paths);
	free(network->said);
	free(network->problem);
	free(network->uplinks);
	free(network->peers);
	free(network->kept_ports);
	free(network->addresses);
	free(network->ranges);
	free(network->ntp);
	network_texts_deinit(&network->options);
	free(network->domain);
	free(network->forwarders);
	network_texts_deinit(&network->splits);
	network_texts_deinit(&network->names);
	network_texts_deinit(&network->records);
	for (size_t i = 0; i < network->n_hosts; i++)
		network_texts_deinit(&network->hosts[i].options);
	free(network->hosts);
	free(network->boot_root);
	for (size_t i = 0; i < BOOT_CLIENT_MAX_; i++)
		free(network->boot_files[i]);
	free(network->forwards);
	free(network->routes);
	free(network->taps);
	free(network->tunnel);
	free(network->reach);
	free(network->rates);
	*network = NETWORK_NULL;
}

/*
 * May a network have this name? 1 to 12 letters, digits, '-', '_' and '.', the first of them a letter or a
 * digit: it stands in the name of a bridge, of files and of a domain, and is an interface's alternative name. Not lo, which is
 * one already, nor all, by which the policy means every bridge.
 */
bool network_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length < 1 || length >= NETWORK_NAME_SIZE || strcmp(name, "lo") == 0 || strcmp(name, "all") == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];
		bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!alphanumeric && (i == 0 || (c != '-' && c != '_' && c != '.')))
			return false;
	}
	return true;
}

/* Does a network card of the host become a port of its bridge? */
bool network_has_card(const struct network *network)
{
	return network->mode == NETWORK_BRIDGE && network->n_uplinks > 0;
}

/* Is its bridge made for a tunnel alone, so that guests here are another host's? */
bool network_is_stretched(const struct network *network)
{
	return network->mode == NETWORK_BRIDGE && network->tunnel;
}

/* Does the network's file name this one as a peer? */
bool network_has_peer(const struct network *network, const char *name)
{
	for (size_t i = 0; i < network->n_peers; i++)
		if (strcmp(network->peers[i], name) == 0)
			return true;
	return false;
}

/* Is that the network's name, its bridge's, or an alternative name of that? */
bool network_is_called(const struct network *network, const char *name)
{
	if (strcmp(network->name, name) == 0 || strcmp(network->bridge, name) == 0)
		return true;
	for (size_t i = 0; i < network->n_altnames; i++)
		if (strcmp(network->altnames[i], name) == 0)
			return true;
	return false;
}
