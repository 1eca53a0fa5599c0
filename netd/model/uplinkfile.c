/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was on a network card, as the text of its state file; and steps as text.
 * Pure: no system calls.
 *
 * A line for each thing, words of KEY=VALUE. The last line is "end": a file without it is not whole, and is not believed.
 */
#include "uplink.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ip.h"

#define HEAD "guestnet-uplink 1"

static const char *const phase_names[] = { [UPLINK_TRIAL] = "trial", [UPLINK_KEPT] = "kept" };
static_assert(ARRAY_SIZE(phase_names) == UPLINK_PHASE_MAX_, "a name for each phase");

/* What an interface is like, but for what the planner keeps itself (accept_ra, addr_gen_mode). */
const struct uplink_sysctl uplink_sysctls[] = {
	{ "ipv4", "accept_local" }, { "ipv4", "accept_redirects" }, { "ipv4", "accept_source_route" }, { "ipv4", "arp_accept" },
	{ "ipv4", "arp_announce" }, { "ipv4", "arp_evict_nocarrier" }, { "ipv4", "arp_filter" }, { "ipv4", "arp_ignore" },
	{ "ipv4", "arp_notify" }, { "ipv4", "disable_policy" }, { "ipv4", "disable_xfrm" }, { "ipv4", "drop_gratuitous_arp" },
	{ "ipv4", "drop_unicast_in_l2_multicast" }, { "ipv4", "force_igmp_version" }, { "ipv4", "forwarding" },
	{ "ipv4", "ignore_routes_with_linkdown" }, { "ipv4", "log_martians" }, { "ipv4", "medium_id" },
	{ "ipv4", "promote_secondaries" }, { "ipv4", "proxy_arp" }, { "ipv4", "proxy_arp_pvlan" }, { "ipv4", "route_localnet" },
	{ "ipv4", "rp_filter" }, { "ipv4", "secure_redirects" }, { "ipv4", "send_redirects" }, { "ipv4", "shared_media" },
	{ "ipv4", "src_valid_mark" }, { "ipv4", "tag" },
	/* First: with it, the others are of no use, and without it an address appears. */
	{ "ipv6", "disable_ipv6" },
	{ "ipv6", "accept_ra_defrtr" }, { "ipv6", "accept_ra_from_local" }, { "ipv6", "accept_ra_min_hop_limit" },
	{ "ipv6", "accept_ra_mtu" }, { "ipv6", "accept_ra_pinfo" }, { "ipv6", "accept_ra_rt_info_max_plen" },
	{ "ipv6", "accept_ra_rt_info_min_plen" }, { "ipv6", "accept_ra_rtr_pref" }, { "ipv6", "accept_redirects" },
	{ "ipv6", "accept_source_route" }, { "ipv6", "accept_untracked_na" }, { "ipv6", "autoconf" }, { "ipv6", "disable_policy" },
	{ "ipv6", "drop_unicast_in_l2_multicast" }, { "ipv6", "drop_unsolicited_na" }, { "ipv6", "force_mld_version" },
	{ "ipv6", "forwarding" }, { "ipv6", "hop_limit" }, { "ipv6", "ignore_routes_with_linkdown" },
	{ "ipv6", "keep_addr_on_down" }, { "ipv6", "max_addresses" }, { "ipv6", "ndisc_notify" },
	{ "ipv6", "proxy_ndp" }, { "ipv6", "ra_defrtr_metric" }, { "ipv6", "suppress_frag_ndisc" },
	{ "ipv6", "temp_prefered_lft" }, { "ipv6", "temp_valid_lft" }, { "ipv6", "use_oif_addrs_only" }, { "ipv6", "use_tempaddr" },
};
const size_t uplink_n_sysctls = ARRAY_SIZE(uplink_sysctls);
static_assert(ARRAY_SIZE(uplink_sysctls) <= UPLINK_SYSCTLS_MAX, "a bit for each");

