// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded: the kernel looks like one without tables that have an owner and persist (before Linux 6.9). A table with such
 * flags is answered as that kernel would; what else is sent is left as it is.
 */
#include "plain.h"

#define NEW_FLAGS	0x6	/* NFT_TABLE_F_OWNER, NFT_TABLE_F_PERSIST */

static void plain_change(struct nlmsghdr *message, int protocol)
{
	const uint8_t *flags_be;

	if (protocol != NETLINK_NETFILTER || message->nlmsg_type != PLAIN_NFT(NFT_MSG_NEWTABLE))
		return;
	flags_be = plain_find(message, sizeof(struct nfgenmsg), NFTA_TABLE_FLAGS, sizeof(uint32_t));
	if (flags_be && flags_be[3] & NEW_FLAGS)
		plain_refuse(message);
}
