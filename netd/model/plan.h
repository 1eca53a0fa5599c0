/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps from what is to what should be.
 * Pure: types, and functions without system calls.
 *
 * A plan is computed afresh from two states, carried out once by kernel/apply.c and services, and thrown
 * away. Steps are sorted by phase; inside a phase by network, so that the steps of a network that fails
 * can be left out without the others noticing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstate.h"

/*
 * The order is the invariant: the filter is there before anything can be reached, and reachability ends
 * before the filter goes.
 */
enum plan_phase {
	PHASE_FREE_UPLINKS,		/* network cards get back what was on them */
	PHASE_STOP_SERVICES,		/* those that go */
	PHASE_RULES_AHEAD,		/* names that bridges are about to get: the filter knows them before */
	PHASE_CREATE_LINKS,		/* down; before them, names that stand in the way */
	PHASE_SET_LINKS,		/* MAC, MTU, STP, alias, names */
	PHASE_ADD_ADDRESSES,		/* on links that are down, or already filtered */
	PHASE_RULES,			/* one nft batch: table or elements; checksum rules */
	PHASE_SYSCTLS,			/* forwarding: only once the rules are there */
	PHASE_UP,			/* links up */
	PHASE_PORTS,			/* ports put back: down, enslave, options, read back, up */
	PHASE_TAKE_UPLINKS,		/* network cards become ports, and what is on them moves to the bridge */
	PHASE_START_SERVICES,
	PHASE_REMOVE_ADDRESSES,		/* those that a network no longer has; of a bridge that goes, they go with it */
	PHASE_DOWN,			/* links down */
	PHASE_REMOVE_RULES,		/* elements of networks that are down now */
	PHASE_DELETE_LINKS,		/* in small groups */
	PHASE_MAX_,
};

enum plan_op {
	PLAN_SERVICE_STOP, PLAN_SERVICE_START, PLAN_SERVICE_RESTART, PLAN_SERVICE_RELOAD,
	PLAN_BRIDGE_CREATE, PLAN_BRIDGE_SET, PLAN_BRIDGE_RENAME, PLAN_BRIDGE_UP, PLAN_BRIDGE_DOWN, PLAN_BRIDGE_DELETE,
	PLAN_BRIDGE_UNNAME,		/* the alternative name of the network whose bridge it was */
	PLAN_ADDRESS_ADD, PLAN_ADDRESS_REMOVE,
	PLAN_ROUTE_ADD,			/* of an address that has lost the route to its prefix */
	PLAN_GUEST_ROUTE_ADD,		/* [Route]: beside what is there, so that none is missed while its gateway changes */
	PLAN_GUEST_ROUTE_REMOVE,
	PLAN_TABLE_ADOPT,		/* alone in its batch */
	PLAN_TABLE_REPLACE,		/* delete where there is one, and make it anew with all elements */
	PLAN_TABLE_DELETE,
	PLAN_ELEMENT_ADD, PLAN_ELEMENT_REMOVE,
	PLAN_CHECKSUM_ADD, PLAN_CHECKSUM_REMOVE,
	PLAN_SYSCTL_SET,
	PLAN_PORT_PUT_BACK,
	PLAN_TAP_CREATE, PLAN_TAP_SET, PLAN_TAP_REMOVE,
	PLAN_UPLINK_TAKE, PLAN_UPLINK_RELEASE,
	PLAN_PORT_SET,			/* in its place: what [Port] says of it */
	PLAN_SHAPER_SET, PLAN_SHAPER_REMOVE,
	PLAN_PROXY_ADD, PLAN_PROXY_REMOVE,
	PLAN_TUNNEL_CREATE,		/* in the place of one that cannot be changed, where there is one */
	PLAN_TUNNEL_SET, PLAN_TUNNEL_REMOVE,
	PLAN_REMOTE_ADD, PLAN_REMOTE_REMOVE,
	PLAN_OP_MAX_,
};

/* What a comparison found out about one object; kept for the log and for tests. */
enum plan_outcome { OUTCOME_KEEP, OUTCOME_CREATE, OUTCOME_UPDATE, OUTCOME_DELETE, OUTCOME_FOREIGN };

