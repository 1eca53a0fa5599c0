/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States and plans as text, one object a line.
 * Pure: no system calls.
 *
 * A line is the kind of the object, what identifies it, then words: a word alone is a flag that is set,
 * KEY=VALUE a value. Empty values are left out. Lines stand in the order of the state, so that equal
 * states have equal texts.
 */
#include "print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "ip.h"
#include "print-internal.h"
#include "ruleset.h"

const char *const netstate_set_names[NETSTATE_SET_MAX_] = {
	[NETSTATE_SET_BRIDGES] = "bridges", [NETSTATE_SET_SOURCE4] = "source4", [NETSTATE_SET_SOURCE6] = "source6",
	[NETSTATE_SET_SAME] = "same", [NETSTATE_SET_NAT] = "nat", [NETSTATE_SET_GATEWAY4] = "gateway4",
	[NETSTATE_SET_LOCAL4] = "local4", [NETSTATE_SET_LOCAL6] = "local6", [NETSTATE_SET_HOSTOPEN] = "hostopen",
	[NETSTATE_SET_HOSTCLOSED] = "hostclosed", [NETSTATE_SET_NAT6] = "nat6", [NETSTATE_SET_INSIDE4] = "inside4",
	[NETSTATE_SET_INSIDE6] = "inside6", [NETSTATE_SET_GUARD] = "guard",
	[NETSTATE_SET_ROUTED4] = "routed4", [NETSTATE_SET_ROUTED6] = "routed6",
	[NETSTATE_SET_UPLINKED] = "uplinked", [NETSTATE_SET_UPLINK] = "uplink", [NETSTATE_SET_NATADDR4] = "nataddr4",
	[NETSTATE_SET_NATADDR6] = "nataddr6", [NETSTATE_SET_NATPORTS] = "natports", [NETSTATE_SET_PEER] = "peer",
	[NETSTATE_SET_FORWARD4] = "forward4", [NETSTATE_SET_FORWARD6] = "forward6",
	[NETSTATE_SET_FORWARD_AT4] = "forwardat4", [NETSTATE_SET_FORWARD_AT6] = "forwardat6",
	[NETSTATE_SET_OPEN] = "open",
	[NETSTATE_SET_OUT] = "out", [NETSTATE_SET_OUT_GUEST] = "out-guest",
	[NETSTATE_SET_OUT_GUEST_ALLOW4] = "out-guest-allow4", [NETSTATE_SET_OUT_GUEST_ALLOW6] = "out-guest-allow6",
	[NETSTATE_SET_OUT_GUEST_DENY4] = "out-guest-deny4", [NETSTATE_SET_OUT_GUEST_DENY6] = "out-guest-deny6",
	[NETSTATE_SET_OUT_ALLOW4] = "out-allow4", [NETSTATE_SET_OUT_ALLOW6] = "out-allow6",
	[NETSTATE_SET_OUT_DENY4] = "out-deny4", [NETSTATE_SET_OUT_DENY6] = "out-deny6",
	[NETSTATE_SET_IN] = "in", [NETSTATE_SET_IN_GUEST4] = "in-guest4", [NETSTATE_SET_IN_GUEST6] = "in-guest6",
	[NETSTATE_SET_IN_GUEST_ALLOW4] = "in-guest-allow4", [NETSTATE_SET_IN_GUEST_ALLOW6] = "in-guest-allow6",
	[NETSTATE_SET_IN_GUEST_DENY4] = "in-guest-deny4", [NETSTATE_SET_IN_GUEST_DENY6] = "in-guest-deny6",
	[NETSTATE_SET_IN_ALLOW4] = "in-allow4", [NETSTATE_SET_IN_ALLOW6] = "in-allow6",
	[NETSTATE_SET_IN_DENY4] = "in-deny4", [NETSTATE_SET_IN_DENY6] = "in-deny6",
	[NETSTATE_SET_OPEN_OUT] = "open-out", [NETSTATE_SET_OPEN_IN] = "open-in",
	[NETSTATE_SET_PORT_GUARDED] = "port-guarded", [NETSTATE_SET_PORT_RA] = "port-ra",
	[NETSTATE_SET_PORT_DHCP] = "port-dhcp", [NETSTATE_SET_PORT_BPDU] = "port-bpdu", [NETSTATE_SET_PORT_LEASED] = "port-leased",
	[NETSTATE_SET_PORT_BOUND] = "port-bound", [NETSTATE_SET_PORT_MAC] = "port-mac", [NETSTATE_SET_PORT_TAKEN] = "port-taken",
	[NETSTATE_SET_PORT_ADDRESS4] = "port-address4", [NETSTATE_SET_PORT_ADDRESS6] = "port-address6",
	[NETSTATE_SET_PORT_GATEWAY6] = "port-gateway6", [NETSTATE_SET_PORT_RATE] = "port-rate", [NETSTATE_SET_RATE] = "rate",
};

