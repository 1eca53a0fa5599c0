/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries out a plan.
 */
#pragma once

#include "../model/plan.h"
#include "kernel.h"
#include "result.h"

/* Who carries out the steps that are about processes, and about network cards. 0 or a negative errno; may fill in the text. */
struct apply_services {
	int (*act)(void *data, const struct plan_step *step, struct apply_result *result);
	void *data;
};

int apply_plan(struct kernel *kernel, const struct plan *plan, const struct apply_services *services,
	       struct apply_result *results);
