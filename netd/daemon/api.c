/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other programs can ask and tell the daemon: org.guestnet1.
 * Event loop context.
 *
 * One set of methods, served peer to peer on a Unix socket: no message bus is needed, early at boot or in
 * a container. Who may connect is what the socket's mode says; who may change something is decided for
 * each call from what the kernel says of the peer (root, or a member of the daemon's own group).
 */
#include "api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/str.h"

#define API_PATH	"/org/guestnet1"
#define API_INTERFACE	"org.guestnet1.Manager"
#define API_CLIENTS	64

struct client {
	struct api *api;	/* borrowed */
	sd_bus *bus;		/* owned; NULL: free place */
};

struct api {
	sd_event *event;		/* borrowed */
	struct manager *manager;	/* borrowed */
	sd_event_source *source;	/* owned */
	struct client clients[API_CLIENTS];
	sd_id128_t id;
	int fd;				/* owned */
	char path[108];
};

/* Root, the daemon's own user, and members of its group may change things. */
static int verify_may_change(sd_bus_message *message, sd_bus_error *error)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	gid_t groups[256];
	socklen_t groups_size = sizeof(groups);
	int fd = sd_bus_get_fd(sd_bus_message_get_bus(message));

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -EIO;
	if (peer.uid == 0 || peer.uid == geteuid() || peer.gid == getegid())
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) == 0)
		for (size_t i = 0; i < groups_size / sizeof(groups[0]); i++)
			if (groups[i] == getegid())
				return 0;
	return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
				 "uid %u may not change networks: root and members of the group guestnet may", peer.uid);
}

static int append_report(sd_bus_message *reply, const struct network_report *report)
{
	return sd_bus_message_append(reply, "(sssbsssssttu)", report->name, network_state_name(report->state),
				     report->mode, report->autostart, report->bridge, report->addresses,
				     report->checksum, report->problem, report->fix, report->since_us,
				     report->n_repairs, report->n_ports);
}

