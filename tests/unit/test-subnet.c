/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Automatic addresses, the hash and the addresses they are made of.
 */
#include "model.h"

/* The vectors of the paper: key 00..0f, message 00, 01, ... */
static void siphash_vectors(void **state _unused_)
{
	static const struct {
		size_t length;
		uint64_t hash;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd }, { 7, 0xab0200f58b01d137 }, { 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 }, { 63, 0x958a324ceb064572 },
	};
	uint8_t key[SIPHASH_KEY_SIZE], message[64];

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	memcpy(key, message, sizeof(key));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_true(siphash24(message, cases[i].length, key) == cases[i].hash);
}

static void masks_and_overlaps(void **state _unused_)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{ "10.0.0.1/24", "10.0.0.200/24", true }, { "10.0.0.1/24", "10.0.1.1/24", false }, { "10.0.0.1/8", "10.255.0.1/30", true },
		{ "10.0.0.1/25", "10.0.0.129/25", false }, { "0.0.0.0/0", "10.0.0.1/32", true }, { "fd00::1/64", "fd00::ffff:1/112", true },
		{ "fd00::1/64", "fd00:0:0:1::1/64", false }, { "::/0", "10.0.0.1/8", false }, { "fd00::1/128", "fd00::1/128", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip a, b;
		uint8_t a_length, b_length;

		assert_int_equal(ip_parse_prefix(cases[i].a, &a, &a_length), 0);
		assert_int_equal(ip_parse_prefix(cases[i].b, &b, &b_length), 0);
		check_int(cases[i].a, ip_overlaps(&a, a_length, &b, b_length), cases[i].overlap);
		check_int(cases[i].b, ip_overlaps(&b, b_length, &a, a_length), cases[i].overlap);
	}
}

static void chosen_by_machine_and_name(void **state _unused_)
{
	struct world one = { .n = 0 }, two = { .n = 0 };

	world_add(&one, "a", "");
	world_add(&one, "b", "");
	world_build(&one, NULL);
	world_add(&two, "b", "");
	world_build(&two, NULL);

	assert_string_equal(one.choices[0].network, "a");
	assert_int_equal(ip_v4_value(&one.choices[0].address4) >> 22, 0x0a400000 >> 22);
	assert_int_equal(ip_v4_value(&one.choices[0].address4) & 0xff, 1);
	assert_int_equal(one.choices[0].address6.bytes_be[0], 0xfd);
	assert_int_equal(one.choices[0].address6.bytes_be[15], 1);
	/* One machine, one site; another network, another subnet. */
	assert_memory_equal(one.choices[0].address6.bytes_be, one.choices[1].address6.bytes_be, 6);
	assert_memory_not_equal(one.choices[0].address6.bytes_be + 6, one.choices[1].address6.bytes_be + 6, 2);
	/* Others do not matter. */
	assert_memory_equal(&one.choices[1].address4, &two.choices[0].address4, sizeof(struct ip));
	world_deinit(&one);
	world_deinit(&two);
}

static void only_what_is_not_written(void **state _unused_)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	struct world world = { .n = 0 };

	world_add(&world, "a", "[Address]\nAddress=10.0.0.1/24\n");
	world_add(&world, "b", "[Address]\nAddress=10.1.0.1/24\nAddress=auto\n");
	world_build(&world, NULL);
	assert_int_equal(world.choices[0].address4.family, 0);
	assert_int_equal(world.choices[0].address6.family, 0);
	assert_int_equal(world.choices[1].address4.family, 0);
	assert_true(ip_is_v6(&world.choices[1].address6));
	assert_int_equal(subnet_addresses(world.pointers[0], &world.choices[0], addresses), 1);
	assert_int_equal(subnet_addresses(world.pointers[1], &world.choices[1], addresses), 2);
	assert_int_equal(addresses[1].prefix_length, 64);
	world_deinit(&world);
}

static void add_route(struct netstate *snapshot, const char *prefix)
{
	struct netstate_route route = { .table = 254 };

	memcpy(route.link, "eth0", 5);
	assert_int_equal(ip_parse_prefix(prefix, &route.destination, &route.prefix_length), 0);
	netstate_add_route(snapshot, &route);
	netstate_sort(snapshot);
}

static struct ip choose_one(const struct netstate *snapshot, const struct subnet_choice *previous)
{
	struct world world = { .n = 0 };
	struct ip ip;

	world_add(&world, "a", "");
	if (previous) {
		world.choices = malloc(sizeof(*previous));
		assert_non_null(world.choices);
		*world.choices = *previous;
		world.n_choices = 1;
	}
	world_build(&world, snapshot);
	ip = world.choices[0].address4;
	assert_true(world.choices[0].fixed);
	world_deinit(&world);
	return ip;
}

