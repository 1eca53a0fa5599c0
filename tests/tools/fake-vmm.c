/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes open taps as cloud-hypervisor does: the steps of its net_util/src/tap.rs (Tap::from_tap_fd) and of a guest that starts,
 * on each fd: not blocking, flags read, set again as a tap with a virtio_net_hdr (an EEXIST is fine), a header of 12 bytes,
 * offloads; then one frame from the guest. Any other error ends it.
 *
 *	fake-vmm --net fd=[N,N...],mac=MAC,num_queues=N		prints {"tap":...,"queues":N,"flags":N}, and ends with stdin
 *	fake-vmm steal TAP [queues]				one more queue of somebody's tap; prints 0 or the errno's name
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEADER_SIZE	12
#define FRAME_SIZE	60
#define FLAGS		(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void send_frame(int fd, const unsigned char *mac)
{
	unsigned char bytes[HEADER_SIZE + FRAME_SIZE] = { 0 }, *frame = bytes + HEADER_SIZE;

	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	frame[12] = 0x88;	/* for local experiments (IEEE 802) */
	frame[13] = 0xb5;
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		fail("write");
}

static void adopt(int fd, int queues, struct ifreq *request)
{
	int size = HEADER_SIZE, was;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		fail("F_SETFL");
	if (ioctl(fd, TUNGETIFF, request) < 0)
		fail("TUNGETIFF");
	was = request->ifr_flags;
	request->ifr_flags = FLAGS | (queues > 1 ? IFF_MULTI_QUEUE : 0);
	if (ioctl(fd, TUNSETIFF, request) < 0 && errno != EEXIST)
		fail("TUNSETIFF");
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		fail("TUNSETVNETHDRSZ");
	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) < 0)
		fail("TUNSETOFFLOAD");
	request->ifr_flags = (short)was;
}

static void steal(const char *name)
{
	struct ifreq request = { .ifr_flags = FLAGS | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	printf("%s\n", fd < 0 ? "open" : ioctl(fd, TUNSETIFF, &request) < 0 ? strerrorname_np(errno) : "0");
}

int main(int argc, char **argv)
{
	struct ifreq request = { 0 };
	unsigned char mac[6];
	int fds[64], n = 0, wanted, length;
	const char *p;
	char byte;

	if (argc == 3 && strcmp(argv[1], "steal") == 0) {
		steal(argv[2]);
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "--net") != 0 || strncmp(argv[2], "fd=[", 4) != 0) {
		fprintf(stderr, "usage: fake-vmm --net fd=[N,N...],mac=MAC,num_queues=N\n");
		return 2;
	}
	for (p = argv[2] + 4; n < 64 && sscanf(p, "%d%n", &fds[n], &length) == 1; p += *p == ',')
		n++, p += length;
	if (sscanf(p, "],mac=%hhx:%hhx:%hhx:%hhx:%hhx:%hhx,num_queues=%d", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
		   &wanted) != 7 || wanted != 2 * n) {
		fprintf(stderr, "%s: not understood\n", argv[2]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		adopt(fds[i], n, &request);
		/* Each queue is another guest address, so that each is seen to work. */
		mac[5] = (unsigned char)(mac[5] + (i > 0));
		send_frame(fds[i], mac);
	}
	printf("{\"tap\":\"%s\",\"queues\":%d,\"flags\":%d}\n", request.ifr_name, n, (int)(unsigned short)request.ifr_flags);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
