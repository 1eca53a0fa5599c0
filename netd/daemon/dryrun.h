/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reload would do, without doing it.
 */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "manager.h"

struct dryrun;

int dryrun_start(sd_event *event, const struct manager_options *options, sd_bus_message *call, struct dryrun **dryrun);
struct dryrun *dryrun_free(struct dryrun *dryrun);
