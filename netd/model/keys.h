/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every key of a network file, once: section, name, parser, default, unit and documentation. The manual
 * page is printed from this table.
 * Pure.
 */
#pragma once

#include "network.h"

#define KEY_WHY_SIZE 256

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
	uint8_t only;		/* bits of the modes that it has a meaning in; 0: in all */
};

extern const struct key keys[KEY_MAX_];

const struct key *keys_find(const char *section, const char *name);
const char *keys_find_section(const char *section);
const char *keys_nearest(const char *section, const char *name);
const char *keys_nearest_section(const char *section);
const char *keys_section_of(const char *name);
void keys_reset(struct network *network);
void keys_deinit(struct network *network);

/* Lists of a network: most networks have one item in them, or none. */
#define KEYS_APPEND(network, many) \
	keys_append((void **)&(network)->many, &(network)->n_##many, sizeof(*(network)->many))
#define KEYS_CLEAR(network, many) \
	(free((network)->many), (network)->many = NULL, (network)->n_##many = 0)
void *keys_append(void **items, size_t *n, size_t size);

/* Values that records.c has, too. */
int keys_parse_boolean(const char *value, bool *ret_value);
int keys_parse_ip_range(const char *value, struct ip *ret_first, struct ip *ret_last, char why[static KEY_WHY_SIZE]);
int keys_parse_port_range(const char *value, size_t length, uint16_t ret_ports[static 2]);
int keys_parse_boolean(const char *value, bool *ret_value);
int keys_parse_lease_time(const char *value, uint32_t *ret_seconds);
bool keys_domain_is_valid(const char *name, size_t length);
