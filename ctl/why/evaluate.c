/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules of nftables do with a packet.
 * Pure: no system calls.
 *
 * Theory of operation. The kernel's machine is small: sixteen registers of four bytes, a verdict, and expressions
 * that load, compare or decide (net/netfilter/nf_tables_core.c:nft_do_chain()). The same machine is run here, on a
 * packet without options, with mark 0 and without a socket, over the kernel's own description of each rule. Three
 * answers are possible, because there are more expressions than are known here: a rule that uses another one is taken
 * as not matching, and is remembered as the reason why the result is not certain, if it would have decided anything.
 */
#include "evaluate.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/nl/batch.h"
#include "../../lib/util.h"
#include "xt.h"

#define REGISTERS_SIZE	80	/* the verdict's sixteen bytes, and sixteen times four */
#define MAX_DEPTH	16	/* NFT_JUMP_STACK_SIZE */

enum result { GO_ON, NO_MATCH, UNSURE, DECIDED };

struct machine {
	struct evaluate *evaluate;
	struct packet *packet;
	const struct rules_chain *chain;	/* of the rule that runs */
	bool at_device;				/* before there are connections, or behind them */
	struct evaluate_place place;
	uint8_t registers[REGISTERS_SIZE];
	int32_t verdict;
	char target[RULES_NAME_SIZE];		/* of a jump or goto */
	bool rejects, translates;
	bool doubtful;			/* a rule that might have let it pass was not understood */
};

/* Where a register's bytes are; NULL when it has not so many. */
static uint8_t *register_at(struct machine *machine, const struct nlattr *attribute, size_t length)
{
	uint32_t number = nl_get_u32_be(attribute, UINT32_MAX);
	size_t offset;

	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		offset = (size_t)number * 16;
	else if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		offset = 16 + (size_t)(number - NFT_REG32_00) * 4;
	else
		return NULL;
	return offset + length <= REGISTERS_SIZE ? machine->registers + offset : NULL;
}

/* A value fills whole registers, with zeros behind it. */
static enum result load(struct machine *machine, const struct nlattr *attribute, const void *value, size_t length)
{
	uint8_t *to = register_at(machine, attribute, (length + 3) / 4 * 4);

	if (!to)
		return UNSURE;
	memset(to, 0, (length + 3) / 4 * 4);
	memcpy(to, value, length);
	return GO_ON;
}

static enum result load_u32(struct machine *machine, const struct nlattr *attribute, uint32_t value)
{
	return load(machine, attribute, &value, sizeof(value));
}

static size_t get_value(const struct nlattr *data, const void **ret_value)
{
	const struct nlattr *table[NFTA_DATA_MAX + 1];

	if (!data || !nl_parse_nested(data, table, ARRAY_SIZE(table)) || !table[NFTA_DATA_VALUE])
		return 0;
	*ret_value = nl_data(table[NFTA_DATA_VALUE]);
	return nl_length(table[NFTA_DATA_VALUE]);
}

#define PARSE(_attribute, _table) \
	((_attribute) && nl_parse_nested(_attribute, _table, ARRAY_SIZE(_table)))

/* Whom the frame was for that it came in (net/ethernet/eth.c:eth_type_trans()); of what the host itself sends nothing is said. */
static uint8_t packet_type(const struct packet *packet)
{
	static const uint8_t everybody[4] = { 255, 255, 255, 255 };

	if (!packet->iif.index)
		return PACKET_HOST;
	if (packet->family == AF_INET && memcmp(packet->target, everybody, sizeof(everybody)) == 0)
		return PACKET_BROADCAST;
	return (packet->family == AF_INET ? packet->target[0] >> 4 == 0xe : packet->target[0] == 0xff) ? PACKET_MULTICAST : PACKET_HOST;
}

static enum result run_meta(struct machine *machine, const struct nlattr *data)
{
	const struct packet *packet = machine->packet;
	const struct nlattr *table[NFTA_META_MAX + 1], *to;
	uint16_t word;
	uint8_t byte;

