/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What completes the checksums of DHCP replies: rules of nftables here, filters in tc.c, the listener that
 * the last of the three needs in queue.c.
 * Acts; decides nothing.
 *
 * A datagram from a socket of the host leaves with an unfinished checksum when the bridge offers to finish it;
 * taps and veths pass it on as it is, and clients that read raw frames drop it.
 *
 * nft: the CHECKSUM target finishes it. nftables has it only by way of iptables' targets (nft_compat), and the
 * target insists on a table called `mangle` of family ip. So this table is shared with iptables-nft, and with
 * whoever else uses it:
 *
 *	table ip mangle
 *		chain POSTROUTING { type filter hook postrouting priority mangle; policy accept; }
 *			udp sport 67 udp dport 68 jump GUESTNET		(ours)
 *		chain GUESTNET						(ours)
 *			oifname BRIDGE udp sport 67 udp dport 68 CHECKSUM	(one per network)
 *
 * Rules of ours carry a comment; they are deleted by their handle. When none is left the jump and the chain go
 * too, unless others use the chain; the table and POSTROUTING stay. A rule counts as there only when it does
 * what we would make it do and the jump to its chain is there too.
 *
 * queue: the kernel finishes a checksum before it copies a packet to a listener (nfnetlink_queue.c:
 * nfqnl_build_packet_message()). A table of our own, which goes with its last rule:
 *
 *	table ip guestnet-dhcp
 *		chain postrouting { type filter hook postrouting priority mangle; policy accept; }
 *			udp sport 67 udp dport 68 jump replies
 *		chain replies
 *			oifname BRIDGE udp sport 67 udp dport 68 queue flags bypass to QUEUE_NUMBER
 *
 * The expression `queue` is a module that kernels may lack; then it is iptables' target NFQUEUE.
 */
#include "checksum.h"

#include <netinet/in.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/util.h"
#include "dump.h"
#include "foreign.h"
#include "nft.h"
#include "queue.h"
#include "tc.h"

#define LINE_SIZE	2048

/* Where the rules of a strategy stand. */
struct place {
	enum checksum_strategy strategy;
	const char *table;
	const char *base;	/* the chain with the hook */
	const char *chain;	/* with the rules; @base jumps to it */
	bool ours;		/* the table is ours as a whole */
};

static const struct place places[] = {
	{ CHECKSUM_NFT, "mangle", "POSTROUTING", "GUESTNET", false },
	{ CHECKSUM_QUEUE, "guestnet-dhcp", "postrouting", "replies", true },
};

static const struct place *find_place(uint8_t strategy)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i].strategy == strategy)
			return &places[i];
	return NULL;
}

static void put_target(struct nl_batch *batch, const char *name, uint32_t revision, const void *information, size_t size)
{
	size_t nests[2];

	foreign_begin_expression(batch, "target", nests);
	nl_put_string(batch, NFTA_TARGET_NAME, name);
	nl_put_u32_be(batch, NFTA_TARGET_REV, revision);
	nl_put(batch, NFTA_TARGET_INFO, information, size);
	foreign_end_expression(batch, nests);
}

/* CHECKSUM --checksum-fill; the kernel wants the information in its own alignment, of 8 bytes. */
static void put_checksum(struct nl_batch *batch)
{
	const uint8_t information[8] = { XT_CHECKSUM_OP_FILL };

	put_target(batch, "CHECKSUM", 0, information, sizeof(information));
}

/* NFQUEUE --queue-num QUEUE_NUMBER --queue-bypass */
static void put_nfqueue(struct nl_batch *batch)
{
	const struct xt_NFQ_info_v3 queue = { .queuenum = QUEUE_NUMBER, .queues_total = 1, .flags = NFQ_FLAG_BYPASS };
	uint8_t information[8] = { 0 };

	memcpy(information, &queue, sizeof(queue));
	put_target(batch, "NFQUEUE", 3, information, sizeof(information));
}

