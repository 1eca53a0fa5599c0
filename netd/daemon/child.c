/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dnsmasq for each network: started, watched, adopted, ended.
 * System calls; event loop context: nothing here waits, but for the exec of a new child.
 *
 * Theory of operation. A child is named by a pidfd from its first moment, so no signal ever reaches a
 * process that has inherited a number. What is running is written to RUN/NETWORK.pid (pid, start time,
 * hash of the configuration), so that a restarted daemon finds it again: a process is believed to be that
 * child when its pid, its start time and its command line all fit. A child that a crashed daemon had not
 * recorded yet is found by its command line, which names our configuration file.
 *
 * dnsmasq is started as an ordinary user with the three capabilities it works with as ambient ones.
 * Started as root it would give up CAP_NET_RAW by itself, and could not bind to a bridge that is made
 * anew.
 */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/str.h"
#include "process.h"
#include "replace.h"

/* What dnsmasq needs: addresses of the bridge, raw replies to clients without an address, ports 53 and 67. */
static const cap_value_t dnsmasq_capabilities[] = { CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE };

/* The path of one of a network's files: RUN/NETWORK.SUFFIX. */
void child_path(char *buffer, size_t size, const struct child_order *order, const char *suffix)
{
	snprintf(buffer, size, "%s/%s.%s", order->run_dir, order->network, suffix);
}

/* Forgets a child; the process goes on. */
void child_deinit(struct child *child)
{
	child->pidfd = fd_close(child->pidfd);
	child->error_fd = fd_close(child->error_fd);
	free(child->last_words);
	child->last_words = NULL;
	child->pid = 0;
	child->ready = false;
}

/* The start time of a process in clock ticks since boot: proc(5), field 22 of stat. */
static int read_start_time(pid_t pid, unsigned long long *ret_time)
{
	char stat[1024], *field;

	if (process_read(pid, "stat", stat, sizeof(stat)) == 0)
		return -ESRCH;
	/* The name in field 2 may hold anything, parentheses too: fields are counted from its end. */
	field = strrchr(stat, ')');
	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	return field && sscanf(field, "%llu", ret_time) == 1 ? 0 : -EPROTO;
}

/* The configuration file that the command line of a process names, as those of ours do; "" for another process. */
static void read_configuration(pid_t pid, char *ret_path, size_t size)
{
	char line[4200];
	const char *found;
	size_t n = process_read(pid, "cmdline", line, sizeof(line));

	ret_path[0] = '\0';
	for (const char *word = line; word < line + n; word += strlen(word) + 1)
		if (str_has_prefix(word, "--conf-file=", &found))
			snprintf(ret_path, size, "%s", found);
}

static bool runs_configuration(pid_t pid, const char *config)
{
	char path[4096];

	read_configuration(pid, path, sizeof(path));
	return strcmp(path, config) == 0;
}

static int write_record(const struct child_order *order, const struct child *child)
{
	unsigned long long start_time;
	struct replace replace;
	char path[4096];
	int r;

	r = read_start_time(child->pid, &start_time);
	if (r < 0)
		return r;
	child_path(path, sizeof(path), order, "pid");
	r = replace_begin(&replace, path);
	if (r < 0)
		return r;
	fprintf(replace.file, "%d %llu %016" PRIx64 " %016" PRIx64 "\n", (int)child->pid, start_time, child->config_hash,
		child->data_hash);
	return replace_finish(&replace, false);
}

