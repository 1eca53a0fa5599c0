/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States from the text that print.c makes of them: for tests, and for what --record has written.
 * Pure: no system calls.
 */
#include "print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "ip.h"
#include "print-internal.h"
#include "ruleset.h"

struct line {
	char *next;			/* into a copy that is cut in place */
	bool bad;
};

static char *take_word(struct line *line)
{
	char *word = line->next + strspn(line->next, " \t");

	if (!*word)
		return NULL;
	line->next = word + strcspn(word, " \t");
	if (*line->next)
		*line->next++ = '\0';
	return word;
}

/* A word that has to be there; "" and a bad line otherwise. */
static const char *want_word(struct line *line)
{
	const char *word = take_word(line);

	if (!word)
		line->bad = true;
	return word ? word : "";
}

/* Digits and nothing else, up to @max. */
static uint64_t read_number(struct line *line, const char *text, int base, uint64_t max)
{
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, base);
	if (*end || end == text || strspn(text, "0123456789abcdefABCDEF") != strlen(text) || errno == ERANGE || value > max)
		line->bad = true;
	return value;
}

/* Bytes as STR_ESCAPED() writes them. */
static void read_string(struct line *line, const char *text, char *buffer, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	memset(buffer, 0, size);
	while (*text && n + 1 < size) {
		const char *high, *low;
		unsigned char byte;

		if (*text != '\\') {
			buffer[n++] = *text++;
			continue;
		}
		if (text[1] != 'x' || !text[2] || !text[3] || !(high = strchr(digits, text[2])) ||
		    !(low = strchr(digits, text[3])))
			break;
		byte = (unsigned char)((high - digits) << 4 | (low - digits));
		if (byte == '\0' || (byte >= 0x20 && byte < 0x7f && byte != '\\'))
			break;
		buffer[n++] = (char)byte;
		text += 4;
	}
	if (*text)
		line->bad = true;
}
#define read_name(line, text, array) read_string(line, text, array, sizeof(array))

static size_t read_choice(struct line *line, const char *text, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	line->bad = true;
	return 0;
}

static void read_prefix(struct line *line, const char *text, struct ip *ip, uint8_t *length)
{
	if (ip_parse_prefix(text, ip, length) < 0)
		line->bad = true;
}

/* Is @word "NAME=..."? Then what follows. */
static bool is_key(const char *word, const char *name, const char **ret_value)
{
	size_t n = strlen(name);

	if (strncmp(word, name, n) != 0 || word[n] != '=')
		return false;
	*ret_value = word + n + 1;
	return true;
}

static bool is_flag(const char *word, const char *name, bool *flag)
{
	if (strcmp(word, name) != 0)
		return false;
	*flag = true;
	return true;
}

static void parse_bridge(struct line *line, struct netstate_bridge *bridge)
{
	const char *word, *value;
	bool ours = false, unpinned = false;

	read_name(line, want_word(line), bridge->name);
	while ((word = take_word(line))) {
		if (is_flag(word, "ours", &ours) || is_flag(word, "up", &bridge->up) || is_flag(word, "stp", &bridge->stp) ||
		    is_flag(word, "nf-call", &bridge->nf_call) || is_flag(word, "unpinned", &unpinned) ||
		    is_flag(word, "open", &bridge->open) || is_flag(word, "existing", &bridge->existing) ||
		    is_flag(word, "lan", &bridge->lan) ||
		    is_flag(word, "ports-isolated", &bridge->ports_isolated))
			continue;
		if (is_key(word, "index", &value))
			bridge->ifindex = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "net", &value))
			read_name(line, value, bridge->network);
		else if (is_key(word, "proxied", &value))
			read_name(line, value, bridge->proxied);
		else if (is_key(word, "delay", &value))
			bridge->forward_delay_cs = (uint16_t)read_number(line, value, 10, UINT16_MAX);
		else if (is_key(word, "mtu", &value))
			bridge->mtu = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "addr-gen", &value))
			bridge->addr_gen_mode = (uint8_t)read_number(line, value, 10, UINT8_MAX);
		else if (is_key(word, "port-group", &value))
			bridge->port_group = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "port-guards", &value))
			bridge->port_guards = netstate_read_guards(value);
		else if (is_key(word, "mac", &value))
			line->bad |= mac_parse(value, &bridge->mac) < 0 && strcmp(value, "00:00:00:00:00:00") != 0;
		else if (is_key(word, "altname", &value) && bridge->n_altnames < NETSTATE_ALTNAMES) {
			read_name(line, value, bridge->altnames[bridge->n_altnames]);
			bridge->n_altnames++;
		} else {
			line->bad = true;
		}
	}
	bridge->owner = ours ? NETSTATE_OURS : NETSTATE_FOREIGN;
	bridge->address_pinned = !unpinned;
}