const char *const checksum_strategy_names[CHECKSUM_MAX_] = {
	[CHECKSUM_OFF] = "off", [CHECKSUM_NFT] = "nft", [CHECKSUM_TC] = "tc", [CHECKSUM_QUEUE] = "queue",
};

const char *const netstate_table_names[NETSTATE_TABLE_MAX_] = {
	[NETSTATE_TABLE_ABSENT] = "absent", [NETSTATE_TABLE_EQUAL] = "equal", [NETSTATE_TABLE_DIFFERENT] = "different",
};

const char *checksum_strategy_name(enum checksum_strategy strategy)
{
	return checksum_strategy_names[strategy];
}

static void print_flag(FILE *file, const char *name, bool value)
{
	if (value)
		fprintf(file, " %s", name);
}

static void print_string(FILE *file, const char *name, const char *value)
{
	if (*value)
		fprintf(file, " %s=%s", name, STR_ESCAPED(value));
}

static void print_number(FILE *file, const char *name, uint64_t value)
{
	if (value)
		fprintf(file, " %s=%" PRIu64, name, value);
}

static void print_bridge(FILE *file, const struct netstate_bridge *bridge)
{
	char guards[NETSTATE_GUARDS_SIZE];

	fprintf(file, "bridge %s", STR_ESCAPED(bridge->name));
	print_number(file, "index", (uint64_t)bridge->ifindex);
	print_flag(file, "ours", bridge->owner == NETSTATE_OURS);
	print_string(file, "net", bridge->network);
	print_flag(file, "up", bridge->up);
	print_flag(file, "stp", bridge->stp);
	print_number(file, "delay", bridge->forward_delay_cs);
	print_number(file, "mtu", bridge->mtu);
	fprintf(file, " mac=" MAC_FORMAT, MAC_BYTES(bridge->mac));
	print_flag(file, "unpinned", !bridge->address_pinned);
	print_flag(file, "nf-call", bridge->nf_call);
	print_number(file, "addr-gen", bridge->addr_gen_mode);
	print_flag(file, "open", bridge->open);
	print_flag(file, "existing", bridge->existing);
	print_flag(file, "lan", bridge->lan);
	print_string(file, "proxied", bridge->proxied);
	print_flag(file, "ports-isolated", bridge->ports_isolated);
	print_number(file, "port-group", bridge->port_group);
	netstate_guard_letters(bridge->port_guards, guards);
	print_string(file, "port-guards", guards);
	for (size_t i = 0; i < bridge->n_altnames; i++)
		print_string(file, "altname", bridge->altnames[i]);
}

