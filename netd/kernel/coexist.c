/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of ours in the tables of other firewalls: accepts, where those firewalls have a place for them.
 * Acts; where the places are is decided in model/coexist.c.
 *
 * Rules of ours carry a comment. One that is as it should be stays; another with the comment goes, by its handle.
 * Nothing of others is touched. What is written is what iptables-nft writes for itself, so that it can still list
 * its tables.
 */
#include "coexist.h"

#include <netinet/in.h>

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "../model/ruleset.h"
#include "dump.h"
#include "foreign.h"
#include "nft.h"

#define LINE_SIZE	1024
#define ATTEMPTS	5

/* A marked rule as it is found, or as it should be; in one order, so that both can be compared. */
struct mark {
	uint8_t family;
	char table[COEXIST_NAME_SIZE];
	char chain[COEXIST_NAME_SIZE];
	char *line;			/* owned; what it does */
	uint64_t handle;		/* of a found one */
	uint8_t rule;			/* enum coexist_rule, of a wanted one */
	const struct coexist_bridge *bridge;	/* likewise; borrowed */
};

struct marks {
	struct mark *items;		/* owned */
	size_t n, max;
};

struct looking {
	struct coexist_view view;
	struct marks found;
	const struct coexist_bridge *bridges;	/* borrowed */
	size_t n_bridges;
	bool *named;			/* owned; chain by bridge: a rule in the chain's table names the bridge */
};

static void marks_deinit(struct marks *marks)
{
	for (size_t i = 0; i < marks->n; i++)
		free(marks->items[i].line);
	free(marks->items);
	*marks = (struct marks){ 0 };
}

static void looking_reset(struct looking *looking)
{
	coexist_view_deinit(&looking->view);
	marks_deinit(&looking->found);
	free(looking->named);
	looking->named = NULL;
}

/* Writing */

static void put_service(struct nl_batch *batch, uint8_t protocol, uint16_t port)
{
	foreign_put_meta(batch, NFT_META_L4PROTO, &protocol, sizeof(protocol));
	foreign_put_port(batch, false, port);
}

static void put_matches(struct nl_batch *batch, uint8_t family, enum coexist_rule rule)
{
	bool v6 = family == NFPROTO_IPV6;
	uint8_t icmp = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	switch (rule) {
	case COEXIST_FROM:
	case COEXIST_TO:
		break;
	case COEXIST_DHCP:
		put_service(batch, IPPROTO_UDP, v6 ? 547 : 67);
		break;
	case COEXIST_DNS_UDP:
		put_service(batch, IPPROTO_UDP, 53);
		break;
	case COEXIST_DNS_TCP:
		put_service(batch, IPPROTO_TCP, 53);
		break;
	case COEXIST_ICMP:
		foreign_put_meta(batch, NFT_META_L4PROTO, &icmp, sizeof(icmp));
		break;
	case COEXIST_RULE_MAX_:
		break;
	}
}

/* insert rule FAMILY TABLE CHAIN iifname BRIDGE ... accept: ahead of all others */
static void put_rule(struct nl_batch *batch, const struct mark *mark)
{
	size_t expressions;

	nft_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE, mark->family, 0);
	nl_put_string(batch, NFTA_RULE_TABLE, mark->table);
	nl_put_string(batch, NFTA_RULE_CHAIN, mark->chain);
	foreign_put_mark(batch);
	expressions = nl_nest(batch, NFTA_RULE_EXPRESSIONS);
	foreign_put_meta(batch, mark->rule == COEXIST_TO ? NFT_META_OIFNAME : NFT_META_IIFNAME, mark->bridge->name,
			 strlen(mark->bridge->name) + 1);
	put_matches(batch, mark->family, mark->rule);
	foreign_put_verdict(batch, NF_ACCEPT, NULL);
	nl_nest_end(batch, expressions);
}

static void put_delete(struct nl_batch *batch, const struct mark *mark)
{
	nft_begin(batch, NFT_MSG_DELRULE, 0, mark->family, 0);
	nl_put_string(batch, NFTA_RULE_TABLE, mark->table);
	nl_put_string(batch, NFTA_RULE_CHAIN, mark->chain);
	nl_put_u64_be(batch, NFTA_RULE_HANDLE, mark->handle);
}

/* Reading */

