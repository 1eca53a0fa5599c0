/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's networking looks like, as far as we care: one type for what should be (desired.c)
 * and for what is (kernel/snapshot.c), so that plan.c can compare the two.
 * Pure: types, and functions without system calls.
 *
 * Small value structs in arrays, sorted by the identity that the kernel gives an object: a link by its
 * name, an address by link, family and address, an element by set and key. Nothing points anywhere:
 * an entry can be copied, compared with memcmp after netstate_sort(), and printed. Every struct is zeroed
 * before it is filled in, padding included.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/addr.h"
#include "ip.h"

#define NETWORK_NAME_SIZE	13	/* 1-12 bytes and the end */
#define NETSTATE_ALIAS_SIZE	256	/* IFALIASZ */
#define NETSTATE_ALTNAMES	8	/* of one bridge of ours, with those that others gave it; of more, some are not known */

/* Ports of guests bear a group (IFLA_GROUP) of this range, their network's; it says nothing where no rule asks for it. */
#define NETSTATE_GROUP_FIRST	UINT32_C(0x67000000)
#define NETSTATE_GROUP_MASK	UINT32_C(0x00ffffff)

static inline bool netstate_is_group(uint32_t group)
{
	return (group & ~NETSTATE_GROUP_MASK) == NETSTATE_GROUP_FIRST;
}

/* The rules of [Port], as letters in the alias of a bridge: all may read them there. */
enum netstate_guard {
	NETSTATE_GUARD_MAC	= 1 << 0,
	NETSTATE_GUARD_ADDRESS	= 1 << 1,
	NETSTATE_GUARD_RA	= 1 << 2,
	NETSTATE_GUARD_DHCP	= 1 << 3,
	NETSTATE_GUARD_BPDU	= 1 << 4,
};
#define NETSTATE_GUARD_LETTERS	"MARDB"	/* in this order */
#define NETSTATE_GUARDS_SIZE	sizeof(NETSTATE_GUARD_LETTERS)

/* Who an object belongs to. Only ours is ever changed; foreign ones are there to be seen and named. */
enum netstate_owner {
	NETSTATE_FOREIGN,
	NETSTATE_OURS,		/* marked: alias "guestnet net=NAME" on a bridge, the helper's alias on a tap */
};

/* Identity: name (desired has no ifindex; a snapshot has both). */
struct netstate_bridge {
	char name[IFNAME_SIZE];
	int ifindex;			/* snapshot only; 0 in desired */
	uint8_t owner;			/* enum netstate_owner */
	bool up;
	bool stp;
	bool address_pinned;		/* desired: always true; snapshot: unknown, and then true */
	uint16_t forward_delay_cs;	/* 1/100 s, as IFLA_BR_FORWARD_DELAY */
	uint32_t mtu;
	struct mac mac;
	bool nf_call;			/* any of nf_call_iptables, ip6tables, arptables */
	uint8_t addr_gen_mode;
	bool ipv6_off;			/* snapshot only: it can have no address of IPv6 */
	bool open;			/* desired only: no rule is about it (Mode=open) */
	bool existing;			/* desired only: somebody else's bridge, used as it is (Mode=bridge) */
	char proxied[IFNAME_SIZE];	/* desired only: the interface where the host answers for its guests (ProxyARP=); "": none */
	bool lan;			/* desired only: a network card of the host is its port, and what was on that is on it (Uplink=); or a tunnel alone */
	bool ports_isolated;		/* [Port] Isolated=; a snapshot has it from the alias, as the helper does */
	uint32_t port_group;		/* of guests' ports, which the rules of [Port] know them by; 0: there are none */
	uint8_t port_guards;		/* enum netstate_guard: what these rules are */
	uint8_t n_altnames;
	char altnames[NETSTATE_ALTNAMES][IFNAME_SIZE];	/* only those up to 15 bytes; sorted */
	char network[NETWORK_NAME_SIZE];		/* whose bridge it is; "" when foreign */
};

