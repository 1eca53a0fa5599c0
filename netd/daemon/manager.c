/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's heart: events say "look again", one pass looks, plans and acts.
 * Event loop context.
 *
 * Theory of operation. Nothing here reacts to an event by its content. Whatever happens (a netlink event, a
 * child's end, a reload, a timer after a failure) marks the pass as due; the pass takes a snapshot of what is,
 * builds what should be, plans the difference, carries it out and throws the plan away. A pass that has
 * changed something is followed by another one: it must find nothing to do, or the network is said to be
 * degraded. A network whose step has failed is left out for a while, and the others go on.
 */
#include "manager.h"

#include <errno.h>
#include <fnmatch.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/str.h"
#include "../kernel/apply.h"
#include "../kernel/coexist.h"
#include "../kernel/conntrack.h"
#include "../kernel/kernel.h"
#include "../kernel/monitor.h"
#include "../kernel/snapshot.h"
#include "../kernel/sysctl.h"
#include "../model/desired.h"
#include "../model/flows.h"
#include "../model/forwards.h"
#include "../model/ip.h"
#include "../model/plan.h"
#include "../model/print.h"
#include "checksums.h"
#include "firewalld.h"
#include "forwardfiles.h"
#include "bootfiles.h"
#include "managed.h"
#include "resolved.h"
#include "services.h"
#include "taken.h"
#include "twins.h"

/* A network whose step failed is tried again after so long, doubled each time up to 64 times as long. */
#define RETRY_US	500000
/* So many passes with something to repair within so long are a fight with another program. */
#define FIGHT_PASSES	16
#define FIGHT_WINDOW_US	2000000
#define FIGHT_PAUSE_US	1000000
/* A guest that has asked for a network has its port after so long, or is not coming: a request for a tap takes 5 s at most. */
#define DEMAND_US	10000000
/* It is over when nothing had to be repaired for so long. */
#define FIGHT_OVER_US	5000000
/* Who starts a network waits so long for its service at most. */
#define START_WAIT_US	5000000

/*
 * What should be is a pure function of what follows it here, and is built again when that is not the same any more.
 */
struct desire {
	struct netstate state;			/* owned */
	bool known;
	uint64_t version;			/* another number for another state */
	const struct network **networks;	/* owned array of borrowed networks */
	size_t n_networks;
	uint64_t serial;			/* of the list: the networks' contents */
	struct desired_options options;
	uint64_t pointed_to;			/* what the options point to, as a number */
};

/* Another program's tap that is on no bridge may be on its way to another one; then it is there within so long. */
#define KEPT_PORT_US	1000000

struct manager {
	sd_event *event;			/* borrowed */
	struct manager_options options;
	struct managed_list networks;		/* owned */
	char file_problems[1024];		/* files that belong to no network */
	struct services services;
	struct kernel kernel;			/* owned */
	struct monitor *monitor;		/* owned */
	struct twins *twins;			/* owned; NULL: only the configuration is read */
	struct monitor_news culprit;		/* of the last foreign change of rules */

	struct coexist_result coexist;		/* owned: what other firewalls do to us */
	uint32_t coexist_generation;		/* of the rules that it is about; 0: unknown */
	uint64_t coexist_desire;
	struct firewalld *firewalld;		/* owned; NULL without an event loop */
	struct resolved *resolved;		/* owned; likewise */

	struct forwarding forwarding;		/* owned */
	struct families snippet;		/* what RUN/sysctl.conf says */
	bool snippet_written;

	struct subnet_choice *choices;		/* owned */
	size_t n_choices;
	struct desire desire;			/* what should be, and what it was built of */
	uint8_t machine_id[SIPHASH_KEY_SIZE];
	struct checksums checksums;		/* owned */

	struct netstate_port *ports;		/* owned: ours, as last seen in place */
	size_t n_ports;
	struct netstate_bridge *bridges;	/* owned: ours, as last seen */
	size_t n_bridges;
	struct netstate_address *addresses;	/* owned: those that we have put on bridges */
	size_t n_addresses;
	uint64_t remembered;			/* view.changes when all that was remembered */
	uint64_t remembered_addresses, remembered_desire;

	sd_event_source *pass_source;		/* owned: enabled when a pass is due */
	sd_event_source *timer_source;		/* owned */
	sd_event_source *monitor_sources[MONITOR_FDS];
	uint64_t window_start_us;		/* of the fight detection */
	unsigned int window_passes;
	uint64_t last_repair_us;
	bool fight;				/* it goes on, and has been said */
	bool settling;				/* the pass that is due follows one that changed something */
	char shared_problem[APPLY_TEXT_SIZE + 128];	/* of the last pass, in what belongs to all; "" for none */
	unsigned int n_shared_failures;		/* passes in a row */

	void (*changed)(void *data);		/* called after each pass */
	void *changed_data;

	char status_text[256];
};

static const char *const state_names[] = {
	[NETWORK_STOPPED] = "stopped",
	[NETWORK_STARTING] = "starting",
	[NETWORK_RUNNING] = "running",
	[NETWORK_DEGRADED] = "degraded",
	[NETWORK_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(state_names) == NETWORK_STATE_MAX_, "every state has a name");

const char *network_state_name(enum network_state state)
{
	return state_names[state];
}

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void want_pass(struct manager *manager)
{
	(void)sd_event_source_set_enabled(manager->pass_source, SD_EVENT_ONESHOT);
}

static void want_pass_at(struct manager *manager, uint64_t when_us)
{
	uint64_t set_us = 0;
	int enabled = SD_EVENT_OFF;

	(void)sd_event_source_get_enabled(manager->timer_source, &enabled);
	(void)sd_event_source_get_time(manager->timer_source, &set_us);
	if (enabled != SD_EVENT_OFF && set_us <= when_us)
		return;
	(void)sd_event_source_set_time(manager->timer_source, when_us);
	(void)sd_event_source_set_enabled(manager->timer_source, SD_EVENT_ONESHOT);
}

/* The choices of Address=auto are kept over restarts: one line "NETWORK IPV4 IPV6" each. */

static void choices_path(const struct manager *manager, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/subnets", manager->options.state_root);
}

static void load_choices(struct manager *manager)
{
	char path[4096], line[256];
	FILE *file;

	choices_path(manager, path, sizeof(path));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		struct subnet_choice choice = { 0 }, *choices;
		char v4[64], v6[64];

		if (sscanf(line, "%12s %63s %63s", choice.network, v4, v6) != 3)
			continue;
		if (strcmp(v4, "-") != 0 && ip_parse(v4, &choice.address4) < 0)
			continue;
		if (strcmp(v6, "-") != 0 && ip_parse(v6, &choice.address6) < 0)
			continue;
		choices = reallocarray(manager->choices, manager->n_choices + 1, sizeof(*choices));
		if (!choices)
			break;
		manager->choices = choices;
		choices[manager->n_choices++] = choice;
	}
	if (file)
		fclose(file);
}

static int save_choices(const struct manager *manager)
{
	char path[4096], next[4104];
	FILE *file;

	choices_path(manager, path, sizeof(path));
	snprintf(next, sizeof(next), "%s.new", path);
	file = fopen(next, "we");
	if (!file)
		return -errno;
	for (size_t i = 0; i < manager->n_choices; i++) {
		const struct subnet_choice *choice = &manager->choices[i];

		fprintf(file, "%s %s %s\n", choice->network, choice->address4.family ? IP_TEXT(&choice->address4) : "-",
			choice->address6.family ? IP_TEXT(&choice->address6) : "-");
	}
	if (fclose(file) != 0 || rename(next, path) < 0)
		return -errno;
	return 0;
}

/* What one pass works with. */
struct pass {
	uint64_t now_us;
	bool only_look;				/* it is not carried out */
	struct netstate snapshot;		/* borrowed from the kernel's view, but for the services */
	struct netstate desired;		/* borrowed from the manager's desire */
	struct plan plan;			/* owned */
	const struct network **wanted;		/* owned array of borrowed networks */
	size_t n_wanted;
	char (*except)[NETWORK_NAME_SIZE];	/* owned; sorted, as the list is */
	size_t n_except;
};

static void pass_deinit(struct pass *pass)
{
	free(pass->snapshot.services);
	plan_deinit(&pass->plan);
	free(pass->wanted);
	free(pass->except);
}

static int select_networks(struct manager *manager, struct pass *pass)
{
	pass->wanted = calloc(manager->networks.n + 1, sizeof(*pass->wanted));
	pass->except = calloc(manager->networks.n + 1, sizeof(*pass->except));
	if (!pass->wanted || !pass->except)
		return -ENOMEM;
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];

		/* One that has never been read well has nothing to be made of. */
		if (managed->wanted && managed->network.bridge[0])
			pass->wanted[pass->n_wanted++] = &managed->network;
		if (managed->retry_at_us > pass->now_us) {
			memcpy(pass->except[pass->n_except++], managed->network.name, NETWORK_NAME_SIZE);
			want_pass_at(manager, managed->retry_at_us);
		} else {
			managed->retry_at_us = 0;
		}
		if (managed->child_retry_at_us > pass->now_us)
			want_pass_at(manager, managed->child_retry_at_us);
		else
			managed->child_retry_at_us = 0;
	}
	return 0;
}

