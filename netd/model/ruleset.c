/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our nftables table as a description: sets, chains, and rules as lists of small statements.
 * Pure: no system calls.
 *
 * Theory of operation
 *
 * The tables below are the rules, in the words of nft(8): what is printed, what is hashed and what is
 * sent are made of the same text, so none of them can say something else than the others. A
 * small parser turns each line into statements; kernel/nft.c turns statements into what the kernel reads.
 *
 * No rule and no chain belongs to a network: networks are elements of sets, so the cost of a packet does not
 * grow with their number. There is one set of sources per prefix length in use, because the lookup is of a
 * masked address in a hash: a line marked PREFIX4 or PREFIX6 stands once for each of those lengths, with
 * %m for the mask and %l for the length. What only some networks use belongs to a feature, and is there only
 * once a network uses it. Where a line of a file is a prefix with ports (DenyOut= and so on), elements are ranges, which the kernel
 * finds a packet in with one lookup as well, for more time: only what begins a flow asks these.
 *
 * The order of the rules matters. A packet from a bridge of ours has its source checked before anything else: a rule for
 * established flows before that would let a guest forge packets into another network's flow. What comes from elsewhere
 * needs no such check, so a packet's first question is whether it comes from a bridge: by kind, which no name or index
 * is needed for, and which nobody can take from a bridge. After that, one lookup and the connection's state decide on the way
 * out, the state alone on the way in; in neither direction is a set of names asked for the device that it goes to. Where a
 * guard is wanted, that is for what is none of ours, which only names tell: then they come first.
 *
 * What a packet pays, in nanoseconds (Linux 6.18 with retpolines): 70 for a chain at a hook; 10 for a number or a connection's
 * state compared, 14 for a masked address, 19 for a name, 18 for a kind (8 where the device has none, as network cards); 40 for
 * a name in a set, 54 for a name with an address, 60 for two names; more where the caches are cold. So where the answer is
 * mostly no, the kind of the device is asked before its name: whatever is in a set of bridges is one, and what connects the
 * host mostly is not. What saves half a percent of a packet at most: a declared size of the sets, which gives them the
 * kernel's other hash; interface indexes in the keys in place of names; the direction of the connection in front of the
 * kind; source and state in one rule; a chain less to go to.
 */
#include "ruleset.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"

enum multiplicity { ONCE, PREFIX4, PREFIX6 };

static const struct ruleset_chain chain_table[] = {
	{ "prerouting", "nat", "prerouting", 0, -100, RULESET_FORWARD },
	{ "output", "nat", "output", 3, -100, RULESET_FORWARD },
	{ "forward", "filter", "forward", 2, 0 },
	{ "from_bridge" },
	{ "from_guest" },
	{ "stray" },
	{ "astray", .feature = RULESET_UPLINK },
	{ "between" },
	{ "to_guest" },
	{ "rules_out", .feature = RULESET_OUT },
	{ "rules_out_guest", .feature = RULESET_OUT },
	{ "rules_out_all", .feature = RULESET_OUT },
	{ "rules_in", .feature = RULESET_IN },
	{ "rules_in_guest", .feature = RULESET_IN },
	{ "rules_in_all", .feature = RULESET_IN },
	{ "postrouting", "nat", "postrouting", 4, 100 },
	{ "masq_host" },
	{ "masq" },
	{ "masq6" },
	{ "input", "filter", "input", 1, 0 },
	{ "rate_forward", "filter", "forward", 2, -10, RULESET_RATE },
	{ "rate_input", "filter", "input", 1, -10, RULESET_RATE },
	{ "from_guest_in" },
	{ "to_host" },
	{ "service" },
	/* Before br_netfilter shows them to the rules for IP. */
	{ "port_in", "filter", "prerouting", 0, -300, RULESET_BRIDGED },
	{ "port", .feature = RULESET_PORT },
	{ "port_source", .feature = RULESET_PORT },
	{ "port_arp", .feature = RULESET_PORT },
	{ "port_ip", .feature = RULESET_PORT },
	{ "port_ip6", .feature = RULESET_PORT },
	{ "port_nowhere", .feature = RULESET_PORT },
	{ "port_neighbour", .feature = RULESET_PORT },
	{ "port_target", .feature = RULESET_PORT },
	{ "port_whole", .feature = RULESET_PORT },
};

