/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leases of a network, read from dnsmasq's file whenever it changes.
 * System calls: reads files.
 */
#include "leases.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/fd.h"

#define LEASE_FILE_LIMIT (16 * 1024 * 1024)

/*
 * Reads a lease file. -EAGAIN when the file is being written: the leases known before still stand. A file
 * that is not there has no leases. The caller owns @ret_leases.
 */
int leases_read(const char *path, struct leases *ret_leases)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_(freep) char *text = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fd < 0 && errno == ENOENT) {
		*ret_leases = LEASES_NULL;
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = fd_read_text(fd, &st, LEASE_FILE_LIMIT, &text, &n);
	return r < 0 ? r : leasefile_parse(text, n, ret_leases);
}
