/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet's way through this host: where it comes in, which rules see it, where it is routed, and the same for the
 * answer. System calls: through look.c and rules.c; nothing is changed and nothing is sent.
 *
 * The kernel itself is asked for its routing decision, with the device of arrival, so that rp_filter, forwarding and
 * policy routing are what they are; only the rules are run here (evaluate.c).
 */
#include "trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/str.h"
#include "describe.h"
#include "guard.h"
#include "reach.h"

void trace_deinit(struct trace *trace)
{
	look_deinit(&trace->look);
	rules_deinit(&trace->rules);
}

static void say(struct trace *trace, const char *format, ...) _printf_(2, 3);
static void say(struct trace *trace, const char *format, ...)
{
	va_list arguments;

	if (trace->n_lines == TRACE_LINES)
		return;
	va_start(arguments, format);
	vsnprintf(trace->lines[trace->n_lines++], sizeof(trace->lines[0]), format, arguments);
	va_end(arguments);
}

/* The first reason is the one that counts. */
static bool stop(struct trace *trace, const char *fix, const char *format, ...) _printf_(3, 4);
static bool stop(struct trace *trace, const char *fix, const char *format, ...)
{
	va_list arguments;

	trace->verdict = TRACE_STOPPED;
	va_start(arguments, format);
	vsnprintf(trace->reason, sizeof(trace->reason), format, arguments);
	va_end(arguments);
	snprintf(trace->fix, sizeof(trace->fix), "%s", fix);
	return false;
}

static void be_unsure(struct trace *trace, const char *format, ...) _printf_(2, 3);
static void be_unsure(struct trace *trace, const char *format, ...)
{
	va_list arguments;

	if (trace->verdict == TRACE_UNSURE)
		return;
	trace->verdict = TRACE_UNSURE;
	va_start(arguments, format);
	vsnprintf(trace->reason, sizeof(trace->reason), format, arguments);
	va_end(arguments);
}

#define ADDRESS(_packet, _bytes) \
	(inet_ntop((_packet)->family, _bytes, (char[INET6_ADDRSTRLEN]){ 0 }, INET6_ADDRSTRLEN))

/* Why our own table says no, in the words of the configuration. */
static const char *explain_ours(const struct evaluate_place *place)
{
	static const struct {
		const char *chain, *text;
	} texts[] = {
		{ "stray", "the source address is not one of its network, or the network has no way out (Mode=isolated)" },
		{ "forward", "the host routes for its networks only (ForwardGuard=yes)" },
		{ "from_bridge", "the host routes for its networks only (ForwardGuard=yes)" },
		{ "astray", "its network leaves by its Uplink= only" },
		{ "from_guest", "it belongs to no connection that is known" },
		{ "to_guest", "only answers come in to a network, and what is allowed by name" },
		{ "from_guest_in", "the source address is not one of its network" },
		{ "to_host", "of the host, guests reach their gateway's address only (HostAccess=gateway)" },
		{ "service", "of their gateway, guests reach DHCP, DNS, TFTP and ping only (HostAccess=gateway)" },
	};

	if (strcmp(place->chain->table, "guestnet") != 0)
		return NULL;
	if (place->chain->family != NFPROTO_INET)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strcmp(place->chain->name, texts[i].chain) == 0)
			return texts[i].text;
	return "";
}

static const char *const hook_names[] = {
	[EVALUATE_INGRESS] = "ingress", [EVALUATE_EGRESS] = "egress",
	[NF_INET_PRE_ROUTING] = "prerouting", [NF_INET_LOCAL_IN] = "input", [NF_INET_FORWARD] = "forward",
	[NF_INET_LOCAL_OUT] = "output", [NF_INET_POST_ROUTING] = "postrouting",
};

/* A frame that [Port] of its network's file is about. */
static bool stop_by_guard(struct trace *trace, const struct packet *frame, const struct evaluate_place *place)
{
	const struct link *bridge = link_table_find(&trace->look.links, frame->bridge);
	char alias[LOOK_ALIAS_SIZE] = "", network[LOOK_ALIAS_SIZE], text[256];

	if (bridge)
		look_alias(&trace->look, bridge->ifindex, alias);
	guard_explain(place, frame, text, sizeof(text));
	guard_network(alias, network, sizeof(network));
	return stop(trace, "", "%s is dropped: %s of the %s %s", frame->reply ? "the answer" : "the packet", text,
		    network[0] ? "network" : "network with the bridge", network[0] ? network : frame->bridge);
}