static const struct {
	const char *chain;
	enum multiplicity multiplicity;
	const char *text;
	uint32_t feature;
} rule_table[] = {
	/* What reaches the host at a port that is forwarded; the same for what the host itself sends. */
	{ "prerouting", ONCE, "dnat ip to ip daddr . meta l4proto . th dport map @forwardat4", RULESET_FORWARD },
	{ "prerouting", ONCE, "dnat ip6 to ip6 daddr . meta l4proto . th dport map @forwardat6", RULESET_FORWARD },
	{ "prerouting", ONCE, "fib daddr type local dnat ip to meta l4proto . th dport map @forward4", RULESET_FORWARD },
	{ "prerouting", ONCE, "fib daddr type local dnat ip6 to meta l4proto . th dport map @forward6", RULESET_FORWARD },
	{ "output", ONCE, "dnat ip to ip daddr . meta l4proto . th dport map @forwardat4", RULESET_FORWARD },
	{ "output", ONCE, "dnat ip6 to ip6 daddr . meta l4proto . th dport map @forwardat6", RULESET_FORWARD },
	{ "output", ONCE, "fib daddr type local dnat ip to meta l4proto . th dport map @forward4", RULESET_FORWARD },
	{ "output", ONCE, "fib daddr type local dnat ip6 to meta l4proto . th dport map @forward6", RULESET_FORWARD },

	{ "forward", ONCE, "meta iifkind \"bridge\" goto from_bridge" },
	{ "forward", ONCE, "oifname @open accept", RULESET_OPEN },
	{ "forward", ONCE, "oifname @bridges goto to_guest", RULESET_GUARD },
	{ "forward", ONCE, "meta nfproto @guard drop", RULESET_GUARD },
	{ "forward", ONCE, "ct state established,related accept" },
	{ "forward", ONCE, "oifname @bridges goto to_guest" },

	{ "from_bridge", PREFIX4, "iifname . ip saddr & %m @source%l goto from_guest" },
	{ "from_bridge", PREFIX6, "iifname . ip6 saddr & %m @source6_%l goto from_guest" },
	{ "from_bridge", ONCE, "iifname @bridges goto stray" },
	/* A bridge that is none of ours. */
	{ "from_bridge", ONCE, "oifname @bridges goto to_guest" },
	{ "from_bridge", ONCE, "iifname @open accept", RULESET_OPEN },
	{ "from_bridge", ONCE, "oifname @open accept", RULESET_OPEN },
	/* The last one: only what is none of ours comes so far. */
	{ "from_bridge", ONCE, "meta nfproto @guard drop", RULESET_GUARD },

	/* On one bridge (br_netfilter shows them here) guests reach each other without us, too. */
	{ "stray", ONCE, "iifname . oifname @same accept" },
	/* A forged source, or an isolated network. Never an answer: it would go to whoever was named. */
	{ "stray", ONCE, "drop" },

	{ "from_guest", ONCE, "iifname @uplinked iifname . oifname != @uplink goto astray", RULESET_UPLINK },
	/* Most packets: of flows that have gone both ways, wherever to. What follows is about how one begins. */
	{ "from_guest", ONCE, "ct status assured accept" },
	{ "from_guest", ONCE, "meta oifkind \"bridge\" oifname @bridges goto between" },
	{ "from_guest", ONCE, "ct state new,untracked iifname @out jump rules_out", RULESET_OUT },
	/* The nat hooks never see these: they would leave with the guest's own address. */
	{ "from_guest", ONCE, "ct state invalid drop" },
	/* A smaller MTU further on is often never told: what others send is made to fit. */
	{ "from_guest", ONCE, "tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu" },
	{ "from_guest", ONCE, "accept" },

	{ "astray", ONCE, "oifname @bridges goto between", RULESET_UPLINK },
	{ "astray", ONCE, "reject", RULESET_UPLINK },

	{ "between", ONCE, "iifname . oifname @same accept" },
	{ "between", ONCE, "ct state new,untracked iifname @out jump rules_out", RULESET_OUT },
	{ "between", ONCE, "goto to_guest" },

	{ "to_guest", ONCE, "ct state established,related accept" },
	{ "to_guest", ONCE, "oifname @in jump rules_in", RULESET_IN },
	{ "to_guest", ONCE, "ct status dnat accept" },
	{ "to_guest", ONCE, "iifname . oifname @peer accept", RULESET_PEER },
	{ "to_guest", ONCE, "oifname @uplinked oifname . iifname != @uplink reject", RULESET_UPLINK },
	/* From outside; other networks' guests are no part of that. */
	{ "to_guest", PREFIX4, "iifname != @bridges oifname . ip daddr & %m @routed%l accept", RULESET_ROUTED },
	{ "to_guest", PREFIX6, "iifname != @bridges oifname . ip6 daddr & %m @routed6_%l accept", RULESET_ROUTED },
	{ "to_guest", ONCE, "reject" },

	/*
	 * DenyOut= and so on, which only a packet without a flow comes to: what is said for the guest, then what is for all of its
	 * network. Whatever is not found not to be denied is: no header is so short that nothing is said of it.
	 */
	{ "rules_out", ONCE, "iifname . ether saddr @outguest goto rules_out_guest", RULESET_OUT },
	{ "rules_out", ONCE, "goto rules_out_all", RULESET_OUT },

	{ "rules_out_guest", ONCE, "iifname . ether saddr . ip daddr . meta l4proto . th dport @outguestallow4 return", RULESET_OUT },
	{ "rules_out_guest", ONCE, "iifname . ether saddr . ip6 daddr . meta l4proto . th dport @outguestallow6 return", RULESET_OUT },
	{ "rules_out_guest", ONCE, "iifname . ether saddr . ip daddr . meta l4proto . th dport != @outguestdeny4 goto rules_out_all", RULESET_OUT },
	{ "rules_out_guest", ONCE, "iifname . ether saddr . ip6 daddr . meta l4proto . th dport != @outguestdeny6 goto rules_out_all", RULESET_OUT },
	{ "rules_out_guest", ONCE, "reject", RULESET_OUT },

	{ "rules_out_all", ONCE, "iifname . ip daddr . meta l4proto . th dport @outallow4 return", RULESET_OUT },
	{ "rules_out_all", ONCE, "iifname . ip6 daddr . meta l4proto . th dport @outallow6 return", RULESET_OUT },
	{ "rules_out_all", ONCE, "iifname . ip daddr . meta l4proto . th dport != @outdeny4 return", RULESET_OUT },
	{ "rules_out_all", ONCE, "iifname . ip6 daddr . meta l4proto . th dport != @outdeny6 return", RULESET_OUT },
	{ "rules_out_all", ONCE, "reject", RULESET_OUT },

	{ "rules_in", ONCE, "oifname . ip daddr @inguest4 goto rules_in_guest", RULESET_IN },
	{ "rules_in", ONCE, "oifname . ip6 daddr @inguest6 goto rules_in_guest", RULESET_IN },
	{ "rules_in", ONCE, "goto rules_in_all", RULESET_IN },

	{ "rules_in_guest", ONCE, "oifname . ip daddr . ip saddr . meta l4proto . th dport @inguestallow4 return", RULESET_IN },
	{ "rules_in_guest", ONCE, "oifname . ip6 daddr . ip6 saddr . meta l4proto . th dport @inguestallow6 return", RULESET_IN },
	{ "rules_in_guest", ONCE, "oifname . ip daddr . ip saddr . meta l4proto . th dport != @inguestdeny4 goto rules_in_all", RULESET_IN },
	{ "rules_in_guest", ONCE, "oifname . ip6 daddr . ip6 saddr . meta l4proto . th dport != @inguestdeny6 goto rules_in_all", RULESET_IN },
	{ "rules_in_guest", ONCE, "reject", RULESET_IN },

	{ "rules_in_all", ONCE, "oifname . ip saddr . meta l4proto . th dport @inallow4 return", RULESET_IN },
	{ "rules_in_all", ONCE, "oifname . ip6 saddr . meta l4proto . th dport @inallow6 return", RULESET_IN },
	{ "rules_in_all", ONCE, "oifname . ip saddr . meta l4proto . th dport != @indeny4 return", RULESET_IN },
	{ "rules_in_all", ONCE, "oifname . ip6 saddr . meta l4proto . th dport != @indeny6 return", RULESET_IN },
	{ "rules_in_all", ONCE, "reject", RULESET_IN },

	/* A guest that reaches its neighbour by the host's address: the answer has to come back this way. */
	{ "postrouting", ONCE, "ct status dnat iifname . oifname @same masquerade", RULESET_FORWARD },
	{ "postrouting", ONCE, "ip saddr 127.0.0.0/8 oifname @bridges masquerade", RULESET_FORWARD },
	{ "postrouting", ONCE, "ip6 saddr ::1 oifname @bridges masquerade", RULESET_FORWARD },
	{ "postrouting", ONCE, "meta oifkind \"bridge\" iifname . oifname @same return" },
	{ "postrouting", ONCE, "meta oifkind \"bridge\" iifname . oifname @peer return", RULESET_PEER },
	{ "postrouting", ONCE, "meta nfproto ipv4 iifname @nat goto masq" },
	{ "postrouting", ONCE, "meta nfproto ipv6 iifname @nat6 goto masq6" },
	/* The host itself, speaking from a bridge's address to somewhere else. */
	{ "postrouting", ONCE, "oifname \"lo\" return" },
	{ "postrouting", ONCE, "ip saddr @gateway4 oifname != @bridges goto masq_host" },

	/* What has to stay on its link as it is. The kernel forwards none of it, so guests' packets need not be asked. */
	{ "masq_host", ONCE, "ip daddr 224.0.0.0/24 return" },
	{ "masq_host", ONCE, "ip daddr 255.255.255.255 return" },
	{ "masq_host", ONCE, "goto masq" },

	/* Low source ports carry privileges with some servers (NFS): guests get none. */
	{ "masq", ONCE, "meta l4proto tcp snat ip to iifname map @nataddr4", RULESET_NAT_ADDRESS },
	{ "masq", ONCE, "meta l4proto udp snat ip to iifname map @nataddr4", RULESET_NAT_ADDRESS },
	{ "masq", ONCE, "snat ip to iifname map @nataddr4", RULESET_NAT_ADDRESS },
	{ "masq", ONCE, "meta l4proto tcp masquerade to :iifname map @natports", RULESET_NAT_PORTS },
	{ "masq", ONCE, "meta l4proto udp masquerade to :iifname map @natports", RULESET_NAT_PORTS },
	{ "masq", ONCE, "meta l4proto tcp masquerade to :1024-65535" },
	{ "masq", ONCE, "meta l4proto udp masquerade to :1024-65535" },
	{ "masq", ONCE, "masquerade" },
	{ "masq6", ONCE, "ip6 daddr ff00::/8 return" },
	{ "masq6", ONCE, "meta l4proto tcp snat ip6 to iifname map @nataddr6", RULESET_NAT_ADDRESS },
	{ "masq6", ONCE, "meta l4proto udp snat ip6 to iifname map @nataddr6", RULESET_NAT_ADDRESS },
	{ "masq6", ONCE, "snat ip6 to iifname map @nataddr6", RULESET_NAT_ADDRESS },
	{ "masq6", ONCE, "meta l4proto tcp masquerade to :iifname map @natports", RULESET_NAT_PORTS },
	{ "masq6", ONCE, "meta l4proto udp masquerade to :iifname map @natports", RULESET_NAT_PORTS },
	{ "masq6", ONCE, "meta l4proto tcp masquerade to :1024-65535" },
	{ "masq6", ONCE, "meta l4proto udp masquerade to :1024-65535" },
	{ "masq6", ONCE, "masquerade" },

	{ "input", ONCE, "iifname @bridges goto from_guest_in" },

	/* What a guest says before it has an address, or to find its neighbours. */
	{ "from_guest_in", ONCE, "udp dport 67 udp sport 68 accept" },
	{ "from_guest_in", ONCE, "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 accept" },
	{ "from_guest_in", ONCE, "icmpv6 type nd-neighbor-advert ip6 hoplimit 255 accept" },
	{ "from_guest_in", ONCE, "icmpv6 type nd-router-solicit ip6 hoplimit 255 accept" },
	{ "from_guest_in", ONCE, "udp sport 546 udp dport 547 accept" },
	{ "from_guest_in", ONCE, "ip6 daddr ff00::/8 icmpv6 type mld-listener-query accept" },
	{ "from_guest_in", ONCE, "ip6 daddr ff00::/8 icmpv6 type mld-listener-report accept" },
	{ "from_guest_in", ONCE, "ip6 daddr ff00::/8 icmpv6 type mld-listener-done accept" },
	{ "from_guest_in", ONCE, "ip6 daddr ff00::/8 icmpv6 type mld2-listener-report accept" },
	{ "from_guest_in", PREFIX4, "iifname . ip saddr & %m @source%l goto to_host" },
	{ "from_guest_in", PREFIX6, "iifname . ip6 saddr & %m @source6_%l goto to_host" },
	{ "from_guest_in", PREFIX4, "iifname . ip saddr & %m @inside%l goto to_host" },
	{ "from_guest_in", PREFIX6, "iifname . ip6 saddr & %m @inside6_%l goto to_host" },
	{ "from_guest_in", ONCE, "ip6 saddr fe80::/10 goto to_host" },
	{ "from_guest_in", ONCE, "drop" },

	{ "to_host", ONCE, "ct state established,related accept" },
	/* Forwards that the host reaches at 127.0.0.1 need net.ipv4.conf.*.route_localnet; guests get nothing by it. */
	{ "to_host", ONCE, "ip daddr 127.0.0.0/8 drop", RULESET_FORWARD },
	{ "to_host", ONCE, "iifname @hostopen accept" },
	{ "to_host", ONCE, "iifname @hostclosed drop" },
	/* This bridge's own addresses only: Linux answers for all of its addresses on every device. */
	{ "to_host", ONCE, "iifname . ip daddr @local4 goto service" },
	{ "to_host", ONCE, "iifname . ip6 daddr @local6 goto service" },
	{ "to_host", ONCE, "meta pkttype broadcast drop" },
	{ "to_host", ONCE, "meta pkttype multicast drop" },
	{ "to_host", ONCE, "reject" },

	{ "service", ONCE, "icmp type echo-request accept" },
	{ "service", ONCE, "icmpv6 type echo-request accept" },
	{ "service", ONCE, "udp dport 53 accept" },
	{ "service", ONCE, "tcp dport 53 accept" },
	{ "service", ONCE, "udp dport 69 accept" },
	{ "service", ONCE, "reject" },

	/* [Bandwidth]: the limit is in the element. What br_netfilter shows here of frames on one bridge is not counted. */
	{ "rate_forward", ONCE, "iifname . oifname @same accept", RULESET_RATE },
	{ "rate_forward", ONCE, "iifname @rate drop", RULESET_RATE },
	{ "rate_input", ONCE, "iifname @rate drop", RULESET_RATE },

	/* [Port]: what comes from a port of a guest, before its bridge has looked at it. */
	{ "port_in", ONCE, "iifname @portrate drop", RULESET_PORT_RATE },
	{ "port_in", ONCE, "iifgroup @guarded goto port", RULESET_PORT },

	{ "port", ONCE, "iifname @bound iifname . ether saddr != @mac drop", RULESET_PORT },
	{ "port", ONCE, "iifgroup . ether saddr @taken iifname . ether saddr != @mac drop", RULESET_PORT },
	/* A lease is asked for, and given back, by the Ethernet address in the message: dhcp's chaddr. */
	{ "port", ONCE, "iifname @bound udp dport 67 iifname . @th,288,48 != @mac drop", RULESET_PORT },
	/* IEEE 802.1D, and what Cisco's per-VLAN spanning tree uses. */
	{ "port", ONCE, "iifgroup @bpdu ether daddr 01:80:c2:00:00:00 drop", RULESET_PORT },
	{ "port", ONCE, "iifgroup @bpdu ether daddr 01:00:0c:cc:cc:cd drop", RULESET_PORT },
	/* Nobody but servers sends to these, whatever port they send from. */
	{ "port", ONCE, "iifgroup @dhcp udp dport 68 drop", RULESET_PORT },
	{ "port", ONCE, "iifgroup @dhcp udp dport 546 drop", RULESET_PORT },
	{ "port", ONCE, "iifgroup @ra icmpv6 type nd-router-advert drop", RULESET_PORT },
	{ "port", ONCE, "iifgroup @ra icmpv6 type nd-redirect drop", RULESET_PORT },
	{ "port", ONCE, "iifgroup @leased goto port_source", RULESET_PORT },
	{ "port", ONCE, "iifgroup @dhcp meta protocol ip6 goto port_whole", RULESET_PORT },
	{ "port", ONCE, "iifgroup @ra meta protocol ip6 goto port_whole", RULESET_PORT },
	{ "port", ONCE, "accept", RULESET_PORT },

	{ "port_source", ONCE, "meta protocol arp goto port_arp", RULESET_PORT },
	{ "port_source", ONCE, "meta protocol ip goto port_ip", RULESET_PORT },
	{ "port_source", ONCE, "meta protocol ip6 goto port_ip6", RULESET_PORT },
	/* A second VLAN tag would hide anything. */
	{ "port_source", ONCE, "drop", RULESET_PORT },

	/* The search for duplicates has no sender yet (RFC 5227). */
	{ "port_arp", ONCE, "arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp saddr ip 0.0.0.0 accept", RULESET_PORT },
	/* Both Ethernet addresses: a lease is of one, so they are the same. */
	{ "port_arp", ONCE, "arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifgroup . ether saddr . arp saddr ip @address4 "
	  "iifgroup . arp saddr ether . arp saddr ip @address4 accept", RULESET_PORT },
	{ "port_arp", ONCE, "drop", RULESET_PORT },

	{ "port_ip", ONCE, "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept", RULESET_PORT },
	{ "port_ip", ONCE, "iifgroup . ether saddr . ip saddr @address4 accept", RULESET_PORT },
	{ "port_ip", ONCE, "drop", RULESET_PORT },

	{ "port_ip6", ONCE, "ip6 saddr :: goto port_nowhere", RULESET_PORT },
	{ "port_ip6", ONCE, "ip6 saddr fe80::/10 iifgroup . ip6 saddr != @gateway6 goto port_neighbour", RULESET_PORT },
	{ "port_ip6", ONCE, "iifgroup . ether saddr . ip6 saddr @address6 goto port_neighbour", RULESET_PORT },
	{ "port_ip6", ONCE, "drop", RULESET_PORT },

	/* What is said before there is an address: the search for duplicates, a router solicitation, multicast groups. */
	{ "port_nowhere", ONCE, "icmpv6 type nd-neighbor-solicit goto port_target", RULESET_PORT },
	{ "port_nowhere", ONCE, "icmpv6 type nd-router-solicit accept", RULESET_PORT },
	{ "port_nowhere", ONCE, "icmpv6 type mld-listener-report accept", RULESET_PORT },
	{ "port_nowhere", ONCE, "icmpv6 type mld2-listener-report accept", RULESET_PORT },
	{ "port_nowhere", ONCE, "drop", RULESET_PORT },

	{ "port_neighbour", ONCE, "icmpv6 type nd-neighbor-advert goto port_target", RULESET_PORT },
	{ "port_neighbour", ONCE, "goto port_whole", RULESET_PORT },

	{ "port_target", ONCE, "icmpv6 taddr fe80::/10 iifgroup . icmpv6 taddr != @gateway6 accept", RULESET_PORT },
	{ "port_target", ONCE, "iifgroup . ether saddr . icmpv6 taddr @address6 accept", RULESET_PORT },
	{ "port_target", ONCE, "drop", RULESET_PORT },

	/*
	 * Headers can be made so long that what they hide is in another fragment (RFC 7113). Then the protocol cannot be told,
	 * or its header not be read, and a rule that looks at it says nothing: what is left over behind all of them.
	 */
	{ "port_whole", ONCE, "frag frag-off != 0 accept", RULESET_PORT },
	{ "port_whole", ONCE, "udp dport != 0 accept", RULESET_PORT },
	{ "port_whole", ONCE, "icmpv6 type != 255 accept", RULESET_PORT },
	{ "port_whole", ONCE, "meta l4proto udp drop", RULESET_PORT },
	{ "port_whole", ONCE, "meta l4proto ipv6-icmp drop", RULESET_PORT },
	{ "port_whole", ONCE, "meta l4proto != 255 accept", RULESET_PORT },
	{ "port_whole", ONCE, "drop", RULESET_PORT },
};

