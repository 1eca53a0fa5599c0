/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do rules of others for frames keep guests from their host? For each port of a network's bridge, what a guest there begins with
 * is followed: the request for an address, the question who has the gateway's, a packet to the outside; and the answers. And from
 * each other? There what a guest sends to that of the next port is followed.
 *
 * Rules against forged addresses are common here, so nothing is thought up: a guest's frame has the addresses that the bridge and
 * the host have heard of it, and what would need more is not judged.
 */
#include "frames.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "../why/evaluate.h"

#define PLACES	16

/* One rule, or policy, and all that it drops. */
struct blame {
	struct stopped stopped;
	char what[256];
	const struct look_port *first, *last;	/* borrowed */
	size_t n_ports;
	char others[120];		/* names of those behind the first, as nft has them: as many as there is room for */
};

struct frames {
	struct doctor *doctor;
	const struct report *report;
	const struct link *bridge;
	struct look_port *ports;	/* owned */
	size_t n_ports;
	struct mac mac;			/* the bridge's own */
	bool has_mac;
	struct blame blames[PLACES];
	size_t n_blames;
};

static const int to_bridge[] = { EVALUATE_INGRESS, NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, -1 };
static const int through_bridge[] = { NF_INET_FORWARD, -1 };
static const int from_bridge[] = { NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING, EVALUATE_EGRESS, -1 };

/* Behind a network card, or what is made of some, is no guest. */
static bool is_guest_port(const struct link *link)
{
	static const char *const others[] = { "", "vlan", "bond", "team", "vxlan", "dummy", "gretap", "ip6gretap", "geneve" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(link->kind, others[i]) == 0)
			return false;
	return true;
}

/* Is there anything that might drop a frame here? Mostly there is nothing. */
static bool has_rules(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->rules.n_chains; i++) {
		const struct rules_chain *chain = &doctor->rules.chains[i];

		if ((chain->family == NFPROTO_BRIDGE || chain->n_devices > 0) && chain->hook >= 0 && (chain->n_rules > 0 || chain->drops) &&
		    strcmp(chain->table, "guestnet") != 0)
			return true;
	}
	return false;
}

static int find_ports(struct frames *frames)
{
	const struct link_table *links = &frames->doctor->look.links;

	frames->ports = calloc(links->n_links + 1, sizeof(*frames->ports));
	if (!frames->ports)
		return -ENOMEM;
	for (size_t i = 0; i < links->n_links; i++)
		if (links->links[i].master == frames->bridge->ifindex && is_guest_port(&links->links[i]))
			frames->ports[frames->n_ports++].ifindex = links->links[i].ifindex;
	look_ports(&frames->doctor->look, frames->bridge->ifindex, frames->ports, frames->n_ports);
	frames->has_mac = look_mac(&frames->doctor->look, frames->bridge->ifindex, &frames->mac);
	return 0;
}

static struct blame *find_blame(struct frames *frames, const struct stopped *stopped)
{
	for (size_t i = 0; i < frames->n_blames; i++)
		if (strcmp(frames->blames[i].stopped.place, stopped->place) == 0)
			return &frames->blames[i];
	return NULL;
}

/*
 * A frame of the guest at a port, or for it. @kind says in words what it is, @what in those of nft. Of ports the first is told that
 * a rule is about; one that drops several kinds has to let all of them pass.
 */
static void judge(struct frames *frames, const struct look_port *port, struct packet packet, const char *kind, const char *what)
{
	const bool answer = packet.oif.index;
	const int *hooks = answer ? from_bridge : to_bridge;
	struct stopped stopped;
	struct blame *blame;
	size_t length;

	if (!doctor_is_stopped(frames->doctor, &packet, hooks, what, &stopped))
		return;
	blame = find_blame(frames, &stopped);
	if (!blame && frames->n_blames < PLACES) {
		blame = &frames->blames[frames->n_blames++];
		*blame = (struct blame){ .stopped = stopped, .first = port, .last = port, .n_ports = 1 };
		snprintf(blame->what, sizeof(blame->what), "%s", kind);
	} else if (blame && port == blame->first) {
		length = strlen(blame->what);
		snprintf(blame->what + length, sizeof(blame->what) - length, ", %s", kind);
		if (doctor_is_stopped(frames->doctor, &packet, hooks, "", &stopped))
			memcpy(blame->stopped.fix, stopped.fix, sizeof(stopped.fix));
	} else if (blame && port != blame->last) {
		blame->last = port;
		blame->n_ports++;
		length = strlen(blame->others);
		if (length + IFNAME_SIZE + 4 < sizeof(blame->others))
			snprintf(blame->others + length, sizeof(blame->others) - length, ", \"%s\"",
				 look_link_name(&frames->doctor->look, port->ifindex));
	}
}

