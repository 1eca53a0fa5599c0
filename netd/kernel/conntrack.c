/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that the kernel remembers, by ctnetlink.
 * Acts; what is unwanted is the caller's decision.
 *
 * The rules are asked when a flow begins. One that began while they were missing, or before a permission was
 * taken away, goes on as it began; so it is deleted, and what follows of it begins anew under the present rules.
 * Never all of them: other flows of the host are not ours to interrupt.
 */
#include "conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"

#define ATTEMPTS	5

struct sweep {
	bool (*is_unwanted)(const struct conntrack_flow *flow, void *data);
	void *data;
	struct nl_batch batch;
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

static bool read_tuple(const struct nlattr *attribute, uint8_t family, struct conntrack_tuple *tuple, uint8_t *ret_protocol)
{
	const struct nlattr *table[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
	bool v6 = family == AF_INET6;

	if (!nl_parse_nested(attribute, table, ARRAY_SIZE(table)) ||
	    !nl_parse_nested(table[CTA_TUPLE_IP], ip, ARRAY_SIZE(ip)) ||
	    !nl_parse_nested(table[CTA_TUPLE_PROTO], proto, ARRAY_SIZE(proto)) ||
	    !read_address(ip[v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC], family, &tuple->source) ||
	    !read_address(ip[v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST], family, &tuple->destination))
		return false;
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

static int each_flow(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[CTA_MAX + 1];
	struct conntrack_flow flow = { 0 };
	struct sweep *sweep = data;
	struct nfgenmsg header;
	uint8_t protocol;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if ((header.nfgen_family != AF_INET && header.nfgen_family != AF_INET6) ||
	    !read_tuple(table[CTA_TUPLE_ORIG], header.nfgen_family, &flow.original, &flow.protocol) ||
	    !read_tuple(table[CTA_TUPLE_REPLY], header.nfgen_family, &flow.reply, &protocol))
		return 0;
	flow.status = nl_get_u32_be(table[CTA_STATUS], 0);
	if (sweep->is_unwanted(&flow, sweep->data))
		put_delete(&sweep->batch, header.nfgen_family, table);
	return sweep->batch.error;
}

static int find_unwanted(struct kernel *kernel, struct sweep *sweep)
{
	int r = -EINTR;

	for (unsigned int i = 0; r == -EINTR && i < ATTEMPTS; i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };

		nl_batch_reset(&sweep->batch);
		nl_begin(&request, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&kernel->conntrack, &request, each_flow, sweep);
	}
	return r;
}

/*
 * Deletes the flows for which @is_unwanted returns true. A flow that ended meanwhile is no failure. Errors as the
 * kernel has them: -EINVAL or -EOPNOTSUPP where it keeps no flows or has no ctnetlink.
 */
int conntrack_sweep(struct kernel *kernel, bool (*is_unwanted)(const struct conntrack_flow *flow, void *data),
		    void *data, size_t *ret_n_deleted)
{
	struct sweep sweep = { .is_unwanted = is_unwanted, .data = data, .batch = NL_BATCH_NULL };
	size_t n_deleted = 0;
	int r;

	r = find_unwanted(kernel, &sweep);
	if (r == 0 && sweep.batch.n_entries > 0)
		r = kernel_transact(kernel, &kernel->conntrack, &sweep.batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < sweep.batch.n_entries; i++) {
		int error = sweep.batch.entries[i].error;

		if (error && error != -ENOENT)
			r = error;
		n_deleted += error == 0;
	}
	nl_batch_deinit(&sweep.batch);
	if (r == 0)
		*ret_n_deleted = n_deleted;
	return r;
}
