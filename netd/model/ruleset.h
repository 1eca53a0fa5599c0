/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our nftables tables as a description: sets, chains, and rules as lists of small statements.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/str.h"
#include "netstate.h"

#define RULESET_TABLE		"guestnet"
#define RULESET_VERSION		2
#define RULESET_NFPROTO_4	2	/* NFPROTO_IPV4, NFPROTO_IPV6 */
#define RULESET_NFPROTO_6	10
#define RULESET_NFPROTO_ARP	3
#define RULESET_NAME_SIZE	32
#define RULESET_TYPE_IFNAME	41	/* nft(8)'s number for names of interfaces */
#define RULESET_TEXT_SIZE	200
/* What an element without a limit of its own has: nft(8) wants it of a set whose elements have limits. */
#define RULESET_LIMIT_RATE	1024
#define RULESET_LIMIT_TEXT	"limit rate over 1 kbytes/second"
#define RULESET_STATEMENTS	10
#define RULESET_FIELDS		5

/*
 * What only some networks use. The sets and rules of a feature are in the table once a network uses it: until
 * then no packet pays for them.
 */
enum ruleset_feature {
	RULESET_ROUTED		= 1 << 0,	/* Mode=route, NAT66=no */
	RULESET_UPLINK		= 1 << 1,	/* Uplink= */
	RULESET_NAT_ADDRESS	= 1 << 2,	/* NATAddress= */
	RULESET_NAT_PORTS	= 1 << 3,	/* NATPorts= alone */
	RULESET_PEER		= 1 << 4,	/* Peer= */
	RULESET_FORWARD		= 1 << 5,	/* [Forward] */
	RULESET_OPEN		= 1 << 6,	/* Mode=open beside ForwardGuard=yes */
	RULESET_PORT		= 1 << 7,	/* [Port]: a second table, of the bridge family */
	RULESET_RATE		= 1 << 8,	/* [Bandwidth] */
	RULESET_PORT_RATE	= 1 << 9,	/* FromGuestRate=: in that table, too */
	RULESET_GUARD		= 1 << 10,	/* ForwardGuard=yes, while the host did not route before */
	RULESET_BRIDGED		= RULESET_PORT | RULESET_PORT_RATE,
	RULESET_OUT		= 1 << 11,	/* DenyOut= */
	RULESET_IN		= 1 << 12,	/* DenyIn= */
	RULESET_OPEN_OUT	= 1 << 13,	/* DenyOut= with Mode=open, beside RULESET_OUT */
	RULESET_OPEN_IN		= 1 << 14,	/* DenyIn= with Mode=open, beside RULESET_IN */
};

/* What of a packet a statement looks at. */
enum ruleset_field {
	RULESET_IIFNAME, RULESET_OIFNAME,
	RULESET_NFPROTO, RULESET_L4PROTO, RULESET_PKTTYPE,
	RULESET_IP_SADDR, RULESET_IP_DADDR,
	RULESET_IP6_SADDR, RULESET_IP6_DADDR, RULESET_IP6_HOPLIMIT,
	RULESET_UDP_SPORT, RULESET_UDP_DPORT, RULESET_TCP_DPORT, RULESET_TH_DPORT,
	RULESET_ICMP_TYPE, RULESET_ICMPV6_TYPE,
	RULESET_CT_STATE, RULESET_CT_STATUS,
	RULESET_FIB_DADDR_TYPE,
	RULESET_IIFGROUP, RULESET_PROTOCOL,
	RULESET_ETHER_SADDR, RULESET_ETHER_DADDR,
	RULESET_ARP_HTYPE, RULESET_ARP_PTYPE, RULESET_ARP_HLEN, RULESET_ARP_PLEN, RULESET_ARP_SADDR_ETHER, RULESET_ARP_SADDR_IP,
	RULESET_DHCP_CHADDR, RULESET_ICMPV6_TADDR,
	RULESET_IIFKIND, RULESET_OIFKIND,
	RULESET_FIELD_MAX_,
};

enum ruleset_kind {
	RULESET_COMPARE,	/* one field, masked or not, equals (or not) a value */
	RULESET_FLAGS,		/* one field has one of the bits of a value */
	RULESET_LOOKUP,		/* one or two fields together are (or not) in a set */
	RULESET_LATER,		/* an IPv6 fragment that is not the first one */
	RULESET_CLAMP,		/* the MSS of a SYN is not larger than the way out allows */
	RULESET_JUMP, RULESET_GOTO, RULESET_ACCEPT, RULESET_DROP, RULESET_RETURN,
	RULESET_REJECT,		/* icmpx port-unreachable */
	RULESET_MASQUERADE,	/* to ports[0]-ports[1], to those that a map says, or any when they are 0 */
	RULESET_SNAT, RULESET_DNAT,	/* to what a map says for the fields */
	RULESET_KIND_MAX_,
};

