/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is the text of a policy. It is parsed to its end, past includes, and used: several callers
 * ask for several devices, with names resolved in several ways, and every rule's shadow is sought.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/policy.h"
#include "fuzz.h"

/* Every rule borrows from the text and says the truth about its place. */
static void verify_policy(const struct policy *policy, uint32_t last_line)
{
	size_t n_whos = 0, n_macs = 0, n_ranges = 0;
	uint32_t line = 0;

	must(policy->n_rules <= LIMIT_POLICY_RULES);
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		must(rule->line > line && rule->line <= last_line);
		line = rule->line;
		must(!rule->bridge || ifname_is_valid(rule->bridge));
		must(rule->first_who == n_whos && rule->n_whos <= 2 * LIMIT_POLICY_WHO);
		must(rule->first_mac == n_macs && rule->n_macs <= LIMIT_POLICY_MACS);
		must(rule->max <= LIMIT_MAX_PORTS && rule->vlan <= 4094);
		must(rule->action != POLICY_DENY || (!rule->max && !rule->isolated));
		must(rule->action == POLICY_ALLOW || (!rule->vlan && !rule->n_macs));
		must(rule->action == POLICY_OWN ? !rule->bridge && rule->networks <= LIMIT_OWN_NETWORKS_USER : !rule->networks);
		must(rule->first_range == n_ranges && rule->n_ranges <= LIMIT_POLICY_PORTS);
		must(rule->action == POLICY_OWN || !rule->n_ranges);
		n_ranges += rule->n_ranges;
		n_whos += rule->n_whos;
		n_macs += rule->n_macs;
	}
	must(n_whos == policy->n_whos && n_macs == policy->n_macs && n_ranges == policy->n_ranges);
	for (size_t i = 0; i < policy->n_ranges; i++) {
		const struct policy_range *range = &policy->ranges[i];

		must(range->first > 0 && range->first <= range->last);
		must(range->first >= LIMIT_LOW_PORTS || range->last < LIMIT_LOW_PORTS);
	}

	for (size_t i = 0; i < policy->n_whos; i++) {
		const struct policy_who *who = &policy->whos[i];

		must(who->name ? who->state == WHO_ASKED_NOT && who->name[0] && !strpbrk(who->name, ", \t\n")
			       : who->state == WHO_KNOWN && who->id != UINT32_MAX);
	}
}

/* Names get numbers by their first letter; every @modulus-th stays unknown (0: all do). */
static void resolve(struct policy *policy, size_t modulus)
{
	for (size_t i = 0; i < policy->n_whos; i++) {
		struct policy_who *who = &policy->whos[i];

		if (!who->name)
			continue;
		who->state = modulus == 0 || (unsigned char)who->name[0] % modulus == 0 ? WHO_UNKNOWN : WHO_KNOWN;
		who->id = (unsigned char)who->name[0] % 4;
	}
}

static void verify_verdict(const struct policy *policy, const struct policy_caller *caller, const struct policy_device *device,
			   const struct policy_verdict *verdict)
{
	if (!verdict->rule) {
		must(!verdict->allowed);
		return;
	}
	must(verdict->rule >= policy->rules && verdict->rule < policy->rules + policy->n_rules);
	must(policy_rule_names(verdict->rule, device));
	must(verdict->allowed == (verdict->rule->action != POLICY_DENY));
	if (!verdict->allowed)
		return;
	must(verdict->grant.max >= 1 && verdict->grant.max <= LIMIT_MAX_PORTS);
	must(verdict->grant.isolated == verdict->rule->isolated && verdict->grant.vlan == verdict->rule->vlan);
	must(verdict->grant.n_macs == verdict->rule->n_macs && verdict->grant.n_ports == verdict->rule->n_ranges);
	must(policy_grant_has_port(&verdict->grant, 0) == false);
	/* On a user's own network: its owner, and root as on any other. */
	must(verdict->owner == policy_find_owner(device));
	must(verdict->rule->action == POLICY_OWN ? verdict->owner == caller->uid && verdict->grant.networks > 0 :
						  verdict->owner == POLICY_NOBODY || caller->uid == 0);
}

static void ask(const struct policy *policy, const bool *shadowed)
{
	static const gid_t groups[] = { 1, 2, 3 };
	static const struct policy_caller callers[] = {
		{ .uid = 0, .gid = 0 },
		{ .uid = 1, .gid = 2 },
		{ .uid = 3, .gid = 0, .groups = groups, .n_groups = 3 },
		{ .uid = 1000, .gid = 1000, .groups = groups, .n_groups = 1 },
	};
	static const char *const names[] = { "br0", "default", "a" }, *const own[] = { "gn-1000.a", "1000.a" };
	const struct policy_device devices[] = {
		{ names, 0 },
		{ names, 1 },
		{ names, 3 },
		{ own, 2 },
		{ policy->n_rules > 0 && policy->rules[0].bridge ? &policy->rules[0].bridge : names, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(devices); j++) {
			struct policy_verdict verdict;

			policy_match(policy, &callers[i], &devices[j], &verdict);
			verify_verdict(policy, &callers[i], &devices[j], &verdict);
			must(!verdict.rule || !shadowed[verdict.rule - policy->rules]);
		}
}

static void use(struct policy *policy)
{
	/* What this costs grows with the square of the rules: enough is enough. */
	bool shadowed[64] = { 0 };

	if (policy->n_rules > ARRAY_SIZE(shadowed))
		policy->n_rules = ARRAY_SIZE(shadowed);
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *shadow = policy_find_shadow(policy, &policy->rules[i]);

		must(!shadow || (shadow != &policy->rules[i] && shadow >= policy->rules &&
				 shadow < policy->rules + policy->n_rules));
		shadowed[i] = shadow != NULL;
	}
	for (size_t modulus = 0; modulus <= 3; modulus++) {
		resolve(policy, modulus);
		ask(policy, shadowed);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	struct failure failure = { 0 };
	struct policy_cursor cursor;
	const char *include;
	char *text = malloc(size + 1);
	int r;

	must(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = (char)0xa5;
	policy.files = calloc(1, sizeof(*policy.files));
	must(policy.files);
	policy.files[0] = (struct policy_file){ .path = strdup("policy"), .text = text };
	policy.n_files = 1;

	cursor = POLICY_CURSOR(text, size, 0);
	do {
		r = policy_parse(&policy, &cursor, &include, &failure);
		must(r == 0 || r == -EINVAL || r == -ENOMEM);
		must(cursor.next <= cursor.end);
		if (r == 0 && include)
			must(include[0] && include >= text && include + strlen(include) <= text + size);
	} while (r == 0 && include);

	must((r < 0) == (failure.text[0] != '\0'));
	for (const char *p = failure.text; *p; p++)
		must(*p >= 0x20 && *p < 0x7f);
	if (r == 0) {
		verify_policy(&policy, cursor.line);
		use(&policy);
	}
	return 0;
}
