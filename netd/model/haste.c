/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a bridge is put right as soon as the kernel tells of it, before anything is looked at.
 * Pure: no system calls.
 *
 * Theory of operation. A look asks the kernel four questions, and goes through all networks here and there: with one
 * network that takes longer than the repair, with a thousand several times as long. So what an event says of a bridge is
 * believed for a moment, as long as all was as it should be before: from the state that was read last, changed as the event
 * says, a plan of that one bridge is made, and of it are taken the steps that do nothing but set again what is declared.
 * They do no harm where the event is old by now. The pass that is due then looks, plans, and has the last word.
 */
#include "haste.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "plan-internal.h"

/* What was told so far of an interface, called @name at the last look; NULL when it is one too many. */
struct haste_link *haste_find_link(struct haste *haste, int ifindex, const char *name)
{
	for (unsigned int i = 0; i < haste->n_links; i++)
		if (haste->links[i].ifindex == ifindex)
			return &haste->links[i];
	if (haste->n_links == HASTE_LINKS)
		return NULL;
	haste->links[haste->n_links].ifindex = ifindex;
	haste->links[haste->n_links].name = name;
	return &haste->links[haste->n_links++];
}

/* A bridge that should be called what it was called, and that the filter knows. */
static const struct netstate_bridge *find_wanted(const struct netstate *desired, const struct netstate *snapshot,
						 const struct netstate_bridge *before)
{
	const struct netstate_bridge *want = netstate_find_bridge(desired, before->name);
	struct netstate_element element = { .set = NETSTATE_SET_BRIDGES, .key_length = IFNAME_SIZE };

	memcpy(element.key, before->name, IFNAME_SIZE);
	if (!want || want->existing || want->lan || strcmp(want->network, before->network) != 0)
		return NULL;
	return !netstate_find_element(desired, &element) || netstate_find_element(snapshot, &element) ? want : NULL;
}

static bool is_gone(const struct haste_link *link, const struct netstate_address *address)
{
	for (unsigned int i = 0; i < link->n_gone; i++)
		if (link->gone[i].prefix_length == address->prefix_length &&
		    memcmp(&link->gone[i].address, &address->address, sizeof(address->address)) == 0)
			return true;
	return false;
}

static bool is_unrouted(const struct haste_link *link, const struct netstate_address *address)
{
	const struct ip prefix = ip_mask(&address->address, address->prefix_length);

	for (unsigned int i = 0; i < link->n_unrouted; i++)
		if (link->unrouted[i].prefix_length == address->prefix_length &&
		    memcmp(&link->unrouted[i].destination, &prefix, sizeof(prefix)) == 0)
			return true;
	return false;
}

/* The addresses that should be, and those that are by what was told. */
static int add_addresses(const struct haste_link *link, const struct netstate_bridge *before, const struct netstate_bridge *now,
			 const struct netstate *desired, const struct netstate *snapshot, struct netstate *want, struct netstate *have)
{
	size_t n, first = netstate_addresses_of(desired, before->name, &n);
	int r = 0;

	for (size_t i = first; r == 0 && i < first + n; i++)
		r = netstate_add_address(want, &desired->addresses[i]);
	first = netstate_addresses_of(snapshot, before->name, &n);
	for (size_t i = first; r == 0 && i < first + n; i++) {
		struct netstate_address address = snapshot->addresses[i];

		if (is_gone(link, &address))
			continue;
		memcpy(address.link, now->name, sizeof(address.link));
		/* While it is down, or its bridge was, there is none, and it comes with the bridge. */
		address.no_route |= now->up && before->up && is_unrouted(link, &address);
		r = netstate_add_address(have, &address);
	}
	return r;
}

/* What sets again what is declared, and nothing else. */
static bool is_hasty(const struct plan_step *step)
{
	return step->op == PLAN_BRIDGE_SET || step->op == PLAN_BRIDGE_RENAME || step->op == PLAN_BRIDGE_UP ||
	       step->op == PLAN_ADDRESS_ADD || step->op == PLAN_ROUTE_ADD;
}

