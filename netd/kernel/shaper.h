/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues that send at a rate, at the root of bridges and of ports.
 */
#pragma once

#include "../model/plan.h"
#include "kernel.h"
#include "result.h"

int shaper_read(struct kernel *kernel, struct netstate *ret_state);
void shaper_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
		  struct apply_result *results);
