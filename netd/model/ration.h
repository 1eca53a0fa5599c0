/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many lines of the log there are about what one user does.
 * Pure: no system calls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RATION_US	10000000	/* in so long a time */
#define RATION_LINES	5		/* there are so many about one user, */
#define RATION_USERS	16		/* and about so many users */

struct ration_user {
	uid_t uid;
	uint64_t begin_us;
	uint32_t n;			/* lines since then, those that were left out included; 0: nobody */
};

struct ration {
	struct ration_user users[RATION_USERS];
};

bool ration_take(struct ration *ration, uid_t uid, uint64_t now_us, struct ration_user *ret_over);
