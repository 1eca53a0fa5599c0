/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet-bridge-helper: makes a tap, puts it on a bridge and hands it to QEMU, under a policy.
 * Privileged: file capability cap_net_admin=p, or set-user-ID root, or neither (then it asks guestnetd).
 *
 * Theory of operation. The order is the design: give up everything but one sleeping capability before
 * anything of the caller's is looked at; read the request; resolve the bridge once, to an index; read
 * the policy as the caller and decide; check all else that can be checked; only then wake the
 * capability, make the tap, put it in its place, and give the capability up for good before the fd
 * leaves. Every failure is one line on stderr and exit status 1; nothing is ever printed to stdout on
 * that path. Being killed at any moment leaves nothing behind: the tap dies with its fd.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "../lib/tapsocket.h"
#include "../policy/policy.h"
#include "attach.h"
#include "bridge.h"
#include "explain.h"
#include "journal.h"
#include "paths.h"
#include "privileges.h"
#include "request.h"
#include "rtnetlink.h"
#include "tapclient.h"

/* What the policy walk and its messages may need at most. */
#define STACK_NEEDED (512 * 1024)

static const char usage[] = "Usage: guestnet-bridge-helper [--use-vnet] --br=BRIDGE --fd=FD\n";

static const char help[] =
	"Usage: guestnet-bridge-helper [--use-vnet] --br=BRIDGE --fd=FD\n"
	"\n"
	"Makes a tap device, puts it on a bridge and sends it over the Unix socket FD,\n"
	"if the policy " PATH_POLICY " allows the caller to.\n"
	"Called by QEMU:\n"
	"\n"
	"  qemu-system-x86_64 -netdev bridge,id=n0,br=BRIDGE,helper=" PATH_HELPER " ...\n"
	"\n"
	"  --br=BRIDGE  a bridge, by any of its names, or a declared network\n"
	"  --fd=FD      number of an open Unix socket\n"
	"  --use-vnet   a tap with virtio_net_hdr\n"
	"  --help       this text\n"
	"  --version    version\n"
	"\n"
	"Which bridges you may use, and why: guestnet policy list, guestnet policy why BRIDGE\n"
	"Manual pages: guestnet-bridge-helper(8), guestnet-bridge.conf(5)\n";

/* How the process ends where guestnetd has started it for a client; what else there is means that nobody has answered. */
enum client_status {
	CLIENT_SERVED = 0,
	CLIENT_REFUSED = 3,	/* and told so */
	CLIENT_NO_BRIDGE = 4,	/* the client may use it, it is one of --will-be=, and it is not there */
};

/* The one place that reports a failure. */
static _Noreturn void die(const struct failure *failure)
{
	signal(SIGPIPE, SIG_IGN);	/* a closed stderr must not change how we end */
	dprintf(STDERR_FILENO, "%s\n", failure->text);
	exit(EXIT_FAILURE);
}

/*
 * Makes the process one that the rest can rely on: no environment, fds 0 to 2 in use so that nothing we
 * open becomes somebody's stderr, a stack that holds what we put on it.
 */
static void sanitise(struct failure *failure)
{
	struct pollfd standard[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };
	struct rlimit stack;

	clearenv();

	/* In a privileged start the C library has done this before main (glibc: csu/check_fds.c). */
	if (!getauxval(AT_SECURE) && poll(standard, 3, 0) > 0)
		for (int i = 0; i < 3; i++)
			if ((standard[i].revents & POLLNVAL) && open("/dev/null", O_RDWR) < 0)
				exit(EXIT_FAILURE);

	if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur < STACK_NEEDED) {
		stack.rlim_cur = stack.rlim_max < STACK_NEEDED ? stack.rlim_max : STACK_NEEDED;
		if (stack.rlim_cur < STACK_NEEDED || setrlimit(RLIMIT_STACK, &stack) < 0) {
			failure_set(failure, 0, "failed to create tun device: the stack is limited to less than %d KiB (ulimit -s)",
				    STACK_NEEDED / 1024);
			die(failure);
		}
	}
}

