/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries out a plan.
 * Acts; decides nothing but what to leave out.
 *
 * Theory of operation
 *
 * A plan is sorted by phase. The steps of a phase become one batch of messages, each tagged with the number of
 * its step, and the kernel's answers find their way back by that. A step that fails takes the later steps of
 * its network with it and nobody else's: those are marked -ECANCELED, and the next pass sees what is missing.
 *
 * Rules are one transaction: the kernel does all of it or nothing. When the element of one network is
 * refused, the transaction is sent again without that network. When the table itself is refused, nothing may
 * become reachable that it would filter: forwarding, links, ports and services are left out for everybody.
 */
#include "apply.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "checksum.h"
#include "dump.h"
#include "link.h"
#include "nft.h"
#include "proxies.h"
#include "rules.h"
#include "shaper.h"
#include "snapshot.h"
#include "sysctl.h"
#include "tap.h"
#include "tunnels.h"
#include "vlan.h"

struct applying {
	struct kernel *kernel;
	const struct plan *plan;
	const struct apply_services *services;
	struct apply_result *results;
	size_t *steps;			/* owned; those of the phase that are to be done */
	size_t n_steps;
	char (*failed)[NETWORK_NAME_SIZE];	/* owned */
	size_t n_failed;
	bool no_filter;			/* the table is not as it must be */
};

static bool has_failed(const struct applying *applying, const char *network)
{
	for (size_t i = 0; i < applying->n_failed; i++)
		if (strcmp(applying->failed[i], network) == 0)
			return true;
	return false;
}

/* The kernel says of a name only that it exists: which link has it? */
static void say_holder(const struct applying *applying, size_t i)
{
	const struct plan_step *step = &applying->plan->steps[i];
	const struct netstate_bridge *bridge = &step->bridge;

	if (step->op != PLAN_BRIDGE_CREATE && step->op != PLAN_BRIDGE_SET && step->op != PLAN_BRIDGE_RENAME)
		return;
	for (size_t j = 0; j <= bridge->n_altnames; j++) {
		const char *name = j == 0 ? bridge->name : bridge->altnames[j - 1];
		const int ifindex = link_index(applying->kernel, name);
		char holder[IF_NAMESIZE];

		if (!ifindex || ifindex == bridge->ifindex || !if_indextoname((unsigned int)ifindex, holder) ||
		    strcmp(holder, bridge->name) == 0)
			continue;
		if (strcmp(holder, name) == 0)
			apply_result_say(&applying->results[i], "another link is called %s: ip link set dev %s name ANOTHER", name, name);
		else
			apply_result_say(&applying->results[i], "the link %s has the alternative name %s: ip link property del dev %s altname %s",
					 STR_ESCAPED(holder), name, STR_ESCAPED(holder), name);
		return;
	}
}

/* The first failure of a step is its result. */
static void fail_step(struct applying *applying, size_t i, int error, const char *text)
{
	struct apply_result *result = &applying->results[i];
	const char *network = applying->plan->steps[i].network;

	if (result->error == 0) {
		result->error = error;
		apply_result_say(result, "%s", text ?: strerror(-error));
		if (error == -EEXIST)
			say_holder(applying, i);
	}
	if (network[0] && !has_failed(applying, network))
		memcpy(applying->failed[applying->n_failed++], network, NETWORK_NAME_SIZE);
}

static bool needs_filter(const struct plan_step *step)
{
	switch ((enum plan_phase)step->phase) {
	case PHASE_SYSCTLS:
	case PHASE_UP:
	case PHASE_PORTS:
	case PHASE_START_SERVICES:
		return true;
	case PHASE_FREE_UPLINKS:
	case PHASE_TAKE_UPLINKS:	/* the host's own LAN: no rule of ours is about it */
	case PHASE_STOP_SERVICES:
	case PHASE_RULES_AHEAD:
	case PHASE_CREATE_LINKS:
	case PHASE_SET_LINKS:
	case PHASE_ADD_ADDRESSES:
	case PHASE_RULES:
	case PHASE_REMOVE_ADDRESSES:
	case PHASE_DOWN:
	case PHASE_REMOVE_RULES:
	case PHASE_DELETE_LINKS:
	case PHASE_MAX_:
		return false;
	}
	return false;
}

static void leave_out(struct applying *applying, size_t i, const char *why)
{
	applying->results[i].error = -ECANCELED;
	apply_result_say(&applying->results[i], "%s", why);
}

/* Collects the steps first..end that can be done now. */
static void choose_steps(struct applying *applying, size_t first, size_t end)
{
	applying->n_steps = 0;
	for (size_t i = first; i < end; i++) {
		const struct plan_step *step = &applying->plan->steps[i];

		/* Elements only make the filter know more: a bridge that is up already must not be without. */
		if (has_failed(applying, step->network) && step->op != PLAN_ELEMENT_ADD)
			leave_out(applying, i, "an earlier step of this network failed");
		else if (applying->no_filter && needs_filter(step))
			leave_out(applying, i, "the rules that must come first are not in force");
		else
			applying->steps[applying->n_steps++] = i;
	}
}

