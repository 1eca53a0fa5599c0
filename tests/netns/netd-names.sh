#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names of guests on the host: systemd-resolved is told of each network's servers and domain, whenever it or the bus comes, and when
# the bridge is made anew. It is a stand-in on a bus of its own, which writes down what it is told.
# Namespaces: this one is the host; "guest" has a veth port on the bridge.

suite=netd-names
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_folders dbus-daemon

etc=$root/etc/networks
bridge=gn-default
network() { printf '%s\n' '[Address]' 'Address=10.98.1.1/24' 'Address=fd00:98::1/64' "$@" >$etc/default.network; }
network '[DNS]' 'Domain=default.vm'
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$root/bus
start_resolved() {	# [refuse]
	: >$root/told
	"$world/tools/fake-resolved" "$@" >>$root/told 2>/dev/null &
	resolved_pid=$!
}
names() { [[ $(status names) == $1 ]]; }
index() { cat /sys/class/net/$bridge/ifindex; }
told_all() {
	local i
	i=$(index) || return
	grep -qx "SetLinkDNS $i 10.98.1.1 fd00:98::1" $root/told &&
		grep -qx "SetLinkDomains $i ~default.vm ~1.98.10.in-addr.arpa ~0.0.0.0.0.0.0.0.8.9.0.0.0.0.d.f.ip6.arpa" $root/told &&
		grep -qx "SetLinkDefaultRoute $i no" $root/told && grep -qx "SetLinkDNSSEC $i no" $root/told &&
		grep -qx "SetLinkDNSOverTLS $i no" $root/told
}

# No bus, no resolved: the status says whom to ask, and that one answers the host.
ip link set lo up
netd_start
check running wait_for 20 is running
check hint wait_for 20 names 'NAME.default.vm, by asking 10.98.1.1'
ip netns add guest
ip link add port0 type veth peer name eth0 netns guest
ip link set port0 master $bridge up
ip -n guest link set eth0 up
check lease timeout 30 ip netns exec guest busybox udhcpc -i eth0 -f -q -n -t 20 -T 1 -A 1 -x hostname:web -s /bin/true
resolves() { busybox nslookup -type=a web.default.vm 10.98.1.1 | grep -q 'Address: 10.98.1.'; }
check resolves wait_for 20 resolves

# The bus comes, and resolved: told, and told once more a little later.
bus_start
start_resolved
check told wait_for 30 told_all
check names wait_for 20 names 'NAME.default.vm, by systemd-resolved'
twice() { [ "$(grep -c "SetLinkDNS " $root/told)" = 2 ]; }
check told-again wait_for 20 twice

# It restarts: told anew. The bridge is made anew: likewise.
ended $resolved_pid
check gone wait_for 20 names '*by asking*'
start_resolved
check told-restarted wait_for 30 told_all
wait_for 20 twice
: >$root/told
ip link del $bridge
check told-bridge wait_for 30 told_all
check told-bridge-again wait_for 20 twice

# Without DNS it is reverted; with it, told again.
wait_for 20 is running
: >$root/told
network '[DNS]' 'Enable=no'
kill -HUP $netd_pid
check reverted wait_for 20 grep -qx "RevertLink $(index)" $root/told
check no-names wait_for 20 names ''
network '[DNS]' 'Domain=default.vm'
kill -HUP $netd_pid
check told-on wait_for 30 told_all

# Refused: said, and the network runs.
ended $resolved_pid
start_resolved refuse
check refused wait_for 30 names 'systemd-resolved does not take them: Interactive authentication required.'
check refused-runs wait_for 20 is running
# The bus goes and comes back.
ended $resolved_pid
ended $bus_pid
rm -f $root/bus
check bus-gone wait_for 20 names '*by asking*'
bus_start
start_resolved
check bus-back wait_for 60 told_all

kill $netd_pid; reap $netd_pid
ended $resolved_pid
ended $bus_pid
grep -E 'ERROR: |runtime error' $root/log && fail log "$(grep -E 'ERROR: |runtime error' $root/log | head -3)"
exit 0
