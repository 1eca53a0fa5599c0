/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line of our nftables tables, in the words of nft(8), to statements.
 * Pure: no system calls.
 */
#include "ruleset-internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"

/* What a field is called, how long it is, and what must be known of the packet before it is read. */
static const struct {
	const char *name;
	uint8_t length;
	uint8_t nfproto;
	uint8_t l4proto;
} field_table[] = {
	[RULESET_IIFNAME] = { "iifname", 16, 0, 0 },
	[RULESET_OIFNAME] = { "oifname", 16, 0, 0 },
	[RULESET_NFPROTO] = { "meta nfproto", 1, 0, 0 },
	[RULESET_L4PROTO] = { "meta l4proto", 1, 0, 0 },
	[RULESET_PKTTYPE] = { "meta pkttype", 1, 0, 0 },
	[RULESET_IP_SADDR] = { "ip saddr", 4, RULESET_NFPROTO_4, 0 },
	[RULESET_IP_DADDR] = { "ip daddr", 4, RULESET_NFPROTO_4, 0 },
	[RULESET_IP6_SADDR] = { "ip6 saddr", 16, RULESET_NFPROTO_6, 0 },
	[RULESET_IP6_DADDR] = { "ip6 daddr", 16, RULESET_NFPROTO_6, 0 },
	[RULESET_IP6_HOPLIMIT] = { "ip6 hoplimit", 1, RULESET_NFPROTO_6, 0 },
	[RULESET_UDP_SPORT] = { "udp sport", 2, 0, 17 },
	[RULESET_UDP_DPORT] = { "udp dport", 2, 0, 17 },
	[RULESET_TCP_DPORT] = { "tcp dport", 2, 0, 6 },
	[RULESET_TH_DPORT] = { "th dport", 2, 0, 0 },
	[RULESET_ICMP_TYPE] = { "icmp type", 1, RULESET_NFPROTO_4, 1 },
	[RULESET_ICMPV6_TYPE] = { "icmpv6 type", 1, RULESET_NFPROTO_6, 58 },
	[RULESET_CT_STATE] = { "ct state", 4, 0, 0 },
	[RULESET_CT_STATUS] = { "ct status", 4, 0, 0 },
	[RULESET_FIB_DADDR_TYPE] = { "fib daddr type", 4, 0, 0 },
	[RULESET_IIFGROUP] = { "iifgroup", 4, 0, 0 },
	[RULESET_PROTOCOL] = { "meta protocol", 2, 0, 0 },
	[RULESET_ETHER_SADDR] = { "ether saddr", 6, 0, 0 },
	[RULESET_ETHER_DADDR] = { "ether daddr", 6, 0, 0 },
	[RULESET_ARP_HTYPE] = { "arp htype", 2, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_PTYPE] = { "arp ptype", 2, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_HLEN] = { "arp hlen", 1, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_PLEN] = { "arp plen", 1, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_SADDR_ETHER] = { "arp saddr ether", 6, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_SADDR_IP] = { "arp saddr ip", 4, RULESET_NFPROTO_ARP, 0 },
	[RULESET_DHCP_CHADDR] = { "@th,288,48", 6, 0, 17 },
	[RULESET_ICMPV6_TADDR] = { "icmpv6 taddr", 16, RULESET_NFPROTO_6, 58 },
	[RULESET_IIFKIND] = { "meta iifkind", 16, 0, 0 },
	[RULESET_OIFKIND] = { "meta oifkind", 16, 0, 0 },
};
static_assert(ARRAY_SIZE(field_table) == RULESET_FIELD_MAX_, "every field has its row");

