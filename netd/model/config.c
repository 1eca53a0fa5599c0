/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network files: text to struct network, and what networks must not have in common.
 * Pure: no system calls.
 *
 * The syntax is systemd's (systemd.syntax(7)): sections in brackets, KEY=VALUE, lines that begin with '#'
 * or ';' are comments, a backslash at the end of a line continues it. A key that takes one value keeps the
 * last one; one that takes several collects them; an empty value goes back to the default, or empties the
 * list. What is not known is an error, so that a key added later never meant something else before.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/str.h"
#include "ip.h"
#include "keys.h"
#include "rates.h"
#include "reach.h"
#include "records.h"
#include "routes.h"
#include "tunnel.h"

/* Parsing */

struct parse {
	struct network *network;
	struct mistakes *mistakes;
	struct network_place place;
	const char *section;		/* of the table; NULL before the first one */
	bool skip;			/* what stands in a section that is wrong says nothing */
	bool own;			/* the file is a user's, who may not say everything */
};

/* One line without blanks around it, continuations joined. */
struct line {
	char text[LIMIT_NETWORK_LINE];
	size_t length;
};

struct cursor {
	const char *next;
	const char *end;
	uint32_t line;			/* of what was read last */
};

#define parse_failure(parse, format, ...)							\
	mistakes_add((parse)->mistakes, -EINVAL, "%s:%u: " format,				\
		    STR_ESCAPED((parse)->network->paths[(parse)->place.file]), (parse)->place.line, ##__VA_ARGS__)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One physical line; false at the end of the text. */
static bool cursor_next(struct cursor *cursor, const char **ret_begin, const char **ret_end)
{
	const char *begin = cursor->next, *end;

	if (begin == cursor->end)
		return false;
	end = memchr(begin, '\n', (size_t)(cursor->end - begin));
	cursor->next = end ? end + 1 : cursor->end;
	end = end ? end : cursor->end;
	cursor->line++;
	if (end > begin && end[-1] == '\r')
		end--;
	*ret_begin = begin;
	*ret_end = end;
	return true;
}

static bool is_comment(const char *begin, const char *end)
{
	while (begin < end && is_blank(*begin))
		begin++;
	return begin < end && (*begin == '#' || *begin == ';');
}

/*
 * What is no text: others look at a user's file, as guestnet cat shows it, and their terminal would do what stands there. In UTF-8
 * C1 is two bytes.
 */
static bool has_control(const char *begin, const char *end)
{
	for (const char *p = begin; p < end; p++) {
		const unsigned char c = (unsigned char)*p, next = p + 1 < end ? (unsigned char)p[1] : 0;

		if ((c < 0x20 && c != '\t') || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0))
			return true;
	}
	return false;
}

static int line_add(struct parse *parse, struct line *line, const char *begin, const char *end)
{
	size_t n = (size_t)(end - begin);

	if (memchr(begin, '\0', n))
		return parse_failure(parse, "zero byte in the line");
	if (n >= sizeof(line->text) - line->length)
		return parse_failure(parse, "line longer than %d bytes", LIMIT_NETWORK_LINE - 1);
	memcpy(line->text + line->length, begin, n);
	line->length += n;
	return 0;
}

/* Reads the next line that says something. Its number is that of its first physical line. With -EINVAL it can go on with the next one. */
static int read_line(struct parse *parse, struct cursor *cursor, struct line *line, bool *ret_more)
{
	const char *begin, *end;
	bool continued = false;
	int r = 0;

	line->length = 0;
	*ret_more = true;
	while (cursor_next(cursor, &begin, &end)) {
		if (!continued)
			parse->place.line = cursor->line;
		if (parse->own && has_control(begin, end))
			return parse_failure(parse, "a control character, which a user's own network cannot have");
		if (is_comment(begin, end))
			continue;
		continued = end > begin && end[-1] == '\\';
		/* What continues a wrong line is part of it. */
		if (r == 0)
			r = line_add(parse, line, begin, continued ? end - 1 : end);
		if (r == 0 && continued)
			r = line_add(parse, line, " ", &" "[1]);
		if (continued)
			continue;
		if (r < 0)
			return r;

		line->text[line->length] = '\0';
		begin = line->text + strspn(line->text, " \t");
		while (line->text + line->length > begin && is_blank(line->text[line->length - 1]))
			line->text[--line->length] = '\0';
		if (*begin) {
			line->length -= (size_t)(begin - line->text);
			memmove(line->text, begin, line->length + 1);
			return 0;
		}
		line->length = 0;
	}
	*ret_more = false;
	if (continued && r == 0)
		return parse_failure(parse, "the last line ends with a backslash: nothing continues it");
	return r;
}

