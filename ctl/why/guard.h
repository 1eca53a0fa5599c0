/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What [Port] of a network's file does with a packet, in the words of that file.
 * Pure.
 */
#pragma once

#include "evaluate.h"

bool guard_is(const struct evaluate_place *place);
const char *guard_network(const char *alias, char *buffer, size_t size);
bool guard_isolates(const char *alias);
void guard_explain(const struct evaluate_place *place, const struct packet *packet, char *buffer, size_t size);
bool guard_knows_nobody(const struct rules *rules, const char *alias, const struct packet *packet);