/* What was to be achieved is so already, whoever did it. */
static bool is_harmless(const struct plan_step *step, int error)
{
	switch ((enum plan_op)step->op) {
	case PLAN_BRIDGE_DELETE:
	case PLAN_BRIDGE_DOWN:
		return error == -ENODEV;
	case PLAN_BRIDGE_UNNAME:
		return error == -ENOENT || error == -ENODEV;
	case PLAN_ADDRESS_REMOVE:
		return error == -EADDRNOTAVAIL || error == -ENODEV;
	case PLAN_ADDRESS_ADD:	/* net/ipv6/addrconf.c: addrconf_add_dev(); IPv6 is off, and the next look tells of it */
		return ip_is_v6(&step->address.address) && (error == -EACCES || error == -EOPNOTSUPP);
	case PLAN_ROUTE_ADD:
	case PLAN_GUEST_ROUTE_ADD:
		return error == -EEXIST;
	case PLAN_GUEST_ROUTE_REMOVE:
		return error == -ESRCH || error == -ENODEV;
	case PLAN_ELEMENT_REMOVE:
	case PLAN_TABLE_DELETE:
		return error == -ENOENT;
	case PLAN_PROXY_ADD:	/* of an interface that has gone meanwhile */
		return error == -ENODEV || error == -EINVAL;
	case PLAN_PROXY_REMOVE:
		return error == -ENOENT || error == -ENODEV || error == -EINVAL;
	case PLAN_SERVICE_STOP:
	case PLAN_SERVICE_START:
	case PLAN_SERVICE_RESTART:
	case PLAN_SERVICE_RELOAD:
	case PLAN_BRIDGE_CREATE:
	case PLAN_BRIDGE_SET:
	case PLAN_BRIDGE_RENAME:
	case PLAN_BRIDGE_UP:
	case PLAN_TABLE_ADOPT:
	case PLAN_TABLE_REPLACE:
	case PLAN_ELEMENT_ADD:
	case PLAN_CHECKSUM_ADD:
	case PLAN_CHECKSUM_REMOVE:
	case PLAN_SYSCTL_SET:
	case PLAN_PORT_PUT_BACK:
	case PLAN_TAP_CREATE:
	case PLAN_TAP_SET:
	case PLAN_TAP_REMOVE:
	case PLAN_UPLINK_TAKE:
	case PLAN_UPLINK_RELEASE:
	case PLAN_PORT_SET:
	case PLAN_SHAPER_SET:
	case PLAN_SHAPER_REMOVE:
	case PLAN_TUNNEL_CREATE:
	case PLAN_TUNNEL_SET:
	case PLAN_TUNNEL_REMOVE:
	case PLAN_REMOTE_ADD:
	case PLAN_REMOTE_REMOVE:
	case PLAN_OP_MAX_:
		return false;
	}
	return false;
}

/* A batch that never got to the kernel, or whose answers are lost, fails all of its steps. */
static void fail_batch(struct applying *applying, const struct nl_batch *batch, int error)
{
	for (size_t i = 0; i < batch->n_entries; i++)
		if (batch->entries[i].tag != NL_UNTAGGED)
			fail_step(applying, batch->entries[i].tag, error, NULL);
}

static void collect_results(struct applying *applying, const struct nl_batch *batch)
{
	for (size_t i = 0; i < batch->n_entries; i++) {
		const struct nl_entry *entry = &batch->entries[i];

		if (entry->error && entry->tag != NL_UNTAGGED &&
		    !is_harmless(&applying->plan->steps[entry->tag], entry->error))
			fail_step(applying, entry->tag, entry->error, entry->text);
	}
}

/*
 * What a bridge was made of is all there, or there is no bridge: without its alias it would be a
 * stranger's to the next pass.
 */
static void undo_creation(struct applying *applying, const struct nl_batch *batch, const bool *created)
{
	_cleanup_(nl_batch_deinit) struct nl_batch undo = NL_BATCH_NULL;

	for (size_t i = 0; i < batch->n_entries; i++) {
		const struct nl_entry *entry = &batch->entries[i];
		const struct plan_step *step = &applying->plan->steps[entry->tag];
		int ifindex;

		if (entry->error == 0 || step->op != PLAN_BRIDGE_CREATE || !created[entry->tag])
			continue;
		ifindex = link_index(applying->kernel, step->bridge.name);
		if (ifindex)
			link_put_delete(&undo, ifindex, entry->tag);
	}
	if (undo.n_entries > 0)
		(void)kernel_transact(applying->kernel, &applying->kernel->rtnl, &undo, NULL, NULL);
}