static int parse_section(struct parse *parse, char *text, size_t length)
{
	const char *nearest, *section;
	char known[256];
	struct text list;

	parse->skip = true;
	if (text[length - 1] != ']')
		return parse_failure(parse, "\"%s\": a section is written [Name]", STR_ESCAPED(text));
	text[length - 1] = '\0';
	text++;
	section = keys_find_section(text);
	if (!section) {
		nearest = keys_nearest_section(text);
		text_init(&list, known, sizeof(known));
		for (size_t i = 0; i < KEY_MAX_; i++)
			if (i == 0 || strcmp(keys[i].section, keys[i - 1].section) != 0)
				text_add(&list, " [%s]", keys[i].section);
		return parse_failure(parse, "unknown section [%s]%s%s%s (known:%s)",
				     STR_ESCAPED(text), nearest ? ", did you mean [" : "", nearest ? nearest : "",
				     nearest ? "]?" : "", known);
	}
	parse->section = section;
	switch (records_begin_section(parse->network, section, parse->place)) {
	case 0:
		parse->skip = false;
		return 0;
	case -E2BIG:
		return parse_failure(parse, "too many sections [%s]", section);
	default:
		return mistakes_add(parse->mistakes, -ENOMEM, "out of memory");
	}
}

static int parse_unknown(struct parse *parse, const char *name)
{
	const char *nearest = keys_nearest(parse->section, name);
	const char *other = keys_section_of(name);
	char known[512];
	struct text text;

	text_init(&text, known, sizeof(known));
	for (size_t i = 0; i < KEY_MAX_; i++)
		if (strcmp(keys[i].section, parse->section) == 0)
			text_add(&text, "%s%s=", text.length ? " " : "", keys[i].name);
	if (other)
		return parse_failure(parse, "%s= belongs into section [%s], not [%s]", name, other, parse->section);
	return parse_failure(parse, "unknown key %s= in section [%s]%s%s%s (known: %s)", STR_ESCAPED(name),
			     parse->section, nearest ? ", did you mean " : "", nearest ? nearest : "",
			     nearest ? "=?" : "", known);
}

static const char *own_values(const struct key *key, char *buffer, size_t size)
{
	snprintf(buffer, size, "of a user's own network it is one of: %s", key->own);
	return buffer;
}

static int parse_assignment(struct parse *parse, char *text)
{
	char *value = strchr(text, '='), *end = value;
	char why[KEY_WHY_SIZE] = "";
	const struct key *key;

	if (!value || value == text)
		return parse_failure(parse, "\"%s\": want [Section] or Key=Value", STR_ESCAPED(text));
	while (end > text && is_blank(end[-1]))
		end--;
	*end = '\0';
	value++;
	value += strspn(value, " \t");
	if (!parse->section) {
		parse->skip = true;	/* so do all others, until there is one */
		return parse_failure(parse, "%s= stands before the first section", STR_ESCAPED(text));
	}

	key = keys_find(parse->section, text);
	if (!key)
		return parse_unknown(parse, text);
	if (parse->own && (*value ? !keys_are_own(key, value) : !key->own))
		return parse_failure(parse, "%s=%s: %s", key->name, STR_ESCAPED(value),
				     key->own ? own_values(key, (char[128]){ "" }, 128) :
				     "a user's own network cannot say this (guestnet.network(5), NETWORKS OF USERS, lists what it can)");
	if (network_set_place(parse->network, (enum key_id)(key - keys), parse->place) < 0)
		return -ENOMEM;
	if (!*value) {
		key->reset(parse->network);
		return network_set_place(parse->network, (enum key_id)(key - keys), (struct network_place){ 0 });
	}
	if (key->parse(parse->network, value, why) < 0)
		return parse_failure(parse, "%s=%s: want %s%s%s", key->name, STR_ESCAPED(value), key->want, why,
				     strstr(value, " #") || strstr(value, " ;") ? "; a comment has a line of its own" : "");
	return 0;
}

/* Reads on behind a mistake: each line says by itself what is wrong with it. -ENOMEM only. */
static int parse_file(struct parse *parse, const struct config_file *file)
{
	struct cursor cursor = { .next = file->text, .end = file->text + file->length };
	struct line line;
	bool more = true;
	int r;

	parse->section = NULL;
	parse->skip = false;
	parse->place.line = 0;
	if (file->length >= 3 && memcmp(file->text, "\xef\xbb\xbf", 3) == 0)
		cursor.next += 3;
	while (more) {
		r = read_line(parse, &cursor, &line, &more);
		if (r == 0 && more && line.text[0] == '[')
			r = parse_section(parse, line.text, line.length);
		else if (r == 0 && more && !parse->skip)
			r = parse_assignment(parse, line.text);
		if (r < 0 && r != -EINVAL)
			return r;
	}
	return 0;
}

