/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables: our table's description as messages, by libnftnl.
 * Acts only in nft_probe_owner(), nft_has_bridges() and nft_table_exists(); the rest writes messages.
 */
#include "nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"

static inline void table_freep(struct nftnl_table **table)
{
	if (*table)
		nftnl_table_free(*table);
}

static inline void chain_freep(struct nftnl_chain **chain)
{
	if (*chain)
		nftnl_chain_free(*chain);
}

static inline void set_freep(struct nftnl_set **set)
{
	if (*set)
		nftnl_set_free(*set);
}

static inline void rule_freep(struct nftnl_rule **rule)
{
	if (*rule)
		nftnl_rule_free(*rule);
}

/* Begins a message of nftables. */
void nft_begin(struct nl_batch *batch, uint8_t message, uint16_t flags, uint8_t family, uint32_t tag)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	nl_begin(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, tag, &header, sizeof(header));
}

static void put_mark(struct nl_batch *batch, uint16_t type)
{
	const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0,
					 .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	nl_begin(batch, type, 0, NL_UNTAGGED, &header, sizeof(header));
}

/* Begins a transaction. */
void nft_put_begin(struct nl_batch *batch)
{
	batch->whole = true;
	put_mark(batch, NFNL_MSG_BATCH_BEGIN);
}

/* Ends a transaction. Without this the kernel checks everything, answers, and changes nothing. */
void nft_put_end(struct nl_batch *batch)
{
	put_mark(batch, NFNL_MSG_BATCH_END);
}

/* Which of our two tables. */
static uint8_t family_of(bool bridge)
{
	return bridge ? NFPROTO_BRIDGE : NFPROTO_INET;
}

static void put_table_named(struct nl_batch *batch, bool bridge, const char *name, uint32_t flags, uint32_t tag)
{
	_cleanup_(table_freep) struct nftnl_table *table = nftnl_table_alloc();
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(64);
	struct nlmsghdr *message;
	char comment[32];

	snprintf(comment, sizeof(comment), "guestnet %d", RULESET_VERSION);
	nft_begin(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, family_of(bridge), tag);
	message = nl_roomy(batch);
	if (!table || !udata || !message) {
		nl_fail(batch, -ENOMEM);
	} else {
		nftnl_table_set_str(table, NFTNL_TABLE_NAME, name);
		nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, flags);
		nftnl_udata_put_strz(udata, NFTNL_UDATA_TABLE_COMMENT, comment);
		nftnl_table_set_data(table, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(udata), nftnl_udata_buf_len(udata));
		nftnl_table_nlmsg_build_payload(message, table);
	}
	if (udata)
		nftnl_udata_buf_free(udata);
}

/* add table inet guestnet { flags ...; }: makes it, or adopts an orphan when nothing else is in the transaction. */
void nft_put_table(struct nl_batch *batch, bool bridge, uint32_t flags, uint32_t tag)
{
	put_table_named(batch, bridge, RULESET_TABLE, flags, tag);
}

/* delete table inet guestnet */
void nft_put_table_delete(struct nl_batch *batch, bool bridge, uint32_t tag)
{
	nft_begin(batch, NFT_MSG_DELTABLE, 0, family_of(bridge), tag);
	nl_put_string(batch, NFTA_TABLE_NAME, RULESET_TABLE);
}

static int each_table_flags(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[NFTA_TABLE_MAX + 1];

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	*(uint32_t *)data = nl_get_u32_be(table[NFTA_TABLE_FLAGS], 0);
	return 0;
}

/* Does the kernel accept a transaction? One without an end, so that nothing comes of it. */
static bool is_understood(struct nl_channel *channel, struct nl_batch *batch)
{
	return nl_transact(channel, batch, NULL, NULL) == 0 && batch->n_errors == 0;
}

/*
 * Does the kernel have tables with owner and persist? An earlier table of ours may say so; otherwise asked by
 * a transaction without an end, which takes the kernel some ten milliseconds to give up.
 */
