/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one connection to the system bus: what needs it, listens here.
 * Event loop context.
 *
 * sd-bus itself waits for a socket that is not there yet (sd_bus_set_watch_bind(3): inotify, no timer) and says with
 * a local signal when the connection can be used (sd_bus_set_connected_signal(3)). What is left is to begin again
 * after an end: at once when the connection has lived for a while, else later and later.
 */
#include "systembus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/str.h"
#include "../../lib/util.h"
#include "log.h"

#define SYSTEM_BUS	"unix:path=/run/dbus/system_bus_socket"

/* A connection that ends is made anew after so long, doubled each time up to 512 times as long: a minute. */
#define RETRY_US	125000
#define RETRY_DOUBLINGS	9
/* One that has lived so long has been a good one. */
#define GOOD_US		5000000

struct systembus {
	sd_event *event;			/* borrowed */
	sd_bus *bus;				/* owned; NULL between two connections */
	bool ready;				/* it can be used */
	uint64_t ready_us;			/* CLOCK_MONOTONIC, since when */
	unsigned int n_failures;		/* in a row */
	sd_event_source *timer;			/* owned: when to connect again */
	struct systembus_listener *listeners;	/* borrowed */
};

static void forget_slots(struct systembus_listener *listener)
{
	listener->match_slot = sd_bus_slot_unref(listener->match_slot);
	listener->call_slot = sd_bus_slot_unref(listener->call_slot);
}

static void say_owner(struct systembus_listener *listener, const char *owner)
{
	/* Two answers that cross say the same in the end: the later one is right. */
	if (listener->systembus->bus && listener->owner_changed)
		listener->owner_changed(listener->data, listener->systembus->bus, owner);
}

static int on_owner_changed(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	struct systembus_listener *listener = data;
	const char *name, *before, *now;

	if (sd_bus_message_read(message, "sss", &name, &before, &now) >= 0)
		say_owner(listener, now);
	return 0;
}

static int on_owner_reply(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	struct systembus_listener *listener = data;
	const char *owner = "";

	listener->call_slot = sd_bus_slot_unref(listener->call_slot);
	/* An error says that nobody owns it. */
	if (!sd_bus_message_is_method_error(message, NULL) && sd_bus_message_read(message, "s", &owner) < 0)
		owner = "";
	say_owner(listener, owner);
	return 0;
}

static void ask_owner(struct systembus_listener *listener, sd_bus *bus)
{
	char match[512];
	struct text text;
	int r;

	text_init(&text, match, sizeof(match));
	text_add(&text, "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'", listener->name);
	/* First the match, then the question: a change in between is seen. */
	r = sd_bus_add_match_async(bus, &listener->match_slot, match, on_owner_changed, NULL, listener);
	if (r >= 0)
		r = sd_bus_call_method_async(bus, &listener->call_slot, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					     "org.freedesktop.DBus", "GetNameOwner", on_owner_reply, listener, "s",
					     listener->name);
	if (r < 0)
		log_say(4, NULL, NULL, "cannot ask the system bus for %s: %s", listener->name, strerror(-r));
}

static void say_connected(struct systembus_listener *listener, sd_bus *bus)
{
	if (listener->connected)
		listener->connected(listener->data, bus);
	if (listener->name)
		ask_owner(listener, bus);
}

static void retry_later(struct systembus *systembus)
{
	unsigned int doublings = systembus->n_failures++;

	if (doublings > RETRY_DOUBLINGS)
		doublings = RETRY_DOUBLINGS;
	(void)sd_event_source_set_time(systembus->timer, clock_us() + ((uint64_t)RETRY_US << doublings));
	(void)sd_event_source_set_enabled(systembus->timer, SD_EVENT_ONESHOT);
}

static void disconnect(struct systembus *systembus)
{
	bool was_ready = systembus->ready;

	systembus->ready = false;
	for (struct systembus_listener *i = systembus->listeners, *next; i; i = next) {
		next = i->next;
		forget_slots(i);
		if (was_ready && i->disconnected)
			i->disconnected(i->data);
	}
	systembus->bus = sd_bus_close_unref(systembus->bus);
}