/* What must fit together within one network */

static int compare_ips(const struct ip *a, const struct ip *b)
{
	return memcmp(a->bytes_be, b->bytes_be, sizeof(a->bytes_be));
}

static int verify_range(const struct network *network, const struct network_range *range, struct mistakes *mistakes)
{
	const struct network_address *address = NULL;
	bool v6 = ip_is_v6(&range->first);
	uint32_t network_value, host_bits, first, last;

	if (network->address_delegated && ip_is_suffix(&range->first) && ip_is_suffix(&range->last))
		return 0;
	/* The prefix that it begins in, or any to compare it with. */
	for (size_t i = 0; i < network->n_addresses; i++) {
		const struct network_address *other = &network->addresses[i];

		if (ip_is_v6(&other->ip) == v6 &&
		    (!address || ip_overlaps(&other->ip, other->prefix_length, &range->first, ip_bits(&range->first))))
			address = other;
	}
	if (!address)
		return network_failure(network, range->place, mistakes,
				       "Range= needs an %s Address= whose prefix it lies in (auto may choose any)", v6 ? "IPv6" : "IPv4");
	if (v6 && (!ip_overlaps(&address->ip, address->prefix_length, &range->first, 128) ||
		   !ip_overlaps(&address->ip, address->prefix_length, &range->last, 128)))
		return network_failure(network, range->place, mistakes, "Range= lies outside Address=%s/%u", IP_TEXT(&address->ip),
				       address->prefix_length);
	if (v6)
		return 0;
	host_bits = UINT32_MAX >> address->prefix_length;
	network_value = ip_v4_value(&address->ip) & ~host_bits;
	first = ip_v4_value(&range->first);
	last = ip_v4_value(&range->last);
	if (first <= network_value || last >= (network_value | host_bits)) {
		struct ip lowest = ip_v4(network_value + 1), highest = ip_v4((network_value | host_bits) - 1);

		return network_failure(network, range->place, mistakes, "Range= lies outside Address=%s/%u: want addresses from %s to %s",
				       IP_TEXT(&address->ip), address->prefix_length, IP_TEXT(&lowest), IP_TEXT(&highest));
	}
	if (first == last && first == ip_v4_value(&address->ip))
		return network_failure(network, range->place, mistakes, "Range= holds nothing but the gateway's own address");
	return 0;
}

static int verify_ranges(const struct network *network, struct mistakes *mistakes)
{
	int r = 0;

	for (size_t i = 0; i < network->n_ranges; i++) {
		const struct network_range *range = &network->ranges[i];

		r = verify_range(network, range, mistakes);
		for (size_t j = 0; r == 0 && j < i; j++) {
			const struct network_range *other = &network->ranges[j];

			if (other->first.family == range->first.family && compare_ips(&other->first, &range->last) <= 0 &&
			    compare_ips(&range->first, &other->last) <= 0)
				r = network_failure(network, range->place, mistakes, "this Range= overlaps with the one in line %u",
						    other->place.line);
		}
	}
	return mistakes->error;
}

static int verify_own_overlap(const struct network *network, struct mistakes *mistakes)
{
	for (size_t i = 0; i < network->n_addresses; i++)
		for (size_t j = 0; j < i; j++) {
			const struct network_address *a = &network->addresses[j], *b = &network->addresses[i];

			if (!ip_overlaps(&a->ip, a->prefix_length, &b->ip, b->prefix_length))
				continue;
			(void)network_failure(network, b->place, mistakes, "Address=%s/%u overlaps with Address=%s/%u",
					      IP_TEXT(&b->ip), b->prefix_length, IP_TEXT(&a->ip), a->prefix_length);
			break;
		}
	return mistakes->error;
}

