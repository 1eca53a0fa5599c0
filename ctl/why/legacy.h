/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old iptables (iptables-legacy): does it do anything, and does it drop what is forwarded?
 */
#pragma once

#include <stdbool.h>

#define LEGACY_SIZE 96

struct legacy {
	char tables[LEGACY_SIZE];	/* names of those that have rules, or a policy other than ACCEPT, with commas; "": none */
};

void legacy_look(struct legacy ret_legacy[static 2]);
bool legacy_drops(int family, const char *iif, const char *oif);
