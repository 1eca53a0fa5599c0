/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From declared networks to the state that the kernel should be in.
 * Pure: no system calls.
 */
#include "desired.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "forwards.h"
#include "guards.h"
#include "ip.h"
#include "reach.h"
#include "routes.h"
#include "ruleset.h"
#include "taps.h"
#include "tunnel.h"

/* One network on its way into the state. Errors latch: the caller tests once. */
struct build {
	const struct network *network;
	const struct subnet_choice *choice, *choices;	/* its own; those of all */
	size_t n_choices;
	const struct desired_options *options;
	struct netstate *state;
	struct mac mac;
	uint32_t group;			/* of its guests' ports; 0: no rule is about them */
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n_addresses;
	int error;
};

/*
 * The bridge's Ethernet address: written, or derived from machine and name, so that guests see the same
 * gateway for ever. 52:54:00 is QEMU's own prefix, with the bit for local administration set.
 */
struct mac desired_mac(const struct network *network, const uint8_t machine_id[static SIPHASH_KEY_SIZE])
{
	struct mac mac = { { 0x52, 0x54, 0x00 } };
	char text[32];
	uint64_t hash;
	int n;

	if (network->mac_given)
		return network->mac;
	/* The gateway of that name is on another host, which may have the same id: machines are cloned. */
	n = snprintf(text, sizeof(text), network_is_stretched(network) ? "mac there %s" : "mac %s", network->name);
	hash = siphash24(text, (size_t)n, machine_id);
	for (unsigned int i = 3; i < 6; i++) {
		mac.bytes[i] = (uint8_t)hash;
		hash >>= 8;
	}
	return mac;
}

static void latch(struct build *build, int r)
{
	if (build->error == 0)
		build->error = r;
}

/* Sorted, as a snapshot has them. */
static void add_altname(struct netstate_bridge *bridge, const char *name)
{
	size_t i = bridge->n_altnames;

	if (strcmp(name, bridge->name) == 0)
		return;
	for (size_t j = 0; j < bridge->n_altnames; j++)
		if (strcmp(name, bridge->altnames[j]) == 0)
			return;
	for (; i > 0 && strcmp(bridge->altnames[i - 1], name) > 0; i--)
		memcpy(bridge->altnames[i], bridge->altnames[i - 1], IFNAME_SIZE);
	memset(bridge->altnames[i], 0, IFNAME_SIZE);
	memcpy(bridge->altnames[i], name, strlen(name));
	bridge->n_altnames++;
}

/* What the options know of the network's card. NULL: nothing, or it has none. */
static const struct uplink *card_of(const struct build *build)
{
	const struct desired_options *options = build->options;

	return network_has_card(build->network) && options->card ? options->card(build->network->name, options->card_data) : NULL;
}

/* To the LAN the bridge is what the card was. STP, where it is wanted, is as quick as the kernel lets it be. */
static void make_lan(struct build *build, struct netstate_bridge *bridge)
{
	const struct uplink *card = card_of(build);

	bridge->lan = true;
	bridge->stp = build->network->stp;
	bridge->forward_delay_cs = bridge->stp ? 200 : 0;
	if (!card)
		return;
	bridge->mac = card->mac;
	bridge->mtu = card->mtu;
	/* Where the card made its link-local address of its own, that one moves, and no other comes. */
	bridge->addr_gen_mode = card->gen_mode ? UPLINK_GEN_NONE : 0;
}

static void add_uplink(struct build *build)
{
	struct netstate_uplink uplink = { .in_place = true };

	memcpy(uplink.network, build->network->name, sizeof(uplink.network));
	memcpy(uplink.bridge, build->network->bridge, sizeof(uplink.bridge));
	memcpy(uplink.nic, build->network->uplinks[0], sizeof(uplink.nic));
	latch(build, netstate_add_uplink(build->state, &uplink));
}

