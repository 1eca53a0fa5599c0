/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that complete the checksums of DHCP replies.
 * Acts; decides nothing.
 *
 * A datagram from a socket of the host leaves with an unfinished checksum when the bridge offers to finish it;
 * taps and veths pass it on as it is, and clients that read raw frames drop it. The CHECKSUM target finishes
 * it. nftables has it only by way of iptables' targets (nft_compat), and the target insists on a table called
 * `mangle` of family ip. So this table is shared with iptables-nft, and with whoever else uses it:
 *
 *	table ip mangle
 *		chain POSTROUTING { type filter hook postrouting priority mangle; policy accept; }
 *			udp sport 67 udp dport 68 jump GUESTNET		(ours)
 *		chain GUESTNET						(ours)
 *			oifname BRIDGE udp sport 67 udp dport 68 CHECKSUM	(one per network)
 *
 * Rules of ours carry a comment; they are deleted by their handle, and nothing else is ever deleted. A rule
 * counts as there only when it does what we would make it do and the jump to its chain is there too.
 */
#include "checksum.h"

#include <netinet/in.h>

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/util.h"
#include "dump.h"
#include "foreign.h"
#include "nft.h"

#define TABLE	"mangle"
#define BASE	"POSTROUTING"
#define CHAIN	"GUESTNET"

#define LINE_SIZE	2048

/* CHECKSUM --checksum-fill; the kernel wants the information in its own alignment. */
static void put_target(struct nl_batch *batch)
{
	const uint8_t information[8] = { XT_CHECKSUM_OP_FILL };
	size_t nests[2];

	foreign_begin_expression(batch, "target", nests);
	nl_put_string(batch, NFTA_TARGET_NAME, "CHECKSUM");
	nl_put_u32_be(batch, NFTA_TARGET_REV, 0);
	nl_put(batch, NFTA_TARGET_INFO, information, sizeof(information));
	foreign_end_expression(batch, nests);
}

static void begin_rule(struct nl_batch *batch, const char *chain, uint16_t flags, uint32_t tag)
{
	nft_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | flags, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_RULE_TABLE, TABLE);
	nl_put_string(batch, NFTA_RULE_CHAIN, chain);
	foreign_put_mark(batch);
}

/*
 * insert rule ip mangle POSTROUTING udp sport 67 udp dport 68 jump GUESTNET
 * Whatever else leaves this host must not pay for a rule per network.
 */
static void put_jump(struct nl_batch *batch, uint32_t tag)
{
	static const uint8_t udp = IPPROTO_UDP;
	size_t expressions;

	begin_rule(batch, BASE, 0, tag);
	expressions = nl_nest(batch, NFTA_RULE_EXPRESSIONS);
	foreign_put_meta(batch, NFT_META_L4PROTO, &udp, sizeof(udp));
	foreign_put_port(batch, true, 67);
	foreign_put_port(batch, false, 68);
	foreign_put_verdict(batch, (uint32_t)NFT_JUMP, CHAIN);
	nl_nest_end(batch, expressions);
}

/* add rule ip mangle GUESTNET oifname BRIDGE udp sport 67 udp dport 68 xt target CHECKSUM */
static void put_rule(struct nl_batch *batch, const char bridge[IFNAME_SIZE], uint32_t tag)
{
	static const uint8_t udp = IPPROTO_UDP;
	size_t expressions, compat;

	begin_rule(batch, CHAIN, NLM_F_APPEND, tag);
	expressions = nl_nest(batch, NFTA_RULE_EXPRESSIONS);
	foreign_put_meta(batch, NFT_META_OIFNAME, bridge, IFNAME_SIZE);
	foreign_put_meta(batch, NFT_META_L4PROTO, &udp, sizeof(udp));
	foreign_put_port(batch, true, 67);
	foreign_put_port(batch, false, 68);
	put_target(batch);
	nl_nest_end(batch, expressions);
	compat = nl_nest(batch, NFTA_RULE_COMPAT);
	nl_put_u32_be(batch, NFTA_RULE_COMPAT_PROTO, IPPROTO_UDP);
	nl_put_u32_be(batch, NFTA_RULE_COMPAT_FLAGS, 0);
	nl_nest_end(batch, compat);
}

