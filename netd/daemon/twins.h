/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two guests of a network with one address: noticed, told, forgotten when it is over.
 */
#pragma once

#include <systemd/sd-event.h>

#include "../kernel/kernel.h"
#include "managed.h"

struct twins;

/* @changed is called when a pass is to tell of it. */
int twins_new(sd_event *event, struct kernel *kernel, const struct managed_list *list, void (*changed)(void *data), void *data,
	      struct twins **ret_twins, struct failure *failure);
void twins_listen(struct twins *twins, void (*learnt)(int bridge, int port, void *data));
struct twins *twins_free(struct twins *twins);
static inline void twins_freep(struct twins **twins)
{
	*twins = twins_free(*twins);
}

uint64_t twins_review(struct twins *twins, const struct netstate *snapshot, uint64_t now_us);
