/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet ports: what hangs on the networks, and whose it is.
 *
 * All of it is the kernel's word: ports, counters, rates and learned addresses by netlink, owners from the alias that the
 * helper gives each tap, processes from /proc. No daemon is asked and no privilege is needed; of other users'
 * processes /proc tells root more, and of limits nftables.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/addr.h"
#include "../lib/fd.h"
#include "../lib/nl/socket.h"
#include "../lib/str.h"
#include "counters.h"
#include "ctl.h"
#include "json.h"
#include "portrates.h"
#include "report.h"
#include "table.h"

/* How often an interrupted dump is asked for again. */
#define LOAD_ATTEMPTS	16
/* Addresses of one port that are kept, and devices and processes that are looked at. */
#define PORT_MACS	8
#define LIMIT_DEVICES	65536
#define LIMIT_COMMAND	(1 << 20)

struct device {
	int ifindex, master;
	bool bridge;
	char name[IFNAME_SIZE];
	char network[64];		/* of a bridge: of its mark; of a port: of its bridge */
	char kind[32];
	char alias[256];
	uint32_t group;
	bool isolated;
	struct counters counters;
	struct mac macs[PORT_MACS];	/* learned from it, or bound to it */
	size_t n_macs;

	bool owned;			/* the alias says whose it is */
	uid_t uid;
	pid_t pid;			/* 0: not known */
	char guest[128];
};

struct devices {
	struct device *items;		/* owned */
	size_t n;
};

static void devices_deinit(struct devices *devices)
{
	free(devices->items);
	*devices = (struct devices){ 0 };
}

static struct device *find_device(const struct devices *devices, int ifindex)
{
	for (size_t i = 0; i < devices->n; i++)
		if (devices->items[i].ifindex == ifindex)
			return &devices->items[i];
	return NULL;
}

/* From the kernel */

static void copy_text(const struct nlattr *attribute, char *buffer, size_t size)
{
	if (mnl_attr_validate(attribute, MNL_TYPE_STRING) < 0)
		return;
	snprintf(buffer, size, "%.*s", (int)mnl_attr_get_payload_len(attribute), (const char *)mnl_attr_get_payload(attribute));
}

/* Of ports of bridges alone: another kind of master has other options with the same numbers. */
static void read_port_options(const struct nlattr *options, struct device *device)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, options)
		if (mnl_attr_get_type(attribute) == IFLA_BRPORT_ISOLATED && mnl_attr_validate(attribute, MNL_TYPE_U8) == 0)
			device->isolated = mnl_attr_get_u8(attribute) != 0;
}

static void read_kind(const struct nlattr *info, struct device *device)
{
	const struct nlattr *attribute;
	char master[32] = "";

	mnl_attr_for_each_nested(attribute, info) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_INFO_KIND:
			copy_text(attribute, device->kind, sizeof(device->kind));
			break;
		case IFLA_INFO_SLAVE_KIND:
			copy_text(attribute, master, sizeof(master));
			break;
		case IFLA_INFO_SLAVE_DATA:
			if (strcmp(master, "bridge") == 0)
				read_port_options(attribute, device);
			break;
		}
	}
}

/* guestnet uid=1000 pid=4711 net=gn-default ... */
static void read_owner(struct device *device)
{
	unsigned int uid;
	int pid;

	if (sscanf(device->alias, "guestnet uid=%u pid=%d", &uid, &pid) != 2)
		return;
	/* A declared or adopted tap may be nobody's in particular. */
	device->owned = uid != UINT32_MAX;
	device->uid = uid;
	device->pid = pid > 0 ? pid : 0;
}

