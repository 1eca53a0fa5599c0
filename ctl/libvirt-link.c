/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet libvirt-link and libvirt-unlink: a network of libvirt's becomes a bridge of ours, and what it was again.
 * Runs virsh, as root.
 *
 * libvirt has no way to change a network's forward mode in place, so it is defined anew under its name and id, ended,
 * and started: three steps of which each can fail. What has been done is then undone in reverse. The old definition is in a
 * file before the first step and until the last one of libvirt-unlink, so that nothing is lost whenever this process
 * ends; both verbs find out what is there and can be run again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/nl/link.h"
#include "../lib/str.h"
#include "ctl.h"
#include "libvirt.h"
#include "libxml.h"
#include "paths.h"
#include "report.h"

/*
 * Of root alone: not below the daemon's own folder, whose user could put another definition there for root to
 * give to libvirt.
 */
#define KEPT_DIRECTORY	PATH_STATE_ROOT "-libvirt"
#define ALIAS_OF_OURS	"guestnet net="		/* the daemon's mark */
#define NOT_RUNNING	"<!-- guestnet libvirt-link: it was not running -->\n"

/* What the verbs work on. */
struct job {
	const char *name;		/* borrowed: of libvirt's network */
	bool force;
	char kept[512];			/* the file of the old definition */
	char fresh[512];		/* a file for a definition that virsh is to read */
	char *old;			/* owned: the definition now */
	struct libvirt_network stored, running;	/* running: as it is now, of an active network */
	struct libvirt_state state;
};

static void job_deinit(struct job *job)
{
	free(job->old);
	if (job->fresh[0])
		unlink(job->fresh);
}

/* Files */

static int write_file(const char *path, const char *text, struct failure *failure)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char temporary[600];
	size_t length = strlen(text);
	int r = 0;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	if (mkdir(KEPT_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return failure_set(failure, -errno, KEPT_DIRECTORY " cannot be made: %s (this is for root)", strerror(errno));
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, text, length) != (ssize_t)length || fsync(fd) < 0 || rename(temporary, path) < 0)
		r = errno ? -errno : -EIO;
	if (r == 0)
		return 0;
	unlink(temporary);
	return failure_set(failure, r, "%s cannot be written: %s", path, strerror(-r));
}

/* Keeps the definition as it is now, and whether the network runs. */
static int keep(const struct job *job, struct failure *failure)
{
	_cleanup_(freep) char *text = NULL;

	if (asprintf(&text, "%s%s", job->state.active ? "" : NOT_RUNNING, job->old) < 0) {
		text = NULL;
		return failure_set(failure, -ENOMEM, "out of memory");
	}
	return write_file(job->kept, text, failure);
}

