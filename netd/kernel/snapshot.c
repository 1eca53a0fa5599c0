/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: the kernel's networking as a struct netstate.
 * Reads; changes and decides nothing.
 *
 * Theory of operation
 *
 * What was read is kept (struct view), and only what is dirty is read again: a part as a whole by a dump, or, where
 * events name the interfaces that something has happened to, those interfaces with their addresses, each by its index.
 * A part that could not be read, or whose dump was interrupted, stays dirty as a whole.
 *
 * A dump is several system calls, and what it describes can change between them. rtnetlink says so (an
 * interrupted dump), nftables has a generation that is the same before and after a dump that is whole.
 * In both cases everything is read again, a few times; after that it is somebody else who never stops.
 *
 * Values of interfaces below /proc/sys/net come with the messages of links: reading a file of /proc takes seven times
 * as long. No event tells when they change; a dump of all links does, and whoever wants to be sure makes them dirty.
 */
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/util.h"
#include "proxies.h"
#include "rules.h"
#include "shaper.h"
#include "snapshot-internal.h"
#include "sysctl.h"
#include "tunnels.h"

#define ATTEMPTS	10

/* What an interface was called at the last look; NULL when it was not there. Borrowed until the next one. */
const char *kernel_link_name(const struct kernel *kernel, int ifindex)
{
	const struct view_link *link = view_find_link(&kernel->view, ifindex);

	return link ? link->name : NULL;
}

/* Was this index a bridge of ours at the last look? */
bool kernel_is_our_bridge(const struct kernel *kernel, int ifindex)
{
	const struct view_link *link = view_find_link(&kernel->view, ifindex);

	return link && link->ours;
}

/*
 * While the host's switch is off, nothing can be said of who is taken out of forwarding, and when it goes on all are put
 * into it: what was read of interfaces before is then worth nothing. -EINTR when it went on or off while they were read.
 */
static int check_forwarding(struct kernel *kernel, bool links_read, bool all_read)
{
	struct view *view = &kernel->view;
	int now[2];

	if (!links_read)
		return 0;
	sysctl_read_forwarding(kernel, now);
	if (memcmp(now, view->forwards, sizeof(now)) != 0)
		return -EINTR;
	for (size_t i = 0; i < ARRAY_SIZE(now); i++)
		view->values_of_off[i] = now[i] == 0 || (!all_read && view->values_of_off[i]);
	return 0;
}

static bool has_value(const struct view_link *link, enum dump_value value, int32_t wanted)
{
	return link->values.present >> value & 1 && link->values.values[value] == wanted;
}

/* Interfaces of which there is something to say. */
static int find_devices(struct view *view)
{
	const uint64_t now = view->changes + 1;
	const bool off4 = view->forwards[0] == 0, off6 = view->forwards[1] == 0;
	const struct netstate_device all = { .name = "all", .off4 = off4, .off6 = off6 };
	int r;

	/* They are as they were while the links are, and their addresses and routes. */
	if (view->devices_of == now && memcmp(view->devices_forwards, view->forwards, sizeof(view->forwards)) == 0)
		return 0;
	view->devices_of = 0;
	view->state.n_devices = 0;
	r = netstate_add_device(&view->state, &all);
	for (size_t i = 0; r == 0 && i < view->n_links; i++) {
		const struct view_link *link = &view->links[i];
		struct netstate_device device = {
			.card = link->card,
			.ra = (link->ra_address || link->ra_route) && !link->ours,
			.off4 = !off4 && has_value(link, VALUE_FORWARDING4, 0),
			.off6 = !off6 && has_value(link, VALUE_FORWARDING6, 0),
		};

		if (link->loopback || link->port || (!device.card && !device.ra && !device.off4 && !device.off6))
			continue;
		memcpy(device.name, link->name, sizeof(device.name));
		r = netstate_add_device(&view->state, &device);
	}
	netstate_sort_devices(&view->state);
	memcpy(view->devices_forwards, view->forwards, sizeof(view->forwards));
	view->devices_of = r == 0 ? now : 0;
	return r;
}

static bool is_dirty_link(const struct dirt *dirt, int ifindex)
{
	for (unsigned int i = 0; i < dirt->n_links; i++)
		if (dirt->links[i] == ifindex)
			return true;
	return false;
}

