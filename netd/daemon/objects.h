/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of org.guestnet1: the manager at /org/guestnet1, and one for each network below it.
 * Event loop context.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

#include "api-names.h"
#include "manager.h"
#include "own.h"

#define API_PROPERTIES		32	/* of a network, at most */

struct objects {
	struct manager *manager;	/* borrowed */
	sd_event *event;		/* borrowed */
	struct dryrun *dryrun;		/* owned: one at a time */
	const struct own_ports *ports;	/* borrowed: what the text of a user who calls is held against; NULL: the caller needs no leave */
	/* A peer wants signals; called with the connection it has asked on. */
	int (*subscribe)(void *data, sd_bus *bus);
	void *data;
};

int objects_add(struct objects *objects, sd_bus *bus);
enum access objects_access(const char *interface, const char *member);
const char *objects_access_name(enum access access);
enum own_act objects_own_act(const char *member);
int objects_peek_network(sd_bus_message *message, char ret_name[static 64]);

int objects_append_lease(sd_bus_message *message, const char *network, const struct lease *lease);

/* One number for each property of a network: a property has changed when its number has. */
struct object_digest {
	uint64_t properties[API_PROPERTIES];
};
void objects_digest(const struct network_report *report, struct object_digest *ret_digest);
size_t objects_changed(const struct object_digest *before, const struct object_digest *now,
		       char *ret_names[static API_PROPERTIES + 1]);
