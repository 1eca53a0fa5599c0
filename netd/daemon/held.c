/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that networks of users' own forward: held, so that nobody else has them.
 * Binds sockets; event loop context.
 *
 * Theory of operation. A forward is a rule of translation, and comes before the host's sockets: what is sent to the port, also by
 * the host itself to its own addresses and to 127.0.0.1, goes to the guest, whoever listens there. An administrator may want
 * that. A user could take the clients of any program on the host by it, of another user's and of the system's, with all that
 * they believe they tell that program. So a user's forward has a port as a program has it: by a bound socket. The kernel
 * then decides who was first, and refuses whoever comes second: a program that runs is never cut off, and one that is started
 * later hears EADDRINUSE, as it would with a server of the user's in the place of the forward. While the daemon is away nobody holds
 * the ports; when it is back and one of them is another's, the forward is lost.
 *
 * The sockets do nothing. Those of TCP do not listen: before the guest has an address, who connects is refused. Those of
 * UDP drop what they get.
 *
 * Networks of administrators come first: a user's forward makes way for one of theirs as soon as that is declared, at whatever
 * address, up or not. Between users the first one counts: held_verify() refuses the second one its text. What is lost is
 * a whole [Forward], never a part of one, and the network goes on without; it is tried again with each pass.
 *
 * What the policy grants is checked where a user says or starts something (own.c), and not here: as with the number of
 * networks, a rule that shrinks takes nothing away that is there.
 */
#include "held.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "../kernel/sockets.h"
#include "../model/forwards.h"
#include "activation.h"
#include "holder.h"
#include "log.h"

void held_deinit(struct held *held)
{
	for (size_t i = 0; i < held->n; i++)
		fd_close(held->items[i].fd);
	free(held->items);
	*held = HELD_NULL;
}

/* Who has a port by a file, where it says so. */
struct claim {
	const struct network *network;	/* borrowed */
	struct network_place place;
	unsigned int port;
};

/* Does the other network say that it wants one of the forward's ports? */
static bool has_claim(const struct network *other, const struct network_forward *forward, bool of_users_too, struct claim *ret_claim)
{
	for (size_t i = 0; i < other->n_forwards; i++) {
		const struct network_forward *theirs = &other->forwards[i];

		if (!forward_meets(theirs, forward) || (!of_users_too && forward_is_users(other, theirs)))
			continue;
		*ret_claim = (struct claim){ other, theirs->place, theirs->ports[0] > forward->ports[0] ? theirs->ports[0] : forward->ports[0] };
		return true;
	}
	if (other->tunnel && forward->protocol == IPPROTO_UDP && forward->ports[0] <= other->tunnel->port &&
	    other->tunnel->port <= forward->ports[1]) {
		*ret_claim = (struct claim){ other, other->tunnel->place, other->tunnel->port };
		return true;
	}
	return false;
}

/* Another network, up or not, that comes before this user's forward. */
static bool find_claim(const struct managed_list *list, const struct network *network, const struct network_forward *forward,
		       bool of_users_too, struct claim *ret_claim)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct network *other = &list->items[i]->network;

		if ((other->n_forwards > 0 || other->tunnel) && list->items[i]->declared && other->bridge[0] &&
		    strcmp(other->name, network->name) != 0 && has_claim(other, forward, of_users_too, ret_claim))
			return true;
	}
	return false;
}

static void print_claim(const struct claim *claim, struct text *text)
{
	const struct network *other = claim->network;

	text_add(text, "port %u: it is that of network %s (%s:%u)", claim->port, other->name,
		 claim->place.file < other->n_paths ? STR_ESCAPED(other->paths[claim->place.file]) : "?", claim->place.line);
}

static struct held_port *find_port(const struct held *held, uint8_t protocol, unsigned int port)
{
	for (size_t i = 0; i < held->n; i++)
		if (held->items[i].protocol == protocol && held->items[i].port == port)
			return &held->items[i];
	return NULL;
}

static bool has_port(const struct held *held, const struct network *network, uint8_t protocol, unsigned int port)
{
	const struct held_port *found = find_port(held, protocol, port);

	return found && strcmp(found->network, network->name) == 0;
}

static void release(struct held *held, size_t i)
{
	fd_close(held->items[i].fd);
	held->items[i] = held->items[--held->n];
}

