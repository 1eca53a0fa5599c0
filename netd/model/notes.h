/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the planner left alone, in words: for the status of the network that it is about.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "plan.h"

/* A note's text and mend fit into these. */
#define NOTE_TEXT_SIZE	512
#define NOTE_FIX_SIZE	128

enum note_weight {
	NOTE_REMARK,		/* everything that was declared is there */
	NOTE_DEGRADING,		/* the network is up, and something declared is not */
	NOTE_FAILING,		/* the network cannot be */
};

enum note_weight notes_print(const struct plan_note *note, struct text *text, struct text *fix);
