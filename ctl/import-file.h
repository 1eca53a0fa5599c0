/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network file that an import makes.
 * Pure: no system calls.
 */
#pragma once

#include "import-build.h"

int import_file_print(struct import_build *build, char **ret_text);
int import_file_verify(struct import_build *build);
