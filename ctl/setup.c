/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet setup: what stands between an installed program and the first guest.
 *
 * A list of steps. Each knows whether it is needed, says what it will do before anything is done, and takes itself back
 * when a later one fails. What is done already is not done again.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/nl/link.h"
#include "../lib/str.h"
#include "../policy/policy.h"
#include "bus.h"
#include "caller.h"
#include "paths.h"

#define NETWORK		"default"
#define PATH_DROPINS	PATH_CONFIG_ROOT "/networks/" NETWORK ".network.d"
#define PATH_VIRBR0	PATH_DROPINS "/virbr0.conf"
#define PATH_QEMU	"/etc/qemu"
#define PATH_QEMU_POLICY PATH_QEMU "/bridge.conf"
#define QEMU_LINE	"allow virbr0"
#define LIMIT_TEXT	(1024 * 1024)

struct setup {
	const char *user;	/* borrowed: who is to start guests; NULL: nobody was named */
	char *policy;		/* owned: the policy's text before it was changed; NULL: it was not */
	char *qemu_policy;	/* owned: likewise, of QEMU's own */
};

/* Programs */

/* Runs a program without words of its own on standard output. 0, or -EIO for one that did not succeed. */
static int run(char *const argv[])
{
	int status = 0, null_fd;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
			_exit(126);
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

#define RUN(...) run((char *const[]){ __VA_ARGS__, NULL })
#define WORD(_text) ((char[]){ _text })

/* Files */

static int read_text(const char *path, char **ret_text)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) char *text = NULL;
	size_t length = 0;
	int r = fd < 0 ? -errno : fd_read_stream(fd, LIMIT_TEXT, &text, &length);

	if (r < 0)
		return r;
	if (strlen(text) != length)
		return -EINVAL;
	*ret_text = steal_ptr(text);
	return 0;
}

/* In the place of what stands there, in one step, with its mode. A link is replaced: some of these folders are not root's. */
static int write_text(const char *path, const char *text)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char next[PATH_MAX + 16];
	struct stat st = { .st_mode = 0644 };
	size_t length = strlen(text);

	(void)stat(path, &st);
	snprintf(next, sizeof(next), "%s.new-setup", path);
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, length) != (ssize_t)length || fchown(fd, st.st_uid, st.st_gid) < 0 ||
	    fchmod(fd, st.st_mode & 07777) < 0 || fsync(fd) < 0 || rename(next, path) < 0) {
		int r = -errno;

		unlink(next);
		return r < 0 ? r : -EIO;
	}
	return 0;
}

/*
 * Where a link stands, it is what that leads to: some keep what is in /etc elsewhere, and the helpers follow it, too. Safe because
 * these folders are root's, and so is every link in them.
 */
static int write_policy(const char *path, const char *text)
{
	_cleanup_(freep) char *target = realpath(path, NULL);

	return write_text(target ?: path, text);
}

/* The service */

static bool service_is_needed(struct setup *setup _unused_)
{
	return systemd_runs() && (RUN(WORD("systemctl"), WORD("--quiet"), WORD("is-enabled"), WORD("guestnetd")) < 0 ||
				  RUN(WORD("systemctl"), WORD("--quiet"), WORD("is-active"), WORD("guestnetd")) < 0);
}

static int start_service(struct setup *setup _unused_, struct failure *failure)
{
	int r = RUN(WORD("systemctl"), WORD("enable"), WORD("--now"), WORD("guestnetd"), WORD("guestnetd-tap.socket"));

	return r < 0 ? failure_set(failure, r, "systemctl enable --now guestnetd failed (systemctl status guestnetd says why)") : 0;
}

static void stop_service(struct setup *setup _unused_)
{
	(void)RUN(WORD("systemctl"), WORD("disable"), WORD("--now"), WORD("guestnetd-tap.socket"), WORD("guestnetd"));
}

/* The policy */

