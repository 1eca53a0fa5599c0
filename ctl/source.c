/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loaded policy as text again: for telling people about its lines.
 * System calls: reads files.
 *
 * The parser cuts the text of a policy into words, and the loader keeps no account of includes that it
 * skipped. Both are right for a helper; here the files are simply read once more.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"

/* Frees what was read. */
void sources_deinit(struct sources *sources)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources->files); i++) {
		free(sources->files[i].text);
		free(sources->files[i].lines);
		sources->files[i] = (struct source){ 0 };
	}
}

/* Reads a regular file, terminated; an error for what no policy file can be. */
static int read_text(const char *path, char **ret_text, size_t *ret_length)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return fd_read_text(fd, &st, LIMIT_POLICY_FILE, ret_text, ret_length);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the text into lines, without blanks around them. */
static int split_lines(struct source *source)
{
	char *line = source->text;
	size_t n = 1;

	for (const char *p = line; (p = strchr(p, '\n')); p++)
		n++;
	source->lines = calloc(n, sizeof(*source->lines));
	if (!source->lines)
		return -ENOMEM;

	for (char *next = line; next; line = next) {
		char *end = strchrnul(line, '\n');

		next = *end ? end + 1 : NULL;
		while (end > line && is_space(end[-1]))
			end--;
		*end = '\0';
		source->lines[source->n_lines++] = line + strspn(line, " \t");
	}
	return 0;
}

/* The line that a rule stands on, as it was written; "" when the file cannot be read again. */
const char *source_line(struct sources *sources, const struct policy_rule *rule)
{
	struct source *source = &sources->files[rule->file];

	if (!source->text && read_text(policy_rule_path(sources->policy, rule), &source->text, &source->length) == 0)
		(void)split_lines(source);
	return rule->line >= 1 && rule->line <= source->n_lines ? source->lines[rule->line - 1] : "";
}

/* file:line of a rule. Returns @buffer. */
const char *rule_place(const struct policy *policy, const struct policy_rule *rule, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s:%u", STR_ESCAPED(policy_rule_path(policy, rule)), rule->line);
	return buffer;
}

/* Why an include is no part of the policy, or 0: as load.c sees it. */
static int include_error(const char *path, const char *include)
{
	const char *slash = strrchr(path, '/');
	char full[PATH_MAX];
	int fd, n;

	if (include[0] == '/' || !slash)
		n = snprintf(full, sizeof(full), "%s", include);
	else
		n = snprintf(full, sizeof(full), "%.*s/%s", (int)(slash - path), path, include);
	if (n >= (int)sizeof(full))
		return 0;
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? -errno : 0;
	fd_close(fd);
	return 0;
}

/* The parser says "file:line: what"; the first two are known. */
static const char *without_place(const char *text, const char *path, uint32_t line)
{
	char place[512];
	const char *rest;

	snprintf(place, sizeof(place), "%s:%u: ", STR_ESCAPED(path), line);
	return str_has_prefix(text, place, &rest) ? rest : text;
}

/*
 * Goes through one file again, and tells every line that is wrong and every include. The parser calls an
 * error final for the whole policy, and so it is: this one is thrown away, and only its complaints are
 * of interest.
 */
int source_scan(const char *path, void (*each)(const struct source_note *note, void *data), void *data)
{
	_cleanup_(policy_deinit) struct policy scratch = POLICY_NULL;
	struct policy_cursor cursor;
	char *text;
	size_t length;
	int r;

	r = read_text(path, &text, &length);
	if (r < 0)
		return r;
	scratch.files = calloc(1, sizeof(*scratch.files));
	if (!scratch.files) {
		free(text);
		return -ENOMEM;
	}
	scratch.n_files = 1;
	scratch.files[0].text = text;
	scratch.files[0].path = strdup(path);
	if (!scratch.files[0].path)
		return -ENOMEM;

	cursor = POLICY_CURSOR(text, length, 0);
	while (cursor.next < cursor.end) {
		struct source_note note = { .path = path };
		struct failure failure = { 0 };

		r = policy_parse(&scratch, &cursor, &note.text, &failure);
		if (r == -ENOMEM)
			return r;
		note.line = cursor.line;
		if (r < 0) {
			note.kind = SOURCE_WRONG;
			note.text = without_place(failure.text, path, cursor.line);
		} else if (note.text) {
			note.error = include_error(path, note.text);
			note.kind = note.error ? SOURCE_INCLUDE_SKIPPED : SOURCE_INCLUDE_READ;
		} else {
			break;
		}
		each(&note, data);
	}
	return 0;
}