/* queue flags bypass to QUEUE_NUMBER */
static void put_queue(struct nl_batch *batch)
{
	size_t nests[2];

	foreign_begin_expression(batch, "queue", nests);
	nl_put_u16(batch, NFTA_QUEUE_NUM, htons(QUEUE_NUMBER));
	nl_put_u16(batch, NFTA_QUEUE_TOTAL, htons(1));
	nl_put_u16(batch, NFTA_QUEUE_FLAGS, htons(NFT_QUEUE_FLAG_BYPASS));
	foreign_end_expression(batch, nests);
}

static void begin_rule(struct nl_batch *batch, const struct place *place, const char *chain, uint16_t flags, uint32_t tag)
{
	nft_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | flags, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_RULE_TABLE, place->table);
	nl_put_string(batch, NFTA_RULE_CHAIN, chain);
	foreign_put_mark(batch);
}

/*
 * insert rule ip TABLE BASE udp sport 67 udp dport 68 jump CHAIN
 * Whatever else leaves this host must not pay for a rule per network.
 */
static void put_jump(struct nl_batch *batch, const struct place *place, uint32_t tag)
{
	static const uint8_t udp = IPPROTO_UDP;
	size_t expressions;

	begin_rule(batch, place, place->base, 0, tag);
	expressions = nl_nest(batch, NFTA_RULE_EXPRESSIONS);
	foreign_put_meta(batch, NFT_META_L4PROTO, &udp, sizeof(udp));
	foreign_put_port(batch, true, 67);
	foreign_put_port(batch, false, 68);
	foreign_put_verdict(batch, (uint32_t)NFT_JUMP, place->chain);
	nl_nest_end(batch, expressions);
}

/* add rule ip TABLE CHAIN oifname BRIDGE udp sport 67 udp dport 68 ... */
static void put_rule(struct nl_batch *batch, const struct place *place, bool native, const char bridge[IFNAME_SIZE],
		     uint32_t tag)
{
	static const uint8_t udp = IPPROTO_UDP;
	size_t expressions, compat;

	begin_rule(batch, place, place->chain, NLM_F_APPEND, tag);
	expressions = nl_nest(batch, NFTA_RULE_EXPRESSIONS);
	foreign_put_meta(batch, NFT_META_OIFNAME, bridge, IFNAME_SIZE);
	foreign_put_meta(batch, NFT_META_L4PROTO, &udp, sizeof(udp));
	foreign_put_port(batch, true, 67);
	foreign_put_port(batch, false, 68);
	if (place->strategy == CHECKSUM_NFT)
		put_checksum(batch);
	else if (native)
		put_queue(batch);
	else
		put_nfqueue(batch);
	nl_nest_end(batch, expressions);
	if (place->strategy == CHECKSUM_QUEUE && native)
		return;
	compat = nl_nest(batch, NFTA_RULE_COMPAT);
	nl_put_u32_be(batch, NFTA_RULE_COMPAT_PROTO, IPPROTO_UDP);
	nl_put_u32_be(batch, NFTA_RULE_COMPAT_FLAGS, 0);
	nl_nest_end(batch, compat);
}

/* chain POSTROUTING { type filter hook postrouting priority mangle; policy accept; } */
static void put_base(struct nl_batch *batch, const struct place *place, uint32_t tag)
{
	size_t hook;

	nft_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_CHAIN_TABLE, place->table);
	nl_put_string(batch, NFTA_CHAIN_NAME, place->base);
	hook = nl_nest(batch, NFTA_CHAIN_HOOK);
	nl_put_u32_be(batch, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	nl_put_u32_be(batch, NFTA_HOOK_PRIORITY, (uint32_t)-150);
	nl_nest_end(batch, hook);
	nl_put_u32_be(batch, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nl_put_string(batch, NFTA_CHAIN_TYPE, "filter");
}

/* The table and its chains; those that are there stay as they are. */
static void put_frame(struct nl_batch *batch, const struct place *place, uint32_t tag)
{
	nft_begin(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_TABLE_NAME, place->table);
	put_base(batch, place, tag);
	nft_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_CHAIN_TABLE, place->table);
	nl_put_string(batch, NFTA_CHAIN_NAME, place->chain);
}

