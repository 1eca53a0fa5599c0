/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What several keys of a network file have for a value. Each of these returns 0 or -EINVAL, then with what is allowed in @why
 * where that can be said.
 * Pure.
 */
#pragma once

#include "network.h"

#define KEY_WHY_SIZE 256

int values_parse_word(const char *value, const char *const *names, size_t n_names, char why[static KEY_WHY_SIZE],
		      uint8_t *ret_value);
int values_parse_boolean(const char *value, bool *ret_value);
int values_parse_seconds(const char *value, uint64_t *ret_seconds);
int values_parse_lease_time(const char *value, uint32_t *ret_seconds);
int values_parse_ip_range(const char *value, struct ip *ret_first, struct ip *ret_last, char why[static KEY_WHY_SIZE]);
int values_parse_port_range(const char *value, size_t length, uint16_t ret_ports[static 2]);
bool values_domain_is_valid(const char *name, size_t length);
