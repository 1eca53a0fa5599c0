/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: on which port of a bridge an Ethernet address is, and which one has an IP address.
 * Reads; decides nothing. Event loop context.
 *
 * The kernel tells of every change in every neighbour table of the host, and of each step of an entry's life. Of
 * interest is very little of it, and the rest is dropped by a socket filter before it can wake anybody:
 *
 * - of forwarding tables, what was learnt: br_fdb_update() tells of a new address and of one that has moved, and of
 *   nothing when a known one goes on sending;
 * - of IP neighbours, those that have become NUD_STALE: a guest's own request moves its address to it in that state
 *   (arp_process(), neigh_event_ns()), whereas an entry that is in use goes from reachable through probe to
 *   reachable again. What remains is one event when an entry has not been used for a while.
 *
 * Both only on bridges of ours.
 */
#include "neighbours.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/nl/socket.h"
#include "../../lib/util.h"

#define QUEUE_SIZE	(256 * 1024)
#define BUFFER_SIZE	(32 * 1024)
#define READ_LIMIT	64

/* So many bridges fit into a filter; with more of them it lets those of other bridges through, too. */
#define FILTER_BRIDGES	1024
#define FILTER_FIXED	20

#define AT_TYPE		offsetof(struct nlmsghdr, nlmsg_type)
#define AT_FAMILY	(NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_family))
#define AT_INDEX	(NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_ifindex))
#define AT_STATE	(NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_state))
#define AT_ATTRIBUTES	(NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ndmsg)))

/*
 * Lets through only what concerns these bridges, by index. Numbers stand in messages in the host's byte order, and
 * a filter loads them as if they were big-endian.
 */
int neighbours_limit(struct mnl_socket *socket, const int *bridges, size_t n)
{
	const struct sock_filter fixed[FILTER_FIXED] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_TYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWNEIGH), 0, 11),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_FAMILY),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 7),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_STATE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NUD_STALE), 0, 5),
		BPF_STMT(BPF_JMP | BPF_JA, 9),			/* to the index of an IP neighbour: 18 */
		/* A forwarding entry: learnt, not made by hand; its bridge is in the attribute NDA_MASTER. */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_STATE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NUD_REACHABLE), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NUD_STALE), 2, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_IMM, AT_ATTRIBUTES),
		BPF_STMT(BPF_LDX | BPF_IMM, NDA_MASTER),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
		BPF_STMT(BPF_JMP | BPF_JA, 1),			/* with its offset, 0 when there is none: 19 */
		BPF_STMT(BPF_LD | BPF_IMM, AT_INDEX - sizeof(struct nlattr)),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
	};
	_cleanup_(freep) struct sock_filter *code = calloc(FILTER_FIXED + 2 * FILTER_BRIDGES + 3, sizeof(*code));
	struct sock_fprog program = { .filter = code };
	size_t length = FILTER_FIXED;

	if (!code)
		return -ENOMEM;
	memcpy(code, fixed, sizeof(fixed));
	if (n > FILTER_BRIDGES) {
		code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	} else {
		code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr));
		for (size_t i = 0; i < n; i++) {
			code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)bridges[i]), 0, 1);
			code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
		}
		code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	}
	program.len = (unsigned short)length;
	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

/* A socket for events, of no bridge at first. Owned by the caller: nlsocket_free(). */
int neighbours_open(struct mnl_socket **ret_socket)
{
	_cleanup_(nlsocket_freep) struct mnl_socket *socket = NULL;
	const int group = RTNLGRP_NEIGH, size = QUEUE_SIZE;
	int r;

	r = nlsocket_open(NETLINK_ROUTE, &socket);
	if (r == 0)
		r = neighbours_limit(socket, NULL, 0);
	if (r < 0)
		return r;
	(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(mnl_socket_get_fd(socket), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	*ret_socket = steal_ptr(socket);
	return 0;
}

/* Borrowed. */
int neighbours_fd(const struct mnl_socket *socket)
{
	return mnl_socket_get_fd(socket);
}

/* One RTM_NEWNEIGH. -ENOENT for what says nothing of interest. */
int neighbours_decode(const struct nlmsghdr *message, struct neighbour *ret_neighbour)
{
	const struct nlattr *table[NDA_MAX + 1];
	struct neighbour neighbour;
	struct ndmsg header;
	size_t length;

	memset(&neighbour, 0, sizeof(neighbour));
	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -ENOENT;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if (!nl_get(table[NDA_LLADDR], &neighbour.mac, sizeof(neighbour.mac)))
		return -ENOENT;
	if (header.ndm_family == AF_BRIDGE) {
		neighbour.bridge = (int)nl_get_u32(table[NDA_MASTER], 0);
		neighbour.port = header.ndm_ifindex;
		neighbour.vlan = nl_get_u16(table[NDA_VLAN], 0);
	} else {
		length = header.ndm_family == AF_INET ? 4 : 16;
		neighbour.bridge = header.ndm_ifindex;
		neighbour.ip.family = header.ndm_family;
		if ((header.ndm_family != AF_INET && header.ndm_family != AF_INET6) ||
		    !nl_get(table[NDA_DST], neighbour.ip.bytes_be, length))
			return -ENOENT;
	}
	if (neighbour.bridge <= 0)
		return -ENOENT;
	*ret_neighbour = neighbour;
	return 0;
}

/*
 * Reads what has arrived, without waiting, but not without end. Events that the kernel had no room for are missing:
 * the next move says the same again.
 */
int neighbours_read(struct mnl_socket *socket, void (*each)(const struct neighbour *neighbour, void *data), void *data)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[BUFFER_SIZE];

	for (unsigned int i = 0; i < READ_LIMIT; i++) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		struct sockaddr_nl sender = { 0 };
		socklen_t size = sizeof(sender);
		ssize_t n = recvfrom(mnl_socket_get_fd(socket), buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&sender, &size);
		struct neighbour neighbour;
		int left = (int)n;

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return -errno;
		if (n < 0 || sender.nl_pid != 0)
			continue;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			if (neighbours_decode(message, &neighbour) == 0)
				each(&neighbour, data);
	}
	return 0;
}

