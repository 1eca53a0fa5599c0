/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes sent to the kernel, what is made of its answers, and what of answers that no kernel gives.
 *
 * A fake kernel stands behind some tests: the netlink socket is replaced by one end of a socket pair,
 * and its answers lie ready before the request is sent.
 */
#include "unit.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../helper/bridge.h"
#include "../../helper/rtnetlink.h"

/* Golden bytes are written in host byte order, as netlink is. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define U16(x)	(uint8_t)(x), (uint8_t)((x) >> 8)
#define U32(x)	U16((x) & 0xffff), U16((uint32_t)(x) >> 16)
#else
#define U16(x)	(uint8_t)((x) >> 8), (uint8_t)(x)
#define U32(x)	U16((uint32_t)(x) >> 16), U16((x) & 0xffff)
#endif

#define check_bytes(label, got, n_got, want, n_want)					\
do {											\
	check_int(label ": length", n_got, n_want);					\
	assert_memory_equal(got, want, n_want);						\
} while (0)

static void one_link_request(void **state _unused_)
{
	static const uint8_t golden[] = {
		/* length, RTM_GETLINK, NLM_F_REQUEST, sequence, port */
		U32(48), U16(18), U16(1), U32(0), U32(0),
		/* struct ifinfomsg */
		0, 0, U16(0), U32(0), U32(0), U32(0),
		/* IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS */
		U16(8), U16(29), U32(8),
		/* IFLA_IFNAME, terminated, padded */
		U16(8), U16(3), 'b', 'r', '0', 0,
	};
	struct rtnl_request request;

	memset(&request, 0xaa, sizeof(request));
	rtnl_begin(&request);
	rtnl_message(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	rtnl_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rtnl_put_string(&request, IFLA_IFNAME, "br0");
	check_bytes("request", request.bytes, request.length, golden, sizeof(golden));
	check_int("messages", request.n_messages, 1);
	check_int("overflow", request.overflow, false);
}

static void attributes_are_padded(void **state _unused_)
{
	static const uint8_t golden[] = {
		U32(16 + 16 + 8 + 8 + 8 + 4 + 12), U16(16), U16(1 | 0x600), U32(0), U32(0),
		7, 0, U16(0), U32(42), U32(0), U32(0),
		U16(5), U16(1), 0xab, 0, 0, 0,
		U16(6), U16(2), U16(0xbeef), 0, 0,
		U16(8), U16(3), U32(0xdeadbeef),
		U16(4), U16(4),
		U16(9), U16(5), 'a', 'b', 'c', 'd', 0, 0, 0, 0,
	};
	struct rtnl_request request;
	struct ifinfomsg *header;

	memset(&request, 0xaa, sizeof(request));
	rtnl_begin(&request);
	header = rtnl_message(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*header));
	header->ifi_family = 7;
	header->ifi_index = 42;
	rtnl_put_u8(&request, 1, 0xab);
	rtnl_put_u16(&request, 2, 0xbeef);
	rtnl_put_u32(&request, 3, 0xdeadbeef);
	rtnl_put(&request, 4, NULL, 0);
	rtnl_put_string(&request, 5, "abcd");
	check_bytes("request", request.bytes, request.length, golden, sizeof(golden));
}

