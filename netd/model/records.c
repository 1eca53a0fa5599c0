/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a network file can hold any number of: sections that repeat, and lists of records.
 * Pure: no system calls.
 *
 * Options, names and other records are kept as dnsmasq writes them, so that each is formed once, where it has
 * just been understood.
 */
#include "records.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../lib/str.h"
#include "forwards.h"
#include "ip.h"
#include "routes.h"
#include "taps.h"
#include "tunnel.h"

/* Lists of texts */

static int texts_add(struct network_texts *texts, const char *item, char why[static KEY_WHY_SIZE])
{
	char **items, *copy;

	if (texts->n == LIMIT_NETWORK_RECORDS) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d of them", LIMIT_NETWORK_RECORDS);
		return -EINVAL;
	}
	items = reallocarray(texts->items, texts->n + 1, sizeof(*items));
	copy = strdup(item);
	if (items)
		texts->items = items;
	if (!items || !copy) {
		free(copy);
		return -ENOMEM;
	}
	texts->items[texts->n++] = copy;
	return 0;
}

static bool is_name(const char *name)
{
	return values_domain_is_valid(name, strlen(name));
}

/* Splits at blanks; the words stand in @buffer. Returns how many, or -EINVAL. */
static int split(const char *value, char *buffer, size_t size, char **words, int max)
{
	char *rest = buffer, *word;
	int n = 0;

	if (strlen(value) >= size)
		return -EINVAL;
	strcpy(buffer, value);
	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		if (n == max)
			return -EINVAL;
		words[n++] = word;
	}
	return n;
}

/* [DHCP] */

int records_parse_dhcp_range(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_range range = { .place = network_find_place(network, KEY_DHCP_RANGE) };

	if (!strchr(value, '-') || values_parse_ip_range(value, &range.first, &range.last, why) < 0)
		return -EINVAL;
	if (network->n_ranges == LIMIT_NETWORK_RANGES) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d ranges", LIMIT_NETWORK_RANGES);
		return -EINVAL;
	}
	if (!NETWORK_APPEND(network, ranges))
		return -ENOMEM;
	network->ranges[network->n_ranges - 1] = range;
	return 0;
}

void records_reset_dhcp_range(struct network *network)
{
	NETWORK_CLEAR(network, ranges);
}

/* Those that the server itself answers for, or that are no options at all (RFC 2132, RFC 3046). */
static bool is_own_option(uint32_t number)
{
	return number == 0 || (number >= 50 && number <= 59) || number == 61 || number == 82 || number == 255;
}

/* A list of addresses of one family, as dnsmasq writes them behind an option's name. */
static int format_addresses(const char *value, bool v6, struct text *text)
{
	char buffer[512], *rest = buffer, *word;

	if (strlen(value) >= sizeof(buffer))
		return -EINVAL;
	strcpy(buffer, value);
	while ((word = strsep(&rest, ","))) {
		struct ip ip;

		word += strspn(word, " \t");
		word[strcspn(word, " \t")] = '\0';
		if (ip_parse(word, &ip) < 0 || ip_is_v6(&ip) != v6)
			return -EINVAL;
		text_add(text, v6 ? ",[%s]" : ",%s", IP_TEXT(&ip));
	}
	return 0;
}

/* Of DHCPv6: who is who, and what is given to whom (RFC 8415, section 21; RFC 4704). */
static bool is_own_option6(uint32_t number)
{
	return (number >= 1 && number <= 9) || (number >= 11 && number <= 20) || number == 25 || number == 26 || number == 39;
}

/* Names with commas between them; dnsmasq writes them as RFC 1035 does, where it knows that the option has names. */
static int format_domains(const char *value, struct text *text)
{
	for (size_t n; *value; value += n + (value[n] == ',')) {
		n = strcspn(value, ",");
		if (!values_domain_is_valid(value, n) || value[n + (value[n] == ',')] == ',')
			return -EINVAL;
		text_add(text, ",%.*s", (int)n, value);
	}
	return 0;
}