static int choose_subnets(struct manager *manager, struct pass *pass)
{
	struct subnet_choice *choices;
	size_t n;
	bool changed;
	int r;

	r = subnet_choose(pass->wanted, pass->n_wanted, manager->machine_id, &pass->snapshot, manager->choices,
			  manager->n_choices, &choices, &n);
	if (r < 0)
		return r;
	changed = n != manager->n_choices || (n > 0 && memcmp(choices, manager->choices, n * sizeof(*choices)) != 0);
	free(manager->choices);
	manager->choices = choices;
	manager->n_choices = n;
	if (changed && save_choices(manager) < 0)
		sd_journal_send("MESSAGE=cannot write %s/subnets: %m", manager->options.state_root, "PRIORITY=4", NULL);
	return 0;
}

/* Are the networks that should be up those that the desire was built for? */
static bool wants_the_same(const struct manager *manager, const struct pass *pass)
{
	const struct desire *desire = &manager->desire;

	return desire->known && desire->serial == manager->networks.serial && desire->n_networks == pass->n_wanted &&
	       memcmp(desire->networks, pass->wanted, pass->n_wanted * sizeof(*pass->wanted)) == 0;
}

static uint64_t add_hash(uint64_t hash, uint64_t number)
{
	return (hash ^ number) * UINT64_C(1099511628211);
}

/* How the services do, as a number; @part is what of it desired_build() asks for. */
static uint64_t hash_services(const struct manager *manager, bool part)
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
	uint64_t hash = hash_services(manager, true);

	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		if (managed->network.n_forwards > 0)
			hash = add_hash(hash, forwards_hash(&managed->network, &managed->leases));
	}

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		hash = add_hash(hash, siphash24(parts[i].n ? parts[i].bytes : "", parts[i].n, manager->machine_id) + parts[i].n);
	return hash;
}

static const struct leases *leases_of(const char *network, const void *data)
{
	const struct managed *managed = managed_find(data, network);

	return managed ? &managed->leases : NULL;
}

static int build_desire(struct manager *manager, const struct pass *pass, bool same_networks)
{
	_cleanup_(freep) const struct network **networks = NULL;
	const uint64_t pointed_to = hash_pointed_to(manager);
	struct desire *desire = &manager->desire;
	struct netstate state;
	struct desired_options options;
	int r;

	memset(&options, 0, sizeof(options));	/* compared as bytes */
	options.checksums = checksums_choose(&manager->checksums, pass->wanted, pass->n_wanted, manager->choices,
					     manager->n_choices, same_networks, pass->only_look);
	options.dnsmasq = services_dnsmasq_options(&manager->services);
	options.forwarding = &manager->forwarding;
	options.withheld = services_withheld;
	options.withheld_data = &manager->networks;
	options.leases = leases_of;
	options.leases_data = &manager->networks;
	memcpy(options.machine_id, manager->machine_id, sizeof(options.machine_id));
	if (same_networks && pointed_to == desire->pointed_to && memcmp(&options, &desire->options, sizeof(options)) == 0)
		return 0;
	desire->known = false;
	networks = calloc(pass->n_wanted + 1, sizeof(*networks));
	if (!networks)
		return -ENOMEM;
	memcpy(networks, pass->wanted, pass->n_wanted * sizeof(*networks));
	r = desired_build(pass->wanted, pass->n_wanted, manager->choices, manager->n_choices, &options, &state);
	if (r < 0)
		return r;
	netstate_deinit(&desire->state);
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
static int update_forwarding(struct manager *manager, const struct netstate *snapshot)
{
	struct forwarding *forwarding = &manager->forwarding;
	bool changed;
	int r, value;

	if (!forwarding->kept4 && sysctl_read(&manager->kernel, "ipv4/ip_forward", &value) == 0)
		forwarding->found4 = value ? FORWARDING_ON : FORWARDING_OFF;
	if (!forwarding->kept6 && sysctl_read(&manager->kernel, "ipv6/conf/all/forwarding", &value) == 0)
		forwarding->found6 = value ? FORWARDING_ON : FORWARDING_OFF;
	r = forwarding_update(forwarding, snapshot, &changed);
	if (changed && forwardfiles_save_uplinks(&manager->options, forwarding) < 0)
		sd_journal_send("MESSAGE=cannot write %s/uplinks: %m", manager->options.state_root, "PRIORITY=4", NULL);
	return r;
}

/* Before forwarding is turned on: what it was before, and what is not to turn it off again. */
static void keep_forwarding(struct manager *manager, const struct netstate *desired)
{
	struct forwarding *forwarding = &manager->forwarding;
	const struct families need = forwarding_needed(desired);

	if ((need.v4 && !forwarding->kept4) || (need.v6 && !forwarding->kept6)) {
		forwarding->kept4 |= need.v4;
		forwarding->kept6 |= need.v6;
		if (forwardfiles_save_found(&manager->options, forwarding) < 0)
			sd_journal_send("MESSAGE=cannot write %s/forwarding: %m", manager->options.run_root, "PRIORITY=4", NULL);
	}
	if (manager->snippet_written && need.v4 == manager->snippet.v4 && need.v6 == manager->snippet.v6)
		return;
	if (forwardfiles_write_snippet(&manager->options, &need) < 0)
		sd_journal_send("MESSAGE=cannot write %s/sysctl.conf: %m", manager->options.run_root, "PRIORITY=4", NULL);
	manager->snippet = need;
	manager->snippet_written = true;
}

/* What has happened since the last look, by us or by others. Negative when that cannot be known. */
static int read_news(struct manager *manager, struct monitor_news *ret_news)
{
	struct monitor_news news = { 0 };
	int r = monitor_read(manager->monitor, &news);

	/* What cannot be read may have been anything. */
	if (r < 0)
		news = (struct monitor_news){ .dirty = DIRTY_ALL, .dirt = DIRT_EVERYTHING };
	dirt_add(&manager->kernel.dirt, &news.dirt);
	if (news.committer_pid)
		manager->culprit = news;
	*ret_news = news;
	return r;
}

/* The view's arrays may have moved since they were lent; the services are the pass's own. */
static void lend_snapshot(struct manager *manager, struct pass *pass)
{
	struct netstate_service *services = pass->snapshot.services;
	size_t n_services = pass->snapshot.n_services;

	pass->snapshot = manager->kernel.view.state;
	pass->snapshot.services = services;
	pass->snapshot.n_services = n_services;
}

/* What should be, and the steps to it from what the last look has found. */
static int make_plan(struct manager *manager, struct pass *pass, bool same_networks)
{
	const struct plan_memory memory = {
		.ports = manager->ports, .n_ports = manager->n_ports,
		.bridges = manager->bridges, .n_bridges = manager->n_bridges,
		.addresses = manager->addresses, .n_addresses = manager->n_addresses,
	};
	int r;

	lend_snapshot(manager, pass);
	r = update_forwarding(manager, &pass->snapshot);
	if (r == 0 && !same_networks)
		r = choose_subnets(manager, pass);	/* what was chosen stays while the networks are the same */
	services_note_idle(&manager->services, &pass->snapshot);
	if (r == 0)
		r = build_desire(manager, pass, same_networks);
	if (r < 0)
		return r;
	pass->desired = manager->desire.state;

	r = kernel_look_at_sysctls(&manager->kernel, &pass->desired);
	if (r < 0)
		return r;
	lend_snapshot(manager, pass);
	free(pass->snapshot.services);
	pass->snapshot.services = NULL;
	pass->snapshot.n_services = 0;
	r = services_add_to_snapshot(&manager->services, &pass->desired, &pass->snapshot);
	if (r < 0)
		return r;
	netstate_sort_services(&pass->snapshot);
	/* Only to say what would be done: by the daemon that owns the table. */
	if (pass->only_look && pass->snapshot.table.foreign_owner) {
		pass->snapshot.table.foreign_owner = false;
		pass->snapshot.table.owned = true;
	}
	plan_deinit(&pass->plan);
	return plan_build(&pass->desired, &pass->snapshot, &memory, (const char (*)[NETWORK_NAME_SIZE])pass->except,
			  pass->n_except, pass->now_us, &pass->plan);
}

static bool has_deaf_service(const struct manager *manager)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		if (manager->networks.items[i]->deaf_since_us)
			return true;
	return false;
}

