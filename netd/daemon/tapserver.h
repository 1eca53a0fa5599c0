/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tap socket (lib/tapsocket.h): taps for callers that have no capability.
 */
#pragma once

#include <systemd/sd-event.h>

#include "../../lib/failure.h"
#include "manager.h"

struct tapserver_options {
	const char *helper;		/* borrowed: the path of guestnet-bridge-helper */
	const char *path;		/* borrowed: where to listen, when @listen_fd is negative */
	int listen_fd;			/* the service manager's socket; owned by the server after tapserver_new() */
};

struct tapserver;

int tapserver_new(sd_event *event, struct manager *manager, const struct tapserver_options *options,
		  struct tapserver **ret_server, struct failure *failure);
struct tapserver *tapserver_free(struct tapserver *server);
static inline void tapserver_freep(struct tapserver **server)
{
	*server = tapserver_free(*server);
}