/* "[dhcpv6:]NUMBER:TYPE:VALUE", nearly as systemd.network(5) has it, into what stands behind dhcp-option=. */
static int format_option(const char *value, struct text *text, char why[static KEY_WHY_SIZE])
{
	static const struct {
		const char *name;
		uint32_t max;
		char suffix;
	} integers[] = { { "uint8", UINT8_MAX, 'b' }, { "uint16", UINT16_MAX, 's' }, { "uint32", UINT32_MAX, 'i' } };
	char buffer[512], *rest = buffer, *number_text, *type;
	bool v6 = str_has_prefix(value, "dhcpv6:", &value);
	uint32_t number, n;

	if (strlen(value) >= sizeof(buffer))
		return -EINVAL;
	strcpy(buffer, value);
	number_text = strsep(&rest, ":");
	type = strsep(&rest, ":");
	v6 |= rest && strcmp(type, "ipv6address") == 0;
	if (!rest || str_parse_u32(number_text, v6 ? UINT16_MAX : 254, &number) < 0)
		return -EINVAL;
	if (v6 ? is_own_option6(number) : is_own_option(number)) {
		snprintf(why, KEY_WHY_SIZE, "; option %u is the server's own", number);
		return -EINVAL;
	}
	if (v6 && strcmp(type, "ipv4address") == 0) {
		snprintf(why, KEY_WHY_SIZE, "; DHCPv6 has no addresses of IPv4");
		return -EINVAL;
	}
	text_add(text, "%s%u", v6 ? "option6:" : "", number);
	for (size_t i = 0; i < ARRAY_SIZE(integers); i++)
		if (strcmp(type, integers[i].name) == 0) {
			if (str_parse_u32(rest, integers[i].max, &n) < 0)
				return -EINVAL;
			text_add(text, ",%u%c", n, integers[i].suffix);
			return 0;
		}
	if (strcmp(type, "ipv4address") == 0 || strcmp(type, "ipv6address") == 0)
		return format_addresses(rest, type[3] == '6', text);
	if (strcmp(type, "domain") == 0)
		return *rest ? format_domains(rest, text) : -EINVAL;
	if (strcmp(type, "string") != 0) {
		snprintf(why, KEY_WHY_SIZE, "; the type is uint8, uint16, uint32, ipv4address, ipv6address, domain or string");
		return -EINVAL;
	}
	for (const char *p = rest; *p; p++)
		if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20 || *p == 0x7f) {
			snprintf(why, KEY_WHY_SIZE, "; a string without quotes, backslashes and control characters");
			return -EINVAL;
		}
	if (!*rest)
		return -EINVAL;
	/* dnsmasq leaves a longer one out (option.c: parse_dhcp_opt()). */
	if (!v6 && strlen(rest) > LIMIT_DHCP_OPTION) {
		snprintf(why, KEY_WHY_SIZE, "; an option of IPv4 holds %d bytes", LIMIT_DHCP_OPTION);
		return -EINVAL;
	}
	text_add(text, ",\"%s\"", rest);
	return 0;
}

static int add_option(struct network_texts *texts, const char *value, char why[static KEY_WHY_SIZE])
{
	char buffer[1024];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	if (format_option(value, &text, why) < 0 || text.overflow)
		return -EINVAL;
	return texts_add(texts, buffer, why);
}

int records_parse_dhcp_option(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	return add_option(&network->options, value, why);
}

void records_reset_dhcp_option(struct network *network)
{
	network_texts_deinit(&network->options);
}

int records_parse_dhcp_ntp(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct ip ip;

	if (ip_parse(value, &ip) < 0)
		return -EINVAL;
	if (network->n_ntp == LIMIT_NETWORK_NTP) {
		snprintf(why, KEY_WHY_SIZE, "; more than %d servers", LIMIT_NETWORK_NTP);
		return -EINVAL;
	}
	if (!NETWORK_APPEND(network, ntp))
		return -ENOMEM;
	network->ntp[network->n_ntp - 1] = ip;
	return 0;
}

void records_reset_dhcp_ntp(struct network *network)
{
	NETWORK_CLEAR(network, ntp);
}

int records_parse_dhcp_router(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	network->no_router = strcmp(value, "no") == 0;
	memset(&network->router, 0, sizeof(network->router));
	if (!network->no_router && (ip_parse(value, &network->router) < 0 || !ip_is_v4(&network->router)))
		return -EINVAL;
	return 0;
}

void records_reset_dhcp_router(struct network *network)
{
	network->no_router = false;
	memset(&network->router, 0, sizeof(network->router));
}

/* [DNS] */

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, as dnsmasq writes it. */
static int format_server(const char *value, struct text *text)
{
	char buffer[80], *port = NULL, *address = buffer, *colon;
	uint32_t number = 53;
	struct ip ip;

	if (strlen(value) >= sizeof(buffer))
		return -EINVAL;
	strcpy(buffer, value);
	colon = strrchr(buffer, ':');
	if (buffer[0] == '[') {
		address++;
		colon = strchr(buffer, ']');
		if (!colon || (colon[1] != ':' && colon[1] != '\0'))
			return -EINVAL;
		port = colon[1] ? colon + 2 : NULL;
		*colon = '\0';
	} else if (colon && strchr(buffer, ':') == colon) {
		port = colon + 1;
		*colon = '\0';
	}
	if (ip_parse(address, &ip) < 0 || (port && (str_parse_u32(port, UINT16_MAX, &number) < 0 || number == 0)))
		return -EINVAL;
	text_add(text, "%s", IP_TEXT(&ip));
	if (number != 53)
		text_add(text, "#%u", number);
	return 0;
}

