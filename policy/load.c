/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy files and their includes.
 * System calls: reads files, with whatever rights the process has.
 *
 * Files are opened as the caller, or as if by the caller (access.c), on purpose: an include that the caller may not read is not part of
 * the caller's policy ("root:alice 0640" is how per-user policies are made). Everything else that goes
 * wrong, in any file, denies everything.
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

struct load {
	struct policy *policy;
	enum policy_load_flags flags;
	struct failure *failure;
};

/* Where an include stands, for messages; the first file stands nowhere. */
struct origin {
	const char *path;
	uint32_t line;
	unsigned int depth;
};

static int load_failure(const struct load *load, const struct origin *origin, const char *path, int error)
{
	if (origin)
		return failure_set(load->failure, error, "%s:%u: include %s: %s", STR_ESCAPED(origin->path),
				   origin->line, STR_ESCAPED(path), strerror(-error));
	return failure_set(load->failure, error, "%s: %s", STR_ESCAPED(path), strerror(-error));
}

/*
 * Opens the file itself. Where the policy is somebody else's (policy.reader), what that caller could not read is
 * -EACCES for us too; and what only we may not read is no part that could be left out.
 */
static int load_open_file(const struct load *load, const char *path, int flags, struct stat *ret_st, int *ret_fd)
{
	const struct policy_caller *reader = load->policy->reader;
	_cleanup_(fd_closep) int fd = open(path, flags);
	int r;

	if (fd < 0) {
		r = -errno;
		if (reader && r == -EACCES && access_verify(reader, path, ACCESS_READ) != -EACCES)
			return failure_set(load->failure, -EPERM, "guestnetd may not read %s, and the caller may", STR_ESCAPED(path));
		return r;
	}
	if (fstat(fd, ret_st) < 0)
		return -errno;
	r = reader ? access_verify_fd(reader, fd, ret_st, ACCESS_READ) : 0;
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Opens a policy file for reading, or says why it must not be believed. Never blocks on a FIFO. */
static int load_open(const struct load *load, const char *path, int *ret_fd, struct stat *ret_st)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char resolved[PATH_MAX];
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int r;

	if (!(load->flags & POLICY_LOAD_ANY_OWNER)) {
		r = owner_resolve(path, load->policy->reader, resolved, load->failure);
		if (r < 0)
			return r;
		path = resolved;
		flags |= O_NOFOLLOW;
	}

	r = load_open_file(load, path, flags, ret_st, &fd);
	if (r < 0)
		return r;
	if (!S_ISREG(ret_st->st_mode))
		return failure_set(load->failure, -EINVAL, "%s is not a regular file", STR_ESCAPED(path));
	if (!(load->flags & POLICY_LOAD_ANY_OWNER)) {
		r = owner_verify(ret_st, path, load->failure);
		if (r < 0)
			return r;
	}

	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Reads a whole file, with one spare byte behind it for the parser. */
static int load_text(const struct load *load, const char *path, int fd, const struct stat *st,
		     char **ret_text, size_t *ret_length)
{
	int r = fd_read_text(fd, st, LIMIT_POLICY_FILE, ret_text, ret_length);

	if (r == -EFBIG)
		return failure_set(load->failure, r, "%s is larger than %d bytes", STR_ESCAPED(path), LIMIT_POLICY_FILE);
	if (r == -EAGAIN)
		return failure_set(load->failure, r, "%s changed while it was read: try again", STR_ESCAPED(path));
	return r;
}

/* Adds a file to the policy, which then owns @path and @text; -EEXIST when it is there already. */
static int load_add_file(const struct load *load, char *path, char *text, const struct stat *st)
{
	struct policy *policy = load->policy;
	struct policy_file *files;

	for (size_t i = 0; i < policy->n_files; i++)
		if (policy->files[i].device == st->st_dev && policy->files[i].inode == st->st_ino)
			return -EEXIST;
	if (policy->n_files == LIMIT_POLICY_FILES)
		return failure_set(load->failure, -E2BIG, "%s: more than %d policy files", STR_ESCAPED(path),
				   LIMIT_POLICY_FILES);

	files = reallocarray(policy->files, policy->n_files + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	policy->files = files;
	files[policy->n_files++] = (struct policy_file){
		.path = path,
		.text = text,
		.device = st->st_dev,
		.inode = st->st_ino,
	};
	return 0;
}

static int load_file(const struct load *load, const char *path, const struct origin *origin);

/* An include: relative to the file it stands in. What is missing or unreadable is no part of the policy. */
static int load_include(const struct load *load, const char *include, const struct origin *origin)
{
	char path[PATH_MAX];
	const char *slash = strrchr(origin->path, '/');
	int n, r;

	if (include[0] == '/' || !slash)
		n = snprintf(path, sizeof(path), "%s", include);
	else
		n = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - origin->path), origin->path, include);
	if (n >= (int)sizeof(path))
		return load_failure(load, origin, include, -ENAMETOOLONG);
	if (origin->depth > LIMIT_POLICY_DEPTH)
		return failure_set(load->failure, -ELOOP, "%s:%u: include %s: more than %d includes inside each other",
				   STR_ESCAPED(origin->path), origin->line, STR_ESCAPED(include), LIMIT_POLICY_DEPTH);

	r = load_file(load, path, origin);
	if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
		return 0;
	if (r == -EEXIST)
		return failure_set(load->failure, r, "%s:%u: include %s: this file has been read already",
				   STR_ESCAPED(origin->path), origin->line, STR_ESCAPED(include));
	return r;
}

