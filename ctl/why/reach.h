/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What DenyOut= and DenyIn= of a network's file do with a packet, in the words of that file.
 */
#pragma once

#include "evaluate.h"

bool reach_is(const struct evaluate_place *place);
bool reach_is_out(const struct evaluate_place *place);
void reach_explain(const struct evaluate_place *place, const struct packet *packet, const char *network, char *buffer, size_t size);
