/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol of the tap socket: how a process without CAP_NET_ADMIN gets a tap from guestnetd.
 *
 * The socket is RUNSTATEDIR/guestnet/tap.sock, AF_UNIX, SOCK_SEQPACKET. Who asks is what the kernel
 * says of the peer (SO_PEERCRED); nothing in the request can change that.
 *
 *	client -> daemon	one struct tapsocket_request, no fds
 *	daemon -> client	one struct tapsocket_reply; with error 0 and the tap by SCM_RIGHTS, one fd for each of
 *				its queues; otherwise with the text that the client prints, and no fd
 *
 * Then both close. A packet of any other size, magic or version is answered with EPROTO and closed, so
 * that a later version can change everything behind the first eight bytes. Numbers are in host byte
 * order: both ends are on one machine.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fd.h"

#define TAPSOCKET_MAGIC		0x47745031u	/* "GtP1" */
#define TAPSOCKET_VERSION	1
#define TAPSOCKET_TIMEOUT_MS	5000		/* for a place in the queue, for the request to come, and for the daemon's work on it */
#define TAPSOCKET_START_MS	30000		/* for the answer: the daemon may have to be started first */

enum tapsocket_flags {
	TAPSOCKET_VNET_HDR = 1 << 0,	/* the tap carries a virtio_net_hdr of 10 bytes (IFF_VNET_HDR) */
	TAPSOCKET_FOR_PARENT = 1 << 1,	/* the tap will be its parent's: said where people look at taps, no more */
	TAPSOCKET_FLAGS = (1 << 2) - 1,	/* all that are known */
};

struct tapsocket_request {
	uint32_t magic;
	uint16_t version;
	uint8_t flags;			/* enum tapsocket_flags; unknown bits are EPROTO */
	uint8_t queues;			/* 2 to LIMIT_TAP_QUEUES: a tap with so many (IFF_MULTI_QUEUE); 0: an ordinary one */
	char bridge[16];		/* a bridge's or declared network's name, terminated, zero-padded */
};

struct tapsocket_reply {
	uint32_t magic;
	uint16_t version;
	uint16_t reserved;		/* 0 */
	int32_t error;			/* 0, or a positive errno */
	char text[1024];		/* one line for the user, terminated; empty when error is 0 */
};

_Static_assert(sizeof(struct tapsocket_request) == 24, "the layout is the protocol");
_Static_assert(sizeof(struct tapsocket_reply) == 1036, "the layout is the protocol");

struct tapsocket_request tapsocket_request(const char *bridge, unsigned int flags);
struct tapsocket_reply tapsocket_reply(int error, const char *text);
int tapsocket_parse_request(const void *bytes, size_t length, struct tapsocket_request *ret_request);
int tapsocket_ask(const char *path, const struct tapsocket_request *request, struct tapsocket_reply *ret_reply,
		  struct fd_list *ret_tap_fds);
