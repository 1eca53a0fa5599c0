// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The floor for guestnetd: sends the very messages that it has sent, in a bare loop, and takes the answers.
 *
 *   netd-replay count FILE      "changes N dumps N datagrams N", of what a recorded daemon has sent
 *   netd-replay changes FILE    sends the changes; prints "MICROSECONDS errors N"
 *   netd-replay dumps FILE      sends the questions
 *   netd-replay write FILE VALUE        writes a value below /proc/sys instead; prints the same
 *   netd-replay answer KIND FILE [PATH...]	as often as the kernel tells of what KIND, a word of netd-observe, says: sends the
 *					changes, and writes 1 to each PATH; then hears nothing for 20 ms, as it has made events. Is called
 *					guestnetd, for observers of commits. "ready" when it listens.
 *
 * Built with -DRECORD -shared it is the recorder: preloaded into the daemon it appends what is sent on netlink sockets
 * to the file named by NETD_RECORD, which may be moved away at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

/*
 * Of a change it is said which: the daemon's own was not refused. A question may be about what is not there; and a route of a prefix
 * may be: where much is broken at once the kernel has made it with the address.
 */
static bool is_refusal(const struct nlmsgerr *answer, bool question)
{
	if (answer->error == -EEXIST && answer->msg.nlmsg_type == RTM_NEWROUTE)
		return false;
	if (answer->error && !question)
		fprintf(stderr, "netd-replay: message of type 0x%x: %s\n", answer->msg.nlmsg_type, strerror(-answer->error));
	return answer->error != 0;
}

/* Answers are there when send() returns, but for the further parts of a dump. */
static unsigned int take_answers(int fd, bool question, bool dump)
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
				errors += is_refusal(NLMSG_DATA(message), question);
			if (dump && (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR))
				return errors;
		}
	}
}

static void write_file(const char *path, const char *value)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, value, strlen(value)) < 0)
		die(path);
	close(file);
}

/* What is no message: a value below /proc/sys. */
static int write_value(const char *path, const char *value)
{
	uint64_t begin = now_ns();

	write_file(path, value);
	printf("%.0f errors 0\n", (double)(now_ns() - begin) / 1000);
	return 0;
}

struct recording {
	char *bytes;
	off_t size;
};

/* None is an empty one. */
static struct recording map_recording(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	struct recording recording = { 0 };
	struct stat stat;

	if (file < 0 && errno == ENOENT)
		return recording;
	if (file < 0 || fstat(file, &stat) < 0)
		die(path);
	recording.size = stat.st_size;
	if (recording.size > 0)
		recording.bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (recording.bytes == MAP_FAILED)
		die("mmap");
	close(file);
	return recording;
}

