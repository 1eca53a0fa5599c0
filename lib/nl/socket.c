/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the kernel over netlink, by libmnl.
 * System calls; no decisions.
 *
 * mnl_cb_run() stops in the middle of a buffer at the first error, and at a dump that was interrupted;
 * what is left would be taken for the answer to the next request. So the loop over messages is our own,
 * and always reads to the end of the dump.
 */
#include "socket.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "../util.h"
#include "wire.h"

/* Closes and frees; NULL will do. Returns NULL. */
struct mnl_socket *nlsocket_free(struct mnl_socket *socket)
{
	if (socket) {
		int saved = errno;

		mnl_socket_close(socket);
		errno = saved;
	}
	return NULL;
}

/* Opens a socket of a netlink protocol in the network namespace of the process. Owned by the caller. */
int nlsocket_open(int protocol, struct mnl_socket **ret_socket)
{
	_cleanup_(nlsocket_freep) struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	*ret_socket = steal_ptr(socket);
	return 0;
}

struct dump {
	uint32_t sequence;
	int (*each)(const struct nlmsghdr *message, void *data);
	void *data;
	bool done;
	bool interrupted;
	int result;		/* the first failure of @each: the rest is read all the same */
};

/* The end of a dump: of all that there is, or of what could be had before an error (net/netlink/af_netlink.c: netlink_dump_done()). */
static int read_end(const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	return error < 0 ? error : 0;
}

/* Works through one datagram. Negative when the dump as a whole has failed. */
static int read_messages(struct dump *dump, const void *buffer, size_t length)
{
	const struct nlmsghdr *message = buffer;
	int left = (int)length, r = 0;

	for (; r == 0 && !dump->done && mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != dump->sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			dump->interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

			if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
				return -EPROTO;
			return error->error < 0 ? error->error : -EPROTO;
		}
		if (message->nlmsg_type == NLMSG_DONE) {
			dump->done = true;
			r = read_end(message);
		} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && dump->result == 0) {
			dump->result = dump->each(message, dump->data);
		}
	}
	return r;
}

/*
 * Sends a dump request and calls @each for every object. -EINTR when the kernel's tables changed
 * meanwhile, so that the dump may lack something: forget what was read and ask again. Otherwise the
 * first negative return of @each, -EMSGSIZE and -EPROTO for answers that are not as they should be, or
 * what the kernel and the system calls say. -ECANCELED of @each ends it at once: the kernel goes on with its dump, and
 * the socket is good for no other one.
 */
int nlsocket_dump(struct mnl_socket *socket, struct nlmsghdr *request,
		  int (*each)(const struct nlmsghdr *message, void *data), void *data)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[32768];	/* the kernel makes no larger part of a dump */
	struct dump dump = { .sequence = request->nlmsg_seq + 1, .each = each, .data = data };
	size_t length = 0;
	int r;

	/* A number per attempt: what is left of an older dump is not taken for this one's. */
	request->nlmsg_seq = dump.sequence;
	r = nl_wire_send(mnl_socket_get_fd(socket), request, request->nlmsg_len);
	if (r < 0)
		return r;

	while (!dump.done && dump.result != -ECANCELED) {
		r = nl_wire_receive(mnl_socket_get_fd(socket), NL_WIRE_ANSWER, 0, buffer, sizeof(buffer), &length);
		if (r == -EINTR)
			continue;
		if (r < 0)
			return r;
		r = read_messages(&dump, buffer, length);
		if (r < 0)
			return r;
	}
	return dump.interrupted && dump.done ? -EINTR : dump.result;
}
