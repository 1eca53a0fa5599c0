/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many helpers at once, under a watching eye.
 *
 *	storm [--uid N] HELPER BRIDGE
 *
 * Reads commands from stdin and answers each with one line. It holds the taps it got until told otherwise.
 *
 *	uid N | helper PATH | bridge NAME	for the starts to come
 *	start N			N helpers let loose at one moment, waited for
 *	stop N M		N helpers one after the other without waiting; every third of them, M at most, gets a SIGSTOP at
 *				a random moment of its life and is left so
 *	resume | kill		what is stopped goes on to its end; or dies
 *	churn N W		N helpers, W at a time, while somebody else changes the bridges
 *	close I|all		closes held taps (an index from 0), in the order they were received
 *	dup | undup		a second fd for each held tap; closes these
 *	persist 0|1		TUNSETPERSIST on each held tap
 *	abuse I			everything the holder of a tap fd may ask of it, as the holder's uid
 *	count			in the kernel: taps, those on a bridge, quota slots, the most slots on one tap
 *	events			since the last time: devices made, gone, taps that were up on a bridge ("ports"), and
 *				"bad": moments in which one of them had not the options of `expect`
 *	expect none|isolated|locked
 *	masters | named NAME	indexes that taps had as master since the last time; indexes that ever had a name
 *	flood if IFACE SRC OWN | flood tap I SRC OWN | unflood
 *				a neighbour: frames from SRC to everybody, to OWN, to a group and to nobody
 *	attach N SRC OWN	N starts one after the other during a flood: which of its frames can be read from each
 *				new tap? A tap lives until the flood has sent 400 more. And, unless OWN is "-": which
 *				source addresses get through to the bridge?
 *
 * What start, stop, resume and churn answer: "got G refused R failed F stopped S: TEXT". "refused" is an
 * exit status of 1, one line, a quota's; "failed" any other proper failure; "wrong N" is added for
 * everything that must not be: no message, another exit status, an fd from a failure. A seed for the
 * random moments is in the environment as STORM_SEED, or printed to stderr.
 */
#include "helper-start.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_STARTS	1024
#define MAX_IFINDEX	(1 << 17)
#define FLOOD_TYPE	0x88b5	/* local experiments (IEEE 802) */
#define PROBE_TYPE	0x88b6
#define FRAME_SIZE	60
#define VNET_SIZE	10

static const char *arg_helper, *arg_bridge;
static uid_t arg_uid;

static int held[MAX_STARTS], copies[MAX_STARTS];
static size_t n_held, n_copies;
static struct start stopped[MAX_STARTS];
static size_t n_stopped;

/* What happened to links. */
static int event_fd, dump_fd;
static bool known[MAX_IFINDEX], tap_master[MAX_IFINDEX];
static char first_bad[256];
static unsigned int n_created, n_gone, n_ports, n_bad;
static bool overrun;
static enum { EXPECT_NONE, EXPECT_ISOLATED, EXPECT_LOCKED } expect;

static struct { int ifindex; char name[IFNAMSIZ]; } *names;
static size_t n_names;

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Events */

static void remember_name(const struct link *link)
{
	for (size_t i = 0; i < n_names; i++)
		if (names[i].ifindex == link->ifindex && strcmp(names[i].name, link->name) == 0)
			return;
	if ((n_names & (n_names - 1)) == 0)
		names = reallocarray(names, n_names ? 2 * n_names : 1, sizeof(*names));
	if (!names)
		give_up("names");
	names[n_names].ifindex = link->ifindex;
	memcpy(names[n_names++].name, link->name, IFNAMSIZ);
}

/*
 * A tap that is up and on a bridge forwards: from its first such moment on it must be restricted. One of another user is not meant:
 * the kernel may tell of a neighbour's carrier at any time.
 */
static void judge_tap(const struct link *link, int family)
{
	char ours[IFNAMSIZ];
	bool good = true;

	snprintf(ours, sizeof(ours), "gn%u_", arg_uid);
	if (link->master > 0 && link->master < MAX_IFINDEX)
		tap_master[link->master] = true;
	if (!link->master || !(link->flags & IFF_UP) || strncmp(link->name, ours, strlen(ours)) != 0)
		return;
	n_ports += family == AF_UNSPEC;
	if (expect == EXPECT_ISOLATED)
		good = link->has_port_options && link->isolated;
	if (expect == EXPECT_LOCKED)
		good = link->has_port_options && link->locked && !link->learning && !link->flood;
	if (good)
		return;
	if (n_bad++ == 0)
		snprintf(first_bad, sizeof(first_bad), " %s is up on a bridge, isolated %d locked %d learning %d flood %d%s",
			 link->name, link->isolated, link->locked, link->learning, link->flood,
			 link->has_port_options ? "" : " (options unknown)");
}

