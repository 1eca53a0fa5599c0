/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs about networks: list, status, start, stop, reload, leases.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/str.h"
#include "bus.h"
#include "json.h"
#include "table.h"

/* One network as the daemon reports it; texts are borrowed from the message. */
struct report {
	const char *name, *state, *mode, *bridge, *addresses, *checksum, *problem, *fix;
	int autostart;
	uint64_t since_us, n_repairs;
	uint32_t n_ports;
};

static int read_report(sd_bus_message *reply, struct report *report)
{
	return sd_bus_message_read(reply, "(sssbsssssttu)", &report->name, &report->state, &report->mode, &report->autostart,
				   &report->bridge, &report->addresses, &report->checksum, &report->problem, &report->fix,
				   &report->since_us, &report->n_repairs, &report->n_ports);
}

static void format_time(uint64_t us, char *buffer, size_t size)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;

	buffer[0] = '\0';
	if (localtime_r(&seconds, &tm))
		strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &tm);
}

static void print_json_report(struct json *json, const struct report *report)
{
	json_object(json, NULL);
	json_string(json, "name", report->name);
	json_string(json, "state", report->state);
	json_string(json, "mode", report->mode);
	json_bool(json, "autostart", report->autostart);
	json_string(json, "bridge", report->bridge);
	json_string(json, "addresses", report->addresses);
	json_string(json, "checksum", report->checksum);
	json_string(json, "problem", report->problem);
	json_string(json, "fix", report->fix);
	json_number(json, "since_us", report->since_us);
	json_number(json, "repairs", report->n_repairs);
	json_number(json, "ports", report->n_ports);
	json_object_end(json);
}

/* The problem first, with what mends it; then what it is. */
static void print_status(const struct report *report)
{
	bool good = strcmp(report->state, "running") == 0;
	char since[32];

	format_time(report->since_us, since, sizeof(since));
	printf("%s%s%s is %s%s%s since %s\n", style_begin(STYLE_TITLE, stdout), report->name, style_end(stdout),
	       style_begin(good ? STYLE_GOOD : report->problem[0] ? STYLE_BAD : STYLE_NONE, stdout), report->state,
	       style_end(stdout), since);
	if (report->problem[0])
		printf("  problem    %s\n", report->problem);
	if (report->fix[0])
		printf("  fix        %s\n", report->fix);
	printf("  mode       %s%s\n", report->mode[0] ? report->mode : "unknown", report->autostart ? ", starts by itself" : "");
	printf("  bridge     %s, %u port%s\n", report->bridge[0] ? report->bridge : "none", report->n_ports,
	       report->n_ports == 1 ? "" : "s");
	printf("  addresses  %s\n", report->addresses[0] ? report->addresses : "none");
	printf("  checksum   %s\n", report->checksum);
	printf("  repairs    %" PRIu64 "\n", report->n_repairs);
}

static bool is_degraded(const struct report *report)
{
	return strcmp(report->state, "failed") == 0 || strcmp(report->state, "degraded") == 0;
}

static int list_reports(sd_bus **ret_bus, sd_bus_message **ret_reply, struct failure *failure)
{
	int r = bus_open(ret_bus, failure);

	if (r >= 0)
		r = bus_call(*ret_bus, "List", ret_reply, failure, "");
	if (r >= 0)
		r = sd_bus_message_enter_container(*ret_reply, 'a', "(sssbsssssttu)");
	return r < 0 ? failure_set(failure, r, "%s", strerror(-r)) : 0;
}

enum exit_status networks_list(const struct options *options, struct failure *failure)
{
	static const struct table_column columns[] = {
		{ "NAME", false }, { "STATE", false }, { "MODE", false }, { "BRIDGE", false }, { "PORTS", false },
		{ "ADDRESSES", false },
	};
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(table_deinit) struct table table = TABLE_NULL(columns);
	struct json json = JSON_NULL(stdout);
	struct report report;
	int r = list_reports(&bus, &reply, failure);

