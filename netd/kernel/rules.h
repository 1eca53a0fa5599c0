/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: our table of nftables, its elements, and the rules for checksums.
 */
#pragma once

#include "../model/netstate.h"
#include "../model/plan.h"
#include "kernel.h"

/* So many steps of one transaction are written into what was read one by one; what more do is read back. */
#define RULES_NOTED	256

int rules_look(struct kernel *kernel, const struct dirt *dirt);
void rules_note_adoption(struct kernel *kernel);
void rules_note_steps(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
		      const bool *left_out);
