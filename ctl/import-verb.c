/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet import: a file of libvirt's, or a network that libvirt has, becomes a network file.
 * Unprivileged: reads what the caller can read, writes where the caller can write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "ctl.h"
#include "import.h"
#include "json.h"
#include "libvirt.h"
#include "libxml.h"
#include "paths.h"

#define NETWORKS_DIRECTORY PATH_CONFIG_ROOT "/networks"

/* Reads all of a file, "-" is standard input. More than a document may have is not kept. */
static int read_file(const char *path, char **ret_text, size_t *ret_length, struct failure *failure)
{
	_cleanup_(fd_closep) int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : fd_read_stream(fd, LIMIT_IMPORT_BYTES, ret_text, ret_length);

	if (r == -EFBIG)
		return failure_set(failure, r, "%s: it is larger than %d bytes", STR_ESCAPED(path), LIMIT_IMPORT_BYTES);
	return r < 0 ? failure_set(failure, r, "%s: %s", STR_ESCAPED(path), strerror(-r)) : 0;
}

/* The report */

static void print_items(const struct import *import, bool translated, FILE *out)
{
	for (size_t i = 0; i < import->n_items; i++) {
		const struct import_item *item = &import->items[i];

		if (item->translated != translated)
			continue;
		fprintf(out, "  line %u: %s", item->line, STR_ESCAPED(item->path));
		if (item->value[0])
			fprintf(out, "=%s", STR_ESCAPED(item->value));
		fprintf(out, "\n    %s\n", item->words);
	}
}

static void print_report(const struct import *import, const char *origin, FILE *out)
{
	fprintf(out, "%s: network %s\n", STR_ESCAPED(origin), import->name);
	if (import->n_translated > 0)
		fputs("\nTranslated:\n", out);
	print_items(import, true, out);
	if (import->n_listed > 0)
		fputs("\nNot translated:\n", out);
	print_items(import, false, out);
	if (import->n_remarks > 0)
		fputs("\nDifferent without being said:\n", out);
	for (size_t i = 0; i < import->n_remarks; i++)
		fprintf(out, "  %s\n", import->remarks[i]);
	fprintf(out, "\ntranslated %zu, listed %zu, silently dropped %zu\n", import->n_translated, import->n_listed,
		import->n_found - import->n_translated - import->n_listed);
}

static void print_json_items(struct json *json, const struct import *import)
{
	json_array(json, "items");
	for (size_t i = 0; i < import->n_items; i++) {
		const struct import_item *item = &import->items[i];

		json_object(json, NULL);
		json_string(json, "path", item->path);
		json_string(json, "value", item->value);
		json_number(json, "line", item->line);
		json_bool(json, "translated", item->translated);
		json_string(json, "words", item->words);
		json_object_end(json);
	}
	json_array_end(json);
}

static void print_json(const struct import *import, const char *file)
{
	struct json json = JSON_NULL(stdout);

	json_object(&json, NULL);
	json_string(&json, "name", import->name);
	if (file)
		json_string(&json, "file", file);
	else
		json_null(&json, "file");
	if (import->text)
		json_string(&json, "text", import->text);
	else
		json_null(&json, "text");
	if (import->problem)
		json_string(&json, "problem", import->problem);
	else
		json_null(&json, "problem");
	json_number(&json, "translated", import->n_translated);
	json_number(&json, "listed", import->n_listed);
	json_number(&json, "dropped", import->n_found - import->n_translated - import->n_listed);
	print_json_items(&json, import);
	json_array(&json, "remarks");
	for (size_t i = 0; i < import->n_remarks; i++)
		json_string(&json, NULL, import->remarks[i]);
	json_array_end(&json);
	json_object_end(&json);
}

/* The file */

static int write_all(int fd, const char *text)
{
	size_t length = strlen(text), written = 0;

	while (written < length) {
		ssize_t n = write(fd, text + written, length - written);

		if (n < 0 && errno != EINTR)
			return -errno;
		written += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/*
 * Writes a file that is there whole or not at all. One that exists stays, unless it is to be replaced: link() fails
 * where rename() would not.
 */
static int write_file(const char *path, const char *text, bool replace, struct failure *failure)
{
	char temporary[4096];
	int fd, r;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
		return failure_set(failure, -ENAMETOOLONG, "%s: %s", STR_ESCAPED(path), strerror(ENAMETOOLONG));
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		return failure_set(failure, r, "%s cannot be written: %s%s", STR_ESCAPED(path), strerror(-r),
				   r == -EACCES ? " (as root, or --stdout prints it, or --output FILE)" : "");
	}
	r = write_all(fd, text);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && (replace ? rename(temporary, path) : link(temporary, path)) < 0)
		r = -errno;
	if (r < 0 || !replace)
		unlink(temporary);
	if (r == -EEXIST)
		return failure_set(failure, r, "%s exists already: it stays as it is (--force replaces it, --name gives the network another name)",
				   STR_ESCAPED(path));
	if (r < 0)
		return failure_set(failure, r, "%s cannot be written: %s", STR_ESCAPED(path), strerror(-r));
	return 0;
}

