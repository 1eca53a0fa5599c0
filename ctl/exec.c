/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet exec: starts a virtual machine monitor with a tap as an open fd.
 *
 * The tap is got as QEMU gets it: the helper makes it, or asks guestnetd where it cannot. One with several queues comes
 * from guestnetd in any case: the helper's command line is QEMU's, which knows of one fd. What is then executed
 * needs to start no program and open no device, so that it may run in any sandbox (QEMU: -sandbox on,spawn=deny).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "../lib/tapsocket.h"
#include "paths.h"
#include "qemu.h"

#define ERRORS_SIZE 4096	/* bytes of what the helper says */

/* In the child: the helper, with one end of the socket pair and of the pipe for its words. */
static _Noreturn void run_helper(const char *network, int socket_fd, int error_fd)
{
	char br[32], fd[32], program[] = PATH_HELPER, vnet[] = "--use-vnet";
	char *const argv[] = { program, vnet, br, fd, NULL };
	int inherited = fcntl(socket_fd, F_DUPFD, 3);

	if (inherited < 0 || dup2(error_fd, STDERR_FILENO) < 0)
		_exit(126);
	snprintf(br, sizeof(br), "--br=%s", network);
	snprintf(fd, sizeof(fd), "--fd=%d", inherited);
	execv(program, argv);
	_exit(errno == ENOENT || errno == EACCES || errno == EPERM ? 127 : 126);
}

static void read_words(int fd, char *buffer, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while (length < size - 1 && ((n = read(fd, buffer + length, size - 1 - length)) > 0 || (n < 0 && errno == EINTR)))
		length += n > 0 ? (size_t)n : 0;
	while (length > 0 && buffer[length - 1] == '\n')
		length--;
	buffer[length] = '\0';
	str_one_line(buffer);
}

/*
 * For several queues; and without the helper, as in a container that has only this program: the daemon can be asked all
 * the same.
 */
static int ask_daemon(const char *network, unsigned int queues, struct fd_list *ret_fds, struct failure *failure)
{
	struct tapsocket_request request = tapsocket_request(network, TAPSOCKET_VNET_HDR);
	struct tapsocket_reply reply;
	int r;

	request.queues = (uint8_t)(queues > 1 ? queues : 0);
	r = tapsocket_ask(PATH_TAP_SOCKET, &request, &reply, ret_fds);
	if (r < 0)
		return failure_set(failure, r, "%s: " PATH_TAP_SOCKET ": %s",
				   queues > 1 ? "a tap with several queues is guestnetd's to give, and it cannot be asked" :
						PATH_HELPER " cannot be run here, and guestnetd cannot be asked instead", strerror(-r));
	return reply.error != 0 ? failure_set(failure, -EACCES, "%s", reply.text) : 0;
}

/* A tap on the network; the caller owns @ret_fds. -EACCES when it was refused, with the helper's words. */
static int get_tap(const char *network, struct fd_list *ret_fds, struct failure *failure)
{
	_cleanup_(fd_closep) int ours = -EBADF, words_fd = -EBADF;
	struct fd_list fds = FD_LIST_NULL;
	int sockets[2], words[2], status = 0, r;
	char text[ERRORS_SIZE], byte;
	size_t length = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return failure_set(failure, -errno, "no socket: %s", strerror(errno));
	ours = sockets[0];
	if (pipe2(words, O_CLOEXEC) < 0) {
		r = -errno;
		close(sockets[1]);
		return failure_set(failure, r, "no pipe: %s", strerror(-r));
	}
	words_fd = words[0];
	pid = fork();
	if (pid == 0)
		run_helper(network, sockets[1], words[1]);
	r = pid < 0 ? -errno : 0;
	close(sockets[1]);
	close(words[1]);
	if (r < 0)
		return failure_set(failure, r, "cannot start " PATH_HELPER ": %s", strerror(-r));

	read_words(words_fd, text, sizeof(text));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return ask_daemon(network, 1, ret_fds, failure);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return failure_set(failure, -EACCES, "%s", text[0] ? text : PATH_HELPER " ended without a word");
	r = fd_receive_list(ours, &byte, 1, 1, &fds, &length);
	if (r == 0 && fds.n == 0)
		r = -EPROTO;
	if (r < 0)
		return failure_set(failure, r, "no tap came from " PATH_HELPER ": %s", strerror(-r));
	*ret_fds = fds;
	return 0;
}

