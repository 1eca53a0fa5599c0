/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests may not reach: lists of a file against the elements that are made of them, on packets without number.
 */
#include "model.h"

#include <netinet/in.h>

#include "../../netd/model/reach.h"
#include "../../netd/model/ruleset.h"

#define ROUNDS	300
#define PACKETS	200

/* The same numbers in each run. */
static uint32_t seed = 1;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const char *const prefixes[] = { "", "any ", "10.0.0.0/8 ", "10.1.0.0/16 ", "10.1.2.3 ", "0.0.0.0/0 ", "0.0.0.0/1 ", "fd00::/8 ",
					"fd00:1::/32 ", "fd00:1::7 ", "::/0 " };
static const char *const protocols[] = { "tcp", "udp", "icmp", "tcp:80", "tcp:80-90", "tcp:85-443", "tcp:1-65535", "udp:53", "udp:50-60" };
static const char *const keys[] = { "DenyOut", "AllowOut", "DenyIn", "AllowIn" };
static const char *const addresses[] = { "10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "fd00:1::7", "fd00:1::8", "fd00:2::1", "2001:db8::1" };
static const uint16_t ports[] = { 1, 52, 53, 79, 80, 84, 85, 90, 91, 443, 444, 65535 };

static void write_value(struct text *text)
{
	const char *prefix = prefixes[draw(ARRAY_SIZE(prefixes))];
	bool protocol = !prefix[0] || draw(2);

	text_add(text, "%s%s\n", prefix, protocol ? protocols[draw(ARRAY_SIZE(protocols))] : "");
}

static void write_lists(struct text *text)
{
	for (unsigned int i = draw(5); i > 0; i--) {
		text_add(text, "%s=", keys[draw(ARRAY_SIZE(keys))]);
		write_value(text);
	}
}

/* The four questions of the manual page, asked of the lines themselves. */
static bool holds(const struct network_reach *reach, const struct reach_flow *flow)
{
	uint8_t protocol = reach->protocol == IPPROTO_ICMP && ip_is_v6(flow->far) ? IPPROTO_ICMPV6 : reach->protocol;

	return (!reach->prefix.family || ip_overlaps(&reach->prefix, reach->prefix_length, flow->far, ip_bits(flow->far))) &&
	       (!protocol || protocol == flow->protocol) &&
	       (!reach->ports[0] || (reach->ports[0] <= flow->port && flow->port <= reach->ports[1]));
}

static bool expected(const struct network *network, const struct reach_flow *flow, unsigned int host)
{
	const unsigned int asked[][2] = {
		{ host, flow->out ? REACH_ALLOW_OUT : REACH_ALLOW_IN }, { host, flow->out ? REACH_DENY_OUT : REACH_DENY_IN },
		{ 0, flow->out ? REACH_ALLOW_OUT : REACH_ALLOW_IN }, { 0, flow->out ? REACH_DENY_OUT : REACH_DENY_IN },
	};

	for (size_t i = host ? 0 : 2; i < 4; i++)
		for (size_t j = 0; j < network->n_reach; j++)
			if (network->reach[j].host == asked[i][0] && network->reach[j].list == asked[i][1] && holds(&network->reach[j], flow))
				return i % 2;
	return false;
}

static void check_disjoint(const struct netstate *state, const char *text)
{
	uint8_t first[2][RULESET_RANGE_SIZE], last[2][RULESET_RANGE_SIZE];

	for (size_t i = 0; i < state->n_elements; i++)
		for (size_t j = 0; j < i; j++) {
			const char *parts = ruleset_set_key(state->elements[i].set);
			bool apart = false;
			size_t n = 0, length;

			if (state->elements[i].set != state->elements[j].set || !ruleset_set_has_ranges(state->elements[i].set))
				continue;
			length = ruleset_range(&state->elements[i], first[0], last[0]);
			ruleset_range(&state->elements[j], first[1], last[1]);
			for (; *parts; parts++) {
				size_t size = *parts == 'P' || *parts == 'S' ? 4 : ruleset_part_length(*parts);

				apart |= memcmp(first[0] + n, last[1] + n, size) > 0 || memcmp(last[0] + n, first[1] + n, size) < 0;
				n += size;
			}
			assert_int_equal(n, length);
			if (!apart)
				fail_msg("elements have something in common:\n%s", text);
		}
}

static void check_packets(const struct network *network, const struct netstate *state, const char *text)
{
	static const struct mac macs[] = { { { 2, 0, 0, 0, 0, 1 } }, { { 2, 0, 0, 0, 0, 2 } }, { { 2, 0, 0, 0, 0, 3 } } };
	static const uint8_t numbers[] = { IPPROTO_TCP, IPPROTO_UDP, 1, 58, 47 };

	for (unsigned int i = 0; i < PACKETS; i++) {
		unsigned int guest = draw(3);
		struct reach_flow flow = { .out = draw(2), .bridge = network->bridge, .mac = &macs[guest], .protocol = numbers[draw(5)] };
		struct ip far, near;
		char own[32];

		assert_int_equal(ip_parse(addresses[draw(ARRAY_SIZE(addresses))], &far), 0);
		snprintf(own, sizeof(own), ip_is_v6(&far) ? "fd99::%u" : "10.99.0.%u", guest + 5);
		assert_int_equal(ip_parse(own, &near), 0);
		flow.far = &far;
		flow.guest = &near;
		flow.port = flow.protocol == IPPROTO_TCP || flow.protocol == IPPROTO_UDP ? ports[draw(ARRAY_SIZE(ports))] : 0;
		if (reach_denies(state, &flow) != expected(network, &flow, guest < 2 ? guest + 1 : 0))
			fail_msg("guest %u, %s %s, protocol %u port %u: want it %s:\n%s", guest + 1, flow.out ? "to" : "from", IP_TEXT(&far), flow.protocol,
				 flow.port, reach_denies(state, &flow) ? "allowed" : "denied", text);
	}
}

/* Whatever the lists are: the elements have nothing in common, and say what the lines say. */
static void elements_say_what_lines_say(void **state _unused_)
{
	size_t n_elements = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct world world = { .n = 0 };
		char buffer[4096];
		struct text text;

		text_init(&text, buffer, sizeof(buffer));
		/* So that no exception is one from nothing. */
		text_add(&text, "[Network]\nDenyOut=icmp\nDenyIn=icmp\n");
		write_lists(&text);
		text_add(&text, "[Address]\nAddress=10.99.0.1/24\nAddress=fd99::1/64\n");
		for (unsigned int host = 1; host <= 2; host++) {
			text_add(&text, "[Host]\nMACAddress=02:00:00:00:00:0%u\nAddress=10.99.0.%u\nAddress=fd99::%u\n", host, host + 4, host + 4);
			write_lists(&text);
		}
		world_add(&world, "a", buffer);
		world_build(&world, NULL);
		check_disjoint(&world.desired, buffer);
		check_packets(&world.networks[0], &world.desired, buffer);
		for (size_t j = 0; j < world.desired.n_elements; j++) {
			struct netstate_element *element = &world.desired.elements[j], again = { .set = element->set };
			uint8_t first[RULESET_RANGE_SIZE], last[RULESET_RANGE_SIZE];

			if (!ruleset_set_has_ranges(element->set))
				continue;
			assert_true(ruleset_range_parse(first, last, ruleset_range(element, first, last), &again));
			assert_int_equal(netstate_compare_elements(element, &again), 0);
			n_elements++;
		}
		world_deinit(&world);
	}
	assert_true(n_elements > 1000);
}

