/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last word about an IPv6 prefix that guests have addresses of.
 */
#pragma once

#include "../model/ip.h"
#include "kernel.h"

int farewell_send(const struct kernel *kernel, const char *bridge, const struct ip *prefix, unsigned int length,
		  unsigned int router_lifetime_s);
