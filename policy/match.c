/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision.
 * Pure: no system calls.
 *
 * Any matching deny beats any allow, whatever the order; the first matching allow in reading order
 * decides options and quota; nothing matching is a denial. A name that nobody could resolve never
 * helps a caller: an allow does not match by it, a deny does.
 */
#include "policy.h"

#include <string.h>

#include "../lib/str.h"

const char *const policy_action_names[] = { [POLICY_ALLOW] = "allow", [POLICY_DENY] = "deny", [POLICY_OWN] = "own" };
_Static_assert(ARRAY_SIZE(policy_action_names) == POLICY_ACTION_MAX_, "every action has a word");

/*
 * Whose own network is the device? Its first name says it, which is the kernel's: gn-UID.NAME. Nobody without CAP_NET_ADMIN
 * can give a device a name, and the daemon gives these to nothing else. POLICY_NOBODY: it is like any other.
 */
uint32_t policy_find_owner(const struct policy_device *device)
{
	const char *network;
	uint32_t uid;

	return device->n_names > 0 && str_has_prefix(device->names[0], "gn-", &network) && name_find_owner(network, &uid) ?
		uid : POLICY_NOBODY;
}

/* Does the rule name this device, by any of the device's names? */
bool policy_rule_names(const struct policy_rule *rule, const struct policy_device *device)
{
	if (rule->action == POLICY_OWN)
		return policy_find_owner(device) != POLICY_NOBODY;
	if (!rule->bridge)
		return true;
	for (size_t i = 0; i < device->n_names; i++)
		if (strcmp(rule->bridge, device->names[i]) == 0)
			return true;
	return false;
}

static bool caller_is(const struct policy_caller *caller, const struct policy_who *who)
{
	if (!who->group)
		return caller->uid == who->id;
	if (caller->gid == who->id)
		return true;
	for (size_t i = 0; i < caller->n_groups; i++)
		if (caller->groups[i] == who->id)
			return true;
	return false;
}

/* Has the list a name that nobody could resolve? */
static bool list_is_uncertain(const struct policy *policy, const struct policy_rule *rule, bool group)
{
	for (size_t i = 0; i < rule->n_whos; i++) {
		const struct policy_who *who = &policy->whos[rule->first_who + i];

		if (who->group == group && who->state != WHO_KNOWN)
			return true;
	}
	return false;
}

/*
 * Does one list (user= or group=) hold for the caller? It does when no negated name is the caller's,
 * and, where the list has names without '!', when one of these is. With a name that is not resolved,
 * a deny holds for everybody; in an allow, "!name" then holds for nobody and a plain name for none.
 */
static bool list_holds(const struct policy *policy, const struct policy_rule *rule,
		       const struct policy_caller *caller, bool group)
{
	bool wanted = false, found = false;

	if (rule->action == POLICY_DENY && list_is_uncertain(policy, rule, group))
		return true;

	for (size_t i = 0; i < rule->n_whos; i++) {
		const struct policy_who *who = &policy->whos[rule->first_who + i];

		if (who->group != group)
			continue;
		if (who->negated) {
			if (who->state != WHO_KNOWN || caller_is(caller, who))
				return false;
		} else {
			wanted = true;
			found = found || (who->state == WHO_KNOWN && caller_is(caller, who));
		}
	}
	return found || !wanted;
}

/*
 * May a rule of this kind let the caller on a device that is @owner's own? Nothing but `own` lets a user on, and that its owner
 * alone; to root it is a device like any other. A deny is heard in any case.
 */
static bool action_counts(enum policy_action action, const struct policy_caller *caller, uint32_t owner)
{
	switch (action) {
	case POLICY_ALLOW: return owner == POLICY_NOBODY || caller->uid == 0;
	case POLICY_OWN: return owner == caller->uid;
	case POLICY_DENY:
	case POLICY_ACTION_MAX_: break;
	}
	return true;
}

static bool rule_matches(const struct policy *policy, const struct policy_rule *rule,
			 const struct policy_caller *caller, const struct policy_device *device, uint32_t owner)
{
	return policy_rule_names(rule, device) && action_counts(rule->action, caller, owner) &&
	       list_holds(policy, rule, caller, false) &&
	       list_holds(policy, rule, caller, true);
}

static struct policy_grant rule_grant(const struct policy *policy, const struct policy_rule *rule)
{
	return (struct policy_grant){
		.max = rule->max ? rule->max : LIMIT_DEFAULT_PORTS,
		.isolated = rule->isolated,
		.vlan = rule->vlan,
		.macs = rule->n_macs ? &policy->macs[rule->first_mac] : NULL,
		.n_macs = rule->n_macs,
		.networks = rule->action != POLICY_OWN ? 0 : rule->networks ? rule->networks : 1,
		.ports = rule->n_ranges ? &policy->ranges[rule->first_range] : NULL,
		.n_ports = rule->n_ranges,
	};
}

