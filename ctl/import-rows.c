/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each part of libvirt's network XML is in a network file. The format: libvirt.org/formatnetwork.html, and the
 * schema that comes with libvirt, network.rng.
 * Pure: no system calls.
 */
#include "import-rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/str.h"
#include "../netd/model/ip.h"
#include "../netd/model/records.h"

static void say(char words[static IMPORT_WORDS_SIZE], const char *format, ...) _printf_(2, 3);
static void say(char words[static IMPORT_WORDS_SIZE], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(words, IMPORT_WORDS_SIZE, format, args);
	va_end(args);
}

/* Functions for many rows */

/* The value as it is, in the row's key. */
static bool copy(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	return import_emit(build, 0, 0, part->row->section, part->row->key, part->value, words) == 0;
}

/* Nothing has to be said where it has the value that is always so here. */
static bool same(struct import_build *build _unused_, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (part->row->when && strcmp(part->value, part->row->when) != 0)
		return false;
	say(words, "nothing to write: it is always so");
	return true;
}

/* The text that stands in the file as a comment. */
static bool comment(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (part->element != import_child(build->network, (const char *)part->element->name)) {
		say(words, "it is there once only");
		return false;
	}
	say(words, "a comment at the top of the file");
	return true;
}

/* The network itself */

static bool name(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (part->element != import_child(build->network, "name")) {
		say(words, "a network has one name");
		return false;
	}
	say(words, "the name of the file, %s.network", build->import->name);
	return true;
}

/* How the network is connected */

static const char *forward_mode(const struct import_build *build, char buffer[static 32])
{
	const xmlNode *forward = import_child(build->network, "forward");

	if (!forward)
		return "isolated";
	if (!xmlHasProp((xmlNode *)forward, (const xmlChar *)"mode"))
		return "nat";
	return import_attribute(forward, "mode", buffer, 32) ? buffer : "";
}

/* Modes in which each guest has a device of its own on a network card: there is no bridge of which they are ports. */
static bool is_direct(const struct import_build *build)
{
	static const char *const modes[] = { "private", "vepa", "passthrough", "hostdev" };
	const xmlNode *forward = import_child(build->network, "forward");
	char buffer[32];
	const char *mode = forward_mode(build, buffer);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(mode, modes[i]) == 0)
			return true;
	return strcmp(mode, "bridge") == 0 && !import_child(build->network, "bridge") &&
	       (import_child(forward, "interface") || import_child(forward, "pf"));
}

static bool is_mode(const struct import_build *build, const char *mode)
{
	char buffer[32];

	return strcmp(forward_mode(build, buffer), mode) == 0;
}

/* The kernel and systemd call them wlan0, wlp3s0, wlx525400123456; a document may be of another host, which cannot be asked. */
static bool is_wireless(const xmlNode *element)
{
	char name[32];

	return element && import_attribute(element, "dev", name, sizeof(name)) && strncmp(name, "wl", 2) == 0;
}

/* Is a card that the guests of this <forward> leave by a wireless one? */
static bool has_wireless(const xmlNode *forward)
{
	return is_wireless(forward) || is_wireless(import_child(forward, "interface")) || is_wireless(import_child(forward, "pf"));
}

/* For <forward/> and its mode; a file that says something else than the document is worse than none. */
static bool mode(struct import_build *build, xmlNode *forward, char words[static IMPORT_WORDS_SIZE])
{
	char buffer[32];
	const char *value = forward_mode(build, buffer);

	if (forward != import_child(build->network, "forward")) {
		say(words, "there is one <forward> in a network");
		return false;
	}
	if (is_direct(build)) {
		say(words, "guests have devices of their own on a network card (macvtap or SR-IOV), and no bridge");
		import_problem(build, "in mode %s each guest has a device of its own on a network card (macvtap or SR-IOV): a network here is a bridge, such as one with %s",
			       STR_ESCAPED(value), has_wireless(forward) ?
			       "Mode=route and ProxyARP=yes, which has guests in the LAN of a wireless card" :
			       "Mode=bridge and the card as its Uplink=");
		return false;
	}
	if (import_emit(build, 0, 0, "Network", "Mode", value, words) == 0)
		return true;
	import_problem(build, "%s", words);
	return false;
}

/* <forward dev=> and the <interface dev=> that libvirt writes beside it. */
static bool uplink(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (is_direct(build) || (!is_mode(build, "nat") && !is_mode(build, "route")))
		return false;
	return import_emit(build, 0, 0, "Network", "Uplink", part->value, words) == 0;
}

/* What libvirt's own taps may do on somebody else's bridge is not ours to say. */
static bool to_isolated(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (is_mode(build, "bridge")) {
		say(words, "on a bridge that is there already, a port is isolated by guestnet-bridge.conf(5), for each user");
		return false;
	}
	return import_emit(build, 0, 0, part->row->section, part->row->key, part->value, words) == 0;
}

/* "FIRST-LAST" of an element with start= and end=, or the one that is both. -EINVAL when one is missing. */
static int read_span(const xmlNode *element, char *buffer, size_t size)
{
	char first[64], last[64];

	if (!import_attribute(element, "start", first, sizeof(first)) || !import_attribute(element, "end", last, sizeof(last)))
		return -EINVAL;
	snprintf(buffer, size, strcmp(first, last) == 0 ? "%s" : "%s-%s", first, last);
	return 0;
}

