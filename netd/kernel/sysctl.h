/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers below /proc/sys/net.
 */
#pragma once

#include "kernel.h"

int sysctl_read(const struct kernel *kernel, const char *path, int *ret_value);
int sysctl_write(struct kernel *kernel, const char *path, int value);
void sysctl_read_forwarding(const struct kernel *kernel, int ret_forwards[2]);

