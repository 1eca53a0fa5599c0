/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's networks, by its own program virsh.
 * Starts processes.
 */
#include "libvirt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"

extern char **environ;

/* What a program says, bounded; the rest is read and thrown away, so that it does not wait for us. */
struct output {
	int fd;
	char *text;		/* owned; terminated */
	size_t length, size;
	bool cut;
};

static int read_output(struct output *output)
{
	char rest[4096];
	size_t room = output->size - output->length - 1;
	ssize_t n = read(output->fd, room > 0 ? output->text + output->length : rest, room > 0 ? room : sizeof(rest));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (n == 0) {
		close(output->fd);
		output->fd = -EBADF;
		return 0;
	}
	if (room > 0)
		output->length += (size_t)n;
	else
		output->cut = true;
	output->text[output->length] = '\0';
	return 0;
}

static int read_outputs(struct output outputs[static 2])
{
	while (outputs[0].fd >= 0 || outputs[1].fd >= 0) {
		struct pollfd fds[2] = { { outputs[0].fd, POLLIN, 0 }, { outputs[1].fd, POLLIN, 0 } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		for (size_t i = 0; i < 2; i++)
			if (fds[i].revents) {
				int r = read_output(&outputs[i]);

				if (r < 0)
					return r;
			}
	}
	return 0;
}

/* The environment of the caller, but with words that can be read by a program. */
static char **english_environment(void)
{
	size_t n = 0, kept = 0;
	char **environment;

	while (environ[n])
		n++;
	environment = calloc(n + 2, sizeof(*environment));
	if (!environment)
		return NULL;
	environment[kept++] = (char *)"LC_ALL=C";
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "LC_ALL=", 7) != 0 && strncmp(environ[i], "LANGUAGE=", 9) != 0)
			environment[kept++] = environ[i];
	return environment;
}

static int spawn_virsh(char *const argv[], struct output outputs[static 2], pid_t *ret_pid)
{
	_cleanup_(freep) char **environment = english_environment();
	posix_spawn_file_actions_t actions;
	int pipes[2][2], r;

	if (!environment)
		return -ENOMEM;
	if (pipe2(pipes[0], O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(pipes[1], O_CLOEXEC) < 0) {
		r = -errno;
		close(pipes[0][0]);
		close(pipes[0][1]);
		return r;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[0][1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipes[1][1], STDERR_FILENO);
	r = -posix_spawnp(ret_pid, "virsh", &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < 2; i++) {
		close(pipes[i][1]);
		outputs[i].fd = pipes[i][0];
	}
	return r;
}

/* The first line of what virsh complains about, without its "error: ". */
static const char *complaint(char *text)
{
	const char *line = text;

	str_has_prefix(line, "error: ", &line);
	text[strcspn(text, "\n")] = '\0';
	return *line ? line : "it says nothing";
}

/* virsh tells its errors by words alone. */
static int virsh_error(const char *text)
{
	if (strstr(text, "Network not found") || strstr(text, "failed to get network"))
		return -ENOENT;
	if (strstr(text, "Permission denied") || strstr(text, "access denied") || strstr(text, "authentication"))
		return -EACCES;
	return -EIO;
}

/*
 * Runs virsh with these arguments, NULL behind the last, and returns what it printed, which the caller owns. Without
 * a connection in the environment it is the system's (qemu:///system). -ENOENT when there is no such network, -EACCES
 * when libvirt does not permit it, -EIO when virsh fails otherwise; the words are virsh's.
 */
int virsh_run(const char *const arguments[], char **ret_output, size_t *ret_length, struct failure *failure)
{
	_cleanup_(freep) char *text = malloc(LIMIT_VIRSH_OUTPUT + 1);
	char complaints[1024] = "", *argv[LIMIT_VIRSH_ARGUMENTS + 4] = { (char *)"virsh" };
	struct output outputs[2] = {
		{ .fd = -EBADF, .text = text, .size = LIMIT_VIRSH_OUTPUT + 1 },
		{ .fd = -EBADF, .text = complaints, .size = sizeof(complaints) },
	};
	size_t n = 1;
	int r, status;
	pid_t pid;

	if (!text)
		return failure_set(failure, -ENOMEM, "out of memory");
	if (!getenv("LIBVIRT_DEFAULT_URI") && !getenv("VIRSH_DEFAULT_CONNECT_URI")) {
		argv[n++] = (char *)"--connect";
		argv[n++] = (char *)"qemu:///system";
	}
	for (size_t i = 0; i < LIMIT_VIRSH_ARGUMENTS && arguments[i]; i++)
		argv[n++] = (char *)arguments[i];

	text[0] = '\0';
	r = spawn_virsh(argv, outputs, &pid);
	if (r == 0) {
		r = read_outputs(outputs);
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				status = 1;
	}
	fd_closep(&outputs[0].fd);
	fd_closep(&outputs[1].fd);
	if (r == -ENOENT)
		return failure_set(failure, -EIO, "virsh is not installed (Debian: libvirt-clients, Fedora: libvirt-client)");
	if (r < 0)
		return failure_set(failure, r, "virsh cannot be run: %s", strerror(-r));
	if (status != 0) {
		r = virsh_error(complaints);
		return failure_set(failure, r, "virsh %s: %s", arguments[0], STR_ESCAPED(complaint(complaints)));
	}
	if (outputs[0].cut)
		return failure_set(failure, -EIO, "virsh %s: more than %d bytes", arguments[0], LIMIT_VIRSH_OUTPUT);
	if (ret_length)
		*ret_length = outputs[0].length;
	*ret_output = steal_ptr(text);
	return 0;
}

/* A network's definition, as it is stored; of one that is only there until it ends, as it is. */
int libvirt_dump(const char *name, char **ret_xml, size_t *ret_length, struct failure *failure)
{
	return virsh_run((const char *const[]){ "net-dumpxml", "--inactive", "--network", name, NULL }, ret_xml, ret_length, failure);
}

/* Does net-info say yes behind this word? -EIO when it does not say. */
static int read_word(const char *output, const char *word, bool *ret_yes, struct failure *failure)
{
	const char *line = strstr(output, word);

	if (!line)
		return failure_set(failure, -EIO, "virsh net-info says nothing of %s", word);
	line += strlen(word);
	*ret_yes = strncmp(line + strspn(line, " \t"), "yes", 3) == 0;
	return 0;
}

int libvirt_read_state(const char *name, struct libvirt_state *ret_state, struct failure *failure)
{
	_cleanup_(freep) char *output = NULL;
	struct libvirt_state state;
	int r = virsh_run((const char *const[]){ "net-info", "--network", name, NULL }, &output, NULL, failure);

	if (r == 0)
		r = read_word(output, "Active:", &state.active, failure);
	if (r == 0)
		r = read_word(output, "Persistent:", &state.persistent, failure);
	if (r == 0)
		r = read_word(output, "Autostart:", &state.autostart, failure);
	if (r == 0)
		*ret_state = state;
	return r;
}
