/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What [Port] of the networks' files needs to be known of ports: which are guests', and what they are bound to.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "../kernel/nft.h"
#include "../model/guards.h"

static bool has_port_section(const struct network *network)
{
	return network->port_isolated || guards_are_wanted(network) || rates_are_of_ports(network);
}

static const struct network *find_network(const struct manager *manager, const char *bridge)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		if (strcmp(manager->networks.items[i]->network.bridge, bridge) == 0)
			return &manager->networks.items[i]->network;
	return NULL;
}

/* The network on whose bridge a port is, whatever that is called now; as it is marked, or was when it was seen last. */
static const struct network *find_network_of_port(const struct manager *manager, const struct netstate *snapshot,
						  const struct netstate_port *port)
{
	const struct network *network = find_network(manager, port->bridge);
	const struct netstate_bridge *bridge = netstate_find_bridge_index(snapshot, port->master);
	const struct managed *managed;

	if (network || !bridge)
		return network;
	for (size_t i = 0; bridge->owner != NETSTATE_OURS && i < manager->n_bridges; i++)
		if (manager->bridges[i].ifindex == port->master)
			bridge = &manager->bridges[i];
	managed = bridge->owner == NETSTATE_OURS ? managed_find(&manager->networks, bridge->network) : NULL;
	return managed ? &managed->network : NULL;
}

static bool is_any_asked(const struct manager *manager)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		if (has_port_section(&manager->networks.items[i]->network))
			return true;
	return false;
}

/*
 * Says of the ports of the pass's snapshot which are those of guests, and brings up to date what they are bound to.
 * Nothing where no network asks. -ENOMEM, or what the kernel says.
 */
int manager_look_at_ports(struct manager *manager, struct pass *pass)
{
	struct netstate *snapshot = &pass->snapshot;

	if (!is_any_asked(manager))
		return bindings_update(&manager->bindings, &manager->kernel, &manager->networks, snapshot, &manager->options,
				       pass->only_look);
	/* The view's own stay as they were read. */
	free(pass->ports);
	pass->ports = calloc(snapshot->n_ports + 1, sizeof(*pass->ports));
	if (!pass->ports)
		return -ENOMEM;
	if (snapshot->n_ports > 0)
		memcpy(pass->ports, snapshot->ports, snapshot->n_ports * sizeof(*pass->ports));
	snapshot->ports = pass->ports;
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		struct netstate_port *port = &pass->ports[i];
		const struct network *network = find_network_of_port(manager, snapshot, port);

		port->guest = network && guards_is_guest(network, port);
		/* A name that somebody has given to its bridge is undone: what is bound to the port is so under the right one. */
		if (port->guest && port->owner != NETSTATE_OURS)
			memcpy(port->bridge, network->bridge, sizeof(port->bridge));
	}
	return bindings_update(&manager->bindings, &manager->kernel, &manager->networks, snapshot, &manager->options,
			       pass->only_look);
}

/* An Ethernet address was learnt on a port. */
void manager_note_learnt(struct manager *manager, int bridge, int port)
{
	char name[IF_NAMESIZE];

	if (if_indextoname((unsigned int)bridge, name) && bindings_wants(&manager->bindings, &manager->networks, name, port))
		manager_want_pass(manager);
}

/*
 * Can the rules be made that this network's [Port] needs? If not, it fails, and the others go on. Modules of the kernel come
 * with updates: whenever the network is tried again, the kernel is asked again.
 */
bool manager_can_guard(struct manager *manager, struct managed *managed)
{
	if (!guards_are_wanted(&managed->network) && !network_find_rate(&managed->network, NETWORK_RATE_FROM_GUEST)->rate)
		return true;
	if (manager->bridge_rules < 0 && !managed->retry_at_us)
		manager->bridge_rules = 0;
	if (nft_has_bridges(&manager->kernel.nft, &manager->bridge_rules))
		return true;
	manager_note_failure(manager, managed->network.name,
			     "this kernel has no rules for bridges (CONFIG_NF_TABLES_BRIDGE), which [Port] needs");
	return false;
}
