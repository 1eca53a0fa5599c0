/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matches and targets of iptables inside rules of nftables.
 * Pure: no system calls.
 *
 * Those that docker, ufw, firewalld and people use for what matters here; each is the kernel's net/netfilter/xt_NAME.c
 * for a packet without options, marks and labels.
 */
#include "xt.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <string.h>

#include "../../lib/util.h"

static enum xt_answer answer(bool yes)
{
	return yes ? XT_YES : XT_NO;
}

/* The bit of a connection's state, as nft and iptables have it: 2 established, 8 new. */
static unsigned int state_bit(const struct packet *packet)
{
	return packet->established ? 2 : 8;
}

static enum xt_answer match_conntrack(const struct packet_fib *fib _unused_, const struct packet *packet, const void *info,
				      size_t length)
{
	const unsigned int known = XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS | XT_CONNTRACK_DIRECTION;
	unsigned int flags, inverted, states;

	if (length >= sizeof(struct xt_conntrack_mtinfo2)) {	/* the third is longer at its end */
		const struct xt_conntrack_mtinfo2 *match = info;

		flags = match->match_flags;
		inverted = match->invert_flags;
		states = match->state_mask;
	} else if (length >= sizeof(struct xt_conntrack_mtinfo1)) {
		const struct xt_conntrack_mtinfo1 *match = info;

		flags = match->match_flags;
		inverted = match->invert_flags;
		states = match->state_mask;
	} else {
		return XT_UNSURE;
	}
	if (flags & XT_CONNTRACK_DIRECTION && packet->reply ^ !!(inverted & XT_CONNTRACK_DIRECTION))
		return XT_NO;
	if (flags & XT_CONNTRACK_STATE) {
		unsigned int bits = state_bit(packet);

		if (packet->translated)
			bits |= XT_CONNTRACK_STATE_DNAT;
		if (!(bits & states) ^ !!(inverted & XT_CONNTRACK_STATE))
			return XT_NO;
	}
	return flags & ~known ? XT_UNSURE : XT_YES;
}

static enum xt_answer match_state(const struct packet_fib *fib _unused_, const struct packet *packet, const void *info,
				  size_t length)
{
	const struct xt_state_info *match = info;

	return length < sizeof(*match) ? XT_UNSURE : answer(match->statemask & state_bit(packet));
}

static bool in_range(uint16_t port, const uint16_t range[2], bool inverted)
{
	return (port >= range[0] && port <= range[1]) ^ inverted;
}

static enum xt_answer match_tcp(const struct packet_fib *fib _unused_, const struct packet *packet, const void *info,
				size_t length)
{
	const struct xt_tcp *match = info;
	const uint8_t flags = packet->established ? 0x10 : 0x02;	/* ACK, SYN */

	if (length < sizeof(*match))
		return XT_UNSURE;
	if (packet->protocol != IPPROTO_TCP ||
	    !in_range(packet->source_port, match->spts, match->invflags & XT_TCP_INV_SRCPT) ||
	    !in_range(packet->target_port, match->dpts, match->invflags & XT_TCP_INV_DSTPT) ||
	    ((flags & match->flg_mask) == match->flg_cmp) == !!(match->invflags & XT_TCP_INV_FLAGS))
		return XT_NO;
	return match->option ? XT_UNSURE : XT_YES;
}

static enum xt_answer match_udp(const struct packet_fib *fib _unused_, const struct packet *packet, const void *info,
				size_t length)
{
	const struct xt_udp *match = info;

	if (length < sizeof(*match))
		return XT_UNSURE;
	return answer(packet->protocol == IPPROTO_UDP &&
		      in_range(packet->source_port, match->spts, match->invflags & XT_UDP_INV_SRCPT) &&
		      in_range(packet->target_port, match->dpts, match->invflags & XT_UDP_INV_DSTPT));
}

/* include/uapi/linux/netfilter_ipv4/ip_tables.h, struct ipt_icmp; ip6t_icmp is the same. */
struct icmp_match {
	uint8_t type, code[2], invflags;
};

static enum xt_answer match_icmp(const struct packet_fib *fib _unused_, const struct packet *packet, const void *info,
				 size_t length)
{
	const struct icmp_match *match = info;

	if (length < sizeof(*match))
		return XT_UNSURE;
	if (packet->protocol != IPPROTO_ICMP && packet->protocol != IPPROTO_ICMPV6)
		return XT_NO;
	return answer((match->type == 0xff ||
		       (match->type == packet->source_port && match->code[0] <= packet->target_port &&
			match->code[1] >= packet->target_port)) ^ !!(match->invflags & 1));
}

static enum xt_answer match_multiport(const struct packet_fib *fib _unused_, const struct packet *packet, const void *info,
				      size_t length)
{
	const struct xt_multiport_v1 *match = info;
	bool found = false;

	if (length < sizeof(*match) || match->count > XT_MULTI_PORTS)
		return XT_UNSURE;
	for (unsigned int i = 0; i < match->count; i++) {
		uint16_t range[2] = { match->ports[i], match->ports[i] };

		if (match->pflags[i] && i + 1 < match->count)
			range[1] = match->ports[++i];
		if (match->flags != XT_MULTIPORT_DESTINATION)
			found |= in_range(packet->source_port, range, false);
		if (match->flags != XT_MULTIPORT_SOURCE)
			found |= in_range(packet->target_port, range, false);
	}
	return answer(found ^ match->invert);
}

static enum xt_answer match_addrtype(const struct packet_fib *fib, const struct packet *packet, const void *info, size_t length)
{
	const struct xt_addrtype_info_v1 *match = info;
	uint32_t type, interface = 0;

