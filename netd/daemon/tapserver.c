/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tap socket (lib/tapsocket.h): taps for callers that have no capability.
 * Event loop context.
 *
 * Theory of operation. Nothing about who may have what is decided here, and no tap is made here: for each request
 * the helper program is started with the client's connection, and does for that client what it does for those who
 * start it themselves (helper/main.c:serve_client()). It reads from the kernel who is at the other end, applies the
 * policy, makes the tap and answers. What is left for the daemon is to keep clients from each other, and to
 * bring up a network that is down when the helper says that this client may use it.
 *
 * A connection waits for its request, then for a free place among the running helpers, then for its helper: each
 * of them for TAPSOCKET_TIMEOUT_MS at most. Places are limited, for each uid and for all but root; nobody waits for somebody
 * else's packet, and a helper that does not end is killed, which leaves nothing behind.
 */
#include "tapserver.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/fd.h"
#include "../../lib/pages.h"
#include "../../lib/str.h"
#include "../../lib/tapsocket.h"
#include "../model/network.h"
#include "activation.h"
#include "log.h"
#include "own.h"
#include "process.h"

/* Connections, and helpers that run at one time: in all, and for one uid. Some connections are root's alone. */
#define CLIENTS			384
#define CLIENTS_OF_USERS	352
#define CLIENTS_OF_UID		96
/* With so many, uids of user namespaces get no place: one user may have thousands of them. */
#define CLIENTS_CROWD		96
#define HELPERS			16
#define HELPERS_OF_UID		4
/* Connections that are taken before anything else is looked at again. */
#define ACCEPTS_AT_ONCE		32
/* Packets behind the request that are thrown away; a client's socket holds no more of them. */
#define DRAIN_PACKETS		1024

/* How a helper ends that has been started for a client: see helper/main.c. */
enum { HELPER_SERVED = 0, HELPER_REFUSED = 3, HELPER_NO_BRIDGE = 4 };

/* The client's connection in the helper. */
#define HELPER_CLIENT_FD 3

enum phase {
	PHASE_FREE,	/* nobody is here */
	PHASE_WAITING,	/* for its request */
	PHASE_QUEUED,	/* for a free helper */
	PHASE_RUNNING,	/* its helper runs */
};

struct client {
	struct tapserver *server;		/* borrowed */
	enum phase phase;
	int fd;					/* owned */
	uid_t uid;
	uint64_t turn;				/* who was here first has the smaller one */
	struct tapsocket_request request;
	char network[NETWORK_NAME_SIZE];	/* the declared network that was asked for, or "" */
	bool brought_up;			/* it has been made sure that this network is up */
	bool late;				/* its helper was killed */
	int pidfd;				/* owned */
	sd_event_source *source;		/* owned: the connection */
	sd_event_source *timer;			/* owned */
	sd_event_source *end;			/* owned: the helper's end */
};

struct tapserver {
	sd_event *event;			/* borrowed */
	struct manager *manager;		/* borrowed */
	const char *helper;			/* borrowed */
	sd_event_source *source;		/* owned */
	int fd;					/* owned */
	char path[108];				/* to be unlinked; "": the service manager's */
	int fd_limit;				/* users get no fds from here on */
	uid_t overflow_uid;
	struct own own;
	struct ration ration;			/* of lines of the log */
	uint64_t next_turn;
	struct client clients[CLIENTS];
};

/*
 * Ends a conversation. What the client has sent besides is read away first: a socket that is closed with unread
 * packets makes the other end see an error in the place of the answer (net/unix/af_unix.c:unix_release_sock()).
 */
static int close_connection(int fd)
{
	char byte;

	if (fd < 0)
		return -EBADF;
	(void)shutdown(fd, SHUT_RD);
	for (int i = 0; i < DRAIN_PACKETS; i++)
		if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) <= 0)
			break;
	return fd_close(fd);
}

static void client_close(struct client *client)
{
	client->source = sd_event_source_unref(client->source);
	client->timer = sd_event_source_unref(client->timer);
	client->end = sd_event_source_unref(client->end);
	client->fd = close_connection(client->fd);
	client->pidfd = fd_close(client->pidfd);
	client->phase = PHASE_FREE;
}

