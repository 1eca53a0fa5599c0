/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Talking to guestnetd.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "ctl.h"

#define BUS_PATH	"/org/guestnet1"
#define BUS_INTERFACE	"org.guestnet1.Manager"

int bus_open(sd_bus **ret_bus, struct failure *failure);
int bus_call(sd_bus *bus, const char *method, sd_bus_message **ret_reply, struct failure *failure,
	     const char *types, ...);
enum exit_status bus_exit_status(int error);
