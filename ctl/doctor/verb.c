/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet doctor: everything that can be wrong, looked at in order.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/str.h"
#include "../ctl.h"
#include "../json.h"
#include "../table.h"
#include "checks.h"
#include "paths.h"

static void doctor_deinit(struct doctor *doctor)
{
	reports_deinit(&doctor->reports);
	look_deinit(&doctor->look);
	rules_deinit(&doctor->rules);
}

static int doctor_read(struct doctor *doctor, struct failure *failure)
{
	struct failure ignored = { 0 };
	int r = look_open(&doctor->look, failure);

	if (r < 0)
		return r;
	doctor->has_daemon = reports_get(&doctor->reports, &ignored) >= 0;
	r = rules_load(&doctor->rules, failure);
	doctor->has_rules = r == 0;
	failure->text[0] = '\0';
	return r == -EPERM ? 0 : r;
}

static const char *const words[] = {
	[VERDICT_OK] = "ok", [VERDICT_NOTE] = "note", [VERDICT_PROBLEM] = "problem", [VERDICT_SKIPPED] = "skipped",
};
static const enum style styles[] = {
	[VERDICT_OK] = STYLE_GOOD, [VERDICT_NOTE] = STYLE_NONE, [VERDICT_PROBLEM] = STYLE_BAD, [VERDICT_SKIPPED] = STYLE_NONE,
};

static void print_line(enum verdict verdict, const char *text)
{
	printf("%s%-8s%s %s\n", style_begin(styles[verdict], stdout), words[verdict], style_end(stdout), text);
}

static void print_text(const struct doctor *doctor)
{
	for (size_t i = 0; i < n_checks; i++) {
		bool found = false;

		for (size_t j = 0; j < doctor->n_findings; j++) {
			const struct finding *finding = &doctor->findings[j];

			if (finding->check != &checks[i])
				continue;
			found = true;
			print_line(finding->verdict, finding->evidence);
			if (finding->fix[0])
				printf("         %s %s\n", finding->safe ? "fix:" : "try:", finding->fix);
		}
		if (!found)
			print_line(VERDICT_OK, checks[i].looked_at);
	}
}

static void print_json(const struct doctor *doctor)
{
	struct json json = JSON_NULL(stdout);

	json_array(&json, NULL);
	for (size_t i = 0; i < n_checks; i++) {
		bool found = false;

		for (size_t j = 0; j <= doctor->n_findings; j++) {
			const struct finding well = { .check = &checks[i] };
			const struct finding *finding = j < doctor->n_findings ? &doctor->findings[j] : &well;

			if (finding->check != &checks[i] || (finding == &well && found))
				continue;
			found = true;
			json_object(&json, NULL);
			json_string(&json, "check", checks[i].id);
			json_string(&json, "looked_at", checks[i].looked_at);
			json_string(&json, "verdict", words[finding->verdict]);
			json_string(&json, "evidence", finding->evidence);
			json_string(&json, "fix", finding->fix);
			json_bool(&json, "safe", finding->safe);
			json_object_end(&json);
		}
	}
	json_array_end(&json);
}

#define MAX_WORDS	16

/* A command of plain words: no shell reads the names in it. */
static bool run_command(const char *command)
{
	char copy[320], *arguments[MAX_WORDS + 1] = { 0 }, *save = NULL;
	size_t n = 0;
	int status;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", command);
	for (char *word = strtok_r(copy, " ", &save); word && n < MAX_WORDS; word = strtok_r(NULL, " ", &save))
		arguments[n++] = word;
	/* This very program, wherever it is. */
	if (n > 0 && strcmp(arguments[0], "guestnet") == 0)
		arguments[0] = (char *)"/proc/self/exe";
	if (n == 0 || posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ) != 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Those fixes that lose nothing. */
static void fix_all(struct doctor *doctor, bool json)
{
	for (size_t i = 0; i < doctor->n_findings; i++) {
		struct finding *finding = &doctor->findings[i];
		bool done;

		if (!finding->safe || !finding->fix[0])
			continue;
		done = run_command(finding->fix);
		if (!json)
			printf("%s: %s\n", done ? "done" : "failed", finding->fix);
	}
}

enum exit_status doctor_verb(const struct options *options, struct failure *failure)
{
	enum exit_status status = STATUS_OK;

	for (unsigned int round = 0;; round++) {
		_cleanup_(doctor_deinit) struct doctor doctor = {
			.helper = PATH_HELPER, .policy = PATH_POLICY, .dnsmasq = "/usr/sbin/dnsmasq", .tun = "/dev/net/tun",
			.reports = REPORTS_NULL, .look = LOOK_NULL, .rules = RULES_NULL,
		};
		int r = doctor_read(&doctor, failure);

		if (r < 0)
			return STATUS_FAILED;
		doctor_run(&doctor);
		if (option_is_set(options, OPTION_FIX) && round == 0) {
			fix_all(&doctor, options->json);
			continue;	/* and look again */
		}
		for (size_t i = 0; i < doctor.n_findings; i++)
			if (doctor.findings[i].verdict == VERDICT_PROBLEM)
				status = STATUS_DEGRADED;
		if (options->json)
			print_json(&doctor);
		else
			print_text(&doctor);
		return status;
	}
}
