/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon tells of its networks: to the bus, and to whoever asks for one that is not there.
 * Nothing is changed.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../model/ip.h"
#include "../model/print.h"
#include "../model/tunnel.h"
#include "resolved.h"

/* Files that belong to no network: a line each, or "". Borrowed until the next reload. */
const char *manager_file_problems(const struct manager *manager)
{
	return manager->file_words.problems;
}

/* Likewise, files that nobody reads: no error, but perhaps a name that was meant otherwise. */
const char *manager_file_warnings(const struct manager *manager)
{
	return manager->file_words.warnings;
}

/* How many networks there are. */
size_t manager_count(const struct manager *manager)
{
	return manager->networks.n;
}

/* What is wrong in the files of a network, a line for each mistake, or "". Borrowed until the next reload. */
const char *manager_mistakes(const struct manager *manager, size_t i)
{
	return manager->networks.items[i]->mistakes;
}

static void report_addresses(const struct network *network, const struct subnet_choice *choice, struct network_report *report)
{
	struct text text;

	report->n_prefixes = subnet_addresses(network, choice, report->prefixes);
	text_init(&text, report->addresses, sizeof(report->addresses));
	for (size_t i = 0; i < report->n_prefixes; i++)
		text_add(&text, "%s%s/%u", i ? " " : "", IP_TEXT(&report->prefixes[i].ip), report->prefixes[i].prefix_length);
	if (report->n_prefixes > 0 && subnet_is_delegated(choice, &report->prefixes[report->n_prefixes - 1])) {
		const struct ip prefix = ip_mask(&choice->delegated, choice->delegated_length);

		text_init(&text, report->delegated, sizeof(report->delegated));
		text_add(&text, "%s/%u", IP_TEXT(&prefix), choice->delegated_length);
	}
}

/* How guests' names are found on the host; "" where the network has none. */
static void print_names(const struct manager *manager, const struct managed *managed, char *buffer, size_t size)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	const struct network *network = &managed->network;
	const char *why_not;
	struct text text;

	text_init(&text, buffer, size);
	if (!network->dns)
		return;
	if (resolved_knows(manager->resolved, network->bridge, &why_not))
		text_add(&text, "NAME.%s, by systemd-resolved", network->domain);
	else if (why_not[0])
		text_add(&text, "systemd-resolved does not take them: %s", why_not);
	else if (subnet_addresses(network, subnet_find(manager->choices, manager->n_choices, network->name), addresses) > 0)
		text_add(&text, "NAME.%s, by asking %s", network->domain, IP_TEXT(&addresses[0].ip));
}

/* Forwarding is never turned off by us: whoever wants to, sees here who needs it. */
static const char *needed_forwarding(const struct managed *managed, const struct subnet_choice *choice)
{
	static const char *const words[] = { "", "ipv4", "ipv6", "ipv4 ipv6" };
	struct network_address addresses[SUBNET_ADDRESSES];
	unsigned int families = 0;
	size_t n;

	if (!managed->wanted || managed->network.mode == NETWORK_ISOLATED || managed->network.mode == NETWORK_BRIDGE)
		return "";
	n = subnet_addresses(&managed->network, choice, addresses);
	for (size_t i = 0; i < n; i++)
		families |= ip_is_v6(&addresses[i].ip) ? 2 : 1;
	return words[families];
}

/* Of network number @i, below manager_count(), what is there to be read. What has to be found or printed first is not in it. */
void manager_report_briefly(const struct manager *manager, size_t i, struct network_report *ret_report)
{
	static const uint32_t no_repairs[PLAN_OP_MAX_];
	const struct managed *managed = manager->networks.items[i];

	*ret_report = (struct network_report){
		.name = managed->network.name,
		.state = managed->state,
		.autostart = managed->network.autostart,
		.on_demand = managed->network.on_demand,
		.mode = managed->network.bridge[0] ? network_mode_names[managed->network.mode] : "",
		.bridge = managed->network.bridge,
		.problem = managed->config_problem[0] ? managed->config_problem : managed->problem,
		.problem_kind = problem_kind_name(managed->config_problem[0] ? managed->config_problem_kind : managed->problem_kind),
		.mistakes = managed->mistakes,
		.fix = managed->fix,
		.taps_problem = managed->taps_problem,
		.boot_problem = managed->boot_problem,
		.since_us = managed->since_us,
		.trial_end_us = uplinks_trial_end(&manager->uplinks, managed->network.name),
		.n_repairs = managed->n_repairs,
		.repairs = managed->repairs ?: no_repairs,
		.uplinks = (const char (*)[IFNAME_SIZE])managed->network.uplinks,
		.n_uplinks = managed->network.n_uplinks,
		.uplink_state = uplinks_state_name(managed),
		.n_ports = managed->n_ports,
		.ports = manager->ports,
		.n_all_ports = manager->n_ports,
		.leases = &managed->leases,
		.network = &managed->network,
		.wanted = managed->wanted,
	};
	ret_report->checksum = ret_report->forwarding = "";
}

/* All that can be said of network number @i. */
void manager_report(const struct manager *manager, size_t i, struct network_report *ret_report)
{
	const struct managed *managed = manager->networks.items[i];
	const struct subnet_choice *choice;
	struct text text;

	manager_report_briefly(manager, i, ret_report);
	if (!managed->network.bridge[0])
		return;
	text_init(&text, ret_report->bandwidth, sizeof(ret_report->bandwidth));
	rates_print(&managed->network, &text);
	text_init(&text, ret_report->tunnel, sizeof(ret_report->tunnel));
	tunnel_print(&managed->network, &text);
	choice = subnet_find(manager->choices, manager->n_choices, managed->network.name);
	report_addresses(&managed->network, choice, ret_report);
	print_names(manager, managed, ret_report->names, sizeof(ret_report->names));
	ret_report->forwarding = needed_forwarding(managed, choice);
	/* Where nothing has to be done that is no lack. */
	ret_report->checksum = !desired_needs_checksum(&managed->network, choice) ? "none" :
			       checksum_strategy_name(checksums_in_force(&manager->checksums, &managed->network, choice));
	/* One that is down has no addresses chosen, and gives out none for that reason alone. */
	if (managed->wanted)
		checksums_explain(&manager->checksums, &managed->network, choice, ret_report->checksum_reason,
				  sizeof(ret_report->checksum_reason));
}

/* The number of the network of that name; false when there is none. */
bool manager_find_place(const struct manager *manager, const char *network, size_t *ret_i)
{
	return managed_find_place(&manager->networks, network, ret_i);
}

/* What is there to be read of the network of that name; false when there is none. */
bool manager_find(const struct manager *manager, const char *network, struct network_report *ret_report)
{
	size_t place;

	if (!manager_find_place(manager, network, &place))
		return false;
	manager_report_briefly(manager, place, ret_report);
	return true;
}

/* -ENOENT, with what was probably meant. */
int manager_no_such(const struct manager *manager, const char *network, struct failure *failure)
{
	_cleanup_(freep) const char **names = calloc(manager->networks.n + 1, sizeof(*names));
	const char *nearest;

	for (size_t i = 0; names && i < manager->networks.n; i++)
		names[i] = manager->networks.items[i]->network.name;
	nearest = names ? str_nearest(network, names, manager->networks.n) : NULL;
	return failure_set(failure, -ENOENT, "there is no network \"%s\"%s%s%s", STR_ESCAPED(network),
			   nearest ? ", did you mean \"" : "", nearest ?: "", nearest ? "\"?" : " (guestnet list shows them)");
}
