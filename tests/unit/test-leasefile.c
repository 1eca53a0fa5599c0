/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dnsmasq's lease file: what is read, what is no news, what is passed over.
 */
#include "unit.h"

#include <sys/socket.h>

#include "../../netd/model/ip.h"
#include "../../netd/model/leasefile.h"

#define GOOD "1795000000 52:54:00:13:00:01 10.64.0.17 web 01:52:54:00:13:00:01\n"

static int parse(const char *text, struct leases *leases)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);		/* exactly as long as it says */
	int r;

	assert_non_null(copy);
	memcpy(copy, text, n);
	*leases = LEASES_NULL;
	r = leasefile_parse(copy, n, leases);
	free(copy);
	return r;
}

static void fields(void **state _unused_)
{
	_cleanup_(leases_deinit) struct leases leases = LEASES_NULL;

	assert_int_equal(parse(GOOD "0 52:54:00:13:00:02 10.64.0.18 * *\n"
			       "duid 00:01:00:01:2e:11:22:33\n"
			       "1795000001 1245185 fd00::17 six 00:04:aa\n", &leases), 0);
	assert_int_equal(leases.n, 3);
	assert_int_equal(leases.items[0].expires, 1795000000);
	assert_int_equal(leases.items[0].mac.bytes[5], 1);
	assert_string_equal(IP_TEXT(&leases.items[0].address), "10.64.0.17");
	assert_string_equal(leases.items[0].name, "web");
	assert_string_equal(leases.items[0].client_id, "01:52:54:00:13:00:01");
	assert_int_equal(leases.items[1].expires, 0);
	assert_string_equal(leases.items[1].name, "");
	assert_string_equal(leases.items[1].client_id, "");
	assert_int_equal(leases.items[2].address.family, AF_INET6);
	assert_string_equal(IP_TEXT(&leases.items[2].address), "fd00::17");
	assert_string_equal(leases.items[2].name, "six");
	assert_int_equal(leases.items[2].mac.bytes[0], 0);
}

static void unfinished_is_no_news(void **state _unused_)
{
	static const char *const texts[] = { "1795000000", GOOD "1795000000 52:54:00:13:00:01 10.64.0.1" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct leases leases;

		check_int(texts[i], parse(texts[i], &leases), -EAGAIN);
		assert_null(leases.items);
	}
}

/* The file is written in pieces, which may end where a line does; and when the last lease is given back it is empty. */
static void what_is_gone_is_kept(void **state _unused_)
{
#define LINE(n) "5 52:54:00:13:00:0" #n " 10.64.0." #n " * *\n"
#define SIX "5 77 fd00::4 * 00:04:aa\n"
#define ALL LINE(1) LINE(2) LINE(3) SIX
	static const struct {
		const char *before, *now, *then;
	} cases[] = {
		{ "", "", "" },
		{ "", ALL, ALL },
		{ ALL, ALL, ALL },
		{ ALL, LINE(5) ALL "5 77 fd00::6 * 00:04:aa\n", LINE(5) ALL "5 77 fd00::6 * 00:04:aa\n" },
		{ ALL, LINE(3) LINE(2) LINE(1) SIX, LINE(3) LINE(2) LINE(1) SIX },
		/* Longer, and another guest's. */
		{ LINE(1) SIX, "9 52:54:00:13:00:09 10.64.0.1 * *\n9 77 fd00::4 * 00:04:bb\n",
		  "9 52:54:00:13:00:09 10.64.0.1 * *\n9 77 fd00::4 * 00:04:bb\n" },
		{ ALL, "", ALL },
		{ ALL, LINE(1) LINE(2), ALL },
		{ ALL, LINE(2) SIX, LINE(2) SIX LINE(1) LINE(3) },
		{ ALL, LINE(5) LINE(1), LINE(5) LINE(1) LINE(2) LINE(3) SIX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(leases_deinit) struct leases before = LEASES_NULL, now = LEASES_NULL, then = LEASES_NULL;
		bool kept;

		assert_int_equal(parse(cases[i].before, &before), 0);
		assert_int_equal(parse(cases[i].now, &now), 0);
		assert_int_equal(parse(cases[i].then, &then), 0);
		assert_int_equal(leases_keep(&now, &before, &kept), 0);
		check_int(cases[i].now, kept, strcmp(cases[i].now, cases[i].then) != 0);
		check_int(cases[i].now, (long long)now.n, (long long)then.n);
		for (size_t j = 0; j < now.n; j++) {
			check_string(cases[i].now, IP_TEXT(&now.items[j].address), IP_TEXT(&then.items[j].address));
			check_int(cases[i].now, now.items[j].expires, then.items[j].expires);
		}
	}
}

static void other_lines_are_passed_over(void **state _unused_)
{
	static const char *const texts[] = {
		"\n", " \n", "x\n", "5\n", "5 52:54:00:13:00:01\n", "5 52:54:00:13:00:01 10.64.0.17\n",
		"x 52:54:00:13:00:01 10.64.0.17 a b\n", "-5 52:54:00:13:00:01 10.64.0.17 a b\n", "5x 52:54:00:13:00:01 10.64.0.17 a b\n",
		"5 52:54:00:13:00 10.64.0.17 a b\n", "5 52:54:00:13:00:01 10.64.0.256 a b\n", "5 52:54:00:13:00:01 name a b\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(leases_deinit) struct leases leases = LEASES_NULL;
		char text[512];

		snprintf(text, sizeof(text), GOOD "%s" GOOD, texts[i]);
		check_int(texts[i], parse(text, &leases), 0);
		check_int(texts[i], (long long)leases.n, 2);
	}
}

static void long_ones_are_cut(void **state _unused_)
{
	_cleanup_(leases_deinit) struct leases leases = LEASES_NULL;
	char text[4096], name[301];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "5 52:54:00:13:00:01 10.64.0.17 %s %s\n5 52:54:00:13:00:01 10.64.0.17 %s%s%s%s *\n" GOOD,
		 name, name, name, name, name, name);
	assert_int_equal(parse(text, &leases), 0);
	assert_int_equal(leases.n, 2);		/* the line that is too long is none */
	assert_int_equal(strlen(leases.items[0].name), sizeof(leases.items[0].name) - 1);
	assert_int_equal(strlen(leases.items[0].client_id), sizeof(leases.items[0].client_id) - 1);
}

static void too_many(void **state _unused_)
{
	struct leases leases;
	size_t size;
	char *text;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	for (int i = 0; i < 65537; i++)
		fputs("5 52:54:00:13:00:01 10.64.0.17 a b\n", file);
	fclose(file);
	assert_int_equal(parse(text, &leases), -E2BIG);
	assert_null(leases.items);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(unfinished_is_no_news),
		cmocka_unit_test(what_is_gone_is_kept),
		cmocka_unit_test(other_lines_are_passed_over),
		cmocka_unit_test(long_ones_are_cut),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
