/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd-resolved is told whom to ask for the names of guests: they resolve on the host then.
 * Event loop context.
 *
 * Theory of operation. What resolved knows of a link it knows until it ends, until the link goes, or until somebody
 * reverts it (org.freedesktop.resolve1(5)). So each bridge with DNS is told to it as a whole: the servers, which are the
 * host's addresses on the bridge, the domain and the reverse zones as routing domains (names of the network go there,
 * and no others), that it is no way for all other names, and that it is asked in plain: dnsmasq speaks no TLS and nobody
 * signs guests' names, so a host that insists on either for the internet would find no guest. One call at a time;
 * whatever changes begins anew.
 *
 * A bridge that was made anew may have its old index. resolved hears of that from the kernel, and of us from the bus, in
 * any order: what it was told may go with the old one. So it is told once more, a little later.
 */
#include "resolved.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../model/ip.h"
#include "log.h"

#define BUS_NAME	"org.freedesktop.resolve1"
#define BUS_PATH	"/org/freedesktop/resolve1"
#define BUS_MANAGER	"org.freedesktop.resolve1.Manager"

#define TIMEOUT_US	30000000
#define AGAIN_US	2000000

enum telling { TELL_DNS, TELL_DOMAINS, TELL_DEFAULT_ROUTE, TELL_DNSSEC, TELL_TLS, TELL_DONE };

struct telling_link {
	struct resolved_link link;
	struct resolved *resolved;	/* borrowed */
	bool wanted;
	bool reverting;			/* it goes: this is the last call about it */
	bool known;			/* all of it has been said, and taken */
	bool again;			/* to be said once more */
	enum telling next;
	sd_bus_slot *slot;		/* owned: the call under way */
	char problem[192];
};

struct resolved {
	struct systembus_listener listener;
	bool there;
	struct telling_link **links;	/* owned, each of them too: calls under way point to them; sorted by bridge */
	size_t n_links;
	sd_event_source *timer;		/* owned */
	void (*changed)(void *data);
	void *data;
};

static void tell(struct telling_link *link);

