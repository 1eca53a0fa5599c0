/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs that change something: stop, restart, renumber, reload, define, create, undefine, autostart.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/addr.h"
#include "../lib/fd.h"
#include "../lib/str.h"
#include "change.h"
#include "report.h"

#define TEXT_LIMIT (64 * 1024)

/* A method that is about a network, or, with NULL, about none. */
enum exit_status change_call(const char *method, const char *network, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = network ? bus_call(bus, method, &reply, failure, "s", network) : bus_call(bus, method, &reply, failure, "");
	return r < 0 ? bus_exit_status(r) : STATUS_OK;
}

/*
 * Stops a network. The daemon says so when nothing of it can be reached any more, and answers again when the bridge is gone,
 * too: that is waited for.
 */
enum exit_status change_stop(const char *network, struct failure *failure)
{
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	enum exit_status status = change_call("Stop", network, failure);
	int r;

	if (status != STATUS_OK)
		return status;
	r = reports_get_one(&reports, network, failure);
	if (r == -ENOENT)
		return STATUS_OK;	/* its file was gone before */
	if (r < 0)
		return bus_exit_status(r);
	if (strcmp(reports.items[0].state, "failed") == 0) {
		(void)failure_set(failure, -EIO, "%s", reports.items[0].problem);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

enum exit_status networks_stop(const struct options *options, struct failure *failure)
{
	return change_stop(options->operands[0], failure);
}

enum exit_status networks_restart(const struct options *options, struct failure *failure)
{
	return change_call("Restart", options->operands[0], failure);
}

/* What it means for who is there is said, because nobody can be told by us: RFC 3203 is not what dnsmasq speaks. */
enum exit_status networks_renumber(const struct options *options, struct failure *failure)
{
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	enum exit_status status = change_call("Renumber", options->operands[0], failure);
	const struct report *report;
	int r;

	if (status != STATUS_OK)
		return status;
	r = reports_get_one(&reports, options->operands[0], failure);
	if (r < 0)
		return bus_exit_status(r);
	report = &reports.items[0];
	printf("%s: %s\n", report->name, report->addresses);
	if (report->n_ports > 0)
		printf("%zu %s on it: a guest that has an address already reaches nobody until it asks for another one, when its lease\n"
		       "is about to end, or when its network is set up anew (its link taken down and up, or a reboot).\n",
		       report->n_ports, report->n_ports == 1 ? "port is" : "ports are");
	return STATUS_OK;
}

/* For so many seconds; for none it is over, and without a number it stays. */
enum exit_status networks_delegate(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	uint32_t seconds = UINT32_MAX;
	int r;

	if (options->n_operands > 1 && str_parse_u32(options->operands[1], UINT32_MAX, &seconds) < 0) {
		(void)failure_set(failure, -EINVAL, "%s: want a number of seconds", STR_ESCAPED(options->operands[1]));
		return STATUS_USAGE;
	}
	r = bus_open(&bus, failure);
	if (r >= 0)
		r = bus_call(bus, "Delegate", &reply, failure, "su", options->operands[0], seconds);
	/* What is no prefix is a word of the command line. */
	return r == -EINVAL ? STATUS_USAGE : r < 0 ? bus_exit_status(r) : STATUS_OK;
}

enum exit_status networks_adopt(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = bus_call(bus, "Adopt", &reply, failure, "ss", options->operands[1], options->operands[0]);
	return r < 0 ? bus_exit_status(r) : STATUS_OK;
}

/* What is printed is guestnetd --plan; that another process owns the firewall table is always so. */
static enum exit_status dry_run(struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *plan, *end;
	int right, n_lines = 0, r = bus_open(&bus, failure);

	if (r >= 0)
		r = bus_call(bus, "Plan", &reply, failure, "");
	if (r >= 0)
		r = sd_bus_message_read(reply, "sb", &plan, &right);
	if (r < 0)
		return bus_exit_status(r);
	for (; *plan; plan = end) {
		end = plan + strcspn(plan, "\n");
		if (strncmp(plan, "note: table-owned", strlen("note: table-owned")) != 0) {
			printf("%.*s\n", (int)(end - plan), plan);
			n_lines++;
		}
		end += *end == '\n';
	}
	if (n_lines == 0)
		puts("nothing would change");
	return right ? STATUS_OK : STATUS_FAILED;
}

/* What failed for another reason than its file. Returns whether there is such a network. */
static bool print_failed(const struct reports *reports)
{
	bool found = false;

	for (size_t i = 0; i < reports->n; i++) {
		const struct report *report = &reports->items[i];

		if (strcmp(report->state, "failed") != 0 || report_is_about(report, "file") || report_is_about(report, "file-second"))
			continue;
		fprintf(stderr, "network %s: %s\n", report->name, report->problem);
		found = true;
	}
	return found;
}

/* Files that nobody reads, as guestnetd --check says them: no error, but whoever has just written one looks here. An older daemon may not know of any. */
static void print_warnings(sd_bus *bus)
{
	_cleanup_(freep) char *lines = NULL;
	struct failure ignored = { 0 };

	if (bus_get_text(bus, "FileWarnings", &lines, &ignored) < 0)
		return;
	for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n')
		fprintf(stderr, "warning: %.*s\n", (int)strcspn(line, "\n"), line);
}

/*
 * Where a file is wrong, its network goes on as it was: that is said here, or nobody would look for it. The daemon answers when
 * everything is carried out: so is what has failed then.
 */
enum exit_status networks_reload(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	char problems[TEXT_LIMIT];
	struct text text;
	bool failed;
	int r;

	if (option_is_set(options, OPTION_DRY_RUN))
		return dry_run(failure);
	text_init(&text, problems, sizeof(problems));
	r = bus_open(&bus, failure);
	if (r >= 0)
		r = bus_call(bus, "Reload", &reply, failure, "");
	if (r >= 0)
		r = bus_get_list(bus, "ConfigProblems", "\n", &text, failure);
	if (r >= 0)
		r = reports_get(&reports, failure);
	if (r < 0)
		return bus_exit_status(r);
	if (problems[0])
		fprintf(stderr, "%s\n", problems);
	print_warnings(bus);
	failed = print_failed(&reports);
	return problems[0] || failed ? STATUS_DEGRADED : STATUS_OK;
}

enum exit_status networks_undefine(const struct options *options, struct failure *failure)
{
	return change_call("Undefine", options->operands[0], failure);
}

enum exit_status networks_autostart(const struct options *options, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = bus_open(&bus, failure);

	if (r >= 0)
		r = bus_call(bus, "SetAutostart", &reply, failure, "sb", options->operands[0],
			     !option_is_set(options, OPTION_DISABLE));
	return r < 0 ? bus_exit_status(r) : STATUS_OK;
}

/* Reads a text whole, from @path or, for "-", from the standard input. The caller owns it. */
int change_read_text(const char *path, char **ret_text, struct failure *failure)
{
	bool is_stdin = strcmp(path, "-") == 0;
	_cleanup_(fd_closep) int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_(freep) char *text = NULL;
	size_t length = 0;
	int r = fd < 0 ? -errno : fd_read_stream(fd, TEXT_LIMIT, &text, &length);

	if (r == -EFBIG)
		return failure_set(failure, r, "%s: longer than %d bytes", STR_ESCAPED(path), TEXT_LIMIT);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", STR_ESCAPED(path), strerror(-r));
	if (strlen(text) != length)
		return failure_set(failure, -EINVAL, "%s: this is not a text: it has a zero byte", STR_ESCAPED(path));
	*ret_text = steal_ptr(text);
	return 0;
}

/*
 * The daemon names mistakes by the file that the text would have become: here it is @origin, which was given. What is not about
 * the text keeps its name. NULL without memory.
 */
static char *name_origin(const char *words, const char *network, const char *origin)
{
	char place[96], *named = NULL;
	size_t size;
	FILE *out = open_memstream(&named, &size);

	if (!out)
		return NULL;
	snprintf(place, sizeof(place), "/%s.network:", network);
	for (const char *found; (found = strstr(words, place)); words = found) {
		const char *path = found, *rest = found + strlen(place);

		while (path > words && !strchr(" (\n", path[-1]))
			path--;
		found = rest;
		if (*path == '/' && ((*rest >= '0' && *rest <= '9') || str_has_prefix(rest, " a file without text ", &rest)))
			fprintf(out, "%.*s%s:", (int)(path - words), words, origin);
		else
			fprintf(out, "%.*s", (int)(found - words), words);
	}
	fputs(words, out);
	return fclose(out) == 0 ? named : NULL;
}

/*
 * Sends the text of a network. What is wrong is said of @origin, unless that is NULL; where there are several mistakes all are
 * printed here, a line each, and @failure says that there are.
 */
int change_send(sd_bus *bus, const char *method, const char *network, const char *text, const char *origin,
		struct failure *failure)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(freep) char *words = NULL, *named = NULL;
	struct failure said = { 0 };
	int r = bus_call_words(bus, method, &reply, &words, &said, "ss", network, text);

	if (r >= 0)
		return 0;
	if (words && origin)
		named = name_origin(words, network, origin);
	if (!words || r == -ENOENT || r == -EACCES)
		return failure_set(failure, r, "%s", said.text);
	if (!strchr(words, '\n'))
		return failure_set(failure, r, "%s", named ?: words);
	fprintf(stderr, "%s\n", named ?: words);
	return failure_set(failure, r, "network %s: the text has more than one mistake; nothing is changed", STR_ESCAPED(network));
}

/* The name that a file gives its network: NAME.network. -EINVAL when it gives none. */
static int name_of(const char *path, char ret_name[static 64], struct failure *failure)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t length = strlen(base), end = strlen(".network");

