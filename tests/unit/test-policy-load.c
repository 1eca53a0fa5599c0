/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy files, their includes and their owners, in a private directory; names of users and groups.
 *
 * What only root can set up (files of root below folders of root) is done in a mount namespace of its
 * own, in a child, on a file system that nobody else sees.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNPRIVILEGED 4201	/* a number; no such user is needed */

static char directory[64];

static int make_directory(void **state _unused_)
{
	snprintf(directory, sizeof(directory), "/tmp/guestnet-unit.XXXXXX");
	return mkdtemp(directory) && chmod(directory, 0755) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *ftw _unused_)
{
	return remove(path);
}

static int remove_directory(void **state _unused_)
{
	return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file of the directory; good for a few calls. */
static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned int n;
	char *path = paths[n++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void write_bytes(const char *name, const void *bytes, size_t length)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

/* Replaces '@' in a message by the directory, for comparing. */
static const char *with_directory(const char *text)
{
	static char buffer[2048];
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	for (; *text; text++)
		text_add(&out, *text == '@' ? "%s" : "%.1s", *text == '@' ? directory : text);
	return buffer;
}

static size_t count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(fds);
	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

/* Loads, and returns the bridges of the rules in order, or the text of the error. */
static const char *load(const char *path, enum policy_load_flags flags, int *ret_error)
{
	static char buffer[2048];
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	struct failure failure = { 0 };
	size_t before = count_fds();
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	*ret_error = policy_load(&policy, path, flags, &failure);
	check_int("no fd stays open", count_fds(), before);
	check_int("a text if and only if it failed", failure.text[0] != '\0', *ret_error < 0);
	if (*ret_error < 0) {
		text_add(&text, "%s", failure.text);
		return buffer;
	}
	for (size_t i = 0; i < policy.n_rules && i < 100; i++)
		text_add(&text, "%s%s", i ? " " : "", policy.rules[i].bridge ?: "(all)");
	return buffer;
}

/* @want begins with '!' where an error is expected; its beginning is compared. */
static void check_load(const char *label, const char *name, int error, const char *want)
{
	const char *got;
	int r;

	got = load(at(name), POLICY_LOAD_ANY_OWNER, &r);
	if (error)
		check_prefix(label, got, with_directory(want));
	else
		check_string(label, got, want);
	check_int(label, r, error);
}

static void one_file(void **state _unused_)
{
	write_text("p", "allow a\ndeny b\n");
	check_load("two rules", "p", 0, "a b");
	write_text("p", "");
	check_load("empty", "p", 0, "");
	write_text("p", "allow a");
	check_load("no newline", "p", 0, "a");
	write_text("p", "\n\nallow a frob\n");
	check_load("wrong line", "p", -EINVAL, "@/p:3: unknown word \"frob\"");
	check_load("missing", "nowhere", -ENOENT, "@/nowhere: No such file or directory");
	check_load("missing folder", "nowhere/p", -ENOENT, "@/nowhere/p: No such file or directory");
	check_load("below a file", "p/p", -ENOTDIR, "@/p/p: Not a directory");
	check_load("name with a control byte", "a\nb", -ENOENT, "@/a\\x0ab: No such file");
}

static void where_a_rule_stands(void **state _unused_)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	struct failure failure = { 0 };

	write_text("p", "allow a\ninclude q\n\nallow c\n");
	write_text("q", "\nallow b\n");
	check_int("load", policy_load(&policy, at("p"), POLICY_LOAD_ANY_OWNER, &failure), 0);
	check_int("rules", policy.n_rules, 3);
	check_string("first", policy_rule_path(&policy, &policy.rules[0]), at("p"));
	check_int("first", policy.rules[0].line, 1);
	check_string("second", policy_rule_path(&policy, &policy.rules[1]), at("q"));
	check_int("second", policy.rules[1].line, 2);
	check_string("third", policy_rule_path(&policy, &policy.rules[2]), at("p"));
	check_int("third", policy.rules[2].line, 4);
	policy_deinit(&policy);
	check_int("empty", policy.n_files, 0);
}

static void includes_in_reading_order(void **state _unused_)
{
	write_text("p", "allow a\ninclude q\nallow d\ninclude r\nallow f\n");
	write_text("q", "allow b\ninclude s");
	write_text("s", "allow c\n");
	write_text("r", "allow e\n");
	check_load("order", "p", 0, "a b c d e f");
}

static void includes_are_relative(void **state _unused_)
{
	char text[512];

	assert_int_equal(mkdir(at("sub dir"), 0755), 0);
	write_text("p", "include sub dir/q  # here\n");
	write_text("sub dir/q", "allow a\ninclude r\ninclude ../s\n");
	write_text("sub dir/r", "allow b\n");
	write_text("r", "allow wrong\n");
	write_text("s", "allow c\n");
	check_load("relative to the file", "p", 0, "a b c");
	snprintf(text, sizeof(text), "include %s\n", at("sub dir/q"));
	write_text("p", text);
	check_load("absolute", "p", 0, "a b c");

	/* the process stands somewhere else, or right there */
	assert_int_equal(chdir(directory), 0);
	{
		int r;

		check_string("from the current folder", load("p", POLICY_LOAD_ANY_OWNER, &r), "a b c");
		check_int("from the current folder", r, 0);
		check_string("error", load("nowhere", POLICY_LOAD_ANY_OWNER, &r), "nowhere: No such file or directory");
	}
	assert_int_equal(chdir("/"), 0);
}

static void missing_includes_are_skipped(void **state _unused_)
{
	write_text("p", "allow a\ninclude nowhere\ninclude no/where\ninclude q/below-a-file\ninclude /nowhere/at/all\nallow b\n");
	write_text("q", "");
	check_load("missing", "p", 0, "a b");
	assert_int_equal(symlink("nowhere", at("dangling")), 0);
	write_text("p", "allow a\ninclude dangling\nallow b\n");
	check_load("dangling link", "p", 0, "a b");
}

/* Runs a check as somebody without rights. A failing check ends the child before it says 0. */
static void as_unprivileged(void (*check)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) < 0 ||
				       setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) < 0))
			_exit(2);
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	check_int("the child's status", status, 0);
}

