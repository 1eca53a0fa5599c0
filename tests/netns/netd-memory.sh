#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How much the daemon holds: 4 MB with one network, and 4 kB more for each further one. Measured when the kernel has told of all of
# them; a sanitised daemon holds more for its own reasons.
suite=netd-memory
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_folders
case $BIN in */asan/*) skip all "a sanitised daemon holds more for its own reasons"; exit 0;; esac

off=('[DHCP]' Enable=no '[DNS]' Enable=no)
many=500
network n1 '[Network]' '[Address]' Address=10.90.1.1/24 Address=fd90:1::1/64 "${off[@]}"
held() { awk -v key="$1:" '$1 == key { print $2 }' /proc/$netd_pid/status; }
switches() { awk '/^(non)?voluntary_ctxt/ { n += $2 } END { print n }' /proc/$netd_pid/status; }
# The kernel says of new bridges that they have no carrier, a hundred a second; the daemon looks at them then.
carriers_told() { ! ip -o link show type bridge | grep -q 'state UNKNOWN'; }
quiet() { local n; n=$(switches); wait_for 3 false; [ "$n" = "$(switches)" ]; }
at_rest() { check "$1-up" wait_for 60 all_running; check "$1-told" wait_for 60 carriers_told; check "$1-quiet" wait_for 60 quiet; }

netd_start
at_rest one
resident=$(held VmRSS) one=$(held RssAnon)
check one-4MB [ "$resident" -le 4096 ]
for ((i = 2; i <= many; i++)); do
	mode=nat
	[ $((i % 2)) = 1 ] || mode=isolated
	network n$i '[Network]' Mode=$mode '[Address]' Address=10.$((100 + i / 256)).$((i % 256)).1/24 Address=fd90:$(printf %x $i)::1/64 "${off[@]}"
done
netd_stop
netd_start
at_rest many
# As it happens, the last that the kernel told was a few networks or many. What a look at few has left free stays, up to 256 kB
# (HEAP_FREE); what a look at everything takes is given back, but for 64 kB that lie ready for the next change (HEAP_READY).
more=$(($(held RssAnon) - one))
check many-4kB-each [ $more -le $((4 * (many - 1) + 256)) ]
ip link add probe type bridge
ip link set probe up
ip link del probe
check looked-quiet wait_for 60 quiet
more=$(($(held RssAnon) - one))
check looked-4kB-each [ $more -le $((4 * (many - 1) + 64)) ]

# While so many come up nobody listens to the kernel (monitor_skip()). What others do afterwards is heard: an address goes, a
# firewall that drops comes, and a table that has no owner is deleted. What they did meanwhile is seen.
address='10.100.2.1/24 dev gn-n2'
has_address() { ip -4 addr show dev gn-n2 | grep -q "inet ${address%% *} "; }
ip addr del $address
check heard-address wait_for 30 has_address
placed() { nft list chain ip filter FORWARD | grep -q 'iifname "gn-n1" .*comment "guestnet'; }
nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'
check heard-firewall wait_for 30 placed
nft delete table ip filter
netd_stop
nft delete table inet guestnet 2>/dev/null
world_plain_tables
ip addr flush scope global
(until ip addr del $address; do :; done; : >$root/taken) 2>/dev/null &
netd_start
at_rest plain
check taken wait_for 10 test -e $root/taken
check taken-seen wait_for 30 has_address
nft delete table inet guestnet
check heard-table wait_for 30 nft list chain inet guestnet forward
netd_stop
