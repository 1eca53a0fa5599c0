/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries out a plan.
 */
#pragma once

#include "../model/plan.h"
#include "kernel.h"

#define APPLY_TEXT_SIZE	192

/* What became of one step. */
struct apply_result {
	int error;			/* 0, or a negative errno; -ECANCELED: left out, something it needs has failed */
	char text[APPLY_TEXT_SIZE];	/* the kernel's words, or ours; "" when there are none */
};

/* Who carries out the steps that are about processes. 0 or a negative errno; may fill in the text. */
struct apply_services {
	int (*act)(void *data, const struct plan_step *step, struct apply_result *result);
	void *data;
};

int apply_plan(struct kernel *kernel, const struct plan *plan, const struct apply_services *services,
	       struct apply_result *results);
