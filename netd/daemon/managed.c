/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One network as the daemon knows it: what its files say, what it should be, what became of it.
 * System calls: reads configuration, writes small records.
 */
#include "managed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../model/config.h"

static const char *const state_names[] = {
	[NETWORK_STOPPED] = "stopped",
	[NETWORK_STARTING] = "starting",
	[NETWORK_RUNNING] = "running",
	[NETWORK_DEGRADED] = "degraded",
	[NETWORK_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(state_names) == NETWORK_STATE_MAX_, "every state has a name");

const char *network_state_name(enum network_state state)
{
	return state_names[state];
}

/* Mostly there is none, and then it takes no memory. Without memory for a text there is none either. */
void managed_set_text(const char **text, const char *value)
{
	char *copy;

	if (*text && strcmp(*text, value) == 0)
		return;
	copy = value[0] ? strdup(value) : NULL;
	if (*text && **text)
		free((void *)*text);
	*text = copy ?: "";
}

/* A word for enum problem_kind; "" where nobody needs to know it apart from others. */
const char *problem_kind_name(unsigned int kind)
{
	static const char *const names[PROBLEM_NOTE] = {
		[PROBLEM_OTHER] = "", [PROBLEM_FILE] = "file", [PROBLEM_FILE_SECOND] = "file-second", [PROBLEM_HELD] = "held",
		[PROBLEM_HELD_BY_DNSMASQ] = "held-by-dnsmasq", [PROBLEM_NOT_DELEGATED] = "not-delegated",
	};

	return kind < PROBLEM_NOTE ? names[kind] : plan_note_name(kind - PROBLEM_NOTE);
}

void managed_set_problem(struct managed *managed, unsigned int kind, const char *problem)
{
	managed_set_text(&managed->problem, problem);
	managed->problem_kind = (uint8_t)kind;
}

static void set_texts(struct managed *managed)
{
	const char **const texts[] = {
		&managed->config_problem, &managed->mistakes, &managed->problem, &managed->fix, &managed->child_problem,
		&managed->withheld_problem, &managed->withheld_fix, &managed->twins_problem, &managed->held_problem, &managed->boot_problem,
		&managed->taps_problem, &managed->taps_failure,
		&managed->card_problem, &managed->card_fix,
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		managed_set_text(texts[i], "");
}

static void managed_free(struct managed *managed)
{
	set_texts(managed);
	network_deinit(&managed->network);
	sd_event_source_unref(managed->child_source);
	sd_event_source_unref(managed->words_source);
	child_deinit(&managed->child);
	leases_deinit(&managed->leases);
	free(managed->repairs);
	free(managed);
}

void managed_list_deinit(struct managed_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		managed_free(list->items[i]);
	free(list->items);
	*list = MANAGED_LIST_NULL;
}

static int compare_name(const void *name, const void *item)
{
	return strcmp(name, (*(struct managed *const *)item)->network.name);
}

/* The place of a network in the list; false when it is not there. */
bool managed_find_place(const struct managed_list *list, const char *name, size_t *ret_place)
{
	struct managed **found = list->n ? bsearch(name, list->items, list->n, sizeof(*list->items), compare_name) : NULL;

	if (found)
		*ret_place = (size_t)(found - list->items);
	return found;
}

struct managed *managed_find(const struct managed_list *list, const char *name)
{
	size_t place;

	return managed_find_place(list, name, &place) ? list->items[place] : NULL;
}

void managed_set_state(struct managed *managed, enum network_state state)
{
	struct timespec now;

	if (managed->state == state)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	managed->state = state;
	managed->since_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/*
 * A start or stop by hand, or for a guest, outlives the daemon, not the machine: RUN/NAME.wanted holds "yes" or "no". A
 * network that is there on demand has no file while it is down.
 */
static void wanted_path(char *buffer, size_t size, const struct managed *managed, const struct manager_options *options)
{
	snprintf(buffer, size, "%s/%s.wanted", options->run_root, managed->network.name);
}

int managed_remember_wanted(const struct managed *managed, const struct manager_options *options)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	const char *text = managed->wanted ? "yes\n" : "no\n";
	char path[4096];

	wanted_path(path, sizeof(path), managed, options);
	if (!managed->wanted && managed->network.on_demand)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

/* Mostly nothing was started or stopped by hand: then there is no file to be looked for, a thousand times. */
static bool has_wanted_files(const struct manager_options *options)
{
	DIR *directory = opendir(options->run_root);
	const struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		const char *end = strrchr(entry->d_name, '.');

		found = end && strcmp(end, ".wanted") == 0;
	}
	if (directory)
		closedir(directory);
	return found;
}

static void recall_wanted(struct managed *managed, const struct manager_options *options, bool look)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char path[4096], text[4] = "";

	managed->wanted = managed->network.autostart;
	managed->stopped_by_hand = false;
	if (!look)
		return;
	wanted_path(path, sizeof(path), managed, options);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return;
	managed->wanted = text[0] == 'y';
	managed->stopped_by_hand = !managed->wanted && !managed->network.on_demand;
}

static int add_managed(struct managed_list *list, const char *name, struct managed **ret_managed)
{
	struct managed *managed = calloc(1, sizeof(*managed));
	struct managed **items = managed ? array_grow(list->items, list->n, sizeof(*items)) : NULL;
	size_t i;

	if (!items) {
		free(managed);
		return -ENOMEM;
	}
	list->items = items;
	for (i = list->n; i > 0 && strcmp(items[i - 1]->network.name, name) > 0; i--)
		items[i] = items[i - 1];
	items[i] = managed;
	list->n++;
	snprintf(managed->network.name, sizeof(managed->network.name), "%s", name);
	managed->child = CHILD_NULL;
	set_texts(managed);
	managed_set_state(managed, NETWORK_STARTING);
	managed_set_state(managed, NETWORK_STOPPED);
	*ret_managed = managed;
	return 0;
}

/* Is a network of this name a user's own? */
bool managed_is_own(const char *name)
{
	uint32_t uid;

	return name_find_owner(name, &uid);
}

/* Where the file of a user's own network is: in a folder of the daemon's, and never where a user could write. */
void managed_own_path(const char *name, const struct manager_options *options, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/networks/%s.network", options->state_root, name);
}

/* How many networks of a user's own are declared; @uid NULL: of all users. */
size_t managed_count_own(const struct managed_list *list, const uint32_t *uid)
{
	size_t n = 0;
	uint32_t owner;

	for (size_t i = 0; i < list->n; i++)
		n += list->items[i]->declared && name_find_owner(list->items[i]->network.name, &owner) && (!uid || owner == *uid);
	return n;
}

/* Users' own networks are in their folder, and nothing else is there: what is a user's is read as a user's. */
static int verify_folder(const struct network_files *files, const struct manager_options *options, struct mistakes *mistakes)
{
	const char *path = files->parts[0].path;
	const bool own = managed_is_own(files->name);
	char own_path[4096];

	managed_own_path(files->name, options, own_path, sizeof(own_path));
	if (own == (strcmp(path, own_path) == 0))
		return 0;
	return mistakes_add(mistakes, -EINVAL, own ?
			   "%s: a number and a dot in front are for networks of users' own (guestnet create NAME): call this one otherwise" :
			   "%s: here are networks of users' own, which are called UID.NAME: put it elsewhere", path);
}

/* What the files of one network say; what is wrong in them is the network's problem, with file and line. */
static int parse_files(const struct network_files *files, const struct manager_options *options, struct network *ret_network,
		       struct mistakes *mistakes)
{
	_cleanup_(freep) struct config_file *parts = NULL;
	int r;

	mistakes_init(mistakes);
	if (files->problem)
		return mistakes_add(mistakes, -EINVAL, "%s", files->problem);
	r = verify_folder(files, options, mistakes);
	if (r < 0)
		return r;
	parts = calloc(files->n_parts, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; i < files->n_parts; i++)
		parts[i] = (struct config_file){ files->parts[i].path, files->parts[i].text, files->parts[i].length };
	return config_parse_all(files->name, parts, files->n_parts, ret_network, mistakes);
}

/* Where there is room for one line: the first mistake, and how many more there are. */
static void print_problem(const struct network *network, char *buffer, size_t size)
{
	const size_t length = strcspn(network->problem, "\n");
	const unsigned int n_more = network->n_problems > 1 ? network->n_problems - 1 : 0;
	struct text text;

	text_init(&text, buffer, size);
	text_add(&text, "%.*s", (int)length, network->problem);
	if (n_more > 0)
		text_add(&text, "; and %u more mistake%s", n_more, n_more == 1 ? "" : "s");
}
#define PROBLEM_SIZE (sizeof(((struct failure *)NULL)->text) + 64)

/* Takes over what was read, or keeps what was in force and says why. @recall: there are files of what is wanted. */
static int take_over(struct managed_list *list, const struct manager_options *options, bool recall, const char *name,
		     struct network *network)
{
	const char *problem = network->problem;
	const int error = network->problem_error;
	struct managed *managed = managed_find(list, name);
	char line[PROBLEM_SIZE] = "";
	int r;

	if (!managed) {
		r = add_managed(list, name, &managed);
		if (r < 0)
			return r;
	}
	managed->declared = true;
	managed->retry_at_us = managed->child_retry_at_us = 0;
	managed->n_failures = managed->n_child_failures = 0;
	if (problem)
		print_problem(network, line, sizeof(line));
	managed_set_text(&managed->config_problem, line);
	managed_set_text(&managed->mistakes, problem ?: "");
	managed->config_problem_kind = !problem ? PROBLEM_OTHER : error == -ELOOP ? PROBLEM_FILE_SECOND : PROBLEM_FILE;
	if (!problem) {
		bool first = managed->network.bridge[0] == '\0' || managed->leaving;

		network_deinit(&managed->network);
		managed->network = *network;
		*network = NETWORK_NULL;
		if (first)
			recall_wanted(managed, options, recall);
	}
	managed->leaving = false;
	return 0;
}

static const struct network *find_in_force(const struct managed_list *list, const char *name)
{
	const struct managed *managed = managed_find(list, name);

	return managed && managed->network.bridge[0] ? &managed->network : NULL;
}

/*
 * A network that stays as it was, because its files are wrong now, keeps its prefixes and names: what was
 * read for another one may not clash with that either. It is then wrong itself and stays as it was, which
 * may clash with a third one: until nothing new is found.
 */
static int verify_with_kept(const struct managed_list *list, struct network *networks, size_t n)
{
	_cleanup_(freep) struct network *all = calloc(2 * n + 1, sizeof(*all));
	_cleanup_(freep) size_t *origins = calloc(2 * n + 1, sizeof(*origins));
	bool again = true;

	if (!all || !origins)
		return -ENOMEM;
	while (again) {
		size_t n_kept = 0, n_all;
		int r;

		/* Shallow copies; what is in force stands first, and so is right. */
		for (size_t i = 0; i < n; i++) {
			const struct network *kept = networks[i].problem ? find_in_force(list, networks[i].name) : NULL;

			if (kept)
				all[n_kept++] = *kept;
		}
		n_all = n_kept;
		for (size_t i = 0; i < n; i++)
			if (!networks[i].problem) {
				origins[n_all] = i;
				all[n_all++] = networks[i];
			}
		for (size_t i = 0; i < n_all; i++)
			all[i].problem = NULL;
		r = config_verify(all, n_all);

		again = false;
		for (size_t i = 0; i < n_all; i++)
			if (i < n_kept) {
				free(all[i].problem);
			} else if (all[i].problem) {
				networks[origins[i]].problem = all[i].problem;
				again = true;
			}
		if (r < 0)
			return r;
	}
	return 0;
}

static bool are_right(const struct network *networks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (networks[i].problem)
			return false;
	return true;
}

/* Where all are right, which is nearly always, no copies of them are needed to find that. */
static int verify_networks(const struct managed_list *list, struct network *networks, size_t n)
{
	int r = are_right(networks, n) ? config_verify(networks, n) : 0;

	return r < 0 || are_right(networks, n) ? r : verify_with_kept(list, networks, n);
}

/* What all files say, before anything is taken over. */
struct reading {
	struct network_files_list files;	/* owned */
	struct network *networks;		/* owned; as many as files, in the same order */
};

static void reading_deinit(struct reading *reading)
{
	for (size_t i = 0; reading->networks && i < reading->files.n; i++)
		network_deinit(&reading->networks[i]);
	free(reading->networks);
	network_files_list_deinit(&reading->files);
}

/* A staged text is named as the file that it is to become. */
static int rename_staged(struct network_files_list *files, const struct managed_staging *staging)
{
	size_t length = strlen(staging->directory);

	for (size_t i = 0; i < files->n; i++)
		for (size_t j = 0; j < files->items[i].n_parts; j++) {
			struct file_part *part = &files->items[i].parts[j];

			if (strncmp(part->path, staging->directory, length) != 0 || part->path[length] != '/')
				continue;
			free(part->path);
			part->path = strdup(staging->path);
			if (!part->path)
				return -ENOMEM;
		}
	return 0;
}

static int read_files(const struct manager_options *options, const struct managed_staging *staging,
		      struct network_files_list *ret_files)
{
	char config[4096], run[4096], vendor[4096], own[4096];
	const char *const directories[] = { staging ? staging->directory : NULL, config, run, vendor, own };

	snprintf(config, sizeof(config), "%s/networks", options->config_root);
	snprintf(run, sizeof(run), "%s/networks", options->run_root);
	snprintf(vendor, sizeof(vendor), "%s/networks", options->vendor_root);
	snprintf(own, sizeof(own), "%s/networks", options->state_root);
	return network_files_load(directories + !staging, ARRAY_SIZE(directories) - !staging, ret_files);
}

/* The files as they are now, whatever is in force. The caller owns @ret_files. */
int managed_read_files(const struct manager_options *options, struct network_files_list *ret_files)
{
	return read_files(options, NULL, ret_files);
}

static int read_networks(const struct managed_list *list, const struct manager_options *options,
			 const struct managed_staging *staging, struct reading *reading)
{
	int r = read_files(options, staging, &reading->files);

	if (r == 0 && staging)
		r = rename_staged(&reading->files, staging);
	if (r < 0)
		return r;

	reading->networks = calloc(reading->files.n + 1, sizeof(*reading->networks));
	if (!reading->networks)
		return -ENOMEM;
	for (size_t i = 0; i < reading->files.n; i++) {
		struct network *network = &reading->networks[i];
		struct mistakes mistakes;

		r = parse_files(&reading->files.items[i], options, network, &mistakes);
		if (r < 0) {
			*network = NETWORK_NULL;
			snprintf(network->name, sizeof(network->name), "%s", reading->files.items[i].name);
			network->problem = strdup(mistakes.n ? mistakes.buffer : strerror(-r));
			network->n_problems = (uint32_t)mistakes.n;
			network->problem_error = r;
		}
	}
	return verify_networks(list, reading->networks, reading->files.n);
}

/* Where nothing gives guests an address, AddressBinding= lets them use none. */
static void warn_of_binding(const struct network *network, struct file_words *words)
{
	const struct network_place place = network_find_place(network, KEY_PORT_ADDRESS_BINDING);
	const size_t used = strlen(words->warnings);
	bool known = network->dhcp;

	for (size_t i = 0; i < network->n_hosts && !known; i++)
		known = network->hosts[i].has_mac;
	if (network->problem || !network->address_binding || known)
		return;
	snprintf(words->warnings + used, sizeof(words->warnings) - used,
		 "%s:%u: AddressBinding=lease lets no guest use an address: [DHCP] Enable=no gives no leases, and no [Host] has a MACAddress= (add such ones, or say Enable=yes)\n",
		 STR_ESCAPED(network->paths[place.file]), place.line);
}

/*
 * Reads all files and brings the list up to date. A network whose files are wrong stays as it was in force
 * before, or is there with its problem and nothing else; one whose file is gone is no longer `declared`.
 * @ret_words gets what belongs to no network. -ENOMEM, or what reading a directory says: then nothing
 * has changed.
 */
int managed_list_load(struct managed_list *list, const struct manager_options *options, struct file_words *ret_words)
{
	_cleanup_(reading_deinit) struct reading reading = { 0 };
	const bool recall = has_wanted_files(options);
	int r = read_networks(list, options, NULL, &reading);

	if (r < 0)
		return r;
	*ret_words = reading.files.words;
	for (size_t i = 0; i < reading.files.n; i++)
		warn_of_binding(&reading.networks[i], ret_words);
	list->serial++;
	for (size_t i = 0; i < list->n; i++)
		list->items[i]->declared = false;
	for (size_t i = 0; r >= 0 && i < reading.files.n; i++)
		r = take_over(list, options, recall, reading.files.items[i].name, &reading.networks[i]);
	for (size_t i = 0; i < list->n; i++)
		if (r >= 0 && !list->items[i]->declared) {
			list->items[i]->leaving = true;
			list->items[i]->wanted = false;
			managed_set_text(&list->items[i]->config_problem, "");	/* went with the file */
			managed_set_text(&list->items[i]->mistakes, "");
			list->items[i]->config_problem_kind = PROBLEM_OTHER;
		}
	return r;
}

/*
 * Would everything be right with the text in @staging? Changes nothing. -EINVAL, with file and line, when
 * network @name would be wrong, or another one that is right now. @ret_network, if not NULL, gets what @name
 * would be; @ret_mistakes, if not NULL, a line for each mistake where there are several of its file; the caller owns both.
 */
int managed_list_verify(const struct managed_list *list, const struct manager_options *options,
			const struct managed_staging *staging, const char *name, struct network *ret_network,
			char **ret_mistakes, struct failure *failure)
{
	_cleanup_(reading_deinit) struct reading reading = { 0 };
	char line[PROBLEM_SIZE];
	int r = read_networks(list, options, staging, &reading);

	if (r < 0)
		return failure_set(failure, r, "%s", strerror(-r));
	for (size_t i = 0; i < reading.files.n; i++) {
		const struct network *network = &reading.networks[i];
		const struct managed *managed = managed_find(list, network->name);

		if (!network->problem)
			continue;
		print_problem(network, line, sizeof(line));
		if (strcmp(network->name, name) == 0) {
			if (ret_mistakes && network->n_problems > 1)
				*ret_mistakes = strdup(network->problem);
			return failure_set(failure, -EINVAL, "%s", line);
		}
		if (managed && !managed->config_problem[0])
			return failure_set(failure, -EINVAL, "network %s would be wrong then: %s", network->name, line);
	}
	for (size_t i = 0; i < reading.files.n; i++)
		if (strcmp(reading.networks[i].name, name) == 0) {
			if (ret_network) {
				*ret_network = reading.networks[i];
				reading.networks[i] = NETWORK_NULL;
			}
			return 0;
		}
	return failure_set(failure, -EINVAL, "%s: a file without text hides the network", staging->path);
}

/* Forgets the networks that are neither declared nor up any more. */
void managed_list_sweep(struct managed_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct managed *managed = list->items[i];

		if (!managed->declared && managed->state == NETWORK_STOPPED && managed->child.pidfd < 0)
			managed_free(managed);
		else
			list->items[kept++] = managed;
	}
	list->n = kept;
}