static void add_bridge(struct build *build)
{
	const struct network *network = build->network;
	struct netstate_bridge bridge = {
		.owner = NETSTATE_OURS,
		.up = true,
		.stp = false,			/* on, it keeps each new guest waiting for seconds */
		.address_pinned = true,
		.forward_delay_cs = 0,
		.mtu = network->mtu,
		.mac = build->mac,
		.nf_call = false,
		.addr_gen_mode = 0,		/* IN6_ADDR_GEN_MODE_EUI64: the link-local address can be told in advance */
	};

	if (network_has_card(network) || network_is_stretched(network))
		make_lan(build, &bridge);
	else if (network->mode == NETWORK_BRIDGE)
		bridge = (struct netstate_bridge){ .address_pinned = true, .existing = true };
	bridge.open = network->mode == NETWORK_OPEN;
	bridge.ports_isolated = network->port_isolated;
	bridge.port_group = build->group;
	bridge.port_guards = guards_of(network);
	if (network->proxy_arp)
		memcpy(bridge.proxied, network->uplinks[0], sizeof(bridge.proxied));
	memcpy(bridge.name, network->bridge, sizeof(bridge.name));
	memcpy(bridge.network, network->name, sizeof(bridge.network));
	if (strcmp(network->name, network->bridge) != 0 && !bridge.existing)
		memcpy(bridge.altnames[bridge.n_altnames++], network->name, sizeof(network->name));
	for (size_t i = 0; i < network->n_altnames && !bridge.existing; i++)
		add_altname(&bridge, network->altnames[i]);
	latch(build, netstate_add_bridge(build->state, &bridge));
}

static void add_addresses(struct build *build)
{
	for (size_t i = 0; i < build->n_addresses; i++) {
		struct netstate_address address = {
			.address = build->addresses[i].ip,
			.prefix_length = build->addresses[i].prefix_length,
			.ours = true,
			/* subnet_addresses() has them last. Of a delegated one another one is not chosen. */
			.chosen = i >= build->network->n_addresses && !subnet_is_delegated(build->choice, &build->addresses[i]),
		};

		address.moves = address.chosen && build->network->renumber != NETWORK_RENUMBER_NEVER;
		address.moves_guests = address.moves && build->network->renumber == NETWORK_RENUMBER_ALWAYS;
		memcpy(address.link, build->network->bridge, sizeof(address.link));
		latch(build, netstate_add_address(build->state, &address));
	}
}

/* One whose owner is not known is not made. */
static void add_taps(struct build *build)
{
	for (size_t i = 0; i < build->network->n_taps; i++) {
		const struct network_tap *tap = &build->network->taps[i];
		struct netstate_tap item;

		if (!taps_is_known(tap))
			continue;
		memset(&item, 0, sizeof(item));
		memcpy(item.name, tap->name, sizeof(item.name));
		memcpy(item.network, build->network->name, sizeof(item.network));
		memcpy(item.bridge, build->network->bridge, sizeof(item.bridge));
		item.uid = tap->uid;
		item.gid = tap->gid;
		item.ours = item.persist = true;
		item.multi_queue = tap->multi_queue;
		latch(build, netstate_add_tap(build->state, &item));
	}
}

/* Set elements. Keys as the kernel has them: an interface's name in 16 bytes, an address behind it. */

/* The table gets what a set belongs to with its first element. */
static void add_any_element(struct build *build, struct netstate_element *element)
{
	memcpy(element->network, build->network->name, sizeof(element->network));
	build->state->table.features |= ruleset_set_feature(element->set);
	latch(build, netstate_add_element(build->state, element));
}

static void add_element(struct build *build, enum netstate_set set, uint8_t prefix_length, bool with_name,
			const void *rest, size_t n_rest)
{
	struct netstate_element element = { .set = (uint8_t)set, .prefix_length = prefix_length };
	size_t n = with_name ? IFNAME_SIZE : 0;

	if (with_name)
		memcpy(element.key, build->network->bridge, IFNAME_SIZE);
	if (n_rest > 0)
		memcpy(element.key + n, rest, n_rest);
	element.key_length = (uint8_t)(n + n_rest);
	add_any_element(build, &element);
}

static void add_name_element(struct build *build, enum netstate_set set)
{
	add_element(build, set, 0, true, NULL, 0);
}

/* Can guests be reached at their own addresses of this family? */
static bool is_routed(const struct network *network, bool v6)
{
	return network->mode == NETWORK_ROUTE || (network->mode == NETWORK_NAT && v6 && !network->nat66);
}

