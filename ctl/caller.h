/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom an answer is about.
 */
#pragma once

#include "../lib/failure.h"
#include "../policy/policy.h"

struct caller {
	struct policy_caller as;	/* as the policy sees them; the groups are owned below */
	gid_t *groups;			/* owned */
	char *name;			/* owned; NULL: the uid has no account */
	bool other;			/* named by --user */
	bool has_gid;
	bool reads_as;			/* files are read with exactly this user's rights */
};

#define CALLER_NULL (struct caller){ 0 }

int caller_load(const char *user, struct caller *ret_caller, struct failure *failure);
int caller_become(struct caller *caller, struct failure *failure);
void caller_deinit(struct caller *caller);
