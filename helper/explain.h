/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of a refusal.
 */
#pragma once

#include "../policy/policy.h"
#include "rtnetlink.h"

struct explain {
	const struct policy *policy;
	const struct policy_caller *caller;
	const char *policy_path;
	const char *requested;		/* the name as it was asked for */
};

void explain_rule(const struct explain *explain, const struct policy_rule *rule, char *buffer, size_t size);
void explain_denied(const struct explain *explain, const struct policy_verdict *verdict, struct failure *failure);
void explain_quota(const struct explain *explain, const struct policy_verdict *verdict, const char *holders,
		   struct failure *failure);
void explain_no_bridge(const struct explain *explain, struct rtnl *rtnl, struct failure *failure);
