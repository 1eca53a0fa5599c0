/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy language: bytes to rules.
 * Pure: no system calls.
 *
 * A superset of QEMU's bridge.conf. One line is
 *
 *	allow|deny NAME|all [KEY=VALUE | FLAG]...
 *	own [KEY=VALUE | FLAG]...
 *	include PATH
 *
 * Blanks before a line are skipped, words are parted by blanks or tabs, a '#' at the beginning of a
 * word ends the line. CRLF and a missing last newline are fine. What is not known is an error, so
 * that a word added later never meant something else before.
 */
#include "policy.h"

#include <errno.h>
#include <string.h>

#include "../lib/str.h"

/* One line, cut into words in place. */
struct words {
	char *next;
	char *end;
};

struct parse {
	struct policy *policy;
	struct policy_cursor *cursor;
	struct failure *failure;
	unsigned int seen;	/* a bit for each keyword of this line */
};

static const char *parse_path(const struct parse *parse)
{
	return parse->policy->files[parse->cursor->file].path;
}

#define parse_failure(parse, format, ...)						\
	failure_set((parse)->failure, -EINVAL, "%s:%u: " format,			\
		    STR_ESCAPED(parse_path(parse)), (parse)->cursor->line, ##__VA_ARGS__)

static int parse_no_memory(const struct parse *parse)
{
	return failure_set(parse->failure, -ENOMEM, "%s:%u: out of memory",
			   STR_ESCAPED(parse_path(parse)), parse->cursor->line);
}

/* Makes room for one more element: capacities are powers of two, so the count says when it is full. */
static void *grow(void *array, size_t n, size_t size)
{
	if (n != 0 && (n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n == 0 ? 1 : 2 * n, size);
}

#define append(parse, array, n, ...)						\
({										\
	__typeof__((parse)->policy->array) _grown =				\
		grow((parse)->policy->array, (parse)->policy->n, sizeof(*_grown));\
	if (_grown) {								\
		(parse)->policy->array = _grown;				\
		_grown[(parse)->policy->n++] = __VA_ARGS__;			\
	}									\
	_grown ? 0 : parse_no_memory(parse);					\
})

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word, terminated in place; NULL at the end of the line or at a comment. */
static char *words_next(struct words *words)
{
	char *word;

	while (words->next < words->end && is_blank(*words->next))
		words->next++;
	if (words->next == words->end || *words->next == '#')
		return NULL;

	word = words->next;
	while (words->next < words->end && !is_blank(*words->next))
		words->next++;
	if (words->next < words->end)
		*words->next++ = '\0';
	return word;
}

/* What remains of the line without a comment and without blanks around it: a path may hold blanks. */
static char *words_rest(struct words *words)
{
	char *begin, *end;

	while (words->next < words->end && is_blank(*words->next))
		words->next++;
	begin = end = words->next;
	if (begin < words->end && *begin == '#')
		return NULL;

	while (end < words->end && !(*end == '#' && is_blank(end[-1])))
		end++;
	words->next = words->end;
	while (end > begin && is_blank(end[-1]))
		end--;
	*end = '\0';
	return end > begin ? begin : NULL;
}

/* Values: one small function per keyword. @value is NULL for a flag. */

static int parse_who_list(struct parse *parse, struct policy_rule *rule, char *value, bool group)
{
	char *save = NULL, *name;
	size_t n = 0;

	if (!*value || value[strlen(value) - 1] == ',' || *value == ',' || strstr(value, ",,"))
		return parse_failure(parse, "empty name in %s=", group ? "group" : "user");

	for (name = strtok_r(value, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		struct policy_who who = { .name = name, .group = group };
		int r;

		if (n++ == LIMIT_POLICY_WHO)
			return parse_failure(parse, "more than %d names in %s=", LIMIT_POLICY_WHO,
					     group ? "group" : "user");
		if (*name == '!') {
			who.negated = true;
			who.name = ++name;
		}
		if (!*name)
			return parse_failure(parse, "'!' without a name");

		/* (uid_t)-1 means "nobody in particular" to the kernel: setresuid(2). */
		r = str_parse_u32(name, UINT32_MAX - 1, &who.id);
		if (r == -ERANGE)
			return parse_failure(parse, "%s is not a %s number", STR_ESCAPED(name),
					     group ? "group" : "user");
		if (r == 0) {
			who.name = NULL;
			who.state = WHO_KNOWN;
		}

		r = append(parse, whos, n_whos, who);
		if (r < 0)
			return r;
		rule->n_whos++;
	}
	return 0;
}

static int parse_user(struct parse *parse, struct policy_rule *rule, char *value)
{
	return parse_who_list(parse, rule, value, false);
}

static int parse_group(struct parse *parse, struct policy_rule *rule, char *value)
{
	return parse_who_list(parse, rule, value, true);
}

static int parse_max(struct parse *parse, struct policy_rule *rule, char *value)
{
	uint32_t max;

	if (str_parse_u32(value, LIMIT_MAX_PORTS, &max) < 0 || max == 0)
		return parse_failure(parse, "max=%s: want a number from 1 to %d (use deny for none at all)",
				     STR_ESCAPED(value), LIMIT_MAX_PORTS);
	rule->max = (uint16_t)max;
	return 0;
}

static int parse_networks(struct parse *parse, struct policy_rule *rule, char *value)
{
	uint32_t networks;

	if (str_parse_u32(value, LIMIT_OWN_NETWORKS_USER, &networks) < 0 || networks == 0)
		return parse_failure(parse, "networks=%s: want a number from 1 to %d", STR_ESCAPED(value), LIMIT_OWN_NETWORKS_USER);
	rule->networks = (uint8_t)networks;
	return 0;
}

/*
 * A port, or the first and the last one. Those below 1024 are told apart from all others by the kernel, and so here: who means a
 * thousand ports for everybody does not give the host's own services away with them, and who means to says so.
 */
static int parse_range(struct parse *parse, char *word, struct policy_range *ret_range)
{
	char *last = strchr(word, '-');
	uint32_t ends[2];

	if (last)
		*last++ = '\0';
	if (str_parse_u32(word, UINT16_MAX, &ends[0]) < 0 || str_parse_u32(last ?: word, UINT16_MAX, &ends[1]) < 0 || ends[0] == 0 ||
	    ends[1] < ends[0])
		return parse_failure(parse, "ports=%s%s%s: want a port from 1 to 65535, or the first and the last one, such as 8000-8999",
				     STR_ESCAPED(word), last ? "-" : "", last ? STR_ESCAPED(last) : "");
	if (ends[0] < LIMIT_LOW_PORTS && ends[1] >= LIMIT_LOW_PORTS)
		return parse_failure(parse, "ports=%u-%u: ports below %d are those of the host's own services: to give them away, write them as a range of their own",
				     ends[0], ends[1], LIMIT_LOW_PORTS);
	*ret_range = (struct policy_range){ .first = (uint16_t)ends[0], .last = (uint16_t)ends[1] };
	return 0;
}

static int parse_ports(struct parse *parse, struct policy_rule *rule, char *value)
{
	char *save = NULL, *word;

	if (!*value || value[strlen(value) - 1] == ',' || *value == ',' || strstr(value, ",,"))
		return parse_failure(parse, "empty port in ports=");

	for (word = strtok_r(value, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		struct policy_range range;
		int r = parse_range(parse, word, &range);

		if (r < 0)
			return r;
		if (rule->n_ranges == LIMIT_POLICY_PORTS)
			return parse_failure(parse, "more than %d ranges in ports=", LIMIT_POLICY_PORTS);
		r = append(parse, ranges, n_ranges, range);
		if (r < 0)
			return r;
		rule->n_ranges++;
	}
	return 0;
}

static int parse_isolated(struct parse *parse _unused_, struct policy_rule *rule, char *value _unused_)
{
	rule->isolated = true;
	return 0;
}

static int parse_vlan(struct parse *parse, struct policy_rule *rule, char *value)
{
	uint32_t vlan;

	/* IEEE 802.1Q: 0 is a priority tag, 4095 is reserved. */
	if (str_parse_u32(value, 4094, &vlan) < 0 || vlan == 0)
		return parse_failure(parse, "vlan=%s: want a number from 1 to 4094", STR_ESCAPED(value));
	rule->vlan = (uint16_t)vlan;
	return 0;
}

static int parse_macs(struct parse *parse, struct policy_rule *rule, char *value)
{
	char *save = NULL, *word;

	if (!*value || value[strlen(value) - 1] == ',' || *value == ',' || strstr(value, ",,"))
		return parse_failure(parse, "empty address in macs=");

	for (word = strtok_r(value, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		struct mac mac;
		int r;

		if (mac_parse(word, &mac) < 0)
			return parse_failure(parse, "macs=%s: want the address of one interface, such as 52:54:00:12:34:56",
					     STR_ESCAPED(word));
		if (rule->n_macs == LIMIT_POLICY_MACS)
			return parse_failure(parse, "more than %d addresses in macs=", LIMIT_POLICY_MACS);

		r = append(parse, macs, n_macs, mac);
		if (r < 0)
			return r;
		rule->n_macs++;
	}
	return 0;
}

#define ALLOW	(1 << POLICY_ALLOW)
#define DENY	(1 << POLICY_DENY)
#define OWN	(1 << POLICY_OWN)

/* Everything that may stand behind a rule's name. */
static const struct keyword {
	const char *name;
	bool has_value;
	uint8_t actions;	/* where it has a meaning: a restriction of a port says nothing in a deny */
	int (*parse)(struct parse *parse, struct policy_rule *rule, char *value);
} keywords[] = {
	{ "user",	true,	ALLOW | DENY | OWN,	parse_user },
	{ "group",	true,	ALLOW | DENY | OWN,	parse_group },
	{ "max",	true,	ALLOW | OWN,		parse_max },
	{ "networks",	true,	OWN,			parse_networks },
	{ "ports",	true,	OWN,			parse_ports },
	{ "isolated",	false,	ALLOW | OWN,		parse_isolated },
	{ "vlan",	true,	ALLOW,			parse_vlan },
	{ "macs",	true,	ALLOW,			parse_macs },
};

static int parse_unknown(struct parse *parse, const char *word)
{
	const char *names[ARRAY_SIZE(keywords)];
	const char *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
		names[i] = keywords[i].name;
	nearest = str_nearest(word, names, ARRAY_SIZE(names));

	return parse_failure(parse, "unknown word \"%s\"%s%s%s (known: user= group= max= networks= ports= isolated vlan= macs=)",
			     STR_ESCAPED(word), nearest ? ", did you mean \"" : "", nearest ? nearest : "",
			     nearest ? "\"?" : "");
}

static int parse_option(struct parse *parse, struct policy_rule *rule, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';

	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		const struct keyword *keyword = &keywords[i];

		if (strcmp(word, keyword->name) != 0)
			continue;
		if (keyword->has_value && !value)
			return parse_failure(parse, "%s wants a value: %s=...", word, word);
		if (!keyword->has_value && value)
			return parse_failure(parse, "%s takes no value", word);
		if (!(keyword->actions >> rule->action & 1))
			return parse_failure(parse, "%s has no meaning in %s %s rule", word,
					     rule->action == POLICY_DENY ? "a" : "an", policy_action_names[rule->action]);
		if (parse->seen & 1u << i)
			return parse_failure(parse, "%s is given twice", word);
		parse->seen |= 1u << i;
		return keyword->parse(parse, rule, value);
	}
	return parse_unknown(parse, word);
}

static int parse_rule(struct parse *parse, struct words *words, enum policy_action action)
{
	struct policy_rule rule = {
		.action = action,
		.file = parse->cursor->file,
		.line = parse->cursor->line,
		.first_who = (uint32_t)parse->policy->n_whos,
		.first_mac = (uint32_t)parse->policy->n_macs,
		.first_range = (uint32_t)parse->policy->n_ranges,
	};
	char *word = action == POLICY_OWN ? NULL : words_next(words);
	int r;

	if (!word && action != POLICY_OWN)
		return parse_failure(parse, "%s wants the name of a bridge, or all", policy_action_names[action]);
	if (word && strcmp(word, "all") != 0) {
		if (!ifname_is_valid(word))
			return parse_failure(parse, "\"%s\" cannot be the name of a bridge", STR_ESCAPED(word));
		rule.bridge = word;
	}

	while ((word = words_next(words))) {
		r = parse_option(parse, &rule, word);
		if (r < 0)
			return r;
	}

	if (parse->policy->n_read++ == LIMIT_POLICY_RULES)
		return parse_failure(parse, "more than %d rules", LIMIT_POLICY_RULES);
	if (parse->policy->only && !policy_rule_names(&rule, parse->policy->only)) {
		parse->policy->n_whos = rule.first_who;
		parse->policy->n_macs = rule.first_mac;
		parse->policy->n_ranges = rule.first_range;
		return 0;
	}
	return append(parse, rules, n_rules, rule);
}

/* Parses one line. @ret_include is set when it was an include, NULL otherwise. */
static int parse_line(struct parse *parse, struct words *words, const char **ret_include)
{
	char *verb = words_next(words);

	*ret_include = NULL;
	if (!verb)
		return 0;
	for (enum policy_action action = 0; action < POLICY_ACTION_MAX_; action++)
		if (strcmp(verb, policy_action_names[action]) == 0)
			return parse_rule(parse, words, action);
	if (strcmp(verb, "include") == 0) {
		*ret_include = words_rest(words);
		return *ret_include ? 0 : parse_failure(parse, "include wants a path");
	}
	return parse_failure(parse, "unknown word \"%s\" (a line begins with allow, deny, own or include)",
			     STR_ESCAPED(verb));
}

/*
 * Reads rules from @cursor into @policy until the end of the text or the next include, whose path is
 * then in @ret_include (NULL at the end) so that the caller can read that file before it goes on:
 * rules stand in reading order. The text is cut in place, must have one spare byte behind its end,
 * and belongs to policy->files[cursor->file]; rules borrow from it.
 * Errors are final for the whole policy: -EINVAL with file:line and what is wrong, -ENOMEM.
 */
int policy_parse(struct policy *policy, struct policy_cursor *cursor, const char **ret_include,
		 struct failure *failure)
{
	struct parse parse = { .policy = policy, .cursor = cursor, .failure = failure };
	/* Looked for once: most files have none, and then no line has. */
	const bool zeroes = memchr(cursor->next, '\0', (size_t)(cursor->end - cursor->next));

	while (cursor->next < cursor->end) {
		char *begin = cursor->next;
		char *end = memchr(begin, '\n', (size_t)(cursor->end - begin));
		struct words words;
		int r;

		if (!end)
			end = cursor->end;
		cursor->next = end < cursor->end ? end + 1 : end;
		cursor->line++;
		parse.seen = 0;

		if (end - begin > LIMIT_POLICY_LINE)
			return parse_failure(&parse, "line longer than %d bytes", LIMIT_POLICY_LINE);
		if (zeroes && memchr(begin, '\0', (size_t)(end - begin)))
			return parse_failure(&parse, "zero byte in the line");
		if (end > begin && end[-1] == '\r')
			end--;
		*end = '\0';

		words = (struct words){ .next = begin, .end = end };
		r = parse_line(&parse, &words, ret_include);
		if (r < 0)
			return r;
		if (*ret_include)
			return 0;
	}

	*ret_include = NULL;
	return 0;
}