static int add_device(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct devices *devices = data;
	struct device device = { 0 }, *items;
	const struct nlattr *attribute;
	const char *rest;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EPROTO;
	device.ifindex = header->ifi_index;
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			copy_text(attribute, device.name, sizeof(device.name));
			break;
		case IFLA_IFALIAS:
			copy_text(attribute, device.alias, sizeof(device.alias));
			break;
		case IFLA_MASTER:
			if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
				device.master = (int)mnl_attr_get_u32(attribute);
			break;
		case IFLA_GROUP:
			if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
				device.group = mnl_attr_get_u32(attribute);
			break;
		case IFLA_STATS64:
			counters_parse(attribute, &device.counters);
			break;
		case IFLA_LINKINFO:
			read_kind(attribute, &device);
			break;
		}
	}
	device.bridge = strcmp(device.kind, "bridge") == 0;
	if (device.bridge && str_has_prefix(device.alias, "guestnet net=", &rest))
		snprintf(device.network, sizeof(device.network), "%.*s", (int)strcspn(rest, " "), rest);
	read_owner(&device);
	if (devices->n == LIMIT_DEVICES)
		return -E2BIG;
	items = devices->n & (devices->n - 1) ? devices->items :
		reallocarray(devices->items, devices->n ? 2 * devices->n : 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	devices->items = items;
	items[devices->n++] = device;
	return 0;
}

/* An entry of a bridge's forwarding table: which address is behind which port. The port's own are marked permanent. */
static int add_address(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct device *device;

	if (message->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EPROTO;
	device = find_device(data, header->ndm_ifindex);
	if (!device || header->ndm_family != AF_BRIDGE || (header->ndm_state & NUD_PERMANENT))
		return 0;
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		const struct mac *mac = mnl_attr_get_payload(attribute);

		if (mnl_attr_get_type(attribute) != NDA_LLADDR || mnl_attr_get_payload_len(attribute) != sizeof(*mac))
			continue;
		/* The same address in several VLANs is one. */
		for (size_t i = 0; i < device->n_macs; i++)
			if (memcmp(&device->macs[i], mac, sizeof(*mac)) == 0)
				return 0;
		if (device->n_macs < PORT_MACS)
			memcpy(&device->macs[device->n_macs++], mac, sizeof(*mac));
	}
	return 0;
}

static int dump(uint16_t type, size_t header_size, uint8_t family, int (*each)(const struct nlmsghdr *message, void *data),
		struct devices *devices)
{
	_cleanup_(nlsocket_freep) struct mnl_socket *socket = NULL;
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int r;

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	/* The family is the first byte of either header. */
	*(uint8_t *)mnl_nlmsg_put_extra_header(request, header_size) = family;
	r = nlsocket_open(NETLINK_ROUTE, &socket);
	return r < 0 ? r : nlsocket_dump(socket, request, each, devices);
}

static int load_devices(struct devices *devices)
{
	int r = -EINTR;

	for (unsigned int i = 0; r == -EINTR && i < LOAD_ATTEMPTS; i++) {
		devices_deinit(devices);
		r = dump(RTM_GETLINK, sizeof(struct ifinfomsg), AF_UNSPEC, add_device, devices);
		if (r == 0)
			r = dump(RTM_GETNEIGH, sizeof(struct ndmsg), AF_BRIDGE, add_address, devices);
	}
	for (size_t i = 0; r == 0 && i < devices->n; i++) {
		struct device *device = &devices->items[i];
		const struct device *bridge = device->master ? find_device(devices, device->master) : NULL;

		if (bridge && bridge->bridge)
			snprintf(device->network, sizeof(device->network), "%s", bridge->network[0] ? bridge->network : bridge->name);
	}
	return r;
}

/* From /proc */

/* The value of -name: NAME[,...] or guest=NAME[,...], of QEMU and those that took it over. */
static void read_guest_name(pid_t pid, char *buffer, size_t size)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	_cleanup_(freep) char *text = NULL;
	char path[64];
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_stream(fd, LIMIT_COMMAND, &text, &n) < 0)
		return;
	for (const char *word = text; word < text + n; word += strlen(word) + 1) {
		const char *name = word + strlen(word) + 1;

		if ((strcmp(word, "-name") != 0 && strcmp(word, "--name") != 0) || name >= text + n)
			continue;
		(void)str_has_prefix(name, "guest=", &name);
		snprintf(buffer, size, "%.*s", (int)strcspn(name, ","), name);
		str_one_line(buffer);
		return;
	}
}

static bool belongs_to(pid_t pid, uid_t uid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) == 0 && st.st_uid == uid;
}

/* The tap behind an fd of a process: "iff:" in its fdinfo (drivers/net/tun.c:tun_chr_show_fdinfo()). */
static bool read_tap_name(int directory_fd, const char *number, char name[static IFNAME_SIZE])
{
	_cleanup_(fd_closep) int fd = openat(directory_fd, number, O_RDONLY | O_CLOEXEC);
	char text[512], *line;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	line = strstr(text, "\niff:\t");
	return line && sscanf(line, "\niff:\t%15s", name) == 1;
}

