/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewalld is told which interfaces are ours: they belong to its zone "guestnet".
 * Event loop context.
 *
 * Theory of operation. An interface that firewalld does not know belongs to its default zone, where guests get neither
 * an address nor a way out. So each bridge is put into a zone that lets them: at runtime, as firewalld calls what is not
 * in its files (org.fedoraproject.FirewallD1.zone.changeZoneOfInterface, firewalld.dbus(5)). It forgets that when it
 * ends, and may when it is reloaded: then it is told again. What is wanted and what it has been told are
 * two marks of a bridge; every answer, and every change of the wish, has a look at the difference.
 *
 * The zone comes with us (firewalld/guestnet.xml), with a policy for what others begin with guests in it. firewalld reads such
 * files when it starts and when it is reloaded; until then its own zone "trusted" does as well: what guests reach of the host is
 * decided by our rules in any case.
 */
#include "firewalld.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "log.h"

#define BUS_NAME	"org.fedoraproject.FirewallD1"
#define BUS_PATH	"/org/fedoraproject/FirewallD1"
#define INTERFACE_ZONE	"org.fedoraproject.FirewallD1.zone"

#define ZONE		"guestnet"
#define ZONE_FALLBACK	"trusted"

/* A firewalld that has just been started answers when it has loaded everything. */
#define TIMEOUT_US	120000000
/* Removing at the end of a program waits no longer than this. */
#define LAST_TIMEOUT_US	5000000

struct binding {
	char bridge[IFNAME_SIZE];
	bool wanted;
	bool told;			/* it is in our zone, as far as we know */
	bool failed;			/* it was refused: not again until firewalld says that it has changed */
	bool fallback;
	sd_bus_slot *slot;		/* owned: the call under way */
	char *problem;			/* owned; NULL: none */
	struct firewalld *firewalld;	/* borrowed */
};

struct firewalld {
	struct systembus_listener listener;
	bool there;			/* somebody owns the name */
	bool said_fallback;
	sd_bus_slot *reloaded_slot;	/* owned */
	struct binding **bindings;	/* owned, each of them too: calls under way point to them */
	size_t n_bindings;
	void (*changed)(void *data);
	void *data;
};

static void settle(struct binding *binding);

static void forget(struct binding *binding)
{
	binding->slot = sd_bus_slot_unref(binding->slot);
	binding->told = binding->failed = binding->fallback = false;
	free(binding->problem);
	binding->problem = NULL;
}

static void binding_free(struct binding *binding)
{
	forget(binding);
	free(binding);
}

static void say_problem(struct binding *binding, const char *text)
{
	if (strcmp(binding->problem ?: "", text) == 0)
		return;
	free(binding->problem);
	binding->problem = *text ? strdup(text) : NULL;
	if (binding->problem)
		log_say(4, NULL, binding->bridge, "%s", binding->problem);
	binding->firewalld->changed(binding->firewalld->data);
}

static int on_added(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	const sd_bus_error *wrong = sd_bus_message_get_error(message);
	struct binding *binding = data;
	char text[256];

	binding->slot = sd_bus_slot_unref(binding->slot);
	binding->told = true;
	if (!wrong) {
		say_problem(binding, "");
		settle(binding);
		return 0;
	}
	if (strstr(wrong->message ?: "", "INVALID_ZONE") && !binding->fallback) {
		if (!binding->firewalld->said_fallback)
			log_say(5, NULL, NULL,
				"firewalld knows no zone " ZONE " (firewall-cmd --reload lets it look for new ones): " ZONE_FALLBACK " is used instead");
		binding->firewalld->said_fallback = true;
		binding->fallback = true;
		binding->told = false;
		settle(binding);
		return 0;
	}
	binding->told = false;
	binding->failed = true;
	snprintf(text, sizeof(text), "firewalld does not take %s into zone %s: %s", binding->bridge,
		 binding->fallback ? ZONE_FALLBACK : ZONE, STR_ESCAPED(wrong->message ?: wrong->name ?: "no reason given"));
	say_problem(binding, text);
	return 0;
}

