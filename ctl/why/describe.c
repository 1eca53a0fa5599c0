/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule of nftables in words that `nft list ruleset` uses, so that it can be found there.
 * Pure: no system calls.
 *
 * Not a complete printer: what it has no words for appears by the name of its expression.
 */
#include "describe.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/nl/batch.h"
#include "../../lib/util.h"

#define N_REGISTERS	20	/* of four bytes; a register of sixteen begins every fourth */

enum format { FORMAT_HEX, FORMAT_NAME, FORMAT_V4, FORMAT_V6, FORMAT_PORT, FORMAT_PROTOCOL, FORMAT_FAMILY, FORMAT_STATE, FORMAT_NUMBER,
	      FORMAT_MAC, FORMAT_ICMP, FORMAT_ICMPV6 };

struct field {
	char name[48];
	enum format format;
	uint8_t prefix;		/* of a mask; 0: none */
};

struct describer {
	struct text *text;
	struct field fields[N_REGISTERS];
	uint8_t protocol;		/* that the rule has asked for; 0: none */
	bool followed;			/* the protocol that is asked for here is said by a field behind it */
	bool begins_range;		/* the expression behind this comparison says where the range ends */
	bool in_range;
};

static size_t slot(const struct nlattr *attribute)
{
	uint32_t number = nl_get_u32_be(attribute, 0);

	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		return (size_t)number * 4;
	if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		return 4 + (size_t)(number - NFT_REG32_00);
	return 0;
}

static size_t get_value(const struct nlattr *data, const uint8_t **ret_value)
{
	const struct nlattr *table[NFTA_DATA_MAX + 1];

	if (!data || !nl_parse_nested(data, table, ARRAY_SIZE(table)) || !table[NFTA_DATA_VALUE])
		return 0;
	*ret_value = nl_data(table[NFTA_DATA_VALUE]);
	return nl_length(table[NFTA_DATA_VALUE]);
}

static void set_field(struct describer *describer, const struct nlattr *reg, const char *name, enum format format)
{
	struct field *field = &describer->fields[slot(reg)];

	*field = (struct field){ .format = format };
	snprintf(field->name, sizeof(field->name), "%s", name);
}

static void on_meta(struct describer *describer, const struct nlattr *const *table)
{
	static const struct {
		uint32_t key;
		const char *name;
		enum format format;
	} keys[] = {
		{ NFT_META_IIFNAME, "iifname", FORMAT_NAME }, { NFT_META_OIFNAME, "oifname", FORMAT_NAME },
		{ NFT_META_IIF, "iif", FORMAT_NUMBER }, { NFT_META_OIF, "oif", FORMAT_NUMBER },
		{ NFT_META_NFPROTO, "meta nfproto", FORMAT_FAMILY }, { NFT_META_L4PROTO, "meta l4proto", FORMAT_PROTOCOL },
		{ NFT_META_IIFGROUP, "iifgroup", FORMAT_NUMBER }, { NFT_META_OIFGROUP, "oifgroup", FORMAT_NUMBER },
		{ NFT_META_IIFKIND, "meta iifkind", FORMAT_NAME }, { NFT_META_OIFKIND, "meta oifkind", FORMAT_NAME },
		{ NFT_META_BRI_IIFNAME, "meta ibrname", FORMAT_NAME }, { NFT_META_BRI_OIFNAME, "meta obrname", FORMAT_NAME },
		{ NFT_META_MARK, "meta mark", FORMAT_NUMBER }, { NFT_META_PKTTYPE, "meta pkttype", FORMAT_HEX },
	};
	uint32_t key = nl_get_u32_be(table[NFTA_META_KEY], UINT32_MAX);

	for (size_t i = 0; table[NFTA_META_DREG] && i < ARRAY_SIZE(keys); i++)
		if (keys[i].key == key) {
			set_field(describer, table[NFTA_META_DREG], keys[i].name, keys[i].format);
			return;
		}
	if (table[NFTA_META_DREG])
		set_field(describer, table[NFTA_META_DREG], "meta", FORMAT_HEX);
}

/* What nft calls the header of a protocol; NULL for one that has no words here. */
static const char *header_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP: return "tcp";
	case IPPROTO_UDP: return "udp";
	case IPPROTO_ICMP: return "icmp";
	case IPPROTO_ICMPV6: return "icmpv6";
	default: return NULL;
	}
}