/* A port on, or fallen from, a bridge of ours. Identity: ifindex. */
struct netstate_port {
	int ifindex;
	int master;			/* ifindex; 0: in no bridge */
	char name[IFNAME_SIZE];
	char bridge[IFNAME_SIZE];	/* where it belongs: from its alias, from our memory, or where it is */
	uint8_t owner;
	bool up, isolated, locked, learning, flood;
	bool physical;			/* no link kind: a network card */
	bool tap;			/* a guest's, whoever made it */
	bool kept;			/* memory only: not ours, but of those that the network keeps (Ports=) */
	bool off;			/* memory only: it was in no bridge at the last look either */
	bool guest;			/* its network's [Port] is about it; the manager says so */
	bool made_isolated;		/* memory only: by us, not by the program whose port it is */
	uint32_t group;			/* IFLA_GROUP */
	uint32_t mtu;
	uint16_t vlan;
	struct mac mac;			/* snapshot only */
	char alias[NETSTATE_ALIAS_SIZE];
};

/* Identity: link, address, prefix length. */
struct netstate_address {
	char link[IFNAME_SIZE];
	struct ip address;
	uint8_t prefix_length;
	bool ours;			/* on a bridge of ours */
	bool chosen;			/* desired only: by us (Address=auto) */
	bool moves;			/* desired only: and another one is chosen where a route of others leads there (Renumber=) */
	bool moves_guests;		/* desired only: though guests are there */
	bool marked;			/* snapshot only: we have put it there, as the kernel says (Linux 5.18) */
	bool ending;			/* snapshot only: it is preferred for a time only, or not any more */
	bool no_route;			/* snapshot only: its bridge is up, and the route to its prefix is gone */
};

/*
 * An interface that is neither a bridge of ours nor a port, as far as routing goes; and bridges of ours that do not
 * forward. Only those of which something can be said. Identity: name. Snapshot only.
 */
struct netstate_device {
	char name[IFNAME_SIZE];		/* "all": the host's own switch, which says that forwarding was looked at */
	bool card;			/* a network card */
	bool ra;			/* has an address or a route by router advertisement */
	bool off4, off6;		/* does not forward; of others than "all" only while that one does */
};

#define PROXY_BITS	8		/* of a prefix whose addresses the host answers for, each of them */

#define NETSTATE_MAIN_TABLE	254	/* RT_TABLE_MAIN: others are looked at only by rules that somebody made */
#define NETSTATE_DELEGATED_MIN	16	/* lengths of prefixes that are delegated */
#define NETSTATE_DELEGATED_MAX	64	/* guests make their addresses of a /64 */
#define NETSTATE_ROUTE_PROTOCOL	71	/* rtm_protocol of what is ours: linux/rtnetlink.h has no name for it, nor iproute2 */

/* Identity: family, destination, length, table, metric. Desired: those through guests; snapshot: to see overlaps, too. */
struct netstate_route {
	struct ip destination;
	uint8_t prefix_length;
	bool ours;			/* marked by its protocol */
	bool delegated;			/* snapshot only: it leads nowhere, and says that the prefix was delegated to this host */
	uint32_t table, metric;
	struct ip gateway;		/* no family: none, or of the other family, or several */
	char link[IFNAME_SIZE];
};

