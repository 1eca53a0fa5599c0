/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of the daemon's model share: cases in files, networks from text, and a kernel of pure data.
 *
 * A file of cases in tests/data/ has sections that begin with a line "== NAME [ARGUMENT]". One of them is
 * what is expected; with GOLDEN_UPDATE=1 in the environment it is written anew instead of compared.
 */
#pragma once

#include "unit.h"

#include <dirent.h>

#include "../../netd/model/config.h"
#include "../../netd/model/desired.h"
#include "../../netd/model/ip.h"
#include "../../netd/model/plan.h"
#include "../../netd/model/print.h"

static const uint8_t test_machine_id[SIPHASH_KEY_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static const struct desired_options test_options = {
	.machine_id = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.checksums = 1 << CHECKSUM_NFT,
	.dnsmasq = { .run_dir = "/run/guestnet", .state_dir = "/var/lib/guestnet" },
};

/* Files of cases */

#define GOLDEN_SECTIONS 32

struct golden_section {
	char name[64];
	char argument[64];
	char *text;			/* owned */
};

struct golden {
	char path[512];
	char *head;			/* owned: what stands before the first section */
	struct golden_section sections[GOLDEN_SECTIONS];
	size_t n;
};

static inline void golden_deinit(struct golden *golden)
{
	for (size_t i = 0; i < golden->n; i++)
		free(golden->sections[i].text);
	free(golden->head);
	golden->n = 0;
}

static inline void golden_load(const char *path, struct golden *golden)
{
	FILE *file = fopen(path, "r"), *out;
	char line[4096];
	size_t size;

	memset(golden, 0, sizeof(*golden));
	out = open_memstream(&golden->head, &size);
	assert_non_null(out);
	snprintf(golden->path, sizeof(golden->path), "%s", path);
	if (!file)
		fail_msg("%s: cannot be read (the tests run from the top of the tree)", path);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "== ", 3) == 0) {
			struct golden_section *section = &golden->sections[golden->n++];

			assert_true(golden->n <= GOLDEN_SECTIONS);
			sscanf(line, "== %63s %63s", section->name, section->argument);
			fclose(out);
			out = open_memstream(&section->text, &size);
			assert_non_null(out);
		} else {
			fputs(line, out);
		}
	}
	fclose(out);
	fclose(file);
}

static inline const char *golden_find(const struct golden *golden, const char *name)
{
	for (size_t i = 0; i < golden->n; i++)
		if (strcmp(golden->sections[i].name, name) == 0)
			return golden->sections[i].text;
	return NULL;
}

/* Compares a section with what came out, or replaces it. */
static inline void golden_check(struct golden *golden, const char *name, const char *got)
{
	const char *want = golden_find(golden, name);

	if (!getenv("GOLDEN_UPDATE")) {
		if (!want)
			fail_msg("%s: no section \"%s\"", golden->path, name);
		if (strcmp(got, want) != 0)
			fail_msg("%s: section \"%s\" differs\n--- got\n%s--- want\n%s", golden->path, name, got, want);
		return;
	}
	for (size_t i = 0; i < golden->n; i++)
		if (strcmp(golden->sections[i].name, name) == 0) {
			FILE *file;

			free(golden->sections[i].text);
			golden->sections[i].text = strdup(got);
			file = fopen(golden->path, "w");
			assert_non_null(file);
			fputs(golden->head, file);
			for (size_t j = 0; j < golden->n; j++)
				fprintf(file, "== %s%s%s\n%s", golden->sections[j].name,
					*golden->sections[j].argument ? " " : "", golden->sections[j].argument,
					golden->sections[j].text);
			fclose(file);
		}
}

