/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of ours in the tables of others: the few expressions they are made of, and the mark they carry.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/nl/batch.h"

void foreign_begin_expression(struct nl_batch *batch, const char *name, size_t nests[2]);
void foreign_end_expression(struct nl_batch *batch, const size_t nests[2]);
void foreign_put_meta(struct nl_batch *batch, uint32_t key, const void *value, size_t length);
void foreign_put_port(struct nl_batch *batch, bool source, uint16_t port);
void foreign_put_verdict(struct nl_batch *batch, uint32_t code, const char *chain);
void foreign_put_mark(struct nl_batch *batch);
bool foreign_matches_name(const void *value, size_t length, const char *name);
bool foreign_is_marked(const struct nlattr *userdata);
