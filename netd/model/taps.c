/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps that are there before their guests: the sections [Tap] of a network's file.
 * Pure: no system calls. Who the users and groups are is for the daemon to find out.
 */
#include "taps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/str.h"

static struct network_tap *current_tap(struct network *network)
{
	return network->n_taps ? &network->taps[network->n_taps - 1] : NULL;
}

int taps_parse_name(struct network *network, const char *value, char why[static KEY_WHY_SIZE])
{
	struct network_tap *tap = current_tap(network);

	/* The kernel would put a number in the place of %d. */
	if (!ifname_is_valid(value) || strchr(value, '%'))
		return -EINVAL;
	if (strcmp(value, "lo") == 0 || strcmp(value, "all") == 0 || strcmp(value, "default") == 0) {
		snprintf(why, KEY_WHY_SIZE, "; this one is the kernel's own");
		return -EINVAL;
	}
	memset(tap->name, 0, sizeof(tap->name));
	memcpy(tap->name, value, strlen(value));
	return 0;
}

void taps_reset_name(struct network *network)
{
	if (current_tap(network))
		memset(current_tap(network)->name, 0, sizeof(current_tap(network)->name));
}

/* A name or a number; whose a name is the daemon sees. */
static int set_account(char buffer[static TAP_ACCOUNT_SIZE], uint32_t *id, const char *value)
{
	if (!value[0] || strlen(value) >= TAP_ACCOUNT_SIZE)
		return -EINVAL;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p == 0x7f || strchr(":,/", *p))
			return -EINVAL;
	memset(buffer, 0, TAP_ACCOUNT_SIZE);
	memcpy(buffer, value, strlen(value));
	if (str_parse_u32(value, NETSTATE_NOBODY - 1, id) < 0)
		*id = NETSTATE_NOBODY;
	return 0;
}

int taps_parse_user(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return set_account(current_tap(network)->user, &current_tap(network)->uid, value);
}

void taps_reset_user(struct network *network)
{
	if (current_tap(network))
		memset(current_tap(network)->user, 0, sizeof(current_tap(network)->user));
}

int taps_parse_group(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return set_account(current_tap(network)->group, &current_tap(network)->gid, value);
}

void taps_reset_group(struct network *network)
{
	if (current_tap(network))
		memset(current_tap(network)->group, 0, sizeof(current_tap(network)->group));
}

int taps_parse_multi_queue(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)
{
	return values_parse_boolean(value, &current_tap(network)->multi_queue);
}

void taps_reset_multi_queue(struct network *network)
{
	if (current_tap(network))
		current_tap(network)->multi_queue = false;
}

/* Do the sections fit together, and with their network? -EINVAL with file and line. */
static int verify_tap(const struct network *network, size_t i, struct mistakes *mistakes)
{
	const struct network_tap *tap = &network->taps[i];

	if (!tap->name[0])
		return network_failure(network, tap->place, mistakes, "this [Tap] has no Name=");
	if (!tap->user[0] && !tap->group[0])
		return network_failure(network, tap->place, mistakes,
				   "this [Tap] has no User= and no Group=: every user of the host could take it");
	if (network->on_demand)
		return network_failure(network, tap->place, mistakes,
				   "[Tap] and Autostart=on-demand exclude each other: a tap that is there is a port that keeps the network up");
	if (network_is_called(network, tap->name))
		return network_failure(network, tap->place, mistakes, "[Tap] Name=%s is a name of the network itself", tap->name);
	for (size_t j = 0; j < i; j++)
		if (strcmp(network->taps[j].name, tap->name) == 0)
			return network_failure(network, tap->place, mistakes, "this [Tap] has the Name= of the one in line %u",
					   network->taps[j].place.line);
	return 0;
}

/* What is wrong with sections [Tap] is in @mistakes, with file and line. */
void taps_verify(const struct network *network, struct mistakes *mistakes)
{
	for (size_t i = 0; i < network->n_taps; i++)
		(void)verify_tap(network, i, mistakes);
}

static int clash(const struct network *earlier, const struct network *later, size_t i, struct network_place *ret_place,
		 struct network_place *ret_other, char what[static 128])
{
	*ret_place = later->taps[i].place;
	for (size_t j = 0; j < earlier->n_taps; j++)
		if (strcmp(earlier->taps[j].name, later->taps[i].name) == 0) {
			snprintf(what, 128, "[Tap] Name=%s is that of a [Tap]", later->taps[i].name);
			*ret_other = earlier->taps[j].place;
			return 1;
		}
	if (!network_is_called(earlier, later->taps[i].name))
		return 0;
	snprintf(what, 128, "[Tap] Name=%s is a name", later->taps[i].name);
	*ret_other = network_find_place(earlier, KEY_BRIDGE);
	return 1;
}

/* Does one of two networks have a tap that is called as something of the other? Returns 1 with what and where. */
int taps_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
	       struct network_place *ret_other, char what[static 128])
{
	for (size_t i = 0; i < later->n_taps; i++)
		if (clash(earlier, later, i, ret_place, ret_other, what))
			return 1;
	for (size_t i = 0; i < earlier->n_taps; i++)
		if (network_is_called(later, earlier->taps[i].name)) {
			snprintf(what, 128, "%s is the Name= of a [Tap]", earlier->taps[i].name);
			*ret_place = network_find_place(later, KEY_BRIDGE);
			*ret_other = earlier->taps[i].place;
			return 1;
		}
	return 0;
}

/* Is it known whom the tap belongs to? One of nobody everybody could open. */
bool taps_is_known(const struct network_tap *tap)
{
	return (!tap->user[0] || tap->uid != NETSTATE_NOBODY) && (!tap->group[0] || tap->gid != NETSTATE_NOBODY);
}

/* May the same users open them? */
bool taps_same_owner(const struct netstate_tap *a, const struct netstate_tap *b)
{
	return a->uid == b->uid && a->gid == b->gid;
}
