/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests may not reach, and from where they may not be reached: DenyOut= and so on.
 * Pure: no system calls.
 *
 * Theory of operation. Four lists decide, the first that holds the packet: what is allowed for this guest, what is denied
 * to it, what is allowed for all of its network, what is denied to all. Each is a set of the kernel's, in which a packet is
 * found with one lookup, however many lines there are; and no order of lines matters, for within one list all say the same.
 * The kernel wants elements of such a set to have nothing in common: of two prefixes one holds the other or they are apart,
 * so what the wider one says already is cut out of the protocols and ports of the narrower one.
 *
 * A guest that begins something is known by its Ethernet address, which holds for all of its addresses. One that is reached
 * has none yet where the rules are: it is known by its addresses, those of its [Host] or of its lease.
 */
#include "reach.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "forwards.h"
#include "ip.h"
#include "ruleset.h"
#include "siphash.h"

const char *const reach_list_names[REACH_LIST_MAX_] = {
	[REACH_DENY_OUT] = "DenyOut", [REACH_ALLOW_OUT] = "AllowOut", [REACH_DENY_IN] = "DenyIn", [REACH_ALLOW_IN] = "AllowIn",
};

static bool is_out(enum network_reach_list list)
{
	return list == REACH_DENY_OUT || list == REACH_ALLOW_OUT;
}

static bool is_deny(enum network_reach_list list)
{
	return list == REACH_DENY_OUT || list == REACH_DENY_IN;
}

/* The text of a file */

static int parse_prefix(struct network_reach *reach, const char *word, char why[static KEY_WHY_SIZE])
{
	struct ip ip, masked;
	uint8_t length;

	if (ip_parse(word, &ip) == 0)
		length = (uint8_t)ip_bits(&ip);
	else if (ip_parse_prefix(word, &ip, &length) < 0)
		return -EINVAL;
	masked = ip_mask(&ip, length);
	if (memcmp(&masked, &ip, sizeof(ip)) != 0) {
		snprintf(why, KEY_WHY_SIZE, "; that is an address of the prefix %s/%u", IP_TEXT(&masked), length);
		return -EINVAL;
	}
	reach->prefix = ip;
	reach->prefix_length = length;
	return 0;
}

static int parse_protocol(struct network_reach *reach, const char *word)
{
	const char *ports;

	if (strcmp(word, "icmp") == 0)
		reach->protocol = IPPROTO_ICMP;
	else if (str_has_prefix(word, "tcp", &ports))
		reach->protocol = IPPROTO_TCP;
	else if (str_has_prefix(word, "udp", &ports))
		reach->protocol = IPPROTO_UDP;
	else
		return -EINVAL;
	if (reach->protocol == IPPROTO_ICMP || !*ports)
		return 0;
	return ports[0] == ':' ? values_parse_port_range(ports + 1, strlen(ports + 1), reach->ports) : -EINVAL;
}

/* "any", "PREFIX", "PROTOCOL", "PROTOCOL:PORTS" or "PREFIX PROTOCOL:PORTS" */
static int parse_value(struct network_reach *reach, const char *value, char why[static KEY_WHY_SIZE])
{
	char buffer[128], *rest = buffer, *word;

	if (strlen(value) >= sizeof(buffer))
		return -EINVAL;
	strcpy(buffer, value);
	word = strsep(&rest, " \t");
	if (strcmp(word, "any") != 0 && parse_prefix(reach, word, why) < 0)
		return !why[0] && !rest ? parse_protocol(reach, word) : -EINVAL;
	if (!rest)
		return 0;
	return parse_protocol(reach, rest + strspn(rest, " \t"));
}

static int parse(struct network *network, enum network_reach_list list, bool host, enum key_id key, const char *value,
		 char why[static KEY_WHY_SIZE])
{
	struct network_reach reach = { .list = (uint8_t)list, .place = network_find_place(network, key) };

	if (parse_value(&reach, value, why) < 0)
		return -EINVAL;
	if (network->n_reach == LIMIT_NETWORK_REACH) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d of these in one network", LIMIT_NETWORK_REACH);
		return -EINVAL;
	}
	if (!NETWORK_APPEND(network, reach))
		return -ENOMEM;
	reach.host = host ? (uint16_t)network->n_hosts : 0;
	network->reach[network->n_reach - 1] = reach;
	return 0;
}

