/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet that is thought of, and where it is.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../../lib/addr.h"

/*
 * Where a packet comes in or goes out; all zero: it has no such device (yet). Behind names there are zeros: rules compare
 * all 16 bytes.
 */
struct packet_device {
	char name[IFNAME_SIZE];
	char kind[IFNAME_SIZE];		/* "bridge" and such; "" for what has none: mostly a network card */
	int index;
	uint32_t group;
};

struct packet {
	uint8_t family;			/* AF_INET or AF_INET6 */
	uint8_t protocol;		/* IPPROTO_TCP, UDP, ICMP or ICMPV6 */
	uint8_t source[16], target[16];	/* network byte order; IPv4 in the first four */
	uint16_t source_port, target_port;	/* of ICMP: type and code */
	struct packet_device iif, oif;
	uint8_t hop[16];		/* to whom it goes next on oif: the target, or a gateway */
	bool bridged;			/* it passes the IP hooks on its way through a bridge (br_netfilter) */
	bool established;		/* a later packet of a flow whose first one has passed */
	bool reply;			/* against the direction of the first one */
	bool translated;		/* the flow has a new target (dnat) */
	bool arp;			/* a frame that asks for the Ethernet address of the target; or tells it, as a reply */

	/* As a frame that a bridge handles: iif and oif are ports, and rules of the family bridge see it. */
	bool frame;
	char bridge[IFNAME_SIZE];
	/* Of the frame, and of a packet those that it came in with. */
	struct mac source_mac, target_mac;
	bool has_source_mac, has_target_mac;	/* known */
};

/* nft's `fib`: NFT_FIB_RESULT_*, NFTA_FIB_F_*; false when it cannot be told. Without a function nothing can be told. */
struct packet_fib {
	bool (*ask)(void *data, const struct packet *packet, uint32_t flags, uint32_t result, uint32_t *ret_value);
	void *data;
};

static inline size_t packet_address_length(const struct packet *packet)
{
	return packet->family == AF_INET ? 4 : 16;
}

/* A later packet against the direction of this one, between the same ends; its devices are the caller's to say. */
static inline struct packet packet_answer(const struct packet *packet)
{
	struct packet answer = *packet;

	memcpy(answer.source, packet->target, sizeof(answer.source));
	memcpy(answer.target, packet->source, sizeof(answer.target));
	answer.source_port = packet->target_port;
	answer.target_port = packet->source_port;
	answer.established = answer.reply = true;
	return answer;
}
