/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network that other hosts have a part of: the section [Tunnel] of its file.
 * Pure: no system calls.
 *
 * Theory of operation. The network's bridge has one more port, a device of the kind VXLAN (RFC 7348), which carries frames to
 * other hosts in UDP. To which of them, its forwarding table says: an entry for each Ethernet address, learnt from what
 * arrives, and for all that is not known, and for broadcast, a list of all hosts, under the address 0. That list is the
 * file's Remote=, or its Group= alone, which all hosts hear. Without any, the table is somebody else's (EVPN), and nothing in it
 * is touched.
 *
 * What arrives by the tunnel is not sent into it again, as by any port of a bridge: hosts that all know each other are no loop.
 * A second way between them is one; so a bridge with a tunnel has no network card.
 */
#include "tunnel.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "forwards.h"
#include "ip.h"

#define DEFAULT_PORT	4789	/* IANA's; the kernel's own, 8472, is older */
#define ETHERNET_MTU	1500

/* The section begins. Several are one. -ENOMEM. */
int tunnel_begin(struct network *network, struct network_place place)
{
	if (network->tunnel)
		return 0;
	network->tunnel = calloc(1, sizeof(*network->tunnel));
	if (!network->tunnel)
		return -ENOMEM;
	network->tunnel->place = place;
	network->tunnel->port = DEFAULT_PORT;
	network->tunnel->mac_learning = true;
	return 0;
}

int tunnel_parse_vni(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	uint32_t vni;

	if (str_parse_u32(value, 16777215, &vni) < 0 || vni == 0)
		return -EINVAL;
	network->tunnel->vni = vni;
	return 0;
}

void tunnel_reset_vni(struct network *network)
{
	if (network->tunnel)
		network->tunnel->vni = 0;
}

int tunnel_parse_remote(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_tunnel *tunnel = network->tunnel;
	struct ip ip;

	if (ip_parse(value, &ip) < 0 || !ip_is_usable(&ip))
		return -EINVAL;
	for (size_t i = 0; i < tunnel->n_remotes; i++)
		if (memcmp(&tunnel->remotes[i], &ip, sizeof(ip)) == 0) {
			snprintf(why, KEY_WHY_SIZE, "; it is there already");
			return -EINVAL;
		}
	if (tunnel->n_remotes == LIMIT_NETWORK_REMOTES) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d hosts", LIMIT_NETWORK_REMOTES);
		return -EINVAL;
	}
	tunnel->remotes[tunnel->n_remotes++] = ip;
	return 0;
}

void tunnel_reset_remote(struct network *network)
{
	if (network->tunnel)
		network->tunnel->n_remotes = 0;
}

static bool is_multicast(const struct ip *ip)
{
	return ip_is_v4(ip) ? ip->bytes_be[0] >> 4 == 0xe : ip_is_v6(ip) && ip->bytes_be[0] == 0xff;
}

int tunnel_parse_group(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	struct ip ip;

	if (ip_parse(value, &ip) < 0 || !is_multicast(&ip))
		return -EINVAL;
	network->tunnel->group = ip;
	return 0;
}

void tunnel_reset_group(struct network *network)
{
	if (network->tunnel)
		network->tunnel->group = (struct ip){ 0 };
}

int tunnel_parse_interface(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	if (!ifname_is_valid(value))
		return -EINVAL;
	memset(network->tunnel->interface, 0, IFNAME_SIZE);
	memcpy(network->tunnel->interface, value, strlen(value));
	return 0;
}

void tunnel_reset_interface(struct network *network)
{
	if (network->tunnel)
		memset(network->tunnel->interface, 0, IFNAME_SIZE);
}

int tunnel_parse_local(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	struct ip ip;

	if (ip_parse(value, &ip) < 0 || !ip_is_usable(&ip))
		return -EINVAL;
	network->tunnel->local = ip;
	return 0;
}

void tunnel_reset_local(struct network *network)
{
	if (network->tunnel)
		network->tunnel->local = (struct ip){ 0 };
}

int tunnel_parse_port(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	uint32_t port;

	if (str_parse_u32(value, UINT16_MAX, &port) < 0 || port == 0)
		return -EINVAL;
	network->tunnel->port = (uint16_t)port;
	return 0;
}

