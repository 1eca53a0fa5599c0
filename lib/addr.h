/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and addresses of interfaces as text.
 * Pure: no system calls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The kernel's limits (linux/if.h): a name with its end, an alternative name with its end. */
#define IFNAME_SIZE	16
#define ALTIFNAME_SIZE	128

struct mac {
	uint8_t bytes[6];
};

#define MAC_FORMAT	"%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_BYTES(mac)	(mac).bytes[0], (mac).bytes[1], (mac).bytes[2], (mac).bytes[3], (mac).bytes[4], (mac).bytes[5]

bool ifname_is_valid(const char *name);
int mac_parse_any(const char *string, struct mac *ret_mac);
int mac_parse(const char *string, struct mac *ret_mac);
bool name_find_owner(const char *name, uint32_t *ret_uid);
