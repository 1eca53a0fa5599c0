/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States and plans as text, one object a line, and states from text.
 * Pure.
 */
#pragma once

#include "../../lib/failure.h"
#include "netstate.h"
#include "plan.h"

int netstate_print(const struct netstate *state, char **ret_text);
int netstate_parse(const char *text, struct netstate *ret_state, struct failure *failure);
int plan_print(const struct plan *plan, char **ret_text);
const char *checksum_strategy_name(enum checksum_strategy strategy);
