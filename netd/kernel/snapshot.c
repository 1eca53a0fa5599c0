/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: the kernel's networking as a struct netstate.
 * Reads; changes and decides nothing.
 *
 * A dump is several system calls, and what it describes can change between them. rtnetlink says so (an
 * interrupted dump), nftables has a generation that is the same before and after a dump that is whole.
 * In both cases everything is read again, a few times; after that it is somebody else who never stops.
 */
#include "snapshot.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "../model/ruleset.h"
#include "checksum.h"
#include "dump.h"
#include "nft.h"
#include "sysctl.h"

#define ATTEMPTS	10

/* The names of all links, by index: addresses and routes have only that. */
struct link_name {
	int ifindex;
	char name[IFNAME_SIZE];
	bool ours;		/* a bridge of ours */
	bool port;		/* of any bridge or bond */
	bool card;		/* a network card that is no port */
	bool loopback;
	bool ra, off4, off6;	/* see struct netstate_device */
};

struct reading {
	struct kernel *kernel;
	struct netstate *state;
	struct link_name *links;	/* owned; sorted once all are read */
	size_t n_links, max_links;
	bool off4, off6;		/* the host does not forward */
};

static int compare_links(const void *a, const void *b)
{
	const struct link_name *left = a, *right = b;

	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

static struct link_name *find_link(const struct reading *reading, int ifindex)
{
	const struct link_name key = { .ifindex = ifindex };

	if (reading->n_links == 0)
		return NULL;
	return bsearch(&key, reading->links, reading->n_links, sizeof(key), compare_links);
}

static int add_link_name(struct reading *reading, const struct dump_link *link)
{
	if (reading->n_links == reading->max_links) {
		size_t max = reading->max_links ? reading->max_links * 2 : 64;
		struct link_name *grown = reallocarray(reading->links, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		reading->links = grown;
		reading->max_links = max;
	}
	reading->links[reading->n_links] = (struct link_name){
		.ifindex = link->port.ifindex,
		.ours = link->bridge.owner == NETSTATE_OURS,
		.port = link->port.master,
		.card = link->port.physical && !link->port.master,
		.loopback = link->loopback,
	};
	memcpy(reading->links[reading->n_links++].name, link->port.name, IFNAME_SIZE);
	return 0;
}

static int each_link(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct dump_link link;
	int r;

	r = dump_link(message, &link);
	if (r < 0)
		return r;
	r = add_link_name(reading, &link);
	if (r == 0 && link.bridge.ifindex)
		r = netstate_add_bridge(reading->state, &link.bridge);
	else if (r == 0 && (link.port.master || link.port.tap || link.port.owner == NETSTATE_OURS))
		r = netstate_add_port(reading->state, &link.port);
	return r;
}

/* Keeps the ports of our bridges and taps that may have fallen from one, and says where they belong. */
static void keep_our_ports(struct reading *reading)
{
	struct netstate *state = reading->state;
	size_t n = 0;

	for (size_t i = 0; i < state->n_ports; i++) {
		struct netstate_port *port = &state->ports[i];
		const struct link_name *master = find_link(reading, port->master);

		if (port->owner != NETSTATE_OURS && !(master && master->ours) && !(port->tap && !port->master))
			continue;
		if (port->bridge[0] == '\0' && master)
			memcpy(port->bridge, master->name, sizeof(port->bridge));
		if (i != n)
			memcpy(&state->ports[n], port, sizeof(*port));
		n++;
	}
	state->n_ports = n;
}

static int read_links(struct reading *reading)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	int r;

	nl_begin(&request, RTM_GETLINK, NLM_F_DUMP, 0, &header, sizeof(header));
	nl_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_dump(&reading->kernel->rtnl, &request, each_link, reading);
	if (r < 0)
		return r;
	if (reading->n_links > 0)
		qsort(reading->links, reading->n_links, sizeof(*reading->links), compare_links);
	keep_our_ports(reading);
	return 0;
}

static int each_address(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct netstate_address address;
	struct link_name *link;
	bool link_local;
	int ifindex, r;

	r = dump_address(message, &address, &ifindex, &link_local);
	if (r < 0)
		return 0;	/* of a family that is none of ours */
	link = find_link(reading, ifindex);
	if (!link || link_local)
		return 0;
	link->ra |= dump_is_advertised(message);
	memcpy(address.link, link->name, sizeof(address.link));
	address.ours = link->ours;
	return netstate_add_address(reading->state, &address);
}

/* Addresses, without the link-local ones, which the kernel makes. */
static int read_addresses(struct reading *reading)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };

	nl_begin(&request, RTM_GETADDR, NLM_F_DUMP, 0, &header, sizeof(header));
	return nl_dump(&reading->kernel->rtnl, &request, each_address, reading);
}

