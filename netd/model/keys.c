/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every key of a network file, once.
 * Pure: no system calls.
 */
#include "keys.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../lib/str.h"
#include "ip.h"
#include "rates.h"
#include "reach.h"
#include "records.h"
#include "routes.h"
#include "taps.h"
#include "tunnel.h"
#include "values.h"

static const char *const checksum_names[] = {
	[NETWORK_CHECKSUM_AUTO] = "auto", [NETWORK_CHECKSUM_NFT] = "nft", [NETWORK_CHECKSUM_TC] = "tc",
	[NETWORK_CHECKSUM_QUEUE] = "queue", [NETWORK_CHECKSUM_OFF] = "off",
};
static_assert(ARRAY_SIZE(checksum_names) == NETWORK_CHECKSUM_MAX_, "a name for each way");

static const char *const renumber_names[] = { [NETWORK_RENUMBER_IDLE] = "idle", [NETWORK_RENUMBER_NEVER] = "never", [NETWORK_RENUMBER_ALWAYS] = "always" };
static_assert(ARRAY_SIZE(renumber_names) == NETWORK_RENUMBER_MAX_, "a name for each time");

/* [Network] */

static int parse_mode(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	return values_parse_word(value, network_mode_names, ARRAY_SIZE(network_mode_names), why, &network->mode);
}

static void reset_mode(struct network *network)
{
	network->mode = NETWORK_NAT;
}

static int parse_interface_name(const char *value, char why[static KEY_WHY_SIZE])
{
	/* The kernel keeps directories of these names beside those of the interfaces in net/ipv4/conf. */
	if (strcmp(value, "all") == 0 || strcmp(value, "default") == 0 || strcmp(value, "lo") == 0) {
		snprintf(why, KEY_WHY_SIZE, "; the kernel uses this name itself");
		return -EINVAL;
	}
	if (!ifname_is_valid(value))
		return -EINVAL;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p >= 0x7f || *p == '"' || *p == '\\' || *p == ',' || *p == '#' || *p == '*')
			return -EINVAL;
	return 0;
}

static int parse_bridge(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	if (parse_interface_name(value, why) < 0)
		return -EINVAL;
	/* All its bytes are a key of the ruleset: none of the name that it replaces may stay. */
	memset(network->bridge, 0, sizeof(network->bridge));
	snprintf(network->bridge, sizeof(network->bridge), "%s", value);
	return 0;
}

static int parse_alternative_name(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	if (parse_interface_name(value, why) < 0)
		return -EINVAL;
	for (size_t i = 0; i < network->n_altnames; i++)
		if (strcmp(network->altnames[i], value) == 0)
			return 0;
	if (network->n_altnames == LIMIT_NETWORK_NAMES) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d names", LIMIT_NETWORK_NAMES);
		return -EINVAL;
	}
	snprintf(network->altnames[network->n_altnames++], IFNAME_SIZE, "%s", value);
	return 0;
}

static void reset_alternative_name(struct network *network)
{
	memset(network->altnames, 0, sizeof(network->altnames));
	network->n_altnames = 0;
}

static void reset_bridge(struct network *network)
{
	static_assert(NETWORK_NAME_SIZE + 3 <= IFNAME_SIZE, "gn-NAME is an interface's name");
	memset(network->bridge, 0, sizeof(network->bridge));
	snprintf(network->bridge, sizeof(network->bridge), "gn-%s", network->name);
}

static int parse_mac_address(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	if (mac_parse(value, &network->mac) < 0)
		return -EINVAL;
	network->mac_given = true;
	return 0;
}

static void reset_mac_address(struct network *network)
{
	network->mac_given = false;
	network->mac = (struct mac){ 0 };
}

static int parse_mtu(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	uint32_t mtu;

	/* IPv6 needs 1280 (RFC 8200, section 5); a bridge takes up to 65535. */
	if (str_parse_u32(value, 65535, &mtu) < 0 || mtu < 1280)
		return -EINVAL;
	network->mtu = mtu;
	return 0;
}

static void reset_mtu(struct network *network)
{
	network->mtu = 1500;
}

static int parse_autostart(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	if (strcmp(value, "on-demand") == 0) {
		network->autostart = false;
		network->on_demand = true;
		return 0;
	}
	network->on_demand = false;
	return values_parse_boolean(value, &network->autostart);
}

static void reset_autostart(struct network *network)
{
	network->autostart = true;
	network->on_demand = false;
}

static int parse_idle_timeout(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	uint64_t seconds;

	if (strcmp(value, "infinity") == 0) {
		network->idle_timeout_s = NETWORK_NEVER;
		return 0;
	}
	if (values_parse_seconds(value, &seconds) < 0 || seconds < 1)
		return -EINVAL;
	network->idle_timeout_s = (uint32_t)seconds;
	return 0;
}

static void reset_idle_timeout(struct network *network)
{
	network->idle_timeout_s = 300;
}

static int parse_host_access(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	return values_parse_word(value, network_host_access_names, ARRAY_SIZE(network_host_access_names), why, &network->host_access);
}

static void reset_host_access(struct network *network)
{
	network->host_access = HOST_ACCESS_GATEWAY;
}

static int parse_start_services(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	static const char *const names[] = { "always", "on-demand" };
	uint8_t i;

	if (values_parse_word(value, names, ARRAY_SIZE(names), why, &i) < 0)
		return -EINVAL;
	network->services_on_demand = i == 1;
	return 0;
}

static void reset_start_services(struct network *network)
{
	network->services_on_demand = false;
}

static int parse_coexist(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->coexist);
}

static void reset_coexist(struct network *network)
{
	network->coexist = true;
}

static int parse_forward_guard(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->forward_guard);
}

static void reset_forward_guard(struct network *network)
{
	network->forward_guard = false;
}

static int parse_uplink(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	if (!ifname_is_valid(value))
		return -EINVAL;
	if (network->n_uplinks == LIMIT_NETWORK_UPLINKS) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d interfaces", LIMIT_NETWORK_UPLINKS);
		return -EINVAL;
	}
	if (!NETWORK_APPEND(network, uplinks))
		return -ENOMEM;
	snprintf(network->uplinks[network->n_uplinks - 1], IFNAME_SIZE, "%s", value);
	return 0;
}

static void reset_uplink(struct network *network)
{
	NETWORK_CLEAR(network, uplinks);
}

static int parse_proxy_arp(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->proxy_arp);
}

static void reset_proxy_arp(struct network *network)
{
	network->proxy_arp = false;
}

static int parse_confirm_timeout(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	uint64_t seconds;

	if (values_parse_seconds(value, &seconds) < 0 || seconds < 1 || seconds > 3600)
		return -EINVAL;
	network->confirm_timeout_s = (uint32_t)seconds;
	return 0;
}

static void reset_confirm_timeout(struct network *network)
{
	network->confirm_timeout_s = 30;
}

static int parse_stp(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->stp);
}

static void reset_stp(struct network *network)
{
	network->stp = false;
}

static int parse_nat_address(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct ip first, last;

	if (values_parse_ip_range(value, &first, &last, why) < 0)
		return -EINVAL;
	if (!ip_is_usable(&first) || !ip_is_usable(&last)) {
		snprintf(why, KEY_WHY_SIZE, "; nothing can be sent from this address");
		return -EINVAL;
	}
	if (network->nat_first[ip_is_v6(&first)].family) {
		snprintf(why, KEY_WHY_SIZE, "; there is one of this family already");
		return -EINVAL;
	}
	network->nat_first[ip_is_v6(&first)] = first;
	network->nat_last[ip_is_v6(&first)] = last;
	return 0;
}