	if (!PARSE(data, table))
		return UNSURE;
	if (table[NFTA_META_SREG])
		return GO_ON;	/* a mark or a priority is set */
	to = table[NFTA_META_DREG];
	switch (nl_get_u32_be(table[NFTA_META_KEY], UINT32_MAX)) {
	case NFT_META_PROTOCOL:
		word = htons(packet->arp ? ETH_P_ARP : packet->family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
		return load(machine, to, &word, sizeof(word));
	case NFT_META_NFPROTO:
		byte = machine->chain->family == NFPROTO_BRIDGE || machine->chain->family == NFPROTO_NETDEV ? machine->chain->family :
			packet->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
		return load(machine, to, &byte, sizeof(byte));
	case NFT_META_L4PROTO:
		return packet->arp ? NO_MATCH : load(machine, to, &packet->protocol, sizeof(packet->protocol));
	case NFT_META_PKTTYPE:
		if (packet->frame)
			return UNSURE;	/* as the port's device has seen it */
		byte = packet_type(packet);
		return load(machine, to, &byte, sizeof(byte));
	case NFT_META_MARK:
	case NFT_META_SECPATH:
		return load_u32(machine, to, 0);
	case NFT_META_IIFGROUP:
		return packet->iif.name[0] ? load_u32(machine, to, packet->iif.group) : NO_MATCH;
	case NFT_META_OIFGROUP:
		return packet->oif.name[0] ? load_u32(machine, to, packet->oif.group) : NO_MATCH;
	case NFT_META_IIFKIND:
		return packet->iif.kind[0] ? load(machine, to, packet->iif.kind, IFNAME_SIZE) : NO_MATCH;
	case NFT_META_OIFKIND:
		return packet->oif.kind[0] ? load(machine, to, packet->oif.kind, IFNAME_SIZE) : NO_MATCH;
	case NFT_META_BRI_IIFNAME:
		return packet->frame && packet->iif.name[0] ? load(machine, to, packet->bridge, IFNAME_SIZE) : NO_MATCH;
	case NFT_META_BRI_OIFNAME:
		return packet->frame && packet->oif.name[0] ? load(machine, to, packet->bridge, IFNAME_SIZE) : NO_MATCH;
	case NFT_META_IIF:
		return load_u32(machine, to, (uint32_t)packet->iif.index);
	case NFT_META_OIF:
		return load_u32(machine, to, (uint32_t)packet->oif.index);
	case NFT_META_IIFNAME:
		return load(machine, to, packet->iif.name, IFNAME_SIZE);
	case NFT_META_OIFNAME:
		return load(machine, to, packet->oif.name, IFNAME_SIZE);
	case NFT_META_IIFTYPE:
	case NFT_META_OIFTYPE:
		word = ARPHRD_ETHER;
		return load(machine, to, &word, sizeof(word));
	case NFT_META_SKUID:
	case NFT_META_SKGID:	/* what is forwarded has no socket */
		return packet->iif.name[0] ? NO_MATCH : UNSURE;
	default:
		return UNSURE;
	}
}

/* RFC 826, for IPv4 on Ethernet. */
static size_t build_arp(const struct packet *packet, uint8_t buffer[64])
{
	static const uint8_t kinds[] = { 0, 1, 0x08, 0, 6, 4, 0 };

	memcpy(buffer, kinds, sizeof(kinds));
	buffer[7] = packet->reply ? 2 : 1;
	memcpy(buffer + 8, &packet->source_mac, 6);
	memcpy(buffer + 14, packet->source, 4);
	if (packet->reply)
		memcpy(buffer + 18, &packet->target_mac, 6);
	memcpy(buffer + 24, packet->target, 4);
	return 28;
}

/* Is there an Ethernet address among these bytes of the frame's header that is not known? */
static bool has_unknown_mac(const struct packet *packet, uint32_t offset, uint32_t length)
{
	return (offset < 6 && !packet->has_target_mac) || (offset < 12 && offset + length > 6 && !packet->has_source_mac);
}

/* The headers of the packet, as far as they are known. */
static size_t build_header(const struct packet *packet, uint32_t base, uint8_t buffer[64])
{
	uint16_t ports[2] = { htons(packet->source_port), htons(packet->target_port) };

	memset(buffer, 0, 64);
	if (base == NFT_PAYLOAD_LL_HEADER) {
		memcpy(buffer, &packet->target_mac, 6);
		memcpy(buffer + 6, &packet->source_mac, 6);
		buffer[12] = packet->family == AF_INET ? 0x08 : 0x86;
		buffer[13] = packet->arp ? 0x06 : packet->family == AF_INET ? 0x00 : 0xdd;
		return 14;
	}
	if (packet->arp)
		return base == NFT_PAYLOAD_NETWORK_HEADER ? build_arp(packet, buffer) : 0;
	if (base == NFT_PAYLOAD_NETWORK_HEADER && packet->family == AF_INET) {
		buffer[0] = 0x45;
		buffer[3] = 60;
		buffer[8] = 64;
		buffer[9] = packet->protocol;
		memcpy(buffer + 12, packet->source, 4);
		memcpy(buffer + 16, packet->target, 4);
		return 20;
	}
	if (base == NFT_PAYLOAD_NETWORK_HEADER) {
		buffer[0] = 0x60;
		buffer[5] = 40;
		buffer[6] = packet->protocol;
		/* What is not from a neighbour is not heeded (RFC 4861, 7.1). */
		buffer[7] = packet->protocol == IPPROTO_ICMPV6 && packet->source_port >= 133 && packet->source_port <= 137 ? 255 : 64;
		memcpy(buffer + 8, packet->source, 16);
		memcpy(buffer + 24, packet->target, 16);
		return 40;
	}
	if (base != NFT_PAYLOAD_TRANSPORT_HEADER)
		return 0;
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
		buffer[0] = (uint8_t)packet->source_port;
		buffer[1] = (uint8_t)packet->target_port;
		return 4;	/* the checksum, which nobody looks for a port in, as 0 */
	}
	memcpy(buffer, ports, sizeof(ports));
	if (packet->protocol != IPPROTO_TCP)
		return 4;
	buffer[12] = 0x50;
	buffer[13] = packet->established ? 0x10 : 0x02;
	return 14;
}