static void add_prefix(struct build *build, const struct network_address *address)
{
	bool v6 = ip_is_v6(&address->ip), inside = build->network->mode == NETWORK_ISOLATED;
	struct ip prefix = ip_mask(&address->ip, address->prefix_length);
	enum netstate_set set;

	/* An isolated network has no source to leave from; what is inside may only reach the host. */
	if (v6)
		set = inside ? NETSTATE_SET_INSIDE6 : NETSTATE_SET_SOURCE6;
	else
		set = inside ? NETSTATE_SET_INSIDE4 : NETSTATE_SET_SOURCE4;
	add_element(build, set, address->prefix_length, true, prefix.bytes_be, ip_length(&prefix));
	if (v6)
		ruleset_add_prefix6(&build->state->table, address->prefix_length);
	else
		ruleset_add_prefix4(&build->state->table, address->prefix_length);
	if (is_routed(build->network, v6))
		add_element(build, v6 ? NETSTATE_SET_ROUTED6 : NETSTATE_SET_ROUTED4, address->prefix_length, true,
			    prefix.bytes_be, ip_length(&prefix));
}

static void add_address_elements(struct build *build, const struct network_address *address)
{
	bool v6 = ip_is_v6(&address->ip);

	add_prefix(build, address);
	add_element(build, v6 ? NETSTATE_SET_LOCAL6 : NETSTATE_SET_LOCAL4, 0, true, address->ip.bytes_be,
		    ip_length(&address->ip));
	if (!v6 && build->network->mode == NETWORK_NAT)
		add_element(build, NETSTATE_SET_GATEWAY4, 0, false, address->ip.bytes_be, 4);
}

static bool has_family(const struct build *build, bool v6)
{
	for (size_t i = 0; i < build->n_addresses; i++)
		if (ip_is_v6(&build->addresses[i].ip) == v6)
			return true;
	return false;
}

static void put_u16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

/* What guests leave as, where that is not the way out's own to say. */
static void add_nat_elements(struct build *build)
{
	const struct network *network = build->network;
	const uint16_t *ports = network->nat_ports;

	for (int v6 = 0; v6 < 2; v6++) {
		struct netstate_element element = {
			.set = v6 ? NETSTATE_SET_NATADDR6 : NETSTATE_SET_NATADDR4, .key_length = IFNAME_SIZE,
			.data_length = ruleset_set_data_length(v6 ? NETSTATE_SET_NATADDR6 : NETSTATE_SET_NATADDR4),
		};
		size_t n = v6 ? 16 : 4;
		uint8_t *data;

		if (!network->nat_first[v6].family)
			continue;
		memcpy(element.key, network->bridge, IFNAME_SIZE);
		data = netstate_element_data(&element);
		memcpy(data, network->nat_first[v6].bytes_be, n);
		put_u16(data + n, ports[0] ? ports[0] : 1024);
		memcpy(data + n + 4, network->nat_last[v6].bytes_be, n);
		put_u16(data + 2 * n + 4, ports[1] ? ports[1] : UINT16_MAX);
		add_any_element(build, &element);
	}
	if (ports[0]) {
		struct netstate_element element = { .set = NETSTATE_SET_NATPORTS, .key_length = IFNAME_SIZE, .data_length = 8 };

		memcpy(element.key, network->bridge, IFNAME_SIZE);
		put_u16(netstate_element_data(&element), ports[0]);
		put_u16(netstate_element_data(&element) + 4, ports[1]);
		add_any_element(build, &element);
	}
}

/* One port of a forward, in one family. */
static void add_forward_element(struct build *build, const struct network_forward *forward, const struct ip *guest,
				unsigned int n)
{
	bool v6 = ip_is_v6(guest), at = forward->listen.family;
	struct netstate_element element = {
		.set = at ? (v6 ? NETSTATE_SET_FORWARD_AT6 : NETSTATE_SET_FORWARD_AT4) :
			    (v6 ? NETSTATE_SET_FORWARD6 : NETSTATE_SET_FORWARD4),
	};
	uint16_t to = (uint16_t)((forward->to[0] ? forward->to[0] : forward->ports[0]) + n);
	size_t length = ip_length(guest), before = at ? length : 0;

	element.key_length = ruleset_set_key_length(element.set);
	element.data_length = ruleset_set_data_length(element.set);
	memcpy(element.key, forward->listen.bytes_be, before);
	element.key[before] = forward->protocol;
	put_u16(element.key + before + 4, (uint16_t)(forward->ports[0] + n));
	memcpy(netstate_element_data(&element), guest->bytes_be, length);
	put_u16(netstate_element_data(&element) + length, to);
	add_any_element(build, &element);
}