static enum format type_format(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP ? FORMAT_ICMP : protocol == IPPROTO_ICMPV6 ? FORMAT_ICMPV6 : FORMAT_NUMBER;
}

static void on_payload(struct describer *describer, const struct nlattr *const *table)
{
	static const struct {
		uint32_t base, offset, length;
		const char *name;
		enum format format;
	} keys[] = {
		{ NFT_PAYLOAD_LL_HEADER, 0, 6, "ether daddr", FORMAT_MAC }, { NFT_PAYLOAD_LL_HEADER, 6, 6, "ether saddr", FORMAT_MAC },
		{ NFT_PAYLOAD_LL_HEADER, 12, 2, "ether type", FORMAT_HEX },
		{ NFT_PAYLOAD_NETWORK_HEADER, 12, 4, "ip saddr", FORMAT_V4 }, { NFT_PAYLOAD_NETWORK_HEADER, 16, 4, "ip daddr", FORMAT_V4 },
		{ NFT_PAYLOAD_NETWORK_HEADER, 8, 16, "ip6 saddr", FORMAT_V6 }, { NFT_PAYLOAD_NETWORK_HEADER, 24, 16, "ip6 daddr", FORMAT_V6 },
		{ NFT_PAYLOAD_NETWORK_HEADER, 9, 1, "ip protocol", FORMAT_PROTOCOL },
		{ NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, "sport", FORMAT_PORT }, { NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, "dport", FORMAT_PORT },
		{ NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, "type", FORMAT_NUMBER },
	};
	uint32_t base = nl_get_u32_be(table[NFTA_PAYLOAD_BASE], UINT32_MAX), offset = nl_get_u32_be(table[NFTA_PAYLOAD_OFFSET], 0);
	uint32_t length = nl_get_u32_be(table[NFTA_PAYLOAD_LEN], 0);
	char other[48];

	if (!table[NFTA_PAYLOAD_DREG])
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].base == base && keys[i].offset == offset && keys[i].length == length) {
			if (base == NFT_PAYLOAD_TRANSPORT_HEADER)
				snprintf(other, sizeof(other), "%s %s", header_name(describer->protocol) ?: length == 1 ? "icmp" : "th", keys[i].name);
			set_field(describer, table[NFTA_PAYLOAD_DREG], base == NFT_PAYLOAD_TRANSPORT_HEADER ? other : keys[i].name,
				  keys[i].format == FORMAT_NUMBER ? type_format(describer->protocol) : keys[i].format);
			return;
		}
	/* The beginning of an address is an address with a mask. */
	if (base == NFT_PAYLOAD_NETWORK_HEADER && (offset == 12 || offset == 16) && length < 4) {
		set_field(describer, table[NFTA_PAYLOAD_DREG], offset == 12 ? "ip saddr" : "ip daddr", FORMAT_V4);
		describer->fields[slot(table[NFTA_PAYLOAD_DREG])].prefix = (uint8_t)(length * 8);
		return;
	}
	snprintf(other, sizeof(other), "@%s,%u,%u", base == NFT_PAYLOAD_NETWORK_HEADER ? "nh" : base == NFT_PAYLOAD_TRANSPORT_HEADER ?
		 "th" : "ll", offset * 8, length * 8);
	set_field(describer, table[NFTA_PAYLOAD_DREG], other, FORMAT_HEX);
}

static void on_ct(struct describer *describer, const struct nlattr *const *table)
{
	uint32_t key = nl_get_u32_be(table[NFTA_CT_KEY], UINT32_MAX);

	if (table[NFTA_CT_DREG])
		set_field(describer, table[NFTA_CT_DREG], key == NFT_CT_STATE ? "ct state" : key == NFT_CT_STATUS ? "ct status" : "ct",
			  key == NFT_CT_STATE ? FORMAT_STATE : FORMAT_HEX);
}

static unsigned int count_bits(const uint8_t *mask, size_t length)
{
	unsigned int n = 0;

	while (n < length * 8 && mask[n / 8] >> (7 - n % 8) & 1)
		n++;
	return n;
}

static void add_states(struct text *text, uint32_t bits)
{
	static const char *const names[] = { "invalid", "established", "related", "new" };
	bool comma = false;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (bits >> i & 1) {
			text_add(text, "%s%s", comma ? "," : "", names[i]);
			comma = true;
		}
	if (bits & 64)
		text_add(text, "%suntracked", comma ? "," : "");
}

