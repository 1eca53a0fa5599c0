// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded: the kernel looks like one without tables that have an owner and persist (before Linux 6.9). A table with such flags is
 * answered as that kernel would, by turning its message into one that no kernel knows; what else is sent is left as it is.
 */
#include <errno.h>
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

#define NEW_FLAGS	0x6	/* NFT_TABLE_F_OWNER, NFT_TABLE_F_PERSIST */

static bool has_new_flags(const struct nlmsghdr *message)
{
	const char *bytes = (const char *)message;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE))
		return false;
	for (size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg)); at + sizeof(struct nlattr) <= message->nlmsg_len;) {
		const struct nlattr *attribute = (const struct nlattr *)(bytes + at);

		if ((attribute->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_FLAGS && attribute->nla_len == 8 && bytes[at + 7] & NEW_FLAGS)
			return true;
		if (attribute->nla_len < sizeof(*attribute))
			return false;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return false;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *address, socklen_t address_length)
{
	int domain = 0, protocol = 0;
	socklen_t size = sizeof(int);
	char *copy = NULL;
	ssize_t n;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
	if (domain == AF_NETLINK && protocol == NETLINK_NETFILTER && (copy = malloc(length))) {
		struct nlmsghdr *message = memcpy(copy, bytes, length);
		int left = (int)length;

		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			if (has_new_flags(message))
				message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | 0xf0;
	}
	n = syscall(SYS_sendto, fd, copy ? copy : bytes, length, flags, address, address_length);
	free(copy);
	return n;
}
