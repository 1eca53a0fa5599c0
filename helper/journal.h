/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of what was allowed and denied.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct journal_record {
	bool allowed;
	uid_t uid;
	const char *bridge;
	const char *tap;	/* "" when there is none */
	const char *rule;	/* file:line of the rule that decided; "" when there is none */
	const char *text;	/* one line for people */
};

void journal_send(const struct journal_record *record);