/* Mode=bridge: a bridge that is there already, or one that is made for a network card. */
static int verify_card(const struct network *network, struct mistakes *mistakes)
{
	static const enum key_id own[] = { KEY_CONFIRM_TIMEOUT, KEY_STP };

	if (!network_has_card(network) && !network->tunnel && network_find_place(network, KEY_BRIDGE).line == 0)
		return network_failure(network, network_find_place(network, KEY_MODE), mistakes,
				       "Mode=bridge needs Bridge=, the name of a bridge that is there already, or, for one that is made, Uplink=, a network card, or a section [Tunnel]");
	if (!network->tunnel && network_find_place(network, KEY_MTU).line > 0)
		return network_failure(network, network_find_place(network, KEY_MTU), mistakes,
				       "[Network] MTU= has no meaning with Mode=bridge without [Tunnel]");
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!network_has_card(network) && network_find_place(network, own[i]).line > 0)
			return network_failure(network, network_find_place(network, own[i]), mistakes,
					       "[Network] %s= has no meaning without Uplink=",
					       keys[own[i]].name);
	if (network->mode == NETWORK_BRIDGE && network->n_uplinks > 1 && !network->stp)
		return network_error(network, network_find_place(network, KEY_UPLINK), mistakes, -ELOOP,
				     "Uplink=%s is a second network card: where both lead to the same LAN, frames go round for ever; say STP=yes, which keeps one of them back, or bond the two",
				     network->uplinks[1]);
	for (size_t i = 0; network_has_card(network) && i < network->n_uplinks; i++) {
		if (strcmp(network->uplinks[i], network->bridge) == 0)
			return network_failure(network, network_find_place(network, KEY_UPLINK), mistakes, "Uplink= and Bridge= are one name: %s",
					       network->bridge);
		for (size_t j = 0; j < i; j++)
			if (strcmp(network->uplinks[i], network->uplinks[j]) == 0)
				return network_failure(network, network_find_place(network, KEY_UPLINK), mistakes, "Uplink=%s is there twice",
						       network->uplinks[i]);
	}
	if (network_has_card(network) && network->on_demand)
		return network_failure(network, network_find_place(network, KEY_AUTOSTART), mistakes,
				       "Autostart=on-demand has no place beside Uplink=: the host's network card would be moved whenever a guest comes and goes");
	return 0;
}

/* The host answers for each address of the network, and nobody can know for whom else it would, if that were chosen. */
static int verify_proxy(const struct network *network, struct mistakes *mistakes)
{
	const struct network_place place = network_find_place(network, KEY_PROXY_ARP);

	if (!network->proxy_arp)
		return 0;
	if (network->n_uplinks != 1)
		return network_failure(network, place, mistakes, "ProxyARP=yes needs one Uplink=, the interface on whose LAN the host answers for its guests");
	if (network->address_auto || network->address_delegated)
		return network_failure(network, place, mistakes, "ProxyARP=yes needs an Address= that is a part of the LAN's prefix: none can be chosen");
	for (size_t i = 0; i < network->n_addresses; i++) {
		const struct network_address *address = &network->addresses[i];
		const unsigned int left = ip_bits(&address->ip) - address->prefix_length;

		if (left > PROXY_BITS || left < 2)
			return network_failure(network, address->place, mistakes, "Address=%s/%u: with ProxyARP=yes a prefix has 4 to 256 addresses, /%u to /%u",
					       IP_TEXT(&address->ip), address->prefix_length, ip_bits(&address->ip) - PROXY_BITS, ip_bits(&address->ip) - 2);
	}
	return 0;
}

static bool is_users_name(const char *name)
{
	uint32_t owner;

	(void)str_has_prefix(name, "gn-", &name);
	return name_find_owner(name, &owner);
}

/* Whose own a network is stands in its name and its bridge's, for the helper too: nothing else is called so, and it not otherwise. */
static int verify_owner(const struct network *network, struct mistakes *mistakes)
{
	const struct network_place bridge = network_find_place(network, KEY_BRIDGE);

	for (size_t i = 0; i < network->n_altnames; i++)
		if (is_users_name(network->altnames[i]))
			return network_failure(network, network_find_place(network, KEY_ALTERNATIVE_NAME), mistakes,
					       "AlternativeName=%s: UID.NAME and gn-UID.NAME are names of users' own networks", network->altnames[i]);
	if (bridge.line == 0 || (!is_users_name(network->name) && !is_users_name(network->bridge)))
		return 0;
	return network_failure(network, bridge, mistakes, "Bridge=%s: gn-UID.NAME is the bridge of a user's own network UID.NAME, which has no other",
			       network->bridge);
}

/* A key that says nothing in this mode was written by somebody who expects something of it. */
static int verify_mode(struct network *network, struct mistakes *mistakes)
{
	int r;

	for (size_t i = 0; i < KEY_MAX_; i++)
		if (keys[i].only && !(keys[i].only >> network->mode & 1) && network_find_place(network, i).line > 0)
			(void)network_failure(network, network_find_place(network, i), mistakes, "[%s] %s= has no meaning with Mode=%s",
					       keys[i].section, keys[i].name, network_mode_names[network->mode]);
	if (mistakes->n > 0 || network->mode != NETWORK_BRIDGE)
		return mistakes->error;
	r = verify_card(network, mistakes);
	if (r < 0)
		return r;
	network->address_auto = network->dhcp = network->dns = false;
	return 0;
}

