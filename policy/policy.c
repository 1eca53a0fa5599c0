/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container of a loaded policy.
 * Pure: no system calls.
 */
#include "policy.h"

/* Frees what a policy owns and leaves it empty. Any POLICY_NULL or half loaded policy will do. */
void policy_deinit(struct policy *policy)
{
	for (size_t i = 0; i < policy->n_files; i++) {
		free(policy->files[i].path);
		free(policy->files[i].text);
	}
	free(policy->files);
	free(policy->rules);
	free(policy->whos);
	free(policy->macs);
	free(policy->ranges);
	*policy = POLICY_NULL;
}

/* The file a rule stands in, as it was named. */
const char *policy_rule_path(const struct policy *policy, const struct policy_rule *rule)
{
	return policy->files[rule->file].path;
}