/* For all names, or "DOMAIN SERVER" for those of a domain; "DOMAIN none" asks nobody. */
int records_parse_dns_forwarder(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	char buffer[512], line[512], *words[2];
	struct text text;
	int n = split(value, buffer, sizeof(buffer), words, 2);
	struct ip ip;

	if (n == 1 && ip_parse(words[0], &ip) == 0) {
		if (network->n_forwarders == LIMIT_NETWORK_FORWARDERS) {
			snprintf(why, KEY_WHY_SIZE, "; more than %d servers", LIMIT_NETWORK_FORWARDERS);
			return -EINVAL;
		}
		if (!NETWORK_APPEND(network, forwarders))
			return -ENOMEM;
		network->forwarders[network->n_forwarders - 1] = ip;
		return 0;
	}
	text_init(&text, line, sizeof(line));
	if (n == 2) {
		if (!is_name(words[0]))
			return -EINVAL;
		text_add(&text, "/%s/", words[0]);
	}
	if (n < 1 || ((n == 1 || strcmp(words[1], "none") != 0) && format_server(words[n - 1], &text) < 0) || text.overflow)
		return -EINVAL;
	network->split_all |= n == 1;
	return texts_add(&network->splits, line, why);
}

void records_reset_dns_forwarder(struct network *network)
{
	NETWORK_CLEAR(network, forwarders);
	network->split_all = false;
	network_texts_deinit(&network->splits);
}

int records_parse_dns_host(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	char buffer[LIMIT_NETWORK_LINE], *words[32];
	int n = split(value, buffer, sizeof(buffer), words, ARRAY_SIZE(words));
	struct ip ip;

	if (n < 2 || ip_parse(words[0], &ip) < 0)
		return -EINVAL;
	for (int i = 1; i < n; i++)
		if (!is_name(words[i]))
			return -EINVAL;
	return texts_add(&network->names, value, why);
}

void records_reset_dns_host(struct network *network)
{
	network_texts_deinit(&network->names);
}

int records_parse_dns_txt(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	size_t n = strcspn(value, " \t");
	const char *content = value + n + strspn(value + n, " \t");
	char line[512];

	if (!*content || !values_domain_is_valid(value, n) || strlen(content) > 255)
		return -EINVAL;
	for (const char *p = content; *p; p++)
		if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20 || *p == 0x7f) {
			snprintf(why, KEY_WHY_SIZE, "; a text without quotes, backslashes and control characters");
			return -EINVAL;
		}
	if ((size_t)snprintf(line, sizeof(line), "txt-record=%.*s,\"%s\"", (int)n, value, content) >= sizeof(line))
		return -EINVAL;
	return texts_add(&network->records, line, why);
}

int records_parse_dns_srv(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	char buffer[1024], line[1024], *words[5];
	int n = split(value, buffer, sizeof(buffer), words, ARRAY_SIZE(words));
	uint32_t numbers[3] = { 0 };

	if (n < 3 || !is_name(words[0]) || !is_name(words[1]))
		return -EINVAL;
	for (int i = 2; i < n; i++)
		if (str_parse_u32(words[i], UINT16_MAX, &numbers[i - 2]) < 0)
			return -EINVAL;
	if (numbers[0] == 0)
		return -EINVAL;
	snprintf(line, sizeof(line), "srv-host=%s,%s,%u,%u,%u", words[0], words[1], numbers[0], numbers[1], numbers[2]);
	return texts_add(&network->records, line, why);
}

/* TXT and SRV records are one list: either's empty value takes its own kind away. */
static void reset_records(struct network *network, const char *kind)
{
	size_t kept = 0;

	for (size_t i = 0; i < network->records.n; i++) {
		if (strncmp(network->records.items[i], kind, strlen(kind)) == 0)
			free(network->records.items[i]);
		else
			network->records.items[kept++] = network->records.items[i];
	}
	network->records.n = kept;
}

void records_reset_dns_txt(struct network *network)
{
	reset_records(network, "txt-record=");
}

void records_reset_dns_srv(struct network *network)
{
	reset_records(network, "srv-host=");
}

/* [Host] */

