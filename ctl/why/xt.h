/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matches and targets of iptables inside rules of nftables (iptables-nft).
 * Pure: no system calls.
 */
#pragma once

#include <stddef.h>

#include "packet.h"

enum xt_answer { XT_NO, XT_YES, XT_UNSURE };
enum xt_effect { XT_CONTINUE, XT_DROPS, XT_TRANSLATES, XT_UNKNOWN };

enum xt_answer xt_match(const struct packet_fib *fib, const struct packet *packet, const char *name, const void *info,
			size_t length);
enum xt_effect xt_target(struct packet *packet, const char *name, uint32_t revision, const void *info, size_t length);
