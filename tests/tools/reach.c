/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a packet get from one network namespace to another, and its answer back? By sending it.
 *
 *	reach PORT[,PORT...] NAME=NETNS...
 *
 * In every namespace somebody answers on these ports, UDP and TCP, IPv4 and IPv6. Then, a line of standard input each:
 *
 *	NAME SOURCE DESTINATION PORT udp|tcp MILLISECONDS
 *
 * sends from SOURCE in that namespace, with a new port of its own, and prints "yes" when an answer came within so long,
 * else "no".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_SPACES	16
#define MAX_SOCKETS	256

static struct { const char *name; int fd; } spaces[MAX_SPACES];
static size_t n_spaces;
static struct pollfd sockets[MAX_SOCKETS + 1];
static bool streams[MAX_SOCKETS];
static size_t n_sockets;

static void give_up(const char *what)
{
	fprintf(stderr, "reach: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void answer_on(int family, int type, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0 || n_sockets == MAX_SOCKETS)
		give_up("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	}
	if (bind(fd, family == AF_INET ? (void *)&v4 : (void *)&v6, family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0)
		give_up("bind");
	if (type == SOCK_STREAM && listen(fd, 64) < 0)
		give_up("listen");
	streams[n_sockets] = type == SOCK_STREAM;
	sockets[n_sockets++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

/* From the address that was asked: what was received as control data says it, and is sent back as it is. */
static void answer(size_t i)
{
	char buffer[64], control[256];
	struct sockaddr_storage from;
	struct iovec part = { buffer, sizeof(buffer) };
	struct msghdr message = { &from, sizeof(from), &part, 1, control, sizeof(control), 0 };
	ssize_t n;

	if (streams[i]) {
		int fd = accept4(sockets[i].fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			close(fd);
		return;
	}
	n = recvmsg(sockets[i].fd, &message, 0);
	if (n < 0)
		return;
	part.iov_len = (size_t)n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_ifindex = 0;
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_ifindex = 0;
	}
	(void)sendmsg(sockets[i].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static socklen_t parse(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		give_up(text);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static bool reaches(const char *name, const char *source, const char *destination, uint16_t port, bool stream, long long wait)
{
	struct sockaddr_storage from, to;
	socklen_t length = parse(source, 0, &from);
	long long end = now_ms() + wait;
	bool done = false, yes = false;
	int fd;

	parse(destination, port, &to);
	for (size_t i = 0; i < n_spaces; i++)
		if (strcmp(spaces[i].name, name) == 0 && setns(spaces[i].fd, CLONE_NEWNET) < 0)
			give_up("setns");
	fd = socket(from.ss_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, length) < 0)
		give_up(source);
	if (connect(fd, (struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS)
		done = true;	/* refused at once */
	if (!done && !stream && send(fd, "?", 1, MSG_NOSIGNAL) < 0)
		done = true;
	sockets[n_sockets] = (struct pollfd){ .fd = fd, .events = stream ? POLLOUT : POLLIN };
	while (!done && now_ms() < end) {
		if (poll(sockets, n_sockets + 1, (int)(end - now_ms())) <= 0)
			continue;
		for (size_t i = 0; i < n_sockets; i++)
			if (sockets[i].revents)
				answer(i);
		if (sockets[n_sockets].revents) {
			int error = 0;
			socklen_t size = sizeof(error);

			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
			yes = error == 0 && (stream || sockets[n_sockets].revents & POLLIN);
			done = true;
		}
	}
	close(fd);
	return yes;
}

int main(int argc, char **argv)
{
	char line[256], name[32], source[64], destination[64], protocol[8];
	unsigned int port, wait;

	if (argc < 3)
		return 2;
	for (int i = 2; i < argc && n_spaces < MAX_SPACES; i++) {
		char *equals = strchr(argv[i], '='), *ports = strdup(argv[1]);

		if (!equals || !ports)
			return 2;
		*equals = '\0';
		spaces[n_spaces].name = argv[i];
		spaces[n_spaces].fd = open(equals + 1, O_RDONLY | O_CLOEXEC);
		if (spaces[n_spaces].fd < 0 || setns(spaces[n_spaces++].fd, CLONE_NEWNET) < 0)
			give_up(equals + 1);
		for (char *word = strtok(ports, ","); word; word = strtok(NULL, ","))
			for (int kind = 0; kind < 4; kind++)
				answer_on(kind & 1 ? AF_INET6 : AF_INET, kind & 2 ? SOCK_STREAM : SOCK_DGRAM, (uint16_t)atoi(word));
		free(ports);
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%31s %63s %63s %u %7s %u", name, source, destination, &port, protocol, &wait) != 6)
			return 2;
		puts(reaches(name, source, destination, (uint16_t)port, strcmp(protocol, "tcp") == 0, wait) ? "yes" : "no");
		fflush(stdout);
	}
	return 0;
}
