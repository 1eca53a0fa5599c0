/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says of a port's VLANs. */
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "../../lib/nl/batch.h"
#include "../../lib/util.h"
#include "../../netd/kernel/dump.h"
#include "unit.h"

struct entry { uint16_t vid, flags; };

#define OWN	(BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED)

/* A message as the kernel fills it in, about port 7. */
static struct dump_vlans read_entries(int port, const struct entry *entries, size_t n)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct br_vlan_msg header = { .family = AF_BRIDGE, .ifindex = 7 };
	struct dump_vlans vlans = { .port = port, .vid = 10 };

	nl_begin(&batch, RTM_NEWVLAN, 0, 0, &header, sizeof(header));
	for (size_t i = 0; i < n; i++) {
		const struct bridge_vlan_info info = { .vid = entries[i].vid, .flags = entries[i].flags };
		size_t nest = nl_nest(&batch, BRIDGE_VLANDB_ENTRY);

		nl_put(&batch, BRIDGE_VLANDB_ENTRY_INFO, &info, sizeof(info));
		nl_put_u8(&batch, BRIDGE_VLANDB_ENTRY_STATE, 3);
		nl_nest_end(&batch, nest);
	}
	assert_int_equal(batch.error, 0);
	assert_int_equal(dump_vlans(batch.message, &vlans), 0);
	return vlans;
}

static void vlans_of_a_port(void **state _unused_)
{
	static const struct {
		int port;
		struct entry entries[3];
		size_t n;
		bool found, others;
	} cases[] = {
		{ 7, { { 10, OWN } }, 1, true, false },
		{ 7, { { 0 } }, 0, false, false },
		{ 7, { { 1, OWN } }, 1, false, true },
		{ 7, { { 10, BRIDGE_VLAN_INFO_UNTAGGED } }, 1, false, true },
		{ 7, { { 10, BRIDGE_VLAN_INFO_PVID } }, 1, false, true },
		{ 7, { { 1, BRIDGE_VLAN_INFO_UNTAGGED }, { 10, OWN } }, 2, true, true },
		{ 7, { { 10, OWN }, { 20, 0 }, { 30, 0 } }, 3, true, true },
		{ 8, { { 10, OWN } }, 1, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dump_vlans vlans = read_entries(cases[i].port, cases[i].entries, cases[i].n);

		assert_int_equal(vlans.found, cases[i].found);
		assert_int_equal(vlans.others, cases[i].others);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vlans_of_a_port),
	};

	return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
