/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has changed since it was last told: from the manager's state to signals.
 * Event loop context.
 *
 * After each pass everything is compared with what was told before, so nothing in the daemon has to think of
 * telling, and what was undone before anybody saw it is not told. The signals of one network come in the order in
 * which one would tell it: there, up or down, ports, leases, repairs; then what of its properties has changed.
 * While nobody listens nothing is compared or kept: who begins to listen is told what changes from then on.
 */
#include "news.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "objects.h"

struct told_port {
	int ifindex;
	char name[IFNAME_SIZE];
};

/* A network as it was last told. */
struct told {
	char name[NETWORK_NAME_SIZE];
	enum network_state state;
	struct object_digest digest;
	uint32_t repairs[PLAN_OP_MAX_];
	struct told_port *ports;	/* owned; sorted by ifindex */
	size_t n_ports;
	struct lease *leases;		/* owned; sorted by address */
	size_t n_leases;
	bool seen;			/* in this round */
};

struct news {
	struct told **items;		/* owned, each of them too; sorted by name */
	size_t n;
	bool known;			/* somebody listens, and these are what was there */
	bool conflict;
	sd_bus *const *buses;		/* borrowed, during a round */
	size_t n_buses;
};

int news_new(struct news **ret_news)
{
	*ret_news = calloc(1, sizeof(**ret_news));
	return *ret_news ? 0 : -ENOMEM;
}

static void told_free(struct told *told)
{
	free(told->ports);
	free(told->leases);
	free(told);
}

static void forget(struct news *news)
{
	for (size_t i = 0; i < news->n; i++)
		told_free(news->items[i]);
	free(news->items);
	*news = (struct news){ 0 };
}

struct news *news_free(struct news *news)
{
	if (!news)
		return NULL;
	forget(news);
	free(news);
	return NULL;
}

/* A signal of the manager's. Whom it cannot be sent to is the caller's concern: api.c looks at the queues. */
static void tell(const struct news *news, const char *member, const char *types, ...)
{
	for (size_t i = 0; i < news->n_buses; i++) {
		va_list arguments;

		va_start(arguments, types);
		(void)sd_bus_emit_signalv(news->buses[i], API_PATH, API_MANAGER, member, types, arguments);
		va_end(arguments);
	}
}

static void tell_lease(const struct news *news, const char *member, const char *network, const struct lease *lease)
{
	for (size_t i = 0; i < news->n_buses; i++) {
		_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;

		if (sd_bus_message_new_signal(news->buses[i], &message, API_PATH, API_MANAGER, member) >= 0 &&
		    objects_append_lease(message, network, lease) >= 0)
			(void)sd_bus_send(news->buses[i], message, NULL);
	}
}

static int compare_leases(const void *a, const void *b)
{
	return memcmp(&((const struct lease *)a)->address, &((const struct lease *)b)->address, sizeof(struct ip));
}

/* Two sorted lists beside each other; what is in one only has come or gone. */
static int compare_all_leases(const struct news *news, struct told *told, const struct network_report *report)
{
	size_t n = report->leases->n, i = 0, j = 0;
	struct lease *now = calloc(n + 1, sizeof(*now));

	if (!now)
		return -ENOMEM;
	if (n > 0) {
		memcpy(now, report->leases->items, n * sizeof(*now));
		qsort(now, n, sizeof(*now), compare_leases);
	}
	while (i < told->n_leases || j < n) {
		int order = i == told->n_leases ? 1 : j == n ? -1 : compare_leases(&told->leases[i], &now[j]);
		const struct lease *before = &told->leases[i], *after = &now[j];

		if (order < 0) {
			tell_lease(news, "LeaseRemoved", told->name, before);
		} else if (order > 0) {
			tell_lease(news, "LeaseAdded", told->name, after);
		} else if (memcmp(&before->mac, &after->mac, sizeof(before->mac)) != 0 ||
			   strcmp(before->client_id, after->client_id) != 0) {
			tell_lease(news, "LeaseRemoved", told->name, before);
			tell_lease(news, "LeaseAdded", told->name, after);
		} else if (before->expires != after->expires || strcmp(before->name, after->name) != 0) {
			tell_lease(news, "LeaseRenewed", told->name, after);
		}
		i += order <= 0;
		j += order >= 0;
	}
	free(told->leases);
	told->leases = now;
	told->n_leases = n;
	return 0;
}