static void send_refusal(int fd, int error, const char *text)
{
	const struct tapsocket_reply reply = tapsocket_reply(error, text);

	/* It has room for one packet, or it is not listening. */
	(void)!send(fd, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void refuse(struct client *client, int error, const char *text)
{
	send_refusal(client->fd, error, text);
	client_close(client);
}

static size_t count(const struct tapserver *server, enum phase phase, const uid_t *uid)
{
	size_t n = 0;

	for (size_t i = 0; i < CLIENTS; i++) {
		const struct client *client = &server->clients[i];

		n += client->phase != PHASE_FREE && (phase == PHASE_FREE || client->phase == phase) && (!uid || client->uid == *uid);
	}
	return n;
}

static void start_waiting(struct tapserver *server);

static int on_late(sd_event_source *source _unused_, uint64_t when_us _unused_, void *data)
{
	struct client *client = data;
	struct tapserver *server = client->server;

	switch (client->phase) {
	case PHASE_FREE:
		break;
	case PHASE_WAITING:
		refuse(client, -ETIMEDOUT, "guestnetd: no request came");
		break;
	case PHASE_QUEUED:
		refuse(client, -EAGAIN, "failed to create tun device: guestnetd has too much to do: try again");
		break;
	case PHASE_RUNNING:
		client->late = true;
		(void)syscall(SYS_pidfd_send_signal, client->pidfd, SIGKILL, NULL, 0);
		break;
	}
	start_waiting(server);
	return 0;
}

/* Each phase has its time. */
static int enter(struct client *client, enum phase phase)
{
	uint64_t when_us = clock_us() + (uint64_t)TAPSOCKET_TIMEOUT_MS * 1000;
	int r;

	client->phase = phase;
	r = client->timer ? sd_event_source_set_time(client->timer, when_us) :
		sd_event_add_time(client->server->event, &client->timer, CLOCK_MONOTONIC, when_us, 0, on_late, client);
	return r < 0 ? r : sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

/* The helper */

/* Itself, six of its own, the names, and the end. */
#define HELPER_ARGUMENTS (8 + 2 + LIMIT_NETWORK_NAMES)

struct helper_arguments {
	char *argv[HELPER_ARGUMENTS];
	char text[HELPER_ARGUMENTS][48];
	size_t n;
};

static void add_argument(struct helper_arguments *arguments, const char *option, const char *value)
{
	char *text = arguments->text[arguments->n];

	snprintf(text, sizeof(arguments->text[0]), "%s%s", option, value);
	arguments->argv[arguments->n++] = text;
	arguments->argv[arguments->n] = NULL;
}

static void build_arguments(const struct tapserver *server, struct client *client, struct helper_arguments *arguments)
{
	const struct network *network = manager_find_declared(server->manager, client->request.bridge);
	char number[16];

	arguments->n = 1;
	arguments->argv[0] = (char *)server->helper;
	snprintf(number, sizeof(number), "%d", HELPER_CLIENT_FD);
	add_argument(arguments, "--client=", number);
	if (client->request.flags & TAPSOCKET_VNET_HDR)
		add_argument(arguments, "--use-vnet", "");
	if (client->request.flags & TAPSOCKET_FOR_PARENT)
		add_argument(arguments, "--for-parent", "");
	if (client->request.queues > 0) {
		snprintf(number, sizeof(number), "%u", client->request.queues);
		add_argument(arguments, "--queues=", number);
	}

	client->network[0] = '\0';
	/* A bridge that was there before its network has only its own name. */
	add_argument(arguments, "--br=", network && client->brought_up ? network->bridge : client->request.bridge);
	if (!network)
		return;
	snprintf(client->network, sizeof(client->network), "%s", network->name);
	add_argument(arguments, "--will-be=", network->bridge);
	if (strcmp(network->name, network->bridge) != 0)
		add_argument(arguments, "--will-be=", network->name);
	for (size_t i = 0; i < network->n_altnames; i++)
		add_argument(arguments, "--will-be=", network->altnames[i]);
}

/*
 * In the child. With no_new_privs the helper holds what we hold and nothing else; it believes its arguments for
 * that reason (helper/privileges.c).
 */
static _Noreturn void run_helper(const char *path, char *const argv[], int client_fd)
{
	char *const environment[] = { NULL };
	sigset_t none;
	int null_fd, fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* Out of the way of the low numbers first. */
	fd = fcntl(client_fd, F_DUPFD_CLOEXEC, 10);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0 || null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(fd, HELPER_CLIENT_FD) < 0)
		_exit(126);
	syscall(SYS_close_range, HELPER_CLIENT_FD + 1U, ~0U, 0U);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(126);
	execve(path, argv, environment);
	_exit(127);
}

static int on_helper_end(sd_event_source *source, int fd, uint32_t events, void *data);

static int start_helper(struct tapserver *server, struct client *client)
{
	struct helper_arguments arguments;
	pid_t pid;
	int r;

	build_arguments(server, client, &arguments);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_helper(server->helper, arguments.argv, client->fd);

	/* Our own child and not waited for yet: the pid cannot be anybody else's. */
	client->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (client->pidfd < 0) {
		r = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return r;
	}
	client->late = false;
	r = enter(client, PHASE_RUNNING);
	if (r >= 0)
		r = sd_event_add_io(server->event, &client->end, client->pidfd, EPOLLIN, on_helper_end, client);
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return r;
}

static void start_client(struct tapserver *server, struct client *client)
{
	char text[256];
	int r;

	/* Whether it goes away is the helper's business now. */
	client->source = sd_event_source_unref(client->source);
	r = start_helper(server, client);
	if (r < 0) {
		snprintf(text, sizeof(text), "failed to create tun device: guestnetd cannot start %s: %s", server->helper, strerror(-r));
		refuse(client, r, text);
	}
}

/* The one that waits longest among those whose uid has a free place. */
static struct client *find_next(struct tapserver *server)
{
	struct client *next = NULL;

	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *client = &server->clients[i];

		if (client->phase == PHASE_QUEUED && (!next || client->turn < next->turn) &&
		    count(server, PHASE_RUNNING, &client->uid) < HELPERS_OF_UID)
			next = client;
	}
	return next;
}

static void start_waiting(struct tapserver *server)
{
	struct client *client;

	while (count(server, PHASE_RUNNING, NULL) < HELPERS && (client = find_next(server)))
		start_client(server, client);
}

/* The helper says that this client may use a network that is down: it is brought up, and the helper asked again. */
static void bring_up(struct tapserver *server, struct client *client)
{
	struct failure failure = { 0 };
	struct own_ports ports;
	int r;

	if (client->brought_up) {
		refuse(client, -ENODEV, "failed to get mtu of bridge: No such device: it was brought up, and is gone again");
		return;
	}
	/* That the user may have the tap is known; a start asks for more. */
	r = own_is_about(client->network, client->uid) ? own_verify(&server->own, client->fd, client->network, OWN_USE, &ports, &failure) : 0;
	if (r == 0)
		r = manager_demand(server->manager, client->network, &failure);
	if (r < 0) {
		refuse(client, r, failure.text);
		return;
	}
	client->brought_up = true;
	start_client(server, client);
}

static void unanswered(struct client *client, const siginfo_t *info)
{
	char text[256];

	if (client->late)
		snprintf(text, sizeof(text), "failed to create tun device: it took longer than %d s", TAPSOCKET_TIMEOUT_MS / 1000);
	else
		snprintf(text, sizeof(text), "failed to create tun device: %s, started by guestnetd, ended by %s %d (its log says why: journalctl -u guestnetd)",
			 client->server->helper, info->si_code == CLD_EXITED ? "exit status" : "signal", info->si_status);
	if (log_may_say(&client->server->ration, client->uid))
		log_say(4, NULL, NULL, "tap for uid %u on %s: %s", (unsigned int)client->uid, STR_ESCAPED(client->request.bridge), text);
	refuse(client, client->late ? -ETIMEDOUT : -EIO, text);
}

static int on_helper_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	struct client *client = data;
	struct tapserver *server = client->server;
	siginfo_t info = { 0 };
	bool exited;

	if (waitid(P_PIDFD, (id_t)client->pidfd, &info, WEXITED | WNOHANG) < 0)
		info.si_status = -1;
	client->end = sd_event_source_unref(client->end);
	client->pidfd = fd_close(client->pidfd);
	exited = info.si_code == CLD_EXITED;
	if (exited && (info.si_status == HELPER_SERVED || info.si_status == HELPER_REFUSED))
		client_close(client);
	else if (exited && info.si_status == HELPER_NO_BRIDGE && client->network[0])
		bring_up(server, client);
	else
		unanswered(client, &info);
	start_waiting(server);
	return 0;
}

