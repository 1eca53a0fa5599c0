/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bridge asked for: looked up once, and known by its index from then on.
 * System calls: reads from the kernel, no capability needed.
 */
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/str.h"

/* Copies a name behind the others. -E2BIG when a device has more names than anybody could mean. */
static int add_name(struct bridge *bridge, size_t *used, const struct rtnl_attribute *attribute)
{
	const char *name = rtnl_get_string(attribute);
	size_t size = name ? strlen(name) + 1 : 0;

	if (!name)
		return -EPROTO;
	if (bridge->n_names == BRIDGE_NAMES || size > sizeof(bridge->text) - *used)
		return -E2BIG;
	memcpy(bridge->text + *used, name, size);
	bridge->names[bridge->n_names++] = bridge->text + *used;
	*used += size;
	return 0;
}

static int read_names(struct rtnl_attributes attributes, struct bridge *bridge)
{
	struct rtnl_attributes again = attributes;
	struct rtnl_attribute attribute, name;
	size_t used = 0;
	int r = 0;

	while (r == 0 && rtnl_next(&attributes, &attribute))
		if (attribute.type == IFLA_IFNAME)
			r = add_name(bridge, &used, &attribute);
	if (r == 0 && bridge->n_names != 1)
		return -EPROTO;

	while (r == 0 && rtnl_next(&again, &attribute)) {
		struct rtnl_attributes names = rtnl_nested(&attribute);

		if (attribute.type != IFLA_PROP_LIST)
			continue;
		while (r == 0 && rtnl_next(&names, &name))
			if (name.type == IFLA_ALT_IFNAME)
				r = add_name(bridge, &used, &name);
	}
	return r;
}

static void read_bridge_data(struct rtnl_attributes attributes, struct bridge *bridge)
{
	struct rtnl_attribute attribute;
	uint8_t filtering;

	while (rtnl_next(&attributes, &attribute)) {
		if (attribute.type == IFLA_BR_VLAN_FILTERING && rtnl_get_u8(&attribute, &filtering))
			bridge->vlan_filtering = filtering != 0;
		if (attribute.type == IFLA_BR_VLAN_DEFAULT_PVID)
			rtnl_get_u16(&attribute, &bridge->default_pvid);
	}
}

#define ALIAS_OF_NETWORK	"guestnet net="

/*
 * The words behind the network's name: "group=NUMBER", "isolated". Others are for newer helpers. Only who may change
 * bridges can write here; what stands here takes from a port, and gives nothing.
 */
static void read_alias(const char *alias, struct bridge *bridge)
{
	const char *word;

	if (!str_has_prefix(alias, ALIAS_OF_NETWORK, &word))
		return;
	while (*word) {
		size_t n = strcspn(word, " ");
		const char *value;
		char number[32];

		if (n == strlen("isolated") && strncmp(word, "isolated", n) == 0)
			bridge->ports_isolated = true;
		if (n < sizeof(number)) {
			memcpy(number, word, n);
			number[n] = '\0';
			if (str_has_prefix(number, "group=", &value))
				(void)str_parse_u32(value, UINT32_MAX, &bridge->port_group);
		}
		word += n;
		word += strspn(word, " ");
	}
}

/*
 * Makes a struct bridge of an RTM_NEWLINK. @ret_kind receives the kernel's name for the kind of device,
 * "" for one that has none (a network card). -EPROTO for a message that is not what the kernel
 * sends, -E2BIG for a device with too many names.
 */
