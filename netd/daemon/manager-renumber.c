/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks that leave a prefix which was chosen for them, because others are there: when the plan says that they may, and when
 * somebody asks for it. And those that follow what is delegated to the host.
 * Event loop context.
 *
 * Theory of operation. A choice is marked as one to be made anew, and a pass is due that chooses again, for which it reads all
 * routes; the rest is a change of addresses as any other. The choice is in its file before anything is done about it.
 */
#include "manager-internal.h"

#include <errno.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/util.h"
#include "../kernel/delegation.h"
#include "../kernel/farewell.h"
#include "../model/ip.h"
#include "log.h"

static struct subnet_choice *find_choice(struct manager *manager, const char *network)
{
	const struct subnet_choice *choice = subnet_find(manager->choices, manager->n_choices, network);

	return choice ? manager->choices + (choice - manager->choices) : NULL;
}

static bool same_addresses(const struct subnet_choice *a, const struct subnet_choice *b)
{
	return memcmp(&a->address4, &b->address4, sizeof(a->address4)) == 0 &&
	       memcmp(&a->address6, &b->address6, sizeof(a->address6)) == 0;
}

static void want_other_prefixes(struct manager *manager)
{
	manager->renumbering = true;
	manager->settling = true;	/* what the next pass changes is no repair */
}

static void tell_move(const char *network, const struct ip *from, const struct ip *to, unsigned int length)
{
	const struct ip before = ip_mask(from, length), after = ip_mask(to, length);

	log_say(5, network, NULL, "network %s moves from %s/%u to %s/%u", network, IP_TEXT(&before), length, IP_TEXT(&after), length);
}

/* The network's part of what is delegated to the host has come, or is another one, or is over. */
static void follow_delegated(struct manager *manager, struct managed *managed, const struct ip *from, const struct ip *to)
{
	const char *network = managed->network.name;

	if (memcmp(from, to, sizeof(*from)) == 0)
		return;
	if (from->family) {
		managed->left6[1] = ip_mask(from, SUBNET_LENGTH6);
		manager->delegated_left = true;
	}
	if (from->family && to->family)
		tell_move(network, from, to, SUBNET_LENGTH6);
	else
		log_say(5, network, NULL, "network %s %s %s/%d, of a delegated prefix", network, to->family ? "has" : "loses",
			IP_TEXT(to->family ? to : from), SUBNET_LENGTH6);
}

/* What has been delegated to the host may be something else now: networks that have a part of it have theirs chosen anew. */
void manager_note_delegated(struct manager *manager)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		if (manager->networks.items[i]->wanted && manager->networks.items[i]->network.address_delegated) {
			want_other_prefixes(manager);
			manager_want_pass(manager);
			return;
		}
}

/*
 * Somebody says that a prefix was delegated to the host for so many seconds, or with 0 not any more. Returns when networks have
 * followed. Errors as delegations_set() has them, or -EIO.
 */
int manager_delegate(struct manager *manager, const char *prefix, uint32_t seconds, struct failure *failure)
{
	int r = delegations_set(&manager->delegations, prefix, seconds, failure);

	if (r < 0)
		return r;
	r = manager_settle(manager);	/* our own event is among those that it reads */
	return r < 0 ? failure_set(failure, -EIO, "%s", strerror(-r)) : 0;
}

/* What became of the choices that were to be made anew, and of those that follow what is delegated. */
void manager_tell_moves(struct manager *manager, const struct subnet_choice *before, size_t n_before)
{
	for (size_t i = 0; i < n_before; i++) {
		const struct subnet_choice *old = &before[i], *new = find_choice(manager, old->network);
		struct managed *managed = managed_find(&manager->networks, old->network);

		if (!new || !managed)
			continue;
		follow_delegated(manager, managed, &old->delegated, &new->delegated);
		if (!old->anew4 && !old->anew6)
			continue;
		managed->no_other_prefix = same_addresses(old, new);
		if (memcmp(&old->address4, &new->address4, sizeof(old->address4)) != 0)
			tell_move(old->network, &old->address4, &new->address4, SUBNET_LENGTH4);
		if (memcmp(&old->address6, &new->address6, sizeof(old->address6)) == 0)
			continue;
		tell_move(old->network, &old->address6, &new->address6, SUBNET_LENGTH6);
		managed->left6[0] = ip_mask(&old->address6, SUBNET_LENGTH6);
	}
}

/* The lifetime of the default route that dnsmasq advertises where nothing else is said (radv.c); of networks with no way out, none. */
#define ROUTER_LIFETIME_S 1800

static void end_prefix(struct manager *manager, const struct network *network, struct ip *left)
{
	int r;

	if (!left->family)
		return;
	r = farewell_send(&manager->kernel, network->bridge, left, SUBNET_LENGTH6,
			  network->mode == NETWORK_ISOLATED ? 0 : ROUTER_LIFETIME_S);
	if (r < 0)
		log_say(4, network->name, NULL, "network %s: cannot tell guests that %s/%d is over: %s", network->name,
			IP_TEXT(left), SUBNET_LENGTH6, strerror(-r));
	*left = (struct ip){ 0 };
}

/* The network's dnsmasq has begun to advertise another prefix. */
void manager_end_prefix(struct manager *manager, struct managed *managed)
{
	for (size_t i = 0; i < ARRAY_SIZE(managed->left6); i++)
		end_prefix(manager, &managed->network, &managed->left6[i]);
}

/*
 * What was delegated to networks before this pass is not on their bridges any more. A dnsmasq that follows those (model/dnsmasq.c)
 * was not started anew and tells guests itself, again and again, but not at once.
 */