/*
 * Keys and data of sets and maps are made of parts, each padded to four bytes. A type is numbered as nft(8)
 * does it; of a concatenation, six bits each.
 */
static const struct part {
	char letter;
	uint8_t length;			/* padded */
	uint8_t type;
	const char *name;
	uint8_t exact;			/* without padding, where it may stand beside ranges */
} parts[] = {
	{ 'n', 16, RULESET_TYPE_IFNAME, "ifname", 16 },
	{ '4', 4, 7, "ipv4_addr", 4 },
	{ '6', 16, 8, "ipv6_addr", 16 },
	{ 'p', 4, 12, "inet_proto" },
	{ 's', 4, 13, "inet_service" },
	{ 'f', 1, 2, "nf_proto" },	/* stands alone */
	{ 'g', 4, 35, "devgroup" },	/* in the host's byte order */
	{ 'm', 8, 9, "ether_addr", 6 },
	/* Ranges, first and last, which the kernel has in two keys. */
	{ 'P', 2, 12, "inet_proto", 1 },
	{ 'S', 4, 13, "inet_service", 2 },
	/* Of limits, in the host's byte order: bytes per second, and bytes at once. No type of nft(8)'s. */
	{ 'r', 8, 0, "rate" },
	{ 'b', 4, 0, "burst" },
};