static void put_rule_delete(struct nl_batch *batch, const struct place *place, const char *chain, uint64_t handle, uint32_t tag)
{
	nft_begin(batch, NFT_MSG_DELRULE, 0, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_RULE_TABLE, place->table);
	nl_put_string(batch, NFTA_RULE_CHAIN, chain);
	nl_put_u64_be(batch, NFTA_RULE_HANDLE, handle);
}

static void put_table_delete(struct nl_batch *batch, const struct place *place, uint32_t tag)
{
	nft_begin(batch, NFT_MSG_DELTABLE, 0, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_TABLE_NAME, place->table);
}

/* What is there of ours. */
struct found {
	const struct place *place;
	struct netstate state;		/* owned; the rules */
	bool jump;			/* the rules are reached */
	uint64_t jumps[8];		/* handles of rules of ours in the base chain */
	size_t n_jumps;
	size_t n_marked;		/* rules of ours in the chain, whatever they do */
	bool chain;			/* it is there; of a table of ours, the base chain */
	uint32_t n_uses;		/* its rules and what jumps to it, ours and others' */
	bool spoilt;			/* a base chain of ours that is not as we would make it */
};

static void found_deinit(struct found *found)
{
	netstate_deinit(&found->state);
}

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

static bool is_same(const struct nl_batch *batch, const struct nlmsghdr *message)
{
	char line[LINE_SIZE], expected[LINE_SIZE];

	return batch->error == 0 && dump_rule_line((struct nlmsghdr *)batch->bytes, expected, sizeof(expected)) &&
	       dump_rule_line(message, line, sizeof(line)) && strcmp(line, expected) == 0;
}

static bool is_jump(const struct found *found, const struct nlmsghdr *message)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;

	put_jump(&batch, found->place, 0);
	return is_same(&batch, message);
}

/* Does this rule do what ours for @bridge does? The queue can be had in two ways, and either will do. */
static bool is_as_ours(const struct found *found, const struct nlmsghdr *message, const char *bridge)
{
	_cleanup_(nl_batch_deinit) struct nl_batch native = NL_BATCH_NULL, target = NL_BATCH_NULL;

	put_rule(&native, found->place, true, bridge, 0);
	put_rule(&target, found->place, false, bridge, 0);
	return is_same(&native, message) || is_same(&target, message);
}

static int each_rule(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_RULE_MAX + 1];
	struct netstate_checksum checksum = { 0 };
	struct found *found = data;
	const char *chain;
	uint64_t handle;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	chain = nl_get_string(table[NFTA_RULE_CHAIN]);
	handle = nl_get_u64_be(table[NFTA_RULE_HANDLE], 0);
	if (!chain || !foreign_is_marked(table[NFTA_RULE_USERDATA]))
		return 0;
	if (strcmp(chain, found->place->base) == 0) {
		found->jump |= is_jump(found, message);
		if (found->n_jumps < ARRAY_SIZE(found->jumps))
			found->jumps[found->n_jumps++] = handle;
	}
	if (strcmp(chain, found->place->chain) != 0)
		return 0;

	found->n_marked++;
	checksum.strategy = (uint8_t)found->place->strategy;
	checksum.handle = handle;
	/* Marked as ours, and not what we would have made: an older shape. It is of no bridge, and goes. */
	if (!read_bridge(table[NFTA_RULE_EXPRESSIONS], checksum.bridge) || !is_as_ours(found, message, checksum.bridge))
		memset(checksum.bridge, 0, sizeof(checksum.bridge));
	return netstate_add_checksum(&found->state, &checksum);
}