/* A packet that DenyOut= or DenyIn= of its network's file is about. */
static bool stop_by_rule(struct trace *trace, const struct packet *packet, const struct evaluate_place *place)
{
	const bool out = reach_is_out(place);
	char alias[LOOK_ALIAS_SIZE] = "", network[LOOK_ALIAS_SIZE], text[320];

	look_alias(&trace->look, out ? packet->iif.index : packet->oif.index, alias);
	guard_network(alias, network, sizeof(network));
	reach_explain(place, packet, network, text, sizeof(text));
	return stop(trace, "", "%s is rejected: %s", packet->reply ? "the answer" : "the packet", text);
}

/* All rules at a hook. False when they stop the packet. */
static bool pass_hook(struct trace *trace, struct packet *packet, int hook)
{
	struct evaluate evaluate = { .rules = &trace->rules, .fib = { look_fib, &trace->look }, .sets = { rules_ask, &trace->rules } };
	bool passes = evaluate_hook(&evaluate, packet, hook);
	const char *what = packet->reply ? "the answer" : "the packet", *ours;
	char place[384] = "", fix[320];
	const char *at = hook >= EVALUATE_INGRESS ? "device " : packet->frame ? "bridge " : "";
	struct text text;

	text_init(&text, place, sizeof(place));
	if (evaluate.unsure.chain) {
		describe_place(&evaluate.unsure, &text);
		be_unsure(trace, "it depends on \"%s\" in %s", evaluate.unsure_text, place);
		text_init(&text, place, sizeof(place));
	}
	if (!passes) {
		describe_place(&evaluate.stopped, &text);
		text_init(&text, fix, sizeof(fix));
		describe_accept(&evaluate.stopped, packet, "", &text);
		ours = explain_ours(&evaluate.stopped);
		/* A rule before it may have let it pass: that is what is said, and what comes behind is looked at. */
		if (evaluate.doubtful) {
			say(trace, "%s%s: may be stopped by %s", at, hook_names[hook], place);
			return true;
		}
		say(trace, "%s%s: stopped by %s", at, hook_names[hook], place);
		if (packet->frame && guard_is(&evaluate.stopped))
			return stop_by_guard(trace, packet, &evaluate.stopped);
		if (reach_is(&evaluate.stopped))
			return stop_by_rule(trace, packet, &evaluate.stopped);
		return stop(trace, fix, "%s is %s by %s%s%s", what, evaluate.rejected ? "rejected" : "dropped", place,
			    ours && ours[0] ? ": " : "", ours ?: "");
	}
	if (evaluate.nat.chain) {
		describe_place(&evaluate.nat, &text);
		say(trace, "%s: translated by %s%s%s", hook_names[hook], place, packet->translated && !evaluate.masqueraded ? ", now to " : "",
		    packet->translated && !evaluate.masqueraded ? ADDRESS(packet, packet->target) : "");
	} else if (evaluate.accepted.chain) {
		describe_place(&evaluate.accepted, &text);
		say(trace, "%s%s: accepted by %s", at, hook_names[hook], place);
	}
	return true;
}

/* The stricter of two settings counts (IN_DEV_RPFILTER()): 1 is the strictest, then 2, then 0. */
static long rp_filter(const char *device)
{
	long all = look_sysctl("ipv4/conf/all/rp_filter"), own = look_sysctl("ipv4/conf/%s/rp_filter", device);

	return all > own ? all : own;
}

