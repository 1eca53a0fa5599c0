/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv6 prefixes that somebody told us were delegated to this host, and for how long.
 */
#pragma once

#include <systemd/sd-event.h>

#include "../../lib/failure.h"
#include "../../lib/limits.h"
#include "../kernel/kernel.h"
#include "options.h"

#define DELEGATION_FOREVER	UINT32_MAX	/* seconds: as in DHCPv6 */

struct delegations {
	sd_event *event;			/* borrowed, as the next two */
	struct kernel *kernel;
	const struct manager_options *options;
	sd_event_source *timer;			/* owned; NULL: nothing has ever had an end */
	struct delegation {
		struct ip prefix;
		uint8_t length;
		uint64_t until_us;		/* CLOCK_BOOTTIME; UINT64_MAX: for ever */
	} items[LIMIT_DELEGATIONS];
	size_t n;
};

void delegations_load(struct delegations *delegations, sd_event *event, struct kernel *kernel, const struct manager_options *options);
int delegations_set(struct delegations *delegations, const char *prefix, uint32_t seconds, struct failure *failure);
uint64_t delegations_until(const struct delegations *delegations, const struct ip *address);
void delegations_end(struct delegations *delegations);
void delegations_deinit(struct delegations *delegations);
