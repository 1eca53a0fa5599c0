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

/* Paths are made of names of bridges: what would lead out of the directory is refused. */
static bool path_is_safe(const char *path)
{
	return path[0] != '\0' && path[0] != '/' && !strstr(path, "..");
}

/* Reads the number at @path. -ENOENT when there is no such thing, -EPROTO when it is no number. */
int sysctl_read(const struct kernel *kernel, const char *path, int *ret_value)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char text[32], *end;
	ssize_t n;
	long value;

	if (!path_is_safe(path))
		return -EINVAL;
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

/* Writes the number at @path. What the kernel says when it does not like it. */
int sysctl_write(struct kernel *kernel, const char *path, int value)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char text[16];
	int n;

	if (!path_is_safe(path))
		return -EINVAL;
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