/* Which steps made their bridge: the first message of each says so. */
static void note_created(const struct applying *applying, const struct nl_batch *batch, bool *created)
{
	uint32_t last = NL_UNTAGGED;

	for (size_t i = 0; i < batch->n_entries; i++) {
		const struct nl_entry *entry = &batch->entries[i];

		if (entry->tag != last && applying->plan->steps[entry->tag].op == PLAN_BRIDGE_CREATE)
			created[entry->tag] = entry->error == 0;
		last = entry->tag;
	}
}

/* Somebody else has the old index by now: any other will do. */
static bool index_is_taken(const struct kernel *kernel, const struct plan_step *step, int error)
{
	return step->bridge.ifindex && (error == -EBUSY || (error == -EEXIST && !link_index(kernel, step->bridge.name)));
}

static void create_bridges(struct applying *applying)
{
	bool *created = calloc(applying->plan->n_steps, sizeof(*created));
	bool again = false;

	for (unsigned int attempt = 0; created && (attempt == 0 || again) && attempt < 2; attempt++) {
		_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
		int r;

		for (size_t i = 0; i < applying->n_steps; i++) {
			size_t n = applying->steps[i];

			if (applying->plan->steps[n].op != PLAN_BRIDGE_CREATE)
				continue;
			if (attempt == 0 || (!created[n] && applying->results[n].error == 0))
				link_put_bridge_create(&batch, &applying->plan->steps[n].bridge, attempt == 0, (uint32_t)n);
		}
		if (batch.n_entries == 0)
			break;
		r = kernel_transact(applying->kernel, &applying->kernel->rtnl, &batch, NULL, NULL);
		if (r < 0) {
			fail_batch(applying, &batch, r);
			break;
		}
		note_created(applying, &batch, created);
		undo_creation(applying, &batch, created);
		for (size_t i = 0; i < batch.n_entries; i++) {
			const struct nl_entry *entry = &batch.entries[i];
			const struct plan_step *step = &applying->plan->steps[entry->tag];

			if (entry->error == 0)
				continue;
			/* The messages behind the first one fail because of it: only the first one counts. */
			if (attempt == 0 && !created[entry->tag] && index_is_taken(applying->kernel, step, entry->error)) {
				again = true;
				while (i + 1 < batch.n_entries && batch.entries[i + 1].tag == entry->tag)
					i++;
				continue;
			}
			fail_step(applying, entry->tag, entry->error, entry->text);
		}
	}
	if (!created)
		for (size_t i = 0; i < applying->n_steps; i++)
			fail_step(applying, applying->steps[i], -ENOMEM, NULL);
	free(created);
}

static int step_index(const struct kernel *kernel, const struct plan_step *step)
{
	return link_index(kernel, step->bridge.name) ?: step->bridge.ifindex;
}

static void put_link_step(const struct kernel *kernel, struct nl_batch *batch, const struct plan_step *step, uint32_t tag)
{
	switch ((enum plan_op)step->op) {
	case PLAN_BRIDGE_SET:
		link_put_bridge_set(kernel, batch, &step->bridge, step->fields, tag);
		break;
	case PLAN_BRIDGE_RENAME:
		link_put_bridge_rename(batch, &step->bridge, tag);
		break;
	case PLAN_BRIDGE_UNNAME:
		link_put_bridge_unname(batch, &step->bridge, tag);
		break;
	case PLAN_BRIDGE_UP:
	case PLAN_BRIDGE_DOWN:
		link_put_flags(batch, step_index(kernel, step), step->op == PLAN_BRIDGE_UP, tag);
		break;
	case PLAN_BRIDGE_DELETE:
		link_put_delete(batch, step_index(kernel, step), tag);
		break;
	case PLAN_ADDRESS_ADD:
	case PLAN_ADDRESS_REMOVE:
		link_put_address(kernel, batch, step->op == PLAN_ADDRESS_ADD, &step->address, tag);
		break;
	case PLAN_ROUTE_ADD:
		link_put_route(kernel, batch, &step->address, tag);
		break;
	case PLAN_GUEST_ROUTE_ADD:
	case PLAN_GUEST_ROUTE_REMOVE:
		link_put_guest_route(kernel, batch, step->op == PLAN_GUEST_ROUTE_ADD, &step->route, tag);
		break;
	case PLAN_PROXY_ADD:
	case PLAN_PROXY_REMOVE:
		proxies_put(kernel, batch, step->op == PLAN_PROXY_ADD, &step->proxy, tag);
		break;
	case PLAN_SERVICE_STOP:
	case PLAN_SERVICE_START:
	case PLAN_SERVICE_RESTART:
	case PLAN_SERVICE_RELOAD:
	case PLAN_BRIDGE_CREATE:
	case PLAN_TABLE_ADOPT:
	case PLAN_TABLE_REPLACE:
	case PLAN_TABLE_DELETE:
	case PLAN_ELEMENT_ADD:
	case PLAN_ELEMENT_REMOVE:
	case PLAN_CHECKSUM_ADD:
	case PLAN_CHECKSUM_REMOVE:
	case PLAN_SYSCTL_SET:
	case PLAN_PORT_PUT_BACK:
	case PLAN_TAP_CREATE:
	case PLAN_TAP_SET:
	case PLAN_TAP_REMOVE:
	case PLAN_UPLINK_TAKE:
	case PLAN_UPLINK_RELEASE:
	case PLAN_PORT_SET:
	case PLAN_SHAPER_SET:
	case PLAN_SHAPER_REMOVE:
	case PLAN_TUNNEL_CREATE:
	case PLAN_TUNNEL_SET:
	case PLAN_TUNNEL_REMOVE:
	case PLAN_REMOTE_ADD:
	case PLAN_REMOTE_REMOVE:
	case PLAN_OP_MAX_:
		nl_fail(batch, -EINVAL);
		break;
	}
}