static void reset_nat_address(struct network *network)
{
	memset(network->nat_first, 0, sizeof(network->nat_first));
	memset(network->nat_last, 0, sizeof(network->nat_last));
}

static int parse_nat_ports(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_port_range(value, strlen(value), network->nat_ports);
}

static void reset_nat_ports(struct network *network)
{
	memset(network->nat_ports, 0, sizeof(network->nat_ports));
}

static int parse_nat66(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->nat66);
}

static void reset_nat66(struct network *network)
{
	network->nat66 = true;
}

/* [Port] */

static int parse_port_isolated(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->port_isolated);
}

static void reset_port_isolated(struct network *network)
{
	network->port_isolated = false;
}

static int parse_mac_binding(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->mac_binding);
}

static void reset_mac_binding(struct network *network)
{
	network->mac_binding = false;
}

static int parse_address_binding(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	if (strcmp(value, "lease") != 0)
		return values_parse_boolean(value, &network->address_binding);
	network->address_binding = true;
	return 0;
}

static void reset_address_binding(struct network *network)
{
	network->address_binding = false;
}

static int parse_ra_guard(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->ra_guard);
}

static void reset_ra_guard(struct network *network)
{
	network->ra_guard = false;
}

static int parse_dhcp_guard(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->dhcp_guard);
}

static void reset_dhcp_guard(struct network *network)
{
	network->dhcp_guard = false;
}

static int parse_bpdu_guard(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->bpdu_guard);
}

static void reset_bpdu_guard(struct network *network)
{
	network->bpdu_guard = false;
}

static int parse_checksum(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	return values_parse_word(value, checksum_names, ARRAY_SIZE(checksum_names), why, &network->checksum);
}

static void reset_checksum(struct network *network)
{
	network->checksum = NETWORK_CHECKSUM_AUTO;
}

/* Names of other programs' taps, with '*' and '?'. */
static int parse_ports(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	char name[IFNAME_SIZE];

	if (strcmp(value, "none") == 0) {
		network->keeps_none = true;
		NETWORK_CLEAR(network, kept_ports);
		return 0;
	}
	if (strlen(value) >= sizeof(name))
		return -EINVAL;
	snprintf(name, sizeof(name), "%s", value);
	for (char *p = name; *p; p++)
		*p = *p == '*' || *p == '?' ? 'x' : *p;
	if (!ifname_is_valid(name) || strpbrk(value, "[]\\"))
		return -EINVAL;
	if (network->n_kept_ports == LIMIT_NETWORK_KEPT_PORTS) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d patterns", LIMIT_NETWORK_KEPT_PORTS);
		return -EINVAL;
	}
	if (!NETWORK_APPEND(network, kept_ports))
		return -ENOMEM;
	snprintf(network->kept_ports[network->n_kept_ports - 1], IFNAME_SIZE, "%s", value);
	return 0;
}

static void reset_ports(struct network *network)
{
	NETWORK_CLEAR(network, kept_ports);
	network->keeps_none = false;
}

static int parse_peer(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	if (!network_name_is_valid(value))
		return -EINVAL;
	if (strcmp(value, network->name) == 0) {
		snprintf(why, KEY_WHY_SIZE, "; this is the network itself");
		return -EINVAL;
	}
	if (network_has_peer(network, value))
		return 0;
	if (network->n_peers == LIMIT_NETWORK_PEERS) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d networks", LIMIT_NETWORK_PEERS);
		return -EINVAL;
	}
	if (!NETWORK_APPEND(network, peers))
		return -ENOMEM;
	snprintf(network->peers[network->n_peers - 1], NETWORK_NAME_SIZE, "%s", value);
	return 0;
}

static void reset_peer(struct network *network)
{
	NETWORK_CLEAR(network, peers);
}

/* [Address] */

static int verify_address(const struct ip *ip, uint8_t length, char why[static KEY_WHY_SIZE])
{
	struct ip first = ip_mask(ip, length);
	uint32_t host_bits;

	if (!ip_is_usable(ip)) {
		snprintf(why, KEY_WHY_SIZE, "; no host of a network can have this address");
		return -EINVAL;
	}
	if (ip_is_v6(ip) && (length < 16 || length > 126)) {
		snprintf(why, KEY_WHY_SIZE, "; an IPv6 prefix has a length from 16 to 126 (64 for guests to make their own addresses)");
		return -EINVAL;
	}
	if (ip_is_v4(ip) && (length < 8 || length > 30)) {
		snprintf(why, KEY_WHY_SIZE, "; an IPv4 prefix has a length from 8 to 30");
		return -EINVAL;
	}
	if (memcmp(&first, ip, sizeof(first)) == 0) {
		struct ip gateway = *ip;

		gateway.bytes_be[ip_length(ip) - 1] |= 1;
		snprintf(why, KEY_WHY_SIZE, "; this is the network, want the host's address on it, such as %s/%u",
			 IP_TEXT(&gateway), length);
		return -EINVAL;
	}
	host_bits = UINT32_MAX >> length % 32;
	if (ip_is_v4(ip) && (ip_v4_value(ip) & host_bits) == host_bits) {
		snprintf(why, KEY_WHY_SIZE, "; this is the broadcast address of the network");
		return -EINVAL;
	}
	return 0;
}

/* What is behind "delegated": nothing, or the subnet's number, as it stands in an address of it. */
static int parse_delegated(struct network *network, const char *rest, char why[static KEY_WHY_SIZE])
{
	const size_t n = strspn(rest + (rest[0] == ':'), "0123456789abcdefABCDEF");
	uint32_t number = NETWORK_ANY_SUBNET;

	if (rest[0]) {
		if (rest[0] != ':' || n < 1 || n > 4 || rest[1 + n]) {
			snprintf(why, KEY_WHY_SIZE, "; behind \"delegated:\" comes the subnet's number, 0 to ffff, as in an address");
			return -EINVAL;
		}
		number = (uint32_t)strtoul(rest + 1, NULL, 16);
	}
	if (network->address_delegated && network->delegated_subnet != number) {
		snprintf(why, KEY_WHY_SIZE, "; a network has one /64 of what is delegated");
		return -EINVAL;
	}
	network->address_delegated = true;
	network->delegated_subnet = number;
	return 0;
}

static int parse_address(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_address address = { 0 };
	const char *rest;

	if (strcmp(value, "auto") == 0) {
		network->address_auto = true;
		return 0;
	}
	if (str_has_prefix(value, "delegated", &rest))
		return parse_delegated(network, rest, why);
	if (ip_parse_prefix(value, &address.ip, &address.prefix_length) < 0) {
		if (ip_parse(value, &address.ip) == 0)
			snprintf(why, KEY_WHY_SIZE, "; the prefix length is missing, such as %s/%d", value,
				 ip_is_v4(&address.ip) ? 24 : 64);
		return -EINVAL;
	}
	if (verify_address(&address.ip, address.prefix_length, why) < 0)
		return -EINVAL;
	if (network->n_addresses == LIMIT_NETWORK_ADDRESSES) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d addresses", LIMIT_NETWORK_ADDRESSES);
		return -EINVAL;
	}
	address.place = network_find_place(network, KEY_ADDRESS);
	if (!NETWORK_APPEND(network, addresses))
		return -ENOMEM;
	network->addresses[network->n_addresses - 1] = address;
	return 0;
}

static void reset_address(struct network *network)
{
	NETWORK_CLEAR(network, addresses);
	network->address_auto = network->address_delegated = false;
}

