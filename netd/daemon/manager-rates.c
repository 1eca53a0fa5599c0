/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rates of the networks' files need to be known: which ports are guests', and what this kernel has.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "../kernel/nft.h"
#include "log.h"

static const struct network *find_rated(const struct manager *manager, const char *bridge)
{
	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct network *network = &manager->networks.items[i]->network;

		if (rates_are_of_ports(network) && strcmp(network->bridge, bridge) == 0)
			return network;
	}
	return NULL;
}

/*
 * Which ports of the pass's snapshot are held to a rate, and whether the kernel has limits, where a network asks. To be
 * called when it is known which ports are guests'. -ENOMEM.
 */
int manager_look_at_rates(struct manager *manager, const struct pass *pass)
{
	struct rates *rates = &manager->rates;
	struct rates_port *ports;
	uint8_t means = 0;
	size_t n = 0;

	for (size_t i = 0; i < pass->n_wanted; i++)
		means |= rates_means(pass->wanted[i]);
	if (means & RATES_LIMIT && !(rates->missing & RATES_LIMIT) && !nft_has_limits(&manager->kernel.nft, &rates->limits))
		manager_miss_rates(manager, RATES_LIMIT);
	ports = pass->ports ? calloc(pass->snapshot.n_ports + 1, sizeof(*ports)) : NULL;
	if (pass->ports && !ports)
		return -ENOMEM;
	for (size_t i = 0; ports && i < pass->snapshot.n_ports; i++) {
		const struct netstate_port *port = &pass->snapshot.ports[i];

		if (!port->guest || !find_rated(manager, port->bridge))
			continue;
		memcpy(ports[n].port, port->name, sizeof(ports[n].port));
		memcpy(ports[n++].bridge, port->bridge, sizeof(ports->bridge));
	}
	if (n == rates->n_ports && (n == 0 || memcmp(ports, rates->ports, n * sizeof(*ports)) == 0)) {
		free(ports);
		return 0;
	}
	rates->changed = true;
	free(rates->ports);
	rates->ports = ports;
	rates->n_ports = n;
	return 0;
}

/* Another number for other ports. */
uint64_t manager_hash_rates(const struct manager *manager)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];
	const struct rates *rates = &manager->rates;

	return rates->n_ports > 0 ? siphash24(rates->ports, rates->n_ports * sizeof(*rates->ports), key) : 0;
}

/* What the kernel turns out not to have: said once, and left out of what should be. */
void manager_miss_rates(struct manager *manager, uint8_t means)
{
	char buffer[256];
	struct text text;

	if (!(means & ~manager->rates.missing))
		return;
	manager->rates.missing |= means;
	text_init(&text, buffer, sizeof(buffer));
	rates_explain(means, &text);
	log_say(4, NULL, NULL, "%s", buffer);
	manager_want_pass(manager);
}

/* Is the failure of this step that the kernel cannot do such a thing? Then it is noted. */
bool manager_note_rates_failure(struct manager *manager, const struct plan_step *step, const struct apply_result *result)
{
	if (step->op != PLAN_SHAPER_SET || result->error != -EOPNOTSUPP)
		return false;
	manager_miss_rates(manager, RATES_QUEUE);
	return true;
}

/* What of a network's rates is missing here: bits of enum rates_means. */
uint8_t manager_missing_rates(const struct manager *manager, const struct network *network)
{
	return rates_means(network) & manager->rates.missing;
}

/* A module may have come since: what is missing is to be found out again. */
void manager_forget_rates(struct manager *manager)
{
	manager->rates.missing = 0;
	manager->rates.limits = 0;
}