static bool nat_span(struct import_build *build, const xmlNode *element, const char *key, char words[static IMPORT_WORDS_SIZE])
{
	char value[160];

	if (!is_mode(build, "nat"))
		return false;
	if (read_span(element, value, sizeof(value)) < 0) {
		say(words, "want both, start= and end=");
		return false;
	}
	return import_emit(build, 0, 0, "Network", key, value, words) == 0;
}

static bool nat_address(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	return nat_span(build, element, "NATAddress", words);
}

static bool nat_ports(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char value[160];

	/* What libvirt writes by itself is what is always so here. */
	if (read_span(element, value, sizeof(value)) == 0 && strcmp(value, "1024-65535") == 0) {
		say(words, "nothing to write: it is always so");
		return true;
	}
	return nat_span(build, element, "NATPorts", words);
}

/* An Open vSwitch bridge is none of the kernel's, which is what we can use. */
static bool virtualport(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE] _unused_)
{
	if (strcmp(part->value, "openvswitch") == 0 || strcmp(part->value, "midonet") == 0)
		import_problem(build, "guests are ports of a virtual switch, %s: a network here is a bridge of the kernel; let libvirt keep this one, or give guests one with Mode=bridge and a bridge of the kernel as its Bridge=",
			       STR_ESCAPED(part->value));
	return false;
}

/*
 * Bandwidth. What libvirt counts goes to tc(8) as it is: a rate in kbps, which are 1000 bytes, a burst in kb, which are 1024.
 * Its inbound is to guests, of a network and of a port.
 */

#define FLOOR		"no guest has a part of the network's rate to itself: ToGuestRate= in [Port] holds each of them to a share instead"
#define PEAK_FROM	"libvirt makes no use of it either"

/* The number of an attribute of <inbound> or <outbound>; what is left out, or is no such number, is 0. */
static uint32_t read_kilo(const xmlNode *element, const char *name)
{
	char buffer[32];
	uint32_t value;

	return import_attribute(element, name, buffer, sizeof(buffer)) && str_parse_u32(buffer, UINT32_MAX, &value) == 0 ? value : 0;
}

static bool emit_rate(struct import_build *build, const struct import_part *part, uint64_t kilo, char words[static IMPORT_WORDS_SIZE])
{
	char value[32];

	snprintf(value, sizeof(value), kilo % 125 == 0 ? "%lluM" : "%lluK", (unsigned long long)(kilo % 125 == 0 ? kilo / 125 : kilo * 8));
	return import_emit(build, 0, 0, part->row->section, part->row->key, kilo ? value : part->value, words) == 0;
}

static bool bandwidth_rate(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (strcmp(part->value, "0") == 0) {
		say(words, "nothing to write: 0 is no limit");
		return true;
	}
	return emit_rate(build, part, read_kilo(part->element, "average"), words);
}

static bool bandwidth_peak(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	const uint64_t kilo = read_kilo(part->element, "peak"), average = read_kilo(part->element, "average");

	if (average == 0) {
		say(words, "there is nothing to be held to");
		return false;
	}
	if (strcmp(part->value, "0") == 0 || (kilo && kilo <= average)) {
		say(words, "nothing to write: a burst is sent faster than the average, or it is none");
		return true;
	}
	return emit_rate(build, part, kilo, words);
}

static bool bandwidth_burst(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	const uint64_t kilo = read_kilo(part->element, "burst"), average = read_kilo(part->element, "average");
	char value[32];

	/* The file could not be read otherwise. */
	if (average == 0 || kilo / average >= 190) {
		say(words, average ? "it takes minutes until so many bytes may pass again" : "there is nothing to be held to");
		return false;
	}
	snprintf(value, sizeof(value), "%lluK", (unsigned long long)kilo);
	return import_emit(build, 0, 0, part->row->section, part->row->key, kilo ? value : part->value, words) == 0;
}

/* Is it the first of its kind, inside the first element above it? */
static bool is_first(const struct import_build *build, const struct import_part *part, const xmlNode *above,
		     char words[static IMPORT_WORDS_SIZE])
{
	const xmlNode *bandwidth = import_child(above, "bandwidth");

	if (bandwidth != part->element->parent || import_child(bandwidth, (const char *)part->element->name) != part->element) {
		say(words, "it is there once only");
		return false;
	}
	if (above == build->network && is_mode(build, "bridge")) {
		say(words, "what goes between guests and the LAN does not pass the host");
		return false;
	}
	return true;
}

static bool network_rate(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	return is_first(build, part, build->network, words) && bandwidth_rate(build, part, words);
}

static bool network_burst(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	return is_first(build, part, build->network, words) && bandwidth_burst(build, part, words);
}

static bool network_peak(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	return is_first(build, part, build->network, words) && bandwidth_peak(build, part, words);
}

/* A guest that names no group of ports has the default one; that is what [Port] says of all. */
static bool is_default(const struct import_build *build, const xmlNode *group, char words[static IMPORT_WORDS_SIZE])
{
	char buffer[8];

	if (import_attribute(group, "default", buffer, sizeof(buffer)) && strcmp(buffer, "yes") == 0 &&
	    group->parent == build->network)
		return true;
	say(words, "there are no classes of ports, and [Port] is for every guest: give those of this group a network of their own");
	return false;
}

static bool default_ports(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (strcmp(part->value, "yes") != 0 || !is_default(build, part->element, words))
		return false;
	say(words, "section [Port], as far as there is something for it");
	return true;
}

