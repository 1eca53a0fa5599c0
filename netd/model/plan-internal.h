/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The planner's inside: what its parts share. Included by plan*.c only.
 * Pure: types, and functions without system calls.
 *
 * Each kind of object has a file and a function in it that compares what should be with what is and adds steps;
 * plan_build() calls them all. A new kind needs: its struct in netstate.h, its operations in plan.h with their names
 * in plan-steps.c, PLANNER_KINDS() below, and a file like plan-services.c.
 */
#pragma once

#include "plan.h"

/* A bridge of the snapshot that is ours. */
struct seen {
	const struct netstate_bridge *bridge;
	const char *network;		/* from memory, else from its alias */
	bool remembered;
	bool taken;			/* it is the bridge of a job */
	bool moved;			/* it gets a temporary name first */
	char name[IFNAME_SIZE];		/* what it is called then; else what it is called now */
};

/* A network that should be there. */
struct job {
	const struct netstate_bridge *desired;
	struct seen *seen;		/* NULL: its bridge has to be made */
	bool excepted;
	bool blocked;			/* cannot be: treated as if it were not declared */
};

/*
 * Where the last search of each kind has ended. Everything is in the order of names, or nearly so: what is looked for is
 * mostly there or next to it. Hints only; any number will do.
 */
struct hints {
	size_t job, desired, snapshot, addresses[2];
};

/* A remembered bridge by its index. */
struct remembered {
	int ifindex;
	const struct netstate_bridge *bridge;
};

struct planner {
	struct hints *hints;
	const struct netstate *desired;
	const struct netstate *snapshot;
	const struct plan_memory *memory;
	const char (*except)[NETWORK_NAME_SIZE];
	size_t n_except;
	struct remembered *remembered;	/* sorted by index */
	struct seen *seen;		/* sorted by network */
	size_t n_seen;
	size_t *seen_of;		/* by the number of a bridge in the snapshot: its place in seen, from 1; 0: none */
	struct job *jobs;		/* sorted by network */
	size_t n_jobs;
	struct plan plan;
	size_t steps_size, notes_size;
	int error;			/* the first one; steps are then worthless */
};

/* plan-steps.c: collecting */
struct plan_step *planner_add_step(struct planner *planner, enum plan_phase phase, enum plan_op op, enum plan_outcome outcome,
				   const char *network);
void planner_add_note(struct planner *planner, enum plan_note_kind kind, const char *network, const char *link,
		      const struct netstate_address *address);
int planner_sort_steps(struct plan *plan);

/* planner_add_bridge_step() and so on: a step with its object, a netstate_bridge and so on. */
#define PLANNER_KINDS(X)	X(bridge) X(address) X(route) X(element) X(checksum) X(shaper) X(proxy) X(tunnel) X(remote) X(sysctl) X(service) X(uplink) X(table) X(tap)
#define DECLARE_ADD_STEP(kind)									\
void planner_add_##kind##_step(struct planner *planner, enum plan_phase phase, enum plan_op op,	\
			       enum plan_outcome outcome, const char *network, const struct netstate_##kind *object);
PLANNER_KINDS(DECLARE_ADD_STEP)
#undef DECLARE_ADD_STEP
void planner_add_port_step(struct planner *planner, enum plan_op op, const char *network, const struct netstate_port *port);

/* plan-owners.c: whose is what */
bool planner_is_excepted(const struct planner *planner, const char *network);
const struct netstate_bridge *planner_find_desired(const struct planner *planner, const char *name);
const struct netstate_bridge *planner_find_actual(const struct planner *planner, const char *name);
int planner_see_bridges(struct planner *planner);
struct job *planner_find_job(const struct planner *planner, const char *network);
bool planner_is_wanted(const struct planner *planner, const char *network);
const char *planner_network_of_link(const struct planner *planner, const char *link);
struct seen *planner_find_seen_name(const struct planner *planner, const char *name);
bool planner_is_leaving(const struct planner *planner, const struct seen *seen);
int planner_make_jobs(struct planner *planner);
int planner_old_index(const struct planner *planner, const char *network);

/* A file for each kind of object */
void plan_bridge(struct planner *planner, const struct job *job);
void plan_leaving_bridge(struct planner *planner, const struct seen *seen);
void plan_addresses(struct planner *planner, const struct job *job);
void plan_guest_routes(struct planner *planner);
void plan_table(struct planner *planner);
void plan_checksums(struct planner *planner);
void plan_shapers(struct planner *planner);
bool plan_proxies_block(struct planner *planner, const struct job *job);
bool plan_proxies_is_lan(const struct netstate_bridge *bridge, const struct netstate_route *route, const struct netstate_address *address);
void plan_proxies(struct planner *planner);
void plan_sysctls(struct planner *planner);
void plan_taps(struct planner *planner);
void plan_tunnels(struct planner *planner);
void plan_ports(struct planner *planner);
void plan_services(struct planner *planner);
void plan_uplinks(struct planner *planner);
void plan_routes(struct planner *planner);
