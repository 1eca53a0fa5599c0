/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that is replaced as a whole: it is written beside the old one, PATH.new, and takes its name in one step.
 * System calls: writes files.
 */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/fd.h"

/* On success the caller writes to its file, and has to call replace_finish(). */
int replace_begin(struct replace *ret_replace, const char *path)
{
	struct replace replace;
	int fd;

	if (strlen(path) >= sizeof(replace.path))
		return -ENAMETOOLONG;
	strcpy(replace.path, path);
	snprintf(replace.next, sizeof(replace.next), "%s.new", path);
	fd = open(replace.next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	replace.file = fdopen(fd, "w");
	if (!replace.file) {
		fd_close(fd);
		return -ENOMEM;
	}
	*ret_replace = replace;
	return 0;
}

/* @durable: after a crash of the machine, too. Where it fails the old file stays. */
int replace_finish(struct replace *replace, bool durable)
{
	int r = 0;

	if (fflush(replace->file) != 0)
		r = -errno;
	else if (ferror(replace->file))		/* of a write before that one */
		r = -EIO;
	else if (durable && fsync(fileno(replace->file)) < 0)
		r = -errno;
	if (fclose(replace->file) != 0 && r == 0)
		r = -errno;
	replace->file = NULL;
	if (r == 0 && rename(replace->next, replace->path) < 0)
		r = -errno;
	if (r < 0)
		unlink(replace->next);
	return r;
}

int replace_text(const char *path, const char *text, size_t length, bool durable)
{
	struct replace replace;
	int r = replace_begin(&replace, path);

	if (r < 0)
		return r;
	fwrite(text, 1, length, replace.file);
	return replace_finish(&replace, durable);
}