static bool policy_is_needed(struct setup *setup)
{
	static const char *const names[] = { NETWORK, "gn-" NETWORK };
	const struct policy_device device = { .names = names, .n_names = ARRAY_SIZE(names) };
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	_cleanup_(caller_deinit) struct caller caller = CALLER_NULL;
	struct failure ignored = { 0 };
	struct policy_verdict verdict;

	if (!setup->user)
		return false;
	if (caller_load(setup->user, &caller, &ignored) < 0 || policy_load(&policy, PATH_POLICY, 0, &ignored) < 0)
		return true;	/* the step says what is wrong */
	policy_resolve(&policy, NULL, PATH_LOOKUP);
	policy_match(&policy, &caller.as, &device, &verdict);
	return !verdict.allowed;
}

static int add_rule(struct setup *setup, struct failure *failure)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	_cleanup_(caller_deinit) struct caller caller = CALLER_NULL;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *old = NULL;
	int r;

	if (caller_load(setup->user, &caller, failure) < 0)
		return -ENOENT;
	r = read_text(PATH_POLICY, &old);
	if (r == -ENOENT)
		old = strdup("");
	if (r < 0 && r != -ENOENT)
		return failure_set(failure, r, PATH_POLICY ": %s", strerror(-r));
	if (!old || asprintf(&text, "%s%sallow " NETWORK " user=%u		# %s, by guestnet setup\n", old,
			     *old && old[strlen(old) - 1] != '\n' ? "\n" : "", (unsigned int)caller.as.uid,
			     STR_ESCAPED(setup->user)) < 0)
		return failure_set(failure, -ENOMEM, "out of memory");
	r = write_policy(PATH_POLICY, text);
	if (r < 0)
		return failure_set(failure, r, PATH_POLICY ": %s", strerror(-r));
	setup->policy = steal_ptr(old);
	/* As the helper will read it; a deny rule, too, would make the new line worth nothing. */
	r = policy_load(&policy, PATH_POLICY, 0, failure);
	if (r == 0 && policy_is_needed(setup))
		r = failure_set(failure, -EPERM, "the policy denies it all the same: guestnet policy why " NETWORK " --user %s",
				STR_ESCAPED(setup->user));
	if (r < 0)
		(void)write_policy(PATH_POLICY, setup->policy);
	return r;
}

static void remove_rule(struct setup *setup)
{
	(void)write_policy(PATH_POLICY, setup->policy);
}

/* The place of QEMU's own helper */

/* Where tools/divert looks, too. */
static const char *find_qemu_helper(void)
{
	static const char *const usual[] = {
		"/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper", "/usr/lib/qemu-bridge-helper",
		"/usr/libexec/qemu/qemu-bridge-helper",
	};
	const char *given = getenv("QEMU_HELPER");

	if (given)
		return given;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (access(usual[i], F_OK) == 0)
			return usual[i];
	return NULL;
}

/* Beside the helper. */
static void divert_path(char *buffer, size_t size, const char *program)
{
	snprintf(buffer, size, "%.*s%s", (int)(strrchr(PATH_HELPER, '/') - PATH_HELPER), PATH_HELPER, program);
}

static bool divert_is_needed(struct setup *setup _unused_)
{
	const char *path = find_qemu_helper();
	char target[4096], program[4096];
	ssize_t n = path ? readlink(path, target, sizeof(target) - 1) : -1;

	divert_path(program, sizeof(program), "/guestnet-divert");
	if (!path || access(program, X_OK) < 0)
		return false;
	target[n < 0 ? 0 : n] = '\0';
	return strcmp(target, PATH_HELPER) != 0;
}

static int divert(struct setup *setup _unused_, struct failure *failure)
{
	char program[4096], folder[4096];
	int r;

	divert_path(program, sizeof(program), "/guestnet-divert");
	divert_path(folder, sizeof(folder), "");
	r = setenv("libexecdir", folder, 1) < 0 ? -errno : RUN(program);
	return r < 0 ? failure_set(failure, r, "%s failed", program) : 0;
}