static int each_route(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct netstate_route route;
	struct link_name *link;
	int ifindex, r;

	r = dump_route(message, &route, &ifindex);
	if (r < 0)
		return 0;
	link = find_link(reading, ifindex);
	if (link) {
		memcpy(route.link, link->name, sizeof(route.link));
		link->ra |= dump_is_advertised(message);
	}
	return netstate_add_route(reading->state, &route);
}

static int read_routes(struct reading *reading)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct rtmsg header = { .rtm_family = families[i] };

		nl_begin(&request, RTM_GETROUTE, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&reading->kernel->rtnl, &request, each_route, reading);
	}
	/* A kernel without IPv6 has no such routes. */
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

static int each_netconf(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct link_name *link;
	uint8_t family;
	bool forwards;
	int ifindex;

	if (dump_netconf(message, &ifindex, &family, &forwards) < 0 || forwards)
		return 0;
	if (ifindex == NETCONFA_IFINDEX_ALL) {
		*(family == AF_INET ? &reading->off4 : &reading->off6) = true;
		return 0;
	}
	link = find_link(reading, ifindex);
	if (link)
		*(family == AF_INET ? &link->off4 : &link->off6) = true;
	return 0;
}

static int read_netconf(struct reading *reading)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
		const struct netconfmsg header = { .ncm_family = families[i] };

		nl_begin(&request, RTM_GETNETCONF, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&reading->kernel->rtnl, &request, each_netconf, reading);
	}
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

/* Interfaces of which there is something to say. */
static int add_devices(struct reading *reading, bool with_netconf)
{
	struct netstate_device all = { .name = "all", .off4 = reading->off4, .off6 = reading->off6 };
	int r = with_netconf ? netstate_add_device(reading->state, &all) : 0;

	for (size_t i = 0; r == 0 && i < reading->n_links; i++) {
		const struct link_name *link = &reading->links[i];
		struct netstate_device device = {
			.card = link->card,
			.ra = link->ra && !link->ours,
			.off4 = link->off4 && !reading->off4,
			.off6 = link->off6 && !reading->off6,
		};

		memcpy(device.name, link->name, sizeof(device.name));
		if (!link->loopback && !link->port && (device.card || device.ra || device.off4 || device.off6))
			r = netstate_add_device(reading->state, &device);
	}
	return r;
}

static int each_generation(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[NFTA_GEN_MAX + 1];

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return -EPROTO;
	*(uint32_t *)data = nl_get_u32_be(table[NFTA_GEN_ID], 0);
	return 0;
}

static int read_generation(struct kernel *kernel, uint32_t *ret_generation)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	uint32_t generation = 0;
	int r;

	nft_begin(&request, NFT_MSG_GETGEN, 0, AF_UNSPEC, 0);
	r = nl_transact(&kernel->nft, &request, each_generation, &generation);
	if (r == 0 && request.n_errors)
		r = request.entries[0].error;
	if (r == 0)
		*ret_generation = generation;
	return r;
}

static int each_table(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	return dump_table(message, data);
}

/* -ENOENT when there is none. */
static int read_our_table(struct kernel *kernel, struct dump_table *ret_table)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	int r;

	nft_begin(&request, NFT_MSG_GETTABLE, 0, NFPROTO_INET, 0);
	nl_put_string(&request, NFTA_TABLE_NAME, RULESET_TABLE);
	r = nl_transact(&kernel->nft, &request, each_table, ret_table);
	if (r == 0 && request.n_errors)
		r = request.entries[0].error;
	return r;
}

struct table_reading {
	struct dump_lines lines;
	struct netstate_table *table;
};

static int each_table_object(const struct nlmsghdr *message, void *data)
{
	struct table_reading *reading = data;
	const struct nlattr *table[NFTA_SET_MAX + 1];
	enum netstate_set set;
	uint8_t length;

	dump_lines_add(&reading->lines, RULESET_TABLE, message);
	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET) ||
	    !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)) ||
	    ruleset_set_parse(nl_get_string(table[NFTA_SET_NAME]) ?: "", &set, &length) < 0)
		return 0;
	reading->table->features |= ruleset_set_feature(set);
	if (set == NETSTATE_SET_SOURCE4)
		ruleset_add_prefix4(reading->table, length);
	if (set == NETSTATE_SET_SOURCE6)
		ruleset_add_prefix6(reading->table, length);
	return 0;
}

