/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VLANs of bridges and their ports, as the kernel tells them.
 * Reads only.
 */
#include "vlan.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "dump.h"

struct bridge_vlans {
	bool filtering;
	uint16_t default_pvid;
};

static int read_bridge(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *values[IFLA_BR_MAX + 1];
	struct bridge_vlans *vlans = data;

	if (!nl_parse(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table)) || !table[IFLA_LINKINFO] ||
	    !nl_parse_nested(table[IFLA_LINKINFO], info, ARRAY_SIZE(info)) || !info[IFLA_INFO_DATA] ||
	    !nl_parse_nested(info[IFLA_INFO_DATA], values, ARRAY_SIZE(values)))
		return 0;
	vlans->filtering = nl_get_u8(values[IFLA_BR_VLAN_FILTERING], 0);
	vlans->default_pvid = nl_get_u16(values[IFLA_BR_VLAN_DEFAULT_PVID], 0);
	return 0;
}

/*
 * Does a bridge filter VLANs, and which one does it give to new ports (0: none)? On a kernel without, it does not.
 * Errors of netlink; -ENODEV when there is no such device.
 */
int vlan_look_bridge(struct kernel *kernel, int bridge, bool *ret_filtering, uint16_t *ret_default)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = bridge };
	struct bridge_vlans vlans = { .filtering = false };
	int r;

	nl_begin(&request, RTM_GETLINK, 0, 0, &header, sizeof(header));
	r = nl_transact(&kernel->rtnl, &request, read_bridge, &vlans);
	if (r == 0)
		r = request.entries[0].error;
	if (r < 0)
		return r;
	*ret_filtering = vlans.filtering;
	*ret_default = vlans.default_pvid;
	return 0;
}

static int each_entry(const struct nlmsghdr *message, void *data)
{
	return dump_vlans(message, data);
}

/*
 * Is a port in the VLAN @vid, untagged, and in no other (net/bridge/br_vlan.c:br_vlan_rtm_dump(), Linux 5.6)?
 * -EOPNOTSUPP when it is not; errors of netlink.
 */
int vlan_verify(struct kernel *kernel, int port, uint16_t vid)
{
	const struct br_vlan_msg header = { .family = AF_BRIDGE, .ifindex = (uint32_t)port };
	struct dump_vlans vlans;
	int r = -EINTR;

	for (unsigned int i = 0; r == -EINTR && i < 16; i++) {
		_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;

		vlans = (struct dump_vlans){ .port = port, .vid = vid };
		nl_begin(&request, RTM_GETVLAN, NLM_F_DUMP, 0, &header, sizeof(header));
		r = nl_dump(&kernel->rtnl, &request, each_entry, &vlans);
	}
	if (r < 0)
		return r;
	return vlans.found && !vlans.others ? 0 : -EOPNOTSUPP;
}
