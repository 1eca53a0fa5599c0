/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection to the system bus, with a real dbus-daemon on a socket of its own: it is not there, comes, says
 * who owns a name, goes, and comes back.
 */
#include "netd-files.h"

#include <signal.h>
#include <sys/wait.h>

#include "../../netd/daemon/systembus.h"

/* A bound for a test that hangs. */
#define PATIENCE_US	60000000

static const char config[] =
	"<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
	"<policy context='default'><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>"
	"</policy></busconfig>";

struct seen {
	unsigned int n_connected, n_disconnected, n_owners;
	char owner[64];
};

static void on_connected(void *data, sd_bus *bus)
{
	assert_non_null(bus);
	((struct seen *)data)->n_connected++;
}

static void on_disconnected(void *data)
{
	((struct seen *)data)->n_disconnected++;
}

static void on_owner(void *data, sd_bus *bus, const char *owner)
{
	struct seen *seen = data;

	assert_non_null(bus);
	seen->n_owners++;
	snprintf(seen->owner, sizeof(seen->owner), "%s", owner);
}

static pid_t start_bus(void)
{
	char path[128], text[sizeof(config) + 128];
	pid_t pid;

	snprintf(text, sizeof(text), config, test_root);
	test_write("bus.conf", text);
	snprintf(path, sizeof(path), "--config-file=%s/bus.conf", test_root);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nosyslog", "--nopidfile", path, NULL);
		_exit(127);
	}
	return pid;
}

static void end_bus(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* A bus that is ended well takes its socket along. */
	assert_true(unlink(test_path("bus")) == 0 || errno == ENOENT);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Runs the loop until @condition. */
#define run_until(event, condition)						\
do {										\
	uint64_t _end = now_us() + PATIENCE_US;					\
										\
	while (!(condition)) {							\
		if (now_us() > _end)						\
			fail_msg("never: %s", #condition);			\
		assert_true(sd_event_run((event), 100000) >= 0);		\
	}									\
} while (0)

static sd_bus *open_other(void)
{
	sd_bus *bus = NULL;
	char address[128];

	snprintf(address, sizeof(address), "unix:path=%s/bus", test_root);
	assert_true(sd_bus_new(&bus) >= 0);
	assert_true(sd_bus_set_address(bus, address) >= 0);
	assert_true(sd_bus_set_bus_client(bus, true) >= 0);
	assert_true(sd_bus_start(bus) >= 0);
	return bus;
}

static void comes_and_goes(void **state _unused_)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	_cleanup_(systembus_freep) struct systembus *systembus = NULL;
	struct seen early = { 0 }, late = { 0 };
	struct systembus_listener listener = {
		.data = &early, .connected = on_connected, .disconnected = on_disconnected,
		.name = "org.example.Here", .owner_changed = on_owner,
	}, other = { .data = &late, .connected = on_connected, .name = "org.example.Here", .owner_changed = on_owner };
	sd_bus *owner;
	char address[128];
	pid_t pid;

	if (access("/usr/bin/dbus-daemon", X_OK) < 0)
		skip();
	snprintf(address, sizeof(address), "unix:path=%s/bus", test_root);
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(systembus_new(event, &systembus), 0);
	systembus_listen(systembus, &listener);
	/* No bus: nothing is said, and the loop goes on. */
	for (int i = 0; i < 10; i++)
		assert_true(sd_event_run(event, 1000) >= 0);
	assert_null(systembus_get(systembus));
	assert_int_equal(early.n_connected, 0);

	/* It comes: nobody owns the name; then somebody does. */
	pid = start_bus();
	run_until(event, early.n_owners == 1);
	assert_int_equal(early.n_connected, 1);
	assert_non_null(systembus_get(systembus));
	check_string("nobody", early.owner, "");
	owner = open_other();
	assert_true(sd_bus_request_name(owner, "org.example.Here", 0) >= 0);
	run_until(event, early.n_owners == 2);
	assert_int_equal(early.owner[0], ':');
	systembus_listen(systembus, &other);
	run_until(event, late.n_owners == 1);
	assert_int_equal(late.n_connected, 1);
	check_string("late", late.owner, early.owner);
	assert_true(sd_bus_release_name(owner, "org.example.Here") >= 0);
	run_until(event, early.n_owners == 3 && late.n_owners == 2);
	check_string("released", early.owner, "");
	systembus_unlisten(&other);
	systembus_unlisten(&other);
	sd_bus_close_unref(owner);

	/* It goes, and comes back. */
	end_bus(pid);
	run_until(event, early.n_disconnected == 1);
	assert_null(systembus_get(systembus));
	pid = start_bus();
	run_until(event, early.n_owners == 4);
	assert_int_equal(early.n_connected, 2);
	assert_int_equal(late.n_connected, 1);
	systembus = systembus_free(systembus);
	assert_int_equal(early.n_disconnected, 2);
	end_bus(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_and_goes, test_root_make, test_root_remove),
	};

	return cmocka_run_group_tests_name("systembus", tests, NULL, NULL);
}
