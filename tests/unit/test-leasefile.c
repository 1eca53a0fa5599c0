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
	static const char *const texts[] = { "", "1795000000", GOOD "1795000000 52:54:00:13:00:01 10.64.0.1" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct leases leases;

		check_int(texts[i], parse(texts[i], &leases), -EAGAIN);
		assert_null(leases.items);
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
		cmocka_unit_test(other_lines_are_passed_over),
		cmocka_unit_test(long_ones_are_cut),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