static struct network_host *current_host(struct network *network)
{
	return network->n_hosts ? &network->hosts[network->n_hosts - 1] : NULL;
}

int records_parse_host_mac(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	struct network_host *host = current_host(network);

	if (mac_parse(value, &host->mac) < 0)
		return -EINVAL;
	host->has_mac = true;
	return 0;
}

void records_reset_host_mac(struct network *network)
{
	if (current_host(network))
		current_host(network)->has_mac = false;
}

/* Bytes in hexadecimal with colons between them, or a text: dnsmasq takes both behind "id:". */
int records_parse_host_client_id(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_host *host = current_host(network);

	/* Whatever begins with "*" means to it that the client id does not count. */
	if (strlen(value) >= sizeof(host->client_id) || value[0] == '*')
		return -EINVAL;
	/* Of what is neither it would leave out the whole host. */
	if (strchr(value, ':') && value[strspn(value, "0123456789abcdefABCDEF:-")]) {
		snprintf(why, KEY_WHY_SIZE, "; with colons it is bytes in hexadecimal");
		return -EINVAL;
	}
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || strchr(",\"\\#", *p))
			return -EINVAL;
	snprintf(host->client_id, sizeof(host->client_id), "%s", value);
	return 0;
}

void records_reset_host_client_id(struct network *network)
{
	if (current_host(network))
		memset(current_host(network)->client_id, 0, sizeof(current_host(network)->client_id));
}

int records_parse_host_name(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_host *host = current_host(network);
	size_t digits = strspn(value, "0123456789");

	if (!is_name(value) || strchr(value, '.') || strlen(value) >= sizeof(host->name))
		return -EINVAL;
	/* dnsmasq would leave out the whole host (util.c: legal_hostname()). */
	if (value[0] == '_') {
		snprintf(why, KEY_WHY_SIZE, "; it begins with a letter or a digit");
		return -EINVAL;
	}
	/* dnsmasq would take these for a lease time. */
	if (value[digits] == '\0' || (value[digits + 1] == '\0' && digits > 0 && strchr("smhdwSMHDW", value[digits])) ||
	    strcmp(value, "infinite") == 0 || strcmp(value, "ignore") == 0) {
		snprintf(why, KEY_WHY_SIZE, "; this one would be read as a time");
		return -EINVAL;
	}
	snprintf(host->name, sizeof(host->name), "%s", value);
	return 0;
}

void records_reset_host_name(struct network *network)
{
	if (current_host(network))
		memset(current_host(network)->name, 0, sizeof(current_host(network)->name));
}

int records_parse_host_address(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_host *host = current_host(network);
	struct ip ip, *slot;

	if (ip_parse(value, &ip) < 0)
		return -EINVAL;
	slot = &host->addresses[ip_is_v6(&ip)];
	if (slot->family) {
		snprintf(why, KEY_WHY_SIZE, "; there is one of this family already");
		return -EINVAL;
	}
	*slot = ip;
	return 0;
}

void records_reset_host_address(struct network *network)
{
	if (current_host(network))
		memset(current_host(network)->addresses, 0, sizeof(current_host(network)->addresses));
}

int records_parse_host_lease_time(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_lease_time(value, &current_host(network)->lease_time_s);
}

void records_reset_host_lease_time(struct network *network)
{
	if (current_host(network))
		current_host(network)->lease_time_s = 0;
}

int records_parse_host_option(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	return add_option(&current_host(network)->options, value, why);
}

void records_reset_host_option(struct network *network)
{
	if (current_host(network))
		network_texts_deinit(&current_host(network)->options);
}

/* [Forward] */

static struct network_forward *current_forward(struct network *network)
{
	return network->n_forwards ? &network->forwards[network->n_forwards - 1] : NULL;
}

/* The ":" before the ports: the last one, and the one behind "]" for IPv6. */
static char *find_port_colon(char *text)
{
	char *end = strchr(text, ']');

	if (text[0] == '[')
		return end && end[1] == ':' ? end + 1 : NULL;
	return strrchr(text, ':');
}

