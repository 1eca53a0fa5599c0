/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxml2, loaded when a verb is about libvirt. It brings 32 MB of other libraries along, and takes the most part of what a start of
 * the client takes, which scripts do again and again; a machine without libvirt needs none of it.
 *
 * Whoever includes this calls libxml_load() first; then its functions have their names.
 */
#pragma once

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "../lib/failure.h"

#define LIBXML_SYMBOLS(X) \
	X(xmlCtxtGetLastError) X(xmlCtxtReadMemory) X(xmlDocDumpFormatMemory) X(xmlDocGetRootElement) X(xmlFree) X(xmlFreeDoc) \
	X(xmlFreeNode) X(xmlFreeParserCtxt) X(xmlGetLineNo) X(xmlGetNoNsProp) X(xmlHasProp) X(xmlIsBlankNode) X(xmlNewChild) \
	X(xmlNewParserCtxt) X(xmlNewProp) X(xmlNodeListGetString) X(xmlReadMemory) X(xmlSetStructuredErrorFunc) X(xmlStopParser) \
	X(xmlUnlinkNode) X(xmlUnsetProp)

#define LIBXML_MEMBER(name) typeof(&name) sym_##name;
extern struct libxml {
	LIBXML_SYMBOLS(LIBXML_MEMBER)
} libxml;
#undef LIBXML_MEMBER

int libxml_load(struct failure *failure);

#define xmlCtxtGetLastError		(*libxml.sym_xmlCtxtGetLastError)
#define xmlCtxtReadMemory		(*libxml.sym_xmlCtxtReadMemory)
#define xmlDocDumpFormatMemory		(*libxml.sym_xmlDocDumpFormatMemory)
#define xmlDocGetRootElement		(*libxml.sym_xmlDocGetRootElement)
#define xmlFree				(*libxml.sym_xmlFree)
#define xmlFreeDoc			(*libxml.sym_xmlFreeDoc)
#define xmlFreeNode			(*libxml.sym_xmlFreeNode)
#define xmlFreeParserCtxt		(*libxml.sym_xmlFreeParserCtxt)
#define xmlGetLineNo			(*libxml.sym_xmlGetLineNo)
#define xmlGetNoNsProp			(*libxml.sym_xmlGetNoNsProp)
#define xmlHasProp			(*libxml.sym_xmlHasProp)
#define xmlIsBlankNode			(*libxml.sym_xmlIsBlankNode)
#define xmlNewChild			(*libxml.sym_xmlNewChild)
#define xmlNewParserCtxt		(*libxml.sym_xmlNewParserCtxt)
#define xmlNewProp			(*libxml.sym_xmlNewProp)
#define xmlNodeListGetString		(*libxml.sym_xmlNodeListGetString)
#define xmlReadMemory			(*libxml.sym_xmlReadMemory)
#define xmlSetStructuredErrorFunc	(*libxml.sym_xmlSetStructuredErrorFunc)
#define xmlStopParser			(*libxml.sym_xmlStopParser)
#define xmlUnlinkNode			(*libxml.sym_xmlUnlinkNode)
#define xmlUnsetProp			(*libxml.sym_xmlUnsetProp)
