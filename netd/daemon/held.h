/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that networks of users' own forward: held, so that nobody else has them.
 */
#pragma once

#include "../model/netstate.h"
#include "../model/ration.h"
#include "managed.h"

struct held_port {
	char network[NETWORK_NAME_SIZE];
	uint8_t protocol;
	uint16_t port;
	int fd;				/* owned; -EBADF of one that the running daemon holds, and we only look */
};

struct held {
	struct held_port *items;	/* owned */
	size_t n;
	struct ration ration;		/* of lines of the log */
};

#define HELD_NULL (struct held){ 0 }

void held_deinit(struct held *held);
void held_review(struct held *held, const struct managed_list *list, const struct netstate *snapshot, bool only_look);
int held_verify(const struct held *held, const struct managed_list *list, const struct network *network, struct failure *failure);
