/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places for rules of ours in the tables of other firewalls.
 */
#include "unit.h"

#include <linux/netfilter.h>
#include <sys/socket.h>

#include "../../netd/model/coexist.h"
#include "../../netd/model/ip.h"

/* Lines: "chain FAMILY TABLE NAME [forward|input] [drop]" and "jump FAMILY TABLE FROM TO". */
static uint8_t family(const char *name)
{
	return strcmp(name, "ip") == 0 ? NFPROTO_IPV4 : strcmp(name, "ip6") == 0 ? NFPROTO_IPV6 : NFPROTO_INET;
}

static void read_line(struct coexist_view *view, const char *line)
{
	char kind[8] = "", name[8] = "", table[COEXIST_NAME_SIZE] = "", a[COEXIST_NAME_SIZE] = "", b[COEXIST_NAME_SIZE] = "";
	char c[8] = "";
	int n = sscanf(line, "%7s %7s %63s %63s %63s %7s", kind, name, table, a, b, c);

	assert_true(n >= 4);
	if (strcmp(kind, "jump") == 0) {
		struct coexist_jump *jump = &view->jumps[view->n_jumps++];

		jump->family = family(name);
		memcpy(jump->table, table, sizeof(table));
		memcpy(jump->from, a, sizeof(a));
		memcpy(jump->to, b, sizeof(b));
		jump->all = strcmp(c, "all") == 0;
	} else {
		struct coexist_chain *chain = &view->chains[view->n_chains++];

		chain->family = family(name);
		memcpy(chain->table, table, sizeof(table));
		memcpy(chain->name, a, sizeof(a));
		chain->forward = strcmp(b, "forward") == 0;
		chain->input = strcmp(b, "input") == 0;
		chain->returns = strcmp(b, "returns") == 0;
		chain->drop = strcmp(c, "drop") == 0;
	}
}

static const struct coexist_case {
	const char *name;
	const char *lines[12];
	const char *places;	/* "FAMILY TABLE CHAIN HOOK[ blocked];" each */
} coexist_cases[] = {
	{ "nothing", { NULL }, "" },
	{ "nothing drops", { "chain ip filter FORWARD forward", "chain ip filter INPUT input" }, "" },
	{ "FORWARD drops", { "chain ip filter FORWARD forward drop" }, "ip filter FORWARD forward;" },
	{ "FORWARD of ip6 drops", { "chain ip6 filter FORWARD forward drop" }, "ip6 filter FORWARD forward;" },
	{ "FORWARD of no iptables", { "chain inet filter FORWARD forward drop" }, "inet filter FORWARD forward blocked;" },
	{ "FORWARD of another table", { "chain ip mine FORWARD forward drop" }, "ip mine FORWARD forward blocked;" },
	{ "another chain of filter", { "chain ip filter forward forward drop" }, "ip filter forward forward blocked;" },
	{ "INPUT drops", { "chain ip filter INPUT input drop" }, "ip filter INPUT input blocked;" },
	{ "docker", { "chain ip filter FORWARD forward drop", "chain ip filter DOCKER-USER", "chain ip filter DOCKER",
		      "jump ip filter FORWARD DOCKER-USER", "jump ip filter FORWARD DOCKER" }, "ip filter DOCKER-USER forward;" },
	{ "docker, policy accept", { "chain ip filter FORWARD forward", "chain ip filter DOCKER-USER",
				     "jump ip filter FORWARD DOCKER-USER" }, "ip filter DOCKER-USER forward;" },
	{ "docker, flushed", { "chain ip filter FORWARD forward drop", "chain ip filter DOCKER-USER" }, "ip filter FORWARD forward;" },
	{ "docker, flushed, policy accept", { "chain ip filter FORWARD forward", "chain ip filter DOCKER-USER" }, "" },
	{ "docker's chain in another table", { "chain ip filter FORWARD forward drop", "chain ip mine DOCKER-USER",
					       "jump ip mine FORWARD DOCKER-USER" }, "ip filter FORWARD forward;" },
	{ "a jump of another family", { "chain ip filter FORWARD forward drop", "chain ip filter DOCKER-USER",
					"jump ip6 filter FORWARD DOCKER-USER" }, "ip filter FORWARD forward;" },
	{ "ufw, through another chain", { "chain ip filter INPUT input drop", "chain ip filter ufw-before-input",
					  "chain ip filter ufw-user-input", "jump ip filter INPUT ufw-before-input",
					  "jump ip filter ufw-before-input ufw-user-input" }, "ip filter ufw-user-input input;" },
	{ "ufw6", { "chain ip6 filter ufw6-user-forward", "chain ip6 filter ufw6-before-forward",
		    "chain ip6 filter FORWARD forward drop", "jump ip6 filter FORWARD ufw6-before-forward",
		    "jump ip6 filter ufw6-before-forward ufw6-user-forward" }, "ip6 filter ufw6-user-forward forward;" },
	{ "docker and ufw", { "chain ip filter FORWARD forward drop", "chain ip filter DOCKER-USER", "chain ip filter ufw-user-forward",
			      "jump ip filter FORWARD DOCKER-USER", "jump ip filter FORWARD ufw-user-forward" },
	  "ip filter DOCKER-USER forward;ip filter ufw-user-forward forward;" },
	{ "chains that lead in a circle", { "chain ip filter FORWARD forward drop", "chain ip filter a", "chain ip filter b",
					    "jump ip filter FORWARD a", "jump ip filter a b", "jump ip filter b a" },
	  "ip filter FORWARD forward;" },
	{ "a chain that drops what is left", { "chain ip filter FORWARD forward", "chain ip filter INPUT input", "chain ip filter all",
					       "chain ip filter last - drop", "jump ip filter FORWARD all all",
					       "jump ip filter INPUT all all", "jump ip filter all last all" },
	  "ip filter FORWARD forward;ip filter INPUT input blocked;" },
	{ "of another table", { "chain inet mine through forward", "chain inet mine last - drop", "jump inet mine through last all" },
	  "inet mine through forward blocked;" },
	{ "to which only some goes", { "chain ip filter FORWARD forward", "chain ip filter last - drop", "jump ip filter FORWARD last" }, "" },
	{ "from which some comes back", { "chain ip filter FORWARD forward", "chain ip filter last returns drop",
					  "jump ip filter FORWARD last all" }, "" },
	{ "the input's place is none of the forward's", { "chain ip filter FORWARD forward drop", "chain ip filter ufw-user-input",
							  "jump ip filter FORWARD ufw-user-input" }, "ip filter FORWARD forward;" },
};

