/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of org.guestnet1: the manager at /org/guestnet1, and one for each network below it.
 * Event loop context.
 *
 * One set of tables, for every connection. Who may call what stands in one table too, and is decided before a
 * method is reached: by api.c for a peer, by gate.c for a caller on the system bus.
 */
#include "objects.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "../model/forwards.h"
#include "../model/reach.h"
#include "../model/ip.h"
#include "define.h"
#include "dryrun.h"
#include "managed.h"
#include "paths.h"

/* What is asked for what changes something, and what of that users may do to networks of their own; everything else reads. */
static const struct {
	const char *member;
	enum access access;
	enum own_act own;
} accesses[] = {
	{ "Start", ACCESS_MANAGE, OWN_USE }, { "Stop", ACCESS_MANAGE, OWN_END }, { "Restart", ACCESS_MANAGE, OWN_USE },
	{ "Try", ACCESS_MANAGE }, { "Confirm", ACCESS_MANAGE },
	{ "Renumber", ACCESS_MANAGE }, { "Delegate", ACCESS_MANAGE },
	{ "BringUp", ACCESS_MANAGE }, { "Adopt", ACCESS_MANAGE }, { "Reload", ACCESS_MANAGE }, { "Plan", ACCESS_MANAGE },
	{ "Define", ACCESS_DEFINE, OWN_DEFINE }, { "DefineTransient", ACCESS_DEFINE }, { "SetDropIn", ACCESS_DEFINE },
	{ "Undefine", ACCESS_DEFINE, OWN_END }, { "SetAutostart", ACCESS_DEFINE },
	{ "Introspect", ACCESS_NONE }, { "Ping", ACCESS_NONE }, { "GetMachineId", ACCESS_NONE },
};

static const char *const access_names[] = {
	[ACCESS_NONE] = "", [ACCESS_READ] = "read", [ACCESS_MANAGE] = "manage", [ACCESS_DEFINE] = "define",
};
_Static_assert(ARRAY_SIZE(access_names) == ACCESS_MAX_, "every access has a name");

const char *objects_access_name(enum access access)
{
	return access_names[access];
}

/* What calling @member asks of the caller. A property cannot be set: Set is a call like any other, and fails. */
enum access objects_access(const char *interface _unused_, const char *member)
{
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
		if (strcmp(accesses[i].member, member) == 0)
			return accesses[i].access;
	return ACCESS_READ;
}

/* What calling @member means where it is about a network of the caller's own. */
enum own_act objects_own_act(const char *member)
{
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
		if (strcmp(accesses[i].member, member) == 0)
			return accesses[i].own;
	return OWN_NEVER;
}

/* Properties of a network: how each is put into a message, and what changes when it does. */

static uint64_t hash(uint64_t value, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < length; i++)	/* FNV-1a */
		value = (value ^ p[i]) * 0x100000001b3;
	return value;
}

#define HASH_BEGIN 0xcbf29ce484222325
#define PROBLEM_LINE sizeof(((struct failure *)NULL)->text)

static int append_state(sd_bus_message *message, const struct network_report *report)
{
	return sd_bus_message_append(message, "s", network_state_name(report->state));
}

static uint64_t digest_state(const struct network_report *report)
{
	return report->state;
}