/* What no event tells of: values of interfaces, the sockets of services. A plan that was made without is made again. */
static int look_further(struct manager *manager, struct pass *pass, unsigned int parts, struct failure *failure)
{
	const uint64_t changes = manager->kernel.view.changes, services = hash_services(manager, false);
	uint64_t look_us;
	int r = 0;

	if (!manager->kernel.view.all_links) {
		manager->kernel.dirt.parts |= DIRTY_LINKS;
		r = kernel_look(&manager->kernel, parts, failure);
	}
	lend_snapshot(manager, pass);
	if (r < 0)
		return r;
	services_review(&manager->services, &pass->snapshot, manager->choices, manager->n_choices);
	look_us = twins_review(manager->twins, &pass->snapshot, pass->now_us);
	if (look_us)
		want_pass_at(manager, look_us);
	if (changes == manager->kernel.view.changes && services == hash_services(manager, false) && !has_deaf_service(manager))
		return 0;
	return make_plan(manager, pass, true);
}

/*
 * Looks, and plans. First only at what events have named: what has to be repaired then is repaired at once, and the
 * pass that follows looks further.
 */
static int pass_prepare(struct manager *manager, struct pass *pass)
{
	const unsigned int parts = SNAPSHOT_ADDRESSES | SNAPSHOT_RULES;
	struct failure failure = { 0 };
	struct monitor_news news;
	bool same;
	int r;

	pass->now_us = clock_us();
	r = select_networks(manager, pass);
	if (r < 0)
		return r;
	(void)read_news(manager, &news);
	same = wants_the_same(manager, pass);
	/* Routes of others count only where a prefix is to be chosen. */
	r = kernel_look(&manager->kernel, parts | (same ? 0 : SNAPSHOT_ROUTES), &failure);
	if (r == 0)
		r = make_plan(manager, pass, same);
	return r < 0 || pass->plan.n_steps > 0 ? r : look_further(manager, pass, parts, &failure);
}

/* A step of a network has failed: it is left out for a while, and says why. */
static void note_failure(struct manager *manager, const char *network, const char *text)
{
	struct managed *managed = managed_find(&manager->networks, network);
	unsigned int doublings;

	/* What belongs to all is every network's problem; the pass as a whole is tried again later. */
	if (!managed) {
		if (!manager->shared_problem[0])
			snprintf(manager->shared_problem, sizeof(manager->shared_problem), "%s", text);
		return;
	}
	if (managed->retry_at_us)
		return;		/* the first failed step of a pass is the reason, and counts */
	if (strcmp(managed->problem, text) != 0)
		sd_journal_send("MESSAGE=network %s: %s", network, text, "PRIORITY=3", "NETWORK=%s", network,
				"BRIDGE=%s", managed->network.bridge, NULL);
	managed_set_text(&managed->problem, text);
	doublings = managed->n_failures++;
	managed->retry_at_us = clock_us() + ((uint64_t)RETRY_US << (doublings < 6 ? doublings : 6));
	managed_set_state(managed, NETWORK_FAILED);
	want_pass_at(manager, managed->retry_at_us);
}

/* The steps that are about processes; kernel/apply.c calls this in the order of the plan. */
static int act_service(void *data, const struct plan_step *step, struct apply_result *result)
{
	struct manager *manager = data;
	struct managed *managed = managed_find(&manager->networks, step->network);
	struct failure failure = { 0 };
	struct text text;
	int r;

	if (!managed)
		return -ENOENT;
	r = services_apply(&manager->services, step, managed,
			   subnet_find(manager->choices, manager->n_choices, step->network), &failure);
	if (r < 0) {
		text_init(&text, result->text, sizeof(result->text));
		text_add(&text, "%s", failure.text);
	}
	return r;
}

/* Carries the plan out, and notes what has failed: the first failed step of a network is the reason. */
static int pass_apply(struct manager *manager, const struct plan *plan)
{
	_cleanup_(freep) struct apply_result *results = calloc(plan->n_steps + 1, sizeof(*results));
	const struct apply_services services = { .act = act_service, .data = manager };
	const bool looked_at_all = manager->kernel.view.all_links;
	bool again = false;
	int r;

	if (!results)
		return -ENOMEM;
	/* What it returns is the first failure of a step, and those are gone through one by one. */
	r = apply_plan(&manager->kernel, plan, &services, results);
	for (size_t i = 0; i < plan->n_steps; i++) {
		const char *path = plan->steps[i].op == PLAN_SYSCTL_SET ? plan->steps[i].sysctl.path : "";
		char text[APPLY_TEXT_SIZE + 128];

		if (results[i].error >= 0)
			continue;
		r = 0;
		if (results[i].error == -ECANCELED ||
		    checksums_note_failure(&manager->checksums, &plan->steps[i], &results[i]))
			continue;
		/*
		 * The kernel is ahead of the events that have come so far: a port is let go before its bridge is seen to be
		 * gone, say. A step fails only if it does so after a look at everything.
		 */
		if (!looked_at_all) {
			again = true;
			continue;
		}
		snprintf(text, sizeof(text), "%s%s%s: %s%s%s", plan_op_name(plan->steps[i].op), path[0] ? " " : "", path,
			 strerror(-results[i].error), results[i].text[0] ? ": " : "", results[i].text);
		note_failure(manager, plan->steps[i].network, text);
	}
	if (again) {
		manager->kernel.dirt = DIRT_EVERYTHING;
		want_pass(manager);
	}
	return r;
}

/* What a plan does for whom: a bit for each kind of step. */
struct touched {
	uint64_t *ops;			/* owned; by a network's place in the list */
	uint64_t shared;		/* for what belongs to all */
};
_Static_assert(PLAN_OP_MAX_ <= 64, "a bit for each kind of step");

static int list_touched(const struct manager *manager, const struct plan *plan, struct touched *ret_touched)
{
	struct touched touched = { .ops = calloc(manager->networks.n + 1, sizeof(*touched.ops)) };

	if (!touched.ops)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];
		size_t place;

		if (!step->network[0])
			touched.shared |= UINT64_C(1) << step->op;
		else if (managed_find_place(&manager->networks, step->network, &place))
			touched.ops[place] |= UINT64_C(1) << step->op;
	}
	*ret_touched = touched;
	return 0;
}

/* A repair, by what it consisted of. */
static void count_repair(struct managed *managed, uint64_t ops)
{
	managed->n_repairs++;
	for (unsigned int op = 0; op < PLAN_OP_MAX_; op++)
		managed->repairs[op] += ops >> op & 1;
}

