/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The planner: cases from text to text, and properties over random worlds.
 */
#include "model.h"

#include <sys/socket.h>
#include <time.h>

#include "../../netd/model/haste.h"
#include "../../netd/model/notes.h"
#include "../../netd/model/slice.h"

/*
 * "@desired" as the first line of a snapshot stands for a kernel in which everything is in place; lines
 * that follow with '-' take away the lines of it that begin so, those with '+' add one.
 */
static char *edit_state(const char *edits, const struct netstate *state)
{
	char *base, *text = NULL;
	size_t size;
	FILE *out;

	assert_int_equal(netstate_print(state, &base), 0);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	for (char *save = NULL, *line = strtok_r(base, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool removed = false;

		for (const char *edit = edits; *edit; edit += strcspn(edit, "\n"), edit += *edit == '\n') {
			size_t n = strcspn(edit, "\n");

			removed |= edit[0] == '-' && n > 1 && strncmp(line, edit + 1, n - 1) == 0;
		}
		if (!removed)
			fprintf(out, "%s\n", line);
	}
	for (const char *edit = edits; *edit; edit += strcspn(edit, "\n"), edit += *edit == '\n')
		if (edit[0] == '+')
			fprintf(out, "%.*s\n", (int)strcspn(edit + 1, "\n"), edit + 1);
	fclose(out);
	free(base);
	return text;
}

/* Everything as desired, from nothing. */
static void settle(const struct netstate *desired, struct netstate *state)
{
	struct plan plan;

	assert_int_equal(plan_build(desired, state, NULL, NULL, 0, 1, &plan), 0);
	plan_simulate(state, &plan);
	plan_deinit(&plan);
}

static void read_state(const struct golden *golden, const char *name, const struct netstate *desired,
		       struct netstate *ret_state)
{
	_cleanup_(netstate_deinit) struct netstate settled = NETSTATE_NULL;
	_cleanup_(freep) char *edited = NULL;
	const char *text = golden_find(golden, name);
	struct failure failure = { "" };

	*ret_state = NETSTATE_NULL;
	sim_next_index = 100;
	if (!text)
		return;
	if (strncmp(text, "@desired", 8) == 0) {
		settle(desired, &settled);
		text = edited = edit_state(text + strcspn(text, "\n"), &settled);
	}
	if (netstate_parse(text, ret_state, &failure) < 0)
		fail_msg("%s: %s: %s", golden->path, name, failure.text);
}

static size_t read_except(const struct golden *golden, char except[][NETWORK_NAME_SIZE])
{
	const char *text = golden_find(golden, "except");
	size_t n = 0;

	for (; text && *text; text += strcspn(text, "\n"), text += *text == '\n')
		snprintf(except[n++], NETWORK_NAME_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
	return n;
}

static void run_case(struct golden *golden)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL, remembered = NETSTATE_NULL;
	_cleanup_(plan_deinit) struct plan plan = PLAN_NULL, again = PLAN_NULL;
	_cleanup_(world_deinit) struct world world;
	_cleanup_(freep) char *text = NULL;
	char except[TEST_NETWORKS][NETWORK_NAME_SIZE];
	size_t n_except = read_except(golden, except);
	struct plan_memory memory;

	world_load(&world, golden);
	world_build(&world, NULL);
	world.desired.table.fingerprint = 0;	/* of the rules, which are not the subject */
	read_state(golden, "snapshot", &world.desired, &snapshot);
	read_state(golden, "memory", &world.desired, &remembered);
	memory = test_memory(&remembered, &remembered);
	world_build_again(&world, &snapshot);	/* there are ports now */
	world.desired.table.fingerprint = 0;

	assert_int_equal(plan_build(&world.desired, &snapshot, &memory, except, n_except, 7, &plan), 0);
	assert_int_equal(plan.id, 7);
	assert_int_equal(plan_print(&plan, &text), 0);
	golden_check(golden, "plan", text);

	plan_simulate(&snapshot, &plan);
	/* A tap that one pass removes is made by the next, and put on its bridge by the one behind that. */
	for (int i = 0; i < 2 && world.desired.n_taps > 0; i++) {
		assert_int_equal(plan_build(&world.desired, &snapshot, &memory, except, n_except, 8, &again), 0);
		plan_simulate(&snapshot, &again);
		plan_deinit(&again);
	}
	assert_int_equal(plan_build(&world.desired, &snapshot, &memory, except, n_except, 8, &again), 0);
	if (again.n_steps > 0) {
		free(text);
		assert_int_equal(plan_print(&again, &text), 0);
		fail_msg("%s: a second plan is not empty:\n%s", golden->path, text);
	}
}

static void cases(void **state _unused_)
{
	golden_each("tests/data/plan", run_case);
}

/* A prefix that another network chose for itself, before the [Route] was written, is left to it. */
static void chosen_prefixes_are_left_alone(void **state _unused_)
{
	struct netstate_element source = { .set = NETSTATE_SET_SOURCE4, .prefix_length = 10, .key_length = 20, .key = "gn-c" };
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	_cleanup_(plan_deinit) struct plan plan = PLAN_NULL;
	struct world world = { .n = 0 };
	const uint8_t prefix[] = { 10, 64, 0, 0 };

	world_add(&world, "b", "");
	world_build(&world, NULL);
	world_add(&world, "c", "[Address]\nAddress=10.0.0.1/24\n[Route]\nDestination=10.64.0.0/10\nGateway=10.0.0.5\n");
	world_build(&world, NULL);
	memcpy(source.key + IFNAME_SIZE, prefix, sizeof(prefix));
	assert_null(netstate_find_element(&world.desired, &source));
	settle(&world.desired, &snapshot);
	assert_int_equal(snapshot.n_routes, 0);
	/* One that is there all the same goes. */
	assert_int_equal(netstate_add_route(&snapshot, &world.desired.routes[0]), 0);
	assert_int_equal(plan_build(&world.desired, &snapshot, NULL, NULL, 0, 7, &plan), 0);
	assert_int_equal(plan.n_steps, 1);
	assert_int_equal(plan.steps[0].op, PLAN_GUEST_ROUTE_REMOVE);
	assert_int_equal(plan.n_notes, 1);
	assert_int_equal(plan.notes[0].kind, PLAN_NOTE_GUEST_ROUTE_TAKEN);
	assert_string_equal(plan.notes[0].link, "gn-b");
	plan_deinit(&plan);
	snapshot.n_routes = 0;
	assert_int_equal(plan_build(&world.desired, &snapshot, NULL, NULL, 0, 7, &plan), 0);
	assert_int_equal(plan.n_steps, 0);
	assert_int_equal(plan.n_notes, 1);
	world_deinit(&world);
}

/* Text that came from print is read back as the same state. */
static void round_trip(void **state _unused_)
{
	static const char text[] =
		"bridge br9 index=3 up stp delay=1500 mtu=9000 mac=02:00:00:00:00:01 nf-call addr-gen=1\n"
		"bridge gn-a index=4 ours net=a mtu=1500 mac=52:54:00:01:02:03 unpinned proxied=wlan0 altname=a altname=b\n"
		"port 5 name=gn1000_0 master=4 bridge=gn-a ours up isolated locked learning flood mtu=1500 vlan=7 alias=guestnet uid=1000 pid=1 net=gn-a isolated\n"
		"port 6 name=eth1 master=4 physical\n"
		"address gn-a 10.0.0.1/24 ours\n"
		"address gn-a fd00::1/64 ours\n"
		"route 10.0.0.0/8 table=254 metric=100 dev=eth0\n"
		"route 10.50.0.0/16 table=254 metric=7 via=10.0.0.5 dev=gn-a ours\n"
		"route ::/0 table=254 dev=eth0\n"
		"element bridges gn-a\n"
		"element source4/24 gn-a 10.0.0.0 net=a\n"
		"element source6/64 gn-a fd00:: net=a\n"
		"element same gn-a gn-a\n"
		"element gateway4 10.0.0.1\n"
		"element inside4/30 gn-a 10.0.0.0\n"
		"checksum - nft\n"
		"checksum gn-a nft handle=7\n"
		"checksum gn-b queue\n"
		"sysctl ipv4/ip_forward 1\n"
		"sysctl ipv6/conf/wlan0/proxy_ndp 1 if-there\n"
		"service a gn-a hash=00000000deadbeef running\n"
		"proxy wlan0 192.168.1.195 index=9 ours\n"
		"proxy wlan0 fd00::5\n"
		"tunnel gv-a index=7 net=a master=4 up vni=61 port=4789 mtu=1430 ttl=5 local=2001:db8::1 group=ff05::1 under=eth0 under-index=3 v6 listed learning port-learning isolated way=eth0 way-mtu=1500 lost=2001:db8::3\n"
		"remote gv-a 2001:db8::2 index=7\n"
		"remote gv-a 2001:db8::3 net=a under=eth0\n"
		"remote gv-a ff05::1 under-index=3\n"
		"table different owned orphan foreign-owner handle=9 fingerprint=12 prefixes4=8,24 prefixes6=64,128\n";
	_cleanup_(netstate_deinit) struct netstate parsed = NETSTATE_NULL;
	_cleanup_(freep) char *printed = NULL;
	struct failure failure = { "" };

	if (netstate_parse(text, &parsed, &failure) < 0)
		fail_msg("%s", failure.text);
	assert_int_equal(netstate_print(&parsed, &printed), 0);
	check_string("round trip", printed, text);
}

static void bad_text(void **state _unused_)
{
	static const char *const bad[] = {
		"bridges x", "bridge", "bridge a-name-that-is-too-long", "bridge x frob", "bridge x index=", "bridge x mac=1",
		"port x", "address gn-a", "address gn-a 10.0.0.1", "address gn-a 10.0.0.1/33", "element", "element source4/24 gn-a",
		"element source4/24 gn-a fd00::", "element foo gn-a", "checksum gn-a", "checksum gn-a frob", "sysctl a", "sysctl a 1 2",
		"proxy wlan0", "proxy wlan0 1.2.3", "proxy wlan0 1.2.3.4 frob", "tunnel", "tunnel a frob", "tunnel a vni=x", "tunnel a local=x", "tunnel a lost=x", "remote a", "remote a 1.2.3", "remote a 1.2.3.4 frob", "shaper", "shaper a b", "shaper a rate=x", "element rate gn-a", "element rate gn-a : 5", "table", "table foo", "table equal prefixes4=33", "table equal prefixes6=129", "service a", "route 1.2.3.4",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct netstate parsed;
		struct failure failure = { "" };

		check_int(bad[i], netstate_parse(bad[i], &parsed, &failure), -EINVAL);
		check_prefix(bad[i], failure.text, "line 1: ");
	}
}

/* Properties */

struct chaos {
	uint32_t random;
	struct world world;		/* what is declared now */
	struct netstate state;		/* the kernel */
	struct netstate memory;		/* as it was when all was well */
	struct netstate memory_desired;
	unsigned int n_foreign;
	bool proxied;			/* some networks are in the LAN of wlan0 */
	bool tunnels;			/* some networks are on other hosts, too */
};

static void chaos_deinit(struct chaos *chaos)
{
	world_deinit(&chaos->world);
	netstate_deinit(&chaos->state);
	netstate_deinit(&chaos->memory);
	netstate_deinit(&chaos->memory_desired);
}

static unsigned int pick(struct chaos *chaos, unsigned int n)
{
	return unit_random(&chaos->random) % n;
}

static void declare(struct chaos *chaos)
{
	static const char *const texts[] = {
		"[Network]\nMode=nat\n", "[Network]\nMode=isolated\n", "[Network]\nHostAccess=all\nMTU=9000\n",
		"[DHCP]\nEnable=no\n[DNS]\nEnable=no\n", "[Network]\nHostAccess=none\n",
		"[Address]\nAddress=172.31.%u.1/28\nAddress=fd77:%u::1/64\nAddress=fd78:%u::1/80\n",
		"[Network]\nBridge=br-%u-%u%u\n", "[Port]\nIsolated=yes\n", "[Port]\nAddressBinding=lease\nRAGuard=yes\n",
		"[Port]\nIsolated=yes\nDHCPGuard=yes\nBPDUGuard=yes\nMACBinding=yes\n",
		"[Bandwidth]\nToGuestsRate=8M\nFromGuestsRate=1%u0K\n", "[Port]\nToGuestRate=1%u0K\nFromGuestRate=4M\nRAGuard=yes\n",
		"[Network]\nDenyOut=192.168.0.0/16\n[Host]\nMACAddress=52:54:00:00:0%u:05\nDenyOut=any\nAllowOut=203.0.113.5 tcp:443\n",
		"[Bandwidth]\nToGuestsRate=16M\n[Port]\nToGuestRate=2M\n[Network]\nBridge=br-%u-%u%u\n",
	};
	struct subnet_choice *choices = chaos->world.choices;
	size_t n_choices = chaos->world.n_choices;

	chaos->world.choices = NULL;
	world_deinit(&chaos->world);
	chaos->world.choices = choices;
	chaos->world.n_choices = n_choices;
	for (unsigned int i = 0; i < 6; i++) {
		char name[8], text[256];
		const char *format = texts[pick(chaos, ARRAY_SIZE(texts))];

		if (pick(chaos, 4) == 0)
			continue;
		if (chaos->proxied && pick(chaos, 6) == 0)
			format = "[Network]\nMode=route\nUplink=wlan0\nProxyARP=yes\n[Address]\nAddress=192.168.%u.9/29\n";
		if (chaos->tunnels && pick(chaos, 4) == 0)
			format = pick(chaos, 2) ? "[Tunnel]\nVNI=1%u\nRemote=192.0.2.1\nRemote=192.0.2.2\n" :
				 "[Tunnel]\nVNI=1%u\nMacLearning=no\n[Network]\nMode=isolated\n";
		snprintf(name, sizeof(name), "n%u", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), format, i, i, i);
#pragma GCC diagnostic pop
		world_add(&chaos->world, name, text);
	}
	world_build(&chaos->world, &chaos->state);
}

