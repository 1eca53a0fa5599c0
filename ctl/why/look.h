/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says of routes, devices, neighbours and settings.
 */
#pragma once

#include "../../lib/failure.h"
#include "../../lib/nl/batch.h"
#include "../../lib/nl/link.h"
#include "packet.h"

struct look {
	struct nl_channel channel;	/* owned */
	struct link_table links;	/* owned */
};

#define LOOK_NULL (struct look){ .channel = NL_CHANNEL_NULL, .links = LINK_TABLE_NULL }

#define LOOK_ALIAS_SIZE	256	/* IFALIASZ */

struct look_route {
	int error;			/* negative errno in the place of a route, or 0 */
	uint8_t type;			/* RTN_* */
	int oif;
	bool has_gateway;
	uint8_t gateway[16];
	uint8_t source[16];		/* that the host would use; zero: none is said */
};

/* The UDP end of a VXLAN device. */
struct look_tunnel {
	uint16_t port;
	uint8_t family;			/* of the address it is bound to; 0: by the route */
	uint8_t local[16];
	int under;			/* the interface that it is bound to, where it hears a group; 0: none */
};

int look_open(struct look *ret_look, struct failure *failure);
void look_deinit(struct look *look);
/* A port of a bridge's, and who is behind it, as far as that is known. */
struct look_port {
	int ifindex;
	struct mac mac;			/* one that the bridge has learned there, or was told of */
	bool has_mac;
	uint8_t address4[4], address6[16];	/* of that, as the host has heard; of IPv6 none that is link-local */
	bool has_address4, has_address6;
};

void look_ports(struct look *look, int bridge, struct look_port *ports, size_t n);
const struct link *look_link(const struct look *look, int index);
const char *look_link_name(const struct look *look, int index);

/* NULL for what is not known: where a packet comes from, and on which device. */
int look_route(struct look *look, uint8_t family, const uint8_t *target, const uint8_t *source, int iif, int oif,
	       struct look_route *ret_route);
bool look_neighbour(struct look *look, uint8_t family, const uint8_t *address, int ifindex, struct mac *ret_mac);
int look_bridge_port(struct look *look, int bridge, const struct mac *mac);
bool look_mac(struct look *look, int ifindex, struct mac *ret_mac);
void look_packet_device(struct look *look, int ifindex, struct packet_device *ret_device);
void look_alias(struct look *look, int ifindex, char alias[static LOOK_ALIAS_SIZE]);
bool look_tunnel(struct look *look, int ifindex, struct look_tunnel *ret_tunnel);
bool look_fib(void *look, const struct packet *packet, uint32_t flags, uint32_t result, uint32_t *ret_value);
bool look_port_is_isolated(struct look *look, int port);
bool look_bridge_calls_iptables(struct look *look, int bridge, uint8_t family);
long look_number(const char *format, ...) _printf_(1, 2);
#define look_sysctl(_format, ...) look_number("/proc/sys/net/" _format, ##__VA_ARGS__)
