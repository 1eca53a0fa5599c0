/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose a socket is, in words.
 */
#pragma once

#include <sys/types.h>

#include "../../lib/str.h"
#include "../kernel/sockets.h"

/* Who holds a socket, as far as we are allowed to see. */
struct holder {
	pid_t pid;		/* 0: not known */
	bool certain;		/* the socket was seen among its files; else it only fits user and unit */
	char command[64];	/* "" when not known */
	char unit[128];		/* the last part of its cgroup's path, such as "named.service"; "" when not known */
	uint32_t uid;
};

void holder_find(const struct socket_entry *socket, struct holder *ret_holder);
void holder_print(const struct holder *holder, struct text *text);
void holder_print_fix(const struct holder *holder, struct text *text);
