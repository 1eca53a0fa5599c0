/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What went wrong, in words, carried up to the one place that prints.
 * Pure.
 */
#pragma once

#include "util.h"

/* One line without a newline; empty while nothing has failed. */
struct failure {
	char text[1024];
};

int failure_set(struct failure *failure, int error, const char *format, ...) _printf_(3, 4);