static int add_step(struct plan *plan, const struct plan_step *step)
{
	struct plan_step *steps = reallocarray(plan->steps, plan->n_steps + 1, sizeof(*steps));

	if (!steps)
		return -ENOMEM;
	plan->steps = steps;
	steps[plan->n_steps++] = *step;
	return 0;
}

static int plan_link(const struct haste_link *link, const struct netstate *desired, const struct netstate *snapshot, uint64_t id,
		     struct plan *plan)
{
	_cleanup_(netstate_deinit) struct netstate want = NETSTATE_NULL, have = NETSTATE_NULL;
	const struct netstate_bridge *before = netstate_find_bridge(snapshot, link->name), *now, *wanted;
	const struct plan_memory memory = { .bridges = before, .n_bridges = 1 };
	struct plan whole = PLAN_NULL;
	int r;

	wanted = before && before->ifindex == link->ifindex && before->owner == NETSTATE_OURS ? find_wanted(desired, snapshot, before) : NULL;
	if (!wanted)
		return 0;
	now = link->changed ? &link->bridge : before;
	/* Somebody else's by now, or called as another bridge is: that is for the pass. */
	if (now->owner != NETSTATE_OURS || strcmp(now->network, before->network) != 0 ||
	    (strcmp(now->name, before->name) != 0 && netstate_find_bridge(desired, now->name)))
		return 0;
	want.table = desired->table;
	have.table = snapshot->table;
	r = netstate_add_bridge(&want, wanted);
	if (r == 0)
		r = netstate_add_bridge(&have, now);
	if (r == 0)
		r = add_addresses(link, before, now, desired, snapshot, &want, &have);
	if (r == 0)
		r = plan_build(&want, &have, &memory, NULL, 0, id, &whole);
	for (size_t i = 0; r == 0 && i < whole.n_steps; i++)
		if (is_hasty(&whole.steps[i]))
			r = add_step(plan, &whole.steps[i]);
	plan_deinit(&whole);
	return r;
}

/* Turning forwarding on turns on that of all interfaces: where some are to stay off, each of them is looked at then. */
static bool is_simple(const struct netstate *desired, const char *path)
{
	for (size_t i = 0; i < desired->n_sysctls; i++)
		if (desired->sysctls[i].when != SYSCTL_ALWAYS && strncmp(desired->sysctls[i].path, path, strlen("ipv4/")) == 0)
			return false;
	return true;
}

static int plan_forwarding(const struct netstate *desired, const int forwards[2], struct plan *plan)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(netstate_forwarding); i++) {
		const struct netstate_sysctl *want = netstate_find_sysctl(desired, netstate_forwarding[i]);
		struct plan_step step = { .phase = PHASE_SYSCTLS, .op = PLAN_SYSCTL_SET, .outcome = OUTCOME_UPDATE };

		if (!want || forwards[i] < 0 || forwards[i] == want->value || !is_simple(desired, netstate_forwarding[i]))
			continue;
		step.sysctl = *want;
		r = add_step(plan, &step);
	}
	return r;
}

/*
 * The steps that can be taken at once after what was told. @snapshot is what was read before, when nothing was to be done;
 * @forwards are the host's switches for IPv4 and IPv6 now, -1 where there is none. The caller owns the plan, which is in no
 * other order than each bridge's own. -ENOMEM only.
 */
int haste_plan(const struct haste *haste, const struct netstate *desired, const struct netstate *snapshot, const int forwards[2],
	       uint64_t id, struct plan *ret_plan)
{
	struct plan plan = { .id = id };
	int r = 0;

	if (desired->table.state == NETSTATE_TABLE_EQUAL && snapshot->table.state == NETSTATE_TABLE_EQUAL) {
		if (haste->forwarding)
			r = plan_forwarding(desired, forwards, &plan);
		for (unsigned int i = 0; r == 0 && i < haste->n_links; i++)
			r = plan_link(&haste->links[i], desired, snapshot, id, &plan);
	}
	if (r == 0)
		r = planner_sort_steps(&plan);
	if (r < 0) {
		plan_deinit(&plan);
		return r;
	}
	*ret_plan = plan;
	return 0;
}