static void what_is_no_prefix_is_a_stranger(void **state _unused_)
{
	uint8_t first[RULESET_RANGE_SIZE] = "gn-a", last[RULESET_RANGE_SIZE] = "gn-a";
	struct netstate_element element = { .set = NETSTATE_SET_OUT_DENY4 };

	memset(last + 16, 0xff, 5);
	assert_true(ruleset_range_parse(first, last, 28, &element));
	assert_int_equal(element.prefix_length, 0);
	assert_false(ruleset_range_parse(first, last, 24, &element));
	last[16] = 9;
	assert_false(ruleset_range_parse(first, last, 28, &element));
	last[16] = 0;
	assert_true(ruleset_range_parse(first, last, 28, &element));
	assert_int_equal(element.prefix_length, 8);
	/* Another name at the end, or something between the parts. */
	last[3] = 'b';
	assert_false(ruleset_range_parse(first, last, 28, &element));
	last[3] = 'a';
	last[22] = 1;
	assert_false(ruleset_range_parse(first, last, 28, &element));
}

static const struct leases *test_leases(const char *network _unused_, const void *data)
{
	return data;
}

/* Who is reached is known by a lease; before there is one, only what is said of all holds. */
static void guests_follow_leases(void **state _unused_)
{
	struct lease items[] = { { .mac = { { 2, 0, 0, 0, 0, 1 } }, .address = ip_v4(0x0a000007) } };
	const struct leases leases = { items, ARRAY_SIZE(items) };
	struct desired_options options = test_options;
	_cleanup_(freep) char *before = NULL, *after = NULL;
	struct world world = { .n = 0 };
	struct netstate desired;

	world_add(&world, "a", "[Address]\nAddress=10.0.0.1/24\n[Host]\nMACAddress=02:00:00:00:00:01\nDenyIn=192.0.2.0/24\nDenyOut=tcp\n");
	world_build(&world, NULL);
	assert_true(reach_follows_leases(&world.networks[0]));
	assert_true(reach_hash(&world.networks[0], NULL) != reach_hash(&world.networks[0], &leases));
	assert_int_equal(netstate_print(&world.desired, &before), 0);
	check_contains("the network is known", before, "element in gn-a net=a\n");
	check_contains("by MAC", before, "element out-guest-deny4 gn-a 02:00:00:00:00:01 0.0.0.0 6-6 0-65535 net=a\n");
	assert_null(strstr(before, "in-guest"));
	options.leases = test_leases;
	options.leases_data = &leases;
	assert_int_equal(desired_build(world.pointers, 1, world.choices, world.n_choices, &options, &desired), 0);
	assert_int_equal(netstate_print(&desired, &after), 0);
	check_contains("guest", after, "element in-guest4 gn-a 10.0.0.7 net=a\n");
	check_contains("list", after, "element in-guest-deny4/24 gn-a 10.0.0.7 192.0.2.0 0-255 0-65535 net=a\n");
	netstate_deinit(&desired);
	world_deinit(&world);
}

