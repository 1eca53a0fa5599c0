/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A declared network: what a NAME.network file and its drop-ins say.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/str.h"
#include "mistakes.h"
#include "netstate.h"

#define LIMIT_NETWORK_NAMES		3
#define LIMIT_NETWORK_ADDRESSES		8
#define LIMIT_NETWORK_FORWARDERS	8
#define LIMIT_NETWORK_NTP		8
#define LIMIT_NETWORK_UPLINKS		4
#define LIMIT_NETWORK_PEERS		16
#define LIMIT_NETWORK_RANGES		16
#define LIMIT_NETWORK_RECORDS		64	/* of each kind */
#define LIMIT_NETWORK_HOSTS		2048
#define LIMIT_NETWORK_KEPT_PORTS	8
#define LIMIT_NETWORK_FORWARDS		256
#define LIMIT_NETWORK_ROUTES		64
#define LIMIT_NETWORK_TAPS		256
#define LIMIT_NETWORK_REMOTES		64	/* other hosts of a tunnel */
#define LIMIT_NETWORK_REACH		2048	/* values of DenyOut=, AllowOut=, DenyIn=, AllowIn= together */
#define LIMIT_NETWORK_REACH_RANGES 65536	/* elements that are made of them */
#define LIMIT_NETWORK_FORWARD_PORTS	2048	/* of all forwards together */
#define LIMIT_NETWORK_DOMAIN		254	/* a domain name and its end */
#define LIMIT_NETWORK_LINE		4096	/* bytes of one line of a file, continuations included */
#define LIMIT_DHCP_OPTION		255	/* bytes of an option of IPv4 (RFC 2132) */
#define LIMIT_NETWORK_FILES		257	/* its file and its drop-ins */

enum network_mode {
	NETWORK_NAT,
	NETWORK_ISOLATED,
	NETWORK_ROUTE,
	NETWORK_OPEN,		/* no rule of ours is about it */
	NETWORK_BRIDGE,		/* a bridge that is there already, and stays somebody else's; with an uplink, ours and the LAN's; with a tunnel, ours, too */
	NETWORK_MODE_MAX_,
};

/* What of the host its guests reach. */
enum network_host_access {
	HOST_ACCESS_GATEWAY,	/* DHCP, DNS and ping on their own gateway */
	HOST_ACCESS_ALL,
	HOST_ACCESS_NONE,
	HOST_ACCESS_MAX_,
};

/* When a prefix that was chosen is left for another one by itself, because others on the host are there, too. */
enum network_renumber {
	NETWORK_RENUMBER_IDLE,	/* while no guest has a port on the network */
	NETWORK_RENUMBER_NEVER,
	NETWORK_RENUMBER_ALWAYS,	/* and while guests are on it */
	NETWORK_RENUMBER_MAX_,
};

/* How the checksums of DHCP replies are to be completed. */
enum network_checksum {
	NETWORK_CHECKSUM_AUTO,	/* the first one that works here, in this order */
	NETWORK_CHECKSUM_NFT,
	NETWORK_CHECKSUM_TC,
	NETWORK_CHECKSUM_QUEUE,
	NETWORK_CHECKSUM_OFF,
	NETWORK_CHECKSUM_MAX_,
};

/* Where something was said, for error texts. Line 0: nowhere, it is the default. */
struct network_place {
	unsigned int file : 10;		/* index into network.paths */
	unsigned int line : 22;
};

struct network_address {
	struct ip ip;			/* the host's own address on the bridge */
	uint8_t prefix_length;
	struct network_place place;
};

