/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forwarding belongs to the whole host: what is turned on for our networks, and what of the host must not change
 * because of it.
 * Pure: no system calls.
 *
 * Theory of operation. A write to ip_forward or to ipv6/conf/all/forwarding goes to every interface
 * (net/ipv4/devinet.c:inet_forward_change(), net/ipv6/addrconf.c:addrconf_forward_change()). Two things are lost by it:
 *
 *  - an interface that somebody has taken out of forwarding, while the host forwarded, would forward again: those
 *    are remembered while forwarding is on, and taken out again when it has to be turned on once more;
 *  - an interface with accept_ra=1 ceases to take router advertisements, and the host loses its own IPv6 default
 *    route at once (net/ipv6/route.c:rt6_purge_dflt_routers()). With accept_ra=2 it goes on to take them. So 1 becomes
 *    2 before forwarding goes on: for network cards, and for other interfaces that have been seen to use
 *    advertisements; those are kept over restarts, because after a boot forwarding is on before the first
 *    advertisement arrives. Where the host forwarded before we came, accept_ra=1 means that no advertisement is
 *    wanted, and is left alone.
 */
#include "forwarding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"

static const char all_devices[] = "all";

void forwarding_deinit(struct forwarding *forwarding)
{
	free(forwarding->off);
	free(forwarding->cards);
	free(forwarding->uplinks);
	*forwarding = FORWARDING_NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int compare_device_name(const void *name, const void *device)
{
	return strcmp(name, ((const struct netstate_device *)device)->name);
}

static const struct netstate_device *find_device(const struct netstate_device *devices, size_t n, const char *name)
{
	return n ? bsearch(name, devices, n, sizeof(*devices), compare_device_name) : NULL;
}

/* A path of /proc/sys is made of it; the kernel allows names that would be two steps of a path here. */
static bool has_path(const char *name)
{
	return !strstr(name, "..");
}

static int compare_devices(const void *a, const void *b)
{
	return strcmp(((const struct netstate_device *)a)->name, ((const struct netstate_device *)b)->name);
}

/* Adds to the entry of this device, which may be one of the first @n_sorted, or makes one. How many there are then. */
static size_t note_off(struct netstate_device *off, size_t n, size_t n_sorted, const struct netstate_device *device)
{
	struct netstate_device *entry = n_sorted ? bsearch(device->name, off, n_sorted, sizeof(*off), compare_device_name) : NULL;

	if (!entry) {
		entry = &off[n++];
		memcpy(entry->name, device->name, IFNAME_SIZE);
	}
	entry->off4 |= device->off4;
	entry->off6 |= device->off6;
	return n;
}

/* Who is out of forwarding; what was known of a family stays while the host does not forward it at all. */
static int update_off(struct forwarding *forwarding, const struct netstate *snapshot)
{
	const struct netstate_device *all = find_device(snapshot->devices, snapshot->n_devices, all_devices);
	struct netstate_device *off;
	size_t n = 0, n_known;

	if (!all)
		return 0;
	off = calloc(forwarding->n_off + snapshot->n_devices + 1, sizeof(*off));
	if (!off)
		return -ENOMEM;
	for (size_t i = 0; i < forwarding->n_off; i++) {
		struct netstate_device known = forwarding->off[i];

		known.off4 &= all->off4;
		known.off6 &= all->off6;
		if (known.off4 || known.off6)
			n = note_off(off, n, 0, &known);
	}
	n_known = n;
	for (size_t i = 0; i < snapshot->n_devices; i++) {
		const struct netstate_device *device = &snapshot->devices[i];

		if (device != all && has_path(device->name) && (device->off4 || device->off6))
			n = note_off(off, n, n_known, device);
	}
	if (n > 0)
		qsort(off, n, sizeof(*off), compare_devices);
	free(forwarding->off);
	forwarding->off = off;
	forwarding->n_off = n;
	return 0;
}

static int update_cards(struct forwarding *forwarding, const struct netstate *snapshot)
{
	char (*cards)[IFNAME_SIZE] = calloc(snapshot->n_devices + 1, sizeof(*cards));
	size_t n = 0;

	if (!cards)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_devices; i++)
		if (snapshot->devices[i].card && has_path(snapshot->devices[i].name))
			memcpy(cards[n++], snapshot->devices[i].name, IFNAME_SIZE);
	free(forwarding->cards);
	forwarding->cards = cards;
	forwarding->n_cards = n;
	return 0;
}

