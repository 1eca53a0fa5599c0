/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first byte chooses; the rest is
 *	0  attributes, walked with everything in them, and an RTM_NEWLINK for bridge_read()
 *	1  what the kernel answers to a request of two messages: datagrams, two bytes of length before each
 *	2  what it answers to a dump of links
 *	3  what it answers where a bridge is resolved by name
 *
 * The fake kernel is one end of a socket pair in the place of the netlink socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../helper/bridge.h"
#include "../../helper/rtnetlink.h"
#include "../../lib/str.h"
#include "fuzz.h"

static volatile unsigned int sink;

static void walk(struct rtnl_attributes attributes, unsigned int depth)
{
	struct rtnl_attribute attribute;
	size_t left = attributes.left;

	while (rtnl_next(&attributes, &attribute)) {
		const char *string = rtnl_get_string(&attribute);
		uint32_t u32;
		uint16_t u16;
		uint8_t u8;

		must(attributes.left < left);
		left = attributes.left;
		for (size_t i = 0; i < attribute.length; i++)
			sink += attribute.data[i];
		must(rtnl_get_u8(&attribute, &u8) == (attribute.length == 1));
		must(rtnl_get_u16(&attribute, &u16) == (attribute.length == 2));
		must(rtnl_get_u32(&attribute, &u32) == (attribute.length == 4));
		must(!string || strlen(string) < attribute.length);
		if (depth < 3)
			walk(rtnl_nested(&attribute), depth + 1);
	}
}

static void verify_bridge(const struct bridge *bridge)
{
	must(bridge->n_names >= 1 && bridge->n_names <= BRIDGE_NAMES);
	for (size_t i = 0; i < bridge->n_names; i++) {
		must(bridge->names[i] >= bridge->text);
		must(bridge->names[i] + strlen(bridge->names[i]) < bridge->text + sizeof(bridge->text));
	}
}

static void read_link(const uint8_t *data, size_t size)
{
	const struct rtnl_reply reply = { .type = RTM_NEWLINK, .payload = data, .length = size, .text = "" };
	struct bridge bridge;
	char kind[32];
	int r;

	r = bridge_read(&reply, &bridge, kind, sizeof(kind));
	must(r == 0 || r == -EPROTO || r == -E2BIG);
	if (r == 0) {
		must(strlen(kind) < sizeof(kind));
		verify_bridge(&bridge);
	}
	walk(rtnl_attributes(&reply, sizeof(struct ifinfomsg)), 0);
	walk((struct rtnl_attributes){ data, size }, 0);
}

static struct rtnl *open_fake(int *ret_kernel_fd)
{
	struct rtnl *rtnl = NULL;
	int fds[2], rtnl_fd;

	/* The lowest free fd is the one that rtnl_open() will get. */
	rtnl_fd = dup(STDERR_FILENO);
	close(rtnl_fd);
	must(rtnl_open(&rtnl) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	must(dup3(fds[0], rtnl_fd, O_CLOEXEC) == rtnl_fd);
	close(fds[0]);
	*ret_kernel_fd = fds[1];
	return rtnl;
}

static void answer(int kernel_fd, const uint8_t *data, size_t size)
{
	for (int n = 0; n < 40 && size > 2; n++) {
		size_t length = (size_t)data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		if (length > 0 && send(kernel_fd, data, length, MSG_DONTWAIT) < 0)
			return;
		data += length;
		size -= length;
	}
}

static int each_link(const struct rtnl_reply *reply, void *data _unused_)
{
	for (size_t i = 0; i < reply->length; i++)
		sink += reply->payload[i];
	if (reply->type == RTM_NEWLINK)
		read_link(reply->payload, reply->length);
	return 0;
}

static int each_bridge(const struct bridge *bridge, void *data _unused_)
{
	verify_bridge(bridge);
	return 0;
}

static void transact(struct rtnl *rtnl)
{
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	size_t n;

	rtnl_begin(&request);
	rtnl_message(&request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	rtnl_message(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	if (rtnl_transact(rtnl, &request, &replies, &n) < 0)
		return;

	must(n >= 1 && n <= RTNL_REPLIES);
	must(replies[n - 1].type == NLMSG_ERROR && replies[n - 1].message == 1);
	for (size_t i = 0; i < n; i++) {
		sink += (unsigned int)strlen(replies[i].text);
		each_link(&replies[i], NULL);
	}
}

static void dump(struct rtnl *rtnl)
{
	struct rtnl_request request;

	rtnl_begin(&request);
	rtnl_message(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	(void)rtnl_dump(rtnl, &request, each_link, NULL);
	(void)bridge_each(rtnl, each_bridge, NULL);
}

static void resolve(struct rtnl *rtnl)
{
	struct failure failure = { 0 };
	struct bridge bridge;
	int r;

	r = bridge_resolve(rtnl, "br0", &bridge, &failure);
	must((r < 0 && r != -ENODEV) == (failure.text[0] != '\0'));
	for (const char *p = failure.text; *p; p++)
		must(*p >= 0x20 && *p < 0x7f);
	if (r == 0)
		verify_bridge(&bridge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void (*const calls[])(struct rtnl *rtnl) = { NULL, transact, dump, resolve };
	unsigned int choice;
	struct rtnl *rtnl;
	int kernel_fd;

	if (size == 0)
		return 0;
	choice = data[0] % 4;
	if (choice == 0) {
		/* The kernel's messages are aligned; a copy is, and ends where the input does. */
		uint8_t *copy = malloc(size - 1 ? size - 1 : 1);

		must(copy);
		memcpy(copy, data + 1, size - 1);
		read_link(copy, size - 1);
		free(copy);
		return 0;
	}

	rtnl = open_fake(&kernel_fd);
	answer(kernel_fd, data + 1, size - 1);
	calls[choice](rtnl);
	rtnl_free(rtnl);
	close(kernel_fd);
	return 0;
}
