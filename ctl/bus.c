/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Talking to guestnetd: on its own socket, or over the system bus.
 *
 * Everybody may look on the daemon's socket, and some may change things there. Who may not, and who finds no
 * daemon, goes over the system bus: polkit may ask for a password, and the bus starts a daemon that does not run.
 */
#include "bus.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "paths.h"

/* A person may have to find a password. */
#define CALL_TIMEOUT_US (150 * 1000000ULL)

/* A daemon started with another --run-root is found through GUESTNET_BUS. NULL: nobody says where; nor does an empty one. */
static const char *given_address(void)
{
	const char *address = getenv("GUESTNET_BUS");

	return address && *address ? address : NULL;
}

static const char *bus_address(void)
{
	return given_address() ?: "unix:path=" PATH_RUN_ROOT "/bus.sock";
}

static int open_socket(sd_bus **ret_bus)
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
	if (r >= 0)
		*ret_bus = steal_ptr(bus);
	return r;
}

/* Is there a service manager that could be told to start it? In a container there is none, mostly. */
bool systemd_runs(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

static const char *start_words(void)
{
	return systemd_runs() ? "systemctl start guestnetd" : "guestnetd, as root";
}

/* A daemon that has not been started again since this program was installed may know less. */
static bool is_unknown(const sd_bus_error *error)
{
	return sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD) || sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_PROPERTY) ||
	       sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_INTERFACE);
}

/*
 * Connects. -ECONNREFUSED, with a text, when no daemon listens and none can be started. The caller owns @ret_bus.
 */
int bus_open(sd_bus **ret_bus, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *system = NULL;
	int r = open_socket(ret_bus);

	if (r >= 0)
		return 0;
	if (!given_address() && sd_bus_open_system(&system) >= 0) {
		/* What is allowed without a password is so on the daemon's own socket, which is there once the bus has started it. */
		(void)sd_bus_call_method(system, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "StartServiceByName",
					 NULL, NULL, "su", BUS_NAME, 0);
		if (open_socket(ret_bus) < 0)
			*ret_bus = steal_ptr(system);
		return 0;
	}
	return failure_set(failure, -ECONNREFUSED, "guestnetd does not answer at %s: %s (start it: %s)",
			   bus_address(), strerror(-r), start_words());
}

/* Connects to a daemon that runs, on its own socket. */
int bus_open_running(sd_bus **ret_bus, struct failure *failure)
{
	int r = open_socket(ret_bus);

	return r < 0 ? failure_set(failure, -ECONNREFUSED, "guestnetd does not answer: %s", strerror(-r)) : 0;
}

static bool is_system(sd_bus *bus)
{
	return sd_bus_is_bus_client(bus) > 0;
}

/*
 * polkit's agent for terminals, so that somebody on a plain terminal can be asked for a password: started when it
 * may be needed, ends with its input. Returns its pid, or -1.
 */
static pid_t start_agent(int *ret_fd)
{
	char self[16], notify[16], byte;
	int fds[2];
	pid_t pid;

	if (geteuid() == 0 || !isatty(STDIN_FILENO) || access("/usr/bin/pkttyagent", X_OK) < 0 || pipe(fds) < 0)
		return -1;
	snprintf(self, sizeof(self), "%d", (int)getpid());
	snprintf(notify, sizeof(notify), "%d", fds[1]);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		execl("/usr/bin/pkttyagent", "pkttyagent", "--notify-fd", notify, "--fallback", "--process", self, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	/* It closes its end when it is ready, or by its end. */
	while (pid > 0 && read(fds[0], &byte, 1) < 0 && errno == EINTR)
		;
	*ret_fd = fds[0];
	return pid;
}

static void stop_agent(pid_t pid, int fd)
{
	if (pid <= 0)
		return;
	close(fd);
	kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
}

static bool is_denied(const sd_bus_error *error)
{
	return sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED) ||
		sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

static int call(sd_bus *bus, const char *path, const char *interface, const char *method, sd_bus_error *error,
		sd_bus_message **ret_reply, const char *types, va_list arguments)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &message, is_system(bus) ? BUS_NAME : NULL, path, interface, method);
	if (r >= 0 && is_system(bus))
		r = sd_bus_message_set_allow_interactive_authorization(message, isatty(STDIN_FILENO));
	if (r >= 0 && types[0])
		r = sd_bus_message_appendv(message, types, arguments);
	return r < 0 ? r : sd_bus_call(bus, message, CALL_TIMEOUT_US, error, ret_reply);
}

/* What the daemon's own socket does not allow may be allowed on the system bus, after a password perhaps. */
static int call_by_system(const char *path, const char *interface, const char *method, sd_bus_error *error,
			  sd_bus_message **ret_reply, const char *types, va_list arguments)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_error_free) sd_bus_error first = SD_BUS_ERROR_NULL;
	int agent_fd = -EBADF, r;
	pid_t agent;

	if (given_address() || sd_bus_open_system(&bus) < 0)
		return -EACCES;
	agent = start_agent(&agent_fd);
	sd_bus_error_move(&first, error);
	r = call(bus, path, interface, method, error, ret_reply, types, arguments);
	stop_agent(agent, agent_fd);
	/* A daemon that has no place on the bus has said what there is to say. */
	if (r < 0 && (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
		      sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))) {
		sd_bus_error_free(error);
		sd_bus_error_move(error, &first);
		return -EACCES;
	}
	return r;
}

