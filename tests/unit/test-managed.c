/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of networks over reloads: what is in force when files come, become wrong, clash and go.
 */
#include "netd-files.h"

#include "../../netd/daemon/managed.h"
#include "../../netd/model/ip.h"

static struct file_words words;

static void load(struct managed_list *list)
{
	static char etc[128], vendor[128], run[128], state[128];
	const struct manager_options options = { .config_root = etc, .vendor_root = vendor, .run_root = run, .state_root = state };

	snprintf(etc, sizeof(etc), "%s/etc", test_root);
	snprintf(vendor, sizeof(vendor), "%s/vendor", test_root);
	snprintf(run, sizeof(run), "%s/run", test_root);
	snprintf(state, sizeof(state), "%s/state", test_root);
	assert_int_equal(managed_list_load(list, &options, &words), 0);
}

static struct managed *get(const struct managed_list *list, const char *name)
{
	struct managed *managed = managed_find(list, name);

	if (!managed)
		fail_msg("no network %s", name);
	return managed;
}

static void check_address(const struct managed_list *list, const char *name, const char *want)
{
	const struct managed *managed = get(list, name);

	assert_int_equal(managed->network.n_addresses, 1);
	check_string(name, IP_TEXT(&managed->network.addresses[0].ip), want);
}

#define NETWORK(address) "[Address]\nAddress=" address "\n"

static void autostart_and_by_hand(void **state _unused_)
{
	_cleanup_(managed_list_deinit) struct managed_list list = MANAGED_LIST_NULL;

	test_write("etc/networks/a.network", NETWORK("10.1.0.1/24"));
	test_write("etc/networks/b.network", "[Network]\nAutostart=no\n");
	test_write("etc/networks/c.network", "[Network]\nAutostart=no\n");
	test_write("run/c.wanted", "yes\n");
	test_write("etc/networks/d.network", "[Network]\n");
	test_write("run/d.wanted", "no\n");
	load(&list);
	assert_int_equal(list.n, 4);
	assert_true(get(&list, "a")->wanted);
	assert_false(get(&list, "b")->wanted);
	assert_true(get(&list, "c")->wanted);
	assert_false(get(&list, "d")->wanted);
}

static void a_wrong_file_keeps_what_was(void **state _unused_)
{
	_cleanup_(managed_list_deinit) struct managed_list list = MANAGED_LIST_NULL;

	test_write("etc/networks/a.network", NETWORK("10.1.0.1/24"));
	test_write("etc/networks/new.network", "[Networ]\n");
	load(&list);
	check_contains("new", get(&list, "new")->config_problem, "/new.network:1: unknown section [Networ]");
	assert_string_equal(get(&list, "new")->network.bridge, "");
	assert_false(get(&list, "new")->wanted);

	test_write("etc/networks/a.network", NETWORK("10.1.0.1/24") "Adress=x\n");
	test_write("etc/networks/new.network", "[Network]\n");
	load(&list);
	check_address(&list, "a", "10.1.0.1");
	check_contains("a", get(&list, "a")->config_problem, "/a.network:3: unknown key Adress=");
	assert_true(get(&list, "a")->wanted && get(&list, "a")->declared);
	assert_string_equal(get(&list, "new")->config_problem, "");
	assert_string_equal(get(&list, "new")->network.bridge, "gn-new");
	assert_true(get(&list, "new")->wanted);

	test_write("etc/networks/a.network", NETWORK("10.2.0.1/24"));
	load(&list);
	check_address(&list, "a", "10.2.0.1");
	assert_string_equal(get(&list, "a")->config_problem, "");
}

static void a_file_that_is_gone(void **state _unused_)
{
	_cleanup_(managed_list_deinit) struct managed_list list = MANAGED_LIST_NULL;

	test_write("etc/networks/a.network", NETWORK("10.1.0.1/24"));
	test_write("etc/networks/wrong.network", "x\n");
	load(&list);
	managed_set_state(get(&list, "a"), NETWORK_RUNNING);
	managed_set_state(get(&list, "wrong"), NETWORK_FAILED);
	test_unlink("etc/networks/a.network");
	test_unlink("etc/networks/wrong.network");
	load(&list);
	assert_false(get(&list, "a")->declared || get(&list, "a")->wanted);
	check_address(&list, "a", "10.1.0.1");		/* what there is to be taken down */
	assert_string_equal(get(&list, "wrong")->config_problem, "");

	/* Not forgotten before it is down. */
	managed_list_sweep(&list);
	get(&list, "a");
	managed_set_state(get(&list, "a"), NETWORK_STOPPED);
	managed_set_state(get(&list, "wrong"), NETWORK_STOPPED);
	managed_list_sweep(&list);
	assert_int_equal(list.n, 0);
}

static void gone_and_back_before_it_is_down(void **state _unused_)
{
	_cleanup_(managed_list_deinit) struct managed_list list = MANAGED_LIST_NULL;

	test_write("etc/networks/a.network", NETWORK("10.1.0.1/24"));
	load(&list);
	managed_set_state(get(&list, "a"), NETWORK_RUNNING);
	test_unlink("etc/networks/a.network");
	load(&list);
	managed_list_sweep(&list);
	test_write("etc/networks/a.network", NETWORK("10.3.0.1/24"));
	load(&list);
	assert_true(get(&list, "a")->wanted && get(&list, "a")->declared);
	check_address(&list, "a", "10.3.0.1");

	/* A stop by hand outlives reloads of a file that stays. */
	get(&list, "a")->wanted = false;
	load(&list);
	assert_false(get(&list, "a")->wanted);
}