/* The alias stands last: it may hold blanks. */
static void print_port(FILE *file, const struct netstate_port *port)
{
	fprintf(file, "port %d name=%s", port->ifindex, STR_ESCAPED(port->name));
	print_number(file, "master", (uint64_t)port->master);
	print_string(file, "bridge", port->bridge);
	print_flag(file, "ours", port->owner == NETSTATE_OURS);
	print_flag(file, "up", port->up);
	print_flag(file, "isolated", port->isolated);
	print_flag(file, "locked", port->locked);
	print_flag(file, "learning", port->learning);
	print_flag(file, "flood", port->flood);
	print_flag(file, "physical", port->physical);
	print_flag(file, "tap", port->tap);
	print_flag(file, "kept", port->kept);
	print_flag(file, "off", port->off);
	print_flag(file, "guest", port->guest);
	print_flag(file, "made-isolated", port->made_isolated);
	print_number(file, "group", port->group);
	print_number(file, "mtu", port->mtu);
	print_number(file, "vlan", port->vlan);
	print_string(file, "alias", port->alias);
}

static void print_tap(FILE *file, const struct netstate_tap *tap)
{
	fprintf(file, "tap %s", STR_ESCAPED(tap->name));
	print_number(file, "index", (uint64_t)tap->ifindex);
	print_string(file, "net", tap->network);
	print_string(file, "bridge", tap->bridge);
	if (tap->uid != NETSTATE_NOBODY)
		fprintf(file, " uid=%u", tap->uid);
	if (tap->gid != NETSTATE_NOBODY)
		fprintf(file, " gid=%u", tap->gid);
	print_flag(file, "ours", tap->ours);
	print_flag(file, "persist", tap->persist);
	print_flag(file, "multi-queue", tap->multi_queue);
	print_flag(file, "in-use", tap->in_use);
}

static void print_address(FILE *file, const struct netstate_address *address)
{
	fprintf(file, "address %s %s/%u", STR_ESCAPED(address->link), IP_TEXT(&address->address), address->prefix_length);
	print_flag(file, "ours", address->ours);
	print_flag(file, "marked", address->marked);
	print_flag(file, "no-route", address->no_route);
}

static void print_route(FILE *file, const struct netstate_route *route)
{
	fprintf(file, "route %s/%u", IP_TEXT(&route->destination), route->prefix_length);
	print_number(file, "table", route->table);
	print_number(file, "metric", route->metric);
	if (route->gateway.family)
		fprintf(file, " via=%s", IP_TEXT(&route->gateway));
	print_string(file, "dev", route->link);
	print_flag(file, "ours", route->ours);
	print_flag(file, "delegated", route->delegated);
}

static void print_device(FILE *file, const struct netstate_device *device)
{
	fprintf(file, "device %s", STR_ESCAPED(device->name));
	print_flag(file, "card", device->card);
	print_flag(file, "ra", device->ra);
	print_flag(file, "off4", device->off4);
	print_flag(file, "off6", device->off6);
}

/* The parts of a key, or of what it stands for: ruleset_set_key(). */
static void print_parts(FILE *file, const char *parts, const uint8_t *bytes)
{
	for (; *parts; bytes += ruleset_part_length(*parts++)) {
		char name[IFNAME_SIZE + 1] = "";
		uint32_t group, burst;
		uint64_t rate;
		struct mac mac;
		struct ip ip;

		switch (*parts) {
		case 'n':
			memcpy(name, bytes, IFNAME_SIZE);
			fprintf(file, " %s", STR_ESCAPED(name));
			break;
		case 'g':
			memcpy(&group, bytes, sizeof(group));
			fprintf(file, " %u", group);
			break;
		case 'm':
			memcpy(&mac, bytes, sizeof(mac));
			fprintf(file, " " MAC_FORMAT, MAC_BYTES(mac));
			break;
		case '4':
		case '6':
			ip = *parts == '6' ? ip_v6(bytes) : ip_v4(0);
			memcpy(ip.bytes_be, bytes, ip_length(&ip));
			fprintf(file, " %s", IP_TEXT(&ip));
			break;
		case 'f':
		case 'p':
			fprintf(file, " %u", bytes[0]);
			break;
		case 's':
			fprintf(file, " %u", (unsigned int)bytes[0] << 8 | bytes[1]);
			break;
		case 'P':
			fprintf(file, " %u-%u", bytes[0], bytes[1]);
			break;
		case 'S':
			fprintf(file, " %u-%u", (unsigned int)bytes[0] << 8 | bytes[1], (unsigned int)bytes[2] << 8 | bytes[3]);
			break;
		case 'r':
			memcpy(&rate, bytes, sizeof(rate));
			fprintf(file, " %" PRIu64, rate);
			break;
		case 'b':
			memcpy(&burst, bytes, sizeof(burst));
			fprintf(file, " %u", burst);
			break;
		}
	}
}