static bool port_rate(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	const xmlNode *group = part->element->parent->parent;

	return is_default(build, group, words) && is_first(build, part, group, words) && bandwidth_rate(build, part, words);
}

static bool port_burst(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	const xmlNode *group = part->element->parent->parent;

	return is_default(build, group, words) && is_first(build, part, group, words) && bandwidth_burst(build, part, words);
}

static bool port_peak(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	const xmlNode *group = part->element->parent->parent;

	return is_default(build, group, words) && is_first(build, part, group, words) && bandwidth_peak(build, part, words);
}

/* Addresses */

/* The prefix length of <ip> and <route>: prefix=, netmask=, or that of the address's old class, as libvirt does it. */
static int prefix_length(const xmlNode *element, const struct ip *ip, unsigned int *ret_length)
{
	char buffer[64];
	struct ip mask;
	uint32_t length, value;

	if (import_attribute(element, "prefix", buffer, sizeof(buffer)))
		return str_parse_u32(buffer, ip_bits(ip), ret_length);
	if (!import_attribute(element, "netmask", buffer, sizeof(buffer))) {
		if (ip_is_v6(ip))
			return -EINVAL;
		value = ip_v4_value(ip);
		*ret_length = value >> 31 == 0 ? 8 : value >> 30 == 2 ? 16 : 24;
		return 0;
	}
	if (ip_parse(buffer, &mask) < 0 || !ip_is_v4(&mask) || !ip_is_v4(ip))
		return -EINVAL;
	value = ip_v4_value(&mask);
	for (length = 0; length < 32 && value & (UINT32_C(1) << (31 - length)); length++)
		value &= ~(UINT32_C(1) << (31 - length));
	*ret_length = length;
	return value == 0 ? 0 : -EINVAL;
}

static int read_address(const xmlNode *element, struct ip *ret_ip, unsigned int *ret_length)
{
	char buffer[64], family[8];

	if (!import_attribute(element, "address", buffer, sizeof(buffer)) || ip_parse(buffer, ret_ip) < 0)
		return -EINVAL;
	if (import_attribute(element, "family", family, sizeof(family)) &&
	    strcmp(family, ip_is_v6(ret_ip) ? "ipv6" : "ipv4") != 0)
		return -EINVAL;
	return prefix_length(element, ret_ip, ret_length);
}

static bool address(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char value[IP_TEXT_SIZE + 8];
	unsigned int length;
	struct ip ip;

	if (read_address(element, &ip, &length) < 0) {
		say(words, "the address, its prefix length and its family do not fit together");
		return false;
	}
	snprintf(value, sizeof(value), "%s/%u", IP_TEXT(&ip), length);
	/* Guests get their addresses from the first prefix of a family. */
	return import_emit(build, 0, import_child(element, "dhcp") ? 0 : 1, "Address", "Address", value, words) == 0;
}

static bool range(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char first[64], last[64], value[160];

	if (!import_attribute(element, "start", first, sizeof(first)) || !import_attribute(element, "end", last, sizeof(last))) {
		say(words, "a range has two addresses, start= and end=");
		return false;
	}
	snprintf(value, sizeof(value), "%s-%s", first, last);
	return import_emit(build, 0, 0, "DHCP", "Range", value, words) == 0;
}

/* expiry= and unit=, which is minutes where it is not said; 0 is for ever. -EINVAL. */
static int lease_time(const xmlNode *lease, char *buffer, size_t size)
{
	static const struct { const char *word, *unit; } units[] = { { "seconds", "s" }, { "minutes", "min" }, { "hours", "h" } };
	char expiry[16], unit[16] = "minutes";
	uint32_t number;

	if (!import_attribute(lease, "expiry", expiry, sizeof(expiry)) || str_parse_u32(expiry, UINT32_MAX, &number) < 0)
		return -EINVAL;
	if (xmlHasProp((xmlNode *)lease, (const xmlChar *)"unit") && !import_attribute(lease, "unit", unit, sizeof(unit)))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(units[i].word, unit) == 0) {
			if (number == 0)
				snprintf(buffer, size, "infinity");
			else
				snprintf(buffer, size, "%u%s", number, units[i].unit);
			return 0;
		}
	return -EINVAL;
}

static bool range_lease(struct import_build *build, xmlNode *lease, char words[static IMPORT_WORDS_SIZE])
{
	char value[32];

	if (lease_time(lease, value, sizeof(value)) < 0) {
		say(words, "want expiry= with a number, and unit= seconds, minutes or hours");
		return false;
	}
	return import_emit(build, 0, 0, "DHCP", "LeaseTime", value, words) == 0;
}

/* A folder is for what guests boot, and from here. */
static bool tftp_root(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	const xmlNode *dhcp = import_child(part->element->parent, "dhcp");
	const xmlNode *bootp = dhcp ? import_child(dhcp, "bootp") : NULL;

	if (!bootp || xmlHasProp((xmlNode *)bootp, (const xmlChar *)"server"))
		return false;
	return import_emit(build, 0, 0, "Boot", "TFTPRoot", part->value, words) == 0;
}

/* Names */

/* The domain of the document's <domain>, or "". */
static const char *own_domain(const struct import_build *build, char *buffer, size_t size)
{
	const xmlNode *domain = import_child(build->network, "domain");

	return domain && import_attribute(domain, "name", buffer, size) ? buffer : "";
}

/* Is a name that domain, or inside it? */
static bool is_inside(const char *name, const char *domain)
{
	size_t length = strlen(name), n = strlen(domain);

	return n > 0 && length >= n && strcasecmp(name + length - n, domain) == 0 && (length == n || name[length - n - 1] == '.');
}

