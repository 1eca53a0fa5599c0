/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules of nftables do with a packet.
 * Pure: no system calls; what only the kernel's routing can say comes through a function of the caller's.
 */
#pragma once

#include "packet.h"
#include "rules.h"

/* Where a packet was stopped, or what could not be told. */
struct evaluate_place {
	const struct rules_chain *chain;	/* borrowed from the rules; NULL: nowhere */
	const struct rules_rule *rule;		/* NULL: the chain's policy */
	size_t number;				/* of the rule in its chain, from 1 */
};

struct evaluate {
	const struct rules *rules;		/* borrowed */
	struct packet_fib fib;

	/* Results; they add up over calls. */
	struct evaluate_place stopped;		/* by a drop or a reject */
	bool rejected;
	bool doubtful;				/* a rule before that, in its chains, cannot be evaluated and might have let it pass */
	struct evaluate_place accepted;		/* the last rule that said so */
	struct evaluate_place unsure;		/* the first rule that cannot be evaluated and would have mattered */
	char unsure_text[64];			/* its expression */
	struct evaluate_place nat;		/* the rule that translates */
	bool masqueraded, redirected;
};

bool evaluate_hook(struct evaluate *evaluate, struct packet *packet, int hook);
