/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dnsmasq processes of the networks: carrying out what a plan says of them, and hearing of their end.
 */
#pragma once

#include <systemd/sd-event.h>

#include "../model/dnsmasq.h"
#include "../model/plan.h"
#include "managed.h"

struct services {
	sd_event *event;			/* borrowed */
	const struct manager_options *options;	/* borrowed */
	char run_dir[4096];			/* RUN/dnsmasq */
	char state_dir[4096];			/* STATE */
	/* Called when a child has ended. */
	void (*changed)(struct managed *managed, void *data);
	/* Called when a lease file has been read again. */
	void (*leases_changed)(void *data);
	void *data;

	bool no_ipv6;				/* the kernel was started with ipv6.disable=1 */
	int inotify_fd;				/* owned: on state_dir */
	sd_event_source *inotify_source;	/* owned */
	sd_event_source *written_timer;		/* owned: a lease file that lacks some is read again */
	const struct managed_list *list;	/* borrowed */
	struct child_orphan *orphans;		/* owned: left by an earlier daemon, as they were when we came; until the first pass */
	size_t n_orphans;
};

int services_init(struct services *services, sd_event *event, const struct manager_options *options,
		  const struct managed_list *list, struct failure *failure);
void services_deinit(struct services *services);
struct dnsmasq_options services_dnsmasq_options(const struct services *services);

void services_note_idle(const struct services *services, const struct netstate *snapshot);
void services_review(const struct services *services, const struct netstate *snapshot,
		     const struct subnet_choice *choices, size_t n_choices);
unsigned int services_withheld(const char *network, const void *list);
const char *services_problem(const struct managed *managed, const char **ret_fix);
bool services_wait(struct services *services, struct managed *managed, uint64_t end_us);
bool services_are_ready(const struct managed *managed);
void services_adopt(struct services *services, struct managed *managed);
void services_end_orphans(struct services *services);
int services_add_to_snapshot(const struct services *services, const struct netstate *desired,
			     struct netstate *snapshot);
int services_apply(struct services *services, const struct plan_step *step, struct managed *managed,
		   const struct subnet_choice *choice, struct failure *failure);
