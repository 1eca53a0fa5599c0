/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose is what: the bridges of the snapshot that are ours, and the one that each network gets.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Is the network left out of this pass? */
bool planner_is_excepted(const struct planner *planner, const char *network)
{
	return planner->n_except > 0 && bsearch(network, planner->except, planner->n_except, sizeof(*planner->except), compare_names);
}

/* What is in order already costs one look at it. */
static void sort(void *array, size_t n, size_t size, int (*compare)(const void *a, const void *b))
{
	const char *items = array;
	size_t i = 1;

	while (i < n && compare(items + (i - 1) * size, items + i * size) <= 0)
		i++;
	if (i < n)
		qsort(array, n, size, compare);
}

static int compare_remembered(const void *a, const void *b)
{
	const struct remembered *left = a, *right = b;

	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

static int index_memory(struct planner *planner)
{
	const struct plan_memory *memory = planner->memory;

	planner->remembered = calloc(memory->n_bridges + 1, sizeof(*planner->remembered));
	if (!planner->remembered)
		return -ENOMEM;
	for (size_t i = 0; i < memory->n_bridges; i++)
		planner->remembered[i] = (struct remembered){ memory->bridges[i].ifindex, &memory->bridges[i] };
	sort(planner->remembered, memory->n_bridges, sizeof(*planner->remembered), compare_remembered);
	return 0;
}

/* bsearch(), but looks first at where the last search has ended, and behind it. */
static void *search(const void *key, const void *array, size_t n, size_t size,
		    int (*compare)(const void *key, const void *item), size_t *hint)
{
	char *items = (char *)array, *found = NULL;

	for (size_t i = *hint; i < n && i < *hint + 2; i++)
		if (compare(key, items + i * size) == 0) {
			*hint = i;
			return items + i * size;
		}
	if (n > 0)
		found = bsearch(key, items, n, size, compare);
	if (found)
		*hint = (size_t)(found - items) / size;
	return found;
}

static int compare_bridge_name(const void *name, const void *bridge)
{
	return strcmp(name, ((const struct netstate_bridge *)bridge)->name);
}

/* The bridge of that name as it should be, and as it is; NULL for none. Borrowed from the states. */
const struct netstate_bridge *planner_find_desired(const struct planner *planner, const char *name)
{
	return search(name, planner->desired->bridges, planner->desired->n_bridges, sizeof(struct netstate_bridge),
		      compare_bridge_name, &planner->hints->desired);
}

const struct netstate_bridge *planner_find_actual(const struct planner *planner, const char *name)
{
	return search(name, planner->snapshot->bridges, planner->snapshot->n_bridges, sizeof(struct netstate_bridge),
		      compare_bridge_name, &planner->hints->snapshot);
}

/*
 * Is this a bridge that we remember? By its index; and because an index can be given again, something else
 * of it must still be as it was: its mark, its name or its address.
 */
static const struct netstate_bridge *find_remembered(const struct planner *planner, const struct netstate_bridge *bridge)
{
	const struct remembered key = { .ifindex = bridge->ifindex };
	const struct remembered *found = planner->memory->n_bridges == 0 ? NULL :
		bsearch(&key, planner->remembered, planner->memory->n_bridges, sizeof(key), compare_remembered);
	const struct netstate_bridge *other = found ? found->bridge : NULL;

	return other && (bridge->owner == NETSTATE_OURS || strcmp(other->name, bridge->name) == 0 ||
			 memcmp(&other->mac, &bridge->mac, sizeof(other->mac)) == 0) ? other : NULL;
}

/* The bridge that the network had; NULL when none is remembered. */
static const struct netstate_bridge *find_remembered_network(const struct planner *planner, const char *network)
{
	for (size_t i = 0; i < planner->memory->n_bridges; i++)
		if (strcmp(planner->memory->bridges[i].network, network) == 0)
			return &planner->memory->bridges[i];
	return NULL;
}

static int compare_seen(const void *a, const void *b)
{
	const struct seen *left = a, *right = b;
	int r = strcmp(left->network, right->network);

	if (r == 0 && left->remembered != right->remembered)
		r = left->remembered ? -1 : 1;
	return r ? r : left->bridge->ifindex - right->bridge->ifindex;
}

/* Fills planner->seen: the bridges of the snapshot that are ours, or used by a network as they are. -ENOMEM only. */
int planner_see_bridges(struct planner *planner)
{
	const struct netstate *snapshot = planner->snapshot;

	planner->seen = calloc(snapshot->n_bridges + 1, sizeof(*planner->seen));
	planner->seen_of = calloc(snapshot->n_bridges + 1, sizeof(*planner->seen_of));
	if (!planner->seen || !planner->seen_of || index_memory(planner) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_bridges; i++) {
		const struct netstate_bridge *bridge = &snapshot->bridges[i];
		const struct netstate_bridge *remembered = find_remembered(planner, bridge);
		const struct netstate_bridge *used = planner_find_desired(planner, bridge->name);
		bool stranger = !remembered && bridge->owner != NETSTATE_OURS;

		if (stranger && !(used && used->existing))
			continue;
		planner->seen[planner->n_seen++] = (struct seen){
			.bridge = bridge,
			.network = stranger ? used->network : remembered ? remembered->network : bridge->network,
			.remembered = remembered,
		};
		memcpy(planner->seen[planner->n_seen - 1].name, bridge->name, IFNAME_SIZE);
	}
	sort(planner->seen, planner->n_seen, sizeof(*planner->seen), compare_seen);
	for (size_t i = 0; i < planner->n_seen; i++)
		planner->seen_of[planner->seen[i].bridge - snapshot->bridges] = i + 1;
	return 0;
}

/* The bridge of ours that is called so now; NULL when it is none. */
struct seen *planner_find_seen_name(const struct planner *planner, const char *name)
{
	const struct netstate_bridge *bridge = planner_find_actual(planner, name);
	size_t i = bridge ? planner->seen_of[bridge - planner->snapshot->bridges] : 0;

	return i > 0 ? &planner->seen[i - 1] : NULL;
}

static int compare_job_network(const void *network, const void *job)
{
	return strcmp(network, ((const struct job *)job)->desired->network);
}

static int compare_jobs(const void *a, const void *b)
{
	return strcmp(((const struct job *)a)->desired->network, ((const struct job *)b)->desired->network);
}

/* The job of that network; NULL when it should not be there. */
struct job *planner_find_job(const struct planner *planner, const char *network)
{
	return search(network, planner->jobs, planner->n_jobs, sizeof(*planner->jobs), compare_job_network,
		      &planner->hints->job);
}

/* Is this network to be there, and ours to touch in this pass? */
bool planner_is_wanted(const struct planner *planner, const char *network)
{
	const struct job *job = planner_find_job(planner, network);

	return job && !job->blocked && !job->excepted;
}

/* The network that an interface's name belongs to: as it should be, else as it is. NULL for a stranger's. */
const char *planner_network_of_link(const struct planner *planner, const char *link)
{
	const struct netstate_bridge *desired = planner_find_desired(planner, link);
	const struct seen *seen;

	if (desired)
		return desired->network;
	seen = planner_find_seen_name(planner, link);
	if (seen)
		return seen->network;
	for (size_t i = 0; i < planner->memory->n_bridges; i++)
		if (strcmp(planner->memory->bridges[i].name, link) == 0)
			return planner->memory->bridges[i].network;
	return NULL;
}

/* The best of the bridges that say they are this network's: remembered, of the right name, any. */
static struct seen *choose_seen(const struct planner *planner, const struct netstate_bridge *desired)
{
	size_t low = 0, high = planner->n_seen;
	struct seen *best = NULL;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(planner->seen[middle].network, desired->network) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < planner->n_seen && strcmp(planner->seen[low].network, desired->network) == 0; low++) {
		struct seen *seen = &planner->seen[low];

		if (!best || (!best->remembered && strcmp(seen->bridge->name, desired->name) == 0))
			best = seen;
	}
	return best;
}

