/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the daemon for a tap.
 */
#pragma once

#include "../lib/failure.h"
#include "request.h"

int tapclient_ask(const struct request *request, int *ret_tap_fd, struct failure *failure);
