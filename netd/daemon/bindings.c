/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which Ethernet addresses ports are bound to: [Port] MACBinding=.
 * System calls: asks the kernel for forwarding entries; reads and writes a file.
 *
 * A tap that the policy gives addresses has those (macs= in its alias). Another port has the first one that it uses: the
 * bridge learns it, the kernel tells, and from then on it is the port's for as long as the port lives. What was bound
 * stands in RUN/bindings, because a forwarding entry is forgotten after some minutes of silence; an index of an
 * interface is not given twice while the system runs, so that a line cannot mean another port.
 */
#include "bindings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../kernel/dump.h"
#include "../kernel/neighbours.h"
#include "../model/siphash.h"
#include "log.h"
#include "replace.h"

void bindings_deinit(struct bindings *bindings)
{
	free(bindings->items);
	*bindings = (struct bindings){ 0 };
}

static int compare(const void *a, const void *b)
{
	const struct port_binding *left = a, *right = b;

	if (left->ifindex != right->ifindex)
		return left->ifindex < right->ifindex ? -1 : 1;
	return memcmp(&left->mac, &right->mac, sizeof(left->mac));
}

static int add(struct bindings *bindings, int ifindex, const char *port, const char *bridge, const struct mac *mac)
{
	struct port_binding *grown = reallocarray(bindings->items, bindings->n + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	bindings->items = grown;
	memset(&grown[bindings->n], 0, sizeof(*grown));
	grown[bindings->n].ifindex = ifindex;
	grown[bindings->n].mac = *mac;
	snprintf(grown[bindings->n].port, IFNAME_SIZE, "%s", port);
	snprintf(grown[bindings->n++].bridge, IFNAME_SIZE, "%s", bridge);
	return 0;
}

static void make_path(const struct manager_options *options, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/bindings", options->run_root);
}

/* Lines "INDEX MAC BRIDGE"; others are passed over. */
static int load(struct bindings *bindings, const struct manager_options *options)
{
	char path[4096], line[128], text[32], bridge[IFNAME_SIZE];
	FILE *file;
	int r = 0;

	make_path(options, path, sizeof(path));
	file = fopen(path, "re");
	while (file && r == 0 && fgets(line, sizeof(line), file)) {
		struct mac mac;
		int ifindex;

		if (sscanf(line, "%d %31s %15s", &ifindex, text, bridge) == 3 && mac_parse(text, &mac) == 0)
			r = add(bindings, ifindex, "", bridge, &mac);
	}
	if (file)
		fclose(file);
	bindings->loaded = true;
	return r;
}

static int save(const struct bindings *bindings, const struct manager_options *options)
{
	struct replace replace;
	char path[4096];
	int r;

	make_path(options, path, sizeof(path));
	r = replace_begin(&replace, path);
	if (r < 0)
		return r;
	for (size_t i = 0; i < bindings->n; i++)
		fprintf(replace.file, "%d " MAC_FORMAT " %s\n", bindings->items[i].ifindex, MAC_BYTES(bindings->items[i].mac),
			bindings->items[i].bridge);
	return replace_finish(&replace, false);
}

static const struct network *find_network(const struct managed_list *networks, const char *bridge)
{
	for (size_t i = 0; i < networks->n; i++) {
		const struct managed *managed = networks->items[i];

		if (managed->wanted && managed->network.mac_binding && strcmp(managed->network.bridge, bridge) == 0)
			return &managed->network;
	}
	return NULL;
}

static const struct port_binding *find_bound(const struct bindings *bindings, int port)
{
	for (size_t i = 0; i < bindings->n; i++)
		if (bindings->items[i].ifindex == port)
			return &bindings->items[i];
	return NULL;
}

/* Is there news in an address that was seen on this port? Only where it is the first one. */
bool bindings_wants(const struct bindings *bindings, const struct managed_list *networks, const char *bridge, int port)
{
	return find_network(networks, bridge) && !find_bound(bindings, port);
}

/* The addresses of a rule's macs=, which the helper wrote into the tap's alias. */
static int add_granted(struct bindings *fresh, const struct netstate_port *port, bool *ret_found)
{
	char macs[NETSTATE_ALIAS_SIZE], *rest = macs, *word;
	struct mac mac;
	int r = 0;

	*ret_found = port->owner == NETSTATE_OURS && dump_alias_word(port->alias, "macs", macs, sizeof(macs));
	while (*ret_found && r == 0 && (word = strsep(&rest, ",")))
		if (mac_parse(word, &mac) == 0)
			r = add(fresh, port->ifindex, port->name, port->bridge, &mac);
	return r;
}

static int keep_known(const struct bindings *bindings, struct bindings *fresh, const struct netstate_port *port,
		      const char *bridge, bool *ret_found)
{
	int r = 0;

	*ret_found = false;
	for (size_t i = 0; r == 0 && i < bindings->n; i++) {
		if (bindings->items[i].ifindex != port->ifindex)
			continue;
		*ret_found = true;
		r = add(fresh, port->ifindex, port->name, bridge, &bindings->items[i].mac);
	}
	return r;
}

/* Of several that were learnt before anybody looked, the one that is in use: the port may use one. */
static int add_learnt(struct kernel *kernel, struct bindings *fresh, const struct netstate_port *port)
{
	struct mac mac;
	int r = neighbours_find_mac(kernel, port->master, port->ifindex, &mac);

	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return r;
	log_say(6, NULL, port->bridge, "port %s of %s is bound to " MAC_FORMAT, port->name, port->bridge, MAC_BYTES(mac));
	return add(fresh, port->ifindex, port->name, port->bridge, &mac);
}

/* One that has fallen off its bridge keeps what it has, and learns nothing. */
static int update_port(const struct bindings *bindings, struct kernel *kernel, const struct managed_list *networks,
		       const struct netstate_port *port, struct bindings *fresh)
{
	const struct port_binding *known = find_bound(bindings, port->ifindex);
	const char *bridge = port->bridge[0] || !known ? port->bridge : known->bridge;
	bool found;
	int r;

	if (!find_network(networks, bridge) || (port->master && !port->guest))
		return 0;
	r = add_granted(fresh, port, &found);
	if (r == 0 && !found)
		r = keep_known(bindings, fresh, port, bridge, &found);
	return r == 0 && !found && port->master ? add_learnt(kernel, fresh, port) : r;
}

/*
 * Brings the list up to date with the ports of @snapshot whose network binds them: others are forgotten. It is written
 * to its file unless @only_look. -ENOMEM, or what the kernel says.
 */
int bindings_update(struct bindings *bindings, struct kernel *kernel, const struct managed_list *networks,
		    const struct netstate *snapshot, const struct manager_options *options, bool only_look)
{
	struct bindings fresh = { .loaded = true };
	bool any = bindings->n > 0;
	int r = 0;

	for (size_t i = 0; !any && i < networks->n; i++)
		any = networks->items[i]->network.mac_binding;
	if (!any)
		return 0;
	if (!bindings->loaded)
		r = load(bindings, options);
	for (size_t i = 0; r == 0 && i < snapshot->n_ports; i++)
		r = update_port(bindings, kernel, networks, &snapshot->ports[i], &fresh);
	if (r < 0) {
		bindings_deinit(&fresh);
		return r;
	}
	if (fresh.n > 0)
		qsort(fresh.items, fresh.n, sizeof(*fresh.items), compare);
	/* Who has the list goes on having it, when it is the same. */
	if (fresh.n == bindings->n && bindings_hash(&fresh) == bindings_hash(bindings)) {
		bindings_deinit(&fresh);
		return 0;
	}
	if (!only_look)
		r = save(&fresh, options);
	if (r < 0)
		log_say(4, NULL, NULL, "cannot write %s/bindings: %s", options->run_root, strerror(-r));
	bindings_deinit(bindings);
	*bindings = fresh;
	return 0;
}

uint64_t bindings_hash(const struct bindings *bindings)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];

	return bindings->n > 0 ? siphash24(bindings->items, bindings->n * sizeof(*bindings->items), key) : 0;
}