static struct netstate_bridge *any_bridge(struct chaos *chaos)
{
	return chaos->state.n_bridges ? &chaos->state.bridges[pick(chaos, (unsigned int)chaos->state.n_bridges)] : NULL;
}

static struct netstate_bridge *any_own_bridge(struct chaos *chaos)
{
	struct netstate_bridge *bridge = any_bridge(chaos);

	return bridge && bridge->owner == NETSTATE_OURS ? bridge : NULL;
}

/* Somebody's bridge or tap: sometimes with the index of one of ours that was deleted, as somebody may ask for it. */
static int any_index(struct chaos *chaos, const char *name)
{
	for (size_t i = 0; i < chaos->memory.n_bridges; i++) {
		const int ifindex = chaos->memory.bridges[i].ifindex;
		bool used = netstate_find_bridge_index(&chaos->state, ifindex) || strcmp(chaos->memory.bridges[i].name, name) == 0;

		for (size_t j = 0; !used && j < chaos->state.n_ports; j++)
			used = chaos->state.ports[j].ifindex == ifindex;
		if (!used)
			return ifindex;
	}
	return sim_new_index();
}

static void add_foreign_bridge(struct chaos *chaos)
{
	struct netstate_bridge bridge = { .up = pick(chaos, 2), .mtu = 1500, .address_pinned = true };
	struct netstate_address address = { .prefix_length = 24 };

	if (pick(chaos, 4) == 0 && chaos->world.n > 0)
		snprintf(bridge.name, sizeof(bridge.name), "%s", chaos->world.networks[pick(chaos, (unsigned int)chaos->world.n)].bridge);
	else
		snprintf(bridge.name, sizeof(bridge.name), "br%u", chaos->n_foreign++);
	if (netstate_find_bridge(&chaos->state, bridge.name))
		return;
	bridge.ifindex = any_index(chaos, bridge.name);
	netstate_add_bridge(&chaos->state, &bridge);
	memcpy(address.link, bridge.name, sizeof(address.link));
	address.address = ip_v4(0x0a400001 | pick(chaos, 0x3fff) << 8);
	netstate_add_address(&chaos->state, &address);
}