static bool copy_name(const struct nlattr *attribute, char name[COEXIST_NAME_SIZE])
{
	const char *string = nl_get_string(attribute);

	if (!string || strlen(string) >= COEXIST_NAME_SIZE)
		return false;
	memcpy(name, string, strlen(string) + 1);
	return true;
}

static uint8_t family_of(const struct nlmsghdr *message)
{
	struct nfgenmsg header;

	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	return header.nfgen_family;
}

static bool is_foreign(uint8_t family, const char *table)
{
	return (family == NFPROTO_IPV4 || family == NFPROTO_IPV6 || family == NFPROTO_INET) &&
	       strcmp(table, RULESET_TABLE) != 0;
}

static int each_chain(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
	struct coexist_chain chain = { 0 }, *grown;
	struct looking *looking = data;
	struct coexist_view *view = &looking->view;
	uint32_t number;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
	    !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	chain.family = family_of(message);
	if (!copy_name(table[NFTA_CHAIN_TABLE], chain.table) || !copy_name(table[NFTA_CHAIN_NAME], chain.name) ||
	    !is_foreign(chain.family, chain.table))
		return 0;
	if (table[NFTA_CHAIN_HOOK] && nl_parse_nested(table[NFTA_CHAIN_HOOK], hook, ARRAY_SIZE(hook)) &&
	    strcmp(nl_get_string(table[NFTA_CHAIN_TYPE]) ?: "", "filter") == 0) {
		number = nl_get_u32_be(hook[NFTA_HOOK_HOOKNUM], NF_INET_NUMHOOKS);
		chain.forward = number == NF_INET_FORWARD;
		chain.input = number == NF_INET_LOCAL_IN;
		chain.drop = nl_get_u32_be(table[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
	}
	grown = reallocarray(view->chains, view->n_chains + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	view->chains = grown;
	grown[view->n_chains++] = chain;
	return 0;
}

/* The chain that a rule jumps or goes to, or NULL. */
static const struct nlattr *find_target(const struct nlattr *expressions)
{
	const struct nlattr *expression = NULL, *outer[NFTA_EXPR_MAX + 1], *inner[NFTA_IMMEDIATE_MAX + 1];
	const struct nlattr *value[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	while ((expression = nl_next(expressions, expression))) {
		if (!nl_parse_nested(expression, outer, ARRAY_SIZE(outer)) ||
		    strcmp(nl_get_string(outer[NFTA_EXPR_NAME]) ?: "", "immediate") != 0)
			continue;
		if (nl_parse_nested(outer[NFTA_EXPR_DATA], inner, ARRAY_SIZE(inner)) && inner[NFTA_IMMEDIATE_DATA] &&
		    nl_parse_nested(inner[NFTA_IMMEDIATE_DATA], value, ARRAY_SIZE(value)) && value[NFTA_DATA_VERDICT] &&
		    nl_parse_nested(value[NFTA_DATA_VERDICT], verdict, ARRAY_SIZE(verdict)))
			return verdict[NFTA_VERDICT_CHAIN];
	}
	return NULL;
}

/* Whoever names a bridge of ours has thought of it. */
static void note_names(struct looking *looking, uint8_t family, const char *table, const struct nlattr *expressions)
{
	for (size_t i = 0; i < looking->view.n_chains; i++) {
		const struct coexist_chain *chain = &looking->view.chains[i];

		if (!chain->drop || chain->family != family || strcmp(chain->table, table) != 0)
			continue;
		for (size_t j = 0; j < looking->n_bridges; j++) {
			const char *name = looking->bridges[j].name;

			if (memmem(nl_data(expressions), nl_length(expressions), name, strlen(name) + 1))
				looking->named[i * looking->n_bridges + j] = true;
		}
	}
}

static int add_mark(struct marks *marks, const struct mark *mark, const struct nlmsghdr *message)
{
	char line[LINE_SIZE];

	if (marks->n == marks->max) {
		size_t max = marks->max ? 2 * marks->max : 64;
		struct mark *grown = reallocarray(marks->items, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		marks->items = grown;
		marks->max = max;
	}
	/* What cannot be written down is nothing that we would have made. */
	if (!dump_rule_line(message, line, sizeof(line)))
		line[0] = '\0';
	marks->items[marks->n] = *mark;
	marks->items[marks->n].line = strdup(line);
	if (!marks->items[marks->n].line)
		return -ENOMEM;
	marks->n++;
	return 0;
}

static int each_rule(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_RULE_MAX + 1];
	struct coexist_jump jump = { 0 }, *grown;
	struct looking *looking = data;
	struct coexist_view *view = &looking->view;
	struct mark mark = { 0 };

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
	    !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	mark.family = family_of(message);
	if (!copy_name(table[NFTA_RULE_TABLE], mark.table) || !copy_name(table[NFTA_RULE_CHAIN], mark.chain) ||
	    !is_foreign(mark.family, mark.table))
		return 0;
	if (foreign_is_marked(table[NFTA_RULE_USERDATA]) && coexist_may_hold(mark.family, mark.table, mark.chain)) {
		mark.handle = nl_get_u64_be(table[NFTA_RULE_HANDLE], 0);
		return add_mark(&looking->found, &mark, message);
	}
	note_names(looking, mark.family, mark.table, table[NFTA_RULE_EXPRESSIONS]);
	if (!copy_name(find_target(table[NFTA_RULE_EXPRESSIONS]), jump.to))
		return 0;
	jump.family = mark.family;
	memcpy(jump.table, mark.table, sizeof(jump.table));
	memcpy(jump.from, mark.chain, sizeof(jump.from));
	grown = reallocarray(view->jumps, view->n_jumps + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	view->jumps = grown;
	grown[view->n_jumps++] = jump;
	return 0;
}

static int read_chains(struct kernel *kernel, uint8_t family, struct looking *looking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

	nft_begin(&request, NFT_MSG_GETCHAIN, NLM_F_DUMP, family, 0);
	return nl_dump(&kernel->nft, &request, each_chain, looking);
}

static int read_rules(struct kernel *kernel, const struct coexist_chain *chain, struct looking *looking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

	nft_begin(&request, NFT_MSG_GETRULE, NLM_F_DUMP, chain->family, 0);
	nl_put_string(&request, NFTA_RULE_TABLE, chain->table);
	return nl_dump(&kernel->nft, &request, each_rule, looking);
}

/* Rules are read of a table in which there can be rules of ours, or that drops. */
static bool is_of_interest(const struct coexist_chain *chain)
{
	return coexist_may_hold(chain->family, chain->table, chain->name) || ((chain->forward || chain->input) && chain->drop);
}

static bool is_first_of_table(const struct coexist_view *view, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (is_of_interest(&view->chains[j]) && view->chains[j].family == view->chains[i].family &&
		    strcmp(view->chains[j].table, view->chains[i].table) == 0)
			return false;
	return true;
}

static int look_once(struct kernel *kernel, struct looking *looking)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET };
	const struct coexist_view *view = &looking->view;
	int r = 0;

	looking_reset(looking);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++)
		r = read_chains(kernel, families[i], looking);
	if (r < 0)
		return r;
	looking->named = calloc(view->n_chains * looking->n_bridges + 1, sizeof(*looking->named));
	if (!looking->named)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < view->n_chains; i++)
		if (is_of_interest(&view->chains[i]) && is_first_of_table(view, i))
			r = read_rules(kernel, &view->chains[i], looking);
	return r;
}

static int look(struct kernel *kernel, struct looking *looking)
{
	int r = -EINTR;

	for (unsigned int i = 0; r == -EINTR && i < ATTEMPTS; i++)
		r = look_once(kernel, looking);
	return r;
}

/* Comparing */

static int compare_marks(const void *a, const void *b)
{
	const struct mark *left = a, *right = b;
	int r = (left->family > right->family) - (left->family < right->family);

	if (!r)
		r = strcmp(left->table, right->table);
	if (!r)
		r = strcmp(left->chain, right->chain);
	return r ? r : strcmp(left->line, right->line);
}

static int want_rule(struct marks *wanted, const struct coexist_place *place, const struct coexist_bridge *bridge,
		     enum coexist_rule rule)
{
	struct mark mark = { .family = place->chain->family, .rule = (uint8_t)rule, .bridge = bridge };
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;

	memcpy(mark.table, place->chain->table, sizeof(mark.table));
	memcpy(mark.chain, place->chain->name, sizeof(mark.chain));
	put_rule(&batch, &mark);
	return batch.error ?: add_mark(wanted, &mark, (struct nlmsghdr *)batch.bytes);
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

static void note_block(const struct looking *looking, const struct coexist_place *place, size_t bridge,
		       struct coexist_result *result)
{
	size_t chain = (size_t)(place->base - looking->view.chains);
	struct coexist_block *block = &result->blocks[bridge];
	struct text text;

	if (!place->base->drop || block->text[0] || looking->named[chain * looking->n_bridges + bridge])
		return;
	text_init(&text, block->text, sizeof(block->text));
	text_add(&text, "blocked by %s of %s %s", STR_ESCAPED(place->base->name), family_name(place->base->family),
		 STR_ESCAPED(place->base->table));
}

static int want_rules(struct looking *looking, struct marks *wanted, struct coexist_result *result)
{
	struct coexist_place *places;
	size_t n_places;
	int r;

	r = coexist_find_places(&looking->view, &places, &n_places);
	for (size_t i = 0; r == 0 && i < n_places; i++)
		for (size_t j = 0; r == 0 && j < looking->n_bridges; j++)
			for (unsigned int rule = 0; r == 0 && rule < COEXIST_RULE_MAX_; rule++) {
				if (!coexist_is_wanted(&places[i], &looking->bridges[j], rule))
					continue;
				if (places[i].blocked || looking->bridges[j].closed)
					note_block(looking, &places[i], j, result);
				else
					r = want_rule(wanted, &places[i], &looking->bridges[j], rule);
			}
	if (r == 0)
		free(places);
	return r;
}

/* Both are sorted: what only one of them has is added or goes. Twice the same: once is enough. */
static void put_difference(struct nl_batch *batch, const struct marks *wanted, const struct marks *found)
{
	size_t i = 0, j = 0;

	while (i < wanted->n || j < found->n) {
		int r = i == wanted->n ? 1 : j == found->n ? -1 : compare_marks(&wanted->items[i], &found->items[j]);

		if (r < 0)
			put_rule(batch, &wanted->items[i]);
		if (r > 0)
			put_delete(batch, &found->items[j]);
		i += r <= 0;
		j += r >= 0;
	}
}

/* Of the bridges, only those that something is in the way of: mostly none. */
static void keep_blocks(struct coexist_result *result)
{
	size_t n = 0;

	for (size_t i = 0; i < result->n_blocks; i++)
		if (result->blocks[i].text[0])
			result->blocks[n++] = result->blocks[i];
	result->n_blocks = n;
	if (n == 0) {
		free(result->blocks);
		result->blocks = NULL;
	}
}

/*
 * Makes the rules in the places of others those that @bridges need. What is in a bridge's way is in the result,
 * which the caller frees, also when it fails. -ENOENT: a place has just gone; look again.
 */
int coexist_apply(struct kernel *kernel, const struct coexist_bridge *bridges, size_t n_bridges,
		  struct coexist_result *ret_result)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	struct looking looking = { .bridges = bridges, .n_bridges = n_bridges };
	struct marks wanted = { 0 };
	int r;

	*ret_result = COEXIST_RESULT_NULL;
	ret_result->blocks = calloc(n_bridges + 1, sizeof(*ret_result->blocks));
	if (!ret_result->blocks)
		return -ENOMEM;
	ret_result->n_blocks = n_bridges;
	for (size_t i = 0; i < n_bridges; i++)
		memcpy(ret_result->blocks[i].bridge, bridges[i].name, IFNAME_SIZE);

	r = look(kernel, &looking);
	if (r == 0)
		r = want_rules(&looking, &wanted, ret_result);
	if (r == 0) {
		if (wanted.n > 0)
			qsort(wanted.items, wanted.n, sizeof(*wanted.items), compare_marks);
		if (looking.found.n > 0)
			qsort(looking.found.items, looking.found.n, sizeof(*looking.found.items), compare_marks);
		nft_put_begin(&batch);
		put_difference(&batch, &wanted, &looking.found);
		nft_put_end(&batch);
		ret_result->n_changes = batch.n_entries - 2;
	}
	if (r == 0 && ret_result->n_changes > 0)
		r = kernel_transact(kernel, &kernel->nft, &batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		r = batch.entries[i].error;
	keep_blocks(ret_result);
	looking_reset(&looking);
	marks_deinit(&wanted);
	return r;
}

void coexist_result_deinit(struct coexist_result *result)
{
	free(result->blocks);
	*result = COEXIST_RESULT_NULL;
}

/* What is in the way of a bridge, "" for nothing. */
const char *coexist_block_of(const struct coexist_result *result, const char *bridge)
{
	for (size_t i = 0; i < result->n_blocks; i++)
		if (strcmp(result->blocks[i].bridge, bridge) == 0)
			return result->blocks[i].text;
	return "";
}
