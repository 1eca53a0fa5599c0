/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to a guest.
 * Pure: no system calls.
 *
 * A guest is named by its address, by its Ethernet address or by its name. The latter two are looked for among
 * the known hosts of the network's file, then among the leases: the forward follows the guest. A name that is that of a
 * known host is nobody else's, whatever another guest calls itself.
 */
#include "forwards.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ip.h"
#include "siphash.h"

/*
 * Has an unprivileged user written it: does it stand in the file of the user's own network, and not in one of its drop-ins, which
 * are an administrator's?
 */
bool forward_is_users(const struct network *network, const struct network_forward *forward)
{
	uint32_t owner;

	return forward->place.file == 0 && name_find_owner(network->name, &owner);
}

/* Have they a port in common, at whatever addresses? */
bool forward_meets(const struct network_forward *a, const struct network_forward *b)
{
	return a->protocol == b->protocol && a->ports[0] <= b->ports[1] && b->ports[0] <= a->ports[1];
}

/* A DUID of the types LLT and LL ends with the Ethernet address (RFC 8415, section 11). */
static bool has_mac(const struct lease *lease, const struct mac *mac)
{
	size_t length = strlen(lease->client_id);
	char text[32];

	if (ip_is_v4(&lease->address))
		return memcmp(&lease->mac, mac, sizeof(*mac)) == 0;
	snprintf(text, sizeof(text), MAC_FORMAT, MAC_BYTES(*mac));
	return length > strlen(text) && strcasecmp(lease->client_id + length - strlen(text), text) == 0;
}

static const struct network_host *find_host(const struct network *network, const struct network_forward *forward)
{
	for (size_t i = 0; i < network->n_hosts; i++) {
		const struct network_host *host = &network->hosts[i];

		if (forward->guest == FORWARD_TO_MAC ? host->has_mac && memcmp(&host->mac, &forward->mac, sizeof(host->mac)) == 0 :
		    strcasecmp(host->name, forward->name) == 0)
			return host;
	}
	return NULL;
}

static bool find_lease(const struct leases *leases, const struct mac *mac, const char *name, bool v6, struct ip *ret_address)
{
	for (size_t i = 0; leases && i < leases->n; i++) {
		const struct lease *lease = &leases->items[i];

		if (ip_is_v6(&lease->address) != v6 || !(mac ? has_mac(lease, mac) : strcasecmp(lease->name, name) == 0))
			continue;
		*ret_address = lease->address;
		return true;
	}
	return false;
}

/* Where the forward leads now, in this family. False when the guest has no such address (yet). */
bool forward_find_guest(const struct network *network, const struct network_forward *forward, const struct leases *leases,
			bool v6, struct ip *ret_address)
{
	const struct network_host *host;

	if (forward->guest == FORWARD_TO_ADDRESS) {
		*ret_address = forward->address;
		return ip_is_v6(&forward->address) == v6;
	}
	host = find_host(network, forward);
	if (host && host->addresses[v6].family) {
		*ret_address = host->addresses[v6];
		return true;
	}
	if (forward->guest == FORWARD_TO_MAC)
		return find_lease(leases, &forward->mac, NULL, v6, ret_address);
	/* A DUID need not have the Ethernet address in it. */
	if (host && host->has_mac)
		return find_lease(leases, &host->mac, NULL, v6, ret_address) ||
		       (v6 && find_lease(leases, NULL, forward->name, v6, ret_address));
	return find_lease(leases, NULL, forward->name, v6, ret_address);
}

/* Does the network lead to this address: is it a guest's, or behind one? @addresses: as subnet_addresses() says. */
bool forward_is_inside(const struct network *network, const struct network_address *addresses, size_t n_addresses, const struct ip *ip)
{
	for (size_t i = 0; i < n_addresses; i++)
		if (ip_overlaps(&addresses[i].ip, addresses[i].prefix_length, ip, ip_bits(ip)))
			return true;
	for (size_t i = 0; i < network->n_routes; i++)
		if (ip_overlaps(&network->routes[i].destination, network->routes[i].prefix_length, ip, ip_bits(ip)))
			return true;
	return false;
}

/*
 * Where the forward of a network that is up leads now: its addresses, separated by blanks. When there is none, or not all that
 * are known can be used, @why says so.
 */
void forward_explain(const struct network *network, const struct network_forward *forward, const struct leases *leases,
		     const struct network_address *addresses, size_t n_addresses, struct text *now, struct text *why)
{
	struct ip guest;

	if (forward->lost) {
		text_add(why, "the port is another's");
		return;
	}
	for (int v6 = 0; v6 < 2; v6++) {
		if ((forward->listen.family && ip_is_v6(&forward->listen) != v6) || !forward_find_guest(network, forward, leases, v6, &guest))
			continue;
		if (forward_is_inside(network, addresses, n_addresses, &guest))
			text_add(now, "%s%s", now->length ? " " : "", IP_TEXT(&guest));
		else
			text_add(why, "%s%s is no address of this network", why->length ? ", " : "", IP_TEXT(&guest));
	}
	if (!now->length && !why->length)
		text_add(why, "no lease and no [Host] says what %saddress that guest has",
			 !forward->listen.family ? "" : ip_is_v6(&forward->listen) ? "IPv6 " : "IPv4 ");
}

/* As in the file: "web:80", "[fd00::5]:80-89", "10.0.0.5". */
void forward_print_to(const struct network_forward *forward, struct text *text)
{
	const bool brackets = forward->guest == FORWARD_TO_ADDRESS && ip_is_v6(&forward->address) && forward->to[0];

	switch ((enum forward_guest)forward->guest) {
	case FORWARD_TO_NOBODY: break;
	case FORWARD_TO_ADDRESS: text_add(text, brackets ? "[%s]" : "%s", IP_TEXT(&forward->address)); break;
	case FORWARD_TO_MAC: text_add(text, MAC_FORMAT, MAC_BYTES(forward->mac)); break;
	case FORWARD_TO_NAME: text_add(text, "%s", forward->name); break;
	}
	if (forward->to[0]) {
		text_add(text, ":");
		text_add_range(text, forward->to[0], forward->to[1]);
	}
}

/* As in the file: "tcp:8080", "udp:192.0.2.1:53-54". */
void forward_print_listen(const struct network_forward *forward, struct text *text)
{
	text_add(text, "%s:", forward->protocol == IPPROTO_TCP ? "tcp" : "udp");
	if (forward->listen.family)
		text_add(text, ip_is_v6(&forward->listen) ? "[%s]:" : "%s:", IP_TEXT(&forward->listen));
	text_add_range(text, forward->ports[0], forward->ports[1]);
}

/* Tells where all of a network's forwards lead from where they led. */
uint64_t forwards_hash(const struct network *network, const struct leases *leases)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];
	uint64_t hash = 0;

	for (size_t i = 0; i < network->n_forwards; i++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct { uint64_t before; struct ip ip; } item = { .before = hash };
			uint8_t bytes[sizeof(uint64_t) + 17];

			if (network->forwards[i].lost || !forward_find_guest(network, &network->forwards[i], leases, v6, &item.ip))
				memset(&item.ip, 0, sizeof(item.ip));
			memcpy(bytes, &item.before, sizeof(uint64_t));
			bytes[8] = item.ip.family;
			memcpy(bytes + 9, item.ip.bytes_be, 16);
			hash = siphash24(bytes, sizeof(bytes), key);
		}
	return hash;
}
