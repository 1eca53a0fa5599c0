/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network's configuration of dnsmasq.
 * Pure: no system calls.
 *
 * The text is a function of its inputs alone: its hash says whether a running dnsmasq has to be restarted.
 */
#include "dnsmasq.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ip.h"
#include "routes.h"
#include "records.h"

#define LEASES_MAX 65535
#define HOST_TEXT_SIZE 512

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

/*
 * Who has an address of the network, and that nobody has it, is this server's business, too: the host's resolver asks it
 * (resolved.c), and each would wait for the other. Not what is delegated: that comes and goes while dnsmasq runs.
 */
static void add_reverse_zones(const struct network *network, const struct subnet_choice *choice, struct text *text)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n = subnet_addresses(network, choice, addresses);

	for (size_t i = 0; i < n; i++) {
		char zone[80];

		if (!subnet_is_delegated(choice, &addresses[i]) &&
		    ip_reverse_zone(&addresses[i].ip, addresses[i].prefix_length, zone, sizeof(zone)))
			text_add(text, "local=/%s/\n", zone);
	}
}

static void add_dns(const struct network *network, const struct subnet_choice *choice, const struct dnsmasq_options *options,
		    struct text *text)
{
	if (!network->dns) {
		text_add(text, "port=0\n");
		return;
	}
	/* Guests' names are this server's business and nobody else's. */
	text_add(text, "domain-needed\nlocal=/%s/\nexpand-hosts\ndns-loop-detect\n", network->domain);
	text_add(text, "addn-hosts=%s/%s.names\n", options->run_dir, network->name);
	/* An isolated network has no way out, not through the host's resolver either. */
	if (network->mode == NETWORK_ISOLATED || network->n_forwarders > 0 || network->split_all)
		text_add(text, "no-resolv\n");
	else
		add_reverse_zones(network, choice, text);
	for (size_t i = 0; i < network->n_forwarders; i++)
		text_add(text, "server=%s\n", IP_TEXT(&network->forwarders[i]));
	for (size_t i = 0; i < network->splits.n; i++)
		text_add(text, "server=%s\n", network->splits.items[i]);
	for (size_t i = 0; i < network->records.n; i++)
		text_add(text, "%s\n", network->records.items[i]);
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
static void add_lease_time(uint32_t seconds, struct text *text)
{
	if (seconds == NETWORK_LEASE_FOREVER)
		text_add(text, ",infinite\n");
	else
		text_add(text, ",%u\n", seconds);
}

/* The ranges of the file, or all of the prefix. Returns how many addresses are in them. */
static uint64_t add_ranges_v4(const struct network *network, const struct network_address *address, struct text *text)
{
	uint32_t host_bits = UINT32_MAX >> address->prefix_length;
	uint32_t gateway = ip_v4_value(&address->ip), first = gateway & ~host_bits, last = gateway | host_bits;
	struct ip from, to, mask = ip_v4(~host_bits);
	uint64_t n = 0;

	for (size_t i = 0; i < network->n_ranges; i++) {
		const struct network_range *range = &network->ranges[i];

		if (!ip_is_v4(&range->first))
			continue;
		text_add(text, "dhcp-range=%s,%s", IP_TEXT(&range->first), IP_TEXT(&range->last));
		/* Of another prefix of the network: dnsmasq knows its mask by the bridge's address. */
		if (ip_overlaps(&address->ip, address->prefix_length, &range->first, 32))
			text_add(text, ",%s", IP_TEXT(&mask));
		add_lease_time(network->lease_time_s, text);
		n += ip_v4_value(&range->last) - ip_v4_value(&range->first) + 1;
	}
	if (n > 0)
		return n;
	/* dnsmasq leaves its own address out wherever it is; at an end it need not be in the range at all. */
	first++;
	last--;
	if (first == gateway)
		first++;
	else if (last == gateway)
		last--;
	from = ip_v4(first);
	to = ip_v4(last);
	text_add(text, "dhcp-range=%s,%s,%s", IP_TEXT(&from), IP_TEXT(&to), IP_TEXT(&mask));
	add_lease_time(network->lease_time_s, text);
	return last - first + 1;
}

static void add_range_v4(const struct network *network, const struct network_address *address, struct text *text)
{
	struct ip prefix = ip_mask(&address->ip, address->prefix_length), mask = ip_v4(~(UINT32_MAX >> address->prefix_length));
	uint64_t n = 0;

	if (network->only_hosts) {
		text_add(text, "dhcp-range=%s,static,%s", IP_TEXT(&prefix), IP_TEXT(&mask));
		add_lease_time(network->lease_time_s, text);
	} else {
		n = add_ranges_v4(network, address, text);
	}
	/* Whatever hosts there are: when they change, dnsmasq only reads them again. */
	n += LIMIT_NETWORK_HOSTS;
	text_add(text, "dhcp-lease-max=%u\n", n < LEASES_MAX ? (unsigned int)n : LEASES_MAX);
	/* No router and no way out for those who are to have none. */
	if ((network->mode == NETWORK_ISOLATED && !network->router.family) || network->no_router)
		text_add(text, "dhcp-option=option:router\n");
	add_dns_option(network, false, text);
	text_add(text, "dhcp-option=option:mtu,%u\n", network->mtu);
}

static bool has_hosts_v6(const struct network *network)
{
	for (size_t i = 0; i < network->n_hosts; i++)
		if (network->hosts[i].addresses[1].family)
			return true;
	return false;
}

/* Is there something to tell guests by DHCPv6 who have made their addresses themselves? */
static bool has_options_v6(const struct network *network)
{
	for (size_t i = 0; i < network->n_ntp; i++)
		if (ip_is_v6(&network->ntp[i]))
			return true;
	for (size_t i = 0; i < network->options.n; i++)
		if (strncmp(network->options.items[i], "option6:", 8) == 0)
			return true;
	for (size_t i = 0; i < BOOT_CLIENT_MAX_; i++)
		if (network->boot_files[i] &&
		    (records_boot_is_url(network->boot_files[i]) || network->boot_root || network->boot_servers[1].family))
			return true;
	return false;
}

/* Ranges for DHCPv6; those that are written without a prefix are of the delegated one. Returns whether there are any. */
static bool add_ranges_v6(const struct network *network, const struct network_address *address, bool delegated, struct text *text)
{
	struct ip prefix = ip_mask(&address->ip, address->prefix_length);
	const char *beside = address->prefix_length == 64 ? ",slaac" : "";
	bool any = false;

	for (size_t i = 0; !network->only_hosts && i < network->n_ranges; i++) {
		struct network_range range = network->ranges[i];

		if (!ip_is_v6(&range.first) || (network->address_delegated && ip_is_suffix(&range.first)) != delegated)
			continue;
		if (delegated) {
			range.first = ip_join(&prefix, &range.first);
			range.last = ip_join(&prefix, &range.last);
		}
		text_add(text, "dhcp-range=%s,%s%s,%u", IP_TEXT(&range.first), IP_TEXT(&range.last), beside,
			 address->prefix_length);
		add_lease_time(network->lease_time_s, text);
		any = true;
	}
	if (!any && !delegated && has_hosts_v6(network)) {
		text_add(text, "dhcp-range=%s,static%s,%u", IP_TEXT(&prefix), beside, address->prefix_length);
		add_lease_time(network->lease_time_s, text);
		any = true;
	}
	return any;
}

/*
 * May dnsmasq take the delegated prefix from the bridge's addresses itself? It advertises all that are there then: those that are
 * advertised in any case, and no other. @own may be NULL.
 */
static bool is_followed(const struct network *network, const struct network_address *addresses, size_t n,
			const struct network_address *own, const struct network_address *delegated)
{
	for (size_t i = 0; i < n; i++)
		if (ip_is_v6(&addresses[i].ip) && &addresses[i] != delegated && (&addresses[i] != own || own->prefix_length != 64))
			return false;
	return network->address_delegated;
}

/* What guests have addresses of; false where they cannot make any, and none are given out. */
static bool add_prefix_v6(const struct network *network, const struct network_address *address, bool delegated, struct text *text)
{
	struct ip prefix = ip_mask(&address->ip, address->prefix_length);

	if (add_ranges_v6(network, address, delegated, text))
		return true;
	if (address->prefix_length != 64)
		return false;
	text_add(text, "dhcp-range=%s,%s%s,64", IP_TEXT(&prefix), has_options_v6(network) ? "ra-stateless," : "",
		 network->dns ? "ra-names" : "ra-only");
	add_lease_time(network->lease_time_s, text);
	return true;
}

/*
 * The same for a prefix that the bridge has an address of, or will have (dnsmasq's dhcp6.c: construct_worker()): it comes and goes
 * while dnsmasq runs, which tells guests for two hours that one is over (radv.c), and has no other lifetimes than that address.
 */
static void add_followed_v6(const struct network *network, const struct network_address *delegated, struct text *text)
{
	const bool beside = delegated && add_ranges_v6(network, delegated, true, text);

	text_add(text, "dhcp-range=::,constructor:%s,%s%s,64", network->bridge, !beside && has_options_v6(network) ? "ra-stateless," : "",
		 !beside && network->dns ? "ra-names" : "ra-only");
	add_lease_time(network->lease_time_s, text);
}

/*
 * Router advertisements: guests make their own addresses of a /64 (RFC 4862), so no other length will do for
 * that. DHCPv6 where a range or a host asks for it. @own and @delegated may be NULL, each.
 */
static void add_range_v6(const struct network *network, const struct network_address *own,
			 const struct network_address *delegated, bool followed, struct text *text)
{
	size_t before = text->length;
	bool any = followed;

	text_add(text, "enable-ra\nquiet-ra\n");
	if (own)
		any |= add_prefix_v6(network, own, false, text);
	if (followed)
		add_followed_v6(network, delegated, text);
	else if (delegated)
		any |= add_prefix_v6(network, delegated, true, text);
	if (!any) {
		text->length = before;
		text->data[before] = '\0';
		return;
	}
	add_dns_option(network, true, text);
	/* Interval 0: dnsmasq's own; lifetime 0: a prefix, but no way out. */
	if (network->mode == NETWORK_ISOLATED)
		text_add(text, "ra-param=%s,mtu:%u,0,0\n", network->bridge, network->mtu);
	else
		text_add(text, "ra-param=%s,mtu:%u,0\n", network->bridge, network->mtu);
}

/*
 * Clients by what they say they are: option 93 (RFC 4578), of DHCPv6 61 (RFC 5970); iPXE by option 175, of DHCPv6 by its
 * user class. Of two files that a client could have, dnsmasq takes one with a tag first, so a file for all others has none.
 */
static const struct {
	uint8_t client;			/* enum boot_client */
	uint16_t architecture;
} boot_architectures[] = {
	{ BOOT_BIOS, 0 }, { BOOT_UEFI_X86_64, 7 }, { BOOT_UEFI_X86_64, 9 }, { BOOT_UEFI_ARM64, 11 },
	{ BOOT_HTTP_X86_64, 16 }, { BOOT_HTTP_ARM64, 19 },
};

static void add_boot_file_v4(const struct network *network, const char *file, const char *tags, struct text *text)
{
	if (network->boot_servers[1].family && !network->boot_servers[0].family && !records_boot_is_url(file))
		return;
	text_add(text, "dhcp-boot=%s%s", tags, file);
	if (network->boot_servers[0].family)
		text_add(text, ",,%s", IP_TEXT(&network->boot_servers[0]));
	text_add(text, "\n");
}

/* Over IPv6 it is an address in any case. NULL: only the other family is told where this file is. */
static const struct ip *find_boot_server_v6(const struct network *network, const struct ip *gateway)
{
	if (network->boot_root)
		return gateway;
	return network->boot_servers[1].family ? &network->boot_servers[1] : NULL;
}

static void add_boot_file_v6(const struct network *network, const struct ip *gateway, const char *file, const char *tags,
			     struct text *text)
{
	const struct ip *server = find_boot_server_v6(network, gateway);

