/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much may pass: [Bandwidth], for a network as a whole, and the rates of [Port], for each of its guests.
 * Pure: no system calls.
 *
 * Theory of operation. What is on its way to guests leaves the host by an interface, the bridge or a guest's port, and
 * waits there in a queue that sends at a rate (tbf): nothing is lost as long as the sender notices. What comes from
 * guests has arrived already: what is too much is dropped, by a limit that stands in the element of a set, one for
 * each bridge (what is forwarded, and what is for the host) and each port (before its bridge has looked at a frame).
 * The sets and their rules are of our tables, so they are there, and come back, with those.
 *
 * A limit of nftables counts by the second: its bucket holds what may pass in a second, and the burst besides.
 */
#include "rates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset.h"

/* What is sent at once where nothing is said: one packet of the largest kind, or what passes in 10 ms. */
#define BURST_MIN	UINT32_C(65536)
#define BURST_PART	100
/* What waits beside it: 50 ms; a few packets in any case. */
#define QUEUE_PART	20
#define QUEUE_MIN	UINT32_C(16384)
/* What belongs to a packet in a queue beside the bytes that MTU= counts. */
#define HEADERS		64
/* The kernel counts the time for a burst in 32 bits of 64 ns. */
#define BURST_SECONDS	200

/* A number with a suffix, as systemd reads sizes; of bits by thousands, of bytes by 1024. */
static int parse_size(const char *value, uint64_t base, uint64_t max, uint64_t *ret_size)
{
	static const char suffixes[] = "KMG";
	size_t length = strlen(value);
	const char *suffix = length > 0 ? strchr(suffixes, value[length - 1]) : NULL;
	uint64_t factor = 1;
	char number[16];
	uint32_t n;

	if (suffix)
		length--;
	if (length == 0 || length >= sizeof(number))
		return -EINVAL;
	memcpy(number, value, length);
	number[length] = '\0';
	if (str_parse_u32(number, UINT32_MAX, &n) < 0)
		return -EINVAL;
	for (size_t i = 0; suffix && i <= (size_t)(suffix - suffixes); i++)
		factor *= base;
	if (n > max / factor)
		return -EINVAL;
	*ret_size = n * factor;
	return 0;
}

static int parse_rate(uint64_t *rate, const char *value)
{
	uint64_t bits;

	if (parse_size(value, 1000, UINT64_C(100000000000), &bits) < 0 || bits < 8000)
		return -EINVAL;
	*rate = bits / 8;
	return 0;
}

static int parse_burst(struct network_rate *rate, const char *value)
{
	uint64_t bytes;

	if (parse_size(value, 1024, UINT64_C(1) << 30, &bytes) < 0 || bytes < 1)
		return -EINVAL;
	rate->burst = (uint32_t)bytes;
	return 0;
}

/* All of them, to be changed. NULL without memory. */
static struct network_rate *own_rates(struct network *network)
{
	if (!network->rates)
		network->rates = calloc(NETWORK_RATE_MAX_, sizeof(*network->rates));
	return network->rates;
}

#define DEFINE_KEYS(name, which)								\
int rates_parse_##name##_rate(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)\
{												\
	return own_rates(network) ? parse_rate(&network->rates[which].rate, value) : -ENOMEM;		\
}												\
												\
void rates_reset_##name##_rate(struct network *network)						\
{												\
	if (network->rates)									\
		network->rates[which].rate = 0;							\
}												\
												\
int rates_parse_##name##_burst(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)\
{												\
	return own_rates(network) ? parse_burst(&network->rates[which], value) : -ENOMEM;	\
}												\
												\
void rates_reset_##name##_burst(struct network *network)					\
{												\
	if (network->rates)									\
		network->rates[which].burst = 0;							\
}
#define DEFINE_PEAK(name, which)								\
int rates_parse_##name##_peak(struct network *network, const char *value, char why[static KEY_WHY_SIZE] _unused_)\
{												\
	return own_rates(network) ? parse_rate(&network->rates[which].peak, value) : -ENOMEM;		\
}												\
												\