	if (length <= end || length - end >= 64 || strcmp(base + length - end, ".network") != 0)
		return failure_set(failure, -EINVAL, "%s: what is the network to be called? The file is NAME.network, or say NAME behind it",
				   STR_ESCAPED(path));
	snprintf(ret_name, 64, "%.*s", (int)(length - end), base);
	return 0;
}

static enum exit_status define(const struct options *options, const char *method, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *file = options->operands[0], *given = options->n_operands > 1 ? options->operands[1] : NULL;
	char name[64];
	int r;

	if (!given && name_of(options->operands[0], name, failure) < 0)
		return STATUS_USAGE;
	r = change_read_text(options->operands[0], &text, failure);
	if (r < 0)
		return r == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED;
	if (text[strspn(text, " \t\n")] == '<') {
		failure_set(failure, -EINVAL, "%s: this is XML, perhaps libvirt's: guestnet import makes a network file of it",
			    STR_ESCAPED(options->operands[0]));
		return STATUS_FAILED;
	}
	r = bus_open(&bus, failure);
	if (r >= 0)
		r = change_send(bus, method, given ?: name, text, strcmp(file, "-") == 0 ? "standard input" : STR_ESCAPED(file), failure);
	return r < 0 ? bus_exit_status(r) : STATUS_OK;
}