static void parse_port(struct line *line, struct netstate_port *port)
{
	const char *word, *value;
	char *alias = strstr(line->next, " alias=");
	bool ours = false;

	if (alias) {
		*alias = '\0';
		read_name(line, alias + strlen(" alias="), port->alias);
	}
	port->ifindex = (int)read_number(line, want_word(line), 10, INT32_MAX);
	while ((word = take_word(line))) {
		if (is_flag(word, "ours", &ours) || is_flag(word, "up", &port->up) ||
		    is_flag(word, "isolated", &port->isolated) || is_flag(word, "locked", &port->locked) ||
		    is_flag(word, "learning", &port->learning) || is_flag(word, "flood", &port->flood) ||
		    is_flag(word, "physical", &port->physical) || is_flag(word, "tap", &port->tap) ||
		    is_flag(word, "kept", &port->kept) || is_flag(word, "off", &port->off) ||
		    is_flag(word, "guest", &port->guest) || is_flag(word, "made-isolated", &port->made_isolated))
			continue;
		if (is_key(word, "name", &value))
			read_name(line, value, port->name);
		else if (is_key(word, "master", &value))
			port->master = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "bridge", &value))
			read_name(line, value, port->bridge);
		else if (is_key(word, "mtu", &value))
			port->mtu = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "group", &value))
			port->group = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "vlan", &value))
			port->vlan = (uint16_t)read_number(line, value, 10, UINT16_MAX);
		else
			line->bad = true;
	}
	port->owner = ours ? NETSTATE_OURS : NETSTATE_FOREIGN;
}

static void parse_tap(struct line *line, struct netstate_tap *tap)
{
	const char *word, *value;

	tap->uid = tap->gid = NETSTATE_NOBODY;
	read_name(line, want_word(line), tap->name);
	while ((word = take_word(line))) {
		if (is_flag(word, "ours", &tap->ours) || is_flag(word, "persist", &tap->persist) ||
		    is_flag(word, "multi-queue", &tap->multi_queue) || is_flag(word, "in-use", &tap->in_use))
			continue;
		if (is_key(word, "net", &value))
			read_name(line, value, tap->network);
		else if (is_key(word, "bridge", &value))
			read_name(line, value, tap->bridge);
		else if (is_key(word, "index", &value))
			tap->ifindex = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "uid", &value))
			tap->uid = (uint32_t)read_number(line, value, 10, NETSTATE_NOBODY - 1);
		else if (is_key(word, "gid", &value))
			tap->gid = (uint32_t)read_number(line, value, 10, NETSTATE_NOBODY - 1);
		else
			line->bad = true;
	}
}

static void parse_address(struct line *line, struct netstate_address *address)
{
	const char *word;

	read_name(line, want_word(line), address->link);
	read_prefix(line, want_word(line), &address->address, &address->prefix_length);
	while ((word = take_word(line)))
		if (!is_flag(word, "ours", &address->ours) && !is_flag(word, "marked", &address->marked) &&
		    !is_flag(word, "no-route", &address->no_route))
			line->bad = true;
}

static void parse_route(struct line *line, struct netstate_route *route)
{
	const char *word, *value;

	read_prefix(line, want_word(line), &route->destination, &route->prefix_length);
	while ((word = take_word(line))) {
		if (is_key(word, "table", &value))
			route->table = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "metric", &value))
			route->metric = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "dev", &value))
			read_name(line, value, route->link);
		else if (is_key(word, "via", &value))
			line->bad |= ip_parse(value, &route->gateway) < 0;
		else if (!is_flag(word, "ours", &route->ours) && !is_flag(word, "delegated", &route->delegated))
			line->bad = true;
	}
}

static void parse_device(struct line *line, struct netstate_device *device)
{
	const char *word;

	read_name(line, want_word(line), device->name);
	while ((word = take_word(line)))
		if (!is_flag(word, "card", &device->card) && !is_flag(word, "ra", &device->ra) &&
		    !is_flag(word, "off4", &device->off4) && !is_flag(word, "off6", &device->off6))
			line->bad = true;
}

