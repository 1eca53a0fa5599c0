/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What several keys of a network file have for a value: text to numbers, times, addresses.
 * Pure: no system calls.
 */
#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../lib/str.h"
#include "ip.h"

/* One of some words, by its place among them; @why says which was probably meant. */
int values_parse_word(const char *value, const char *const *names, size_t n_names, char why[static KEY_WHY_SIZE],
		      uint8_t *ret_value)
{
	const char *nearest;

	for (size_t i = 0; i < n_names; i++)
		if (strcmp(value, names[i]) == 0) {
			*ret_value = (uint8_t)i;
			return 0;
		}
	nearest = str_nearest(value, names, n_names);
	if (nearest)
		snprintf(why, KEY_WHY_SIZE, ", did you mean %s?", nearest);
	return -EINVAL;
}

/* systemd.syntax(7) takes these words, in any case. */
int values_parse_boolean(const char *value, bool *ret_value)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "y", "t" };
	static const char *const no[] = { "no", "false", "off", "0", "n", "f" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(value, yes[i]) == 0) {
			*ret_value = true;
			return 0;
		}
		if (strcasecmp(value, no[i]) == 0) {
			*ret_value = false;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct unit {
	const char *name;
	uint32_t seconds;
} units[] = {
	{ "s", 1 }, { "sec", 1 }, { "second", 1 }, { "seconds", 1 },
	{ "m", 60 }, { "min", 60 }, { "minute", 60 }, { "minutes", 60 },
	{ "h", 3600 }, { "hr", 3600 }, { "hour", 3600 }, { "hours", 3600 },
	{ "d", 86400 }, { "day", 86400 }, { "days", 86400 },
	{ "w", 604800 }, { "week", 604800 }, { "weeks", 604800 },
};

static bool find_unit(const char *name, size_t length, uint64_t *ret_seconds)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0) {
			*ret_seconds = units[i].seconds;
			return true;
		}
	return false;
}

/* A time span as in systemd.time(7), whole numbers only: "90", "2h", "1d 12h". */
int values_parse_seconds(const char *value, uint64_t *ret_seconds)
{
	uint64_t total = 0;

	while (*value) {
		size_t digits = strspn(value, "0123456789"), letters;
		uint64_t seconds = 1;
		char number[16];
		uint32_t n;

		if (digits == 0 || digits >= sizeof(number))
			return -EINVAL;
		memcpy(number, value, digits);
		number[digits] = '\0';
		value += digits;
		value += strspn(value, " \t");
		letters = strcspn(value, "0123456789 \t");
		if (str_parse_u32(number, UINT32_MAX, &n) < 0)
			return -EINVAL;
		if (letters > 0 && !find_unit(value, letters, &seconds))
			return -EINVAL;
		value += letters;
		value += strspn(value, " \t");
		total += n * seconds;
		if (total >= UINT32_MAX)
			return -EINVAL;
	}
	*ret_seconds = total;
	return 0;
}

/* As a lease may be long: NETWORK_LEASE_FOREVER for ever. */
int values_parse_lease_time(const char *value, uint32_t *ret_seconds)
{
	uint64_t seconds;

	if (strcmp(value, "infinity") == 0) {
		*ret_seconds = NETWORK_LEASE_FOREVER;
		return 0;
	}
	/* dnsmasq raises anything shorter than two minutes. */
	if (values_parse_seconds(value, &seconds) < 0 || seconds < 120)
		return -EINVAL;
	*ret_seconds = (uint32_t)seconds;
	return 0;
}

/* "FIRST-LAST", or one that is both. */
int values_parse_ip_range(const char *value, struct ip *ret_first, struct ip *ret_last, char why[static KEY_WHY_SIZE])
{
	const char *dash = strchr(value, '-');
	size_t n = dash ? (size_t)(dash - value) : strlen(value);
	char first[IP_TEXT_SIZE];

	while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		n--;
	if (n >= sizeof(first))
		return -EINVAL;
	memcpy(first, value, n);
	first[n] = '\0';
	if (dash)
		dash += 1 + strspn(dash + 1, " \t");
	if (ip_parse(first, ret_first) < 0 || ip_parse(dash ? dash : first, ret_last) < 0 ||
	    ret_first->family != ret_last->family)
		return -EINVAL;
	if (memcmp(ret_first->bytes_be, ret_last->bytes_be, sizeof(ret_first->bytes_be)) > 0) {
		snprintf(why, KEY_WHY_SIZE, "; the first address is behind the last one");
		return -EINVAL;
	}
	return 0;
}

/* "FIRST-LAST", or one that is both. */
int values_parse_port_range(const char *value, size_t length, uint16_t ret_ports[static 2])
{
	char text[16];
	char *dash;
	uint32_t first, last;

	if (length >= sizeof(text))
		return -EINVAL;
	memcpy(text, value, length);
	text[length] = '\0';
	dash = strchr(text, '-');
	if (dash)
		*dash++ = '\0';
	if (str_parse_u32(text, UINT16_MAX, &first) < 0 || str_parse_u32(dash ? dash : text, UINT16_MAX, &last) < 0 ||
	    first == 0 || first > last)
		return -EINVAL;
	ret_ports[0] = (uint16_t)first;
	ret_ports[1] = (uint16_t)last;
	return 0;
}

static bool is_label_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of letters, digits, '-' and '_' with dots between them. */
bool values_domain_is_valid(const char *name, size_t length)
{
	size_t label = 0;

	if (length == 0 || length >= LIMIT_NETWORK_DOMAIN)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (name[i] == '.') {
			if (label == 0 || name[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!is_label_byte(name[i]) || (name[i] == '-' && label == 0) || ++label > 63)
			return false;
	}
	return label > 0 && name[length - 1] != '-';
}