/* Has a queue changed at an interface that no event has named? */
static bool is_unexpected(const struct netstate *before, const struct netstate *after, const struct dirt *dirt)
{
	size_t i = 0, j = 0;

	while (i < before->n_shapers || j < after->n_shapers) {
		const struct netstate_shaper *old = i < before->n_shapers ? &before->shapers[i] : NULL;
		const struct netstate_shaper *new = j < after->n_shapers ? &after->shapers[j] : NULL;
		int order = !old ? 1 : !new ? -1 : strcmp(old->link, new->link);

		if ((order != 0 || memcmp(old, new, sizeof(*old)) != 0) &&
		    !is_dirty_link(dirt, order > 0 ? new->ifindex : old->ifindex))
			return true;
		i += order <= 0;
		j += order >= 0;
	}
	return false;
}

/* Queues are read while there are some of ours, all of them in one dump. */
static int read_shapers(struct kernel *kernel, const struct dirt *dirt)
{
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	struct netstate *state = &kernel->view.state;
	bool used = kernel->shapers_wanted;
	int r = shaper_read(kernel, &fresh);

	if (r < 0)
		return r;
	kernel->view.wholes += is_unexpected(state, &fresh, dirt);
	for (size_t i = 0; i < fresh.n_shapers; i++)
		used |= fresh.shapers[i].ours;
	kernel->shapers_used = used;
	TAKE(state, &fresh, shapers);
	return 0;
}

/* No event tells of these: they are read in each look while there are some of ours, all of them in one dump. */
static int read_proxies(struct kernel *kernel)
{
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	struct netstate *state = &kernel->view.state;
	bool used = kernel->proxies_wanted;
	int r = proxies_read(kernel, &fresh);

	if (r < 0)
		return r;
	kernel->view.wholes += !SAME(state, &fresh, proxies);
	for (size_t i = 0; i < fresh.n_proxies; i++)
		used |= fresh.proxies[i].ours;
	kernel->proxies_used = used;
	TAKE(state, &fresh, proxies);
	return 0;
}

/* Whom tunnels of ours lead to: read in each look while there are some that have that from a file. */
static int read_remotes(struct kernel *kernel)
{
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	struct netstate *state = &kernel->view.state;
	bool used = kernel->remotes_wanted;
	int r = tunnels_read_remotes(kernel, &fresh);

	if (r < 0)
		return r;
	for (size_t i = 0; i < state->n_tunnels; i++)
		used |= state->tunnels[i].network[0] && state->tunnels[i].listed;
	kernel->remotes_used = used;
	TAKE(state, &fresh, remotes);
	return 0;
}