/* Has the network's own domain servers that are asked for the names that no guest has? */
static bool has_own_forwarder(const struct import_build *build)
{
	const xmlNode *dns = import_child(build->network, "dns");
	char buffer[256], domain[256], address[64];
	const char *own = own_domain(build, buffer, sizeof(buffer));

	for (const xmlNode *element = dns ? import_child(dns, "forwarder") : NULL; element; element = import_next(element, "forwarder"))
		if (import_attribute(element, "domain", domain, sizeof(domain)) && import_attribute(element, "addr", address, sizeof(address)) &&
		    strcasecmp(domain, own) == 0)
			return true;
	return false;
}

static bool local_only(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	if (strcmp(part->value, "no") != 0 || !has_own_forwarder(build))
		return same(build, part, words);
	say(words, "nothing to write: Forwarder= names the servers of this domain");
	return true;
}

/*
 * A domain without a server: libvirt has its names asked of the servers that all others are asked of (it writes
 * "server=/DOMAIN/#"), which says something only where a domain around it has servers of its own.
 */
static bool standard_forwarder(struct import_build *build, const xmlNode *element, const char *domain,
			       char words[static IMPORT_WORDS_SIZE])
{
	char around[256], address[64], own[256];

	for (const xmlNode *other = import_child(element->parent, "forwarder"); other; other = import_next(other, "forwarder"))
		if (import_attribute(other, "domain", around, sizeof(around)) && import_attribute(other, "addr", address, sizeof(address)) &&
		    is_inside(domain, around)) {
			say(words, "all names of %s are asked of its own servers: there is no Forwarder= that says \"as all others\"", STR_ESCAPED(around));
			return false;
		}
	if (is_inside(domain, own_domain(build, own, sizeof(own)))) {
		say(words, "names of the network's own domain are never asked for elsewhere");
		return false;
	}
	say(words, "nothing to write: its names are asked for as all others are");
	return true;
}

/* For all names, or for those of a domain. */
static bool forwarder(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char domain[256] = "", address[64] = "", port[16] = "", value[512];
	bool v6;

	/* Without DNS of the host's libvirt tells guests of no server; here they would be told of this one. */
	if (import_attribute(element->parent, "enable", value, sizeof(value)) && strcmp(value, "no") == 0) {
		say(words, "nothing to write: with enable='no' nobody asks it");
		return true;
	}
	import_attribute(element, "domain", domain, sizeof(domain));
	import_attribute(element, "addr", address, sizeof(address));
	import_attribute(element, "port", port, sizeof(port));
	v6 = strchr(address, ':');
	if (!address[0] && domain[0])
		return standard_forwarder(build, element, domain, words);
	snprintf(value, sizeof(value), "%s%s%s%s%s%s%s", domain, domain[0] ? " " : "", v6 && port[0] ? "[" : "", address,
		 v6 && port[0] ? "]" : "", port[0] ? ":" : "", port);
	return import_emit(build, 0, 0, "DNS", "Forwarder", value, words) == 0;
}

static bool txt(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char record[256], text[1024], value[1300];

	if (!import_attribute(element, "name", record, sizeof(record)) || !import_attribute(element, "value", text, sizeof(text)))
		return false;
	snprintf(value, sizeof(value), "%s %s", record, text);
	return import_emit(build, 0, 0, "DNS", "TXT", value, words) == 0;
}

/* _SERVICE._PROTOCOL.DOMAIN TARGET PORT PRIORITY WEIGHT */
static bool srv(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char service[64], protocol[16], domain[256], own[256], target[256], port[16], priority[16], weight[16], value[1024];

	if (!import_attribute(element, "service", service, sizeof(service)) ||
	    !import_attribute(element, "protocol", protocol, sizeof(protocol)) ||
	    !import_attribute(element, "target", target, sizeof(target)) || !import_attribute(element, "port", port, sizeof(port)))
		return false;
	if (!import_attribute(element, "domain", domain, sizeof(domain)))
		snprintf(domain, sizeof(domain), "%s", own_domain(build, own, sizeof(own)));
	if (!domain[0])
		return false;
	if (!import_attribute(element, "priority", priority, sizeof(priority)))
		strcpy(priority, "0");
	if (!import_attribute(element, "weight", weight, sizeof(weight)))
		strcpy(weight, "0");
	snprintf(value, sizeof(value), "_%s._%s.%s %s %s %s %s", service, protocol, domain, target, port, priority, weight);
	return import_emit(build, 0, 0, "DNS", "SRV", value, words) == 0;
}

static bool dns_host(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char address[64], buffer[1024];
	struct text value;

	if (!import_attribute(element, "ip", address, sizeof(address)) || !import_child(element, "hostname"))
		return false;
	text_init(&value, buffer, sizeof(buffer));
	text_add(&value, "%s", address);
	for (const xmlNode *child = import_child(element, "hostname"); child; child = import_next(child, "hostname")) {
		char *text = import_own_text(child);

		text_add(&value, " %s", text ? text : "");
		free(text);
	}
	if (value.overflow)
		return false;
	return import_emit(build, 0, 0, "DNS", "Host", buffer, words) == 0;
}

/* Guests that are known */