void rates_reset_##name##_peak(struct network *network)						\
{												\
	if (network->rates)									\
		network->rates[which].peak = 0;							\
}
DEFINE_PEAK(to_guests, NETWORK_RATE_TO_GUESTS)
DEFINE_PEAK(to_guest, NETWORK_RATE_TO_GUEST)
DEFINE_KEYS(to_guests, NETWORK_RATE_TO_GUESTS)
DEFINE_KEYS(from_guests, NETWORK_RATE_FROM_GUESTS)
DEFINE_KEYS(to_guest, NETWORK_RATE_TO_GUEST)
DEFINE_KEYS(from_guest, NETWORK_RATE_FROM_GUEST)

static int verify_peak(const struct network_rate *rate, const char *peak, const char *rate_name, struct text *why)
{
	if (!rate->peak || (rate->rate && rate->peak > rate->rate))
		return 0;
	if (rate->rate)
		text_add(why, "%s is the rate while a burst lasts: want more than %s", peak, rate_name);
	else
		text_add(why, "%s has no meaning without %s", peak, rate_name);
	return -EINVAL;
}

/* A burst says nothing without a rate, and one that takes minutes to come back is a mistake. -EINVAL, with the key. */
int rates_verify(const struct network *network, enum key_id *ret_key, struct text *why)
{
	static const struct {
		enum key_id burst_key;
		const char *burst, *rate;
	} names[NETWORK_RATE_MAX_] = {
		[NETWORK_RATE_TO_GUESTS] = { KEY_BANDWIDTH_TO_BURST, "[Bandwidth] ToGuestsBurstBytes=", "ToGuestsRate=" },
		[NETWORK_RATE_FROM_GUESTS] = { KEY_BANDWIDTH_FROM_BURST, "[Bandwidth] FromGuestsBurstBytes=", "FromGuestsRate=" },
		[NETWORK_RATE_TO_GUEST] = { KEY_PORT_TO_BURST, "[Port] ToGuestBurstBytes=", "ToGuestRate=" },
		[NETWORK_RATE_FROM_GUEST] = { KEY_PORT_FROM_BURST, "[Port] FromGuestBurstBytes=", "FromGuestRate=" },
	};

	*ret_key = KEY_BANDWIDTH_TO_PEAK;
	if (verify_peak(network_find_rate(network, NETWORK_RATE_TO_GUESTS), "[Bandwidth] ToGuestsPeakRate=", "ToGuestsRate=",
			why) < 0)
		return -EINVAL;
	*ret_key = KEY_PORT_TO_PEAK;
	if (verify_peak(network_find_rate(network, NETWORK_RATE_TO_GUEST), "[Port] ToGuestPeakRate=", "ToGuestRate=", why) < 0)
		return -EINVAL;
	for (size_t i = 0; i < NETWORK_RATE_MAX_; i++) {
		const struct network_rate *rate = network_find_rate(network, i);

		if (!rate->burst || (rate->rate && rate->burst / rate->rate < BURST_SECONDS))
			continue;
		*ret_key = names[i].burst_key;
		if (rate->rate)
			text_add(why, "%s: at %s it takes more than %u seconds until so many bytes may pass again", names[i].burst,
				 names[i].rate, BURST_SECONDS);
		else
			text_add(why, "%s has no meaning without %s", names[i].burst, names[i].rate);
		return -EINVAL;
	}
	return 0;
}

/* Does the file ask for a rate of the network as a whole? */
bool rates_are_of_network(const struct network *network)
{
	return network_find_rate(network, NETWORK_RATE_TO_GUESTS)->rate ||
	       network_find_rate(network, NETWORK_RATE_FROM_GUESTS)->rate;
}

/* And of each port? */
bool rates_are_of_ports(const struct network *network)
{
	return network_find_rate(network, NETWORK_RATE_TO_GUEST)->rate ||
	       network_find_rate(network, NETWORK_RATE_FROM_GUEST)->rate;
}