static void add_forward_elements(struct build *build)
{
	const struct network *network = build->network;
	const struct desired_options *options = build->options;
	const struct leases *leases = options->leases ? options->leases(network->name, options->leases_data) : NULL;

	for (size_t i = 0; i < network->n_forwards; i++)
		for (int v6 = 0; v6 < 2; v6++) {
			const struct network_forward *forward = &network->forwards[i];
			struct ip guest;

			if (forward->lost || (forward->listen.family && ip_is_v6(&forward->listen) != v6) ||
			    !forward_find_guest(network, forward, leases, v6, &guest) ||
			    !forward_is_inside(network, build->addresses, build->n_addresses, &guest))
				continue;
			for (unsigned int n = 0; n <= (unsigned int)(forward->ports[1] - forward->ports[0]); n++)
				add_forward_element(build, forward, &guest, n);
		}
	/* The rules of forwards are there before the first guest is known: no flow begins in between. */
	if (network->n_forwards > 0)
		build->state->table.features |= RULESET_FORWARD;
}

static void add_reach_elements(struct build *build)
{
	const struct desired_options *options = build->options;
	const struct leases *leases;

	if (build->network->n_reach == 0)
		return;
	leases = options->leases ? options->leases(build->network->name, options->leases_data) : NULL;
	latch(build, reach_add(build->network, leases, build->state));
}

static void add_guard_elements(struct build *build)
{
	const struct desired_options *options = build->options;
	const struct guards guards = {
		.network = build->network, .group = build->group, .mac = build->mac,
		.addresses = build->addresses, .n_addresses = build->n_addresses,
		.leases = options->leases ? options->leases(build->network->name, options->leases_data) : NULL,
		.bindings = options->bindings, .n_bindings = options->n_bindings,
	};

	if (guards_are_wanted(build->network))
		latch(build, guards_add(&guards, build->state));
}

/* Traffic from this network to one that wants it, too. Few networks have peers. */
static void add_peer_elements(struct build *build, const struct network *const networks[], size_t n_networks)
{
	const struct network *network = build->network;

	for (size_t i = 0; network->n_peers > 0 && i < n_networks; i++)
		if (network_has_peer(network, networks[i]->name) && network_has_peer(networks[i], network->name))
			add_element(build, NETSTATE_SET_PEER, 0, true, networks[i]->bridge, IFNAME_SIZE);
}

/* A card that another network made a port of its bridge: the host's routes lead out by that bridge, for as long as it is there. */
static void add_bridges_of_card(struct build *build, const char *card, const struct network *const networks[], size_t n_networks)
{
	for (size_t i = 0; i < n_networks; i++)
		for (size_t j = 0; network_has_card(networks[i]) && j < networks[i]->n_uplinks; j++)
			if (strcmp(networks[i]->uplinks[j], card) == 0)
				add_element(build, NETSTATE_SET_UPLINK, 0, true, networks[i]->bridge, IFNAME_SIZE);
}

/* One that is there twice is removed in the end. */
static void add_uplink_elements(struct build *build, const struct network *const networks[], size_t n_networks)
{
	const struct network *network = build->network;

	if (network->n_uplinks > 0)
		add_name_element(build, NETSTATE_SET_UPLINKED);
	for (size_t i = 0; i < network->n_uplinks; i++) {
		add_element(build, NETSTATE_SET_UPLINK, 0, true, network->uplinks[i], IFNAME_SIZE);
		add_bridges_of_card(build, network->uplinks[i], networks, n_networks);
	}
}

/* What is behind guests has their sources, and their ways. */
static void add_route_prefixes(struct build *build)
{
	const struct network *network = build->network;

	for (size_t i = 0; i < network->n_routes; i++) {
		const struct network_address behind = {
			.ip = network->routes[i].destination, .prefix_length = network->routes[i].prefix_length,
		};

		if (!routes_is_repeated(network, i) &&
		    !routes_is_chosen(network, &network->routes[i], build->choices, build->n_choices))
			add_prefix(build, &behind);
	}
}

static void add_routes(struct build *build)
{
	for (size_t i = 0; i < build->network->n_routes; i++) {
		const struct netstate_route route = routes_build(&build->network->routes[i], build->network->bridge);

		latch(build, netstate_add_route(build->state, &route));
	}
}