/* What the planner leaves alone, in words; what keeps a network from being is its problem. */
static void tell_note(struct managed *managed, const struct plan_note *note)
{
	char problem[512] = "", mend[128] = "";
	struct text text, fix;

	text_init(&text, problem, sizeof(problem));
	text_init(&fix, mend, sizeof(mend));
	switch ((enum plan_note_kind)note->kind) {
	case PLAN_NOTE_BRIDGE_FOREIGN:
		text_add(&text, "there is an interface %s already that is not ours: delete or rename it, or give the network another Bridge=",
			 STR_ESCAPED(note->link));
		managed_set_state(managed, NETWORK_FAILED);
		break;
	case PLAN_NOTE_BRIDGE_MISSING:
		text_add(&text, "there is no bridge %s: Mode=bridge uses one that exists, and makes none", STR_ESCAPED(note->link));
		text_add(&fix, "ip link add %s up type bridge", STR_ESCAPED(note->link));
		managed_set_state(managed, NETWORK_FAILED);
		break;
	case PLAN_NOTE_TABLE_OWNED:
		text_add(&text, "another process owns the firewall table inet guestnet: is a second guestnetd running?");
		managed_set_state(managed, NETWORK_FAILED);
		break;
	case PLAN_NOTE_BRIDGE_DOUBLE:
		text_add(&text, "a second bridge, %s, is marked as this network's: delete it", STR_ESCAPED(note->link));
		text_add(&fix, "ip link delete %s", STR_ESCAPED(note->link));
		break;
	case PLAN_NOTE_ADDRESS_FOREIGN:
		text_add(&text, "%s has an address that is not ours: %s/%u", STR_ESCAPED(note->link), IP_TEXT(&note->address),
			 note->prefix_length);
		text_add(&fix, "ip address delete %s/%u dev %s", IP_TEXT(&note->address), note->prefix_length,
			 STR_ESCAPED(note->link));
		break;
	case PLAN_NOTE_PORT_PHYSICAL:
		text_add(&text, "the network card %s is a port of this network's bridge: it does not belong there",
			 STR_ESCAPED(note->link));
		text_add(&fix, "ip link set %s nomaster", STR_ESCAPED(note->link));
		managed_set_state(managed, NETWORK_DEGRADED);
		break;
	case PLAN_NOTE_ROUTE_INSIDE:
		text_add(&text, "the host has a route to %s/%u%s%s, which is inside %s/%u: what is sent to guests with these addresses goes there; give the network another Address=",
			 IP_TEXT(&note->address), note->prefix_length, note->link[0] ? " by " : "",
			 note->link[0] ? STR_ESCAPED(note->link) : "", IP_TEXT(&note->own), note->own_length);
		text_add(&fix, "guestnet edit %s", note->network);
		managed_set_state(managed, NETWORK_DEGRADED);
		break;
	case PLAN_NOTE_ROUTE_WIDER:
		text_add(&text, "the host has a route to %s/%u by %s, and this network is a part of that: others with addresses in %s/%u cannot be reached from here; give the network another Address= if they must be",
			 IP_TEXT(&note->address), note->prefix_length, STR_ESCAPED(note->link), IP_TEXT(&note->own),
			 note->own_length);
		text_add(&fix, "guestnet edit %s", note->network);
		break;
	case PLAN_NOTE_MAX_:
		break;
	}
	managed_set_text(&managed->problem, problem);
	managed_set_text(&managed->fix, mend);
}

static void tell_notes(struct manager *manager, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_notes; i++) {
		const struct plan_note *note = &plan->notes[i];
		struct managed *managed = note->network[0] ? managed_find(&manager->networks, note->network) : NULL;

		if (managed && managed->wanted)
			tell_note(managed, note);
		for (size_t j = 0; !note->network[0] && j < manager->networks.n; j++)
			if (manager->networks.items[j]->wanted)
				tell_note(manager->networks.items[j], note);
	}
}

/* How many ports the bridge of each network has. */
static void count_ports(struct manager *manager, const struct pass *pass)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		manager->networks.items[i]->n_ports = 0;
	for (size_t i = 0; i < pass->snapshot.n_ports; i++) {
		const char *bridge = pass->snapshot.ports[i].bridge;
		const struct netstate_bridge *desired = netstate_find_bridge(&pass->desired, bridge);
		struct managed *managed = desired ? managed_find(&manager->networks, desired->network) : NULL;

		if (managed)
			managed->n_ports++;
		for (size_t j = 0; !desired && j < manager->networks.n; j++)
			manager->networks.items[j]->n_ports += strcmp(manager->networks.items[j]->network.bridge, bridge) == 0;
	}
}

/* How long a network that is there on demand stays without a port: a guest that is on its way has the time it may take. */
static uint64_t idle_end_us(const struct managed *managed)
{
	uint64_t end_us = managed->idle_since_us + (uint64_t)managed->network.idle_timeout_s * 1000000;
	uint64_t guest_us = managed->demanded_at_us ? managed->demanded_at_us + DEMAND_US : 0;

	return end_us > guest_us ? end_us : guest_us;
}

/* Networks that are there on demand go when they have had no port for long enough. */
static void watch_idle(struct manager *manager, const struct pass *pass)
{
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];

		if (!managed->network.on_demand || !managed->wanted || managed->n_ports > 0 ||
		    managed->network.idle_timeout_s == NETWORK_NEVER) {
			managed->idle_since_us = 0;
			continue;
		}
		if (managed->idle_since_us == 0)
			managed->idle_since_us = pass->now_us;
		if (pass->now_us < idle_end_us(managed)) {
			want_pass_at(manager, idle_end_us(managed));
			continue;
		}
		sd_journal_send("MESSAGE=network %s has had no port for %u s: it goes until a guest asks for it", managed->network.name,
				managed->network.idle_timeout_s, "PRIORITY=6", "NETWORK=%s", managed->network.name,
				"BRIDGE=%s", managed->network.bridge, NULL);
		managed->wanted = false;
		managed->idle_since_us = 0;
		(void)managed_remember_wanted(managed, &manager->options);
		want_pass(manager);
	}
}

/* What its service lacks is the network's state. A start is over when the service is there. */
static bool tell_service(struct managed *managed)
{
	const char *fix, *problem = services_problem(managed, &fix);

	if (problem[0]) {
		managed_set_text(&managed->problem, problem);
		managed_set_text(&managed->fix, fix);
		managed_set_state(managed, NETWORK_DEGRADED);
		return true;
	}
	if (services_are_ready(managed) || managed->state == NETWORK_RUNNING)
		return false;
	managed_set_text(&managed->problem, "");
	managed_set_state(managed, NETWORK_STARTING);
	return true;
}

/*
 * Are replies left with unfinished checksums? That is a problem of few guests, and worth a word; where the
 * network's file asks for a way that cannot be had, something declared is missing.
 */
static bool is_unchecked(const struct manager *manager, struct managed *managed)
{
	const struct subnet_choice *choice = subnet_find(manager->choices, manager->n_choices, managed->network.name);

	char problem[512] = "";

	if (managed->problem[0] ||
	    !checksums_problem(&manager->checksums, &managed->network, choice, problem, sizeof(problem)))
		return false;
	managed_set_text(&managed->problem, problem);
	return managed->network.checksum != NETWORK_CHECKSUM_AUTO;
}

/* Whoever of the host listens where a forward leads to a guest: worth a word, and no failure. */
static void tell_taken(struct managed *managed)
{
	char buffer[512];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	taken_look(&managed->network, &text);
	managed_set_text(&managed->problem, buffer);
}

/* A peer that does not name this network, or is not there: nothing is opened, and somebody expects it to be. */
static void tell_peers(const struct manager *manager, struct managed *managed)
{
	const struct network *network = &managed->network;

	for (size_t i = 0; i < network->n_peers; i++) {
		const struct managed *peer = managed_find(&manager->networks, network->peers[i]);
		char buffer[128];

		if (peer && network_has_peer(&peer->network, network->name))
			continue;
		snprintf(buffer, sizeof(buffer), peer ? "Peer=%s: network %s does not name this one as its peer, so nothing is opened" :
			 "Peer=%s: there is no network %s", network->peers[i], network->peers[i]);
		managed_set_text(&managed->problem, buffer);
		return;
	}
}

