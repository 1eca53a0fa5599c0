/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink messages on their way to the kernel, and what became of each of them; by libmnl.
 * System calls in nl_channel_* and nl_transact only; no decisions.
 *
 * The kernel works through a datagram before sendto() returns, message by message and past failing ones
 * (net/netlink/af_netlink.c:netlink_rcv_skb(), net/netfilter/nfnetlink.c:nfnetlink_rcv_batch()), so the
 * answers are there at once and nothing here ever waits. A message that fails is always answered; of the
 * others only the last one of a datagram is asked to be, and its answer is the sign that all were seen.
 */
#include "batch.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "../limits.h"
#include "../util.h"
#include "socket.h"
#include "wire.h"

#define RECEIVE_SIZE	(64 * 1024)
#define DATAGRAM_SIZE	(64 * 1024)	/* where a batch may be cut */
#define RECEIVE_QUEUE	(8 * 1024 * 1024)

/*
 * Most batches are a question or one rule to compare with, and there are many of these in a repair. Pieces that are smaller come
 * and go between what stays, and leave holes there: with 1 kB the heap of 500 networks is 170 kB larger (tests/netns/netd-memory.sh).
 */
#define FIRST_SIZE	4096
#define FIRST_ENTRIES	4

static void forget_entries(struct nl_batch *batch)
{
	for (size_t i = 0; i < batch->n_entries; i++)
		free(batch->entries[i].text);
	batch->n_entries = 0;
	batch->n_errors = 0;
}

/* Frees what a batch holds; it can be used again. */
void nl_batch_deinit(struct nl_batch *batch)
{
	forget_entries(batch);
	free(batch->entries);
	free(batch->bytes);
	*batch = NL_BATCH_NULL;
}

/* Empties a batch and keeps its memory. */
void nl_batch_reset(struct nl_batch *batch)
{
	forget_entries(batch);
	batch->length = 0;
	batch->message = NULL;
	batch->error = 0;
	batch->whole = false;
}

/* Latches the first failure of whoever fills the batch. */
void nl_fail(struct nl_batch *batch, int error)
{
	if (batch->error == 0)
		batch->error = error;
}

static void finish_message(struct nl_batch *batch)
{
	if (batch->message)
		batch->length += MNL_ALIGN(batch->message->nlmsg_len);
	batch->message = NULL;
}

/* Makes sure that there are @room bytes behind what is finished. The current message moves with it. */
static bool make_room(struct nl_batch *batch, size_t room)
{
	size_t size = batch->size;
	uint8_t *bytes;

	if (size - batch->length >= room)
		return true;
	if (batch->length + room > LIMIT_NL_BATCH)
		return false;
	while (size - batch->length < room)
		size = size ? size * 2 : FIRST_SIZE;
	bytes = realloc(batch->bytes, size);
	if (!bytes)
		return false;
	if (batch->message)
		batch->message = (struct nlmsghdr *)(bytes + batch->length);
	batch->bytes = bytes;
	batch->size = size;
	return true;
}

static bool make_entry(struct nl_batch *batch, uint32_t tag)
{
	if (batch->n_entries == batch->max_entries) {
		size_t n = batch->max_entries ? batch->max_entries * 2 : FIRST_ENTRIES;
		struct nl_entry *entries = reallocarray(batch->entries, n, sizeof(*entries));

		if (!entries)
			return false;
		batch->entries = entries;
		batch->max_entries = n;
	}
	batch->entries[batch->n_entries++] = (struct nl_entry){ .offset = batch->length, .tag = tag };
	return true;
}

/* Begins the next message, with a copy of its family header. A failure is latched; the puts then do nothing. */
void nl_begin(struct nl_batch *batch, uint16_t type, uint16_t flags, uint32_t tag, const void *header, size_t header_size)
{
	void *place;

	finish_message(batch);
	if (batch->error)
		return;
	if (!make_room(batch, MNL_NLMSG_HDRLEN + MNL_ALIGN(header_size)) || !make_entry(batch, tag)) {
		nl_fail(batch, -ENOMEM);
		return;
	}

	batch->message = mnl_nlmsg_put_header(batch->bytes + batch->length);
	batch->message->nlmsg_type = type;
	batch->message->nlmsg_flags = NLM_F_REQUEST | flags;
	place = mnl_nlmsg_put_extra_header(batch->message, header_size);
	memcpy(place, header, header_size);
}

