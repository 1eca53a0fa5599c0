/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From network files to the desired state, text to text.
 */
#include "model.h"

#include "../../netd/model/forwards.h"
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

static const struct leases *test_leases(const char *network _unused_, const void *data)
{
	return data;
}

/* A forward to a name or an Ethernet address leads to the lease, and to nobody before there is one. */
static void forwards_follow_leases(void **state _unused_)
{
	struct lease items[] = {
		{ .mac = { { 2, 0, 0, 0, 0, 1 } }, .address = ip_v4(0x0a000007), .name = "web" },
		{ .mac = { { 2, 0, 0, 0, 0, 2 } }, .address = ip_v4(0x0a000008), .name = "db" },
		{ .client_id = "00:03:00:01:02:00:00:00:00:02" },
		{ .mac = { { 2, 0, 0, 0, 0, 3 } }, .address = ip_v4(0x0b000008), .name = "elsewhere" },
		{ .mac = { { 2, 0, 0, 0, 0, 4 } }, .address = ip_v4(0x0a000009), .name = "known" },
		{ .mac = { { 2, 0, 0, 0, 0, 6 } }, .address = ip_v4(0x0a00000a), .name = "liar" },
		{ .mac = { { 2, 0, 0, 0, 0, 5 } }, .address = ip_v4(0x0a00000b), .name = "away" },
		{ .name = "known", .client_id = "00:04:aa" },
	};
	const struct leases leases = { items, ARRAY_SIZE(items) };
	struct desired_options options = test_options;
	_cleanup_(freep) char *text = NULL;
	struct world world = { .n = 0 };
	struct netstate desired;
	uint64_t before;

	assert_int_equal(ip_parse("fd00::9", &items[2].address), 0);
	assert_int_equal(ip_parse("fd00::a", &items[7].address), 0);
	world_add(&world, "a", "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n"
		  "[Forward]\nListen=tcp:8080\nTo=WEB:80\n[Forward]\nListen=udp:192.0.2.1:53\nTo=02:00:00:00:00:02\n"
		  "[Forward]\nListen=udp:[2001:db8::1]:90-91\nTo=02:00:00:00:00:02:70\n"
		  "[Forward]\nListen=tcp:8082\nTo=elsewhere\n[Forward]\nListen=tcp:8083\nTo=nobody\n"
		  "[Forward]\nListen=tcp:8084\nTo=02:00:00:00:00:02\n"
		  "[Host]\nMACAddress=02:00:00:00:00:06\nName=known\n[Host]\nMACAddress=02:00:00:00:00:07\nName=Away\n"
		  "[Forward]\nListen=tcp:8085\nTo=known\n[Forward]\nListen=tcp:8086\nTo=away\n");
	world_build(&world, NULL);
	assert_true(world.desired.table.features & RULESET_FORWARD);
	for (size_t i = 0; i < world.desired.n_elements; i++)
		assert_true(ruleset_set_feature(world.desired.elements[i].set) != RULESET_FORWARD);
	assert_true(forwards_hash(&world.networks[0], NULL) != forwards_hash(&world.networks[0], &leases));

	options.leases = test_leases;
	options.leases_data = &leases;
	assert_int_equal(desired_build(world.pointers, 1, world.choices, world.n_choices, &options, &desired), 0);
	assert_int_equal(netstate_print(&desired, &text), 0);
	check_contains("by name", text, "element forward4 6 8080 : 10.0.0.7 80 net=a\n");
	check_contains("by MAC", text, "element forwardat4 192.0.2.1 17 53 : 10.0.0.8 53 net=a\n");
	check_contains("range", text, "element forwardat6 2001:db8::1 17 91 : fd00::9 71 net=a\n");
	check_contains("both families", text, "element forward4 6 8084 : 10.0.0.8 8084 net=a\n");
	check_contains("both families", text, "element forward6 6 8084 : fd00::9 8084 net=a\n");
	assert_null(strstr(text, " 8082 "));
	assert_null(strstr(text, " 8083 "));
	/* The name of a [Host] is not another guest's who calls itself so, not even while the host is away. */
	check_contains("known host", text, "element forward4 6 8085 : 10.0.0.10 8085 net=a\n");
	check_contains("by its DUID's name", text, "element forward6 6 8085 : fd00::a 8085 net=a\n");
	assert_null(strstr(text, " 8086 "));
	check_contains("sysctl", text, "sysctl ipv4/conf/gn-a/route_localnet 1\n");
	netstate_deinit(&desired);

	/* One that has lost its port leads nowhere, and nothing that was built before stays. */
	before = forwards_hash(&world.networks[0], &leases);
	world.networks[0].forwards[0].lost = true;
	assert_true(forwards_hash(&world.networks[0], &leases) != before);
	assert_int_equal(desired_build(world.pointers, 1, world.choices, world.n_choices, &options, &desired), 0);
	free(text);
	assert_int_equal(netstate_print(&desired, &text), 0);
	assert_null(strstr(text, " 8080 "));
	check_contains("not lost", text, "element forward4 6 8084 : 10.0.0.8 8084 net=a\n");
	netstate_deinit(&desired);
	world_deinit(&world);
}

