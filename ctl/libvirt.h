/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's networks, by its own program virsh.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../lib/failure.h"

#define LIMIT_VIRSH_OUTPUT	(1024 * 1024)
#define LIMIT_VIRSH_ARGUMENTS	16

int virsh_run(const char *const arguments[], char **ret_output, size_t *ret_length, struct failure *failure);

int libvirt_dump(const char *name, char **ret_xml, size_t *ret_length, struct failure *failure);
int libvirt_is_autostarted(const char *name, bool *ret_autostarted, struct failure *failure);