bool nft_probe_owner(struct nl_channel *channel)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	uint32_t flags = 0;

	nft_begin(&request, NFT_MSG_GETTABLE, 0, NFPROTO_INET, 0);
	nl_put_string(&request, NFTA_TABLE_NAME, RULESET_TABLE);
	if (nl_transact(channel, &request, each_table_flags, &flags) == 0 && flags & NFT_PERSISTENT)
		return true;
	nft_put_begin(&batch);
	put_table_named(&batch, false, RULESET_TABLE "-probe", NFT_OWNED_PERSISTENT, 0);
	return is_understood(channel, &batch);
}

/* Is there a table of our name, of family inet or @bridge? */
bool nft_table_exists(struct nl_channel *channel, bool bridge)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

	nft_begin(&request, NFT_MSG_GETTABLE, 0, family_of(bridge), 0);
	nl_put_string(&request, NFTA_TABLE_NAME, RULESET_TABLE);
	return nl_transact(channel, &request, NULL, NULL) == 0 && request.n_errors == 0;
}

/* How nft(8) numbers byte orders in a set's user data. */
enum { HOST_ENDIAN = 1, NETWORK_ENDIAN = 2 };

/* Names, and the numbers of groups; of several parts each has its own order. */
static bool is_host_endian(const struct ruleset_set *item)
{
	return item->key_length == IFNAME_SIZE || (item->bridge && item->key_length == sizeof(uint32_t));
}

/* limit rate over 1 kbytes/second */
static void add_default_limit(struct nl_batch *batch, struct nftnl_set *set)
{
	struct nftnl_expr *limit = nftnl_expr_alloc("limit");

	if (!limit) {
		nl_fail(batch, -ENOMEM);
		return;
	}
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, RULESET_LIMIT_RATE);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKT_BYTES);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	nftnl_set_add_expr(set, limit);
}

/* add set inet guestnet NAME { type ...; } */
static void put_set_of(struct nl_batch *batch, const char *table, const struct ruleset_set *item, uint32_t id, uint32_t tag)
{
	_cleanup_(set_freep) struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(64);
	struct nlmsghdr *message;

	nft_begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, family_of(item->bridge), tag);
	message = nl_roomy(batch);
	if (!set || !udata || !message) {
		nl_fail(batch, -ENOMEM);
		if (udata)
			nftnl_udata_buf_free(udata);
		return;
	}
	nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, item->name);
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, family_of(item->bridge));
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, item->key_type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, item->key_length);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id);
	if (item->data_length) {
		nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_MAP);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, item->data_type);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, item->data_length);
	}
	if (item->n_parts) {
		nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_INTERVAL | NFT_SET_CONCAT);
		nftnl_set_set_data(set, NFTNL_SET_DESC_CONCAT, item->parts, item->n_parts);
	}
	if (item->limited)
		add_default_limit(batch, set);
	/* For nft(8) alone, which prints a name by this. */
	nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_KEYBYTEORDER, is_host_endian(item) ? HOST_ENDIAN : NETWORK_ENDIAN);
	if (item->interval) {
		nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_DATABYTEORDER, NETWORK_ENDIAN);
		nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_DATA_INTERVAL, 1);
	}
	nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata), nftnl_udata_buf_len(udata));
	nftnl_set_nlmsg_build_payload(message, set);
	nftnl_udata_buf_free(udata);
}

/* Does the kernel have limits in rules? Asked as nft_has_bridges() is. */
bool nft_has_limits(struct nl_channel *channel, int *known)
{
	const struct ruleset_set set = { .name = "rate", .key_type = RULESET_TYPE_IFNAME, .key_length = IFNAME_SIZE, .limited = true };
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;

	if (*known == 0) {
		nft_put_begin(&batch);
		put_table_named(&batch, false, RULESET_TABLE "-probe", 0, 0);
		put_set_of(&batch, RULESET_TABLE "-probe", &set, 1, 0);
		*known = is_understood(channel, &batch) ? 1 : -1;
	}
	return *known > 0;
}