/* The kernel has no route for what comes in at packet->iif: which of its reasons is it? */
static bool explain_route(struct trace *trace, const struct packet *packet, int error)
{
	const char *what = packet->reply ? "the answer" : "the packet";
	char alias[LOOK_ALIAS_SIZE], network[LOOK_ALIAS_SIZE], fix[LOOK_ALIAS_SIZE + 32];
	struct look_route there = { 0 }, back = { 0 };

	(void)look_route(&trace->look, packet->family, packet->target, NULL, 0, 0, &there);
	if (there.error)
		return stop(trace, "", "%s has no way: the host's routes say \"%s\" for %s", what,
			    there.type == RTN_BLACKHOLE ? "blackhole" : there.type == RTN_PROHIBIT ? "prohibited" :
			    there.type == RTN_UNREACHABLE ? "unreachable" : strerror(-there.error), ADDRESS(packet, packet->target));
	if (packet->family == AF_INET && look_sysctl("ipv4/conf/%s/forwarding", packet->iif.name) == 0) {
		bool all = look_sysctl("ipv4/ip_forward") == 0;

		snprintf(fix, sizeof(fix), "sysctl -w net.ipv4.%s%s%s=1", all ? "ip_forward" : "conf.", all ? "" : packet->iif.name,
			 all ? "" : ".forwarding");
		return stop(trace, fix, "%s is not forwarded: %s is off", what, all ? "net.ipv4.ip_forward" :
			    "forwarding of what comes in at this device");
	}
	(void)look_route(&trace->look, packet->family, packet->source, NULL, 0, 0, &back);
	if (packet->family == AF_INET && rp_filter(packet->iif.name) > 0 && (back.error || back.oif != packet->iif.index)) {
		snprintf(fix, sizeof(fix), "sysctl -w net.ipv4.conf.%s.rp_filter=%s", packet->iif.name, back.error ? "0" : "2");
		look_alias(&trace->look, packet->iif.index, alias);
		/* Its rules have let the source pass as one of the network's: then somebody else is there, too. */
		if (!back.error && guard_network(alias, network, sizeof(network))[0])
			snprintf(fix, sizeof(fix), "guestnet renumber %s", network);
		return stop(trace, fix, "%s is dropped by rp_filter of %s: the way back to %s is %s", what, packet->iif.name,
			    ADDRESS(packet, packet->source), back.error ? "none" : look_link_name(&trace->look, back.oif));
	}
	return stop(trace, "", "%s is not routed: %s", what, strerror(-error));
}

/*
 * Where the kernel sends what comes in at packet->iif (or, without one, what the host itself sends): packet->oif, or
 * *ret_local. False when nowhere.
 */
static bool route(struct trace *trace, struct packet *packet, bool *ret_local)
{
	struct look_route found;
	int r = look_route(&trace->look, packet->family, packet->target, packet->source, packet->iif.index, 0, &found);

	*ret_local = false;
	if (r < 0)
		found.error = r;
	if (found.error && packet->iif.index)
		return explain_route(trace, packet, found.error);
	if (found.error)
		return stop(trace, "", "the host has no way to %s: %s", ADDRESS(packet, packet->target), strerror(-found.error));
	if (found.type == RTN_LOCAL || found.type == RTN_BROADCAST || found.type == RTN_ANYCAST) {
		*ret_local = true;
		return true;
	}
	if (found.type == RTN_MULTICAST)
		return stop(trace, "", "%s is a multicast address: it is not forwarded", ADDRESS(packet, packet->target));
	look_packet_device(&trace->look, found.oif, &packet->oif);
	memcpy(packet->hop, found.has_gateway ? found.gateway : packet->target, sizeof(packet->hop));
	say(trace, "route: %s%s%s dev %s", ADDRESS(packet, packet->target), found.has_gateway ? " via " : "",
	    found.has_gateway ? ADDRESS(packet, found.gateway) : "", packet->oif.name);
	/* The routing table of IPv6 does not ask whether this host is a router (net/ipv6/ip6_output.c:ip6_forward()). */
	if (packet->family == AF_INET6 && packet->iif.index && look_sysctl("ipv6/conf/all/forwarding") == 0 &&
	    look_sysctl("ipv6/conf/%s/force_forwarding", packet->iif.name) <= 0)
		return stop(trace, "sysctl -w net.ipv6.conf.all.forwarding=1", "%s is not forwarded: net.ipv6.conf.all.forwarding is off",
			    packet->reply ? "the answer" : "the packet");
	return true;
}

