/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: our table of nftables (two of them while a network has a [Port]), its elements, the rules for checksums.
 * Reads; changes and decides nothing.
 *
 * Every commit of anybody raises nftables' generation by one, so what was read stays true while the generation is the
 * same. A transaction of our own is written into what was read (rules_note_*()) and counted (kernel_transact()), and not
 * read back; when somebody else has committed meanwhile, the numbers differ, and everything is read again. A table that has us as its
 * owner is changed by nobody else: of it only the fact that it is still the same is asked for.
 */
#include "rules.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "../model/ruleset.h"
#include "checksum.h"
#include "dump.h"
#include "nft.h"
#include "tc.h"

static int each_generation(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[NFTA_GEN_MAX + 1];

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	*(uint32_t *)data = nl_get_u32_be(table[NFTA_GEN_ID], 0);
	return 0;
}

static int read_generation(struct kernel *kernel, uint32_t *ret_generation)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	uint32_t generation = 0;
	int r;

	nft_begin(&request, NFT_MSG_GETGEN, 0, AF_UNSPEC, 0);
	r = nl_transact(&kernel->nft, &request, each_generation, &generation);
	if (r == 0 && request.n_errors)
		r = request.entries[0].error;
	if (r == 0)
		*ret_generation = generation;
	return r;
}

static int each_table(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	return dump_table(message, data);
}

/* -ENOENT when there is none. */
static int read_our_table(struct kernel *kernel, uint8_t family, struct dump_table *ret_table)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	int r;

	nft_begin(&request, NFT_MSG_GETTABLE, 0, family, 0);
	nl_put_string(&request, NFTA_TABLE_NAME, RULESET_TABLE);
	r = nl_transact(&kernel->nft, &request, each_table, ret_table);
	if (r == 0 && request.n_errors)
		r = request.entries[0].error;
	return r;
}

struct table_reading {
	struct dump_lines lines;
	struct netstate_table *table;
};

static int each_table_object(const struct nlmsghdr *message, void *data)
{
	struct table_reading *reading = data;
	const struct nlattr *table[NFTA_SET_MAX + 1];
	enum netstate_set set;
	uint8_t length;

	dump_lines_add(&reading->lines, RULESET_TABLE, message);
	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET) ||
	    !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)) ||
	    ruleset_set_parse(nl_get_string(table[NFTA_SET_NAME]) ?: "", &set, &length) < 0)
		return 0;
	reading->table->features |= ruleset_set_feature(set);
	if (set == NETSTATE_SET_SOURCE4)
		ruleset_add_prefix4(reading->table, length);
	if (set == NETSTATE_SET_SOURCE6)
		ruleset_add_prefix6(reading->table, length);
	return 0;
}

static int dump_objects(struct kernel *kernel, uint8_t family, uint8_t type, bool named, struct table_reading *reading)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

	nft_begin(&request, type, NLM_F_DUMP, family, 0);
	if (named)
		nl_put_string(&request, NFTA_RULE_TABLE, RULESET_TABLE);
	return nl_dump(&kernel->nft, &request, each_table_object, reading);
}

/* The lines of the table as we would make it. */
static int build_expected(const struct netstate_table *table, struct dump_lines *lines)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	_cleanup_(ruleset_deinit) struct ruleset ruleset = RULESET_NULL;
	int r;

	r = ruleset_build(table, &ruleset);
	if (r < 0)
		return r;
	nft_put_ruleset(&batch, &ruleset, 0);
	if (batch.error)
		return batch.error;
	for (size_t i = 0; i < batch.n_entries; i++)
		dump_lines_add(lines, RULESET_TABLE, (struct nlmsghdr *)(batch.bytes + batch.entries[i].offset));
	return lines->failed ? -ENOMEM : 0;
}

static int dump_family(struct kernel *kernel, uint8_t family, struct table_reading *reading)
{
	int r = dump_objects(kernel, family, NFT_MSG_GETSET, true, reading);

	if (r == 0)
		r = dump_objects(kernel, family, NFT_MSG_GETCHAIN, false, reading);
	if (r == 0)
		r = dump_objects(kernel, family, NFT_MSG_GETRULE, true, reading);
	return r;
}

