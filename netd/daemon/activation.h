/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fds that the service manager hands over at the start, by their names; and a socket of our own where it gave none; connections to both.
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-event.h>

#define ACTIVATION_FDS 32

struct activation {
	struct { int fd; char name[32]; } items[ACTIVATION_FDS];	/* fds owned until they are taken */
	size_t n;
};

void activation_init(struct activation *activation);
void activation_deinit(struct activation *activation);
int activation_take(struct activation *activation, const char *name);
int activation_listen(const char *path, int type, int *ret_fd);
int activation_prepare_rests(sd_event *event);
int activation_accept(sd_event_source *source, int listen_fd);
int activation_fd_limit(void);
