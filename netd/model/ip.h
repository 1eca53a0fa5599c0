/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv4 and IPv6 addresses and prefixes as values and as text.
 * Pure: no system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/addr.h"

/* An IPv4 or IPv6 address, network byte order. */
struct ip {
	uint8_t family;			/* AF_INET or AF_INET6; 0: none */
	uint8_t bytes_be[16];		/* 4 or 16 of them; the rest zero */
};

#define IP_TEXT_SIZE	64	/* an address, or an address with its length */

bool ip_is_v4(const struct ip *ip);
bool ip_is_v6(const struct ip *ip);
size_t ip_length(const struct ip *ip);
unsigned int ip_bits(const struct ip *ip);
struct ip ip_v4(uint32_t address);
struct ip ip_v6(const uint8_t bytes[static 16]);
uint32_t ip_v4_value(const struct ip *ip);
int ip_parse(const char *string, struct ip *ret_ip);
int ip_parse_prefix(const char *string, struct ip *ret_ip, uint8_t *ret_length);
const char *ip_print(char buffer[static IP_TEXT_SIZE], const struct ip *ip);
#define IP_TEXT(ip) ip_print((char[IP_TEXT_SIZE]){ 0 }, (ip))
struct ip ip_mask(const struct ip *ip, unsigned int prefix_length);
bool ip_overlaps(const struct ip *a, unsigned int a_length, const struct ip *b, unsigned int b_length);
bool ip_is_link_local(const struct ip *ip);
bool ip_is_usable(const struct ip *ip);
bool ip_is_suffix(const struct ip *ip);
struct ip ip_join(const struct ip *prefix, const struct ip *suffix);
struct ip ip_link_local(const struct mac *mac);
bool ip_reverse_zone(const struct ip *ip, unsigned int prefix_length, char *buffer, size_t size);
