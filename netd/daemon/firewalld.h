/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewalld is told which interfaces are ours: they belong to its zone "guestnet".
 * Event loop context.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../model/netstate.h"
#include "systembus.h"

struct firewalld;

int firewalld_new(struct systembus *systembus, void (*changed)(void *data), void *data, struct firewalld **ret_firewalld);
struct firewalld *firewalld_free(struct firewalld *firewalld);

bool firewalld_is_there(const struct firewalld *firewalld);
int firewalld_want(struct firewalld *firewalld, const char (*bridges)[IFNAME_SIZE], size_t n);
const char *firewalld_problem_of(const struct firewalld *firewalld, const char *bridge);
void firewalld_remove_now(const char (*bridges)[IFNAME_SIZE], size_t n);