/* The table and both chains; those that are there stay as they are. */
static void put_frame(struct nl_batch *batch, uint32_t tag)
{
	size_t hook;

	nft_begin(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_TABLE_NAME, TABLE);

	nft_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_CHAIN_TABLE, TABLE);
	nl_put_string(batch, NFTA_CHAIN_NAME, BASE);
	hook = nl_nest(batch, NFTA_CHAIN_HOOK);
	nl_put_u32_be(batch, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	nl_put_u32_be(batch, NFTA_HOOK_PRIORITY, (uint32_t)-150);
	nl_nest_end(batch, hook);
	nl_put_u32_be(batch, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nl_put_string(batch, NFTA_CHAIN_TYPE, "filter");

	nft_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_CHAIN_TABLE, TABLE);
	nl_put_string(batch, NFTA_CHAIN_NAME, CHAIN);
}

static void put_delete(struct nl_batch *batch, uint64_t handle, uint32_t tag)
{
	nft_begin(batch, NFT_MSG_DELRULE, 0, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_RULE_TABLE, TABLE);
	nl_put_string(batch, NFTA_RULE_CHAIN, CHAIN);
	nl_put_u64_be(batch, NFTA_RULE_HANDLE, handle);
}

/* What is there of ours. */
struct mangle {
	struct netstate *state;
	bool jump;
	int error;
	char expected[LINE_SIZE];	/* the line of a rule for the bridge in question */
};

/* The bridge of one of our rules: what its first comparison is with. */
static bool read_bridge(const struct nlattr *expressions, char bridge[IFNAME_SIZE])
{
	const struct nlattr *expression = NULL, *outer[NFTA_EXPR_MAX + 1], *inner[NFTA_CMP_MAX + 1];
	const struct nlattr *value[NFTA_DATA_MAX + 1];

	while ((expression = nl_next(expressions, expression))) {
		if (!nl_parse_nested(expression, outer, ARRAY_SIZE(outer)))
			return false;
		if (strcmp(nl_get_string(outer[NFTA_EXPR_NAME]) ?: "", "cmp") != 0)
			continue;
		return nl_parse_nested(outer[NFTA_EXPR_DATA], inner, ARRAY_SIZE(inner)) &&
		       nl_parse_nested(inner[NFTA_CMP_DATA], value, ARRAY_SIZE(value)) &&
		       nl_get(value[NFTA_DATA_VALUE], bridge, IFNAME_SIZE) && bridge[IFNAME_SIZE - 1] == '\0';
	}
	return false;
}

/* Does this rule do what ours for @bridge (NULL: the jump) does? */
static bool is_as_ours(const struct nlmsghdr *message, const char *bridge)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	char found[LINE_SIZE], expected[LINE_SIZE];

	if (bridge)
		put_rule(&batch, bridge, 0);
	else
		put_jump(&batch, 0);
	return batch.error == 0 && dump_rule_line((struct nlmsghdr *)batch.bytes, expected, sizeof(expected)) &&
	       dump_rule_line(message, found, sizeof(found)) && strcmp(found, expected) == 0;
}

static int each_rule(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_RULE_MAX + 1];
	struct netstate_checksum checksum = { .strategy = CHECKSUM_NFT };
	struct mangle *mangle = data;
	const char *chain;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	chain = nl_get_string(table[NFTA_RULE_CHAIN]);
	if (!chain || !foreign_is_marked(table[NFTA_RULE_USERDATA]))
		return 0;
	if (strcmp(chain, BASE) == 0 && is_as_ours(message, NULL))
		mangle->jump = true;
	if (strcmp(chain, CHAIN) != 0)
		return 0;

	checksum.handle = nl_get_u64_be(table[NFTA_RULE_HANDLE], 0);
	/* Marked as ours, and not what we would have made: an older shape. It is of no bridge, and goes. */
	if (!read_bridge(table[NFTA_RULE_EXPRESSIONS], checksum.bridge) || !is_as_ours(message, checksum.bridge)) {
		memset(checksum.bridge, 0, sizeof(checksum.bridge));
		checksum.strategy = CHECKSUM_OFF;
	}
	return netstate_add_checksum(mangle->state, &checksum);
}

static int read_mangle(struct kernel *kernel, struct mangle *mangle)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	int r;

	nft_begin(&request, NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_IPV4, 0);
	nl_put_string(&request, NFTA_RULE_TABLE, TABLE);
	r = nl_dump(&kernel->nft, &request, each_rule, mangle);
	return r == -ENOENT ? 0 : r;
}

/* Adds our checksum rules to @state: none of them while the jump to their chain is missing. */
int checksum_read(struct kernel *kernel, struct netstate *state)
{
	struct mangle mangle = { .state = state };
	size_t n = state->n_checksums;
	int r;

	r = read_mangle(kernel, &mangle);
	if (r == 0 && !mangle.jump)
		state->n_checksums = n;
	return r;
}