/* Connections */

/* The request, or the end of it. Nothing that came with it is kept: no room is given for fds. */
static void read_request(struct client *client)
{
	unsigned char bytes[sizeof(struct tapsocket_request) + 1];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(client);
		return;
	}
	r = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : tapsocket_parse_request(bytes, (size_t)n, &client->request);
	if (r == -EINVAL) {
		refuse(client, r, "no interface can have this name");
	} else if (r < 0) {
		refuse(client, r, "guestnetd does not understand this request: the helper is of another version");
	} else if (enter(client, PHASE_QUEUED) < 0 || sd_event_source_set_io_events(client->source, 0) < 0) {
		refuse(client, -ENOMEM, "guestnetd is out of memory");
	}
}

static int on_client(sd_event_source *source _unused_, int fd _unused_, uint32_t events, void *data)
{
	struct client *client = data;
	struct tapserver *server = client->server;

	if (client->phase == PHASE_WAITING && (events & EPOLLIN))
		read_request(client);
	else if (events & (EPOLLHUP | EPOLLERR))
		client_close(client);
	start_waiting(server);
	return 0;
}

/* May there be one more of this user's? Nobody takes the places of others, nor the last fds. */
static bool has_place(const struct tapserver *server, int fd, uid_t uid)
{
	const size_t n = count(server, PHASE_FREE, NULL);

	return uid == 0 || (fd < server->fd_limit && n < CLIENTS_OF_USERS && count(server, PHASE_FREE, &uid) < CLIENTS_OF_UID &&
			    (n < CLIENTS_CROWD || !own_is_subordinate(uid)));
}

