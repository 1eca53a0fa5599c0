/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's network XML as a network file of ours, with an exact account of what became of each part of it.
 * Pure: no system calls.
 *
 * The document is walked once. Each item of it (import.h says what that is) finds its row in the table of
 * import-rows.c, which translates it into a line of the file or says why not; an item without a row is listed as
 * unknown. So nothing can be dropped, and a translation is one row. Whatever is put into the file goes through the
 * parser of its key at once, and the whole file through the parser of files at the end.
 *
 * The document is from anybody. No DTD is accepted, so there are no entities besides those of XML itself and nothing
 * outside the text can be named; size, depth and number of items are limited.
 */
#include "import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/str.h"
#include "../netd/model/keys.h"
#include "import-file.h"
#include "import-rows.h"
#include "libxml.h"

#define DNSMASQ_NAMESPACE "http://libvirt.org/schemas/network/dnsmasq/1.0"
#define PATH_SIZE 1024

void import_deinit(struct import *import)
{
	for (size_t i = 0; i < import->n_items; i++) {
		free(import->items[i].path);
		free(import->items[i].value);
		free(import->items[i].words);
	}
	free(import->items);
	for (size_t i = 0; i < import->n_remarks; i++)
		free(import->remarks[i]);
	free(import->remarks);
	free(import->text);
	free(import->problem);
	*import = IMPORT_NULL;
}

/* The walk */

/* Names as they are written, for people; and as the table has them, whatever prefix a namespace was given. */
struct path {
	char written[PATH_SIZE];
	char known[PATH_SIZE];
};

static int path_add(struct path *path, const char *separator, const xmlNs *ns, const xmlChar *name)
{
	const char *prefix = ns && ns->prefix ? (const char *)ns->prefix : "";
	const char *known = !ns ? "" : strcmp((const char *)ns->href, DNSMASQ_NAMESPACE) == 0 ? "dnsmasq:" : "foreign:";
	size_t written = strlen(path->written), n_known = strlen(path->known);
	int n, m;

	n = snprintf(path->written + written, PATH_SIZE - written, "%s%s%s%s", separator, prefix, *prefix ? ":" : "",
		     (const char *)name);
	m = snprintf(path->known + n_known, PATH_SIZE - n_known, "%s%s%s", separator, known, (const char *)name);
	return n < 0 || m < 0 || (size_t)n >= PATH_SIZE - written || (size_t)m >= PATH_SIZE - n_known ? -ENAMETOOLONG : 0;
}

static bool ask_group(struct import_build *build, const struct import_part *part, char words[static IMPORT_WORDS_SIZE])
{
	struct import_verdict *verdicts, verdict = { .asked = part->row->group };
	xmlNode *element = part->element;

	for (unsigned int i = 0; i < part->row->up; i++)
		element = element->parent;
	/* Items of one group stand close together. */
	for (size_t i = build->n_verdicts; i > 0; i--)
		if (build->verdicts[i - 1].node == element && build->verdicts[i - 1].asked == verdict.asked) {
			snprintf(words, IMPORT_WORDS_SIZE, "%s", build->verdicts[i - 1].words);
			return build->verdicts[i - 1].translated;
		}
	verdict.node = element;
	verdict.translated = part->row->group(build, element, words);
	verdict.words = strdup(words);
	verdicts = verdict.words ? reallocarray(build->verdicts, build->n_verdicts + 1, sizeof(*verdicts)) : NULL;
	if (!verdicts) {
		free(verdict.words);
		build->error = -ENOMEM;
		return verdict.translated;
	}
	build->verdicts = verdicts;
	verdicts[build->n_verdicts++] = verdict;
	return verdict.translated;
}

