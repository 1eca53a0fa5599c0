/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces into the view: all of them, or those that events have named.
 * Reads; changes and decides nothing.
 */
#include "snapshot-internal.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"

static int compare_links(const void *a, const void *b)
{
	const struct view_link *left = a, *right = b;

	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

/* By index; NULL when it was not there at the last look. */
struct view_link *view_find_link(const struct view *view, int ifindex)
{
	const struct view_link key = { .ifindex = ifindex };

	if (view->n_links == 0)
		return NULL;
	return bsearch(&key, view->links, view->n_links, sizeof(key), compare_links);
}

/* By name, likewise; quick for bridges. */
const struct view_link *view_find_link_name(const struct view *view, const char *name)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(&view->state, name);

	if (bridge)
		return view_find_link(view, bridge->ifindex);
	for (size_t i = 0; i < view->n_links; i++)
		if (strcmp(view->links[i].name, name) == 0)
			return &view->links[i];
	return NULL;
}

/* Compared as bytes: what is between its members is 0. */
static void set_view_link(struct view_link *item, const struct dump_link *link)
{
	memset(item, 0, sizeof(*item));
	item->ifindex = link->port.ifindex;
	item->ours = link->bridge.owner == NETSTATE_OURS;
	item->port = link->port.master;
	item->card = link->port.physical && !link->port.master;
	item->loopback = link->loopback;
	item->values = link->values;
	item->tap = link->tap;
	item->tap.declared &= link->port.tap;
	memcpy(item->name, link->port.name, IFNAME_SIZE);
}

static bool is_port(const struct dump_link *link)
{
	return !link->bridge.ifindex && !link->tunnel.network[0] && (link->port.master || link->port.tap || link->port.owner == NETSTATE_OURS ||
				       netstate_is_group(link->port.group));
}

/* Links, on their way into the view. */
struct reading {
	struct netstate *state;
	struct view_link *links;	/* owned */
	size_t n_links, max_links, n_before;
};

static int each_link(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct dump_link link;
	int r;

	r = dump_link(message, &link);
	if (r < 0)
		return r;
	if (reading->n_links == reading->max_links) {
		size_t max = reading->max_links ? reading->max_links * 2 : reading->n_before + 64;
		struct view_link *grown = reallocarray(reading->links, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		reading->links = grown;
		reading->max_links = max;
	}
	set_view_link(&reading->links[reading->n_links++], &link);
	if (link.tunnel.name[0] && netstate_add_tunnel(reading->state, &link.tunnel) < 0)
		return -ENOMEM;
	if (link.bridge.ifindex)
		return netstate_add_bridge(reading->state, &link.bridge);
	return is_port(&link) ? netstate_add_port(reading->state, &link.port) : 0;
}

/*
 * Is this a port of a bridge of ours, one that may have fallen from it, or one that went elsewhere with our group? Says
 * where it belongs.
 */
static bool is_our_port(const struct view *view, struct netstate_port *port)
{
	const struct view_link *master = view_find_link(view, port->master);

	if (port->owner != NETSTATE_OURS && !(master && master->ours) && !(port->tap && !port->master) &&
	    !netstate_is_group(port->group))
		return false;
	if (port->bridge[0] == '\0' && master)
		memcpy(port->bridge, master->name, sizeof(port->bridge));
	return true;
}

static void keep_our_ports(const struct view *view, struct netstate *state)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n_ports; i++) {
		if (!is_our_port(view, &state->ports[i]))
			continue;
		if (i != n)
			memcpy(&state->ports[n], &state->ports[i], sizeof(*state->ports));
		n++;
	}
	state->n_ports = n;
}

static bool same_links(const struct view *view, const struct reading *reading)
{
	if (view->n_links != reading->n_links)
		return false;
	for (size_t i = 0; i < view->n_links; i++)
		if (view->links[i].ifindex != reading->links[i].ifindex || view->links[i].ours != reading->links[i].ours ||
		    strcmp(view->links[i].name, reading->links[i].name) != 0)
			return false;
	return true;
}