static int method_list(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct client *client = data;
	struct manager *manager = client->api->manager;
	int r;

	r = sd_bus_message_new_method_return(message, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(sssbsssssttu)");
	for (size_t i = 0; r >= 0 && i < manager_count(manager); i++) {
		struct network_report report;

		manager_report(manager, i, &report);
		r = append_report(reply, &report);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void format_ip(const struct ip *ip, char *buffer, size_t size)
{
	char text[46] = "";

	inet_ntop(ip->family, ip->bytes_be, text, sizeof(text));
	snprintf(buffer, size, "%s", text);
}

static int append_lease(sd_bus_message *reply, const char *network, const struct lease *lease)
{
	char address[64], mac[32] = "";

	format_ip(&lease->address, address, sizeof(address));
	if (lease->address.family == AF_INET)
		snprintf(mac, sizeof(mac), MAC_FORMAT, MAC_BYTES(lease->mac));
	return sd_bus_message_append(reply, "(sssssx)", network, address, mac, lease->name, lease->client_id, lease->expires);
}

static int method_leases(sd_bus_message *message, void *data, sd_bus_error *error _unused_)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct client *client = data;
	struct manager *manager = client->api->manager;
	const char *name;
	int r;

	r = sd_bus_message_read(message, "s", &name);
	if (r >= 0)
		r = sd_bus_message_new_method_return(message, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(sssssx)");
	for (size_t i = 0; r >= 0 && i < manager_count(manager); i++) {
		struct network_report report;

		manager_report(manager, i, &report);
		if (name[0] && strcmp(name, report.name) != 0)
			continue;
		for (size_t j = 0; r >= 0 && j < report.leases->n; j++)
			r = append_lease(reply, report.name, &report.leases->items[j]);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int set_running(sd_bus_message *message, struct client *client, bool running, sd_bus_error *error)
{
	struct failure failure = { 0 };
	const char *name;
	int r;

	r = verify_may_change(message, error);
	if (r < 0)
		return r;
	r = sd_bus_message_read(message, "s", &name);
	if (r < 0)
		return r;
	r = manager_set_running(client->api->manager, name, running, &failure);
	if (r == -ENOENT)
		return sd_bus_error_setf(error, "org.guestnet1.NoSuchNetwork", "%s", failure.text);
	if (r < 0)
		return sd_bus_error_setf(error, "org.guestnet1.Failed", "%s", failure.text);
	return sd_bus_reply_method_return(message, "");
}

static int method_start(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return set_running(message, data, true, error);
}

static int method_stop(sd_bus_message *message, void *data, sd_bus_error *error)
{
	return set_running(message, data, false, error);
}

static int method_reload(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct client *client = data;
	struct failure failure = { 0 };
	int r;

	r = verify_may_change(message, error);
	if (r < 0)
		return r;
	r = manager_reload(client->api->manager, &failure);
	if (r < 0)
		return sd_bus_error_setf(error, "org.guestnet1.Failed", "%s", failure.text);
	return sd_bus_reply_method_return(message, "");
}

/*
 * List: name, state, mode, autostart, bridge, addresses, checksum strategy, problem, fix, since (us since
 * 1970), repairs, ports. Leases of a network, or of all for "": network, address, MAC, name, client id,
 * expiry (s since 1970, 0: never).
 */
static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("List", "", "a(sssbsssssttu)", method_list, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Leases", "s", "a(sssssx)", method_leases, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Start", "s", "", method_start, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Stop", "s", "", method_stop, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Reload", "", "", method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static void client_close(struct client *client)
{
	client->bus = sd_bus_close_unref(client->bus);
}

static int client_disconnected(sd_bus_message *message _unused_, void *data, sd_bus_error *error _unused_)
{
	client_close(data);
	return 1;
}

static int client_open(struct client *client, int fd)
{
	struct api *api = client->api;
	int r;

	r = sd_bus_new(&client->bus);
	if (r >= 0)
		r = sd_bus_set_fd(client->bus, fd, fd);
	if (r < 0) {
		close(fd);	/* not the bus's yet */
		return r;
	}
	r = sd_bus_set_server(client->bus, 1, api->id);
	if (r >= 0)
		r = sd_bus_set_anonymous(client->bus, 1);
	if (r >= 0)
		r = sd_bus_set_trusted(client->bus, 0);
	if (r >= 0)
		r = sd_bus_add_object_vtable(client->bus, NULL, API_PATH, API_INTERFACE, manager_vtable, client);
	if (r >= 0)
		r = sd_bus_match_signal(client->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
					"org.freedesktop.DBus.Local", "Disconnected", client_disconnected, client);
	if (r >= 0)
		r = sd_bus_start(client->bus);
	if (r >= 0)
		r = sd_bus_attach_event(client->bus, api->event, SD_EVENT_PRIORITY_NORMAL);
	return r;
}

static int accept_client(sd_event_source *source _unused_, int listen_fd, uint32_t events _unused_, void *data)
{
	struct api *api = data;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return 0;
	for (size_t i = 0; i < API_CLIENTS; i++) {
		struct client *client = &api->clients[i];

		if (client->bus)
			continue;
		client->api = api;
		if (client_open(client, fd) < 0)
			client_close(client);
		return 0;
	}
	close(fd);	/* all places are taken: the client sees the end of the connection */
	return 0;
}

static int listen_at(const char *path, int *ret_fd)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;

	if (fd < 0)
		return -errno;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (unlink(path) < 0)
			return -errno;
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* Everybody may look; what changes something is decided for each call. */
	if (chmod(path, 0666) < 0 || listen(fd, 64) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Serves @manager on a socket at @socket_path. Both must outlive the api. */
int api_new(sd_event *event, struct manager *manager, const char *socket_path, struct api **ret_api,
	    struct failure *failure)
{
	_cleanup_(api_freep) struct api *api = calloc(1, sizeof(*api));
	int r;

	if (!api)
		return failure_set(failure, -ENOMEM, "out of memory");
	api->event = event;
	api->manager = manager;
	api->fd = -EBADF;
	r = sd_id128_randomize(&api->id);
	if (r >= 0)
		r = listen_at(socket_path, &api->fd);
	if (r >= 0)
		snprintf(api->path, sizeof(api->path), "%s", socket_path);
	if (r >= 0)
		r = sd_event_add_io(event, &api->source, api->fd, EPOLLIN, accept_client, api);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", socket_path, strerror(-r));
	*ret_api = steal_ptr(api);
	return 0;
}

struct api *api_free(struct api *api)
{
	if (!api)
		return NULL;
	for (size_t i = 0; i < API_CLIENTS; i++)
		client_close(&api->clients[i]);
	sd_event_source_unref(api->source);
	if (api->path[0])
		unlink(api->path);
	fd_close(api->fd);
	free(api);
	return NULL;
}
