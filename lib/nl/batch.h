/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink messages on their way to the kernel, and what became of each of them.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;

/* No message is longer. */
#define NL_MESSAGE_SIZE	(96 * 1024)

#define NL_UNTAGGED	UINT32_MAX

struct nl_entry {
	size_t offset;		/* of the message in the batch */
	uint32_t tag;		/* the caller's: which step it belongs to; NL_UNTAGGED for begin and end */
	int error;		/* negative errno from the kernel, or 0 */
	char *text;		/* owned; the kernel's own words, or NULL */
};

/*
 * A batch grows as messages are begun. What does not fit into a message, or into memory, is latched in
 * `error`, and the batch is then never sent: a caller tests once, at the end.
 */
struct nl_batch {
	uint8_t *bytes;		/* owned */
	size_t length, size;
	struct nlmsghdr *message;	/* the current one, in bytes; moves as it grows */
	struct nl_entry *entries;	/* owned; one per message */
	size_t n_entries, max_entries;
	size_t n_errors;	/* after nl_transact() */
	int error;
	bool whole;		/* must reach the kernel as one datagram: an nftables transaction */
};

#define NL_BATCH_NULL (struct nl_batch){ 0 }

void nl_batch_deinit(struct nl_batch *batch);
void nl_batch_reset(struct nl_batch *batch);

void nl_begin(struct nl_batch *batch, uint16_t type, uint16_t flags, uint32_t tag, const void *header, size_t header_size);
struct nlmsghdr *nl_roomy(struct nl_batch *batch);
void nl_put(struct nl_batch *batch, uint16_t type, const void *data, size_t length);
void nl_put_u8(struct nl_batch *batch, uint16_t type, uint8_t value);
void nl_put_u16(struct nl_batch *batch, uint16_t type, uint16_t value);
void nl_put_u32(struct nl_batch *batch, uint16_t type, uint32_t value);
void nl_put_u32_be(struct nl_batch *batch, uint16_t type, uint32_t value);
void nl_put_u64_be(struct nl_batch *batch, uint16_t type, uint64_t value);
void nl_put_string(struct nl_batch *batch, uint16_t type, const char *value);
size_t nl_nest(struct nl_batch *batch, uint16_t type);
void nl_nest_end(struct nl_batch *batch, size_t nest);
void nl_fail(struct nl_batch *batch, int error);

/* A socket for requests: answers are awaited before the call returns. */
struct nl_channel {
	struct mnl_socket *socket;	/* owned */
	uint32_t port;			/* our address: what the kernel's notifications name as their cause */
	uint32_t sequence;
	uint8_t *buffer;		/* owned; for answers */
};

#define NL_CHANNEL_NULL (struct nl_channel){ 0 }

int nl_channel_open(int protocol, struct nl_channel *ret_channel);
int nl_channel_adopt(int fd, struct nl_channel *ret_channel);
void nl_channel_deinit(struct nl_channel *channel);
int nl_channel_fd(const struct nl_channel *channel);

/* Called for every object that a message of the batch asked for. Negative ends up in that message's entry. */
typedef int (*nl_each)(const struct nlmsghdr *message, uint32_t tag, void *data);

int nl_transact(struct nl_channel *channel, struct nl_batch *batch, nl_each each, void *data);
int nl_dump(struct nl_channel *channel, struct nl_batch *request,
	    int (*each)(const struct nlmsghdr *message, void *data), void *data);

/*
 * Reading attributes. The table holds a pointer for every attribute type below its size, NULL for those
 * that are not there; an attribute that is not whole ends the reading.
 */

bool nl_parse(const struct nlmsghdr *message, size_t header_size, const struct nlattr **table, size_t n);
bool nl_parse_nested(const struct nlattr *attribute, const struct nlattr **table, size_t n);
const void *nl_data(const struct nlattr *attribute);
size_t nl_length(const struct nlattr *attribute);
bool nl_get(const struct nlattr *attribute, void *ret_value, size_t size);
uint8_t nl_get_u8(const struct nlattr *attribute, uint8_t missing);
uint16_t nl_get_u16(const struct nlattr *attribute, uint16_t missing);
uint32_t nl_get_u32(const struct nlattr *attribute, uint32_t missing);
uint32_t nl_get_u32_be(const struct nlattr *attribute, uint32_t missing);
uint64_t nl_get_u64_be(const struct nlattr *attribute, uint64_t missing);
const char *nl_get_string(const struct nlattr *attribute);

/* Goes through the attributes inside @parent: `const struct nlattr *a = NULL; while ((a = nl_next(parent, a)))`. */
const struct nlattr *nl_next(const struct nlattr *parent, const struct nlattr *attribute);