/* One bridge gets any name, or two change names. */
static void rename_any(struct chaos *chaos)
{
	struct netstate_bridge *a = any_own_bridge(chaos), *b = any_own_bridge(chaos);
	char name_a[IFNAME_SIZE], elsewhere[IFNAME_SIZE];

	if (!a || !b)
		return;
	memcpy(name_a, a->name, IFNAME_SIZE);
	snprintf(elsewhere, sizeof(elsewhere), "x%u", chaos->n_foreign++);
	sim_rename_bridge(&chaos->state, a, elsewhere);
	if (a != b && pick(chaos, 2)) {
		char name_b[IFNAME_SIZE];

		memcpy(name_b, b->name, IFNAME_SIZE);
		sim_rename_bridge(&chaos->state, b, name_a);
		sim_rename_bridge(&chaos->state, a, name_b);
	}
}

static void change_bridge(struct chaos *chaos)
{
	struct netstate_bridge *bridge = any_own_bridge(chaos);

	if (!bridge)
		return;
	switch (pick(chaos, 9)) {
	case 0: bridge->up = !bridge->up; break;
	case 1: bridge->mtu = 1300; break;
	case 2: bridge->mac.bytes[5]++; break;
	case 3: bridge->stp = true; break;
	case 4: bridge->forward_delay_cs = 1500; break;
	case 5: bridge->nf_call = true; break;
	case 6: bridge->n_altnames = 0; memset(bridge->altnames, 0, sizeof(bridge->altnames)); break;
	case 7: bridge->owner = NETSTATE_FOREIGN; memset(bridge->network, 0, sizeof(bridge->network)); break;
	case 8: sim_delete_bridge(&chaos->state, bridge); break;
	}
}

static void change_addresses(struct chaos *chaos)
{
	struct netstate_bridge *bridge = any_own_bridge(chaos);
	struct netstate_address address = { .prefix_length = 24, .ours = true };

	if (pick(chaos, 2) && chaos->state.n_addresses > 0) {
		struct netstate_address *gone = &chaos->state.addresses[pick(chaos, (unsigned int)chaos->state.n_addresses)];

		if (gone->ours)
			sim_remove(&chaos->state, addresses, gone);
	} else if (bridge) {
		memcpy(address.link, bridge->name, sizeof(address.link));
		address.address = ip_v4(0xc6120001 + pick(chaos, 100));
		if (!netstate_find_address(&chaos->state, &address))
			netstate_add_address(&chaos->state, &address);
	}
}

static void change_table(struct chaos *chaos)
{
	struct netstate *state = &chaos->state;
	struct netstate_element element = { .set = NETSTATE_SET_HOSTOPEN, .key_length = IFNAME_SIZE };

	switch (pick(chaos, 6)) {
	case 0:
		state->table = (struct netstate_table){ 0 };
		state->n_elements = 0;
		break;
	case 1:
		if (state->table.state == NETSTATE_TABLE_EQUAL)
			state->table.state = NETSTATE_TABLE_DIFFERENT;
		break;
	case 2:
		if (state->table.state != NETSTATE_TABLE_ABSENT) {
			state->table.owned = false;
			state->table.orphan = true;
		}
		break;
	case 3:
		state->n_elements = 0;
		break;
	case 4:
		if (state->n_elements > 0)
			sim_remove(state, elements, &state->elements[pick(chaos, (unsigned int)state->n_elements)]);
		break;
	case 5:
		snprintf((char *)element.key, IFNAME_SIZE, "%s", pick(chaos, 2) || !any_bridge(chaos) ? "stranger" : any_bridge(chaos)->name);
		if (state->table.state != NETSTATE_TABLE_ABSENT && !netstate_find_element(state, &element))
			netstate_add_element(state, &element);
		break;
	}
}

static void change_ports(struct chaos *chaos)
{
	struct netstate *state = &chaos->state;
	struct netstate_bridge *bridge = any_own_bridge(chaos);
	struct netstate_port port = { .owner = NETSTATE_OURS, .up = true, .learning = true, .flood = true, .mtu = 1500 };
	struct netstate_port *some = state->n_ports ? &state->ports[pick(chaos, (unsigned int)state->n_ports)] : NULL;

	if (pick(chaos, 8) == 0) {
		port = (struct netstate_port){ .ifindex = any_index(chaos, ""), .tap = true, .learning = true, .flood = true, .mtu = 1500 };
		snprintf(port.name, sizeof(port.name), "tap%d", port.ifindex);
		netstate_add_port(state, &port);
		return;
	}
	if (bridge && pick(chaos, 3) == 0) {
		port.ifindex = sim_new_index();
		port.master = bridge->ifindex;
		port.isolated = pick(chaos, 2);
		snprintf(port.name, sizeof(port.name), "gn1000_%d", port.ifindex);
		memcpy(port.bridge, bridge->name, sizeof(port.bridge));
		snprintf(port.alias, sizeof(port.alias), "guestnet uid=1000 pid=1 net=%s%s", bridge->name, port.isolated ? " isolated" : "");
		if (pick(chaos, 4) == 0) {
			port.owner = NETSTATE_FOREIGN;
			port.guest = pick(chaos, 2);
			memset(port.alias, 0, sizeof(port.alias));
		}
		netstate_add_port(state, &port);
		return;
	}
	if (!some)
		return;
	switch (pick(chaos, 5)) {
	case 4: some->group = pick(chaos, 2) ? NETSTATE_GROUP_FIRST + pick(chaos, 3) : 7; break;
	case 0: some->master = 0; break;
	case 1: some->isolated = !some->isolated; break;
	case 2: some->up = !some->up; break;
	case 3: some->master = bridge ? bridge->ifindex : 0; break;
	}
}

/* By hand, or by a program that has put one somewhere else: on a bridge of ours, marked or not, or on something else. */
static void change_routes(struct chaos *chaos)
{
	struct netstate *state = &chaos->state;
	struct netstate_route route = { .prefix_length = 24, .table = NETSTATE_MAIN_TABLE }, *some;
	struct netstate_bridge *bridge = pick(chaos, 3) ? any_bridge(chaos) : NULL;

	if (pick(chaos, 3) == 0 && state->n_routes > 0) {
		some = &state->routes[pick(chaos, (unsigned int)state->n_routes)];
		sim_remove(state, routes, some);
		return;
	}
	route.ours = bridge && pick(chaos, 2);
	route.metric = pick(chaos, 2);
	snprintf(route.link, sizeof(route.link), "%s", bridge ? bridge->name : "eth0");
	route.destination = ip_v4(0x0a630000 | pick(chaos, 8) << 8);
	if (pick(chaos, 2) && state->n_addresses > 0) {
		const struct netstate_address *address = &state->addresses[pick(chaos, (unsigned int)state->n_addresses)];

		route.destination = ip_mask(&address->address, route.prefix_length = (uint8_t)(address->prefix_length + pick(chaos, 3)));
	}
	/* The kernel takes one only on what is up. */
	if (!bridge || bridge->up)
		netstate_add_route(state, &route);
}

/* What the kernel says of addresses: whose they are, and that a route is gone. */
static void mark_addresses(struct chaos *chaos)
{
	struct netstate *state = &chaos->state;
	struct netstate_address *some = state->n_addresses ? &state->addresses[pick(chaos, (unsigned int)state->n_addresses)] : NULL;

	if (some && some->ours && pick(chaos, 2))
		some->marked = true;
	else if (some && some->ours)
		some->no_route = true;
}

/* Of others' only at ports: those are there before and after a plan, and called the same. */
static void change_shapers(struct chaos *chaos)
{
	struct netstate *state = &chaos->state;
	struct netstate_shaper *some = state->n_shapers ? &state->shapers[pick(chaos, (unsigned int)state->n_shapers)] : NULL;
	struct netstate_port *port = state->n_ports ? &state->ports[pick(chaos, (unsigned int)state->n_ports)] : NULL;
	struct netstate_shaper shaper = { .kind = "htb" };

	switch (pick(chaos, 3)) {
	case 0:
		if (some)
			sim_remove(state, shapers, some);
		break;
	case 1:
		if (some && some->ours)
			some->rate = pick(chaos, 2) ? 0 : some->rate + 1000;
		break;
	case 2:
		if (!port || netstate_find_shaper(state, port->name))
			break;
		memcpy(shaper.link, port->name, sizeof(shaper.link));
		shaper.ifindex = port->ifindex;
		netstate_add_shaper(state, &shaper);
		break;
	}
}

