/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The route that says which IPv6 prefix was delegated to this host: as DHCPv6 clients make it (dump.c). And for how long addresses
 * of it are the ones to use.
 * Acts; decides nothing.
 */
#include "delegation.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

#include "link.h"

/*
 * Safe because: the route leads nowhere, and the kernel takes it for what no other route leads to, of this prefix: with the same
 * length it comes behind those of interfaces, whose metric is 256.
 *
 * -EEXIST when another program has made it, -ESRCH when there is none to go, others as the kernel has them.
 */
int delegation_put(struct kernel *kernel, const struct ip *prefix, unsigned int length, bool add)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct rtmsg header = {
		.rtm_family = AF_INET6, .rtm_dst_len = (uint8_t)length, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_DHCP,
		.rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNREACHABLE,
	};
	int r;

	nl_begin(&batch, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0, 0, &header, sizeof(header));
	nl_put(&batch, RTA_DST, prefix->bytes_be, ip_length(prefix));
	nl_put_u32(&batch, RTA_PRIORITY, 1024);	/* the kernel's own default, IP6_RT_PRIO_USER */
	r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
	return r < 0 ? r : batch.entries[0].error;
}

/*
 * The host's own address on @bridge, which has it, is preferred for so long from now; UINT32_MAX, for ever, is what such an address has at
 * first. It stays valid: the kernel would take away one that is not, but leave the route to its prefix (ipv6_del_addr()), and this way
 * only marks it as deprecated, which dnsmasq tells guests (its dhcp6.c: construct_worker()). Negative errno.
 */
int delegation_prefer(struct kernel *kernel, const char *bridge, const struct ip *address, uint32_t seconds)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct ifa_cacheinfo lifetimes = { .ifa_prefered = seconds, .ifa_valid = UINT32_MAX };
	struct netstate_address item = { .address = *address, .prefix_length = 64 };
	int r;

	snprintf(item.link, sizeof(item.link), "%s", bridge);
	link_put_address(kernel, &batch, true, &item, 0);
	nl_put(&batch, IFA_CACHEINFO, &lifetimes, sizeof(lifetimes));
	r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
	return r < 0 ? r : batch.entries[0].error;
}
