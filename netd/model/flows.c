/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the flows that the kernel remembers the present rules would not have made.
 * Pure: no system calls.
 *
 * A flow has no interface, so a guest is told by its address: no two networks share one, and the rules drop
 * invented sources. Where a flow goes is the source of its reply: the destination after all translation. A flow
 * that is in doubt stays.
 */
#include "flows.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "../../lib/util.h"
#include "ip.h"
#include "reach.h"
#include "ruleset.h"

#define PORT_DNS		53
#define PORT_DHCP_SERVER	67
#define PORT_DHCP_CLIENT	68
#define PORT_TFTP		69

void flow_rules_deinit(struct flow_rules *rules)
{
	free(rules->prefixes);
	free(rules->hosts);
	free(rules->neighbours);
	*rules = FLOW_RULES_NULL;
}

/* Does the plan make this network's bridge, and one that was not there before as far as we remember? */
static bool is_new(const struct plan *plan, const char *network)
{
	for (size_t i = 0; i < plan->n_steps && plan->steps[i].phase <= PHASE_CREATE_LINKS; i++)
		if (plan->steps[i].op == PLAN_BRIDGE_CREATE && plan->steps[i].bridge.ifindex == 0 &&
		    strcmp(plan->steps[i].network, network) == 0)
			return true;
	return false;
}

/*
 * Does this plan make rules that were missing, or take a permission away? The kernel walks its whole table of flows to
 * tell of them. Elements of a network that has just got its bridge only add permissions: no flow began there without them.
 */
bool flows_are_due(const struct plan *plan)
{
	const char *new = "";

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step->op == PLAN_TABLE_REPLACE || step->op == PLAN_TABLE_DELETE || step->op == PLAN_ELEMENT_REMOVE)
			return true;
		/* Steps of a network stand together. */
		if (step->op != PLAN_ELEMENT_ADD || (step->network[0] && strcmp(step->network, new) == 0))
			continue;
		if (!step->network[0] || !is_new(plan, step->network))
			return true;
		new = step->network;
	}
	return false;
}

static int compare_ips(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes_be, b->bytes_be, sizeof(a->bytes_be));
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct flow_prefix *left = a, *right = b;
	int r = compare_ips(&left->prefix, &right->prefix);

	return r ? r : left->prefix_length - right->prefix_length;
}

static int compare_hosts(const void *a, const void *b)
{
	const struct flow_host *left = a, *right = b;

	return compare_ips(&left->address, &right->address);
}

/* The last prefix that begins at or before the address is the only one that it can be in. */
static const struct flow_prefix *find_prefix(const struct flow_rules *rules, const struct ip *address)
{
	size_t low = 0, high = rules->n_prefixes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_ips(&rules->prefixes[middle].prefix, address) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !ip_overlaps(&rules->prefixes[low - 1].prefix, rules->prefixes[low - 1].prefix_length, address,
				     ip_bits(address)))
		return NULL;
	return &rules->prefixes[low - 1];
}

