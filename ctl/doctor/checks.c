/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guestnet doctor looks at.
 * System calls: reads files and attributes; what comes from the kernel's netlink was read before.
 *
 * A check is a small function that adds what it has found, or nothing when all is well. They stand in the order in which
 * a person would look: is anything running, can a tap be made, may it be made, do packets pass, and then what is odd.
 */
#include "checks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/str.h"
#include "../../policy/policy.h"
#include "../why/describe.h"
#include "../why/trace.h"
#include "cards.h"
#include "dhcp.h"
#include "frames.h"

/* A finding of the check that runs. */
struct finding *doctor_add(struct doctor *doctor, enum verdict verdict, const char *format, ...)
{
	/* The last place is overwritten by what comes too late: two hundred problems are enough to begin with. */
	size_t i = doctor->n_findings < DOCTOR_FINDINGS ? doctor->n_findings++ : DOCTOR_FINDINGS - 1;
	struct finding *finding = &doctor->findings[i];
	va_list arguments;

	*finding = (struct finding){ .check = doctor->check, .verdict = verdict };
	va_start(arguments, format);
	vsnprintf(finding->evidence, sizeof(finding->evidence), format, arguments);
	va_end(arguments);
	return finding;
}

/* The command that mends it. @safe: it loses nothing. */
void doctor_fix(struct finding *finding, bool safe, const char *format, ...)
{
	va_list arguments;

	finding->safe = safe;
	va_start(arguments, format);
	vsnprintf(finding->fix, sizeof(finding->fix), format, arguments);
	va_end(arguments);
}

bool doctor_is_running(const struct report *report)
{
	return strcmp(report->state, "running") == 0 || strcmp(report->state, "degraded") == 0;
}

static bool has_mode(const struct report *report, const char *mode)
{
	return strcmp(report->mode, mode) == 0;
}

/* Networks that send packets on, so that forwarding and its rules matter. */
bool doctor_is_routed(const struct report *report)
{
	return has_mode(report, "nat") || has_mode(report, "route") || has_mode(report, "open");
}

static bool is_link_kind(const struct link *link, const char *kind)
{
	return strcmp(link->kind, kind) == 0;
}

/* Only the daemon could say. */
static void add_unknown(struct doctor *doctor)
{
	doctor_add(doctor, VERDICT_SKIPPED, "%s? guestnetd does not answer", doctor->check->looked_at);
}

static void check_daemon(struct doctor *doctor)
{
	/* Without a service manager it stays in the foreground: nothing for --fix. */
	if (!doctor->has_daemon)
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "guestnetd does not answer: networks are neither made nor kept"),
			   systemd_runs(), systemd_runs() ? "systemctl start guestnetd" : "guestnetd &");
}

/* Files beside those of networks, a line each in a property of the manager's. An older daemon may not have it. */
static void tell_files(struct doctor *doctor, const char *property, enum verdict verdict)
{
	_cleanup_(freep) char *lines = NULL;
	struct failure failure = { 0 };

	if (bus_get_text(doctor->reports.bus, property, &lines, &failure) < 0)
		return;
	for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n')
		doctor_add(doctor, verdict, "%.*s", (int)strcspn(line, "\n"), line);
}

static void check_networks(struct doctor *doctor)
{
	tell_files(doctor, "FileProblems", VERDICT_PROBLEM);
	tell_files(doctor, "FileWarnings", VERDICT_NOTE);	/* names that nobody reads */
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		if (cards_tell(doctor, report) || report_is_about(report, "not-delegated"))
			continue;
		/* Of a dnsmasq for the whole system three lines are enough: it need not end. */
		if (report_is_about(report, "held-by-dnsmasq"))
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
				"network %s is %s: %s. Or let that dnsmasq leave it alone, by three lines in its "
				"configuration and a restart: bind-interfaces; except-interface=%s; except-interface=lo", report->name,
				report->state, report->problem, report->bridge), false, "%s", report->fix);
		else if (report->problem[0])
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
				"network %s is %s: %s", report->name, report->state, report->problem), false, "%s",
			    report->fix);
		else if (report->autostart && strcmp(report->state, "stopped") == 0)
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
				"network %s starts by itself, and is stopped: somebody stopped it since the boot",
				report->name), true, "guestnet start %s", report->name);
	}
}

static void check_dnsmasq(struct doctor *doctor)
{
	if (access(doctor->dnsmasq, X_OK) < 0)
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
			"%s: %s: there is nobody to give guests addresses", doctor->dnsmasq, strerror(errno)), false,
		    "apt-get install dnsmasq-base # or: dnf install dnsmasq");
}

/* Opening it makes nothing. With errno. */
static bool is_without_driver(const char *path)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 && (errno == ENODEV || errno == ENXIO || errno == EPERM);
}

static void check_tun(struct doctor *doctor)
{
	struct stat status;

	if (stat(doctor->tun, &status) < 0) {
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "%s: %s", doctor->tun, strerror(errno)), true, "modprobe tun");
		return;
	}
	if (!S_ISCHR(status.st_mode) || major(status.st_rdev) != 10 || minor(status.st_rdev) != 200)
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
			"%s is not the device that makes taps (character device 10, 200)", doctor->tun), false,
		    "rm %s; modprobe -r tun; modprobe tun", doctor->tun);
	else if (is_without_driver(doctor->tun))
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
			"%s cannot be opened: %s: the module tun is not there, or a container forbids it", doctor->tun,
			strerror(errno)), true, "modprobe tun");
	else if ((status.st_mode & 0666) != 0666)
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
			"%s has mode %03o: not everybody may open it", doctor->tun, status.st_mode & 0777), true,
		    "chmod 666 %s", doctor->tun);
}

static bool has_no_new_privs(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	bool set = false;

	while (file && fgets(line, sizeof(line), file))
		set |= strcmp(line, "NoNewPrivs:\t1\n") == 0;
	if (file)
		fclose(file);
	return set;
}

static void check_helper(struct doctor *doctor)
{
	struct statvfs filesystem;
	struct stat status;
	uint8_t capability[64];

	if (stat(doctor->helper, &status) < 0) {
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "%s: %s", doctor->helper, strerror(errno)), false, "make install");
		return;
	}
	if (!(status.st_mode & S_ISUID) && getxattr(doctor->helper, "security.capability", capability, sizeof(capability)) < 0)
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
			"%s has neither its file capability nor the set-user-ID bit", doctor->helper), true,
		    "setcap cap_net_admin=p %s", doctor->helper);
	else if (statvfs(doctor->helper, &filesystem) == 0 && filesystem.f_flag & ST_NOSUID)
		doctor_add(doctor, VERDICT_PROBLEM,
			"%s is on a file system that is mounted nosuid: its capability does not count there", doctor->helper);
	if (has_no_new_privs())
		doctor_add(doctor, VERDICT_NOTE, "this shell may gain no privileges (no_new_privs): the helper asks guestnetd instead");
}