static void print_element(FILE *file, const struct netstate_element *element)
{
	fprintf(file, "element %s", netstate_set_names[element->set]);
	if (element->prefix_length)
		fprintf(file, "/%u", element->prefix_length);
	print_parts(file, ruleset_set_key(element->set), element->key);
	if (element->data_length) {
		fprintf(file, " :");
		print_parts(file, ruleset_set_data(element->set), netstate_element_get_data(element));
	}
	print_string(file, "net", element->network);
}

static void print_checksum(FILE *file, const struct netstate_checksum *checksum)
{
	fprintf(file, "checksum %s %s", checksum->bridge[0] ? STR_ESCAPED(checksum->bridge) : "-",
		checksum_strategy_names[checksum->strategy]);
	print_number(file, "handle", checksum->handle);
}

static void print_shaper(FILE *file, const struct netstate_shaper *shaper)
{
	fprintf(file, "shaper %s", STR_ESCAPED(shaper->link));
	print_string(file, "net", shaper->network);
	print_number(file, "index", (uint64_t)shaper->ifindex);
	print_flag(file, "ours", shaper->ours);
	print_number(file, "rate", shaper->rate);
	print_number(file, "burst", shaper->burst);
	print_number(file, "peak", shaper->peak);
	print_number(file, "peak-burst", shaper->peak_burst);
	print_number(file, "queue", shaper->queue);
	print_string(file, "kind", shaper->kind);
}

static void print_proxy(FILE *file, const struct netstate_proxy *proxy)
{
	fprintf(file, "proxy %s %s", STR_ESCAPED(proxy->link), IP_TEXT(&proxy->address));
	print_number(file, "index", (uint64_t)proxy->ifindex);
	print_flag(file, "ours", proxy->ours);
}

static void print_tunnel(FILE *file, const struct netstate_tunnel *tunnel)
{
	fprintf(file, "tunnel %s", STR_ESCAPED(tunnel->name));
	print_number(file, "index", (uint64_t)tunnel->ifindex);
	print_string(file, "net", tunnel->network);
	print_string(file, "bridge", tunnel->bridge);
	print_number(file, "master", (uint64_t)tunnel->master);
	print_flag(file, "up", tunnel->up);
	print_number(file, "vni", tunnel->vni);
	print_number(file, "port", tunnel->port);
	print_number(file, "mtu", tunnel->mtu);
	print_number(file, "ttl", tunnel->ttl);
	if (tunnel->local.family)
		fprintf(file, " local=%s", IP_TEXT(&tunnel->local));
	if (tunnel->group.family)
		fprintf(file, " group=%s", IP_TEXT(&tunnel->group));
	print_string(file, "under", tunnel->under);
	print_number(file, "under-index", (uint64_t)tunnel->under_index);
	print_flag(file, "v6", tunnel->v6);
	print_flag(file, "listed", tunnel->listed);
	print_flag(file, "learning", tunnel->learning);
	print_flag(file, "port-learning", tunnel->port_learning);
	print_flag(file, "isolated", tunnel->isolated);
	print_string(file, "way", tunnel->way);
	print_number(file, "way-mtu", tunnel->way_mtu);
	if (tunnel->lost.family)
		fprintf(file, " lost=%s", IP_TEXT(&tunnel->lost));
}

