/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A service manager as far as its store of descriptors goes (sd_notify(3), FDSTORE=1): starts a program, keeps what it
 * sends, and starts it again with that when a signal has ended it.
 *
 *	keep-fds SOCKET PROGRAM [ARGUMENT...]
 *
 * Prints "started PID NUMBER-OF-DESCRIPTORS", "stored NAME NUMBER-OF-DESCRIPTORS" and "ready". Ends when the program
 * exits by itself, or on SIGTERM, which it passes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int stored[16];
static char names[16][64];
static size_t n_stored;

static pid_t start(const char *socket_path, char *argv[])
{
	char text[32], all_names[2048] = "";
	sigset_t none;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setenv("NOTIFY_SOCKET", socket_path, 1);
		if (n_stored > 0) {
			/* Ours are close-on-exec and far above; dup2 makes them 3, 4, ... */
			for (size_t i = 0; i < n_stored; i++) {
				dup2(stored[i], 3 + (int)i);
				snprintf(all_names + strlen(all_names), sizeof(all_names) - strlen(all_names), "%s%s",
					 i ? ":" : "", names[i]);
			}
			snprintf(text, sizeof(text), "%d", (int)getpid());
			setenv("LISTEN_PID", text, 1);
			snprintf(text, sizeof(text), "%zu", n_stored);
			setenv("LISTEN_FDS", text, 1);
			setenv("LISTEN_FDNAMES", all_names, 1);
		}
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	printf("started %d %zu\n", (int)pid, n_stored);
	fflush(stdout);
	return pid;
}

/* The same open file as one that is stored already? Both are sockets: their inode says. */
static int is_stored(int fd)
{
	struct stat a, b;

	for (size_t i = 0; i < n_stored; i++)
		if (fstat(fd, &a) == 0 && fstat(stored[i], &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return 1;
	return 0;
}

static void receive(int socket_fd)
{
	char text[4096], control[CMSG_SPACE(sizeof(int) * 8)] = { 0 };
	struct iovec part = { text, sizeof(text) - 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	char name[64] = "stored", *at;

	if (n < 0)
		return;
	text[n] = '\0';
	if ((at = strstr(text, "FDNAME=")))
		sscanf(at + 7, "%63[^\n]", name);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		int fd;

		if (c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(int)))
			continue;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		if (!strstr(text, "FDSTORE=1") || n_stored == 16 || is_stored(fd)) {
			close(fd);
			continue;
		}
		stored[n_stored] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		close(fd);
		memcpy(names[n_stored++], name, sizeof(name));
		printf("stored %s %zu\n", name, n_stored);
	}
	if (strstr(text, "READY=1"))
		puts("ready");
	fflush(stdout);
}

int main(int argc, char *argv[])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct pollfd polls[2];
	sigset_t mask;
	pid_t pid;

	if (argc < 3 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fprintf(stderr, "usage: keep-fds SOCKET PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	memcpy(address.sun_path, argv[1], strlen(argv[1]));
	polls[0] = (struct pollfd){ .fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = signalfd(-1, &mask, SFD_CLOEXEC), .events = POLLIN };
	unlink(argv[1]);
	if (bind(polls[0].fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror(argv[1]);
		return 1;
	}
	pid = start(argv[1], argv + 2);
	for (;;) {
		struct signalfd_siginfo info;
		int status;

		if (poll(polls, 2, -1) < 0)
			continue;
		if (polls[0].revents & POLLIN) {
			receive(polls[0].fd);
			continue;
		}
		if (!(polls[1].revents & POLLIN) || read(polls[1].fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo == SIGTERM) {
			kill(pid, SIGTERM);
			continue;
		}
		if (waitpid(pid, &status, WNOHANG) != pid)
			continue;
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		pid = start(argv[1], argv + 2);
	}
}
