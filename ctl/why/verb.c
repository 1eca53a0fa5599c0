/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet why: can this packet get there, and if not, who stops it?
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../lib/str.h"
#include "../ctl.h"
#include "../json.h"
#include "../lease.h"
#include "../table.h"
#include "trace.h"

/* A guest's address by its name: of IPv6 only when it has no other. False when no lease has the name. */
static bool find_lease(const char *name, int family, uint8_t *ret_family, uint8_t address[16])
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct failure ignored = { 0 };
	struct lease_report lease;
	bool found = false;

	/* An empty variable of a script, say: that is not how guests without a name are called. */
	if (!name[0])
		return false;
	if (bus_open(&bus, &ignored) < 0 || bus_call(bus, "Leases", &reply, &ignored, "s", "") < 0 ||
	    sd_bus_message_enter_container(reply, 'a', "(sssssx)") < 0)
		return false;
	while (lease_read(reply, &lease) > 0) {
		int type = strchr(lease.address, ':') ? AF_INET6 : AF_INET;

		if (strcasecmp(lease.name, name) != 0 || (family && family != type) || (found && type == AF_INET6))
			continue;
		if (inet_pton(type, lease.address, address) == 1) {
			*ret_family = (uint8_t)type;
			found = true;
		}
	}
	return found;
}

/* An address, a guest's name, or "host" (@other: what it is to talk to). */
static int resolve(const char *text, const uint8_t *other, int family, uint8_t *ret_family, uint8_t address[16],
		   struct failure *failure)
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET, text, address) == 1)
		*ret_family = AF_INET;
	else if (inet_pton(AF_INET6, text, address) == 1)
		*ret_family = AF_INET6;
	else if (strcmp(text, "host") == 0 && other)
		return -EAGAIN;		/* the one that it uses towards the other */
	else if (!find_lease(text, family, ret_family, address))
		return failure_set(failure, -ENOENT, "\"%s\" is no address, and no guest of that name has a lease (guestnet leases)",
				   STR_ESCAPED(text));
	return 0;
}

/* "ADDRESS", "ADDRESS:PORT", "[IPV6]:PORT", "NAME:PORT"; *ret_port is 0 when there is none. */
static int split_target(const char *text, char *host, size_t size, uint16_t *ret_port, struct failure *failure)
{
	const char *colon = strrchr(text, ':'), *port = NULL;
	uint32_t number = 0;

	snprintf(host, size, "%s", text);
	if (text[0] == '[' && strchr(text, ']')) {
		const char *end = strchr(text, ']');

		snprintf(host, size, "%.*s", (int)(end - text - 1), text + 1);
		if (end[1] && end[1] != ':')
			return failure_set(failure, -EINVAL, "%s: after ] comes :PORT, or nothing", STR_ESCAPED(text));
		port = end[1] ? end + 2 : NULL;
	} else if (colon && strchr(text, ':') == colon) {	/* one colon only: no IPv6 */
		snprintf(host, size, "%.*s", (int)(colon - text), text);
		port = colon + 1;
	}
	if (port && (str_parse_u32(port, 65535, &number) < 0 || number == 0))
		return failure_set(failure, -EINVAL, "%s is no port: 1 to 65535", STR_ESCAPED(port));
	*ret_port = (uint16_t)number;
	return 0;
}

static int parse_protocol(const char *name, uint16_t port, uint8_t family, uint8_t *ret_protocol, struct failure *failure)
{
	if (!name)
		name = port ? "tcp" : "icmp";
	if (strcmp(name, "tcp") == 0)
		*ret_protocol = IPPROTO_TCP;
	else if (strcmp(name, "udp") == 0)
		*ret_protocol = IPPROTO_UDP;
	else if (strcmp(name, "icmp") == 0)
		*ret_protocol = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	else
		return failure_set(failure, -EINVAL, "%s is no protocol: tcp, udp or icmp", STR_ESCAPED(name));
	if ((*ret_protocol == IPPROTO_TCP || *ret_protocol == IPPROTO_UDP) != (port != 0))
		return failure_set(failure, -EINVAL, port ? "icmp has no ports" : "%s wants a port: DESTINATION:PORT", name);
	return 0;
}