static void reset(struct network *network, enum network_reach_list list, bool host)
{
	size_t n = 0;

	for (size_t i = 0; i < network->n_reach; i++)
		if (network->reach[i].list != list || network->reach[i].host != (host ? network->n_hosts : 0))
			network->reach[n++] = network->reach[i];
	network->n_reach = n;
	if (n == 0)
		NETWORK_CLEAR(network, reach);
}

#define DEFINE_KEY(name, list, host, key)									\
	int reach_parse_##name(struct network *network, const char *value, char why[static KEY_WHY_SIZE])	\
	{													\
		return parse(network, list, host, key, value, why);						\
	}													\
	void reach_reset_##name(struct network *network)							\
	{													\
		reset(network, list, host);									\
	}
DEFINE_KEY(deny_out, REACH_DENY_OUT, false, KEY_DENY_OUT)
DEFINE_KEY(allow_out, REACH_ALLOW_OUT, false, KEY_ALLOW_OUT)
DEFINE_KEY(deny_in, REACH_DENY_IN, false, KEY_DENY_IN)
DEFINE_KEY(allow_in, REACH_ALLOW_IN, false, KEY_ALLOW_IN)
DEFINE_KEY(host_deny_out, REACH_DENY_OUT, true, KEY_HOST_DENY_OUT)
DEFINE_KEY(host_allow_out, REACH_ALLOW_OUT, true, KEY_HOST_ALLOW_OUT)
DEFINE_KEY(host_deny_in, REACH_DENY_IN, true, KEY_HOST_DENY_IN)
DEFINE_KEY(host_allow_in, REACH_ALLOW_IN, true, KEY_HOST_ALLOW_IN)

/* As in the file: "any", "10.0.0.0/8", "192.0.2.7 tcp:443", "udp:53". */
void reach_print(const struct network_reach *reach, struct text *text)
{
	const char *blank = "";

	if (reach->prefix.family) {
		text_add(text, "%s", IP_TEXT(&reach->prefix));
		if (reach->prefix_length < ip_bits(&reach->prefix))
			text_add(text, "/%u", reach->prefix_length);
		blank = " ";
	} else if (!reach->protocol) {
		text_add(text, "any");
	}
	if (reach->protocol)
		text_add(text, "%s%s", blank, reach->protocol == IPPROTO_TCP ? "tcp" : reach->protocol == IPPROTO_UDP ? "udp" : "icmp");
	if (reach->ports[0])
		text_add(text, ":%u", reach->ports[0]);
	if (reach->ports[1] != reach->ports[0])
		text_add(text, "-%u", reach->ports[1]);
}

/* The guest that it is about; NULL: all. */
const struct network_host *reach_host(const struct network *network, const struct network_reach *reach)
{
	return reach->host ? &network->hosts[reach->host - 1] : NULL;
}

/* Is there a denial that this allows something of? */
static bool has_denial(const struct network *network, const struct network_reach *allow)
{
	for (size_t i = 0; i < network->n_reach; i++) {
		const struct network_reach *other = &network->reach[i];

		if (is_deny(other->list) && is_out(other->list) == is_out(allow->list) && (!other->host || other->host == allow->host))
			return true;
	}
	return false;
}

/* Elements */

/* What of a list's line is in the set: protocols and ports from and to, of one prefix. */
struct box {
	struct ip prefix;
	uint8_t prefix_length;
	uint16_t from[2], to[2];	/* protocol, port */
};

struct boxes {
	struct box *items;		/* owned */
	size_t n, max, limit;
	int error;			/* -ENOMEM; -E2BIG: more than @limit */
};

static void add_box(struct boxes *boxes, const struct box *box)
{
	if (boxes->n == boxes->limit)
		boxes->error = -E2BIG;
	if (boxes->error < 0)
		return;
	if (boxes->n == boxes->max) {
		size_t max = boxes->max ? boxes->max * 2 : 16;
		struct box *grown = reallocarray(boxes->items, max, sizeof(*grown));

		if (!grown) {
			boxes->error = -ENOMEM;
			return;
		}
		boxes->items = grown;
		boxes->max = max;
	}
	boxes->items[boxes->n++] = *box;
}

