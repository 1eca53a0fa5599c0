/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to a guest.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "leasefile.h"
#include "network.h"

bool forward_find_guest(const struct network *network, const struct network_forward *forward, const struct leases *leases,
			bool v6, struct ip *ret_address);
void forward_print_listen(const struct network_forward *forward, struct text *text);
uint64_t forwards_hash(const struct network *network, const struct leases *leases);