#define WLAN_INDEX	90

/* The interface is on the LAN, on another one, or on none; entries go, and others' come. */
static void change_proxies(struct chaos *chaos)
{
	struct netstate_address address = { .link = "wlan0", .prefix_length = 16 };
	struct netstate_proxy proxy = { .link = "wlan0", .ifindex = WLAN_INDEX };
	struct netstate *state = &chaos->state;

	if (!chaos->proxied)
		return;
	switch (pick(chaos, 3)) {
	case 0:
		for (size_t i = state->n_addresses; i > 0; i--)
			if (strcmp(state->addresses[i - 1].link, "wlan0") == 0)
				netstate_remove_address(state, i - 1);
		address.address = ip_v4(pick(chaos, 2) ? 0xc0a8c802 : 0x0a090902);
		if (pick(chaos, 4) > 0)
			netstate_add_address(state, &address);
		break;
	case 1:
		for (size_t i = state->n_proxies; i > 0; i--)
			if (pick(chaos, 2))
				netstate_remove_proxy(state, i - 1);
		break;
	case 2:
		proxy.address = ip_v4(0xc0a80000 + (pick(chaos, 6) << 8) + pick(chaos, 16));
		proxy.ours = pick(chaos, 2);
		if (!netstate_find_proxy(state, proxy.link, &proxy.address))
			netstate_add_proxy(state, &proxy);
		break;
	}
}

static void remove_tunnel(struct netstate *state, size_t i)
{
	for (size_t j = state->n_remotes; j > 0; j--)
		if (strcmp(state->remotes[j - 1].link, state->tunnels[i].name) == 0)
			netstate_remove_remote(state, j - 1);
	netstate_remove_tunnel(state, i);
}

/* One is deleted, pulled off its bridge, changed, taken for somebody else's; a host goes, or comes. */
static void change_tunnels(struct chaos *chaos)
{
	struct netstate_remote remote = { .address = ip_v4(0xc0000203) };
	struct netstate *state = &chaos->state;
	struct netstate_tunnel *tunnel;
	size_t i;

	if (state->n_tunnels == 0)
		return;
	i = pick(chaos, (unsigned int)state->n_tunnels);
	tunnel = &state->tunnels[i];
	switch (pick(chaos, 8)) {
	case 0: remove_tunnel(state, i); break;
	case 1: tunnel->master = pick(chaos, 2) ? 0 : 7; break;
	case 2: tunnel->up = false; break;
	case 3: tunnel->mtu = 1400; break;
	case 4: tunnel->vni++; break;
	case 5:
		tunnel->master = 0;
		memset(tunnel->network, 0, sizeof(tunnel->network));
		break;
	case 6:
		if (state->n_remotes > 0)
			netstate_remove_remote(state, pick(chaos, (unsigned int)state->n_remotes));
		break;
	case 7:
		memcpy(remote.link, tunnel->name, sizeof(remote.link));
		remote.ifindex = tunnel->ifindex;
		if (tunnel->network[0] && tunnel->listed && !netstate_find_remote(state, remote.link, &remote.address))
			netstate_add_remote(state, &remote);
		break;
	}
}

static void change_rest(struct chaos *chaos)
{
	struct netstate *state = &chaos->state;

	switch (pick(chaos, 6)) {
	case 5:
		if (state->n_services > 0)
			memcpy(state->services[pick(chaos, (unsigned int)state->n_services)].bridge, "other", sizeof("other"));
		break;
	case 0:
		if (state->n_services > 0)
			state->services[pick(chaos, (unsigned int)state->n_services)].running = false;
		break;
	case 1:
		if (state->n_services > 0)
			state->services[pick(chaos, (unsigned int)state->n_services)].config_hash++;
		break;
	case 2:
		if (state->n_sysctls > 0)
			state->sysctls[pick(chaos, (unsigned int)state->n_sysctls)].value ^= 1;
		break;
	case 3:
		if (state->n_checksums > 0)
			sim_remove(state, checksums, &state->checksums[pick(chaos, (unsigned int)state->n_checksums)]);
		break;
	case 4:
		if (state->n_checksums > 0) {
			struct netstate_checksum twice = state->checksums[0];

			twice.handle += 500;
			if (pick(chaos, 2))
				twice.strategy = CHECKSUM_TC;
			if (pick(chaos, 4) == 0)
				memset(twice.bridge, 0, sizeof(twice.bridge));
			netstate_add_checksum(state, &twice);
		}
		break;
	}
}

static void disturb(struct chaos *chaos)
{
	static void (*const ways[])(struct chaos *chaos) = {
		add_foreign_bridge, rename_any, change_bridge, change_bridge, change_addresses, change_table, change_ports,
		change_ports, change_rest, change_shapers, change_shapers, change_proxies, change_tunnels,
	};

	for (unsigned int n = pick(chaos, 6); n > 0; n--) {
		ways[pick(chaos, ARRAY_SIZE(ways))](chaos);
		netstate_sort(&chaos->state);
	}
	if (pick(chaos, 8) == 0)
		declare(chaos);
}

/* An index alone says nothing: those of deleted bridges are sometimes given out again. */
static bool is_remembered(const struct chaos *chaos, const struct netstate_bridge *bridge)
{
	const struct netstate_bridge *other = netstate_find_bridge_index(&chaos->memory, bridge->ifindex);

	return other && (strcmp(other->name, bridge->name) == 0 || memcmp(&other->mac, &bridge->mac, sizeof(other->mac)) == 0);
}

/* Nothing that is not ours may be the target of a step. */
static void check_targets(const struct chaos *chaos, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];
		const struct netstate_bridge *bridge;

		if (step->op >= PLAN_BRIDGE_SET && step->op <= PLAN_BRIDGE_DELETE && step->bridge.ifindex) {
			bridge = netstate_find_bridge_index(&chaos->state, step->bridge.ifindex);
			if (bridge && bridge->owner != NETSTATE_OURS && !is_remembered(chaos, bridge))
				fail_msg("%s of %s: not ours", plan_op_name(step->op), bridge->name);
		}
		if (step->op == PLAN_ADDRESS_REMOVE)
			assert_true(step->address.ours);
	}
}

/* All that is foreign, as text. */
static char *print_foreign(const struct chaos *chaos)
{
	_cleanup_(netstate_deinit) struct netstate foreign = NETSTATE_NULL;
	char *text;

	for (size_t i = 0; i < chaos->state.n_bridges; i++)
		if (chaos->state.bridges[i].owner == NETSTATE_FOREIGN && !is_remembered(chaos, &chaos->state.bridges[i]))
			netstate_add_bridge(&foreign, &chaos->state.bridges[i]);
	for (size_t i = 0; i < chaos->state.n_addresses; i++)
		if (!chaos->state.addresses[i].ours)
			netstate_add_address(&foreign, &chaos->state.addresses[i]);
	for (size_t i = 0; i < chaos->state.n_shapers; i++)
		if (!chaos->state.shapers[i].ours)
			netstate_add_shaper(&foreign, &chaos->state.shapers[i]);
	for (size_t i = 0; i < chaos->state.n_proxies; i++)
		if (!chaos->state.proxies[i].ours)
			netstate_add_proxy(&foreign, &chaos->state.proxies[i]);
	for (size_t i = 0; i < chaos->state.n_tunnels; i++)
		if (!chaos->state.tunnels[i].network[0])
			netstate_add_tunnel(&foreign, &chaos->state.tunnels[i]);
	assert_int_equal(netstate_print(&foreign, &text), 0);
	return text;
}

static void remember(struct chaos *chaos)
{
	struct netstate memory = NETSTATE_NULL, desired = NETSTATE_NULL;

	for (size_t i = 0; i < chaos->state.n_bridges; i++)
		if (chaos->state.bridges[i].owner == NETSTATE_OURS)
			netstate_add_bridge(&memory, &chaos->state.bridges[i]);
	for (size_t i = 0; i < chaos->state.n_ports; i++)
		if (chaos->state.ports[i].master)
			netstate_add_port(&memory, &chaos->state.ports[i]);
	for (size_t i = 0; i < chaos->world.desired.n_addresses; i++)
		netstate_add_address(&desired, &chaos->world.desired.addresses[i]);
	netstate_sort(&memory);
	netstate_deinit(&chaos->memory);
	netstate_deinit(&chaos->memory_desired);
	chaos->memory = memory;
	chaos->memory_desired = desired;
}

