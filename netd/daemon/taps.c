/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom declared taps belong to, and taps of others that are to be taken in.
 * Reads /etc/passwd and /etc/group, may run one child for other accounts; changes the mark of a tap.
 */
#include "taps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../policy/policy.h"
#include "../kernel/dump.h"
#include "../kernel/link.h"

static bool find_owner(const struct network *network, const struct network_tap *tap, bool group, const char *lookup_path,
		       uint32_t *ret_id, struct text *problem)
{
	const char *name = group ? tap->group : tap->user;

	*ret_id = NETSTATE_NOBODY;
	if (!name[0] || policy_find_account(name, group, lookup_path, ret_id))
		return true;
	if (!problem->length)
		text_add(problem, "%s:%u: tap %s is not made: there is no %s %s (guestnet reload, once there is)",
			 STR_ESCAPED(network->paths[tap->place.file]), tap->place.line, tap->name, group ? "group" : "user",
			 STR_ESCAPED(name));
	return false;
}

/*
 * Looks up who owns the taps of a network. One whose owner nobody knows stays unknown, and is not made; the first of
 * them is named, with file and line. False when there is one.
 */
bool taps_find_owners(struct network *network, const char *lookup_path, struct text *problem)
{
	bool all = true;

	for (size_t i = 0; i < network->n_taps; i++) {
		struct network_tap *tap = &network->taps[i];

		all &= find_owner(network, tap, false, lookup_path, &tap->uid, problem) &&
		       find_owner(network, tap, true, lookup_path, &tap->gid, problem);
	}
	return all;
}

static bool is_stray(const struct netstate_port *port)
{
	return port->tap && !port->master && !port->up && port->owner != NETSTATE_OURS;
}

/* Taps of others that are down and on no bridge, as QEMU leaves them with script=no. Returns how many, at most @max. */
size_t taps_find_stray(const struct netstate *snapshot, char (*ret_names)[IFNAME_SIZE], size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->n_ports && n < max; i++)
		if (is_stray(&snapshot->ports[i]))
			memcpy(ret_names[n++], snapshot->ports[i].name, IFNAME_SIZE);
	return n;
}

static int put_mark(struct kernel *kernel, const struct netstate_port *port, const struct network *network)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	char alias[NETSTATE_ALIAS_SIZE];
	int r;

	snprintf(alias, sizeof(alias), DUMP_ALIAS_PORT "%u pid=0 net=%s kind=" DUMP_KIND_ADOPTED, NETSTATE_NOBODY, network->bridge);
	link_put_mark(&batch, port->ifindex, alias, NULL, 0);
	r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		if (batch.entries[i].error != -EAFNOSUPPORT)
			r = batch.entries[i].error;
	return r;
}

/*
 * Takes a tap in that another program has made: from now on it carries our mark, and the next pass puts it on the bridge
 * of @network, as any port of ours. -ENOENT when there is none, -EINVAL when it is something else or on a bridge already.
 */
int taps_adopt(struct kernel *kernel, const char *name, const struct network *network, struct failure *failure)
{
	const struct netstate *snapshot = &kernel->view.state;
	int r, ifindex = ifname_is_valid(name) ? link_index(kernel, name) : 0;

	if (!ifindex)
		return failure_set(failure, -ENOENT, "there is no interface %s", STR_ESCAPED(name));
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		const struct netstate_port *port = &snapshot->ports[i];

		if (port->ifindex != ifindex)
			continue;
		if (port->owner == NETSTATE_OURS)
			return failure_set(failure, -EINVAL, "%s is a port of ours already, of %s", STR_ESCAPED(name),
					   STR_ESCAPED(port->bridge));
		if (port->master || !port->tap)
			break;
		r = put_mark(kernel, port, network);
		return r < 0 ? failure_set(failure, r, "%s: %s", STR_ESCAPED(name), strerror(-r)) : 0;
	}
	return failure_set(failure, -EINVAL, "%s is not a tap that is on no bridge: only such a one can be adopted",
			   STR_ESCAPED(name));
}
