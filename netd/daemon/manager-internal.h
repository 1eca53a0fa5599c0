/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manager's inside: what its parts share. Included by manager*.c only.
 */
#pragma once

#include "../kernel/apply.h"
#include "../kernel/coexist.h"
#include "../kernel/kernel.h"
#include "../kernel/monitor.h"
#include "../model/desired.h"
#include "../model/forwarding.h"
#include "../model/haste.h"
#include "../model/plan.h"
#include "../model/rates.h"
#include "../model/siphash.h"
#include "../model/slice.h"
#include "../model/subnet.h"
#include "bindings.h"
#include "checksums.h"
#include "delegations.h"
#include "held.h"
#include "managed.h"
#include "manager.h"
#include "services.h"
#include "uplinks.h"

/* A network whose step failed is tried again after so long, doubled each time up to 64 times as long. */
#define RETRY_US	500000
/* In a fight with another program repairs come so far apart; it is over when nothing had to be repaired for so long. */
#define FIGHT_PAUSE_US	1000000
#define FIGHT_OVER_US	5000000

/* What should be is a pure function of what follows it here, and is built again when that is not the same any more. */
struct desire {
	struct netstate state;			/* owned */
	bool known;
	uint64_t version;			/* another number for another state */
	const struct network **networks;	/* owned array of borrowed networks */
	size_t n_networks;
	uint64_t serial;			/* of the list: the networks' contents */
	struct desired_options options;
	uint64_t pointed_to;			/* what the options point to, as a number */
};

/* What a plan was made of, as numbers: what should be, what was read as a whole, how services do. */
struct made_of {
	uint64_t desire, wholes, services;
};

/* What may not be as the last plan has left it. */
struct dirty {
	struct slice_marks marks;
	struct made_of made_of;			/* that plan */
};

/* How the rates of the networks' files are held to. */
struct rates {
	uint8_t missing;			/* enum rates_means: what this kernel does not have */
	int limits;				/* it has limits in rules; negative: it has not, 0: not asked yet */
	struct rates_port *ports;		/* owned: those of guests */
	size_t n_ports;
	bool changed;				/* other ports than in the pass before: what is done about them is no repair */
};

/* Who has asked for a network to be started or stopped is told once, as soon as that is true; the rest of the work comes after it. */
struct answer {
	void (*done)(void *data);	/* NULL: nobody waits */
	void *data;
	bool up;			/* to be started */
	bool applied;			/* the steps of this pass have been carried out, all of them */
	char network[NETWORK_NAME_SIZE];
};

struct manager {
	sd_event *event;			/* borrowed */
	struct manager_options options;
	struct managed_list networks;		/* owned */
	struct file_words file_words;		/* of files that belong to no network */
	struct services services;
	struct uplinks uplinks;			/* owned: network cards as ports */
	struct kernel kernel;			/* owned */
	struct monitor *monitor;		/* owned */
	struct twins *twins;			/* owned; NULL: only the configuration is read */
	struct monitor_news culprit;		/* of the last foreign change of rules */

	struct coexist_result coexist;		/* owned: what other firewalls do to us */
	uint32_t coexist_generation;		/* of the rules that it is about; 0: unknown */
	uint64_t coexist_desire;
	struct firewalld *firewalld;		/* owned; NULL without an event loop */
	struct resolved *resolved;		/* owned; likewise */

	struct forwarding forwarding;		/* owned */
	struct families snippet;		/* what RUN/sysctl.conf says */
	bool snippet_written;

	struct subnet_choice *choices;		/* owned */
	size_t n_choices;
	bool choices_unsaved;			/* the file could not be written */
	struct subnet_avoided avoided;
	bool renumbering;			/* some of the choices are to be made anew by the pass that is due, or what is delegated is another */
	bool delegated_ends;			/* addresses of delegated prefixes may have an end */
	bool delegated_left;			/* one of them was of a delegated prefix that is over: guests are still to be told */
	struct delegations delegations;		/* owned: prefixes that somebody told us of */
	struct desire desire;			/* what should be, and what it was built of */
	uint8_t machine_id[SIPHASH_KEY_SIZE];
	struct checksums checksums;		/* owned */

