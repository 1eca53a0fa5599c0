/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap, made and put on a bridge with the options granted.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/fd.h"
#include "../policy/policy.h"
#include "bridge.h"
#include "rtnetlink.h"

struct attach_order {
	const struct bridge *bridge;		/* borrowed */
	const struct policy_grant *grant;	/* borrowed */
	uid_t uid;				/* whose tap it will be */
	pid_t pid;				/* for people who look at the tap: whose socket asked */
	bool vnet_hdr;
	unsigned int learned;			/* set by attach_verify(): bit i: grant->macs[i] was seen elsewhere */
};

struct attach_tap {
	int fd;					/* owned; the tap lives as long as it is open */
	int ifindex;
	char name[IFNAME_SIZE];
	struct mac mac;
};

#define ATTACH_TAP_NULL (struct attach_tap){ .fd = -EBADF }
#define ATTACH_HOLDERS_SIZE 512

static inline void attach_tap_closep(struct attach_tap *tap)
{
	tap->fd = fd_close(tap->fd);
}

int attach_verify(struct rtnl *rtnl, struct attach_order *order, struct failure *failure);
int attach_find_slot(struct rtnl *rtnl, const struct attach_order *order, unsigned int *slot,
		     char *ret_holders, size_t holders_size);
int attach_open_tun(const struct policy_caller *reader, int *ret_fd, struct failure *failure);
int attach_commit(struct rtnl *rtnl, const struct attach_order *order, int tun_fd, unsigned int slot,
		  struct attach_tap *ret_tap, struct failure *failure);
