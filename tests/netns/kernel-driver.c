/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: the kernel side of guestnetd without the daemon. Declares networks on the command line, and makes
 * them true by the same snapshot, plan and apply.
 *
 *	kernel-driver apply NETWORK...		until nothing is left to do; prints passes and steps
 *	kernel-driver once NETWORK...		one pass, every step with its result
 *	kernel-driver plan NETWORK...		what would be done
 *	kernel-driver state			the snapshot
 *	kernel-driver rules NETWORK...		our table as nft reads it
 *	kernel-driver hold NETWORK...		apply, then keep the rules' owner alive until the input ends
 *	kernel-driver watch			events as lines until the input ends
 *	kernel-driver faults NETWORK...		each change refused once, on the way up and on the way down
 *	kernel-driver checksum			the strategy; CHECKSUM=nft|tc|queue in the environment chooses one
 *	kernel-driver sweep ADDRESS		deletes the flows that this address began; prints how many
 *	kernel-driver bench N			times for N networks, in microseconds
 *
 * NETWORK is NAME=BRIDGE,ADDRESS/LENGTH[,ADDRESS/LENGTH...][,isolated][,open][,closed][,tunnel]
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "../../netd/kernel/apply.h"
#include "../../netd/kernel/checksum.h"
#include "../../netd/kernel/conntrack.h"
#include "../../netd/kernel/monitor.h"
#include "../../netd/kernel/snapshot.h"
#include "../../netd/model/haste.h"
#include "../../netd/model/ip.h"
#include "../../netd/model/plan.h"
#include "../../netd/model/print.h"
#include "../../netd/model/ruleset.h"

#define PASSES	8