static enum result run_payload(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_PAYLOAD_MAX + 1];
	uint32_t base, offset, length;
	uint8_t header[64];
	size_t known;

	if (!PARSE(data, table))
		return UNSURE;
	if (table[NFTA_PAYLOAD_SREG])
		return GO_ON;	/* something is written into it */
	offset = nl_get_u32_be(table[NFTA_PAYLOAD_OFFSET], UINT32_MAX);
	length = nl_get_u32_be(table[NFTA_PAYLOAD_LEN], UINT32_MAX);
	base = nl_get_u32_be(table[NFTA_PAYLOAD_BASE], UINT32_MAX);
	known = build_header(machine->packet, base, header);
	/* It has no such header (net/netfilter/nft_payload.c:nft_payload_eval()). */
	if (machine->packet->arp && base == NFT_PAYLOAD_TRANSPORT_HEADER)
		return NO_MATCH;
	if (offset > known || length > known - offset ||
	    (base == NFT_PAYLOAD_LL_HEADER && has_unknown_mac(machine->packet, offset, length)))
		return UNSURE;
	return load(machine, table[NFTA_PAYLOAD_DREG], header + offset, length);
}

static enum result run_cmp(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_CMP_MAX + 1];
	const void *value;
	const uint8_t *from;
	size_t length;
	bool match;
	int r;

	if (!PARSE(data, table))
		return UNSURE;
	length = get_value(table[NFTA_CMP_DATA], &value);
	from = register_at(machine, table[NFTA_CMP_SREG], length);
	if (!from || length == 0)
		return UNSURE;
	r = memcmp(from, value, length);
	switch (nl_get_u32_be(table[NFTA_CMP_OP], UINT32_MAX)) {
	case NFT_CMP_EQ: match = r == 0; break;
	case NFT_CMP_NEQ: match = r != 0; break;
	case NFT_CMP_LT: match = r < 0; break;
	case NFT_CMP_LTE: match = r <= 0; break;
	case NFT_CMP_GT: match = r > 0; break;
	case NFT_CMP_GTE: match = r >= 0; break;
	default: return UNSURE;
	}
	return match ? GO_ON : NO_MATCH;
}

static enum result run_range(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_RANGE_MAX + 1];
	const void *low, *high;
	const uint8_t *from;
	size_t length;
	bool inside;

	if (!PARSE(data, table))
		return UNSURE;
	length = get_value(table[NFTA_RANGE_FROM_DATA], &low);
	from = register_at(machine, table[NFTA_RANGE_SREG], length);
	if (!from || length == 0 || get_value(table[NFTA_RANGE_TO_DATA], &high) != length)
		return UNSURE;
	inside = memcmp(from, low, length) >= 0 && memcmp(from, high, length) <= 0;
	return inside == (nl_get_u32_be(table[NFTA_RANGE_OP], 0) == NFT_RANGE_EQ) ? GO_ON : NO_MATCH;
}

