/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that the kernel remembers.
 */
#pragma once

#include "../model/flows.h"
#include "kernel.h"

int conntrack_sweep(struct kernel *kernel, bool (*is_unwanted)(const struct flow *flow, void *data),
		    void *data, size_t *ret_n_deleted);
