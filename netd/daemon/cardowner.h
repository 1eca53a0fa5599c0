/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else looks after a network card.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/str.h"

bool cardowner_manages(const char *nic, int ifindex, const char *bridge, struct text *problem, struct text *fix);
bool cardowner_find_client(const char *nic, struct text *text);