/*
 * The current message, for a library that writes into it and does not ask for room: NL_MESSAGE_SIZE bytes in all are there.
 * NULL after a failure.
 */
struct nlmsghdr *nl_roomy(struct nl_batch *batch)
{
	if (batch->error || !batch->message)
		return NULL;
	if (!make_room(batch, NL_MESSAGE_SIZE)) {
		nl_fail(batch, -ENOMEM);
		return NULL;
	}
	return batch->message;
}

/* Appends an attribute to the current message. */
void nl_put(struct nl_batch *batch, uint16_t type, const void *data, size_t length)
{
	const size_t padding = MNL_ALIGN(length) - length;
	size_t end;

	if (!batch->message || length > UINT16_MAX - MNL_ATTR_HDRLEN) {
		nl_fail(batch, -EMSGSIZE);
		return;
	}
	end = MNL_ALIGN(batch->message->nlmsg_len) + MNL_ATTR_HDRLEN + length + padding;
	if (end > NL_MESSAGE_SIZE) {
		nl_fail(batch, -EMSGSIZE);
		return;
	}
	if (!make_room(batch, end)) {
		nl_fail(batch, -ENOMEM);
		return;
	}
	mnl_attr_put(batch->message, type, length, data);
	/* libmnl before 1.0.5 leaves there whatever was in memory */
	memset((uint8_t *)batch->message + end - padding, 0, padding);
}

void nl_put_u8(struct nl_batch *batch, uint16_t type, uint8_t value)
{
	nl_put(batch, type, &value, sizeof(value));
}

void nl_put_u16(struct nl_batch *batch, uint16_t type, uint16_t value)
{
	nl_put(batch, type, &value, sizeof(value));
}

void nl_put_u32(struct nl_batch *batch, uint16_t type, uint32_t value)
{
	nl_put(batch, type, &value, sizeof(value));
}

void nl_put_u32_be(struct nl_batch *batch, uint16_t type, uint32_t value)
{
	nl_put_u32(batch, type, htonl(value));
}

void nl_put_u64_be(struct nl_batch *batch, uint16_t type, uint64_t value)
{
	uint64_t value_be = htobe64(value);

	nl_put(batch, type, &value_be, sizeof(value_be));
}

/* A string with its end. */
void nl_put_string(struct nl_batch *batch, uint16_t type, const char *value)
{
	nl_put(batch, type, value, strlen(value) + 1);
}