/* Before Linux 6.2 a link must be down to be renamed. */
static void rename_while_down(struct applying *applying, struct nl_batch *failed)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;

	for (size_t i = 0; i < failed->n_entries; i++) {
		struct nl_entry *entry = &failed->entries[i];
		const struct plan_step *step = &applying->plan->steps[entry->tag];

		if (step->op != PLAN_BRIDGE_RENAME || entry->error != -EBUSY)
			continue;
		entry->error = 0;
		link_put_flags(&batch, step->bridge.ifindex, false, entry->tag);
		link_put_bridge_rename(&batch, &step->bridge, entry->tag);
		link_put_flags(&batch, step->bridge.ifindex, true, entry->tag);
	}
	if (batch.n_entries == 0)
		return;
	if (kernel_transact(applying->kernel, &applying->kernel->rtnl, &batch, NULL, NULL) < 0)
		fail_batch(applying, &batch, -EBUSY);
	else
		collect_results(applying, &batch);
}

static bool is_tap_step(const struct plan_step *step)
{
	return step->op == PLAN_TAP_CREATE || step->op == PLAN_TAP_SET || step->op == PLAN_TAP_REMOVE;
}

/* A tap is a guest's: its network goes on without it. */
static void change_taps(struct applying *applying)
{
	for (size_t i = 0; i < applying->n_steps; i++) {
		size_t n = applying->steps[i];

		if (is_tap_step(&applying->plan->steps[n]))
			applying->results[n].error = tap_apply(applying->kernel, &applying->plan->steps[n], &applying->results[n]);
	}
}

static void change_links(struct applying *applying)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	for (size_t i = 0; i < applying->n_steps; i++)
		if (applying->plan->steps[applying->steps[i]].op != PLAN_BRIDGE_CREATE &&
		    !is_tap_step(&applying->plan->steps[applying->steps[i]]))
			put_link_step(applying->kernel, &batch, &applying->plan->steps[applying->steps[i]], (uint32_t)applying->steps[i]);
	if (batch.n_entries == 0)
		return;
	r = kernel_transact(applying->kernel, &applying->kernel->rtnl, &batch, NULL, NULL);
	if (r < 0) {
		fail_batch(applying, &batch, r);
		return;
	}
	rename_while_down(applying, &batch);
	collect_results(applying, &batch);
}

/* Ports: each is asked for after it was put back, and compared. */