/* Which fields of a bridge a PLAN_BRIDGE_SET has to write. */
enum plan_bridge_fields {
	BRIDGE_FIELD_MAC	= 1 << 0,
	BRIDGE_FIELD_MTU	= 1 << 1,
	BRIDGE_FIELD_STP	= 1 << 2,
	BRIDGE_FIELD_DELAY	= 1 << 3,
	BRIDGE_FIELD_ALIAS	= 1 << 4,
	BRIDGE_FIELD_ALTNAMES	= 1 << 5,
	BRIDGE_FIELD_NF_CALL	= 1 << 6,
	BRIDGE_FIELD_ADDR_GEN	= 1 << 7,
};

/* What of a tap a PLAN_TAP_SET has to write. */
enum plan_tap_fields {
	TAP_FIELD_OWNER		= 1 << 0,	/* and that it stays */
	TAP_FIELD_MARK		= 1 << 1,	/* where it belongs */
};

struct plan_step {
	uint8_t phase;			/* enum plan_phase */
	uint8_t op;			/* enum plan_op */
	uint8_t outcome;		/* enum plan_outcome */
	uint32_t fields;		/* PLAN_BRIDGE_SET, PLAN_TAP_SET */
	char network[NETWORK_NAME_SIZE];	/* "" for what belongs to all: table, forwarding */
	union {
		struct netstate_bridge bridge;	/* as desired; with the ifindex to work on (or to ask for, CREATE) */
		struct netstate_port *port;	/* as desired; by ifindex. Owned: it is the largest, and there are few */
		struct netstate_address address;
		struct netstate_route route;
		struct netstate_element element;
		struct netstate_checksum checksum;
		struct netstate_shaper shaper;	/* as desired, by its link; to be removed: by ifindex */
		struct netstate_proxy proxy;	/* to be added: by its link; to be removed: by ifindex */
		struct netstate_tunnel tunnel;	/* as desired; with the ifindex to work on, or of the one that goes */
		struct netstate_remote remote;	/* to be added: by its link; to be removed: by ifindex */
		struct netstate_sysctl sysctl;
		struct netstate_service service;
		struct netstate_uplink uplink;
		struct netstate_table table;
		struct netstate_tap tap;	/* as desired; with the ifindex to work on */
	};
};

/* What the planner saw and leaves alone. For status and log; nothing is done about it. */
enum plan_note_kind {
	PLAN_NOTE_BRIDGE_FOREIGN,	/* somebody else's interface has the bridge's name: the network cannot be */
	PLAN_NOTE_BRIDGE_MISSING,	/* Mode=bridge, and there is no such bridge */
	PLAN_NOTE_BRIDGE_DOUBLE,	/* a second bridge says that it is this network's */
	PLAN_NOTE_ADDRESS_FOREIGN,	/* an address on our bridge that we did not put there */
	PLAN_NOTE_ADDRESS_OFF,		/* an address of IPv6, where that is off */
	PLAN_NOTE_PORT_PHYSICAL,	/* a network card in a bridge of ours */
	PLAN_NOTE_GUEST_ROUTE_FOREIGN,	/* somebody else's route is there instead of, or comes before, one through a guest */
	PLAN_NOTE_GUEST_ROUTE_TAKEN,	/* a prefix behind a guest has addresses of another network, which chose them */
	PLAN_NOTE_PORT_SECOND,		/* another one than Uplink= says, without STP */
	PLAN_NOTE_ROUTE_WIDER,		/* a route of somebody else's leads to more than the network, and to all of it */
	PLAN_NOTE_ROUTE_INSIDE,		/* a route of somebody else's leads to the network, or a part of it */
	PLAN_NOTE_ROUTE_TABLE,		/* one of these stands in a table that only rules lead to */
	PLAN_NOTE_TAP_FOREIGN,		/* somebody else's interface has the name of a declared tap */
	PLAN_NOTE_TAP_BUSY,		/* a tap is not as declared, and cannot be changed while a guest uses it */
	PLAN_NOTE_TAP_LEAVING,		/* no section declares it any more; it goes when its guest does */
	PLAN_NOTE_SHAPER_FOREIGN,	/* another program's queue stands where one of ours is to be */
	PLAN_NOTE_PROXY_ASIDE,		/* ProxyARP=, and the interface is not on a LAN that the network is a part of */
	PLAN_NOTE_PROXY_TAKEN,		/* ProxyARP=, and an address of the network is the host's there, or its gateway's */
	PLAN_NOTE_TUNNEL_FOREIGN,	/* somebody else's interface has the name of a network's tunnel */
	PLAN_NOTE_TUNNEL_LOST,		/* the host has no route to one of the others */
	PLAN_NOTE_TUNNEL_TIGHT,		/* what is sent to other hosts is larger than what the way there takes */
	PLAN_NOTE_TUNNEL_LOCAL,		/* the host does not have the address that its tunnel sends from */
	PLAN_NOTE_TABLE_OWNED,		/* another process owns the table: nothing at all can be done */
	PLAN_NOTE_MAX_,
};