	struct bindings bindings;		/* owned: Ethernet addresses of ports, where [Port] asks for it */
	struct held held;			/* owned: ports of the host that users' own networks forward */
	struct rates rates;
	int bridge_rules;			/* the kernel has rules for bridges; negative: it has not, 0: not asked yet */

	struct netstate_port *ports;		/* owned: ours, as last seen in place */
	size_t n_ports;
	struct netstate_bridge *bridges;	/* owned: ours, as last seen */
	size_t n_bridges;
	struct netstate_address *addresses;	/* owned: those that we have put on bridges */
	size_t n_addresses;
	uint64_t remembered;			/* view.changes when all that was remembered */
	uint64_t remembered_addresses, remembered_desire;

	sd_event_source *pass_source;		/* owned: enabled when a pass is due */
	sd_event_source *timer_source;		/* owned */
	sd_event_source *monitor_sources[MONITOR_FDS];
	uint64_t window_start_us;		/* of the fight detection */
	unsigned int n_redone;			/* passes in it with a repair of what belongs to all */
	bool disputed;				/* what was repaired too often in it, */
	char disputed_network[NETWORK_NAME_SIZE];	/* of that network; "": of what belongs to all */
	uint64_t last_repair_us;
	bool fight;				/* it goes on, and has been said */
	bool settling;				/* the pass that is due follows one that changed something */
	struct dirty dirty;
	struct plan hasty;			/* owned: steps that were taken before the pass that is due */
	bool values_due;			/* the pass that is due reads what no event tells of: values of interfaces */
	bool routes_due;			/* and routes of others: there is a network that they may be in the way of */
	bool started;				/* a pass has found all as it should be, since we began */
	bool flows_due;				/* flows are to be gone through by the pass that follows the first one */
	char shared_problem[320];	/* of the last pass, in what belongs to all; "" for none */
	unsigned int n_shared_failures;		/* passes in a row */

	uint64_t taps_retry_at_us;		/* declared taps are not made before that; 0: any time */
	unsigned int n_tap_failures;		/* in a row */

	void (*changed)(void *data);		/* called after each pass */
	void *changed_data;
	struct answer answer;

	char status_text[256];
};

/* What is to be up now, and was not when the desire was built; and the other way round. */
struct change {
	bool few;			/* these are all, and what should be can be changed by them */
	bool alone;			/* it was: of other networks it is what it was for the plan before */
	size_t n_added, n_removed;
	const struct network *added[SLICE_NETWORKS], *removed[SLICE_NETWORKS];	/* borrowed */
};

/* What one pass works with. */
struct pass {
	uint64_t now_us;
	bool only_look;				/* it is not carried out */
	struct netstate snapshot;		/* borrowed from the kernel's view, but for services and uplinks */
	struct netstate desired;		/* borrowed from the manager's desire */
	struct netstate_port *ports;		/* owned: the snapshot's, where more has to be said of them */
	struct plan plan;			/* owned */
	bool partial;				/* the plan is for these networks only, and what belongs to all: */
	size_t n_networks;
	char networks[SLICE_NETWORKS][NETWORK_NAME_SIZE];
	struct made_of made_of;
	const struct network **wanted;		/* owned array of borrowed networks */
	size_t n_wanted;
	struct change change;
	struct netstate changed;		/* owned: the elements that have come or gone with it */
	char (*except)[NETWORK_NAME_SIZE];	/* owned; sorted, as the list is */
	size_t n_except;
	bool no_taps;				/* making one has failed a moment ago */
};

/* manager-pass.c */
int manager_read_news(struct manager *manager, struct monitor_news *ret_news);
int manager_settle_marked(struct manager *manager);

