/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that declare networks: which there are, and what stands in them.
 * System calls: reads files.
 *
 * As systemd does it (systemd.unit(5)): directories are given in order of precedence; NAME.network in an
 * earlier one hides that in a later one; a link to /dev/null or an empty file hides it altogether;
 * NAME.network.d/[*].conf of all directories add to it in the order of their file names, where again one of
 * an earlier directory hides its namesake. Hidden files are nobody's: editors lock with a dangling link .#NAME.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/addr.h"
#include "../../lib/fd.h"
#include "../../lib/str.h"

#define FILE_LIMIT (1024 * 1024)	/* bytes of one file */
#define PARTS_LIMIT 256			/* drop-ins of one network */
#define NETWORKS_LIMIT 4096

static void network_files_deinit(struct network_files *files)
{
	for (size_t i = 0; i < files->n_parts; i++) {
		free(files->parts[i].path);
		free(files->parts[i].text);
	}
	free(files->parts);
	free(files->problem);
}

void network_files_list_deinit(struct network_files_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		network_files_deinit(&list->items[i]);
	free(list->items);
	*list = NETWORK_FILES_LIST_NULL;
}

static bool has_suffix(const char *string, const char *suffix, size_t *ret_stem)
{
	size_t n = strlen(string), n_suffix = strlen(suffix);

	if (n <= n_suffix || strcmp(string + n - n_suffix, suffix) != 0)
		return false;
	*ret_stem = n - n_suffix;
	return true;
}

static int compare_networks(const void *a, const void *b)
{
	return strcmp(((const struct network_files *)a)->name, ((const struct network_files *)b)->name);
}

/* What a directory has been seen to hold: NAME.network.d, which need not be looked for then. */
struct folder {
	char network[NETWORK_NAME_SIZE];
	size_t directory;
};

struct scan {
	struct network_files_list list;		/* owned */
	struct folder *folders;			/* owned; sorted */
	size_t n_folders;
};

static void scan_deinit(struct scan *scan)
{
	network_files_list_deinit(&scan->list);
	free(scan->folders);
}

static int compare_folders(const void *a, const void *b)
{
	const struct folder *left = a, *right = b;
	int r = strcmp(left->network, right->network);

	return r ? r : (left->directory > right->directory) - (left->directory < right->directory);
}

static bool has_folder(const struct scan *scan, size_t directory, const char *network)
{
	struct folder key = { .directory = directory };

	snprintf(key.network, sizeof(key.network), "%s", network);
	return scan->n_folders > 0 && bsearch(&key, scan->folders, scan->n_folders, sizeof(key), compare_folders);
}

static int compare_name(const void *name, const void *item)
{
	return strcmp(name, ((const struct network_files *)item)->name);
}

/* Among the first @n, which are sorted. */
static bool is_hidden(const struct network_files_list *list, size_t n, const char *name)
{
	return n > 0 && bsearch(name, list->items, n, sizeof(*list->items), compare_name);
}

static void add_words(char words[static sizeof(((struct file_words *)NULL)->problems)], const char *directory, const char *name,
		      const char *what)
{
	size_t used = strlen(words);

	snprintf(words + used, sizeof(((struct file_words *)NULL)->problems) - used, "%s/%s: %s\n", directory, STR_ESCAPED(name), what);
}

/* Reads one file. An empty one, and what is no regular file (a link to /dev/null), has a length of 0. */
static int read_text(const char *path, char **ret_text, size_t *ret_length)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode)) {
		*ret_text = strdup("");
		*ret_length = 0;
		return *ret_text ? 0 : -ENOMEM;
	}
	return fd_read_text(fd, &st, FILE_LIMIT, ret_text, ret_length);
}

/* The last one is told. -ENOMEM only. */
static int set_problem(struct network_files *files, const char *path, const char *why)
{
	char *problem;

	if (asprintf(&problem, "%s: %s", path, why) < 0)
		return -ENOMEM;
	free(files->problem);
	files->problem = problem;
	return 0;
}