static int dump_objects(struct kernel *kernel, uint8_t type, bool named, struct table_reading *reading)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

	nft_begin(&request, type, NLM_F_DUMP, NFPROTO_INET, 0);
	if (named)
		nl_put_string(&request, NFTA_RULE_TABLE, RULESET_TABLE);
	return nl_dump(&kernel->nft, &request, each_table_object, reading);
}

/* The lines of the table as we would make it. */
static int build_expected(const struct netstate_table *table, struct dump_lines *lines)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	_cleanup_(ruleset_deinit) struct ruleset ruleset = RULESET_NULL;
	int r;

	r = ruleset_build(table, &ruleset);
	if (r < 0)
		return r;
	nft_put_ruleset(&batch, &ruleset, 0);
	if (batch.error)
		return batch.error;
	for (size_t i = 0; i < batch.n_entries; i++)
		dump_lines_add(lines, RULESET_TABLE, (struct nlmsghdr *)(batch.bytes + batch.entries[i].offset));
	return lines->failed ? -ENOMEM : 0;
}

/* Reads chains, sets and rules, all of them, and compares: what a table says of itself is not believed. */
static int compare_table(struct kernel *kernel, struct netstate_table *table)
{
	struct table_reading reading = { .table = table };
	struct dump_lines expected = DUMP_LINES_NULL;
	int r;

	r = dump_objects(kernel, NFT_MSG_GETSET, true, &reading);
	if (r == 0)
		r = dump_objects(kernel, NFT_MSG_GETCHAIN, false, &reading);
	if (r == 0)
		r = dump_objects(kernel, NFT_MSG_GETRULE, true, &reading);
	if (r == 0)
		r = build_expected(table, &expected);
	if (r == 0)
		table->state = dump_lines_equal(&reading.lines, &expected) ? NETSTATE_TABLE_EQUAL : NETSTATE_TABLE_DIFFERENT;
	dump_lines_deinit(&reading.lines);
	dump_lines_deinit(&expected);
	return r;
}

/* Whose it is, and whether it is as it should be for the prefix lengths that it is made for. */
static int read_table(struct kernel *kernel, struct netstate_table *ret_table)
{
	struct netstate_table table = { .state = NETSTATE_TABLE_ABSENT };
	struct dump_table found;
	int r;

	r = read_our_table(kernel, &found);
	if (r == 0) {
		bool owned = found.flags & NFT_TABLE_F_OWNER;

		table.handle = found.handle;
		table.owned = owned && found.owner == kernel->nft.port;
		/* The flag goes with the owner (nf_tables_api.c:nft_rcv_nl_event()). */
		table.orphan = !owned && found.flags & NFT_PERSISTENT;
		table.foreign_owner = owned && !table.owned;
		r = compare_table(kernel, &table);
		/* Dormant: it does nothing. Made without persist: it can never have an owner. */
		if (found.flags & NFT_TABLE_F_DORMANT || (kernel->owner_tables && !(found.flags & NFT_PERSISTENT)))
			table.state = NETSTATE_TABLE_DIFFERENT;
		table.fingerprint = table.state == NETSTATE_TABLE_EQUAL ? ruleset_fingerprint(&table) : 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_table = table;
	return 0;
}

struct set_reading {
	struct netstate *state;
	enum netstate_set set;
	uint8_t prefix_length;
};

static int each_key(const void *key, size_t length, const void *value, size_t value_length, void *data)
{
	struct set_reading *reading = data;
	struct netstate_element element = { .set = reading->set, .prefix_length = reading->prefix_length };

	if (length > sizeof(element.key) || value_length > sizeof(element.data))
		return -EPROTO;
	element.key_length = (uint8_t)length;
	element.data_length = (uint8_t)value_length;
	memcpy(element.key, key, length);
	if (value_length > 0)
		memcpy(element.data, value, value_length);
	return netstate_add_element(reading->state, &element);
}

static int each_element_message(const struct nlmsghdr *message, void *data)
{
	return dump_elements(message, each_key, data);
}

static int read_set(struct reading *reading, enum netstate_set set, unsigned int prefix_length)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	struct set_reading data = { .state = reading->state, .set = set, .prefix_length = (uint8_t)prefix_length };
	char name[RULESET_NAME_SIZE];

	ruleset_set_name(set, (uint8_t)prefix_length, name, sizeof(name));
	nft_begin(&request, NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET, 0);
	nl_put_string(&request, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	nl_put_string(&request, NFTA_SET_ELEM_LIST_SET, name);
	return nl_dump(&reading->kernel->nft, &request, each_element_message, &data);
}

static int read_elements(struct reading *reading)
{
	const struct netstate_table *table = &reading->state->table;
	_cleanup_(ruleset_deinit) struct ruleset ruleset = RULESET_NULL;
	int r;

	r = ruleset_build(table, &ruleset);
	for (size_t i = 0; r == 0 && i < ruleset.n_sets; i++) {
		enum netstate_set set;
		uint8_t length;

		r = ruleset_set_parse(ruleset.sets[i].name, &set, &length);
		if (r == 0)
			r = read_set(reading, set, length);
	}
	return r;
}

static int add_elements_and_checksums(struct netstate *state, const struct netstate *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n_elements; i++)
		r = netstate_add_element(state, &from->elements[i]);
	for (size_t i = 0; r == 0 && i < from->n_checksums; i++)
		r = netstate_add_checksum(state, &from->checksums[i]);
	return r;
}

