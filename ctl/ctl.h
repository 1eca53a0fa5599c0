/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet: what every verb gets, and what it gives back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../lib/failure.h"

/* Exit statuses, the same for every verb; documented in guestnet(1). */
enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,	/* it could not be done or found out */
	STATUS_USAGE = 2,	/* the command line is wrong */
	STATUS_NOT_FOUND = 3,	/* what is named does not exist */
	STATUS_DENIED = 4,	/* the policy says no */
	STATUS_DEGRADED = 5,	/* it exists, and something is wrong with it */
};

/* Every option of every verb; their names stand in verbs.c. */
enum option_id {
	OPTION_JSON,
	OPTION_USER,
	OPTION_LIBVIRT,
	OPTION_LIBVIRT_NAME,
	OPTION_NAME,
	OPTION_OUTPUT,
	OPTION_STDOUT,
	OPTION_FORCE,
	OPTION_NAMES,
	OPTION_ALL,
	OPTION_WAIT,
	OPTION_TIMEOUT,
	OPTION_DISABLE,
	OPTION_DROP_IN,
	OPTION_DRY_RUN,
	OPTION_MAC,
	OPTION_MODEL,
	OPTION_GUEST,
	OPTION_YES,
	OPTION_PROTOCOL,
	OPTION_QUEUES,
	OPTION_FIX,
	OPTION_TRAFFIC,
	OPTION_MAX_,
};
#define OPTION_BIT(_option) (1u << (_option))

/* The command line behind the verb. */
struct options {
	bool json;
	const char *user;		/* NULL: whoever calls */
	unsigned int set;		/* OPTION_BIT() of those that were given */
	const char *values[OPTION_MAX_];	/* of those that have one */
	const char *const *operands;	/* everything behind "--" is there as it was given */
	size_t n_operands;
};

static inline bool option_is_set(const struct options *options, enum option_id option)
{
	return options->set & OPTION_BIT(option);
}

/*
 * A verb prints its result to stdout. Where it fails otherwise than by its result, it says why in
 * @failure, which main prints.
 */
enum exit_status policy_check(const struct options *options, struct failure *failure);
enum exit_status policy_why(const struct options *options, struct failure *failure);
enum exit_status policy_list(const struct options *options, struct failure *failure);

/* About networks: these ask guestnetd. */
enum exit_status networks_list(const struct options *options, struct failure *failure);
enum exit_status networks_status(const struct options *options, struct failure *failure);
enum exit_status networks_delegate(const struct options *options, struct failure *failure);
enum exit_status networks_adopt(const struct options *options, struct failure *failure);
enum exit_status networks_start(const struct options *options, struct failure *failure);
enum exit_status networks_confirm(const struct options *options, struct failure *failure);
enum exit_status networks_iface_bridge(const struct options *options, struct failure *failure);
enum exit_status networks_iface_unbridge(const struct options *options, struct failure *failure);
enum exit_status networks_stop(const struct options *options, struct failure *failure);
enum exit_status networks_renumber(const struct options *options, struct failure *failure);
enum exit_status networks_reload(const struct options *options, struct failure *failure);
enum exit_status networks_cat(const struct options *options, struct failure *failure);
enum exit_status networks_restart(const struct options *options, struct failure *failure);
enum exit_status networks_define(const struct options *options, struct failure *failure);
enum exit_status networks_create(const struct options *options, struct failure *failure);
enum exit_status networks_undefine(const struct options *options, struct failure *failure);
enum exit_status networks_autostart(const struct options *options, struct failure *failure);
enum exit_status networks_edit(const struct options *options, struct failure *failure);
enum exit_status networks_monitor(const struct options *options, struct failure *failure);
enum exit_status networks_leases(const struct options *options, struct failure *failure);

/* Guests on networks. */
enum exit_status qemu_run(const struct options *options, struct failure *failure);
enum exit_status exec_run(const struct options *options, struct failure *failure);
enum exit_status ports_run(const struct options *options, struct failure *failure);
enum exit_status setup_run(const struct options *options, struct failure *failure);

/* libvirt's networks. */
enum exit_status import_run(const struct options *options, struct failure *failure);
enum exit_status libvirt_link(const struct options *options, struct failure *failure);
enum exit_status libvirt_unlink(const struct options *options, struct failure *failure);

/* Asks the kernel itself, and needs CAP_NET_ADMIN for it. */
enum exit_status doctor_verb(const struct options *options, struct failure *failure);
enum exit_status why_run(const struct options *options, struct failure *failure);

/* For the completion of shells. */
enum exit_status complete_run(const struct options *options, struct failure *failure);