/* Runs @run on every file of a directory. */
static inline void golden_each(const char *directory, void (*run)(struct golden *golden))
{
	struct dirent **entries;
	int n = scandir(directory, &entries, NULL, alphasort);
	unsigned int n_cases = 0;

	if (n < 0)
		fail_msg("%s: cannot be read (the tests run from the top of the tree)", directory);
	for (int i = 0; i < n; i++) {
		struct golden golden;
		char path[512];
		size_t length = strlen(entries[i]->d_name);

		if (length > 4 && strcmp(entries[i]->d_name + length - 4, ".txt") == 0) {
			snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
			golden_load(path, &golden);
			run(&golden);
			golden_deinit(&golden);
			n_cases++;
		}
		free(entries[i]);
	}
	free(entries);
	assert_true(n_cases > 0);
}

/* Networks */

#define TEST_NETWORKS 16

struct world {
	struct network networks[TEST_NETWORKS];	/* sorted by name */
	const struct network *pointers[TEST_NETWORKS];
	size_t n;
	struct subnet_avoided avoided;
	struct subnet_choice *choices;
	size_t n_choices;
	struct netstate desired;
};

static inline void world_deinit(struct world *world)
{
	for (size_t i = 0; i < world->n; i++)
		network_deinit(&world->networks[i]);
	free(world->choices);
	netstate_deinit(&world->desired);
	memset(world, 0, sizeof(*world));
}

static inline int test_parse_network(const char *name, const char *text, struct network *ret_network,
				     struct failure *failure)
{
	char path[64];
	struct config_file file = { .path = path, .text = text, .length = strlen(text) };

	snprintf(path, sizeof(path), "%s.network", name);
	return config_parse(name, &file, 1, ret_network, failure);
}

static inline void world_add(struct world *world, const char *name, const char *text)
{
	struct failure failure = { "" };

	assert_true(world->n < TEST_NETWORKS);
	if (test_parse_network(name, text, &world->networks[world->n], &failure) < 0)
		fail_msg("%s", failure.text);
	world->pointers[world->n] = &world->networks[world->n];
	world->n++;
}

/* Builds the desired state, with what the ports of @snapshot need. */
static inline void world_build_again(struct world *world, const struct netstate *snapshot)
{
	struct desired_options options = test_options;
	struct rates_port ports[64] = { { .port = "" } };
	size_t n = 0;

	for (size_t i = 0; snapshot && i < snapshot->n_ports && n < ARRAY_SIZE(ports); i++) {
		if (!snapshot->ports[i].guest && snapshot->ports[i].owner != NETSTATE_OURS)
			continue;
		memcpy(ports[n].port, snapshot->ports[i].name, IFNAME_SIZE);
		memcpy(ports[n++].bridge, snapshot->ports[i].bridge, IFNAME_SIZE);
	}
	options.rates = RATES_QUEUE | RATES_LIMIT;
	options.rated_ports = ports;
	options.n_rated_ports = n;
	netstate_deinit(&world->desired);
	assert_int_equal(desired_build(world->pointers, world->n, world->choices, world->n_choices, &options,
				       &world->desired), 0);
}

/* Chooses addresses and builds the desired state. */
static inline void world_build(struct world *world, const struct netstate *snapshot)
{
	const struct netstate nothing = NETSTATE_NULL;
	struct subnet_choice *choices;
	size_t n_choices;

	assert_int_equal(subnet_choose(world->pointers, world->n, test_machine_id, snapshot ? snapshot : &nothing, &world->avoided,
				       world->choices, world->n_choices, &choices, &n_choices), 0);
	free(world->choices);
	world->choices = choices;
	world->n_choices = n_choices;
	world_build_again(world, snapshot);
}

static inline void world_load(struct world *world, const struct golden *golden)
{
	memset(world, 0, sizeof(*world));
	for (size_t i = 0; i < golden->n; i++)
		if (strcmp(golden->sections[i].name, "network") == 0)
			world_add(world, golden->sections[i].argument, golden->sections[i].text);
}

/* A kernel of pure data: carries out plans as the real one would, and refuses what must not happen. */

static inline struct netstate_bridge *sim_bridge(struct netstate *state, const struct netstate_bridge *wanted)
{
	for (size_t i = 0; i < state->n_bridges; i++)
		if (wanted->ifindex ? state->bridges[i].ifindex == wanted->ifindex :
		    strcmp(state->bridges[i].name, wanted->name) == 0)
			return &state->bridges[i];
	fail_msg("no bridge %s (index %d)", wanted->name, wanted->ifindex);
	return NULL;
}

