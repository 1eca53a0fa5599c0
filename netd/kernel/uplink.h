/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card on its way into a bridge and back.
 */
#pragma once

#include "../model/uplink.h"
#include "kernel.h"

int uplink_look(struct kernel *kernel, const char *nic, const char *bridge, struct uplink_look *ret_look);
int uplink_apply(struct kernel *kernel, const struct uplink_steps *steps, const char *nic, const char *bridge,
		 struct failure *failure);

void uplink_read_sysctls(struct kernel *kernel, struct uplink *uplink);
void uplink_read_values(struct kernel *kernel, const char *name, struct uplink_values *ret_values);
void uplink_write_sysctls(struct kernel *kernel, const struct uplink *uplink);

enum uplink_answer { UPLINK_SILENT, UPLINK_ANSWERS, UPLINK_FIXED };

int uplink_ask(struct kernel *kernel, int ifindex, const struct ip *neighbour);
enum uplink_answer uplink_answer(struct kernel *kernel, int ifindex, const struct ip *neighbour);