/* A network that cannot be: somebody else's bridge has the name, and ours, if there is one, cannot be filtered under another one. */
static void block_job(struct planner *planner, struct job *job, bool note)
{
	job->blocked = true;
	if (note)
		planner_add_note(planner, PLAN_NOTE_BRIDGE_FOREIGN, job->desired->network, job->desired->name, NULL);
	if (job->seen && job->seen->bridge->up)
		planner_add_bridge_step(planner, PHASE_DOWN, PLAN_BRIDGE_DOWN, OUTCOME_FOREIGN, job->desired->network,
					job->seen->bridge);
}

/* Is a bridge of ours without a network that should be there? */
bool planner_is_leaving(const struct planner *planner, const struct seen *seen)
{
	return !seen->taken && !planner_is_excepted(planner, seen->network) && !planner_find_job(planner, seen->network);
}

/*
 * Gives a bridge another name, so that its present one is free. These steps belong to no network: they have
 * to come before all of them. One that is going to be deleted goes down at once, because the rules do not
 * know it by that name.
 */
static void move_away(struct planner *planner, struct seen *seen)
{
	struct netstate_bridge bridge = *seen->bridge;

	if (seen->moved)
		return;
	seen->moved = true;
	if (bridge.up && planner_is_leaving(planner, seen))
		planner_add_bridge_step(planner, PHASE_CREATE_LINKS, PLAN_BRIDGE_DOWN, OUTCOME_DELETE, "", &bridge);
	/* An index is given out again, so a bridge may still have the name that another one with this index got once. */
	for (unsigned int n = 0; n == 0 || planner_find_actual(planner, seen->name); n++) {
		memset(seen->name, 0, sizeof(seen->name));
		snprintf(seen->name, sizeof(seen->name), "gnt%d%.*s", bridge.ifindex, (int)(n < 4 ? n : 4), "....");
		if (n >= 4)
			break;
	}
	memcpy(bridge.name, seen->name, sizeof(bridge.name));
	planner_add_bridge_step(planner, PHASE_CREATE_LINKS, PLAN_BRIDGE_RENAME, OUTCOME_UPDATE, "", &bridge);
}