static void fail_with_plan(const char *what, const struct plan *plan)
{
	char *text;

	assert_int_equal(plan_print(plan, &text), 0);
	fail_msg("%s:\n%s", what, text);
}

static void repair(struct chaos *chaos)
{
	struct plan_memory memory = test_memory(&chaos->memory, &chaos->memory_desired);
	_cleanup_(freep) char *before = print_foreign(chaos), *after = NULL;
	struct plan plan;

	world_build_again(&chaos->world, &chaos->state);
	assert_int_equal(plan_build(&chaos->world.desired, &chaos->state, &memory, NULL, 0, 1, &plan), 0);
	check_targets(chaos, &plan);
	plan_simulate(&chaos->state, &plan);
	plan_deinit(&plan);

	after = print_foreign(chaos);
	check_string("foreign objects", after, before);
	remember(chaos);
	memory = test_memory(&chaos->memory, &chaos->memory_desired);
	assert_int_equal(plan_build(&chaos->world.desired, &chaos->state, &memory, NULL, 0, 2, &plan), 0);
	if (plan.n_steps > 0)
		fail_with_plan("not repaired by one plan", &plan);
	plan_deinit(&plan);

	/* The same without a memory, as after a restart. */
	assert_int_equal(plan_build(&chaos->world.desired, &chaos->state, NULL, NULL, 0, 3, &plan), 0);
	if (plan.n_steps > 0)
		fail_with_plan("a restart would change something", &plan);
	plan_deinit(&plan);
}

static void check_services(const struct chaos *chaos)
{
	for (size_t i = 0; i < chaos->state.n_services; i++) {
		const struct netstate_service *have = &chaos->state.services[i];
		const struct netstate_service *want = netstate_find_service(&chaos->world.desired, have->network);

		if (!have->running)
			continue;
		assert_non_null(want);
		assert_string_equal(have->bridge, want->bridge);
		assert_true(have->config_hash == want->config_hash);
	}
}

/* Every network that is not blocked is whole: what was planned is what was desired. */
static void check_whole(const struct chaos *chaos)
{
	for (size_t i = 0; i < chaos->world.desired.n_bridges; i++) {
		const struct netstate_bridge *want = &chaos->world.desired.bridges[i];
		const struct netstate_bridge *have = netstate_find_bridge(&chaos->state, want->name);

		assert_non_null(have);
		if (have->owner != NETSTATE_OURS)
			continue;
		assert_string_equal(have->network, want->network);
		assert_true(have->up);
		assert_int_equal(have->mtu, want->mtu);
		assert_true(sim_has_bridges_element(&chaos->state, want->name));
	}
	for (size_t i = 0; i < chaos->world.desired.n_shapers; i++) {
		const struct netstate_shaper *want = &chaos->world.desired.shapers[i];
		const struct netstate_bridge *bridge = netstate_find_bridge(&chaos->state, want->link);
		const struct netstate_shaper *have = netstate_find_shaper(&chaos->state, want->link);

		/* Of a network whose bridge's name somebody else has, nothing is. */
		if (!bridge || bridge->owner != NETSTATE_OURS)
			continue;
		assert_non_null(have);
		assert_true(!have->ours || rates_same(want, have));
	}
}

/* The host answers for six guests of each network that is a part of the LAN, and by its own mark for nobody else. */
static void check_proxies(const struct chaos *chaos)
{
	const struct netstate *desired = &chaos->world.desired;
	size_t n, first = netstate_addresses_of(&chaos->state, "wlan0", &n), n_wanted = 0, n_found = 0;
	const bool on_lan = n > 0 && chaos->state.addresses[first].address.bytes_be[0] == 192;

	for (size_t i = 0; i < desired->n_addresses; i++) {
		const struct netstate_bridge *want = netstate_find_bridge(desired, desired->addresses[i].link);
		const struct netstate_bridge *have = netstate_find_bridge(&chaos->state, desired->addresses[i].link);
		struct ip guest = ip_mask(&desired->addresses[i].address, 29);

		if (!want->proxied[0] || have->owner != NETSTATE_OURS || !on_lan)
			continue;
		for (unsigned int j = 1; j < 7; j++) {
			guest.bytes_be[3]++;
			if (memcmp(&guest, &desired->addresses[i].address, sizeof(guest)) == 0)
				continue;
			assert_non_null(netstate_find_proxy(&chaos->state, "wlan0", &guest));
			n_wanted += netstate_find_proxy(&chaos->state, "wlan0", &guest)->ours;
		}
	}
	for (size_t i = 0; i < chaos->state.n_proxies; i++)
		n_found += chaos->state.proxies[i].ours;
	assert_int_equal(n_found, n_wanted);
}

/* Each is on its bridge, and leads to whom its network says, but where its name is somebody else's. */
static void check_tunnels(const struct chaos *chaos)
{
	const struct netstate *desired = &chaos->world.desired, *state = &chaos->state;

	for (size_t i = 0; i < desired->n_tunnels; i++) {
		const struct netstate_tunnel *want = &desired->tunnels[i], *have = netstate_find_tunnel(state, want->name);
		const struct netstate_bridge *bridge = netstate_find_bridge(state, want->bridge);

		if (!bridge || bridge->owner != NETSTATE_OURS || (have && !have->network[0]))
			continue;
		assert_non_null(have);
		assert_int_equal(have->master, bridge->ifindex);
		assert_int_equal(have->vni, want->vni);
		assert_int_equal(have->mtu, bridge->mtu);
		assert_true(have->up);
		for (uint32_t j = 1; j <= 3; j++) {
			const struct ip ip = ip_v4(0xc0000200 + j);

			assert_int_equal(netstate_find_remote(state, want->name, &ip) != NULL, want->listed && j < 3);
		}
	}
	for (size_t i = 0; i < state->n_tunnels; i++)
		assert_true(!state->tunnels[i].network[0] || netstate_find_tunnel(desired, state->tunnels[i].name));
}

static void run_chaos(uint32_t seed, unsigned int n_rounds)
{
	struct chaos chaos = { .random = seed, .proxied = true, .tunnels = true };

	sim_next_index = 100;
	declare(&chaos);
	for (unsigned int i = 0; i < n_rounds; i++) {
		repair(&chaos);
		check_whole(&chaos);
		check_proxies(&chaos);
		check_tunnels(&chaos);
		check_services(&chaos);
		disturb(&chaos);
	}
	world_deinit(&chaos.world);
	netstate_deinit(&chaos.state);
	netstate_deinit(&chaos.memory);
	netstate_deinit(&chaos.memory_desired);
}

static uint32_t first_seed(void)
{
	const char *given = getenv("SEED");

	return given ? (uint32_t)strtoul(given, NULL, 10) : (uint32_t)time(NULL) * 2654435761u | 1;
}

static void random_disturbances_are_planned_back(void **state _unused_)
{
	uint32_t seed = first_seed();

	for (uint32_t i = 0; i < (getenv("SEED") ? 1 : 300); i++) {
		print_message("# seed %u\n", seed + 2 * i);
		run_chaos(seed + 2 * i, 30);
	}
}

/* What a pass leaves out stays as it is, whatever it is. */
static void excepted_networks_are_left_alone(void **state _unused_)
{
	uint32_t seed = first_seed();

	print_message("# seed %u\n", seed);
	for (uint32_t i = 0; i < 200; i++) {
		struct chaos chaos = { .random = seed + 2 * i, .proxied = true, .tunnels = true };
		char except[1][NETWORK_NAME_SIZE] = { "n1" };
		struct plan plan;

		declare(&chaos);
		repair(&chaos);
		for (unsigned int n = 0; n < 5; n++) {
			struct plan_memory memory = test_memory(&chaos.memory, &chaos.memory_desired);

			disturb(&chaos);
			assert_int_equal(plan_build(&chaos.world.desired, &chaos.state, &memory, except, 1, 1, &plan), 0);
			for (size_t j = 0; j < plan.n_steps; j++)
				if (strcmp(plan.steps[j].network, "n1") == 0 && plan.steps[j].op != PLAN_ELEMENT_ADD)
					fail_with_plan("n1 is not left alone", &plan);
			plan_deinit(&plan);
		}
		chaos_deinit(&chaos);
	}
}