/* The port of a bridge behind which an address is; 0 when nobody knows. */
static int find_port(struct trace *trace, uint8_t family, int bridge, const uint8_t *address)
{
	struct mac mac;

	if (!look_neighbour(&trace->look, family, address, bridge, &mac))
		return 0;
	return look_bridge_port(&trace->look, bridge, &mac);
}

/* An address that its network has given to nobody: no rule lets it get as far as the bridge. */
static bool is_given(struct trace *trace, const struct packet *packet, int bridge)
{
	char alias[LOOK_ALIAS_SIZE], network[LOOK_ALIAS_SIZE];

	look_alias(&trace->look, bridge, alias);
	if (!guard_knows_nobody(&trace->rules, alias, packet))
		return true;
	return stop(trace, "", "%s is dropped: %s is not an address of any guest: [Port] AddressBinding= of the network %s",
		    packet->reply ? "the answer" : "the packet", ADDRESS(packet, packet->source),
		    guard_network(alias, network, sizeof(network)));
}

/* Nothing is known of an address behind a bridge, and something depends on it. */
static void miss_port(struct trace *trace, const struct packet *packet, int bridge, const uint8_t *address)
{
	be_unsure(trace, "the bridge %s has not learned where %s is: let it send something", look_link_name(&trace->look, bridge),
		  ADDRESS(packet, address));
}

/* The rules for frames at one of a bridge's hooks; a port of 0 is the host's own side of it. */
static bool pass_frame(struct trace *trace, const struct packet *packet, int bridge, int from, int to, int hook)
{
	struct packet frame = *packet;

	if (!trace->frames)
		return true;
	frame.frame = true;
	snprintf(frame.bridge, sizeof(frame.bridge), "%s", look_link_name(&trace->look, bridge));
	frame.has_source_mac = from ? look_neighbour(&trace->look, packet->family, packet->source, bridge, &frame.source_mac) :
		look_mac(&trace->look, bridge, &frame.source_mac);
	frame.has_target_mac = to ? look_neighbour(&trace->look, packet->family, packet->hop, bridge, &frame.target_mac) :
		look_mac(&trace->look, bridge, &frame.target_mac);
	/* At each hook a frame has the ports that it has there (net/bridge/br_input.c, br_forward.c). */
	look_packet_device(&trace->look, hook == NF_INET_LOCAL_OUT || hook == NF_INET_POST_ROUTING || hook == EVALUATE_EGRESS ? 0 : from,
			   &frame.iif);
	look_packet_device(&trace->look, hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_IN || hook == EVALUATE_INGRESS ? 0 : to,
			   &frame.oif);
	return pass_hook(trace, &frame, hook);
}

/* From a port of the bridge to the host, before it is a packet of the host's. */
static bool enter_from_bridge(struct trace *trace, const struct packet *packet)
{
	int bridge = packet->iif.index, from;

	if (!trace->frames)
		return true;
	from = find_port(trace, packet->family, bridge, packet->source);
	if (!from && !is_given(trace, packet, bridge))
		return false;
	if (!from)
		miss_port(trace, packet, bridge, packet->source);
	return pass_frame(trace, packet, bridge, from, 0, EVALUATE_INGRESS) &&
	       pass_frame(trace, packet, bridge, from, 0, NF_INET_PRE_ROUTING) &&
	       pass_frame(trace, packet, bridge, from, 0, NF_INET_LOCAL_IN);
}

/* From the host through the bridge to a port, after all that the host has done with it. */
static bool leave_by_bridge(struct trace *trace, const struct packet *packet)
{
	int bridge = packet->oif.index, to;

	if (!trace->frames)
		return true;
	to = find_port(trace, packet->family, bridge, packet->hop);
	if (!to)
		miss_port(trace, packet, bridge, packet->hop);
	return pass_frame(trace, packet, bridge, 0, to, NF_INET_LOCAL_OUT) &&
	       pass_frame(trace, packet, bridge, 0, to, NF_INET_POST_ROUTING) &&
	       pass_frame(trace, packet, bridge, 0, to, EVALUATE_EGRESS);
}