static int on_removed(sd_bus_message *message _unused_, void *data, sd_bus_error *error _unused_)
{
	struct binding *binding = data;

	/* Refused or not: there is nothing more to be done about it. */
	forget(binding);
	settle(binding);
	return 0;
}

/* Tells what has not been told; one call at a time for each bridge. */
static void settle(struct binding *binding)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	struct firewalld *firewalld = binding->firewalld;
	sd_bus *bus = systembus_get(firewalld->listener.systembus);
	const char *zone = binding->fallback ? ZONE_FALLBACK : ZONE;
	int r;

	if (!bus || !firewalld->there || binding->slot || binding->wanted == binding->told ||
	    (binding->wanted && binding->failed))
		return;
	r = sd_bus_message_new_method_call(bus, &message, BUS_NAME, BUS_PATH, INTERFACE_ZONE,
					   binding->wanted ? "changeZoneOfInterface" : "removeInterface");
	if (r >= 0)
		r = sd_bus_message_append(message, "ss", zone, binding->bridge);
	/* Nobody is to be started for this: who is not there filters nothing. */
	if (r >= 0)
		r = sd_bus_message_set_auto_start(message, false);
	if (r >= 0)
		r = sd_bus_call_async(bus, &binding->slot, message, binding->wanted ? on_added : on_removed, binding,
				      TIMEOUT_US);
	if (r < 0)
		log_say(4, NULL, NULL, "cannot ask firewalld about %s: %s", binding->bridge, strerror(-r));
}

static void drop_unwanted(struct firewalld *firewalld)
{
	size_t n = 0;

	for (size_t i = 0; i < firewalld->n_bindings; i++) {
		struct binding *binding = firewalld->bindings[i];

		if (binding->wanted || binding->told || binding->slot)
			firewalld->bindings[n++] = binding;
		else
			binding_free(binding);
	}
	firewalld->n_bindings = n;
}

/* Whatever it knew of us: it may know nothing any more. */
static void tell_all(struct firewalld *firewalld)
{
	firewalld->said_fallback = false;
	for (size_t i = 0; i < firewalld->n_bindings; i++) {
		forget(firewalld->bindings[i]);
		settle(firewalld->bindings[i]);
	}
	drop_unwanted(firewalld);
}

static int on_reloaded(sd_bus_message *message _unused_, void *data, sd_bus_error *error _unused_)
{
	tell_all(data);
	return 0;
}

static void on_connected(void *data, sd_bus *bus)
{
	struct firewalld *firewalld = data;
	int r = sd_bus_match_signal_async(bus, &firewalld->reloaded_slot, BUS_NAME, BUS_PATH, BUS_NAME, "Reloaded",
					  on_reloaded, NULL, firewalld);

	if (r < 0)
		log_say(4, NULL, NULL, "cannot watch firewalld: %s", strerror(-r));
}

static void on_disconnected(void *data)
{
	struct firewalld *firewalld = data;

	firewalld->reloaded_slot = sd_bus_slot_unref(firewalld->reloaded_slot);
	firewalld->there = false;
	for (size_t i = 0; i < firewalld->n_bindings; i++)
		forget(firewalld->bindings[i]);
	drop_unwanted(firewalld);
}

static void on_owner_changed(void *data, sd_bus *bus _unused_, const char *owner)
{
	struct firewalld *firewalld = data;

	firewalld->there = owner[0];
	tell_all(firewalld);
	/* Its end, too, may end a problem. */
	firewalld->changed(firewalld->data);
}

/* Listens for firewalld; @changed is called when a problem comes or goes. Both must outlive it. -ENOMEM only. */
int firewalld_new(struct systembus *systembus, void (*changed)(void *data), void *data, struct firewalld **ret_firewalld)
{
	struct firewalld *firewalld = calloc(1, sizeof(*firewalld));

	if (!firewalld)
		return -ENOMEM;
	firewalld->changed = changed;
	firewalld->data = data;
	firewalld->listener = (struct systembus_listener){
		.data = firewalld,
		.connected = on_connected,
		.disconnected = on_disconnected,
		.name = BUS_NAME,
		.owner_changed = on_owner_changed,
	};
	systembus_listen(systembus, &firewalld->listener);
	*ret_firewalld = firewalld;
	return 0;
}

