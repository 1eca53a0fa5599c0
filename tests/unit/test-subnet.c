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

/* What a user calls a network does not say where it is: nobody gets a prefix by trying names. */
static void not_by_users_names(void **state _unused_)
{
	static const char *const names[] = { "4201.a", "4201.lab", "4201.zzzzzzz" };
	struct world first = { .n = 0 }, two = { .n = 0 }, other = { .n = 0 };

	world_add(&first, "4201.b", "");
	world_build(&first, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct world world = { .n = 0 };

		world_add(&world, names[i], "");
		world_build(&world, NULL);
		assert_memory_equal(&world.choices[0].address4, &first.choices[0].address4, sizeof(struct ip));
		assert_memory_equal(&world.choices[0].address6, &first.choices[0].address6, sizeof(struct ip));
		world_deinit(&world);
	}
	/* The next one is beside it, and another user's elsewhere. */
	world_add(&two, "4201.a", "");
	world_add(&two, "4201.b", "");
	world_build(&two, NULL);
	assert_memory_equal(&two.choices[0].address4, &first.choices[0].address4, sizeof(struct ip));
	assert_int_equal(ip_v4_value(&two.choices[1].address4), ip_v4_value(&two.choices[0].address4) + 256);
	world_add(&other, "4202.b", "");
	world_build(&other, NULL);
	assert_memory_not_equal(&other.choices[0].address4, &first.choices[0].address4, sizeof(struct ip));
	world_deinit(&first);
	world_deinit(&two);
	world_deinit(&other);
}

static void only_what_is_not_written(void **state _unused_)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	struct world world = { .n = 0 };

	world_add(&world, "a", "[Address]\nAddress=10.0.0.1/24\n");
	world_add(&world, "b", "[Address]\nAddress=10.1.0.1/24\nAddress=auto\n");
	world_build(&world, NULL);
	/* Nothing of the first one is remembered. */
	assert_int_equal(world.n_choices, 1);
	assert_string_equal(world.choices[0].network, "b");
	assert_int_equal(world.choices[0].address4.family, 0);
	assert_true(ip_is_v6(&world.choices[0].address6));
	assert_int_equal(subnet_addresses(world.pointers[0], NULL, addresses), 1);
	assert_int_equal(subnet_addresses(world.pointers[1], &world.choices[0], addresses), 2);
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

/* The laptop of one network: what others have, and what the planner and the choice make of it. */
struct laptop {
	struct world world;
	struct netstate snapshot;
};

static void laptop_init(struct laptop *laptop, const char *text)
{
	memset(laptop, 0, sizeof(*laptop));
	world_add(&laptop->world, "a", text);
	world_build(&laptop->world, &laptop->snapshot);
}

static void laptop_deinit(struct laptop *laptop)
{
	world_deinit(&laptop->world);
	netstate_deinit(&laptop->snapshot);
}

/* What is, besides the network's bridge: "*" is its IPv4 prefix without the last number. */
static void laptop_see(struct laptop *laptop, const char *state)
{
	const struct ip ip = laptop->world.choices[0].address4;
	char text[2048];
	struct failure failure = { "" };
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "bridge gn-a index=3 ours net=a\naddress gn-a %s/24 ours\n", IP_TEXT(&ip));
	for (; *state; state++)
		n += (size_t)(*state == '*' ? snprintf(text + n, sizeof(text) - n, "%u.%u.%u", ip.bytes_be[0], ip.bytes_be[1], ip.bytes_be[2]) :
					      snprintf(text + n, sizeof(text) - n, "%c", *state));
	netstate_deinit(&laptop->snapshot);
	laptop->snapshot = NETSTATE_NULL;
	if (netstate_parse(text, &laptop->snapshot, &failure) < 0)
		fail_msg("%s", failure.text);
}

/* The way that the plan names; -1: nobody is in the way. */
static int laptop_way(const struct laptop *laptop)
{
	const struct plan_memory memory = { .n_ports = 0 };
	struct plan plan;
	int way = -1;

	assert_int_equal(plan_build(&laptop->world.desired, &laptop->snapshot, &memory, NULL, 0, 0, &plan), 0);
	for (size_t i = 0; i < plan.n_notes; i++)
		if (plan.notes[i].kind >= PLAN_NOTE_ROUTE_WIDER && plan.notes[i].kind <= PLAN_NOTE_ROUTE_TABLE)
			way = plan.notes[i].way;
	plan_deinit(&plan);
	return way;
}

