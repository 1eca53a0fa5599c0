/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What should be: the networks of a pass, their prefixes, and the state that follows from them, kept until what it
 * follows from is not the same any more.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "../kernel/snapshot.h"
#include "../kernel/sysctl.h"
#include "../model/forwards.h"
#include "../model/reach.h"
#include "forwardfiles.h"
#include "log.h"
#include "services.h"

/* Which networks should be up, and which are left out of this pass; the pass owns both lists. -ENOMEM only. */
int manager_select_networks(struct manager *manager, struct pass *pass)
{
	pass->wanted = calloc(manager->networks.n + 1, sizeof(*pass->wanted));
	pass->except = calloc(manager->networks.n + 1, sizeof(*pass->except));
	if (!pass->wanted || !pass->except)
		return -ENOMEM;
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];

		if (managed->retry_at_us <= pass->now_us)
			managed->retry_at_us = 0;
		/* One that has never been read well has nothing to be made of. */
		if (managed->wanted && managed->network.bridge[0] && !managed->card_refused &&
		    manager_can_guard(manager, managed))
			pass->wanted[pass->n_wanted++] = &managed->network;
		if (managed->retry_at_us) {
			memcpy(pass->except[pass->n_except++], managed->network.name, NETWORK_NAME_SIZE);
			manager_want_pass_at(manager, managed->retry_at_us);
		}
		if (managed->child_retry_at_us > pass->now_us)
			manager_want_pass_at(manager, managed->child_retry_at_us);
		else
			managed->child_retry_at_us = 0;
	}
	return 0;
}

/* Prefixes for Address=auto, and kept in a file when they are others than before. -ENOMEM only. */
int manager_choose_subnets(struct manager *manager, struct pass *pass)
{
	_cleanup_(freep) struct subnet_choice *before = NULL;
	struct subnet_choice *choices;
	size_t n, n_before;
	bool changed;
	int r;

	r = subnet_choose(pass->wanted, pass->n_wanted, manager->machine_id, &pass->snapshot, &manager->avoided,
			  manager->choices, manager->n_choices, &choices, &n);
	if (r < 0)
		return r;
	changed = n != manager->n_choices || (n > 0 && memcmp(choices, manager->choices, n * sizeof(*choices)) != 0);
	before = manager->choices;
	n_before = manager->n_choices;
	manager->choices = choices;
	manager->n_choices = n;
	if (changed)
		manager_tell_moves(manager, before, n_before);
	if (!changed && !manager->choices_unsaved)
		return 0;
	r = manager_save_choices(manager);
	manager->choices_unsaved = r < 0;
	if (r < 0)
		log_say(4, NULL, NULL, "cannot write %s/subnets: %s", manager->options.state_root, strerror(-r));
	return 0;
}

/* Both lists are in the order of the same list of all networks. */
static void find_change(const struct desire *desire, const struct pass *pass, struct change *ret_change)
{
	struct change change = { 0 };
	size_t i = 0, j = 0;

	while (i < desire->n_networks || j < pass->n_wanted) {
		const struct network *before = i < desire->n_networks ? desire->networks[i] : NULL;
		const struct network *now = j < pass->n_wanted ? pass->wanted[j] : NULL;
		int order = !before ? 1 : !now ? -1 : before == now ? 0 : strcmp(before->name, now->name);

		if (change.n_removed == ARRAY_SIZE(change.removed) || change.n_added == ARRAY_SIZE(change.added))
			return;
		if (order < 0)
			change.removed[change.n_removed++] = before;
		if (order > 0)
			change.added[change.n_added++] = now;
		i += order <= 0;
		j += order >= 0;
	}
	change.few = desired_can_change(change.added, change.n_added) && desired_can_change(change.removed, change.n_removed);
	*ret_change = change;
}

