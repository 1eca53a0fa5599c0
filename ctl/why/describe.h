/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule of nftables in words.
 * Pure: no system calls.
 */
#pragma once

#include "../../lib/str.h"
#include "evaluate.h"

void describe_rule(const struct rules_rule *rule, struct text *text);
void describe_place(const struct evaluate_place *place, struct text *text);
void describe_accept(const struct evaluate_place *place, const struct packet *packet, const char *what, struct text *text);
