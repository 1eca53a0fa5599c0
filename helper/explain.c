/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of a refusal: what was refused, by what, and what to do.
 * Only explain_no_bridge() makes system calls (it reads the list of bridges).
 *
 * The first words are those that people have searched for since qemu-bridge-helper. Everything said
 * was read with the caller's own rights.
 */
#include "explain.h"

#include <errno.h>
#include <string.h>

#include "../lib/str.h"
#include "bridge.h"

/* file:line of a rule. */
void explain_rule(const struct explain *explain, const struct policy_rule *rule, char *buffer, size_t size)
{
	struct text text;
	const char *path;

	text_init(&text, buffer, size);
	if (!rule)
		return;
	path = policy_rule_path(explain->policy, rule);
	text_add_escaped(&text, path, strlen(path));
	text_add(&text, ":%u", rule->line);
}

/* Which rule denied it, or that none allows it, and the line that would. */
void explain_denied(const struct explain *explain, const struct policy_verdict *verdict, struct failure *failure)
{
	unsigned int uid = (unsigned int)explain->caller->uid;
	char rule[512];

	explain_rule(explain, verdict->rule, rule, sizeof(rule));
	if (verdict->rule)
		failure_set(failure, -EACCES,
			    "access denied by acl file: uid %u may not use bridge `%s': %s denies it (a deny rule beats every allow; an administrator can change that line)",
			    uid, STR_ESCAPED(explain->requested), rule);
	else if (verdict->owner == uid)
		failure_set(failure, -EACCES,
			    "access denied by acl file: uid %u may not use bridge `%s': it is a network of your own, and no rule `own' is for you (an administrator can add to %s the line: own user=%u)",
			    uid, STR_ESCAPED(explain->requested), STR_ESCAPED(explain->policy_path), uid);
	else if (verdict->owner != POLICY_NOBODY)
		failure_set(failure, -EACCES,
			    "access denied by acl file: uid %u may not use bridge `%s': it is uid %u's own network, which no rule lets anybody else use (guestnet create NAME makes one of yours, where a rule `own' in %s is for you)",
			    uid, STR_ESCAPED(explain->requested), verdict->owner, STR_ESCAPED(explain->policy_path));
	else
		failure_set(failure, -EACCES,
			    "access denied by acl file: uid %u may not use bridge `%s': no rule allows it (an administrator can add to %s the line: allow %s user=%u)",
			    uid, STR_ESCAPED(explain->requested), STR_ESCAPED(explain->policy_path),
			    STR_ESCAPED(explain->requested), uid);
}

/* Whose limit it is, and which taps hold the places. */
void explain_quota(const struct explain *explain, const struct policy_verdict *verdict, const char *holders,
		   struct failure *failure)
{
	char rule[512];

	explain_rule(explain, verdict->rule, rule, sizeof(rule));
	failure_set(failure, -EDQUOT,
		    "access denied by acl file: uid %u has all the %u tap%s on bridge `%s' that %s allows%s (held by: %s)",
		    (unsigned int)explain->caller->uid, verdict->grant.max, verdict->grant.max == 1 ? "" : "s", STR_ESCAPED(explain->requested), rule,
		    verdict->rule->max ? "" : " by default, without max=", holders);
}

struct usable {
	const struct explain *explain;
	struct text text;
	unsigned int n;
};

static int add_usable(const struct bridge *bridge, void *data)
{
	const struct policy_device device = bridge_device(bridge);
	struct usable *usable = data;
	struct policy_verdict verdict;

	policy_match(usable->explain->policy, usable->explain->caller, &device, &verdict);
	if (!verdict.allowed)
		return 0;
	if (usable->n++ < 12)
		text_add(&usable->text, "%s%s", usable->n > 1 ? ", " : "", STR_ESCAPED(bridge->names[0]));
	return 0;
}

/* That there is no such bridge, and which ones the caller may use instead. */
void explain_no_bridge(const struct explain *explain, struct rtnl *rtnl, struct failure *failure)
{
	struct usable usable = { .explain = explain };
	char bridges[256];

	text_init(&usable.text, bridges, sizeof(bridges));
	(void)bridge_each(rtnl, add_usable, &usable);
	failure_set(failure, -ENODEV,
		    "failed to get mtu of bridge `%s': No such device: there is no bridge of that name (you may use: %s%s); if it is a declared network, start it: guestnet start %s",
		    STR_ESCAPED(explain->requested), usable.n ? bridges : "none", usable.n > 12 ? ", ..." : "",
		    STR_ESCAPED(explain->requested));
}