static void add_elements(struct build *build, const struct network *const networks[], size_t n_networks)
{
	const struct network *network = build->network;
	struct ip link_local = ip_link_local(&build->mac);

	add_name_element(build, NETSTATE_SET_BRIDGES);
	/* Guests that are kept from each other do not get there by way of the gateway either. */
	if (!network->port_isolated)
		add_element(build, NETSTATE_SET_SAME, 0, true, network->bridge, IFNAME_SIZE);
	for (size_t i = 0; i < build->n_addresses; i++)
		add_address_elements(build, &build->addresses[i]);
	add_route_prefixes(build);
	/* Router advertisements name this one as the gateway and as the DNS server. */
	add_element(build, NETSTATE_SET_LOCAL6, 0, true, link_local.bytes_be, 16);
	if (network->mode == NETWORK_NAT) {
		add_name_element(build, NETSTATE_SET_NAT);
		if (has_family(build, true) && network->nat66)
			add_name_element(build, NETSTATE_SET_NAT6);
		add_nat_elements(build);
	}
	add_uplink_elements(build, networks, n_networks);
	add_forward_elements(build);
	if (network->host_access == HOST_ACCESS_ALL)
		add_name_element(build, NETSTATE_SET_HOSTOPEN);
	if (network->host_access == HOST_ACCESS_NONE)
		add_name_element(build, NETSTATE_SET_HOSTCLOSED);
}

/* Sysctls */

static int add_sysctl(struct netstate *state, const char *directory, const char *name, int value)
{
	struct netstate_sysctl sysctl = { .value = value };

	snprintf(sysctl.path, sizeof(sysctl.path), "%s/%s", directory, name);
	return netstate_add_sysctl(state, &sysctl);
}

static void add_sysctls(struct build *build)
{
	char directory[32];

	/* A guest is no router of ours. */
	snprintf(directory, sizeof(directory), "ipv6/conf/%s", build->network->bridge);
	latch(build, add_sysctl(build->state, directory, "accept_ra", 0));
	/*
	 * Nobody was there before the bridge. While its link-local address waits to be sure of that, router
	 * advertisements leave from another one, and guests drop those (RFC 4861, section 6.1.2).
	 */
	latch(build, add_sysctl(build->state, directory, "accept_dad", 0));
	/*
	 * Forwards that the host reaches at 127.0.0.1 leave by the bridge. Where guests reach all of the host, what
	 * listens at 127.0.0.1 is not to be reached without a forward; elsewhere the rules see to it.
	 */
	if (build->network->n_forwards > 0 || build->network->host_access == HOST_ACCESS_ALL) {
		snprintf(directory, sizeof(directory), "ipv4/conf/%s", build->network->bridge);
		latch(build, add_sysctl(build->state, directory, "route_localnet", build->network->n_forwards > 0));
	}
}

/* Another network may have asked for it; those are not sorted yet. */
static bool has_sysctl(const struct netstate *state, const char *path)
{
	for (size_t i = 0; i < state->n_sysctls; i++)
		if (strcmp(state->sysctls[i].path, path) == 0)
			return true;
	return false;
}

/*
 * Without this the kernel answers nobody's NDP for others; with it, for those alone that are in its list of proxies
 * (net/ipv6/ndisc.c:ndisc_recv_ns()). ARP needs no such word.
 */
static void add_proxy_sysctls(struct build *build)
{
	struct netstate_sysctl sysctl = { .value = 1, .when = SYSCTL_IF_THERE };

	for (size_t i = 0; i < build->n_addresses; i++) {
		/* The kernel allows names that would be two steps of a path here. */
		if (!ip_is_v6(&build->addresses[i].ip) || strstr(build->network->uplinks[0], ".."))
			continue;
		snprintf(sysctl.path, sizeof(sysctl.path), "ipv6/conf/%s/proxy_ndp", build->network->uplinks[0]);
		if (!has_sysctl(build->state, sysctl.path))
			latch(build, netstate_add_sysctl(build->state, &sysctl));
		return;
	}
}

/*
 * Router advertisements are for the bridge what they were for the card. Where they counted, they count although the host may
 * forward: it may do so for other networks (accept_ra 2 is 1 without forwarding). Where the host forwarded before, 1 is what it was.
 */
