/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The routes that the kernel makes for addresses, asked for one by one.
 * Reads; changes and decides nothing.
 *
 * A dump of routes goes through all of them, whatever it is asked for: with a thousand networks that is a thousand times
 * what one of them needs. A look-up (RTM_F_FIB_MATCH) goes where a packet would, and names the route that it found. Rules,
 * longer prefixes, other metrics and routes that are passed over for want of a carrier are in its way as they are in a packet's: so it can
 * say that a route is there, and never that it is not. Whoever does not find one reads them all.
 */
#include "prefixes.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "../model/ip.h"
#include "dump.h"

struct prefixes {
	int ifindex;
	const struct netstate_address *addresses;
	size_t n;
	struct netstate_route *routes;
	bool *found;
};

static bool has_prefix(const struct netstate_address *address)
{
	return address->prefix_length > 0 && address->prefix_length < ip_bits(&address->address);
}

static bool is_one_of(const struct prefixes *prefixes, const struct ip *ip)
{
	for (size_t i = 0; i < prefixes->n; i++)
		if (memcmp(&prefixes->addresses[i].address, ip, sizeof(*ip)) == 0)
			return true;
	return false;
}

/*
 * A place behind the route, and none of the host's own: those are found in the table of local addresses, as is the last
 * address of an IPv4 prefix, and the first one of any.
 */
static struct ip place_behind(const struct prefixes *prefixes, const struct netstate_address *address)
{
	struct ip place = ip_mask(&address->address, address->prefix_length);
	size_t last = ip_length(&place) - 1;

	for (unsigned int bit = address->prefix_length; bit < ip_bits(&place) - 1; bit++)
		place.bytes_be[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	/* A prefix of two or four addresses has little to choose from. */
	for (unsigned int i = 0; i < 4 && is_one_of(prefixes, &place); i++)
		place.bytes_be[last] ^= (uint8_t)(i % 2 ? 3 : 1);
	return place;
}

static int each_answer(const struct nlmsghdr *message, uint32_t tag, void *data)
{
	struct prefixes *prefixes = data;
	const struct netstate_address *address = &prefixes->addresses[tag];
	const struct ip prefix = ip_mask(&address->address, address->prefix_length);
	struct netstate_route *route = &prefixes->routes[tag];
	int ifindex;

	prefixes->found[tag] = dump_route(message, route, &ifindex) == 0 && ifindex == prefixes->ifindex &&
			       route->table == RT_TABLE_MAIN && route->prefix_length == address->prefix_length &&
			       !route->gateway.family && !route->ours &&
			       memcmp(&route->destination, &prefix, sizeof(prefix)) == 0;
	return 0;
}

/*
 * Asks for the routes that the interface's addresses have made. @ret_routes has room for one of each address, and is
 * filled in (but for the name of the interface) where the same entry of @ret_found is true; where it is false, nothing is
 * known. Errors as nl_transact() has them.
 */
int prefixes_ask(struct kernel *kernel, int ifindex, const struct netstate_address *addresses, size_t n,
		 struct netstate_route *ret_routes, bool *ret_found)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	struct prefixes prefixes = { ifindex, addresses, n, ret_routes, ret_found };

	for (size_t i = 0; i < n; i++) {
		/* The kernel answers a look-up of IPv6 with the route's table in any case, and takes no flag that asks for it. */
		const bool v4 = ip_is_v4(&addresses[i].address);
		const struct rtmsg header = {
			.rtm_family = addresses[i].address.family,
			.rtm_dst_len = (uint8_t)ip_bits(&addresses[i].address),
			.rtm_flags = RTM_F_FIB_MATCH | (v4 ? RTM_F_LOOKUP_TABLE : 0),
		};
		struct ip place;

		ret_found[i] = false;
		if (!has_prefix(&addresses[i]))
			continue;
		place = place_behind(&prefixes, &addresses[i]);
		nl_begin(&batch, RTM_GETROUTE, 0, (uint32_t)i, &header, sizeof(header));
		nl_put(&batch, RTA_DST, place.bytes_be, ip_length(&place));
	}
	return batch.n_entries > 0 ? nl_transact(&kernel->rtnl, &batch, each_answer, &prefixes) : 0;
}