static void read_event(const struct nlmsghdr *header, void *unused)
{
	const struct ifinfomsg *info = NLMSG_DATA(header);
	struct link link;

	(void)unused;
	if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK)
		return;
	link_read(header, &link);
	if (link.ifindex <= 0 || link.ifindex >= MAX_IFINDEX)
		give_up("ifindex %d", link.ifindex);
	/* A bridge's own message about a port that leaves it says DELLINK too. */
	if (header->nlmsg_type == RTM_DELLINK) {
		n_gone += info->ifi_family == AF_UNSPEC;
		return;
	}
	n_created += !known[link.ifindex];
	known[link.ifindex] = true;
	remember_name(&link);
	if (strncmp(link.name, "gn", 2) == 0)
		judge_tap(&link, info->ifi_family);
}

static void drain_events(void)
{
	static char buffer[1 << 16];
	ssize_t n;

	while ((n = recv(event_fd, buffer, sizeof(buffer), MSG_DONTWAIT)) != 0) {
		const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;

		if (n < 0 && errno == ENOBUFS) {
			overrun = true;
			continue;
		}
		if (n < 0)
			return;
		for (; NLMSG_OK(header, n); header = NLMSG_NEXT(header, n))
			read_event(header, NULL);
	}
}

static void forget_nothing(void *unused)
{
	(void)unused;
}

static void events_report(void)
{
	drain_events();
	printf("made %u gone %u ports %u bad %u%s%s\n", n_created, n_gone, n_ports, n_bad, first_bad,
	       overrun ? " (events were lost)" : "");
	n_created = n_gone = n_ports = n_bad = 0;
	first_bad[0] = '\0';
	overrun = false;
}

static void masters_report(void)
{
	drain_events();
	printf("masters");
	for (int i = 0; i < MAX_IFINDEX; i++)
		if (tap_master[i])
			printf(" %d", i);
	memset(tap_master, 0, sizeof(tap_master));
	printf("%s\n", overrun ? " (events were lost)" : "");
}

static void named_report(const char *name)
{
	drain_events();
	printf("named");
	for (size_t i = 0; i < n_names; i++)
		if (strcmp(names[i].name, name) == 0)
			printf(" %d", names[i].ifindex);
	printf("\n");
}

struct count {
	unsigned int taps, ports, slots, most;
};

static void count_begin(void *data)
{
	*(struct count *)data = (struct count){ 0 };
}

static void count_link(const struct nlmsghdr *header, void *data)
{
	struct count *count = data;
	struct link link;

	link_read(header, &link);
	count->slots += link.n_slots;
	if (link.n_slots > count->most)
		count->most = link.n_slots;
	if (strcmp(link.kind, "tun") != 0)
		return;
	count->taps++;
	count->ports += link.master != 0;
}

static void count_report(void)
{
	struct count count;

	netlink_dump(dump_fd, RTM_GETLINK, AF_UNSPEC, count_link, count_begin, &count);
	printf("taps %u ports %u slots %u most %u\n", count.taps, count.ports, count.slots, count.most);
}

/* Starts */

struct result {
	unsigned int got, refused, failed, wrong;
	char text[512];		/* the first that says something */
};

static void result_add(struct result *result, struct start *start)
{
	if (start_succeeded(start)) {
		if (n_held == MAX_STARTS)
			give_up("too many taps");
		result->got++;
		held[n_held++] = start->tap_fd;
		return;
	}
	if (!start_failed_properly(start)) {
		if (!result->wrong++)
			snprintf(result->text, sizeof(result->text), "status %d: %.400s", start->status, start->message);
		return;
	}
	if (strstr(start->message, "taps on bridge"))
		result->refused++;
	else if (!result->failed++ && !result->text[0])
		snprintf(result->text, sizeof(result->text), "%.500s", start->message);
}

static void result_report(struct result *result)
{
	result->text[strcspn(result->text, "\n")] = '\0';
	printf("got %u refused %u failed %u stopped %zu", result->got, result->refused, result->failed, n_stopped);
	if (result->wrong)
		printf(" wrong %u", result->wrong);
	printf("%s%s\n", result->text[0] ? ": " : "", result->text);
}

