/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnetd --record: what passes between the daemon and the kernel, into a file.
 * Writes one file; decides nothing. A NULL recorder records nothing.
 *
 * Left out is what no plan is made of: flows, neighbours, sockets of other programs, packets.
 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "../../lib/nl/wire.h"
#include "../../lib/util.h"
#include "kernel.h"

struct recorder {
	int fd;			/* owned; -EBADF when it is full, or could not be written */
	uint64_t begin_us;
	uint64_t length;
	bool left_out;		/* the last question, and so are its answers */
};

/* A disk that is full must not stop the daemon: the record ends there, and it is said. */
static void add(struct recorder *recorder, enum record_kind kind, int protocol, const void *bytes, size_t length)
{
	const struct record_header header = {
		.kind = (uint16_t)kind, .protocol = (uint16_t)protocol, .length = (uint32_t)length,
		.time_us = clock_us() - recorder->begin_us,
	};
	const struct iovec parts[] = { { (void *)&header, sizeof(header) }, { (void *)bytes, length }, { (void *)"\0\0\0", -length & 3 } };
	const size_t total = sizeof(header) + length + (-length & 3);

	ssize_t n;

	if (recorder->fd < 0)
		return;
	if (kind != RECORD_FULL && recorder->length + total > LIMIT_RECORD) {
		add(recorder, RECORD_FULL, 0, NULL, 0);
		fprintf(stderr, "<5>the record is full\n");
	} else {
		n = writev(recorder->fd, parts, ARRAY_SIZE(parts));
		if (n == (ssize_t)total) {
			recorder->length += total;
			return;
		}
		fprintf(stderr, "<4>the record ends here: %s\n", strerror(n < 0 ? errno : ENOSPC));
	}
	recorder->fd = fd_close(recorder->fd);
}

/*
 * Addresses that the host answers for are in the kernel's list of neighbours, too; and so is whom tunnels lead to, the questions
 * for which name nothing but an interface (tunnels.c).
 */
static bool is_of_interest(const struct nlmsghdr *message, size_t length)
{
	struct ndmsg header;

	if (length < NLMSG_LENGTH(sizeof(header)))
		return false;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	return header.ndm_flags & (NTF_PROXY | NTF_SELF) || (message->nlmsg_type == RTM_GETNEIGH && header.ndm_family == AF_BRIDGE &&
							      message->nlmsg_len == NLMSG_LENGTH(sizeof(header)));
}

static bool is_left_out(int protocol, const void *bytes, size_t length)
{
	const struct nlmsghdr *message = bytes;

	if (length < sizeof(*message) || (protocol != NETLINK_ROUTE && protocol != NETLINK_NETFILTER))
		return true;
	if (protocol == NETLINK_ROUTE)
		return message->nlmsg_type >= RTM_NEWNEIGH && message->nlmsg_type <= RTM_GETNEIGH && !is_of_interest(message, length);
	switch (message->nlmsg_type >> 8) {
	case NFNL_SUBSYS_NONE:		/* the begin of a transaction */
	case NFNL_SUBSYS_NFTABLES:
	case NFNL_SUBSYS_NFT_COMPAT:
		return false;
	case NFNL_SUBSYS_QUEUE:
		return (message->nlmsg_type & 0xff) == NFQNL_MSG_PACKET;
	default:
		return true;
	}
}