/* `ct state established,related` is a mask and a comparison with zero; an address with a mask keeps its length. */
static void on_bitwise(struct describer *describer, const struct nlattr *const *table)
{
	struct field field = describer->fields[slot(table[NFTA_BITWISE_SREG])];
	const uint8_t *mask = NULL;
	size_t length = get_value(table[NFTA_BITWISE_MASK], &mask);

	if (length && (field.format == FORMAT_V4 || field.format == FORMAT_V6)) {
		field.prefix = (uint8_t)count_bits(mask, length);
	} else if (length == 4 && field.format == FORMAT_STATE) {
		struct text text;
		char states[40];
		uint32_t bits;

		memcpy(&bits, mask, sizeof(bits));
		text_init(&text, states, sizeof(states));
		add_states(&text, bits);
		snprintf(field.name, sizeof(field.name), "ct state %.38s", states);
		field.format = FORMAT_HEX;
		field.prefix = 1;	/* the comparison is said already */
	}
	describer->fields[slot(table[NFTA_BITWISE_DREG])] = field;
}

/* As `nft describe icmp type` has them; one without a name is a number. */
static void add_icmp_type(struct text *text, bool v6, uint8_t type)
{
	static const struct {
		bool v6;
		uint8_t type;
		const char *name;
	} types[] = {
		{ false, 0, "echo-reply" }, { false, 3, "destination-unreachable" }, { false, 4, "source-quench" }, { false, 5, "redirect" },
		{ false, 8, "echo-request" }, { false, 9, "router-advertisement" }, { false, 10, "router-solicitation" },
		{ false, 11, "time-exceeded" }, { false, 12, "parameter-problem" }, { false, 13, "timestamp-request" },
		{ false, 14, "timestamp-reply" }, { false, 15, "info-request" }, { false, 16, "info-reply" },
		{ false, 17, "address-mask-request" }, { false, 18, "address-mask-reply" },
		{ true, 1, "destination-unreachable" }, { true, 2, "packet-too-big" }, { true, 3, "time-exceeded" },
		{ true, 4, "parameter-problem" }, { true, 128, "echo-request" }, { true, 129, "echo-reply" },
		{ true, 130, "mld-listener-query" }, { true, 131, "mld-listener-report" }, { true, 132, "mld-listener-done" },
		{ true, 133, "nd-router-solicit" }, { true, 134, "nd-router-advert" }, { true, 135, "nd-neighbor-solicit" },
		{ true, 136, "nd-neighbor-advert" }, { true, 137, "nd-redirect" }, { true, 138, "router-renumbering" },
		{ true, 141, "ind-neighbor-solicit" }, { true, 142, "ind-neighbor-advert" }, { true, 143, "mld2-listener-report" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].v6 == v6 && types[i].type == type) {
			text_add(text, "%s", types[i].name);
			return;
		}
	text_add(text, "%u", type);
}

static void add_value(struct text *text, const struct field *field, const uint8_t *value, size_t length)
{
	char address[INET6_ADDRSTRLEN];
	uint8_t whole[16] = { 0 };
	uint32_t number = 0;

	switch (field->format) {
	case FORMAT_NAME:
		text_add(text, "\"");
		text_add_escaped(text, (const char *)value, strnlen((const char *)value, length));
		/* Without its end it is the beginning of names. */
		text_add(text, "%s\"", length < IFNAME_SIZE && memchr(value, 0, length) == NULL ? "*" : "");
		return;
	case FORMAT_V4:
	case FORMAT_V6:
		memcpy(whole, value, length < sizeof(whole) ? length : sizeof(whole));
		text_add(text, "%s", inet_ntop(field->format == FORMAT_V4 ? AF_INET : AF_INET6, whole, address, sizeof(address)));
		if (field->prefix)
			text_add(text, "/%u", field->prefix);
		return;
	case FORMAT_PORT:
		text_add(text, "%u", length == 2 ? (unsigned int)(value[0] << 8 | value[1]) : 0);
		return;
	case FORMAT_PROTOCOL:
		text_add(text, "%s", value[0] == IPPROTO_TCP ? "tcp" : value[0] == IPPROTO_UDP ? "udp" : value[0] == IPPROTO_ICMP ? "icmp" :
			 value[0] == IPPROTO_ICMPV6 ? "ipv6-icmp" : "other");
		return;
	case FORMAT_FAMILY:
		text_add(text, "%s", value[0] == NFPROTO_IPV4 ? "ipv4" : "ipv6");
		return;
	case FORMAT_NUMBER:
		memcpy(&number, value, length < sizeof(number) ? length : sizeof(number));
		text_add(text, "%u", number);
		return;
	case FORMAT_STATE:
		memcpy(&number, value, length < sizeof(number) ? length : sizeof(number));
		add_states(text, number);
		return;
	case FORMAT_MAC:
		for (size_t i = 0; i < length && i < 6; i++)
			text_add(text, "%s%02x", i ? ":" : "", value[i]);
		return;
	case FORMAT_ICMP:
	case FORMAT_ICMPV6:
		add_icmp_type(text, field->format == FORMAT_ICMPV6, value[0]);
		return;
	case FORMAT_HEX:
		text_add(text, "0x");
		for (size_t i = 0; i < length && i < 16; i++)
			text_add(text, "%02x", value[i]);
		return;
	}
}

