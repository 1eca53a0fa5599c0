/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tools share that start a bridge helper many times: starting it as QEMU does, taking what it
 * sends, and a view of the kernel's links that owes nothing to the code under test.
 * System calls. Every function is static inline: a tool is one source file.
 */
#pragma once

#include <net/if.h>	/* before all of linux/ */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The tool itself cannot go on. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(2);
}

/* One start of a helper. */
struct start {
	pid_t pid;		/* 0 after it was waited for */
	int socket_fd;		/* our end */
	int error_fd;		/* a memory file that is its stderr */
	bool stopped;
	int status;		/* exit status, or 128 + the signal */
	int tap_fd;		/* what it sent, or -1 */
	char message[2048];	/* what it wrote to stderr */
};

/* What stays open in the child: 0, 1, 2 and its end of the socket. QEMU does the same. */
static inline void start_exec(const char *helper, uid_t uid, const char *bridge, int socket_fd, int error_fd)
{
	char fd[32], br[64];
	int null_fd = open("/dev/null", O_RDWR);
	sigset_t none;

	snprintf(fd, sizeof(fd), "--fd=%d", socket_fd);
	snprintf(br, sizeof(br), "--br=%s", bridge);
	dup2(null_fd, 0);
	dup2(null_fd, 1);
	dup2(error_fd, 2);
	fcntl(socket_fd, F_SETFD, 0);
	if (uid != getuid() && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl(helper, helper, "--use-vnet", fd, br, (char *)NULL);
	_exit(127);
}

/* Starts one; where there is a @gate, a pipe, it waits until the caller closes that. */
static inline void start_helper(struct start *start, const char *helper, uid_t uid, const char *bridge, const int *gate)
{
	int sockets[2];

	*start = (struct start){ .tap_fd = -1, .status = -1 };
	start->error_fd = memfd_create("stderr", MFD_CLOEXEC);
	if (start->error_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		give_up("socketpair");
	start->pid = fork();
	if (start->pid < 0)
		give_up("fork");
	if (start->pid == 0) {
		char byte;

		if (gate) {
			close(gate[1]);
			while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
				;
		}
		start_exec(helper, uid, bridge, sockets[1], start->error_fd);
	}
	close(sockets[1]);
	start->socket_fd = sockets[0];
}

/* One message with at most one fd. Returns recvmsg()'s result, or -errno. */
static inline ssize_t receive_fd(int socket_fd, int flags, int *ret_fd)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } control;
	char data[16];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | flags);
	struct cmsghdr *header = n >= 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*ret_fd = -1;
	if (n < 0)
		return -errno;
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
	return n;
}

/* After the exit: takes status, message and fd. As QEMU, discards the fd of a helper that failed. */
static inline void start_finish(struct start *start, int wait_status)
{
	ssize_t n;

	start->pid = 0;
	start->status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
	n = pread(start->error_fd, start->message, sizeof(start->message) - 1, 0);
	start->message[n > 0 ? n : 0] = '\0';
	if (start->tap_fd < 0)
		receive_fd(start->socket_fd, MSG_DONTWAIT, &start->tap_fd);
	close(start->socket_fd);
	close(start->error_fd);
	if (start->status != 0 && start->tap_fd >= 0) {
		close(start->tap_fd);
		start->tap_fd = -1;
		snprintf(start->message, sizeof(start->message), "an fd was sent, but the exit status is not 0\nwrong");
	}
}