/* The first entry of an address: there may be several, for a service and for itself. */
static const struct flow_host *find_host(const struct flow_rules *rules, const struct ip *address)
{
	size_t low = 0, high = rules->n_hosts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_ips(&rules->hosts[middle].address, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < rules->n_hosts && compare_ips(&rules->hosts[low].address, address) == 0 ? &rules->hosts[low] : NULL;
}

static bool is_loopback(const struct ip *ip)
{
	return ip_is_v4(ip) ? ip->bytes_be[0] == 127 : memcmp(ip->bytes_be, &in6addr_loopback, 16) == 0;
}

static bool is_host(const struct flow_rules *rules, const struct ip *address)
{
	return is_loopback(address) || find_host(rules, address);
}

static bool is_multicast(const struct ip *ip)
{
	return ip_is_v4(ip) ? ip->bytes_be[0] >= 224 : ip->bytes_be[0] == 0xff;	/* 255.255.255.255 too */
}

/* The entry of an address at which guests of @bridge are served, of any bridge when it is NULL. */
static const struct flow_host *find_service(const struct flow_rules *rules, const struct ip *address,
					    const char *bridge)
{
	const struct flow_host *host = find_host(rules, address), *end = rules->hosts + rules->n_hosts;

	for (; host && host < end && compare_ips(&host->address, address) == 0; host++)
		if (host->service && (!bridge || strcmp(host->bridge, bridge) == 0))
			return host;
	return NULL;
}

static const struct flow_prefix *find_bridge(const struct flow_rules *rules, const char *bridge)
{
	for (size_t i = 0; i < rules->n_prefixes; i++)
		if (!rules->prefixes[i].gone && strcmp(rules->prefixes[i].bridge, bridge) == 0)
			return &rules->prefixes[i];
	return NULL;
}

/* Whose guest began it. A link-local address is every network's; then the address that it talks to says it. */
static const struct flow_prefix *find_source(const struct flow_rules *rules, const struct flow *flow)
{
	const struct flow_host *host;

	if (!ip_is_link_local(&flow->original.source))
		return find_prefix(rules, &flow->original.source);
	host = find_service(rules, &flow->reply.source, NULL);
	return host ? find_bridge(rules, host->bridge) : NULL;
}

/* Chains to_host and service. */
static bool may_reach_host(const struct flow_rules *rules, const struct flow *flow, const struct flow_prefix *from)
{
	uint16_t port = flow->reply.source_port;
	bool udp = flow->protocol == IPPROTO_UDP, tcp = flow->protocol == IPPROTO_TCP;

	if (from->host_open)
		return true;
	if (udp && port == PORT_DHCP_SERVER && flow->original.source_port == PORT_DHCP_CLIENT)
		return true;
	if (from->host_closed || !find_service(rules, &flow->reply.source, from->bridge))
		return false;
	return flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6 || ((udp || tcp) && port == PORT_DNS) ||
	       (udp && port == PORT_TFTP);
}

/* The element of a bridge in a set or map of bridges' names. */
static const struct netstate_element *find_named(const struct netstate *state, enum netstate_set set, const char *bridge)
{
	struct netstate_element element = { .set = (uint8_t)set, .key_length = IFNAME_SIZE };

	memcpy(element.key, bridge, IFNAME_SIZE);
	return netstate_find_element(state, &element);
}

static bool are_peers(const struct flow_rules *rules, const struct flow_prefix *from, const struct flow_prefix *to)
{
	struct netstate_element element = { .set = NETSTATE_SET_PEER, .key_length = 2 * IFNAME_SIZE };

	memcpy(element.key, from->bridge, IFNAME_SIZE);
	memcpy(element.key + IFNAME_SIZE, to->bridge, IFNAME_SIZE);
	return netstate_find_element(rules->desired, &element) != NULL;
}

static void put_port(uint8_t *bytes, uint16_t port)
{
	bytes[0] = (uint8_t)(port >> 8);
	bytes[1] = (uint8_t)port;
}

/* Did this forward, as it was, make the flow, and is it no longer there or leads elsewhere? */
static bool was_forwarded(const struct flow_rules *rules, const struct flow *flow, const struct netstate_element *key)
{
	const struct netstate_element *old = netstate_find_element(rules->snapshot, key);
	const struct netstate_element *now = netstate_find_element(rules->desired, key);
	size_t n = ip_length(&flow->reply.source);
	const uint8_t *to;
	uint8_t port[2];

	if (!old)
		return false;
	to = netstate_element_get_data(old);
	put_port(port, flow->reply.source_port);
	if (memcmp(to, flow->reply.source.bytes_be, n) != 0 || memcmp(to + n, port, 2) != 0)
		return false;
	return !now || !netstate_same_data(now, old);
}

static bool is_withdrawn(const struct flow_rules *rules, const struct flow *flow)
{
	const struct ip *address = &flow->original.destination;
	bool v6 = ip_is_v6(address);
	size_t n = ip_length(address);
	struct netstate_element any = { .set = v6 ? NETSTATE_SET_FORWARD6 : NETSTATE_SET_FORWARD4, .key_length = 8 };
	struct netstate_element at = {
		.set = v6 ? NETSTATE_SET_FORWARD_AT6 : NETSTATE_SET_FORWARD_AT4, .key_length = (uint8_t)(n + 8),
	};

	if (!(flow->status & IPS_DST_NAT))
		return false;
	memcpy(at.key, address->bytes_be, n);
	at.key[n] = any.key[0] = flow->protocol;
	put_port(any.key + 4, flow->original.destination_port);
	put_port(at.key + n + 4, flow->original.destination_port);
	return was_forwarded(rules, flow, &any) || was_forwarded(rules, flow, &at);
}

/* Is this one of the addresses that the bridge's guests leave as, by the maps of @state? */
static bool is_nat_address(const struct netstate *state, const char *bridge, const struct ip *ip)
{
	const struct netstate_element *element;
	const uint8_t *range;
	size_t n = ip_length(ip);

	element = find_named(state, ip_is_v6(ip) ? NETSTATE_SET_NATADDR6 : NETSTATE_SET_NATADDR4, bridge);
	if (!element)
		return false;
	range = netstate_element_get_data(element);
	return memcmp(ip->bytes_be, range, n) >= 0 && memcmp(ip->bytes_be, range + n + 4, n) <= 0;
}

/* Out of a network: is it seen outside as the rules have it? */
static bool leaves_wrongly(const struct flow_rules *rules, const struct flow *flow, const struct flow_prefix *from)
{
	const struct ip *seen_as = &flow->reply.destination;
	bool translated = compare_ips(seen_as, &flow->original.source) != 0, v6 = ip_is_v6(seen_as);
	bool was_ours = is_nat_address(rules->snapshot, from->bridge, seen_as);

	if (from->inside || (from->nat && !translated))
		return true;
	if (from->nat && find_named(rules->desired, v6 ? NETSTATE_SET_NATADDR6 : NETSTATE_SET_NATADDR4, from->bridge))
		return !is_nat_address(rules->desired, from->bridge, seen_as);
	if (from->nat)
		return was_ours;
	/* Somebody else may translate what is routed; what we did is over. */
	return translated && (was_ours || (is_host(rules, seen_as) &&
					   find_named(rules->snapshot, v6 ? NETSTATE_SET_NAT6 : NETSTATE_SET_NAT, from->bridge)));
}

/* Whose guest began it, by its Ethernet address; NULL: it is not known. */
static const struct mac *find_mac(const struct flow_rules *rules, const struct ip *ip)
{
	for (size_t i = 0; i < rules->n_neighbours; i++)
		if (compare_ips(&rules->neighbours[i].ip, ip) == 0)
			return &rules->neighbours[i].mac;
	return NULL;
}

/* Chains rules_out and rules_in. What another flow has announced is none of theirs. */
static bool is_denied(const struct flow_rules *rules, const struct flow *flow, const struct flow_prefix *from, const struct flow_prefix *to)
{
	struct reach_flow asked = {
		.guest = &flow->reply.source, .protocol = flow->protocol, .port = flow->reply.source_port,
	};

	if (flow->status & IPS_EXPECTED)
		return false;
	/* Most networks have no such rules: whose guest it is need not be searched for. */
	if (from && find_named(rules->desired, NETSTATE_SET_OUT, from->bridge)) {
		asked.out = true;
		asked.bridge = from->bridge;
		asked.mac = find_mac(rules, &flow->original.source);
		asked.far = &flow->reply.source;
		if (reach_denies(rules->desired, &asked))
			return true;
	}
	asked.out = false;
	asked.bridge = to ? to->bridge : NULL;
	asked.far = &flow->original.source;
	return to && reach_denies(rules->desired, &asked);
}

/* Would the present rules not have made this flow? */
bool flow_is_unwanted(const struct flow_rules *rules, const struct flow *flow)
{
	const struct flow_prefix *from, *to;

	if (flow->zone == 0 && is_withdrawn(rules, flow))
		return true;
	if (flow->zone != 0 || is_host(rules, &flow->original.source) || is_multicast(&flow->reply.source) ||
	    is_multicast(&flow->original.destination))
		return false;
	from = find_source(rules, flow);
	to = find_prefix(rules, &flow->reply.source);
	if ((from && from->gone) || (to && to->gone))
		return true;
	if (is_host(rules, &flow->reply.source))
		return from && !from->open && !may_reach_host(rules, flow, from);
	if (!from && !to)
		return false;
	if (from && to && strcmp(from->bridge, to->bridge) == 0)
		return false;
	if (is_denied(rules, flow, from, to))
		return true;
	from = from && from->open ? NULL : from;
	to = to && to->open ? NULL : to;
	if (!from && !to)
		return false;
	/* To a guest from elsewhere: a forward made it, or another flow that is allowed announced it. */
	if (to && flow->status & (IPS_DST_NAT | IPS_EXPECTED))
		return false;
	if (to)
		return from ? !are_peers(rules, from, to) : !to->routed;
	return leaves_wrongly(rules, flow, from);
}

/* What the elements say */

static bool read_prefix(const struct netstate_element *element, struct flow_prefix *ret_prefix)
{
	bool v6 = element->set == NETSTATE_SET_SOURCE6 || element->set == NETSTATE_SET_INSIDE6;
	struct flow_prefix prefix = { .prefix_length = element->prefix_length };

	if (!v6 && element->set != NETSTATE_SET_SOURCE4 && element->set != NETSTATE_SET_INSIDE4)
		return false;
	prefix.inside = element->set == NETSTATE_SET_INSIDE4 || element->set == NETSTATE_SET_INSIDE6;
	prefix.prefix.family = v6 ? AF_INET6 : AF_INET;
	memcpy(prefix.prefix.bytes_be, element->key + IFNAME_SIZE, v6 ? 16 : 4);
	memcpy(prefix.bridge, element->key, IFNAME_SIZE);
	*ret_prefix = prefix;
	return true;
}

static bool is_routed(const struct netstate *desired, const struct netstate_element *source)
{
	struct netstate_element element = *source;

	element.set = source->set == NETSTATE_SET_SOURCE6 ? NETSTATE_SET_ROUTED6 : NETSTATE_SET_ROUTED4;
	return netstate_find_element(desired, &element) != NULL;
}

static void add_present(struct flow_rules *rules, const struct netstate *desired)
{
	for (size_t i = 0; i < desired->n_elements; i++) {
		struct flow_prefix *prefix = &rules->prefixes[rules->n_prefixes];

		if (!read_prefix(&desired->elements[i], prefix))
			continue;
		prefix->nat = find_named(desired, ip_is_v6(&prefix->prefix) ? NETSTATE_SET_NAT6 : NETSTATE_SET_NAT, prefix->bridge);
		prefix->routed = !prefix->inside && is_routed(desired, &desired->elements[i]);
		prefix->host_open = find_named(desired, NETSTATE_SET_HOSTOPEN, prefix->bridge);
		prefix->host_closed = find_named(desired, NETSTATE_SET_HOSTCLOSED, prefix->bridge);
		rules->n_prefixes++;
	}
}

/* A prefix behind one guest may be a part of one behind another: the wider one says all, for they are of one network. */
static void drop_inner(struct flow_rules *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->n_prefixes; i++) {
		const struct flow_prefix *wider = n > 0 ? &rules->prefixes[n - 1] : NULL;

		if (!wider || !ip_overlaps(&wider->prefix, wider->prefix_length, &rules->prefixes[i].prefix,
					   rules->prefixes[i].prefix_length))
			rules->prefixes[n++] = rules->prefixes[i];
	}
	rules->n_prefixes = n;
}