/* The bridges that there are, for whoever has named another one. */
static void list_bridges(const struct doctor *doctor, struct text *text)
{
	for (size_t i = 0; i < doctor->look.links.n_links; i++)
		if (is_link_kind(&doctor->look.links.links[i], "bridge"))
			text_add(text, "%s%s", text->length ? ", " : "", STR_ESCAPED(doctor->look.links.links[i].names[0]));
}

/* The helper reads with the rights of its caller. */
static void check_policy_mode(struct doctor *doctor)
{
	struct stat status;

	if (stat(doctor->policy, &status) == 0 && !(status.st_mode & S_IROTH))
		doctor_fix(doctor_add(doctor, status.st_mode & S_IRGRP && status.st_gid ? VERDICT_NOTE : VERDICT_PROBLEM,
			"%s has mode %03o: the helper reads it as its caller, and is refused to those who may not", doctor->policy,
			status.st_mode & 0777), false, "chmod 644 %s", doctor->policy);
}

/* What it says of the policy holds for everybody: it is read as the helper does. */
static void check_policy(struct doctor *doctor)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	struct failure failure = { 0 };
	char bridges[256] = "";
	struct text text;

	if (policy_load(&policy, doctor->policy, 0, &failure) < 0) {
		if (access(doctor->policy, F_OK) < 0)
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "%s", failure.text), false, "make install");
		else
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "%s", failure.text), false, "guestnet policy check");
		return;
	}
	check_policy_mode(doctor);
	text_init(&text, bridges, sizeof(bridges));
	list_bridges(doctor, &text);
	for (size_t i = 0; i < policy.n_rules; i++) {
		const struct policy_rule *rule = &policy.rules[i];
		const struct link *link;

		if (!rule->bridge)
			continue;
		link = link_table_find(&doctor->look.links, rule->bridge);
		if (link && !is_link_kind(link, "bridge"))
			doctor_add(doctor, VERDICT_PROBLEM,
				"%s:%u: %s is not a bridge but a %s", policy_rule_path(&policy, rule), rule->line,
			    STR_ESCAPED(rule->bridge), link->kind[0] ? link->kind : "network card");
		else if (!link && !reports_find(&doctor->reports, rule->bridge, &(struct failure){ 0 }))
			doctor_add(doctor, VERDICT_NOTE, "%s:%u: there is no bridge %s, and no network of that name (there is %s)",
			    policy_rule_path(&policy, rule), rule->line, STR_ESCAPED(rule->bridge), bridges[0] ? bridges : "no bridge at all");
	}
}

/* A bridge that carries the daemon's mark, which it keeps while the daemon is away. */
static bool has_own_bridge(const struct doctor *doctor)
{
	static const char mark[] = "guestnet net=";
	char path[64], text[sizeof(mark)];

	for (size_t i = 0; i < doctor->look.links.n_links; i++) {
		_cleanup_(fd_closep) int fd = -EBADF;

		if (!is_link_kind(&doctor->look.links.links[i], "bridge"))
			continue;
		snprintf(path, sizeof(path), "/sys/class/net/%s/ifalias", doctor->look.links.links[i].names[0]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, text, sizeof(mark) - 1) == sizeof(mark) - 1 && memcmp(text, mark, sizeof(mark) - 1) == 0)
			return true;
	}
	return false;
}

/* Does this file say NAME = 0, with dots or slashes? Returns the line, 0 for none. */
static unsigned int find_zero(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	unsigned int number = 0, found = 0;
	char line[512], key[256], value[16];

	while (file && fgets(line, sizeof(line), file)) {
		number++;
		if (sscanf(line, " %255[^ =#;\t] = %15s", key, value) != 2 || strcmp(value, "0") != 0)
			continue;
		for (char *p = key; *p; p++)
			if (*p == '/')
				*p = '.';
		if (strcmp(key[0] == '-' ? key + 1 : key, name) == 0)
			found = number;
	}
	if (file)
		fclose(file);
	return found;
}

/* Nobody is told who has turned it off; whoever has written it into a file of sysctl(8) is named. */
static void add_forwarding(struct doctor *doctor, const char *name)
{
	static const char *const places[] = {
		"/etc/sysctl.conf", "/etc/sysctl.d/*.conf", "/run/sysctl.d/*.conf", "/usr/local/lib/sysctl.d/*.conf", "/usr/lib/sysctl.d/*.conf",
	};
	char who[256] = "";
	glob_t files;

	for (size_t i = 0; i < ARRAY_SIZE(places) && !who[0]; i++) {
		if (glob(places[i], 0, NULL, &files) != 0)
			continue;
		for (size_t j = 0; j < files.gl_pathc && !who[0]; j++) {
			unsigned int line = find_zero(files.gl_pathv[j], name);

			if (line > 0)
				snprintf(who, sizeof(who), " (%s:%u says so)", files.gl_pathv[j], line);
		}
		globfree(&files);
	}
	doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "%s is 0: no guest gets out%s", name, who), true, "sysctl -w %s=1", name);
}

static void check_forwarding(struct doctor *doctor)
{
	bool v4 = false, v6 = false;

	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		if (!doctor_is_running(report) || !doctor_is_routed(report))
			continue;
		v4 |= strchr(report->addresses, '.') != NULL;
		v6 |= strchr(report->addresses, ':') != NULL;
	}
	if (!doctor->has_daemon)
		v4 = v6 = has_own_bridge(doctor);
	if (v4 && look_sysctl("ipv4/ip_forward") == 0)
		add_forwarding(doctor, "net.ipv4.ip_forward");
	if (v6 && doctor->has_daemon && look_sysctl("ipv6/conf/all/forwarding") == 0)
		add_forwarding(doctor, "net.ipv6.conf.all.forwarding");
}

static void check_delegated(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		if (report_is_about(report, "not-delegated"))
			doctor_fix(doctor_add(doctor, VERDICT_PROBLEM, "network %s is %s: %s", report->name, report->state, report->problem),
				   false, "guestnet delegate PREFIX SECONDS");
	}
}

static bool is_root_bridge(const char *bridge)
{
	char path[64], ids[2][32] = { "", "" };
	static const char *const files[] = { "bridge_id", "root_id" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(fd_closep) int fd = -EBADF;

		snprintf(path, sizeof(path), "/sys/class/net/%s/bridge/%s", bridge, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, ids[i], sizeof(ids[i]) - 1) <= 0)
			return true;
	}
	return strcmp(ids[0], ids[1]) == 0;
}

/*
 * Two commands: with STP a delay of 0 is refused (br_set_forward_delay()). A port that waits already has its timer, and waits until
 * that expires, one delay at most (br_forward_delay_timer_expired()): the first ones are told to forward (br_set_port_state()).
 */
