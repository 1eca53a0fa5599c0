/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in the place of the journal and writes down what it is sent.
 *
 *	observe-journal SOCKET		prints each datagram, and behind it a line "uid=N pid=N --" from the kernel
 *	observe-journal SOCKET stuck	fills the socket's queue, prints "stuck" and never reads
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void fill(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	while (sendto(fd, "x", 1, MSG_DONTWAIT, (const struct sockaddr *)address, sizeof(*address)) == 1)
		;
	printf("stuck\n");
	fflush(stdout);
	for (;;)
		pause();
}

static void observe(int fd)
{
	static char data[65536];
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(struct ucred))]; } control;

	for (;;) {
		struct iovec iov = { data, sizeof(data) };
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		struct ucred sender = { 0 };
		ssize_t n = recvmsg(fd, &message, 0);

		if (n < 0)
			fail("recvmsg");
		if (CMSG_FIRSTHDR(&message))
			memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
		printf("%.*suid=%u pid=%d --\n", (int)n, data, (unsigned int)sender.uid, (int)sender.pid);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), on = 1;

	if (argc < 2)
		return 2;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	unlink(argv[1]);
	umask(0);	/* whoever finds the socket may write to it */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(argv[1]);
	if (argc > 2)
		fill(&address);
	observe(fd);
}
