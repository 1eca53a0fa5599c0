/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows the present rules would not have made.
 */
#include "model.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>

#include "../../netd/model/flows.h"

#define UPLINK "198.51.100.2"
#define SERVER "203.0.113.9"
#define SERVER6 "2001:db8:99::9"
#define UPLINK6 "2001:db8:51::2"
#define SNAT IPS_SRC_NAT
#define DNAT IPS_DST_NAT

/* A side of a flow as text: "ADDRESS PORT". No reply: that of a flow that nobody translates. */
struct flow_case {
	const char *name;
	bool unwanted;
	uint8_t protocol;
	uint32_t status;
	const char *source, *destination;
	const char *reply_source, *reply_destination;
	uint16_t zone;
};

static const struct flow_case flow_cases[] = {
	/* out of a NAT network */
	{ "masqueraded", false, IPPROTO_UDP, SNAT, "10.1.0.5 999", SERVER " 53", SERVER " 53", UPLINK " 1999" },
	{ "private address outside", true, IPPROTO_UDP, 0, "10.1.0.5 999", SERVER " 53" },
	{ "private address outside, tcp", true, IPPROTO_TCP, IPS_ASSURED, "10.1.0.5 999", SERVER " 443" },
	{ "private address outside, ping", true, IPPROTO_ICMP, 0, "10.1.0.5 0", SERVER " 0" },
	{ "private address outside, no ports", true, 47, 0, "10.1.0.5 0", SERVER " 0" },
	{ "private address in a foreign network", true, IPPROTO_TCP, 0, "10.1.0.5 999", "192.168.122.7 80" },
	{ "masqueraded, IPv6", false, IPPROTO_TCP, SNAT, "fd01::5 999", SERVER6 " 53", SERVER6 " 53", UPLINK6 " 1999" },
	{ "private address outside, IPv6", true, IPPROTO_UDP, 0, "fd01::5 999", SERVER6 " 53" },
	{ "to a container, translated twice", false, IPPROTO_TCP, SNAT | DNAT, "10.1.0.5 999", UPLINK " 8080",
	  "172.17.0.2 80", "172.17.0.1 2999" },
	{ "to a container, not masqueraded", true, IPPROTO_TCP, DNAT, "10.1.0.5 999", UPLINK " 8080", "172.17.0.2 80",
	  "10.1.0.5 999" },
	{ "multicast", false, IPPROTO_UDP, 0, "10.1.0.5 5353", "224.0.0.251 5353" },
	{ "multicast, IPv6", false, IPPROTO_UDP, 0, "fd01::5 5353", "ff02::fb 5353" },
	{ "broadcast", false, IPPROTO_UDP, 0, "10.1.0.5 68", "255.255.255.255 67" },
	{ "broadcast of its own network", false, IPPROTO_UDP, 0, "10.1.0.5 138", "10.1.0.255 138" },
	{ "last address of a network", true, IPPROTO_UDP, 0, "10.1.0.254 999", SERVER " 53" },
	{ "before the first network", false, IPPROTO_UDP, 0, "10.0.255.255 999", SERVER " 53" },
	{ "behind a network", false, IPPROTO_UDP, 0, "10.1.1.0 999", SERVER " 53" },
	{ "in another zone", false, IPPROTO_UDP, 0, "10.1.0.5 999", SERVER " 53", NULL, NULL, 7 },

	/* out of an isolated network */
	{ "isolated, outside", true, IPPROTO_UDP, 0, "10.3.0.5 999", SERVER " 53" },
	{ "isolated, outside, masqueraded", true, IPPROTO_UDP, SNAT, "10.3.0.5 999", SERVER " 53", SERVER " 53", UPLINK " 1999" },

	/* between networks, and within one */
	{ "within a network", false, IPPROTO_TCP, 0, "10.1.0.5 999", "10.1.0.6 80" },
	{ "within a network, other prefix", false, IPPROTO_TCP, 0, "10.1.0.5 999", "10.11.0.6 80" },
	{ "within an isolated network", false, IPPROTO_TCP, 0, "10.3.0.5 999", "10.3.0.6 80" },
	{ "between networks", true, IPPROTO_TCP, 0, "10.1.0.5 999", "10.2.0.6 80" },
	{ "between networks, back", true, IPPROTO_TCP, 0, "10.2.0.6 80", "10.1.0.5 999" },
	{ "between networks, masqueraded", true, IPPROTO_TCP, SNAT, "10.1.0.5 999", "10.2.0.6 80", "10.2.0.6 80", "10.2.0.1 1999" },
	{ "between networks, IPv6", true, IPPROTO_TCP, 0, "fd01::5 999", "fd02::6 80" },
	{ "between networks by a forward", false, IPPROTO_TCP, DNAT, "10.1.0.5 999", UPLINK " 8080", "10.2.0.6 80", "10.1.0.5 999" },

	/* to a guest from outside */
	{ "from outside", true, IPPROTO_TCP, 0, SERVER " 999", "10.1.0.5 80" },
	{ "from outside by a forward", false, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 8080", "10.1.0.5 80", SERVER " 999" },
	{ "from outside, announced", false, IPPROTO_TCP, IPS_EXPECTED, SERVER " 20", "10.1.0.5 999" },
	{ "from a foreign network", true, IPPROTO_TCP, 0, "192.168.122.7 999", "10.1.0.5 80" },

	/* behind guests of gn-g: one prefix in another, and one that is gone */
	{ "behind a guest", false, IPPROTO_UDP, SNAT, "10.40.2.5 999", SERVER " 53", SERVER " 53", UPLINK " 1999" },
	{ "behind two guests", false, IPPROTO_UDP, SNAT, "10.40.1.5 999", SERVER " 53", SERVER " 53", UPLINK " 1999" },
	{ "behind a guest, not translated", true, IPPROTO_UDP, 0, "10.40.2.5 999", SERVER " 53" },
	{ "behind a guest, to another network", true, IPPROTO_TCP, 0, "10.40.2.5 999", "10.1.0.5 80" },
	{ "behind a guest, to a neighbour", false, IPPROTO_TCP, 0, "10.40.2.5 999", "10.7.0.9 80" },
	{ "to behind a guest, from outside", true, IPPROTO_TCP, 0, SERVER " 999", "10.40.1.5 80" },
	{ "behind a guest, no longer", true, IPPROTO_UDP, SNAT, "10.41.2.5 999", SERVER " 53", SERVER " 53", UPLINK " 1999" },

	/* routed networks: gn-d was a NAT network before */
	{ "routed out", false, IPPROTO_UDP, 0, "10.4.0.5 999", SERVER " 53" },
	{ "routed out, IPv6", false, IPPROTO_UDP, 0, "fd04::5 999", SERVER6 " 53" },
	{ "routed in", false, IPPROTO_TCP, 0, SERVER " 999", "10.4.0.5 80" },
	{ "routed in, IPv6", false, IPPROTO_TCP, 0, SERVER6 " 999", "fd04::5 80" },
	{ "routed, translated by somebody else", false, IPPROTO_UDP, SNAT, "10.4.0.5 999", SERVER " 53", SERVER " 53", "192.0.2.99 999" },
	{ "routed, translated as before", true, IPPROTO_UDP, SNAT, "10.4.0.5 999", SERVER " 53", SERVER " 53", UPLINK " 999" },
	{ "routed, from another network", true, IPPROTO_TCP, 0, "10.1.0.5 999", "10.4.0.5 80" },
	{ "routed, to another network", true, IPPROTO_TCP, 0, "10.4.0.5 999", "10.1.0.5 80" },
	/* NATAddress= */
	{ "fixed address", false, IPPROTO_UDP, SNAT, "10.5.0.5 999", SERVER " 53", SERVER " 53", "192.0.2.8 999" },
	{ "fixed address, another one", true, IPPROTO_UDP, SNAT, "10.5.0.5 999", SERVER " 53", SERVER " 53", UPLINK " 999" },
	{ "fixed address, not translated", true, IPPROTO_UDP, 0, "10.5.0.5 999", SERVER " 53" },
	{ "IPv6 beside NAT, out", false, IPPROTO_UDP, 0, "fd05::5 999", SERVER6 " 53" },
	{ "IPv6 beside NAT, in", false, IPPROTO_TCP, 0, SERVER6 " 999", "fd05::5 80" },
	/* forwards: 8080 led to 10.1.0.5:80 and still does, 8081 led to 10.1.0.6:80 and now to .7, 8082 is gone */
	{ "forward that stays", false, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 8080", "10.1.0.5 80", SERVER " 999" },
	{ "forward that moved", true, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 8081", "10.1.0.6 80", SERVER " 999" },
	{ "forward that moved, new", false, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 8081", "10.1.0.7 80", SERVER " 999" },
	{ "forward that is gone", true, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 8082", "10.1.0.6 80", SERVER " 999" },
	{ "forward that is gone, the host's", true, IPPROTO_TCP, DNAT, UPLINK " 999", UPLINK " 8082", "10.1.0.6 80", UPLINK " 999" },
	{ "somebody else's forward", false, IPPROTO_UDP, DNAT, SERVER " 999", UPLINK " 8082", "10.1.0.6 80", SERVER " 999" },
	/* DenyOut= and DenyIn=: gn-h denies its guests 203.0.113.0/24 but DNS, one of them anything else, too, and is reached by ssh alone */
	{ "denied to all", true, IPPROTO_TCP, IPS_ASSURED | SNAT, "10.12.0.9 999", SERVER " 443", SERVER " 443", UPLINK " 1999" },
	{ "denied to all, an exception", false, IPPROTO_UDP, SNAT, "10.12.0.9 999", SERVER " 53", SERVER " 53", UPLINK " 1999" },
	{ "denied to all, elsewhere", false, IPPROTO_TCP, SNAT, "10.12.0.9 999", "192.0.2.1 443", "192.0.2.1 443", UPLINK " 1999" },
	{ "denied to all, announced", false, IPPROTO_TCP, SNAT | IPS_EXPECTED, "10.12.0.9 999", SERVER " 20", SERVER " 20", UPLINK " 1999" },
	{ "denied to all, a neighbour", false, IPPROTO_TCP, 0, "10.12.0.9 999", "10.12.0.8 443" },
	{ "denied to all, another network", false, IPPROTO_TCP, SNAT, "10.1.0.5 999", SERVER " 443", SERVER " 443", UPLINK " 1999" },
	{ "denied to one", true, IPPROTO_TCP, SNAT, "10.12.0.5 999", "192.0.2.1 443", "192.0.2.1 443", UPLINK " 1999" },
	{ "denied to one, an exception", false, IPPROTO_TCP, SNAT, "10.12.0.5 999", "192.0.2.7 443", "192.0.2.7 443", UPLINK " 1999" },
	{ "denied to one, before what all may", true, IPPROTO_UDP, SNAT, "10.12.0.5 999", SERVER " 53", SERVER " 53", UPLINK " 1999" },
	{ "denied to one, its other address", true, IPPROTO_TCP, SNAT, "fd12::1:5 999", SERVER6 " 443", SERVER6 " 443", UPLINK6 " 1999" },
	{ "denied to one, the gateway", false, IPPROTO_UDP, 0, "10.12.0.5 999", "10.12.0.1 53" },
	{ "denied from outside", true, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 8080", "10.12.0.9 80", SERVER " 999" },
	{ "denied from outside, an exception", false, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 2222", "10.12.0.9 22", SERVER " 999" },
	{ "denied from outside, the host", false, IPPROTO_TCP, 0, UPLINK " 999", "10.12.0.9 80" },
	/* Mode=open */
	{ "open, out", false, IPPROTO_UDP, 0, "10.6.0.5 999", SERVER " 53" },
	{ "open, in", false, IPPROTO_TCP, 0, SERVER " 999", "10.6.0.5 80" },
	/* and with rules for its guests, as gn-h has: nothing else is asked of it */
	{ "open, denied", true, IPPROTO_TCP, IPS_ASSURED, "10.13.0.5 999", SERVER " 443" },
	{ "open, not denied", false, IPPROTO_TCP, 0, "10.13.0.5 999", "192.0.2.1 443" },
	{ "open, translated by somebody", false, IPPROTO_TCP, SNAT, "10.13.0.5 999", "192.0.2.1 443", "192.0.2.1 443", UPLINK " 1999" },
	{ "open, denied, the host", false, IPPROTO_TCP, 0, "10.13.0.5 999", UPLINK " 22" },
	{ "open, denied, a neighbour", false, IPPROTO_TCP, 0, "10.13.0.5 999", "10.13.0.6 80" },
	{ "open, denied in", true, IPPROTO_TCP, 0, SERVER " 999", "10.13.0.5 80" },
	{ "open, allowed in", false, IPPROTO_TCP, 0, SERVER " 999", "10.13.0.5 22" },
	{ "open, denied in, another network", true, IPPROTO_TCP, SNAT, "10.1.0.5 999", "10.13.0.5 80", "10.13.0.5 80", UPLINK " 1999" },
	{ "open, allowed in, another network", false, IPPROTO_TCP, SNAT, "10.1.0.5 999", "10.13.0.5 22", "10.13.0.5 22", UPLINK " 1999" },
	{ "open, allowed in, not masqueraded", true, IPPROTO_TCP, 0, "10.1.0.5 999", "10.13.0.5 22" },

	/* to the host: gateway */
	{ "gateway, DNS", false, IPPROTO_UDP, 0, "10.1.0.5 999", "10.1.0.1 53" },
	{ "gateway, DNS by TCP", false, IPPROTO_TCP, 0, "10.1.0.5 999", "10.1.0.1 53" },
	{ "gateway, TFTP", false, IPPROTO_UDP, 0, "10.1.0.5 999", "10.1.0.1 69" },
	{ "gateway, not TFTP", true, IPPROTO_TCP, 0, "10.1.0.5 999", "10.1.0.1 69" },
	{ "gateway, DHCP", false, IPPROTO_UDP, 0, "10.1.0.5 68", "10.1.0.1 67" },
	{ "gateway, not a DHCP client", true, IPPROTO_UDP, 0, "10.1.0.5 999", "10.1.0.1 67" },
	{ "gateway, ping", false, IPPROTO_ICMP, 0, "10.1.0.5 0", "10.1.0.1 0" },
	{ "gateway, ssh", true, IPPROTO_TCP, IPS_ASSURED, "10.1.0.5 999", "10.1.0.1 22" },
	{ "gateway, second address", false, IPPROTO_UDP, 0, "10.1.0.5 999", "10.11.0.1 53" },
	{ "gateway, IPv6", false, IPPROTO_UDP, 0, "fd01::5 999", "fd01::1 53" },
	{ "gateway, ping, IPv6", false, IPPROTO_ICMPV6, 0, "fd01::5 0", "fd01::1 0" },
	{ "gateway, ssh, IPv6", true, IPPROTO_TCP, 0, "fd01::5 999", "fd01::1 22" },
	{ "uplink's address", true, IPPROTO_UDP, 0, "10.1.0.5 999", UPLINK " 53" },
	{ "other network's gateway", true, IPPROTO_UDP, 0, "10.1.0.5 999", "10.2.0.1 53" },
	{ "redirected to the gateway", true, IPPROTO_TCP, DNAT, "10.1.0.5 999", SERVER " 80", "10.1.0.1 3128", "10.1.0.5 999" },
	{ "redirected to DNS", false, IPPROTO_UDP, DNAT, "10.1.0.5 999", SERVER " 53", "10.1.0.1 53", "10.1.0.5 999" },
	/* The bridge's own link-local address, as gn-a has it: desired_mac() */
	{ "link-local, DNS", false, IPPROTO_UDP, 0, "fe80::5 999", "fe80::5054:ff:fe00:a 53" },
	{ "link-local, ssh", true, IPPROTO_TCP, 0, "fe80::5 999", "fe80::5054:ff:fe00:a 22" },
	{ "link-local, nobody's", false, IPPROTO_TCP, 0, "fe80::5 999", "fe80::77 22" },
	/* HostAccess=all */
	{ "open, ssh", false, IPPROTO_TCP, 0, "10.2.0.5 999", "10.2.0.1 22" },
	{ "open, uplink's address", false, IPPROTO_TCP, 0, "10.2.0.5 999", UPLINK " 22" },
	{ "open, link-local", false, IPPROTO_TCP, 0, "fe80::5 999", "fe80::5054:ff:fe00:b 22" },
	{ "open, and yet not masqueraded", true, IPPROTO_TCP, 0, "10.2.0.5 999", SERVER " 22" },
	/* HostAccess=none */
	{ "closed, DNS", true, IPPROTO_UDP, 0, "10.3.0.5 999", "10.3.0.1 53" },
	{ "closed, ping", true, IPPROTO_ICMP, 0, "10.3.0.5 0", "10.3.0.1 0" },
	{ "closed, DHCP", false, IPPROTO_UDP, 0, "10.3.0.5 68", "10.3.0.1 67" },

	/* the host's own */
	{ "host to a guest", false, IPPROTO_TCP, 0, "10.1.0.1 999", "10.1.0.5 22" },
	{ "host from its uplink to a guest", false, IPPROTO_TCP, 0, UPLINK " 999", "10.1.0.5 22" },
	{ "host to outside", false, IPPROTO_TCP, 0, UPLINK " 999", SERVER " 22" },
	{ "host from a bridge's address", false, IPPROTO_TCP, 0, "10.1.0.1 999", SERVER " 22" },
	{ "host to itself", false, IPPROTO_TCP, 0, "127.0.0.1 999", "127.0.0.1 22" },
	{ "host to itself by a forward", false, IPPROTO_TCP, DNAT, "127.0.0.1 999", "127.0.0.1 80", "10.1.0.5 80", "127.0.0.1 999" },
	{ "outside to the host", false, IPPROTO_TCP, 0, SERVER " 999", UPLINK " 22" },
	{ "outside to a bridge's address", false, IPPROTO_TCP, 0, SERVER " 999", "10.1.0.1 22" },

	/* foreign networks */
	{ "foreign network to outside", false, IPPROTO_TCP, 0, "192.168.122.7 999", SERVER " 80" },
	{ "foreign network to the host", false, IPPROTO_TCP, 0, "192.168.122.7 999", "192.168.122.1 80" },
	{ "between foreign networks", false, IPPROTO_TCP, 0, "192.168.122.7 999", "172.17.0.2 80" },
	{ "routed through", false, IPPROTO_TCP, 0, "203.0.113.7 999", "192.0.2.2 80" },

	/* networks that are no longer there */
	{ "from a gone network", true, IPPROTO_TCP, SNAT, "10.9.0.5 999", SERVER " 80", SERVER " 80", UPLINK " 1999" },
	{ "from a gone network to the host", true, IPPROTO_UDP, 0, "10.9.0.5 999", UPLINK " 53" },
	{ "to a gone network", true, IPPROTO_TCP, DNAT, SERVER " 999", UPLINK " 8080", "10.9.0.5 80", SERVER " 999" },
	{ "host to a gone network", false, IPPROTO_TCP, 0, UPLINK " 999", "10.9.0.5 80" },
	{ "from a prefix that the rules still have", true, IPPROTO_TCP, SNAT, "10.8.0.5 999", SERVER " 80", SERVER " 80", UPLINK " 1999" },
	{ "from a gone prefix that somebody else has", false, IPPROTO_TCP, 0, "192.168.122.9 999", SERVER " 80" },
};

static void side(const char *text, struct ip *ret_ip, uint16_t *ret_port)
{
	char address[64];

	assert_int_equal(sscanf(text, "%63s %hu", address, ret_port), 2);
	assert_int_equal(ip_parse(address, ret_ip), 0);
}

static struct flow read_case(const struct flow_case *flow_case)
{
	struct flow flow = { .protocol = flow_case->protocol, .status = flow_case->status, .zone = flow_case->zone };

	side(flow_case->source, &flow.original.source, &flow.original.source_port);
	side(flow_case->destination, &flow.original.destination, &flow.original.destination_port);
	side(flow_case->reply_source ?: flow_case->destination, &flow.reply.source, &flow.reply.source_port);
	side(flow_case->reply_destination ?: flow_case->source, &flow.reply.destination, &flow.reply.destination_port);
	return flow;
}

static struct netstate_address address(const char *link, const char *text, bool ours)
{
	struct netstate_address item = { .ours = ours };

	snprintf(item.link, sizeof(item.link), "%s", link);
	assert_int_equal(ip_parse_prefix(text, &item.address, &item.prefix_length), 0);
	return item;
}

static void add_address(struct netstate *state, const char *link, const char *text, bool ours)
{
	struct netstate_address item = address(link, text, ours);

	assert_int_equal(netstate_add_address(state, &item), 0);
}

static void add_source4(struct netstate *state, const char *bridge, const char *text)
{
	struct netstate_element element = { .set = NETSTATE_SET_SOURCE4, .key_length = 20 };
	struct ip ip;

	assert_int_equal(ip_parse_prefix(text, &ip, &element.prefix_length), 0);
	snprintf((char *)element.key, IFNAME_SIZE, "%s", bridge);
	memcpy(element.key + IFNAME_SIZE, ip.bytes_be, 4);
	assert_int_equal(netstate_add_element(state, &element), 0);
}

static void add_named(struct netstate *state, enum netstate_set set, const char *bridge)
{
	struct netstate_element element = { .set = (uint8_t)set, .key_length = IFNAME_SIZE };

	snprintf((char *)element.key, IFNAME_SIZE, "%s", bridge);
	assert_int_equal(netstate_add_element(state, &element), 0);
}

static void add_forward(struct netstate *state, uint16_t port, uint32_t guest)
{
	struct netstate_element element = {
		.set = NETSTATE_SET_FORWARD4, .key_length = 8, .data_length = 8,
		.key = { IPPROTO_TCP, 0, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, 0, 0,
			 (uint8_t)(guest >> 24), (uint8_t)(guest >> 16), (uint8_t)(guest >> 8), (uint8_t)guest, 0, 80 },
	};

	assert_int_equal(netstate_add_element(state, &element), 0);
}

/* The rules borrow it. */
static struct netstate snapshot;

static void build(struct world *world, struct flow_rules *rules)
{
	const struct netstate_address previous[] = {
		address("gn-a", "10.1.0.1/24", true),
		address("gn-f", "10.6.0.1/24", true),
		address("gn-old", "10.9.0.1/24", true),
		address("gn-taken", "192.168.122.1/24", true),
	};
	static const char *const guest[] = { "10.12.0.5", "fd12::1:5" };
	const struct mac mac = { { 0x52, 0x54, 0, 0, 0, 5 } };
	struct ip ip;

	memset(world, 0, sizeof(*world));
	world_add(world, "a", "[Network]\nBridge=gn-a\nMACAddress=52:54:00:00:00:0a\n"
		  "[Address]\nAddress=10.1.0.1/24\nAddress=10.11.0.1/24\nAddress=fd01::1/64\n");
	world_add(world, "b", "[Network]\nBridge=gn-b\nMACAddress=52:54:00:00:00:0b\nHostAccess=all\n"
		  "[Address]\nAddress=10.2.0.1/24\nAddress=fd02::1/64\n");
	world_add(world, "c", "[Network]\nBridge=gn-c\nMode=isolated\nHostAccess=none\n[Address]\nAddress=10.3.0.1/24\n");
	world_add(world, "d", "[Network]\nBridge=gn-d\nMode=route\n[Address]\nAddress=10.4.0.1/24\nAddress=fd04::1/64\n");
	world_add(world, "e", "[Network]\nBridge=gn-e\nNATAddress=192.0.2.7-192.0.2.9\nNAT66=no\n[Address]\nAddress=10.5.0.1/24\nAddress=fd05::1/64\n");
	world_add(world, "f", "[Network]\nBridge=gn-f\nMode=open\n[Address]\nAddress=10.6.0.1/24\n");
	world_add(world, "g", "[Network]\nBridge=gn-g\n[Address]\nAddress=10.7.0.1/24\n[Route]\nDestination=10.40.0.0/16\nGateway=10.7.0.5\n"
		  "[Route]\nDestination=10.40.1.0/24\nGateway=10.7.0.6\n");
	world_add(world, "h", "[Network]\nBridge=gn-h\nDenyOut=203.0.113.0/24\nAllowOut=203.0.113.0/24 udp:53\nDenyIn=any\nAllowIn=tcp:22\n"
		  "[Address]\nAddress=10.12.0.1/24\nAddress=fd12::1/64\n"
		  "[Host]\nMACAddress=52:54:00:00:00:05\nDenyOut=any\nAllowOut=192.0.2.7 tcp:443\n");
	world_add(world, "i", "[Network]\nBridge=gn-i\nMode=open\nDenyOut=203.0.113.0/24\nDenyIn=any\nAllowIn=tcp:22\n[Address]\nAddress=10.13.0.1/24\n");
	world_build(world, NULL);

	netstate_deinit(&snapshot);
	add_address(&snapshot, "lo", "127.0.0.1/8", false);
	add_address(&snapshot, "up0", UPLINK "/24", false);
	add_address(&snapshot, "up0", UPLINK6 "/64", false);
	add_address(&snapshot, "virbr0", "192.168.122.1/24", false);
	add_address(&snapshot, "docker0", "172.17.0.1/16", false);
	add_address(&snapshot, "gn-a", "10.1.0.1/24", true);
	add_source4(&snapshot, "gn-a", "10.1.0.0/24");
	add_source4(&snapshot, "gn-older", "10.8.0.0/24");
	add_source4(&snapshot, "gn-g", "10.40.1.0/24");
	add_source4(&snapshot, "gn-g", "10.41.0.0/16");
	add_named(&snapshot, NETSTATE_SET_NAT, "gn-d");
	add_forward(&snapshot, 8080, 0x0a010005);
	add_forward(&snapshot, 8081, 0x0a010006);
	add_forward(&snapshot, 8082, 0x0a010006);
	add_forward(&world->desired, 8080, 0x0a010005);
	add_forward(&world->desired, 8081, 0x0a010007);
	netstate_sort(&world->desired);
	netstate_sort(&snapshot);
	assert_int_equal(flow_rules_build(&world->desired, &snapshot, previous, ARRAY_SIZE(previous), rules), 0);
	assert_true(flow_rules_want_neighbours(rules));
	for (size_t i = 0; i < ARRAY_SIZE(guest); i++) {
		assert_int_equal(ip_parse(guest[i], &ip), 0);
		assert_int_equal(flow_rules_add_neighbour(rules, &ip, &mac), 0);
	}
}

static void cases(void **state _unused_)
{
	struct flow_rules rules;
	struct world world;
	size_t n_wrong = 0;

	build(&world, &rules);
	for (size_t i = 0; i < ARRAY_SIZE(flow_cases); i++) {
		struct flow flow = read_case(&flow_cases[i]);

		if (flow_is_unwanted(&rules, &flow) == flow_cases[i].unwanted)
			continue;
		print_message("%s: want %s\n", flow_cases[i].name, flow_cases[i].unwanted ? "unwanted" : "kept");
		n_wrong++;
	}
	assert_int_equal(n_wrong, 0);
	flow_rules_deinit(&rules);
	world_deinit(&world);
}

static void without_networks_nothing_is_unwanted(void **state _unused_)
{
	const struct netstate nothing = NETSTATE_NULL;
	struct flow_rules rules;

	assert_int_equal(flow_rules_build(&nothing, &nothing, NULL, 0, &rules), 0);
	for (size_t i = 0; i < ARRAY_SIZE(flow_cases); i++) {
		struct flow flow = read_case(&flow_cases[i]);

		assert_false(flow_is_unwanted(&rules, &flow));
	}
	flow_rules_deinit(&rules);
}

static void every_prefix_is_found(void **state _unused_)
{
	struct netstate desired = NETSTATE_NULL;
	struct flow_rules rules;

	for (uint32_t i = 0; i < 1000; i++) {
		char bridge[IFNAME_SIZE], prefix[IP_TEXT_SIZE];

		snprintf(bridge, sizeof(bridge), "gn%u", i);
		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/25", i / 256, i % 256);
		add_source4(&desired, bridge, prefix);
		add_named(&desired, NETSTATE_SET_NAT, bridge);
	}
	netstate_sort(&desired);
	assert_int_equal(flow_rules_build(&desired, &desired, NULL, 0, &rules), 0);
	assert_int_equal(rules.n_prefixes, 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flow flow = { .protocol = IPPROTO_UDP };

		flow.original.source = flow.reply.destination = ip_v4(0x0a000000 + 256 * i + 127);
		flow.original.destination = flow.reply.source = ip_v4(0x08080808);
		assert_true(flow_is_unwanted(&rules, &flow));
		flow.original.source = flow.reply.destination = ip_v4(0x0a000000 + 256 * i + 128);
		assert_false(flow_is_unwanted(&rules, &flow));
	}
	flow_rules_deinit(&rules);
	netstate_deinit(&desired);
}

static void due_after_rules_changed(void **state _unused_)
{
	static const uint8_t due[] = { PLAN_TABLE_REPLACE, PLAN_TABLE_DELETE, PLAN_ELEMENT_ADD, PLAN_ELEMENT_REMOVE };

	for (enum plan_op op = 0; op < PLAN_OP_MAX_; op++) {
		struct plan_step steps[] = { { .op = PLAN_SYSCTL_SET }, { .op = op } };
		const struct plan plan = { .steps = steps, .n_steps = ARRAY_SIZE(steps) };

		assert_int_equal(flows_are_due(&plan), memchr(due, op, sizeof(due)) != NULL);
	}
	assert_false(flows_are_due(&PLAN_NULL));
}

/* No flow can have begun on a bridge that has just been made; on one that is made again it can. */
static void not_due_for_what_is_new(void **state _unused_)
{
	struct plan_step steps[] = {
		{ .phase = PHASE_CREATE_LINKS, .op = PLAN_BRIDGE_CREATE, .network = "new" },
		{ .phase = PHASE_RULES, .op = PLAN_ELEMENT_ADD, .network = "new" },
		{ .phase = PHASE_RULES, .op = PLAN_ELEMENT_ADD, .network = "new" },
		{ .phase = PHASE_UP, .op = PLAN_BRIDGE_UP, .network = "new" },
	};
	const struct plan plan = { .steps = steps, .n_steps = ARRAY_SIZE(steps) };

	assert_false(flows_are_due(&plan));
	steps[0].bridge.ifindex = 7;
	assert_true(flows_are_due(&plan));
	steps[0].bridge.ifindex = 0;
	memcpy(steps[2].network, "old", 4);
	assert_true(flows_are_due(&plan));
	memcpy(steps[2].network, "", 1);
	assert_true(flows_are_due(&plan));
	memcpy(steps[2].network, "new", 4);
	steps[2].op = PLAN_ELEMENT_REMOVE;
	assert_true(flows_are_due(&plan));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(without_networks_nothing_is_unwanted),
		cmocka_unit_test(every_prefix_is_found),
		cmocka_unit_test(due_after_rules_changed),
		cmocka_unit_test(not_due_for_what_is_new),
	};

	return cmocka_run_group_tests_name("flows", tests, NULL, NULL);
}