/* In the child cmocka's longjmp would run the rest of the tests twice: say it and leave. */
static void child_check(const char *label, const char *path, enum policy_load_flags flags, int error, const char *want)
{
	int r;
	const char *got = load(path, flags, &r);

	if (r == error && (error ? strncmp(got, want, strlen(want)) : strcmp(got, want)) == 0)
		return;
	print_error("%s: got %d \"%s\", want %d \"%s\"\n", label, r, got, error, want);
	_exit(1);
}

static void check_unreadable(void)
{
	child_check("unreadable include", at("p"), POLICY_LOAD_ANY_OWNER, 0, "a b");
	child_check("unreadable folder", at("p2"), POLICY_LOAD_ANY_OWNER, 0, "c");
	child_check("unreadable first file", at("secret"), POLICY_LOAD_ANY_OWNER, -EACCES,
		    with_directory("@/secret: Permission denied"));
	child_check("first file in an unreadable folder", at("closed/q"), POLICY_LOAD_ANY_OWNER, -EACCES,
		    with_directory("@/closed/q: Permission denied"));
}

/* Per-user policies are made by the mode of an included file. */
static void unreadable_includes_are_skipped(void **state _unused_)
{
	write_text("p", "allow a\ninclude secret\nallow b\n");
	write_text("p2", "include closed/q\nallow c\n");
	write_text("secret", "allow secret\nnonsense\n");
	assert_int_equal(chmod(at("secret"), 0), 0);
	assert_int_equal(mkdir(at("closed"), 0755), 0);
	write_text("closed/q", "allow secret\n");
	assert_int_equal(chmod(at("closed"), 0), 0);
	as_unprivileged(check_unreadable);
	assert_int_equal(chmod(at("closed"), 0755), 0);
}

static void wrong_includes_deny_everything(void **state _unused_)
{
	write_text("p", "allow a\ninclude q\nallow b\n");
	write_text("q", "allow c\nfrob\n");
	check_load("wrong line", "p", -EINVAL, "@/q:2: unknown word \"frob\"");
	write_bytes("q", "allow c\0\n", 9);
	check_load("zero byte", "p", -EINVAL, "@/q:1: zero byte");
	write_text("p", "allow a\ninclude\n");
	check_load("no path", "p", -EINVAL, "@/p:2: include wants a path");
}

