/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads all rules of nftables: chains, rules, sets and their elements, of every family and every owner.
 * System calls: netlink; and what legacy.c does.
 *
 * Nothing of it is decoded further than it takes to find it again: what a rule does is read from the kernel's own
 * message when it is asked (evaluate.c). libnftnl is not used here, because its decoders end the program when an
 * attribute has a size that they do not expect.
 */
#include "rules.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/limits.h"
#include "../../lib/nl/batch.h"
#include "../../lib/util.h"

#define ATTEMPTS	8

void rules_deinit(struct rules *rules)
{
	for (size_t i = 0; i < rules->n_chains; i++) {
		for (size_t j = 0; j < rules->chains[i].n_rules; j++)
			free(rules->chains[i].rules[j].message);
		free(rules->chains[i].rules);
		free(rules->chains[i].devices);
	}
	for (size_t i = 0; i < rules->n_sets; i++)
		free(rules->sets[i].elements);
	free(rules->chains);
	free(rules->sets);
	nl_channel_deinit(&rules->channel);
	*rules = RULES_NULL;
}

const char *rules_family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_INET: return "inet";
	case NFPROTO_IPV4: return "ip";
	case NFPROTO_IPV6: return "ip6";
	case NFPROTO_BRIDGE: return "bridge";
	case NFPROTO_ARP: return "arp";
	case NFPROTO_NETDEV: return "netdev";
	default: return "?";
	}
}

/* The chain that @name stands for in a rule of @from; NULL when there is none. */
const struct rules_chain *rules_find_chain(const struct rules *rules, const struct rules_chain *from, const char *name)
{
	for (size_t i = 0; i < rules->n_chains; i++) {
		const struct rules_chain *chain = &rules->chains[i];

		if (chain->family == from->family && strcmp(chain->name, name) == 0 && strcmp(chain->table, from->table) == 0)
			return chain;
	}
	return NULL;
}

const struct rules_set *rules_find_set(const struct rules *rules, const struct rules_chain *from, const char *name)
{
	for (size_t i = 0; i < rules->n_sets; i++) {
		const struct rules_set *set = &rules->sets[i];

		if (set->family == from->family && strcmp(set->name, name) == 0 && strcmp(set->table, from->table) == 0)
			return set;
	}
	return NULL;
}

/* Room for one more; NULL without memory. */
static void *grow(void **array, size_t *n, size_t *max, size_t size)
{
	void *item;

	if (*n == *max) {
		size_t wanted = *max ? *max * 2 : 32;
		void *grown = reallocarray(*array, wanted, size);

		if (!grown)
			return NULL;
		*array = grown;
		*max = wanted;
	}
	item = (char *)*array + (*n)++ * size;
	memset(item, 0, size);
	return item;
}
#define GROW(_owner, _array, _n, _max) \
	grow((void **)&(_owner)->_array, &(_owner)->_n, &(_owner)->_max, sizeof(*(_owner)->_array))

static void copy_name(char *buffer, size_t size, const struct nlattr *attribute)
{
	snprintf(buffer, size, "%s", nl_get_string(attribute) ?: "");
}

static uint8_t family_of(const struct nlmsghdr *message)
{
	return ((const struct nfgenmsg *)NLMSG_DATA(message))->nfgen_family;
}

#define DEVICE_PREFIX	2	/* NFTA_DEVICE_PREFIX, Linux 6.17 */

static int add_device(struct rules_chain *chain, const struct nlattr *attribute, bool prefix)
{
	char *device = GROW(chain, devices, n_devices, max_devices);

	if (!device)
		return -ENOMEM;
	snprintf(device, IFNAME_SIZE, "%.14s%s", nl_get_string(attribute) ?: "", prefix ? "*" : "");
	return 0;
}

/* Those that it stands at: one, or a list. */
static int read_devices(struct rules_chain *chain, const struct nlattr *const *hook)
{
	const struct nlattr *device = NULL;
	int r = hook[NFTA_HOOK_DEV] ? add_device(chain, hook[NFTA_HOOK_DEV], false) : 0;

	if (chain->n_devices > 0 || r < 0)
		return r;
	while (r == 0 && hook[NFTA_HOOK_DEVS] && (device = nl_next(hook[NFTA_HOOK_DEVS], device)))
		r = add_device(chain, device, (device->nla_type & NLA_TYPE_MASK) == DEVICE_PREFIX);
	return r;
}

