/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet policy check: is this policy what its author means?
 * System calls: reads policy files and accounts.
 *
 * Everything that is wrong is told at once, each with file:line in the manner of a compiler. Errors are
 * what makes the helper refuse everybody, and rules without any effect; warnings and notes are what may
 * be meant.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/str.h"
#include "../policy/owner.h"
#include "ctl.h"
#include "json.h"
#include "paths.h"
#include "policy.h"
#include "source.h"
#include "table.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE, SEVERITY_MAX_ };

static const char *const severity_names[] = { "error", "warning", "note" };
_Static_assert(ARRAY_SIZE(severity_names) == SEVERITY_MAX_, "a name for each");

struct problem {
	enum severity severity;
	char *file;		/* owned; NULL: stands in the text, or about no file */
	uint32_t line;		/* 0: none */
	char *text;		/* owned */
};

struct check {
	const char *path;
	bool installed;		/* the policy that the helper reads */
	struct policy policy;
	struct problem *problems;	/* owned */
	size_t n_problems, n[SEVERITY_MAX_];
	bool failed;		/* no memory for a problem */
};

static void check_deinit(struct check *check)
{
	for (size_t i = 0; i < check->n_problems; i++) {
		free(check->problems[i].file);
		free(check->problems[i].text);
	}
	free(check->problems);
	policy_deinit(&check->policy);
}

static void _printf_(5, 6) add_problem(struct check *check, enum severity severity, const char *file, uint32_t line,
				       const char *format, ...)
{
	struct problem *problems = reallocarray(check->problems, check->n_problems + 1, sizeof(*problems));
	struct problem problem = { .severity = severity, .line = line };
	va_list args;

	check->n[severity]++;
	if (!problems) {
		check->failed = true;
		return;
	}
	check->problems = problems;
	va_start(args, format);
	if (vasprintf(&problem.text, format, args) < 0) {
		problem.text = NULL;
		check->failed = true;
	}
	va_end(args);
	problem.file = file ? strdup(file) : NULL;
	check->failed = check->failed || (file && !problem.file);
	problems[check->n_problems++] = problem;
}

static void add_note(const struct source_note *note, void *data)
{
	struct check *check = data;

	switch (note->kind) {
	case SOURCE_WRONG:
		add_problem(check, SEVERITY_ERROR, note->path, note->line, "%s", note->text);
		break;
	case SOURCE_INCLUDE_SKIPPED:
		add_problem(check, SEVERITY_NOTE, note->path, note->line, "include %s is skipped%s: %s",
			    STR_ESCAPED(note->text), note->error == -EACCES ? " for you" : "", strerror(-note->error));
		break;
	case SOURCE_INCLUDE_READ:
		break;
	}
}

/*
 * Owners and modes: what the helper refuses to believe. A draft may be anybody's for now, and the folder that it stands in is
 * not where it will be.
 */
static void check_owners(struct check *check, const struct policy_file *file)
{
	enum severity severity = check->installed ? SEVERITY_ERROR : SEVERITY_NOTE;
	struct failure failure = { 0 };
	char absolute[PATH_MAX], resolved[PATH_MAX];
	const char *path = file->path, *text;
	char prefix[300];
	struct stat st;
	int r;

	if (path[0] != '/') {
		if (!realpath(path, absolute))
			return;
		path = absolute;
	}
	if (!check->installed && strcmp(file->path, check->path) == 0)
		r = stat(path, &st) < 0 ? -errno : owner_verify(&st, path, &failure);
	else
		r = owner_resolve(path, NULL, resolved, &failure);
	if (r == 0)
		return;
	/* The text may be about a folder; where it is about the file, that is named once. */
	text = failure.text[0] ? failure.text : strerror(-r);
	snprintf(prefix, sizeof(prefix), "%s ", STR_ESCAPED(file->path));
	(void)str_has_prefix(text, prefix, &text);
	add_problem(check, severity, file->path, 0, "%s%s", check->installed ? "" : "before it is installed: ", text);
}

static void check_shadows(struct check *check)
{
	for (size_t i = 0; i < check->policy.n_rules; i++) {
		const struct policy_rule *rule = &check->policy.rules[i];
		const struct policy_rule *shadow = policy_find_shadow(&check->policy, rule);

		if (shadow)
			add_problem(check, SEVERITY_ERROR, policy_rule_path(&check->policy, rule), rule->line,
				    "this rule has no effect: %s %s", RULE_PLACE(&check->policy, shadow),
				    shadow->action == rule->action ? "comes first and means everybody that it means" :
				    "denies everybody that it means");
	}
}

static void check_names(struct check *check)
{
	policy_resolve_all_ways(&check->policy, NULL);
	for (size_t i = 0; i < check->policy.n_rules; i++) {
		const struct policy_rule *rule = &check->policy.rules[i];

		for (size_t j = 0; j < rule->n_whos; j++) {
			const struct policy_who *who = &check->policy.whos[rule->first_who + j];

			if (who->state == WHO_KNOWN)
				continue;
			add_problem(check, SEVERITY_WARNING, policy_rule_path(&check->policy, rule), rule->line,
				    "nobody knows the %s %s%s", who->group ? "group" : "user", STR_ESCAPED(who->name),
				    rule->action == POLICY_DENY ? ": until it is known, this rule denies everybody" :
				    who->negated ? ": until it is known, this rule allows nobody" : "");
		}
	}
}

