/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dnsmasq's lease file: one lease a line, "EXPIRES MAC ADDRESS NAME CLIENT-ID", IPv6 leases behind a line
 * "duid ..." with an IAID in the place of the MAC (dnsmasq: lease.c:lease_update_file()).
 * Pure: no system calls.
 */
#include "leasefile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"

#define LEASES_LIMIT 65536

void leases_deinit(struct leases *leases)
{
	free(leases->items);
	*leases = LEASES_NULL;
}

static int parse_address(const char *word, struct ip *ret_address)
{
	struct ip address = { 0 };

	if (inet_pton(AF_INET, word, address.bytes_be) == 1)
		address.family = AF_INET;
	else if (inet_pton(AF_INET6, word, address.bytes_be) == 1)
		address.family = AF_INET6;
	else
		return -EINVAL;
	*ret_address = address;
	return 0;
}

/* An ARP type may stand before the MAC ("06-52:54:..."); Ethernet's is left out by dnsmasq. */
static int parse_line(char *line, struct lease *ret_lease)
{
	struct lease lease = { 0 };
	char *words[5], *save = NULL;
	size_t n = 0;
	long long expires;
	char end;

	for (char *word = strtok_r(line, " ", &save); word && n < ARRAY_SIZE(words); word = strtok_r(NULL, " ", &save))
		words[n++] = word;
	if (n < 4 || sscanf(words[0], "%lld%c", &expires, &end) != 1 || expires < 0)
		return -EINVAL;
	if (parse_address(words[2], &lease.address) < 0)
		return -EINVAL;
	if (lease.address.family == AF_INET && mac_parse(words[1], &lease.mac) < 0)
		return -EINVAL;
	lease.expires = expires;
	if (strcmp(words[3], "*") != 0)
		snprintf(lease.name, sizeof(lease.name), "%s", words[3]);
	if (n > 4 && strcmp(words[4], "*") != 0)
		snprintf(lease.client_id, sizeof(lease.client_id), "%s", words[4]);
	*ret_lease = lease;
	return 0;
}

static int add_lease(struct leases *leases, const struct lease *lease)
{
	if (leases->n == LEASES_LIMIT)
		return -E2BIG;
	/* Capacities are powers of two, so the count says when it is full. */
	if ((leases->n & (leases->n - 1)) == 0) {
		struct lease *items = reallocarray(leases->items, leases->n ? 2 * leases->n : 1, sizeof(*items));

		if (!items)
			return -ENOMEM;
		leases->items = items;
	}
	leases->items[leases->n++] = *lease;
	return 0;
}

/* Appends what a line says; one that is no lease is passed over. */
static int add_line(struct leases *leases, const char *bytes, size_t length)
{
	char line[1024];
	struct lease lease;

	if (length >= sizeof(line))
		return 0;
	memcpy(line, bytes, length);
	line[length] = '\0';
	return parse_line(line, &lease) < 0 ? 0 : add_lease(leases, &lease);
}

/*
 * Reads a lease file. dnsmasq truncates the file before it writes it anew, in pieces: one that does not end with a newline
 * is -EAGAIN, no news, the leases known before still stand. One that ends with a newline, or is empty, may still not be all
 * of it: leases_keep(). Lines that are no lease are passed over. The caller owns @ret_leases.
 */
int leasefile_parse(const char *text, size_t length, struct leases *ret_leases)
{
	_cleanup_(leases_deinit) struct leases leases = LEASES_NULL;
	const char *next = text, *end = text + length;

	if (length > 0 && end[-1] != '\n')
		return -EAGAIN;

	while (next < end) {
		const char *newline = memchr(next, '\n', (size_t)(end - next));
		int r = add_line(&leases, next, (size_t)(newline - next));

		if (r < 0)
			return r;
		next = newline + 1;
	}

	*ret_leases = leases;
	leases = LEASES_NULL;
	return 0;
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip));
}

/*
 * Adds those of @before to whose address there is no lease any more; @ret_kept says whether there were any. -ENOMEM, or -E2BIG:
 * some were added.
 */
int leases_keep(struct leases *leases, const struct leases *before, bool *ret_kept)
{
	const size_t n = leases->n;
	_cleanup_(freep) struct ip *addresses = calloc(n + 1, sizeof(*addresses));
	int r = 0;

	if (!addresses)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		addresses[i] = leases->items[i].address;
	qsort(addresses, n, sizeof(*addresses), compare_addresses);
	for (size_t i = 0; r == 0 && i < before->n; i++)
		if (!bsearch(&before->items[i].address, addresses, n, sizeof(*addresses), compare_addresses))
			r = add_lease(leases, &before->items[i]);
	*ret_kept = leases->n > n;
	return r;
}