/* add chain inet TABLE NAME { type ... hook ... priority ...; policy accept; } */
static void put_chain(struct nl_batch *batch, const char *table, const struct ruleset_chain *item, uint32_t tag)
{
	_cleanup_(chain_freep) struct nftnl_chain *chain = nftnl_chain_alloc();
	struct nlmsghdr *message;

	nft_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, family_of(item->bridge), tag);
	message = nl_roomy(batch);
	if (!chain || !message) {
		nl_fail(batch, -ENOMEM);
		return;
	}
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, table);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, item->name);
	if (item->type) {
		nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, item->type);
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, item->hook);
		nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, item->priority);
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(message, chain);
}

/*
 * Does the kernel have rules of the bridge family? Asked once, by a transaction without an end: @known is 0 until
 * then, and positive or negative afterwards. Before Linux 6.2 there are tables of any family: a chain tells.
 */
bool nft_has_bridges(struct nl_channel *channel, int *known)
{
	static const struct ruleset_chain chain = { "probe", "filter", "prerouting", 0, -300, 0, true };
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;

	if (*known == 0) {
		nft_put_begin(&batch);
		put_table_named(&batch, true, RULESET_TABLE "-probe", 0, 0);
		put_chain(&batch, RULESET_TABLE "-probe", &chain, 0);
		*known = nft_table_exists(channel, true) || is_understood(channel, &batch) ? 1 : -1;
	}
	return *known > 0;
}

/* Where a field is found: in the packet's company (meta, ct), or in one of its headers. */
enum source { META, CT, FIB, LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER };

static const struct {
	uint8_t source;
	uint8_t key;		/* NFT_META_*, NFT_CT_*, NFT_FIB_RESULT_*, or the offset in the header */
	uint8_t length;
} field_places[] = {
	[RULESET_IIFNAME] = { META, NFT_META_IIFNAME, 16 },
	[RULESET_OIFNAME] = { META, NFT_META_OIFNAME, 16 },
	[RULESET_NFPROTO] = { META, NFT_META_NFPROTO, 1 },
	[RULESET_L4PROTO] = { META, NFT_META_L4PROTO, 1 },
	[RULESET_PKTTYPE] = { META, NFT_META_PKTTYPE, 1 },
	[RULESET_IP_SADDR] = { NETWORK_HEADER, 12, 4 },
	[RULESET_IP_DADDR] = { NETWORK_HEADER, 16, 4 },
	[RULESET_IP6_SADDR] = { NETWORK_HEADER, 8, 16 },
	[RULESET_IP6_DADDR] = { NETWORK_HEADER, 24, 16 },
	[RULESET_IP6_HOPLIMIT] = { NETWORK_HEADER, 7, 1 },
	[RULESET_UDP_SPORT] = { TRANSPORT_HEADER, 0, 2 },
	[RULESET_UDP_DPORT] = { TRANSPORT_HEADER, 2, 2 },
	[RULESET_TCP_DPORT] = { TRANSPORT_HEADER, 2, 2 },
	[RULESET_TH_DPORT] = { TRANSPORT_HEADER, 2, 2 },
	[RULESET_ICMP_TYPE] = { TRANSPORT_HEADER, 0, 1 },
	[RULESET_ICMPV6_TYPE] = { TRANSPORT_HEADER, 0, 1 },
	[RULESET_CT_STATE] = { CT, NFT_CT_STATE, 4 },
	[RULESET_CT_STATUS] = { CT, NFT_CT_STATUS, 4 },
	[RULESET_FIB_DADDR_TYPE] = { FIB, NFT_FIB_RESULT_ADDRTYPE, 4 },
	[RULESET_IIFGROUP] = { META, NFT_META_IIFGROUP, 4 },
	[RULESET_PROTOCOL] = { META, NFT_META_PROTOCOL, 2 },
	[RULESET_ETHER_SADDR] = { LINK_HEADER, 6, 6 },
	[RULESET_ETHER_DADDR] = { LINK_HEADER, 0, 6 },
	[RULESET_ARP_HTYPE] = { NETWORK_HEADER, 0, 2 },
	[RULESET_ARP_PTYPE] = { NETWORK_HEADER, 2, 2 },
	[RULESET_ARP_HLEN] = { NETWORK_HEADER, 4, 1 },
	[RULESET_ARP_PLEN] = { NETWORK_HEADER, 5, 1 },
	[RULESET_ARP_SADDR_ETHER] = { NETWORK_HEADER, 8, 6 },
	[RULESET_ARP_SADDR_IP] = { NETWORK_HEADER, 14, 4 },
	[RULESET_DHCP_CHADDR] = { TRANSPORT_HEADER, 36, 6 },
	[RULESET_ICMPV6_TADDR] = { TRANSPORT_HEADER, 8, 16 },
	[RULESET_IIFKIND] = { META, NFT_META_IIFKIND, 16 },
	[RULESET_OIFKIND] = { META, NFT_META_OIFKIND, 16 },
};
_Static_assert(ARRAY_SIZE(field_places) == RULESET_FIELD_MAX_, "every field has its place");