static void replace_links(struct view *view, struct reading *reading)
{
	struct netstate *state = &view->state, *fresh = reading->state;
	struct view_link *fitting;
	bool changed;

	/* What is not in the messages of links stays as it is known. */
	for (size_t i = 0; i < reading->n_links; i++) {
		const struct view_link *before = view_find_link(view, reading->links[i].ifindex);

		reading->links[i].ra_address = before && before->ra_address;
		reading->links[i].ra_route = before && before->ra_route;
		reading->links[i].other_routes = before && before->other_routes;
	}
	changed = !SAME(view, reading, links);
	fitting = reallocarray(reading->links, reading->n_links + 1, sizeof(*fitting));

	free(view->links);
	view->links = fitting ?: reading->links;
	view->n_links = reading->n_links;
	keep_our_ports(view, fresh);
	netstate_sort(fresh);
	changed |= !SAME(state, fresh, bridges) || !SAME(state, fresh, ports);
	view->changes += changed;
	view->wholes += changed;
	view->all_values |= changed;
	free(state->bridges);
	free(state->ports);
	state->bridges = steal_ptr(fresh->bridges);
	state->n_bridges = fresh->n_bridges;
	state->ports = steal_ptr(fresh->ports);
	state->n_ports = fresh->n_ports;
	TAKE(state, fresh, tunnels);
}

/* All links. Addresses and routes have to be read again when a name means another one now. */
int snapshot_read_links(struct kernel *kernel)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	_cleanup_(netstate_deinit) struct netstate fresh = NETSTATE_NULL;
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct reading reading = { .state = &fresh, .n_before = kernel->view.n_links };
	int r;

	nl_begin(&request, RTM_GETLINK, NLM_F_DUMP, 0, &header, sizeof(header));
	kernel_leave_out_counters(kernel, &request);
	r = nl_dump(&kernel->rtnl, &request, each_link, &reading);
	if (r < 0) {
		free(reading.links);
		return r;
	}
	if (reading.n_links > 0)
		qsort(reading.links, reading.n_links, sizeof(*reading.links), compare_links);
	if (!same_links(&kernel->view, &reading))
		kernel->dirt.parts |= DIRTY_ADDRESSES | DIRTY_ROUTES;
	replace_links(&kernel->view, &reading);
	kernel->view.all_links = true;
	return 0;
}

/* What was asked of single interfaces. */
struct asking {
	struct view *view;
	struct dump_link found[DIRT_LINKS];	/* by tag; no index: it is gone */
};

static int each_asked_link(const struct nlmsghdr *message, uint32_t tag, void *data)
{
	struct asking *asking = data;

	return message->nlmsg_type == RTM_NEWLINK && tag < DIRT_LINKS ? dump_link(message, &asking->found[tag]) : 0;
}

static int ask_links(struct kernel *kernel, const struct dirt *dirt, struct asking *asking)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	for (uint32_t i = 0; i < dirt->n_links; i++) {
		const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = dirt->links[i] };

		nl_begin(&batch, RTM_GETLINK, 0, i, &header, sizeof(header));
		kernel_leave_out_counters(kernel, &batch);
	}
	r = nl_transact(&kernel->rtnl, &batch, each_asked_link, asking);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		if (batch.entries[i].error && batch.entries[i].error != -ENODEV)
			r = batch.entries[i].error;
	return r;
}

static void remove_addresses(struct netstate *state, const char *link)
{
	size_t n, first = netstate_addresses_of(state, link, &n);

	memmove(&state->addresses[first], &state->addresses[first + n], (state->n_addresses - first - n) * sizeof(*state->addresses));
	state->n_addresses -= n;
}

static void remove_port(struct netstate *state, int ifindex)
{
	for (size_t i = 0; i < state->n_ports; i++)
		if (state->ports[i].ifindex == ifindex) {
			netstate_remove_port(state, i);
			return;
		}
}

/* Forgets an interface and all that is on it. */
static void remove_link(struct view *view, struct view_link *link)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(&view->state, link->name);
	size_t i = (size_t)(link - view->links);

	if (bridge)
		netstate_remove_bridge(&view->state, (size_t)(bridge - view->state.bridges));
	remove_port(&view->state, link->ifindex);
	for (size_t j = view->state.n_tunnels; j > 0; j--)
		if (view->state.tunnels[j - 1].ifindex == link->ifindex)
			netstate_remove_tunnel(&view->state, j - 1);
	if (link->ours)
		snapshot_remove_routes_of(&view->state, link);
	remove_addresses(&view->state, link->name);
	memmove(link, link + 1, (--view->n_links - i) * sizeof(*link));
}

