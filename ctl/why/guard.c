/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What [Port] of a network's file does with a packet, in the words of that file. The rules are those of the table
 * `bridge guestnet`; which network a bridge is of stands in its alias, with what that asks of its ports.
 * Pure: no system calls.
 */
#include "guard.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/str.h"
#include "describe.h"

#define ALIAS_OF_NETWORK	"guestnet net="

/* Is this a place in the rules about ports? */
bool guard_is(const struct evaluate_place *place)
{
	return place->chain && place->chain->family == NFPROTO_BRIDGE && strcmp(place->chain->table, "guestnet") == 0;
}

/* The network that a bridge with this alias is of; "" when it is not ours. */
const char *guard_network(const char *alias, char *buffer, size_t size)
{
	const char *rest;

	buffer[0] = '\0';
	if (str_has_prefix(alias, ALIAS_OF_NETWORK, &rest))
		snprintf(buffer, size, "%.*s", (int)strcspn(rest, " "), rest);
	return buffer;
}

/* The word behind the first blank that begins with @prefix: what follows that, and how much of it. */
static const char *find_word(const char *alias, const char *prefix, size_t *ret_length)
{
	const char *rest;

	if (!str_has_prefix(alias, ALIAS_OF_NETWORK, &rest))
		return NULL;
	while ((alias = strchr(alias + 1, ' ')))
		if (str_has_prefix(alias + 1, prefix, &rest)) {
			*ret_length = strcspn(rest, " ");
			return rest;
		}
	return NULL;
}

/* Does the network keep its guests from each other? */
bool guard_isolates(const char *alias)
{
	size_t length;	/* of what follows: there is nothing */

	return find_word(alias, "isolated", &length) && length == 0;
}

/* Of a rule of the chain `port`: what it is about is the set that it asks. */
static const struct {
	const char *set, *key, *text;
} guards[] = {
	{ " @mac ", "MACBinding", "this is not the Ethernet address of the port" },
	{ "@bpdu ", "BPDUGuard", "guests send no frames of spanning tree protocols" },
	{ "@dhcp ", "DHCPGuard", "only DHCP servers send to this port" },
	{ "@ra ", "RAGuard", "guests send no router advertisements or redirects" },
};

/*
 * One sentence with the key: why @packet, a frame from a guest, is stopped at @place, for which guard_is() is true. It
 * ends with the section and the key.
 */
void guard_explain(const struct evaluate_place *place, const struct packet *packet, char *buffer, size_t size)
{
	char rule[256] = "", address[INET6_ADDRSTRLEN] = "";
	struct text text;

	inet_ntop(packet->family, packet->source, address, sizeof(address));
	if (strcmp(place->chain->name, "port_whole") == 0) {
		snprintf(buffer, size, "what it is stands behind headers that hide it: [Port]");
		return;
	}
	if (strcmp(place->chain->name, "port") != 0) {
		snprintf(buffer, size, "%s is not an address of the port %s: [Port] AddressBinding=", address, packet->iif.name);
		return;
	}
	text_init(&text, rule, sizeof(rule));
	if (place->rule)
		describe_rule(place->rule, &text);
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++)
		if (strstr(rule, guards[i].set)) {
			snprintf(buffer, size, "%s: [Port] %s=", guards[i].text, guards[i].key);
			return;
		}
	snprintf(buffer, size, "it is not what a guest may send: [Port]");
}

static bool has_address(const struct rules_set *set, uint32_t group, const struct packet *packet)
{
	const size_t before = 4 + 8;	/* the group, and an Ethernet address of six bytes */
	size_t length = packet_address_length(packet);

	for (size_t i = 0; i < set->n_elements; i++) {
		const struct rules_element *element = &set->elements[i];

		if (element->key_length == before + length && memcmp(element->key, &group, sizeof(group)) == 0 &&
		    memcmp(element->key + before, packet->source, length) == 0)
			return true;
	}
	return false;
}

static bool is_link_local(const struct packet *packet)
{
	return packet->family == AF_INET6 && packet->source[0] == 0xfe && (packet->source[1] & 0xc0) == 0x80;
}

/*
 * Has nobody behind the bridge with this alias been given the source of @packet, where that takes an address that was
 * given? No bridge learns where such an address is.
 */
bool guard_knows_nobody(const struct rules *rules, const char *alias, const struct packet *packet)
{
	size_t n_guards, n_group;
	const char *letters = find_word(alias, "guards=", &n_guards);
	const char *group_text = find_word(alias, "group=", &n_group);
	const char *name = packet->family == AF_INET ? "address4" : "address6";
	char number[16];
	uint32_t group;

	if (!letters || !memchr(letters, 'A', n_guards) || !group_text || n_group >= sizeof(number) || is_link_local(packet))
		return false;
	memcpy(number, group_text, n_group);
	number[n_group] = '\0';
	if (str_parse_u32(number, UINT32_MAX, &group) < 0)
		return false;
	for (size_t i = 0; i < rules->n_sets; i++)
		if (rules->sets[i].family == NFPROTO_BRIDGE && strcmp(rules->sets[i].table, "guestnet") == 0 &&
		    strcmp(rules->sets[i].name, name) == 0)
			return !rules->sets[i].large && !has_address(&rules->sets[i], group, packet);
	return false;
}
