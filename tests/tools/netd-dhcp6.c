// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks for an address by DHCPv6 (RFC 8415: Solicit, Advertise) and prints the one that is offered.
 *
 *   netd-dhcp6 INTERFACE MAC	status 1 when nobody offers one for some seconds
 *   netd-dhcp6 INTERFACE MAC OPTION...	with these options beside, NUMBER:BYTES in hexadecimal such as 61:0007, as firmware
 *		does: prints what it is told to boot (59) and as what the server answers (16, its text), "-" for neither
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ATTEMPTS	20
#define REPEAT_MS	1000

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Option number @type among the options at @p. */
static const uint8_t *find(const uint8_t *p, size_t n, uint16_t type, size_t *ret_length)
{
	while (n >= 4 && (size_t)get16(p + 2) + 4 <= n) {
		size_t length = get16(p + 2);

		if (get16(p) == type) {
			*ret_length = length;
			return p + 4;
		}
		p += 4 + length;
		n -= 4 + length;
	}
	return NULL;
}

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* NUMBER:BYTES as an option at @p; how long it has become, or 0. */
static size_t put_option(uint8_t *p, size_t size, const char *text)
{
	const char *bytes = strchr(text, ':');
	size_t n = bytes ? strlen(bytes + 1) / 2 : 0;
	unsigned int byte;

	if (!bytes || n + 4 > size)
		return 0;
	put16(p, strtoul(text, NULL, 10));
	put16(p + 2, n);
	for (size_t i = 0; i < n; i++) {
		if (sscanf(bytes + 1 + 2 * i, "%2x", &byte) != 1)
			return 0;
		p[4 + i] = (uint8_t)byte;
	}
	return n + 4;
}

static void print_boot(const uint8_t *options, size_t n)
{
	size_t url_length = 0, class_length = 0;
	const uint8_t *url = find(options, n, 59, &url_length), *class = find(options, n, 16, &class_length);
	/* Behind whose class it is, and its length. */
	bool whole = class && class_length >= 6 && (size_t)get16(class + 4) + 6 == class_length;

	printf("%.*s ", url ? (int)url_length : 1, url ? (const char *)url : "-");
	printf("%.*s\n", whole ? (int)class_length - 6 : 1, whole ? (const char *)class + 6 : class ? "?" : "-");
}

int main(int argc, char *argv[])
{
	static const uint8_t fixed[] = {
		1, 0x47, 0x4e, 0x36,						/* Solicit, transaction */
		0, 1, 0, 10, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0,			/* client id: DUID-LL, Ethernet */
		0, 8, 0, 2, 0, 0,						/* elapsed time */
		0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,		/* IA_NA */
	};
	struct sockaddr_in6 from = { .sin6_family = AF_INET6, .sin6_port = htons(546) };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(547) };
	struct pollfd pollfd = { .events = POLLIN };
	size_t solicit_length = sizeof(fixed);
	uint8_t solicit[512];
	unsigned int m[6];

	if (argc < 3 || sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6) {
		fprintf(stderr, "usage: netd-dhcp6 INTERFACE MAC [OPTION...]\n");
		return 2;
	}
	memcpy(solicit, fixed, sizeof(fixed));
	for (int i = 3; i < argc; i++) {
		size_t n = put_option(solicit + solicit_length, sizeof(solicit) - solicit_length, argv[i]);

		if (n == 0) {
			fprintf(stderr, "netd-dhcp6: %s: want NUMBER:BYTES\n", argv[i]);
			return 2;
		}
		solicit_length += n;
	}
	for (int i = 0; i < 6; i++)
		solicit[12 + i] = (uint8_t)m[i];
	to.sin6_scope_id = if_nametoindex(argv[1]);
	inet_pton(AF_INET6, "ff02::1:2", &to.sin6_addr);
	pollfd.fd = socket(AF_INET6, SOCK_DGRAM, 0);
	if (pollfd.fd < 0 || bind(pollfd.fd, (void *)&from, sizeof(from)) < 0) {
		perror("netd-dhcp6");
		return 2;
	}
	for (int i = 0; i < ATTEMPTS; i++) {
		uint8_t answer[1500];
		const uint8_t *ia, *address;
		size_t length;
		ssize_t n;

		/* There may be no link-local address yet. */
		(void)!sendto(pollfd.fd, solicit, solicit_length, 0, (void *)&to, sizeof(to));
		if (poll(&pollfd, 1, REPEAT_MS) <= 0)
			continue;
		n = recv(pollfd.fd, answer, sizeof(answer), 0);
		if (n < 4 || answer[0] != 2)
			continue;
		ia = find(answer + 4, (size_t)n - 4, 3, &length);
		address = ia && length > 12 ? find(ia + 12, length - 12, 5, &length) : NULL;
		if (address && length >= 24) {
			char text[INET6_ADDRSTRLEN];

			if (argc > 3)
				print_boot(answer + 4, (size_t)n - 4);
			else
				puts(inet_ntop(AF_INET6, address, text, sizeof(text)));
			return 0;
		}
	}
	return 1;
}
