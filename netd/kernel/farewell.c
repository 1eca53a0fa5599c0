/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last word about an IPv6 prefix that guests have addresses of: one router advertisement that says so.
 * Acts; decides nothing.
 *
 * dnsmasq advertises what its configuration has, and is started anew with another one: nobody would tell guests that the prefix
 * of before is over. With a preferred lifetime of 0 they keep what goes on with such addresses, and begin nothing more with them;
 * the valid lifetime is 0, too, and they have two hours or what is left (RFC 4862, section 5.5.3).
 */
#include "farewell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/fd.h"
#include "link.h"

/*
 * Sent to all nodes of the bridge's link, from its link-local address, as the host's own advertisements are. It says of the
 * router what those do: whoever hears it has the same default route for @router_lifetime_s. Negative errno.
 */
int farewell_send(const struct kernel *kernel, const char *bridge, const struct ip *prefix, unsigned int length,
		  unsigned int router_lifetime_s)
{
	const int hops = 255, ifindex = link_index(kernel, bridge);
	struct {
		struct nd_router_advert router;
		struct nd_opt_prefix_info prefix;
	} message = {
		.router = { .nd_ra_type = ND_ROUTER_ADVERT, .nd_ra_router_lifetime = htons((uint16_t)router_lifetime_s) },
		.prefix = {
			.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION,
			.nd_opt_pi_len = sizeof(message.prefix) / 8,
			.nd_opt_pi_prefix_len = (uint8_t)length,
			.nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK | ND_OPT_PI_FLAG_AUTO,
		},
	};
	struct sockaddr_in6 nodes = { .sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)ifindex };
	_cleanup_(fd_closep) int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);

	if (fd < 0)
		return -errno;
	memcpy(&message.prefix.nd_opt_pi_prefix, prefix->bytes_be, sizeof(message.prefix.nd_opt_pi_prefix));
	memcpy(&nodes.sin6_addr, (const uint8_t[16]){ 0xff, 2, [15] = 1 }, sizeof(nodes.sin6_addr));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex, sizeof(ifindex)) < 0 ||
	    sendto(fd, &message, sizeof(message), 0, (const struct sockaddr *)&nodes, sizeof(nodes)) < 0)
		return -errno;
	return 0;
}
