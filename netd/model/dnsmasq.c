/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network's configuration of dnsmasq.
 * Pure: no system calls.
 *
 * The text is a function of its inputs alone: its hash says whether a running dnsmasq has to be restarted.
 */
#include "dnsmasq.h"

#include <errno.h>
#include <string.h>

#include "ip.h"

#define LEASES_MAX 65535

/* Does the network need the service at all? */
bool dnsmasq_is_wanted(const struct network *network)
{
	return network->dhcp || network->dns;
}

static const struct network_address *find_family(const struct network_address *addresses, size_t n, bool v6)
{
	for (size_t i = 0; i < n; i++)
		if (ip_is_v6(&addresses[i].ip) == v6)
			return &addresses[i];
	return NULL;
}

static void add_dns(const struct network *network, const struct dnsmasq_options *options, struct text *text)
{
	if (!network->dns) {
		text_add(text, "port=0\n");
		return;
	}
	/* Guests' names are this server's business and nobody else's. */
	text_add(text, "domain-needed\nlocal=/%s/\nexpand-hosts\ndns-loop-detect\n", network->domain);
	text_add(text, "addn-hosts=%s/%s.hosts\n", options->run_dir, network->name);
	/* An isolated network has no way out, not through the host's resolver either. */
	if (network->mode == NETWORK_ISOLATED || network->n_forwarders > 0)
		text_add(text, "no-resolv\n");
	for (size_t i = 0; i < network->n_forwarders; i++)
		text_add(text, "server=%s\n", IP_TEXT(&network->forwarders[i]));
}

/* Without a server of our own guests ask those that the network's file names, or none. */
static void add_dns_option(const struct network *network, bool v6, struct text *text)
{
	size_t n = 0;

	if (network->dns)
		return;
	for (size_t i = 0; i < network->n_forwarders; i++) {
		const struct ip *ip = &network->forwarders[i];

		if (ip_is_v6(ip) != v6)
			continue;
		if (n++ == 0)
			text_add(text, "dhcp-option=%s:dns-server", v6 ? "option6" : "option");
		text_add(text, v6 ? ",[%s]" : ",%s", IP_TEXT(ip));
	}
	if (n == 0 && !v6)
		text_add(text, "dhcp-option=option:dns-server");
	if (n > 0 || !v6)
		text_add(text, "\n");
}

/* A lease time as dnsmasq writes it. */
static void add_lease_time(const struct network *network, struct text *text)
{
	if (network->lease_time_s == NETWORK_LEASE_FOREVER)
		text_add(text, ",infinite\n");
	else
		text_add(text, ",%u\n", network->lease_time_s);
}

static void add_range_v4(const struct network *network, const struct network_address *address, struct text *text)
{
	uint32_t host_bits = UINT32_MAX >> address->prefix_length;
	uint32_t gateway = ip_v4_value(&address->ip), first = gateway & ~host_bits, last = gateway | host_bits;
	struct ip from, to, mask = ip_v4(~host_bits);

	/* dnsmasq leaves its own address out wherever it is; at an end it need not be in the range at all. */
	first++;
	last--;
	if (first == gateway)
		first++;
	else if (last == gateway)
		last--;
	from = ip_v4(first);
	to = ip_v4(last);
	if (ip_is_v4(&network->range_first)) {
		from = network->range_first;
		to = network->range_last;
		first = ip_v4_value(&from);
		last = ip_v4_value(&to);
	}
	text_add(text, "dhcp-range=%s,%s,%s", IP_TEXT(&from), IP_TEXT(&to), IP_TEXT(&mask));
	add_lease_time(network, text);
	text_add(text, "dhcp-lease-max=%u\n", last - first < LEASES_MAX ? last - first + 1 : LEASES_MAX);
	/* No router and no way out for those who are to have none. */
	if (network->mode == NETWORK_ISOLATED)
		text_add(text, "dhcp-option=option:router\n");
	add_dns_option(network, false, text);
	text_add(text, "dhcp-option=option:mtu,%u\n", network->mtu);
}

/* Router advertisements: guests make their own addresses of a /64 (RFC 4862), so no other length will do. */
static void add_range_v6(const struct network *network, const struct network_address *address, struct text *text)
{
	struct ip prefix = ip_mask(&address->ip, address->prefix_length);

	if (address->prefix_length != 64)
		return;
	text_add(text, "enable-ra\nquiet-ra\ndhcp-range=%s,%s,64", IP_TEXT(&prefix), network->dns ? "ra-names" : "ra-only");
	add_lease_time(network, text);
	add_dns_option(network, true, text);
	/* Interval 0: dnsmasq's own; lifetime 0: a prefix, but no way out. */
	if (network->mode == NETWORK_ISOLATED)
		text_add(text, "ra-param=%s,mtu:%u,0,0\n", network->bridge, network->mtu);
	else
		text_add(text, "ra-param=%s,mtu:%u,0\n", network->bridge, network->mtu);
}

static void add_dhcp(const struct network *network, const struct subnet_choice *choice,
		     const struct dnsmasq_options *options, struct text *text)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n = subnet_addresses(network, choice, addresses);
	const struct network_address *v4 = find_family(addresses, n, false);
	const struct network_address *v6 = find_family(addresses, n, true);

	if (!network->dhcp)
		return;
	/*
	 * no-ping: a probe costs each first lease three seconds. Guests are told apart by their Ethernet
	 * addresses: copies of one image have the same client id. No guest may be called wpad: browsers of
	 * the others take their proxy from there.
	 */
	text_add(text, "dhcp-authoritative\nno-ping\ndhcp-ignore-clid\ndomain=%s\n", network->domain);
	text_add(text, "dhcp-name-match=set:wpad,wpad\ndhcp-ignore-names=tag:wpad\n");
	text_add(text, "dhcp-hostsdir=%s/%s.dhcp-hosts\n", options->run_dir, network->name);
	text_add(text, "dhcp-leasefile=%s/%s.leases\n", options->state_dir ? options->state_dir : options->run_dir,
		 network->name);
	if (v4 && !(options->withheld & SERVICE_DHCP))
		add_range_v4(network, v4, text);
	if (v6)
		add_range_v6(network, v6, text);
}

/*
 * Appends the whole configuration of a network's dnsmasq. @choice may be NULL. It is for a dnsmasq that is
 * started unprivileged with ambient capabilities: it names no user. -EMSGSIZE when it does not fit.
 */
int dnsmasq_build(const struct network *network, const struct subnet_choice *choice,
		  const struct dnsmasq_options *options, struct text *text)
{
	struct network served = *network;	/* shallow, and only here */

	text_add(text, "# Network %s, written by guestnetd: changes here are lost.\n", network->name);
	/* bind-dynamic: no wildcard socket in anybody's way, and the bridge may come and go. */
	text_add(text, "bind-dynamic\ninterface=%s\nexcept-interface=lo\nno-hosts\n", network->bridge);
	text_add(text, "pid-file%s%s\n", options->pid_file ? "=" : "", options->pid_file ? options->pid_file : "");
	text_add(text, "log-facility=%s\n", options->log_facility ? options->log_facility : "-");
	if (options->withheld & SERVICE_DNS)
		served.dns = false;
	add_dns(&served, options, text);
	add_dhcp(&served, choice, options, text);
	return text->overflow ? -EMSGSIZE : 0;
}

/* Tells one configuration from another. */
uint64_t dnsmasq_hash(const struct text *text)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];

	return siphash24(text->data, text->length, key);
}