/*
 * Ports of other programs as the daemon remembers them: kept by their networks, changed by itself. What is planned because of
 * that has been done.
 */
static void remember_others(struct chaos *chaos)
{
	struct plan_memory memory;
	struct plan plan;

	for (size_t i = 0; i < chaos->memory.n_ports; i++) {
		struct netstate_port *port = &chaos->memory.ports[i];

		if (port->owner == NETSTATE_OURS)
			continue;
		port->kept = pick(chaos, 2);
		port->off = port->kept && pick(chaos, 2);
		port->made_isolated = pick(chaos, 2);
	}
	memory = test_memory(&chaos->memory, &chaos->memory_desired);
	assert_int_equal(plan_build(&chaos->world.desired, &chaos->state, &memory, NULL, 0, 1, &plan), 0);
	plan_simulate(&chaos->state, &plan);
	plan_deinit(&plan);
	assert_int_equal(plan_build(&chaos->world.desired, &chaos->state, &memory, NULL, 0, 1, &plan), 0);
	if (plan.n_steps > 0)
		fail_with_plan("not settled", &plan);
	plan_deinit(&plan);
}

/* Whose alias says nothing belongs to where it is. */
static void name_bridges_of_ports(struct netstate *state)
{
	for (size_t i = 0; i < state->n_ports; i++) {
		struct netstate_port *port = &state->ports[i];
		const struct netstate_bridge *bridge = netstate_find_bridge_index(state, port->master);

		if (port->owner == NETSTATE_OURS)
			continue;
		memset(port->bridge, 0, sizeof(port->bridge));
		if (bridge)
			memcpy(port->bridge, bridge->name, sizeof(port->bridge));
	}
}

static bool is_in(const void *items, size_t n, const void *item, size_t size)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp((const char *)items + i * size, item, size) == 0)
			return true;
	return false;
}

/* Interfaces that events are about, by index. One that is no bridge and no port has none here. */
struct events {
	int links[256];
	size_t n;
};

static void add_event(struct events *events, int ifindex)
{
	for (size_t i = 0; i < events->n; i++)
		if (events->links[i] == ifindex)
			return;
	assert_true(events->n < ARRAY_SIZE(events->links));
	events->links[events->n++] = ifindex;
}

static void add_event_of(struct events *events, const struct netstate *state, const char *link)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(state, link);

	if (bridge)
		add_event(events, bridge->ifindex);
}

/* The events of what @state has, and @other has not. */
static void add_events(struct events *events, const struct netstate *state, const struct netstate *other)
{
#define IS_IN(list, item) is_in(other->list, other->n_##list, item, sizeof(*(item)))
	for (size_t i = 0; i < state->n_bridges; i++)
		if (!IS_IN(bridges, &state->bridges[i]))
			add_event(events, state->bridges[i].ifindex);
	for (size_t i = 0; i < state->n_ports; i++)
		if (!IS_IN(ports, &state->ports[i]))
			add_event(events, state->ports[i].ifindex);
	for (size_t i = 0; i < state->n_addresses; i++)
		if (!IS_IN(addresses, &state->addresses[i]))
			add_event_of(events, state, state->addresses[i].link);
	for (size_t i = 0; i < state->n_routes; i++)
		if (!IS_IN(routes, &state->routes[i]))
			add_event_of(events, state, state->routes[i].link);
	for (size_t i = 0; i < state->n_sysctls; i++)
		if (!IS_IN(sysctls, &state->sysctls[i])) {
			char link[64] = "";

			sscanf(state->sysctls[i].path, "%*[^/]/conf/%63[^/]", link);
			add_event_of(events, state, link);
		}
	for (size_t i = 0; i < state->n_shapers; i++)
		if (!IS_IN(shapers, &state->shapers[i]))
			add_event(events, state->shapers[i].ifindex);
#undef IS_IN
}

/* As the manager does, with what was seen before the events and with what is seen then. Of services it knows by itself. */
static void mark_events(struct slice_marks *marks, const struct chaos *chaos, const struct netstate *before)
{
	const struct plan_memory memory = test_memory(&chaos->memory, &chaos->memory_desired);
	const struct netstate *const states[] = { before, &chaos->state };
	struct events events = { .n = 0 };

	add_events(&events, before, &chaos->state);
	add_events(&events, &chaos->state, before);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		for (size_t j = 0; j < events.n; j++)
			slice_mark_link(marks, &chaos->world.desired, states[i], &memory, events.links[j]);
	for (size_t i = 0; i < chaos->state.n_services; i++)
		if (!is_in(before->services, before->n_services, &chaos->state.services[i], sizeof(*before->services)))
			slice_mark(marks, chaos->state.services[i].network);
}

/* What is left of a plan when only these networks, and what belongs to all, are of interest. */
static void keep_marked_notes(struct plan *plan, const struct slice_marks *marks)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_notes; i++) {
		bool kept = !plan->notes[i].network[0];

		for (size_t j = 0; j < marks->n; j++)
			kept |= strcmp(marks->networks[j], plan->notes[i].network) == 0;
		if (kept)
			plan->notes[n++] = plan->notes[i];
	}
	plan->n_notes = n;
}

static bool compare_marked(struct chaos *chaos, const struct slice_marks *marks, const struct netstate *changed)
{
	const struct plan_memory memory = test_memory(&chaos->memory, &chaos->memory_desired);
	_cleanup_(slice_deinit) struct slice slice = SLICE_NULL;
	_cleanup_(plan_deinit) struct plan whole = PLAN_NULL, part = PLAN_NULL;
	_cleanup_(freep) char *want = NULL, *got = NULL;

	assert_false(marks->all);
	if (slice_build(&chaos->world.desired, &chaos->state, &memory, (const char (*)[NETWORK_NAME_SIZE])marks->networks,
			marks->n, changed, &slice) != 1)
		return false;
	assert_int_equal(plan_build(&chaos->world.desired, &chaos->state, &memory, NULL, 0, 1, &whole), 0);
	assert_int_equal(plan_build(&slice.desired, &slice.snapshot, &slice.memory, NULL, 0, 1, &part), 0);
	keep_marked_notes(&whole, marks);
	assert_int_equal(plan_print(&whole, &want), 0);
	assert_int_equal(plan_print(&part, &got), 0);
	check_string("a plan for some networks", got, want);
	return true;
}

static bool compare_slice(struct chaos *chaos, const struct netstate *before)
{
	struct slice_marks marks = { .n = 0 };

	mark_events(&marks, chaos, before);
	slice_mark_any(&marks, &chaos->world.desired);
	return compare_marked(chaos, &marks, NULL);
}

/* All is well, and remembered; @ret_before is what is, before something happens. */
static void settle_before(struct chaos *chaos, struct netstate *ret_before)
{
	repair(chaos);
	remember_others(chaos);
	name_bridges_of_ports(&chaos->state);
#define COPY(one, many) for (size_t j = 0; j < chaos->state.n_##many; j++) netstate_add_##one(ret_before, &chaos->state.many[j]);
	NETSTATE_KINDS(COPY)
#undef COPY
}

static bool has_same_checksums(const struct netstate *a, const struct netstate *b)
{
	return a->n_checksums == b->n_checksums &&
	       (a->n_checksums == 0 || memcmp(a->checksums, b->checksums, a->n_checksums * sizeof(*a->checksums)) == 0);
}

