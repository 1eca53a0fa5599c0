/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What events say of bridges of ours, beyond that there is something to look at.
 */
#pragma once

#include <stddef.h>

#include "../model/haste.h"
#include "kernel.h"

void told_note(const struct kernel *kernel, uint32_t own_port, const void *bytes, size_t length, struct haste *haste);