/* Is there a line of another guest that says this? */
static bool is_taken(const struct import_build *build, const char *key, const char *value)
{
	for (size_t i = 0; i < build->n_lines; i++)
		if (strcmp(build->lines[i].key->section, "Host") == 0 && strcmp(build->lines[i].key->name, key) == 0 &&
		    strcmp(build->lines[i].value, value) == 0)
			return true;
	return false;
}

static int emit_host(struct import_build *build, const char *key, const char *value, char words[static IMPORT_WORDS_SIZE])
{
	if (is_taken(build, key, value)) {
		say(words, "another guest has %s=%s already", key, STR_ESCAPED(value));
		return -EINVAL;
	}
	return import_emit(build, build->n_instances, 0, "Host", key, value, words);
}

static int emit_guest(struct import_build *build, const xmlNode *element, const char *key, const char *id,
		      char words[static IMPORT_WORDS_SIZE])
{
	char name[256], own[256], address[64], time[32];
	const xmlNode *lease = import_child(element, "lease");
	char what[IMPORT_WORDS_SIZE];
	size_t length, n;

	if (emit_host(build, key, id, words) < 0)
		return -EINVAL;
	snprintf(what, sizeof(what), "[Host] %s=%s", key, id);
	if (import_attribute(element, "name", name, sizeof(name))) {
		/* Names get the network's domain by themselves. */
		length = strlen(own_domain(build, own, sizeof(own)));
		n = strlen(name);
		if (length > 0 && n > length + 1 && name[n - length - 1] == '.' && strcmp(name + n - length, own) == 0)
			name[n - length - 1] = '\0';
		/* A guest with an entry for each family: its name stands in one of them. */
		if (strcmp(key, "ClientID") == 0 && is_taken(build, "Name", name))
			snprintf(what + strlen(what), sizeof(what) - strlen(what), ", without Name=%s, which another [Host] has", STR_ESCAPED(name));
		else if (emit_host(build, "Name", name, words) < 0)
			return -EINVAL;
	}
	if (import_attribute(element, "ip", address, sizeof(address)) && emit_host(build, "Address", address, words) < 0)
		return -EINVAL;
	if (lease && (lease_time(lease, time, sizeof(time)) < 0 ||
		      import_emit(build, build->n_instances, 0, "Host", "LeaseTime", time, words) < 0))
		return -EINVAL;
	memcpy(words, what, sizeof(what));
	return 0;
}

/* Takes back what was written since there were @n lines. */
static void drop_lines(struct import_build *build, size_t n)
{
	while (build->n_lines > n)
		free(build->lines[--build->n_lines].value);
}

/* Is this guest told by its DUID? That is so over IPv6, where libvirt knows no other way but names. */
static bool has_duid(const xmlNode *element)
{
	char address[64];
	struct ip ip;

	return !xmlHasProp((xmlNode *)element, (const xmlChar *)"mac") && xmlHasProp((xmlNode *)element, (const xmlChar *)"id") &&
	       import_attribute(element, "ip", address, sizeof(address)) && ip_parse(address, &ip) == 0 && ip_is_v6(&ip);
}

/* For id=: one beside a MAC address, or of IPv4, says nothing here. */
static bool duid(struct import_build *build _unused_, const struct import_part *part, char words[static IMPORT_WORDS_SIZE] _unused_)
{
	return has_duid(part->element);
}

/* Bytes of a DUID may have one digit in libvirt's id=. False when it is none. */
static bool read_duid(const xmlNode *element, char *buffer, size_t size)
{
	char id[256], *rest = id, *byte;
	struct text text;

	if (!import_attribute(element, "id", id, sizeof(id)))
		return false;
	text_init(&text, buffer, size);
	while ((byte = strsep(&rest, ":"))) {
		size_t length = strlen(byte);

		if (length < 1 || length > 2 || strspn(byte, "0123456789abcdefABCDEF") != length)
			return false;
		text_add(&text, "%s%s%s", text.length ? ":" : "", length == 1 ? "0" : "", byte);
	}
	return !text.overflow;
}

/* A guest with a fixed address: all of it, or nothing. */
static bool known_guest(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	const char *key = has_duid(element) ? "ClientID" : "MACAddress";
	size_t n_lines = build->n_lines;
	char id[256];

	if (has_duid(element) ? !read_duid(element, id, sizeof(id)) : !import_attribute(element, "mac", id, sizeof(id)))
		return false;
	if (records_begin_section(&build->scratch, "Host", (struct network_place){ 0 }) < 0) {
		say(words, "there are too many");
		return false;
	}
	build->n_instances++;
	if (emit_guest(build, element, key, id, words) == 0)
		return true;
	drop_lines(build, n_lines);
	return false;
}

/* Prefixes behind guests */

static int emit_route(struct import_build *build, const xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	char value[IP_TEXT_SIZE + 8], gateway[64], metric[16];
	unsigned int length;
	struct ip ip;

	if (read_address(element, &ip, &length) < 0) {
		say(words, "the address, its prefix length and its family do not fit together");
		return -EINVAL;
	}
	if (!import_attribute(element, "gateway", gateway, sizeof(gateway))) {
		say(words, "a route has a gateway");
		return -EINVAL;
	}
	/* What stands behind the length says nothing. */
	ip = ip_mask(&ip, length);
	snprintf(value, sizeof(value), "%s/%u", IP_TEXT(&ip), length);
	if (import_emit(build, build->n_instances, 0, "Route", "Gateway", gateway, words) < 0 ||
	    (import_attribute(element, "metric", metric, sizeof(metric)) &&
	     import_emit(build, build->n_instances, 0, "Route", "Metric", metric, words) < 0))
		return -EINVAL;
	return import_emit(build, build->n_instances, 0, "Route", "Destination", value, words);
}