static void undivert(struct setup *setup _unused_)
{
	char program[4096];

	divert_path(program, sizeof(program), "/guestnet-divert");
	(void)RUN(program, WORD("--undo"));
}

/* The name virbr0 */

/* libvirt's own network has it, or will have it after the next boot. */
static bool virbr0_is_taken(void)
{
	_cleanup_(link_table_deinit) struct link_table links = LINK_TABLE_NULL;

	return access("/etc/libvirt/qemu/networks/autostart/default.xml", F_OK) == 0 || link_table_load(&links) < 0 ||
	       link_table_find(&links, "virbr0");
}

static bool virbr0_is_needed(struct setup *setup _unused_)
{
	return access(PATH_VIRBR0, F_OK) < 0 && !virbr0_is_taken();
}

/* A daemon that does not run reads it when it starts; where systemd runs, it does by now. */
static int reload(struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct failure none = { 0 };
	int r = 0;

	if (systemd_runs())
		r = bus_open(&bus, failure);
	else if (bus_open_running(&bus, &none) < 0)
		return 0;
	return r < 0 ? r : bus_call(bus, "Reload", &reply, failure, "");
}

static void drop_virbr0(struct setup *setup _unused_)
{
	struct failure ignored = { 0 };

	unlink(PATH_VIRBR0);
	(void)rmdir(PATH_DROPINS);
	(void)reload(&ignored);
}

static int name_virbr0(struct setup *setup, struct failure *failure)
{
	int r = 0;

	if ((mkdir(PATH_CONFIG_ROOT "/networks", 0755) < 0 && errno != EEXIST) || (mkdir(PATH_DROPINS, 0755) < 0 && errno != EEXIST))
		r = -errno;
	if (r == 0)
		r = write_text(PATH_VIRBR0, "# For programs that know no other name; by guestnet setup.\n[Network]\nAlternativeName=virbr0\n");
	if (r < 0)
		return failure_set(failure, r, PATH_VIRBR0 ": %s", strerror(-r));
	r = reload(failure);
	if (r < 0)
		drop_virbr0(setup);
	return r;
}

/* QEMU's own policy, where such programs look for that name, and which the installed policy includes */

/* Has the text a line that allows virbr0, as qemu-bridge-helper reads it? */
static bool allows_virbr0(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char action[8], name[IFNAME_SIZE];

		if (sscanf(line, " %7s %15s", action, name) == 2 && strcmp(action, "allow") == 0 &&
		    (strcmp(name, "virbr0") == 0 || strcmp(name, "all") == 0))
			return true;
	}
	return false;
}

static bool qemu_line_is_needed(struct setup *setup)
{
	_cleanup_(freep) char *text = NULL;

	if (access(PATH_VIRBR0, F_OK) < 0 && !virbr0_is_needed(setup))
		return false;
	return read_text(PATH_QEMU_POLICY, &text) < 0 || !allows_virbr0(text);
}

static int add_qemu_line(struct setup *setup, struct failure *failure)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *old = NULL;
	int r;

	if (access(PATH_VIRBR0, F_OK) < 0)
		return 0;	/* the name was not wanted */
	r = read_text(PATH_QEMU_POLICY, &old);
	if (r == -ENOENT) {
		old = strdup("");
		r = mkdir(PATH_QEMU, 0755) < 0 && errno != EEXIST ? -errno : 0;
	}
	if (r == 0 && (!old || asprintf(&text, "%s%s" QEMU_LINE "\n", old, *old && old[strlen(old) - 1] != '\n' ? "\n" : "") < 0))
		r = -ENOMEM;
	if (r == 0)
		r = write_policy(PATH_QEMU_POLICY, text);
	if (r < 0)
		return failure_set(failure, r, PATH_QEMU_POLICY ": %s", strerror(-r));
	setup->qemu_policy = steal_ptr(old);
	return 0;
}

static void remove_qemu_line(struct setup *setup)
{
	if (setup->qemu_policy && *setup->qemu_policy)
		(void)write_policy(PATH_QEMU_POLICY, setup->qemu_policy);
	else if (setup->qemu_policy)
		unlink(PATH_QEMU_POLICY);
}

