#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel without rules for bridges, as far as the daemon can tell: a network with [Port] fails and says why, the others
# never notice, and it runs as soon as [Port] is gone, or the kernel has such rules.
suite=netd-nobridges
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup
has_table() { nft list table bridge guestnet >/dev/null 2>&1; }
no_table() { ! has_table; }
if ! nft add table bridge probe 2>/dev/null; then
	skip all 'the kernel has no rules for bridges'
	nets_done
	exit 0
fi
nft delete table bridge probe
g=('[Network]' Mode=nat '[Address]' Address=10.91.1.1/24)
port=('[Port]' RAGuard=yes)
network h '[Network]' Mode=nat '[Address]' Address=10.92.1.1/24
export MODULES_CAME=$tmp/came
world_preload plain-modules.so guestnetd

failed() { [ "$(state g)" = failed ] && [ "$(state h)" = running ]; }
both_run() { [ "$(state g)" = running ] && [ "$(state h)" = running ] && plan_is_empty; }
for kernel in tables chains; do
	export NO_BRIDGES=$kernel
	network g "${g[@]}" "${port[@]}"
	netd_start
	check $kernel-fails wait_for 30 failed
	matches $kernel-problem 'no rules for bridges .*\[Port\]' "$(report g problem)"
	check $kernel-no-table no_table
	[ -n "$(ip netns list | grep -w guest-h)" ] || guest guest-h gn-h 10.92.1.5 -
	equal $kernel-others-work '198.51.100.1' "$(in_ns guest-h busybox ping -c 1 -W 2 198.51.100.1 | sed -n 's/^64 bytes from \([0-9.]*\):.*/\1/p')"
	network g "${g[@]}"
	client reload >/dev/null
	check $kernel-without wait_for 30 both_run
	# One that ran before: what it asks for cannot be had, and nobody else is the worse for it.
	network g "${g[@]}" "${port[@]}"
	client reload >/dev/null
	check $kernel-asked-for-later wait_for 30 failed
	touch $MODULES_CAME
	check $kernel-came wait_for 60 both_run
	check $kernel-came-table has_table
	ended $netd_pid
	rm $MODULES_CAME
	nft delete table bridge guestnet
done
nets_done
