/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network cards of the host as ports of our bridges: moved on trial, kept, given back.
 * Event loop context.
 *
 * Theory of operation. Whoever moves the card by which he is logged in must not be able to lock himself out. So:
 *  - before anything is touched, everything that is on the card is in RUN/NETWORK.card;
 *  - the move is on trial at first. It is kept when the gateways that answered before answer again (without a gateway:
 *    when the card has its carrier), and, where somebody was to be asked, when he has said so. Otherwise everything goes
 *    back when ConfirmTimeout= is over; then the network is down until somebody starts it;
 *  - the file says until when. A daemon that dies in between is started again by systemd, and the new one finds the file:
 *    it completes the move and the trial, or undoes it when the time is over. One that is told to end undoes it first;
 *  - a network that is not to be any more, or whose file cannot be read after a restart, gives the card back first;
 *  - where RUN/NETWORK.card is lost, a port of a bridge of ours that has the bridge's own Ethernet address is a card that was
 *    moved: the bridge shows what is to be given back.
 *
 * A second card, with STP=yes, is a port and nothing else (`bare`). It has a file of its own, comes after the first and goes before
 * it; one that cannot be had is told of, and keeps nobody waiting.
 *
 * A card without a file has only been looked at ("ready"): a step of this very pass may take it.
 */
#include "uplinks-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/clock.h"
#include "../../lib/str.h"
#include "../kernel/link.h"
#include "../kernel/sysctl.h"
#include "../kernel/uplink.h"
#include "../model/ip.h"
#include "cardowner.h"
#include "log.h"
#include "replace.h"

#define SUFFIX		".card"
/* A neighbour answers within a millisecond or two; who does not within this is waited for without standing still. */
#define ANSWER_US	1000000
#define ANSWER_STEP_US	1000
#define ASK_FIRST_US	4000		/* until it is asked again, doubled each time */
#define ASK_AGAIN_US	500000

/* For people: once, because the two clocks do not go alike. */
static void set_end(struct card *card)
{
	card->end_us = clock_read_us(CLOCK_REALTIME) + card->uplink.deadline_us - clock_boot_us();
}

static void card_deinit(struct card *card)
{
	uplink_deinit(&card->uplink);
}

static void remove_card(struct uplinks *uplinks, struct card *card)
{
	size_t i = (size_t)(card - uplinks->cards);

	card_deinit(card);
	memmove(card, card + 1, (--uplinks->n_cards - i) * sizeof(*card));
}

/* Takes over @card. */
static struct card *add_card(struct uplinks *uplinks, struct card *card)
{
	struct card *grown = reallocarray(uplinks->cards, uplinks->n_cards + 1, sizeof(*grown));

	if (!grown) {
		card_deinit(card);
		return NULL;
	}
	uplinks->cards = grown;
	grown[uplinks->n_cards] = *card;
	return &grown[uplinks->n_cards++];
}

/* The card whose addresses a network's bridge has. */
struct card *uplinks_find(const struct uplinks *uplinks, const char *network)
{
	for (size_t i = 0; i < uplinks->n_cards; i++)
		if (!uplinks->cards[i].uplink.bare && strcmp(uplinks->cards[i].uplink.network, network) == 0)
			return &uplinks->cards[i];
	return NULL;
}

/* Another port of it. */
struct card *uplinks_find_second(const struct uplinks *uplinks, const char *network, const char *nic)
{
	for (size_t i = 0; i < uplinks->n_cards; i++) {
		const struct uplink *uplink = &uplinks->cards[i].uplink;

		if (uplink->bare && strcmp(uplink->network, network) == 0 && strcmp(uplink->nic, nic) == 0)
			return &uplinks->cards[i];
	}
	return NULL;
}

/* The file */

/* No network's name has a "+". */
static void card_path(const struct uplinks *uplinks, const struct uplink *uplink, char path[static 4096])
{
	snprintf(path, 4096, "%s/%s%s%s" SUFFIX, uplinks->options->run_root, uplink->network, uplink->bare ? "+" : "",
		 uplink->bare ? uplink->nic : "");
}

/* It is whole or it is the one before. */
static int save_card(const struct uplinks *uplinks, const struct uplink *uplink)
{
	_cleanup_(freep) char *text = NULL;
	char path[4096];
	int r = uplink_print(uplink, &text);

	if (r < 0)
		return r;
	card_path(uplinks, uplink, path);
	return replace_text(path, text, strlen(text), true);
}

static void forget_file(const struct uplinks *uplinks, const struct uplink *uplink)
{
	char path[4096];

	card_path(uplinks, uplink, path);
	if (unlink(path) < 0 && errno != ENOENT)
		log_say(3, NULL, NULL, "cannot remove %s: %m", path);
}