/* A rule on its way; running out of memory is latched. */
struct builder {
	struct nftnl_rule *rule;
	bool failed;
};

/*
 * The register that begins at 32-bit word number @word, by the name that the kernel gives it when it lists a
 * rule (nf_tables_api.c:nft_dump_register()): what is read back is compared with what was sent.
 */
static uint32_t reg_at(size_t word)
{
	return word % 4 == 0 ? (uint32_t)(NFT_REG_1 + word / 4) : (uint32_t)(NFT_REG32_00 + word);
}

static struct nftnl_expr *add_expression(struct builder *builder, const char *name)
{
	struct nftnl_expr *expression = nftnl_expr_alloc(name);

	if (!expression) {
		builder->failed = true;
		return NULL;
	}
	nftnl_rule_add_expr(builder->rule, expression);
	return expression;
}

static void add_load(struct builder *builder, enum ruleset_field field, uint32_t reg)
{
	uint8_t source = field_places[field].source;
	struct nftnl_expr *expression;

	expression = add_expression(builder, source == META ? "meta" : source == CT ? "ct" : source == FIB ? "fib" : "payload");
	if (!expression)
		return;
	if (source == META) {
		nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, field_places[field].key);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, reg);
	} else if (source == CT) {
		nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_KEY, field_places[field].key);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_DREG, reg);
	} else if (source == FIB) {
		nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_RESULT, field_places[field].key);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_DREG, reg);
	} else {
		nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, source == LINK_HEADER ? NFT_PAYLOAD_LL_HEADER :
				   source == NETWORK_HEADER ? NFT_PAYLOAD_NETWORK_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, field_places[field].key);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, field_places[field].length);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, reg);
	}
}

static void add_bitwise(struct builder *builder, uint32_t reg, const void *mask, uint32_t length)
{
	static const uint8_t zero[16];
	struct nftnl_expr *expression = add_expression(builder, "bitwise");

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, length);
	nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_MASK, mask, length);
	nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_XOR, zero, length);
}

static void add_prefix_mask(struct builder *builder, uint32_t reg, unsigned int prefix_length, uint32_t length)
{
	uint8_t mask[16] = { 0 };

	for (unsigned int i = 0; i < prefix_length; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	add_bitwise(builder, reg, mask, length);
}

static void add_compare(struct builder *builder, uint32_t reg, uint32_t op, const void *value, uint32_t length)
{
	struct nftnl_expr *expression = add_expression(builder, "cmp");

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, value, length);
}

static void add_lookup(struct builder *builder, const struct ruleset_statement *statement, bool map)
{
	struct nftnl_expr *expression = add_expression(builder, "lookup");

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, statement->name);
	if (map)
		nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
	if (statement->invert)
		nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void add_verdict(struct builder *builder, int verdict, const char *chain)
{
	struct nftnl_expr *expression = add_expression(builder, "immediate");

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		nftnl_expr_set_str(expression, NFTNL_EXPR_IMM_CHAIN, chain);
}

/* reject with icmpx type port-unreachable */
static void add_reject(struct builder *builder)
{
	struct nftnl_expr *expression = add_expression(builder, "reject");

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	nftnl_expr_set_u8(expression, NFTNL_EXPR_REJECT_CODE, NFT_REJECT_ICMPX_PORT_UNREACH);
}