/* The sets of our table (RULESET section 1). Keys are kept as the kernel keeps them. */
enum netstate_set {
	NETSTATE_SET_BRIDGES,		/* ifname */
	NETSTATE_SET_SOURCE4,		/* ifname . ipv4, one kernel set per prefix length */
	NETSTATE_SET_SOURCE6,		/* ifname . ipv6, likewise */
	NETSTATE_SET_SAME,		/* ifname . ifname */
	NETSTATE_SET_NAT,		/* ifname */
	NETSTATE_SET_GATEWAY4,		/* ipv4 */
	NETSTATE_SET_LOCAL4,		/* ifname . ipv4: this bridge's own addresses */
	NETSTATE_SET_LOCAL6,		/* ifname . ipv6 */
	NETSTATE_SET_HOSTOPEN,		/* ifname: HostAccess=all */
	NETSTATE_SET_HOSTCLOSED,	/* ifname: HostAccess=none */
	NETSTATE_SET_NAT6,		/* ifname: IPv6 is masqueraded too */
	/*
	 * Like SOURCE4 and SOURCE6, for networks that forward nothing (isolated): looked at only for packets to
	 * the host itself. One set per prefix length, too.
	 */
	NETSTATE_SET_INSIDE4,		/* ifname . ipv4 */
	NETSTATE_SET_INSIDE6,		/* ifname . ipv6 */
	NETSTATE_SET_GUARD,		/* family: the host routes nothing of it between interfaces that are not ours */
	/* Sets and maps from here on are there only while some network uses what they are for. */
	NETSTATE_SET_ROUTED4,		/* ifname . ipv4, per prefix length: can be reached from outside */
	NETSTATE_SET_ROUTED6,		/* ifname . ipv6, likewise */
	NETSTATE_SET_UPLINKED,		/* ifname: may leave by its Uplink= only */
	NETSTATE_SET_UPLINK,		/* ifname of the bridge . ifname of its uplink */
	NETSTATE_SET_NATADDR4,		/* ifname : first ipv4 . first port . last ipv4 . last port */
	NETSTATE_SET_NATADDR6,		/* ifname : first ipv6 . first port . last ipv6 . last port */
	NETSTATE_SET_NATPORTS,		/* ifname : first and last port */
	NETSTATE_SET_PEER,		/* ifname . ifname: traffic between two networks that both want it */
	NETSTATE_SET_FORWARD4,		/* protocol . port : ipv4 . port; at any address of the host */
	NETSTATE_SET_FORWARD6,		/* protocol . port : ipv6 . port */
	NETSTATE_SET_FORWARD_AT4,	/* ipv4 . protocol . port : ipv4 . port; at this address */
	NETSTATE_SET_FORWARD_AT6,	/* ipv6 . protocol . port : ipv6 . port */
	NETSTATE_SET_OPEN,		/* ifname: Mode=open, beside a guard */
	/*
	 * DenyOut= and so on. Of what is allowed or denied, the far end is a prefix, and protocols and ports are ranges: the
	 * kernel finds a packet among them with one lookup. What is said for one guest is asked first.
	 */
	NETSTATE_SET_OUT,		/* ifname: something is said of what its guests begin */
	NETSTATE_SET_OUT_GUEST,		/* ifname . mac: something is said of this one */
	NETSTATE_SET_OUT_GUEST_ALLOW4,	/* ifname . mac . ipv4 . protocols . ports */
	NETSTATE_SET_OUT_GUEST_ALLOW6,	/* ifname . mac . ipv6 . protocols . ports */
	NETSTATE_SET_OUT_GUEST_DENY4,
	NETSTATE_SET_OUT_GUEST_DENY6,
	NETSTATE_SET_OUT_ALLOW4,	/* ifname . ipv4 . protocols . ports */
	NETSTATE_SET_OUT_ALLOW6,	/* ifname . ipv6 . protocols . ports */
	NETSTATE_SET_OUT_DENY4,
	NETSTATE_SET_OUT_DENY6,
	NETSTATE_SET_IN,		/* ifname: something is said of what reaches its guests */
	NETSTATE_SET_IN_GUEST4,		/* ifname . ipv4: something is said of this one */
	NETSTATE_SET_IN_GUEST6,		/* ifname . ipv6 */
	NETSTATE_SET_IN_GUEST_ALLOW4,	/* ifname . ipv4 of the guest . ipv4 . protocols . ports */
	NETSTATE_SET_IN_GUEST_ALLOW6,	/* ifname . ipv6 of the guest . ipv6 . protocols . ports */
	NETSTATE_SET_IN_GUEST_DENY4,
	NETSTATE_SET_IN_GUEST_DENY6,
	NETSTATE_SET_IN_ALLOW4,		/* ifname . ipv4 . protocols . ports */
	NETSTATE_SET_IN_ALLOW6,		/* ifname . ipv6 . protocols . ports */
	NETSTATE_SET_IN_DENY4,
	NETSTATE_SET_IN_DENY6,
	NETSTATE_SET_OPEN_OUT,		/* ifname: one of OUT with Mode=open, of which no other rule speaks */
	NETSTATE_SET_OPEN_IN,		/* ifname: one of IN, likewise */
	/* Those of [Port], in a table of the bridge family. A network's ports are known by their group. */
	NETSTATE_SET_PORT_GUARDED,	/* group: anything of the following */
	NETSTATE_SET_PORT_RA,		/* group: RAGuard= */
	NETSTATE_SET_PORT_DHCP,		/* group: DHCPGuard= */
	NETSTATE_SET_PORT_BPDU,		/* group: BPDUGuard= */
	NETSTATE_SET_PORT_LEASED,	/* group: AddressBinding= */
	NETSTATE_SET_PORT_BOUND,	/* ifname: its Ethernet addresses are known */
	NETSTATE_SET_PORT_MAC,		/* ifname . mac: they are these */
	NETSTATE_SET_PORT_TAKEN,	/* group . mac: nobody else's */
	NETSTATE_SET_PORT_ADDRESS4,	/* group . mac . ipv4 */
	NETSTATE_SET_PORT_ADDRESS6,	/* group . mac . ipv6 */
	NETSTATE_SET_PORT_GATEWAY6,	/* group . ipv6: the host's own */
	NETSTATE_SET_PORT_RATE,		/* ifname, with a limit: what comes from the port */
	NETSTATE_SET_RATE,		/* ifname, with a limit: what comes from the bridge */
	NETSTATE_SET_MAX_,
};