#define sim_remove(state, many, item)								\
do {												\
	size_t _i = (size_t)((item) - (state)->many);						\
												\
	memmove((state)->many + _i, (state)->many + _i + 1, ((state)->n_##many - _i - 1) * sizeof(*(state)->many));\
	(state)->n_##many--;									\
} while (0)

static inline bool sim_has_bridges_element(const struct netstate *state, const char *name)
{
	struct netstate_element element = { .set = NETSTATE_SET_BRIDGES, .key_length = IFNAME_SIZE };

	snprintf((char *)element.key, IFNAME_SIZE, "%s", name);
	return state->table.state == NETSTATE_TABLE_EQUAL && netstate_find_element(state, &element);
}

static inline void sim_forget_sysctls(struct netstate *state, const char *name)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "ipv6/conf/%s/", name);
	for (size_t i = state->n_sysctls; i-- > 0;)
		if (strncmp(state->sysctls[i].path, prefix, strlen(prefix)) == 0)
			sim_remove(state, sysctls, &state->sysctls[i]);
}

static inline void sim_delete_bridge(struct netstate *state, struct netstate_bridge *bridge)
{
	for (size_t i = state->n_addresses; i-- > 0;)
		if (strcmp(state->addresses[i].link, bridge->name) == 0)
			sim_remove(state, addresses, &state->addresses[i]);
	for (size_t i = state->n_routes; i-- > 0;)
		if (strcmp(state->routes[i].link, bridge->name) == 0)
			sim_remove(state, routes, &state->routes[i]);
	for (size_t i = 0; i < state->n_ports; i++)
		if (state->ports[i].master == bridge->ifindex)
			state->ports[i].master = 0;
	for (size_t i = 0; i < state->n_tunnels; i++)
		if (state->tunnels[i].master == bridge->ifindex)
			state->tunnels[i].master = 0;
	for (size_t i = state->n_shapers; i-- > 0;)
		if (state->shapers[i].ifindex == bridge->ifindex)
			sim_remove(state, shapers, &state->shapers[i]);
	sim_forget_sysctls(state, bridge->name);
	sim_remove(state, bridges, bridge);
}

static inline void sim_rename_bridge(struct netstate *state, struct netstate_bridge *bridge, const char *name)
{
	for (size_t i = 0; i < state->n_bridges; i++)
		if (strcmp(state->bridges[i].name, name) == 0)
			fail_msg("%s cannot be called %s: there is one", bridge->name, name);
	for (size_t i = 0; i < state->n_addresses; i++)
		if (strcmp(state->addresses[i].link, bridge->name) == 0) {
			memset(state->addresses[i].link, 0, IFNAME_SIZE);
			snprintf(state->addresses[i].link, IFNAME_SIZE, "%s", name);
		}
	for (size_t i = 0; i < state->n_shapers; i++)
		if (state->shapers[i].ifindex == bridge->ifindex) {
			memset(state->shapers[i].link, 0, IFNAME_SIZE);
			snprintf(state->shapers[i].link, IFNAME_SIZE, "%s", name);
		}
	for (size_t i = 0; i < state->n_routes; i++)
		if (strcmp(state->routes[i].link, bridge->name) == 0) {
			memset(state->routes[i].link, 0, IFNAME_SIZE);
			snprintf(state->routes[i].link, IFNAME_SIZE, "%s", name);
		}
	sim_forget_sysctls(state, bridge->name);
	memset(bridge->name, 0, IFNAME_SIZE);
	snprintf(bridge->name, IFNAME_SIZE, "%s", name);
}