static const struct {
	const char *name;
	bool per_prefix;
	const char *key;		/* letters of parts */
	const char *data;		/* of a map; else NULL */
	uint32_t feature;
	bool limited;			/* data are a limit's */
} set_table[] = {
	[NETSTATE_SET_BRIDGES] = { "bridges", false, "n" },
	[NETSTATE_SET_SOURCE4] = { "source", true, "n4" },
	[NETSTATE_SET_SOURCE6] = { "source6_", true, "n6" },
	[NETSTATE_SET_SAME] = { "same", false, "nn" },
	[NETSTATE_SET_NAT] = { "nat", false, "n" },
	[NETSTATE_SET_GATEWAY4] = { "gateway4", false, "4" },
	[NETSTATE_SET_LOCAL4] = { "local4", false, "n4" },
	[NETSTATE_SET_LOCAL6] = { "local6", false, "n6" },
	[NETSTATE_SET_HOSTOPEN] = { "hostopen", false, "n" },
	[NETSTATE_SET_HOSTCLOSED] = { "hostclosed", false, "n" },
	[NETSTATE_SET_NAT6] = { "nat6", false, "n" },
	[NETSTATE_SET_INSIDE4] = { "inside", true, "n4" },
	[NETSTATE_SET_INSIDE6] = { "inside6_", true, "n6" },
	[NETSTATE_SET_GUARD] = { "guard", false, "f", NULL, RULESET_GUARD },
	[NETSTATE_SET_ROUTED4] = { "routed", true, "n4", NULL, RULESET_ROUTED },
	[NETSTATE_SET_ROUTED6] = { "routed6_", true, "n6", NULL, RULESET_ROUTED },
	[NETSTATE_SET_UPLINKED] = { "uplinked", false, "n", NULL, RULESET_UPLINK },
	[NETSTATE_SET_UPLINK] = { "uplink", false, "nn", NULL, RULESET_UPLINK },
	[NETSTATE_SET_NATADDR4] = { "nataddr4", false, "n", "4s4s", RULESET_NAT_ADDRESS },
	[NETSTATE_SET_NATADDR6] = { "nataddr6", false, "n", "6s6s", RULESET_NAT_ADDRESS },
	[NETSTATE_SET_NATPORTS] = { "natports", false, "n", "ss", RULESET_NAT_PORTS },
	[NETSTATE_SET_PEER] = { "peer", false, "nn", NULL, RULESET_PEER },
	[NETSTATE_SET_FORWARD4] = { "forward4", false, "ps", "4s", RULESET_FORWARD },
	[NETSTATE_SET_FORWARD6] = { "forward6", false, "ps", "6s", RULESET_FORWARD },
	[NETSTATE_SET_FORWARD_AT4] = { "forwardat4", false, "4ps", "4s", RULESET_FORWARD },
	[NETSTATE_SET_FORWARD_AT6] = { "forwardat6", false, "6ps", "6s", RULESET_FORWARD },
	[NETSTATE_SET_OPEN] = { "open", false, "n", NULL, RULESET_OPEN },
	[NETSTATE_SET_OUT] = { "out", false, "n", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST] = { "outguest", false, "nm", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_ALLOW4] = { "outguestallow4", false, "nm4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_ALLOW6] = { "outguestallow6", false, "nm6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_DENY4] = { "outguestdeny4", false, "nm4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_GUEST_DENY6] = { "outguestdeny6", false, "nm6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_ALLOW4] = { "outallow4", false, "n4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_ALLOW6] = { "outallow6", false, "n6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_DENY4] = { "outdeny4", false, "n4PS", NULL, RULESET_OUT },
	[NETSTATE_SET_OUT_DENY6] = { "outdeny6", false, "n6PS", NULL, RULESET_OUT },
	[NETSTATE_SET_IN] = { "in", false, "n", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST4] = { "inguest4", false, "n4", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST6] = { "inguest6", false, "n6", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_ALLOW4] = { "inguestallow4", false, "n44PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_ALLOW6] = { "inguestallow6", false, "n66PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_DENY4] = { "inguestdeny4", false, "n44PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_GUEST_DENY6] = { "inguestdeny6", false, "n66PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_ALLOW4] = { "inallow4", false, "n4PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_ALLOW6] = { "inallow6", false, "n6PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_DENY4] = { "indeny4", false, "n4PS", NULL, RULESET_IN },
	[NETSTATE_SET_IN_DENY6] = { "indeny6", false, "n6PS", NULL, RULESET_IN },
	[NETSTATE_SET_PORT_GUARDED] = { "guarded", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_RA] = { "ra", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_DHCP] = { "dhcp", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_BPDU] = { "bpdu", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_LEASED] = { "leased", false, "g", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_BOUND] = { "bound", false, "n", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_MAC] = { "mac", false, "nm", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_TAKEN] = { "taken", false, "gm", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_ADDRESS4] = { "address4", false, "gm4", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_ADDRESS6] = { "address6", false, "gm6", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_GATEWAY6] = { "gateway6", false, "g6", NULL, RULESET_PORT },
	[NETSTATE_SET_PORT_RATE] = { "portrate", false, "n", "rb", RULESET_PORT_RATE, true },
	[NETSTATE_SET_RATE] = { "rate", false, "n", "rb", RULESET_RATE, true },
};
static_assert(ARRAY_SIZE(set_table) == NETSTATE_SET_MAX_, "every set has its row");

/* What a field is called, how long it is, and what must be known of the packet before it is read. */
static const struct {
	const char *name;
	uint8_t length;
	uint8_t nfproto;
	uint8_t l4proto;
} field_table[] = {
	[RULESET_IIFNAME] = { "iifname", 16, 0, 0 },
	[RULESET_OIFNAME] = { "oifname", 16, 0, 0 },
	[RULESET_NFPROTO] = { "meta nfproto", 1, 0, 0 },
	[RULESET_L4PROTO] = { "meta l4proto", 1, 0, 0 },
	[RULESET_PKTTYPE] = { "meta pkttype", 1, 0, 0 },
	[RULESET_IP_SADDR] = { "ip saddr", 4, RULESET_NFPROTO_4, 0 },
	[RULESET_IP_DADDR] = { "ip daddr", 4, RULESET_NFPROTO_4, 0 },
	[RULESET_IP6_SADDR] = { "ip6 saddr", 16, RULESET_NFPROTO_6, 0 },
	[RULESET_IP6_DADDR] = { "ip6 daddr", 16, RULESET_NFPROTO_6, 0 },
	[RULESET_IP6_HOPLIMIT] = { "ip6 hoplimit", 1, RULESET_NFPROTO_6, 0 },
	[RULESET_UDP_SPORT] = { "udp sport", 2, 0, 17 },
	[RULESET_UDP_DPORT] = { "udp dport", 2, 0, 17 },
	[RULESET_TCP_DPORT] = { "tcp dport", 2, 0, 6 },
	[RULESET_TH_DPORT] = { "th dport", 2, 0, 0 },
	[RULESET_ICMP_TYPE] = { "icmp type", 1, RULESET_NFPROTO_4, 1 },
	[RULESET_ICMPV6_TYPE] = { "icmpv6 type", 1, RULESET_NFPROTO_6, 58 },
	[RULESET_CT_STATE] = { "ct state", 4, 0, 0 },
	[RULESET_CT_STATUS] = { "ct status", 4, 0, 0 },
	[RULESET_FIB_DADDR_TYPE] = { "fib daddr type", 4, 0, 0 },
	[RULESET_IIFGROUP] = { "iifgroup", 4, 0, 0 },
	[RULESET_PROTOCOL] = { "meta protocol", 2, 0, 0 },
	[RULESET_ETHER_SADDR] = { "ether saddr", 6, 0, 0 },
	[RULESET_ETHER_DADDR] = { "ether daddr", 6, 0, 0 },
	[RULESET_ARP_HTYPE] = { "arp htype", 2, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_PTYPE] = { "arp ptype", 2, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_HLEN] = { "arp hlen", 1, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_PLEN] = { "arp plen", 1, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_SADDR_ETHER] = { "arp saddr ether", 6, RULESET_NFPROTO_ARP, 0 },
	[RULESET_ARP_SADDR_IP] = { "arp saddr ip", 4, RULESET_NFPROTO_ARP, 0 },
	[RULESET_DHCP_CHADDR] = { "@th,288,48", 6, 0, 17 },
	[RULESET_ICMPV6_TADDR] = { "icmpv6 taddr", 16, RULESET_NFPROTO_6, 58 },
	[RULESET_IIFKIND] = { "meta iifkind", 16, 0, 0 },
	[RULESET_OIFKIND] = { "meta oifkind", 16, 0, 0 },
};
static_assert(ARRAY_SIZE(field_table) == RULESET_FIELD_MAX_, "every field has its row");