/* Every key of a file, in the order of the table in keys.c. */
enum key_id {
	KEY_MODE, KEY_BRIDGE, KEY_ALTERNATIVE_NAME, KEY_MAC_ADDRESS, KEY_MTU, KEY_AUTOSTART, KEY_IDLE_TIMEOUT, KEY_START_SERVICES, KEY_HOST_ACCESS, KEY_COEXIST,
	KEY_FORWARD_GUARD, KEY_UPLINK, KEY_PROXY_ARP, KEY_CONFIRM_TIMEOUT, KEY_STP, KEY_NAT_ADDRESS, KEY_NAT_PORTS, KEY_NAT66, KEY_PEER,
	KEY_CHECKSUM, KEY_PORTS, KEY_DENY_OUT, KEY_ALLOW_OUT, KEY_DENY_IN, KEY_ALLOW_IN,
	KEY_ADDRESS, KEY_RENUMBER,
	KEY_DHCP_ENABLE, KEY_DHCP_RANGE, KEY_DHCP_LEASE_TIME, KEY_DHCP_ONLY_HOSTS, KEY_DHCP_IDENTITY, KEY_DHCP_ROUTER,
	KEY_DHCP_NTP, KEY_DHCP_OPTION,
	KEY_DNS_ENABLE, KEY_DNS_DOMAIN, KEY_DNS_FORWARDER, KEY_DNS_HOST, KEY_DNS_TXT, KEY_DNS_SRV,
	KEY_HOST_MAC, KEY_HOST_CLIENT_ID, KEY_HOST_NAME, KEY_HOST_ADDRESS, KEY_HOST_LEASE_TIME, KEY_HOST_OPTION,
	KEY_HOST_DENY_OUT, KEY_HOST_ALLOW_OUT, KEY_HOST_DENY_IN, KEY_HOST_ALLOW_IN,
	KEY_FORWARD_LISTEN, KEY_FORWARD_TO,
	KEY_ROUTE_DESTINATION, KEY_ROUTE_GATEWAY, KEY_ROUTE_METRIC, KEY_ROUTE_ADVERTISE,
	KEY_BOOT_ROOT, KEY_BOOT_FILE, KEY_BOOT_SERVER,
	KEY_TAP_NAME, KEY_TAP_USER, KEY_TAP_GROUP, KEY_TAP_MULTI_QUEUE,
	KEY_TUNNEL_VNI, KEY_TUNNEL_REMOTE, KEY_TUNNEL_GROUP, KEY_TUNNEL_INTERFACE, KEY_TUNNEL_LOCAL, KEY_TUNNEL_PORT, KEY_TUNNEL_MAC_LEARNING, KEY_TUNNEL_TTL,
	KEY_PORT_ISOLATED, KEY_PORT_MAC_BINDING, KEY_PORT_ADDRESS_BINDING, KEY_PORT_RA_GUARD, KEY_PORT_DHCP_GUARD,
	KEY_PORT_BPDU_GUARD, KEY_PORT_TO_RATE, KEY_PORT_TO_BURST, KEY_PORT_TO_PEAK, KEY_PORT_FROM_RATE, KEY_PORT_FROM_BURST,
	KEY_BANDWIDTH_TO_RATE, KEY_BANDWIDTH_TO_BURST, KEY_BANDWIDTH_TO_PEAK, KEY_BANDWIDTH_FROM_RATE, KEY_BANDWIDTH_FROM_BURST,
	KEY_MAX_,
};

/* Where a key was said last. A network says few of them, and there may be a thousand networks. */
struct network_said {
	struct network_place place;
	uint8_t key;			/* enum key_id */
};

#define NETWORK_LEASE_FOREVER UINT32_MAX
#define NETWORK_NEVER UINT32_MAX
#define NETWORK_ANY_SUBNET UINT32_MAX

/* How much may pass: what goes to and comes from all guests of a network together, and each of them. */
enum network_rate_id {
	NETWORK_RATE_TO_GUESTS, NETWORK_RATE_FROM_GUESTS, NETWORK_RATE_TO_GUEST, NETWORK_RATE_FROM_GUEST, NETWORK_RATE_MAX_,
};

struct network_rate {
	uint64_t rate;			/* bytes per second; 0: as much as there is */
	uint64_t peak;			/* bytes per second while a burst lasts; 0: as fast as it goes. To guests only */
	uint32_t burst;			/* bytes that may pass at once; 0: nothing is said */
};

struct network_range {
	struct ip first, last;
	struct network_place place;
};

struct network_texts {
	char **items;			/* owned, and each of them */
	size_t n;
};

/* Ports of the host that lead to a guest. */
enum forward_guest { FORWARD_TO_NOBODY, FORWARD_TO_ADDRESS, FORWARD_TO_MAC, FORWARD_TO_NAME };

struct network_forward {
	struct network_place place;
	uint8_t protocol;		/* IPPROTO_TCP, IPPROTO_UDP; 0: not said */
	struct ip listen;		/* no family: every address of the host */
	uint16_t ports[2];
	uint8_t guest;			/* enum forward_guest */
	struct ip address;
	struct mac mac;
	char name[64];
	uint16_t to[2];			/* 0: the same */
	bool lost;			/* one of its ports is another's: it leads nowhere. The daemon says so (daemon/held.c) */
};

