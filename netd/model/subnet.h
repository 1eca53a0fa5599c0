/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of networks with Address=auto.
 * Pure.
 */
#pragma once

#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "network.h"
#include "siphash.h"

#define SUBNET_LENGTH4	24
#define SUBNET_LENGTH6	64

/* What was chosen for a network. Kept by the caller, over restarts too. No family: nothing chosen. */
struct subnet_choice {
	char network[NETWORK_NAME_SIZE];
	struct ip address4;		/* the host's address, /24 */
	struct ip address6;		/* likewise, /64 */
	struct ip delegated;		/* likewise, for Address=delegated: a /64 of a prefix */
	uint8_t delegated_length;	/* of this length; 0: none is delegated to the host. Without an address: that has none for this network */
	bool fixed;			/* chosen or confirmed while this daemon runs: guests may have it, it stays */
	bool anew4, anew6;		/* but for these: another one is to be chosen, if there is one */
};

/*
 * Where routes of others have led while a network was there, in the order of time: networks keep away from that, so that
 * one whose host goes from one VPN to another and back comes to rest. Kept by the caller, as the choices are.
 */
struct subnet_avoided {
	struct subnet_prefix {
		struct ip ip;
		uint8_t length;
	} items[LIMIT_SUBNETS_AVOIDED];
	size_t n;
};

/* Written addresses, chosen ones, and one of a delegated prefix. */
#define SUBNET_ADDRESSES (LIMIT_NETWORK_ADDRESSES + 3)

int subnet_choose(const struct network *const networks[], size_t n_networks,
		  const uint8_t machine_id[static SIPHASH_KEY_SIZE], const struct netstate *snapshot,
		  const struct subnet_avoided *avoided, const struct subnet_choice *previous, size_t n_previous,
		  struct subnet_choice **ret_choices, size_t *ret_n_choices);
void subnet_avoid(struct subnet_avoided *avoided, const struct ip *ip, unsigned int length);
bool subnet_leave(struct subnet_choice *choice, const struct netstate *snapshot, struct subnet_avoided *avoided);
const struct subnet_choice *subnet_find(const struct subnet_choice *choices, size_t n_choices, const char *network);
bool subnet_is_delegated(const struct subnet_choice *choice, const struct network_address *address);
bool subnet_explain(const struct network *network, const struct subnet_choice *choice, struct text *text);
size_t subnet_addresses(const struct network *network, const struct subnet_choice *choice,
			struct network_address ret_addresses[static SUBNET_ADDRESSES]);