/* After a pass: what can be said of each network now. */
static int update_states(struct manager *manager, const struct pass *pass)
{
	struct touched list;
	int r;

	r = list_touched(manager, &pass->plan, &list);
	if (r < 0)
		return r;
	count_ports(manager, pass);
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];
		const char *name = managed->network.name;
		bool touched = list.ops[i] != 0;

		managed_set_text(&managed->fix, "");
		if (managed->state == NETWORK_RUNNING && (touched || list.shared) && managed->wanted && !manager->settling) {
			count_repair(managed, list.ops[i] | list.shared);
			sd_journal_send("MESSAGE=network %s repaired (plan %llu)", name, (unsigned long long)pass->plan.id,
					"PRIORITY=5", "NETWORK=%s", name, "BRIDGE=%s", managed->network.bridge, NULL);
		}
		if (managed->look_at_us)
			want_pass_at(manager, managed->look_at_us);
		if (managed->retry_at_us)
			continue;
		if (manager->shared_problem[0] && managed->wanted) {
			managed_set_text(&managed->problem, manager->shared_problem);
			managed_set_state(managed, NETWORK_DEGRADED);
			continue;
		}
		if (touched) {	/* the next pass says whether it is settled */
			if (managed->wanted && managed->state == NETWORK_STOPPED)
				managed_set_state(managed, NETWORK_STARTING);
			continue;
		}
		managed->n_failures = 0;
		if (managed->wanted && managed->network.bridge[0] && tell_service(managed))
			continue;
		if (managed->config_problem[0] && !managed->network.bridge[0]) {
			managed_set_state(managed, NETWORK_FAILED);
		} else if (!managed->wanted) {
			managed_set_state(managed, NETWORK_STOPPED);
			managed_set_text(&managed->problem, "");
		} else {
			const char *block = firewalld_problem_of(manager->firewalld, managed->network.bridge);

			if (!block[0])
				block = coexist_block_of(&manager->coexist, managed->network.bridge);

			if (!block[0])
				block = managed->twins_problem;
			if (!block[0])
				block = managed->boot_problem;
			if (block[0])
				managed_set_text(&managed->problem, block);
			else
				tell_taken(managed);
			if (!managed->problem[0])
				tell_peers(manager, managed);
			managed_set_state(managed, managed->config_problem[0] || block[0] || is_unchecked(manager, managed) ?
					  NETWORK_DEGRADED : NETWORK_RUNNING);
		}
	}
	free(list.ops);
	return 0;
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
		if (plan->steps[i].op == PLAN_PORT_PUT_BACK && plan->steps[i].port.ifindex == ifindex)
			return true;
	return false;
}

/* Keeps what the next plan needs to put things back: our ports that are in place, our bridges. */
static int remember(struct manager *manager, const struct netstate *snapshot, const struct plan *plan)
{
	struct netstate_port *ports = calloc(snapshot->n_ports + manager->n_ports + 1, sizeof(*ports));
	struct netstate_bridge *bridges = calloc(snapshot->n_bridges + manager->n_bridges + 1, sizeof(*bridges));
	size_t n_ports = 0, n_bridges = 0;

	if (!ports || !bridges) {
		free(ports);
		free(bridges);
		return -ENOMEM;
	}
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		const struct netstate_port *port = &snapshot->ports[i];

		if (port->master) {
			ports[n_ports] = *port;
			ports[n_ports].kept = port->owner != NETSTATE_OURS && port->tap && is_kept(manager, port);
			n_ports++;
			continue;
		}
		/* Fallen off: what it was like is only in memory. */
		for (size_t j = 0; j < manager->n_ports; j++) {
			const struct netstate_port *before = &manager->ports[j];

			if (before->ifindex != port->ifindex || (before->owner != NETSTATE_OURS && !before->kept))
				continue;
			if (before->kept && !before->off)
				want_pass_at(manager, clock_us() + KEPT_PORT_US);
			ports[n_ports] = *before;
			ports[n_ports++].off = !is_put_back(plan, port->ifindex);
		}
	}
	for (size_t i = 0; i < snapshot->n_bridges; i++)
		if (snapshot->bridges[i].owner == NETSTATE_OURS)
			bridges[n_bridges++] = snapshot->bridges[i];
	/* A bridge that is gone comes back with its index, so it is not forgotten while it is declared. */
	for (size_t i = 0; i < manager->n_bridges; i++) {
		const struct netstate_bridge *bridge = &manager->bridges[i];

		if (!netstate_find_bridge(snapshot, bridge->name) && managed_find(&manager->networks, bridge->network))
			bridges[n_bridges++] = *bridge;
	}
	free(manager->ports);
	free(manager->bridges);
	manager->ports = ports;
	manager->n_ports = n_ports;
	manager->bridges = bridges;
	manager->n_bridges = n_bridges;
	manager->remembered = manager->kernel.view.changes;
	return 0;
}

/* An address that we have put somewhere may be taken away again; so it is remembered until it is gone. */
static int remember_addresses(struct manager *manager, const struct pass *pass)
{
	const struct netstate *desired = &pass->desired, *snapshot = &pass->snapshot;
	struct netstate_address *addresses;
	size_t n = 0;

	if (manager->remembered_addresses == manager->kernel.view.changes && manager->remembered_desire == manager->desire.version)
		return 0;
	addresses = calloc(desired->n_addresses + manager->n_addresses + 1, sizeof(*addresses));
	if (!addresses)
		return -ENOMEM;
	manager->remembered_addresses = manager->kernel.view.changes;
	manager->remembered_desire = manager->desire.version;
	for (size_t i = 0; i < desired->n_addresses; i++)
		addresses[n++] = desired->addresses[i];
	for (size_t i = 0; i < manager->n_addresses; i++) {
		const struct netstate_address *address = &manager->addresses[i];

		if (netstate_find_address(snapshot, address) && !netstate_find_address(desired, address))
			addresses[n++] = *address;
	}
	free(manager->addresses);
	manager->addresses = addresses;
	manager->n_addresses = n;
	return 0;
}

static bool fight_goes_on(struct manager *manager, uint64_t now_us)
{
	if (manager->fight && now_us - manager->last_repair_us >= FIGHT_OVER_US) {
		sd_journal_send("MESSAGE=nothing undoes the repairs any more", "PRIORITY=5", NULL);
		manager->fight = false;
		manager->window_passes = 0;
	}
	return manager->fight;
}

/* Undone, redone, undone: is somebody else at work? Then once in the log, and slower until it is over. */
static bool in_a_fight(struct manager *manager, const struct pass *pass)
{
	bool fight = fight_goes_on(manager, pass->now_us);

	manager->last_repair_us = pass->now_us;
	if (fight)
		return true;
	if (pass->now_us - manager->window_start_us > FIGHT_WINDOW_US) {
		manager->window_start_us = pass->now_us;
		manager->window_passes = 0;
	}
	if (++manager->window_passes < FIGHT_PASSES)
		return false;
	if (!manager->fight) {
		sd_journal_send("MESSAGE=something undoes what is repaired, again and again: repairing once a second (the last to change the firewall was %s, pid %u)",
				manager->culprit.committer_name[0] ? manager->culprit.committer_name : "nobody else",
				manager->culprit.committer_pid, "PRIORITY=4", NULL);
		manager->fight = true;
	}
	return true;
}

static void update_status_text(struct manager *manager)
{
	size_t n_running = 0, n_wanted = 0;
	const char *problem = "";
	struct text text;

	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		n_wanted += managed->wanted;
		n_running += managed->state == NETWORK_RUNNING;
		if (managed->config_problem[0])
			problem = managed->config_problem;
		else if (managed->state == NETWORK_FAILED)
			problem = managed->problem;
	}
	text_init(&text, manager->status_text, sizeof(manager->status_text));
	text_add(&text, "%zu of %zu networks running%s%s", n_running, n_wanted, problem[0] ? "; " : "", problem);
}

