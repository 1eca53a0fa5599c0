/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a lease file of dnsmasq, finished or not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "../../netd/model/leasefile.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(leases_deinit) struct leases leases = LEASES_NULL;
	size_t n_lines = 0;
	int r;

	for (size_t i = 0; i < size; i++)
		n_lines += data[i] == '\n';
	r = leasefile_parse((const char *)data, size, &leases);
	if (size > 0 && data[size - 1] != '\n') {
		must(r == -EAGAIN && !leases.items);
		return 0;
	}
	must(r == 0 || r == -E2BIG);
	must(leases.n <= n_lines);
	for (size_t i = 0; i < leases.n; i++) {
		const struct lease *lease = &leases.items[i];

		must(lease->expires >= 0);
		must(lease->address.family == AF_INET || lease->address.family == AF_INET6);
		must(memchr(lease->name, '\0', sizeof(lease->name)) && memchr(lease->client_id, '\0', sizeof(lease->client_id)));
		must(!strpbrk(lease->name, " \n") && !strpbrk(lease->client_id, " \n"));
	}
	return 0;
}
