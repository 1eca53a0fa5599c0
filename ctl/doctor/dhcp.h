/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does somebody on a bridge give out addresses?
 */
#pragma once

#include <stdbool.h>

int doctor_ask_dhcp(int ifindex, unsigned int timeout_ms, bool *ret_answered);