const char *manager_status_text(const struct manager *manager)
{
	return manager->status_text;
}

static bool is_unwanted(const struct flow *flow, void *data)
{
	return flow_is_unwanted(data, flow);
}

/* Flows are state too: after rules were made, those that began without them, or under others, end. */
static int sweep_flows(struct manager *manager, const struct pass *pass)
{
	struct flow_rules rules;
	size_t n_deleted = 0;
	int r;

	if (!flows_are_due(&pass->plan))
		return 0;
	r = flow_rules_build(&pass->desired, &pass->snapshot, manager->addresses, manager->n_addresses, &rules);
	if (r < 0)
		return r;
	r = conntrack_sweep(&manager->kernel, is_unwanted, &rules, &n_deleted);
	flow_rules_deinit(&rules);
	if (n_deleted > 0)
		sd_journal_send("MESSAGE=ended %zu flows that the rules do not allow", n_deleted, "PRIORITY=6", NULL);
	/* A kernel that keeps no flows has none to end. */
	if (r < 0 && r != -EINVAL && r != -EOPNOTSUPP)
		sd_journal_send("MESSAGE=cannot look at the flows that the rules do not allow: %s", strerror(-r),
				"PRIORITY=4", NULL);
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
static void tell_resolved(struct manager *manager, const struct netstate *snapshot)
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
static int coexist(struct manager *manager, const struct pass *pass)
{
	struct coexist_bridge *bridges;
	struct coexist_result result;
	const uint32_t generation = manager->kernel.generation ? manager->kernel.read_generation : 0;
	size_t n_bridges;
	int r;

	/* Nobody else has changed a rule since. */
	if (generation && generation == manager->coexist_generation && manager->coexist_desire == manager->desire.version)
		return 0;
	r = coexist_bridges(&pass->desired, &bridges, &n_bridges);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_bridges; i++) {
		const struct managed *managed = managed_find(&manager->networks, pass->desired.bridges[i].network);

		bridges[i].closed = managed && !managed->network.coexist;
	}
	r = manager->firewalld ? tell_firewalld(manager, bridges, n_bridges) : 0;
	if (r < 0) {
		free(bridges);
		return r;
	}
	r = coexist_apply(&manager->kernel, bridges, n_bridges, &result);
	free(bridges);
	if (r == -EINTR || r == -ENOENT)
		want_pass_at(manager, clock_us() + RETRY_US);
	else if (r < 0)
		sd_journal_send("MESSAGE=cannot look at the rules of other firewalls or add to them: %s", strerror(-r),
				"PRIORITY=4", NULL);
	else if (result.n_changes > 0)
		sd_journal_send("MESSAGE=changed %zu rules of ours in the chains of other firewalls", result.n_changes,
				"PRIORITY=6", NULL);
	/* Who takes them away again and again is answered more slowly. */
	if (r == 0 && result.n_changes > 0 && pass->plan.n_steps == 0)
		(void)in_a_fight(manager, pass);
	coexist_result_deinit(&manager->coexist);
	manager->coexist = result;
	manager->coexist_generation = r == 0 ? generation : 0;
	manager->coexist_desire = manager->desire.version;
	return r == -ENOMEM ? r : 0;
}

/* When to look again after this pass: at once when it changed something, later when that failed for all. */
static void want_next_pass(struct manager *manager, const struct pass *pass, const char *problem_before)
{
	if (manager->shared_problem[0]) {
		unsigned int doublings = manager->n_shared_failures++;

		if (strcmp(manager->shared_problem, problem_before) != 0)
			sd_journal_send("MESSAGE=%s", manager->shared_problem, "PRIORITY=3", NULL);
		want_pass_at(manager, clock_us() + ((uint64_t)RETRY_US << (doublings < 6 ? doublings : 6)));
		return;
	}
	manager->n_shared_failures = 0;
	if (pass->plan.n_steps == 0) {
		/* Peace is worth a line, too. */
		if (fight_goes_on(manager, pass->now_us))
			want_pass_at(manager, manager->last_repair_us + FIGHT_OVER_US);
		return;
	}
	if (in_a_fight(manager, pass))
		want_pass_at(manager, pass->now_us + FIGHT_PAUSE_US);
	else
		want_pass(manager);
}

/* One pass. An error is about the pass as a whole: it is due again a little later. */
int manager_run_pass(struct manager *manager)
{
	_cleanup_(pass_deinit) struct pass pass = { 0 };
	char problem_before[sizeof(manager->shared_problem)];
	int r;

	memcpy(problem_before, manager->shared_problem, sizeof(problem_before));
	manager->shared_problem[0] = '\0';
	r = pass_prepare(manager, &pass);
	if (r == 0)
		keep_forwarding(manager, &pass.desired);
	if (r == 0)
		r = pass_apply(manager, &pass.plan);
	if (r == 0 && manager->remembered != manager->kernel.view.changes)
		r = remember(manager, &pass.snapshot, &pass.plan);
	if (r == 0)
		r = sweep_flows(manager, &pass);
	if (r == 0)
		r = coexist(manager, &pass);
	if (r < 0) {
		sd_journal_send("MESSAGE=cannot look at the network or change it: %s", strerror(-r), "PRIORITY=3", NULL);
		want_pass_at(manager, clock_us() + RETRY_US);
		return r == -ENOMEM ? r : 0;
	}

	r = update_states(manager, &pass);
	tell_resolved(manager, &pass.snapshot);
	watch_idle(manager, &pass);
	tell_notes(manager, &pass.plan);
	if (r == 0)
		r = remember_addresses(manager, &pass);
	managed_list_sweep(&manager->networks);
	monitor_watch_tc(manager->monitor, manager->kernel.tc_used);
	want_next_pass(manager, &pass, problem_before);
	if (manager->settling && pass.plan.n_steps == 0)
		(void)malloc_trim(0);	/* what the changes took: it may be needed again in a year */
	manager->settling = pass.plan.n_steps > 0;
	update_status_text(manager);
	/* A pass that follows at once has the same to say, and more. */
	if (manager->changed && (pass.plan.n_steps == 0 || manager->fight || manager->shared_problem[0]))
		manager->changed(manager->changed_data);
	return r;
}

static int on_pass(sd_event_source *source _unused_, void *data)
{
	struct manager *manager = data;
	char before[sizeof(manager->status_text)];
	int r;

	memcpy(before, manager->status_text, sizeof(before));
	r = manager_run_pass(manager);
	if (strcmp(before, manager->status_text) != 0)
		sd_notifyf(0, "STATUS=%s", manager->status_text);
	return r;
}

/* What is tried again, or has no event for its cause, looks at everything. */
static int on_timer(sd_event_source *source _unused_, uint64_t when_us _unused_, void *data)
{
	struct manager *manager = data;

	manager->kernel.dirt = DIRT_EVERYTHING;
	want_pass(manager);
	return 0;
}

static int on_kernel_event(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	struct manager *manager = data;
	struct monitor_news news;

	(void)read_news(manager, &news);
	if (news.dirty == 0)
		return 0;
	if (fight_goes_on(manager, clock_us()))
		want_pass_at(manager, clock_us() + FIGHT_PAUSE_US);
	else
		want_pass(manager);
	return 0;
}

static void on_resolved_changed(void *data)
{
	want_pass(data);
}

static void on_firewalld_changed(void *data)
{
	want_pass(data);
}

static void on_twins(void *data)
{
	want_pass(data);
}

static void on_service_changed(struct managed *managed _unused_, void *data)
{
	want_pass(data);
}

/* Leases are told, and need no pass. */
static void on_leases_changed(void *data)
{
	struct manager *manager = data;
	bool followed = false;

	for (size_t i = 0; i < manager->networks.n; i++)
		followed |= manager->networks.items[i]->network.n_forwards > 0;
	if (followed)
		want_pass(manager);
	if (manager->changed)
		manager->changed(manager->changed_data);
}

