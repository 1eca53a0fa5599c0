/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps from what is to what should be.
 * Pure: no system calls.
 *
 * Theory of operation. First every bridge of the snapshot is told whose it is: a bridge that we remember is
 * ours whatever it is called or whatever its alias says now, otherwise the alias decides. Then
 * every network gets a job: its desired bridge, and the actual one that is it. From there each kind of
 * object is a merge of two sorted lists. Steps are collected in any order and put in order once, at the
 * end: phase, network, order of creation.
 *
 * What is left alone, always:
 *  - a bridge that is neither remembered nor marked, even under the name of one of ours (the network is
 *    then left out as if it were not declared, and a note says why). One that a network uses as it is
 *    (Mode=bridge) gets its ports back, and nothing else is done with it;
 *  - an address on our bridge that we have not put there: an administrator may have reasons, and it opens
 *    nothing, because the rules know only our own addresses. A note says that it is there;
 *  - what belongs to a network of @except, in both directions;
 *  - everything, while another process owns the table: without a filter nothing may come up.
 *
 * A bridge of a network that is gone is known by its mark alone. While the table has to be made anew, such a
 * bridge stays an element of the set of bridges, and of no other: its guests reach nothing until it is down.
 */
#include "plan.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "ip.h"
#include "ruleset.h"

/* A bridge of the snapshot that is ours. */
struct seen {
	const struct netstate_bridge *bridge;
	const char *network;		/* from memory, else from its alias */
	bool remembered;
	bool taken;			/* it is the bridge of a job */
	bool moved;			/* it gets a temporary name first */
	char name[IFNAME_SIZE];		/* what it is called then; else what it is called now */
};

/* A network that should be there. */
struct job {
	const struct netstate_bridge *desired;
	struct seen *seen;		/* NULL: its bridge has to be made */
	bool excepted;
	bool blocked;			/* cannot be: treated as if it were not declared */
};

/*
 * Where the last search of each kind has ended. Everything is in the order of names, or nearly so: what is looked for is
 * mostly there or next to it. Hints only; any number will do.
 */
struct hints {
	size_t job, desired, snapshot, addresses[2];
};

/* A remembered bridge by its index. */
struct remembered {
	int ifindex;
	const struct netstate_bridge *bridge;
};

struct planner {
	struct hints *hints;
	const struct netstate *desired;
	const struct netstate *snapshot;
	const struct plan_memory *memory;
	const char (*except)[NETWORK_NAME_SIZE];
	size_t n_except;
	struct remembered *remembered;	/* sorted by index */
	struct seen *seen;		/* sorted by network */
	size_t n_seen;
	size_t *seen_of;		/* by the number of a bridge in the snapshot: its place in seen, from 1; 0: none */
	struct job *jobs;		/* sorted by network */
	size_t n_jobs;
	struct plan plan;
	size_t steps_size, notes_size;
	int error;			/* the first one; steps are then worthless */
};

void plan_deinit(struct plan *plan)
{
	free(plan->steps);
	free(plan->notes);
	*plan = PLAN_NULL;
}

static void planner_deinit(struct planner *planner)
{
	free(planner->remembered);
	free(planner->seen);
	free(planner->seen_of);
	free(planner->jobs);
	plan_deinit(&planner->plan);
}

/* Collecting */

static bool grow(struct planner *planner, void **array, size_t n, size_t *size, size_t item)
{
	size_t wanted = *size ? 2 * *size : 64;
	void *grown;

	if (planner->error < 0)
		return false;
	if (n < *size)
		return true;
	grown = reallocarray(*array, wanted, item);
	if (!grown) {
		planner->error = -ENOMEM;
		return false;
	}
	*array = grown;
	*size = wanted;
	return true;
}

/* A new step to fill in; a place where writing does no harm when there is no memory. */
static struct plan_step *add_step(struct planner *planner, enum plan_phase phase, enum plan_op op,
				  enum plan_outcome outcome, const char *network)
{
	struct plan *plan = &planner->plan;
	struct plan_step *step;

	if (!grow(planner, (void **)&plan->steps, plan->n_steps, &planner->steps_size, sizeof(*plan->steps)))
		return NULL;
	step = &plan->steps[plan->n_steps++];
	memset(step, 0, sizeof(*step));
	step->phase = (uint8_t)phase;
	step->op = (uint8_t)op;
	step->outcome = (uint8_t)outcome;
	snprintf(step->network, sizeof(step->network), "%s", network);
	return step;
}

static void add_note(struct planner *planner, enum plan_note_kind kind, const char *network, const char *link,
		     const struct netstate_address *address)
{
	struct plan *plan = &planner->plan;
	struct plan_note *note;

	if (!grow(planner, (void **)&plan->notes, plan->n_notes, &planner->notes_size, sizeof(*plan->notes)))
		return;
	note = &plan->notes[plan->n_notes++];
	memset(note, 0, sizeof(*note));
	note->kind = (uint8_t)kind;
	snprintf(note->network, sizeof(note->network), "%s", network);
	snprintf(note->link, sizeof(note->link), "%s", link);
	if (address) {
		note->address = address->address;
		note->prefix_length = address->prefix_length;
	}
}

/* One of each kind of object. */
#define DEFINE_ADD_STEP(kind)									\
static void add_##kind##_step(struct planner *planner, enum plan_phase phase, enum plan_op op,	\
			      enum plan_outcome outcome, const char *network,			\
			      const struct netstate_##kind *object)				\
{												\
	struct plan_step *step = add_step(planner, phase, op, outcome, network);		\
												\
	if (step)										\
		step->kind = *object;								\
}
DEFINE_ADD_STEP(bridge)
DEFINE_ADD_STEP(port)
DEFINE_ADD_STEP(address)
DEFINE_ADD_STEP(element)
DEFINE_ADD_STEP(checksum)
DEFINE_ADD_STEP(sysctl)
DEFINE_ADD_STEP(service)
DEFINE_ADD_STEP(table)

/* Whose is what */

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_excepted(const struct planner *planner, const char *network)
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
	char *items = (char *)array, *found;

	for (size_t i = *hint; i < n && i < *hint + 2; i++)
		if (compare(key, items + i * size) == 0) {
			*hint = i;
			return items + i * size;
		}
	found = n > 0 ? bsearch(key, array, n, size, compare) : NULL;
	if (found)
		*hint = (size_t)(found - items) / size;
	return found;
}

static int compare_bridge_name(const void *name, const void *bridge)
{
	return strcmp(name, ((const struct netstate_bridge *)bridge)->name);
}

