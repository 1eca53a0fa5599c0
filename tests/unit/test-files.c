/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration directories: which file counts, what hides what, drop-ins, and what is no network.
 */
#include "netd-files.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "../../netd/daemon/files.h"
#include "../../netd/daemon/replace.h"

static struct network_files_list load(void)
{
	struct network_files_list list = NETWORK_FILES_LIST_NULL;
	char etc[600], run[600], vendor[600];
	const char *const directories[] = { etc, run, vendor };

	snprintf(etc, sizeof(etc), "%s/etc", test_root);
	snprintf(run, sizeof(run), "%s/run", test_root);
	snprintf(vendor, sizeof(vendor), "%s/vendor", test_root);
	assert_int_equal(network_files_load(directories, 3, &list), 0);
	return list;
}

static const struct network_files *find(const struct network_files_list *list, const char *name)
{
	static char not_found[] = "not found";
	static const struct network_files none = { .problem = not_found };

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return &none;
}

static void no_directory_is_no_network(void **state _unused_)
{
	_cleanup_(network_files_list_deinit) struct network_files_list list = load();

	assert_int_equal(list.n, 0);
	assert_string_equal(list.words.problems, "");
}

static void the_first_directory_counts(void **state _unused_)
{
	_cleanup_(network_files_list_deinit) struct network_files_list list = NETWORK_FILES_LIST_NULL;

	test_write("vendor/a.network", "vendor\n");
	test_write("run/a.network", "run\n");
	test_write("vendor/b.network", "vendor b\n");
	test_write("etc/a.network", "etc\n");
	test_write("run/c.network", "run c\n");
	test_write("etc/.network", "x\n");
	list = load();
	assert_int_equal(list.n, 3);
	assert_string_equal(list.items[0].name, "a");
	assert_string_equal(list.items[0].parts[0].text, "etc\n");
	assert_int_equal(list.items[0].parts[0].length, 4);
	assert_string_equal(list.items[1].parts[0].text, "vendor b\n");
	assert_string_equal(list.items[2].parts[0].text, "run c\n");
	check_contains("path", list.items[1].parts[0].path, "/vendor/b.network");
}

static void masks(void **state _unused_)
{
	_cleanup_(network_files_list_deinit) struct network_files_list list = NETWORK_FILES_LIST_NULL;

	test_write("vendor/a.network", "vendor\n");
	test_write("vendor/b.network", "vendor\n");
	test_write("vendor/c.network", "");
	test_link("/dev/null", "etc/a.network");
	test_write("run/b.network", "");
	test_write("etc/b.network.d/1.conf", "x\n");
	list = load();
	assert_int_equal(list.n, 0);
	assert_string_equal(list.words.problems, "");
	assert_string_equal(list.words.warnings, "");
}

static void dropins(void **state _unused_)
{
	static const char *const want[] = { "a\n", "etc 10\n", "vendor 20\n", "", "run 40\n" };
	_cleanup_(network_files_list_deinit) struct network_files_list list = NETWORK_FILES_LIST_NULL;

	test_write("vendor/a.network", "a\n");
	test_write("vendor/a.network.d/20.conf", "vendor 20\n");
	test_write("vendor/a.network.d/10.conf", "vendor 10\n");
	test_write("vendor/a.network.d/30.conf", "vendor 30\n");
	test_write("run/a.network.d/40.conf", "run 40\n");
	test_write("etc/a.network.d/10.conf", "etc 10\n");
	test_write("etc/a.network.d/10.conf~", "no\n");
	test_link("/dev/null", "etc/a.network.d/30.conf");
	list = load();
	assert_int_equal(list.n, 1);
	assert_null(list.items[0].problem);
	assert_int_equal(list.items[0].n_parts, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(list.items[0].parts[i].text, want[i]);
}

static void names(void **state _unused_)
{
	_cleanup_(network_files_list_deinit) struct network_files_list list = NETWORK_FILES_LIST_NULL;

	test_write("etc/123456789012.network", "x\n");
	test_write("etc/1234567890123.network", "x\n");
	test_write("etc/a b.network", "x\n");
	test_write("vendor/-x.network", "x\n");
	list = load();
	assert_int_equal(list.n, 1);
	check_contains("13", list.words.problems, "/etc/1234567890123.network: the name of a network has 1 to 12");
	check_contains("blank", list.words.problems, "/etc/a b.network: ");
	check_contains("dash", list.words.problems, "/vendor/-x.network: ");
}

/* No error: but who called a file so may have meant another name. What editors and package managers leave is nobody's mistake. */
static void what_nobody_reads(void **state _unused_)
{
	static const char *const silent[] = {
		"lab.network~", ".lab.network.swp", "lab.network.swp", ".hidden", "#lab.network#", "lab.network.dpkg-old", "lab.network.dpkg-dist",
		"lab.network.rpmsave", "lab.network.rpmnew", "lab.network.ucf-dist", "lab.network.bak", "lab.network.orig", "README", "README.md",
		".old.network", "lab.network.d/x.conf~", "lab.network.d/.x.conf.swp", "lab.network.d/x.conf.dpkg-old", "lab.network.d/README",
	};
	_cleanup_(network_files_list_deinit) struct network_files_list list = NETWORK_FILES_LIST_NULL;
	char path[64];

	test_write("etc/lab.network", "x\n");
	test_write("vendor/lab.network.d/x.conf", "x\n");
	test_write("run/4201.lab.network.d/x.conf", "x\n");	/* a user's, who may make it one day */
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		snprintf(path, sizeof(path), "etc/%s", silent[i]);
		test_write(path, "x\n");
	}
	/* As an editor locks what somebody edits. */
	test_link("somebody@host.4711", "etc/.#lab.network");
	test_link("somebody@host.4711", "etc/lab.network.d/.#x.conf");
	list = load();
	assert_int_equal(list.n, 1);
	assert_null(list.items[0].problem);
	assert_int_equal(list.items[0].n_parts, 2);
	assert_string_equal(list.words.problems, "");
	assert_string_equal(list.words.warnings, "");
	network_files_list_deinit(&list);

	test_write("etc/lab.netwrok", "x\n");
	test_write("run/lab.conf", "x\n");
	test_write("vendor/lab", "x\n");
	test_write("etc/lb.network.d/x.conf", "x\n");
	test_write("etc/lab.network.d/mtu.cnof", "x\n");
	test_write("vendor/lab.network.d/off/x.conf", "x\n");
	list = load();
	assert_int_equal(list.n, 1);
	assert_string_equal(list.words.problems, "");
	check_contains("letters", list.words.warnings, "/etc/lab.netwrok: nobody reads this: a network's file is called NAME.network");
	check_contains("suffix", list.words.warnings, "/run/lab.conf: nobody reads this");
	check_contains("no suffix", list.words.warnings, "/vendor/lab: nobody reads this");
	check_contains("folder", list.words.warnings, "/etc/lb.network.d: nobody reads this: there is no network lb\n");
	check_contains("drop-in", list.words.warnings, "/etc/lab.network.d/mtu.cnof: nobody reads this: the name of a drop-in ends in .conf\n");
	check_contains("folder of a drop-in", list.words.warnings, "/vendor/lab.network.d/off: nobody reads this");
}

