#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode=bridge with two Uplink= and STP=yes: two cards of the host lead to the same LAN, and no frame goes round.

suite=netd-uplink-two
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/lan.bash"
lan_setup
ip link add eth1 address 02:00:00:00:00:06 type veth peer name host1 netns gw
ip -n gw link set host1 master lan0 up
lan_card
check ra-before wait_for 30 has_ra
remember

two() { lan STP=yes ConfirmTimeout=20s Uplink=eth1 "$@"; }
port_state() { bridge -j link show dev "$1" | jq -r '.[0].state'; }
in_br0() { [ "$(master eth1)" = br0 ]; }
not_in_br0() { ! in_br0; }
one_held_back() { [ "$(port_state eth0; port_state eth1)" = $'forwarding\nblocking' ]; }
frames() { cat /sys/class/net/eth0/statistics/rx_packets; }

# Without the guard it is an error, which says so.
lan Uplink=eth1
matches no-stp 'lan.network:[0-9]+: Uplink=eth1 is a second network card.*say STP=yes' "$(netd --check 2>&1)"
two
netd_start
check start client start lan
check_moved moved
check second in_br0
equal stp 1 "$(ip -d -j link show br0 | jq -r '.[0].linkinfo.info_data.stp_state')"
check held-back wait_for 30 one_held_back
# Broadcasts by both ends, of which one would be enough to fill a loop.
before=$(frames)
for n in 1 2 3 4 5; do
	ip neigh flush dev br0
	ip -n gw neigh flush dev lan0
	check "ping-$n" ping4
done
[ $(($(frames) - before)) -lt 500 ] && pass no-loop || fail no-loop "$(($(frames) - before)) frames for five pings"
equal plan-empty '' "$(plan)"
equal second-accept-ra 0 "$(cat /proc/sys/net/ipv6/conf/eth1/accept_ra)"
# The first one fails: the second takes its place.
ip -n gw link set host down
check failover wait_for 40 ping4
equal failover-state forwarding "$(port_state eth1)"
ip -n gw link set host up
check back-again wait_for 40 one_held_back

# It is kept, and taken up by the next daemon.
ip link set eth1 nomaster
check put-back wait_for 20 in_br0
netd_kill
netd_start
equal restart-plan '' "$(plan)"
check restart-second in_br0
# Not declared any more, and again: the network goes on.
lan STP=yes ConfirmTimeout=20s
client reload
check undeclared wait_for 20 not_in_br0
equal undeclared-accept-ra 1 "$(cat /proc/sys/net/ipv6/conf/eth1/accept_ra)"
check undeclared-goes-on wait_for 20 ping4
ip addr add 192.0.2.66/24 dev eth1
two
client reload
refused() { [[ $(report lan problem) == *'eth1 has an address, 192.0.2.66'* ]] && [ "$(state lan)" = degraded ]; }
check with-address wait_for 20 refused
check with-address-left not_in_br0
ip addr del 192.0.2.66/24 dev eth1
check without-address wait_for 20 in_br0
running() { is running lan; }
check running-again wait_for 20 running
check stop client stop lan
check_restored stop-restores
check stop-second not_in_br0
equal stop-files '' "$(find $root/run -name '*.card')"
# One that is not there keeps nobody waiting.
two Uplink=eth9
client reload
check start-without client start lan
missing() { [[ $(report lan problem) == *'there is no interface eth9'* ]]; }
check missing-told wait_for 20 missing
check missing-second wait_for 20 in_br0
nets_done
check_restored teardown-restores
check teardown-second not_in_br0