/* Where it is below /proc/sys/net. @interface may be "default": what interfaces get by themselves. */
void uplink_sysctl_path(const struct uplink_sysctl *sysctl, const char *interface, char ret_path[static UPLINK_SYSCTL_PATH_SIZE])
{
	snprintf(ret_path, UPLINK_SYSCTL_PATH_SIZE, "%s/conf/%s/%s", sysctl->family, interface, sysctl->name);
}

static void print_ip(FILE *file, const char *key, const struct ip *ip)
{
	if (ip->family)
		fprintf(file, " %s=%s", key, IP_TEXT(ip));
}

static void print_number(FILE *file, const char *key, uint64_t value)
{
	if (value)
		fprintf(file, " %s=%" PRIu64, key, value);
}

static void print_lifetime(FILE *file, const char *key, uint32_t value)
{
	if (value != UPLINK_FOREVER)
		fprintf(file, " %s=%" PRIu32, key, value);
}

static void print_address(FILE *file, const struct uplink_address *address)
{
	fprintf(file, "address %s/%u", IP_TEXT(&address->local), address->prefix_length);
	print_ip(file, "peer", &address->peer);
	print_ip(file, "broadcast", &address->broadcast);
	print_number(file, "scope", address->scope);
	print_number(file, "protocol", address->protocol);
	print_number(file, "flags", address->flags);
	print_number(file, "metric", address->metric);
	print_lifetime(file, "valid", address->valid_s);
	print_lifetime(file, "preferred", address->preferred_s);
	if (address->label[0])
		fprintf(file, " label=%s", address->label);
	fputc('\n', file);
}

static void print_hop(FILE *file, const struct uplink_hop *hop)
{
	fprintf(file, " hop=%s,", hop->gateway.family ? IP_TEXT(&hop->gateway) : "-");
	if (hop->ours)
		fprintf(file, "ours,%u,%u", hop->flags, hop->weight);
	else
		fprintf(file, "%d,%u,%u", hop->ifindex, hop->flags, hop->weight);
}

static void print_route(FILE *file, const struct uplink_route *route)
{
	fprintf(file, "route %s/%u table=%" PRIu32 " type=%u", IP_TEXT(&route->destination), route->prefix_length, route->table,
		route->type);
	print_number(file, "tos", route->tos);
	print_number(file, "protocol", route->protocol);
	print_number(file, "scope", route->scope);
	print_number(file, "preference", route->preference);
	print_number(file, "made", route->made);
	print_ip(file, "source", &route->source);
	print_number(file, "metric", route->metric);
	print_number(file, "realm", route->realm);
	print_number(file, "expires", route->expires_s);
	for (unsigned int i = 0; i < UPLINK_METRICS; i++)
		if (route->metrics_set >> i & 1)
			fprintf(file, " m%u=%" PRIu32, i, route->metrics[i]);
	for (size_t i = 0; i < route->n_hops; i++)
		print_hop(file, &route->hops[i]);
	fputc('\n', file);
}

static void print_neighbour(FILE *file, const struct uplink_neighbour *neighbour)
{
	fprintf(file, "neighbour %s ", IP_TEXT(&neighbour->address));
	if (neighbour->proxy)
		fputs("proxy\n", file);
	else
		fprintf(file, MAC_FORMAT "\n", MAC_BYTES(neighbour->mac));
}

static void print_sysctls(FILE *file, const struct uplink *uplink)
{
	for (size_t i = 0; i < uplink_n_sysctls; i++)
		if (uplink->sysctls_set >> i & 1)
			fprintf(file, "sysctl %s %s %" PRId32 "\n", uplink_sysctls[i].family, uplink_sysctls[i].name, uplink->sysctls[i]);
}