static int load_rules(const struct load *load, uint16_t file, size_t length, unsigned int depth)
{
	struct policy_cursor cursor = POLICY_CURSOR(load->policy->files[file].text, length, file);

	for (;;) {
		struct origin origin;
		const char *include;
		int r;

		r = policy_parse(load->policy, &cursor, &include, load->failure);
		if (r < 0 || !include)
			return r;

		origin = (struct origin){
			.path = load->policy->files[file].path,
			.line = cursor.line,
			.depth = depth + 1,
		};
		r = load_include(load, include, &origin);
		if (r < 0)
			return r;
	}
}

/*
 * Reads one file and everything it includes. -ENOENT, -ENOTDIR, -EACCES and -EEXIST are about this very
 * file, without a text; includes inside it never return these.
 */
static int load_file(const struct load *load, const char *path, const struct origin *origin)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *owned_path = NULL;
	struct stat st;
	size_t length = 0;
	int r;

	r = load_open(load, path, &fd, &st);
	if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
		return r;
	if (r < 0)
		return load_failure(load, origin, path, r);

	r = load_text(load, path, fd, &st, &text, &length);
	if (r < 0)
		return load_failure(load, origin, path, r);

	owned_path = strdup(path);
	r = owned_path ? load_add_file(load, owned_path, text, &st) : -ENOMEM;
	if (r == -EEXIST)
		return r;
	if (r < 0)
		return load_failure(load, origin, path, r);
	steal_ptr(owned_path);
	steal_ptr(text);

	return load_rules(load, (uint16_t)(load->policy->n_files - 1), length, origin ? origin->depth : 0);
}

/*
 * Loads @path and what it includes into @policy, which must be POLICY_NULL and which the caller must
 * policy_deinit() in any case. Nothing in a policy whose loading failed may be used to allow anything.
 * Errors are negative errnos with a text: file:line where a line is wrong, the file otherwise.
 */
int policy_load(struct policy *policy, const char *path, enum policy_load_flags flags,
		struct failure *failure)
{
	struct load load = { .policy = policy, .flags = flags, .failure = failure };
	int r = load_file(&load, path, NULL);

	return r < 0 ? load_failure(&load, NULL, path, r) : 0;
}
