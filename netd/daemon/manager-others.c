/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What others on the host have to do with our networks: flows of before, other firewalls, firewalld, systemd-resolved.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../kernel/conntrack.h"
#include "../kernel/neighbours.h"
#include "../model/flows.h"
#include "firewalld.h"
#include "log.h"
#include "resolved.h"

static bool is_unwanted(const struct flow *flow, void *data)
{
	return flow_is_unwanted(data, flow);
}

/* Which guest has which address: what the kernel has not seen an answer to, it has no flow of that would go on. */
static int add_neighbours(struct manager *manager, struct flow_rules *rules)
{
	_cleanup_(freep) struct neighbour *neighbours = NULL;
	size_t n = 0;
	int r;

	if (!flow_rules_want_neighbours(rules))
		return 0;
	r = neighbours_list(&manager->kernel, &neighbours, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = flow_rules_add_neighbour(rules, &neighbours[i].ip, &neighbours[i].mac);
	return r;
}

/*
 * Flows are state too: after rules were made, those that began without them, or under others, end. Where there were no rules
 * of ours before, what was before says nothing of flows, and the next pass, which follows at once, can tell as well:
 * whoever waits for the first one does not wait for the kernel to walk its table of flows.
 */
int manager_sweep_flows(struct manager *manager, const struct pass *pass)
{
	struct flow_rules rules;
	size_t n_deleted = 0;
	int r;

	if (!flows_are_due(&pass->plan) && !manager->flows_due)
		return 0;
	if (!manager->started && !manager->flows_due && pass->snapshot.table.state == NETSTATE_TABLE_ABSENT) {
		manager->flows_due = true;
		return 0;
	}
	manager->flows_due = false;
	r = flow_rules_build(&pass->desired, &pass->snapshot, manager->addresses, manager->n_addresses, &rules);
	if (r < 0)
		return r;
	r = add_neighbours(manager, &rules);
	if (r == 0)
		r = conntrack_sweep(&manager->kernel, is_unwanted, &rules, &n_deleted);
	flow_rules_deinit(&rules);
	if (n_deleted > 0)
		log_say(6, NULL, NULL, "ended %zu flows that the rules do not allow", n_deleted);
	/* A kernel that keeps no flows has none to end. */
	if (r < 0 && r != -EINVAL && r != -EOPNOTSUPP)
		log_say(4, NULL, NULL, "cannot look at the flows that the rules do not allow: %s", strerror(-r));
	return 0;
}

static int tell_firewalld(struct manager *manager, const struct coexist_bridge *bridges, size_t n_bridges)
{
	_cleanup_(freep) char (*names)[IFNAME_SIZE] = calloc(n_bridges + 1, sizeof(*names));
	size_t n = 0;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < n_bridges; i++)
		if (!bridges[i].closed)
			memcpy(names[n++], bridges[i].name, IFNAME_SIZE);
	return firewalld_want(manager->firewalld, (const char (*)[IFNAME_SIZE])names, n);
}

/* Names of guests resolve on the host where somebody answers for them. */
static bool answers_names(const struct managed *managed)
{
	return managed->wanted && managed->network.bridge[0] && managed->network.dns && !managed->service_idle &&
	       !(managed->withheld & SERVICE_DNS) &&
	       (managed->state == NETWORK_RUNNING || managed->state == NETWORK_DEGRADED);
}