/* The widest prefixes first, then as they stand in the file. */
static int compare_reach(const void *a, const void *b)
{
	const struct network_reach *left = *(const struct network_reach *const *)a, *right = *(const struct network_reach *const *)b;

	if (left->prefix_length != right->prefix_length)
		return left->prefix_length - right->prefix_length;
	return left < right ? -1 : left > right;
}

/* Adds what of @box is in none of @met from @first on, whose prefixes hold its own. */
static void add_rest(struct boxes *boxes, const struct boxes *met, size_t first, const struct box *box)
{
	struct box middle = *box, part;

	for (size_t i = first; i < met->n && boxes->error == 0; i++) {
		const struct box other = met->items[i];
		bool apart = false;

		for (int j = 0; j < 2; j++)
			apart |= other.from[j] > box->to[j] || other.to[j] < box->from[j];
		if (apart)
			continue;
		/* What is before it and behind it, first of protocols, then of ports: each goes on with the boxes that follow. */
		for (int j = 0; j < 2; j++) {
			const uint16_t from = other.from[j], to = other.to[j];

			part = middle;
			part.to[j] = (uint16_t)(from - 1);
			if (from > middle.from[j])
				add_rest(boxes, met, i + 1, &part);
			part = middle;
			part.from[j] = (uint16_t)(to + 1);
			if (to < middle.to[j])
				add_rest(boxes, met, i + 1, &part);
			middle.from[j] = from > middle.from[j] ? from : middle.from[j];
			middle.to[j] = to < middle.to[j] ? to : middle.to[j];
		}
		return;
	}
	add_box(boxes, box);
}

static struct box make_box(const struct network_reach *reach, bool v6)
{
	static const uint8_t none[16];
	struct box box = { .prefix = reach->prefix, .prefix_length = reach->prefix_length, .to = { UINT8_MAX, UINT16_MAX } };

	if (!box.prefix.family)
		box.prefix = v6 ? ip_v6(none) : ip_v4(0);
	if (reach->protocol)
		box.from[0] = box.to[0] = v6 && reach->protocol == IPPROTO_ICMP ? IPPROTO_ICMPV6 : reach->protocol;
	if (reach->ports[0]) {
		box.from[1] = reach->ports[0];
		box.to[1] = reach->ports[1];
	}
	return box;
}

/* What is said of one guest, or of all, by the place in the network's list where that is. */
struct lines {
	const struct network_reach *items;	/* borrowed; those of other guests may be among them */
	size_t n;
	unsigned int host;			/* 0: all */
};

/* One list of one guest, or of all, in one family: nothing of it twice. */
static int make_boxes(const struct lines *said, enum network_reach_list list, bool v6, struct boxes *boxes)
{
	_cleanup_(freep) const struct network_reach **lines = calloc(said->n + 1, sizeof(*lines));
	struct boxes met = { .limit = SIZE_MAX };
	size_t n = 0;

	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < said->n; i++) {
		const struct network_reach *reach = &said->items[i];

		if (reach->list == list && reach->host == said->host && (!reach->prefix.family || ip_is_v6(&reach->prefix) == v6))
			lines[n++] = reach;
	}
	qsort(lines, n, sizeof(*lines), compare_reach);
	for (size_t i = 0; i < n && boxes->error == 0; i++) {
		const struct box box = make_box(lines[i], v6);

		met.n = 0;
		for (size_t j = 0; j < boxes->n; j++)
			if (ip_overlaps(&boxes->items[j].prefix, boxes->items[j].prefix_length, &box.prefix, box.prefix_length))
				add_box(&met, &boxes->items[j]);
		boxes->error = met.error;
		add_rest(boxes, &met, 0, &box);
	}
	free(met.items);
	return boxes->error;
}

