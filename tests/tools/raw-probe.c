/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: packets that no program would send by itself.
 *
 *	raw-probe segment SOURCE SPORT DESTINATION PORT FLAGS	one TCP segment without a connection; FLAGS of R F S A
 *	raw-probe mtu DESTINATION PORT SIZE	datagrams that must not be fragmented, until the way is known to be too
 *						narrow for them; prints its MTU, or "wide" when they all went
 *	raw-probe ip DESTINATION PROTOCOL SIZE	one packet of a protocol by its number, with SIZE bytes behind the header
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

static uint16_t checksum(const struct sockaddr_storage *from, const struct sockaddr_storage *to, const struct tcphdr *tcp)
{
	/* IPv4 only; for IPv6 the kernel fills it in. */
	struct {
		uint32_t from, to;
		uint8_t zero, protocol;
		uint16_t length;
		struct tcphdr tcp;
	} __attribute__((packed)) pseudo = {
		.from = ((const struct sockaddr_in *)from)->sin_addr.s_addr,
		.to = ((const struct sockaddr_in *)to)->sin_addr.s_addr,
		.protocol = IPPROTO_TCP, .length = htons(sizeof(*tcp)), .tcp = *tcp,
	};
	const uint8_t *bytes = (const uint8_t *)&pseudo;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(pseudo); i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void send_segment(char **argv)
{
	struct sockaddr_storage from, to;
	struct tcphdr tcp = { .source = htons((uint16_t)atoi(argv[1])), .dest = htons((uint16_t)atoi(argv[3])), .doff = 5,
			      .seq = htonl(12345), .window = htons(1024) };
	socklen_t length = resolve(argv[2], "0", SOCK_DGRAM, &to);
	const int offset = 16;
	int fd;

	resolve(argv[0], "0", SOCK_DGRAM, &from);
	tcp.rst = strchr(argv[4], 'R') != NULL;
	tcp.fin = strchr(argv[4], 'F') != NULL;
	tcp.syn = strchr(argv[4], 'S') != NULL;
	tcp.ack = strchr(argv[4], 'A') != NULL;
	fd = socket(to.ss_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, length) < 0)
		die("socket");
	if (to.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof(offset));
	else
		tcp.check = checksum(&from, &to, &tcp);
	if (sendto(fd, &tcp, sizeof(tcp), 0, (struct sockaddr *)&to, length) < 0)
		die("send");
}

static void find_mtu(char **argv)
{
	struct sockaddr_storage to;
	socklen_t length = resolve(argv[0], argv[1], SOCK_DGRAM, &to);
	int v6 = to.ss_family == AF_INET6, mtu = 0, only = v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[65536] = "";

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, length) < 0 ||
	    setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &only, sizeof(only)) < 0)
		die("socket");
	for (int i = 0; i < 50; i++) {
		struct pollfd pollfd = { fd, 0, 0 };

		if (send(fd, text, (size_t)atoi(argv[2]), 0) < 0 && errno == EMSGSIZE) {
			socklen_t size = sizeof(mtu);

			getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &size);
			printf("%d\n", mtu);
			return;
		}
		poll(&pollfd, 1, 100);
	}
	puts("wide");
}

static void send_packet(char **argv)
{
	struct sockaddr_storage to;
	socklen_t length = resolve(argv[0], "0", SOCK_DGRAM, &to);
	int fd = socket(to.ss_family, SOCK_RAW | SOCK_CLOEXEC, atoi(argv[1]));
	char bytes[1024] = "";

	if (to.ss_family == AF_INET6)	/* of a raw socket it is a protocol (raw(7)) */
		((struct sockaddr_in6 *)&to)->sin6_port = 0;
	if (fd < 0 || sendto(fd, bytes, (size_t)atoi(argv[2]) % sizeof(bytes), 0, (struct sockaddr *)&to, length) < 0)
		die("send");
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "segment") == 0)
		send_segment(argv + 2);
	else if (argc == 5 && strcmp(argv[1], "mtu") == 0)
		find_mtu(argv + 2);
	else if (argc == 5 && strcmp(argv[1], "ip") == 0)
		send_packet(argv + 2);
	else
		return 2;
	return 0;
}
