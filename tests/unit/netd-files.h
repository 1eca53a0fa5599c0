/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of files for one test: made before it, removed behind it.
 */
#pragma once

#include "unit.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_root[64];

static inline int test_root_make(void **state _unused_)
{
	strcpy(test_root, "/tmp/guestnet-test-XXXXXX");
	return mkdtemp(test_root) ? 0 : -1;
}

static inline int test_remove_one(const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *ftw _unused_)
{
	return remove(path);
}

static inline int test_root_remove(void **state _unused_)
{
	return nftw(test_root, test_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path below the root, with its directories made. */
static inline const char *test_path(const char *name)
{
	static char path[600];
	char *slash = path;

	snprintf(path, sizeof(path), "%s/%s", test_root, name);
	slash += strlen(test_root) + 1;
	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash++ = '/';
	}
	return path;
}

static inline void test_write(const char *name, const char *text)
{
	FILE *file = fopen(test_path(name), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static inline void test_link(const char *target, const char *name)
{
	assert_int_equal(symlink(target, test_path(name)), 0);
}

static inline void test_unlink(const char *name)
{
	assert_int_equal(unlink(test_path(name)), 0);
}
