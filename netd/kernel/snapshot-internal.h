/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of snapshot.h share: what is known of each interface.
 */
#pragma once

#include "dump.h"
#include "kernel.h"
#include "snapshot.h"

/* An interface: addresses and routes have only its index. */
struct view_link {
	int ifindex;
	char name[IFNAME_SIZE];
	bool ours;		/* a bridge of ours */
	bool port;		/* of any bridge or bond */
	bool card;		/* a network card that is no port */
	bool loopback;
	bool ra_address, ra_route;	/* has one by router advertisement */
	bool other_routes;	/* of ours: in the main table, and not made for one of its addresses */
	struct dump_values values;
	struct dump_tap tap;
};

/* A list that was read takes the place of the one before. */
#define TAKE(state, fresh, many)						\
	do {									\
		free((state)->many);						\
		(state)->many = steal_ptr((fresh)->many);			\
		(state)->n_##many = (fresh)->n_##many;				\
		(fresh)->n_##many = 0;						\
	} while (0)

#define SAME(a, b, many) ((a)->n_##many == (b)->n_##many && \
	((a)->n_##many == 0 || memcmp((a)->many, (b)->many, (a)->n_##many * sizeof(*(a)->many)) == 0))

struct view_link *view_find_link(const struct view *view, int ifindex);
const struct view_link *view_find_link_name(const struct view *view, const char *name);
int snapshot_read_links(struct kernel *kernel);
int snapshot_read_some_links(struct kernel *kernel, const struct dirt *dirt);
int snapshot_read_addresses(struct kernel *kernel);
int snapshot_read_addresses_of(struct kernel *kernel, int ifindex);
int snapshot_read_routes_of(struct kernel *kernel, int ifindex, bool all);
int snapshot_read_routes(struct kernel *kernel);
void snapshot_remove_routes(struct netstate *state, const char *link);
void snapshot_remove_routes_of(struct netstate *state, const struct view_link *link);
int snapshot_watch_routes(struct view *view, const struct netstate *desired);
void snapshot_drop_foreign_routes(struct kernel *kernel);
bool snapshot_has_overlap_on(const struct kernel *kernel, const struct dirt *dirt);
