/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet policy list: which bridges may this user use?
 * Prints; everything it knows comes with the view.
 */
#include "policy.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "paths.h"
#include "table.h"

/* A bridge that the caller may use, there or not. */
struct item {
	const char *name;		/* borrowed */
	const struct link *link;	/* borrowed; NULL: there is no such device */
	struct policy_verdict verdict;
};

struct items {
	struct item *items;	/* owned */
	size_t n_items;
};

static void items_deinit(struct items *items)
{
	free(items->items);
}

/* Adds a name if the caller may use it. */
static int add_item(const struct view *view, struct items *items, const char *name, const struct link *link)
{
	struct policy_device device = link ? link_device(link) : (struct policy_device){ .names = &name, .n_names = 1 };
	struct item item = { .name = name, .link = link };
	struct item *grown;

	policy_match(&view->policy, &view->caller.as, &device, &item.verdict);
	if (!item.verdict.allowed)
		return 0;
	grown = reallocarray(items->items, items->n_items + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	items->items = grown;
	grown[items->n_items++] = item;
	return 0;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (link_is_bridge(x->link) != link_is_bridge(y->link))
		return link_is_bridge(x->link) ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Every bridge there is, and every name in an allow rule behind which there is none. */
static int list_items(const struct view *view, struct items *items)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < view->links.n_links; i++)
		if (link_is_bridge(&view->links.links[i]))
			r = add_item(view, items, view->links.links[i].names[0], &view->links.links[i]);

	for (size_t i = 0; r == 0 && i < view->policy.n_rules; i++) {
		const struct policy_rule *rule = &view->policy.rules[i];
		const struct link *link;
		bool known = false;

		if (rule->action != POLICY_ALLOW || !rule->bridge)
			continue;
		link = link_table_find(&view->links, rule->bridge);
		for (size_t j = 0; j < items->n_items && !known; j++)
			known = strcmp(items->items[j].name, rule->bridge) == 0;
		if (!link_is_bridge(link) && !known)
			r = add_item(view, items, rule->bridge, link);
	}
	if (r == 0 && items->n_items > 0)
		qsort(items->items, items->n_items, sizeof(*items->items), compare_items);
	return r;
}

/* What is said of every bridge that no rule names. */
static void match_others(const struct view *view, struct policy_verdict *ret_verdict)
{
	const struct policy_device nameless = { 0 };

	policy_match(&view->policy, &view->caller.as, &nameless, ret_verdict);
}

/* What is said of networks of the caller's own, whatever they are called. */
static void match_own(const struct view *view, struct policy_verdict *ret_verdict)
{
	char bridge[32];
	const char *const name = bridge;
	const struct policy_device device = { .names = &name, .n_names = 1 };

	snprintf(bridge, sizeof(bridge), "gn-%u.NAME", (unsigned int)view->caller.as.uid);
	policy_match(&view->policy, &view->caller.as, &device, ret_verdict);
}

static void add_row(const struct view *view, struct table *table, const struct item *item)
{
	const struct policy_verdict *verdict = &item->verdict;
	const struct link *bridge = link_is_bridge(item->link) ? item->link : NULL;
	char others[1024], options[512];
	struct text text;
	unsigned int n_taps, used;

	link_other_names(bridge, others, sizeof(others));
	text_init(&text, options, sizeof(options));
	grant_print(&verdict->grant, &text);
	view_count_taps(view, bridge, verdict->grant.max, &n_taps, &used);

	table_add(table, "%s", STR_ESCAPED(item->name));
	table_add(table, "%s", others[0] ? others : "-");
	table_add(table, "%s", !item->link ? "missing" : !bridge ? "no bridge" : bridge->flags & IFF_UP ? "up" : "down");
	table_add(table, "%u/%u", n_taps, verdict->grant.max);
	table_add(table, "%s", options[0] ? options : "-");
	table_add(table, "%s", RULE_PLACE(&view->policy, verdict->rule));
}

static int print_list(const struct view *view, const struct items *items)
{
	static const struct table_column columns[] = {
		{ "BRIDGE", false }, { "ALSO", false }, { "STATE", false }, { "TAPS", false }, { "PORT", false }, { "RULE", true },
	};
	_cleanup_(table_deinit) struct table table = TABLE_NULL(columns);
	struct policy_verdict others, own;
	char ports[LIMIT_POLICY_PORTS * sizeof("65535-65535,")];
	struct text text;

	for (size_t i = 0; i < items->n_items; i++)
		add_row(view, &table, &items->items[i]);
	match_others(view, &others);
	match_own(view, &own);

	if (items->n_items > 0 && table_print(&table, stdout, "") < 0)
		return -ENOMEM;
	if (others.allowed)
		printf("%s%s may use every other bridge too: %s\n", items->n_items ? "\n" : "", CALLER_WORDS(&view->caller),
		       RULE_PLACE(&view->policy, others.rule));
	else if (items->n_items == 0)
		printf("%s may use no bridge (guestnet policy why BRIDGE says why).\n", CALLER_WORDS(&view->caller));
	if (own.allowed && own.grant.networks) {
		text_init(&text, ports, sizeof(ports));
		grant_print_ports(&own.grant, &text);
		printf("%s%s may have %u network%s of their own%s%s: %s\n", items->n_items ? "\n" : "", CALLER_WORDS(&view->caller),
		       own.grant.networks, own.grant.networks == 1 ? "" : "s", ports[0] ? ", which forward ports of the host from " : "",
		       ports, RULE_PLACE(&view->policy, own.rule));
	}
	view_print_caveats(view);
	return 0;
}

static void put_list(struct view *view, const struct items *items)
{
	struct json json = JSON_NULL(stdout);
	struct policy_verdict others, own;

	json_object(&json, NULL);
	json_array(&json, "bridges");
	for (size_t i = 0; i < items->n_items; i++) {
		const struct item *item = &items->items[i];

		json_object(&json, NULL);
		json_string(&json, "bridge", item->name);
		json_bool(&json, "exists", link_is_bridge(item->link));
		put_device(&json, item->link);
		put_rule(&json, view, item->verdict.rule);
		put_grant(&json, &item->verdict);
		put_taps(&json, view, link_is_bridge(item->link) ? item->link : NULL, &item->verdict);
		json_object_end(&json);
	}
	json_array_end(&json);

	match_others(view, &others);
	json_object(&json, "others");
	json_bool(&json, "allowed", others.allowed);
	put_rule(&json, view, others.rule);
	put_grant(&json, &others);
	json_object_end(&json);
	match_own(view, &own);
	json_object(&json, "own");
	json_bool(&json, "allowed", own.allowed);
	put_rule(&json, view, own.rule);
	put_grant(&json, &own);
	json_object_end(&json);
	put_caller(&json, view);
	json_object_end(&json);
}

/* guestnet policy list */
enum exit_status policy_list(const struct options *options, struct failure *failure)
{
	_cleanup_(view_deinit) struct view view = { 0 };
	_cleanup_(items_deinit) struct items items = { 0 };
	int r;

	r = view_load(&view, options->user, failure);
	if (r < 0)
		return r == -ESRCH ? STATUS_NOT_FOUND : STATUS_FAILED;
	r = list_items(&view, &items);
	if (r == 0 && options->json)
		put_list(&view, &items);
	else if (r == 0)
		r = print_list(&view, &items);
	if (r < 0) {
		failure_set(failure, r, "out of memory");
		return STATUS_FAILED;
	}
	return STATUS_OK;
}