static int compare_ports(const void *a, const void *b)
{
	int x = ((const struct told_port *)a)->ifindex, y = ((const struct told_port *)b)->ifindex;

	return x < y ? -1 : x > y;
}

static int compare_all_ports(const struct news *news, struct told *told, const struct network_report *report)
{
	struct told_port *now = calloc(report->n_all_ports + 1, sizeof(*now));
	size_t n = 0, i = 0, j = 0;

	if (!now)
		return -ENOMEM;
	for (size_t k = 0; k < report->n_all_ports; k++)
		if (report->bridge[0] && strcmp(report->ports[k].bridge, report->bridge) == 0) {
			now[n].ifindex = report->ports[k].ifindex;
			memcpy(now[n++].name, report->ports[k].name, IFNAME_SIZE);
		}
	qsort(now, n, sizeof(*now), compare_ports);
	while (i < told->n_ports || j < n) {
		int order = i == told->n_ports ? 1 : j == n ? -1 : compare_ports(&told->ports[i], &now[j]);

		if (order < 0)
			tell(news, "PortDetached", "ss", told->name, STR_ESCAPED(told->ports[i].name));
		else if (order > 0)
			tell(news, "PortAttached", "ss", told->name, STR_ESCAPED(now[j].name));
		i += order <= 0;
		j += order >= 0;
	}
	free(told->ports);
	told->ports = now;
	told->n_ports = n;
	return 0;
}

static void compare_state(const struct news *news, struct told *told, const struct network_report *report)
{
	if (told->state == report->state)
		return;
	told->state = report->state;
	switch (report->state) {
	case NETWORK_STOPPED:
		tell(news, "NetworkStopped", "s", told->name);
		break;
	case NETWORK_RUNNING:
		tell(news, "NetworkStarted", "s", told->name);
		break;
	case NETWORK_DEGRADED:
		tell(news, "NetworkDegraded", "ss", told->name, report->problem);
		break;
	case NETWORK_FAILED:
		tell(news, "NetworkFailed", "ss", told->name, report->problem);
		break;
	case NETWORK_STARTING:
	case NETWORK_STATE_MAX_:
		break;
	}
}

static void compare_repairs(const struct news *news, struct told *told, const struct network_report *report)
{
	char *kinds[PLAN_OP_MAX_ + 1];
	size_t n = 0;

	for (enum plan_op op = 0; op < PLAN_OP_MAX_; op++)
		if (report->repairs[op] > told->repairs[op])
			kinds[n++] = (char *)plan_op_name(op);
	kinds[n] = NULL;
	memcpy(told->repairs, report->repairs, sizeof(told->repairs));
	for (size_t i = 0; n > 0 && i < news->n_buses; i++) {
		_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;

		if (sd_bus_message_new_signal(news->buses[i], &message, API_PATH, API_MANAGER, "RepairDone") >= 0 &&
		    sd_bus_message_append(message, "s", told->name) >= 0 && sd_bus_message_append_strv(message, kinds) >= 0)
			(void)sd_bus_send(news->buses[i], message, NULL);
	}
}

static int compare_network(struct news *news, struct told *told, const struct network_report *report)
{
	_cleanup_(freep) char *path = NULL;
	struct object_digest digest;
	char *changed[API_PROPERTIES + 1];
	int r = sd_bus_path_encode(API_NETWORKS, told->name, &path);

	objects_digest(report, &digest);
	if (objects_changed(&told->digest, &digest, changed) == 0)
		return r;
	compare_state(news, told, report);
	if (r >= 0)
		r = compare_all_ports(news, told, report);
	if (r >= 0)
		r = compare_all_leases(news, told, report);
	compare_repairs(news, told, report);
	told->digest = digest;
	for (size_t i = 0; r >= 0 && i < news->n_buses; i++)
		(void)sd_bus_emit_properties_changed_strv(news->buses[i], path, API_NETWORK, changed);
	return r;
}

