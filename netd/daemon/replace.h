/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that is replaced as a whole: whoever reads it finds what was there before, or all of what is new.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct replace {
	FILE *file;			/* owned; what is written to it is the new content */
	char path[4096], next[4104];
};

int replace_begin(struct replace *ret_replace, const char *path);
int replace_finish(struct replace *replace, bool durable);
int replace_text(const char *path, const char *text, size_t length, bool durable);
