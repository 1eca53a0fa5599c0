/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tap socket, from both sides: asking the daemon for a tap, and serving a client of the daemon.
 */
#pragma once

#include "../lib/failure.h"
#include "../lib/fd.h"
#include "../policy/policy.h"
#include "request.h"

int tapclient_ask(const struct request *request, struct fd_list *ret_tap_fds, struct failure *failure);

int tapclient_identify(int client_fd, bool for_parent, struct policy_caller *ret_caller, gid_t **ret_groups,
		       pid_t *ret_pid, struct failure *failure);
int tapclient_answer(int client_fd, const struct fd_list *tap_fds, int error, const char *text);