static enum result run_bitwise(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_BITWISE_MAX + 1];
	const void *mask = NULL, *xor = NULL;
	uint8_t *from, value[REGISTERS_SIZE];
	uint32_t length;

	if (!PARSE(data, table))
		return UNSURE;
	length = nl_get_u32_be(table[NFTA_BITWISE_LEN], UINT32_MAX);
	if (length == 0 || length > RULES_KEY_SIZE || nl_get_u32_be(table[NFTA_BITWISE_OP], 0) != NFT_BITWISE_BOOL ||
	    get_value(table[NFTA_BITWISE_MASK], &mask) != length || get_value(table[NFTA_BITWISE_XOR], &xor) != length)
		return UNSURE;
	from = register_at(machine, table[NFTA_BITWISE_SREG], length);
	if (!from)
		return UNSURE;
	for (size_t i = 0; i < length; i++)
		value[i] = (from[i] & ((const uint8_t *)mask)[i]) ^ ((const uint8_t *)xor)[i];
	return load(machine, table[NFTA_BITWISE_DREG], value, length);
}

static enum result run_byteorder(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_BYTEORDER_MAX + 1];
	uint8_t *from, value[REGISTERS_SIZE];
	uint32_t length, size;

	if (!PARSE(data, table))
		return UNSURE;
	length = nl_get_u32_be(table[NFTA_BYTEORDER_LEN], UINT32_MAX);
	size = nl_get_u32_be(table[NFTA_BYTEORDER_SIZE], 0);
	if (length > RULES_KEY_SIZE || (size != 2 && size != 4 && size != 8) || length % size != 0)
		return UNSURE;
	from = register_at(machine, table[NFTA_BYTEORDER_SREG], length);
	if (!from)
		return UNSURE;
	for (size_t i = 0; i < length; i++)	/* both directions are the same */
		value[i] = htons(1) == 1 ? from[i] : from[i / size * size + size - 1 - i % size];
	return load(machine, table[NFTA_BYTEORDER_DREG], value, length);
}

static enum result decide(struct machine *machine, int32_t verdict, const char *chain)
{
	machine->verdict = verdict;
	snprintf(machine->target, sizeof(machine->target), "%s", chain ?: "");
	return DECIDED;
}

static enum result run_immediate(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_IMMEDIATE_MAX + 1], *value[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];
	const void *bytes;
	size_t length;

	if (!PARSE(data, table))
		return UNSURE;
	if (nl_get_u32_be(table[NFTA_IMMEDIATE_DREG], UINT32_MAX) == NFT_REG_VERDICT) {
		if (!PARSE(table[NFTA_IMMEDIATE_DATA], value) || !PARSE(value[NFTA_DATA_VERDICT], verdict))
			return UNSURE;
		return decide(machine, (int32_t)nl_get_u32_be(verdict[NFTA_VERDICT_CODE], 0),
			      nl_get_string(verdict[NFTA_VERDICT_CHAIN]));
	}
	length = get_value(table[NFTA_IMMEDIATE_DATA], &bytes);
	return length ? load(machine, table[NFTA_IMMEDIATE_DREG], bytes, length) : UNSURE;
}

/* Each part of a concatenation within its own bounds; the parts stand on four bytes. */
static bool element_has(const struct rules_set *set, const struct rules_element *element, const uint8_t *key)
{
	size_t offset = 0;

	if (set->n_fields == 0)
		return memcmp(element->key, key, element->key_length) == 0;
	for (size_t i = 0; i < set->n_fields; i++) {
		size_t length = set->fields[i];

		if (offset + length > RULES_KEY_SIZE || memcmp(key + offset, element->key + offset, length) < 0 ||
		    memcmp(key + offset, element->end + offset, length) > 0)
			return false;
		offset += (length + 3) / 4 * 4;
	}
	return true;
}

static const struct rules_element *find_element(const struct rules_set *set, const uint8_t *key)
{
	const struct rules_element *found = NULL, *catchall = NULL;
	bool sorted = set->flags & NFT_SET_INTERVAL && set->n_fields == 0;

	for (size_t i = 0; i < set->n_elements; i++) {
		const struct rules_element *element = &set->elements[i];

		if (element->catchall)
			catchall = element;
		else if (sorted && memcmp(element->key, key, element->key_length) <= 0)
			found = element;	/* the last boundary that is not above it */
		else if (!sorted && !found && element_has(set, element, key))
			found = element;
	}
	if (sorted && found && found->interval_end)
		found = NULL;
	return found ?: catchall;
}