static struct client *find_place(struct tapserver *server)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (server->clients[i].phase == PHASE_FREE)
			return &server->clients[i];
	return NULL;
}

static void add_client(struct tapserver *server, int fd, uid_t uid)
{
	struct client *client = has_place(server, fd, uid) ? find_place(server) : NULL;

	if (!client) {
		send_refusal(fd, -EAGAIN, "failed to create tun device: guestnetd has too many requests of yours, or of all, at one time: try again");
		close_connection(fd);
		return;
	}
	*client = (struct client){
		.server = server,
		.fd = fd,
		.uid = uid,
		.turn = server->next_turn++,
		.pidfd = -EBADF,
	};
	if (enter(client, PHASE_WAITING) < 0 ||
	    sd_event_add_io(server->event, &client->source, fd, EPOLLIN, on_client, client) < 0)
		client_close(client);
}

/*
 * Who it is, is what the kernel says; a uid that this daemon's user namespace does not have is nobody's, and would be
 * everybody's.
 */
static void greet(struct tapserver *server, int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	char text[256];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid == (uid_t)-1) {
		fd_close(fd);
		return;
	}
	if (peer.uid == server->overflow_uid) {
		snprintf(text, sizeof(text), "access denied by acl file: you are uid %u here, which stands for everybody who has no uid where guestnetd runs (user_namespaces(7)): no rule can mean you",
			 (unsigned int)peer.uid);
		send_refusal(fd, -EPERM, text);
		close_connection(fd);
		return;
	}
	add_client(server, fd, peer.uid);
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t events _unused_, void *data)
{
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int fd = activation_accept(source, listen_fd);

		if (fd < 0)
			break;
		greet(data, fd);
	}
	return 0;
}

/*
 * Serves the socket that the service manager has made, or one of our own. @event, @manager and the strings in
 * @options must outlive the server.
 */
int tapserver_new(sd_event *event, struct manager *manager, const struct tapserver_options *options,
		  struct tapserver **ret_server, struct failure *failure)
{
	_cleanup_(tapserver_freep) struct tapserver *server = pages_new(sizeof(*server));
	int r = 0;

	if (!server) {
		fd_close(options->listen_fd);
		return failure_set(failure, -ENOMEM, "out of memory");
	}
	server->event = event;
	server->manager = manager;
	server->own.manager = manager;
	server->helper = options->helper;
	server->fd_limit = activation_fd_limit();
	server->overflow_uid = process_overflow_uid();
	server->fd = options->listen_fd;
	if (server->fd >= 0 && sd_is_socket_unix(server->fd, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
		r = -EINVAL;
	if (server->fd >= 0 && r == 0 && fcntl(server->fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (server->fd < 0) {
		/* Everybody may ask: the policy decides. */
		r = activation_listen(options->path, SOCK_SEQPACKET, &server->fd);
		if (r == 0)
			snprintf(server->path, sizeof(server->path), "%s", options->path);
	}
	if (r >= 0)
		r = sd_event_add_io(event, &server->source, server->fd, EPOLLIN, on_connection, server);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", options->path, strerror(-r));
	*ret_server = steal_ptr(server);
	return 0;
}

/* Helpers that run go on, and answer. */
struct tapserver *tapserver_free(struct tapserver *server)
{
	if (!server)
		return NULL;
	for (size_t i = 0; i < CLIENTS; i++)
		if (server->clients[i].phase != PHASE_FREE)
			client_close(&server->clients[i]);
	sd_event_source_unref(server->source);
	if (server->path[0])
		unlink(server->path);
	fd_close(server->fd);
	return pages_free(server, sizeof(*server));
}
