/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loaded policy as text again: for telling people about its lines.
 */
#pragma once

#include "../policy/policy.h"

/* A policy file once more, cut into lines. */
struct source {
	char *text;		/* owned; NULL: could not be read */
	size_t length;
	char **lines;		/* owned; point into text */
	size_t n_lines;
};

struct sources {
	const struct policy *policy;			/* borrowed */
	struct source files[LIMIT_POLICY_FILES];	/* as in the policy; read when first asked for */
};

#define SOURCES_NULL(_policy) (struct sources){ .policy = (_policy) }

void sources_deinit(struct sources *sources);
const char *source_line(struct sources *sources, const struct policy_rule *rule);

const char *rule_place(const struct policy *policy, const struct policy_rule *rule, char *buffer, size_t size);
#define RULE_PLACE(policy, rule) rule_place((policy), (rule), (char[512]){ 0 }, 512)

/* One thing about a policy file that its rules do not show. */
struct source_note {
	enum source_kind { SOURCE_WRONG, SOURCE_INCLUDE_SKIPPED, SOURCE_INCLUDE_READ } kind;
	const char *path;	/* borrowed: the file */
	uint32_t line;
	const char *text;	/* borrowed: what is wrong, or which file */
	int error;		/* of an include that is skipped: why, a negative errno */
};

int source_scan(const char *path, void (*each)(const struct source_note *note, void *data), void *data);
