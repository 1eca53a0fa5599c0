/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs of the host that listen at a port that is forwarded.
 * Looks only.
 *
 * Translation comes before the host's own sockets: such a program goes on, and nobody reaches it. That is worth a
 * word, and no failure.
 */
#include "taken.h"

#include <netinet/in.h>
#include <string.h>

#include "../kernel/sockets.h"
#include "../model/forwards.h"
#include "../model/ip.h"
#include "holder.h"

/* Ports of one forward that are looked at: each is a dump of its own. */
#define PORTS_LOOKED_AT 16

static bool is_any(const struct ip *ip)
{
	static const uint8_t zero[16];

	return memcmp(ip->bytes_be, zero, sizeof(zero)) == 0;
}

static bool takes(const struct network_forward *forward, const struct socket_entry *socket)
{
	return !forward->listen.family || is_any(&socket->address) ||
	       memcmp(&socket->address, &forward->listen, sizeof(forward->listen)) == 0;
}

/* Names the first one; nothing when there is none. */
void taken_look(const struct network *network, struct text *problem)
{
	for (size_t i = 0; i < network->n_forwards; i++) {
		const struct network_forward *forward = &network->forwards[i];

		/* It takes nothing from anybody: held.c. */
		if (forward_is_users(network, forward))
			continue;
		for (unsigned int n = 0; n < PORTS_LOOKED_AT && forward->ports[0] + n <= forward->ports[1]; n++) {
			_cleanup_(socket_list_deinit) struct socket_list list = SOCKET_LIST_NULL;
			struct holder holder;

			if (sockets_read(forward->protocol, (uint16_t)(forward->ports[0] + n), &list) < 0)
				return;
			for (size_t j = 0; j < list.n; j++) {
				if (!takes(forward, &list.items[j]))
					continue;
				holder_find(&list.items[j], &holder);
				forward_print_listen(forward, problem);
				text_add(problem, " is forwarded to a guest; it no longer reaches ");
				holder_print(&holder, problem);
				text_add(problem, ", which listens at port %u", list.items[j].port);
				return;
			}
		}
	}
}
