/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a peer that may only look sends: to its bus, one call after the other, up to the first message that is larger than it may be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "../../lib/util.h"

#define INTAKE_HEADER	16	/* the fixed part of a message's header */
#define INTAKE_BYTES	4096	/* PIPE_BUF: a pipe takes so much as a whole, or nothing */

struct intake {
	int fd;				/* owned: the peer's socket */
	int pipe_fd;			/* owned: what the bus reads */
	sd_bus *bus;			/* borrowed */
	sd_event_source *source;	/* owned: there is something to read, or, while there are bytes, room for the answer */
	void (*refused)(void *data);	/* it has sent what it may not: no more is read */
	void *data;
	bool running;			/* the greeting is over: messages come */
	uint32_t rest;			/* of the message that is on its way, behind its header */
	unsigned char header[INTAKE_HEADER];
	uint32_t n_header;
	uint32_t begin, end;		/* of what has come and was not passed on */
	unsigned char bytes[INTAKE_BYTES];
};

#define INTAKE_NULL ((struct intake){ .fd = -EBADF, .pipe_fd = -EBADF })

int intake_open(struct intake *intake, int peer_fd, int *ret_bus_fd);
int intake_start(struct intake *intake, sd_event *event, sd_bus *bus);
void intake_stop(struct intake *intake);
