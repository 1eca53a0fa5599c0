/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet: the client. Finds the verb, reads its options, prints what went wrong.
 * Unprivileged, and never set-user-ID.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/str.h"
#include "ctl.h"
#include "json.h"
#include "paths.h"

enum { OPTION_JSON = 1 << 0, OPTION_USER = 1 << 1 };

/* Every verb. A name may be of two words; verbs with the same first word are a family. */
static const struct verb {
	const char *name;
	const char *arguments;
	const char *help;			/* one line */
	unsigned int options;
	size_t min_operands, max_operands;
	enum exit_status (*run)(const struct options *options, struct failure *failure);
	const char *detail;			/* for --help */
} verbs[] = {
	{
		"leases", "[NETWORK]", "which guest has which address",
		OPTION_JSON, 0, 1, networks_leases, "",
	},
	{
		"list", "", "the declared networks",
		OPTION_JSON, 0, 0, networks_list, "",
	},
	{
		"policy check", "[FILE]", "test a policy file: syntax, owners, rules that have no effect",
		OPTION_JSON, 0, 1, policy_check,
		"Without FILE, the installed policy " PATH_POLICY ".\n"
		"Exit status: 0 no errors, 1 errors, 3 no such file.\n",
	},
	{
		"policy list", "[--user NAME|UID]", "which bridges you may use, and how much is left",
		OPTION_JSON | OPTION_USER, 0, 0, policy_list, "",
	},
	{
		"policy why", "BRIDGE [--user NAME|UID]", "whether you may use a bridge, and which rule says so",
		OPTION_JSON | OPTION_USER, 1, 1, policy_why,
		"Exit status: 0 allowed, 4 denied, 3 no such bridge (the policy is shown all the same).\n",
	},
	{
		"reload", "", "let the daemon read its configuration again",
		0, 0, 0, networks_reload, "",
	},
	{
		"start", "NETWORK", "bring a network up, until the next boot",
		0, 1, 1, networks_start, "",
	},
	{
		"status", "[NETWORK]", "how a network is, the problem first",
		OPTION_JSON, 0, 1, networks_status, "Exit status: 0 all is well, 3 no such network, 5 something is wrong.\n",
	},
	{
		"stop", "NETWORK", "take a network down, until the next boot",
		0, 1, 1, networks_stop, "",
	},
};

#define MAX_WORDS 16

/* The command line in its parts: words, and options, which may stand anywhere. */
struct command {
	const char *words[MAX_WORDS];
	size_t n_words;
	bool json, help, version;
	const char *user;
};

static void print_verb(FILE *out, const struct verb *verb)
{
	char left[64];

	snprintf(left, sizeof(left), "%s %s", verb->name, verb->arguments);
	fprintf(out, "  guestnet %-40s %s\n", left, verb->help);
}

static void print_help(FILE *out, const char *family)
{
	size_t length = family ? strlen(family) : 0;

	fputs("Usage: guestnet VERB [ARGUMENT...] [OPTION...]\n\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!family || (strncmp(verbs[i].name, family, length) == 0 && verbs[i].name[length] == ' '))
			print_verb(out, &verbs[i]);
	fputs("\n"
	      "  --user NAME|UID   answer for that user (verbs of policy)\n"
	      "  --json            print JSON (doc/json.md)\n"
	      "  --help            help, of a verb too; also: guestnet help [VERB]\n"
	      "  --version         version\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 degraded.\n"
	      "Manual page: guestnet(1)\n", out);
}

static void print_verb_help(const struct verb *verb)
{
	printf("Usage: guestnet %s %s%s\n\n  %s\n%s%s", verb->name, verb->arguments,
	       verb->options & OPTION_JSON ? " [--json]" : "", verb->help, verb->detail[0] ? "\n" : "", verb->detail);
}

/* "-x" or "--xyz" that is not known. */
static int unknown_option(const char *option, struct failure *failure)
{
	static const char *const known[] = { "--json", "--user", "--help", "--version" };
	const char *nearest = str_nearest(option, known, ARRAY_SIZE(known));

	return failure_set(failure, -EINVAL, "unknown option %s%s%s%s", STR_ESCAPED(option),
			   nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static int parse_option(struct command *command, const char *option, const char *next, bool *ret_used_next,
			struct failure *failure)
{
	*ret_used_next = false;
	if (strcmp(option, "--json") == 0) {
		command->json = true;
	} else if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
		command->help = true;
	} else if (strcmp(option, "--version") == 0) {
		command->version = true;
	} else if (strcmp(option, "--user") == 0) {
		if (!next)
			return failure_set(failure, -EINVAL, "--user wants a name or a number");
		command->user = next;
		*ret_used_next = true;
	} else if (!str_has_prefix(option, "--user=", &command->user)) {
		return unknown_option(option, failure);
	}
	return 0;
}

static int parse_command(int argc, char *const argv[], struct command *ret_command, struct failure *failure)
{
	struct command command = { 0 };
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		bool used_next;
		int r;

		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
			r = parse_option(&command, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used_next, failure);
			if (r < 0)
				return r;
			i += used_next;
		} else if (command.n_words == MAX_WORDS) {
			return failure_set(failure, -E2BIG, "too many arguments");
		} else {
			command.words[command.n_words++] = argv[i];
		}
	}
	*ret_command = command;
	return 0;
}

/* Do the words begin with the verb's name? Returns of how many words that is, 0 when they do not. */
static size_t verb_matches(const struct verb *verb, const char *const *words, size_t n_words)
{
	const char *blank = strchr(verb->name, ' ');
	size_t length = blank ? (size_t)(blank - verb->name) : strlen(verb->name);

	if (n_words == 0 || strncmp(words[0], verb->name, length) != 0 || words[0][length])
		return 0;
	if (!blank)
		return 1;
	return n_words > 1 && strcmp(words[1], blank + 1) == 0 ? 2 : 0;
}