enum exit_status networks_define(const struct options *options, struct failure *failure)
{
	return define(options, "Define", failure);
}

/*
 * A network of the caller's own, under a name that is nobody else's, and up. What it is can be changed by guestnet edit; one that
 * is there already is left alone.
 */
static enum exit_status create_own(const char *name, struct failure *failure)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL, *path = NULL;
	struct failure ignored = { 0 };
	char network[80], text[256];
	uint32_t owner;
	int r;

	snprintf(network, sizeof(network), "%u.%s", (unsigned int)getuid(), name);
	if (!name_find_owner(network, &owner)) {
		if (getuid() != 0)
			failure_set(failure, -EINVAL, "\"%s\" cannot be the name of a network", STR_ESCAPED(name));
		else
			failure_set(failure, -EINVAL, "root has no networks of its own: guestnet create FILE and guestnet define FILE make one that is everybody's");
		return STATUS_USAGE;
	}
	r = bus_open(&bus, failure);
	if (r >= 0 && bus_call(bus, "GetNetwork", &path, &ignored, "s", network) >= 0) {
		failure_set(failure, -EEXIST, "network %s is there already: guestnet start %s, or guestnet edit %s", network, network, network);
		return STATUS_FAILED;
	}
	snprintf(text, sizeof(text), "# A network of uid %u's own: guestnet.network(5), NETWORKS OF USERS, lists what it can be.\n"
		 "# guestnet edit %s changes it.\n[Network]\nMode=nat\n", owner, network);
	if (r >= 0)
		r = bus_call(bus, "Define", &reply, failure, "ss", network, text);
	if (r < 0)
		return bus_exit_status(r);
	printf("%s is yours: -netdev bridge,br=%s, or $(guestnet qemu %s)\n", network, network, network);
	return change_call("Start", network, failure);
}

/* Does the word mean a network's name, and not a file? Who comes from virsh has files that end in .xml. */
static bool is_name(const char *word)
{
	const char *dot = strrchr(word, '.');

	return !strchr(word, '/') && strcmp(word, "-") != 0 && !(dot && (strcmp(dot, ".network") == 0 || strcmp(dot, ".xml") == 0));
}

/* As virsh net-create: there until the next boot, and up now. With a name alone it is one of the caller's own. */
enum exit_status networks_create(const struct options *options, struct failure *failure)
{
	enum exit_status status;
	char name[64];

	if (options->n_operands == 1 && is_name(options->operands[0]))
		return create_own(options->operands[0], failure);
	status = define(options, "DefineTransient", failure);
	if (status != STATUS_OK || (options->n_operands < 2 && name_of(options->operands[0], name, failure) < 0))
		return status;
	return change_call("Start", options->n_operands > 1 ? options->operands[1] : name, failure);
}