/* Appends a part; what cannot be read makes the network a problem and nothing else. */
static int add_part(struct network_files *files, const char *path)
{
	_cleanup_(freep) char *owned_path = strdup(path);
	_cleanup_(freep) char *text = NULL;
	struct file_part *parts;
	size_t length = 0;
	int r;

	r = owned_path ? read_text(path, &text, &length) : -ENOMEM;
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return set_problem(files, path, strerror(-r));
	parts = reallocarray(files->parts, files->n_parts + 1, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	files->parts = parts;
	parts[files->n_parts++] = (struct file_part){ steal_ptr(owned_path), steal_ptr(text), length };
	return 0;
}

static int add_network(struct network_files_list *list, const char *name, const char *path)
{
	struct network_files files = { 0 };
	struct network_files *items;
	int r;

	snprintf(files.name, sizeof(files.name), "%s", name);
	r = add_part(&files, path);
	items = r < 0 ? NULL : array_grow(list->items, list->n, sizeof(*items));
	if (!items) {
		network_files_deinit(&files);
		return r < 0 ? r : -ENOMEM;
	}
	list->items = items;
	items[list->n++] = files;
	return 0;
}

/* 1-12 bytes that can stand in a bridge's name behind "gn-", in a file's name and in a domain. */
static bool is_network_name(const char *name, size_t length)
{
	if (length < 1 || length >= NETWORK_NAME_SIZE || name[0] == '.' || name[0] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return true;
}

static int add_folder(struct scan *scan, size_t directory, const char *name, size_t length)
{
	struct folder *folders = reallocarray(scan->folders, scan->n_folders + 1, sizeof(*folders));

	if (!folders)
		return -ENOMEM;
	scan->folders = folders;
	folders[scan->n_folders] = (struct folder){ .directory = directory };
	memcpy(folders[scan->n_folders++].network, name, length);
	return 0;
}

/* What editors and package managers leave beside a file, what was put aside, and what is for people to read. */
static bool is_leftover(const char *file)
{
	static const char *const ends[] = { "~", ".swp", ".swo", ".bak", ".old", ".orig", ".rej", ".tmp", ".disabled", ".off" };
	static const char *const parts[] = { ".dpkg-", ".ucf-", ".rpmsave", ".rpmnew", ".rpmorig" };
	size_t stem;

	if (file[0] == '.' || file[0] == '#' || strncmp(file, "README", strlen("README")) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (has_suffix(file, ends[i], &stem))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(file, parts[i]))
			return true;
	return false;
}

/* One name of a directory. @n_earlier networks are those of directories before it. */
static int scan_name(struct scan *scan, const char *path, size_t directory, const char *file, size_t n_earlier)
{
	struct network_files_list *list = &scan->list;
	char name[NETWORK_NAME_SIZE], whole[4096];
	size_t stem;

	if (has_suffix(file, ".network.d", &stem) && is_network_name(file, stem))
		return add_folder(scan, directory, file, stem);
	if (!has_suffix(file, ".network", &stem)) {
		if (!is_leftover(file))
			add_words(list->words.warnings, path, file,
				  "nobody reads this: a network's file is called NAME.network, the folder of its drop-ins NAME.network.d");
		return 0;
	}
	if (!is_network_name(file, stem)) {
		if (file[0] != '.')
			add_words(list->words.problems, path, file, "the name of a network has 1 to 12 letters, digits, '-', '_' or '.', and begins with a letter or digit");
		return 0;
	}
	memcpy(name, file, stem);
	name[stem] = '\0';
	if (is_hidden(list, n_earlier, name))
		return 0;
	if (list->n == NETWORKS_LIMIT) {
		add_words(list->words.problems, path, file, "too many networks");
		return 0;
	}
	snprintf(whole, sizeof(whole), "%s/%s", path, file);
	return add_network(list, name, whole);
}

static int scan_directory(struct scan *scan, const char *path, size_t directory)
{
	const size_t n_earlier = scan->list.n;
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	while (r == 0 && (entry = readdir(dir)))
		r = scan_name(scan, path, directory, entry->d_name, n_earlier);
	closedir(dir);
	if (scan->list.n > n_earlier)
		qsort(scan->list.items, scan->list.n, sizeof(*scan->list.items), compare_networks);
	return r;
}

struct dropin {
	char name[256];
	size_t directory;
};

static int compare_dropins(const void *a, const void *b)
{
	return strcmp(((const struct dropin *)a)->name, ((const struct dropin *)b)->name);
}

/* Is this name of a folder that of a drop-in? What nobody reads, and was perhaps meant to be read, is said. */
static bool is_dropin(struct scan *scan, const char *folder, const char *file)
{
	size_t stem;

	if (file[0] != '.' && has_suffix(file, ".conf", &stem))
		return true;
	if (!is_leftover(file))
		add_words(scan->list.words.warnings, folder, file, "nobody reads this: the name of a drop-in ends in .conf");
	return false;
}

/* Adds to @dropins those of one folder that no folder before it has hidden. -ENOMEM only. */
static int read_folder(struct scan *scan, const char *path, size_t directory, struct network_files *files, struct dropin **dropins,
		       size_t *n)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : set_problem(files, path, strerror(errno));
	while (r == 0 && (entry = readdir(dir))) {
		struct dropin *grown;
		size_t i = 0;

		if (!is_dropin(scan, path, entry->d_name))
			continue;
		while (i < *n && strcmp((*dropins)[i].name, entry->d_name) != 0)
			i++;
		if (i < *n)
			continue;
		if (*n == PARTS_LIMIT) {
			r = set_problem(files, path, "too many drop-ins");
			break;
		}
		grown = array_grow(*dropins, *n, sizeof(*grown));
		if (!grown) {
			r = -ENOMEM;
			break;
		}
		*dropins = grown;
		snprintf(grown[*n].name, sizeof(grown->name), "%s", entry->d_name);
		grown[(*n)++].directory = directory;
	}
	closedir(dir);
	return r;
}

static int add_dropins(struct scan *scan, const char *const directories[], size_t n_directories, struct network_files *files)
{
	_cleanup_(freep) struct dropin *dropins = NULL;
	size_t n = 0;
	char path[4096];
	int r = 0;

	for (size_t i = 0; i < n_directories && r == 0; i++) {
		if (!has_folder(scan, i, files->name))
			continue;
		snprintf(path, sizeof(path), "%s/%s.network.d", directories[i], files->name);
		r = read_folder(scan, path, i, files, &dropins, &n);
	}
	if (n > 0)
		qsort(dropins, n, sizeof(*dropins), compare_dropins);
	for (size_t i = 0; i < n && r == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s.network.d/%s", directories[dropins[i].directory], files->name, dropins[i].name);
		r = add_part(files, path);
	}
	return r;
}

/* Drop-ins of no network. Those of users' own are an administrator's, who may mean the next one of that name. */
static void find_stray_folders(struct scan *scan, const char *const directories[])
{
	for (size_t i = 0; i < scan->n_folders; i++) {
		const struct folder *folder = &scan->folders[i];
		char name[NETWORK_NAME_SIZE + sizeof(".network.d")], what[NETWORK_NAME_SIZE + 64];
		uint32_t owner;

		if (is_hidden(&scan->list, scan->list.n, folder->network) || name_find_owner(folder->network, &owner))
			continue;
		snprintf(name, sizeof(name), "%s.network.d", folder->network);
		snprintf(what, sizeof(what), "nobody reads this: there is no network %s", folder->network);
		add_words(scan->list.words.warnings, directories[folder->directory], name, what);
	}
}

/* A file that is empty, or a link to /dev/null, says that there is no such network. */
static void drop_masked(struct network_files_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct network_files *files = &list->items[i];

		if (!files->problem && files->parts[0].length == 0)
			network_files_deinit(files);
		else
			list->items[kept++] = *files;
	}
	list->n = kept;
}

/*
 * Reads all networks' files from @directories, which stand in order of precedence. One file that cannot be
 * read is that network's problem; the others are there. -ENOMEM, or what opening a directory says. The
 * caller owns @ret_list.
 */
int network_files_load(const char *const directories[], size_t n_directories, struct network_files_list *ret_list)
{
	_cleanup_(scan_deinit) struct scan scan = { 0 };

	for (size_t i = 0; i < n_directories; i++) {
		int r = scan_directory(&scan, directories[i], i);

		if (r < 0)
			return r;
	}
	if (scan.n_folders > 0)
		qsort(scan.folders, scan.n_folders, sizeof(*scan.folders), compare_folders);
	find_stray_folders(&scan, directories);
	drop_masked(&scan.list);
	for (size_t i = 0; scan.n_folders > 0 && i < scan.list.n; i++) {
		int r = scan.list.items[i].problem ? 0 : add_dropins(&scan, directories, n_directories, &scan.list.items[i]);

		if (r < 0)
			return r;
	}
	*ret_list = scan.list;
	scan.list = NETWORK_FILES_LIST_NULL;
	return 0;
}
