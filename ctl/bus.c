/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Talking to guestnetd, peer to peer on its Unix socket.
 */
#include "bus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "paths.h"

/* Where the daemon listens; a daemon started with another --run-root is found through GUESTNET_BUS. */
static const char *bus_address(void)
{
	return getenv("GUESTNET_BUS") ?: "unix:path=" PATH_RUN_ROOT "/bus.sock";
}

/* Connects. -ENOENT or -ECONNREFUSED, with a text, when no daemon listens. The caller owns @ret_bus. */
int bus_open(sd_bus **ret_bus, struct failure *failure)
{
	_cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
	int r;

	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, bus_address());
	if (r >= 0)
		r = sd_bus_set_anonymous(bus, 1);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		return failure_set(failure, r, "guestnetd does not answer at %s: %s (start it: systemctl start guestnetd)",
				   bus_address(), strerror(-r));
	*ret_bus = steal_ptr(bus);
	return 0;
}

/*
 * Calls a method and waits for its answer. @types and what follows are as for sd_bus_message_append(). Errors:
 * -ENOENT for a network that does not exist, -EACCES for what the caller may not do, others as they come, all
 * with the daemon's own words. The caller owns @ret_reply.
 */
int bus_call(sd_bus *bus, const char *method, sd_bus_message **ret_reply, struct failure *failure,
	     const char *types, ...)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	va_list arguments;
	int r;

	r = sd_bus_message_new_method_call(bus, &message, NULL, BUS_PATH, BUS_INTERFACE, method);
	if (r >= 0 && types[0]) {
		va_start(arguments, types);
		r = sd_bus_message_appendv(message, types, arguments);
		va_end(arguments);
	}
	if (r >= 0)
		r = sd_bus_call(bus, message, 0, &error, ret_reply);
	if (r >= 0)
		return 0;
	failure_set(failure, r, "%s", error.message ?: strerror(-r));
	if (sd_bus_error_has_name(&error, "org.guestnet1.NoSuchNetwork"))
		return -ENOENT;
	if (sd_bus_error_has_name(&error, SD_BUS_ERROR_ACCESS_DENIED))
		return -EACCES;
	return r;
}

/* What main ends with after a failed call. */
enum exit_status bus_exit_status(int error)
{
	return error == -ENOENT ? STATUS_NOT_FOUND : error == -EACCES ? STATUS_DENIED : STATUS_FAILED;
}
