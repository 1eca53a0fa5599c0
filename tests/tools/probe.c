/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: one packet, or one connection, and what came of it.
 *
 *	probe serve PORT			answers UDP and TCP, IPv4 and IPv6, with the peer's address and port
 *						as they are seen here; a line for each on standard output
 *	probe ask udp|tcp SOURCE SPORT DESTINATION PORT TEXT
 *						prints the answer, or refused, unreachable, silence
 *	probe send SOURCE SPORT DESTINATION PORT TEXT
 *						sends one datagram and does not wait
 *	probe ping DESTINATION			prints pong, or silence (IPv4 and IPv6 echo request)
 *
 * SOURCE may be -, SPORT may be 0: the kernel chooses.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define SILENCE_MS	5000	/* a bound for a hung test; every expected answer comes at once */

static int listen_on(const char *port, int type)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	const int on = 1, off = 0;
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0))
		die("bind");
	return fd;
}

static void print_peer(const struct sockaddr_in6 *peer, char *buffer, size_t size)
{
	char address[INET6_ADDRSTRLEN];
	const char *text = inet_ntop(AF_INET6, &peer->sin6_addr, address, sizeof(address));

	if (text && strncmp(text, "::ffff:", 7) == 0)
		text += 7;
	snprintf(buffer, size, "%s %u", text ? text : "?", ntohs(peer->sin6_port));
}

static void serve(const char *port)
{
	struct pollfd fds[] = { { listen_on(port, SOCK_DGRAM), POLLIN, 0 }, { listen_on(port, SOCK_STREAM), POLLIN, 0 } };

	puts("ready");
	fflush(stdout);
	while (poll(fds, 2, -1) >= 0) {
		char text[256] = "", answer[80];
		struct sockaddr_in6 peer;
		socklen_t length = sizeof(peer);

		if (fds[0].revents) {
			ssize_t n = recvfrom(fds[0].fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&peer, &length);

			if (n < 0)
				continue;
			print_peer(&peer, answer, sizeof(answer));
			printf("udp %s %s\n", text, answer);
			fflush(stdout);
			sendto(fds[0].fd, answer, strlen(answer), 0, (struct sockaddr *)&peer, length);
		}
		if (fds[1].revents) {
			int fd = accept(fds[1].fd, (struct sockaddr *)&peer, &length);

			if (fd < 0)
				continue;
			print_peer(&peer, answer, sizeof(answer));
			printf("tcp %s\n", answer);
			fflush(stdout);
			if (write(fd, answer, strlen(answer)) < 0)
				perror("probe: write");
			close(fd);
		}
	}
}

static int open_from(const char *source, const char *port, int family, int type)
{
	struct sockaddr_storage address;
	const int on = 1;
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	socklen_t length;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (strcmp(source, "-") == 0)
		source = family == AF_INET6 ? "::" : "0.0.0.0";
	length = resolve(source, port, type, &address);
	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		die(source);
	return fd;
}

static void report(int error)
{
	if (error == ECONNREFUSED)
		puts("refused");
	else if (error == EHOSTUNREACH || error == ENETUNREACH)
		puts("unreachable");
	else
		printf("error %s\n", strerror(error));
	exit(0);
}

static void ask(char **argv, int type)
{
	struct sockaddr_storage address;
	socklen_t length = resolve(argv[2], argv[3], type, &address);
	int fd = open_from(argv[0], argv[1], address.ss_family, type);
	struct pollfd pollfd = { fd, POLLIN, 0 };
	const struct timeval bound = { SILENCE_MS / 1000, 0 };
	char text[256];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
	if (connect(fd, (struct sockaddr *)&address, length) < 0) {
		if (errno == EINPROGRESS) {
			puts("silence");
			exit(0);
		}
		report(errno);
	}
	if (type == SOCK_DGRAM && send(fd, argv[4], strlen(argv[4]), 0) < 0)
		report(errno);
	if (poll(&pollfd, 1, SILENCE_MS) == 0) {
		puts("silence");
		exit(0);
	}
	n = recv(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		report(errno);
	text[n] = '\0';
	puts(text);
}

static void send_one(char **argv)
{
	struct sockaddr_storage address;
	socklen_t length = resolve(argv[2], argv[3], SOCK_DGRAM, &address);
	int fd = open_from(argv[0], argv[1], address.ss_family, SOCK_DGRAM);

	if (sendto(fd, argv[4], strlen(argv[4]), 0, (struct sockaddr *)&address, length) < 0)
		die("send");
}

static uint16_t checksum(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void ping(const char *destination)
{
	struct sockaddr_storage address;
	socklen_t length = resolve(destination, "0", SOCK_DGRAM, &address);
	int v6 = address.ss_family == AF_INET6;
	int fd = socket(address.ss_family, SOCK_RAW | SOCK_CLOEXEC, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	struct pollfd pollfd = { fd, POLLIN, 0 };
	uint8_t request[16] = { v6 ? 128 : 8, 0, 0, 0, (uint8_t)(getpid() >> 8), (uint8_t)getpid(), 0, 1 }, reply[1500];
	uint16_t sum = checksum(request, sizeof(request));

	if (fd < 0)
		die("socket");
	request[2] = (uint8_t)(sum >> 8);
	request[3] = (uint8_t)sum;
	if (sendto(fd, request, sizeof(request), 0, (struct sockaddr *)&address, length) < 0)
		report(errno);
	while (poll(&pollfd, 1, SILENCE_MS) > 0) {
		ssize_t n = recv(fd, reply, sizeof(reply), 0);
		const uint8_t *icmp = reply + (v6 ? 0 : (reply[0] & 15) * 4);

		if (n >= (icmp - reply) + 8 && icmp[0] == (v6 ? 129 : 0) && memcmp(icmp + 4, request + 4, 4) == 0) {
			puts("pong");
			return;
		}
	}
	puts("silence");
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	else if (argc == 8 && strcmp(argv[1], "ask") == 0)
		ask(argv + 3, strcmp(argv[2], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM);
	else if (argc == 7 && strcmp(argv[1], "send") == 0)
		send_one(argv + 2);
	else if (argc == 3 && strcmp(argv[1], "ping") == 0)
		ping(argv[2]);
	else
		return 2;
	return 0;
}
