// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Has something broken and stamps when the kernel tells that it is broken and when it tells that it is as before, by
 * netlink sockets of its own.
 *
 *   netd-observe RUNS PAUSE_MS link NAME COMMAND       name, state, MTU, address, master, STP, alternative names
 *   netd-observe RUNS PAUSE_MS deleted NAME COMMAND    the same, from the event that tells of its deletion
 *   netd-observe RUNS PAUSE_MS address NAME COMMAND    an IPv4 address leaves the interface, one comes
 *   netd-observe RUNS PAUSE_MS route NAME COMMAND      likewise an IPv4 route
 *   netd-observe RUNS PAUSE_MS netconf4|netconf6 all COMMAND   forwarding of all interfaces
 *   netd-observe RUNS PAUSE_MS rules all COMMAND       a commit by another program, then one by guestnetd
 *   netd-observe RUNS PAUSE_MS quiet all COMMAND       from the first event of any kind to the last before half a second of none
 *   netd-observe RUNS PAUSE_MS process PIDFILE NAME    kills the process; until the file is replaced, and until UDP port 67 is bound
 *                                                      to the interface again: two numbers
 *
 * Prints the microseconds of each run, or "timeout", and rests PAUSE_MS after each, and then until nothing is told any more. Two
 * timeouts end it. Who sleeps is awake only when a short repair is over, so it does not sleep around what it stamps: the last
 * processor is its own, and what it starts runs on the others. Whoever is observed is kept off it likewise (taskset), or what is
 * measured is the observer. It gives way to the kernel's own threads: with a real-time priority it kept those from their work that
 * commits of rules wait for. With a single processor it has such a priority, and sleeps.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/inet_diag.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QUIET_NS	500000000ULL
/* So long it stays awake after the start of a command and after the damage. */
#define AWAKE_NS	300000000ULL
/* Between runs: nothing is told for so long. */
#define SETTLED_MS	50
#define TIMEOUT_NS	20000000000ULL

enum kind { LINK, DELETED, ADDRESS, ROUTE, NETCONF4, NETCONF6, RULES, QUIET, PROCESS };
static const char *const kinds[] = { "link", "deleted", "address", "route", "netconf4", "netconf6", "rules", "quiet", "process" };

/* What an interface is like, as text. */
struct signature {
	char text[512];
	char name[IFNAMSIZ];
	int ifindex;
};

struct observation {
	enum kind kind;
	const char *target;
	int ifindex;
	struct signature before;
	uint64_t broken_ns, repaired_ns, last_ns;
	uint64_t started_ns;	/* PROCESS: a new process, that does not serve yet */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "netd-observe: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int open_events(int family, const int *groups, size_t n)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, family), size = 64 << 20;
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) < 0)
		die("netlink");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < n; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			die("group");
	return fd;
}

static const void *data(const struct rtattr *attr)
{
	return RTA_DATA(attr);
}

static uint32_t u32(const struct rtattr *attr)
{
	uint32_t value = 0;

	if (RTA_PAYLOAD(attr) >= sizeof(value))
		memcpy(&value, data(attr), sizeof(value));
	return value;
}

static void add_names(const struct rtattr *list, char *text, size_t size)
{
	int left = (int)RTA_PAYLOAD(list);

	for (const struct rtattr *attr = data(list); RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		snprintf(text + strlen(text), size - strlen(text), " also %s", (const char *)data(attr));
}

static void add_bridge(const struct rtattr *info, char *text, size_t size)
{
	int left = (int)RTA_PAYLOAD(info);

	for (const struct rtattr *attr = data(info); RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		int rest = (int)RTA_PAYLOAD(attr);

		if ((attr->rta_type & NLA_TYPE_MASK) != IFLA_INFO_DATA)
			continue;
		for (const struct rtattr *option = data(attr); RTA_OK(option, rest); option = RTA_NEXT(option, rest))
			if (option->rta_type == IFLA_BR_STP_STATE)
				snprintf(text + strlen(text), size - strlen(text), " stp %u", u32(option));
	}
}

static void read_signature(const struct nlmsghdr *message, struct signature *ret)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	int left = (int)IFLA_PAYLOAD(message);
	struct signature signature = { .ifindex = link->ifi_index };
	char *text = signature.text;
	const size_t size = sizeof(signature.text);

	snprintf(text, size, "%s", link->ifi_flags & IFF_UP ? "up" : "down");
	for (const struct rtattr *attr = IFLA_RTA(link); RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		const uint8_t *mac = data(attr);

		switch (attr->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			snprintf(signature.name, sizeof(signature.name), "%s", (const char *)data(attr));
			snprintf(text + strlen(text), size - strlen(text), " %s", signature.name);
			break;
		case IFLA_MTU:
			snprintf(text + strlen(text), size - strlen(text), " mtu %u", u32(attr));
			break;
		case IFLA_MASTER:
			snprintf(text + strlen(text), size - strlen(text), " master %u", u32(attr));
			break;
		case IFLA_ADDRESS:
			if (RTA_PAYLOAD(attr) == 6)
				snprintf(text + strlen(text), size - strlen(text), " %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
					 mac[2], mac[3], mac[4], mac[5]);
			break;
		case IFLA_PROP_LIST:
			add_names(attr, text, size);
			break;
		case IFLA_LINKINFO:
			add_bridge(attr, text, size);
			break;
		}
	}
	*ret = signature;
}