/* The recorded child, when it is that very process still. */
static int read_record(const struct child_order *order, const char *config, struct child *child)
{
	unsigned long long start_time, now;
	_cleanup_(fd_closep) int pidfd = -EBADF;
	char path[4096];
	FILE *file;
	int pid, n;

	child_path(path, sizeof(path), order, "pid");
	file = fopen(path, "re");
	if (!file)
		return -errno;
	n = fscanf(file, "%d %llu %" SCNx64 " %" SCNx64, &pid, &start_time, &child->config_hash, &child->data_hash);
	fclose(file);
	if (n < 3 || pid <= 1)
		return -ESRCH;

	/* The pidfd first: what is verified afterwards is then true of the process it names. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -ESRCH;
	if (read_start_time(pid, &now) < 0 || now != start_time || !runs_configuration(pid, config))
		return -ESRCH;
	child->pid = pid;
	child->pidfd = steal_fd(&pidfd);
	return 0;
}

static int compare_orphans(const void *a, const void *b)
{
	return strcmp(((const struct child_orphan *)a)->file, ((const struct child_orphan *)b)->file);
}

/*
 * Processes of @uid that run with a configuration file in @run_dir: whom others call so is not waited for. Looked for once,
 * before anything is started: all there is then was left by an earlier daemon. The caller frees @ret_orphans.
 */
int child_find_orphans(const char *run_dir, uid_t uid, struct child_orphan **ret_orphans, size_t *ret_n)
{
	_cleanup_(freep) struct child_orphan *orphans = NULL;
	const size_t length = strlen(run_dir);
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		struct child_orphan *grown;
		char config[4096];
		uint32_t pid;

		if (str_parse_u32(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		read_configuration((pid_t)pid, config, sizeof(config));
		if (strncmp(config, run_dir, length) != 0 || config[length] != '/' || process_shares_network((pid_t)pid) == 0 ||
		    !process_is_of((pid_t)pid, uid))
			continue;
		grown = reallocarray(orphans, n + 1, sizeof(*orphans));
		if (!grown) {
			closedir(proc);
			return -ENOMEM;
		}
		orphans = grown;
		orphans[n].pid = (pid_t)pid;
		snprintf(orphans[n++].file, sizeof(orphans->file), "%s", config + length + 1);
	}
	closedir(proc);
	if (n > 0)
		qsort(orphans, n, sizeof(*orphans), compare_orphans);
	*ret_orphans = steal_ptr(orphans);
	*ret_n = n;
	return 0;
}

/* The first of the processes that were there, and had this configuration file. NULL: there was none. */
static const struct child_orphan *first_orphan(const struct child_orphan *orphans, size_t n, const char *config)
{
	const struct child_orphan *found;
	struct child_orphan key = { 0 };

	snprintf(key.file, sizeof(key.file), "%s", strrchr(config, '/') + 1);
	found = n > 0 ? bsearch(&key, orphans, n, sizeof(key), compare_orphans) : NULL;
	while (found && found > orphans && compare_orphans(found - 1, &key) == 0)
		found--;
	return found;
}

/* A process that nobody recorded, but that runs with our configuration file: one of those from @first on. */
static int find_orphan(const struct child_orphan *first, const struct child_orphan *end, const char *config, struct child *child)
{
	for (const struct child_orphan *orphan = first; orphan < end && compare_orphans(orphan, first) == 0; orphan++) {
		_cleanup_(fd_closep) int pidfd = -EBADF;

		/* It may have ended since, and another one have its pid. */
		pidfd = (int)syscall(SYS_pidfd_open, orphan->pid, 0);
		if (pidfd < 0 || !runs_configuration(orphan->pid, config))
			continue;
		child->pid = orphan->pid;
		child->pidfd = steal_fd(&pidfd);
		child->config_hash = 0;		/* unknown: it will be restarted, never left holding the port */
		return 0;
	}
	return -ESRCH;
}

/*
 * Finds the child of a network that an earlier daemon left running, by its record or among @orphans. -ESRCH when there
 * is none. The caller owns @ret_child; its hash is 0 when nobody knows which configuration it has read.
 */
int child_adopt(const struct child_order *order, const struct child_orphan *orphans, size_t n_orphans, struct child *ret_child)
{
	const struct child_orphan *first;
	struct child child = CHILD_NULL;
	char config[4096];
	int r;

	/* Whoever is recorded and lives is one of them: without any there is no record to be read. */
	child_path(config, sizeof(config), order, "conf");
	first = first_orphan(orphans, n_orphans, config);
	if (!first)
		return -ESRCH;
	r = read_record(order, config, &child);
	if (r < 0)
		r = find_orphan(first, orphans + n_orphans, config, &child);
	if (r < 0)
		return -ESRCH;

	snprintf(child.network, sizeof(child.network), "%s", order->network);
	child.adopted = child.ready = true;
	*ret_child = child;
	return 0;
}

/*
 * Ends one of child_find_orphans() that no network has taken up, and waits for that, a second or two at most.
 * Safe because: only a process that runs with this very configuration file now is signalled, by its pidfd.
 */
void child_end_orphan(const char *run_dir, const struct child_orphan *orphan)
{
	struct child child = CHILD_NULL;
	char config[4096];

	snprintf(config, sizeof(config), "%s/%s", run_dir, orphan->file);
	if (find_orphan(orphan, orphan + 1, config, &child) < 0)
		return;
	child.adopted = true;
	(void)child_signal(&child, SIGTERM);
	child_wait(&child, 1000);
}

static bool has_ambient_capabilities(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(dnsmasq_capabilities); i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, (unsigned long)dnsmasq_capabilities[i], 0, 0) != 1)
			return false;
	return true;
}

