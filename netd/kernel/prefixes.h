/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The routes that the kernel makes for addresses, asked for one by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel.h"

int prefixes_ask(struct kernel *kernel, int ifindex, const struct netstate_address *addresses, size_t n,
		 struct netstate_route *ret_routes, bool *ret_found);