static int append_addresses(sd_bus_message *message, const struct network_report *report)
{
	char text[sizeof(report->addresses)], *rest = NULL;
	int r = sd_bus_message_open_container(message, 'a', "s");

	snprintf(text, sizeof(text), "%s", report->addresses);
	for (char *word = strtok_r(text, " ", &rest); word && r >= 0; word = strtok_r(NULL, " ", &rest))
		r = sd_bus_message_append(message, "s", word);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_addresses(const struct network_report *report)
{
	return hash(HASH_BEGIN, report->addresses, strlen(report->addresses));
}

static int append_uplinks(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "s");

	for (size_t i = 0; r >= 0 && i < report->n_uplinks; i++)
		r = sd_bus_message_append(message, "s", report->uplinks[i]);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_uplinks(const struct network_report *report)
{
	return hash(HASH_BEGIN, report->uplinks, report->n_uplinks * sizeof(*report->uplinks));
}

static int append_lines(sd_bus_message *message, const char *lines)
{
	int r = 0;

	for (size_t length; r >= 0 && *lines; lines += length, lines += *lines == '\n') {
		char one[PROBLEM_LINE];

		length = strcspn(lines, "\n");
		snprintf(one, sizeof(one), "%.*s", (int)length, lines);
		r = sd_bus_message_append(message, "s", one);
	}
	return r;
}

static int append_mistakes(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "s");

	if (r >= 0)
		r = append_lines(message, report->mistakes);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_mistakes(const struct network_report *report)
{
	return hash(HASH_BEGIN, report->mistakes, strlen(report->mistakes));
}

static int append_repairs(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "{su}");

	for (enum plan_op op = 0; r >= 0 && op < PLAN_OP_MAX_; op++)
		if (report->repairs[op])
			r = sd_bus_message_append(message, "{su}", plan_op_name(op), report->repairs[op]);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_ports(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "(sis)");

	for (size_t i = 0; r >= 0 && i < report->n_all_ports; i++) {
		const struct netstate_port *port = &report->ports[i];
		char alias[2 * sizeof(port->alias)];

		/* Both may be any bytes, and D-Bus wants UTF-8. */
		if (report->bridge[0] && strcmp(port->bridge, report->bridge) == 0)
			r = sd_bus_message_append(message, "(sis)", STR_ESCAPED(port->name), port->ifindex,
						  str_escape(alias, sizeof(alias), port->alias));
	}
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_ports(const struct network_report *report)
{
	uint64_t value = HASH_BEGIN;

	if (report->n_ports == 0)
		return value;	/* the list is that of all networks */
	for (size_t i = 0; i < report->n_all_ports; i++)
		if (strcmp(report->ports[i].bridge, report->bridge) == 0) {
			value = hash(value, &report->ports[i].ifindex, sizeof(report->ports[i].ifindex));
			value = hash(value, report->ports[i].name, strlen(report->ports[i].name));
			value = hash(value, report->ports[i].alias, strlen(report->ports[i].alias));
		}
	return value;
}

/* Network, address, MAC, name, client id, expiry (s since 1970, 0: never): as method Leases and the signals say it. */
int objects_append_lease(sd_bus_message *message, const char *network, const struct lease *lease)
{
	char address[INET6_ADDRSTRLEN] = "", mac[32] = "", name[256], id[512];

	inet_ntop(lease->address.family, lease->address.bytes_be, address, sizeof(address));
	if (lease->address.family == AF_INET)
		snprintf(mac, sizeof(mac), MAC_FORMAT, MAC_BYTES(lease->mac));
	/* A guest chooses these bytes, and D-Bus wants UTF-8. */
	return sd_bus_message_append(message, "(sssssx)", network, address, mac, str_escape(name, sizeof(name), lease->name),
				     str_escape(id, sizeof(id), lease->client_id), lease->expires);
}

/* A forward in words: its ports, its guest, the addresses that it leads to now, and why it leads nowhere or not to all. */
struct forward_words {
	char listen[80], to[96], now[2 * IP_TEXT_SIZE], why[192];
};

static void print_forward(const struct network_report *report, const struct network_forward *forward, struct forward_words *ret_words)
{
	struct text listen, to, now, why;

	*ret_words = (struct forward_words){ "" };
	text_init(&listen, ret_words->listen, sizeof(ret_words->listen));
	text_init(&to, ret_words->to, sizeof(ret_words->to));
	text_init(&now, ret_words->now, sizeof(ret_words->now));
	text_init(&why, ret_words->why, sizeof(ret_words->why));
	forward_print_listen(forward, &listen);
	forward_print_to(forward, &to);
	if (report->wanted)
		forward_explain(report->network, forward, report->leases, report->prefixes, report->n_prefixes, &now, &why);
	else
		text_add(&why, "the network is not up");
}

static int append_forwards(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "(ssss)");

	for (size_t i = 0; r >= 0 && i < report->network->n_forwards; i++) {
		struct forward_words words;

		print_forward(report, &report->network->forwards[i], &words);
		r = sd_bus_message_append(message, "(ssss)", words.listen, words.to, words.now, words.why);
	}
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_forwards(const struct network_report *report)
{
	uint64_t value = HASH_BEGIN;

	for (size_t i = 0; i < report->network->n_forwards; i++) {
		struct forward_words words;

		print_forward(report, &report->network->forwards[i], &words);
		value = hash(value, &words, sizeof(words));
	}
	return value;
}

/* Of DenyOut= and so on: the guest's name, or what its [Host] has instead, and what the rules know it by, both "" for all; the key, its value, where it stands, and why it is not in force. */
struct rule_words {
	char name[64], address[2 * IP_TEXT_SIZE], value[96], place[512], why[128];
	const char *key;
};

static void print_rule(const struct network_report *report, const struct network_reach *reach, struct rule_words *ret_words)
{
	const struct network_host *host = reach_host(report->network, reach);
	const struct network_place *place = &reach->place;
	struct text value, address;

	memset(ret_words, 0, sizeof(*ret_words));
	ret_words->key = reach_list_names[reach->list];
	text_init(&value, ret_words->value, sizeof(ret_words->value));
	reach_print(reach, &value);
	snprintf(ret_words->place, sizeof(ret_words->place), "%s:%u", STR_ESCAPED(report->network->paths[place->file]), place->line);
	text_init(&address, ret_words->address, sizeof(ret_words->address));
	reach_print_guest(report->network, reach, report->leases, &address);
	if (host && host->name[0])
		snprintf(ret_words->name, sizeof(ret_words->name), "%s", host->name);
	else if (host && host->has_mac)
		snprintf(ret_words->name, sizeof(ret_words->name), MAC_FORMAT, MAC_BYTES(host->mac));
	else if (host)
		snprintf(ret_words->name, sizeof(ret_words->name), "%s", IP_TEXT(&host->addresses[!host->addresses[0].family]));
	if (!report->wanted)
		snprintf(ret_words->why, sizeof(ret_words->why), "the network is not up");
	else if (host && !ret_words->address[0])
		snprintf(ret_words->why, sizeof(ret_words->why), "no lease and no [Host] says what address that guest has");
}

static int append_rules(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "(ssssss)");

	for (size_t i = 0; r >= 0 && i < report->network->n_reach; i++) {
		struct rule_words words;

		print_rule(report, &report->network->reach[i], &words);
		r = sd_bus_message_append(message, "(ssssss)", words.name, words.address, words.key, words.value, words.place, words.why);
	}
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_rules(const struct network_report *report)
{
	uint64_t value = HASH_BEGIN;

	for (size_t i = 0; i < report->network->n_reach; i++) {
		struct rule_words words;

		print_rule(report, &report->network->reach[i], &words);
		value = hash(value, &words, sizeof(words));
	}
	return value;
}

/* Destination, gateway, metric (0: the kernel's own), and whether guests are told. */
static int append_routes(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "(ssub)");

	for (size_t i = 0; r >= 0 && i < report->network->n_routes; i++) {
		const struct network_route *route = &report->network->routes[i];
		char destination[IP_TEXT_SIZE + sizeof("/128")];

		snprintf(destination, sizeof(destination), "%s/%u", IP_TEXT(&route->destination), route->prefix_length);
		r = sd_bus_message_append(message, "(ssub)", destination, IP_TEXT(&route->gateway), route->metric, (int)route->advertise);
	}
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_routes(const struct network_report *report)
{
	uint64_t value = HASH_BEGIN;

	for (size_t i = 0; i < report->network->n_routes; i++) {
		const struct network_route *route = &report->network->routes[i];

		value = hash(value, &route->destination, sizeof(route->destination));
		value = hash(value, &route->gateway, sizeof(route->gateway));
		value = hash(value, &route->prefix_length, sizeof(route->prefix_length));
		value = hash(value, &route->metric, sizeof(route->metric));
		value = hash(value, &route->advertise, sizeof(route->advertise));
	}
	return value;
}

static int append_leases(sd_bus_message *message, const struct network_report *report)
{
	int r = sd_bus_message_open_container(message, 'a', "(sssssx)");

	for (size_t i = 0; r >= 0 && i < report->leases->n; i++)
		r = objects_append_lease(message, report->name, &report->leases->items[i]);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static uint64_t digest_leases(const struct network_report *report)
{
	return hash(HASH_BEGIN, report->leases->items, report->leases->n * sizeof(*report->leases->items));
}

/* Every kind of step counts in the number of all. */
static uint64_t digest_repairs(const struct network_report *report)
{
	return report->n_repairs;
}

enum member {
	MEMBER_NONE,		/* what two functions make of the report */
	MEMBER_TEXT,		/* const char * */
	MEMBER_ARRAY,		/* char [] */
	MEMBER_NUMBER,
	MEMBER_BOOL,
};

/* A member of the report, by its place; its type is the compiler's answer, never said twice. */
static const struct property {
	const char *name;
	enum member member;
	size_t offset;
	int (*append)(sd_bus_message *message, const struct network_report *report);
	uint64_t (*digest)(const struct network_report *report);
	bool in_full;		/* manager_report_briefly() does not say it */
} properties[] = {
#define MEMBER(_member) \
	.member = _Generic(((struct network_report *)NULL)->_member, \
			   const char *: MEMBER_TEXT, char *: MEMBER_ARRAY, uint64_t: MEMBER_NUMBER, bool: MEMBER_BOOL), \
	.offset = offsetof(struct network_report, _member)
	{ "Name", MEMBER(name) },
	{ "State", .append = append_state, .digest = digest_state },
	{ "Mode", MEMBER(mode) },
	{ "Bridge", MEMBER(bridge) },
	{ "Uplink", .append = append_uplinks, .digest = digest_uplinks },
	{ "UplinkState", MEMBER(uplink_state) },
	{ "Addresses", .append = append_addresses, .digest = digest_addresses, .in_full = true },
	{ "Delegated", MEMBER(delegated), .in_full = true },
	{ "Names", MEMBER(names), .in_full = true },
	{ "Forwarding", MEMBER(forwarding), .in_full = true },
	{ "ChecksumStrategy", MEMBER(checksum), .in_full = true },
	{ "ChecksumReason", MEMBER(checksum_reason), .in_full = true },
	{ "Bandwidth", MEMBER(bandwidth), .in_full = true },
	{ "Tunnel", MEMBER(tunnel), .in_full = true },
	{ "Problem", MEMBER(problem) },
	{ "ProblemKind", MEMBER(problem_kind) },
	{ "Mistakes", .append = append_mistakes, .digest = digest_mistakes },
	{ "Fix", MEMBER(fix) },
	{ "Since", MEMBER(since_us) },
	{ "TrialUntil", MEMBER(trial_end_us) },
	{ "Autostart", MEMBER(autostart) },
	{ "RepairCount", MEMBER(n_repairs) },
	{ "Repairs", .append = append_repairs, .digest = digest_repairs },
	{ "Ports", .append = append_ports, .digest = digest_ports },
	{ "Leases", .append = append_leases, .digest = digest_leases },
	{ "Forwards", .append = append_forwards, .digest = digest_forwards, .in_full = true },
	{ "Routes", .append = append_routes, .digest = digest_routes, .in_full = true },
	{ "Rules", .append = append_rules, .digest = digest_rules, .in_full = true },
};
_Static_assert(ARRAY_SIZE(properties) <= API_PROPERTIES, "a digest has room for every property");

static const char *text_of(const struct network_report *report, const struct property *property)
{
	const char *place = (const char *)report + property->offset;

	return property->member == MEMBER_ARRAY ? place : *(const char *const *)place;
}

static uint64_t number_of(const struct network_report *report, const struct property *property)
{
	const char *place = (const char *)report + property->offset;

	return property->member == MEMBER_BOOL ? *(const bool *)place : *(const uint64_t *)place;
}

static int append_property(const struct property *property, sd_bus_message *message, const struct network_report *report)
{
	switch (property->member) {
	case MEMBER_NONE: break;
	case MEMBER_TEXT:
	case MEMBER_ARRAY: return sd_bus_message_append(message, "s", text_of(report, property));
	case MEMBER_NUMBER: return sd_bus_message_append(message, "t", number_of(report, property));
	case MEMBER_BOOL: return sd_bus_message_append(message, "b", (int)number_of(report, property));
	}
	return property->append(message, report);
}

static uint64_t digest_property(const struct property *property, const struct network_report *report)
{
	switch (property->member) {
	case MEMBER_NONE: break;
	case MEMBER_TEXT:
	case MEMBER_ARRAY: return hash(HASH_BEGIN, text_of(report, property), strlen(text_of(report, property)));
	case MEMBER_NUMBER:
	case MEMBER_BOOL: return number_of(report, property);
	}
	return property->digest(report);
}

void objects_digest(const struct network_report *report, struct object_digest *ret_digest)
{
	*ret_digest = (struct object_digest){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		ret_digest->properties[i] = digest_property(&properties[i], report);
}

/* The names of the properties that have changed, and NULL behind them; borrowed for ever. Returns how many. */
size_t objects_changed(const struct object_digest *before, const struct object_digest *now,
		       char *ret_names[static API_PROPERTIES + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		if (before->properties[i] != now->properties[i])
			ret_names[n++] = (char *)properties[i].name;
	ret_names[n] = NULL;
	return n;
}

/* The network whose object a path names. */
static bool find_object(struct manager *manager, const char *path, size_t *ret_i)
{
	_cleanup_(freep) char *name = NULL;

	return sd_bus_path_decode(path, API_NETWORKS, &name) > 0 && manager_find_place(manager, name, ret_i);
}

static int get_network_property(sd_bus *bus _unused_, const char *path, const char *interface _unused_, const char *name,
				sd_bus_message *reply, void *data, sd_bus_error *error)
{
	struct objects *objects = data;
	struct network_report report;
	size_t place;

	if (!find_object(objects->manager, path, &place))
		return sd_bus_error_setf(error, API_NO_SUCH_NETWORK, "there is no such network");
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (strcmp(properties[i].name, name) != 0)
			continue;
		/* Each property is asked for by itself, of all networks. */
		if (properties[i].in_full)
			manager_report(objects->manager, place, &report);
		else
			manager_report_briefly(objects->manager, place, &report);
		return append_property(&properties[i], reply, &report);
	}
	return -ENOENT;
}

/* Methods. The caller has been found to be allowed. */

static int set_error(sd_bus_error *error, int r, const struct failure *failure)
{
	const char *name = r == -ENOENT ? API_NO_SUCH_NETWORK : r == -EINVAL || r == -E2BIG ? SD_BUS_ERROR_INVALID_ARGS : API_FAILED;

	return sd_bus_error_setf(error, name, "%s", failure->text[0] ? failure->text : strerror(-r));
}

static int no_such_network(const struct objects *objects, const char *name, sd_bus_error *error)
{
	struct failure failure = { 0 };

	return set_error(error, manager_no_such(objects->manager, name, &failure), &failure);
}

static int answer(sd_bus_message *message, int r, const struct failure *failure, sd_bus_error *error)
{
	return r < 0 ? set_error(error, r, failure) : sd_bus_reply_method_return(message, "");
}

/*
 * The network that a call is about: for the manager's methods the first argument says it, for a network's the path.
 * @ret_name has NETWORK_NAME_SIZE bytes or more; a longer name becomes one that does not exist.
 */
static int read_name(sd_bus_message *message, char ret_name[static 64], sd_bus_error *error)
{
	_cleanup_(freep) char *decoded = NULL;
	const char *name = "";		/* of a call without arguments, whose signature nobody has compared yet */
	int r;

	r = sd_bus_path_decode(sd_bus_message_get_path(message), API_NETWORKS, &decoded);
	if (r == 0)
		r = sd_bus_message_read(message, "s", &name);
	else
		name = decoded;
	if (r < 0)
		return r;
	if (!name[0] || strlen(name) >= 64)
		return sd_bus_error_setf(error, API_NO_SUCH_NETWORK, "there is no network \"%s\"", STR_ESCAPED(name));
	snprintf(ret_name, 64, "%s", name);
	return 0;
}

/* The same of a call that is still to be carried out, for who decides about it. */
int objects_peek_network(sd_bus_message *message, char ret_name[static 64])
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = read_name(message, ret_name, &error), again = sd_bus_message_rewind(message, true);

	return r < 0 ? r : again;
}

/* What takes a network's name and nothing else. */
static int by_name(sd_bus_message *message, void *data,
		   int (*act)(struct manager *manager, const char *network, struct failure *failure), sd_bus_error *error)
{
	struct objects *objects = data;
	struct failure failure = { 0 };
	char name[64];
	int r = read_name(message, name, error);

	if (r < 0)
		return r;
	return answer(message, act(objects->manager, name, &failure), &failure, error);
}

static int method_confirm(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return by_name(message, data, manager_confirm, error);
}

static int method_renumber(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return by_name(message, data, manager_renumber, error);
}

/* A call that is answered while it is carried out. */
struct early_answer {
	sd_bus_message *message;	/* borrowed */
	bool sent;
};

static void answer_early(void *data)
{
	struct early_answer *early = data;

	early->sent = sd_bus_reply_method_return(early->message, "") >= 0;
}

/* A start is answered when the network is up; what the pass after it finds is in the network's state. */
static int start(sd_bus_message *message, struct objects *objects, bool ask, sd_bus_error *error)
{
	struct early_answer early = { .message = message };
	struct failure failure = { 0 };
	char name[64];
	int r = read_name(message, name, error);

	if (r < 0)
		return r;
	r = manager_start(objects->manager, name, ask, answer_early, &early, &failure);
	return early.sent ? 1 : answer(message, r, &failure, error);
}

static int method_start(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return start(message, data, false, error);
}

/* As Start, but a network card that becomes a port goes back unless Confirm is called in time. */
static int method_try(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return start(message, data, true, error);
}

/* Answered when the network is closed: the caller's next call is answered when its bridge is gone. */
static int method_stop(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct early_answer early = { .message = message };
	struct objects *objects = data;
	struct failure failure = { 0 };
	char name[64];
	int r = read_name(message, name, error);

	if (r < 0)
		return r;
	r = manager_stop(objects->manager, name, answer_early, &early, &failure);
	return early.sent ? 1 : answer(message, r, &failure, error);
}

static int restart(struct manager *manager, const char *network, struct failure *failure)
{
	int r = manager_stop(manager, network, NULL, NULL, failure);

	return r < 0 ? r : manager_start(manager, network, false, NULL, NULL, failure);
}

static int method_restart(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return by_name(message, data, restart, error);
}

static int method_bring_up(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return by_name(message, data, manager_demand, error);
}

static int method_adopt(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct objects *objects = data;
	struct failure failure = { 0 };
	const char *tap;
	char name[64];
	int r = read_name(message, name, error);

	if (r >= 0)
		r = sd_bus_message_read(message, "s", &tap);
	if (r < 0)
		return r;
	return answer(message, manager_adopt(objects->manager, name, tap, &failure), &failure, error);
}

static int method_delegate(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct objects *objects = data;
	struct failure failure = { 0 };
	const char *prefix;
	uint32_t seconds;
	int r = sd_bus_message_read(message, "su", &prefix, &seconds);

	return r < 0 ? r : answer(message, manager_delegate(objects->manager, prefix, seconds, &failure), &failure, error);
}

static int method_reload(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct objects *objects = data;
	struct failure failure = { 0 };

	int r = manager_reload(objects->manager, &failure);

	/* What has become of it is there to be asked for then. */
	if (r >= 0)
		r = manager_settle(objects->manager);
	return answer(message, r, &failure, error);
}

/* Answers later. */
static int method_plan(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct objects *objects = data;
	int r = dryrun_start(objects->event, manager_get_options(objects->manager), message, &objects->dryrun);

	return r == -EBUSY ? sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "another one asks that just now") : r;
}

static int define(sd_bus_message *message, void *data, enum define_file file, sd_bus_error *error)
{
	_cleanup_(freep) char *mistakes = NULL;
	struct objects *objects = data;
	struct failure failure = { 0 };
	const char *text;
	char name[64];
	int r = read_name(message, name, error);

	if (r >= 0)
		r = sd_bus_message_read(message, "s", &text);
	if (r < 0)
		return r;
	r = define_write(objects->manager, name, file, text, objects->ports, &mistakes, &failure);
	return r < 0 && mistakes ? sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, mistakes) : answer(message, r, &failure, error);
}

