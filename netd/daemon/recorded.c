/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plans in a record: all that a plan is made of, as text, and the plan.
 * Writes the record.
 */
#include "recorded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../lib/util.h"
#include "../model/print.h"

static int print_section(FILE *file, const char *name, const struct netstate *state)
{
	_cleanup_(freep) char *text = NULL;
	int r = netstate_print(state, &text);

	if (r == 0)
		fprintf(file, "== %s\n%s", name, text);
	return r;
}

/*
 * Adds what plan_build() was given, and what it made of that: sections that begin with "== NAME". Nothing without a
 * recorder. -ENOMEM only.
 */
int record_plan(struct recorder *recorder, const struct netstate *desired, const struct netstate *snapshot,
		const struct plan_memory *memory, const char (*except)[NETWORK_NAME_SIZE], size_t n_except,
		uint64_t now_us, const struct plan *plan)
{
	const struct netstate remembered = {
		.ports = (struct netstate_port *)memory->ports, .n_ports = memory->n_ports,
		.bridges = (struct netstate_bridge *)memory->bridges, .n_bridges = memory->n_bridges,
		.addresses = (struct netstate_address *)memory->addresses, .n_addresses = memory->n_addresses,
	};
	_cleanup_(freep) char *text = NULL, *steps = NULL;
	size_t size = 0;
	FILE *file;
	int r;

	if (!recorder)
		return 0;
	file = open_memstream(&text, &size);
	if (!file)
		return -ENOMEM;
	fprintf(file, "== now\n%" PRIu64 "\n== except\n", now_us);
	for (size_t i = 0; i < n_except; i++)
		fprintf(file, "%s\n", except[i]);
	if (memory->no_taps)
		fprintf(file, "== no-taps\n");
	r = print_section(file, "desired", desired);
	if (r == 0)
		r = print_section(file, "snapshot", snapshot);
	if (r == 0)
		r = print_section(file, "memory", &remembered);
	if (r == 0)
		r = plan_print(plan, &steps);
	if (r == 0)
		fprintf(file, "== plan\n%s", steps);
	if (fclose(file) != 0 && r == 0)
		r = -ENOMEM;
	if (r == 0)
		recorder_add(recorder, RECORD_PLAN, text, size);
	return r;
}
