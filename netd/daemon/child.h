/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dnsmasq for each network: started, watched, adopted, ended.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/failure.h"
#include "../model/netstate.h"

/* What a child is started from. All borrowed. */
struct child_order {
	const char *program;		/* path of dnsmasq */
	const char *run_dir;		/* where its configuration, pid record and lease file stand */
	const char *network;
	uint64_t config_hash, data_hash;
	uid_t uid;			/* who it runs as, when we are root; else it stays what we are */
	gid_t gid;
};

struct child {
	char network[NETWORK_NAME_SIZE];
	pid_t pid;
	int pidfd;			/* owned; readable when the process has ended */
	uint64_t config_hash;		/* of the configuration it runs with */
	uint64_t data_hash;		/* of the files that it reads again on SIGHUP */
	bool adopted;			/* found running: not a child of this process */
	bool ready;			/* it has its sockets, and began to serve */
	int error_fd;			/* owned; readable while it starts: what it says then; its end: it is ready */
	char *last_words;		/* owned: the last line that came from there; NULL: none has */
};

/* A process with a configuration file of ours that no record has led to yet. */
struct child_orphan {
	pid_t pid;
	char file[NETWORK_NAME_SIZE + 5];	/* NETWORK.conf */
};

#define CHILD_NULL (struct child){ .pidfd = -EBADF, .error_fd = -EBADF }

void child_deinit(struct child *child);
int child_start(const struct child_order *order, struct child *ret_child, struct failure *failure);
bool child_read_errors(struct child *child);
int child_find_orphans(const char *run_dir, uid_t uid, struct child_orphan **ret_orphans, size_t *ret_n);
int child_adopt(const struct child_order *order, const struct child_orphan *orphans, size_t n_orphans, struct child *ret_child);
void child_end_orphan(const char *run_dir, const struct child_orphan *orphan);
int child_reload(const struct child_order *order, struct child *child);
int child_signal(const struct child *child, int signal);
void child_wait(struct child *child, int timeout_ms);
int child_reap(struct child *child, char *ret_how, size_t how_size);
int child_become(uid_t uid, gid_t gid);

void child_path(char *buffer, size_t size, const struct child_order *order, const char *suffix);
