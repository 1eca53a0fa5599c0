/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which networks may not be as the last plan has left them: while those are few, a pass is about them alone.
 * Event loop context.
 */
#include "manager-internal.h"

#include <string.h>

#include "../kernel/snapshot.h"

/* A network that is to be planned for. Too many of them are all of them. */
static void mark_network(struct manager *manager, const char *network)
{
	struct dirty *dirty = &manager->dirty;

	if (!network || !network[0])
		return;
	for (size_t i = 0; i < dirty->n; i++)
		if (strcmp(dirty->networks[i], network) == 0)
			return;
	if (dirty->n == DIRTY_NETWORKS)
		dirty->all = true;
	else
		memcpy(dirty->networks[dirty->n++], network, strnlen(network, NETWORK_NAME_SIZE - 1) + 1);
}

static void mark_link(struct manager *manager, const char *link)
{
	const struct plan_memory memory = manager_memory(manager);

	mark_network(manager, slice_network_of_link(&manager->desire.state, &manager->kernel.view.state, &memory, link));
}

static void mark_bridge(struct manager *manager, int ifindex)
{
	const struct netstate_bridge *bridge = netstate_find_bridge_index(&manager->kernel.view.state, ifindex);

	if (bridge) {
		mark_network(manager, bridge->network);
		mark_link(manager, bridge->name);
	}
	for (size_t i = 0; i < manager->n_bridges; i++)
		if (manager->bridges[i].ifindex == ifindex)
			mark_network(manager, manager->bridges[i].network);
}

static void mark_ports(struct manager *manager, const struct netstate_port *ports, size_t n, int ifindex)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i].ifindex == ifindex) {
			mark_link(manager, ports[i].bridge);
			mark_bridge(manager, ports[i].master);
		}
}

/*
 * The networks that have to do with the interfaces that events have named, as they are in the kernel's view: to be called
 * before a look and after it.
 */
void manager_mark_dirt(struct manager *manager, const struct dirt *dirt)
{
	const struct netstate *state = &manager->kernel.view.state;

	for (unsigned int i = 0; i < dirt->n_links && !manager->dirty.all; i++) {
		const char *name = kernel_link_name(&manager->kernel, dirt->links[i]);

		if (name)
			mark_link(manager, name);
		mark_bridge(manager, dirt->links[i]);
		mark_ports(manager, state->ports, state->n_ports, dirt->links[i]);
		mark_ports(manager, manager->ports, manager->n_ports, dirt->links[i]);
	}
}

/*
 * What a plan has to be made of, when it is only for those that are dirty: then 1, and the caller owns the slice. 0: of
 * everything. -ENOMEM.
 */
int manager_slice(struct manager *manager, struct pass *pass, struct slice *ret_slice)
{
	const struct plan_memory memory = manager_memory(manager);
	struct dirty *dirty = &manager->dirty;
	int r;

	pass->partial = false;
	if (dirty->all || pass->only_look || pass->n_except > 0 || pass->no_taps || manager->options.recorder ||
	    dirty->desire != manager->desire.version || dirty->wholes != manager->kernel.view.wholes ||
	    dirty->services != manager_hash_services(manager, false) || pass->desired.n_bridges == 0)
		return 0;
	/* What belongs to all is looked at beside any network. */
	if (dirty->n == 0)
		mark_network(manager, pass->desired.bridges[0].network);
	r = slice_build(&pass->desired, &pass->snapshot, &memory, (const char (*)[NETWORK_NAME_SIZE])dirty->networks, dirty->n,
			ret_slice);
	pass->partial = r > 0;
	for (size_t i = 0; pass->partial && i < dirty->n; i++)
		memcpy(pass->networks[pass->n_networks++], dirty->networks[i], NETWORK_NAME_SIZE);
	return r;
}

/* After a plan was made: the networks that it has steps for are looked at again, the others are as they should be. */
void manager_note_plan(struct manager *manager, const struct pass *pass)
{
	struct dirty *dirty = &manager->dirty;
	const char *last = "";

	*dirty = (struct dirty){
		.all = pass->n_except > 0 || pass->no_taps || pass->only_look,
		.desire = manager->desire.version,
		.wholes = manager->kernel.view.wholes,
		.services = manager_hash_services(manager, false),
	};
	for (size_t i = 0; i < pass->plan.n_steps && !dirty->all; i++) {
		const struct plan_step *step = &pass->plan.steps[i];

		if (!step->network[0])
			dirty->all = step->op != PLAN_SYSCTL_SET;
		else if (strcmp(step->network, last) != 0)
			mark_network(manager, last = step->network);
	}
}
