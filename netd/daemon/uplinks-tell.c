/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said of network cards of the host in a network's status.
 * Reads files.
 */
#include "uplinks-internal.h"

#include <string.h>

#include "../kernel/link.h"
#include "../kernel/sysctl.h"
#include "../model/ip.h"

static void tell_trial(const struct card *card, struct text *problem, struct text *fix)
{
	const struct uplink *uplink = &card->uplink;

	text_add(problem, "%s is in %s on trial: it is undone ", uplink->nic, uplink->bridge);
	if (card->good && uplink->ask)
		text_add(problem, "unless somebody says that it is good");
	else if (uplink->n_gateways > 0)
		text_add(problem, "unless the gateway %s answers", IP_TEXT(&uplink->gateways[0]));
	else
		text_add(problem, "unless it has a carrier");
	text_add(fix, "guestnet confirm %s", uplink->network);
}

/*
 * A DHCP client of the card. One that takes all frames (dhclient, dhcpcd) hears its server on a port, too: what it sets is
 * moved. udhcpc takes those of IPv4 only, which the bridge has taken before (__netif_receive_skb_core()).
 */
static void tell_client(const struct uplink *uplink, const struct cardowner_client *client, struct text *problem, struct text *fix)
{
	const bool deaf = strcmp(client->program, "udhcpc") == 0;

	text_add(problem, "the DHCP client %s (pid %u) works on %s, ", client->program, client->pid, uplink->nic);
	if (deaf)
		text_add(problem, "and hears no answer there any more: its lease will be over without anybody noticing; have it work on %s",
			 uplink->bridge);
	else
		text_add(problem, "and what it sets there is moved to %s each time: better have it work on %s", uplink->bridge,
			 uplink->bridge);
	if (client->everywhere)
		text_add(problem, "; it looks after all interfaces: tell it to leave %s alone", uplink->nic);
	else
		text_add(fix, "kill %u && %s%s %s", client->pid, client->program, deaf ? " -b -i" : "", uplink->bridge);
}

/* False when all is well with it. */
static bool tell_lease(const struct card *card, struct text *problem, struct text *fix)
{
	const struct uplink *uplink = &card->uplink;
	const struct uplink_address *address;
	struct cardowner_client client = card->client;

	if (cardowner_is_client(uplink->nic, &client)) {
		tell_client(uplink, &client, problem, fix);
		return true;
	}
	if (!uplink_is_leased(&uplink->was, &address) || (cardowner_find_client(uplink->bridge, &client) && !client.everywhere))
		return false;
	if (cardowner_find_client(uplink->nic, &client))
		tell_client(uplink, &client, problem, fix);
	else
		text_add(problem, "%s was leased on %s, and no DHCP client is found that renews it: have one work on %s",
			 IP_TEXT(&address->local), uplink->nic, uplink->bridge);
	return true;
}

/* The global switch and those of bridges are ORed: br_nf_pre_routing() of br_netfilter. */
static bool tell_filtered(const struct uplinks *uplinks, const struct card *card, struct text *problem, struct text *fix)
{
	int v4 = 0, v6 = 0;

	(void)sysctl_read(uplinks->kernel, "bridge/bridge-nf-call-iptables", &v4);
	(void)sysctl_read(uplinks->kernel, "bridge/bridge-nf-call-ip6tables", &v6);
	if (!v4 && !v6)
		return false;
	text_add(problem, "what passes through %s goes through the host's firewall, too: net.bridge.bridge-nf-call-ip%stables is 1",
		 card->uplink.bridge, v4 ? "" : "6");
	text_add(fix, "sysctl net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
	return true;
}

/* Second cards that are no ports, or are not there: CARD_KEPT when all is well with them. */
static enum card_state tell_seconds(const struct uplinks *uplinks, const struct managed *managed, struct text *problem)
{
	for (size_t i = 1; i < managed->network.n_uplinks; i++) {
		const struct card *card = uplinks_find_second(uplinks, managed->network.name, managed->network.uplinks[i]);

		if (card && card->ready && card->refusal[0]) {
			text_add(problem, "Uplink=%s: %s", card->uplink.nic, card->refusal);
			return CARD_SECOND;
		}
		if (card && card->gone) {
			text_add(problem, "the second network card %s is gone", card->uplink.nic);
			return CARD_SECOND_GONE;
		}
	}
	return CARD_KEPT;
}

/* What is to be said of a network's card that is a port, in @problem and @fix: with CARD_NONE and CARD_KEPT it is nothing. */
enum card_state uplinks_tell(const struct uplinks *uplinks, const struct managed *managed, struct text *problem, struct text *fix)
{
	const struct card *card = uplinks_find(uplinks, managed->network.name);
	enum card_state seconds;

	if (!card || card->ready)
		return CARD_NONE;
	if (card->gone) {
		text_add(problem, "the network card %s is gone: guests on %s reach only each other until it is back", card->uplink.nic,
			 card->uplink.bridge);
		return CARD_GONE;
	}
	if (card->uplink.phase == UPLINK_TRIAL) {
		tell_trial(card, problem, fix);
		return CARD_TRIAL;
	}
	/* It may have come later, at boot for example. */
	if (cardowner_manages(card->uplink.nic, link_index(uplinks->kernel, card->uplink.nic), card->uplink.bridge, problem, fix))
		return CARD_OWNED;
	seconds = tell_seconds(uplinks, managed, problem);
	if (seconds != CARD_KEPT)
		return seconds;
	if (tell_filtered(uplinks, card, problem, fix))
		return CARD_FILTERED;
	return tell_lease(card, problem, fix) ? CARD_CLIENT : CARD_KEPT;
}

static const char *const state_names[] = {
	[CARD_NONE] = "", [CARD_KEPT] = "kept", [CARD_TRIAL] = "trial", [CARD_UNDONE] = "undone", [CARD_REFUSED] = "refused",
	[CARD_OWNED] = "owned", [CARD_GONE] = "gone", [CARD_SECOND] = "second", [CARD_SECOND_GONE] = "second-gone",
	[CARD_FILTERED] = "filtered", [CARD_CLIENT] = "client",
};
_Static_assert(ARRAY_SIZE(state_names) == CARD_STATE_MAX_, "every state has a name");

/* How a network's card is, in a word for programs: that of the problem which is told. */
const char *uplinks_state_name(const struct managed *managed)
{
	enum card_state state = managed->card_state;

	if (!network_has_card(&managed->network))
		state = CARD_NONE;
	else if (managed->card_failed)
		state = CARD_UNDONE;
	else if (!managed->wanted)
		state = CARD_NONE;
	else if (managed->card_refused && managed->card_problem[0])
		state = managed->card_owned ? CARD_OWNED : CARD_REFUSED;
	return state_names[state];
}