/* The rules that are there for a bridge, or whatever has no bridge. */
static const struct netstate_checksum *find_rule(const struct netstate *state, const char *bridge)
{
	for (size_t i = 0; i < state->n_checksums; i++)
		if (strcmp(state->checksums[i].bridge, bridge) == 0)
			return &state->checksums[i];
	return NULL;
}

/*
 * Which strategy works here; @ret_reason says in words why it is not the best one, or is empty. Asked by a
 * transaction without an end: the kernel checks all of it and changes nothing. Giving up a transaction takes
 * the kernel some ten milliseconds, so it is not asked where rules of ours are the answer already.
 */
enum checksum_strategy checksum_probe(struct kernel *kernel, char *ret_reason, size_t size)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	_cleanup_(netstate_deinit) struct netstate now = NETSTATE_NULL;
	static const char bridge[IFNAME_SIZE] = "guestnet-probe";
	int r;

	ret_reason[0] = '\0';
	if (checksum_read(kernel, &now) == 0 && find_rule(&now, "") == NULL && now.n_checksums > 0)
		return CHECKSUM_NFT;
	nft_put_begin(&batch);
	put_frame(&batch, 0);
	put_jump(&batch, 0);
	put_rule(&batch, bridge, 0);
	r = nl_transact(&kernel->nft, &batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		r = batch.entries[i].error;
	if (r == 0)
		return CHECKSUM_NFT;
	snprintf(ret_reason, size, "the kernel refuses the CHECKSUM target in table ip " TABLE ": %s", strerror(-r));
	return CHECKSUM_OFF;
}

static void set_result(struct apply_result *result, int error, const char *text)
{
	if (result->error)
		return;
	result->error = error;
	snprintf(result->text, sizeof(result->text), "%s", text ?: "");
}

static bool has_handle(const struct netstate *state, uint64_t handle)
{
	for (size_t i = 0; i < state->n_checksums; i++)
		if (state->checksums[i].handle == handle)
			return true;
	return false;
}

/*
 * Carries out the PLAN_CHECKSUM_* steps of @plan that @steps names, all in one transaction. What is there
 * is read again first: adding a rule that is there would make two, deleting one that is not would fail
 * everything.
 */
void checksum_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
		    struct apply_result *results)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	_cleanup_(netstate_deinit) struct netstate now = NETSTATE_NULL;
	struct mangle mangle = { .state = &now };
	bool adding = false;
	int r;

	r = read_mangle(kernel, &mangle);
	nft_put_begin(&batch);
	for (size_t i = 0; i < n_steps; i++)
		adding |= plan->steps[steps[i]].op == PLAN_CHECKSUM_ADD;
	if (adding) {
		put_frame(&batch, (uint32_t)steps[0]);
		if (!mangle.jump)
			put_jump(&batch, (uint32_t)steps[0]);
	}
	for (size_t i = 0; i < n_steps; i++) {
		const struct plan_step *step = &plan->steps[steps[i]];

		if (step->op == PLAN_CHECKSUM_ADD && step->checksum.strategy != CHECKSUM_NFT)
			set_result(&results[steps[i]], -EOPNOTSUPP, "this strategy is not in this version");
		else if (step->op == PLAN_CHECKSUM_ADD && !find_rule(&now, step->checksum.bridge))
			put_rule(&batch, step->checksum.bridge, (uint32_t)steps[i]);
		else if (step->op == PLAN_CHECKSUM_REMOVE && has_handle(&now, step->checksum.handle))
			put_delete(&batch, step->checksum.handle, (uint32_t)steps[i]);
	}
	nft_put_end(&batch);
	if (r == 0 && batch.n_entries > 2)
		r = kernel_transact(kernel, &kernel->nft, &batch, NULL, NULL);
	for (size_t i = 0; i < batch.n_entries && r == 0; i++)
		if (batch.entries[i].error && batch.entries[i].tag != NL_UNTAGGED)
			set_result(&results[batch.entries[i].tag], batch.entries[i].error, batch.entries[i].text);
	if (r == 0 && batch.n_errors)
		r = -ECANCELED;
	/* One transaction: all of it, or nothing. */
	for (size_t i = 0; r < 0 && i < n_steps; i++)
		set_result(&results[steps[i]], r, r == -ECANCELED ? "another rule of the same transaction failed" : strerror(-r));
}
