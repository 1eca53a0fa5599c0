/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small, bounded rtnetlink: build a few messages, send them as one datagram, read every answer.
 * System calls; no decisions.
 *
 * Written here rather than taken from libmnl because that has no static archive everywhere, and each
 * shared library costs time at every start and is code beside a privilege. The kernel works through a
 * datagram before sendto() returns (net/netlink/af_netlink.c:netlink_rcv_skb()), message by message and
 * past failing ones, so all answers are there at once and one recvmmsg() reads them: nothing here
 * ever waits.
 */
#include "rtnetlink.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/fd.h"

struct rtnl {
	int fd;
	uint32_t sequence;			/* of the first message of the current request */
	size_t n_replies;
	struct rtnl_reply replies[RTNL_REPLIES];
	struct mmsghdr headers[RTNL_REPLIES];
	struct iovec vectors[RTNL_REPLIES];
	struct sockaddr_nl senders[RTNL_REPLIES];
	/* Touched, and so paid for, only as far as answers come. */
	_Alignas(NLMSG_ALIGNTO) uint8_t bytes[RTNL_REPLIES][RTNL_REPLY_SIZE];
};

/* Closes and frees; NULL will do. Returns NULL. */
struct rtnl *rtnl_free(struct rtnl *rtnl)
{
	if (rtnl)
		fd_close(rtnl->fd);
	free(rtnl);
	return NULL;
}

/* Opens an rtnetlink socket in the network namespace of the process. The caller owns @ret_rtnl. */
int rtnl_open(struct rtnl **ret_rtnl)
{
	_cleanup_(rtnl_freep) struct rtnl *rtnl = calloc(1, sizeof(*rtnl));
	const int on = 1;

	if (!rtnl)
		return -ENOMEM;
	rtnl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (rtnl->fd < 0)
		return -errno;
	/* The kernel's own words in errors are wanted, but not needed. */
	(void)setsockopt(rtnl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));

	*ret_rtnl = steal_ptr(rtnl);
	return 0;
}

/* Empties a request. */
void rtnl_begin(struct rtnl_request *request)
{
	request->length = request->message = 0;
	request->n_messages = 0;
	request->overflow = false;
}

/* Room for @length bytes, zeroed; NULL and `overflow` when there is none. */
static void *reserve(struct rtnl_request *request, size_t length)
{
	size_t aligned = NLMSG_ALIGN(length);
	uint8_t *place;

	if (request->overflow || aligned > sizeof(request->bytes) - request->length) {
		request->overflow = true;
		return NULL;
	}
	place = request->bytes + request->length;
	memset(place, 0, aligned);
	request->length += aligned;
	((struct nlmsghdr *)(request->bytes + request->message))->nlmsg_len =
		(uint32_t)(request->length - request->message);
	return place;
}

/*
 * Begins the next message, with its family header of @header_size zeroed bytes, which is returned for
 * filling in. Never NULL: after an overflow it is scratch space at the beginning of the buffer, and
 * the request will not be sent.
 */
void *rtnl_message(struct rtnl_request *request, uint16_t type, uint16_t flags, size_t header_size)
{
	struct nlmsghdr *header;
	void *family;

	assert(header_size <= 64);
	request->message = request->length;
	header = reserve(request, sizeof(*header));
	family = header ? reserve(request, header_size) : NULL;
	if (!family)
		return request->bytes;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	request->n_messages++;
	return family;
}

/* Appends an attribute to the current message. */
void rtnl_put(struct rtnl_request *request, uint16_t type, const void *data, size_t length)
{
	struct nlattr *attribute;

	assert(length <= UINT16_MAX - NLA_HDRLEN);
	attribute = reserve(request, NLA_HDRLEN + length);
	if (!attribute)
		return;
	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + length);
	if (length > 0)
		memcpy((uint8_t *)attribute + NLA_HDRLEN, data, length);
}

void rtnl_put_u8(struct rtnl_request *request, uint16_t type, uint8_t value)
{
	rtnl_put(request, type, &value, sizeof(value));
}

void rtnl_put_u16(struct rtnl_request *request, uint16_t type, uint16_t value)
{
	rtnl_put(request, type, &value, sizeof(value));
}

void rtnl_put_u32(struct rtnl_request *request, uint16_t type, uint32_t value)
{
	rtnl_put(request, type, &value, sizeof(value));
}

void rtnl_put_string(struct rtnl_request *request, uint16_t type, const char *value)
{
	rtnl_put(request, type, value, strlen(value) + 1);
}