static void add_stp_fix(struct doctor *doctor, struct finding *finding, const struct link *bridge)
{
	char commands[sizeof(finding->fix)] = "";
	struct text text;

	text_init(&text, commands, sizeof(commands));
	text_add(&text, "ip link set dev %s type bridge stp_state 0 && ip link set dev %s type bridge forward_delay 0",
		 bridge->names[0], bridge->names[0]);
	for (size_t i = 0; i < doctor->look.links.n_links; i++) {
		const struct link *port = &doctor->look.links.links[i];
		long state = port->master == bridge->ifindex ? look_number("/sys/class/net/%s/brport/state", port->names[0]) : -1;

		if ((state == BR_STATE_LISTENING || state == BR_STATE_LEARNING) && text.length + 64 < sizeof(commands))
			text_add(&text, " && bridge link set dev %s state %d", port->names[0], BR_STATE_FORWARDING);
	}
	doctor_fix(finding, false, "%s", commands);
}

/* With STP a port says nothing for twice the forward delay, and a guest's DHCP client may have given up by then. */
static void check_stp(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->look.links.n_links; i++) {
		const struct link *link = &doctor->look.links.links[i];
		long stp, delay;

		if (!is_link_kind(link, "bridge"))
			continue;
		stp = look_number("/sys/class/net/%s/bridge/stp_state", link->names[0]);
		delay = look_number("/sys/class/net/%s/bridge/forward_delay", link->names[0]);	/* hundredths of a second */
		/* The delay is the root bridge's, whatever this one was given. */
		if (stp > 0 && !is_root_bridge(link->names[0]))
			add_stp_fix(doctor, doctor_add(doctor, delay > 200 ? VERDICT_PROBLEM : VERDICT_NOTE,
				"bridge %s uses STP, and another bridge is the root and sets its forward delay: a new port says nothing for %ld s, "
				"and a guest without patience gets no lease; lower the delay there, or turn STP off here if no loop can come of it",
				link->names[0], 2 * delay / 100), link);
		else if (stp > 0)
			add_stp_fix(doctor, doctor_add(doctor, delay > 200 ? VERDICT_PROBLEM : VERDICT_NOTE,
				"bridge %s uses STP: a new port says nothing for %ld s, and a guest without patience gets no lease",
				link->names[0], 2 * delay / 100), link);
	}
}

static void check_checksum(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];

		/* "none" where no addresses are given out: there is nothing to complete. */
		if (doctor_is_running(report) && strcmp(report->checksum, "off") == 0)
			doctor_add(doctor, VERDICT_PROBLEM,
				"network %s: nothing completes the checksums of DHCP replies here; a guest on vhost or veth "
			    "whose client reads raw frames gets no lease", report->name);
	}
}

/* The hooks on a way. */
static const int to_host[] = { EVALUATE_INGRESS, NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, -1 };
static const int from_host[] = { NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING, EVALUATE_EGRESS, -1 };
static const int through_host[] = { EVALUATE_INGRESS, NF_INET_PRE_ROUTING, NF_INET_FORWARD, NF_INET_POST_ROUTING, EVALUATE_EGRESS, -1 };
static const int only_forward[] = { NF_INET_FORWARD, -1 };

/*
 * Is a packet stopped at one of @hooks, which it comes to one after the other, by rules that are not ours? Those of ours that stop a
 * frame are passed over. @what: as in describe_accept().
 */
bool doctor_is_stopped(struct doctor *doctor, const struct packet *packet, const int *hooks, const char *what, struct stopped *ret_stopped)
{
	struct evaluate evaluate = { .rules = &doctor->rules, .fib = { look_fib, &doctor->look }, .sets = { rules_ask, &doctor->rules },
				     .others = packet->frame };
	struct packet now, passed = *packet;
	struct text place, fix;
	bool passes = true;

	for (size_t i = 0; passes && hooks[i] >= 0; i++) {
		now = passed;
		if (hooks[i] == NF_INET_PRE_ROUTING || hooks[i] == EVALUATE_INGRESS)
			now.oif = (struct packet_device){ 0 };	/* it is not routed yet */
		if (packet->frame && (hooks[i] == NF_INET_POST_ROUTING || hooks[i] == EVALUATE_EGRESS))
			now.iif = (struct packet_device){ 0 };	/* as net/bridge/br_forward.c has it */
		passes = evaluate_hook(&evaluate, &now, hooks[i]);
		/* Somebody gives it a new target: where that is, is another question. */
		if (passes && (now.translated != passed.translated || evaluate.redirected))
			return false;
	}
	if (passes || strcmp(evaluate.stopped.chain->table, "guestnet") == 0)
		return false;
	text_init(&place, ret_stopped->place, sizeof(ret_stopped->place));
	text_init(&fix, ret_stopped->fix, sizeof(ret_stopped->fix));
	describe_place(&evaluate.stopped, &place);
	if (evaluate.doubtful)
		text_add(&place, ", if no rule before it lets them pass (\"%s\" is not understood here)", evaluate.unsure_text);
	describe_accept(&evaluate.stopped, &now, what, &fix);
	ret_stopped->verdict = evaluate.doubtful ? VERDICT_NOTE : VERDICT_PROBLEM;
	return true;
}

static void add_stopped(struct doctor *doctor, const struct report *report, const struct stopped *stopped, const char *what)
{
	doctor_fix(doctor_add(doctor, stopped->verdict, "network %s: %s are dropped by %s", report->name, what, stopped->place), false, "%s",
		   stopped->fix);
}

/* The first IPv4 or IPv6 address of a network, as its gateway; false when there is none. */
bool doctor_read_gateway(const struct report *report, int family, uint8_t ret_gateway[static 16])
{
	char word[64];

	for (const char *at = report->addresses; *at; at += strcspn(at, " "), at += *at == ' ') {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, " /"), at);
		if (inet_pton(family, word, ret_gateway) == 1)
			return true;
	}
	return false;
}

/* What guests send to the host, and get from it. Where addresses are not ours to give out, somebody else has to be reached. */
static void check_dhcp(struct doctor *doctor, const struct report *report, const struct link *bridge)
{
	struct packet request = {
		.family = AF_INET, .protocol = IPPROTO_UDP, .source_port = 68, .target_port = 67,
		.target = { 255, 255, 255, 255 },
	};
	struct packet reply = {
		.family = AF_INET, .protocol = IPPROTO_UDP, .source_port = 67, .target_port = 68,
		.target = { 255, 255, 255, 255 },
	};
	struct stopped stopped;

	if (strcmp(report->checksum, "none") == 0)
		return;
	look_packet_device(&doctor->look, bridge->ifindex, &request.iif);
	look_packet_device(&doctor->look, bridge->ifindex, &reply.oif);
	if (doctor_is_stopped(doctor, &request, to_host, "udp dport 67 ", &stopped))
		add_stopped(doctor, report, &stopped, "guests' DHCP requests");
	if (doctor_is_stopped(doctor, &reply, from_host, "udp sport 67 ", &stopped))
		add_stopped(doctor, report, &stopped, "DHCP replies to guests");
}