/* What is delegated is for guests to be reached at; and whether it comes, and what it is, nobody knows before. */
static int verify_delegated(struct network *network, struct mistakes *mistakes)
{
	if (!network->address_delegated)
		return 0;
	if (network_find_place(network, KEY_NAT66).line > 0 && network->nat66)
		return network_failure(network, network_find_place(network, KEY_NAT66), mistakes,
				       "NAT66=yes and Address=delegated exclude each other: guests have addresses of their own there");
	network->nat66 = false;
	return 0;
}

/* What is written is nobody's to change. */
static int verify_renumber(struct network *network, struct mistakes *mistakes)
{
	if (network_find_place(network, KEY_RENUMBER).line == 0 || network->address_auto)
		return 0;
	return network_failure(network, network_find_place(network, KEY_RENUMBER), mistakes,
			       "[Address] Renumber= has no meaning without Address=auto");
}

/* With HostAccess=none guests get an address and nothing else: DNS is off, unless somebody asked for both. */
static int verify_host_access(struct network *network, struct mistakes *mistakes)
{
	if (network->host_access != HOST_ACCESS_NONE)
		return 0;
	if (network_find_place(network, KEY_DNS_ENABLE).line > 0 && network->dns)
		return network_failure(network, network_find_place(network, KEY_DNS_ENABLE), mistakes,
				       "[DNS] Enable=yes and HostAccess=none exclude each other");
	network->dns = false;
	return 0;
}

/* An address belongs to a guest, and a guest is known by its Ethernet address: bound to nothing, that proves nothing. */
static int verify_bindings(struct network *network, struct mistakes *mistakes)
{
	if (!network->address_binding)
		return 0;
	if (network_find_place(network, KEY_PORT_MAC_BINDING).line > 0 && !network->mac_binding)
		return network_failure(network, network_find_place(network, KEY_PORT_MAC_BINDING), mistakes,
				       "[Port] MACBinding=no and AddressBinding=lease exclude each other");
	network->mac_binding = true;
	return 0;
}

static int verify_rates(const struct network *network, struct mistakes *mistakes)
{
	enum key_id key;
	char buffer[256];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	if (rates_verify(network, &key, &text) == 0)
		return 0;
	return network_failure(network, network_find_place(network, key), mistakes, "%s", buffer);
}

static int set_paths(struct network *network, const struct config_file *files, size_t n_files)
{
	network->paths = calloc(n_files, sizeof(*network->paths));
	if (!network->paths)
		return -ENOMEM;
	for (; network->n_paths < n_files; network->n_paths++) {
		network->paths[network->n_paths] = strdup(files[network->n_paths].path);
		if (!network->paths[network->n_paths])
			return -ENOMEM;
	}
	return 0;
}

/* What is as it is because no file says anything else. -ENOMEM only. */
static int fill_in(struct network *network)
{
	char domain[NETWORK_NAME_SIZE + sizeof(".internal")];

	if (network->n_kept_ports == 0 && !network->keeps_none) {
		if (!NETWORK_APPEND(network, kept_ports))
			return -ENOMEM;
		strcpy(network->kept_ports[0], "vnet*");
	}
	if (!network->domain) {
		snprintf(domain, sizeof(domain), "%s.internal", network->name);
		network->domain = strdup(domain);
	}
	return network->domain ? 0 : -ENOMEM;
}

/* Do the lines fit together, each of which is right? What is wrong is in @mistakes. */
static void verify(struct network *network, struct mistakes *mistakes)
{
	/* A key that has no meaning does not fit to others either: that would be said twice. */
	if (verify_mode(network, mistakes) < 0)
		return;
	(void)verify_owner(network, mistakes);
	(void)verify_proxy(network, mistakes);
	(void)verify_renumber(network, mistakes);
	(void)verify_delegated(network, mistakes);
	(void)verify_own_overlap(network, mistakes);
	(void)verify_ranges(network, mistakes);
	records_verify(network, mistakes);
	reach_verify(network, mistakes);
	(void)verify_host_access(network, mistakes);
	(void)verify_bindings(network, mistakes);
	(void)verify_rates(network, mistakes);
}

/*
 * Makes a network of its file and its drop-ins, which stand in the order in which they apply. The caller
 * owns @ret_network. -EINVAL with all mistakes: file:line, what is allowed and what was probably meant. Those that need
 * several lines to be seen are looked for when no single line is wrong. -ELOOP in the same way when the first is a second
 * network card that nothing keeps from being a loop; -ENOMEM.
 */