/* Nothing is kept of what comes: it would be memory of the kernel's, for anybody to fill. */
static int drop_all(int fd)
{
	struct sock_filter nothing = { .code = BPF_RET | BPF_K, .k = 0 };
	const struct sock_fprog program = { .len = 1, .filter = &nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

/*
 * A socket at all addresses of both families, or of the one that there is. -EADDRINUSE: somebody has the port at one of them.
 * SO_REUSEADDR looks past what is left of connections that are over, as for any server; taken back, it lets nobody
 * have the port beside us (net/ipv4/inet_connection_sock.c:inet_bind_conflict(); who was let through is refused by listen()).
 */
static int bind_port(uint8_t protocol, uint16_t port)
{
	const int type = (protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, zero = 0, one = 1;
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	_cleanup_(fd_closep) int fd = socket(AF_INET6, type, protocol);
	const bool both = fd >= 0;
	int r = 0;

	if (!both)
		fd = socket(AF_INET, type, protocol);
	if (fd < 0)
		return -errno;
	if (fd >= activation_fd_limit())
		return -EMFILE;
	if (protocol == IPPROTO_UDP)
		r = drop_all(fd);
	if (r == 0 && both && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0)
		r = -errno;
	if (r == 0 && protocol == IPPROTO_TCP && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		r = -errno;
	if (r == 0 && bind(fd, both ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4, both ? sizeof(v6) : sizeof(v4)) < 0)
		r = -errno;
	if (r == 0 && protocol == IPPROTO_TCP && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &zero, sizeof(zero)) < 0)
		r = -errno;
	return r < 0 ? r : steal_fd(&fd);
}

/* Does the table lead this port to a guest? Then the daemon that runs holds it: --plan is another process. */
static bool is_in_force(const struct netstate *snapshot, uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < snapshot->n_elements; i++) {
		const struct netstate_element *element = &snapshot->elements[i];

		if ((element->set == NETSTATE_SET_FORWARD4 || element->set == NETSTATE_SET_FORWARD6) && element->key[0] == protocol &&
		    element->key[4] == port >> 8 && element->key[5] == (port & 0xff))
			return true;
	}
	return false;
}

/* Not all that has a port is seen (what connects from there), and not every kernel tells at all. */
static void print_holder(const struct socket_list *list, struct text *text)
{
	struct holder holder;

	if (list->n == 0) {
		text_add(text, "a program of the host uses it");
		return;
	}
	holder_find(&list->items[0], &holder);
	text_add(text, "it is that of ");
	holder_print(&holder, text);
}

/* A port that the daemon itself does not hold: is it another's? */
static bool is_taken(uint8_t protocol, uint16_t port)
{
	const int fd = bind_port(protocol, port);

	fd_close(fd);
	return fd == -EADDRINUSE;
}

/* The same, asked by a process that is not the daemon: it keeps no port from the daemon by a try, where the kernel tells without one. */
static bool is_seen_taken(uint8_t protocol, uint16_t port, struct text *why)
{
	_cleanup_(socket_list_deinit) struct socket_list list = SOCKET_LIST_NULL;
	const bool taken = sockets_read(protocol, port, &list) < 0 ? is_taken(protocol, port) : list.n > 0;

	if (taken)
		print_holder(&list, why);
	return taken;
}

static void print_error(int error, uint8_t protocol, uint16_t port, struct text *text)
{
	_cleanup_(socket_list_deinit) struct socket_list list = SOCKET_LIST_NULL;

	if (error == -EADDRINUSE) {
		(void)sockets_read(protocol, port, &list);
		print_holder(&list, text);
	} else if (error == -EMFILE || error == -ENFILE) {
		text_add(text, "there are as many forwards of users' as there can be");
	} else {
		text_add(text, "%s", strerror(-error));
	}
}

/* Makes the port the network's. False, with the reason in @why. */
static bool take(struct held *held, const struct network *network, const struct netstate *snapshot, bool only_look, uint8_t protocol,
		 uint16_t port, struct text *why)
{
	const struct held_port *other = find_port(held, protocol, port);
	struct held_port *items;
	int fd;

	if (other) {
		if (strcmp(other->network, network->name) != 0)
			text_add(why, "network %s forwards it already", other->network);
		return strcmp(other->network, network->name) == 0;
	}
	if (only_look && !is_in_force(snapshot, protocol, port) && is_seen_taken(protocol, port, why))
		return false;
	items = held->n < LIMIT_OWN_PORTS_ALL ? array_grow(held->items, held->n, sizeof(*items)) : NULL;
	fd = !items ? -EMFILE : only_look ? -EBADF : bind_port(protocol, port);
	if (items)
		held->items = items;
	if (!items || (fd < 0 && !only_look)) {
		print_error(fd, protocol, port, why);
		return false;
	}
	held->items[held->n] = (struct held_port){ .protocol = protocol, .port = port, .fd = fd };
	memcpy(held->items[held->n++].network, network->name, NETWORK_NAME_SIZE);
	return true;
}

static bool wants(const struct managed *managed)
{
	return managed->wanted && managed->declared && managed->network.bridge[0];
}

/* Does the network still want the port, and is it still for it? */
static bool stays(const struct managed_list *list, const struct held_port *item)
{
	const struct managed *managed = managed_find(list, item->network);
	struct claim claim;

	for (size_t i = 0; managed && wants(managed) && i < managed->network.n_forwards; i++) {
		const struct network_forward *forward = &managed->network.forwards[i];

		if (forward_is_users(&managed->network, forward) && forward->protocol == item->protocol &&
		    forward->ports[0] <= item->port && item->port <= forward->ports[1])
			return !find_claim(list, &managed->network, forward, false, &claim);
	}
	return false;
}

/* What was taken of a forward that is lost is of no use to it. */
static void give_back(struct held *held, const struct network *network, const struct network_forward *forward)
{
	for (size_t i = held->n; i-- > 0;)
		if (strcmp(held->items[i].network, network->name) == 0 && held->items[i].protocol == forward->protocol &&
		    forward->ports[0] <= held->items[i].port && held->items[i].port <= forward->ports[1])
			release(held, i);
}

/* Can the forward be? Else @why says what is in the way of which port. */
static bool hold(struct held *held, const struct managed_list *list, const struct network *network, const struct network_forward *forward,
		 const struct netstate *snapshot, bool only_look, struct text *why)
{
	struct claim claim;
	char buffer[256] = "";
	struct text text;

	if (find_claim(list, network, forward, false, &claim)) {
		print_claim(&claim, why);
		return false;
	}
	text_init(&text, buffer, sizeof(buffer));
	for (unsigned int port = forward->ports[0]; port <= forward->ports[1]; port++)
		if (!take(held, network, snapshot, only_look, forward->protocol, (uint16_t)port, &text)) {
			text_add(why, "port %u: %s", port, buffer);
			give_back(held, network, forward);
			return false;
		}
	return true;
}

/* Both are about what a user can make happen as often as it likes. */

static void tell_held(struct held *held, const struct network *network, const char *listen)
{
	uint32_t uid;

	if (name_find_owner(network->name, &uid) && log_may_say(&held->ration, uid))
		log_say(6, network->name, network->bridge, "Listen=%s of uid %u's network %s: the host's ports are held for it", listen, uid,
			network->name);
}

static void tell_lost(struct held *held, const struct managed *managed, const char *problem)
{
	uint32_t uid;

	if (problem[0] && strcmp(managed->held_problem, problem) != 0 && name_find_owner(managed->network.name, &uid) &&
	    log_may_say(&held->ration, uid))
		log_say(4, managed->network.name, managed->network.bridge, "%s", problem);
}

static void review(struct held *held, const struct managed_list *list, struct managed *managed, const struct netstate *snapshot,
		   bool only_look)
{
	struct network *network = &managed->network;
	char buffer[768] = "", words[80], why[384];
	struct text text;

	for (size_t i = 0; i < network->n_forwards; i++) {
		struct network_forward *forward = &network->forwards[i];
		const size_t n_before = held->n;

		if (!forward_is_users(network, forward))
			continue;
		text_init(&text, words, sizeof(words));
		forward_print_listen(forward, &text);
		text_init(&text, why, sizeof(why));
		forward->lost = !hold(held, list, network, forward, snapshot, only_look, &text);
		if (held->n > n_before && !only_look)
			tell_held(held, network, words);
		if (!forward->lost || buffer[0])
			continue;
		text_init(&text, buffer, sizeof(buffer));
		text_add(&text, "%s:%u: Listen=%s leads to no guest: %s", STR_ESCAPED(network->paths[0]), forward->place.line, words, why);
	}
	if (!only_look)
		tell_lost(held, managed, buffer);
	managed_set_text(&managed->held_problem, buffer);
}

/*
 * Which forwards of users' can be: marks those that cannot (struct network_forward, `lost`), and says why in the network's
 * `held_problem`. With @only_look nothing is bound, and what the daemon that runs holds is told by @snapshot.
 */
void held_review(struct held *held, const struct managed_list *list, const struct netstate *snapshot, bool only_look)
{
	/* What is given up is there for others in the same pass. */
	for (size_t i = held->n; i-- > 0;)
		if (!stays(list, &held->items[i]))
			release(held, i);
	for (size_t i = 0; i < list->n; i++) {
		struct managed *managed = list->items[i];

		if (managed->network.n_forwards > 0 && managed_is_own(managed->network.name) && wants(managed))
			review(held, list, managed, snapshot, only_look);
		else
			managed_set_text(&managed->held_problem, "");
	}
}

/*
 * May a user's network forward what it says now? -EINVAL, with file and line, where another network forwards a port, or a
 * program of the host has it.
 */
int held_verify(const struct held *held, const struct managed_list *list, const struct network *network, struct failure *failure)
{
	char buffer[512];
	struct claim claim;
	struct text text;

	for (size_t i = 0; i < network->n_forwards; i++) {
		const struct network_forward *forward = &network->forwards[i];

		if (!forward_is_users(network, forward))
			continue;
		text_init(&text, buffer, sizeof(buffer));
		if (find_claim(list, network, forward, true, &claim)) {
			print_claim(&claim, &text);
			return failure_set(failure, -EINVAL, "%s:%u: %s", STR_ESCAPED(network->paths[0]), forward->place.line, buffer);
		}
		for (unsigned int port = forward->ports[0]; port <= forward->ports[1]; port++)
			if (!has_port(held, network, forward->protocol, port) && is_taken(forward->protocol, (uint16_t)port)) {
				print_error(-EADDRINUSE, forward->protocol, (uint16_t)port, &text);
				return failure_set(failure, -EINVAL, "%s:%u: port %u: %s", STR_ESCAPED(network->paths[0]),
						   forward->place.line, port, buffer);
			}
	}
	return 0;
}
