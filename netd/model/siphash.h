/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keyed hash: names to numbers that stay the same and do not tell the key.
 * Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_SIZE 16

uint64_t siphash24(const void *bytes, size_t length, const uint8_t key[static SIPHASH_KEY_SIZE]);