/* The steps */

static const struct step {
	const char *what, *question;
	bool (*is_needed)(struct setup *setup);
	int (*act)(struct setup *setup, struct failure *failure);
	void (*undo)(struct setup *setup);
} steps[] = {
	{ "start the network \"" NETWORK "\" now and at every boot (systemctl enable --now guestnetd)",
	  "Start the network now and at every boot?", service_is_needed, start_service, stop_service },
	{ "let the user start guests on \"" NETWORK "\" (a line in " PATH_POLICY ")",
	  "Let this user start guests on it?", policy_is_needed, add_rule, remove_rule },
	{ "put our helper in the place of QEMU's own (guestnet-divert)",
	  "Let programs that call QEMU's helper get ours?", divert_is_needed, divert, undivert },
	{ "give \"" NETWORK "\" the name virbr0, too, for programs that know no other (" PATH_VIRBR0 ")",
	  "Let programs that expect libvirt's virbr0, such as GNOME Boxes, find it?", virbr0_is_needed, name_virbr0, drop_virbr0 },
	{ "let every user of this machine use it by that name (\"" QEMU_LINE "\" in " PATH_QEMU_POLICY ")",
	  "Write it into QEMU's policy, too, where such programs look? It is for every user of this machine then.",
	  qemu_line_is_needed, add_qemu_line, remove_qemu_line },
};

/* Yes is what an empty line means, no what anything else does. */
static bool ask(const char *question)
{
	char line[64];

	printf("%s [Y/n] ", question);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	return line[0] == '\n' || line[0] == 'y' || line[0] == 'Y';
}

static int carry_out(struct setup *setup, const bool chosen[], struct failure *failure)
{
	bool done[ARRAY_SIZE(steps)] = { false };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = chosen[i] ? steps[i].act(setup, failure) : 0;

		if (r == 0) {
			done[i] = chosen[i];
			continue;
		}
		while (i-- > 0)
			if (done[i]) {
				printf("  undone  %s\n", steps[i].what);
				steps[i].undo(setup);
			}
		return r;
	}
	return 0;
}

enum exit_status setup_run(const struct options *options, struct failure *failure)
{
	struct setup setup = { .user = options->user ?: getenv("SUDO_USER") };
	bool chosen[ARRAY_SIZE(steps)], yes = option_is_set(options, OPTION_YES);
	size_t n = 0;
	int r;

	if (setup.user && !*setup.user)
		setup.user = NULL;
	if (geteuid() != 0) {
		failure_set(failure, -EPERM, "this is for root: sudo guestnet setup");
		return STATUS_DENIED;
	}
	if (setup.user)
		printf("For user %s (another one: --user NAME).\n", STR_ESCAPED(setup.user));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		chosen[i] = steps[i].is_needed(&setup);
		n += chosen[i];
		if (chosen[i])
			printf("  to do   %s\n", steps[i].what);
	}
	if (n == 0) {
		printf("Nothing to do.\n");
		return STATUS_OK;
	}
	if (!yes && !isatty(STDIN_FILENO)) {
		failure_set(failure, -EINVAL, "nothing was done: there is nobody to ask (guestnet setup --yes does all of it)");
		return STATUS_USAGE;
	}
	n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		chosen[i] = chosen[i] && (yes || ask(steps[i].question));
		n += chosen[i];
	}
	if (n == 0) {
		printf("Nothing was done.\n");
		return STATUS_OK;
	}
	fflush(stdout);
	/* What is made is for the daemon's user and for those who start guests, whatever root keeps to himself. */
	umask(022);
	r = carry_out(&setup, chosen, failure);
	free(setup.policy);
	free(setup.qemu_policy);
	if (r < 0)
		return STATUS_FAILED;
	printf("Done. The arguments for a guest: guestnet qemu " NETWORK "\n");
	return STATUS_OK;
}
