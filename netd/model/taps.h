/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps that are there before their guests: the sections [Tap] of a network's file.
 * Pure.
 */
#pragma once

#include "values.h"

void taps_verify(const struct network *network, struct mistakes *mistakes);
int taps_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
	       struct network_place *ret_other, char what[static 128]);
bool taps_is_known(const struct network_tap *tap);
bool taps_same_owner(const struct netstate_tap *a, const struct netstate_tap *b);

#define TAP_KEY(name)										\
	int taps_parse_##name(struct network *network, const char *value, char why[static KEY_WHY_SIZE]);	\
	void taps_reset_##name(struct network *network);
TAP_KEY(name)
TAP_KEY(user)
TAP_KEY(group)
TAP_KEY(multi_queue)
#undef TAP_KEY
