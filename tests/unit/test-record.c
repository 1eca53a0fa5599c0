/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guestnetd --record has written is gone through again: the code looks, plans and acts, a file answers in the place of
 * the kernel, and the same plans must come out. The files are those of tests/data/record, or the one that RECORD names.
 *
 * This program has its own lib/nl/wire.c, netd/kernel/sysctl.c and netd/kernel/tap.c: nothing is asked of the kernel that it
 * runs on, and nothing changed. What the code asks is compared byte for byte with what
 * was asked then, of what it changes the kinds of messages are.
 */
#include "model.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../../lib/fd.h"
#include "../../lib/nl/wire.h"
#include "../../netd/kernel/apply.h"
#include "../../netd/kernel/monitor.h"
#include "../../netd/kernel/snapshot.h"
#include "../../netd/kernel/sysctl.h"
#include "../../netd/kernel/tap.h"
#include "../../netd/model/ruleset.h"

struct item {
	struct record_header header;
	const char *bytes;		/* in the text of the file */
};

/* One file at a time: the functions that stand for the kernel have no argument to find it by. */
static struct {
	const char *path;
	char *text;			/* owned */
	size_t length;
	struct item *items;		/* owned */
	size_t n;
	size_t next, value, end;	/* of the window: what the code may ask for now */
	size_t answer;			/* the next answer to the last question */
	uint32_t renumber;
	bool cut;			/* it ends in the middle of something: the daemon was killed, or the disk was full */
	bool over;			/* the code has come to that end */
} replay;

static bool is_over(void)
{
	if (replay.cut && replay.end == replay.n)
		replay.over = true;
	return replay.over;
}

/* The kernel of the file */

void nl_wire_observe(nl_wire_observer observer _unused_, void *data _unused_)
{
}

static bool is_question(unsigned int protocol, unsigned int type)
{
	if (protocol == NETLINK_ROUTE)
		return (type - RTM_BASE) % 4 == 2;
	return type >> 8 == NFNL_SUBSYS_NFTABLES && (type & 0xff) % 3 == 1;
}

static bool is_same(unsigned int protocol, const char *a, const char *b, size_t length)
{
	int left = (int)length;

	for (; left >= (int)sizeof(struct nlmsghdr);) {
		const struct nlmsghdr *one = (const struct nlmsghdr *)a, *two = (const struct nlmsghdr *)b;
		int step = (int)NLMSG_ALIGN(one->nlmsg_len);

		if (one->nlmsg_type != two->nlmsg_type)
			return false;
		if (!is_question(protocol, one->nlmsg_type))
			return true;	/* libraries of other versions write it otherwise */
		if (one->nlmsg_len != two->nlmsg_len || one->nlmsg_flags != two->nlmsg_flags || step > left ||
		    memcmp(one + 1, two + 1, one->nlmsg_len - sizeof(*one)) != 0)
			return false;
		a += step;
		b += step;
		left -= step;
	}
	return true;
}

/* What a datagram of changes is compared by. */
static void list_types(const char *bytes, size_t length, char *buffer, size_t size)
{
	int left = (int)length;
	size_t n = 0;

	buffer[0] = '\0';
	for (const struct nlmsghdr *message = (const void *)bytes; NLMSG_OK(message, left) && n < size; message = NLMSG_NEXT(message, left))
		n += (size_t)snprintf(buffer + n, size - n, " %x", message->nlmsg_type);
}

