/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the helper was started, and what it keeps of that.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/failure.h"

enum start_mode {
	START_NONE,		/* no CAP_NET_ADMIN: the daemon must do the work */
	START_CAPABILITY,	/* file capability, or a capability that the caller holds itself */
	START_SETUID,		/* set-user-ID root */
	START_ROOT,		/* real root */
};

struct privileges {
	enum start_mode mode;
	uid_t uid;		/* the caller's */
	gid_t gid;
	/*
	 * Whoever started us held CAP_NET_ADMIN already, so that nothing can be had through us that could not be had
	 * without: see privileges_establish().
	 */
	bool held;
};

int privileges_establish(struct privileges *ret_privileges, struct failure *failure);
int privileges_raise(struct failure *failure);
int privileges_drop_all(struct failure *failure);
void privileges_explain(const struct privileges *privileges, struct failure *failure);