static void write_chain(unsigned int n)
{
	char name[16], text[64];

	for (unsigned int i = 0; i <= n; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(text, sizeof(text), i < n ? "allow a%u\ninclude n%u\nallow b%u\n" : "allow a%u\n", i, i + 1, i);
		write_text(name, text);
	}
}

static void nesting(void **state _unused_)
{
	write_chain(8);
	check_load("8 deep", "n0", 0, "a0 a1 a2 a3 a4 a5 a6 a7 a8 b7 b6 b5 b4 b3 b2 b1 b0");
	write_chain(9);
	check_load("9 deep", "n0", -ELOOP, "@/n8:2: include n9: more than 8 includes inside each other");
}

static void never_twice(void **state _unused_)
{
	write_text("p", "include q\nallow a\ninclude q\n");
	write_text("q", "allow b\n");
	check_load("the same", "p", -EEXIST, "@/p:3: include q: this file has been read already");
	write_text("p", "allow a\ninclude p\n");
	check_load("itself", "p", -EEXIST, "@/p:2: include p: this file has been read already");
	write_text("p", "include r\n");
	write_text("r", "\ninclude p\n");
	check_load("each other", "p", -EEXIST, "@/r:2: include p: this file has been read already");
	write_text("p", "include q\ninclude ./q\n");
	check_load("by another path", "p", -EEXIST, "@/p:2: include ./q: this file has been read already");
	assert_int_equal(link(at("q"), at("hard")), 0);
	write_text("p", "include q\ninclude hard\n");
	check_load("by a hard link", "p", -EEXIST, "@/p:2: include hard: this file has been read already");
	assert_int_equal(symlink("q", at("soft")), 0);
	write_text("p", "include soft\ninclude q\n");
	check_load("by a symbolic link", "p", -EEXIST, "@/p:2: include q: this file has been read already");
	/* the rules before it are no policy either way, but two files of one text are two files */
	write_text("same", "allow b\n");
	write_text("p", "include q\ninclude same\n");
	check_load("a copy", "p", 0, "b b");
}

static void many_files(void **state _unused_)
{
	for (unsigned int n = 63; n <= 64; n++) {
		char text[4096], name[16];
		struct text all;

		text_init(&all, text, sizeof(text));
		for (unsigned int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			write_text(name, "");
			text_add(&all, "include f%u\n", i);
		}
		write_text("p", text);
		check_load("files", "p", n == 63 ? 0 : -E2BIG, n == 63 ? "" : "@/f63: more than 64 policy files");
	}
}

static void only_regular_files(void **state _unused_)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	assert_int_equal(mkfifo(at("fifo"), 0644), 0);
	assert_int_equal(mkdir(at("folder"), 0755), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", at("socket"));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);

	check_load("FIFO", "fifo", -EINVAL, "@/fifo is not a regular file");
	check_load("folder", "folder", -EINVAL, "@/folder is not a regular file");
	check_load("folder/", "folder/", -EINVAL, "@/folder/ is not a regular file");
	write_text("p", "allow a\ninclude fifo\n");
	check_load("included FIFO", "p", -EINVAL, "@/fifo is not a regular file");
	write_text("p", "allow a\ninclude folder\n");
	check_load("included folder", "p", -EINVAL, "@/folder is not a regular file");
	write_text("p", "allow a\ninclude .\n");
	check_load("its own folder", "p", -EINVAL, "@/. is not a regular file");
	write_text("p", "allow a\ninclude /dev/null\n");
	check_load("device", "p", -EINVAL, "/dev/null is not a regular file");
	write_text("p", "allow a\ninclude /dev/zero\n");
	check_load("endless device", "p", -EINVAL, "/dev/zero is not a regular file");
	write_text("p", "allow a\ninclude socket\n");
	check_load("socket", "p", -ENXIO, "@/p:2: include @/socket: No such device or address");
	assert_int_equal(symlink("fifo", at("to-fifo")), 0);
	write_text("p", "allow a\ninclude to-fifo\n");
	check_load("link to a FIFO", "p", -EINVAL, "@/to-fifo is not a regular file");
	close(fd);
}