	if (records_boot_is_url(file))
		text_add(text, "dhcp-option=%soption6:bootfile-url,%s\n", tags, file);
	else if (server)
		text_add(text, "dhcp-option=%soption6:bootfile-url,tftp://[%s]/%s\n", tags, IP_TEXT(server), file);
}

static void add_boot_file(const struct network *network, enum boot_client client, const struct network_address *v6,
			  struct text *text)
{
	const char *file = network->boot_files[client], *name = records_boot_client_name(client);
	bool not_ipxe = client != BOOT_IPXE && client != BOOT_ANY && network->boot_files[BOOT_IPXE];
	bool http = client == BOOT_HTTP_X86_64 || client == BOOT_HTTP_ARM64;
	char tags[64] = "";

	if (!file)
		return;
	if (client != BOOT_ANY)
		snprintf(tags, sizeof(tags), "%stag:boot-%s,", not_ipxe ? "tag:!boot-ipxe," : "", name);
	add_boot_file_v4(network, file, tags, text);
	/* UEFI takes an address of the web only from one who calls himself so (UEFI 2.10, section 24.7.3). */
	if (http)
		text_add(text, "dhcp-option-force=tag:boot-%s,60,HTTPClient\n", name);
	if (!v6)
		return;
	/*
	 * The same as a vendor class of DHCPv6, which is four bytes for whose it is, two for the length, and the text (RFC 8415,
	 * section 21.16). dnsmasq writes texts there, each behind its length, and no bytes: so the four are the length of
	 * another text and that, a number that nobody has. Firmware does not look at it.
	 */
	if (http)
		text_add(text, "dhcp-option-force=tag:boot-%s,option6:16,--,HTTPClient\n", name);
	add_boot_file_v6(network, &v6->ip, file, tags, text);
}

/* Does anybody get an address by DHCPv6? */
static bool has_dhcp_v6(const struct network *network)
{
	for (size_t i = 0; !network->only_hosts && i < network->n_ranges; i++)
		if (ip_is_v6(&network->ranges[i].first))
			return true;
	return has_hosts_v6(network);
}

/* Scripts of iPXE, which makes its address itself. */
static bool is_script(const char *file)
{
	const size_t n = strlen(file);

	return n > 5 && strcmp(file + n - 5, ".ipxe") == 0;
}

/*
 * Is there a file for UEFI that only IPv6 leads to, while nobody gets an address by DHCPv6? UEFI asks for both at once, and
 * boots with both or not at all; iPXE makes do with what router advertisements say. Which addresses are chosen does not matter: where
 * any are, both families have one.
 */
bool dnsmasq_boots_nobody(const struct network *network)
{
	const bool v4 = network->address_auto || find_family(network->addresses, network->n_addresses, false);
	const bool files_v4 = v4 && (network->boot_servers[0].family || !network->boot_servers[1].family);

	if (files_v4 || !network->dhcp || has_dhcp_v6(network))
		return false;
	for (enum boot_client i = 0; i < BOOT_CLIENT_MAX_; i++) {
		const char *file = i == BOOT_BIOS || i == BOOT_IPXE ? NULL : network->boot_files[i];

		if (file && !is_script(file) &&
		    (records_boot_is_url(file) ? !v4 : network->boot_root || network->boot_servers[1].family))
			return true;
	}
	return false;
}

static void add_boot(const struct network *network, const struct network_address *v6, struct text *text)
{
	/* A folder that is not there is told by guestnetd; leases are given out in any case. */
	if (network->boot_root)
		text_add(text, "enable-tftp=%s\ntftp-root=%s\ntftp-no-fail\n", network->bridge, network->boot_root);
	for (size_t i = 0; i < ARRAY_SIZE(boot_architectures); i++) {
		const char *name = records_boot_client_name(boot_architectures[i].client);
		uint16_t architecture = boot_architectures[i].architecture;

		if (!network->boot_files[boot_architectures[i].client])
			continue;
		text_add(text, "dhcp-match=set:boot-%s,option:client-arch,%u\n", name, architecture);
		/* "s": two bytes. It knows 93, but not 61: it would look for one byte anywhere in it, and 0 is in all. */
		text_add(text, "dhcp-match=set:boot-%s,option6:61,%us\n", name, architecture);
	}
	if (network->boot_files[BOOT_IPXE])
		text_add(text, "dhcp-match=set:boot-ipxe,175\ndhcp-userclass=set:boot-ipxe,iPXE\n");
	for (size_t i = BOOT_CLIENT_MAX_; i-- > 0;)
		add_boot_file(network, i, v6, text);
}

/* What tells a host's own options from those of others. */
static void add_host_tag(const struct network_host *host, struct text *text)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];

	if (host->has_mac)
		text_add(text, "host%02x%02x%02x%02x%02x%02x", MAC_BYTES(host->mac));
	else
		text_add(text, "id%016" PRIx64, siphash24(host->client_id, strlen(host->client_id), key));
}

