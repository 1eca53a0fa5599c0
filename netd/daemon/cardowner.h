/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else looks after a network card.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/str.h"

bool cardowner_manages(const char *nic, int ifindex, const char *bridge, struct text *problem, struct text *fix);

struct cardowner_client {
	uint32_t pid;			/* 0: none */
	char program[16];
	bool everywhere;		/* it looks after all interfaces */
};

bool cardowner_find_client(const char *nic, struct cardowner_client *ret_client);
bool cardowner_is_client(const char *nic, const struct cardowner_client *client);
