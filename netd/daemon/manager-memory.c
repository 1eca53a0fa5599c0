/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What outlives a pass: prefixes that were chosen (in a file), ports and bridges as last seen, addresses put on bridges.
 * Event loop context.
 */
#include "manager-internal.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../model/ip.h"
#include "replace.h"

/* Another program's tap that is on no bridge may be on its way to another one; then it is there within so long. */
#define KEPT_PORT_US	1000000

/*
 * The choices of Address=auto are kept over restarts: one line "NETWORK IPV4 IPV6" each, with that of a delegated prefix behind it;
 * and one "PREFIX" for what they avoid.
 */

static void choices_path(const struct manager *manager, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/subnets", manager->options.state_root);
}

static void read_avoided(struct manager *manager, const char *word)
{
	struct ip ip;
	uint8_t length;

	if (ip_parse_prefix(word, &ip, &length) == 0)
		subnet_avoid(&manager->avoided, &ip, length);
}

/* What cannot be read is chosen anew. */
void manager_load_choices(struct manager *manager)
{
	char path[4096], line[256];
	FILE *file;

	choices_path(manager, path, sizeof(path));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		struct subnet_choice choice = { 0 }, *choices;
		char word[64], v4[64], v6[64], delegated[64];
		int n = sscanf(line, "%63s %63s %63s %63s", word, v4, v6, delegated);

		if (n == 1)
			read_avoided(manager, word);
		if (n < 3 || strlen(word) >= sizeof(choice.network))
			continue;
		memcpy(choice.network, word, strlen(word) + 1);
		if (strcmp(v4, "-") != 0 && ip_parse(v4, &choice.address4) < 0)
			continue;
		if (strcmp(v6, "-") != 0 && ip_parse(v6, &choice.address6) < 0)
			continue;
		if (n > 3 && ip_parse(delegated, &choice.delegated) < 0)
			continue;
		choices = array_grow(manager->choices, manager->n_choices, sizeof(*choices));
		if (!choices)
			break;
		manager->choices = choices;
		choices[manager->n_choices++] = choice;
	}
	if (file)
		fclose(file);
}

/* Negative errno of the file; the old one stays then. */
int manager_save_choices(const struct manager *manager)
{
	struct replace replace;
	char path[4096];
	int r;

	choices_path(manager, path, sizeof(path));
	r = replace_begin(&replace, path);
	if (r < 0)
		return r;
	for (size_t i = 0; i < manager->n_choices; i++) {
		const struct subnet_choice *choice = &manager->choices[i];

		fprintf(replace.file, "%s %s %s", choice->network, choice->address4.family ? IP_TEXT(&choice->address4) : "-",
			choice->address6.family ? IP_TEXT(&choice->address6) : "-");
		fprintf(replace.file, "%s%s\n", choice->delegated.family ? " " : "",
			choice->delegated.family ? IP_TEXT(&choice->delegated) : "");
	}
	for (size_t i = 0; i < manager->avoided.n; i++)
		fprintf(replace.file, "%s/%u\n", IP_TEXT(&manager->avoided.items[i].ip), manager->avoided.items[i].length);
	return replace_finish(&replace, true);
}

/* What the next plan is made with; borrowed until something is remembered anew. */
struct plan_memory manager_memory(const struct manager *manager)
{
	return (struct plan_memory){
		.ports = manager->ports, .n_ports = manager->n_ports,
		.bridges = manager->bridges, .n_bridges = manager->n_bridges,
		.addresses = manager->addresses, .n_addresses = manager->n_addresses,
	};
}

/* Is this a port of another program that its network keeps as if it were ours? */
static bool is_kept(const struct manager *manager, const struct netstate_port *port)
{
	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct network *network = &manager->networks.items[i]->network;

		for (size_t j = 0; j < network->n_kept_ports && strcmp(network->bridge, port->bridge) == 0; j++)
			if (fnmatch(network->kept_ports[j], port->name, 0) == 0)
				return true;
	}
	return false;
}

static bool is_put_back(const struct plan *plan, int ifindex)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].op == PLAN_PORT_PUT_BACK && plan->steps[i].port->ifindex == ifindex)
			return true;
	return false;
}

/* Gives back what of an array was not needed after all. */
static void *fit(void *array, size_t n, size_t size)
{
	return reallocarray(array, n + 1, size) ?: array;
}

/* Did we isolate another program's port? Then we may undo it. */
static bool is_made_isolated(const struct manager *manager, const struct netstate_port *port, const struct plan *plan)
{
	if (port->owner == NETSTATE_OURS)
		return false;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].op == PLAN_PORT_SET && plan->steps[i].port->ifindex == port->ifindex)
			return plan->steps[i].port->isolated && !port->isolated;
	for (size_t i = 0; i < manager->n_ports; i++)
		if (manager->ports[i].ifindex == port->ifindex)
			return manager->ports[i].made_isolated && port->isolated;
	return false;
}

static bool is_ours(const struct netstate *snapshot, int ifindex)
{
	const struct netstate_bridge *bridge = netstate_find_bridge_index(snapshot, ifindex);

	return bridge && bridge->owner == NETSTATE_OURS;
}

