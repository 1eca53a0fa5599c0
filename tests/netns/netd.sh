#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd end to end, with a real kernel and a real dnsmasq: one NAT network that comes up, serves, and repairs itself.
# Namespaces: this one is the host; "guest" has a veth port on the bridge; "internet" is behind the host's uplink.

suite=netd
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_setup

cp "$top"/netd/networks/*.network $root/vendor/networks/

ip netns exec internet busybox nc -ll -p 7777 -e /bin/sh -c 'echo $BUSYBOX_NC_PEER; cat' >/dev/null 2>&1 &

# Every daemon of this suite is recorded; at the end what it did is gone through again.
mkdir $root/records
n_started=0
netd_recorded() {
	n_started=$((n_started + 1))
	netd_start --record=$root/records/$n_started "$@"
}
running() { is running "$@"; }
settled() { running && plan_is_empty; }

netd_recorded
check up wait_for 10 running
bridge=gn-default
equal bridge-kind bridge "$(link $bridge .linkinfo.info_kind)"
equal bridge-altname default "$(ip -j link show dev default | jq -r '.[0].altnames[0]')"
equal bridge-up UP "$(link $bridge '.flags | map(select(. == "UP")) | .[0]')"
equal stp-off 0 "$(link $bridge .linkinfo.info_data.stp_state)"
gateway=$(ip -4 -j addr show dev $bridge | jq -r '.[0].addr_info[0].local')
matches gateway '^10\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.[0-9]+\.1$' "$gateway"
gateway6=$(ip -6 -j addr show dev $bridge scope global | jq -r '.[0].addr_info[0].local')
matches gateway6 '^fd' "$gateway6"
equal forwarding 1 "$(cat /proc/sys/net/ipv4/ip_forward)"
check table nft list table inet guestnet
check plan-empty wait_for 5 plan_is_empty
equal repairs-none 0 "$(client status default --json | jq '.[0].repairs')"

# A guest: a veth port with an address by DHCP.
dhcp_guest
plug
lease_options=(-x hostname:web)
# A UDP flow that lives as long as the suite: `long_flow` tells whether it still gets through.
ip netns exec internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
mkfifo $root/talk
exec 7<>$root/talk
long_flow() {
	local line=line-$EPOCHREALTIME
	echo "$line" >&7
	wait_for 4 grep -q "^$line " $root/talked
	grep -qx "$line heard" $root/talked
}
works() { lease && flow && long_flow; }

if lease; then pass lease; else fail lease "no lease within 20 s"; fi
matches lease-address "^${gateway%.*}\." "${address-}"
equal lease-router "$gateway" "${router-}"
check flow wait_for 5 flow
ip netns exec guest "$world/tools/netd-flow" talk 198.51.100.1 7778 <$root/talk >$root/talked 2>/dev/null 7>&- &
check long-flow wait_for 5 long_flow
leases_has_web() { client leases default --json | jq -e '.[] | select(.name == "web")'; }
check leases-client wait_for 5 leases_has_web
resolves() { ip netns exec guest busybox nslookup web."$(domain)" "$gateway" | grep -q "$address"; }
domain() { sed -n 's/^domain=\([^,]*\).*/\1/p' $root/run/dnsmasq/default.conf; }
check dns-own-name wait_for 5 resolves

# Not reachable: anything of the host but DHCP, DNS and ping on the gateway; an invented source address.
busybox nc -ll -p 2222 -e /bin/true >/dev/null 2>&1 &
check ping-gateway ip netns exec guest busybox ping -c 1 -W 2 "$gateway"
host_port() { timeout 3 ip netns exec guest busybox nc -w 2 "$1" 2222 </dev/null; }
if host_port "$gateway" >/dev/null 2>&1; then fail host-port-closed "the guest reached port 2222 of the host"; else pass host-port-closed; fi
if host_port 198.51.100.2 >/dev/null 2>&1; then fail host-uplink-closed "the guest reached the uplink's address"; else pass host-uplink-closed; fi