static int on_connected(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	struct systembus *systembus = data;

	systembus->ready = true;
	systembus->ready_us = clock_us();
	for (struct systembus_listener *i = systembus->listeners, *next; i; i = next) {
		next = i->next;
		say_connected(i, sd_bus_message_get_bus(message));
	}
	return 0;
}

static int on_disconnected(sd_bus_message *message _unused_, void *data, sd_bus_error *error _unused_)
{
	struct systembus *systembus = data;

	if (systembus->ready && clock_us() - systembus->ready_us >= GOOD_US)
		systembus->n_failures = 0;
	disconnect(systembus);
	retry_later(systembus);
	return 0;
}

static int connect_bus(struct systembus *systembus)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r;

	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address ? address : SYSTEM_BUS);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, true);
	if (r >= 0)
		r = sd_bus_set_watch_bind(bus, true);
	if (r >= 0)
		r = sd_bus_set_connected_signal(bus, true);
	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
					      "Connected", on_connected, NULL, systembus);
	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
					      "Disconnected", on_disconnected, NULL, systembus);
	if (r >= 0)
		r = sd_bus_start(bus);
	/* Behind everything of the kernel's: a busy bus keeps no repair waiting. */
	if (r >= 0)
		r = sd_bus_attach_event(bus, systembus->event, SD_EVENT_PRIORITY_NORMAL + 1);
	if (r >= 0)
		systembus->bus = steal_ptr(bus);
	return r;
}

static int on_timer(sd_event_source *source _unused_, uint64_t when_us _unused_, void *data)
{
	struct systembus *systembus = data;
	int r = systembus->bus ? 0 : connect_bus(systembus);

	/* Said once: a bus that does not want us will not want us later either. */
	if (r < 0 && systembus->n_failures == 1)
		log_say(4, NULL, NULL, "cannot connect to the system bus: %s", strerror(-r));
	if (r < 0)
		retry_later(systembus);
	return 0;
}

/*
 * Connects when the loop runs and somebody listens; whether there is a bus or not makes no difference here. The
 * address is $DBUS_SYSTEM_BUS_ADDRESS, or the usual one. @event must outlive it. -ENOMEM, or what sd-event says.
 */
int systembus_new(sd_event *event, struct systembus **ret_systembus)
{
	_cleanup_(systembus_freep) struct systembus *systembus = calloc(1, sizeof(*systembus));
	int r;

	if (!systembus)
		return -ENOMEM;
	systembus->event = event;
	r = sd_event_add_time(event, &systembus->timer, CLOCK_MONOTONIC, 0, 0, on_timer, systembus);
	if (r >= 0)
		r = sd_event_source_set_enabled(systembus->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret_systembus = steal_ptr(systembus);
	return 0;
}

/* Listeners are told that the bus has gone, and forgotten. NULL is fine. */
struct systembus *systembus_free(struct systembus *systembus)
{
	if (!systembus)
		return NULL;
	sd_bus_flush(systembus->bus);
	disconnect(systembus);
	while (systembus->listeners)
		systembus_unlisten(systembus->listeners);
	sd_event_source_unref(systembus->timer);
	free(systembus);
	return NULL;
}

/* From now on @listener is told; at once that there is a bus, when there is one. */
void systembus_listen(struct systembus *systembus, struct systembus_listener *listener)
{
	struct systembus_listener **last = &systembus->listeners;

	if (!*last && !systembus->bus)
		(void)sd_event_source_set_enabled(systembus->timer, SD_EVENT_ONESHOT);
	while (*last)
		last = &(*last)->next;
	*last = listener;
	listener->next = NULL;
	listener->systembus = systembus;
	if (systembus->ready)
		say_connected(listener, systembus->bus);
}

/* It is told no more. Safe inside its own functions, and for one that does not listen. */
void systembus_unlisten(struct systembus_listener *listener)
{
	struct systembus_listener **place;

	if (!listener->systembus)
		return;
	for (place = &listener->systembus->listeners; *place != listener; place = &(*place)->next)
		;
	*place = listener->next;
	forget_slots(listener);
	listener->systembus = NULL;
}

/* The connection when it can be used, else NULL. Borrowed; not beyond the listener's disconnected(). */
sd_bus *systembus_get(const struct systembus *systembus)
{
	return systembus->ready ? systembus->bus : NULL;
}
