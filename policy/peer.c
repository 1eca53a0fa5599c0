/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the other end of a Unix socket.
 * System calls: asks the kernel.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/str.h"

/*
 * Who is at the other end of a connection, as the kernel saw it when the connection was made: nothing that is sent can change
 * that. The caller of this function owns @ret_groups, which @ret_caller borrows. Negative errno, with a text.
 */
int policy_read_peer(int fd, struct policy_caller *ret_caller, gid_t **ret_groups, pid_t *ret_pid, struct failure *failure)
{
	_cleanup_(freep) gid_t *groups = NULL;
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer), groups_size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return failure_set(failure, -errno, "cannot read who asks: %s", strerror(errno));
	if (peer.uid == (uid_t)-1 || peer.gid == (gid_t)-1)
		return failure_set(failure, -ENOTCONN, "nobody asks: not a connected socket");
	/* The first call says how much there is (net/core/sock.c:sk_getsockopt()). */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &groups_size) < 0 && errno != ERANGE)
		return failure_set(failure, -errno, "cannot read the groups of uid %u: %s", (unsigned int)peer.uid, strerror(errno));
	groups = malloc(groups_size + sizeof(*groups));
	if (!groups)
		return failure_set(failure, -ENOMEM, "out of memory");
	if (groups_size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) < 0)
		return failure_set(failure, -errno, "cannot read the groups of uid %u: %s", (unsigned int)peer.uid, strerror(errno));

	*ret_caller = (struct policy_caller){
		.uid = peer.uid,
		.gid = peer.gid,
		.groups = groups,
		.n_groups = groups_size / sizeof(*groups),
	};
	*ret_pid = peer.pid;
	*ret_groups = steal_ptr(groups);
	return 0;
}
