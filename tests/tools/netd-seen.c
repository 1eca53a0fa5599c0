// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is seen: a server that answers with the address that it sees, and a client that prints the answer.
 *
 *   netd-seen serve PORT [NAME]			TCP and UDP, IPv4 and IPv6; the answer is "ADDRESS PORT NAME"
 *   netd-seen ask tcp|udp ADDRESS PORT [SOURCE]	prints the answer; status 1 when there is none for some seconds
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An answer that is refused comes at once; one that is dropped never. A loaded machine needs some time. */
#define ANSWER_MS	4000
#define REPEAT_MS	500

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "netd-seen: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int answer(const struct sockaddr_in6 *peer, const char *name, char *buffer, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr))
		inet_ntop(AF_INET, &peer->sin6_addr.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &peer->sin6_addr, text, sizeof(text));
	return snprintf(buffer, size, "%s %u %s\n", text, ntohs(peer->sin6_port), name);
}

static int serve(const char *port, const char *name)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	int tcp = socket(AF_INET6, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
	struct pollfd fds[] = { { tcp, POLLIN, 0 }, { udp, POLLIN, 0 } };

	signal(SIGPIPE, SIG_IGN);
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(tcp, (const void *)&any, sizeof(any)) < 0 || bind(udp, (const void *)&any, sizeof(any)) < 0 ||
	    listen(tcp, 64) < 0)
		die(port);
	for (;;) {
		struct sockaddr_in6 peer;
		socklen_t length = sizeof(peer);
		char buffer[256];
		int n;

		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[0].revents) {
			int fd = accept(tcp, (void *)&peer, &length);

			if (fd < 0)
				continue;
			n = answer(&peer, name, buffer, sizeof(buffer));
			if (write(fd, buffer, (size_t)n) < 0)
				perror("write");
			close(fd);
		}
		length = sizeof(peer);
		if (fds[1].revents && recvfrom(udp, buffer, sizeof(buffer), 0, (void *)&peer, &length) >= 0) {
			n = answer(&peer, name, buffer, sizeof(buffer));
			/* An answer to a broken address is nobody's loss. */
			if (sendto(udp, buffer, (size_t)n, 0, (void *)&peer, length) < 0)
				perror("sendto");
		}
	}
}

static struct addrinfo *resolve(const char *address, const char *port, int type)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = type };
	struct addrinfo *result;

	if (getaddrinfo(address, port, &hints, &result) != 0)
		die(address);
	return result;
}

static int ask(const char *protocol, const char *address, const char *port, const char *source)
{
	int type = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	struct addrinfo *to = resolve(address, port, type), *from = source ? resolve(source, "0", type) : NULL;
	int fd = socket(to->ai_family, type | SOCK_NONBLOCK, 0);
	struct pollfd pollfd = { fd, 0, 0 };
	char buffer[256];
	ssize_t n;

	if (fd < 0 || (from && bind(fd, from->ai_addr, from->ai_addrlen) < 0))
		die("socket");
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
		return 1;
	pollfd.events = POLLIN;
	for (int waited = 0; waited < ANSWER_MS; waited += REPEAT_MS) {
		if (type == SOCK_DGRAM && send(fd, "x", 1, 0) < 0)
			return 1;
		if (poll(&pollfd, 1, REPEAT_MS) <= 0)
			continue;
		n = recv(fd, buffer, sizeof(buffer), 0);
		if (n <= 0)
			return 1;
		return fwrite(buffer, 1, (size_t)n, stdout) == (size_t)n ? 0 : 1;
	}
	return 1;
}

int main(int argc, char *argv[])
{
	if (argc >= 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argc > 3 ? argv[3] : "-");
	if (argc >= 5 && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], argv[3], argv[4], argc > 5 ? argv[5] : NULL);
	fprintf(stderr, "usage: netd-seen serve PORT [NAME] | ask tcp|udp ADDRESS PORT [SOURCE]\n");
	return 2;
}
