/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose a socket is, in words.
 * System calls: reads /proc and /sys/fs/cgroup.
 *
 * Theory of operation. The kernel says a socket's inode, its user and its cgroup to everybody. Which process has
 * that inode among its files, /proc/PID/fd says only to root and to those of the same user without more
 * capabilities than we have (PTRACE_MODE_READ_FSCREDS, proc_pid_fd(5)). For the others there is the cgroup: its
 * number is the inode of its folder, and which processes are in it anybody may read. With systemd that folder is
 * the unit, so it names the program well enough, and always what has to be stopped.
 */
#include "holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/limits.h"
#include "process.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Is the socket among the files of this process? Not when we may not look. */
static bool has_socket(int proc_fd, pid_t pid, uint32_t inode)
{
	char path[64], want[64], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *files;
	int fd;

	snprintf(path, sizeof(path), "%d/fd", (int)pid);
	snprintf(want, sizeof(want), "socket:[%" PRIu32 "]", inode);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	files = fdopendir(fd);
	if (!files) {
		close(fd);
		return false;
	}
	while (!found && (entry = readdir(files))) {
		ssize_t n = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		found = strcmp(target, want) == 0;
	}
	closedir(files);
	return found;
}

/* The path below CGROUP_ROOT of the cgroup of a process: the line "0::PATH" of cgroups(7). */
static bool read_cgroup_path(pid_t pid, char *ret_path, size_t size)
{
	char buffer[4096], *line;

	if (process_read(pid, "cgroup", buffer, sizeof(buffer)) == 0)
		return false;
	line = strncmp(buffer, "0::", 3) == 0 ? buffer : strstr(buffer, "\n0::");
	if (!line)
		return false;
	line = strchr(line, '/');
	if (!line)
		return false;
	line[strcspn(line, "\n")] = '\0';
	return (size_t)snprintf(ret_path, size, "%s", line) < size;
}

static bool is_in_cgroup(pid_t pid, uint64_t cgroup, char *ret_unit, size_t unit_size)
{
	char path[3900], folder[4096];
	struct stat st;

	if (!cgroup || !read_cgroup_path(pid, path, sizeof(path)))
		return false;
	snprintf(folder, sizeof(folder), CGROUP_ROOT "%s", path);
	/* The root is no unit. */
	if (strcmp(path, "/") == 0 || stat(folder, &st) < 0 || st.st_ino != cgroup)
		return false;
	snprintf(ret_unit, unit_size, "%s", strrchr(path, '/') + 1);
	return true;
}

static uint32_t uid_of(int proc_fd, pid_t pid)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "%d", (int)pid);
	return fstatat(proc_fd, path, &st, 0) == 0 ? st.st_uid : UINT32_MAX;
}

/* Finds out what can be found out; @ret_holder knows the user at least. */
void holder_find(const struct socket_entry *socket, struct holder *ret_holder)
{
	struct holder holder = { .uid = socket->uid };
	unsigned int n = 0, n_fit = 0;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc && !holder.certain && n < LIMIT_PROCESSES && (entry = readdir(proc))) {
		int proc_fd = dirfd(proc);
		char unit[sizeof(holder.unit)];
		uint32_t pid;

		if (str_parse_u32(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		n++;
		if (has_socket(proc_fd, (pid_t)pid, socket->inode)) {
			holder.certain = true;
			holder.pid = (pid_t)pid;
			if (is_in_cgroup((pid_t)pid, socket->cgroup, unit, sizeof(unit)))
				memcpy(holder.unit, unit, sizeof(unit));
		} else if (uid_of(proc_fd, (pid_t)pid) == socket->uid &&
			   is_in_cgroup((pid_t)pid, socket->cgroup, unit, sizeof(unit))) {
			memcpy(holder.unit, unit, sizeof(unit));
			/* Only one that nobody else could be taken for. */
			holder.pid = n_fit++ == 0 ? (pid_t)pid : 0;
		}
	}
	if (holder.pid)
		(void)process_read(holder.pid, "comm", holder.command, sizeof(holder.command));
	holder.command[strcspn(holder.command, "\n")] = '\0';
	if (proc)
		closedir(proc);
	*ret_holder = holder;
}

/* "named (pid 123)", or as much of it as is known. */
void holder_print(const struct holder *holder, struct text *text)
{
	if (holder->pid && holder->certain)
		text_add(text, "%s (pid %d)", STR_ESCAPED(holder->command), (int)holder->pid);
	else if (holder->pid)
		text_add(text, "%s, probably by %s (pid %d)", STR_ESCAPED(holder->unit), STR_ESCAPED(holder->command),
			 (int)holder->pid);
	else if (holder->unit[0])
		text_add(text, "%s", STR_ESCAPED(holder->unit));
	else
		text_add(text, "a program of uid %u", holder->uid);
}

/* The command that ends the holder; nothing when it is not known. */
void holder_print_fix(const struct holder *holder, struct text *text)
{
	const char *end = strrchr(holder->unit, '.');

	if (end && strcmp(end, ".service") == 0)
		text_add(text, "systemctl stop %s", STR_ESCAPED(holder->unit));
	else if (holder->pid)
		text_add(text, "kill %d", (int)holder->pid);
}