static void load_card(struct uplinks *uplinks, int directory_fd, const char *name)
{
	_cleanup_(fd_closep) int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_(freep) char *text = NULL;
	struct card card = { .due = true };
	struct failure failure = { 0 };
	size_t length;
	int r = fd < 0 ? -errno : fd_read_stream(fd, LIMIT_UPLINK_FILE, &text, &length);

	if (r >= 0 && strlen(text) == length)
		r = uplink_parse(text, &card.uplink, &failure);
	else if (r >= 0)
		r = -EINVAL;
	if (r < 0)
		log_say(3, NULL, NULL,
			"%s/%s cannot be read (%s): what was on a network card is in there; what is on its bridge now is given back in its place",
			uplinks->options->run_root, name, failure.text[0] ? failure.text : strerror(-r));
	else if (card.uplink.bare ? uplinks_find_second(uplinks, card.uplink.network, card.uplink.nic) :
				   uplinks_find(uplinks, card.uplink.network))
		card_deinit(&card);
	else {
		set_end(&card);
		(void)cardowner_find_client(card.uplink.nic, &card.client);
		(void)add_card(uplinks, &card);
	}
}

/* The file of one that was moved is lost: what its bridge shows takes its place. */
static void adopt_card(struct uplinks *uplinks, const struct netstate_bridge *bridge, const struct netstate_port *port)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	struct card card = { .due = true, .unsaved = true };
	struct uplink *uplink = &card.uplink;
	struct uplink_values values, usual;
	int r;

	memcpy(uplink->network, bridge->network, sizeof(uplink->network));
	memcpy(uplink->bridge, bridge->name, sizeof(uplink->bridge));
	memcpy(uplink->nic, port->name, sizeof(uplink->nic));
	uplink->seen_us = clock_boot_us();
	r = uplink_look(uplinks->kernel, port->name, bridge->name, &look);
	if (r == 0)
		r = uplink_adopt(uplink, &look);
	if (r < 0) {
		card_deinit(&card);
		log_say(3, bridge->network, NULL, "network %s: cannot look at what is on %s: %s", bridge->network, bridge->name,
			strerror(-r));
		return;
	}
	uplink_read_values(uplinks->kernel, bridge->name, &values);
	uplink_read_values(uplinks->kernel, "default", &usual);
	uplink_read_backwards(uplink, &values, &usual);
	log_say(4, bridge->network, NULL, "network %s: there is no file of what was on %s; %s gets back what is on %s now", bridge->network,
		port->name, port->name, bridge->name);
	(void)add_card(uplinks, &card);
}

/*
 * After the first look, before the first review: cards that are in bridges of ours, and no file says so. A port with the
 * bridge's own Ethernet address gave it that.
 */
void uplinks_adopt(struct uplinks *uplinks, const struct netstate *snapshot)
{
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		const struct netstate_port *port = &snapshot->ports[i];
		const struct netstate_bridge *bridge = port->tap ? NULL : netstate_find_bridge_index(snapshot, port->master);

		if (bridge && bridge->owner == NETSTATE_OURS && memcmp(&port->mac, &bridge->mac, sizeof(port->mac)) == 0 &&
		    !uplinks_find(uplinks, bridge->network))
			adopt_card(uplinks, bridge, port);
	}
	uplinks->adopted = true;
}

/* What an earlier daemon has moved, or was about to move. */
void uplinks_init(struct uplinks *uplinks, const struct manager_options *options, struct kernel *kernel,
		  struct managed_list *list)
{
	DIR *directory;
	struct dirent *entry;

	*uplinks = (struct uplinks){ .options = options, .kernel = kernel, .list = list };
	directory = opendir(options->run_root);
	while (directory && (entry = readdir(directory))) {
		size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);

		if (length > suffix && strcmp(entry->d_name + length - suffix, SUFFIX) == 0)
			load_card(uplinks, dirfd(directory), entry->d_name);
	}
	if (directory)
		closedir(directory);
}

void uplinks_deinit(struct uplinks *uplinks)
{
	for (size_t i = 0; i < uplinks->n_cards; i++)
		card_deinit(&uplinks->cards[i]);
	free(uplinks->cards);
	*uplinks = (struct uplinks){ 0 };
}

/* Neighbours */

/* One that has not answered; NULL: all have. */
static const struct ip *find_silent(const struct uplinks *uplinks, int ifindex, const struct uplink *uplink)
{
	for (size_t i = 0; i < uplink->n_gateways; i++)
		if (uplink_answer(uplinks->kernel, ifindex, &uplink->gateways[i]) == UPLINK_SILENT)
			return &uplink->gateways[i];
	return NULL;
}

