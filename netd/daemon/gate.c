/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * org.guestnet1 on the system bus: who is allowed to call what, and passing it on.
 * Event loop context.
 *
 * Theory of operation. Nothing is served here. A call that comes over the system bus waits until the bus has said whose it is
 * and polkit that its sender may make it; then it is copied to the daemon's own connection to itself (`inside`, a socket pair
 * on which api.c serves the objects as on any other), and the answer is copied back. Signals of that connection are
 * copied to the bus. So there is one set of objects, and one place that asks polkit, for properties and their
 * introspection too. Nobody waits for anybody: polkit may ask a person for a password meanwhile.
 *
 * Without polkit reading is for everybody, and everything else for root.
 */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/limits.h"
#include "../../lib/util.h"
#include "log.h"
#include "objects.h"
#include "own.h"

#define POLKIT			"org.freedesktop.PolicyKit1"
#define POLKIT_PATH		"/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_AUTHORITY	"org.freedesktop.PolicyKit1.Authority"
#define POLKIT_INTERACTION	1	/* AllowUserInteraction */
/* A person may have to look for a password; a polkit that answers nothing at all is not waited for longer. */
#define POLKIT_TIMEOUT_US	(120 * 1000000ULL)
/* A signal that a bus which does not take them has not taken is not kept for it. */
#define SIGNALS_QUEUED		512

/* A call on its way. */
struct pending {
	struct gate *gate;		/* borrowed */
	sd_bus_message *message;	/* owned: the call */
	sd_bus_slot *slot;		/* owned: the question that is open */
	enum access access;
	bool known;			/* whose it is */
	uid_t uid;
	struct pending *next, **place;
};

struct gate {
	struct systembus *systembus;	/* borrowed */
	struct systembus_listener listener;
	sd_bus *inside;			/* borrowed */
	sd_bus_slot *objects_slot;	/* owned */
	sd_bus_slot *name_slot;		/* owned */
	sd_bus_slot *signal_slot;	/* owned */
	struct pending *pending;	/* owned */
	size_t n_pending;
};

static void pending_free(struct pending *pending)
{
	*pending->place = pending->next;
	if (pending->next)
		pending->next->place = pending->place;
	pending->gate->n_pending--;
	sd_bus_slot_unref(pending->slot);
	sd_bus_message_unref(pending->message);
	free(pending);
}

static void end_with_error(struct pending *pending, const sd_bus_error *error)
{
	(void)sd_bus_reply_method_error(pending->message, error);
	pending_free(pending);
}

static void end_with_errno(struct pending *pending, int error)
{
	(void)sd_bus_reply_method_errno(pending->message, error, NULL);
	pending_free(pending);
}

/* The objects have answered. */
static int on_answer(sd_bus_message *answer, void *data, sd_bus_error *error _unused_)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct pending *pending = data;
	int r;

	if (sd_bus_message_is_method_error(answer, NULL)) {
		end_with_error(pending, sd_bus_message_get_error(answer));
		return 0;
	}
	r = sd_bus_message_new_method_return(pending->message, &reply);
	if (r >= 0)
		r = sd_bus_message_copy(reply, answer, true);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	if (r < 0)
		end_with_errno(pending, r);
	else
		pending_free(pending);
	return 0;
}

/* The sender may: the objects are asked in its place. */
static void pass_on(struct pending *pending)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *copy = NULL;
	sd_bus_message *message = pending->message;
	struct gate *gate = pending->gate;
	int r;

	r = sd_bus_message_new_method_call(gate->inside, &copy, NULL, sd_bus_message_get_path(message),
					   sd_bus_message_get_interface(message), sd_bus_message_get_member(message));
	if (r >= 0)
		r = sd_bus_message_rewind(message, true);
	if (r >= 0)
		r = sd_bus_message_copy(copy, message, true);
	pending->slot = sd_bus_slot_unref(pending->slot);
	if (r >= 0)
		r = sd_bus_call_async(gate->inside, &pending->slot, copy, on_answer, pending, POLKIT_TIMEOUT_US);
	if (r < 0)
		end_with_errno(pending, r);
}

static void deny(struct pending *pending, bool challenge)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	const char *action = objects_access_name(pending->access);

	if (challenge)
		sd_bus_error_setf(&error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
				  "action " ACTION_PREFIX "%s wants the password of an administrator, and nobody could be asked for it (root and members of the group guestnet may without)",
				  action);
	else
		sd_bus_error_setf(&error, SD_BUS_ERROR_ACCESS_DENIED,
				  "action " ACTION_PREFIX "%s is denied: root and members of the group guestnet may, and whom an administrator allows it with a rule of polkit(8)",
				  action);
	end_with_error(pending, &error);
}

