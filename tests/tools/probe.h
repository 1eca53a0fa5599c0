/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What probe and raw-probe share: addresses as they are given, and the end when something cannot be done.
 */
#pragma once

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(2);
}

static socklen_t resolve(const char *address, const char *port, int type, struct sockaddr_storage *ret)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = type }, *result;
	socklen_t length;

	if (getaddrinfo(address, port, &hints, &result) != 0) {
		errno = EINVAL;
		die(address);
	}
	length = result->ai_addrlen;
	memcpy(ret, result->ai_addr, length);
	freeaddrinfo(result);
	return length;
}