/* Leaves, and says where the network is then. */
static uint32_t laptop_leave(struct laptop *laptop)
{
	assert_true(subnet_leave(&laptop->world.choices[0], &laptop->snapshot, &laptop->world.avoided));
	world_build(&laptop->world, &laptop->snapshot);
	return ip_v4_value(&laptop->world.choices[0].address4);
}

static void ways_out(void **state _unused_)
{
	static const struct {
		const char *what, *text, *state;
		int way;
	} cases[] = {
		{ "nobody", "", "", -1 },
		{ "its own route", "", "route *.0/24 table=254 dev=gn-a\n", -1 },
		{ "a default route", "", "route 0.0.0.0/0 table=254 dev=up0\n", -1 },
		{ "a default route in two", "", "route 0.0.0.0/1 table=254 dev=tun0\nroute 128.0.0.0/1 table=254 dev=tun0\n", -1 },
		{ "all of IPv6", "", "route 2000::/3 table=254 dev=tun0\n", -1 },
		{ "elsewhere", "", "route 10.1.0.0/16 table=254 dev=tun0\n", -1 },
		{ "the same", "", "route *.0/24 table=254 dev=up0\n", PLAN_WAY_NOW },
		{ "inside", "", "route *.128/25 table=254 dev=up0\n", PLAN_WAY_NOW },
		{ "more", "", "route 10.0.0.0/8 table=254 dev=tun0\n", PLAN_WAY_NOW },
		{ "another table", "", "route *.0/24 table=52 dev=tun0\n", PLAN_WAY_NOW },
		{ "IPv6", "", "route fc00::/7 table=254 dev=tun0\n", PLAN_WAY_NOW },
		{ "nowhere", "", "route *.0/24 table=254\n", PLAN_WAY_ASKED },
		{ "nowhere, and somewhere", "", "route *.0/24 table=254\nroute *.0/24 table=254 metric=9 dev=tun0\n", PLAN_WAY_NOW },
		{ "a guest", "", "route *.0/24 table=254 dev=up0\nport 9 name=tap0 master=3 bridge=gn-a ours\n", PLAN_WAY_LATER },
		{ "a guest elsewhere", "", "bridge br0 index=4\nroute *.0/24 table=254 dev=up0\nport 9 name=tap0 master=4 bridge=br0\n", PLAN_WAY_NOW },
		{ "a tap before its guest", "[Tap]\nName=t\nUser=0\n",
		  "route *.0/24 table=254 dev=up0\nport 9 name=t master=3 bridge=gn-a ours\ntap t index=9 bridge=gn-a ours\n", PLAN_WAY_NOW },
		{ "a tap with its guest", "[Tap]\nName=t\nUser=0\n",
		  "route *.0/24 table=254 dev=up0\nport 9 name=t master=3 bridge=gn-a ours\ntap t index=9 bridge=gn-a ours in-use\n", PLAN_WAY_LATER },
		{ "never", "[Address]\nRenumber=never\n", "route *.0/24 table=254 dev=up0\n", PLAN_WAY_ASKED },
		{ "written", "[Address]\nAddress=10.5.5.1/24\n", "route 10.5.5.0/24 table=254 dev=up0\n", PLAN_WAY_WRITTEN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct laptop laptop;

		laptop_init(&laptop, cases[i].text);
		if (strcmp(cases[i].what, "written") == 0)
			laptop.world.choices[0].address4 = ip_v4(0x0a050501);
		laptop_see(&laptop, cases[i].state);
		check_int(cases[i].what, laptop_way(&laptop), cases[i].way);
		laptop_deinit(&laptop);
	}
}

/* From one VPN to another and back, again and again: three moves, and then no more. */
static void comes_to_rest(void **state _unused_)
{
	static const char *const vpns[] = {
		"route 10.64.0.0/10 table=254 dev=tun0\n", "route 172.16.0.0/12 table=254 dev=tun1\n", "",
	};
	struct laptop laptop;
	uint32_t at = 0;
	size_t n_moves = 0;

	laptop_init(&laptop, "");
	for (size_t i = 0; i < 4 * ARRAY_SIZE(vpns); i++) {
		laptop_see(&laptop, vpns[i % ARRAY_SIZE(vpns)]);
		if (laptop_way(&laptop) < 0)
			continue;
		assert_int_equal(laptop_way(&laptop), PLAN_WAY_NOW);
		at = laptop_leave(&laptop);
		laptop_see(&laptop, vpns[i % ARRAY_SIZE(vpns)]);
		assert_int_equal(laptop_way(&laptop), -1);
		n_moves++;
	}
	assert_int_equal(n_moves, 2);
	assert_int_equal(at >> 16, 0xc0a8);
	/* When all is taken, where somebody was before is better than where somebody is. */
	laptop_see(&laptop, "route 192.168.0.0/16 table=254 dev=tun2\nroute 10.0.0.0/8 table=254 dev=tun0\n");
	assert_int_equal(laptop_leave(&laptop) >> 20, 0xac1);
	/* And where one is, is better than nowhere. */
	at = ip_v4_value(&laptop.world.choices[0].address4);
	laptop_see(&laptop, "route 192.168.0.0/16 table=254 dev=tun2\nroute 10.0.0.0/8 table=254 dev=tun0\nroute 172.16.0.0/12 table=254 dev=tun1\n");
	assert_int_equal(laptop_leave(&laptop), at);
	assert_false(laptop.world.choices[0].anew4);
	laptop_deinit(&laptop);
}

/* Only what is in the way moves, of this network alone; asked for without a need, IPv4 does. */
static void only_what_is_in_the_way(void **state _unused_)
{
	struct subnet_choice before[2];
	struct laptop laptop;

	laptop_init(&laptop, "");
	world_add(&laptop.world, "b", "");
	world_build(&laptop.world, &laptop.snapshot);
	memcpy(before, laptop.world.choices, sizeof(before));
	laptop_see(&laptop, "route *.0/25 table=254 dev=up0\n");
	(void)laptop_leave(&laptop);
	assert_memory_not_equal(&laptop.world.choices[0].address4, &before[0].address4, sizeof(struct ip));
	assert_memory_equal(&laptop.world.choices[0].address6, &before[0].address6, sizeof(struct ip));
	assert_memory_equal(&laptop.world.choices[1], &before[1], sizeof(before[1]));
	/* The network itself is what is avoided, not a part of it that somebody has. */
	assert_int_equal(laptop.world.avoided.n, 1);
	assert_int_equal(laptop.world.avoided.items[0].length, 24);

	memcpy(before, laptop.world.choices, sizeof(before));
	laptop_see(&laptop, "");
	(void)laptop_leave(&laptop);
	assert_memory_not_equal(&laptop.world.choices[0].address4, &before[0].address4, sizeof(struct ip));
	assert_memory_equal(&laptop.world.choices[0].address6, &before[0].address6, sizeof(struct ip));
	assert_memory_equal(&laptop.world.choices[1], &before[1], sizeof(before[1]));
	laptop_deinit(&laptop);
}

/* The daemon comes back, and finds others where the network is: nobody is cut off by that. */
static void kept_for_guests(void **state _unused_)
{
	static const struct {
		const char *what, *text, *state;
		bool kept;
	} cases[] = {
		{ "nobody is there", "", "", false },
		{ "a guest", "", "port 9 name=tap0 master=3 bridge=gn-a ours\n", true },
		{ "never", "[Address]\nRenumber=never\n", "", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct laptop laptop;
		char state_text[512];
		uint32_t before;

		laptop_init(&laptop, cases[i].text);
		before = ip_v4_value(&laptop.world.choices[0].address4);
		laptop.world.choices[0].fixed = false;
		snprintf(state_text, sizeof(state_text), "route *.0/24 table=254 dev=up0\n%s", cases[i].state);
		laptop_see(&laptop, state_text);
		world_build(&laptop.world, &laptop.snapshot);
		check_int(cases[i].what, ip_v4_value(&laptop.world.choices[0].address4) == before, cases[i].kept);
		laptop_deinit(&laptop);
	}
}

static void avoided_is_bounded(void **state _unused_)
{
	struct subnet_avoided avoided = { .n = 0 };
	struct ip ip;

	for (uint32_t i = 0; i < 2 * LIMIT_SUBNETS_AVOIDED; i++) {
		ip = ip_v4(0x0a000000 + (i << 8));
		subnet_avoid(&avoided, &ip, 24);
		subnet_avoid(&avoided, &ip, 25);
	}
	assert_int_equal(avoided.n, LIMIT_SUBNETS_AVOIDED);
	assert_int_equal(ip_v4_value(&avoided.items[0].ip), 0x0a000000 + (LIMIT_SUBNETS_AVOIDED << 8));
	ip = ip_v4(0x0a000001);
	subnet_avoid(&avoided, &ip, 8);
	assert_int_equal(avoided.n, 1);
	assert_int_equal(ip_v4_value(&avoided.items[0].ip), 0x0a000000);
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

/* What the host was delegated, as its routes say it. */
static void read_routes(const char *text, struct netstate *ret_snapshot)
{
	struct failure failure = { "" };

	netstate_deinit(ret_snapshot);
	*ret_snapshot = NETSTATE_NULL;
	if (netstate_parse(text, ret_snapshot, &failure) < 0)
		fail_msg("%s", failure.text);
	netstate_sort(ret_snapshot);
}

#define DELEGATED(prefix)	"route " prefix " table=254 metric=1024 delegated\n"
#define ASK			"[Address]\nAddress=10.0.0.1/24\nAddress=delegated"

static const char *delegated_to(const struct world *world, size_t i)
{
	static char text[4][IP_TEXT_SIZE];

	return world->choices[i].delegated.family ? ip_print(text[i % 4], &world->choices[i].delegated) : "-";
}

static void check_delegated(const char *what, const struct world *world, size_t i, const char *expected)
{
	if (strcmp(delegated_to(world, i), expected) != 0)
		fail_msg("%s: %s has %s and not %s", what, world->choices[i].network, delegated_to(world, i), expected);
}

static bool is_of(const struct ip *ip, const char *prefix)
{
	struct ip of;
	uint8_t length;

	assert_int_equal(ip_parse_prefix(prefix, &of, &length), 0);
	return ip_overlaps(&of, length, ip, ip_bits(ip));
}

static void delegated_is_followed(void **state _unused_)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	struct network_address addresses[SUBNET_ADDRESSES];
	struct world world = { .n = 0 };
	struct ip first;

	world_add(&world, "a", ASK);
	world_add(&world, "b", "");
	world_build(&world, &snapshot);
	check_delegated("none", &world, 0, "-");
	assert_int_equal(subnet_addresses(world.pointers[0], &world.choices[0], addresses), 1);

	/* No other route is one, however it looks; and of several the first one counts. */
	read_routes("route 2001:db8:1::/48 table=254\n" DELEGATED("2001:db8:9::/48") DELEGATED("2001:db8:8:80::/57"), &snapshot);
	world_build(&world, &snapshot);
	first = world.choices[0].delegated;
	assert_true(is_of(&first, "2001:db8:8:80::/57"));
	assert_int_equal(first.bytes_be[15], 1);
	assert_int_equal(world.choices[0].delegated_length, 57);
	check_delegated("not asked for", &world, 1, "-");
	assert_int_equal(subnet_addresses(world.pointers[0], &world.choices[0], addresses), 2);
	assert_int_equal(addresses[1].prefix_length, 64);
	assert_true(subnet_is_delegated(&world.choices[0], &addresses[1]) && !subnet_is_delegated(&world.choices[0], &addresses[0]));
	/* It stays while that is there, whatever else comes, and is a machine's and a name's. */
	read_routes(DELEGATED("2001:db8:1::/48") DELEGATED("2001:db8:8:80::/57") "route 2001:db8:8::/48 table=254 dev=tun0\n", &snapshot);
	world_build(&world, &snapshot);
	assert_memory_equal(&world.choices[0].delegated, &first, sizeof(first));
	free(world.choices);
	world.choices = NULL;
	world.n_choices = 0;
	read_routes(DELEGATED("2001:db8:8:80::/57"), &snapshot);
	world_build(&world, &snapshot);
	assert_memory_equal(&world.choices[0].delegated, &first, sizeof(first));
	/* When it is over there is another one, or none. */
	read_routes(DELEGATED("2001:db8:1:2::/64"), &snapshot);
	world_build(&world, &snapshot);
	check_delegated("another", &world, 0, "2001:db8:1:2::1");
	read_routes("", &snapshot);
	world_build(&world, &snapshot);
	check_delegated("over", &world, 0, "-");
	assert_int_equal(world.choices[0].delegated_length, 0);
	world_deinit(&world);
}

static void delegated_is_divided(void **state _unused_)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	struct world world = { .n = 0 };
	char buffer[256];
	struct text text;

	world_add(&world, "a", ASK);
	world_add(&world, "b", ASK ":0");
	world_add(&world, "c", "[Address]\nAddress=2001:db8:1:1::1/64\nAddress=delegated\n");
	world_add(&world, "d", ASK ":4");
	world_add(&world, "e", ASK);
	/* Of four, one is written, one is asked for by number, and one is the host's other business. */
	read_routes(DELEGATED("2001:db8:1::/62") "route 2001:db8:1:3::/64 table=254 dev=lan0\n", &snapshot);
	world_build(&world, &snapshot);
	check_delegated("the one that is left", &world, 0, "2001:db8:1:2::1");
	check_delegated("by number", &world, 1, "2001:db8:1::1");
	for (size_t i = 2; i < 5; i++)
		check_delegated("no place", &world, i, "-");
	text_init(&text, buffer, sizeof(buffer));
	assert_false(subnet_explain(world.pointers[0], &world.choices[0], &text));
	assert_true(subnet_explain(world.pointers[3], &world.choices[3], &text));
	assert_string_equal(buffer, "what was delegated to the host is a /62, and its subnet 4 is not there or not free");
	text_init(&text, buffer, sizeof(buffer));
	assert_true(subnet_explain(world.pointers[4], &world.choices[4], &text));
	assert_string_equal(buffer, "what was delegated to the host is a /62, and no /64 of it is left for this network");
	text_init(&text, buffer, sizeof(buffer));
	assert_true(subnet_explain(world.pointers[4], NULL, &text));
	assert_string_equal(buffer, "waiting for a delegated IPv6 prefix: the host has been given none yet (ip -6 route show proto dhcp would list it)");
	/* A number that is another one now is followed. */
	network_deinit(&world.networks[1]);
	assert_int_equal(test_parse_network("b", ASK ":f", &world.networks[1], &(struct failure){ "" }), 0);
	read_routes(DELEGATED("2001:db8:1::/56"), &snapshot);
	world_build(&world, &snapshot);
	check_delegated("another number", &world, 1, "2001:db8:1:f::1");
	check_delegated("the others stay", &world, 0, "2001:db8:1:2::1");
	check_delegated("there is one now", &world, 3, "2001:db8:1:4::1");
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_vectors),
		cmocka_unit_test(masks_and_overlaps),
		cmocka_unit_test(chosen_by_machine_and_name),
		cmocka_unit_test(not_by_users_names),
		cmocka_unit_test(only_what_is_not_written),
		cmocka_unit_test(moved_on_when_taken),
		cmocka_unit_test(never_libvirts),
		cmocka_unit_test(kept_afterwards),
		cmocka_unit_test(own_bridges_do_not_count),
		cmocka_unit_test(ways_out),
		cmocka_unit_test(comes_to_rest),
		cmocka_unit_test(only_what_is_in_the_way),
		cmocka_unit_test(kept_for_guests),
		cmocka_unit_test(avoided_is_bounded),
		cmocka_unit_test(many_networks_do_not_overlap),
		cmocka_unit_test(delegated_is_followed),
		cmocka_unit_test(delegated_is_divided),
	};

	return cmocka_run_group_tests_name("subnet", tests, NULL, NULL);
}
