/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers below /proc/sys/net, by a directory fd that belongs to our network namespace.
 * Acts; decides nothing.
 */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/fd.h"

/* Paths are made of names of bridges, in which there may be dots: what would lead out of the directory is refused. */
static bool path_is_safe(const char *path)
{
	const char *part = path;
	size_t length;

	if (path[0] == '\0' || path[0] == '/')
		return false;
	for (;;) {
		length = strcspn(part, "/");
		if (length == 2 && strncmp(part, "..", 2) == 0)
			return false;
		if (part[length] == '\0')
			return true;
		part += length + 1;
	}
}

static int read_number(const struct kernel *kernel, const char *path, int *ret_value)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char text[32], *end;
	ssize_t n;
	long value;

	fd = openat(kernel->sysctl_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	value = strtol(text, &end, 10);
	if (end == text || (*end != '\n' && *end != '\0'))
		return -EPROTO;
	*ret_value = (int)value;
	return 0;
}

/* Reads the number at @path. -ENOENT when there is no such thing, -EPROTO when it is no number. */
int sysctl_read(const struct kernel *kernel, const char *path, int *ret_value)
{
	int value = 0, r;

	if (!path_is_safe(path))
		return -EINVAL;
	r = read_number(kernel, path, &value);
	recorder_add_value(kernel->recorder, "read", path, value, r);
	if (r == 0)
		*ret_value = value;
	return r;
}

/* The host's own switches for IPv4 and IPv6, by files that are open: what is read in each look. -1: there is none. */
void sysctl_read_forwarding(const struct kernel *kernel, int ret_forwards[2])
{
	for (size_t i = 0; i < 2; i++) {
		char text[16];
		ssize_t n = kernel->forwarding_fds[i] < 0 ? -1 : pread(kernel->forwarding_fds[i], text, sizeof(text) - 1, 0);

		if (n > 0)
			text[n] = '\0';
		ret_forwards[i] = n > 0 ? atoi(text) : -1;
		recorder_add_value(kernel->recorder, "read", netstate_forwarding[i], ret_forwards[i], 0);
	}
}

static int write_number(struct kernel *kernel, const char *path, int value)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char text[16];
	int n;

	if (kernel_injected(kernel))
		return -EOPNOTSUPP;
	fd = openat(kernel->sysctl_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%d\n", value);
	if (write(fd, text, (size_t)n) < 0)
		return -errno;
	return 0;
}

/* Writes the number at @path. What the kernel says when it does not like it. */
int sysctl_write(struct kernel *kernel, const char *path, int value)
{
	int r = path_is_safe(path) ? write_number(kernel, path, value) : -EINVAL;

	recorder_add_value(kernel->recorder, "write", path, value, r);
	return r;
}