static void moved_on_when_taken(void **state _unused_)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	struct ip first = choose_one(&snapshot, NULL), next;
	char prefix[IP_TEXT_SIZE];

	add_route(&snapshot, "0.0.0.0/0");
	next = choose_one(&snapshot, NULL);
	assert_memory_equal(&next, &first, sizeof(first));

	/* A narrower route inside is enough, and a host's address too. */
	snprintf(prefix, sizeof(prefix), "10.%u.%u.128/25", first.bytes_be[1], first.bytes_be[2]);
	add_route(&snapshot, prefix);
	next = choose_one(&snapshot, NULL);
	assert_int_equal(ip_v4_value(&next), ip_v4_value(&first) + 256);

	add_route(&snapshot, "10.0.0.0/8");
	next = choose_one(&snapshot, NULL);
	assert_int_equal(ip_v4_value(&next) >> 20, 0xac1);
	add_route(&snapshot, "172.16.0.0/12");
	next = choose_one(&snapshot, NULL);
	assert_int_equal(ip_v4_value(&next) >> 16, 0xc0a8);
	add_route(&snapshot, "192.168.0.0/17");
	add_route(&snapshot, "192.168.128.0/17");
	next = choose_one(&snapshot, NULL);
	assert_int_equal(next.family, 0);
}

static void never_libvirts(void **state _unused_)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	struct ip ip;

	add_route(&snapshot, "10.0.0.0/8");
	add_route(&snapshot, "172.16.0.0/12");
	for (unsigned int i = 0; i < 256; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "192.168.%u.0/24", i);
		if (i != 122)
			add_route(&snapshot, prefix);
	}
	ip = choose_one(&snapshot, NULL);
	assert_int_equal(ip.family, 0);
}

static void kept_afterwards(void **state _unused_)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	struct subnet_choice previous = { .network = "a", .address4 = ip_v4(0x0a4d0101) };
	struct ip ip = choose_one(&snapshot, &previous);

	assert_int_equal(ip_v4_value(&ip), 0x0a4d0101);

	/* From a record of an earlier run: not where somebody else is now. In use: stays. */
	add_route(&snapshot, "10.77.0.0/16");
	ip = choose_one(&snapshot, &previous);
	assert_int_not_equal(ip_v4_value(&ip), 0x0a4d0101);
	previous.fixed = true;
	ip = choose_one(&snapshot, &previous);
	assert_int_equal(ip_v4_value(&ip), 0x0a4d0101);
}

/* Our own bridge holds the address, and a route to it: that is no reason to move. */
static void own_bridges_do_not_count(void **state _unused_)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	struct subnet_choice previous = { .network = "a", .address4 = ip_v4(0x0a4d0101) };
	struct failure failure = { "" };
	struct ip ip;

	assert_int_equal(netstate_parse("bridge gn-a index=3 ours net=a\naddress gn-a 10.77.1.1/24 ours\nroute 10.77.1.0/24 table=254 dev=gn-a\n",
					&snapshot, &failure), 0);
	ip = choose_one(&snapshot, &previous);
	assert_int_equal(ip_v4_value(&ip), 0x0a4d0101);
}

static void many_networks_do_not_overlap(void **state _unused_)
{
	struct world world = { .n = 0 };

	for (unsigned int i = 0; i < TEST_NETWORKS - 1; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%02u", i);
		world_add(&world, name, "");
	}
	world_build(&world, NULL);
	/* The last one has written where the first would be. */
	{
		char text[64];

		snprintf(text, sizeof(text), "[Address]\nAddress=%s/16\n", IP_TEXT(&world.choices[0].address4));
		world_add(&world, "zz", text);
	}
	free(world.choices);
	world.choices = NULL;
	world.n_choices = 0;
	world_build(&world, NULL);
	for (size_t i = 0; i < world.desired.n_addresses; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(ip_overlaps(&world.desired.addresses[i].address, world.desired.addresses[i].prefix_length,
						 &world.desired.addresses[j].address, world.desired.addresses[j].prefix_length));
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_vectors),
		cmocka_unit_test(masks_and_overlaps),
		cmocka_unit_test(chosen_by_machine_and_name),
		cmocka_unit_test(only_what_is_not_written),
		cmocka_unit_test(moved_on_when_taken),
		cmocka_unit_test(never_libvirts),
		cmocka_unit_test(kept_afterwards),
		cmocka_unit_test(own_bridges_do_not_count),
		cmocka_unit_test(many_networks_do_not_overlap),
	};

	return cmocka_run_group_tests_name("subnet", tests, NULL, NULL);
}