# Disturbances: each is done once, and everything must work again by itself, with new leases and new flows.
disturb() {	# ID COMMAND...
	local id=$1 out
	shift
	out=$("$@" 2>&1) || { fail "repair-$id" "could not disturb: $out"; return; }
	if wait_for 10 settled && wait_for 15 works && wait_for 5 settled; then
		pass "repair-$id"
	else
		fail "repair-$id" "state $(state), plan: $(plan | head -5)"
	fi
}
owned=$(nft -a list table inet guestnet | grep -c 'flags.*owner')
disturb flush nft flush ruleset
disturb delete-table sh -c 'nft delete table inet guestnet 2>/dev/null; true'
disturb mangle-flush sh -c 'iptables-nft -t mangle -F 2>/dev/null || nft flush chain ip mangle POSTROUTING 2>/dev/null; true'
disturb ip-forward sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
disturb ip6-forward sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'
disturb address ip addr del "$gateway/24" dev $bridge
disturb route ip route flush dev $bridge
disturb route6 ip -6 route del "$(ip -6 -j route show dev $bridge proto kernel | jq -r '[.[].dst | select(startswith("fd"))][0]')" dev $bridge
matches route6-back '^fd' "$(ip -6 route show dev $bridge proto kernel metric 256 | grep ^fd)"
disturb link-down ip link set $bridge down
disturb mtu ip link set $bridge mtu 1400
disturb addr-gen ip link set $bridge addrgenmode none
disturb mac ip link set $bridge address 52:54:00:00:00:99
disturb stp ip link set $bridge type bridge stp_state 1
disturb altname ip link property del dev $bridge altname default
# Before Linux 6.2 nobody can rename a link that is up, and ours is up again as soon as it is down.
ip link add rename0 type bridge && ip link set rename0 up
ip link set rename0 name rename1 2>/dev/null && disturb rename ip link set $bridge name gn-other
ip link del rename0 2>/dev/null || ip link del rename1
disturb dnsmasq sh -c "kill -9 \$(cut -d' ' -f1 $root/run/dnsmasq/default.pid)"
disturb lease-file rm -f $root/state/dnsmasq/default.leases
old_index=$(link $bridge .ifindex)
delete_bridge() { ip link del $bridge && wait_for 10 ip link show dev $bridge && ip link set port0 master $bridge; }
disturb delete delete_bridge
equal delete-same-index "$old_index" "$(link $bridge .ifindex)"
# Somebody else's address is named, does no harm, and is left alone.
ip addr add 172.31.7.1/24 dev $bridge
named() { [[ $(client status default --json | jq -r '.[0].problem') == *172.31.7.1* ]]; }
check foreign-address-named wait_for 10 named
check foreign-address-works wait_for 15 works
check foreign-address-stays grep -q 172.31.7.1 <(ip addr show dev $bridge)
disturb foreign-address-gone ip addr del 172.31.7.1/24 dev $bridge
# A configuration file that is removed while the daemon runs is not missed until it is told to read them again.
mv $root/vendor/networks/default.network $root/kept
ip addr flush dev $bridge scope global
has_gateway() { ip addr show dev $bridge | grep -q "inet $gateway/"; }
check config-removed-repaired wait_for 10 has_gateway
check config-removed-works wait_for 15 works
mv $root/kept $root/vendor/networks/default.network
check config-back wait_for 10 settled
# Events are lost: the queues are so small that only the first one of many has room.
lose_events() {
	"$world/tools/netd-shrink" $netd_pid 1 >/dev/null
	kill -STOP $netd_pid
	seq 20 | sed 's/.*/link add ev& type bridge/' | ip -batch -
	ip addr flush dev $bridge scope global
	nft flush ruleset 2>/dev/null
	seq 20 | sed 's/.*/link del ev&/' | ip -batch -
	kill -CONT $netd_pid
	matches events-lost '^[1-9]' "$("$world/tools/netd-shrink" $netd_pid drops)" >&3
}
exec 3>&1
disturb enobufs lose_events
"$world/tools/netd-shrink" $netd_pid $((4 << 20)) >/dev/null
matches repairs-counted '^([5-9]|[1-9][0-9]+)$' "$(client status default --json | jq '.[0].repairs')"