/* Opens a nested attribute; what follows is inside it until rtnl_nest_end() gets the returned value. */
size_t rtnl_nest(struct rtnl_request *request, uint16_t type)
{
	size_t nest = request->length;

	rtnl_put(request, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void rtnl_nest_end(struct rtnl_request *request, size_t nest)
{
	if (!request->overflow)
		((struct nlattr *)(request->bytes + nest))->nla_len = (uint16_t)(request->length - nest);
}

/* Numbers the messages, asks for an acknowledgement of the last one, and sends all of them. */
static int send_request(struct rtnl *rtnl, struct rtnl_request *request)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	unsigned int n = 0;
	ssize_t sent;

	if (request->overflow || request->n_messages == 0)
		return -EMSGSIZE;

	rtnl->sequence += RTNL_REPLIES;
	for (size_t at = 0; at < request->length; n++) {
		struct nlmsghdr *header = (struct nlmsghdr *)(request->bytes + at);

		header->nlmsg_seq = rtnl->sequence + n;
		at += NLMSG_ALIGN(header->nlmsg_len);
	}

	sent = sendto(rtnl->fd, request->bytes, request->length, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	if (sent < 0)
		return -errno;
	return (size_t)sent == request->length ? 0 : -EIO;
}

/* The text of an extended acknowledgement, or "". */
static const char *extended_text(const struct nlmsghdr *header)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);
	size_t offset = NLMSG_LENGTH(sizeof(*error));
	struct rtnl_attributes attributes;
	struct rtnl_attribute attribute;

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	/* Behind the error stands what it is about, as a whole where it failed (NETLINK_CAP_ACK is off). */
	if (error->error)
		offset += NLMSG_ALIGN(error->msg.nlmsg_len - sizeof(error->msg));
	if (error->msg.nlmsg_len < sizeof(error->msg) || offset > header->nlmsg_len)
		return "";

	attributes = (struct rtnl_attributes){ (const uint8_t *)header + offset, header->nlmsg_len - offset };
	while (rtnl_next(&attributes, &attribute))
		if (attribute.type == NLMSGERR_ATTR_MSG)
			return rtnl_get_string(&attribute) ?: "";
	return "";
}

/* One message from the kernel becomes a reply; -EPROTO for what cannot be one. */
static int read_reply(const struct rtnl *rtnl, const struct nlmsghdr *header, struct rtnl_reply *ret_reply)
{
	uint32_t message = header->nlmsg_seq - rtnl->sequence;
	const struct nlmsgerr *error = NLMSG_DATA(header);
	int ended;

	if (message >= RTNL_REPLIES)
		return -EPROTO;
	*ret_reply = (struct rtnl_reply){ .message = message, .type = header->nlmsg_type, .text = "" };

	if (header->nlmsg_type == NLMSG_ERROR) {
		/* An error number is one (linux/err.h: MAX_ERRNO): callers negate it and test its sign. */
		if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) || error->error > 0 || error->error < -4095)
			return -EPROTO;
		ret_reply->error = error->error;
		ret_reply->text = extended_text(header);
		return 0;
	}
	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		ret_reply->error = -EINTR;
	ret_reply->payload = NLMSG_DATA(header);
	ret_reply->length = header->nlmsg_len - NLMSG_HDRLEN;
	/* A dump that has ended before its end says why (net/netlink/af_netlink.c: netlink_dump_done()). */
	if (header->nlmsg_type == NLMSG_DONE && ret_reply->length >= sizeof(ended)) {
		memcpy(&ended, ret_reply->payload, sizeof(ended));
		if (ended > 0 || ended < -4095)
			return -EPROTO;
		ret_reply->error = ended ? ended : ret_reply->error;
	}
	return 0;
}

