// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts guestnetd and stamps what it says to its service manager.
 *
 *   netd-time COUNT COMMAND...
 *
 * Prints "pid N", "ready MICROSECONDS" and "running MICROSECONDS" (from the start until it is ready, and until COUNT of
 * COUNT networks are running). Then each line "COUNT" on standard input is a SIGHUP, answered with "running MICROSECONDS"
 * when so many networks are running; a line "start NAME" is a call of Start on the daemon's socket, $GUESTNET_BUS, answered
 * with "started MICROSECONDS", and "stop NAME" one of Stop and another one that the daemon answers when it has
 * time again: "stopped MICROSECONDS" and "gone MICROSECONDS", both from the call of Stop. At the end of the input the daemon gets SIGTERM.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "netd-time: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Waits until the daemon says that @count networks are running; says when it is ready. */
static void wait_running(int fd, const char *count, uint64_t begin, bool first)
{
	char want[320];
	bool ready = !first;

	snprintf(want, sizeof(want), "STATUS=%s of %s networks running", count, count);
	for (;;) {
		struct pollfd event = { fd, POLLIN, 0 };
		char text[2048];
		ssize_t n;

		if (poll(&event, 1, 120000) <= 0)
			die("no news of the daemon");
		n = recv(fd, text, sizeof(text) - 1, 0);
		if (n < 0)
			die("notification");
		text[n] = '\0';
		if (!ready && strstr(text, "READY=1")) {
			printf("ready %llu\n", (unsigned long long)(now_us() - begin));
			ready = true;
		}
		if (ready && strstr(text, want)) {
			printf("running %llu\n", (unsigned long long)(now_us() - begin));
			fflush(stdout);
			return;
		}
	}
}

static void call(sd_bus *bus, const char *method, const char *network)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	if (sd_bus_call_method(bus, NULL, "/org/guestnet1", "org.guestnet1.Manager", method, &error, NULL, "s", network) < 0)
		die(error.message ? error.message : method);
}

static void ping(sd_bus *bus)
{
	if (sd_bus_call_method(bus, NULL, "/org/guestnet1", "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, NULL) < 0)
		die("GUESTNET_BUS");
}

static void say(const char *what, uint64_t begin)
{
	printf("%s %llu\n", what, (unsigned long long)(now_us() - begin));
	fflush(stdout);
}

/* The connection is there before the time begins: it is the network that is measured. */
static void change_network(const char *network, bool start)
{
	sd_bus *bus = NULL;
	uint64_t begin;

	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, getenv("GUESTNET_BUS")) < 0 || sd_bus_set_anonymous(bus, 1) < 0 ||
	    sd_bus_start(bus) < 0)
		die("GUESTNET_BUS");
	ping(bus);
	begin = now_us();
	call(bus, start ? "Start" : "Stop", network);
	say(start ? "started" : "stopped", begin);
	if (!start) {
		ping(bus);
		say("gone", begin);
	}
	sd_bus_flush_close_unref(bus);
}

int main(int argc, char *argv[])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length;
	char line[128];
	uint64_t begin;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: netd-time COUNT COMMAND...\n");
		return 2;
	}
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     (size_t)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "netd-time-%d", getpid()));
	if (fd < 0 || bind(fd, (void *)&address, length) < 0)
		die("socket");
	snprintf(line, sizeof(line), "@%s", address.sun_path + 1);
	setenv("NOTIFY_SOCKET", line, 1);
	begin = now_us();
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	printf("pid %d\n", (int)pid);
	wait_running(fd, argv[1], begin, true);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "start ", 6) == 0 || strncmp(line, "stop ", 5) == 0) {
			change_network(strchr(line, ' ') + 1, line[2] == 'a');
			continue;
		}
		begin = now_us();
		kill(pid, SIGHUP);
		wait_running(fd, line, begin, false);
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return 0;
}
