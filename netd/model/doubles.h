/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One address that two guests have: seen by its moving back and forth.
 * Pure: no system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstate.h"

/* What was seen where. Zeroed before it is filled in. */
struct double_key {
	int bridge;		/* ifindex */
	uint16_t vlan;		/* 0: none */
	struct mac mac;		/* of an Ethernet address; then ip.family is 0 */
	struct ip ip;
};

/* Where it was: a port's index for an Ethernet address, an Ethernet address for an IP address. */
struct double_place {
	int port;		/* ifindex; 0: an IP address's */
	struct mac mac;
};

struct double_entry {
	struct double_key key;
	struct double_place place, before;	/* now, and before it moved */
	uint64_t seen_us;
	uint64_t moved_us;			/* 0: never */
	bool found;				/* two have it */
	int ports[2];				/* of the two, filled in by who found it; 0: not known */
	bool used;
};

/* Bounded: what was not seen for the longest time makes room. */
#define DOUBLES_SETS	256
#define DOUBLES_WAYS	8

struct doubles {
	struct double_entry entries[DOUBLES_SETS][DOUBLES_WAYS];
	size_t n_found;
};

/* It moved there and back within so long: that is not one guest that went elsewhere. */
#define DOUBLES_BACK_US		(60 * UINT64_C(1000000))
/* It is over when it has stayed in its place for so long: as long as a bridge remembers an address by default. */
#define DOUBLES_QUIET_US	(300 * UINT64_C(1000000))

struct double_entry *doubles_see(struct doubles *doubles, const struct double_key *key, const struct double_place *place,
				 uint64_t now_us);
bool double_is_over(const struct double_entry *entry, const struct netstate *snapshot, uint64_t now_us);