/* Is there a problem that says the same, with or without its place in front? */
static bool is_known(const struct check *check, const char *text)
{
	for (size_t i = 0; i < check->n_problems; i++) {
		const struct problem *problem = &check->problems[i];
		size_t length = strlen(problem->text), whole = strlen(text);

		if (problem->severity == SEVERITY_ERROR && length <= whole &&
		    strcmp(text + whole - length, problem->text) == 0)
			return true;
	}
	return false;
}

/*
 * The last word is the helper's own reading of the policy: what it refuses is an error even where
 * nothing above has found the reason.
 */
static void check_as_helper(struct check *check)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	struct failure failure = { 0 };

	if (check->installed && policy_load(&policy, check->path, 0, &failure) < 0 && !is_known(check, failure.text))
		add_problem(check, SEVERITY_ERROR, NULL, 0, "%s", failure.text);
}

/* Returns what policy_load() returns; everything that was found is in @check. */
static int check_all(struct check *check)
{
	struct failure failure = { 0 };
	int r = policy_load(&check->policy, check->path, POLICY_LOAD_ANY_OWNER, &failure);

	for (size_t i = 0; i < check->policy.n_files; i++) {
		(void)source_scan(check->policy.files[i].path, add_note, check);
		check_owners(check, &check->policy.files[i]);
	}
	if (r < 0) {
		if (!is_known(check, failure.text))
			add_problem(check, SEVERITY_ERROR, NULL, 0, "%s", failure.text);
	} else {
		check_shadows(check);
		check_names(check);
	}
	check_as_helper(check);
	return r;
}

static void print_text(const struct check *check)
{
	static const enum style styles[] = { STYLE_BAD, STYLE_TITLE, STYLE_NONE };

	for (size_t i = 0; i < check->n_problems; i++) {
		const struct problem *problem = &check->problems[i];

		if (problem->file)
			printf("%s:", STR_ESCAPED(problem->file));
		if (problem->line)
			printf("%u:", problem->line);
		printf("%s%s%s%s: %s\n", problem->file ? " " : "", style_begin(styles[problem->severity], stdout),
		       severity_names[problem->severity], style_end(stdout), problem->text);
	}
	printf("%s: %zu rule%s in %zu file%s, %zu error%s, %zu warning%s%s\n", STR_ESCAPED(check->path),
	       check->policy.n_rules, check->policy.n_rules == 1 ? "" : "s",
	       check->policy.n_files, check->policy.n_files == 1 ? "" : "s",
	       check->n[SEVERITY_ERROR], check->n[SEVERITY_ERROR] == 1 ? "" : "s",
	       check->n[SEVERITY_WARNING], check->n[SEVERITY_WARNING] == 1 ? "" : "s",
	       check->installed ? "" : " (a draft: not the installed policy)");
}

static void print_json(const struct check *check)
{
	struct json json = JSON_NULL(stdout);

	json_object(&json, NULL);
	json_string(&json, "policy", check->path);
	json_bool(&json, "installed", check->installed);
	json_bool(&json, "ok", check->n[SEVERITY_ERROR] == 0);
	json_number(&json, "rules", check->policy.n_rules);
	json_array(&json, "files");
	for (size_t i = 0; i < check->policy.n_files; i++)
		json_string(&json, NULL, check->policy.files[i].path);
	json_array_end(&json);
	json_array(&json, "problems");
	for (size_t i = 0; i < check->n_problems; i++) {
		const struct problem *problem = &check->problems[i];

		json_object(&json, NULL);
		json_string(&json, "severity", severity_names[problem->severity]);
		json_string(&json, "file", problem->file);
		if (problem->line)
			json_number(&json, "line", problem->line);
		else
			json_null(&json, "line");
		json_string(&json, "text", problem->text);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
}

static bool is_installed(const char *path)
{
	struct stat a, b;

	if (strcmp(path, PATH_POLICY) == 0)
		return true;
	return stat(path, &a) == 0 && stat(PATH_POLICY, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* guestnet policy check [FILE] */
enum exit_status policy_check(const struct options *options, struct failure *failure)
{
	const char *path = options->n_operands ? options->operands[0] : PATH_POLICY;
	_cleanup_(check_deinit) struct check check = { .path = path };
	int r;

	check.installed = is_installed(path);
	r = check_all(&check);
	if (check.failed) {
		failure_set(failure, -ENOMEM, "out of memory");
		return STATUS_FAILED;
	}
	if (check.policy.n_files == 0 && (r == -ENOENT || r == -ENOTDIR)) {
		failure_set(failure, r, "%s: %s", STR_ESCAPED(path), strerror(-r));
		return STATUS_NOT_FOUND;
	}

	if (options->json)
		print_json(&check);
	else
		print_text(&check);
	return check.n[SEVERITY_ERROR] ? STATUS_FAILED : STATUS_OK;
}
