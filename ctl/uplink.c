/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs that may move a network card of the host: start, confirm, iface-bridge, iface-unbridge.
 *
 * Whoever is logged in over the card that is moved may be gone after it. So nothing here undoes anything: the daemon does, when
 * nobody has told it in time that all is well.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/addr.h"
#include "../lib/clock.h"
#include "../lib/str.h"
#include "change.h"
#include "report.h"

#define STEP_MS 100

/* How the network is now. Texts are copied: @ret_problem may be NULL. */
static int look(const char *network, uint64_t *ret_trial_end_us, bool *ret_failed, struct failure *ret_problem,
		struct failure *failure)
{
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	const struct report *report;
	int r = reports_get_one(&reports, network, failure);

	if (r < 0)
		return r;
	report = &reports.items[0];
	*ret_trial_end_us = report->trial_end_us;
	*ret_failed = strcmp(report->state, "failed") == 0;
	if (*ret_failed && ret_problem)
		(void)failure_set(ret_problem, -EIO, "%s", report->problem);
	return 0;
}

/* The gateway's answer, or its silence, ends a trial. */
static enum exit_status await_verdict(const char *network, struct failure *failure)
{
	uint64_t end_us = 1;
	bool failed = false;
	int r = 0;

	while (end_us) {
		r = look(network, &end_us, &failed, failure, failure);
		if (r < 0)
			return bus_exit_status(r);
		if (end_us)
			(void)poll(NULL, 0, STEP_MS);
	}
	return failed ? STATUS_FAILED : STATUS_OK;
}

static int left_ms(uint64_t end_us)
{
	const uint64_t now_us = clock_read_us(CLOCK_REALTIME);

	return end_us > now_us && end_us - now_us < UINT64_C(3600000000) ? (int)((end_us - now_us) / 1000) : 0;
}

/* Asks on the terminal until the trial is over. Only a "y" is a yes. */
static bool is_kept(uint64_t end_us)
{
	struct pollfd terminal = { .fd = STDIN_FILENO, .events = POLLIN };
	char answer[16] = "";
	int ms = left_ms(end_us);

	fprintf(stderr, "keep this? reverting in %d s [y/N] ", (ms + 999) / 1000);
	if (poll(&terminal, 1, ms) <= 0) {
		fputc('\n', stderr);
		return false;
	}
	return read(STDIN_FILENO, answer, sizeof(answer) - 1) > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

static enum exit_status start_asking(const char *network, struct failure *failure)
{
	enum exit_status status = change_call("Try", network, failure);
	uint64_t end_us = 0;
	bool failed;
	int r;

	if (status != STATUS_OK)
		return status;
	r = look(network, &end_us, &failed, NULL, failure);
	if (r < 0 || end_us == 0)
		return r < 0 ? bus_exit_status(r) : STATUS_OK;
	if (is_kept(end_us))
		return change_call("Confirm", network, failure);
	status = change_stop(network, failure);
	if (status == STATUS_OK) {
		(void)failure_set(failure, -ECANCELED, "nobody said that it is good: everything is as before");
		status = STATUS_FAILED;
	}
	return status;
}

static enum exit_status start(const struct options *options, const char *network, struct failure *failure)
{
	enum exit_status status;

	if (!option_is_set(options, OPTION_YES) && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		return start_asking(network, failure);
	status = change_call("Start", network, failure);
	return status == STATUS_OK ? await_verdict(network, failure) : status;
}

enum exit_status networks_start(const struct options *options, struct failure *failure)
{
	return start(options, options->operands[0], failure);
}

enum exit_status networks_confirm(const struct options *options, struct failure *failure)
{
	return change_call("Confirm", options->operands[0], failure);
}

static int call(const char *method, struct failure *failure, const char *types, const char *network, const char *text)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = bus_open(&bus, failure);

	if (r >= 0 && text)
		r = bus_call(bus, method, &reply, failure, types, network, text);
	else if (r >= 0)
		r = bus_call(bus, method, &reply, failure, types, network, 1);
	return r;
}

/*
 * As virsh's. The network does not start by itself before somebody has found it good: a file that did would be in force at
 * once.
 */
enum exit_status networks_iface_bridge(const struct options *options, struct failure *failure)
{
	const char *nic = options->operands[0], *bridge = options->operands[1];
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	struct failure none = { 0 };
	enum exit_status status;
	char text[256];
	int r;

	if (!ifname_is_valid(nic) || !ifname_is_valid(bridge)) {
		failure_set(failure, -EINVAL, "want the names of two interfaces: a network card that there is, and a bridge that is to be made");
		return STATUS_USAGE;
	}
	r = reports_get(&reports, failure);
	if (r < 0)
		return bus_exit_status(r);
	if (reports_find(&reports, bridge, &none)) {
		failure_set(failure, -EEXIST, "there is a network %s already: guestnet status %s", bridge, bridge);
		return STATUS_FAILED;
	}
	snprintf(text, sizeof(text), "# guestnet iface-bridge %s %s\n[Network]\nMode=bridge\nUplink=%s\nBridge=%s\nAutostart=no\n", nic,
		 bridge, nic, bridge);
	r = call("Define", failure, "ss", bridge, text);
	if (r < 0)
		return bus_exit_status(r);
	status = start(options, bridge, failure);
	if (status == STATUS_OK) {
		r = call("SetAutostart", failure, "sb", bridge, NULL);
		return r < 0 ? bus_exit_status(r) : STATUS_OK;
	}
	(void)change_call("Undefine", bridge, &none);
	return status;
}

/* Is a network card declared to be in this network's bridge? Whoever names another network has not meant to lose that. */
static int verify_card(const char *network, struct failure *failure)
{
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *path, *text, *mode;
	bool found = false;
	int r = reports_get_one(&reports, network, failure);

	if (r >= 0)
		r = bus_call(reports.bus, "Files", &reply, failure, "s", network);
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(ss)");
	if (r < 0)
		return r;
	while (sd_bus_message_read(reply, "(ss)", &path, &text) > 0)
		found |= strstr(text, "\nUplink") != NULL;
	mode = reports.items[0].mode;
	if (found && strcmp(mode, "bridge") == 0)
		return 0;
	return failure_set(failure, -EINVAL, "there is no network card in the bridge of %s, whose mode is %s: guestnet stop %s takes it down, guestnet undefine %s declares it no more",
			   network, mode[0] ? mode : "unknown", network, network);
}

enum exit_status networks_iface_unbridge(const struct options *options, struct failure *failure)
{
	int r = verify_card(options->operands[0], failure);

	return r < 0 ? bus_exit_status(r) : change_call("Undefine", options->operands[0], failure);
}