static int take_port(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	struct neighbour neighbour;

	if (neighbours_decode(message, &neighbour) == 0 && neighbour.port)
		*(int *)data = neighbour.port;
	return 0;
}

/* The port that an Ethernet address was last seen on. -ENOENT when the bridge does not know it. */
int neighbours_find_port(struct kernel *kernel, int bridge, const struct mac *mac, int *ret_port)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ndmsg header = { .ndm_family = AF_BRIDGE };
	int port = 0, r;

	nl_begin(&request, RTM_GETNEIGH, 0, 0, &header, sizeof(header));
	nl_put_u32(&request, NDA_MASTER, (uint32_t)bridge);
	nl_put(&request, NDA_LLADDR, mac, sizeof(*mac));
	r = nl_transact(&kernel->rtnl, &request, take_port, &port);
	if (r < 0 || port == 0)
		return r < 0 ? r : -ENOENT;
	*ret_port = port;
	return 0;
}

struct learnt {
	int port;
	bool found;
	uint32_t age;			/* since it was last used */
	struct mac mac;
};

static int take_mac(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NDA_MAX + 1];
	struct nda_cacheinfo info = { .ndm_updated = UINT32_MAX };
	struct learnt *learnt = data;
	struct neighbour neighbour;
	struct ndmsg header;

	if (neighbours_decode(message, &neighbour) < 0 || neighbour.port != learnt->port)
		return 0;
	if (nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		nl_get(table[NDA_CACHEINFO], &info, sizeof(info));
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	/* The port's own address, and what was written by hand. */
	if (header.ndm_state & (NUD_PERMANENT | NUD_NOARP))
		return 0;
	if (learnt->found && learnt->age <= info.ndm_updated)
		return 0;
	learnt->found = true;
	learnt->age = info.ndm_updated;
	learnt->mac = neighbour.mac;
	return 0;
}

/* The Ethernet address that this port has used last. -ENOENT when the bridge knows none. */
int neighbours_find_mac(struct kernel *kernel, int bridge, int port, struct mac *ret_mac)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ndmsg header = { .ndm_family = AF_BRIDGE, .ndm_ifindex = port };
	struct learnt learnt = { .port = port };
	int r;

	nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
	nl_put_u32(&request, NDA_MASTER, (uint32_t)bridge);
	r = nl_dump(&kernel->rtnl, &request, take_mac, &learnt);
	if (r == 0 && learnt.found)
		*ret_mac = learnt.mac;
	return r < 0 ? r : learnt.found ? 0 : -ENOENT;
}

struct listed {
	struct neighbour *items;
	size_t n, max;
};

static int take_address(const struct nlmsghdr *message, void *data)
{
	struct listed *listed = data;
	struct neighbour neighbour;

	if (neighbours_decode(message, &neighbour) < 0 || !neighbour.ip.family)
		return 0;
	if (listed->n == listed->max) {
		size_t max = listed->max ? listed->max * 2 : 64;
		struct neighbour *grown = reallocarray(listed->items, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		listed->items = grown;
		listed->max = max;
	}
	listed->items[listed->n++] = neighbour;
	return 0;
}

/* The IP neighbours of the host whose Ethernet addresses are known, on whatever interface. The caller frees. */
int neighbours_list(struct kernel *kernel, struct neighbour **ret_neighbours, size_t *ret_n)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct listed listed = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct ndmsg header = { .ndm_family = families[i] };

		nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&kernel->rtnl, &request, take_address, &listed);
	}
	if (r < 0) {
		free(listed.items);
		return r;
	}
	*ret_neighbours = listed.items;
	*ret_n = listed.n;
	return 0;
}
