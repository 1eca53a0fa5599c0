/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says of a port's VLANs, of the limits of elements, of tunnels, and of prefixes that were delegated; what it refuses;
 * and messages to it, which move as they grow. */
#include <endian.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "../../lib/nl/batch.h"
#include "../../lib/nl/socket.h"
#include "../../lib/util.h"
#include "../../netd/kernel/dump.h"
#include "../../netd/kernel/link.h"
#include "../../netd/model/ip.h"
#include "unit.h"

struct entry { uint16_t vid, flags; };

#define OWN	(BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED)

/* A message as the kernel fills it in, about port 7. */
static struct dump_vlans read_entries(int port, const struct entry *entries, size_t n)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct br_vlan_msg header = { .family = AF_BRIDGE, .ifindex = 7 };
	struct dump_vlans vlans = { .port = port, .vid = 10 };

	nl_begin(&batch, RTM_NEWVLAN, 0, 0, &header, sizeof(header));
	for (size_t i = 0; i < n; i++) {
		const struct bridge_vlan_info info = { .vid = entries[i].vid, .flags = entries[i].flags };
		size_t nest = nl_nest(&batch, BRIDGE_VLANDB_ENTRY);

		nl_put(&batch, BRIDGE_VLANDB_ENTRY_INFO, &info, sizeof(info));
		nl_put_u8(&batch, BRIDGE_VLANDB_ENTRY_STATE, 3);
		nl_nest_end(&batch, nest);
	}
	assert_int_equal(batch.error, 0);
	assert_int_equal(dump_vlans(batch.message, &vlans), 0);
	return vlans;
}

