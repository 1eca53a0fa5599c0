/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which way of completing the checksums of DHCP replies is taken, and why.
 */
#pragma once

#include <systemd/sd-event.h>

#include "../kernel/apply.h"
#include "../kernel/kernel.h"
#include "../model/subnet.h"

#define CHECKSUMS_REASON_SIZE	192

enum checksum_state { CHECKSUM_UNKNOWN, CHECKSUM_POSSIBLE, CHECKSUM_IMPOSSIBLE };

struct checksums {
	sd_event *event;		/* borrowed */
	struct kernel *kernel;		/* borrowed */
	sd_event_source *source;	/* owned: of the listener */
	uint8_t states[CHECKSUM_MAX_];	/* enum checksum_state */
	uint64_t ask_at_us[CHECKSUM_MAX_];	/* what is impossible is asked for again then */
	uint8_t n_refusals[CHECKSUM_MAX_];
	char reasons[CHECKSUM_MAX_][CHECKSUMS_REASON_SIZE];	/* why it is impossible */
	uint8_t possible;		/* bit n: enum checksum_strategy */
	bool changed;			/* something has been found out, or lost, since it was chosen last */
};

void checksums_init(struct checksums *checksums, sd_event *event, struct kernel *kernel);
void checksums_deinit(struct checksums *checksums);
void checksums_forget(struct checksums *checksums);
uint8_t checksums_choose(struct checksums *checksums, const struct network *const networks[], size_t n_networks,
			 const struct network *const added[], size_t n_added, const struct subnet_choice *choices, size_t n_choices,
			 bool same, bool only_look);
bool checksums_note_failure(struct checksums *checksums, const struct plan_step *step, const struct apply_result *result);

enum checksum_strategy checksums_in_force(const struct checksums *checksums, const struct network *network,
					  const struct subnet_choice *choice);
void checksums_explain(const struct checksums *checksums, const struct network *network,
		       const struct subnet_choice *choice, char *buffer, size_t size);
bool checksums_problem(const struct checksums *checksums, const struct network *network,
		       const struct subnet_choice *choice, char *buffer, size_t size);
