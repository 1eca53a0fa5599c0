/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lease as the daemon reports it.
 */
#pragma once

#include <stdint.h>

#include "json.h"
#include "report.h"

/* Texts are borrowed from the message. */
struct lease_report {
	const char *network, *address, *mac, *name, *client_id;
	int64_t expires;		/* s since 1970; 0: never */
};

int lease_read(sd_bus_message *message, struct lease_report *lease);
void lease_print_json(struct json *json, const struct lease_report *lease);