/* False when it ended before: then @start is finished. */
static bool stop_somewhere(struct start *start)
{
	int status;

	kill(start->pid, SIGSTOP);
	while (waitpid(start->pid, &status, WUNTRACED) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	if (WIFSTOPPED(status))
		return true;
	start_finish(start, status);
	return false;
}

static void start_many(size_t n)
{
	struct result result = { 0 };
	struct start *starts = calloc(n, sizeof(*starts));
	int gate[2];

	if (!starts || pipe2(gate, O_CLOEXEC) < 0)
		give_up("start");
	for (size_t i = 0; i < n; i++)
		start_helper(&starts[i], arg_helper, arg_uid, arg_bridge, gate);
	close(gate[1]);
	close(gate[0]);
	for (size_t i = 0; i < n; i++) {
		start_wait(&starts[i]);
		result_add(&result, &starts[i]);
	}
	free(starts);
	result_report(&result);
}

/* How long a helper lives here, sanitised or not: the longest of a few that are alone. */
static long long measure_life(void)
{
	long long longest = 0;

	for (unsigned int i = 0; i < 3; i++) {
		struct start start = { 0 };
		long long begin = now_us();

		start_helper(&start, arg_helper, arg_uid, arg_bridge, NULL);
		start_wait(&start);
		if (now_us() - begin > longest)
			longest = now_us() - begin;
		if (start_succeeded(&start))
			close(start.tap_fd);
	}
	return longest;
}

/* Every third is stopped, in a moment of its own; those before it are under way on another processor. */
static void start_and_stop(size_t n, size_t n_to_stop)
{
	struct result result = { 0 };
	struct start *starts = calloc(n, sizeof(*starts));
	long long life = measure_life();

	if (!starts)
		give_up("start");
	for (size_t i = 0; i < n; i++) {
		start_helper(&starts[i], arg_helper, arg_uid, arg_bridge, NULL);
		if (i % 3 != 0 || n_to_stop == 0)
			continue;
		n_to_stop--;
		for (long long end = now_us() + rand() % (life + life / 4 + 1); now_us() < end;)
			;
		starts[i].stopped = stop_somewhere(&starts[i]);
		if (starts[i].stopped)
			stopped[n_stopped++] = starts[i];
		else
			result_add(&result, &starts[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (starts[i].stopped || !starts[i].pid)
			continue;
		start_wait(&starts[i]);
		result_add(&result, &starts[i]);
	}
	free(starts);
	result_report(&result);
}

static void end_stopped(int signal)
{
	struct result result = { 0 };
	size_t n = n_stopped;

	n_stopped = 0;
	for (size_t i = 0; i < n; i++)
		kill(stopped[i].pid, signal);
	for (size_t i = 0; i < n; i++) {
		start_wait(&stopped[i]);
		if (signal == SIGKILL && stopped[i].tap_fd >= 0)
			close(stopped[i].tap_fd);
		if (signal != SIGKILL)
			result_add(&result, &stopped[i]);
	}
	result_report(&result);
}

static void churn(size_t n, size_t width)
{
	struct result result = { 0 };
	struct start starts[64] = { 0 };
	size_t begun = 0, done = 0;

	if (width > 64)
		give_up("churn");
	while (done < n) {
		int status;
		pid_t pid;

		for (size_t i = 0; i < width && begun < n; i++) {
			if (starts[i].pid)
				continue;
			start_helper(&starts[i], arg_helper, arg_uid, arg_bridge, NULL);
			begun++;
		}
		drain_events();
		pid = waitpid(-1, &status, 0);
		for (size_t i = 0; i < width; i++) {
			if (pid <= 0 || starts[i].pid != pid)
				continue;
			start_finish(&starts[i], status);
			result_add(&result, &starts[i]);
			done++;
		}
		/* Half of the taps stay for a while, so that their bridge is deleted under them. */
		while (n_held > width / 2)
			close(held[--n_held]);
	}
	while (n_held > 0)
		close(held[--n_held]);
	result_report(&result);
}

/* What a holder does */

static void close_held(const char *which)
{
	size_t i = (size_t)atoi(which);

	if (strcmp(which, "all") == 0) {
		while (n_held > 0)
			close(held[--n_held]);
	} else if (i < n_held) {
		close(held[i]);
		memmove(&held[i], &held[i + 1], (--n_held - i) * sizeof(held[0]));
	}
	printf("held %zu\n", n_held);
}

static void copy_held(void)
{
	for (n_copies = 0; n_copies < n_held; n_copies++)
		copies[n_copies] = dup(held[n_copies]);
	printf("copies %zu\n", n_copies);
}

static void close_copies(void)
{
	while (n_copies > 0)
		close(copies[--n_copies]);
	printf("copies 0\n");
}

static void persist_held(int on)
{
	for (size_t i = 0; i < n_held; i++)
		if (ioctl(held[i], TUNSETPERSIST, (unsigned long)on) < 0)
			give_up("TUNSETPERSIST");
	printf("persist %d\n", on);
}

/* In a child that has the holder's uid and nothing else: each request, whether the kernel grants it or not. */
static void abuse_child(int fd)
{
	static const unsigned char addresses[][6] = {
		{ 0x00, 0, 0, 0, 0, 1 }, { 0x02, 0, 0, 0, 0, 1 }, { 0x52, 0x54, 0, 0, 0, 1 }, { 0x00, 0, 0, 0, 0, 2 },
	};
	struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct tun_filter filter = { .flags = TUN_FLT_ALLMULTI };
	struct sock_fprog program = { 1, &pass };
	struct ifreq request = { 0 };
	int value;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(request.ifr_hwaddr.sa_data, addresses[i], 6);
		value = ioctl(fd, SIOCSIFHWADDR, &request);
		printf("%s%s", i ? "," : "address ", value < 0 ? strerror(errno) : "ok");
	}
	value = ioctl(fd, TUNSETLINK, (unsigned long)ARPHRD_INFINIBAND);
	printf(" link %s", value < 0 ? strerror(errno) : "ok");
	value = 0;
	ioctl(fd, TUNSETCARRIER, &value);
	value = 1;
	ioctl(fd, TUNSETCARRIER, &value);
	ioctl(fd, TUNSETOWNER, 0UL);
	ioctl(fd, TUNSETGROUP, 0UL);
	ioctl(fd, TUNSETNOCSUM, 1UL);
	ioctl(fd, TUNSETDEBUG, 1UL);
	ioctl(fd, TUNSETTXFILTER, &filter);
	ioctl(fd, TUNATTACHFILTER, &program);
	ioctl(fd, TUNDETACHFILTER, &program);
	value = VNET_SIZE + 2;
	ioctl(fd, TUNSETVNETHDRSZ, &value);
	value = VNET_SIZE;
	ioctl(fd, TUNSETVNETHDRSZ, &value);
	request = (struct ifreq){ .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE, .ifr_name = "br0" };
	ioctl(fd, TUNSETIFF, &request);
	request.ifr_flags = IFF_DETACH_QUEUE;
	ioctl(fd, TUNSETQUEUE, &request);
	ioctl(fd, TUNSETPERSIST, 1UL);
	ioctl(fd, TUNSETPERSIST, 0UL);
	printf("\n");
	fflush(stdout);
}

static void abuse_held(size_t i)
{
	pid_t pid;

	if (i >= n_held)
		give_up("abuse");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(arg_uid, arg_uid, arg_uid) < 0 || setresuid(arg_uid, arg_uid, arg_uid) < 0)
			_exit(1);
		abuse_child(held[i]);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* The neighbour */

static pid_t flood_pid;
static volatile unsigned long *flood_count;	/* shared with the flooding child */

static void parse_mac(const char *text, unsigned char mac[6])
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		give_up("%s is not an address", text);
}

static void build_frame(unsigned char *frame, const unsigned char *to, const unsigned char *from, uint16_t type)
{
	uint16_t type_be = htons(type);

	memset(frame, 0, FRAME_SIZE);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	memcpy(frame + 12, &type_be, 2);
}

static int open_packet(const char *device, uint16_t type)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(type), .sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	if (!address.sll_ifindex)
		give_up("%s", device);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		give_up("packet socket on %s", device);
	return fd;
}

