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
#define LIMIT_SYMLINKS		8			/* links followed on the way to one file */

/* Ports. The kernel's bridge has 1023 of them (BR_MAX_PORTS - 1). */
#define LIMIT_MAX_PORTS		1023
#define LIMIT_DEFAULT_PORTS	64			/* per user and bridge, without max= */

/* Supplementary groups: the kernel's NGROUPS_MAX. */
#define LIMIT_GROUPS		65536

/* The account files that the helper reads by itself. */
#define LIMIT_ACCOUNT_FILE	(16 * 1024 * 1024)

/* Interfaces of the host that are remembered as users of router advertisements. */
#define LIMIT_UPLINKS		64

/* Messages to the kernel that are in memory at one time. */
#define LIMIT_NL_BATCH		(64 * 1024 * 1024)