/* A frame from the guest at a port to the host. @everybody: it is for all. */
static struct packet from_guest(const struct frames *frames, const struct look_port *port, uint8_t family, bool everybody)
{
	struct packet packet = { .family = family, .frame = true, .source_mac = port->mac, .has_source_mac = port->has_mac };

	snprintf(packet.bridge, sizeof(packet.bridge), "%s", frames->bridge->names[0]);
	look_packet_device(&frames->doctor->look, port->ifindex, &packet.iif);
	packet.target_mac = frames->mac;
	packet.has_target_mac = frames->has_mac || everybody;
	if (everybody)
		memset(packet.target_mac.bytes, 0xff, sizeof(packet.target_mac.bytes));
	return packet;
}

/* What the host answers to that. */
static struct packet to_guest(const struct frames *frames, const struct look_port *port, const struct packet *question)
{
	struct packet answer = packet_answer(question);

	answer.iif = (struct packet_device){ 0 };
	answer.oif = question->iif;
	answer.source_mac = frames->mac;
	answer.has_source_mac = frames->has_mac;
	answer.target_mac = port->mac;
	answer.has_target_mac = port->has_mac;
	return answer;
}

/* The answer is for everybody, as it is where the client cannot take another one. */
static void judge_dhcp(struct frames *frames, const struct look_port *port)
{
	struct packet request = from_guest(frames, port, AF_INET, true), reply;

	request.protocol = IPPROTO_UDP;
	request.source_port = 68;
	request.target_port = 67;
	memset(request.target, 255, 4);
	judge(frames, port, request, "guests' DHCP requests", "udp dport 67 ");
	reply = to_guest(frames, port, &request);
	(void)doctor_read_gateway(frames->report, AF_INET, reply.source);
	memset(reply.target, 255, 4);
	judge(frames, port, reply, "DHCP replies to guests", "udp sport 67 ");
}

/* From no address yet (RFC 5227), where the guest's is not known. */
static void judge_arp(struct frames *frames, const struct look_port *port)
{
	struct packet question = from_guest(frames, port, AF_INET, true);

	if (!doctor_read_gateway(frames->report, AF_INET, question.target))
		return;
	question.arp = true;
	if (port->has_address4)
		memcpy(question.source, port->address4, sizeof(port->address4));
	judge(frames, port, question, "guests' ARP requests", "ether type arp ");
	judge(frames, port, to_guest(frames, port, &question), "ARP replies to guests", "ether type arp ");
}

/* Who has the gateway's address, asked of its group (RFC 4861, 4.3), and from no address where the guest's is not known. */
static void judge_neighbour(struct frames *frames, const struct look_port *port)
{
	struct packet question = from_guest(frames, port, AF_INET6, true);
	static const uint8_t group[16] = { 0xff, 0x02, [11] = 1, [12] = 0xff };
	uint8_t gateway[16];

	if (!doctor_read_gateway(frames->report, AF_INET6, gateway))
		return;
	memcpy(question.target, group, sizeof(group));
	memcpy(question.target + 13, gateway + 13, 3);
	question.target_mac = (struct mac){ { 0x33, 0x33, 0xff, gateway[13], gateway[14], gateway[15] } };
	if (port->has_address6)
		memcpy(question.source, port->address6, sizeof(port->address6));
	question.protocol = IPPROTO_ICMPV6;
	question.source_port = 135;
	judge(frames, port, question, "guests' neighbour solicitations", "meta l4proto ipv6-icmp ");
}

static void judge_way_out(struct frames *frames, const struct look_port *port, uint8_t family)
{
	const bool six = family == AF_INET6;
	struct packet packet = from_guest(frames, port, family, false);

	if (six ? !port->has_address6 : !port->has_address4)
		return;
	if (six)
		memcpy(packet.source, port->address6, sizeof(port->address6));
	else
		memcpy(packet.source, port->address4, sizeof(port->address4));
	memcpy(packet.target, doctor_outside[six], sizeof(packet.target));
	packet.protocol = IPPROTO_TCP;
	packet.source_port = 40000;
	packet.target_port = 443;
	judge(frames, port, packet, "guests' packets to the outside", "");
	judge(frames, port, to_guest(frames, port, &packet), "answers from the outside to guests", "");
}

/* Those of the bridge's guests, as nft has them: as many as there is room for. */
static void name_ports(const struct frames *frames, char *buffer, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < frames->n_ports && length + IFNAME_SIZE + 4 < size; i++)
		length += (size_t)snprintf(buffer + length, size - length, "%s\"%s\"", length ? ", " : "",
					   look_link_name(&frames->doctor->look, frames->ports[i].ifindex));
}

/*
 * What the guest at one port sends to that of another. More than a note is not said: whoever keeps guests apart may mean it.
 * True when it was.
 */
