/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's way to the kernel: the sockets for requests, and the one function that changes anything.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../lib/failure.h"
#include "../../lib/nl/batch.h"
#include "../model/netstate.h"

struct kernel {
	struct nl_channel rtnl;
	struct nl_channel nft;		/* the only one for nftables: ownership of our table is tied to it */
	struct nl_channel conntrack;
	int sysctl_fd;			/* owned; directory /proc/sys/net of this network namespace */
	bool owner_tables;		/* the kernel has tables with owner and persist (Linux 6.9) */
	uint32_t generation;		/* of nftables when `rules` was read; 0: never. Every commit raises it */
	struct netstate rules;		/* owned: our table, elements and checksum rules at that generation */

	/* For tests: a message for which it returns true reaches the kernel as one that it does not know. */
	bool (*inject)(void *data, unsigned int message);
	void *inject_data;
	unsigned int n_messages;	/* changes sent so far */
};

#define KERNEL_NULL (struct kernel){ .sysctl_fd = -EBADF }

int kernel_open(int nft_fd, struct kernel *ret_kernel, struct failure *failure);
void kernel_deinit(struct kernel *kernel);
int kernel_nft_fd(const struct kernel *kernel);

int kernel_transact(struct kernel *kernel, struct nl_channel *channel, struct nl_batch *batch, nl_each each, void *data);
bool kernel_injected(struct kernel *kernel);