static void symbolic_links(void **state _unused_)
{
	assert_int_equal(symlink("loop", at("loop")), 0);
	assert_int_equal(symlink("loop-b", at("loop-a")), 0);
	assert_int_equal(symlink("loop-a", at("loop-b")), 0);
	write_text("q", "allow b\n");
	assert_int_equal(symlink("q", at("good")), 0);

	check_load("good", "good", 0, "b");
	check_load("loop", "loop", -ELOOP, "@/loop: Too many levels of symbolic links");
	write_text("p", "allow a\ninclude loop-a\n");
	check_load("included loop", "p", -ELOOP, "@/p:2: include @/loop-a: Too many levels of symbolic links");
}

static void large_files(void **state _unused_)
{
	enum { LARGE = 4 * 1024 * 1024 };
	_cleanup_(freep) char *text = malloc(LARGE + 1);

	assert_non_null(text);
	memset(text, '\n', LARGE + 1);
	memcpy(text, "allow a", 7);
	memcpy(text + LARGE - 7, "allow b", 7);
	write_bytes("p", text, LARGE);
	check_load("4 MiB", "p", 0, "a b");
	write_bytes("p", text, LARGE + 1);
	check_load("one byte more", "p", -EFBIG, "@/p is larger than 4194304 bytes");
	assert_int_equal(truncate(at("p"), 1LL << 40), 0);
	check_load("1 TiB", "p", -EFBIG, "@/p is larger than 4194304 bytes");
	memset(text, 'x', LARGE);
	write_bytes("p", text, LARGE);
	check_load("one line", "p", -EINVAL, "@/p:1: line longer than 65536 bytes");

	write_text("p", "allow a\ninclude q\n");
	write_bytes("q", text, LARGE + 1);
	check_load("included", "p", -EFBIG, "@/q is larger than 4194304 bytes");
}

/* Files of /proc say that they are empty, and are not. */
static void a_file_that_is_longer_than_it_says(void **state _unused_)
{
	write_text("p", "include /proc/version\n");
	check_load("grown", "p", -EAGAIN, "/proc/version changed while it was read: try again");
}

static void long_paths(void **state _unused_)
{
	char path[8000];

	memset(path, 'x', sizeof(path));
	memcpy(path, "include /", 9);
	strcpy(path + sizeof(path) - 10, "\nallow a\n");
	write_text("p", path);
	check_load("long include", "p", -ENAMETOOLONG, "@/p:1: include /xxx");
	memcpy(path, "include d", 9);
	write_text("p", path);
	check_load("long relative include", "p", -ENAMETOOLONG, "@/p:1: include dxxx");
	path[300] = '\n';
	write_text("p", path);
	check_load("long name", "p", -ENAMETOOLONG, "@/p:1: include @/dxxx");
}

/* Without POLICY_LOAD_ANY_OWNER a private directory below /tmp is nothing to believe. */
static void owners_are_looked_at(void **state _unused_)
{
	const char *got;
	int r;

	write_text("p", "allow a\n");
	got = load(at("p"), 0, &r);
	check_int("not root's alone", r, -EPERM);
	if (!strstr(got, "can be written by others than root") && !strstr(got, "it must be root's"))
		fail_msg("%s", got);

	/* a file of root below folders of root is read: what it says is no policy */
	got = load("/etc/passwd", 0, &r);
	check_int("root's", r, -EINVAL);
	check_prefix("root's", got, "/etc/passwd:1: unknown word \"root:");
	check_string("relative", load("etc/passwd", 0, &r), "etc/passwd: File name too long");
	check_prefix("folder", load("/etc", 0, &r), "/etc is not a regular file");
	check_prefix("root", load("/", 0, &r), "/ is not a regular file");
	check_prefix("device", load("/dev/null", 0, &r), "/dev/null is not a regular file");
	load("/etc/passwd/x", 0, &r);
	check_int("below a file", r, -ENOTDIR);
	load("/etc/nowhere/guestnet", 0, &r);
	check_int("missing", r, -ENOENT);
}

#define T "/mnt"

static void put(const char *path, const char *text, uid_t uid, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchown(fd, uid, uid) < 0 || fchmod(fd, mode) < 0)
		_exit(3);
	close(fd);
}