/* Does somebody take UDP at this address alone? */
static bool is_taken(const uint8_t address[static 4], uint16_t port)
{
	FILE *file = fopen("/proc/net/udp", "re");
	unsigned int local, local_port;
	bool found = false;
	uint32_t wanted;
	char line[256];

	memcpy(&wanted, address, sizeof(wanted));
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, " %*u: %8x:%4x", &local, &local_port) == 2 && local == wanted && local_port == port;
	if (file)
		fclose(file);
	return found;
}

/* A guest's question to its gateway, and the answer. */
static void check_dns(struct doctor *doctor, const struct report *report, const struct link *bridge)
{
	struct packet packet = { .family = AF_INET, .protocol = IPPROTO_UDP, .source_port = 40000, .target_port = 53 }, answer;
	struct stopped stopped;

	if (!doctor_read_gateway(report, AF_INET, packet.target) || !is_taken(packet.target, 53))
		return;
	memcpy(packet.source, packet.target, 4);
	packet.source[3]++;
	answer = packet_answer(&packet);
	look_packet_device(&doctor->look, bridge->ifindex, &packet.iif);
	look_packet_device(&doctor->look, bridge->ifindex, &answer.oif);
	if (doctor_is_stopped(doctor, &packet, to_host, "udp dport 53 ", &stopped))
		add_stopped(doctor, report, &stopped, "guests' questions for names");
	if (doctor_is_stopped(doctor, &answer, from_host, "udp sport 53 ", &stopped))
		add_stopped(doctor, report, &stopped, "answers about names to guests");
}

/*
 * Somewhere outside: a.root-servers.net, to which nothing is sent. An address that is nobody's would not do: those are what lists
 * of forged ones ("bogons") drop.
 */
const uint8_t doctor_outside[2][16] = { { 198, 41, 0, 4 }, { 0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, [13] = 2, [15] = 0x30 } };
static const char *const outside_names[] = { "198.41.0.4", "[2001:503:ba3e::2:30]" };

/* In IPv6 a guest that hears nobody at its gateway's address, or no advertisement of a router, has no way to anywhere. */
static void check_neighbours(struct doctor *doctor, const struct report *report, const struct link *bridge)
{
	struct packet question = { .family = AF_INET6, .protocol = IPPROTO_ICMPV6, .source_port = 135 }, answer;
	struct packet advertisement = { .family = AF_INET6, .protocol = IPPROTO_ICMPV6, .source_port = 134,
					.source = { 0xfe, 0x80, [15] = 1 }, .target = { 0xff, 0x02, [15] = 1 } };
	struct stopped stopped;
	uint8_t gateway[16];

	if (!doctor_read_gateway(report, AF_INET6, gateway))
		return;
	memcpy(question.source, gateway, sizeof(gateway));
	question.source[15]++;
	memcpy(question.target, (uint8_t[13]){ 0xff, 0x02, [11] = 1, [12] = 0xff }, 13);	/* RFC 4861, 4.3 */
	memcpy(question.target + 13, gateway + 13, 3);
	look_packet_device(&doctor->look, bridge->ifindex, &question.iif);
	answer = question;
	memcpy(answer.target, question.source, sizeof(answer.target));
	memcpy(answer.source, gateway, sizeof(answer.source));
	answer.source_port = 136;
	answer.oif = advertisement.oif = question.iif;
	answer.iif = (struct packet_device){ 0 };
	/* Rules ask more of these than is known here, such as their hop limit: what may have been let pass is not told. */
	if (doctor_is_stopped(doctor, &question, to_host, "meta l4proto ipv6-icmp ", &stopped) && stopped.verdict == VERDICT_PROBLEM)
		add_stopped(doctor, report, &stopped, "guests' neighbour solicitations");
	if ((doctor_is_stopped(doctor, &answer, from_host, "meta l4proto ipv6-icmp ", &stopped) ||
	     doctor_is_stopped(doctor, &advertisement, from_host, "meta l4proto ipv6-icmp ", &stopped)) &&
	    stopped.verdict == VERDICT_PROBLEM)
		add_stopped(doctor, report, &stopped, "advertisements to guests, of IPv6");
}

/*
 * Where packets of guests to somewhere else go: rules of routing may ask for their source, or where they come from. Where these
 * have no way, but the host has one, *ret_refused is true: of what is said for the host the rules can still be judged.
 */
static int route_out(struct doctor *doctor, const struct packet *packet, struct look_route *ret_route, bool *ret_refused)
{
	const bool six = packet->family == AF_INET6;
	struct look_route guests = { .error = -EINVAL };
	int r;

	*ret_refused = false;
	if (look_route(&doctor->look, packet->family, packet->target, packet->source, packet->iif.index, 0, &guests) == 0 && !guests.error) {
		*ret_route = guests;
		return 0;
	}
	r = look_route(&doctor->look, packet->family, packet->target, NULL, 0, 0, ret_route);
	/* That the host forwards nothing is another check's. */
	*ret_refused = r == 0 && !ret_route->error && look_sysctl("ipv%s/conf/%s/forwarding", six ? "6" : "4", packet->iif.name) > 0;
	return r;
}

/*
 * What others begin with guests that have addresses of their own. More than a note is not said: whoever lets nobody in may mean it.
 */
static void check_way_in(struct doctor *doctor, const struct report *report, const struct packet *first, struct stopped *last)
{
	struct packet packet = packet_answer(first);
	struct stopped stopped;

	packet.established = packet.reply = false;
	packet.source_port = first->source_port;
	packet.target_port = first->target_port;
	packet.iif = first->oif;
	packet.oif = first->iif;
	if (!doctor_is_stopped(doctor, &packet, through_host, "", &stopped) || strcmp(stopped.place, last->place) == 0)
		return;
	*last = stopped;
	stopped.verdict = VERDICT_NOTE;
	add_stopped(doctor, report, &stopped, "connections that others begin with guests");
}

/*
 * A guest's packet to somewhere else, and the answer; where it has an address of its own, what comes from there, too. One rule may
 * drop those of both families: it is told once, so *@last is the one that was.
 */
static void check_way_out(struct doctor *doctor, const struct report *report, const struct link *bridge, int family,
			  struct stopped last[static 3])
{
	struct packet packet = { .family = (uint8_t)family, .protocol = IPPROTO_TCP, .source_port = 40000, .target_port = 443 }, answer;
	const bool six = family == AF_INET6;
	const size_t length = packet_address_length(&packet);
	char from[INET6_ADDRSTRLEN];
	struct look_route route;
	struct stopped stopped;
	bool refused;

