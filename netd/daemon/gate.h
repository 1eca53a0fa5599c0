/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * org.guestnet1 on the system bus: who is allowed to call what, and passing it on.
 * Event loop context.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "systembus.h"

struct gate;

int gate_new(struct systembus *systembus, sd_bus *inside, struct gate **ret_gate);
struct gate *gate_free(struct gate *gate);
static inline void gate_freep(struct gate **gate)
{
	*gate = gate_free(*gate);
}
