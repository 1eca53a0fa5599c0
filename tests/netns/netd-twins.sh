#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two guests of a network with one MAC address, and with one IP address: guestnetd says so, once, with both ports, and no longer
# when one of them has gone. What guests send otherwise does not wake it.
# Namespaces: this one is the host; "one" and "two" are guests with a veth port each.

suite=netd-twins
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
for program in dnsmasq busybox jq; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done

root=$world/netd
mkdir -p $root/etc/networks $root/{vendor/networks,state,run} /run/systemd/journal /run/netns
printf '[Address]\nAddress=10.98.1.1/24\nAddress=fd00:98::1/64\n' >$root/etc/networks/default.network
export GUESTNET_BUS=unix:path=$root/run/bus.sock
$world/tools/observe-journal /run/systemd/journal/socket >$root/journal &
journal_pid=$!
wait_for 20 test -S /run/systemd/journal/socket
"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run \
	--service-user=65534 >$root/log 2>&1 &
netd_pid=$!
status() { "$BIN/guestnet" status default --json 2>/dev/null | jq -r ".[0].$1"; }
is() { [ "$(status state)" = "$1" ]; }
check running wait_for 20 is running

guest() {	# NAME MAC
	ip netns add "$1"
	ip link add "port-$1" type veth peer name eth0 netns "$1"
	ip -n "$1" link set eth0 address "$2"
	ip -n "$1" link set eth0 up
	ip link set "port-$1" master gn-default up
}
in_guest() { local guest=$1; shift; ip netns exec "$guest" "$@"; }
ping_from() { in_guest "$1" busybox ping -c 1 -W 1 10.98.1.1 >/dev/null 2>&1; }
guest one 52:54:00:00:00:01
guest two 52:54:00:00:00:02
ip -n one addr add 10.98.1.11/24 dev eth0
ip -n two addr add 10.98.1.12/24 dev eth0
check reach wait_for 20 ping_from one
check reach-two wait_for 20 ping_from two

# Ordinary traffic, after whatever the guests' coming has caused.
switches() { awk '/^voluntary_ctxt_switches/ { print $2 }' /proc/$netd_pid/status; }
quiet() { local before; before=$(switches); in_guest one busybox ping -c 3 10.98.1.1 >/dev/null; [ "$(switches)" = "$before" ]; }
check quiet-before wait_for 60 quiet
before=$(switches)
for i in 1 2 3 4 5; do ping_from one; ping_from two; in_guest one busybox ping -c 1 -W 1 10.98.1.12 >/dev/null; done
equal traffic-wakes-nobody "$before" "$(switches)"

# One MAC address.
said() { grep -c "$1" $root/journal; }
problem_has() { [[ $(status problem) =~ $1 ]]; }
ip -n two link set eth0 down
ip -n two link set eth0 address 52:54:00:00:00:01
ip -n two link set eth0 up
same_mac='two guests have the MAC address 52:54:00:00:00:01: one on port port-one, one on port port-two'
talk() { ping_from one; ping_from two; problem_has "$1"; }
check mac-problem wait_for 20 talk "$same_mac"
equal mac-degraded degraded "$(status state)"
for i in 1 2 3 4 5 6; do ping_from one; ping_from two; done
equal mac-said-once 1 "$(said "network default: $same_mac")"
ip link set port-two nomaster
check mac-over wait_for 20 is running
equal mac-over-problem '' "$(status problem)"
equal mac-over-said 1 "$(said 'it is over that two guests have the MAC address')"

# One IP address. Each of them asks for the gateway, as a guest does whose own table has grown old.
ip -n two link set eth0 down
ip -n two link set eth0 address 52:54:00:00:00:02
ip -n two link set eth0 up
ip -n two addr flush dev eth0 scope global
ip -n two addr add 10.98.1.11/24 dev eth0
ip link set port-two master gn-default
ask() { ip -n "$1" neigh flush dev eth0; ping_from "$1"; }
talk_ip() { ask one; ask two; problem_has "$1"; }
same_ip='two guests have the address 10.98.1.11: 52:54:00:00:00:01 on port port-one and 52:54:00:00:00:02 on port port-two'
check ip-problem wait_for 20 talk_ip "$same_ip"
equal ip-said-once 1 "$(said "network default: $same_ip")"
ip link del port-two
check ip-over wait_for 20 is running
equal ip-over-problem '' "$(status problem)"

kill $netd_pid; reap $netd_pid
ended $journal_pid
grep -E 'ERROR: |runtime error' $root/log && fail log "$(grep -E 'ERROR: |runtime error' $root/log | head -3)"
exit 0