/* What stays in force, because its file is wrong, is not taken by another one. */
static void kept_ones_count(void **state _unused_)
{
	_cleanup_(managed_list_deinit) struct managed_list list = MANAGED_LIST_NULL;

	test_write("etc/networks/m.network", NETWORK("10.1.0.1/24"));
	test_write("etc/networks/n.network", NETWORK("10.2.0.1/24"));
	test_write("etc/networks/o.network", NETWORK("10.3.0.1/24"));
	load(&list);

	/* m wants the prefix that n keeps; o wants the one that m keeps therefore; a wants that of o. */
	test_write("etc/networks/n.network", "wrong\n");
	test_write("etc/networks/m.network", NETWORK("10.2.0.9/24"));
	test_write("etc/networks/o.network", NETWORK("10.1.0.9/24"));
	test_write("etc/networks/a.network", NETWORK("10.3.0.9/24"));
	load(&list);
	check_address(&list, "m", "10.1.0.1");
	check_address(&list, "n", "10.2.0.1");
	check_address(&list, "o", "10.3.0.1");
	check_contains("m", get(&list, "m")->config_problem, "/m.network:2: Address=10.2.0.9/24 overlaps with Address=10.2.0.1/24 of network n (");
	check_contains("o", get(&list, "o")->config_problem, "Address=10.1.0.9/24 overlaps with Address=10.1.0.1/24 of network m (");
	check_contains("a", get(&list, "a")->config_problem, "Address=10.3.0.9/24 overlaps with Address=10.3.0.1/24 of network o (");
	assert_string_equal(get(&list, "a")->network.bridge, "");

	/* With the wrong file mended, everything that was asked for is there. */
	test_write("etc/networks/n.network", NETWORK("10.4.0.1/24"));
	load(&list);
	check_address(&list, "m", "10.2.0.9");
	check_address(&list, "n", "10.4.0.1");
	check_address(&list, "o", "10.1.0.9");
	check_address(&list, "a", "10.3.0.9");
}

static void two_new_ones_clash(void **state _unused_)
{
	_cleanup_(managed_list_deinit) struct managed_list list = MANAGED_LIST_NULL;

	test_write("etc/networks/a.network", NETWORK("10.1.0.1/24"));
	test_write("etc/networks/b.network", NETWORK("10.1.0.1/16"));
	test_write("etc/networks/thirteen-byte.network", "");
	test_write("etc/networks/thirteen-bytes.network", "x\n");
	load(&list);
	check_address(&list, "a", "10.1.0.1");
	check_contains("b", get(&list, "b")->config_problem, "of network a (");
	check_contains("name", words.problems, "thirteen-bytes.network: the name of a network");
}

/* Users' own networks have a folder of their own, and names that nothing else has. */
static void own_networks(void **state _unused_)
{
	_cleanup_(managed_list_deinit) struct managed_list list = MANAGED_LIST_NULL;
	const uint32_t alice = 4201, bob = 4202;

	test_write("state/networks/4201.a.network", "[Network]\n");
	test_write("state/networks/4201.b.network", "[Network]\nUplink=eth0\n");
	test_write("state/networks/4202.c.network", "[Network]\n");
	test_write("state/networks/4201.c.network~", "[Network]\n");
	test_write("state/networks/lab.network", "[Network]\n");
	test_write("etc/networks/4201.d.network", "[Network]\n");
	test_write("run/networks/4201.e.network", "[Network]\n");
	test_write("etc/networks/4201.a.network.d/x.conf", NETWORK("10.1.0.1/24"));
	load(&list);
	check_address(&list, "4201.a", "10.1.0.1");
	check_string("bridge", get(&list, "4201.a")->network.bridge, "gn-4201.a");
	check_contains("b", get(&list, "4201.b")->config_problem, "4201.b.network:2: Uplink=eth0: a user's own network cannot say this");
	check_string("c", get(&list, "4202.c")->config_problem, "");
	check_contains("lab", get(&list, "lab")->config_problem, "lab.network: here are networks of users' own");
	check_contains("d", get(&list, "4201.d")->config_problem, "4201.d.network: a number and a dot in front are for networks of users' own");
	check_contains("e", get(&list, "4201.e")->config_problem, "4201.e.network: a number and a dot in front are for networks of users' own");
	/* One whose text is wrong counts: it is there. */
	check_int("alice's", managed_count_own(&list, &alice), 4);
	check_int("bob's", managed_count_own(&list, &bob), 1);
	check_int("all users'", managed_count_own(&list, NULL), 5);

	/* An administrator's link to nowhere hides one; what is gone counts no more, though it may still be up. */
	test_unlink("etc/networks/4201.d.network");
	test_link("/dev/null", "etc/networks/4201.b.network");
	test_unlink("state/networks/4202.c.network");
	load(&list);
	check_int("alice's", managed_count_own(&list, &alice), 2);
	check_int("bob's", managed_count_own(&list, &bob), 0);
	check_string("c leaves", get(&list, "4202.c")->network.bridge, "gn-4202.c");
}

int main(void)
{
#define test(function) cmocka_unit_test_setup_teardown(function, test_root_make, test_root_remove)
	static const struct CMUnitTest tests[] = {
		test(autostart_and_by_hand),
		test(a_wrong_file_keeps_what_was),
		test(a_file_that_is_gone),
		test(gone_and_back_before_it_is_down),
		test(kept_ones_count),
		test(two_new_ones_clash),
		test(own_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
