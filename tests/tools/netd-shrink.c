// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the queues small in which a process hears of events, so that it loses some:
 *
 *   netd-shrink PID BYTES     of all its netlink sockets that have joined a group; prints how many
 *   netd-shrink PID drops     prints how many messages the kernel had no room for, on all of its netlink sockets
 */
#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "netd-shrink: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Column 9 of the socket with this inode. */
static unsigned long drops_of(unsigned long inode)
{
	FILE *file = fopen("/proc/net/netlink", "r");
	char line[512];
	unsigned long drops = 0, found, dropped;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &dropped, &found) == 2 && found == inode)
			drops = dropped;
	if (file)
		fclose(file);
	return drops;
}

int main(int argc, char *argv[])
{
	unsigned long n_drops = 0;
	unsigned int n_shrunk = 0;
	const struct dirent *entry;
	char path[64];
	int pidfd;
	DIR *dir;

	if (argc != 3) {
		fprintf(stderr, "usage: netd-shrink PID BYTES|drops\n");
		return 2;
	}
	pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd", atoi(argv[1]));
	dir = opendir(path);
	if (pidfd < 0 || !dir)
		die(argv[1]);
	while ((entry = readdir(dir))) {
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0), domain = 0, size = atoi(argv[2]);
		socklen_t length = sizeof(domain);
		uint32_t groups[8] = { 0 };
		struct stat st;

		if (entry->d_name[0] == '.' || fd < 0)
			continue;
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
		length = sizeof(groups);
		if (domain == AF_NETLINK && strcmp(argv[2], "drops") == 0 && fstat(fd, &st) == 0)
			n_drops += drops_of(st.st_ino);
		else if (domain == AF_NETLINK && getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &length) == 0 &&
			 memcmp(groups, (uint32_t[8]){ 0 }, sizeof(groups)) != 0)
			n_shrunk += setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0;
		close(fd);
	}
	printf("%lu\n", strcmp(argv[2], "drops") == 0 ? n_drops : n_shrunk);
	return 0;
}