/* A host as dnsmasq writes it. */
static void add_host(const struct network_host *host, struct text *text)
{
	if (host->has_mac)
		text_add(text, MAC_FORMAT, MAC_BYTES(host->mac));
	if (host->client_id[0])
		text_add(text, "%sid:%s", host->has_mac ? "," : "", host->client_id);
	for (size_t i = 0; i < ARRAY_SIZE(host->addresses); i++)
		if (host->addresses[i].family)
			text_add(text, i == 1 ? ",[%s]" : ",%s", IP_TEXT(&host->addresses[i]));
	if (host->name[0])
		text_add(text, ",%s", host->name);
	if (host->lease_time_s)
		add_lease_time(host->lease_time_s, text);
	else
		text_add(text, "\n");
}

static bool has_tag_of_id(const struct network_host *host)
{
	return host->options.n > 0 && !host->has_mac;
}

/*
 * A tag in a file of hosts that is read again has dnsmasq 2.90 free it twice and end; so the few hosts with options of
 * their own get theirs here: by the Ethernet address, and those that are known by an id alone stand here as a whole.
 */
static void add_tagged_hosts(const struct network *network, struct text *text)
{
	for (size_t i = 0; i < network->n_hosts; i++) {
		const struct network_host *host = &network->hosts[i];

		if (host->options.n == 0)
			continue;
		text_add(text, host->has_mac ? "dhcp-mac=set:" : "dhcp-host=set:");
		add_host_tag(host, text);
		text_add(text, ",");
		if (host->has_mac)
			text_add(text, MAC_FORMAT "\n", MAC_BYTES(host->mac));
		else
			add_host(host, text);
	}
}

