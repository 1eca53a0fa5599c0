/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network devices as the kernel describes them.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../addr.h"

struct link {
	int ifindex;
	int master;			/* index of the device it is a port of; 0: none */
	unsigned int flags;		/* IFF_* */
	uint32_t mtu;
	char kind[32];			/* "bridge", "tun", ...; "" for a network card */
	bool vlan_filtering;		/* of a bridge */
	size_t n_names;
	const char **names;		/* owned; the canonical one first, then the alternative ones */
	char *text;			/* owned; what the names point into */
};

#define LINK_NULL (struct link){ 0 }

/* Every device of the network namespace, by index. */
struct link_table {
	struct link *links;		/* owned */
	size_t n_links;
};

#define LINK_TABLE_NULL (struct link_table){ 0 }

int link_read(const struct nlmsghdr *message, struct link *ret_link);
void link_deinit(struct link *link);

int link_table_load(struct link_table *ret_table);
void link_table_deinit(struct link_table *table);
const struct link *link_table_find(const struct link_table *table, const char *name);