/* One hook on the way from port to port: the bridge's own, and that of IP where br_netfilter shows it the packet. */
static bool pass_both(struct trace *trace, struct packet *packet, int from, int to, int hook)
{
	int bridge = packet->iif.index;

	return pass_frame(trace, packet, bridge, from, to, hook) && (!packet->bridged || pass_hook(trace, packet, hook));
}

/* From one guest to another on the same bridge: no routing, and rules of IP only where br_netfilter has them. */
static bool pass_bridge(struct trace *trace, struct packet *packet)
{
	int from = find_port(trace, packet->family, packet->iif.index, packet->source);
	int to = find_port(trace, packet->family, packet->iif.index, packet->target);
	uint8_t asked[16];

	if (!packet->reply)
		say(trace, "both are on bridge %s, ports %s and %s", packet->iif.name, from ? look_link_name(&trace->look, from) : "unknown",
		    to ? look_link_name(&trace->look, to) : "unknown");
	if (!from && !is_given(trace, packet, packet->iif.index))
		return false;
	if (!from || !to) {
		miss_port(trace, packet, packet->iif.index, from ? packet->target : packet->source);
	} else if (look_port_is_isolated(&trace->look, from) && look_port_is_isolated(&trace->look, to)) {
		char fix[128], alias[LOOK_ALIAS_SIZE], network[LOOK_ALIAS_SIZE];

		look_alias(&trace->look, packet->iif.index, alias);
		if (guard_isolates(alias))
			return stop(trace, "", "the ports %s and %s are isolated from each other: [Port] Isolated= of the network %s",
				    look_link_name(&trace->look, from), look_link_name(&trace->look, to),
				    guard_network(alias, network, sizeof(network)));
		snprintf(fix, sizeof(fix), "bridge link set dev %s isolated off", look_link_name(&trace->look, to));
		return stop(trace, fix, "the ports %s and %s are isolated from each other", look_link_name(&trace->look, from),
			    look_link_name(&trace->look, to));
	}
	look_packet_device(&trace->look, packet->iif.index, &packet->oif);
	memcpy(asked, packet->target, sizeof(asked));
	memcpy(packet->hop, packet->target, sizeof(packet->hop));
	packet->bridged = look_bridge_calls_iptables(&trace->look, packet->iif.index, packet->family);
	if (packet->bridged)
		say(trace, "br_netfilter: what passes the bridge is shown to the rules of IP");
	if (!pass_frame(trace, packet, packet->iif.index, from, to, EVALUATE_INGRESS) ||
	    !pass_both(trace, packet, from, to, NF_INET_PRE_ROUTING))
		return false;
	if (memcmp(asked, packet->target, sizeof(asked)) != 0)
		be_unsure(trace, "it gets a new target while it is bridged (br_netfilter)");
	return pass_both(trace, packet, from, to, NF_INET_FORWARD) && pass_both(trace, packet, from, to, NF_INET_POST_ROUTING) &&
	       pass_frame(trace, packet, packet->iif.index, from, to, EVALUATE_EGRESS);
}

static bool is_bridge(const struct trace *trace, int index)
{
	const struct link *link = look_link(&trace->look, index);

	return link && strcmp(link->kind, "bridge") == 0;
}

/* The last hook of the host's, and the bridge behind it. */
static bool pass_out(struct trace *trace, struct packet *packet)
{
	if (!pass_hook(trace, packet, NF_INET_POST_ROUTING) || !pass_hook(trace, packet, EVALUATE_EGRESS))
		return false;
	return !is_bridge(trace, packet->oif.index) || leave_by_bridge(trace, packet);
}

/*
 * br_netfilter runs the rules of IP on what comes in at a bridge, and what they turn to the bridge's own side goes on there
 * as a frame (br_netfilter_hooks.c:br_nf_pre_routing_finish()), which a bridge does not send back where it came from.
 */