static void put_folder(const char *path, uid_t uid, mode_t mode)
{
	if (mkdir(path, 0700) < 0 || chown(path, uid, uid) < 0 || chmod(path, mode) < 0)
		_exit(3);
}

static void put_link(const char *target, const char *path)
{
	if (symlink(target, path) < 0)
		_exit(3);
}

static void check_owners(void)
{
	put_folder(T "/good", 0, 0755);
	put_folder(T "/writable", 0, 0775);
	put_folder(T "/sticky", 0, 01777);
	put_folder(T "/theirs", UNPRIVILEGED, 0755);
	put(T "/good/p", "allow a\n", 0, 0644);
	put(T "/good/mode-640", "allow a\n", 0, 0640);
	put(T "/good/group", "allow a\n", 0, 0664);
	put(T "/good/other", "allow a\n", 0, 0646);
	put(T "/good/theirs", "allow a\n", UNPRIVILEGED, 0644);
	put(T "/writable/p", "allow a\n", 0, 0644);
	put(T "/sticky/p", "allow a\n", 0, 0644);
	put(T "/theirs/p", "allow a\n", 0, 0644);
	put_link(T "/good/p", T "/good/link");
	put_link("../good/./p", T "/good/relative");
	put_link(T "/good/p", T "/theirs/link");
	put_link(T "/theirs", T "/good/to-theirs");
	put_link("../theirs/p", T "/good/out");
	put_link("../good", T "/theirs/back");
	put_link("self", T "/good/self");
	put_link("p", T "/good/l1");
	for (unsigned int i = 1; i <= 8; i++) {
		char target[32], path[32];

		snprintf(target, sizeof(target), "l%u", i);
		snprintf(path, sizeof(path), T "/good/l%u", i + 1);
		put_link(target, path);
	}
	put(T "/good/inc-theirs", "allow a\ninclude theirs\n", 0, 0644);
	put(T "/good/inc-group", "include group\nallow a\n", 0, 0644);
	put(T "/good/inc-out", "allow a\ninclude out\n", 0, 0644);
	put(T "/good/inc-sticky", "allow a\ninclude ../sticky/missing\n", 0, 0644);
	put(T "/good/inc-dangling", "allow a\ninclude dangling\nallow b\n", 0, 0644);
	put_link("nowhere", T "/good/dangling");

	child_check("good", T "/good/p", 0, 0, "a");
	child_check("640", T "/good/mode-640", 0, 0, "a");
	child_check("group may write", T "/good/group", 0, -EPERM, T "/good/group can be written by others than root (chmod go-w");
	child_check("others may write", T "/good/other", 0, -EPERM, T "/good/other can be written by others than root");
	child_check("theirs", T "/good/theirs", 0, -EPERM, T "/good/theirs belongs to uid 4201: it must be root's (chown root");
	child_check("writable folder", T "/writable/p", 0, -EPERM, T "/writable can be written by others than root");
	child_check("sticky folder", T "/sticky/p", 0, -EPERM, T "/sticky can be written by others than root");
	child_check("their folder", T "/theirs/p", 0, -EPERM, T "/theirs belongs to uid 4201");
	child_check("dots", T "//good/./../good///p", 0, 0, "a");
	child_check("dots through their folder", T "/theirs/../good/p", 0, -EPERM, T "/theirs belongs to uid 4201");
	child_check("above the root", "/../../.." T "/good/p", 0, 0, "a");
	child_check("link", T "/good/link", 0, 0, "a");
	child_check("relative link", T "/good/relative", 0, 0, "a");
	child_check("link in their folder", T "/theirs/link", 0, -EPERM, T "/theirs belongs to uid 4201");
	child_check("link through their folder", T "/good/to-theirs/back/p", 0, -EPERM, T "/theirs belongs to uid 4201");
	child_check("link out", T "/good/out", 0, -EPERM, T "/theirs belongs to uid 4201");
	child_check("link to itself", T "/good/self", 0, -ELOOP, T "/good/self: Too many levels of symbolic links");
	child_check("8 links", T "/good/l8", 0, 0, "a");
	child_check("9 links", T "/good/l9", 0, -ELOOP, T "/good/l9: Too many levels");
	child_check("below a file", T "/good/p/x", 0, -ENOTDIR, T "/good/p/x: Not a directory");
	child_check("a file with a slash", T "/good/p/", 0, 0, "a");
	/* every include is looked at, and is never skipped for what it is */
	child_check("include theirs", T "/good/inc-theirs", 0, -EPERM, T "/good/theirs belongs to uid 4201");
	child_check("include writable", T "/good/inc-group", 0, -EPERM, T "/good/group can be written");
	child_check("include a link out", T "/good/inc-out", 0, -EPERM, T "/theirs belongs to uid 4201");
	child_check("missing where others can make it", T "/good/inc-sticky", 0, -EPERM, T "/sticky can be written");
	child_check("dangling include", T "/good/inc-dangling", 0, 0, "a b");
	/* a draft may be anybody's */
	child_check("draft", T "/good/inc-theirs", POLICY_LOAD_ANY_OWNER, 0, "a a");
}

