/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A strict DHCP client: it reads frames from a packet socket, asks for no auxiliary data (PACKET_AUXDATA would
 * say that a checksum is not ready yet), and takes no answer whose IP or UDP checksum is wrong.
 *
 *	strict-dhcp INTERFACE [SECONDS]
 *
 * Prints "lease ADDRESS" and ends with 0; or, when the time is over, "no lease, N answers with a wrong checksum"
 * and ends with 1. 20 seconds, unless it is told otherwise.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5 };

/* RFC 2131, section 2. */
struct dhcp {
	uint8_t op, htype, hlen, hops;
	uint32_t xid_be;
	uint16_t secs_be, flags_be;
	uint32_t ciaddr_be, yiaddr_be, siaddr_be, giaddr_be;
	uint8_t chaddr[16], sname[64], file[128];
	uint32_t cookie_be;
	uint8_t options[312];
} __attribute__((packed));

struct packet {
	struct iphdr ip;
	struct udphdr udp;
	struct dhcp dhcp;
};

static uint8_t mac[6];

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t sum(uint32_t start, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	for (; length > 1; p += 2, length -= 2)
		start += (uint32_t)(p[0] << 8 | p[1]);
	return length ? start + (uint32_t)(p[0] << 8) : start;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return (uint16_t)~value;
}

/* Over the pseudo header and the datagram; 0 when the sum in it is right. */
static uint16_t udp_sum(const struct iphdr *ip, const struct udphdr *udp, size_t length)
{
	uint32_t start = sum(0, &ip->saddr, 8) + IPPROTO_UDP + (uint32_t)length;

	return fold(sum(start, udp, length));
}

static uint8_t *put_option(uint8_t *place, uint8_t code, uint8_t length, const void *value)
{
	place[0] = code;
	place[1] = length;
	memcpy(place + 2, value, length);
	return place + 2 + length;
}

static void ask(int fd, uint8_t type, uint32_t xid, const uint32_t *address_be, const uint32_t *server_be)
{
	struct packet packet = { 0 };
	struct ether_header ethernet = { .ether_type = htons(ETHERTYPE_IP) };
	uint8_t *option = packet.dhcp.options, frame[sizeof(ethernet) + sizeof(packet)];

	memset(ethernet.ether_dhost, 0xff, 6);
	memcpy(ethernet.ether_shost, mac, 6);
	packet.ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = INADDR_BROADCAST,
				   .tot_len = htons(sizeof(packet)) };
	packet.ip.check = htons(fold(sum(0, &packet.ip, sizeof(packet.ip))));
	packet.dhcp.op = 1;
	packet.dhcp.htype = 1;
	packet.dhcp.hlen = 6;
	packet.dhcp.xid_be = htonl(xid);
	memcpy(packet.dhcp.chaddr, mac, 6);
	packet.dhcp.cookie_be = htonl(0x63825363);
	option = put_option(option, 53, 1, &type);
	if (address_be)
		option = put_option(option, 50, 4, address_be);
	if (server_be)
		option = put_option(option, 54, 4, server_be);
	*option = 255;
	packet.udp = (struct udphdr){ .source = htons(68), .dest = htons(67),
				     .len = htons(sizeof(packet.udp) + sizeof(packet.dhcp)) };
	packet.udp.check = htons(udp_sum(&packet.ip, &packet.udp, sizeof(packet.udp) + sizeof(packet.dhcp)));
	memcpy(frame, &ethernet, sizeof(ethernet));
	memcpy(frame + sizeof(ethernet), &packet, sizeof(packet));
	if (send(fd, frame, sizeof(frame), 0) < 0 && errno != ENETDOWN)
		die("send");
}

static const uint8_t *find_option(const struct dhcp *dhcp, size_t length, uint8_t code)
{
	const uint8_t *option = dhcp->options, *end = (const uint8_t *)dhcp + length;

	while (option + 1 < end && *option != 255) {
		if (*option == 0) {
			option++;
			continue;
		}
		if (option + 2 + option[1] > end)
			return NULL;
		if (*option == code)
			return option + 2;
		option += 2 + option[1];
	}
	return NULL;
}

