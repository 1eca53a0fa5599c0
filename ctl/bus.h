/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Talking to guestnetd: on its own socket, or over the system bus.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "../lib/str.h"
#include "ctl.h"

#define BUS_NAME	"org.guestnet1"
#define BUS_PATH	"/org/guestnet1"
#define BUS_INTERFACE	"org.guestnet1.Manager"
#define BUS_NETWORK	"org.guestnet1.Network"

bool systemd_runs(void);
int bus_open(sd_bus **ret_bus, struct failure *failure);
int bus_open_running(sd_bus **ret_bus, struct failure *failure);
int bus_call(sd_bus *bus, const char *method, sd_bus_message **ret_reply, struct failure *failure,
	     const char *types, ...);
int bus_call_words(sd_bus *bus, const char *method, sd_bus_message **ret_reply, char **ret_words, struct failure *failure,
		   const char *types, ...);
int bus_get_networks(sd_bus *bus, sd_bus_message **ret_reply, struct failure *failure);
int bus_get_network(sd_bus *bus, const char *network, sd_bus_message **ret_reply, struct failure *failure);
int bus_get_text(sd_bus *bus, const char *property, char **ret_text, struct failure *failure);
int bus_get_list(sd_bus *bus, const char *property, const char *between, struct text *list, struct failure *failure);
int bus_subscribe(sd_bus *bus, sd_bus_message_handler_t on_signal, void *data, struct failure *failure);
enum exit_status bus_exit_status(int error);