static void add_dhcp(const struct network *network, const struct subnet_choice *choice,
		     const struct dnsmasq_options *options, struct text *text)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	size_t n = subnet_addresses(network, choice, addresses);
	const struct network_address *v4 = find_family(addresses, n, false);
	const struct network_address *v6 = find_family(addresses, n, true);
	const struct network_address *delegated = n > 0 && subnet_is_delegated(choice, &addresses[n - 1]) ? &addresses[n - 1] : NULL;
	const struct network_address *own = v6 != delegated ? v6 : NULL;
	const bool followed = is_followed(network, addresses, n, own, delegated);

	if (!network->dhcp)
		return;
	/*
	 * no-ping: a probe costs each first lease three seconds. Guests are told apart by their Ethernet
	 * addresses: copies of one image have the same client id. No guest may call itself wpad, browsers of
	 * the others take their proxy from there, or localhost, which many a fresh image does, and which is
	 * no name to be asked for (RFC 6761, section 6.3).
	 */
	text_add(text, "dhcp-authoritative\nno-ping\n%sdomain=%s\n", network->by_client_id ? "" : "dhcp-ignore-clid\n",
		 network->domain);
	text_add(text, "dhcp-name-match=set:refused,wpad\ndhcp-name-match=set:refused,localhost\ndhcp-ignore-names=tag:refused\n");
	text_add(text, "dhcp-hostsfile=%s/%s.static\n", options->run_dir, network->name);
	text_add(text, "dhcp-optsfile=%s/%s.options\n", options->run_dir, network->name);
	add_tagged_hosts(network, text);
	text_add(text, "dhcp-leasefile=%s/%s.leases\n", options->state_dir ? options->state_dir : options->run_dir,
		 network->name);
	if (v4 && !(options->withheld & SERVICE_DHCP))
		add_range_v4(network, v4, text);
	if ((v6 || followed) && !options->no_ipv6)
		add_range_v6(network, own, delegated, followed, text);
	add_boot(network, v6, text);
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
	add_dns(&served, choice, options, text);
	add_dhcp(&served, choice, options, text);
	return text->overflow ? -EMSGSIZE : 0;
}

