/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet edit: a network's text in the user's editor, and back.
 *
 * The administrator's own file is edited as it is; a network that comes with the program is not changed, but gets a
 * drop-in. The daemon checks the text before anything is replaced; what it refuses is not lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
	bool dropin;			/* asked for */
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
static int begin(sd_bus *bus, struct edit *edit, struct failure *failure)
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
	if (edit->dropin || !(own || is_in(main_path, config) || is_in(main_path, transient)))
		return begin_dropin(edit, config, main_path, present);
	edit->method = own || is_in(main_path, config) ? "Define" : "DefineTransient";
	snprintf(edit->path, sizeof(edit->path), "%s", main_path);
	edit->text = strdup(main_text);
	return edit->text ? 0 : -ENOMEM;
}

static int write_copy(struct edit *edit, struct failure *failure)
{
	const char *rest = edit->text;
	_cleanup_(fd_closep) int fd = -EBADF;
	int r = 0;

	snprintf(edit->copy, sizeof(edit->copy), "/tmp/guestnet-XXXXXX.network");
	fd = mkostemps(edit->copy, (int)strlen(".network"), O_CLOEXEC);
	if (fd < 0)
		return failure_set(failure, -errno, "%s: %s", edit->copy, strerror(errno));
	/* A file system that becomes full takes a part, and says why with the next one. */
	while (r == 0 && *rest) {
		ssize_t n = write(fd, rest, strlen(rest));

		if (n < 0 && errno != EINTR)
			r = -errno;
		rest += n > 0 ? n : 0;
	}
	if (r == 0)
		return 0;
	(void)unlink(edit->copy);
	return failure_set(failure, r, "%s: %s", edit->copy, strerror(-r));
}

/* A variable of the environment that says something; NULL where it does not. */
static const char *read_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* As git and visudo do it: $VISUAL, $EDITOR, editor, vi; the variable may hold arguments. */
static const char *find_editor(void)
{
	return read_variable("VISUAL") ?: read_variable("EDITOR") ?: access("/usr/bin/editor", X_OK) == 0 ? "editor" : "vi";
}

/* Keys of the editor's, such as Ctrl-C, are for everything on the terminal: while it runs they are not for us (system(3)). */
static const int key_signals[] = { SIGINT, SIGQUIT };

static void ignore_keys(struct sigaction before[static ARRAY_SIZE(key_signals)])
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < ARRAY_SIZE(key_signals); i++)
		(void)sigaction(key_signals[i], &ignore, &before[i]);
}

static void restore_keys(const struct sigaction before[static ARRAY_SIZE(key_signals)])
{
	for (size_t i = 0; i < ARRAY_SIZE(key_signals); i++)
		(void)sigaction(key_signals[i], &before[i], NULL);
}

/* Is the copy still what is in force? Then it is of no use to anybody, and goes. */
static bool drop_untouched(const struct edit *edit)
{
	_cleanup_(freep) char *text = NULL;
	struct failure ignored = { 0 };

	return change_read_text(edit->copy, &text, &ignored) == 0 && strcmp(text, edit->text) == 0 && unlink(edit->copy) == 0;
}

static int run_editor(const struct edit *edit, struct failure *failure)
{
	struct sigaction before[ARRAY_SIZE(key_signals)];
	const char *editor = find_editor();
	_cleanup_(freep) char *command = NULL;
	int status = 0, r;
	bool untouched;
	pid_t pid;

	/* The shell waits, too; a trap, unlike what is ignored, does not come upon the editor. */
	if (asprintf(&command, "trap : INT QUIT\n%s \"$1\"", editor) < 0) {
		command = NULL;
		return failure_set(failure, -ENOMEM, "out of memory");
	}
	ignore_keys(before);
	pid = fork();
	r = pid < 0 ? -errno : 0;
	if (pid == 0) {
		restore_keys(before);
		execl("/bin/sh", "sh", "-c", command, "sh", edit->copy, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	restore_keys(before);
	if (r < 0)
		return failure_set(failure, r, "cannot start the editor: %s", strerror(-r));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	untouched = drop_untouched(edit);
	return failure_set(failure, -ECANCELED, "the editor \"%s\" did not end well: nothing is changed%s%s", STR_ESCAPED(editor),
			   untouched ? "" : ", your text is in ", untouched ? "" : edit->copy);
}

static bool ask_again(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	fputs("Edit it again? [Y/n] ", stderr);
	return fgets(answer, sizeof(answer), stdin) && answer[0] != 'n' && answer[0] != 'N';
}

/*
 * Is what was edited still what it was? What somebody else has made of it meanwhile would be gone without a word. Two that end
 * within the same moment are not told apart: the daemon takes whatever comes last.
 */
static int verify_unchanged(sd_bus *bus, const struct edit *edit, struct failure *failure)
{
	_cleanup_(edit_deinit) struct edit now = { .network = edit->network, .dropin = edit->dropin };
	struct failure why = { 0 };
	int r = begin(bus, &now, &why);

	if (r < 0)
		return failure_set(failure, r, "%s; your text is in %s", why.text, edit->copy);
	if (strcmp(now.method, edit->method) != 0 || strcmp(now.path, edit->path) != 0 || strcmp(now.text, edit->text) != 0)
		return failure_set(failure, -ECANCELED, "%s was changed by somebody else meanwhile, and stays as they left it; your text is in %s",
				   now.path, edit->copy);
	return 0;
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
		r = verify_unchanged(bus, edit, failure);
		if (r < 0)
			return r;
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
	_cleanup_(edit_deinit) struct edit edit = { .network = options->operands[0], .dropin = option_is_set(options, OPTION_DROP_IN) };
	bool changed = false;
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = begin(bus, &edit, failure);
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