static void checksum_is_the_first_that_can_be_had(void **state _unused_)
{
	enum { NFT = 1 << CHECKSUM_NFT, TC = 1 << CHECKSUM_TC, QUEUE = 1 << CHECKSUM_QUEUE, ALL = NFT | TC | QUEUE };
	static const struct {
		uint8_t asked, possible, want;
	} table[] = {
		{ NETWORK_CHECKSUM_AUTO, ALL, CHECKSUM_NFT },
		{ NETWORK_CHECKSUM_AUTO, TC | QUEUE, CHECKSUM_TC },
		{ NETWORK_CHECKSUM_AUTO, QUEUE, CHECKSUM_QUEUE },
		{ NETWORK_CHECKSUM_AUTO, 0, CHECKSUM_OFF },
		{ NETWORK_CHECKSUM_NFT, ALL, CHECKSUM_NFT },
		{ NETWORK_CHECKSUM_NFT, TC | QUEUE, CHECKSUM_OFF },
		{ NETWORK_CHECKSUM_TC, ALL, CHECKSUM_TC },
		{ NETWORK_CHECKSUM_QUEUE, ALL, CHECKSUM_QUEUE },
		{ NETWORK_CHECKSUM_QUEUE, NFT | TC, CHECKSUM_OFF },
		{ NETWORK_CHECKSUM_OFF, ALL, CHECKSUM_OFF },
	};
	struct world world = { .n = 0 };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct network network = { .checksum = table[i].asked };

		assert_int_equal(desired_checksum(&network, table[i].possible), table[i].want);
	}
	world_add(&world, "a", "[Address]\nAddress=10.0.0.1/24\n");
	world_add(&world, "b", "[Address]\nAddress=10.0.1.1/24\n[DHCP]\nEnable=no\n");
	world_add(&world, "c", "[Address]\nAddress=fd00::1/64\n");
	assert_true(desired_needs_checksum(world.pointers[0], NULL));
	assert_false(desired_needs_checksum(world.pointers[1], NULL));
	assert_false(desired_needs_checksum(world.pointers[2], NULL));
	world_deinit(&world);
}

/* What is in @a and not in @b, or is another thing there, is among those that have come or gone. */
static void check_changed(const struct netstate *a, const struct netstate *b, const struct netstate *changed)
{
	for (size_t i = 0; i < a->n_elements; i++) {
		const struct netstate_element *other = netstate_find_element(b, &a->elements[i]);

		if (!other || !netstate_same_data(&a->elements[i], other))
			assert_non_null(netstate_find_element(changed, &a->elements[i]));
	}
}

