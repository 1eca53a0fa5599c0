/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libraries share that are preloaded to make the kernel look like one that has less: each message to it passes by
 * plain_change() of the one that includes this, which may turn it into one that no kernel knows. So the kernel itself refuses.
 */
#pragma once

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLAIN_NFT(type)	(NFNL_SUBSYS_NFTABLES << 8 | (type))

/* May change a message to the kernel, a copy. @protocol is NETLINK_ROUTE or NETLINK_NETFILTER. */
static void plain_change(struct nlmsghdr *message, int protocol);

/* The attribute of that type behind a header of so many bytes, with room for its value: @size bytes. NULL: none. */
static inline void *plain_find(struct nlmsghdr *message, size_t header_size, int type, size_t size)
{
	char *bytes = (char *)message;

	for (size_t at = NLMSG_LENGTH(NLMSG_ALIGN(header_size)); at + NLA_HDRLEN <= message->nlmsg_len;) {
		struct nlattr *attribute = (struct nlattr *)(bytes + at);

		if (attribute->nla_len < NLA_HDRLEN || at + attribute->nla_len > message->nlmsg_len)
			return NULL;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute->nla_len >= NLA_HDRLEN + size ? bytes + at + NLA_HDRLEN : NULL;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return NULL;
}

/* The kernel is to refuse this message to nf_tables. */
static inline void plain_refuse(struct nlmsghdr *message)
{
	message->nlmsg_type = PLAIN_NFT(0xf0);
}

/* What the program under test sends all of its netlink messages with. */
ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *address, socklen_t address_length)
{
	int domain = 0, protocol = 0;
	socklen_t size = sizeof(int);
	char *copy = NULL;
	ssize_t n;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
	if (domain == AF_NETLINK && (protocol == NETLINK_ROUTE || protocol == NETLINK_NETFILTER) && (copy = malloc(length))) {
		struct nlmsghdr *message = memcpy(copy, bytes, length);
		int left = (int)length;

		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			plain_change(message, protocol);
	}
	n = syscall(SYS_sendto, fd, copy ? copy : bytes, length, flags, address, address_length);
	free(copy);
	return n;
}