int config_parse_all(const char *name, const struct config_file *files, size_t n_files, struct network *ret_network,
		     struct mistakes *mistakes)
{
	_cleanup_(network_deinit) struct network network = NETWORK_NULL;
	struct parse parse = { .network = &network, .mistakes = mistakes };
	uint32_t owner;
	int r;

	assert(n_files > 0);
	mistakes_init(mistakes);
	if (n_files > LIMIT_NETWORK_FILES)
		return mistakes_add(mistakes, -EINVAL, "%s: more than %d drop-ins", files[0].path, LIMIT_NETWORK_FILES - 1);
	if (!network_name_is_valid(name))
		return mistakes_add(mistakes, -EINVAL,
				   "%s: a network's name has 1 to 12 letters, digits, '-', '_' and '.', begins with a letter or digit, and is neither lo nor all",
				   STR_ESCAPED(files[0].path));
	snprintf(network.name, sizeof(network.name), "%s", name);
	r = set_paths(&network, files, n_files);
	if (r < 0)
		return mistakes_add(mistakes, r, "%s: out of memory", files[0].path);

	keys_reset(&network);
	/* A user's own network makes way for routes of the host's, whoever is kept on it. */
	if (name_find_owner(name, &owner))
		network.renumber = NETWORK_RENUMBER_ALWAYS;
	for (size_t i = 0; i < n_files; i++) {
		parse.place.file = (uint16_t)i;
		/* Drop-ins are an administrator's. */
		parse.own = i == 0 && name_find_owner(name, &owner);
		r = parse_file(&parse, &files[i]);
		if (r < 0)
			return r;
	}
	if (fill_in(&network) < 0)
		return mistakes_add(mistakes, -ENOMEM, "%s: out of memory", files[0].path);
	if (network.n_addresses == 0)
		network.address_auto = true;

	if (mistakes->n == 0)
		verify(&network, mistakes);
	mistakes_end(mistakes, files[0].path);
	if (mistakes->n > 0)
		return mistakes->error;

	*ret_network = network;
	network = NETWORK_NULL;
	return 0;
}

/* Likewise, where there is room for one mistake: @failure gets the first. */
int config_parse(const char *name, const struct config_file *files, size_t n_files, struct network *ret_network,
		 struct failure *failure)
{
	struct mistakes mistakes;
	int r = config_parse_all(name, files, n_files, ret_network, &mistakes);

	return r < 0 ? failure_set(failure, r, "%.*s", (int)strcspn(mistakes.buffer, "\n"), mistakes.buffer) : 0;
}

/* What networks must not have in common */

static void place_text(struct text *text, const struct network *network, struct network_place place)
{
	text_add(text, "%s", STR_ESCAPED(network->paths[place.file]));
	if (place.line > 0)
		text_add(text, ":%u", place.line);
}

/* Says at @place of @later that it clashes with @earlier. The text is formed by the caller in between. */
static int mark_bad(struct network *later, struct network_place place, const struct network *earlier,
		    struct network_place other, const char *what)
{
	char buffer[1024];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	place_text(&text, later, place);
	text_add(&text, ": %s of network %s (", what, earlier->name);
	place_text(&text, earlier, other);
	text_add(&text, ")");
	later->problem = strdup(buffer);
	return later->problem ? 0 : -ENOMEM;
}

static bool has_name(const struct network *network, const char *name)
{
	if (strcmp(network->bridge, name) == 0 || strcmp(network->name, name) == 0)
		return true;
	for (size_t i = 0; i < network->n_altnames; i++)
		if (strcmp(network->altnames[i], name) == 0)
			return true;
	return false;
}

static int verify_alternative_names(const struct network *earlier, struct network *later)
{
	const struct network_place ours = network_find_place(later, KEY_ALTERNATIVE_NAME);
	const struct network_place theirs = network_find_place(earlier, KEY_ALTERNATIVE_NAME);
	char what[128];

	for (size_t i = 0; i < later->n_altnames; i++)
		if (has_name(earlier, later->altnames[i])) {
			snprintf(what, sizeof(what), "AlternativeName=%s is a name", later->altnames[i]);
			return mark_bad(later, ours, earlier, theirs, what);
		}
	for (size_t i = 0; i < earlier->n_altnames; i++)
		if (has_name(later, earlier->altnames[i])) {
			snprintf(what, sizeof(what), "%s is an AlternativeName=", earlier->altnames[i]);
			return mark_bad(later, ours, earlier, theirs, what);
		}
	return 0;
}