/* A bridge that is missing now and comes back is a new one for resolved, too. */
void manager_tell_resolved(struct manager *manager, const struct netstate *snapshot)
{
	_cleanup_(freep) struct resolved_link *links = NULL;
	size_t n = 0;

	if (!resolved_is_there(manager->resolved))
		return;		/* its coming makes a pass */
	links = calloc(manager->networks.n + 1, sizeof(*links));
	if (!links)
		return;
	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];
		const struct network *network = &managed->network;
		const struct netstate_bridge *bridge = netstate_find_bridge(snapshot, network->bridge);
		struct network_address addresses[SUBNET_ADDRESSES];
		struct resolved_link *link = &links[n];

		if (!bridge || !answers_names(managed))
			continue;
		memcpy(link->bridge, network->bridge, sizeof(link->bridge));
		snprintf(link->domain, sizeof(link->domain), "%s", network->domain);
		link->ifindex = bridge->ifindex;
		link->n_addresses = subnet_addresses(network, subnet_find(manager->choices, manager->n_choices, network->name),
						     addresses);
		for (size_t j = 0; j < link->n_addresses; j++) {
			link->addresses[j].ip = addresses[j].ip;
			link->addresses[j].prefix_length = addresses[j].prefix_length;
		}
		n += link->n_addresses > 0;
	}
	(void)resolved_want(manager->resolved, links, n);
}

/* Accepts in the places of other firewalls. A failure is no more than that: their next change has us look again. */
int manager_coexist(struct manager *manager, const struct pass *pass)
{
	struct coexist_bridge *bridges;
	struct coexist_result result;
	const uint32_t generation = manager->kernel.generation ? manager->kernel.read_generation : 0;
	size_t n_bridges;
	int r;

	/* Nobody else has changed a rule since; and where nobody has any, our networks need none among them. */
	if (generation && generation == manager->coexist_generation &&
	    (manager->coexist_desire == manager->desire.version ||
	     (manager->coexist.alone && (!manager->firewalld || !firewalld_is_there(manager->firewalld)))))
		return 0;
	r = coexist_bridges(&pass->desired, &bridges, &n_bridges);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_bridges; i++) {
		const struct managed *managed = managed_find(&manager->networks, pass->desired.bridges[i].network);

		bridges[i].closed |= managed && !managed->network.coexist;
	}
	r = manager->firewalld ? tell_firewalld(manager, bridges, n_bridges) : 0;
	if (r < 0) {
		free(bridges);
		return r;
	}
	r = coexist_apply(&manager->kernel, bridges, n_bridges, &result);
	free(bridges);
	if (r == -EINTR || r == -ENOENT)
		manager_want_pass_at(manager, clock_us() + RETRY_US);
	else if (r < 0)
		log_say(4, NULL, NULL, "cannot look at the rules of other firewalls or add to them: %s", strerror(-r));
	else if (result.n_changes > 0)
		log_say(6, NULL, NULL, "changed %zu rules of ours in the chains of other firewalls", result.n_changes);
	/* Who takes them away again and again is answered more slowly. */
	if (r == 0 && result.n_changes > 0 && pass->plan.n_steps == 0) {
		manager_count_repair(manager, pass, NULL);
		(void)manager_in_a_fight(manager, pass);
	}
	coexist_result_deinit(&manager->coexist);
	manager->coexist = result;
	manager->coexist_generation = r == 0 ? generation : 0;
	manager->coexist_desire = manager->desire.version;
	return r == -ENOMEM ? r : 0;
}

static void on_others_changed(void *data)
{
	manager_want_pass(data);
}

/* From here on other programs are told of networks over the system bus. @systembus must outlive the manager. */
int manager_attach_bus(struct manager *manager, struct systembus *systembus)
{
	int r = firewalld_new(systembus, on_others_changed, manager, &manager->firewalld);

	return r < 0 ? r : resolved_new(manager->event, systembus, on_others_changed, manager, &manager->resolved);
}

/* What outlives a network in firewalld is a name: it goes before the network. */
void manager_leave_firewalld(const struct manager *manager)
{
	_cleanup_(freep) char (*names)[IFNAME_SIZE] = calloc(manager->networks.n + 1, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; names && i < manager->networks.n; i++) {
		const struct network *network = &manager->networks.items[i]->network;

		if (manager->networks.items[i]->wanted && network->bridge[0] && network->coexist)
			memcpy(names[n++], network->bridge, IFNAME_SIZE);
	}
	firewalld_remove_now((const char (*)[IFNAME_SIZE])names, n);
}