static void look_at_boot_files(const struct manager *manager, struct managed *managed)
{
	bool root = geteuid() == 0;
	char buffer[512];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	if (managed->network.bridge[0])
		bootfiles_look(&managed->network, root ? manager->options.service_uid : geteuid(),
			       root ? manager->options.service_gid : getegid(), &text);
	managed_set_text(&managed->boot_problem, buffer);
}

/*
 * Reads the configuration again. Networks whose files are wrong stay as they are; that is no error here, it
 * is in their report. @failure and a negative errno when nothing could be read at all.
 */
int manager_reload(struct manager *manager, struct failure *failure)
{
	int r = managed_list_load(&manager->networks, &manager->options, manager->file_problems,
				  sizeof(manager->file_problems));

	if (r < 0)
		return failure_set(failure, r, "%s/networks: %s", manager->options.config_root, strerror(-r));
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];

		if (!manager->options.only_check)
			services_adopt(&manager->services, managed);
		if (!manager->options.only_check)
			look_at_boot_files(manager, managed);
		if (managed->config_problem[0])
			sd_journal_send("MESSAGE=%s", managed->config_problem, "PRIORITY=3", "NETWORK=%s",
					managed->network.name, NULL);
		if (managed->config_problem[0] && !managed->network.bridge[0])
			managed_set_state(managed, NETWORK_FAILED);
	}
	checksums_forget(&manager->checksums);
	manager->remembered = UINT64_MAX;	/* which ports are kept is for the networks to say */
	manager->settling = true;	/* what the next pass changes was asked for: it is no repair */
	for (const char *line = manager->file_problems; *line; line += strcspn(line, "\n"), line += *line == '\n')
		sd_journal_send("MESSAGE=%.*s", (int)strcspn(line, "\n"), line, "PRIORITY=3", NULL);
	manager->kernel.dirt = DIRT_EVERYTHING;
	want_pass(manager);
	return 0;
}

