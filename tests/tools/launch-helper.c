/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a bridge helper as QEMU does, and says what came of it.
 *
 *	launch-helper [--uid N] [--gid N] [--groups N,N] [--type stream|dgram|seqpacket] [--no-vnet]
 *		[--no-hold] HELPER ARG...
 *
 * Makes a socket pair, forks, becomes uid and gid, executes HELPER with --use-vnet --fd=N and the given
 * arguments, receives the fd, waits for the exit, and prints one line of JSON:
 *
 *	{"status":0,"byte":0,"fd":true,"tap":"gn4201_0","flags":20482,"vnet_hdr_size":10,"stdout":"","stderr":""}
 *
 * With a tap in hand it then waits for the end of its own stdin, so that the tap lives as long as that.
 * "status" is the exit status, or 128 + the signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void print_string(const char *string)
{
	putchar('"');
	for (; *string; string++) {
		if (*string == '"' || *string == '\\')
			printf("\\%c", *string);
		else if ((unsigned char)*string < 0x20)
			printf("\\u%04x", *string);
		else
			putchar(*string);
	}
	putchar('"');
}

static size_t read_all(int fd, char *buffer, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while (length < size - 1 && (n = read(fd, buffer + length, size - 1 - length)) > 0)
		length += (size_t)n;
	buffer[length] = '\0';
	return length;
}

static int receive(int socket_fd, int *byte)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } control;
	char data[16];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	int fd = -1;
	ssize_t n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*byte = n == 1 ? (unsigned char)data[0] : -1;
	if (n <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

int main(int argc, char **argv)
{
	unsigned int uid = getuid(), gid = getgid();
	gid_t groups[64];
	size_t n_groups = 0;
	bool vnet = true, hold = true;
	int type = SOCK_STREAM, sockets[2], out[2], err[2], status, byte, fd, i;
	char fd_argument[32], *arguments[64], output[4096], errors[16384];
	size_t n = 0;
	pid_t pid;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--no-vnet") == 0) {
			vnet = false;
		} else if (strcmp(argv[i], "--no-hold") == 0) {
			hold = false;
		} else if (i + 1 == argc) {
			return 2;
		} else if (strcmp(argv[i], "--uid") == 0) {
			uid = gid = (unsigned int)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--gid") == 0) {
			gid = (unsigned int)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--groups") == 0) {
			for (char *word = strtok(argv[++i], ","); word; word = strtok(NULL, ","))
				groups[n_groups++] = (gid_t)strtoul(word, NULL, 10);
		} else if (strcmp(argv[i], "--type") == 0) {
			i++;
			type = argv[i][0] == 'd' ? SOCK_DGRAM : argv[i][1] == 'e' ? SOCK_SEQPACKET : SOCK_STREAM;
		} else {
			return 2;
		}
	}
	if (i == argc || argc - i > 50)
		return 2;

	if (socketpair(AF_UNIX, type, 0, sockets) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		fail("socketpair");
	fcntl(sockets[0], F_SETFD, FD_CLOEXEC);
	snprintf(fd_argument, sizeof(fd_argument), "--fd=%d", sockets[1]);
	arguments[n++] = argv[i++];
	if (vnet)
		arguments[n++] = "--use-vnet";
	arguments[n++] = fd_argument;
	while (i < argc)
		arguments[n++] = argv[i++];
	arguments[n] = NULL;

	pid = fork();
	if (pid == 0) {
		sigset_t chld;

		sigemptyset(&chld);
		sigaddset(&chld, SIGCHLD);
		sigprocmask(SIG_BLOCK, &chld, NULL);	/* as QEMU does */
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (getuid() != uid &&
		    (setgroups(n_groups, groups) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
			fail("setuid");
		execv(arguments[0], arguments);
		fail("exec");
	}
	close(sockets[1]);
	close(out[1]);
	close(err[1]);
	read_all(err[0], errors, sizeof(errors));
	read_all(out[0], output, sizeof(output));
	waitpid(pid, &status, 0);
	fd = receive(sockets[0], &byte);

	printf("{\"status\":%d,\"byte\":%d,\"fd\":%s", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	       byte, fd >= 0 ? "true" : "false");
	if (fd >= 0) {
		struct ifreq request = { 0 };
		int size = 0;

		if (ioctl(fd, TUNGETIFF, &request) < 0 || ioctl(fd, TUNGETVNETHDRSZ, &size) < 0)
			fail("TUNGETIFF");
		printf(",\"tap\":");
		print_string(request.ifr_name);
		printf(",\"flags\":%d,\"vnet_hdr_size\":%d", (unsigned short)request.ifr_flags, size);
	}
	printf(",\"stdout\":");
	print_string(output);
	printf(",\"stderr\":");
	print_string(errors);
	printf("}\n");
	fflush(stdout);

	if (fd >= 0 && hold)
		read_all(0, output, sizeof(output));
	return 0;
}