static void nesting(void **state _unused_)
{
	static const uint8_t golden[] = {
		U32(16 + 16 + 28), U16(16), U16(1), U32(0), U32(0),
		0, 0, U16(0), U32(0), U32(0), U32(0),
		/* IFLA_LINKINFO | NLA_F_NESTED { IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA { IFLA_BRPORT_ISOLATED } } */
		U16(28), U16(18 | 0x8000),
		U16(11), U16(4), 'b', 'r', 'i', 'd', 'g', 'e', 0, 0,
		U16(12), U16(5 | 0x8000),
		U16(5), U16(33), 1, 0, 0, 0,
	};
	struct rtnl_request request;
	size_t outer, inner;

	rtnl_begin(&request);
	rtnl_message(&request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	outer = rtnl_nest(&request, IFLA_LINKINFO);
	rtnl_put_string(&request, IFLA_INFO_SLAVE_KIND, "bridge");
	inner = rtnl_nest(&request, IFLA_INFO_SLAVE_DATA);
	rtnl_put_u8(&request, IFLA_BRPORT_ISOLATED, 1);
	rtnl_nest_end(&request, inner);
	rtnl_nest_end(&request, outer);
	check_bytes("request", request.bytes, request.length, golden, sizeof(golden));
}

static void several_messages(void **state _unused_)
{
	static const uint8_t golden[] = {
		U32(24), U16(16), U16(1), U32(0), U32(0), 1, 2, 3, 4, 5, 0, 0, 0,
		U32(28), U16(17), U16(5), U32(0), U32(0), 0, 0, 0, 0, U16(8), U16(1), U32(9),
		U32(16), U16(18), U16(1), U32(0), U32(0),
	};
	struct rtnl_request request;

	memset(&request, 0xaa, sizeof(request));
	rtnl_begin(&request);
	memcpy(rtnl_message(&request, 16, 0, 5), "\1\2\3\4\5", 5);
	rtnl_message(&request, 17, NLM_F_ACK, 4);
	rtnl_put_u32(&request, 1, 9);
	rtnl_message(&request, 18, 0, 0);
	/* the length of a message counts its padding: the kernel aligns it anyway */
	check_bytes("request", request.bytes, request.length, golden, sizeof(golden));
	check_int("messages", request.n_messages, 3);
	check_int("current", request.message, 52);

	rtnl_begin(&request);
	check_int("empty", request.length, 0);
	check_int("empty", request.n_messages, 0);
}

/* What does not fit latches, and what follows changes nothing. */
static void overflow(void **state _unused_)
{
	static const uint8_t large[RTNL_REQUEST_SIZE];
	const size_t room = RTNL_REQUEST_SIZE - 16 - 16 - 4;
	struct rtnl_request request;
	size_t nest;

	rtnl_begin(&request);
	rtnl_message(&request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	rtnl_put(&request, 1, large, room);
	check_int("exactly full", request.overflow, false);
	check_int("exactly full", request.length, RTNL_REQUEST_SIZE);
	rtnl_put(&request, 2, NULL, 0);
	check_int("no room for a header", request.overflow, true);
	check_int("no room for a header", request.length, RTNL_REQUEST_SIZE);

	rtnl_begin(&request);
	check_int("begin clears it", request.overflow, false);
	rtnl_message(&request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	rtnl_put(&request, 1, large, room + 1);
	check_int("one byte more", request.overflow, true);
	check_int("one byte more", request.length, 32);
	rtnl_put_u8(&request, 1, 1);
	rtnl_put_string(&request, 1, "x");
	nest = rtnl_nest(&request, 1);
	rtnl_nest_end(&request, nest);
	assert_non_null(rtnl_message(&request, RTM_NEWLINK, 0, 64));
	check_int("it stays", request.overflow, true);
	check_int("nothing is added", request.length, 32);
	check_int("nothing is added", request.n_messages, 1);

	/* the header of a message fits, its family header does not */
	rtnl_begin(&request);
	rtnl_message(&request, RTM_NEWLINK, 0, 0);
	rtnl_put(&request, 1, large, RTNL_REQUEST_SIZE - 16 - 4 - 20);
	assert_ptr_equal(rtnl_message(&request, RTM_NEWLINK, 0, 16), request.bytes);
	check_int("half a message", request.overflow, true);
	check_int("half a message", request.n_messages, 1);

	/* a nest that was open when the room ended */
	rtnl_begin(&request);
	rtnl_message(&request, RTM_NEWLINK, 0, 16);
	nest = rtnl_nest(&request, 1);
	rtnl_put(&request, 2, large, RTNL_REQUEST_SIZE - 100);
	rtnl_put(&request, 2, large, 200);
	rtnl_nest_end(&request, nest);
	check_int("open nest", request.overflow, true);
}

/* Prints what the cursor yields: type:length for each. */
static const char *walk(const uint8_t *bytes, size_t length, char *out, size_t size)
{
	/* a copy of exactly that size, for the sanitisers */
	_cleanup_(freep) uint8_t *copy = malloc(length ?: 1);
	struct rtnl_attributes attributes = { copy, length };
	struct rtnl_attribute attribute;
	struct text text;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	text_init(&text, out, size);
	while (rtnl_next(&attributes, &attribute)) {
		unsigned int sum = 0;

		for (size_t i = 0; i < attribute.length; i++)
			sum += attribute.data[i];
		text_add(&text, "%u:%u(%u) ", attribute.type, attribute.length, sum);
	}
	return out;
}

static void hostile_attributes(void **state _unused_)
{
	static const struct {
		const char *label, *want;
		size_t length;
		uint8_t bytes[40];
	} cases[] = {
		{ "nothing", "", 0, { 0 } },
		{ "less than a header", "", 3, { U16(4), 1 } },
		{ "empty one", "1:0(0) ", 4, { U16(4), U16(1) } },
		{ "length 0", "", 8, { U16(0), U16(1), 9, 9, 9, 9 } },
		{ "length 3", "", 8, { U16(3), U16(1), 9, 9, 9, 9 } },
		{ "longer than the rest", "", 8, { U16(9), U16(1), 9, 9, 9, 9 } },
		{ "far longer", "", 8, { U16(0xffff), U16(1), 9, 9, 9, 9 } },
		{ "exactly the rest", "1:4(36) ", 8, { U16(8), U16(1), 9, 9, 9, 9 } },
		{ "last one without padding", "1:1(9) ", 5, { U16(5), U16(1), 9 } },
		{ "last one with half its padding", "1:1(9) ", 7, { U16(5), U16(1), 9, 8, 8 } },
		{ "padding is no data", "1:1(9) 2:1(7) ", 16, { U16(5), U16(1), 9, 8, 8, 8, U16(5), U16(2), 7, 6, 6, 6 } },
		{ "good, then bad", "1:4(4) ", 16, { U16(8), U16(1), 1, 1, 1, 1, U16(2), U16(2), 2, 2, 2, 2 } },
		{ "good, then too long", "1:4(4) ", 16, { U16(8), U16(1), 1, 1, 1, 1, U16(12), U16(2), 2, 2, 2, 2 } },
		{ "flags are cut off", "5:0(0) 6:0(0) 7:0(0) ", 12, { U16(4), U16(0x8005), U16(4), U16(0x4006), U16(4), U16(0xc007) } },
		{ "trailing bytes", "1:0(0) ", 7, { U16(4), U16(1), 4, 0, 1 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char out[256];

		check_string(cases[i].label, walk(cases[i].bytes, cases[i].length, out, sizeof(out)), cases[i].want);
	}
}

static void hostile_nesting(void **state _unused_)
{
	static const uint8_t inner_too_long[] = { U16(12), U16(1), U16(9), U16(2), 1, 2, 3, 4 };
	struct rtnl_attributes attributes = { inner_too_long, sizeof(inner_too_long) }, nested;
	struct rtnl_attribute attribute, inner;

	assert_true(rtnl_next(&attributes, &attribute));
	nested = rtnl_nested(&attribute);
	assert_false(rtnl_next(&nested, &inner));
	assert_false(rtnl_next(&attributes, &attribute));
}

static void values(void **state _unused_)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 0, 7, 8 };
	struct rtnl_attribute attribute = { .data = bytes };
	uint32_t u32 = 0;
	uint16_t u16 = 0;
	uint8_t u8 = 0;

	for (size_t length = 0; length <= sizeof(bytes); length++) {
		attribute.length = (uint16_t)length;
		check_int("u8", rtnl_get_u8(&attribute, &u8), length == 1);
		check_int("u16", rtnl_get_u16(&attribute, &u16), length == 2);
		check_int("u32", rtnl_get_u32(&attribute, &u32), length == 4);
		check_int("string", rtnl_get_string(&attribute) != NULL, length >= 6);
	}
	check_int("u8", u8, 1);
	assert_memory_equal(&u16, bytes, 2);
	assert_memory_equal(&u32, bytes, 4);
}

static void attributes_behind_a_header(void **state _unused_)
{
	static const uint8_t bytes[24] = { 0 };
	struct rtnl_reply reply = { .payload = bytes };
	struct rtnl_attributes attributes;

	for (reply.length = 0; reply.length <= sizeof(bytes); reply.length++) {
		attributes = rtnl_attributes(&reply, 15);	/* as long as 16: netlink aligns */
		check_int("left", attributes.left, reply.length < 16 ? 0 : reply.length - 16);
		if (reply.length >= 16)
			assert_ptr_equal(attributes.next, bytes + 16);
	}
	reply = (struct rtnl_reply){ 0 };
	check_int("an acknowledgement has none", rtnl_attributes(&reply, 16).left, 0);
}

/* Messages for bridge_read(). */
struct link {
	struct rtnl_request request;
	struct rtnl_reply reply;
};

static void link_begin(struct link *link, int ifindex)
{
	rtnl_begin(&link->request);
	((struct ifinfomsg *)rtnl_message(&link->request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg)))->ifi_index = ifindex;
}

static int link_read(struct link *link, struct bridge *bridge, char *kind, size_t kind_size)
{
	_cleanup_(freep) uint8_t *copy = malloc(link->request.length);

	assert_false(link->request.overflow);
	assert_non_null(copy);
	memcpy(copy, link->request.bytes, link->request.length);
	link->reply = (struct rtnl_reply){
		.type = RTM_NEWLINK,
		.payload = copy + NLMSG_HDRLEN,
		.length = link->request.length - NLMSG_HDRLEN,
		.text = "",
	};
	return bridge_read(&link->reply, bridge, kind, kind_size);
}

static void put_linkinfo(struct link *link, const char *kind, int filtering, int pvid)
{
	size_t info = rtnl_nest(&link->request, IFLA_LINKINFO), data;

	rtnl_put_string(&link->request, IFLA_INFO_KIND, kind);
	data = rtnl_nest(&link->request, IFLA_INFO_DATA);
	if (filtering >= 0)
		rtnl_put_u8(&link->request, IFLA_BR_VLAN_FILTERING, (uint8_t)filtering);
	if (pvid >= 0)
		rtnl_put_u16(&link->request, IFLA_BR_VLAN_DEFAULT_PVID, (uint16_t)pvid);
	rtnl_nest_end(&link->request, data);
	rtnl_nest_end(&link->request, info);
}

static void a_bridge(void **state _unused_)
{
	struct bridge bridge;
	struct link link;
	char kind[32];
	size_t names;

	memset(&bridge, 0xaa, sizeof(bridge));
	link_begin(&link, 42);
	/* alternative names may stand before the canonical one */
	names = rtnl_nest(&link.request, IFLA_PROP_LIST);
	rtnl_put_string(&link.request, IFLA_ALT_IFNAME, "default");
	rtnl_put_string(&link.request, 99, "no name");
	rtnl_put_string(&link.request, IFLA_ALT_IFNAME, "a-rather-long-alternative-name");
	rtnl_nest_end(&link.request, names);
	rtnl_put_u32(&link.request, IFLA_MTU, 9000);
	rtnl_put_string(&link.request, IFLA_IFNAME, "br0");
	put_linkinfo(&link, "bridge", 1, 7);

	check_int("read", link_read(&link, &bridge, kind, sizeof(kind)), 0);
	check_string("kind", kind, "bridge");
	check_int("ifindex", bridge.ifindex, 42);
	check_int("mtu", bridge.mtu, 9000);
	check_int("filtering", bridge.vlan_filtering, true);
	check_int("pvid", bridge.default_pvid, 7);
	check_int("names", bridge.n_names, 3);
	check_string("canonical", bridge.names[0], "br0");
	check_string("alternative", bridge.names[1], "default");
	check_string("alternative", bridge.names[2], "a-rather-long-alternative-name");
	check_int("device", bridge_device(&bridge).n_names, 3);
	assert_ptr_equal(bridge_device(&bridge).names, bridge.names);
}

static void other_links(void **state _unused_)
{
	struct bridge bridge;
	struct link link;
	char kind[32];

	link_begin(&link, 1);
	rtnl_put_string(&link.request, IFLA_IFNAME, "lo");
	check_int("card", link_read(&link, &bridge, kind, sizeof(kind)), 0);
	check_string("card", kind, "");
	check_int("card", bridge.mtu, 0);

	/* the numbers of another kind's data mean something else */
	link_begin(&link, 2);
	rtnl_put_string(&link.request, IFLA_IFNAME, "v0");
	put_linkinfo(&link, "vxlan", 1, 7);
	check_int("vxlan", link_read(&link, &bridge, kind, sizeof(kind)), 0);
	check_string("vxlan", kind, "vxlan");
	check_int("vxlan", bridge.vlan_filtering, false);
	check_int("vxlan", bridge.default_pvid, 0);

	/* a kind that is longer than anybody's is cut, not believed in part */
	link_begin(&link, 3);
	rtnl_put_string(&link.request, IFLA_IFNAME, "x0");
	put_linkinfo(&link, "bridge-of-a-very-long-kind-that-no-kernel-has", 1, 7);
	check_int("long kind", link_read(&link, &bridge, kind, sizeof(kind)), 0);
	check_string("long kind", kind, "bridge-of-a-very-long-kind-that");
	check_int("long kind", bridge.vlan_filtering, false);
}

static void wrong_links(void **state _unused_)
{
	struct rtnl_reply reply = { .type = RTM_NEWLINK };
	struct bridge bridge;
	struct link link;
	char kind[32];
	size_t nest;

	check_int("no payload", bridge_read(&reply, &bridge, kind, sizeof(kind)), -EPROTO);

	link_begin(&link, 1);
	check_int("no name", link_read(&link, &bridge, kind, sizeof(kind)), -EPROTO);

	link_begin(&link, 1);
	rtnl_put_string(&link.request, IFLA_IFNAME, "a");
	rtnl_put_string(&link.request, IFLA_IFNAME, "b");
	check_int("two names", link_read(&link, &bridge, kind, sizeof(kind)), -EPROTO);

	link_begin(&link, 1);
	rtnl_put(&link.request, IFLA_IFNAME, "abc", 3);
	check_int("name without an end", link_read(&link, &bridge, kind, sizeof(kind)), -EPROTO);

	link_begin(&link, 1);
	rtnl_put_string(&link.request, IFLA_IFNAME, "a");
	nest = rtnl_nest(&link.request, IFLA_PROP_LIST);
	rtnl_put(&link.request, IFLA_ALT_IFNAME, "abc", 3);
	rtnl_nest_end(&link.request, nest);
	check_int("alternative name without an end", link_read(&link, &bridge, kind, sizeof(kind)), -EPROTO);

	link_begin(&link, 1);
	rtnl_put_string(&link.request, IFLA_IFNAME, "a");
	rtnl_put_u16(&link.request, IFLA_MTU, 1500);
	put_linkinfo(&link, "bridge", -1, -1);
	nest = rtnl_nest(&link.request, IFLA_LINKINFO);
	rtnl_put(&link.request, IFLA_INFO_KIND, "abc", 3);
	rtnl_nest_end(&link.request, nest);
	check_int("sizes of other types", link_read(&link, &bridge, kind, sizeof(kind)), 0);
	check_int("mtu", bridge.mtu, 0);
	check_string("kind without an end", kind, "");

	link_begin(&link, 1);
	rtnl_put_string(&link.request, IFLA_IFNAME, "a");
	check_int("a link", link_read(&link, &bridge, kind, sizeof(kind)), 0);
	link.reply.type = RTM_DELLINK;
	check_int("another message", bridge_read(&link.reply, &bridge, kind, sizeof(kind)), -EPROTO);
}

static void many_names(void **state _unused_)
{
	for (size_t n = BRIDGE_NAMES - 1; n <= BRIDGE_NAMES; n++) {
		struct bridge bridge;
		struct link link;
		char kind[32];
		size_t nest;

		link_begin(&link, 1);
		rtnl_put_string(&link.request, IFLA_IFNAME, "a");
		nest = rtnl_nest(&link.request, IFLA_PROP_LIST);
		for (size_t i = 0; i < n; i++)
			rtnl_put_string(&link.request, IFLA_ALT_IFNAME, "b");
		rtnl_nest_end(&link.request, nest);
		check_int("names", link_read(&link, &bridge, kind, sizeof(kind)), n < BRIDGE_NAMES ? 0 : -E2BIG);
	}

	/* more text than the buffer holds */
	for (size_t length = RTNL_REPLY_SIZE - 2; length <= RTNL_REPLY_SIZE; length++) {
		_cleanup_(freep) char *name = calloc(1, length);
		struct bridge bridge;
		struct link link;
		char kind[32];
		size_t nest;

		assert_non_null(name);
		memset(name, 'n', length - 1);
		link_begin(&link, 1);
		rtnl_put_string(&link.request, IFLA_IFNAME, "a");
		nest = rtnl_nest(&link.request, IFLA_PROP_LIST);
		rtnl_put(&link.request, IFLA_ALT_IFNAME, name, length);
		rtnl_nest_end(&link.request, nest);
		check_int("text", link_read(&link, &bridge, kind, sizeof(kind)), length <= RTNL_REPLY_SIZE - 2 ? 0 : -E2BIG);
	}
}

/* The fake kernel. Requests are numbered in steps of RTNL_REPLIES. */
struct fake {
	struct rtnl *rtnl;
	int kernel_fd;
	uint32_t sequence;
};

static void fake_open(struct fake *fake)
{
	int fds[2], fd, rtnl_fd;

	/* The lowest free fd is the one that rtnl_open() will get. */
	rtnl_fd = dup(STDERR_FILENO);
	assert_true(rtnl_fd >= 0);
	close(rtnl_fd);
	assert_int_equal(rtnl_open(&fake->rtnl), 0);

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	fd = dup3(fds[0], rtnl_fd, O_CLOEXEC);
	assert_int_equal(fd, rtnl_fd);
	close(fds[0]);
	fake->kernel_fd = fds[1];
	fake->sequence = RTNL_REPLIES;
}

static void fake_close(struct fake *fake)
{
	fake->rtnl = rtnl_free(fake->rtnl);
	close(fake->kernel_fd);
}

static void fake_answer(struct fake *fake, const void *bytes, size_t length)
{
	assert_int_equal(send(fake->kernel_fd, bytes, length, 0), length);
}

static void begin_two(struct rtnl_request *request)
{
	rtnl_begin(request);
	rtnl_message(request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	rtnl_message(request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
}

static void requests_are_numbered(void **state _unused_)
{
	struct rtnl_request request;
	uint8_t sent[256];
	struct fake fake;
	const struct rtnl_reply *replies;
	size_t n;
	const uint8_t golden[] = {
		U32(32), U16(16), U16(1), U32(RTNL_REPLIES), U32(0), 0, 0, U16(0), U32(0), U32(0), U32(0),
		/* the last one wants an acknowledgement */
		U32(32), U16(18), U16(5), U32(RTNL_REPLIES + 1), U32(0), 0, 0, U16(0), U32(0), U32(0), U32(0),
	};

	fake_open(&fake);
	begin_two(&request);
	check_int("nobody answers", rtnl_transact(fake.rtnl, &request, &replies, &n), -EPROTO);
	check_int("sent", recv(fake.kernel_fd, sent, sizeof(sent), MSG_DONTWAIT), sizeof(golden));
	assert_memory_equal(sent, golden, sizeof(golden));

	request.overflow = true;
	check_int("overflow", rtnl_transact(fake.rtnl, &request, &replies, &n), -EMSGSIZE);
	check_int("nothing is sent", recv(fake.kernel_fd, sent, sizeof(sent), MSG_DONTWAIT), -1);
	rtnl_begin(&request);
	check_int("no message", rtnl_transact(fake.rtnl, &request, &replies, &n), -EMSGSIZE);
	check_int("nothing is sent", recv(fake.kernel_fd, sent, sizeof(sent), MSG_DONTWAIT), -1);
	fake_close(&fake);
}

#define ACK(sequence, error) \
	U32(36), U16(NLMSG_ERROR), U16(0), U32(sequence), U32(0), U32(error), U32(16), U16(16), U16(5), U32(sequence), U32(0)

static void answers(void **state _unused_)
{
	const uint8_t object_and_ack[] = {
		/* message 0 fails, message 1 yields an object and is acknowledged */
		ACK(RTNL_REPLIES, (uint32_t)-EBUSY),
		U32(20), U16(RTM_NEWLINK), U16(0), U32((RTNL_REPLIES + 1)), U32(0), 1, 2, 3, 4,
		ACK((RTNL_REPLIES + 1), 0),
	};
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	struct fake fake;
	size_t n = 0;

	fake_open(&fake);
	fake_answer(&fake, object_and_ack, 36);
	fake_answer(&fake, object_and_ack + 36, 20);
	fake_answer(&fake, object_and_ack + 56, 36);
	begin_two(&request);
	check_int("three datagrams", rtnl_transact(fake.rtnl, &request, &replies, &n), 0);
	check_int("answers", n, 3);
	check_int("error", replies[0].error, -EBUSY);
	check_int("message", replies[0].message, 0);
	check_string("text", replies[0].text, "");
	check_int("object", replies[1].error, 0);
	check_int("message", replies[1].message, 1);
	check_int("type", replies[1].type, RTM_NEWLINK);
	check_int("length", replies[1].length, 4);
	assert_memory_equal(replies[1].payload, "\1\2\3\4", 4);
	check_int("acknowledged", replies[2].error, 0);
	check_int("type", replies[2].type, NLMSG_ERROR);
	fake_close(&fake);

	/* the same in one datagram */
	fake_open(&fake);
	fake_answer(&fake, object_and_ack, sizeof(object_and_ack));
	begin_two(&request);
	check_int("one datagram", rtnl_transact(fake.rtnl, &request, &replies, &n), 0);
	check_int("answers", n, 3);
	check_int("error", replies[0].error, -EBUSY);
	assert_memory_equal(replies[1].payload, "\1\2\3\4", 4);
	fake_close(&fake);
}

static void hostile_answers(void **state _unused_)
{
	static const struct {
		const char *label;
		int error;
		size_t length;
		uint8_t bytes[80];
	} cases[] = {
		{ "less than a header", -EPROTO, 15, { ACK((RTNL_REPLIES + 1), 0) } },
		{ "length 0", -EPROTO, 16, { U32(0), U16(2), U16(0), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "length 15", -EPROTO, 16, { U32(15), U16(2), U16(0), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "longer than the datagram", -EPROTO, 36, { U32(37), U16(2), U16(0), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "far longer", -EPROTO, 36, { U32(0xffffffff), U16(2), U16(0), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "an error without an error", -EPROTO, 16, { U32(16), U16(2), U16(0), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "an error of 19 bytes", -EPROTO, 36, { U32(35), U16(2), U16(0), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "another sequence", -EPROTO, 36, { ACK(1, 0) } },
		{ "a sequence behind", -EPROTO, 36, { ACK(RTNL_REPLIES - 1, 0) } },
		{ "a sequence ahead", -EPROTO, 36, { ACK(56, 0) } },
		{ "sequence 0", -EPROTO, 36, { ACK(0, 0) } },
		{ "another sequence before the right one", -EPROTO, 72, { ACK(RTNL_REPLIES - 1, 0), ACK((RTNL_REPLIES + 1), 0) } },
		{ "a positive error", -EPROTO, 36, { ACK((RTNL_REPLIES + 1), 5) } },
		{ "the largest error", 0, 36, { ACK((RTNL_REPLIES + 1), (uint32_t)-4095) } },
		{ "an error beyond it", -EPROTO, 36, { ACK((RTNL_REPLIES + 1), (uint32_t)-4096) } },
		{ "an error that cannot be negated", -EPROTO, 36, { ACK((RTNL_REPLIES + 1), 0x80000000) } },
		{ "the last one is not answered", -EPROTO, 36, { ACK(RTNL_REPLIES, 0) } },
		{ "only an object", -EPROTO, 20, { U32(20), U16(16), U16(0), U32((RTNL_REPLIES + 1)), U32(0), 1, 2, 3, 4 } },
		{ "an answer behind the last one", -EPROTO, 56, { ACK((RTNL_REPLIES + 1), 0), U32(20), U16(16), U16(0), U32((RTNL_REPLIES + 1)), U32(0), 1, 2, 3, 4 } },
		{ "good, then half a header", 0, 44, { ACK((RTNL_REPLIES + 1), 0), U32(20), U16(16), U16(0) } },
		{ "good, then broken", -EPROTO, 52, { ACK((RTNL_REPLIES + 1), 0), U32(99), U16(16), U16(0), U32((RTNL_REPLIES + 1)), U32(0) } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rtnl_reply *replies;
		struct rtnl_request request;
		struct fake fake;
		size_t n;

		fake_open(&fake);
		fake_answer(&fake, cases[i].bytes, cases[i].length);
		begin_two(&request);
		check_int(cases[i].label, rtnl_transact(fake.rtnl, &request, &replies, &n), cases[i].error);
		fake_close(&fake);
	}
}

static void too_much(void **state _unused_)
{
	static const uint8_t large[RTNL_REPLY_SIZE + 1];
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	struct fake fake;
	size_t n;

	fake_open(&fake);
	fake_answer(&fake, large, sizeof(large));
	begin_two(&request);
	check_int("a large one", rtnl_transact(fake.rtnl, &request, &replies, &n), -EMSGSIZE);
	fake_close(&fake);

	for (unsigned int count = RTNL_REPLIES; count <= RTNL_REPLIES + 1; count++) {
		uint8_t bytes[36 * (RTNL_REPLIES + 1)];
		const uint8_t ack[] = { ACK((RTNL_REPLIES + 1), 0) };

		for (unsigned int i = 0; i < count; i++)
			memcpy(bytes + 36 * i, ack, 36);
		fake_open(&fake);
		fake_answer(&fake, bytes, 36 * count);
		begin_two(&request);
		check_int("many", rtnl_transact(fake.rtnl, &request, &replies, &n), count <= RTNL_REPLIES ? 0 : -EMSGSIZE);
		fake_close(&fake);
	}
}

/* The kernel's own words, where they stand as they should. */
static void words(void **state _unused_)
{
	static const struct {
		const char *label, *text;
		size_t length;
		uint8_t bytes[120];
	} cases[] = {
		/* the flag is NLM_F_ACK_TLVS, the attribute NLMSGERR_ATTR_MSG */
		{ "in an acknowledgement", "hi", 44, {
			U32(44), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32(0), U32(16), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0),
			U16(7), U16(1), 'h', 'i', 0, 0 } },
		{ "in an error, behind the request", "no", 60, {
			U32(60), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32((uint32_t)-EBUSY),
			U32(32), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			U16(7), U16(1), 'n', 'o', 0, 0 } },
		{ "behind another attribute", "hi", 52, {
			U32(52), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32(0), U32(16), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0),
			U16(8), U16(2), U32(9), U16(7), U16(1), 'h', 'i', 0, 0 } },
		{ "without the flag", "", 44, {
			U32(44), U16(2), U16(0), U32((RTNL_REPLIES + 1)), U32(0), U32(0), U32(16), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0),
			U16(7), U16(1), 'h', 'i', 0, 0 } },
		{ "without an end", "", 44, {
			U32(44), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32(0), U32(16), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0),
			U16(8), U16(1), 'h', 'i', 'h', 'i' } },
		{ "the flag and nothing more", "", 36, {
			U32(36), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32(0), U32(16), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "an error about a request that is not there", "", 36, {
			U32(36), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32((uint32_t)-EBUSY), U32(32), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0) } },
		{ "a request far longer than the answer", "", 44, {
			U32(44), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32((uint32_t)-EBUSY), U32(0xfffffff0), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0),
			U16(7), U16(1), 'n', 'o', 0, 0 } },
		{ "a request shorter than its header", "", 44, {
			U32(44), U16(2), U16(0x200), U32((RTNL_REPLIES + 1)), U32(0), U32((uint32_t)-EBUSY), U32(8), U16(16), U16(5), U32((RTNL_REPLIES + 1)), U32(0),
			U16(7), U16(1), 'n', 'o', 0, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rtnl_reply *replies;
		struct rtnl_request request;
		struct fake fake;
		size_t n;

		fake_open(&fake);
		fake_answer(&fake, cases[i].bytes, cases[i].length);
		begin_two(&request);
		check_int(cases[i].label, rtnl_transact(fake.rtnl, &request, &replies, &n), 0);
		check_string(cases[i].label, replies[0].text, cases[i].text);
		fake_close(&fake);
	}
}

struct count {
	unsigned int objects;
	int result;
};

static int count_object(const struct rtnl_reply *reply, void *data)
{
	struct count *count = data;

	check_int("type", reply->type, RTM_NEWLINK);
	check_int("length", reply->length, 4);
	return ++count->objects == 2 ? count->result : 0;
}

#define OBJECT(flags)	U32(20), U16(RTM_NEWLINK), U16(flags), U32(RTNL_REPLIES), U32(0), 1, 2, 3, 4
#define ENDED(error)	U32(20), U16(NLMSG_DONE), U16(2), U32(RTNL_REPLIES), U32(0), U32(error)
#define DONE		ENDED(0)

static void dumps(void **state _unused_)
{
	static const struct {
		const char *label;
		int result, error;
		unsigned int objects;
		size_t length;
		uint8_t bytes[100];
	} cases[] = {
		{ "none", 0, 0, 0, 20, { DONE } },
		{ "three", 0, 0, 3, 80, { OBJECT(2), OBJECT(2), OBJECT(2), DONE } },
		{ "nothing behind the end counts", 0, 0, 1, 60, { OBJECT(2), DONE, OBJECT(2) } },
		{ "ended by the caller", -ENOSPC, -ENOSPC, 2, 80, { OBJECT(2), OBJECT(2), OBJECT(2), DONE } },
		/* NLM_F_DUMP_INTR */
		{ "interrupted", 0, -EINTR, 1, 80, { OBJECT(2), OBJECT(0x12), OBJECT(2), DONE } },
		{ "ended by the kernel", 0, -ENODEV, 1, 40, { OBJECT(2), ENDED((uint32_t)-ENODEV) } },
		{ "ended by nothing known", 0, -EPROTO, 0, 40, { OBJECT(2), ENDED(1) } },
		{ "refused", 0, -EPERM, 0, 36, { ACK(RTNL_REPLIES, (uint32_t)-EPERM) } },
		{ "no end", 0, -EPROTO, 2, 40, { OBJECT(2), OBJECT(2) } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct count count = { .result = cases[i].result };
		struct rtnl_request request;
		struct fake fake;

		fake_open(&fake);
		fake_answer(&fake, cases[i].bytes, cases[i].length);
		rtnl_begin(&request);
		rtnl_message(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		check_int(cases[i].label, rtnl_dump(fake.rtnl, &request, count_object, &count), cases[i].error);
		check_int(cases[i].label, count.objects, cases[i].objects);
		fake_close(&fake);
	}
}

/* From the answer to a struct bridge, or to the words that the user sees. */
static void resolving(void **state _unused_)
{
	static const uint8_t nodev[] = { ACK(RTNL_REPLIES, (uint32_t)-ENODEV) };
	static const uint8_t perm[] = { ACK(RTNL_REPLIES, (uint32_t)-EPERM) };
	static const uint8_t ack[] = { ACK(RTNL_REPLIES, 0) };
	static const char *const kinds[] = { "bridge", "openvswitch", "" };
	static const char *const texts[] = {
		"",
		"failed to add interface to `n\\x0a0': n\\x0a0 is not a bridge (openvswitch)",
		"failed to add interface to `n\\x0a0': n\\x0a0 is not a bridge (a network card)",
	};
	struct failure failure = { 0 };
	struct bridge bridge;
	struct fake fake;

	fake_open(&fake);
	fake_answer(&fake, nodev, sizeof(nodev));
	check_int("no device", bridge_resolve(fake.rtnl, "n0", &bridge, &failure), -ENODEV);
	check_string("no device", failure.text, "");
	fake_close(&fake);

	fake_open(&fake);
	fake_answer(&fake, perm, sizeof(perm));
	check_int("refused", bridge_resolve(fake.rtnl, "n\n0", &bridge, &failure), -EPERM);
	check_prefix("refused", failure.text, "failed to get mtu of bridge `n\\x0a0': Operation not permitted");
	fake_close(&fake);

	failure = (struct failure){ 0 };
	fake_open(&fake);
	fake_answer(&fake, ack, sizeof(ack));
	check_int("no object", bridge_resolve(fake.rtnl, "n0", &bridge, &failure), -EPROTO);
	check_prefix("no object", failure.text, "failed to get mtu of bridge `n0': Protocol error");
	fake_close(&fake);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct link link;

		link_begin(&link, 5);
		rtnl_put_string(&link.request, IFLA_IFNAME, "n0");
		if (kinds[i][0])
			put_linkinfo(&link, kinds[i], 0, 1);
		((struct nlmsghdr *)link.request.bytes)->nlmsg_seq = RTNL_REPLIES;
		failure = (struct failure){ 0 };
		fake_open(&fake);
		fake_answer(&fake, link.request.bytes, link.request.length);
		fake_answer(&fake, ack, sizeof(ack));
		check_int(kinds[i], bridge_resolve(fake.rtnl, "n\n0", &bridge, &failure), i == 0 ? 0 : -EOPNOTSUPP);
		check_prefix(kinds[i], failure.text, texts[i]);
		fake_close(&fake);
	}
	check_int("ifindex", bridge.ifindex, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_link_request),
		cmocka_unit_test(attributes_are_padded),
		cmocka_unit_test(nesting),
		cmocka_unit_test(several_messages),
		cmocka_unit_test(overflow),
		cmocka_unit_test(hostile_attributes),
		cmocka_unit_test(hostile_nesting),
		cmocka_unit_test(values),
		cmocka_unit_test(attributes_behind_a_header),
		cmocka_unit_test(a_bridge),
		cmocka_unit_test(other_links),
		cmocka_unit_test(wrong_links),
		cmocka_unit_test(many_names),
		cmocka_unit_test(requests_are_numbered),
		cmocka_unit_test(answers),
		cmocka_unit_test(hostile_answers),
		cmocka_unit_test(too_much),
		cmocka_unit_test(words),
		cmocka_unit_test(dumps),
		cmocka_unit_test(resolving),
	};

	return cmocka_run_group_tests_name("rtnetlink", tests, NULL, NULL);
}