static int count_ranges(const struct lines *said, size_t *n)
{
	int r = 0;

	for (unsigned int list = 0; r == 0 && list < REACH_LIST_MAX_; list++)
		for (int v6 = 0; r == 0 && v6 < 2; v6++) {
			struct boxes boxes = { .limit = LIMIT_NETWORK_REACH_RANGES - *n };

			r = make_boxes(said, list, v6, &boxes);
			*n += boxes.n;
			free(boxes.items);
		}
	return r;
}

/* Few lines can be many elements. */
static bool is_too_much(const struct network *network)
{
	struct lines lines = { network->reach, network->n_reach, 0 };
	size_t n = 0;
	int r = count_ranges(&lines, &n);

	for (size_t i = 0, end; r == 0 && i < network->n_reach; i = end) {
		for (end = i + 1; end < network->n_reach && network->reach[end].host == network->reach[i].host; end++)
			;
		lines = (struct lines){ network->reach + i, end - i, network->reach[i].host };
		if (lines.host)
			r = count_ranges(&lines, &n);
	}
	return r == -E2BIG;
}

/* Can these do what they say? All that cannot is in @mistakes, with file and line. */
void reach_verify(const struct network *network, struct mistakes *mistakes)
{
	for (size_t i = 0; i < network->n_reach; i++) {
		const struct network_reach *reach = &network->reach[i];
		const struct network_host *host = reach_host(network, reach);
		const char *name = reach_list_names[reach->list];

		if (!is_deny(reach->list) && !has_denial(network, reach))
			(void)network_failure(network, reach->place, mistakes, "%s= allows what is not denied: it is an exception from a %s=, and there is none",
					      name, is_out(reach->list) ? "DenyOut" : "DenyIn");
		else if (host && is_out(reach->list) && !host->has_mac)
			(void)network_failure(network, reach->place, mistakes, "%s= of a [Host] needs its MACAddress=", name);
		else if (host && !host->has_mac && !host->addresses[0].family && !host->addresses[1].family)
			(void)network_failure(network, reach->place, mistakes, "%s= of a [Host] needs its MACAddress= or an Address=", name);
	}
	if (network->n_reach > 0 && is_too_much(network))
		(void)network_failure(network, network->reach[network->n_reach - 1].place, mistakes,
				      "DenyOut= and so on are more than %d ranges by now: each prefix is cut by all protocols and ports that the same list has of wider ones",
				      LIMIT_NETWORK_REACH_RANGES);
}

static const uint8_t all_sets[REACH_LIST_MAX_] = {
	[REACH_DENY_OUT] = NETSTATE_SET_OUT_DENY4, [REACH_ALLOW_OUT] = NETSTATE_SET_OUT_ALLOW4,
	[REACH_DENY_IN] = NETSTATE_SET_IN_DENY4, [REACH_ALLOW_IN] = NETSTATE_SET_IN_ALLOW4,
};
static const uint8_t guest_sets[REACH_LIST_MAX_] = {
	[REACH_DENY_OUT] = NETSTATE_SET_OUT_GUEST_DENY4, [REACH_ALLOW_OUT] = NETSTATE_SET_OUT_GUEST_ALLOW4,
	[REACH_DENY_IN] = NETSTATE_SET_IN_GUEST_DENY4, [REACH_ALLOW_IN] = NETSTATE_SET_IN_GUEST_ALLOW4,
};
static_assert(NETSTATE_SET_OUT_DENY6 == NETSTATE_SET_OUT_DENY4 + 1 && NETSTATE_SET_IN_GUEST_ALLOW6 == NETSTATE_SET_IN_GUEST_ALLOW4 + 1,
	      "the set of IPv6 is behind that of IPv4");

static struct netstate_element begin(const struct network *network, unsigned int set)
{
	struct netstate_element element = { .set = (uint8_t)set };

	memcpy(element.key, network->bridge, IFNAME_SIZE);
	memcpy(element.network, network->name, sizeof(element.network));
	element.key_length = IFNAME_SIZE;
	return element;
}

static void put(struct netstate_element *element, const void *bytes, size_t length, size_t padded)
{
	memcpy(element->key + element->key_length, bytes, length);
	element->key_length = (uint8_t)(element->key_length + padded);
}

/* The guest in a key: what is known of it. NULL: all guests. */
struct who {
	const void *bytes;
	size_t length, padded;
};