/* An end of a range: nft has numbers there. */
static void add_end(struct text *text, const struct field *field, const uint8_t *value, size_t length)
{
	struct field plain = *field;

	if (plain.format == FORMAT_ICMP || plain.format == FORMAT_ICMPV6)
		plain.format = FORMAT_NUMBER;
	add_value(text, &plain, value, length);
}

static void on_cmp(struct describer *describer, const struct nlattr *const *table)
{
	static const char *const operators[] = { "", "!= ", "< ", "<= ", "> ", ">= " };
	const struct field *field = &describer->fields[slot(table[NFTA_CMP_SREG])];
	uint32_t operator = nl_get_u32_be(table[NFTA_CMP_OP], 0);
	const bool ends_range = describer->in_range;
	const uint8_t *value = NULL;
	size_t length = get_value(table[NFTA_CMP_DATA], &value);

	describer->in_range = false;
	if (length == 0 || operator >= ARRAY_SIZE(operators))
		return;
	if (field->format == FORMAT_PROTOCOL && operator == NFT_CMP_EQ)
		describer->protocol = value[0];
	/* Which header follows is said by the name of its field. */
	if (field->format == FORMAT_FAMILY ||
	    (field->format == FORMAT_PROTOCOL && operator == NFT_CMP_EQ && describer->followed && header_name(value[0])))
		return;
	if (field->format == FORMAT_HEX && field->prefix) {
		text_add(describer->text, "%s ", field->name);
		return;
	}
	describer->in_range = describer->begins_range;
	if (ends_range)
		text_add(describer->text, "-");
	else
		text_add(describer->text, "%s %s", field->name, describer->in_range ? "" : operators[operator]);
	if (describer->in_range || ends_range)
		add_end(describer->text, field, value, length);
	else
		add_value(describer->text, field, value, length);
	text_add(describer->text, "%s", describer->in_range ? "" : " ");
}

static void on_range(struct describer *describer, const struct nlattr *const *table)
{
	const struct field *field = &describer->fields[slot(table[NFTA_RANGE_SREG])];
	const uint8_t *from = NULL, *to = NULL;
	size_t length = get_value(table[NFTA_RANGE_FROM_DATA], &from);

	if (length == 0 || get_value(table[NFTA_RANGE_TO_DATA], &to) != length)
		return;
	text_add(describer->text, "%s %s", field->name, nl_get_u32_be(table[NFTA_RANGE_OP], 0) == NFT_RANGE_NEQ ? "!= " : "");
	add_end(describer->text, field, from, length);
	text_add(describer->text, "-");
	add_end(describer->text, field, to, length);
	text_add(describer->text, " ");
}

static void on_lookup(struct describer *describer, const struct nlattr *const *table)
{
	const char *name = nl_get_string(table[NFTA_LOOKUP_SET]) ?: "?";
	const struct field *field = &describer->fields[slot(table[NFTA_LOOKUP_SREG])];
	bool inverted = nl_get_u32_be(table[NFTA_LOOKUP_FLAGS], 0) & NFT_LOOKUP_F_INV, map = table[NFTA_LOOKUP_DREG];

	text_add(describer->text, "%s %s%s%s%s ", field->name, inverted ? "!= " : "", map ? "vmap " : "",
		 strncmp(name, "__", 2) == 0 ? "" : "@", strncmp(name, "__", 2) == 0 ? "{...}" : name);
}