static void add_port(struct builder *builder, uint32_t reg, uint16_t port)
{
	struct nftnl_expr *expression = add_expression(builder, "immediate");
	uint16_t port_be = htons(port);

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set(expression, NFTNL_EXPR_IMM_DATA, &port_be, sizeof(port_be));
}

/* masquerade [to :FIRST-LAST] */
static void add_masquerade(struct builder *builder, const struct ruleset_statement *statement)
{
	uint32_t first = NFT_REG_1, last = NFT_REG_2;
	struct nftnl_expr *expression;

	if (statement->name[0]) {
		add_lookup(builder, statement, true);
		last = reg_at(1);
	} else if (statement->ports[1]) {
		add_port(builder, first, statement->ports[0]);
		add_port(builder, last, statement->ports[1]);
	}
	expression = add_expression(builder, "masq");
	if (!expression || (!statement->name[0] && !statement->ports[1]))
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_MASQ_REG_PROTO_MIN, first);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_MASQ_REG_PROTO_MAX, last);
}

/*
 * snat ip to FIELD map @MAP: first address, first port, last address, last port, as nft(8) has an interval.
 * dnat ip to FIELD . FIELD map @MAP: an address and a port.
 * All attributes are given, because the kernel lists them all.
 */
static void add_nat(struct builder *builder, const struct ruleset_statement *statement)
{
	bool source = statement->kind == RULESET_SNAT;
	size_t words = statement->ipv6 ? 4 : 1, last = source ? words + 1 : 0;
	uint32_t flags = NF_NAT_RANGE_MAP_IPS | (statement->with_ports ? NF_NAT_RANGE_PROTO_SPECIFIED : 0);
	struct nftnl_expr *expression;

	add_lookup(builder, statement, true);
	expression = add_expression(builder, "nat");
	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_TYPE, source ? NFT_NAT_SNAT : NFT_NAT_DNAT);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_FAMILY, statement->ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_REG_ADDR_MIN, reg_at(0));
	nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_REG_ADDR_MAX, reg_at(last));
	nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_FLAGS, flags);
	if (!statement->with_ports)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_REG_PROTO_MIN, reg_at(words));
	nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_REG_PROTO_MAX, reg_at(last + words));
}

/* tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu */
static void add_clamp(struct builder *builder)
{
	const uint8_t mask = TH_SYN | TH_RST, syn = TH_SYN;
	struct nftnl_expr *expression = add_expression(builder, "payload");

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, 13);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, 1);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	add_bitwise(builder, NFT_REG_1, &mask, 1);
	add_compare(builder, NFT_REG_1, NFT_CMP_EQ, &syn, 1);
	expression = add_expression(builder, "rt");
	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_RT_KEY, NFT_RT_TCPMSS);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_RT_DREG, NFT_REG_1);
	expression = add_expression(builder, "byteorder");
	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BYTEORDER_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BYTEORDER_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BYTEORDER_LEN, 2);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_BYTEORDER_SIZE, 2);
	expression = add_expression(builder, "exthdr");
	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_SREG, NFT_REG_1);
	nftnl_expr_set_u8(expression, NFTNL_EXPR_EXTHDR_TYPE, TCPOPT_MAXSEG);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OFFSET, 2);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_LEN, 2);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
}

/* frag frag-off != 0 */
static void add_later(struct builder *builder)
{
	const uint8_t mask[2] = { 0xff, 0xf8 }, zero[2] = { 0 };
	struct nftnl_expr *expression = add_expression(builder, "exthdr");

	if (!expression)
		return;
	nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
	nftnl_expr_set_u8(expression, NFTNL_EXPR_EXTHDR_TYPE, IPPROTO_FRAGMENT);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OFFSET, 2);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_LEN, sizeof(mask));
	add_bitwise(builder, NFT_REG_1, mask, sizeof(mask));
	add_compare(builder, NFT_REG_1, NFT_CMP_NEQ, zero, sizeof(zero));
}