static int add_servers(sd_bus_message *message, const struct resolved_link *link)
{
	int r = sd_bus_message_open_container(message, 'a', "(iay)");

	for (size_t i = 0; r >= 0 && i < link->n_addresses; i++) {
		const struct ip *ip = &link->addresses[i].ip;

		r = sd_bus_message_open_container(message, 'r', "iay");
		if (r >= 0)
			r = sd_bus_message_append(message, "i", ip->family);
		if (r >= 0)
			r = sd_bus_message_append_array(message, 'y', ip->bytes_be, ip_length(ip));
		if (r >= 0)
			r = sd_bus_message_close_container(message);
	}
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int add_domains(sd_bus_message *message, const struct resolved_link *link)
{
	int r = sd_bus_message_open_container(message, 'a', "(sb)");

	/* Routing only: a short name is not looked for in each network. */
	if (r >= 0)
		r = sd_bus_message_append(message, "(sb)", link->domain, 1);
	for (size_t i = 0; r >= 0 && i < link->n_addresses; i++) {
		char zone[80];

		if (ip_reverse_zone(&link->addresses[i].ip, link->addresses[i].prefix_length, zone, sizeof(zone)))
			r = sd_bus_message_append(message, "(sb)", zone, 1);
	}
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static void say_problem(struct telling_link *link, const char *text)
{
	if (strcmp(link->problem, text) == 0)
		return;
	snprintf(link->problem, sizeof(link->problem), "%s", text);
	if (text[0])
		log_say(5, NULL, link->link.bridge, "systemd-resolved does not take %s as the way to %s: %s", link->link.bridge,
			link->link.domain, text);
}

static int on_told(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	const sd_bus_error *wrong = sd_bus_message_get_error(message);
	struct telling_link *link = data;
	struct resolved *resolved = link->resolved;

	link->slot = sd_bus_slot_unref(link->slot);
	/* A link that it does not know yet will be told again. */
	if (wrong && !link->reverting) {
		link->next = TELL_DONE;
		say_problem(link, STR_ESCAPED(wrong->message ?: wrong->name ?: "no reason given"));
	} else {
		link->next++;
	}
	if (link->reverting || link->next == TELL_DONE) {
		link->known = !wrong && !link->reverting;
		if (link->known)
			say_problem(link, "");
		if (link->again && link->wanted) {
			(void)sd_event_source_set_time_relative(resolved->timer, AGAIN_US);
			(void)sd_event_source_set_enabled(resolved->timer, SD_EVENT_ONESHOT);
		}
		resolved->changed(resolved->data);
		return 0;
	}
	tell(link);
	return 0;
}

static int build(const struct telling_link *link, sd_bus *bus, sd_bus_message **ret_message)
{
	static const char *const methods[] = {
		[TELL_DNS] = "SetLinkDNS", [TELL_DOMAINS] = "SetLinkDomains", [TELL_DEFAULT_ROUTE] = "SetLinkDefaultRoute",
		[TELL_DNSSEC] = "SetLinkDNSSEC", [TELL_TLS] = "SetLinkDNSOverTLS",
	};
	const char *method = link->reverting ? "RevertLink" : methods[link->next];
	int r;

	r = sd_bus_message_new_method_call(bus, ret_message, BUS_NAME, BUS_PATH, BUS_MANAGER, method);
	if (r >= 0)
		r = sd_bus_message_append(*ret_message, "i", link->link.ifindex);
	if (r < 0 || link->reverting)
		return r;
	switch (link->next) {
	case TELL_DNS:
		return add_servers(*ret_message, &link->link);
	case TELL_DOMAINS:
		return add_domains(*ret_message, &link->link);
	case TELL_DEFAULT_ROUTE:
		return sd_bus_message_append(*ret_message, "b", 0);
	case TELL_DNSSEC:
	case TELL_TLS:
		return sd_bus_message_append(*ret_message, "s", "no");
	case TELL_DONE:
		return -EINVAL;
	}
	return -EINVAL;
}

/* Says what comes next about a link; the answer goes on. */
static void tell(struct telling_link *link)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	sd_bus *bus = systembus_get(link->resolved->listener.systembus);
	int r;

	if (!bus || !link->resolved->there || link->slot || (!link->reverting && link->next == TELL_DONE))
		return;
	r = build(link, bus, &message);
	/* Nobody is started for this: whoever is not there is asked for nothing. */
	if (r >= 0)
		r = sd_bus_message_set_auto_start(message, false);
	if (r >= 0)
		r = sd_bus_call_async(bus, &link->slot, message, on_told, link, TIMEOUT_US);
	if (r < 0)
		say_problem(link, strerror(-r));
}

static void begin(struct telling_link *link, bool again)
{
	link->slot = sd_bus_slot_unref(link->slot);
	link->next = TELL_DNS;
	link->again = again;
	tell(link);
}

static int on_again(sd_event_source *source _unused_, uint64_t when_us _unused_, void *data)
{
	struct resolved *resolved = data;

	for (size_t i = 0; i < resolved->n_links; i++)
		if (resolved->links[i]->again && resolved->links[i]->wanted)
			begin(resolved->links[i], false);
	return 0;
}

static void link_free(struct telling_link *link)
{
	sd_bus_slot_unref(link->slot);
	free(link);
}

/* Those that are not wanted any more, and about which everything has been said. */
static void drop_unwanted(struct resolved *resolved)
{
	size_t n = 0;

	for (size_t i = 0; i < resolved->n_links; i++) {
		struct telling_link *link = resolved->links[i];

		if (link->wanted || link->slot)
			resolved->links[n++] = link;
		else
			link_free(link);
	}
	resolved->n_links = n;
}

static void on_owner_changed(void *data, sd_bus *bus _unused_, const char *owner)
{
	struct resolved *resolved = data;

	resolved->there = owner[0];
	for (size_t i = 0; i < resolved->n_links; i++) {
		struct telling_link *link = resolved->links[i];

		link->known = link->reverting = false;
		link->problem[0] = '\0';
		link->slot = sd_bus_slot_unref(link->slot);
		/* One that has just begun may not have seen all links yet. */
		if (link->wanted)
			begin(link, true);
	}
	drop_unwanted(resolved);
	resolved->changed(resolved->data);
}

static void on_disconnected(void *data)
{
	on_owner_changed(data, NULL, "");
}

/* Listens for resolved; @changed is called when a report may be another one. Both must outlive it. */
int resolved_new(sd_event *event, struct systembus *systembus, void (*changed)(void *data), void *data,
		 struct resolved **ret_resolved)
{
	struct resolved *resolved = calloc(1, sizeof(*resolved));
	int r;

	if (!resolved)
		return -ENOMEM;
	r = sd_event_add_time_relative(event, &resolved->timer, CLOCK_MONOTONIC, AGAIN_US, 0, on_again, resolved);
	if (r >= 0)
		r = sd_event_source_set_enabled(resolved->timer, SD_EVENT_OFF);
	if (r < 0) {
		sd_event_source_unref(resolved->timer);
		free(resolved);
		return r;
	}
	resolved->changed = changed;
	resolved->data = data;
	resolved->listener = (struct systembus_listener){
		.data = resolved,
		.disconnected = on_disconnected,
		.name = BUS_NAME,
		.owner_changed = on_owner_changed,
	};
	systembus_listen(systembus, &resolved->listener);
	*ret_resolved = resolved;
	return 0;
}

/* Leaves resolved with what it has been told: networks outlive the daemon. */
struct resolved *resolved_free(struct resolved *resolved)
{
	if (!resolved)
		return NULL;
	systembus_unlisten(&resolved->listener);
	for (size_t i = 0; i < resolved->n_links; i++)
		link_free(resolved->links[i]);
	free(resolved->links);
	sd_event_source_unref(resolved->timer);
	free(resolved);
	return NULL;
}

/* Where the link is in the sorted list, or would be. */
static size_t place_of(const struct resolved *resolved, const char *bridge)
{
	size_t low = 0, high = resolved->n_links;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(resolved->links[middle]->link.bridge, bridge) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct telling_link *find(const struct resolved *resolved, const char *bridge)
{
	size_t i = place_of(resolved, bridge);

	return i < resolved->n_links && strcmp(resolved->links[i]->link.bridge, bridge) == 0 ? resolved->links[i] : NULL;
}

static int add(struct resolved *resolved, const char *bridge, struct telling_link **ret_link)
{
	struct telling_link *link = calloc(1, sizeof(*link));
	struct telling_link **grown = reallocarray(resolved->links, resolved->n_links + 1, sizeof(*grown));
	size_t i = place_of(resolved, bridge);

	if (grown)
		resolved->links = grown;
	if (!link || !grown) {
		free(link);
		return -ENOMEM;
	}
	snprintf(link->link.bridge, sizeof(link->link.bridge), "%s", bridge);
	link->resolved = resolved;
	memmove(&grown[i + 1], &grown[i], (resolved->n_links - i) * sizeof(*grown));
	grown[i] = link;
	resolved->n_links++;
	*ret_link = link;
	return 0;
}

/* Is there anybody to tell? When that changes, @changed of resolved_new() is called. */
bool resolved_is_there(const struct resolved *resolved)
{
	return resolved && resolved->there;
}

/*
 * These bridges are to be known, and no others that it was told of. Does not wait for resolved. -ENOMEM only.
 * A pass calls it: what is as before costs a comparison.
 */
int resolved_want(struct resolved *resolved, const struct resolved_link *links, size_t n)
{
	for (size_t i = 0; i < resolved->n_links; i++)
		resolved->links[i]->wanted = false;
	for (size_t i = 0; i < n; i++) {
		struct telling_link *link = find(resolved, links[i].bridge);
		bool anew = false;
		int r;

		if (!link) {
			r = add(resolved, links[i].bridge, &link);
			if (r < 0)
				return r;
			anew = true;
		}
		link->wanted = true;
		if (!anew && !link->reverting && memcmp(&link->link, &links[i], sizeof(links[i])) == 0)
			continue;
		/* One that was on its way out had gone: this is another one, whatever its index. */
		anew |= link->reverting || link->link.ifindex != links[i].ifindex;
		memcpy(&link->link, &links[i], sizeof(links[i]));
		link->reverting = link->known = false;
		begin(link, anew);
	}
	for (size_t i = 0; i < resolved->n_links; i++) {
		struct telling_link *link = resolved->links[i];

		if (link->wanted || link->reverting)
			continue;
		link->slot = sd_bus_slot_unref(link->slot);
		link->reverting = true;
		if (link->known)
			tell(link);
		link->known = false;
	}
	drop_unwanted(resolved);
	return 0;
}

/* Do names of the network behind this bridge resolve on the host? If not: why, or "" where there is no resolved. */
bool resolved_knows(const struct resolved *resolved, const char *bridge, const char **ret_why_not)
{
	const struct telling_link *link = resolved ? find(resolved, bridge) : NULL;

	*ret_why_not = resolved && resolved->there && link ? link->problem : "";
	return link && link->known;
}
