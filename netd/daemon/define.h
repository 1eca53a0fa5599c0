/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing the files that declare networks: checked before anything is replaced, put back when it does not work.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/failure.h"
#include "manager.h"
#include "own.h"

enum define_file {
	DEFINE_NETWORK,		/* CONFIG/networks/NAME.network; STATE/networks/UID.NAME.network of a user's own */
	DEFINE_TRANSIENT,	/* RUN/networks/NAME.network: gone after the next boot */
	DEFINE_DROPIN,		/* CONFIG/networks/NAME.network.d/local.conf */
	DEFINE_AUTOSTART,	/* CONFIG/networks/NAME.network.d/autostart.conf */
};

int define_write(struct manager *manager, const char *name, enum define_file file, const char *text, const struct own_ports *ports,
		 char **ret_mistakes, struct failure *failure);
int define_autostart(struct manager *manager, const char *name, bool autostart, struct failure *failure);
int define_remove(struct manager *manager, const char *name, struct failure *failure);