static int add_sources(struct manager *manager)
{
	int r;

	/* One low priority source: whatever else is pending is seen before the pass runs. */
	r = sd_event_add_defer(manager->event, &manager->pass_source, on_pass, manager);
	if (r >= 0)
		r = sd_event_source_set_priority(manager->pass_source, SD_EVENT_PRIORITY_NORMAL + 10);
	if (r >= 0)
		r = sd_event_source_set_enabled(manager->pass_source, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time(manager->event, &manager->timer_source, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timer, manager);
	if (r >= 0)
		r = sd_event_source_set_enabled(manager->timer_source, SD_EVENT_OFF);
	for (int i = 0; r >= 0 && i < MONITOR_FDS; i++)
		r = sd_event_add_io(manager->event, &manager->monitor_sources[i], monitor_fd(manager->monitor, (unsigned int)i), EPOLLIN,
				    on_kernel_event, manager);
	return r;
}

static int open_kernel(struct manager *manager, struct failure *failure)
{
	int fd, r;

	r = kernel_open(steal_fd(&manager->options.nft_fd), &manager->kernel, failure);
	if (r < 0)
		return r;
	r = monitor_open(&manager->kernel, &manager->monitor, failure);
	if (r >= 0)
		r = twins_new(manager->event, &manager->kernel, &manager->networks, on_twins, manager, &manager->twins, failure);
	if (r < 0)
		return r;
	fd = kernel_nft_fd(&manager->kernel);
	(void)sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDPOLL=0\nFDNAME=nft", &fd, 1);
	checksums_init(&manager->checksums, manager->event, &manager->kernel);
	return 0;
}

/* Without one, every host without one chooses the same addresses. */
static void read_machine_id(struct manager *manager)
{
	sd_id128_t id;
	int r;

	r = sd_id128_get_machine_app_specific(SD_ID128_MAKE(6f,ab,2b,1c,3d,b4,4e,6a,9d,61,0c,85,4f,1e,88,37), &id);
	if (r < 0)
		sd_journal_send("MESSAGE=no machine id in /etc/machine-id: %s: Address=auto chooses what other hosts without one choose, too",
				strerror(-r), "PRIORITY=4", NULL);
	else
		memcpy(manager->machine_id, id.bytes, sizeof(manager->machine_id));
}

/*
 * Reads the configuration and opens what is needed; changes nothing yet: manager_run_pass() does. @event and
 * the strings in @options must outlive the manager.
 */
int manager_new(sd_event *event, const struct manager_options *options, struct manager **ret_manager,
		struct failure *failure)
{
	_cleanup_(manager_freep) struct manager *manager = calloc(1, sizeof(*manager));
	int r;

	if (!manager)
		return failure_set(failure, -ENOMEM, "out of memory");
	manager->event = event;
	manager->options = *options;
	manager->kernel = KERNEL_NULL;
	manager->services.inotify_fd = -EBADF;
	manager->services.changed = on_service_changed;
	manager->services.leases_changed = on_leases_changed;
	manager->services.data = manager;
	read_machine_id(manager);
	load_choices(manager);
	if (!options->only_check)
		forwardfiles_load(&manager->options, &manager->forwarding);

	r = options->only_check ? 0 : services_init(&manager->services, event, &manager->options, &manager->networks, failure);
	if (r >= 0 && !options->only_check)
		r = open_kernel(manager, failure);
	if (r >= 0 && !options->only_check)
		r = add_sources(manager);
	if (r >= 0)
		r = manager_reload(manager, failure);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	update_status_text(manager);
	*ret_manager = steal_ptr(manager);
	return 0;
}

/* Leaves the networks as they are. */
struct manager *manager_free(struct manager *manager)
{
	if (!manager)
		return NULL;
	for (int i = 0; i < MONITOR_FDS; i++)
		sd_event_source_unref(manager->monitor_sources[i]);
	sd_event_source_unref(manager->pass_source);
	sd_event_source_unref(manager->timer_source);
	managed_list_deinit(&manager->networks);
	services_deinit(&manager->services);
	firewalld_free(manager->firewalld);
	resolved_free(manager->resolved);
	twins_free(manager->twins);
	monitor_free(manager->monitor);
	checksums_deinit(&manager->checksums);
	kernel_deinit(&manager->kernel);
	coexist_result_deinit(&manager->coexist);
	forwarding_deinit(&manager->forwarding);
	free(manager->choices);
	netstate_deinit(&manager->desire.state);
	free(manager->desire.networks);
	free(manager->ports);
	free(manager->bridges);
	free(manager->addresses);
	fd_close(manager->options.nft_fd);
	free(manager);
	return NULL;
}

/* What would be done now, as text. The caller owns it. */
int manager_print_plan(struct manager *manager, char **ret_text)
{
	_cleanup_(pass_deinit) struct pass pass = { .only_look = true };
	int r = pass_prepare(manager, &pass);

	return r < 0 ? r : plan_print(&pass.plan, ret_text);
}

/* From here on other programs are told of networks over the system bus. @systembus must outlive the manager. */
int manager_attach_bus(struct manager *manager, struct systembus *systembus)
{
	int r = firewalld_new(systembus, on_firewalld_changed, manager, &manager->firewalld);

	return r < 0 ? r : resolved_new(manager->event, systembus, on_resolved_changed, manager, &manager->resolved);
}

/* What outlives a network in firewalld is a name: it goes before the network. */
static void leave_firewalld(const struct manager *manager)
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

/* Takes everything down, in as many passes as it needs. */
int manager_teardown(struct manager *manager)
{
	leave_firewalld(manager);
	for (size_t i = 0; i < manager->networks.n; i++)
		manager->networks.items[i]->wanted = false;
	for (int i = 0; i < 8; i++) {
		int r = manager_run_pass(manager);

		if (r < 0 || !manager->settling)
			return r;
	}
	return -EBUSY;
}

/* Files that belong to no network: a line each, or "". Borrowed until the next reload. */
const char *manager_file_problems(const struct manager *manager)
{
	return manager->file_problems;
}

size_t manager_count(const struct manager *manager)
{
	return manager->networks.n;
}

static void print_addresses(const struct manager *manager, const struct managed *managed, char *buffer, size_t size)
{
	struct network_address addresses[SUBNET_ADDRESSES];
	struct text text;
	size_t n;

	n = subnet_addresses(&managed->network, subnet_find(manager->choices, manager->n_choices, managed->network.name),
			     addresses);
	text_init(&text, buffer, size);
	for (size_t i = 0; i < n; i++)
		text_add(&text, "%s%s/%u", i ? " " : "", IP_TEXT(&addresses[i].ip), addresses[i].prefix_length);
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

/* What can be said of network number @i, below manager_count(). */
void manager_report(const struct manager *manager, size_t i, struct network_report *ret_report)
{
	const struct managed *managed = manager->networks.items[i];
	const struct subnet_choice *choice;

	*ret_report = (struct network_report){
		.name = managed->network.name,
		.state = managed->state,
		.autostart = managed->network.autostart,
		.on_demand = managed->network.on_demand,
		.mode = managed->network.bridge[0] ? network_mode_name(managed->network.mode) : "",
		.bridge = managed->network.bridge,
		.problem = managed->config_problem[0] ? managed->config_problem : managed->problem,
		.fix = managed->fix,
		.since_us = managed->since_us,
		.n_repairs = managed->n_repairs,
		.repairs = managed->repairs,
		.uplinks = (const char (*)[IFNAME_SIZE])managed->network.uplinks,
		.n_uplinks = managed->network.n_uplinks,
		.n_ports = managed->n_ports,
		.ports = manager->ports,
		.n_all_ports = manager->n_ports,
		.leases = &managed->leases,
	};
	ret_report->checksum = ret_report->forwarding = "";
	if (!managed->network.bridge[0])
		return;
	print_addresses(manager, managed, ret_report->addresses, sizeof(ret_report->addresses));
	print_names(manager, managed, ret_report->names, sizeof(ret_report->names));
	choice = subnet_find(manager->choices, manager->n_choices, managed->network.name);
	ret_report->forwarding = needed_forwarding(managed, choice);
	ret_report->checksum = checksum_strategy_name(checksums_in_force(&manager->checksums, &managed->network, choice));
	checksums_explain(&manager->checksums, &managed->network, choice, ret_report->checksum_reason,
			  sizeof(ret_report->checksum_reason));
}

/* What can be said of the network of that name; false when there is none. */
bool manager_find(const struct manager *manager, const char *network, struct network_report *ret_report)
{
	for (size_t i = 0; i < manager->networks.n; i++)
		if (strcmp(manager->networks.items[i]->network.name, network) == 0) {
			manager_report(manager, i, ret_report);
			return true;
		}
	return false;
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

const struct managed_list *manager_get_networks(const struct manager *manager)
{
	return &manager->networks;
}

const struct manager_options *manager_get_options(const struct manager *manager)
{
	return &manager->options;
}

/* From now on @changed is called after each pass, and when leases have changed. One listener. */
void manager_listen(struct manager *manager, void (*changed)(void *data), void *data)
{
	manager->changed = changed;
	manager->changed_data = data;
}

/* Whom repairs are a fight with, "" for nobody known; NULL while there is no fight. */
const char *manager_fights(const struct manager *manager, uint32_t *ret_pid)
{
	if (!manager->fight)
		return NULL;
	*ret_pid = manager->culprit.committer_pid;
	return manager->culprit.committer_name;
}

/* Runs passes until one finds nothing to do, or for a while. */
int manager_settle(struct manager *manager)
{
	for (int i = 0; i < 4; i++) {
		int r = manager_run_pass(manager);

		if (r < 0 || !manager->settling)
			return r;
	}
	return 0;
}

/* Carries out what a change of `wanted` needs, and remembers it when it is one, or is somebody's word. */
static int change_wanted(struct manager *manager, struct managed *managed, bool wanted, bool by_hand, struct failure *failure)
{
	bool to_remember = by_hand || managed->wanted != wanted;
	char name[NETWORK_NAME_SIZE];
	int r;

	memcpy(name, managed->network.name, sizeof(name));
	managed->wanted = wanted;
	managed->retry_at_us = managed->child_retry_at_us = 0;
	managed->n_failures = managed->n_child_failures = 0;
	r = to_remember ? managed_remember_wanted(managed, &manager->options) : 0;
	if (r < 0)
		return failure_set(failure, r, "%s/%s.wanted: %s", manager->options.run_root, name, strerror(-r));
	r = manager_settle(manager);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	managed = managed_find(&manager->networks, name);
	if (managed && managed->state == NETWORK_FAILED)
		return failure_set(failure, -EIO, "%s", managed->problem);
	return 0;
}

/* A start is over when the service is there, or cannot be: then -EIO with the reason. */
static int await_service(struct manager *manager, const char *network, struct failure *failure)
{
	const uint64_t end_us = clock_us() + START_WAIT_US;
	const char *problem = "", *fix;
	struct managed *managed;

	while ((managed = managed_find(&manager->networks, network)) && managed->wanted &&
	       managed->state == NETWORK_STARTING && services_wait(&manager->services, managed, end_us)) {
		int r = manager_run_pass(manager);

		if (r < 0)
			return failure_set(failure, r, "%s", strerror(-r));
	}
	if (!managed || !managed->wanted)
		return 0;
	problem = services_problem(managed, &fix);
	if (problem[0])
		return failure_set(failure, -EIO, "network %s is up, but degraded: %s", network, problem);
	if (managed->state == NETWORK_STARTING)
		return failure_set(failure, -EIO, "network %s is up, but its dnsmasq has not begun to serve", network);
	return 0;
}

/*
 * Starts or stops a network, and remembers that until the next boot. Returns when the steps have been
 * carried out. -ENOENT when there is no such network; -EIO with the reason when it did not come up.
 */
int manager_set_running(struct manager *manager, const char *network, bool running, struct failure *failure)
{
	struct managed *managed = managed_find(&manager->networks, network);
	int r;

	if (!managed)
		return manager_no_such(manager, network, failure);
	if (running && !managed->network.bridge[0])
		return failure_set(failure, -EINVAL, "%s", managed->config_problem);
	managed->stopped_by_hand = !running && !managed->network.on_demand;
	r = change_wanted(manager, managed, running, true, failure);
	return r < 0 || !running ? r : await_service(manager, network, failure);
}

static bool is_meant(const struct network *network, const char *name)
{
	if (strcmp(network->name, name) == 0 || strcmp(network->bridge, name) == 0)
		return true;
	for (size_t i = 0; i < network->n_altnames; i++)
		if (strcmp(network->altnames[i], name) == 0)
			return true;
	return false;
}

/*
 * Which declared network is meant by this name, its own or one of its bridge's? NULL: none. Borrowed until the
 * manager runs again.
 */
const struct network *manager_find_declared(const struct manager *manager, const char *name)
{
	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		if (managed->declared && managed->network.bridge[0] && is_meant(&managed->network, name))
			return &managed->network;
	}
	return NULL;
}

/*
 * A guest whose owner may use this network asks for it: it is brought up when it is down. Returns when its bridge
 * is there. -EPERM when an administrator has stopped it; other errors as manager_set_running() has them.
 */
int manager_demand(struct manager *manager, const char *network, struct failure *failure)
{
	struct managed *managed = managed_find(&manager->networks, network);
	struct failure cause = { 0 };

	if (!managed || !managed->declared)
		return failure_set(failure, -ENOENT, "failed to get mtu of bridge `%s': No such device: the network is not declared any more",
				   STR_ESCAPED(network));
	if (!managed->wanted && managed->stopped_by_hand)
		return failure_set(failure, -EPERM, "failed to get mtu of bridge `%s': No such device: the network was stopped by hand: guestnet start %s",
				   STR_ESCAPED(network), STR_ESCAPED(network));
	managed->demanded_at_us = clock_us();
	if (change_wanted(manager, managed, true, false, &cause) < 0)
		return failure_set(failure, -EIO, "failed to get mtu of bridge `%s': the network does not come up: %s",
				   STR_ESCAPED(network), cause.text);
	return 0;
}
