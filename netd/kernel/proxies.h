/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses that the host answers for on an interface: the kernel's list of proxies.
 */
#pragma once

#include "kernel.h"

int proxies_read(struct kernel *kernel, struct netstate *ret_state);
void proxies_put(const struct kernel *kernel, struct nl_batch *batch, bool add, const struct netstate_proxy *proxy, uint32_t tag);