/* What is planned for networks that something has happened to is what is planned for all. */
static void slices_are_planned_as_the_whole(void **state _unused_)
{
	static void (*const ways[])(struct chaos *chaos) = {
		add_foreign_bridge, rename_any, change_bridge, change_bridge, change_addresses, change_ports, change_ports, change_rest,
		change_routes, change_routes, mark_addresses, change_shapers,
	};
	uint32_t seed = first_seed();
	unsigned int n_slices = 0, n_all = 0;

	for (uint32_t i = 0; i < (getenv("SEED") ? 1 : 300); i++) {
		struct chaos chaos = { .random = seed + 2 * i };

		print_message("# seed %u\n", seed + 2 * i);
		sim_next_index = 100;
		declare(&chaos);
		for (unsigned int round = 0; round < 20; round++) {
			_cleanup_(netstate_deinit) struct netstate before = NETSTATE_NULL;

			settle_before(&chaos, &before);
			for (unsigned int n = 1 + pick(&chaos, 3); n > 0; n--) {
				ways[pick(&chaos, ARRAY_SIZE(ways))](&chaos);
				netstate_sort(&chaos.state);
			}
			name_bridges_of_ports(&chaos.state);
			/* Rules are in no slice. */
			if (!has_same_checksums(&chaos.state, &before))
				continue;
			n_all++;
			n_slices += compare_slice(&chaos, &before);
		}
		chaos_deinit(&chaos);
	}
	print_message("# %u of %u in slices\n", n_slices, n_all);
	assert_true(getenv("SEED") || n_slices > n_all / 4);
}

/* Takes one of @n networks out of what is desired, or back in. */
static void change_networks(struct chaos *chaos, struct slice_marks *marks, bool *held, size_t n)
{
	struct world *world = &chaos->world;
	const size_t other = pick(chaos, (unsigned int)n);

	held[other] = !held[other];
	slice_mark(marks, world->networks[other].name);
	world->n = 0;
	for (size_t i = 0; i < n; i++)
		if (!held[i])
			world->pointers[world->n++] = &world->networks[i];
	world_build_again(world, &chaos->state);
}

static void add_elements(const struct netstate *from, struct netstate *to)
{
	for (size_t i = 0; i < from->n_elements; i++)
		netstate_add_element(to, &from->elements[i]);
	netstate_sort_elements(to);
}

/* Of elements as they were and as they are: those that are not there twice, and alike. */
static void keep_changed(struct netstate *state)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n_elements; i++) {
		const struct netstate_element *element = &state->elements[i];

		if (i + 1 < state->n_elements && netstate_compare_elements(element, element + 1) == 0 && netstate_same_data(element, element + 1))
			i++;
		else
			state->elements[n++] = *element;
	}
	state->n_elements = n;
}

/* So is what is planned for networks that have come or gone. */
static void changes_are_planned_as_the_whole(void **state _unused_)
{
	uint32_t seed = first_seed();
	unsigned int n_slices = 0, n_all = 0;

	for (uint32_t i = 0; i < (getenv("SEED") ? 1 : 300); i++) {
		struct chaos chaos = { .random = seed + 2 * i };
		bool held[TEST_NETWORKS] = { false };
		size_t n_networks;

		print_message("# seed %u\n", seed + 2 * i);
		sim_next_index = 100;
		declare(&chaos);
		n_networks = chaos.world.n;
		for (unsigned int round = 0; n_networks > 0 && round < 20; round++) {
			_cleanup_(netstate_deinit) struct netstate before = NETSTATE_NULL, changed = NETSTATE_NULL;
			struct slice_marks marks = { .n = 0 };

			settle_before(&chaos, &before);
			add_elements(&chaos.world.desired, &changed);
			for (unsigned int n = 1 + pick(&chaos, 2); n > 0; n--)
				change_networks(&chaos, &marks, held, n_networks);
			add_elements(&chaos.world.desired, &changed);
			keep_changed(&changed);
			slice_mark_any(&marks, &chaos.world.desired);
			n_all++;
			n_slices += compare_marked(&chaos, &marks, &changed);
		}
		chaos.world.n = n_networks;
		chaos_deinit(&chaos);
	}
	print_message("# %u of %u in slices\n", n_slices, n_all);
	assert_true(getenv("SEED") || n_slices > n_all / 4);
}

static void mark_port(struct slice_marks *marks, const struct chaos *chaos, const struct netstate_port *state_port,
		      const struct netstate_port *memory_port)
{
	struct netstate state = NETSTATE_NULL;
	const struct plan_memory memory = { .ports = memory_port, .n_ports = memory_port != NULL };

	*marks = (struct slice_marks){ .n = 0 };
	if (state_port)
		netstate_add_port(&state, state_port);
	slice_mark_link(marks, &chaos->world.desired, &state, &memory, 7);
	netstate_deinit(&state);
}

/* A port is marked by what its alias says, the bridge or the network; by where it was; and by nothing else. */
static void marks_are_made(void **state _unused_)
{
	struct netstate_port port = { .ifindex = 7, .tap = true }, elsewhere = { .ifindex = 8 };
	struct chaos chaos = { .random = 1 };
	struct slice_marks marks = { .n = 0 };
	char name[NETWORK_NAME_SIZE];

	world_add(&chaos.world, "n1", "");
	world_add(&chaos.world, "n2", "");
	world_build(&chaos.world, NULL);
	snprintf(elsewhere.bridge, sizeof(elsewhere.bridge), "gn-n1");
	mark_port(&marks, &chaos, &port, &elsewhere);
	assert_int_equal(marks.n, 0);
	snprintf(port.bridge, sizeof(port.bridge), "gn-n2");
	mark_port(&marks, &chaos, &port, NULL);
	assert_string_equal(marks.networks[0], "n2");
	snprintf(port.bridge, sizeof(port.bridge), "n2");
	mark_port(&marks, &chaos, &port, NULL);
	assert_string_equal(marks.networks[0], "n2");
	mark_port(&marks, &chaos, NULL, &port);
	assert_string_equal(marks.networks[0], "n2");
	snprintf(port.bridge, sizeof(port.bridge), "br7");
	mark_port(&marks, &chaos, &port, &port);
	assert_int_equal(marks.n, 0);

	/* Each once; and too many are all. */
	for (unsigned int i = 0; i <= 2 * SLICE_NETWORKS; i++) {
		assert_int_equal(marks.n, (i + 1) / 2);
		assert_false(marks.all);
		snprintf(name, sizeof(name), "n%u", i / 2);
		if (i < 2 * SLICE_NETWORKS)
			slice_mark(&marks, name);
	}
	slice_mark(&marks, "");
	assert_false(marks.all);
	slice_mark(&marks, name);
	assert_true(marks.all);
	world_deinit(&chaos.world);
}

/* A port of one network on the bridge of another is no matter of one of them: together they can be planned for. */
static void moved_ports_are_of_both(void **state _unused_)
{
	static const char networks[][NETWORK_NAME_SIZE] = { "n1", "n2" };
	struct netstate_port port = { .ifindex = 900, .owner = NETSTATE_OURS, .up = true, .learning = true, .flood = true };
	struct netstate kernel = NETSTATE_NULL;
	struct chaos chaos = { .random = 1 };
	struct slice slice = SLICE_NULL;
	struct plan_memory memory;

	world_add(&chaos.world, "n1", "");
	world_add(&chaos.world, "n2", "");
	world_build(&chaos.world, NULL);
	settle(&chaos.world.desired, &kernel);
	snprintf(port.name, sizeof(port.name), "gn1000_900");
	snprintf(port.bridge, sizeof(port.bridge), "gn-n1");
	snprintf(port.alias, sizeof(port.alias), "guestnet uid=1000 pid=1 net=gn-n1");
	port.master = netstate_find_bridge(&kernel, "gn-n2")->ifindex;
	netstate_add_port(&kernel, &port);
	memory = (struct plan_memory){ .bridges = kernel.bridges, .n_bridges = kernel.n_bridges };
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		assert_int_equal(slice_build(&chaos.world.desired, &kernel, &memory, &networks[i], 1, NULL, &slice), 0);
	assert_int_equal(slice_build(&chaos.world.desired, &kernel, &memory, networks, ARRAY_SIZE(networks), NULL, &slice), 1);
	assert_int_equal(slice.snapshot.n_ports, 1);
	slice_deinit(&slice);
	netstate_deinit(&kernel);
	world_deinit(&chaos.world);
}