struct ruleset_statement {
	uint8_t kind;			/* enum ruleset_kind */
	uint8_t n_fields;
	uint8_t fields[RULESET_FIELDS];	/* enum ruleset_field */
	bool invert;
	bool masked;			/* the last field, by prefix_length bits */
	bool ipv6;			/* SNAT, DNAT */
	bool with_ports;		/* SNAT: those of the map too */
	uint8_t prefix_length;
	uint8_t length;			/* of value */
	uint8_t value[16];		/* as the packet has it; numbers of ct in host byte order */
	char name[RULESET_NAME_SIZE];	/* the set or map, or the chain to go to */
	uint16_t ports[2];
};

struct ruleset_rule {
	const char *chain;		/* const table */
	bool bridge;			/* in the table of the bridge family */
	char text[RULESET_TEXT_SIZE];	/* the statement of nft(8) that it equals */
	size_t n_statements;
	struct ruleset_statement statements[RULESET_STATEMENTS];
};

struct ruleset_chain {
	const char *name;
	const char *type;		/* NULL: not at a hook */
	const char *hook_name;
	uint8_t hook;			/* enum nf_inet_hooks */
	int32_t priority;
	uint32_t feature;		/* enum ruleset_feature; 0: always there */
	bool bridge;			/* in the table of the bridge family */
};

struct ruleset_set {
	char name[RULESET_NAME_SIZE];
	char type_text[80];
	uint32_t key_type;		/* as nft(8) numbers them, so that it prints elements */
	uint8_t key_length;
	uint32_t data_type;		/* of a map */
	uint8_t data_length;		/* 0: a set */
	bool limited;			/* a set; each element has a limit */
	bool interval;			/* the data are two, first and last */
	uint8_t n_parts;		/* of a key whose parts are ranges; else 0 */
	uint8_t parts[RULESET_FIELDS];	/* their lengths */
	bool bridge;			/* in the table of the bridge family */
};

struct ruleset {
	struct ruleset_chain *chains;	/* owned */
	size_t n_chains;
	struct ruleset_set *sets;	/* owned */
	size_t n_sets;
	struct ruleset_rule *rules;	/* owned; chain by chain, in order */
	size_t n_rules;
};

#define RULESET_NULL (struct ruleset){ 0 }

int ruleset_build(const struct netstate_table *table, struct ruleset *ret_ruleset);
void ruleset_deinit(struct ruleset *ruleset);
void ruleset_print(const struct ruleset *ruleset, struct text *text);
uint64_t ruleset_fingerprint(const struct netstate_table *table);

int ruleset_set_name(enum netstate_set set, uint8_t prefix_length, char *buffer, size_t size);
int ruleset_set_parse(const char *name, enum netstate_set *ret_set, uint8_t *ret_prefix_length);
uint8_t ruleset_set_key_length(enum netstate_set set);
uint8_t ruleset_set_data_length(enum netstate_set set);
uint32_t ruleset_set_feature(enum netstate_set set);
bool ruleset_set_is_bridged(enum netstate_set set);
bool ruleset_has_bridge(const struct ruleset *ruleset);
const char *ruleset_set_key(enum netstate_set set);
const char *ruleset_set_data(enum netstate_set set);
bool ruleset_set_is_limited(enum netstate_set set);
bool ruleset_set_has_prefixes(enum netstate_set set);
bool ruleset_set_has_ranges(enum netstate_set set);

#define RULESET_RANGE_SIZE	64	/* NFT_DATA_VALUE_MAXLEN */
size_t ruleset_range(const struct netstate_element *element, uint8_t first[static RULESET_RANGE_SIZE],
		     uint8_t last[static RULESET_RANGE_SIZE]);
bool ruleset_range_parse(const uint8_t *first, const uint8_t *last, size_t length, struct netstate_element *element);
uint8_t ruleset_part_length(char part);
size_t ruleset_part_offset(const char *parts, size_t n);

bool ruleset_has_prefix4(const struct netstate_table *table, unsigned int length);
bool ruleset_has_prefix6(const struct netstate_table *table, unsigned int length);
void ruleset_add_prefix4(struct netstate_table *table, unsigned int length);
void ruleset_add_prefix6(struct netstate_table *table, unsigned int length);