static enum result run_lookup(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_LOOKUP_MAX + 1];
	const struct evaluate_sets *sets = &machine->evaluate->sets;
	const struct rules_element *element;
	struct rules_element asked;
	const struct rules_set *set;
	uint8_t key[RULES_KEY_SIZE] = { 0 };
	bool found = false;
	const uint8_t *from;
	size_t left;

	if (!PARSE(data, table))
		return UNSURE;
	set = rules_find_set(machine->evaluate->rules, machine->chain, nl_get_string(table[NFTA_LOOKUP_SET]) ?: "");
	from = register_at(machine, table[NFTA_LOOKUP_SREG], 4);
	if (!set || !from)
		return UNSURE;
	left = (size_t)(machine->registers + REGISTERS_SIZE - from);
	memcpy(key, from, left < sizeof(key) ? left : sizeof(key));
	if (set->large && (!sets->ask || !sets->ask(sets->data, set, key, &asked, &found)))
		return UNSURE;
	element = !set->large ? find_element(set, key) : found ? &asked : NULL;
	if (!element == !(nl_get_u32_be(table[NFTA_LOOKUP_FLAGS], 0) & NFT_LOOKUP_F_INV))
		return NO_MATCH;
	if (element && element->limited)
		return NO_MATCH;
	if (!table[NFTA_LOOKUP_DREG] || !element)
		return GO_ON;
	if (nl_get_u32_be(table[NFTA_LOOKUP_DREG], UINT32_MAX) == NFT_REG_VERDICT)
		return decide(machine, element->verdict, element->chain);
	return element->data_length ? load(machine, table[NFTA_LOOKUP_DREG], element->data, element->data_length) : UNSURE;
}

static enum result run_ct(struct machine *machine, const struct nlattr *data)
{
	const struct packet *packet = machine->packet;
	const struct nlattr *table[NFTA_CT_MAX + 1];
	uint32_t value = 0;
	uint8_t direction;

	if (!PARSE(data, table))
		return UNSURE;
	if (table[NFTA_CT_SREG])
		return GO_ON;
	if (packet->frame || machine->at_device)
		return UNSURE;	/* bridges have a connection tracking of their own, or none */
	switch (nl_get_u32_be(table[NFTA_CT_KEY], UINT32_MAX)) {
	case NFT_CT_STATE:
		return load_u32(machine, table[NFTA_CT_DREG], packet->established ? 2 : 8);
	case NFT_CT_DIRECTION:
		direction = packet->reply;
		return load(machine, table[NFTA_CT_DREG], &direction, sizeof(direction));
	case NFT_CT_STATUS:
		if (packet->established)
			value |= IPS_SEEN_REPLY | IPS_CONFIRMED | IPS_ASSURED;
		if (packet->translated)
			value |= IPS_DST_NAT;
		return load_u32(machine, table[NFTA_CT_DREG], value);
	case NFT_CT_MARK:
		return load_u32(machine, table[NFTA_CT_DREG], 0);
	default:
		return UNSURE;
	}
}

static enum result run_fib(struct machine *machine, const struct nlattr *data)
{
	const struct evaluate *evaluate = machine->evaluate;
	const struct nlattr *table[NFTA_FIB_MAX + 1];
	uint32_t flags, result, value;

	if (!PARSE(data, table) || !evaluate->fib.ask || machine->packet->frame)
		return UNSURE;
	flags = nl_get_u32_be(table[NFTA_FIB_FLAGS], 0);
	result = nl_get_u32_be(table[NFTA_FIB_RESULT], 0);
	if (result == NFT_FIB_RESULT_OIFNAME || !evaluate->fib.ask(evaluate->fib.data, machine->packet, flags, result, &value))
		return UNSURE;
	if (flags & NFTA_FIB_F_PRESENT)
		value = value != 0;
	return load_u32(machine, table[NFTA_FIB_DREG], value);
}

static enum result run_nat(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_NAT_MAX + 1];
	struct packet *packet = machine->packet;
	uint32_t family;
	const uint8_t *address, *port;

	if (!PARSE(data, table))
		return UNSURE;
	/* A table of both families may translate one, and then does nothing to the other (nft_nat_inet_eval). */
	family = nl_get_u32_be(table[NFTA_NAT_FAMILY], NFPROTO_UNSPEC);
	if (family != NFPROTO_INET && family != (packet->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6))
		return GO_ON;
	if (nl_get_u32_be(table[NFTA_NAT_TYPE], UINT32_MAX) == NFT_NAT_DNAT) {
		address = table[NFTA_NAT_REG_ADDR_MIN] ?
			  register_at(machine, table[NFTA_NAT_REG_ADDR_MIN], packet_address_length(packet)) : NULL;
		port = table[NFTA_NAT_REG_PROTO_MIN] ? register_at(machine, table[NFTA_NAT_REG_PROTO_MIN], 2) : NULL;
		if (address)
			memcpy(packet->target, address, packet_address_length(packet));
		if (port)
			packet->target_port = (uint16_t)(port[0] << 8 | port[1]);
		packet->translated = true;
	} else {
		machine->evaluate->masqueraded = true;
	}
	machine->translates = true;
	return decide(machine, NF_ACCEPT, NULL);
}