/* The steps after what was told of one bridge, as their names. */
static void check_haste(const struct world *world, const struct netstate *kernel, const struct haste *haste, const int forwards[2],
			const char *expected)
{
	struct plan plan;
	char text[256] = "";

	assert_int_equal(haste_plan(haste, &world->desired, kernel, forwards, 1, &plan), 0);
	for (size_t i = 0; i < plan.n_steps; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", plan_op_name(plan.steps[i].op));
	assert_string_equal(text, expected);
	plan_deinit(&plan);
}

/* What sets again what is declared is done at once; all else waits for a look. */
static void haste_sets_again(void **state _unused_)
{
	static const int on[] = { 1, 1 }, off[] = { 0, 0 }, absent[] = { -1, -1 };
	struct netstate kernel = NETSTATE_NULL;
	struct netstate_bridge *bridge;
	struct world world = { 0 };
	struct haste haste = { 0 };
	struct haste_link *link;
	struct plan plan;

	world_add(&world, "n1", "[Address]\nAddress=10.1.0.1/24\n");
	world_add(&world, "n2", "[Address]\nAddress=10.2.0.1/24\n");
	world_build(&world, NULL);
	settle(&world.desired, &kernel);
	bridge = (struct netstate_bridge *)netstate_find_bridge(&kernel, "gn-n1");
	assert_non_null(bridge);
	check_haste(&world, &kernel, &haste, off, "");
	haste.forwarding = true;
	check_haste(&world, &kernel, &haste, off, "sysctl-set");
	check_haste(&world, &kernel, &haste, on, "");
	check_haste(&world, &kernel, &haste, absent, "");
	/* An interface that is to stay off is looked at; one of the other family has nothing to do with it. */
	world.desired.sysctls[world.desired.n_sysctls - 1].when = SYSCTL_AFTER;
	snprintf(world.desired.sysctls[world.desired.n_sysctls - 1].path, sizeof(world.desired.sysctls->path), "ipv6/conf/zz/forwarding");
	check_haste(&world, &kernel, &haste, off, "sysctl-set");
	snprintf(world.desired.sysctls[world.desired.n_sysctls - 1].path, sizeof(world.desired.sysctls->path), "ipv4/conf/zz/forwarding");
	check_haste(&world, &kernel, &haste, off, "");
	world.desired.sysctls[world.desired.n_sysctls - 1].when = SYSCTL_ALWAYS;
	haste.forwarding = false;

	link = haste_find_link(&haste, bridge->ifindex, bridge->name);
	assert_ptr_equal(link, haste_find_link(&haste, bridge->ifindex, bridge->name));
	check_haste(&world, &kernel, &haste, on, "");
	link->changed = true;
	link->bridge = *bridge;
	check_haste(&world, &kernel, &haste, on, "");
	link->bridge.up = false;
	check_haste(&world, &kernel, &haste, on, "bridge-up");
	link->bridge.mtu = 1400;
	check_haste(&world, &kernel, &haste, on, "bridge-set bridge-up");
	link->bridge.up = true;
	snprintf(link->bridge.name, sizeof(link->bridge.name), "gn-other");
	check_haste(&world, &kernel, &haste, on, "bridge-rename bridge-set");
	assert_int_equal(haste_plan(&haste, &world.desired, &kernel, on, 1, &plan), 0);
	assert_string_equal(plan.steps[0].network, "n1");
	assert_int_equal(plan.steps[0].bridge.ifindex, bridge->ifindex);
	plan_deinit(&plan);
	/* Under another one's name, another one's by its mark, nobody's: no. */
	snprintf(link->bridge.name, sizeof(link->bridge.name), "gn-n2");
	check_haste(&world, &kernel, &haste, on, "");
	link->bridge = *bridge;
	link->bridge.mtu = 1400;
	snprintf(link->bridge.network, sizeof(link->bridge.network), "n2");
	check_haste(&world, &kernel, &haste, on, "");
	link->bridge = *bridge;
	link->bridge.mtu = 1400;
	link->bridge.owner = NETSTATE_FOREIGN;
	check_haste(&world, &kernel, &haste, on, "");

	link->changed = false;
	link->n_unrouted = 1;
	link->unrouted[0] = (struct netstate_route){ .prefix_length = 24 };
	assert_int_equal(ip_parse("10.1.0.0", &link->unrouted[0].destination), 0);
	check_haste(&world, &kernel, &haste, on, "route-add");
	link->unrouted[0].prefix_length = 25;
	check_haste(&world, &kernel, &haste, on, "");
	link->n_unrouted = 0;
	link->n_gone = 1;
	link->gone[0] = (struct netstate_address){ .prefix_length = 24 };
	assert_int_equal(ip_parse("10.1.0.1", &link->gone[0].address), 0);
	check_haste(&world, &kernel, &haste, on, "address-add");
	/* The filter does not know it, or is not there: no. */
	for (size_t i = kernel.n_elements; i > 0; i--)
		if (kernel.elements[i - 1].set == NETSTATE_SET_BRIDGES)
			netstate_remove_element(&kernel, i - 1);
	check_haste(&world, &kernel, &haste, on, "");
	link->gone[0].prefix_length = 16;
	check_haste(&world, &kernel, &haste, on, "");
	kernel.table.state = NETSTATE_TABLE_ABSENT;
	haste.forwarding = true;
	check_haste(&world, &kernel, &haste, off, "");

	for (int i = 1; i < HASTE_LINKS; i++)
		assert_non_null(haste_find_link(&haste, 1000 + i, ""));
	assert_null(haste_find_link(&haste, 2000, ""));
	netstate_deinit(&kernel);
	world_deinit(&world);
}

/* Each kind of note is said whole, with the longest names and numbers that there are. */
static void notes_are_said(void **state _unused_)
{
	for (unsigned int kind = 0; kind < PLAN_NOTE_MAX_; kind++) {
		char said[NOTE_TEXT_SIZE], mend[NOTE_FIX_SIZE];
		struct plan_note note = { .kind = (uint8_t)kind, .prefix_length = 128, .own_length = 128, .table = UINT32_MAX };
		struct text text, fix;

		snprintf(note.network, sizeof(note.network), "abcdefghijkl");
		memset(note.link, '\t', sizeof(note.link) - 1);
		note.address.family = note.own.family = AF_INET6;
		memset(note.address.bytes_be, 0xab, sizeof(note.address.bytes_be));
		memset(note.own.bytes_be, 0xcd, sizeof(note.own.bytes_be));
		text_init(&text, said, sizeof(said));
		text_init(&fix, mend, sizeof(mend));
		assert_int_equal(notes_print(&note, &text, &fix) == NOTE_FAILING, kind == PLAN_NOTE_BRIDGE_FOREIGN ||
				 kind == PLAN_NOTE_BRIDGE_MISSING || kind == PLAN_NOTE_PROXY_TAKEN || kind == PLAN_NOTE_TABLE_OWNED);
		assert_true(text.length > 0 && !text.overflow);
		if (fix.overflow)
			fail_msg("%s: the mend is too long: %s", plan_note_name(kind), mend);
	}
}

/* Guests of other hosts have no port here, and are there all the same: such a network does not move away from them. */
static void a_tunnel_is_a_use(void **state _unused_)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	const struct netstate_bridge bridge = { .name = "gn-a", .ifindex = 4 };
	const struct netstate_tunnel tunnel = { .name = "gv-a", .ifindex = 7, .master = 4 };

	assert_false(netstate_is_used(&snapshot, &bridge));
	assert_int_equal(netstate_add_tunnel(&snapshot, &tunnel), 0);
	assert_true(netstate_is_used(&snapshot, &bridge));
	snapshot.tunnels[0].master = 5;
	assert_false(netstate_is_used(&snapshot, &bridge));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_are_said),
		cmocka_unit_test(cases),
		cmocka_unit_test(chosen_prefixes_are_left_alone),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(bad_text),
		cmocka_unit_test(a_tunnel_is_a_use),
		cmocka_unit_test(random_disturbances_are_planned_back),
		cmocka_unit_test(excepted_networks_are_left_alone),
		cmocka_unit_test(marks_are_made),
		cmocka_unit_test(moved_ports_are_of_both),
		cmocka_unit_test(haste_sets_again),
		cmocka_unit_test(slices_are_planned_as_the_whole),
		cmocka_unit_test(changes_are_planned_as_the_whole),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
