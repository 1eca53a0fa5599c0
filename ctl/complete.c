/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet complete: what a shell can offer behind the words that are there.
 *
 * The shells' own files (ctl/completion) are short: they pass on the words up to the cursor, the last of which may be
 * half a word or "", and get a line for each candidate, a tab and its meaning behind it. ":files" and ":commands" ask
 * the shell for its own.
 */
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "verbs.h"

static void offer(const char *word, size_t length, const char *meaning)
{
	printf("%.*s\t%s\n", (int)length, word, meaning ?: "");
}

/* Networks, as far as there is a daemon to name them. */
static void offer_networks(void)
{
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	struct failure failure;

	/* A key pressed by chance starts no daemon: only its own socket is asked. */
	if (reports_get_running(&reports, &failure) < 0)
		return;
	for (size_t i = 0; i < reports.n; i++)
		offer(reports.items[i].name, strlen(reports.items[i].name), reports.items[i].state);
}

/* First words for no family, else the second ones of that family. */
static void offer_verbs(const char *family)
{
	size_t length = family ? strlen(family) : 0;
	const char *last = NULL;
	size_t last_length = 0;

	for (size_t i = 0; i < n_verbs; i++) {
		const char *name = verbs[i].name, *blank = strchr(name, ' ');
		size_t first = blank ? (size_t)(blank - name) : strlen(name);

		if (!verbs[i].help)
			continue;
		if (family) {
			if (blank && first == length && strncmp(name, family, length) == 0)
				offer(blank + 1, strlen(blank + 1), verbs[i].help);
			continue;
		}
		/* Verbs of a family stand together. */
		if (last && last_length == first && strncmp(last, name, first) == 0)
			continue;
		offer(name, first, blank ? "" : verbs[i].help);
		last = name;
		last_length = first;
	}
	if (!family)
		offer("help", 4, "help about a verb");
}

static void offer_options(const struct verb *verb)
{
	for (size_t i = 0; i < OPTION_MAX_; i++)
		if (verb->options & OPTION_BIT(i))
			offer(option_names[i].name, strlen(option_names[i].name), option_names[i].help);
	offer("--help", 6, "what this verb does");
}

/* By what the usage calls it: "NETWORK", "[FILE]", "BRIDGE|--option VALUE" ... */
static void offer_value(const char *kind, size_t length)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)length, kind);
	if (strstr(name, "NET") || strstr(name, "BRIDGE"))
		offer_networks();
	if (strstr(name, "FILE"))
		puts(":files");
	if (strstr(name, "VMM"))
		puts(":commands");
}

/* Operand number @n of a usage: words, of which "--" is none. */
static void offer_operand(const char *arguments, size_t n)
{
	while (*arguments) {
		size_t length = strcspn(arguments, " ");

		if (strncmp(arguments, "-- ", 3) != 0 && n-- == 0) {
			offer_value(arguments, length);
			return;
		}
		arguments += length + strspn(arguments + length, " ");
	}
}

/* The option that the word before the cursor is, when it waits for its value. */
static const struct option_name *open_option(const struct verb *verb, const char *word)
{
	for (size_t i = 0; i < OPTION_MAX_; i++)
		if ((verb->options & OPTION_BIT(i)) && option_names[i].value && strcmp(option_names[i].name, word) == 0)
			return &option_names[i];
	return NULL;
}

static void offer_for_verb(const struct verb *verb, const char *const *words, size_t n_words, const char *half)
{
	const struct option_name *option = n_words > 0 ? open_option(verb, words[n_words - 1]) : NULL;
	size_t n_operands = 0;
	bool foreign = false;	/* behind "--" options are another program's */

	for (size_t i = 0; i < n_words; i++)
		foreign |= strcmp(words[i], "--") == 0;
	if (option && !foreign) {
		offer_value(option->value, strlen(option->value));
		return;
	}
	if (half[0] == '-' && !foreign) {
		offer_options(verb);
		return;
	}
	for (size_t i = 0; i < n_words; i++) {
		if (open_option(verb, words[i]))
			i++;
		else
			n_operands += words[i][0] != '-';
	}
	offer_operand(verb->arguments, n_operands);
}

enum exit_status complete_run(const struct options *options, struct failure *failure _unused_)
{
	const char *const *words = options->operands;
	size_t n = options->n_operands, length;
	const char *half = n > 0 ? words[n - 1] : "";
	const struct verb *verb;

	n -= n > 0;
	if (n > 0 && strcmp(words[0], "help") == 0) {
		words++;
		n--;
		if (n > 0)
			offer_verbs(words[0]);
		else
			offer_verbs(NULL);
		return STATUS_OK;
	}
	verb = verbs_find(words, n, &length);
	if (verb) {
		offer_for_verb(verb, words + length, n - length, half);
	} else if (n == 0 && half[0] == '-') {
		offer("--help", 6, "all verbs");
		offer("--version", 9, "version");
		offer("--json", 6, option_names[OPTION_JSON].help);
	} else if (n <= 1) {
		offer_verbs(n == 1 ? words[0] : NULL);
	}
	return STATUS_OK;
}