/*
 * A bridge that is gone comes back with its index, so it is not forgotten while it is declared; under another name it is not gone.
 * One that has lost its mark is given it back by the plan, and may lose it once more before that is seen.
 */
static bool is_missing(const struct manager *manager, const struct netstate *snapshot, const struct netstate_bridge *bridge)
{
	const struct netstate_bridge *named = netstate_find_bridge(snapshot, bridge->name);

	return (!named || named->ifindex == bridge->ifindex) && !is_ours(snapshot, bridge->ifindex) &&
	       managed_find(&manager->networks, bridge->network);
}

/* Of thousands most are as they were: they are written where they have been, and no page is touched that was not in use. */
static int remember_bridges(struct manager *manager, const struct netstate *snapshot)
{
	struct netstate_bridge *bridges;
	size_t n_missing = 0, n_ours = 0;

	for (size_t i = 0; i < manager->n_bridges; i++)
		if (is_missing(manager, snapshot, &manager->bridges[i]))
			manager->bridges[n_missing++] = manager->bridges[i];
	manager->n_bridges = n_missing;
	for (size_t i = 0; i < snapshot->n_bridges; i++)
		n_ours += snapshot->bridges[i].owner == NETSTATE_OURS;
	bridges = reallocarray(manager->bridges, n_ours + n_missing + 1, sizeof(*bridges));
	if (!bridges)
		return -ENOMEM;
	memmove(bridges + n_ours, bridges, n_missing * sizeof(*bridges));
	n_ours = 0;
	for (size_t i = 0; i < snapshot->n_bridges; i++)
		if (snapshot->bridges[i].owner == NETSTATE_OURS)
			bridges[n_ours++] = snapshot->bridges[i];
	manager->bridges = bridges;
	manager->n_bridges = n_ours + n_missing;
	return 0;
}

static int remember_ports(struct manager *manager, const struct netstate *snapshot, const struct plan *plan)
{
	struct netstate_port *ports = calloc(snapshot->n_ports + manager->n_ports + 1, sizeof(*ports));
	size_t n_ports = 0;

	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		const struct netstate_port *port = &snapshot->ports[i];

		if (port->master) {
			ports[n_ports] = *port;
			ports[n_ports].kept = port->owner != NETSTATE_OURS && port->tap && is_kept(manager, port);
			ports[n_ports].made_isolated = is_made_isolated(manager, port, plan);
			n_ports++;
			continue;
		}
		/* Fallen off: what it was like is only in memory. */
		for (size_t j = 0; j < manager->n_ports; j++) {
			const struct netstate_port *before = &manager->ports[j];

			if (before->ifindex != port->ifindex || (before->owner != NETSTATE_OURS && !before->kept))
				continue;
			if (before->kept && !before->off)
				manager_want_pass_at(manager, clock_us() + KEPT_PORT_US);
			ports[n_ports] = *before;
			ports[n_ports++].off = !is_put_back(plan, port->ifindex);
		}
	}
	free(manager->ports);
	manager->ports = fit(ports, n_ports, sizeof(*ports));
	manager->n_ports = n_ports;
	return 0;
}

/* Keeps what the next plan needs to put things back: our ports that are in place, our bridges. */
int manager_remember(struct manager *manager, const struct netstate *snapshot, const struct plan *plan)
{
	int r = remember_ports(manager, snapshot, plan);

	if (r == 0)
		r = remember_bridges(manager, snapshot);
	if (r == 0)
		manager->remembered = manager->kernel.view.changes;
	return r;
}

/* An address that we have put somewhere may be taken away again; so it is remembered until it is gone. */
int manager_remember_addresses(struct manager *manager, const struct pass *pass)
{
	const struct netstate *desired = &pass->desired, *snapshot = &pass->snapshot;
	struct netstate_address *addresses;
	size_t n_left = 0;

	if (manager->remembered_addresses == manager->kernel.view.changes && manager->remembered_desire == manager->desire.version)
		return 0;
	manager->remembered_addresses = manager->kernel.view.changes;
	manager->remembered_desire = manager->desire.version;
	for (size_t i = 0, next = 0; i < manager->n_addresses; i++) {
		const struct netstate_address *address = &manager->addresses[i];

		/* Most are as they were, in the same order. */
		while (next < desired->n_addresses && strcmp(desired->addresses[next].link, address->link) < 0)
			next++;
		if (next < desired->n_addresses && memcmp(&desired->addresses[next], address, sizeof(*address)) == 0)
			next++;
		else if (!netstate_find_address(desired, address) && netstate_find_address(snapshot, address))
			manager->addresses[n_left++] = *address;
	}
	manager->n_addresses = n_left;
	addresses = reallocarray(manager->addresses, desired->n_addresses + n_left + 1, sizeof(*addresses));
	if (!addresses)
		return -ENOMEM;
	memmove(addresses + desired->n_addresses, addresses, n_left * sizeof(*addresses));
	if (desired->n_addresses > 0)
		memcpy(addresses, desired->addresses, desired->n_addresses * sizeof(*addresses));
	manager->addresses = addresses;
	manager->n_addresses = desired->n_addresses + n_left;
	return 0;
}
