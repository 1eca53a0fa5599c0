/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verbs of the policy share: everything an answer is made from, and its parts in JSON.
 */
#pragma once

#include "../lib/nl/link.h"
#include "../lib/str.h"
#include "../policy/policy.h"
#include "caller.h"
#include "json.h"
#include "source.h"

struct view {
	struct caller caller;
	struct policy policy;
	struct link_table links;
	struct sources sources;
	bool includes_differ;	/* the policy has includes, and this user may read others than we */
};

int view_load(struct view *view, const char *user, struct failure *failure);
void view_deinit(struct view *view);
void view_count_taps(const struct view *view, const struct link *bridge, unsigned int max, unsigned int *ret_taps,
		     unsigned int *ret_used);
void view_print_caveats(const struct view *view);

void policy_resolve_all_ways(struct policy *policy, const struct policy_device *device);

bool link_is_bridge(const struct link *link);
struct policy_device link_device(const struct link *link);
void link_other_names(const struct link *link, char *buffer, size_t size);

void grant_print(const struct policy_grant *grant, struct text *text);
void grant_print_ports(const struct policy_grant *grant, struct text *text);
const char *caller_words(const struct caller *caller, char *buffer, size_t size);
#define CALLER_WORDS(caller) caller_words((caller), (char[320]){ 0 }, 320)

/* Members of an object; described in doc/json.md. */
void put_caller(struct json *json, const struct view *view);
void put_rule_members(struct json *json, struct view *view, const struct policy_rule *rule);
void put_rule(struct json *json, struct view *view, const struct policy_rule *rule);
void put_device(struct json *json, const struct link *link);
void put_grant(struct json *json, const struct policy_verdict *verdict);
void put_taps(struct json *json, const struct view *view, const struct link *bridge,
	      const struct policy_verdict *verdict);
