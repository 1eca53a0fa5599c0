/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Steps and notes of a plan: collected, put in order, called by name.
 * Pure: no system calls.
 */
#include "plan-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"

/* Frees what the step owns, which is in no plan any more after that. */
void plan_step_deinit(struct plan_step *step)
{
	if (step->op == PLAN_PORT_PUT_BACK || step->op == PLAN_PORT_SET)
		free(step->port);
}

/* Frees what the plan owns. */
void plan_deinit(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		plan_step_deinit(&plan->steps[i]);
	free(plan->steps);
	free(plan->notes);
	*plan = PLAN_NULL;
}

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

/* A new step to fill in; NULL when there is no memory, and the planner has the error then. */
struct plan_step *planner_add_step(struct planner *planner, enum plan_phase phase, enum plan_op op,
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
	memccpy(step->network, network, '\0', sizeof(step->network) - 1);
	return step;
}

/* A note to fill the rest of in; none when there is no memory, and the planner has the error then. */
void planner_add_note(struct planner *planner, enum plan_note_kind kind, const char *network, const char *link,
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
void planner_add_##kind##_step(struct planner *planner, enum plan_phase phase, enum plan_op op,	\
			       enum plan_outcome outcome, const char *network,			\
			       const struct netstate_##kind *object)				\
{												\
	struct plan_step *step = planner_add_step(planner, phase, op, outcome, network);	\
												\
	if (step)										\
		step->kind = *object;								\
}
PLANNER_KINDS(DEFINE_ADD_STEP)

void planner_add_port_step(struct planner *planner, enum plan_op op, const char *network, const struct netstate_port *port)
{
	struct netstate_port *copy = malloc(sizeof(*copy));
	struct plan_step *step = copy ? planner_add_step(planner, PHASE_PORTS, op, OUTCOME_UPDATE, network) : NULL;

	if (!copy)
		planner->error = -ENOMEM;
	if (!step) {
		free(copy);
		return;
	}
	*copy = *port;
	step->port = copy;
}

/* Phase, network and position as numbers that compare as these do: thousands of steps are compared a dozen times each. */
struct order {
	uint64_t first;			/* the phase, and the first 7 bytes of the network's name */
	uint64_t rest;			/* the other 5, and the position */
};
#define POSITION_BITS	24
#define NAME_BYTES	7
static_assert(NETWORK_NAME_SIZE - 1 - NAME_BYTES <= (64 - POSITION_BITS) / 8, "a name fits");

static struct order make_order(const struct plan_step *step, size_t position)
{
	struct order order = { .first = step->phase, .rest = 0 };

	for (unsigned int i = 0; i < NETWORK_NAME_SIZE - 1; i++) {
		uint64_t *part = i < NAME_BYTES ? &order.first : &order.rest;

		*part = *part << 8 | (uint8_t)step->network[i];
	}
	order.rest = order.rest << POSITION_BITS | position;
	return order;
}

static size_t get_position(const struct order *order)
{
	return order->rest & ((UINT64_C(1) << POSITION_BITS) - 1);
}

static int compare_order(const void *a, const void *b)
{
	const struct order *left = a, *right = b;

	if (left->first != right->first)
		return left->first < right->first ? -1 : 1;
	return left->rest < right->rest ? -1 : left->rest > right->rest;
}

/* Steps are large, and many: their places are sorted, and each is moved once, to where it belongs. */
int planner_sort_steps(struct plan *plan)
{
	_cleanup_(freep) struct order *order = calloc(plan->n_steps + 1, sizeof(*order));
	struct plan_step *steps = plan->steps;

	if (!order || plan->n_steps >> POSITION_BITS)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_steps; i++)
		order[i] = make_order(&steps[i], i);
	qsort(order, plan->n_steps, sizeof(*order), compare_order);
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step first = steps[i];
		size_t to = i;

		/* Round the circle of those that wait for each other's places, until the first one's is found. */
		for (size_t from = get_position(&order[to]); from != i; from = get_position(&order[to])) {
			steps[to] = steps[from];
			order[to].rest = to;
			to = from;
		}
		steps[to] = first;
		order[to].rest = to;
	}
	return 0;
}

static const char *const phase_names[] = {
	[PHASE_FREE_UPLINKS] = "free-uplinks",
	[PHASE_STOP_SERVICES] = "stop-services", [PHASE_RULES_AHEAD] = "rules-ahead", [PHASE_CREATE_LINKS] = "create-links",
	[PHASE_SET_LINKS] = "set-links", [PHASE_ADD_ADDRESSES] = "add-addresses", [PHASE_RULES] = "rules",
	[PHASE_SYSCTLS] = "sysctls", [PHASE_UP] = "up", [PHASE_PORTS] = "ports",
	[PHASE_TAKE_UPLINKS] = "take-uplinks", [PHASE_START_SERVICES] = "start-services", [PHASE_REMOVE_ADDRESSES] = "remove-addresses",
	[PHASE_DOWN] = "down", [PHASE_REMOVE_RULES] = "remove-rules", [PHASE_DELETE_LINKS] = "delete-links",
};
static_assert(ARRAY_SIZE(phase_names) == PHASE_MAX_, "a name for each phase");