static int each_chain(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
	struct rules *rules = data;
	struct rules_chain *chain;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	chain = GROW(rules, chains, n_chains, max_chains);
	if (!chain)
		return -ENOMEM;
	chain->family = family_of(message);
	chain->hook = -1;
	copy_name(chain->table, sizeof(chain->table), table[NFTA_CHAIN_TABLE]);
	copy_name(chain->name, sizeof(chain->name), table[NFTA_CHAIN_NAME]);
	if (table[NFTA_CHAIN_HOOK] && nl_parse_nested(table[NFTA_CHAIN_HOOK], hook, ARRAY_SIZE(hook))) {
		chain->hook = (int)nl_get_u32_be(hook[NFTA_HOOK_HOOKNUM], 0);
		chain->priority = (int)nl_get_u32_be(hook[NFTA_HOOK_PRIORITY], 0);
		chain->drops = nl_get_u32_be(table[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
		copy_name(chain->type, sizeof(chain->type), table[NFTA_CHAIN_TYPE]);
		return read_devices(chain, hook);
	}
	return 0;
}

/* A table that sleeps has no hooks. */
static int each_table(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_TABLE_MAX + 1];
	struct rules *rules = data;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	if (!(nl_get_u32_be(table[NFTA_TABLE_FLAGS], 0) & NFT_TABLE_F_DORMANT))
		return 0;
	for (size_t i = 0; i < rules->n_chains; i++)
		if (rules->chains[i].family == family_of(message) &&
		    strcmp(rules->chains[i].table, nl_get_string(table[NFTA_TABLE_NAME]) ?: "") == 0)
			rules->chains[i].hook = -1;
	return 0;
}

static int each_rule(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_RULE_MAX + 1];
	struct rules *rules = data;
	struct rules_chain of = { .family = family_of(message) }, *chain;
	struct rules_rule *rule;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	copy_name(of.table, sizeof(of.table), table[NFTA_RULE_TABLE]);
	chain = (struct rules_chain *)rules_find_chain(rules, &of, nl_get_string(table[NFTA_RULE_CHAIN]) ?: "");
	if (!chain)
		return -EINTR;
	rule = GROW(chain, rules, n_rules, max_rules);
	if (!rule)
		return -ENOMEM;
	rule->message = malloc(message->nlmsg_len);
	if (!rule->message) {
		chain->n_rules--;
		return -ENOMEM;
	}
	memcpy(rule->message, message, message->nlmsg_len);
	rule->handle = nl_get_u64_be(table[NFTA_RULE_HANDLE], 0);
	nl_parse(rule->message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table));
	rule->expressions = table[NFTA_RULE_EXPRESSIONS];
	return 0;
}

static int each_set(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_SET_MAX + 1], *description[NFTA_SET_DESC_MAX + 1];
	const struct nlattr *field = NULL, *length[NFTA_SET_FIELD_MAX + 1];
	struct rules *rules = data;
	struct rules_set *set;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	set = GROW(rules, sets, n_sets, max_sets);
	if (!set)
		return -ENOMEM;
	set->family = family_of(message);
	copy_name(set->table, sizeof(set->table), table[NFTA_SET_TABLE]);
	copy_name(set->name, sizeof(set->name), table[NFTA_SET_NAME]);
	set->flags = nl_get_u32_be(table[NFTA_SET_FLAGS], 0);
	set->key_length = nl_get_u32_be(table[NFTA_SET_KEY_LEN], 0);
	if (!table[NFTA_SET_DESC] || !nl_parse_nested(table[NFTA_SET_DESC], description, ARRAY_SIZE(description)))
		return 0;
	while (description[NFTA_SET_DESC_CONCAT] && (field = nl_next(description[NFTA_SET_DESC_CONCAT], field)))
		if (set->n_fields < ARRAY_SIZE(set->fields) && nl_parse_nested(field, length, ARRAY_SIZE(length)))
			set->fields[set->n_fields++] = (uint8_t)nl_get_u32_be(length[NFTA_SET_FIELD_LEN], 0);
	return 0;
}

static uint8_t copy_value(const struct nlattr *data, uint8_t buffer[RULES_KEY_SIZE])
{
	const struct nlattr *table[NFTA_DATA_MAX + 1];
	size_t length;

	if (!data || !nl_parse_nested(data, table, ARRAY_SIZE(table)) || !table[NFTA_DATA_VALUE])
		return 0;
	length = nl_length(table[NFTA_DATA_VALUE]);
	if (length > RULES_KEY_SIZE)
		return 0;
	memcpy(buffer, nl_data(table[NFTA_DATA_VALUE]), length);
	return (uint8_t)length;
}