	if (length < sizeof(*match) || !fib->ask)
		return XT_UNSURE;
	if (match->flags & XT_ADDRTYPE_LIMIT_IFACE_IN)
		interface = NFTA_FIB_F_IIF;
	if (match->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT)
		interface = NFTA_FIB_F_OIF;
	if (match->source) {
		if (!fib->ask(fib->data, packet, NFTA_FIB_F_SADDR | interface, NFT_FIB_RESULT_ADDRTYPE, &type))
			return XT_UNSURE;
		if (!(match->source >> type & 1) ^ !!(match->flags & XT_ADDRTYPE_INVERT_SOURCE))
			return XT_NO;
	}
	if (match->dest) {
		if (!fib->ask(fib->data, packet, NFTA_FIB_F_DADDR | interface, NFT_FIB_RESULT_ADDRTYPE, &type))
			return XT_UNSURE;
		if (!(match->dest >> type & 1) ^ !!(match->flags & XT_ADDRTYPE_INVERT_DEST))
			return XT_NO;
	}
	return XT_YES;
}

/* Which ports of the bridge is not known here; whether it is bridged, is. */
static enum xt_answer match_physdev(const struct packet_fib *fib _unused_, const struct packet *packet, const void *info,
				    size_t length)
{
	const struct xt_physdev_info *match = info;
	unsigned int simple = XT_PHYSDEV_OP_BRIDGED | XT_PHYSDEV_OP_ISIN | XT_PHYSDEV_OP_ISOUT;

	if (length < sizeof(*match) || (packet->bridged && match->bitmask & ~simple))
		return XT_UNSURE;
	if (!packet->bridged)
		return answer(match->invert == (match->bitmask & XT_PHYSDEV_OP_MASK));
	return answer((match->invert & simple) == 0);
}

static enum xt_answer match_mark(const struct packet_fib *fib _unused_, const struct packet *packet _unused_, const void *info,
				 size_t length)
{
	const struct xt_mark_mtinfo1 *match = info;

	return length < sizeof(*match) ? XT_UNSURE : answer((match->mark == 0) ^ match->invert);
}

/* Is the way back to where it comes from the one by which it came? */
static enum xt_answer match_rpfilter(const struct packet_fib *fib, const struct packet *packet, const void *info, size_t length)
{
	const struct xt_rpfilter_info *match = info;
	uint32_t oif;

	if (length < sizeof(*match) || !fib->ask ||
	    !fib->ask(fib->data, packet, NFTA_FIB_F_SADDR | (match->flags & XT_RPFILTER_LOOSE ? 0 : NFTA_FIB_F_IIF), NFT_FIB_RESULT_OIF, &oif))
		return XT_UNSURE;
	return answer((oif != 0) ^ !!(match->flags & XT_RPFILTER_INVERT));
}

static enum xt_answer match_always(const struct packet_fib *fib _unused_, const struct packet *packet _unused_,
				   const void *info _unused_, size_t length _unused_)
{
	return XT_YES;
}

static const struct {
	const char *name;
	enum xt_answer (*match)(const struct packet_fib *fib, const struct packet *packet, const void *info, size_t length);
} matches[] = {
	{ "addrtype", match_addrtype }, { "comment", match_always }, { "conntrack", match_conntrack },
	{ "icmp", match_icmp }, { "icmp6", match_icmp }, { "limit", match_always }, { "mark", match_mark },
	{ "multiport", match_multiport }, { "physdev", match_physdev }, { "rpfilter", match_rpfilter }, { "state", match_state },
	{ "tcp", match_tcp }, { "udp", match_udp },
};

/* Does the packet match? A limit is thought of as not reached. */
enum xt_answer xt_match(const struct packet_fib *fib, const struct packet *packet, const char *name, const void *info,
			size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++)
		if (strcmp(name, matches[i].name) == 0)
			return matches[i].match(fib, packet, info, length);
	return XT_UNSURE;
}

static bool read_target(struct packet *packet, uint32_t revision, const void *info, size_t length)
{
	if (revision == 0 && packet->family == AF_INET) {
		const struct nf_nat_ipv4_multi_range_compat *range = info;

		if (length < sizeof(*range))
			return false;
		if (range->range[0].flags & NF_NAT_RANGE_MAP_IPS)
			memcpy(packet->target, &range->range[0].min_ip, 4);
		if (range->range[0].flags & NF_NAT_RANGE_PROTO_SPECIFIED)
			packet->target_port = ntohs(range->range[0].min.all);
	} else {
		const struct nf_nat_range *range = info;	/* of the second kind: the same, and more behind */

		if (length < sizeof(*range))
			return false;
		if (range->flags & NF_NAT_RANGE_MAP_IPS)
			memcpy(packet->target, &range->min_addr, packet_address_length(packet));
		if (range->flags & NF_NAT_RANGE_PROTO_SPECIFIED)
			packet->target_port = ntohs(range->min_proto.all);
	}
	packet->translated = true;
	return true;
}

/* What a target does; one that translates the packet's target changes @packet. */
enum xt_effect xt_target(struct packet *packet, const char *name, uint32_t revision, const void *info, size_t length)
{
	static const char *const harmless[] = { "LOG", "NFLOG", "CHECKSUM", "TCPMSS", "MARK", "CONNMARK", "CLASSIFY", "TRACE", "CT" };

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (strcmp(name, harmless[i]) == 0)
			return XT_CONTINUE;
	if (strcmp(name, "REJECT") == 0)
		return XT_DROPS;
	if (strcmp(name, "MASQUERADE") == 0 || strcmp(name, "SNAT") == 0)
		return XT_TRANSLATES;
	if (strcmp(name, "DNAT") == 0)
		return read_target(packet, revision, info, length) ? XT_TRANSLATES : XT_UNKNOWN;
	return XT_UNKNOWN;
}