static void note_holder(struct devices *devices, pid_t pid, const char *tap)
{
	for (size_t i = 0; i < devices->n; i++) {
		struct device *device = &devices->items[i];
		const char *rest;

		/* One that has a guest's name is the guest's; others may hold the fd too. */
		if (!str_has_prefix(device->alias, "guestnet uid=", &rest) || strcmp(device->name, tap) != 0 || device->guest[0])
			continue;
		device->pid = pid;
		read_guest_name(pid, device->guest, sizeof(device->guest));
	}
}

static void look_at_process(struct devices *devices, pid_t pid)
{
	char path[64], tap[IFNAME_SIZE];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	directory = opendir(path);
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && read_tap_name(dirfd(directory), entry->d_name, tap))
			note_holder(devices, pid, tap);
	if (directory)
		closedir(directory);
}

/*
 * Who holds each tap. The alias names who asked for it, which need not be the one that has it now (libvirt passes it on):
 * what the kernel says of fds counts more, where we may see it.
 */
static void find_holders(struct devices *devices)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	for (size_t i = 0; i < devices->n; i++) {
		struct device *device = &devices->items[i];

		if (device->owned && device->pid && !belongs_to(device->pid, device->uid))
			device->pid = 0;
		else if (device->owned && device->pid)
			read_guest_name(device->pid, device->guest, sizeof(device->guest));
	}
	while (proc && (entry = readdir(proc))) {
		uint32_t pid;

		if (str_parse_u32(entry->d_name, INT32_MAX, &pid) == 0)
			look_at_process(devices, (pid_t)pid);
	}
	if (proc)
		closedir(proc);
}

/* To people and programs */

static const char *user_name(uid_t uid, char *buffer, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(buffer, size, "%s", user->pw_name);
	else
		snprintf(buffer, size, "%u", (unsigned int)uid);
	return buffer;
}

static void format_macs(const struct device *device, char *buffer, size_t size)
{
	struct text text;

	text_init(&text, buffer, size);
	for (size_t i = 0; i < device->n_macs; i++)
		text_add(&text, "%s" MAC_FORMAT, i ? " " : "", MAC_BYTES(device->macs[i]));
}

/*
 * What the port may not do: the letters of guards[], of which the first is an option of the port and the others are rules.
 * These know the port by its group, and guestnetd writes on the bridge what they are. Of a bridge that is not ours only it
 * knows that: "?".
 */
static const struct {
	char letter;
	const char *key;	/* of [Port] */
} guards[] = {
	{ 'I', "Isolated" }, { 'M', "MACBinding" }, { 'A', "AddressBinding" }, { 'R', "RAGuard" }, { 'D', "DHCPGuard" },
	{ 'B', "BPDUGuard" },
};
#define GUARDS_SIZE	(ARRAY_SIZE(guards) + 1)

/* Groups of such ports are of this range (netd/model/netstate.h). */
static bool is_guarded(uint32_t group)
{
	return group >> 24 == 0x67;
}

static void find_guards(const struct devices *devices, const struct device *device, char letters[static GUARDS_SIZE])
{
	const struct device *bridge = find_device(devices, device->master);
	const char *rest = bridge ? strstr(bridge->alias, " guards=") : NULL;
	bool ours = bridge && str_has_prefix(bridge->alias, "guestnet net=", &(const char *){ NULL });
	struct text text;

	text_init(&text, letters, GUARDS_SIZE);
	if (device->isolated)
		text_add(&text, "I");
	if (!is_guarded(device->group))
		return;
	if (!ours)
		text_add(&text, "?");
	for (size_t i = 1; ours && rest && i < ARRAY_SIZE(guards); i++)
		if (memchr(rest + strlen(" guards="), guards[i].letter, strcspn(rest + 1, " ") + 1 - strlen(" guards=")))
			text_add(&text, "%c", guards[i].letter);
}

static void put_guards(struct json *json, const struct devices *devices, const struct device *device)
{
	char letters[GUARDS_SIZE];

	find_guards(devices, device, letters);
	if (strchr(letters, '?')) {
		json_null(json, "guards");
		return;
	}
	json_array(json, "guards");
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++)
		if (strchr(letters, guards[i].letter))
			json_string(json, NULL, guards[i].key);
	json_array_end(json);
}

