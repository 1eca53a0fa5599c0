/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses that the host answers for on an interface: the kernel's list of proxies.
 * Reads, and writes messages; decides nothing.
 *
 * What `ip` would write as
 *
 *	ip neigh add proxy ADDRESS dev INTERFACE protocol 71
 *
 * The protocol is our mark, as it is on routes. A message about an entry that is there already would give it this mark,
 * whosever it is (net/core/neighbour.c:neigh_add()): it is sent only where there is none.
 */
#include "proxies.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "link.h"
#include "snapshot.h"

struct reading {
	struct kernel *kernel;
	struct netstate *state;
};

static int each_proxy(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[NDA_MAX + 1];
	struct reading *reading = data;
	struct netstate_proxy proxy;
	struct ndmsg header;
	const char *link;

	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	link = kernel_link_name(reading->kernel, header.ndm_ifindex);
	memset(&proxy, 0, sizeof(proxy));
	proxy.address.family = header.ndm_family;
	if (!link || !(header.ndm_flags & NTF_PROXY) || (header.ndm_family != AF_INET && header.ndm_family != AF_INET6) ||
	    !nl_get(table[NDA_DST], proxy.address.bytes_be, ip_length(&proxy.address)))
		return 0;
	proxy.ours = nl_get_u8(table[NDA_PROTOCOL], 0) == NETSTATE_ROUTE_PROTOCOL;
	/* Others' count where one of ours may have to be. */
	if (!proxy.ours && !reading->kernel->proxies_wanted)
		return 0;
	proxy.ifindex = header.ndm_ifindex;
	snprintf(proxy.link, sizeof(proxy.link), "%s", link);
	return netstate_add_proxy(reading->state, &proxy);
}

/* Adds the entries of all interfaces to @ret_state, which is sorted then. The names are those of the last look at links. */
int proxies_read(struct kernel *kernel, struct netstate *ret_state)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ndmsg header = { .ndm_family = AF_UNSPEC, .ndm_flags = NTF_PROXY };
	struct reading reading = { .kernel = kernel, .state = ret_state };
	int r;

	nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
	r = nl_dump(&kernel->rtnl, &request, each_proxy, &reading);
	netstate_sort_proxies(ret_state);
	return r;
}

/* One that goes is known by its interface's index, one that comes by the name. */
void proxies_put(const struct kernel *kernel, struct nl_batch *batch, bool add, const struct netstate_proxy *proxy, uint32_t tag)
{
	const struct ndmsg header = {
		.ndm_family = proxy->address.family,
		.ndm_ifindex = add ? link_index(kernel, proxy->link) : proxy->ifindex,
		.ndm_flags = NTF_PROXY,
		.ndm_state = NUD_PERMANENT,
	};

	nl_begin(batch, add ? RTM_NEWNEIGH : RTM_DELNEIGH, add ? NLM_F_CREATE : 0, tag, &header, sizeof(header));
	nl_put(batch, NDA_DST, proxy->address.bytes_be, ip_length(&proxy->address));
	if (add)
		nl_put_u8(batch, NDA_PROTOCOL, NETSTATE_ROUTE_PROTOCOL);
}