# A tap of the helper that somebody pulls off the bridge comes back with its options.
world_policy "allow default isolated"
hold tap --uid $alice $helper --br=default
tap=$reply_tap
ip link set "$tap" nomaster
back() { [ "$(link "$tap" .master)" = $bridge ] && [ "$(link "$tap" .linkinfo.info_slave_data.isolated)" = true ] &&
	[ "$(link "$tap" '.flags | index("UP") != null')" = true ]; }
check port-pulled wait_for 10 back
ip link del $bridge
check port-after-delete wait_for 10 back
release tap

# The daemon goes and comes: dnsmasq and the ruleset stay as they are.
dnsmasq_pid=$(cut -d' ' -f1 $root/run/dnsmasq/default.pid)
ip link set port0 master $bridge
handle() { nft -j list tables | jq -r '.nftables[].table? | select(.name == "guestnet") | .handle'; }
table_handle=$(handle)
netd_kill
check dnsmasq-survives kill -0 "$dnsmasq_pid"
check flow-without-daemon flow
netd_recorded
check running-again wait_for 10 settled
equal dnsmasq-adopted "$dnsmasq_pid" "$(cut -d' ' -f1 $root/run/dnsmasq/default.pid)"
equal table-adopted "$table_handle" "$(handle)"
check works-after-restart wait_for 15 works

# What changes while it is away: of the addresses on a bridge those that it has put there are known as such afterwards.
moved() { printf '%s\n' '[Network]' 'Mode=isolated' '[DHCP]' 'Enable=no' '[DNS]' 'Enable=no' '[Address]' "Address=$1" >$root/etc/networks/moved.network; }
moved 10.97.1.1/24
kill -HUP $netd_pid
check moved-up wait_for 10 running moved
ip addr add 10.97.9.1/24 dev gn-moved
netd_kill
moved 10.97.2.1/24
rm -f $root/run/bus.sock
netd_recorded
only_new() { [ "$(ip -4 -j addr show dev gn-moved | jq -r '[.[0].addr_info[].local] | sort | join(" ")')" = '10.97.2.1 10.97.9.1' ]; }
IFS=.- read -r major minor _ < <(uname -r)
if [ $((major * 1000 + minor)) -ge 5018 ]; then
	check address-changed-while-away wait_for 10 only_new
else
	skip address-changed-while-away "the kernel does not remember who has put an address where it is (Linux 5.18)"
fi
rm $root/etc/networks/moved.network
kill -HUP $netd_pid
no_moved() { ! ip link show dev gn-moved; }
check moved-gone wait_for 10 no_moved
netd_stop
equal clean-exit 0 $?
check bridge-stays ip link show dev $bridge
# Nobody is there to mend anything: what works at last has worked all the time, and was slow.
check works-stopped wait_for 15 works

# Configuration: a wrong file is that network's problem, and nobody else's.
netd_recorded
wait_for 10 settled
printf '[Network]\nMode=nat\nBrigde=x\n' >$root/etc/networks/wrong.network
kill -HUP $netd_pid
failed() { [ "$(state wrong)" = failed ]; }
check wrong-file-failed wait_for 5 failed
matches wrong-file-line 'wrong.network:3:.*Bridge' "$(client status wrong --json | jq -r '.[0].problem')"
check wrong-file-others wait_for 5 running
out=$(netd --check 2>&1); status=$?
equal check-status 1 $status
matches check-text 'wrong.network:3' "$out"
rm $root/etc/networks/wrong.network

# Start and stop.
check stop client stop default
gone() { ! ip link show dev $bridge; }
check stopped wait_for 10 gone
equal stop-state stopped "$(state)"
client stop nothing 2>/dev/null; equal stop-unknown 3 $?
check start client start default
check started wait_for 10 settled
check isolated-start client start isolated
check isolated-running wait_for 10 running isolated
client stop isolated

netd_stop

