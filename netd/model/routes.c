/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefixes behind guests: the sections [Route] of a network file.
 * Pure: no system calls.
 */
#include "routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "ip.h"

#define METRIC_IPV6	1024		/* IP6_RT_PRIO_USER: what the kernel makes of 0 */
#define DNSMASQ_LINE	1024		/* bytes of a line of its files (option.c: read_file()) */

/* Called at each [Route]. -ENOMEM, -E2BIG. */
int routes_begin(struct network *network, struct network_place place)
{
	struct network_route *grown;

	if (network->n_routes == LIMIT_NETWORK_ROUTES)
		return -E2BIG;
	grown = reallocarray(network->routes, network->n_routes + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	network->routes = grown;
	memset(&grown[network->n_routes], 0, sizeof(*grown));
	grown[network->n_routes++].place = place;
	return 0;
}

static struct network_route *current(struct network *network)
{
	return network->n_routes ? &network->routes[network->n_routes - 1] : NULL;
}

int routes_parse_destination(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_route *route = current(network);
	struct ip ip, masked;
	uint8_t length;

	if (ip_parse_prefix(value, &ip, &length) < 0)
		return -EINVAL;
	if (length == 0) {
		snprintf(why, KEY_WHY_SIZE, "; guests cannot be the host's way to everywhere: any source would be believed");
		return -EINVAL;
	}
	masked = ip_mask(&ip, length);
	if (memcmp(&masked, &ip, sizeof(ip)) != 0) {
		snprintf(why, KEY_WHY_SIZE, "; that is an address of the prefix %s/%u", IP_TEXT(&masked), length);
		return -EINVAL;
	}
	if (!ip_is_usable(&ip)) {
		snprintf(why, KEY_WHY_SIZE, "; there is nothing to route to there");
		return -EINVAL;
	}
	route->destination = ip;
	route->prefix_length = length;
	return 0;
}

void routes_reset_destination(struct network *network)
{
	if (current(network))
		current(network)->destination = (struct ip){ 0 };
}

int routes_parse_gateway(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	struct ip ip;

	if (ip_parse(value, &ip) < 0 || (!ip_is_usable(&ip) && !ip_is_link_local(&ip)))
		return -EINVAL;
	current(network)->gateway = ip;
	return 0;
}

void routes_reset_gateway(struct network *network)
{
	if (current(network))
		current(network)->gateway = (struct ip){ 0 };
}

int routes_parse_metric(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	uint32_t metric;

	if (str_parse_u32(value, UINT32_MAX, &metric) < 0 || metric == 0)
		return -EINVAL;
	current(network)->metric = metric;
	return 0;
}

void routes_reset_metric(struct network *network)
{
	if (current(network))
		current(network)->metric = 0;
}

int routes_parse_advertise(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &current(network)->advertise);
}

void routes_reset_advertise(struct network *network)
{
	if (current(network))
		current(network)->advertise = false;
}

/* Do these fit together, and with the rest of the network? */

static int verify_gateway(const struct network *network, const struct network_route *route, struct mistakes *mistakes)
{
	const struct network_address *on_link = NULL;

	if (ip_is_link_local(&route->gateway))
		return 0;
	for (size_t i = 0; i < network->n_addresses && !on_link; i++)
		if (ip_overlaps(&network->addresses[i].ip, network->addresses[i].prefix_length, &route->gateway,
				ip_bits(&route->gateway)))
			on_link = &network->addresses[i];
	if (!on_link)
		return network_failure(network, route->place, mistakes,
				     "[Route] Gateway=%s lies in the prefix of no Address= of this network (auto may choose any)",
				     IP_TEXT(&route->gateway));
	if (memcmp(&on_link->ip, &route->gateway, sizeof(route->gateway)) == 0)
		return network_failure(network, route->place, mistakes, "[Route] Gateway=%s is the host's own address: want that of a guest",
				     IP_TEXT(&route->gateway));
	return 0;
}