/* The fields of a match into registers, one behind the other. */
static void add_fields(struct builder *builder, const struct ruleset_statement *statement)
{
	uint32_t reg = NFT_REG_1;
	size_t word = 0;

	for (size_t i = 0; i < statement->n_fields; i++) {
		reg = reg_at(word);
		add_load(builder, statement->fields[i], reg);
		word += (field_places[statement->fields[i]].length + 3u) / 4;
	}
	if (statement->masked)
		add_prefix_mask(builder, reg, statement->prefix_length,
				field_places[statement->fields[statement->n_fields - 1]].length);
}

static void add_statement(struct builder *builder, const struct ruleset_statement *statement)
{
	static const uint8_t zero[16];

	add_fields(builder, statement);
	switch ((enum ruleset_kind)statement->kind) {
	case RULESET_COMPARE:
		add_compare(builder, NFT_REG_1, statement->invert ? NFT_CMP_NEQ : NFT_CMP_EQ,
			    statement->value, statement->length);
		break;
	case RULESET_FLAGS:
		add_bitwise(builder, NFT_REG_1, statement->value, statement->length);
		add_compare(builder, NFT_REG_1, NFT_CMP_NEQ, zero, statement->length);
		break;
	case RULESET_LOOKUP:
		add_lookup(builder, statement, false);
		break;
	case RULESET_LATER:
		add_later(builder);
		break;
	case RULESET_CLAMP:
		add_clamp(builder);
		break;
	case RULESET_JUMP:
		add_verdict(builder, NFT_JUMP, statement->name);
		break;
	case RULESET_GOTO:
		add_verdict(builder, NFT_GOTO, statement->name);
		break;
	case RULESET_ACCEPT:
		add_verdict(builder, NF_ACCEPT, NULL);
		break;
	case RULESET_DROP:
		add_verdict(builder, NF_DROP, NULL);
		break;
	case RULESET_RETURN:
		add_verdict(builder, NFT_RETURN, NULL);
		break;
	case RULESET_REJECT:
		add_reject(builder);
		break;
	case RULESET_MASQUERADE:
		add_masquerade(builder, statement);
		break;
	case RULESET_SNAT:
	case RULESET_DNAT:
		add_nat(builder, statement);
		break;
	case RULESET_KIND_MAX_:
		break;
	}
}

/* add rule inet guestnet CHAIN ...: in the words of nft(8), item->text */
static void put_rule(struct nl_batch *batch, const struct ruleset_rule *item, uint32_t tag)
{
	_cleanup_(rule_freep) struct nftnl_rule *rule = nftnl_rule_alloc();
	struct builder builder = { .rule = rule };
	struct nlmsghdr *message;

	nft_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family_of(item->bridge), tag);
	message = nl_roomy(batch);
	if (!rule || !message) {
		nl_fail(batch, -ENOMEM);
		return;
	}
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, RULESET_TABLE);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, item->chain);
	for (size_t i = 0; i < item->n_statements; i++)
		add_statement(&builder, &item->statements[i]);
	if (builder.failed)
		nl_fail(batch, -ENOMEM);
	else
		nftnl_rule_nlmsg_build_payload(message, rule);
}

/* Sets, chains and rules into a table that is made in the same transaction. */
void nft_put_ruleset(struct nl_batch *batch, const struct ruleset *ruleset, uint32_t tag)
{
	for (size_t i = 0; i < ruleset->n_sets; i++)
		put_set_of(batch, RULESET_TABLE, &ruleset->sets[i], (uint32_t)i + 1, tag);
	for (size_t i = 0; i < ruleset->n_chains; i++)
		put_chain(batch, RULESET_TABLE, &ruleset->chains[i], tag);
	for (size_t i = 0; i < ruleset->n_rules; i++)
		put_rule(batch, &ruleset->rules[i], tag);
}

/*
 * add element inet guestnet SET { KEY, ... } or delete element ... Written by hand: it is the message of every
 * change and there are many of them. Begins one for the set of @element; nft_put_key() adds to it.
 */