static void put_rates(struct json *json, const struct portrates *rates, const struct device *device)
{
	json_object(json, "rates");
	json_number(json, "to_guest", portrates_find_to(rates, device->ifindex));
	if (rates->knows_from)
		json_number(json, "from_guest", portrates_find_from(rates, device->name));
	else
		json_null(json, "from_guest");
	json_object_end(json);
}

static void put_port(struct json *json, const struct devices *devices, const struct portrates *rates, const struct device *device)
{
	const struct device *bridge = find_device(devices, device->master);
	char text[32];

	json_object(json, NULL);
	json_string(json, "network", device->network);
	json_string(json, "port", device->name);
	json_string(json, "kind", device->kind);
	json_array(json, "macs");
	for (size_t i = 0; i < device->n_macs; i++) {
		snprintf(text, sizeof(text), MAC_FORMAT, MAC_BYTES(device->macs[i]));
		json_string(json, NULL, text);
	}
	json_array_end(json);
	if (device->owned)
		json_number(json, "uid", device->uid);
	else
		json_null(json, "uid");
	if (device->pid)
		json_number(json, "pid", (uint64_t)device->pid);
	else
		json_null(json, "pid");
	json_string(json, "guest", device->guest);
	put_guards(json, devices, device);
	put_rates(json, rates, device);
	counters_put(json, &device->counters);
	json_object(json, "bridge");
	json_string(json, "name", bridge->name);
	counters_put(json, &bridge->counters);
	json_object_end(json);
	json_object_end(json);
}

/* The last column is there where a port has a rate: most have none, and lines are to fit into 80 characters. */
#define COLUMNS_RATED	10

static void add_row(struct table *table, const struct devices *devices, const struct portrates *rates, const struct device *device)
{
	char text[PORT_MACS * 18 + 64], letters[GUARDS_SIZE], limits[PORTRATES_TEXT_SIZE];

	table_add(table, "%s", STR_ESCAPED(device->network));
	table_add(table, "%s", STR_ESCAPED(device->name));
	table_add(table, "%s", device->guest[0] ? STR_ESCAPED(device->guest) : "-");
	format_macs(device, text, sizeof(text));
	table_add(table, "%s", device->n_macs ? text : "-");
	table_add(table, "%s", device->owned ? user_name(device->uid, text, sizeof(text)) : "-");
	if (device->pid)
		table_add(table, "%d", (int)device->pid);
	else
		table_add(table, "-");
	/* As the guest sees it: what the port has received, the guest has sent. */
	table_add(table, "%s", COUNTERS_BYTES(device->counters.rx_bytes));
	table_add(table, "%s", COUNTERS_BYTES(device->counters.tx_bytes));
	find_guards(devices, device, letters);
	table_add(table, "%s", letters[0] ? letters : "-");
	if (table->n_columns == COLUMNS_RATED)
		table_add(table, "%s", portrates_print(limits, portrates_find_to(rates, device->ifindex), portrates_find_from(rates, device->name)));
}

static bool is_rated(const struct portrates *rates, const struct device *device)
{
	return portrates_find_to(rates, device->ifindex) || portrates_find_from(rates, device->name);
}

/* A port of a declared network, or a tap that the helper has made, on whatever bridge. */
static bool is_shown(const struct devices *devices, const struct device *device, const char *wanted)
{
	const struct device *bridge = device->master ? find_device(devices, device->master) : NULL;

	if (!bridge || !bridge->bridge || (!bridge->network[0] && !device->owned))
		return false;
	return !wanted || strcmp(wanted, device->network) == 0 || strcmp(wanted, bridge->name) == 0;
}

static void add_traffic_row(struct table *table, const struct device *device, const char *guest)
{
	const struct counters *counters = &device->counters;

	table_add(table, "%s", STR_ESCAPED(device->network));
	table_add(table, "%s", STR_ESCAPED(device->name));
	table_add(table, "%s", guest);
	table_add(table, "%s", COUNTERS_BYTES(counters->rx_bytes));
	table_add(table, "%" PRIu64, counters->rx_packets);
	table_add(table, "%" PRIu64, counters->rx_dropped);
	table_add(table, "%s", COUNTERS_BYTES(counters->tx_bytes));
	table_add(table, "%" PRIu64, counters->tx_packets);
	table_add(table, "%" PRIu64, counters->tx_dropped);
}