/* Opens a nested attribute; what follows is inside until nl_nest_end() gets the returned value. */
size_t nl_nest(struct nl_batch *batch, uint16_t type)
{
	size_t nest = batch->message ? batch->message->nlmsg_len : 0;

	nl_put(batch, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

/* Closes a nested attribute. Its length has 16 bits: what is longer fails the batch. */
void nl_nest_end(struct nl_batch *batch, size_t nest)
{
	struct nlattr *attribute;

	if (batch->error || !batch->message)
		return;
	attribute = (struct nlattr *)((uint8_t *)batch->message + nest);
	if (batch->message->nlmsg_len - nest > UINT16_MAX)
		nl_fail(batch, -EMSGSIZE);
	else
		attribute->nla_len = (uint16_t)(batch->message->nlmsg_len - nest);
}

/* Failing here would only cost the kernel's words, or room for answers. */
static void set_options(int fd)
{
	const int on = 1, queue = RECEIVE_QUEUE;

	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	/* A dump asks only for what it wants only when the kernel looks at what is asked. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(queue));
}

static int finish_channel(struct mnl_socket *socket, struct nl_channel *ret_channel)
{
	uint8_t *buffer = malloc(RECEIVE_SIZE);

	if (!buffer) {
		nlsocket_free(socket);
		return -ENOMEM;
	}
	set_options(mnl_socket_get_fd(socket));
	*ret_channel = (struct nl_channel){ .socket = socket, .port = mnl_socket_get_portid(socket), .buffer = buffer };
	return 0;
}

/* Opens a channel of a netlink protocol in the network namespace of the process. */
int nl_channel_open(int protocol, struct nl_channel *ret_channel)
{
	struct mnl_socket *socket;
	int r;

	r = nlsocket_open(protocol, &socket);
	if (r < 0)
		return r;
	return finish_channel(socket, ret_channel);
}

/*
 * Makes a channel of a netlink socket that is open already, and bound: one that another process of
 * ours has left. Takes the fd over when it succeeds.
 */
int nl_channel_adopt(int fd, struct nl_channel *ret_channel)
{
	struct mnl_socket *socket = mnl_socket_fdopen(fd);
	int r;

	if (!socket)
		return errno ? -errno : -EINVAL;
	r = finish_channel(socket, ret_channel);
	if (r == 0)
		/* Numbers unlike those of whoever used the socket before. */
		ret_channel->sequence = 1u << 31;
	return r;
}

/* Closes; nothing when it was never opened. */
void nl_channel_deinit(struct nl_channel *channel)
{
	channel->socket = nlsocket_free(channel->socket);
	free(channel->buffer);
	*channel = NL_CHANNEL_NULL;
}

int nl_channel_fd(const struct nl_channel *channel)
{
	return channel->socket ? mnl_socket_get_fd(channel->socket) : -EBADF;
}

/* The text of an extended acknowledgement, or NULL. Owned by the caller. */
static char *copy_text(const struct nlmsghdr *message)
{
	const struct nlattr *table[NLMSGERR_ATTR_MAX + 1];
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t size = sizeof(*error);
	const char *text;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->error) {
		if (error->msg.nlmsg_len < sizeof(error->msg))
			return NULL;
		size += MNL_ALIGN(error->msg.nlmsg_len - sizeof(error->msg));
	}
	if (!nl_parse(message, size, table, ARRAY_SIZE(table)))
		return NULL;
	text = nl_get_string(table[NLMSGERR_ATTR_MSG]);
	return text ? strdup(text) : NULL;
}

struct exchange {
	struct nl_batch *batch;
	size_t first, end;		/* entries of this datagram */
	uint32_t sequence;		/* of the first one */
	bool answered;			/* the last one that asked */
	size_t last;
	nl_each each;
	void *data;
};

static void read_error(struct exchange *exchange, size_t i, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	struct nl_entry *entry = &exchange->batch->entries[i];

	if (i == exchange->last)
		exchange->answered = true;
	if (error->error == 0 || entry->error)
		return;
	entry->error = error->error;
	entry->text = copy_text(message);
	exchange->batch->n_errors++;
}

/* Works through one datagram of answers. Those to other requests are passed over. */
static int read_answers(struct exchange *exchange, const void *buffer, size_t length)
{
	const struct nlmsghdr *message = buffer;
	int left = (int)length;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		size_t i = exchange->first + (message->nlmsg_seq - exchange->sequence);
		struct nl_entry *entry;
		int r;

		if (i < exchange->first || i >= exchange->end)
			continue;
		entry = &exchange->batch->entries[i];
		if (message->nlmsg_type == NLMSG_ERROR) {
			if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr))
				return -EPROTO;
			read_error(exchange, i, message);
		} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && exchange->each) {
			r = exchange->each(message, entry->tag, exchange->data);
			if (r < 0 && entry->error == 0) {
				entry->error = r;
				exchange->batch->n_errors++;
			}
		}
	}
	return 0;
}

