/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet policy why: may this user use this bridge, and by which rule?
 * Prints; everything it knows comes with the view.
 *
 * Which single rule matches is asked of the library too: by a policy that has only this rule.
 */
#include "policy.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "paths.h"
#include "table.h"

/* The policy asked about one rule alone, with all its names or only its users or only its groups. */
static bool rule_matches(const struct view *view, const struct policy_rule *rule, const struct policy_device *device,
			 bool users, bool groups)
{
	struct policy_who whos[2 * LIMIT_POLICY_WHO];
	struct policy_rule alone = *rule;
	struct policy policy = { .rules = &alone, .n_rules = 1, .whos = whos, .macs = view->policy.macs,
				 .ranges = view->policy.ranges };
	struct policy_verdict verdict;

	for (size_t i = 0; i < rule->n_whos && policy.n_whos < ARRAY_SIZE(whos); i++) {
		const struct policy_who *who = &view->policy.whos[rule->first_who + i];

		if (who->group ? groups : users)
			whos[policy.n_whos++] = *who;
	}
	alone.first_who = 0;
	alone.n_whos = (uint16_t)policy.n_whos;
	policy_match(&policy, &view->caller.as, device, &verdict);
	return verdict.rule != NULL;
}

/* Has the rule a name that nobody knows? Then that is what there is to say about it. */
static const struct policy_who *find_unknown(const struct view *view, const struct policy_rule *rule, bool group)
{
	for (size_t i = 0; i < rule->n_whos; i++) {
		const struct policy_who *who = &view->policy.whos[rule->first_who + i];

		if (who->group == group && who->state != WHO_KNOWN)
			return who;
	}
	return NULL;
}

/* Why a rule that names the bridge is not the one that decides. */
static void explain_rule(const struct view *view, const struct policy_rule *rule, const struct policy_device *device,
			 const struct policy_verdict *verdict, struct text *reason)
{
	bool users = rule_matches(view, rule, device, true, false);
	bool groups = rule_matches(view, rule, device, false, true);
	unsigned int uid = (unsigned int)view->caller.as.uid;

	if (verdict->owner != POLICY_NOBODY && (rule->action == POLICY_OWN ? verdict->owner != uid : rule->action == POLICY_ALLOW && uid != 0)) {
		text_add(reason, "the network is uid %u's own: %s", verdict->owner,
			 rule->action == POLICY_OWN ? "nobody else has it by a rule `own'" : "no allow lets anybody but root use it");
		return;
	}
	if (users && groups) {
		if (!verdict->allowed && rule->action != POLICY_DENY)
			text_add(reason, "a deny rule beats every %s", policy_action_names[rule->action]);
		else
			text_add(reason, "%s comes first", RULE_PLACE(&view->policy, verdict->rule));
		return;
	}
	if (!users) {
		const struct policy_who *unknown = find_unknown(view, rule, false);

		text_add(reason, "user= does not mean uid %u", uid);
		if (unknown)
			text_add(reason, " (nobody knows the user %s)", STR_ESCAPED(unknown->name));
	}
	if (!groups) {
		const struct policy_who *unknown = find_unknown(view, rule, true);

		text_add(reason, "%sgroup= does not mean the groups of uid %u", users ? "" : ", ", uid);
		if (unknown)
			text_add(reason, " (nobody knows the group %s)", STR_ESCAPED(unknown->name));
	}
}

/* Calls @each for every rule that names the device, but for the one that decides. */
static void each_other_rule(struct view *view, const struct policy_device *device, const struct policy_verdict *verdict,
			    void (*each)(struct view *view, const struct policy_rule *rule, const char *reason, void *data),
			    void *data)
{
	for (size_t i = 0; i < view->policy.n_rules; i++) {
		const struct policy_rule *rule = &view->policy.rules[i];
		char buffer[512];
		struct text reason;

		if (rule == verdict->rule || !policy_rule_names(rule, device))
			continue;
		text_init(&reason, buffer, sizeof(buffer));
		explain_rule(view, rule, device, verdict, &reason);
		each(view, rule, buffer, data);
	}
}

