/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the planner left alone, in words: for the status of the network that it is about. A row and a function for each kind.
 * Pure.
 */
#include "notes.h"

#include "ip.h"

#define PREFIX_TEXT_SIZE	(IP_TEXT_SIZE + sizeof("/128"))

/* "10.0.0.0/24" in a buffer of the caller's. */
static const char *print_prefix(char *buffer, size_t size, const struct ip *ip, unsigned int length)
{
	struct text text;

	text_init(&text, buffer, size);
	text_add(&text, "%s/%u", IP_TEXT(ip), length);
	return buffer;
}

#define PREFIX(_ip, _length)	print_prefix((char[PREFIX_TEXT_SIZE]){ 0 }, PREFIX_TEXT_SIZE, &(_ip), _length)
#define DESTINATION(_note)	PREFIX((_note)->address, (_note)->prefix_length)
#define OWN(_note)		PREFIX((_note)->own, (_note)->own_length)
/* A route may lead nowhere: then it has no interface. */
#define BY(_word, _note)	((_note)->link[0] ? _word : ""), ((_note)->link[0] ? STR_ESCAPED((_note)->link) : "")

static void bridge_foreign(const struct plan_note *note, struct text *text, struct text *fix _unused_)
{
	text_add(text, "there is an interface %s already that is not ours: delete or rename it, or give the network another Bridge=",
		 STR_ESCAPED(note->link));
}

static void bridge_missing(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "there is no bridge %s: Mode=bridge uses one that exists, and makes none", STR_ESCAPED(note->link));
	text_add(fix, "ip link add %s up type bridge", STR_ESCAPED(note->link));
}

static void bridge_double(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "a second bridge, %s, is marked as this network's: delete it", STR_ESCAPED(note->link));
	text_add(fix, "ip link delete %s", STR_ESCAPED(note->link));
}

static void table_owned(const struct plan_note *note _unused_, struct text *text, struct text *fix _unused_)
{
	text_add(text, "another process owns the firewall table inet guestnet: is a second guestnetd running?");
}

static void address_foreign(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "%s has an address that is not ours: %s", STR_ESCAPED(note->link), DESTINATION(note));
	text_add(fix, "ip address delete %s dev %s", DESTINATION(note), STR_ESCAPED(note->link));
}

static void address_off(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "IPv6 is off on %s (disable_ipv6, or ipv6.disable=1 at boot), so it does not have %s, and guests have no IPv6",
		 STR_ESCAPED(note->link), DESTINATION(note));
	text_add(fix, "sysctl -w net/ipv6/conf/%s/disable_ipv6=0", STR_ESCAPED(note->link));
}

static void port_physical(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "the network card %s is a port of this network's bridge: it does not belong there", STR_ESCAPED(note->link));
	text_add(fix, "ip link set %s nomaster", STR_ESCAPED(note->link));
}

static void port_second(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "a second network card, %s, is a port of this network's bridge: if both lead to the same LAN, frames go round for ever; take it off, or say STP=yes",
		 STR_ESCAPED(note->link));
	text_add(fix, "ip link set %s nomaster", STR_ESCAPED(note->link));
}

static void guest_route_foreign(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "the host has a route to %s%s%s that is not ours: %s", DESTINATION(note), BY(" by ", note), note->harmless ?
		 "it leads where [Route] says, and stays when that is gone" : "it comes before the one of [Route]");
	text_add(fix, "ip route delete %s%s%s", DESTINATION(note), BY(" dev ", note));
}

static void guest_route_taken(const struct plan_note *note, struct text *text, struct text *fix _unused_)
{
	text_add(text, "[Route] Destination=%s has addresses that the network of %s chose by itself: give that one an Address= of its own",
		 DESTINATION(note), STR_ESCAPED(note->link));
}

/* What is to be done about a route that leads where the network is. */
static void add_way(const struct plan_note *note, const char *written, struct text *text, struct text *fix)
{
	static const char *const words[] = {
		[PLAN_WAY_ASKED] = "guestnet renumber moves the network to another prefix",
		[PLAN_WAY_LATER] = "the network moves to another prefix when its last guest has left, or at once with guestnet renumber",
		[PLAN_WAY_NOW] = "the network moves to another prefix as soon as there is one that nothing leads to",
	};

	text_add(text, "; %s", note->way == PLAN_WAY_WRITTEN ? written : words[note->way]);
	text_add(fix, "guestnet %s %s", note->way == PLAN_WAY_WRITTEN ? "edit" : "renumber", note->network);
}

static void route_inside(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "the host has a route to %s%s%s, which is inside %s: what is sent to guests with these addresses goes there",
		 DESTINATION(note), BY(" by ", note), OWN(note));
	add_way(note, "give the network another Address=", text, fix);
}

static void route_wider(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "the host has a route to %s%s%s, and this network is a part of that: others with addresses in %s cannot be reached from here",
		 DESTINATION(note), BY(" by ", note), OWN(note));
	add_way(note, "give the network another Address= if they must be", text, fix);
}

static void route_table(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "routing table %u has a route to %s%s%s, and this network is %s: where a rule (ip rule) leads to that table, what is sent to guests goes there",
		 note->table, DESTINATION(note), BY(" by ", note), OWN(note));
	add_way(note, "give the network another Address=, or that table a route to it", text, fix);
}

static void tap_foreign(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "there is an interface %s already that is not the tap which [Tap] declares: delete or rename it, or give the tap another Name=",
		 STR_ESCAPED(note->link));
	text_add(fix, "ip link delete %s", STR_ESCAPED(note->link));
}

static void tap_busy(const struct plan_note *note, struct text *text, struct text *fix _unused_)
{
	text_add(text, "tap %s is not as its section [Tap] says (owner, queues), and a guest uses it: it is mended when that guest ends",
		 STR_ESCAPED(note->link));
}

