/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does somebody on a bridge give out addresses? Asks as a guest would, and takes nothing: a DHCPDISCOVER (RFC 2131) binds
 * nobody to anything. Needs CAP_NET_RAW. What is sent from a bridge leaves by its ports, and does not reach this host's
 * own server: so this is for bridges that lead to somebody else's.
 */
#include "dhcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/fd.h"
#include "../../lib/util.h"

struct bootp {
	uint8_t op, htype, hlen, hops;
	uint32_t xid_be;
	uint16_t secs_be, flags_be;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128];
	uint8_t options[64];
} __attribute__((packed));

struct question {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	struct bootp bootp;
} __attribute__((packed));

/* RFC 1071 */
static uint16_t sum_header(const struct iphdr *header)
{
	uint16_t words[sizeof(*header) / 2];
	uint32_t sum = 0;

	memcpy(words, header, sizeof(*header));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

static void build(struct question *question, uint32_t xid, const uint8_t mac[ETH_ALEN])
{
	/* The cookie, message type DISCOVER, the end. */
	static const uint8_t options[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 };
	struct iphdr header;

	*question = (struct question){
		.ethernet = { .h_proto = htons(ETH_P_IP) },
		.ip = {
			.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = INADDR_BROADCAST,
			.tot_len = htons(sizeof(*question) - sizeof(question->ethernet)),
		},
		/* IPv4 lets the sum of UDP be left out. */
		.udp = { .source = htons(68), .dest = htons(67), .len = htons(sizeof(question->udp) + sizeof(question->bootp)) },
		/* The answer is to come as a broadcast: nobody has this Ethernet address. */
		.bootp = { .op = 1, .htype = 1, .hlen = ETH_ALEN, .xid_be = xid, .flags_be = htons(0x8000) },
	};
	memset(question->ethernet.h_dest, 0xff, ETH_ALEN);
	memcpy(question->ethernet.h_source, mac, ETH_ALEN);
	memcpy(question->bootp.chaddr, mac, ETH_ALEN);
	memcpy(question->bootp.options, options, sizeof(options));
	header = question->ip;
	question->ip.check = sum_header(&header);
}

static bool is_answer(const uint8_t *frame, size_t length, uint32_t xid)
{
	struct question answer;
	const size_t least = offsetof(struct question, bootp.options);

	if (length < least)
		return false;
	memcpy(&answer, frame, least);
	return answer.ethernet.h_proto == htons(ETH_P_IP) && answer.ip.ihl == 5 && answer.ip.protocol == IPPROTO_UDP &&
	       answer.udp.dest == htons(68) && answer.bootp.op == 2 && answer.bootp.xid_be == xid;
}

static int open_socket(int ifindex)
{
	const struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = ifindex };
	_cleanup_(fd_closep) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Reads what has come. */
static bool has_answer(int fd, uint32_t xid)
{
	uint8_t frame[2048];
	ssize_t n;

	while ((n = recv(fd, frame, sizeof(frame), 0)) > 0)
		if (is_answer(frame, (size_t)n, xid))
			return true;
	return false;
}

/* Asks twice, and waits for @timeout_ms altogether. -EPERM without the right to; others as they come. */
int doctor_ask_dhcp(int ifindex, unsigned int timeout_ms, bool *ret_answered)
{
	uint8_t mac[ETH_ALEN] = { 0x52, 0x54, 0x00 };
	const uint64_t begin_us = clock_us(), end_us = begin_us + timeout_ms * UINT64_C(1000);
	_cleanup_(fd_closep) int fd = open_socket(ifindex);
	struct question question;
	unsigned int n_sent = 0;
	uint32_t xid;

	if (fd < 0)
		return fd;
	if (getrandom(mac + 3, 3, 0) != 3 || getrandom(&xid, sizeof(xid), 0) != sizeof(xid))
		return -EIO;
	build(&question, xid, mac);
	*ret_answered = false;
	for (uint64_t now_us; !*ret_answered && (now_us = clock_us()) < end_us; *ret_answered = has_answer(fd, xid)) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };

		if (n_sent < 2 && now_us >= begin_us + n_sent * (end_us - begin_us) / 2) {
			if (send(fd, &question, sizeof(question), 0) < 0)
				return -errno;
			n_sent++;
		}
		(void)poll(&readable, 1, 100);
	}
	return 0;
}