/* Are the networks that should be up those that the desire was built for? If not, the pass knows how they differ. */
bool manager_wants_the_same(const struct manager *manager, struct pass *pass)
{
	const struct desire *desire = &manager->desire;

	pass->change = (struct change){ 0 };
	/* Nothing is kept of what follows from prefixes that are about to be others. */
	if (manager->renumbering || !desire->known || desire->serial != manager->networks.serial)
		return false;
	if (desire->n_networks == pass->n_wanted &&
	    memcmp(desire->networks, pass->wanted, pass->n_wanted * sizeof(*pass->wanted)) == 0)
		return true;
	if (!pass->only_look)
		find_change(desire, pass, &pass->change);
	return false;
}

static uint64_t add_hash(uint64_t hash, uint64_t number)
{
	return (hash ^ number) * UINT64_C(1099511628211);
}

/* How the services do, as a number; @part is what of it desired_build() asks for. */
uint64_t manager_hash_services(const struct manager *manager, bool part)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		hash = add_hash(hash, managed->withheld + ((uint64_t)managed->service_idle << 8));
		if (!part)
			hash = add_hash(hash, managed->listens + (managed->deaf_since_us << 1));
	}
	return hash;
}

/* A number for what the options point to: all that is known of the host's forwarding, what is withheld of services. */
static uint64_t hash_pointed_to(const struct manager *manager)
{
	const struct forwarding *forwarding = &manager->forwarding;
	const struct { const void *bytes; size_t n; } parts[] = {
		{ &forwarding->found4, sizeof(forwarding->found4) }, { &forwarding->found6, sizeof(forwarding->found6) },
		{ forwarding->off, forwarding->n_off * sizeof(*forwarding->off) },
		{ forwarding->cards, forwarding->n_cards * sizeof(*forwarding->cards) },
		{ forwarding->uplinks, forwarding->n_uplinks * sizeof(*forwarding->uplinks) },
	};
	uint64_t hash = add_hash(manager_hash_services(manager, true), uplinks_hash(&manager->uplinks));

	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		if (managed->network.n_forwards > 0)
			hash = add_hash(hash, forwards_hash(&managed->network, &managed->leases));
		if (reach_follows_leases(&managed->network))
			hash = add_hash(hash, reach_hash(&managed->network, &managed->leases));
		if (managed->network.address_binding)
			hash = add_hash(hash, guards_hash_leases(&managed->leases));
	}
	hash = add_hash(hash, bindings_hash(&manager->bindings));
	hash = add_hash(hash, manager_hash_rates(manager));

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		hash = add_hash(hash, siphash24(parts[i].n ? parts[i].bytes : "", parts[i].n, manager->machine_id) + parts[i].n);
	return hash;
}

static const struct leases *leases_of(const char *network, const void *data)
{
	const struct managed *managed = managed_find(data, network);

	return managed ? &managed->leases : NULL;
}

/* The state for the pass's networks: changed where that can be done, else built. It is moved out of the desire. */
static int make_state(struct manager *manager, struct pass *pass, const struct desired_options *options, bool changeable,
		      struct netstate *ret_state)
{
	_cleanup_(netstate_deinit) struct netstate state = manager->desire.state;
	const struct change *change = &pass->change;
	int r = 0;

	manager->desire.state = NETSTATE_NULL;
	if (changeable && change->few)
		r = desired_change(&state, pass->wanted, pass->n_wanted, change->added, change->n_added, change->removed,
				   change->n_removed, manager->choices, manager->n_choices, options, &pass->changed);
	if (r == 0) {
		netstate_deinit(&state);
		r = desired_build(pass->wanted, pass->n_wanted, manager->choices, manager->n_choices, options, &state);
	}
	if (r < 0)
		return r;
	*ret_state = state;
	state = NETSTATE_NULL;
	return 0;
}

