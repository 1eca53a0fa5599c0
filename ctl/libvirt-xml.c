/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's definition of a network that is a bridge of ours, and what there is to know of a definition.
 * Pure: no system calls.
 */
#include "libvirt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/str.h"
#include "libxml.h"

/* Who the network is, and what guests name when they use it. Everything else describes a bridge of libvirt's own. */
static const char *const kept[] = { "name", "uuid", "title", "description", "metadata", "portgroup", "port" };

static xmlNode *find_child(const xmlNode *element, const char *name)
{
	for (xmlNode *node = element->children; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && !node->ns && strcmp((const char *)node->name, name) == 0)
			return node;
	return NULL;
}

/* The element of a network in a document, which the caller owns through @ret_document. NULL when there is none. */
static xmlNode *parse(const char *xml, xmlDoc **ret_document, struct failure *failure)
{
	xmlDoc *document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;

	*ret_document = document;
	if (root && strcmp((const char *)root->name, "network") == 0 && find_child(root, "name"))
		return root;
	failure_set(failure, -EINVAL, "what virsh printed is no network");
	return NULL;
}

/* Copies an attribute into @buffer; what does not fit is none of ours, and becomes "". */
static void copy_attribute(const xmlNode *element, const char *name, char *buffer, size_t size)
{
	xmlChar *value = element ? xmlGetNoNsProp((xmlNode *)element, (const xmlChar *)name) : NULL;

	buffer[0] = '\0';
	if (value && strlen((const char *)value) < size)
		strcpy(buffer, (const char *)value);
	xmlFree(value);
}

/* What a definition says; -EINVAL when it is none. */
int libvirt_read(const char *xml, struct libvirt_network *ret_network, struct failure *failure)
{
	struct libvirt_network network = { 0 };
	xmlDoc *document;
	const xmlNode *root = parse(xml, &document, failure);
	char connections[16];

	if (root) {
		copy_attribute(find_child(root, "forward"), "mode", network.mode, sizeof(network.mode));
		copy_attribute(find_child(root, "bridge"), "name", network.bridge, sizeof(network.bridge));
		copy_attribute(root, "connections", connections, sizeof(connections));
		str_parse_u32(connections, UINT32_MAX, &network.n_guests);
		*ret_network = network;
	}
	xmlFreeDoc(document);
	return root ? 0 : -EINVAL;
}

static bool is_kept(const xmlNode *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (node->type == XML_ELEMENT_NODE && !node->ns && strcmp((const char *)node->name, kept[i]) == 0)
			return true;
	return false;
}

static int make_link(xmlNode *root, const char *bridge)
{
	xmlNode *next, *element;

	for (xmlNode *node = root->children; node; node = next) {
		next = node->next;
		if (!is_kept(node)) {
			xmlUnlinkNode(node);
			xmlFreeNode(node);
		}
	}
	xmlUnsetProp(root, (const xmlChar *)"connections");
	xmlUnsetProp(root, (const xmlChar *)"ipv6");
	element = xmlNewChild(root, NULL, (const xmlChar *)"forward", NULL);
	if (!element || !xmlNewProp(element, (const xmlChar *)"mode", (const xmlChar *)"bridge"))
		return -ENOMEM;
	element = xmlNewChild(root, NULL, (const xmlChar *)"bridge", NULL);
	return element && xmlNewProp(element, (const xmlChar *)"name", (const xmlChar *)bridge) ? 0 : -ENOMEM;
}

/*
 * The definition of the same network, with its name and id and all that guests refer to, as a bridge that is there
 * already. The caller owns @ret_xml. -EINVAL, -ENOMEM.
 */
int libvirt_make_link(const char *xml, const char *bridge, char **ret_xml, struct failure *failure)
{
	xmlDoc *document;
	xmlNode *root = parse(xml, &document, failure);
	xmlChar *text = NULL;
	int size, r = root ? make_link(root, bridge) : -EINVAL;

	if (r == 0) {
		xmlDocDumpFormatMemory(document, &text, &size, 1);
		*ret_xml = text ? strdup((const char *)text) : NULL;
		r = *ret_xml ? 0 : -ENOMEM;
	}
	xmlFree(text);
	xmlFreeDoc(document);
	return r == -ENOMEM ? failure_set(failure, r, "out of memory") : r;
}