/* @all: those as well that have answered once. */
static void ask(const struct uplinks *uplinks, int ifindex, const struct uplink *uplink, bool all)
{
	for (size_t i = 0; i < uplink->n_gateways; i++) {
		enum uplink_answer answer = uplink_answer(uplinks->kernel, ifindex, &uplink->gateways[i]);

		if (answer == UPLINK_SILENT || (all && answer == UPLINK_ANSWERS))
			(void)uplink_ask(uplinks->kernel, ifindex, &uplink->gateways[i]);
	}
}

/*
 * Asks, and asks again: a bridge that gets its first port sends nothing before the kernel has looked at its carrier
 * (linkwatch), and a question that is lost then is asked again only a second later by the kernel itself. All of the host's
 * traffic waits for the same answer.
 */
static void wait_for_answers(const struct uplinks *uplinks, int ifindex, const struct uplink *uplink)
{
	const struct timespec step = { .tv_nsec = ANSWER_STEP_US * 1000 };
	const uint64_t end_us = clock_us() + ANSWER_US;
	uint64_t again_us = clock_us(), wait_us = ASK_FIRST_US;

	ask(uplinks, ifindex, uplink, true);
	while (find_silent(uplinks, ifindex, uplink) && clock_us() < end_us) {
		(void)nanosleep(&step, NULL);
		if (clock_us() - again_us < wait_us)
			continue;
		ask(uplinks, ifindex, uplink, false);
		again_us = clock_us();
		wait_us *= 2;
	}
}

/* Of those that were asked, only those that have answered can tell later whether the move was good. */
static void keep_answering(const struct uplinks *uplinks, int ifindex, struct uplink *uplink)
{
	size_t n = 0;

	for (size_t i = 0; i < uplink->n_gateways; i++)
		if (uplink_answer(uplinks->kernel, ifindex, &uplink->gateways[i]) == UPLINK_ANSWERS)
			uplink->gateways[n++] = uplink->gateways[i];
	uplink->n_gateways = n;
}

static bool is_good(const struct uplinks *uplinks, const struct uplink *uplink)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	int bridge = link_index(uplinks->kernel, uplink->bridge);

	if (!bridge)
		return false;
	if (uplink->n_gateways > 0)
		return !find_silent(uplinks, bridge, uplink);
	return uplink_look(uplinks->kernel, uplink->nic, uplink->bridge, &look) == 0 && look.nic &&
		(look.carrier || !uplink->carrier);
}

/* Before a move */

static void fill_uplink(const struct network *network, const char *nic, const struct uplink_look *look, struct uplink *uplink)
{
	*uplink = (struct uplink){
		.ifindex = look->nic, .up = look->up, .carrier = look->carrier, .mac = look->mac, .mtu = look->mtu,
		.accept_ra = look->accept_ra, .ra_ignored = look->ra_ignored, .gen_mode = look->gen_mode,
	};
	memcpy(uplink->network, network->name, sizeof(uplink->network));
	memcpy(uplink->nic, nic, sizeof(uplink->nic));
	memcpy(uplink->bridge, network->bridge, sizeof(uplink->bridge));
	uplink->n_gateways = uplink_gateways(&look->on_nic, uplink->gateways);
}

static bool find_gateways(const struct uplinks *uplinks, struct uplink *uplink, struct text *problem)
{
	const size_t n = uplink->n_gateways;
	const struct ip first = uplink->gateways[0];
	bool fixed = false;

	for (size_t i = 0; i < n; i++)
		fixed |= uplink_answer(uplinks->kernel, uplink->ifindex, &uplink->gateways[i]) == UPLINK_FIXED;
	wait_for_answers(uplinks, uplink->ifindex, uplink);
	keep_answering(uplinks, uplink->ifindex, uplink);
	if (n == 0 || uplink->n_gateways > 0 || fixed)
		return true;
	text_add(problem, "%s is not moved: its gateway %s does not answer now, so nobody could tell whether it does after the move",
		 uplink->nic, IP_TEXT(&first));
	return false;
}