/* @ret_words, if not NULL, gets what the daemon says of a failure, however long that is; the caller owns it. */
static int callv(sd_bus *bus, const char *path, const char *interface, const char *method, sd_bus_message **ret_reply,
		 char **ret_words, struct failure *failure, const char *types, va_list arguments)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	va_list again;
	int r;

	va_copy(again, arguments);
	r = call(bus, path, interface, method, &error, ret_reply, types, arguments);
	if (r < 0 && is_denied(&error) && !is_system(bus))
		r = call_by_system(path, interface, method, &error, ret_reply, types, again);
	va_end(again);
	if (r >= 0)
		return 0;
	if (ret_words && error.message)
		*ret_words = strdup(error.message);
	/* No answer at all: the daemon went, or had no place for us. */
	if (r == -ECONNRESET || r == -ENOTCONN)
		failure_set(failure, r, "guestnetd has closed the connection: it is ending, or too many are asking it");
	else if (sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN))
		failure_set(failure, r, "guestnetd does not run, and the system bus cannot start it (start it: %s)", start_words());
	else if (is_unknown(&error))
		failure_set(failure, r, "the guestnetd that runs is another version and does not know this: %s (guests do not notice)",
			    systemd_runs() ? "systemctl restart guestnetd" : "start it again");
	else
		failure_set(failure, r, "%s", error.message ?: strerror(-r));
	if (sd_bus_error_has_name(&error, "org.guestnet1.NoSuchNetwork"))
		return -ENOENT;
	if (is_denied(&error) || sd_bus_error_has_name(&error, "org.guestnet1.Denied"))
		return -EACCES;
	return r == -ENOENT || r == -EACCES ? -EIO : r;
}

/*
 * Calls a method of the manager and waits for its answer. @types and what follows are as for
 * sd_bus_message_append(). Errors: -ENOENT for a network that does not exist, -EACCES for what the caller may not
 * do, others as they come, all with the daemon's own words. The caller owns @ret_reply.
 */
int bus_call(sd_bus *bus, const char *method, sd_bus_message **ret_reply, struct failure *failure,
	     const char *types, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, types);
	r = callv(bus, BUS_PATH, BUS_INTERFACE, method, ret_reply, NULL, failure, types, arguments);
	va_end(arguments);
	return r;
}

/* Likewise. When it fails @ret_words gets all that the daemon says, which may be several lines; the caller owns it, and it may be NULL. */
int bus_call_words(sd_bus *bus, const char *method, sd_bus_message **ret_reply, char **ret_words, struct failure *failure,
		   const char *types, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, types);
	r = callv(bus, BUS_PATH, BUS_INTERFACE, method, ret_reply, ret_words, failure, types, arguments);
	va_end(arguments);
	return r;
}

static int call_other(sd_bus *bus, const char *path, const char *interface, const char *method, sd_bus_message **ret_reply,
		      struct failure *failure, const char *types, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, types);
	r = callv(bus, path, interface, method, ret_reply, NULL, failure, types, arguments);
	va_end(arguments);
	return r;
}

/* All objects with all their properties: a{oa{sa{sv}}}. The caller owns @ret_reply. */
int bus_get_networks(sd_bus *bus, sd_bus_message **ret_reply, struct failure *failure)
{
	return call_other(bus, BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ret_reply, failure, "");
}

/*
 * The properties of one network: a{sv}. -ENOENT, with what was probably meant, when there is none of that name. The caller owns
 * @ret_reply.
 */
int bus_get_network(sd_bus *bus, const char *network, sd_bus_message **ret_reply, struct failure *failure)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *path;
	int r = bus_call(bus, "GetNetwork", &reply, failure, "s", network);

	if (r < 0)
		return r;
	if (sd_bus_message_read(reply, "o", &path) < 0)
		return failure_set(failure, -EBADMSG, "guestnetd answers something else than was asked");
	return call_other(bus, path, "org.freedesktop.DBus.Properties", "GetAll", ret_reply, failure, "s", BUS_NETWORK);
}

/* A property of the manager's that is a text. The caller owns @ret_text. */
int bus_get_text(sd_bus *bus, const char *property, char **ret_text, struct failure *failure)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *text;
	int r;

	r = call_other(bus, BUS_PATH, "org.freedesktop.DBus.Properties", "Get", &reply, failure, "ss", BUS_INTERFACE, property);
	if (r < 0)
		return r;
	if (sd_bus_message_read(reply, "v", "s", &text) < 0)
		return failure_set(failure, -EBADMSG, "guestnetd answers something else than was asked");
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}

/* Likewise, of a list of texts, with @between between them. What does not fit is left out. */
int bus_get_list(sd_bus *bus, const char *property, const char *between, struct text *list, struct failure *failure)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *item;
	int r = call_other(bus, BUS_PATH, "org.freedesktop.DBus.Properties", "Get", &reply, failure, "ss", BUS_INTERFACE, property);

	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(reply, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(reply, "s", &item)) > 0)
		text_add(list, "%s%s", list->length ? between : "", item);
	return r < 0 ? failure_set(failure, -EBADMSG, "guestnetd answers something else than was asked") : 0;
}

/* From here on @on_signal sees each signal of the manager's, while the caller processes @bus. */
int bus_subscribe(sd_bus *bus, sd_bus_message_handler_t on_signal, void *data, struct failure *failure)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = sd_bus_match_signal(bus, NULL, is_system(bus) ? BUS_NAME : NULL, BUS_PATH, BUS_INTERFACE, NULL, on_signal, data);

	if (r < 0)
		return failure_set(failure, r, "cannot ask for signals: %s", strerror(-r));
	/* On the bus, this is what starts a daemon that does not run. */
	return bus_call(bus, "Subscribe", &reply, failure, "");
}

/* What main ends with after a failed call. */
enum exit_status bus_exit_status(int error)
{
	return error == -ENOENT ? STATUS_NOT_FOUND : error == -EACCES ? STATUS_DENIED : STATUS_FAILED;
}