/* Reads chains, sets and rules, all of them, and compares: what a table says of itself is not believed. */
static int compare_table(struct kernel *kernel, bool bridge, struct netstate_table *table)
{
	struct table_reading reading = { .table = table };
	struct dump_lines expected = DUMP_LINES_NULL;
	int r;

	r = dump_family(kernel, NFPROTO_INET, &reading);
	if (r == 0 && bridge)
		r = dump_family(kernel, NFPROTO_BRIDGE, &reading);
	if (r == 0)
		r = build_expected(table, &expected);
	if (r == 0)
		table->state = dump_lines_equal(&reading.lines, &expected) ? NETSTATE_TABLE_EQUAL : NETSTATE_TABLE_DIFFERENT;
	dump_lines_deinit(&reading.lines);
	dump_lines_deinit(&expected);
	return r;
}

/* Dormant: it does nothing. Made without persist: it can never have an owner. */
static bool is_useless(const struct kernel *kernel, const struct dump_table *found)
{
	return found->flags & NFT_TABLE_F_DORMANT || (kernel->owner_tables && !(found->flags & NFT_PERSISTENT));
}

/* Whose it is. The two are made and owned together: with one that is not ours, they are not. */
static void note_owner(const struct kernel *kernel, const struct dump_table *found, struct netstate_table *table)
{
	bool owned = found->flags & NFT_TABLE_F_OWNER;

	table->owned &= owned && found->owner == kernel->nft.port;
	/* The flag goes with the owner (nf_tables_api.c:nft_rcv_nl_event()). */
	table->orphan |= !owned && found->flags & NFT_PERSISTENT;
	table->foreign_owner |= owned && found->owner != kernel->nft.port;
}

/* Whose it is, and whether it is as it should be for the prefix lengths and the features that it is made for. */
static int read_table(struct kernel *kernel, struct netstate_table *ret_table)
{
	struct netstate_table table = { .state = NETSTATE_TABLE_ABSENT, .owned = true };
	struct dump_table found = { 0 }, bridge = { 0 };
	int r, r_bridge;

	r = read_our_table(kernel, NFPROTO_INET, &found);
	r_bridge = read_our_table(kernel, NFPROTO_BRIDGE, &bridge);
	/* A kernel without rules for bridges says that it does not know the family. */
	if (r_bridge < 0 && r_bridge != -ENOENT && r_bridge != -EAFNOSUPPORT && r_bridge != -EOPNOTSUPP)
		return r_bridge;
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0)
		note_owner(kernel, &found, &table);
	if (r_bridge == 0) {
		note_owner(kernel, &bridge, &table);
		table.state = NETSTATE_TABLE_DIFFERENT;
	}
	table.owned &= r == 0;
	if (r == 0) {
		table.handle = found.handle;
		r = compare_table(kernel, r_bridge == 0, &table);
		if (r < 0)
			return r;
		/* A second table in which there is nothing of ours is none of ours. */
		if (is_useless(kernel, &found) ||
		    (r_bridge == 0 && (is_useless(kernel, &bridge) || !(table.features & RULESET_BRIDGED))))
			table.state = NETSTATE_TABLE_DIFFERENT;
		table.fingerprint = table.state == NETSTATE_TABLE_EQUAL ? ruleset_fingerprint(&table) : 0;
	}
	*ret_table = table;
	return 0;
}

struct set_reading {
	struct netstate *state;
	enum netstate_set set;
	uint8_t prefix_length;
};

/* A range that no network file can say: the table is not as we would make it. */
static int note_stranger(struct set_reading *reading)
{
	reading->state->table.state = NETSTATE_TABLE_DIFFERENT;
	reading->state->table.fingerprint = 0;
	return 0;
}

