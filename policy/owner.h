/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this file be believed? Only root may be able to change it or the way to it.
 */
#pragma once

#include <sys/stat.h>

#include "../lib/failure.h"

struct policy_caller;

int owner_verify(const struct stat *st, const char *path, struct failure *failure);
int owner_resolve(const char *path, const struct policy_caller *reader, char *ret_path, struct failure *failure);