/* Values with a name: linux/icmp.h, icmpv6.h, in.h, if_ether.h, if_packet.h, nf_conntrack_common.h, rtnetlink.h. */
static const struct {
	uint8_t field;
	uint16_t value;
	const char *name;
} value_table[] = {
	{ RULESET_NFPROTO, RULESET_NFPROTO_4, "ipv4" },
	{ RULESET_NFPROTO, RULESET_NFPROTO_6, "ipv6" },
	{ RULESET_L4PROTO, 6, "tcp" },
	{ RULESET_L4PROTO, 17, "udp" },
	{ RULESET_L4PROTO, 58, "ipv6-icmp" },
	{ RULESET_PKTTYPE, 1, "broadcast" },
	{ RULESET_PKTTYPE, 2, "multicast" },
	{ RULESET_ICMP_TYPE, 8, "echo-request" },
	{ RULESET_ICMPV6_TYPE, 128, "echo-request" },
	{ RULESET_ICMPV6_TYPE, 130, "mld-listener-query" },
	{ RULESET_ICMPV6_TYPE, 131, "mld-listener-report" },
	{ RULESET_ICMPV6_TYPE, 132, "mld-listener-done" },
	{ RULESET_ICMPV6_TYPE, 133, "nd-router-solicit" },
	{ RULESET_ICMPV6_TYPE, 134, "nd-router-advert" },
	{ RULESET_ICMPV6_TYPE, 135, "nd-neighbor-solicit" },
	{ RULESET_ICMPV6_TYPE, 136, "nd-neighbor-advert" },
	{ RULESET_ICMPV6_TYPE, 137, "nd-redirect" },
	{ RULESET_ICMPV6_TYPE, 143, "mld2-listener-report" },
	{ RULESET_CT_STATE, 1, "invalid" },
	{ RULESET_CT_STATE, 2, "established" },
	{ RULESET_CT_STATE, 4, "related" },
	{ RULESET_CT_STATE, 8, "new" },
	{ RULESET_CT_STATE, 64, "untracked" },
	{ RULESET_CT_STATUS, 4, "assured" },
	{ RULESET_CT_STATUS, 32, "dnat" },
	{ RULESET_FIB_DADDR_TYPE, 2, "local" },
	{ RULESET_PROTOCOL, 0x0800, "ip" },
	{ RULESET_PROTOCOL, 0x0806, "arp" },
	{ RULESET_PROTOCOL, 0x86dd, "ip6" },
	{ RULESET_ARP_PTYPE, 0x0800, "ip" },
};

/* Is what belongs to this feature in the table of the bridge family? */
static bool is_bridged(uint32_t feature)
{
	return feature & RULESET_BRIDGED;
}

/* Is @length one of the prefix lengths that the table is made for? */
bool ruleset_has_prefix4(const struct netstate_table *table, unsigned int length)
{
	return length <= 32 && (table->prefixes4 >> length & 1);
}

bool ruleset_has_prefix6(const struct netstate_table *table, unsigned int length)
{
	return length <= 128 && (table->prefixes6[length / 64] >> length % 64 & 1);
}

void ruleset_add_prefix4(struct netstate_table *table, unsigned int length)
{
	if (length <= 32)
		table->prefixes4 |= UINT64_C(1) << length;
}

void ruleset_add_prefix6(struct netstate_table *table, unsigned int length)
{
	if (length <= 128)
		table->prefixes6[length / 64] |= UINT64_C(1) << length % 64;
}

/* The kernel's name of a set. -EINVAL for a set that there is not, -ENAMETOOLONG. */
int ruleset_set_name(enum netstate_set set, uint8_t prefix_length, char *buffer, size_t size)
{
	int n;

	if (set >= NETSTATE_SET_MAX_)
		return -EINVAL;
	if (set_table[set].per_prefix)
		n = snprintf(buffer, size, "%s%u", set_table[set].name, prefix_length);
	else
		n = snprintf(buffer, size, "%s", set_table[set].name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Which set a name of the kernel's stands for. -ENOENT when it is none of ours. */
int ruleset_set_parse(const char *name, enum netstate_set *ret_set, uint8_t *ret_prefix_length)
{
	for (size_t i = 0; i < NETSTATE_SET_MAX_; i++) {
		const char *rest;
		uint32_t length;

		if (!set_table[i].per_prefix && strcmp(name, set_table[i].name) == 0) {
			*ret_set = i;
			*ret_prefix_length = 0;
			return 0;
		}
		if (!set_table[i].per_prefix || !str_has_prefix(name, set_table[i].name, &rest))
			continue;
		if (str_parse_u32(rest, strcmp(set_table[i].key, "n4") == 0 ? 32 : 128, &length) == 0) {
			*ret_set = i;
			*ret_prefix_length = (uint8_t)length;
			return 0;
		}
	}
	return -ENOENT;
}

static const struct part *find_part(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].letter == letter)
			return &parts[i];
	return NULL;
}

/* How many bytes a part of a key or of data takes, padding included. */
uint8_t ruleset_part_length(char part)
{
	return find_part(part)->length;
}

/* Where part number @n of @list begins. */
size_t ruleset_part_offset(const char *list, size_t n)
{
	size_t offset = 0;

	for (size_t i = 0; i < n; i++)
		offset += find_part(list[i])->length;
	return offset;
}

uint8_t ruleset_set_key_length(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ ? (uint8_t)ruleset_part_offset(set_table[set].key, strlen(set_table[set].key)) : 0;
}

/* 0 for a set that is no map and has no limits. */
uint8_t ruleset_set_data_length(enum netstate_set set)
{
	const char *data = set < NETSTATE_SET_MAX_ ? set_table[set].data : NULL;

	return data ? (uint8_t)ruleset_part_offset(data, strlen(data)) : 0;
}

/* What it belongs to; 0 when it is always there. */
uint32_t ruleset_set_feature(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ ? set_table[set].feature : 0;
}

/* Is it in the table of the bridge family? */
bool ruleset_set_is_bridged(enum netstate_set set)
{
	return is_bridged(ruleset_set_feature(set));
}

/* The parts of its keys, a letter each: n interface's name, 4 and 6 addresses, p protocol, s port, g group, m Ethernet address, P and S ranges. */
const char *ruleset_set_key(enum netstate_set set)
{
	return set_table[set].key;
}

/* Does each of its elements have a limit? */
bool ruleset_set_is_limited(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ && set_table[set].limited;
}

/* Is there one of the kind for each prefix length in use? */
bool ruleset_set_has_prefixes(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ && set_table[set].per_prefix;
}

/* Are its elements ranges: a prefix, protocols and ports at the end of their keys? */
bool ruleset_set_has_ranges(enum netstate_set set)
{
	return set < NETSTATE_SET_MAX_ && strchr(set_table[set].key, 'S');
}

