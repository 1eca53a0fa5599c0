/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sockets hold a port, and whether it can be had.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../model/netstate.h"

/* One bound UDP socket, or one listening TCP socket. */
struct socket_entry {
	uint8_t protocol;		/* IPPROTO_UDP or IPPROTO_TCP */
	struct ip address;		/* all zero: any */
	uint16_t port;
	int ifindex;			/* of the device that it is bound to; 0: none */
	uint32_t uid;
	uint32_t inode;			/* as in the link /proc/PID/fd/N: socket:[INODE] */
	uint64_t cgroup;		/* inode of its folder below /sys/fs/cgroup; 0: the kernel does not say */
};

struct socket_list {
	struct socket_entry *items;	/* owned */
	size_t n;
};

#define SOCKET_LIST_NULL (struct socket_list){ 0 }

void socket_list_deinit(struct socket_list *list);
int sockets_read(uint8_t protocol, uint16_t port, struct socket_list *list);
int socket_try(uint8_t protocol, const struct ip *address, uint16_t port);
