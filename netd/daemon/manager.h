/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's heart: events say "look again", one pass looks, plans and acts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "../../lib/failure.h"
#include "../model/subnet.h"
#include "managed.h"
#include "options.h"
#include "systembus.h"

/* What can be said of a network; texts are borrowed from the manager until it runs again. */
struct network_report {
	const char *name;
	enum network_state state;
	bool autostart;
	bool on_demand;
	const char *mode;
	const char *bridge;
	char addresses[256];		/* separated by blanks */
	struct network_address prefixes[SUBNET_ADDRESSES];	/* the same */
	size_t n_prefixes;
	const struct network *network;	/* what is in force */
	bool wanted;			/* to be up */
	char delegated[IP_TEXT_SIZE];	/* the prefix that the host was delegated and one of these is of; "" for none */
	char names[384];		/* how guests' names are found on the host; "" when it has none */
	const char (*uplinks)[IFNAME_SIZE];	/* the ways out that its file names; none: all */
	size_t n_uplinks;
	const char *uplink_state;	/* how its network card is; "" without one, or when it is not to be up */
	const char *checksum;		/* the strategy in force, "none" where none is needed; "" for a network that cannot be */
	const char *forwarding;		/* what the host must forward for it: "ipv4", "ipv6", "ipv4 ipv6" or "" */
	char bandwidth[128];		/* the rates of its file, in words; "" for none */
	char tunnel[256];		/* its way to other hosts, in words; "" for none */
	char checksum_reason[512];	/* why not one before it; "" when there is nothing to say */
	const char *problem;		/* "" when there is none: what, and where */
	const char *problem_kind;	/* "", or a word for what it is about */
	const char *mistakes;		/* of its files, a line each; "" for none */
	const char *fix;		/* "" or the command that mends it */
	const char *taps_problem;	/* "", or the tap whose owner nobody knows, with file and line */
	const char *boot_problem;	/* "", or the file to boot from that is not there or cannot be read, likewise */
	uint64_t since_us;		/* CLOCK_REALTIME of the last change of state */
	uint64_t trial_end_us;		/* CLOCK_REALTIME, when its network card goes back unless that is found good; 0: no trial */
	uint64_t n_repairs;
	const uint32_t *repairs;	/* by enum plan_op: how many repairs had such a step */
	unsigned int n_ports;
	const struct netstate_port *ports;	/* of all networks: those whose bridge is this one are its own */
	size_t n_all_ports;
	const struct leases *leases;
};

struct manager;

int manager_new(sd_event *event, const struct manager_options *options, struct manager **ret_manager,
		struct failure *failure);
struct manager *manager_free(struct manager *manager);
static inline void manager_freep(struct manager **manager)
{
	*manager = manager_free(*manager);
}

int manager_reload(struct manager *manager, struct failure *failure);
int manager_run_pass(struct manager *manager);
int manager_print_plan(struct manager *manager, char **ret_text);
int manager_teardown(struct manager *manager, struct text *left);
int manager_attach_bus(struct manager *manager, struct systembus *systembus);

const char *manager_file_problems(const struct manager *manager);
const char *manager_file_warnings(const struct manager *manager);
const char *manager_mistakes(const struct manager *manager, size_t i);
size_t manager_count(const struct manager *manager);
void manager_report(const struct manager *manager, size_t i, struct network_report *ret_report);
void manager_report_briefly(const struct manager *manager, size_t i, struct network_report *ret_report);
bool manager_find_place(const struct manager *manager, const char *network, size_t *ret_i);
bool manager_find(const struct manager *manager, const char *network, struct network_report *ret_report);
int manager_no_such(const struct manager *manager, const char *network, struct failure *failure);
const char *manager_fights(const struct manager *manager, uint32_t *ret_pid);
void manager_listen(struct manager *manager, void (*changed)(void *data), void *data);
int manager_settle(struct manager *manager);
int manager_start(struct manager *manager, const char *network, bool ask, void (*started)(void *data), void *data,
		  struct failure *failure);
int manager_stop(struct manager *manager, const char *network, void (*stopped)(void *data), void *data,
		 struct failure *failure);
int manager_confirm(struct manager *manager, const char *network, struct failure *failure);
int manager_renumber(struct manager *manager, const char *network, struct failure *failure);
int manager_delegate(struct manager *manager, const char *prefix, uint32_t seconds, struct failure *failure);
void manager_end_trials(struct manager *manager);
const struct network *manager_find_declared(const struct manager *manager, const char *name);
int manager_adopt(struct manager *manager, const char *network, const char *tap, struct failure *failure);
size_t manager_list_stray_taps(const struct manager *manager, char (*ret_names)[IFNAME_SIZE], size_t max);
int manager_demand(struct manager *manager, const char *network, struct failure *failure);
const struct managed_list *manager_get_networks(const struct manager *manager);
int manager_verify_forwards(const struct manager *manager, const struct network *network, struct failure *failure);
const struct manager_options *manager_get_options(const struct manager *manager);
const char *manager_status_text(const struct manager *manager);
