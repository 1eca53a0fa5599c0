/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guestnet doctor says of the host's network cards in bridges.
 */
#pragma once

#include "checks.h"

bool cards_tell(const struct doctor *doctor, const struct report *report);
void cards_check_stray(struct doctor *doctor);
void cards_check_trial(struct doctor *doctor);
void cards_check_owner(struct doctor *doctor);
void cards_check_lost(struct doctor *doctor);
void cards_check_loop(struct doctor *doctor);
