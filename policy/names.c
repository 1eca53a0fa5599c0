/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User and group names of rules become numbers.
 * System calls: reads /etc/passwd and /etc/group, may run one child.
 *
 * Theory of operation. The account files are read here, by a reader that knows one line format and
 * loads no modules. What they do not hold (LDAP, systemd's user database) is asked of a child that runs
 * the lookup program: name service modules never enter a process that holds a capability. That child
 * has none, and its program is not readable by users, so the kernel keeps it from being traced
 * (fs/exec.c:would_dump()); a caller can stop or kill it, and then the name stays unresolved, which
 * never allows anything (match.c).
 */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "owner.h"

/* How many names one child is asked for, and how long it may take. */
#define LOOKUP_NAMES		32
#define LOOKUP_TIMEOUT_MS	2000

struct account_file {
	const char *path;
	char *text;		/* owned; NULL: not read yet, or not readable */
	bool tried;
};

static void account_file_read(struct account_file *file)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	struct stat st;
	size_t length;

	file->tried = true;
	fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	/* An account file that is replaced meanwhile is complete in either version (rename(2)). */
	(void)fd_read_text(fd, &st, LIMIT_ACCOUNT_FILE, &file->text, &length);
}

/* The third field of the line whose first is @name: passwd(5) and group(5) agree so far. */
static bool account_file_find(struct account_file *file, const char *name, uint32_t *ret_id)
{
	size_t length = strlen(name);

	/* No name holds the separator; with it, another field would be taken for the number. */
	if (strchr(name, ':'))
		return false;
	if (!file->tried)
		account_file_read(file);

	for (const char *line = file->text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		const char *field;
		char id[16];
		size_t n;

		if (strncmp(line, name, length) != 0 || line[length] != ':')
			continue;
		field = line + length + 1;
		field += strcspn(field, ":\n");
		if (*field != ':')
			continue;
		field++;
		n = strcspn(field, ":\n");
		if (n >= sizeof(id))
			continue;
		memcpy(id, field, n);
		id[n] = '\0';
		if (str_parse_u32(id, UINT32_MAX - 1, ret_id) == 0)
			return true;
	}
	return false;
}

/* May the lookup program be run for a caller who must not be able to forge its answer? */
static bool lookup_is_safe(const char *path)
{
	char resolved[PATH_MAX];

	if (owner_resolve(path, NULL, resolved, NULL) < 0)
		return false;
	/* Readable means traceable by the caller; to root that makes no difference. */
	return geteuid() == 0 || access(path, R_OK) < 0;
}

/* In the child: becomes the lookup program, with the pipe as its output and nothing else open. */
static _Noreturn void lookup_exec(const char *path, char *const argv[], int output_fd)
{
	char *const environment[] = { NULL };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(output_fd, 1) < 0 || dup2(null_fd, 2) < 0)
		_exit(1);
	syscall(SYS_close_range, 3U, ~0U, 0U);
	execve(path, argv, environment);
	_exit(1);
}

/* Reads the child's whole answer, a few bytes a name, within the time it has. */
static size_t lookup_read(int fd, char *answer, size_t size)
{
	struct timespec now;
	long long deadline_ms, left_ms;
	size_t length = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	deadline_ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + LOOKUP_TIMEOUT_MS;

	while (length < size - 1) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		ssize_t n;

		clock_gettime(CLOCK_MONOTONIC, &now);
		left_ms = deadline_ms - (now.tv_sec * 1000LL + now.tv_nsec / 1000000);
		if (left_ms <= 0 || (poll(&readable, 1, (int)left_ms) <= 0 && errno != EINTR))
			break;
		n = read(fd, answer + length, size - 1 - length);
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	answer[length] = '\0';
	return length;
}

/*
 * Asks the lookup program: arguments are u:NAME and g:NAME, the answer is one line for each, a number
 * or "-". Anything else leaves all names unresolved.
 */
static void lookup_names(struct policy_who *const whos[], size_t n_whos, const char *path)
{
	char arguments[LOOKUP_NAMES][256];
	char *argv[LOOKUP_NAMES + 2] = { (char *)path };
	char answer[LOOKUP_NAMES * 12 + 1];
	char *save = NULL, *line;
	size_t length = 0;
	int pipe_fds[2];
	pid_t pid;

	for (size_t i = 0; i < n_whos; i++) {
		snprintf(arguments[i], sizeof(arguments[i]), "%c:%s", whos[i]->group ? 'g' : 'u', whos[i]->name);
		argv[i + 1] = arguments[i];
	}

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0)
		lookup_exec(path, argv, pipe_fds[1]);
	close(pipe_fds[1]);
	if (pid > 0) {
		length = lookup_read(pipe_fds[0], answer, sizeof(answer));
		/* Safe because: the child is not reaped yet, so its pid is still its own. */
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(pipe_fds[0]);
	if (pid < 0)
		return;

	/* An answer that was cut off could end in half a number. */
	if (length == 0 || answer[length - 1] != '\n')
		return;
	line = strtok_r(answer, "\n", &save);
	for (size_t i = 0; i < n_whos && line; i++, line = strtok_r(NULL, "\n", &save))
		if (str_parse_u32(line, UINT32_MAX - 1, &whos[i]->id) == 0)
			whos[i]->state = WHO_KNOWN;
}

/*
 * The number of the user, or group, of this name, or with this number. False when nobody knows it. @lookup_path as in
 * policy_resolve(); a question to that program takes two seconds at most.
 */
bool policy_find_account(const char *name, bool group, const char *lookup_path, uint32_t *ret_id)
{
	struct account_file file = { .path = group ? "/etc/group" : "/etc/passwd" };
	struct policy_who who = { .name = name, .group = group, .state = WHO_UNKNOWN };
	struct policy_who *const whos[] = { &who };
	bool found = str_parse_u32(name, UINT32_MAX - 1, ret_id) == 0 || account_file_find(&file, name, ret_id);

	free(file.text);
	if (found)
		return true;
	if (lookup_path && strlen(name) < 250 && lookup_is_safe(lookup_path))
		lookup_names(whos, 1, lookup_path);
	if (who.state == WHO_KNOWN)
		*ret_id = who.id;
	return who.state == WHO_KNOWN;
}

/*
 * Resolves the names of those rules that name @device, so that policy_match() can decide about it.
 * @device NULL means all rules. @lookup_path is the program to ask for names that the account files do
 * not hold; NULL: none. Never fails: what cannot be resolved becomes WHO_UNKNOWN.
 */
void policy_resolve(struct policy *policy, const struct policy_device *device, const char *lookup_path)
{
	struct account_file users = { .path = "/etc/passwd" };
	struct account_file groups = { .path = "/etc/group" };
	struct policy_who *unknown[LOOKUP_NAMES];
	size_t n_unknown = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (rule->n_whos == 0 || (device && !policy_rule_names(rule, device)))
			continue;
		for (size_t j = 0; j < rule->n_whos; j++) {
			struct policy_who *who = &policy->whos[rule->first_who + j];

			if (who->state == WHO_KNOWN)
				continue;
			if (account_file_find(who->group ? &groups : &users, who->name, &who->id)) {
				who->state = WHO_KNOWN;
			} else {
				who->state = WHO_UNKNOWN;
				if (n_unknown < LOOKUP_NAMES && strlen(who->name) < 250)
					unknown[n_unknown++] = who;
			}
		}
	}
	free(users.text);
	free(groups.text);

	if (n_unknown > 0 && lookup_path && lookup_is_safe(lookup_path))
		lookup_names(unknown, n_unknown, lookup_path);
}