/* Reads up to @n_datagrams that have arrived. What does not come from the kernel, or not whole, is an error. */
static int receive(struct rtnl *rtnl, unsigned int n_datagrams)
{
	int n;

	for (size_t i = 0; i < RTNL_REPLIES; i++) {
		rtnl->vectors[i] = (struct iovec){ rtnl->bytes[i], RTNL_REPLY_SIZE };
		rtnl->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &rtnl->senders[i],
			.msg_namelen = sizeof(rtnl->senders[i]),
			.msg_iov = &rtnl->vectors[i],
			.msg_iovlen = 1,
		};
	}

	rtnl->n_replies = 0;
	n = recvmmsg(rtnl->fd, rtnl->headers, n_datagrams, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN ? -EPROTO : -errno;

	for (int i = 0; i < n; i++) {
		const struct nlmsghdr *header = (const struct nlmsghdr *)rtnl->bytes[i];
		size_t left = rtnl->headers[i].msg_len;

		if (rtnl->senders[i].nl_pid != 0)
			return -EPROTO;
		if (rtnl->headers[i].msg_hdr.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		for (; left >= NLMSG_HDRLEN; header = (const struct nlmsghdr *)((const uint8_t *)header + NLMSG_ALIGN(header->nlmsg_len))) {
			int r;

			if (header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > left)
				return -EPROTO;
			if (rtnl->n_replies == RTNL_REPLIES)
				return -EMSGSIZE;
			r = read_reply(rtnl, header, &rtnl->replies[rtnl->n_replies]);
			if (r < 0)
				return r;
			rtnl->n_replies++;
			left -= NLMSG_ALIGN(header->nlmsg_len) < left ? NLMSG_ALIGN(header->nlmsg_len) : left;
		}
	}
	return 0;
}

/*
 * Sends @request and returns the answers to it in the order of its messages: every error, every object
 * asked for, and the acknowledgement of the last message. A message in between that says nothing has
 * succeeded. Borrowed: @ret_replies is good until the next call.
 * Errors are about the transport alone: -EMSGSIZE when request or answers are too large, -EPROTO when
 * the last message was not answered, and what the system calls say.
 */
int rtnl_transact(struct rtnl *rtnl, struct rtnl_request *request,
		  const struct rtnl_reply **ret_replies, size_t *ret_n_replies)
{
	int r;

	if (!request->overflow && request->n_messages > 0)
		((struct nlmsghdr *)(request->bytes + request->message))->nlmsg_flags |= NLM_F_ACK;
	r = send_request(rtnl, request);
	if (r < 0)
		return r;
	r = receive(rtnl, RTNL_REPLIES);
	if (r < 0)
		return r;
	if (rtnl->n_replies == 0 || rtnl->replies[rtnl->n_replies - 1].type != NLMSG_ERROR ||
	    rtnl->replies[rtnl->n_replies - 1].message != request->n_messages - 1)
		return -EPROTO;

	*ret_replies = rtnl->replies;
	*ret_n_replies = rtnl->n_replies;
	return 0;
}

/*
 * Sends one dump request and calls @each for every object. A negative return of @each ends the dump and
 * is returned. -EINTR when the kernel says that the dump is inconsistent: ask again.
 */
int rtnl_dump(struct rtnl *rtnl, struct rtnl_request *request,
	      int (*each)(const struct rtnl_reply *reply, void *data), void *data)
{
	int r;

	r = send_request(rtnl, request);
	if (r < 0)
		return r;

	for (;;) {
		/* The kernel makes the next part when this one is read: one holds a few objects, and has room. */
		r = receive(rtnl, 1);
		if (r < 0)
			return r;
		for (size_t i = 0; i < rtnl->n_replies; i++) {
			const struct rtnl_reply *reply = &rtnl->replies[i];

			if (reply->error < 0)
				return reply->error;
			if (reply->type == NLMSG_DONE)
				return 0;
			r = each(reply, data);
			if (r < 0)
				return r;
		}
	}
}

/* The attributes of an object behind its family header. */
struct rtnl_attributes rtnl_attributes(const struct rtnl_reply *reply, size_t header_size)
{
	size_t offset = NLMSG_ALIGN(header_size);

	if (reply->length < offset)
		return (struct rtnl_attributes){ 0 };
	return (struct rtnl_attributes){ reply->payload + offset, reply->length - offset };
}

struct rtnl_attributes rtnl_nested(const struct rtnl_attribute *attribute)
{
	return (struct rtnl_attributes){ attribute->data, attribute->length };
}

/* The next attribute; false at the end, or where the rest cannot be one. */
bool rtnl_next(struct rtnl_attributes *attributes, struct rtnl_attribute *ret_attribute)
{
	struct nlattr header;
	size_t step;

	if (attributes->left < NLA_HDRLEN)
		return false;
	memcpy(&header, attributes->next, sizeof(header));
	if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes->left)
		return false;

	*ret_attribute = (struct rtnl_attribute){
		.type = header.nla_type & NLA_TYPE_MASK,
		.length = (uint16_t)(header.nla_len - NLA_HDRLEN),
		.data = attributes->next + NLA_HDRLEN,
	};
	step = NLA_ALIGN(header.nla_len);
	if (step > attributes->left)
		step = attributes->left;
	attributes->next += step;
	attributes->left -= step;
	return true;
}

/* Values: false when the size is not the type's. */
bool rtnl_get_u8(const struct rtnl_attribute *attribute, uint8_t *ret_value)
{
	if (attribute->length != sizeof(*ret_value))
		return false;
	*ret_value = attribute->data[0];
	return true;
}

bool rtnl_get_u16(const struct rtnl_attribute *attribute, uint16_t *ret_value)
{
	if (attribute->length != sizeof(*ret_value))
		return false;
	memcpy(ret_value, attribute->data, sizeof(*ret_value));
	return true;
}

bool rtnl_get_u32(const struct rtnl_attribute *attribute, uint32_t *ret_value)
{
	if (attribute->length != sizeof(*ret_value))
		return false;
	memcpy(ret_value, attribute->data, sizeof(*ret_value));
	return true;
}

/* A terminated string inside the attribute, or NULL. */
const char *rtnl_get_string(const struct rtnl_attribute *attribute)
{
	if (!memchr(attribute->data, '\0', attribute->length))
		return NULL;
	return (const char *)attribute->data;
}
