/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tap socket, from both sides: asking the daemon for a tap, where this process has no capability to make
 * one; and serving a client of the daemon, which has started this process for it.
 * System calls; no privilege of its own.
 */
#include "tapclient.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "../lib/tapsocket.h"
#include "paths.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77		/* Linux 6.5; asm-generic/socket.h */
#endif

/*
 * Gets a tap from the daemon. The caller owns @ret_tap_fds.
 * Errors: with a text when the daemon has refused (the text is the daemon's); without one when there is
 * no daemon to ask or it does not answer.
 */
int tapclient_ask(const struct request *request, struct fd_list *ret_tap_fds, struct failure *failure)
{
	struct tapsocket_request packet = tapsocket_request(request->bridge, TAPSOCKET_FOR_PARENT |
							    (request->vnet_hdr ? TAPSOCKET_VNET_HDR : 0));
	struct tapsocket_reply reply;
	int r;

	r = tapsocket_ask(PATH_TAP_SOCKET, &packet, &reply, ret_tap_fds);
	if (r < 0)
		return r;
	return reply.error != 0 ? failure_set(failure, -EPERM, "%s", reply.text) : 0;
}

/*
 * The parent of a process, or the process itself where that is not to be found out: for people who look at a
 * tap, nothing is decided by it. With a pidfd it is certain that the number was still that process's when its
 * parent was read.
 */
static pid_t find_parent(int client_fd, pid_t pid)
{
	_cleanup_(fd_closep) int stat_fd = -EBADF, pid_fd = -EBADF;
	socklen_t size = sizeof(pid_fd);
	char path[64], stat[1024], *field;
	struct pollfd end;
	int parent;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	n = stat_fd < 0 ? -1 : read(stat_fd, stat, sizeof(stat) - 1);
	if (n <= 0)
		return pid;
	stat[n] = '\0';
	if (getsockopt(client_fd, SOL_SOCKET, SO_PEERPIDFD, &pid_fd, &size) < 0)
		pid_fd = -EBADF;
	end = (struct pollfd){ .fd = pid_fd, .events = POLLIN };
	if (pid_fd >= 0 && poll(&end, 1, 0) != 0)
		return pid;
	/* The name in field 2 may hold anything, parentheses too. The fourth field is the parent. */
	field = strrchr(stat, ')');
	return field && sscanf(field, ") %*c %d", &parent) == 1 && parent > 1 ? parent : pid;
}

/*
 * Who is at the other end of a connection to the daemon's socket, as the kernel saw it when the connection was
 * made. The caller of this function owns @ret_groups, which @ret_caller borrows.
 */
int tapclient_identify(int client_fd, bool for_parent, struct policy_caller *ret_caller, gid_t **ret_groups,
		       pid_t *ret_pid, struct failure *failure)
{
	pid_t pid;
	int r = policy_read_peer(client_fd, ret_caller, ret_groups, &pid, failure);

	if (r < 0)
		return r;
	*ret_pid = for_parent ? find_parent(client_fd, pid) : pid;
	return 0;
}

/*
 * Answers the client: with a tap, or, where @error is negative, with the text of a refusal. -EPIPE and the like
 * when it has gone away.
 */
int tapclient_answer(int client_fd, const struct fd_list *tap_fds, int error, const char *text)
{
	const struct tapsocket_reply reply = tapsocket_reply(error, text);

	if (error == 0)
		return fd_send_list(client_fd, tap_fds, &reply, sizeof(reply), TAPSOCKET_TIMEOUT_MS);
	if (send(client_fd, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(reply))
		return -errno;
	return 0;
}