#define NETSTATE_KEY_SIZE 54		/* ifname (16), two IPv6 addresses, protocols (2) and ports (4) */
#define NETSTATE_ELEMENT_SIZE 56	/* a key and its data: ifname; two IPv6 addresses and two ports, each padded to 4 */

/* Identity: set, prefix length, key. Of a map: what the key stands for is not part of the identity. */
struct netstate_element {
	uint8_t set;			/* enum netstate_set */
	uint8_t prefix_length;		/* of NETSTATE_SET_SOURCE*, INSIDE* and ROUTED*, and of far ends; else 0 */
	uint8_t key_length;
	uint8_t data_length;		/* 0: of a set without limits, not of a map */
	/* The key, then what it stands for: netstate_element_data(). There are many elements, and few of maps. */
	uint8_t key[NETSTATE_ELEMENT_SIZE];
	char network[NETWORK_NAME_SIZE];	/* desired: whose it is, for tagging; not part of the identity */
};

/* What the key stands for; both lengths are known by then. */
static inline uint8_t *netstate_element_data(struct netstate_element *element)
{
	return element->key + element->key_length;
}

static inline const uint8_t *netstate_element_get_data(const struct netstate_element *element)
{
	return element->key + element->key_length;
}

/* Our table as a whole: chains and rules are the same whatever the networks, elements come and go. */
enum netstate_table_state {
	NETSTATE_TABLE_ABSENT,
	NETSTATE_TABLE_EQUAL,		/* chains, rules and set definitions are those of `fingerprint` */
	NETSTATE_TABLE_DIFFERENT,	/* there is a table of our name, and it is not like that */
	NETSTATE_TABLE_MAX_,
};