/* Nothing that we inherited stays open but the reply socket; /proc/self/fd is not ours to read. */
static void close_others(int reply_fd)
{
	unsigned int fd = (unsigned int)reply_fd;

	if (fd > 3)
		syscall(SYS_close_range, 3U, fd - 1, 0U);
	syscall(SYS_close_range, fd < 3 ? 3U : fd + 1, ~0U, 0U);
}

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/*
 * Is the fd a Unix socket with somebody at the other end? The kernel knows who made a socket pair; for a
 * datagram socket that was connected it does not, and then its peer's name says that there is one.
 */
static int verify_reply_socket(int fd, pid_t *ret_pid, struct failure *failure)
{
	struct pollfd peer = { .fd = fd, .events = POLLOUT };
	struct ucred credentials = { 0 };
	struct sockaddr address;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return failure_set(failure, -errno, "failed to write fd to unix socket: fd %d is not a socket: %s",
				   fd, strerror(errno));
	if (credentials.uid == (uid_t)-1) {
		size = sizeof(address);
		if (getpeername(fd, &address, &size) < 0)
			return failure_set(failure, -errno, "failed to write fd to unix socket: fd %d is not connected: %s",
					   fd, strerror(errno));
		if (address.sa_family != AF_UNIX)
			return failure_set(failure, -EINVAL, "failed to write fd to unix socket: fd %d is a socket of another family", fd);
	}
	if (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR)))
		return failure_set(failure, -EPIPE, "failed to write fd to unix socket: nobody is at the other end of fd %d", fd);
	if (!(peer.revents & POLLOUT) && is_listening(fd))
		return failure_set(failure, -ENOTCONN, "failed to write fd to unix socket: fd %d is a listening socket", fd);

	*ret_pid = credentials.pid;
	return 0;
}