/* Reads until nothing is left. -ENOBUFS when the kernel had no room for all answers. */
static int receive_answers(struct nl_channel *channel, struct exchange *exchange)
{
	int result = 0;

	for (;;) {
		size_t n = 0;
		int r = nl_wire_receive(nl_channel_fd(channel), NL_WIRE_ANSWER, MSG_DONTWAIT, channel->buffer, RECEIVE_SIZE, &n);

		if (r == -EINTR)
			continue;
		if (r == -EAGAIN)
			break;
		if (r == 0)
			r = read_answers(exchange, channel->buffer, n);
		if (r < 0 && result == 0)
			result = r;
		/* A socket that is broken in a way that lasts must not turn this into a loop. */
		if (r < 0 && r != -ENOBUFS && r != -EMSGSIZE && r != -EPROTO)
			break;
	}
	if (result == 0 && !exchange->answered)
		result = -EPROTO;
	return result;
}

/* Numbers the messages first..end and finds the last one that can be asked for an answer. */
static void number_messages(struct nl_channel *channel, struct exchange *exchange)
{
	struct nl_batch *batch = exchange->batch;

	exchange->sequence = channel->sequence + 1;
	exchange->last = exchange->first;
	for (size_t i = exchange->first; i < exchange->end; i++) {
		struct nlmsghdr *message = (struct nlmsghdr *)(batch->bytes + batch->entries[i].offset);

		message->nlmsg_seq = ++channel->sequence;
		if (message->nlmsg_type != NFNL_MSG_BATCH_END && message->nlmsg_type != NFNL_MSG_BATCH_BEGIN)
			exchange->last = i;
	}
	((struct nlmsghdr *)(batch->bytes + batch->entries[exchange->last].offset))->nlmsg_flags |= NLM_F_ACK;
}

static int send_messages(struct nl_channel *channel, const void *bytes, size_t length)
{
	/* The kernel refuses what is longer than the queue for sending; twice, for its own accounting. */
	const int queue = (int)(length * 2 + 65536);
	int fd = nl_channel_fd(channel);

	if (length > DATAGRAM_SIZE + NL_MESSAGE_SIZE)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &queue, sizeof(queue));
	return nl_wire_send(fd, bytes, length);
}

/*
 * Sends a batch and collects every answer. Returns about the transport alone: -EMSGSIZE or -ENOMEM
 * latched while the batch was written (nothing was sent), -ENOBUFS or -EPROTO when answers are missing
 * (the kernel may have done anything of it: look), others as the system calls say. What the kernel says of
 * each message is in its entry, and n_errors counts those that failed.
 */
int nl_transact(struct nl_channel *channel, struct nl_batch *batch, nl_each each, void *data)
{
	struct exchange exchange = { .batch = batch, .each = each, .data = data };
	int result = 0;

	finish_message(batch);
	if (batch->error)
		return batch->error;

	batch->n_errors = 0;
	while (exchange.first < batch->n_entries) {
		size_t begin = batch->entries[exchange.first].offset, end = batch->length;
		int r;

		exchange.end = batch->n_entries;
		for (size_t i = exchange.first + 1; !batch->whole && i < batch->n_entries; i++)
			if (batch->entries[i].offset - begin > DATAGRAM_SIZE) {
				exchange.end = i;
				end = batch->entries[i].offset;
				break;
			}
		exchange.answered = false;
		number_messages(channel, &exchange);
		r = send_messages(channel, batch->bytes + begin, end - begin);
		if (r == 0)
			r = receive_answers(channel, &exchange);
		/* The first failure is kept; what follows belongs to others and is still sent. */
		if (r < 0 && result == 0)
			result = r;
		exchange.first = exchange.end;
	}
	return result;
}

/*
 * Sends the one request of a batch, a dump, and calls @each for every object. -EINTR when the kernel's
 * tables changed meanwhile: forget what was read and ask again. See nlsocket_dump().
 */
int nl_dump(struct nl_channel *channel, struct nl_batch *request,
	    int (*each)(const struct nlmsghdr *message, void *data), void *data)
{
	struct nlmsghdr *message = (struct nlmsghdr *)request->bytes;
	int r;

	finish_message(request);
	if (request->error)
		return request->error;
	if (request->n_entries != 1)
		return -EINVAL;
	message->nlmsg_seq = channel->sequence;
	r = nlsocket_dump(channel->socket, message, each, data);
	channel->sequence = message->nlmsg_seq;
	return r;
}

