/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that the kernel remembers, by ctnetlink.
 * Acts; what is unwanted is the caller's decision.
 *
 * The rules are asked when a flow begins. One that began while they were missing, or before a permission was
 * taken away, goes on as it began; so it is deleted, and what follows of it begins anew under the present rules.
 * Never all of them: other flows of the host are not ours to interrupt.
 *
 * A TCP connection of the host itself would be remembered again, as one that the host has begun, with the next
 * segment that the host sends (net/netfilter/nf_conntrack_proto_tcp.c: loose). So its socket is ended first.
 */
#include "conntrack.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "sysctl.h"

#define ATTEMPTS	5

struct sweep {
	bool (*is_unwanted)(const struct flow *flow, void *data);
	void *data;
	struct nl_batch batch;
	struct nl_batch sockets;	/* asks for sockets of the host */
	struct nl_batch ends;		/* those that there are */
};

static bool read_address(const struct nlattr *attribute, uint8_t family, struct ip *ret_ip)
{
	ret_ip->family = family;
	return nl_get(attribute, ret_ip->bytes_be, family == AF_INET6 ? 16 : 4);
}

static uint16_t read_port(const struct nlattr *attribute)
{
	return ntohs(nl_get_u16(attribute, 0));
}

static bool read_tuple(const struct nlattr *attribute, uint8_t family, struct flow_tuple *tuple, uint8_t *ret_protocol,
		       uint16_t *zone)
{
	const struct nlattr *table[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
	bool v6 = family == AF_INET6;

	if (!nl_parse_nested(attribute, table, ARRAY_SIZE(table)) ||
	    !nl_parse_nested(table[CTA_TUPLE_IP], ip, ARRAY_SIZE(ip)) ||
	    !nl_parse_nested(table[CTA_TUPLE_PROTO], proto, ARRAY_SIZE(proto)) ||
	    !read_address(ip[v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC], family, &tuple->source) ||
	    !read_address(ip[v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST], family, &tuple->destination))
		return false;
	*zone |= ntohs(nl_get_u16(table[CTA_TUPLE_ZONE], 0));
	tuple->source_port = read_port(proto[CTA_PROTO_SRC_PORT]);
	tuple->destination_port = read_port(proto[CTA_PROTO_DST_PORT]);
	*ret_protocol = nl_get_u8(proto[CTA_PROTO_NUM], 0);
	return true;
}

/* delete this flow, and not one that has taken its place since: CTA_ID */
static void put_delete(struct nl_batch *batch, uint8_t family, const struct nlattr **table)
{
	static const uint16_t copied[] = { CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE };
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	nl_begin(batch, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, 0, &header, sizeof(header));
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		const struct nlattr *attribute = table[copied[i]];

		if (attribute)
			nl_put(batch, attribute->nla_type, nl_data(attribute), nl_length(attribute));
	}
}

static void put_socket(struct nl_batch *batch, const struct flow_tuple *reply)
{
	struct inet_diag_req_v2 request = { .sdiag_family = reply->source.family, .sdiag_protocol = IPPROTO_TCP };

	request.idiag_states = UINT32_MAX;
	memcpy(request.id.idiag_src, reply->source.bytes_be, sizeof(request.id.idiag_src));
	memcpy(request.id.idiag_dst, reply->destination.bytes_be, sizeof(request.id.idiag_dst));
	request.id.idiag_sport = htons(reply->source_port);
	request.id.idiag_dport = htons(reply->destination_port);
	request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	nl_begin(batch, SOCK_DIAG_BY_FAMILY, 0, (uint32_t)batch->n_entries, &request, sizeof(request));
}

/* The kernel answers with whoever would get the segment: that may be a listener, which has done nothing. */
static int each_socket(const struct nlmsghdr *message, uint32_t tag, void *data)
{
	struct inet_diag_req_v2 request;
	struct inet_diag_msg found;
	struct sweep *sweep = data;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(found)) || tag >= sweep->sockets.n_entries)
		return -EPROTO;
	memcpy(&found, NLMSG_DATA(message), sizeof(found));
	if (found.idiag_state == TCP_LISTEN)
		return 0;
	memcpy(&request, sweep->sockets.bytes + sweep->sockets.entries[tag].offset + NLMSG_HDRLEN, sizeof(request));
	memcpy(request.id.idiag_cookie, found.id.idiag_cookie, sizeof(request.id.idiag_cookie));
	nl_begin(&sweep->ends, SOCK_DESTROY, 0, 0, &request, sizeof(request));
	return 0;
}

