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
#include "record.h"

/* What of the kernel's state is different from what was read last, or may be. */
enum kernel_dirty {
	DIRTY_LINKS	= 1 << 0,
	DIRTY_ADDRESSES	= 1 << 1,
	DIRTY_ROUTES	= 1 << 2,
	DIRTY_SYSCTLS	= 1 << 3,	/* netconf: forwarding and its like */
	DIRTY_RULES	= 1 << 4,
	DIRTY_FILTERS	= 1 << 5,	/* tc, queues too, while monitor_watch_tc() says so */
	DIRTY_ALL	= (1 << 6) - 1,
};

#define DIRT_LINKS	32

struct dirt {
	unsigned int parts;		/* enum kernel_dirty: to be read again as a whole */
	unsigned int n_links;
	int links[DIRT_LINKS];		/* interfaces to be read again, with their addresses */
	bool routed[DIRT_LINKS];	/* and with all of their routes: others than the kernel's own have come or gone */
	uint32_t generation;		/* with DIRTY_RULES: of the last commit by others; 0: unknown */
	bool overlap;			/* a route that leads to where one of our bridges is has come or gone */
	bool delegated;			/* a prefix that was delegated to this host has come or gone; of news only */
};

#define DIRT_EVERYTHING	(struct dirt){ .parts = DIRTY_ALL, .delegated = true }

void dirt_add_link(struct dirt *dirt, int ifindex, bool routed);
void dirt_add(struct dirt *dirt, const struct dirt *more);

struct view_link;

/* What was read last, part by part; kernel_look() brings it up to date. */
struct view {
	struct netstate state;		/* owned; sorted; without services */
	struct netstate added, removed;	/* owned; elements, by transactions of ours since the last look */
	struct view_link *links;	/* owned: all interfaces, by index */
	size_t n_links;
	struct netstate_route *watched;	/* owned: what is wanted of routes; those of others to there are kept and looked for */
	size_t n_watched;
	uint64_t changes;		/* to links, ports and addresses: another number, another state */
	uint64_t devices_of;		/* one more than that of which the devices were found; 0: of none */
	int devices_forwards[2];	/* and of these values */
	uint64_t wholes;		/* likewise, when a part was read as a whole and was not as before */
	bool all_links;			/* the last look was at all links */
	int forwards[2];		/* the host's switches for IPv4 and IPv6; -1: there is none */
	bool values_of_off[2];		/* something was read of interfaces while that was off */
	bool foreign_routes;		/* routes of all interfaces are there, and were true when they were read */
	bool new_desire;		/* another state is wanted than when sysctls were looked at */
	bool all_values;		/* the values of interfaces are to be gone through, all of them */
	unsigned int n_touched;		/* else those of these: */
	char touched[DIRT_LINKS][IFNAME_SIZE];
};

struct kernel {
	struct nl_channel rtnl;
	struct nl_channel nft;		/* the only one for nftables: ownership of our table is tied to it */
	struct nl_channel conntrack;
	int sysctl_fd;			/* owned; directory /proc/sys/net of this network namespace */
	int forwarding_fds[2];		/* owned; IPv4 and IPv6: read in each look, and opening costs more than that */
	struct nl_channel queue;	/* open while DHCP replies pass through us, see queue.c */
	bool owner_tables;		/* the kernel has tables with owner and persist (Linux 6.9) */
	bool counters_needed;		/* what says no counters of a link does not say all that we ask for */

	struct view view;		/* owned */
	struct dirt dirt;		/* what of it is to be read again */
	uint32_t generation;		/* of nftables when the rules in `view` were true; 0: never. Every commit raises it */
	uint32_t read_generation;	/* when they were read from the kernel */
	bool checksums_changed;		/* by us: they are to be read again */
	bool queue_native;		/* the kernel has nftables' expression `queue`; known after checksum_probe() */
	bool tc_used;			/* there may be filters of ours, see tc.c */
	bool shapers_used;		/* there may be queues of ours, or there are to be some, see shaper.c */
	bool shapers_wanted;		/* there are to be some */
	bool proxies_used;		/* the host may answer for guests, or is to, see proxies.c */
	bool proxies_wanted;		/* it is to */
	bool remotes_used;		/* tunnels of ours may lead to hosts that a file names, or are to, see tunnels.c */
	bool remotes_wanted;		/* they are to */

	struct recorder *recorder;	/* borrowed; NULL: nothing is recorded */

	/* For tests: a message for which it returns true reaches the kernel as one that it does not know. */
	bool (*inject)(void *data, unsigned int message);
	void *inject_data;
	unsigned int n_messages;	/* changes sent so far */
};

#define KERNEL_NULL (struct kernel){ .sysctl_fd = -EBADF, .forwarding_fds = { -EBADF, -EBADF }, .dirt = { .parts = DIRTY_ALL }, .tc_used = true, .shapers_used = true, .proxies_used = true, .remotes_used = true }

int kernel_open(int nft_fd, struct kernel *ret_kernel, struct failure *failure);
void kernel_deinit(struct kernel *kernel);
int kernel_nft_fd(const struct kernel *kernel);

void kernel_leave_out_counters(const struct kernel *kernel, struct nl_batch *batch);
int kernel_transact(struct kernel *kernel, struct nl_channel *channel, struct nl_batch *batch, nl_each each, void *data);
bool kernel_injected(struct kernel *kernel);
