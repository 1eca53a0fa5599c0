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
	unsigned int queues;			/* 2 to LIMIT_TAP_QUEUES; 0: an ordinary tap, with one */
	unsigned int learned;			/* set by attach_verify(): bit i: grant->macs[i] was seen elsewhere */
};

struct attach_tap {
	struct fd_list fds;			/* owned, one for each queue; the tap lives as long as one is open */
	int ifindex;
	char name[IFNAME_SIZE];
	struct mac mac;
};

#define ATTACH_TAP_NULL (struct attach_tap){ .fds = FD_LIST_NULL }
#define ATTACH_HOLDERS_SIZE 512

static inline void attach_tap_closep(struct attach_tap *tap)
{
	fd_list_deinit(&tap->fds);
}

int attach_verify(struct rtnl *rtnl, struct attach_order *order, struct failure *failure);
int attach_find_slot(struct rtnl *rtnl, const struct attach_order *order, unsigned int *slot,
		     char *ret_holders, size_t holders_size);
int attach_open_tun(const struct policy_caller *reader, const struct attach_order *order, struct fd_list *ret_fds,
		    struct failure *failure);
int attach_commit(struct rtnl *rtnl, const struct attach_order *order, struct fd_list tun_fds, unsigned int slot,
		  struct attach_tap *ret_tap, struct failure *failure);
