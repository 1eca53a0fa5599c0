/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leases of a network, read from dnsmasq's file whenever it changes.
 */
#pragma once

#include "../model/leasefile.h"

int leases_read(const char *path, struct leases *ret_leases);
