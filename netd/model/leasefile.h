/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dnsmasq's lease file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netstate.h"

struct lease {
	int64_t expires;		/* seconds since 1970; 0: never */
	struct mac mac;			/* zero for IPv6 */
	struct ip address;
	char name[64];			/* the guest's host name; "" when it gave none */
	char client_id[128];		/* or DUID, as dnsmasq writes it; "" for none */
};

struct leases {
	struct lease *items;		/* owned */
	size_t n;
};

#define LEASES_NULL (struct leases){ 0 }

void leases_deinit(struct leases *leases);
int leasefile_parse(const char *text, size_t length, struct leases *ret_leases);
int leases_keep(struct leases *leases, const struct leases *before, bool *ret_kept);