static int add_list(const struct network *network, const struct lines *lines, enum network_reach_list list, bool v6,
		    const struct who *who, struct netstate *state)
{
	struct boxes boxes = { .limit = LIMIT_NETWORK_REACH_RANGES };
	int r = make_boxes(lines, list, v6, &boxes);

	for (size_t i = 0; r == 0 && i < boxes.n; i++) {
		struct netstate_element element = begin(network, (who ? guest_sets : all_sets)[list] + v6);
		const struct box *box = &boxes.items[i];
		const uint8_t ranges[] = {
			(uint8_t)box->from[0], (uint8_t)box->to[0],
			(uint8_t)(box->from[1] >> 8), (uint8_t)box->from[1], (uint8_t)(box->to[1] >> 8), (uint8_t)box->to[1],
		};

		if (who)
			put(&element, who->bytes, who->length, who->padded);
		put(&element, box->prefix.bytes_be, ip_length(&box->prefix), ip_length(&box->prefix));
		put(&element, ranges, sizeof(ranges), sizeof(ranges));
		element.prefix_length = box->prefix_length;
		r = netstate_add_element(state, &element);
	}
	free(boxes.items);
	return r;
}

/* Is anything said of what begins there, and of what leads there? */
static void find_ways(const struct lines *lines, bool *ret_out, bool *ret_in)
{
	*ret_out = *ret_in = false;
	for (size_t i = 0; i < lines->n; i++)
		*(is_out(lines->items[i].list) ? ret_out : ret_in) = true;
}

/*
 * The elements of one address are one guest's, or they would have something in common. Of two [Host]s an address can seem to be,
 * while a lease says something else than the file. In IPv4, as long as that lasts, it is the guest's that has the lease: the server
 * gives it to nobody else. In IPv6 a lease may have another guest's Ethernet address in its DUID, where both are copies of one
 * image: there it is the guest's whose [Host] has the address.
 */
static bool is_anothers(const struct network *network, const struct network_host *host, const struct leases *leases, const struct ip *ip)
{
	const bool v6 = ip_is_v6(ip);

	for (size_t i = 0; v6 && !host->addresses[1].family && i < network->n_hosts; i++)
		if (memcmp(&network->hosts[i].addresses[1], ip, sizeof(*ip)) == 0)
			return true;
	for (size_t i = 0; !v6 && host->addresses[0].family && leases && i < leases->n; i++)
		for (size_t j = 0; memcmp(&leases->items[i].address, ip, sizeof(*ip)) == 0 && j < network->n_hosts; j++) {
			const struct network_host *other = &network->hosts[j];

			if (other != host && other->has_mac && !other->addresses[0].family &&
			    memcmp(&other->mac, &leases->items[i].mac, sizeof(other->mac)) == 0)
				return true;
		}
	return false;
}

/* The address of a guest that is reached; false: it is not known (yet). */
static bool find_address(const struct network *network, const struct network_host *host, const struct leases *leases, bool v6,
			 struct ip *ret_ip)
{
	const struct network_forward forward = { .guest = FORWARD_TO_MAC, .mac = host->mac };

	if (!host->has_mac)
		*ret_ip = host->addresses[v6];
	else if (!forward_find_guest(network, &forward, leases, v6, ret_ip))
		return false;
	return ret_ip->family && !is_anothers(network, host, leases, ret_ip);
}

static int add_guest(const struct network *network, const struct lines *lines, enum netstate_set set, bool v6, const struct who *who,
		     struct netstate *state)
{
	const bool out = set == NETSTATE_SET_OUT_GUEST;
	struct netstate_element element = begin(network, set);
	int r = add_list(network, lines, out ? REACH_DENY_OUT : REACH_DENY_IN, v6, who, state);

	put(&element, who->bytes, who->length, who->padded);
	/* An Ethernet address is both families'. */
	if (r == 0 && (!out || !v6))
		r = netstate_add_element(state, &element);
	return r ? r : add_list(network, lines, out ? REACH_ALLOW_OUT : REACH_ALLOW_IN, v6, who, state);
}

