/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first byte says which message the rest is the payload of; 0: the rest is a row of whole messages, as in a
 * datagram. Every message goes through all decoders.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "../../netd/kernel/dump.h"
#include "fuzz.h"

static volatile unsigned int sink;

static void must_end(const char *string, size_t size)
{
	must(memchr(string, '\0', size));
}

static void decode_link(const struct nlmsghdr *message)
{
	struct dump_link link;

	if (dump_link(message, &link) < 0)
		return;
	must_end(link.kind, sizeof(link.kind));
	must_end(link.port.name, sizeof(link.port.name));
	must_end(link.port.bridge, sizeof(link.port.bridge));
	must_end(link.port.alias, sizeof(link.port.alias));
	must_end(link.bridge.name, sizeof(link.bridge.name));
	must_end(link.bridge.network, sizeof(link.bridge.network));
	must(link.bridge.n_altnames <= NETSTATE_ALTNAMES);
	for (size_t i = 0; i < link.bridge.n_altnames; i++)
		must_end(link.bridge.altnames[i], IFNAME_SIZE);
	must(link.port.vlan <= 4094);
	must((link.bridge.owner == NETSTATE_OURS) == (link.bridge.network[0] != '\0'));
}

static void decode_rtnl(const struct nlmsghdr *message)
{
	struct netstate_address address;
	struct netstate_route route;
	struct dump_vlans vlans = { .port = 7, .vid = 10 };
	bool link_local;
	int ifindex, r;

	r = dump_vlans(message, &vlans);
	must(r == 0 || r == -EPROTO);
	decode_link(message);
	if (dump_address(message, &address, &ifindex, &link_local) == 0)
		must(address.address.family == AF_INET || address.address.family == AF_INET6);
	r = dump_route(message, &route, &ifindex);
	must(r == 0 || r == -EPROTO || r == -ENOENT);
}

static int each_key(const void *key, const void *end, size_t length, const void *value, size_t value_length, void *data _unused_)
{
	for (size_t i = 0; i < length; i++)
		sink += ((const uint8_t *)key)[i] + (end ? ((const uint8_t *)end)[i] : 0u);
	for (size_t i = 0; i < value_length; i++)
		sink += ((const uint8_t *)value)[i];
	return length == 77 ? -ECANCELED : 0;
}

static void decode_nft(const struct nlmsghdr *message, struct dump_lines *lines)
{
	char line[64], longer[4096];
	struct dump_table table;
	bool fits;
	int r;

	fits = dump_rule_line(message, line, sizeof(line));
	must_end(line, sizeof(line));
	if (fits) {
		must(dump_rule_line(message, longer, sizeof(longer)));
		must(strcmp(line, longer) == 0);
	}
	r = dump_table(message, &table);
	must(r == 0 || r == -EPROTO);
	r = dump_elements(message, each_key, NULL);
	must(r == 0 || r == -EPROTO || r == -ECANCELED);
	dump_lines_add(lines, "guestnet", message);
}

static void decode(const struct nlmsghdr *message, struct dump_lines *lines)
{
	decode_rtnl(message);
	decode_nft(message, lines);
}

/* A copy of its own for each message: aligned, and a sanitiser sees a read behind it. */
static void decode_copy(const void *header, size_t n_header, const void *payload, size_t n_payload, struct dump_lines *lines)
{
	struct nlmsghdr *message = malloc(n_header + n_payload);

	must(message);
	memcpy(message, header, n_header);
	memcpy((char *)message + n_header, payload, n_payload);
	decode(message, lines);
	free(message);
}

static void decode_row(const uint8_t *data, size_t size, struct dump_lines *lines)
{
	struct nlmsghdr header;

	while (size >= sizeof(header)) {
		size_t step;

		memcpy(&header, data, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size)
			return;
		decode_copy(data, sizeof(header), data + sizeof(header), header.nlmsg_len - sizeof(header), lines);
		step = NLMSG_ALIGN(header.nlmsg_len);
		if (step > size)
			return;
		data += step;
		size -= step;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {
		0, RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM,
	};
	_cleanup_(dump_lines_deinit) struct dump_lines first = DUMP_LINES_NULL, second = DUMP_LINES_NULL;
	struct dump_lines *const both[] = { &first, &second };

	if (size == 0)
		return 0;
	/* Twice: what is read twice is equal, unless it cannot be written down. */
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		unsigned int choice = data[0] % ARRAY_SIZE(types);
		const struct nlmsghdr header = { .nlmsg_type = types[choice], .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size - 1) };

		if (choice == 0)
			decode_row(data + 1, size - 1, both[i]);
		else
			decode_copy(&header, sizeof(header), data + 1, size - 1, both[i]);
	}
	must(dump_lines_equal(&first, &second) || first.failed);
	return 0;
}