void tunnel_reset_port(struct network *network)
{
	if (network->tunnel)
		network->tunnel->port = DEFAULT_PORT;
}

int tunnel_parse_mac_learning(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->tunnel->mac_learning);
}

void tunnel_reset_mac_learning(struct network *network)
{
	if (network->tunnel)
		network->tunnel->mac_learning = true;
}

int tunnel_parse_ttl(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	uint32_t ttl;

	if (str_parse_u32(value, UINT8_MAX, &ttl) < 0 || ttl == 0)
		return -EINVAL;
	network->tunnel->ttl = (uint8_t)ttl;
	return 0;
}

void tunnel_reset_ttl(struct network *network)
{
	if (network->tunnel)
		network->tunnel->ttl = 0;
}

/* What the device is called: one of a network's name, so nobody has to choose it, and all tools can. */
void tunnel_name(const struct network *network, char ret_name[static IFNAME_SIZE])
{
	_Static_assert(NETWORK_NAME_SIZE + sizeof(NETSTATE_TUNNEL_PREFIX) - 1 <= IFNAME_SIZE, "it is an interface's name");
	memset(ret_name, 0, IFNAME_SIZE);
	snprintf(ret_name, IFNAME_SIZE, NETSTATE_TUNNEL_PREFIX "%s", network->name);
}

/* What it goes through: all of its addresses are of one family. Without any it is IPv4, as the kernel has it. */
bool tunnel_is_v6(const struct network_tunnel *tunnel)
{
	return tunnel->n_remotes > 0 ? ip_is_v6(&tunnel->remotes[0]) : ip_is_v6(&tunnel->local);
}

/* Bytes that a packet of the network gets longer: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40. */
uint32_t tunnel_overhead(bool v6)
{
	return v6 ? 70 : 50;
}

/* A tunnel that leads through its own network leads nowhere. */
static int verify_remote(const struct network *network, const struct ip *remote, struct mistakes *mistakes)
{
	const struct network_tunnel *tunnel = network->tunnel;
	const struct network_place place = network_find_place(network, KEY_TUNNEL_REMOTE);

	if (ip_is_v6(remote) != tunnel_is_v6(tunnel) || (tunnel->local.family && tunnel->local.family != remote->family))
		return network_failure(network, place, mistakes, "[Tunnel] Remote=%s is of another family than the other addresses of the section",
				      IP_TEXT(remote));
	if (memcmp(remote, &tunnel->local, sizeof(*remote)) == 0)
		return network_failure(network, place, mistakes, "[Tunnel] Remote=%s is Local=, too: want the addresses of the other hosts",
				      IP_TEXT(remote));
	for (size_t i = 0; i < network->n_addresses; i++)
		if (ip_overlaps(&network->addresses[i].ip, network->addresses[i].prefix_length, remote, ip_bits(remote)))
			return network_failure(network, place, mistakes, "[Tunnel] Remote=%s lies inside of Address=%s/%u: the tunnel would lead through itself",
					      IP_TEXT(remote), IP_TEXT(&network->addresses[i].ip), network->addresses[i].prefix_length);
	return 0;
}

/* A second way to a LAN may close a loop, and the kernel has no guard against that. */
static int verify_ways(const struct network *network, struct mistakes *mistakes)
{
	const bool uplink = network_has_card(network);

	if (network->mode != NETWORK_BRIDGE || (!uplink && network_find_place(network, KEY_BRIDGE).line == 0))
		return 0;
	return network_failure(network, network->tunnel->place, mistakes, "[Tunnel] and %s exclude each other with Mode=bridge: where both lead to the same LAN, frames go round for ever",
			      uplink ? "Uplink=" : "a Bridge= of others");
}

/* A forward to a guest takes what arrives for the tunnel from other hosts, before that is seen. NULL: none does. */
static const struct network_forward *find_forward(const struct network_tunnel *tunnel, const struct network *network, bool of_users_too)
{
	for (size_t i = 0; i < network->n_forwards; i++) {
		const struct network_forward *forward = &network->forwards[i];

		if (forward->protocol != IPPROTO_UDP || forward->ports[0] > tunnel->port || forward->ports[1] < tunnel->port ||
		    (forward->guest == FORWARD_TO_ADDRESS && ip_is_v6(&forward->address) != tunnel_is_v6(tunnel)) ||
		    (!of_users_too && forward_is_users(network, forward)))
			continue;
		if (!forward->listen.family || memcmp(&forward->listen, &tunnel->local, sizeof(forward->listen)) == 0)
			return forward;
	}
	return NULL;
}