/* Values with a name: linux/icmp.h, icmpv6.h, in.h, if_ether.h, if_packet.h, nf_conntrack_common.h, rtnetlink.h. */
static const struct {
	uint8_t field;
	uint16_t value;
	const char *name;
} value_table[] = {
	{ RULESET_NFPROTO, RULESET_NFPROTO_4, "ipv4" },
	{ RULESET_NFPROTO, RULESET_NFPROTO_6, "ipv6" },
	{ RULESET_L4PROTO, 6, "tcp" },
	{ RULESET_L4PROTO, 17, "udp" },
	{ RULESET_L4PROTO, 58, "ipv6-icmp" },
	{ RULESET_PKTTYPE, 1, "broadcast" },
	{ RULESET_PKTTYPE, 2, "multicast" },
	{ RULESET_ICMP_TYPE, 8, "echo-request" },
	{ RULESET_ICMPV6_TYPE, 128, "echo-request" },
	{ RULESET_ICMPV6_TYPE, 130, "mld-listener-query" },
	{ RULESET_ICMPV6_TYPE, 131, "mld-listener-report" },
	{ RULESET_ICMPV6_TYPE, 132, "mld-listener-done" },
	{ RULESET_ICMPV6_TYPE, 133, "nd-router-solicit" },
	{ RULESET_ICMPV6_TYPE, 134, "nd-router-advert" },
	{ RULESET_ICMPV6_TYPE, 135, "nd-neighbor-solicit" },
	{ RULESET_ICMPV6_TYPE, 136, "nd-neighbor-advert" },
	{ RULESET_ICMPV6_TYPE, 137, "nd-redirect" },
	{ RULESET_ICMPV6_TYPE, 143, "mld2-listener-report" },
	{ RULESET_CT_STATE, 1, "invalid" },
	{ RULESET_CT_STATE, 2, "established" },
	{ RULESET_CT_STATE, 4, "related" },
	{ RULESET_CT_STATE, 8, "new" },
	{ RULESET_CT_STATE, 64, "untracked" },
	{ RULESET_CT_STATUS, 4, "assured" },
	{ RULESET_CT_STATUS, 32, "dnat" },
	{ RULESET_FIB_DADDR_TYPE, 2, "local" },
	{ RULESET_PROTOCOL, 0x0800, "ip" },
	{ RULESET_PROTOCOL, 0x0806, "arp" },
	{ RULESET_PROTOCOL, 0x86dd, "ip6" },
	{ RULESET_ARP_PTYPE, 0x0800, "ip" },
};

/* A line of the table on its way to statements. */
struct cursor {
	const char *at;
	struct ruleset_rule *rule;
	bool nfproto_known, l4proto_known;
};

static bool take_word(struct cursor *cursor, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(cursor->at, word, length) != 0 || (cursor->at[length] != ' ' && cursor->at[length] != '\0'))
		return false;
	cursor->at += length;
	while (*cursor->at == ' ')
		cursor->at++;
	return true;
}

/* The next word, whatever it is. */
static const char *take_any(struct cursor *cursor, char *buffer, size_t size)
{
	size_t length = strcspn(cursor->at, " ");

	snprintf(buffer, size, "%.*s", (int)length, cursor->at);
	cursor->at += length;
	while (*cursor->at == ' ')
		cursor->at++;
	return buffer;
}

static struct ruleset_statement *add_statement(struct cursor *cursor, enum ruleset_kind kind)
{
	struct ruleset_rule *rule = cursor->rule;
	struct ruleset_statement *statement;

	assert(rule->n_statements < RULESET_STATEMENTS);
	statement = &rule->statements[rule->n_statements++];
	*statement = (struct ruleset_statement){ .kind = kind };
	return statement;
}

static void add_byte_compare(struct cursor *cursor, enum ruleset_field field, uint8_t value)
{
	struct ruleset_statement *statement = add_statement(cursor, RULESET_COMPARE);

	statement->fields[0] = field;
	statement->n_fields = 1;
	statement->length = 1;
	statement->value[0] = value;
}

static void add_protocol_compare(struct cursor *cursor, uint8_t nfproto)
{
	struct ruleset_statement *statement = add_statement(cursor, RULESET_COMPARE);
	uint16_t type = nfproto == RULESET_NFPROTO_ARP ? 0x0806 : nfproto == RULESET_NFPROTO_6 ? 0x86dd : 0x0800;

	statement->fields[0] = RULESET_PROTOCOL;
	statement->n_fields = 1;
	statement->length = 2;
	statement->value[0] = (uint8_t)(type >> 8);
	statement->value[1] = (uint8_t)type;
}

/*
 * What nft(8) leaves unsaid: the protocol must be known before its header is read. In the bridge family every packet's
 * nfproto is the bridge, and the frame says what it carries.
 */
static void add_implied(struct cursor *cursor, enum ruleset_field field)
{
	if (field_table[field].nfproto && !cursor->nfproto_known) {
		if (cursor->rule->bridge)
			add_protocol_compare(cursor, field_table[field].nfproto);
		else
			add_byte_compare(cursor, RULESET_NFPROTO, field_table[field].nfproto);
		cursor->nfproto_known = true;
	}
	if (field_table[field].l4proto && !cursor->l4proto_known) {
		add_byte_compare(cursor, RULESET_L4PROTO, field_table[field].l4proto);
		cursor->l4proto_known = true;
	}
	cursor->nfproto_known |= field == RULESET_NFPROTO || field == RULESET_PROTOCOL;
	cursor->l4proto_known |= field == RULESET_L4PROTO;
}