/* A plan's new name, unlike anybody else's, is one that the filter knows already. */
static inline void sim_plan_rename(struct netstate *state, const struct netstate_bridge *wanted)
{
	const char *name = wanted->name;
	struct netstate_bridge *bridge;

	netstate_sort(state);
	bridge = sim_bridge(state, wanted);
	if (bridge->up && state->table.state == NETSTATE_TABLE_EQUAL && sim_has_bridges_element(state, bridge->name) &&
	    !sim_has_bridges_element(state, name))
		fail_msg("%s is called %s without a filter for that name", bridge->name, name);
	sim_rename_bridge(state, bridge, name);
}

/* As the kernel does: always a new one. */
static int sim_next_index = 100;

static inline int sim_new_index(void)
{
	return sim_next_index++;
}

static inline void sim_create_bridge(struct netstate *state, const struct netstate_bridge *wanted)
{
	struct netstate_bridge bridge = *wanted;

	for (size_t i = 0; i < state->n_bridges; i++)
		if (strcmp(state->bridges[i].name, wanted->name) == 0 || state->bridges[i].ifindex == wanted->ifindex)
			fail_msg("bridge-create %s (index %d): there is one", wanted->name, wanted->ifindex);
	if (!bridge.ifindex)
		bridge.ifindex = sim_new_index();
	/* Only what the kernel takes when it makes a bridge. */
	bridge.owner = NETSTATE_FOREIGN;
	bridge.up = false;
	memset(bridge.network, 0, sizeof(bridge.network));
	memset(bridge.altnames, 0, sizeof(bridge.altnames));
	bridge.n_altnames = 0;
	netstate_add_bridge(state, &bridge);
}

static inline void sim_set_bridge(struct netstate_bridge *bridge, const struct netstate_bridge *wanted, uint32_t fields)
{
	if (fields & BRIDGE_FIELD_MAC)
		bridge->mac = wanted->mac;
	if (fields & BRIDGE_FIELD_MTU)
		bridge->mtu = wanted->mtu;
	if (fields & BRIDGE_FIELD_STP)
		bridge->stp = wanted->stp;
	if (fields & BRIDGE_FIELD_DELAY)
		bridge->forward_delay_cs = wanted->forward_delay_cs;
	if (fields & BRIDGE_FIELD_NF_CALL)
		bridge->nf_call = wanted->nf_call;
	if (fields & BRIDGE_FIELD_ADDR_GEN)
		bridge->addr_gen_mode = wanted->addr_gen_mode;
	if (fields & BRIDGE_FIELD_ALIAS) {
		bridge->owner = NETSTATE_OURS;
		memcpy(bridge->network, wanted->network, sizeof(bridge->network));
		bridge->ports_isolated = wanted->ports_isolated;
		bridge->port_group = wanted->port_group;
		bridge->port_guards = wanted->port_guards;
	}
	if (fields & BRIDGE_FIELD_ALTNAMES) {
		bridge->n_altnames = wanted->n_altnames;
		memcpy(bridge->altnames, wanted->altnames, sizeof(bridge->altnames));
	}
}

static inline void sim_unname_bridge(struct netstate_bridge *bridge, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < bridge->n_altnames; i++)
		if (strcmp(bridge->altnames[i], name) != 0)
			memcpy(bridge->altnames[n++], bridge->altnames[i], IFNAME_SIZE);
	if (n + 1 != bridge->n_altnames)
		fail_msg("%s is not called %s", bridge->name, name);
	memset(bridge->altnames[n], 0, IFNAME_SIZE);
	bridge->n_altnames = (uint8_t)n;
}

static inline void sim_element(struct netstate *state, const struct plan_step *step)
{
	struct netstate_element element = step->element;
	const struct netstate_element *found;

	memset(element.network, 0, sizeof(element.network));	/* the kernel does not know */
	netstate_sort(state);
	found = netstate_find_element(state, &element);
	if (step->op == PLAN_ELEMENT_ADD) {
		if (found)
			fail_msg("element-add: there is one");
		netstate_add_element(state, &element);
		return;
	}
	if (!found)
		fail_msg("element-remove: there is none");
	if (element.set == NETSTATE_SET_BRIDGES)
		for (size_t i = 0; i < state->n_bridges; i++)
			if (strcmp(state->bridges[i].name, (char *)element.key) == 0 && state->bridges[i].up &&
			    state->bridges[i].owner == NETSTATE_OURS)
				fail_msg("%s loses its filter while it is up", state->bridges[i].name);
	sim_remove(state, elements, (struct netstate_element *)found);
}

