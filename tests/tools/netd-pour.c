/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends as much as it can.
 *
 *	netd-pour ADDRESS PORT COUNT SIZE
 *
 * COUNT datagrams of UDP with SIZE bytes each, one behind the other. Whether anybody gets them is not its business.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM };
	static char bytes[65536];
	struct addrinfo *to;
	unsigned long count, size;
	int fd;

	if (argc != 5 || getaddrinfo(argv[1], argv[2], &hints, &to) != 0) {
		fprintf(stderr, "usage: netd-pour ADDRESS PORT COUNT SIZE\n");
		return 2;
	}
	count = strtoul(argv[3], NULL, 10);
	size = strtoul(argv[4], NULL, 10);
	fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		perror("netd-pour");
		return 1;
	}
	/* Who refuses is asked again. */
	for (unsigned long i = 0; i < count; i++)
		(void)send(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes), 0);
	return 0;
}
