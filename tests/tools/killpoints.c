/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kills a bridge helper at every system call it makes, and looks at what is left.
 *
 *	killpoints [--stop] [--child] [--every N] UID OTHER-UID HELPER BRIDGE
 *
 * Traces the helper (as root: a tracer that holds CAP_SYS_PTRACE does not cost the file its privilege), lets
 * it run to its k-th stop, which is the beginning or the end of a system call, and kills it there, for
 * every k until it completes. With --stop it is let go with a SIGSTOP there; while it stands still, a
 * start as OTHER-UID must succeed; then it is killed. After each: the peer's recv returns, at once, the
 * end of the stream or the fd; closing that, no tap, no quota slot and no entry in the bridge's
 * forwarding table is left (what was there before may stay); the next start of the same UID succeeds. With a policy of
 * max=1 and macs= that proves that slot and address are free again. With --child the helper may have a child, which
 * has the socket until it comes to close it: then the peer waits for that, 5 s at most. --every N takes every N-th
 * stop only, for builds that make many system calls of their own.
 *
 * Prints what was not so, and "kill points: N of N clean". Exit status 1 when that is not all of them.
 */
#include "helper-start.h"

#include <sys/ptrace.h>

static const char *arg_helper, *arg_bridge;
static uid_t arg_uid, arg_other_uid;
static bool arg_stop, arg_child;
static int dump_fd;

struct left {
	unsigned int taps, slots, entries;
};

static void left_begin(void *data)
{
	*(struct left *)data = (struct left){ 0 };
}

static void left_link(const struct nlmsghdr *header, void *data)
{
	struct left *left = data;
	struct link link;

	link_read(header, &link);
	left->taps += strcmp(link.kind, "tun") == 0;
	left->slots += link.n_slots;
}

/* Entries of ports; what the bridge has for itself comes and goes with its first port. */
static void left_entry(const struct nlmsghdr *header, void *data)
{
	const struct ndmsg *entry = NLMSG_DATA(header);
	const struct rtattr *attribute = (const struct rtattr *)((const char *)entry + NLMSG_ALIGN(sizeof(*entry)));
	struct left *left = data;
	int master = entry->ndm_ifindex;

	for_each_attribute(attribute, NLMSG_PAYLOAD(header, sizeof(*entry)))
		if (attribute->rta_type == NDA_MASTER)
			memcpy(&master, RTA_DATA(attribute), sizeof(master));
	left->entries += master != entry->ndm_ifindex;
}

static struct left look(void)
{
	struct left links, entries;

	netlink_dump(dump_fd, RTM_GETLINK, AF_UNSPEC, left_link, left_begin, &links);
	netlink_dump(dump_fd, RTM_GETNEIGH, AF_BRIDGE, left_entry, left_begin, &entries);
	links.entries = entries.entries;
	return links;
}

/* In the child, after this the parent sees every system call. */
static void start_traced(struct start *start)
{
	int gate[2], status;

	if (pipe2(gate, O_CLOEXEC) < 0)
		give_up("pipe");
	start_helper(start, arg_helper, arg_uid, arg_bridge, gate);
	if (ptrace(PTRACE_SEIZE, start->pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		give_up("PTRACE_SEIZE");
	close(gate[1]);
	close(gate[0]);
	/* The exec is the first thing of interest. */
	while (waitpid(start->pid, &status, 0) == start->pid) {
		if (!WIFSTOPPED(status))
			give_up("no exec: status %x", (unsigned int)status);
		if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8)))
			return;
		ptrace(PTRACE_CONT, start->pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	}
	give_up("waitpid");
}

/* Runs to the @k-th stop. False when the program ended before; then @start is finished. */
static bool run_to(struct start *start, unsigned int k)
{
	int status;

	for (unsigned int i = 0;;) {
		if (ptrace(PTRACE_SYSCALL, start->pid, 0, 0) < 0)
			give_up("PTRACE_SYSCALL");
		if (waitpid(start->pid, &status, 0) != start->pid)
			give_up("waitpid");
		if (!WIFSTOPPED(status)) {
			start_finish(start, status);
			return false;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) && ++i == k)
			return true;
	}
}

static void describe(pid_t pid, char *text, size_t size)
{
	struct __ptrace_syscall_info info = { 0 };

	ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		snprintf(text, size, "before system call %llu", (unsigned long long)info.entry.nr);
	else
		snprintf(text, size, "after a system call returned %lld", (long long)info.exit.rval);
}