static void die(const char *what, int r)
{
	fprintf(stderr, "kernel-driver: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void add_element(struct netstate *state, const struct netstate_bridge *bridge, enum netstate_set set,
			uint8_t prefix_length, bool with_name, const void *rest, size_t n_rest)
{
	struct netstate_element element = { .set = set, .prefix_length = prefix_length };
	size_t n = with_name ? IFNAME_SIZE : 0;

	if (with_name)
		memcpy(element.key, bridge->name, IFNAME_SIZE);
	if (n_rest > 0)
		memcpy(element.key + n, rest, n_rest);
	element.key_length = (uint8_t)(n + n_rest);
	memcpy(element.network, bridge->network, sizeof(element.network));
	if (netstate_add_element(state, &element) < 0)
		die("memory", -ENOMEM);
}

static void add_address(struct netstate *state, const struct netstate_bridge *bridge, const char *text, bool isolated)
{
	struct netstate_address address = { .ours = true };
	struct ip prefix;
	bool v6;
	int r;

	r = ip_parse_prefix(text, &address.address, &address.prefix_length);
	if (r < 0)
		die(text, r);
	v6 = ip_is_v6(&address.address);
	memcpy(address.link, bridge->name, IFNAME_SIZE);
	netstate_add_address(state, &address);
	prefix = ip_mask(&address.address, address.prefix_length);
	add_element(state, bridge, v6 ? NETSTATE_SET_LOCAL6 : NETSTATE_SET_LOCAL4, 0, true, address.address.bytes_be, v6 ? 16 : 4);
	if (isolated)
		add_element(state, bridge, v6 ? NETSTATE_SET_INSIDE6 : NETSTATE_SET_INSIDE4, address.prefix_length, true,
			    prefix.bytes_be, v6 ? 16 : 4);
	else
		add_element(state, bridge, v6 ? NETSTATE_SET_SOURCE6 : NETSTATE_SET_SOURCE4, address.prefix_length, true,
			    prefix.bytes_be, v6 ? 16 : 4);
	if (!isolated && !v6)
		add_element(state, bridge, NETSTATE_SET_GATEWAY4, 0, false, address.address.bytes_be, 4);
	if (v6)
		ruleset_add_prefix6(&state->table, address.prefix_length);
	else
		ruleset_add_prefix4(&state->table, address.prefix_length);
}

/* A tunnel of the network to 192.0.2.2. */
static void add_tunnel(struct netstate *state, const struct netstate_bridge *bridge)
{
	struct netstate_tunnel tunnel = { .up = true, .listed = true, .learning = true, .port_learning = true, .port = 4789, .vni = 61, .mtu = 1450 };
	struct netstate_remote remote = { .address = { .family = AF_INET, .bytes_be = { 192, 0, 2, 2 } } };

	snprintf(tunnel.name, sizeof(tunnel.name), NETSTATE_TUNNEL_PREFIX "%s", bridge->network);
	memcpy(tunnel.network, bridge->network, sizeof(tunnel.network));
	memcpy(tunnel.bridge, bridge->name, sizeof(tunnel.bridge));
	memcpy(remote.link, tunnel.name, sizeof(remote.link));
	memcpy(remote.network, bridge->network, sizeof(remote.network));
	if (netstate_add_tunnel(state, &tunnel) < 0 || netstate_add_remote(state, &remote) < 0)
		die("memory", -ENOMEM);
}

static void add_network(struct netstate *state, const char *spec, uint8_t strategy, unsigned int number)
{
	struct netstate_bridge bridge = { .owner = NETSTATE_OURS, .up = true, .address_pinned = true, .mtu = 1500,
					  .mac = { { 0x52, 0x54, 0, 1, (uint8_t)(number >> 8), (uint8_t)number } } };
	struct netstate_checksum checksum = { .strategy = strategy };
	struct ip link_local;
	char copy[512], *rest = copy, *word;
	bool isolated = strstr(spec, ",isolated"), nat6 = false;

	snprintf(copy, sizeof(copy), "%s", spec);
	word = strsep(&rest, "=");
	snprintf(bridge.network, sizeof(bridge.network), "%s", word);
	snprintf(bridge.altnames[bridge.n_altnames++], IFNAME_SIZE, "%s", word);
	word = strsep(&rest, ",");
	snprintf(bridge.name, sizeof(bridge.name), "%s", word ? word : "");
	memcpy(checksum.bridge, bridge.name, IFNAME_SIZE);
	link_local = ip_link_local(&bridge.mac);

	netstate_add_bridge(state, &bridge);
	add_element(state, &bridge, NETSTATE_SET_BRIDGES, 0, true, NULL, 0);
	add_element(state, &bridge, NETSTATE_SET_SAME, 0, true, bridge.name, IFNAME_SIZE);
	add_element(state, &bridge, NETSTATE_SET_LOCAL6, 0, true, link_local.bytes_be, 16);
	if (!isolated)
		add_element(state, &bridge, NETSTATE_SET_NAT, 0, true, NULL, 0);
	while ((word = strsep(&rest, ","))) {
		if (strcmp(word, "open") == 0)
			add_element(state, &bridge, NETSTATE_SET_HOSTOPEN, 0, true, NULL, 0);
		else if (strcmp(word, "closed") == 0)
			add_element(state, &bridge, NETSTATE_SET_HOSTCLOSED, 0, true, NULL, 0);
		else if (strcmp(word, "tunnel") == 0)
			add_tunnel(state, &bridge);
		else if (strcmp(word, "isolated") != 0)
			add_address(state, &bridge, word, isolated);
		nat6 |= strchr(word, ':') && !isolated;
	}
	if (nat6)
		add_element(state, &bridge, NETSTATE_SET_NAT6, 0, true, NULL, 0);
	if (strategy != CHECKSUM_OFF)
		netstate_add_checksum(state, &checksum);
}

/* The first way that the kernel says it has, or the one that the environment names. */
static enum checksum_strategy choose_checksum(struct kernel *kernel)
{
	const char *wanted = getenv("CHECKSUM");
	char reason[128];

	for (enum checksum_strategy strategy = CHECKSUM_NFT; strategy < CHECKSUM_MAX_; strategy++)
		if ((!wanted || strcmp(wanted, checksum_strategy_name(strategy)) == 0) &&
		    checksum_probe(kernel, strategy, reason, sizeof(reason)))
			return strategy;
	return CHECKSUM_OFF;
}

static void build_desired(struct kernel *kernel, char **specs, int n, struct netstate *desired)
{
	struct netstate_sysctl v4 = { .path = "ipv4/ip_forward", .value = 1 };
	struct netstate_sysctl v6 = { .path = "ipv6/conf/all/forwarding", .value = 1 };
	enum checksum_strategy strategy = choose_checksum(kernel);

	*desired = NETSTATE_NULL;
	if (n == 0)
		return;
	desired->table.state = NETSTATE_TABLE_EQUAL;
	for (int i = 0; i < n; i++)
		add_network(desired, specs[i], strategy, (unsigned int)i);
	netstate_add_sysctl(desired, &v4);
	netstate_add_sysctl(desired, &v6);
	/* As if some network used them: FEATURES is a number of enum ruleset_feature. */
	desired->table.features = (uint32_t)strtoul(getenv("FEATURES") ?: "0", NULL, 0);
	desired->table.fingerprint = ruleset_fingerprint(&desired->table);
	netstate_sort(desired);
}

static void make_plan(struct kernel *kernel, const struct netstate *desired, struct plan *plan)
{
	const struct plan_memory memory = { 0 };
	struct netstate snapshot;
	struct failure failure = { 0 };
	int r;

	r = kernel_snapshot(kernel, desired, SNAPSHOT_ALL, &snapshot, &failure);
	if (r < 0)
		die(failure.text, r);
	r = plan_build(desired, &snapshot, &memory, NULL, 0, 0, plan);
	if (r < 0)
		die("plan", r);
	netstate_deinit(&snapshot);
}

/* A plan that has nothing to do, but something to say, is no success: a bridge may be a stranger's. */
static bool has_notes(struct kernel *kernel, const struct netstate *desired)
{
	_cleanup_(plan_deinit) struct plan plan = PLAN_NULL;

	make_plan(kernel, desired, &plan);
	return plan.n_notes > 0;
}

static size_t run_pass(struct kernel *kernel, const struct netstate *desired, bool verbose, int *ret_error)
{
	_cleanup_(plan_deinit) struct plan plan = PLAN_NULL;
	struct apply_result *results;
	size_t n;

	make_plan(kernel, desired, &plan);
	n = plan.n_steps;
	results = apply_results_new(n);
	*ret_error = apply_plan(kernel, &plan, NULL, results);
	for (size_t i = 0; i < n; i++)
		if (verbose && results[i].error)
			printf("%s %s: %s: %s\n", plan_op_name(plan.steps[i].op), plan.steps[i].network,
			       strerror(-results[i].error), results[i].text ?: "");
	apply_results_free(results, n);
	return n;
}

/* Passes until a plan is empty; the number of them, or -1. */
static int converge(struct kernel *kernel, const struct netstate *desired, size_t *ret_steps, bool verbose)
{
	*ret_steps = 0;
	for (int i = 0; i < PASSES; i++) {
		int error;
		size_t n = run_pass(kernel, desired, verbose, &error);

		if (n == 0)
			return has_notes(kernel, desired) ? -1 : i;
		*ret_steps += n;
	}
	return -1;
}

static void print_plan(struct kernel *kernel, const struct netstate *desired)
{
	_cleanup_(plan_deinit) struct plan plan = PLAN_NULL;
	_cleanup_(freep) char *text = NULL;

	make_plan(kernel, desired, &plan);
	if (plan_print(&plan, &text) < 0)
		die("print", -ENOMEM);
	fputs(text, stdout);
}

static bool refuse_one(void *data, unsigned int message)
{
	return message == *(unsigned int *)data;
}

/* Refuses change after change, once each, on the way from one state to another, and lets it be put right. */
static bool try_faults(struct kernel *kernel, const struct netstate *from, const struct netstate *to, const char *name)
{
	unsigned int n_failures = 0;

	for (unsigned int at = 0;; at++) {
		size_t steps;
		int error, passes;

		kernel->inject = NULL;
		if (converge(kernel, from, &steps, false) < 0) {
			printf("%s: change %u: cannot come back\n", name, at);
			return false;
		}
		kernel->inject = refuse_one;
		kernel->inject_data = &at;
		kernel->n_messages = 0;
		run_pass(kernel, to, false, &error);
		if (kernel->n_messages <= at) {
			printf("%s: %u changes refused one by one, %u passes with a failure\n", name, at, n_failures);
			kernel->inject = NULL;
			return true;
		}
		n_failures += error != 0;
		kernel->inject = NULL;
		passes = converge(kernel, to, &steps, getenv("VERBOSE"));
		if (passes < 0) {
			printf("%s: change %u refused: never true again\n", name, at);
			print_plan(kernel, to);
			return false;
		}
	}
}

static void wait_for_end_of_input(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void watch(struct kernel *kernel)
{
	struct failure failure = { 0 };
	struct monitor *monitor;
	const char *size = getenv("QUEUE");

	if (monitor_open(kernel, &monitor, &failure) < 0)
		die(failure.text, -EIO);
	if (size) {
		int bytes = atoi(size);

		setsockopt(monitor_fd(monitor, 0), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = { { STDIN_FILENO, POLLIN, 0 }, { monitor_fd(monitor, 0), POLLIN, 0 },
					{ monitor_fd(monitor, 1), POLLIN, 0 } };
		struct monitor_news news;

		if (poll(fds, 3, -1) < 0 || fds[0].revents)
			break;
		if (monitor_read(monitor, &news) < 0)
			die("monitor", -EIO);
		printf("dirty=%x events=%u own=%u lost=%d by=%s pid=%s\n", news.dirty, news.n_events, news.n_own, news.lost,
		       news.committer_name, news.committer_pid ? "known" : "-");
		fflush(stdout);
	}
	monitor_free(monitor);
}

/*
 * A queue that is full, read little by little: what happens after the first of it was read, before the last, is dropped without
 * a word. Each line of the input is the signal to read on; the last one to read to the end.
 */
static void congest(struct kernel *kernel)
{
	struct haste haste = { .n_links = 0 };
	struct failure failure = { 0 };
	struct monitor_news news;
	struct monitor *monitor;
	const int bytes = 65536;
	unsigned int events = 0;
	char line[16];
	bool lost = false;

	if (monitor_open(kernel, &monitor, &failure) < 0)
		die(failure.text, -EIO);
	setsockopt(monitor_fd(monitor, 0), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	monitor_hasten(monitor, &haste);
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin) || monitor_read(monitor, &news) < 0)
		die("monitor", -EIO);
	printf("first lost=%d some=%d\n", news.lost, news.n_events > 0);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		die("input", -EIO);
	do {
		if (monitor_read(monitor, &news) < 0)
			die("monitor", -EIO);
		events += news.n_events;
		lost |= news.lost;
	} while (news.n_events > 0);
	printf("rest lost=%d some=%d\n", lost, events > 0);
	monitor_free(monitor);
}

static uint64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void bench(struct kernel *kernel, int n)
{
	char **specs = calloc((size_t)n + 1, sizeof(*specs));
	struct netstate desired, fewer, none = NETSTATE_NULL, snapshot;
	struct failure failure = { 0 };
	size_t steps;
	uint64_t time;
	int error;

	for (int i = 0; i < n; i++)
		if (asprintf(&specs[i], "n%d=gn%d,10.%d.%d.1/24,fd00:%x::1/64", i, i, 64 + i / 256, i % 256, i + 1) < 0)
			die("memory", -ENOMEM);
	build_desired(kernel, specs, n, &desired);
	build_desired(kernel, specs, n - 1, &fewer);

	time = now_us();
	run_pass(kernel, &desired, true, &error);
	printf("up: %llu us\n", (unsigned long long)(now_us() - time));
	time = now_us();
	printf("second pass: %zu steps,", run_pass(kernel, &desired, true, &error));
	printf(" %llu us\n", (unsigned long long)(now_us() - time));
	time = now_us();
	if (kernel_snapshot(kernel, &desired, SNAPSHOT_ALL, &snapshot, &failure) < 0)
		die(failure.text, -EIO);
	printf("snapshot: %llu us\n", (unsigned long long)(now_us() - time));
	netstate_deinit(&snapshot);
	if (n > 1) {
		converge(kernel, &fewer, &steps, true);
		time = now_us();
		run_pass(kernel, &desired, true, &error);
		printf("one more: %llu us\n", (unsigned long long)(now_us() - time));
	}
	converge(kernel, &none, &steps, true);
	netstate_deinit(&desired);
	netstate_deinit(&fewer);
	for (int i = 0; i < n; i++)
		free(specs[i]);
	free(specs);
}

static int run(struct kernel *kernel, const char *command, struct netstate *desired)
{
	const struct netstate none = NETSTATE_NULL;
	struct failure failure = { 0 };
	size_t steps;
	int r, error;

	if (strcmp(command, "apply") == 0 || strcmp(command, "hold") == 0) {
		r = converge(kernel, desired, &steps, true);
		printf("passes=%d steps=%zu owner=%d\n", r, steps, kernel->owner_tables);
		fflush(stdout);
		if (strcmp(command, "hold") == 0)
			wait_for_end_of_input();
		return r < 0;
	}
	if (strcmp(command, "once") == 0) {
		printf("steps=%zu\n", run_pass(kernel, desired, true, &error));
		return error != 0;
	}
	if (strcmp(command, "rules") == 0) {
		static char buffer[65536];
		struct ruleset ruleset;
		struct text text;

		text_init(&text, buffer, sizeof(buffer));
		if (ruleset_build(&desired->table, &ruleset) < 0)
			die("rules", -ENOMEM);
		ruleset_print(&ruleset, &text);
		ruleset_deinit(&ruleset);
		fputs(buffer, stdout);
		return text.overflow;
	}
	if (strcmp(command, "plan") == 0) {
		print_plan(kernel, desired);
		return 0;
	}
	if (strcmp(command, "faults") == 0)
		return !try_faults(kernel, &none, desired, "up") || !try_faults(kernel, desired, &none, "down");
	if (strcmp(command, "watch") == 0) {
		watch(kernel);
		return 0;
	}
	if (strcmp(command, "congest") == 0) {
		congest(kernel);
		return 0;
	}
	if (strcmp(command, "state") == 0) {
		struct netstate snapshot;
		char *text;

		if (kernel_snapshot(kernel, desired, SNAPSHOT_ALL, &snapshot, &failure) < 0)
			die(failure.text, -EIO);
		if (netstate_print(&snapshot, &text) < 0)
			die("print", -ENOMEM);
		fputs(text, stdout);
		free(text);
		netstate_deinit(&snapshot);
		return 0;
	}
	die(command, -EINVAL);
	return 1;
}

static bool begun_by(const struct flow *flow, void *data)
{
	return memcmp(&flow->original.source, data, sizeof(flow->original.source)) == 0;
}

static int sweep(struct kernel *kernel, const char *address)
{
	struct ip ip;
	size_t n;
	int r;

	r = ip_parse(address, &ip);
	if (r == 0)
		r = conntrack_sweep(kernel, begun_by, &ip, &n);
	if (r < 0)
		die("sweep", r);
	printf("%zu\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	struct kernel kernel;
	struct failure failure = { 0 };
	struct netstate desired;
	int r;

	if (argc < 2)
		die("usage", -EINVAL);
	if (kernel_open(-1, &kernel, &failure) < 0)
		die(failure.text, -EIO);
	if (strcmp(argv[1], "checksum") == 0) {
		printf("%s\n", checksum_strategy_name(choose_checksum(&kernel)));
		kernel_deinit(&kernel);
		return 0;
	}
	if (strcmp(argv[1], "bench") == 0) {
		bench(&kernel, argc > 2 ? atoi(argv[2]) : 1);
		kernel_deinit(&kernel);
		return 0;
	}
	if (strcmp(argv[1], "sweep") == 0 && argc == 3) {
		r = sweep(&kernel, argv[2]);
		kernel_deinit(&kernel);
		return r;
	}
	build_desired(&kernel, argv + 2, argc - 2, &desired);
	r = run(&kernel, argv[1], &desired);
	netstate_deinit(&desired);
	kernel_deinit(&kernel);
	return r;
}
