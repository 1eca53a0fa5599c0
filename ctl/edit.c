/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet edit: a network's text in the user's editor, and back.
 *
 * The administrator's own file is edited as it is; a network that comes with the program is not changed, but gets a
 * drop-in. The daemon checks the text before anything is replaced; what it refuses is not lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/addr.h"
#include "../lib/fd.h"
#include "../lib/str.h"
#include "change.h"

/* What is edited, and how it goes back. */
struct edit {
	const char *network;
	const char *method;		/* of the manager's */
	char path[4096];		/* what the text is, for the one who reads it */
	char *text;			/* owned */
	char copy[64];			/* the file that the editor gets */
};

static void edit_deinit(struct edit *edit)
{
	free(edit->text);
}

static bool is_in(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/' && !strchr(path + length + 1, '/');
}

static int begin_dropin(struct edit *edit, const char *config, const char *main_path, const char *present)
{
	int r;

	edit->method = "SetDropIn";
	snprintf(edit->path, sizeof(edit->path), "%s/%s.network.d/local.conf", config, edit->network);
	if (present)
		r = (edit->text = strdup(present)) ? 0 : -1;
	else
		r = asprintf(&edit->text,
			     "# What stands here comes after %s, and outdoes it:\n"
			     "# \"guestnet cat %s\" shows that, and guestnet.network(5) explains the keys.\n\n",
			     main_path, edit->network);
	return r < 0 ? -ENOMEM : 0;
}

/* Which of the network's files is to be edited. */
static int begin(sd_bus *bus, struct edit *edit, bool dropin, struct failure *failure)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(freep) char *config = NULL, *transient = NULL;
	const char *path, *text, *main_path = NULL, *main_text = NULL, *present = NULL;
	char local[4096];
	uint32_t owner;
	bool own;
	int r;

	r = bus_call(bus, "Files", &reply, failure, "s", edit->network);
	if (r >= 0)
		r = bus_get_text(bus, "ConfigDirectory", &config, failure);
	if (r >= 0)
		r = bus_get_text(bus, "TransientDirectory", &transient, failure);
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(ss)");
	if (r < 0)
		return r;
	snprintf(local, sizeof(local), "%s/%s.network.d/local.conf", config, edit->network);
	while (sd_bus_message_read(reply, "(ss)", &path, &text) > 0) {
		if (!main_path) {
			main_path = path;
			main_text = text;
		}
		if (strcmp(path, local) == 0)
			present = text;
	}
	if (!main_path)
		return failure_set(failure, -ENOENT, "network %s has no file", STR_ESCAPED(edit->network));
	/* A user's own network is in a folder of the daemon's, and is changed as it is. */
	own = name_find_owner(edit->network, &owner);
	if (dropin || !(own || is_in(main_path, config) || is_in(main_path, transient)))
		return begin_dropin(edit, config, main_path, present);
	edit->method = own || is_in(main_path, config) ? "Define" : "DefineTransient";
	snprintf(edit->path, sizeof(edit->path), "%s", main_path);
	edit->text = strdup(main_text);
	return edit->text ? 0 : -ENOMEM;
}

static int write_copy(struct edit *edit, struct failure *failure)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	size_t length = strlen(edit->text);

	snprintf(edit->copy, sizeof(edit->copy), "/tmp/guestnet-XXXXXX.network");
	fd = mkstemps(edit->copy, (int)strlen(".network"));
	if (fd < 0 || write(fd, edit->text, length) != (ssize_t)length)
		return failure_set(failure, -errno, "%s: %s", edit->copy, strerror(errno));
	return 0;
}

/* As git and visudo do it: $VISUAL, $EDITOR, editor, vi; the variable may hold arguments. */
static int run_editor(const struct edit *edit, struct failure *failure)
{
	const char *editor = getenv("VISUAL") ?: getenv("EDITOR") ?: access("/usr/bin/editor", X_OK) == 0 ? "editor" : "vi";
	_cleanup_(freep) char *command = NULL;
	int status = 0;
	pid_t pid;

	if (asprintf(&command, "%s \"$1\"", editor) < 0)
		return failure_set(failure, -ENOMEM, "out of memory");
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, "sh", edit->copy, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return failure_set(failure, -errno, "cannot start the editor: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return failure_set(failure, -ECANCELED, "the editor \"%s\" did not end well: nothing is changed, your text is in %s",
				   STR_ESCAPED(editor), edit->copy);
	return 0;
}

static bool ask_again(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	fputs("Edit it again? [Y/n] ", stderr);
	return fgets(answer, sizeof(answer), stdin) && answer[0] != 'n' && answer[0] != 'N';
}

/* Until the daemon takes it, or the user gives up. */
static int edit_until_right(sd_bus *bus, struct edit *edit, bool *ret_changed, struct failure *failure)
{
	for (;;) {
		_cleanup_(freep) char *text = NULL;
		char why[sizeof(failure->text)];
		int r = run_editor(edit, failure);

		if (r >= 0)
			r = change_read_text(edit->copy, &text, failure);
		if (r < 0)
			return r;
		*ret_changed = strcmp(text, edit->text) != 0;
		if (!*ret_changed)
			return 0;
		r = change_send(bus, edit->method, edit->network, text, NULL, failure);
		if (r >= 0)
			return 0;
		memcpy(why, failure->text, sizeof(why));
		failure->text[0] = '\0';
		fprintf(stderr, "guestnet: %s\n", why);
		if (r != -EACCES && ask_again())
			continue;
		return failure_set(failure, r, "%s is as it was; your text is in %s", edit->path, edit->copy);
	}
}

enum exit_status networks_edit(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(edit_deinit) struct edit edit = { .network = options->operands[0] };
	bool changed = false;
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = begin(bus, &edit, option_is_set(options, OPTION_DROP_IN), failure);
	if (r >= 0)
		r = write_copy(&edit, failure);
	if (r >= 0)
		r = edit_until_right(bus, &edit, &changed, failure);
	if (r < 0)
		return bus_exit_status(r);
	(void)unlink(edit.copy);
	printf("%s is %s\n", edit.path, changed ? "changed, and in force" : "as it was");
	return STATUS_OK;
}
