/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sets and maps of our nftables tables: what their keys and data are made of.
 * Pure: no system calls.
 */
#include "ruleset-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/util.h"

/*
 * Keys and data of sets and maps are made of parts, each padded to four bytes. A type is numbered as nft(8)
 * does it; of a concatenation, six bits each.
 */
static const struct part {
	char letter;
	uint8_t length;			/* padded */
	uint8_t type;
	const char *name;
	uint8_t exact;			/* without padding, where it may stand beside ranges */
} parts[] = {
	{ 'n', 16, RULESET_TYPE_IFNAME, "ifname", 16 },
	{ '4', 4, 7, "ipv4_addr", 4 },
	{ '6', 16, 8, "ipv6_addr", 16 },
	{ 'p', 4, 12, "inet_proto" },
	{ 's', 4, 13, "inet_service" },
	{ 'f', 1, 2, "nf_proto" },	/* stands alone */
	{ 'g', 4, 35, "devgroup" },	/* in the host's byte order */
	{ 'm', 8, 9, "ether_addr", 6 },
	/* Ranges, first and last, which the kernel has in two keys. */
	{ 'P', 2, 12, "inet_proto", 1 },
	{ 'S', 4, 13, "inet_service", 2 },
	/* Of limits, in the host's byte order: bytes per second, and bytes at once. No type of nft(8)'s. */
	{ 'r', 8, 0, "rate" },
	{ 'b', 4, 0, "burst" },
};