static int each_chain(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	struct dump_lines line = DUMP_LINES_NULL, expected = DUMP_LINES_NULL;
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct nlattr *table[NFTA_CHAIN_MAX + 1];
	struct found *found = data;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	found->chain = true;
	found->n_uses = nl_get_u32_be(table[NFTA_CHAIN_USE], UINT32_MAX);
	if (!found->place->ours)
		return 0;
	put_base(&batch, found->place, 0);
	dump_lines_add(&line, found->place->table, message);
	if (batch.error == 0)
		dump_lines_add(&expected, found->place->table, (struct nlmsghdr *)batch.bytes);
	found->spoilt = !dump_lines_equal(&line, &expected);
	dump_lines_deinit(&line);
	dump_lines_deinit(&expected);
	return 0;
}

static int read_chain(struct kernel *kernel, struct found *found)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	int r;

	nft_begin(&request, NFT_MSG_GETCHAIN, 0, NFPROTO_IPV4, 0);
	nl_put_string(&request, NFTA_CHAIN_TABLE, found->place->table);
	nl_put_string(&request, NFTA_CHAIN_NAME, found->place->ours ? found->place->base : found->place->chain);
	r = nl_transact(&kernel->nft, &request, each_chain, found);
	if (r == 0 && request.n_errors)
		r = request.entries[0].error;
	return r == -ENOENT ? 0 : r;
}

static int read_place(struct kernel *kernel, const struct place *place, struct found *ret_found)
{
	_cleanup_(found_deinit) struct found found = { .place = place };
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	int r;

	nft_begin(&request, NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_IPV4, 0);
	nl_put_string(&request, NFTA_RULE_TABLE, place->table);
	r = nl_dump(&kernel->nft, &request, each_rule, &found);
	if (r == 0 || r == -ENOENT)
		r = read_chain(kernel, &found);
	if (r < 0)
		return r;
	*ret_found = found;
	found = (struct found){ 0 };
	return 0;
}

/* The rules that are there for a bridge. */
static const struct netstate_checksum *find_rule(const struct found *found, const char *bridge)
{
	for (size_t i = 0; i < found->state.n_checksums; i++)
		if (strcmp(found->state.checksums[i].bridge, bridge) == 0)
			return &found->state.checksums[i];
	return NULL;
}

static bool is_in_force(const struct found *found)
{
	return found->jump && !found->spoilt;
}

/* Is there something that no rule of ours needs, and that nobody else uses? */
static bool is_left_over(const struct found *found)
{
	if (is_in_force(found) && found->n_marked > 0)
		return false;
	if (found->place->ours)
		return found->chain;
	return found->n_jumps > 0 || (found->chain && found->n_uses == found->n_marked);
}

static int read_into(struct kernel *kernel, const struct place *place, struct netstate *state)
{
	const struct netstate_checksum left_over = { .strategy = (uint8_t)place->strategy };
	_cleanup_(found_deinit) struct found found = { 0 };
	int r;

	r = read_place(kernel, place, &found);
	for (size_t i = 0; r == 0 && is_in_force(&found) && i < found.state.n_checksums; i++)
		r = netstate_add_checksum(state, &found.state.checksums[i]);
	if (r == 0 && is_left_over(&found))
		r = netstate_add_checksum(state, &left_over);
	return r;
}

/* Adds our checksum rules to @state: none of them while the jump to their chain is missing. */
int checksum_read(struct kernel *kernel, struct netstate *state)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
		r = read_into(kernel, &places[i], state);
	return r;
}

/*
 * Would the kernel take a rule like ours? Asked by a transaction without an end: it checks all of it and
 * changes nothing. Giving up a transaction takes it some ten milliseconds.
 */
static int try_rule(struct kernel *kernel, const struct place *place, bool native)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	static const char bridge[IFNAME_SIZE] = "guestnet-probe";
	int r;

	nft_put_begin(&batch);
	put_frame(&batch, place, 0);
	put_jump(&batch, place, 0);
	put_rule(&batch, place, native, bridge, 0);
	r = nl_transact(&kernel->nft, &batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		r = batch.entries[i].error;
	return r;
}

