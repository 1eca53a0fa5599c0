/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of the tap socket (lib/tapsocket.h) that does not behave.
 *
 *	tap-client SOCKET ask BRIDGE		one request; prints {"error":N,"fd":true,"text":"..."}
 *	tap-client SOCKET garbage SEED N	N connections with a random packet each; prints how many were answered
 *	tap-client SOCKET sizes			packets of 0 to 64 bytes, and large ones; prints how many were answered
 *	tap-client SOCKET fds BRIDGE		a request with 200 fds; prints as ask does
 *	tap-client SOCKET chatter BRIDGE	a request and 200 more packets behind it; prints as ask does
 *	tap-client SOCKET leave BRIDGE		connections that end in every phase of an exchange
 *	tap-client SOCKET idle N		N connections on which nothing is said; prints "ready", then for each that the
 *						other end closes "closed", until stdin ends
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tapsocket.h"

#define FDS 200
#define ANSWER_MS 30000		/* a bound for a hung test */

static const char *arg_socket;

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", arg_socket);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect");
	return fd;
}

static struct tapsocket_request build(const char *bridge)
{
	struct tapsocket_request request = { .magic = TAPSOCKET_MAGIC, .version = TAPSOCKET_VERSION };

	snprintf(request.bridge, sizeof(request.bridge), "%s", bridge);
	return request;
}

/* Waits for the answer; false when there is none but the end. */
static bool read_answer(int fd, struct tapsocket_reply *reply, bool *ret_tap)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(4 * sizeof(int))]; } control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&answer, 1, ANSWER_MS) <= 0) {
		printf("no answer\n");
		exit(1);
	}
	n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	*ret_tap = n > 0 && message.msg_controllen > 0;
	return n == sizeof(*reply);
}

static void print_answer(int fd)
{
	struct tapsocket_reply reply = { 0 };
	bool tap;

	if (!read_answer(fd, &reply, &tap)) {
		printf("{\"error\":-1,\"fd\":false,\"text\":\"\"}\n");
		return;
	}
	printf("{\"error\":%d,\"fd\":%s,\"text\":\"%.1023s\"}\n", reply.error, tap ? "true" : "false", reply.text);
}

static bool say(const void *bytes, size_t length)
{
	struct tapsocket_reply reply = { 0 };
	int fd = dial();
	bool tap, answered;

	if (send(fd, bytes, length, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != EMSGSIZE)
		fail("send");
	/* Nothing is a packet, too, but not one that says anything. */
	shutdown(fd, SHUT_WR);
	answered = read_answer(fd, &reply, &tap);
	close(fd);
	return answered;
}

static void send_garbage(uint32_t seed, int n)
{
	int n_answered = 0;

	srandom(seed);
	for (int i = 0; i < n; i++) {
		unsigned char bytes[256];
		size_t length = (size_t)random() % sizeof(bytes) + 1;
		struct tapsocket_request *request = (struct tapsocket_request *)bytes;

		for (size_t j = 0; j < length; j++)
			bytes[j] = (unsigned char)random();
		/* Some that are nearly right. */
		if (i % 2) {
			length = sizeof(*request);
			request->magic = TAPSOCKET_MAGIC;
			request->version = TAPSOCKET_VERSION;
			if (i % 4 == 1)
				request->flags &= 3;
		}
		n_answered += say(bytes, length);
	}
	printf("%d\n", n_answered);
}

static void send_sizes(void)
{
	static char bytes[100000];
	static const size_t large[] = { 1000, 4096, 65536, sizeof(bytes) };
	int n_answered = 0;

	for (size_t n = 0; n <= 64; n++)
		n_answered += say(bytes, n);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		n_answered += say(bytes, large[i]);
	printf("%d\n", n_answered);
}

static void send_fds(const char *bridge)
{
	static union { struct cmsghdr align; char bytes[CMSG_SPACE(FDS * sizeof(int))]; } control;
	struct tapsocket_request request = build(bridge);
	struct iovec iov = { &request, sizeof(request) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int fds[FDS], fd = dial(), null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < FDS; i++)
		fds[i] = null_fd;
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		fail("sendmsg");
	print_answer(fd);
}

static void chatter(const char *bridge)
{
	struct tapsocket_request request = build(bridge);
	int fd = dial();

	for (int i = 0; i < 201; i++)
		if (send(fd, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	print_answer(fd);
}

/* Before a request, in its middle, after it, and at growing distances behind it, so that some of them meet the helper. */
static void leave(const char *bridge)
{
	struct tapsocket_request request = build(bridge);

	for (int i = 0; i < 40; i++) {
		const struct timespec pause = { .tv_nsec = i * 200000L };
		int fd = dial();

		if (i % 8 == 1)
			send(fd, &request, sizeof(request) / 2, MSG_NOSIGNAL);
		else if (i % 8 != 0)
			send(fd, &request, sizeof(request), MSG_NOSIGNAL);
		if (i % 8 == 2)
			shutdown(fd, SHUT_WR);
		if (i % 8 == 3)
			shutdown(fd, SHUT_RD);
		nanosleep(&pause, NULL);
		close(fd);
	}
}

static void idle(int n)
{
	struct pollfd *fds = calloc((size_t)n + 1, sizeof(*fds));

	for (int i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = dial(), .events = POLLIN };
	fds[n] = (struct pollfd){ .fd = 0, .events = POLLIN };
	printf("ready\n");
	fflush(stdout);
	while (poll(fds, (nfds_t)n + 1, -1) > 0 && !fds[n].revents)
		for (int i = 0; i < n; i++)
			if (fds[i].revents) {
				fds[i].fd = -1;
				printf("closed\n");
				fflush(stdout);
			}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "", *value = argc > 3 ? argv[3] : "";
	struct tapsocket_request request = build(value);
	int fd;

	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	arg_socket = argv[1];
	if (strcmp(mode, "ask") == 0) {
		fd = dial();
		if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0 && errno != EPIPE)
			fail("send");
		print_answer(fd);
	} else if (strcmp(mode, "garbage") == 0 && argc > 4) {
		send_garbage((uint32_t)atoi(value), atoi(argv[4]));
	} else if (strcmp(mode, "sizes") == 0) {
		send_sizes();
	} else if (strcmp(mode, "fds") == 0) {
		send_fds(value);
	} else if (strcmp(mode, "chatter") == 0) {
		chatter(value);
	} else if (strcmp(mode, "leave") == 0) {
		leave(value);
	} else if (strcmp(mode, "idle") == 0) {
		idle(atoi(value));
	} else {
		return 2;
	}
	return 0;
}