/* Sees to it that the desired name is free for this job, or gives the job up. */
static void clear_name(struct planner *planner, struct job *job)
{
	const struct netstate_bridge *desired = job->desired;
	const struct netstate_bridge *holder = planner_find_actual(planner, desired->name);
	struct seen *seen = holder ? planner_find_seen_name(planner, desired->name) : NULL;

	if (plan_proxies_block(planner, job)) {
		block_job(planner, job, false);
		return;
	}
	if (desired->existing) {
		job->blocked = !seen || seen != job->seen;
		if (job->blocked)
			planner_add_note(planner, PLAN_NOTE_BRIDGE_MISSING, desired->network, desired->name, NULL);
		return;
	}
	if (!holder || seen == job->seen) {
		if (!holder || seen)
			return;
	}
	if (!seen) {
		block_job(planner, job, true);
		return;
	}
	if (planner_is_excepted(planner, seen->network)) {
		block_job(planner, job, false);
		return;
	}
	/* A network's file was renamed and its Bridge= was not: the bridge goes over to the new one. */
	if (!job->seen && !seen->taken && !planner_find_job(planner, seen->network)) {
		job->seen = seen;
		seen->taken = true;
		return;
	}
	move_away(planner, seen);
}

/* Fills planner->jobs: a job for each network that should be there, and a free name for its bridge. -ENOMEM only. */
int planner_make_jobs(struct planner *planner)
{
	const struct netstate *desired = planner->desired;

	planner->jobs = calloc(desired->n_bridges + 1, sizeof(*planner->jobs));
	if (!planner->jobs)
		return -ENOMEM;
	for (size_t i = 0; i < desired->n_bridges; i++) {
		struct job *job = &planner->jobs[planner->n_jobs++];

		job->desired = &desired->bridges[i];
		job->excepted = planner_is_excepted(planner, job->desired->network);
		job->seen = choose_seen(planner, job->desired);
		if (job->seen)
			job->seen->taken = true;
	}
	sort(planner->jobs, planner->n_jobs, sizeof(*planner->jobs), compare_jobs);
	for (size_t i = 0; i < planner->n_jobs; i++)
		if (!planner->jobs[i].excepted)
			clear_name(planner, &planner->jobs[i]);
	return 0;
}

static bool is_index_used(const struct planner *planner, int ifindex)
{
	if (netstate_find_bridge_index(planner->snapshot, ifindex))
		return true;
	for (size_t i = 0; i < planner->snapshot->n_ports; i++)
		if (planner->snapshot->ports[i].ifindex == ifindex)
			return true;
	return false;
}

/* The index that the bridge had before: sockets are bound to it. 0 when there was none, or it is gone. */
int planner_old_index(const struct planner *planner, const char *network)
{
	const struct netstate_bridge *remembered = find_remembered_network(planner, network);

	return remembered && !is_index_used(planner, remembered->ifindex) ? remembered->ifindex : 0;
}