static inline void start_wait(struct start *start)
{
	int status;

	while (waitpid(start->pid, &status, 0) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	start_finish(start, status);
}

/* A failure as it must be: exit status 1 and one line that says why. */
static inline bool start_failed_properly(const struct start *start)
{
	const char *newline = strchr(start->message, '\n');

	return start->status == 1 && start->tap_fd < 0 && newline && newline > start->message && !newline[1];
}

static inline bool start_succeeded(const struct start *start)
{
	return start->status == 0 && start->tap_fd >= 0 && !start->message[0];
}

/* Links, as the kernel tells them. */

struct link {
	int ifindex, master;
	unsigned int flags;
	char name[IFNAMSIZ];
	char kind[16];
	unsigned int n_slots;		/* alternative names that are quota slots */
	char slot[128];			/* the last of them */
	bool has_port_options;
	uint8_t isolated, locked, learning, flood;
};

/* @attribute stands on the first one of @length bytes. */
#define for_each_attribute(attribute, length)						\
	for (int left_ = (int)(length); RTA_OK(attribute, left_); (attribute) = RTA_NEXT(attribute, left_))

static inline void link_read_port(const struct rtattr *nest, struct link *link)
{
	const struct rtattr *attribute = RTA_DATA(nest);

	link->has_port_options = true;
	for_each_attribute(attribute, RTA_PAYLOAD(nest)) {
		uint8_t value = *(const uint8_t *)RTA_DATA(attribute);

		switch (attribute->rta_type & NLA_TYPE_MASK) {
		case IFLA_BRPORT_ISOLATED: link->isolated = value; break;
		case IFLA_BRPORT_LOCKED: link->locked = value; break;
		case IFLA_BRPORT_LEARNING: link->learning = value; break;
		case IFLA_BRPORT_UNICAST_FLOOD: link->flood = value; break;
		}
	}
}

static inline void link_read_info(const struct rtattr *nest, struct link *link)
{
	const struct rtattr *attribute = RTA_DATA(nest);

	for_each_attribute(attribute, RTA_PAYLOAD(nest)) {
		if ((attribute->rta_type & NLA_TYPE_MASK) == IFLA_INFO_KIND)
			snprintf(link->kind, sizeof(link->kind), "%s", (const char *)RTA_DATA(attribute));
		if ((attribute->rta_type & NLA_TYPE_MASK) == IFLA_INFO_SLAVE_DATA)
			link_read_port(attribute, link);
	}
}

static inline void link_read(const struct nlmsghdr *header, struct link *ret)
{
	const struct ifinfomsg *info = NLMSG_DATA(header);
	const struct rtattr *attribute = IFLA_RTA(info), *name;

	*ret = (struct link){ .ifindex = info->ifi_index, .flags = info->ifi_flags };
	for_each_attribute(attribute, IFLA_PAYLOAD(header)) {
		switch (attribute->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			snprintf(ret->name, sizeof(ret->name), "%s", (const char *)RTA_DATA(attribute));
			break;
		case IFLA_MASTER:
			memcpy(&ret->master, RTA_DATA(attribute), sizeof(ret->master));
			break;
		case IFLA_LINKINFO:
			link_read_info(attribute, ret);
			break;
		case IFLA_PROTINFO:
			if (info->ifi_family == AF_BRIDGE)
				link_read_port(attribute, ret);
			break;
		case IFLA_PROP_LIST:
			name = RTA_DATA(attribute);
			for_each_attribute(name, RTA_PAYLOAD(attribute)) {
				if (strncmp(RTA_DATA(name), "guestnet.", 9) != 0)
					continue;
				ret->n_slots++;
				snprintf(ret->slot, sizeof(ret->slot), "%s", (const char *)RTA_DATA(name));
			}
			break;
		}
	}
}

static inline int netlink_open(unsigned int groups)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), size = 128 << 20;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		give_up("netlink");
	return fd;
}

/* Sends a dump request of @type and calls @each for every object; an interrupted dump is begun again. */
static inline void netlink_dump(int fd, uint16_t type, unsigned char family,
				void (*each)(const struct nlmsghdr *header, void *data), void (*begin)(void *data), void *data)
{
	struct { struct nlmsghdr header; struct ifinfomsg info; } request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.info = { .ifi_family = family },
	};
	static char buffer[1 << 16];
	bool again = true;

	while (again) {
		bool done = false;

		again = false;
		begin(data);
		if (send(fd, &request, sizeof(request), 0) < 0)
			give_up("dump");
		while (!done) {
			ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
			const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;

			if (n < 0)
				give_up("dump");
			for (; NLMSG_OK(header, n); header = NLMSG_NEXT(header, n)) {
				again = again || (header->nlmsg_flags & NLM_F_DUMP_INTR);
				if (header->nlmsg_type == NLMSG_ERROR)
					give_up("dump refused");
				if (header->nlmsg_type == NLMSG_DONE)
					done = true;
				else
					each(header, data);
			}
		}
	}
}
