/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network cards of the host as ports of our bridges: moved on trial, kept, given back.
 */
#pragma once

#include "../kernel/apply.h"
#include "../kernel/kernel.h"
#include "../model/uplink.h"
#include "managed.h"
#include "options.h"

struct card;

struct uplinks {
	const struct manager_options *options;	/* borrowed, as all of these */
	struct kernel *kernel;
	struct managed_list *list;
	struct card *cards;			/* owned */
	size_t n_cards;
	bool adopted;				/* uplinks_adopt() was called */
};

void uplinks_init(struct uplinks *uplinks, const struct manager_options *options, struct kernel *kernel,
		  struct managed_list *list);
void uplinks_deinit(struct uplinks *uplinks);
void uplinks_adopt(struct uplinks *uplinks, const struct netstate *snapshot);
void uplinks_note_dirt(struct uplinks *uplinks, const struct dirt *dirt);
void uplinks_review(struct uplinks *uplinks, uint64_t now_us, bool only_look,
		    void (*refuse)(void *data, const char *network, const char *text), void *data, uint64_t *ret_look_us);
int uplinks_add_to_snapshot(const struct uplinks *uplinks, struct netstate *snapshot);
const struct uplink *uplinks_card(const char *network, const void *data);
uint64_t uplinks_hash(const struct uplinks *uplinks);
int uplinks_apply(struct uplinks *uplinks, const struct plan_step *step, struct failure *failure);

uint64_t uplinks_trial_end(const struct uplinks *uplinks, const char *network);
bool uplinks_confirm(struct uplinks *uplinks, const char *network);
void uplinks_give_up(struct uplinks *uplinks);
enum card_state uplinks_tell(const struct uplinks *uplinks, const struct managed *managed, struct text *problem, struct text *fix);
const char *uplinks_state_name(const struct managed *managed);
