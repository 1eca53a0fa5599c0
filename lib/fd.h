/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File descriptors: owning them, and passing one over a Unix socket.
 * System calls; no logging.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "limits.h"
#include "util.h"

/* Closes an fd that is owned, or nothing where the variable holds a negative value. Keeps errno. */
static inline int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return -EBADF;
}

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

/* Takes an fd out of its variable, so that a cleanup attribute finds nothing to close. */
static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -EBADF;
	return value;
}

/* Several fds that belong together, all owned: the queues of one tap. */
struct fd_list {
	int fds[LIMIT_TAP_QUEUES];
	size_t n;
};

#define FD_LIST_NULL (struct fd_list){ .n = 0 }

static inline void fd_list_deinit(struct fd_list *list)
{
	while (list->n > 0)
		fd_close(list->fds[--list->n]);
}

/* Takes all of them out of their variable. */
static inline struct fd_list steal_fd_list(struct fd_list *list)
{
	struct fd_list value = *list;

	list->n = 0;
	return value;
}

struct stat;
int fd_read_text(int fd, const struct stat *st, size_t limit, char **ret_text, size_t *ret_length);
int fd_read_stream(int fd, size_t limit, char **ret_text, size_t *ret_length);

int fd_send_list(int socket_fd, const struct fd_list *list, const void *bytes, size_t length, int timeout_ms);
int fd_receive_list(int socket_fd, void *bytes, size_t size, size_t room, struct fd_list *ret_list, size_t *ret_length);