int records_parse_forward_listen(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_forward *forward = current_forward(network);
	char buffer[80], *rest = buffer, *protocol, *colon, *address;

	if (strlen(value) >= sizeof(buffer))
		return -EINVAL;
	strcpy(buffer, value);
	protocol = strsep(&rest, ":");
	if (!rest || (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
		return -EINVAL;
	forward->protocol = protocol[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	forward->listen = (struct ip){ 0 };
	colon = find_port_colon(rest);
	if (colon) {
		address = rest;
		*colon = '\0';
		rest = colon + 1;
		if (address[0] == '[') {
			address++;
			address[strlen(address) - 1] = '\0';
		}
		if (ip_parse(address, &forward->listen) < 0)
			return -EINVAL;
		if (ip_is_v6(&forward->listen) != (value[4] == '['))
			return -EINVAL;
	}
	(void)why;
	return values_parse_port_range(rest, strlen(rest), forward->ports);
}

void records_reset_forward_listen(struct network *network)
{
	if (current_forward(network))
		current_forward(network)->protocol = 0;
}

static int parse_guest(struct network_forward *forward, const char *text)
{
	struct ip ip;

	if (ip_parse(text, &ip) == 0) {
		forward->guest = FORWARD_TO_ADDRESS;
		forward->address = ip;
	} else if (mac_parse(text, &forward->mac) == 0) {
		forward->guest = FORWARD_TO_MAC;
	} else if (is_name(text) && strlen(text) < sizeof(forward->name) && !strchr(text, '.')) {
		forward->guest = FORWARD_TO_NAME;
		memset(forward->name, 0, sizeof(forward->name));
		snprintf(forward->name, sizeof(forward->name), "%s", text);
	} else {
		return -EINVAL;
	}
	return 0;
}

int records_parse_forward_to(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	struct network_forward *forward = current_forward(network);
	char buffer[128], *colon, *guest = buffer;

	if (strlen(value) >= sizeof(buffer))
		return -EINVAL;
	strcpy(buffer, value);
	memset(forward->to, 0, sizeof(forward->to));
	/* An Ethernet address has colons itself. */
	if (buffer[0] != '[' && parse_guest(forward, buffer) == 0)
		return 0;
	colon = find_port_colon(buffer);
	if (colon) {
		*colon = '\0';
		if (values_parse_port_range(colon + 1, strlen(colon + 1), forward->to) < 0)
			return -EINVAL;
	}
	if (buffer[0] == '[') {
		if (buffer[strlen(buffer) - 1] != ']')
			return -EINVAL;
		buffer[strlen(buffer) - 1] = '\0';
		guest++;
	}
	return parse_guest(forward, guest);
}

void records_reset_forward_to(struct network *network)
{
	if (current_forward(network))
		current_forward(network)->guest = FORWARD_TO_NOBODY;
}

/* [Boot] */

static const char *const boot_names[] = {
	[BOOT_ANY] = "any", [BOOT_BIOS] = "bios", [BOOT_UEFI_X86_64] = "uefi-x86_64", [BOOT_UEFI_ARM64] = "uefi-arm64",
	[BOOT_HTTP_X86_64] = "http-x86_64", [BOOT_HTTP_ARM64] = "http-arm64", [BOOT_IPXE] = "ipxe",
};
static_assert(ARRAY_SIZE(boot_names) == BOOT_CLIENT_MAX_, "a name for each client");

const char *records_boot_client_name(enum boot_client client)
{
	return boot_names[client];
}

bool records_boot_is_url(const char *file)
{
	return strncmp(file, "http://", 7) == 0 || strncmp(file, "https://", 8) == 0;
}

/* As it may stand in a line of dnsmasq's configuration, and in an answer. */
static bool is_plain_path(const char *path)
{
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || strchr(",\"\\#", *p))
			return false;
	return *path && strlen(path) < 128 && !strstr(path, "/../") && strncmp(path, "../", 3) != 0;
}

static int set_string(char **slot, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*slot);
	*slot = copy;
	return 0;
}

int records_parse_boot_root(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return value[0] == '/' && is_plain_path(value) ? set_string(&network->boot_root, value) : -EINVAL;
}

void records_reset_boot_root(struct network *network)
{
	free(network->boot_root);
	network->boot_root = NULL;
}

int records_parse_boot_file(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	enum boot_client client = BOOT_ANY;
	const char *file = value;

	for (enum boot_client i = BOOT_ANY + 1; i < BOOT_CLIENT_MAX_; i++)
		if (str_has_prefix(value, boot_names[i], &file) && file[0] == ':') {
			client = i;
			file++;
			break;
		} else {
			file = value;
		}
	if (!is_plain_path(file))
		return -EINVAL;
	/* Nobody has a file called so: a client that is written wrong would get the file of all others. */
	if (client == BOOT_ANY && strcspn(file, ":") < strcspn(file, "/") && strncmp(strchr(file, ':'), "://", 3) != 0) {
		snprintf(why, KEY_WHY_SIZE, "; there is no such client");
		return -EINVAL;
	}
	if (network->boot_files[client]) {
		snprintf(why, KEY_WHY_SIZE, "; there is one for %s already", client == BOOT_ANY ? "all others" : boot_names[client]);
		return -EINVAL;
	}
	if ((client == BOOT_HTTP_X86_64 || client == BOOT_HTTP_ARM64) && !records_boot_is_url(file)) {
		snprintf(why, KEY_WHY_SIZE, "; for HTTP boot it begins with http:// or https://");
		return -EINVAL;
	}
	return set_string(&network->boot_files[client], file);
}

void records_reset_boot_file(struct network *network)
{
	for (size_t i = 0; i < BOOT_CLIENT_MAX_; i++) {
		free(network->boot_files[i]);
		network->boot_files[i] = NULL;
	}
}

int records_parse_boot_server(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct ip ip;

	if (ip_parse(value, &ip) < 0)
		return -EINVAL;
	if (network->boot_servers[ip_is_v6(&ip)].family) {
		snprintf(why, KEY_WHY_SIZE, "; there is one of this family already");
		return -EINVAL;
	}
	network->boot_servers[ip_is_v6(&ip)] = ip;
	return 0;
}

void records_reset_boot_server(struct network *network)
{
	memset(network->boot_servers, 0, sizeof(network->boot_servers));
}

/* All together */

static void *begin_item(void **items, size_t *n, size_t max, size_t size, int *ret_error)
{
	void *grown;

	if (*n == max) {
		*ret_error = -E2BIG;
		return NULL;
	}
	grown = reallocarray(*items, *n + 1, size);
	if (!grown) {
		*ret_error = -ENOMEM;
		return NULL;
	}
	*items = grown;
	return memset((uint8_t *)grown + (*n)++ * size, 0, size);
}

/* Called at each [Section]: those that repeat begin anew. -ENOMEM, -E2BIG. */
int records_begin_section(struct network *network, const char *section, struct network_place place)
{
	struct network_forward *forward;
	struct network_host *host;
	struct network_tap *tap;
	int r = 0;

	if (strcmp(section, "Host") == 0) {
		host = begin_item((void **)&network->hosts, &network->n_hosts, LIMIT_NETWORK_HOSTS, sizeof(*host), &r);
		if (host)
			host->place = place;
	} else if (strcmp(section, "Forward") == 0) {
		forward = begin_item((void **)&network->forwards, &network->n_forwards, LIMIT_NETWORK_FORWARDS,
				     sizeof(*forward), &r);
		if (forward)
			forward->place = place;
	} else if (strcmp(section, "Route") == 0) {
		r = routes_begin(network, place);
	} else if (strcmp(section, "Tap") == 0) {
		tap = begin_item((void **)&network->taps, &network->n_taps, LIMIT_NETWORK_TAPS, sizeof(*tap), &r);
		if (tap) {
			tap->place = place;
			tap->uid = tap->gid = NETSTATE_NOBODY;
		}
	} else if (strcmp(section, "Tunnel") == 0) {
		r = tunnel_begin(network, place);
	}
	return r;
}

/* The Address= whose prefix holds this address; NULL when none does. */
static const struct network_address *find_prefix(const struct network *network, const struct ip *ip)
{
	for (size_t i = 0; i < network->n_addresses; i++)
		if (ip_overlaps(&network->addresses[i].ip, network->addresses[i].prefix_length, ip, ip_bits(ip)))
			return &network->addresses[i];
	return NULL;
}

/* The network's own address or its broadcast address; of IPv6, that of any router (RFC 4291, section 2.6.1). */
static bool is_end(const struct network_address *address, const struct ip *ip)
{
	const struct ip first = ip_mask(ip, address->prefix_length);
	const uint32_t host_bits = UINT32_MAX >> address->prefix_length % 32;

	return memcmp(&first, ip, sizeof(first)) == 0 || (ip_is_v4(ip) && (ip_v4_value(ip) & host_bits) == host_bits);
}

static int verify_host_address(const struct network *network, const struct network_host *host, const struct ip *ip,
			       struct mistakes *mistakes)
{
	const struct network_address *address;

	if (!ip->family)
		return 0;
	address = find_prefix(network, ip);
	if (!address)
		return network_failure(network, host->place, mistakes,
				      "[Host] Address=%s lies in the prefix of no Address= of this network (auto may choose any)",
				      IP_TEXT(ip));
	if (memcmp(&address->ip, ip, sizeof(*ip)) == 0)
		return network_failure(network, host->place, mistakes, "[Host] Address=%s is the gateway's own address", IP_TEXT(ip));
	if (is_end(address, ip))
		return network_failure(network, host->place, mistakes,
				      "[Host] Address=%s is the first or the last one of the prefix: these are of the network itself", IP_TEXT(ip));
	return 0;
}

static int compare_hosts(const struct network *network, const struct network_host *a, const struct network_host *b,
			 struct mistakes *mistakes)
{
	const char *what = NULL;

	if (a->has_mac && b->has_mac && memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0)
		what = "MACAddress=";
	else if (a->name[0] && strcasecmp(a->name, b->name) == 0)
		what = "Name=";
	for (int i = 0; i < 2; i++)
		if (a->addresses[i].family && memcmp(&a->addresses[i], &b->addresses[i], sizeof(a->addresses[i])) == 0)
			what = "Address=";
	return !what ? 0 : network_failure(network, b->place, mistakes, "this [Host] has the %s of the one in line %u", what,
					  a->place.line);
}

/* A DUID tells guests apart by itself: DHCPv6 knows no other way (RFC 8415, section 11). */
static bool is_known_by_duid(const struct network_host *host)
{
	return host->addresses[1].family && !host->addresses[0].family;
}

static int verify_host(const struct network *network, size_t i, struct mistakes *mistakes)
{
	const struct network_host *host = &network->hosts[i];
	int r = 0;

	if (!host->has_mac && !host->client_id[0])
		return network_failure(network, host->place, mistakes,
				      "this [Host] has no MACAddress= and no ClientID=: nobody can tell which guest it is");
	if (host->client_id[0] && !host->has_mac && !network->by_client_id && !is_known_by_duid(host))
		return network_failure(network, host->place, mistakes,
				      "ClientID= needs [DHCP] Identity=client-id: guests are told apart by their Ethernet addresses otherwise; or, with an IPv6 address and no other, it is a DUID");
	for (int j = 0; r == 0 && j < 2; j++)
		r = verify_host_address(network, host, &host->addresses[j], mistakes);
	for (size_t j = 0; r == 0 && j < i; j++)
		r = compare_hosts(network, &network->hosts[j], host, mistakes);
	return r;
}

static void verify_hosts(const struct network *network, struct mistakes *mistakes)
{
	size_t n_with_options = 0;

	for (size_t i = 0; i < network->n_hosts; i++) {
		const struct network_host *host = &network->hosts[i];

		(void)verify_host(network, i, mistakes);
		if (host->options.n > 0 && n_with_options++ == LIMIT_NETWORK_RECORDS)
			(void)network_failure(network, host->place, mistakes, "more than %d [Host]s with SendOption=",
					      LIMIT_NETWORK_RECORDS);
	}
}

/* Do these take the same packets? One with an address comes before one without. */
static bool forwards_clash(const struct network_forward *a, const struct network_forward *b)
{
	return forward_meets(a, b) && memcmp(&a->listen, &b->listen, sizeof(a->listen)) == 0;
}

/* What guests ask the gateway for: a forward at every address would take it away from all networks. */
static bool is_service(const struct network_forward *forward)
{
	static const uint16_t udp[] = { 53, 67, 69, 547 };

	if (forward->listen.family)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(udp); i++)
		if (forward->ports[0] <= udp[i] && udp[i] <= forward->ports[1] && (forward->protocol == IPPROTO_UDP || udp[i] == 53))
			return true;
	return false;
}

