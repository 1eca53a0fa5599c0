/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Are the files there that guests are to boot from?
 */
#pragma once

#include <sys/types.h>

#include "../../lib/str.h"
#include "../model/network.h"

void bootfiles_look(const struct network *network, uid_t uid, gid_t gid, struct text *problem);