static size_t begin_elements(struct nl_batch *batch, bool add, const struct netstate_element *element, uint32_t tag)
{
	char name[RULESET_NAME_SIZE];
	int r;

	r = ruleset_set_name(element->set, element->prefix_length, name, sizeof(name));
	if (r < 0) {
		nl_fail(batch, r);
		return 0;
	}
	nft_begin(batch, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? NLM_F_CREATE : 0,
		  family_of(ruleset_set_is_bridged(element->set)), tag);
	nl_put_string(batch, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	nl_put_string(batch, NFTA_SET_ELEM_LIST_SET, name);
	return nl_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
}

/* limit rate over RATE bytes/second burst BURST bytes: behind the key of an element, from its data */
static void put_limit(struct nl_batch *batch, const uint8_t *data)
{
	size_t expression, options;
	uint64_t rate;
	uint32_t burst;

	memcpy(&rate, data, sizeof(rate));
	memcpy(&burst, data + sizeof(rate), sizeof(burst));
	expression = nl_nest(batch, NFTA_SET_ELEM_EXPR);
	nl_put_string(batch, NFTA_EXPR_NAME, "limit");
	options = nl_nest(batch, NFTA_EXPR_DATA);
	nl_put_u64_be(batch, NFTA_LIMIT_RATE, rate);
	nl_put_u64_be(batch, NFTA_LIMIT_UNIT, 1);
	nl_put_u32_be(batch, NFTA_LIMIT_BURST, burst);
	nl_put_u32_be(batch, NFTA_LIMIT_TYPE, NFT_LIMIT_PKT_BYTES);
	nl_put_u32_be(batch, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	nl_nest_end(batch, options);
	nl_nest_end(batch, expression);
}

static void put_data(struct nl_batch *batch, uint16_t type, const void *data, size_t length)
{
	size_t nest = nl_nest(batch, type);

	nl_put(batch, NFTA_DATA_VALUE, data, length);
	nl_nest_end(batch, nest);
}

/* From a key to a key, each part from and to its own. */
static void put_range(struct nl_batch *batch, const struct netstate_element *element)
{
	uint8_t first[RULESET_RANGE_SIZE], last[RULESET_RANGE_SIZE];
	size_t length = ruleset_range(element, first, last);

	put_data(batch, NFTA_SET_ELEM_KEY, first, length);
	put_data(batch, NFTA_SET_ELEM_KEY_END, last, length);
}

static void put_key(struct nl_batch *batch, bool add, const struct netstate_element *element)
{
	size_t item;

	if ((size_t)element->key_length + element->data_length > sizeof(element->key)) {
		nl_fail(batch, -EINVAL);
		return;
	}
	item = nl_nest(batch, NFTA_LIST_ELEM);
	if (ruleset_set_has_ranges(element->set))
		put_range(batch, element);
	else
		put_data(batch, NFTA_SET_ELEM_KEY, element->key, element->key_length);
	if (element->data_length && add && ruleset_set_is_limited(element->set)) {
		put_limit(batch, netstate_element_get_data(element));
	} else if (element->data_length && add) {
		put_data(batch, NFTA_SET_ELEM_DATA, netstate_element_get_data(element), element->data_length);
	}
	nl_nest_end(batch, item);
}

void nft_put_element(struct nl_batch *batch, bool add, const struct netstate_element *element, uint32_t tag)
{
	size_t list = begin_elements(batch, add, element, tag);

	put_key(batch, add, element);
	nl_nest_end(batch, list);
}

/* The list of elements is one attribute, and its length has 16 bits. */
#define ELEMENTS_SIZE	(60 * 1024)

/*
 * Adds elements of one set, as many of the @n as one message takes. Returns how many those are; 0 after a failure,
 * which is latched.
 */
size_t nft_put_elements(struct nl_batch *batch, const struct netstate_element *const elements[], size_t n, uint32_t tag)
{
	size_t list = begin_elements(batch, true, elements[0], tag), i;

	for (i = 0; i < n && batch->error == 0 && batch->message->nlmsg_len - list < ELEMENTS_SIZE; i++)
		put_key(batch, true, elements[i]);
	nl_nest_end(batch, list);
	return batch->error ? 0 : i;
}