/* Runs a check in a child that is root in a mount namespace of its own; skips where that cannot be had. */
static void as_root(void (*check)(void))
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", T, "tmpfs", 0, "mode=0755") < 0)
			_exit(4);
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		skip();		/* root without the right to mount */
	check_int("the child's status", status, 0);
}

static void owners_as_root(void **state _unused_)
{
	as_root(check_owners);
}

/* Names: "root" is 0 on every system that has one. */
static void resolve_text(struct policy *policy, const char *text, const struct policy_device *device, const char *lookup)
{
	struct failure failure = { 0 };

	check_int(text, unit_policy_parse(policy, text, strlen(text), &failure), 0);
	policy_resolve(policy, device, lookup);
}

static void names(void **state _unused_)
{
	static const struct {
		const char *rule;
		enum policy_who_state state;
		uint32_t id;
	} cases[] = {
		{ "allow br0 user=root", WHO_KNOWN, 0 },
		{ "allow br0 user=!root", WHO_KNOWN, 0 },
		{ "allow br0 group=root", WHO_KNOWN, 0 },
		{ "allow br0 user=77", WHO_KNOWN, 77 },
		{ "allow br0 user=no-such-user-here", WHO_UNKNOWN, 0 },
		{ "allow br0 group=no-such-group-here", WHO_UNKNOWN, 0 },
		/* only the whole first field is a name */
		{ "allow br0 user=roo", WHO_UNKNOWN, 0 },
		{ "allow br0 user=root:", WHO_UNKNOWN, 0 },
		{ "allow br0 user=root:x", WHO_UNKNOWN, 0 },
		{ "allow br0 user=x", WHO_UNKNOWN, 0 },
		{ "allow br0 user=/root", WHO_UNKNOWN, 0 },
		{ "allow br0 user=-1", WHO_UNKNOWN, 0 },
		{ "allow br0 user=+0", WHO_UNKNOWN, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;

		resolve_text(&policy, cases[i].rule, NULL, NULL);
		check_int(cases[i].rule, policy.whos[0].state, cases[i].state);
		if (cases[i].state == WHO_KNOWN)
			check_int(cases[i].rule, policy.whos[0].id, cases[i].id);
	}
}

/* Account files of our own, with everything that such files have held. */
static void check_account_files(void)
{
	static const struct {
		const char *rule;
		enum policy_who_state state;
		uint32_t id;
	} cases[] = {
		{ "allow br0 user=alice", WHO_KNOWN, 4201 },
		{ "allow br0 group=alice", WHO_KNOWN, 5201 },
		{ "allow br0 user=bob", WHO_UNKNOWN, 0 },		/* bobby is somebody else */
		{ "allow br0 user=bobby", WHO_KNOWN, 4202 },
		{ "allow br0 user=bobb", WHO_UNKNOWN, 0 },
		{ "allow br0 user=carol", WHO_KNOWN, 4203 },		/* no password field's text */
		{ "allow br0 user=twice", WHO_KNOWN, 1 },		/* the first counts */
		{ "allow br0 user=negative", WHO_UNKNOWN, 0 },
		{ "allow br0 user=invalid", WHO_UNKNOWN, 0 },
		{ "allow br0 user=large", WHO_UNKNOWN, 0 },
		{ "allow br0 user=digits", WHO_UNKNOWN, 0 },
		{ "allow br0 user=empty", WHO_UNKNOWN, 0 },
		{ "allow br0 user=short", WHO_UNKNOWN, 0 },
		{ "allow br0 user=name-only", WHO_UNKNOWN, 0 },
		{ "allow br0 user=later", WHO_KNOWN, 9 },		/* a line that is no good, then a good one */
		{ "allow br0 user=+nis", WHO_UNKNOWN, 0 },
		{ "allow br0 user=+", WHO_UNKNOWN, 0 },
		{ "allow br0 user=last", WHO_KNOWN, 4299 },		/* no newline behind it */
		{ "allow br0 group=last", WHO_UNKNOWN, 0 },
		{ "allow br0 group=wheel", WHO_KNOWN, 10 },
	};

	put(T "/passwd", "# comment\n\nbobby:7:4202:4202::/:/bin/sh\nalice:x:4201:77::/:\ncarol::4203:4203:::\n"
	    "twice:x:1:1:::\ntwice:x:2:2:::\nnegative:x:-1:1:::\ninvalid:x:4294967295:1:::\nlarge:x:4294967296:1:::\n"
	    "digits:x:00000000000000000000001:1:::\nempty:x::1:::\nshort:x\nname-only\nlater:x:y:1:::\nlater:x:9:1:::\n"
	    "+nis::::::\n+\nlast:x:4299:1", 0, 0644);
	put(T "/group", "alice:x:5201:alice,bob\nwheel:x:10:", 0, 0644);
	if (mount(T "/passwd", "/etc/passwd", NULL, MS_BIND, NULL) < 0 || mount(T "/group", "/etc/group", NULL, MS_BIND, NULL) < 0)
		_exit(4);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		const struct policy_who *who;

		if (unit_policy_parse(&policy, cases[i].rule, strlen(cases[i].rule), NULL) < 0)
			_exit(3);
		policy_resolve(&policy, NULL, NULL);
		who = &policy.whos[0];
		if (who->state == cases[i].state && (who->state != WHO_KNOWN || who->id == cases[i].id))
			continue;
		print_error("%s: got state %d, id %u\n", cases[i].rule, (int)who->state, who->id);
		_exit(1);
	}

	/* An account file that is none resolves nothing, and never blocks. */
	if (umount("/etc/passwd") < 0 || mkfifo(T "/fifo", 0644) < 0 || mount(T "/fifo", "/etc/passwd", NULL, MS_BIND, NULL) < 0)
		_exit(3);
	{
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		static const char text[] = "allow br0 user=alice group=alice";

		if (unit_policy_parse(&policy, text, sizeof(text) - 1, NULL) < 0)
			_exit(3);
		policy_resolve(&policy, NULL, NULL);
		if (policy.whos[0].state != WHO_UNKNOWN || policy.whos[1].state != WHO_KNOWN)
			_exit(1);
	}
}

