/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two guests with one address: what is one, and when it is over.
 */
#include "unit.h"

#include "../../netd/model/doubles.h"

#define SECOND UINT64_C(1000000)

static struct doubles doubles;

static struct double_key mac_key(uint8_t last)
{
	struct double_key key;

	memset(&key, 0, sizeof(key));
	key.bridge = 4;
	key.mac = (struct mac){ { 0x52, 0x54, 0, 0, 0, last } };
	return key;
}

static struct double_entry *see(const struct double_key *key, int port, uint64_t now_us)
{
	const struct double_place place = { .port = port };

	return doubles_see(&doubles, key, &place, now_us);
}

static void there_and_back(void **state _unused_)
{
	const struct double_key key = mac_key(1);
	struct double_entry *entry;

	memset(&doubles, 0, sizeof(doubles));
	assert_null(see(&key, 10, SECOND));
	assert_null(see(&key, 10, 2 * SECOND));
	assert_null(see(&key, 11, 3 * SECOND));		/* moved: may be one that was plugged elsewhere */
	entry = see(&key, 10, 4 * SECOND);
	assert_non_null(entry);
	assert_int_equal(entry->ports[0] + entry->ports[1], 21);
	assert_int_equal(doubles.n_found, 1);
	/* Told once. */
	assert_null(see(&key, 11, 5 * SECOND));
	assert_null(see(&key, 10, 6 * SECOND));
}

static void moving_is_no_double(void **state _unused_)
{
	const struct double_key key = mac_key(1);

	memset(&doubles, 0, sizeof(doubles));
	for (int port = 10; port < 20; port++)
		assert_null(see(&key, port, (uint64_t)port * SECOND));
	/* Back after long: a guest that went away and came home. */
	assert_null(see(&key, 18, 20 * SECOND + DOUBLES_BACK_US));
	/* The same on another bridge is another one. */
	for (uint64_t i = 0; i < 4; i++) {
		struct double_key other = key;

		other.bridge = 5 + (int)i % 2;
		assert_null(see(&other, other.bridge, 100 * SECOND + i));
	}
}

static void is_over(void **state _unused_)
{
	const struct double_key key = mac_key(1);
	struct netstate_port ports[] = { { .ifindex = 10, .master = 4 }, { .ifindex = 11, .master = 4 } };
	struct netstate snapshot = { .ports = ports, .n_ports = 2 };
	struct double_entry *entry;

	memset(&doubles, 0, sizeof(doubles));
	(void)see(&key, 10, SECOND);
	(void)see(&key, 11, SECOND);
	entry = see(&key, 10, SECOND);
	assert_non_null(entry);
	assert_false(double_is_over(entry, &snapshot, 2 * SECOND));
	assert_true(double_is_over(entry, &snapshot, SECOND + DOUBLES_QUIET_US));
	ports[1].master = 0;
	assert_true(double_is_over(entry, &snapshot, 2 * SECOND));
	ports[1].master = 4;
	snapshot.n_ports = 1;
	assert_true(double_is_over(entry, &snapshot, 2 * SECOND));
}

/* However many addresses there are: what was found stays, and nothing grows. */
static void bounded(void **state _unused_)
{
	const struct double_key key = mac_key(1);
	struct double_entry *entry;

	memset(&doubles, 0, sizeof(doubles));
	(void)see(&key, 10, SECOND);
	(void)see(&key, 11, SECOND);
	entry = see(&key, 10, SECOND);
	assert_non_null(entry);
	for (uint32_t i = 0; i < 100000; i++) {
		struct double_key other = mac_key(2);

		memcpy(other.mac.bytes + 2, &i, sizeof(i));
		(void)see(&other, 12, 2 * SECOND + i);
	}
	assert_true(entry->found);
	assert_int_equal(entry->key.mac.bytes[5], 1);
	assert_int_equal(doubles.n_found, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(moving_is_no_double),
		cmocka_unit_test(is_over),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