# What belongs to all and cannot be done is said, with its path, and done when it can be.
mount --bind /proc/sys /proc/sys
echo 0 >/proc/sys/net/ipv4/ip_forward
mount -o remount,ro,bind /proc/sys
# With everything below /etc removed, `default` is still there.
rm -rf $root/etc
# As a service manager starts it, which is told how things are.
"$world/tools/observe-journal" $root/notify >$root/notified &
manager=$!
wait_for 10 test -S $root/notify
export NOTIFY_SOCKET=$root/notify WATCHDOG_USEC=1000000
netd_recorded
unset NOTIFY_SOCKET WATCHDOG_USEC
told() { grep -qE "$1" $root/notified; }
for word in READY=1 STATUS=.+ WATCHDOG=1; do check "notify-${word%%=*}" wait_for 10 told "^$word"; done
degraded() { [ "$(state)" = degraded ]; }
check readonly-sysctl wait_for 10 degraded
matches readonly-sysctl-path 'ipv4/ip_forward.*Read-only' "$(client status default --json | jq -r '.[0].problem')"
mount -o remount,rw,bind /proc/sys
check readonly-sysctl-over wait_for 30 settled
umount -l /proc/sys
kill -HUP $netd_pid
check notify-RELOADING wait_for 10 told '^RELOADING=1'
netd_stop
check notify-STOPPING wait_for 10 told '^STOPPING=1'
ended $manager
check teardown netd --teardown
check teardown-bridge gone
equal teardown-table '' "$(nft list tables | grep guestnet)"

# What is not in the kernel's answers a record has beside them: which ports are guests', network cards, taps that cannot be had.
mkdir -p $root/etc/networks
network default '[Network]' '[Address]' Address=10.70.1.1/24 Address=fd70::1/64 '[Port]' AddressBinding=lease Isolated=yes \
	ToGuestRate=5M FromGuestRate=10M '[Tap]' Name=tap7 User=root
network lan '[Network]' Mode=bridge Uplink=card0 ConfirmTimeout=1s
ip link add card0 type veth peer name lan0
ip link set card0 up
ip link set lan0 up
mount --bind /dev/null /dev/net/tun
netd_recorded
without_tap() { status problem | grep -q "^tap-create:"; }
check tap-missing wait_for 20 without_tap
umount /dev/net/tun
settled() { all_running && plan_is_empty; }
check tap-there wait_for 30 settled
check card-in [ "$(link card0 .master)" = gn-lan ]
plug
ip tuntap add tap8 mode tap
ip link set tap8 master $bridge up
is_isolated() { [ "$(link "$1" .linkinfo.info_slave_data.isolated)" = true ]; }
check tap-isolated wait_for 20 is_isolated tap8
check tap-settled wait_for 20 settled
network default '[Network]' '[Address]' Address=10.70.1.1/24 Address=fd70::1/64
netd_reload
ip link del tap8
netd_stop
check teardown-ports netd --teardown

# The records: the same plans come out of them. One is never written over, is not for others to read, and ends where the
# disk is full, and the daemon goes on.
objects=$(dirname "$BIN")
[ "$(basename "$objects")" != build ] || objects+=/release
replayed=$(for record in $root/records/*; do RECORD=$record "$objects/tests/unit/test-record" 2>&1 || echo "FAILED: $record"; done)
equal record-replayed $n_started "$(grep -c 'plans with' <<<"$replayed")"
equal record-same-plans '' "$(grep -A4 -E 'FAILED:|others now' <<<"$replayed" | cut -c 1-2000)"
equal record-mode 600 "$(stat -c %a $root/records/1)"
matches record-exists 'cannot record to .*/1: File exists; name a new file' "$(netd --plan --record=$root/records/1 2>&1)"
check record-plan netd --plan --record=$root/records/plan
check record-plan-replayed env RECORD=$root/records/plan "$objects/tests/unit/test-record"
mkdir $root/small && mount -t tmpfs -o size=8k tmpfs $root/small
check record-disk-full-plan netd --plan --record=$root/small/plan
matches record-disk-full 'the record ends here' "$(rm $root/small/plan; netd --plan --record=$root/small/plan 2>&1 >/dev/null)"
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
