/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one connection to the system bus: what needs it, listens here.
 * Event loop context.
 *
 * There may be no bus (early at boot, in a container), and a bus may go and come back: nobody waits for it, and
 * nothing fails because of it. Whoever listens is told when there is one, when it has gone, and who owns the name
 * that he asks for.
 */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

struct systembus;

/* Part of the listener's own struct; stays where it is until systembus_unlisten(). Each function may be NULL. */
struct systembus_listener {
	void *data;
	/* The bus is usable from here on: requests, objects and matches are made anew on each connection. */
	void (*connected)(void *data, sd_bus *bus);
	/* It has gone; what was registered on it may be freed or forgotten. */
	void (*disconnected)(void *data);
	/* A name on the bus, or NULL. */
	const char *name;
	/*
	 * Who owns it: said once after each connection, and at each change. @owner is the unique name, "" for nobody.
	 * Not said when the bus goes: that is disconnected().
	 */
	void (*owner_changed)(void *data, sd_bus *bus, const char *owner);

	/* systembus.c only. */
	struct systembus *systembus;
	struct systembus_listener *next;
	sd_bus_slot *match_slot, *call_slot;	/* owned */
};

int systembus_new(sd_event *event, struct systembus **ret_systembus);
struct systembus *systembus_free(struct systembus *systembus);
static inline void systembus_freep(struct systembus **systembus)
{
	*systembus = systembus_free(*systembus);
}

void systembus_listen(struct systembus *systembus, struct systembus_listener *listener);
void systembus_unlisten(struct systembus_listener *listener);
sd_bus *systembus_get(const struct systembus *systembus);
