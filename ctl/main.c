/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet: the client. Finds the verb, reads its options, prints what went wrong.
 * Unprivileged, and never set-user-ID.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/str.h"
#include "ctl.h"
#include "json.h"
#include "paths.h"
#include "verbs.h"
#include "virsh.h"

/* The command line in its parts: words, and options, which may stand anywhere before "--". */
struct command {
	const char **words;		/* owned array of borrowed words */
	size_t n_words;
	bool help, version;
	unsigned int set;		/* OPTION_BIT() */
	const char *values[OPTION_MAX_];
};

static void command_deinit(struct command *command)
{
	free(command->words);
}

static void print_verb(FILE *out, const struct verb *verb)
{
	char left[64];

	snprintf(left, sizeof(left), "%s %s", verb->name, verb->arguments);
	fprintf(out, "  guestnet %-32s %s\n", left, verb->help);
}

static void print_option(FILE *out, const char *name, const char *value, const char *help)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s", name, value ? " " : "", value ?: "");
	fprintf(out, "  %-20s %s\n", left, help);
}

static void print_help(FILE *out, const char *family)
{
	size_t length = family ? strlen(family) : 0;

	fputs("Usage: guestnet [VERB [ARGUMENT...] [OPTION...]]\n\n"
	      "Alone it lists the networks.\n\n", out);
	for (size_t i = 0; i < n_verbs; i++)
		if ((!family && verbs[i].help) || (family && strncmp(verbs[i].name, family, length) == 0 && verbs[i].name[length] == ' '))
			print_verb(out, &verbs[i]);
	fputs("\n", out);
	print_option(out, "--json", NULL, option_names[OPTION_JSON].help);
	print_option(out, "--help", NULL, "help, of a verb and its options too; also: guestnet help [VERB]");
	print_option(out, "--version", NULL, "version");
	fputs("\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 degraded.\n"
	      "Manual page: guestnet(1)\n", out);
}

static void print_verb_help(const struct verb *verb)
{
	/* What stands behind "--" is not ours, whatever it looks like: our options come before. */
	const char *others = strstr(verb->arguments, " -- ");
	int n = (int)(others ? (size_t)(others - verb->arguments) : strlen(verb->arguments));

	printf("Usage: guestnet %s%s%.*s", verb->name, verb->arguments[0] ? " " : "", n, verb->arguments);
	for (size_t i = 0; i < OPTION_MAX_; i++)
		if (verb->options & OPTION_BIT(i))
			printf(" [%s%s%s]", option_names[i].name, option_names[i].value ? " " : "", option_names[i].value ?: "");
	printf("%s\n\n  %s\n", verb->arguments + n, verb->help);
	if (verb->aliases)
		printf("  also: %s\n", verb->aliases);
	if (verb->options)
		puts("");
	for (size_t i = 0; i < OPTION_MAX_; i++)
		if (verb->options & OPTION_BIT(i))
			print_option(stdout, option_names[i].name, option_names[i].value, option_names[i].help);
	printf("%s%s", verb->detail[0] ? "\n" : "", verb->detail);
}