static void add_card_sysctls(struct build *build)
{
	const struct uplink *card = card_of(build);
	char directory[32];

	if (!card || card->accept_ra < 0)
		return;
	snprintf(directory, sizeof(directory), "ipv6/conf/%s", build->network->bridge);
	latch(build, add_sysctl(build->state, directory, "accept_ra", card->accept_ra == 0 ? 0 : card->ra_ignored ? 1 : 2));
	latch(build, add_sysctl(build->state, directory, "accept_dad", 0));
}

/* Forwarding belongs to all networks that need it, and so does the guard that one of them asks for. */

static int add_guard(struct netstate *state, uint8_t nfproto)
{
	struct netstate_element element = { .set = NETSTATE_SET_GUARD, .key_length = 1, .key = { nfproto } };

	state->table.features |= RULESET_GUARD;
	return netstate_add_element(state, &element);
}

/* A guard is about what is none of ours; no other rule would know that a network that is open is. */
static int add_open(struct netstate *state)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < state->n_bridges; i++) {
		struct netstate_element element = { .set = NETSTATE_SET_OPEN, .key_length = IFNAME_SIZE };

		if (!state->bridges[i].open)
			continue;
		memcpy(element.key, state->bridges[i].name, IFNAME_SIZE);
		memcpy(element.network, state->bridges[i].network, sizeof(element.network));
		state->table.features |= RULESET_OPEN;
		r = netstate_add_element(state, &element);
	}
	return r;
}

static int add_forwarding(struct netstate *state, const struct desired_options *options, const struct families *need,
			  const struct families *guard)
{
	static const struct forwarding nothing;
	const struct forwarding *forwarding = options->forwarding ? options->forwarding : &nothing;
	const struct families guarded = forwarding_guarded(forwarding, guard);
	int r = 0;

	if (guarded.v4)
		r = add_guard(state, RULESET_NFPROTO_4);
	if (r == 0 && guarded.v6)
		r = add_guard(state, RULESET_NFPROTO_6);
	if (r == 0 && (guarded.v4 || guarded.v6))
		r = add_open(state);
	netstate_sort(state);
	return r ? r : forwarding_add_sysctls(forwarding, need, state);
}

/* The service, and the rule that completes its replies' checksums. */

/* Are IPv4 addresses given out by DHCP on this network? */
bool desired_needs_checksum(const struct network *network, const struct subnet_choice *choice)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n;

	if (!network->dhcp || !dnsmasq_is_wanted(network))
		return false;
	n = subnet_addresses(network, choice, addresses);
	for (size_t i = 0; i < n; i++)
		if (!ip_is_v6(&addresses[i].ip))
			return true;
	return false;
}

/* The way that a network's file asks for, or the first one; CHECKSUM_OFF when it is not among @possible. */
enum checksum_strategy desired_checksum(const struct network *network, uint8_t possible)
{
	static const uint8_t asked[NETWORK_CHECKSUM_MAX_] = {
		[NETWORK_CHECKSUM_AUTO] = 1 << CHECKSUM_NFT | 1 << CHECKSUM_TC | 1 << CHECKSUM_QUEUE,
		[NETWORK_CHECKSUM_NFT] = 1 << CHECKSUM_NFT,
		[NETWORK_CHECKSUM_TC] = 1 << CHECKSUM_TC,
		[NETWORK_CHECKSUM_QUEUE] = 1 << CHECKSUM_QUEUE,
	};

	for (enum checksum_strategy strategy = CHECKSUM_NFT; strategy < CHECKSUM_MAX_; strategy++)
		if (asked[network->checksum] & possible & 1 << strategy)
			return strategy;
	return CHECKSUM_OFF;
}

static void add_service(struct build *build)
{
	const struct network *network = build->network;
	struct netstate_service service = { .running = true };
	struct netstate_checksum checksum = { 0 };
	struct dnsmasq_options options = build->options->dnsmasq;
	char buffer[DNSMASQ_TEXT_SIZE];
	struct text text;

	if (!dnsmasq_is_wanted(network))
		return;
	if (build->options->withheld)
		options.withheld = build->options->withheld(network->name, build->options->withheld_data);
	if (options.withheld & SERVICE_ALL)
		return;
	text_init(&text, buffer, sizeof(buffer));
	latch(build, dnsmasq_build(network, build->choice, &options, &text));
	memcpy(service.network, network->name, sizeof(service.network));
	memcpy(service.bridge, network->bridge, sizeof(service.bridge));
	service.config_hash = dnsmasq_hash(&text);
	latch(build, dnsmasq_hash_files(network, &service.data_hash));
	latch(build, netstate_add_service(build->state, &service));

	checksum.strategy = (uint8_t)desired_checksum(network, build->options->checksums);
	if (checksum.strategy != CHECKSUM_OFF && desired_needs_checksum(network, build->choice)) {
		memcpy(checksum.bridge, network->bridge, sizeof(checksum.bridge));
		latch(build, netstate_add_checksum(build->state, &checksum));
	}
}