/* What keeps the helper from doing what the policy allows; NULL: nothing that can be seen from here. */
static const char *find_obstacle(const struct view *view, const struct link *link, const struct policy_verdict *verdict)
{
	unsigned int n_taps, used;

	if (!verdict->allowed || !link_is_bridge(link))
		return NULL;
	if (verdict->grant.vlan && !link->vlan_filtering)
		return "the rule says vlan=, but the bridge does not filter VLANs: the helper refuses";
	view_count_taps(view, link, verdict->grant.max, &n_taps, &used);
	if (used == verdict->grant.max)
		return "all of these taps are in use: the helper refuses until one goes";
	return NULL;
}

/* A rule for people: as it was written, but for tabs. Returns @buffer. */
static const char *print_line(struct view *view, const struct policy_rule *rule, char *buffer, size_t size)
{
	size_t n = 0;

	for (const char *p = source_line(&view->sources, rule); *p && n + 1 < size; p++)
		if (*p != '\t' || n == 0 || buffer[n - 1] != ' ')
			buffer[n++] = (char)(*p == '\t' ? ' ' : *p);
	buffer[n] = '\0';
	return buffer;
}
#define LINE_SIZE	1024
#define LINE_WORDS(_view, _rule)	STR_ESCAPED(print_line(_view, _rule, (char[LINE_SIZE]){ "" }, LINE_SIZE))

static void add_other(struct view *view, const struct policy_rule *rule, const char *reason, void *data)
{
	struct table *table = data;

	table_add(table, "%s", RULE_PLACE(&view->policy, rule));
	table_add(table, "%s", LINE_WORDS(view, rule));
	table_add(table, "%s", reason);
}

static void put_other(struct view *view, const struct policy_rule *rule, const char *reason, void *data)
{
	struct json *json = data;

	json_object(json, NULL);
	put_rule_members(json, view, rule);
	json_string(json, "reason", reason);
	json_object_end(json);
}

static void print_device(const char *name, const struct link *link)
{
	char others[1024];

	link_other_names(link, others, sizeof(others));
	if (!link)
		printf("  bridge   there is no device %s now; this is what the policy says of the name\n", STR_ESCAPED(name));
	else if (!link_is_bridge(link))
		printf("  bridge   %s is not a bridge (%s); this is what the policy says of the name\n",
		       STR_ESCAPED(link->names[0]), link->kind[0] ? STR_ESCAPED(link->kind) : "a network card");
	else
		printf("  bridge   %s%s%s%s, %s\n", STR_ESCAPED(link->names[0]), others[0] ? " (also " : "", others,
		       others[0] ? ")" : "", link->flags & IFF_UP ? "up" : "down");
}

static void print_grant(const struct view *view, const struct link *link, const struct policy_verdict *verdict)
{
	const char *obstacle = find_obstacle(view, link, verdict);
	char options[512];
	struct text text;
	unsigned int n_taps, used;

	view_count_taps(view, link, verdict->grant.max, &n_taps, &used);
	text_init(&text, options, sizeof(options));
	grant_print(&verdict->grant, &text);
	printf("  taps     at most %u%s, %u in use\n", verdict->grant.max,
	       verdict->rule->max ? "" : " (without max=)", n_taps);
	printf("  port     %s\n", options[0] ? options : "no restrictions");
	if (verdict->grant.n_ports > 0) {
		text_init(&text, options, sizeof(options));
		grant_print_ports(&verdict->grant, &text);
		printf("  forwards from ports %s of the host\n", options);
	}
	if (obstacle)
		printf("  careful  %s\n", obstacle);
}

