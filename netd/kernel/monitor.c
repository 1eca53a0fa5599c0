/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: something has changed, look again.
 * Reads; decides nothing. Event loop context.
 *
 * What has become of a thing is not taken from the event: it only says which part of the state, or which interface, is
 * to be read again. So a lost event costs nothing but a look at everything. What is repaired before that look, and only
 * that, is taken from events (told.c).
 */
#include "monitor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/nl/socket.h"
#include "../../lib/nl/wire.h"
#include "../../lib/pages.h"
#include "../../lib/util.h"
#include "dump.h"
#include "snapshot.h"
#include "told.h"

#define QUEUE_SIZE	(16 * 1024 * 1024)
#define BUFFER_SIZE	(64 * 1024)

/* Datagrams that one call reads at most: others want their turn too. The fd stays readable. */
#define READ_LIMIT	4096
/* Whoever is in haste does not wait until a thousand interfaces have told the same. */
#define HASTE_LIMIT	32

#define NEWGEN		(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)

struct monitor {
	struct mnl_socket *sockets[MONITOR_FDS];	/* owned: rtnetlink, nftables */
	uint32_t own_ports[MONITOR_FDS];		/* of the sockets that our changes go through */
	bool watches_tc;
	bool watches_remotes;
	bool deaf;					/* in none of the groups */
	bool loses[MONITOR_FDS];			/* the queue has been full, and not been empty since */
	const struct kernel *kernel;			/* borrowed: where our bridges are */
	struct haste *haste;				/* borrowed; NULL: nobody is in haste */
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[BUFFER_SIZE];
};

/* Closes and frees; NULL will do. Returns NULL. */
struct monitor *monitor_free(struct monitor *monitor)
{
	for (unsigned int i = 0; monitor && i < MONITOR_FDS; i++)
		nlsocket_free(monitor->sockets[i]);
	return pages_free(monitor, sizeof(*monitor));
}

static void enlarge_queue(struct mnl_socket *socket)
{
	const int size = QUEUE_SIZE;
	int fd = mnl_socket_get_fd(socket);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* Joins, or leaves, the groups that are told of everything that a pass looks at. */
static int set_memberships(const struct monitor *monitor, bool join)
{
	static const struct {
		uint8_t socket;
		int group;
	} memberships[] = {
		{ 0, RTNLGRP_LINK },
		{ 0, RTNLGRP_IPV4_IFADDR },
		{ 0, RTNLGRP_IPV6_IFADDR },
		{ 0, RTNLGRP_IPV4_ROUTE },
		{ 0, RTNLGRP_IPV6_ROUTE },
		{ 0, RTNLGRP_IPV4_NETCONF },
		{ 0, RTNLGRP_IPV6_NETCONF },
		{ 1, NFNLGRP_NFTABLES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(memberships); i++)
		if (setsockopt(monitor_fd(monitor, memberships[i].socket), SOL_NETLINK, join ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP,
			       &memberships[i].group, sizeof(memberships[i].group)) < 0)
			return -errno;
	return 0;
}

/* Of a transaction only its end is of interest: the rest, a message per object, stays in the kernel. */
static int filter_generations(struct mnl_socket *socket)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		/* The load is of network byte order, the header of ours. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NEWGEN), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

/* Subscribes to everything that a pass looks at. Changes made through @kernel are known for our own. */
int monitor_open(const struct kernel *kernel, struct monitor **ret_monitor, struct failure *failure)
{
	_cleanup_(monitor_freep) struct monitor *monitor = pages_new(sizeof(*monitor));
	int r;

	if (!monitor)
		return failure_set(failure, -ENOMEM, "out of memory");
	monitor->kernel = kernel;
	monitor->own_ports[0] = kernel->rtnl.port;
	monitor->own_ports[1] = kernel->nft.port;

	r = nlsocket_open(NETLINK_ROUTE, &monitor->sockets[0]);
	if (r == 0)
		r = nlsocket_open(NETLINK_NETFILTER, &monitor->sockets[1]);
	if (r == 0)
		r = filter_generations(monitor->sockets[1]);
	for (unsigned int i = 0; r == 0 && i < MONITOR_FDS; i++)
		enlarge_queue(monitor->sockets[i]);
	if (r == 0)
		r = set_memberships(monitor, true);
	if (r < 0)
		return failure_set(failure, r, "cannot subscribe to the kernel's events: %s", strerror(-r));

	*ret_monitor = steal_ptr(monitor);
	return 0;
}

/* Changes of qdiscs and filters are told only while there are some of ours: others may have many. */
void monitor_watch_tc(struct monitor *monitor, bool watch)
{
	const int group = RTNLGRP_TC;

	if (watch == monitor->watches_tc)
		return;
	if (setsockopt(monitor_fd(monitor, 0), SOL_NETLINK, watch ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group,
		       sizeof(group)) == 0)
		monitor->watches_tc = watch;
}

/*
 * Lets through of neighbours only forwarding entries for the Ethernet address 0, which is whom a tunnel leads to: of others there
 * may be any number, and they come and go.
 */
static int filter_remotes(struct mnl_socket *socket)
{
	_Static_assert(offsetof(struct ifinfomsg, ifi_index) == offsetof(struct ndmsg, ndm_ifindex), "see classify()");
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWNEIGH), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELNEIGH), 0, 12),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_family)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 0, 8),
		BPF_STMT(BPF_LD | BPF_IMM, NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ndmsg))),
		BPF_STMT(BPF_LDX | BPF_IMM, NDA_LLADDR),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 5, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, sizeof(struct nlattr) + 4),
		/* What is left of the address; or what is not 0. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

/* Whom tunnels lead to is told only while there are some of ours: without them no neighbour is anybody's concern here. */
void monitor_watch_remotes(struct monitor *monitor, bool watch)
{
	const int group = RTNLGRP_NEIGH;

	if (watch == monitor->watches_remotes || (watch && filter_remotes(monitor->sockets[0]) < 0))
		return;
	if (setsockopt(monitor_fd(monitor, 0), SOL_NETLINK, watch ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group,
		       sizeof(group)) == 0)
		monitor->watches_remotes = watch;
}

