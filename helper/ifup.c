/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet-ifup, guestnet-ifdown: what QEMU calls for taps that it makes by itself.
 * Unprivileged program: it works with the capability of the QEMU that calls it, and is never set-user-ID.
 *
 *	qemu-system-x86_64 -netdev tap,id=n0,script=.../guestnet-ifup,downscript=.../guestnet-ifdown ...
 *
 * One program; the name it is called by says what it does. Everything is one datagram to the kernel,
 * which has done it when the answer is there: nothing is waited for. Both may be called again at any
 * time with the same result.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "../lib/addr.h"
#include "../lib/str.h"
#include "bridge.h"
#include "paths.h"
#include "rtnetlink.h"

static const char help[] =
	"Usage: guestnet-ifup TAP\n"
	"       guestnet-ifdown TAP\n"
	"\n"
	"Puts a tap on a network, and takes it off again. Called by QEMU:\n"
	"\n"
	"  qemu-system-x86_64 -netdev tap,id=n0,script=/PATH/guestnet-ifup,downscript=/PATH/guestnet-ifdown ...\n"
	"\n"
	"The network, or bridge, is named in the environment:\n"
	"\n"
	"  GUESTNET_NETWORK  a declared network or a bridge, by any of its names\n"
	"  GUESTNET_BRIDGE   the same, where GUESTNET_NETWORK is not set\n"
	"\n"
	"and is \"default\" where neither is. Needs CAP_NET_ADMIN, as making a tap does. Without it, use\n"
	"-netdev bridge,helper=" PATH_HELPER "\n";

struct tap {
	const char *name;	/* as QEMU calls it */
	int ifindex;
	struct mac mac;
	bool has_mac;
};

/* Reads what is needed of the device, and refuses what is no tap. */
static int read_tap(const struct rtnl_reply *reply, struct tap *tap, struct failure *failure)
{
	struct rtnl_attributes attributes = rtnl_attributes(reply, sizeof(struct ifinfomsg));
	struct rtnl_attribute attribute, info, data;
	uint8_t type = 0;
	struct bridge link;	/* the reader of bridges reads what any device has */
	char kind[32];
	int r;

	r = bridge_read(reply, &link, kind, sizeof(kind));
	if (r < 0)
		return failure_set(failure, r, "cannot read the device %s: %s", STR_ESCAPED(tap->name), strerror(-r));
	tap->ifindex = link.ifindex;

	while (rtnl_next(&attributes, &attribute)) {
		struct rtnl_attributes linkinfo = rtnl_nested(&attribute);

		if (attribute.type == IFLA_ADDRESS && attribute.length == sizeof(tap->mac)) {
			memcpy(&tap->mac, attribute.data, sizeof(tap->mac));
			tap->has_mac = true;
		}
		while (attribute.type == IFLA_LINKINFO && rtnl_next(&linkinfo, &info)) {
			struct rtnl_attributes tun = rtnl_nested(&info);

			while (info.type == IFLA_INFO_DATA && strcmp(kind, "tun") == 0 && rtnl_next(&tun, &data))
				if (data.type == IFLA_TUN_TYPE)
					rtnl_get_u8(&data, &type);
		}
	}
	if (strcmp(kind, "tun") != 0)
		return failure_set(failure, -EINVAL, "%s is not a tap (%s)", STR_ESCAPED(tap->name),
				   kind[0] ? STR_ESCAPED(kind) : "a network card");
	/* Before Linux 4.20 the kernel does not tell the two apart; a bridge then refuses a tun by itself. */
	if (type == IFF_TUN)
		return failure_set(failure, -EINVAL, "%s is not a tap (a tun carries packets, a bridge wants frames)",
				   STR_ESCAPED(tap->name));
	return 0;
}