static int read_kept(const struct job *job, char **ret_text, struct failure *failure)
{
	_cleanup_(fd_closep) int fd = open(job->kept, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t length;
	int r = fd < 0 ? -errno : fd_read_stream(fd, LIMIT_VIRSH_OUTPUT, ret_text, &length);

	if (r == -ENOENT)
		return failure_set(failure, r, "libvirt's network %s is no link of ours: there is no %s", STR_ESCAPED(job->name), job->kept);
	return r < 0 ? failure_set(failure, r, "%s: %s", job->kept, strerror(-r)) : 0;
}

/* One command of virsh about the network. */
static int virsh(const struct job *job, const char *command, struct failure *failure)
{
	_cleanup_(freep) char *output = NULL;

	return virsh_run((const char *const[]){ command, "--network", job->name, NULL }, &output, NULL, failure);
}

static int define(struct job *job, const char *xml, struct failure *failure)
{
	_cleanup_(freep) char *output = NULL;
	int r = write_file(job->fresh, xml, failure);

	if (r < 0)
		return r;
	return virsh_run((const char *const[]){ "net-define", "--file", job->fresh, NULL }, &output, NULL, failure);
}

/* What is there */

/* libvirt's names may hold anything; a file's name does not. */
static int set_paths(struct job *job, struct failure *failure)
{
	if (strchr(job->name, '/') || job->name[0] == '.' || !job->name[0] || strlen(job->name) > 200)
		return failure_set(failure, -EINVAL, "libvirt has no network of the name \"%s\"", STR_ESCAPED(job->name));
	snprintf(job->kept, sizeof(job->kept), KEPT_DIRECTORY "/%s.xml", job->name);
	snprintf(job->fresh, sizeof(job->fresh), KEPT_DIRECTORY "/%s.define", job->name);
	return 0;
}

static int load(struct job *job, struct failure *failure)
{
	_cleanup_(freep) char *running = NULL;
	int r = libxml_load(failure);

	if (r == 0)
		r = set_paths(job, failure);
	if (r == 0)
		r = libvirt_dump(job->name, &job->old, NULL, failure);
	if (r == 0)
		r = libvirt_read(job->old, &job->stored, failure);
	if (r == 0)
		r = libvirt_read_state(job->name, &job->state, failure);
	if (r < 0 || !job->state.active)
		return r;
	r = virsh_run((const char *const[]){ "net-dumpxml", "--network", job->name, NULL }, &running, NULL, failure);
	return r < 0 ? r : libvirt_read(running, &job->running, failure);
}

/* The bridge of a running network of ours, by the network's name, which is one of the bridge's. */
static int find_bridge(const char *network, char bridge[static IFNAME_SIZE], struct failure *failure)
{
	_cleanup_(link_table_deinit) struct link_table table = LINK_TABLE_NULL;
	int r = link_table_load(&table);
	const struct link *link;
	char path[64], alias[256] = "";
	FILE *file;

	if (r < 0)
		return failure_set(failure, r, "the kernel does not list its devices: %s", strerror(-r));
	link = link_table_find(&table, network);
	if (link) {
		snprintf(bridge, IFNAME_SIZE, "%s", link->names[0]);
		snprintf(path, sizeof(path), "/sys/class/net/%s/ifalias", bridge);
		file = fopen(path, "re");
		if (file && !fgets(alias, sizeof(alias), file))
			alias[0] = '\0';
		if (file)
			fclose(file);
	}
	if (!link && reports_verify_declared(network, failure) == -ENOENT)
		return -ENOENT;
	if (!link || strcmp(link->kind, "bridge") != 0 || strncmp(alias, ALIAS_OF_OURS, strlen(ALIAS_OF_OURS)) != 0)
		return failure_set(failure, -ENOENT, "there is no running network \"%s\": guestnet status shows why, guestnet start %s starts it",
				   STR_ESCAPED(network), STR_ESCAPED(network));
	return 0;
}

static int verify_unused(const struct job *job, struct failure *failure)
{
	if (job->running.n_guests == 0 || job->force)
		return 0;
	return failure_set(failure, -EBUSY,
			   "running guests have %u interface%s on libvirt's network %s and would lose the network: shut them down first (or --force: they get it back when they start again)",
			   job->running.n_guests, job->running.n_guests == 1 ? "" : "s", STR_ESCAPED(job->name));
}

/* The steps */

/*
 * Makes @xml the definition and, where the network is to run, lets it run by that. Whatever fails, what was done before is
 * undone: with @before and as the network was.
 */
static int replace(struct job *job, const char *xml, const char *before, bool start, struct failure *failure)
{
	struct failure undo = { 0 };
	bool ended = false;
	int r = define(job, xml, failure), u;

	if (r < 0)
		return r;
	if (job->state.active) {
		r = virsh(job, "net-destroy", failure);
		ended = r == 0;
	}
	if (r == 0 && start)
		r = virsh(job, "net-start", failure);
	if (r == 0)
		return 0;

	u = define(job, before, &undo);
	if (u == 0 && ended)
		u = virsh(job, "net-start", &undo);
	if (u < 0) {
		char why[sizeof(failure->text)];

		snprintf(why, sizeof(why), "%s", failure->text);
		*failure = (struct failure){ 0 };
		failure_set(failure, r, "%.400s; and libvirt's network could not be put back: %.400s", why, undo.text);
	}
	return r;
}

/* Between the first step and the last one nobody interrupts; virsh and what it starts inherit this. */
static void ignore_interrupts(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_IGN);
}

