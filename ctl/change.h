/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verbs share that change something.
 */
#pragma once

#include "bus.h"

int change_read_text(const char *path, char **ret_text, struct failure *failure);