static void on_datagram(void *data, int fd, enum nl_wire kind, const void *bytes, size_t length)
{
	static const enum record_kind kinds[] = {
		[NL_WIRE_SENT] = RECORD_SENT, [NL_WIRE_ANSWER] = RECORD_ANSWER, [NL_WIRE_EVENT] = RECORD_EVENT,
	};
	struct recorder *recorder = data;
	int protocol = -1;
	socklen_t size = sizeof(protocol);
	char text[192];

	if (kind == NL_WIRE_INDEX) {
		snprintf(text, sizeof(text), "index %.*s 0", (int)length, (const char *)bytes);
		add(recorder, RECORD_VALUE, 0, text, strlen(text));
		return;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
	if (kind == NL_WIRE_SENT)
		recorder->left_out = is_left_out(protocol, bytes, length);
	if (!is_left_out(protocol, bytes, length) && (kind == NL_WIRE_EVENT || !recorder->left_out))
		add(recorder, kinds[kind], protocol, bytes, length);
}

/*
 * Begins a record in a new file, which only its owner may read, and sees all netlink datagrams of the process from now on:
 * there is one at a time. -EEXIST for a file that is there already, others as open() says; with a text.
 */
int recorder_open(const char *path, struct recorder **ret_recorder, struct failure *failure)
{
	struct record_begin begin = { .version = RECORD_VERSION, .byte_order = RECORD_BYTE_ORDER };
	_cleanup_(recorder_freep) struct recorder *recorder = calloc(1, sizeof(*recorder));
	int r;

	if (!recorder)
		return failure_set(failure, -ENOMEM, "out of memory");
	memcpy(begin.magic, RECORD_MAGIC, sizeof(begin.magic));
	recorder->begin_us = clock_us();
	recorder->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = recorder->fd < 0 ? -errno : 0;
	if (r < 0)
		return failure_set(failure, r, "cannot record to %s: %s%s", path, strerror(-r),
				   r == -EEXIST ? "; name a new file" : "");
	recorder->length = sizeof(begin);
	if (write(recorder->fd, &begin, sizeof(begin)) != (ssize_t)sizeof(begin))
		return failure_set(failure, -EIO, "cannot record to %s", path);
	nl_wire_observe(on_datagram, recorder);
	*ret_recorder = steal_ptr(recorder);
	return 0;
}

/* Ends the record; NULL will do. Returns NULL. */
struct recorder *recorder_free(struct recorder *recorder)
{
	if (recorder) {
		nl_wire_observe(NULL, NULL);
		add(recorder, RECORD_END, 0, NULL, 0);
		fd_close(recorder->fd);
		free(recorder);
	}
	return NULL;
}

/* Adds a record that is no datagram. */
void recorder_add(struct recorder *recorder, enum record_kind kind, const void *bytes, size_t length)
{
	if (recorder)
		add(recorder, kind, 0, bytes, length);
}

/* What was done otherwise than by netlink: RECORD_VALUE has the words. @error is negative, or 0. */
void recorder_add_value(struct recorder *recorder, const char *what, const char *path, int value, int error)
{
	char text[128];
	int n;

	if (!recorder)
		return;
	n = snprintf(text, sizeof(text), "%s %s %d %d", what, path, error < 0 ? 0 : value, error);
	if (n > 0 && (size_t)n < sizeof(text))
		recorder_add(recorder, RECORD_VALUE, text, (size_t)n);
}

/* A look at @parts begins: what it does depends on all of this. */
void recorder_add_look(struct recorder *recorder, const struct kernel *kernel, unsigned int parts)
{
	char text[1024];
	int n;

	if (!recorder)
		return;
	n = snprintf(text, sizeof(text), "parts %u dirt %u overlap %d dirt-generation %u generation %u read %u checksums %d tc %d "
		     "queue %d owner %d route-port %u nft-port %u links %u", parts, kernel->dirt.parts, kernel->dirt.overlap,
		     kernel->dirt.generation, kernel->generation, kernel->read_generation, kernel->checksums_changed,
		     kernel->tc_used | kernel->shapers_used << 1 | kernel->proxies_used << 2 | kernel->remotes_used << 3 |
			     kernel->counters_needed << 4,
		     kernel->queue_native, kernel->owner_tables, kernel->rtnl.port, kernel->nft.port, kernel->dirt.n_links);
	/* Below 0: with all of its routes. */
	for (unsigned int i = 0; i < kernel->dirt.n_links; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %d", kernel->dirt.routed[i] ? -kernel->dirt.links[i] : kernel->dirt.links[i]);
	recorder_add(recorder, RECORD_LOOK, text, (size_t)n);
}