/* The address with @prefix_length bits as it is, and all others 0 or 1. */
static void fill_address(uint8_t *bytes, size_t length, unsigned int prefix_length, bool ones)
{
	for (unsigned int i = prefix_length; i < length * 8; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		bytes[i / 8] = (uint8_t)(ones ? bytes[i / 8] | bit : bytes[i / 8] & ~bit);
	}
}

/* An element of ranges as the kernel has it: the first key and the last one, both with parts padded to four bytes. Returns their length. */
size_t ruleset_range(const struct netstate_element *element, uint8_t first[static RULESET_RANGE_SIZE],
		     uint8_t last[static RULESET_RANGE_SIZE])
{
	const char *list = set_table[element->set].key;
	const uint8_t *from = element->key;
	size_t n = 0;

	memset(first, 0, RULESET_RANGE_SIZE);
	memset(last, 0, RULESET_RANGE_SIZE);
	for (; *list; from += find_part(*list++)->length) {
		size_t exact = find_part(*list)->exact;
		bool range = *list == 'P' || *list == 'S';

		memcpy(first + n, from, exact);
		memcpy(last + n, from + (range ? exact : 0), exact);
		if (list[1] == 'P') {
			fill_address(first + n, exact, element->prefix_length, false);
			fill_address(last + n, exact, element->prefix_length, true);
		}
		n += (exact + 3) / 4 * 4;
	}
	return n;
}

/*
 * The other way round: completes an element whose set is known. False for what is none of ours: not of this length, or the far end
 * is no prefix.
 */
bool ruleset_range_parse(const uint8_t *first, const uint8_t *last, size_t length, struct netstate_element *element)
{
	const char *list = set_table[element->set].key;
	uint8_t again[2][RULESET_RANGE_SIZE], *to = element->key;
	size_t n = 0;

	element->prefix_length = 0;
	for (const char *p = list; *p; n += (find_part(*p++)->exact + 3u) / 4 * 4)
		;
	if (n != length || n > RULESET_RANGE_SIZE)
		return false;
	n = 0;
	for (; *list; to += find_part(*list++)->length) {
		size_t exact = find_part(*list)->exact;

		memcpy(to, first + n, exact);
		if (*list == 'P' || *list == 'S')
			memcpy(to + exact, last + n, exact);
		while (list[1] == 'P' && element->prefix_length < exact * 8 &&
		       !((first[n + element->prefix_length / 8] ^ last[n + element->prefix_length / 8]) & 0x80 >> element->prefix_length % 8))
			element->prefix_length++;
		n += (exact + 3) / 4 * 4;
	}
	element->key_length = (uint8_t)(to - element->key);
	return ruleset_range(element, again[0], again[1]) == length && memcmp(again[0], first, length) == 0 &&
	       memcmp(again[1], last, length) == 0;
}

/* The parts of what its keys stand for, or of a limit; NULL for a set that is no map and has none. */
const char *ruleset_set_data(enum netstate_set set)
{
	return set_table[set].data;
}

/* A line of the table on its way to statements. */
struct cursor {
	const char *at;
	struct ruleset_rule *rule;
	bool nfproto_known, l4proto_known;
};

static bool take_word(struct cursor *cursor, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(cursor->at, word, length) != 0 || (cursor->at[length] != ' ' && cursor->at[length] != '\0'))
		return false;
	cursor->at += length;
	while (*cursor->at == ' ')
		cursor->at++;
	return true;
}

/* The next word, whatever it is. */
static const char *take_any(struct cursor *cursor, char *buffer, size_t size)
{
	size_t length = strcspn(cursor->at, " ");

	snprintf(buffer, size, "%.*s", (int)length, cursor->at);
	cursor->at += length;
	while (*cursor->at == ' ')
		cursor->at++;
	return buffer;
}

static struct ruleset_statement *add_statement(struct cursor *cursor, enum ruleset_kind kind)
{
	struct ruleset_rule *rule = cursor->rule;
	struct ruleset_statement *statement;

	assert(rule->n_statements < RULESET_STATEMENTS);
	statement = &rule->statements[rule->n_statements++];
	*statement = (struct ruleset_statement){ .kind = kind };
	return statement;
}

static void add_byte_compare(struct cursor *cursor, enum ruleset_field field, uint8_t value)
{
	struct ruleset_statement *statement = add_statement(cursor, RULESET_COMPARE);

	statement->fields[0] = field;
	statement->n_fields = 1;
	statement->length = 1;
	statement->value[0] = value;
}

static void add_protocol_compare(struct cursor *cursor, uint8_t nfproto)
{
	struct ruleset_statement *statement = add_statement(cursor, RULESET_COMPARE);
	uint16_t type = nfproto == RULESET_NFPROTO_ARP ? 0x0806 : nfproto == RULESET_NFPROTO_6 ? 0x86dd : 0x0800;

	statement->fields[0] = RULESET_PROTOCOL;
	statement->n_fields = 1;
	statement->length = 2;
	statement->value[0] = (uint8_t)(type >> 8);
	statement->value[1] = (uint8_t)type;
}

/*
 * What nft(8) leaves unsaid: the protocol must be known before its header is read. In the bridge family every packet's
 * nfproto is the bridge, and the frame says what it carries.
 */
static void add_implied(struct cursor *cursor, enum ruleset_field field)
{
	if (field_table[field].nfproto && !cursor->nfproto_known) {
		if (cursor->rule->bridge)
			add_protocol_compare(cursor, field_table[field].nfproto);
		else
			add_byte_compare(cursor, RULESET_NFPROTO, field_table[field].nfproto);
		cursor->nfproto_known = true;
	}
	if (field_table[field].l4proto && !cursor->l4proto_known) {
		add_byte_compare(cursor, RULESET_L4PROTO, field_table[field].l4proto);
		cursor->l4proto_known = true;
	}
	cursor->nfproto_known |= field == RULESET_NFPROTO || field == RULESET_PROTOCOL;
	cursor->l4proto_known |= field == RULESET_L4PROTO;
}

static bool take_field(struct cursor *cursor, uint8_t *ret_field)
{
	for (size_t i = 0; i < RULESET_FIELD_MAX_; i++)
		if (take_word(cursor, field_table[i].name)) {
			*ret_field = (uint8_t)i;
			return true;
		}
	return false;
}

/* How many leading bits are set; the tables hold no other masks. */
static uint8_t count_bits(const uint8_t *mask, size_t length)
{
	uint8_t n = 0;

	while (n < length * 8 && mask[n / 8] >> (7 - n % 8) & 1)
		n++;
	return n;
}

static void parse_named(struct ruleset_statement *statement, const char *word)
{
	uint32_t bits = 0;

	while (*word) {
		size_t length = strcspn(word, ","), i;

		for (i = 0; i < ARRAY_SIZE(value_table); i++)
			if (value_table[i].field == statement->fields[0] && strlen(value_table[i].name) == length &&
			    strncmp(value_table[i].name, word, length) == 0)
				break;
		assert(i < ARRAY_SIZE(value_table));
		bits |= value_table[i].value;
		word += length + (word[length] == ',');
	}
	if (statement->length == sizeof(bits)) {
		if (statement->fields[0] != RULESET_FIB_DADDR_TYPE)
			statement->kind = RULESET_FLAGS;
		memcpy(statement->value, &bits, sizeof(bits));
	} else if (statement->length == sizeof(uint16_t)) {
		statement->value[0] = (uint8_t)(bits >> 8);
		statement->value[1] = (uint8_t)bits;
	} else {
		statement->value[0] = (uint8_t)bits;
	}
}

/* Of groups, too, which mac_parse() does not take. */
static void parse_ethernet(struct ruleset_statement *statement, const char *word)
{
	uint8_t *bytes = statement->value;
	int n = sscanf(word, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4], &bytes[5]);

	assert(n == 6);
}

static void parse_value(struct ruleset_statement *statement, char *word)
{
	char *slash = strchr(word, '/');
	uint32_t number;

	statement->length = field_table[statement->fields[0]].length;
	if (slash) {
		*slash = '\0';
		statement->masked = true;
		statement->prefix_length = (uint8_t)atoi(slash + 1);
	}
	if (word[0] == '"') {
		snprintf((char *)statement->value, sizeof(statement->value), "%.*s", (int)strcspn(word + 1, "\""), word + 1);
	} else if (inet_pton(statement->length == 16 ? AF_INET6 : AF_INET, word, statement->value) == 1) {
		return;
	} else if (statement->length == 6) {
		parse_ethernet(statement, word);
	} else if (str_parse_u32(word, UINT16_MAX, &number) == 0) {
		if (statement->length == 2)
			statement->value[0] = (uint8_t)(number >> 8);
		statement->value[statement->length - 1] = (uint8_t)number;
	} else {
		parse_named(statement, word);
	}
}