/* Two guests that seem to have one address: the kernel would refuse what is said of both. */
static void an_address_is_one_guests(void **state _unused_)
{
	struct lease items[] = {
		{ .mac = { { 2, 0, 0, 0, 0, 1 } }, .address = ip_v4(0x0a000007) },
		{ .client_id = "00:03:00:01:02:00:00:00:00:01", .address = { .family = AF_INET6, .bytes_be = { 0xfd, [15] = 7 } } },
	};
	const struct leases leases = { items, ARRAY_SIZE(items) };
	struct desired_options options = test_options;
	static const char text[] = "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Host]\nMACAddress=02:00:00:00:00:01\nDenyIn=any\n"
				   "[Host]\nMACAddress=02:00:00:00:00:02\nAddress=10.0.0.7\nAddress=fd00::7\nDenyIn=tcp:22\n";
	_cleanup_(freep) char *printed = NULL;
	struct world world = { .n = 0 };
	struct netstate desired;

	world_add(&world, "a", text);
	world_build(&world, NULL);
	options.leases = test_leases;
	options.leases_data = &leases;
	assert_int_equal(desired_build(world.pointers, 1, world.choices, world.n_choices, &options, &desired), 0);
	check_disjoint(&desired, text);
	assert_int_equal(netstate_print(&desired, &printed), 0);
	check_contains("the lease", printed, "element in-guest-deny4 gn-a 10.0.0.7 0.0.0.0 0-255 0-65535 net=a\n");
	check_contains("the section", printed, "element in-guest-deny6 gn-a fd00::7 :: 6-6 22-22 net=a\n");
	netstate_deinit(&desired);
	/* It is given back. */
	assert_true(reach_hash(&world.networks[0], NULL) != reach_hash(&world.networks[0], &leases));
	world_deinit(&world);
}

/* Each of these prefixes has a range of its own between any two of these ports. */
static void few_lines_are_many_ranges(void **state _unused_)
{
	static const unsigned int n_bad = 256;
	char *buffer = malloc(65536);
	struct text text;

	assert_non_null(buffer);
	for (unsigned int n = n_bad - 64; n <= n_bad; n += 64) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };

		text_init(&text, buffer, 65536);
		text_add(&text, "[Network]\n");
		for (unsigned int i = 1; i <= n; i++)
			text_add(&text, "DenyOut=tcp:%u\nDenyOut=192.0.2.%u\n", 2 * i, i % 256);
		assert_false(text.overflow);
		assert_int_equal(test_parse_network("a", buffer, &network, &failure), n == n_bad ? -EINVAL : 0);
		check_prefix("too many", failure.text, n == n_bad ? "a.network:513: DenyOut= and so on are more than 65536 ranges by now" : "");
	}
	free(buffer);
}

static void values_are_printed_as_written(void **state _unused_)
{
	static const char *const values[] = { "any", "10.0.0.0/8", "192.0.2.7", "tcp", "udp:53", "10.0.0.5 tcp:443", "fd00::/8 udp:5000-5009",
					      "::1 icmp", "icmp" };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct world world = { .n = 0 };
		char file[128], got[128];
		struct text text;

		snprintf(file, sizeof(file), "[Network]\nDenyIn=%s\n", values[i]);
		world_add(&world, "a", file);
		text_init(&text, got, sizeof(got));
		reach_print(&world.networks[0].reach[0], &text);
		check_string(values[i], got, values[i]);
		world_deinit(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_say_what_lines_say),
		cmocka_unit_test(what_is_no_prefix_is_a_stranger),
		cmocka_unit_test(guests_follow_leases),
		cmocka_unit_test(an_address_is_one_guests),
		cmocka_unit_test(few_lines_are_many_ranges),
		cmocka_unit_test(values_are_printed_as_written),
	};

	return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
