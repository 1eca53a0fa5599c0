/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card of the host as a port of our bridge: what was on it, what is, and the steps from one to the other.
 * Pure: types, and functions without system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/failure.h"
#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "netstate.h"

#define UPLINK_FOREVER		UINT32_MAX	/* a lifetime */
#define UPLINK_METRICS		17		/* of a route: numbered as in RTA_METRICS, RTAX_MAX + 1 */
#define UPLINK_HOPS		8
#define UPLINK_GATEWAYS		4
#define UPLINK_GEN_NONE		1		/* IN6_ADDR_GEN_MODE_NONE */
#define UPLINK_NOPREFIXROUTE	0x200		/* IFA_F_NOPREFIXROUTE */
#define UPLINK_KERNEL		2		/* RTPROT_KERNEL */
#define UPLINK_RULE_SIZE	512
#define UPLINK_SYSCTLS_MAX	64
#define UPLINK_SYSCTL_PATH_SIZE	96		/* families and names of the table are short, and interfaces have 15 characters */

/* Identity: address and prefix length. */
struct uplink_address {
	struct ip local, peer, broadcast;	/* no family: none */
	uint8_t prefix_length, scope, protocol;
	uint32_t flags;			/* IFA_F_*: those that can be given */
	uint32_t metric;		/* of the route that comes with it; 0: the kernel's */
	uint32_t valid_s, preferred_s;
	char label[IFNAME_SIZE];
};

struct uplink_hop {
	struct ip gateway;		/* no family: none */
	bool ours;			/* by the card, or the bridge */
	uint8_t flags;			/* RTNH_F_ONLINK, or 0 */
	uint8_t weight;			/* as the kernel has it: one less than it counts */
	int ifindex;			/* of a hop that is not ours */
};

/* Identity: family, destination, table, metric, TOS. */
struct uplink_route {
	uint8_t prefix_length, tos, protocol, scope, type, preference;
	bool made;			/* by the kernel: comes with an address, or by router advertisement */
	struct ip destination;		/* its family is the route's */
	struct ip source;
	uint32_t table, metric, realm;
	uint32_t expires_s;		/* 0: never */
	uint32_t metrics_set;		/* bit n: there is metrics[n] */
	uint32_t metrics[UPLINK_METRICS];
	uint8_t n_hops;
	struct uplink_hop hops[UPLINK_HOPS];
};

/* A neighbour that somebody has written down. Identity: address, and whether it is one that is answered for. */
struct uplink_neighbour {
	struct ip address;
	struct mac mac;
	bool proxy;			/* the host answers for it: no MAC */
};

/* A rule of routing that names the interface, as the kernel has it: struct fib_rule_hdr and attributes. */
struct uplink_rule {
	uint16_t length;
	uint8_t bytes[UPLINK_RULE_SIZE];
};

struct uplink_set {
	struct uplink_address *addresses;	/* owned */
	size_t n_addresses;
	struct uplink_route *routes;	/* owned */
	size_t n_routes;
	struct uplink_neighbour *neighbours;	/* owned */
	size_t n_neighbours;
	struct uplink_rule *rules;	/* owned; not in the file: nobody but their owner takes them away */
	size_t n_rules;
};

#define UPLINK_SET_NULL (struct uplink_set){ 0 }
void uplink_set_deinit(struct uplink_set *set);
int uplink_set_add_address(struct uplink_set *set, const struct uplink_address *address);
int uplink_set_add_route(struct uplink_set *set, const struct uplink_route *route);
int uplink_set_add_neighbour(struct uplink_set *set, const struct uplink_neighbour *neighbour);
int uplink_set_add_rule(struct uplink_set *set, const struct uplink_rule *rule);

/* Below /proc/sys/net, with the interface's name in the middle: FAMILY/conf/INTERFACE/NAME. */
struct uplink_sysctl {
	const char *family, *name;
};

extern const struct uplink_sysctl uplink_sysctls[];
extern const size_t uplink_n_sysctls;
void uplink_sysctl_path(const struct uplink_sysctl *sysctl, const char *interface, char ret_path[static UPLINK_SYSCTL_PATH_SIZE]);

/* Two of an interface that the planner keeps itself; -1: the kernel has no such value. */
struct uplink_values {
	int accept_ra, gen_mode;	/* IN6_ADDR_GEN_MODE_* */
};

enum uplink_phase {
	UPLINK_TRIAL,			/* moved, or about to be: undone when it is not found good in time */
	UPLINK_KEPT,
	UPLINK_PHASE_MAX_,
};