static int look_once(struct kernel *kernel, unsigned int parts, const char **ret_what)
{
	struct view *view = &kernel->view;
	struct dirt dirt;
	bool all = false;
	int r;

	sysctl_read_forwarding(kernel, view->forwards);
	for (size_t i = 0; i < ARRAY_SIZE(view->forwards); i++)
		if (view->forwards[i] == 1 && view->values_of_off[i])
			kernel->dirt.parts |= DIRTY_LINKS;
	dirt = kernel->dirt;
	if (dirt.overlap || snapshot_has_overlap_on(kernel, &dirt)) {
		kernel->dirt.parts |= DIRTY_ROUTES;
		parts |= SNAPSHOT_ROUTES;
	}
	*ret_what = "links";
	r = dirt.parts & DIRTY_LINKS ? snapshot_read_links(kernel) : 0;
	if (r == 0 && dirt.n_links > 0 && (dirt.parts & (DIRTY_LINKS | DIRTY_ADDRESSES)) != (DIRTY_LINKS | DIRTY_ADDRESSES))
		r = snapshot_read_some_links(kernel, &dirt);
	if (r == 0 && kernel->shapers_used && (dirt.parts & (DIRTY_LINKS | DIRTY_FILTERS) || dirt.n_links > 0)) {
		*ret_what = "queues";
		r = read_shapers(kernel, &dirt);
	}
	if (r == 0 && kernel->proxies_used) {
		*ret_what = "proxies";
		r = read_proxies(kernel);
	}
	if (r == 0 && kernel->remotes_used) {
		*ret_what = "forwarding entries";
		r = read_remotes(kernel);
	}
	if (r == 0 && kernel->dirt.parts & DIRTY_ADDRESSES && parts & SNAPSHOT_ADDRESSES) {
		*ret_what = "addresses";
		r = snapshot_read_addresses(kernel);
		netstate_sort_addresses(&view->state);
		all = true;
	}
	/* For the routes of one's own bridges, all are read at first, and whenever the links are others. */
	if (r == 0 && kernel->dirt.parts & DIRTY_ROUTES && (parts & SNAPSHOT_ROUTES || kernel->dirt.parts & DIRTY_ADDRESSES)) {
		*ret_what = "routes";
		r = snapshot_read_routes(kernel);
		netstate_sort_routes(&view->state);
		view->foreign_routes = true;
		kernel->dirt.parts &= ~(unsigned int)DIRTY_ROUTES;
		all = true;
	}
	if (r == 0 && all)
		netstate_mark_routes(&view->state);
	if (r == 0 && kernel->dirt.parts & DIRTY_ROUTES && view->foreign_routes)
		snapshot_drop_foreign_routes(kernel);
	if (r == 0)
		r = check_forwarding(kernel, dirt.parts & DIRTY_LINKS || dirt.n_links > 0, dirt.parts & DIRTY_LINKS);
	if (r == 0)
		r = find_devices(view);
	if (r == 0 && parts & SNAPSHOT_RULES) {
		*ret_what = "nftables";
		r = rules_look(kernel, &dirt);
	}
	if (r < 0) {
		kernel->dirt = DIRT_EVERYTHING;
		return r;
	}
	kernel->dirt.n_links = 0;
	kernel->dirt.overlap = false;
	kernel->dirt.parts &= ~(unsigned int)(DIRTY_LINKS | DIRTY_SYSCTLS | DIRTY_FILTERS | (parts & SNAPSHOT_ADDRESSES ? DIRTY_ADDRESSES : 0) |
					      (parts & SNAPSHOT_RULES ? DIRTY_RULES : 0));
	return 0;
}

/*
 * Brings kernel->view up to date: what kernel->dirt names, of the parts that are asked for. Links are always read: the
 * rest needs their names. Without SNAPSHOT_ROUTES only routes of bridges of ours are sure to be there. Errors: -EINTR when the kernel's tables never stood still, others as they come; with a text.
 * After an error everything is dirty.
 */
int kernel_look(struct kernel *kernel, unsigned int parts, struct failure *failure)
{
	const char *what = "";
	int r = -EINTR;

	recorder_add_look(kernel->recorder, kernel, parts);
	kernel->view.all_links = false;
	for (unsigned int i = 0; r == -EINTR && i < ATTEMPTS; i++)
		r = look_once(kernel, parts, &what);
	return r < 0 ? failure_set(failure, r, "cannot read %s from the kernel: %s", what, strerror(-r)) : 0;
}

/*
 * To be called when @desired is another one: what the view has of others follows from it. @values: it may name values of
 * interfaces that were there before; those of one that is made for it come with its event. -ENOMEM only.
 */
int kernel_want(struct kernel *kernel, const struct netstate *desired, bool values)
{
	int r = snapshot_watch_routes(&kernel->view, desired);

	kernel->view.new_desire |= values || r < 0;
	return r;
}

/*
 * Queues are looked at while there are some of ours (kernel_look() does it), or @desired has some: where they were not until
 * now, they are read now. Errors as the kernel has them.
 */
int kernel_look_at_shapers(struct kernel *kernel, const struct netstate *desired)
{
	static const struct dirt nothing;

	kernel->shapers_wanted = desired->n_shapers > 0;
	if (!kernel->shapers_wanted || kernel->shapers_used)
		return 0;
	return read_shapers(kernel, &nothing);
}

/*
 * Addresses that the host answers for are looked at while there are some of ours (kernel_look() does it), or @desired has a
 * network with such: where it had none until now, they are read now, others' with them. Errors as the kernel has them.
 */
int kernel_look_at_proxies(struct kernel *kernel, const struct netstate *desired)
{
	const bool wanted_before = kernel->proxies_wanted;

	kernel->proxies_wanted = netstate_has_proxied(desired);
	return kernel->proxies_wanted && !wanted_before ? read_proxies(kernel) : 0;
}

/*
 * The same of whom tunnels lead to: they are looked at while there are tunnels of ours with a list, or @desired has such. It is to
 * be known what has become of the list, too: the monitor asks for events then. And what the ways there take, for each of those
 * that @desired has. Errors as the kernel has them.
 */
