/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet monitor: what happens, line by line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "../lib/str.h"
#include "lease.h"
#include "table.h"

struct monitor {
	const char *network;		/* NULL: all */
	bool json;
	bool failed;			/* nobody reads what is printed */
};

/* What a signal tells besides its network. */
enum contents { NOTHING, PROBLEM, LEASE, PORT, KINDS, PROCESS };

static const struct event {
	const char *member;
	const char *name;		/* in JSON */
	const char *words;
	enum contents contents;
} events[] = {
	{ "NetworkDefined", "network-defined", "is declared", NOTHING },
	{ "NetworkUndefined", "network-undefined", "is declared no more", NOTHING },
	{ "NetworkStarted", "network-started", "is running", NOTHING },
	{ "NetworkStopped", "network-stopped", "has stopped", NOTHING },
	{ "NetworkDegraded", "network-degraded", "is degraded", PROBLEM },
	{ "NetworkFailed", "network-failed", "has failed", PROBLEM },
	{ "LeaseAdded", "lease-added", "has leased", LEASE },
	{ "LeaseRenewed", "lease-renewed", "has renewed", LEASE },
	{ "LeaseRemoved", "lease-removed", "has taken back", LEASE },
	{ "PortAttached", "port-attached", "has got port", PORT },
	{ "PortDetached", "port-detached", "has lost port", PORT },
	{ "RepairDone", "repair-done", "was repaired", KINDS },
	{ "ConflictSeen", "conflict-seen", "something undoes what is repaired, again and again", PROCESS },
};

static const struct event *find_event(const char *member)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (strcmp(events[i].member, member) == 0)
			return &events[i];
	return NULL;
}

/* What was read of a signal; texts are borrowed from the message. */
struct happening {
	const struct event *event;
	const char *network;		/* NULL: none */
	const char *text;		/* problem, port or process */
	struct lease_report lease;
	const char *kinds[64];
	size_t n_kinds;
	uint32_t pid;
};

static int read_kinds(sd_bus_message *message, struct happening *happening)
{
	const char *kind;
	int r = sd_bus_message_enter_container(message, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(message, "s", &kind)) > 0)
		if (happening->n_kinds < ARRAY_SIZE(happening->kinds))
			happening->kinds[happening->n_kinds++] = kind;
	return r;
}

static int read_happening(sd_bus_message *message, struct happening *happening)
{
	int r;

	switch (happening->event->contents) {
	case NOTHING:
		return sd_bus_message_read(message, "s", &happening->network);
	case PROBLEM:
	case PORT:
		return sd_bus_message_read(message, "ss", &happening->network, &happening->text);
	case LEASE:
		r = lease_read(message, &happening->lease);
		happening->network = happening->lease.network;
		return r;
	case KINDS:
		r = sd_bus_message_read(message, "s", &happening->network);
		return r < 0 ? r : read_kinds(message, happening);
	case PROCESS:
		return sd_bus_message_read(message, "su", &happening->text, &happening->pid);
	}
	return -EBADMSG;
}

static void print_json(const struct happening *happening, uint64_t now_us)
{
	struct json json = JSON_NULL(stdout);

	json_object(&json, NULL);
	json_string(&json, "event", happening->event->name);
	json_number(&json, "time_us", now_us);
	switch (happening->event->contents) {
	case NOTHING:
		json_string(&json, "network", happening->network);
		break;
	case PROBLEM:
		json_string(&json, "network", happening->network);
		json_string(&json, "problem", happening->text);
		break;
	case PORT:
		json_string(&json, "network", happening->network);
		json_string(&json, "port", happening->text);
		break;
	case LEASE:
		lease_print_json(&json, &happening->lease);
		break;
	case KINDS:
		json_string(&json, "network", happening->network);
		json_array(&json, "kinds");
		for (size_t i = 0; i < happening->n_kinds; i++)
			json_string(&json, NULL, happening->kinds[i]);
		json_array_end(&json);
		break;
	case PROCESS:
		json_string(&json, "process", happening->text);
		json_number(&json, "pid", happening->pid);
		break;
	}
	json_object_end(&json);
}

static void print_text(const struct happening *happening, uint64_t now_us)
{
	char time[32];

	report_format_time(now_us, time, sizeof(time));
	printf("%s  ", time);
	if (happening->network)
		printf("%s%s%s ", style_begin(STYLE_TITLE, stdout), happening->network, style_end(stdout));
	printf("%s", happening->event->words);
	switch (happening->event->contents) {
	case NOTHING:
		break;
	case PROBLEM:
		printf(": %s%s%s", style_begin(STYLE_BAD, stdout), happening->text, style_end(stdout));
		break;
	case PORT:
		printf(" %s", happening->text);
		break;
	case LEASE:
		printf(" %s %s %s %s", happening->lease.address, strcmp(happening->event->member, "LeaseRemoved") == 0 ? "from" : "to",
		       happening->lease.name[0] ? happening->lease.name : "a guest", happening->lease.mac);
		break;
	case KINDS:
		for (size_t i = 0; i < happening->n_kinds; i++)
			printf("%s%s", i ? ", " : ": ", happening->kinds[i]);
		break;
	case PROCESS:
		if (happening->text[0])
			printf(" (the last to change the firewall was %s, pid %u)", happening->text, happening->pid);
		break;
	}
	putchar('\n');
}

static int on_signal(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	struct monitor *monitor = data;
	struct happening happening = { .event = find_event(sd_bus_message_get_member(message) ?: "") };
	struct timeval now;

	if (!happening.event || read_happening(message, &happening) < 0)
		return 0;
	if (monitor->network && (!happening.network || strcmp(happening.network, monitor->network) != 0))
		return 0;
	gettimeofday(&now, NULL);
	(monitor->json ? print_json : print_text)(&happening, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec);
	monitor->failed = fflush(stdout) != 0;
	return 0;
}

enum exit_status networks_monitor(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct monitor monitor = { .network = options->n_operands ? options->operands[0] : NULL, .json = options->json };
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = bus_subscribe(bus, on_signal, &monitor, failure);
	if (r >= 0 && monitor.network)
		r = bus_call(bus, "GetNetwork", &reply, failure, "s", monitor.network);
	if (r < 0)
		return bus_exit_status(r);
	while (!monitor.failed) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
		if (r < 0 && r != -EINTR) {
			failure_set(failure, r, "guestnetd has gone, or this was too slow for it: %s", strerror(-r));
			return STATUS_FAILED;
		}
	}
	return STATUS_FAILED;
}