static const struct netstate_bridge *find_desired(const struct planner *planner, const char *name)
{
	return search(name, planner->desired->bridges, planner->desired->n_bridges, sizeof(struct netstate_bridge),
		      compare_bridge_name, &planner->hints->desired);
}

static const struct netstate_bridge *find_actual(const struct planner *planner, const char *name)
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

static int see_bridges(struct planner *planner)
{
	const struct netstate *snapshot = planner->snapshot;

	planner->seen = calloc(snapshot->n_bridges + 1, sizeof(*planner->seen));
	planner->seen_of = calloc(snapshot->n_bridges + 1, sizeof(*planner->seen_of));
	if (!planner->seen || !planner->seen_of || index_memory(planner) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_bridges; i++) {
		const struct netstate_bridge *bridge = &snapshot->bridges[i];
		const struct netstate_bridge *remembered = find_remembered(planner, bridge);
		const struct netstate_bridge *used = find_desired(planner, bridge->name);
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

static struct seen *find_seen_name(const struct planner *planner, const char *name)
{
	const struct netstate_bridge *bridge = find_actual(planner, name);
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

static struct job *find_job(const struct planner *planner, const char *network)
{
	return search(network, planner->jobs, planner->n_jobs, sizeof(*planner->jobs), compare_job_network,
		      &planner->hints->job);
}

/* Is this network to be there, and ours to touch in this pass? */
static bool is_wanted(const struct planner *planner, const char *network)
{
	const struct job *job = find_job(planner, network);

	return job && !job->blocked && !job->excepted;
}

/* The network that an interface's name belongs to: as it should be, else as it is. NULL for a stranger's. */
static const char *network_of_link(const struct planner *planner, const char *link)
{
	const struct netstate_bridge *desired = find_desired(planner, link);
	const struct seen *seen;

	if (desired)
		return desired->network;
	seen = find_seen_name(planner, link);
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

/* Somebody else's bridge has the name; ours, if there is one, cannot be filtered under another one. */
static void block_job(struct planner *planner, struct job *job, bool note)
{
	job->blocked = true;
	if (note)
		add_note(planner, PLAN_NOTE_BRIDGE_FOREIGN, job->desired->network, job->desired->name, NULL);
	if (job->seen && job->seen->bridge->up)
		add_bridge_step(planner, PHASE_DOWN, PLAN_BRIDGE_DOWN, OUTCOME_FOREIGN, job->desired->network,
				job->seen->bridge);
}

/* Is a bridge of ours without a network that should be there? */
static bool is_leaving(const struct planner *planner, const struct seen *seen)
{
	return !seen->taken && !is_excepted(planner, seen->network) && !find_job(planner, seen->network);
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
	if (bridge.up && is_leaving(planner, seen))
		add_bridge_step(planner, PHASE_CREATE_LINKS, PLAN_BRIDGE_DOWN, OUTCOME_DELETE, "", &bridge);
	/* An index is given out again, so a bridge may still have the name that another one with this index got once. */
	for (unsigned int n = 0; n == 0 || find_actual(planner, seen->name); n++) {
		memset(seen->name, 0, sizeof(seen->name));
		snprintf(seen->name, sizeof(seen->name), "gnt%d%.*s", bridge.ifindex, (int)(n < 4 ? n : 4), "....");
		if (n >= 4)
			break;
	}
	memcpy(bridge.name, seen->name, sizeof(bridge.name));
	add_bridge_step(planner, PHASE_CREATE_LINKS, PLAN_BRIDGE_RENAME, OUTCOME_UPDATE, "", &bridge);
}

/* Sees to it that the desired name is free for this job, or gives the job up. */
static void clear_name(struct planner *planner, struct job *job)
{
	const struct netstate_bridge *desired = job->desired;
	const struct netstate_bridge *holder = find_actual(planner, desired->name);
	struct seen *seen = holder ? find_seen_name(planner, desired->name) : NULL;

	if (desired->existing) {
		job->blocked = !seen || seen != job->seen;
		if (job->blocked)
			add_note(planner, PLAN_NOTE_BRIDGE_MISSING, desired->network, desired->name, NULL);
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
	if (is_excepted(planner, seen->network)) {
		block_job(planner, job, false);
		return;
	}
	/* A network's file was renamed and its Bridge= was not: the bridge goes over to the new one. */
	if (!job->seen && !seen->taken && !find_job(planner, seen->network)) {
		job->seen = seen;
		seen->taken = true;
		return;
	}
	move_away(planner, seen);
}

static int make_jobs(struct planner *planner)
{
	const struct netstate *desired = planner->desired;

	planner->jobs = calloc(desired->n_bridges + 1, sizeof(*planner->jobs));
	if (!planner->jobs)
		return -ENOMEM;
	for (size_t i = 0; i < desired->n_bridges; i++) {
		struct job *job = &planner->jobs[planner->n_jobs++];

		job->desired = &desired->bridges[i];
		job->excepted = is_excepted(planner, job->desired->network);
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

/* Bridges */

static bool has_altname(const struct netstate_bridge *bridge, const char *name)
{
	for (size_t i = 0; i < bridge->n_altnames; i++)
		if (strcmp(bridge->altnames[i], name) == 0)
			return true;
	return false;
}

static uint32_t compare_fields(const struct netstate_bridge *desired, const struct netstate_bridge *actual)
{
	uint32_t fields = 0;

	if (memcmp(&desired->mac, &actual->mac, sizeof(desired->mac)) != 0)
		fields |= BRIDGE_FIELD_MAC;
	if (desired->mtu != actual->mtu)
		fields |= BRIDGE_FIELD_MTU;
	if (desired->stp != actual->stp)
		fields |= BRIDGE_FIELD_STP;
	if (desired->forward_delay_cs != actual->forward_delay_cs)
		fields |= BRIDGE_FIELD_DELAY;
	if (desired->nf_call != actual->nf_call)
		fields |= BRIDGE_FIELD_NF_CALL;
	if (desired->addr_gen_mode != actual->addr_gen_mode)
		fields |= BRIDGE_FIELD_ADDR_GEN;
	if (actual->owner != NETSTATE_OURS || strcmp(desired->network, actual->network) != 0)
		fields |= BRIDGE_FIELD_ALIAS;
	/* Names that others have added are theirs. */
	for (size_t i = 0; i < desired->n_altnames; i++)
		if (!has_altname(actual, desired->altnames[i]))
			fields |= BRIDGE_FIELD_ALTNAMES;
	return fields;
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
static int old_index(const struct planner *planner, const char *network)
{
	const struct netstate_bridge *remembered = find_remembered_network(planner, network);

	return remembered && !is_index_used(planner, remembered->ifindex) ? remembered->ifindex : 0;
}

static void add_set_step(struct planner *planner, const struct netstate_bridge *bridge, uint32_t fields,
			 enum plan_outcome outcome)
{
	struct plan_step *step = add_step(planner, PHASE_SET_LINKS, PLAN_BRIDGE_SET, outcome, bridge->network);

	if (!step)
		return;
	step->fields = fields;
	step->bridge = *bridge;
}

static void plan_bridge(struct planner *planner, const struct job *job)
{
	struct netstate_bridge bridge = *job->desired;
	uint32_t fields;

	if (bridge.existing)
		return;
	if (!job->seen) {
		bridge.ifindex = old_index(planner, bridge.network);
		add_bridge_step(planner, PHASE_CREATE_LINKS, PLAN_BRIDGE_CREATE, OUTCOME_CREATE, bridge.network, &bridge);
		fields = BRIDGE_FIELD_ALIAS | (bridge.n_altnames > 0 ? BRIDGE_FIELD_ALTNAMES : 0);
		add_set_step(planner, &bridge, fields, OUTCOME_CREATE);
		add_bridge_step(planner, PHASE_UP, PLAN_BRIDGE_UP, OUTCOME_CREATE, bridge.network, &bridge);
		return;
	}

	bridge.ifindex = job->seen->bridge->ifindex;
	fields = compare_fields(&bridge, job->seen->bridge);
	if (strcmp(bridge.name, job->seen->bridge->name) != 0 || job->seen->moved)
		add_bridge_step(planner, PHASE_SET_LINKS, PLAN_BRIDGE_RENAME, OUTCOME_UPDATE, bridge.network, &bridge);
	if (fields)
		add_set_step(planner, &bridge, fields, OUTCOME_UPDATE);
	if (!job->seen->bridge->up)
		add_bridge_step(planner, PHASE_UP, PLAN_BRIDGE_UP, OUTCOME_UPDATE, bridge.network, &bridge);
}

static void plan_leaving_bridge(struct planner *planner, const struct seen *seen)
{
	struct netstate_bridge bridge = *seen->bridge;

	snprintf(bridge.network, sizeof(bridge.network), "%s", seen->network);
	memcpy(bridge.name, seen->name, sizeof(bridge.name));
	if (bridge.up && !seen->moved)
		add_bridge_step(planner, PHASE_DOWN, PLAN_BRIDGE_DOWN, OUTCOME_DELETE, seen->network, &bridge);
	add_bridge_step(planner, PHASE_DELETE_LINKS, PLAN_BRIDGE_DELETE, OUTCOME_DELETE, seen->network, &bridge);
}

/* Addresses */

static bool is_first_address(const struct netstate *state, size_t i, const char *link)
{
	return i <= state->n_addresses && (i == 0 || strcmp(state->addresses[i - 1].link, link) < 0) &&
	       (i == state->n_addresses || strcmp(state->addresses[i].link, link) >= 0);
}

/* The first address on this link, or where it would be. */
static size_t first_address(const struct planner *planner, const struct netstate *state, const char *link)
{
	size_t *hint = &planner->hints->addresses[state == planner->desired];
	size_t low = 0, high = state->n_addresses;

	/* The next link's addresses are mostly behind a few of the last one's. */
	for (size_t i = *hint; i <= *hint + 4; i++)
		if (is_first_address(state, i, link))
			return *hint = i;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(state->addresses[middle].link, link) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return *hint = low;
}

#define for_each_address(state, address, on_link)						\
	for (const struct netstate_address *address = (state)->addresses + first_address(planner, state, on_link);\
	     address < (state)->addresses + (state)->n_addresses && strcmp(address->link, on_link) == 0;	\
	     address++)

/* The same address as it would be called on another link. */
static struct netstate_address address_on(const struct netstate_address *address, const char *link)
{
	struct netstate_address moved = *address;

	memset(moved.link, 0, sizeof(moved.link));
	snprintf(moved.link, sizeof(moved.link), "%s", link);
	return moved;
}

static bool is_remembered_address(const struct planner *planner, const struct netstate_address *address)
{
	for (size_t i = 0; i < planner->memory->n_addresses; i++) {
		const struct netstate_address *other = &planner->memory->addresses[i];

		if (strcmp(other->link, address->link) == 0 && other->prefix_length == address->prefix_length &&
		    memcmp(&other->address, &address->address, sizeof(other->address)) == 0)
			return true;
	}
	return false;
}

static bool same_address(const struct netstate_address *a, const struct netstate_address *b)
{
	return a->prefix_length == b->prefix_length && memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

/* The same address on a link of @state. */
static const struct netstate_address *find_on(const struct planner *planner, const struct netstate *state,
					      const char *link, const struct netstate_address *like)
{
	for_each_address(state, address, link)
		if (same_address(address, like))
			return address;
	return NULL;
}

static void plan_addresses(struct planner *planner, const struct job *job)
{
	const char *network = job->desired->network, *name = job->desired->name;
	const char *actual = job->seen ? job->seen->bridge->name : NULL;

	for_each_address(planner->desired, address, name) {
		const struct netstate_address *have = actual ? find_on(planner, planner->snapshot, actual, address) : NULL;

		if (!have)
			add_address_step(planner, PHASE_ADD_ADDRESSES, PLAN_ADDRESS_ADD, OUTCOME_CREATE, network, address);
		else if (have->no_route)
			add_address_step(planner, PHASE_UP, PLAN_ROUTE_ADD, OUTCOME_UPDATE, network, address);
	}
	if (!actual)
		return;
	for_each_address(planner->snapshot, address, actual) {
		struct netstate_address then;

		if (ip_is_link_local(&address->address) || find_on(planner, planner->desired, name, address))
			continue;
		then = address_on(address, name);
		if (is_remembered_address(planner, &then) || is_remembered_address(planner, address))
			add_address_step(planner, PHASE_REMOVE_ADDRESSES, PLAN_ADDRESS_REMOVE, OUTCOME_DELETE, network, &then);
		else if (!job->desired->existing)
			add_note(planner, PLAN_NOTE_ADDRESS_FOREIGN, network, name, address);
	}
}

static void plan_leaving_addresses(struct planner *planner, const struct seen *seen)
{
	for_each_address(planner->snapshot, address, seen->bridge->name) {
		struct netstate_address then = address_on(address, seen->name);

		if (!ip_is_link_local(&address->address))
			add_address_step(planner, PHASE_REMOVE_ADDRESSES, PLAN_ADDRESS_REMOVE, OUTCOME_DELETE,
					 seen->network, &then);
	}
}

/* The table and its elements */

static bool has_link_name(const struct netstate_element *element)
{
	return ruleset_set_key(element->set)[0] == 'n';
}

/* Whose a forward was is not in its key; and nothing is lost when it goes at once. */
static bool is_forward(const struct netstate_element *element)
{
	return ruleset_set_feature(element->set) == RULESET_FORWARD;
}

static const char *network_of_address(const struct planner *planner, const struct netstate *state,
				      const struct netstate_element *element)
{
	for (size_t i = 0; i < state->n_addresses; i++) {
		const struct netstate_address *address = &state->addresses[i];

		if (ip_is_v4(&address->address) && memcmp(address->address.bytes_be, element->key, 4) == 0)
			return network_of_link(planner, address->link);
	}
	return NULL;
}

/* Whose an element of the snapshot is; NULL when nobody's any more. */
static const char *network_of_element(const struct planner *planner, const struct netstate_element *element)
{
	char link[IFNAME_SIZE];
	const char *network;

	if (has_link_name(element)) {
		memcpy(link, element->key, sizeof(link));
		link[sizeof(link) - 1] = '\0';
		return network_of_link(planner, link);
	}
	if (element->set == NETSTATE_SET_GUARD)
		return NULL;
	network = network_of_address(planner, planner->desired, element);
	return network ? network : network_of_address(planner, planner->snapshot, element);
}

static bool is_desired_element(const struct planner *planner, const struct netstate_element *element, bool with_excepted)
{
	const struct job *job = find_job(planner, element->network);

	/* What belongs to all is there as long as one of them is. */
	if (!element->network[0])
		return true;
	return job && !job->blocked && (with_excepted || !job->excepted);
}

static void plan_stale_element(struct planner *planner, const struct netstate_element *element)
{
	const char *network = is_forward(element) ? NULL : network_of_element(planner, element);
	bool wanted = is_forward(element) || (network && is_wanted(planner, network));

	if (network && is_excepted(planner, network))
		return;
	/* What a network loses while it lives, it loses with the same batch; else not before it is down. */
	add_element_step(planner, wanted ? PHASE_RULES : PHASE_REMOVE_RULES, PLAN_ELEMENT_REMOVE, OUTCOME_DELETE,
			 network ? network : "", element);
}

static bool same_data(const struct netstate_element *a, const struct netstate_element *b)
{
	return a->data_length == b->data_length && memcmp(a->data, b->data, sizeof(a->data)) == 0;
}

/* A key of a map cannot be given another value: it goes and comes in one transaction, in this order. */
static void plan_changed_element(struct planner *planner, const struct netstate_element *want,
				 const struct netstate_element *have)
{
	add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_REMOVE, OUTCOME_UPDATE, want->network, have);
	add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_ADD, OUTCOME_UPDATE, want->network, want);
}

static void plan_element_changes(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;
	size_t i = 0, j = 0;

	while (i < desired->n_elements || j < snapshot->n_elements) {
		const struct netstate_element *want = i < desired->n_elements ? &desired->elements[i] : NULL;
		const struct netstate_element *have = j < snapshot->n_elements ? &snapshot->elements[j] : NULL;
		int order = !want ? 1 : !have ? -1 : netstate_compare_elements(want, have);

		if (order < 0) {
			if (is_desired_element(planner, want, false))
				add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_ADD, OUTCOME_CREATE, want->network, want);
			i++;
		} else if (order > 0) {
			plan_stale_element(planner, have);
			j++;
		} else {
			/* A network that cannot be has no elements either. */
			if (!is_desired_element(planner, want, true))
				plan_stale_element(planner, have);
			else if (!same_data(want, have) && is_desired_element(planner, want, false))
				plan_changed_element(planner, want, have);
			i++;
			j++;
		}
	}
}

/* Has anything but what leaves later to be changed? Looks at steps from @first on. */
static bool has_changes_now(const struct planner *planner, size_t first)
{
	for (size_t i = first; i < planner->plan.n_steps; i++)
		if (planner->plan.steps[i].phase == PHASE_RULES)
			return true;
	return false;
}

static bool covers_prefixes(const struct netstate_table *table, const struct netstate_table *wanted)
{
	bool covers = !(wanted->prefixes4 & ~table->prefixes4) && !(wanted->features & ~table->features);

	for (size_t i = 0; i < ARRAY_SIZE(table->prefixes6); i++)
		covers &= !(wanted->prefixes6[i] & ~table->prefixes6[i]);
	return covers;
}

static bool same_prefixes(const struct netstate_table *a, const struct netstate_table *b)
{
	return a->prefixes4 == b->prefixes4 && a->features == b->features &&
	       memcmp(a->prefixes6, b->prefixes6, sizeof(a->prefixes6)) == 0;
}

/* Are the rules those that we would make? More prefix lengths and features than needed do no harm. */
static bool has_our_rules(const struct netstate_table *actual, const struct netstate_table *wanted)
{
	if (actual->state != NETSTATE_TABLE_EQUAL || !covers_prefixes(actual, wanted))
		return false;
	return !actual->fingerprint || !wanted->fingerprint || !same_prefixes(actual, wanted) ||
	       actual->fingerprint == wanted->fingerprint;
}

/* A bridge that is about to go: a member of the set of bridges, of no other, and that until it is down. */
static void add_closing_element(struct planner *planner, const struct seen *seen)
{
	struct netstate_element element = { .set = NETSTATE_SET_BRIDGES, .key_length = IFNAME_SIZE };

	memcpy(element.key, seen->bridge->name, IFNAME_SIZE);
	snprintf(element.network, sizeof(element.network), "%s", seen->network);
	add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_ADD, OUTCOME_DELETE, seen->network, &element);
	add_element_step(planner, PHASE_REMOVE_RULES, PLAN_ELEMENT_REMOVE, OUTCOME_DELETE, seen->network, &element);
}

/*
 * The table anew, in one batch with every element: those of networks that are left out of this pass too,
 * because they would be without a filter otherwise.
 */
static void plan_table_replace(struct planner *planner)
{
	const struct netstate *desired = planner->desired;
	bool absent = planner->snapshot->table.state == NETSTATE_TABLE_ABSENT;
	struct netstate_table table = desired->table;

	table.handle = planner->snapshot->table.handle;
	add_table_step(planner, PHASE_RULES, PLAN_TABLE_REPLACE, absent ? OUTCOME_CREATE : OUTCOME_UPDATE, "", &table);
	for (size_t i = 0; i < desired->n_elements; i++)
		if (is_desired_element(planner, &desired->elements[i], true))
			add_element_step(planner, PHASE_RULES, PLAN_ELEMENT_ADD, OUTCOME_CREATE,
					 desired->elements[i].network, &desired->elements[i]);
	for (size_t i = 0; i < planner->n_seen; i++)
		if (is_leaving(planner, &planner->seen[i]) &&
		    !find_desired(planner, planner->seen[i].bridge->name))
			add_closing_element(planner, &planner->seen[i]);
}

static void plan_table(struct planner *planner)
{
	const struct netstate_table *actual = &planner->snapshot->table, *wanted = &planner->desired->table;
	size_t first = planner->plan.n_steps;
	bool excepted = false;

	if (wanted->state == NETSTATE_TABLE_ABSENT) {
		for (size_t i = 0; i < planner->n_seen; i++)
			excepted |= is_excepted(planner, planner->seen[i].network);
		if (actual->state != NETSTATE_TABLE_ABSENT && !excepted)
			add_table_step(planner, PHASE_REMOVE_RULES, PLAN_TABLE_DELETE, OUTCOME_DELETE, "", actual);
		return;
	}
	if (!has_our_rules(actual, wanted)) {
		plan_table_replace(planner);
		return;
	}
	plan_element_changes(planner);
	if (!actual->orphan)
		return;
	/* Anybody could have written to an orphan: it is taken over as it should be, or not at all. */
	if (has_changes_now(planner, first)) {
		planner->plan.n_steps = first;
		plan_table_replace(planner);
	} else {
		add_table_step(planner, PHASE_RULES, PLAN_TABLE_ADOPT, OUTCOME_KEEP, "", actual);
	}
}

/* The rules for DHCP checksums, by bridge; the snapshot may have a bridge twice. */

static bool is_wanted_link(const struct planner *planner, const char *link)
{
	const struct netstate_bridge *bridge = find_desired(planner, link);

	return bridge && is_wanted(planner, bridge->network);
}

static const struct netstate_checksum *find_checksum(const struct netstate *state, const char *bridge)
{
	size_t low = 0, high = state->n_checksums;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(state->checksums[middle].bridge, bridge) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < state->n_checksums && strcmp(state->checksums[low].bridge, bridge) == 0 ? &state->checksums[low] : NULL;
}

/* Which of the rules for this bridge stays: the first with the right strategy. */
static const struct netstate_checksum *find_kept_checksum(const struct planner *planner, const struct netstate_checksum *want)
{
	const struct netstate *snapshot = planner->snapshot;
	const struct netstate_checksum *have = find_checksum(snapshot, want->bridge);

	for (; have && have < snapshot->checksums + snapshot->n_checksums && strcmp(have->bridge, want->bridge) == 0; have++)
		if (have->strategy == want->strategy)
			return have;
	return NULL;
}

static void plan_checksums(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t i = 0; i < desired->n_checksums; i++) {
		const struct netstate_checksum *want = &desired->checksums[i];

		if (is_wanted_link(planner, want->bridge) && !find_kept_checksum(planner, want))
			add_checksum_step(planner, PHASE_RULES, PLAN_CHECKSUM_ADD, OUTCOME_CREATE,
					  network_of_link(planner, want->bridge), want);
	}
	for (size_t i = 0; i < snapshot->n_checksums; i++) {
		const struct netstate_checksum *have = &snapshot->checksums[i];
		const struct netstate_checksum *want = find_checksum(desired, have->bridge);
		const char *network = network_of_link(planner, have->bridge);
		bool wanted = is_wanted_link(planner, have->bridge);

		if (network && is_excepted(planner, network))
			continue;
		if (wanted && want && find_kept_checksum(planner, want) == have)
			continue;
		add_checksum_step(planner, wanted ? PHASE_RULES : PHASE_REMOVE_RULES, PLAN_CHECKSUM_REMOVE,
				  OUTCOME_DELETE, network ? network : "", have);
	}
}

/* Sysctls */

/* The network that a path such as "ipv6/conf/BRIDGE/accept_ra" is about; "" when it is about all. */
static const char *network_of_sysctl(const struct planner *planner, const char *path)
{
	const struct netstate_bridge *bridge;
	char name[IFNAME_SIZE];
	const char *rest;
	size_t n;

	if (!str_has_prefix(path, "ipv6/conf/", &rest) && !str_has_prefix(path, "ipv4/conf/", &rest))
		return "";
	n = strcspn(rest, "/");
	if (n >= sizeof(name))
		return "";
	memcpy(name, rest, n);
	name[n] = '\0';
	bridge = find_desired(planner, name);
	return bridge ? bridge->network : "";
}

/* Forwarding is for all networks: with none that may be touched there is no need to touch it either. */
static bool has_wanted_job(const struct planner *planner)
{
	for (size_t i = 0; i < planner->n_jobs; i++)
		if (!planner->jobs[i].blocked && !planner->jobs[i].excepted)
			return true;
	return false;
}

/* Was what the snapshot calls by the bridge's name the bridge? Its sysctls move with it. */
static bool is_at_its_name(const struct planner *planner, const char *network)
{
	const struct job *job = find_job(planner, network);

	return job && job->seen && !job->seen->moved && strcmp(job->seen->bridge->name, job->desired->name) == 0;
}

/* Will this step turn forwarding on, and with it that of every interface? */
static bool turns_on(const struct planner *planner, const char *family)
{
	for (size_t i = 0; i < planner->plan.n_steps; i++) {
		const struct plan_step *step = &planner->plan.steps[i];

		if (step->op == PLAN_SYSCTL_SET && step->sysctl.when == SYSCTL_ALWAYS && !step->network[0] &&
		    strncmp(step->sysctl.path, family, strlen(family)) == 0)
			return true;
	}
	return false;
}

static bool is_sysctl_due(const struct planner *planner, const struct netstate_sysctl *want,
			  const struct netstate_sysctl *have, const char *network)
{
	switch ((enum sysctl_when)want->when) {
	case SYSCTL_FROM_1:
		return have && have->value == 1;
	case SYSCTL_AFTER:
		/* What was found off may be on by somebody's will since; what is to be on is ours. */
		return have && ((have->value != want->value && want->value) ||
				turns_on(planner, strncmp(want->path, "ipv4", 4) == 0 ? "ipv4" : "ipv6"));
	case SYSCTL_ALWAYS:
	case SYSCTL_WHEN_MAX_:
		break;
	}
	return !have || have->value != want->value || (*network && !is_at_its_name(planner, network));
}

static void plan_sysctl(struct planner *planner, const struct netstate_sysctl *want, const struct netstate_sysctl *have)
{
	const char *network = want->when == SYSCTL_ALWAYS ? network_of_sysctl(planner, want->path) : "";

	if (is_sysctl_due(planner, want, have, network) &&
	    (*network ? is_wanted(planner, network) : has_wanted_job(planner)))
		add_sysctl_step(planner, PHASE_SYSCTLS, PLAN_SYSCTL_SET, OUTCOME_UPDATE, network, want);
}

static void plan_sysctls(struct planner *planner)
{
	/* Steps that belong to all come in this order. */
	static const enum sysctl_when order[] = { SYSCTL_FROM_1, SYSCTL_ALWAYS, SYSCTL_AFTER };
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t turn = 0; turn < ARRAY_SIZE(order); turn++)
		for (size_t i = 0, j = 0; i < desired->n_sysctls; i++) {
			const struct netstate_sysctl *want = &desired->sysctls[i];
			bool found;

			if (want->when != order[turn])
				continue;
			/* Both are sorted. */
			while (j < snapshot->n_sysctls && strcmp(snapshot->sysctls[j].path, want->path) < 0)
				j++;
			found = j < snapshot->n_sysctls && strcmp(snapshot->sysctls[j].path, want->path) == 0;
			plan_sysctl(planner, want, found ? &snapshot->sysctls[j] : NULL);
		}
}

/* Ports */

/*
 * The options that the alias of one of our helper's taps promises (helper/attach.c). An address list locks
 * the port; then nothing is to be learned, or flooded to it.
 */
static void set_promised_options(struct netstate_port *port)
{
	const char *word = port->alias;
	bool macs = false;
	uint32_t vlan;

	port->isolated = false;
	port->vlan = 0;
	while (*word) {
		size_t n = strcspn(word, " ");
		char text[16];

		if (n == strlen("isolated") && memcmp(word, "isolated", n) == 0)
			port->isolated = true;
		if (n >= 5 && memcmp(word, "macs=", 5) == 0)
			macs = true;
		if (n > 5 && n < sizeof(text) && memcmp(word, "vlan=", 5) == 0) {
			memcpy(text, word + 5, n - 5);
			text[n - 5] = '\0';
			if (str_parse_u32(text, 4094, &vlan) == 0)
				port->vlan = (uint16_t)vlan;
		}
		word += n;
		word += strspn(word, " ");
	}
	port->locked = macs;
	port->learning = !macs;
	port->flood = !macs;
	port->up = true;
}

static const struct netstate_port *find_remembered_port(const struct planner *planner, const struct netstate_port *port)
{
	for (size_t i = 0; i < planner->memory->n_ports; i++) {
		const struct netstate_port *other = &planner->memory->ports[i];

		if (other->ifindex == port->ifindex && strcmp(other->name, port->name) == 0)
			return other;
	}
	return NULL;
}

/* The network of a port: its alias names the bridge, as it is called or was, or the network. */
static const struct job *find_port_job(const struct planner *planner, const char *bridge)
{
	const struct netstate_bridge *desired = find_desired(planner, bridge);
	const char *network = desired ? desired->network : network_of_link(planner, bridge);

	return find_job(planner, network ? network : bridge);
}

static bool has_same_options(const struct netstate_port *a, const struct netstate_port *b)
{
	return a->up == b->up && a->isolated == b->isolated && a->locked == b->locked &&
	       a->learning == b->learning && a->flood == b->flood;
}

/*
 * A port of another program that the network keeps, such as a tap of libvirt's. Where it went when it is on no bridge
 * nobody says: with our bridge gone it fell off; else its owner may be moving it to another bridge right now, and is
 * given the time until the next look.
 */
static void plan_kept_port(struct planner *planner, const struct netstate_port *port, const struct netstate_port *remembered)
{
	struct netstate_port want = *remembered;
	const struct job *job;

	if (!remembered->kept || port->master)
		return;
	job = find_port_job(planner, remembered->bridge);
	if (!job || job->blocked || job->excepted)
		return;
	if (job->seen && job->seen->bridge->ifindex == remembered->master && !remembered->off)
		return;
	memcpy(want.bridge, job->desired->name, sizeof(want.bridge));
	want.master = job->seen ? job->seen->bridge->ifindex : old_index(planner, job->desired->network);
	want.mtu = job->desired->mtu;
	want.kept = want.off = false;
	add_port_step(planner, PHASE_PORTS, PLAN_PORT_PUT_BACK, OUTCOME_UPDATE, job->desired->network, &want);
}

static void plan_port(struct planner *planner, const struct netstate_port *port)
{
	const struct netstate_port *remembered = find_remembered_port(planner, port);
	struct netstate_port want = *port;
	const struct job *job;
	bool in_place;

	if (port->owner != NETSTATE_OURS && remembered && remembered->owner != NETSTATE_OURS)
		plan_kept_port(planner, port, remembered);
	if (port->owner != NETSTATE_OURS && (!remembered || remembered->owner != NETSTATE_OURS))
		return;
	if (port->owner != NETSTATE_OURS) {
		/* Its alias was taken away; what it said is remembered. */
		memcpy(want.alias, remembered->alias, sizeof(want.alias));
		memcpy(want.bridge, remembered->bridge, sizeof(want.bridge));
		want.owner = NETSTATE_OURS;
	}
	job = find_port_job(planner, want.bridge);
	if (!job || job->blocked || job->excepted)
		return;

	in_place = job->seen && port->master == job->seen->bridge->ifindex;
	/* On its bridge and still down, never seen up: the helper is at work on it. */
	if (in_place && !port->up && (!remembered || !remembered->up))
		return;
	set_promised_options(&want);
	if (in_place && port->owner == NETSTATE_OURS && has_same_options(port, &want))
		return;

	memcpy(want.bridge, job->desired->name, sizeof(want.bridge));
	want.master = job->seen ? job->seen->bridge->ifindex : old_index(planner, job->desired->network);
	if (!in_place)
		want.mtu = job->desired->existing ? job->seen->bridge->mtu : job->desired->mtu;
	add_port_step(planner, PHASE_PORTS, PLAN_PORT_PUT_BACK, OUTCOME_UPDATE, job->desired->network, &want);
}

static void plan_ports(struct planner *planner)
{
	for (size_t i = 0; i < planner->snapshot->n_ports; i++) {
		const struct netstate_port *port = &planner->snapshot->ports[i];

		plan_port(planner, port);
		for (size_t j = 0; port->physical && port->master && j < planner->n_seen; j++)
			if (planner->seen[j].bridge->ifindex == port->master)
				add_note(planner, PLAN_NOTE_PORT_PHYSICAL, planner->seen[j].network, port->name, NULL);
	}
}

/* Routes of others that lead where a network is. They are never touched. */

#define MAIN_TABLE	254		/* RT_TABLE_MAIN: others are looked at only by rules that somebody made */

/* Those that may be in the way: not the default route, and none of our own. The caller frees. */
static const struct netstate_route **find_foreign_routes(struct planner *planner, size_t *ret_n)
{
	const struct netstate *snapshot = planner->snapshot;
	const struct netstate_route **routes = calloc(snapshot->n_routes + 1, sizeof(*routes));

	*ret_n = 0;
	if (!routes)
		planner->error = -ENOMEM;
	for (size_t i = 0; routes && i < snapshot->n_routes; i++) {
		const struct netstate_route *route = &snapshot->routes[i];

		if (route->table == MAIN_TABLE && route->prefix_length > 0 && !network_of_link(planner, route->link))
			routes[(*ret_n)++] = route;
	}
	return routes;
}

/* One that leads into the network counts more than one that leads to more than it; one of them is enough. */
static const struct netstate_route *find_overlap(const struct netstate_route *const routes[], size_t n,
						 const struct netstate_address *address)
{
	const struct netstate_route *wider = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct netstate_route *route = routes[i];

		if (!ip_overlaps(&route->destination, route->prefix_length, &address->address, address->prefix_length))
			continue;
		if (route->prefix_length >= address->prefix_length)
			return route;
		/* One that leads nowhere keeps strangers' traffic from leaving; the network's own is the better one. */
		if (route->link[0])
			wider = route;
	}
	return wider;
}

static void note_overlaps_of_kind(struct planner *planner, const struct netstate_route *const routes[], size_t n,
				  enum plan_note_kind kind)
{
	for (size_t i = 0; n > 0 && i < planner->desired->n_addresses; i++) {
		const struct netstate_address *address = &planner->desired->addresses[i];
		const struct netstate_route *route = find_overlap(routes, n, address);
		const struct netstate_bridge *bridge = route ? netstate_find_bridge(planner->desired, address->link) : NULL;
		bool inside = route && route->prefix_length >= address->prefix_length;
		struct plan_note *note;

		if (!bridge || inside != (kind == PLAN_NOTE_ROUTE_INSIDE) || !is_wanted(planner, bridge->network))
			continue;
		add_note(planner, kind, bridge->network, route->link, NULL);
		if (planner->error < 0)
			break;
		note = &planner->plan.notes[planner->plan.n_notes - 1];
		note->address = route->destination;
		note->prefix_length = route->prefix_length;
		note->own = ip_mask(&address->address, address->prefix_length);
		note->own_length = address->prefix_length;
	}
}

/* The last note of a network is what its status tells: the worse ones come behind. */
static void note_overlaps(struct planner *planner)
{
	size_t n;
	const struct netstate_route **routes = find_foreign_routes(planner, &n);

	if (n > 0) {
		note_overlaps_of_kind(planner, routes, n, PLAN_NOTE_ROUTE_WIDER);
		note_overlaps_of_kind(planner, routes, n, PLAN_NOTE_ROUTE_INSIDE);
	}
	free(routes);
}

/* Services */

static bool is_service_good(const struct netstate_service *want, const struct netstate_service *have)
{
	return have->config_hash == want->config_hash && strcmp(have->bridge, want->bridge) == 0 && !have->deaf;
}

static void plan_services(struct planner *planner)
{
	const struct netstate *desired = planner->desired, *snapshot = planner->snapshot;

	for (size_t i = 0; i < desired->n_services; i++) {
		const struct netstate_service *want = &desired->services[i];
		const struct netstate_service *have = netstate_find_service(snapshot, want->network);
		const struct job *job = find_job(planner, want->network);
		/* Sockets are bound to an index: a bridge that cannot have its old one again loses them. */
		bool rebound = job && !job->seen && !old_index(planner, want->network);

		if (!is_wanted(planner, want->network))
			continue;
		if (!have || !have->running)
			add_service_step(planner, PHASE_START_SERVICES, PLAN_SERVICE_START, OUTCOME_CREATE, want->network, want);
		else if (!is_service_good(want, have) || rebound)
			add_service_step(planner, PHASE_START_SERVICES, PLAN_SERVICE_RESTART, OUTCOME_UPDATE, want->network, want);
		else if (have->data_hash != want->data_hash)
			add_service_step(planner, PHASE_START_SERVICES, PLAN_SERVICE_RELOAD, OUTCOME_UPDATE, want->network, want);
	}
	for (size_t i = 0; i < snapshot->n_services; i++) {
		const struct netstate_service *have = &snapshot->services[i];

		if (!have->running || is_excepted(planner, have->network))
			continue;
		if (!is_wanted(planner, have->network) || !netstate_find_service(desired, have->network))
			add_service_step(planner, PHASE_STOP_SERVICES, PLAN_SERVICE_STOP, OUTCOME_DELETE, have->network, have);
	}
}

/* All together */

static void plan_networks(struct planner *planner)
{
	for (size_t i = 0; i < planner->n_jobs; i++) {
		if (planner->jobs[i].blocked || planner->jobs[i].excepted)
			continue;
		plan_bridge(planner, &planner->jobs[i]);
		plan_addresses(planner, &planner->jobs[i]);
	}
	for (size_t i = 0; i < planner->n_seen; i++) {
		const struct seen *seen = &planner->seen[i];

		if (is_leaving(planner, seen)) {
			plan_leaving_bridge(planner, seen);
			plan_leaving_addresses(planner, seen);
		} else if (!seen->taken && !is_excepted(planner, seen->network)) {
			add_note(planner, PLAN_NOTE_BRIDGE_DOUBLE, seen->network, seen->bridge->name, NULL);
		}
	}
}

struct order {
	const struct plan_step *step;
	size_t position;
};

static int compare_order(const void *a, const void *b)
{
	const struct order *left = a, *right = b;
	int r = left->step->phase - right->step->phase;

	if (r == 0)
		r = strcmp(left->step->network, right->step->network);
	if (r == 0)
		r = left->position < right->position ? -1 : 1;
	return r;
}

/* Steps are large: their places are sorted, and each is moved once. */
static int sort_steps(struct plan *plan)
{
	_cleanup_(freep) struct order *order = calloc(plan->n_steps + 1, sizeof(*order));
	_cleanup_(freep) struct plan_step *sorted = calloc(plan->n_steps + 1, sizeof(*sorted));

	if (!order || !sorted)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_steps; i++)
		order[i] = (struct order){ &plan->steps[i], i };
	qsort(order, plan->n_steps, sizeof(*order), compare_order);
	for (size_t i = 0; i < plan->n_steps; i++)
		sorted[i] = *order[i].step;
	free(plan->steps);
	plan->steps = steal_ptr(sorted);
	return 0;
}

/*
 * Compares and plans. @memory may be NULL: nothing is remembered. @except names networks that are left out
 * of this pass, sorted. Both states must be sorted. @now_us becomes the plan's id. The caller owns
 * @ret_plan. -ENOMEM only.
 */
int plan_build(const struct netstate *desired, const struct netstate *snapshot, const struct plan_memory *memory,
	       const char (*except)[NETWORK_NAME_SIZE], size_t n_except, uint64_t now_us, struct plan *ret_plan)
{
	static const struct plan_memory nothing;
	struct hints hints = { 0 };
	_cleanup_(planner_deinit) struct planner planner = {
		.hints = &hints, .desired = desired, .snapshot = snapshot, .memory = memory ? memory : &nothing,
		.except = except, .n_except = n_except, .plan = { .id = now_us },
	};
	int r;

	r = see_bridges(&planner);
	if (r < 0)
		return r;
	if (snapshot->table.foreign_owner) {
		add_note(&planner, PLAN_NOTE_TABLE_OWNED, "", "", NULL);
	} else {
		r = make_jobs(&planner);
		if (r < 0)
			return r;
		plan_networks(&planner);
		plan_table(&planner);
		plan_checksums(&planner);
		plan_sysctls(&planner);
		plan_ports(&planner);
		plan_services(&planner);
		note_overlaps(&planner);
	}
	if (planner.error == 0)
		planner.error = sort_steps(&planner.plan);
	if (planner.error < 0)
		return planner.error;

	*ret_plan = planner.plan;
	planner.plan = PLAN_NULL;
	return 0;
}

/* Names */

static const char *const phase_names[] = {
	[PHASE_STOP_SERVICES] = "stop-services", [PHASE_CREATE_LINKS] = "create-links",
	[PHASE_SET_LINKS] = "set-links", [PHASE_ADD_ADDRESSES] = "add-addresses", [PHASE_RULES] = "rules",
	[PHASE_SYSCTLS] = "sysctls", [PHASE_UP] = "up", [PHASE_PORTS] = "ports",
	[PHASE_START_SERVICES] = "start-services", [PHASE_REMOVE_ADDRESSES] = "remove-addresses",
	[PHASE_DOWN] = "down", [PHASE_REMOVE_RULES] = "remove-rules", [PHASE_DELETE_LINKS] = "delete-links",
};
static_assert(ARRAY_SIZE(phase_names) == PHASE_MAX_, "a name for each phase");

static const char *const op_names[] = {
	[PLAN_SERVICE_STOP] = "service-stop", [PLAN_SERVICE_START] = "service-start",
	[PLAN_SERVICE_RESTART] = "service-restart", [PLAN_SERVICE_RELOAD] = "service-reload",
	[PLAN_BRIDGE_CREATE] = "bridge-create", [PLAN_BRIDGE_SET] = "bridge-set", [PLAN_BRIDGE_RENAME] = "bridge-rename",
	[PLAN_BRIDGE_UP] = "bridge-up", [PLAN_BRIDGE_DOWN] = "bridge-down", [PLAN_BRIDGE_DELETE] = "bridge-delete",
	[PLAN_ADDRESS_ADD] = "address-add", [PLAN_ADDRESS_REMOVE] = "address-remove",
	[PLAN_ROUTE_ADD] = "route-add",
	[PLAN_TABLE_ADOPT] = "table-adopt", [PLAN_TABLE_REPLACE] = "table-replace", [PLAN_TABLE_DELETE] = "table-delete",
	[PLAN_ELEMENT_ADD] = "element-add", [PLAN_ELEMENT_REMOVE] = "element-remove",
	[PLAN_CHECKSUM_ADD] = "checksum-add", [PLAN_CHECKSUM_REMOVE] = "checksum-remove",
	[PLAN_SYSCTL_SET] = "sysctl-set", [PLAN_PORT_PUT_BACK] = "port-put-back",
};
static_assert(ARRAY_SIZE(op_names) == PLAN_OP_MAX_, "a name for each operation");

static const char *const outcome_names[] = {
	[OUTCOME_KEEP] = "keep", [OUTCOME_CREATE] = "create", [OUTCOME_UPDATE] = "update",
	[OUTCOME_DELETE] = "delete", [OUTCOME_FOREIGN] = "foreign",
};
static_assert(ARRAY_SIZE(outcome_names) == OUTCOME_FOREIGN + 1, "a name for each outcome");

static const char *const note_names[] = {
	[PLAN_NOTE_BRIDGE_FOREIGN] = "bridge-foreign", [PLAN_NOTE_BRIDGE_MISSING] = "bridge-missing", [PLAN_NOTE_BRIDGE_DOUBLE] = "bridge-double",
	[PLAN_NOTE_ADDRESS_FOREIGN] = "address-foreign", [PLAN_NOTE_PORT_PHYSICAL] = "port-physical",
	[PLAN_NOTE_ROUTE_WIDER] = "route-wider", [PLAN_NOTE_ROUTE_INSIDE] = "route-inside",
	[PLAN_NOTE_TABLE_OWNED] = "table-owned",
};
static_assert(ARRAY_SIZE(note_names) == PLAN_NOTE_MAX_, "a name for each note");

const char *plan_phase_name(enum plan_phase phase)
{
	return phase_names[phase];
}

const char *plan_op_name(enum plan_op op)
{
	return op_names[op];
}

const char *plan_outcome_name(enum plan_outcome outcome)
{
	return outcome_names[outcome];
}

const char *plan_note_name(enum plan_note_kind kind)
{
	return note_names[kind];
}