/* `FIELD [. FIELD]...`; what they imply comes before them. Returns how many. */
static uint8_t take_fields(struct cursor *cursor, uint8_t fields[static RULESET_FIELDS])
{
	uint8_t n = 0;

	if (!take_field(cursor, &fields[n]))
		return 0;
	for (n = 1; take_word(cursor, "."); n++) {
		bool found = n < RULESET_FIELDS && take_field(cursor, &fields[n]);

		assert(found);
	}
	for (size_t i = 0; i < n; i++)
		add_implied(cursor, fields[i]);
	return n;
}

/* `FIELD [. FIELD] [& MASK] [!=] VALUE-or-@SET` */
static bool parse_match(struct cursor *cursor)
{
	struct ruleset_statement *statement;
	uint8_t fields[RULESET_FIELDS], n, mask[16];
	char word[64];

	n = take_fields(cursor, fields);
	if (n == 0)
		return false;

	statement = add_statement(cursor, RULESET_COMPARE);
	memcpy(statement->fields, fields, n);
	statement->n_fields = n;
	if (take_word(cursor, "&")) {
		uint8_t length = field_table[fields[n - 1]].length;
		int r = inet_pton(length == 16 ? AF_INET6 : AF_INET, take_any(cursor, word, sizeof(word)), mask);

		assert(r == 1);
		statement->masked = true;
		statement->prefix_length = count_bits(mask, length);
	}
	statement->invert = take_word(cursor, "!=");

	take_any(cursor, word, sizeof(word));
	if (word[0] == '@') {
		statement->kind = RULESET_LOOKUP;
		snprintf(statement->name, sizeof(statement->name), "%.*s", RULESET_NAME_SIZE - 1, word + 1);
	} else {
		parse_value(statement, word);
	}
	return true;
}

/* `FIELD [. FIELD]... map @MAP`; a prefix of the first word has been taken. */
static void parse_map(struct cursor *cursor, struct ruleset_statement *head)
{
	struct ruleset_statement *statement;
	uint8_t fields[RULESET_FIELDS];
	char word[64];
	uint8_t n = take_fields(cursor, fields);
	bool map = take_word(cursor, "map");

	assert(n > 0 && map);
	statement = add_statement(cursor, head->kind);
	*statement = *head;
	memcpy(statement->fields, fields, n);
	statement->n_fields = n;
	snprintf(statement->name, sizeof(statement->name), "%.*s", RULESET_NAME_SIZE - 1,
		 take_any(cursor, word, sizeof(word)) + 1);
}

/* `ip to ...` or `ip6 to ...` */
static void parse_nat(struct cursor *cursor, enum ruleset_kind kind)
{
	struct ruleset_statement head = { .kind = (uint8_t)kind, .with_ports = cursor->l4proto_known || kind == RULESET_DNAT };
	bool to;

	head.ipv6 = take_word(cursor, "ip6");
	to = (head.ipv6 || take_word(cursor, "ip")) && take_word(cursor, "to");
	assert(to);
	parse_map(cursor, &head);
}

static void parse_masquerade(struct cursor *cursor)
{
	struct ruleset_statement *statement, head = { .kind = RULESET_MASQUERADE, .with_ports = true };
	char word[64];
	int n;

	if (!take_word(cursor, "to")) {
		add_statement(cursor, RULESET_MASQUERADE);
	} else if (cursor->at[0] == ':' && cursor->at[1] == 'i') {
		cursor->at++;
		parse_map(cursor, &head);
	} else {
		statement = add_statement(cursor, RULESET_MASQUERADE);
		n = sscanf(take_any(cursor, word, sizeof(word)), ":%hu-%hu", &statement->ports[0], &statement->ports[1]);
		assert(n == 2);
	}
}

static void add_chain(struct cursor *cursor, enum ruleset_kind kind)
{
	struct ruleset_statement *statement = add_statement(cursor, kind);
	char word[64];

	snprintf(statement->name, sizeof(statement->name), "%.*s", RULESET_NAME_SIZE - 1, take_any(cursor, word, sizeof(word)));
}

static bool parse_action(struct cursor *cursor)
{
	if (take_word(cursor, "accept")) {
		add_statement(cursor, RULESET_ACCEPT);
	} else if (take_word(cursor, "drop")) {
		add_statement(cursor, RULESET_DROP);
	} else if (take_word(cursor, "return")) {
		add_statement(cursor, RULESET_RETURN);
	} else if (take_word(cursor, "reject")) {
		add_statement(cursor, RULESET_REJECT);
	} else if (take_word(cursor, "goto")) {
		add_chain(cursor, RULESET_GOTO);
	} else if (take_word(cursor, "jump")) {
		add_chain(cursor, RULESET_JUMP);
	} else if (take_word(cursor, "masquerade")) {
		parse_masquerade(cursor);
	} else if (take_word(cursor, "snat")) {
		parse_nat(cursor, RULESET_SNAT);
	} else if (take_word(cursor, "dnat")) {
		parse_nat(cursor, RULESET_DNAT);
	} else if (take_word(cursor, "frag frag-off != 0")) {
		add_protocol_compare(cursor, RULESET_NFPROTO_6);
		add_statement(cursor, RULESET_LATER);
	} else if (take_word(cursor, "tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu")) {
		add_byte_compare(cursor, RULESET_L4PROTO, 6);
		add_statement(cursor, RULESET_CLAMP);
	} else {
		return false;
	}
	return true;
}

/* The lines are ours, and const: one that cannot be parsed is a programming error. */
static void parse_rule(struct ruleset_rule *rule)
{
	struct cursor cursor = { .at = rule->text, .rule = rule };

	while (*cursor.at) {
		bool known = parse_match(&cursor) || parse_action(&cursor);

		assert(known);
	}
}

/* Copies a line with %m and %l replaced. */
static void expand(const char *line, unsigned int length, bool ipv6, char *buffer, size_t size)
{
	char mask[INET6_ADDRSTRLEN];
	uint8_t bytes[16] = { 0 };
	struct text text;

	for (unsigned int i = 0; i < length; i++)
		bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	inet_ntop(ipv6 ? AF_INET6 : AF_INET, bytes, mask, sizeof(mask));

	text_init(&text, buffer, size);
	for (; *line; line++) {
		if (line[0] == '%' && line[1] == 'm') {
			text_add(&text, "%s", mask);
			line++;
		} else if (line[0] == '%' && line[1] == 'l') {
			text_add(&text, "%u", length);
			line++;
		} else {
			text_add(&text, "%c", *line);
		}
	}
	assert(!text.overflow);
}

static int add_rule(struct ruleset *ruleset, size_t *max, const char *chain, const char *line, uint32_t feature,
		    unsigned int length, bool ipv6)
{
	struct ruleset_rule *rule;

	if (ruleset->n_rules == *max) {
		size_t n = *max ? *max * 2 : 64;
		struct ruleset_rule *rules = reallocarray(ruleset->rules, n, sizeof(*rules));

		if (!rules)
			return -ENOMEM;
		ruleset->rules = rules;
		*max = n;
	}
	rule = &ruleset->rules[ruleset->n_rules++];
	memset(rule, 0, sizeof(*rule));
	rule->chain = chain;
	rule->bridge = is_bridged(feature);
	expand(line, length, ipv6, rule->text, sizeof(rule->text));
	parse_rule(rule);
	return 0;
}

static bool has_feature(const struct netstate_table *table, uint32_t feature)
{
	return !feature || table->features & feature;
}

static int build_rules(const struct netstate_table *table, struct ruleset *ruleset)
{
	size_t max = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rule_table); i++) {
		if (!has_feature(table, rule_table[i].feature))
			continue;
		switch (rule_table[i].multiplicity) {
		case ONCE:
			r = add_rule(ruleset, &max, rule_table[i].chain, rule_table[i].text, rule_table[i].feature, 0, false);
			break;
		case PREFIX4:
			for (unsigned int length = 0; r == 0 && length <= 32; length++)
				if (ruleset_has_prefix4(table, length))
					r = add_rule(ruleset, &max, rule_table[i].chain, rule_table[i].text,
						     rule_table[i].feature, length, false);
			break;
		case PREFIX6:
			for (unsigned int length = 0; r == 0 && length <= 128; length++)
				if (ruleset_has_prefix6(table, length))
					r = add_rule(ruleset, &max, rule_table[i].chain, rule_table[i].text,
						     rule_table[i].feature, length, true);
			break;
		}
	}
	return r;
}