static int parse_renumber(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	return values_parse_word(value, renumber_names, ARRAY_SIZE(renumber_names), why, &network->renumber);
}

static void reset_renumber(struct network *network)
{
	network->renumber = NETWORK_RENUMBER_IDLE;
}

/* [DHCP] */

static int parse_dhcp_enable(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->dhcp);
}

static void reset_dhcp_enable(struct network *network)
{
	network->dhcp = true;
}

static int parse_dhcp_lease_time(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_lease_time(value, &network->lease_time_s);
}

static void reset_dhcp_lease_time(struct network *network)
{
	network->lease_time_s = 3600;
}

static int parse_dhcp_only_hosts(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->only_hosts);
}

static void reset_dhcp_only_hosts(struct network *network)
{
	network->only_hosts = false;
}

static int parse_dhcp_identity(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	static const char *const names[] = { "mac", "client-id" };
	uint8_t n;

	if (values_parse_word(value, names, ARRAY_SIZE(names), why, &n) < 0)
		return -EINVAL;
	network->by_client_id = n == 1;
	return 0;
}

static void reset_dhcp_identity(struct network *network)
{
	network->by_client_id = false;
}

/* [DNS] */

static int parse_dns_enable(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &network->dns);
}

static void reset_dns_enable(struct network *network)
{
	network->dns = true;
}

/* What it is then, config_parse() says: NAME.internal. */
static void reset_dns_domain(struct network *network)
{
	free(network->domain);
	network->domain = NULL;
}

static int parse_dns_domain(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	size_t length = strlen(value);

	if (!values_domain_is_valid(value, length))
		return -EINVAL;
	reset_dns_domain(network);
	network->domain = strdup(value);
	return network->domain ? 0 : -ENOMEM;
}

#define BOOLEAN "yes or no"

/* The modes that a key has a meaning in. */
#define OURS	(1 << NETWORK_NAT | 1 << NETWORK_ISOLATED | 1 << NETWORK_ROUTE | 1 << NETWORK_OPEN)
#define RULED	(OURS & ~(1 << NETWORK_OPEN))
#define OUTWARD	(1 << NETWORK_NAT | 1 << NETWORK_ROUTE)
#define REACHING (OUTWARD | 1 << NETWORK_OPEN)
#define NAT	(1 << NETWORK_NAT)
#define ROUTED	(1 << NETWORK_ROUTE)
#define LAN	(1 << NETWORK_BRIDGE)

#define WANT_REACH "any, a prefix or an address, tcp, udp or icmp, ports with tcp: or udp:, or the first and one of the others, such as any, 192.168.0.0/16, tcp:25, 10.0.0.5 tcp:443 or any udp:8000-8099"