int nl_wire_send(int fd, const void *bytes, size_t length)
{
	char asked[8192], then[8192];
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size), 0);
	list_types(bytes, length, asked, sizeof(asked));
	for (size_t i = replay.next; i < replay.end; i++) {
		const struct item *item = &replay.items[i];

		if (item->header.kind != RECORD_SENT || item->header.protocol != protocol)
			continue;
		list_types(item->bytes, item->header.length, then, sizeof(then));
		if (strcmp(asked, then) != 0 || !is_same((unsigned int)protocol, bytes, item->bytes, length))
			continue;
		replay.renumber = ((const struct nlmsghdr *)bytes)->nlmsg_seq - ((const struct nlmsghdr *)item->bytes)->nlmsg_seq;
		replay.next = i + 1;
		replay.answer = i + 1;
		return 0;
	}
	if (is_over())
		return -EIO;
	fail_msg("%s: what is sent now was not sent then, behind record %zu: protocol %d, messages%s", replay.path, replay.next,
		 protocol, asked);
	return -EIO;
}

int nl_wire_receive(int fd _unused_, enum nl_wire kind _unused_, int flags _unused_, void *buffer, size_t size, size_t *ret_length)
{
	const struct item *item = &replay.items[replay.answer];
	struct nlmsghdr *message = buffer;
	int left;

	if (replay.answer >= replay.end)
		return is_over() ? -EIO : -EAGAIN;
	if (item->header.kind != RECORD_ANSWER)
		return -EAGAIN;
	assert_true(item->header.length <= size);
	memcpy(buffer, item->bytes, item->header.length);
	left = (int)item->header.length;
	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
		message->nlmsg_seq += replay.renumber;
	replay.answer++;
	*ret_length = item->header.length;
	return 0;
}

/* The next value of @path in the window; -ENOENT when it was not asked for then. */
static int find_value(const char *what, const char *path, int *ret_value)
{
	for (size_t i = replay.value; i < replay.end; i++) {
		char text[192], verb[8], name[144];
		int value, error;

		if (replay.items[i].header.kind != RECORD_VALUE)
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)replay.items[i].header.length, replay.items[i].bytes);
		if (sscanf(text, "%7s %143s %d %d", verb, name, &value, &error) != 4 || strcmp(verb, what) != 0 ||
		    strcmp(name, path) != 0)
			continue;
		replay.value = i + 1;
		*ret_value = value;
		return error;
	}
	if (is_over())
		return -EIO;
	fail_msg("%s: no \"%s %s\" behind record %zu", replay.path, what, path, replay.value);
	return -ENOENT;
}

int nl_wire_index(int fd _unused_, const char *name)
{
	int ifindex = 0;

	find_value("index", name, &ifindex);
	return ifindex;
}

int sysctl_read(const struct kernel *kernel _unused_, const char *path, int *ret_value)
{
	return find_value("read", path, ret_value);
}

int sysctl_write(struct kernel *kernel _unused_, const char *path, int value _unused_)
{
	int then;

	return find_value("write", path, &then);
}

void sysctl_read_forwarding(const struct kernel *kernel _unused_, int ret_forwards[2])
{
	for (size_t i = 0; i < 2; i++)
		find_value("read", netstate_forwarding[i], &ret_forwards[i]);
}

int tap_apply(struct kernel *kernel _unused_, const struct plan_step *step, struct apply_result *result _unused_)
{
	int value;

	return find_value("tap", step->tap.name, &value);
}

/* The file */

/* What no plan is made of is not in it: flows, neighbours (but for what the host answers for, and whom tunnels lead to), sockets of others. */
static bool is_private(const struct item *item)
{
	const struct nlmsghdr *message = (const void *)item->bytes;

	if (item->header.kind != RECORD_SENT && item->header.kind != RECORD_ANSWER && item->header.kind != RECORD_EVENT)
		return false;
	if (item->header.protocol == NETLINK_ROUTE && message->nlmsg_type >= RTM_NEWNEIGH && message->nlmsg_type <= RTM_GETNEIGH) {
		const struct ndmsg *header = NLMSG_DATA(message);

		return item->header.length < NLMSG_LENGTH(sizeof(*header)) || (!(header->ndm_flags & (NTF_PROXY | NTF_SELF)) &&
								       item->header.length != NLMSG_LENGTH(sizeof(*header)));
	}
	if (item->header.protocol == NETLINK_ROUTE)
		return false;
	return item->header.protocol != NETLINK_NETFILTER || message->nlmsg_type >> 8 == NFNL_SUBSYS_CTNETLINK ||
	       message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET);
}

