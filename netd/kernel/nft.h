/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables: our table's description as messages.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/nl/batch.h"
#include "../model/ruleset.h"

/* linux/netfilter/nf_tables.h of Linux 6.9; older headers lack it. */
#define NFT_PERSISTENT		0x4
#define NFT_OWNED_PERSISTENT	(0x2 | NFT_PERSISTENT)

bool nft_probe_owner(struct nl_channel *channel);
bool nft_has_bridges(struct nl_channel *channel, int *known);
bool nft_has_limits(struct nl_channel *channel, int *known);
bool nft_table_exists(struct nl_channel *channel, bool bridge);

void nft_put_begin(struct nl_batch *batch);
void nft_put_end(struct nl_batch *batch);
void nft_begin(struct nl_batch *batch, uint8_t message, uint16_t flags, uint8_t family, uint32_t tag);

void nft_put_table(struct nl_batch *batch, bool bridge, uint32_t flags, uint32_t tag);
void nft_put_table_delete(struct nl_batch *batch, bool bridge, uint32_t tag);
void nft_put_ruleset(struct nl_batch *batch, const struct ruleset *ruleset, uint32_t tag);
void nft_put_element(struct nl_batch *batch, bool add, const struct netstate_element *element, uint32_t tag);
size_t nft_put_elements(struct nl_batch *batch, const struct netstate_element *const elements[], size_t n, uint32_t tag);