	memcpy(packet.target, doctor_outside[six], length);
	if (!doctor_read_gateway(report, family, packet.source))
		return;
	packet.source[length - 1]++;
	/* Behind the last address of a prefix there is no guest, but before it. */
	if (look_route(&doctor->look, packet.family, packet.source, NULL, 0, 0, &route) == 0 && route.type == RTN_BROADCAST)
		packet.source[length - 1] -= 2;
	look_packet_device(&doctor->look, bridge->ifindex, &packet.iif);
	if (route_out(doctor, &packet, &route, &refused) < 0)
		return;
	if (route.error) {
		/* IPv6 many hosts are without. */
		if (!six)
			doctor_add(doctor, VERDICT_NOTE,
				"the host itself has no way out (no default route): guests of %s have none either", report->name);
		return;
	}
	inet_ntop(family, packet.source, from, sizeof(from));
	if (refused)
		doctor_add(doctor, VERDICT_PROBLEM,
			"network %s: the host has a way to the outside, and its routes have none for what comes from guests: a rule (ip rule) or "
			"rp_filter refuses it (guestnet why %s %s:443 says which)", report->name, from, outside_names[six]);
	look_packet_device(&doctor->look, route.oif, &packet.oif);
	answer = packet_answer(&packet);
	answer.iif = packet.oif;
	answer.oif = packet.iif;
	if (doctor_is_stopped(doctor, &packet, through_host, "", &stopped) && strcmp(stopped.place, last[0].place) != 0) {
		doctor_fix(doctor_add(doctor, stopped.verdict,
				      "network %s: guests' packets to the outside are dropped by %s (all of their way: guestnet why %s %s:443)",
				      report->name, stopped.place, from, outside_names[six]),
			   false, "%s", stopped.fix);
		last[0] = stopped;
	}
	if (doctor_is_stopped(doctor, &answer, through_host, "ct state established,related ", &stopped) &&
	    strcmp(stopped.place, last[1].place) != 0) {
		add_stopped(doctor, report, &stopped, "answers from the outside to guests");
		last[1] = stopped;
	}
	if (has_mode(report, "route"))
		check_way_in(doctor, report, &packet, &last[2]);
}

/* What another host sends by the tunnel. Each packet may be the first of a flow: its source port is a hash of what is in it. */
static void check_remote(struct doctor *doctor, const struct report *report, const struct look_tunnel *tunnel, const char *remote,
			 const uint8_t *address, struct packet packet)
{
	const size_t length = packet_address_length(&packet);
	struct look_route route;
	struct stopped stopped;
	char what[128];

	/* Where no way leads none is judged, nor what the host would send to itself. */
	if (look_route(&doctor->look, packet.family, address, NULL, 0, 0, &route) < 0 || route.error || route.type != RTN_UNICAST)
		return;
	memcpy(packet.source, address, length);
	memcpy(packet.target, tunnel->family == packet.family ? tunnel->local : route.source, length);
	look_packet_device(&doctor->look, route.oif, &packet.iif);
	snprintf(what, sizeof(what), "ip%s saddr %s udp dport %u ", packet.family == AF_INET ? "" : "6", remote, tunnel->port);
	if (doctor_is_stopped(doctor, &packet, to_host, what, &stopped))
		doctor_fix(doctor_add(doctor, stopped.verdict,
				      "network %s: what %s sends by the tunnel (UDP port %u) is dropped by %s", report->name, remote, tunnel->port,
				      stopped.place), false, "%s", stopped.fix);
}

/*
 * Who is in a group is not known: it is judged for a neighbour of the host's there, and more than a note is not said. What is
 * for all hosts comes to the group, what is for a guest here comes to the host's own address.
 */
static void check_group(struct doctor *doctor, const struct report *report, const struct look_tunnel *tunnel, const char *group,
			const uint8_t *address, struct packet packet)
{
	const size_t length = packet_address_length(&packet);
	char what[32], from[INET6_ADDRSTRLEN];
	struct look_route route;
	struct stopped stopped;
	bool to_group;

	if (look_route(&doctor->look, packet.family, address, NULL, 0, tunnel->under, &route) < 0 || route.error)
		return;
	/* An address beside the host's; in IPv4 neither the first nor the last one. */
	memcpy(packet.source, route.source, length);
	packet.source[length - 1] ^= route.source[length - 1] == 1 || route.source[length - 1] == 254 ? 2 : 1;
	inet_ntop(packet.family, packet.source, from, sizeof(from));
	memcpy(packet.target, address, length);
	look_packet_device(&doctor->look, route.oif, &packet.iif);
	snprintf(what, sizeof(what), "udp dport %u ", tunnel->port);
	to_group = doctor_is_stopped(doctor, &packet, to_host, what, &stopped);
	memcpy(packet.target, tunnel->family == packet.family ? tunnel->local : route.source, length);
	if (to_group || doctor_is_stopped(doctor, &packet, to_host, what, &stopped))
		doctor_fix(doctor_add(doctor, VERDICT_NOTE,
				      "network %s: what another host, such as %s, sends to %s by the tunnel (UDP port %u) is dropped by %s",
				      report->name, from, to_group ? group : "this one", tunnel->port, stopped.place), false, "%s", stopped.fix);
}

/* Those of the other hosts that the daemon names ("VNI to ADDRESS..., by DEVICE"): of very many only the first. */
static void check_tunnel(struct doctor *doctor, const struct report *report)
{
	const char *at = strstr(report->tunnel, " to "), *by = strstr(report->tunnel, ", by ");
	const struct link *device = by ? link_table_find(&doctor->look.links, by + 5) : NULL;
	struct look_tunnel tunnel;
	char word[64];

	if (!at || !device || !look_tunnel(&doctor->look, device->ifindex, &tunnel))
		return;
	for (at += 4; at < by; at += strcspn(at, " ,"), at += *at == ' ') {
		struct packet packet = { .protocol = IPPROTO_UDP, .source_port = 40000, .target_port = tunnel.port };
		uint8_t address[16];

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, " ,"), at);
		packet.family = strchr(word, ':') ? AF_INET6 : AF_INET;
		if (inet_pton(packet.family, word, address) != 1)
			continue;
		if (packet.family == AF_INET ? address[0] >> 4 == 0xe : address[0] == 0xff)
			check_group(doctor, report, &tunnel, word, address, packet);
		else
			check_remote(doctor, report, &tunnel, word, address, packet);
	}
}

static void check_firewalls(struct doctor *doctor)
{
	if (!doctor->has_rules) {
		doctor_add(doctor, VERDICT_SKIPPED, "reading all firewall rules needs CAP_NET_ADMIN: call it as root");
		return;
	}
	if (!doctor->has_daemon) {
		add_unknown(doctor);
		return;
	}
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];
		const struct link *bridge = link_table_find(&doctor->look.links, report->bridge);

		if (!doctor_is_running(report) || !bridge)
			continue;
		check_dhcp(doctor, report, bridge);
		check_dns(doctor, report, bridge);
		check_neighbours(doctor, report, bridge);
		check_tunnel(doctor, report);
		frames_check(doctor, report, bridge);
		if (doctor_is_routed(report)) {
			struct stopped last[3] = { { .place = "" }, { .place = "" }, { .place = "" } };

			check_way_out(doctor, report, bridge, AF_INET, last);
			check_way_out(doctor, report, bridge, AF_INET6, last);
		}
	}
}

