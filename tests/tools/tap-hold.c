/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of -netdev tap,ifname=NAME,script=no as far as the tap goes: opens one that exists, and holds it.
 *
 *	tap-hold NAME [queue] [owner=UID] [drop]
 *
 * "queue" opens one queue of several. "owner=" and "drop" are what whoever has it open can do to it: another owner, and
 * not to stay. Prints "held", or the error's name and exits with 1; ends when its standard input does.
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

static int refuse(void)
{
	puts(strerrorname_np(errno));
	return 1;
}

int main(int argc, char **argv)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	char byte;

	if (argc < 2)
		return 2;
	if (argc > 2 && strcmp(argv[2], "queue") == 0)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", argv[1]);
	/* One that does not exist is not to be made: without the right to that it cannot be. */
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return refuse();
	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "owner=", 6) == 0 && ioctl(fd, TUNSETOWNER, strtoul(argv[i] + 6, NULL, 10)) < 0)
			return refuse();
		if (strcmp(argv[i], "drop") == 0 && ioctl(fd, TUNSETPERSIST, 0UL) < 0)
			return refuse();
	}
	puts("held");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