/* The kind of answer to us that this frame is; 0: none. @ret_wrong when it would be one but for its checksum. */
static uint8_t read_answer(const uint8_t *bytes, size_t length, uint32_t xid, struct dhcp *ret_dhcp, size_t *ret_length,
			   int *ret_wrong)
{
	const struct iphdr *ip = (const struct iphdr *)(bytes + sizeof(struct ether_header));
	const struct udphdr *udp;
	const uint8_t *type;
	size_t rest;

	*ret_wrong = 0;
	if (length < sizeof(struct ether_header) + sizeof(*ip) + sizeof(*udp) + offsetof(struct dhcp, options) ||
	    ip->protocol != IPPROTO_UDP)
		return 0;
	udp = (const struct udphdr *)((const uint8_t *)ip + ip->ihl * 4);
	rest = ntohs(udp->len);
	if (udp->source != htons(67) || udp->dest != htons(68) || rest < sizeof(*udp) + offsetof(struct dhcp, options) ||
	    (const uint8_t *)udp + rest > bytes + length)
		return 0;
	*ret_length = rest - sizeof(*udp);
	if (*ret_length > sizeof(*ret_dhcp))
		*ret_length = sizeof(*ret_dhcp);
	memset(ret_dhcp, 0, sizeof(*ret_dhcp));
	memcpy(ret_dhcp, udp + 1, *ret_length);
	if (ret_dhcp->op != 2 || ret_dhcp->xid_be != htonl(xid) || memcmp(ret_dhcp->chaddr, mac, 6) != 0)
		return 0;
	*ret_wrong = fold(sum(0, ip, (size_t)ip->ihl * 4)) != 0 || (udp->check && udp_sum(ip, udp, rest) != 0);
	type = find_option(ret_dhcp, *ret_length, 53);
	return type ? *type : 0;
}

static int open_socket(const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	struct ifreq request = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));

	if (fd < 0)
		die("socket");
	address.sll_ifindex = (int)if_nametoindex(name);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (!address.sll_ifindex || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		die(name);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
	return fd;
}

int main(int argc, char **argv)
{
	uint64_t end = clock_ms() + 1000 * (uint64_t)(argc > 2 ? atoi(argv[2]) : 20), again = 0;
	uint32_t xid = (uint32_t)getpid() * 2654435761u, address_be = 0, server_be = 0;
	unsigned int n_wrong = 0;
	uint8_t bytes[2048];
	int fd;

	if (argc < 2)
		return 2;
	fd = open_socket(argv[1]);
	while (clock_ms() < end) {
		struct pollfd pollfd = { fd, POLLIN, 0 };
		const uint8_t *server;
		struct dhcp dhcp;
		size_t length;
		ssize_t n;
		int wrong;

		if (clock_ms() >= again) {
			ask(fd, address_be ? REQUEST : DISCOVER, xid, address_be ? &address_be : NULL, server_be ? &server_be : NULL);
			again = clock_ms() + 500;
		}
		if (poll(&pollfd, 1, 100) <= 0)
			continue;
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n < 0)
			continue;
		switch (read_answer(bytes, (size_t)n, xid, &dhcp, &length, &wrong)) {
		case OFFER:
		case ACK:
			break;
		default:
			continue;
		}
		if (wrong) {
			n_wrong++;
			continue;
		}
		if (address_be && find_option(&dhcp, length, 53)[0] == ACK) {
			printf("lease %s\n", inet_ntoa((struct in_addr){ dhcp.yiaddr_be }));
			return 0;
		}
		server = find_option(&dhcp, length, 54);
		if (!address_be && server) {
			address_be = dhcp.yiaddr_be;
			memcpy(&server_be, server, 4);
			again = 0;
		}
	}
	printf("no lease, %u answers with a wrong checksum\n", n_wrong);
	return 1;
}
