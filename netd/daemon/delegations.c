/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv6 prefixes that somebody told us were delegated to this host, and for how long.
 * Event loop context.
 *
 * Theory of operation. What we are told becomes the route that a DHCPv6 client makes, and from there on it is as if one had made it:
 * networks follow the routes, and nothing else. The kernel keeps no time for such a route (kernel/dump.c), so we do: RUN/delegated
 * has a line "PREFIX END" for each, in microseconds of CLOCK_BOOTTIME, which goes on while the host sleeps. A line is there before
 * its route is, and goes after it.
 */
#include "delegations.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/str.h"
#include "../kernel/delegation.h"
#include "log.h"
#include "replace.h"

static void print_path(const struct delegations *delegations, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/delegated", delegations->options->run_root);
}

static int save(const struct delegations *delegations)
{
	struct replace replace;
	char path[4096];
	int r;

	print_path(delegations, path, sizeof(path));
	r = replace_begin(&replace, path);
	if (r < 0)
		return r;
	for (size_t i = 0; i < delegations->n; i++)
		fprintf(replace.file, "%s/%u %" PRIu64 "\n", IP_TEXT(&delegations->items[i].prefix), delegations->items[i].length,
			delegations->items[i].until_us);
	return replace_finish(&replace, false);
}

/* What cannot be written down is told, and true until the daemon ends. */
static void save_or_tell(const struct delegations *delegations)
{
	int r = save(delegations);

	if (r < 0)
		log_say(4, NULL, NULL, "cannot write %s/delegated: %s", delegations->options->run_root, strerror(-r));
}

/* The route goes, then its line. One that another program has taken away is gone as well. */
static int forget(struct delegations *delegations, size_t i)
{
	const struct delegation *item = &delegations->items[i];
	int r = delegation_put(delegations->kernel, &item->prefix, item->length, false);

	if (r < 0 && r != -ESRCH)
		return r;
	memmove(&delegations->items[i], &delegations->items[i + 1], (--delegations->n - i) * sizeof(*item));
	save_or_tell(delegations);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t when_us, void *data);

