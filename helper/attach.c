/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap, made and put on a bridge with the options granted.
 * Privileged: attach_commit() needs CAP_NET_ADMIN in effect.
 *
 * Theory of operation. Everything that can be refused is refused before the tap exists, because making
 * one costs little and unmaking it costs much. Then, in this order:
 *
 *  1. TUNSETIFF makes the tap. It is not persistent: whatever happens from here on, closing its fd, and
 *     so any kind of death, removes it and all that hangs on it.
 *  2. It takes a quota slot: an alternative name that only one device of the namespace can have. The
 *     kernel frees it with the device, and the holder of the fd can neither remove it nor take it along.
 *  3. One datagram configures it: on the bridge while still down; VLAN and static entries; port options
 *     together with "up". The kernel refuses port options before the device is a port, and would set
 *     "up" before the master if both stood in one message: in this order no frame ever passes a port
 *     that has not all its restrictions.
 *  4. The same datagram reads it back. The kernel skips options that it does not know without a word, so
 *     what is not seen in force is refused. The fd is still ours alone: a port that came up with less
 *     than was asked for has carried nothing anywhere.
 */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../lib/fd.h"
#include "../lib/str.h"
#include "../policy/access.h"

static const char *bridge_name(const struct attach_order *order)
{
	return order->bridge->names[0];
}

/* Quota slots */

static void slot_name(const struct attach_order *order, unsigned int slot, char name[static ALTIFNAME_SIZE])
{
	snprintf(name, ALTIFNAME_SIZE, "guestnet.u%u.s%u.%s", (unsigned int)order->uid, slot, bridge_name(order));
}

/*
 * Looks for a slot that nobody holds, from *@slot on, and leaves it there. -EDQUOT when all up to the
 * granted number are taken; @ret_holders then names the taps that hold those looked at. Needs no
 * capability; what is free now may be taken a moment later (attach_commit() looks again).
 */