static int each_port(const struct nlmsghdr *message, uint32_t tag, void *data)
{
	const struct applying *applying = data;
	const struct netstate_port *want = applying->plan->steps[tag].port;
	struct dump_link link;

	if (message->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (dump_link(message, &link) < 0)
		return -EPROTO;
	if (link.port.group != want->group)
		return -EOPNOTSUPP;
	if (applying->plan->steps[tag].op == PLAN_PORT_SET)
		return !want->master || link.port.isolated == want->isolated ? 0 : -EOPNOTSUPP;
	if (link.port.master != link_index(applying->kernel, want->bridge) || !link.port.up || link.port.isolated != want->isolated ||
	    link.port.locked != want->locked || link.port.learning != want->learning || link.port.flood != want->flood)
		return -EOPNOTSUPP;
	return 0;
}

/* A port that could not be put back with all its options must not stay there without them. */
static void take_down_failed_ports(struct applying *applying, const struct nl_batch *batch)
{
	_cleanup_(nl_batch_deinit) struct nl_batch down = NL_BATCH_NULL;
	uint32_t last = NL_UNTAGGED;

	for (size_t i = 0; i < batch->n_entries; i++) {
		const struct nl_entry *entry = &batch->entries[i];

		/* Another program's port may be on another bridge by now. */
		if (applying->plan->steps[entry->tag].port->owner != NETSTATE_OURS ||
		    applying->plan->steps[entry->tag].op != PLAN_PORT_PUT_BACK)
			continue;
		if (entry->error && entry->tag != last) {
			link_put_flags(&down, applying->plan->steps[entry->tag].port->ifindex, false, entry->tag);
			last = entry->tag;
		}
	}
	if (down.n_entries > 0)
		(void)kernel_transact(applying->kernel, &applying->kernel->rtnl, &down, NULL, NULL);
}

/* The first error of a batch. */
static int first_error(const struct nl_batch *batch)
{
	for (size_t i = 0; i < batch->n_entries; i++)
		if (batch->entries[i].error)
			return batch->entries[i].error;
	return 0;
}

/*
 * A port with a VLAN: read back before it is set up, since a bridge that does not filter VLANs takes all of this and does
 * nothing. False, with the step's result, when it is not in force: it is down then.
 */
static bool put_vlan_port_back(struct applying *applying, size_t step, int bridge)
{
	const struct netstate_port *port = applying->plan->steps[step].port;
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL, down = NL_BATCH_NULL;
	struct apply_result *result = &applying->results[step];
	struct kernel *kernel = applying->kernel;
	uint16_t default_vlan = 0;
	bool filtering = false;
	int r = vlan_look_bridge(kernel, bridge, &filtering, &default_vlan);

	if (r == 0 && !filtering)
		r = -EOPNOTSUPP;
	if (r == 0) {
		link_put_port_back(&batch, port, bridge, default_vlan, (uint32_t)step);
		r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
	}
	if (r == 0)
		r = first_error(&batch);
	if (r == 0)
		r = vlan_verify(kernel, port->ifindex, port->vlan);
	if (r == 0)
		return true;
	link_put_flags(&down, port->ifindex, false, (uint32_t)step);
	(void)kernel_transact(kernel, &kernel->rtnl, &down, NULL, NULL);
	if (r == -ENODEV)
		return false;
	result->error = r;
	if (r == -EOPNOTSUPP && !filtering)
		apply_result_say(result, "%s is for VLAN %u, and its bridge does not filter VLANs (ip link set %s type bridge vlan_filtering 1): it is down",
				 port->name, port->vlan, port->bridge);
	else
		apply_result_say(result, "VLAN %u of %s is not in force: it is down%s%s", port->vlan, port->name,
				 r == -EOPNOTSUPP ? "" : ": ", r == -EOPNOTSUPP ? "" : strerror(-r));
	return false;
}

static void put_ports_back(struct applying *applying)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	for (size_t i = 0; i < applying->n_steps; i++) {
		const struct plan_step *step = &applying->plan->steps[applying->steps[i]];
		const struct netstate_port *port = step->port;
		int bridge;

		if (step->op != PLAN_PORT_PUT_BACK && step->op != PLAN_PORT_SET)
			continue;
		bridge = link_index(applying->kernel, port->bridge);
		if (step->op == PLAN_PORT_SET)
			link_put_port_set(&batch, port, port->master != 0, (uint32_t)applying->steps[i]);
		else if (!bridge)
			fail_step(applying, applying->steps[i], -ENODEV, "its bridge is not there");
		else if (!port->vlan)
			link_put_port_back(&batch, port, bridge, 0, (uint32_t)applying->steps[i]);
		else if (!put_vlan_port_back(applying, applying->steps[i], bridge))
			continue;
		if (step->op != PLAN_PORT_SET && bridge)
			link_put_port_up(&batch, port, (uint32_t)applying->steps[i]);
	}
	if (batch.n_entries == 0)
		return;
	r = kernel_transact(applying->kernel, &applying->kernel->rtnl, &batch, each_port, applying);
	if (r < 0) {
		fail_batch(applying, &batch, r);
		return;
	}
	take_down_failed_ports(applying, &batch);
	/* A port is a guest's: when it has gone, or cannot be put back, its network goes on. */
	for (size_t i = 0; i < batch.n_entries; i++) {
		const struct nl_entry *entry = &batch.entries[i];
		struct apply_result *result = &applying->results[entry->tag];

		if (entry->error == 0 || entry->error == -ENODEV || result->error)
			continue;
		result->error = entry->error;
		apply_result_say(result, "%s", entry->text ?: entry->error == -EOPNOTSUPP ?
				 "not all of its options are in force: it is down" : strerror(-entry->error));
	}
}

/* Rules. */

static bool is_rule_step(const struct plan_step *step)
{
	return step->op == PLAN_TABLE_REPLACE || step->op == PLAN_TABLE_DELETE || step->op == PLAN_ELEMENT_ADD ||
	       step->op == PLAN_ELEMENT_REMOVE;
}

/* Of each family that is there. */
static void put_deletion(struct applying *applying, struct nl_batch *batch, uint32_t tag)
{
	for (int bridge = 0; bridge < 2; bridge++)
		if (nft_table_exists(&applying->kernel->nft, bridge))
			nft_put_table_delete(batch, bridge, tag);
}

