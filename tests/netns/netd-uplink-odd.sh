#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode=bridge with Uplink=: what goes on around a card that was moved. Another name for it, another name for its network, a
# card that is down when it goes back, one that cannot be moved.

suite=netd-uplink-odd
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/lan.bash"
lan_setup
ip link set eth0 up
ip addr add 192.0.2.5/24 brd + dev eth0
ip addr add 2001:db8:2::5/64 dev eth0 nodad
ip route add default via 192.0.2.1 dev eth0
check ra-before wait_for 30 has_ra
remember
accepts_ra() { cat "/proc/sys/net/ipv6/conf/$1/accept_ra"; }
before_ra=$(accepts_ra eth0)

lan ConfirmTimeout=10s
netd_start
check start client start lan
check_moved moved

# The network's file gets another name: the card goes back, and forth for the other one, as it was at first.
network lan
other() { network "$1" '[Network]' Mode=bridge Uplink=eth0 Bridge=br0 ConfirmTimeout=10s "${@:2}"; }
other lan2
client reload
kept2() { grep -qs '^phase kept' $root/run/lan2.card && [ ! -e $root/run/lan.card ] && is running lan2; }
check renamed-network wait_for 30 kept2
check_moved renamed-network-moved
matches renamed-network-knows " accept-ra=$before_ra gen-mode=0" "$(grep '^nic ' $root/run/lan2.card)"
equal renamed-network-accepts-ra 2 "$(accepts_ra br0)"
client stop lan2
check_restored renamed-network-restores
equal renamed-network-accept-ra "$before_ra" "$(accepts_ra eth0)"
network lan2
client reload

# The card gets another name while it is a port: it goes back all the same.
lan ConfirmTimeout=10s
client reload
check renamed-start client start lan
ip link set eth0 name eth7
check renamed-stop client stop lan
renamed_back() { picture eth7 >$root/now; diff $root/before $root/now >$root/diff; }
if wait_for 20 renamed_back; then pass renamed-restores; else fail renamed-restores "$(cat $root/diff)"; fi
ip link set eth7 name eth0

# It is down when it goes back, and was not.
wait_for 20 same_as_before
check down-start client start lan
netd_kill
ip link set eth0 down
check down-teardown "$BIN/guestnetd" "${roots[@]}" --teardown
check_restored down-restores
netd_start
client stop lan

# Its frames are taken by something that only another namespace knows: nothing of it is touched, and it is said why.
unshare -n sleep 1000 &
container=$!
other_namespace() { [ "$(readlink /proc/$container/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
wait_for 10 other_namespace
ip link add mv0 link eth0 type macvlan mode bridge
ip link set mv0 netns $container
remember
ip monitor address route dev eth0 >$root/moves &
watcher=$!
watching() { ip addr add 192.0.2.77/32 dev eth0; ip addr del 192.0.2.77/32 dev eth0; grep -q 'Deleted.*192.0.2.77' $root/moves; }
wait_for 10 watching
n=$(wc -l <$root/moves)
matches macvlan-refused 'eth0: cannot make it a port: something else takes its frames already: a macvlan' "$(say start lan)"
equal macvlan-untouched '' "$(tail -n +$((n + 1)) $root/moves | grep '^Deleted' | grep -v 192.0.2.77)"
check macvlan-same wait_for 10 same_as_before
client stop lan
check_restored macvlan-restores
kill $watcher $container
reap $watcher $container
wait_for 10 same_as_before
check macvlan-gone client start lan
check_moved macvlan-gone-moved
nets_done
check_restored teardown-restores
