/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of ruleset.h share: the sets, and the lines of rules.
 */
#pragma once

#include "ruleset.h"

/* A set, or one for each prefix length in use. */
struct ruleset_set_row {
	const char *name;
	bool per_prefix;
	const char *key;		/* letters of parts */
	const char *data;		/* of a map; else NULL */
	uint32_t feature;
	bool limited;			/* data are a limit's */
};

extern const struct ruleset_set_row ruleset_set_rows[NETSTATE_SET_MAX_];

/* Is what belongs to this feature in the table of the bridge family? */
static inline bool ruleset_is_bridged(uint32_t feature)
{
	return feature & RULESET_BRIDGED;
}

void ruleset_describe_set(enum netstate_set set, unsigned int length, struct ruleset_set *item);
void ruleset_parse(struct ruleset_rule *rule);
