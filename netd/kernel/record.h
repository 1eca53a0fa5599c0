/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon has seen of the kernel and made of it, in a file that tests/unit/test-record.c goes through again.
 *
 * The file begins with RECORD_MAGIC, the version, and a number by which another byte order is seen. Then records: a struct
 * record_header and as many bytes as it says, padded to 4. Numbers are in the byte order of the machine, as netlink's are.
 * Another meaning of anything in it is another version.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/failure.h"

#define RECORD_MAGIC		"guestnet record\n"
#define RECORD_VERSION		1
#define RECORD_BYTE_ORDER	0x01020304

struct record_begin {
	char magic[16];
	uint32_t version;
	uint32_t byte_order;
};

enum record_kind {
	RECORD_SENT = 1,	/* a datagram to the kernel; what follows until the next one are its answers */
	RECORD_ANSWER,
	RECORD_EVENT,
	RECORD_VALUE,		/* text: a number below /proc/sys/net: "read|write PATH VALUE ERROR"; "index NAME INDEX 0"; "tap NAME 0 ERROR" */
	RECORD_LOOK,		/* text: a look begins, with what is known before it */
	RECORD_PLAN,		/* text: what a plan is made of, and the plan */
	RECORD_APPLY,		/* the last plan is carried out */
	RECORD_FULL,		/* LIMIT_RECORD is reached: the last record */
	RECORD_END,		/* the daemon has ended by itself: a file without one may end in the middle of something */
	RECORD_MAX_,
};

struct record_header {
	uint16_t kind;		/* enum record_kind */
	uint16_t protocol;	/* NETLINK_ROUTE or NETLINK_NETFILTER; of records without a datagram 0 */
	uint32_t length;	/* of what follows, without padding */
	uint64_t time_us;	/* since the file was begun */
};

struct kernel;
struct recorder;

int recorder_open(const char *path, struct recorder **ret_recorder, struct failure *failure);
struct recorder *recorder_free(struct recorder *recorder);
static inline void recorder_freep(struct recorder **recorder)
{
	*recorder = recorder_free(*recorder);
}

void recorder_add(struct recorder *recorder, enum record_kind kind, const void *bytes, size_t length);
void recorder_add_value(struct recorder *recorder, const char *what, const char *path, int value, int error);
void recorder_add_look(struct recorder *recorder, const struct kernel *kernel, unsigned int parts);
