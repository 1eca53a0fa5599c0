/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ports of a network's services: whether its dnsmasq listens on them, and who does where it cannot.
 */
#pragma once

#include "../kernel/sockets.h"
#include "../model/subnet.h"
#include "managed.h"

/* Who listens on the ports of DHCP and DNS, at one moment. */
struct listen_view {
	bool known;			/* false: this kernel does not say; everybody is then believed to listen */
	struct socket_list dhcp, dns;	/* owned; UDP */
};

#define LISTEN_VIEW_NULL (struct listen_view){ 0 }

void listen_view_read(struct listen_view *ret_view);
void listen_view_deinit(struct listen_view *view);
bool listen_is_heard(const struct listen_view *view, const struct managed *managed, const struct netstate *snapshot,
		     const struct subnet_choice *choice, uint32_t service_uid);
void listen_try(struct managed *managed, const struct subnet_choice *choice, unsigned int parts);