/* Nobody can say who may: reading is for everybody, the rest for root. */
static void decide_alone(struct pending *pending)
{
	_cleanup_(sd_bus_error_free) sd_bus_error denied = SD_BUS_ERROR_NULL;

	if (pending->access <= ACCESS_READ || pending->uid == 0) {
		pass_on(pending);
		return;
	}
	sd_bus_error_setf(&denied, SD_BUS_ERROR_ACCESS_DENIED,
			  "action " ACTION_PREFIX "%s is denied: polkit does not answer, so it is for root, and for members of the group guestnet through the daemon's own socket",
			  objects_access_name(pending->access));
	end_with_error(pending, &denied);
}

static int on_polkit(sd_bus_message *reply, void *data, sd_bus_error *error _unused_)
{
	struct pending *pending = data;
	int authorized = 0, challenge = 0;

	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
	    sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
		decide_alone(pending);
	else if (authorized)
		pass_on(pending);
	else
		deny(pending, challenge);
	return 0;
}

static int ask_polkit(struct pending *pending)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *question = NULL;
	sd_bus *bus = sd_bus_message_get_bus(pending->message);
	const char *action = objects_access_name(pending->access);
	char id[64];
	uint32_t flags = sd_bus_message_get_allow_interactive_authorization(pending->message) > 0 ? POLKIT_INTERACTION : 0;
	int r;

	snprintf(id, sizeof(id), ACTION_PREFIX "%s", action);
	pending->slot = sd_bus_slot_unref(pending->slot);
	r = sd_bus_message_new_method_call(bus, &question, POLKIT, POLKIT_PATH, POLKIT_AUTHORITY, "CheckAuthorization");
	if (r >= 0)
		r = sd_bus_message_append(question, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
					  sd_bus_message_get_sender(pending->message), id, 0, flags, "");
	return r < 0 ? r : sd_bus_call_async(bus, &pending->slot, question, on_polkit, pending, POLKIT_TIMEOUT_US);
}

/* A user may have many connections, and many uids in user namespaces; @pending is counted already. */
static bool has_place(const struct pending *pending)
{
	size_t n = 0;

	for (const struct pending *i = pending->gate->pending; i; i = i->next)
		n += i->known && i->uid == pending->uid;
	return pending->uid == 0 ||
		(n <= LIMIT_BUS_CALLS_USER && (pending->gate->n_pending <= LIMIT_BUS_CALLS_CROWD || !own_is_subordinate(pending->uid)));
}

static int on_uid(sd_bus_message *reply, void *data, sd_bus_error *error _unused_)
{
	_cleanup_(sd_bus_error_free) sd_bus_error full = SD_BUS_ERROR_NULL;
	struct pending *pending = data;

	if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &pending->uid) < 0) {
		end_with_errno(pending, -EACCES);
		return 0;
	}
	pending->known = true;
	if (!has_place(pending)) {
		sd_bus_error_set_const(&full, SD_BUS_ERROR_LIMITS_EXCEEDED, "too many calls of yours are waiting");
		end_with_error(pending, &full);
	} else if (ask_polkit(pending) < 0) {
		decide_alone(pending);
	}
	return 0;
}

static int ask_uid(struct pending *pending)
{
	return sd_bus_call_method_async(sd_bus_message_get_bus(pending->message), &pending->slot, "org.freedesktop.DBus",
					"/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixUser", on_uid, pending,
					"s", sd_bus_message_get_sender(pending->message));
}

static size_t count_of(const struct gate *gate, const char *sender)
{
	size_t n = 0;

	for (const struct pending *i = gate->pending; i; i = i->next)
		n += strcmp(sd_bus_message_get_sender(i->message) ?: "", sender) == 0;
	return n;
}

/* Starting and stopping is for who sits at the machine, but not where a network is somebody's own: to others that is declaring. */
static enum access access_of(sd_bus_message *message)
{
	enum access access = objects_access(sd_bus_message_get_interface(message), sd_bus_message_get_member(message));
	char network[64];
	uint32_t owner;

	return access == ACCESS_MANAGE && objects_peek_network(message, network) >= 0 && name_find_owner(network, &owner) ?
		ACCESS_DEFINE : access;
}

/*
 * Adds to @size about how many bytes there are from where the message stands to the end of the container that it stands in, eight
 * for each value that is no text; beyond the limit it does not go on. How deep containers may be is the bus's to say.
 */
static int measure(sd_bus_message *message, size_t *size)
{
	const char *contents, *text;
	uint64_t number;
	char type;
	int r = 0;

	while (*size <= LIMIT_BUS_MESSAGE && (r = sd_bus_message_peek_type(message, &type, &contents)) > 0) {
		*size += sizeof(number);
		if (strchr("sog", type)) {
			r = sd_bus_message_read_basic(message, type, &text);
			*size += r > 0 ? strlen(text) : 0;
		} else if (strchr("avre", type)) {
			r = sd_bus_message_enter_container(message, type, contents);
			if (r >= 0)
				r = measure(message, size);
			if (r >= 0 && *size <= LIMIT_BUS_MESSAGE)
				r = sd_bus_message_exit_container(message);
		} else {
			r = sd_bus_message_read_basic(message, type, &number);
		}
		if (r < 0)
			return r;
	}
	return *size <= LIMIT_BUS_MESSAGE ? r : 0;
}

