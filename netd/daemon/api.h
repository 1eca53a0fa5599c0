/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other programs can ask and tell the daemon: org.guestnet1.
 */
#pragma once

#include <systemd/sd-event.h>

#include "../../lib/failure.h"
#include "manager.h"
#include "systembus.h"

struct api;

int api_new(sd_event *event, struct manager *manager, struct systembus *systembus, const char *socket_path,
	    struct api **ret_api, struct failure *failure);
struct api *api_free(struct api *api);
static inline void api_freep(struct api **api)
{
	*api = api_free(*api);
}
