/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of ours in the tables of others: the few expressions they are made of, and the mark they carry.
 * Pure but for the batch it writes to. Each comment shows what nft(8) would call it.
 */
#include "foreign.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#define MARK "guestnet"

/* Opens an expression; its own attributes follow, until foreign_end_expression() gets the same nests. */
void foreign_begin_expression(struct nl_batch *batch, const char *name, size_t nests[2])
{
	nests[0] = nl_nest(batch, NFTA_LIST_ELEM);
	nl_put_string(batch, NFTA_EXPR_NAME, name);
	nests[1] = nl_nest(batch, NFTA_EXPR_DATA);
}

void foreign_end_expression(struct nl_batch *batch, const size_t nests[2])
{
	nl_nest_end(batch, nests[1]);
	nl_nest_end(batch, nests[0]);
}

/* What is in register 1 must equal @value. */
static void put_compare(struct nl_batch *batch, const void *value, size_t length)
{
	size_t nests[2], data;

	foreign_begin_expression(batch, "cmp", nests);
	nl_put_u32_be(batch, NFTA_CMP_SREG, NFT_REG_1);
	nl_put_u32_be(batch, NFTA_CMP_OP, NFT_CMP_EQ);
	data = nl_nest(batch, NFTA_CMP_DATA);
	nl_put(batch, NFTA_DATA_VALUE, value, length);
	nl_nest_end(batch, data);
	foreign_end_expression(batch, nests);
}

/* meta KEY VALUE: an interface's name, a protocol. @key is an enum nft_meta_keys. */
void foreign_put_meta(struct nl_batch *batch, uint32_t key, const void *value, size_t length)
{
	size_t nests[2];

	foreign_begin_expression(batch, "meta", nests);
	nl_put_u32_be(batch, NFTA_META_DREG, NFT_REG_1);
	nl_put_u32_be(batch, NFTA_META_KEY, key);
	foreign_end_expression(batch, nests);
	put_compare(batch, value, length);
}

/* Is this meta KEY NAME, an interface's? Whole, or (on purpose without its end) the beginning of many. */
bool foreign_matches_name(const void *value, size_t length, const char *name)
{
	const char *bytes = value;
	size_t n = strnlen(bytes, length);

	return n < length ? strcmp(bytes, name) == 0 : n > 0 && strncmp(bytes, name, n) == 0;
}

/* th sport|dport PORT, in host byte order. The protocol must have been compared before. */
void foreign_put_port(struct nl_batch *batch, bool source, uint16_t port)
{
	const uint8_t port_be[2] = { (uint8_t)(port >> 8), (uint8_t)port };
	size_t nests[2];

	foreign_begin_expression(batch, "payload", nests);
	nl_put_u32_be(batch, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nl_put_u32_be(batch, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	nl_put_u32_be(batch, NFTA_PAYLOAD_OFFSET, source ? 0 : 2);
	nl_put_u32_be(batch, NFTA_PAYLOAD_LEN, sizeof(port_be));
	foreign_end_expression(batch, nests);
	put_compare(batch, port_be, sizeof(port_be));
}

/* accept, or jump CHAIN; @chain is NULL for a verdict without one. */
void foreign_put_verdict(struct nl_batch *batch, uint32_t code, const char *chain)
{
	size_t nests[2], data, verdict;

	foreign_begin_expression(batch, "immediate", nests);
	nl_put_u32_be(batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(batch, NFTA_IMMEDIATE_DATA);
	verdict = nl_nest(batch, NFTA_DATA_VERDICT);
	nl_put_u32_be(batch, NFTA_VERDICT_CODE, code);
	if (chain)
		nl_put_string(batch, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(batch, verdict);
	nl_nest_end(batch, data);
	foreign_end_expression(batch, nests);
}

/* comment "guestnet", as nft(8) and libnftnl keep it in a rule's user data: type, length, text. */
void foreign_put_mark(struct nl_batch *batch)
{
	uint8_t userdata[2 + sizeof(MARK)] = { 0, sizeof(MARK) };

	memcpy(userdata + 2, MARK, sizeof(MARK));
	nl_put(batch, NFTA_RULE_USERDATA, userdata, sizeof(userdata));
}

/* Is a rule with this user data one of ours? */
bool foreign_is_marked(const struct nlattr *userdata)
{
	const uint8_t *bytes = nl_data(userdata);

	return nl_length(userdata) == 2 + sizeof(MARK) && bytes[0] == 0 && bytes[1] == sizeof(MARK) &&
	       memcmp(bytes + 2, MARK, sizeof(MARK)) == 0;
}
