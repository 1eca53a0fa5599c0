/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: sends one frame that a guest should not be able to send, or should, and says whether it arrives elsewhere.
 *
 *	forge-frame FROM:INTERFACE TO:INTERFACE OWN KIND...
 *
 * FROM and TO are network namespaces of ip-netns(8), or "host". Behind the frame follows one that may always pass: a
 * DHCP request from the address OWN. When that is seen and the frame was not, it was dropped: prints "passed" or
 * "dropped", or "lost" when neither is seen for some seconds. Kinds; MACs are those in the frame:
 *
 *	arp MAC SENDER-MAC SENDER-IP TARGET-IP		a reply
 *	udp MAC SOURCE SPORT DESTINATION DPORT		IPv4 or IPv6
 *	ns MAC SOURCE TARGET, na MAC SOURCE TARGET	neighbour solicitation, advertisement
 *	ra MAC SOURCE, redirect MAC SOURCE
 *	ra-hidden MAC SOURCE				the first fragment ends before the advertisement begins
 *	ra-option MAC SOURCE				behind a destination options header
 *	ra-tagged MAC SOURCE				behind a VLAN tag
 *	bpdu MAC
 *	release MAC CHADDR				DHCP
 *	type MAC NUMBER					any protocol
 *	twice-tagged MAC SOURCE				IPv4 behind two VLAN tags
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_S 3
/* Both are the end of what an IP header counts: what comes behind that may be cut off. */
#define MARK "forged frame"
#define END "forged ended"
_Static_assert(sizeof(MARK) == sizeof(END), "of one length");

struct frame {
	uint8_t bytes[512];
	size_t n;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void put(struct frame *frame, const void *bytes, size_t n)
{
	memcpy(frame->bytes + frame->n, bytes, n);
	frame->n += n;
}

static void put8(struct frame *frame, unsigned int value)
{
	frame->bytes[frame->n++] = (uint8_t)value;
}

static void put16(struct frame *frame, unsigned int value)
{
	put8(frame, value >> 8);
	put8(frame, value & 255);
}

static void put_zeros(struct frame *frame, size_t n)
{
	while (n-- > 0)
		put8(frame, 0);
}

static void put_mac(struct frame *frame, const char *text)
{
	uint8_t mac[6];

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		die(text);
	put(frame, mac, sizeof(mac));
}

static void put_ip(struct frame *frame, const char *text)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		put(frame, bytes, 4);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		put(frame, bytes, 16);
	else
		die(text);
}

static void put_ethernet(struct frame *frame, const char *destination, const char *source, unsigned int type)
{
	put_mac(frame, destination);
	put_mac(frame, source);
	put16(frame, type);
}

/* Where bridged frames are shown to the rules for IP, a header with a wrong sum goes no further. */
static void put_ip4(struct frame *frame, const char *source, const char *destination, unsigned int protocol, size_t length)
{
	uint8_t *header = frame->bytes + frame->n;
	uint32_t sum = 0;

	put16(frame, 0x4500);
	put16(frame, (unsigned int)(20 + length + sizeof(MARK)));
	put_zeros(frame, 4);
	put16(frame, 64 << 8 | protocol);
	put16(frame, 0);
	put_ip(frame, source);
	put_ip(frame, destination);
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	sum = ~((sum & 0xffff) + (sum >> 16));
	header[10] = (uint8_t)(sum >> 8);
	header[11] = (uint8_t)sum;
}

static void put_ip6(struct frame *frame, const char *source, const char *destination, unsigned int next, size_t length)
{
	put16(frame, 0x6000);
	put16(frame, 0);
	put16(frame, (unsigned int)(length + sizeof(MARK)));
	put16(frame, next << 8 | 255);
	put_ip(frame, source);
	put_ip(frame, destination);
}

