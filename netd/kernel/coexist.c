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
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
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
#define LOOKUPS_MAX	256
#define SET_NAME_SIZE	256

/* A marked rule as it is found, or as it should be; in one order, so that both can be compared. */
struct mark {
	uint8_t family;
	char table[COEXIST_NAME_SIZE];
	char chain[COEXIST_NAME_SIZE];
	char *line;			/* owned; what it does */
	uint64_t handle;		/* of a found one */
	bool returns;			/* a COEXIST_NOT_TO, wanted or found */
	uint64_t position;		/* of a found one among all that were read */
	char out[IFNAME_SIZE];		/* of a wanted COEXIST_NOT_TO */
	uint8_t rule;			/* enum coexist_rule, of a wanted one */
	const struct coexist_bridge *bridge;	/* likewise; borrowed */
};

struct marks {
	struct mark *items;		/* owned */
	size_t n, max;
};

enum asked { ASKED_NOTHING, ASKED_NAME, ASKED_V4, ASKED_V6 };

/* A rule of somebody else's that lets pass what is in a set: which of our bridges are is asked when all rules are read. */
struct lookup {
	struct mark rule;		/* family, table and chain of it */
	char set[SET_NAME_SIZE];
	enum asked asked;
};

struct looking {
	struct coexist_view view;
	struct marks found;
	size_t *bases;			/* owned; which chains packets come to by themselves: a few of what may be thousands */
	size_t n_bases;
	size_t last;			/* the chain that a rule has been of */
	struct lookup *lookups;		/* owned */
	size_t n_lookups;
	const struct coexist_bridge *bridges;	/* borrowed */
	size_t n_bridges;
	/* Owned; chain by bridge. */
	bool *named;			/* a rule in the base chain's table lets the bridge be, or asks more of it */
	bool *refused;			/* a rule in this chain drops all that has to do with the bridge */
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
	free(looking->bases);
	looking->bases = NULL;
	looking->n_bases = 0;
	free(looking->lookups);
	looking->lookups = NULL;
	looking->n_lookups = 0;
	free(looking->named);
	free(looking->refused);
	looking->named = looking->refused = NULL;
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
	case COEXIST_NOT_TO:
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
	case COEXIST_TFTP:
		put_service(batch, IPPROTO_UDP, 69);
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
	if (mark->returns)
		foreign_put_meta(batch, NFT_META_OIFNAME, mark->out, strlen(mark->out) + 1);
	put_matches(batch, mark->family, mark->rule);
	foreign_put_verdict(batch, mark->returns ? (uint32_t)NFT_RETURN : NF_ACCEPT, NULL);
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
	chain.base = table[NFTA_CHAIN_HOOK];
	if (chain.base && nl_parse_nested(table[NFTA_CHAIN_HOOK], hook, ARRAY_SIZE(hook)) &&
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

/* What a rule of somebody else comes to, as far as it can be told without understanding all of it. */
struct meaning {
	bool in, out;			/* asks for these interfaces, and for this value: */
	const struct nlattr *in_value, *out_value;
	enum asked address;		/* asks for an address, here or there, that is this one where the mask has bits: */
	const struct nlattr *address_value, *address_mask;
	enum asked set_asked;		/* asks whether this is in a set, which is named: */
	const struct nlattr *set;
	bool more;			/* asks for something else, too */
	bool drops;			/* drops or rejects */
	bool returns;
	const struct nlattr *target;	/* the chain that it jumps or goes to */
};

static void read_verdict(const struct nlattr *data, struct meaning *meaning)
{
	const struct nlattr *inner[NFTA_IMMEDIATE_MAX + 1], *value[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	if (!nl_parse_nested(data, inner, ARRAY_SIZE(inner)) || !inner[NFTA_IMMEDIATE_DATA] ||
	    !nl_parse_nested(inner[NFTA_IMMEDIATE_DATA], value, ARRAY_SIZE(value)) || !value[NFTA_DATA_VERDICT] ||
	    !nl_parse_nested(value[NFTA_DATA_VERDICT], verdict, ARRAY_SIZE(verdict)))
		return;
	meaning->target = verdict[NFTA_VERDICT_CHAIN];
	switch (nl_get_u32_be(verdict[NFTA_VERDICT_CODE], NF_ACCEPT)) {
	case NF_DROP:
		meaning->drops = true;
		break;
	case (uint32_t)NFT_RETURN:
		meaning->returns = true;
		break;
	}
}

/* What the last expressions have loaded. */
struct loaded {
	uint32_t key;			/* of meta, or UINT32_MAX */
	enum asked address;		/* IPv4 or IPv6, of the sender or the receiver; of it, where mask has bits: */
	const struct nlattr *mask;
};

static void read_compare(const struct nlattr *data, const struct loaded *loaded, struct meaning *meaning)
{
	const struct nlattr *inner[NFTA_CMP_MAX + 1], *value[NFTA_DATA_MAX + 1];

	if (!nl_parse_nested(data, inner, ARRAY_SIZE(inner)) || !inner[NFTA_CMP_DATA] ||
	    !nl_parse_nested(inner[NFTA_CMP_DATA], value, ARRAY_SIZE(value)) || !value[NFTA_DATA_VALUE] ||
	    nl_get_u32_be(inner[NFTA_CMP_OP], NFT_CMP_EQ) != NFT_CMP_EQ) {
		meaning->more = true;
	} else if (loaded->key == NFT_META_IIFNAME) {
		meaning->in = true;
		meaning->in_value = value[NFTA_DATA_VALUE];
	} else if (loaded->key == NFT_META_OIFNAME) {
		meaning->out = true;
		meaning->out_value = value[NFTA_DATA_VALUE];
	} else {
		meaning->more = true;
		if (loaded->address == ASKED_NOTHING)
			return;
		meaning->address = loaded->address;
		meaning->address_value = value[NFTA_DATA_VALUE];
		meaning->address_mask = loaded->mask;
	}
}

/* Is it in a set? Or what a map has for it, which may be a verdict. */
static void read_lookup(const struct nlattr *data, const struct loaded *loaded, struct meaning *meaning)
{
	const struct nlattr *inner[NFTA_LOOKUP_MAX + 1];

	meaning->more = true;
	if (!nl_parse_nested(data, inner, ARRAY_SIZE(inner)) || nl_get_u32_be(inner[NFTA_LOOKUP_FLAGS], 0) & NFT_LOOKUP_F_INV || loaded->mask)
		return;
	meaning->set = inner[NFTA_LOOKUP_SET];
	meaning->set_asked = loaded->key == NFT_META_IIFNAME || loaded->key == NFT_META_OIFNAME ? ASKED_NAME : loaded->address;
}

static struct loaded read_meta(const struct nlattr *data)
{
	const struct nlattr *inner[NFTA_META_MAX + 1];

	return (struct loaded){ .key = nl_parse_nested(data, inner, ARRAY_SIZE(inner)) ? nl_get_u32_be(inner[NFTA_META_KEY], UINT32_MAX) : UINT32_MAX };
}

/* An address in the header of IPv4 or IPv6, or its first bytes: they stand at different places. */
static struct loaded read_payload(const struct nlattr *data)
{
	const struct nlattr *inner[NFTA_PAYLOAD_MAX + 1];
	struct loaded loaded = { .key = UINT32_MAX };
	uint32_t offset;

	if (!nl_parse_nested(data, inner, ARRAY_SIZE(inner)) ||
	    nl_get_u32_be(inner[NFTA_PAYLOAD_BASE], UINT32_MAX) != NFT_PAYLOAD_NETWORK_HEADER)
		return loaded;
	offset = nl_get_u32_be(inner[NFTA_PAYLOAD_OFFSET], 0);
	if (offset == offsetof(struct iphdr, saddr) || offset == offsetof(struct iphdr, daddr))
		loaded.address = ASKED_V4;
	else if (offset == offsetof(struct ipv6hdr, saddr) || offset == offsetof(struct ipv6hdr, daddr))
		loaded.address = ASKED_V6;
	return loaded;
}

static const struct nlattr *read_mask(const struct nlattr *data)
{
	const struct nlattr *inner[NFTA_BITWISE_MAX + 1], *value[NFTA_DATA_MAX + 1];

	if (!nl_parse_nested(data, inner, ARRAY_SIZE(inner)) || !inner[NFTA_BITWISE_MASK] ||
	    !nl_parse_nested(inner[NFTA_BITWISE_MASK], value, ARRAY_SIZE(value)))
		return NULL;
	return value[NFTA_DATA_VALUE];
}

static void read_meaning(const struct nlattr *expressions, struct meaning *meaning)
{
	const struct nlattr *expression = NULL, *outer[NFTA_EXPR_MAX + 1];
	struct loaded loaded = { .key = UINT32_MAX };

	*meaning = (struct meaning){ 0 };
	while ((expression = nl_next(expressions, expression))) {
		struct loaded next = { .key = UINT32_MAX };
		const struct nlattr *data;
		const char *name;

		if (!nl_parse_nested(expression, outer, ARRAY_SIZE(outer)))
			return;
		name = nl_get_string(outer[NFTA_EXPR_NAME]) ?: "";
		data = outer[NFTA_EXPR_DATA];
		if (strcmp(name, "immediate") == 0) {
			read_verdict(data, meaning);
		} else if (strcmp(name, "reject") == 0) {
			meaning->drops = true;
		} else if (strcmp(name, "cmp") == 0) {
			read_compare(data, &loaded, meaning);
		} else if (strcmp(name, "lookup") == 0) {
			read_lookup(data, &loaded, meaning);
		} else if (strcmp(name, "target") == 0) {	/* of xtables: REJECT is one */
			meaning->drops |= memmem(nl_data(data), nl_length(data), "REJECT", sizeof("REJECT")) != NULL;
		} else if (strcmp(name, "meta") == 0) {
			next = read_meta(data);
		} else if (strcmp(name, "payload") == 0) {
			meaning->more = true;
			next = read_payload(data);
		} else if (strcmp(name, "bitwise") == 0) {
			meaning->more = true;
			next = (struct loaded){ .key = UINT32_MAX, .address = loaded.address, .mask = read_mask(data) };
		} else if (strcmp(name, "counter") != 0 && strcmp(name, "log") != 0) {
			meaning->more = true;
		}
		loaded = next;
	}
}

static bool names(const struct nlattr *value, const char *bridge)
{
	return value && foreign_matches_name(nl_data(value), nl_length(value), bridge);
}

/* Does the bridge's own address, and so its guests', fit? */
static bool has_address(const struct meaning *meaning, const struct coexist_bridge *bridge)
{
	const uint8_t *value = nl_data(meaning->address_value), *mask = nl_data(meaning->address_mask);
	const uint8_t *address = meaning->address == ASKED_V4 ? bridge->address4 : bridge->address6;
	const size_t length = nl_length(meaning->address_value);

	if (meaning->address == ASKED_NOTHING || !(meaning->address == ASKED_V4 ? bridge->v4 : bridge->v6) ||
	    length > (meaning->address == ASKED_V4 ? sizeof(bridge->address4) : sizeof(bridge->address6)) ||
	    (meaning->address_mask && nl_length(meaning->address_mask) != length))
		return false;
	for (size_t i = 0; i < length; i++)
		if ((address[i] & (meaning->address_mask ? mask[i] : 0xff)) != value[i])
			return false;
	return true;
}

static bool is_chain_of(const struct coexist_chain *chain, const struct mark *rule)
{
	return chain->family == rule->family && strcmp(chain->table, rule->table) == 0 && strcmp(chain->name, rule->chain) == 0;
}

/* Is the chain of this rule one that packets come to by themselves? */
static bool is_base(const struct looking *looking, const struct mark *rule)
{
	for (size_t i = 0; i < looking->n_bases; i++)
		if (is_chain_of(&looking->view.chains[looking->bases[i]], rule))
			return true;
	return false;
}

/* A rule lets a bridge be. What stands in a base chain says nothing of the other ones. */
static void note_named(struct looking *looking, const struct mark *rule, size_t bridge)
{
	const bool base = is_base(looking, rule);

	for (size_t i = 0; i < looking->n_bases; i++) {
		const struct coexist_chain *chain = &looking->view.chains[looking->bases[i]];

		if ((chain->forward || chain->input) && chain->family == rule->family && strcmp(chain->table, rule->table) == 0 &&
		    (!base || is_chain_of(chain, rule)))
			looking->named[looking->bases[i] * looking->n_bridges + bridge] = true;
	}
}

/* A rule drops all that has to do with a bridge. Behind one that lets some of it be, that was meant to be. */
static void note_refused(struct looking *looking, const struct mark *rule, size_t bridge)
{
	for (size_t i = 0; i < looking->view.n_chains; i++) {
		const struct coexist_chain *chain = &looking->view.chains[i];

		if (is_chain_of(chain, rule) && !looking->named[i * looking->n_bridges + bridge])
			looking->refused[i * looking->n_bridges + bridge] = true;
	}
}

/* Whoever names a bridge of ours, or its addresses, has thought of it: it is not in the way by chance. */
static void note_names(struct looking *looking, const struct mark *rule, const struct meaning *meaning)
{
	for (size_t i = 0; i < looking->n_bridges; i++) {
		const struct coexist_bridge *bridge = &looking->bridges[i];
		bool in = names(meaning->in_value, bridge->name), out = names(meaning->out_value, bridge->name);

		if (!meaning->drops && (in || out || has_address(meaning, bridge)))
			note_named(looking, rule, i);
		else if ((in || out) && meaning->drops && !meaning->more && in == meaning->in && out == meaning->out)
			note_refused(looking, rule, i);
	}
}

/* Asked once for each chain and set. */
static int add_lookup(struct looking *looking, const struct mark *rule, const struct meaning *meaning)
{
	const char *set = nl_get_string(meaning->set);
	struct lookup *grown;

	if (meaning->drops || meaning->set_asked == ASKED_NOTHING || !set || strlen(set) >= SET_NAME_SIZE)
		return 0;
	for (size_t i = 0; i < looking->n_lookups; i++)
		if (looking->lookups[i].asked == meaning->set_asked && looking->lookups[i].rule.family == rule->family &&
		    strcmp(looking->lookups[i].rule.table, rule->table) == 0 && strcmp(looking->lookups[i].rule.chain, rule->chain) == 0 &&
		    strcmp(looking->lookups[i].set, set) == 0)
			return 0;
	if (looking->n_lookups == LOOKUPS_MAX)
		return 0;
	grown = reallocarray(looking->lookups, looking->n_lookups + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	looking->lookups = grown;
	grown[looking->n_lookups] = (struct lookup){ .rule = *rule, .asked = meaning->set_asked };
	memcpy(grown[looking->n_lookups++].set, set, strlen(set) + 1);
	return 0;
}

static bool asks_nothing(const struct meaning *meaning)
{
	return !meaning->in && !meaning->out && !meaning->more;
}

/* The last rule of a chain is its policy when it asks for nothing. The kernel tells rules in the order of their chains. */
static void note_end(struct looking *looking, const struct mark *rule, const struct meaning *meaning)
{
	struct coexist_view *view = &looking->view;

	for (size_t i = 0; (meaning->drops || meaning->returns) && i < view->n_chains; i++) {
		const size_t at = (looking->last + i) % view->n_chains;
		struct coexist_chain *chain = &view->chains[at];

		if (!is_chain_of(chain, rule))
			continue;
		looking->last = at;
		chain->returns |= meaning->returns && !chain->drop;
		chain->drop |= meaning->drops && asks_nothing(meaning);
		break;
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
	struct meaning meaning;
	struct mark mark = { 0 };
	int r;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
	    !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	mark.family = family_of(message);
	if (!copy_name(table[NFTA_RULE_TABLE], mark.table) || !copy_name(table[NFTA_RULE_CHAIN], mark.chain) ||
	    !is_foreign(mark.family, mark.table))
		return 0;
	read_meaning(table[NFTA_RULE_EXPRESSIONS], &meaning);
	if (foreign_is_marked(table[NFTA_RULE_USERDATA]) && coexist_may_hold(mark.family, mark.table, mark.chain)) {
		mark.handle = nl_get_u64_be(table[NFTA_RULE_HANDLE], 0);
		mark.returns = meaning.returns;
		mark.position = looking->found.n + 1;
		return add_mark(&looking->found, &mark, message);
	}
	note_names(looking, &mark, &meaning);
	note_end(looking, &mark, &meaning);
	r = add_lookup(looking, &mark, &meaning);
	if (r < 0 || !copy_name(meaning.target, jump.to))
		return r;
	if (meaning.out_value && nl_length(meaning.out_value) <= sizeof(jump.out) &&
	    memchr(nl_data(meaning.out_value), '\0', nl_length(meaning.out_value)))
		memcpy(jump.out, nl_data(meaning.out_value), nl_length(meaning.out_value));
	jump.all = asks_nothing(&meaning);
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

/* What a set is asked for a bridge; nothing when the bridge has no such thing. */
static const void *key_of(enum asked asked, const struct coexist_bridge *bridge, size_t *ret_length)
{
	switch (asked) {
	case ASKED_NAME:
		*ret_length = IFNAME_SIZE;
		return bridge->name;
	case ASKED_V4:
		*ret_length = sizeof(bridge->address4);
		return bridge->v4 ? bridge->address4 : NULL;
	case ASKED_V6:
		*ret_length = sizeof(bridge->address6);
		return bridge->v6 ? bridge->address6 : NULL;
	case ASKED_NOTHING:
		break;
	}
	return NULL;
}

static void put_question(struct nl_batch *batch, const struct lookup *lookup, const void *key, size_t length, uint32_t tag)
{
	size_t elements, element, value;

	nft_begin(batch, NFT_MSG_GETSETELEM, 0, lookup->rule.family, tag);
	nl_put_string(batch, NFTA_SET_ELEM_LIST_TABLE, lookup->rule.table);
	nl_put_string(batch, NFTA_SET_ELEM_LIST_SET, lookup->set);
	elements = nl_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = nl_nest(batch, NFTA_LIST_ELEM);
	value = nl_nest(batch, NFTA_SET_ELEM_KEY);
	nl_put(batch, NFTA_DATA_VALUE, key, length);
	nl_nest_end(batch, value);
	nl_nest_end(batch, element);
	nl_nest_end(batch, elements);
}

/*
 * Which of our bridges are in this set? The kernel looks for each, as a packet would (nf_tables_api.c:nft_get_set_elem()): sets of
 * others may be large. One that has just gone has told so, and everything is looked at again.
 */
static int ask_set(struct kernel *kernel, struct looking *looking, const struct lookup *lookup)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	for (size_t i = 0; i < looking->n_bridges; i++) {
		size_t length;
		const void *key = key_of(lookup->asked, &looking->bridges[i], &length);

		if (key)
			put_question(&batch, lookup, key, length, (uint32_t)i);
	}
	r = nl_transact(&kernel->nft, &batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		if (batch.entries[i].error == 0)
			note_named(looking, &lookup->rule, batch.entries[i].tag);
	return r;
}

/* Rules are read of a table in which there can be rules of ours, or that filters. */
static bool is_of_interest(const struct coexist_chain *chain)
{
	return coexist_may_hold(chain->family, chain->table, chain->name) || chain->forward || chain->input;
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
	looking->refused = calloc(view->n_chains * looking->n_bridges + 1, sizeof(*looking->refused));
	looking->bases = calloc(view->n_chains + 1, sizeof(*looking->bases));
	if (!looking->named || !looking->refused || !looking->bases)
		return -ENOMEM;
	for (size_t i = 0; i < view->n_chains; i++)
		if (view->chains[i].base)
			looking->bases[looking->n_bases++] = i;
	for (size_t i = 0; r == 0 && i < view->n_chains; i++)
		if (is_of_interest(&view->chains[i]) && is_first_of_table(view, i))
			r = read_rules(kernel, &view->chains[i], looking);
	for (size_t i = 0; r == 0 && i < looking->n_lookups; i++)
		r = ask_set(kernel, looking, &looking->lookups[i]);
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

static int compare_chains(const struct mark *a, const struct mark *b)
{
	int r = (a->family > b->family) - (a->family < b->family);

	if (!r)
		r = strcmp(a->table, b->table);
	return r ? r : strcmp(a->chain, b->chain);
}

static int compare_marks(const void *a, const void *b)
{
	const struct mark *left = a, *right = b;
	int r = compare_chains(left, right);

	return r ? r : strcmp(left->line, right->line);
}

static int want_rule(struct marks *wanted, const struct coexist_place *place, const struct coexist_bridge *bridge,
		     enum coexist_rule rule, const char *out)
{
	struct mark mark = {
		.family = place->chain->family, .rule = (uint8_t)rule, .bridge = bridge, .returns = rule == COEXIST_NOT_TO,
	};
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;

	memcpy(mark.table, place->chain->table, sizeof(mark.table));
	memcpy(mark.chain, place->chain->name, sizeof(mark.chain));
	snprintf(mark.out, sizeof(mark.out), "%s", out);
	put_rule(&batch, &mark);
	return batch.error ?: add_mark(wanted, &mark, (struct nlmsghdr *)batch.bytes);
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

static void say_block(const struct coexist_chain *chain, struct coexist_block *block)
{
	struct text text;

	if (block->text[0])
		return;
	text_init(&text, block->text, sizeof(block->text));
	text_add(&text, "blocked by %s of %s %s", STR_ESCAPED(chain->name), family_name(chain->family), STR_ESCAPED(chain->table));
}

static void note_block(const struct looking *looking, const struct coexist_place *place, size_t bridge,
		       struct coexist_result *result)
{
	size_t chain = (size_t)(place->base - looking->view.chains);

	if (place->base->drop && !looking->named[chain * looking->n_bridges + bridge])
		say_block(place->base, &result->blocks[bridge]);
}

/* Does something of ours stand in this table, for this bridge? It comes first there. */
static bool is_open_table(const struct looking *looking, const struct coexist_place *places, size_t n_places,
			  const struct coexist_chain *chain, size_t bridge)
{
	for (size_t i = 0; i < n_places; i++)
		if (!places[i].blocked && !looking->bridges[bridge].closed && places[i].chain->family == chain->family &&
		    strcmp(places[i].chain->table, chain->table) == 0)
			return true;
	return false;
}

static bool is_in_use(const struct coexist_view *view, const struct coexist_chain *chain)
{
	for (size_t i = 0; i < view->n_jumps; i++)
		if (view->jumps[i].family == chain->family && strcmp(view->jumps[i].table, chain->table) == 0 &&
		    strcmp(view->jumps[i].to, chain->name) == 0)
			return true;
	return chain->forward || chain->input;
}

/* Rules that drop all that has to do with a bridge, and nothing of ours comes before them. */
static void note_refusals(const struct looking *looking, const struct coexist_place *places, size_t n_places,
			  struct coexist_result *result)
{
	for (size_t i = 0; i < looking->view.n_chains; i++)
		for (size_t j = 0; j < looking->n_bridges; j++) {
			const struct coexist_chain *chain = &looking->view.chains[i];

			if (looking->refused[i * looking->n_bridges + j] && is_in_use(&looking->view, chain) &&
			    !is_open_table(looking, places, n_places, chain, j))
				say_block(chain, &result->blocks[j]);
		}
}

/* What goes to an interface that the place's program guards is left to it. */
static int want_kept(const struct looking *looking, struct marks *wanted, const struct coexist_place *place, size_t bridge)
{
	const char *out;
	size_t i = 0;
	int r = 0;

	while (r == 0 && (out = coexist_next_kept(&looking->view, place, &i)))
		r = want_rule(wanted, place, &looking->bridges[bridge], COEXIST_NOT_TO, out);
	return r;
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
				else if (rule == COEXIST_NOT_TO)
					r = want_kept(looking, wanted, &places[i], j);
				else
					r = want_rule(wanted, &places[i], &looking->bridges[j], rule, "");
			}
	if (r == 0)
		note_refusals(looking, places, n_places, result);
	if (r == 0)
		free(places);
	return r;
}

/* How many marks from @first on are of one chain. */
static size_t count_chain(const struct marks *marks, size_t first)
{
	size_t n = first;

	while (n < marks->n && compare_chains(&marks->items[first], &marks->items[n]) == 0)
		n++;
	return n - first;
}

/* Twice the same: once is enough. */
static void put_chain_difference(struct nl_batch *batch, const struct mark *wanted, size_t n_wanted, const struct mark *found,
				 size_t n_found)
{
	size_t i = 0, j = 0;

	while (i < n_wanted || j < n_found) {
		int r = i == n_wanted ? 1 : j == n_found ? -1 : compare_marks(&wanted[i], &found[j]);

		if (r < 0)
			put_rule(batch, &wanted[i]);
		if (r > 0)
			put_delete(batch, &found[j]);
		i += r <= 0;
		j += r >= 0;
	}
}

/* Are rules that return all ahead of those that accept? */
static bool is_ordered(const struct mark *found, size_t n)
{
	uint64_t last_return = 0, first_accept = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		if (found[i].returns && found[i].position > last_return)
			last_return = found[i].position;
		if (!found[i].returns && found[i].position < first_accept)
			first_accept = found[i].position;
	}
	return last_return < first_accept;
}

/*
 * One chain. Each new rule goes ahead of all others, so where their order counts they are made anew together: in one
 * batch, those that are to be first last.
 */
static void put_chain(struct nl_batch *batch, const struct mark *wanted, size_t n_wanted, const struct mark *found,
		      size_t n_found)
{
	bool returns = false;

	for (size_t i = 0; i < n_wanted; i++)
		returns |= wanted[i].returns;
	if (returns && n_wanted == n_found && is_ordered(found, n_found)) {
		bool same = true;

		for (size_t i = 0; i < n_wanted; i++)
			same &= compare_marks(&wanted[i], &found[i]) == 0;
		if (same)
			return;
	}
	if (!returns) {
		put_chain_difference(batch, wanted, n_wanted, found, n_found);
		return;
	}
	for (size_t i = 0; i < n_found; i++)
		put_delete(batch, &found[i]);
	for (size_t i = 0; i < n_wanted; i++)
		if (!wanted[i].returns)
			put_rule(batch, &wanted[i]);
	for (size_t i = 0; i < n_wanted; i++)
		if (wanted[i].returns)
			put_rule(batch, &wanted[i]);
}

/* Both are sorted, by chain first: what only one of them has is added or goes. */
static void put_difference(struct nl_batch *batch, const struct marks *wanted, const struct marks *found)
{
	size_t i = 0, j = 0;

	while (i < wanted->n || j < found->n) {
		int r = i == wanted->n ? 1 : j == found->n ? -1 : compare_chains(&wanted->items[i], &found->items[j]);
		size_t n_wanted = r <= 0 ? count_chain(wanted, i) : 0, n_found = r >= 0 ? count_chain(found, j) : 0;

		put_chain(batch, wanted->items + i, n_wanted, found->items + j, n_found);
		i += n_wanted;
		j += n_found;
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
	ret_result->alone = r == 0 && looking.view.n_chains == 0;
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
