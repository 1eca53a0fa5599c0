/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ports of guests may not do: [Port] of a network's file as elements of sets.
 * Pure: no system calls.
 *
 * Theory of operation. In the bridge family a rule sees the port that a frame comes from, and not every kernel can tell
 * it the bridge as well. So the ports of a network's guests get a group (IFLA_GROUP), one for each network, which the
 * helper gives a tap while it is down still: from its first frame on it is under the network's rules, whoever else is
 * awake. Guards are elements with that group; an address is bound to group and Ethernet address. Only Ethernet
 * addresses are bound to the port itself, by its name.
 */
#include "guards.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/str.h"
#include "ip.h"
#include "ruleset.h"
#include "siphash.h"

/* The rules that the network's file asks for. Isolation is none of them: it is an option of the port. */
uint8_t guards_of(const struct network *network)
{
	return (uint8_t)((network->mac_binding ? NETSTATE_GUARD_MAC : 0) | (network->address_binding ? NETSTATE_GUARD_ADDRESS : 0) |
			 (network->ra_guard ? NETSTATE_GUARD_RA : 0) | (network->dhcp_guard ? NETSTATE_GUARD_DHCP : 0) |
			 (network->bpdu_guard ? NETSTATE_GUARD_BPDU : 0));
}

/* Does it ask for any? */
bool guards_are_wanted(const struct network *network)
{
	return guards_of(network) != 0;
}

static bool has_group(const struct netstate *state, uint32_t group)
{
	for (size_t i = 0; i < state->n_bridges; i++)
		if (state->bridges[i].port_group == group)
			return true;
	return false;
}

/* The group of this network's ports: derived from its name, and none that a bridge of @state has. */
uint32_t guards_choose_group(const char *network, const struct netstate *state)
{
	static const uint8_t key[SIPHASH_KEY_SIZE] = "guestnet group";
	uint32_t number = (uint32_t)siphash24(network, strlen(network), key);
	uint32_t group;

	do {
		group = NETSTATE_GROUP_FIRST | (number++ & NETSTATE_GROUP_MASK);
	} while (has_group(state, group));
	return group;
}

/* Is this port on the network's bridge that of a guest: a tap, or one that Ports= names? Never a network card. */
bool guards_is_guest(const struct network *network, const struct netstate_port *port)
{
	if (port->physical)
		return false;
	if (port->owner == NETSTATE_OURS || port->tap)
		return true;
	for (size_t i = 0; i < network->n_kept_ports; i++)
		if (fnmatch(network->kept_ports[i], port->name, 0) == 0)
			return true;
	return false;
}

/* Elements: keys as the kernel has them, each part padded to four bytes. */

static struct netstate_element begin(const struct guards *guards, enum netstate_set set)
{
	struct netstate_element element;

	memset(&element, 0, sizeof(element));
	element.set = (uint8_t)set;
	memcpy(element.network, guards->network->name, sizeof(element.network));
	return element;
}

static void put(struct netstate_element *element, const void *bytes, size_t length)
{
	memcpy(element->key + element->key_length, bytes, length);
	element->key_length += (uint8_t)((length + 3) / 4 * 4);
}

static int add_group(const struct guards *guards, enum netstate_set set, struct netstate *state)
{
	struct netstate_element element = begin(guards, set);

	put(&element, &guards->group, sizeof(guards->group));
	return netstate_add_element(state, &element);
}

static int add_taken(const struct guards *guards, const struct mac *mac, struct netstate *state)
{
	struct netstate_element element = begin(guards, NETSTATE_SET_PORT_TAKEN);

	put(&element, &guards->group, sizeof(guards->group));
	put(&element, mac, sizeof(*mac));
	return netstate_add_element(state, &element);
}

static int add_binding(const struct guards *guards, const struct port_binding *binding, struct netstate *state)
{
	struct netstate_element bound = begin(guards, NETSTATE_SET_PORT_BOUND);
	struct netstate_element mac = begin(guards, NETSTATE_SET_PORT_MAC);
	int r;

	put(&bound, binding->port, sizeof(binding->port));
	put(&mac, binding->port, sizeof(binding->port));
	put(&mac, &binding->mac, sizeof(binding->mac));
	r = netstate_add_element(state, &bound);
	if (r == 0)
		r = netstate_add_element(state, &mac);
	return r < 0 ? r : add_taken(guards, &binding->mac, state);
}

static bool is_of(const struct guards *guards, const struct port_binding *binding)
{
	return strcmp(binding->bridge, guards->network->bridge) == 0;
}

static int add_bindings(const struct guards *guards, struct netstate *state)
{
	int r = add_taken(guards, &guards->mac, state);

	for (size_t i = 0; r == 0 && i < guards->n_bindings; i++)
		if (is_of(guards, &guards->bindings[i]))
			r = add_binding(guards, &guards->bindings[i], state);
	return r;
}

static int add_address(const struct guards *guards, const struct mac *mac, const struct ip *ip, struct netstate *state)
{
	struct netstate_element element = begin(guards, ip_is_v6(ip) ? NETSTATE_SET_PORT_ADDRESS6 : NETSTATE_SET_PORT_ADDRESS4);

	put(&element, &guards->group, sizeof(guards->group));
	put(&element, mac, sizeof(*mac));
	put(&element, ip->bytes_be, ip_length(ip));
	return netstate_add_element(state, &element);
}