static void tap_leaving(const struct plan_note *note, struct text *text, struct text *fix _unused_)
{
	text_add(text, "no section [Tap] declares tap %s any more, and a guest uses it: it goes when that guest ends",
		 STR_ESCAPED(note->link));
}

static void shaper_foreign(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "another program has put a queue at %s: what goes to guests by it is not held to the rate of this network's file",
		 STR_ESCAPED(note->link));
	text_add(fix, "tc qdisc delete dev %s root", STR_ESCAPED(note->link));
}

static void proxy_aside(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "%s is on no LAN that %s is a part of, so the host answers for no guest there: ProxyARP= needs an Address= from the LAN's prefix",
		 STR_ESCAPED(note->link), OWN(note));
	text_add(fix, "ip address show dev %s", STR_ESCAPED(note->link));
}

static void proxy_taken(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "%s, on the LAN of %s, is the host's own or its gateway's, and inside %s, which ProxyARP= would answer for: give the network another Address=, one that nobody has a part of",
		 IP_TEXT(&note->address), STR_ESCAPED(note->link), OWN(note));
	text_add(fix, "guestnet edit %s", note->network);
}

static void tunnel_foreign(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "there is an interface %s already that is not this network's tunnel: other hosts are not reached; delete or rename it",
		 STR_ESCAPED(note->link));
	text_add(fix, "ip link delete %s", STR_ESCAPED(note->link));
}

static void tunnel_lost(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "the host has no route to %s, a Remote= of section [Tunnel]: guests there are not reached", IP_TEXT(&note->address));
	text_add(fix, "ip route get %s", IP_TEXT(&note->address));
}

static void tunnel_tight(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "packets of up to %u bytes are to reach guests on other hosts, and %u is what passes by %s: larger ones arrive in pieces, or not at all; say MTU=%u on all hosts of the network, or let %s take more",
		 note->mtu, note->fitting_mtu, STR_ESCAPED(note->link), note->fitting_mtu, STR_ESCAPED(note->link));
	text_add(fix, "guestnet edit %s", note->network);
}

static void tunnel_local(const struct plan_note *note, struct text *text, struct text *fix)
{
	text_add(text, "Local=%s of section [Tunnel] is no address of this host: other hosts are not reached from it", IP_TEXT(&note->address));
	text_add(fix, "guestnet edit %s", note->network);
}

static const struct row {
	enum note_weight weight;
	void (*print)(const struct plan_note *note, struct text *text, struct text *fix);
} rows[] = {
	[PLAN_NOTE_BRIDGE_FOREIGN] = { NOTE_FAILING, bridge_foreign },
	[PLAN_NOTE_BRIDGE_MISSING] = { NOTE_FAILING, bridge_missing },
	[PLAN_NOTE_BRIDGE_DOUBLE] = { NOTE_REMARK, bridge_double },
	[PLAN_NOTE_ADDRESS_FOREIGN] = { NOTE_REMARK, address_foreign },
	[PLAN_NOTE_ADDRESS_OFF] = { NOTE_DEGRADING, address_off },	/* but for one that nobody has written */
	[PLAN_NOTE_PORT_PHYSICAL] = { NOTE_DEGRADING, port_physical },
	[PLAN_NOTE_GUEST_ROUTE_FOREIGN] = { NOTE_DEGRADING, guest_route_foreign },	/* but for a harmless one */
	[PLAN_NOTE_GUEST_ROUTE_TAKEN] = { NOTE_DEGRADING, guest_route_taken },
	[PLAN_NOTE_PORT_SECOND] = { NOTE_DEGRADING, port_second },
	[PLAN_NOTE_ROUTE_WIDER] = { NOTE_REMARK, route_wider },
	[PLAN_NOTE_ROUTE_INSIDE] = { NOTE_DEGRADING, route_inside },
	[PLAN_NOTE_ROUTE_TABLE] = { NOTE_REMARK, route_table },
	[PLAN_NOTE_TAP_FOREIGN] = { NOTE_DEGRADING, tap_foreign },
	[PLAN_NOTE_TAP_BUSY] = { NOTE_DEGRADING, tap_busy },
	[PLAN_NOTE_TAP_LEAVING] = { NOTE_REMARK, tap_leaving },
	[PLAN_NOTE_SHAPER_FOREIGN] = { NOTE_DEGRADING, shaper_foreign },
	[PLAN_NOTE_PROXY_ASIDE] = { NOTE_DEGRADING, proxy_aside },
	[PLAN_NOTE_PROXY_TAKEN] = { NOTE_FAILING, proxy_taken },
	[PLAN_NOTE_TUNNEL_LOST] = { NOTE_DEGRADING, tunnel_lost },
	[PLAN_NOTE_TUNNEL_TIGHT] = { NOTE_DEGRADING, tunnel_tight },
	[PLAN_NOTE_TUNNEL_LOCAL] = { NOTE_DEGRADING, tunnel_local },
	[PLAN_NOTE_TUNNEL_FOREIGN] = { NOTE_DEGRADING, tunnel_foreign },
	[PLAN_NOTE_TABLE_OWNED] = { NOTE_FAILING, table_owned },
};
_Static_assert(ARRAY_SIZE(rows) == PLAN_NOTE_MAX_, "a row for each kind of note");

/*
 * Adds to @text what the note says, with its consequence, and to @fix the command that mends it, or nothing. Returns
 * what it means for the network.
 */
enum note_weight notes_print(const struct plan_note *note, struct text *text, struct text *fix)
{
	const struct row *row = &rows[note->kind];

	row->print(note, text, fix);
	return note->harmless ? NOTE_REMARK : row->weight;
}