/* What is kept is of `generation`: when that cannot be, nothing is. */
static int keep_rules(struct kernel *kernel, const struct netstate *state, uint32_t generation)
{
	int r;

	netstate_deinit(&kernel->rules);
	kernel->rules = NETSTATE_NULL;
	kernel->generation = 0;
	r = add_elements_and_checksums(&kernel->rules, state);
	if (r == 0) {
		kernel->rules.table = state->table;
		kernel->generation = generation;
	}
	return r;
}

static int read_rules(struct reading *reading)
{
	struct kernel *kernel = reading->kernel;
	uint32_t before, after;
	int r;

	r = read_generation(kernel, &before);
	if (r < 0)
		return r;
	if (before == kernel->generation && before != 0) {
		reading->state->table = kernel->rules.table;
		return add_elements_and_checksums(reading->state, &kernel->rules);
	}
	r = read_table(kernel, &reading->state->table);
	if (r == 0 && reading->state->table.state == NETSTATE_TABLE_EQUAL)
		r = read_elements(reading);
	if (r == 0)
		r = checksum_read(kernel, reading->state);
	if (r == 0)
		r = read_generation(kernel, &after);
	if (r < 0)
		/* What vanished while it was read is a change like any other. */
		return r == -ENOENT ? -EINTR : r;
	if (before != after)
		return -EINTR;
	return keep_rules(kernel, reading->state, before);
}

/* Those that @desired names; one that does not exist is left out. */
static int read_sysctls(struct reading *reading, const struct netstate *desired)
{
	for (size_t i = 0; desired && i < desired->n_sysctls; i++) {
		struct netstate_sysctl sysctl = desired->sysctls[i];
		int r = sysctl_read(reading->kernel, sysctl.path, &sysctl.value);

		if (r == 0)
			r = netstate_add_sysctl(reading->state, &sysctl);
		else if (r != -ENOMEM)
			r = 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_all(struct reading *reading, const struct netstate *desired, unsigned int parts, const char **ret_what)
{
	int r;

	*ret_what = "links";
	r = read_links(reading);
	if (r == 0 && parts & SNAPSHOT_ADDRESSES) {
		*ret_what = "addresses";
		r = read_addresses(reading);
	}
	if (r == 0 && parts & SNAPSHOT_ROUTES) {
		*ret_what = "routes";
		r = read_routes(reading);
	}
	if (r == 0 && parts & SNAPSHOT_NETCONF) {
		*ret_what = "forwarding";
		r = read_netconf(reading);
	}
	if (r == 0)
		r = add_devices(reading, parts & SNAPSHOT_NETCONF);
	if (r == 0 && parts & SNAPSHOT_RULES) {
		*ret_what = "nftables";
		r = read_rules(reading);
	}
	if (r == 0 && parts & SNAPSHOT_SYSCTLS)
		r = read_sysctls(reading, desired);
	return r;
}

/*
 * Reads what @parts names into a sorted state, owned by the caller. @desired only says which sysctls there
 * are to look at, and may be NULL. Services are not the kernel's: there are none in it.
 * Errors: -EINTR when the kernel's tables never stood still, others as they come; with a text.
 */
int kernel_snapshot(struct kernel *kernel, const struct netstate *desired, unsigned int parts,
		    struct netstate *ret_state, struct failure *failure)
{
	const char *what = "";
	int r = -EINTR;

	for (unsigned int i = 0; r == -EINTR && i < ATTEMPTS; i++) {
		struct netstate state = NETSTATE_NULL;
		struct reading reading = { .kernel = kernel, .state = &state };

		r = read_all(&reading, desired, parts, &what);
		free(reading.links);
		if (r == 0) {
			netstate_sort(&state);
			if (parts & SNAPSHOT_ROUTES && parts & SNAPSHOT_ADDRESSES)
				netstate_mark_routes(&state);
			*ret_state = state;
			return 0;
		}
		netstate_deinit(&state);
	}
	return failure_set(failure, r, "cannot read %s from the kernel: %s", what, strerror(-r));
}
