/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which Ethernet addresses ports are bound to.
 */
#pragma once

#include "../kernel/kernel.h"
#include "../model/guards.h"
#include "managed.h"
#include "options.h"

struct bindings {
	struct port_binding *items;	/* owned; sorted by index, then address */
	size_t n;
	bool loaded;
};

void bindings_deinit(struct bindings *bindings);
int bindings_update(struct bindings *bindings, struct kernel *kernel, const struct managed_list *networks,
		    const struct netstate *snapshot, const struct manager_options *options, bool only_look);
bool bindings_wants(const struct bindings *bindings, const struct managed_list *networks, const char *bridge, int port);
uint64_t bindings_hash(const struct bindings *bindings);