/* The text of the file. The caller owns it. -ENOMEM only. */
int uplink_print(const struct uplink *uplink, char **ret_text)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	fprintf(file, HEAD "\nnetwork %s\nbridge %s\nphase %s\n", uplink->network, uplink->bridge, phase_names[uplink->phase]);
	fprintf(file, "nic %s index=%d mac=" MAC_FORMAT " mtu=%" PRIu32 " up=%d carrier=%d accept-ra=%d gen-mode=%u%s%s\n",
		uplink->nic, uplink->ifindex, MAC_BYTES(uplink->mac), uplink->mtu, uplink->up, uplink->carrier, uplink->accept_ra,
		uplink->gen_mode, uplink->ra_ignored ? " ra-ignored=1" : "", uplink->bare ? " bare=1" : "");
	fprintf(file, "time deadline=%" PRIu64 " seen=%" PRIu64 " ask=%d\n", uplink->deadline_us, uplink->seen_us, uplink->ask);
	for (size_t i = 0; i < uplink->n_gateways; i++)
		fprintf(file, "gateway %s\n", IP_TEXT(&uplink->gateways[i]));
	for (size_t i = 0; i < uplink->was.n_addresses; i++)
		print_address(file, &uplink->was.addresses[i]);
	for (size_t i = 0; i < uplink->was.n_routes; i++)
		print_route(file, &uplink->was.routes[i]);
	for (size_t i = 0; i < uplink->was.n_neighbours; i++)
		print_neighbour(file, &uplink->was.neighbours[i]);
	print_sysctls(file, uplink);
	fputs("end\n", file);
	if (fclose(file) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}

/* Reading. The first thing that is wrong is the reason; what follows it reads as nothing. */

struct reader {
	char *rest;			/* of the line */
	bool bad;
};

static char *next_word(struct reader *reader)
{
	char *word;

	do
		word = strsep(&reader->rest, " ");
	while (word && !*word);
	return word;
}

static const char *want_word(struct reader *reader)
{
	const char *word = next_word(reader);

	reader->bad |= !word;
	return word ?: "";
}

static uint64_t read_number(struct reader *reader, const char *value, uint64_t max)
{
	uint64_t number = 0;

	reader->bad |= !*value;
	for (; *value; value++) {
		uint64_t digit = (uint64_t)(*value - '0');

		if (*value < '0' || *value > '9' || digit > max || number > (max - digit) / 10) {
			reader->bad = true;
			return 0;
		}
		number = number * 10 + digit;
	}
	return number;
}

static void read_ip(struct reader *reader, const char *value, struct ip *ret_ip)
{
	reader->bad |= ip_parse(value, ret_ip) < 0;
}

static void read_prefix(struct reader *reader, const char *value, struct ip *ret_ip, uint8_t *ret_length)
{
	reader->bad |= ip_parse_prefix(value, ret_ip, ret_length) < 0;
}

static void read_ifname(struct reader *reader, const char *value, char ret_name[static IFNAME_SIZE])
{
	if (!ifname_is_valid(value)) {
		reader->bad = true;
		return;
	}
	memset(ret_name, 0, IFNAME_SIZE);
	memcpy(ret_name, value, strlen(value));
}

static void read_nic(struct reader *reader, struct uplink *uplink)
{
	const char *word, *value;

	read_ifname(reader, want_word(reader), uplink->nic);
	while ((word = next_word(reader)))
		if (str_has_prefix(word, "index=", &value))
			uplink->ifindex = (int)read_number(reader, value, INT32_MAX);
		else if (str_has_prefix(word, "mac=", &value))
			reader->bad |= mac_parse(value, &uplink->mac) < 0;
		else if (str_has_prefix(word, "mtu=", &value))
			uplink->mtu = (uint32_t)read_number(reader, value, UINT32_MAX);
		else if (str_has_prefix(word, "up=", &value))
			uplink->up = read_number(reader, value, 1);
		else if (str_has_prefix(word, "carrier=", &value))
			uplink->carrier = read_number(reader, value, 1);
		else if (str_has_prefix(word, "bare=", &value))
			uplink->bare = read_number(reader, value, 1);
		else if (strcmp(word, "accept-ra=-1") == 0)
			uplink->accept_ra = -1;
		else if (str_has_prefix(word, "accept-ra=", &value))
			uplink->accept_ra = (int)read_number(reader, value, 2);
		else if (str_has_prefix(word, "ra-ignored=", &value))
			uplink->ra_ignored = read_number(reader, value, 1);
		else if (str_has_prefix(word, "gen-mode=", &value))
			uplink->gen_mode = (uint8_t)read_number(reader, value, 3);
		else
			reader->bad = true;
}