static const char *const op_names[] = {
	[PLAN_SERVICE_STOP] = "service-stop", [PLAN_SERVICE_START] = "service-start",
	[PLAN_SERVICE_RESTART] = "service-restart", [PLAN_SERVICE_RELOAD] = "service-reload",
	[PLAN_BRIDGE_CREATE] = "bridge-create", [PLAN_BRIDGE_SET] = "bridge-set", [PLAN_BRIDGE_RENAME] = "bridge-rename", [PLAN_BRIDGE_UNNAME] = "bridge-unname",
	[PLAN_BRIDGE_UP] = "bridge-up", [PLAN_BRIDGE_DOWN] = "bridge-down", [PLAN_BRIDGE_DELETE] = "bridge-delete",
	[PLAN_ADDRESS_ADD] = "address-add", [PLAN_ADDRESS_REMOVE] = "address-remove",
	[PLAN_ROUTE_ADD] = "route-add",
	[PLAN_GUEST_ROUTE_ADD] = "guest-route-add", [PLAN_GUEST_ROUTE_REMOVE] = "guest-route-remove",
	[PLAN_TABLE_ADOPT] = "table-adopt", [PLAN_TABLE_REPLACE] = "table-replace", [PLAN_TABLE_DELETE] = "table-delete",
	[PLAN_ELEMENT_ADD] = "element-add", [PLAN_ELEMENT_REMOVE] = "element-remove",
	[PLAN_CHECKSUM_ADD] = "checksum-add", [PLAN_CHECKSUM_REMOVE] = "checksum-remove",
	[PLAN_SYSCTL_SET] = "sysctl-set", [PLAN_PORT_PUT_BACK] = "port-put-back",
	[PLAN_TAP_CREATE] = "tap-create", [PLAN_TAP_SET] = "tap-set", [PLAN_TAP_REMOVE] = "tap-remove",
	[PLAN_UPLINK_TAKE] = "uplink-take", [PLAN_UPLINK_RELEASE] = "uplink-release",
	[PLAN_PORT_SET] = "port-set", [PLAN_SHAPER_SET] = "shaper-set", [PLAN_SHAPER_REMOVE] = "shaper-remove",
	[PLAN_PROXY_ADD] = "proxy-add", [PLAN_PROXY_REMOVE] = "proxy-remove",
	[PLAN_TUNNEL_CREATE] = "tunnel-create", [PLAN_TUNNEL_SET] = "tunnel-set", [PLAN_TUNNEL_REMOVE] = "tunnel-remove",
	[PLAN_REMOTE_ADD] = "remote-add", [PLAN_REMOTE_REMOVE] = "remote-remove",
};
static_assert(ARRAY_SIZE(op_names) == PLAN_OP_MAX_, "a name for each operation");

static const char *const outcome_names[] = {
	[OUTCOME_KEEP] = "keep", [OUTCOME_CREATE] = "create", [OUTCOME_UPDATE] = "update",
	[OUTCOME_DELETE] = "delete", [OUTCOME_FOREIGN] = "foreign",
};
static_assert(ARRAY_SIZE(outcome_names) == OUTCOME_FOREIGN + 1, "a name for each outcome");

static const char *const note_names[] = {
	[PLAN_NOTE_BRIDGE_FOREIGN] = "bridge-foreign", [PLAN_NOTE_BRIDGE_MISSING] = "bridge-missing", [PLAN_NOTE_BRIDGE_DOUBLE] = "bridge-double",
	[PLAN_NOTE_ADDRESS_FOREIGN] = "address-foreign", [PLAN_NOTE_ADDRESS_OFF] = "address-off", [PLAN_NOTE_PORT_PHYSICAL] = "port-physical", [PLAN_NOTE_PORT_SECOND] = "port-second",
	[PLAN_NOTE_GUEST_ROUTE_FOREIGN] = "guest-route-foreign", [PLAN_NOTE_GUEST_ROUTE_TAKEN] = "guest-route-taken",
	[PLAN_NOTE_ROUTE_WIDER] = "route-wider", [PLAN_NOTE_ROUTE_INSIDE] = "route-inside",
	[PLAN_NOTE_ROUTE_TABLE] = "route-table",
	[PLAN_NOTE_TAP_FOREIGN] = "tap-foreign", [PLAN_NOTE_TAP_BUSY] = "tap-busy", [PLAN_NOTE_TAP_LEAVING] = "tap-leaving",
	[PLAN_NOTE_SHAPER_FOREIGN] = "shaper-foreign", [PLAN_NOTE_PROXY_ASIDE] = "proxy-aside", [PLAN_NOTE_PROXY_TAKEN] = "proxy-taken",
	[PLAN_NOTE_TUNNEL_FOREIGN] = "tunnel-foreign", [PLAN_NOTE_TUNNEL_LOST] = "tunnel-lost", [PLAN_NOTE_TUNNEL_TIGHT] = "tunnel-tight",
	[PLAN_NOTE_TUNNEL_LOCAL] = "tunnel-local",
	[PLAN_NOTE_TABLE_OWNED] = "table-owned",
};
static_assert(ARRAY_SIZE(note_names) == PLAN_NOTE_MAX_, "a name for each note");

/* Names as plans are printed with; static strings. */
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
