/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the caller asks for on the command line.
 */
#pragma once

#include <stdbool.h>

#include "../lib/failure.h"

enum request_kind { REQUEST_ATTACH, REQUEST_HELP, REQUEST_VERSION };

struct request {
	enum request_kind kind;
	const char *bridge;	/* borrowed from argv */
	int reply_fd;
	bool vnet_hdr;
};

int request_parse(int argc, char *const argv[], struct request *ret_request, struct failure *failure);