const struct ruleset_set_row ruleset_set_rows[NETSTATE_SET_MAX_] = {
	[NETSTATE_SET_BRIDGES] = { "bridges", false, "n" },
	[NETSTATE_SET_SOURCE4] = { "source", true, "n4" },
	[NETSTATE_SET_SOURCE6] = { "source6_", true, "n6" },
	[NETSTATE_SET_SAME] = { "same", false, "nn" },
	[NETSTATE_SET_NAT] = { "nat", false, "n" },
	[NETSTATE_SET_GATEWAY4] = { "gateway4", false, "4" },
	[NETSTATE_SET_LOCAL4] = { "local4", false, "n4" },
	[NETSTATE_SET_LOCAL6] = { "local6", false, "n6" },
	[NETSTATE_SET_HOSTOPEN] = { "hostopen", false, "n" },
	[NETSTATE_SET_HOSTCLOSED] = { "hostclosed", false, "n" },
	[NETSTATE_SET_NAT6] = { "nat6", false, "n" },
	[NETSTATE_SET_INSIDE4] = { "inside", true, "n4" },
	[NETSTATE_SET_INSIDE6] = { "inside6_", true, "n6" },
	[NETSTATE_SET_GUARD] = { "guard", false, "f", NULL, RULESET_GUARD },
	[NETSTATE_SET_ROUTED4] = { "routed", true, "n4", NULL, RULESET_ROUTED },
	[NETSTATE_SET_ROUTED6] = { "routed6_", true, "n6", NULL, RULESET_ROUTED },
	[NETSTATE_SET_UPLINKED] = { "uplinked", false, "n", NULL, RULESET_UPLINK },
	[NETSTATE_SET_UPLINK] = { "uplink", false, "nn", NULL, RULESET_UPLINK },
	[NETSTATE_SET_NATADDR4] = { "nataddr4", false, "n", "4s4s", RULESET_NAT_ADDRESS },
	[NETSTATE_SET_NATADDR6] = { "nataddr6", false, "n", "6s6s", RULESET_NAT_ADDRESS },
	[NETSTATE_SET_NATPORTS] = { "natports", false, "n", "ss", RULESET_NAT_PORTS },
	[NETSTATE_SET_PEER] = { "peer", false, "nn", NULL, RULESET_PEER },
	[NETSTATE_SET_FORWARD4] = { "forward4", false, "ps", "4s", RULESET_FORWARD },
	[NETSTATE_SET_FORWARD6] = { "forward6", false, "ps", "6s", RULESET_FORWARD },
	[NETSTATE_SET_FORWARD_AT4] = { "forwardat4", false, "4ps", "4s", RULESET_FORWARD },
	[NETSTATE_SET_FORWARD_AT6] = { "forwardat6", false, "6ps", "6s", RULESET_FORWARD },
	[NETSTATE_SET_OPEN] = { "open", false, "n", NULL, RULESET_OPEN },
	[NETSTATE_SET_OUT] = { "out", false, "n", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST] = { "outguest", false, "nm", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_ALLOW4] = { "outguestallow4", false, "nm4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_ALLOW6] = { "outguestallow6", false, "nm6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_DENY4] = { "outguestdeny4", false, "nm4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_DENY6] = { "outguestdeny6", false, "nm6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_ALLOW4] = { "outallow4", false, "n4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_ALLOW6] = { "outallow6", false, "n6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_DENY4] = { "outdeny4", false, "n4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_DENY6] = { "outdeny6", false, "n6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_IN] = { "in", false, "n", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST4] = { "inguest4", false, "n4", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST6] = { "inguest6", false, "n6", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_ALLOW4] = { "inguestallow4", false, "n44PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_ALLOW6] = { "inguestallow6", false, "n66PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_DENY4] = { "inguestdeny4", false, "n44PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_DENY6] = { "inguestdeny6", false, "n66PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_ALLOW4] = { "inallow4", false, "n4PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_ALLOW6] = { "inallow6", false, "n6PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_DENY4] = { "indeny4", false, "n4PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_DENY6] = { "indeny6", false, "n6PS", NULL, RULESET_IN },
	[NETSTATE_SET_OPEN_OUT] = { "openout", false, "n", NULL, RULESET_OPEN_OUT },
	[NETSTATE_SET_OPEN_IN] = { "openin", false, "n", NULL, RULESET_OPEN_IN },
	[NETSTATE_SET_PORT_GUARDED] = { "guarded", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_RA] = { "ra", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_DHCP] = { "dhcp", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_BPDU] = { "bpdu", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_LEASED] = { "leased", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_BOUND] = { "bound", false, "n", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_MAC] = { "mac", false, "nm", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_TAKEN] = { "taken", false, "gm", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_ADDRESS4] = { "address4", false, "gm4", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_ADDRESS6] = { "address6", false, "gm6", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_GATEWAY6] = { "gateway6", false, "g6", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_RATE] = { "portrate", false, "n", "rb", RULESET_PORT_RATE, true },
	[NETSTATE_SET_RATE] = { "rate", false, "n", "rb", RULESET_RATE, true },
};

/* Is @length one of the prefix lengths that the table is made for? */
bool ruleset_has_prefix4(const struct netstate_table *table, unsigned int length)
{
	return length <= 32 && (table->prefixes4 >> length & 1);
}

bool ruleset_has_prefix6(const struct netstate_table *table, unsigned int length)
{
	return length <= 128 && (table->prefixes6[length / 64] >> length % 64 & 1);
}

void ruleset_add_prefix4(struct netstate_table *table, unsigned int length)
{
	if (length <= 32)
		table->prefixes4 |= UINT64_C(1) << length;
}

void ruleset_add_prefix6(struct netstate_table *table, unsigned int length)
{
	if (length <= 128)
		table->prefixes6[length / 64] |= UINT64_C(1) << length % 64;
}

/* The kernel's name of a set. -EINVAL for a set that there is not, -ENAMETOOLONG. */
int ruleset_set_name(enum netstate_set set, uint8_t prefix_length, char *buffer, size_t size)
{
	int n;

	if (set >= NETSTATE_SET_MAX_)
		return -EINVAL;
	if (ruleset_set_rows[set].per_prefix)
		n = snprintf(buffer, size, "%s%u", ruleset_set_rows[set].name, prefix_length);
	else
		n = snprintf(buffer, size, "%s", ruleset_set_rows[set].name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Which set a name of the kernel's stands for. -ENOENT when it is none of ours. */
int ruleset_set_parse(const char *name, enum netstate_set *ret_set, uint8_t *ret_prefix_length)
{
	for (size_t i = 0; i < NETSTATE_SET_MAX_; i++) {
		const char *rest;
		uint32_t length;

		if (!ruleset_set_rows[i].per_prefix && strcmp(name, ruleset_set_rows[i].name) == 0) {
			*ret_set = i;
			*ret_prefix_length = 0;
			return 0;
		}
		if (!ruleset_set_rows[i].per_prefix || !str_has_prefix(name, ruleset_set_rows[i].name, &rest))
			continue;
		if (str_parse_u32(rest, strcmp(ruleset_set_rows[i].key, "n4") == 0 ? 32 : 128, &length) == 0) {
			*ret_set = i;
			*ret_prefix_length = (uint8_t)length;
			return 0;
		}
	}
	return -ENOENT;
}

static const struct part *find_part(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].letter == letter)
			return &parts[i];
	return NULL;
}

/* How many bytes a part of a key or of data takes, padding included. */
uint8_t ruleset_part_length(char part)
{
	return find_part(part)->length;
}

/* Where part number @n of @list begins. */
size_t ruleset_part_offset(const char *list, size_t n)
{
	size_t offset = 0;

	for (size_t i = 0; i < n; i++)
		offset += find_part(list[i])->length;
	return offset;
}

uint8_t ruleset_set_key_length(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ ? (uint8_t)ruleset_part_offset(ruleset_set_rows[set].key, strlen(ruleset_set_rows[set].key)) : 0;
}

/* 0 for a set that is no map and has no limits. */
uint8_t ruleset_set_data_length(enum netstate_set set)
{
	const char *data = set < NETSTATE_SET_MAX_ ? ruleset_set_rows[set].data : NULL;

	return data ? (uint8_t)ruleset_part_offset(data, strlen(data)) : 0;
}

/* What it belongs to; 0 when it is always there. */
uint32_t ruleset_set_feature(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ ? ruleset_set_rows[set].feature : 0;
}

/* Is it in the table of the bridge family? */
bool ruleset_set_is_bridged(enum netstate_set set)
{
	return ruleset_is_bridged(ruleset_set_feature(set));
}

/* The parts of its keys, a letter each: n interface's name, 4 and 6 addresses, p protocol, s port, g group, m Ethernet address, P and S ranges. */
const char *ruleset_set_key(enum netstate_set set)
{
	return ruleset_set_rows[set].key;
}

/* Does each of its elements have a limit? */
bool ruleset_set_is_limited(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ && ruleset_set_rows[set].limited;
}

/* Is there one of the kind for each prefix length in use? */
bool ruleset_set_has_prefixes(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ && ruleset_set_rows[set].per_prefix;
}

/* Are its elements ranges: a prefix, protocols and ports at the end of their keys? */
bool ruleset_set_has_ranges(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ && strchr(ruleset_set_rows[set].key, 'S');
}

/* The address with @prefix_length bits as it is, and all others 0 or 1. */
static void fill_address(uint8_t *bytes, size_t length, unsigned int prefix_length, bool ones)
{
	for (unsigned int i = prefix_length; i < length * 8; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		bytes[i / 8] = (uint8_t)(ones ? bytes[i / 8] | bit : bytes[i / 8] & ~bit);
	}
}

/* An element of ranges as the kernel has it: the first key and the last one, both with parts padded to four bytes. Returns their length. */
size_t ruleset_range(const struct netstate_element *element, uint8_t first[static RULESET_RANGE_SIZE],
		     uint8_t last[static RULESET_RANGE_SIZE])
{
	const char *list = ruleset_set_rows[element->set].key;
	const uint8_t *from = element->key;
	size_t n = 0;

	memset(first, 0, RULESET_RANGE_SIZE);
	memset(last, 0, RULESET_RANGE_SIZE);
	for (; *list; from += find_part(*list++)->length) {
		size_t exact = find_part(*list)->exact;
		bool range = *list == 'P' || *list == 'S';

		memcpy(first + n, from, exact);
		memcpy(last + n, from + (range ? exact : 0), exact);
		if (list[1] == 'P') {
			fill_address(first + n, exact, element->prefix_length, false);
			fill_address(last + n, exact, element->prefix_length, true);
		}
		n += (exact + 3) / 4 * 4;
	}
	return n;
}

/*
 * The other way round: completes an element whose set is known. False for what is none of ours: not of this length, or the far end
 * is no prefix.
 */
bool ruleset_range_parse(const uint8_t *first, const uint8_t *last, size_t length, struct netstate_element *element)
{
	const char *list = ruleset_set_rows[element->set].key;
	uint8_t again[2][RULESET_RANGE_SIZE], *to = element->key;
	size_t n = 0;

	element->prefix_length = 0;
	for (const char *p = list; *p; n += (find_part(*p++)->exact + 3u) / 4 * 4)
		;
	if (n != length || n > RULESET_RANGE_SIZE)
		return false;
	n = 0;
	for (; *list; to += find_part(*list++)->length) {
		size_t exact = find_part(*list)->exact;

		memcpy(to, first + n, exact);
		if (*list == 'P' || *list == 'S')
			memcpy(to + exact, last + n, exact);
		while (list[1] == 'P' && element->prefix_length < exact * 8 &&
		       !((first[n + element->prefix_length / 8] ^ last[n + element->prefix_length / 8]) & 0x80 >> element->prefix_length % 8))
			element->prefix_length++;
		n += (exact + 3) / 4 * 4;
	}
	element->key_length = (uint8_t)(to - element->key);
	return ruleset_range(element, again[0], again[1]) == length && memcmp(again[0], first, length) == 0 &&
	       memcmp(again[1], last, length) == 0;
}

/* The parts of what its keys stand for, or of a limit; NULL for a set that is no map and has none. */
const char *ruleset_set_data(enum netstate_set set)
{
	return ruleset_set_rows[set].data;
}

/* Are these twice the same parts, the first and the last of an interval? */
static bool is_interval(const char *list)
{
	size_t n = strlen(list);

	return n % 2 == 0 && strncmp(list, list + n / 2, n / 2) == 0;
}

static uint32_t add_type(const char *list, size_t n, struct text *text)
{
	uint32_t type = 0;

	for (size_t i = 0; i < n; i++) {
		text_add(text, "%s%s", i ? " . " : "", find_part(list[i])->name);
		type = type << 6 | find_part(list[i])->type;
	}
	return type;
}

/* What the kernel wants to know of a key whose parts are ranges. */
static void add_parts(const char *list, struct ruleset_set *item)
{
	item->key_length = 0;
	for (size_t i = 0; list[i]; i++) {
		item->parts[item->n_parts++] = find_part(list[i])->exact;
		item->key_length = (uint8_t)(item->key_length + (find_part(list[i])->exact + 3) / 4 * 4);
	}
}

/* What the kernel is told of a set; @length counts where there is one for each prefix length. */
void ruleset_describe_set(enum netstate_set set, unsigned int length, struct ruleset_set *item)
{
	struct text text;

	memset(item, 0, sizeof(*item));
	ruleset_set_name(set, (uint8_t)length, item->name, sizeof(item->name));
	text_init(&text, item->type_text, sizeof(item->type_text));
	item->key_type = add_type(ruleset_set_rows[set].key, strlen(ruleset_set_rows[set].key), &text);
	item->key_length = ruleset_set_key_length(set);
	if (ruleset_set_has_ranges(set))
		add_parts(ruleset_set_rows[set].key, item);
	item->bridge = ruleset_is_bridged(ruleset_set_rows[set].feature);
	item->limited = ruleset_set_rows[set].limited;
	item->data_length = item->limited ? 0 : ruleset_set_data_length(set);
	if (item->data_length) {
		size_t n = strlen(ruleset_set_rows[set].data);

		item->interval = is_interval(ruleset_set_rows[set].data);
		text_add(&text, " : %s", item->interval ? "interval " : "");
		item->data_type = add_type(ruleset_set_rows[set].data, item->interval ? n / 2 : n, &text);
	}
}
