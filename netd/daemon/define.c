/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing the files that declare networks: checked before anything is replaced, put back when it does not work.
 * System calls: writes files. Event loop context.
 *
 * A text is first staged: it stands alone in a directory that comes before all others, everything is read once
 * as it would be, and only when no network is wrong then it takes its place, by a rename. What stood there before
 * stays beside it as NAME~, which is no file of a network. When a network that was up does not come up with the
 * new text, the old one is put back.
 */
#include "define.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "../model/dnsmasq.h"
#include "managed.h"

#define PATH_SIZE 4096

/* Where one text goes. */
struct place {
	char directory[PATH_SIZE];	/* CONFIG/networks, or NAME.network.d in it */
	char path[PATH_SIZE + 64];
	char next[PATH_SIZE + 80];	/* the new text before its rename: no name of a network's file */
	char old[PATH_SIZE + 80];	/* what stood there before */
	char stage[PATH_SIZE];		/* a directory as CONFIG/networks is */
	char staged[PATH_SIZE + 64];
};

static const char *dropin_name(enum define_file file)
{
	return file == DEFINE_AUTOSTART ? "autostart.conf" : "local.conf";
}

static int set_place(const struct manager_options *options, const char *name, enum define_file file, struct place *place)
{
	bool dropin = file == DEFINE_DROPIN || file == DEFINE_AUTOSTART;
	const char *root = file == DEFINE_TRANSIENT ? options->run_root :
			   file == DEFINE_NETWORK && managed_is_own(name) ? options->state_root : options->config_root;
	char tail[64];

	if (strlen(root) + strlen(options->run_root) > sizeof(place->directory) - 128)
		return -ENAMETOOLONG;
	snprintf(tail, sizeof(tail), "%s.network%s%s", name, dropin ? ".d/" : "", dropin ? dropin_name(file) : "");
	snprintf(place->directory, sizeof(place->directory), "%s/networks%s%s%s", root, dropin ? "/" : "",
		 dropin ? name : "", dropin ? ".network.d" : "");
	snprintf(place->path, sizeof(place->path), "%s/networks/%s", root, tail);
	snprintf(place->next, sizeof(place->next), "%s.new~", place->path);
	snprintf(place->old, sizeof(place->old), "%s~", place->path);
	snprintf(place->stage, sizeof(place->stage), "%s/staging-%s", options->run_root, name);
	snprintf(place->staged, sizeof(place->staged), "%s/%s", place->stage, tail);
	return 0;
}