static void print_remote(FILE *file, const struct netstate_remote *remote)
{
	fprintf(file, "remote %s %s", STR_ESCAPED(remote->link), IP_TEXT(&remote->address));
	print_number(file, "index", (uint64_t)remote->ifindex);
	print_string(file, "net", remote->network);
	print_string(file, "under", remote->under);
	print_number(file, "under-index", (uint64_t)remote->under_index);
}

static void print_sysctl(FILE *file, const struct netstate_sysctl *sysctl)
{
	fprintf(file, "sysctl %s %d", STR_ESCAPED(sysctl->path), sysctl->value);
	print_flag(file, "from-1", sysctl->when == SYSCTL_FROM_1);
	print_flag(file, "after", sysctl->when == SYSCTL_AFTER);
	print_flag(file, "if-there", sysctl->when == SYSCTL_IF_THERE);
}

static void print_service(FILE *file, const struct netstate_service *service)
{
	fprintf(file, "service %s %s hash=%016" PRIx64, STR_ESCAPED(service->network), STR_ESCAPED(service->bridge),
		service->config_hash);
	if (service->data_hash)
		fprintf(file, " data=%016" PRIx64, service->data_hash);
	print_flag(file, "running", service->running);
	print_flag(file, "deaf", service->deaf);
}

static void print_uplink(FILE *file, const struct netstate_uplink *uplink)
{
	fprintf(file, "uplink %s %s", STR_ESCAPED(uplink->network), STR_ESCAPED(uplink->bridge));
	fprintf(file, " %s", STR_ESCAPED(uplink->nic));
	print_flag(file, "in-place", uplink->in_place);
}

static void print_prefixes(FILE *file, const struct netstate_table *table)
{
	const char *before = " prefixes4=";

	for (unsigned int i = 0; i <= 32; i++)
		if (table->prefixes4 >> i & 1) {
			fprintf(file, "%s%u", before, i);
			before = ",";
		}
	before = " prefixes6=";
	for (unsigned int i = 0; i <= 128; i++)
		if (table->prefixes6[i / 64] >> i % 64 & 1) {
			fprintf(file, "%s%u", before, i);
			before = ",";
		}
}

static void print_table(FILE *file, const struct netstate_table *table)
{
	fprintf(file, "table %s", netstate_table_names[table->state]);
	print_flag(file, "owned", table->owned);
	print_flag(file, "orphan", table->orphan);
	print_flag(file, "foreign-owner", table->foreign_owner);
	print_number(file, "handle", table->handle);
	print_number(file, "fingerprint", table->fingerprint);
	print_number(file, "features", table->features);
	print_prefixes(file, table);
}

/* Closes the stream and hands the text over. */
static int finish(FILE *file, char **text, char **ret_text)
{
	bool failed = ferror(file);

	if (fclose(file) != 0)
		failed = true;
	if (failed) {
		free(*text);
		return -ENOMEM;
	}
	*ret_text = *text;
	return 0;
}

/* The whole state; netstate_parse() reads it back. The caller frees @ret_text. -ENOMEM only. */
int netstate_print(const struct netstate *state, char **ret_text)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
#define PRINT(one, many)						\
	for (size_t i = 0; i < state->n_##many; i++) {			\
		print_##one(file, &state->many[i]);			\
		fputc('\n', file);					\
	}
	NETSTATE_KINDS(PRINT)
#undef PRINT
	print_table(file, &state->table);
	fputc('\n', file);
	return finish(file, &text, ret_text);
}

static void print_fields(FILE *file, uint32_t fields)
{
	static const char *const names[] = { "mac", "mtu", "stp", "delay", "alias", "altnames", "nf-call", "addr-gen" };
	const char *before = " fields=";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fields >> i & 1) {
			fprintf(file, "%s%s", before, names[i]);
			before = ",";
		}
}

