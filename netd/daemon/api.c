/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other programs can ask and tell the daemon: org.guestnet1.
 * Event loop context.
 *
 * The objects (objects.c) are served peer to peer on a Unix socket: no message bus is needed, early at boot or in
 * a container. Everybody may connect and look; who may change something is decided for each call from what the
 * kernel says of the peer (root, or a member of the daemon's own group). The system bus is one more peer of this
 * kind, at the end of a socket pair (gate.c), which has asked polkit before.
 *
 * A peer that does not read what it asked for is cut off; so is one that wanted signals and does not take them. One that may
 * only look is asked nothing more before it has its answer, and cut off when it sends what is larger than any call (intake.c).
 */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "activation.h"
#include "dryrun.h"
#include "gate.h"
#include "intake.h"
#include "log.h"
#include "news.h"
#include "objects.h"

struct peer {
	struct api *api;		/* borrowed */
	sd_bus *bus;			/* owned */
	struct intake intake;		/* of one that may only look */
	uint64_t turn;			/* who of those has called later has the larger one */
	uid_t uid;
	bool may_change;
	bool subscribed;		/* wants signals */
	bool is_bus;			/* the system bus: it does while there is one */
	bool lost;			/* to be closed as soon as nobody works with it */
};

struct api {
	sd_event *event;		/* borrowed */
	struct manager *manager;	/* borrowed */
	struct objects objects;
	struct own own;
	struct own_ports ports;		/* of the user whose call it is */
	struct ration ration;		/* of lines of the log */
	struct news *news;		/* owned */
	struct gate *gate;		/* owned */
	sd_bus *inside;			/* owned: our own end of the peer that is the system bus */
	struct systembus_listener listener;
	sd_event_source *source;	/* owned: the socket */
	sd_event_source *sweep_source;	/* owned: enabled when a peer is lost */
	struct peer *peers[LIMIT_BUS_PEERS];	/* owned; the first n_peers */
	size_t n_peers;
	uint64_t next_turn;
	sd_id128_t id;
	int fd;				/* owned */
	int fd_limit;			/* those who may only look get no fds from here on */
	char path[108];
};

static void lose(struct peer *peer)
{
	peer->lost = true;
	peer->subscribed = false;
	(void)sd_event_source_set_enabled(peer->api->sweep_source, SD_EVENT_ONESHOT);
}

static void peer_free(struct peer *peer)
{
	intake_stop(&peer->intake);
	sd_bus_close_unref(peer->bus);
	free(peer);
}

static int on_sweep(sd_event_source *source _unused_, void *data)
{
	struct api *api = data;
	size_t kept = 0;

	for (size_t i = 0; i < api->n_peers; i++)
		if (api->peers[i]->lost)
			peer_free(api->peers[i]);
		else
			api->peers[kept++] = api->peers[i];
	api->n_peers = kept;
	return 0;
}

static uint64_t queued(const struct peer *peer)
{
	uint64_t n = 0;

	return sd_bus_get_n_queued_write(peer->bus, &n) < 0 ? UINT64_MAX : n;
}

/*
 * What changes something is for administrators, and for users where a network of their own is meant.
 * Safe because: the network is the one that the method will read from the same message, and no method that may be called so
 * (objects.c:accesses) changes another one.
 */
static int verify_change(struct peer *peer, sd_bus_message *message, enum access access, sd_bus_error *error)
{
	enum own_act act = objects_own_act(sd_bus_message_get_member(message));
	struct failure failure = { 0 };
	char network[64] = "", own[96];
	uint32_t owner;
	bool known;
	int r;

	if (objects_peek_network(message, network) < 0 || !name_find_owner(network, &owner) ||
	    (act == OWN_NEVER && owner == peer->uid)) {
		snprintf(own, sizeof(own), "%u.%s", peer->uid, network);
		known = managed_find(manager_get_networks(peer->api->manager), own);
		return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
					 "uid %u may not call %s (action " ACTION_PREFIX "%s): root and members of the group guestnet may%s%s",
					 peer->uid, sd_bus_message_get_member(message), objects_access_name(access),
					 known ? ", and its own network is called " : "", known ? own : "");
	}
	if (!own_is_about(network, peer->uid))
		return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
					 "network %s is uid %u's own: uid %u may not call %s (action " ACTION_PREFIX "%s), root and members of the group guestnet may",
					 STR_ESCAPED(network), owner, peer->uid, sd_bus_message_get_member(message), objects_access_name(access));
	r = own_verify(&peer->api->own, peer->intake.fd, network, act, &peer->api->ports, &failure);
	peer->api->objects.ports = &peer->api->ports;
	/* What comes behind the number in a name that no network can have is whatever the user wants to be read. */
	if (log_may_say(&peer->api->ration, peer->uid))
		log_say(r < 0 ? 4 : 6, network_name_is_valid(network) ? network : NULL, NULL,
			"uid %u %s do %s to network %s of its own%s%s", peer->uid, r < 0 ? "may not" : "may",
			sd_bus_message_get_member(message), STR_ESCAPED(network), r < 0 ? ": " : "", failure.text);
	return r < 0 ? sd_bus_error_setf(error, API_DENIED, "%s", failure.text) : 0;
}