/* The caller's groups, all of them; where no rule has a name in it, nobody asks for them. Those of a client are known. */
static int read_groups(const struct policy *policy, struct policy_caller *caller, gid_t **ret_groups)
{
	_cleanup_(freep) gid_t *groups = NULL;
	int n;

	if (policy->n_whos == 0 || policy->reader)
		return 0;
	n = getgroups(0, NULL);
	if (n < 0)
		return -errno;
	groups = calloc((size_t)n + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	n = getgroups(n, groups);
	if (n < 0)
		return -errno;

	caller->groups = groups;
	caller->n_groups = (size_t)n;
	*ret_groups = steal_ptr(groups);
	return 0;
}

static int load_policy(struct policy *policy, struct policy_caller *caller, gid_t **ret_groups, struct failure *failure)
{
	struct failure cause = { 0 };
	int r;

	r = policy_load(policy, PATH_POLICY, 0, &cause);
	if (r == 0) {
		r = read_groups(policy, caller, ret_groups);
		failure_set(&cause, r, "cannot read your groups: %s", strerror(-r));
	}
	if (r == 0)
		return 0;
	return failure_set(failure, r, "failed to parse default acl file `" PATH_POLICY "': %s%s", cause.text,
			   r == -EACCES ? " (you must be able to read it, and to enter the folders above it)" :
			   r == -ENOENT ? " (make install writes one; so does the first line: allow BRIDGE user=YOU)" : "");
}

static void record(const struct explain *explain, const struct policy_verdict *verdict, const char *bridge,
		   const char *tap, const char *text)
{
	char rule[512];

	explain_rule(explain, verdict->rule, rule, sizeof(rule));
	journal_send(&(struct journal_record){
		.allowed = tap[0] != '\0',
		.uid = explain->caller->uid,
		.bridge = bridge,
		.tap = tap,
		.rule = rule,
		.text = text,
	});
}

/* What an administrator finds in the journal for a tap that was handed out. */
static void record_allowed(const struct explain *explain, const struct policy_verdict *verdict,
			   const struct bridge *bridge, const struct attach_tap *tap)
{
	char text[1024], rule[512];

	explain_rule(explain, verdict->rule, rule, sizeof(rule));
	snprintf(text, sizeof(text), "uid %u got %s on bridge %s by %s%s", (unsigned int)explain->caller->uid, tap->name,
		 STR_ESCAPED(bridge->names[0]), rule,
		 bridge_address_is_pinned(bridge) ? "" :
		 "; the bridge's own address is not pinned, so a port can change it (ip link set BRIDGE address ... pins it)");
	record(explain, verdict, bridge->names[0], tap->name, text);
}

/* Decides. Returns 0 when allowed; otherwise the refusal is recorded and in @failure. */
static int decide(const struct explain *explain, struct policy *policy, const struct policy_device *device,
		  struct policy_verdict *ret_verdict, struct failure *failure)
{
	policy_resolve(policy, device, PATH_LOOKUP);
	policy_match(policy, explain->caller, device, ret_verdict);
	if (ret_verdict->allowed)
		return 0;

	explain_denied(explain, ret_verdict, failure);
	record(explain, ret_verdict, explain->requested, "", failure->text);
	return -EACCES;
}

#define ATTACH_ATTEMPTS	3

/* From the policy to a tap in its place, with our own capability. */
static int attach_tap(struct rtnl *rtnl, const struct explain *explain, const struct policy_verdict *verdict,
		      struct attach_order *order, struct attach_tap *ret_tap, struct failure *failure)
{
	_cleanup_(fd_list_deinit) struct fd_list tun_fds = FD_LIST_NULL;
	char holders[ATTACH_HOLDERS_SIZE];
	unsigned int slot = 0;
	int r = -EEXIST;

	/*
	 * Between the look at the bridge and the work a neighbour may have used an address of macs= for the first time;
	 * then the bridge has an entry for it that was not there. Looked at again, it is either somebody's by right, which
	 * is said, or learned, and replaced.
	 */
	for (unsigned int i = 0; i < ATTACH_ATTEMPTS; i++) {
		failure->text[0] = '\0';
		r = attach_verify(rtnl, order, failure);
		if (r < 0)
			return r;
		r = attach_find_slot(rtnl, order, &slot, holders, sizeof(holders));
		if (r == 0)
			r = attach_open_tun(explain->policy->reader, order, &tun_fds, failure);
		if (r == 0)
			r = privileges_raise(failure);
		if (r == 0)
			r = attach_commit(rtnl, order, steal_fd_list(&tun_fds), slot, ret_tap, failure);
		if (r != -EEXIST)
			break;
	}

	if (r == -EDQUOT) {
		slot = 0;
		(void)attach_find_slot(rtnl, order, &slot, holders, sizeof(holders));
		explain_quota(explain, verdict, holders, failure);
		record(explain, verdict, explain->requested, "", failure->text);
	}
	if (r == -EPERM || r == 0)
		return r;
	return failure_set(failure, r, "failed to create tun device: %s", strerror(-r));
}

/*
 * There is no such bridge. It may be that of a declared network which is down: the daemon knows, brings it up for
 * those who may use it, and makes the tap. -ENODEV, without a text, when there is no daemon to ask. No capability
 * is left after this.
 */
static int ask_for_missing_bridge(const struct request *request, struct fd_list *ret_tap_fds, struct failure *failure)
{
	int r = privileges_drop_all(failure);

	if (r < 0)
		return r;
	r = tapclient_ask(request, ret_tap_fds, failure);
	return r < 0 && !failure->text[0] ? -ENODEV : r;
}

/*
 * The network's file says more of its ports than a helper can keep to: which rules there are, and who has which
 * address, only the daemon knows, so it makes the tap, or nobody. No capability is left after this.
 */
static int ask_for_guarded_port(const struct request *request, struct fd_list *ret_tap_fds, struct failure *failure)
{
	int r = privileges_drop_all(failure);

	if (r < 0)
		return r;
	r = tapclient_ask(request, ret_tap_fds, failure);
	if (r == 0 || failure->text[0])
		return r;
	return failure_set(failure, r, "failed to add interface to bridge `%s': its network guards its ports ([Port]), which takes guestnetd, and that cannot be asked: "
			   PATH_TAP_SOCKET ": %s", STR_ESCAPED(request->bridge), strerror(-r));
}

/*
 * What is known of the bridge: its names in the kernel, and those that the daemon knows besides. A bridge that
 * was there before its network has not the network's name.
 */
static struct policy_device find_names(const struct request *request, struct bridge *bridge, bool there)
{
	for (size_t i = 0; there && i < request->n_will_be; i++) {
		const struct policy_rule named = { .bridge = request->will_be[i] };
		const struct policy_device device = bridge_device(bridge);

		if (!policy_rule_names(&named, &device) && bridge->n_names < BRIDGE_NAMES)
			bridge->names[bridge->n_names++] = request->will_be[i];
	}
	if (there)
		return bridge_device(bridge);
	if (request->n_will_be > 0)
		return (struct policy_device){ .names = request->will_be, .n_names = request->n_will_be };
	return (struct policy_device){ .names = &request->bridge, .n_names = 1 };
}

/* What was decided: the tap is made and in its place, no capability is left, and it is recorded. */
static int carry_out(struct rtnl *rtnl, const struct explain *explain, const struct policy_verdict *verdict,
		     const struct bridge *bridge, const struct request *request, pid_t peer_pid, struct fd_list *ret_tap_fds,
		     struct failure *failure)
{
	_cleanup_(attach_tap_closep) struct attach_tap tap = ATTACH_TAP_NULL;
	struct attach_order order = {
		.bridge = bridge,
		.grant = &verdict->grant,
		.uid = explain->caller->uid,
		.pid = peer_pid,
		.vnet_hdr = request->vnet_hdr,
		.queues = request->queues,
	};
	int r = attach_tap(rtnl, explain, verdict, &order, &tap, failure);

	if (r < 0)
		return r;
	r = privileges_drop_all(failure);
	if (r < 0)
		return r;
	record_allowed(explain, verdict, bridge, &tap);
	*ret_tap_fds = steal_fd_list(&tap.fds);
	return 0;
}

/*
 * The direct way: we have the capability. -EPERM, without a text, when it turns out to be worth nothing
 * here: it is one of a user namespace that does not own this network namespace. -ENODEV, without a text, when the
 * bridge is not there yet and the caller may use it (request->will_be).
 * @reader is the caller where that is a client of the daemon, else NULL.
 */
static int get_tap_directly(const struct privileges *privileges, const struct request *request,
			    const struct policy_caller *reader, pid_t peer_pid, struct fd_list *ret_tap_fds, struct failure *failure)
{
	_cleanup_(rtnl_freep) struct rtnl *rtnl = NULL;
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	_cleanup_(freep) gid_t *groups = NULL;
	struct policy_caller caller = reader ? *reader : (struct policy_caller){ .uid = privileges->uid, .gid = privileges->gid };
	const struct explain explain = {
		.policy = &policy,
		.caller = &caller,
		.policy_path = PATH_POLICY,
		.requested = request->bridge,
	};
	struct policy_device device;
	struct policy_verdict verdict;
	struct failure cause = { 0 };
	struct bridge bridge;
	int r, resolved;

	r = rtnl_open(&rtnl);
	if (r < 0)
		return failure_set(failure, r, "failed to get mtu of bridge `%s': no netlink socket: %s",
				   STR_ESCAPED(request->bridge), strerror(-r));
	resolved = bridge_resolve(rtnl, request->bridge, &bridge, &cause);
	if (resolved == -ENODEV && !reader) {
		r = ask_for_missing_bridge(request, ret_tap_fds, failure);
		if (r != -ENODEV || failure->text[0])
			return r;
	}
	device = find_names(request, &bridge, resolved == 0);
	policy.reader = reader;

	/* Where there is no such bridge, the other rules say which ones there are for this caller. */
	policy.only = resolved == -ENODEV ? NULL : &device;
	r = load_policy(&policy, &caller, &groups, failure);
	if (r < 0)
		return r;
	if (resolved < 0 && resolved != -ENODEV)
		return failure_set(failure, resolved, "%s", cause.text);

	r = decide(&explain, &policy, &device, &verdict, failure);
	if (r < 0)
		return r;
	if (resolved < 0 && request->n_will_be > 0)
		return -ENODEV;
	if (resolved < 0) {
		policy_resolve(&policy, NULL, PATH_LOOKUP);
		explain_no_bridge(&explain, rtnl, failure);
		return -ENODEV;
	}

	if (bridge.port_group && !reader)
		return ask_for_guarded_port(request, ret_tap_fds, failure);

	return carry_out(rtnl, &explain, &verdict, &bridge, request, peer_pid, ret_tap_fds, failure);
}

/* The other way: the daemon has the capability, and runs the same policy for us. */
static int get_tap_from_daemon(const struct privileges *privileges, const struct request *request, struct fd_list *ret_tap_fds,
			       struct failure *failure)
{
	struct failure reason = { 0 };
	int r = tapclient_ask(request, ret_tap_fds, failure);

	if (r == 0)
		return 0;
	privileges_explain(privileges, &reason);
	return failure_set(failure, r,
			   "failed to create tun device: Operation not permitted: %s; and guestnetd cannot be asked instead: " PATH_TAP_SOCKET ": %s",
			   reason.text, strerror(-r));
}

/*
 * guestnetd has started us for a client of its socket, whose connection is request->reply_fd: the same decision and
 * the same work, for a caller that we are not. Returns the exit status.
 */
static enum client_status serve_client(const struct privileges *privileges, const struct request *request,
				       struct failure *failure)
{
	_cleanup_(freep) gid_t *groups = NULL;
	_cleanup_(fd_list_deinit) struct fd_list tap_fds = FD_LIST_NULL;
	struct pollfd client = { .fd = request->reply_fd };
	struct policy_caller caller;
	pid_t pid;
	int r;

	if (!privileges->held) {
		failure_set(failure, -EPERM, "--client= is for guestnetd, which holds CAP_NET_ADMIN and sets no_new_privs: this process was started otherwise");
		die(failure);
	}
	if (tapclient_identify(request->reply_fd, request->for_parent, &caller, &groups, &pid, failure) < 0)
		die(failure);
	if (poll(&client, 1, 0) > 0 && (client.revents & (POLLHUP | POLLERR)))
		return CLIENT_REFUSED;

	r = get_tap_directly(privileges, request, &caller, pid, &tap_fds, failure);
	if (r == -ENODEV && !failure->text[0])
		return CLIENT_NO_BRIDGE;
	if (r == -EPERM && !failure->text[0])
		failure_set(failure, r, "failed to create tun device: Operation not permitted: guestnetd's CAP_NET_ADMIN does not count in its network namespace");
	if (tapclient_answer(request->reply_fd, &tap_fds, r, r < 0 ? failure->text : "") < 0)
		return CLIENT_REFUSED;	/* it has gone away: there is nobody to tell */
	return r < 0 ? CLIENT_REFUSED : CLIENT_SERVED;
}

int main(int argc, char *argv[])
{
	struct failure failure = { 0 };
	struct privileges privileges;
	struct request request;
	struct fd_list tap_fds = FD_LIST_NULL;
	pid_t peer_pid = 0;
	int r;

	sanitise(&failure);
	if (privileges_establish(&privileges, &failure) < 0)
		die(&failure);

	if (request_parse(argc, argv, &request, &failure) < 0) {
		dprintf(STDERR_FILENO, "%s\n%s", failure.text, usage);
		return EXIT_FAILURE;
	}
	if (request.kind == REQUEST_HELP || request.kind == REQUEST_VERSION) {
		fputs(request.kind == REQUEST_HELP ? help : "guestnet-bridge-helper " GUESTNET_VERSION "\n", stdout);
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}

	close_others(request.reply_fd);
	if (request.for_client)
		return serve_client(&privileges, &request, &failure);
	if (verify_reply_socket(request.reply_fd, &peer_pid, &failure) < 0)
		die(&failure);

	r = privileges.mode == START_NONE ? -EPERM
					  : get_tap_directly(&privileges, &request, NULL, peer_pid, &tap_fds, &failure);
	if (r == -EPERM && !failure.text[0])
		r = get_tap_from_daemon(&privileges, &request, &tap_fds, &failure);
	if (r < 0)
		die(&failure);

	r = fd_send_list(request.reply_fd, &tap_fds, "", 1, TAPSOCKET_TIMEOUT_MS);
	if (r < 0) {
		failure_set(&failure, r, "failed to write fd to unix socket: %s%s", strerror(-r),
			    r == -ETIMEDOUT ? ": the socket was full for 5 s" : "");
		die(&failure);
	}
	return EXIT_SUCCESS;
}