static void put_udp(struct frame *frame, const char *mac, const char *source, unsigned int sport, const char *destination,
		    unsigned int dport)
{
	const size_t length = 8;
	bool v6 = strchr(source, ':');

	put_ethernet(frame, "ff:ff:ff:ff:ff:ff", mac, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	if (v6)
		put_ip6(frame, source, destination, 17, length);
	else
		put_ip4(frame, source, destination, 17, length);
	put16(frame, sport);
	put16(frame, dport);
	put16(frame, (unsigned int)(length + sizeof(MARK)));
	put16(frame, 0);
}

static void put_arp(struct frame *frame, char **argv)
{
	put_ethernet(frame, "ff:ff:ff:ff:ff:ff", argv[0], ETHERTYPE_ARP);
	put16(frame, 1);
	put16(frame, ETHERTYPE_IP);
	put16(frame, 6 << 8 | 4);
	put16(frame, 2);
	put_mac(frame, argv[1]);
	put_ip(frame, argv[2]);
	put_mac(frame, "ff:ff:ff:ff:ff:ff");
	put_ip(frame, argv[3]);
}

static void put_neighbour(struct frame *frame, unsigned int type, char **argv)
{
	put_ethernet(frame, "33:33:00:00:00:01", argv[0], ETHERTYPE_IPV6);
	put_ip6(frame, argv[1], "ff02::1", 58, 24);
	put16(frame, type << 8);
	put16(frame, 0);
	put_zeros(frame, 4);
	put_ip(frame, argv[2]);
}

static void put_advertisement(struct frame *frame)
{
	put16(frame, 134 << 8);
	put_zeros(frame, 14);
}

static void put_ra(struct frame *frame, const char *kind, char **argv)
{
	bool tagged = strcmp(kind, "ra-tagged") == 0;

	put_ethernet(frame, "33:33:00:00:00:01", argv[0], tagged ? ETHERTYPE_VLAN : ETHERTYPE_IPV6);
	if (tagged) {
		put16(frame, 0);	/* of no VLAN: a priority */
		put16(frame, ETHERTYPE_IPV6);
	}
	if (strcmp(kind, "ra-hidden") == 0) {
		put_ip6(frame, argv[1], "ff02::1", 44, 16);
		put16(frame, 60 << 8);	/* destination options follow, of 32 bytes, and end in another fragment */
		put16(frame, 1);
		put_zeros(frame, 4);
		put16(frame, 58 << 8 | 3);
		put_zeros(frame, 6);
	} else if (strcmp(kind, "ra-option") == 0) {
		put_ip6(frame, argv[1], "ff02::1", 60, 24);
		put16(frame, 58 << 8 | 0);
		put16(frame, 1 << 8 | 4);
		put_zeros(frame, 4);
		put_advertisement(frame);
	} else if (strcmp(kind, "redirect") == 0) {
		put_ip6(frame, argv[1], "ff02::1", 58, 40);
		put16(frame, 137 << 8);
		put_zeros(frame, 38);
	} else {
		put_ip6(frame, argv[1], "ff02::1", 58, 16);
		put_advertisement(frame);
	}
}

/* BOOTP (RFC 951) up to chaddr and some more, which is all that anybody looks at. */
static void put_dhcp(struct frame *frame, const char *mac, const char *chaddr, const char *source)
{
	put_ethernet(frame, "ff:ff:ff:ff:ff:ff", mac, ETHERTYPE_IP);
	put_ip4(frame, source, "255.255.255.255", 17, 8 + 64);
	put16(frame, 68);
	put16(frame, 67);
	put16(frame, 8 + 64 + sizeof(MARK));
	put16(frame, 0);
	put16(frame, 0x0101);
	put16(frame, 0x0600);
	put_zeros(frame, 24);
	put_mac(frame, chaddr);
	put_zeros(frame, 30);
}

static void build(struct frame *frame, int argc, char **argv)
{
	const char *kind = argv[0];

	argv++;
	argc--;
	if (strcmp(kind, "arp") == 0 && argc == 4) {
		put_arp(frame, argv);
	} else if (strcmp(kind, "udp") == 0 && argc == 5) {
		put_udp(frame, argv[0], argv[1], (unsigned int)atoi(argv[2]), argv[3], (unsigned int)atoi(argv[4]));
	} else if (strcmp(kind, "ns") == 0 && argc == 3) {
		put_neighbour(frame, 135, argv);
	} else if (strcmp(kind, "na") == 0 && argc == 3) {
		put_neighbour(frame, 136, argv);
	} else if ((strncmp(kind, "ra", 2) == 0 || strcmp(kind, "redirect") == 0) && argc == 2) {
		put_ra(frame, kind, argv);
	} else if (strcmp(kind, "bpdu") == 0 && argc == 1) {
		put_ethernet(frame, "01:80:c2:00:00:00", argv[0], 38);
		put16(frame, 0x4242);
		put8(frame, 3);
		put_zeros(frame, 35);
	} else if (strcmp(kind, "release") == 0 && argc == 2) {
		put_dhcp(frame, argv[0], argv[1], "0.0.0.0");
	} else if (strcmp(kind, "type") == 0 && argc == 2) {
		put_ethernet(frame, "ff:ff:ff:ff:ff:ff", argv[0], (unsigned int)strtoul(argv[1], NULL, 0));
	} else if (strcmp(kind, "twice-tagged") == 0 && argc == 2) {
		put_ethernet(frame, "ff:ff:ff:ff:ff:ff", argv[0], ETHERTYPE_VLAN);
		put16(frame, 0);
		put16(frame, ETHERTYPE_VLAN);
		put16(frame, 0);
		put16(frame, ETHERTYPE_IP);
		put_ip4(frame, argv[1], "255.255.255.255", 17, 8);
		put_zeros(frame, 8);
	} else {
		fprintf(stderr, "forge-frame: no such kind: %s\n", kind);
		exit(2);
	}
}

/* A packet socket on NAMESPACE:INTERFACE. */
static int open_at(char *place)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	char *interface = strchr(place, ':'), path[128];
	int fd, self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = self;

	if (!interface)
		die(place);
	*interface++ = '\0';
	if (strcmp(place, "host") != 0) {
		snprintf(path, sizeof(path), "/run/netns/%s", place);
		there = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (there < 0 || setns(there, CLONE_NEWNET) < 0)
		die(place);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	address.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(interface);
	if (setns(self, CLONE_NEWNET) < 0)
		die("setns");
	return fd;
}

static void on_alarm(int signal)
{
	static const char text[] = "lost\n";

	(void)signal;
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) < 0);
}

int main(int argc, char **argv)
{
	struct frame frame = { .n = 0 }, end = { .n = 0 };
	struct pollfd poll_to;
	uint8_t buffer[2048];
	ssize_t n;
	int from;

	if (argc < 6)
		return 2;
	build(&frame, argc - 4, argv + 4);
	put(&frame, MARK, sizeof(MARK));
	put_dhcp(&end, argv[3], argv[3], "0.0.0.0");
	put(&end, END, sizeof(END));
	from = open_at(argv[1]);
	poll_to = (struct pollfd){ .fd = open_at(argv[2]), .events = POLLIN };
	if (send(from, frame.bytes, frame.n, 0) < 0 || send(from, end.bytes, end.n, 0) < 0)
		die("send");
	signal(SIGALRM, on_alarm);
	alarm(WAIT_S);
	while (poll(&poll_to, 1, -1) > 0) {
		n = recv(poll_to.fd, buffer, sizeof(buffer), 0);
		if (n > 0 && memmem(buffer, (size_t)n, MARK, sizeof(MARK))) {
			puts("passed");
			return 0;
		}
		if (n > 0 && memmem(buffer, (size_t)n, END, sizeof(END))) {
			puts("dropped");
			return 0;
		}
	}
	return 1;
}
