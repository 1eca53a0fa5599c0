/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card as a port: its file, its steps, what is refused.
 */
#include <arpa/inet.h>

#include "../../netd/model/ip.h"
#include "../../netd/model/uplink.h"
#include "unit.h"

#define NIC 3
#define BRIDGE 9

static const char file[] =
	"guestnet-uplink 1\n"
	"network lan\n"
	"bridge br0\n"
	"phase trial\n"
	"nic eth0 index=3 mac=02:00:00:00:00:05 mtu=1500 up=1 carrier=1 accept-ra=1 gen-mode=0 ra-ignored=1\n"
	"time deadline=61000000 seen=1000000 ask=1\n"
	"gateway 192.0.2.1\n"
	"gateway fe80::1\n"
	"address 192.0.2.5/24 broadcast=192.0.2.255 label=eth0\n"
	"address 192.0.2.6/24 valid=100 preferred=50 label=eth0:1\n"
	"address 198.18.9.1/32 peer=198.18.9.2 metric=50 label=eth0\n"
	"address 2001:db8:2::5/64 flags=256 protocol=3\n"
	"address fe80::5/64 scope=253\n"
	"route 0.0.0.0/0 table=254 type=1 protocol=4 source=192.0.2.5 metric=100 hop=192.0.2.1,ours,0,0\n"
	"route 198.18.1.0/24 table=77 type=1 protocol=3 m2=1400 m8=1300 hop=2001:db8:2::1,ours,4,0\n"
	"route 198.18.2.0/24 table=254 type=1 protocol=3 hop=192.0.2.1,ours,0,1 hop=10.0.0.1,7,0,0\n"
	"route 198.18.5.1/32 table=254 type=1 protocol=3 scope=253 hop=-,ours,0,0\n"
	"route 2001:db8:77::/48 table=254 type=1 protocol=3 preference=1 metric=50 expires=40 hop=2001:db8:2::1,ours,0,0\n"
	"neighbour 192.0.2.40 02:00:00:00:40:40\n"
	"neighbour 192.0.2.41 03:bf:c0:00:02:29\n"	/* of a cluster: a group's address */
	"neighbour 2001:db8:2::41 proxy\n"
	"sysctl ipv4 rp_filter 2\n"
	"sysctl ipv6 force_mld_version -1\n"
	"end\n";

static void parse(const char *text, struct uplink *ret_uplink)
{
	struct failure failure = { 0 };

	if (uplink_parse(text, ret_uplink, &failure) < 0)
		fail_msg("%s", failure.text);
}

/* What was printed is read as the same, and prints as the same. */
static void round_trip(void **state _unused_)
{
	_cleanup_(uplink_deinit) struct uplink uplink;
	_cleanup_(freep) char *text = NULL;

	parse(file, &uplink);
	assert_int_equal(uplink.was.n_addresses, 5);
	assert_int_equal(uplink.was.n_routes, 5);
	assert_int_equal(uplink.was.n_neighbours, 3);
	assert_int_equal(__builtin_popcountll(uplink.sysctls_set), 2);
	assert_int_equal(uplink_print(&uplink, &text), 0);
	/* In the order in which they are printed. */
	assert_int_equal(strlen(text), strlen(file));
}

