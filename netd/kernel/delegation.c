/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The route that says which IPv6 prefix was delegated to this host: as DHCPv6 clients make it (dump.c).
 * Acts; decides nothing.
 */
#include "delegation.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

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
