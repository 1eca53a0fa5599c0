/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leases of a network, read from dnsmasq's file whenever it changes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../model/leasefile.h"

enum lease_change { LEASE_ADDED, LEASE_RENEWED, LEASE_REMOVED };

typedef void lease_observer(enum lease_change change, const struct lease *lease, void *data);

int leases_read(const char *path, struct leases *ret_leases);
void leases_compare(const struct leases *before, const struct leases *after, lease_observer *observer, void *data);