/* Are these twice the same parts, the first and the last of an interval? */
static bool is_interval(const char *list)
{
	size_t n = strlen(list);

	return n % 2 == 0 && strncmp(list, list + n / 2, n / 2) == 0;
}

static uint32_t add_type(const char *list, size_t n, struct text *text)
{
	uint32_t type = 0;

	for (size_t i = 0; i < n; i++) {
		text_add(text, "%s%s", i ? " . " : "", find_part(list[i])->name);
		type = type << 6 | find_part(list[i])->type;
	}
	return type;
}

/* What the kernel wants to know of a key whose parts are ranges. */
static void add_parts(const char *list, struct ruleset_set *item)
{
	item->key_length = 0;
	for (size_t i = 0; list[i]; i++) {
		item->parts[item->n_parts++] = find_part(list[i])->exact;
		item->key_length = (uint8_t)(item->key_length + (find_part(list[i])->exact + 3) / 4 * 4);
	}
}

static void add_set(struct ruleset *ruleset, enum netstate_set set, unsigned int length)
{
	struct ruleset_set *item = &ruleset->sets[ruleset->n_sets++];
	struct text text;

	memset(item, 0, sizeof(*item));
	ruleset_set_name(set, (uint8_t)length, item->name, sizeof(item->name));
	text_init(&text, item->type_text, sizeof(item->type_text));
	item->key_type = add_type(set_table[set].key, strlen(set_table[set].key), &text);
	item->key_length = ruleset_set_key_length(set);
	if (ruleset_set_has_ranges(set))
		add_parts(set_table[set].key, item);
	item->bridge = is_bridged(set_table[set].feature);
	item->limited = set_table[set].limited;
	item->data_length = item->limited ? 0 : ruleset_set_data_length(set);
	if (item->data_length) {
		size_t n = strlen(set_table[set].data);

		item->interval = is_interval(set_table[set].data);
		text_add(&text, " : %s", item->interval ? "interval " : "");
		item->data_type = add_type(set_table[set].data, item->interval ? n / 2 : n, &text);
	}
}

static int build_sets(const struct netstate_table *table, struct ruleset *ruleset)
{
	ruleset->sets = calloc(NETSTATE_SET_MAX_ + 3 * (33 + 129), sizeof(*ruleset->sets));
	if (!ruleset->sets)
		return -ENOMEM;

	for (size_t i = 0; i < NETSTATE_SET_MAX_; i++) {
		bool ipv6 = strcmp(set_table[i].key, "n6") == 0;

		if (!has_feature(table, set_table[i].feature))
			continue;

		if (!set_table[i].per_prefix)
			add_set(ruleset, i, 0);
		for (unsigned int length = 0; set_table[i].per_prefix && length <= 128; length++)
			if (ipv6 ? ruleset_has_prefix6(table, length) : ruleset_has_prefix4(table, length))
				add_set(ruleset, i, length);
	}
	return 0;
}

static int build_chains(const struct netstate_table *table, struct ruleset *ruleset)
{
	ruleset->chains = calloc(ARRAY_SIZE(chain_table), sizeof(*ruleset->chains));
	if (!ruleset->chains)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(chain_table); i++)
		if (has_feature(table, chain_table[i].feature)) {
			ruleset->chains[ruleset->n_chains] = chain_table[i];
			ruleset->chains[ruleset->n_chains++].bridge = is_bridged(chain_table[i].feature);
		}
	return 0;
}

/* Describes the table for the prefix lengths and features that @table names. -ENOMEM only. Owned by the caller. */
int ruleset_build(const struct netstate_table *table, struct ruleset *ret_ruleset)
{
	struct ruleset ruleset = RULESET_NULL;
	int r;

	r = build_chains(table, &ruleset);
	if (r == 0)
		r = build_sets(table, &ruleset);
	if (r == 0)
		r = build_rules(table, &ruleset);
	if (r < 0) {
		ruleset_deinit(&ruleset);
		return r;
	}
	*ret_ruleset = ruleset;
	return 0;
}

void ruleset_deinit(struct ruleset *ruleset)
{
	free(ruleset->chains);
	free(ruleset->sets);
	free(ruleset->rules);
	*ruleset = RULESET_NULL;
}

static void print_table(const struct ruleset *ruleset, bool bridge, struct text *text)
{
	text_add(text, "table %s " RULESET_TABLE " {\n\tcomment \"guestnet %u\"\n", bridge ? "bridge" : "inet", RULESET_VERSION);
	for (size_t i = 0; i < ruleset->n_sets; i++)
		if (ruleset->sets[i].bridge == bridge)
			text_add(text, "\t%s %s { type %s; %s%s}\n", ruleset->sets[i].data_length ? "map" : "set",
				 ruleset->sets[i].name, ruleset->sets[i].type_text, ruleset->sets[i].n_parts ? "flags interval; " : "",
				 ruleset->sets[i].limited ? RULESET_LIMIT_TEXT "; " : "");
	for (size_t i = 0; i < ruleset->n_chains; i++) {
		const struct ruleset_chain *chain = &ruleset->chains[i];

		if (chain->bridge != bridge)
			continue;
		text_add(text, "\tchain %s {\n", chain->name);
		if (chain->type)
			text_add(text, "\t\ttype %s hook %s priority %d; policy accept;\n", chain->type,
				 chain->hook_name, chain->priority);
		for (size_t j = 0; j < ruleset->n_rules; j++)
			if (strcmp(ruleset->rules[j].chain, chain->name) == 0)
				text_add(text, "\t\t%s\n", ruleset->rules[j].text);
		text_add(text, "\t}\n");
	}
	text_add(text, "}\n");
}

/* Are there rules of the bridge family, in a table of their own? */
bool ruleset_has_bridge(const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->n_sets; i++)
		if (ruleset->sets[i].bridge)
			return true;
	return false;
}

/* Prints the table, or the two, as nft(8) reads it. */
void ruleset_print(const struct ruleset *ruleset, struct text *text)
{
	print_table(ruleset, false, text);
	if (ruleset_has_bridge(ruleset))
		print_table(ruleset, true, text);
}

/* FNV-1a, 64 bits: a name for a text, no protection. */
static uint64_t add_hash(uint64_t hash, const char *string)
{
	do {
		hash = (hash ^ (uint8_t)*string) * UINT64_C(1099511628211);
	} while (*string++);
	return hash;
}

static uint64_t hash_lines(uint64_t hash, const struct netstate_table *table, enum multiplicity multiplicity,
			   unsigned int length)
{
	char line[RULESET_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(rule_table); i++) {
		if (rule_table[i].multiplicity != multiplicity || !has_feature(table, rule_table[i].feature))
			continue;
		expand(rule_table[i].text, length, multiplicity == PREFIX6, line, sizeof(line));
		hash = add_hash(add_hash(hash, rule_table[i].chain), line);
	}
	return hash;
}

/*
 * A number for the text of the table that @table describes: equal for equal rules, never 0. Of @table only
 * the prefix lengths and the features count.
 */
uint64_t ruleset_fingerprint(const struct netstate_table *table)
{
	uint64_t hash = UINT64_C(14695981039346656037) + RULESET_VERSION;

	for (size_t i = 0; i < ARRAY_SIZE(set_table); i++)
		if (has_feature(table, set_table[i].feature))
			hash = add_hash(add_hash(add_hash(hash, set_table[i].name), set_table[i].key), set_table[i].data ?: "");
	for (size_t i = 0; i < ARRAY_SIZE(chain_table); i++)
		if (has_feature(table, chain_table[i].feature))
			hash = add_hash(add_hash(hash, chain_table[i].name), chain_table[i].type ?: "");
	hash = hash_lines(hash, table, ONCE, 0);
	for (unsigned int length = 0; length <= 32; length++)
		if (ruleset_has_prefix4(table, length))
			hash = hash_lines(hash, table, PREFIX4, length);
	for (unsigned int length = 0; length <= 128; length++)
		if (ruleset_has_prefix6(table, length))
			hash = hash_lines(hash, table, PREFIX6, length);
	return hash ?: 1;
}
