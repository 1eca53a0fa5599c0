/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listener that DHCP replies pass through where nothing better completes their checksums.
 * Acts; decides nothing: every packet is accepted as it is. Event loop context.
 *
 * What completes the checksum is that the kernel copies a byte of the packet to us; of that nothing is looked
 * at. While nobody listens, or the queue is full, packets go their way uncompleted (bypass, fail-open), so a
 * daemon that is slow or gone costs a strict client its lease and nobody anything else.
 */
#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"

/* Datagrams that one call reads at most: others want their turn too. The fd stays readable. */
#define READ_LIMIT	256

#define PACKET		(NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)

static void begin(struct nl_batch *batch, uint8_t message)
{
	const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(QUEUE_NUMBER) };

	nl_begin(batch, (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | message), 0, 0, &header, sizeof(header));
}

/*
 * One verdict for all packets up to a number: also for those whose message was lost. Nothing is answered, since
 * reading answers would pass over packets; that there is none left is no failure either.
 */
static int accept_up_to(struct nl_channel *channel, uint32_t id)
{
	const struct {
		struct nlmsghdr message;
		struct nfgenmsg family;
		struct nlattr attribute;
		struct nfqnl_msg_verdict_hdr verdict;
	} request = {
		.message = { .nlmsg_len = sizeof(request), .nlmsg_flags = NLM_F_REQUEST,
			     .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH },
		.family = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(QUEUE_NUMBER) },
		.attribute = { sizeof(request.attribute) + sizeof(request.verdict), NFQA_VERDICT_HDR },
		.verdict = { .verdict = htonl(NF_ACCEPT), .id = htonl(id) },
	};

	if (send(nl_channel_fd(channel), &request, sizeof(request), MSG_DONTWAIT) < 0)
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
	return 0;
}

/*
 * Begins to listen, in the network namespace of the process; closing the channel ends it. -EPERM or -EBUSY when
 * another process has the queue, others as the kernel says.
 */
int queue_open(struct nl_channel *ret_channel)
{
	const struct nfqnl_msg_config_cmd bind = { .command = NFQNL_CFG_CMD_BIND, .pf = htons(AF_INET) };
	const struct nfqnl_msg_config_params copy = { .copy_range = htonl(1), .copy_mode = NFQNL_COPY_PACKET };
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	struct nl_channel channel;
	const int on = 1;
	int r;

	r = nl_channel_open(NETLINK_NETFILTER, &channel);
	if (r < 0)
		return r;
	begin(&batch, NFQNL_MSG_CONFIG);
	nl_put(&batch, NFQA_CFG_CMD, &bind, sizeof(bind));
	begin(&batch, NFQNL_MSG_CONFIG);
	nl_put(&batch, NFQA_CFG_PARAMS, &copy, sizeof(copy));
	nl_put_u32_be(&batch, NFQA_CFG_FLAGS, NFQA_CFG_F_FAIL_OPEN);
	nl_put_u32_be(&batch, NFQA_CFG_MASK, NFQA_CFG_F_FAIL_OPEN);
	(void)setsockopt(nl_channel_fd(&channel), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	r = nl_transact(&channel, &batch, NULL, NULL);
	for (size_t i = 0; r == 0 && i < batch.n_entries; i++)
		r = batch.entries[i].error;
	if (r < 0) {
		nl_channel_deinit(&channel);
		return r;
	}
	/* What came before the last answer was passed over with it; numbers begin at 1. */
	(void)accept_up_to(&channel, INT32_MAX);
	*ret_channel = channel;
	return 0;
}

/* The number of a packet; 0 for what is none. */
static uint32_t read_packet(const struct nlmsghdr *message)
{
	const struct nlattr *table[NFQA_MAX + 1];
	struct nfqnl_msg_packet_hdr packet;

	if (message->nlmsg_type != PACKET || !nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)) ||
	    nl_length(table[NFQA_PACKET_HDR]) < sizeof(packet))
		return 0;
	memcpy(&packet, nl_data(table[NFQA_PACKET_HDR]), sizeof(packet));
	return ntohl(packet.packet_id);
}

/* Accepts what has arrived, without waiting. A negative return is about the socket: close it, and listen anew. */
int queue_read(struct nl_channel *channel)
{
	uint8_t buffer[8192] __attribute__((aligned(8)));
	uint32_t id = 0;

	for (unsigned int n = 0; n < READ_LIMIT; n++) {
		struct sockaddr_nl sender = { 0 };
		socklen_t size = sizeof(sender);
		ssize_t length = recvfrom(nl_channel_fd(channel), buffer, sizeof(buffer), MSG_DONTWAIT,
					  (struct sockaddr *)&sender, &size);
		int r = length < 0 ? -errno : 0;
		uint32_t found;

		if (r == -EAGAIN)
			break;
		if (r == -EINTR || r == -ENOBUFS)
			continue;
		if (r < 0)
			return r;
		if (sender.nl_pid != 0 || (size_t)length < sizeof(struct nlmsghdr) ||
		    ((struct nlmsghdr *)buffer)->nlmsg_len > (size_t)length)
			continue;
		found = read_packet((struct nlmsghdr *)buffer);
		id = found ?: id;
	}
	return id ? accept_up_to(channel, id) : 0;
}
