/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network devices as the kernel describes them.
 * Pure, but for link_table_load(), which asks the kernel.
 */
#include "link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "../util.h"
#include "socket.h"

/* How often an interrupted dump is asked for again: devices may be coming and going all the time. */
#define LOAD_ATTEMPTS 16

/* Frees what a link owns. LINK_NULL will do. */
void link_deinit(struct link *link)
{
	free(link->names);
	free(link->text);
	*link = LINK_NULL;
}

/* Frees what a table owns. LINK_TABLE_NULL will do. */
void link_table_deinit(struct link_table *table)
{
	for (size_t i = 0; i < table->n_links; i++)
		link_deinit(&table->links[i]);
	free(table->links);
	*table = LINK_TABLE_NULL;
}

/* The attributes that are read, and what the kernel must send in them. */
static const enum mnl_attr_data_type link_types[IFLA_MAX + 1] = {
	[IFLA_IFNAME] = MNL_TYPE_NUL_STRING,
	[IFLA_MTU] = MNL_TYPE_U32,
	[IFLA_MASTER] = MNL_TYPE_U32,
	[IFLA_LINKINFO] = MNL_TYPE_NESTED,
	[IFLA_PROP_LIST] = MNL_TYPE_NESTED,
};
static const enum mnl_attr_data_type info_types[IFLA_INFO_MAX + 1] = {
	[IFLA_INFO_KIND] = MNL_TYPE_NUL_STRING,
	[IFLA_INFO_DATA] = MNL_TYPE_NESTED,
};
static const enum mnl_attr_data_type bridge_types[IFLA_BR_MAX + 1] = {
	[IFLA_BR_VLAN_FILTERING] = MNL_TYPE_U8,
};

struct wanted {
	const enum mnl_attr_data_type *types;
	uint16_t max;
	const struct nlattr **found;
};

static int sort_attribute(const struct nlattr *attribute, void *data)
{
	const struct wanted *wanted = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type > wanted->max || wanted->types[type] == MNL_TYPE_UNSPEC)
		return MNL_CB_OK;
	if (mnl_attr_validate(attribute, wanted->types[type]) < 0)
		return MNL_CB_ERROR;
	wanted->found[type] = attribute;
	return MNL_CB_OK;
}

static int read_bridge(const struct nlattr *data, struct link *link)
{
	const struct nlattr *found[IFLA_BR_MAX + 1] = { 0 };
	struct wanted wanted = { bridge_types, IFLA_BR_MAX, found };

	if (mnl_attr_parse_nested(data, sort_attribute, &wanted) < 0)
		return -EPROTO;
	if (found[IFLA_BR_VLAN_FILTERING])
		link->vlan_filtering = mnl_attr_get_u8(found[IFLA_BR_VLAN_FILTERING]) != 0;
	return 0;
}

static int read_info(const struct nlattr *info, struct link *link)
{
	const struct nlattr *found[IFLA_INFO_MAX + 1] = { 0 };
	struct wanted wanted = { info_types, IFLA_INFO_MAX, found };
	const char *kind;

	if (mnl_attr_parse_nested(info, sort_attribute, &wanted) < 0)
		return -EPROTO;
	kind = found[IFLA_INFO_KIND] ? mnl_attr_get_str(found[IFLA_INFO_KIND]) : "";
	if (strlen(kind) >= sizeof(link->kind))
		return -EPROTO;
	strcpy(link->kind, kind);
	if (found[IFLA_INFO_DATA] && strcmp(kind, "bridge") == 0)
		return read_bridge(found[IFLA_INFO_DATA], link);
	return 0;
}

/* Copies the names: @size is enough for all of them, because they stood in a message of that size. */
static int read_names(const char *canonical, const struct nlattr *list, struct link *link, size_t size)
{
	const struct nlattr *attribute;
	size_t n_names = 1, used;

	if (list)
		mnl_attr_for_each_nested(attribute, list)
			n_names += mnl_attr_get_type(attribute) == IFLA_ALT_IFNAME;
	link->names = calloc(n_names, sizeof(*link->names));
	link->text = malloc(size);
	if (!link->names || !link->text)
		return -ENOMEM;

	strcpy(link->text, canonical);
	link->names[link->n_names++] = link->text;
	used = strlen(canonical) + 1;
	if (!list)
		return 0;
	mnl_attr_for_each_nested(attribute, list) {
		if (mnl_attr_get_type(attribute) != IFLA_ALT_IFNAME)
			continue;
		if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
			return -EPROTO;
		strcpy(link->text + used, mnl_attr_get_str(attribute));
		link->names[link->n_names++] = link->text + used;
		used += strlen(link->text + used) + 1;
	}
	return 0;
}

/*
 * Makes a struct link of an RTM_NEWLINK. The caller must link_deinit() it afterwards, failed or not.
 * -EPROTO for a message that is not what the kernel sends.
 */
int link_read(const struct nlmsghdr *message, struct link *ret_link)
{
	const struct nlattr *found[IFLA_MAX + 1] = { 0 };
	struct wanted wanted = { link_types, IFLA_MAX, found };
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);

	*ret_link = LINK_NULL;
	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EPROTO;
	if (mnl_attr_parse(message, sizeof(*header), sort_attribute, &wanted) < 0 || !found[IFLA_IFNAME])
		return -EPROTO;

	ret_link->ifindex = header->ifi_index;
	ret_link->flags = header->ifi_flags;
	if (found[IFLA_MTU])
		ret_link->mtu = mnl_attr_get_u32(found[IFLA_MTU]);
	if (found[IFLA_MASTER])
		ret_link->master = (int)mnl_attr_get_u32(found[IFLA_MASTER]);
	if (found[IFLA_LINKINFO]) {
		int r = read_info(found[IFLA_LINKINFO], ret_link);

		if (r < 0)
			return r;
	}
	return read_names(mnl_attr_get_str(found[IFLA_IFNAME]), found[IFLA_PROP_LIST], ret_link, message->nlmsg_len);
}

static int add_link(const struct nlmsghdr *message, void *data)
{
	struct link_table *table = data;
	struct link *links = array_grow(table->links, table->n_links, sizeof(*links));
	int r;

	if (!links)
		return -ENOMEM;
	table->links = links;
	r = link_read(message, &table->links[table->n_links]);
	if (r < 0)
		link_deinit(&table->links[table->n_links]);
	else
		table->n_links++;
	return r;
}

/*
 * Reads all devices of the network namespace; needs no capability. The caller owns @ret_table.
 * -EINTR when devices came and went so fast that no dump was ever complete.
 */
int link_table_load(struct link_table *ret_table)
{
	_cleanup_(nlsocket_freep) struct mnl_socket *socket = NULL;
	_cleanup_(link_table_deinit) struct link_table table = LINK_TABLE_NULL;
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int r;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);

	r = nlsocket_open(NETLINK_ROUTE, &socket);
	if (r < 0)
		return r;
	r = -EINTR;
	for (unsigned int attempt = 0; r == -EINTR && attempt < LOAD_ATTEMPTS; attempt++) {
		link_table_deinit(&table);
		r = nlsocket_dump(socket, request, add_link, &table);
	}
	if (r < 0)
		return r;

	*ret_table = table;
	table = LINK_TABLE_NULL;
	return 0;
}

/* The device of that name, canonical or alternative: the kernel keeps both in one space. NULL: none. */
const struct link *link_table_find(const struct link_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_links; i++)
		for (size_t j = 0; j < table->links[i].n_names; j++)
			if (strcmp(table->links[i].names[j], name) == 0)
				return &table->links[i];
	return NULL;
}