/* The command line */

struct arguments {
	char **words;		/* owned, each of them too */
	size_t n;
};

static void arguments_deinit(struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->n; i++)
		free(arguments->words[i]);
	free(arguments->words);
}

/* There is room for what was given and what we add. */
static int add(struct arguments *arguments, const char *word)
{
	arguments->words[arguments->n] = strdup(word);
	return arguments->words[arguments->n] ? (arguments->n++, 0) : -ENOMEM;
}

/* What stands for the tap and its address in the words of a program. */
struct marks {
	char fd[16], fds[128], mac[32];		/* fds: all queues, separated by commas */
};

/* @word with every {name} replaced. */
static int add_replaced(struct arguments *arguments, const char *word, const struct marks *marks)
{
	struct { const char *mark, *value; } table[] = { { "{fds}", marks->fds }, { "{fd}", marks->fd }, { "{mac}", marks->mac } };
	/* The shortest mark has four bytes. */
	size_t size = strlen(word) * (sizeof(marks->fds) / 4) + 1, length = 0;
	char *result = malloc(size);

	if (!result)
		return -ENOMEM;
	while (*word) {
		const char *value = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(table) && !value; i++)
			if (str_has_prefix(word, table[i].mark, &word))
				value = table[i].value;
		if (value)
			length += (size_t)snprintf(result + length, size - length, "%s", value);
		else
			result[length++] = *word++;
	}
	result[length] = '\0';
	arguments->words[arguments->n++] = result;
	return 0;
}

static bool is_qemu(const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

	return strncmp(name, "qemu-system-", 12) == 0 || strcmp(name, "qemu-kvm") == 0 || strcmp(name, "kvm") == 0;
}

static bool has_mark(const char *const *words, size_t n, const char *mark)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(words[i], mark))
			return true;
	return false;
}

/*
 * One for each queue, opened here so that the sandbox need not allow it. Without them, or with fewer, the packets go
 * through the program itself.
 */
static struct fd_list open_vhost(const struct nic *nic, size_t queues)
{
	struct fd_list fds = FD_LIST_NULL;

	while (nic->vhost && fds.n < queues) {
		int fd = open("/dev/vhost-net", O_RDWR);

		if (fd < 0) {
			fd_list_deinit(&fds);
			break;
		}
		fds.fds[fds.n++] = fd;
	}
	return fds;
}

/* @prefix, then "fd=3" or "fds=3:4". */
static void print_fds(struct text *text, const char *prefix, const struct fd_list *fds)
{
	text_add(text, "%s%s=", prefix, fds->n > 1 ? "fds" : "fd");
	for (size_t i = 0; i < fds->n; i++)
		text_add(text, "%s%d", i > 0 ? ":" : "", fds->fds[i]);
}

static int add_netdev(struct arguments *arguments, const struct nic *nic, const struct fd_list *fds)
{
	const struct fd_list vhost = open_vhost(nic, fds->n);
	char netdev[512], device[256];
	struct text text;
	int r;

	text_init(&text, netdev, sizeof(netdev));
	print_fds(&text, "tap,id=" NETDEV_ID ",", fds);
	if (vhost.n > 0)
		print_fds(&text, ",vhost=on,vhost", &vhost);
	nic_print_device(nic, (unsigned int)fds->n, device, sizeof(device));
	r = add(arguments, "-netdev");
	if (r == 0)
		r = add(arguments, netdev);
	if (r == 0)
		r = add(arguments, "-device");
	return r == 0 ? add(arguments, device) : r;
}

