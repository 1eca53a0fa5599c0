/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink datagrams on their way out and in.
 */
#pragma once

#include <stddef.h>

/* What a datagram is. NL_WIRE_INDEX is none: the text "NAME INDEX", by nl_wire_index(). */
enum nl_wire { NL_WIRE_SENT, NL_WIRE_ANSWER, NL_WIRE_EVENT, NL_WIRE_INDEX };

/* Sees every datagram that passes, whole. For the whole process: recording is. */
typedef void (*nl_wire_observer)(void *data, int fd, enum nl_wire kind, const void *bytes, size_t length);

void nl_wire_observe(nl_wire_observer observer, void *data);
int nl_wire_index(int fd, const char *name);
int nl_wire_send(int fd, const void *bytes, size_t length);
int nl_wire_receive(int fd, enum nl_wire kind, int flags, void *buffer, size_t size, size_t *ret_length);