static inline void sim_table(struct netstate *state, const struct plan_step *step)
{
	if (step->op == PLAN_TABLE_ADOPT) {
		assert_true(state->table.orphan);
		state->table.orphan = false;
		state->table.owned = true;
		return;
	}
	if (step->op == PLAN_TABLE_DELETE) {
		for (size_t i = 0; i < state->n_bridges; i++)
			if (state->bridges[i].owner == NETSTATE_OURS && state->bridges[i].up)
				fail_msg("%s loses its filter while it is up", state->bridges[i].name);
		state->table = (struct netstate_table){ 0 };
	} else {
		state->table = step->table;
		state->table.owned = true;
		state->table.handle++;
	}
	state->n_elements = 0;
}

static inline void sim_sysctl(struct netstate *state, const struct netstate_sysctl *sysctl)
{
	if (strstr(sysctl->path, "forward"))
		assert_int_equal(state->table.state, NETSTATE_TABLE_EQUAL);
	for (size_t i = 0; i < state->n_sysctls; i++)
		if (strcmp(state->sysctls[i].path, sysctl->path) == 0) {
			state->sysctls[i].value = sysctl->value;
			return;
		}
	netstate_add_sysctl(state, sysctl);
}

static inline void sim_address(struct netstate *state, const struct plan_step *step)
{
	const struct netstate_address *found;
	struct netstate_bridge on = { .ifindex = 0 };

	memcpy(on.name, step->address.link, sizeof(on.name));
	sim_bridge(state, &on);
	netstate_sort(state);
	found = netstate_find_address(state, &step->address);
	if (step->op == PLAN_ADDRESS_ADD) {
		assert_null(found);
		netstate_add_address(state, &step->address);
	} else {
		if (!found)
			fail_msg("address-remove: there is none");
		sim_remove(state, addresses, (struct netstate_address *)found);
	}
}

/* The kernel takes a gateway only on a link that is up, where it has an address of its own. */
static inline void sim_guest_route(struct netstate *state, const struct plan_step *step)
{
	const struct netstate_route *route = &step->route;
	const struct netstate_bridge *bridge = NULL;

	for (size_t i = 0; i < state->n_bridges; i++)
		if (strcmp(state->bridges[i].name, route->link) == 0)
			bridge = &state->bridges[i];
	assert_true(bridge && bridge->up);
	if (step->op == PLAN_GUEST_ROUTE_ADD) {
		netstate_add_route(state, route);
		return;
	}
	for (size_t i = 0; i < state->n_routes; i++)
		if (memcmp(&state->routes[i], route, sizeof(*route)) == 0) {
			sim_remove(state, routes, &state->routes[i]);
			return;
		}
	fail_msg("guest-route-remove: there is none");
}

/* An entry is marked anew when there is one already. */
static inline void sim_proxy(struct netstate *state, const struct plan_step *step)
{
	const struct netstate_proxy *found;

	netstate_sort(state);
	found = netstate_find_proxy(state, step->proxy.link, &step->proxy.address);
	if (step->op == PLAN_PROXY_ADD) {
		assert_null(found);
		netstate_add_proxy(state, &step->proxy);
	} else {
		assert_true(found && found->ours);
		netstate_remove_proxy(state, (size_t)(found - state->proxies));
	}
}