static enum exit_status exit_status(int r)
{
	switch (r) {
	case 0: return STATUS_OK;
	case -ENOENT: return STATUS_NOT_FOUND;
	case -EACCES: case -EPERM: return STATUS_DENIED;
	default: return STATUS_FAILED;
	}
}

static bool is_link_to(const struct libvirt_network *network, const char *bridge)
{
	return strcmp(network->mode, "bridge") == 0 && strcmp(network->bridge, bridge) == 0;
}

static int link_network(struct job *job, const char *network, const char *bridge, struct failure *failure)
{
	_cleanup_(freep) char *xml = NULL;
	int r = 0;

	if (!job->state.persistent)
		return failure_set(failure, -EINVAL, "libvirt's network %s is not stored: it is only there until it ends", STR_ESCAPED(job->name));
	if (is_link_to(&job->stored, bridge) && (!job->state.active || is_link_to(&job->running, bridge))) {
		if (!job->state.active)
			r = virsh(job, "net-start", failure);
		if (r == 0)
			printf("libvirt's network %s is the bridge %s already\n", job->name, bridge);
		return r;
	}
	r = verify_unused(job, failure);
	if (r == 0)
		r = libvirt_make_link(job->old, bridge, &xml, failure);
	/* A definition that is a link already was made by a run that did not end well: the kept one is older. */
	if (r == 0 && !is_link_to(&job->stored, bridge))
		r = keep(job, failure);
	if (r < 0)
		return r;
	r = replace(job, xml, job->old, true, failure);
	if (r < 0)
		return r;
	printf("libvirt's network %s is the bridge %s now: guests with <source network='%s'/> are on guestnet's network %s\n"
	       "its old definition is %s; back: guestnet libvirt-unlink %s%s%s\n",
	       job->name, bridge, job->name, network, job->kept, network, strcmp(network, job->name) ? " --libvirt-name " : "",
	       strcmp(network, job->name) ? job->name : "");
	return 0;
}

/* guestnet libvirt-link NETWORK [--libvirt-name NAME] */
enum exit_status libvirt_link(const struct options *options, struct failure *failure)
{
	_cleanup_(job_deinit) struct job job = {
		.name = options->values[OPTION_LIBVIRT_NAME] ?: options->operands[0],
		.force = option_is_set(options, OPTION_FORCE),
	};
	char bridge[IFNAME_SIZE];
	int r = find_bridge(options->operands[0], bridge, failure);

	ignore_interrupts();
	if (r == 0)
		r = load(&job, failure);
	if (r == 0)
		r = link_network(&job, options->operands[0], bridge, failure);
	return exit_status(r);
}

static int unlink_network(struct job *job, struct failure *failure)
{
	_cleanup_(freep) char *kept = NULL;
	struct libvirt_network was;
	int r = read_kept(job, &kept, failure);
	const char *xml = kept;

	if (r == 0)
		r = libvirt_read(kept, &was, failure);
	if (r < 0)
		return r;
	str_has_prefix(kept, NOT_RUNNING, &xml);
	if (strcmp(job->stored.mode, "bridge") != 0 && !job->force)
		return failure_set(failure, -EEXIST, "libvirt's network %s has been changed since and is no link any more: it stays (--force brings back %s)",
				   STR_ESCAPED(job->name), job->kept);
	r = verify_unused(job, failure);
	if (r == 0)
		r = replace(job, xml, job->old, job->state.active && xml == kept, failure);
	if (r < 0)
		return r;
	unlink(job->kept);
	printf("libvirt's network %s is what it was before\n", job->name);
	return 0;
}

/* guestnet libvirt-unlink NETWORK [--libvirt-name NAME] */
enum exit_status libvirt_unlink(const struct options *options, struct failure *failure)
{
	_cleanup_(job_deinit) struct job job = {
		.name = options->values[OPTION_LIBVIRT_NAME] ?: options->operands[0],
		.force = option_is_set(options, OPTION_FORCE),
	};
	int r;

	ignore_interrupts();
	r = load(&job, failure);
	if (r == 0)
		r = unlink_network(&job, failure);
	return exit_status(r);
}
