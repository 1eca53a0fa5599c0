/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: something has changed, look again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"

enum monitor_dirty {
	DIRTY_LINKS	= 1 << 0,
	DIRTY_ADDRESSES	= 1 << 1,
	DIRTY_ROUTES	= 1 << 2,
	DIRTY_SYSCTLS	= 1 << 3,	/* netconf: forwarding and its like */
	DIRTY_RULES	= 1 << 4,
	DIRTY_ALL	= (1 << 5) - 1,
};

/* What monitor_read() found. The committer is of the last foreign change of rules; 0 and "" when unknown. */
struct monitor_news {
	unsigned int dirty;		/* enum monitor_dirty */
	unsigned int n_events;		/* by others */
	unsigned int n_own;		/* by us: they set no dirty bit */
	bool lost;			/* the kernel had more than there was room for; dirty is DIRTY_ALL */
	uint32_t committer_pid;
	char committer_name[16];
};

struct monitor;

int monitor_open(const struct kernel *kernel, struct monitor **ret_monitor, struct failure *failure);
struct monitor *monitor_free(struct monitor *monitor);
static inline void monitor_freep(struct monitor **monitor)
{
	*monitor = monitor_free(*monitor);
}

/* Two fds to wait for; both are read by monitor_read(). */
#define MONITOR_FDS	2
int monitor_fd(const struct monitor *monitor, unsigned int i);
int monitor_read(struct monitor *monitor, struct monitor_news *ret_news);