/* As kernel/tunnels.c: in the place of one that goes, marked, on its bridge and up; entries go with their device. */
static inline void sim_tunnel(struct netstate *state, const struct plan_step *step)
{
	struct netstate_tunnel tunnel = step->tunnel;
	struct netstate_bridge on = { .ifindex = 0 };

	for (size_t i = state->n_remotes; i-- > 0 && step->op != PLAN_TUNNEL_SET;)
		if (strcmp(state->remotes[i].link, tunnel.name) == 0)
			netstate_remove_remote(state, i);
	for (size_t i = state->n_tunnels; i-- > 0;)
		if (strcmp(state->tunnels[i].name, tunnel.name) == 0) {
			assert_int_equal(state->tunnels[i].ifindex, tunnel.ifindex);
			netstate_remove_tunnel(state, i);
		}
	if (step->op == PLAN_TUNNEL_REMOVE)
		return;
	if (step->op == PLAN_TUNNEL_CREATE)
		tunnel.ifindex = sim_next_index++;
	memcpy(on.name, tunnel.bridge, sizeof(on.name));
	tunnel.master = sim_bridge(state, &on)->ifindex;
	memset(tunnel.bridge, 0, sizeof(tunnel.bridge));
	netstate_add_tunnel(state, &tunnel);
}

static inline void sim_remote(struct netstate *state, const struct plan_step *step)
{
	struct netstate_remote remote = step->remote;
	const struct netstate_remote *found;

	netstate_sort(state);
	found = netstate_find_remote(state, remote.link, &remote.address);
	if (step->op == PLAN_REMOTE_REMOVE) {
		assert_non_null(found);
		netstate_remove_remote(state, (size_t)(found - state->remotes));
		return;
	}
	assert_null(found);
	assert_non_null(netstate_find_tunnel(state, remote.link));
	remote.ifindex = netstate_find_tunnel(state, remote.link)->ifindex;
	memset(remote.network, 0, sizeof(remote.network));
	netstate_add_remote(state, &remote);
}

static inline void sim_put_back(struct netstate *state, const struct netstate_port *wanted)
{
	struct netstate_bridge on = { .ifindex = 0 };
	struct netstate_bridge *bridge;

	memcpy(on.name, wanted->bridge, sizeof(on.name));
	bridge = sim_bridge(state, &on);
	if (wanted->master)
		assert_int_equal(wanted->master, bridge->ifindex);
	for (size_t i = 0; i < state->n_ports; i++)
		if (state->ports[i].ifindex == wanted->ifindex) {
			state->ports[i] = *wanted;
			state->ports[i].master = bridge->ifindex;
			return;
		}
	fail_msg("port-put-back: no port %d", wanted->ifindex);
}

static inline void sim_remove_tap(struct netstate *state, const char *name, bool only_mark)
{
	for (size_t i = 0; i < state->n_ports; i++)
		if (strcmp(state->ports[i].name, name) == 0) {
			sim_remove(state, ports, &state->ports[i]);
			break;
		}
	for (size_t i = 0; i < state->n_taps; i++)
		if (strcmp(state->taps[i].name, name) == 0) {
			assert_true(state->taps[i].ours);
			assert_true(!state->taps[i].in_use || only_mark);
			sim_remove(state, taps, &state->taps[i]);
			return;
		}
	fail_msg("tap %s: there is none", name);
}

/* As kernel/tap.c makes one: marked, down, on no bridge. */
static inline void sim_tap(struct netstate *state, const struct plan_step *step)
{
	struct netstate_tap tap = step->tap;
	struct netstate_port port;

	if (step->op != PLAN_TAP_CREATE)
		sim_remove_tap(state, tap.name, step->op == PLAN_TAP_SET && step->fields == TAP_FIELD_MARK);
	if (step->op == PLAN_TAP_REMOVE)
		return;
	memset(&port, 0, sizeof(port));
	memset(tap.network, 0, sizeof(tap.network));
	if (!tap.ifindex)
		tap.ifindex = sim_next_index++;
	port.ifindex = tap.ifindex;
	memcpy(port.name, tap.name, sizeof(port.name));
	memcpy(port.bridge, tap.bridge, sizeof(port.bridge));
	port.owner = NETSTATE_OURS;
	port.tap = port.learning = port.flood = true;
	snprintf(port.alias, sizeof(port.alias), "guestnet uid=%u pid=0 net=%s kind=declared", tap.uid, tap.bridge);
	netstate_add_port(state, &port);
	netstate_add_tap(state, &tap);
}