/* A state that is changed network by network is, at each moment, the one that is built of all. */
static void a_change_is_as_good_as_all(void **state _unused_)
{
	static const char *const texts[] = {
		"[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n",
		"[Network]\nMode=isolated\n[Address]\nAddress=10.0.1.1/24\nAddress=fd00:1::1/64\n[DHCP]\nEnable=no\n",
		"[Network]\nMode=route\n[Address]\nAddress=10.0.2.1/26\n[Bandwidth]\nToGuestsRate=8M\nFromGuestsRate=4M\n",
		"[Network]\nHostAccess=all\nNAT66=yes\n[Address]\nAddress=fd00:3::1/60\n",
		"[Network]\nMode=isolated\nHostAccess=none\n[Address]\nAddress=10.0.4.1/29\n[DNS]\nEnable=no\n[DHCP]\nEnable=no\n",
		"[Network]\nNATPorts=2000-3000\n[Address]\nAddress=10.0.5.1/24\n",
		"[Network]\nMode=route\nDenyOut=192.168.0.0/16\nAllowOut=192.168.1.9 tcp:631\nDenyIn=tcp:1-1023\n"
		"[Address]\nAddress=10.0.6.1/24\nAddress=fd00:6::1/64\n"
		"[Host]\nMACAddress=52:54:00:00:00:06\nAddress=10.0.6.5\nDenyIn=any\nAllowIn=tcp:22\n",
		"[Network]\nUplink=eth0\n",		/* not one of those that can be changed alone */
		"[Forward]\nListen=tcp:80\nTo=10.0.7.2\n[Address]\nAddress=10.0.7.1/24\n",
	};
	enum { N = ARRAY_SIZE(texts), ALL = 1 << N };
	const struct network *before[N], *now[N], *added[N], *removed[N];
	struct desired_options options = test_options;
	struct world world = { .n = 0 };
	uint32_t random = 7, last = 0;
	unsigned int n_changed = 0;
	char name[] = "a";

	for (size_t i = 0; i < N; i++, name[0]++)
		world_add(&world, name, texts[i]);
	world_build(&world, NULL);
	options.rates = RATES_QUEUE | RATES_LIMIT;
	for (unsigned int round = 0; round < 2000; round++) {
		size_t n_before = 0, n = 0, n_added = 0, n_removed = 0;
		_cleanup_(netstate_deinit) struct netstate changed = NETSTATE_NULL, built = NETSTATE_NULL;
		_cleanup_(netstate_deinit) struct netstate built_before = NETSTATE_NULL, elements = NETSTATE_NULL;
		_cleanup_(freep) char *want = NULL, *got = NULL;
		uint32_t next;

		random = random * 1664525 + 1013904223;
		next = random >> 8 & (ALL - 1);
		for (size_t i = 0; i < N; i++) {
			bool was = last >> i & 1, is = next >> i & 1;

			if (was)
				before[n_before++] = world.pointers[i];
			if (is)
				now[n++] = world.pointers[i];
			if (is && !was)
				added[n_added++] = world.pointers[i];
			if (was && !is)
				removed[n_removed++] = world.pointers[i];
		}
		last = next;
		if (!desired_can_change(added, n_added) || !desired_can_change(removed, n_removed))
			continue;
		assert_int_equal(desired_build(before, n_before, world.choices, world.n_choices, &options, &changed), 0);
		assert_int_equal(desired_build(before, n_before, world.choices, world.n_choices, &options, &built_before), 0);
		assert_int_equal(desired_build(now, n, world.choices, world.n_choices, &options, &built), 0);
		if (!desired_change(&changed, now, n, added, n_added, removed, n_removed, world.choices, world.n_choices, &options,
				    &elements))
			continue;	/* then it is as it was, and all is built */
		n_changed++;
		assert_int_equal(netstate_print(&built, &want), 0);
		assert_int_equal(netstate_print(&changed, &got), 0);
		assert_string_equal(want, got);
		check_changed(&built_before, &built, &elements);
		check_changed(&built, &built_before, &elements);
	}
	assert_true(n_changed > 100);
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(mac_is_stable_and_own),
		cmocka_unit_test(forwards_follow_leases),
		cmocka_unit_test(element_keys_have_the_rulesets_lengths),
		cmocka_unit_test(checksum_is_the_first_that_can_be_had),
		cmocka_unit_test(a_change_is_as_good_as_all),
	};

	return cmocka_run_group_tests_name("desired", tests, NULL, NULL);
}
