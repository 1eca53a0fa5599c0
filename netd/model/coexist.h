/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where other firewalls have a place for rules of ours, and where they have none.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstate.h"

#define COEXIST_NAME_SIZE	64

/* A chain of somebody else. */
struct coexist_chain {
	uint8_t family;			/* NFPROTO_IPV4, NFPROTO_IPV6 or NFPROTO_INET */
	char table[COEXIST_NAME_SIZE];
	char name[COEXIST_NAME_SIZE];
	bool base;			/* packets come to it by themselves */
	bool forward, input;		/* a base chain of type filter at this hook */
	bool drop;			/* its policy, or a rule for all that is left */
	bool returns;			/* some of it goes back to where it came from */
	bool reached;			/* coexist_find_places() notes there what it finds */
};

/* A rule of `from` jumps or goes to `to`, in one table. */
struct coexist_jump {
	uint8_t family;
	char table[COEXIST_NAME_SIZE];
	char from[COEXIST_NAME_SIZE];
	char to[COEXIST_NAME_SIZE];
	char out[IFNAME_SIZE];		/* only what leaves by this interface; "" for no such condition */
	bool all;			/* with all that is left */
};

struct coexist_view {
	struct coexist_chain *chains;	/* owned */
	size_t n_chains;
	struct coexist_jump *jumps;	/* owned */
	size_t n_jumps;
};

#define COEXIST_VIEW_NULL (struct coexist_view){ 0 }

/* A chain that takes rules of ours; or, blocked, a base chain that drops and has no place for them. */
struct coexist_place {
	const struct coexist_chain *chain;	/* borrowed from the view */
	const struct coexist_chain *base;	/* likewise: whose packets come through */
	bool input;			/* else forward */
	bool blocked;
};

void coexist_view_deinit(struct coexist_view *view);
bool coexist_may_hold(uint8_t family, const char *table, const char *chain);
const char *coexist_next_kept(const struct coexist_view *view, const struct coexist_place *place, size_t *i);
int coexist_find_places(struct coexist_view *view, struct coexist_place **ret_places, size_t *ret_n_places);

/* What is accepted of one bridge, each by one rule. */
enum coexist_rule {
	COEXIST_FROM, COEXIST_TO,				/* forward */
	COEXIST_NOT_TO,						/* ahead of COEXIST_FROM, for each interface it is not meant for */
	COEXIST_DHCP, COEXIST_DNS_UDP, COEXIST_DNS_TCP, COEXIST_TFTP, COEXIST_ICMP,	/* input */
	COEXIST_RULE_MAX_,
};

/* A bridge of ours and what passes it. */
struct coexist_bridge {
	char name[IFNAME_SIZE];
	bool forward, v4, v6;
	uint8_t address4[4], address6[16];	/* its first one of each; 0: none */
	bool closed;			/* Coexist=no: nothing is put anywhere for it */
};

bool coexist_is_wanted(const struct coexist_place *place, const struct coexist_bridge *bridge, enum coexist_rule rule);
int coexist_bridges(const struct netstate *desired, struct coexist_bridge **ret_bridges, size_t *ret_n_bridges);
