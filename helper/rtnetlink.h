/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small, bounded rtnetlink: build a few messages, send them as one datagram, read every answer.
 */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/addr.h"
#include "../lib/failure.h"

#define RTNL_REQUEST_SIZE	8192
#define RTNL_REPLY_SIZE		4096	/* one answer: a link with a hundred alternative names */
#define RTNL_REPLIES		36	/* answers to one datagram */

/* Messages on their way. What does not fit sets `overflow`, and the datagram is then never sent. */
struct rtnl_request {
	_Alignas(NLMSG_ALIGNTO) uint8_t bytes[RTNL_REQUEST_SIZE];
	size_t length;
	size_t message;		/* where the current message begins */
	unsigned int n_messages;
	bool overflow;
};

/* The answer to one message: an error (0: done), or an object, or both for a dump's end. */
struct rtnl_reply {
	unsigned int message;	/* which message of the request, from 0 */
	int error;		/* negative errno; 0 for an acknowledgement or an object */
	uint16_t type;		/* NLMSG_ERROR for an acknowledgement, else the object's type */
	const uint8_t *payload;	/* of an object; borrowed from the socket */
	size_t length;
	const char *text;	/* the kernel's own words for an error; borrowed; "" when it has none */
};

struct rtnl;

struct rtnl *rtnl_free(struct rtnl *rtnl);
static inline void rtnl_freep(struct rtnl **rtnl)
{
	*rtnl = rtnl_free(*rtnl);
}
int rtnl_open(struct rtnl **ret_rtnl);

void rtnl_begin(struct rtnl_request *request);
void *rtnl_message(struct rtnl_request *request, uint16_t type, uint16_t flags, size_t header_size);
void rtnl_put(struct rtnl_request *request, uint16_t type, const void *data, size_t length);
void rtnl_put_u8(struct rtnl_request *request, uint16_t type, uint8_t value);
void rtnl_put_u16(struct rtnl_request *request, uint16_t type, uint16_t value);
void rtnl_put_u32(struct rtnl_request *request, uint16_t type, uint32_t value);
void rtnl_put_string(struct rtnl_request *request, uint16_t type, const char *value);
size_t rtnl_nest(struct rtnl_request *request, uint16_t type);
void rtnl_nest_end(struct rtnl_request *request, size_t nest);

int rtnl_transact(struct rtnl *rtnl, struct rtnl_request *request,
		  const struct rtnl_reply **ret_replies, size_t *ret_n_replies);
int rtnl_dump(struct rtnl *rtnl, struct rtnl_request *request,
	      int (*each)(const struct rtnl_reply *reply, void *data), void *data);

/* Reading. A cursor over attributes: each call yields the next one that is whole. */
struct rtnl_attribute {
	uint16_t type;		/* without the nested and byte order flags */
	uint16_t length;
	const uint8_t *data;
};

struct rtnl_attributes {
	const uint8_t *next;
	size_t left;
};

struct rtnl_attributes rtnl_attributes(const struct rtnl_reply *reply, size_t header_size);
struct rtnl_attributes rtnl_nested(const struct rtnl_attribute *attribute);
bool rtnl_next(struct rtnl_attributes *attributes, struct rtnl_attribute *ret_attribute);
bool rtnl_get_u8(const struct rtnl_attribute *attribute, uint8_t *ret_value);
bool rtnl_get_u16(const struct rtnl_attribute *attribute, uint16_t *ret_value);
bool rtnl_get_u32(const struct rtnl_attribute *attribute, uint32_t *ret_value);
const char *rtnl_get_string(const struct rtnl_attribute *attribute);