static bool parse(const uint8_t *bytes, size_t length, const struct nlattr **table, size_t n)
{
	memset(table, 0, n * sizeof(*table));
	while (length >= MNL_ATTR_HDRLEN) {
		const struct nlattr *attribute = (const struct nlattr *)bytes;
		size_t step;
		uint16_t type;

		if (attribute->nla_len < MNL_ATTR_HDRLEN || attribute->nla_len > length)
			return false;
		type = attribute->nla_type & NLA_TYPE_MASK;
		if (type < n)
			table[type] = attribute;
		step = MNL_ALIGN(attribute->nla_len);
		if (step >= length)
			return true;
		bytes += step;
		length -= step;
	}
	return true;
}

/* Fills @table of @n pointers with the attributes of a message. False for a message that is not whole. */
bool nl_parse(const struct nlmsghdr *message, size_t header_size, const struct nlattr **table, size_t n)
{
	size_t offset = MNL_NLMSG_HDRLEN + MNL_ALIGN(header_size);

	memset(table, 0, n * sizeof(*table));
	if (message->nlmsg_len < offset)
		return false;
	return parse((const uint8_t *)message + offset, message->nlmsg_len - offset, table, n);
}

/* The same for the attributes inside @attribute; none for NULL. */
bool nl_parse_nested(const struct nlattr *attribute, const struct nlattr **table, size_t n)
{
	return parse(nl_data(attribute), nl_length(attribute), table, n);
}

const void *nl_data(const struct nlattr *attribute)
{
	return attribute ? (const uint8_t *)attribute + MNL_ATTR_HDRLEN : NULL;
}

/* Bytes in an attribute; 0 for NULL. */
size_t nl_length(const struct nlattr *attribute)
{
	return attribute ? attribute->nla_len - (size_t)MNL_ATTR_HDRLEN : 0;
}

/* Copies a value of exactly @size bytes; false where there is no such one. */
bool nl_get(const struct nlattr *attribute, void *ret_value, size_t size)
{
	if (!attribute || nl_length(attribute) != size)
		return false;
	memcpy(ret_value, nl_data(attribute), size);
	return true;
}

uint8_t nl_get_u8(const struct nlattr *attribute, uint8_t missing)
{
	nl_get(attribute, &missing, sizeof(missing));
	return missing;
}

uint16_t nl_get_u16(const struct nlattr *attribute, uint16_t missing)
{
	nl_get(attribute, &missing, sizeof(missing));
	return missing;
}

uint32_t nl_get_u32(const struct nlattr *attribute, uint32_t missing)
{
	nl_get(attribute, &missing, sizeof(missing));
	return missing;
}

uint32_t nl_get_u32_be(const struct nlattr *attribute, uint32_t missing)
{
	uint32_t value_be;

	return nl_get(attribute, &value_be, sizeof(value_be)) ? ntohl(value_be) : missing;
}

uint64_t nl_get_u64_be(const struct nlattr *attribute, uint64_t missing)
{
	uint64_t value_be;

	return nl_get(attribute, &value_be, sizeof(value_be)) ? be64toh(value_be) : missing;
}

/* A string that ends inside its attribute; NULL otherwise. Borrowed. */
const char *nl_get_string(const struct nlattr *attribute)
{
	if (!attribute || !memchr(nl_data(attribute), '\0', nl_length(attribute)))
		return NULL;
	return nl_data(attribute);
}

const struct nlattr *nl_next(const struct nlattr *parent, const struct nlattr *attribute)
{
	const uint8_t *end, *next;

	if (!parent)
		return NULL;
	end = (const uint8_t *)parent + parent->nla_len;
	next = attribute ? (const uint8_t *)attribute + MNL_ALIGN(attribute->nla_len) : nl_data(parent);
	if (next >= end || (size_t)(end - next) < MNL_ATTR_HDRLEN)
		return NULL;
	attribute = (const struct nlattr *)next;
	if (attribute->nla_len < MNL_ATTR_HDRLEN || attribute->nla_len > end - next)
		return NULL;
	return attribute;
}