/* "FIRST-LAST" */
static void read_range(struct line *line, const char *word, uint64_t max, uint32_t ret_range[static 2])
{
	char first[16] = "";
	const char *dash = strchr(word, '-');

	if (!dash || (size_t)(dash - word) >= sizeof(first)) {
		line->bad = true;
		dash = "-0";
	} else {
		memcpy(first, word, (size_t)(dash - word));
	}
	ret_range[0] = (uint32_t)read_number(line, first, 10, max);
	ret_range[1] = (uint32_t)read_number(line, dash + 1, 10, max);
}

/* Returns how many bytes they took. */
static uint8_t parse_parts(struct line *line, const char *parts, uint8_t *bytes)
{
	const uint8_t *begin = bytes;

	for (; *parts; bytes += ruleset_part_length(*parts++)) {
		struct mac mac = { { 0 } };
		struct ip ip = { 0 };
		uint64_t number;
		uint32_t group, burst, range[2];

		switch (*parts) {
		case 'n':
			read_string(line, want_word(line), (char *)bytes, IFNAME_SIZE);
			break;
		case 'g':
			group = (uint32_t)read_number(line, want_word(line), 10, UINT32_MAX);
			memcpy(bytes, &group, sizeof(group));
			break;
		case 'm':
			line->bad |= mac_parse(want_word(line), &mac) < 0;
			memcpy(bytes, &mac, sizeof(mac));
			break;
		case '4':
		case '6':
			if (ip_parse(want_word(line), &ip) < 0 || ip_is_v6(&ip) != (*parts == '6'))
				line->bad = true;
			memcpy(bytes, ip.bytes_be, ruleset_part_length(*parts));
			break;
		case 'f':
		case 'p':
			bytes[0] = (uint8_t)read_number(line, want_word(line), 10, UINT8_MAX);
			break;
		case 's':
			number = read_number(line, want_word(line), 10, UINT16_MAX);
			bytes[0] = (uint8_t)(number >> 8);
			bytes[1] = (uint8_t)number;
			break;
		case 'P':
			read_range(line, want_word(line), UINT8_MAX, range);
			bytes[0] = (uint8_t)range[0];
			bytes[1] = (uint8_t)range[1];
			break;
		case 'S':
			read_range(line, want_word(line), UINT16_MAX, range);
			for (size_t i = 0; i < 2; i++) {
				bytes[2 * i] = (uint8_t)(range[i] >> 8);
				bytes[2 * i + 1] = (uint8_t)range[i];
			}
			break;
		case 'r':
			number = read_number(line, want_word(line), 10, UINT64_MAX);
			memcpy(bytes, &number, sizeof(number));
			break;
		case 'b':
			burst = (uint32_t)read_number(line, want_word(line), 10, UINT32_MAX);
			memcpy(bytes, &burst, sizeof(burst));
			break;
		}
	}
	return (uint8_t)(bytes - begin);
}

static void parse_element(struct line *line, struct netstate_element *element)
{
	char set[32] = "";
	const char *word, *value;
	char *slash;

	read_name(line, want_word(line), set);
	slash = strchr(set, '/');
	if (slash) {
		element->prefix_length = (uint8_t)read_number(line, slash + 1, 10, UINT8_MAX);
		*slash = '\0';
	}
	element->set = (uint8_t)read_choice(line, set, netstate_set_names, NETSTATE_SET_MAX_);
	element->key_length = parse_parts(line, ruleset_set_key(element->set), element->key);
	if (ruleset_set_data(element->set)) {
		line->bad |= strcmp(want_word(line), ":") != 0;
		element->data_length = parse_parts(line, ruleset_set_data(element->set), netstate_element_data(element));
	}
	while ((word = take_word(line))) {
		if (is_key(word, "net", &value))
			read_name(line, value, element->network);
		else
			line->bad = true;
	}
}

static void parse_checksum(struct line *line, struct netstate_checksum *checksum)
{
	const char *word = want_word(line), *value;

	if (strcmp(word, "-") != 0)
		read_name(line, word, checksum->bridge);
	checksum->strategy = (uint8_t)read_choice(line, want_word(line), checksum_strategy_names, CHECKSUM_MAX_);
	while ((word = take_word(line))) {
		if (is_key(word, "handle", &value))
			checksum->handle = read_number(line, value, 10, UINT64_MAX);
		else
			line->bad = true;
	}
}

