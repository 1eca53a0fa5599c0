// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The floor for guestnetd: sends the very messages that it has sent, in a bare loop, and takes the answers.
 *
 *   netd-replay count FILE      "changes N dumps N datagrams N", of what a recorded daemon has sent
 *   netd-replay changes FILE    sends the changes; prints "MICROSECONDS errors N"
 *   netd-replay dumps FILE      sends the questions
 *   netd-replay write FILE VALUE        writes a value below /proc/sys instead; prints the same
 *
 * Built with -DRECORD -shared it is the recorder: preloaded into the daemon it appends what is sent on netlink sockets
 * to the file named by NETD_RECORD, which may be moved away at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct record {
	uint32_t protocol;
	uint32_t length;	/* of what follows, which is padded to 4 bytes */
};

#ifdef RECORD

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *address, socklen_t address_length)
{
	const char *path = getenv("NETD_RECORD");
	int family = 0, protocol = 0;
	socklen_t size = sizeof(int);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
	if (path && family == AF_NETLINK) {
		struct record record = { (uint32_t)protocol, (uint32_t)length };
		struct iovec parts[] = { { &record, sizeof(record) }, { (void *)bytes, length }, { "\0\0\0", -length & 3 } };
		int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		(void)!writev(file, parts, 3);
		close(file);
	}
	return syscall(SYS_sendto, fd, bytes, length, flags, address, address_length);
}

#else

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "netd-replay: %s: %s\n", what, strerror(errno));
	exit(2);
}

static bool is_question(const struct record *record)
{
	const struct nlmsghdr *message = (const void *)(record + 1);
	unsigned int type = message->nlmsg_type;

	/* Sockets are asked about, and never changed here. */
	if (record->protocol != NETLINK_ROUTE && record->protocol != NETLINK_NETFILTER)
		return true;
	if (record->protocol == NETLINK_ROUTE)
		return (type - RTM_BASE) % 4 == 2;
	if ((type >> 8) == NFNL_SUBSYS_CTNETLINK)
		return (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	/* A change of rules comes between a begin and an end, a question alone. */
	return type != NFNL_MSG_BATCH_BEGIN && (type >> 8) == NFNL_SUBSYS_NFTABLES;
}

static int open_socket(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), size = 64 << 20, yes = 1;
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) < 0)
		die("netlink");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof(yes));
	return fd;
}

/* Answers are there when send() returns, but for the further parts of a dump. */
static unsigned int take_answers(int fd, bool dump)
{
	static char buffer[1 << 18];
	unsigned int errors = 0;

	for (;;) {
		int left = (int)recv(fd, buffer, sizeof(buffer), dump ? 0 : MSG_DONTWAIT);

		if (left < 0 && errno == EAGAIN)
			return errors;
		if (left < 0)
			die("recv");
		for (const struct nlmsghdr *message = (void *)buffer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type == NLMSG_ERROR)
				errors += ((const struct nlmsgerr *)NLMSG_DATA(message))->error != 0;
			if (dump && (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR))
				return errors;
		}
	}
}

/* What is no message: a value below /proc/sys. */
static int write_value(const char *path, const char *value)
{
	uint64_t begin = now_ns();
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, value, strlen(value)) < 0)
		die(path);
	close(file);
	printf("%.0f errors 0\n", (double)(now_ns() - begin) / 1000);
	return 0;
}

int main(int argc, char *argv[])
{
	int file, fds[2] = { -EBADF, -EBADF };
	unsigned int n[2] = { 0, 0 }, datagrams = 0, errors = 0;
	bool count, questions;
	struct stat stat;
	uint64_t begin;
	char *bytes;

	if (argc == 4 && strcmp(argv[1], "write") == 0)
		return write_value(argv[2], argv[3]);
	if (argc != 3) {
		fprintf(stderr, "usage: netd-replay count|changes|dumps FILE, or write FILE VALUE\n");
		return 2;
	}
	count = strcmp(argv[1], "count") == 0;
	questions = strcmp(argv[1], "dumps") == 0;
	file = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (count && file < 0 && errno == ENOENT) {
		puts("changes 0 dumps 0 datagrams 0");
		return 0;
	}
	if (file < 0 || fstat(file, &stat) < 0 || stat.st_size == 0)
		die(argv[2]);
	bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (bytes == MAP_FAILED)
		die("mmap");
	begin = now_ns();
	fds[0] = open_socket(NETLINK_ROUTE);
	fds[1] = open_socket(NETLINK_NETFILTER);
	for (off_t at = 0; at < stat.st_size;) {
		const struct record *record = (const void *)(bytes + at);
		int fd = fds[record->protocol == NETLINK_NETFILTER], left = (int)record->length;
		const struct nlmsghdr *message = (const void *)(record + 1);
		bool question = is_question(record);

		for (const struct nlmsghdr *part = message; count && NLMSG_OK(part, left); part = NLMSG_NEXT(part, left))
			n[question]++;
		datagrams++;
		at += (off_t)(sizeof(*record) + ((record->length + 3) & ~3U));
		if (count || question != questions || (record->protocol != NETLINK_ROUTE && record->protocol != NETLINK_NETFILTER))
			continue;
		if (send(fd, message, record->length, 0) < 0)
			die("send");
		errors += take_answers(fd, question && (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP);
	}
	if (count)
		printf("changes %u dumps %u datagrams %u\n", n[0], n[1], datagrams);
	else
		printf("%.0f errors %u\n", (double)(now_ns() - begin) / 1000, errors);
	return 0;
}

#endif
