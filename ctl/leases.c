/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet leases: which guest has which address, now or as soon as it has one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/clock.h"
#include "../lib/str.h"
#include "json.h"
#include "lease.h"
#include "table.h"

/* 0 at the end of the list. */
int lease_read(sd_bus_message *message, struct lease_report *lease)
{
	return sd_bus_message_read(message, "(sssssx)", &lease->network, &lease->address, &lease->mac, &lease->name,
				   &lease->client_id, &lease->expires);
}

void lease_print_json(struct json *json, const struct lease_report *lease)
{
	json_string(json, "network", lease->network);
	json_string(json, "address", lease->address);
	json_string(json, "mac", lease->mac);
	json_string(json, "name", lease->name);
	json_string(json, "client_id", lease->client_id);
	json_number(json, "expires", (uint64_t)lease->expires);
}

/* One that is over stays in dnsmasq's file until that is written again; where no dnsmasq runs, for long. */
static bool is_over(const struct lease_report *lease)
{
	return lease->expires && lease->expires <= (int64_t)time(NULL);
}

static void add_lease(struct table *table, const struct lease_report *lease)
{
	char expires[32];

	report_format_time((uint64_t)lease->expires * 1000000, expires, sizeof(expires));
	table_add(table, "%s", lease->network);
	table_add(table, "%s", lease->address);
	table_add(table, "%s", lease->mac[0] ? lease->mac : "-");
	table_add(table, "%s", lease->name[0] ? lease->name : "-");
	table_add(table, "%s%s", lease->expires ? expires : "never", is_over(lease) ? " (expired)" : "");
	table_add(table, "%s", lease->client_id[0] ? lease->client_id : "-");
}

/* What --wait waits for. */
struct wanted {
	const char *network;		/* "": any */
	const char *guest;		/* its name, or its MAC */
	bool json, found;
};

static bool is_wanted(const struct wanted *wanted, const struct lease_report *lease)
{
	return !is_over(lease) && (!wanted->network[0] || strcmp(wanted->network, lease->network) == 0) &&
		(strcasecmp(wanted->guest, lease->name) == 0 || strcasecmp(wanted->guest, lease->mac) == 0);
}

static void print_wanted(struct wanted *wanted, const struct lease_report *lease)
{
	struct json json = JSON_NULL(stdout);

	if (wanted->found)
		return;
	wanted->found = true;
	if (!wanted->json) {
		puts(lease->address);
		return;
	}
	json_array(&json, NULL);
	json_object(&json, NULL);
	lease_print_json(&json, lease);
	json_object_end(&json);
	json_array_end(&json);
}

static int on_lease(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	struct wanted *wanted = data;
	const char *member = sd_bus_message_get_member(message);
	struct lease_report lease;

	if ((strcmp(member, "LeaseAdded") == 0 || strcmp(member, "LeaseRenewed") == 0) && lease_read(message, &lease) > 0 &&
	    is_wanted(wanted, &lease))
		print_wanted(wanted, &lease);
	return 0;
}

static int get_leases(sd_bus *bus, const char *network, sd_bus_message **ret_reply, struct failure *failure)
{
	int r = bus_call(bus, "Leases", ret_reply, failure, "s", network);

	return r < 0 ? r : sd_bus_message_enter_container(*ret_reply, 'a', "(sssssx)");
}

/* First the signals, then the question: what comes in between is seen. */
static enum exit_status wait_for_lease(const struct options *options, const char *network, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct wanted wanted = { .network = network, .guest = options->values[OPTION_WAIT], .json = options->json };
	const char *limit = options->values[OPTION_TIMEOUT];
	uint32_t seconds = 0;
	struct lease_report lease;
	uint64_t end_us;
	int r;

	if (limit && (str_parse_u32(limit, 1000000, &seconds) < 0 || seconds == 0)) {
		failure_set(failure, -EINVAL, "--timeout %s: want seconds, from 1 to 1000000", STR_ESCAPED(limit));
		return STATUS_USAGE;
	}
	end_us = clock_us() + (uint64_t)seconds * 1000000;
	r = bus_open(&bus, failure);
	if (r >= 0)
		r = bus_subscribe(bus, on_lease, &wanted, failure);
	if (r >= 0)
		r = get_leases(bus, network, &reply, failure);
	if (r < 0)
		return bus_exit_status(r);
	while (lease_read(reply, &lease) > 0)
		if (is_wanted(&wanted, &lease))
			print_wanted(&wanted, &lease);
	while (!wanted.found) {
		uint64_t now_us = clock_us();

		r = sd_bus_process(bus, NULL);
		if (r == 0 && seconds && now_us >= end_us) {
			failure_set(failure, -ETIME, "no lease for %s within %u s", STR_ESCAPED(wanted.guest), seconds);
			return STATUS_FAILED;
		}
		if (r == 0)
			r = sd_bus_wait(bus, seconds ? end_us - now_us : UINT64_MAX);
		if (r < 0 && r != -EINTR) {
			failure_set(failure, r, "guestnetd has gone: %s", strerror(-r));
			return STATUS_FAILED;
		}
	}
	return STATUS_OK;
}

enum exit_status networks_leases(const struct options *options, struct failure *failure)
{
	static const struct table_column columns[] = {
		{ "NETWORK", false }, { "ADDRESS", false }, { "MAC", false }, { "NAME", false }, { "EXPIRES", false },
		{ "CLIENT-ID", false },
	};
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(table_deinit) struct table table = TABLE_NULL(columns);
	const char *network = options->n_operands ? options->operands[0] : "";
	struct json json = JSON_NULL(stdout);
	struct lease_report lease;
	int r;

	if (options->n_operands && !network[0]) {	/* of which the daemon would believe that all are meant */
		failure_set(failure, -ENOENT, "there is no network \"\" (guestnet list shows them)");
		return STATUS_NOT_FOUND;
	}
	if (option_is_set(options, OPTION_WAIT))
		return wait_for_lease(options, network, failure);
	if (option_is_set(options, OPTION_TIMEOUT)) {
		failure_set(failure, -EINVAL, "--timeout is for --wait: guestnet leases --wait GUEST --timeout SECONDS");
		return STATUS_USAGE;
	}
	r = bus_open(&bus, failure);
	if (r >= 0)
		r = get_leases(bus, network, &reply, failure);
	if (r < 0)
		return bus_exit_status(r);
	if (options->json)
		json_array(&json, NULL);
	while ((r = lease_read(reply, &lease)) > 0) {
		if (!options->json) {
			add_lease(&table, &lease);
			continue;
		}
		json_object(&json, NULL);
		lease_print_json(&json, &lease);
		json_object_end(&json);
	}
	if (options->json)
		json_array_end(&json);
	else
		r = table_print(&table, stdout, "");
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}