/* The means that its rates need: bits of enum rates_means. */
uint8_t rates_means(const struct network *network)
{
	bool to = network_find_rate(network, NETWORK_RATE_TO_GUESTS)->rate ||
		  network_find_rate(network, NETWORK_RATE_TO_GUEST)->rate;
	bool from = network_find_rate(network, NETWORK_RATE_FROM_GUESTS)->rate ||
		    network_find_rate(network, NETWORK_RATE_FROM_GUEST)->rate;

	return (uint8_t)((to ? RATES_QUEUE : 0) | (from ? RATES_LIMIT : 0));
}

static uint32_t choose_burst(const struct network_rate *rate)
{
	uint64_t chosen = rate->rate / BURST_PART;

	if (rate->burst)
		return rate->burst;
	if (chosen < BURST_MIN)
		chosen = BURST_MIN;
	/* At the lowest rates, too. */
	return (uint32_t)(chosen / rate->rate < BURST_SECONDS ? chosen : rate->rate * (BURST_SECONDS - 1));
}

static int add_shaper(const struct network *network, const char link[static IFNAME_SIZE], const struct network_rate *rate,
		      struct netstate *state)
{
	struct netstate_shaper shaper;
	uint32_t burst = choose_burst(rate), least, wait;

	memset(&shaper, 0, sizeof(shaper));
	memcpy(shaper.link, link, sizeof(shaper.link));
	memcpy(shaper.network, network->name, sizeof(shaper.network));
	shaper.ours = true;
	shaper.rate = rate->rate;
	/* A packet that is larger than the burst is never sent. How large they are on a bridge of others is not ours to say. */
	least = (network->mode == NETWORK_BRIDGE ? BURST_MIN : network->mtu) + HEADERS;
	shaper.burst = burst < least ? least : burst;
	shaper.peak = rate->peak;
	/* One packet of the largest kind, where the burst is that large. */
	if (least < BURST_MIN)
		least = BURST_MIN;
	if (rate->peak)
		shaper.peak_burst = shaper.burst < least ? shaper.burst : least;
	wait = rate->rate / QUEUE_PART < QUEUE_MIN ? QUEUE_MIN : (uint32_t)(rate->rate / QUEUE_PART);
	shaper.queue = shaper.burst + wait;
	return netstate_add_shaper(state, &shaper);
}

/* An element with a limit: the data are the rate in bytes a second and the burst. */
static int add_limit(const struct network *network, enum netstate_set set, const char link[static IFNAME_SIZE],
		     const struct network_rate *rate, struct netstate *state)
{
	struct netstate_element element;
	uint32_t burst = choose_burst(rate);

	memset(&element, 0, sizeof(element));
	element.set = (uint8_t)set;
	element.key_length = ruleset_set_key_length(set);
	element.data_length = ruleset_set_data_length(set);
	memcpy(element.key, link, IFNAME_SIZE);
	memcpy(element.network, network->name, sizeof(element.network));
	/* The largest packet of a guest has to fit into the bucket, which holds a second's bytes, too. */
	if (rate->rate + burst < BURST_MIN + HEADERS)
		burst = (uint32_t)(BURST_MIN + HEADERS - rate->rate);
	memcpy(netstate_element_data(&element), &rate->rate, sizeof(rate->rate));
	memcpy(netstate_element_data(&element) + sizeof(rate->rate), &burst, sizeof(burst));
	return netstate_add_element(state, &element);
}

static int add_port(const struct network *network, uint8_t means, const struct rates_port *port, struct netstate *state)
{
	const struct network_rate *to = network_find_rate(network, NETWORK_RATE_TO_GUEST);
	const struct network_rate *from = network_find_rate(network, NETWORK_RATE_FROM_GUEST);
	int r = 0;

	if (to->rate && means & RATES_QUEUE)
		r = add_shaper(network, port->port, to, state);
	if (r == 0 && from->rate && means & RATES_LIMIT)
		r = add_limit(network, NETSTATE_SET_PORT_RATE, port->port, from, state);
	return r;
}

