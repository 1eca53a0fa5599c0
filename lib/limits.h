/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every bound on what a user, a file or the kernel can make us hold.
 * Pure: constants only.
 */
#pragma once

/* Policy files. */
#define LIMIT_POLICY_LINE	(64 * 1024)		/* bytes of one line */
#define LIMIT_POLICY_FILE	(4 * 1024 * 1024)	/* bytes of one file */
#define LIMIT_POLICY_FILES	64			/* files read, the first included */
#define LIMIT_POLICY_DEPTH	8			/* includes inside includes */
#define LIMIT_POLICY_RULES	65535			/* rules in all files together */
#define LIMIT_POLICY_WHO	64			/* names in one user= or group= list */
#define LIMIT_POLICY_MACS	8			/* addresses in one macs= list */
#define LIMIT_OWN_NETWORKS_USER	64			/* networks= of one user */
#define LIMIT_LOW_PORTS		1024			/* below it ports are for privileged programs (PROT_SOCK of the kernel) */
#define LIMIT_POLICY_PORTS	8			/* ranges in one ports= list */
#define LIMIT_SYMLINKS		8			/* links followed on the way to one file */

/* Ports. The kernel's bridge has 1023 of them (BR_MAX_PORTS - 1). */
#define LIMIT_MAX_PORTS		1023
#define LIMIT_DEFAULT_PORTS	64			/* per user and bridge, without max= */

/* Queues of one tap: each is an fd that is passed on. */
#define LIMIT_TAP_QUEUES	16

/* Supplementary groups: the kernel's NGROUPS_MAX. */
#define LIMIT_GROUPS		65536

/* The account files that the helper reads by itself. */
#define LIMIT_ACCOUNT_FILE	(16 * 1024 * 1024)

/* Interfaces of the host that are remembered as users of router advertisements. */
#define LIMIT_UPLINKS		64

/* Prefixes that networks with Address=auto keep away from, because routes of others have led there. */
#define LIMIT_SUBNETS_AVOIDED	32

/* Prefixes that the daemon was told were delegated to the host. */
#define LIMIT_DELEGATIONS	8

/* What may be on a network card that becomes a port of a bridge; more is no host's, but a router's. */
#define LIMIT_UPLINK_ADDRESSES	256
#define LIMIT_UPLINK_ROUTES	1024
#define LIMIT_UPLINK_NEIGHBOURS	1024
#define LIMIT_UPLINK_RULES	256
#define LIMIT_UPLINK_FILE	(1024 * 1024)		/* bytes of the file that says so */

/* Messages to the kernel that are in memory at one time. */
#define LIMIT_NL_BATCH		(64 * 1024 * 1024)

/* Bytes of what guestnetd --record writes. */
#define LIMIT_RECORD		(64 * 1024 * 1024)

/* What a client of the daemon can make it hold. */
#define LIMIT_DEFINITION	(64 * 1024)		/* bytes of a network's text that comes over the bus */
#define LIMIT_OWN_DEFINITION	4096			/* the same of a user's own network, */
#define LIMIT_OWN_NETWORKS	1024			/* and how many such there may be of all users */
#define LIMIT_OWN_PORTS		16			/* ports of the host that one of them forwards, */
#define LIMIT_OWN_PORTS_ALL	1024			/* and all of them: a file descriptor each */
#define LIMIT_DRYRUN		(256 * 1024)		/* bytes of what a reload would do, as text */
#define LIMIT_BUS_PEERS		480			/* connections to its own socket, */
#define LIMIT_BUS_PEERS_USER	256			/* those of one user that may only look, */
#define LIMIT_BUS_PEERS_LOOK	448			/* and of all such users: some are left for those who may change things */
#define LIMIT_BUS_PEERS_CROWD	64			/* with so many of such users, uids of user namespaces get none */
#define LIMIT_BUS_SUBSCRIBERS_USER 16			/* connections of such a user that want signals */
#define LIMIT_BUS_MESSAGE	(128 * 1024)		/* bytes of one message of such a user's, and of a call on the system bus */
#define LIMIT_BUS_UNREAD	(128 * 1024)		/* of answers that the kernel keeps for such a peer, */
#define LIMIT_BUS_UNREAD_SIGNALS (4 * 1024 * 1024)	/* and for one that wants signals */
#define LIMIT_BUS_ANSWERS	8			/* answers that a peer that may change things has not read: then it is cut off; */
#define LIMIT_BUS_QUEUE		1024			/* one that wants signals after so many messages; */
#define LIMIT_BUS_ANSWERS_USER	32			/* of connections of one user that may only look, those with an answer not read */
#define LIMIT_BUS_CALLS		112			/* calls on the system bus that wait for polkit: dbus-daemon lets us ask 128 questions; */
#define LIMIT_BUS_CALLS_USER	48			/* and of one user; */
#define LIMIT_BUS_CALLS_CROWD	32			/* with so many, uids of user namespaces have no further one */
#define LIMIT_DAEMON_FDS	256			/* fds of the daemon's that are left for everything else than users' connections */

/* Taps of others, left alone on no bridge, that are named. */
#define LIMIT_STRAY_TAPS	64

/* Sockets that hold one port, when somebody is to be named who stands in the way. */
#define LIMIT_SOCKETS		65536

/* Processes looked through for that. */
#define LIMIT_PROCESSES		65536
#define LIMIT_WHY_ELEMENTS	(16 * 1024)		/* of one set of nftables that the client reads; of larger ones it asks */