static int print_why(struct view *view, const char *name, const struct link *link, const struct policy_device *device,
		     const struct policy_verdict *verdict)
{
	static const struct table_column columns[] = { { "RULE", true }, { "TEXT", false }, { "WHY IT DOES NOT DECIDE", false } };
	_cleanup_(table_deinit) struct table table = TABLE_NULL(columns);

	printf("%s %s%s%s use %s.\n\n", CALLER_WORDS(&view->caller),
	       style_begin(verdict->allowed ? STYLE_GOOD : STYLE_BAD, stdout), verdict->allowed ? "may" : "may not",
	       style_end(stdout), STR_ESCAPED(name));
	if (verdict->rule)
		printf("  rule     %s\n           %s\n", RULE_PLACE(&view->policy, verdict->rule),
		       LINE_WORDS(view, verdict->rule));
	else if (verdict->owner == view->caller.as.uid)
		printf("  rule     no rule `own' is for this user; an administrator can add to " PATH_POLICY ":\n           own user=%u\n",
		       (unsigned int)view->caller.as.uid);
	else if (verdict->owner != POLICY_NOBODY && view->caller.as.uid != 0)
		printf("  rule     none can allow it: it is uid %u's own network\n", verdict->owner);
	else
		printf("  rule     no rule allows it; an administrator can add to " PATH_POLICY ":\n           allow %s user=%u\n",
		       STR_ESCAPED(name), (unsigned int)view->caller.as.uid);
	if (verdict->allowed)
		print_grant(view, link, verdict);
	print_device(name, link);

	each_other_rule(view, device, verdict, add_other, &table);
	if (table.n_cells > 0) {
		puts("\nOther rules that name this bridge:\n");
		if (table_print(&table, stdout, "  ") < 0)
			return -ENOMEM;
	}
	view_print_caveats(view);
	return 0;
}

static void put_why(struct view *view, const char *name, const struct link *link, const struct policy_device *device,
		    const struct policy_verdict *verdict)
{
	struct json json = JSON_NULL(stdout);

	json_object(&json, NULL);
	json_string(&json, "bridge", name);
	json_bool(&json, "allowed", verdict->allowed);
	json_bool(&json, "exists", link_is_bridge(link));
	put_device(&json, link);
	put_rule(&json, view, verdict->rule);
	put_grant(&json, verdict);
	put_taps(&json, view, link_is_bridge(link) ? link : NULL, verdict);
	json_string(&json, "obstacle", find_obstacle(view, link, verdict));
	json_array(&json, "others");
	each_other_rule(view, device, verdict, put_other, &json);
	json_array_end(&json);
	put_caller(&json, view);
	json_object_end(&json);
}

/* guestnet policy why BRIDGE */
enum exit_status policy_why(const struct options *options, struct failure *failure)
{
	_cleanup_(view_deinit) struct view view = { 0 };
	const char *name = options->operands[0];
	const char *names[] = { name, name };
	struct policy_device device = { .names = names, .n_names = 1 };
	struct policy_verdict verdict;
	const struct link *link;
	char bridge[64];
	uint32_t owner;
	int r;

	if (!ifname_is_valid(name)) {
		failure_set(failure, -EINVAL, "\"%s\" cannot be the name of a bridge", STR_ESCAPED(name));
		return STATUS_USAGE;
	}
	r = view_load(&view, options->user, failure);
	if (r < 0)
		return r == -ESRCH ? STATUS_NOT_FOUND : STATUS_FAILED;
	link = link_table_find(&view.links, name);
	if (link_is_bridge(link)) {
		device = link_device(link);
	} else if (name_find_owner(name, &owner)) {
		/* A user's own network that is down: what its bridge will be called says whose it is. */
		snprintf(bridge, sizeof(bridge), "gn-%s", name);
		names[0] = bridge;
		device.n_names = 2;
	}
	policy_match(&view.policy, &view.caller.as, &device, &verdict);

	if (options->json) {
		put_why(&view, name, link, &device, &verdict);
	} else if (print_why(&view, name, link, &device, &verdict) < 0) {
		failure_set(failure, -ENOMEM, "out of memory");
		return STATUS_FAILED;
	}
	if (!link_is_bridge(link))
		return STATUS_NOT_FOUND;
	return verdict.allowed ? STATUS_OK : STATUS_DENIED;
}