static int verify_destination(const struct network *network, const struct network_route *route, struct mistakes *mistakes)
{
	for (size_t i = 0; i < network->n_addresses; i++) {
		const struct network_address *address = &network->addresses[i];

		if (route->prefix_length >= address->prefix_length &&
		    ip_overlaps(&address->ip, address->prefix_length, &route->destination, route->prefix_length))
			return network_failure(network, route->place, mistakes,
					     "[Route] Destination=%s/%u is a part of Address=%s/%u: guests there are reached directly",
					     IP_TEXT(&route->destination), route->prefix_length, IP_TEXT(&address->ip),
					     address->prefix_length);
	}
	return 0;
}

static bool same_destination(const struct network_route *a, const struct network_route *b)
{
	return a->prefix_length == b->prefix_length && memcmp(&a->destination, &b->destination, sizeof(a->destination)) == 0;
}

/* What the kernel tells routes to one prefix apart by. */
static uint32_t metric_of(const struct network_route *route)
{
	return !route->metric && ip_is_v6(&route->destination) ? METRIC_IPV6 : route->metric;
}

static int verify_route(const struct network *network, size_t i, struct mistakes *mistakes)
{
	const struct network_route *route = &network->routes[i];
	int r;

	if (!route->destination.family || !route->gateway.family)
		return network_failure(network, route->place, mistakes, "this [Route] has no %s=",
				     route->destination.family ? "Gateway" : "Destination");
	if (route->destination.family != route->gateway.family)
		return network_failure(network, route->place, mistakes, "Destination= and Gateway= are of different families");
	if (route->advertise && ip_is_v6(&route->destination))
		return network_failure(network, route->place, mistakes,
				     "Advertise=yes is for IPv4: the server of router advertisements has no such option");
	if (route->advertise && !network->dhcp)
		return network_failure(network, route->place, mistakes, "Advertise=yes needs [DHCP] Enable=yes");
	for (size_t j = 0; route->advertise && j < network->options.n; j++)
		if (strncmp(network->options.items[j], "121,", 4) == 0)
			return network_failure(network, route->place, mistakes,
					     "Advertise=yes and SendOption=121 exclude each other: both are the same option");
	r = verify_gateway(network, route, mistakes);
	if (r == 0)
		r = verify_destination(network, route, mistakes);
	for (size_t j = 0; r == 0 && j < i; j++)
		if (same_destination(&network->routes[j], route) && metric_of(&network->routes[j]) == metric_of(route))
			return network_failure(network, route->place, mistakes,
					     "this [Route] is to the same prefix as the one in line %u: give it another Metric=",
					     network->routes[j].place.line);
	return r;
}

/* All that guests are told of is one option, and one line: of what is longer dnsmasq would tell nothing. */
static void verify_advertised(const struct network *network, struct mistakes *mistakes)
{
	const struct network_route *last = NULL;
	size_t n_bytes = 1 + 4;		/* the default route */
	char line[DNSMASQ_LINE];
	struct text text;

	for (size_t i = 0; i < network->n_routes; i++) {
		if (!network->routes[i].advertise || routes_is_repeated(network, i))
			continue;
		last = &network->routes[i];
		n_bytes += 1 + (last->prefix_length + 7) / 8 + 4;
	}
	text_init(&text, line, sizeof(line));
	routes_print_option(network, &text);
	if (last && (text.overflow || n_bytes > LIMIT_DHCP_OPTION))
		(void)network_failure(network, last->place, mistakes,
				      "guests cannot be told of so many [Route]s with Advertise=yes: an option of IPv4 holds %d bytes", LIMIT_DHCP_OPTION);
}

/* What is wrong is in @mistakes, with file and line. */
void routes_verify(const struct network *network, struct mistakes *mistakes)
{
	for (size_t i = 0; i < network->n_routes; i++)
		(void)verify_route(network, i, mistakes);
	verify_advertised(network, mistakes);
}

