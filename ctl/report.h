/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks as the daemon reports them.
 */
#pragma once

#include <stdint.h>

#include "bus.h"

struct repair_count {
	const char *kind;
	uint32_t n;
};
#define REPORT_REPAIRS 64

/* A port of the host that leads to a guest. */
struct report_forward {
	const char *listen, *to;	/* as in the file */
	const char *now;		/* addresses, separated by blanks */
	const char *why;		/* it leads nowhere, or not to all of them; "" */
};

/* A prefix behind a guest. */
struct report_route {
	const char *destination, *gateway;
	uint32_t metric;		/* 0: the kernel's own */
	bool advertise;
};

/* What a guest, or all of them, may not reach, or not be reached by; or an exception. */
struct report_rule {
	const char *name;		/* of the guest, or its Ethernet address; "": all guests */
	const char *address;		/* what the rules know it by; "": that is not known (yet) */
	const char *key, *value;	/* as in the file, such as DenyOut and "10.0.0.0/8 tcp:25" */
	const char *place;		/* FILE:LINE */
	const char *why;		/* it is not in force; "" */
};

/* Texts are borrowed from the message; those that an older daemon does not send are "". */
struct report {
	const char *name, *state, *mode, *bridge, *delegated, *names, *forwarding, *checksum, *checksum_reason, *bandwidth, *tunnel, *problem, *problem_kind, *fix, *uplink_state;
	char addresses[512];		/* separated by blanks */
	bool autostart;
	uint64_t since_us, n_repairs, trial_end_us;
	size_t n_ports, n_leases;
	struct repair_count repairs[REPORT_REPAIRS];
	size_t n_kinds;
	const char **mistakes;		/* owned, the texts borrowed: of its files */
	size_t n_mistakes;
	struct report_forward *forwards;	/* owned */
	size_t n_forwards;
	struct report_route *routes;	/* owned */
	size_t n_routes;
	struct report_rule *rules;	/* owned */
	size_t n_rules;
};

struct reports {
	struct report *items;		/* owned; sorted by name */
	size_t n;
	sd_bus *bus;			/* owned */
	sd_bus_message *reply;		/* owned: what the texts are borrowed from */
};

#define REPORTS_NULL (struct reports){ 0 }

int reports_get_running(struct reports *reports, struct failure *failure);
int reports_get(struct reports *reports, struct failure *failure);
int reports_get_one(struct reports *reports, const char *name, struct failure *failure);
void reports_deinit(struct reports *reports);
const struct report *reports_find(const struct reports *reports, const char *name, struct failure *failure);
int reports_verify_declared(const char *name, struct failure *failure);
bool report_is_degraded(const struct report *report);
bool report_is_about(const struct report *report, const char *kind);

const struct report *networks_find_home(const struct reports *reports);
void report_format_time(uint64_t us, char *buffer, size_t size);