static void account_files_as_root(void **state _unused_)
{
	as_root(check_account_files);
}

/* The lookup program: what it says counts only when it is safe, whole and in time. */
static void check_lookup(void)
{
	static const struct {
		const char *label, *body;
		mode_t mode;
		enum policy_who_state user, group;
	} cases[] = {
		{ "answers", "for a; do case $a in u:ghost) echo 4242;; g:ghost) echo 4343;; *) echo -;; esac; done", 0755,
		  WHO_KNOWN, WHO_KNOWN },
		{ "knows the group", "echo -; echo 4343", 0755, WHO_UNKNOWN, WHO_KNOWN },
		{ "says less", "echo 4242", 0755, WHO_KNOWN, WHO_UNKNOWN },
		{ "says more", "echo 4242; echo 4343; echo 0", 0755, WHO_KNOWN, WHO_KNOWN },
		{ "says nothing", ":", 0755, WHO_UNKNOWN, WHO_UNKNOWN },
		{ "is cut off", "echo 4242; printf 434", 0755, WHO_UNKNOWN, WHO_UNKNOWN },
		{ "says no numbers", "echo 4242x; echo ' 4343'", 0755, WHO_UNKNOWN, WHO_UNKNOWN },
		{ "says nobody", "echo 4294967295; echo 4294967296", 0755, WHO_UNKNOWN, WHO_UNKNOWN },
		{ "has no environment", "[ -z \"$UNIT_TEST\" ] && echo 4242 && echo 4343", 0755,
		  WHO_KNOWN, WHO_KNOWN },
		{ "talks too much", "i=0; while [ $i -lt 2000 ]; do echo 4242; i=$((i + 1)); done", 0755,
		  WHO_UNKNOWN, WHO_UNKNOWN },
		{ "hangs", "exec sleep 60", 0755, WHO_UNKNOWN, WHO_UNKNOWN },
		{ "is the group's", "echo 4242; echo 4343", 0775, WHO_UNKNOWN, WHO_UNKNOWN },
		{ "is no program", "echo 4242; echo 4343", 0644, WHO_UNKNOWN, WHO_UNKNOWN },
	};

	setenv("UNIT_TEST", "x", 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const char rule[] = "allow br0 user=ghost group=ghost";
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		const struct policy_who *whos;
		char text[512];

		snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", cases[i].body);
		put(T "/lookup", text, 0, cases[i].mode);
		if (unit_policy_parse(&policy, rule, sizeof(rule) - 1, NULL) < 0)
			_exit(3);
		policy_resolve(&policy, NULL, T "/lookup");
		whos = policy.whos;
		if (whos[0].state == cases[i].user && whos[1].state == cases[i].group &&
		    (whos[0].state != WHO_KNOWN || whos[0].id == 4242) && (whos[1].state != WHO_KNOWN || whos[1].id == 4343))
			continue;
		print_error("lookup %s: got states %d %d, ids %u %u\n", cases[i].label, (int)whos[0].state,
			    (int)whos[1].state, whos[0].id, whos[1].id);
		_exit(1);
	}
	/* no child is left over */
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		_exit(1);
}