static void get_signature(const char *name, struct signature *ret)
{
	static char buffer[65536];
	struct { struct nlmsghdr header; struct ifinfomsg link; } request = {
		{ sizeof(request), RTM_GETLINK, NLM_F_REQUEST, 1, 0 }, { .ifi_index = (int)if_nametoindex(name) },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (!request.link.ifi_index || send(fd, &request, sizeof(request), 0) < 0 || recv(fd, buffer, sizeof(buffer), 0) < 0 ||
	    ((struct nlmsghdr *)buffer)->nlmsg_type != RTM_NEWLINK)
		die(name);
	read_signature((struct nlmsghdr *)buffer, ret);
	close(fd);
}

static void broken(struct observation *seen, bool is_broken, uint64_t now)
{
	if (is_broken && !seen->broken_ns)
		seen->broken_ns = now;
	if (!is_broken && seen->broken_ns && !seen->repaired_ns)
		seen->repaired_ns = now;
}

static void see_link(struct observation *seen, const struct nlmsghdr *message, uint64_t now)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	struct signature signature;

	if (link->ifi_family != AF_UNSPEC)
		return;
	read_signature(message, &signature);
	if (signature.ifindex != seen->before.ifindex && strcmp(signature.name, seen->before.name) != 0)
		return;
	if (seen->kind == DELETED && !seen->broken_ns && message->nlmsg_type != RTM_DELLINK)
		return;
	broken(seen, message->nlmsg_type == RTM_DELLINK || strcmp(signature.text, seen->before.text) != 0, now);
}

static void see_netconf(struct observation *seen, const struct nlmsghdr *message, uint64_t now)
{
	const struct netconfmsg *netconf = NLMSG_DATA(message);
	const struct rtattr *attr = (const void *)((const char *)netconf + NLMSG_ALIGN(sizeof(*netconf)));
	int left = (int)NLMSG_PAYLOAD(message, sizeof(*netconf)), ifindex = 0, forwarding = -1;

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == NETCONFA_IFINDEX)
			ifindex = (int)u32(attr);
		if (attr->rta_type == NETCONFA_FORWARDING)
			forwarding = (int)u32(attr);
	}
	if (ifindex == NETCONFA_IFINDEX_ALL && forwarding >= 0 &&
	    netconf->ncm_family == (seen->kind == NETCONF4 ? AF_INET : AF_INET6))
		broken(seen, forwarding == 0, now);
}

static void see_route(struct observation *seen, const struct nlmsghdr *message, uint64_t now)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	int left = (int)RTM_PAYLOAD(message);

	for (const struct rtattr *attr = RTM_RTA(route); RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == RTA_OIF && (int)u32(attr) == seen->ifindex && route->rtm_family == AF_INET &&
		    route->rtm_table == RT_TABLE_MAIN)
			broken(seen, message->nlmsg_type == RTM_DELROUTE, now);
}

