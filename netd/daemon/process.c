/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of a process.
 * System calls: reads files.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/str.h"

/*
 * The beginning of /proc/PID/@name, with a zero byte behind it: as much as @buffer has room for. Returns its length; 0 when
 * there is nothing, or it may not be read.
 */
size_t process_read(pid_t pid, const char *name, char *buffer, size_t size)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, buffer, size - 1);
	buffer[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/*
 * Is the process in our network namespace? A container's processes are seen from outside, and may be called as ours are. 1 or 0;
 * -errno when nobody knows, as when it has ended. Files of the network belong to their namespace, and so do their inodes
 * (fs/proc/generic.c:proc_alloc_inum()); everybody may look at those, unlike at /proc/PID/ns.
 */
int process_shares_network(pid_t pid)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	if (stat("/proc/self/net/dev", &ours) < 0 || stat(path, &theirs) < 0)
		return -errno;
	return ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/*
 * Does the process run as this user? False when it has ended. Its files in /proc would not tell: they are root's where it is not
 * to be dumped, which everybody can have (proc(5)).
 */
bool process_is_of(pid_t pid, uid_t uid)
{
	unsigned int real, effective;
	char status[1024];
	const char *line;

	if (process_read(pid, "status", status, sizeof(status)) == 0)
		return false;
	line = strstr(status, "\nUid:");
	return line && sscanf(line, "\nUid: %u %u", &real, &effective) == 2 && effective == uid;
}

/* The uid that stands for everybody who has none in this user namespace (user_namespaces(7)). */
uid_t process_overflow_uid(void)
{
	_cleanup_(fd_closep) int fd = open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC);
	char text[16];
	uint32_t uid;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 65534;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return str_parse_u32(text, UINT32_MAX - 1, &uid) == 0 ? uid : 65534;
}