/* A prefix behind a guest. */
struct network_route {
	struct network_place place;
	struct ip destination, gateway;
	uint8_t prefix_length;
	bool advertise;			/* to other guests, by DHCP */
	uint32_t metric;		/* 0: the kernel's own */
};

/* What boots: client architectures of RFC 4578 and its registry, and iPXE, whatever it runs on. */
enum boot_client {
	BOOT_ANY, BOOT_BIOS, BOOT_UEFI_X86_64, BOOT_UEFI_ARM64, BOOT_HTTP_X86_64, BOOT_HTTP_ARM64, BOOT_IPXE,
	BOOT_CLIENT_MAX_,
};

/* A guest that is known. */
struct network_host {
	struct network_place place;
	bool has_mac;
	struct mac mac;
	char client_id[128];
	char name[64];
	struct ip addresses[2];		/* IPv4, IPv6; no family: any */
	uint32_t lease_time_s;		/* 0: that of the network */
	struct network_texts options;	/* as dnsmasq writes them behind dhcp-option= */
};

/* What guests may not begin, or what may not be begun with them, and what of that they may all the same. */
enum network_reach_list { REACH_DENY_OUT, REACH_ALLOW_OUT, REACH_DENY_IN, REACH_ALLOW_IN, REACH_LIST_MAX_ };

struct network_reach {
	struct network_place place;
	uint16_t host;			/* which of `hosts`, from 1; 0: all guests */
	uint8_t list;			/* enum network_reach_list */
	uint8_t protocol;		/* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP for that of both families; 0: any */
	uint8_t prefix_length;
	struct ip prefix;		/* the far end; no family: any */
	uint16_t ports[2];		/* 0: any */
};

/* A tap that is there before its guest. */
#define TAP_ACCOUNT_SIZE	256

struct network_tap {
	struct network_place place;
	char name[IFNAME_SIZE];
	char user[TAP_ACCOUNT_SIZE], group[TAP_ACCOUNT_SIZE];	/* names or numbers; "": not said */
	uint32_t uid, gid;		/* who that is, of names as the daemon has found; NETSTATE_NOBODY: not said, or unknown */
	bool multi_queue;
};

/* The way to the same network on other hosts. */
struct network_tunnel {
	struct network_place place;
	uint32_t vni;			/* which network it is, of those between these hosts; 0: not said */
	uint16_t port;
	uint8_t ttl;			/* 0: the kernel's own */
	bool mac_learning;
	struct ip local;		/* no family: by the route */
	struct ip group;		/* a multicast address, which is then the one remote; no family: none */
	char interface[IFNAME_SIZE];	/* where that is; "": not said */
	struct ip remotes[LIMIT_NETWORK_REMOTES];
	size_t n_remotes;
};

struct network {
	char name[NETWORK_NAME_SIZE];
	uint8_t mode;			/* enum network_mode */
	uint8_t host_access;		/* enum network_host_access */
	bool stp;
	char **paths;			/* owned: its file and its drop-ins, as they were given */
	size_t n_paths;
	struct network_said *said;	/* owned: the keys that were said, in any order */
	size_t n_said;
	char *problem;			/* owned: why the network cannot be, with file and line, a line for each mistake; NULL: it can */
	uint32_t n_problems;		/* mistakes, also those that have no line; 0 where nobody has counted, and it is one */
	int problem_error;		/* what config_parse_all() has returned with it */

	char bridge[IFNAME_SIZE];
	uint32_t mtu;
	uint32_t n_altnames;
	char altnames[LIMIT_NETWORK_NAMES][IFNAME_SIZE];	/* alternative ones of the bridge, besides the network's */
	struct mac mac;
	bool mac_given;
	bool autostart;			/* there from the start */
	uint32_t idle_timeout_s;	/* NETWORK_NEVER */
	bool on_demand;			/* not autostart: comes with the first tap and goes without ports */
	bool services_on_demand;	/* DHCP and DNS begin with the first port */
	bool coexist;			/* rules of ours may be in the places of other firewalls */
	uint8_t checksum;		/* enum network_checksum */
	bool proxy_arp;			/* the host answers for its guests on its uplink */
	bool nat66;
	bool keeps_none;		/* Ports=none */
	bool forward_guard;		/* the host is to forward for us alone */
	uint32_t confirm_timeout_s;	/* of a network card that becomes a port */