static void lookup_as_root(void **state _unused_)
{
	as_root(check_lookup);
}

static void only_names_that_matter(void **state _unused_)
{
	static const char *const device_names[] = { "br0", "default" };
	const struct policy_device device = { device_names, 2 };
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;

	resolve_text(&policy, "allow br1 user=root\nallow br0 user=root\nallow all user=root\nallow default user=root\n", &device, NULL);
	check_int("another bridge", policy.whos[0].state, WHO_ASKED_NOT);
	check_int("this one", policy.whos[1].state, WHO_KNOWN);
	check_int("all", policy.whos[2].state, WHO_KNOWN);
	check_int("by another name", policy.whos[3].state, WHO_KNOWN);
	/* asking again is allowed, and asks for the rest */
	policy_resolve(&policy, NULL, NULL);
	check_int("later", policy.whos[0].state, WHO_KNOWN);
}

/* A lookup program that somebody else could have made is not run. */
static void unsafe_lookup_is_not_run(void **state _unused_)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	char text[256];

	snprintf(text, sizeof(text), "#!/bin/sh\n: >%s\necho 4242\n", at("was-run"));
	write_text("lookup", text);
	assert_int_equal(chmod(at("lookup"), 0755), 0);
	resolve_text(&policy, "allow br0 user=no-such-user-here", NULL, at("lookup"));
	check_int("unknown", policy.whos[0].state, WHO_UNKNOWN);
	check_int("not run", access(at("was-run"), F_OK), -1);
	policy_resolve(&policy, NULL, at("nowhere"));
	check_int("missing", policy.whos[0].state, WHO_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_file),
		TEST(where_a_rule_stands),
		TEST(includes_in_reading_order),
		TEST(includes_are_relative),
		TEST(missing_includes_are_skipped),
		TEST(unreadable_includes_are_skipped),
		TEST(wrong_includes_deny_everything),
		TEST(nesting),
		TEST(never_twice),
		TEST(many_files),
		TEST(only_regular_files),
		TEST(symbolic_links),
		TEST(large_files),
		TEST(a_file_that_is_longer_than_it_says),
		TEST(long_paths),
		TEST(owners_are_looked_at),
		cmocka_unit_test(owners_as_root),
		cmocka_unit_test(names),
		cmocka_unit_test(account_files_as_root),
		cmocka_unit_test(lookup_as_root),
		cmocka_unit_test(only_names_that_matter),
		TEST(unsafe_lookup_is_not_run),
	};

	umask(022);
	return cmocka_run_group_tests_name("policy-load", tests, NULL, NULL);
}
