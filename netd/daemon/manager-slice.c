/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which networks may not be as the last plan has left them: while those are few, a pass is about them alone.
 * Event loop context.
 */
#include "manager-internal.h"

#include <string.h>

#include "../kernel/snapshot.h"

/*
 * The networks that have to do with the interfaces that events have named, as they are in the kernel's view: to be called
 * before a look and after it.
 */
void manager_mark_dirt(struct manager *manager, const struct dirt *dirt)
{
	const struct plan_memory memory = manager_memory(manager);

	for (unsigned int i = 0; i < dirt->n_links && !manager->dirty.marks.all; i++)
		slice_mark_link(&manager->dirty.marks, &manager->desire.state, &manager->kernel.view.state, &memory, dirt->links[i]);
}

/*
 * What a plan has to be made of, when it is only for those that are dirty: then 1, and the caller owns the slice. 0: of
 * everything. -ENOMEM.
 */
int manager_slice(struct manager *manager, struct pass *pass, struct slice *ret_slice)
{
	const struct plan_memory memory = manager_memory(manager);
	struct dirty *dirty = &manager->dirty;
	struct slice_marks *marks = &dirty->marks;
	int r;

	pass->partial = false;
	/* What should be is as it was but for these networks. Where something has happened to others besides, all are planned. */
	if (pass->change.alone)
		dirty->made_of.desire = pass->made_of.desire;
	for (size_t i = 0; pass->change.alone && i < pass->change.n_added; i++)
		slice_mark(marks, pass->change.added[i]->name);
	for (size_t i = 0; pass->change.alone && i < pass->change.n_removed; i++)
		slice_mark(marks, pass->change.removed[i]->name);
	if (pass->change.alone && marks->n > pass->change.n_added + pass->change.n_removed)
		return 0;
	if (marks->all || pass->only_look || pass->n_except > 0 || pass->no_taps || manager->options.recorder ||
	    memcmp(&dirty->made_of, &pass->made_of, sizeof(dirty->made_of)) != 0 || pass->desired.n_bridges == 0)
		return 0;
	slice_mark_any(marks, &pass->desired);
	if (marks->all)
		return 0;
	r = slice_build(&pass->desired, &pass->snapshot, &memory, (const char (*)[NETWORK_NAME_SIZE])marks->networks, marks->n,
			pass->change.alone ? &pass->changed : NULL, ret_slice);
	pass->partial = r > 0;
	pass->n_networks = pass->partial ? marks->n : 0;
	memcpy(pass->networks, marks->networks, sizeof(pass->networks));
	return r;
}

/* What a plan is made of, as numbers, before it is made. */
void manager_note_made_of(struct manager *manager, struct pass *pass)
{
	pass->made_of = (struct made_of){
		.desire = manager->desire.version,
		.wholes = manager->kernel.view.wholes,
		.services = manager_hash_services(manager, false),
	};
}

/*
 * After the last plan of a pass was made: the networks that it has steps for are looked at again, the others are as they
 * should be.
 */
void manager_note_plan(struct manager *manager, const struct pass *pass)
{
	struct slice_marks *marks = &manager->dirty.marks;
	const char *last = "";

	manager->dirty = (struct dirty){
		.marks.all = pass->n_except > 0 || pass->no_taps || pass->only_look,
		.made_of = pass->made_of,
	};
	for (size_t i = 0; i < pass->plan.n_steps && !marks->all; i++) {
		const struct plan_step *step = &pass->plan.steps[i];

		if (!step->network[0])
			marks->all = step->op != PLAN_SYSCTL_SET;
		else if (strcmp(step->network, last) != 0)
			slice_mark(marks, last = step->network);
	}
}