/* Networks whose guests' packets to the outside, or the answers, are dropped by the old iptables. True when there are some. */
static bool find_legacy_drops(struct doctor *doctor, int family)
{
	const bool six = family == AF_INET6;
	struct look_route route;
	const struct link *out;
	bool found = false;

	if (look_route(&doctor->look, (uint8_t)family, doctor_outside[six], NULL, 0, 0, &route) < 0 || route.error)
		return false;
	out = look_link(&doctor->look, route.oif);
	for (size_t i = 0; out && i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];
		const char *bridge = report->bridge;

		if (!doctor_is_running(report) || !doctor_is_routed(report) || !strchr(report->addresses, six ? ':' : '.') ||
		    (!legacy_drops(family, bridge, out->names[0]) && !legacy_drops(family, out->names[0], bridge)))
			continue;
		found = true;
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
			"the old ip%stables drops what guests of %s send to the outside, or the answers (table filter, chain FORWARD): "
			"no rule of it accepts that", six ? "6" : "", report->name), false,
		    "ip%stables-legacy -I FORWARD -i %s -j ACCEPT; ip%stables-legacy -I FORWARD -o %s -j ACCEPT",
		    six ? "6" : "", bridge, six ? "6" : "", bridge);
	}
	return found;
}

static void check_legacy(struct doctor *doctor)
{
	for (size_t i = 0; i < 2; i++) {
		const char *tables = doctor->rules.legacy[i].tables;

		if (!tables[0] || (strstr(tables, "filter") && find_legacy_drops(doctor, i ? AF_INET6 : AF_INET)))
			continue;
		doctor_fix(doctor_add(doctor, VERDICT_NOTE,
			"the old iptables has rules for IPv%c (%s) beside nftables: a packet must pass both, and these "
			"are not judged here", i ? '6' : '4', tables), false, "ip%stables-legacy-save", i ? "6" : "");
	}
}

#define DHCP_TIMEOUT_MS 2500

/* On a bridge that is there already, addresses are somebody else's to give out: is there anybody? */
static void check_answer(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->reports.n; i++) {
		const struct report *report = &doctor->reports.items[i];
		const struct link *bridge = link_table_find(&doctor->look.links, report->bridge);
		bool answered = false;
		int r;

		if (!has_mode(report, "bridge") || !doctor_is_running(report) || !bridge || cards_tell(doctor, report))
			continue;
		r = doctor_ask_dhcp(bridge->ifindex, DHCP_TIMEOUT_MS, &answered);
		if (r == -EPERM)
			doctor_add(doctor, VERDICT_SKIPPED,
				"asking for an address on %s needs CAP_NET_RAW: call it as root", report->bridge);
		else if (r == 0 && !answered)
			doctor_add(doctor, VERDICT_NOTE,
				"network %s: nobody answers DHCP on %s: its guests get an address, or boot, only where it leads to a "
			    "server (is a network card, or whatever leads there, among its ports?)", report->name, report->bridge);
	}
}

/*
 * Are there guests behind it, as far as can be told? What passes a bridge of docker's or of kubernetes' is theirs to drop, and
 * turning br_netfilter off would undo what they promise.
 */
static bool is_for_guests(const struct doctor *doctor, const struct link *bridge)
{
	for (size_t i = 0; i < doctor->reports.n; i++)
		if (strcmp(doctor->reports.items[i].bridge, bridge->names[0]) == 0)
			return true;
	for (size_t i = 0; i < doctor->look.links.n_links; i++)
		if (doctor->look.links.links[i].master == bridge->ifindex && is_link_kind(&doctor->look.links.links[i], "tun"))
			return true;
	return false;
}

static void check_bridge_netfilter(struct doctor *doctor)
{
	struct packet packet = { .family = AF_INET, .protocol = IPPROTO_UDP, .source_port = 68, .target_port = 67, .bridged = true };
	struct stopped stopped;

	if (!doctor->has_rules || look_sysctl("bridge/bridge-nf-call-iptables") <= 0)
		return;
	for (size_t i = 0; i < doctor->look.links.n_links; i++) {
		const struct link *link = &doctor->look.links.links[i];

		if (!is_link_kind(link, "bridge") || !is_for_guests(doctor, link))
			continue;
		look_packet_device(&doctor->look, link->ifindex, &packet.iif);
		look_packet_device(&doctor->look, link->ifindex, &packet.oif);
		if (doctor_is_stopped(doctor, &packet, only_forward, "", &stopped))
			doctor_fix(doctor_add(doctor, stopped.verdict,
				"br_netfilter shows the host's firewall what stays inside bridge %s, and it is dropped by %s",
				link->names[0], stopped.place), false, "sysctl -w net.bridge.bridge-nf-call-iptables=0");
	}
}

/* An Ethernet device of /dev/net/tun: those of VPNs that carry IP are something else. */
static bool is_tap(const struct link *link)
{
	long flags;

	if (!is_link_kind(link, "tun"))
		return false;
	flags = look_number("/sys/class/net/%s/tun_flags", link->names[0]);
	return flags >= 0 && flags & IFF_TAP;
}

static void check_taps(struct doctor *doctor)
{
	const struct report *home = networks_find_home(&doctor->reports);

	for (size_t i = 0; i < doctor->look.links.n_links; i++) {
		const struct link *link = &doctor->look.links.links[i];
		struct finding *finding;

		if (link->master || link->flags & IFF_UP || !is_tap(link))
			continue;
		finding = doctor_add(doctor, VERDICT_PROBLEM,
			"tap %s is down and on no bridge (QEMU with script=no leaves it so)", link->names[0]);
		if (home)
			doctor_fix(finding, true, "guestnet adopt %s %s", link->names[0], home->name);
	}
}

static void check_mtu(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->look.links.n_links; i++) {
		const struct link *port = &doctor->look.links.links[i], *bridge = look_link(&doctor->look, port->master);

		if (!bridge || !is_link_kind(bridge, "bridge") || port->mtu >= bridge->mtu)
			continue;
		doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
			"port %s has an MTU of %u, its bridge %s one of %u: larger packets are lost", port->names[0],
			port->mtu, bridge->names[0], bridge->mtu), true, "ip link set dev %s mtu %u", port->names[0], bridge->mtu);
	}
}

static void check_macvtap(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->look.links.n_links; i++) {
		const struct link *link = &doctor->look.links.links[i];

		if (is_link_kind(link, "macvtap"))
			doctor_fix(doctor_add(doctor, VERDICT_NOTE,
				"%s is a macvtap: its guest and this host cannot reach each other; give the guest a second "
				"device on the network isolated", link->names[0]), false, "guestnet start isolated");
	}
}

static void check_networkmanager(struct doctor *doctor)
{
	static const char *const places[] = {
		"/usr/lib/NetworkManager/conf.d/90-guestnet.conf", "/etc/NetworkManager/conf.d/90-guestnet.conf",
	};

	if (access("/run/NetworkManager", F_OK) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], F_OK) == 0)
			return;
	doctor_fix(doctor_add(doctor, VERDICT_PROBLEM,
		"NetworkManager runs, and nothing tells it to leave guests' bridges and taps alone"), false,
	    "make install # brings %s", places[1]);
}