int bridge_read(const struct rtnl_reply *reply, struct bridge *ret_bridge, char *ret_kind, size_t kind_size)
{
	struct rtnl_attributes attributes = rtnl_attributes(reply, sizeof(struct ifinfomsg));
	struct rtnl_attributes again = attributes;
	struct rtnl_attribute attribute, info;
	struct ifinfomsg header;

	if (reply->type != RTM_NEWLINK || reply->length < sizeof(header))
		return -EPROTO;
	memcpy(&header, reply->payload, sizeof(header));

	ret_bridge->ifindex = header.ifi_index;
	ret_bridge->mtu = 0;
	ret_bridge->vlan_filtering = false;
	ret_bridge->default_pvid = 0;
	ret_bridge->ports_isolated = false;
	ret_bridge->port_group = 0;
	ret_bridge->n_names = 0;
	ret_kind[0] = '\0';

	while (rtnl_next(&attributes, &attribute)) {
		struct rtnl_attributes linkinfo = rtnl_nested(&attribute);

		if (attribute.type == IFLA_MTU)
			rtnl_get_u32(&attribute, &ret_bridge->mtu);
		if (attribute.type == IFLA_IFALIAS)
			read_alias(rtnl_get_string(&attribute) ?: "", ret_bridge);
		if (attribute.type != IFLA_LINKINFO)
			continue;
		while (rtnl_next(&linkinfo, &info)) {
			if (info.type == IFLA_INFO_KIND)
				snprintf(ret_kind, kind_size, "%s", rtnl_get_string(&info) ?: "");
			if (info.type == IFLA_INFO_DATA && strcmp(ret_kind, "bridge") == 0)
				read_bridge_data(rtnl_nested(&info), ret_bridge);
		}
	}
	return read_names(again, ret_bridge);
}

static void put_link_request(struct rtnl_request *request, uint16_t flags)
{
	rtnl_begin(request);
	rtnl_message(request, RTM_GETLINK, flags, sizeof(struct ifinfomsg));
	rtnl_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

/*
 * Looks up @name, canonical or alternative, in the network namespace of the process. The kernel finds
 * both by one attribute (net/core/dev.c:__dev_get_by_name()).
 * Errors: -ENODEV, without a text, when there is no such device; -EOPNOTSUPP when it is not a bridge;
 * others as they come.
 */
int bridge_resolve(struct rtnl *rtnl, const char *name, struct bridge *ret_bridge, struct failure *failure)
{
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	char kind[32];
	size_t n;
	int r;

	put_link_request(&request, 0);
	rtnl_put_string(&request, IFLA_IFNAME, name);
	r = rtnl_transact(rtnl, &request, &replies, &n);
	if (r == 0)
		r = replies[0].error;
	if (r == -ENODEV)
		return r;
	if (r == 0)
		r = bridge_read(&replies[0], ret_bridge, kind, sizeof(kind));
	if (r < 0)
		return failure_set(failure, r, "failed to get mtu of bridge `%s': %s", STR_ESCAPED(name), strerror(-r));

	if (strcmp(kind, "bridge") != 0)
		return failure_set(failure, -EOPNOTSUPP,
				   "failed to add interface to `%s': %s is not a bridge (%s): name a bridge that it is a port of",
				   STR_ESCAPED(name), STR_ESCAPED(name), kind[0] ? STR_ESCAPED(kind) : "a network card");
	return 0;
}

struct each {
	int (*each)(const struct bridge *bridge, void *data);
	void *data;
};

static int each_link(const struct rtnl_reply *reply, void *data)
{
	const struct each *each = data;
	struct bridge bridge;
	char kind[32];

	if (bridge_read(reply, &bridge, kind, sizeof(kind)) < 0 || strcmp(kind, "bridge") != 0)
		return 0;
	return each->each(&bridge, each->data);
}

/* Calls @each for every bridge of the namespace; for messages. A bridge that cannot be read is left out. */
int bridge_each(struct rtnl *rtnl, int (*each)(const struct bridge *bridge, void *data), void *data)
{
	struct each context = { each, data };
	struct rtnl_request request;

	put_link_request(&request, NLM_F_DUMP);
	return rtnl_dump(rtnl, &request, each_link, &context);
}

/* The number in a file of sysfs about this bridge, or -1. */
static int read_sysfs(const struct bridge *bridge, const char *attribute)
{
	char path[64], number[16];
	ssize_t n;
	int fd;		/* closed by the exit that follows */

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", bridge->names[0], attribute);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, number, sizeof(number) - 1);
	if (n <= 0)
		return -1;
	number[n] = '\0';
	return atoi(number);
}

/*
 * Does the bridge keep its own address whatever ports come and go (NET_ADDR_SET, linux/netdevice.h)?
 * Only sysfs tells, and that may show another network namespace: where it does, or tells nothing,
 * nothing is said against the bridge.
 */
bool bridge_address_is_pinned(const struct bridge *bridge)
{
	int type = read_sysfs(bridge, "addr_assign_type");

	return type < 0 || type == 3 || read_sysfs(bridge, "ifindex") != bridge->ifindex;
}