static enum result run_masq(struct machine *machine, const struct nlattr *data _unused_)
{
	machine->evaluate->masqueraded = true;
	machine->translates = true;
	return decide(machine, NF_ACCEPT, NULL);
}

static enum result run_redir(struct machine *machine, const struct nlattr *data _unused_)
{
	machine->evaluate->redirected = true;
	machine->translates = true;
	return decide(machine, NF_ACCEPT, NULL);
}

static enum result run_reject(struct machine *machine, const struct nlattr *data _unused_)
{
	machine->rejects = true;
	return decide(machine, NF_DROP, NULL);
}

/* A limit is thought of as not reached. */
static enum result run_limit(struct machine *machine _unused_, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_LIMIT_MAX + 1];

	return PARSE(data, table) && nl_get_u32_be(table[NFTA_LIMIT_FLAGS], 0) & NFT_LIMIT_F_INV ? NO_MATCH : GO_ON;
}

/* What a route says of itself (the largest segment, say) is used to write, not to decide. */
static enum result run_rt(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_RT_MAX + 1];

	return PARSE(data, table) ? load_u32(machine, table[NFTA_RT_DREG], 0) : UNSURE;
}

/* An option that is written changes nothing here; one that is read is not known. */
static enum result run_exthdr(struct machine *machine _unused_, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_EXTHDR_MAX + 1];

	return PARSE(data, table) && table[NFTA_EXTHDR_SREG] ? GO_ON : UNSURE;
}

static enum result run_match(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_MATCH_MAX + 1];

	/* For frames the same names are those of ebtables, with other contents. */
	if (!PARSE(data, table) || !table[NFTA_MATCH_INFO] || machine->packet->frame)
		return UNSURE;
	switch (xt_match(&machine->evaluate->fib, machine->packet, nl_get_string(table[NFTA_MATCH_NAME]) ?: "",
			 nl_data(table[NFTA_MATCH_INFO]), nl_length(table[NFTA_MATCH_INFO]))) {
	case XT_YES: return GO_ON;
	case XT_NO: return NO_MATCH;
	case XT_UNSURE: break;
	}
	return UNSURE;
}

static enum result run_target(struct machine *machine, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_TARGET_MAX + 1];
	const char *name;

	if (!PARSE(data, table) || !table[NFTA_TARGET_INFO] || machine->packet->frame)
		return UNSURE;
	name = nl_get_string(table[NFTA_TARGET_NAME]) ?: "";
	switch (xt_target(machine->packet, name, nl_get_u32_be(table[NFTA_TARGET_REV], 0), nl_data(table[NFTA_TARGET_INFO]),
			  nl_length(table[NFTA_TARGET_INFO]))) {
	case XT_CONTINUE:
		return GO_ON;
	case XT_DROPS:
		return run_reject(machine, NULL);
	case XT_TRANSLATES:
		machine->evaluate->masqueraded |= strcmp(name, "DNAT") != 0;
		machine->translates = true;
		return decide(machine, NF_ACCEPT, NULL);
	case XT_UNKNOWN:
		break;
	}
	return UNSURE;
}

static enum result run_nothing(struct machine *machine _unused_, const struct nlattr *data _unused_)
{
	return GO_ON;
}

static const struct {
	const char *name;
	enum result (*run)(struct machine *machine, const struct nlattr *data);
	bool decides;		/* it may end the rule with a verdict */
} expressions[] = {
	{ "meta", run_meta, false }, { "payload", run_payload, false }, { "cmp", run_cmp, false },
	{ "lookup", run_lookup, true }, { "bitwise", run_bitwise, false }, { "ct", run_ct, false },
	{ "immediate", run_immediate, true }, { "range", run_range, false }, { "byteorder", run_byteorder, false },
	{ "counter", run_nothing, false }, { "log", run_nothing, false }, { "last", run_nothing, false },
	{ "objref", run_nothing, false }, { "dynset", run_nothing, false }, { "limit", run_limit, false },
	{ "reject", run_reject, true }, { "masq", run_masq, true }, { "nat", run_nat, true }, { "redir", run_redir, true },
	{ "rt", run_rt, false }, { "exthdr", run_exthdr, false },
	{ "fib", run_fib, false }, { "match", run_match, false }, { "target", run_target, true },
};

static bool may_decide(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++)
		if (strcmp(name, expressions[i].name) == 0)
			return expressions[i].decides;
	return true;
}