int attach_find_slot(struct rtnl *rtnl, const struct attach_order *order, unsigned int *slot,
		     char *ret_holders, size_t holders_size)
{
	struct text holders;

	text_init(&holders, ret_holders, holders_size);
	for (; *slot < order->grant->max; (*slot)++) {
		const struct rtnl_reply *replies;
		struct rtnl_request request;
		struct rtnl_attributes attributes;
		struct rtnl_attribute attribute;
		char name[ALTIFNAME_SIZE];
		size_t n;
		int r;

		slot_name(order, *slot, name);
		rtnl_begin(&request);
		rtnl_message(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
		rtnl_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		rtnl_put_string(&request, IFLA_ALT_IFNAME, name);
		r = rtnl_transact(rtnl, &request, &replies, &n);
		if (r < 0)
			return r;
		if (replies[0].error == -ENODEV)
			return 0;
		if (replies[0].error < 0)
			return replies[0].error;

		attributes = rtnl_attributes(&replies[0], sizeof(struct ifinfomsg));
		while (rtnl_next(&attributes, &attribute))
			if (attribute.type == IFLA_IFNAME && rtnl_get_string(&attribute))
				text_add(&holders, "%s%s", holders.length ? ", " : "", rtnl_get_string(&attribute));
	}
	return -EDQUOT;
}

/* What we need to know of the new device: its index, and the random address that the kernel gave it. */
static bool read_tap(const struct rtnl_reply *reply, struct attach_tap *tap)
{
	struct rtnl_attributes attributes = rtnl_attributes(reply, sizeof(struct ifinfomsg));
	struct rtnl_attribute attribute;
	struct ifinfomsg header;

	if (reply->error || reply->type != RTM_NEWLINK || reply->length < sizeof(header))
		return false;
	memcpy(&header, reply->payload, sizeof(header));
	while (rtnl_next(&attributes, &attribute)) {
		if (attribute.type != IFLA_ADDRESS || attribute.length != sizeof(tap->mac))
			continue;
		memcpy(&tap->mac, attribute.data, sizeof(tap->mac));
		tap->ifindex = header.ifi_index;
		return true;
	}
	return false;
}

/*
 * Gives the new tap a slot, and reads its index and address in the same breath: from here on it is known
 * by its index.
 * Safe because: the name says whose tap on which bridge it is; it is asked for on a device whose name
 * the kernel has just told us.
 */
static int take_slot(struct rtnl *rtnl, const struct attach_order *order, struct attach_tap *tap, unsigned int slot)
{
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	char name[ALTIFNAME_SIZE];
	size_t nest, n;
	int r;

	slot_name(order, slot, name);
	rtnl_begin(&request);
	rtnl_message(&request, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, sizeof(struct ifinfomsg));
	rtnl_put_string(&request, IFLA_IFNAME, tap->name);
	nest = rtnl_nest(&request, IFLA_PROP_LIST);
	rtnl_put_string(&request, IFLA_ALT_IFNAME, name);
	rtnl_nest_end(&request, nest);
	rtnl_message(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	rtnl_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rtnl_put_string(&request, IFLA_ALT_IFNAME, name);
	r = rtnl_transact(rtnl, &request, &replies, &n);
	if (r < 0)
		return r;
	if (replies[0].error)
		return replies[0].error;
	return read_tap(&replies[0], tap) ? 0 : -EPROTO;
}

/* Takes the slot that was found free, or the next one where somebody was faster. */
static int take_any_slot(struct rtnl *rtnl, const struct attach_order *order, struct attach_tap *tap,
			 unsigned int slot)
{
	char holders[ATTACH_HOLDERS_SIZE];

	for (;;) {
		int r = take_slot(rtnl, order, tap, slot);

		if (r != -EEXIST)
			return r;
		slot++;
		r = attach_find_slot(rtnl, order, &slot, holders, sizeof(holders));
		if (r < 0)
			return r;
	}
}

/* Static entries of the bridge's forwarding table, one for each address that the port may use. */

static void put_entry_key(struct rtnl_request *request, const struct attach_order *order, const struct mac *mac)
{
	rtnl_put(request, NDA_LLADDR, mac->bytes, sizeof(mac->bytes));
	if (order->grant->vlan)
		rtnl_put_u16(request, NDA_VLAN, order->grant->vlan);
}

static void put_entry_request(struct rtnl_request *request, const struct attach_order *order, const struct mac *mac)
{
	struct ndmsg *header = rtnl_message(request, RTM_GETNEIGH, 0, sizeof(*header));

	header->ndm_family = AF_BRIDGE;
	rtnl_put_u32(request, NDA_MASTER, (uint32_t)order->bridge->ifindex);
	put_entry_key(request, order, mac);
}

/* Is the entry fixed, and to which port? */
static bool read_entry(const struct rtnl_reply *reply, bool *ret_fixed, int *ret_ifindex)
{
	struct ndmsg header;

	if (reply->error || reply->type != RTM_NEWNEIGH || reply->length < sizeof(header))
		return false;
	memcpy(&header, reply->payload, sizeof(header));
	*ret_fixed = header.ndm_state & (NUD_NOARP | NUD_PERMANENT);
	*ret_ifindex = header.ndm_ifindex;
	return true;
}

static int verify_address_free(struct rtnl *rtnl, struct attach_order *order, size_t i, struct failure *failure)
{
	const struct mac *mac = &order->grant->macs[i];
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	int holder;
	bool fixed;
	size_t n;
	int r;

	rtnl_begin(&request);
	put_entry_request(&request, order, mac);
	r = rtnl_transact(rtnl, &request, &replies, &n);
	if (r == 0 && replies[0].error && replies[0].error != -ENOENT)
		r = replies[0].error;
	if (r < 0)
		return failure_set(failure, r, "failed to add interface to bridge `%s': cannot look up " MAC_FORMAT ": %s",
				   STR_ESCAPED(bridge_name(order)), MAC_BYTES(*mac), strerror(-r));
	if (!read_entry(&replies[0], &fixed, &holder))
		return 0;
	if (fixed)
		return failure_set(failure, -EADDRINUSE,
				   "failed to add interface to bridge `%s': the address " MAC_FORMAT " of the rule's macs= is in use by another port (index %d)",
				   STR_ESCAPED(bridge_name(order)), MAC_BYTES(*mac), holder);
	order->learned |= 1u << i;
	return 0;
}

/*
 * Can this bridge give what the rule demands? To be asked before a tap is made; needs no capability.
 * -EOPNOTSUPP for vlan= on a bridge that does not filter VLANs (a PVID would do nothing there),
 * -EADDRINUSE for an address of macs= that another port is bound to.
 */
int attach_verify(struct rtnl *rtnl, struct attach_order *order, struct failure *failure)
{
	order->learned = 0;
	if (order->grant->vlan && !order->bridge->vlan_filtering)
		return failure_set(failure, -EOPNOTSUPP,
				   "failed to add interface to bridge `%s': the rule says vlan=%u, but the bridge does not filter VLANs (as root: ip link set %s type bridge vlan_filtering 1)",
				   STR_ESCAPED(bridge_name(order)), order->grant->vlan, STR_ESCAPED(bridge_name(order)));

	for (size_t i = 0; i < order->grant->n_macs; i++) {
		int r = verify_address_free(rtnl, order, i, failure);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The tap */

/*
 * Opens the device that taps are made from, once for each queue, as the caller: its mode decides who may have taps at
 * all. Where the process is not the caller, @reader is, and must be one who could open it.
 * The caller of this function owns @ret_fds.
 */
int attach_open_tun(const struct policy_caller *reader, const struct attach_order *order, struct fd_list *ret_fds,
		    struct failure *failure)
{
	_cleanup_(fd_list_deinit) struct fd_list fds = FD_LIST_NULL;
	int error = reader ? access_verify(reader, "/dev/net/tun", ACCESS_READ_WRITE) : 0;
	const char *advice = "";

	do {
		int fd = error < 0 ? -EBADF : open("/dev/net/tun", O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			fds.fds[fds.n++] = fd;
		else if (error == 0)
			error = -errno;
	} while (error == 0 && fds.n < order->queues);

	if (error < 0) {
		if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
			advice = ": the kernel module tun is not loaded (as root: modprobe tun), or this container has no such device";
		else if (error == -EACCES || error == -EPERM)
			advice = ": its mode or a device policy keeps you out (as root: chmod 0666 /dev/net/tun)";
		return failure_set(failure, error, "failed to open /dev/net/tun: %s%s", strerror(-error), advice);
	}
	*ret_fds = steal_fd_list(&fds);
	return 0;
}

/*
 * Makes the tap, with all its queues.
 * Safe because: the name begins with the caller's uid and the kernel picks a free number for the rest,
 * so no existing device can be meant (IFF_TUN_EXCL says so once more); nobody else has the fd yet. A tap of several
 * queues that has no owner takes a queue from anybody (drivers/net/tun.c:tun_not_capable()): its owner is the caller before
 * it is on any bridge, and find_missing() counts the queues afterwards, for one that came between the two.
 */
static int create_tap(const struct attach_order *order, struct attach_tap *tap)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL };

	if (order->vnet_hdr)
		request.ifr_flags |= IFF_VNET_HDR;
	if (order->queues > 0)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "gn%u_%%d", (unsigned int)order->uid);
	if (ioctl(tap->fds.fds[0], TUNSETIFF, &request) < 0)
		return -errno;
	memcpy(tap->name, request.ifr_name, sizeof(tap->name));
	tap->name[sizeof(tap->name) - 1] = '\0';

	if (order->queues > 0 && ioctl(tap->fds.fds[0], TUNSETOWNER, (unsigned long)order->uid) < 0)
		return -errno;
	request.ifr_flags &= ~IFF_TUN_EXCL;
	for (size_t i = 1; i < tap->fds.n; i++)
		if (ioctl(tap->fds.fds[i], TUNSETIFF, &request) < 0)
			return -errno;
	return 0;
}

/* Configuring and reading back */

struct settings {
	struct mac mac;
	char alias[256];	/* IFALIASZ */
};

/*
 * The alias says whose tap this is and what was granted, in one canonical form, so that a port that
 * fell off its bridge can be put back with all its restrictions.
 */
static int build_settings(const struct attach_order *order, const struct attach_tap *tap, struct settings *settings)
{
	const struct policy_grant *grant = order->grant;
	struct text alias;

	/* Random, local, and higher than a guest's: a bridge takes the lowest of its ports for its own. */
	settings->mac = tap->mac;
	settings->mac.bytes[0] = 0xfe;

	text_init(&alias, settings->alias, sizeof(settings->alias));
	text_add(&alias, "guestnet uid=%u pid=%d net=%s", (unsigned int)order->uid, (int)order->pid, bridge_name(order));
	if (grant->isolated)
		text_add(&alias, " isolated");
	if (grant->vlan)
		text_add(&alias, " vlan=%u", grant->vlan);
	for (size_t i = 0; i < grant->n_macs; i++)
		text_add(&alias, "%s" MAC_FORMAT, i ? "," : " macs=", MAC_BYTES(grant->macs[i]));
	return alias.overflow ? -EMSGSIZE : 0;
}

static struct ifinfomsg *put_link(struct rtnl_request *request, uint16_t type, const struct attach_tap *tap)
{
	struct ifinfomsg *header = rtnl_message(request, type, 0, sizeof(*header));

	header->ifi_index = tap->ifindex;
	return header;
}

/* What the rule demands, and what the network does of every port: it adds up. */
static bool is_isolated(const struct attach_order *order)
{
	return order->grant->isolated || order->bridge->ports_isolated;
}

/* ip link set TAP address fe:... mtu N group N alias "..." master BRIDGE */
static void put_port(struct rtnl_request *request, const struct attach_order *order, const struct attach_tap *tap,
		     const struct settings *settings)
{
	put_link(request, RTM_SETLINK, tap);
	rtnl_put(request, IFLA_ADDRESS, settings->mac.bytes, sizeof(settings->mac.bytes));
	rtnl_put_u32(request, IFLA_MTU, order->bridge->mtu);
	/* By it the network's rules know the port: down still, it has it before its first frame. */
	if (order->bridge->port_group)
		rtnl_put_u32(request, IFLA_GROUP, order->bridge->port_group);
	rtnl_put(request, IFLA_IFALIAS, settings->alias, strlen(settings->alias));
	rtnl_put_u32(request, IFLA_MASTER, (uint32_t)order->bridge->ifindex);
}

/* ip link set TAP addrgenmode none */
static void put_no_ipv6(struct rtnl_request *request, const struct attach_tap *tap)
{
	size_t families, family;

	put_link(request, RTM_SETLINK, tap);
	families = rtnl_nest(request, IFLA_AF_SPEC);
	family = rtnl_nest(request, AF_INET6);
	rtnl_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	rtnl_nest_end(request, family);
	rtnl_nest_end(request, families);
}

/* bridge vlan add|del dev TAP vid N [pvid untagged] */
static void put_vlan(struct rtnl_request *request, uint16_t type, const struct attach_tap *tap, uint16_t vid,
		     uint16_t flags)
{
	const struct bridge_vlan_info info = { .flags = flags, .vid = vid };
	struct ifinfomsg *header = put_link(request, type, tap);
	size_t nest;

	header->ifi_family = AF_BRIDGE;
	nest = rtnl_nest(request, IFLA_AF_SPEC);
	rtnl_put(request, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
	rtnl_nest_end(request, nest);
}

/*
 * bridge fdb add MAC dev TAP master static sticky [vlan N]
 * Sticky, because a plain static entry still follows a frame that another port sends with its address
 * (net/bridge/br_fdb.c:br_fdb_update()). An entry that the bridge had learned is replaced: somebody used
 * the address without being bound to it. Where there was none it must still be so, or two ports that
 * start at the same time could take one address from each other.
 */
static void put_entry(struct rtnl_request *request, const struct attach_order *order, const struct attach_tap *tap,
		      size_t i)
{
	uint16_t flags = NLM_F_CREATE | (order->learned & 1u << i ? NLM_F_REPLACE : NLM_F_EXCL);
	struct ndmsg *header = rtnl_message(request, RTM_NEWNEIGH, flags, sizeof(*header));

	header->ndm_family = AF_BRIDGE;
	header->ndm_ifindex = tap->ifindex;
	header->ndm_state = NUD_NOARP;
	header->ndm_flags = NTF_MASTER | NTF_STICKY;
	put_entry_key(request, order, &order->grant->macs[i]);
}

/* ip link set TAP up type bridge_slave [isolated on] [locked on learning off flood off] */
static void put_options_and_up(struct rtnl_request *request, const struct attach_order *order,
			       const struct attach_tap *tap)
{
	struct ifinfomsg *header = put_link(request, RTM_NEWLINK, tap);
	const struct policy_grant *grant = order->grant;
	size_t info, data;

	header->ifi_flags = IFF_UP;
	header->ifi_change = IFF_UP;
	info = rtnl_nest(request, IFLA_LINKINFO);
	rtnl_put_string(request, IFLA_INFO_SLAVE_KIND, "bridge");
	data = rtnl_nest(request, IFLA_INFO_SLAVE_DATA);
	rtnl_put_u8(request, IFLA_BRPORT_ISOLATED, is_isolated(order));
	if (grant->n_macs > 0) {
		/* All its addresses stand in the table: nothing is left to learn, or to flood to it. */
		rtnl_put_u8(request, IFLA_BRPORT_LOCKED, 1);
		rtnl_put_u8(request, IFLA_BRPORT_LEARNING, 0);
		rtnl_put_u8(request, IFLA_BRPORT_UNICAST_FLOOD, 0);
	}
	rtnl_nest_end(request, data);
	rtnl_nest_end(request, info);
}

/* What the kernel says of the port afterwards. */
struct port_state {
	uint32_t master, mtu, group;
	bool up;
	bool address, alias;		/* as we set them */
	uint8_t addr_gen_mode;
	uint8_t isolated, locked, learning, flood;
	uint32_t queues, resting;	/* of a tap with several: those in use, and those taken out */
};

static void read_port_options(struct rtnl_attributes attributes, struct port_state *state)
{
	struct rtnl_attribute attribute;

	while (rtnl_next(&attributes, &attribute)) {
		switch (attribute.type) {
		case IFLA_BRPORT_ISOLATED:
			rtnl_get_u8(&attribute, &state->isolated);
			break;
		case IFLA_BRPORT_LOCKED:
			rtnl_get_u8(&attribute, &state->locked);
			break;
		case IFLA_BRPORT_LEARNING:
			rtnl_get_u8(&attribute, &state->learning);
			break;
		case IFLA_BRPORT_UNICAST_FLOOD:
			rtnl_get_u8(&attribute, &state->flood);
			break;
		}
	}
}

static void read_tap_options(struct rtnl_attributes attributes, struct port_state *state)
{
	struct rtnl_attribute attribute;

	while (rtnl_next(&attributes, &attribute)) {
		if (attribute.type == IFLA_TUN_NUM_QUEUES)
			rtnl_get_u32(&attribute, &state->queues);
		if (attribute.type == IFLA_TUN_NUM_DISABLED_QUEUES)
			rtnl_get_u32(&attribute, &state->resting);
	}
}

/* Descends two levels, as IFLA_LINKINFO and IFLA_AF_SPEC both need. */
static void read_nested(const struct rtnl_attribute *outer, struct port_state *state)
{
	struct rtnl_attributes level = rtnl_nested(outer);
	struct rtnl_attribute inner, value;

	while (rtnl_next(&level, &inner)) {
		struct rtnl_attributes values = rtnl_nested(&inner);

		if (outer->type == IFLA_LINKINFO && inner.type == IFLA_INFO_SLAVE_DATA)
			read_port_options(values, state);
		if (outer->type == IFLA_LINKINFO && inner.type == IFLA_INFO_DATA)
			read_tap_options(values, state);
		if (outer->type != IFLA_AF_SPEC || inner.type != AF_INET6)
			continue;
		while (rtnl_next(&values, &value))
			if (value.type == IFLA_INET6_ADDR_GEN_MODE)
				rtnl_get_u8(&value, &state->addr_gen_mode);
	}
}

static bool read_port(const struct rtnl_reply *reply, const struct settings *settings, struct port_state *state)
{
	struct rtnl_attributes attributes = rtnl_attributes(reply, sizeof(struct ifinfomsg));
	struct rtnl_attribute attribute;
	struct ifinfomsg header;

	if (reply->error || reply->type != RTM_NEWLINK || reply->length < sizeof(header))
		return false;
	memcpy(&header, reply->payload, sizeof(header));
	*state = (struct port_state){ .up = header.ifi_flags & IFF_UP, .addr_gen_mode = IN6_ADDR_GEN_MODE_NONE,
				      .learning = 1, .flood = 1 };

	while (rtnl_next(&attributes, &attribute)) {
		switch (attribute.type) {
		case IFLA_MASTER:
			rtnl_get_u32(&attribute, &state->master);
			break;
		case IFLA_MTU:
			rtnl_get_u32(&attribute, &state->mtu);
			break;
		case IFLA_GROUP:
			rtnl_get_u32(&attribute, &state->group);
			break;
		case IFLA_ADDRESS:
			state->address = attribute.length == sizeof(settings->mac) &&
					 memcmp(attribute.data, &settings->mac, sizeof(settings->mac)) == 0;
			break;
		case IFLA_IFALIAS:
			state->alias = strcmp(rtnl_get_string(&attribute) ?: "", settings->alias) == 0;
			break;
		case IFLA_LINKINFO:
		case IFLA_AF_SPEC:
			read_nested(&attribute, state);
			break;
		}
	}
	return true;
}

static const char *find_missing(const struct attach_order *order, const struct port_state *state)
{
	const struct policy_grant *grant = order->grant;

	if (state->master != (uint32_t)order->bridge->ifindex)
		return "being a port of the bridge";
	if (state->mtu != order->bridge->mtu)
		return "the bridge's MTU";
	if (!state->up)
		return "being up";
	if (!state->address || !state->alias)
		return "its address and alias";
	if (state->addr_gen_mode != IN6_ADDR_GEN_MODE_NONE)
		return "no IPv6 of its own";
	if (order->queues > 0 && (state->queues != order->queues || state->resting > 0))
		return "having its own queues and no others";
	if (is_isolated(order) && !state->isolated)
		return "isolated";
	if (order->bridge->port_group && state->group != order->bridge->port_group)
		return "the group of the network's ports";
	if (grant->n_macs > 0 && (!state->locked || state->learning || state->flood))
		return "macs= (a locked port: Linux 5.18 and newer)";
	return NULL;
}

static int commit_failure(const struct attach_order *order, const struct attach_tap *tap, int error,
			  const char *what, const char *text, struct failure *failure)
{
	return failure_set(failure, error, "failed to add interface `%s' to bridge `%s': %s: %s%s%s", tap->name,
			   STR_ESCAPED(bridge_name(order)), what, strerror(-error), text[0] ? ": " : "", STR_ESCAPED(text));
}

/* Which message of the datagram is which: the fixed ones by their place, the others by their type. */
struct layout {
	unsigned int no_ipv6, link;	/* the message that may fail; the one that reads the port back */
};

static struct layout put_all(struct rtnl_request *request, const struct attach_order *order,
			     const struct attach_tap *tap, const struct settings *settings)
{
	const struct policy_grant *grant = order->grant;
	struct layout layout;

	rtnl_begin(request);
	put_port(request, order, tap, settings);
	layout.no_ipv6 = request->n_messages;
	put_no_ipv6(request, tap);
	if (grant->vlan) {
		put_vlan(request, RTM_SETLINK, tap, grant->vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
		if (order->bridge->default_pvid && order->bridge->default_pvid != grant->vlan)
			put_vlan(request, RTM_DELLINK, tap, order->bridge->default_pvid, 0);
	}
	for (size_t i = 0; i < grant->n_macs; i++) {
		put_entry(request, order, tap, i);
		/*
		 * Frames that use the address elsewhere at this moment can move the entry before it is sticky, and it
		 * would stay there, sticky (net/bridge/br_fdb.c:fdb_add_entry()). From a sticky one they no longer can.
		 */
		if (order->learned & 1u << i)
			put_entry(request, order, tap, i);
	}
	put_options_and_up(request, order, tap);

	for (size_t i = 0; i < grant->n_macs; i++)
		put_entry_request(request, order, &grant->macs[i]);
	layout.link = request->n_messages;
	put_link(request, RTM_GETLINK, tap);
	rtnl_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return layout;
}

/*
 * Safe because: the tap is addressed by the index of the device we just made, the bridge by the index
 * that the policy decided about; a bridge deleted meanwhile makes the kernel refuse, and one that has
 * taken its name has another index.
 */
static int configure(struct rtnl *rtnl, const struct attach_order *order, const struct attach_tap *tap,
		     struct failure *failure)
{
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	struct settings settings;
	struct port_state state;
	struct layout layout;
	size_t n, n_entries = 0;
	bool read_back = false;
	const char *missing;
	int r;

	r = build_settings(order, tap, &settings);
	if (r < 0)
		return commit_failure(order, tap, r, "cannot describe it", "", failure);
	layout = put_all(&request, order, tap, &settings);
	r = rtnl_transact(rtnl, &request, &replies, &n);
	if (r < 0)
		return commit_failure(order, tap, r, "no answer from the kernel", "", failure);

	for (size_t i = 0; i < n; i++) {
		const struct rtnl_reply *reply = &replies[i];
		int holder;
		bool fixed;

		/* A kernel without IPv6, or an MTU below IPv6's minimum: then there is none to turn off. */
		if (reply->error && !(reply->message == layout.no_ipv6 && reply->error == -EAFNOSUPPORT))
			return commit_failure(order, tap, reply->error, "the kernel refused it", reply->text, failure);
		if (reply->type == RTM_NEWNEIGH)
			n_entries += read_entry(reply, &fixed, &holder) && fixed && holder == tap->ifindex;
		if (reply->message == layout.link && reply->type == RTM_NEWLINK)
			read_back = read_port(reply, &settings, &state);
	}

	if (!read_back)
		return commit_failure(order, tap, -EPROTO, "it cannot be read back", "", failure);
	missing = find_missing(order, &state);
	if (!missing && n_entries != order->grant->n_macs)
		missing = "an address of macs=";
	if (missing)
		return commit_failure(order, tap, -EOPNOTSUPP, "not in force", missing, failure);
	return 0;
}

struct vlan_state {
	int ifindex;
	uint16_t vid;
	bool found;		/* the wanted one, as PVID and untagged */
	bool others;
};

static int each_vlan(const struct rtnl_reply *reply, void *data)
{
	struct rtnl_attributes attributes = rtnl_attributes(reply, sizeof(struct br_vlan_msg));
	struct rtnl_attribute entry, attribute;
	struct vlan_state *state = data;
	struct br_vlan_msg header;

	if (reply->type != RTM_NEWVLAN || reply->length < sizeof(header))
		return 0;
	memcpy(&header, reply->payload, sizeof(header));
	if ((int)header.ifindex != state->ifindex)
		return 0;

	while (rtnl_next(&attributes, &entry)) {
		struct rtnl_attributes values = rtnl_nested(&entry);

		while (rtnl_next(&values, &attribute)) {
			const uint16_t want = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED;
			struct bridge_vlan_info info;

			if (entry.type != BRIDGE_VLANDB_ENTRY || attribute.type != BRIDGE_VLANDB_ENTRY_INFO ||
			    attribute.length != sizeof(info))
				continue;
			memcpy(&info, attribute.data, sizeof(info));
			if (info.vid == state->vid && (info.flags & want) == want)
				state->found = true;
			else
				state->others = true;
		}
	}
	return 0;
}

/* Reads the port's VLANs back: the granted one and nothing else. */
static int verify_vlan(struct rtnl *rtnl, const struct attach_order *order, const struct attach_tap *tap,
		       struct failure *failure)
{
	struct vlan_state state = { .ifindex = tap->ifindex, .vid = order->grant->vlan };
	struct rtnl_request request;
	struct br_vlan_msg *header;
	int r;

	if (!order->grant->vlan)
		return 0;

	rtnl_begin(&request);
	header = rtnl_message(&request, RTM_GETVLAN, NLM_F_DUMP, sizeof(*header));
	header->family = AF_BRIDGE;
	header->ifindex = (uint32_t)tap->ifindex;
	r = rtnl_dump(rtnl, &request, each_vlan, &state);
	if (r < 0)
		return commit_failure(order, tap, r, "its VLAN cannot be read back", "", failure);
	if (!state.found || state.others)
		return commit_failure(order, tap, -EOPNOTSUPP, "not in force", "vlan=", failure);
	return 0;
}

/*
 * Makes the tap out of @tun_fds, takes a quota slot (@slot, or a later one), puts the tap on the bridge
 * with the granted options and verifies each of them. Takes over @tun_fds in any case: on failure they are
 * closed, and with them everything that was done is undone by the kernel.
 * Errors, without a text: -EDQUOT when others took the last slots meanwhile; -EPERM when CAP_NET_ADMIN
 * does not count in this network namespace. All others with a text.
 */
int attach_commit(struct rtnl *rtnl, const struct attach_order *order, struct fd_list tun_fds, unsigned int slot,
		  struct attach_tap *ret_tap, struct failure *failure)
{
	_cleanup_(attach_tap_closep) struct attach_tap tap = { .fds = tun_fds };
	int r;

	r = create_tap(order, &tap);
	if (r == -EPERM)
		return r;
	if (r < 0)
		return failure_set(failure, r, "failed to create tun device: %s", strerror(-r));
	r = take_any_slot(rtnl, order, &tap, slot);
	if (r == -EDQUOT)
		return r;
	if (r < 0)
		return commit_failure(order, &tap, r, "cannot take a slot of the quota", "", failure);
	r = configure(rtnl, order, &tap, failure);
	if (r < 0)
		return r;
	r = verify_vlan(rtnl, order, &tap, failure);
	if (r < 0)
		return r;

	*ret_tap = tap;
	tap.fds = FD_LIST_NULL;
	return 0;
}
