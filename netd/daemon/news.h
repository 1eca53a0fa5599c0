/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has changed since it was last told: from the manager's state to signals.
 * Event loop context.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "manager.h"

struct news;

int news_new(struct news **ret_news);
struct news *news_free(struct news *news);

int news_begin(struct news *news, const struct manager *manager);
int news_tell(struct news *news, const struct manager *manager, sd_bus *const *buses, size_t n_buses);