static int build_arguments(const struct nic *nic, const char *const *words, size_t n, const struct fd_list *fds, bool marked,
			   struct arguments *arguments)
{
	struct marks marks;
	struct text text;
	int r = 0;

	arguments->words = calloc(n + 5, sizeof(*arguments->words));
	if (!arguments->words)
		return -ENOMEM;
	snprintf(marks.fd, sizeof(marks.fd), "%d", fds->fds[0]);
	text_init(&text, marks.fds, sizeof(marks.fds));
	for (size_t i = 0; i < fds->n; i++)
		text_add(&text, "%s%d", i > 0 ? "," : "", fds->fds[i]);
	snprintf(marks.mac, sizeof(marks.mac), MAC_FORMAT, MAC_BYTES(nic->mac));
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_replaced(arguments, words[i], &marks);
	return r == 0 && !marked ? add_netdev(arguments, nic, fds) : r;
}

/* --queues, and whether that many can be told to this program. */
static int read_queues(const struct options *options, const struct nic *nic, bool one_mark, unsigned int *ret_queues,
		       struct failure *failure)
{
	const char *value = options->values[OPTION_QUEUES];
	uint32_t queues = 1;

	if (value && (str_parse_u32(value, LIMIT_TAP_QUEUES, &queues) < 0 || queues == 0))
		return failure_set(failure, -EINVAL, "--queues %s: want a number from 1 to %d", STR_ESCAPED(value), LIMIT_TAP_QUEUES);
	if (queues > 1 && one_mark)
		return failure_set(failure, -EINVAL, "with --queues %u there are %u fds: write {fds} in the place of {fd}", queues, queues);
	if (queues > 1 && !nic_has_queues(nic))
		return failure_set(failure, -EINVAL, "--queues %u: the device %s has one queue, virtio has more", queues, STR_ESCAPED(nic->model));
	*ret_queues = queues;
	return 0;
}

enum exit_status exec_run(const struct options *options, struct failure *failure)
{
	_cleanup_(arguments_deinit) struct arguments arguments = { 0 };
	const char *const *words = options->operands + 1;
	size_t n = options->n_operands - 1;
	bool one_mark = has_mark(words, n, "{fd}"), marked = one_mark || has_mark(words, n, "{fds}");
	struct fd_list fds = FD_LIST_NULL;
	enum exit_status status;
	unsigned int queues = 1;
	struct nic nic;
	int r;

	if (nic_build(options, &nic, failure) < 0 || read_queues(options, &nic, one_mark, &queues, failure) < 0)
		return STATUS_USAGE;
	if (!marked && !is_qemu(words[0])) {
		failure_set(failure, -EINVAL, "where does %s want the tap? Write {fd} in its arguments (and {mac}), for example: guestnet exec %s -- cloud-hypervisor --net fd={fd},mac={mac} ...",
			    STR_ESCAPED(words[0]), STR_ESCAPED(nic.network));
		return STATUS_USAGE;
	}
	status = nic_verify_network(nic.network, failure);
	if (status != STATUS_OK)
		return status;
	r = queues > 1 ? ask_daemon(nic.network, queues, &fds, failure) : get_tap(nic.network, &fds, failure);
	if (r < 0)
		return r == -EACCES ? STATUS_DENIED : STATUS_FAILED;

	/* From here on it is the program's. */
	for (size_t i = 0; r == 0 && i < fds.n; i++)
		if (fcntl(fds.fds[i], F_SETFD, 0) < 0)
			r = -errno;
	if (r == 0)
		r = build_arguments(&nic, words, n, &fds, marked, &arguments);
	if (r < 0) {
		failure_set(failure, r, "%s", strerror(-r));
		return STATUS_FAILED;
	}
	fflush(stdout);
	execvp(arguments.words[0], arguments.words);
	r = -errno;
	failure_set(failure, r, "%s: %s", STR_ESCAPED(words[0]), strerror(-r));
	return r == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED;
}