/* Looks whether a network's card can be moved. When not, the network is refused, with the reason. */
static int prepare(struct uplinks *uplinks, struct managed *managed, bool only_look, struct text *problem, struct text *fix)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	const struct network *network = &managed->network;
	struct card card = { .ready = true };
	int r;

	managed->card_owned = false;
	r = uplink_look(uplinks->kernel, network->uplinks[0], network->bridge, &look);
	if (r < 0) {
		text_add(problem, "cannot look at %s: %s", network->uplinks[0], strerror(-r));
		return r;
	}
	if (uplink_refuse(&look, network->uplinks[0], network->bridge, problem))
		return -EPERM;
	managed->card_owned = cardowner_manages(network->uplinks[0], look.nic, network->bridge, problem, fix);
	if (managed->card_owned)
		return -EPERM;
	fill_uplink(network, network->uplinks[0], &look, &card.uplink);
	card.uplink.ask = managed->card_ask;
	if (!only_look && !find_gateways(uplinks, &card.uplink, problem))
		return -EPERM;
	return add_card(uplinks, &card) ? 0 : -ENOMEM;
}

/* Looks at a second card that is no port of ours yet. */
static void prepare_second(struct uplinks *uplinks, const struct network *network, const char *nic)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	struct card card = { .ready = true };
	struct text text, fix_text;
	char fix[1536];
	int r = uplink_look(uplinks->kernel, nic, network->bridge, &look);

	text_init(&text, card.refusal, sizeof(card.refusal));
	text_init(&fix_text, fix, sizeof(fix));
	if (r < 0)
		text_add(&text, "cannot look at %s: %s", nic, strerror(-r));
	else if (!uplink_refuse_second(&look, nic, network->bridge, &text))
		(void)cardowner_manages(nic, look.nic, network->bridge, &text, &fix_text);
	fill_uplink(network, nic, &look, &card.uplink);
	card.uplink.bare = true;
	card.uplink.phase = UPLINK_KEPT;
	card.uplink.n_gateways = 0;
	(void)add_card(uplinks, &card);
}

static bool is_wanted_second(const struct card *card, const struct network *network)
{
	for (size_t i = 1; network && i < network->n_uplinks; i++)
		if (strcmp(network->uplinks[i], card->uplink.nic) == 0)
			return true;
	return false;
}

/* One that is not to be a port, or one that should be and is not. */
static bool is_due(const struct card *card, const struct network *network)
{
	if (!is_wanted_second(card, network))
		return !card->ready;
	return card->ready ? !card->refusal[0] : !card->in_place;
}

static bool has_due_second(const struct uplinks *uplinks, const char *name)
{
	const struct managed *managed = managed_find(uplinks->list, name);

	for (size_t i = 0; i < uplinks->n_cards; i++)
		if (uplinks->cards[i].uplink.bare && strcmp(uplinks->cards[i].uplink.network, name) == 0 &&
		    is_due(&uplinks->cards[i], managed ? &managed->network : NULL))
			return true;
	return false;
}

/* The trial */

static void give_reason(struct managed *managed, const char *reason)
{
	log_say(3, managed->network.name, NULL, "network %s: %s", managed->network.name, reason);
	managed_set_text(&managed->card_problem, reason);
	managed->card_failed = true;
}

/* Over, and nobody has found it good: the network is not wanted any more, and so the card goes back. */
static void end_trial(struct uplinks *uplinks, const struct card *card)
{
	const struct uplink *uplink = &card->uplink;
	struct managed *managed = managed_find(uplinks->list, uplink->network);
	const struct ip *silent = find_silent(uplinks, link_index(uplinks->kernel, uplink->bridge), uplink);
	char reason[512];
	struct text text;

	if (!managed)
		return;
	text_init(&text, reason, sizeof(reason));
	if (card->good && uplink->ask)
		text_add(&text, "nobody has said in time that %s on %s is good", uplink->nic, uplink->bridge);
	else if (silent)
		text_add(&text, "the gateway %s did not answer any more with %s in %s", IP_TEXT(silent), uplink->nic, uplink->bridge);
	else
		text_add(&text, "%s had no carrier any more in %s", uplink->nic, uplink->bridge);
	text_add(&text, ": everything is on %s as before", uplink->nic);
	give_reason(managed, reason);
	managed->wanted = false;
	(void)managed_remember_wanted(managed, uplinks->options);
}

static void keep_card(struct uplinks *uplinks, struct card *card)
{
	struct uplink *uplink = &card->uplink;
	int r;

	uplink->phase = UPLINK_KEPT;
	r = save_card(uplinks, uplink);
	if (r < 0) {		/* with the file as it is, the next daemon would go on with the trial */
		uplink->phase = UPLINK_TRIAL;
		log_say(3, NULL, NULL, "cannot write %s/%s" SUFFIX ": %s", uplinks->options->run_root, uplink->network, strerror(-r));
		return;
	}
	log_say(5, uplink->network, NULL, "network %s: %s is a port of %s, and what was on it is on that", uplink->network, uplink->nic,
		uplink->bridge);
}