	size_t n_uplinks;
	char (*uplinks)[IFNAME_SIZE];	/* owned, as all lists here; none: every way out will do */
	struct ip nat_first[2], nat_last[2];	/* IPv4, IPv6; no family: the address of the way out */
	uint16_t nat_ports[2];		/* first and last; 0: 1024 to 65535 */
	size_t n_peers;
	char (*peers)[NETWORK_NAME_SIZE];	/* networks that are to be reached, when they want it too */

	size_t n_kept_ports;
	char (*kept_ports)[IFNAME_SIZE];	/* patterns for names of others' taps */

	bool address_auto;		/* for each family that no address is written for */
	bool address_delegated;		/* one more, of a prefix that was delegated to the host */
	uint32_t delegated_subnet;	/* which /64 of that; NETWORK_ANY_SUBNET */
	uint8_t renumber;		/* enum network_renumber: when those give way to a route of others */
	bool dhcp;
	bool dns;
	uint32_t lease_time_s;		/* NETWORK_LEASE_FOREVER */
	size_t n_addresses;
	struct network_address *addresses;

	size_t n_ranges;
	struct network_range *ranges;		/* none of IPv4: all of the prefix */
	bool only_hosts;		/* addresses for [Host]s alone */
	bool by_client_id;		/* guests are told apart by that, not by their Ethernet addresses */
	bool no_router;
	bool split_all;			/* one of `splits` is for all names */
	struct ip router;		/* no family: the gateway */
	struct ip boot_servers[2];	/* IPv4, IPv6; no family: the gateway */
	size_t n_ntp;
	struct ip *ntp;
	struct network_texts options;	/* as dnsmasq writes them behind dhcp-option= */

	char *domain;			/* owned */
	size_t n_forwarders;
	struct ip *forwarders;
	struct network_texts splits;	/* other servers, as dnsmasq writes them behind server= */
	struct network_texts names;	/* lines of /etc/hosts */
	struct network_texts records;	/* lines of dnsmasq's configuration */

	struct network_host *hosts;	/* owned */
	size_t n_hosts;
	char *boot_root;		/* owned; NULL: no TFTP */
	char *boot_files[BOOT_CLIENT_MAX_];	/* owned; paths below the root, or addresses of the web; NULL: none */
	struct network_forward *forwards;	/* owned */
	size_t n_forwards;
	struct network_route *routes;	/* owned */
	size_t n_routes;
	struct network_tap *taps;	/* owned */
	size_t n_taps;
	struct network_tunnel *tunnel;	/* owned; NULL: none */
	struct network_reach *reach;	/* owned */
	size_t n_reach;

	struct network_rate *rates;	/* owned; all of enum network_rate_id, or NULL: as much as there is */
	/* What ports of guests may not do: [Port]. */
	bool port_isolated;
	bool mac_binding;
	bool address_binding;		/* then MAC binding, too */
	bool ra_guard, dhcp_guard, bpdu_guard;
};

#define NETWORK_NULL (struct network){ 0 }
void network_deinit(struct network *network);
void network_texts_deinit(struct network_texts *texts);

/* Lists of a network: most networks have one item in them, or none. */
#define NETWORK_APPEND(network, many) \
	network_append((void **)&(network)->many, &(network)->n_##many, sizeof(*(network)->many))
#define NETWORK_CLEAR(network, many) \
	(free((network)->many), (network)->many = NULL, (network)->n_##many = 0)
void *network_append(void **items, size_t *n, size_t size);

struct network_place network_find_place(const struct network *network, enum key_id key);

/* Something in the file is wrong, or else @error: says where it stands, a struct network_place, and returns the error. */
#define network_error(network, where, mistakes, error, format, ...)			\
	mistakes_add(mistakes, error, "%s:%u: " format, STR_ESCAPED((network)->paths[(where).file]),\
		    (where).line, ##__VA_ARGS__)
#define network_failure(network, where, mistakes, format, ...)					\
	network_error(network, where, mistakes, -EINVAL, format, ##__VA_ARGS__)
const struct network_rate *network_find_rate(const struct network *network, enum network_rate_id id);
int network_set_place(struct network *network, enum key_id key, struct network_place place);

extern const char *const network_mode_names[NETWORK_MODE_MAX_];
extern const char *const network_host_access_names[HOST_ACCESS_MAX_];

bool network_name_is_valid(const char *name);
bool network_has_card(const struct network *network);
bool network_is_stretched(const struct network *network);
bool network_is_called(const struct network *network, const char *name);
bool network_has_peer(const struct network *network, const char *name);
