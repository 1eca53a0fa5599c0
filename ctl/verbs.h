/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of guestnet and their options: two tables, which the parser, the help and the completion read.
 * A new verb is a line in verbs.c and a function that is declared in ctl.h.
 */
#pragma once

#include <stddef.h>

#include "ctl.h"

struct verb {
	const char *name;		/* may be of two words; verbs with the same first word are a family */
	const char *aliases;		/* other names, separated by blanks; NULL: none */
	const char *arguments;
	const char *help;		/* one line; NULL: for programs, and not told */
	unsigned int options;		/* OPTION_BIT() of those it knows */
	size_t min_operands, max_operands;
	enum exit_status (*run)(const struct options *options, struct failure *failure);
	const char *detail;		/* for --help: what else there is to know; "" for nothing */
};

struct option_name {
	const char *name;		/* "--json" */
	const char *value;		/* what its value is called; NULL: it has none */
	const char *help;
};

extern const struct verb verbs[];
extern const size_t n_verbs;
extern const struct option_name option_names[OPTION_MAX_];

const struct verb *verbs_find(const char *const *words, size_t n_words, size_t *ret_length);

#define VERB_NAME_SIZE 32
#define OPERANDS_ANY ((size_t)-1)
