/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VLANs of bridges and their ports.
 */
#pragma once

#include "kernel.h"

int vlan_look_bridge(struct kernel *kernel, int bridge, bool *ret_filtering, uint16_t *ret_default);
int vlan_verify(struct kernel *kernel, int port, uint16_t vid);
