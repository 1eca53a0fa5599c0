/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much may pass: [Bandwidth], for a network as a whole, and the rates of [Port], for each of its guests.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "netstate.h"
#include "values.h"

/* Which of the two means this kernel has: bits. */
enum rates_means {
	RATES_QUEUE	= 1 << 0,	/* a queue that sends at a rate: to guests */
	RATES_LIMIT	= 1 << 1,	/* a limit in a rule: from guests */
};

/* A port of a guest's. Zeroed first: it can be compared with memcmp(). */
struct rates_port {
	char port[IFNAME_SIZE];
	char bridge[IFNAME_SIZE];
};

bool rates_are_of_network(const struct network *network);
bool rates_are_of_ports(const struct network *network);
uint8_t rates_means(const struct network *network);
int rates_verify(const struct network *network, enum key_id *ret_key, struct text *why);
int rates_add(const struct network *network, uint8_t means, const struct rates_port *ports, size_t n_ports, struct netstate *state);
bool rates_same(const struct netstate_shaper *want, const struct netstate_shaper *have);
void rates_print(const struct network *network, struct text *text);
void rates_explain(uint8_t missing, struct text *text);

#define RATES_KEY(name)										\
	int rates_parse_##name(struct network *network, const char *value, char why[static KEY_WHY_SIZE]);	\
	void rates_reset_##name(struct network *network);
RATES_KEY(to_guests_rate)
RATES_KEY(to_guests_burst)
RATES_KEY(to_guests_peak)
RATES_KEY(from_guests_rate)
RATES_KEY(from_guests_burst)
RATES_KEY(to_guest_rate)
RATES_KEY(to_guest_burst)
RATES_KEY(to_guest_peak)
RATES_KEY(from_guest_rate)
RATES_KEY(from_guest_burst)
#undef RATES_KEY