struct netstate_table {
	uint8_t state;			/* enum netstate_table_state; in desired EQUAL, or ABSENT for no networks */
	bool owned;			/* by this process's nft socket (flags owner) */
	bool orphan;			/* flag owner without an owner: it can be adopted */
	bool foreign_owner;		/* another process owns it: another instance */
	uint64_t handle;		/* snapshot only */
	uint64_t fingerprint;		/* of the rules text, ruleset_fingerprint() */
	/* The prefix lengths in use: they decide which source sets and rules there are. Bit n: /n. */
	uint64_t prefixes4;
	uint64_t prefixes6[3];
	uint32_t features;		/* bits of enum ruleset_feature: which optional sets and rules there are */
};

/* Ways to complete the checksums of DHCP replies, in the order of preference. */
enum checksum_strategy { CHECKSUM_OFF, CHECKSUM_NFT, CHECKSUM_TC, CHECKSUM_QUEUE, CHECKSUM_MAX_ };

/*
 * One DHCP checksum rule. Identity: bridge. Without one it is something of ours in a snapshot that serves no
 * bridge and is to go: a rule that is not as we would make it, or, without a handle, what rules stand in.
 */
struct netstate_checksum {
	char bridge[IFNAME_SIZE];
	uint8_t strategy;
	uint64_t handle;		/* snapshot only */
};

/* Desired: when a value is written. */
enum sysctl_when {
	SYSCTL_ALWAYS,
	SYSCTL_FROM_1,			/* before the others, and only where it is 1 */
	SYSCTL_AFTER,			/* behind the others, and again when forwarding was turned on */
	SYSCTL_IF_THERE,		/* of an interface that is none of ours */
	SYSCTL_WHEN_MAX_,
};

/*
 * A queue at an interface's root, which sends at a rate what leaves by it. Identity: link. A snapshot has those of ours,
 * wherever they are, and others' on bridges and ports of ours.
 */
struct netstate_shaper {
	char link[IFNAME_SIZE];
	char network[NETWORK_NAME_SIZE];	/* desired only */
	int ifindex;			/* snapshot only */
	bool ours;			/* by its handle */
	uint64_t rate;			/* bytes per second; 0: of others, or not as we would make it */
	uint64_t peak;			/* likewise, while a burst lasts; 0: as fast as it goes */
	uint32_t burst;			/* bytes that are sent at once */
	uint32_t peak_burst;		/* and of these, at once in fact; 0: without a peak */
	uint32_t queue;			/* bytes that are there at most, those included */
	char kind[16];			/* of others */
};

/* A sysctl of net. Identity: path. */
struct netstate_sysctl {
	char path[48];			/* below /proc/sys/net, such as "ipv4/ip_forward" */
	int value;
	uint8_t when;			/* enum sysctl_when */
};

/* The host's own switches for forwarding, IPv4 and IPv6. */
extern const char *const netstate_forwarding[2];
bool netstate_is_forwarding(const char *path);

/* A service process of a network. Identity: network. */
struct netstate_service {
	char network[NETWORK_NAME_SIZE];
	char bridge[IFNAME_SIZE];
	uint64_t config_hash;		/* of the text it must run with, or runs with */
	uint64_t data_hash;		/* of the files that it reads again on SIGHUP; 0: nothing in them */
	bool running;
	bool deaf;			/* snapshot only: it runs, and does not listen where it should */
};

#define NETSTATE_NOBODY UINT32_MAX

/*
 * A tap that a network declares: what should be. In a snapshot what is called so, whatever it is, and what is marked
 * as declared. Identity: name.
 */
struct netstate_tap {
	char name[IFNAME_SIZE];
	char network[NETWORK_NAME_SIZE];	/* desired only */
	char bridge[IFNAME_SIZE];	/* where it belongs; in a snapshot, as its mark says */
	int ifindex;			/* snapshot only */
	uint32_t uid, gid;		/* who may open it; NETSTATE_NOBODY: no such condition */
	bool ours;			/* marked as declared; desired: true */
	bool persist;			/* stays when nobody has it open; desired: true */
	bool multi_queue;
	bool in_use;			/* snapshot only: somebody has it open */
};

