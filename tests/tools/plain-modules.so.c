// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded: the kernel looks like one that lacks modules. The environment says which:
 *
 *	NO_BRIDGES=tables|chains	rules for bridges (CONFIG_NF_TABLES_BRIDGE): tables of that family are refused
 *					(nf_tables_api.c:nft_supported_family()) or, as before Linux 6.2, their chains alone
 *	NO_CHECKSUM=1			the target CHECKSUM: rules in a table mangle are refused
 *	NO_LIMITS=1			limits in rules (CONFIG_NFT_LIMIT): sets whose elements have one are refused
 *	NO_QUEUES=1			queues that send at a rate (CONFIG_NET_SCH_TBF): another kind is asked for
 *	MODULES_CAME=FILE		none of this any more once there is this file
 */
#include "plain.h"

#include <linux/netfilter.h>
#include <linux/rtnetlink.h>

static bool lacks(const char *what)
{
	const char *came = getenv("MODULES_CAME");

	return getenv(what) && !(came && access(came, F_OK) == 0);
}

static bool is_refused(struct nlmsghdr *message)
{
	const struct nfgenmsg *header = NLMSG_DATA(message);
	const char *table;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return false;
	switch (message->nlmsg_type) {
	case PLAIN_NFT(NFT_MSG_NEWTABLE):
		return header->nfgen_family == NFPROTO_BRIDGE && lacks("NO_BRIDGES") && strcmp(getenv("NO_BRIDGES"), "tables") == 0;
	case PLAIN_NFT(NFT_MSG_NEWCHAIN):
		return header->nfgen_family == NFPROTO_BRIDGE && lacks("NO_BRIDGES");
	case PLAIN_NFT(NFT_MSG_NEWSET):
		return lacks("NO_LIMITS") && plain_find(message, sizeof(*header), NFTA_SET_EXPR, 0);
	case PLAIN_NFT(NFT_MSG_NEWRULE):
		table = plain_find(message, sizeof(*header), NFTA_RULE_TABLE, sizeof("mangle"));
		return lacks("NO_CHECKSUM") && table && strcmp(table, "mangle") == 0;
	}
	return false;
}

static void plain_change(struct nlmsghdr *message, int protocol)
{
	char *kind;

	if (protocol == NETLINK_NETFILTER && is_refused(message))
		plain_refuse(message);
	if (protocol != NETLINK_ROUTE || message->nlmsg_type != RTM_NEWQDISC || !lacks("NO_QUEUES"))
		return;
	kind = plain_find(message, sizeof(struct tcmsg), TCA_KIND, sizeof("tbf"));
	if (kind && strcmp(kind, "tbf") == 0)
		memcpy(kind, "no!", sizeof("no!"));
}
