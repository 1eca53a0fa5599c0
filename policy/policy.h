/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may attach a guest to which bridge: the whole API.
 *
 * load:    files -> struct policy           (load.c; reads as the caller, checks owners)
 * resolve: user and group names -> numbers  (names.c; only those that the decision needs)
 * match:   policy, caller, device -> verdict, and the rule that decided (match.c; pure)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/addr.h"
#include "../lib/failure.h"
#include "../lib/limits.h"

/* The device asked for, by all the names the kernel knows it by (the canonical name first). */
struct policy_device {
	const char *const *names;	/* borrowed */
	size_t n_names;
};

/* One name of a user= or group= list. */
struct policy_who {
	const char *name;	/* borrowed from the text; NULL: `id` was given as a number */
	uint32_t id;		/* valid when `state` is WHO_KNOWN */
	enum policy_who_state { WHO_ASKED_NOT, WHO_KNOWN, WHO_UNKNOWN } state;
	bool group;
	bool negated;
};

/* Ports of the host, both ends included. */
struct policy_range {
	uint16_t first, last;
};

/* OWN: networks of the caller's own, and taps on them. */
enum policy_action { POLICY_ALLOW, POLICY_DENY, POLICY_OWN, POLICY_ACTION_MAX_ };

struct policy_rule {
	const char *bridge;	/* borrowed from the text; NULL: all */
	uint32_t line;
	uint32_t first_who;	/* in policy.whos */
	uint32_t first_mac;	/* in policy.macs */
	uint32_t first_range;	/* in policy.ranges */
	uint16_t n_whos;
	uint16_t file;		/* in policy.files */
	uint16_t max;		/* taps of one user on one bridge; 0: not given */
	uint16_t vlan;		/* 0: not given */
	uint8_t n_macs;		/* 0: not given */
	uint8_t networks;	/* of one user's own; 0: not given */
	uint8_t n_ranges;	/* of ports= ; 0: not given */
	uint8_t action;		/* enum policy_action */
	bool isolated;
};

struct policy_file {
	char *path;		/* owned */
	char *text;		/* owned; cut into words by the parser */
	dev_t device;
	ino_t inode;
};

struct policy_caller;

struct policy {
	struct policy_rule *rules;	/* owned, in reading order */
	struct policy_who *whos;	/* owned */
	struct mac *macs;		/* owned */
	struct policy_range *ranges;	/* owned */
	struct policy_file *files;	/* owned; the first is the one that was asked for */
	/*
	 * Borrowed, set before loading: only rules that name this device are kept. All are read and must be right.
	 * NULL: every rule is kept.
	 */
	const struct policy_device *only;
	/*
	 * Borrowed, set before loading: whose policy it is, where the process is somebody else. A file counts when
	 * this caller could read it. NULL: the process reads as itself.
	 */
	const struct policy_caller *reader;
	size_t n_read;			/* rules read, kept or not */
	size_t n_rules, n_whos, n_macs, n_ranges, n_files;
};

/* Who asks. */
struct policy_caller {
	uid_t uid;
	gid_t gid;			/* primary group */
	const gid_t *groups;		/* borrowed; supplementary groups */
	size_t n_groups;
};

/* What a port of this caller may be. Restrictions only: zero means no restriction. */
struct policy_grant {
	unsigned int max;
	bool isolated;
	uint16_t vlan;
	const struct mac *macs;		/* borrowed from the policy */
	size_t n_macs;
	unsigned int networks;		/* how many of its own the caller may have; 0 for a bridge that is nobody's own */
	const struct policy_range *ports;	/* borrowed from the policy; of the host, that these may forward; none: no ports */
	size_t n_ports;
};

#define POLICY_NOBODY UINT32_MAX

struct policy_verdict {
	bool allowed;
	const struct policy_rule *rule;	/* the one that decided; NULL: no rule allows it */
	struct policy_grant grant;	/* when allowed */
	uint32_t owner;			/* uid of whose own network the device is; POLICY_NOBODY: nobody's */
};

/* policy.c: the container. */
#define POLICY_NULL (struct policy){ 0 }
void policy_deinit(struct policy *policy);
const char *policy_rule_path(const struct policy *policy, const struct policy_rule *rule);

/* parse.c: pure. */
struct policy_cursor {
	char *next;		/* the rest of the text */
	char *end;
	uint32_t line;
	uint16_t file;
};

#define POLICY_CURSOR(_text, _length, _file) \
	(struct policy_cursor){ .next = (_text), .end = (_text) + (_length), .file = (_file) }

int policy_parse(struct policy *policy, struct policy_cursor *cursor, const char **ret_include,
		 struct failure *failure);

/* match.c: pure. */
extern const char *const policy_action_names[POLICY_ACTION_MAX_];
uint32_t policy_find_owner(const struct policy_device *device);
void policy_match(const struct policy *policy, const struct policy_caller *caller,
		  const struct policy_device *device, struct policy_verdict *ret_verdict);
bool policy_grant_has_port(const struct policy_grant *grant, uint16_t port);
bool policy_rule_names(const struct policy_rule *rule, const struct policy_device *device);
const struct policy_rule *policy_find_shadow(const struct policy *policy, const struct policy_rule *rule);

/* load.c: reads files. */
enum policy_load_flags {
	POLICY_LOAD_ANY_OWNER = 1 << 0,	/* for checking a draft: nothing is decided by it */
};

int policy_load(struct policy *policy, const char *path, enum policy_load_flags flags,
		struct failure *failure);

/* peer.c: asks the kernel. */
int policy_read_peer(int fd, struct policy_caller *ret_caller, gid_t **ret_groups, pid_t *ret_pid, struct failure *failure);

/* names.c: reads /etc/passwd and /etc/group, and asks a child without privileges for the rest. */
bool policy_find_account(const char *name, bool group, const char *lookup_path, uint32_t *ret_id);
void policy_resolve(struct policy *policy, const struct policy_device *device, const char *lookup_path);