static int try_nft(struct kernel *kernel, const struct place *place)
{
	_cleanup_(found_deinit) struct found found = { 0 };

	/* Where rules of ours are, they are the answer. */
	if (read_place(kernel, place, &found) == 0 && is_in_force(&found) && found.n_marked > 0 && !find_rule(&found, ""))
		return 0;
	return try_rule(kernel, place, false);
}

/*
 * Can this strategy be had here? @ret_reason says in words why not, or is empty. There is no dry run for a
 * filter of tc: it is said to be possible, and checksum_apply() finds out.
 */
bool checksum_probe(struct kernel *kernel, enum checksum_strategy strategy, char *ret_reason, size_t size)
{
	const struct place *place = find_place((uint8_t)strategy);
	int r = 0;

	ret_reason[0] = '\0';
	if (strategy == CHECKSUM_NFT) {
		r = try_nft(kernel, place);
		if (r < 0)
			snprintf(ret_reason, size, "the kernel refuses the target CHECKSUM in table ip mangle: %s", strerror(-r));
	} else if (strategy == CHECKSUM_QUEUE) {
		r = try_rule(kernel, place, true);
		kernel->queue_native = r == 0;
		if (r < 0)
			r = try_rule(kernel, place, false);
		if (r < 0)
			snprintf(ret_reason, size, "the kernel has neither nftables' queue nor the target NFQUEUE: %s", strerror(-r));
	}
	return r == 0;
}

static void set_result(struct apply_result *result, int error, const char *text)
{
	if (result->error)
		return;
	result->error = error;
	if (text)
		apply_result_say(result, "%s", text);
}

static bool has_handle(const struct found *found, uint64_t handle)
{
	for (size_t i = 0; i < found->state.n_checksums; i++)
		if (found->state.checksums[i].handle == handle)
			return true;
	return false;
}

/* Some steps of a plan, all of one strategy. */
struct steps {
	const struct plan *plan;
	const size_t *steps;
	size_t n;
	struct apply_result *results;
};

static bool is_of(const struct steps *steps, size_t i, const struct place *place, enum plan_op op)
{
	const struct plan_step *step = &steps->plan->steps[steps->steps[i]];

	return step->op == op && step->checksum.strategy == place->strategy;
}

/* Instead of one of an older shape, if there is any. */
static void put_jump_anew(struct nl_batch *batch, const struct found *found, bool fresh, uint32_t tag)
{
	for (size_t i = 0; !fresh && i < found->n_jumps; i++)
		put_rule_delete(batch, found->place, found->place->base, found->jumps[i], tag);
	put_jump(batch, found->place, tag);
}

static void put_steps(struct nl_batch *batch, const struct steps *steps, const struct found *found, bool native)
{
	const struct place *place = found->place;
	bool framed = false, fresh = found->spoilt;

	for (size_t i = 0; i < steps->n; i++) {
		const struct netstate_checksum *checksum = &steps->plan->steps[steps->steps[i]].checksum;
		uint32_t tag = (uint32_t)steps->steps[i];

		if (is_of(steps, i, place, PLAN_CHECKSUM_ADD)) {
			if (!framed && fresh)
				put_table_delete(batch, place, tag);
			if (!framed)
				put_frame(batch, place, tag);
			if (!framed && (fresh || !found->jump))
				put_jump_anew(batch, found, fresh, tag);
			framed = true;
			if (fresh || !find_rule(found, checksum->bridge))
				put_rule(batch, place, native, checksum->bridge, tag);
		} else if (is_of(steps, i, place, PLAN_CHECKSUM_REMOVE) && checksum->handle && !fresh &&
			   has_handle(found, checksum->handle)) {
			put_rule_delete(batch, place, place->chain, checksum->handle, tag);
		}
	}
}