/* Would a rule have decided something after @from? One that only counts makes nobody unsure. */
static bool would_matter(const struct nlattr *all, const struct nlattr *from)
{
	const struct nlattr *expression = from, *table[NFTA_EXPR_MAX + 1];

	do
		if (nl_parse_nested(expression, table, ARRAY_SIZE(table)) && may_decide(nl_get_string(table[NFTA_EXPR_NAME]) ?: ""))
			return true;
	while ((expression = nl_next(all, expression)));
	return false;
}

/* Is this an end for sure? */
static bool is_drop(const char *name, const struct nlattr *data)
{
	const struct nlattr *table[NFTA_IMMEDIATE_MAX + 1], *value[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];
	const struct nlattr *target[NFTA_TARGET_MAX + 1];

	if (strcmp(name, "target") == 0)
		return PARSE(data, target) && strcmp(nl_get_string(target[NFTA_TARGET_NAME]) ?: "", "REJECT") == 0;
	if (strcmp(name, "immediate") == 0)
		return PARSE(data, table) && PARSE(table[NFTA_IMMEDIATE_DATA], value) && PARSE(value[NFTA_DATA_VERDICT], verdict) &&
		       nl_get_u32_be(verdict[NFTA_VERDICT_CODE], NF_ACCEPT) == NF_DROP;
	return strcmp(name, "reject") == 0;
}

/* Might a rule have let the packet pass, from @from on? One that can only drop leaves a later drop as certain as it is. */
static bool might_spare(const struct nlattr *all, const struct nlattr *from)
{
	const struct nlattr *expression = from, *table[NFTA_EXPR_MAX + 1];

	do {
		const char *name = "";

		if (nl_parse_nested(expression, table, ARRAY_SIZE(table)))
			name = nl_get_string(table[NFTA_EXPR_NAME]) ?: "";
		if (may_decide(name) && !is_drop(name, table[NFTA_EXPR_DATA]))
			return true;
	} while ((expression = nl_next(all, expression)));
	return false;
}

static void note_unsure(struct machine *machine, const char *name, const struct nlattr *data)
{
	struct evaluate *evaluate = machine->evaluate;
	const struct nlattr *table[NFTA_MATCH_MAX + 1];
	const char *inner = NULL;

	if (evaluate->unsure.chain)
		return;
	evaluate->unsure = machine->place;
	if ((strcmp(name, "match") == 0 || strcmp(name, "target") == 0) && PARSE(data, table))
		inner = nl_get_string(table[NFTA_MATCH_NAME]);	/* NFTA_TARGET_NAME is the same number */
	snprintf(evaluate->unsure_text, sizeof(evaluate->unsure_text), "%s", inner ?: name);
}

static enum result run_rule(struct machine *machine, const struct rules_rule *rule)
{
	const struct nlattr *expression = NULL, *table[NFTA_EXPR_MAX + 1];

	memset(machine->registers, 0, sizeof(machine->registers));
	while (rule->expressions && (expression = nl_next(rule->expressions, expression))) {
		enum result result = UNSURE;
		const char *name = "?";

		if (nl_parse_nested(expression, table, ARRAY_SIZE(table)))
			name = nl_get_string(table[NFTA_EXPR_NAME]) ?: "?";
		for (size_t i = 0; i < ARRAY_SIZE(expressions); i++)
			if (strcmp(name, expressions[i].name) == 0)
				result = expressions[i].run(machine, table[NFTA_EXPR_DATA]);
		if (result == GO_ON)
			continue;
		if (result == UNSURE && would_matter(rule->expressions, expression)) {
			machine->doubtful |= might_spare(rule->expressions, expression);
			note_unsure(machine, name, table[NFTA_EXPR_DATA]);
		}
		return result == DECIDED ? DECIDED : NO_MATCH;
	}
	return NO_MATCH;
}

/* NF_ACCEPT, NF_DROP, or NFT_RETURN when the chain has come to its end. */
static int32_t run_chain(struct machine *machine, const struct rules_chain *chain, unsigned int depth)
{
	for (size_t i = 0; i < chain->n_rules; i++) {
		const struct rules_chain *target;
		int32_t verdict;

		machine->chain = chain;
		machine->place = (struct evaluate_place){ chain, &chain->rules[i], i + 1 };
		if (run_rule(machine, &chain->rules[i]) != DECIDED)
			continue;
		verdict = machine->verdict;
		if (verdict == NFT_CONTINUE)
			continue;
		if (verdict == NFT_RETURN)
			return NFT_RETURN;
		if (verdict != NFT_JUMP && verdict != NFT_GOTO)
			return verdict & 0xff;	/* NF_VERDICT_MASK */
		target = rules_find_chain(machine->evaluate->rules, chain, machine->target);
		if (!target || depth == MAX_DEPTH)
			return NF_DROP;
		if (verdict == NFT_GOTO)
			return run_chain(machine, target, depth + 1);
		verdict = run_chain(machine, target, depth + 1);
		if (verdict != NFT_RETURN)
			return verdict;
	}
	return NFT_RETURN;
}