static int each_key(const void *key, const void *end, size_t length, const void *value, size_t value_length, void *data)
{
	struct set_reading *reading = data;
	struct netstate_element element = { .set = reading->set, .prefix_length = reading->prefix_length };

	if (ruleset_set_has_ranges(reading->set))
		return ruleset_range_parse(key, end ? end : key, length, &element) ? netstate_add_element(reading->state, &element) :
										     note_stranger(reading);
	if (length > NETSTATE_KEY_SIZE || length + value_length > sizeof(element.key))
		return -EPROTO;
	element.key_length = (uint8_t)length;
	element.data_length = (uint8_t)value_length;
	memcpy(element.key, key, length);
	if (value_length > 0)
		memcpy(netstate_element_data(&element), value, value_length);
	return netstate_add_element(reading->state, &element);
}

static int each_element_message(const struct nlmsghdr *message, void *data)
{
	return dump_elements(message, each_key, data);
}

static int read_set(struct kernel *kernel, struct netstate *state, enum netstate_set set, unsigned int prefix_length)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	struct set_reading data = { .state = state, .set = set, .prefix_length = (uint8_t)prefix_length };
	char name[RULESET_NAME_SIZE];

	ruleset_set_name(set, (uint8_t)prefix_length, name, sizeof(name));
	nft_begin(&request, NFT_MSG_GETSETELEM, NLM_F_DUMP, ruleset_set_is_bridged(set) ? NFPROTO_BRIDGE : NFPROTO_INET, 0);
	nl_put_string(&request, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	nl_put_string(&request, NFTA_SET_ELEM_LIST_SET, name);
	return nl_dump(&kernel->nft, &request, each_element_message, &data);
}

static int read_elements(struct kernel *kernel, struct netstate *state)
{
	const struct netstate_table *table = &state->table;
	_cleanup_(ruleset_deinit) struct ruleset ruleset = RULESET_NULL;
	int r;

	r = ruleset_build(table, &ruleset);
	for (size_t i = 0; r == 0 && i < ruleset.n_sets; i++) {
		enum netstate_set set;
		uint8_t length;

		r = ruleset_set_parse(ruleset.sets[i].name, &set, &length);
		if (r == 0)
			r = read_set(kernel, state, set, length);
	}
	return r;
}

/* Takes the elements and checksum rules of @from for those of @state. */
static void replace_elements(struct netstate *state, struct netstate *from)
{
	free(state->elements);
	state->elements = steal_ptr(from->elements);
	state->n_elements = from->n_elements;
	from->n_elements = 0;
}

static void replace_checksums(struct netstate *state, struct netstate *from)
{
	free(state->checksums);
	state->checksums = steal_ptr(from->checksums);
	state->n_checksums = from->n_checksums;
	from->n_checksums = 0;
}

/* Is the table that we own still the one that was read? Then nobody has changed anything of it. */
static bool is_still_owned(struct kernel *kernel, const struct netstate_table *table)
{
	struct dump_table found;

	return table->state == NETSTATE_TABLE_EQUAL && table->owned && read_our_table(kernel, NFPROTO_INET, &found) == 0 &&
	       found.handle == table->handle && found.owner == kernel->nft.port && found.flags & NFT_TABLE_F_OWNER;
}

static int read_everything(struct kernel *kernel, struct netstate *state, bool keep_table)
{
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	int r = 0;

	fresh.table = state->table;
	if (!keep_table) {
		r = read_table(kernel, &fresh.table);
		if (r == 0 && fresh.table.state == NETSTATE_TABLE_EQUAL)
			r = read_elements(kernel, &fresh);
	}
	if (r == 0)
		r = checksum_read(kernel, &fresh);
	if (r == 0)
		r = tc_read(kernel, state, &fresh);
	if (r < 0)
		return r;
	netstate_sort(&fresh);
	kernel->view.wholes++;
	state->table = fresh.table;
	if (!keep_table)
		replace_elements(state, &fresh);
	replace_checksums(state, &fresh);
	return 0;
}

