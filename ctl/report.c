/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks as the daemon reports them: from a dictionary of properties to a struct.
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/str.h"

static int read_text(sd_bus_message *message, struct report *report, size_t offset)
{
	return sd_bus_message_read(message, "s", (const char **)((char *)report + offset));
}

static int read_u64(sd_bus_message *message, struct report *report, size_t offset)
{
	return sd_bus_message_read(message, "t", (uint64_t *)((char *)report + offset));
}

static int read_autostart(sd_bus_message *message, struct report *report, size_t offset _unused_)
{
	int value, r = sd_bus_message_read(message, "b", &value);

	if (r >= 0)
		report->autostart = value;
	return r;
}

static int read_addresses(sd_bus_message *message, struct report *report, size_t offset _unused_)
{
	struct text text;
	const char *address;
	int r = sd_bus_message_enter_container(message, 'a', "s");

	text_init(&text, report->addresses, sizeof(report->addresses));
	while (r >= 0 && (r = sd_bus_message_read(message, "s", &address)) > 0)
		text_add(&text, "%s%s", text.length ? " " : "", address);
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_mistakes(sd_bus_message *message, struct report *report, size_t offset _unused_)
{
	const char *mistake;
	int r = sd_bus_message_enter_container(message, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(message, "s", &mistake)) > 0) {
		const char **mistakes = reallocarray(report->mistakes, report->n_mistakes + 1, sizeof(*mistakes));

		if (!mistakes)
			return -ENOMEM;
		report->mistakes = mistakes;
		mistakes[report->n_mistakes++] = mistake;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_repairs(sd_bus_message *message, struct report *report, size_t offset _unused_)
{
	struct repair_count count;
	int r = sd_bus_message_enter_container(message, 'a', "{su}");

	while (r >= 0 && (r = sd_bus_message_read(message, "{su}", &count.kind, &count.n)) > 0)
		if (report->n_kinds < REPORT_REPAIRS)
			report->repairs[report->n_kinds++] = count;
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_forwards(sd_bus_message *message, struct report *report, size_t offset _unused_)
{
	struct report_forward forward;
	int r = sd_bus_message_enter_container(message, 'a', "(ssss)");

	while (r >= 0 && (r = sd_bus_message_read(message, "(ssss)", &forward.listen, &forward.to, &forward.now, &forward.why)) > 0) {
		struct report_forward *forwards = reallocarray(report->forwards, report->n_forwards + 1, sizeof(*forwards));

		if (!forwards)
			return -ENOMEM;
		report->forwards = forwards;
		forwards[report->n_forwards++] = forward;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_routes(sd_bus_message *message, struct report *report, size_t offset _unused_)
{
	struct report_route route;
	int advertise, r = sd_bus_message_enter_container(message, 'a', "(ssub)");

	while (r >= 0 && (r = sd_bus_message_read(message, "(ssub)", &route.destination, &route.gateway, &route.metric, &advertise)) > 0) {
		struct report_route *routes = reallocarray(report->routes, report->n_routes + 1, sizeof(*routes));

		if (!routes)
			return -ENOMEM;
		route.advertise = advertise;
		report->routes = routes;
		routes[report->n_routes++] = route;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_rules(sd_bus_message *message, struct report *report, size_t offset _unused_)
{
	struct report_rule rule;
	int r = sd_bus_message_enter_container(message, 'a', "(ssssss)");

	while (r >= 0 && (r = sd_bus_message_read(message, "(ssssss)", &rule.name, &rule.address, &rule.key, &rule.value, &rule.place,
						  &rule.why)) > 0) {
		struct report_rule *rules = reallocarray(report->rules, report->n_rules + 1, sizeof(*rules));

		if (!rules)
			return -ENOMEM;
		report->rules = rules;
		rules[report->n_rules++] = rule;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* Of a list only how long it is matters here. */
static int count_items(sd_bus_message *message, struct report *report, size_t offset)
{
	const char *contents;
	char type, signature[64];
	size_t n = 0;
	int r = sd_bus_message_peek_type(message, &type, &contents);

	if (r < 0 || type != 'a' || snprintf(signature, sizeof(signature), "%s", contents) >= (int)sizeof(signature))
		return r < 0 ? r : -EBADMSG;
	r = sd_bus_message_enter_container(message, 'a', signature);
	while (r >= 0 && (r = sd_bus_message_at_end(message, false)) == 0) {
		r = sd_bus_message_skip(message, signature);
		n++;
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(message);
	*(size_t *)((char *)report + offset) = n;
	return r;
}

static const struct field {
	const char *name;
	const char *type;
	int (*read)(sd_bus_message *message, struct report *report, size_t offset);
	size_t offset;
} fields[] = {
	{ "Name", "s", read_text, offsetof(struct report, name) },
	{ "State", "s", read_text, offsetof(struct report, state) },
	{ "Mode", "s", read_text, offsetof(struct report, mode) },
	{ "Bridge", "s", read_text, offsetof(struct report, bridge) },
	{ "Delegated", "s", read_text, offsetof(struct report, delegated) },
	{ "Names", "s", read_text, offsetof(struct report, names) },
	{ "Forwarding", "s", read_text, offsetof(struct report, forwarding) },
	{ "ChecksumStrategy", "s", read_text, offsetof(struct report, checksum) },
	{ "ChecksumReason", "s", read_text, offsetof(struct report, checksum_reason) },
	{ "Bandwidth", "s", read_text, offsetof(struct report, bandwidth) },
	{ "Tunnel", "s", read_text, offsetof(struct report, tunnel) },
	{ "Problem", "s", read_text, offsetof(struct report, problem) },
	{ "ProblemKind", "s", read_text, offsetof(struct report, problem_kind) },
	{ "Fix", "s", read_text, offsetof(struct report, fix) },
	{ "UplinkState", "s", read_text, offsetof(struct report, uplink_state) },
	{ "Since", "t", read_u64, offsetof(struct report, since_us) },
	{ "TrialUntil", "t", read_u64, offsetof(struct report, trial_end_us) },
	{ "RepairCount", "t", read_u64, offsetof(struct report, n_repairs) },
	{ "Autostart", "b", read_autostart, 0 },
	{ "Addresses", "as", read_addresses, 0 },
	{ "Repairs", "a{su}", read_repairs, 0 },
	{ "Mistakes", "as", read_mistakes, 0 },
	{ "Forwards", "a(ssss)", read_forwards, 0 },
	{ "Routes", "a(ssub)", read_routes, 0 },
	{ "Rules", "a(ssssss)", read_rules, 0 },
	{ "Ports", NULL, count_items, offsetof(struct report, n_ports) },
	{ "Leases", NULL, count_items, offsetof(struct report, n_leases) },
};

static int read_property(sd_bus_message *message, struct report *report)
{
	const char *name, *contents;
	char type;
	int r;

	r = sd_bus_message_read(message, "s", &name);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(fields[i].name, name) != 0)
			continue;
		r = sd_bus_message_peek_type(message, &type, &contents);
		if (r < 0 || type != 'v' || (fields[i].type && strcmp(fields[i].type, contents) != 0))
			break;
		r = sd_bus_message_enter_container(message, 'v', contents);
		if (r >= 0)
			r = fields[i].read(message, report, fields[i].offset);
		return r < 0 ? r : sd_bus_message_exit_container(message);
	}
	return sd_bus_message_skip(message, "v");	/* a newer daemon says more */
}

static int read_properties(sd_bus_message *message, struct report *report)
{
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		r = read_property(message, report);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* One object: its interfaces, of which one is a network's. */
static int read_object(sd_bus_message *message, struct report *report, bool *ret_is_network)
{
	const char *path, *interface;
	int r;

	*ret_is_network = false;
	r = sd_bus_message_read(message, "o", &path);
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "{sa{sv}}");
	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sa{sv}")) > 0) {
		r = sd_bus_message_read(message, "s", &interface);
		if (r >= 0 && strcmp(interface, BUS_NETWORK) == 0) {
			*ret_is_network = true;
			r = read_properties(message, report);
		} else if (r >= 0) {
			r = sd_bus_message_skip(message, "a{sv}");
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int compare_reports(const void *a, const void *b)
{
	return strcmp(((const struct report *)a)->name, ((const struct report *)b)->name);
}

/* Room for one more; NULL when there is no memory. */
static struct report *add_report(struct reports *reports)
{
	struct report *items = reallocarray(reports->items, reports->n + 1, sizeof(*items));

	if (!items)
		return NULL;
	reports->items = items;
	items[reports->n] = (struct report){
		.name = "", .state = "", .mode = "", .bridge = "", .delegated = "", .names = "", .forwarding = "", .checksum = "", .checksum_reason = "", .bandwidth = "", .tunnel = "", .problem = "", .problem_kind = "", .fix = "",
		.uplink_state = "",
	};
	return &items[reports->n];
}

static void report_deinit(struct report *report)
{
	free(report->mistakes);
	free(report->forwards);
	free(report->routes);
	free(report->rules);
}

static int read_all(struct reports *reports)
{
	int r = sd_bus_message_enter_container(reports->reply, 'a', "{oa{sa{sv}}}");

	while (r >= 0 && (r = sd_bus_message_enter_container(reports->reply, 'e', "oa{sa{sv}}")) > 0) {
		struct report *report = add_report(reports);
		bool is_network;

		if (!report)
			return -ENOMEM;
		r = read_object(reports->reply, report, &is_network);
		if (r >= 0)
			r = sd_bus_message_exit_container(reports->reply);
		if (r >= 0 && is_network)
			reports->n++;
		else
			report_deinit(report);
	}
	if (reports->n > 0)
		qsort(reports->items, reports->n, sizeof(*reports->items), compare_reports);
	return r;
}

static int get(struct reports *reports, int (*open)(sd_bus **ret_bus, struct failure *failure), struct failure *failure)
{
	int r = open(&reports->bus, failure);

	if (r >= 0)
		r = bus_get_networks(reports->bus, &reports->reply, failure);
	if (r < 0)
		return r;
	r = read_all(reports);
	return r < 0 ? failure_set(failure, r, "guestnetd answers something else than was asked: %s", strerror(-r)) : 0;
}

/* Asks for all networks. */
int reports_get(struct reports *reports, struct failure *failure)
{
	return get(reports, bus_open, failure);
}

/* Asks for the network of that name alone. -ENOENT, with what was probably meant, when there is none. */
int reports_get_one(struct reports *reports, const char *name, struct failure *failure)
{
	struct report *report = add_report(reports);
	int r = report ? bus_open(&reports->bus, failure) : failure_set(failure, -ENOMEM, "out of memory");

	if (r >= 0)
		r = bus_get_network(reports->bus, name, &reports->reply, failure);
	if (r < 0)
		return r;
	r = read_properties(reports->reply, report);
	if (r >= 0)
		reports->n = 1;
	else
		report_deinit(report);
	return r < 0 ? failure_set(failure, r, "guestnetd answers something else than was asked: %s", strerror(-r)) : 0;
}

/* As reports_get(), and starts no daemon for that. */
int reports_get_running(struct reports *reports, struct failure *failure)
{
	return get(reports, bus_open_running, failure);
}

void reports_deinit(struct reports *reports)
{
	for (size_t i = 0; i < reports->n; i++)
		report_deinit(&reports->items[i]);
	free(reports->items);
	sd_bus_message_unref(reports->reply);
	sd_bus_flush_close_unref(reports->bus);
	*reports = REPORTS_NULL;
}

/* The network of that name; NULL, and what was probably meant, when there is none. */
const struct report *reports_find(const struct reports *reports, const char *name, struct failure *failure)
{
	_cleanup_(freep) const char **names = calloc(reports->n + 1, sizeof(*names));
	const char *nearest;

	for (size_t i = 0; i < reports->n; i++)
		if (strcmp(reports->items[i].name, name) == 0)
			return &reports->items[i];
	for (size_t i = 0; names && i < reports->n; i++)
		names[i] = reports->items[i].name;
	nearest = names ? str_nearest(name, names, reports->n) : NULL;
	failure_set(failure, -ENOENT, "there is no network \"%s\"%s%s%s", STR_ESCAPED(name), nearest ? ", did you mean \"" : "",
		    nearest ?: "", nearest ? "\"?" : " (guestnet list shows them)");
	return NULL;
}

/*
 * Is a network of that name declared? -ENOENT, and what was probably meant, when it is not; another error, without a
 * text, where no daemon runs that knows.
 */
int reports_verify_declared(const char *name, struct failure *failure)
{
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	struct failure ignored = { 0 };
	int r = reports_get_running(&reports, &ignored);

	if (r < 0)
		return r == -ENOENT ? -ENOTCONN : r;
	return reports_find(&reports, name, failure) ? 0 : -ENOENT;
}

bool report_is_degraded(const struct report *report)
{
	return strcmp(report->state, "failed") == 0 || strcmp(report->state, "degraded") == 0;
}

/* Is its problem of this kind (org.guestnet1(5), ProblemKind)? */
bool report_is_about(const struct report *report, const char *kind)
{
	return strcmp(report->problem_kind, kind) == 0;
}

/* Local time, as people write it; "" for none. */
void report_format_time(uint64_t us, char *buffer, size_t size)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;

	buffer[0] = '\0';
	if (localtime_r(&seconds, &tm))
		strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &tm);
}