static void parse_shaper(struct line *line, struct netstate_shaper *shaper)
{
	const char *word, *value;

	read_name(line, want_word(line), shaper->link);
	while ((word = take_word(line))) {
		if (is_flag(word, "ours", &shaper->ours))
			continue;
		if (is_key(word, "net", &value))
			read_name(line, value, shaper->network);
		else if (is_key(word, "index", &value))
			shaper->ifindex = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "rate", &value))
			shaper->rate = read_number(line, value, 10, UINT64_MAX);
		else if (is_key(word, "burst", &value))
			shaper->burst = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "peak", &value))
			shaper->peak = read_number(line, value, 10, UINT64_MAX);
		else if (is_key(word, "peak-burst", &value))
			shaper->peak_burst = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "queue", &value))
			shaper->queue = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "kind", &value))
			read_name(line, value, shaper->kind);
		else
			line->bad = true;
	}
}

static void parse_proxy(struct line *line, struct netstate_proxy *proxy)
{
	const char *word, *value;

	read_name(line, want_word(line), proxy->link);
	line->bad |= ip_parse(want_word(line), &proxy->address) < 0;
	while ((word = take_word(line))) {
		if (is_key(word, "index", &value))
			proxy->ifindex = (int)read_number(line, value, 10, INT32_MAX);
		else if (!is_flag(word, "ours", &proxy->ours))
			line->bad = true;
	}
}

static void parse_tunnel(struct line *line, struct netstate_tunnel *tunnel)
{
	const char *word, *value;

	read_name(line, want_word(line), tunnel->name);
	while ((word = take_word(line))) {
		if (is_flag(word, "up", &tunnel->up) || is_flag(word, "v6", &tunnel->v6) || is_flag(word, "listed", &tunnel->listed) ||
		    is_flag(word, "learning", &tunnel->learning) || is_flag(word, "port-learning", &tunnel->port_learning) ||
		    is_flag(word, "isolated", &tunnel->isolated))
			continue;
		if (is_key(word, "index", &value))
			tunnel->ifindex = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "net", &value))
			read_name(line, value, tunnel->network);
		else if (is_key(word, "bridge", &value))
			read_name(line, value, tunnel->bridge);
		else if (is_key(word, "master", &value))
			tunnel->master = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "vni", &value))
			tunnel->vni = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "port", &value))
			tunnel->port = (uint16_t)read_number(line, value, 10, UINT16_MAX);
		else if (is_key(word, "mtu", &value))
			tunnel->mtu = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "ttl", &value))
			tunnel->ttl = (uint8_t)read_number(line, value, 10, UINT8_MAX);
		else if (is_key(word, "local", &value))
			line->bad |= ip_parse(value, &tunnel->local) < 0;
		else if (is_key(word, "group", &value))
			line->bad |= ip_parse(value, &tunnel->group) < 0;
		else if (is_key(word, "under", &value))
			read_name(line, value, tunnel->under);
		else if (is_key(word, "under-index", &value))
			tunnel->under_index = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "lost", &value))
			line->bad |= ip_parse(value, &tunnel->lost) < 0;
		else if (is_key(word, "way", &value))
			read_name(line, value, tunnel->way);
		else if (is_key(word, "way-mtu", &value))
			tunnel->way_mtu = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else
			line->bad = true;
	}
}

static void parse_remote(struct line *line, struct netstate_remote *remote)
{
	const char *word, *value;

	read_name(line, want_word(line), remote->link);
	line->bad |= ip_parse(want_word(line), &remote->address) < 0;
	while ((word = take_word(line))) {
		if (is_key(word, "index", &value))
			remote->ifindex = (int)read_number(line, value, 10, INT32_MAX);
		else if (is_key(word, "net", &value))
			read_name(line, value, remote->network);
		else if (is_key(word, "under", &value))
			read_name(line, value, remote->under);
		else if (is_key(word, "under-index", &value))
			remote->under_index = (int)read_number(line, value, 10, INT32_MAX);
		else
			line->bad = true;
	}
}

static void parse_sysctl(struct line *line, struct netstate_sysctl *sysctl)
{
	const char *value, *word;
	bool negative;

	read_name(line, want_word(line), sysctl->path);
	value = want_word(line);
	negative = value[0] == '-';
	sysctl->value = (int)read_number(line, value + negative, 10, INT32_MAX);
	if (negative)
		sysctl->value = -sysctl->value;
	while ((word = take_word(line))) {
		if (strcmp(word, "from-1") == 0)
			sysctl->when = SYSCTL_FROM_1;
		else if (strcmp(word, "after") == 0)
			sysctl->when = SYSCTL_AFTER;
		else if (strcmp(word, "if-there") == 0)
			sysctl->when = SYSCTL_IF_THERE;
		else
			line->bad = true;
	}
}