static const struct verb *find_verb(const char *const *words, size_t n_words, size_t *ret_length)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		*ret_length = verb_matches(&verbs[i], words, n_words);
		if (*ret_length > 0)
			return &verbs[i];
	}
	return NULL;
}

/* The first words of all verbs, or the second ones of a family. Returns how many. */
static size_t list_words(const char *family, char words[][32], const char *candidates[])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const char *blank = strchr(verbs[i].name, ' ');
		size_t length = blank ? (size_t)(blank - verbs[i].name) : strlen(verbs[i].name);

		if (!family)
			snprintf(words[n], 32, "%.*s", (int)length, verbs[i].name);
		else if (blank && strlen(family) == length && strncmp(verbs[i].name, family, length) == 0)
			snprintf(words[n], 32, "%s", blank + 1);
		else
			continue;
		candidates[n] = words[n];
		n++;
	}
	return n;
}

/* Says what is wrong with words that are no verb, and what was probably meant. */
static void unknown_verb(const struct command *command, struct failure *failure)
{
	char words[ARRAY_SIZE(verbs) + 1][32];
	const char *candidates[ARRAY_SIZE(verbs) + 1];
	const char *word = command->words[0], *family = command->words[0], *nearest;
	size_t n = list_words(family, words, candidates);

	if (n == 0) {
		family = "";
		n = list_words(NULL, words, candidates);
		candidates[n++] = "help";
	} else if (command->n_words == 1) {
		failure_set(failure, -EINVAL, "%s wants a second word: guestnet %s --help", family, family);
		return;
	} else {
		word = command->words[1];
	}

	nearest = str_nearest(word, candidates, n);
	failure_set(failure, -EINVAL, "unknown verb \"%s%s%s\"%s%s%s%s%s", *family ? family : "", *family ? " " : "",
		    STR_ESCAPED(word), nearest ? ", did you mean \"" : "", nearest ? family : "",
		    nearest && *family ? " " : "", nearest ? nearest : "", nearest ? "\"?" : " (guestnet help lists them)");
}

static int verify_arguments(const struct verb *verb, const struct command *command, size_t n_operands,
			    struct failure *failure)
{
	if (n_operands < verb->min_operands)
		return failure_set(failure, -EINVAL, "something is missing: guestnet %s %s", verb->name, verb->arguments);
	if (n_operands > verb->max_operands)
		return failure_set(failure, -EINVAL, "too many arguments: guestnet %s %s", verb->name, verb->arguments);
	if (command->user && !(verb->options & OPTION_USER))
		return failure_set(failure, -EINVAL, "guestnet %s knows no --user", verb->name);
	if (command->json && !(verb->options & OPTION_JSON))
		return failure_set(failure, -EINVAL, "guestnet %s knows no --json", verb->name);
	return 0;
}

/* Help, for whatever was named: a verb, a family, or nothing. */
static enum exit_status help_about(const struct command *command, size_t first, struct failure *failure)
{
	struct command rest = { .n_words = command->n_words - first };
	char words[ARRAY_SIZE(verbs)][32];
	const char *candidates[ARRAY_SIZE(verbs)];
	const struct verb *verb;
	size_t length;

	memcpy(rest.words, command->words + first, rest.n_words * sizeof(*rest.words));
	verb = find_verb(rest.words, rest.n_words, &length);
	if (verb) {
		print_verb_help(verb);
	} else if (rest.n_words == 0) {
		print_help(stdout, NULL);
	} else if (rest.n_words == 1 && list_words(rest.words[0], words, candidates) > 0) {
		print_help(stdout, rest.words[0]);
	} else {
		unknown_verb(&rest, failure);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static enum exit_status run_verb(const struct command *command, struct failure *failure)
{
	struct options options = { .json = command->json, .user = command->user };
	const struct verb *verb;
	enum exit_status status;
	size_t length;

	verb = find_verb(command->words, command->n_words, &length);
	if (!verb) {
		unknown_verb(command, failure);
		return STATUS_USAGE;
	}
	options.operands = command->words + length;
	options.n_operands = command->n_words - length;
	if (verify_arguments(verb, command, options.n_operands, failure) < 0)
		return STATUS_USAGE;

	status = verb->run(&options, failure);
	/* Whoever reads JSON finds the reason there too. */
	if (options.json && failure->text[0] && status != STATUS_USAGE)
		json_failure(stdout, failure->text);
	return status;
}

static enum exit_status run(int argc, char *const argv[], struct failure *failure)
{
	struct command command;

	if (parse_command(argc, argv, &command, failure) < 0)
		return STATUS_USAGE;
	if (command.version) {
		puts("guestnet " GUESTNET_VERSION);
		return STATUS_OK;
	}
	if (command.n_words > 0 && strcmp(command.words[0], "help") == 0)
		return help_about(&command, 1, failure);
	if (command.help)
		return help_about(&command, 0, failure);
	if (command.n_words == 0) {
		print_help(stderr, NULL);
		return STATUS_USAGE;
	}
	return run_verb(&command, failure);
}

int main(int argc, char *argv[])
{
	struct failure failure = { 0 };
	enum exit_status status = run(argc, argv, &failure);

	if ((fflush(stdout) != 0 || ferror(stdout)) && status != STATUS_USAGE) {
		failure_set(&failure, -errno, "cannot write the answer: %s", strerror(errno));
		status = STATUS_FAILED;
	}
	if (failure.text[0])
		fprintf(stderr, "guestnet: %s\n", failure.text);
	return (int)status;
}