/* A route: all of it, or nothing. */
static bool guest_route(struct import_build *build, xmlNode *element, char words[static IMPORT_WORDS_SIZE])
{
	size_t n_lines = build->n_lines;

	if (records_begin_section(&build->scratch, "Route", (struct network_place){ 0 }) < 0) {
		say(words, "there are too many");
		return false;
	}
	build->n_instances++;
	if (emit_route(build, element, words) == 0)
		return true;
	drop_lines(build, n_lines);
	return false;
}

#define KNOWN_BY	"a guest is known by its MAC address, or over IPv6 by its DUID: a [Host] with MACAddress= or ClientID=; guestnet leases shows both"

/*
 * Every part of the format. The first row that fits counts. Words stand for what is not translated: by a row
 * without a function, by a key that does not exist (yet), or by another value than the one that needs nothing.
 */
static const struct import_row rows[] = {
	{ "network@ipv6", same, .when = "yes", .words = "guests of a network can always speak IPv6 with each other" },
	{ "network@trustGuestRxFilters", same, .when = "no", .words = "only macvtap devices and network cards have such filters" },
	{ "network@connections", .words = "how many guests there were when this was written: no setting" },
	{ "network/name", name, .words = "" },
	{ "network/uuid", .words = "networks are known by their names" },
	{ "network/title", comment, .words = "" },
	{ "network/description", comment, .words = "" },
	{ "network/metadata**", .words = "notes of other programs, kept by libvirt for them" },

	{ "network/bridge@name", copy, .section = "Network", .key = "Bridge", .words = "" },
	{ "network/bridge@stp", same, .when = "off",
	  .words = "there is no spanning tree: each new guest would wait for it, and guests are the only ports" },
	{ "network/bridge@delay", same, .when = "0", .words = "ports forward at once: without spanning tree there is nothing to wait for" },
	{ "network/bridge@macTableManager", same, .when = "kernel", .words = "the bridge learns addresses by itself" },
	{ "network/bridge@zone", .words = "in firewalld, bridges are in the zone guestnet" },
	{ "network/mtu@size", copy, .section = "Network", .key = "MTU", .words = "" },
	{ "network/mac@address", copy, .section = "Network", .key = "MACAddress", .words = "" },
	{ "network/domain@name", copy, .section = "DNS", .key = "Domain", .words = "" },
	{ "network/domain@localOnly", local_only, .when = "yes",
	  .words = "names of the domain are never asked for elsewhere: those that no guest has are Host= in [DNS], or guests have another Domain=" },
	{ "network/domain@register", same, .when = "yes", .words = "where systemd-resolved runs it is told of guests' names: there is no setting that it is not" },

	{ "network/forward", .group = mode, .words = "" },
	{ "network/forward@mode", .group = mode, .words = "" },
	{ "network/forward@dev", uplink, .words = "guests leave by whatever route the host has" },
	{ "network/forward@managed", .words = "there are no PCI devices to detach from the host" },
	{ "network/forward/interface@dev", uplink, .words = "guests have no devices of their own on a network card" },
	{ "network/forward/interface@connections", .words = "how many guests there were when this was written: no setting" },
	{ "network/forward/pf**", .words = "guests have no devices of their own on a network card" },
	{ "network/forward/driver**", .words = "guests are given no PCI devices" },
	{ "network/forward/address**", .words = "guests are given no PCI devices" },
	{ "network/forward/nat", same, .words = "" },
	{ "network/forward/nat@ipv6", copy, .section = "Network", .key = "NAT66", .words = "" },
	{ "network/forward/nat/address@start", .group = nat_address, .words = "only mode nat translates addresses" },
	{ "network/forward/nat/address@end", .group = nat_address, .words = "only mode nat translates addresses" },
	{ "network/forward/nat/port@start", .group = nat_ports, .words = "only mode nat translates ports" },
	{ "network/forward/nat/port@end", .group = nat_ports, .words = "only mode nat translates ports" },

	{ "network/virtualport@type", virtualport, .words = "for Open vSwitch and switches of 802.1Qbg and 802.1Qbh" },
	{ "network/virtualport**", .words = "for Open vSwitch and switches of 802.1Qbg and 802.1Qbh" },
	{ "network/portgroup@default", default_ports, .words = "there are no classes of ports; [Port] is for every guest" },
	{ "network/portgroup/bandwidth/inbound@average", port_rate, .section = "Port", .key = "ToGuestRate", .words = "" },
	{ "network/portgroup/bandwidth/inbound@burst", port_burst, .section = "Port", .key = "ToGuestBurstBytes", .words = "" },
	{ "network/portgroup/bandwidth/inbound@peak", port_peak, .section = "Port", .key = "ToGuestPeakRate", .words = "" },
	{ "network/portgroup/bandwidth/inbound@floor", .words = FLOOR },
	{ "network/portgroup/bandwidth/outbound@average", port_rate, .section = "Port", .key = "FromGuestRate", .words = "" },
	{ "network/portgroup/bandwidth/outbound@burst", port_burst, .section = "Port", .key = "FromGuestBurstBytes", .words = "" },
	{ "network/portgroup/bandwidth/outbound@peak", .words = PEAK_FROM },
	{ "network/portgroup/bandwidth@classID", .words = "a number of libvirt's own" },
	{ "network/portgroup**", .words = "there are no classes of ports; a port has what guestnet-bridge.conf(5) gives its user" },
	{ "network/bandwidth/inbound@average", network_rate, .section = "Bandwidth", .key = "ToGuestsRate", .words = "" },
	{ "network/bandwidth/inbound@burst", network_burst, .section = "Bandwidth", .key = "ToGuestsBurstBytes", .words = "" },
	{ "network/bandwidth/inbound@peak", network_peak, .section = "Bandwidth", .key = "ToGuestsPeakRate", .words = "" },
	{ "network/bandwidth/inbound@floor", .words = FLOOR },
	{ "network/bandwidth/outbound@average", network_rate, .section = "Bandwidth", .key = "FromGuestsRate", .words = "" },
	{ "network/bandwidth/outbound@burst", network_burst, .section = "Bandwidth", .key = "FromGuestsBurstBytes", .words = "" },
	{ "network/bandwidth/outbound@peak", .words = PEAK_FROM },
	{ "network/bandwidth**", .words = "a number of libvirt's own" },
	{ "network/vlan**", .words = "a port's VLAN is what guestnet-bridge.conf(5) gives its user" },
	{ "network/port@isolated", to_isolated, .section = "Port", .key = "Isolated" },

	{ "network/dns", same, .words = "" },
	{ "network/dns@enable", copy, .section = "DNS", .key = "Enable", .words = "" },
	{ "network/dns@forwardPlainNames", same, .when = "no", .words = "names without a domain are never asked for elsewhere" },
	{ "network/dns/forwarder@addr", .group = forwarder, .words = "" },
	{ "network/dns/forwarder@domain", .group = forwarder, .words = "" },
	{ "network/dns/forwarder@port", .group = forwarder, .words = "" },
	{ "network/dns/txt@name", .group = txt, .words = "want name= and value=" },
	{ "network/dns/txt@value", .group = txt, .words = "want name= and value=" },
	{ "network/dns/srv**", .group = srv, .words = "a record of type SRV has a service, a protocol, a domain, a target and a port" },
	{ "network/dns/host@ip", .group = dns_host, .words = "want ip= and names" },
	{ "network/dns/host/hostname", .group = dns_host, .up = 1, .words = "want ip= and names" },

	{ "network/ip@address", .group = address, .words = "" },
	{ "network/ip@netmask", .group = address, .words = "" },
	{ "network/ip@prefix", .group = address, .words = "" },
	{ "network/ip@family", .group = address, .words = "" },
	{ "network/ip@localPtr", same, .when = "no", .words = "names of addresses that are no guest's are asked for elsewhere" },
	{ "network/ip/tftp@root", tftp_root, .words = "files are handed out for guests that boot from here: with a <bootp file=>, and no server=" },
	{ "network/ip/dhcp", same, .words = "" },
	{ "network/ip/dhcp/range@start", .group = range, .words = "" },
	{ "network/ip/dhcp/range@end", .group = range, .words = "" },
	{ "network/ip/dhcp/range/lease@expiry", .group = range_lease, .words = "" },
	{ "network/ip/dhcp/range/lease@unit", .group = range_lease, .words = "" },
	{ "network/ip/dhcp/host@mac", .group = known_guest, .words = "" },
	{ "network/ip/dhcp/host@name", .group = known_guest, .words = KNOWN_BY },
	{ "network/ip/dhcp/host@ip", .group = known_guest, .words = KNOWN_BY },
	{ "network/ip/dhcp/host@id", duid, .group = known_guest,
	  .words = "a guest is known by its MAC address; over IPv4 by ClientID= only where all are ([DHCP] Identity=client-id)" },
	{ "network/ip/dhcp/host/lease@expiry", .group = known_guest, .up = 1, .words = KNOWN_BY },
	{ "network/ip/dhcp/host/lease@unit", .group = known_guest, .up = 1, .words = KNOWN_BY },
	{ "network/ip/dhcp/bootp@file", copy, .section = "Boot", .key = "File", .words = "" },
	{ "network/ip/dhcp/bootp@server", copy, .section = "Boot", .key = "Server", .words = "" },
	{ "network/route@family", .group = guest_route, .words = "" },
	{ "network/route@address", .group = guest_route, .words = "" },
	{ "network/route@netmask", .group = guest_route, .words = "" },
	{ "network/route@prefix", .group = guest_route, .words = "" },
	{ "network/route@gateway", .group = guest_route, .words = "" },
	{ "network/route@metric", .group = guest_route, .words = "" },
	{ "network/dnsmasq:options**", .words = "lines for dnsmasq are not taken over: its configuration is made anew at each change; guestnet.network(5) has keys for much of it, "
	  "such as SendOption=, NTP= and Router= in [DHCP], Forwarder= and Host= in [DNS], File= in [Boot]" },
};

