// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded: the kernel looks like one without rules for bridges (CONFIG_NF_TABLES_BRIDGE). Such a kernel refuses tables of that
 * family (nf_tables_api.c:nft_supported_family()) or, before Linux 6.2, their chains alone: with HOLLOW_TABLES in the
 * environment. With NO_CHECKSUM it has no target CHECKSUM: rules in a table mangle are refused. None of this any more once
 * there is the file that MODULES_CAME names. The kernel itself answers, to a message that is turned into one that it does not
 * know.
 */
#include <linux/netfilter.h>
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

static bool is_refused(const struct nlmsghdr *message)
{
	const struct nfgenmsg *header = NLMSG_DATA(message);
	int type = message->nlmsg_type - (NFNL_SUBSYS_NFTABLES << 8);

	if (getenv("MODULES_CAME") && access(getenv("MODULES_CAME"), F_OK) == 0)
		return false;
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return false;
	if (type == NFT_MSG_NEWRULE && getenv("NO_CHECKSUM"))
		return strcmp((const char *)(header + 1) + NLA_HDRLEN, "mangle") == 0;	/* the first attribute: NFTA_RULE_TABLE */
	if (header->nfgen_family != NFPROTO_BRIDGE)
		return false;
	return type == NFT_MSG_NEWCHAIN || (type == NFT_MSG_NEWTABLE && !getenv("HOLLOW_TABLES"));
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
			if (is_refused(message))
				message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | 0xf0;
	}
	n = syscall(SYS_sendto, fd, copy ? copy : bytes, length, flags, address, address_length);
	free(copy);
	return n;
}