/* Somebody else's network may have taken the addresses over. */
static bool is_taken(const struct netstate *snapshot, const struct flow_prefix *prefix)
{
	for (size_t i = 0; i < snapshot->n_addresses; i++) {
		const struct netstate_address *address = &snapshot->addresses[i];

		if (!address->ours && ip_overlaps(&address->address, address->prefix_length, &prefix->prefix, prefix->prefix_length))
			return true;
	}
	return false;
}

/* Prefixes are few where they go, and many where they stay: those that stay are found by halving. */
static bool is_present(const struct flow_rules *rules, size_t n_present, const struct flow_prefix *prefix)
{
	const struct flow_rules present = { .prefixes = rules->prefixes, .n_prefixes = n_present };

	if (find_prefix(&present, &prefix->prefix))
		return true;
	for (size_t i = 0; i < rules->n_prefixes; i++)
		if (ip_overlaps(&rules->prefixes[i].prefix, rules->prefixes[i].prefix_length, &prefix->prefix,
				prefix->prefix_length))
			return true;
	return false;
}

static void add_gone(struct flow_rules *rules, size_t n_present, const struct netstate *snapshot,
		     const struct flow_prefix *prefix)
{
	if (is_present(rules, n_present, prefix) || is_taken(snapshot, prefix))
		return;
	rules->prefixes[rules->n_prefixes] = *prefix;
	rules->prefixes[rules->n_prefixes++].gone = true;
}