/* "-x" or "--xyz" that is not known. */
static int unknown_option(const char *option, struct failure *failure)
{
	const char *known[OPTION_MAX_ + 2] = { "--help", "--version" }, *nearest;

	for (size_t i = 0; i < OPTION_MAX_; i++)
		known[i + 2] = option_names[i].name;
	nearest = str_nearest(option, known, ARRAY_SIZE(known));
	return failure_set(failure, -EINVAL, "unknown option %s%s%s%s", STR_ESCAPED(option),
			   nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* "--name", "--name VALUE" or "--name=VALUE". */
static int parse_option(struct command *command, const char *option, const char *next, bool *ret_used_next,
			struct failure *failure)
{
	*ret_used_next = false;
	if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
		command->help = true;
		return 0;
	}
	if (strcmp(option, "--version") == 0) {
		command->version = true;
		return 0;
	}
	for (size_t i = 0; i < OPTION_MAX_; i++) {
		const char *rest;

		if (!str_has_prefix(option, option_names[i].name, &rest) || (*rest && *rest != '='))
			continue;
		if (*rest && !option_names[i].value)
			return failure_set(failure, -EINVAL, "%s has no value", option_names[i].name);
		/* The next option is not meant; a value that looks like one is written behind '='. */
		if (!*rest && option_names[i].value && (!next || strncmp(next, "--", 2) == 0))
			return failure_set(failure, -EINVAL, "%s wants a value: %s %s", option_names[i].name,
					   option_names[i].name, option_names[i].value);
		command->set |= OPTION_BIT(i);
		if (option_names[i].value) {
			command->values[i] = *rest ? rest + 1 : next;
			*ret_used_next = !*rest;
			if (!command->values[i][0])	/* an empty variable of a script, say: no guest and no file is called so */
				return failure_set(failure, -EINVAL, "%s is empty: %s %s", option_names[i].name, option_names[i].name,
						   option_names[i].value);
		}
		return 0;
	}
	return unknown_option(option, failure);
}

/* Who forgets the "--" of exec has written an option of the program that is to be started. */
static int option_of_program(const struct command *command, const char *option, struct failure *failure)
{
	*failure = (struct failure){ 0 };
	return failure_set(failure, -EINVAL, "%s is no option of guestnet exec: for one of %s, write -- before the program: guestnet exec %s -- %s ...",
			   STR_ESCAPED(option), STR_ESCAPED(command->words[2]), STR_ESCAPED(command->words[1]), STR_ESCAPED(command->words[2]));
}

/* What was parsed is in @command whatever becomes of the rest. */
static int parse_command(int argc, char *const argv[], struct command *command, struct failure *failure)
{
	bool only_words = false;

	command->words = calloc((size_t)argc + 1, sizeof(*command->words));
	if (!command->words)
		return failure_set(failure, -ENOMEM, "out of memory");
	for (int i = 1; i < argc; i++) {
		bool used_next;
		int r;

		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
			r = parse_option(command, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used_next, failure);
			if (r < 0)
				return command->n_words > 2 && strcmp(command->words[0], "exec") == 0 ? option_of_program(command, argv[i], failure) : r;
			i += used_next;
		} else {
			command->words[command->n_words++] = argv[i];
		}
	}
	/* Who comes from virsh writes net-start. */
	if (command->n_words > 0 && strncmp(command->words[0], "net-", 4) == 0)
		command->words[0] += 4;
	return 0;
}

/* Words that somebody may have meant; there is room for as many as fit. */
struct words {
	char texts[128][VERB_NAME_SIZE];
	const char *candidates[128];
	size_t n;
};

static void words_add(struct words *words, const char *word, size_t length)
{
	if (words->n == ARRAY_SIZE(words->texts))
		return;
	snprintf(words->texts[words->n], VERB_NAME_SIZE, "%.*s", (int)length, word);
	words->candidates[words->n] = words->texts[words->n];
	words->n++;
}

/* The first words of all verbs and their aliases, or the second ones of a family. */
static void list_words(const char *family, struct words *words)
{
	words->n = 0;
	for (size_t i = 0; i < n_verbs; i++) {
		const char *name = verbs[i].name, *alias = verbs[i].aliases, *blank = strchr(name, ' ');
		size_t length = blank ? (size_t)(blank - name) : strlen(name);

		if (!verbs[i].help)
			continue;	/* what no help tells nobody means */
		if (!family)
			words_add(words, name, length);
		else if (blank && strlen(family) == length && strncmp(name, family, length) == 0)
			words_add(words, blank + 1, strlen(blank + 1));
		for (; !family && alias && *alias; alias += strspn(alias, " ")) {
			words_add(words, alias, strcspn(alias, " "));
			alias += strcspn(alias, " ");
		}
	}
}

