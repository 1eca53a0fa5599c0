/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory by the page: what is not touched is not there.
 * System calls; no logging.
 */
#pragma once

#include <stddef.h>

void *pages_new(size_t size);
void *pages_free(void *pages, size_t size);
void pages_give_back_text(void);
