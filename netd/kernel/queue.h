/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listener that DHCP replies pass through where nothing better completes their checksums.
 */
#pragma once

#include "../../lib/nl/batch.h"

/* Of the kernel's 65536 queues; rules and listener agree on it. "gn" in ASCII. */
#define QUEUE_NUMBER	0x676e

int queue_open(struct nl_channel *ret_channel);
int queue_read(struct nl_channel *channel);