static int add_host(const struct network *network, const struct lines *lines, const struct leases *leases, struct netstate *state)
{
	const struct network_host *host = &network->hosts[lines->host - 1];
	const struct who mac = { &host->mac, sizeof(host->mac), 8 };
	bool out, in;
	int r = 0;

	find_ways(lines, &out, &in);
	for (int v6 = 0; r == 0 && v6 < 2; v6++) {
		struct ip ip;
		const struct who address = { ip.bytes_be, v6 ? 16 : 4, v6 ? 16 : 4 };

		if (out)
			r = add_guest(network, lines, NETSTATE_SET_OUT_GUEST, v6, &mac, state);
		if (r == 0 && in && find_address(network, host, leases, v6, &ip))
			r = add_guest(network, lines, v6 ? NETSTATE_SET_IN_GUEST6 : NETSTATE_SET_IN_GUEST4, v6, &address, state);
	}
	return r;
}

static int add_name(const struct network *network, enum netstate_set set, struct netstate *state)
{
	const struct netstate_element element = begin(network, set);

	state->table.features |= ruleset_set_feature(set);
	return netstate_add_element(state, &element);
}

/* A network that is open is in no other set: what asks for these lists is, and that its guests reach each other. */
static int add_open(const struct network *network, const bool ways[2], struct netstate *state)
{
	struct netstate_element same = begin(network, NETSTATE_SET_SAME);
	int r;

	put(&same, network->bridge, IFNAME_SIZE, IFNAME_SIZE);
	r = netstate_add_element(state, &same);
	for (int in = 0; r == 0 && in < 2; in++)
		if (ways[in])
			r = add_name(network, in ? NETSTATE_SET_OPEN_IN : NETSTATE_SET_OPEN_OUT, state);
	return r;
}

/* Adds the elements of a network's lists, and the features that they belong to. -ENOMEM only. */
int reach_add(const struct network *network, const struct leases *leases, struct netstate *state)
{
	const struct lines all = { network->reach, network->n_reach, 0 };
	bool ways[2];
	int r = 0;

	find_ways(&all, &ways[0], &ways[1]);
	if (network->mode == NETWORK_OPEN)
		r = add_open(network, ways, state);
	for (int in = 0; r == 0 && in < 2; in++)
		if (ways[in])
			r = add_name(network, in ? NETSTATE_SET_IN : NETSTATE_SET_OUT, state);
	for (unsigned int list = 0; r == 0 && all.n > 0 && list < REACH_LIST_MAX_; list++)
		for (int v6 = 0; r == 0 && v6 < 2; v6++)
			r = add_list(network, &all, list, v6, NULL, state);
	/* What is said of one guest stands together: a section is one guest's. */
	for (size_t i = 0, end; r == 0 && i < all.n; i = end) {
		for (end = i + 1; end < all.n && all.items[end].host == all.items[i].host; end++)
			;
		if (all.items[i].host) {
			const struct lines lines = { all.items + i, end - i, all.items[i].host };

			r = add_host(network, &lines, leases, state);
		}
	}
	return r;
}

/*
 * What the rules know the guest by: its Ethernet address, or, where something leads to it, its addresses, with blanks between them.
 * Nothing when that is not known, or all guests are meant.
 */
void reach_print_guest(const struct network *network, const struct network_reach *reach, const struct leases *leases, struct text *text)
{
	const struct network_host *host = reach_host(network, reach);
	struct ip ip;

	if (host && is_out(reach->list))
		text_add(text, MAC_FORMAT, MAC_BYTES(host->mac));
	for (int v6 = 0; host && !is_out(reach->list) && v6 < 2; v6++)
		if (find_address(network, host, leases, v6, &ip))
			text_add(text, "%s%s", text->length ? " " : "", IP_TEXT(&ip));
}

/* Does what is said of guests that are reached depend on where they are? */
bool reach_follows_leases(const struct network *network)
{
	for (size_t i = 0; i < network->n_reach; i++)
		if (network->reach[i].host && !is_out(network->reach[i].list))
			return true;
	return false;
}