	if (r < 0)
		return STATUS_FAILED;
	if (options->json)
		json_array(&json, NULL);
	while ((r = read_report(reply, &report)) > 0) {
		if (options->json) {
			print_json_report(&json, &report);
			continue;
		}
		table_add(&table, "%s", report.name);
		table_add(&table, "%s", report.state);
		table_add(&table, "%s", report.mode);
		table_add(&table, "%s", report.bridge);
		table_add(&table, "%u", report.n_ports);
		table_add(&table, "%s", report.addresses);
	}
	if (options->json)
		json_array_end(&json);
	else
		r = table_print(&table, stdout, "");
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}

enum exit_status networks_status(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *wanted = options->n_operands ? options->operands[0] : NULL;
	struct json json = JSON_NULL(stdout);
	enum exit_status status = STATUS_OK;
	struct report report;
	bool found = false;

	if (list_reports(&bus, &reply, failure) < 0)
		return STATUS_FAILED;
	if (options->json)
		json_array(&json, NULL);
	while (read_report(reply, &report) > 0) {
		if (wanted && strcmp(wanted, report.name) != 0)
			continue;
		found = true;
		if (is_degraded(&report))
			status = STATUS_DEGRADED;
		if (options->json)
			print_json_report(&json, &report);
		else
			print_status(&report);
	}
	if (options->json)
		json_array_end(&json);
	if (wanted && !found) {
		failure_set(failure, -ENOENT, "there is no network \"%s\" (guestnet list shows them)", STR_ESCAPED(wanted));
		return STATUS_NOT_FOUND;
	}
	return status;
}

static enum exit_status call_simple(const char *method, const char *network, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = bus_open(&bus, failure);

	if (r < 0)
		return STATUS_FAILED;
	r = network ? bus_call(bus, method, &reply, failure, "s", network) : bus_call(bus, method, &reply, failure, "");
	return r < 0 ? bus_exit_status(r) : STATUS_OK;
}

enum exit_status networks_start(const struct options *options, struct failure *failure)
{
	return call_simple("Start", options->operands[0], failure);
}

enum exit_status networks_stop(const struct options *options, struct failure *failure)
{
	return call_simple("Stop", options->operands[0], failure);
}

enum exit_status networks_reload(const struct options *options _unused_, struct failure *failure)
{
	return call_simple("Reload", NULL, failure);
}

struct lease_report {
	const char *network, *address, *mac, *name, *client_id;
	int64_t expires;
};

static void print_json_lease(struct json *json, const struct lease_report *lease)
{
	json_object(json, NULL);
	json_string(json, "network", lease->network);
	json_string(json, "address", lease->address);
	json_string(json, "mac", lease->mac);
	json_string(json, "name", lease->name);
	json_string(json, "client_id", lease->client_id);
	json_number(json, "expires", (uint64_t)lease->expires);
	json_object_end(json);
}

static void add_lease(struct table *table, const struct lease_report *lease)
{
	char expires[32];

	format_time((uint64_t)lease->expires * 1000000, expires, sizeof(expires));
	table_add(table, "%s", lease->network);
	table_add(table, "%s", lease->address);
	table_add(table, "%s", lease->mac);
	table_add(table, "%s", lease->name[0] ? lease->name : "-");
	table_add(table, "%s", lease->expires ? expires : "never");
}

enum exit_status networks_leases(const struct options *options, struct failure *failure)
{
	static const struct table_column columns[] = {
		{ "NETWORK", false }, { "ADDRESS", false }, { "MAC", false }, { "NAME", false }, { "EXPIRES", false },
	};
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(table_deinit) struct table table = TABLE_NULL(columns);
	struct json json = JSON_NULL(stdout);
	struct lease_report lease;
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = bus_call(bus, "Leases", &reply, failure, "s", options->n_operands ? options->operands[0] : "");
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(sssssx)");
	if (r < 0)
		return bus_exit_status(r);
	if (options->json)
		json_array(&json, NULL);
	while ((r = sd_bus_message_read(reply, "(sssssx)", &lease.network, &lease.address, &lease.mac, &lease.name,
					&lease.client_id, &lease.expires)) > 0) {
		if (options->json)
			print_json_lease(&json, &lease);
		else
			add_lease(&table, &lease);
	}
	if (options->json)
		json_array_end(&json);
	else
		r = table_print(&table, stdout, "");
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}
