/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a bridge helper takes from spawn to the fd in the caller's hand, beside others.
 *
 *	bench-helper time ROUNDS UID BRIDGE NAME=HELPER[@POLICY]...
 *	bench-helper count UID BRIDGE NAME=HELPER...
 *
 * time: in each round every helper once, in an order of that round; before a start (outside the timed part) POLICY,
 * where one is named, takes the place of /etc/guestnet/bridge.conf. Timed is posix_spawn() to recvmsg(); then the
 * exit is awaited, the tap closed, and with it gone, before the next start. Prints one line for each helper:
 *	NAME median p99 fastest		in microseconds
 *
 * count: each helper once under ptrace. Prints:
 *	NAME system-calls processes-and-threads shared-objects resident-kB faults
 * The resident size is wait4()'s ru_maxrss of a start that is not traced, by a small forked child; the shared
 * objects are those mapped at the exit.
 */
#include "helper-start.h"

#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <time.h>

#define POLICY "/etc/guestnet/bridge.conf"

struct subject {
	const char *name;
	char *helper;
	char *policy;		/* NULL: leave it */
	double *us;
};

static uid_t arg_uid;
static const char *arg_bridge;

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The rename is done by root, everything else as the user; the saved uid allows the change, and no exec keeps it. */
static void put_policy(const char *path)
{
	if (seteuid(0) < 0 || unlink(POLICY) < 0 || link(path, POLICY) < 0 || seteuid(arg_uid) < 0)
		give_up("policy %s", path);
}

static double time_one(const struct subject *subject)
{
	char fd_argument[32], bridge_argument[64];
	char *arguments[] = { subject->helper, (char *)"--use-vnet", fd_argument, bridge_argument, NULL };
	char *environment[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	int sockets[2], tap_fd, status;
	double begin, end;
	pid_t pid;

	if (subject->policy)
		put_policy(subject->policy);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		give_up("socketpair");
	fcntl(sockets[1], F_SETFD, 0);
	snprintf(fd_argument, sizeof(fd_argument), "--fd=%d", sockets[1]);
	snprintf(bridge_argument, sizeof(bridge_argument), "--br=%s", arg_bridge);

	begin = now_us();
	errno = posix_spawn(&pid, subject->helper, NULL, NULL, arguments, environment);
	if (errno)
		give_up("spawn %s", subject->helper);
	close(sockets[1]);
	receive_fd(sockets[0], 0, &tap_fd);
	end = now_us();

	if (waitpid(pid, &status, 0) != pid || status != 0 || tap_fd < 0)
		give_up("%s failed with status %x", subject->name, (unsigned int)status);
	close(tap_fd);
	close(sockets[0]);
	return end - begin;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void time_all(struct subject *subjects, size_t n, size_t rounds)
{
	size_t order[16];

	for (size_t i = 0; i < n; i++) {
		order[i] = i;
		subjects[i].us = calloc(rounds, sizeof(double));
		time_one(&subjects[i]);		/* brings files into memory */
	}
	srand(1);
	for (size_t round = 0; round < rounds; round++) {
		for (size_t i = n - 1; i > 0; i--) {
			size_t j = (size_t)rand() % (i + 1), swap = order[i];

			order[i] = order[j];
			order[j] = swap;
		}
		for (size_t i = 0; i < n; i++)
			subjects[order[i]].us[round] = time_one(&subjects[order[i]]);
	}
	for (size_t i = 0; i < n; i++) {
		double *us = subjects[i].us;

		qsort(us, rounds, sizeof(*us), compare);
		printf("%s %.0f %.0f %.0f\n", subjects[i].name, (us[(rounds - 1) / 2] + us[rounds / 2]) / 2,
		       us[rounds * 99 / 100], us[0]);
	}
}

static unsigned int shared_objects(pid_t pid)
{
	char path[64], line[1024], last[1024] = "";
	unsigned int n = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		char *file = strchr(line, '/');

		/* A shared object is mapped in pieces, one behind the other. */
		if (!file || !strstr(file, ".so") || strcmp(file, last) == 0)
			continue;
		snprintf(last, sizeof(last), "%s", file);
		n++;
	}
	if (maps)
		fclose(maps);
	return n;
}

static void count_one(const struct subject *subject)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXIT |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	unsigned int calls = 0, tasks = 1, objects = 0, left = 1;
	struct rusage usage;
	struct start start;
	bool running = false;
	int gate[2], status;
	pid_t pid;

	start_helper(&start, subject->helper, arg_uid, arg_bridge, NULL);
	if (wait4(start.pid, &status, 0, &usage) != start.pid)
		give_up("wait4");
	start_finish(&start, status);
	if (!start_succeeded(&start))
		give_up("%s: %s", subject->name, start.message);
	close(start.tap_fd);

	if (pipe2(gate, O_CLOEXEC) < 0)
		give_up("pipe");
	start_helper(&start, subject->helper, arg_uid, arg_bridge, gate);
	if (ptrace(PTRACE_SEIZE, start.pid, 0, options) < 0)
		give_up("PTRACE_SEIZE");
	close(gate[1]);
	close(gate[0]);
	while (left > 0 && (pid = waitpid(-1, &status, __WALL)) > 0) {
		int event = status >> 16, signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

		if (!WIFSTOPPED(status)) {
			left--;
			if (pid == start.pid)
				start_finish(&start, status);
			continue;
		}
		if (event == PTRACE_EVENT_EXEC)
			running = true;
		if (event == PTRACE_EVENT_EXIT && pid == start.pid)
			objects = shared_objects(pid);
		if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
			tasks++;
			left++;
		}
		if (signal == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info info = { 0 };

			ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
			calls += running && info.op == PTRACE_SYSCALL_INFO_ENTRY;
		}
		if (event || signal == (SIGTRAP | 0x80) || signal == SIGSTOP)
			signal = 0;
		ptrace(PTRACE_SYSCALL, pid, 0, signal);
	}
	if (!start_succeeded(&start))
		give_up("%s under trace: %s", subject->name, start.message);
	close(start.tap_fd);
	printf("%s %u %u %u %ld %ld\n", subject->name, calls, tasks, objects, usage.ru_maxrss, usage.ru_minflt);
}

int main(int argc, char **argv)
{
	bool timing = argc > 1 && strcmp(argv[1], "time") == 0;
	struct subject subjects[16] = { 0 };
	size_t rounds = 0, n = 0;
	int i = 2;

	if (argc < (timing ? 6 : 5))
		return 2;
	if (timing)
		rounds = (size_t)atoi(argv[i++]);
	arg_uid = (uid_t)strtoul(argv[i++], NULL, 10);
	arg_bridge = argv[i++];
	for (; i < argc && n < 16; i++, n++) {
		char *equals = strchr(argv[i], '='), *at;

		if (!equals)
			return 2;
		*equals = '\0';
		subjects[n] = (struct subject){ .name = argv[i], .helper = equals + 1 };
		at = strchr(equals + 1, '@');
		if (at) {
			*at = '\0';
			subjects[n].policy = at + 1;
		}
	}
	if (!timing) {
		for (i = 0; i < (int)n; i++)
			count_one(&subjects[i]);
		return 0;
	}
	if (rounds == 0 || setgroups(0, NULL) < 0 || setresgid(arg_uid, arg_uid, arg_uid) < 0 ||
	    setresuid(arg_uid, arg_uid, 0) < 0)
		give_up("uid");
	time_all(subjects, n, rounds);
	return 0;
}
