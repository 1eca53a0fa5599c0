/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the command line says to the daemon.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct recorder;

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
	struct recorder *recorder;	/* NULL: nothing is recorded */
	bool only_check;		/* the configuration is read, and nothing else done: needs no privilege */
};
