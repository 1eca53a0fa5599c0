/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's networks, by its own program virsh.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/addr.h"
#include "../lib/failure.h"

#define LIMIT_VIRSH_OUTPUT	(1024 * 1024)
#define LIMIT_VIRSH_ARGUMENTS	16

int virsh_run(const char *const arguments[], char **ret_output, size_t *ret_length, struct failure *failure);

int libvirt_dump(const char *name, char **ret_xml, size_t *ret_length, struct failure *failure);

/* What net-info says. */
struct libvirt_state {
	bool active, persistent, autostart;
};

int libvirt_read_state(const char *name, struct libvirt_state *ret_state, struct failure *failure);

/* What a definition says, as far as we need it. */
struct libvirt_network {
	char mode[32];			/* "" without <forward>, or where it does not say */
	char bridge[IFNAME_SIZE];	/* "" where it does not say */
	uint32_t n_guests;		/* interfaces of running guests, in what is printed of a running network */
};

int libvirt_read(const char *xml, struct libvirt_network *ret_network, struct failure *failure);
int libvirt_make_link(const char *xml, const char *bridge, char **ret_xml, struct failure *failure);
