/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every unit test uses: cmocka, checks that name the case of a table, policies from text.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/failure.h"
#include "../../lib/str.h"
#include "../../lib/util.h"
#include "../../policy/policy.h"

/* Each takes the name of the case, so that a failing row of a table can be found. */
#define check_string(label, got, want)							\
do {											\
	const char *_got = (got), *_want = (want);					\
											\
	if (strcmp(_got, _want) != 0)							\
		fail_msg("%s:\n  got  \"%s\"\n  want \"%s\"", label, _got, _want);	\
} while (0)

#define check_prefix(label, got, want)							\
do {											\
	const char *_got = (got), *_want = (want);					\
											\
	if (strncmp(_got, _want, strlen(_want)) != 0)					\
		fail_msg("%s:\n  got  \"%s\"\n  want \"%s...\"", label, _got, _want);	\
} while (0)

#define check_contains(label, got, want)						\
do {											\
	const char *_got = (got), *_want = (want);					\
											\
	if (!strstr(_got, _want))							\
		fail_msg("%s:\n  got  \"%s\"\n  want \"...%s...\"", label, _got, _want);\
} while (0)

#define check_int(label, got, want)							\
do {											\
	long long _got = (got), _want = (want);						\
											\
	if (_got != _want)								\
		fail_msg("%s: got %lld, want %lld", label, _got, _want);		\
} while (0)

/* xorshift32: the same numbers everywhere from the same seed. */
static inline uint32_t unit_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/*
 * Makes @policy of one file, t.conf, and its cursor. The text is a copy of exactly the size that the
 * parser is promised, so that a sanitiser sees a read behind it.
 */
static inline struct policy_cursor unit_policy_begin(struct policy *policy, const char *text, size_t length)
{
	char *copy = malloc(length + 1);

	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\n';	/* whatever: it must not count */

	*policy = POLICY_NULL;
	policy->files = calloc(1, sizeof(*policy->files));
	assert_non_null(policy->files);
	policy->files[0] = (struct policy_file){ .path = strdup("t.conf"), .text = copy };
	policy->n_files = 1;
	return POLICY_CURSOR(copy, length, 0);
}

/* Parses to the end of the text, past includes. */
static inline int unit_policy_parse(struct policy *policy, const char *text, size_t length, struct failure *failure)
{
	struct policy_cursor cursor = unit_policy_begin(policy, text, length);
	const char *include;
	int r;

	do
		r = policy_parse(policy, &cursor, &include, failure);
	while (r == 0 && include);
	return r;
}
