/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules of nftables do with a packet.
 * Pure: no system calls; what only the kernel's routing and its large sets can say comes through functions of the caller's.
 */
#pragma once

#include "packet.h"
#include "rules.h"

/* Where a packet was stopped, or what could not be told. */
struct evaluate_place {
	const struct rules_chain *chain;	/* borrowed from the rules; NULL: nowhere */
	const struct rules_rule *rule;		/* NULL: the chain's policy */
	size_t number;				/* of the rule in its chain, from 1 */
	const struct rules_chain *base;		/* borrowed; of what was stopped: by which it came to that chain */
};

/* Which element of a set too large to be kept has a key; false when it cannot be told. Without a function nothing can be told. */
struct evaluate_sets {
	bool (*ask)(void *data, const struct rules_set *set, const uint8_t key[static RULES_KEY_SIZE], struct rules_element *ret_element,
		    bool *ret_found);
	void *data;
};

struct evaluate {
	const struct rules *rules;		/* borrowed */
	struct packet_fib fib;
	struct evaluate_sets sets;
	bool others;				/* only rules that are not ours */

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

/* Hooks beside NF_INET_*: those of the device that a packet comes in at, and that it leaves by. */
#define EVALUATE_INGRESS	16
#define EVALUATE_EGRESS		17

bool evaluate_is_at(const struct rules_chain *chain, const char *device);
bool evaluate_hook(struct evaluate *evaluate, struct packet *packet, int hook);