static const struct import_row state_row = { "networkstatus", .words = "state of the running network: no setting" };
static const struct import_row unknown_row = { "", .words = "not known in libvirt's format" };

static bool row_fits(const struct import_row *row, const char *path)
{
	size_t length = strlen(row->path);

	if (length < 2 || strcmp(row->path + length - 2, "**") != 0)
		return strcmp(row->path, path) == 0;
	length -= 2;
	return strncmp(row->path, path, length) == 0 && (!path[length] || path[length] == '/' || path[length] == '@');
}

/* What is known about a path; what nobody knows has a row too. */
const struct import_row *import_row_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (row_fits(&rows[i], path))
			return &rows[i];
	return strncmp(path, "networkstatus", 13) == 0 ? &state_row : &unknown_row;
}

/* What a document says by saying nothing */

struct families {
	bool v4, v6, dhcp_v4, dhcp_v6;
};

static struct families find_families(const struct import_build *build)
{
	struct families families = { 0 };

	for (const xmlNode *element = import_child(build->network, "ip"); element; element = import_next(element, "ip")) {
		bool dhcp = import_child(element, "dhcp");
		unsigned int length;
		struct ip ip;

		if (read_address(element, &ip, &length) < 0)
			continue;
		if (ip_is_v6(&ip)) {
			families.v6 = true;
			families.dhcp_v6 |= dhcp;
		} else {
			families.v4 = true;
			families.dhcp_v4 |= dhcp;
		}
	}
	return families;
}

