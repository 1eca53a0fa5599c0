/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What completes the checksums of DHCP replies.
 */
#pragma once

#include "../model/plan.h"
#include "kernel.h"
#include "result.h"

bool checksum_probe(struct kernel *kernel, enum checksum_strategy strategy, char *ret_reason, size_t size);

int checksum_read(struct kernel *kernel, struct netstate *state);
void checksum_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
		    struct apply_result *results);
