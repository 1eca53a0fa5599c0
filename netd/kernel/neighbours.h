/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: on which port of a bridge an Ethernet address is, and which one has an IP address.
 */
#pragma once

#include <stddef.h>

#include "kernel.h"

/* One sighting. Zeroed first: it can be compared with memcmp(). */
struct neighbour {
	int bridge;		/* ifindex */
	int port;		/* ifindex, of an Ethernet address that was learnt; 0 for an IP address */
	uint16_t vlan;
	struct mac mac;
	struct ip ip;		/* no family: about the Ethernet address alone */
};

struct mnl_socket;

int neighbours_open(struct mnl_socket **ret_socket);
int neighbours_fd(const struct mnl_socket *socket);
int neighbours_limit(struct mnl_socket *socket, const int *bridges, size_t n);
int neighbours_read(struct mnl_socket *socket, void (*each)(const struct neighbour *neighbour, void *data), void *data);
int neighbours_decode(const struct nlmsghdr *message, struct neighbour *ret_neighbour);
int neighbours_list(struct kernel *kernel, struct neighbour **ret_neighbours, size_t *ret_n);
int neighbours_find_mac(struct kernel *kernel, int bridge, int port, struct mac *ret_mac);
int neighbours_find_port(struct kernel *kernel, int bridge, const struct mac *mac, int *ret_port);