/* A network with Mode=open has no elements but these, so its addresses say which flows they are about. */
static void add_open(struct flow_rules *rules, size_t n_present, const struct netstate *desired)
{
	for (size_t i = 0; desired->table.features & (RULESET_OPEN_OUT | RULESET_OPEN_IN) && i < desired->n_addresses; i++) {
		const struct netstate_address *address = &desired->addresses[i];
		struct flow_prefix prefix = { .prefix_length = address->prefix_length, .open = true };
		const struct netstate_bridge *bridge = netstate_find_bridge(desired, address->link);

		if (!bridge || !bridge->open ||
		    (!find_named(desired, NETSTATE_SET_OUT, address->link) && !find_named(desired, NETSTATE_SET_IN, address->link)))
			continue;
		prefix.prefix = ip_mask(&address->address, address->prefix_length);
		memcpy(prefix.bridge, address->link, IFNAME_SIZE);
		if (!is_present(rules, n_present, &prefix))
			rules->prefixes[rules->n_prefixes++] = prefix;
	}
}

static void add_host(struct flow_rules *rules, const struct ip *address, const char bridge[IFNAME_SIZE], bool service)
{
	struct flow_host *host = &rules->hosts[rules->n_hosts++];

	*host = (struct flow_host){ .address = *address, .service = service };
	memcpy(host->bridge, bridge, IFNAME_SIZE);
}