/* One of them is one network's problem. */
static void what_cannot_be_read(void **state _unused_)
{
	_cleanup_(network_files_list_deinit) struct network_files_list list = NETWORK_FILES_LIST_NULL;
	char path[64];

	test_write("etc/good.network", "x\n");
	test_write("etc/dir.network/inside", "x\n");
	test_link("nowhere", "etc/dangling.network");
	test_link("loop.network", "etc/loop.network");
	test_write("etc/dropin.network", "x\n");
	test_write("etc/dropin.network.d/x.conf/inside", "x\n");
	test_write("etc/many.network", "x\n");
	for (int i = 0; i < 257; i++) {
		snprintf(path, sizeof(path), "etc/many.network.d/%d.conf", i);
		test_write(path, "x\n");
	}
	list = load();
	assert_int_equal(list.n, 6);
	assert_null(find(&list, "good")->problem);
	check_contains("directory", find(&list, "dir")->problem, "/etc/dir.network: Is a directory");
	check_contains("dangling", find(&list, "dangling")->problem, "/etc/dangling.network: No such file");
	check_contains("loop", find(&list, "loop")->problem, "/etc/loop.network: Too many levels");
	check_contains("drop-in", find(&list, "dropin")->problem, "/etc/dropin.network.d/x.conf: Is a directory");
	check_contains("many", find(&list, "many")->problem, "/etc/many.network.d: too many drop-ins");
}

static void a_large_file(void **state _unused_)
{
	_cleanup_(network_files_list_deinit) struct network_files_list list = NETWORK_FILES_LIST_NULL;
	char path[600];

	test_write("etc/a.network", "x\n");
	snprintf(path, sizeof(path), "%s/etc/a.network", test_root);
	assert_int_equal(truncate(path, 1024 * 1024 + 1), 0);
	list = load();
	check_contains("large", list.items[0].problem, "File too large");
}

static void check_text(const char *name, const char *want)
{
	char text[64] = "";
	FILE *file = fopen(test_path(name), "r");

	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) <= strlen(want));
	assert_string_equal(text, want);
	fclose(file);
}

/* Files may be that large from now on; a larger one fails as on a full disk. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void replacing(void **state _unused_)
{
	struct replace replace;
	int r;

	assert_int_equal(replace_text(test_path("a"), "one\n", 4, false), 0);
	check_text("a", "one\n");
	assert_int_equal(replace_text(test_path("a"), "two\n", 4, true), 0);
	check_text("a", "two\n");
	assert_int_equal(access(test_path("a.new"), F_OK), -1);
	assert_int_equal(replace_text(test_path("a") + 1, "x", 1, false), -ENOENT);

	/* What is in the way is not followed. */
	test_link("a", "a.new");
	assert_int_equal(replace_text(test_path("a"), "three\n", 6, false), -ELOOP);
	assert_int_equal(unlink(test_path("a.new")), 0);
	check_text("a", "two\n");

	/* The end of the file could be written, and something before it could not. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(replace_begin(&replace, test_path("a")), 0);
	limit_files(1);
	for (int i = 0; i < 100000; i++)
		fputs("line\n", replace.file);
	limit_files(RLIM_INFINITY);
	r = replace_finish(&replace, false);
	assert_true(r < 0);
	check_text("a", "two\n");
	assert_int_equal(access(test_path("a.new"), F_OK), -1);
}

int main(void)
{
#define test(function) cmocka_unit_test_setup_teardown(function, test_root_make, test_root_remove)
	static const struct CMUnitTest tests[] = {
		test(no_directory_is_no_network),
		test(the_first_directory_counts),
		test(masks),
		test(dropins),
		test(names),
		test(what_nobody_reads),
		test(what_cannot_be_read),
		test(a_large_file),
		test(replacing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
