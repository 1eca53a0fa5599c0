/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guestnet doctor says of rules for frames: of the family bridge, and at the ports of bridges.
 */
#pragma once

#include "checks.h"

void frames_check(struct doctor *doctor, const struct report *report, const struct link *bridge);