static void add_hosts(struct flow_rules *rules, const struct netstate *desired, const struct netstate *snapshot)
{
	for (size_t i = 0; i < desired->n_elements; i++) {
		const struct netstate_element *element = &desired->elements[i];
		struct ip address = { .family = element->set == NETSTATE_SET_LOCAL6 ? AF_INET6 : AF_INET };

		if (element->set != NETSTATE_SET_LOCAL4 && element->set != NETSTATE_SET_LOCAL6)
			continue;
		memcpy(address.bytes_be, element->key + IFNAME_SIZE, ip_length(&address));
		add_host(rules, &address, (const char *)element->key, true);
	}
	for (size_t i = 0; i < snapshot->n_addresses; i++)
		add_host(rules, &snapshot->addresses[i].address, snapshot->addresses[i].link, false);
}

/*
 * What @desired (sorted) allows. Prefixes that were in use are those of the rules in @snapshot and of the
 * @previous addresses of our bridges: what is left of their flows goes. Both states must outlive the rules.
 * The caller frees. -ENOMEM only.
 */
int flow_rules_build(const struct netstate *desired, const struct netstate *snapshot,
		     const struct netstate_address *previous, size_t n_previous, struct flow_rules *ret_rules)
{
	struct flow_rules rules = { .desired = desired, .snapshot = snapshot };
	struct flow_prefix prefix;
	size_t n_present;

	rules.prefixes = calloc(desired->n_elements + desired->n_addresses + snapshot->n_elements + n_previous + 1, sizeof(*rules.prefixes));
	rules.hosts = calloc(desired->n_elements + snapshot->n_addresses + 1, sizeof(*rules.hosts));
	if (!rules.prefixes || !rules.hosts) {
		flow_rules_deinit(&rules);
		return -ENOMEM;
	}
	add_present(&rules, desired);
	qsort(rules.prefixes, rules.n_prefixes, sizeof(*rules.prefixes), compare_prefixes);
	drop_inner(&rules);
	n_present = rules.n_prefixes;
	for (size_t i = 0; i < snapshot->n_elements; i++)
		if (read_prefix(&snapshot->elements[i], &prefix))
			add_gone(&rules, n_present, snapshot, &prefix);
	for (size_t i = 0; i < n_previous; i++) {
		prefix = (struct flow_prefix){
			.prefix = ip_mask(&previous[i].address, previous[i].prefix_length),
			.prefix_length = previous[i].prefix_length,
		};
		memcpy(prefix.bridge, previous[i].link, IFNAME_SIZE);
		/* No rule is about a network that is open: it is there all the same. */
		if (!netstate_find_address(desired, &previous[i]))
			add_gone(&rules, n_present, snapshot, &prefix);
	}
	add_open(&rules, n_present, desired);
	qsort(rules.prefixes, rules.n_prefixes, sizeof(*rules.prefixes), compare_prefixes);
	add_hosts(&rules, desired, snapshot);
	qsort(rules.hosts, rules.n_hosts, sizeof(*rules.hosts), compare_hosts);
	*ret_rules = rules;
	return 0;
}

/* Do the rules say anything of single guests, for which their Ethernet addresses have to be known? */
bool flow_rules_want_neighbours(const struct flow_rules *rules)
{
	for (size_t i = 0; i < rules->desired->n_elements; i++)
		if (rules->desired->elements[i].set == NETSTATE_SET_OUT_GUEST)
			return true;
	return false;
}

/* An address of a guest, whose that is. -ENOMEM only. */
int flow_rules_add_neighbour(struct flow_rules *rules, const struct ip *ip, const struct mac *mac)
{
	struct flow_neighbour *grown = reallocarray(rules->neighbours, rules->n_neighbours + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	rules->neighbours = grown;
	grown[rules->n_neighbours++] = (struct flow_neighbour){ .ip = *ip, .mac = *mac };
	return 0;
}
