#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The netlink socket that owns the firewall table is kept by the service manager: killed and started again, the daemon
# goes on as the owner of the very same table, and nobody else could touch it in between.
suite=netd-fdstore
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
for program in dnsmasq nft jq; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done
root=$world/netd
mkdir -p $root/{etc/networks,vendor/networks,state,run}
cp "$top"/netd/networks/*.network $root/vendor/networks/
export GUESTNET_BUS=unix:path=$root/run/bus.sock

"$top/build/tests/keep-fds" $root/notify "$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor \
	--state-root=$root/state --run-root=$root/run --service-user=65534 >$root/events 2>$root/log &
keeper=$!
running() { [[ $("$BIN/guestnet" status default --json 2>/dev/null) == *'"state":"running"'* ]]; }
table() { nft -j list tables | jq -c '.nftables[].table? | select(.name == "guestnet") | [.handle, .flags]'; }
ready() { [ "$(grep -c '^ready' $root/events)" -ge "$1" ]; }
check up wait_for 10 running
equal stored 'stored nft 1' "$(grep '^stored' $root/events)"
before=$(table)
if ! nft list table inet guestnet | grep -q 'flags.*owner'; then
	skip owned 'this kernel has no tables that have an owner and outlive it'
fi
for round in 1 2 3; do
	pid=$(sed -n 's/^started \([0-9]*\) .*/\1/p' $root/events | tail -n 1)
	kill -9 "$pid"
	if nft list table inet guestnet | grep -q 'flags.*owner'; then
		nft delete table inet guestnet 2>/dev/null && fail "owned-$round" 'somebody else could delete the table'
	fi
	check "ready-$round" wait_for 10 ready $((round + 1))
	check "running-$round" wait_for 10 running
	equal "table-$round" "$before" "$(table)"
	# It got one descriptor, and offered no second one.
	equal "descriptor-$round" "1" "$(sed -n 's/^started [0-9]* //p' $root/events | tail -n 1)"
done
equal stored-once 1 "$(grep -c '^stored' $root/events)"
# What it holds is what owns the table: it can still change its own.
"$BIN/guestnet" stop default
no_bridge() { ! ip link show dev gn-default; }
check still-works wait_for 10 no_bridge
equal log '' "$(grep -iE 'error|owned|permitted' $root/log)"
kill $keeper
reap $keeper
equal end 0 $?