static void print_object(FILE *file, const struct plan_step *step)
{
	switch ((enum plan_op)step->op) {
	case PLAN_SERVICE_STOP:
	case PLAN_SERVICE_START:
	case PLAN_SERVICE_RESTART:
	case PLAN_SERVICE_RELOAD:
		print_service(file, &step->service);
		break;
	case PLAN_BRIDGE_CREATE:
	case PLAN_BRIDGE_SET:
	case PLAN_BRIDGE_RENAME:
	case PLAN_BRIDGE_UP:
	case PLAN_BRIDGE_DOWN:
	case PLAN_BRIDGE_DELETE:
	case PLAN_BRIDGE_UNNAME:
		print_bridge(file, &step->bridge);
		break;
	case PLAN_ADDRESS_ADD:
	case PLAN_ADDRESS_REMOVE:
	case PLAN_ROUTE_ADD:
		print_address(file, &step->address);
		break;
	case PLAN_GUEST_ROUTE_ADD:
	case PLAN_GUEST_ROUTE_REMOVE:
		print_route(file, &step->route);
		break;
	case PLAN_TABLE_ADOPT:
	case PLAN_TABLE_REPLACE:
	case PLAN_TABLE_DELETE:
		print_table(file, &step->table);
		break;
	case PLAN_ELEMENT_ADD:
	case PLAN_ELEMENT_REMOVE:
		print_element(file, &step->element);
		break;
	case PLAN_CHECKSUM_ADD:
	case PLAN_CHECKSUM_REMOVE:
		print_checksum(file, &step->checksum);
		break;
	case PLAN_SHAPER_SET:
	case PLAN_SHAPER_REMOVE:
		print_shaper(file, &step->shaper);
		break;
	case PLAN_PROXY_ADD:
	case PLAN_PROXY_REMOVE:
		print_proxy(file, &step->proxy);
		break;
	case PLAN_TUNNEL_CREATE:
	case PLAN_TUNNEL_SET:
	case PLAN_TUNNEL_REMOVE:
		print_tunnel(file, &step->tunnel);
		break;
	case PLAN_REMOTE_ADD:
	case PLAN_REMOTE_REMOVE:
		print_remote(file, &step->remote);
		break;
	case PLAN_SYSCTL_SET:
		print_sysctl(file, &step->sysctl);
		break;
	case PLAN_PORT_PUT_BACK:
	case PLAN_PORT_SET:
		print_port(file, step->port);
		break;
	case PLAN_TAP_CREATE:
	case PLAN_TAP_SET:
	case PLAN_TAP_REMOVE:
		print_tap(file, &step->tap);
		break;
	case PLAN_UPLINK_TAKE:
	case PLAN_UPLINK_RELEASE:
		print_uplink(file, &step->uplink);
		break;
	case PLAN_OP_MAX_:
		break;
	}
}

/*
 * The steps in order, a heading for each phase, then what was seen and left alone:
 *
 *	rules:
 *	  default element-add [create] element nat gn-default net=default
 *
 * "-" stands for what belongs to all networks. The caller frees @ret_text. -ENOMEM only.
 */
int plan_print(const struct plan *plan, char **ret_text)
{
	char *text = NULL;
	int phase = -1;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step->phase != phase)
			fprintf(file, "%s:\n", plan_phase_name(step->phase));
		phase = step->phase;
		fprintf(file, "  %s %s [%s] ", *step->network ? STR_ESCAPED(step->network) : "-",
			plan_op_name(step->op), plan_outcome_name(step->outcome));
		print_object(file, step);
		print_fields(file, step->op == PLAN_BRIDGE_SET ? step->fields : 0);
		fputc('\n', file);
	}
	for (size_t i = 0; i < plan->n_notes; i++) {
		const struct plan_note *note = &plan->notes[i];

		fprintf(file, "note: %s", plan_note_name(note->kind));
		print_string(file, "net", note->network);
		print_string(file, "link", note->link);
		if (note->address.family)
			fprintf(file, " address=%s/%u", IP_TEXT(&note->address), note->prefix_length);
		fputc('\n', file);
	}
	return finish(file, &text, ret_text);
}
