/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File descriptors: passing one over a Unix socket.
 * System calls; no logging.
 */
#include "fd.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

union fds {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(LIMIT_TAP_QUEUES * sizeof(int))];
};

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * Sends @length bytes together with the fds of @list, of which there is at least one (unix(7), SCM_RIGHTS), in one
 * message. Waits for room until @timeout_ms have passed, whether or not the socket blocks, and raises no SIGPIPE.
 * The caller keeps the fds. Errors: -ETIMEDOUT when there was no room, else what sendmsg(2) says.
 */
int fd_send_list(int socket_fd, const struct fd_list *list, const void *bytes, size_t length, int timeout_ms)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
	union fds control = { 0 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(list->n * sizeof(int)),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	long long deadline_ms = -1;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(list->n * sizeof(int));
	memcpy(CMSG_DATA(header), list->fds, list->n * sizeof(int));

	for (;;) {
		ssize_t n = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd room = { .fd = socket_fd, .events = POLLOUT };
		long long left_ms;

		if (n >= 0)
			return (size_t)n == length ? 0 : -EIO;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;

		if (deadline_ms < 0)
			deadline_ms = now_ms() + timeout_ms;
		left_ms = deadline_ms - now_ms();
		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (poll(&room, 1, (int)left_ms) < 0 && errno != EINTR)
			return -errno;
	}
}

/*
 * Receives up to @size bytes and at most @room fds, close-on-exec, which the caller owns; there may be none. Further
 * fds are closed by the kernel (MSG_CTRUNC), and such a message is -EPROTO. The end of the stream is a length of 0.
 */
int fd_receive_list(int socket_fd, void *bytes, size_t size, size_t room, struct fd_list *ret_list, size_t *ret_length)
{
	struct iovec iov = { .iov_base = bytes, .iov_len = size };
	union fds control = { 0 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		/* Not CMSG_SPACE: its padding is room for one more fd. */
		.msg_controllen = CMSG_LEN(room * sizeof(int)),
	};
	_cleanup_(fd_list_deinit) struct fd_list list = FD_LIST_NULL;
	struct cmsghdr *header;
	ssize_t n;

	do
		n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len > CMSG_LEN(0) && header->cmsg_len <= CMSG_LEN(room * sizeof(int))) {
		list.n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(list.fds, CMSG_DATA(header), list.n * sizeof(int));
	}
	if (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))
		return -EPROTO;

	*ret_list = steal_fd_list(&list);
	*ret_length = (size_t)n;
	return 0;
}

/*
 * Reads all of a regular file that is open and was looked at (@st), at most @limit bytes, and terminates it: the text is
 * the caller's. -EINVAL for what is no regular file, -EFBIG, -EAGAIN when it has grown meanwhile; one that has become
 * shorter is what it is now.
 */
int fd_read_text(int fd, const struct stat *st, size_t limit, char **ret_text, size_t *ret_length)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = (size_t)st->st_size;
	ssize_t n;

	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	if (st->st_size < 0 || size > limit)
		return -EFBIG;
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	/* A regular file is read in one go (read(2)); the byte that is for the end shows that it has grown. */
	do
		n = read(fd, text, size + 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n > size)
		return -EAGAIN;
	text[n] = '\0';
	*ret_text = steal_ptr(text);
	*ret_length = (size_t)n;
	return 0;
}

/*
 * Reads to the end of whatever @fd is (a pipe, a terminal, a file of /proc), and terminates it: the text is the caller's.
 * -EFBIG when there are more than @limit bytes: then some were read.
 */
int fd_read_stream(int fd, size_t limit, char **ret_text, size_t *ret_length)
{
	_cleanup_(freep) char *text = malloc(limit + 1);
	size_t length = 0;

	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, text + length, limit + 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > limit)
			return -EFBIG;
	}
	text[length] = '\0';
	*ret_text = steal_ptr(text);
	*ret_length = length;
	return 0;
}