/* Returns when to look again, CLOCK_MONOTONIC; 0: not for this card's sake. */
static uint64_t review_trial(struct uplinks *uplinks, struct card *card, uint64_t now_us)
{
	struct uplink *uplink = &card->uplink;
	const uint64_t now_boot_us = clock_boot_us(), step_us = 50000;
	uint64_t left_us;

	if (card->ready || uplink->phase != UPLINK_TRIAL || !card->in_place)
		return 0;
	card->good = card->good || is_good(uplinks, uplink);
	if (card->confirmed || (card->good && !uplink->ask)) {
		keep_card(uplinks, card);
		if (uplink->phase == UPLINK_KEPT)
			return 0;
	}
	if (now_boot_us >= uplink->deadline_us) {
		end_trial(uplinks, card);
		return 0;
	}
	left_us = uplink->deadline_us - now_boot_us;
	if (card->good)
		return now_us + left_us;
	if (now_us - card->asked_us >= ASK_AGAIN_US) {
		ask(uplinks, link_index(uplinks->kernel, uplink->bridge), uplink, false);
		card->asked_us = now_us;
	}
	return now_us + (left_us < step_us ? left_us : step_us);
}

/* Looking */

/* Something has changed: is it about a card of ours? */
void uplinks_note_dirt(struct uplinks *uplinks, const struct dirt *dirt)
{
	for (size_t i = 0; i < uplinks->n_cards; i++) {
		struct card *card = &uplinks->cards[i];
		int nic, bridge;

		card->due |= (dirt->parts & (DIRTY_LINKS | DIRTY_ADDRESSES | DIRTY_ROUTES)) != 0;
		if (card->due || dirt->n_links == 0)
			continue;
		nic = link_index(uplinks->kernel, card->uplink.nic);
		bridge = link_index(uplinks->kernel, card->uplink.bridge);
		for (unsigned int j = 0; j < dirt->n_links; j++)
			card->due |= dirt->links[j] == nic || dirt->links[j] == bridge || dirt->links[j] == card->uplink.ifindex;
	}
}

static void review_card(struct uplinks *uplinks, struct card *card)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	_cleanup_(uplink_steps_deinit) struct uplink_steps steps = UPLINK_STEPS_NULL;

	if (!card->due)
		return;
	/* What cannot be looked at is looked at again. */
	if (uplink_look(uplinks->kernel, card->uplink.nic, card->uplink.bridge, &look) < 0)
		return;
	card->unsaved |= !card->ready && uplink_shorten(&card->uplink, &look, clock_boot_us());
	if (uplink_plan(&card->uplink, &look, false, clock_boot_us(), &steps) < 0)
		return;
	card->due = false;
	card->gone = !look.nic;
	card->in_place = card->gone || (steps.n == 0 && look.bridge);
}

static bool is_card_s(const struct card *card, const struct network *network)
{
	return strcmp(card->uplink.nic, network->uplinks[0]) == 0 && strcmp(card->uplink.bridge, network->bridge) == 0;
}

static void drop_ready(struct uplinks *uplinks)
{
	for (size_t i = uplinks->n_cards; i-- > 0;)
		if (uplinks->cards[i].ready)
			remove_card(uplinks, &uplinks->cards[i]);
}

/* Is there a card of this name that another network is about to give back? Until then it does not show what it has of its own. */
static bool is_leaving(const struct uplinks *uplinks, const struct network *network)
{
	for (size_t i = 0; i < uplinks->n_cards; i++) {
		const struct card *card = &uplinks->cards[i];
		const struct managed *owner;

		if (card->ready || strcmp(card->uplink.nic, network->uplinks[0]) != 0 ||
		    strcmp(card->uplink.network, network->name) == 0)
			continue;
		owner = managed_find(uplinks->list, card->uplink.network);
		if (!owner || !owner->wanted || strcmp(card->uplink.bridge, network->bridge) == 0)
			return true;
	}
	return false;
}

