// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A UDP echo every millisecond and a new TCP connection every ten, with a count of what got lost.
 *
 *   netd-flow serve PORT           echoes UDP, accepts and closes TCP; IPv4 and IPv6
 *   netd-flow flow ADDRESS PORT    reads lines on standard input; each begins a phase of that name, and the phase
 *                                  before it is reported once the fate of all its packets is known:
 *                                  "NAME sent N lost N connects N failed N gap MS"
 *
 *   netd-flow talk ADDRESS PORT    one UDP flow, for as long as there is input: each line is sent, every 50 ms until its
 *                                  echo comes or 2 s are over; prints "LINE heard" or "LINE lost"
 *
 * A packet without an echo after a second, and a connection that is not established after a second, are lost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LATE_NS		1000000000ULL
#define RING		8192		/* packets; more than are sent in the time after which they are late */
#define CONNECTS	256
#define PHASES		64

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "netd-flow: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int make_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), size = 4 << 20;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, type == SOCK_DGRAM ? SO_RCVBUFFORCE : SO_REUSEADDR, &size, sizeof(size));
	return fd;
}

static int serve(uint16_t port)
{
	const struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int udp = make_socket(AF_INET6, SOCK_DGRAM), tcp = make_socket(AF_INET6, SOCK_STREAM);

	if (bind(udp, (const void *)&address, sizeof(address)) < 0 || bind(tcp, (const void *)&address, sizeof(address)) < 0 ||
	    listen(tcp, 1024) < 0)
		die("bind");
	for (;;) {
		struct pollfd fds[] = { { udp, POLLIN, 0 }, { tcp, POLLIN, 0 } };
		struct sockaddr_in6 peer;
		socklen_t length = sizeof(peer);
		char buffer[2048];
		ssize_t n;
		int fd;

		poll(fds, 2, -1);
		while ((n = recvfrom(udp, buffer, sizeof(buffer), 0, (void *)&peer, &length)) >= 0)
			sendto(udp, buffer, (size_t)n, 0, (void *)&peer, length);
		while ((fd = accept4(tcp, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			close(fd);
	}
}

struct phase {
	char name[64];
	unsigned long sent, lost, connects, failed;
	unsigned long open;		/* packets and connections whose fate is not known */
	uint64_t gap_ns;		/* longest time between two echoes */
};

struct flow {
	struct phase phases[PHASES];
	size_t phase, reported;
	struct { uint64_t sent_ns; size_t phase; } packets[RING];	/* sent_ns 0: nothing is waited for */
	struct { int fd; uint64_t since_ns; size_t phase; } connects[CONNECTS];
	uint64_t sequence, last_echo_ns;
};

static void send_packet(struct flow *flow, int udp, uint64_t now)
{
	uint64_t sequence = flow->sequence++;
	struct phase *phase = &flow->phases[flow->phase];

	flow->packets[sequence % RING].sent_ns = now;
	flow->packets[sequence % RING].phase = flow->phase;
	phase->sent++;
	phase->open++;
	/* A refusal (no route, a reject) is the loss of this packet; it shows by the missing echo. */
	(void)!send(udp, &sequence, sizeof(sequence), 0);
}

static void read_echoes(struct flow *flow, int udp)
{
	uint64_t sequence;
	ssize_t n;

	while ((n = recv(udp, &sequence, sizeof(sequence), 0)) >= 0 || errno == ECONNREFUSED || errno == EHOSTUNREACH) {
		uint64_t now = now_ns();
		struct phase *phase;

		if (n != sizeof(sequence) || !flow->packets[sequence % RING].sent_ns || sequence >= flow->sequence ||
		    flow->sequence - sequence > RING)
			continue;
		phase = &flow->phases[flow->packets[sequence % RING].phase];
		flow->packets[sequence % RING].sent_ns = 0;
		phase->open--;
		if (flow->last_echo_ns && now - flow->last_echo_ns > phase->gap_ns)
			phase->gap_ns = now - flow->last_echo_ns;
		flow->last_echo_ns = now;
	}
}

static void start_connect(struct flow *flow, const struct sockaddr_storage *address, uint64_t now)
{
	size_t i = 0;

	while (i < CONNECTS && flow->connects[i].fd >= 0)
		i++;
	if (i == CONNECTS)
		return;
	flow->connects[i].fd = make_socket(address->ss_family, SOCK_STREAM);
	flow->connects[i].since_ns = now;
	flow->connects[i].phase = flow->phase;
	flow->phases[flow->phase].connects++;
	flow->phases[flow->phase].open++;
	(void)!connect(flow->connects[i].fd, (const void *)address, sizeof(*address));
}

static void look_at_connects(struct flow *flow, uint64_t now)
{
	const struct linger reset = { 1, 0 };

	for (size_t i = 0; i < CONNECTS; i++) {
		struct pollfd fd = { flow->connects[i].fd, POLLOUT, 0 };
		struct phase *phase = &flow->phases[flow->connects[i].phase];
		bool late = now - flow->connects[i].since_ns > LATE_NS;

		if (fd.fd < 0 || (poll(&fd, 1, 0) == 0 && !late))
			continue;
		if (!(fd.revents & POLLOUT) || fd.revents & (POLLERR | POLLHUP)) {
			int error = 0;
			socklen_t length = sizeof(error);

			getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &error, &length);
			phase->failed += late || error;
		}
		phase->open--;
		setsockopt(fd.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd.fd);
		flow->connects[i].fd = -EBADF;
	}
}

static void look_for_late(struct flow *flow, uint64_t now)
{
	for (size_t i = 0; i < RING; i++)
		if (flow->packets[i].sent_ns && now > flow->packets[i].sent_ns + LATE_NS) {
			flow->packets[i].sent_ns = 0;
			flow->phases[flow->packets[i].phase].lost++;
			flow->phases[flow->packets[i].phase].open--;
		}
}

static void report(struct flow *flow)
{
	for (; flow->reported < flow->phase && flow->phases[flow->reported].open == 0; flow->reported++) {
		const struct phase *phase = &flow->phases[flow->reported];

		printf("%s sent %lu lost %lu connects %lu failed %lu gap %.1f\n", phase->name, phase->sent, phase->lost,
		       phase->connects, phase->failed, (double)phase->gap_ns / 1e6);
		fflush(stdout);
	}
}

/* False at the end of the input. */
static bool read_phase(struct flow *flow)
{
	char name[sizeof(flow->phases->name)];

	if (!fgets(name, sizeof(name), stdin))
		return false;
	name[strcspn(name, "\n")] = '\0';
	if (flow->phase + 1 < PHASES)
		flow->phase++;
	snprintf(flow->phases[flow->phase].name, sizeof(name), "%s", name);
	return true;
}

/* An address of either family. */
static struct sockaddr_storage read_address(const char *text, uint16_t port)
{
	struct sockaddr_storage address = { .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };
	struct sockaddr_in6 *v6 = (void *)&address;
	struct sockaddr_in *v4 = (void *)&address;

	v4->sin_port = htons(port);	/* both have it at the same place */
	if (inet_pton(address.ss_family, text, address.ss_family == AF_INET6 ? (void *)&v6->sin6_addr : &v4->sin_addr) != 1)
		die(text);
	return address;
}

static int run(const char *text, uint16_t port)
{
	static struct flow flow = { .phases = { { .name = "before" } } };
	const struct itimerspec beat = { { 0, 1000000 }, { 0, 1000000 } };
	const struct sockaddr_storage address = read_address(text, port);
	int udp = make_socket(address.ss_family, SOCK_DGRAM), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t beats = 0;

	if (connect(udp, (const void *)&address, sizeof(address)) < 0 ||
	    timerfd_settime(timer, 0, &beat, NULL) < 0)
		die(text);
	setvbuf(stdin, NULL, _IONBF, 0);
	for (size_t i = 0; i < CONNECTS; i++)
		flow.connects[i].fd = -EBADF;
	for (;;) {
		struct pollfd fds[] = { { timer, POLLIN, 0 }, { udp, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
		uint64_t n, now;

		poll(fds, 3, -1);
		if (fds[1].revents)
			read_echoes(&flow, udp);
		now = now_ns();
		if (fds[0].revents && read(timer, &n, sizeof(n)) == sizeof(n)) {
			send_packet(&flow, udp, now);
			if (beats++ % 10 == 0) {
				start_connect(&flow, &address, now);
				look_for_late(&flow, now);
			}
			look_at_connects(&flow, now);
			report(&flow);
		}
		if (fds[2].revents && !read_phase(&flow))
			return 0;
	}
}

/* Sends a line until its echo is there. What comes late of others is passed over; a refusal is no answer. */
static bool is_echoed(int udp, const char *line)
{
	const uint64_t end = now_ns() + 2000000000ULL;
	char buffer[256];

	while (now_ns() < end) {
		struct pollfd fd = { udp, POLLIN, 0 };
		ssize_t n;

		(void)!send(udp, line, strlen(line), 0);
		while (poll(&fd, 1, 50) > 0) {
			n = recv(udp, buffer, sizeof(buffer) - 1, 0);
			if (n < 0)
				continue;
			buffer[n] = '\0';
			if (strcmp(buffer, line) == 0)
				return true;
		}
	}
	return false;
}

static int talk(const char *text, uint16_t port)
{
	const struct sockaddr_storage address = read_address(text, port);
	int udp = make_socket(address.ss_family, SOCK_DGRAM);
	char line[128];

	if (connect(udp, (const void *)&address, sizeof(address)) < 0)
		die(text);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		printf("%s %s\n", line, is_echoed(udp, line) ? "heard" : "lost");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve((uint16_t)atoi(argv[2]));
	if (argc == 4 && strcmp(argv[1], "flow") == 0)
		return run(argv[2], (uint16_t)atoi(argv[3]));
	if (argc == 4 && strcmp(argv[1], "talk") == 0)
		return talk(argv[2], (uint16_t)atoi(argv[3]));
	fprintf(stderr, "usage: netd-flow serve PORT | flow ADDRESS PORT | talk ADDRESS PORT\n");
	return 2;
}