/* The device has a name of its own: not that of something else in the same file. */
static int verify_name(const struct network *network, struct mistakes *mistakes)
{
	char name[IFNAME_SIZE];

	tunnel_name(network, name);
	if (network_is_called(network, name))
		return network_failure(network, network->tunnel->place, mistakes, "the name %s of this [Tunnel] is a name of the network itself", name);
	for (size_t i = 0; i < network->n_taps; i++)
		if (strcmp(network->taps[i].name, name) == 0)
			return network_failure(network, network->taps[i].place, mistakes, "[Tap] Name=%s is the name of the network's [Tunnel]", name);
	return 0;
}

/* A group is heard on an interface; and who is in it, hears it there. It is the only remote then. */
static int verify_group(struct network *network, struct mistakes *mistakes)
{
	struct network_tunnel *tunnel = network->tunnel;

	if (!tunnel->group.family && tunnel->interface[0])
		return network_failure(network, network_find_place(network, KEY_TUNNEL_INTERFACE), mistakes, "[Tunnel] Interface= has no meaning without Group=");
	if (!tunnel->group.family)
		return 0;
	if (tunnel->n_remotes > 0)
		return network_failure(network, network_find_place(network, KEY_TUNNEL_GROUP), mistakes, "[Tunnel] Group= and Remote= exclude each other");
	if (!tunnel->interface[0])
		return network_failure(network, network_find_place(network, KEY_TUNNEL_GROUP), mistakes, "[Tunnel] Group= needs Interface=, where the other hosts hear it");
	tunnel->remotes[tunnel->n_remotes++] = tunnel->group;
	return 0;
}

/*
 * Does the section fit together, and with its network? -EINVAL with file and line. The network's MTU becomes what fits, where
 * nothing is said of it.
 */
int tunnel_verify(struct network *network, struct mistakes *mistakes)
{
	const struct network_tunnel *tunnel = network->tunnel;
	const struct network_forward *forward;
	int r;

	if (!tunnel)
		return 0;
	if (!tunnel->vni)
		return network_failure(network, tunnel->place, mistakes, "this [Tunnel] has no VNI=, the number that the network has on all its hosts");
	r = verify_group(network, mistakes);
	if (r < 0)
		return r;
	if (tunnel->n_remotes == 0 && tunnel->mac_learning)
		return network_failure(network, tunnel->place, mistakes,
				      "this [Tunnel] has no Remote= and no Group=; with MacLearning=no another program says where the others are");
	forward = find_forward(tunnel, network, true);
	if (forward)
		return network_failure(network, forward->place, mistakes,
				      "this [Forward] takes UDP port %u, where the [Tunnel] of the network hears other hosts: give it one address of the host, or the tunnel another DestinationPort=",
				      tunnel->port);
	r = verify_name(network, mistakes);
	if (r == 0)
		r = verify_ways(network, mistakes);
	for (size_t i = 0; r == 0 && i < tunnel->n_remotes; i++)
		r = verify_remote(network, &tunnel->remotes[i], mistakes);
	if (r < 0)
		return r;
	if (network->on_demand)
		return network_failure(network, tunnel->place, mistakes,
				      "[Tunnel] and Autostart=on-demand exclude each other: guests of other hosts have no port here that would keep the network up");
	if (network->port_isolated)
		return network_failure(network, network_find_place(network, KEY_PORT_ISOLATED), mistakes,
				      "[Port] Isolated=yes and [Tunnel] exclude each other: guests of two hosts would reach each other by the tunnel");
	if (network_find_place(network, KEY_MTU).line == 0)
		network->mtu = ETHERNET_MTU - tunnel_overhead(tunnel_is_v6(tunnel));
	return 0;
}

/* Numbers are of a port, and of IPv4 and IPv6 each their own (drivers/net/vxlan/vxlan_core.c:vxlan_vni_in_use()). */
static bool is_taken(const struct network_tunnel *a, const struct network_tunnel *b)
{
	return a && b && a->vni == b->vni && a->port == b->port && tunnel_is_v6(a) == tunnel_is_v6(b);
}