static int write_text(const char *path, const char *text)
{
	_cleanup_(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t length = strlen(text);

	if (fd < 0)
		return -errno;
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The directory of a file, and those of ours above it. */
static int make_directories(const char *path)
{
	char directory[PATH_SIZE + 64];

	snprintf(directory, sizeof(directory), "%s", path);
	for (char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(directory, 0755) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* Everything is removed that a stage of this network can hold: also what a daemon has left that ended in the middle. */
static void clear_stage(const struct place *place, const char *name)
{
	static const enum define_file dropins[] = { DEFINE_DROPIN, DEFINE_AUTOSTART };
	char path[PATH_SIZE + 64];

	snprintf(path, sizeof(path), "%s/%s.network", place->stage, name);
	(void)unlink(path);
	for (size_t i = 0; i < ARRAY_SIZE(dropins); i++) {
		snprintf(path, sizeof(path), "%s/%s.network.d/%s", place->stage, name, dropin_name(dropins[i]));
		(void)unlink(path);
	}
	snprintf(path, sizeof(path), "%s/%s.network.d", place->stage, name);
	(void)rmdir(path);
	(void)rmdir(place->stage);
}

static int verify(struct manager *manager, const char *name, const struct place *place, const char *text,
		  struct network *ret_network, char **ret_mistakes, struct failure *failure)
{
	const struct managed_staging staging = { place->stage, place->path };
	int r;

	clear_stage(place, name);
	r = make_directories(place->staged);
	if (r >= 0)
		r = write_text(place->staged, text);
	if (r < 0)
		failure_set(failure, r, "%s: %s", place->staged, strerror(-r));
	else
		r = managed_list_verify(manager_get_networks(manager), manager_get_options(manager), &staging, name,
					ret_network, ret_mistakes, failure);
	clear_stage(place, name);
	return r;
}

static int cannot_keep(const struct place *place, int error, struct failure *failure)
{
	return failure_set(failure, error, "%s: the text before cannot be kept there: %s", place->old, strerror(-error));
}

/*
 * The new text gets its name in one step, and what stood there before becomes NAME~: where that cannot be, all is as it was.
 * No link(2): the file may be root's, and fs.protected_hardlinks forbids that.
 */
static int exchange(const struct place *place, bool *ret_kept, struct failure *failure)
{
	int r;

	*ret_kept = renameat2(AT_FDCWD, place->next, AT_FDCWD, place->path, RENAME_EXCHANGE) == 0;
	if (*ret_kept) {
		if (rename(place->next, place->old) == 0)
			return 0;
		r = -errno;
		(void)renameat2(AT_FDCWD, place->next, AT_FDCWD, place->path, RENAME_EXCHANGE);
		return cannot_keep(place, r, failure);
	}
	if (errno != ENOENT && errno != EINVAL)
		return -errno;
	/* Nothing stood there, or the file system cannot exchange. */
	*ret_kept = rename(place->path, place->old) == 0;
	if (!*ret_kept && errno != ENOENT)
		return cannot_keep(place, -errno, failure);
	if (rename(place->next, place->path) == 0)
		return 0;
	r = -errno;
	if (*ret_kept)
		(void)rename(place->old, place->path);
	return r;
}

static int cannot_write(const struct place *place, int error, struct failure *failure)
{
	return failure_set(failure, error, "%s: %s%s", place->path, strerror(-error),
			   error == -EACCES || error == -EPERM || error == -EROFS ?
			   ": guestnetd may not write there; write the file as root, and then: guestnet reload" : "");
}

static bool is_up(struct manager *manager, const char *name)
{
	struct network_report report;

	return manager_find(manager, name, &report) &&
		(report.state == NETWORK_RUNNING || report.state == NETWORK_DEGRADED);
}

/* Puts the new text into force. The reason when a network that was up fails with it: then nothing is as it was. */
static int put_into_force(struct manager *manager, const char *name, bool was_up, struct failure *failure)
{
	struct network_report report;
	int r = manager_reload(manager, failure);

	if (r < 0)
		return r;
	r = manager_settle(manager);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	if (was_up && manager_find(manager, name, &report) && report.state == NETWORK_FAILED)
		return failure_set(failure, -EIO, "%s", report.problem);
	return 0;
}

static int replace(struct manager *manager, const char *name, const struct place *place, const char *text,
		   struct failure *failure)
{
	bool was_up = is_up(manager, name), kept = false;
	int r = make_directories(place->path);

	if (r >= 0)
		r = write_text(place->next, text);
	if (r >= 0)
		r = exchange(place, &kept, failure);
	if (r < 0) {
		(void)unlink(place->next);
		return cannot_write(place, r, failure);
	}
	r = put_into_force(manager, name, was_up, failure);
	if (r < 0) {
		struct failure again = { 0 };
		char why[sizeof(failure->text)];

		snprintf(why, sizeof(why), "%s", failure->text);
		failure->text[0] = '\0';	/* more is to be said than the cause */
		if (kept ? rename(place->old, place->path) < 0 : unlink(place->path) < 0)
			return failure_set(failure, -errno, "%s; and the old file cannot be put back: %s", why, strerror(errno));
		(void)put_into_force(manager, name, false, &again);
		return failure_set(failure, r, "%s: does not work, the old text is in force again: %s", place->path, why);
	}
	return 0;
}

/* Only one file of a name counts: one that would have no effect is not written. */
static int verify_place(struct manager *manager, const char *name, enum define_file file, struct failure *failure)
{
	const struct manager_options *options = manager_get_options(manager);
	char path[PATH_SIZE + 64];
	bool exists = managed_find(manager_get_networks(manager), name);

	if (!network_name_is_valid(name))
		return failure_set(failure, -EINVAL, "\"%s\": the name of a network has 1 to 12 letters, digits, '-', '_' or '.', begins with a letter or digit, and is neither lo nor all",
				   STR_ESCAPED(name));
	if ((file == DEFINE_DROPIN || file == DEFINE_AUTOSTART) && !exists)
		return manager_no_such(manager, name, failure);
	snprintf(path, sizeof(path), "%s/networks/%s.network", options->config_root, name);
	if (file == DEFINE_TRANSIENT && access(path, F_OK) == 0)
		return failure_set(failure, -EEXIST, "network %s is declared in %s already: that one counts", name, path);
	return 0;
}

/*
 * Makes @text the network's file, or a part of it, and puts it into force. Nothing has changed when it is wrong
 * (-EINVAL, with file and line; where there are several mistakes, @ret_mistakes has a line for each, the caller's) or does not work (-EIO). -ENOENT: the network that a part is for does not exist.
 * @ports: those that may be forwarded, where it is the own network of a user who writes it; NULL: whoever writes it needs no leave.
 */
int define_write(struct manager *manager, const char *name, enum define_file file, const char *text, const struct own_ports *ports,
		 char **ret_mistakes, struct failure *failure)
{
	const size_t limit = managed_is_own(name) ? LIMIT_OWN_DEFINITION : LIMIT_DEFINITION;
	struct place place;
	struct network network = NETWORK_NULL;
	int r = verify_place(manager, name, file, failure);

	if (r < 0)
		return r;
	if (strlen(text) > limit)
		return failure_set(failure, -E2BIG, "the text is longer than %zu bytes", limit);
	r = set_place(manager_get_options(manager), name, file, &place);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	r = verify(manager, name, &place, text, &network, ret_mistakes, failure);
	if (r == 0 && ports)
		r = own_verify_ports(ports, &network, failure);
	if (r == 0 && managed_is_own(name) && file == DEFINE_NETWORK)
		r = manager_verify_forwards(manager, &network, failure);
	network_deinit(&network);
	return r < 0 ? r : replace(manager, name, &place, text, failure);
}

/* Will the network start by itself? A drop-in says it; one that comes later and says otherwise is named. */
int define_autostart(struct manager *manager, const char *name, bool autostart, struct failure *failure)
{
	char text[128];
	struct network network = NETWORK_NULL;
	struct place place;
	int r = verify_place(manager, name, DEFINE_AUTOSTART, failure);

	if (r < 0)
		return r;
	r = set_place(manager_get_options(manager), name, DEFINE_AUTOSTART, &place);
	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	snprintf(text, sizeof(text), "# guestnet autostart%s %s\n[Network]\nAutostart=%s\n", autostart ? "" : " --disable",
		 name, autostart ? "yes" : "no");
	r = verify(manager, name, &place, text, &network, NULL, failure);
	if (r < 0)
		return r;
	if (network.autostart != autostart) {
		const struct network_place says = network_find_place(&network, KEY_AUTOSTART);

		r = failure_set(failure, -EEXIST, "%s:%u says Autostart=%s, and comes later than %s: change it there",
				says.file < network.n_paths ? network.paths[says.file] : "?", says.line,
				autostart ? "no" : "yes", place.path);
	}
	network_deinit(&network);
	return r < 0 ? r : replace(manager, name, &place, text, failure);
}

/* NAME becomes NAME~, which replaces what was kept before; a directory too, with what is in it. */
static int set_aside(const char *path, bool *ret_found)
{
	char old[PATH_SIZE + 96], part[PATH_SIZE + 512];
	struct dirent *entry;
	DIR *dir;

	snprintf(old, sizeof(old), "%s~", path);
	dir = opendir(old);
	while (dir && (entry = readdir(dir))) {
		snprintf(part, sizeof(part), "%s/%s", old, entry->d_name);
		(void)unlink(part);
	}
	if (dir)
		closedir(dir);
	(void)rmdir(old);
	*ret_found = rename(path, old) == 0;
	return *ret_found || errno == ENOENT ? 0 : -errno;
}

static int put_out_of_force(struct manager *manager, struct failure *failure)
{
	int r = manager_reload(manager, failure);

	if (r < 0)
		return r;
	r = manager_settle(manager);
	return r < 0 ? failure_set(failure, r, "%s", strerror(-r)) : 0;
}

/*
 * A user's own network leaves nothing behind: files that were kept would be more with each that the user makes and removes, and
 * who has the same uid one day would find what is not theirs. Its drop-ins are an administrator's, who may have meant the next
 * one of that name too: they stay.
 */
static int remove_own(struct manager *manager, const char *name, struct failure *failure)
{
	const struct manager_options *options = manager_get_options(manager);
	const struct {
		const char *root, *folder, *suffix;
	} left[] = {
		{ options->state_root, "networks/", "network~" }, { options->state_root, "dnsmasq/", "leases" },
		{ options->run_root, "", "wanted" }, { options->run_root, "dnsmasq/", "conf" }, { options->run_root, "dnsmasq/", "pid" },
		{ options->run_root, "dnsmasq/", dnsmasq_file_suffix(DNSMASQ_HOSTS) },
		{ options->run_root, "dnsmasq/", dnsmasq_file_suffix(DNSMASQ_OPTIONS) },
		{ options->run_root, "dnsmasq/", dnsmasq_file_suffix(DNSMASQ_NAMES) },
	};
	char path[PATH_SIZE + 64];
	int r;

	managed_own_path(name, options, path, sizeof(path));
	if (unlink(path) < 0)
		return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	r = put_out_of_force(manager, failure);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		snprintf(path, sizeof(path), "%s/%s%s.%s", left[i].root, left[i].folder, name, left[i].suffix);
		(void)unlink(path);
	}
	return r;
}

/*
 * The network is declared no more, and goes. Its files stay beside their places as NAME~; where another
 * directory declares it too (that of the vendor), a link to /dev/null hides that.
 */
int define_remove(struct manager *manager, const char *name, struct failure *failure)
{
	const struct manager_options *options = manager_get_options(manager);
	char path[PATH_SIZE + 64], parts[PATH_SIZE + 80], vendor[PATH_SIZE + 64];
	bool found, found_parts;
	int r;

	if (!managed_find(manager_get_networks(manager), name))
		return manager_no_such(manager, name, failure);
	if (managed_is_own(name))
		return remove_own(manager, name, failure);
	snprintf(path, sizeof(path), "%s/networks/%s.network", options->run_root, name);
	r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (r == 0) {
		snprintf(path, sizeof(path), "%s/networks/%s.network", options->config_root, name);
		snprintf(parts, sizeof(parts), "%s.d", path);
		r = set_aside(path, &found);
	}
	if (r == 0)
		r = set_aside(parts, &found_parts);
	snprintf(vendor, sizeof(vendor), "%s/networks/%s.network", options->vendor_root, name);
	if (r == 0 && access(vendor, F_OK) == 0 && symlink("/dev/null", path) < 0)
		r = -errno;
	if (r < 0)
		return failure_set(failure, r, "%s: %s%s", path, strerror(-r),
				   r == -EACCES || r == -EROFS ? ": remove the file as root, and then: guestnet reload" : "");
	return put_out_of_force(manager, failure);
}