static bool turn_back(struct trace *trace, const struct packet *packet, const uint8_t asked[static 16])
{
	int bridge = packet->iif.index, from, to;
	char fix[64];

	if (bridge != packet->oif.index || !is_bridge(trace, bridge) || memcmp(asked, packet->target, sizeof(packet->target)) == 0 ||
	    !look_bridge_calls_iptables(&trace->look, bridge, packet->family))
		return true;
	from = find_port(trace, packet->family, bridge, packet->source);
	to = find_port(trace, packet->family, bridge, packet->target);
	if (memcmp(packet->source, packet->target, sizeof(packet->source)) != 0 && (!from || from != to))
		return true;
	snprintf(fix, sizeof(fix), "sysctl -w net.bridge.bridge-nf-call-ip%stables=0", packet->family == AF_INET ? "" : "6");
	return stop(trace, fix, "br_netfilter has it translated before bridge %s decides, and a bridge sends nothing back to the port where it "
		    "came from", packet->iif.name);
}

/* One direction, from packet->iif.index (0: the host) on. */
static bool pass(struct trace *trace, struct packet *packet, bool *ret_local)
{
	uint8_t asked[16];
	struct look_route direct;

	*ret_local = false;
	memcpy(asked, packet->target, sizeof(asked));
	if (packet->iif.index && is_bridge(trace, packet->iif.index) &&
	    look_route(&trace->look, packet->family, packet->target, NULL, 0, 0, &direct) == 0 && !direct.error &&
	    direct.type == RTN_UNICAST && direct.oif == packet->iif.index && !direct.has_gateway)
		return pass_bridge(trace, packet);
	if (!packet->iif.index) {
		/* A host's packet is routed before its rules see it, and once more when they changed its target. */
		if (!route(trace, packet, ret_local) || !pass_hook(trace, packet, NF_INET_LOCAL_OUT))
			return false;
		if (memcmp(asked, packet->target, sizeof(asked)) != 0 && !route(trace, packet, ret_local))
			return false;
		return *ret_local || pass_out(trace, packet);
	}
	if (is_bridge(trace, packet->iif.index) && !enter_from_bridge(trace, packet))
		return false;
	if (is_bridge(trace, packet->iif.index)) {
		packet->has_source_mac = look_neighbour(&trace->look, packet->family, packet->source, packet->iif.index, &packet->source_mac);
		packet->has_target_mac = look_mac(&trace->look, packet->iif.index, &packet->target_mac);
	}
	if (!pass_hook(trace, packet, EVALUATE_INGRESS) || !pass_hook(trace, packet, NF_INET_PRE_ROUTING) || !route(trace, packet, ret_local))
		return false;
	if (*ret_local) {
		say(trace, "route: %s is this host's own address", ADDRESS(packet, packet->target));
		return pass_hook(trace, packet, NF_INET_LOCAL_IN);
	}
	return turn_back(trace, packet, asked) && pass_hook(trace, packet, NF_INET_FORWARD) && pass_out(trace, packet);
}

/* The answer to @packet as it came out at the other end; addresses are those behind any translation. */
static bool pass_answer(struct trace *trace, const struct packet *packet, bool from_host)
{
	struct packet answer = packet_answer(packet);
	bool local;

	if (packet->protocol == IPPROTO_ICMP)
		answer.source_port = answer.target_port = 0;	/* echo reply */
	if (packet->protocol == IPPROTO_ICMPV6) {
		answer.source_port = 129;
		answer.target_port = 0;
	}
	answer.bridged = false;
	answer.oif = (struct packet_device){ 0 };
	look_packet_device(&trace->look, from_host ? 0 : packet->oif.index, &answer.iif);
	return pass(trace, &answer, &local);
}

/* Does the chain stand at a port of a bridge's? */
static bool is_at_port(const struct trace *trace, const struct rules_chain *chain)
{
	for (size_t i = 0; chain->n_devices > 0 && i < trace->look.links.n_links; i++) {
		const struct link *link = &trace->look.links.links[i];

		if (link->master && evaluate_is_at(chain, link->names[0]))
			return true;
	}
	return false;
}

/* Are there rules of the family bridge, or at a port, that see anything? */
static bool has_frame_rules(const struct trace *trace)
{
	for (size_t i = 0; i < trace->rules.n_chains; i++) {
		const struct rules_chain *chain = &trace->rules.chains[i];

		if ((chain->family == NFPROTO_BRIDGE || is_at_port(trace, chain)) && chain->hook >= 0 && (chain->n_rules > 0 || chain->drops))
			return true;
	}
	return false;
}

