/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values below /proc/sys/net into the view: those of interfaces as they came with the messages of links, the others from
 * their files.
 * Reads; changes and decides nothing.
 */
#include "snapshot-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "sysctl.h"

/* The interface and the value that a path such as "ipv6/conf/INTERFACE/accept_ra" is about; false when about neither. */
static bool split_path(const char *path, char link[IFNAME_SIZE], enum dump_value *ret_value)
{
	const char *rest, *name;
	bool v6 = str_has_prefix(path, "ipv6/conf/", &rest);

	if (!v6 && !str_has_prefix(path, "ipv4/conf/", &rest))
		return false;
	name = strchr(rest, '/');
	if (!name || name - rest >= IFNAME_SIZE || !dump_value_find(v6 ? "ipv6" : "ipv4", name + 1, ret_value))
		return false;
	memset(link, 0, IFNAME_SIZE);
	memcpy(link, rest, (size_t)(name - rest));
	return strcmp(link, "all") != 0 && strcmp(link, "default") != 0;
}

static bool is_touched(const struct view *view, const char *link)
{
	for (unsigned int i = 0; i < view->n_touched; i++)
		if (strcmp(view->touched[i], link) == 0)
			return true;
	return false;
}

/* The value at the path of @sysctl, which is the wanted one, into it; -ENOENT when there is no such thing. @before: as it was, or NULL. */
static int look_at_value(const struct kernel *kernel, const struct netstate_sysctl *before, struct netstate_sysctl *sysctl)
{
	const struct view *view = &kernel->view;
	const struct view_link *link;
	enum dump_value value;
	char name[IFNAME_SIZE];

	/* Where the kernel has no IPv6 at all, nothing of it is amiss. */
	if (!sysctl_is_possible(kernel, sysctl->path))
		return 0;
	if (netstate_is_forwarding(sysctl->path)) {
		sysctl->value = view->forwards[sysctl->path[3] == '6'];
		return sysctl->value < 0 ? -ENOENT : 0;
	}
	if (!split_path(sysctl->path, name, &value))
		return sysctl_read(kernel, sysctl->path, &sysctl->value);
	if (before && !view->all_values && !is_touched(view, name)) {
		sysctl->value = before->value;
		return 0;
	}
	link = view_find_link_name(view, name);
	if (!link || !(link->values.present >> value & 1))
		return -ENOENT;
	sysctl->value = link->values.values[value];
	return 0;
}

/* One that is wanted, and may be another one than it was. -ENOMEM only. */
static int look_at_sysctl_again(struct kernel *kernel, const struct netstate_sysctl *wanted)
{
	struct netstate *state = &kernel->view.state;
	const struct netstate_sysctl *before = netstate_find_sysctl(state, wanted->path);
	struct netstate_sysctl sysctl = *wanted;
	int r = look_at_value(kernel, before, &sysctl);

	if (r == 0 && before)
		state->sysctls[before - state->sysctls] = sysctl;
	else if (r == 0)
		return netstate_insert_sysctl(state, &sysctl);
	else if (r != -ENOMEM && before)
		netstate_remove_sysctl(state, (size_t)(before - state->sysctls));
	return r == -ENOMEM ? r : 0;
}

static int look_at_sysctls_again(struct kernel *kernel, const struct netstate *desired, size_t first, size_t n)
{
	int r = 0;

	for (size_t i = first; r == 0 && i < first + n; i++)
		r = look_at_sysctl_again(kernel, &desired->sysctls[i]);
	return r;
}

static int look_at_sysctls_below(struct kernel *kernel, const struct netstate *desired, const char *family, const char *link)
{
	char prefix[64];
	size_t n, first;

	snprintf(prefix, sizeof(prefix), "%s/conf/%s%s", family, link, link[0] ? "/" : "");
	first = netstate_sysctls_below(desired, prefix, &n);
	return look_at_sysctls_again(kernel, desired, first, n);
}

/* What is not an interface's, and the values of interfaces that were read since the last time. -ENOMEM only. */
static int look_at_some_sysctls(struct kernel *kernel, const struct netstate *desired)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	const struct view *view = &kernel->view;
	size_t done = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		size_t n, first = netstate_sysctls_below(desired, i == 0 ? "ipv4/conf/" : "ipv6/conf/", &n);

		r = look_at_sysctls_again(kernel, desired, done, first - done);
		done = first + n;
		if (r == 0)
			r = look_at_sysctls_below(kernel, desired, families[i], "all");
		if (r == 0)
			r = look_at_sysctls_below(kernel, desired, families[i], "default");
		for (unsigned int j = 0; r == 0 && j < view->n_touched; j++)
			r = look_at_sysctls_below(kernel, desired, families[i], view->touched[j]);
	}
	return r ? r : look_at_sysctls_again(kernel, desired, done, desired->n_sysctls - done);
}

/*
 * The sysctls that @desired names, into the view; one that does not exist is left out. Those of interfaces are as
 * kernel_look() has found them, the others are read now. -ENOMEM only.
 */
int kernel_look_at_sysctls(struct kernel *kernel, const struct netstate *desired)
{
	struct view *view = &kernel->view;
	struct netstate fresh = NETSTATE_NULL;
	size_t next = 0;
	int r = 0;

	if (!view->all_values && !view->new_desire) {
		r = look_at_some_sysctls(kernel, desired);
		view->n_touched = 0;
		return r;
	}
	for (size_t i = 0; r == 0 && i < desired->n_sysctls; i++) {
		struct netstate_sysctl sysctl = desired->sysctls[i];
		const struct netstate_sysctl *before = NULL;

		/* Both are sorted. */
		while (next < view->state.n_sysctls && strcmp(view->state.sysctls[next].path, sysctl.path) < 0)
			next++;
		if (next < view->state.n_sysctls && strcmp(view->state.sysctls[next].path, sysctl.path) == 0)
			before = &view->state.sysctls[next];
		r = look_at_value(kernel, before, &sysctl);
		if (r == 0)
			r = netstate_add_sysctl(&fresh, &sysctl);
		else if (r != -ENOMEM)
			r = 0;
	}
	if (r < 0) {
		netstate_deinit(&fresh);
		return r;
	}
	TAKE(&view->state, &fresh, sysctls);
	view->all_values = view->new_desire = false;
	view->n_touched = 0;
	return 0;
}

/*
 * A value below /proc/sys/net was written: where no event tells of that, its interface is to be read again. One that is not
 * in the view was made since the last look, and the event that says so has not been read yet.
 */
void kernel_note_sysctl(struct kernel *kernel, const char *path)
{
	const struct view_link *link;
	enum dump_value value;
	char name[IFNAME_SIZE];

	if (!split_path(path, name, &value))
		return;
	link = view_find_link_name(&kernel->view, name);
	if (link)
		dirt_add_link(&kernel->dirt, link->ifindex, false);
}
