/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One network as the daemon knows it: what its files say, what it should be, what became of it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "../../lib/failure.h"
#include "../model/network.h"
#include "../model/plan.h"
#include "child.h"
#include "files.h"
#include "leases.h"
#include "options.h"

enum network_state {
	NETWORK_STOPPED,	/* not to be up */
	NETWORK_STARTING,	/* to be up, and some step is still missing */
	NETWORK_RUNNING,	/* everything is as declared */
	NETWORK_DEGRADED,	/* up, but something declared cannot be done */
	NETWORK_FAILED,		/* its file is wrong, or the kernel refused a step: tried again */
	NETWORK_STATE_MAX_,
};

const char *network_state_name(enum network_state state);

/* How its network card is. */
enum card_state {
	CARD_NONE,		/* it has none, or is not to be up */
	CARD_KEPT,
	CARD_TRIAL,		/* it goes back unless it is found good */
	CARD_UNDONE,		/* it went back */
	CARD_REFUSED,		/* it was not moved */
	CARD_OWNED,		/* another program manages it */
	CARD_GONE,		/* there is no such interface any more */
	CARD_SECOND,		/* a further one is no port */
	CARD_SECOND_GONE,	/* a further one is not there any more */
	CARD_FILTERED,		/* the host's firewall sees what passes through its bridge */
	CARD_CLIENT,		/* a DHCP client works on it, and not on its bridge */
	CARD_STATE_MAX_,
};

/* What a problem is about, where programs are told. */
enum problem_kind {
	PROBLEM_OTHER,		/* or none */
	PROBLEM_FILE,
	PROBLEM_FILE_SECOND,	/* it names a second network card without STP=yes */
	PROBLEM_HELD,		/* another program has a port of its services */
	PROBLEM_HELD_BY_DNSMASQ,
	PROBLEM_NOT_DELEGATED,	/* it has no part of a delegated prefix */
	PROBLEM_NOTE,		/* and from here on the kinds of plan_note */
};

const char *problem_kind_name(unsigned int kind);

struct managed {
	struct network network;		/* owned; what is in force */
	bool declared;			/* its file is there; else it is on its way out */
	bool leaving;			/* its file was gone when it was last looked for */
	bool wanted;			/* to be up */
	bool stopped_by_hand;		/* and so not to be brought up for a guest */
	bool card_ask;			/* the next move of its network card is to be confirmed by somebody */
	bool adopted;			/* what an earlier daemon left running was looked for */
	bool listens;			/* its service's sockets are where they should be */
	bool service_idle;		/* StartServices=on-demand, and no port has come yet */
	uint64_t idle_since_us;		/* CLOCK_MONOTONIC: without a port since then; 0: it has some */
	uint64_t demanded_at_us;	/* CLOCK_MONOTONIC: a guest is on its way */
	const char *config_problem;	/* owned, as all texts here; "" for none. Of its files, with file and line; what is in force is older then */
	const char *mistakes;		/* of its files, a line each: the first of them is `config_problem`, which says how many more there are */
	const char *problem;		/* of the last pass, or of its dnsmasq */
	const char *fix;
	enum network_state state;
	unsigned int n_failures;	/* passes in a row that failed for it */
	uint64_t since_us;		/* CLOCK_REALTIME */
	uint64_t n_repairs;
	uint32_t *repairs;		/* owned; by enum plan_op: how many of them had such a step; NULL: none was */
	unsigned int n_ports;
	unsigned int n_redone;		/* passes with something to repair of it, within the window of manager-due.c */

	struct child child;		/* owned */
	sd_event_source *child_source;	/* owned */
	sd_event_source *words_source;	/* owned: on what it says while it starts */
	uint64_t child_started_us;	/* CLOCK_MONOTONIC */
	uint64_t child_retry_at_us;	/* CLOCK_MONOTONIC: not started before that; 0: any time */
	const char *child_problem;	/* why it does not run well; "" when it does */
	uint64_t deaf_since_us;		/* CLOCK_MONOTONIC: ready, and does not listen; 0: it does */
	unsigned int withheld;		/* enum service_part: their ports are somebody else's */
	unsigned int n_child_failures;	/* in a row */
	const char *withheld_problem;	/* whose */
	const char *withheld_fix;
	uint64_t withheld_try_us;	/* CLOCK_MONOTONIC: looked at again then, at the latest */
	uint64_t look_at_us;		/* CLOCK_MONOTONIC: a pass is due then; 0: none for its service's sake */
	const char *boot_problem;	/* owned as `problem` is; "" for none: of files to boot from */
	const char *taps_problem;	/* a tap whose owner nobody knows; "" for none */
	const char *taps_failure;	/* one that could not be made or changed; "" for none */
	const char *card_problem;	/* why its network card was not moved, or was moved back */
	const char *card_fix;
	uint8_t config_problem_kind;	/* enum problem_kind, as the next two */
	uint8_t problem_kind;
	uint8_t withheld_kind;
	uint8_t card_state;		/* enum card_state, of one that was moved: of the last pass about this network */
	bool card_refused;		/* its bridge is not to be made */
	bool card_owned;		/* because another program manages the card */
	bool card_failed;		/* it was moved back: not again before somebody says so */
	bool no_other_prefix;		/* than the one that it was to leave (left6); until nobody else is there any more */
	struct ip left6[2];		/* prefixes that guests are still to be told are over, chosen and delegated; no family: none */
	unsigned int n_withheld_tries;
	uint64_t preferred_until_us;	/* its address of a delegated prefix, by our word to the kernel: as in struct delegation; 0: none yet */
	const char *twins_problem;	/* two guests with one address; "" for none */
	const char *held_problem;	/* a forward of its user's that cannot be; "" for none */
	uint64_t retry_at_us;		/* CLOCK_MONOTONIC: left out of passes until then; 0: not */

	struct leases leases;		/* owned */
};

/* A text that is to become a file: it stands below a directory that comes before all others. */
struct managed_staging {
	const char *directory;
	const char *path;		/* what the file is to be called */
};

struct managed_list {
	struct managed **items;		/* owned, each of them too; sorted by name */
	size_t n;
	uint64_t serial;		/* another one after each reading of the files */
};

#define MANAGED_LIST_NULL (struct managed_list){ 0 }

void managed_list_deinit(struct managed_list *list);
bool managed_find_place(const struct managed_list *list, const char *name, size_t *ret_place);
struct managed *managed_find(const struct managed_list *list, const char *name);
bool managed_is_own(const char *name);
void managed_own_path(const char *name, const struct manager_options *options, char *buffer, size_t size);
size_t managed_count_own(const struct managed_list *list, const uint32_t *uid);
int managed_read_files(const struct manager_options *options, struct network_files_list *ret_files);
int managed_list_load(struct managed_list *list, const struct manager_options *options, struct file_words *ret_words);
int managed_list_verify(const struct managed_list *list, const struct manager_options *options,
			const struct managed_staging *staging, const char *name, struct network *ret_network,
			char **ret_mistakes, struct failure *failure);
void managed_list_sweep(struct managed_list *list);
void managed_set_text(const char **text, const char *value);
void managed_set_problem(struct managed *managed, unsigned int kind, const char *problem);
void managed_set_state(struct managed *managed, enum network_state state);

int managed_remember_wanted(const struct managed *managed, const struct manager_options *options);
