/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's heart: what it holds, and the events that make a pass due.
 * Event loop context.
 */
#include "manager-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/fd.h"
#include "../../lib/str.h"
#include "../model/reach.h"
#include "bootfiles.h"
#include "firewalld.h"
#include "forwardfiles.h"
#include "log.h"
#include "paths.h"
#include "resolved.h"
#include "services.h"
#include "taps.h"
#include "twins.h"

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
	manager_want_pass(manager);
	return 0;
}

static int on_kernel_event(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	struct manager *manager = data;
	const bool in_haste = manager_may_hasten(manager);
	struct haste haste = { 0 };
	struct monitor_news news;

	monitor_hasten(manager->monitor, in_haste ? &haste : NULL);
	(void)manager_read_news(manager, &news);
	monitor_hasten(manager->monitor, NULL);
	if (news.dirty == 0)
		return 0;
	if (in_haste && !news.lost)
		manager_repair_in_haste(manager, &haste);
	if (manager_fight_goes_on(manager, clock_us()))
		manager_want_pass_at(manager, clock_us() + FIGHT_PAUSE_US);
	else
		manager_want_look(manager);
	return 0;
}

static void on_twins(void *data)
{
	manager_want_pass(data);
}

static void on_learnt(int bridge, int port, void *data)
{
	manager_note_learnt(data, bridge, port);
}

static void on_service_changed(struct managed *managed _unused_, void *data)
{
	manager_want_pass(data);
}

