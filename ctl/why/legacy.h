/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old iptables (iptables-legacy): does it do anything?
 */
#pragma once

#define LEGACY_SIZE 96

struct legacy {
	char tables[LEGACY_SIZE];	/* names of those that have rules, or a policy other than ACCEPT, with commas; "": none */
};

void legacy_look(struct legacy ret_legacy[static 2]);
