/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may pass through ports, as the kernel has it: [Port] ToGuestRate= is a queue, FromGuestRate= an element of a set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/addr.h"

struct port_rate {
	int ifindex;			/* of a queue */
	char name[IFNAME_SIZE];		/* of an element */
	uint64_t bits;			/* per second */
};

struct portrates {
	struct port_rate *items;	/* owned */
	size_t n;
	bool knows_from;		/* the sets could be read, or there are none */
};
#define PORTRATES_NULL (struct portrates){ 0 }

int portrates_load(struct portrates *ret_rates);
void portrates_deinit(struct portrates *rates);
uint64_t portrates_find_to(const struct portrates *rates, int ifindex);
uint64_t portrates_find_from(const struct portrates *rates, const char *name);

#define PORTRATES_TEXT_SIZE 64
const char *portrates_print(char buffer[static PORTRATES_TEXT_SIZE], uint64_t to, uint64_t from);