/* The timer is set to the first end, and off when there is none: nothing wakes up for what stays. */
static void set_timer(struct delegations *delegations)
{
	uint64_t first_us = UINT64_MAX;
	int r = 0;

	for (size_t i = 0; i < delegations->n; i++)
		if (delegations->items[i].until_us < first_us)
			first_us = delegations->items[i].until_us;
	if (!delegations->timer && first_us != UINT64_MAX)
		r = sd_event_add_time(delegations->event, &delegations->timer, CLOCK_BOOTTIME, first_us, 0, on_time, delegations);
	else if (delegations->timer)
		r = sd_event_source_set_time(delegations->timer, first_us);
	if (r >= 0 && delegations->timer)
		r = sd_event_source_set_enabled(delegations->timer, first_us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	if (r < 0)
		log_say(3, NULL, NULL, "cannot wait for the end of a delegated prefix: %s", strerror(-r));
}

static int on_time(sd_event_source *source _unused_, uint64_t when_us _unused_, void *data)
{
	struct delegations *delegations = data;
	const uint64_t now_us = clock_boot_us();

	for (size_t i = delegations->n; i-- > 0;) {
		struct delegation *item = &delegations->items[i];

		/* A route that the kernel keeps is tried again in a while. */
		if (item->until_us <= now_us && forget(delegations, i) < 0)
			item->until_us = now_us + 1000000;
	}
	set_timer(delegations);
	return 0;
}

/* What an earlier daemon was told: its routes are there, and have their ends. A line that cannot be read is none. The rest is borrowed. */
void delegations_load(struct delegations *delegations, sd_event *event, struct kernel *kernel, const struct manager_options *options)
{
	char path[4096], line[128], word[64];
	FILE *file;

	*delegations = (struct delegations){ .event = event, .kernel = kernel, .options = options };
	print_path(delegations, path, sizeof(path));
	file = fopen(path, "re");
	while (file && delegations->n < LIMIT_DELEGATIONS && fgets(line, sizeof(line), file)) {
		struct delegation item = { .length = 0 };

		if (sscanf(line, "%63s %" SCNu64, word, &item.until_us) == 2 && ip_parse_prefix(word, &item.prefix, &item.length) == 0)
			delegations->items[delegations->n++] = item;
	}
	if (file)
		fclose(file);
	set_timer(delegations);
}

static int parse(const char *text, struct delegation *ret_item, struct failure *failure)
{
	struct delegation item = { .until_us = UINT64_MAX };
	struct ip masked;

	if (ip_parse_prefix(text, &item.prefix, &item.length) < 0 || !ip_is_v6(&item.prefix) ||
	    item.length < NETSTATE_DELEGATED_MIN || item.length > NETSTATE_DELEGATED_MAX)
		return failure_set(failure, -EINVAL, "%s: want an IPv6 prefix with a length from %d to %d, such as 2001:db8:1200::/56",
				   STR_ESCAPED(text), NETSTATE_DELEGATED_MIN, NETSTATE_DELEGATED_MAX);
	masked = ip_mask(&item.prefix, item.length);
	if (memcmp(&masked, &item.prefix, sizeof(masked)) != 0)
		return failure_set(failure, -EINVAL, "%s: the prefix of this length is %s/%u", STR_ESCAPED(text), IP_TEXT(&masked), item.length);
	if (!ip_is_usable(&item.prefix))
		return failure_set(failure, -EINVAL, "%s: no host of a network can have addresses of this prefix", STR_ESCAPED(text));
	*ret_item = item;
	return 0;
}

static int add(struct delegations *delegations, const struct delegation *item, struct failure *failure)
{
	int r;

	if (delegations->n == LIMIT_DELEGATIONS)
		return failure_set(failure, -E2BIG, "there are %d prefixes already", LIMIT_DELEGATIONS);
	delegations->items[delegations->n++] = *item;
	save_or_tell(delegations);
	r = delegation_put(delegations->kernel, &item->prefix, item->length, true);
	if (r == 0)
		return 0;
	delegations->n--;
	save_or_tell(delegations);
	if (r == -EEXIST)
		return failure_set(failure, r, "a route of another program says already that %s/%u is delegated", IP_TEXT(&item->prefix), item->length);
	return failure_set(failure, r, "cannot make a route to %s/%u: %s", IP_TEXT(&item->prefix), item->length, strerror(-r));
}

/*
 * A prefix was delegated to this host for so long from now, or, with 0, is not any more; the time of one that is there is set anew.
 * -EINVAL for what is none, -ENOENT for the end of one that was not told here, -EEXIST for one that another program tells of,
 * -E2BIG, or as the kernel has it: all with the reason.
 */
int delegations_set(struct delegations *delegations, const char *prefix, uint32_t seconds, struct failure *failure)
{
	struct delegation item;
	size_t i = 0;
	int r = parse(prefix, &item, failure);

	if (r < 0)
		return r;
	if (seconds != DELEGATION_FOREVER)
		item.until_us = clock_boot_us() + (uint64_t)seconds * 1000000;
	while (i < delegations->n && (delegations->items[i].length != item.length ||
				      memcmp(&delegations->items[i].prefix, &item.prefix, sizeof(item.prefix)) != 0))
		i++;
	if (i == delegations->n && seconds == 0)
		return failure_set(failure, -ENOENT, "nobody has said with guestnet delegate that %s is delegated", STR_ESCAPED(prefix));
	if (seconds == 0) {
		r = forget(delegations, i);
		if (r < 0)
			return failure_set(failure, r, "cannot take the route to %s away: %s", STR_ESCAPED(prefix), strerror(-r));
	} else if (i < delegations->n) {
		/* Somebody may have taken its route away. */
		r = delegation_put(delegations->kernel, &item.prefix, item.length, true);
		if (r < 0 && r != -EEXIST)
			return failure_set(failure, r, "cannot make a route to %s: %s", STR_ESCAPED(prefix), strerror(-r));
		delegations->items[i].until_us = item.until_us;
		save_or_tell(delegations);
	} else {
		r = add(delegations, &item, failure);
		if (r < 0)
			return r;
	}
	set_timer(delegations);
	return 0;
}

/* When the prefix that holds this address is over, as in `until_us`; nobody has said that it will be: for ever. */
uint64_t delegations_until(const struct delegations *delegations, const struct ip *address)
{
	for (size_t i = 0; i < delegations->n; i++)
		if (ip_overlaps(&delegations->items[i].prefix, delegations->items[i].length, address, ip_bits(address)))
			return delegations->items[i].until_us;
	return UINT64_MAX;
}

/* All that were told here are over. */
void delegations_end(struct delegations *delegations)
{
	for (size_t i = delegations->n; i-- > 0;)
		(void)forget(delegations, i);
	set_timer(delegations);
}

void delegations_deinit(struct delegations *delegations)
{
	sd_event_source_unref(delegations->timer);
}
