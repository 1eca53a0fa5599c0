/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the daemon for a tap, where this process has no capability to make one.
 * System calls; unprivileged.
 */
#include "tapclient.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "../lib/tapsocket.h"
#include "paths.h"

static int connect_daemon(int *ret_fd)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", PATH_TAP_SOCKET);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int exchange(int fd, const struct request *request, struct tapsocket_reply *ret_reply, int *ret_tap_fd)
{
	struct tapsocket_request packet = {
		.magic = TAPSOCKET_MAGIC,
		.version = TAPSOCKET_VERSION,
		.flags = request->vnet_hdr ? TAPSOCKET_VNET_HDR : 0,
	};
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	size_t length;
	int r;

	snprintf(packet.bridge, sizeof(packet.bridge), "%s", request->bridge);
	if (send(fd, &packet, sizeof(packet), MSG_NOSIGNAL) != sizeof(packet))
		return -errno;

	do
		r = poll(&answer, 1, TAPSOCKET_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	r = fd_receive(fd, ret_reply, sizeof(*ret_reply), ret_tap_fd, &length);
	if (r < 0)
		return r;
	if (length == 0)
		return -ECONNRESET;
	if (length != sizeof(*ret_reply) || ret_reply->magic != TAPSOCKET_MAGIC ||
	    ret_reply->version != TAPSOCKET_VERSION || (ret_reply->error == 0 && *ret_tap_fd < 0))
		return -EPROTO;
	ret_reply->text[sizeof(ret_reply->text) - 1] = '\0';
	str_one_line(ret_reply->text);
	return 0;
}

/*
 * Gets a tap from the daemon. The caller owns @ret_tap_fd.
 * Errors: with a text when the daemon has refused (the text is the daemon's); without one when there is
 * no daemon to ask or it does not answer.
 */
int tapclient_ask(const struct request *request, int *ret_tap_fd, struct failure *failure)
{
	_cleanup_(fd_closep) int fd = -EBADF, tap_fd = -EBADF;
	struct tapsocket_reply reply;
	int r;

	r = connect_daemon(&fd);
	if (r < 0)
		return r;
	r = exchange(fd, request, &reply, &tap_fd);
	if (r < 0)
		return r;
	if (reply.error != 0)
		return failure_set(failure, -EPERM, "%s", reply.text);

	*ret_tap_fd = steal_fd(&tap_fd);
	return 0;
}