static void put_replacement(struct applying *applying, struct nl_batch *batch, const struct netstate_table *table, uint32_t tag)
{
	const uint32_t flags = applying->kernel->owner_tables ? NFT_OWNED_PERSISTENT : 0;
	_cleanup_(ruleset_deinit) struct ruleset ruleset = RULESET_NULL;
	int r;

	r = ruleset_build(table, &ruleset);
	if (r < 0) {
		nl_fail(batch, r);
		return;
	}
	put_deletion(applying, batch, tag);
	nft_put_table(batch, false, flags, tag);
	if (ruleset_has_bridge(&ruleset))
		nft_put_table(batch, true, flags, tag);
	nft_put_ruleset(batch, &ruleset, tag);
}

/* So many elements go into few messages; when one of them is refused, each gets its own, which says whose it is. */
#define MANY_ELEMENTS	64

static int compare_sets(const void *a, const void *b)
{
	const struct netstate_element *left = *(const struct netstate_element *const *)a;
	const struct netstate_element *right = *(const struct netstate_element *const *)b;
	int r = left->set - right->set;

	return r ? r : left->prefix_length - right->prefix_length;
}

/* Nothing is grouped where there is no memory for it, or little to group. */
static bool put_groups(const struct applying *applying, struct nl_batch *batch, const bool *left_out)
{
	_cleanup_(freep) const struct netstate_element **elements = calloc(applying->n_steps + 1, sizeof(*elements));
	size_t n = 0;
	uint32_t tag = 0;

	for (size_t i = 0; elements && i < applying->n_steps; i++) {
		const struct plan_step *step = &applying->plan->steps[applying->steps[i]];

		if (step->op != PLAN_ELEMENT_ADD || left_out[applying->steps[i]])
			continue;
		elements[n++] = &step->element;
		tag = (uint32_t)applying->steps[i];
	}
	if (n < MANY_ELEMENTS)
		return false;
	qsort(elements, n, sizeof(*elements), compare_sets);
	for (size_t first = 0, end, done = 1; first < n && done > 0; first += done) {
		for (end = first + 1; end < n && compare_sets(&elements[first], &elements[end]) == 0; end++)
			;
		done = nft_put_elements(batch, elements + first, end - first, tag);
	}
	return true;
}

/* Removals come first: what is another one under the same key is removed and added. True when some are grouped. */
static bool put_rule_steps(struct applying *applying, struct nl_batch *batch, const bool *left_out, bool group)
{
	for (size_t i = 0; i < applying->n_steps; i++) {
		size_t n = applying->steps[i];
		const struct plan_step *step = &applying->plan->steps[n];

		if (left_out[n])
			continue;
		if (step->op == PLAN_TABLE_REPLACE)
			put_replacement(applying, batch, &step->table, (uint32_t)n);
		else if (step->op == PLAN_TABLE_DELETE)
			put_deletion(applying, batch, (uint32_t)n);
		else if (step->op == PLAN_ELEMENT_REMOVE)
			nft_put_element(batch, false, &step->element, (uint32_t)n);
	}
	if (group && put_groups(applying, batch, left_out))
		return true;
	for (size_t i = 0; i < applying->n_steps; i++) {
		const struct plan_step *step = &applying->plan->steps[applying->steps[i]];

		if (step->op == PLAN_ELEMENT_ADD && !left_out[applying->steps[i]])
			nft_put_element(batch, true, &step->element, (uint32_t)applying->steps[i]);
	}
	return false;
}

/*
 * A network with an element that the kernel refuses keeps the one that closes it: a bridge that is known and has no
 * valid sources lets nothing through.
 */
static void leave_network_out(const struct applying *applying, const char *network, bool *left_out)
{
	for (size_t i = 0; i < applying->n_steps; i++) {
		const struct plan_step *step = &applying->plan->steps[applying->steps[i]];

		if (strcmp(step->network, network) == 0 && is_rule_step(step) &&
		    !(step->op == PLAN_ELEMENT_ADD && step->element.set == NETSTATE_SET_BRIDGES))
			left_out[applying->steps[i]] = true;
	}
}

/* Marks what is to be left out of the next attempt. True when there is a reason to try again. */
static bool sort_out_failures(struct applying *applying, const struct nl_batch *batch, bool *left_out)
{
	bool again = true, any = false;

	for (size_t i = 0; i < batch->n_entries; i++) {
		const struct nl_entry *entry = &batch->entries[i];
		const struct plan_step *step;

		if (entry->error == 0)
			continue;
		any = true;
		if (entry->tag == NL_UNTAGGED) {
			/* The transaction as a whole. */
			fail_batch(applying, batch, entry->error);
			return false;
		}
		step = &applying->plan->steps[entry->tag];
		left_out[entry->tag] = true;
		if (is_harmless(step, entry->error)) {
			/* What is there is not what was read: it is read again. */
			applying->kernel->generation = 0;
			continue;
		}
		fail_step(applying, entry->tag, entry->error, entry->error == -EPERM && step->network[0] == '\0' ?
			  "table inet guestnet belongs to another process: another guestnetd runs" : entry->text);
		if (step->network[0] == '\0')
			again = false;
		else
			leave_network_out(applying, step->network, left_out);
	}
	return any && again;
}

