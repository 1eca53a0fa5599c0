/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink datagrams on their way out and in: the only place where they pass, so that they can be recorded, and
 * given back to the code from a record (tests/unit/test-record.c has the kernel of a file in the place of this one).
 * System calls; no decisions.
 */
#include "wire.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static nl_wire_observer observe;
static void *observe_data;

/* From now on @observer sees what passes; NULL ends that. */
void nl_wire_observe(nl_wire_observer observer, void *data)
{
	observe = observer;
	observe_data = data;
}

/*
 * The index of a link by its name, or by an alternative one; 0 when there is none. Any socket answers that
 * (net/socket.c:sock_do_ioctl()), so the one that is there does: if_nametoindex() opens one for each question.
 */
int nl_wire_index(int fd, const char *name)
{
	struct ifreq request = { 0 };
	char text[160];
	int ifindex;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	ifindex = ioctl(fd, SIOCGIFINDEX, &request) < 0 ? 0 : request.ifr_ifindex;

	if (observe) {
		snprintf(text, sizeof(text), "%s %d", name, ifindex);
		observe(observe_data, -EBADF, NL_WIRE_INDEX, text, strlen(text));
	}
	return ifindex;
}

/* Sends one datagram to the kernel. -EIO when only a part of it went; others as sendto() says. */
int nl_wire_send(int fd, const void *bytes, size_t length)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	if (observe)
		observe(observe_data, fd, NL_WIRE_SENT, bytes, length);
	n = sendto(fd, bytes, length, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

/*
 * Receives one datagram, whole; @flags are those of recvmsg(). What does not come from the kernel has the length 0.
 * -EMSGSIZE for one that is longer than @size, others as recvmsg() says.
 */
int nl_wire_receive(int fd, enum nl_wire kind, int flags, void *buffer, size_t size, size_t *ret_length)
{
	struct sockaddr_nl sender = { 0 };
	struct iovec vector = { buffer, size };
	struct msghdr header = { .msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &header, flags);

	if (n < 0)
		return -errno;
	if (header.msg_namelen != sizeof(sender) || sender.nl_pid != 0)
		n = 0;
	else if (header.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	if (observe && n > 0)
		observe(observe_data, fd, kind, buffer, (size_t)n);
	*ret_length = (size_t)n;
	return 0;
}