/*
 * From now on monitor_read() reads little at a time, and adds to @haste what it says of bridges of ours; with NULL that ends.
 * @haste is borrowed until then.
 */
void monitor_hasten(struct monitor *monitor, struct haste *haste)
{
	monitor->haste = haste;
}

/*
 * Until the next monitor_read() nothing is told: for a change so large that everything is read after it. The kernel would queue some
 * fifteen messages for each network; and of rules it makes one of each element while somebody is in the group, and only then
 * asks the filter (net/netfilter/nf_tables_api.c: nf_tables_setelem_notify()).
 */
void monitor_skip(struct monitor *monitor)
{
	/* Where leaving fails, what is told is read as ever. */
	monitor->deaf = true;
	(void)set_memberships(monitor, false);
}

/* Borrowed. */
int monitor_fd(const struct monitor *monitor, unsigned int i)
{
	return i < MONITOR_FDS ? mnl_socket_get_fd(monitor->sockets[i]) : -EBADF;
}

static unsigned int classify(uint16_t type)
{
	switch (type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	/* An entry of a tunnel's: its interface's number stands where it does in a message about that. */
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return DIRTY_LINKS;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return DIRTY_ADDRESSES;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return DIRTY_ROUTES;
	case RTM_NEWNETCONF:
	case RTM_DELNETCONF:
		return DIRTY_SYSCTLS;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		return DIRTY_FILTERS;
	case NEWGEN:
		return DIRTY_RULES;
	default:
		return 0;
	}
}

static void note_committer(const struct nlmsghdr *message, struct monitor_news *news)
{
	const struct nlattr *table[NFTA_GEN_MAX + 1];
	const char *name;

	if (!nl_parse(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table)))
		return;
	name = nl_get_string(table[NFTA_GEN_PROC_NAME]) ?: "";
	/* After a loss nobody knows what else there was. */
	news->dirt.generation = news->lost ? 0 : nl_get_u32_be(table[NFTA_GEN_ID], 0);
	news->committer_pid = nl_get_u32_be(table[NFTA_GEN_PROC_PID], 0);
	memset(news->committer_name, 0, sizeof(news->committer_name));
	memcpy(news->committer_name, name, strnlen(name, sizeof(news->committer_name) - 1));
}

/* The interface that an event is about; 0 when it is about more, or none. */
static int read_interface(const struct nlmsghdr *message, unsigned int dirty)
{
	const struct nlattr *table[RTA_MAX + 1];
	struct ifaddrmsg address;
	struct ifinfomsg link;

	if (message->nlmsg_type == RTM_NEWQDISC || message->nlmsg_type == RTM_DELQDISC) {
		struct tcmsg queue;

		if (message->nlmsg_len < NLMSG_LENGTH(sizeof(queue)))
			return 0;
		memcpy(&queue, NLMSG_DATA(message), sizeof(queue));
		return queue.tcm_ifindex;
	}
	if (dirty == DIRTY_ROUTES)
		return nl_parse(message, sizeof(struct rtmsg), table, ARRAY_SIZE(table)) ? (int)nl_get_u32(table[RTA_OIF], 0) : 0;
	if (dirty == DIRTY_ADDRESSES && message->nlmsg_len >= NLMSG_LENGTH(sizeof(address))) {
		memcpy(&address, NLMSG_DATA(message), sizeof(address));
		return (int)address.ifa_index;
	}
	if (dirty == DIRTY_LINKS && message->nlmsg_len >= NLMSG_LENGTH(sizeof(link))) {
		memcpy(&link, NLMSG_DATA(message), sizeof(link));
		return link.ifi_index;
	}
	return 0;
}