/* Half a file, or one of somebody else's, is not believed. */
static void broken_files(void **state _unused_)
{
	static const char *const lines[] = {
		"address 192.0.2.5\n", "address 192.0.2.5/33\n", "address 192.0.2.5/24 peer=::1\n", "address 192.0.2.5/24 label=\n",
		"address 192.0.2.5/24 valid=4294967296\n", "address 192.0.2.5/24 valid=-1\n", "route 10.0.0.0/8 table=254\n",
		"route 10.0.0.0/8 hop=-,ours,0\n", "route 10.0.0.0/8 hop=-,-1,0,0\n", "route 10.0.0.0/8 m17=1 hop=-,ours,0,0\n",
		"route 10.0.0.0/8 m=1 hop=-,ours,0,0\n", "nic eth/0\n", "bridge ..\n", "phase over\n", "gateway x\n", "end\nend\n", "\n",
		"network lan more\n", "neighbour 192.0.2.9\n", "neighbour x proxy\n", "neighbour 192.0.2.9 02:00\n", "neighbour 192.0.2.9 proxy 1\n",
		"sysctl ipv4 rp_filter\n", "sysctl ipv4 ../all/x 1\n", "sysctl ipv6 rp_filter 1\n", "sysctl ipv4 rp_filter x\n", "sysctl ipv4 rp_filter -\n",
		"network a/b\n", "time ask=2\n", "something\n",
	};
	struct uplink uplink;
	struct failure failure;
	char *text;

	for (size_t length = 0; length < sizeof(file) - 1; length++) {
		text = strndup(file, length);
		assert_int_equal(uplink_parse(text, &uplink, &failure), -EINVAL);
		free(text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_true(asprintf(&text, "%.*s%send\n", (int)(sizeof(file) - 1 - strlen("end\n")), file, lines[i]) > 0);
		if (uplink_parse(text, &uplink, &failure) != -EINVAL)
			fail_msg("was believed: %s", lines[i]);
		free(text);
	}
}

static struct uplink_look look_at(const struct uplink *uplink)
{
	return (struct uplink_look){
		.nic = NIC, .bridge = BRIDGE, .up = true, .carrier = true, .ethernet = true, .mac = uplink->mac,
		.mtu = 1500, .accept_ra = uplink->accept_ra, .gen_mode = uplink->gen_mode,
	};
}

static void copy_set(const struct uplink_set *from, struct uplink_set *to)
{
	for (size_t i = 0; i < from->n_addresses; i++)
		assert_int_equal(uplink_set_add_address(to, &from->addresses[i]), 0);
	for (size_t i = 0; i < from->n_routes; i++)
		assert_int_equal(uplink_set_add_route(to, &from->routes[i]), 0);
	for (size_t i = 0; i < from->n_neighbours; i++)
		assert_int_equal(uplink_set_add_neighbour(to, &from->neighbours[i]), 0);
}

static bool equal_addresses(const struct uplink_address *a, const struct uplink_address *b)
{
	return memcmp(&a->local, &b->local, sizeof(a->local)) == 0;
}

/* Carries a step out as the kernel would; fails where that would refuse. */
static void act(struct uplink_look *look, const struct uplink_step *step)
{
	struct uplink_set *set = step->ifindex == NIC ? &look->on_nic : &look->on_bridge;
	size_t i = 0;

	switch ((enum uplink_op)step->op) {
	case UPLINK_ACCEPT_RA:
		look->accept_ra = step->value;
		break;
	case UPLINK_GEN_MODE:
		look->gen_mode = (uint8_t)step->value;
		break;
	case UPLINK_SET_UP:
		look->up = step->value;
		break;
	case UPLINK_SET_MASTER:
		look->master = step->value;
		break;
	case UPLINK_ADDRESS_ADD:
		while (i < set->n_addresses && !equal_addresses(&set->addresses[i], &step->address))
			i++;
		if (i < set->n_addresses)
			set->addresses[i] = step->address;
		else
			assert_int_equal(uplink_set_add_address(set, &step->address), 0);
		break;
	case UPLINK_ADDRESS_REMOVE:
		while (i < set->n_addresses && !equal_addresses(&set->addresses[i], &step->address))
			i++;
		assert_true(i < set->n_addresses);
		set->addresses[i] = set->addresses[--set->n_addresses];
		break;
	case UPLINK_ROUTE_ADD:
		assert_int_equal(uplink_set_add_route(set, &step->route), 0);
		break;
	case UPLINK_ROUTE_REMOVE:
		while (i < set->n_routes && memcmp(&set->routes[i], &step->route, sizeof(step->route)) != 0)
			i++;
		assert_true(i < set->n_routes);
		set->routes[i] = set->routes[--set->n_routes];
		break;
	case UPLINK_NEIGHBOUR_ADD:
		while (i < set->n_neighbours && memcmp(&set->neighbours[i], &step->neighbour, sizeof(step->neighbour)) != 0)
			i++;
		if (i == set->n_neighbours)
			assert_int_equal(uplink_set_add_neighbour(set, &step->neighbour), 0);
		break;
	case UPLINK_NEIGHBOUR_REMOVE:
		while (i < set->n_neighbours && memcmp(&set->neighbours[i], &step->neighbour, sizeof(step->neighbour)) != 0)
			i++;
		assert_true(i < set->n_neighbours);
		set->neighbours[i] = set->neighbours[--set->n_neighbours];
		break;
	case UPLINK_RULE_MOVE:
		set = step->ifindex == NIC ? &look->on_bridge : &look->on_nic;
		assert_int_equal(set->n_rules, 1);
		set->n_rules = 0;
		assert_int_equal(uplink_set_add_rule(step->ifindex == NIC ? &look->on_nic : &look->on_bridge, &step->rule), 0);
		break;
	case UPLINK_OP_MAX_:
		break;
	}
}

static size_t plan_and_act(const struct uplink *uplink, struct uplink_look *look, bool back, size_t n_steps)
{
	_cleanup_(uplink_steps_deinit) struct uplink_steps steps;

	assert_int_equal(uplink_plan(uplink, look, back, uplink->seen_us, &steps), 0);
	for (size_t i = 0; i < steps.n && i < n_steps; i++)
		act(look, &steps.items[i]);
	return steps.n;
}

static void check_is_on(const struct uplink_set *was, const struct uplink_set *on, const struct uplink_set *off)
{
	assert_int_equal(off->n_addresses, 0);
	assert_int_equal(off->n_routes, 0);
	assert_int_equal(on->n_addresses, was->n_addresses);
	assert_int_equal(on->n_routes, was->n_routes);
	assert_int_equal(off->n_neighbours, 0);
	assert_int_equal(on->n_neighbours, was->n_neighbours);
	assert_int_equal(off->n_rules, 0);
	assert_int_equal(on->n_rules, 1);
}

/* Whatever the number of steps after which the daemon dies: the next one completes the move, or undoes all of it. */
static void from_anywhere(void **state _unused_)
{
	const struct uplink_rule rule = { .length = 20 };

	for (int back = 0; back < 2; back++)
		for (size_t n = 0; n < 40; n++) {
			_cleanup_(uplink_deinit) struct uplink uplink;
			_cleanup_(uplink_look_deinit) struct uplink_look look;

			parse(file, &uplink);
			look = look_at(&uplink);
			copy_set(&uplink.was, &look.on_nic);
			assert_int_equal(uplink_set_add_rule(&look.on_nic, &rule), 0);
			(void)plan_and_act(&uplink, &look, false, n);
			(void)plan_and_act(&uplink, &look, back, SIZE_MAX);
			check_is_on(&uplink.was, back ? &look.on_nic : &look.on_bridge, back ? &look.on_bridge : &look.on_nic);
			assert_int_equal(look.master, back ? 0 : BRIDGE);
			assert_int_equal(look.accept_ra, back ? 1 : 0);
			assert_int_equal(look.gen_mode, back ? 0 : UPLINK_GEN_NONE);
			if (!back)
				assert_int_equal(plan_and_act(&uplink, &look, false, SIZE_MAX), 0);
		}
}

/* Labels follow the interface, and come back. */
static void labels(void **state _unused_)
{
	_cleanup_(uplink_deinit) struct uplink uplink;
	_cleanup_(uplink_look_deinit) struct uplink_look look;

	parse(file, &uplink);
	look = look_at(&uplink);
	copy_set(&uplink.was, &look.on_nic);
	(void)plan_and_act(&uplink, &look, false, SIZE_MAX);
	check_string("forth", look.on_bridge.addresses[1].label, "br0:1");
	(void)plan_and_act(&uplink, &look, true, SIZE_MAX);
	check_string("back", look.on_nic.addresses[1].label, "eth0:1");
}

/* A lifetime that is over is over: nothing comes back with it. */
static void lifetimes(void **state _unused_)
{
	_cleanup_(uplink_steps_deinit) struct uplink_steps steps;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(uplink_deinit) struct uplink uplink;
	struct uplink_look look;

	parse(file, &uplink);
	look = look_at(&uplink);
	look.master = BRIDGE;
	assert_int_equal(uplink_plan(&uplink, &look, false, uplink.seen_us + UINT64_C(60000000), &steps), 0);
	assert_int_equal(uplink_steps_print(&steps, &text), 0);
	check_contains("valid", text, "9 add address 192.0.2.6/24 valid=40 preferred=0 label=br0:1\n");
	assert_null(strstr(text, "2001:db8:77::/48"));
	uplink_steps_deinit(&steps);
	free(text);
	text = NULL;
	assert_int_equal(uplink_plan(&uplink, &look, false, uplink.seen_us + UINT64_C(101000000), &steps), 0);
	assert_int_equal(uplink_steps_print(&steps, &text), 0);
	assert_null(strstr(text, "192.0.2.6"));
}

/* What somebody puts on the card belongs to it from then on; what the bridge has by others is not moved by us. */
static void found_later(void **state _unused_)
{
	struct uplink_address renewed = { .prefix_length = 24, .valid_s = 500, .preferred_s = 500, .label = "eth0" };
	_cleanup_(uplink_deinit) struct uplink uplink;
	_cleanup_(uplink_look_deinit) struct uplink_look look;
	bool changed;

	parse(file, &uplink);
	look = look_at(&uplink);
	copy_set(&uplink.was, &look.on_bridge);
	look.master = BRIDGE;
	look.accept_ra = 0;
	look.gen_mode = UPLINK_GEN_NONE;
	assert_int_equal(uplink_remember(&uplink, &look, uplink.seen_us, &changed), 0);
	assert_false(changed);
	assert_int_equal(ip_parse("192.0.2.6", &renewed.local), 0);
	assert_int_equal(uplink_set_add_address(&look.on_nic, &renewed), 0);
	assert_int_equal(uplink_remember(&uplink, &look, uplink.seen_us + 10000000, &changed), 0);
	assert_true(changed);
	assert_int_equal(uplink.was.n_addresses, 5);
	assert_int_equal(uplink.was.addresses[1].valid_s, 510);
	(void)plan_and_act(&uplink, &look, false, SIZE_MAX);
	assert_int_equal(look.on_nic.n_addresses, 0);
	assert_int_equal(look.on_bridge.addresses[1].valid_s, 500);
}

/* A lifetime that a router has made shorter counts from then on; a longer one does not, and what lasts for ever is not concerned. */
static void shortened(void **state _unused_)
{
	struct uplink_address timed = { .prefix_length = 64, .valid_s = 3600, .preferred_s = 1800 }, found = timed;
	_cleanup_(uplink_deinit) struct uplink uplink;
	_cleanup_(uplink_look_deinit) struct uplink_look look;
	const uint64_t minute_us = 60000000;
	size_t n, n_was;

	parse(file, &uplink);
	look = look_at(&uplink);
	copy_set(&uplink.was, &look.on_bridge);
	assert_int_equal(ip_parse("2001:db8:9::9", &timed.local), 0);
	found.local = timed.local;
	n_was = uplink.was.n_addresses;
	n = look.on_bridge.n_addresses;
	assert_int_equal(uplink_set_add_address(&uplink.was, &timed), 0);
	assert_int_equal(uplink_set_add_address(&look.on_bridge, &found), 0);
	assert_false(uplink_shorten(&uplink, &look, uplink.seen_us));
	/* A minute later, as the kernel counts it; and renewed. */
	look.on_bridge.addresses[n].valid_s = 3541;
	look.on_bridge.addresses[n].preferred_s = 1739;
	assert_false(uplink_shorten(&uplink, &look, uplink.seen_us + minute_us));
	look.on_bridge.addresses[n].valid_s = look.on_bridge.addresses[n].preferred_s = 7200;
	assert_false(uplink_shorten(&uplink, &look, uplink.seen_us + minute_us));
	look.on_bridge.addresses[n].valid_s = UPLINK_FOREVER;
	assert_false(uplink_shorten(&uplink, &look, uplink.seen_us + minute_us));
	assert_int_equal(uplink.was.addresses[n_was].valid_s, 3600);
	/* Over in ten minutes, and not to be used for anything new. */
	look.on_bridge.addresses[n].valid_s = 600;
	look.on_bridge.addresses[n].preferred_s = 0;
	assert_true(uplink_shorten(&uplink, &look, uplink.seen_us + minute_us));
	assert_int_equal(uplink.was.addresses[n_was].valid_s, 660);
	assert_int_equal(uplink.was.addresses[n_was].preferred_s, 60);
	assert_false(uplink_shorten(&uplink, &look, uplink.seen_us + minute_us));
}

/* A file that is lost is made of what is on the bridge: it gives back the same, under the card's names. */
static void adopted(void **state _unused_)
{
	_cleanup_(uplink_deinit) struct uplink uplink, other = { .network = "lan", .nic = "eth0", .bridge = "br0" };
	_cleanup_(uplink_look_deinit) struct uplink_look look;
	_cleanup_(freep) char *text = NULL;

	parse(file, &uplink);
	look = look_at(&uplink);
	copy_set(&uplink.was, &look.on_nic);
	(void)plan_and_act(&uplink, &look, false, SIZE_MAX);
	assert_int_equal(uplink_adopt(&other, &look), 0);
	assert_int_equal(uplink_print(&other, &text), 0);
	check_contains("phase", text, "phase kept\n");
	check_contains("card", text, "nic eth0 index=3 mac=02:00:00:00:00:05 mtu=1500 up=1 carrier=1");
	check_contains("label", text, "address 192.0.2.6/24 valid=100 preferred=50 label=eth0:1\n");
	assert_int_equal(other.was.n_addresses, uplink.was.n_addresses);
	assert_int_equal(other.was.n_routes, uplink.was.n_routes);
	assert_int_equal(other.was.n_neighbours, uplink.was.n_neighbours);
	assert_int_equal(plan_and_act(&other, &look, false, SIZE_MAX), 0);
}

/* The route of an address that comes without one is somebody's, even if it looks like the kernel's. */
static void routes_by_hand(void **state _unused_)
{
	struct uplink_address address = { .prefix_length = 24, .flags = UPLINK_NOPREFIXROUTE };
	struct uplink_route route = { .prefix_length = 24, .protocol = UPLINK_KERNEL, .made = true, .n_hops = 1, .metric = 100 };
	_cleanup_(uplink_set_deinit) struct uplink_set set = UPLINK_SET_NULL;

	assert_int_equal(ip_parse("203.0.113.5", &address.local), 0);
	assert_int_equal(ip_parse("203.0.113.0", &route.destination), 0);
	assert_int_equal(uplink_set_add_route(&set, &route), 0);
	uplink_settle_routes(&set);
	assert_true(set.routes[0].made);
	assert_int_equal(uplink_set_add_address(&set, &address), 0);
	uplink_settle_routes(&set);
	assert_false(set.routes[0].made);
	set.routes[0].made = true;
	address.flags = 0;
	assert_int_equal(ip_parse("203.0.113.6", &address.local), 0);
	assert_int_equal(uplink_set_add_address(&set, &address), 0);
	uplink_settle_routes(&set);
	assert_true(set.routes[0].made);
}

static void refusals(void **state _unused_)
{
	const struct { struct uplink_look look; const char *reason; } cases[] = {
		{ { .nic = 0 }, "there is no interface eth0" },
		{ { .nic = 1, .loopback = true }, "loopback" },
		{ { .nic = 3, .ethernet = true, .wireless = true }, "eth0 is wireless" },
		{ { .nic = 3, .ethernet = true, .kind = "tun" }, "eth0 is no network card but a tap" },
		{ { .nic = 3, .ethernet = true, .kind = "bridge" }, "eth0 is no network card but a bridge" },
		{ { .nic = 3 }, "eth0 is no Ethernet" },
		{ { .nic = 3, .ethernet = true, .master = 8, .bridge = 9, .master_name = "bond0" }, "eth0 is a port of bond0 already" },
		{ { .nic = 3, .ethernet = true, .upper = "eth0.5" }, "eth0.5 stands on eth0" },
		{ { .nic = 3, .ethernet = true, .obstacle = "because" }, "cannot be moved to br0: because" },
	};
	const struct uplink_look good = { .nic = 3, .ethernet = true, .kind = "bond", .master = 9, .bridge = 9 };
	char buffer[512];
	struct text text;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		text_init(&text, buffer, sizeof(buffer));
		assert_true(uplink_refuse(&cases[i].look, "eth0", "br0", &text));
		check_contains("refused", buffer, cases[i].reason);
	}
	text_init(&text, buffer, sizeof(buffer));
	assert_false(uplink_refuse(&good, "eth0", "br0", &text));
}

