/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guestnetd uses of systemd-resolved, on the bus of DBUS_SYSTEM_BUS_ADDRESS: takes what it is told and prints a line
 * for each call.
 *
 *	fake-resolved [refuse]
 *
 *	SetLinkDNS 4 10.98.1.1 fd00:98::1
 *	SetLinkDomains 4 ~default.internal ~1.98.10.in-addr.arpa
 *	SetLinkDefaultRoute 4 no
 *	SetLinkDNSSEC 4 no
 *	SetLinkDNSOverTLS 4 no
 *	RevertLink 4
 *
 * With "refuse" every call is answered as one that polkit does not permit.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static bool refuse;

static int answer(sd_bus_message *message, sd_bus_error *error)
{
	puts("");
	fflush(stdout);
	if (refuse)
		return sd_bus_error_set(error, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
					"Interactive authentication required.");
	return sd_bus_reply_method_return(message, "");
}

static int begin(sd_bus_message *message)
{
	int ifindex, r = sd_bus_message_read(message, "i", &ifindex);

	printf("%s%s %d", refuse ? "refused " : "", sd_bus_message_get_member(message), ifindex);
	return r;
}

static int set_dns(sd_bus_message *message, void *data, sd_bus_error *error)
{
	int r = begin(message);

	(void)data;
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "(iay)");
	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'r', "iay")) > 0) {
		char text[INET6_ADDRSTRLEN] = "?";
		const void *bytes;
		size_t length;
		int family;

		r = sd_bus_message_read(message, "i", &family);
		if (r >= 0)
			r = sd_bus_message_read_array(message, 'y', &bytes, &length);
		if (r >= 0 && length == (family == AF_INET ? 4U : 16U))
			inet_ntop(family, bytes, text, sizeof(text));
		printf(" %s", text);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	return r < 0 ? r : answer(message, error);
}

static int set_domains(sd_bus_message *message, void *data, sd_bus_error *error)
{
	const char *domain;
	int r = begin(message), routing;

	(void)data;
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "(sb)");
	while (r >= 0 && (r = sd_bus_message_read(message, "(sb)", &domain, &routing)) > 0)
		printf(" %s%s", routing ? "~" : "", domain);
	return r < 0 ? r : answer(message, error);
}

static int set_default_route(sd_bus_message *message, void *data, sd_bus_error *error)
{
	int r = begin(message), value = 1;

	(void)data;
	if (r >= 0)
		r = sd_bus_message_read(message, "b", &value);
	printf(" %s", value ? "yes" : "no");
	return r < 0 ? r : answer(message, error);
}

static int set_mode(sd_bus_message *message, void *data, sd_bus_error *error)
{
	const char *mode = "?";
	int r = begin(message);

	(void)data;
	if (r >= 0)
		r = sd_bus_message_read(message, "s", &mode);
	printf(" %s", mode);
	return r < 0 ? r : answer(message, error);
}

static int revert(sd_bus_message *message, void *data, sd_bus_error *error)
{
	int r = begin(message);

	(void)data;
	return r < 0 ? r : answer(message, error);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("SetLinkDNS", "ia(iay)", "", set_dns, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("SetLinkDomains", "ia(sb)", "", set_domains, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("SetLinkDefaultRoute", "ib", "", set_default_route, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("SetLinkDNSSEC", "is", "", set_mode, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("SetLinkDNSOverTLS", "is", "", set_mode, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("RevertLink", "i", "", revert, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

int main(int argc, char *argv[])
{
	sd_bus *bus = NULL;
	int r;

	refuse = argc > 1 && strcmp(argv[1], "refuse") == 0;
	r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/resolve1", "org.freedesktop.resolve1.Manager", vtable, NULL);
	if (r >= 0)
		r = sd_bus_request_name(bus, "org.freedesktop.resolve1", 0);
	while (r >= 0) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
	}
	fprintf(stderr, "fake-resolved: %s\n", strerror(-r));
	return 1;
}