/* Remembers an interface that uses router advertisements. Beyond the limit nothing is. -ENOMEM only. */
int forwarding_add_uplink(struct forwarding *forwarding, const char *name, bool *ret_changed)
{
	char (*uplinks)[IFNAME_SIZE];

	if (!name[0] || !has_path(name) || strlen(name) >= IFNAME_SIZE || forwarding->n_uplinks >= LIMIT_UPLINKS ||
	    (forwarding->n_uplinks > 0 &&
	     bsearch(name, forwarding->uplinks, forwarding->n_uplinks, IFNAME_SIZE, compare_names)))
		return 0;
	uplinks = reallocarray(forwarding->uplinks, forwarding->n_uplinks + 1, IFNAME_SIZE);
	if (!uplinks)
		return -ENOMEM;
	forwarding->uplinks = uplinks;
	memset(uplinks[forwarding->n_uplinks], 0, IFNAME_SIZE);
	memcpy(uplinks[forwarding->n_uplinks++], name, strlen(name));
	qsort(uplinks, forwarding->n_uplinks, IFNAME_SIZE, compare_names);
	*ret_changed = true;
	return 0;
}

/* Takes over what a snapshot shows. Without the device "all" it says nothing about forwarding. -ENOMEM only. */
int forwarding_update(struct forwarding *forwarding, const struct netstate *snapshot, bool *ret_uplinks_changed)
{
	int r;

	*ret_uplinks_changed = false;
	r = update_off(forwarding, snapshot);
	if (r == 0)
		r = update_cards(forwarding, snapshot);
	for (size_t i = 0; r == 0 && i < snapshot->n_devices; i++)
		if (snapshot->devices[i].ra && !snapshot->devices[i].card)
			r = forwarding_add_uplink(forwarding, snapshot->devices[i].name, ret_uplinks_changed);
	return r;
}

static int add_sysctl(struct netstate *state, const char *directory, const char *name, int value, enum sysctl_when when)
{
	struct netstate_sysctl sysctl = { .value = value, .when = (uint8_t)when };

	snprintf(sysctl.path, sizeof(sysctl.path), "%s/%s", directory, name);
	return netstate_add_sysctl(state, &sysctl);
}

static int add_accept_ra(struct netstate *state, const char *name)
{
	char directory[32];

	/* Ours has its own word on it. */
	if (netstate_find_bridge(state, name))
		return 0;
	snprintf(directory, sizeof(directory), "ipv6/conf/%s", name);
	return add_sysctl(state, directory, "accept_ra", 2, SYSCTL_FROM_1);
}

/* A bridge of ours forwards whatever was said for new interfaces; others are as they were found. */
static int add_off(struct netstate *state, const struct netstate_device *device, const struct families *need)
{
	bool ours = netstate_find_bridge(state, device->name);
	char directory[32];
	int r = 0;

	snprintf(directory, sizeof(directory), "ipv4/conf/%s", device->name);
	if (need->v4 && device->off4)
		r = add_sysctl(state, directory, "forwarding", ours, SYSCTL_AFTER);
	snprintf(directory, sizeof(directory), "ipv6/conf/%s", device->name);
	if (r == 0 && need->v6 && device->off6)
		r = add_sysctl(state, directory, "forwarding", ours, SYSCTL_AFTER);
	return r;
}

/* What must be so for networks that @need forwarding. @desired has all bridges, sorted. -ENOMEM only. */
int forwarding_add_sysctls(const struct forwarding *forwarding, const struct families *need, struct netstate *desired)
{
	int r = 0;

	if (need->v4)
		r = add_sysctl(desired, "ipv4", "ip_forward", 1, SYSCTL_ALWAYS);
	if (r == 0 && need->v6)
		r = add_sysctl(desired, "ipv6/conf/all", "forwarding", 1, SYSCTL_ALWAYS);
	for (size_t i = 0; r == 0 && i < forwarding->n_off; i++)
		r = add_off(desired, &forwarding->off[i], need);
	if (!need->v6 || forwarding->found6 == FORWARDING_ON)
		return r;
	for (size_t i = 0; r == 0 && i < forwarding->n_cards; i++)
		r = add_accept_ra(desired, forwarding->cards[i]);
	for (size_t i = 0; r == 0 && i < forwarding->n_uplinks; i++)
		if (forwarding->n_cards == 0 ||
		    !bsearch(forwarding->uplinks[i], forwarding->cards, forwarding->n_cards, IFNAME_SIZE, compare_names))
			r = add_accept_ra(desired, forwarding->uplinks[i]);
	return r;
}

/* Of the families that @wanted are to be guarded, those that the host did not forward before. */
struct families forwarding_guarded(const struct forwarding *forwarding, const struct families *wanted)
{
	return (struct families){
		.v4 = wanted->v4 && forwarding->found4 == FORWARDING_OFF,
		.v6 = wanted->v6 && forwarding->found6 == FORWARDING_OFF,
	};
}

/* The families that a desired state needs forwarding for. */
struct families forwarding_needed(const struct netstate *desired)
{
	return (struct families){
		.v4 = netstate_find_sysctl(desired, netstate_forwarding[0]),
		.v6 = netstate_find_sysctl(desired, netstate_forwarding[1]),
	};
}