/* The verb */

static int verify_options(const struct options *options, struct failure *failure)
{
	if ((options->n_operands == 1) == option_is_set(options, OPTION_LIBVIRT))
		return failure_set(failure, -EINVAL, "want one of them: guestnet import FILE, or guestnet import --libvirt NETWORK");
	if (option_is_set(options, OPTION_STDOUT) && option_is_set(options, OPTION_OUTPUT))
		return failure_set(failure, -EINVAL, "--stdout and --output exclude each other");
	return 0;
}

/* In the order in which they work: libvirt's bridge, of the same name and with the same addresses, has to go first. */
static void print_next(const struct options *options, const struct import *import, const char *file, bool active, FILE *out)
{
	const char *libvirt_name = options->values[OPTION_LIBVIRT];
	/* Its bridge is somebody else's, there or here. */
	const bool bridged = strstr(import->text, "\nMode=bridge\n");

	fprintf(out, "written: %s\n\nNext:\n", file);
	if (active && !bridged)
		fprintf(out, "  virsh net-destroy %s   libvirt's bridge makes room; guests on it lose the network until they start again\n",
			STR_ESCAPED(libvirt_name));
	/* What stands elsewhere is not read by itself. */
	if (strncmp(file, NETWORKS_DIRECTORY "/", strlen(NETWORKS_DIRECTORY "/")) == 0)
		fprintf(out, "  guestnet reload   the network is there\n");
	else
		fprintf(out, "  guestnet define %s %s   the network is there\n", STR_ESCAPED(file), import->name);
	if (libvirt_name && !bridged)
		fprintf(out, "  guestnet libvirt-link %s --libvirt-name %s   libvirt's guests then land on it\n", import->name,
			STR_ESCAPED(libvirt_name));
}

/* @active: libvirt's network is up now. */
static enum exit_status finish(const struct options *options, const struct import *import, const char *origin, bool active,
			       struct failure *failure)
{
	bool to_stdout = option_is_set(options, OPTION_STDOUT);
	FILE *out = to_stdout ? stderr : stdout;
	char file[4096];
	int r = 0;

	if (option_is_set(options, OPTION_OUTPUT))
		snprintf(file, sizeof(file), "%s", options->values[OPTION_OUTPUT]);
	else
		snprintf(file, sizeof(file), NETWORKS_DIRECTORY "/%s.network", import->name);

	if (!options->json)
		print_report(import, origin, out);
	if (!import->problem && !to_stdout)
		r = write_file(file, import->text, option_is_set(options, OPTION_FORCE), failure);
	if (r < 0)
		return STATUS_FAILED;
	/* In JSON the problem stands in the report. */
	if (options->json)
		print_json(import, import->problem || to_stdout ? NULL : file);
	else if (import->problem)
		failure_set(failure, -EOPNOTSUPP, "%s: %s; nothing was written", STR_ESCAPED(origin), import->problem);
	else if (to_stdout)
		fputs(import->text, stdout);
	else
		print_next(options, import, file, active, out);
	return import->problem ? STATUS_FAILED : STATUS_OK;
}

/* guestnet import FILE|--libvirt NETWORK */
enum exit_status import_run(const struct options *options, struct failure *failure)
{
	_cleanup_(import_deinit) struct import import = IMPORT_NULL;
	_cleanup_(freep) char *xml = NULL;
	const char *libvirt_name = options->values[OPTION_LIBVIRT];
	struct import_options how = { .name = options->values[OPTION_NAME] };
	struct libvirt_state state = { 0 };
	struct failure why = { 0 };
	char origin[256];
	size_t length;
	int r = verify_options(options, failure);

	if (r < 0)
		return STATUS_USAGE;
	if (libvirt_name) {
		snprintf(origin, sizeof(origin), "libvirt's network %s", libvirt_name);
		r = libvirt_dump(libvirt_name, &xml, &length, failure);
		if (r >= 0)
			r = libvirt_read_state(libvirt_name, &state, failure);
		how.autostart = state.autostart;
		how.autostart_known = true;
	} else {
		snprintf(origin, sizeof(origin), "%s", options->operands[0]);
		r = read_file(options->operands[0], &xml, &length, failure);
	}
	if (r < 0)
		return r == -ENOENT ? STATUS_NOT_FOUND : r == -EACCES ? STATUS_DENIED : STATUS_FAILED;

	how.origin = origin;
	if (libxml_load(failure) < 0)
		return STATUS_FAILED;
	r = import_parse(xml, length, &how, &import, &why);
	if (r < 0) {
		failure_set(failure, r, "%s: %s", STR_ESCAPED(origin), why.text);
		return STATUS_FAILED;
	}
	return finish(options, &import, origin, state.active, failure);
}
