/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom declared taps belong to, and taps of others that are to be taken in.
 */
#pragma once

#include "../../lib/failure.h"
#include "../../lib/str.h"
#include "../kernel/kernel.h"
#include "../model/network.h"

bool taps_find_owners(struct network *network, const char *lookup_path, struct text *problem);
size_t taps_find_stray(const struct netstate *snapshot, char (*ret_names)[IFNAME_SIZE], size_t max);
int taps_adopt(struct kernel *kernel, const char *name, const struct network *network, struct failure *failure);
