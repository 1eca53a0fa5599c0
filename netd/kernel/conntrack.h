/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that the kernel remembers.
 */
#pragma once

#include "../model/netstate.h"
#include "kernel.h"

/* One direction of a flow. Ports are 0 where the protocol has none. */
struct conntrack_tuple {
	struct ip source, destination;
	uint16_t source_port, destination_port;
};

struct conntrack_flow {
	uint8_t protocol;
	uint32_t status;		/* IPS_*: linux/netfilter/nf_conntrack_common.h */
	struct conntrack_tuple original, reply;
};

int conntrack_sweep(struct kernel *kernel, bool (*is_unwanted)(const struct conntrack_flow *flow, void *data),
		    void *data, size_t *ret_n_deleted);
