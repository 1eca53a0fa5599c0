/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet's way through this host, and who lets it pass or not.
 */
#pragma once

#include "evaluate.h"
#include "look.h"

enum trace_verdict { TRACE_PASSES, TRACE_STOPPED, TRACE_UNSURE };

#define TRACE_LINES	24

struct trace {
	struct look look;		/* owned */
	struct rules rules;		/* owned */
	bool frames;			/* some of them are for frames in a bridge */
	enum trace_verdict verdict;
	char reason[512];		/* who stops it; or what could not be told */
	char fix[320];			/* what would let it pass; "" */
	char lines[TRACE_LINES][320];	/* what was looked at, in order */
	size_t n_lines;
};

#define TRACE_NULL (struct trace){ .look = LOOK_NULL, .rules = RULES_NULL }

int trace_packet(struct trace *trace, const struct packet *packet, struct failure *failure);
void trace_deinit(struct trace *trace);