static void add_verdict(struct text *text, int32_t verdict, const char *chain)
{
	switch (verdict) {
	case NF_ACCEPT: text_add(text, "accept "); break;
	case NF_DROP: text_add(text, "drop "); break;
	case NFT_RETURN: text_add(text, "return "); break;
	case NFT_JUMP: text_add(text, "jump %s ", chain); break;
	case NFT_GOTO: text_add(text, "goto %s ", chain); break;
	default: break;
	}
}

static void on_immediate(struct describer *describer, const struct nlattr *const *table)
{
	const struct nlattr *value[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	if (nl_get_u32_be(table[NFTA_IMMEDIATE_DREG], UINT32_MAX) != NFT_REG_VERDICT || !table[NFTA_IMMEDIATE_DATA] ||
	    !nl_parse_nested(table[NFTA_IMMEDIATE_DATA], value, ARRAY_SIZE(value)) || !value[NFTA_DATA_VERDICT] ||
	    !nl_parse_nested(value[NFTA_DATA_VERDICT], verdict, ARRAY_SIZE(verdict)))
		return;
	add_verdict(describer->text, (int32_t)nl_get_u32_be(verdict[NFTA_VERDICT_CODE], 0),
		    nl_get_string(verdict[NFTA_VERDICT_CHAIN]) ?: "?");
}

static void on_nat(struct describer *describer, const struct nlattr *const *table)
{
	text_add(describer->text, "%s ", nl_get_u32_be(table[NFTA_NAT_TYPE], 0) == NFT_NAT_DNAT ? "dnat" : "snat");
}

static void on_match(struct describer *describer, const struct nlattr *const *table)
{
	text_add(describer->text, "xt match %s ", nl_get_string(table[NFTA_MATCH_NAME]) ?: "?");
}

static void on_target(struct describer *describer, const struct nlattr *const *table)
{
	text_add(describer->text, "xt target %s ", nl_get_string(table[NFTA_TARGET_NAME]) ?: "?");
}

static void on_silent(struct describer *describer _unused_, const struct nlattr *const *table _unused_)
{
}

static const struct {
	const char *name;
	void (*describe)(struct describer *describer, const struct nlattr *const *table);
} words[] = {
	{ "meta", on_meta }, { "payload", on_payload }, { "ct", on_ct }, { "bitwise", on_bitwise }, { "cmp", on_cmp },
	{ "range", on_range }, { "lookup", on_lookup }, { "immediate", on_immediate }, { "nat", on_nat }, { "match", on_match },
	{ "target", on_target }, { "counter", on_silent }, { "byteorder", on_silent },
};

#define EXPRESSION_SIZE 32

/* The name of an expression and what belongs to it; NULL when it cannot be read. */
static const char *read_expression(const struct nlattr *expression, const struct nlattr *ret_table[static EXPRESSION_SIZE])
{
	const struct nlattr *outer[NFTA_EXPR_MAX + 1];

	memset(ret_table, 0, EXPRESSION_SIZE * sizeof(*ret_table));
	if (!nl_parse_nested(expression, outer, ARRAY_SIZE(outer)) ||
	    (outer[NFTA_EXPR_DATA] && !nl_parse_nested(outer[NFTA_EXPR_DATA], ret_table, EXPRESSION_SIZE)))
		return NULL;
	return nl_get_string(outer[NFTA_EXPR_NAME]) ?: "?";
}

/*
 * Is this where the rule asks for a protocol, and does it look into its header further on? Then nft takes the one for a part of
 * the other, and lists "udp dport 53" alone.
 */
static bool is_followed(const struct rules_rule *rule, const struct nlattr *expression)
{
	const struct nlattr *table[EXPRESSION_SIZE];
	const char *name = read_expression(expression, table);

	if (!name || strcmp(name, "meta") != 0 || !table[NFTA_META_DREG] || nl_get_u32_be(table[NFTA_META_KEY], 0) != NFT_META_L4PROTO)
		return false;
	while ((expression = nl_next(rule->expressions, expression))) {
		name = read_expression(expression, table);
		if (name && strcmp(name, "payload") == 0 && table[NFTA_PAYLOAD_DREG] &&
		    nl_get_u32_be(table[NFTA_PAYLOAD_BASE], UINT32_MAX) == NFT_PAYLOAD_TRANSPORT_HEADER)
			return true;
	}
	return false;
}

/* Is it a comparison of this kind? @ret_reg: of what. */
static bool is_cmp(const struct nlattr *expression, uint32_t operator, uint32_t *ret_reg)
{
	const struct nlattr *table[EXPRESSION_SIZE];
	const char *name = expression ? read_expression(expression, table) : NULL;

	if (!name || strcmp(name, "cmp") != 0 || nl_get_u32_be(table[NFTA_CMP_OP], UINT32_MAX) != operator)
		return false;
	*ret_reg = nl_get_u32_be(table[NFTA_CMP_SREG], 0);
	return true;
}

/* "7000-7002" is two comparisons, of which the second stands behind the first. */
static bool is_range(const struct rules_rule *rule, const struct nlattr *expression)
{
	uint32_t from, to;

	return is_cmp(expression, NFT_CMP_GTE, &from) && is_cmp(nl_next(rule->expressions, expression), NFT_CMP_LTE, &to) && from == to;
}

/* The rule, on one line. */
void describe_rule(const struct rules_rule *rule, struct text *text)
{
	struct describer describer = { .text = text };
	const struct nlattr *expression = NULL;

	while (rule->expressions && (expression = nl_next(rule->expressions, expression))) {
		const struct nlattr *table[EXPRESSION_SIZE];
		const char *name = read_expression(expression, table);
		size_t i;

		if (!name)
			continue;
		if (strcmp(name, "cmp") != 0)
			describer.followed = is_followed(rule, expression);
		describer.begins_range = is_range(rule, expression);
		for (i = 0; i < ARRAY_SIZE(words) && strcmp(name, words[i].name) != 0; i++)
			;
		if (i < ARRAY_SIZE(words))
			words[i].describe(&describer, table);
		else
			text_add(text, "%s ", strcmp(name, "masq") == 0 ? "masquerade" : strcmp(name, "redir") == 0 ? "redirect" : name);
	}
	while (text->length > 0 && text->data[text->length - 1] == ' ')
		text->data[--text->length] = '\0';
}

/* "rule 3 of chain forward in table inet guestnet: ..." or "the policy of chain ..." */
void describe_place(const struct evaluate_place *place, struct text *text)
{
	const struct rules_chain *chain = place->chain;

	if (!place->rule) {
		text_add(text, "the policy of chain %s in table %s %s", chain->name, rules_family_name(chain->family), chain->table);
		return;
	}
	text_add(text, "rule %zu of chain %s in table %s %s: ", place->number, chain->name, rules_family_name(chain->family), chain->table);
	describe_rule(place->rule, text);
}

/*
 * nft has no way to say a name that is one of its own words: shorewall's chain "reject". Programs that use iptables give such
 * names, and what comes to their chains comes from one that iptables gives its name.
 */
static bool is_unsaid(const struct evaluate_place *place)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	const struct rules_chain *chain = place->chain, *base = place->base;

	return base && base != chain && !chain->name[strspn(chain->name, letters)] && base->name[0] >= 'A' && base->name[0] <= 'Z';
}

/*
 * The command that lets such packets pass where one was stopped by a rule or a policy of somebody else's: an accept before it. @what:
 * which packets, behind their interfaces: "udp dport 67 "; "" for all. Nothing for rules of ours; nor where it would undo all of
 * a chain at a network card: those know no connections.
 */
void describe_accept(const struct evaluate_place *place, const struct packet *packet, const char *what, struct text *text)
{
	const struct rules_chain *chain = place->chain;
	const bool unsaid = is_unsaid(place);

	if ((chain->family == NFPROTO_INET || chain->family == NFPROTO_BRIDGE) && strcmp(chain->table, "guestnet") == 0)
		return;
	if (chain->n_devices > 0 && !packet->frame && (!what[0] || strncmp(what, "ct ", 3) == 0))
		return;
	text_add(text, "nft %s rule %s %s %s", place->rule || unsaid ? "insert" : "add", rules_family_name(chain->family), chain->table,
		 unsaid ? place->base->name : chain->name);
	if (packet->iif.name[0])
		text_add(text, " iifname \"%s\"", packet->iif.name);
	if (packet->oif.name[0])
		text_add(text, " oifname \"%s\"", packet->oif.name);
	text_add(text, " %saccept", what);
}
