/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon has to say.
 */
#pragma once

#include "../../lib/util.h"
#include "../model/ration.h"

void log_to_stderr(void);
bool log_may_say(struct ration *ration, uid_t uid);
void log_say(int priority, const char *network, const char *bridge, const char *format, ...) _printf_(4, 5);