/* The bridge of a network, behind its last port: what of all that went to the host, or through it, and came from there. */
static void add_bridge_row(struct table *table, const struct devices *devices, size_t i, const char *wanted)
{
	const struct device *port = &devices->items[i];

	for (size_t j = i + 1; j < devices->n; j++)
		if (devices->items[j].master == port->master && is_shown(devices, &devices->items[j], wanted))
			return;
	add_traffic_row(table, find_device(devices, port->master), "(the host)");
}

static bool is_known(const struct devices *devices, const char *wanted)
{
	for (size_t i = 0; i < devices->n; i++) {
		const struct device *device = &devices->items[i];

		if (device->bridge && (strcmp(wanted, device->name) == 0 || strcmp(wanted, device->network) == 0))
			return true;
	}
	return false;
}

static int compare_ports(const void *a, const void *b)
{
	const struct device *left = a, *right = b;
	int order = strcmp(left->network, right->network);

	return order ? order : left->ifindex - right->ifindex;
}

enum exit_status ports_run(const struct options *options, struct failure *failure)
{
	static const struct table_column columns[] = {
		{ "NETWORK", false }, { "PORT", false }, { "GUEST", false }, { "MAC", false }, { "OWNER", false },
		{ "PID", false }, { "SENT", false }, { "RECV", false }, { "GUARDS", false },
		{ "RATES", false },
	};
	_Static_assert(ARRAY_SIZE(columns) == COLUMNS_RATED, "rates are the last column");
	static const struct table_column traffic_columns[] = {
		{ "NETWORK", false }, { "PORT", false }, { "GUEST", false }, { "SENT", false }, { "PACKETS", false }, { "DROPPED", false },
		{ "RECV", false }, { "PACKETS", false }, { "DROPPED", false },
	};
	_cleanup_(devices_deinit) struct devices devices = { 0 };
	_cleanup_(portrates_deinit) struct portrates rates = PORTRATES_NULL;
	const bool traffic = option_is_set(options, OPTION_TRAFFIC);
	_cleanup_(table_deinit) struct table table = TABLE_NULL(columns);
	const char *wanted = options->n_operands ? options->operands[0] : NULL;
	struct json json = JSON_NULL(stdout);
	bool rated = false;
	int r = load_devices(&devices);

	if (r == 0)
		r = portrates_load(&rates);
	if (r < 0) {
		failure_set(failure, r, "cannot read the ports: %s", strerror(-r));
		return STATUS_FAILED;
	}
	/* One that is declared and down has no ports. */
	r = wanted && !is_known(&devices, wanted) ? reports_verify_declared(wanted, failure) : 0;
	if (r < 0) {
		failure_set(failure, r, "there is no network or bridge \"%s\", or it is down (guestnet list shows them)", STR_ESCAPED(wanted));
		return STATUS_NOT_FOUND;
	}
	if (traffic)
		table = TABLE_NULL(traffic_columns);
	find_holders(&devices);
	qsort(devices.items, devices.n, sizeof(*devices.items), compare_ports);
	for (size_t i = 0; i < devices.n; i++)
		rated |= is_shown(&devices, &devices.items[i], wanted) && is_rated(&rates, &devices.items[i]);
	if (!traffic && !rated)
		table.n_columns--;
	if (options->json)
		json_array(&json, NULL);
	for (size_t i = 0; i < devices.n; i++) {
		if (!is_shown(&devices, &devices.items[i], wanted))
			continue;
		if (options->json)
			put_port(&json, &devices, &rates, &devices.items[i]);
		else if (!traffic)
			add_row(&table, &devices, &rates, &devices.items[i]);
		else
			add_traffic_row(&table, &devices.items[i], devices.items[i].guest[0] ? STR_ESCAPED(devices.items[i].guest) : "-");
		if (!options->json && traffic)
			add_bridge_row(&table, &devices, i, wanted);
	}
	if (options->json)
		json_array_end(&json);
	else
		r = table_print(&table, stdout, "");
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}