/* -EINTR when another one has its name in the view: that one has changed, too, and its event is on its way. */
static int insert_link(struct view *view, const struct dump_link *link)
{
	struct view_link *grown;
	size_t i;

	if (view_find_link_name(view, link->port.name))
		return -EINTR;
	grown = reallocarray(view->links, view->n_links + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	view->links = grown;
	for (i = view->n_links; i > 0 && grown[i - 1].ifindex > link->port.ifindex; i--)
		;
	memmove(&grown[i + 1], &grown[i], (view->n_links++ - i) * sizeof(*grown));
	set_view_link(&grown[i], link);
	if (link->tunnel.name[0] && netstate_insert_tunnel(&view->state, &link->tunnel) < 0)
		return -ENOMEM;
	return link->bridge.ifindex ? netstate_insert_bridge(&view->state, &link->bridge) : 0;
}

static int each_port_of(const struct nlmsghdr *message, void *data)
{
	struct view *view = data;
	struct dump_link link;
	int r;

	r = dump_link(message, &link);
	if (r < 0 || !is_port(&link) || !is_our_port(view, &link.port))
		return r;
	remove_port(&view->state, link.port.ifindex);
	return netstate_insert_port(&view->state, &link.port);
}

/* A bridge has come, gone, or is called another way: its ports are ports of ours, or not, or of another bridge. */
static int read_ports_of(struct kernel *kernel, int bridge)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct netstate *state = &kernel->view.state;

	for (size_t i = state->n_ports; i > 0; i--)
		if (state->ports[i - 1].master == bridge)
			netstate_remove_port(state, i - 1);
	if (!view_find_link(&kernel->view, bridge))
		return 0;
	nl_begin(&request, RTM_GETLINK, NLM_F_DUMP, 0, &header, sizeof(header));
	/* Without IFLA_EXT_MASK: where there is one, the kernel asks all interfaces for their size first (rtnl_calcit()). */
	nl_put_u32(&request, IFLA_MASTER, (uint32_t)bridge);
	return nl_dump(&kernel->rtnl, &request, each_port_of, &kernel->view);
}

static void touch(struct view *view, const char *name)
{
	if (view->n_touched < ARRAY_SIZE(view->touched))
		memcpy(view->touched[view->n_touched++], name, IFNAME_SIZE);
	else
		view->all_values = true;
}

/*
 * An interface of others has another name, or none any more; of its routes no event tells. Where it is gone or has become a bridge of
 * ours (which it was before somebody renamed it), they are not by that name; -EINTR otherwise: all is looked at, which is seldom.
 */
static int leave_name(struct view *view, const char *name, bool forget)
{
	if (forget)
		snapshot_remove_routes(&view->state, name);
	for (size_t i = 0; !forget && i < view->state.n_routes; i++)
		if (strcmp(view->state.routes[i].link, name) == 0)
			return -EINTR;
	return 0;
}

/* The interfaces that events have named, one by one. After a failure what was read of them is worth nothing. */
int snapshot_read_some_links(struct kernel *kernel, const struct dirt *dirt)
{
	struct view *view = &kernel->view;
	struct asking asking = { .view = view };
	int bridges[DIRT_LINKS], r;
	unsigned int n_bridges = 0;
	bool all_routes[DIRT_LINKS];

	view->changes++;
	r = ask_links(kernel, dirt, &asking);
	/* All of them go before any of them comes: they may have changed names with each other. */
	for (unsigned int i = 0; r == 0 && i < dirt->n_links; i++) {
		const struct dump_link *now = &asking.found[i];
		struct view_link *before = view_find_link(view, dirt->links[i]);
		bool is_ours = now->bridge.owner == NETSTATE_OURS, was_ours = before && before->ours;

		if ((was_ours || is_ours) &&
		    (!before || !now->port.ifindex || was_ours != is_ours || strcmp(before->name, now->port.name) != 0))
			bridges[n_bridges++] = dirt->links[i];
		if (before && !was_ours && strcmp(before->name, now->port.name) != 0)
			r = leave_name(view, before->name, is_ours || !now->port.ifindex);
		/* One that was not there has only what came with an event. */
		all_routes[i] = dirt->routed[i] || (before && (before->ours != is_ours || before->other_routes || before->ra_route));
		if (before)
			remove_link(view, before);
	}
	for (unsigned int i = 0; r == 0 && i < dirt->n_links; i++)
		if (asking.found[i].port.ifindex)
			r = insert_link(view, &asking.found[i]);
	for (unsigned int i = 0; r == 0 && i < dirt->n_links; i++) {
		struct dump_link *now = &asking.found[i];

		if (!now->port.ifindex)
			continue;
		touch(view, now->port.name);
		if (is_port(now) && is_our_port(view, &now->port))
			r = netstate_insert_port(&view->state, &now->port);
		if (r == 0)
			r = snapshot_read_addresses_of(kernel, dirt->links[i]);
		if (r == 0)
			r = snapshot_read_routes_of(kernel, dirt->links[i], all_routes[i]);
		if (r == 0)
			netstate_mark_routes_of(&view->state, now->port.name);
	}
	for (unsigned int i = 0; r == 0 && i < n_bridges; i++)
		r = read_ports_of(kernel, bridges[i]);
	return r == -ENODEV ? -EINTR : r;
}