/* The addresses that a guest makes of its Ethernet address (RFC 4291, appendix A), one in each prefix of 64 bits. */
static int add_made(const struct guards *guards, const struct mac *mac, struct netstate *state)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < guards->n_addresses; i++) {
		const struct network_address *address = &guards->addresses[i];
		struct ip ip = ip_link_local(mac);

		if (!ip_is_v6(&address->ip) || address->prefix_length != 64)
			continue;
		memcpy(ip.bytes_be, address->ip.bytes_be, 8);
		if (memcmp(&ip, &address->ip, sizeof(ip)) != 0)
			r = add_address(guards, mac, &ip, state);
	}
	return r;
}

/*
 * The Ethernet address that a lease belongs to. Of DHCPv6 the file has the DUID alone; of the types LLT and LL it ends
 * with the address (RFC 8415, section 11). False when it does not say.
 */
bool guards_find_mac(const struct lease *lease, struct mac *ret_mac)
{
	const char *rest;
	size_t length;

	if (ip_is_v4(&lease->address)) {
		*ret_mac = lease->mac;
		return true;
	}
	if (str_has_prefix(lease->client_id, "00:01:00:01:", &rest))
		length = strlen("11:22:33:44:");
	else if (str_has_prefix(lease->client_id, "00:03:00:01:", &rest))
		length = 0;
	else
		return false;
	return strlen(rest) > length && mac_parse(rest + length, ret_mac) == 0;
}

static int add_leases(const struct guards *guards, struct netstate *state)
{
	int r = 0;

	for (size_t i = 0; r == 0 && guards->leases && i < guards->leases->n; i++) {
		const struct lease *lease = &guards->leases->items[i];
		struct mac mac;

		if (!guards_find_mac(lease, &mac))
			continue;
		r = add_address(guards, &mac, &lease->address, state);
		if (r == 0)
			r = add_made(guards, &mac, state);
	}
	return r;
}

static int add_hosts(const struct guards *guards, struct netstate *state)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < guards->network->n_hosts; i++) {
		const struct network_host *host = &guards->network->hosts[i];

		if (!host->has_mac)
			continue;
		r = add_made(guards, &host->mac, state);
		for (int v6 = 0; r == 0 && v6 < 2; v6++)
			if (host->addresses[v6].family)
				r = add_address(guards, &host->mac, &host->addresses[v6], state);
	}
	return r;
}

static int add_addresses(const struct guards *guards, struct netstate *state)
{
	struct netstate_element gateway = begin(guards, NETSTATE_SET_PORT_GATEWAY6);
	struct ip link_local = ip_link_local(&guards->mac);
	int r;

	put(&gateway, &guards->group, sizeof(guards->group));
	put(&gateway, link_local.bytes_be, ip_length(&link_local));
	r = add_group(guards, NETSTATE_SET_PORT_LEASED, state);
	if (r == 0)
		r = netstate_add_element(state, &gateway);
	if (r == 0)
		r = add_hosts(guards, state);
	if (r == 0)
		r = add_leases(guards, state);
	for (size_t i = 0; r == 0 && i < guards->n_bindings; i++)
		if (is_of(guards, &guards->bindings[i]))
			r = add_made(guards, &guards->bindings[i].mac, state);
	return r;
}

/*
 * Adds the elements of a network that guards_are_wanted() for. Some may be in @state twice then: a lease of a known
 * host. -ENOMEM.
 */
int guards_add(const struct guards *guards, struct netstate *state)
{
	const struct network *network = guards->network;
	const struct { bool wanted; enum netstate_set set; } groups[] = {
		{ true, NETSTATE_SET_PORT_GUARDED },
		{ network->ra_guard, NETSTATE_SET_PORT_RA },
		{ network->dhcp_guard, NETSTATE_SET_PORT_DHCP },
		{ network->bpdu_guard, NETSTATE_SET_PORT_BPDU },
	};
	int r = 0;

	state->table.features |= RULESET_PORT;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(groups); i++)
		if (groups[i].wanted)
			r = add_group(guards, groups[i].set, state);
	if (r == 0 && network->mac_binding)
		r = add_bindings(guards, state);
	if (r == 0 && network->address_binding)
		r = add_addresses(guards, state);
	return r;
}

/* Another number for other leases, as far as addresses are bound by them. */
uint64_t guards_hash_leases(const struct leases *leases)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];
	uint64_t hash = 0;

	for (size_t i = 0; leases && i < leases->n; i++) {
		uint8_t bytes[sizeof(uint64_t) + sizeof(struct mac) + 1 + 16];
		struct mac mac;

		if (!guards_find_mac(&leases->items[i], &mac))
			continue;
		memcpy(bytes, &hash, sizeof(hash));
		memcpy(bytes + sizeof(hash), &mac, sizeof(mac));
		bytes[sizeof(hash) + sizeof(mac)] = leases->items[i].address.family;
		memcpy(bytes + sizeof(hash) + sizeof(mac) + 1, leases->items[i].address.bytes_be, 16);
		hash = siphash24(bytes, sizeof(bytes), key);
	}
	return hash;
}
