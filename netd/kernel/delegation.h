/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The route that says which IPv6 prefix was delegated to this host.
 */
#pragma once

#include "../model/ip.h"
#include "kernel.h"

int delegation_put(struct kernel *kernel, const struct ip *prefix, unsigned int length, bool add);
int delegation_prefer(struct kernel *kernel, const char *bridge, const struct ip *address, uint32_t seconds);