/* Leaves firewalld with what it has been told: networks outlive the daemon. */
struct firewalld *firewalld_free(struct firewalld *firewalld)
{
	if (!firewalld)
		return NULL;
	systembus_unlisten(&firewalld->listener);
	sd_bus_slot_unref(firewalld->reloaded_slot);
	for (size_t i = 0; i < firewalld->n_bindings; i++)
		binding_free(firewalld->bindings[i]);
	free(firewalld->bindings);
	free(firewalld);
	return NULL;
}

static int compare_name(const void *name, const void *binding)
{
	return strcmp(name, (*(struct binding *const *)binding)->bridge);
}

static int compare_bindings(const void *a, const void *b)
{
	return strcmp((*(struct binding *const *)a)->bridge, (*(struct binding *const *)b)->bridge);
}

static struct binding *find(const struct firewalld *firewalld, size_t n, const char *bridge)
{
	struct binding **found = n ? bsearch(bridge, firewalld->bindings, n, sizeof(*found), compare_name) : NULL;

	return found ? *found : NULL;
}

static int add(struct firewalld *firewalld, const char *bridge)
{
	struct binding *binding = calloc(1, sizeof(*binding));
	struct binding **grown = reallocarray(firewalld->bindings, firewalld->n_bindings + 1, sizeof(*grown));

	if (grown)
		firewalld->bindings = grown;
	if (!binding || !grown) {
		free(binding);
		return -ENOMEM;
	}
	snprintf(binding->bridge, sizeof(binding->bridge), "%s", bridge);
	binding->firewalld = firewalld;
	binding->wanted = true;
	grown[firewalld->n_bindings++] = binding;
	return 0;
}

/* When it comes, `changed` is called. */
bool firewalld_is_there(const struct firewalld *firewalld)
{
	return firewalld->there;
}

/* These bridges are to be in our zone, and no others. Does not wait for firewalld. -ENOMEM only. */
int firewalld_want(struct firewalld *firewalld, const char (*bridges)[IFNAME_SIZE], size_t n)
{
	const size_t n_sorted = firewalld->n_bindings;
	int r = 0;

	for (size_t i = 0; i < n_sorted; i++)
		firewalld->bindings[i]->wanted = false;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct binding *binding = find(firewalld, n_sorted, bridges[i]);

		if (binding)
			binding->wanted = true;
		else
			r = add(firewalld, bridges[i]);
	}
	if (firewalld->n_bindings > n_sorted)
		qsort(firewalld->bindings, firewalld->n_bindings, sizeof(*firewalld->bindings), compare_bindings);
	for (size_t i = 0; i < firewalld->n_bindings; i++)
		settle(firewalld->bindings[i]);
	drop_unwanted(firewalld);
	return r;
}

/* Why firewalld is in the way of a bridge, "" for nothing. */
const char *firewalld_problem_of(const struct firewalld *firewalld, const char *bridge)
{
	const struct binding *binding = firewalld ? find(firewalld, firewalld->n_bindings, bridge) : NULL;

	return binding && binding->wanted && binding->problem ? binding->problem : "";
}

/*
 * Takes bridges out of our zone, for a program without a loop that is about to end: waits, not for ever. Nothing is
 * said when it does not work: what is left is a name in a list that the next reload empties.
 */
void firewalld_remove_now(const char (*bridges)[IFNAME_SIZE], size_t n)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;

	if (n == 0 || sd_bus_open_system(&bus) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
		int r;

		r = sd_bus_message_new_method_call(bus, &message, BUS_NAME, BUS_PATH, INTERFACE_ZONE, "removeInterface");
		if (r >= 0)
			r = sd_bus_message_append(message, "ss", "", bridges[i]);
		if (r >= 0)
			r = sd_bus_message_set_auto_start(message, false);
		if (r >= 0)
			r = sd_bus_call(bus, message, LAST_TIMEOUT_US, NULL, NULL);
		/* Without firewalld the first one says so. */
		if (r == -EHOSTUNREACH || r == -ETIMEDOUT)
			return;
	}
}
