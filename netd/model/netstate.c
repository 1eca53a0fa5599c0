/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's networking looks like: the containers.
 * Pure: no system calls.
 */
#include "netstate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "ip.h"

/* Frees everything; the state is then an empty one. */
void netstate_deinit(struct netstate *state)
{
#define DEINIT(one, many) free(state->many);
	NETSTATE_KINDS(DEINIT)
#undef DEINIT
	*state = NETSTATE_NULL;
}

#define DEFINE_ADD(one, many)							\
int netstate_add_##one(struct netstate *state, const struct netstate_##one *item)\
{										\
	struct netstate_##one *grown = array_grow(state->many, state->n_##many, sizeof(*item));\
										\
	if (!grown)								\
		return -ENOMEM;							\
	state->many = grown;							\
	memcpy(&grown[state->n_##many++], item, sizeof(*item));			\
	return 0;								\
}
NETSTATE_KINDS(DEFINE_ADD)
#undef DEFINE_ADD

/* Orders, each by the identity that netstate.h names for the kind. */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_ips(const struct ip *a, const struct ip *b)
{
	int r = compare_numbers(a->family, b->family);

	return r ? r : memcmp(a->bytes_be, b->bytes_be, sizeof(a->bytes_be));
}

#define COMPARISON(one) \
	static int compare_##one(const struct netstate_##one *a, const struct netstate_##one *b)

COMPARISON(bridge)
{
	return strcmp(a->name, b->name);
}

COMPARISON(port)
{
	return compare_numbers((uint64_t)a->ifindex, (uint64_t)b->ifindex);
}

COMPARISON(address)
{
	int r = strcmp(a->link, b->link);

	if (!r)
		r = compare_ips(&a->address, &b->address);
	return r ? r : compare_numbers(a->prefix_length, b->prefix_length);
}

COMPARISON(route)
{
	int r = compare_ips(&a->destination, &b->destination);

	if (!r)
		r = compare_numbers(a->prefix_length, b->prefix_length);
	if (!r)
		r = compare_numbers(a->table, b->table);
	if (!r)
		r = compare_numbers(a->metric, b->metric);
	return r ? r : strcmp(a->link, b->link);
}

COMPARISON(device)
{
	return strcmp(a->name, b->name);
}

COMPARISON(element)
{
	int r = compare_numbers(a->set, b->set);

	if (!r)
		r = compare_numbers(a->prefix_length, b->prefix_length);
	/* The keys of a set are of one length. */
	return r ? r : memcmp(a->key, b->key, a->key_length > b->key_length ? a->key_length : b->key_length);
}

COMPARISON(checksum)
{
	int r = strcmp(a->bridge, b->bridge);

	/* There may be two for one bridge, made twice: the older one stands first. */
	return r ? r : compare_numbers(a->handle, b->handle);
}

COMPARISON(shaper)
{
	return strcmp(a->link, b->link);
}

COMPARISON(sysctl)
{
	return strcmp(a->path, b->path);
}

COMPARISON(service)
{
	return strcmp(a->network, b->network);
}

COMPARISON(tap)
{
	return strcmp(a->name, b->name);
}

COMPARISON(proxy)
{
	int r = strcmp(a->link, b->link);

	return r ? r : compare_ips(&a->address, &b->address);
}

COMPARISON(tunnel)
{
	return strcmp(a->name, b->name);
}

COMPARISON(remote)
{
	int r = strcmp(a->link, b->link);

	return r ? r : compare_ips(&a->address, &b->address);
}

COMPARISON(uplink)
{
	return strcmp(a->network, b->network);
}

#define DEFINE_QSORT(one, many)							\
static int qsort_##one(const void *a, const void *b)				\
{										\
	return compare_##one(a, b);						\
}
NETSTATE_KINDS(DEFINE_QSORT)
#undef DEFINE_QSORT

#define DEFINE_INSERT(one, many)						\
int netstate_insert_##one(struct netstate *state, const struct netstate_##one *item)\
{										\
	size_t low = 0, high = state->n_##many;					\
	struct netstate_##one copy = *item;					\
	int r;									\
										\
	r = netstate_add_##one(state, &copy);					\
	if (r < 0)								\
		return r;							\
	while (low < high) {							\
		size_t middle = (low + high) / 2;				\
										\
		if (compare_##one(&state->many[middle], &copy) <= 0)		\
			low = middle + 1;					\
		else								\
			high = middle;						\
	}									\
	memmove(&state->many[low + 1], &state->many[low], (state->n_##many - 1 - low) * sizeof(copy));\
	memcpy(&state->many[low], &copy, sizeof(copy));				\
	return 0;								\
}
NETSTATE_KINDS(DEFINE_INSERT)
#undef DEFINE_INSERT

/* Those of a few more are found by halving, and what stands behind each is moved once. */
#define DEFINE_MERGE(one, many)							\
static int merge_##many(struct netstate *state, const struct netstate *part)	\
{										\
	size_t end = state->n_##many;						\
	int r = 0;								\
										\
	for (size_t i = 0; r == 0 && i < part->n_##many; i++)			\
		r = netstate_add_##one(state, &part->many[i]);			\
	for (size_t i = part->n_##many; r == 0 && i-- > 0;) {			\
		size_t low = 0, high = end;					\
										\
		while (low < high) {						\
			size_t middle = (low + high) / 2;			\
										\
			if (compare_##one(&state->many[middle], &part->many[i]) <= 0)\
				low = middle + 1;				\
			else							\
				high = middle;					\
		}								\
		memmove(&state->many[low + i + 1], &state->many[low], (end - low) * sizeof(*state->many));\
		memcpy(&state->many[low + i], &part->many[i], sizeof(*state->many));\
		end = low;							\
	}									\
	return r;								\
}
NETSTATE_KINDS(DEFINE_MERGE)
#undef DEFINE_MERGE

int netstate_merge(struct netstate *state, const struct netstate *part)
{
	int r = 0;

#define MERGE(one, many) if (r == 0) r = merge_##many(state, part);
	NETSTATE_KINDS(MERGE)
#undef MERGE
	return r;
}

#define DEFINE_REMOVE(one, many)						\
void netstate_remove_##one(struct netstate *state, size_t i)			\
{										\
	memmove(&state->many[i], &state->many[i + 1], (--state->n_##many - i) * sizeof(*state->many));\
}
NETSTATE_KINDS(DEFINE_REMOVE)
#undef DEFINE_REMOVE

/* What is in order already, as most of what the kernel lists is, costs one look at it. */
#define DEFINE_SORT(one, many)							\
void netstate_sort_##many(struct netstate *state)				\
{										\
	size_t i = 1;								\
										\
	while (i < state->n_##many && compare_##one(&state->many[i - 1], &state->many[i]) <= 0)\
		i++;								\
	if (i < state->n_##many)						\
		qsort(state->many, state->n_##many, sizeof(*state->many), qsort_##one);\
}
NETSTATE_KINDS(DEFINE_SORT)
#undef DEFINE_SORT

/* Brings every list into the order that the planner and the find functions rely on. */
void netstate_sort(struct netstate *state)
{
#define SORT(one, many) netstate_sort_##many(state);
	NETSTATE_KINDS(SORT)
#undef SORT
}

static int compare_bridge_name(const void *name, const void *bridge)
{
	return strcmp(name, ((const struct netstate_bridge *)bridge)->name);
}

static int compare_tap_name(const void *name, const void *tap)
{
	return strcmp(name, ((const struct netstate_tap *)tap)->name);
}

const struct netstate_tap *netstate_find_tap(const struct netstate *state, const char *name)
{
	return state->n_taps == 0 ? NULL :
	       bsearch(name, state->taps, state->n_taps, sizeof(*state->taps), compare_tap_name);
}

static int compare_service_network(const void *network, const void *service)
{
	return strcmp(network, ((const struct netstate_service *)service)->network);
}

static int compare_uplink_network(const void *network, const void *uplink)
{
	return strcmp(network, ((const struct netstate_uplink *)uplink)->network);
}

static int compare_shaper_link(const void *link, const void *shaper)
{
	return strcmp(link, ((const struct netstate_shaper *)shaper)->link);
}

static int compare_sysctl_path(const void *path, const void *sysctl)
{
	return strcmp(path, ((const struct netstate_sysctl *)sysctl)->path);
}

#define SEARCH(state, many, key, compare) \
	((state)->n_##many > 0 ? \
	 bsearch(key, (state)->many, (state)->n_##many, sizeof(*(state)->many), compare) : NULL)

const struct netstate_bridge *netstate_find_bridge(const struct netstate *state, const char *name)
{
	return SEARCH(state, bridges, name, compare_bridge_name);
}

/* Bridges are sorted by name: this one looks at all of them. */
const struct netstate_bridge *netstate_find_bridge_index(const struct netstate *state, int ifindex)
{
	for (size_t i = 0; i < state->n_bridges; i++)
		if (state->bridges[i].ifindex == ifindex)
			return &state->bridges[i];
	return NULL;
}

const struct netstate_service *netstate_find_service(const struct netstate *state, const char *network)
{
	return SEARCH(state, services, network, compare_service_network);
}

const struct netstate_uplink *netstate_find_uplink(const struct netstate *state, const char *network)
{
	return SEARCH(state, uplinks, network, compare_uplink_network);
}

const struct netstate_shaper *netstate_find_shaper(const struct netstate *state, const char *link)
{
	return SEARCH(state, shapers, link, compare_shaper_link);
}

static int search_proxy(const void *key, const void *proxy)
{
	return compare_proxy(key, proxy);
}

const struct netstate_proxy *netstate_find_proxy(const struct netstate *state, const char *link, const struct ip *address)
{
	struct netstate_proxy key = { .address = *address };

	memcpy(key.link, link, strnlen(link, IFNAME_SIZE - 1));
	return SEARCH(state, proxies, &key, search_proxy);
}

static int search_tunnel(const void *key, const void *tunnel)
{
	return compare_tunnel(key, tunnel);
}

const struct netstate_tunnel *netstate_find_tunnel(const struct netstate *state, const char *name)
{
	struct netstate_tunnel key = { .ifindex = 0 };

	memcpy(key.name, name, strnlen(name, IFNAME_SIZE - 1));
	return SEARCH(state, tunnels, &key, search_tunnel);
}

static int search_remote(const void *key, const void *remote)
{
	return compare_remote(key, remote);
}

const struct netstate_remote *netstate_find_remote(const struct netstate *state, const char *link, const struct ip *address)
{
	struct netstate_remote key = { .address = *address };

	memcpy(key.link, link, strnlen(link, IFNAME_SIZE - 1));
	return SEARCH(state, remotes, &key, search_remote);
}

/* Does the host answer for guests of some network, or should it? */
bool netstate_has_proxied(const struct netstate *state)
{
	for (size_t i = 0; i < state->n_bridges; i++)
		if (state->bridges[i].proxied[0])
			return true;
	return state->n_proxies > 0;
}

const struct netstate_sysctl *netstate_find_sysctl(const struct netstate *state, const char *path)
{
	return SEARCH(state, sysctls, path, compare_sysctl_path);
}

const char *const netstate_forwarding[2] = { "ipv4/ip_forward", "ipv6/conf/all/forwarding" };

/* Is this the place of one of them? */
bool netstate_is_forwarding(const char *path)
{
	return strcmp(path, netstate_forwarding[0]) == 0 || strcmp(path, netstate_forwarding[1]) == 0;
}

/* Where the sysctls whose paths begin so stand in a sorted state; how many there are is *ret_n. */
size_t netstate_sysctls_below(const struct netstate *state, const char *prefix, size_t *ret_n)
{
	const size_t length = strlen(prefix);
	size_t low = 0, high = state->n_sysctls, end;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strncmp(state->sysctls[middle].path, prefix, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low, high = state->n_sysctls; end < high;) {
		size_t middle = (end + high) / 2;

		if (strncmp(state->sysctls[middle].path, prefix, length) == 0)
			end = middle + 1;
		else
			high = middle;
	}
	*ret_n = end - low;
	return low;
}

static int search_element(const void *a, const void *b)
{
	return compare_element(a, b);
}

static int search_address(const void *a, const void *b)
{
	return compare_address(a, b);
}

/* By set, prefix length and key: the order of a sorted state's elements. */
int netstate_compare_elements(const struct netstate_element *a, const struct netstate_element *b)
{
	return compare_element(a, b);
}

/* Do two elements with one key stand for the same? */
bool netstate_same_data(const struct netstate_element *a, const struct netstate_element *b)
{
	return a->data_length == b->data_length &&
	       memcmp(netstate_element_get_data(a), netstate_element_get_data(b), a->data_length) == 0;
}

/* By set, prefix length and key. */
const struct netstate_element *netstate_find_element(const struct netstate *state, const struct netstate_element *element)
{
	return SEARCH(state, elements, element, search_element);
}

/* By link, address and prefix length. */
const struct netstate_address *netstate_find_address(const struct netstate *state, const struct netstate_address *address)
{
	return SEARCH(state, addresses, address, search_address);
}

/* Where the routes to a prefix begin in a sorted state, in all tables; how many there are is *ret_n. */
size_t netstate_routes_to(const struct netstate *state, const struct ip *destination, uint8_t prefix_length, size_t *ret_n)
{
	const struct netstate_route key = { .destination = *destination, .prefix_length = prefix_length };
	size_t low = 0, high = state->n_routes, end;

	/* The first one that does not stand before it: table and metric are 0, its link is "". */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_route(&state->routes[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < state->n_routes; end++)
		if (compare_ips(&state->routes[end].destination, destination) != 0 || state->routes[end].prefix_length != prefix_length)
			break;
	*ret_n = end - low;
	return low;
}

static bool has_route(const struct netstate *state, const struct netstate_address *address)
{
	const struct ip prefix = ip_mask(&address->address, address->prefix_length);
	size_t n, first = netstate_routes_to(state, &prefix, address->prefix_length, &n);

	for (size_t i = first; i < first + n; i++)
		if (strcmp(state->routes[i].link, address->link) == 0)
			return true;
	return false;
}

static void mark_route(const struct netstate *state, struct netstate_address *address, const struct netstate_bridge *bridge)
{
	unsigned int bits = address->address.family == AF_INET ? 32 : 128;

	address->no_route = bridge && bridge->up && address->prefix_length < bits && address->prefix_length > 0 &&
			    !has_route(state, address);
}

/*
 * Says of each address of ours in a sorted state whether the route to its prefix is missing. The kernel makes
 * that route together with the address, or with the link's going up, and never again: who takes it away
 * (`ip route flush dev`) leaves an address that reaches nobody.
 */
void netstate_mark_routes(struct netstate *state)
{
	for (size_t i = 0; i < state->n_addresses; i++) {
		struct netstate_address *address = &state->addresses[i];

		mark_route(state, address, address->ours ? netstate_find_bridge(state, address->link) : NULL);
	}
}

/* Where the addresses of a link begin; how many there are is *ret_n. */
size_t netstate_addresses_of(const struct netstate *state, const char *link, size_t *ret_n)
{
	size_t low = 0, high = state->n_addresses, end;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(state->addresses[middle].link, link) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < state->n_addresses && strcmp(state->addresses[end].link, link) == 0; end++)
		;
	*ret_n = end - low;
	return low;
}

/* The same for the addresses of one link. */
void netstate_mark_routes_of(struct netstate *state, const char *link)
{
	const struct netstate_bridge *bridge = netstate_find_bridge(state, link);
	size_t n, first = netstate_addresses_of(state, link, &n);

	for (size_t i = first; i < first + n; i++)
		mark_route(state, &state->addresses[i], state->addresses[i].ours ? bridge : NULL);
}

/* Do they lead to a place in common? */
bool netstate_routes_overlap(const struct netstate_route *a, const struct netstate_route *b)
{
	return ip_overlaps(&a->destination, a->prefix_length, &b->destination, b->prefix_length);
}

/*
 * Does the route lead everywhere, or is it a part of such a one? VPNs write 0.0.0.0/0 as two or four routes, and IPv6 has
 * 2000::/3: nobody with such a route says that he has what is private (10.0.0.0/8, fc00::/7), as the longer ones do.
 */
bool netstate_is_default(const struct netstate_route *route)
{
	return route->prefix_length < (ip_is_v6(&route->destination) ? 7 : 8);
}

/*
 * Has anybody a port on the bridge? A tap that is there before its guest (section [Tap]) is nobody's until that has it open;
 * behind a tunnel are guests of other hosts.
 */
bool netstate_is_used(const struct netstate *snapshot, const struct netstate_bridge *bridge)
{
	for (size_t i = 0; i < snapshot->n_tunnels; i++)
		if (snapshot->tunnels[i].master == bridge->ifindex)
			return true;
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		const struct netstate_port *port = &snapshot->ports[i];
		const struct netstate_tap *tap;

		if (port->master != bridge->ifindex)
			continue;
		tap = netstate_find_tap(snapshot, port->name);
		if (!tap || !tap->ours || tap->in_use)
			return true;
	}
	return false;
}

/* Does a route, but for a default route, lead to where an address of a bridge of ours has its prefix, or to more? */
bool netstate_is_overlap(const struct netstate *state, const struct netstate_route *route)
{
	for (size_t i = 0; route->prefix_length > 0 && i < state->n_addresses; i++)
		if (state->addresses[i].ours && ip_overlaps(&state->addresses[i].address, state->addresses[i].prefix_length,
							    &route->destination, route->prefix_length))
			return true;
	return false;
}

/* enum netstate_guard as letters, in their order; "" for none. */
void netstate_guard_letters(uint8_t guards, char letters[static NETSTATE_GUARDS_SIZE])
{
	for (size_t i = 0; i < strlen(NETSTATE_GUARD_LETTERS); i++)
		if (guards & 1U << i)
			*letters++ = NETSTATE_GUARD_LETTERS[i];
	*letters = '\0';
}

/* And back. Letters that are not known are left out. */
uint8_t netstate_read_guards(const char *letters)
{
	uint8_t guards = 0;

	for (size_t i = 0; i < strlen(NETSTATE_GUARD_LETTERS); i++)
		if (strchr(letters, NETSTATE_GUARD_LETTERS[i]))
			guards |= (uint8_t)(1U << i);
	return guards;
}
