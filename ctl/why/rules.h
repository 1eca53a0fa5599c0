/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All rules of nftables in this network namespace, whoever made them.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/addr.h"
#include "../../lib/failure.h"
#include "../../lib/nl/batch.h"
#include "legacy.h"

#define RULES_NAME_SIZE	256	/* NFT_NAME_MAXLEN, NFT_USERDATA_MAXLEN */
#define RULES_KEY_SIZE	64	/* NFT_DATA_VALUE_MAXLEN */

struct rules_rule {
	uint64_t handle;
	struct nlmsghdr *message;	/* owned; as the kernel sent it */
	const struct nlattr *expressions;	/* in it; NULL: none */
};

struct rules_chain {
	uint8_t family;			/* NFPROTO_* */
	char table[RULES_NAME_SIZE], name[RULES_NAME_SIZE];
	char type[16];			/* "filter", "nat", "route"; "" for one that is no base chain */
	int hook;			/* NF_INET_*; -1: none */
	int priority;
	bool drops;			/* its policy */
	char (*devices)[IFNAME_SIZE];	/* owned; at whose hook it is, of ingress and egress. "eth*": all that begin so */
	size_t n_devices, max_devices;
	struct rules_rule *rules;	/* owned */
	size_t n_rules, max_rules;
};

struct rules_element {
	uint8_t key[RULES_KEY_SIZE], end[RULES_KEY_SIZE];	/* end: inclusive, of a range; else the key */
	uint8_t key_length;
	bool interval_end;		/* the first value behind an interval, not one in it */
	bool catchall;
	bool limited;			/* it says that a limit is over, which is thought of as not reached */
	int32_t verdict;		/* of a map to verdicts */
	char chain[RULES_NAME_SIZE];
	uint8_t data[RULES_KEY_SIZE];
	uint8_t data_length;
};

struct rules_set {
	uint8_t family;
	char table[RULES_NAME_SIZE], name[RULES_NAME_SIZE];
	uint32_t flags;			/* NFT_SET_* */
	uint32_t key_length;
	bool large;			/* none of its elements are kept here: rules_ask() */
	uint8_t fields[16];		/* lengths of the parts of a concatenation of ranges */
	size_t n_fields;
	struct rules_element *elements;	/* owned; of intervals: sorted by key */
	size_t n_elements, max_elements;
};

struct rules {
	struct nl_channel channel;	/* owned; for what is asked later */
	struct rules_chain *chains;	/* owned */
	size_t n_chains, max_chains;
	struct rules_set *sets;		/* owned */
	size_t n_sets, max_sets;
	struct legacy legacy[2];	/* IPv4, IPv6: of the old iptables, whose rules are not among these */
};

#define RULES_NULL (struct rules){ .channel = NL_CHANNEL_NULL }

int rules_load(struct rules *ret_rules, struct failure *failure);
void rules_deinit(struct rules *rules);
const struct rules_chain *rules_find_chain(const struct rules *rules, const struct rules_chain *from, const char *name);
const struct rules_set *rules_find_set(const struct rules *rules, const struct rules_chain *from, const char *name);
bool rules_ask(void *data, const struct rules_set *set, const uint8_t key[static RULES_KEY_SIZE], struct rules_element *ret_element,
	       bool *ret_found);
const char *rules_family_name(uint8_t family);