static void read_times(struct reader *reader, struct uplink *uplink)
{
	const char *word, *value;

	while ((word = next_word(reader)))
		if (str_has_prefix(word, "deadline=", &value))
			uplink->deadline_us = read_number(reader, value, UINT64_MAX);
		else if (str_has_prefix(word, "seen=", &value))
			uplink->seen_us = read_number(reader, value, UINT64_MAX);
		else if (str_has_prefix(word, "ask=", &value))
			uplink->ask = read_number(reader, value, 1);
		else
			reader->bad = true;
}

static bool read_address_word(struct reader *reader, const char *word, struct uplink_address *address)
{
	const char *value;

	if (str_has_prefix(word, "peer=", &value))
		read_ip(reader, value, &address->peer);
	else if (str_has_prefix(word, "broadcast=", &value))
		read_ip(reader, value, &address->broadcast);
	else if (str_has_prefix(word, "scope=", &value))
		address->scope = (uint8_t)read_number(reader, value, UINT8_MAX);
	else if (str_has_prefix(word, "protocol=", &value))
		address->protocol = (uint8_t)read_number(reader, value, UINT8_MAX);
	else if (str_has_prefix(word, "flags=", &value))
		address->flags = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "metric=", &value))
		address->metric = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "valid=", &value))
		address->valid_s = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "preferred=", &value))
		address->preferred_s = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "label=", &value) && *value && strlen(value) < sizeof(address->label))
		memcpy(address->label, value, strlen(value) + 1);
	else
		return false;
	return true;
}

static bool other_family(const struct ip *ip, const struct ip *of)
{
	return ip->family && ip->family != of->family;
}

static void read_address(struct reader *reader, struct uplink_set *was)
{
	struct uplink_address address = { .valid_s = UPLINK_FOREVER, .preferred_s = UPLINK_FOREVER };
	const char *word;

	read_prefix(reader, want_word(reader), &address.local, &address.prefix_length);
	while ((word = next_word(reader)))
		reader->bad |= !read_address_word(reader, word, &address);
	reader->bad |= other_family(&address.peer, &address.local) || other_family(&address.broadcast, &address.local);
	if (!reader->bad)
		reader->bad |= uplink_set_add_address(was, &address) < 0;
}

static void read_hop(struct reader *reader, char *value, struct uplink_route *route)
{
	const char *gateway = strsep(&value, ","), *by = strsep(&value, ","), *flags = strsep(&value, ",");
	struct uplink_hop hop = { .ours = by && strcmp(by, "ours") == 0 };

	if (!by || !flags || !value || route->n_hops == UPLINK_HOPS) {
		reader->bad = true;
		return;
	}
	if (strcmp(gateway, "-") != 0)
		read_ip(reader, gateway, &hop.gateway);
	if (!hop.ours)
		hop.ifindex = (int)read_number(reader, by, INT32_MAX);
	hop.flags = (uint8_t)read_number(reader, flags, UINT8_MAX);
	hop.weight = (uint8_t)read_number(reader, value, UINT8_MAX);
	route->hops[route->n_hops++] = hop;
}

/* "m8=1400": a metric by its number. */
static bool read_metric(struct reader *reader, const char *word, struct uplink_route *route)
{
	const char *equals = strchr(word, '=');
	char number[4] = "";
	uint32_t i;

	if (word[0] != 'm' || !equals || equals == word + 1 || equals - word > 3)
		return false;
	memcpy(number, word + 1, (size_t)(equals - word - 1));
	if (str_parse_u32(number, UPLINK_METRICS - 1, &i) < 0)
		return false;
	route->metrics_set |= UINT32_C(1) << i;
	route->metrics[i] = (uint32_t)read_number(reader, equals + 1, UINT32_MAX);
	return true;
}