static int apply_notes(struct view *view)
{
	int r = 0;

	for (size_t i = 0; i < view->removed.n_elements; i++) {
		const struct netstate_element *found = netstate_find_element(&view->state, &view->removed.elements[i]);

		if (found)
			netstate_remove_element(&view->state, (size_t)(found - view->state.elements));
	}
	for (size_t i = 0; r == 0 && i < view->added.n_elements; i++)
		if (!netstate_find_element(&view->state, &view->added.elements[i]))
			r = netstate_insert_element(&view->state, &view->added.elements[i]);
	netstate_deinit(&view->removed);
	netstate_deinit(&view->added);
	return r;
}

/*
 * Brings table, elements and checksum rules of the view, which are those of kernel->generation, up to date. @dirt says whether others have committed. -EINTR when the rules never stood still, or as the kernel says.
 */
int rules_look(struct kernel *kernel, const struct dirt *dirt)
{
	struct netstate *state = &kernel->view.state;
	bool foreign = dirt->parts & DIRTY_RULES, keep_table;
	uint32_t before, after;
	int r;

	/* A commit that was there already when everything was read is no news. */
	if (foreign && dirt->generation && kernel->read_generation &&
	    (int32_t)(dirt->generation - kernel->read_generation) <= 0)
		foreign = false;
	r = apply_notes(&kernel->view);
	if (r < 0)
		kernel->generation = 0;
	r = read_generation(kernel, &before);
	if (r < 0)
		return r;
	/* Of filters no generation tells: they are read each time. Few kernels need them. */
	if (before == kernel->generation && before != 0 && !foreign && !kernel->checksums_changed && !kernel->tc_used)
		return 0;
	/* Where it is unknown what others did, everything is read. */
	keep_table = kernel->generation != 0 && !(foreign && dirt->generation == 0) &&
		     ((before == kernel->generation && !foreign) || is_still_owned(kernel, &state->table));
	kernel->generation = 0;
	r = read_everything(kernel, state, keep_table);
	if (r == 0)
		r = read_generation(kernel, &after);
	if (r < 0)
		/* What vanished while it was read is a change like any other. */
		return r == -ENOENT ? -EINTR : r;
	if (before != after)
		return -EINTR;
	kernel->checksums_changed = false;
	kernel->generation = kernel->read_generation = before;
	return 0;
}

/* The table has become ours in a transaction of its own. */
void rules_note_adoption(struct kernel *kernel)
{
	kernel->view.state.table.owned = true;
	kernel->view.state.table.orphan = false;
}

/* One that came a moment ago, in an earlier phase of the same plan, has gone again: what comes last counts. */
static void forget_added(struct netstate *added, const struct netstate_element *element)
{
	for (size_t i = added->n_elements; i > 0; i--)
		if (netstate_compare_elements(&added->elements[i - 1], element) == 0)
			netstate_remove_element(added, i - 1);
}

/*
 * A transaction of ours has gone through. Its steps are those of @plan that @steps names and @left_out does not. What
 * they did is in the view from the next look on: until then, others borrow from it.
 */
void rules_note_steps(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
		      const bool *left_out)
{
	bool known = n_steps <= RULES_NOTED;

	for (size_t i = 0; known && i < n_steps; i++) {
		const struct plan_step *step = &plan->steps[steps[i]];
		struct netstate_element element;

		if (left_out[steps[i]] || step->op == PLAN_TABLE_ADOPT || step->op == PLAN_CHECKSUM_ADD ||
		    step->op == PLAN_CHECKSUM_REMOVE)
			continue;
		/* What is not about elements is read back. */
		known = step->op == PLAN_ELEMENT_ADD || step->op == PLAN_ELEMENT_REMOVE;
		if (!known)
			break;
		element = step->element;
		/* As a dump has it: whose it is, the kernel does not know. */
		memset(element.network, 0, sizeof(element.network));
		if (step->op == PLAN_ELEMENT_REMOVE)
			forget_added(&kernel->view.added, &element);
		known = netstate_add_element(step->op == PLAN_ELEMENT_ADD ? &kernel->view.added : &kernel->view.removed,
					     &element) == 0;
	}
	if (!known)
		kernel->generation = 0;
}