static int verify_forward(const struct network *network, const struct network_forward *forward, struct mistakes *mistakes)
{
	if (!forward->protocol || !forward->guest)
		return network_failure(network, forward->place, mistakes, "this [Forward] has no %s",
				      forward->protocol ? "To=" : "Listen=");
	if (forward->to[0] && forward->to[1] != forward->to[0] &&
	    forward->to[1] - forward->to[0] != forward->ports[1] - forward->ports[0])
		return network_failure(network, forward->place, mistakes, "Listen= and To= have different numbers of ports");
	if (forward->to[0] + (forward->ports[1] - forward->ports[0]) > UINT16_MAX)
		return network_failure(network, forward->place, mistakes, "the last port of To= would be behind 65535");
	if (forward->guest == FORWARD_TO_ADDRESS && !forward_is_inside(network, network->addresses, network->n_addresses, &forward->address))
		return network_failure(network, forward->place, mistakes,
				      "To=%s lies in the prefix of no Address= of this network (auto may choose any), nor in a [Route] Destination=",
				      IP_TEXT(&forward->address));
	if (forward->guest == FORWARD_TO_ADDRESS && forward->listen.family && forward->listen.family != forward->address.family)
		return network_failure(network, forward->place, mistakes, "Listen= and To= are of different families");
	/*
	 * One address comes before all in the rules, and need not be the host's: what others send there by way of this host, or from it,
	 * would come to the user's guest.
	 */
	if (forward->listen.family && forward_is_users(network, forward))
		return network_failure(network, forward->place, mistakes,
				       "Listen=: a user's own network listens at every address of the host, and at no single one");
	if (is_service(forward))
		return network_failure(network, forward->place, mistakes,
				      "this Listen= would take DNS or DHCP of the gateways away from guests: give it one address of the host");
	return 0;
}

