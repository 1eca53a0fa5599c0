/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known and said of forwarding beyond one run of the daemon.
 */
#pragma once

#include "../model/forwarding.h"
#include "options.h"

void forwardfiles_load(const struct manager_options *options, struct forwarding *forwarding);
int forwardfiles_save_found(const struct manager_options *options, const struct forwarding *forwarding);
int forwardfiles_save_uplinks(const struct manager_options *options, const struct forwarding *forwarding);
int forwardfiles_write_snippet(const struct manager_options *options, const struct families *need);
