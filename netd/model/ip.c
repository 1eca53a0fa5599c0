/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv4 and IPv6 addresses and prefixes as values and as text.
 * Pure: no system calls.
 */
#include "ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/str.h"

bool ip_is_v4(const struct ip *ip)
{
	return ip->family == AF_INET;
}

bool ip_is_v6(const struct ip *ip)
{
	return ip->family == AF_INET6;
}

/* Bytes that count: 4, 16, or 0 for none. */
size_t ip_length(const struct ip *ip)
{
	return ip_is_v4(ip) ? 4 : ip_is_v6(ip) ? 16 : 0;
}

unsigned int ip_bits(const struct ip *ip)
{
	return 8 * (unsigned int)ip_length(ip);
}

/* @address in host byte order: 0x0a000001 is 10.0.0.1. */
struct ip ip_v4(uint32_t address)
{
	struct ip ip = { .family = AF_INET };

	for (unsigned int i = 0; i < 4; i++)
		ip.bytes_be[i] = (uint8_t)(address >> (24 - 8 * i));
	return ip;
}

struct ip ip_v6(const uint8_t bytes[static 16])
{
	struct ip ip = { .family = AF_INET6 };

	memcpy(ip.bytes_be, bytes, 16);
	return ip;
}

/* The reverse of ip_v4(). */
uint32_t ip_v4_value(const struct ip *ip)
{
	const uint8_t *b = ip->bytes_be;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Reads "10.0.0.1" or "fd00::1", without a length or a scope. -EINVAL for anything else. */
int ip_parse(const char *string, struct ip *ret_ip)
{
	struct ip ip = { 0 };

	if (inet_pton(AF_INET, string, ip.bytes_be) == 1)
		ip.family = AF_INET;
	else if (inet_pton(AF_INET6, string, ip.bytes_be) == 1)
		ip.family = AF_INET6;
	else
		return -EINVAL;
	*ret_ip = ip;
	return 0;
}

/* Reads "10.0.0.1/24". The bits behind the length may be anything. -EINVAL for anything else. */
int ip_parse_prefix(const char *string, struct ip *ret_ip, uint8_t *ret_length)
{
	const char *slash = strchr(string, '/');
	char address[IP_TEXT_SIZE];
	uint32_t length;
	struct ip ip;

	if (!slash || (size_t)(slash - string) >= sizeof(address))
		return -EINVAL;
	memcpy(address, string, (size_t)(slash - string));
	address[slash - string] = '\0';
	if (ip_parse(address, &ip) < 0 || str_parse_u32(slash + 1, ip_bits(&ip), &length) < 0)
		return -EINVAL;
	*ret_ip = ip;
	*ret_length = (uint8_t)length;
	return 0;
}

/* Writes the canonical form (RFC 5952), "-" for no address. Returns @buffer. */
const char *ip_print(char buffer[static IP_TEXT_SIZE], const struct ip *ip)
{
	if (ip_length(ip) == 0 || !inet_ntop(ip->family, ip->bytes_be, buffer, IP_TEXT_SIZE))
		snprintf(buffer, IP_TEXT_SIZE, "-");
	return buffer;
}

/* The network: all bits behind the length zero. */
struct ip ip_mask(const struct ip *ip, unsigned int prefix_length)
{
	struct ip masked = *ip;

	for (unsigned int i = 0; i < ip_length(ip); i++) {
		if (prefix_length >= 8 * (i + 1))
			continue;
		masked.bytes_be[i] &= prefix_length <= 8 * i ? 0 : (uint8_t)(0xff00 >> (prefix_length - 8 * i));
	}
	return masked;
}

/* Do two prefixes share an address? */
bool ip_overlaps(const struct ip *a, unsigned int a_length, const struct ip *b, unsigned int b_length)
{
	unsigned int shorter = a_length < b_length ? a_length : b_length, bytes = shorter / 8, bits = shorter % 8;

	if (a->family != b->family || memcmp(a->bytes_be, b->bytes_be, bytes) != 0)
		return false;
	return bits == 0 || (a->bytes_be[bytes] ^ b->bytes_be[bytes]) >> (8 - bits) == 0;
}

/* fe80::/10: every link has such an address, made by the kernel. */
bool ip_is_link_local(const struct ip *ip)
{
	return ip_is_v6(ip) && ip->bytes_be[0] == 0xfe && (ip->bytes_be[1] & 0xc0) == 0x80;
}

/* Can a host of a network have this address? Not the special ones of RFC 6890: this host, loopback, multicast. */
bool ip_is_usable(const struct ip *ip)
{
	static const struct ip zero;
	const uint8_t *b = ip->bytes_be;

	if (ip_is_v4(ip))
		return b[0] != 0 && b[0] != 127 && b[0] < 224 && !(b[0] == 169 && b[1] == 254);
	if (!ip_is_v6(ip) || b[0] == 0xff || ip_is_link_local(ip))
		return false;
	/* ::, ::1, and addresses with IPv4 inside (::/96, ::ffff:0:0/96) */
	return memcmp(b, zero.bytes_be, 10) != 0;
}

/* The link-local address that the kernel makes of an Ethernet address (RFC 4291, appendix A). */
struct ip ip_link_local(const struct mac *mac)
{
	struct ip ip = { .family = AF_INET6 };
	uint8_t *b = ip.bytes_be;

	b[0] = 0xfe;
	b[1] = 0x80;
	memcpy(b + 8, mac->bytes, 3);
	b[8] ^= 0x02;
	b[11] = 0xff;
	b[12] = 0xfe;
	memcpy(b + 13, mac->bytes + 3, 3);
	return ip;
}

/* A place in any /64: an IPv6 address whose first half is not said. */
bool ip_is_suffix(const struct ip *ip)
{
	static const uint8_t nothing[8];

	return ip_is_v6(ip) && memcmp(ip->bytes_be, nothing, sizeof(nothing)) == 0;
}

/* That place in this /64. */
struct ip ip_join(const struct ip *prefix, const struct ip *suffix)
{
	struct ip ip = *suffix;

	memcpy(ip.bytes_be, prefix->bytes_be, 8);
	return ip;
}

/* The zone of a prefix's addresses; false where it does not end between two labels (RFC 1035 section 3.5, RFC 3596 section 2.5). */
bool ip_reverse_zone(const struct ip *ip, unsigned int prefix_length, char *buffer, size_t size)
{
	const uint8_t *bytes = ip->bytes_be;
	struct text text;

	text_init(&text, buffer, size);
	if (ip_is_v4(ip)) {
		if (prefix_length % 8 != 0 || prefix_length == 0)
			return false;
		for (unsigned int i = prefix_length / 8; i > 0; i--)
			text_add(&text, "%u.", bytes[i - 1]);
		text_add(&text, "in-addr.arpa");
	} else {
		if (prefix_length % 4 != 0 || prefix_length == 0)
			return false;
		for (unsigned int i = prefix_length / 4; i > 0; i--)
			text_add(&text, "%x.", (unsigned int)(i % 2 ? bytes[(i - 1) / 2] >> 4 : bytes[(i - 1) / 2] & 15));
		text_add(&text, "ip6.arpa");
	}
	return !text.overflow;
}