/* What a card was like before it was moved: the state file. */
struct uplink {
	char network[NETWORK_NAME_SIZE];
	char nic[IFNAME_SIZE], bridge[IFNAME_SIZE];
	int ifindex;			/* of the card */
	uint8_t phase;			/* enum uplink_phase */
	bool ask;			/* somebody has to say that it is good */
	bool bare;			/* a second card: a port, and nothing else; nothing of it moves */
	bool up;			/* the card was */
	bool carrier;			/* and had a carrier */
	struct mac mac;
	uint32_t mtu;
	int accept_ra;			/* -1: no IPv6 */
	bool ra_ignored;		/* it is 1, and the host forwarded: no router advertisement counted */
	uint8_t gen_mode;		/* IN6_ADDR_GEN_MODE_* */
	uint64_t sysctls_set;		/* bit n: uplink_sysctls[n] is not what an interface gets by itself */
	int32_t sysctls[UPLINK_SYSCTLS_MAX];
	uint64_t deadline_us;		/* CLOCK_BOOTTIME, as the next one */
	uint64_t seen_us;		/* when the lifetimes were those in `was` */
	size_t n_gateways;
	struct ip gateways[UPLINK_GATEWAYS];	/* those that answered before */
	struct uplink_set was;		/* owned */
};

#define UPLINK_NULL (struct uplink){ 0 }
void uplink_deinit(struct uplink *uplink);

int uplink_print(const struct uplink *uplink, char **ret_text);
int uplink_parse(const char *text, struct uplink *ret_uplink, struct failure *failure);

/* What is, of a card and a bridge. */
struct uplink_look {
	int nic, bridge;		/* indexes; 0: there is none */
	int master;			/* of the card */
	char master_name[IFNAME_SIZE];
	bool up, carrier, ethernet, loopback, wireless;
	char kind[16];			/* "" for hardware */
	char upper[IFNAME_SIZE];	/* something that stands on the card: a VLAN, a macvlan */
	struct mac mac;
	uint32_t mtu;
	int accept_ra;			/* -1: no IPv6 */
	bool ra_ignored;
	uint8_t gen_mode;
	char obstacle[128];		/* of a route or an address: why it cannot be moved */
	struct uplink_set on_nic, on_bridge;	/* owned */
};

#define UPLINK_LOOK_NULL (struct uplink_look){ 0 }
void uplink_look_deinit(struct uplink_look *look);

void uplink_settle_routes(struct uplink_set *set);
bool uplink_refuse_second(const struct uplink_look *look, const char *nic, const char *bridge, struct text *reason);
bool uplink_refuse(const struct uplink_look *look, const char *nic, const char *bridge, struct text *reason);
size_t uplink_gateways(const struct uplink_set *set, struct ip gateways[static UPLINK_GATEWAYS]);
bool uplink_is_leased(const struct uplink_set *set, const struct uplink_address **ret_address);

enum uplink_op {
	UPLINK_ACCEPT_RA,		/* of the card, to `value` */
	UPLINK_GEN_MODE,		/* likewise */
	UPLINK_SET_UP,			/* likewise */
	UPLINK_SET_MASTER,		/* likewise: an index, or 0 */
	UPLINK_ADDRESS_ADD, UPLINK_ADDRESS_REMOVE,
	UPLINK_ROUTE_ADD, UPLINK_ROUTE_REMOVE,
	UPLINK_NEIGHBOUR_ADD, UPLINK_NEIGHBOUR_REMOVE,
	UPLINK_RULE_MOVE,		/* of the other interface: names this one from then on */
	UPLINK_OP_MAX_,
};

struct uplink_step {
	uint8_t op;			/* enum uplink_op */
	int ifindex;			/* what it is done to; of a route: by what its own hops go */
	int value;
	struct uplink_address address;
	struct uplink_route route;
	struct uplink_neighbour neighbour;
	struct uplink_rule rule;
};

struct uplink_steps {
	struct uplink_step *items;	/* owned */
	size_t n;
};

#define UPLINK_STEPS_NULL (struct uplink_steps){ 0 }
void uplink_steps_deinit(struct uplink_steps *steps);
int uplink_plan(const struct uplink *uplink, const struct uplink_look *look, bool back, uint64_t now_us,
		struct uplink_steps *ret_steps);
int uplink_steps_print(const struct uplink_steps *steps, char **ret_text);
int uplink_remember(struct uplink *uplink, const struct uplink_look *look, uint64_t now_us, bool *ret_changed);
bool uplink_shorten(struct uplink *uplink, const struct uplink_look *look, uint64_t now_us);
int uplink_adopt(struct uplink *uplink, const struct uplink_look *look);
void uplink_read_backwards(struct uplink *uplink, const struct uplink_values *bridge, const struct uplink_values *usual);