/* Builds what should be, unless it would be what it was. -ENOMEM, or what desired_build() says. */
int manager_build_desire(struct manager *manager, struct pass *pass, bool same_networks)
{
	_cleanup_(freep) const struct network **networks = NULL;
	const uint64_t pointed_to = hash_pointed_to(manager);
	struct desire *desire = &manager->desire;
	struct netstate state;
	struct desired_options options;
	bool same_options;
	int r;

	memset(&options, 0, sizeof(options));	/* compared as bytes */
	options.checksums = checksums_choose(&manager->checksums, pass->wanted, pass->n_wanted,
					     pass->change.few ? pass->change.added : NULL, pass->change.n_added, manager->choices,
					     manager->n_choices, same_networks, pass->only_look);
	options.dnsmasq = services_dnsmasq_options(&manager->services);
	options.forwarding = &manager->forwarding;
	options.withheld = services_withheld;
	options.withheld_data = &manager->networks;
	options.leases = leases_of;
	options.leases_data = &manager->networks;
	options.card = uplinks_card;
	options.card_data = &manager->uplinks;
	options.bindings = manager->bindings.items;
	options.n_bindings = manager->bindings.n;
	options.rates = (uint8_t)((RATES_QUEUE | RATES_LIMIT) & ~manager->rates.missing);
	options.rated_ports = manager->rates.ports;
	options.n_rated_ports = manager->rates.n_ports;
	memcpy(options.machine_id, manager->machine_id, sizeof(options.machine_id));
	same_options = pointed_to == desire->pointed_to && memcmp(&options, &desire->options, sizeof(options)) == 0;
	if (same_networks && same_options)
		return 0;
	pass->change.alone = !same_networks && same_options && pass->change.few && desire->version == manager->dirty.made_of.desire;
	desire->known = false;
	networks = calloc(pass->n_wanted + 1, sizeof(*networks));
	if (!networks)
		return -ENOMEM;
	memcpy(networks, pass->wanted, pass->n_wanted * sizeof(*networks));
	netstate_deinit(&pass->changed);
	r = make_state(manager, pass, &options, !same_networks && same_options, &state);
	if (r < 0)
		return r;
	r = kernel_want(&manager->kernel, &state, pass->changed.n_elements == 0);
	if (r < 0) {
		netstate_deinit(&state);
		return r;
	}
	free(desire->networks);
	*desire = (struct desire){
		.state = state,
		.known = true,
		.version = desire->version + 1,
		.networks = steal_ptr(networks),
		.n_networks = pass->n_wanted,
		.serial = manager->networks.serial,
		.pointed_to = pointed_to,
	};
	memcpy(&desire->options, &options, sizeof(options));
	return 0;
}

/* What the snapshot says of the host's forwarding; of a family that no network has needed yet, what it is now. */
int manager_update_forwarding(struct manager *manager, const struct netstate *snapshot)
{
	struct forwarding *forwarding = &manager->forwarding;
	bool changed;
	int r, value;

	if (!forwarding->kept4 && sysctl_read(&manager->kernel, netstate_forwarding[0], &value) == 0)
		forwarding->found4 = value ? FORWARDING_ON : FORWARDING_OFF;
	if (!forwarding->kept6 && sysctl_read(&manager->kernel, netstate_forwarding[1], &value) == 0)
		forwarding->found6 = value ? FORWARDING_ON : FORWARDING_OFF;
	r = forwarding_update(forwarding, snapshot, &changed);
	if (changed && forwardfiles_save_uplinks(&manager->options, forwarding) < 0)
		log_say(4, NULL, NULL, "cannot write %s/uplinks: %m", manager->options.state_root);
	return r;
}

/* Before forwarding is turned on: what it was before, and what is not to turn it off again. */
void manager_keep_forwarding(struct manager *manager, const struct netstate *desired)
{
	struct forwarding *forwarding = &manager->forwarding;
	const struct families need = forwarding_needed(desired);

	if ((need.v4 && !forwarding->kept4) || (need.v6 && !forwarding->kept6)) {
		forwarding->kept4 |= need.v4;
		forwarding->kept6 |= need.v6;
		if (forwardfiles_save_found(&manager->options, forwarding) < 0)
			log_say(4, NULL, NULL, "cannot write %s/forwarding: %m", manager->options.run_root);
	}
	if (manager->snippet_written && need.v4 == manager->snippet.v4 && need.v6 == manager->snippet.v6)
		return;
	if (forwardfiles_write_snippet(&manager->options, &need) < 0)
		log_say(4, NULL, NULL, "cannot write %s/sysctl.conf: %m", manager->options.run_root);
	manager->snippet = need;
	manager->snippet_written = true;
}