/* Looks the tap up. -ENODEV, without a text, when it is gone. */
static int find_tap(struct rtnl *rtnl, struct tap *tap, struct failure *failure)
{
	const struct rtnl_reply *replies;
	struct rtnl_request request;
	size_t n;
	int r;

	rtnl_begin(&request);
	rtnl_message(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	rtnl_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rtnl_put_string(&request, IFLA_IFNAME, tap->name);
	r = rtnl_transact(rtnl, &request, &replies, &n);
	if (r == 0)
		r = replies[0].error;
	if (r == -ENODEV)
		return r;
	if (r < 0)
		return failure_set(failure, r, "cannot look up the tap %s: %s", STR_ESCAPED(tap->name), strerror(-r));
	return read_tap(&replies[0], tap, failure);
}

static struct ifinfomsg *put_link(struct rtnl_request *request, const struct tap *tap)
{
	struct ifinfomsg *header = rtnl_message(request, RTM_NEWLINK, 0, sizeof(*header));

	header->ifi_index = tap->ifindex;
	return header;
}

/* ip link set TAP up|down */
static void put_flags(struct rtnl_request *request, const struct tap *tap, unsigned int flags)
{
	struct ifinfomsg *header = put_link(request, tap);

	header->ifi_flags = flags;
	header->ifi_change = IFF_UP;
}

/* ip link set TAP master N; 0 is nomaster */
static void put_master(struct rtnl_request *request, const struct tap *tap, int ifindex)
{
	put_link(request, tap);
	rtnl_put_u32(request, IFLA_MASTER, (uint32_t)ifindex);
}

/* ip link set TAP addrgenmode none */
static void put_no_ipv6(struct rtnl_request *request, const struct tap *tap)
{
	size_t families, family;

	put_link(request, tap);
	families = rtnl_nest(request, IFLA_AF_SPEC);
	family = rtnl_nest(request, AF_INET6);
	rtnl_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	rtnl_nest_end(request, family);
	rtnl_nest_end(request, families);
}

/*
 * ip link set TAP address fe:... mtu N
 * The address is higher than a guest's: a bridge takes the lowest of its ports' for its own.
 */
static void put_address_and_mtu(struct rtnl_request *request, const struct tap *tap, const struct bridge *bridge)
{
	struct mac mac = tap->mac;

	mac.bytes[0] = 0xfe;
	put_link(request, tap);
	if (tap->has_mac)
		rtnl_put(request, IFLA_ADDRESS, &mac, sizeof(mac));
	rtnl_put_u32(request, IFLA_MTU, bridge->mtu);
}

/* Sends, and returns the first error of a message. A kernel without IPv6 may refuse to leave it out. */
static int send_all(struct rtnl *rtnl, struct rtnl_request *request)
{
	const struct rtnl_reply *replies;
	size_t n;
	int r = rtnl_transact(rtnl, request, &replies, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (replies[i].error != -EAFNOSUPPORT)
			r = replies[i].error;
	return r;
}

static int take_off(struct rtnl *rtnl, const struct tap *tap)
{
	struct rtnl_request request;

	rtnl_begin(&request);
	put_master(&request, tap, 0);
	put_flags(&request, tap, 0);
	return send_all(rtnl, &request);
}

static const char *advice(int error)
{
	if (error == -EPERM)
		return ": this needs CAP_NET_ADMIN, from the QEMU that calls (root has it; others pass it on as an ambient capability), or use -netdev bridge,helper=" PATH_HELPER;
	if (error == -EBUSY)
		return ": the tap is in use by something else";
	if (error == -EXFULL)
		return ": the bridge has no free port";
	return "";
}

static int put_on(struct rtnl *rtnl, const struct tap *tap, const struct bridge *bridge, struct failure *failure)
{
	struct rtnl_request request;
	int r;

	rtnl_begin(&request);
	put_no_ipv6(&request, tap);
	put_address_and_mtu(&request, tap, bridge);
	put_master(&request, tap, bridge->ifindex);
	put_flags(&request, tap, IFF_UP);
	r = send_all(rtnl, &request);
	if (r == 0)
		return 0;

	/* The kernel goes on behind a message that failed: no tap stays up in no network. */
	(void)take_off(rtnl, tap);
	return failure_set(failure, r, "failed to add interface %s to bridge `%s': %s%s", STR_ESCAPED(tap->name),
			   STR_ESCAPED(bridge->names[0]), strerror(-r), advice(r));
}

static int up(struct rtnl *rtnl, struct tap *tap, struct failure *failure)
{
	const char *name = getenv("GUESTNET_NETWORK") ?: getenv("GUESTNET_BRIDGE") ?: "default";
	struct bridge bridge;
	int r;

	if (!ifname_is_valid(name))
		return failure_set(failure, -EINVAL,
				   "\"%s\" cannot be the name of a network (GUESTNET_NETWORK or GUESTNET_BRIDGE)",
				   STR_ESCAPED(name));
	r = find_tap(rtnl, tap, failure);
	if (r == -ENODEV)
		return failure_set(failure, r, "there is no tap %s", STR_ESCAPED(tap->name));
	if (r < 0)
		return r;
	r = bridge_resolve(rtnl, name, &bridge, failure);
	if (r == -ENODEV)
		return failure_set(failure, r,
				   "there is no network or bridge %s: start it (guestnet start %s), or name another in GUESTNET_NETWORK",
				   STR_ESCAPED(name), STR_ESCAPED(name));
	if (r < 0)
		return r;
	return put_on(rtnl, tap, &bridge, failure);
}

/* A tap that is gone is as far off its network as it can be. */
static int down(struct rtnl *rtnl, struct tap *tap, struct failure *failure)
{
	int r = find_tap(rtnl, tap, failure);

	if (r == 0) {
		r = take_off(rtnl, tap);
		if (r < 0 && r != -ENODEV)
			failure_set(failure, r, "cannot take %s off its network: %s%s", STR_ESCAPED(tap->name),
				    strerror(-r), advice(r));
	}
	return r == -ENODEV ? 0 : r;
}

static int run(bool is_down, int argc, char *const argv[], struct failure *failure)
{
	_cleanup_(rtnl_freep) struct rtnl *rtnl = NULL;
	struct tap tap = { .name = argc == 2 ? argv[1] : NULL };
	int r;

	/* Whoever could call it with somebody else's privileges could put any tap anywhere. */
	if (getauxval(AT_SECURE))
		return failure_set(failure, -EPERM, "this program must not be set-user-ID or have file capabilities");
	if (!tap.name)
		return failure_set(failure, -EINVAL, "want one argument, the name of a tap (see --help)");
	if (!ifname_is_valid(tap.name))
		return failure_set(failure, -EINVAL, "\"%s\" cannot be the name of a tap", STR_ESCAPED(tap.name));

	r = rtnl_open(&rtnl);
	if (r < 0)
		return failure_set(failure, r, "no netlink socket: %s", strerror(-r));
	return is_down ? down(rtnl, &tap, failure) : up(rtnl, &tap, failure);
}

int main(int argc, char *argv[])
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *called = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	bool is_down = strcmp(called, "guestnet-ifdown") == 0;
	const char *name = is_down ? "guestnet-ifdown" : "guestnet-ifup";
	struct failure failure = { 0 };

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return printf("%s", help) < 0 || fflush(stdout) != 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("%s " GUESTNET_VERSION "\n", name) < 0 || fflush(stdout) != 0;

	if (run(is_down, argc, argv, &failure) < 0) {
		fprintf(stderr, "%s: %s\n", name, failure.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
