/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every key of a network file, once: section, name, parser, default, unit and documentation. The manual
 * page is printed from this table.
 * Pure.
 */
#pragma once

#include "values.h"

struct key {
	const char *section;
	const char *name;
	/*
	 * Puts a value into the network. An empty one is never passed: reset() is called then. -EINVAL, with
	 * what is allowed in @why where `want` does not say it all.
	 */
	int (*parse)(struct network *network, const char *value, char why[static KEY_WHY_SIZE]);
	void (*reset)(struct network *network);	/* back to the default; a list becomes empty */
	bool list;		/* may be given several times, each adds */
	const char *fallback;	/* the default, in words or as one would write it */
	const char *unit;	/* "" for none */
	const char *want;	/* what is allowed, for errors and the manual */
	const char *doc;
	/*
	 * For networks of users' own: the values that they may write, with blanks between them; "": every value. NULL: the key
	 * is not theirs.
	 */
	const char *own;
	uint8_t only;		/* bits of the modes that it has a meaning in; 0: in all */
};

extern const struct key keys[KEY_MAX_];

bool keys_are_own(const struct key *key, const char *value);
const struct key *keys_find(const char *section, const char *name);
const char *keys_find_section(const char *section);
const char *keys_nearest(const char *section, const char *name);
const char *keys_nearest_section(const char *section);
const char *keys_section_of(const char *name);
void keys_reset(struct network *network);