static bool read_route_word(struct reader *reader, char *word, struct uplink_route *route)
{
	const char *value;

	if (str_has_prefix(word, "table=", &value))
		route->table = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "type=", &value))
		route->type = (uint8_t)read_number(reader, value, UINT8_MAX);
	else if (str_has_prefix(word, "tos=", &value))
		route->tos = (uint8_t)read_number(reader, value, UINT8_MAX);
	else if (str_has_prefix(word, "protocol=", &value))
		route->protocol = (uint8_t)read_number(reader, value, UINT8_MAX);
	else if (str_has_prefix(word, "scope=", &value))
		route->scope = (uint8_t)read_number(reader, value, UINT8_MAX);
	else if (str_has_prefix(word, "preference=", &value))
		route->preference = (uint8_t)read_number(reader, value, UINT8_MAX);
	else if (str_has_prefix(word, "made=", &value))
		route->made = read_number(reader, value, 1);
	else if (str_has_prefix(word, "source=", &value))
		read_ip(reader, value, &route->source);
	else if (str_has_prefix(word, "metric=", &value))
		route->metric = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "realm=", &value))
		route->realm = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "expires=", &value))
		route->expires_s = (uint32_t)read_number(reader, value, UINT32_MAX);
	else if (str_has_prefix(word, "hop=", &value))
		read_hop(reader, word + strlen("hop="), route);
	else
		return read_metric(reader, word, route);
	return true;
}

static void read_route(struct reader *reader, struct uplink_set *was)
{
	struct uplink_route route = { 0 };
	char *word;

	read_prefix(reader, want_word(reader), &route.destination, &route.prefix_length);
	while ((word = next_word(reader)))
		reader->bad |= !read_route_word(reader, word, &route);
	reader->bad |= other_family(&route.source, &route.destination) || route.n_hops == 0;
	if (!reader->bad)
		reader->bad |= uplink_set_add_route(was, &route) < 0;
}

static void read_neighbour(struct reader *reader, struct uplink_set *was)
{
	struct uplink_neighbour neighbour = { 0 };
	const char *word;

	read_ip(reader, want_word(reader), &neighbour.address);
	word = want_word(reader);
	neighbour.proxy = strcmp(word, "proxy") == 0;
	/* Clusters have a group's address. */
	reader->bad |= !neighbour.proxy && mac_parse_any(word, &neighbour.mac) < 0;
	if (!reader->bad)
		reader->bad |= uplink_set_add_neighbour(was, &neighbour) < 0;
}

static void read_sysctl(struct reader *reader, struct uplink *uplink)
{
	const char *family = want_word(reader), *name = want_word(reader), *value = want_word(reader);
	bool negative = *value == '-';

	for (size_t i = 0; i < uplink_n_sysctls; i++)
		if (strcmp(uplink_sysctls[i].family, family) == 0 && strcmp(uplink_sysctls[i].name, name) == 0) {
			uplink->sysctls_set |= UINT64_C(1) << i;
			uplink->sysctls[i] = (int32_t)read_number(reader, value + negative, INT32_MAX) * (negative ? -1 : 1);
			return;
		}
	reader->bad = true;
}

static void read_phase(struct reader *reader, struct uplink *uplink)
{
	const char *word = want_word(reader);

	for (unsigned int i = 0; i < UPLINK_PHASE_MAX_; i++)
		if (strcmp(word, phase_names[i]) == 0) {
			uplink->phase = (uint8_t)i;
			return;
		}
	reader->bad = true;
}

static bool read_line(char *line, struct uplink *uplink)
{
	struct reader reader = { .rest = line };
	const char *word = want_word(&reader);

	if (strcmp(word, "network") == 0) {
		word = want_word(&reader);
		reader.bad |= strlen(word) >= sizeof(uplink->network) || !ifname_is_valid(word);
		if (!reader.bad)
			snprintf(uplink->network, sizeof(uplink->network), "%s", word);
	} else if (strcmp(word, "bridge") == 0) {
		read_ifname(&reader, want_word(&reader), uplink->bridge);
	} else if (strcmp(word, "phase") == 0) {
		read_phase(&reader, uplink);
	} else if (strcmp(word, "nic") == 0) {
		read_nic(&reader, uplink);
	} else if (strcmp(word, "time") == 0) {
		read_times(&reader, uplink);
	} else if (strcmp(word, "gateway") == 0 && uplink->n_gateways < UPLINK_GATEWAYS) {
		read_ip(&reader, want_word(&reader), &uplink->gateways[uplink->n_gateways++]);
	} else if (strcmp(word, "address") == 0) {
		read_address(&reader, &uplink->was);
	} else if (strcmp(word, "route") == 0) {
		read_route(&reader, &uplink->was);
	} else if (strcmp(word, "neighbour") == 0) {
		read_neighbour(&reader, &uplink->was);
	} else if (strcmp(word, "sysctl") == 0) {
		read_sysctl(&reader, uplink);
	} else {
		return false;
	}
	return !reader.bad && !next_word(&reader);
}