/* No more than @limit bytes of it. */
static void load(const char *path, size_t limit)
{
	const struct record_begin *begin;
	FILE *file = fopen(path, "r"), *copy;
	size_t at = sizeof(*begin), size;
	int c;

	replay.path = path;
	if (!file)
		fail_msg("%s: %s (the tests run from the top of the tree)", path, strerror(errno));
	copy = open_memstream(&replay.text, &size);
	assert_non_null(copy);
	for (size_t n = 0; n < limit && (c = getc(file)) != EOF; n++)
		putc(c, copy);
	fclose(copy);
	fclose(file);
	replay.length = size;
	begin = (const void *)replay.text;
	assert_true(size >= sizeof(*begin));
	assert_memory_equal(begin->magic, RECORD_MAGIC, sizeof(begin->magic));
	assert_int_equal(begin->version, RECORD_VERSION);
	replay.items = calloc(size / sizeof(struct record_header) + 1, sizeof(*replay.items));
	assert_non_null(replay.items);
	while (at + sizeof(struct record_header) <= size) {
		struct item *item = &replay.items[replay.n];

		memcpy(&item->header, replay.text + at, sizeof(item->header));
		at += sizeof(item->header);
		/* The daemon may have been ended while it wrote. */
		if (item->header.length > size - at)
			break;
		assert_true(item->header.kind > 0 && item->header.kind < RECORD_MAX_);
		item->bytes = replay.text + at;
		at += item->header.length + (-item->header.length & 3);
		if (is_private(item))
			fail_msg("%s: record %zu is about something that does not belong there", path, replay.n);
		replay.n++;
	}
	replay.cut = replay.n == 0 || replay.items[replay.n - 1].header.kind != RECORD_END;
}

static bool is_other_order(const char *path)
{
	struct record_begin begin = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool other = fd >= 0 && read(fd, &begin, sizeof(begin)) == sizeof(begin) && begin.byte_order != RECORD_BYTE_ORDER;

	fd_close(fd);
	return other;
}

/* Records that are no datagrams and no values: what the code does next. */
static bool is_act(const struct item *item)
{
	return item->header.kind == RECORD_LOOK || item->header.kind == RECORD_PLAN || item->header.kind == RECORD_APPLY;
}

static void open_window(size_t from, size_t to)
{
	replay.next = replay.value = replay.answer = from;
	replay.end = to;
}

static size_t next_act(size_t i)
{
	while (++i < replay.n && !is_act(&replay.items[i]))
		;
	return i;
}

static bool has_section(const struct item *item, const char *name)
{
	char head[32];
	size_t length = (size_t)snprintf(head, sizeof(head), "\n== %s\n", name);

	return memmem(item->bytes, item->header.length, head, length);
}

/* The lines of "== NAME", owned by the caller. */
static char *find_section(const struct item *item, const char *name)
{
	char *text = strndup(item->bytes, item->header.length), head[32], *begin, *end, *section;

	assert_non_null(text);
	snprintf(head, sizeof(head), "== %s\n", name);
	begin = strstr(text, head);
	if (!begin)
		fail_msg("%s: a plan without \"%s\"", replay.path, name);
	begin += strlen(head);
	end = strncmp(begin, "== ", 3) == 0 ? begin : strstr(begin, "\n== ");
	section = end == begin ? strdup("") : end ? strndup(begin, (size_t)(end - begin) + 1) : strdup(begin);
	free(text);
	return section;
}

static void parse_state(const struct item *item, const char *name, struct netstate *ret_state)
{
	_cleanup_(freep) char *text = find_section(item, name);
	struct failure failure = { 0 };

	if (netstate_parse(text, ret_state, &failure) < 0)
		fail_msg("%s: %s: %s", replay.path, name, failure.text);
}

