/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a card: for uplinks.c and uplinks-tell.c.
 */
#pragma once

#include "cardowner.h"
#include "uplinks.h"

struct card {
	struct uplink uplink;		/* owned */
	bool ready;			/* nothing has been moved yet, and there is no file */
	bool due;			/* something has changed, on it or on the bridge */
	bool unsaved;			/* there is no file, and there has to be one */
	bool in_place;
	bool gone;			/* the card is not there */
	bool good;			/* found so: what was to answer answers */
	bool confirmed;			/* by somebody */
	char refusal[256];		/* of a second one: why it cannot be a port */
	struct cardowner_client client;	/* of the card, found when that was taken */
	uint64_t asked_us;		/* CLOCK_MONOTONIC */
	uint64_t end_us;		/* of the trial, CLOCK_REALTIME */
};

struct card *uplinks_find(const struct uplinks *uplinks, const char *network);
struct card *uplinks_find_second(const struct uplinks *uplinks, const char *network, const char *nic);