/* Returns how many were refused. */
static unsigned int send_recording(const struct recording *recording, bool questions, const int fds[2])
{
	unsigned int errors = 0;

	for (off_t at = 0; at < recording->size;) {
		const struct record *record = (const void *)(recording->bytes + at);
		int fd = fds[record->protocol == NETLINK_NETFILTER];
		const struct nlmsghdr *message = (const void *)(record + 1);
		bool question = is_question(record);

		at += (off_t)(sizeof(*record) + ((record->length + 3) & ~3U));
		if (question != questions || (record->protocol != NETLINK_ROUTE && record->protocol != NETLINK_NETFILTER))
			continue;
		if (send(fd, message, record->length, 0) < 0)
			die("send");
		errors += take_answers(fd, question, question && (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP);
	}
	return errors;
}

static int count_recording(const struct recording *recording)
{
	unsigned int n[2] = { 0, 0 }, datagrams = 0;

	for (off_t at = 0; at < recording->size; datagrams++) {
		const struct record *record = (const void *)(recording->bytes + at);
		const struct nlmsghdr *part = (const void *)(record + 1);

		for (int left = (int)record->length; NLMSG_OK(part, left); part = NLMSG_NEXT(part, left))
			n[is_question(record)]++;
		at += (off_t)(sizeof(*record) + ((record->length + 3) & ~3U));
	}
	printf("changes %u dumps %u datagrams %u\n", n[0], n[1], datagrams);
	return 0;
}

/* What each kind of damage is told by. */
static const struct {
	const char *kind;
	uint16_t type;
} triggers[] = {
	{ "link", RTM_NEWLINK }, { "deleted", RTM_DELLINK }, { "address", RTM_DELADDR }, { "route", RTM_DELROUTE },
	{ "netconf4", RTM_NEWNETCONF }, { "netconf6", RTM_NEWNETCONF },
	{ "rules", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN },
};

static int open_events(int protocol, const int *groups, size_t n)
{
	int fd = open_socket(protocol), size = 16 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < n; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			die("group");
	return fd;
}

/* All that is there; was it told? What was lost may have been it. */
static bool read_events(int fd, uint16_t type)
{
	static char buffer[1 << 16];
	bool told = false;

	for (;;) {
		int left = (int)recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (left < 0 && errno == EAGAIN)
			return told;
		if (left < 0 && errno != ENOBUFS)
			die("events");
		told |= left < 0;
		for (const struct nlmsghdr *message = (void *)buffer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			told |= message->nlmsg_type == type;
	}
}

/* The groups are those that guestnetd subscribes to. */
static int answer(const char *kind, const struct recording *recording, char *paths[])
{
	static const int link_groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
					   RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF };
	static const int rule_groups[] = { NFNLGRP_NFTABLES };
	const int fds[2] = { open_socket(NETLINK_ROUTE), open_socket(NETLINK_NETFILTER) };
	struct pollfd events[2] = {
		{ open_events(NETLINK_ROUTE, link_groups, sizeof(link_groups) / sizeof(link_groups[0])), POLLIN, 0 },
		{ open_events(NETLINK_NETFILTER, rule_groups, 1), POLLIN, 0 },
	};
	uint16_t type = 0;

	for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		if (strcmp(triggers[i].kind, kind) == 0)
			type = triggers[i].type;
	if (!type)
		return 2;
	prctl(PR_SET_NAME, "guestnetd");
	puts("ready");
	fflush(stdout);
	for (;;) {
		unsigned int errors;
		bool told = false;

		if (poll(events, 2, -1) < 0)
			die("poll");
		for (int i = 0; i < 2; i++)
			told |= events[i].revents && read_events(events[i].fd, type);
		if (!told)
			continue;
		errors = send_recording(recording, false, fds);
		for (char **path = paths; *path; path++)
			write_file(*path, "1");
		if (errors) {
			printf("%u errors\n", errors);
			fflush(stdout);
		}
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		for (int i = 0; i < 2; i++)
			(void)read_events(events[i].fd, type);
	}
}

int main(int argc, char *argv[])
{
	struct recording recording;
	unsigned int errors;
	uint64_t begin;
	int fds[2];

	if (argc == 4 && strcmp(argv[1], "write") == 0)
		return write_value(argv[2], argv[3]);
	if (argc >= 4 && strcmp(argv[1], "answer") == 0) {
		recording = map_recording(argv[3]);
		return answer(argv[2], &recording, argv + 4);
	}
	if (argc != 3) {
		fprintf(stderr, "usage: netd-replay count|changes|dumps FILE, write FILE VALUE or answer KIND FILE [PATH...]\n");
		return 2;
	}
	recording = map_recording(argv[2]);
	if (strcmp(argv[1], "count") == 0)
		return count_recording(&recording);
	if (recording.size == 0)
		die(argv[2]);
	begin = now_ns();
	fds[0] = open_socket(NETLINK_ROUTE);
	fds[1] = open_socket(NETLINK_NETFILTER);
	errors = send_recording(&recording, strcmp(argv[1], "dumps") == 0, fds);
	printf("%.0f errors %u\n", (double)(now_ns() - begin) / 1000, errors);
	return 0;
}

#endif
