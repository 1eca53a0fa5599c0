/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has passed through ports and bridges, as the kernel counts it (IFLA_STATS64).
 * System calls: one dump of rtnetlink, when somebody asks. guestnetd has no part in it.
 *
 * A port's counters are all that its guest has sent and got. Those of the bridge are a part of that, what goes up to the host or
 * through it, and comes from there (br_pass_frame_up(), br_dev_xmit()): what guests say to each other is not in them.
 */
#include "counters.h"

#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/limits.h"
#include "../lib/nl/socket.h"
#include "../lib/util.h"

/* How often an interrupted dump is asked for again. */
#define LOAD_ATTEMPTS	16

/* An older kernel's structure is shorter, a newer one's longer. */
void counters_parse(const struct nlattr *attribute, struct counters *ret_counters)
{
	struct rtnl_link_stats64 stats = { 0 };
	size_t length = mnl_attr_get_payload_len(attribute);

	memcpy(&stats, mnl_attr_get_payload(attribute), length < sizeof(stats) ? length : sizeof(stats));
	*ret_counters = (struct counters){
		.rx_bytes = stats.rx_bytes, .rx_packets = stats.rx_packets, .rx_dropped = stats.rx_dropped,
		.tx_bytes = stats.tx_bytes, .tx_packets = stats.tx_packets, .tx_dropped = stats.tx_dropped,
	};
}

static int add_counted(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct traffic *traffic = data;
	struct counted counted = { 0 }, *items;
	const struct nlattr *attribute;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EPROTO;
	counted.ifindex = header->ifi_index;
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
				snprintf(counted.name, sizeof(counted.name), "%s", mnl_attr_get_str(attribute));
			break;
		case IFLA_MASTER:
			if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
				counted.master = (int)mnl_attr_get_u32(attribute);
			break;
		case IFLA_STATS64:
			counters_parse(attribute, &counted.counters);
			break;
		}
	}
	items = traffic->n & (traffic->n - 1) ? traffic->items :
		reallocarray(traffic->items, traffic->n ? 2 * traffic->n : 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	traffic->items = items;
	items[traffic->n++] = counted;
	return 0;
}

/* The caller ends it with traffic_deinit(), after a failure too. */
int traffic_load(struct traffic *ret_traffic)
{
	int r = -EINTR;

	*ret_traffic = TRAFFIC_NULL;
	for (unsigned int i = 0; r == -EINTR && i < LOAD_ATTEMPTS; i++) {
		_cleanup_(nlsocket_freep) struct mnl_socket *socket = NULL;
		_Alignas(NLMSG_ALIGNTO) char buffer[256];
		struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

		request->nlmsg_type = RTM_GETLINK;
		request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
		traffic_deinit(ret_traffic);
		r = nlsocket_open(NETLINK_ROUTE, &socket);
		if (r == 0)
			r = nlsocket_dump(socket, request, add_counted, ret_traffic);
	}
	return r;
}

void traffic_deinit(struct traffic *traffic)
{
	free(traffic->items);
	*traffic = TRAFFIC_NULL;
}

static void add(struct counters *sum, const struct counters *counters)
{
	sum->rx_bytes += counters->rx_bytes;
	sum->rx_packets += counters->rx_packets;
	sum->rx_dropped += counters->rx_dropped;
	sum->tx_bytes += counters->tx_bytes;
	sum->tx_packets += counters->tx_packets;
	sum->tx_dropped += counters->tx_dropped;
}

/* Of a bridge, and of its present ports together. False when there is none of that name. */
bool traffic_find(const struct traffic *traffic, const char *bridge, struct counters *ret_bridge, struct counters *ret_ports)
{
	const struct counted *found = NULL;

	for (size_t i = 0; i < traffic->n && !found; i++)
		if (strcmp(traffic->items[i].name, bridge) == 0)
			found = &traffic->items[i];
	if (!found)
		return false;
	*ret_bridge = found->counters;
	*ret_ports = (struct counters){ 0 };
	for (size_t i = 0; i < traffic->n; i++)
		if (traffic->items[i].master == found->ifindex)
			add(ret_ports, &traffic->items[i].counters);
	return true;
}

/* 1234567 as "1.2M": two or three figures tell enough to people. */
const char *counters_print_bytes(char buffer[static COUNTERS_TEXT_SIZE], uint64_t bytes)
{
	static const char units[] = " kMGTPE";
	unsigned int unit = 0;
	double value = (double)bytes;

	while (value >= 1000 && unit + 1 < sizeof(units) - 1) {
		value /= 1000;
		unit++;
	}
	if (unit == 0)
		snprintf(buffer, COUNTERS_TEXT_SIZE, "%" PRIu64, bytes);
	else
		snprintf(buffer, COUNTERS_TEXT_SIZE, value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return buffer;
}

/* The six numbers, into an object that is open. */
void counters_put(struct json *json, const struct counters *counters)
{
	json_number(json, "rx_bytes", counters->rx_bytes);
	json_number(json, "rx_packets", counters->rx_packets);
	json_number(json, "rx_dropped", counters->rx_dropped);
	json_number(json, "tx_bytes", counters->tx_bytes);
	json_number(json, "tx_packets", counters->tx_packets);
	json_number(json, "tx_dropped", counters->tx_dropped);
}