static void vlans_of_a_port(void **state _unused_)
{
	static const struct {
		int port;
		struct entry entries[3];
		size_t n;
		bool found, others;
	} cases[] = {
		{ 7, { { 10, OWN } }, 1, true, false },
		{ 7, { { 0 } }, 0, false, false },
		{ 7, { { 1, OWN } }, 1, false, true },
		{ 7, { { 10, BRIDGE_VLAN_INFO_UNTAGGED } }, 1, false, true },
		{ 7, { { 10, BRIDGE_VLAN_INFO_PVID } }, 1, false, true },
		{ 7, { { 1, BRIDGE_VLAN_INFO_UNTAGGED }, { 10, OWN } }, 2, true, true },
		{ 7, { { 10, OWN }, { 20, 0 }, { 30, 0 } }, 3, true, true },
		{ 8, { { 10, OWN } }, 1, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dump_vlans vlans = read_entries(cases[i].port, cases[i].entries, cases[i].n);

		assert_int_equal(vlans.found, cases[i].found);
		assert_int_equal(vlans.others, cases[i].others);
	}
}

struct limited {
	size_t key_length, length;
	uint64_t rate;
	uint32_t burst;
};

static int each_limited(const void *key _unused_, const void *end _unused_, size_t key_length, const void *value, size_t length, void *data)
{
	struct limited *limited = data;

	limited->key_length = key_length;
	limited->length = length;
	if (length == sizeof(limited->rate) + sizeof(limited->burst)) {
		memcpy(&limited->rate, value, sizeof(limited->rate));
		memcpy(&limited->burst, (const uint8_t *)value + sizeof(limited->rate), sizeof(limited->burst));
	}
	return 0;
}

static void put_be32(struct nl_batch *batch, uint16_t type, uint32_t value)
{
	const uint32_t value_be = htobe32(value);

	nl_put(batch, type, &value_be, sizeof(value_be));
}

static void put_be64(struct nl_batch *batch, uint16_t type, uint64_t value)
{
	const uint64_t value_be = htobe64(value);

	nl_put(batch, type, &value_be, sizeof(value_be));
}

static void limits_of_elements(void **state _unused_)
{
	static const struct {
		const char *name;
		uint64_t unit;
		uint32_t type, flags;
		size_t length;
		uint64_t rate;
	} cases[] = {
		{ "limit", 1, NFT_LIMIT_PKT_BYTES, NFT_LIMIT_F_INV, 12, UINT64_C(12500000000) },
		/* By the minute, of packets, and one that is about what is below: none that we make. */
		{ "limit", 60, NFT_LIMIT_PKT_BYTES, NFT_LIMIT_F_INV, 12, 0 },
		{ "limit", 1, NFT_LIMIT_PKTS, NFT_LIMIT_F_INV, 12, 0 },
		{ "limit", 1, NFT_LIMIT_PKT_BYTES, 0, 12, 0 },
		{ "counter", 1, NFT_LIMIT_PKT_BYTES, NFT_LIMIT_F_INV, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
		const struct nfgenmsg header = { .nfgen_family = NFPROTO_INET };
		struct limited found = { 0 };
		size_t list, item, nest, data;

		nl_begin(&batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM, 0, 0, &header, sizeof(header));
		list = nl_nest(&batch, NFTA_SET_ELEM_LIST_ELEMENTS);
		item = nl_nest(&batch, NFTA_LIST_ELEM);
		nest = nl_nest(&batch, NFTA_SET_ELEM_KEY);
		nl_put(&batch, NFTA_DATA_VALUE, "gn-a\0\0\0\0\0\0\0\0\0\0\0", 16);
		nl_nest_end(&batch, nest);
		nest = nl_nest(&batch, NFTA_SET_ELEM_EXPR);
		nl_put_string(&batch, NFTA_EXPR_NAME, cases[i].name);
		data = nl_nest(&batch, NFTA_EXPR_DATA);
		put_be64(&batch, NFTA_LIMIT_RATE, UINT64_C(12500000000));
		put_be64(&batch, NFTA_LIMIT_UNIT, cases[i].unit);
		put_be32(&batch, NFTA_LIMIT_BURST, 65536);
		put_be32(&batch, NFTA_LIMIT_TYPE, cases[i].type);
		put_be32(&batch, NFTA_LIMIT_FLAGS, cases[i].flags);
		nl_nest_end(&batch, data);
		nl_nest_end(&batch, nest);
		nl_nest_end(&batch, item);
		nl_nest_end(&batch, list);
		assert_int_equal(batch.error, 0);
		assert_int_equal(dump_elements(batch.message, each_limited, &found), 0);
		assert_int_equal(found.key_length, 16);
		assert_int_equal(found.length, cases[i].length);
		assert_true(found.rate == cases[i].rate && found.burst == (cases[i].rate ? 65536 : 0));
	}
}

/* A device as the kernel tells of it: of this kind, with this alias, and, of a tunnel, this address of IPv6. */
static void read_device(const char *name, const char *kind, const char *alias, const uint8_t *local6, struct dump_link *ret_link)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = 9, .ifi_flags = IFF_UP };
	const uint16_t port_be = htobe16(4789);
	size_t info, data;

	nl_begin(&batch, RTM_NEWLINK, 0, 0, &header, sizeof(header));
	nl_put_string(&batch, IFLA_IFNAME, name);
	nl_put_u32(&batch, IFLA_MTU, 1450);
	nl_put_u32(&batch, IFLA_MASTER, 7);
	nl_put_string(&batch, IFLA_IFALIAS, alias);
	info = nl_nest(&batch, IFLA_LINKINFO);
	nl_put_string(&batch, IFLA_INFO_KIND, kind);
	data = nl_nest(&batch, IFLA_INFO_DATA);
	nl_put_u32(&batch, IFLA_VXLAN_ID, 61);
	if (local6)
		nl_put(&batch, IFLA_VXLAN_LOCAL6, local6, 16);
	nl_put_u8(&batch, IFLA_VXLAN_TTL, 5);
	nl_put_u8(&batch, IFLA_VXLAN_LEARNING, 1);
	nl_put(&batch, IFLA_VXLAN_PORT, &port_be, sizeof(port_be));
	nl_nest_end(&batch, data);
	nl_put_string(&batch, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nl_nest(&batch, IFLA_INFO_SLAVE_DATA);
	nl_put_u8(&batch, IFLA_BRPORT_LEARNING, 0);
	nl_put_u8(&batch, IFLA_BRPORT_ISOLATED, 1);
	nl_nest_end(&batch, data);
	nl_nest_end(&batch, info);
	assert_int_equal(batch.error, 0);
	assert_int_equal(dump_link(batch.message, ret_link), 0);
}

static void tunnels(void **state _unused_)
{
	static const uint8_t local6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct dump_link link;

	read_device("gv-lab", "vxlan", "guestnet net=lab tunnel v6 remotes", local6, &link);
	assert_string_equal(link.tunnel.name, "gv-lab");
	assert_string_equal(link.tunnel.network, "lab");
	assert_int_equal(link.tunnel.ifindex, 9);
	assert_int_equal(link.tunnel.master, 7);
	assert_int_equal(link.tunnel.vni, 61);
	assert_int_equal(link.tunnel.port, 4789);
	assert_int_equal(link.tunnel.ttl, 5);
	assert_int_equal(link.tunnel.mtu, 1450);
	assert_int_equal(link.tunnel.local.family, AF_INET6);
	assert_memory_equal(link.tunnel.local.bytes_be, local6, 16);
	assert_true(link.tunnel.up && link.tunnel.v6 && link.tunnel.listed && link.tunnel.learning && link.tunnel.isolated);
	assert_false(link.tunnel.port_learning);
	read_device("gv-lab", "vxlan", "guestnet net=lab tunnel", NULL, &link);
	assert_string_equal(link.tunnel.network, "lab");
	assert_int_equal(link.tunnel.local.family, 0);
	assert_false(link.tunnel.v6 || link.tunnel.listed);
	/* Without the mark, or with that of a bridge, it is nobody's. */
	read_device("vxlan0", "vxlan", "guestnet net=lab", NULL, &link);
	assert_string_equal(link.tunnel.name, "vxlan0");
	assert_string_equal(link.tunnel.network, "");
	assert_int_equal(link.tunnel.vni, 61);
	/* What is called so is seen, whatever it is; and none of what is called otherwise. */
	read_device("gv-lab", "dummy", "guestnet net=lab tunnel", NULL, &link);
	assert_string_equal(link.tunnel.name, "gv-lab");
	assert_string_equal(link.tunnel.network, "");
	assert_int_equal(link.tunnel.vni, 0);
	read_device("gn-lab", "dummy", "guestnet net=lab tunnel", NULL, &link);
	assert_string_equal(link.tunnel.name, "");
}

/* How an interface makes its link-local address: @mode, or negative when the kernel leaves that out. */
static struct dump_link read_gen_mode(uint16_t family, int mode)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = 7 };
	struct dump_link link;
	size_t list, nest;

	nl_begin(&batch, RTM_NEWLINK, 0, 0, &header, sizeof(header));
	nl_put_string(&batch, IFLA_IFNAME, "card0");
	list = nl_nest(&batch, IFLA_AF_SPEC);
	nest = nl_nest(&batch, family);
	if (mode >= 0)
		nl_put_u8(&batch, IFLA_INET6_ADDR_GEN_MODE, (uint8_t)mode);
	nl_nest_end(&batch, nest);
	nl_nest_end(&batch, list);
	assert_int_equal(batch.error, 0);
	assert_int_equal(dump_link(batch.message, &link), 0);
	return link;
}