/* Does a prefix behind guests of @routing have addresses of @other? */
static bool meets(const struct network *routing, const struct network *other, const struct network_route **ret_route,
		  struct network_place *ret_place, struct text *text)
{
	for (size_t i = 0; i < routing->n_routes; i++) {
		const struct network_route *route = *ret_route = &routing->routes[i];

		for (size_t j = 0; j < other->n_addresses; j++) {
			const struct network_address *address = &other->addresses[j];

			if (!ip_overlaps(&route->destination, route->prefix_length, &address->ip, address->prefix_length))
				continue;
			text_add(text, "Address=%s/%u", IP_TEXT(&address->ip), address->prefix_length);
			*ret_place = address->place;
			return true;
		}
		for (size_t j = 0; j < other->n_routes; j++) {
			const struct network_route *theirs = &other->routes[j];

			if (!ip_overlaps(&route->destination, route->prefix_length, &theirs->destination, theirs->prefix_length))
				continue;
			text_add(text, "[Route] Destination=%s/%u", IP_TEXT(&theirs->destination), theirs->prefix_length);
			*ret_place = theirs->place;
			return true;
		}
	}
	return false;
}

/* Does a later network claim addresses of an earlier one, or the other way round? Then with what and where. */
bool routes_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
		  struct network_place *ret_other, char what[static 256])
{
	const struct network_route *route;
	char buffer[128];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	if (meets(later, earlier, &route, ret_other, &text)) {
		*ret_place = route->place;
		snprintf(what, 256, "[Route] Destination=%s/%u overlaps with %s", IP_TEXT(&route->destination), route->prefix_length, buffer);
		return true;
	}
	if (!meets(earlier, later, &route, ret_place, &text))
		return false;
	*ret_other = route->place;
	snprintf(what, 256, "%s overlaps with [Route] Destination=%s/%u", buffer, IP_TEXT(&route->destination), route->prefix_length);
	return true;
}

/*
 * Is this prefix that of a network which chose it by itself, and may have had it before the [Route] was written? Then it
 * stays that network's: neither the route nor its sources count.
 */
bool routes_is_chosen(const struct network *network, const struct network_route *route, const struct subnet_choice *choices,
		      size_t n_choices)
{
	for (size_t i = 0; i < n_choices; i++) {
		const struct subnet_choice *choice = &choices[i];

		if (strcmp(choice->network, network->name) != 0 &&
		    (ip_overlaps(&choice->address4, SUBNET_LENGTH4, &route->destination, route->prefix_length) ||
		     ip_overlaps(&choice->address6, SUBNET_LENGTH6, &route->destination, route->prefix_length)))
			return true;
	}
	return false;
}

/* Is there an earlier [Route] to the same prefix? Where the source counts, one of them is enough. */
bool routes_is_repeated(const struct network *network, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (same_destination(&network->routes[j], &network->routes[i]))
			return true;
	return false;
}

/* As the kernel is to have it. */
struct netstate_route routes_build(const struct network_route *route, const char *bridge)
{
	struct netstate_route built = {
		.destination = route->destination, .prefix_length = route->prefix_length, .table = NETSTATE_MAIN_TABLE,
		.metric = metric_of(route), .gateway = route->gateway, .ours = true,
	};

	snprintf(built.link, sizeof(built.link), "%s", bridge);
	return built;
}

/* The host's address from which guests get theirs; NULL when it is not written. */
static const struct ip *find_own_address(const struct network *network)
{
	for (size_t i = 0; i < network->n_addresses; i++)
		if (ip_is_v4(&network->addresses[i].ip))
			return &network->addresses[i].ip;
	return NULL;
}

/*
 * Appends the line of DHCP options that tells guests of routes with Advertise=yes. Whoever takes this option takes no
 * other one for a router (RFC 3442), so the default route stands in it, too.
 */
void routes_print_option(const struct network *network, struct text *text)
{
	const struct ip *router = network->router.family ? &network->router : find_own_address(network);
	bool any = false;

	for (size_t i = 0; i < network->n_routes; i++) {
		const struct network_route *route = &network->routes[i];

		if (!route->advertise || routes_is_repeated(network, i))
			continue;
		text_add(text, "%s,%s/%u,%s", any ? "" : "option:classless-static-route", IP_TEXT(&route->destination),
			 route->prefix_length, IP_TEXT(&route->gateway));
		any = true;
	}
	if (!any)
		return;
	if (router && !network->no_router && (network->mode != NETWORK_ISOLATED || network->router.family))
		text_add(text, ",0.0.0.0/0,%s", IP_TEXT(router));
	text_add(text, "\n");
}
