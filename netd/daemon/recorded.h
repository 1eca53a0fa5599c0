/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plans in a record.
 */
#pragma once

#include "../kernel/record.h"
#include "../model/plan.h"

int record_plan(struct recorder *recorder, const struct netstate *desired, const struct netstate *snapshot,
		const struct plan_memory *memory, const char (*except)[NETWORK_NAME_SIZE], size_t n_except,
		uint64_t now_us, const struct plan *plan);