static void gen_modes(void **state _unused_)
{
	struct dump_link said = read_gen_mode(AF_INET6, 1), unsaid = read_gen_mode(AF_INET6, -1), without = read_gen_mode(AF_INET, -1);

	assert_int_equal(said.addr_gen_mode, 1);
	assert_false(said.no_gen_mode);
	assert_true(unsaid.no_gen_mode);
	assert_false(without.no_gen_mode);
}

static void delegated_prefixes(void **state _unused_)
{
	static const struct {
		uint8_t family, type, protocol, length;
		bool delegated;
		int ifindex;
	} cases[] = {
		{ AF_INET6, RTN_UNREACHABLE, RTPROT_DHCP, 56, true, 0 },
		{ AF_INET6, RTN_BLACKHOLE, RTPROT_DHCP, 16, true, 0 },
		{ AF_INET6, RTN_PROHIBIT, RTPROT_DHCP, 64, true, 0 },
		{ AF_INET6, RTN_UNREACHABLE, RTPROT_DHCP, 65, false, 0 },
		{ AF_INET6, RTN_UNREACHABLE, RTPROT_DHCP, 15, false, 0 },
		{ AF_INET6, RTN_UNREACHABLE, RTPROT_STATIC, 56, false, 0 },
		{ AF_INET6, RTN_UNICAST, RTPROT_DHCP, 56, false, 1 },
		{ AF_INET, RTN_UNREACHABLE, RTPROT_DHCP, 24, false, 0 },
		{ AF_INET, RTN_UNICAST, RTPROT_DHCP, 24, false, 1 },
	};
	static const uint8_t prefix[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
		const struct rtmsg header = {
			.rtm_family = cases[i].family, .rtm_dst_len = cases[i].length, .rtm_table = RT_TABLE_MAIN,
			.rtm_protocol = cases[i].protocol, .rtm_type = cases[i].type,
		};
		struct netstate_route route;
		int ifindex = -1;

		nl_begin(&batch, RTM_NEWROUTE, 0, 0, &header, sizeof(header));
		nl_put(&batch, RTA_DST, prefix, cases[i].family == AF_INET ? 4 : sizeof(prefix));
		nl_put_u32(&batch, RTA_OIF, 1);		/* the loopback interface */
		assert_int_equal(batch.error, 0);
		assert_int_equal(dump_route(batch.message, &route, &ifindex), 0);
		check_int("delegated", route.delegated, cases[i].delegated);
		check_int("interface", ifindex, cases[i].ifindex);
	}
}

