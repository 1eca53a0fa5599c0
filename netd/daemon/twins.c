/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two guests of a network with one address: noticed, told, forgotten when it is over.
 * Event loop context.
 */
#include "twins.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/nl/socket.h"
#include "../../lib/pages.h"
#include "../../lib/str.h"
#include "../kernel/neighbours.h"
#include "../model/doubles.h"
#include "../model/ip.h"
#include "log.h"

/* A guest that invents addresses makes events as fast as it can send; more of them are not worth the time. */
#define RATE_INTERVAL_US	1000000
#define RATE_BURST		100

struct twins {
	struct kernel *kernel;			/* borrowed */
	const struct managed_list *list;	/* borrowed */
	void (*changed)(void *data);
	void (*learnt)(int bridge, int port, void *data);
	void *data;
	struct mnl_socket *socket;		/* owned */
	sd_event_source *source;		/* owned */
	int *bridges;				/* owned: ours, by index, as the filter has them */
	size_t n_bridges;
	struct doubles doubles;
};

/* The bridge's network, by the bridge's present name. */
static struct managed *find_network(const struct twins *twins, int bridge)
{
	char name[IF_NAMESIZE];

	if (!if_indextoname((unsigned int)bridge, name))
		return NULL;
	for (size_t i = 0; i < twins->list->n; i++)
		if (strcmp(twins->list->items[i]->network.bridge, name) == 0)
			return twins->list->items[i];
	return NULL;
}

static void add_port(int port, struct text *text)
{
	char name[IF_NAMESIZE];

	text_add(text, " on port %s", port && if_indextoname((unsigned int)port, name) ? STR_ESCAPED(name) : "?");
}

/* The two in an order of their own: which of them was seen last is of no interest. */
static void print_double(const struct double_entry *entry, struct text *text)
{
	const struct double_place *first = &entry->before, *second = &entry->place;
	int first_port = entry->ports[0], second_port = entry->ports[1];

	if (entry->key.ip.family && memcmp(&first->mac, &second->mac, sizeof(first->mac)) > 0) {
		const struct double_place *other = first;

		first = second;
		second = other;
	}
	if (entry->key.ip.family) {
		text_add(text, "two guests have the address %s: " MAC_FORMAT, IP_TEXT(&entry->key.ip), MAC_BYTES(first->mac));
		add_port(first_port, text);
		text_add(text, " and " MAC_FORMAT, MAC_BYTES(second->mac));
		add_port(second_port, text);
	} else {
		text_add(text, "two guests have the MAC address " MAC_FORMAT ": one", MAC_BYTES(entry->key.mac));
		add_port(first_port < second_port ? first_port : second_port, text);
		text_add(text, ", one");
		add_port(first_port < second_port ? second_port : first_port, text);
	}
}

/* Where the two are that share an IP address, in the order in which print_double() has them. */
static void find_ports(struct twins *twins, struct double_entry *entry)
{
	bool swapped = memcmp(&entry->before.mac, &entry->place.mac, sizeof(entry->place.mac)) > 0;
	const struct double_place *places[] = { &entry->before, &entry->place };

	for (size_t i = 0; i < 2; i++)
		(void)neighbours_find_port(twins->kernel, entry->key.bridge, &places[i]->mac, &entry->ports[swapped ? 1 - i : i]);
}

static void tell(const struct twins *twins, const struct double_entry *entry, bool over)
{
	const struct managed *managed = find_network(twins, entry->key.bridge);
	char buffer[256];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	print_double(entry, &text);
	log_say(over ? 5 : 4, managed ? managed->network.name : "", NULL, "network %s: %s%s", managed ? managed->network.name : "?",
		over ? "it is over that " : "", buffer);
}

static void see(const struct neighbour *neighbour, void *data)
{
	struct twins *twins = data;
	struct double_place place = { .port = neighbour->port };
	struct double_entry *entry;
	struct double_key key;

	if (neighbour->port && twins->learnt)
		twins->learnt(neighbour->bridge, neighbour->port, twins->data);
	memset(&key, 0, sizeof(key));
	key.bridge = neighbour->bridge;
	key.vlan = neighbour->vlan;
	if (neighbour->ip.family) {
		key.ip = neighbour->ip;
		place.mac = neighbour->mac;
	} else {
		key.mac = neighbour->mac;
	}
	entry = doubles_see(&twins->doubles, &key, &place, clock_us());
	if (!entry)
		return;
	if (key.ip.family)
		find_ports(twins, entry);
	tell(twins, entry, false);
	twins->changed(twins->data);
}

