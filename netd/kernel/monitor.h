/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: something has changed, look again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"

/* What monitor_read() found. The committer is of the last foreign change of rules; 0 and "" when unknown. */
struct monitor_news {
	unsigned int dirty;		/* enum kernel_dirty: by others */
	unsigned int n_events;		/* by others */
	unsigned int n_own;		/* by us: no reason to look, but another look must see them */
	bool lost;			/* the kernel had more than there was room for; dirty is DIRTY_ALL */
	struct dirt dirt;		/* by anybody */
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

void monitor_watch_remotes(struct monitor *monitor, bool watch);
void monitor_watch_tc(struct monitor *monitor, bool watch);
struct haste;
void monitor_hasten(struct monitor *monitor, struct haste *haste);
void monitor_skip(struct monitor *monitor);

/* Two fds to wait for; both are read by monitor_read(). */
#define MONITOR_FDS	2
int monitor_fd(const struct monitor *monitor, unsigned int i);
void monitor_note(const struct kernel *kernel, uint32_t own_port, const void *bytes, size_t length, struct monitor_news *news);
int monitor_read(struct monitor *monitor, struct monitor_news *ret_news);
