/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verbs share that change something.
 */
#pragma once

#include "bus.h"

enum exit_status change_call(const char *method, const char *network, struct failure *failure);
enum exit_status change_stop(const char *network, struct failure *failure);
int change_send(sd_bus *bus, const char *method, const char *network, const char *text, const char *origin,
		struct failure *failure);
int change_read_text(const char *path, char **ret_text, struct failure *failure);