/* Where the kernel cannot do that, the flows alone are ended. */
static void end_sockets(struct kernel *kernel, struct sweep *sweep)
{
	struct nl_channel channel = NL_CHANNEL_NULL;

	if (sweep->sockets.n_entries == 0 || nl_channel_open(NETLINK_SOCK_DIAG, &channel) < 0)
		return;
	if (nl_transact(&channel, &sweep->sockets, each_socket, sweep) == 0 && sweep->ends.n_entries > 0)
		(void)kernel_transact(kernel, &channel, &sweep->ends, NULL, NULL);
	nl_channel_deinit(&channel);
}

static int each_flow(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[CTA_MAX + 1];
	struct flow flow = { 0 };
	struct sweep *sweep = data;
	struct nfgenmsg header;
	uint8_t protocol;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if ((header.nfgen_family != AF_INET && header.nfgen_family != AF_INET6) ||
	    !read_tuple(table[CTA_TUPLE_ORIG], header.nfgen_family, &flow.original, &flow.protocol, &flow.zone) ||
	    !read_tuple(table[CTA_TUPLE_REPLY], header.nfgen_family, &flow.reply, &protocol, &flow.zone))
		return 0;
	flow.zone |= ntohs(nl_get_u16(table[CTA_ZONE], 0));	/* any: all of them are somebody else's */
	flow.status = nl_get_u32_be(table[CTA_STATUS], 0);
	if (!sweep->is_unwanted(&flow, sweep->data))
		return 0;
	put_delete(&sweep->batch, header.nfgen_family, table);
	if (flow.protocol == IPPROTO_TCP)
		put_socket(&sweep->sockets, &flow.reply);
	return sweep->batch.error ?: sweep->sockets.error;
}

static int find_unwanted(struct kernel *kernel, struct sweep *sweep)
{
	int r = -EINTR;

	for (unsigned int i = 0; r == -EINTR && i < ATTEMPTS; i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };

		nl_batch_reset(&sweep->batch);
		nl_batch_reset(&sweep->sockets);
		nl_begin(&request, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&kernel->conntrack, &request, each_flow, sweep);
	}
	return r;
}

/*
 * Deletes the flows for which @is_unwanted returns true, and ends sockets of the host at their ends. A flow that
 * ended meanwhile is no failure. Errors as the kernel has them: -EINVAL or -EOPNOTSUPP where it keeps no flows or
 * has no ctnetlink.
 */
int conntrack_sweep(struct kernel *kernel, bool (*is_unwanted)(const struct flow *flow, void *data),
		    void *data, size_t *ret_n_deleted)
{
	struct sweep sweep = { .is_unwanted = is_unwanted, .data = data };
	size_t n_deleted = 0;
	int n_flows, r;

	/* The kernel walks its whole table for a dump, some ten milliseconds even when it is empty. */
	if (sysctl_read(kernel, "netfilter/nf_conntrack_count", &n_flows) == 0 && n_flows == 0) {
		*ret_n_deleted = 0;
		return 0;
	}
	r = find_unwanted(kernel, &sweep);
	if (r == 0)
		end_sockets(kernel, &sweep);
	if (r == 0 && sweep.batch.n_entries > 0)
		r = kernel_transact(kernel, &kernel->conntrack, &sweep.batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < sweep.batch.n_entries; i++) {
		int error = sweep.batch.entries[i].error;

		if (error && error != -ENOENT)
			r = error;
		n_deleted += error == 0;
	}
	nl_batch_deinit(&sweep.batch);
	nl_batch_deinit(&sweep.sockets);
	nl_batch_deinit(&sweep.ends);
	if (r == 0)
		*ret_n_deleted = n_deleted;
	return r;
}
