/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's heart: events say "look again", one pass looks, plans and acts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "../../lib/failure.h"
#include "../model/leasefile.h"
#include "../model/netstate.h"
#include "systembus.h"
#include "../model/plan.h"

/* Where things are and how to behave; from the command line. All borrowed. */
struct manager_options {
	const char *config_root;	/* "/etc/guestnet" */
	const char *vendor_root;	/* the data directory's guestnet/ */
	const char *state_root;		/* "/var/lib/guestnet" */
	const char *run_root;		/* "/run/guestnet" */
	const char *dnsmasq;		/* its path */
	uid_t service_uid;		/* who dnsmasq runs as when we are root */
	gid_t service_gid;
	int nft_fd;			/* the netlink socket that was kept for us; -EBADF: none; owned by the manager */
	bool only_check;		/* the configuration is read, and nothing else done: needs no privilege */
};

enum network_state {
	NETWORK_STOPPED,	/* not to be up */
	NETWORK_STARTING,	/* to be up, and some step is still missing */
	NETWORK_RUNNING,	/* everything is as declared */
	NETWORK_DEGRADED,	/* up, but something declared cannot be done */
	NETWORK_FAILED,		/* its file is wrong, or the kernel refused a step: tried again */
	NETWORK_STATE_MAX_,
};

const char *network_state_name(enum network_state state);

/* What can be said of a network; texts are borrowed from the manager until it runs again. */
struct network_report {
	const char *name;
	enum network_state state;
	bool autostart;
	bool on_demand;
	const char *mode;
	const char *bridge;
	char addresses[256];		/* separated by blanks */
	char names[384];		/* how guests' names are found on the host; "" when it has none */
	const char (*uplinks)[IFNAME_SIZE];	/* the ways out that its file names; none: all */
	size_t n_uplinks;
	const char *checksum;		/* the strategy in force; "" for a network that cannot be */
	const char *forwarding;		/* what the host must forward for it: "ipv4", "ipv6", "ipv4 ipv6" or "" */
	char checksum_reason[512];	/* why not one before it; "" when there is nothing to say */
	const char *problem;		/* "" when there is none: what, and where */
	const char *fix;		/* "" or the command that mends it */
	uint64_t since_us;		/* CLOCK_REALTIME of the last change of state */
	uint64_t n_repairs;
	const uint32_t *repairs;	/* by enum plan_op: how many repairs had such a step */
	unsigned int n_ports;
	const struct netstate_port *ports;	/* of all networks: those whose bridge is this one are its own */
	size_t n_all_ports;
	const struct leases *leases;
};

struct network;
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
int manager_teardown(struct manager *manager);
int manager_attach_bus(struct manager *manager, struct systembus *systembus);

const char *manager_file_problems(const struct manager *manager);
size_t manager_count(const struct manager *manager);
void manager_report(const struct manager *manager, size_t i, struct network_report *ret_report);
bool manager_find(const struct manager *manager, const char *network, struct network_report *ret_report);
int manager_no_such(const struct manager *manager, const char *network, struct failure *failure);
const char *manager_fights(const struct manager *manager, uint32_t *ret_pid);
void manager_listen(struct manager *manager, void (*changed)(void *data), void *data);
int manager_settle(struct manager *manager);
int manager_set_running(struct manager *manager, const char *network, bool running, struct failure *failure);
const struct network *manager_find_declared(const struct manager *manager, const char *name);
int manager_demand(struct manager *manager, const char *network, struct failure *failure);
struct managed_list;
const struct managed_list *manager_get_networks(const struct manager *manager);
const struct manager_options *manager_get_options(const struct manager *manager);
const char *manager_status_text(const struct manager *manager);
