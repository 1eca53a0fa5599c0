/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel would let a caller open, asked by a process that is not that caller.
 */
#pragma once

#include <sys/stat.h>

#include "policy.h"

/* As in a mode, and in an entry of an access control list. */
enum access_want { ACCESS_SEARCH = 1, ACCESS_READ = 4, ACCESS_READ_WRITE = 6 };

/* A POSIX access control list in the form in which the kernel hands it out (linux/posix_acl_xattr.h). */
struct access_list {
	unsigned char bytes[4096];
	size_t length;		/* 0: the mode is all there is */
};

bool access_is_allowed(const struct policy_caller *caller, const struct stat *st, const struct access_list *list,
		       enum access_want want);
int access_verify(const struct policy_caller *caller, const char *path, enum access_want want);
int access_verify_fd(const struct policy_caller *caller, int fd, const struct stat *st, enum access_want want);
