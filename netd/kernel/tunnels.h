/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tunnels to other hosts, and whom they lead to.
 */
#pragma once

#include "../model/plan.h"
#include "apply.h"
#include "kernel.h"

int tunnels_read_remotes(struct kernel *kernel, struct netstate *ret_state);
int tunnels_look_at_ways(struct kernel *kernel, const struct netstate *desired);
void tunnels_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps, struct apply_result *results);
