/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which way of completing the checksums of DHCP replies is taken, and why.
 * Event loop context.
 *
 * A way is looked at when a network wants it and those before it cannot be had; what is possible stays so until the
 * configuration is read again. nftables can be asked beforehand. A filter of tc cannot: it is tried on the bridge
 * itself, and when the kernel refuses the pass that follows takes the next way. The queue wants a listener, so it is
 * possible when we are the one.
 *
 * What was refused may have been so for a moment only: it is asked for again by a pass that is due anyway, after a while
 * that doubles, so that an idle daemon stays idle. What failed when it was tried is not tried again before the
 * configuration is read: replies would be left with unfinished checksums in between.
 */
#include "checksums.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/str.h"
#include "../kernel/checksum.h"
#include "../kernel/queue.h"
#include "../model/desired.h"
#include "../model/print.h"
#include "log.h"

#define STRICT_CLIENTS	"DHCP replies leave with unfinished checksums: guests behind veth or vhost whose DHCP client reads raw frames and verifies them get no address"

#define ASK_AGAIN_US	5000000

/* Nothing is asked yet. @event and @kernel must outlive it. */
void checksums_init(struct checksums *checksums, sd_event *event, struct kernel *kernel)
{
	*checksums = (struct checksums){ .event = event, .kernel = kernel };
}

static void close_listener(struct checksums *checksums)
{
	checksums->source = sd_event_source_disable_unref(checksums->source);
	nl_channel_deinit(&checksums->kernel->queue);
}

void checksums_deinit(struct checksums *checksums)
{
	checksums->source = sd_event_source_disable_unref(checksums->source);
}

/* What was impossible may be possible now: modules come with updates, programs end. */
void checksums_forget(struct checksums *checksums)
{
	for (size_t i = 0; i < CHECKSUM_MAX_; i++) {
		if (checksums->states[i] == CHECKSUM_IMPOSSIBLE)
			checksums->states[i] = CHECKSUM_UNKNOWN;
		checksums->n_refusals[i] = 0;
	}
	checksums->changed = true;
}

static void ask_again(struct checksums *checksums)
{
	const uint64_t now_us = clock_us();

	for (size_t i = 0; i < CHECKSUM_MAX_; i++)
		if (checksums->states[i] == CHECKSUM_IMPOSSIBLE && checksums->ask_at_us[i] <= now_us) {
			checksums->states[i] = CHECKSUM_UNKNOWN;
			checksums->changed = true;
		}
}

static void rule_out(struct checksums *checksums, enum checksum_strategy strategy, const char *reason)
{
	if (strcmp(checksums->reasons[strategy], reason) != 0)
		log_say(5, NULL, NULL, "checksums of DHCP replies: %s is not possible: %s", checksum_strategy_name(strategy), reason);
	snprintf(checksums->reasons[strategy], sizeof(checksums->reasons[strategy]), "%s", reason);
	checksums->states[strategy] = CHECKSUM_IMPOSSIBLE;
	checksums->ask_at_us[strategy] = clock_us() + backoff_us(ASK_AGAIN_US, checksums->n_refusals[strategy]);
	checksums->n_refusals[strategy] += checksums->n_refusals[strategy] < UINT8_MAX;
	checksums->changed = true;
}

static bool is_possible(struct checksums *checksums, enum checksum_strategy strategy)
{
	char reason[CHECKSUMS_REASON_SIZE];

	if (checksums->states[strategy] == CHECKSUM_UNKNOWN) {
		if (checksum_probe(checksums->kernel, strategy, reason, sizeof(reason)))
			checksums->states[strategy] = CHECKSUM_POSSIBLE;
		else
			rule_out(checksums, strategy, reason);
	}
	return checksums->states[strategy] == CHECKSUM_POSSIBLE;
}

/* What of this network's ways is possible, asked in their order until one is. */
static enum checksum_strategy choose(struct checksums *checksums, const struct network *network)
{
	for (enum checksum_strategy strategy = CHECKSUM_NFT; strategy < CHECKSUM_MAX_; strategy++)
		if (desired_checksum(network, (uint8_t)(1 << strategy)) != CHECKSUM_OFF && is_possible(checksums, strategy))
			return strategy;
	return CHECKSUM_OFF;
}

static int on_queue(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	struct checksums *checksums = data;

	/* The next pass listens anew. */
	if (queue_read(&checksums->kernel->queue) < 0) {
		close_listener(checksums);
		checksums->changed = true;
	}
	return 0;
}

