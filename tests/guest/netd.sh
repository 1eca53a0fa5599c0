#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real guest on the network of a running guestnetd: an unprivileged QEMU gets its tap from the helper, its address and
# its name from dnsmasq, and reaches a server behind the host. Then the daemon and what it keeps are disturbed while a
# UDP echo of 1 ms, established before, and new TCP connections go on from a second guest, a namespace.
suite=guest.netd
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lab.bash"
. "$(dirname "$0")/netd.bash"
netd_enter "$@"

mac=52:54:00:77:13:21
capture=$lab/default.pcap
world_policy 'allow default user=4201'
mkdir -p $netd_root/etc/networks/default.network.d
printf '[Tap]\nName=tap0\nUser=4202\n' >$netd_root/etc/networks/default.network.d/tap.conf
netd_start || { fail up "$(tail -n 5 $netd_root/log)"; exit 1; }
pass up
gateway=$(ip -4 -j addr show dev $netd_bridge | jq -r '.[0].addr_info[0].local')

# --- The guest
capture_start $capture $netd_bridge udp port 67 or udp port 68
guest_start one 4201 virtio-net-pci $mac "bridge,id=n0,br=default,helper=$helper"
guest_ready one || { fail boot "$(guest_log one)"; exit 1; }
pass boot
wait_for 10 capture_has_lease $capture $mac
read -r address seconds <<<"$(capture_lease $capture $mac)"
capture_stop $capture
matches lease "^${gateway%.*}\.[0-9]+\$" "${address-}"
equal lease-guest "$address" "$(guest_said one lease | sed 's/^lease \([^ ]*\) .*/\1/')"
echo "lease: $address, ${seconds-} s after the first DISCOVER"
equal no-privileges '' "$(guest_powerless one 4201)"
tap=$(guest_tap one)
equal port $netd_bridge "$(link "$tap" .master)"

named() { [[ $(guest_run one "nslookup one.default.internal $gateway") == *"$address"* ]]; }
check name wait_for 20 named
greeted() { [ "$(guest_run one "echo | nc -w 5 $netd_internet 7777")" = hello ]; }
check tcp-nat wait_for 20 greeted

# A tap that was there before its guest: a QEMU without any privilege, and no helper.
guest_start two 4202 virtio-net-pci 52:54:00:77:13:22 "tap,id=n0,ifname=tap0,script=no,downscript=no"
if guest_ready two; then pass premade-boot; else fail premade-boot "$(guest_log two)"; fi
matches premade-lease "^lease ${gateway%.*}\\.[0-9]+ " "$(guest_said two lease)"
equal premade-no-privileges '' "$(guest_powerless two 4202)"
equal premade-port $netd_bridge "$(link tap0 .master)"
check premade-tcp guest_run two "echo | nc -w 5 $netd_internet 7777"
guest_stop two
equal premade-stays $netd_bridge "$(link tap0 .master)"

# --- The disturbances
netd_guest || { fail namespace-guest 'no lease'; exit 1; }
flow_start
check flow wait_for 20 netd_connects

pings() { guest_run one "ping -c 3 -W 2 $netd_internet"; }
works() { netd_settled && netd_connects && greeted; }

# disturb ID COMMAND...: prints what the flow has lost until everything works again, and checks that it does.
disturb() {
	local id=$1 out
	shift
	flow_phase "$id"
	out=$("$@" 2>&1) || { fail "$id-act" "$out"; return; }
	if wait_for 60 works; then pass "$id-repaired"; else fail "$id-repaired" "state $(netd_state)"; fi
	flow_phase "$id-after"
	check "$id-ping" pings
	check "$id-lease" netd_lease
	flow_phase between
	flow_report "$id" || { fail "$id-report" 'no report of the flow'; return; }
	echo "$id: lost $flow_lost, connects failed $flow_failed ($flow_sent packets, $flow_connects connects, longest gap $flow_gap ms)"
	lost=$flow_lost failed=$flow_failed
	flow_report "$id-after"
	# The flow was opened before; what is sent after the repair must arrive.
	if [ "${flow_sent:-0}" -gt 0 ] && [ $((flow_lost * 2)) -lt "$flow_sent" ]; then pass "$id-flow"
	else fail "$id-flow" "lost ${flow_lost-} of ${flow_sent-} packets after the repair"; fi
}

owned=$(nft list table inet guestnet | grep -c 'flags.*owner')
disturb flush nft flush ruleset
if [ "$owned" = 1 ]; then
	equal flush-lost 0 "$lost"
	equal flush-connects-failed 0 "$failed"
else
	# Repaired: what was sent in the moment without rules may be lost.
	matches flush-lost '^[0-3]$' "$lost"
fi

table_handle() { nft -j list tables | jq -r '.nftables[].table? | select(.name == "guestnet") | .handle'; }
restart() { netd_kill; netd_start; }
handle=$(table_handle)
# Not in a subshell: netd_pid is of this shell.
flow_phase restart
if restart; then pass restart-running; else fail restart-running "$(tail -n 5 $netd_root/log)"; fi
[ "$owned" != 1 ] || equal restart-table-adopted "$handle" "$(table_handle)"
disturb restart-settled true
flow_report restart
echo "restart: lost $flow_lost, connects failed $flow_failed ($flow_sent packets, longest gap $flow_gap ms)"
[ "$owned" != 1 ] || equal restart-lost 0 "$flow_lost"

disturb ip-forward sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'

disturb port-pulled ip link set "$tap" nomaster
equal port-pulled-back $netd_bridge "$(link "$tap" .master)"

index=$(link $netd_bridge .ifindex)
# The tap of the helper comes back by itself; a veth is nobody's but ours.
delete_bridge() { ip link del $netd_bridge && wait_for 20 ip link show dev $netd_bridge && netd_plug; }
disturb bridge-deleted delete_bridge
equal bridge-deleted-index "$index" "$(link $netd_bridge .ifindex)"
equal bridge-deleted-port $netd_bridge "$(link "$tap" .master)"

disturb dnsmasq sh -c "kill -9 \$(cut -d' ' -f1 $netd_root/run/dnsmasq/default.pid)"
check dnsmasq-name wait_for 20 named

guest_stop one
only_premade() { [ "$(taps)" = tap0 ]; }
check tap-gone wait_for 10 only_premade
ended $flow_pid
ended $netd_pid
exit 0
