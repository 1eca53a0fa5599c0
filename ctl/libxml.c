/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libxml.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <libxml/xmlversion.h>

#include "../lib/util.h"

/* What it was built with: other versions of the file name have other structures. */
#if LIBXML_VERSION >= 21400
#define LIBXML_FILE "libxml2.so.16"
#else
#define LIBXML_FILE "libxml2.so.2"
#endif

struct libxml libxml;

/* The address of each symbol is an object pointer for dlsym(3), and is copied as such (POSIX, dlsym, "Rationale"). */
#define LIBXML_NAME(name) { #name, (void **)&libxml.sym_##name },
static const struct {
	const char *name;
	void **address;
} symbols[] = { LIBXML_SYMBOLS(LIBXML_NAME) };

/*
 * Loads it, once. It stays for as long as the process: it has state of its own that a second loading would not find.
 * -ENOENT: it is not installed; -ENOSYS: it lacks something, and is another library of that name.
 */
int libxml_load(struct failure *failure)
{
	static bool loaded;
	void *library;

	if (loaded)
		return 0;
	library = dlopen(LIBXML_FILE, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return failure_set(failure, -ENOENT, "what libvirt writes is read by libxml2, which cannot be loaded (install libxml2): %s", dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		*symbols[i].address = dlsym(library, symbols[i].name);
		if (!*symbols[i].address)
			return failure_set(failure, -ENOSYS, "%s has no %s", LIBXML_FILE, symbols[i].name);
	}
	loaded = true;
	return 0;
}