void manager_end_delegated(struct manager *manager)
{
	for (size_t i = 0; manager->delegated_left && i < manager->networks.n; i++)
		if (manager->networks.items[i]->wanted)
			end_prefix(manager, &manager->networks.items[i]->network, &manager->networks.items[i]->left6[1]);
	manager->delegated_left = false;
}

/*
 * For how long guests prefer addresses of a prefix that is over then. Not for less than three of dnsmasq's intervals, as it says itself
 * of what it is configured with (radv.c): a prefix that is delegated for less time each time anew is not to be over for guests, nor
 * is the name server that they are told of with it, because nobody has said again that it goes on. Its end is told at once.
 */
static uint32_t preferred_s(uint64_t until_us)
{
	const uint64_t now_us = clock_boot_us(), left_s = until_us > now_us ? (until_us - now_us) / 1000000 : 0;

	return until_us == UINT64_MAX ? DELEGATION_FOREVER : left_s < ROUTER_LIFETIME_S ? ROUTER_LIFETIME_S : (uint32_t)left_s;
}

/* The network's address has the end that its prefix has. Returns whether there is one. */
static bool time_delegated(struct manager *manager, struct managed *managed, const struct netstate_address *address)
{
	const uint64_t until_us = delegations_until(&manager->delegations, &address->address);
	int r;

	if (address->ending == (until_us != UINT64_MAX) && (managed->preferred_until_us == until_us || until_us == UINT64_MAX))
		return address->ending;
	r = delegation_prefer(&manager->kernel, managed->network.bridge, &address->address, preferred_s(until_us));
	if (r < 0)
		log_say(4, managed->network.name, NULL, "network %s: cannot say when %s is over: %s", managed->network.name,
			IP_TEXT(&address->address), strerror(-r));
	managed->preferred_until_us = until_us;
	return true;
}

/*
 * After a pass: the kernel knows when the addresses that it found are over, and dnsmasq by that. It is no part of what should be,
 * which would be something else every second; somebody else's word about it is overruled by the next pass, but no reason for one.
 */
void manager_time_delegated(struct manager *manager)
{
	bool ends = false;

	for (size_t i = 0; (manager->delegations.n > 0 || manager->delegated_ends) && i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];
		const struct subnet_choice *choice = managed->wanted && managed->network.address_delegated ?
			find_choice(manager, managed->network.name) : NULL;
		struct netstate_address key = { .prefix_length = SUBNET_LENGTH6 };
		const struct netstate_address *found;

		if (!choice || !choice->delegated.family)
			continue;
		key.address = choice->delegated;
		memcpy(key.link, managed->network.bridge, sizeof(key.link));
		found = netstate_find_address(&manager->kernel.view.state, &key);
		ends |= found && time_delegated(manager, managed, found);
	}
	manager->delegated_ends = ends;
}

/* May the network leave its prefix now, by the plan? */
static bool may_leave(const struct plan *plan, const char *network)
{
	for (size_t i = 0; i < plan->n_notes; i++)
		if (plan->notes[i].way == PLAN_WAY_NOW && strcmp(plan->notes[i].network, network) == 0)
			return true;
	return false;
}

/* After a pass that had nothing to do: networks that nobody uses leave where others have come to. */
void manager_renumber_idle(struct manager *manager, const struct pass *pass)
{
	bool any = false;

	for (size_t i = 0; pass->plan.n_steps == 0 && !pass->partial && i < manager->networks.n; i++)
		if (!may_leave(&pass->plan, manager->networks.items[i]->network.name))
			manager->networks.items[i]->no_other_prefix = false;
	for (size_t i = 0; pass->plan.n_steps == 0 && i < pass->plan.n_notes; i++) {
		const struct plan_note *note = &pass->plan.notes[i];
		struct managed *managed = managed_find(&manager->networks, note->network);
		struct subnet_choice *choice = find_choice(manager, note->network);

		if (note->way == PLAN_WAY_NOW && managed && !managed->no_other_prefix && choice)
			any |= subnet_leave(choice, &pass->snapshot, &manager->avoided);
	}
	if (!any)
		return;
	want_other_prefixes(manager);
	manager_want_pass(manager);
}

/*
 * Somebody wants a network to have another prefix, whoever is on it. Returns when it has, as far as the host can do that: its
 * guests ask for addresses when their leases end. -ENOENT when there is no such network; -EINVAL when nothing was chosen for
 * it; -EIO with the reason when it has not.
 */
int manager_renumber(struct manager *manager, const char *network, struct failure *failure)
{
	struct managed *managed = managed_find(&manager->networks, network);
	struct subnet_choice before, *choice;
	char name[NETWORK_NAME_SIZE];
	int r;

	if (!managed)
		return manager_no_such(manager, network, failure);
	memcpy(name, managed->network.name, sizeof(name));
	choice = find_choice(manager, name);
	if (!managed->network.address_auto)
		return failure_set(failure, -EINVAL, "the addresses of network %s are written in its file: guestnet edit %s", name, name);
	if (!managed->wanted || !choice)
		return failure_set(failure, -EINVAL, "network %s is not up: its prefix is chosen when it starts: guestnet start %s", name, name);
	if (!subnet_leave(choice, &manager->kernel.view.state, &manager->avoided))
		return failure_set(failure, -EINVAL, "no address was chosen for network %s", name);
	before = *choice;
	want_other_prefixes(manager);
	r = manager_settle(manager);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	managed = managed_find(&manager->networks, name);
	choice = find_choice(manager, name);
	if (managed && managed->state == NETWORK_FAILED)
		return failure_set(failure, -EIO, "%s", managed->problem);
	if (!choice || same_addresses(choice, &before))
		return failure_set(failure, -EIO, "network %s stays where it is: there is no other prefix that nothing leads to", name);
	return 0;
}