/* All steps of one place in one transaction: all of it, or nothing. */
static void change_place(struct kernel *kernel, const struct place *place, const struct steps *steps)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	_cleanup_(found_deinit) struct found found = { 0 };
	int r;

	/* What is there is read again first: adding a rule that is there would make two, deleting one that is not
	 * would fail everything. */
	r = read_place(kernel, place, &found);
	nft_put_begin(&batch);
	if (r == 0)
		put_steps(&batch, steps, &found, kernel->queue_native);
	nft_put_end(&batch);
	if (r == 0 && batch.n_entries > 2)
		r = kernel_transact(kernel, &kernel->nft, &batch, NULL, NULL);
	for (size_t i = 0; i < batch.n_entries && r == 0; i++)
		if (batch.entries[i].error && batch.entries[i].tag != NL_UNTAGGED)
			set_result(&steps->results[batch.entries[i].tag], batch.entries[i].error, batch.entries[i].text);
	if (r == 0 && batch.n_errors)
		r = -ECANCELED;
	for (size_t i = 0; r < 0 && i < steps->n; i++)
		if (is_of(steps, i, place, PLAN_CHECKSUM_ADD) || is_of(steps, i, place, PLAN_CHECKSUM_REMOVE))
			set_result(&steps->results[steps->steps[i]], r, r == -ECANCELED ?
				   "another rule of the same transaction failed" : strerror(-r));
}

static void put_left_over(struct nl_batch *batch, const struct found *found, uint32_t tag)
{
	const struct place *place = found->place;

	if (place->ours) {
		put_table_delete(batch, place, tag);
		return;
	}
	for (size_t i = 0; i < found->n_jumps; i++)
		put_rule_delete(batch, place, place->base, found->jumps[i], tag);
	if (!found->chain || found->n_uses != found->n_marked + found->n_jumps)
		return;
	for (size_t i = 0; i < found->state.n_checksums; i++)
		put_rule_delete(batch, place, place->chain, found->state.checksums[i].handle, tag);
	nft_begin(batch, NFT_MSG_DELCHAIN, NLM_F_NONREC, NFPROTO_IPV4, tag);
	nl_put_string(batch, NFTA_CHAIN_TABLE, place->table);
	nl_put_string(batch, NFTA_CHAIN_NAME, place->chain);
}

/* Takes away what rules of ours stood in, unless one stands there again. */
static void remove_left_over(struct kernel *kernel, const struct place *place, struct apply_result *result, uint32_t tag)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	_cleanup_(found_deinit) struct found found = { 0 };
	int r;

	r = read_place(kernel, place, &found);
	if (r == 0 && !is_left_over(&found))
		return;
	nft_put_begin(&batch);
	if (r == 0)
		put_left_over(&batch, &found, tag);
	nft_put_end(&batch);
	if (r == 0)
		r = kernel_transact(kernel, &kernel->nft, &batch, NULL, NULL);
	for (size_t i = 0; i < batch.n_entries && r == 0; i++)
		r = batch.entries[i].error;
	if (r < 0)
		set_result(result, r, strerror(-r));
}

/*
 * Carries out the PLAN_CHECKSUM_* steps of @plan that @steps names. A step that adds has -EOPNOTSUPP when this
 * kernel cannot do it that way at all.
 */
void checksum_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
		    struct apply_result *results)
{
	const struct steps all = { plan, steps, n_steps, results };

	tc_apply(kernel, plan, steps, n_steps, results);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		bool any = false;

		for (size_t j = 0; j < n_steps; j++)
			any |= is_of(&all, j, &places[i], PLAN_CHECKSUM_ADD) ||
			       (is_of(&all, j, &places[i], PLAN_CHECKSUM_REMOVE) && plan->steps[steps[j]].checksum.handle);
		if (any)
			change_place(kernel, &places[i], &all);
		for (size_t j = 0; j < n_steps; j++)
			if (is_of(&all, j, &places[i], PLAN_CHECKSUM_REMOVE) && !plan->steps[steps[j]].checksum.handle)
				remove_left_over(kernel, &places[i], &results[steps[j]], (uint32_t)steps[j]);
	}
}
