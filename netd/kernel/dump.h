/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoders for what the kernel tells about links, addresses, routes and rules.
 * Pure.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../model/netstate.h"

/* Values of an interface that are below /proc/sys/net, too, and that no event tells of. */
enum dump_value {
	VALUE_ACCEPT_RA, VALUE_ACCEPT_DAD, VALUE_DISABLE_IPV6, VALUE_FORWARDING6, VALUE_PROXY_NDP,
	VALUE_FORWARDING4, VALUE_RP_FILTER, VALUE_ROUTE_LOCALNET, VALUE_PROXY_ARP,
	VALUE_MAX_,
};

struct dump_values {
	uint32_t present;		/* bit n: value n */
	int32_t values[VALUE_MAX_];
};

bool dump_value_find(const char *family, const char *name, enum dump_value *ret_value);

/* Of a tap, who may open it. */
struct dump_tap {
	uint32_t uid, gid;		/* NETSTATE_NOBODY: everybody with the right to */
	bool declared;			/* marked so by us */
	bool persist, multi_queue, in_use;
	bool carries_ip;		/* a tun, of a VPN for example: no bridge takes it */
};

/* One link, with everything that a bridge or a port may have. */
struct dump_link {
	struct dump_values values;
	struct netstate_bridge bridge;	/* of kind "bridge" */
	struct netstate_port port;	/* everything else */
	char kind[16];			/* "" for a network card */
	struct netstate_tunnel tunnel;	/* of kind "vxlan", and what is called as a tunnel of ours; else without a name */
	struct dump_tap tap;		/* of kind "tun", and what carries the mark of a declared tap */
	bool loopback;
	uint8_t addr_gen_mode;		/* IN6_ADDR_GEN_MODE_*: of the link-local address; 0 as well where there is no IPv6 */
	bool no_gen_mode;		/* there is IPv6, and that was not said */
};

#define DUMP_ALIAS_NETWORK	"guestnet net="
#define DUMP_ALIAS_PORT		"guestnet uid="
/* Behind kind= in the alias of a port: not the helper's, but declared in a file, or adopted by somebody's word. */
#define DUMP_KIND_DECLARED	"declared"
#define DUMP_KIND_ADOPTED	"adopted"

/* Words behind net= in the alias of a tunnel: that it is one; what it goes through, where the kernel does not say; whose remotes it has. */
#define DUMP_TUNNEL		"tunnel"
#define DUMP_TUNNEL_V6		"v6"
#define DUMP_TUNNEL_LISTED	"remotes"

int dump_link(const struct nlmsghdr *message, struct dump_link *ret_link);
int dump_address(const struct nlmsghdr *message, struct netstate_address *ret_address, int *ret_ifindex,
		 bool *ret_link_local);
int dump_route(const struct nlmsghdr *message, struct netstate_route *ret_route, int *ret_ifindex);

/* Of one port: is it in the VLAN @vid alone, untagged? Adds up over the messages of a dump. */
struct dump_vlans {
	int port;
	uint16_t vid;
	bool found, others;
};

int dump_vlans(const struct nlmsghdr *message, struct dump_vlans *vlans);
bool dump_is_advertised(const struct nlmsghdr *message);
bool dump_alias_has(const char *alias, const char *word);
bool dump_alias_word(const char *alias, const char *key, char *buffer, size_t size);

/*
 * A table of nftables in a form that can be compared: a line per set, chain and rule, whether it comes
 * from a dump or from messages of our own.
 */
struct dump_lines {
	char **lines;			/* owned */
	size_t n, max;
	char chain[64];			/* of the last rule */
	unsigned int rule;		/* its number there */
	bool failed;			/* out of memory, or something that cannot be written down */
};

#define DUMP_LINES_NULL (struct dump_lines){ 0 }

void dump_lines_deinit(struct dump_lines *lines);
void dump_lines_add(struct dump_lines *lines, const char *table, const struct nlmsghdr *message);
bool dump_lines_equal(struct dump_lines *a, struct dump_lines *b);
bool dump_rule_line(const struct nlmsghdr *message, char *buffer, size_t size);

struct dump_table {
	uint32_t flags, owner;
	uint64_t handle;
};

int dump_table(const struct nlmsghdr *message, struct dump_table *ret_table);
/* @value is what the key of a map stands for, or an element's limit; @value_length is 0 for a set. */
/* @end: of a range, the last key, as long as the first one; else NULL. */
typedef int (*dump_each_element)(const void *key, const void *end, size_t length, const void *value, size_t value_length, void *data);
int dump_elements(const struct nlmsghdr *message, dump_each_element each, void *data);
