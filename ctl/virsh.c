/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virsh's words for networks that mean nothing here: what to use in their place.
 * Pure.
 */
#include "virsh.h"

#include <stddef.h>
#include <string.h>

#include "../lib/util.h"

static const struct {
	const char *word;
	const char *instead;
} words[] = {
	{ "desc", "a network's description is a comment in its file: guestnet edit NETWORK" },
	{ "metadata", "a network has no metadata; notes are comments in its file: guestnet edit NETWORK" },
	{ "name", "networks have no UUIDs, their name is all there is: guestnet list --names" },
	{ "port-create", "a port comes with its guest: guestnet qemu NETWORK, guestnet exec NETWORK -- PROGRAM, or -netdev bridge,br=NETWORK" },
	{ "port-delete", "a port goes with its guest: end the guest, or ip link delete TAP" },
	{ "port-dumpxml", "ports have no XML: guestnet ports --json" },
	{ "update", "hosts, ranges and addresses stand in the network's file: guestnet edit NETWORK; the network stays up" },
	{ "uuid", "networks have no UUIDs, their name is all there is: guestnet list --names" },
};

/* What to use in the place of a word of virsh's, or NULL when it is none. */
const char *virsh_instead(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].instead;
	return NULL;
}