const struct key keys[KEY_MAX_] = {
	[KEY_MODE] = {
		"Network", "Mode", parse_mode, reset_mode, false, "nat", "", "nat, isolated, route, open or bridge",
		"nat: guests reach each other and, under the host's address, whatever the host reaches; nothing outside reaches them unasked. isolated: guests reach each other and their gateway, and nothing else. route: as nat, but under their own addresses, and they can be reached from outside: whoever is to reach them needs a route to their prefix by way of this host. open: addresses, DHCP and DNS, and not one firewall rule: what may pass is for others to say. bridge: guests are hosts of the LAN; addresses, DHCP and filtering are those of whatever the bridge is connected to. The bridge that Bridge= names is there already and stays as it is; with Uplink= it is made, and a network card of the host becomes its port; with a section [Tunnel], and neither of these, it is made, and guests are those of the network on another host. In all but open, networks do not reach each other (see Peer=).",
		.own = "nat isolated",
	},
	[KEY_BRIDGE] = {
		"Network", "Bridge", parse_bridge, reset_bridge, false, "gn-NAME", "",
		"the name of an interface: 1 to 15 bytes, without blanks, '/', ':', '%', ',', '*', '#' and quotes",
		"The bridge that is the network. The network's own name is an alternative name of it, so that both can be used.",
	},
	[KEY_ALTERNATIVE_NAME] = {
		"Network", "AlternativeName", parse_alternative_name, reset_alternative_name, true, "none", "",
		"the name of an interface that there is not",
		"Another name of the bridge, for programs that know no other: virbr0 for those that expect libvirt's network. Can be given several times. A name that is not given any more goes with the bridge.",
	},
	[KEY_MAC_ADDRESS] = {
		"Network", "MACAddress", parse_mac_address, reset_mac_address, false, "derived from the machine id and the name", "",
		"the address of one interface, such as 52:54:00:12:34:56",
		"The bridge's own Ethernet address. It stays the same whatever ports come and go.",
		.only = OURS,
	},
	[KEY_MTU] = {
		"Network", "MTU", parse_mtu, reset_mtu, false, "1500; with a section [Tunnel], 1450, or 1430 where its addresses are of IPv6", "bytes", "a number from 1280 to 65535",
		"The largest packet on the network. Guests are told by DHCP and by router advertisements. With a section [Tunnel] it is to be the same on all hosts, and 50 or, over IPv6, 70 bytes less than what passes between them. With Mode=bridge it is for a section [Tunnel] alone.",
		.only = OURS | LAN,
		.own = "",
	},
	[KEY_AUTOSTART] = {
		"Network", "Autostart", parse_autostart, reset_autostart, false, "yes", "", "yes, no or on-demand",
		"When the network is there. yes: from the start. no: after guestnet start NAME, or when a guest of somebody who may use it asks for it; from then on it stays. on-demand: when a guest asks for it, and until it has had no port for IdleTimeout=. A network that was stopped with guestnet stop comes back for no guest, unless it is on-demand. A network with a network card as a port (Mode=bridge and Uplink=) cannot be on-demand.",
		.own = "",
	},
	[KEY_IDLE_TIMEOUT] = {
		"Network", "IdleTimeout", parse_idle_timeout, reset_idle_timeout, false, "5min", "seconds where none is said",
		"infinity, or a time of at least 1s, such as 30s or 10min",
		"How long a network with Autostart=on-demand stays without a port before it is taken down.",
		.own = "",
	},
	[KEY_START_SERVICES] = {
		"Network", "StartServices", parse_start_services, reset_start_services, false, "always", "", "always or on-demand",
		"When the network's dnsmasq runs. always: as long as the network is up. on-demand: from its first port on, until the network is stopped; hosts with many networks and few guests save a process for each.",
		.only = OURS,
		.own = "",
	},
	[KEY_HOST_ACCESS] = {
		"Network", "HostAccess", parse_host_access, reset_host_access, false, "gateway", "", "gateway, all or none",
		"What of the host its guests reach. gateway: DHCP, DNS and ping on their own gateway. all: every service of the host that its other firewall rules permit. none: nothing but an address by DHCP; DNS is then off.",
		.only = RULED,
		.own = "gateway none",
	},
	[KEY_COEXIST] = {
		"Network", "Coexist", parse_coexist, reset_coexist, false, "yes", "", BOOLEAN,
		"Whether other firewalls of the host get rules that let this network through, where they have a place for them: docker's DOCKER-USER (what goes to a container is left to docker's own rules: guests reach the ports that are published), ufw's user chains, and FORWARD of iptables where it drops. The rules have the comment guestnet, are put back when they are lost, and go with the network. They stand before those of others in these chains: a rule there that denies guests something (ufw route deny) has no effect, and what guests may not do is said by DenyOut=, DenyIn= and HostAccess=. With firewalld the bridge is put into the zone guestnet while the network is up. Where something drops and has no such place, guestnet status names it.",
		.only = OURS,
	},
	[KEY_FORWARD_GUARD] = {
		"Network", "ForwardGuard", parse_forward_guard, reset_forward_guard, false, "no", "", BOOLEAN,
		"Whether the host is kept from routing between its other interfaces. A network of mode nat, route or open needs forwarding, which the kernel has for the whole host only. With yes, and where the host did not forward before the first network needed it (since it was booted, for IPv4 and IPv6 each), packets that neither come from nor go to a network of guestnet are dropped, as long as a network with ForwardGuard=yes is up. Leave it at no on a host whose other programs route, too: containers of docker or podman, networks of libvirt, a VPN gateway. They find forwarding on already, and would be cut off.",
		.only = OURS,
	},
	[KEY_UPLINK] = {
		"Network", "Uplink", parse_uplink, reset_uplink, true, "every interface that the host has a route by", "",
		"the name of an interface",
		"The way out: guests leave by this interface only and, with Mode=route, are reached by this one only. Can be given several times. Where the host's routes lead elsewhere, guests are refused. A card that another network with Mode=bridge has made a port of its bridge means that bridge, too: the host's routes lead out by it then. With Mode=bridge it is a network card of the host that becomes a port of the network's bridge: its address of Ethernet, its addresses, its routes in all tables, neighbours that are written down, rules of routing that name it and its values below /proc/sys/net move to the bridge, and back when the network is stopped; what does not is said in guestnetd(8), NETWORK CARDS. Further ones need STP=yes: they become ports, too, have no address of their own, and what moves is the first one's.",
		.only = OUTWARD | LAN,
	},
	[KEY_PROXY_ARP] = {
		"Network", "ProxyARP", parse_proxy_arp, reset_proxy_arp, false, "no", "", BOOLEAN,
		"Whether guests are in the LAN of Uplink=, as if they were bridged, where a bridge cannot be: behind a wireless card, whose access point takes frames from the card alone. The network's prefix is a part of the LAN's that nobody else has, outside the range of the LAN's DHCP server: in 192.168.1.0/24, Address=192.168.1.193/27 for 29 guests. On the LAN the host answers for each address of this prefix (ARP and, for IPv6, NDP), and passes on what arrives for it; hosts of the LAN and its router need to know nothing. It needs one Uplink= and at least one Address= that is written, of at most 256 addresses: from /24 to /30, and from /120 to /126. The host answers only while Uplink= has an address of that LAN. When an address of the network turns out to be the host's own there, or its gateway's, the network is not, and its status says so. See guestnetd(8), GUESTS BEHIND A WIRELESS CARD.",
		.only = ROUTED,
	},
	[KEY_CONFIRM_TIMEOUT] = {
		"Network", "ConfirmTimeout", parse_confirm_timeout, reset_confirm_timeout, false, "30s", "seconds where none is said",
		"a time from 1s to 1h, such as 30s or 2min",
		"How long the move of a network card into the bridge is on trial: when its gateway does not answer any more by then, or when somebody was asked and has not said that it is good, all of it is undone.",
		.only = LAN,
	},
	[KEY_STP] = {
		"Network", "STP", parse_stp, reset_stp, false, "no", "", BOOLEAN,
		"Whether the bridge of a network card speaks the spanning tree protocol. It is the only guard against loops that there is: with no, a second Uplink= is an error, and a second network card that somebody else puts into the bridge is a problem that is named. With yes it takes each new port 4 seconds to be of use, the network card too.",
		.only = LAN,
	},
	[KEY_NAT_ADDRESS] = {
		"Network", "NATAddress", parse_nat_address, reset_nat_address, true, "the host's address on the way out", "",
		"an address, or FIRST-LAST, such as 203.0.113.7 or 2001:db8::7",
		"What guests are seen as from outside. It can be given once for each family. Answers must find their way to this host: it has the address itself, or others have a route.",
		.only = NAT,
	},
	[KEY_NAT_PORTS] = {
		"Network", "NATPorts", parse_nat_ports, reset_nat_ports, false, "1024-65535", "",
		"a port, or FIRST-LAST, such as 20000-29999",
		"The source ports that TCP and UDP of guests leave with.",
		.only = NAT,
	},
	[KEY_NAT66] = {
		"Network", "NAT66", parse_nat66, reset_nat66, false, "yes, and no with Address=delegated", "", BOOLEAN,
		"Whether IPv6 is translated as well. With no, guests leave under their own IPv6 addresses and can be reached at them, as with Mode=route: they need a prefix that others have a route to.",
		.only = NAT,
	},
	[KEY_CHECKSUM] = {
		"Network", "DHCPChecksum", parse_checksum, reset_checksum, false, "auto", "", "auto, nft, tc, queue or off",
		"How the checksums of DHCP replies are completed, which the host leaves to a network card that is not there. nft: a rule with iptables' CHECKSUM target in table ip mangle. tc: a filter behind the bridge with the action csum. queue: the replies pass through guestnetd, and leave as they are while it does not run. auto: the first of these that the kernel has. off: nothing is done, and DHCP clients that read raw frames and verify the checksum get no address behind veth or vhost. guestnet status shows which one is in force, and why not one before it.",
		.only = OURS,
	},
	[KEY_PORTS] = {
		"Network", "Ports", parse_ports, reset_ports, true, "vnet*", "",
		"none, or a pattern of names, such as vnet* or tap?",
		"Taps of other programs that are kept as guestnet's own are: when one of these names falls off the bridge, it is put back with its options. vnet* are libvirt's. Can be given several times.",
		.only = OURS,
	},
	[KEY_PEER] = {
		"Network", "Peer", parse_peer, reset_peer, true, "none", "", "the name of another network",
		"Another network whose guests and this one's reach each other, under their own addresses. Both networks name each other: one alone opens nothing. Can be given several times.",
		.only = OUTWARD,
	},
	[KEY_DENY_OUT] = {
		"Network", "DenyOut", reach_parse_deny_out, reach_reset_deny_out, true, "none", "", WANT_REACH,
		"Where guests may not begin anything: that prefix, or that protocol or these ports of it, beyond the network. They reach each other and the host as before, and answer what others have begun. Of icmp, what belongs to a flow that is there passes all the same. See RULES FOR GUESTS. Can be given several times.",
		.only = REACHING,
		.own = "",
	},
	[KEY_ALLOW_OUT] = {
		"Network", "AllowOut", reach_parse_allow_out, reach_reset_allow_out, true, "none", "", WANT_REACH,
		"An exception from DenyOut=. Can be given several times.",
		.only = REACHING,
		.own = "",
	},
	[KEY_DENY_IN] = {
		"Network", "DenyIn", reach_parse_deny_in, reach_reset_deny_in, true, "none", "", WANT_REACH,
		"From where, and with what ports of theirs, guests may not be reached by others than the host and each other. The prefix is the one that it comes from; the ports are the guests' own, also where a [Forward] leads to them. See RULES FOR GUESTS. Can be given several times.",
		.only = REACHING,
		.own = "",
	},
	[KEY_ALLOW_IN] = {
		"Network", "AllowIn", reach_parse_allow_in, reach_reset_allow_in, true, "none", "", WANT_REACH,
		"An exception from DenyIn=. It opens nothing that the mode keeps closed. Can be given several times.",
		.only = REACHING,
		.own = "",
	},
	[KEY_ADDRESS] = {
		"Address", "Address", parse_address, reset_address, true, "auto", "",
		"auto, delegated, delegated:SUBNET, or an address of the host with its prefix length, such as 10.0.0.1/24 or fd00:1::1/64",
		"The host's address on the network, which is the guests' gateway. Can be given several times; the first one of each family is where guests get their addresses. auto chooses for each family that has no address: a /24 of 10.64.0.0/10 and a /64 below a prefix of fd00::/8, derived from the machine id and the name, that nothing else uses; what has been chosen stays, but for what Renumber= says. delegated is one more: a /64 of a prefix that the host was delegated from upstream, where guests make addresses, too; see DELEGATED PREFIXES. SUBNET is which one, in hexadecimal as it stands in an address, such as 1f; else it is chosen as auto chooses, and stays.",
		.only = OURS,
		.own = "auto",
	},
	[KEY_RENUMBER] = {
		"Address", "Renumber", parse_renumber, reset_renumber, false, "idle; always for networks of users' own", "", "idle, always or never",
		"When addresses that were chosen (Address=auto) make way for a route of the host's that leads where they are, or to more: a VPN or a LAN that the host has joined. idle: at once while no guest has a port on the network, and else when the last one has left; guestnet status says so meanwhile. always: at once in any case; guests ask for another address when their leases end, and reach nobody until then. never: only by guestnet renumber, which does it while guests are there, too. Default routes do not count, nor does one that is a part of them, such as 0.0.0.0/1. A network that has moved stays where it is when that route is gone, and keeps away from where such routes have led.",
		.only = OURS,
	},
	[KEY_DHCP_ENABLE] = {
		"DHCP", "Enable", parse_dhcp_enable, reset_dhcp_enable, false, "yes", "", BOOLEAN,
		"Whether guests are given addresses: IPv4 by DHCP, IPv6 by router advertisements.",
		.only = OURS,
		.own = "",
	},
	[KEY_DHCP_RANGE] = {
		"DHCP", "Range", records_parse_dhcp_range, records_reset_dhcp_range, true,
		"all of the first IPv4 prefix; IPv6 by router advertisements alone", "",
		"FIRST-LAST, two addresses of one family, such as 10.0.0.100-10.0.0.199 or fd00:1::100-fd00:1::1ff",
		"The addresses that are given out. Can be given several times. Each lies in the prefix of an Address=, or, with Address=delegated, is written without a prefix, such as ::100-::1ff. With one of IPv6 guests get addresses by DHCPv6 beside those that they make by themselves.",
		.only = OURS,
	},
	[KEY_DHCP_LEASE_TIME] = {
		"DHCP", "LeaseTime", parse_dhcp_lease_time, reset_dhcp_lease_time, false, "1h", "seconds where none is said",
		"infinity, or a time of at least 2min, such as 30min, 12h or 1d 12h",
		"For how long an address is given out.",
		.only = OURS,
		.own = "",
	},
	[KEY_DHCP_ONLY_HOSTS] = {
		"DHCP", "OnlyHosts", parse_dhcp_only_hosts, reset_dhcp_only_hosts, false, "no", "", BOOLEAN,
		"Whether only guests with a [Host] section are given an address.",
		.only = OURS,
		.own = "",
	},
	[KEY_DHCP_IDENTITY] = {
		"DHCP", "Identity", parse_dhcp_identity, reset_dhcp_identity, false, "mac", "", "mac or client-id",
		"What IPv4 guests are told apart by. Guests that are copies of one image have the same client id.",
		.only = OURS,
		.own = "",
	},
	[KEY_DHCP_ROUTER] = {
		"DHCP", "Router", records_parse_dhcp_router, records_reset_dhcp_router, false, "the gateway; none with Mode=isolated", "",
		"an IPv4 address, or no",
		"What guests are told is their way out.",
		.only = OURS,
	},
	[KEY_DHCP_NTP] = {
		"DHCP", "NTP", records_parse_dhcp_ntp, records_reset_dhcp_ntp, true, "none", "",
		"the address of a time server, such as 10.0.0.1 or fd00:1::1",
		"Which time servers guests are told of. Can be given several times.",
		.only = OURS,
	},
	[KEY_DHCP_OPTION] = {
		"DHCP", "SendOption", records_parse_dhcp_option, records_reset_dhcp_option, true, "none", "",
		"NUMBER:TYPE:VALUE, such as 66:string:tftp.lab or 42:ipv4address:10.0.0.1, for DHCPv6 dhcpv6:NUMBER:TYPE:VALUE, such as dhcpv6:24:domain:lab.example; TYPE is uint8, uint16, uint32, ipv4address, ipv6address, domain or string",
		"Another option for all guests. One of the type ipv6address is of DHCPv6, too. Addresses and domains can be several, with commas between them. Guests that make their own IPv6 addresses, because there is no Range= of IPv6, are told to ask for those of DHCPv6. Can be given several times.",
		.only = OURS,
	},
	[KEY_DNS_ENABLE] = {
		"DNS", "Enable", parse_dns_enable, reset_dns_enable, false, "yes", "", BOOLEAN,
		"Whether the gateway answers DNS: the names of the guests, and, for a network that is not isolated, everything that the host can resolve.",
		.only = OURS,
		.own = "",
	},
	[KEY_DNS_DOMAIN] = {
		"DNS", "Domain", parse_dns_domain, reset_dns_domain, false, "NAME.internal", "",
		"a domain name, such as lab.internal",
		"The domain of the guests' names.",
		.only = OURS,
	},
	[KEY_DNS_FORWARDER] = {
		"DNS", "Forwarder", records_parse_dns_forwarder, records_reset_dns_forwarder, true, "the host's own servers", "",
		"the address of a DNS server, with a port where it is not 53, such as 9.9.9.9, 10.0.0.1:5353 or [2620:fe::fe]:5353; a domain and such an address; or a domain and none",
		"Where other names are asked for, instead of the servers in the host's /etc/resolv.conf. With a domain before it: the names of that domain, and with none, nobody is asked for them. Can be given several times. With Enable=no guests are told the servers without a domain and ask them by themselves.",
		.only = OURS,
	},
	[KEY_DNS_HOST] = {
		"DNS", "Host", records_parse_dns_host, records_reset_dns_host, true, "none", "",
		"an address and its names, such as 10.0.0.9 printer printer.lab.internal",
		"Names that the gateway answers for. Those without a dot get the domain, too. Can be given several times.",
		.only = OURS,
	},
	[KEY_DNS_TXT] = {
		"DNS", "TXT", records_parse_dns_txt, records_reset_dns_txt, true, "none", "",
		"a name and a text, such as lab.internal v=spf1 -all",
		"A record of type TXT. Can be given several times.",
		.only = OURS,
	},
	[KEY_DNS_SRV] = {
		"DNS", "SRV", records_parse_dns_srv, records_reset_dns_srv, true, "none", "",
		"NAME TARGET PORT [PRIORITY [WEIGHT]], such as _ldap._tcp.lab.internal ldap.lab.internal 389",
		"A record of type SRV. Can be given several times.",
		.only = OURS,
	},
	[KEY_HOST_MAC] = {
		"Host", "MACAddress", records_parse_host_mac, records_reset_host_mac, false, "none", "",
		"the address of one interface, such as 52:54:00:12:34:56",
		"Which guest it is. One of MACAddress= and ClientID= has to be there.",
		.only = OURS,
		.own = "",
	},
	[KEY_HOST_CLIENT_ID] = {
		"Host", "ClientID", records_parse_host_client_id, records_reset_host_client_id, false, "none", "",
		"bytes such as 01:52:54:00:12:34:56, or a text without blanks, quotes and commas; for IPv6 the DUID",
		"Which guest it is, where that is told by a client id: for IPv4 with Identity=client-id in section [DHCP]. For IPv6, in a [Host] that has such an Address= and no other, it is the DUID, and tells it whatever Ethernet address the guest has: 00:03:00:01 and an Ethernet address, 00:04 and a UUID, or what guestnet leases shows.",
		.only = OURS,
	},
	[KEY_HOST_NAME] = {
		"Host", "Name", records_parse_host_name, records_reset_host_name, false, "the one that the guest gives itself", "",
		"a name without a dot",
		"What the guest is called: it is told, and the gateway's DNS knows it. While the guest is away, another one that calls itself so is known by it in a family in which this one has no Address=; no [Forward] leads there over IPv4 where this one has a MACAddress=.",
		.only = OURS,
		.own = "",
	},
	[KEY_HOST_ADDRESS] = {
		"Host", "Address", records_parse_host_address, records_reset_host_address, true, "one of a Range=", "",
		"an address in the prefix of an Address= of the network",
		"The address that this guest gets, and nobody else. Once for each family; one of IPv6 is given by DHCPv6.",
		.only = OURS,
	},
	[KEY_HOST_LEASE_TIME] = {
		"Host", "LeaseTime", records_parse_host_lease_time, records_reset_host_lease_time, false, "that of section [DHCP]", "seconds where none is said",
		"infinity, or a time of at least 2min, such as 30min, 12h or 1d 12h",
		"For how long this guest's address is given out.",
		.only = OURS,
		.own = "",
	},
	[KEY_HOST_OPTION] = {
		"Host", "SendOption", records_parse_host_option, records_reset_host_option, true, "none", "",
		"the same as in section [DHCP]",
		"Another option for this guest, or another value of one of section [DHCP]. Can be given several times.",
		.only = OURS,
	},
	[KEY_HOST_DENY_OUT] = {
		"Host", "DenyOut", reach_parse_host_deny_out, reach_reset_host_deny_out, true, "none", "", WANT_REACH,
		"The same for this guest alone, and before what is said in section [Network]. It needs a MACAddress=, and is for whatever has that: MACBinding=yes in section [Port] keeps the guest from taking another one.",
		.only = REACHING,
		.own = "",
	},
	[KEY_HOST_ALLOW_OUT] = {
		"Host", "AllowOut", reach_parse_host_allow_out, reach_reset_host_allow_out, true, "none", "", WANT_REACH,
		"An exception from this guest's DenyOut=, and from the one in section [Network].",
		.only = REACHING,
		.own = "",
	},
	[KEY_HOST_DENY_IN] = {
		"Host", "DenyIn", reach_parse_host_deny_in, reach_reset_host_deny_in, true, "none", "", WANT_REACH,
		"The same for this guest alone, and before what is said in section [Network]. It is for the addresses of its [Host] or its lease, once they are known: those of IPv6 that a guest makes by itself are none of them.",
		.only = REACHING,
		.own = "",
	},
	[KEY_HOST_ALLOW_IN] = {
		"Host", "AllowIn", reach_parse_host_allow_in, reach_reset_host_allow_in, true, "none", "", WANT_REACH,
		"An exception from this guest's DenyIn=, and from the one in section [Network].",
		.only = REACHING,
		.own = "",
	},
	[KEY_FORWARD_LISTEN] = {
		"Forward", "Listen", records_parse_forward_listen, records_reset_forward_listen, false, "none", "",
		"PROTOCOL:PORT, PROTOCOL:FIRST-LAST or PROTOCOL:ADDRESS:PORT, such as tcp:8080, udp:5000-5009 or tcp:[2001:db8::2]:443",
		"Ports of the host. Without an address: at every address of the host, also at those that other networks' guests, the host itself (127.0.0.1 included, ::1 not) and the guests of this network know it by. For networks of users' own see NETWORKS OF USERS.",
		.only = OUTWARD,
		.own = "",
	},
	[KEY_FORWARD_TO] = {
		"Forward", "To", records_parse_forward_to, records_reset_forward_to, false, "none", "",
		"a guest's name, Ethernet address or address, with a port where it is another one, such as web:80, 52:54:00:12:34:56:80 or [fd00:1::5]:80",
		"The guest that they lead to. A name or an Ethernet address is that of a [Host] or of a lease, and the forward follows it. A name that no [Host] has is that of whichever guest was the last to call itself so, and the Ethernet address in a DUID of DHCPv6 is what the guest says: where guests do not trust each other, a [Host] with a MACAddress= and an Address= of each family says which guest is meant, and MACBinding=yes in section [Port] keeps others from taking that Ethernet address. An address may be one behind a guest, in a Destination= of section [Route]. Of several ports the first is named. What was forwarded and is no longer ends.",
		.only = OUTWARD,
		.own = "",
	},
	[KEY_ROUTE_DESTINATION] = {
		"Route", "Destination", routes_parse_destination, routes_reset_destination, false, "none", "",
		"a prefix, such as 10.50.0.0/16 or fd00:50::/48",
		"What is reached through a guest. The host sends it there, and believes packets with sources in this prefix when they come from this network; they leave as the network's own do, translated with Mode=nat. It must not overlap with what other networks have.",
		.only = OURS,
	},
	[KEY_ROUTE_GATEWAY] = {
		"Route", "Gateway", routes_parse_gateway, routes_reset_gateway, false, "none", "",
		"the address of a guest, such as 10.0.0.5, or for IPv6 also its link-local one",
		"The guest that forwards. Its address lies in the prefix of an Address= of this network; it is best given to it by a [Host].",
		.only = OURS,
	},
	[KEY_ROUTE_METRIC] = {
		"Route", "Metric", routes_parse_metric, routes_reset_metric, false, "0; 1024 for IPv6", "", "a number from 1 to 4294967295",
		"Of several routes to one prefix the kernel takes the one with the smallest number.",
		.only = OURS,
	},
	[KEY_ROUTE_ADVERTISE] = {
		"Route", "Advertise", routes_parse_advertise, routes_reset_advertise, false, "no", "", BOOLEAN,
		"Whether guests are told of this route by DHCP (option 121, IPv4 only), so that they send to that guest directly. Without it they send to the gateway, which sends it on; where they have no gateway (Mode=isolated), they reach the prefix only so. It needs Enable=yes in section [DHCP], where SendOption= with the number 121 is an error then.",
		.only = OURS,
	},
	[KEY_BOOT_ROOT] = {
		"Boot", "TFTPRoot", records_parse_boot_root, records_reset_boot_root, false, "none", "",
		"the path of a folder, without blanks, quotes and commas",
		"A folder whose files the gateway hands out by TFTP. The user that dnsmasq runs as must be able to read it: that is looked at when the file is read. An error beside Server=, and with HostAccess=none.",
		.only = OURS,
	},
	[KEY_BOOT_FILE] = {
		"Boot", "File", records_parse_boot_file, records_reset_boot_file, true, "none", "",
		"FILE, or CLIENT:FILE with the CLIENT bios, uefi-x86_64, uefi-arm64, http-x86_64, http-arm64 or ipxe, such as bios:pxelinux.0 or ipxe:http://10.0.0.1/boot.ipxe",
		"What guests boot from the network: the path of a file below TFTPRoot=, or of one that Server= has, or an address of the web. Once for each kind of client; the one without a client is for all others. ipxe is for iPXE itself, on whatever it runs, and comes before the others. Over IPv4 and IPv6: for the latter it becomes an address such as tftp://[fd00:1::1]/FILE, of the first IPv6 Address= or of Server=. UEFI wants an IPv6 address by DHCPv6 before it asks, so there has to be a Range= for it, or a [Host]; iPXE makes its own. A path needs TFTPRoot= or Server=.",
		.only = OURS,
	},
	[KEY_BOOT_SERVER] = {
		"Boot", "Server", records_parse_boot_server, records_reset_boot_server, true, "the gateway", "",
		"an address, such as 10.0.0.9 or fd00:9::69",
		"Where the files are, when it is not here. It can be given once for each family; without one of a family, guests are not told of these files over it.",
		.only = OURS,
	},
	[KEY_TAP_NAME] = {
		"Tap", "Name", taps_parse_name, taps_reset_name, false, "none", "",
		"the name of an interface, such as tap0: up to 15 letters, digits and the like",
		"A tap that is there as long as the network is up, on its bridge, for -netdev tap,ifname=NAME,script=no,downscript=no. It is made again when it is deleted, and removed with its section, or when the network is stopped; not while a guest uses it. Something else of that name is never touched.",
	},
	[KEY_TAP_USER] = {
		"Tap", "User", taps_parse_user, taps_reset_user, false, "none", "",
		"the name of a user, or a number",
		"Who may open the tap, without any privilege. Who that is is looked up when the file is read. With Group= too it is this user, while in that group.",
	},
	[KEY_TAP_GROUP] = {
		"Tap", "Group", taps_parse_group, taps_reset_group, false, "none", "",
		"the name of a group, or a number",
		"Whose members may open the tap. One of User= and Group= has to be there.",
	},
	[KEY_TAP_MULTI_QUEUE] = {
		"Tap", "MultiQueue", taps_parse_multi_queue, taps_reset_multi_queue, false, "no", "", BOOLEAN,
		"Whether it is for guests with several queues (queues=N behind -netdev tap, with N of 2 or more). Such a tap can be opened in no other way.",
	},
	[KEY_TUNNEL_VNI] = {
		"Tunnel", "VNI", tunnel_parse_vni, tunnel_reset_vni, false, "none", "", "a number from 1 to 16777215",
		"Other hosts have a part of this network, too: guests there and here are in one Ethernet. It is carried between the hosts in UDP (VXLAN, RFC 7348) by the interface gv-NAME, a port of the network's bridge, which is made, kept and taken away with the network. This number says which network it is, and is the same on all its hosts. Nothing is encrypted: who can send UDP to this port can send to the network; where the way between the hosts is not one's own, let Remote= be addresses in a VPN (WireGuard, IPsec). See guestnetd(8), NETWORKS OF SEVERAL HOSTS.",
	},
	[KEY_TUNNEL_REMOTE] = {
		"Tunnel", "Remote", tunnel_parse_remote, tunnel_reset_remote, true, "none", "",
		"the address of another host, such as 192.0.2.2 or 2001:db8::2",
		"Another host that has a part of the network, by its address outside of the network. Can be given several times, all of one family: each host names all others; one that is this host itself is left out, so that the list may be the same on all. What is broadcast, and what is for an Ethernet address that is not known yet, goes to each of them. More of them, or fewer, end no connection of guests. Entries for the address 00:00:00:00:00:00 in the interface's forwarding table are those of this key and no others. Without it, MacLearning=no says that another program fills the table, such as FRR with BGP EVPN; then nothing in it is touched.",
	},
	[KEY_TUNNEL_GROUP] = {
		"Tunnel", "Group", tunnel_parse_group, tunnel_reset_group, false, "none", "",
		"a multicast address, such as 239.1.1.61 or ff05::61",
		"Instead of Remote=: an address that all hosts of the network hear, in a LAN or where routers carry multicast on. None of them has to be named then; TTL= is 1 unless it is said. What is sent to a single guest goes to its host alone. It needs Interface=.",
	},
	[KEY_TUNNEL_INTERFACE] = {
		"Tunnel", "Interface", tunnel_parse_interface, tunnel_reset_interface, false, "none", "",
		"the name of an interface",
		"Where Group= is heard. The kernel takes the tunnel away together with this interface; it is made again when that is back.",
	},
	[KEY_TUNNEL_LOCAL] = {
		"Tunnel", "Local", tunnel_parse_local, tunnel_reset_local, false, "as the host's routes say", "",
		"an address of the host",
		"What this host sends from. The other hosts have it as their Remote=. While the host does not have this address, guestnet status says so.",
	},
	[KEY_TUNNEL_PORT] = {
		"Tunnel", "DestinationPort", tunnel_parse_port, tunnel_reset_port, false, "4789", "", "a number from 1 to 65535",
		"The port of UDP on all of the hosts. Their firewalls must let it in.",
	},
	[KEY_TUNNEL_MAC_LEARNING] = {
		"Tunnel", "MacLearning", tunnel_parse_mac_learning, tunnel_reset_mac_learning, false, "yes", "", BOOLEAN,
		"Whether it is learnt from what arrives which host an Ethernet address is on, and by the bridge that it is behind the tunnel. With no another program says it.",
	},
	[KEY_TUNNEL_TTL] = {
		"Tunnel", "TTL", tunnel_parse_ttl, tunnel_reset_ttl, false, "the host's own", "", "a number from 1 to 255",
		"How many routers what is sent between the hosts passes at most.",
	},
	[KEY_PORT_ISOLATED] = {
		"Port", "Isolated", parse_port_isolated, reset_port_isolated, false, "no", "", BOOLEAN,
		"Whether guests are kept from each other: what one of them sends reaches the host and what lies behind it, and no port of another guest; not by way of the gateway either.",
		.own = "",
	},
	[KEY_PORT_MAC_BINDING] = {
		"Port", "MACBinding", parse_mac_binding, reset_mac_binding, false, "no; yes with AddressBinding=lease", "", BOOLEAN,
		"Whether a port keeps to one Ethernet address: that of macs= of the policy's rule, or else the first one that it uses, for as long as it lives. The bridge's own address, and one that another port of the network is bound to, it cannot use in the meantime either.",
		.only = OURS,
		.own = "",
	},
	[KEY_PORT_ADDRESS_BINDING] = {
		"Port", "AddressBinding", parse_address_binding, reset_address_binding, false, "no", "", "lease (or yes), or no",
		"lease: guests use no other address than they have been given, by a lease or a [Host] with a MACAddress=: as the source of IPv4 and IPv6, as the sender in ARP, as the target in neighbour advertisements. In IPv6 also the one that is made of prefix and Ethernet address (EUI-64), and link-local ones, but not the gateway's. A lease of DHCPv6 counts when its DUID has the Ethernet address in it. What a guest says before it has an address (DHCP, the search for duplicates) passes; protocols other than ARP, IPv4 and IPv6 do not. A lease counts from the moment it is given until it is released or expires.",
		.only = OURS,
		.own = "",
	},
	[KEY_PORT_RA_GUARD] = {
		"Port", "RAGuard", parse_ra_guard, reset_ra_guard, false, "no", "", BOOLEAN,
		"Whether router advertisements and redirects of guests are dropped, and IPv6 packets that hide what they are behind headers.",
		.own = "",
	},
	[KEY_PORT_DHCP_GUARD] = {
		"Port", "DHCPGuard", parse_dhcp_guard, reset_dhcp_guard, false, "no", "", BOOLEAN,
		"Whether what only DHCP servers send, of DHCP and DHCPv6, is dropped when it comes from a guest.",
		.own = "",
	},
	[KEY_PORT_BPDU_GUARD] = {
		"Port", "BPDUGuard", parse_bpdu_guard, reset_bpdu_guard, false, "no", "", BOOLEAN,
		"Whether frames of spanning tree protocols are dropped when they come from a guest.",
		.only = OURS,
		.own = "",
	},
	[KEY_PORT_TO_RATE] = {
		"Port", "ToGuestRate", rates_parse_to_guest_rate, rates_reset_to_guest_rate, false, "as much as there is", "",
		"bits per second: a number from 8K to 100G, with K, M or G for thousands, millions and thousands of millions",
		"How much goes to each guest: what leaves by its port, from wherever it comes, waits in a queue that sends at this rate (tbf). Another number loses no packet; when the line goes, what is sent in the few milliseconds in which the kernel takes the queue away is lost.",
		.own = "",
	},
	[KEY_PORT_TO_BURST] = {
		"Port", "ToGuestBurstBytes", rates_parse_to_guest_burst, rates_reset_to_guest_burst, false, "64K; at more than 52M, what passes in 10 ms", "",
		"bytes: a number up to 1G, with K, M or G for 1024 and its powers",
		"How much of that is sent at once, when nothing was for a while. It is one packet at least. It needs ToGuestRate=, and may be what passes in 200 seconds at that rate, but no more.",
		.own = "",
	},
	[KEY_PORT_TO_PEAK] = {
		"Port", "ToGuestPeakRate", rates_parse_to_guest_peak, rates_reset_to_guest_peak, false, "as fast as it goes", "",
		"bits per second: a number from 8K to 100G, with K, M or G for thousands, millions and thousands of millions; more than ToGuestRate=",
		"How fast it is sent while a burst lasts. It needs ToGuestRate=.",
		.own = "",
	},
	[KEY_PORT_FROM_RATE] = {
		"Port", "FromGuestRate", rates_parse_from_guest_rate, rates_reset_from_guest_rate, false, "as much as there is", "",
		"bits per second: a number from 8K to 100G, with K, M or G for thousands, millions and thousands of millions",
		"How much comes from each guest: frames that are too much are dropped at its port, before its bridge has looked at them.",
		.own = "",
	},
	[KEY_PORT_FROM_BURST] = {
		"Port", "FromGuestBurstBytes", rates_parse_from_guest_burst, rates_reset_from_guest_burst, false, "64K; at more than 52M, what passes in 10 ms", "",
		"bytes: a number up to 1G, with K, M or G for 1024 and its powers",
		"How much of that passes at once, beside what passes in a second: the kernel counts this limit by the second. It needs FromGuestRate=, and may be what passes in 200 seconds at that rate, but no more.",
		.own = "",
	},
	[KEY_BANDWIDTH_TO_RATE] = {
		"Bandwidth", "ToGuestsRate", rates_parse_to_guests_rate, rates_reset_to_guests_rate, false, "as much as there is", "",
		"bits per second: a number from 8K to 100G, with K, M or G for thousands, millions and thousands of millions",
		"How much goes to all guests of the network together, from the host and from outside: it waits at the bridge in a queue that sends at this rate (tbf), which comes and goes as that of ToGuestRate= does. What guests send to each other does not count. Where another program has put a queue at the bridge, or at a port, that one stays, and guestnet status names it.",
		.only = OURS,
		.own = "",
	},
	[KEY_BANDWIDTH_TO_BURST] = {
		"Bandwidth", "ToGuestsBurstBytes", rates_parse_to_guests_burst, rates_reset_to_guests_burst, false, "64K; at more than 52M, what passes in 10 ms", "",
		"bytes: a number up to 1G, with K, M or G for 1024 and its powers",
		"How much of that is sent at once, when nothing was for a while. It is one packet at least. It needs ToGuestsRate=, and may be what passes in 200 seconds at that rate, but no more.",
		.only = OURS,
		.own = "",
	},
	[KEY_BANDWIDTH_TO_PEAK] = {
		"Bandwidth", "ToGuestsPeakRate", rates_parse_to_guests_peak, rates_reset_to_guests_peak, false, "as fast as it goes", "",
		"bits per second: a number from 8K to 100G, with K, M or G for thousands, millions and thousands of millions; more than ToGuestsRate=",
		"How fast it is sent while a burst lasts. It needs ToGuestsRate=.",
		.only = OURS,
		.own = "",
	},
	[KEY_BANDWIDTH_FROM_RATE] = {
		"Bandwidth", "FromGuestsRate", rates_parse_from_guests_rate, rates_reset_from_guests_rate, false, "as much as there is", "",
		"bits per second: a number from 8K to 100G, with K, M or G for thousands, millions and thousands of millions",
		"How much comes from all guests of the network together, to the host and to outside, of IPv4 and IPv6: packets that are too much are dropped. What guests send to each other does not count (with Mode=open it does where br_netfilter shows it to the rules for IP).",
		.only = OURS,
		.own = "",
	},
	[KEY_BANDWIDTH_FROM_BURST] = {
		"Bandwidth", "FromGuestsBurstBytes", rates_parse_from_guests_burst, rates_reset_from_guests_burst, false, "64K; at more than 52M, what passes in 10 ms", "",
		"bytes: a number up to 1G, with K, M or G for 1024 and its powers",
		"How much of that passes at once, beside what passes in a second: the kernel counts this limit by the second. It needs FromGuestsRate=, and may be what passes in 200 seconds at that rate, but no more.",
		.only = OURS,
		.own = "",
	},
};