/* Leases are told, and need no pass. */
static void on_leases_changed(void *data)
{
	struct manager *manager = data;
	bool followed = false;

	for (size_t i = 0; i < manager->networks.n; i++)
		followed |= manager->networks.items[i]->network.n_forwards > 0 ||
			    reach_follows_leases(&manager->networks.items[i]->network) ||
			    manager->networks.items[i]->network.address_binding;
	if (followed)
		manager_want_pass(manager);
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

static void find_tap_owners(struct managed *managed)
{
	char buffer[512];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	if (!taps_find_owners(&managed->network, PATH_LOOKUP, &text))
		log_say(4, managed->network.name, NULL, "%s", buffer);
	managed_set_text(&managed->taps_problem, buffer);
}

static void say_lines(int priority, const char *network, const char *lines)
{
	for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n')
		log_say(priority, network, NULL, "%.*s", (int)strcspn(line, "\n"), line);
}

/*
 * Reads the configuration again. Networks whose files are wrong stay as they are; that is no error here, it
 * is in their report. @failure and a negative errno when nothing could be read at all.
 */
int manager_reload(struct manager *manager, struct failure *failure)
{
	int r = managed_list_load(&manager->networks, &manager->options, &manager->file_words);

	if (r < 0)
		return failure_set(failure, r, "%s/networks: %s", manager->options.config_root, strerror(-r));
	for (size_t i = 0; i < manager->networks.n; i++) {
		struct managed *managed = manager->networks.items[i];

		if (!manager->options.only_check)
			services_adopt(&manager->services, managed);
		/* For somebody who only checks, and is not root, nobody knows who dnsmasq runs as. */
		if (!manager->options.only_check || geteuid() == 0)
			look_at_boot_files(manager, managed);
		find_tap_owners(managed);
		say_lines(3, managed->network.name, managed->mistakes);
		if (managed->config_problem[0] && !managed->network.bridge[0])
			managed_set_state(managed, NETWORK_FAILED);
	}
	checksums_forget(&manager->checksums);
	manager_forget_rates(manager);
	manager->remembered = UINT64_MAX;	/* which ports are kept is for the networks to say */
	manager->settling = true;	/* what the next pass changes was asked for: it is no repair */
	say_lines(3, NULL, manager->file_words.problems);
	say_lines(4, NULL, manager->file_words.warnings);
	manager->kernel.dirt = DIRT_EVERYTHING;
	manager->taps_retry_at_us = 0;
	manager_want_pass(manager);
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
	manager->kernel.recorder = manager->options.recorder;
	r = monitor_open(&manager->kernel, &manager->monitor, failure);
	if (r >= 0)
		r = twins_new(manager->event, &manager->kernel, &manager->networks, on_twins, manager, &manager->twins, failure);
	if (r < 0)
		return r;
	twins_listen(manager->twins, on_learnt);
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
		log_say(4, NULL, NULL,
			"no machine id in /etc/machine-id: %s: Address=auto chooses what other hosts without one choose, too",
			strerror(-r));
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
	manager_load_choices(manager);
	if (!options->only_check)
		forwardfiles_load(&manager->options, &manager->forwarding);

	r = options->only_check ? 0 : services_init(&manager->services, event, &manager->options, &manager->networks, failure);
	if (r >= 0 && !options->only_check)
		r = open_kernel(manager, failure);
	if (r >= 0 && !options->only_check)
		uplinks_init(&manager->uplinks, &manager->options, &manager->kernel, &manager->networks);
	manager->delegated_ends = true;	/* an earlier daemon may have said so */
	if (r >= 0 && !options->only_check)
		delegations_load(&manager->delegations, event, &manager->kernel, &manager->options);
	if (r >= 0 && !options->only_check)
		r = add_sources(manager);
	if (r >= 0)
		r = manager_reload(manager, failure);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	manager_update_status_text(manager);
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
	uplinks_deinit(&manager->uplinks);
	delegations_deinit(&manager->delegations);
	bindings_deinit(&manager->bindings);
	held_deinit(&manager->held);
	free(manager->rates.ports);
	kernel_deinit(&manager->kernel);
	coexist_result_deinit(&manager->coexist);
	forwarding_deinit(&manager->forwarding);
	free(manager->choices);
	netstate_deinit(&manager->desire.state);
	free(manager->desire.networks);
	free(manager->ports);
	free(manager->bridges);
	free(manager->addresses);
	plan_deinit(&manager->hasty);
	fd_close(manager->options.nft_fd);
	free(manager);
	return NULL;
}

/* What a teardown has left, and why, a line for each. */
static void print_left(const struct manager *manager, struct text *left)
{
	const struct netstate *state = &manager->kernel.view.state;

	if (manager->shared_problem[0])
		text_add(left, "%s\n", manager->shared_problem);
	else if (state->table.foreign_owner)
		text_add(left, "table inet guestnet belongs to another process: another guestnetd runs\n");
	for (size_t i = 0; i < manager->networks.n; i++) {
		const struct managed *managed = manager->networks.items[i];

		if (managed->retry_at_us)
			text_add(left, "network %s: %s\n", managed->network.name, managed->problem);
	}
	for (size_t i = 0; i < state->n_bridges; i++)
		if (state->bridges[i].owner == NETSTATE_OURS)
			text_add(left, "%s is still there\n", STR_ESCAPED(state->bridges[i].name));
}

/*
 * Takes everything down, in as many passes as it needs. -EBUSY: something is left, and @left says what and why, in lines. It has
 * been initialised by the caller.
 */
int manager_teardown(struct manager *manager, struct text *left)
{
	int r = 0;

	manager_leave_firewalld(manager);
	delegations_end(&manager->delegations);
	for (size_t i = 0; i < manager->networks.n; i++)
		manager->networks.items[i]->wanted = false;
	manager->settling = true;
	for (int i = 0; i < 8 && r == 0 && manager->settling; i++)
		r = manager_run_pass(manager);
	if (r < 0)
		return r;
	print_left(manager, left);
	return manager->settling || left->data[0] ? -EBUSY : 0;
}

/* May a network that a user is to have forward what it says? See held_verify(). */
int manager_verify_forwards(const struct manager *manager, const struct network *network, struct failure *failure)
{
	return held_verify(&manager->held, &manager->networks, network, failure);
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