static inline void sim_port(struct netstate *state, const struct netstate_port *wanted)
{
	for (size_t i = 0; i < state->n_ports; i++)
		if (state->ports[i].ifindex == wanted->ifindex) {
			/* In its place: only this. */
			state->ports[i].group = wanted->group;
			if (wanted->master)
				state->ports[i].isolated = wanted->isolated;
			return;
		}
	fail_msg("port-set: no port %d", wanted->ifindex);
}

static inline void sim_service(struct netstate *state, const struct plan_step *step)
{
	for (size_t i = 0; i < state->n_services; i++)
		if (strcmp(state->services[i].network, step->service.network) == 0) {
			sim_remove(state, services, &state->services[i]);
			break;
		}
	if (step->op != PLAN_SERVICE_STOP)
		netstate_add_service(state, &step->service);
}

static inline void sim_checksum(struct netstate *state, const struct plan_step *step)
{
	struct netstate_checksum checksum = step->checksum;

	if (step->op == PLAN_CHECKSUM_ADD) {
		checksum.handle = 1000 + state->n_checksums;
		netstate_add_checksum(state, &checksum);
		return;
	}
	for (size_t i = 0; i < state->n_checksums; i++)
		if (memcmp(&state->checksums[i], &checksum, sizeof(checksum)) == 0) {
			sim_remove(state, checksums, &state->checksums[i]);
			return;
		}
	fail_msg("checksum-remove: there is none");
}

static inline int sim_link_index(const struct netstate *state, const char *link)
{
	for (size_t i = 0; i < state->n_bridges; i++)
		if (strcmp(state->bridges[i].name, link) == 0)
			return state->bridges[i].ifindex;
	for (size_t i = 0; i < state->n_ports; i++)
		if (strcmp(state->ports[i].name, link) == 0)
			return state->ports[i].ifindex;
	return 0;
}

/* As the kernel: what stands there of others is in the way; ours is changed in place. */
static inline void sim_shaper(struct netstate *state, const struct plan_step *step)
{
	struct netstate_shaper shaper = step->shaper;
	bool set = step->op == PLAN_SHAPER_SET, found = false;

	if (set)
		shaper.ifindex = sim_link_index(state, shaper.link);
	if (!shaper.ifindex)
		fail_msg("%s: no such interface", shaper.link);
	for (size_t i = state->n_shapers; i-- > 0;)
		if (state->shapers[i].ifindex == shaper.ifindex) {
			if (!state->shapers[i].ours)
				fail_msg("%s: another program's queue", shaper.link);
			sim_remove(state, shapers, &state->shapers[i]);
			found = true;
		}
	if (!set && !found)
		fail_msg("shaper-remove: %s has none", shaper.link);
	memset(shaper.network, 0, sizeof(shaper.network));
	if (set)
		netstate_add_shaper(state, &shaper);
}

/* A card is taken when its bridge is there and up, and goes back before that goes. */
static inline void sim_uplink(struct netstate *state, const struct plan_step *step)
{
	struct netstate_bridge on = { .ifindex = 0 };

	for (size_t i = 0; i < state->n_uplinks; i++)
		if (strcmp(state->uplinks[i].network, step->uplink.network) == 0) {
			sim_remove(state, uplinks, &state->uplinks[i]);
			break;
		}
	if (step->op == PLAN_UPLINK_RELEASE)
		return;
	memcpy(on.name, step->uplink.bridge, sizeof(on.name));
	assert_true(sim_bridge(state, &on)->up);
	netstate_add_uplink(state, &step->uplink);
}