static void see_commit(struct observation *seen, const struct nlmsghdr *message, uint64_t now)
{
	const struct rtattr *attr = (const void *)((const char *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	int left = (int)NLMSG_PAYLOAD(message, sizeof(struct nfgenmsg));

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if ((attr->rta_type & NLA_TYPE_MASK) == NFTA_GEN_PROC_NAME)
			broken(seen, strcmp(data(attr), "guestnetd") != 0, now);
}

static void see(struct observation *seen, const struct nlmsghdr *message, uint64_t now)
{
	if (seen->kind == QUIET && !seen->broken_ns)
		seen->broken_ns = now;
	if (seen->kind == QUIET)
		seen->last_ns = now;
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (seen->kind == LINK || seen->kind == DELETED)
			see_link(seen, message, now);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (seen->kind == ADDRESS && ((struct ifaddrmsg *)NLMSG_DATA(message))->ifa_family == AF_INET &&
		    (int)((struct ifaddrmsg *)NLMSG_DATA(message))->ifa_index == seen->ifindex)
			broken(seen, message->nlmsg_type == RTM_DELADDR, now);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (seen->kind == ROUTE)
			see_route(seen, message, now);
		break;
	case RTM_NEWNETCONF:
		if (seen->kind == NETCONF4 || seen->kind == NETCONF6)
			see_netconf(seen, message, now);
		break;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN:
		if (seen->kind == RULES)
			see_commit(seen, message, now);
		break;
	}
}

static void read_events(int fd, struct observation *seen)
{
	static char buffer[1 << 18];
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		uint64_t now = now_ns();
		int left = (int)n;

		for (const struct nlmsghdr *message = (void *)buffer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			see(seen, message, now);
	}
	if (n < 0 && errno != EAGAIN)
		die("events");
}

/* The last processor, and with @others all but that. With a single one there is nothing to part. */
static void take_processors(bool others)
{
	int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	if (n < 2)
		return;
	CPU_ZERO(&set);
	for (int i = others ? 0 : n - 1; i < n - others; i++)
		CPU_SET(i, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* Returns when there may be something to read. A yield lets the kernel's threads run and its grace periods end. */
static void wait_events(const struct observation *seen, int fds[2], uint64_t begin)
{
	struct pollfd events[] = { { fds[0], POLLIN, 0 }, { fds[1], POLLIN, 0 } };
	uint64_t awake = (seen->broken_ns ? seen->broken_ns : begin) + AWAKE_NS;

	if (sysconf(_SC_NPROCESSORS_ONLN) > 1 && now_ns() < awake)
		sched_yield();
	else
		poll(events, 2, 100);
}

/* What comes after a run belongs to it. */
static void wait_settled(int fds[2])
{
	struct pollfd events[] = { { fds[0], POLLIN, 0 }, { fds[1], POLLIN, 0 } };
	uint64_t end = now_ns() + TIMEOUT_NS;

	while (poll(events, 2, SETTLED_MS) > 0 && now_ns() < end)
		for (int i = 0; i < 2; i++) {
			struct observation other = { .kind = ADDRESS, .ifindex = -1 };

			read_events(fds[i], &other);
		}
}

/* In the child of a fork. */
static _Noreturn void break_it(const char *command)
{
	take_processors(true);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static void observe_events(struct observation *seen, int fds[2], const char *command)
{
	uint64_t begin = now_ns(), end = begin + TIMEOUT_NS;
	pid_t pid;
	int status;

	if (seen->kind == LINK || seen->kind == DELETED)
		get_signature(seen->target, &seen->before);
	seen->ifindex = (int)if_nametoindex(seen->target);
	/* What came before is not of this run. */
	for (int i = 0; i < 2; i++) {
		struct observation other = { .kind = ADDRESS, .ifindex = -1 };

		read_events(fds[i], &other);
	}
	pid = fork();
	if (pid == 0)
		break_it(command);
	while (!seen->repaired_ns && now_ns() < end) {
		wait_events(seen, fds, begin);
		for (int i = 0; i < 2; i++)
			read_events(fds[i], seen);
		if (seen->last_ns && now_ns() > seen->last_ns + QUIET_NS)
			seen->repaired_ns = seen->last_ns;
	}
	waitpid(pid, &status, 0);
	if (status != 0)
		fprintf(stderr, "netd-observe: status %d of: %s\n", WEXITSTATUS(status), command);
}

/* The inode of the socket that is bound to UDP port 67 of an interface; 0 when there is none. */
static uint32_t bound_socket(int fd, int ifindex)
{
	static char buffer[1 << 16];
	struct { struct nlmsghdr header; struct inet_diag_req_v2 diag; } request = {
		{ sizeof(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 },
		{ .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_UDP, .idiag_states = ~0U },
	};
	uint32_t inode = 0;

	if (send(fd, &request, sizeof(request), 0) < 0)
		die("sock_diag");
	for (;;) {
		int left = (int)recv(fd, buffer, sizeof(buffer), 0);

		if (left < 0)
			die("sock_diag");
		for (const struct nlmsghdr *message = (void *)buffer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			const struct inet_diag_msg *found = NLMSG_DATA(message);

			if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
				return inode;
			if (found->id.idiag_sport == htons(67) && (int)found->id.idiag_if == ifindex)
				inode = found->idiag_inode;
		}
	}
}

static bool is_replaced(int inotify, const char *name)
{
	_Alignas(struct inotify_event) char buffer[4096];
	ssize_t n = read(inotify, buffer, sizeof(buffer));
	bool replaced = false;

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const void *)(buffer + at);

		replaced |= event->len > 0 && strcmp(event->name, name) == 0;
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	return replaced;
}

static void observe_process(struct observation *seen, const char *interface)
{
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int ifindex = (int)if_nametoindex(interface), pid = 0;
	char folder[4096], *slash;
	struct pollfd end;
	uint32_t before = bound_socket(diag, ifindex), now;
	FILE *file = fopen(seen->target, "re");
	uint64_t late = now_ns() + TIMEOUT_NS;

	snprintf(folder, sizeof(folder), "%s", seen->target);
	slash = strrchr(folder, '/');
	if (!file || !slash || fscanf(file, "%d", &pid) != 1 || pid <= 1 || !before)
		die(seen->target);
	fclose(file);
	*slash = '\0';
	inotify_add_watch(inotify, folder, IN_MOVED_TO);
	end = (struct pollfd){ (int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
	if (end.fd < 0 || syscall(SYS_pidfd_send_signal, end.fd, SIGKILL, NULL, 0) < 0)
		die("kill");
	poll(&end, 1, 10000);
	seen->broken_ns = now_ns();
	while (!seen->repaired_ns && now_ns() < late) {
		const struct timespec moment = { 0, 100000 };

		if (!seen->started_ns && is_replaced(inotify, slash + 1))
			seen->started_ns = now_ns();
		if (seen->started_ns && (now = bound_socket(diag, ifindex)) && now != before)
			seen->repaired_ns = now_ns();
		else
			nanosleep(&moment, NULL);
	}
	close(end.fd);
	close(diag);
	close(inotify);
}

int main(int argc, char *argv[])
{
	static const int link_groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_NETCONF,
					   RTNLGRP_IPV6_NETCONF };
	static const int rule_groups[] = { NFNLGRP_NFTABLES };
	const struct sched_param priority = { .sched_priority = 10 };
	size_t kind = 0;
	int fds[2], failed = 0;	/* how many runs */

	while (argc == 6 && kind < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[kind], argv[3]) != 0)
		kind++;
	if (argc != 6 || kind == sizeof(kinds) / sizeof(kinds[0])) {
		fprintf(stderr, "usage: netd-observe RUNS PAUSE_MS KIND TARGET COMMAND\n");
		return 2;
	}
	(void)setpriority(PRIO_PROCESS, 0, -20);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		(void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
	fds[0] = open_events(NETLINK_ROUTE, link_groups, sizeof(link_groups) / sizeof(link_groups[0]));
	fds[1] = open_events(NETLINK_NETFILTER, rule_groups, 1);
	take_processors(false);
	for (int run = 0; run < atoi(argv[1]) && failed < 2; run++) {
		struct observation seen = { .kind = (enum kind)kind, .target = argv[4] };
		const struct timespec pause = { atoi(argv[2]) / 1000, atoi(argv[2]) % 1000 * 1000000L };

		if (seen.kind == PROCESS)
			observe_process(&seen, argv[5]);
		else
			observe_events(&seen, fds, argv[5]);
		if (seen.repaired_ns && seen.started_ns)
			printf("%.0f ", (double)(seen.started_ns - seen.broken_ns) / 1000);
		if (seen.repaired_ns)
			printf("%.0f\n", (double)(seen.repaired_ns - seen.broken_ns) / 1000);
		else
			printf("timeout\n"), failed++;
		fflush(stdout);
		nanosleep(&pause, NULL);
		wait_settled(fds);
	}
	return failed > 0;
}