static int on_neighbours(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	struct twins *twins = data;

	(void)neighbours_read(twins->socket, see, twins);
	return 0;
}

int twins_new(sd_event *event, struct kernel *kernel, const struct managed_list *list, void (*changed)(void *data), void *data,
	      struct twins **ret_twins, struct failure *failure)
{
	_cleanup_(twins_freep) struct twins *twins = pages_new(sizeof(*twins));
	int r;

	if (!twins)
		return failure_set(failure, -ENOMEM, "out of memory");
	twins->kernel = kernel;
	twins->list = list;
	twins->changed = changed;
	twins->data = data;
	r = neighbours_open(&twins->socket);
	if (r >= 0)
		r = sd_event_add_io(event, &twins->source, neighbours_fd(twins->socket), EPOLLIN, on_neighbours, twins);
	if (r >= 0)
		r = sd_event_source_set_ratelimit(twins->source, RATE_INTERVAL_US, RATE_BURST);
	if (r < 0)
		return failure_set(failure, r, "cannot subscribe to the kernel's neighbour events: %s", strerror(-r));
	*ret_twins = steal_ptr(twins);
	return 0;
}

/* @learnt is told of every Ethernet address that a bridge of ours has learnt, with the data of twins_new(). */
void twins_listen(struct twins *twins, void (*learnt)(int bridge, int port, void *data))
{
	twins->learnt = learnt;
}

struct twins *twins_free(struct twins *twins)
{
	if (!twins)
		return NULL;
	sd_event_source_unref(twins->source);
	nlsocket_free(twins->socket);
	free(twins->bridges);
	return pages_free(twins, sizeof(*twins));
}

/* The filter lets through what concerns our bridges: when those are others than before, it is another one. */
static void limit_to_bridges(struct twins *twins, const struct netstate *snapshot)
{
	int *bridges = calloc(snapshot->n_bridges + 1, sizeof(*bridges));
	size_t n = 0;

	if (!bridges)
		return;
	for (size_t i = 0; i < snapshot->n_bridges; i++)
		if (snapshot->bridges[i].owner == NETSTATE_OURS)
			bridges[n++] = snapshot->bridges[i].ifindex;
	if (n == twins->n_bridges && (n == 0 || memcmp(bridges, twins->bridges, n * sizeof(*bridges)) == 0)) {
		free(bridges);
		return;
	}
	free(twins->bridges);
	twins->bridges = bridges;
	twins->n_bridges = n;
	(void)neighbours_limit(twins->socket, bridges, n);
}

static void review_entry(struct twins *twins, struct double_entry *entry, const struct netstate *snapshot, uint64_t now,
			 uint64_t *next_us)
{
	char problem[256] = "";
	struct managed *managed;
	uint64_t end_us = entry->moved_us + DOUBLES_QUIET_US;
	struct text text;

	if (double_is_over(entry, snapshot, now)) {
		tell(twins, entry, true);
		memset(entry, 0, sizeof(*entry));
		twins->doubles.n_found--;
		return;
	}
	if (!*next_us || end_us < *next_us)
		*next_us = end_us;
	managed = find_network(twins, entry->key.bridge);
	if (!managed || managed->twins_problem[0])
		return;		/* the first one will do: the log has them all */
	text_init(&text, problem, sizeof(problem));
	print_double(entry, &text);
	managed_set_text(&managed->twins_problem, problem);
}

/*
 * In each pass: which cases are open still, into managed.twins_problem. Returns when to look again without an
 * event, CLOCK_MONOTONIC; 0: there is no need to.
 */
uint64_t twins_review(struct twins *twins, const struct netstate *snapshot, uint64_t now)
{
	uint64_t next_us = 0;

	limit_to_bridges(twins, snapshot);
	for (size_t i = 0; i < twins->list->n; i++)
		managed_set_text(&twins->list->items[i]->twins_problem, "");
	for (size_t i = 0; i < DOUBLES_SETS && twins->doubles.n_found > 0; i++)
		for (size_t j = 0; j < DOUBLES_WAYS; j++)
			if (twins->doubles.entries[i][j].found)
				review_entry(twins, &twins->doubles.entries[i][j], snapshot, now, &next_us);
	return next_us;
}
