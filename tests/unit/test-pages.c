/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory by the page: it is there when it is touched, and a program goes on without what it has given back.
 */
#include "unit.h"

#include "../../lib/pages.h"

#define SIZE	(8 * 1024 * 1024)

/* A number of /proc/self/status, in kB. */
static long status(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long value = -1;

	assert_non_null(file);
	while (value < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key), NULL, 10);
	fclose(file);
	assert_true(value >= 0);
	return value;
}

static void untouched_is_not_there(void **state _unused_)
{
	long before = status("RssAnon:");
	unsigned char *pages = pages_new(SIZE);

	assert_non_null(pages);
	assert_true(status("RssAnon:") < before + SIZE / 1024 / 2);
	assert_int_equal(pages[0], 0);
	assert_int_equal(pages[SIZE - 1], 0);
	pages[SIZE / 2] = 1;
	assert_null(pages_free(pages, SIZE));
	assert_null(pages_free(NULL, SIZE));
}

/* Pointers are relocations: they are on pages that the loader has written to. */
static const char *const names[] = { "one", "two", "three" };
static int counter = 7;

static void goes_on_without_its_text(void **state _unused_)
{
	long before = status("RssFile:");
	char text[32];

	counter++;
	pages_give_back_text();
	assert_true(status("RssFile:") < before);
	snprintf(text, sizeof(text), "%s %s %s %d", names[0], names[1], names[2], counter);
	assert_string_equal(text, "one two three 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched_is_not_there),
		cmocka_unit_test(goes_on_without_its_text),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