/* Does the chain stand at this device? */
bool evaluate_is_at(const struct rules_chain *chain, const char *device)
{
	for (size_t i = 0; device[0] && i < chain->n_devices; i++) {
		const char *name = chain->devices[i];
		size_t length = strlen(name);

		if (strcmp(name, device) == 0 || (length > 0 && name[length - 1] == '*' && strncmp(name, device, length - 1) == 0))
			return true;
	}
	return false;
}

static bool is_base_at_device(const struct rules_chain *chain, const struct packet *packet, int hook)
{
	if (hook == EVALUATE_EGRESS)
		return chain->family == NFPROTO_NETDEV && chain->hook == NF_NETDEV_EGRESS && evaluate_is_at(chain, packet->oif.name);
	return ((chain->family == NFPROTO_NETDEV && chain->hook == NF_NETDEV_INGRESS) ||
		(chain->family == NFPROTO_INET && chain->hook == NF_INET_INGRESS && !packet->arp)) &&
	       evaluate_is_at(chain, packet->iif.name);
}

static bool is_base(const struct rules_chain *chain, const struct packet *packet, int hook)
{
	if (hook == EVALUATE_INGRESS || hook == EVALUATE_EGRESS)
		return is_base_at_device(chain, packet, hook);
	if (chain->hook != hook || packet->frame)
		return chain->hook == hook && chain->family == NFPROTO_BRIDGE;
	return (chain->family == NFPROTO_INET || chain->family == (packet->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6));
}

/* The base chain that comes next at this hook; NULL when there is none. Those of one priority stand in the dump's order. */
static const struct rules_chain *next_base(const struct evaluate *evaluate, const struct packet *packet, int hook,
					   const struct rules_chain *last)
{
	const struct rules_chain *best = NULL;

	for (size_t i = 0; i < evaluate->rules->n_chains; i++) {
		const struct rules_chain *chain = &evaluate->rules->chains[i];

		if (!is_base(chain, packet, hook) || (evaluate->others && strcmp(chain->table, "guestnet") == 0))
			continue;
		if (last && (chain->priority < last->priority || (chain->priority == last->priority && chain <= last)))
			continue;
		if (!best || chain->priority < best->priority)
			best = chain;
	}
	return best;
}

/*
 * Lets @packet, which may change (dnat), go through all chains at a hook (NF_INET_*; a bridge's, NF_BR_*, have the same
 * numbers), or at one of its devices (EVALUATE_*). False when it is stopped there: then
 * evaluate->stopped says where.
 */
bool evaluate_hook(struct evaluate *evaluate, struct packet *packet, int hook)
{
	const struct rules_chain *chain = NULL;
	bool translated = packet->established;	/* nat chains see the first packet of a flow, until one has decided */

	while ((chain = next_base(evaluate, packet, hook, chain))) {
		struct machine machine = { .evaluate = evaluate, .packet = packet, .at_device = hook >= EVALUATE_INGRESS };
		bool nat = strcmp(chain->type, "nat") == 0;
		int32_t verdict;

		if (nat && translated)
			continue;
		verdict = run_chain(&machine, chain, 0);
		if (verdict == NFT_RETURN) {
			machine.place = (struct evaluate_place){ .chain = chain };
			verdict = chain->drops ? NF_DROP : NF_ACCEPT;
		} else if (verdict == NF_ACCEPT) {
			evaluate->accepted = machine.place;
		}
		if (machine.translates) {
			evaluate->nat = machine.place;
			translated = true;
		}
		if (verdict == NF_QUEUE) {	/* a program decides */
			if (!evaluate->unsure.chain) {
				evaluate->unsure = machine.place;
				snprintf(evaluate->unsure_text, sizeof(evaluate->unsure_text), "queue");
			}
		} else if (verdict != NF_ACCEPT) {
			evaluate->stopped = machine.place;
			evaluate->stopped.base = chain;
			evaluate->rejected = machine.rejects;
			evaluate->doubtful = machine.doubtful;
			return false;
		}
	}
	return true;
}
