/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and addresses of interfaces.
 */
#include "unit.h"

#include "../../lib/addr.h"

static void names(void **state _unused_)
{
	static const char *const good[] = {
		"a", "br0", "default", "all", "any", "...", ".a", "-", "br#0", "br\\0", "br\"0", "br=0", "virbr0-nic",
		"fifteen-bytes-x", "\xc3\xb6", "!",
	};
	static const char *const bad[] = {
		"", ".", "..", "sixteen-bytes-xx", "a name far longer than any", "a/b", "/", "a:b", "br%d", "%",
		"a b", " a", "a ", "a\tb", "a\n", "\x01", "a\x1f", "a\x7f", "a\vb", "a\fb", "a\r",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		check_int(good[i], ifname_is_valid(good[i]), true);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_int(bad[i], ifname_is_valid(bad[i]), false);
}

static void every_byte_in_a_name(void **state _unused_)
{
	for (unsigned int c = 1; c < 256; c++) {
		const char name[] = { 'a', (char)c, '\0' };
		bool want = c > 0x20 && c != 0x7f && !strchr("/:%", (int)c);

		check_int(STR_ESCAPED(name), ifname_is_valid(name), want);
	}
}

static void macs(void **state _unused_)
{
	static const struct {
		const char *in;
		uint8_t bytes[6];
	} cases[] = {
		{ "52:54:00:12:34:56", { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 } },
		{ "aA:bB:Cc:dD:eE:fF", { 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff } },
		{ "fe:ff:ff:ff:ff:ff", { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff } },
		{ "00:00:00:00:00:01", { 0, 0, 0, 0, 0, 1 } },
		{ "02:00:00:00:00:00", { 2, 0, 0, 0, 0, 0 } },
	};
	static const char *const bad[] = {
		"", ":", "52", "52:54:00:12:34", "52:54:00:12:34:", "52:54:00:12:34:5", "52:54:00:12:34:56:",
		"52:54:00:12:34:567", "52:54:00:12:34:56:78", "5:54:00:12:34:56", "52-54-00-12-34-56", "525400123456",
		"52:54:00:12:34:5g", "52:54:00:12:34:5G", "g2:54:00:12:34:56", "52:54:00:12:34:5`", "52:54:00:12:34:5@",
		"52:54:00:12:34:5/", "52:54:00:12:34:5:", " 52:54:00:12:34:56", "52:54:00:12:34:56 ", "0x52:54:00:12:34:56",
		/* no port sends from these: group addresses, zeros */
		"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01", "03:00:00:00:00:00", "00:00:00:00:00:00",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mac mac = { 0 };

		check_int(cases[i].in, mac_parse(cases[i].in, &mac), 0);
		check_int(cases[i].in, memcmp(mac.bytes, cases[i].bytes, 6), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mac mac = { { 1, 2, 3, 4, 5, 6 } };
		static const struct mac untouched = { { 1, 2, 3, 4, 5, 6 } };

		check_int(bad[i], mac_parse(bad[i], &mac), -EINVAL);
		check_int(bad[i], memcmp(&mac, &untouched, sizeof(mac)), 0);
	}
}

static void mac_is_printed(void **state _unused_)
{
	struct mac mac;
	char text[32];

	assert_int_equal(mac_parse("0A:0b:cc:00:ff:09", &mac), 0);
	snprintf(text, sizeof(text), MAC_FORMAT, MAC_BYTES(mac));
	check_string("canonical", text, "0a:0b:cc:00:ff:09");
}

static void owners(void **state _unused_)
{
	static const struct {
		const char *name;
		uint32_t uid;		/* 0: nobody's */
	} rows[] = {
		{ "1000.lab", 1000 }, { "1.x", 1 }, { "4294967294.x", 4294967294 }, { "1000.a.b", 1000 }, { "1000.-", 1000 },
		{ "4294967295.x", 0 }, { "4294967296.x", 0 }, { "14294967294.x", 0 }, { "99999999999999999999.x", 0 },
		{ "0.x", 0 }, { "01000.x", 0 }, { "1000.", 0 }, { ".x", 0 }, { "1000", 0 }, { "1000-lab", 0 }, { "lab", 0 }, { "", 0 },
		{ "+1.x", 0 }, { "-1.x", 0 }, { " 1.x", 0 }, { "1 .x", 0 }, { "1a.x", 0 }, { "a1.x", 0 }, { "gn-1000.x", 0 }, { "lab.1000", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t uid = 0;

		check_int(rows[i].name, name_find_owner(rows[i].name, &uid), rows[i].uid != 0);
		check_int(rows[i].name, uid, rows[i].uid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(every_byte_in_a_name),
		cmocka_unit_test(macs),
		cmocka_unit_test(mac_is_printed),
		cmocka_unit_test(owners),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