static void check_vhost(struct doctor *doctor)
{
	(void)doctor;
	if (access("/dev/vhost-net", F_OK) < 0)
		doctor_fix(doctor_add(doctor, VERDICT_NOTE,
			"there is no /dev/vhost-net: guests' packets go through QEMU, which is slower"), false,
		    "modprobe vhost_net");
}

const struct check checks[] = {
	{ "daemon", "guestnetd answers",
	  "guestnetd does not answer at unix:path=/run/guestnet/bus.sock: No such file or directory\n"
	  "guestnetd does not answer at unix:path=/run/guestnet/bus.sock: Connection refused\n"
	  "error: failed to get network 'default'\n",
	  "The networks are made and kept by the service guestnetd. Without it those that are there go on, and nothing is repaired. "
	  "`systemctl enable --now guestnetd` starts it, now and at every boot, and `journalctl -u guestnetd` says why it has ended; without systemd "
	  "it is started as root: `guestnetd`.",
	  check_daemon },
	{ "networks", "every network is as its file says",
	  "Network 'default' is not active\n"
	  "Network not found: no network with matching name 'default'\n"
	  "internal error: Network is already in use by interface\n"
	  "failed to create listening socket for port 53: Address already in use\n"
	  "dnsmasq: failed to bind DHCP server socket: Address already in use\n"
	  "PXE-E16: No valid offer received.\n"
	  "the host has a route to 192.168.1.0/24 by wlan0, which is inside 192.168.1.0/24\n",
	  "`guestnet status NETWORK` says what is wrong with it and since when, with the command that mends it. A system-wide dnsmasq "
	  "that listens on every address holds ports 53 and 67; three lines in its configuration (`bind-interfaces`, "
	  "`except-interface=gn-default`, `except-interface=lo`) make room. A network whose addresses were chosen (`Address=auto`) leaves by itself where a VPN or a LAN of "
	  "the host has the same ones: at once while it has no guest, else when the last one has left, or with `guestnet renumber NETWORK`, "
	  "which cuts off guests until they ask for an address again. Addresses that are written in a file are changed there.",
	  check_networks, .asks_daemon = true },
	{ "dnsmasq", "dnsmasq is installed",
	  "Cannot check dnsmasq binary /usr/sbin/dnsmasq: No such file or directory\n",
	  "dnsmasq gives guests addresses and names. The package that only brings the program is dnsmasq-base on Debian.",
	  check_dnsmasq },
	{ "tun", "/dev/net/tun is there, and everybody may open it",
	  "could not open /dev/net/tun: No such file or directory\n"
	  "could not configure /dev/net/tun: Operation not permitted\n"
	  "Unable to open /dev/net/tun, is tun module loaded?: No such device\n"
	  "failed to open /dev/net/tun: Permission denied\n",
	  "Taps are made by opening this device. Its mode is 0666: making a tap needs a privilege of its own, opening the device "
	  "does not. `modprobe tun` makes the device where there is none. In a container it has to be passed in.",
	  check_tun },
	{ "helper", "the bridge helper has its capability",
	  "failed to create tun device: Operation not permitted\n"
	  "bridge helper failed\n"
	  "failed to launch bridge helper\n",
	  "The helper needs CAP_NET_ADMIN to make a tap. It gets it as a file capability; copying the file or unpacking an "
	  "archive loses that, and `setcap cap_net_admin=p FILE` gives it back. Where no capability can be gained (no_new_privs, a nosuid mount, a container) it asks guestnetd.",
	  check_helper },
	{ "policy", "the policy of the helper can be read and means what it says",
	  "access denied by acl file\n"
	  "failed to parse default acl file `/etc/guestnet/bridge.conf'\n"
	  "failed to get mtu of bridge `br0': No such device\n"
	  "failed to get mtu of bridge `virbr0': No such device\n"
	  "Unable to add bridge br0 port vnet0: No such device\n"
	  "failed to add interface `tap0' to bridge `eth0': Operation not supported\n"
	  "failed to add interface to `eth0': eth0 is not a bridge (a network card)\n",
	  "`guestnet policy why BRIDGE` says which rule decides for you; `guestnet policy list` which bridges you may use. A rule "
	  "for a bridge that is not there does no harm; one for a device that is no bridge cannot work.",
	  check_policy },
	{ "forwarding", "the host forwards, if a network needs it", "",
	  "Other programs turn net.ipv4.ip_forward off (a restart of the network service, say). guestnetd turns it on again at once; "
	  "without it doctor says so, and which file of sysctl names the value.",
	  check_forwarding },
	{ "delegated", "every network that asks for one has a part of a delegated prefix",
	  "waiting for a delegated IPv6 prefix: the host has been given none yet\n"
	  "what was delegated to the host is a /64, and no /64 of it is left for this network\n",
	  "A network with `Address=delegated` has a /64 of what the host's DHCPv6 client was delegated, and goes on without it. systemd-networkd "
	  "and dhcpcd say what they were given by a route that leads nowhere (`ip -6 route show proto dhcp`); after others `guestnet delegate PREFIX SECONDS` "
	  "says it, by hand or in a hook of theirs (guestnet.network(5), DELEGATED PREFIXES). systemd-networkd has no such route for a /64, where nothing is left to "
	  "divide: there this command does it, too. Does the client ask (`PrefixDelegationHint=`, `ia_pd`, `-P`), and does the router upstream delegate?",
	  check_delegated, .asks_daemon = true },
	{ "stp", "no bridge keeps its new ports silent",
	  "PXE-E51: No DHCP or proxyDHCP offers were received\n"
	  "No configuration methods succeeded (https://ipxe.org/err/040ee1)\n",
	  "With STP a port is silent for twice the forward delay after it came up: 30 s with the usual 15. Our bridges have STP off. Turned off, "
	  "new ports talk at once; one that waits already goes on for at most one delay, or until it is told to forward "
	  "(`bridge link set dev PORT state 3`, which is refused while STP is on).",
	  check_stp },
	{ "checksum", "DHCP replies have whole checksums",
	  "warning: Could not add rule to fixup DHCP response checksums on network 'default'\n"
	  "May need to update iptables package & kernel to support CHECKSUM rule.\n"
	  "bad udp checksum in DHCP packets\n",
	  "A DHCP reply of this host leaves with an unfinished checksum, which virtio devices complete and others ignore; a client that "
	  "reads raw frames on vhost or veth drops it. `guestnet status` shows the strategy in force. Guests on QEMU's own virtio, e1000 "
	  "or rtl8139 get a lease without any.",
	  check_checksum, .asks_daemon = true },
	{ "firewalls", "no rule of another firewall drops what guests need", "",
	  "An accept in one table of nftables does not undo a drop in another one. guestnetd puts accepts where docker, ufw and firewalld "
	  "have a place for them; elsewhere they have to be added by hand. So has one for each other host of a "
	  "network with a [Tunnel], whose UDP (port 4789, or `DestinationPort=`) the host has to let in. Rules for frames (of the family bridge, and of netdev at a port) are judged for "
	  "the guests that are there, by what the host has heard of them. What others begin with guests of a network with Mode=route, and what "
	  "guests send to each other, somebody may mean to drop: that is a note. `guestnet why GUEST DESTINATION:PORT` names the rule.",
	  check_firewalls },
	{ "legacy-iptables", "no rules of the old iptables beside nftables", "",
	  "iptables-legacy and nftables are two firewalls in one kernel: a packet must pass both. Programs that mix them (docker with one, "
	  "the distribution with the other) lose track. `update-alternatives --config iptables` chooses one for all. Where the old one drops all "
	  "that a network's guests send to the outside (docker sets the policy of its chain FORWARD to DROP), that is a problem, and the two "
	  "commands that accept it are printed; a rule that looks at more than the devices may accept something, and is only mentioned.",
	  check_legacy },
	{ "bridge-netfilter", "what stays inside a bridge is not dropped by the host's firewall", "",
	  "With the module br_netfilter (docker and kubernetes load it) the rules of IP see what passes between two guests of one bridge; "
	  "and a guest does not reach its own [Forward] by the host's address.",
	  check_bridge_netfilter },
	{ "dhcp-answer", "somebody answers DHCP where addresses are not ours to give out",
	  "DHCP... No configuration methods succeeded\n"
	  "No DHCPOFFERS received.\n",
	  "With `Mode=bridge` guests get their addresses from a server that the bridge leads to. Doctor asks as a guest would, and takes "
	  "nothing. When nobody answers: is the card among the bridge's ports and up, does STP keep it silent, does the switch allow more "
	  "than one MAC address, is there a server at all?",
	  check_answer, .asks_daemon = true },
	{ "stray-card", "no network card is a port where guests are to be among themselves",
	  "computers of the LAN get addresses of the guests' network\n"
	  "the network card eth0 is a port of this network's bridge: it does not belong there\n",
	  "The bridge of a network with `Mode=nat`, `route`, `open` or `isolated` has addresses of its own, which our dnsmasq gives to whoever "
	  "asks. With a network card among its ports (or a VLAN, or a bond of some) that is the whole LAN behind it: its computers get addresses "
	  "and a gateway that lead nowhere, and they reach guests without any rule. Guests that belong to the LAN have a network of their own, "
	  "with `Mode=bridge` and `Uplink=`.",
	  cards_check_stray, .asks_daemon = true },
	{ "card-trial", "the network cards that networks name are ports of their bridges",
	  "error: Failed to start bridge interface br0\n"
	  "the gateway 192.0.2.1 did not answer any more with eth0 in br0: everything is on eth0 as before\n"
	  "eth0 is not moved: its gateway 192.0.2.1 does not answer now\n",
	  "A network card becomes the port of a bridge on trial: everything goes back to it when its gateway does not answer within "
	  "`ConfirmTimeout=`, or when nobody says that it is good where that was asked (`guestnet start` on a terminal, `guestnet confirm`). After "
	  "that the network is down until somebody starts it. A card whose gateway is silent before the move, one that is a port of something "
	  "else, or wireless, is not moved at all; guests are in the LAN of a wireless one all the same with `Mode=route` and `ProxyARP=yes`.",
	  cards_check_trial, .asks_daemon = true },
	{ "card-owner", "nobody else looks after the network cards of bridges",
	  "NetworkManager manages eth0, and would take it back\n"
	  "systemd-networkd manages eth0, and would take it back\n"
	  "the DHCP client dhclient (pid 4711) works on eth0\n",
	  "NetworkManager and systemd-networkd take back what is taken from a card of theirs. There the bridge has to be theirs, too, and the "
	  "network names it by `Bridge=`: the commands that write it are printed for the card at hand. A DHCP client that goes on working on a card, "
	  "and not on its bridge, keeps the host's address only as long as its lease.",
	  cards_check_owner, .asks_daemon = true },
	{ "card-lost", "no network card of a bridge is gone", "the network card eth0 is gone: guests on br0 reach only each other until it is back\n",
	  "The card was pulled out, its module removed, or it has another name now (`ip link` shows which; `Uplink=` takes the new one). Its "
	  "guests reach each other meanwhile; when it is back, it becomes a port again.",
	  cards_check_lost, .asks_daemon = true },
	{ "card-loop", "no bridge has a second network card without a guard against loops",
	  "br0: received packet on eth1 with own address as source address (addr:52:54:00:12:34:56, vlan:0)\n"
	  "Uplink=eth1 is a second network card: where both lead to the same LAN, frames go round for ever\n",
	  "Two cards that lead to the same LAN are a loop, in which each broadcast goes round for ever. A second `Uplink=` needs `STP=yes`, which "
	  "keeps one of them back; for more speed bond the two and name the bond.",
	  cards_check_loop, .asks_daemon = true },
	{ "taps", "no tap was left down and alone",
	  "warning: netdev has no peer\n"
	  "could not configure /dev/net/tun (tap0): Operation not permitted\n"
	  "could not configure /dev/net/tun (tap0): Device or resource busy\n"
	  "could not launch network script\n"
	  "/etc/qemu-ifup: could not launch network script\n",
	  "QEMU with `script=no` leaves its tap as it is: down, and on no bridge. Adopt it with `--fix`, or let QEMU use the helper "
	  "(`guestnet qemu NETWORK` prints the arguments). A tap that is there already opens for its owner only, and once: a section [Tap] "
	  "in the network's file makes one for a user (`ip -d link show tap0` says whose it is, `guestnet ports` who holds it).",
	  check_taps },
	{ "mtu", "ports take packets as large as their bridge's", "",
	  "What is larger than a port's MTU is dropped by the bridge without a word. `MTU=` in the network's file sets bridge and ports, and "
	  "tells guests by DHCP.",
	  check_mtu },
	{ "macvtap", "no guest is cut off from its host by macvtap", "",
	  "A macvtap device passes everything to the network card at once, so a guest on it and its own host never see each other. A second "
	  "device on the network `isolated` connects them.",
	  check_macvtap },
	{ "networkmanager", "NetworkManager leaves guests' devices alone", "",
	  "NetworkManager takes ports off bridges that it does not know. A drop-in, which `make install` brings, keeps it from ours.",
	  check_networkmanager },
	{ "vhost", "vhost-net is there", "",
	  "With vhost the kernel moves a guest's packets. Turn it off (`vhost=off`) for a slow guest that loses UDP: its queue is shorter.",
	  check_vhost },
};
const size_t n_checks = ARRAY_SIZE(checks);

/* Runs every check; one that adds nothing is well. */
void doctor_run(struct doctor *doctor)
{
	for (size_t i = 0; i < n_checks; i++) {
		doctor->check = &checks[i];
		if (checks[i].asks_daemon && !doctor->has_daemon)
			add_unknown(doctor);
		else
			checks[i].run(doctor);
	}
}