/* The files that are read again without a new start */

static void print_addresses(FILE *file, const char *name, const struct ip *addresses, size_t n, bool v6)
{
	bool any = false;

	for (size_t i = 0; i < n; i++)
		if (ip_is_v6(&addresses[i]) == v6) {
			if (!any)
				fprintf(file, "%s:%s", v6 ? "option6" : "option", name);
			fprintf(file, v6 ? ",[%s]" : ",%s", IP_TEXT(&addresses[i]));
			any = true;
		}
	if (any)
		fputs("\n", file);
}

static void print_options(const struct network *network, FILE *file)
{
	char routes[LIMIT_NETWORK_ROUTES * 2 * IP_TEXT_SIZE];
	struct text text;

	text_init(&text, routes, sizeof(routes));
	routes_print_option(network, &text);
	fputs(routes, file);
	if (network->router.family)
		fprintf(file, "option:router,%s\n", IP_TEXT(&network->router));
	print_addresses(file, "ntp-server", network->ntp, network->n_ntp, false);
	print_addresses(file, "ntp-server", network->ntp, network->n_ntp, true);
	for (size_t i = 0; i < network->options.n; i++)
		fprintf(file, "%s\n", network->options.items[i]);
	for (size_t i = 0; i < network->n_hosts; i++)
		for (size_t j = 0; j < network->hosts[i].options.n; j++) {
			text_init(&text, routes, sizeof(routes));
			add_host_tag(&network->hosts[i], &text);
			fprintf(file, "tag:%s,%s\n", text.data, network->hosts[i].options.items[j]);
		}
}