/* What the code does */

struct machine {
	struct kernel kernel;
	struct monitor_news news;	/* of the events since the last look */
	struct plan plan;
	int looked;
	unsigned int n_plans, n_steps, n_events;
};

static bool names_link(const struct dirt *dirt, int ifindex)
{
	for (unsigned int i = 0; i < dirt->n_links; i++)
		if (dirt->links[i] == ifindex)
			return true;
	return (dirt->parts & (DIRTY_LINKS | DIRTY_ADDRESSES)) == (DIRTY_LINKS | DIRTY_ADDRESSES);
}

/* Whatever events say is in what the look that follows reads. */
static void check_news(const struct machine *machine, size_t i)
{
	const struct dirt *news = &machine->news.dirt, *dirt = &machine->kernel.dirt;

	if (news->parts & ~dirt->parts)
		fail_msg("%s: record %zu: events name the parts %x, and the look has %x", replay.path, i, news->parts, dirt->parts);
	for (unsigned int j = 0; j < news->n_links; j++)
		if (!names_link(dirt, news->links[j]))
			fail_msg("%s: record %zu: events name interface %d, and it is not looked at", replay.path, i, news->links[j]);
}

static void look(struct machine *machine, size_t i)
{
	struct kernel *kernel = &machine->kernel;
	_cleanup_(freep) char *text = strndup(replay.items[i].bytes, replay.items[i].header.length);
	struct failure failure = { 0 };
	unsigned int parts;
	int overlap, checksums, tc, queue, owner, used = 0;

	kernel->dirt = (struct dirt){ 0 };
	if (sscanf(text, "parts %u dirt %u overlap %d dirt-generation %u generation %u read %u checksums %d tc %d queue %d owner %d "
		   "route-port %u nft-port %u links %u%n", &parts, &kernel->dirt.parts, &overlap, &kernel->dirt.generation,
		   &kernel->generation, &kernel->read_generation, &checksums, &tc, &queue, &owner, &kernel->rtnl.port,
		   &kernel->nft.port, &kernel->dirt.n_links, &used) != 13)
		fail_msg("%s: record %zu: %s", replay.path, i, text);
	assert_true(kernel->dirt.n_links <= DIRT_LINKS);
	for (unsigned int j = 0, n = 0; j < kernel->dirt.n_links; j++, used += (int)n) {
		assert_int_equal(sscanf(text + used, " %d%n", &kernel->dirt.links[j], (int *)&n), 1);
		kernel->dirt.routed[j] = kernel->dirt.links[j] < 0;
		kernel->dirt.links[j] = abs(kernel->dirt.links[j]);
	}
	kernel->dirt.overlap = overlap;
	kernel->checksums_changed = checksums;
	kernel->tc_used = tc & 1;
	kernel->shapers_used = tc >> 1 & 1;
	kernel->proxies_used = tc >> 2 & 1;
	kernel->remotes_used = tc >> 3 & 1;
	kernel->counters_needed = tc >> 4 & 1;
	kernel->queue_native = queue;
	kernel->owner_tables = owner;
	check_news(machine, i);
	machine->news = (struct monitor_news){ 0 };
	open_window(i + 1, next_act(i));
	machine->looked = kernel_look(kernel, parts, &failure);
}