/* A second card becomes a port, and is one no more; what is on the bridge is the first one's. */
static void second_card(void **state _unused_)
{
	_cleanup_(uplink_deinit) struct uplink uplink, none = { .network = "lan", .nic = "eth1", .bridge = "br0", .bare = true, .up = false, .accept_ra = 1 };
	_cleanup_(uplink_look_deinit) struct uplink_look look;
	struct uplink_address address = { .prefix_length = 24 };
	char buffer[512];
	struct text text;

	parse(file, &uplink);
	look = look_at(&none);
	look.up = false;
	copy_set(&uplink.was, &look.on_bridge);
	(void)plan_and_act(&none, &look, false, SIZE_MAX);
	assert_int_equal(look.master, BRIDGE);
	assert_true(look.up);
	assert_int_equal(look.accept_ra, 0);
	(void)plan_and_act(&none, &look, true, SIZE_MAX);
	assert_int_equal(look.master, 0);
	assert_false(look.up);
	assert_int_equal(look.accept_ra, 1);
	assert_int_equal(look.on_bridge.n_addresses, uplink.was.n_addresses);
	assert_int_equal(look.on_nic.n_addresses, 0);
	text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(ip_parse("fe80::9", &address.local), 0);
	assert_int_equal(uplink_set_add_address(&look.on_nic, &address), 0);
	assert_false(uplink_refuse_second(&look, "eth1", "br0", &text));
	assert_int_equal(ip_parse("192.0.2.9", &address.local), 0);
	assert_int_equal(uplink_set_add_address(&look.on_nic, &address), 0);
	assert_true(uplink_refuse_second(&look, "eth1", "br0", &text));
	check_contains("reason", buffer, "eth1 has an address, 192.0.2.9");
}