/*
 * Adds what holds a network to its rates, as far as there are @means: queues, elements, and the features of the table that
 * these need. @ports are those of all networks' guests. -ENOMEM.
 */
int rates_add(const struct network *network, uint8_t means, const struct rates_port *ports, size_t n_ports, struct netstate *state)
{
	const struct network_rate *to = network_find_rate(network, NETWORK_RATE_TO_GUESTS);
	const struct network_rate *from = network_find_rate(network, NETWORK_RATE_FROM_GUESTS);
	int r = 0;

	if (to->rate && means & RATES_QUEUE)
		r = add_shaper(network, network->bridge, to, state);
	if (r == 0 && from->rate && means & RATES_LIMIT) {
		state->table.features |= RULESET_RATE;
		r = add_limit(network, NETSTATE_SET_RATE, network->bridge, from, state);
	}
	/* The rules are there before the first guest is. */
	if (network_find_rate(network, NETWORK_RATE_FROM_GUEST)->rate && means & RATES_LIMIT)
		state->table.features |= RULESET_PORT_RATE;
	for (size_t i = 0; r == 0 && i < n_ports; i++)
		if (strcmp(ports[i].bridge, network->bridge) == 0)
			r = add_port(network, means, &ports[i], state);
	return r;
}

/* The kernel keeps a burst as the time that it takes, in units of 64 ns. */
static bool is_near(uint32_t want, uint32_t have, uint64_t rate)
{
	return (want > have ? want - have : have - want) <= rate / 1000000 + want / 1024 + 2;
}

/* Is it the queue that it should be? */
bool rates_same(const struct netstate_shaper *want, const struct netstate_shaper *have)
{
	return have->ours && want->rate == have->rate && want->peak == have->peak && want->queue == have->queue &&
	       is_near(want->burst, have->burst, want->rate) && is_near(want->peak_burst, have->peak_burst, want->peak);
}

/* "8M", as a file says it. */
static void print_rate(uint64_t rate, struct text *text)
{
	static const char *const suffixes[] = { "", "K", "M", "G" };
	uint64_t bits = rate * 8;
	size_t i = 0;

	for (; bits % 1000 == 0 && i + 1 < ARRAY_SIZE(suffixes); i++)
		bits /= 1000;
	text_add(text, "%llu%s", (unsigned long long)bits, suffixes[i]);
}

static void print_pair(const struct network_rate *to, const struct network_rate *from, struct text *text)
{
	if (to->rate) {
		text_add(text, " to ");
		print_rate(to->rate, text);
		if (to->peak) {
			text_add(text, " (at most ");
			print_rate(to->peak, text);
			text_add(text, ")");
		}
	}
	if (from->rate) {
		text_add(text, "%s from ", to->rate ? "," : "");
		print_rate(from->rate, text);
	}
}

/* In words, "" for a network without: "all guests: to 100M, from 50M; each guest: to 10M". */
void rates_print(const struct network *network, struct text *text)
{
	if (rates_are_of_network(network)) {
		text_add(text, "all guests:");
		print_pair(network_find_rate(network, NETWORK_RATE_TO_GUESTS), network_find_rate(network, NETWORK_RATE_FROM_GUESTS), text);
	}
	if (rates_are_of_ports(network)) {
		text_add(text, "%seach guest:", rates_are_of_network(network) ? "; " : "");
		print_pair(network_find_rate(network, NETWORK_RATE_TO_GUEST), network_find_rate(network, NETWORK_RATE_FROM_GUEST), text);
	}
}

/* What is not held to its rate, and for want of what: @missing of enum rates_means. */
void rates_explain(uint8_t missing, struct text *text)
{
	if (missing & RATES_QUEUE)
		text_add(text, "what goes to guests is not limited: this kernel has no queue that sends at a rate (CONFIG_NET_SCH_TBF)");
	if (missing & RATES_LIMIT)
		text_add(text, "%swhat comes from guests is not limited: this kernel has no limits in rules (CONFIG_NFT_LIMIT)",
			 missing & RATES_QUEUE ? "; " : "");
}