static inline void sim_step(struct netstate *state, const struct plan_step *step)
{
	switch ((enum plan_op)step->op) {
	case PLAN_SERVICE_STOP:
	case PLAN_SERVICE_START:
	case PLAN_SERVICE_RESTART:
	case PLAN_SERVICE_RELOAD:
		sim_service(state, step);
		break;
	case PLAN_BRIDGE_CREATE:
		sim_create_bridge(state, &step->bridge);
		break;
	case PLAN_BRIDGE_SET:
		sim_set_bridge(sim_bridge(state, &step->bridge), &step->bridge, step->fields);
		break;
	case PLAN_BRIDGE_UNNAME:
		sim_unname_bridge(sim_bridge(state, &step->bridge), step->bridge.altnames[0]);
		break;
	case PLAN_BRIDGE_RENAME:
		sim_plan_rename(state, &step->bridge);
		break;
	case PLAN_BRIDGE_UP:
		netstate_sort(state);
		if (!step->bridge.lan && !sim_has_bridges_element(state, step->bridge.name))
			fail_msg("%s goes up without a filter", step->bridge.name);
		sim_bridge(state, &step->bridge)->up = true;
		break;
	case PLAN_BRIDGE_DOWN:
		sim_bridge(state, &step->bridge)->up = false;
		break;
	case PLAN_BRIDGE_DELETE:
		assert_false(sim_bridge(state, &step->bridge)->up);
		sim_delete_bridge(state, sim_bridge(state, &step->bridge));
		break;
	case PLAN_ADDRESS_ADD:
	case PLAN_ADDRESS_REMOVE:
		sim_address(state, step);
		break;
	case PLAN_ROUTE_ADD:
		netstate_sort(state);
		assert_non_null(netstate_find_address(state, &step->address));
		((struct netstate_address *)netstate_find_address(state, &step->address))->no_route = false;
		break;
	case PLAN_GUEST_ROUTE_ADD:
	case PLAN_GUEST_ROUTE_REMOVE:
		sim_guest_route(state, step);
		break;
	case PLAN_TABLE_ADOPT:
	case PLAN_TABLE_REPLACE:
	case PLAN_TABLE_DELETE:
		sim_table(state, step);
		break;
	case PLAN_ELEMENT_ADD:
	case PLAN_ELEMENT_REMOVE:
		sim_element(state, step);
		break;
	case PLAN_CHECKSUM_ADD:
	case PLAN_CHECKSUM_REMOVE:
		sim_checksum(state, step);
		break;
	case PLAN_SYSCTL_SET:
		sim_sysctl(state, &step->sysctl);
		break;
	case PLAN_PORT_PUT_BACK:
		sim_put_back(state, step->port);
		break;
	case PLAN_TAP_CREATE:
	case PLAN_TAP_SET:
	case PLAN_TAP_REMOVE:
		sim_tap(state, step);
		break;
	case PLAN_UPLINK_TAKE:
	case PLAN_UPLINK_RELEASE:
		sim_uplink(state, step);
		break;
	case PLAN_PORT_SET:
		sim_port(state, step->port);
		break;
	case PLAN_SHAPER_SET:
	case PLAN_SHAPER_REMOVE:
		sim_shaper(state, step);
		break;
	case PLAN_PROXY_ADD:
	case PLAN_PROXY_REMOVE:
		sim_proxy(state, step);
		break;
	case PLAN_TUNNEL_CREATE:
	case PLAN_TUNNEL_SET:
	case PLAN_TUNNEL_REMOVE:
		sim_tunnel(state, step);
		break;
	case PLAN_REMOTE_ADD:
	case PLAN_REMOTE_REMOVE:
		sim_remote(state, step);
		break;
	case PLAN_OP_MAX_:
		break;
	}
}

/* Carries out a whole plan. Phases must come in order. */
static inline void plan_simulate(struct netstate *state, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (i > 0)
			assert_true(plan->steps[i - 1].phase <= plan->steps[i].phase);
		sim_step(state, &plan->steps[i]);
	}
	netstate_sort(state);
}

/* What the manager would remember of a state in which everything is in place. */
static inline struct plan_memory test_memory(const struct netstate *state, const struct netstate *desired)
{
	return (struct plan_memory){
		.bridges = state->bridges, .n_bridges = state->n_bridges,
		.ports = state->ports, .n_ports = state->n_ports,
		.addresses = desired->addresses, .n_addresses = desired->n_addresses,
	};
}
