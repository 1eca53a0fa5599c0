/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known and said of forwarding beyond one run of the daemon.
 *
 *  - RUN/forwarding: whether the host forwarded before the first network needed it; true until the next boot;
 *  - STATE/uplinks: interfaces that have been seen to use router advertisements;
 *  - RUN/sysctl.conf: what systemd-sysctl(8) is to write when somebody starts it again. The daemon's user may not
 *    decide what root writes to all of /proc/sys, so this is no file of sysctl.d: guestnetd-sysctl.service copies the
 *    two lines that there can be, and no other, to /run/sysctl.d.
 */
#include "forwardfiles.h"

#include <stdio.h>
#include <string.h>

#include "../../lib/util.h"
#include "replace.h"

static int begin(struct replace *ret_replace, const char *root, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return replace_begin(ret_replace, path);
}

static const char *const found_words[] = { [FORWARDING_OFF] = "off", [FORWARDING_ON] = "on" };

static uint8_t parse_found(const char *word)
{
	for (size_t i = FORWARDING_OFF; i < ARRAY_SIZE(found_words); i++)
		if (strcmp(word, found_words[i]) == 0)
			return (uint8_t)i;
	return FORWARDING_UNKNOWN;
}

static void load_found(const char *run_root, struct forwarding *forwarding)
{
	char path[4096], family[8], word[8];
	FILE *file;

	snprintf(path, sizeof(path), "%s/forwarding", run_root);
	file = fopen(path, "re");
	while (file && fscanf(file, "%7s %7s", family, word) == 2) {
		uint8_t found = parse_found(word);

		if (strcmp(family, "ipv4") == 0) {
			forwarding->found4 = found;
			forwarding->kept4 = found != FORWARDING_UNKNOWN;
		} else if (strcmp(family, "ipv6") == 0) {
			forwarding->found6 = found;
			forwarding->kept6 = found != FORWARDING_UNKNOWN;
		}
	}
	if (file)
		fclose(file);
}

static void load_uplinks(const char *state_root, struct forwarding *forwarding)
{
	char path[4096], line[64];
	FILE *file;
	bool changed;

	snprintf(path, sizeof(path), "%s/uplinks", state_root);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && !strchr(line, '/') && forwarding_add_uplink(forwarding, line, &changed) < 0)
			break;
	}
	if (file)
		fclose(file);
}

/* Reads what there is; what cannot be read is not known. */
void forwardfiles_load(const struct manager_options *options, struct forwarding *forwarding)
{
	load_found(options->run_root, forwarding);
	load_uplinks(options->state_root, forwarding);
}

int forwardfiles_save_found(const struct manager_options *options, const struct forwarding *forwarding)
{
	struct replace replace;
	int r = begin(&replace, options->run_root, "forwarding");

	if (r < 0)
		return r;
	if (forwarding->kept4)
		fprintf(replace.file, "ipv4 %s\n", found_words[forwarding->found4]);
	if (forwarding->kept6)
		fprintf(replace.file, "ipv6 %s\n", found_words[forwarding->found6]);
	return replace_finish(&replace, false);
}

int forwardfiles_save_uplinks(const struct manager_options *options, const struct forwarding *forwarding)
{
	struct replace replace;
	int r = begin(&replace, options->state_root, "uplinks");

	if (r < 0)
		return r;
	for (size_t i = 0; i < forwarding->n_uplinks; i++)
		fprintf(replace.file, "%s\n", forwarding->uplinks[i]);
	return replace_finish(&replace, false);
}

/* Without a need the file says nothing, and is there all the same: its change is what is waited for. */
int forwardfiles_write_snippet(const struct manager_options *options, const struct families *need)
{
	struct replace replace;
	int r = begin(&replace, options->run_root, "sysctl.conf");

	if (r < 0)
		return r;
	fputs("# Forwarding that networks of guestnet need now.\n", replace.file);
	if (need->v4)
		fputs("net.ipv4.ip_forward = 1\n", replace.file);
	if (need->v6)
		fputs("net.ipv6.conf.all.forwarding = 1\n", replace.file);
	return replace_finish(&replace, false);
}