/* One that two have added is there once: a known host's lease. */
static void remove_doubles(struct netstate *state)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n_elements; i++) {
		if (n > 0 && netstate_compare_elements(&state->elements[n - 1], &state->elements[i]) == 0)
			continue;
		if (i != n)
			memcpy(&state->elements[n], &state->elements[i], sizeof(*state->elements));
		n++;
	}
	state->n_elements = n;
}

/* As desired_build(), but for the table's fingerprint: for what is to be part of another state. */
int desired_build_part(const struct network *const networks[], size_t n_networks,
		  const struct subnet_choice *choices, size_t n_choices,
		  const struct desired_options *options, struct netstate *ret_state)
{
	_cleanup_(netstate_deinit) struct netstate state = NETSTATE_NULL;
	struct families need = { 0 }, guard = { 0 };
	int r;

	state.table.state = n_networks > 0 ? NETSTATE_TABLE_EQUAL : NETSTATE_TABLE_ABSENT;
	for (size_t i = 0; i < n_networks; i++) {
		struct build build = {
			.network = networks[i],
			.choice = subnet_find(choices, n_choices, networks[i]->name),
			.choices = choices,
			.n_choices = n_choices,
			.options = options,
			.state = &state,
			.mac = desired_mac(networks[i], options->machine_id),
		};

		if (guards_are_wanted(networks[i]))
			build.group = guards_choose_group(networks[i]->name, &state);
		build.n_addresses = subnet_addresses(build.network, build.choice, build.addresses);
		add_bridge(&build);
		add_addresses(&build);
		add_routes(&build);
		add_taps(&build);
		if (networks[i]->mode != NETWORK_OPEN && networks[i]->mode != NETWORK_BRIDGE) {
			add_elements(&build, networks, n_networks);
			add_peer_elements(&build, networks, n_networks);
		}
		add_reach_elements(&build);
		add_guard_elements(&build);
		latch(&build, rates_add(networks[i], options->rates, options->rated_ports, options->n_rated_ports, &state));
		if (networks[i]->tunnel)
			latch(&build, tunnel_add(networks[i], networks[i]->mtu, &state));
		if (networks[i]->mode != NETWORK_BRIDGE || networks[i]->tunnel)
			add_sysctls(&build);
		if (networks[i]->proxy_arp)
			add_proxy_sysctls(&build);
		if (network_has_card(networks[i])) {
			add_uplink(&build);
			add_card_sysctls(&build);
		}
		add_service(&build);
		if (build.error < 0)
			return build.error;
		if (networks[i]->mode != NETWORK_ISOLATED) {
			need.v4 |= has_family(&build, false);
			need.v6 |= has_family(&build, true);
			guard.v4 |= networks[i]->forward_guard && has_family(&build, false);
			guard.v6 |= networks[i]->forward_guard && has_family(&build, true);
		}
	}
	r = add_forwarding(&state, options, &need, &guard);
	if (r < 0)
		return r;
	netstate_sort(&state);
	remove_doubles(&state);
	*ret_state = state;
	state = NETSTATE_NULL;
	return 0;
}

/*
 * What the kernel should look like for these networks, all of which are to be up and none of which has a
 * problem. @choices are sorted. The state is sorted and the caller's. -ENOMEM, or -EMSGSIZE when the
 * directories' names are too long.
 */
int desired_build(const struct network *const networks[], size_t n_networks,
		  const struct subnet_choice *choices, size_t n_choices,
		  const struct desired_options *options, struct netstate *ret_state)
{
	int r = desired_build_part(networks, n_networks, choices, n_choices, options, ret_state);

	if (r == 0 && n_networks > 0)
		ret_state->table.fingerprint = ruleset_fingerprint(&ret_state->table);
	return r;
}
