/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of a process.
 * System calls: reads files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

size_t process_read(pid_t pid, const char *name, char *buffer, size_t size);
int process_shares_network(pid_t pid);
bool process_is_of(pid_t pid, uid_t uid);
uid_t process_overflow_uid(void);