static void verify_forwards(const struct network *network, struct mistakes *mistakes)
{
	size_t n_ports = 0, n_users = 0;

	for (size_t i = 0; i < network->n_forwards; i++) {
		const struct network_forward *forward = &network->forwards[i];
		const size_t n_before = n_ports, n_users_before = n_users;
		int r = verify_forward(network, forward, mistakes);

		n_ports += forward->ports[1] - forward->ports[0] + 1u;
		for (size_t j = 0; r == 0 && j < i; j++)
			if (forwards_clash(&network->forwards[j], forward))
				r = network_failure(network, forward->place, mistakes,
						    "this [Forward] takes the port of the one in line %u",
						    network->forwards[j].place.line);
		if (n_before <= LIMIT_NETWORK_FORWARD_PORTS && n_ports > LIMIT_NETWORK_FORWARD_PORTS)
			(void)network_failure(network, forward->place, mistakes, "more than %d ports are forwarded",
					      LIMIT_NETWORK_FORWARD_PORTS);
		if (forward_is_users(network, forward))
			n_users += forward->ports[1] - forward->ports[0] + 1u;
		if (n_users_before <= LIMIT_OWN_PORTS && n_users > LIMIT_OWN_PORTS)
			(void)network_failure(network, forward->place, mistakes, "more than %d ports are forwarded by a user's own network",
					      LIMIT_OWN_PORTS);
	}
}