/* May the bridge of this network, which has a card, be made in this pass? If not, it says why. */
static void review_network(struct uplinks *uplinks, struct managed *managed, uint64_t now_us, bool only_look,
			   void (*refuse)(void *data, const char *network, const char *text), void *data)
{
	const struct card *card = uplinks_find(uplinks, managed->network.name);
	char problem[512] = "", fix[1536] = "";
	struct text problem_text, fix_text;

	if (!card || is_card_s(card, &managed->network))
		for (size_t i = 1; i < managed->network.n_uplinks; i++)
			if (!uplinks_find_second(uplinks, managed->network.name, managed->network.uplinks[i]))
				prepare_second(uplinks, &managed->network, managed->network.uplinks[i]);
	card = uplinks_find(uplinks, managed->network.name);
	if (card && is_card_s(card, &managed->network))
		return;
	/* Another card, or another bridge, than its file says now, or another network's until now: back first. */
	managed->card_refused = card || managed->retry_at_us > now_us || is_leaving(uplinks, &managed->network);
	if (managed->card_refused)
		return;
	managed->retry_at_us = 0;
	text_init(&problem_text, problem, sizeof(problem));
	text_init(&fix_text, fix, sizeof(fix));
	managed->card_refused = prepare(uplinks, managed, only_look, &problem_text, &fix_text) < 0;
	managed_set_text(&managed->card_problem, problem);
	managed_set_text(&managed->card_fix, fix);
	if (managed->card_refused)
		refuse(data, managed->network.name, problem[0] ? problem : strerror(ENOMEM));
}

/*
 * Before a pass: looks at every card that is to be, or is, a port of ours. Networks whose card cannot be moved are marked, and
 * @refuse is called with the reason. @ret_look_us: when the next pass is due for the sake of a trial; 0: none.
 */
void uplinks_review(struct uplinks *uplinks, uint64_t now_us, bool only_look,
		    void (*refuse)(void *data, const char *network, const char *text), void *data, uint64_t *ret_look_us)
{
	uint64_t look_us = 0;

	drop_ready(uplinks);
	for (size_t i = 0; i < uplinks->n_cards; i++) {
		uint64_t when_us;

		review_card(uplinks, &uplinks->cards[i]);
		if (uplinks->cards[i].unsaved && !only_look && save_card(uplinks, &uplinks->cards[i].uplink) == 0)
			uplinks->cards[i].unsaved = false;
		when_us = only_look ? 0 : review_trial(uplinks, &uplinks->cards[i], now_us);
		if (when_us && (!look_us || when_us < look_us))
			look_us = when_us;
	}
	*ret_look_us = look_us;
	for (size_t i = 0; i < uplinks->list->n; i++) {
		struct managed *managed = uplinks->list->items[i];

		managed->card_refused = false;
		if (managed->wanted && managed->network.bridge[0] && network_has_card(&managed->network))
			review_network(uplinks, managed, now_us, only_look, refuse, data);
	}
}

/* What has been moved, as the planner sees it. -ENOMEM only. */
int uplinks_add_to_snapshot(const struct uplinks *uplinks, struct netstate *snapshot)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < uplinks->n_cards; i++) {
		const struct card *card = &uplinks->cards[i];
		struct netstate_uplink uplink = { .in_place = card->in_place && !has_due_second(uplinks, card->uplink.network) };

		if (card->ready || card->uplink.bare)
			continue;
		memcpy(uplink.network, card->uplink.network, sizeof(uplink.network));
		memcpy(uplink.bridge, card->uplink.bridge, sizeof(uplink.bridge));
		memcpy(uplink.nic, card->uplink.nic, sizeof(uplink.nic));
		r = netstate_add_uplink(snapshot, &uplink);
	}
	return r;
}

/* For desired_options.card; @data is struct uplinks. */
const struct uplink *uplinks_card(const char *network, const void *data)
{
	const struct card *card = uplinks_find(data, network);

	return card ? &card->uplink : NULL;
}

/* A number for what uplinks_card() knows. */
uint64_t uplinks_hash(const struct uplinks *uplinks)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < uplinks->n_cards; i++) {
		const struct uplink *uplink = &uplinks->cards[i].uplink;

		if (uplink->bare)
			continue;
		for (unsigned int j = 0; j < sizeof(uplink->mac); j++)
			hash = hash * 257 + uplink->mac.bytes[j];
		hash = hash * 257 + uplink->mtu;
		hash = hash * 257 + (uint64_t)(uplink->accept_ra + 1) * 16 + uplink->ra_ignored * 8 + uplink->gen_mode;
	}
	return hash;
}

/* Acting */

/* A card may have got another name since: its index is the same, and it is a port of that bridge. */
static void find_name(const struct uplinks *uplinks, const struct uplink *uplink, char ret_name[static IFNAME_SIZE])
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	char name[IFNAME_SIZE] = "";

	memcpy(ret_name, uplink->nic, IFNAME_SIZE);
	if (link_index(uplinks->kernel, uplink->nic) == uplink->ifindex || !if_indextoname((unsigned int)uplink->ifindex, name) ||
	    uplink_look(uplinks->kernel, name, uplink->bridge, &look) < 0)
		return;
	if (look.bridge && look.master == look.bridge && memcmp(&look.mac, &uplink->mac, sizeof(look.mac)) == 0)
		memcpy(ret_name, name, IFNAME_SIZE);
}