static int method_define(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return define(message, data, DEFINE_NETWORK, error);
}

static int method_define_transient(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return define(message, data, DEFINE_TRANSIENT, error);
}

static int method_set_dropin(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return define(message, data, DEFINE_DROPIN, error);
}

static int method_undefine(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return by_name(message, data, define_remove, error);
}

static int method_set_autostart(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct objects *objects = data;
	struct failure failure = { 0 };
	char name[64];
	int autostart, r = read_name(message, name, error);

	if (r >= 0)
		r = sd_bus_message_read(message, "b", &autostart);
	if (r < 0)
		return r;
	return answer(message, define_autostart(objects->manager, name, autostart, &failure), &failure, error);
}

static int method_get_network(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct objects *objects = data;
	_cleanup_(freep) char *path = NULL;
	struct network_report report;
	char name[64];
	int r = read_name(message, name, error);

	if (r < 0)
		return r;
	if (!manager_find(objects->manager, name, &report))
		return no_such_network(objects, name, error);
	r = sd_bus_path_encode(API_NETWORKS, name, &path);
	return r < 0 ? r : sd_bus_reply_method_return(message, "o", path);
}

static int method_leases(sd_bus_message *message, void *data, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct objects *objects = data;
	struct network_report report;
	const char *name;
	int r;

	r = sd_bus_message_read(message, "s", &name);
	if (r >= 0 && name[0] && !manager_find(objects->manager, name, &report))
		return no_such_network(objects, name, error);
	if (r >= 0)
		r = sd_bus_message_new_method_return(message, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(sssssx)");
	for (size_t i = 0; r >= 0 && i < manager_count(objects->manager); i++) {
		manager_report_briefly(objects->manager, i, &report);
		if (name[0] && strcmp(name, report.name) != 0)
			continue;
		for (size_t j = 0; r >= 0 && j < report.leases->n; j++)
			r = objects_append_lease(reply, report.name, &report.leases->items[j]);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* The files that declare a network, in the order in which they apply: path and text. */
static int method_files(sd_bus_message *message, void *data, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(network_files_list_deinit) struct network_files_list files = NETWORK_FILES_LIST_NULL;
	struct objects *objects = data;
	const struct network_files *found = NULL;
	char name[64];
	int r = read_name(message, name, error);

	if (r >= 0)
		r = managed_read_files(manager_get_options(objects->manager), &files);
	if (r < 0)
		return r;
	for (size_t i = 0; i < files.n && !found; i++)
		if (strcmp(files.items[i].name, name) == 0)
			found = &files.items[i];
	if (!found)
		return no_such_network(objects, name, error);
	if (found->problem)
		return sd_bus_error_setf(error, API_FAILED, "%s", found->problem);
	r = sd_bus_message_new_method_return(message, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(ss)");
	for (size_t i = 0; r >= 0 && i < found->n_parts; i++) {
		r = sd_bus_message_append(reply, "(ss)", found->parts[i].path, found->parts[i].text);
		if (r == -EINVAL)
			return sd_bus_error_setf(error, API_FAILED, "%s: this is not UTF-8", found->parts[i].path);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_subscribe(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	struct objects *objects = data;
	int r = objects->subscribe(objects->data, sd_bus_message_get_bus(message));

	return r < 0 ? r : sd_bus_reply_method_return(message, "");
}

static int append_stray_taps(sd_bus_message *reply, const struct objects *objects)
{
	char names[LIMIT_STRAY_TAPS][IFNAME_SIZE];
	size_t n = manager_list_stray_taps(objects->manager, names, LIMIT_STRAY_TAPS);
	int r = sd_bus_message_open_container(reply, 'a', "s");

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_bus_message_append(reply, "s", STR_ESCAPED(names[i]));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Of files that belong to no network, a line each, and of each network's, a line for each mistake. */
static int append_config_problems(sd_bus_message *reply, const struct objects *objects)
{
	int r = sd_bus_message_open_container(reply, 'a', "s");

	if (r >= 0)
		r = append_lines(reply, manager_file_problems(objects->manager));
	for (size_t i = 0; r >= 0 && i < manager_count(objects->manager); i++)
		r = append_lines(reply, manager_mistakes(objects->manager, i));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_manager_property(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
				const char *name, sd_bus_message *reply, void *data, sd_bus_error *error _unused_)
{
	struct objects *objects = data;
	const struct manager_options *options = manager_get_options(objects->manager);
	char directory[4096];

	if (strcmp(name, "Version") == 0)
		return sd_bus_message_append(reply, "s", GUESTNET_VERSION);
	if (strcmp(name, "StrayTaps") == 0)
		return append_stray_taps(reply, objects);
	if (strcmp(name, "FileProblems") == 0)
		return sd_bus_message_append(reply, "s", manager_file_problems(objects->manager));
	if (strcmp(name, "FileWarnings") == 0)
		return sd_bus_message_append(reply, "s", manager_file_warnings(objects->manager));
	if (strcmp(name, "ConfigProblems") == 0)
		return append_config_problems(reply, objects);
	if (strcmp(name, "Status") == 0)
		return sd_bus_message_append(reply, "s", manager_status_text(objects->manager));
	snprintf(directory, sizeof(directory), "%s/networks",
		 strcmp(name, "TransientDirectory") == 0 ? options->run_root : options->config_root);
	return sd_bus_message_append(reply, "s", directory);
}

#define METHOD(name, in, in_names, out, out_names, function) \
	SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, function, SD_BUS_VTABLE_UNPRIVILEGED)
#define METHOD0(name, function) SD_BUS_METHOD(name, "", "", function, SD_BUS_VTABLE_UNPRIVILEGED)
#define P SD_BUS_PARAM
#define LEASE "sssssx"

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Version", "s", get_manager_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("ConfigDirectory", "s", get_manager_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("TransientDirectory", "s", get_manager_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Status", "s", get_manager_property, 0, 0),
	SD_BUS_PROPERTY("FileProblems", "s", get_manager_property, 0, 0),
	SD_BUS_PROPERTY("FileWarnings", "s", get_manager_property, 0, 0),
	SD_BUS_PROPERTY("ConfigProblems", "as", get_manager_property, 0, 0),
	SD_BUS_PROPERTY("StrayTaps", "as", get_manager_property, 0, 0),
	METHOD("GetNetwork", "s", P(name), "o", P(path), method_get_network),
	METHOD("Leases", "s", P(name), "a(sssssx)", P(leases), method_leases),
	METHOD("Files", "s", P(name), "a(ss)", P(files), method_files),
	METHOD("Start", "s", P(name), "", , method_start),
	METHOD("Try", "s", P(name), "", , method_try),
	METHOD("Confirm", "s", P(name), "", , method_confirm),
	METHOD("Renumber", "s", P(name), "", , method_renumber),
	METHOD("Delegate", "su", P(prefix) P(seconds), "", , method_delegate),
	METHOD("Stop", "s", P(name), "", , method_stop),
	METHOD("Restart", "s", P(name), "", , method_restart),
	METHOD("BringUp", "s", P(name), "", , method_bring_up),
	METHOD("Adopt", "ss", P(name) P(tap), "", , method_adopt),
	METHOD0("Reload", method_reload),
	SD_BUS_METHOD_WITH_NAMES("Plan", "", , "sb", P(plan) P(files_right), method_plan, SD_BUS_VTABLE_UNPRIVILEGED),
	METHOD("Define", "ss", P(name) P(text), "", , method_define),
	METHOD("DefineTransient", "ss", P(name) P(text), "", , method_define_transient),
	METHOD("SetDropIn", "ss", P(name) P(text), "", , method_set_dropin),
	METHOD("Undefine", "s", P(name), "", , method_undefine),
	METHOD("SetAutostart", "sb", P(name) P(autostart), "", , method_set_autostart),
	METHOD0("Subscribe", method_subscribe),
	SD_BUS_SIGNAL_WITH_NAMES("NetworkDefined", "s", P(network), 0),
	SD_BUS_SIGNAL_WITH_NAMES("NetworkUndefined", "s", P(network), 0),
	SD_BUS_SIGNAL_WITH_NAMES("NetworkStarted", "s", P(network), 0),
	SD_BUS_SIGNAL_WITH_NAMES("NetworkStopped", "s", P(network), 0),
	SD_BUS_SIGNAL_WITH_NAMES("NetworkDegraded", "ss", P(network) P(problem), 0),
	SD_BUS_SIGNAL_WITH_NAMES("NetworkFailed", "ss", P(network) P(problem), 0),
	SD_BUS_SIGNAL_WITH_NAMES("LeaseAdded", "(" LEASE ")", P(lease), 0),
	SD_BUS_SIGNAL_WITH_NAMES("LeaseRenewed", "(" LEASE ")", P(lease), 0),
	SD_BUS_SIGNAL_WITH_NAMES("LeaseRemoved", "(" LEASE ")", P(lease), 0),
	SD_BUS_SIGNAL_WITH_NAMES("PortAttached", "ss", P(network) P(port), 0),
	SD_BUS_SIGNAL_WITH_NAMES("PortDetached", "ss", P(network) P(port), 0),
	SD_BUS_SIGNAL_WITH_NAMES("RepairDone", "sas", P(network) P(kinds), 0),
	SD_BUS_SIGNAL_WITH_NAMES("ConflictSeen", "su", P(process) P(pid), 0),
	SD_BUS_VTABLE_END,
};

#define PROPERTY(name, type) SD_BUS_PROPERTY(name, type, get_network_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
/* Long lists: it is said that they have changed, and who wants them asks. */
#define LIST(name, type) SD_BUS_PROPERTY(name, type, get_network_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)

static const sd_bus_vtable network_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Name", "s", get_network_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	PROPERTY("State", "s"),
	PROPERTY("Mode", "s"),
	PROPERTY("Bridge", "s"),
	PROPERTY("Addresses", "as"),
	PROPERTY("Uplink", "as"),
	PROPERTY("UplinkState", "s"),
	PROPERTY("Delegated", "s"),
	PROPERTY("Names", "s"),
	PROPERTY("Forwarding", "s"),
	PROPERTY("ChecksumStrategy", "s"),
	PROPERTY("ChecksumReason", "s"),
	PROPERTY("Bandwidth", "s"),
	PROPERTY("Tunnel", "s"),
	PROPERTY("Problem", "s"),
	PROPERTY("ProblemKind", "s"),
	PROPERTY("Mistakes", "as"),
	PROPERTY("Fix", "s"),
	PROPERTY("Since", "t"),
	PROPERTY("TrialUntil", "t"),
	PROPERTY("Autostart", "b"),
	PROPERTY("RepairCount", "t"),
	PROPERTY("Repairs", "a{su}"),
	LIST("Ports", "a(sis)"),
	LIST("Leases", "a(sssssx)"),
	LIST("Forwards", "a(ssss)"),
	LIST("Routes", "a(ssub)"),
	LIST("Rules", "a(ssssss)"),
	METHOD0("Start", method_start),
	METHOD0("Try", method_try),
	METHOD0("Confirm", method_confirm),
	METHOD0("Renumber", method_renumber),
	METHOD0("Stop", method_stop),
	METHOD0("Restart", method_restart),
	METHOD0("BringUp", method_bring_up),
	METHOD("Adopt", "s", P(tap), "", , method_adopt),
	METHOD("SetDropIn", "s", P(text), "", , method_set_dropin),
	METHOD0("Undefine", method_undefine),
	METHOD("SetAutostart", "b", P(autostart), "", , method_set_autostart),
	METHOD("Files", "", , "a(ss)", P(files), method_files),
	SD_BUS_VTABLE_END,
};

static int find_network(sd_bus *bus _unused_, const char *path, const char *interface _unused_, void *data, void **ret_found,
			sd_bus_error *error _unused_)
{
	struct objects *objects = data;
	size_t place;

	if (!find_object(objects->manager, path, &place))
		return 0;
	*ret_found = objects;
	return 1;
}

static int enumerate_networks(sd_bus *bus _unused_, const char *prefix _unused_, void *data, char ***ret_nodes,
			      sd_bus_error *error _unused_)
{
	struct objects *objects = data;
	size_t n = manager_count(objects->manager);
	char **nodes = calloc(n + 1, sizeof(*nodes));
	int r = nodes ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct network_report report;

		manager_report_briefly(objects->manager, i, &report);
		r = sd_bus_path_encode(API_NETWORKS, report.name, &nodes[i]);
	}
	if (r < 0) {
		for (size_t i = 0; nodes && i < n; i++)
			free(nodes[i]);
		free(nodes);
		return r;
	}
	*ret_nodes = nodes;
	return 1;
}

/* Serves the objects on a connection. @objects must outlive it. */
int objects_add(struct objects *objects, sd_bus *bus)
{
	int r;

	r = sd_bus_add_object_manager(bus, NULL, API_PATH);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, API_PATH, API_MANAGER, manager_vtable, objects);
	if (r >= 0)
		r = sd_bus_add_fallback_vtable(bus, NULL, API_NETWORKS, API_NETWORK, network_vtable, find_network, objects);
	if (r >= 0)
		r = sd_bus_add_node_enumerator(bus, NULL, API_NETWORKS, enumerate_networks, objects);
	return r;
}
