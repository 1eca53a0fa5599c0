/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends one Ethernet frame as a guest would, through the tap that another process holds, or out of an interface.
 *
 *	send-frame PID|INTERFACE SOURCE DESTINATION TAG TEXT
 *
 * TAG is a VLAN id, 0 for an untagged frame. The frame has the type 0x88b5 (for local experiments, IEEE 802) and TEXT as
 * payload. Opening /proc/PID/fd/N would make a new tap; pidfd_getfd() gives the very one.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VNET_HEADER_SIZE 10
#define FRAME_TYPE 0x88b5

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void put_mac(unsigned char *to, const char *text)
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3], &to[4], &to[5]) != 6) {
		fprintf(stderr, "%s: not a MAC address\n", text);
		exit(2);
	}
}

static size_t put_be16(unsigned char *to, unsigned int value)
{
	to[0] = (unsigned char)(value >> 8);
	to[1] = (unsigned char)value;
	return 2;
}

/* The descriptor of a process that is a tap: its fdinfo names an interface. */
static int find_tap(const char *pid)
{
	char path[300], line[128];
	struct dirent *entry;
	int number = -1;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	folder = opendir(path);
	if (!folder)
		fail(path);
	while (number < 0 && (entry = readdir(folder))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (strncmp(line, "iff:", 4) == 0)
				number = atoi(entry->d_name);
		if (file)
			fclose(file);
	}
	closedir(folder);
	if (number < 0) {
		fprintf(stderr, "process %s holds no tap\n", pid);
		exit(1);
	}
	return number;
}

static void send_by_tap(const char *pid, const unsigned char *frame, size_t size)
{
	unsigned char buffer[2048] = { 0 };	/* a zero vnet header: nothing offloaded */
	int process = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
	int fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, find_tap(pid), 0);

	if (fd < 0)
		fail("pidfd_getfd");
	memcpy(buffer + VNET_HEADER_SIZE, frame, size);
	if (write(fd, buffer, VNET_HEADER_SIZE + size) != (ssize_t)(VNET_HEADER_SIZE + size))
		fail("write");
}

static void send_by_interface(const char *name, const unsigned char *frame, size_t size)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(FRAME_TYPE));

	if (fd < 0 || sendto(fd, frame, size, 0, (struct sockaddr *)&address, sizeof(address)) != (ssize_t)size)
		fail(name);
}

int main(int argc, char **argv)
{
	unsigned char frame[1500] = { 0 };
	size_t size = 2 * ETH_ALEN, length;

	if (argc != 6 || (length = strlen(argv[5])) > 1000) {
		fprintf(stderr, "usage: send-frame PID|INTERFACE SOURCE DESTINATION TAG TEXT\n");
		return 2;
	}
	put_mac(frame, argv[3]);
	put_mac(frame + ETH_ALEN, argv[2]);
	if (atoi(argv[4])) {
		size += put_be16(frame + size, ETH_P_8021Q);
		size += put_be16(frame + size, (unsigned int)atoi(argv[4]));
	}
	size += put_be16(frame + size, FRAME_TYPE);
	memcpy(frame + size, argv[5], length);
	size += length;
	if (size < ETH_ZLEN)
		size = ETH_ZLEN;

	if (strspn(argv[1], "0123456789") == strlen(argv[1]))
		send_by_tap(argv[1], frame, size);
	else
		send_by_interface(argv[1], frame, size);
	return 0;
}