/* Is anything wrong? Returns what, or NULL. */
static const char *try_start(uid_t uid, char *message, size_t size)
{
	struct start start;

	start_helper(&start, arg_helper, uid, arg_bridge, NULL);
	start_wait(&start);
	if (start_succeeded(&start)) {
		close(start.tap_fd);
		return NULL;
	}
	snprintf(message, size, "a start as uid %u did not succeed: status %d: %.300s", (unsigned int)uid, start.status, start.message);
	return message;
}

/* Lets go of the helper with a SIGSTOP on its way: it stands before its next instruction. */
static const char *stand_still(struct start *start, char *message, size_t size)
{
	int status;

	kill(start->pid, SIGSTOP);	/* pending until it runs again */
	if (ptrace(PTRACE_DETACH, start->pid, 0, 0) < 0)
		give_up("PTRACE_DETACH");
	if (waitpid(start->pid, &status, WUNTRACED) != start->pid)
		give_up("waitpid");
	if (!WIFSTOPPED(status)) {	/* it was on its way out */
		start_finish(start, status);
		return NULL;
	}
	return try_start(arg_other_uid, message, size);
}

static const char *check_point(struct start *start, const struct left *before, char *message, size_t size)
{
	const char *wrong = NULL;
	struct left after;
	int fd = -1, status;
	ssize_t n;

	if (arg_stop)
		wrong = stand_still(start, message, size);
	if (!start->pid) {
		if (start->tap_fd >= 0)
			close(start->tap_fd);
	} else {
		kill(start->pid, SIGKILL);
		if (waitpid(start->pid, &status, 0) != start->pid || !WIFSIGNALED(status))
			give_up("it did not die");
		if (arg_child)
			poll(&(struct pollfd){ .fd = start->socket_fd, .events = POLLIN }, 1, 5000);
		n = receive_fd(start->socket_fd, MSG_DONTWAIT, &fd);
		if (!wrong && n != 0 && !(n == 1 && fd >= 0) && n != -ECONNRESET)
			wrong = n == -EAGAIN ? "the peer would wait" : "the peer received something else";
		if (fd >= 0)
			close(fd);
		close(start->socket_fd);
		close(start->error_fd);
	}
	after = look();
	if (!wrong && (after.taps != before->taps || after.slots != before->slots || after.entries != before->entries)) {
		snprintf(message, size, "left behind: %d taps, %d slots, %d forwarding entries", (int)(after.taps - before->taps),
			 (int)(after.slots - before->slots), (int)(after.entries - before->entries));
		wrong = message;
	}
	return wrong ?: try_start(arg_uid, message, size);
}

int main(int argc, char **argv)
{
	unsigned int k, n = 0, every = 1, clean = 0;
	struct left before;
	char where[128], message[1024];

	for (; argc > 1 && argv[1][0] == '-'; argv++, argc--) {
		arg_stop = arg_stop || strcmp(argv[1], "--stop") == 0;
		arg_child = arg_child || strcmp(argv[1], "--child") == 0;
		if (strcmp(argv[1], "--every") == 0 && argc > 2) {
			every = (unsigned int)atoi(argv[2]);
			argv++;
			argc--;
		}
	}
	if (argc != 5 || every == 0)
		return 2;
	arg_uid = (uid_t)strtoul(argv[1], NULL, 10);
	arg_other_uid = (uid_t)strtoul(argv[2], NULL, 10);
	arg_helper = argv[3];
	arg_bridge = argv[4];
	dump_fd = netlink_open(0);
	before = look();

	for (k = 1;; k += every, n++) {
		const char *wrong;
		struct start start;

		start_traced(&start);
		if (!run_to(&start, k)) {
			if (!start_succeeded(&start)) {
				printf("under trace it does not succeed: status %d: %s\n", start.status, start.message);
				return 1;
			}
			close(start.tap_fd);
			break;
		}
		describe(start.pid, where, sizeof(where));
		wrong = check_point(&start, &before, message, sizeof(message));
		if (wrong && n - clean < 6)	/* the first few say enough */
			printf("stop %u, %s: %s\n", k, where, wrong);
		clean += !wrong;
	}
	printf("kill points: %u of %u clean\n", clean, n);
	return clean == n && n > 20 ? 0 : 1;
}
