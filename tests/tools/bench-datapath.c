/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a packet costs on its way through a host, for several hosts at once.
 *
 *	bench-datapath ROUNDS NAME GUEST_NETNS OUTSIDE_NETNS GUEST_ADDRESS OUTSIDE_ADDRESS ...
 *
 * One thread, pinned to one processor, owns both ends of every path: whatever the kernel does for a packet (veth,
 * bridge, forwarding, NAT, the queues between) is done in its context, so that its own processor time is the
 * cost of the whole path, and what else the machine does is not in it. The paths are gone through in a new random
 * order in each round, each for a slice of less than a millisecond; the median over the rounds is the result.
 *
 * Prints a line for each path and operation: NAME OPERATION NANOSECONDS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT		7000
#define MAX_PATHS	32
#define CHUNK		65536

enum operation { UDP_UP, UDP_DOWN, UDP_REQUEST, UDP_FIRST, TCP_CONNECT, TCP_STREAM, OPERATIONS };

static const char *const names[OPERATIONS] = { "udp-up", "udp-down", "udp-request", "udp-first", "tcp-connect", "tcp-stream" };
/* So many in a slice: each slice stays below a millisecond. */
static const unsigned int counts[OPERATIONS] = { 64, 64, 32, 16, 6, 4 };

struct path {
	const char *name;
	int guest_netns, outside_netns;		/* owned */
	struct sockaddr_in guest, outside;
	int udp_guest, udp_outside;		/* owned: of the long-lived flow */
	struct sockaddr_in seen;		/* the guest's end of it, as it is seen outside */
	int tcp_listen, tcp_guest, tcp_outside;	/* owned */
	double *samples[OPERATIONS];		/* owned: nanoseconds for one, by round */
};

static char buffer[CHUNK];

static void give_up(const char *what, const char *where)
{
	fprintf(stderr, "bench-datapath: %s (%s): %s\n", what, where, strerror(errno));
	exit(1);
}

static int new_socket(const struct path *path, int netns, int type)
{
	const struct timeval limit = { .tv_sec = 5 };
	int one = 1, fd;

	if (setns(netns, CLONE_NEWNET) < 0)
		give_up("setns", path->name);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		give_up("socket", path->name);
	return fd;
}

static void bind_to(const struct path *path, int fd, const struct sockaddr_in *address)
{
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		give_up("bind", path->name);
}

static void send_to(const struct path *path, int fd, const struct sockaddr_in *to)
{
	if (sendto(fd, buffer, 64, 0, (const struct sockaddr *)to, sizeof(*to)) != 64)
		give_up("send", path->name);
}

static void receive(const struct path *path, int fd, struct sockaddr_in *ret_from)
{
	socklen_t length = sizeof(*ret_from);

	if (recvfrom(fd, buffer, 64, 0, (struct sockaddr *)ret_from, ret_from ? &length : NULL) != 64)
		give_up("receive", path->name);
}