static void print_host(const struct network_host *host, FILE *file)
{
	char buffer[HOST_TEXT_SIZE];
	struct text text;

	if (has_tag_of_id(host))
		return;
	text_init(&text, buffer, sizeof(buffer));
	add_host(host, &text);
	fputs(buffer, file);
}

static void print_names(const struct network *network, FILE *file)
{
	for (size_t i = 0; i < network->names.n; i++)
		fprintf(file, "%s\n", network->names.items[i]);
	for (size_t i = 0; i < network->n_hosts; i++)
		for (int v6 = 0; v6 < 2; v6++)
			if (network->hosts[i].name[0] && network->hosts[i].addresses[v6].family)
				fprintf(file, "%s %s\n", IP_TEXT(&network->hosts[i].addresses[v6]), network->hosts[i].name);
}

const char *dnsmasq_file_suffix(enum dnsmasq_file which)
{
	static const char *const suffixes[] = {
		[DNSMASQ_HOSTS] = "static", [DNSMASQ_OPTIONS] = "options", [DNSMASQ_NAMES] = "names",
	};

	return suffixes[which];
}

/* One of the files that dnsmasq reads again on SIGHUP. The caller owns the text. -ENOMEM only. */
int dnsmasq_build_file(const struct network *network, enum dnsmasq_file which, char **ret_text, size_t *ret_length)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	if (!file)
		return -ENOMEM;
	switch (which) {
	case DNSMASQ_HOSTS:
		for (size_t i = 0; i < network->n_hosts; i++)
			print_host(&network->hosts[i], file);
		break;
	case DNSMASQ_OPTIONS:
		print_options(network, file);
		break;
	case DNSMASQ_NAMES:
		print_names(network, file);
		break;
	case DNSMASQ_FILE_MAX_:
		break;
	}
	if (fclose(file) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	*ret_length = length;
	return 0;
}

/* Tells the contents of these files from others. 0: they are all empty. -ENOMEM only. */
int dnsmasq_hash_files(const struct network *network, uint64_t *ret_hash)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < DNSMASQ_FILE_MAX_; i++) {
		_cleanup_(freep) char *content = NULL;
		uint8_t key[SIPHASH_KEY_SIZE] = { (uint8_t)i };
		size_t length;
		int r = dnsmasq_build_file(network, i, &content, &length);

		if (r < 0)
			return r;
		if (length > 0)
			hash ^= siphash24(content, length, key);
	}
	*ret_hash = hash;
	return 0;
}

/* Tells one configuration from another. */
uint64_t dnsmasq_hash(const struct text *text)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];

	return siphash24(text->data, text->length, key);
}