/* The bridge and the name of a network are names of one interface: no two interfaces may share one. */
static int verify_names(const struct network *earlier, struct network *later)
{
	struct network_place ours = network_find_place(later, KEY_BRIDGE), theirs = network_find_place(earlier, KEY_BRIDGE);
	char what[128];

	if (strcmp(later->bridge, earlier->bridge) == 0)
		snprintf(what, sizeof(what), "Bridge=%s is the bridge", later->bridge);
	else if (strcmp(later->bridge, earlier->name) == 0)
		snprintf(what, sizeof(what), "Bridge=%s is the name", later->bridge);
	else if (strcmp(later->name, earlier->bridge) == 0)
		snprintf(what, sizeof(what), "the network's name %s is the bridge", later->name);
	else if (strcmp(later->name, earlier->name) == 0)
		snprintf(what, sizeof(what), "the network's name %s is the name", later->name);
	else
		return verify_alternative_names(earlier, later);
	return mark_bad(later, ours, earlier, theirs, what);
}

static int verify_addresses(const struct network *earlier, struct network *later)
{
	for (size_t i = 0; i < later->n_addresses; i++)
		for (size_t j = 0; j < earlier->n_addresses; j++) {
			const struct network_address *a = &later->addresses[i], *b = &earlier->addresses[j];
			char what[256];

			if (!ip_overlaps(&a->ip, a->prefix_length, &b->ip, b->prefix_length))
				continue;
			snprintf(what, sizeof(what), "Address=%s/%u overlaps with Address=%s/%u", IP_TEXT(&a->ip),
				 a->prefix_length, IP_TEXT(&b->ip), b->prefix_length);
			return mark_bad(later, a->place, earlier, b->place, what);
		}
	return 0;
}

static int verify_mac(const struct network *earlier, struct network *later)
{
	char what[128];

	if (!earlier->mac_given || !later->mac_given || memcmp(&earlier->mac, &later->mac, sizeof(later->mac)) != 0)
		return 0;
	snprintf(what, sizeof(what), "MACAddress=" MAC_FORMAT " is the address of the bridge", MAC_BYTES(later->mac));
	return mark_bad(later, network_find_place(later, KEY_MAC_ADDRESS), earlier, network_find_place(earlier, KEY_MAC_ADDRESS),
			what);
}

static int verify_cards(const struct network *earlier, struct network *later)
{
	char what[128];

	if (!network_has_card(earlier) || !network_has_card(later))
		return 0;
	for (size_t i = 0; i < later->n_uplinks; i++)
		for (size_t j = 0; j < earlier->n_uplinks; j++) {
			if (strcmp(earlier->uplinks[j], later->uplinks[i]) != 0)
				continue;
			snprintf(what, sizeof(what), "Uplink=%s is the network card", later->uplinks[i]);
			return mark_bad(later, network_find_place(later, KEY_UPLINK), earlier,
					network_find_place(earlier, KEY_UPLINK), what);
		}
	return 0;
}

static int verify_forwards(const struct network *earlier, struct network *later)
{
	struct network_place place, other;
	char what[128];

	return records_clash(earlier, later, &place, &other, what) ? mark_bad(later, place, earlier, other, what) : 0;
}

static int verify_routes(const struct network *earlier, struct network *later)
{
	struct network_place place, other;
	char what[256];

	return routes_clash(earlier, later, &place, &other, what) ? mark_bad(later, place, earlier, other, what) : 0;
}

/* What a network takes for itself: a name, an Ethernet address, a prefix. */
struct claim {
	uint8_t kind;			/* 0: a name, 1: an Ethernet address, else the family of a prefix */
	uint8_t bytes[16];		/* of a prefix masked */
	uint8_t length;
	size_t network;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;
	int r = left->kind - right->kind;

	if (r == 0)
		r = memcmp(left->bytes, right->bytes, sizeof(left->bytes));
	return r ? r : left->length - right->length;
}

static void add_claim(struct claim *claims, size_t *n, size_t network, uint8_t kind, const void *bytes, size_t size)
{
	struct claim *claim = &claims[(*n)++];

	*claim = (struct claim){ .kind = kind, .network = network };
	memcpy(claim->bytes, bytes, size);
}

