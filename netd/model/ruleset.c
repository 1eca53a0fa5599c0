/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our nftables table as a description: sets, chains, and rules as lists of small statements.
 * Pure: no system calls.
 *
 * Theory of operation
 *
 * The tables below are the rules, in the words of nft(8): what is printed, what is hashed and what is
 * sent are made of the same text, so none of them can say something else than the others. A
 * small parser (ruleset-parse.c) turns each line into statements; kernel/nft.c turns statements into what the kernel reads.
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
#include "ruleset-internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
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
	/* Of a network that is open only this is asked, and nothing that is a part of a flow. */
	{ "forward", ONCE, "ct state invalid,new,untracked oifname @openin jump rules_in", RULESET_OPEN_IN },
	{ "forward", ONCE, "oifname @open accept", RULESET_OPEN },
	{ "forward", ONCE, "oifname @bridges goto to_guest", RULESET_GUARD },
	{ "forward", ONCE, "meta nfproto @guard drop", RULESET_GUARD },
	{ "forward", ONCE, "ct state established,related accept" },
	{ "forward", ONCE, "oifname @bridges goto to_guest" },

	{ "from_bridge", PREFIX4, "iifname . ip saddr & %m @source%l goto from_guest" },
	{ "from_bridge", PREFIX6, "iifname . ip6 saddr & %m @source6_%l goto from_guest" },
	{ "from_bridge", ONCE, "iifname @bridges goto stray" },
	/* A bridge that is none of ours, or of a network that is open. */
	{ "from_bridge", ONCE, "iifname . oifname @same accept", RULESET_OPEN_OUT | RULESET_OPEN_IN },
	{ "from_bridge", ONCE, "ct state invalid,new,untracked iifname @openout jump rules_out", RULESET_OPEN_OUT },
	{ "from_bridge", ONCE, "oifname @bridges goto to_guest" },
	{ "from_bridge", ONCE, "ct state invalid,new,untracked oifname @openin jump rules_in", RULESET_OPEN_IN },
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
	{ "from_guest", ONCE, "ct state invalid,new,untracked oifname @openin jump rules_in", RULESET_OPEN_IN },
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
	for (;;) {
		const int n = (int)strcspn(line, "%");

		text_add(&text, "%.*s", n, line);
		line += n;
		if (!*line)
			break;
		assert(line[1] == 'm' || line[1] == 'l');
		if (line[1] == 'm')
			text_add(&text, "%s", mask);
		else
			text_add(&text, "%u", length);
		line += 2;
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
	rule->bridge = ruleset_is_bridged(feature);
	expand(line, length, ipv6, rule->text, sizeof(rule->text));
	ruleset_parse(rule);
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

static int build_sets(const struct netstate_table *table, struct ruleset *ruleset)
{
	ruleset->sets = calloc(NETSTATE_SET_MAX_ + 3 * (33 + 129), sizeof(*ruleset->sets));
	if (!ruleset->sets)
		return -ENOMEM;

	for (size_t i = 0; i < NETSTATE_SET_MAX_; i++) {
		bool ipv6 = strcmp(ruleset_set_rows[i].key, "n6") == 0;

		if (!has_feature(table, ruleset_set_rows[i].feature))
			continue;

		if (!ruleset_set_rows[i].per_prefix)
			ruleset_describe_set(i, 0, &ruleset->sets[ruleset->n_sets++]);
		for (unsigned int length = 0; ruleset_set_rows[i].per_prefix && length <= 128; length++)
			if (ipv6 ? ruleset_has_prefix6(table, length) : ruleset_has_prefix4(table, length))
				ruleset_describe_set(i, length, &ruleset->sets[ruleset->n_sets++]);
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
			ruleset->chains[ruleset->n_chains++].bridge = ruleset_is_bridged(chain_table[i].feature);
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

	for (size_t i = 0; i < NETSTATE_SET_MAX_; i++)
		if (has_feature(table, ruleset_set_rows[i].feature))
			hash = add_hash(add_hash(add_hash(hash, ruleset_set_rows[i].name), ruleset_set_rows[i].key), ruleset_set_rows[i].data ?: "");
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
