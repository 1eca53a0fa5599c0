/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network card of a guest without the guest: two taps, and every frame of one is copied to the other as it is,
 * with the header that says whether its checksum is finished (struct virtio_net_hdr). That is what vhost-net does.
 *
 *	tap-guest BRIDGE NETNS NAME finished|unfinished
 *
 * One tap is a port of BRIDGE here; the other one is NAME in the network namespace with the path NETNS. "unfinished"
 * is a card that takes frames with unfinished checksums (virtio with a Linux driver), "finished" one that does not
 * (e1000, rtl8139, most firmware): the kernel then finishes them on their way to the tap. Prints "ready"; copies until
 * it is ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_tap(const char *name, unsigned long offload, struct ifreq *request)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(request, 0, sizeof(*request));
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
	request->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (fd < 0 || control < 0 || ioctl(fd, TUNSETIFF, request) < 0)
		die("TUNSETIFF");
	if (ioctl(fd, TUNSETOFFLOAD, offload) < 0)
		die("TUNSETOFFLOAD");
	if (ioctl(control, SIOCGIFFLAGS, request) < 0)
		die("SIOCGIFFLAGS");
	request->ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, request) < 0)
		die("SIOCSIFFLAGS");
	close(control);
	return fd;
}

static void enslave(const char *bridge, const char *tap)
{
	struct ifreq request = { .ifr_ifindex = (int)if_nametoindex(tap) };
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", bridge);
	if (ioctl(control, SIOCBRADDIF, &request) < 0)
		die("SIOCBRADDIF");
	close(control);
}

static void copy(int from, int to)
{
	static char frame[65536 + 64];
	ssize_t n = read(from, frame, sizeof(frame));

	if (n > 0 && write(to, frame, (size_t)n) < 0 && errno != EIO)
		die("write");
}

int main(int argc, char **argv)
{
	struct ifreq request;
	int taps[2], namespace;

	if (argc != 5)
		return 2;
	taps[0] = open_tap("tg%d", strcmp(argv[4], "unfinished") == 0 ? TUN_F_CSUM : 0, &request);
	enslave(argv[1], request.ifr_name);
	namespace = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0)
		die(argv[2]);
	taps[1] = open_tap(argv[3], 0, &request);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd pollfds[2] = { { taps[0], POLLIN, 0 }, { taps[1], POLLIN, 0 } };

		if (poll(pollfds, 2, -1) < 0)
			die("poll");
		for (int i = 0; i < 2; i++)
			if (pollfds[i].revents)
				copy(taps[i], taps[1 - i]);
	}
}