/*
 * Decides whether @caller may attach a guest to @device, and says by which rule. Names in the rules
 * must have been resolved (policy_resolve()); those that were not count as unresolvable.
 */
void policy_match(const struct policy *policy, const struct policy_caller *caller,
		  const struct policy_device *device, struct policy_verdict *ret_verdict)
{
	const struct policy_rule *allow = NULL;
	const uint32_t owner = policy_find_owner(device);

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (rule->action != POLICY_DENY && allow)
			continue;
		if (!rule_matches(policy, rule, caller, device, owner))
			continue;
		if (rule->action == POLICY_DENY) {
			*ret_verdict = (struct policy_verdict){ .rule = rule, .owner = owner };
			return;
		}
		allow = rule;
	}

	*ret_verdict = (struct policy_verdict){ .allowed = allow != NULL, .rule = allow, .owner = owner };
	if (allow)
		ret_verdict->grant = rule_grant(policy, allow);
}

/* May networks of the caller's own forward this port of the host? */
bool policy_grant_has_port(const struct policy_grant *grant, uint16_t port)
{
	for (size_t i = 0; i < grant->n_ports; i++)
		if (grant->ports[i].first <= port && port <= grant->ports[i].last)
			return true;
	return false;
}

static bool same_who(const struct policy_who *a, const struct policy_who *b)
{
	if (a->group != b->group || a->negated != b->negated || !a->name != !b->name)
		return false;
	return a->name ? strcmp(a->name, b->name) == 0 : a->id == b->id;
}

static bool has_who(const struct policy *policy, const struct policy_rule *rule, const struct policy_who *who)
{
	for (size_t i = 0; i < rule->n_whos; i++)
		if (same_who(&policy->whos[rule->first_who + i], who))
			return true;
	return false;
}

static size_t count_whos(const struct policy *policy, const struct policy_rule *rule, bool group, bool negated)
{
	size_t n = 0;

	for (size_t i = 0; i < rule->n_whos; i++) {
		const struct policy_who *who = &policy->whos[rule->first_who + i];

		n += who->group == group && who->negated == negated;
	}
	return n;
}

/* Has a deny a name that @large has not? Unresolved, it would make the deny hold for everybody. */
static bool list_may_widen(const struct policy *policy, const struct policy_rule *large,
			   const struct policy_rule *small, bool group)
{
	for (size_t i = 0; small->action == POLICY_DENY && i < small->n_whos; i++) {
		const struct policy_who *who = &policy->whos[small->first_who + i];

		if (who->group == group && who->name && !has_who(policy, large, who))
			return true;
	}
	return false;
}

/*
 * Is everybody whom @small's list means surely meant by @large's list too? Judged by the text alone:
 * every name that @large excludes must be excluded by @small, and every name that @small asks for
 * must be among those @large asks for.
 */
static bool list_covers(const struct policy *policy, const struct policy_rule *large,
			const struct policy_rule *small, bool group)
{
	bool large_wants = count_whos(policy, large, group, false) > 0;
	bool large_excludes = count_whos(policy, large, group, true) > 0;
	bool small_wants = count_whos(policy, small, group, false) > 0;

	if (large_wants && !small_wants)
		return false;
	for (size_t i = 0; i < large->n_whos; i++) {
		const struct policy_who *who = &policy->whos[large->first_who + i];

		if (who->group == group && who->negated && !has_who(policy, small, who))
			return false;
	}
	for (size_t i = 0; large_wants && i < small->n_whos; i++) {
		const struct policy_who *who = &policy->whos[small->first_who + i];

		if (who->group == group && !who->negated && !has_who(policy, large, who))
			return false;
	}
	return !((large_wants || large_excludes) && list_may_widen(policy, large, small, group));
}

static bool rule_covers(const struct policy *policy, const struct policy_rule *large,
			const struct policy_rule *small)
{
	if (large->bridge && (!small->bridge || strcmp(large->bridge, small->bridge) != 0))
		return false;
	return list_covers(policy, large, small, false) && list_covers(policy, large, small, true);
}

/*
 * The rule that makes @rule useless, or NULL: an earlier rule of the same kind that means everybody
 * whom @rule means, or, for an allow or own, a deny anywhere that does. Judged by the text, so what it
 * reports is certain, and what needs the account files or the kernel's names to be seen is not.
 */
const struct policy_rule *policy_find_shadow(const struct policy *policy, const struct policy_rule *rule)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *other = &policy->rules[i];
		bool earlier = other < rule;

		if (other == rule)
			continue;
		if (other->action == POLICY_DENY ? rule->action == POLICY_DENY && !earlier
						 : rule->action != other->action || !earlier)
			continue;
		if (rule_covers(policy, other, rule))
			return other;
	}
	return NULL;
}
