/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What events say of bridges of ours, beyond that there is something to look at.
 * Reads; decides nothing.
 */
#include "told.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "dump.h"
#include "snapshot.h"

static struct haste_link *find(const struct kernel *kernel, struct haste *haste, int ifindex)
{
	if (!kernel_is_our_bridge(kernel, ifindex))
		return NULL;
	return haste_find_link(haste, ifindex, kernel_link_name(kernel, ifindex));
}

static void note_link(const struct kernel *kernel, const struct nlmsghdr *message, struct haste *haste)
{
	struct haste_link *told;
	struct ifinfomsg header;
	struct dump_link link;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(header)))
		return;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	/* Bridges tell of their ports in messages of their own family. */
	if (header.ifi_family != AF_UNSPEC || !kernel_is_our_bridge(kernel, header.ifi_index) || dump_link(message, &link) < 0 ||
	    !link.bridge.ifindex)
		return;
	told = find(kernel, haste, header.ifi_index);
	if (!told)
		return;
	told->changed = true;
	told->bridge = link.bridge;
}

static void note_address(const struct kernel *kernel, const struct nlmsghdr *message, struct haste *haste)
{
	struct netstate_address address;
	struct haste_link *told;
	bool link_local;
	int ifindex;

	if (dump_address(message, &address, &ifindex, &link_local) < 0 || link_local)
		return;
	told = find(kernel, haste, ifindex);
	if (told && told->n_gone < HASTE_GONE)
		told->gone[told->n_gone++] = address;
}

static void note_route(const struct kernel *kernel, const struct nlmsghdr *message, struct haste *haste)
{
	struct netstate_route route;
	struct haste_link *told;
	int ifindex;

	if (dump_route(message, &route, &ifindex) < 0 || route.table != RT_TABLE_MAIN || route.gateway.family || route.ours)
		return;
	told = find(kernel, haste, ifindex);
	if (told && told->n_unrouted < HASTE_GONE)
		told->unrouted[told->n_unrouted++] = route;
}

/*
 * Adds what one datagram of events says of bridges that were ours at the last look. What we did ourselves, through the
 * socket @own_port, is no news.
 */
void told_note(const struct kernel *kernel, uint32_t own_port, const void *bytes, size_t length, struct haste *haste)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)length;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_pid == own_port)
			continue;
		if (message->nlmsg_type == RTM_NEWLINK)
			note_link(kernel, message, haste);
		else if (message->nlmsg_type == RTM_DELADDR)
			note_address(kernel, message, haste);
		else if (message->nlmsg_type == RTM_DELROUTE)
			note_route(kernel, message, haste);
		else if (message->nlmsg_type == RTM_NEWNETCONF)
			haste->forwarding = true;
	}
}