static int add_item(struct import_build *build, const struct import_item *item)
{
	struct import *import = build->import;
	struct import_item *items = reallocarray(import->items, import->n_items + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	import->items = items;
	items[import->n_items++] = *item;
	return 0;
}

/* One item, of which this is the only account. @value becomes the item's. */
static int account(struct import_build *build, const struct path *path, xmlNode *element, char *value,
		   struct failure *failure)
{
	struct import_part part = { .element = element, .value = value };
	struct import_item item = { .value = value, .line = (unsigned int)xmlGetLineNo(element) };
	const char *known = path->known, *inside;
	char words[IMPORT_WORDS_SIZE];

	if (build->import->n_items == LIMIT_IMPORT_ITEMS) {
		free(value);
		return failure_set(failure, -E2BIG, "line %u: the document has more than %d attributes and texts", item.line,
				   LIMIT_IMPORT_ITEMS);
	}
	/* The file in which libvirt keeps the state of a running network has the network inside. */
	if (str_has_prefix(known, "networkstatus/network", &inside) && (!*inside || *inside == '/' || *inside == '@'))
		known += strlen("networkstatus/");
	part.row = import_row_find(known);
	snprintf(words, sizeof(words), "%s", part.row->words);
	if (part.row->item)
		item.translated = part.row->item(build, &part, words);
	if (part.row->group && (!part.row->item || item.translated))
		item.translated = ask_group(build, &part, words);

	item.path = strdup(path->written);
	item.words = strdup(words);
	if (!item.path || !item.words || add_item(build, &item) < 0) {
		free(item.path);
		free(item.words);
		free(value);
		return failure_set(failure, -ENOMEM, "out of memory");
	}
	if (item.translated)
		build->import->n_translated++;
	else
		build->import->n_listed++;
	return 0;
}

static int walk_attributes(struct import_build *build, const struct path *path, xmlNode *element, struct failure *failure)
{
	for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next) {
		struct path here = *path;
		xmlChar *value;
		char *copy;
		int r;

		if (path_add(&here, "@", attribute->ns, attribute->name) < 0)
			return failure_set(failure, -E2BIG, "line %ld: names are too long", xmlGetLineNo(element));
		value = xmlNodeListGetString(element->doc, attribute->children, 1);
		copy = strdup(value ? (const char *)value : "");
		xmlFree(value);
		r = copy ? account(build, &here, element, copy, failure) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Recursion is bounded by LIMIT_IMPORT_DEPTH. */
static int walk(struct import_build *build, const struct path *above, xmlNode *element, unsigned int depth,
		struct failure *failure)
{
	bool empty = !element->properties;
	struct path path = *above;
	char *text;
	int r;

	if (depth == LIMIT_IMPORT_DEPTH || path_add(&path, depth > 0 ? "/" : "", element->ns, element->name) < 0)
		return failure_set(failure, -E2BIG, "line %ld: more than %d elements inside each other, or names are too long",
				   xmlGetLineNo(element), LIMIT_IMPORT_DEPTH);
	r = walk_attributes(build, &path, element, failure);
	if (r < 0)
		return r;

	for (const xmlNode *node = element->children; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE)
			empty = false;
	text = import_own_text(element);
	if (!text)
		return failure_set(failure, -ENOMEM, "out of memory");
	if (*text || empty) {
		r = account(build, &path, element, text, failure);
		if (r < 0)
			return r;
	} else {
		free(text);
	}

	for (xmlNode *node = element->children; node; node = node->next) {
		r = node->type == XML_ELEMENT_NODE ? walk(build, &path, node, depth + 1, failure) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* The next node in the order of the document, or NULL. */
static const xmlNode *next_node(const xmlNode *node, const xmlNode *root)
{
	if (node->type == XML_ELEMENT_NODE && node->children)
		return node->children;
	while (node != root && !node->next)
		node = node->parent;
	return node == root ? NULL : node->next;
}

/* Counts items a second time, in another way, so that the account can be held against it. */
static size_t count_items(const xmlNode *root)
{
	size_t n = 0;

	for (const xmlNode *node = root; node; node = next_node(node, root)) {
		bool has_text = false, has_elements = false;

		if (node->type != XML_ELEMENT_NODE)
			continue;
		for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
			n++;
		for (const xmlNode *child = node->children; child; child = child->next) {
			has_elements |= child->type == XML_ELEMENT_NODE;
			if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE)
				has_text |= !xmlIsBlankNode(child);
		}
		n += has_text || (!has_elements && !node->properties);
	}
	return n;
}

/* The name of the network and of its file; -EINVAL when it has none that is possible. */
static int set_name(struct import_build *build, struct failure *failure)
{
	const xmlNode *element = import_child(build->network, "name");
	char *text = build->options->name ? strdup(build->options->name) : element ? import_own_text(element) : strdup("");
	int r = 0;

	if (!text)
		return failure_set(failure, -ENOMEM, "out of memory");
	if (!*text)
		r = failure_set(failure, -EINVAL, "the network has no name: give it one with --name");
	else if (!network_name_is_valid(text))
		r = failure_set(failure, -EINVAL, "the network cannot be called \"%s\": want 1 to 12 letters, digits, '-', '_' and '.', a letter or digit first, and neither lo nor all; give it another name with --name",
				STR_ESCAPED(text));
	else
		snprintf(build->import->name, sizeof(build->import->name), "%s", text);
	free(text);
	return r;
}

static int translate(struct import_build *build, xmlNode *root, struct failure *failure)
{
	struct import *import = build->import;
	struct path path = { .written = "" };
	int r;

	build->network = root;
	if (strcmp((const char *)root->name, "networkstatus") == 0)
		build->network = import_child(root, "network");
	if (build->network && build->network->ns && strcmp((const char *)build->network->name, "network") == 0)
		return failure_set(failure, -EINVAL, "this <network> is of the namespace \"%s\", and libvirt's is of none: take away its xmlns",
				   STR_ESCAPED((const char *)build->network->ns->href ?: ""));
	if (!build->network || strcmp((const char *)build->network->name, "network") != 0)
		return failure_set(failure, -EINVAL, "this is a <%s>, want libvirt's <network>", STR_ESCAPED((const char *)root->name));
	r = set_name(build, failure);
	if (r < 0)
		return r;

	snprintf(build->scratch.name, sizeof(build->scratch.name), "%s", import->name);
	keys_reset(&build->scratch);
	r = walk(build, &path, root, 0, failure);
	if (r < 0)
		return r;
	import->n_found = count_items(root);
	import_rows_finish(build);
	r = build->error;
	if (r == 0)
		r = import_file_print(build, &import->text);
	if (r == 0 && !import->problem)
		r = import_file_verify(build);
	if (import->problem) {
		free(import->text);
		import->text = NULL;
	}
	return r < 0 ? failure_set(failure, r, "out of memory") : 0;
}

/* The document */

/* There is no DTD in libvirt's format. It is where entities and names of other files would come from. */
static void refuse_dtd(void *data, const xmlChar *name _unused_, const xmlChar *external _unused_, const xmlChar *system _unused_)
{
	xmlParserCtxt *context = data;

	context->_private = context;
	xmlStopParser(context);
}

/* Since libxml2 2.12 an error is shown, not lent. */
#if LIBXML_VERSION >= 21200
typedef const xmlError *xml_error;
#else
typedef xmlErrorPtr xml_error;
#endif

/* libxml2 would print some of its errors; the last one of the context is reported by us. */
static void keep_quiet(void *data _unused_, xml_error error _unused_)
{
}

static int parse_failure(xmlParserCtxt *context, struct failure *failure)
{
	const xmlError *error = xmlCtxtGetLastError(context);
	char why[256];

	if (context->_private)
		return failure_set(failure, -EINVAL, "it has a document type declaration (<!DOCTYPE): libvirt's format has none, and none is read");
	if (!error || !error->message)
		return failure_set(failure, -EINVAL, "it is no XML");
	snprintf(why, sizeof(why), "%s", error->message);
	why[strcspn(why, "\n")] = '\0';
	return failure_set(failure, -EINVAL, "line %d: it is no good XML: %s", error->line, STR_ESCAPED(why));
}

/*
 * Makes a network file of a document. 0 with the account in @ret_import, which the caller owns, also when the network
 * cannot be ours: then it has no text but a problem. -EINVAL and -E2BIG when the document is no network of libvirt's,
 * with the reason; -ENOMEM.
 */
int import_parse(const char *xml, size_t length, const struct import_options *options, struct import *ret_import,
		 struct failure *failure)
{
	_cleanup_(import_deinit) struct import import = IMPORT_NULL;
	_cleanup_(import_build_deinit) struct import_build build = { .import = &import, .options = options };
	xmlParserCtxt *context;
	xmlDoc *document;
	int r;

	if (length > LIMIT_IMPORT_BYTES)
		return failure_set(failure, -E2BIG, "it is larger than %d bytes", LIMIT_IMPORT_BYTES);
	context = xmlNewParserCtxt();
	if (!context)
		return failure_set(failure, -ENOMEM, "out of memory");
	xmlSetStructuredErrorFunc(NULL, keep_quiet);
	context->_private = NULL;
	context->sax->internalSubset = refuse_dtd;
	context->sax->externalSubset = refuse_dtd;
	document = xmlCtxtReadMemory(context, xml, (int)length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (document && !context->_private)
		r = translate(&build, xmlDocGetRootElement(document), failure);
	else
		r = parse_failure(context, failure);
	xmlFreeDoc(document);
	xmlFreeParserCtxt(context);
	if (r < 0)
		return r;
	*ret_import = import;
	import = IMPORT_NULL;
	return 0;
}
