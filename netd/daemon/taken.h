/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs of the host that listen at a port that is forwarded.
 */
#pragma once

#include "../../lib/str.h"
#include "../model/network.h"

void taken_look(const struct network *network, struct text *problem);