static void places(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(coexist_cases); i++) {
		static const char *const families[] = { [NFPROTO_IPV4] = "ip", [NFPROTO_IPV6] = "ip6", [NFPROTO_INET] = "inet" };
		struct coexist_view view = {
			.chains = calloc(12, sizeof(*view.chains)), .jumps = calloc(12, sizeof(*view.jumps)),
		};
		struct coexist_place *found;
		char text[512] = "";
		size_t n, length = 0;

		for (size_t j = 0; j < 12 && coexist_cases[i].lines[j]; j++)
			read_line(&view, coexist_cases[i].lines[j]);
		assert_int_equal(coexist_find_places(&view, &found, &n), 0);
		for (size_t j = 0; j < n; j++)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s %s %s %s%s;", families[found[j].chain->family],
						   found[j].chain->table, found[j].chain->name,
						   found[j].input ? "input" : "forward", found[j].blocked ? " blocked" : "");
		if (strcmp(text, coexist_cases[i].places) != 0)
			fail_msg("%s: want \"%s\", got \"%s\"", coexist_cases[i].name, coexist_cases[i].places, text);
		free(found);
		coexist_view_deinit(&view);
	}
}

static void what_docker_keeps(void **state _unused_)
{
	struct coexist_chain chain = { .family = NFPROTO_IPV4, .table = "filter", .name = "DOCKER-USER" };
	const struct coexist_place place = { .chain = &chain };
	struct coexist_jump jumps[] = {
		{ .family = NFPROTO_IPV4, .table = "filter", .from = "FORWARD", .to = "DOCKER-USER" },
		{ .family = NFPROTO_IPV4, .table = "filter", .from = "FORWARD", .to = "DOCKER", .out = "docker0" },
		{ .family = NFPROTO_IPV6, .table = "filter", .from = "FORWARD", .to = "DOCKER", .out = "br-other" },
		{ .family = NFPROTO_IPV4, .table = "mine", .from = "FORWARD", .to = "DOCKER", .out = "br-mine" },
		{ .family = NFPROTO_IPV4, .table = "filter", .from = "DOCKER-BRIDGE", .to = "DOCKER", .out = "br-0123" },
		{ .family = NFPROTO_IPV4, .table = "filter", .from = "DOCKER-BRIDGE", .to = "DOCKER" },
	};
	const struct coexist_view view = { .jumps = jumps, .n_jumps = ARRAY_SIZE(jumps) };
	size_t i = 0;

	check_string("first", coexist_next_kept(&view, &place, &i), "docker0");
	check_string("second", coexist_next_kept(&view, &place, &i), "br-0123");
	assert_null(coexist_next_kept(&view, &place, &i));
	i = 0;
	memcpy(chain.name, "FORWARD", sizeof("FORWARD"));
	assert_null(coexist_next_kept(&view, &place, &i));
}