/* Of an element whose expression is `limit rate over ...`. */
static bool is_limited(const struct nlattr *attribute)
{
	const struct nlattr *expression[NFTA_EXPR_MAX + 1], *limit[NFTA_LIMIT_MAX + 1];

	return attribute && nl_parse_nested(attribute, expression, ARRAY_SIZE(expression)) &&
	       strcmp(nl_get_string(expression[NFTA_EXPR_NAME]) ?: "", "limit") == 0 &&
	       nl_parse_nested(expression[NFTA_EXPR_DATA], limit, ARRAY_SIZE(limit)) &&
	       nl_get_u32_be(limit[NFTA_LIMIT_FLAGS], 0) & NFT_LIMIT_F_INV;
}

static int add_element(struct rules_set *set, const struct nlattr *attribute)
{
	const struct nlattr *table[NFTA_SET_ELEM_MAX + 1], *data[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];
	struct rules_element *element;
	uint32_t flags;

	if (!nl_parse_nested(attribute, table, ARRAY_SIZE(table)))
		return -EPROTO;
	if (set->n_elements >= LIMIT_WHY_ELEMENTS)
		return -ECANCELED;
	element = GROW(set, elements, n_elements, max_elements);
	if (!element)
		return -ENOMEM;
	flags = nl_get_u32_be(table[NFTA_SET_ELEM_FLAGS], 0);
	element->interval_end = flags & NFT_SET_ELEM_INTERVAL_END;
	element->catchall = flags & NFT_SET_ELEM_CATCHALL;
	element->limited = is_limited(table[NFTA_SET_ELEM_EXPR]);
	element->key_length = copy_value(table[NFTA_SET_ELEM_KEY], element->key);
	if (!copy_value(table[NFTA_SET_ELEM_KEY_END], element->end))
		memcpy(element->end, element->key, sizeof(element->end));
	element->data_length = copy_value(table[NFTA_SET_ELEM_DATA], element->data);
	if (table[NFTA_SET_ELEM_DATA] && nl_parse_nested(table[NFTA_SET_ELEM_DATA], data, ARRAY_SIZE(data)) &&
	    data[NFTA_DATA_VERDICT] && nl_parse_nested(data[NFTA_DATA_VERDICT], verdict, ARRAY_SIZE(verdict))) {
		element->verdict = (int32_t)nl_get_u32_be(verdict[NFTA_VERDICT_CODE], 0);
		copy_name(element->chain, sizeof(element->chain), verdict[NFTA_VERDICT_CHAIN]);
	}
	return 0;
}

static int each_elements(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NFTA_SET_ELEM_LIST_MAX + 1], *element = NULL;
	int r = 0;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	while (r == 0 && table[NFTA_SET_ELEM_LIST_ELEMENTS] && (element = nl_next(table[NFTA_SET_ELEM_LIST_ELEMENTS], element)))
		r = add_element(data, element);
	return r;
}

/* Where an interval ends and the next begins, the beginning counts. */
static int compare_elements(const void *a, const void *b)
{
	const struct rules_element *left = a, *right = b;
	int r = memcmp(left->key, right->key, sizeof(left->key));

	return r ? r : (int)right->interval_end - (int)left->interval_end;
}

static void begin(struct nl_batch *batch, uint8_t type, uint8_t family)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	nl_begin(batch, NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_DUMP, 0, &header, sizeof(header));
}

static int dump(struct nl_channel *channel, uint8_t type, int (*each)(const struct nlmsghdr *, void *), struct rules *rules)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

	begin(&request, type, NFPROTO_UNSPEC);
	return nl_dump(channel, &request, each, rules);
}

/* A list of a million addresses to be blocked takes the kernel seconds to tell, and is asked about two or three of them. */
static int leave_elements(struct nl_channel *channel, struct rules_set *set)
{
	free(set->elements);
	set->elements = NULL;
	set->n_elements = set->max_elements = 0;
	set->large = true;
	nl_channel_deinit(channel);	/* the dump goes on in it */
	*channel = NL_CHANNEL_NULL;
	return nl_channel_open(NETLINK_NETFILTER, channel);
}

static int dump_elements(struct nl_channel *channel, struct rules_set *set)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	int r;

	begin(&request, NFT_MSG_GETSETELEM, set->family);
	nl_put_string(&request, NFTA_SET_ELEM_LIST_TABLE, set->table);
	nl_put_string(&request, NFTA_SET_ELEM_LIST_SET, set->name);
	r = nl_dump(channel, &request, each_elements, set);
	if (r == -ECANCELED)
		return leave_elements(channel, set);
	if (r == 0 && set->n_elements > 0 && set->flags & NFT_SET_INTERVAL && set->n_fields == 0)
		qsort(set->elements, set->n_elements, sizeof(*set->elements), compare_elements);
	return r;
}