/*
 * Becomes the service's user, when root, and keeps three capabilities, over an exec too.
 * Safe because: what is kept is less than what we have; ids are changed for good before the exec, with
 * the capabilities inheritable and ambient so that they come along without the program being privileged.
 */
int child_become(uid_t uid, gid_t gid)
{
	const int n = (int)(sizeof(dnsmasq_capabilities) / sizeof(dnsmasq_capabilities[0]));
	cap_t capabilities;
	int r = 0;

	/* As the service manager started us: nothing is to be changed, and its filter may forbid the attempt. */
	if (geteuid() != 0 && has_ambient_capabilities())
		return 0;
	if (geteuid() == 0) {
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
		    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
			return -errno;
	}
	capabilities = cap_init();
	if (!capabilities)
		return -ENOMEM;
	if (cap_set_flag(capabilities, CAP_PERMITTED, n, dnsmasq_capabilities, CAP_SET) < 0 ||
	    cap_set_flag(capabilities, CAP_INHERITABLE, n, dnsmasq_capabilities, CAP_SET) < 0 ||
	    cap_set_flag(capabilities, CAP_EFFECTIVE, n, dnsmasq_capabilities, CAP_SET) < 0 ||
	    cap_set_proc(capabilities) < 0)
		r = -errno;
	cap_free(capabilities);
	for (int i = 0; r == 0 && i < n; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)dnsmasq_capabilities[i], 0, 0) < 0)
			r = -errno;
	return r;
}

/*
 * In the child. Reports an error to the parent through @error_fd, which a successful exec closes. Standard error
 * is @words_fd.
 */
static _Noreturn void run_service(const struct child_order *order, int error_fd, int words_fd)
{
	char config[4096], option[4200];
	char foreground[] = "--keep-in-foreground", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = { (char *)order->program, foreground, option, NULL };
	char *envp[] = { path, NULL };
	sigset_t none;
	int null_fd, r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	child_path(config, sizeof(config), order, "conf");
	snprintf(option, sizeof(option), "--conf-file=%s", config);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0) {
		dup2(null_fd, 0);
		dup2(null_fd, 1);
	}
	dup2(words_fd, 2);

	r = child_become(order->uid, order->gid);
	if (r == 0) {
		/* The error pipe is close-on-exec; nothing of the daemon's may live on in a service. */
		close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
		execve(order->program, argv, envp);
		r = -errno;
	}
	(void)!write(error_fd, &r, sizeof(r));
	_exit(127);
}

/*
 * Reads what a child that starts has said; true when there is more to come. dnsmasq logs to syslog and complains to
 * standard error only until it serves; then it puts /dev/null there. So the end of this pipe says that its
 * sockets are bound (or that it has ended, which its pidfd says too). The fd stays open: whoever watches it stops
 * that first.
 */