/*
 * Who may only look leaves one answer unread on a connection, however large it is (intake.c), and so many connections in all: then the
 * one is lost that has had its answer for longest. Those that want signals are fewer anyway.
 */
static void limit_answers(struct peer *peer)
{
	struct api *api = peer->api;
	struct peer *first = NULL;
	size_t n = 0;

	peer->turn = api->next_turn++;
	for (size_t i = 0; i < api->n_peers; i++) {
		struct peer *other = api->peers[i];

		if (other->uid != peer->uid || other->may_change || other->subscribed || other->lost || queued(other) == 0)
			continue;
		n++;
		if (!first || other->turn < first->turn)
			first = other;
	}
	if (n >= LIMIT_BUS_ANSWERS_USER)
		lose(first);
}

/* Sees every message before the objects do. */
static int on_message(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct peer *peer = data;
	enum access access;
	uint8_t type;

	if (sd_bus_message_get_type(message, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL)
		return 0;
	if (peer->lost || queued(peer) > (peer->subscribed ? LIMIT_BUS_QUEUE : LIMIT_BUS_ANSWERS)) {
		lose(peer);
		return 1;
	}
	if (!peer->may_change)
		limit_answers(peer);
	peer->api->objects.ports = NULL;
	access = objects_access(sd_bus_message_get_interface(message), sd_bus_message_get_member(message));
	return access <= ACCESS_READ || peer->may_change ? 0 : verify_change(peer, message, access, error);
}

static int on_disconnected(sd_bus_message *message _unused_, void *data, sd_bus_error *error _unused_)
{
	lose(data);
	return 1;
}

/* Those of one user; uids that one user may have thousands of count all others as theirs. */
static int count_subscribers(const struct api *api, uid_t uid)
{
	const bool all = own_is_subordinate(uid);
	int n = 0;

	for (size_t i = 0; i < api->n_peers; i++)
		n += api->peers[i]->subscribed && !api->peers[i]->may_change && (all || api->peers[i]->uid == uid);
	return n;
}

/* How much the kernel keeps for a peer that does not read; sd-bus asks for 8 MiB. */
static void limit_unread(const struct peer *peer, int bytes)
{
	if (setsockopt(peer->intake.fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(peer->intake.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int on_subscribe(void *data, sd_bus *bus)
{
	struct api *api = data;

	for (size_t i = 0; i < api->n_peers; i++) {
		struct peer *peer = api->peers[i];

		if (peer->bus != bus)
			continue;
		if (!peer->may_change && !peer->subscribed && count_subscribers(api, peer->uid) >= LIMIT_BUS_SUBSCRIBERS_USER)
			return -EUSERS;
		(void)news_begin(api->news, api->manager);
		if (!peer->may_change)
			limit_unread(peer, LIMIT_BUS_UNREAD_SIGNALS);
		peer->subscribed = true;
	}
	return 0;
}

static void subscribe_bus(struct api *api, bool subscribed)
{
	for (size_t i = 0; i < api->n_peers; i++)
		if (api->peers[i]->is_bus && !api->peers[i]->lost)
			api->peers[i]->subscribed = subscribed;
}

static void on_bus_connected(void *data, sd_bus *bus _unused_)
{
	struct api *api = data;

	(void)news_begin(api->news, api->manager);
	subscribe_bus(api, true);
}

static void on_bus_disconnected(void *data)
{
	subscribe_bus(data, false);
}

/* After each pass: tells whom it concerns. */
static void on_changed(void *data)
{
	struct api *api = data;
	sd_bus *buses[LIMIT_BUS_PEERS];
	size_t n = 0;

	for (size_t i = 0; i < api->n_peers; i++) {
		struct peer *peer = api->peers[i];

		if (peer->subscribed && queued(peer) > LIMIT_BUS_QUEUE)
			lose(peer);
		if (peer->subscribed)
			buses[n++] = peer->bus;
	}
	(void)news_tell(api->news, api->manager, buses, n);
}

/* What it may only look at, it asks for in messages of a size that calls have. */
static void on_refused(void *data)
{
	lose(data);
}

/* Takes over @fd. */
static int add_peer(struct api *api, int fd, uid_t uid, bool may_change, bool is_bus)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int input_fd = fd, r;

	if (!peer || sd_bus_new(&peer->bus) < 0) {
		free(peer);
		close(fd);
		return -ENOMEM;
	}
	peer->api = api;
	peer->uid = uid;
	peer->may_change = may_change;
	peer->intake = INTAKE_NULL;
	peer->intake.refused = on_refused;
	peer->intake.data = peer;
	r = may_change ? 0 : intake_open(&peer->intake, fd, &input_fd);
	if (r >= 0)
		r = sd_bus_set_fd(peer->bus, input_fd, fd);
	if (r < 0) {
		close(fd);	/* not the bus's yet */
		if (input_fd != fd)
			close(input_fd);
	}
	if (r >= 0)
		r = sd_bus_set_server(peer->bus, 1, api->id);
	if (r >= 0)
		r = sd_bus_set_anonymous(peer->bus, 1);
	if (r >= 0)
		r = sd_bus_set_trusted(peer->bus, 0);
	if (r >= 0)
		r = sd_bus_add_filter(peer->bus, NULL, on_message, peer);
	if (r >= 0)
		r = objects_add(&api->objects, peer->bus);
	if (r >= 0)
		r = sd_bus_match_signal(peer->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
					"org.freedesktop.DBus.Local", "Disconnected", on_disconnected, peer);
	if (r >= 0)
		r = sd_bus_start(peer->bus);
	if (r >= 0)
		r = sd_bus_attach_event(peer->bus, api->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0 && !may_change)
		r = intake_start(&peer->intake, api->event, peer->bus);
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	if (!may_change)
		limit_unread(peer, LIMIT_BUS_UNREAD);
	peer->is_bus = is_bus;
	api->peers[api->n_peers++] = peer;
	return 0;
}

/* Root, the daemon's own user, and members of its group may change things. */
static int read_peer(int fd, uid_t *ret_uid, bool *ret_may_change)
{
	_cleanup_(freep) gid_t *groups = NULL;
	struct policy_caller peer;
	pid_t pid;
	int r = policy_read_peer(fd, &peer, &groups, &pid, NULL);

	if (r < 0)
		return r;
	*ret_uid = peer.uid;
	*ret_may_change = peer.uid == 0 || peer.uid == geteuid() || peer.gid == getegid();
	for (size_t i = 0; i < peer.n_groups; i++)
		*ret_may_change |= peer.groups[i] == getegid();
	return 0;
}

/*
 * Whoever may only look cannot take the places of others, nor the last fds. The uids that a user has in user namespaces are thousands,
 * and would take all places: they have some of the first.
 */
static bool has_place(const struct api *api, int fd, uid_t uid, bool may_change)
{
	size_t n_user = 0, n_look = 0;

	for (size_t i = 0; i < api->n_peers; i++) {
		n_look += !api->peers[i]->may_change;
		n_user += !api->peers[i]->may_change && api->peers[i]->uid == uid;
	}
	return api->n_peers < LIMIT_BUS_PEERS &&
		(may_change || (fd < api->fd_limit && n_look < LIMIT_BUS_PEERS_LOOK && n_user < LIMIT_BUS_PEERS_USER &&
				(n_look < LIMIT_BUS_PEERS_CROWD || !own_is_subordinate(uid))));
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t events _unused_, void *data)
{
	struct api *api = data;
	int fd = activation_accept(source, listen_fd);
	bool may_change;
	uid_t uid;

	if (fd < 0)
		return 0;
	if (read_peer(fd, &uid, &may_change) < 0 || !has_place(api, fd, uid, may_change))
		close(fd);	/* the peer sees the end of the connection */
	else
		(void)add_peer(api, fd, uid, may_change, false);
	return 0;
}

/* The system bus: a peer that may do everything, since its other end asks who may. */
static int add_gate(struct api *api, struct systembus *systembus)
{
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	r = add_peer(api, fds[0], geteuid(), true, true);
	if (r >= 0)
		r = sd_bus_new(&api->inside);
	if (r >= 0)
		r = sd_bus_set_fd(api->inside, fds[1], fds[1]);
	if (r < 0) {
		close(fds[1]);
		return r;
	}
	r = sd_bus_set_anonymous(api->inside, 1);
	if (r >= 0)
		r = sd_bus_start(api->inside);
	if (r >= 0)
		r = sd_bus_attach_event(api->inside, api->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = gate_new(systembus, api->inside, &api->gate);
	if (r < 0)
		return r;
	api->listener = (struct systembus_listener){
		.data = api, .connected = on_bus_connected, .disconnected = on_bus_disconnected,
	};
	systembus_listen(systembus, &api->listener);
	return 0;
}

/* Serves @manager on a socket at @socket_path and on the system bus. All must outlive the api. */
int api_new(sd_event *event, struct manager *manager, struct systembus *systembus, const char *socket_path,
	    struct api **ret_api, struct failure *failure)
{
	_cleanup_(api_freep) struct api *api = calloc(1, sizeof(*api));
	int r;

	if (!api)
		return failure_set(failure, -ENOMEM, "out of memory");
	api->event = event;
	api->manager = manager;
	api->own.manager = manager;
	api->objects = (struct objects){ .manager = manager, .event = event, .subscribe = on_subscribe, .data = api };
	api->fd = -EBADF;
	api->fd_limit = activation_fd_limit();
	r = sd_id128_randomize(&api->id);
	if (r >= 0)
		r = news_new(&api->news);
	if (r >= 0)
		r = sd_event_add_defer(event, &api->sweep_source, on_sweep, api);
	if (r >= 0)
		r = sd_event_source_set_enabled(api->sweep_source, SD_EVENT_OFF);
	if (r >= 0)
		r = add_gate(api, systembus);
	/* Everybody may look; what changes something is decided for each call. */
	if (r >= 0)
		r = activation_listen(socket_path, SOCK_STREAM, &api->fd);
	if (r >= 0)
		snprintf(api->path, sizeof(api->path), "%s", socket_path);
	if (r >= 0)
		r = sd_event_add_io(event, &api->source, api->fd, EPOLLIN, on_connection, api);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", socket_path, strerror(-r));
	manager_listen(manager, on_changed, api);
	*ret_api = steal_ptr(api);
	return 0;
}

struct api *api_free(struct api *api)
{
	if (!api)
		return NULL;
	manager_listen(api->manager, NULL, NULL);
	systembus_unlisten(&api->listener);
	gate_free(api->gate);
	dryrun_free(api->objects.dryrun);
	sd_bus_close_unref(api->inside);
	for (size_t i = 0; i < api->n_peers; i++)
		peer_free(api->peers[i]);
	sd_event_source_unref(api->source);
	sd_event_source_unref(api->sweep_source);
	news_free(api->news);
	if (api->path[0])
		unlink(api->path);
	fd_close(api->fd);
	free(api);
	return NULL;
}