static size_t list_claims(const struct network *networks, size_t n_networks, struct claim *claims)
{
	size_t n = 0;

	for (size_t i = 0; i < n_networks; i++) {
		const struct network *network = &networks[i];

		add_claim(claims, &n, i, 0, network->name, strlen(network->name));
		add_claim(claims, &n, i, 0, network->bridge, strlen(network->bridge));
		for (size_t j = 0; j < network->n_altnames; j++)
			add_claim(claims, &n, i, 0, network->altnames[j], strlen(network->altnames[j]));
		for (size_t j = 0; network_has_card(network) && j < network->n_uplinks; j++)
			add_claim(claims, &n, i, 0, network->uplinks[j], strlen(network->uplinks[j]));
		if (network->tunnel) {
			char name[IFNAME_SIZE];

			tunnel_name(network, name);
			add_claim(claims, &n, i, 0, name, strlen(name));
		}
		if (network->mac_given)
			add_claim(claims, &n, i, 1, &network->mac, sizeof(network->mac));
		for (size_t j = 0; j < network->n_addresses; j++) {
			const struct network_address *address = &network->addresses[j];
			struct ip prefix = ip_mask(&address->ip, address->prefix_length);

			add_claim(claims, &n, i, prefix.family, prefix.bytes_be, sizeof(prefix.bytes_be));
			claims[n - 1].length = address->prefix_length;
		}
		for (size_t j = 0; j < network->n_routes; j++) {
			const struct network_route *route = &network->routes[j];

			add_claim(claims, &n, i, route->destination.family, route->destination.bytes_be, sizeof(route->destination.bytes_be));
			claims[n - 1].length = route->prefix_length;
		}
	}
	return n;
}

static struct ip ip_of_claim(const struct claim *claim)
{
	struct ip ip = { .family = claim->kind };

	memcpy(ip.bytes_be, claim->bytes, sizeof(ip.bytes_be));
	return ip;
}

static bool do_clash(const struct claim *a, const struct claim *b)
{
	const struct ip left = ip_of_claim(a), right = ip_of_claim(b);

	if (a->kind != b->kind)
		return false;
	return a->kind < 2 ? memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 :
			     ip_overlaps(&left, a->length, &right, b->length);
}

/* Marks the networks that clash with some other one. In the order of claims the widest prefix comes first. */
static int find_suspects(const struct network *networks, size_t n_networks, bool *suspects)
{
	_cleanup_(freep) struct claim *claims = NULL;
	size_t n = n_networks * 4 + 1, widest = 0;

	for (size_t i = 0; i < n_networks; i++)
		n += networks[i].n_altnames + networks[i].n_addresses + networks[i].n_routes + networks[i].n_uplinks;
	claims = calloc(n, sizeof(*claims));
	if (!claims)
		return -ENOMEM;
	n = list_claims(networks, n_networks, claims);
	if (n > 0)
		qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < n; i++)
		if (!do_clash(&claims[widest], &claims[i]))
			widest = i;
		else if (claims[widest].network != claims[i].network)
			suspects[claims[widest].network] = suspects[claims[i].network] = true;
	return 0;
}

static int verify_pair(const struct network *earlier, struct network *later)
{
	int r;

	if (earlier->problem)
		return 0;
	r = verify_names(earlier, later);
	if (r == 0 && !later->problem)
		r = verify_addresses(earlier, later);
	if (r == 0 && !later->problem)
		r = verify_mac(earlier, later);
	if (r == 0 && !later->problem)
		r = verify_cards(earlier, later);
	if (r == 0 && !later->problem)
		r = verify_forwards(earlier, later);
	if (r == 0 && !later->problem)
		r = verify_routes(earlier, later);
	return r;
}

/*
 * Compares networks with each other: overlapping prefixes, one name twice, one Ethernet address or network card twice, a
 * port that is forwarded twice, a tap's name twice, a prefix behind guests that is somebody else's. Of
 * two that clash the later one in the array gets a `problem` with file:line; all others stay as they are,
 * and those that have a problem already hinder nobody. -ENOMEM only.
 */
int config_verify(struct network *networks, size_t n_networks)
{
	_cleanup_(freep) bool *suspects = calloc(n_networks + 1, sizeof(*suspects));
	size_t n_taps = 0;
	int r;

	r = suspects ? find_suspects(networks, n_networks, suspects) : -ENOMEM;
	/* A tap may be called as any network's bridge. */
	for (size_t i = 0; i < n_networks; i++)
		n_taps += networks[i].n_taps;
	for (size_t i = 0; r == 0 && i < n_networks; i++)
		suspects[i] |= networks[i].n_forwards > 0 || networks[i].tunnel || n_taps > 0;
	/* Who clashes with nobody is not looked at a second time. */
	for (size_t i = 0; r == 0 && i < n_networks; i++)
		for (size_t j = 0; r == 0 && suspects[i] && j < i && !networks[i].problem; j++)
			if (suspects[j])
				r = verify_pair(&networks[j], &networks[i]);
	return r;
}