/* Tells where all of these guests are from where they were. */
uint64_t reach_hash(const struct network *network, const struct leases *leases)
{
	static const uint8_t key[SIPHASH_KEY_SIZE];
	uint64_t hash = 0;

	for (size_t i = 0; i < network->n_reach; i++)
		for (int v6 = 0; v6 < 2; v6++) {
			const struct network_host *host = reach_host(network, &network->reach[i]);
			uint8_t bytes[sizeof(hash) + 17] = { 0 };
			struct ip ip;

			if (!host || is_out(network->reach[i].list) || !find_address(network, host, leases, v6, &ip))
				continue;
			memcpy(bytes, &hash, sizeof(hash));
			bytes[sizeof(hash)] = (uint8_t)i;
			memcpy(bytes + sizeof(hash) + 1, ip.bytes_be, sizeof(ip.bytes_be));
			hash = siphash24(bytes, sizeof(bytes), key);
		}
	return hash;
}

/* What the elements say of a flow */

static bool has_key(const struct netstate *state, enum netstate_set set, const char *bridge, const struct who *who)
{
	struct netstate_element element = { .set = (uint8_t)set, .key_length = IFNAME_SIZE };

	memcpy(element.key, bridge, IFNAME_SIZE);
	if (who)
		put(&element, who->bytes, who->length, who->padded);
	return netstate_find_element(state, &element);
}

/* Where the elements of a set begin in a sorted state. */
static size_t find_set(const struct netstate *state, unsigned int set)
{
	size_t low = 0, high = state->n_elements;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (state->elements[middle].set < set)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_in_list(const struct netstate *state, unsigned int set, const struct reach_flow *flow, const struct who *who)
{
	uint8_t first[RULESET_RANGE_SIZE], last[RULESET_RANGE_SIZE], key[RULESET_RANGE_SIZE] = { 0 };
	size_t n = IFNAME_SIZE, address = ip_length(flow->far);

	memcpy(key, flow->bridge, IFNAME_SIZE);
	if (who) {
		memcpy(key + n, who->bytes, who->length);
		n += who->padded;
	}
	memcpy(key + n, flow->far->bytes_be, address);
	n += address;
	for (size_t i = find_set(state, set); i < state->n_elements && state->elements[i].set == set; i++) {
		const size_t length = ruleset_range(&state->elements[i], first, last);
		const uint16_t ports[2] = { (uint16_t)(first[length - 4] << 8 | first[length - 3]), (uint16_t)(last[length - 4] << 8 | last[length - 3]) };

		if (memcmp(first, key, n - address) == 0 && memcmp(first + n - address, key + n - address, address) <= 0 &&
		    memcmp(last + n - address, key + n - address, address) >= 0 && first[n] <= flow->protocol && last[n] >= flow->protocol &&
		    ports[0] <= flow->port && ports[1] >= flow->port)
			return true;
	}
	return false;
}

/* Would the rules of @state (sorted) refuse a flow that begins so? Where it is not known whose it is, what holds for all guests. */
bool reach_denies(const struct netstate *state, const struct reach_flow *flow)
{
	const bool v6 = ip_is_v6(flow->far);
	const enum network_reach_list deny = flow->out ? REACH_DENY_OUT : REACH_DENY_IN, allow = flow->out ? REACH_ALLOW_OUT : REACH_ALLOW_IN;
	const enum netstate_set guests = flow->out ? NETSTATE_SET_OUT_GUEST : v6 ? NETSTATE_SET_IN_GUEST6 : NETSTATE_SET_IN_GUEST4;
	struct who who = { flow->mac, sizeof(*flow->mac), 8 };

	if (!has_key(state, flow->out ? NETSTATE_SET_OUT : NETSTATE_SET_IN, flow->bridge, NULL))
		return false;
	if (!flow->out)
		who = (struct who){ flow->guest->bytes_be, ip_length(flow->guest), ip_length(flow->guest) };
	if (who.bytes && has_key(state, guests, flow->bridge, &who)) {
		if (is_in_list(state, guest_sets[allow] + v6, flow, &who))
			return false;
		if (is_in_list(state, guest_sets[deny] + v6, flow, &who))
			return true;
	}
	return !is_in_list(state, all_sets[allow] + v6, flow, NULL) && is_in_list(state, all_sets[deny] + v6, flow, NULL);
}