static int compare_told(const void *name, const void *item)
{
	return strcmp(name, (*(struct told *const *)item)->name);
}

static struct told *find_told(const struct news *news, const char *name)
{
	struct told **found = news->n ? bsearch(name, news->items, news->n, sizeof(*news->items), compare_told) : NULL;

	return found ? *found : NULL;
}

/* A network that is new: it is told as being there, stopped; what else it is follows as changes. */
static int add_told(struct news *news, const struct network_report *report, struct told **ret_told)
{
	struct told **items = reallocarray(news->items, news->n + 1, sizeof(*items));
	_cleanup_(freep) char *path = NULL;
	struct told *told;
	size_t i;
	int r;

	if (!items)
		return -ENOMEM;
	news->items = items;
	told = calloc(1, sizeof(*told));
	if (!told)
		return -ENOMEM;
	strncpy(told->name, report->name, sizeof(told->name) - 1);
	for (i = news->n++; i > 0 && strcmp(items[i - 1]->name, told->name) > 0; i--)
		items[i] = items[i - 1];
	items[i] = told;
	*ret_told = told;
	r = sd_bus_path_encode(API_NETWORKS, report->name, &path);
	for (i = 0; r >= 0 && i < news->n_buses; i++)
		(void)sd_bus_emit_object_added(news->buses[i], path);
	tell(news, "NetworkDefined", "s", told->name);
	return r;
}

static void remove_told(struct news *news, size_t i)
{
	_cleanup_(freep) char *path = NULL;
	struct told *told = news->items[i];

	if (told->state != NETWORK_STOPPED && told->state != NETWORK_FAILED)
		tell(news, "NetworkStopped", "s", told->name);
	tell(news, "NetworkUndefined", "s", told->name);
	if (sd_bus_path_encode(API_NETWORKS, told->name, &path) >= 0)
		for (size_t j = 0; j < news->n_buses; j++)
			(void)sd_bus_emit_interfaces_removed(news->buses[j], path, API_NETWORK, NULL);
	told_free(told);
	memmove(&news->items[i], &news->items[i + 1], (news->n - i - 1) * sizeof(*news->items));
	news->n--;
}

static void compare_conflict(struct news *news, const struct manager *manager)
{
	uint32_t pid = 0;
	const char *process = manager_fights(manager, &pid);

	if (process && !news->conflict)
		tell(news, "ConflictSeen", "su", process, pid);
	news->conflict = process;
}

static int compare_all(struct news *news, const struct manager *manager)
{
	int r = 0;

	for (size_t i = 0; i < news->n; i++)
		news->items[i]->seen = false;
	for (size_t i = 0; r >= 0 && i < manager_count(manager); i++) {
		struct network_report report;
		struct told *told;

		manager_report(manager, i, &report);
		told = find_told(news, report.name);
		if (!told)
			r = add_told(news, &report, &told);
		if (r >= 0)
			r = compare_network(news, told, &report);
		if (told)
			told->seen = true;
	}
	for (size_t i = news->n; r >= 0 && i > 0; i--)
		if (!news->items[i - 1]->seen)
			remove_told(news, i - 1);
	compare_conflict(news, manager);
	return r;
}

/* Somebody begins to listen: what is there already is no news. -ENOMEM: some of it will be. */
int news_begin(struct news *news, const struct manager *manager)
{
	if (news->known)
		return 0;
	news->known = true;
	news->n_buses = 0;
	return compare_all(news, manager);
}

/* Sends what has changed since the last call to all of @buses. -ENOMEM: some of it will be told next time. */
int news_tell(struct news *news, const struct manager *manager, sd_bus *const *buses, size_t n_buses)
{
	if (n_buses == 0) {
		forget(news);
		return 0;
	}
	news->known = true;
	news->buses = buses;
	news->n_buses = n_buses;
	return compare_all(news, manager);
}
