/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to a guest.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "leasefile.h"
#include "network.h"
#include "subnet.h"

bool forward_is_users(const struct network *network, const struct network_forward *forward);
bool forward_meets(const struct network_forward *a, const struct network_forward *b);
bool forward_find_guest(const struct network *network, const struct network_forward *forward, const struct leases *leases,
			bool v6, struct ip *ret_address);
bool forward_is_inside(const struct network *network, const struct network_address *addresses, size_t n_addresses, const struct ip *ip);
void forward_print_to(const struct network_forward *forward, struct text *text);
void forward_explain(const struct network *network, const struct network_forward *forward, const struct leases *leases,
		     const struct network_address *addresses, size_t n_addresses, struct text *now, struct text *why);
void forward_print_listen(const struct network_forward *forward, struct text *text);
uint64_t forwards_hash(const struct network *network, const struct leases *leases);