/* The steps that were in a transaction that came to nothing, and are not to blame for it. */
static void fail_remaining(struct applying *applying, const bool *left_out)
{
	for (size_t i = 0; i < applying->n_steps; i++) {
		size_t n = applying->steps[i];

		if (is_rule_step(&applying->plan->steps[n]) && !left_out[n] && applying->results[n].error == 0)
			fail_step(applying, n, -ECANCELED, "another change of the same transaction failed");
	}
}

/* The kernel names every message that it refuses, so two more attempts are enough unless others interfere. */
#define RULE_ATTEMPTS	5

static void commit_rules(struct applying *applying)
{
	bool *left_out = calloc(applying->plan->n_steps, sizeof(*left_out));
	bool done = false, again = left_out != NULL, grouped = true;

	for (unsigned int i = 0; again && i < RULE_ATTEMPTS; i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
		int r;

		nft_put_begin(&batch);
		grouped = put_rule_steps(applying, &batch, left_out, grouped);
		nft_put_end(&batch);
		if (batch.error == 0 && batch.n_entries == 2) {
			done = true;
			break;
		}
		r = kernel_transact(applying->kernel, &applying->kernel->nft, &batch, NULL, NULL);
		if (r < 0) {
			fail_batch(applying, &batch, r);
			break;
		}
		done = batch.n_errors == 0;
		if (done)
			rules_note_steps(applying->kernel, applying->plan, applying->steps, applying->n_steps, left_out);
		if (!done && grouped) {
			grouped = false;
			continue;
		}
		again = !done && sort_out_failures(applying, &batch, left_out);
	}
	if (left_out && !done)
		fail_remaining(applying, left_out);
	if (!left_out)
		for (size_t i = 0; i < applying->n_steps; i++)
			fail_step(applying, applying->steps[i], -ENOMEM, NULL);
	free(left_out);
}

/* Alone in its transaction: together with anything else the kernel refuses it. */
static void adopt_family(struct applying *applying, bool bridge, size_t step)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	nft_put_begin(&batch);
	nft_put_table(&batch, bridge, NFT_OWNED_PERSISTENT, (uint32_t)step);
	nft_put_end(&batch);
	r = kernel_transact(applying->kernel, &applying->kernel->nft, &batch, NULL, NULL);
	if (r < 0)
		fail_step(applying, step, r, NULL);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		if (batch.entries[i].error)
			fail_step(applying, step, batch.entries[i].error, batch.entries[i].error == -EPERM ?
				  "table inet guestnet belongs to another process: another guestnetd runs" :
				  batch.entries[i].text);
}

static void adopt_table(struct applying *applying, size_t step)
{
	adopt_family(applying, false, step);
	if (applying->plan->steps[step].table.features & RULESET_BRIDGED && !applying->results[step].error)
		adopt_family(applying, true, step);
	if (!applying->results[step].error)
		rules_note_adoption(applying->kernel);
}

static void change_rules(struct applying *applying)
{
	_cleanup_(freep) size_t *checksums = calloc(applying->n_steps, sizeof(*checksums));
	size_t n_checksums = 0;
	bool any = false;

	for (size_t i = 0; i < applying->n_steps; i++) {
		const struct plan_step *step = &applying->plan->steps[applying->steps[i]];

		if (step->op == PLAN_TABLE_ADOPT)
			adopt_table(applying, applying->steps[i]);
		else if (is_rule_step(step))
			any = true;
	}
	if (any)
		commit_rules(applying);

	for (size_t i = 0; i < applying->n_steps; i++) {
		size_t n = applying->steps[i];
		const struct plan_step *step = &applying->plan->steps[n];

		if ((step->op == PLAN_TABLE_ADOPT || step->op == PLAN_TABLE_REPLACE) && applying->results[n].error)
			applying->no_filter = true;
		if (checksums && (step->op == PLAN_CHECKSUM_ADD || step->op == PLAN_CHECKSUM_REMOVE))
			checksums[n_checksums++] = n;
	}
	if (n_checksums > 0)
		applying->kernel->checksums_changed = true;
	if (n_checksums > 0)
		checksum_apply(applying->kernel, applying->plan, checksums, n_checksums, applying->results);
}

