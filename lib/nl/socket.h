/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the kernel over netlink, by libmnl.
 */
#pragma once

#include <linux/netlink.h>

struct mnl_socket;

int nlsocket_open(int protocol, struct mnl_socket **ret_socket);
struct mnl_socket *nlsocket_free(struct mnl_socket *socket);
static inline void nlsocket_freep(struct mnl_socket **socket)
{
	*socket = nlsocket_free(*socket);
}

int nlsocket_dump(struct mnl_socket *socket, struct nlmsghdr *request,
		  int (*each)(const struct nlmsghdr *message, void *data), void *data);