static void path_open(struct path *path, char **words, unsigned int rounds)
{
	struct linger at_once = { .l_onoff = 1 };
	struct sockaddr_in guest;
	int one = 1;

	path->name = words[0];
	path->guest_netns = open(words[1], O_RDONLY | O_CLOEXEC);
	path->outside_netns = open(words[2], O_RDONLY | O_CLOEXEC);
	if (path->guest_netns < 0 || path->outside_netns < 0)
		give_up("namespace", path->name);
	path->guest.sin_family = path->outside.sin_family = AF_INET;
	path->outside.sin_port = htons(PORT);
	if (inet_pton(AF_INET, words[3], &path->guest.sin_addr) != 1 || inet_pton(AF_INET, words[4], &path->outside.sin_addr) != 1)
		give_up("address", path->name);

	path->udp_outside = new_socket(path, path->outside_netns, SOCK_DGRAM);
	bind_to(path, path->udp_outside, &path->outside);
	path->udp_guest = new_socket(path, path->guest_netns, SOCK_DGRAM);
	bind_to(path, path->udp_guest, &path->guest);
	for (int i = 0; i < 4; i++) {	/* neighbours are known, the flow is an established one */
		send_to(path, path->udp_guest, &path->outside);
		receive(path, path->udp_outside, &path->seen);
		send_to(path, path->udp_outside, &path->seen);
		receive(path, path->udp_guest, NULL);
	}

	path->tcp_listen = new_socket(path, path->outside_netns, SOCK_STREAM);
	bind_to(path, path->tcp_listen, &path->outside);
	if (listen(path->tcp_listen, 16) < 0)
		give_up("listen", path->name);
	path->tcp_guest = new_socket(path, path->guest_netns, SOCK_STREAM);
	guest = path->guest;
	bind_to(path, path->tcp_guest, &guest);
	if (connect(path->tcp_guest, (struct sockaddr *)&path->outside, sizeof(path->outside)) < 0)
		give_up("connect", path->name);
	path->tcp_outside = accept4(path->tcp_listen, NULL, NULL, SOCK_CLOEXEC);
	if (path->tcp_outside < 0)
		give_up("accept", path->name);
	(void)setsockopt(path->tcp_guest, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(path->tcp_listen, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	for (unsigned int i = 0; i < OPERATIONS; i++)
		if (!(path->samples[i] = calloc(rounds, sizeof(double))))
			give_up("memory", path->name);
}

/* A connection that is not there any more afterwards. */
static void connect_once(const struct path *path)
{
	struct linger at_once = { .l_onoff = 1 };
	int guest = new_socket(path, path->guest_netns, SOCK_STREAM), outside;

	if (connect(guest, (const struct sockaddr *)&path->outside, sizeof(path->outside)) < 0)
		give_up("connect", path->name);
	outside = accept4(path->tcp_listen, NULL, NULL, SOCK_CLOEXEC);
	if (outside < 0)
		give_up("accept", path->name);
	(void)setsockopt(guest, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(guest);
	close(outside);
}

static void first_packet(const struct path *path)
{
	int guest = new_socket(path, path->guest_netns, SOCK_DGRAM);

	send_to(path, guest, &path->outside);
	receive(path, path->udp_outside, NULL);
	close(guest);
}

static void stream_chunk(const struct path *path)
{
	size_t left = CHUNK;

	if (send(path->tcp_guest, buffer, CHUNK, 0) != CHUNK)
		give_up("send", path->name);
	while (left > 0) {
		ssize_t n = recv(path->tcp_outside, buffer, left, 0);

		if (n <= 0)
			give_up("receive", path->name);
		left -= (size_t)n;
	}
}

static void operate(const struct path *path, enum operation operation)
{
	switch (operation) {
	case UDP_UP:
		send_to(path, path->udp_guest, &path->outside);
		receive(path, path->udp_outside, NULL);
		break;
	case UDP_DOWN:
		send_to(path, path->udp_outside, &path->seen);
		receive(path, path->udp_guest, NULL);
		break;
	case UDP_REQUEST:
		send_to(path, path->udp_guest, &path->outside);
		receive(path, path->udp_outside, NULL);
		send_to(path, path->udp_outside, &path->seen);
		receive(path, path->udp_guest, NULL);
		break;
	case UDP_FIRST:
		first_packet(path);
		break;
	case TCP_CONNECT:
		connect_once(path);
		break;
	case TCP_STREAM:
		stream_chunk(path);
		break;
	case OPERATIONS:
		break;
	}
}

static double spent_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
	static struct path paths[MAX_PATHS];
	unsigned int n = (unsigned int)(argc - 2) / 5, rounds;
	unsigned int order[MAX_PATHS];
	cpu_set_t one;

	if (argc < 7 || (argc - 2) % 5 != 0 || n > MAX_PATHS || (rounds = (unsigned int)atoi(argv[1])) == 0) {
		fprintf(stderr, "usage: bench-datapath ROUNDS NAME GUEST_NETNS OUTSIDE_NETNS GUEST OUTSIDE ...\n");
		return 2;
	}
	CPU_ZERO(&one);
	CPU_SET((unsigned int)sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		give_up("sched_setaffinity", "");
	srand(getenv("SEED") ? (unsigned int)atoi(getenv("SEED")) : (unsigned int)getpid());
	for (unsigned int i = 0; i < n; i++) {
		order[i] = i;
		path_open(&paths[i], argv + 2 + 5 * i, rounds);
	}

	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int operation = 0; operation < OPERATIONS; operation++) {
			for (unsigned int i = n - 1; i > 0; i--) {
				unsigned int j = (unsigned int)rand() % (i + 1), kept = order[i];

				order[i] = order[j];
				order[j] = kept;
			}
			for (unsigned int i = 0; i < n; i++) {
				struct path *path = &paths[order[i]];
				double begin;

				/* The first goes uncounted: it brings this path's memory back into the caches. */
				operate(path, operation);
				begin = spent_ns();
				for (unsigned int k = 0; k < counts[operation]; k++)
					operate(path, operation);
				path->samples[operation][round] = (spent_ns() - begin) / counts[operation];
			}
		}

	for (unsigned int operation = 0; operation < OPERATIONS; operation++)
		for (unsigned int i = 0; i < n; i++) {
			qsort(paths[i].samples[operation], rounds, sizeof(double), compare);
			printf("%s %s %.0f\n", paths[i].name, names[operation], paths[i].samples[operation][rounds / 2]);
		}
	return 0;
}