static void parse_service(struct line *line, struct netstate_service *service)
{
	const char *word, *value;

	read_name(line, want_word(line), service->network);
	read_name(line, want_word(line), service->bridge);
	while ((word = take_word(line))) {
		if (is_key(word, "hash", &value))
			service->config_hash = read_number(line, value, 16, UINT64_MAX);
		else if (is_key(word, "data", &value))
			service->data_hash = read_number(line, value, 16, UINT64_MAX);
		else if (!is_flag(word, "running", &service->running) && !is_flag(word, "deaf", &service->deaf))
			line->bad = true;
	}
}

static void parse_uplink(struct line *line, struct netstate_uplink *uplink)
{
	const char *word;

	read_name(line, want_word(line), uplink->network);
	read_name(line, want_word(line), uplink->bridge);
	read_name(line, want_word(line), uplink->nic);
	while ((word = take_word(line)))
		if (!is_flag(word, "in-place", &uplink->in_place))
			line->bad = true;
}

static void parse_prefixes(struct line *line, const char *value, unsigned int bits, uint64_t *words)
{
	while (*value) {
		size_t n = strcspn(value, ",");
		char number[8] = "";
		uint64_t length;

		if (n >= sizeof(number)) {
			line->bad = true;
			return;
		}
		memcpy(number, value, n);
		length = read_number(line, number, 10, UINT64_MAX);
		if (length > bits) {
			line->bad = true;
			return;
		}
		words[length / 64] |= UINT64_C(1) << length % 64;
		value += n + (value[n] == ',');
	}
}

static void parse_table(struct line *line, struct netstate_table *table)
{
	const char *word, *value;

	table->state = (uint8_t)read_choice(line, want_word(line), netstate_table_names, NETSTATE_TABLE_MAX_);
	while ((word = take_word(line))) {
		if (is_flag(word, "owned", &table->owned) || is_flag(word, "orphan", &table->orphan) ||
		    is_flag(word, "foreign-owner", &table->foreign_owner))
			continue;
		if (is_key(word, "handle", &value))
			table->handle = read_number(line, value, 10, UINT64_MAX);
		else if (is_key(word, "fingerprint", &value))
			table->fingerprint = read_number(line, value, 10, UINT64_MAX);
		else if (is_key(word, "features", &value))
			table->features = (uint32_t)read_number(line, value, 10, UINT32_MAX);
		else if (is_key(word, "prefixes4", &value))
			parse_prefixes(line, value, 32, &table->prefixes4);
		else if (is_key(word, "prefixes6", &value))
			parse_prefixes(line, value, 128, table->prefixes6);
		else
			line->bad = true;
	}
}

/* One object; -EINVAL when the line is not one, -ENOMEM. */
static int parse_line(struct line *line, struct netstate *state)
{
	const char *kind = want_word(line);

#define PARSE(one, many)						\
	if (strcmp(kind, #one) == 0) {					\
		struct netstate_##one item;				\
									\
		memset(&item, 0, sizeof(item));				\
		parse_##one(line, &item);				\
		return line->bad ? -EINVAL : netstate_add_##one(state, &item);\
	}
	NETSTATE_KINDS(PARSE)
#undef PARSE
	if (strcmp(kind, "table") == 0) {
		parse_table(line, &state->table);
		return line->bad ? -EINVAL : 0;
	}
	return -EINVAL;
}

/*
 * Reads what netstate_print() writes, lines in any order, empty ones and those that begin with '#' skipped.
 * The state is sorted and the caller's. -EINVAL with the number of the line, -ENOMEM.
 */
int netstate_parse(const char *text, struct netstate *ret_state, struct failure *failure)
{
	_cleanup_(netstate_deinit) struct netstate state = NETSTATE_NULL;
	unsigned int number = 0;

	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_(freep) char *copy = strndup(text, n);
		struct line line = { .next = copy };
		int r = 0;

		number++;
		if (!copy)
			return -ENOMEM;
		if (copy[strspn(copy, " \t")] && copy[0] != '#')
			r = parse_line(&line, &state);
		if (r < 0)
			return failure_set(failure, r, "line %u: not an object of a state: %.*s", number, (int)n, text);
		text += n + (text[n] == '\n');
	}
	netstate_sort(&state);
	*ret_state = state;
	state = NETSTATE_NULL;
	return 0;
}