/* How a network gets out of the way of a route of others. */
enum plan_way {
	PLAN_WAY_WRITTEN,		/* its addresses are in its file: only who has written them can */
	PLAN_WAY_ASKED,			/* it chooses others when somebody asks for it */
	PLAN_WAY_LATER,			/* it chooses others when nobody has a port on it any more */
	PLAN_WAY_NOW,			/* likewise, and nobody has */
};

struct plan_note {
	uint8_t kind;			/* enum plan_note_kind */
	uint8_t way;			/* ROUTE_*: enum plan_way */
	bool harmless;			/* GUEST_ROUTE_FOREIGN: it leads the same way; ADDRESS_OFF: nobody has written it */
	char network[NETWORK_NAME_SIZE];
	char link[IFNAME_SIZE];
	struct ip address;		/* ADDRESS_FOREIGN, ROUTE_*, GUEST_ROUTE_*: the destination; PROXY_TAKEN, TUNNEL_LOST, TUNNEL_LOCAL: that one */
	uint8_t prefix_length;
	struct ip own;			/* ROUTE_*, PROXY_*: the network's address that it is about */
	uint8_t own_length;
	uint32_t table;			/* ROUTE_TABLE */
	uint32_t mtu, fitting_mtu;	/* TUNNEL_TIGHT: the network's, and what it may be */
};

struct plan {
	uint64_t id;			/* printed by plan, log and tests */
	struct plan_step *steps;	/* owned */
	size_t n_steps;
	struct plan_note *notes;	/* owned */
	size_t n_notes;
};

#define PLAN_NULL (struct plan){ 0 }
void plan_step_deinit(struct plan_step *step);
void plan_deinit(struct plan *plan);
const char *plan_phase_name(enum plan_phase phase);
const char *plan_op_name(enum plan_op op);
const char *plan_outcome_name(enum plan_outcome outcome);
const char *plan_note_name(enum plan_note_kind kind);

/*
 * What the manager remembers between passes and the planner needs: ports and old indexes. All of it is a
 * parameter; the planner keeps nothing.
 */
struct plan_memory {
	const struct netstate_port *ports;	/* ports of ours as last seen in place, sorted by ifindex */
	size_t n_ports;
	const struct netstate_bridge *bridges;	/* bridges of ours as last seen, for their ifindex */
	size_t n_bridges;
	const struct netstate_address *addresses;	/* those that we have put on bridges: they may go again */
	size_t n_addresses;
	bool no_taps;			/* making one, or a tunnel, has failed a moment ago */
};

bool plan_keeps_table(const struct netstate_table *actual, const struct netstate_table *wanted);

/*
 * Compares and plans. @now_us is the time, a parameter like everything else. @except names networks that
 * are left out of this pass (failed, backing off), sorted. Both states must be sorted. -ENOMEM only.
 */
int plan_build(const struct netstate *desired, const struct netstate *snapshot, const struct plan_memory *memory,
	       const char (*except)[NETWORK_NAME_SIZE], size_t n_except, uint64_t now_us, struct plan *ret_plan);
