/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this file be believed? Only root may be able to change it or the way to it.
 * System calls: reads attributes.
 *
 * Theory of operation. The path is walked from "/" downwards, one component at a time. A directory
 * that is root's and that nobody else may write can only be changed by root, so what its entry names
 * now is what it names later: the walk needs no held directory fds, and the file opened afterwards by
 * the resolved path is the one that was looked at. An ACL that lets anybody else write shows in the
 * group bits of the mode (acl(5): the mask), so the mode is enough.
 */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "access.h"
#include "owner.h"

/* The uid that stands for "not in this user namespace" (user_namespaces(7), overflowuid). */
#define OVERFLOW_UID 65534

/*
 * Are we in a user namespace of our own? There the host's root is not visible: its files seem to be
 * OVERFLOW_UID's, and any capability we hold is worth something in that namespace only.
 */
static bool in_user_namespace(void)
{
	_cleanup_(fd_closep) int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	unsigned long inside, outside, count;
	char map[128];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, map, sizeof(map) - 1);
	if (n <= 0)
		return false;
	map[n] = '\0';
	if (sscanf(map, "%lu %lu %lu", &inside, &outside, &count) != 3)
		return false;
	return inside != 0 || outside != 0 || count != 4294967295UL;
}

static bool owner_is_root(const struct stat *st)
{
	return st->st_uid == 0 || (st->st_uid == OVERFLOW_UID && in_user_namespace());
}

/* -EPERM when somebody else than root can change what @st describes. */
int owner_verify(const struct stat *st, const char *path, struct failure *failure)
{
	if (!owner_is_root(st))
		return failure_set(failure, -EPERM, "%s belongs to uid %u: it must be root's (chown root %s)",
				   STR_ESCAPED(path), (unsigned int)st->st_uid, STR_ESCAPED(path));
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return failure_set(failure, -EPERM, "%s can be written by others than root (chmod go-w %s)",
				   STR_ESCAPED(path), STR_ESCAPED(path));
	return 0;
}

/* A path on its way to being resolved: what has been walked, and what is still to come. */
struct walk {
	const struct policy_caller *reader;	/* borrowed; NULL: the process itself */
	char done[PATH_MAX];
	char rest[PATH_MAX];
	unsigned int n_links;
};

/* Cuts the first component off the rest. Returns false at the end. */
static bool walk_next(struct walk *walk, char component[static NAME_MAX + 1])
{
	char *begin = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(begin, "/");

	if (length == 0 || length > NAME_MAX)
		return false;
	memcpy(component, begin, length);
	component[length] = '\0';
	memmove(walk->rest, begin + length, strlen(begin + length) + 1);
	return true;
}

static bool walk_at_end(const struct walk *walk)
{
	return walk->rest[strspn(walk->rest, "/")] == '\0';
}

/* Goes on with what the link at done/component points to. */
static int walk_follow(struct walk *walk, const char *link_path)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n;

	if (walk->n_links++ == LIMIT_SYMLINKS)
		return -ELOOP;
	n = readlink(link_path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= (int)sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(walk->rest, rest, sizeof(rest));
	if (target[0] == '/')
		walk->done[0] = '\0';
	return 0;
}

/*
 * May the reader look into the directory that the walk has come to? Where the process itself is the reader,
 * the kernel says so at the next step.
 */
static int verify_search(const struct walk *walk, struct failure *failure)
{
	const char *path = walk->done[0] ? walk->done : "/";
	int r;

	if (!walk->reader)
		return 0;
	r = access_verify(walk->reader, path, ACCESS_SEARCH);
	if (r < 0 && r != -EACCES)
		return failure_set(failure, -EPERM, "%s: %s", STR_ESCAPED(path), strerror(-r));
	return r;
}

/*
 * Walks one component further and verifies what is found there. At the last one @ret_file is true
 * and @st describes it.
 */
static int walk_step(struct walk *walk, const char *component, struct stat *st, bool *ret_file,
		     struct failure *failure)
{
	char path[PATH_MAX];
	int r;

	*ret_file = false;
	if (strcmp(component, ".") == 0)
		return 0;
	if (strcmp(component, "..") == 0) {
		char *slash = strrchr(walk->done, '/');

		if (slash)
			*slash = '\0';
		return 0;
	}

	if (snprintf(path, sizeof(path), "%s/%s", walk->done, component) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = verify_search(walk, failure);
	if (r < 0)
		return r;
	if (lstat(path, st) < 0) {
		r = -errno;
		/* The reader could: what stands there is part of what decides, and we do not know it. */
		if (walk->reader && r == -EACCES)
			return failure_set(failure, -EPERM, "guestnetd may not look at %s, and the caller may", STR_ESCAPED(path));
		return r;
	}
	if (S_ISLNK(st->st_mode))
		return walk_follow(walk, path);

	memcpy(walk->done, path, sizeof(path));
	if (walk_at_end(walk)) {
		*ret_file = true;
		if (!S_ISREG(st->st_mode))
			return failure_set(failure, -EINVAL, "%s is not a regular file", STR_ESCAPED(path));
	} else if (!S_ISDIR(st->st_mode)) {
		return -ENOTDIR;
	}
	return owner_verify(st, path, failure);
}

/*
 * Resolves an absolute path to a regular file, following links, and verifies that only root can change
 * the file, every directory above it and every directory passed on the way. @ret_path receives the
 * path without links (PATH_MAX bytes). Whom the directories on the way must let through is @reader, or, NULL,
 * the process itself.
 * Errors: -ENOENT, -ENOTDIR, -EACCES as lstat(2) says them; -EPERM when somebody else could change
 * something, with its name in @failure; -EINVAL for what is not a regular file.
 */
int owner_resolve(const char *path, const struct policy_caller *reader, char *ret_path, struct failure *failure)
{
	struct walk walk = { .reader = reader, .done = "" };
	char component[NAME_MAX + 1];
	struct stat st;
	int r;

	if (path[0] != '/' || snprintf(walk.rest, sizeof(walk.rest), "%s", path) >= (int)sizeof(walk.rest))
		return -ENAMETOOLONG;
	if (lstat("/", &st) < 0)
		return -errno;
	r = owner_verify(&st, "/", failure);
	if (r < 0)
		return r;

	while (walk_next(&walk, component)) {
		bool file;

		r = walk_step(&walk, component, &st, &file, failure);
		if (r < 0)
			return r;
		if (file) {
			memcpy(ret_path, walk.done, strlen(walk.done) + 1);
			return 0;
		}
	}
	return failure_set(failure, -EINVAL, "%s is not a regular file", STR_ESCAPED(path));
}