static int back(struct uplinks *uplinks, const struct uplink *uplink, struct failure *failure)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	_cleanup_(uplink_steps_deinit) struct uplink_steps steps = UPLINK_STEPS_NULL;
	struct uplink named = *uplink;	/* what it owns is borrowed */
	int r;

	find_name(uplinks, uplink, named.nic);
	r = uplink_look(uplinks->kernel, named.nic, uplink->bridge, &look);
	if (r == 0)
		r = uplink_plan(&named, &look, true, clock_boot_us(), &steps);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", uplink->nic, strerror(-r));
	if (!look.nic)
		log_say(4, uplink->network, NULL, "network %s: the network card %s is gone: what was on it cannot be given back",
			uplink->network, uplink->nic);
	return uplink_apply(uplinks->kernel, &steps, named.nic, uplink->bridge, failure);
}

/* A second card goes back with nothing; @except: those that @network names stay. All are tried; the first failure is returned. */
static int release_seconds(struct uplinks *uplinks, const char *name, const struct network *except, struct failure *failure)
{
	int first = 0;

	for (size_t i = uplinks->n_cards; i-- > 0;) {
		struct card *card = &uplinks->cards[i];
		int r;

		if (!card->uplink.bare || card->ready || strcmp(card->uplink.network, name) != 0 ||
		    (except && is_wanted_second(card, except)))
			continue;
		r = back(uplinks, &card->uplink, failure);
		first = first ?: r;
		if (r < 0)
			continue;
		forget_file(uplinks, &card->uplink);
		remove_card(uplinks, card);
	}
	return first;
}

/* The first card has what the host needs: it goes back also when a second one cannot. The first failure is returned. */
static int release(struct uplinks *uplinks, const char *network, struct failure *failure)
{
	struct card *card;
	int first = release_seconds(uplinks, network, NULL, failure), r;

	card = uplinks_find(uplinks, network);
	if (!card || card->ready)
		return first;
	r = back(uplinks, &card->uplink, failure);
	if (r < 0)
		return first ?: r;
	forget_file(uplinks, &card->uplink);
	log_say(5, network, NULL, "network %s: %s has back what was on it", network, card->uplink.nic);
	remove_card(uplinks, card);
	return first;
}

/* What was there, in a file, before anything is touched. */
static int begin_trial(struct uplinks *uplinks, struct card *card, const struct uplink_look *look, uint32_t timeout_s,
		       struct failure *failure)
{
	struct uplink *uplink = &card->uplink;
	bool changed;
	int r;

	uplink->phase = UPLINK_TRIAL;
	uplink->seen_us = clock_boot_us();
	uplink->deadline_us = uplink->seen_us + (uint64_t)timeout_s * 1000000;
	set_end(card);
	uplink_set_deinit(&uplink->was);
	uplink_read_sysctls(uplinks->kernel, uplink);
	r = uplink_remember(uplink, look, uplink->seen_us, &changed);
	if (r == 0)
		r = save_card(uplinks, uplink);
	return r < 0 ? failure_set(failure, r, "%s/%s" SUFFIX ": %s", uplinks->options->run_root, uplink->network, strerror(-r)) : 0;
}

/* What has come to the card since is to be given back, too. */
static int remember_more(struct uplinks *uplinks, struct card *card, const struct uplink_look *look)
{
	bool changed = false;
	int r = uplink_remember(&card->uplink, look, clock_boot_us(), &changed);

	return r < 0 || !changed ? r : save_card(uplinks, &card->uplink);
}

static int move(struct uplinks *uplinks, struct card *card, const struct uplink_look *look, struct failure *failure)
{
	_cleanup_(uplink_steps_deinit) struct uplink_steps steps = UPLINK_STEPS_NULL;
	int r = uplink_plan(&card->uplink, look, false, clock_boot_us(), &steps);

	if (r < 0)
		return r;
	uplink_write_sysctls(uplinks->kernel, &card->uplink);
	return uplink_apply(uplinks->kernel, &steps, card->uplink.nic, card->uplink.bridge, failure);
}

/* Most gateways answer at once: then whoever waits for the start has it. */
static void try_at_once(struct uplinks *uplinks, struct card *card)
{
	const struct uplink *uplink = &card->uplink;
	int bridge = link_index(uplinks->kernel, uplink->bridge);

	wait_for_answers(uplinks, bridge, uplink);
	card->asked_us = clock_us();
	(void)review_trial(uplinks, card, clock_us());
}