bool child_read_errors(struct child *child)
{
	char buffer[1024];
	ssize_t n;

	if (child->error_fd < 0)
		return false;
	while ((n = read(child->error_fd, buffer, sizeof(buffer) - 1)) > 0) {
		buffer[n] = '\0';
		for (char *next, *line = buffer; line && *line; line = next) {
			const char *rest;

			next = strchr(line, '\n');
			if (next)
				*next++ = '\0';
			if (!str_has_prefix(line, "dnsmasq: ", &rest))
				rest = line;
			if (*rest) {
				free(child->last_words);
				child->last_words = strdup(rest);
			}
		}
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	child->ready = true;
	return false;
}

/*
 * Starts dnsmasq with RUN/NETWORK.conf, which must have been written. Returns when the program has been
 * executed; whether it likes its configuration shows later: child_read_errors(). The caller owns @ret_child.
 */
int child_start(const struct child_order *order, struct child *ret_child, struct failure *failure)
{
	struct child child = CHILD_NULL;
	_cleanup_(fd_closep) int words_fd = -EBADF, error_fd = -EBADF;
	int pipe_fds[2], error = 0, r;
	ssize_t n;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return failure_set(failure, -errno, "%s: %s", order->program, strerror(errno));
	error_fd = pipe_fds[0];
	words_fd = pipe_fds[1];
	if (fcntl(error_fd, F_SETFL, O_NONBLOCK) < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return failure_set(failure, -errno, "%s: %s", order->program, strerror(errno));
	child.pid = fork();
	if (child.pid < 0) {
		r = -errno;
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return failure_set(failure, r, "%s: %s", order->program, strerror(-r));
	}
	if (child.pid == 0)
		run_service(order, pipe_fds[1], words_fd);
	close(pipe_fds[1]);
	do
		n = read(pipe_fds[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(pipe_fds[0]);
	if (n == (ssize_t)sizeof(error)) {
		waitpid(child.pid, NULL, 0);
		return failure_set(failure, error, "%s: %s%s", order->program, strerror(-error),
				   error == -ENOENT ? ": install dnsmasq (package dnsmasq-base)" : "");
	}

	/* Our own child and not waited for yet: the pid cannot be anybody else's. */
	child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	if (child.pidfd < 0) {
		r = -errno;
		kill(child.pid, SIGKILL);
		waitpid(child.pid, NULL, 0);
		return failure_set(failure, r, "%s: no pidfd: %s", order->program, strerror(-r));
	}
	snprintf(child.network, sizeof(child.network), "%s", order->network);
	child.config_hash = order->config_hash;
	child.data_hash = order->data_hash;
	/* Without its record it is found by its command line after a restart, and started anew. */
	(void)write_record(order, &child);
	child.error_fd = steal_fd(&error_fd);
	*ret_child = child;
	return 0;
}

int child_signal(const struct child *child, int signal)
{
	return syscall(SYS_pidfd_send_signal, child->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* Has it read its files again. What it has read is recorded, so that the next daemon does not repeat it. */
int child_reload(const struct child_order *order, struct child *child)
{
	int r = child_signal(child, SIGHUP);

	if (r < 0)
		return r;
	child->data_hash = order->data_hash;
	(void)write_record(order, child);
	return 0;
}

/* After its pidfd became readable: takes the zombie away and says how it ended, then forgets it. */
int child_reap(struct child *child, char *ret_how, size_t how_size)
{
	siginfo_t info = { 0 };
	int r = 0;

	if (child->adopted)
		snprintf(ret_how, how_size, "ended");
	else if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) < 0)
		r = -errno;
	else if (info.si_code == CLD_EXITED)
		snprintf(ret_how, how_size, "exited with status %d", info.si_status);
	else
		snprintf(ret_how, how_size, "was ended by signal %d (%s)", info.si_status, strsignal(info.si_status));
	child_deinit(child);
	return r;
}

/* Waits until a child that was told to end has ended; ends it for good when the time is over. Forgets it. */
void child_wait(struct child *child, int timeout_ms)
{
	struct pollfd end = { .fd = child->pidfd, .events = POLLIN };
	char how[64];

	if (poll(&end, 1, timeout_ms) <= 0) {
		(void)child_signal(child, SIGKILL);
		(void)poll(&end, 1, timeout_ms);
	}
	(void)child_reap(child, how, sizeof(how));
}
