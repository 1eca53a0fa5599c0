/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints a manual page with its lists of keys as they are in netd/model/keys.c: what stands between
 * `.\" keys: SECTION` and `.\" end of keys` is replaced.
 *
 *	print-keys PAGE >NEW
 *
 * The list "own" is of what networks of users' own may say; "limits" of how much a file may say.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../netd/model/keys.h"

/* Text for troff: a hyphen is a minus sign, since it may be copied to a file; each sentence has a line. */
static void print_text(const char *text)
{
	bool line_start = true;

	for (const char *p = text; *p; p++) {
		if (line_start && (*p == '.' || *p == '\''))
			fputs("\\&", stdout);
		line_start = false;
		if (*p == '-') {
			fputs("\\-", stdout);
		} else if (*p == '\\') {
			fputs("\\e", stdout);
		} else if (*p == '\'') {
			fputs("\\(aq", stdout);
		} else if ((*p == '.' || *p == ';') && p[1] == ' ') {
			printf("%c\n", *p);
			p++;
			line_start = true;
		} else {
			putchar(*p);
		}
	}
}

/* The modes that a key is for, or the one that it is not for; nothing when it is for all. */
static void print_modes(const struct key *key)
{
	unsigned int all = (1 << NETWORK_MODE_MAX_) - 1, named = key->only, left;
	bool but_one;

	if (!key->only || key->only == all)
		return;
	but_one = __builtin_popcount(all & ~named) == 1;
	if (but_one)
		named = all & ~named;
	printf("%s with Mode=", but_one ? "Not" : "Only");
	left = named;
	for (size_t i = 0; left; i++)
		if (left >> i & 1) {
			left &= ~(1U << i);
			printf("%s%s", network_mode_names[i], !left ? ".\n" : left & (left - 1) ? ", " : " or ");
		}
}

static void print_key(const struct key *key)
{
	printf(".TP\n.B %s=\n", key->name);
	print_text(key->doc);
	puts("");
	print_modes(key);
	printf("Wants ");
	print_text(key->want);
	printf("%s%s.\nThe default is ", key->unit[0] ? ", in " : "", key->unit);
	print_text(key->fallback);
	printf(".\n");
	if (key->list)
		printf("An empty value forgets what was given before.\n");
}

static bool print_section(const char *section)
{
	bool found = false;

	for (size_t i = 0; i < KEY_MAX_; i++)
		if (strcmp(keys[i].section, section) == 0) {
			print_key(&keys[i]);
			found = true;
		}
	return found;
}

/* A paragraph for each section. */
static void print_own(void)
{
	const char *section = "";

	for (size_t i = 0; i < KEY_MAX_; i++) {
		if (!keys[i].own)
			continue;
		if (strcmp(section, keys[i].section) == 0)
			printf(",\n");
		else
			printf("%s.TP\n.B [%s]\n", *section ? "\n" : "", keys[i].section);
		section = keys[i].section;
		printf("%s=", keys[i].name);
		for (const char *word = keys[i].own; *word; word += strspn(word, " ")) {
			size_t n = strcspn(word, " ");

			printf("%s%.*s", word == keys[i].own ? "" : " or ", (int)n, word);
			word += n;
		}
	}
	puts("");
}

static void print_limits(void)
{
	static const struct {
		unsigned int n;
		const char *of;
	} limits[] = {
		{ LIMIT_NETWORK_ADDRESSES, "Address=" }, { LIMIT_NETWORK_NAMES, "AlternativeName=" }, { LIMIT_NETWORK_UPLINKS, "Uplink=" },
		{ LIMIT_NETWORK_PEERS, "Peer=" }, { LIMIT_NETWORK_KEPT_PORTS, "Ports=" }, { LIMIT_NETWORK_RANGES, "Range=" },
		{ LIMIT_NETWORK_NTP, "NTP=" }, { LIMIT_NETWORK_RECORDS, "SendOption=, Host=, TXT= and SRV= each" },
		{ LIMIT_NETWORK_FORWARDERS, "Forwarder= without a domain" }, { LIMIT_NETWORK_RECORDS, "with one" },
		{ LIMIT_NETWORK_HOSTS, "sections [Host]" }, { LIMIT_NETWORK_RECORDS, "of them with SendOption=" },
		{ LIMIT_NETWORK_FORWARDS, "sections [Forward]" }, { LIMIT_NETWORK_FORWARD_PORTS, "ports of the host in them" },
		{ LIMIT_NETWORK_ROUTES, "sections [Route]" }, { LIMIT_NETWORK_TAPS, "sections [Tap]" }, { LIMIT_NETWORK_REMOTES, "Remote=" },
		{ LIMIT_NETWORK_REACH, "lines of DenyOut=, AllowOut=, DenyIn= and AllowIn= together" },
		{ LIMIT_NETWORK_FILES - 1, "drop-ins" },
	};

	puts("A network has at most");
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		printf("%u %s%s\n", limits[i].n, limits[i].of, i + 1 < sizeof(limits) / sizeof(limits[0]) ? "," : ".");
	printf("A line has at most %u bytes, with those that it goes on in.\n", LIMIT_NETWORK_LINE - 1);
}

int main(int argc, char *argv[])
{
	static const char begin[] = ".\\\" keys: ", end[] = ".\\\" end of keys\n";
	size_t n_printed = 0, n_sections = 0;
	bool inside = false;
	char line[4096];
	FILE *page;

	if (argc != 2 || !(page = fopen(argv[1], "re"))) {
		fprintf(stderr, "print-keys: %s\n", argc == 2 ? strerror(errno) : "usage: print-keys PAGE");
		return 1;
	}
	while (fgets(line, sizeof(line), page)) {
		if (strcmp(line, end) == 0)
			inside = false;
		if (!inside)
			fputs(line, stdout);
		if (strncmp(line, begin, sizeof(begin) - 1) == 0) {
			line[strcspn(line, "\n")] = '\0';
			inside = true;
			if (strcmp(line + sizeof(begin) - 1, "own") == 0) {
				print_own();
				continue;
			}
			if (strcmp(line + sizeof(begin) - 1, "limits") == 0) {
				print_limits();
				continue;
			}
			n_printed++;
			if (!print_section(line + sizeof(begin) - 1)) {
				fprintf(stderr, "print-keys: there is no section %s\n", line + sizeof(begin) - 1);
				return 1;
			}
		}
	}
	fclose(page);
	for (size_t i = 0; i < KEY_MAX_; i++)
		n_sections += i == 0 || strcmp(keys[i].section, keys[i - 1].section) != 0;
	if (inside || n_printed != n_sections) {
		fprintf(stderr, "print-keys: %s\n", inside ? "a list has no end" : "the page lacks a section");
		return 1;
	}
	return 0;
}
