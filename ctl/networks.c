/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs that show networks: list, status, cat.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/str.h"
#include "counters.h"
#include "json.h"
#include "report.h"
#include "table.h"

#define STRAY_TAPS_SIZE	2048

static void put_words(struct json *json, const char *key, const char *words)
{
	char word[80];

	json_array(json, key);
	for (size_t length; (length = strcspn(words, " ")) > 0; words += length + (words[length] == ' ')) {
		snprintf(word, sizeof(word), "%.*s", (int)length, words);
		json_string(json, NULL, word);
	}
	json_array_end(json);
}

static void put_mistakes(struct json *json, const struct report *report)
{
	json_array(json, "mistakes");
	for (size_t i = 0; i < report->n_mistakes; i++)
		json_string(json, NULL, report->mistakes[i]);
	json_array_end(json);
}

static void put_forwards(struct json *json, const struct report *report)
{
	json_array(json, "forwards");
	for (size_t i = 0; i < report->n_forwards; i++) {
		json_object(json, NULL);
		json_string(json, "listen", report->forwards[i].listen);
		json_string(json, "to", report->forwards[i].to);
		put_words(json, "addresses", report->forwards[i].now);
		json_string(json, "why", report->forwards[i].why);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_routes(struct json *json, const struct report *report)
{
	json_array(json, "routes");
	for (size_t i = 0; i < report->n_routes; i++) {
		json_object(json, NULL);
		json_string(json, "destination", report->routes[i].destination);
		json_string(json, "gateway", report->routes[i].gateway);
		json_number(json, "metric", report->routes[i].metric);
		json_bool(json, "advertise", report->routes[i].advertise);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_rules(struct json *json, const struct report *report)
{
	json_array(json, "rules");
	for (size_t i = 0; i < report->n_rules; i++) {
		json_object(json, NULL);
		json_string(json, "guest", report->rules[i].name);
		json_string(json, "address", report->rules[i].address);
		json_string(json, "key", report->rules[i].key);
		json_string(json, "value", report->rules[i].value);
		json_string(json, "place", report->rules[i].place);
		json_string(json, "why", report->rules[i].why);
		json_object_end(json);
	}
	json_array_end(json);
}

/* What this client has asked for beside the networks. */
struct extras {
	char stray_taps[STRAY_TAPS_SIZE];	/* separated by blanks */
	struct traffic traffic;		/* owned */
};

static void extras_deinit(struct extras *extras)
{
	traffic_deinit(&extras->traffic);
}

static void put_traffic(struct json *json, const struct report *report, const struct traffic *traffic)
{
	struct counters bridge, ports;

	if (!report->bridge[0] || !traffic_find(traffic, report->bridge, &bridge, &ports)) {
		json_null(json, "traffic");
		return;
	}
	json_object(json, "traffic");
	json_object(json, "ports");
	counters_put(json, &ports);
	json_object_end(json);
	json_object(json, "bridge");
	counters_put(json, &bridge);
	json_object_end(json);
	json_object_end(json);
}

static void print_json_report(struct json *json, const struct report *report, const struct extras *extras, const char *stray_taps)
{
	uint32_t owner;

	json_object(json, NULL);
	json_string(json, "name", report->name);
	json_string(json, "state", report->state);
	json_string(json, "mode", report->mode);
	if (name_find_owner(report->name, &owner))
		json_number(json, "owner", owner);
	else
		json_null(json, "owner");
	json_bool(json, "autostart", report->autostart);
	json_string(json, "bridge", report->bridge);
	json_string(json, "addresses", report->addresses);
	json_string(json, "delegated", report->delegated);
	json_string(json, "names", report->names);
	json_string(json, "uplink_state", report->uplink_state);
	json_string(json, "forwarding", report->forwarding);
	json_string(json, "checksum", report->checksum);
	json_string(json, "checksum_reason", report->checksum_reason);
	json_string(json, "bandwidth", report->bandwidth);
	json_string(json, "tunnel", report->tunnel);
	json_string(json, "problem", report->problem);
	json_string(json, "problem_kind", report->problem_kind);
	put_mistakes(json, report);
	json_string(json, "fix", report->fix);
	json_number(json, "since_us", report->since_us);
	json_number(json, "trial_until_us", report->trial_end_us);
	json_number(json, "repairs", report->n_repairs);
	json_object(json, "repaired");
	for (size_t i = 0; i < report->n_kinds; i++)
		json_number(json, report->repairs[i].kind, report->repairs[i].n);
	json_object_end(json);
	json_number(json, "ports", report->n_ports);
	json_number(json, "leases", report->n_leases);
	put_forwards(json, report);
	put_routes(json, report);
	put_rules(json, report);
	put_words(json, "stray_taps", stray_taps);
	put_traffic(json, report, &extras->traffic);
	json_object_end(json);
}

/* Whose own it is, for people: a name where there is one. Returns @buffer, which is "" for a network that is everybody's. */
static const char *owner_words(const char *network, char *buffer, size_t size)
{
	const struct passwd *account;
	uint32_t owner;

	buffer[0] = '\0';
	if (!name_find_owner(network, &owner))
		return buffer;
	account = getpwuid(owner);
	if (account)
		snprintf(buffer, size, "%s", STR_ESCAPED(account->pw_name));
	else
		snprintf(buffer, size, "%u", owner);
	return buffer;
}
#define OWNER_WORDS(network) owner_words(network, (char[128]){ "" }, 128)

static enum style state_style(const struct report *report)
{
	if (report_is_degraded(report))
		return STYLE_BAD;
	return strcmp(report->state, "running") == 0 ? STYLE_GOOD : STYLE_NONE;
}

/* As the guests see it. */
static void print_traffic(const struct report *report, const struct traffic *traffic)
{
	struct counters bridge, ports;

	if (!report->bridge[0] || !traffic_find(traffic, report->bridge, &bridge, &ports))
		return;
	printf("  sent       %s in %" PRIu64 " packets, %" PRIu64 " dropped; %s in %" PRIu64 " of them to the host or through it\n",
	       COUNTERS_BYTES(ports.rx_bytes), ports.rx_packets, ports.rx_dropped, COUNTERS_BYTES(bridge.rx_bytes), bridge.rx_packets);
	printf("  received   %s in %" PRIu64 " packets, %" PRIu64 " dropped; %s in %" PRIu64 " of them from the host or through it\n",
	       COUNTERS_BYTES(ports.tx_bytes), ports.tx_packets, ports.tx_dropped, COUNTERS_BYTES(bridge.tx_bytes), bridge.tx_packets);
}

/* The problem first, with what mends it; then what it is. */
static void print_status(const struct report *report, const struct traffic *traffic)
{
	bool has_problem = report->problem[0];
	char since[32];

	report_format_time(report->since_us, since, sizeof(since));
	printf("%s%s%s is %s%s%s since %s\n", style_begin(STYLE_TITLE, stdout), report->name, style_end(stdout),
	       style_begin(has_problem ? STYLE_BAD : state_style(report), stdout), report->state, style_end(stdout), since);
	/* Of several mistakes in its files the problem is the first, with how many there are: here is room for all. */
	if (has_problem && report->n_mistakes < 2)
		printf("  problem    %s\n", report->problem);
	for (size_t i = 0; report->n_mistakes > 1 && i < report->n_mistakes; i++)
		printf("  %s    %s\n", i ? "       " : "problem", report->mistakes[i]);
	if (report->fix[0])
		printf("  fix        %s\n", report->fix);
	printf("  mode       %s%s\n", report->mode[0] ? report->mode : "unknown", report->autostart ? ", starts by itself" : "");
	if (OWNER_WORDS(report->name)[0])
		printf("  owner      %s\n", OWNER_WORDS(report->name));
	printf("  bridge     %s, %zu port%s\n", report->bridge[0] ? report->bridge : "none", report->n_ports,
	       report->n_ports == 1 ? "" : "s");
	printf("  addresses  %s\n", report->addresses[0] ? report->addresses : "none");
	if (report->delegated[0])
		printf("  delegated  %s, of which the last address is\n", report->delegated);
	if (report->names[0])
		printf("  names      %s\n", report->names);
	printf("  leases     %zu\n", report->n_leases);
	if (report->forwarding[0])
		printf("  forwarding %s, of the whole host\n", report->forwarding);
	if (report->bandwidth[0])
		printf("  bandwidth  %s\n", report->bandwidth);
	if (report->tunnel[0])
		printf("  tunnel     %s\n", report->tunnel);
	if (report->checksum[0])
		printf("  checksum   %s%s%s%s\n", report->checksum, report->checksum_reason[0] ? " (" : "",
		       report->checksum_reason, report->checksum_reason[0] ? ")" : "");
	for (size_t i = 0; i < report->n_forwards; i++) {
		const struct report_forward *forward = &report->forwards[i];

		printf("  forward    %s to %s%s%s%s%s\n", forward->listen, forward->to, forward->now[0] ? ", now " : "", forward->now,
		       forward->why[0] ? ": " : "", forward->why);
	}
	for (size_t i = 0; i < report->n_routes; i++) {
		const struct report_route *route = &report->routes[i];

		printf("  route      %s by %s", route->destination, route->gateway);
		if (route->metric)
			printf(", metric %u", route->metric);
		puts(route->advertise ? ", told to guests" : "");
	}
	for (size_t i = 0; i < report->n_rules; i++) {
		const struct report_rule *rule = &report->rules[i];

		printf("  rule       %s%s%s=%s%s%s\n", rule->name, rule->name[0] ? ": " : "", rule->key, rule->value, rule->why[0] ? ": " : "",
		       rule->why);
	}
	print_traffic(report, traffic);
	printf("  repairs    %" PRIu64, report->n_repairs);
	for (size_t i = 0; i < report->n_kinds; i++)
		printf("%s%s %u", i ? ", " : " (", report->repairs[i].kind, report->repairs[i].n);
	puts(report->n_kinds ? ")" : "");
}

/* Files that belong to no network are everybody's problem. In JSON there is no place for them: they are said beside it. */
static bool print_file_problems(const struct reports *reports, FILE *out, struct failure *failure)
{
	_cleanup_(freep) char *problems = NULL;

	if (bus_get_text(reports->bus, "FileProblems", &problems, failure) < 0 || !problems[0])
		return false;
	for (char *line = problems, *end; *line; line = end) {
		end = line + strcspn(line, "\n");
		fprintf(out, "%sproblem%s  %.*s\n", style_begin(STYLE_BAD, out), style_end(out), (int)(end - line), line);
		end += *end == '\n';
	}
	return true;
}

/* Where a tap of somebody's would go: the network default, or the first that is up; NULL when none is. */
const struct report *networks_find_home(const struct reports *reports)
{
	const struct report *home = NULL;

	for (size_t i = 0; i < reports->n; i++) {
		const struct report *report = &reports->items[i];

		if ((strcmp(report->state, "running") == 0 || strcmp(report->state, "degraded") == 0) &&
		    (!home || strcmp(report->name, "default") == 0))
			home = report;
	}
	return home;
}

/* Taps that QEMU has left with script=no: somebody waits for a network behind each of them. Separated by blanks. */
static void get_stray_taps(const struct reports *reports, char buffer[static STRAY_TAPS_SIZE])
{
	struct failure ignored = { 0 };
	struct text taps;

	text_init(&taps, buffer, STRAY_TAPS_SIZE);
	if (bus_get_list(reports->bus, "StrayTaps", " ", &taps, &ignored) < 0)
		buffer[0] = '\0';	/* an older daemon does not know */
}

static void print_stray_taps(const struct reports *reports, char *rest)
{
	const struct report *home = networks_find_home(reports);
	char *name;

	while ((name = strsep(&rest, " ")) && *name)
		printf("tap %s is down and on no bridge\n  fix        guestnet adopt %s %s\n", name, name, home ? home->name : "NETWORK");
}

/* What cannot be had is left out: the networks are what was asked for. */
static void get_extras(const struct reports *reports, bool taps, struct extras *ret_extras)
{
	if (taps)
		get_stray_taps(reports, ret_extras->stray_taps);
	if (traffic_load(&ret_extras->traffic) < 0)
		traffic_deinit(&ret_extras->traffic);
}

/* They stand at one network: where they would go, or the first one when none is up. */
static void put_report(struct json *json, const struct reports *reports, const struct report *report, const struct extras *extras)
{
	const struct report *home = networks_find_home(reports) ?: reports->items;

	print_json_report(json, report, extras, report == home ? extras->stray_taps : "");
}

enum exit_status networks_list(const struct options *options, struct failure *failure)
{
	static const struct table_column columns[] = {
		{ "NAME", false }, { "STATE", false }, { "MODE", false }, { "BRIDGE", false }, { "PORTS", false },
		{ "ADDRESSES", false }, { "OWNER", false },
	};
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	_cleanup_(table_deinit) struct table table = TABLE_NULL(columns);
	_cleanup_(extras_deinit) struct extras extras = { "" };
	struct json json = JSON_NULL(stdout);
	bool owned = false;
	uint32_t owner;
	int r = reports_get(&reports, failure);

	if (r < 0)
		return bus_exit_status(r);
	if (options->json) {
		get_extras(&reports, true, &extras);
		json_array(&json, NULL);
	}
	/* Where no user has one, nobody looks for whose they are. */
	for (size_t i = 0; i < reports.n; i++)
		owned |= name_find_owner(reports.items[i].name, &owner);
	table.n_columns -= !owned;
	for (size_t i = 0; i < reports.n; i++) {
		const struct report *report = &reports.items[i];

		if (options->json) {
			put_report(&json, &reports, report, &extras);
		} else if (option_is_set(options, OPTION_NAMES)) {
			puts(report->name);
		} else {
			table_add(&table, "%s", report->name);
			table_add_styled(&table, state_style(report), "%s", report->state);
			table_add(&table, "%s", report->mode);
			table_add(&table, "%s", report->bridge);
			table_add(&table, "%zu", report->n_ports);
			table_add(&table, "%s", report->addresses);
			if (owned)
				table_add(&table, "%s", OWNER_WORDS(report->name));
		}
	}
	if (options->json)
		json_array_end(&json);
	else if (!option_is_set(options, OPTION_NAMES))
		r = table_print(&table, stdout, "");
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}

enum exit_status networks_status(const struct options *options, struct failure *failure)
{
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	const char *wanted = options->n_operands ? options->operands[0] : NULL;
	_cleanup_(extras_deinit) struct extras extras = { "" };
	struct json json = JSON_NULL(stdout);
	enum exit_status status = STATUS_OK;
	int r = wanted ? reports_get_one(&reports, wanted, failure) : reports_get(&reports, failure);

	if (r < 0)
		return bus_exit_status(r);
	get_extras(&reports, options->json || !wanted, &extras);
	if (!wanted && print_file_problems(&reports, options->json ? stderr : stdout, failure))
		status = STATUS_DEGRADED;
	if (options->json)
		json_array(&json, NULL);
	/* What is wrong comes first. */
	for (int good = 0; good < 2; good++)
		for (size_t i = 0; i < reports.n; i++) {
			const struct report *report = &reports.items[i];

			if (good == report_is_degraded(report))
				continue;
			if (!good)
				status = STATUS_DEGRADED;
			if (options->json)
				put_report(&json, &reports, report, &extras);
			else
				print_status(report, &extras.traffic);
		}
	if (options->json)
		json_array_end(&json);
	else if (!wanted)
		print_stray_taps(&reports, extras.stray_taps);
	return status;
}

/* The files of a network, in the order in which they apply: together they are what it is. */
enum exit_status networks_cat(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct json json = JSON_NULL(stdout);
	const char *path, *text;
	bool first = true;
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = bus_call(bus, "Files", &reply, failure, "s", options->operands[0]);
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(ss)");
	if (r < 0)
		return bus_exit_status(r);
	if (options->json)
		json_array(&json, NULL);
	while ((r = sd_bus_message_read(reply, "(ss)", &path, &text)) > 0) {
		if (options->json) {
			json_object(&json, NULL);
			json_string(&json, "path", path);
			json_string(&json, "text", text);
			json_object_end(&json);
			continue;
		}
		printf("%s%s# %s%s\n%s%s", first ? "" : "\n", style_begin(STYLE_TITLE, stdout), path, style_end(stdout), text,
		       text[0] && text[strlen(text) - 1] != '\n' ? "\n" : "");
		first = false;
	}
	if (options->json)
		json_array_end(&json);
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}