static void flood_child(int fd, bool tap, const unsigned char *source, const unsigned char *own)
{
	static const unsigned char everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const unsigned char group[6] = { 0x01, 0, 0x5e, 0x7f, 1, 1 };
	static const unsigned char nobody[6] = { 0x52, 0x54, 0, 0xde, 0xad, 1 };
	const unsigned char *to[4] = { everybody, own, group, nobody };
	unsigned char frames[4][VNET_SIZE + FRAME_SIZE];

	for (int i = 0; i < 4; i++) {
		memset(frames[i], 0, VNET_SIZE);
		build_frame(frames[i] + VNET_SIZE, to[i], source, FLOOD_TYPE);
	}
	for (unsigned int i = 0;; i = (i + 1) & 3) {
		ssize_t n = tap ? write(fd, frames[i], VNET_SIZE + FRAME_SIZE) : send(fd, frames[i] + VNET_SIZE, FRAME_SIZE, 0);

		if (n > 0)
			++*flood_count;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != EIO && errno != ENETDOWN)
			give_up("flood");
	}
}

static void flood(const char *how, const char *what, const char *source, const char *own)
{
	unsigned char source_mac[6], own_mac[6];
	bool tap = strcmp(how, "tap") == 0;
	int fd = tap ? held[atoi(what)] : open_packet(what, 0);
	pid_t parent = getpid();

	parse_mac(source, source_mac);
	parse_mac(own, own_mac);
	if (!flood_count)
		flood_count = mmap(NULL, sizeof(*flood_count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*flood_count = 0;
	fflush(stdout);
	flood_pid = fork();
	if (flood_pid == 0) {
		/* Never longer than the tool itself, however that ends. */
		if (fcntl(0, F_GETFL) >= 0)
			close(0);
		signal(SIGALRM, SIG_DFL);
		alarm(300);
		if (getppid() != parent)
			_exit(1);
		flood_child(fd, tap, source_mac, own_mac);
	}
	if (!tap)
		close(fd);
	printf("flood\n");
}

static void unflood(void)
{
	if (flood_pid > 0) {
		kill(flood_pid, SIGKILL);
		waitpid(flood_pid, NULL, 0);
	}
	flood_pid = 0;
	printf("flood of %lu frames ended\n", flood_count ? *flood_count : 0);
}

/* The new port: what can be read from it, and what gets through from it. */

struct seen {
	unsigned int everybody, group, own, nobody;
	unsigned int source_own, source_foreign;	/* at the bridge */
};

static void read_tap(int fd, const unsigned char *source, const unsigned char *own, struct seen *seen)
{
	unsigned char buffer[2048];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) >= VNET_SIZE + ETH_HLEN) {
		const unsigned char *to = buffer + VNET_SIZE;

		if (memcmp(to + 6, source, 6) != 0)
			continue;
		if (to[0] == 0xff)
			seen->everybody++;
		else if (to[0] & 1)
			seen->group++;
		else if (memcmp(to, own, 6) == 0)
			seen->own++;
		else
			seen->nobody++;
	}
}

