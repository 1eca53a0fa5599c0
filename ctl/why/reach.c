/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What DenyOut= and DenyIn= of a network's file do with a packet, in the words of that file. Which chain has stopped it says
 * whose lists those are; the daemon is asked for their lines, and the one that holds the packet is named.
 */
#include "reach.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../lib/str.h"
#include "../report.h"

/* Is this a place in the rules for guests? */
bool reach_is(const struct evaluate_place *place)
{
	return place->chain && place->chain->family == NFPROTO_INET && strcmp(place->chain->table, "guestnet") == 0 &&
	       strncmp(place->chain->name, "rules_", 6) == 0;
}

/* Of what guests begin, or of what leads to them? */
bool reach_is_out(const struct evaluate_place *place)
{
	return strncmp(place->chain->name, "rules_out", 9) == 0;
}

static bool is_of_guest(const struct evaluate_place *place)
{
	return strstr(place->chain->name, "_guest");
}

static bool is_in_prefix(const char *text, const struct packet *packet, const uint8_t *far)
{
	unsigned int bits = (unsigned int)packet_address_length(packet) * 8;
	uint8_t prefix[16], byte;
	char address[64];
	uint32_t length = bits;
	size_t n = strcspn(text, "/");

	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (inet_pton(packet->family, address, prefix) != 1 || (text[n] && str_parse_u32(text + n + 1, bits, &length) < 0))
		return false;
	for (unsigned int i = 0; i < length; i++) {
		byte = (uint8_t)(0x80 >> i % 8);
		if ((prefix[i / 8] ^ far[i / 8]) & byte)
			return false;
	}
	return true;
}

/* "tcp", "udp:53", "tcp:8000-8099", "icmp" */
static bool is_protocol(const char *text, const struct packet *packet)
{
	static const struct { const char *name; uint8_t protocols[2]; } names[] = {
		{ "tcp", { IPPROTO_TCP, IPPROTO_TCP } }, { "udp", { IPPROTO_UDP, IPPROTO_UDP } }, { "icmp", { IPPROTO_ICMP, IPPROTO_ICMPV6 } },
	};
	unsigned int first, last;
	const char *ports;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!str_has_prefix(text, names[i].name, &ports) || (ports[0] && ports[0] != ':'))
			continue;
		if (packet->protocol != names[i].protocols[0] && packet->protocol != names[i].protocols[1])
			return false;
		if (!ports[0])
			return true;
		return sscanf(ports, ":%u-%u", &first, &last) == 2 ? first <= packet->target_port && packet->target_port <= last :
			sscanf(ports, ":%u", &first) == 1 && first == packet->target_port;
	}
	return false;
}

/* Does a value of one of these keys, as the daemon writes it, hold the packet whose other end is @far? */
static bool value_holds(const char *value, const struct packet *packet, const uint8_t *far)
{
	char text[128], *rest = text, *word;
	bool holds = true;

	snprintf(text, sizeof(text), "%s", value);
	while (holds && (word = strsep(&rest, " ")))
		holds = strcmp(word, "any") == 0 || is_in_prefix(word, packet, far) || is_protocol(word, packet);
	return holds;
}

/* Is the rule about this guest, by what it is known by: its Ethernet address, or, where something leads to it, its addresses? */
static bool is_about(const struct report_rule *rule, const struct packet *packet, bool out)
{
	char address[INET6_ADDRSTRLEN], mac[32], text[128], *rest = text, *word;
	bool found = false;

	snprintf(mac, sizeof(mac), MAC_FORMAT, MAC_BYTES(packet->source_mac));
	inet_ntop(packet->family, packet->target, address, sizeof(address));
	snprintf(text, sizeof(text), "%s", rule->address);
	while (!found && (word = strsep(&rest, " ")))
		found = strcasecmp(word, out ? mac : address) == 0;
	return found;
}

/*
 * One sentence with the key and, where the daemon says it, the line of the file: why @packet is stopped at @place, for which
 * reach_is() is true.
 */
void reach_explain(const struct evaluate_place *place, const struct packet *packet, const char *network, char *buffer, size_t size)
{
	const bool out = reach_is_out(place), guest = is_of_guest(place);
	const uint8_t *far = out ? packet->target : packet->source;
	const char *key = out ? "DenyOut" : "DenyIn";
	struct reports reports = REPORTS_NULL;
	struct failure ignored = { 0 };
	struct text text;

	text_init(&text, buffer, size);
	text_add(&text, "%s= of %s in the network %s", key, guest ? "this guest's [Host]" : "all guests", network[0] ? network : "of that bridge");
	if (network[0] && reports_get_one(&reports, network, &ignored) == 0 && reports.n == 1)
		for (size_t i = 0; i < reports.items[0].n_rules; i++) {
			const struct report_rule *rule = &reports.items[0].rules[i];

			if (strcmp(rule->key, key) != 0 || guest != (rule->name[0] != '\0') || (guest && !is_about(rule, packet, out)) ||
			    !value_holds(rule->value, packet, far))
				continue;
			text_add(&text, ": %s=%s, %s", key, rule->value, rule->place);
			break;
		}
	reports_deinit(&reports);
}
