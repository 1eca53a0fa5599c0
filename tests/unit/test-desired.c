/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From network files to the desired state, text to text.
 */
#include "model.h"

#include "../../netd/model/ruleset.h"

static void run_case(struct golden *golden)
{
	_cleanup_(world_deinit) struct world world;
	_cleanup_(freep) char *text = NULL;

	world_load(&world, golden);
	world_build(&world, NULL);
	if (world.n > 0)
		assert_true(world.desired.table.fingerprint == ruleset_fingerprint(&world.desired.table));
	world.desired.table.fingerprint = 0;
	for (size_t i = 0; i < world.desired.n_services; i++)
		world.desired.services[i].config_hash = 0;	/* test-dnsmasq's subject */
	assert_int_equal(netstate_print(&world.desired, &text), 0);
	golden_check(golden, "desired", text);
}

static void cases(void **state _unused_)
{
	golden_each("tests/data/desired", run_case);
}

static void mac_is_stable_and_own(void **state _unused_)
{
	static const uint8_t other_machine[SIPHASH_KEY_SIZE] = { 9 };
	struct world world = { .n = 0 };
	struct mac a, b, again, elsewhere, written;

	world_add(&world, "a", "");
	world_add(&world, "b", "");
	world_add(&world, "c", "[Network]\nMACAddress=02:00:00:00:00:07\n");
	a = desired_mac(world.pointers[0], test_machine_id);
	again = desired_mac(world.pointers[0], test_machine_id);
	b = desired_mac(world.pointers[1], test_machine_id);
	elsewhere = desired_mac(world.pointers[0], other_machine);
	written = desired_mac(world.pointers[2], test_machine_id);
	assert_memory_equal(&a, &again, sizeof(a));
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &elsewhere, sizeof(a));
	assert_memory_equal(a.bytes, "\x52\x54\x00", 3);
	assert_int_equal(written.bytes[5], 7);
	world_deinit(&world);
}

static void element_keys_have_the_rulesets_lengths(void **state _unused_)
{
	struct world world = { .n = 0 };

	world_add(&world, "a", "[Network]\nHostAccess=all\n");
	world_add(&world, "b", "[Network]\nMode=isolated\nHostAccess=none\n");
	world_build(&world, NULL);
	for (size_t i = 0; i < world.desired.n_elements; i++)
		assert_int_equal(world.desired.elements[i].key_length, ruleset_set_key_length(world.desired.elements[i].set));
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(mac_is_stable_and_own),
		cmocka_unit_test(element_keys_have_the_rulesets_lengths),
	};

	return cmocka_run_group_tests_name("desired", tests, NULL, NULL);
}