static void write_tap(int fd, const unsigned char *source)
{
	static const unsigned char everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned char frame[VNET_SIZE + FRAME_SIZE] = { 0 };

	build_frame(frame + VNET_SIZE, everybody, source, PROBE_TYPE);
	if (write(fd, frame, sizeof(frame)) != sizeof(frame))
		give_up("write to the tap");
}

/* Foreign sources first and the port's own last: when that one has come, no other is still on its way. */
static void probe_sources(int tap_fd, int bridge_fd, const unsigned char *own, const unsigned char *neighbour, struct seen *seen)
{
	unsigned char foreign[6] = { 0x52, 0x54, 0, 0xba, 0xd0, 1 }, frame[2048];
	struct pollfd readable = { .fd = bridge_fd, .events = POLLIN };

	for (int i = 0; i < 10; i++) {
		write_tap(tap_fd, foreign);
		write_tap(tap_fd, neighbour);
		foreign[5]++;
	}
	write_tap(tap_fd, own);
	while (poll(&readable, 1, 5000) > 0 && recv(bridge_fd, frame, sizeof(frame), 0) >= ETH_HLEN) {
		if (memcmp(frame + 6, own, 6) == 0) {
			seen->source_own++;
			return;
		}
		seen->source_foreign++;
	}
}