static void emit_implied(struct import_build *build, const char *section, const char *key, const char *value)
{
	char words[IMPORT_WORDS_SIZE] = "";

	if (import_emit(build, 0, 0, section, key, value, words) < 0)
		import_remark(build, "%s", words);
}

static bool has_line(const struct import_build *build, const char *key)
{
	for (size_t i = 0; i < build->n_lines; i++)
		if (strcmp(build->lines[i].key->name, key) == 0)
			return true;
	return false;
}

/* Addresses for known guests alone: <dhcp> with hosts and without a range, on IPv4. */
static bool serves_only_hosts(const struct import_build *build)
{
	for (const xmlNode *element = import_child(build->network, "ip"); element; element = import_next(element, "ip")) {
		const xmlNode *dhcp = import_child(element, "dhcp");
		unsigned int length;
		struct ip ip;

		if (dhcp && read_address(element, &ip, &length) == 0 && ip_is_v4(&ip))
			return !import_child(dhcp, "range") && import_child(dhcp, "host");
	}
	return false;
}

static void finish_addresses(struct import_build *build, const struct families *families)
{
	/* Address=auto is no translation of an address. */
	if (import_child(build->network, "ip") && !has_line(build, "Address")) {
		import_problem(build, "none of its addresses is possible here");
		return;
	}
	if (!families->v4 && !families->v6) {
		char enable[8];
		const xmlNode *dns = import_child(build->network, "dns");

		import_remark(build, "the host had no address on the network; here it has one");
		if (!is_mode(build, "open") && (!dns || !import_attribute(dns, "enable", enable, sizeof(enable)) || strcmp(enable, "yes") != 0))
			emit_implied(build, "Network", "HostAccess", "none");
	}
	if (!families->dhcp_v4 && !(families->v6 && !families->v4)) {
		emit_implied(build, "DHCP", "Enable", "no");
		if (families->v6)
			import_remark(build, "guests were given no IPv4 addresses, and IPv6 by router advertisements; [DHCP] Enable= is for both, and is no");
	}
	if (serves_only_hosts(build))
		emit_implied(build, "DHCP", "OnlyHosts", "yes");
	if ((families->v4 || families->v6) && !is_mode(build, "open"))
		import_remark(build, "guests reached every service of the host; here they reach DHCP, DNS and ping of their gateway (HostAccess=all for the others)");
}

/* A domain that is the guests' alone unless it is said: libvirt asks for its other names elsewhere unless it is told not to. */
static void finish_domain(struct import_build *build)
{
	const xmlNode *domain = import_child(build->network, "domain"), *dns = import_child(build->network, "dns");
	char name[256], enable[8];

	if (!domain || xmlHasProp((xmlNode *)domain, (const xmlChar *)"localOnly") || !import_attribute(domain, "name", name, sizeof(name)) ||
	    is_mode(build, "isolated") || has_own_forwarder(build) || (dns && import_attribute(dns, "enable", enable, sizeof(enable)) && strcmp(enable, "no") == 0))
		return;
	import_remark(build, "names of %s that no guest has were asked for elsewhere; here they are not: let them be Host= in [DNS], or give guests another Domain=", STR_ESCAPED(name));
}

/* Called once, behind the last item: what has to be written because something is not in the document. */
void import_rows_finish(struct import_build *build)
{
	struct families families = find_families(build);
	char words[IMPORT_WORDS_SIZE] = "", buffer[32];

	/* Nothing is different about a network that will not be. */
	if (build->import->problem)
		return;
	/* No <forward>, or one that does not say which. */
	if (!has_line(build, "Mode") && import_emit(build, 0, 0, "Network", "Mode", forward_mode(build, buffer), words) < 0)
		import_problem(build, "%s", words);
	if (build->options->autostart_known && !build->options->autostart)
		emit_implied(build, "Network", "Autostart", "no");
	if (is_mode(build, "bridge"))
		return;
	finish_addresses(build, &families);
	finish_domain(build);
	if (is_mode(build, "route") && has_wireless(import_child(build->network, "forward")))
		import_remark(build, "the router of that LAN needs a route to the guests, as before; with ProxyARP=yes, and a part of the LAN's own prefix as Address=, it needs none");
	/* libvirt translates IPv6 where it is asked to; here it is done unless it is asked not to. */
	if (is_mode(build, "nat") && families.v6) {
		const xmlNode *nat = import_child(import_child(build->network, "forward"), "nat");

		if (!nat || !xmlHasProp((xmlNode *)nat, (const xmlChar *)"ipv6"))
			emit_implied(build, "Network", "NAT66", "no");
	}
}
