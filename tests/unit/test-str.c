/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that is built, escaped, read as a number or compared; texts of failures.
 */
#include "unit.h"

static void text_grows_and_latches(void **state _unused_)
{
	char buffer[8];
	struct text text;

	memset(buffer, 'x', sizeof(buffer));
	text_init(&text, buffer, sizeof(buffer));
	check_string("empty", buffer, "");
	text_add(&text, "%s-%d", "ab", 12);
	check_string("first", buffer, "ab-12");
	text_add(&text, "34");
	check_string("full", buffer, "ab-1234");
	check_int("full", text.length, 7);
	check_int("full", text.overflow, false);

	text_add(&text, "%s", "");
	check_int("nothing more", text.overflow, false);
	text_add(&text, "5");
	check_string("too much", buffer, "ab-1234");
	check_int("too much", text.overflow, true);
	check_int("too much", text.length, 7);
	text_add(&text, "%s", "");
	check_int("it stays", text.overflow, true);
}

static void text_of_one_byte(void **state _unused_)
{
	char buffer[1] = { 'x' };
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	check_string("empty", buffer, "");
	text_add(&text, "a");
	check_string("nothing fits", buffer, "");
	check_int("nothing fits", text.overflow, true);
}

static void text_is_cut(void **state _unused_)
{
	char buffer[8];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "%s", "0123456789");
	check_string("cut", buffer, "0123456");
	check_int("cut", text.overflow, true);
}

static void escapes(void **state _unused_)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "br0", "br0" },
		{ " ~!\"'%s", " ~!\"'%s" },
		{ "\x01", "\\x01" },
		{ "a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd" },
		{ "\x1b[31m", "\\x1b[31m" },
		{ "\x1f\x20\x7e\x7f", "\\x1f ~\\x7f" },
		{ "\x80\xff", "\\x80\\xff" },
		{ "br\xc3\xb6", "br\\xc3\\xb6" },
		{ "\\x41", "\\x5cx41" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_string(cases[i].out, STR_ESCAPED(cases[i].in), cases[i].out);
}

static void escapes_every_byte(void **state _unused_)
{
	for (unsigned int c = 0; c < 256; c++) {
		const char byte = (char)c;
		char buffer[8], want[8];
		struct text text;

		text_init(&text, buffer, sizeof(buffer));
		text_add_escaped(&text, &byte, 1);
		if (c >= 0x20 && c < 0x7f && c != '\\')
			snprintf(want, sizeof(want), "%c", (int)c);
		else
			snprintf(want, sizeof(want), "\\x%02x", c);
		check_string(want, buffer, want);
		check_int(want, text.overflow, false);
	}
}

static void escape_is_cut_where_it_ends(void **state _unused_)
{
	char buffer[6];

	memset(buffer, 'x', sizeof(buffer));
	assert_ptr_equal(str_escape(buffer, 5, "abcdef"), buffer);
	check_string("cut", buffer, "abcd");
	assert_int_equal(buffer[5], 'x');
}

static void numbers(void **state _unused_)
{
	static const struct {
		const char *in;
		uint32_t max;
		int error;
		uint32_t value;
	} cases[] = {
		{ "0", 10, 0, 0 },
		{ "10", 10, 0, 10 },
		{ "007", 10, 0, 7 },
		{ "00000000000000000000000000000000000004", 10, 0, 4 },
		{ "4294967295", UINT32_MAX, 0, UINT32_MAX },
		{ "11", 10, -ERANGE, 0 },
		{ "4294967296", UINT32_MAX, -ERANGE, 0 },
		{ "4294967295", UINT32_MAX - 1, -ERANGE, 0 },
		{ "18446744073709551616", UINT32_MAX, -ERANGE, 0 },
		{ "18446744073709551617", UINT32_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999999999999999999999", UINT32_MAX, -ERANGE, 0 },
		{ "", 10, -EINVAL, 0 },
		{ "-1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "1 ", 10, -EINVAL, 0 },
		{ "1\n", 10, -EINVAL, 0 },
		{ "0x1", 10, -EINVAL, 0 },
		{ "1.0", 10, -EINVAL, 0 },
		{ "1e1", 10, -EINVAL, 0 },
		{ "one", 10, -EINVAL, 0 },
		{ "99999999999999999999x", 10, -EINVAL, 0 },
		{ ":", 10, -EINVAL, 0 },
		{ "/", 10, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t value = 77;

		check_int(cases[i].in, str_parse_u32(cases[i].in, cases[i].max, &value), cases[i].error);
		check_int(cases[i].in, value, cases[i].error ? 77 : cases[i].value);
	}
}

static void prefixes(void **state _unused_)
{
	const char *rest = NULL;

	assert_true(str_has_prefix("--br=x", "--br=", &rest));
	check_string("rest", rest, "x");
	assert_true(str_has_prefix("--br=", "--br=", &rest));
	check_string("no rest", rest, "");
	rest = NULL;
	assert_false(str_has_prefix("--br", "--br=", &rest));
	assert_false(str_has_prefix("", "--br=", &rest));
	assert_false(str_has_prefix(" --br=x", "--br=", &rest));
	assert_null(rest);
}

static void distances(void **state _unused_)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "abc", "", 3 },
		{ "max", "max", 0 },
		{ "max", "mac", 1 },
		{ "max", "macs", 2 },
		{ "grup", "group", 1 },
		{ "isolatd", "isolated", 1 },
		{ "kitten", "sitting", 3 },
		{ "ab", "ba", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		check_int(cases[i].a, str_distance(cases[i].a, cases[i].b), cases[i].distance);
		check_int(cases[i].b, str_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}

static void nearest(void **state _unused_)
{
	static const char *const words[] = { "user", "group", "max", "isolated", "vlan", "macs" };
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "usr", "user" },
		{ "users", "user" },
		{ "grup", "group" },
		{ "isolate", "isolated" },
		{ "isolation", "isolated" },
		{ "vlans", "vlan" },
		{ "mac", "max" },
		{ "frobnicate", "" },
		{ "x", "" },
		{ "", "" },
	};
	char word[300];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_string(cases[i].in, str_nearest(cases[i].in, words, ARRAY_SIZE(words)) ?: "", cases[i].out);

	/* No length makes a word of one letter look like a keyword. */
	for (size_t n = 8; n < sizeof(word); n++) {
		memset(word, 'q', n);
		word[n] = '\0';
		check_string(word, str_nearest(word, words, ARRAY_SIZE(words)) ?: "", "");
	}
	assert_null(str_nearest("user", NULL, 0));
}

static void failures(void **state _unused_)
{
	struct failure failure = { 0 };
	char large[2 * sizeof(failure.text)];

	check_int("error", failure_set(NULL, -EPERM, "%d", 1), -EPERM);
	check_int("error", failure_set(&failure, -ENOENT, "%s: %d", "first", 1), -ENOENT);
	check_string("text", failure.text, "first: 1");
	check_int("error", failure_set(&failure, -EINVAL, "second"), -EINVAL);
	check_string("the first stays", failure.text, "first: 1");

	memset(large, 'a', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	failure = (struct failure){ 0 };
	failure_set(&failure, -EINVAL, "%s", large);
	check_int("cut", strlen(failure.text), sizeof(failure.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows_and_latches),
		cmocka_unit_test(text_of_one_byte),
		cmocka_unit_test(text_is_cut),
		cmocka_unit_test(escapes),
		cmocka_unit_test(escapes_every_byte),
		cmocka_unit_test(escape_is_cut_where_it_ends),
		cmocka_unit_test(numbers),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(distances),
		cmocka_unit_test(nearest),
		cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