/* Rules that nobody here can judge. */
static void check_legacy_rules(struct trace *trace, uint8_t family)
{
	const char *tables = trace->rules.legacy[family == AF_INET ? 0 : 1].tables, *six = family == AF_INET ? "" : "6";

	if (tables[0])
		be_unsure(trace, "the old iptables has rules in its tables (%s), which cannot be judged here: ip%stables-legacy-save shows them",
			  tables, six);
}

/*
 * A route of the host's may lead elsewhere than to the network that an address is in. Where a network's bridge has heard of the
 * source, it is there; *ret_network is the network's name then. False where nothing is in the way.
 */
static bool find_hidden_guest(struct trace *trace, const struct packet *packet, int *oif, char network[static LOOK_ALIAS_SIZE])
{
	char alias[LOOK_ALIAS_SIZE];
	struct mac mac;

	look_alias(&trace->look, *oif, alias);
	if (guard_network(alias, network, LOOK_ALIAS_SIZE)[0])
		return false;
	for (size_t i = 0; i < trace->look.links.n_links; i++) {
		const struct link *link = &trace->look.links.links[i];

		if (strcmp(link->kind, "bridge") != 0)
			continue;
		look_alias(&trace->look, link->ifindex, alias);
		if (!guard_network(alias, network, LOOK_ALIAS_SIZE)[0] ||
		    !look_neighbour(&trace->look, packet->family, packet->source, link->ifindex, &mac))
			continue;
		*oif = link->ifindex;
		return true;
	}
	return false;
}

/*
 * Follows a packet and its answer. @packet has addresses, protocol and ports; the rest is found out. The host itself is
 * meant by the source "unspecified". -EPERM without
 * CAP_NET_ADMIN; others as the system calls say. The caller ends @trace with trace_deinit(), after a failure too.
 */
int trace_packet(struct trace *trace, const struct packet *packet, struct failure *failure)
{
	static const uint8_t unspecified[16];
	struct packet first = *packet;
	char network[LOOK_ALIAS_SIZE], fix[LOOK_ALIAS_SIZE + 32];
	struct look_route from;
	bool local, passes, hidden = false;
	int r = look_open(&trace->look, failure), oif;

	if (r == 0)
		r = rules_load(&trace->rules, failure);
	trace->frames = r == 0 && has_frame_rules(trace);
	if (r == 0 && memcmp(first.source, unspecified, sizeof(unspecified)) == 0) {
		r = look_route(&trace->look, first.family, first.target, NULL, 0, 0, &from);
		if (r == 0 && from.error) {
			stop(trace, "", "the host has no way to %s: %s", ADDRESS(&first, first.target), strerror(-from.error));
			return 0;
		}
		memcpy(first.source, from.source, sizeof(first.source));
	}
	if (r == 0)
		r = look_route(&trace->look, first.family, first.source, NULL, 0, 0, &from);
	if (r < 0)
		return failure->text[0] ? r : failure_set(failure, r, "cannot look at the network: %s", strerror(-r));
	if (from.error || (from.type != RTN_LOCAL && from.type != RTN_UNICAST)) {
		stop(trace, "", "%s cannot be where the packet comes from: the host has no way to it", ADDRESS(&first, first.source));
		return 0;
	}
	oif = from.oif;
	if (from.type == RTN_UNICAST) {
		hidden = find_hidden_guest(trace, &first, &oif, network);
		look_packet_device(&trace->look, oif, &first.iif);
		say(trace, "it comes in at %s", first.iif.name);
	} else {
		say(trace, "it comes from this host");
	}
	passes = pass(trace, &first, &local);
	if (passes && hidden) {
		snprintf(fix, sizeof(fix), "guestnet renumber %s", network);
		passes = stop(trace, fix, "the answer goes to %s: a route of the host's leads there, and not to the network %s",
			      look_link_name(&trace->look, from.oif), network);
	}
	/* What the host tells itself needs no way. */
	if (passes && !(local && !first.iif.index))
		passes = pass_answer(trace, &first, local);
	if (passes && trace->verdict == TRACE_PASSES)
		check_legacy_rules(trace, first.family);
	return 0;
}