/*
 * Reads what uplink_print() has written, and nothing else. The caller owns @ret_uplink. -EINVAL with the line that is
 * wrong, or -ENOMEM.
 */
int uplink_parse(const char *text, struct uplink *ret_uplink, struct failure *failure)
{
	_cleanup_(uplink_deinit) struct uplink uplink = UPLINK_NULL;
	_cleanup_(freep) char *copy = strdup(text);
	unsigned int n = 0;
	bool ended = false;

	if (!copy)
		return failure_set(failure, -ENOMEM, "out of memory");
	for (char *rest = copy, *line = strsep(&rest, "\n"); line && rest; line = strsep(&rest, "\n")) {
		n++;
		if (ended || (n == 1 ? strcmp(line, HEAD) != 0 : strcmp(line, "end") != 0 && !read_line(line, &uplink)))
			return failure_set(failure, -EINVAL, "line %u is none that guestnetd writes", n);
		ended = n > 1 && strcmp(line, "end") == 0;
	}
	if (!ended || !uplink.network[0] || !uplink.nic[0] || !uplink.bridge[0])
		return failure_set(failure, -EINVAL, "it is not whole");
	*ret_uplink = uplink;
	uplink = UPLINK_NULL;
	return 0;
}

/* Steps */

static const char *const op_names[] = {
	[UPLINK_ACCEPT_RA] = "accept-ra", [UPLINK_GEN_MODE] = "gen-mode", [UPLINK_SET_UP] = "up", [UPLINK_SET_MASTER] = "master",
	[UPLINK_ADDRESS_ADD] = "add", [UPLINK_ADDRESS_REMOVE] = "remove", [UPLINK_ROUTE_ADD] = "add",
	[UPLINK_ROUTE_REMOVE] = "remove", [UPLINK_NEIGHBOUR_ADD] = "add", [UPLINK_NEIGHBOUR_REMOVE] = "remove",
	[UPLINK_RULE_MOVE] = "rule",
};
static_assert(ARRAY_SIZE(op_names) == UPLINK_OP_MAX_, "a name for each operation");

/* A line for each step. The caller owns the text. -ENOMEM only. */
int uplink_steps_print(const struct uplink_steps *steps, char **ret_text)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	for (size_t i = 0; i < steps->n; i++) {
		const struct uplink_step *step = &steps->items[i];

		fprintf(file, "%d %s ", step->ifindex, op_names[step->op]);
		switch ((enum uplink_op)step->op) {
		case UPLINK_ACCEPT_RA:
		case UPLINK_GEN_MODE:
		case UPLINK_SET_UP:
		case UPLINK_SET_MASTER:
		case UPLINK_OP_MAX_:
			fprintf(file, "%d\n", step->value);
			break;
		case UPLINK_ADDRESS_ADD:
		case UPLINK_ADDRESS_REMOVE:
			print_address(file, &step->address);
			break;
		case UPLINK_ROUTE_ADD:
		case UPLINK_ROUTE_REMOVE:
			print_route(file, &step->route);
			break;
		case UPLINK_NEIGHBOUR_ADD:
		case UPLINK_NEIGHBOUR_REMOVE:
			print_neighbour(file, &step->neighbour);
			break;
		case UPLINK_RULE_MOVE:
			fprintf(file, "%u bytes\n", step->rule.length);
			break;
		}
	}
	if (fclose(file) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