static bool take_field(struct cursor *cursor, uint8_t *ret_field)
{
	for (size_t i = 0; i < RULESET_FIELD_MAX_; i++)
		if (take_word(cursor, field_table[i].name)) {
			*ret_field = (uint8_t)i;
			return true;
		}
	return false;
}

/* How many leading bits are set; the tables hold no other masks. */
static uint8_t count_bits(const uint8_t *mask, size_t length)
{
	uint8_t n = 0;

	while (n < length * 8 && mask[n / 8] >> (7 - n % 8) & 1)
		n++;
	return n;
}

static void parse_named(struct ruleset_statement *statement, const char *word)
{
	uint32_t bits = 0;

	while (*word) {
		size_t length = strcspn(word, ","), i;

		for (i = 0; i < ARRAY_SIZE(value_table); i++)
			if (value_table[i].field == statement->fields[0] && strlen(value_table[i].name) == length &&
			    strncmp(value_table[i].name, word, length) == 0)
				break;
		assert(i < ARRAY_SIZE(value_table));
		bits |= value_table[i].value;
		word += length + (word[length] == ',');
	}
	if (statement->length == sizeof(bits)) {
		if (statement->fields[0] != RULESET_FIB_DADDR_TYPE)
			statement->kind = RULESET_FLAGS;
		memcpy(statement->value, &bits, sizeof(bits));
	} else if (statement->length == sizeof(uint16_t)) {
		statement->value[0] = (uint8_t)(bits >> 8);
		statement->value[1] = (uint8_t)bits;
	} else {
		statement->value[0] = (uint8_t)bits;
	}
}

static void parse_value(struct ruleset_statement *statement, char *word)
{
	char *slash = strchr(word, '/');
	uint32_t number;

	statement->length = field_table[statement->fields[0]].length;
	if (slash) {
		*slash = '\0';
		statement->masked = true;
		statement->prefix_length = (uint8_t)atoi(slash + 1);
	}
	if (word[0] == '"') {
		snprintf((char *)statement->value, sizeof(statement->value), "%.*s", (int)strcspn(word + 1, "\""), word + 1);
	} else if (inet_pton(statement->length == 16 ? AF_INET6 : AF_INET, word, statement->value) == 1) {
		return;
	} else if (statement->length == 6) {
		struct mac mac;
		int r = mac_parse_any(word, &mac);

		assert(r == 0);
		memcpy(statement->value, &mac, sizeof(mac));
	} else if (str_parse_u32(word, UINT16_MAX, &number) == 0) {
		if (statement->length == 2)
			statement->value[0] = (uint8_t)(number >> 8);
		statement->value[statement->length - 1] = (uint8_t)number;
	} else {
		parse_named(statement, word);
	}
}

/* `FIELD [. FIELD]...`; what they imply comes before them. Returns how many. */
static uint8_t take_fields(struct cursor *cursor, uint8_t fields[static RULESET_FIELDS])
{
	uint8_t n = 0;

	if (!take_field(cursor, &fields[n]))
		return 0;
	for (n = 1; take_word(cursor, "."); n++) {
		bool found = n < RULESET_FIELDS && take_field(cursor, &fields[n]);

		assert(found);
	}
	for (size_t i = 0; i < n; i++)
		add_implied(cursor, fields[i]);
	return n;
}

/* `FIELD [. FIELD] [& MASK] [!=] VALUE-or-@SET` */
static bool parse_match(struct cursor *cursor)
{
	struct ruleset_statement *statement;
	uint8_t fields[RULESET_FIELDS], n, mask[16];
	char word[64];

	n = take_fields(cursor, fields);
	if (n == 0)
		return false;

	statement = add_statement(cursor, RULESET_COMPARE);
	memcpy(statement->fields, fields, n);
	statement->n_fields = n;
	if (take_word(cursor, "&")) {
		uint8_t length = field_table[fields[n - 1]].length;
		int r = inet_pton(length == 16 ? AF_INET6 : AF_INET, take_any(cursor, word, sizeof(word)), mask);

		assert(r == 1);
		statement->masked = true;
		statement->prefix_length = count_bits(mask, length);
	}
	statement->invert = take_word(cursor, "!=");

	take_any(cursor, word, sizeof(word));
	if (word[0] == '@') {
		statement->kind = RULESET_LOOKUP;
		snprintf(statement->name, sizeof(statement->name), "%.*s", RULESET_NAME_SIZE - 1, word + 1);
	} else {
		parse_value(statement, word);
	}
	return true;
}

