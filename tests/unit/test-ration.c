/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many lines of the log there are about what one user does.
 */
#include "unit.h"

#include "../../netd/model/ration.h"

#define BEGIN_US 1000

static void some_and_no_more(void **state _unused_)
{
	struct ration ration = { 0 };
	struct ration_user over;
	unsigned int n = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		n += ration_take(&ration, 4201, BEGIN_US + i, &over);
		check_int("nobody's time is over", over.n, 0);
	}
	check_int("lines", n, RATION_LINES);
	check_int("the last moment", ration_take(&ration, 4201, BEGIN_US + RATION_US - 1, &over), false);
	check_int("another user", ration_take(&ration, 4202, BEGIN_US + 1000, &over), true);
	check_int("a new time", ration_take(&ration, 4201, BEGIN_US + RATION_US, &over), true);
	check_int("whose time was over", over.uid, 4201);
	check_int("lines in it", over.n, 1001);
}

static void thousands_of_uids(void **state _unused_)
{
	struct ration ration = { 0 };
	struct ration_user over;
	unsigned int n = 0;

	for (unsigned int line = 0; line < 10; line++)
		for (uid_t uid = 100000; uid < 101000; uid++)
			n += ration_take(&ration, uid, BEGIN_US, &over);
	check_int("lines", n, RATION_USERS * RATION_LINES);
	check_int("one too many", ration_take(&ration, 4201, BEGIN_US + RATION_US - 1, &over), false);
	check_int("then", ration_take(&ration, 4201, BEGIN_US + RATION_US, &over), true);
	check_int("whose place it is", over.uid, 100000);
	check_int("its lines", over.n, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_and_no_more),
		cmocka_unit_test(thousands_of_uids),
	};

	return cmocka_run_group_tests_name("ration", tests, NULL, NULL);
}
