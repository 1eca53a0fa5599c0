/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers below /proc/sys/net.
 */
#pragma once

#include <string.h>

#include "kernel.h"

int sysctl_read(const struct kernel *kernel, const char *path, int *ret_value);
int sysctl_write(struct kernel *kernel, const char *path, int value);
void sysctl_read_forwarding(const struct kernel *kernel, int ret_forwards[2]);

/* Was there such a thing on this host at the last look? A kernel that was started with ipv6.disable=1 has none of IPv6. */
static inline bool sysctl_is_possible(const struct kernel *kernel, const char *path)
{
	return kernel->view.forwards[1] >= 0 || strncmp(path, "ipv6/", strlen("ipv6/")) != 0;
}
