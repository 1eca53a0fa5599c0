/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the caller asks for on the command line.
 */
#pragma once

#include <stdbool.h>

#include "../lib/failure.h"

#define REQUEST_NAMES 8		/* of a declared network's bridge: its own, the network's, and others */

enum request_kind { REQUEST_ATTACH, REQUEST_HELP, REQUEST_VERSION };

struct request {
	enum request_kind kind;
	const char *bridge;	/* borrowed from argv */
	int reply_fd;
	bool vnet_hdr;

	/*
	 * From here on: only where guestnetd has started us for a client of its socket. reply_fd is then the
	 * connection to that client, and what is known of the client is what the kernel says of its other end.
	 */
	bool for_client;
	unsigned int queues;	/* of the tap; 0: an ordinary one */
	bool for_parent;	/* the tap will be held by the client's parent */
	const char *will_be[REQUEST_NAMES];	/* borrowed: the names that the bridge has once it is there */
	size_t n_will_be;
};

int request_parse(int argc, char *const argv[], struct request *ret_request, struct failure *failure);