#define NETSTATE_TUNNEL_PREFIX	"gv-"	/* and the network's name */

/*
 * A network's port to other hosts. Identity: name. A snapshot has all devices of the kind, and whatever is called as
 * ours are.
 */
struct netstate_tunnel {
	char name[IFNAME_SIZE];
	char network[NETWORK_NAME_SIZE];	/* in a snapshot, as its mark says; "": it has none */
	char bridge[IFNAME_SIZE];	/* desired only: where it belongs */
	int ifindex;			/* snapshot only */
	int master;			/* snapshot only: ifindex; 0: in no bridge */
	bool up;			/* desired: true */
	bool v6;			/* what it goes through */
	bool listed;			/* its remotes are those of the network's file; else others fill its forwarding table */
	bool learning;			/* where Ethernet addresses are, from what arrives */
	bool port_learning;		/* the same, by the bridge */
	bool isolated;			/* desired: false */
	uint8_t ttl;			/* 0: the kernel's own */
	uint16_t port;
	uint32_t vni;			/* 0: it is of another kind */
	uint32_t mtu;
	struct ip local;		/* no family: by the route */
	struct ip group;		/* which the kernel has it in, and hears there; no family: none */
	char under[IFNAME_SIZE];	/* the interface where that is, and that it is bound to; "": none */
	int under_index;		/* snapshot only: of that */
	char way[IFNAME_SIZE];		/* snapshot only: the interface of the host that takes the smallest packets of those to its remotes */
	uint32_t way_mtu;		/* which are of this size; 0: not known */
	struct ip lost;			/* snapshot only: a remote that the host has no route to; no family: none */
};

/*
 * A host that a tunnel sends everything to of which it does not know where else. Identity: link, address. A snapshot has
 * those of tunnels of ours that have them from a file, or should.
 */
struct netstate_remote {
	char link[IFNAME_SIZE];
	char network[NETWORK_NAME_SIZE];	/* desired only */
	char under[IFNAME_SIZE];	/* desired only: of a group, where it is */
	int ifindex;			/* snapshot only: of the link */
	int under_index;		/* snapshot only */
	struct ip address;
};

/*
 * An address that the host answers for on an interface, as if it were there: its neighbours ask for it by ARP or NDP.
 * Identity: link, address. Snapshot only: what should be follows from a bridge (`proxied`) and its addresses.
 */
struct netstate_proxy {
	char link[IFNAME_SIZE];
	int ifindex;			/* of it */
	struct ip address;
	bool ours;			/* marked by its protocol, as routes are */
};

/*
 * A network card that is to be, or is, the port of a bridge, with its addresses and routes on that. Identity: network.
 * What a snapshot says of it is from the file that was written before it was moved.
 */
struct netstate_uplink {
	char network[NETWORK_NAME_SIZE];
	char bridge[IFNAME_SIZE];
	char nic[IFNAME_SIZE];
	bool in_place;			/* desired: always */
};

/* A list of one kind: `type *items; size_t n`, grown by netstate_add_*(). */
#define NETSTATE_KINDS(kind)						\
	kind(bridge, bridges)						\
	kind(port, ports)						\
	kind(address, addresses)					\
	kind(route, routes)						\
	kind(device, devices)						\
	kind(element, elements)						\
	kind(checksum, checksums)					\
	kind(shaper, shapers)						\
	kind(sysctl, sysctls)						\
	kind(service, services)						\
	kind(tap, taps)							\
	kind(proxy, proxies)						\
	kind(tunnel, tunnels)						\
	kind(remote, remotes)						\
	kind(uplink, uplinks)

struct netstate {
#define NETSTATE_MEMBER(one, many) struct netstate_##one *many; size_t n_##many;
	NETSTATE_KINDS(NETSTATE_MEMBER)
#undef NETSTATE_MEMBER
	struct netstate_table table;
};

#define NETSTATE_NULL (struct netstate){ 0 }