static void set_sysctls(struct applying *applying)
{
	for (size_t i = 0; i < applying->n_steps; i++) {
		const struct netstate_sysctl *sysctl = &applying->plan->steps[applying->steps[i]].sysctl;
		int r = sysctl_write(applying->kernel, sysctl->path, sysctl->value);

		kernel_note_sysctl(applying->kernel, sysctl->path);
		/* Of an interface that has gone meanwhile, or of IPv6 where there is none. */
		if (r == -ENOENT && (sysctl->when != SYSCTL_ALWAYS || !sysctl_is_possible(applying->kernel, sysctl->path)))
			r = 0;
		if (r < 0)
			fail_step(applying, applying->steps[i], r, NULL);
	}
}

static void run_services(struct applying *applying)
{
	for (size_t i = 0; applying->services && i < applying->n_steps; i++) {
		size_t n = applying->steps[i];
		struct apply_result *result = &applying->results[n];
		int r;

		if (has_failed(applying, applying->plan->steps[n].network)) {
			leave_out(applying, n, "an earlier step of this network failed");
			continue;
		}
		r = applying->services->act(applying->services->data, &applying->plan->steps[n], result);
		if (r < 0)
			fail_step(applying, n, r, result->text);
	}
}

static void run_phase(struct applying *applying, enum plan_phase phase)
{
	switch (phase) {
	case PHASE_FREE_UPLINKS:
	case PHASE_TAKE_UPLINKS:
	case PHASE_STOP_SERVICES:
	case PHASE_START_SERVICES:
		run_services(applying);
		break;
	case PHASE_CREATE_LINKS:
		/* What has to give its name to another comes first. */
		change_links(applying);
		create_bridges(applying);
		break;
	case PHASE_SET_LINKS:
	case PHASE_ADD_ADDRESSES:
	case PHASE_UP:
	case PHASE_REMOVE_ADDRESSES:
	case PHASE_DOWN:
		change_links(applying);
		break;
	case PHASE_DELETE_LINKS:
		change_taps(applying);
		change_links(applying);
		break;
	case PHASE_RULES_AHEAD:
	case PHASE_RULES:
	case PHASE_REMOVE_RULES:
		change_rules(applying);
		break;
	case PHASE_SYSCTLS:
		set_sysctls(applying);
		break;
	case PHASE_PORTS:
		change_taps(applying);
		/* A network goes on without a way to other hosts. */
		tunnels_apply(applying->kernel, applying->plan, applying->steps, applying->n_steps, applying->results);
		put_ports_back(applying);
		/* Whether it is held to a rate or not, a network goes on. */
		shaper_apply(applying->kernel, applying->plan, applying->steps, applying->n_steps, applying->results);
		break;
	case PHASE_MAX_:
		break;
	}
}

/* All but the deletion of links is done: is it done well? */
static void tell_closed(const struct applying *applying, size_t n_steps)
{
	for (size_t i = 0; i < n_steps; i++)
		if (applying->results[i].error < 0)
			return;
	if (applying->services && applying->services->closed)
		applying->services->closed(applying->services->data);
}

/*
 * Carries out @plan, phase by phase. @results has one entry per step, all of them zeros: of those that are done they stay so, and
 * say nothing. @services may be NULL: then steps about processes are passed over.
 * Returns 0 when every step was done; else the first failure, and the rest was done as far as it could be.
 */
int apply_plan(struct kernel *kernel, const struct plan *plan, const struct apply_services *services,
	       struct apply_result *results)
{
	struct applying applying = { .kernel = kernel, .plan = plan, .services = services, .results = results };
	bool told = false;
	int r = 0;

	if (plan->n_steps == 0)
		return 0;
	recorder_add(kernel->recorder, RECORD_APPLY, NULL, 0);
	applying.steps = calloc(plan->n_steps, sizeof(*applying.steps));
	applying.failed = calloc(plan->n_steps, sizeof(*applying.failed));

	for (size_t first = 0, end; first < plan->n_steps; first = end) {
		for (end = first + 1; end < plan->n_steps && plan->steps[end].phase == plan->steps[first].phase; end++)
			;
		if (!applying.steps || !applying.failed) {
			for (size_t i = first; i < end; i++)
				results[i].error = -ENOMEM;
			continue;
		}
		if (plan->steps[first].phase == PHASE_DELETE_LINKS) {
			tell_closed(&applying, first);
			told = true;
		}
		choose_steps(&applying, first, end);
		if (applying.n_steps > 0)
			run_phase(&applying, plan->steps[first].phase);
	}

	if (!told)
		tell_closed(&applying, plan->n_steps);
	for (size_t i = 0; r == 0 && i < plan->n_steps; i++)
		r = results[i].error;
	/* What a failed step has left behind is not known. */
	if (r < 0)
		kernel->dirt = DIRT_EVERYTHING;
	free(applying.steps);
	free(applying.failed);
	return r;
}
