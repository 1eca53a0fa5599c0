/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon has to say.
 */
#pragma once

#include "../../lib/util.h"

void log_to_stderr(void);
void log_say(int priority, const char *network, const char *bridge, const char *format, ...) _printf_(4, 5);