static bool judge_between(const struct frames *frames, const struct look_port *to, struct packet packet, const char *what)
{
	struct doctor *doctor = frames->doctor;
	struct stopped stopped;
	char ports[120], *at;

	look_packet_device(&doctor->look, to->ifindex, &packet.oif);
	packet.target_mac = to->mac;
	if (packet.arp)
		memset(packet.target_mac.bytes, 0xff, sizeof(packet.target_mac.bytes));
	packet.has_target_mac = true;
	if (!doctor_is_stopped(doctor, &packet, through_bridge, what, &stopped) || stopped.verdict != VERDICT_PROBLEM)
		return false;
	name_ports(frames, ports, sizeof(ports));
	at = strstr(stopped.fix, " iifname ");
	if (at)
		snprintf(at, sizeof(stopped.fix) - (size_t)(at - stopped.fix), " iifname { %s } oifname { %s } %saccept", ports, ports, what);
	doctor_fix(doctor_add(doctor, VERDICT_NOTE, "network %s: %s from guest to guest (ports %s and %s) are dropped by %s",
			      frames->report->name, packet.arp ? "ARP requests" : "packets", packet.iif.name,
			      look_link_name(&doctor->look, to->ifindex), stopped.place), false, "%s", stopped.fix);
	return true;
}

/* A guest to the next one; false where nothing is told, nor judged where an address is not known. */
static bool judge_next(const struct frames *frames, const struct look_port *from, const struct look_port *to, uint8_t family)
{
	const bool six = family == AF_INET6;
	struct packet packet = from_guest(frames, from, family, true), question;

	if (six ? !from->has_address6 || !to->has_address6 : !from->has_address4 || !to->has_address4)
		return false;
	memcpy(packet.source, six ? from->address6 : from->address4, packet_address_length(&packet));
	memcpy(packet.target, six ? to->address6 : to->address4, packet_address_length(&packet));
	packet.protocol = IPPROTO_TCP;
	packet.source_port = 40000;
	packet.target_port = 443;
	question = packet;
	question.arp = true;
	return judge_between(frames, to, packet, "") || (!six && judge_between(frames, to, question, "ether type arp "));
}

/* Each guest to the next, until something is told; ports that the bridge itself keeps apart are left out. */
static void judge_each_other(const struct frames *frames)
{
	struct look *look = &frames->doctor->look;

	for (size_t i = 0; i + 1 < frames->n_ports; i++) {
		const struct look_port *from = &frames->ports[i], *to = &frames->ports[i + 1];

		if (!from->has_mac || !to->has_mac || (look_port_is_isolated(look, from->ifindex) && look_port_is_isolated(look, to->ifindex)))
			continue;
		if (judge_next(frames, from, to, AF_INET) || judge_next(frames, from, to, AF_INET6))
			return;
	}
}

/* The command for a port, for all ports that it has to be for, as far as there is room: `iifname { "tap0", "tap1" }`. */
static void widen_fix(const struct frames *frames, struct blame *blame)
{
	char fix[sizeof(blame->stopped.fix)] = "", name[IFNAME_SIZE + 2];
	const char *before, *behind;
	struct text text;

	snprintf(name, sizeof(name), "\"%s\"", look_link_name(&frames->doctor->look, blame->first->ifindex));
	before = strstr(blame->stopped.fix, name);
	if (!before || blame->n_ports == 1)
		return;
	behind = before + strlen(name);
	text_init(&text, fix, sizeof(fix));
	text_add(&text, "%.*s{ %s%s }%s", (int)(before - blame->stopped.fix), blame->stopped.fix, name, blame->others, behind);
	memcpy(blame->stopped.fix, fix, sizeof(fix));
}

static void tell(const struct frames *frames, struct blame *blame)
{
	char more[32] = "";

	widen_fix(frames, blame);
	if (blame->n_ports > 1)
		snprintf(more, sizeof(more), ", and %zu more", blame->n_ports - 1);
	doctor_fix(doctor_add(frames->doctor, blame->stopped.verdict, "network %s: %s (port %s%s) are dropped by %s", frames->report->name, blame->what,
			      look_link_name(&frames->doctor->look, blame->first->ifindex), more, blame->stopped.place), false, "%s",
		   blame->stopped.fix);
}

/* All ports of a network's bridge. */
void frames_check(struct doctor *doctor, const struct report *report, const struct link *bridge)
{
	struct frames frames = { .doctor = doctor, .report = report, .bridge = bridge };

	if (!has_rules(doctor) || find_ports(&frames) < 0)
		return;
	for (size_t i = 0; i < frames.n_ports; i++) {
		const struct look_port *port = &frames.ports[i];

		if (strcmp(report->checksum, "none") != 0)
			judge_dhcp(&frames, port);
		judge_arp(&frames, port);
		judge_neighbour(&frames, port);
		if (doctor_is_routed(report)) {
			judge_way_out(&frames, port, AF_INET);
			judge_way_out(&frames, port, AF_INET6);
		}
	}
	judge_each_other(&frames);
	for (size_t i = 0; i < frames.n_blames; i++)
		tell(&frames, &frames.blames[i]);
	free(frames.ports);
}