static int read_packet(const struct options *options, struct packet *packet, struct failure *failure)
{
	uint8_t family = 0, unspecified[16] = { 0 };
	uint16_t port = 0;
	char host[128];
	bool from_host;
	int r = split_target(options->operands[1], host, sizeof(host), &port, failure);

	if (r < 0)
		return r;
	r = resolve(options->operands[0], unspecified, 0, &packet->family, packet->source, failure);
	from_host = r == -EAGAIN;
	if (r < 0 && !from_host)
		return r;
	if (from_host && strcmp(host, "host") == 0)
		return failure_set(failure, -EINVAL, "from the host to the host? One of them is a guest, or an address outside");
	r = resolve(host, from_host ? NULL : packet->source, from_host ? 0 : packet->family, &family, packet->target, failure);
	if (r == -EAGAIN)
		return failure_set(failure, -EINVAL, "which address of the host? A guest's gateway is in guestnet status");
	if (r < 0)
		return r;
	if (from_host) {
		packet->family = family;
		memset(packet->source, 0, sizeof(packet->source));
	}
	if (family != packet->family)
		return failure_set(failure, -EINVAL, "%s and %s are addresses of different kinds", STR_ESCAPED(options->operands[0]),
				   STR_ESCAPED(host));
	r = parse_protocol(options->values[OPTION_PROTOCOL], port, family, &packet->protocol, failure);
	if (r < 0)
		return r;
	packet->source_port = port ? 40000 : family == AF_INET ? 8 : 128;	/* echo request */
	packet->target_port = port;
	return 0;
}

static const char *const verdicts[] = {
	[TRACE_PASSES] = "passes", [TRACE_STOPPED] = "does not pass", [TRACE_UNSURE] = "cannot be told for certain",
};

static void print_text(const struct options *options, const struct trace *trace)
{
	printf("%s%s to %s%s: %s%s%s\n", style_begin(STYLE_TITLE, stdout), options->operands[0], options->operands[1], style_end(stdout),
	       style_begin(trace->verdict == TRACE_PASSES ? STYLE_GOOD : STYLE_BAD, stdout), verdicts[trace->verdict], style_end(stdout));
	if (trace->reason[0])
		printf("  %s     %s\n", trace->verdict == TRACE_STOPPED ? "reason" : "because", trace->reason);
	if (trace->fix[0])
		printf("  fix        %s\n", trace->fix);
	for (size_t i = 0; i < trace->n_lines; i++)
		printf("  %s\n", trace->lines[i]);
}

static void print_json(const struct options *options, const struct trace *trace)
{
	static const char *const words[] = { [TRACE_PASSES] = "passes", [TRACE_STOPPED] = "stopped", [TRACE_UNSURE] = "unsure" };
	struct json json = JSON_NULL(stdout);

	json_object(&json, NULL);
	json_string(&json, "source", options->operands[0]);
	json_string(&json, "destination", options->operands[1]);
	json_string(&json, "verdict", words[trace->verdict]);
	json_string(&json, "reason", trace->reason);
	json_string(&json, "fix", trace->fix);
	json_array(&json, "steps");
	for (size_t i = 0; i < trace->n_lines; i++)
		json_string(&json, NULL, trace->lines[i]);
	json_array_end(&json);
	json_object_end(&json);
}

enum exit_status why_run(const struct options *options, struct failure *failure)
{
	_cleanup_(trace_deinit) struct trace trace = TRACE_NULL;
	struct packet packet = { 0 };
	int r = read_packet(options, &packet, failure);

	if (r < 0)
		return r == -ENOENT ? STATUS_NOT_FOUND : STATUS_USAGE;
	r = trace_packet(&trace, &packet, failure);
	if (r < 0)
		return r == -EPERM ? STATUS_DENIED : STATUS_FAILED;
	if (options->json)
		print_json(options, &trace);
	else
		print_text(options, &trace);
	return trace.verdict == TRACE_PASSES ? STATUS_OK : trace.verdict == TRACE_STOPPED ? STATUS_FAILED : STATUS_DEGRADED;
}