static void rules_by_place_and_bridge(void **state _unused_)
{
	struct coexist_chain chain = { .family = NFPROTO_IPV4 };
	struct coexist_place place = { .chain = &chain };
	struct coexist_bridge bridge = { .name = "gn0", .forward = true, .v4 = true };

	assert_true(coexist_is_wanted(&place, &bridge, COEXIST_FROM));
	assert_true(coexist_is_wanted(&place, &bridge, COEXIST_TO));
	assert_true(coexist_is_wanted(&place, &bridge, COEXIST_NOT_TO));
	assert_false(coexist_is_wanted(&place, &bridge, COEXIST_DHCP));
	place.input = true;
	assert_false(coexist_is_wanted(&place, &bridge, COEXIST_TO));
	for (unsigned int rule = COEXIST_DHCP; rule < COEXIST_RULE_MAX_; rule++)
		assert_true(coexist_is_wanted(&place, &bridge, rule));
	chain.family = NFPROTO_IPV6;
	assert_false(coexist_is_wanted(&place, &bridge, COEXIST_ICMP));
	bridge.v6 = true;
	assert_true(coexist_is_wanted(&place, &bridge, COEXIST_ICMP));
	place.input = false;
	bridge.forward = false;
	assert_false(coexist_is_wanted(&place, &bridge, COEXIST_FROM));
}

static void only_places_hold_rules(void **state _unused_)
{
	assert_true(coexist_may_hold(NFPROTO_IPV4, "filter", "FORWARD"));
	assert_true(coexist_may_hold(NFPROTO_IPV6, "filter", "ufw6-user-input"));
	assert_false(coexist_may_hold(NFPROTO_IPV4, "filter", "INPUT"));
	assert_false(coexist_may_hold(NFPROTO_IPV4, "mangle", "FORWARD"));
	assert_false(coexist_may_hold(NFPROTO_INET, "filter", "FORWARD"));
}

static void bridges(void **state _unused_)
{
	struct netstate desired = NETSTATE_NULL;
	struct coexist_bridge *found;
	size_t n;

	for (int i = 0; i < 3; i++) {
		struct netstate_bridge bridge = { .owner = NETSTATE_OURS };
		struct netstate_address address = { .prefix_length = 24, .address = ip_v4(0x0a000001 + 256U * (uint32_t)i) };
		struct netstate_element source = { .set = NETSTATE_SET_SOURCE4, .key_length = IFNAME_SIZE + 4 };

		snprintf(bridge.name, sizeof(bridge.name), "gn%d", i);
		memcpy(address.link, bridge.name, sizeof(address.link));
		memcpy(source.key, bridge.name, sizeof(bridge.name));
		assert_int_equal(netstate_add_bridge(&desired, &bridge), 0);
		if (i != 1)
			assert_int_equal(netstate_add_address(&desired, &address), 0);
		if (i != 2)
			assert_int_equal(netstate_add_element(&desired, &source), 0);
		address.address = (struct ip){ .family = AF_INET6, .bytes_be = { 0xfd, (uint8_t)i } };
		if (i != 0)
			assert_int_equal(netstate_add_address(&desired, &address), 0);
	}
	netstate_sort(&desired);
	assert_int_equal(coexist_bridges(&desired, &found, &n), 0);
	assert_int_equal(n, 3);
	assert_true(found[0].forward && found[0].v4 && !found[0].v6);
	assert_true(found[1].forward && !found[1].v4 && found[1].v6);
	assert_true(!found[2].forward && found[2].v4 && found[2].v6);
	free(found);
	netstate_deinit(&desired);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(what_docker_keeps),
		cmocka_unit_test(rules_by_place_and_bridge),
		cmocka_unit_test(only_places_hold_rules),
		cmocka_unit_test(bridges),
	};

	return cmocka_run_group_tests_name("coexist", tests, NULL, NULL);
}