/* A name in each line; sorted. */
static size_t parse_names(const char *text, char names[][NETWORK_NAME_SIZE], size_t max)
{
	size_t n = 0;

	for (; *text && n < max; text += strcspn(text, "\n") + 1)
		snprintf(names[n++], NETWORK_NAME_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
	return n;
}

/* Were the rules those of this source? What is read back of others cannot be compared. */
static bool has_our_rules(const struct netstate *desired)
{
	return desired->table.state != NETSTATE_TABLE_EQUAL || ruleset_fingerprint(&desired->table) == desired->table.fingerprint;
}

/*
 * Which ports are guests', and what the bridges of those are called in the files, the daemon knew (manager-ports.c). They are copied:
 * the view's own stay as they were read. The caller owns them.
 */
static struct netstate_port *copy_ports(const struct netstate *snapshot, const struct netstate *then)
{
	struct netstate_port *ports = calloc(snapshot->n_ports + 1, sizeof(*ports));

	assert_non_null(ports);
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		ports[i] = snapshot->ports[i];
		for (size_t j = 0; j < then->n_ports; j++) {
			const struct netstate_port *port = &then->ports[j];

			if (port->ifindex != ports[i].ifindex || !port->guest)
				continue;
			ports[i].guest = true;
			memcpy(ports[i].bridge, port->bridge, sizeof(ports[i].bridge));
		}
	}
	return ports;
}

/* The plan of what was decoded must be that of then. Of services and network cards a file knows what the daemon knew. False: no use to go on. */
static bool plan(struct machine *machine, size_t i, size_t last_act)
{
	const struct item *item = &replay.items[i];
	_cleanup_(netstate_deinit) struct netstate desired = NETSTATE_NULL, then = NETSTATE_NULL, remembered = NETSTATE_NULL;
	_cleanup_(freep) char *want = find_section(item, "plan"), *now = find_section(item, "now");
	_cleanup_(freep) char *except = find_section(item, "except"), *got = NULL, *state = NULL;
	_cleanup_(freep) struct netstate_port *ports = NULL;
	char names[64][NETWORK_NAME_SIZE];
	struct plan_memory memory;
	struct netstate snapshot;
	size_t n_names = parse_names(except, names, ARRAY_SIZE(names));

	if (machine->looked < 0)
		fail_msg("%s: record %zu: the look before it fails: %s", replay.path, i, strerror(-machine->looked));
	parse_state(item, "desired", &desired);
	parse_state(item, "snapshot", &then);
	parse_state(item, "memory", &remembered);
	memory = (struct plan_memory){
		.ports = remembered.ports, .n_ports = remembered.n_ports, .bridges = remembered.bridges,
		.n_bridges = remembered.n_bridges, .addresses = remembered.addresses, .n_addresses = remembered.n_addresses,
		.no_taps = has_section(item, "no-taps"),
	};
	open_window(last_act + 1, i);
	machine->kernel.view.new_desire = true;
	assert_int_equal(kernel_look_at_taps(&machine->kernel, &desired), 0);
	assert_int_equal(kernel_look_at_sysctls(&machine->kernel, &desired), 0);
	assert_int_equal(kernel_look_at_shapers(&machine->kernel, &desired), 0);
	assert_int_equal(kernel_look_at_proxies(&machine->kernel, &desired), 0);
	assert_int_equal(kernel_look_at_remotes(&machine->kernel, &desired), 0);
	snapshot = machine->kernel.view.state;
	snapshot.services = then.services;
	snapshot.n_services = then.n_services;
	snapshot.uplinks = then.uplinks;
	snapshot.n_uplinks = then.n_uplinks;
	snapshot.ports = ports = copy_ports(&snapshot, &then);
	/* guestnetd --plan: as the daemon that owns the table. */
	if (snapshot.table.foreign_owner && then.table.owned) {
		snapshot.table.foreign_owner = false;
		snapshot.table.owned = true;
	}
	plan_deinit(&machine->plan);
	assert_int_equal(plan_build(&desired, &snapshot, &memory, (const char (*)[NETWORK_NAME_SIZE])names, n_names,
				    strtoull(now, NULL, 10), &machine->plan), 0);
	assert_int_equal(plan_print(&machine->plan, &got), 0);
	assert_int_equal(netstate_print(&snapshot, &state), 0);
	if (strcmp(got, want) != 0) {
		_cleanup_(freep) char *was = find_section(item, "snapshot");

		fail_msg("%s: record %zu: another plan (on purpose? tests/record-again takes the file anew)\n"
			 "--- got\n%s--- want\n%s--- of\n%s--- then\n%s", replay.path, i, got, want, state, was);
	}
	machine->n_plans++;
	machine->n_steps += (unsigned int)machine->plan.n_steps;
	return has_our_rules(&desired);
}

