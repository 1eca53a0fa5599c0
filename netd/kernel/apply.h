/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries out a plan.
 */
#pragma once

#include "../model/plan.h"
#include "kernel.h"
#include "result.h"

/*
 * Who carries out the steps that are about processes, and about network cards. 0 or a negative errno; may fill in the text.
 * @closed, if any, is called once, when no step has failed and only links are left to be deleted, of which nothing can be
 * reached any more: the kernel takes its time for that.
 */
struct apply_services {
	int (*act)(void *data, const struct plan_step *step, struct apply_result *result);
	void (*closed)(void *data);
	void *data;
};

int apply_plan(struct kernel *kernel, const struct plan *plan, const struct apply_services *services,
	       struct apply_result *results);