/*
 * Does a later network take what an earlier one has? Returns 1 with what and where. What a user's forward takes makes no file wrong:
 * it is refused to begin with, and makes way for whatever comes later (daemon/held.c).
 */
int records_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
		  struct network_place *ret_other, char what[static 128])
{
	for (size_t i = 0; i < later->n_forwards; i++)
		for (size_t j = 0; j < earlier->n_forwards; j++) {
			if (!forwards_clash(&earlier->forwards[j], &later->forwards[i]) ||
			    forward_is_users(earlier, &earlier->forwards[j]) || forward_is_users(later, &later->forwards[i]))
				continue;
			snprintf(what, 128, "port %u of this [Forward] is forwarded by the one", later->forwards[i].ports[0]);
			*ret_place = later->forwards[i].place;
			*ret_other = earlier->forwards[j].place;
			return 1;
		}
	if (taps_clash(earlier, later, ret_place, ret_other, what))
		return 1;
	return tunnel_clash(earlier, later, ret_place, ret_other, what);
}

static int verify_boot(const struct network *network, struct mistakes *mistakes)
{
	bool elsewhere = network->boot_servers[0].family || network->boot_servers[1].family;

	if (network->boot_root && elsewhere)
		return network_failure(network, network_find_place(network, KEY_BOOT_SERVER), mistakes,
				      "Server= of another host and TFTPRoot= of this one exclude each other");
	if (network->boot_root && network->host_access == HOST_ACCESS_NONE)
		return network_failure(network, network_find_place(network, KEY_BOOT_ROOT), mistakes,
				      "TFTPRoot= and HostAccess=none exclude each other");
	if (!network->dhcp && (network->boot_root || network_find_place(network, KEY_BOOT_FILE).line > 0))
		return network_failure(network, network_find_place(network, network->boot_root ? KEY_BOOT_ROOT : KEY_BOOT_FILE), mistakes,
				      "section [Boot] needs [DHCP] Enable=yes");
	for (size_t i = 0; i < BOOT_CLIENT_MAX_; i++)
		if (network->boot_files[i] && !records_boot_is_url(network->boot_files[i]) && !network->boot_root && !elsewhere)
			return network_failure(network, network_find_place(network, KEY_BOOT_FILE), mistakes,
					      "File=%s needs TFTPRoot= or Server=", network->boot_files[i]);
	return 0;
}

/* Do these lists fit together with the rest of the network? All that does not is in @mistakes, with file and line. */
void records_verify(struct network *network, struct mistakes *mistakes)
{
	verify_hosts(network, mistakes);
	(void)verify_boot(network, mistakes);
	routes_verify(network, mistakes);
	taps_verify(network, mistakes);
	(void)tunnel_verify(network, mistakes);
	verify_forwards(network, mistakes);
}