/* Does one of two networks take what is the other's tunnel's? Returns 1 with what and where. */
int tunnel_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
		 struct network_place *ret_other, char what[static 128])
{
	const struct network *pair[] = { earlier, later };
	char name[IFNAME_SIZE];

	if (is_taken(earlier->tunnel, later->tunnel)) {
		snprintf(what, 128, "[Tunnel] VNI=%u is that", later->tunnel->vni);
		*ret_place = later->tunnel->place;
		*ret_other = earlier->tunnel->place;
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++) {
		const struct network *other = pair[1 - i];
		const struct network_forward *forward = pair[i]->tunnel ? find_forward(pair[i]->tunnel, other, false) : NULL;
		const struct network_place place = pair[i]->tunnel ? pair[i]->tunnel->place : (struct network_place){ 0 };
		struct network_place theirs = network_find_place(other, KEY_BRIDGE);
		bool taken;

		if (!pair[i]->tunnel)
			continue;
		if (forward) {
			snprintf(what, 128, i == 1 ? "UDP port %u of this [Tunnel] is forwarded by the [Forward]" :
				 "UDP port %u of this [Forward] is that of the [Tunnel]", pair[i]->tunnel->port);
			*ret_place = i == 1 ? place : forward->place;
			*ret_other = i == 1 ? forward->place : place;
			return 1;
		}
		tunnel_name(pair[i], name);
		taken = network_is_called(other, name);
		for (size_t j = 0; j < other->n_taps && !taken; j++) {
			taken = strcmp(other->taps[j].name, name) == 0;
			theirs = other->taps[j].place;
		}
		if (!taken)
			continue;
		snprintf(what, 128, "the name %s of a [Tunnel] is a name", name);
		*ret_place = i == 1 ? place : theirs;
		*ret_other = i == 1 ? theirs : place;
		return 1;
	}
	return 0;
}

/* So many hosts are named. */
#define REMOTES_PRINTED	4

/* In words, "" for a network without: "61 to 192.0.2.2 192.0.2.3, by gv-lab". */
void tunnel_print(const struct network *network, struct text *text)
{
	const struct network_tunnel *tunnel = network->tunnel;
	char name[IFNAME_SIZE];

	if (!tunnel)
		return;
	tunnel_name(network, name);
	text_add(text, "%u to", tunnel->vni);
	for (size_t i = 0; i < tunnel->n_remotes && i < REMOTES_PRINTED; i++)
		text_add(text, " %s", IP_TEXT(&tunnel->remotes[i]));
	if (tunnel->n_remotes > REMOTES_PRINTED)
		text_add(text, " and %zu more", tunnel->n_remotes - REMOTES_PRINTED);
	if (tunnel->n_remotes == 0)
		text_add(text, " where another program says");
	text_add(text, ", by %s", name);
}

/* What there should be of it, with the MTU of its network's bridge. -ENOMEM only. */
int tunnel_add(const struct network *network, uint32_t mtu, struct netstate *state)
{
	const struct network_tunnel *tunnel = network->tunnel;
	struct netstate_tunnel item;
	struct netstate_remote remote;
	int r;

	memset(&item, 0, sizeof(item));
	memset(&remote, 0, sizeof(remote));
	tunnel_name(network, item.name);
	memcpy(item.network, network->name, sizeof(item.network));
	memcpy(item.bridge, network->bridge, sizeof(item.bridge));
	item.up = true;
	item.v6 = tunnel_is_v6(tunnel);
	item.listed = tunnel->n_remotes > 0;
	item.learning = item.port_learning = tunnel->mac_learning;
	item.ttl = tunnel->ttl;
	item.port = tunnel->port;
	item.vni = tunnel->vni;
	item.mtu = mtu;
	item.local = tunnel->local;
	item.group = tunnel->group;
	memcpy(item.under, tunnel->interface, sizeof(item.under));
	r = netstate_add_tunnel(state, &item);
	memcpy(remote.link, item.name, sizeof(remote.link));
	memcpy(remote.network, network->name, sizeof(remote.network));
	memcpy(remote.under, tunnel->interface, sizeof(remote.under));
	for (size_t i = 0; r == 0 && i < tunnel->n_remotes; i++) {
		remote.address = tunnel->remotes[i];
		r = netstate_add_remote(state, &remote);
	}
	return r;
}