static void gateways(void **state _unused_)
{
	_cleanup_(uplink_deinit) struct uplink uplink;
	struct ip found[UPLINK_GATEWAYS];

	parse(file, &uplink);
	assert_int_equal(uplink_gateways(&uplink.was, found), 1);
	check_string("gateway", IP_TEXT(&found[0]), "192.0.2.1");
}

/* What the bridge has is what the planner has made of the card's; where that was several things, the usual one. */
static void read_backwards(void **state _unused_)
{
	static const struct {
		struct uplink_values bridge, usual;
		int accept_ra;
		uint8_t gen_mode;
		bool ra_ignored;
	} cases[] = {
		{ { -1, -1 }, { -1, -1 }, -1, 0 },	/* no IPv6 */
		{ { 0, 0 }, { 1, 0 }, 0, 0 },
		{ { 2, 0 }, { 1, 0 }, 1, 0 },
		{ { 2, 0 }, { 2, 0 }, 2, 0 },
		{ { 2, 0 }, { 0, 0 }, 1, 0 },
		{ { 2, 0 }, { -1, -1 }, 1, 0 },
		{ { 1, 0 }, { 2, 0 }, 1, 0, true },
		{ { 0, 3 }, { 1, 0 }, 0, 3 },
		{ { 0, 3 }, { 1, 2 }, 0, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct uplink uplink = { 0 };

		uplink_read_backwards(&uplink, &cases[i].bridge, &cases[i].usual);
		assert_int_equal(uplink.accept_ra, cases[i].accept_ra);
		assert_int_equal(uplink.gen_mode, cases[i].gen_mode);
		assert_int_equal(uplink.ra_ignored, cases[i].ra_ignored);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(broken_files), cmocka_unit_test(from_anywhere),
		cmocka_unit_test(labels), cmocka_unit_test(lifetimes), cmocka_unit_test(found_later),
		cmocka_unit_test(shortened), cmocka_unit_test(refusals),
		cmocka_unit_test(gateways), cmocka_unit_test(second_card), cmocka_unit_test(adopted), cmocka_unit_test(routes_by_hand),
		cmocka_unit_test(read_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