/* manager-haste.c */
bool manager_may_hasten(const struct manager *manager);
void manager_repair_in_haste(struct manager *manager, const struct haste *haste);
int manager_add_hasty_steps(struct manager *manager, struct plan *plan);

/* manager-wanted.c */
void manager_answer(struct manager *manager, const struct pass *pass);

/* manager-due.c */
void manager_want_pass(struct manager *manager);
void manager_want_look(struct manager *manager);
void manager_want_pass_at(struct manager *manager, uint64_t when_us);
bool manager_fight_goes_on(struct manager *manager, uint64_t now_us);
void manager_count_repair(struct manager *manager, const struct pass *pass, struct managed *managed);
bool manager_in_a_fight(struct manager *manager, const struct pass *pass);

/* manager-renumber.c */
void manager_tell_moves(struct manager *manager, const struct subnet_choice *before, size_t n_before);
void manager_note_delegated(struct manager *manager);
void manager_end_prefix(struct manager *manager, struct managed *managed);
void manager_end_delegated(struct manager *manager);
void manager_time_delegated(struct manager *manager);
void manager_renumber_idle(struct manager *manager, const struct pass *pass);

/* manager-desire.c */
int manager_select_networks(struct manager *manager, struct pass *pass);
int manager_choose_subnets(struct manager *manager, struct pass *pass);
bool manager_wants_the_same(const struct manager *manager, struct pass *pass);
uint64_t manager_hash_services(const struct manager *manager, bool part);
int manager_build_desire(struct manager *manager, struct pass *pass, bool same_networks);
int manager_update_forwarding(struct manager *manager, const struct netstate *snapshot);
void manager_keep_forwarding(struct manager *manager, const struct netstate *desired);

/* manager-ports.c */
int manager_look_at_ports(struct manager *manager, struct pass *pass);
void manager_note_learnt(struct manager *manager, int bridge, int port);
bool manager_can_guard(struct manager *manager, struct managed *managed);

/* manager-rates.c */
int manager_look_at_rates(struct manager *manager, const struct pass *pass);
uint64_t manager_hash_rates(const struct manager *manager);
void manager_miss_rates(struct manager *manager, uint8_t means);
bool manager_note_rates_failure(struct manager *manager, const struct plan_step *step, const struct apply_result *result);
uint8_t manager_missing_rates(const struct manager *manager, const struct network *network);
void manager_forget_rates(struct manager *manager);

/* manager-slice.c */
void manager_mark_dirt(struct manager *manager, const struct dirt *dirt);
int manager_slice(struct manager *manager, struct pass *pass, struct slice *ret_slice);
void manager_note_made_of(struct manager *manager, struct pass *pass);
void manager_note_plan(struct manager *manager, const struct pass *pass);

/* manager-memory.c */
struct plan_memory manager_memory(const struct manager *manager);
void manager_load_choices(struct manager *manager);
int manager_save_choices(const struct manager *manager);
int manager_remember(struct manager *manager, const struct netstate *snapshot, const struct plan *plan);
int manager_remember_addresses(struct manager *manager, const struct pass *pass);

/* manager-state.c */
void manager_note_failure(struct manager *manager, const char *network, const char *text);
void manager_note_tap_failure(struct manager *manager, const char *network, const char *text);
void manager_tell_notes(struct manager *manager, const struct plan *plan);
void manager_watch_idle(struct manager *manager, const struct pass *pass);
int manager_update_states(struct manager *manager, const struct pass *pass);
void manager_update_status_text(struct manager *manager);

/* manager-others.c */
int manager_sweep_flows(struct manager *manager, const struct pass *pass);
void manager_tell_resolved(struct manager *manager, const struct netstate *snapshot);
int manager_coexist(struct manager *manager, const struct pass *pass);
void manager_leave_firewalld(const struct manager *manager);