static int any_object(const struct nlmsghdr *message _unused_, void *data _unused_)
{
	return 0;
}

/* The real kernel: forwarding entries of a bridge that there is not. It ends the dump, and says why only there. */
static void refused(void **state _unused_)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_family = AF_BRIDGE };
	struct mnl_socket *socket = NULL;

	nl_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, 0, &header, sizeof(header));
	nl_put_u32(&request, IFLA_MASTER, INT32_MAX);
	check_int("socket", nlsocket_open(NETLINK_ROUTE, &socket), 0);
	check_int("dump", nlsocket_dump(socket, request.message, any_object, NULL), -ENODEV);
	nlsocket_free(socket);
}

/* A route by a link that is gone is by none, and not by any other: 0 would mean that. */
static void route_of_no_link(void **state _unused_)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct netstate_route route = { .destination = ip_v4(0x0a320000), .prefix_length = 16, .link = "gone?" };
	const struct nlattr *table[RTA_MAX + 1];
	struct kernel kernel = KERNEL_NULL;

	assert_int_equal(nl_channel_open(NETLINK_ROUTE, &kernel.rtnl), 0);
	link_put_guest_route(&kernel, &batch, true, &route, 0);
	nl_channel_deinit(&kernel.rtnl);
	assert_int_equal(batch.error, 0);
	assert_true(nl_parse(batch.message, sizeof(struct rtmsg), table, ARRAY_SIZE(table)));
	assert_int_equal(nl_get_u32(table[RTA_OIF], 0), INT32_MAX);
}

/* Three messages in a batch; the second one as long as one may be, in a nest. Where it is full, the batch is not to be sent. */
static void growing(void **state _unused_)
{
	enum { CHUNK = 4, N = 15000, LONG = 60000 };
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	static const uint8_t zeroes[LONG];
	const struct nfgenmsg header = { .nfgen_family = AF_INET };
	const struct nlmsghdr *message;
	const struct nlattr *attribute;
	struct nlmsghdr *roomy;
	size_t nest;

	nl_begin(&batch, 1, 0, 0, &header, sizeof(header));
	nl_begin(&batch, 2, 0, 0, &header, sizeof(header));
	nest = nl_nest(&batch, 3);
	for (uint32_t i = 0; i < N / 2; i++)
		nl_put_u32(&batch, 4, i);
	nl_nest_end(&batch, nest);
	assert_int_equal(batch.error, 0);
	nl_begin(&batch, 5, 0, 0, &header, sizeof(header));
	roomy = nl_roomy(&batch);
	assert_non_null(roomy);
	memset((uint8_t *)roomy + roomy->nlmsg_len, 0xff, NL_MESSAGE_SIZE - roomy->nlmsg_len);

	message = (const struct nlmsghdr *)batch.bytes;
	assert_int_equal(message->nlmsg_type, 1);
	message = (const struct nlmsghdr *)(batch.bytes + batch.entries[1].offset);
	assert_int_equal(message->nlmsg_type, 2);
	assert_int_equal(message->nlmsg_len, NLMSG_LENGTH(sizeof(header)) + NLA_HDRLEN + N / 2 * (NLA_HDRLEN + CHUNK));
	attribute = (const struct nlattr *)((const uint8_t *)message + NLMSG_LENGTH(sizeof(header)));
	assert_int_equal(attribute->nla_len, NLA_HDRLEN + N / 2 * (NLA_HDRLEN + CHUNK));
	for (uint32_t i = 0; i < N / 2; i++)
		assert_int_equal(((const uint32_t *)(attribute + 1))[2 * i + 1], i);
	assert_int_equal(batch.entries[2].offset, batch.entries[1].offset + message->nlmsg_len);

	nl_put(&batch, 6, zeroes, LONG);
	assert_int_equal(batch.error, 0);
	nl_put(&batch, 6, zeroes, LONG);
	assert_int_equal(batch.error, -EMSGSIZE);
	assert_null(nl_roomy(&batch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vlans_of_a_port),
		cmocka_unit_test(limits_of_elements),
		cmocka_unit_test(tunnels),
		cmocka_unit_test(gen_modes),
		cmocka_unit_test(delegated_prefixes),
		cmocka_unit_test(refused),
		cmocka_unit_test(route_of_no_link),
		cmocka_unit_test(growing),
	};

	return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
