/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One address that two guests have: seen by its moving back and forth.
 * Pure: no system calls.
 *
 * A bridge learns on which port an Ethernet address is, and the host which Ethernet address has an IP address.
 * Either moves once when a guest does, or when its lease goes to another one. When two guests have it, it moves with
 * what each of them sends, so it comes back soon.
 */
#include "doubles.h"

#include <string.h>

#include "siphash.h"

static bool is_same(const struct double_place *a, const struct double_place *b)
{
	return a->port == b->port && memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0;
}

/* The one of this key; else the free one, or the one that was not seen for the longest time, emptied. */
static struct double_entry *find_entry(struct doubles *doubles, const struct double_key *key)
{
	static const uint8_t hash_key[SIPHASH_KEY_SIZE];
	struct double_entry *set = doubles->entries[siphash24(key, sizeof(*key), hash_key) % DOUBLES_SETS], *oldest = NULL;

	for (size_t i = 0; i < DOUBLES_WAYS; i++) {
		struct double_entry *entry = &set[i];

		if (entry->used && memcmp(&entry->key, key, sizeof(*key)) == 0)
			return entry;
		if (entry->found)
			continue;	/* told, and not over */
		if (!oldest || !entry->used || (oldest->used && entry->seen_us < oldest->seen_us))
			oldest = entry;
	}
	if (oldest)
		memset(oldest, 0, sizeof(*oldest));
	return oldest;
}

/*
 * Notes that an address was seen in a place. Returns its entry when that says, now for the first time, that two have
 * it: the two are entry->place and entry->before. NULL otherwise.
 */
struct double_entry *doubles_see(struct doubles *doubles, const struct double_key *key, const struct double_place *place,
				 uint64_t now_us)
{
	struct double_entry *entry = find_entry(doubles, key);
	bool back;

	if (!entry)
		return NULL;	/* a set full of open cases: enough has been said */
	entry->seen_us = now_us;
	if (!entry->used) {
		entry->used = true;
		memcpy(&entry->key, key, sizeof(*key));	/* its padding, too: it is compared */
		entry->place = *place;
		return NULL;
	}
	if (is_same(&entry->place, place))
		return NULL;
	back = entry->moved_us && is_same(&entry->before, place) && now_us - entry->moved_us < DOUBLES_BACK_US;
	entry->before = entry->place;
	entry->place = *place;
	entry->moved_us = now_us;
	if (!back || entry->found)
		return NULL;
	entry->found = true;
	entry->ports[0] = entry->before.port;
	entry->ports[1] = entry->place.port;
	doubles->n_found++;
	return entry;
}

static bool is_port(const struct netstate *snapshot, int port, int bridge)
{
	for (size_t i = 0; i < snapshot->n_ports; i++)
		if (snapshot->ports[i].ifindex == port)
			return snapshot->ports[i].master == bridge;
	return false;
}

/* Is a case closed? When one of the two is no port of the bridge any more, or when nothing has moved for long. */
bool double_is_over(const struct double_entry *entry, const struct netstate *snapshot, uint64_t now_us)
{
	if (now_us - entry->moved_us >= DOUBLES_QUIET_US)
		return true;
	for (size_t i = 0; i < 2; i++)
		if (entry->ports[i] && !is_port(snapshot, entry->ports[i], entry->key.bridge))
			return true;
	return false;
}