/* May a network of a user's own say this? @value is not empty. */
bool keys_are_own(const struct key *key, const char *value)
{
	const size_t length = strlen(value);

	if (!key->own || !*key->own)
		return key->own;
	for (const char *word = key->own; *word; word += strspn(word, " ")) {
		size_t n = strcspn(word, " ");

		if (n == length && strncmp(word, value, n) == 0)
			return true;
		word += n;
	}
	return false;
}

/* Section and name as written, case and all; NULL when there is no such key. */
const struct key *keys_find(const char *section, const char *name)
{
	for (size_t i = 0; i < KEY_MAX_; i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* The table's own copy of a section's name; NULL when there is no such section. */
const char *keys_find_section(const char *section)
{
	for (size_t i = 0; i < KEY_MAX_; i++)
		if (strcmp(keys[i].section, section) == 0)
			return keys[i].section;
	return NULL;
}

/* The key of a section that was probably meant, or NULL. */
const char *keys_nearest(const char *section, const char *name)
{
	const char *names[KEY_MAX_];
	size_t n = 0;

	for (size_t i = 0; i < KEY_MAX_; i++)
		if (strcmp(keys[i].section, section) == 0)
			names[n++] = keys[i].name;
	/* A word in the wrong case is nearer than any edit. */
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(names[i], name) == 0)
			return names[i];
	return str_nearest(name, names, n);
}

const char *keys_nearest_section(const char *section)
{
	const char *names[KEY_MAX_];

	for (size_t i = 0; i < KEY_MAX_; i++)
		names[i] = keys[i].section;
	for (size_t i = 0; i < KEY_MAX_; i++)
		if (strcasecmp(names[i], section) == 0)
			return names[i];
	return str_nearest(section, names, KEY_MAX_);
}

/* The section that has a key of this name, for a key in the wrong one; NULL when none has. */
const char *keys_section_of(const char *name)
{
	for (size_t i = 0; i < KEY_MAX_; i++)
		if (strcmp(keys[i].name, name) == 0)
			return keys[i].section;
	return NULL;
}

/* Every value as if nothing was written. */
void keys_reset(struct network *network)
{
	for (size_t i = 0; i < KEY_MAX_; i++)
		keys[i].reset(network);
}
