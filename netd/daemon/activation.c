/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fds that the service manager hands over at the start, by their names: sockets of socket units, and what was
 * stored with it before (sd_listen_fds(3)).
 * System calls.
 */
#include "activation.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "../../lib/util.h"

/* Where a connection could not be taken, it is not tried again before that. */
#define REST_US 100000

/* Takes what the environment tells of, and the telling too: no child shall read it. */
void activation_init(struct activation *activation)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	activation->n = 0;
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (activation->n < ACTIVATION_FDS) {
			activation->items[activation->n].fd = fd;
			snprintf(activation->items[activation->n].name, sizeof(activation->items[0].name), "%s", names[i]);
			activation->n++;
		} else {
			fd_close(fd);
		}
		free(names[i]);
	}
	free(names);
}

/* Closes what nobody has taken. */
void activation_deinit(struct activation *activation)
{
	for (size_t i = 0; i < activation->n; i++)
		activation->items[i].fd = fd_close(activation->items[i].fd);
	activation->n = 0;
}

/* The first fd of that name, which is the caller's then; -EBADF when there is none. */
int activation_take(struct activation *activation, const char *name)
{
	for (size_t i = 0; i < activation->n; i++)
		if (activation->items[i].fd >= 0 && strcmp(activation->items[i].name, name) == 0)
			return steal_fd(&activation->items[i].fd);
	return -EBADF;
}

/*
 * A Unix socket of @type (SOCK_STREAM, SOCK_SEQPACKET) that listens at @path, for everybody: who is there is asked of each
 * connection. A socket that a daemon before us has left there is replaced; -EEXIST for anything else.
 */
int activation_listen(const char *path, int type, int *ret_fd)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;

	if (fd < 0)
		return -errno;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (unlink(path) < 0)
			return -errno;
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int on_never(sd_event_source *source _unused_, uint64_t time_us _unused_, void *data _unused_)
{
	return 0;
}

/*
 * What it takes to let a socket rest has to be there before the last fd is gone: sd-event times a rest with a timer of this clock
 * or that, by its version, and the loop ends where it cannot make one (libsystemd's sd-event.c: sd_event_source_set_ratelimit()).
 * Both are made by a source that never comes up. Errors as sd_event_add_time().
 */
int activation_prepare_rests(sd_event *event)
{
	int r = sd_event_add_time(event, NULL, CLOCK_MONOTONIC, UINT64_MAX, 0, on_never, NULL);

	return r < 0 ? r : sd_event_add_time(event, NULL, CLOCK_BOOTTIME, UINT64_MAX, 0, on_never, NULL);
}

/*
 * Takes a connection to the socket of @source: its fd, the caller's, or what accept4(2) says. One that there is no fd or no memory for
 * stays where it is, and the loop would come back at once, for ever: the source rests in between, and nobody is sent away.
 */
int activation_accept(sd_event_source *source, int listen_fd)
{
	int r = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (r < 0)
		r = -errno;
	if (r >= 0)
		(void)sd_event_source_set_ratelimit(source, 0, 0);
	else if ((r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM) &&
		 sd_event_source_get_ratelimit(source, NULL, NULL) < 0)
		(void)sd_event_source_set_ratelimit(source, REST_US, 1);
	return r;
}

/*
 * Users get no fds from here on: as many as there can be, less some for our own work and for root. The kernel gives the lowest that is
 * free. No answer: the service manager keeps us from asking, and has given enough.
 */
int activation_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
		return INT_MAX;
	return (int)limit.rlim_cur - LIMIT_DAEMON_FDS;
}