/* `FIELD [. FIELD]... map @MAP`; a prefix of the first word has been taken. */
static void parse_map(struct cursor *cursor, struct ruleset_statement *head)
{
	struct ruleset_statement *statement;
	uint8_t fields[RULESET_FIELDS];
	char word[64];
	uint8_t n = take_fields(cursor, fields);
	bool map = take_word(cursor, "map");

	assert(n > 0 && map);
	statement = add_statement(cursor, head->kind);
	*statement = *head;
	memcpy(statement->fields, fields, n);
	statement->n_fields = n;
	snprintf(statement->name, sizeof(statement->name), "%.*s", RULESET_NAME_SIZE - 1,
		 take_any(cursor, word, sizeof(word)) + 1);
}

/* `ip to ...` or `ip6 to ...` */
static void parse_nat(struct cursor *cursor, enum ruleset_kind kind)
{
	struct ruleset_statement head = { .kind = (uint8_t)kind, .with_ports = cursor->l4proto_known || kind == RULESET_DNAT };
	bool to;

	head.ipv6 = take_word(cursor, "ip6");
	to = (head.ipv6 || take_word(cursor, "ip")) && take_word(cursor, "to");
	assert(to);
	parse_map(cursor, &head);
}

static void parse_masquerade(struct cursor *cursor)
{
	struct ruleset_statement *statement, head = { .kind = RULESET_MASQUERADE, .with_ports = true };
	char word[64];
	int n;

	if (!take_word(cursor, "to")) {
		add_statement(cursor, RULESET_MASQUERADE);
	} else if (cursor->at[0] == ':' && cursor->at[1] == 'i') {
		cursor->at++;
		parse_map(cursor, &head);
	} else {
		statement = add_statement(cursor, RULESET_MASQUERADE);
		n = sscanf(take_any(cursor, word, sizeof(word)), ":%hu-%hu", &statement->ports[0], &statement->ports[1]);
		assert(n == 2);
	}
}

static void add_chain(struct cursor *cursor, enum ruleset_kind kind)
{
	struct ruleset_statement *statement = add_statement(cursor, kind);
	char word[64];

	snprintf(statement->name, sizeof(statement->name), "%.*s", RULESET_NAME_SIZE - 1, take_any(cursor, word, sizeof(word)));
}

static bool parse_action(struct cursor *cursor)
{
	if (take_word(cursor, "accept")) {
		add_statement(cursor, RULESET_ACCEPT);
	} else if (take_word(cursor, "drop")) {
		add_statement(cursor, RULESET_DROP);
	} else if (take_word(cursor, "return")) {
		add_statement(cursor, RULESET_RETURN);
	} else if (take_word(cursor, "reject")) {
		add_statement(cursor, RULESET_REJECT);
	} else if (take_word(cursor, "goto")) {
		add_chain(cursor, RULESET_GOTO);
	} else if (take_word(cursor, "jump")) {
		add_chain(cursor, RULESET_JUMP);
	} else if (take_word(cursor, "masquerade")) {
		parse_masquerade(cursor);
	} else if (take_word(cursor, "snat")) {
		parse_nat(cursor, RULESET_SNAT);
	} else if (take_word(cursor, "dnat")) {
		parse_nat(cursor, RULESET_DNAT);
	} else if (take_word(cursor, "frag frag-off != 0")) {
		add_protocol_compare(cursor, RULESET_NFPROTO_6);
		add_statement(cursor, RULESET_LATER);
	} else if (take_word(cursor, "tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu")) {
		add_byte_compare(cursor, RULESET_L4PROTO, 6);
		add_statement(cursor, RULESET_CLAMP);
	} else {
		return false;
	}
	return true;
}

/*
 * Fills in the statements that rule->text stands for. The lines are ours, and const: one that cannot be parsed is a programming
 * error.
 */
void ruleset_parse(struct ruleset_rule *rule)
{
	struct cursor cursor = { .at = rule->text, .rule = rule };

	while (*cursor.at) {
		bool known = parse_match(&cursor) || parse_action(&cursor);

		assert(known);
	}
}
