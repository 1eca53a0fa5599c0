#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode=bridge with Uplink=: what goes on around a card that was moved. Another name for it, another name for its network, a
# card that is down when it goes back or cannot be moved, routes beside its own, addresses that end.

suite=netd-uplink-odd
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/lan.bash"
lan_setup
lan_card
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
wait_for 20 restored

# The host has a route to the same place elsewhere, with the same metric: both are there at any time.
beside() { [ "$(ip -6 route show 2001:db8:77::/48 | grep -c "$1")" = 1 ] && [ "$(ip -6 route show 2001:db8:77::/48 | grep -c 'dev side0')" = 1 ]; }
ip link add side0 type veth peer name side1
ip link set side0 up
ip link set side1 up
ip -6 route add 2001:db8:77::/48 dev side0 metric 1024
ip -6 route append 2001:db8:77::/48 via 2001:db8:2::1 dev eth0 metric 1024
check beside-before beside 'dev eth0'
# An address that lasts for an hour.
ip addr add 2001:db8:2::77/64 dev eth0 nodad valid_lft 3600 preferred_lft 1800
client start lan
check beside-moved wait_for 10 beside 'dev br0'
# A router lets it end early: it does not come back, and what is lost does.
has() { ip -6 addr show dev br0 | grep -q "$1"; }
check short-moved wait_for 10 has 2001:db8:2::77/64
ip addr change 2001:db8:2::77/64 dev br0 valid_lft 2 preferred_lft 1
short_gone() { ! has 2001:db8:2::77/64; }
check short-ends wait_for 30 short_gone
ip addr del 2001:db8:2::5/64 dev br0
check short-others-come-back wait_for 10 has 2001:db8:2::5/64
check short-stays-gone short_gone
client stop lan
check beside-back wait_for 10 beside 'dev eth0'
wait_for 20 free
ip link del side0
ip -6 route del 2001:db8:77::/48

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

# The host forwards, and no advertisement counts on the card: none does on the bridge.
client stop lan
wait_for 20 restored
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
remember
client start lan
check_moved router-moved
equal router-accepts-no-ra 1 "$(accepts_ra br0)"
matches router-knows ' accept-ra=1 gen-mode=0 ra-ignored=1' "$(grep '^nic ' $root/run/lan.card)"
rm $root/run/lan.card
netd_kill
netd_start
check router-file-lost wait_for 20 kept
equal router-file-lost-accepts-no-ra 1 "$(accepts_ra br0)"
client stop lan
check_restored router-restores
equal router-accept-ra 1 "$(accepts_ra eth0)"
echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
check router-no-more wait_for 30 has_ra
remember
client start lan
check_moved inner-before

# A network that leaves by this card alone leaves by the bridge while that has it.
network inner '[Network]' Mode=nat Uplink=eth0 '[Address]' Address=10.90.1.1/24
netd_reload
guest inner gn-inner 10.90.1.5 -
leaves() { in_ns inner busybox ping -c1 -W1 192.0.2.1 >/dev/null; }
check inner-by-bridge wait_for 20 leaves
client stop lan
check inner-by-card wait_for 20 leaves
wait_for 20 restored
client start lan
nets_done
check_restored teardown-restores