void netstate_deinit(struct netstate *state);
void netstate_sort(struct netstate *state);
/* One list of it: netstate_sort_bridges() and so on. */
#define NETSTATE_SORT(one, many) void netstate_sort_##many(struct netstate *state);
NETSTATE_KINDS(NETSTATE_SORT)
#undef NETSTATE_SORT

/* Each appends a copy: 0 or -ENOMEM. */
#define NETSTATE_ADD(one, many) \
	int netstate_add_##one(struct netstate *state, const struct netstate_##one *item);
NETSTATE_KINDS(NETSTATE_ADD)
#undef NETSTATE_ADD

/* Each puts a copy where it belongs in a sorted state: 0 or -ENOMEM. */
#define NETSTATE_INSERT(one, many) \
	int netstate_insert_##one(struct netstate *state, const struct netstate_##one *item);
NETSTATE_KINDS(NETSTATE_INSERT)
#undef NETSTATE_INSERT

/* Puts copies of all of @part where they belong; both are sorted. 0 or -ENOMEM; then some are in their places. */
int netstate_merge(struct netstate *state, const struct netstate *part);

/* Each takes number @i out. */
#define NETSTATE_REMOVE(one, many) void netstate_remove_##one(struct netstate *state, size_t i);
NETSTATE_KINDS(NETSTATE_REMOVE)
#undef NETSTATE_REMOVE

/* Each finds by identity in a sorted state: NULL when there is none. */
const struct netstate_bridge *netstate_find_bridge(const struct netstate *state, const char *name);
const struct netstate_bridge *netstate_find_bridge_index(const struct netstate *state, int ifindex);
const struct netstate_service *netstate_find_service(const struct netstate *state, const char *network);
const struct netstate_tap *netstate_find_tap(const struct netstate *state, const char *name);
const struct netstate_uplink *netstate_find_uplink(const struct netstate *state, const char *network);
const struct netstate_shaper *netstate_find_shaper(const struct netstate *state, const char *link);
const struct netstate_proxy *netstate_find_proxy(const struct netstate *state, const char *link, const struct ip *address);
bool netstate_has_proxied(const struct netstate *state);
const struct netstate_tunnel *netstate_find_tunnel(const struct netstate *state, const char *name);
const struct netstate_remote *netstate_find_remote(const struct netstate *state, const char *link, const struct ip *address);
const struct netstate_sysctl *netstate_find_sysctl(const struct netstate *state, const char *path);

/* Where the sysctls whose paths begin so stand in a sorted state; how many there are is *ret_n. */
size_t netstate_sysctls_below(const struct netstate *state, const char *prefix, size_t *ret_n);

/* The order of elements in a sorted state: less than, equal to or greater than 0. */
int netstate_compare_elements(const struct netstate_element *a, const struct netstate_element *b);
bool netstate_same_data(const struct netstate_element *a, const struct netstate_element *b);

const struct netstate_element *netstate_find_element(const struct netstate *state, const struct netstate_element *element);
void netstate_mark_routes(struct netstate *state);
size_t netstate_addresses_of(const struct netstate *state, const char *link, size_t *ret_n);
void netstate_mark_routes_of(struct netstate *state, const char *link);
bool netstate_routes_overlap(const struct netstate_route *a, const struct netstate_route *b);
size_t netstate_routes_to(const struct netstate *state, const struct ip *destination, uint8_t prefix_length, size_t *ret_n);
bool netstate_is_overlap(const struct netstate *state, const struct netstate_route *route);
bool netstate_is_default(const struct netstate_route *route);
bool netstate_is_used(const struct netstate *snapshot, const struct netstate_bridge *bridge);
const struct netstate_address *netstate_find_address(const struct netstate *state, const struct netstate_address *address);

void netstate_guard_letters(uint8_t guards, char letters[static NETSTATE_GUARDS_SIZE]);
uint8_t netstate_read_guards(const char *letters);
