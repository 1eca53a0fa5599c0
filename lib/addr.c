/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and addresses of interfaces as text.
 * Pure: no system calls.
 */
#include "addr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "str.h"

/*
 * May @name be an interface's name? As net/core/dev.c:dev_valid_name() says (1-15 bytes, not "." or
 * "..", no '/', no ':', no blank), and also no '%', which is a template to the kernel, and no
 * control byte.
 */
bool ifname_is_valid(const char *name)
{
	size_t length;

	for (length = 0; name[length]; length++) {
		unsigned char c = (unsigned char)name[length];

		if (length == IFNAME_SIZE - 1)
			return false;
		if (c <= 0x20 || c == 0x7f || c == '/' || c == ':' || c == '%')
			return false;
	}
	return length > 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Reads six pairs of hex digits with colons between them. -EINVAL for anything else. */
int mac_parse_any(const char *string, struct mac *ret_mac)
{
	struct mac mac;

	for (size_t i = 0; i < 6; i++) {
		int high = hex_digit(string[0]);
		int low = high < 0 ? -1 : hex_digit(string[1]);

		if (low < 0 || string[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
		string += 3;
	}
	*ret_mac = mac;
	return 0;
}

/* The same of one that a port can send from: -EINVAL also for a group address or all zeros. */
int mac_parse(const char *string, struct mac *ret_mac)
{
	static const struct mac zero;
	struct mac mac;

	if (mac_parse_any(string, &mac) < 0 || (mac.bytes[0] & 1) || memcmp(&mac, &zero, sizeof(mac)) == 0)
		return -EINVAL;
	*ret_mac = mac;
	return 0;
}

/*
 * Whose own is a network of this name? Those of unprivileged users are called UID.NAME, with the uid as a decimal number that
 * does not begin with a zero: one user's names are never another one's, and whose a name is needs no file to be known. False
 * for every other name; root has no networks of its own.
 */
bool name_find_owner(const char *name, uint32_t *ret_uid)
{
	const char *dot = strchr(name, '.');
	char number[sizeof("4294967294")];
	uint32_t uid;

	if (!dot || !dot[1] || dot - name >= (long)sizeof(number) || *name < '1' || *name > '9')
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)(dot - name), name);
	if (str_parse_u32(number, UINT32_MAX - 1, &uid) < 0)
		return false;
	*ret_uid = uid;
	return true;
}