/* Says what is wrong with words that are no verb, and what was probably meant. */
static void unknown_verb(const struct command *command, size_t first, struct failure *failure)
{
	const char *word = command->words[first], *family = word, *nearest;
	struct words words;

	if (virsh_instead(word)) {
		failure_set(failure, -EINVAL, "there is no verb \"%s\": %s", word, virsh_instead(word));
		return;
	}
	list_words(family, &words);
	if (words.n == 0) {
		family = "";
		list_words(NULL, &words);
		words_add(&words, "help", 4);
	} else if (command->n_words == first + 1) {
		failure_set(failure, -EINVAL, "%s wants a second word: guestnet %s --help", family, family);
		return;
	} else {
		word = command->words[first + 1];
	}

	nearest = str_nearest(word, words.candidates, words.n);
	failure_set(failure, -EINVAL, "unknown verb \"%s%s%s\"%s%s%s%s%s", *family ? family : "", *family ? " " : "",
		    STR_ESCAPED(word), nearest ? ", did you mean \"" : "", nearest ? family : "",
		    nearest && *family ? " " : "", nearest ? nearest : "", nearest ? "\"?" : " (guestnet help lists them)");
}

static int verify_arguments(const struct verb *verb, const struct command *command, size_t n_operands,
			    struct failure *failure)
{
	unsigned int unknown = command->set & ~verb->options;

	if (n_operands < verb->min_operands)
		return failure_set(failure, -EINVAL, "something is missing: guestnet %s %s", verb->name, verb->arguments);
	if (n_operands > verb->max_operands)
		return failure_set(failure, -EINVAL, "too many arguments: guestnet %s%s%s", verb->name,
				   verb->arguments[0] ? " " : "", verb->arguments);
	for (size_t i = 0; i < OPTION_MAX_; i++)
		if (unknown & OPTION_BIT(i))
			return failure_set(failure, -EINVAL, "guestnet %s knows no %s", verb->name, option_names[i].name);
	return 0;
}

/* Help, for whatever was named from word @first on: a verb, a family, or nothing. */
static enum exit_status help_about(const struct command *command, size_t first, struct failure *failure)
{
	const char *const *rest = command->words + first;
	size_t n_rest = command->n_words - first, length;
	const struct verb *verb = verbs_find(rest, n_rest, &length);
	struct words words = { .n = 0 };

	if (n_rest > 0 && strcmp(rest[0], "help") == 0)
		return help_about(command, first + 1, failure);
	if (n_rest == 1)
		list_words(rest[0], &words);
	if (verb) {
		print_verb_help(verb);
	} else if (n_rest == 0) {
		print_help(stdout, NULL);
	} else if (words.n > 0) {
		print_help(stdout, rest[0]);
	} else {
		unknown_verb(command, first, failure);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static enum exit_status run_verb(const struct command *command, struct failure *failure)
{
	struct options options = {
		.json = command->set & OPTION_BIT(OPTION_JSON),
		.user = command->values[OPTION_USER],
		.set = command->set,
	};
	const struct verb *verb;
	enum exit_status status;
	size_t length;

	verb = verbs_find(command->words, command->n_words, &length);
	if (!verb) {
		unknown_verb(command, 0, failure);
		return STATUS_USAGE;
	}
	memcpy(options.values, command->values, sizeof(options.values));
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
	_cleanup_(command_deinit) struct command command = { 0 };

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
	if (command.n_words == 0)	/* alone: what is there? */
		command.words[command.n_words++] = "list";
	return run_verb(&command, failure);
}

/*
 * A caller may have closed fds 0 to 2: the next that is opened would be one of them, and a tap the standard output of the program
 * that gets it. What stands there instead can be neither read nor written, so that this is told as of a closed one. And a
 * caller that ignores SIGCHLD would keep from us how our children end.
 */
static int restore_process(struct failure *failure)
{
	signal(SIGCHLD, SIG_DFL);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH) < 0)
			return failure_set(failure, -errno, "there is no fd to be had: %s", strerror(errno));
	return 0;
}

int main(int argc, char *argv[])
{
	struct failure failure = { 0 };
	enum exit_status status = restore_process(&failure) < 0 ? STATUS_FAILED : run(argc, argv, &failure);

	if ((fflush(stdout) != 0 || ferror(stdout)) && status != STATUS_USAGE) {
		failure_set(&failure, -errno, "cannot write the answer: %s", strerror(errno));
		status = STATUS_FAILED;
	}
	if (failure.text[0])
		fprintf(stderr, "guestnet: %s\n", failure.text);
	return (int)status;
}