int kernel_look_at_remotes(struct kernel *kernel, const struct netstate *desired)
{
	kernel->remotes_wanted = desired->n_remotes > 0;
	kernel->remotes_used |= kernel->remotes_wanted;
	for (size_t i = 0; i < kernel->view.state.n_tunnels; i++) {
		struct netstate_tunnel *tunnel = &kernel->view.state.tunnels[i];
		const char *under = tunnel->under_index ? kernel_link_name(kernel, tunnel->under_index) : NULL;

		memset(tunnel->under, 0, sizeof(tunnel->under));
		snprintf(tunnel->under, sizeof(tunnel->under), "%s", under ?: "");
	}
	return kernel->remotes_wanted ? tunnels_look_at_ways(kernel, desired) : 0;
}

static int add_tap(struct netstate *fresh, const struct view *view, const struct view_link *link)
{
	struct netstate_tap tap;

	memset(&tap, 0, sizeof(tap));
	memcpy(tap.name, link->name, sizeof(tap.name));
	tap.ifindex = link->ifindex;
	tap.uid = link->tap.uid;
	tap.gid = link->tap.gid;
	tap.ours = link->tap.declared;
	tap.persist = link->tap.persist;
	tap.multi_queue = link->tap.multi_queue;
	tap.in_use = link->tap.in_use;
	/* A port of ours, as it is marked: the list has it, and knows where it belongs. */
	for (size_t i = 0; tap.ours && i < view->state.n_ports; i++)
		if (view->state.ports[i].ifindex == link->ifindex)
			memcpy(tap.bridge, view->state.ports[i].bridge, sizeof(tap.bridge));
	return netstate_add_tap(fresh, &tap);
}

/*
 * The taps that are marked as declared, and whatever is called as one that @desired declares, into the view, as
 * kernel_look() has found them. -ENOMEM only.
 */
int kernel_look_at_taps(struct kernel *kernel, const struct netstate *desired)
{
	struct view *view = &kernel->view;
	struct netstate fresh = NETSTATE_NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < view->n_links; i++)
		if (view->links[i].tap.declared || netstate_find_tap(desired, view->links[i].name))
			r = add_tap(&fresh, view, &view->links[i]);
	if (r < 0) {
		netstate_deinit(&fresh);
		return r;
	}
	netstate_sort_taps(&fresh);
	TAKE(&view->state, &fresh, taps);
	return 0;
}

static int copy_state(const struct netstate *state, struct netstate *ret_copy)
{
	struct netstate copy = { .table = state->table };
	int r = 0;

#define COPY(one, many)								\
	for (size_t i = 0; r == 0 && i < state->n_##many; i++)			\
		r = netstate_add_##one(&copy, &state->many[i]);
	NETSTATE_KINDS(COPY)
#undef COPY
	if (r < 0)
		netstate_deinit(&copy);
	else
		*ret_copy = copy;
	return r;
}

/*
 * Reads what @parts names, all of it afresh, into a sorted state, owned by the caller. @desired only says which
 * sysctls there are to look at, and may be NULL. Services are not the kernel's: there are none in it. Errors as
 * kernel_look().
 */
int kernel_snapshot(struct kernel *kernel, const struct netstate *desired, unsigned int parts,
		    struct netstate *ret_state, struct failure *failure)
{
	static const struct netstate nothing;
	int r;

	kernel->dirt = DIRT_EVERYTHING;
	kernel->view.new_desire = true;
	r = kernel_look(kernel, parts, failure);
	if (r < 0)
		return r;
	r = kernel_look_at_sysctls(kernel, desired && parts & SNAPSHOT_SYSCTLS ? desired : &nothing);
	if (r == 0)
		r = kernel_look_at_taps(kernel, desired ?: &nothing);
	if (r == 0)
		r = kernel_look_at_shapers(kernel, desired ?: &nothing);
	if (r == 0)
		r = kernel_look_at_proxies(kernel, desired ?: &nothing);
	if (r == 0)
		r = kernel_look_at_remotes(kernel, desired ?: &nothing);
	if (r == 0)
		r = copy_state(&kernel->view.state, ret_state);
	return r < 0 ? failure_set(failure, r, "%s", strerror(-r)) : 0;
}
