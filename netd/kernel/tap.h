/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps that are there before their guests: making them, and saying who may open them.
 */
#pragma once

#include "../model/plan.h"
#include "apply.h"
#include "kernel.h"

int tap_apply(struct kernel *kernel, const struct plan_step *step, struct apply_result *result);
