/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon's end of the tap socket (lib/tapsocket.h) that behaves as it is told.
 *
 *	fake-tapd SOCKET MODE
 *
 * Answers requests until it is ended. For each it prints a line of JSON:
 *
 *	{"uid":4201,"size":24,"magic":true,"version":1,"flags":1,"bridge":"br0","fds":false}
 *
 * Modes: `tap` passes a new tap on; `refuse` sends the text "refused by the test: br0", with the request's
 * bridge; `silent` keeps the connection open and says nothing; `close` closes it; `deaf` accepts nothing.
 * Wrong answers: `short`, `long`, `magic`, `version`, `no-fd` (success without an fd), `two-fds`,
 * `unterminated` (a refusal whose text fills the whole field), `refuse-fd` (a refusal with an fd).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tapsocket.h"

static const char *arg_mode;

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static bool mode_is(const char *mode)
{
	return strcmp(arg_mode, mode) == 0;
}

static int make_listener(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 ||
	    listen(fd, mode_is("deaf") ? 0 : 8) < 0)
		fail(path);
	return fd;
}

/* What is passed where it will not be used: closing a tap takes time, and would look like one left behind. */
static int make_dummy(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int make_tap(bool vnet_hdr)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "fake%d" };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (vnet_hdr)
		request.ifr_flags |= IFF_VNET_HDR;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		fail("tap");
	return fd;
}

/* Prints what was asked; false at the end of the connection. */
static bool read_request(int fd, struct tapsocket_request *request)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec iov = { request, sizeof(*request) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	ssize_t n;

	memset(request, 0, sizeof(*request));
	n = recvmsg(fd, &message, MSG_TRUNC | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return false;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	printf("{\"uid\":%u,\"size\":%zd,\"magic\":%s,\"version\":%u,\"flags\":%u,\"bridge\":\"%.16s\",\"fds\":%s}\n",
	       (unsigned int)peer.uid, n, request->magic == TAPSOCKET_MAGIC ? "true" : "false", request->version,
	       request->flags, request->bridge, message.msg_controllen ? "true" : "false");
	fflush(stdout);
	return true;
}

static void send_reply(int fd, const struct tapsocket_reply *reply, size_t length, const int *fds, size_t n_fds)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(2 * sizeof(int))]; } control = { 0 };
	struct iovec iov = { (void *)reply, length };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		fail("sendmsg");
}

static void answer(int fd, const struct tapsocket_request *request)
{
	struct { struct tapsocket_reply reply; char more[8]; } packet = {
		.reply = { .magic = TAPSOCKET_MAGIC, .version = TAPSOCKET_VERSION },
	};
	struct tapsocket_reply *reply = &packet.reply;
	size_t length = sizeof(*reply), n_fds = 0;
	int fds[2];

	if (mode_is("refuse") || mode_is("refuse-fd") || mode_is("unterminated")) {
		reply->error = EACCES;
		snprintf(reply->text, sizeof(reply->text), "refused by the test: %.15s", request->bridge);
	}
	if (mode_is("unterminated"))
		memset(reply->text, 'x', sizeof(reply->text));
	if (mode_is("magic"))
		reply->magic++;
	if (mode_is("version"))
		reply->version++;
	if (mode_is("short"))
		length = 12;
	if (mode_is("long"))
		length = sizeof(packet);
	if ((reply->error == 0 && !mode_is("no-fd")) || mode_is("refuse-fd"))
		fds[n_fds++] = mode_is("tap") ? make_tap(request->flags & TAPSOCKET_VNET_HDR) : make_dummy();
	if (mode_is("two-fds"))
		fds[n_fds++] = make_dummy();

	send_reply(fd, reply, length, fds, n_fds);
	while (n_fds > 0)
		close(fds[--n_fds]);
}

int main(int argc, char **argv)
{
	struct tapsocket_request request;
	int listener, fd;

	if (argc != 3)
		return 2;
	arg_mode = argv[2];
	listener = make_listener(argv[1]);
	for (;;) {
		if (mode_is("deaf")) {
			pause();
			continue;
		}
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			fail("accept");
		while (read_request(fd, &request)) {
			if (mode_is("close"))
				break;
			if (!mode_is("silent"))
				answer(fd, &request);
		}
		close(fd);
	}
}