static int load(struct nl_channel *channel, struct rules *rules)
{
	int r = dump(channel, NFT_MSG_GETCHAIN, each_chain, rules);

	if (r == 0)
		r = dump(channel, NFT_MSG_GETTABLE, each_table, rules);
	if (r == 0)
		r = dump(channel, NFT_MSG_GETRULE, each_rule, rules);
	if (r == 0)
		r = dump(channel, NFT_MSG_GETSET, each_set, rules);
	for (size_t i = 0; r == 0 && i < rules->n_sets; i++)
		if (rules->sets[i].family != NFPROTO_ARP)
			r = dump_elements(channel, &rules->sets[i]);
	return r == -ENOENT ? -EINTR : r;
}

/*
 * Everything, read until it has not changed meanwhile. Needs CAP_NET_ADMIN in this network namespace. The caller
 * owns the result. Errors: -EPERM without the capability, -EINTR when the rules never stand still.
 */
int rules_load(struct rules *ret_rules, struct failure *failure)
{
	_cleanup_(nl_channel_deinit) struct nl_channel channel = NL_CHANNEL_NULL;
	int r = nl_channel_open(NETLINK_NETFILTER, &channel);

	for (unsigned int i = 0; r == 0 && i < ATTEMPTS; i++) {
		struct rules rules = RULES_NULL;

		r = load(&channel, &rules);
		if (r == 0) {
			*ret_rules = rules;
			ret_rules->channel = channel;
			channel = NL_CHANNEL_NULL;
			legacy_look(ret_rules->legacy);
			return 0;
		}
		rules_deinit(&rules);
		if (r == -EINTR)
			r = 0;
		else if (r == -EINVAL || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT) {
			*ret_rules = RULES_NULL;	/* a kernel without nftables has no rules of it */
			legacy_look(ret_rules->legacy);
			return 0;
		}
	}
	if (r == 0)
		r = -EINTR;
	if (r == -EPERM)
		return failure_set(failure, r, "reading all firewall rules needs CAP_NET_ADMIN: call it as root");
	return failure_set(failure, r, "cannot read the firewall rules: %s", strerror(-r));
}

static int each_found(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	return each_elements(message, data);
}

/* One request. *@ret_error: the kernel's; -ENOENT without such an element. */
static int ask_element(struct rules *rules, const struct rules_set *set, const uint8_t *key, struct rules_set *found, int *ret_error)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct nfgenmsg header = { .nfgen_family = set->family, .version = NFNETLINK_V0 };
	size_t elements, element, value;
	int r;

	nl_begin(&request, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM, 0, 0, &header, sizeof(header));
	nl_put_string(&request, NFTA_SET_ELEM_LIST_TABLE, set->table);
	nl_put_string(&request, NFTA_SET_ELEM_LIST_SET, set->name);
	elements = nl_nest(&request, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = nl_nest(&request, NFTA_LIST_ELEM);
	if (!key)
		nl_put_u32_be(&request, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_CATCHALL);
	value = key ? nl_nest(&request, NFTA_SET_ELEM_KEY) : 0;
	if (key) {
		nl_put(&request, NFTA_DATA_VALUE, key, set->key_length);
		nl_nest_end(&request, value);
	}
	nl_nest_end(&request, element);
	nl_nest_end(&request, elements);
	r = nl_transact(&rules->channel, &request, each_found, found);
	*ret_error = r == 0 && request.n_errors ? request.entries[0].error : 0;
	return r;
}

/*
 * Which element of a large set has @key, as a packet would find it: of intervals the one that it is in. @data is a struct rules, this
 * a struct evaluate_sets' function. False when the kernel does not say.
 */
bool rules_ask(void *data, const struct rules_set *set, const uint8_t key[static RULES_KEY_SIZE], struct rules_element *ret_element,
	       bool *ret_found)
{
	struct rules_set found = { 0 };
	bool known = false;
	int error = 0;

	if (set->key_length > RULES_KEY_SIZE)
		return false;
	/* The one for all that is in no other comes last. */
	for (unsigned int i = 0; i < 2 && !known; i++) {
		if (ask_element(data, set, i == 0 ? key : NULL, &found, &error) < 0)
			break;
		known = found.n_elements > 0;
		if (!known && error != -ENOENT)
			break;
	}
	*ret_found = known;
	if (known)
		*ret_element = found.elements[0];
	free(found.elements);
	return known || error == -ENOENT;
}