static int act(void *data _unused_, const struct plan_step *step _unused_, struct apply_result *result _unused_)
{
	return 0;
}

static void apply(struct machine *machine, size_t i)
{
	const struct apply_services services = { .act = act };
	struct apply_result *results = apply_results_new(machine->plan.n_steps);

	assert_non_null(results);
	open_window(i + 1, next_act(i));
	(void)apply_plan(&machine->kernel, &machine->plan, &services, results);
	apply_results_free(results, machine->plan.n_steps);
}

static void event(struct machine *machine, const struct item *item)
{
	const struct kernel *kernel = &machine->kernel;

	monitor_note(kernel, item->header.protocol == NETLINK_ROUTE ? kernel->rtnl.port : kernel->nft.port, item->bytes,
		     item->header.length, &machine->news);
	machine->n_events++;
}

static void go_through(const char *path, size_t limit)
{
	struct machine machine = { .kernel = KERNEL_NULL, .plan = PLAN_NULL };
	bool on = true;

	if (is_other_order(path)) {
		print_message("# %s: of a machine with another byte order\n", path);
		return;
	}
	load(path, limit);
	assert_int_equal(nl_channel_open(NETLINK_ROUTE, &machine.kernel.rtnl), 0);
	assert_int_equal(nl_channel_open(NETLINK_NETFILTER, &machine.kernel.nft), 0);
	for (size_t i = 0, last_act = 0; on && !replay.over && i < replay.n; i++) {
		const struct item *item = &replay.items[i];

		switch ((enum record_kind)item->header.kind) {
		case RECORD_EVENT:
			event(&machine, item);
			break;
		case RECORD_LOOK:
			look(&machine, i);
			break;
		case RECORD_PLAN:
			on = plan(&machine, i, last_act);
			break;
		case RECORD_APPLY:
			apply(&machine, i);
			break;
		case RECORD_SENT:
		case RECORD_ANSWER:
		case RECORD_VALUE:
		case RECORD_FULL:
		case RECORD_END:
		case RECORD_MAX_:
			break;
		}
		if (is_act(item))
			last_act = i;
	}
	if (limit == SIZE_MAX)
		print_message("# %s: %u plans with %u steps, %u events%s\n", path, machine.n_plans, machine.n_steps, machine.n_events,
		      on ? "" : "; the rules are others now, so only its begin: tests/record-again takes it anew");
	assert_true(limit != SIZE_MAX || (machine.n_plans > 0 && machine.n_steps > 0));
	plan_deinit(&machine.plan);
	kernel_deinit(&machine.kernel);
	free(replay.items);
	free(replay.text);
	memset(&replay, 0, sizeof(replay));
}

static void test_records(void **unused _unused_)
{
	static const char directory[] = "tests/data/record";
	const char *one = getenv("RECORD");
	struct dirent **entries;
	int n;

	if (one) {
		go_through(one, SIZE_MAX);
		return;
	}
	n = scandir(directory, &entries, NULL, alphasort);
	if (n < 0)
		fail_msg("%s: cannot be read (the tests run from the top of the tree)", directory);
	for (int i = 0; i < n; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			go_through(path, SIZE_MAX);
		free(entries[i]);
	}
	free(entries);
	assert_true(n > 2);
}

/* A daemon that is killed leaves a record that ends anywhere. */
static void test_cut(void **unused _unused_)
{
	static const char path[] = "tests/data/record/default.record";
	struct stat st;

	if (getenv("RECORD"))
		skip();
	assert_int_equal(stat(path, &st), 0);
	for (size_t limit = sizeof(struct record_begin); limit < (size_t)st.st_size; limit += (size_t)st.st_size / 97)
		go_through(path, limit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
