/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network file while it is made: lines go through the parser of their key; elements of the document are found and read.
 * Pure: no system calls.
 */
#include "import-build.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/str.h"

/* Frees what the build owns; the import is its caller's. */
void import_build_deinit(struct import_build *build)
{
	for (size_t i = 0; i < build->n_lines; i++)
		free(build->lines[i].value);
	free(build->lines);
	for (size_t i = 0; i < build->n_verdicts; i++)
		free(build->verdicts[i].words);
	free(build->verdicts);
	network_deinit(&build->scratch);
}

/* Says what is different although no item of the document says so. */
void import_remark(struct import_build *build, const char *format, ...)
{
	struct import *import = build->import;
	char **remarks = reallocarray(import->remarks, import->n_remarks + 1, sizeof(*remarks));
	va_list args;
	int n;

	if (!remarks) {
		build->error = -ENOMEM;
		return;
	}
	import->remarks = remarks;
	va_start(args, format);
	n = vasprintf(&remarks[import->n_remarks], format, args);
	va_end(args);
	if (n < 0)
		build->error = -ENOMEM;
	else
		import->n_remarks++;
}

/* Says why the network as a whole cannot be ours. The first reason stays. */
void import_problem(struct import_build *build, const char *format, ...)
{
	va_list args;

	if (build->import->problem)
		return;
	va_start(args, format);
	if (vasprintf(&build->import->problem, format, args) < 0) {
		build->import->problem = NULL;
		build->error = -ENOMEM;
	}
	va_end(args);
}

/* The value of an attribute in @buffer; NULL when there is none, or it does not fit. */
const char *import_attribute(const xmlNode *element, const char *name, char *buffer, size_t size)
{
	xmlChar *value = xmlGetNoNsProp((xmlNode *)element, (const xmlChar *)name);
	bool fits = value && strlen((const char *)value) < size;

	if (fits)
		strcpy(buffer, (const char *)value);
	xmlFree(value);
	return fits ? buffer : NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* All text that stands directly in an element, without the blanks around it; the caller owns it. NULL: out of memory. */
char *import_own_text(const xmlNode *element)
{
	size_t length = 0, first = 0;
	char *text;

	for (const xmlNode *node = element->children; node; node = node->next)
		if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE)
			length += strlen((const char *)node->content);
	text = malloc(length + 1);
	if (!text)
		return NULL;
	length = 0;
	for (const xmlNode *node = element->children; node; node = node->next)
		if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) {
			strcpy(text + length, (const char *)node->content);
			length += strlen((const char *)node->content);
		}
	text[length] = '\0';
	while (length > 0 && is_blank(text[length - 1]))
		text[--length] = '\0';
	while (is_blank(text[first]))
		first++;
	memmove(text, text + first, length - first + 1);
	return text;
}

static xmlNode *first_of(xmlNode *node, const char *name)
{
	for (; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && !node->ns && strcmp((const char *)node->name, name) == 0)
			return node;
	return NULL;
}

/* The first element of this name in another one, or NULL. */
xmlNode *import_child(const xmlNode *element, const char *name)
{
	return first_of(element->children, name);
}

/* The next element of this name beside another one, or NULL. */
xmlNode *import_next(const xmlNode *element, const char *name)
{
	return first_of(element->next, name);
}

/* May this text stand behind "Key=" and be read again as it is? */
static bool is_line_value(const char *value)
{
	size_t length = strlen(value);

	if (length == 0 || length > LIMIT_NETWORK_LINE / 2 || value[0] == ' ' || value[length - 1] == ' ' ||
	    value[length - 1] == '\\')
		return false;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

/* The line of a key, with this value if one is given. */
static const struct import_line *find_line(const struct import_build *build, unsigned int instance, const struct key *key,
					   const char *value)
{
	for (size_t i = 0; i < build->n_lines; i++)
		if (build->lines[i].key == key && build->lines[i].instance == instance &&
		    (!value || strcmp(build->lines[i].value, value) == 0))
			return &build->lines[i];
	return NULL;
}

static int add_line(struct import_build *build, const struct import_line *line)
{
	struct import_line *lines = reallocarray(build->lines, build->n_lines + 1, sizeof(*lines));

	if (!lines) {
		free(line->value);
		return -ENOMEM;
	}
	build->lines = lines;
	lines[build->n_lines++] = *line;
	return 0;
}

/*
 * Puts "Key=Value" into the file, when the key's parser takes it. Returns 0 with the line in @words; -ENOENT, and
 * @words as it was, when there is no such key; -EINVAL with the reason in @words.
 */
int import_emit(struct import_build *build, unsigned int instance, int rank, const char *section, const char *name,
		const char *value, char words[static IMPORT_WORDS_SIZE])
{
	const struct key *key = keys_find(section, name);
	const struct import_line *before;
	char why[KEY_WHY_SIZE] = "";
	struct import_line line;

	if (!key)
		return -ENOENT;
	if (!is_line_value(value)) {
		snprintf(words, IMPORT_WORDS_SIZE, "%s= cannot have this value", name);
		return -EINVAL;
	}
	before = find_line(build, instance, key, key->list ? value : NULL);
	if (before && strcmp(before->value, value) != 0) {
		snprintf(words, IMPORT_WORDS_SIZE, "%s= is there once only, and is %s already", name, STR_ESCAPED(before->value));
		return -EINVAL;
	}
	if (!before && key->parse(&build->scratch, value, why) < 0) {
		snprintf(words, IMPORT_WORDS_SIZE, "%s=%s is not possible: want %s%s", name, STR_ESCAPED(value), key->want, why);
		return -EINVAL;
	}
	snprintf(words, IMPORT_WORDS_SIZE, "[%s] %s=%s", key->section, key->name, STR_ESCAPED(value));
	if (before)
		return 0;

	line = (struct import_line){ key, strdup(value), instance, rank };
	if (!line.value || add_line(build, &line) < 0)
		build->error = -ENOMEM;
	return 0;
}