static int take_first(struct uplinks *uplinks, const struct netstate_uplink *want, struct failure *failure)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	const struct managed *managed = managed_find(uplinks->list, want->network);
	struct card *card = uplinks_find(uplinks, want->network);
	bool first;
	int r;

	if (!card || !managed)
		return failure_set(failure, -EAGAIN, "%s has not been looked at yet", want->nic);
	first = card->ready;
	r = uplink_look(uplinks->kernel, want->nic, want->bridge, &look);
	if (r == 0 && !look.bridge)
		r = -ENODEV;
	if (r == 0)
		r = first ? begin_trial(uplinks, card, &look, managed->network.confirm_timeout_s, failure) :
			    remember_more(uplinks, card, &look);
	if (r < 0)
		return failure->text[0] ? r : failure_set(failure, r, "%s: %s", want->nic, strerror(-r));
	card->ready = false;
	if (!cardowner_find_client(want->nic, &card->client))
		card->client.pid = 0;
	r = move(uplinks, card, &look, failure);
	card->due = true;
	if (r < 0 && card->uplink.phase == UPLINK_TRIAL) {
		struct failure other = { 0 };

		/* Half of it is worse than none of it. */
		if (back(uplinks, &card->uplink, &other) == 0) {
			forget_file(uplinks, &card->uplink);
			remove_card(uplinks, card);
		}
		return r;
	}
	if (r < 0)
		return r;
	card->in_place = true;
	if (card->uplink.phase == UPLINK_TRIAL)
		try_at_once(uplinks, card);
	return 0;
}

/* After the first. */
static int take_second(struct uplinks *uplinks, struct card *card, struct failure *failure)
{
	_cleanup_(uplink_look_deinit) struct uplink_look look = UPLINK_LOOK_NULL;
	const struct uplink *uplink = &card->uplink;
	int r = uplink_look(uplinks->kernel, uplink->nic, uplink->bridge, &look);

	if (r == 0 && card->ready)
		r = save_card(uplinks, uplink);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", uplink->nic, strerror(-r));
	card->ready = false;
	r = move(uplinks, card, &look, failure);
	card->due = true;
	card->in_place = r >= 0;
	return r;
}

static int take(struct uplinks *uplinks, const struct netstate_uplink *want, struct failure *failure)
{
	const struct managed *managed = managed_find(uplinks->list, want->network);
	int r = take_first(uplinks, want, failure);

	if (r == 0)
		r = release_seconds(uplinks, want->network, &managed->network, failure);
	for (size_t i = 1; r == 0 && i < managed->network.n_uplinks; i++) {
		struct card *card = uplinks_find_second(uplinks, want->network, managed->network.uplinks[i]);

		if (card && is_due(card, &managed->network))
			r = take_second(uplinks, card, failure);
	}
	return r;
}

/* The steps of a plan that are about cards. 0, or a negative errno with the reason. */
int uplinks_apply(struct uplinks *uplinks, const struct plan_step *step, struct failure *failure)
{
	return step->op == PLAN_UPLINK_TAKE ? take(uplinks, &step->uplink, failure) : release(uplinks, step->network, failure);
}

/* What is said of it */

/* Until when, CLOCK_REALTIME, a network's card is on trial; 0: it is not. */
uint64_t uplinks_trial_end(const struct uplinks *uplinks, const char *network)
{
	const struct card *card = uplinks_find(uplinks, network);

	return card && !card->ready && card->uplink.phase == UPLINK_TRIAL ? card->end_us : 0;
}

/* Somebody has found the move good. False when nothing is on trial. */
bool uplinks_confirm(struct uplinks *uplinks, const char *network)
{
	struct card *card = uplinks_find(uplinks, network);

	if (!card || card->ready || card->uplink.phase != UPLINK_TRIAL)
		return false;
	card->confirmed = true;
	return true;
}

/* The daemon ends: what is on trial would be so for ever. */
void uplinks_give_up(struct uplinks *uplinks)
{
	for (size_t i = uplinks->n_cards; i-- > 0;) {
		struct card *card = &uplinks->cards[i];
		struct failure failure = { 0 };
		char network[NETWORK_NAME_SIZE];

		/* With a card go the others of its network: what is left has moved down. */
		if (i >= uplinks->n_cards || card->ready || card->uplink.phase != UPLINK_TRIAL)
			continue;
		memcpy(network, card->uplink.network, sizeof(network));
		if (release(uplinks, network, &failure) < 0)
			log_say(3, network, NULL, "network %s: %s", network, failure.text);
	}
}
