/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sockets hold a port, and whether it can be had.
 * Reads from the kernel (sock_diag(7)), and binds sockets that are closed again at once.
 */
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "../../lib/nl/batch.h"

/* TCP_LISTEN and TCP_CLOSE of the kernel's net/tcp_states.h; a UDP socket that is not connected is in the latter. */
#define STATE_LISTEN	10
#define STATE_CLOSE	7

void socket_list_deinit(struct socket_list *list)
{
	free(list->items);
	*list = SOCKET_LIST_NULL;
}

static uint64_t read_cgroup(const struct nlmsghdr *message)
{
	const struct nlattr *table[INET_DIAG_CGROUP_ID + 1];
	uint64_t id = 0;

	if (nl_parse(message, sizeof(struct inet_diag_msg), table, ARRAY_SIZE(table)) &&
	    !nl_get(table[INET_DIAG_CGROUP_ID], &id, sizeof(id)))
		return 0;
	return id;
}

struct reading {
	struct socket_list *list;
	uint8_t protocol;
};

static int each_socket(const struct nlmsghdr *message, void *data)
{
	const struct reading *reading = data;
	struct socket_list *list = reading->list;
	struct socket_entry entry = { .protocol = reading->protocol }, *items;
	struct inet_diag_msg socket;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(socket)))
		return -EPROTO;
	memcpy(&socket, NLMSG_DATA(message), sizeof(socket));
	entry.address.family = socket.idiag_family;
	memcpy(entry.address.bytes_be, socket.id.idiag_src, socket.idiag_family == AF_INET ? 4 : 16);
	entry.port = ntohs(socket.id.idiag_sport);
	entry.ifindex = (int)socket.id.idiag_if;
	entry.uid = socket.idiag_uid;
	entry.inode = socket.idiag_inode;
	entry.cgroup = read_cgroup(message);

	/* What is beyond the limit can only be missed as somebody to name. */
	if (list->n >= LIMIT_SOCKETS)
		return 0;
	items = array_grow(list->items, list->n, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->n++] = entry;
	return 0;
}

/*
 * Appends to @list the sockets of this network namespace that hold @port: IPv4 and IPv6, bound for UDP, listening
 * for TCP. The kernel tells everybody of all of them. Negative when it cannot tell at all (no sock_diag).
 */
int sockets_read(uint8_t protocol, uint16_t port, struct socket_list *list)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	_cleanup_(nl_channel_deinit) struct nl_channel channel = NL_CHANNEL_NULL;
	struct reading reading = { list, protocol };
	int r;

	r = nl_channel_open(NETLINK_SOCK_DIAG, &channel);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct inet_diag_req_v2 header = {
			.sdiag_family = families[i],
			.sdiag_protocol = protocol,
			.idiag_states = protocol == IPPROTO_TCP ? 1U << STATE_LISTEN : 1U << STATE_CLOSE,
			.id.idiag_sport = htons(port),	/* the kernel skips all others: inet_diag, udp_diag */
		};

		nl_begin(&request, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&channel, &request, each_socket, &reading);
		if (r == -EINTR)
			r = 0;	/* one that came or went meanwhile: the next look sees it */
		if (r == -ENOENT && families[i] == AF_INET6)
			r = 0;	/* a kernel without IPv6 */
	}
	return r;
}

/*
 * Could a server like dnsmasq have this port now? Tried with the options that it sets: the kernel knows its own
 * rules best. 0 when it could, or when only a try would tell; -EADDRINUSE when somebody else holds it.
 */
int socket_try(uint8_t protocol, const struct ip *address, uint16_t port)
{
	const int type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, one = 1;
	_cleanup_(fd_closep) int fd = socket(address->family, type | SOCK_CLOEXEC, protocol);
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const bool is_v4 = address->family == AF_INET;

	if (fd < 0)
		return 0;
	memcpy(&v4.sin_addr, address->bytes_be, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, address->bytes_be, sizeof(v6.sin6_addr));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Of the DHCP port dnsmasq has one per network; those of its own user share it. */
	if (protocol == IPPROTO_UDP && port == 67)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (!is_v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof(v4) : sizeof(v6)) < 0 ||
	    (protocol == IPPROTO_TCP && listen(fd, 1) < 0))
		return errno == EADDRINUSE ? -EADDRINUSE : 0;
	return 0;
}