static void attach(size_t n, const char *source, const char *own)
{
	unsigned char source_mac[6], own_mac[6] = { 2 };
	bool probe = strcmp(own, "-") != 0;
	int bridge_fd = open_packet(arg_bridge, PROBE_TYPE);
	struct result result = { 0 };
	struct seen seen = { 0 };

	parse_mac(source, source_mac);
	if (probe)
		parse_mac(own, own_mac);
	for (size_t i = 0; i < n; i++) {
		struct start start;
		unsigned long until;

		start_helper(&start, arg_helper, arg_uid, arg_bridge, NULL);
		receive_fd(start.socket_fd, 0, &start.tap_fd);
		if (start.tap_fd >= 0) {
			until = *flood_count + 400;
			fcntl(start.tap_fd, F_SETFL, O_NONBLOCK);
			while (*flood_count < until && waitpid(flood_pid, NULL, WNOHANG) == 0)
				read_tap(start.tap_fd, source_mac, own_mac, &seen);
			read_tap(start.tap_fd, source_mac, own_mac, &seen);
			if (probe)
				probe_sources(start.tap_fd, bridge_fd, own_mac, source_mac, &seen);
		}
		start_wait(&start);
		result_add(&result, &start);
		while (n_held > 0 && start.tap_fd == held[n_held - 1])
			close(held[--n_held]);
		drain_events();
	}
	close(bridge_fd);
	result.text[strcspn(result.text, "\n")] = '\0';
	printf("got %u failed %u wrong %u; everybody %u group %u own %u nobody %u; source own %u foreign %u%s%s\n", result.got,
	       result.failed + result.refused, result.wrong, seen.everybody, seen.group, seen.own, seen.nobody, seen.source_own,
	       seen.source_foreign, result.text[0] ? ": " : "", result.text);
}

/* Commands */

static void run(char *line)
{
	char *word[6] = { 0 }, *save = NULL;
	size_t n = 0;

	for (char *next = strtok_r(line, " \n", &save); next && n < 6; next = strtok_r(NULL, " \n", &save))
		word[n++] = next;
#define IS(name, count) (n == (count) && strcmp(word[0], name) == 0)
	if (IS("uid", 2))
		printf("uid %u\n", arg_uid = (uid_t)atoi(word[1]));
	else if (IS("helper", 2))
		printf("helper %s\n", arg_helper = strdup(word[1]));
	else if (IS("bridge", 2))
		printf("bridge %s\n", arg_bridge = strdup(word[1]));
	else if (IS("start", 2))
		start_many((size_t)atoi(word[1]));
	else if (IS("stop", 3))
		start_and_stop((size_t)atoi(word[1]), (size_t)atoi(word[2]));
	else if (IS("resume", 1))
		end_stopped(SIGCONT);
	else if (IS("kill", 1))
		end_stopped(SIGKILL);
	else if (IS("churn", 3))
		churn((size_t)atoi(word[1]), (size_t)atoi(word[2]));
	else if (IS("close", 2))
		close_held(word[1]);
	else if (IS("dup", 1))
		copy_held();
	else if (IS("undup", 1))
		close_copies();
	else if (IS("persist", 2))
		persist_held(atoi(word[1]));
	else if (IS("abuse", 2))
		abuse_held((size_t)atoi(word[1]));
	else if (IS("count", 1))
		count_report();
	else if (IS("events", 1))
		events_report();
	else if (IS("expect", 2))
		printf("expect %d\n", expect = word[1][0] == 'i' ? EXPECT_ISOLATED : word[1][0] == 'l' ? EXPECT_LOCKED : EXPECT_NONE);
	else if (IS("masters", 1))
		masters_report();
	else if (IS("named", 2))
		named_report(word[1]);
	else if (IS("flood", 5))
		flood(word[1], word[2], word[3], word[4]);
	else if (IS("unflood", 1))
		unflood();
	else if (IS("attach", 4))
		attach((size_t)atoi(word[1]), word[2], word[3]);
	else
		give_up("command %s with %zu words", n ? word[0] : "", n);
#undef IS
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct rlimit files = { 8192, 8192 };
	const char *seed = getenv("STORM_SEED");
	unsigned int number = seed ? (unsigned int)atoi(seed) : (unsigned int)now_us();
	char line[512];
	int i = 1;

	if (i + 1 < argc && strcmp(argv[i], "--uid") == 0) {
		arg_uid = (uid_t)strtoul(argv[i + 1], NULL, 10);
		i += 2;
	}
	if (argc - i != 2)
		return 2;
	arg_helper = argv[i];
	arg_bridge = argv[i + 1];
	srand(number);
	if (!seed)
		fprintf(stderr, "storm: STORM_SEED=%u\n", number);
	setrlimit(RLIMIT_NOFILE, &files);

	event_fd = netlink_open(RTMGRP_LINK);
	dump_fd = netlink_open(0);
	netlink_dump(dump_fd, RTM_GETLINK, AF_UNSPEC, read_event, forget_nothing, NULL);
	n_created = n_ports = n_bad = 0;

	while (fgets(line, sizeof(line), stdin))
		run(line);
	if (flood_pid > 0)
		kill(flood_pid, SIGKILL);
	return 0;
}