static void listen_to_queue(struct checksums *checksums)
{
	char reason[CHECKSUMS_REASON_SIZE];
	int r;

	r = queue_open(&checksums->kernel->queue);
	if (r == 0)
		r = sd_event_add_io(checksums->event, &checksums->source, nl_channel_fd(&checksums->kernel->queue), EPOLLIN,
				    on_queue, checksums);
	if (r >= 0) {
		/* A guest waits for each of them. */
		(void)sd_event_source_set_priority(checksums->source, SD_EVENT_PRIORITY_IMPORTANT);
		return;
	}
	close_listener(checksums);
	if (r == -EPERM || r == -EBUSY)
		snprintf(reason, sizeof(reason), "another process listens to queue %d", QUEUE_NUMBER);
	else
		snprintf(reason, sizeof(reason), "the kernel has no queue for packets (nfnetlink_queue): %s", strerror(-r));
	rule_out(checksums, CHECKSUM_QUEUE, reason);
}

/*
 * Before a pass: finds out what these networks, all of which are to be up, can have, and begins or ends to listen.
 * Returns what is possible, bit n for each enum checksum_strategy. @same: the networks are those of the last time. @added: they
 * are, but for some that have gone, and these; NULL: that is not known. With @only_look nothing is begun.
 */
uint8_t checksums_choose(struct checksums *checksums, const struct network *const networks[], size_t n_networks,
			 const struct network *const added[], size_t n_added, const struct subnet_choice *choices, size_t n_choices,
			 bool same, bool only_look)
{
	bool listen = false;

	ask_again(checksums);
	if (same && !checksums->changed)
		return checksums->possible;
	/* Those that were there need nobody to listen; nor is anybody there who could stop. */
	if (added && !checksums->changed && !checksums->source) {
		networks = added;
		n_networks = n_added;
	}
	checksums->changed = false;
	for (size_t i = 0; i < n_networks; i++) {
		const struct subnet_choice *choice = subnet_find(choices, n_choices, networks[i]->name);

		if (!desired_needs_checksum(networks[i], choice))
			continue;
		if (choose(checksums, networks[i]) != CHECKSUM_QUEUE)
			continue;
		if (!checksums->source && !only_look)
			listen_to_queue(checksums);
		listen |= checksums->states[CHECKSUM_QUEUE] == CHECKSUM_POSSIBLE;
	}
	if (!listen && checksums->source && !only_look)
		close_listener(checksums);
	checksums->possible = 0;
	for (size_t i = 0; i < CHECKSUM_MAX_; i++)
		if (checksums->states[i] == CHECKSUM_POSSIBLE)
			checksums->possible |= (uint8_t)(1 << i);
	return checksums->possible;
}

/* A step has failed: because this way cannot be taken at all? Then the next pass takes another one. */
bool checksums_note_failure(struct checksums *checksums, const struct plan_step *step, const struct apply_result *result)
{
	if (step->op != PLAN_CHECKSUM_ADD || result->error != -EOPNOTSUPP)
		return false;
	rule_out(checksums, step->checksum.strategy, result->text ?: "");
	checksums->ask_at_us[step->checksum.strategy] = UINT64_MAX;
	return true;
}

/* How it is done for a network; CHECKSUM_OFF when it is not, or needs not be. */
enum checksum_strategy checksums_in_force(const struct checksums *checksums, const struct network *network,
					  const struct subnet_choice *choice)
{
	return desired_needs_checksum(network, choice) ? desired_checksum(network, checksums->possible) : CHECKSUM_OFF;
}

/* Why it is done so and not in a way before it; "" when there is nothing to say. */
void checksums_explain(const struct checksums *checksums, const struct network *network,
		       const struct subnet_choice *choice, char *buffer, size_t size)
{
	enum checksum_strategy in_force = checksums_in_force(checksums, network, choice);
	struct text text;

	text_init(&text, buffer, size);
	if (!desired_needs_checksum(network, choice)) {
		text_add(&text, "no IPv4 addresses are given out here");
		return;
	}
	if (network->checksum == NETWORK_CHECKSUM_OFF) {
		text_add(&text, "%s", STRICT_CLIENTS);
		return;
	}
	for (enum checksum_strategy strategy = CHECKSUM_NFT; strategy < CHECKSUM_MAX_ && strategy != in_force; strategy++)
		if (checksums->states[strategy] == CHECKSUM_IMPOSSIBLE &&
		    desired_checksum(network, (uint8_t)(1 << strategy)) != CHECKSUM_OFF)
			text_add(&text, "%s%s: %s", buffer[0] ? "; " : "", checksum_strategy_name(strategy),
				 checksums->reasons[strategy]);
}

/* Is nothing done although something should be? Then the words for it, with who suffers. */
bool checksums_problem(const struct checksums *checksums, const struct network *network,
		       const struct subnet_choice *choice, char *buffer, size_t size)
{
	char why[512];

	if (!desired_needs_checksum(network, choice) || network->checksum == NETWORK_CHECKSUM_OFF ||
	    desired_checksum(network, checksums->possible) != CHECKSUM_OFF)
		return false;
	checksums_explain(checksums, network, choice, why, sizeof(why));
	snprintf(buffer, size, "%s (%s)", STRICT_CLIENTS, why);
	return true;
}
