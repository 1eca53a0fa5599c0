/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What states are called in text, for those who write and who read it.
 */
#pragma once

#include "netstate.h"

extern const char *const netstate_set_names[NETSTATE_SET_MAX_];
extern const char *const checksum_strategy_names[CHECKSUM_MAX_];
extern const char *const netstate_table_names[NETSTATE_TABLE_MAX_];
