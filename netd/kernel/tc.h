/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters behind a bridge that complete the checksums of DHCP replies.
 */
#pragma once

#include "../model/plan.h"
#include "kernel.h"
#include "result.h"

int tc_read(struct kernel *kernel, const struct netstate *links, struct netstate *state);
void tc_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
	      struct apply_result *results);
