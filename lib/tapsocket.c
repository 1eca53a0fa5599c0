/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol of the tap socket: packets, and the client's end.
 * Pure, but for tapsocket_ask().
 */
#include "tapsocket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "fd.h"
#include "str.h"

/* A request for @bridge, which is an interface's name; a longer one is cut. */
struct tapsocket_request tapsocket_request(const char *bridge, unsigned int flags)
{
	struct tapsocket_request request = {
		.magic = TAPSOCKET_MAGIC,
		.version = TAPSOCKET_VERSION,
		.flags = (uint8_t)flags,
	};

	snprintf(request.bridge, sizeof(request.bridge), "%s", bridge);
	return request;
}

/* A reply: @error is negative, or 0 with an empty @text. */
struct tapsocket_reply tapsocket_reply(int error, const char *text)
{
	struct tapsocket_reply reply = {
		.magic = TAPSOCKET_MAGIC,
		.version = TAPSOCKET_VERSION,
		.error = -error,
	};

	snprintf(reply.text, sizeof(reply.text), "%s", text);
	str_one_line(reply.text);
	return reply;
}

/*
 * Reads a packet that anybody may have sent. -EPROTO for one that is not a request of this version;
 * -EINVAL for a name that no interface can have.
 */
int tapsocket_parse_request(const void *bytes, size_t length, struct tapsocket_request *ret_request)
{
	struct tapsocket_request request;

	if (length != sizeof(request))
		return -EPROTO;
	memcpy(&request, bytes, sizeof(request));
	if (request.magic != TAPSOCKET_MAGIC || request.version != TAPSOCKET_VERSION || (request.flags & ~TAPSOCKET_FLAGS))
		return -EPROTO;
	if (request.queues == 1 || request.queues > LIMIT_TAP_QUEUES)
		return -EPROTO;
	/* One name has one form: it ends, and what stands behind its end is zero. */
	if (request.bridge[sizeof(request.bridge) - 1] != '\0')
		return -EPROTO;
	for (size_t i = strlen(request.bridge); i < sizeof(request.bridge); i++)
		if (request.bridge[i] != '\0')
			return -EPROTO;
	if (!ifname_is_valid(request.bridge))
		return -EINVAL;
	*ret_request = request;
	return 0;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A full queue of connections is waited for: many guests may start at once. */
static int connect_to(const char *path, long long deadline_ms, int *ret_fd)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0)
		return -errno;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (now_ms() >= deadline_ms)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int wait_for_answer(int fd, long long deadline_ms)
{
	struct pollfd answer = { .fd = fd, .events = POLLIN };

	for (;;) {
		long long left_ms = deadline_ms - now_ms();
		int r;

		if (left_ms <= 0)
			return -ETIMEDOUT;
		r = poll(&answer, 1, (int)left_ms);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

/*
 * Asks the daemon that listens at @path, and waits for its answer for TAPSOCKET_START_MS at most. Returns 0 with an
 * answer: a refusal (error and text), or a tap, whose fds the caller owns. A negative errno when there is no daemon
 * or it does not answer as it should.
 */
int tapsocket_ask(const char *path, const struct tapsocket_request *request, struct tapsocket_reply *ret_reply,
		  struct fd_list *ret_tap_fds)
{
	const long long begin_ms = now_ms(), deadline_ms = begin_ms + TAPSOCKET_START_MS;
	const size_t queues = request->queues > 0 ? request->queues : 1;
	_cleanup_(fd_list_deinit) struct fd_list tap_fds = FD_LIST_NULL;
	_cleanup_(fd_closep) int fd = -EBADF;
	struct tapsocket_reply reply;
	size_t length;
	int r;

	r = connect_to(path, begin_ms + TAPSOCKET_TIMEOUT_MS, &fd);
	if (r < 0)
		return r;
	/* One that was refused at once has answered, and closed: the answer is what counts. */
	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) != sizeof(*request) && errno != EPIPE)
		return -errno;
	r = wait_for_answer(fd, deadline_ms);
	if (r == 0)
		r = fd_receive_list(fd, &reply, sizeof(reply), queues, &tap_fds, &length);
	if (r < 0)
		return r;
	if (length == 0)
		return -ECONNRESET;
	if (length != sizeof(reply) || reply.magic != TAPSOCKET_MAGIC || reply.version != TAPSOCKET_VERSION ||
	    (reply.error == 0 && tap_fds.n != queues))
		return -EPROTO;

	reply.text[sizeof(reply.text) - 1] = '\0';
	str_one_line(reply.text);
	*ret_reply = reply;
	*ret_tap_fds = reply.error == 0 ? steal_fd_list(&tap_fds) : FD_LIST_NULL;
	return 0;
}