/* What the bus lets pass is up to 32 MiB, and as many calls wait as LIMIT_BUS_CALLS says. What cannot be read is not kept either. */
static bool is_large(sd_bus_message *message)
{
	size_t size = strlen(sd_bus_message_get_path(message) ?: "");
	const int r = measure(message, &size), again = sd_bus_message_rewind(message, true);

	return r < 0 || again < 0 || size > LIMIT_BUS_MESSAGE;
}

/* Every call to /org/guestnet1 and what is below it. */
static int on_call(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct gate *gate = data;
	const char *sender = sd_bus_message_get_sender(message);
	struct pending *pending;
	int r;

	if (!sender)
		return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "a call without a sender");
	if (gate->n_pending >= LIMIT_BUS_CALLS || count_of(gate, sender) >= LIMIT_BUS_CALLS_USER)
		return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "too many calls are waiting");
	if (is_large(message))
		return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "a call of more than %d KiB", LIMIT_BUS_MESSAGE / 1024);
	pending = calloc(1, sizeof(*pending));
	if (!pending)
		return -ENOMEM;
	pending->gate = gate;
	pending->message = sd_bus_message_ref(message);
	pending->access = access_of(message);
	pending->next = gate->pending;
	pending->place = &gate->pending;
	if (gate->pending)
		gate->pending->place = &pending->next;
	gate->pending = pending;
	gate->n_pending++;
	if (pending->access == ACCESS_NONE) {
		pass_on(pending);
		return 1;
	}
	r = ask_uid(pending);
	if (r < 0)
		end_with_errno(pending, r);
	return 1;
}

static int on_signal(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *copy = NULL;
	struct gate *gate = data;
	sd_bus *bus = systembus_get(gate->systembus);
	uint8_t type = 0;
	uint64_t queued = 0;

	if (!bus || sd_bus_message_get_type(message, &type) < 0 || type != SD_BUS_MESSAGE_SIGNAL ||
	    strncmp(sd_bus_message_get_path(message) ?: "", API_PATH, strlen(API_PATH)) != 0 ||
	    (sd_bus_get_n_queued_write(bus, &queued) >= 0 && queued > SIGNALS_QUEUED))
		return 0;
	if (sd_bus_message_new_signal(bus, &copy, sd_bus_message_get_path(message), sd_bus_message_get_interface(message),
				      sd_bus_message_get_member(message)) >= 0 &&
	    sd_bus_message_copy(copy, message, true) >= 0)
		(void)sd_bus_send(bus, copy, NULL);
	return 0;
}

static int on_name(sd_bus_message *message, void *data _unused_, sd_bus_error *error _unused_)
{
	const sd_bus_error *why = sd_bus_message_get_error(message);
	uint32_t answer = 0;

	if (why)
		log_say(4, NULL, NULL, "the system bus does not give us the name " API_NAME ": %s", why->message ?: why->name);
	else if (sd_bus_message_read(message, "u", &answer) >= 0 && answer != 1 && answer != 4)
		log_say(4, NULL, NULL, "another process has the name " API_NAME " on the system bus");
	return 0;
}

static void on_connected(void *data, sd_bus *bus)
{
	struct gate *gate = data;
	int r = sd_bus_add_fallback(bus, &gate->objects_slot, API_PATH, on_call, gate);

	if (r >= 0)
		r = sd_bus_request_name_async(bus, &gate->name_slot, API_NAME, 0, on_name, gate);
	if (r < 0)
		log_say(4, NULL, NULL, "cannot serve " API_NAME " on the system bus: %s", strerror(-r));
}

static void on_disconnected(void *data)
{
	struct gate *gate = data;

	while (gate->pending)
		pending_free(gate->pending);
	gate->objects_slot = sd_bus_slot_unref(gate->objects_slot);
	gate->name_slot = sd_bus_slot_unref(gate->name_slot);
}

/* Serves on the system bus, whenever there is one, what is served on @inside. Both must outlive the gate. */
int gate_new(struct systembus *systembus, sd_bus *inside, struct gate **ret_gate)
{
	_cleanup_(gate_freep) struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return -ENOMEM;
	gate->systembus = systembus;
	gate->inside = inside;
	gate->listener = (struct systembus_listener){
		.data = gate, .connected = on_connected, .disconnected = on_disconnected,
	};
	r = sd_bus_add_filter(inside, &gate->signal_slot, on_signal, gate);
	if (r < 0)
		return r;
	systembus_listen(systembus, &gate->listener);
	*ret_gate = steal_ptr(gate);
	return 0;
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	systembus_unlisten(&gate->listener);
	on_disconnected(gate);
	sd_bus_slot_unref(gate->signal_slot);
	free(gate);
	return NULL;
}