/* A bridge of ours has a route to where its addresses are, and that comes and goes with them: it is in nobody's way. */
static bool is_in_the_way(const struct kernel *kernel, const struct netstate_route *route, int ifindex)
{
	if (!route->gateway.family && kernel_is_our_bridge(kernel, ifindex))
		return false;
	return kernel_is_overlap(kernel, route);
}

/* What a message about a route begins with; zeros when it is too short for that. */
static struct rtmsg route_header(const struct nlmsghdr *message)
{
	struct rtmsg header = { 0 };

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(header)))
		memcpy(&header, NLMSG_DATA(message), sizeof(header));
	return header;
}

/* Routes are dirty as a whole, too: those of interfaces that are no bridges of ours are read only when they are needed. */
static void note_dirt(const struct kernel *kernel, const struct nlmsghdr *message, unsigned int dirty, struct dirt *dirt)
{
	int ifindex = read_interface(message, dirty), of_route;
	struct netstate_route route;

	if (dirty == DIRTY_ROUTES && !(dirt->overlap && dirt->delegated) && dump_route(message, &route, &of_route) == 0) {
		dirt->overlap = dirt->overlap || is_in_the_way(kernel, &route, of_route);
		dirt->delegated |= route.delegated;
	}
	/* Those that the kernel has made for an address are asked for with the addresses. */
	if (ifindex > 0)
		dirt_add_link(dirt, ifindex, dirty == DIRTY_ROUTES && route_header(message).rtm_protocol != RTPROT_KERNEL);
	if (ifindex <= 0 || dirty == DIRTY_ROUTES || dirty == DIRTY_FILTERS)
		dirt->parts |= dirty;
}

/* Adds to @news what one datagram of events says. Changes made through the socket @own_port of ours are known for our own. */
void monitor_note(const struct kernel *kernel, uint32_t own_port, const void *bytes, size_t length, struct monitor_news *news)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)length;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		unsigned int dirty = classify(message->nlmsg_type);

		/* The table of the host's own addresses says nothing that addresses do not say. */
		if (dirty == 0 || (dirty == DIRTY_ROUTES && route_header(message).rtm_table == RT_TABLE_LOCAL))
			continue;
		if (message->nlmsg_pid == own_port) {
			news->n_own++;
			if (dirty != DIRTY_RULES)	/* kernel/rules.c knows what they do */
				note_dirt(kernel, message, dirty, &news->dirt);
			continue;
		}
		news->n_events++;
		note_dirt(kernel, message, dirty, &news->dirt);
		news->dirty |= dirty;
		if (dirty == DIRTY_RULES)
			note_committer(message, news);
	}
}

static void note_loss(struct monitor_news *news)
{
	news->lost = true;
	news->dirty = DIRTY_ALL;
	news->dirt = DIRT_EVERYTHING;
}

/*
 * Once a queue has been full the kernel says so, and then drops what comes, and says no more, until the queue has been read to
 * its end (net/netlink/af_netlink.c: NETLINK_S_CONGESTED): everything is to be looked at after that, too.
 */
static int read_socket(struct monitor *monitor, unsigned int i, struct monitor_news *news)
{
	const unsigned int limit = monitor->haste ? HASTE_LIMIT : READ_LIMIT;

	for (unsigned int n = 0; n < limit; n++) {
		size_t length = 0;
		int r = nl_wire_receive(monitor_fd(monitor, i), NL_WIRE_EVENT, MSG_DONTWAIT, monitor->buffer, BUFFER_SIZE, &length);

		if (r == -EAGAIN) {
			if (monitor->loses[i])
				note_loss(news);
			monitor->loses[i] = false;
			return 0;
		}
		if (r == -EINTR)
			continue;
		if (r == -ENOBUFS || r == -EMSGSIZE) {
			monitor->loses[i] |= r == -ENOBUFS;
			note_loss(news);
			continue;
		}
		if (r < 0)
			return r;
		monitor_note(monitor->kernel, monitor->own_ports[i], monitor->buffer, length, news);
		if (monitor->haste && i == 0)
			told_note(monitor->kernel, monitor->own_ports[i], monitor->buffer, length, monitor->haste);
	}
	return 0;
}

/*
 * Reads what has arrived, without waiting, and says what it is about. A negative return is about the sockets:
 * open the monitor again, and look at everything.
 */
int monitor_read(struct monitor *monitor, struct monitor_news *ret_news)
{
	struct monitor_news news = { 0 };
	int r = 0;

	if (monitor->deaf) {
		r = set_memberships(monitor, true);
		monitor->deaf = r < 0;
		news.dirt = DIRT_EVERYTHING;
	}
	for (unsigned int i = 0; r == 0 && i < MONITOR_FDS; i++)
		r = read_socket(monitor, i, &news);
	if (r < 0)
		return r;
	*ret_news = news;
	return 0;
}
