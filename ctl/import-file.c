/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network file that an import makes, as text, and as its parser sees it.
 * Pure: no system calls.
 */
#include "import-file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/str.h"
#include "../netd/model/config.h"
#include "../netd/model/keys.h"

static bool is_later(const struct import_line *a, const struct import_line *b)
{
	return a->key > b->key || (a->key == b->key && a->rank > b->rank);
}

/* In the order of the table of keys, lower ranks first. Stable: the rest stays in the order of the document. */
static void sort_lines(struct import_build *build)
{
	for (size_t i = 1; i < build->n_lines; i++)
		for (size_t j = i; j > 0 && is_later(&build->lines[j - 1], &build->lines[j]); j--) {
			struct import_line line = build->lines[j];

			build->lines[j] = build->lines[j - 1];
			build->lines[j - 1] = line;
		}
}

static void print_section(const struct import_build *build, const char *section, unsigned int instance, FILE *out)
{
	bool begun = false;

	for (size_t i = 0; i < build->n_lines; i++) {
		const struct import_line *line = &build->lines[i];

		if (strcmp(line->key->section, section) != 0 || line->instance != instance)
			continue;
		if (!begun)
			fprintf(out, "\n[%s]\n", section);
		begun = true;
		fprintf(out, "%s=%s\n", line->key->name, line->value);
	}
}

/* A comment of any text: one line for each of its lines. */
static void print_comment(const char *text, FILE *out)
{
	fputs("# ", out);
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\n# ", out);
		else if ((unsigned char)*text >= 0x20 && *text != 0x7f)
			fputc(*text, out);
	}
	fputc('\n', out);
}

static void print_head(const struct import_build *build, FILE *out)
{
	static const char *const comments[] = { "title", "description" };

	fprintf(out, "# Made from libvirt's network by guestnet import: %s\n", STR_ESCAPED(build->options->origin));
	for (size_t i = 0; i < ARRAY_SIZE(comments); i++) {
		const xmlNode *element = import_child(build->network, comments[i]);
		char *text = element ? import_own_text(element) : NULL;

		if (text && *text) {
			fputs("#\n", out);
			print_comment(text, out);
		}
		free(text);
	}
}

/* What is not in the file stays with it. */
static void print_rest(const struct import *import, FILE *out)
{
	if (import->n_listed > 0)
		fputs("\n# Not in this file:\n", out);
	for (size_t i = 0; i < import->n_items; i++)
		if (!import->items[i].translated) {
			fprintf(out, "# %s", STR_ESCAPED(import->items[i].path));
			fprintf(out, "=%s: ", STR_ESCAPED(import->items[i].value));
			fprintf(out, "%s\n", import->items[i].words);
		}
}

/* Is this the first key of its section? */
static bool begins_section(size_t key)
{
	for (size_t i = 0; i < key; i++)
		if (strcmp(keys[i].section, keys[key].section) == 0)
			return false;
	return true;
}

/* Prints the file into @ret_text, which the caller owns. -ENOMEM. */
int import_file_print(struct import_build *build, char **ret_text)
{
	size_t size;
	FILE *out = open_memstream(ret_text, &size);

	if (!out)
		return -ENOMEM;
	sort_lines(build);
	print_head(build, out);
	for (size_t i = 0; i < KEY_MAX_; i++) {
		if (!begins_section(i))
			continue;
		for (unsigned int instance = 0; instance <= build->n_instances; instance++)
			print_section(build, keys[i].section, instance, out);
	}
	print_rest(build->import, out);
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

/* The file as the daemon will read it. What its parser says is the network's problem. */
int import_file_verify(struct import_build *build)
{
	struct import *import = build->import;
	char path[NETWORK_NAME_SIZE + 16];
	struct config_file file = { .path = path };
	struct network network = NETWORK_NULL;
	struct failure why = { 0 };
	int r;

	snprintf(path, sizeof(path), "%s.network", import->name);
	file.text = import->text;
	file.length = strlen(import->text);
	r = config_parse(import->name, &file, 1, &network, &why);
	network_deinit(&network);
	if (r == 0 || r == -ENOMEM)
		return r;
	import_problem(build, "what it says does not fit together: %s", why.text);
	return build->error;
}
