#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode=bridge with Uplink=: what belongs to a host's network card besides addresses and routes (rules of routing, neighbours,
# values below /proc/sys/net); a state file that is lost; DHCP clients that go on working on the card.

suite=netd-uplink-host
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/lan.bash"
lan_setup

# The host: addresses of both families, a table of its own that rules lead to, neighbours, values that are not the usual ones.
ip link set eth0 up
ip addr add 192.0.2.5/24 brd + dev eth0
ip addr add 192.0.2.6/24 dev eth0 label eth0:1
ip addr add 2001:db8:2::5/64 dev eth0 nodad
ip route add default via 192.0.2.1 dev eth0
ip route add 198.18.0.0/24 via 192.0.2.1 table 77
ip -6 route add 2001:db8:78::/48 via 2001:db8:2::1 table 77
ip rule add iif eth0 fwmark 0x10/0xf0 lookup 77 priority 1000
ip rule add not from 192.0.2.0/24 oif eth0 ipproto tcp dport 80-90 lookup 77 priority 1001
ip rule add iif eth0 oif eth0 uidrange 5-7 prohibit priority 1002
ip rule add from 192.0.2.6 lookup 77 priority 1003
ip rule add iif lo lookup 77 priority 1004
ip -6 rule add iif eth0 lookup 77 suppress_prefixlength 0 priority 1005
# As NetworkManager does it: the address brings no route, and the route looks like the kernel's.
ip addr add 203.0.113.5/24 dev eth0 noprefixroute
ip route add 203.0.113.0/24 dev eth0 proto kernel scope link src 203.0.113.5 metric 100
ip route add 198.18.7.0/24 via 203.0.113.1 metric 100
ip neigh add 192.0.2.40 lladdr 02:00:00:00:40:40 dev eth0 nud permanent
ip -6 neigh add 2001:db8:2::40 lladdr 02:00:00:00:40:40 dev eth0 nud permanent
ip neigh add proxy 192.0.2.41 dev eth0
ip -6 neigh add proxy 2001:db8:2::41 dev eth0
values='ipv4/rp_filter=2 ipv4/arp_ignore=1 ipv4/arp_announce=2 ipv4/proxy_arp=1 ipv4/log_martians=1 ipv4/forwarding=1 ipv6/use_tempaddr=2 ipv6/hop_limit=63 ipv6/proxy_ndp=1'
for value in $values; do echo "${value#*=}" >"/proc/sys/net/${value%%/*}/conf/eth0/$(basename "${value%=*}")" || fail setup "$value"; done
echo 2 >/proc/sys/net/ipv6/conf/eth0/accept_ra
check ra-before wait_for 30 has_ra
sysctls() { local value; for value in $values; do echo "${value%=*}=$(cat "/proc/sys/net/${value%%/*}/conf/$1/$(basename "${value%=*}")")"; done | tr '\n' ' '; }
rules() { { ip rule; ip -6 rule; } | sed "s/ \[detached\]//; s/ $1\( \|\$\)/ DEV\1/g"; }
# Each of these as often as it is: a rule or a neighbour may not be there twice.
hosts() { { ip neigh show dev "$1" nud permanent; ip neigh show proxy; ip -6 neigh show proxy; } | sed "s/ dev $1//; s/ *$//" | grep -v 'ff02\|ff05' | sort; }
# Temporary addresses and those by advertisement come and go.
picture() {
	ip -j addr show dev "$1" | jq -S --arg dev "$1" '.[0].addr_info | map(select(.dynamic != true) | del(.valid_life_time, .preferred_life_time, .tentative) |
		.label |= (if . then sub("^" + $dev; "DEV") else . end) | del(.protocol)) | sort_by(.local)'
	{ ip route show table all; ip -6 route show table all; } | grep " dev $1 " | grep -v 'table local\|proto ra\|proto kernel\|multicast' | sed "s/ dev $1 / /; s/ expires [^ ]*//" | sort
	ip route show dev "$1" 203.0.113.0/24
	rules "$1"
	hosts "$1"
}
remember
ip link show eth0 >/dev/null
before=$(sysctls eth0)
whole() { restored && [ "$(cat /proc/sys/net/ipv6/conf/eth0/accept_ra)" != 0 ]; }
check_whole() { if wait_for 30 whole; then pass "$1"; else fail "$1" "$(cat $root/diff; ls $root/run)"; fi; }

lan ConfirmTimeout=10s
netd_start
check start client start lan
check_moved moved
equal sysctls "$before" "$(sysctls br0)"
equal rules-of-card '' "$({ ip rule; ip -6 rule; } | grep eth0)"
equal neighbours-of-card '' "$({ ip neigh show dev eth0 nud permanent; ip neigh show proxy dev eth0; } | grep -v 'ff02\|ff05')"
equal plan-empty '' "$(plan)"
# A bridge that is made anew is what the card was, too.
ip link del br0
again() { kept && moved && [ "$(sysctls br0)" = "$before" ]; }
check_again() { if wait_for 20 again; then pass "$1"; else fail "$1" "$(cat $root/diff; sysctls br0)"; fi; }
check_again bridge-made-anew
# Packets take the table that the rule leads to.
matches rule-in-force 'table 77' "$(ip route get 198.18.0.9 from 192.0.2.6 2>&1; ip rule show iif br0 priority 1000 | sed 's/lookup/table/')"
check stop client stop lan
check_whole stop-restores
equal stop-sysctls "$before" "$(sysctls eth0)"

# The state file is lost: the bridge shows what the card had.
move() { client start lan >/dev/null && wait_for 10 kept; }
check lost-move move
rm $root/run/lan.card
check lost-stop client stop lan
check_whole lost-while-running
# While no daemon is there: it goes on with the network, and gives back what it finds.
check lost-move-2 move
netd_kill
rm $root/run/lan.card
netd_start
check lost-adopted wait_for 20 kept
check_moved lost-adopted-moved
equal lost-adopted-plan '' "$(plan)"
check lost-written-again test -s $root/run/lan.card
client stop lan
check_whole lost-then-stopped
# The network is none any more, or its file cannot be read.
check lost-move-3 move
netd_kill
echo nonsense >$root/run/lan.card
network lan
netd_start
check_whole lost-and-undeclared
lan
client reload
check lost-move-4 move
netd_kill
rm $root/run/lan.card
"$BIN/guestnetd" "${roots[@]}" --plan >$root/planned 2>&1
check lost-plan-looks test ! -e $root/run/lan.card
check lost-teardown "$BIN/guestnetd" "${roots[@]}" --teardown
check_whole lost-and-torn-down

# DHCP clients. What they keep is theirs alone here.
rm -f $root/run/lan.wanted
echo 0 | tee /proc/sys/net/bridge/bridge-nf-call-{ip,ip6}tables >/dev/null 2>&1
ip addr flush dev eth0
ip route flush table 77
ip rule flush; ip rule add lookup main priority 32766; ip -6 rule flush; ip -6 rule add lookup main priority 32766
echo 0 >/proc/sys/net/ipv6/conf/eth0/use_tempaddr
mkdir -p $root/var
mount -t tmpfs tmpfs $root/var && mkdir -p $root/var/{dhcp,dhcpcd} && mount --bind $root/var /var/lib || exit 1
: >$root/resolv.conf
touch /etc/resolv.conf && mount --bind $root/resolv.conf /etc/resolv.conf
printf '#!/bin/sh\n[ "$1" = deconfig ] && ip -4 addr flush dev $interface\n[ "$1" = bound ] || [ "$1" = renew ] && ip addr replace $ip/24 dev $interface && ip route replace default via $router dev $interface\n:\n' >$root/udhcpc
chmod 755 $root/udhcpc
network other
lan ConfirmTimeout=10s
netd_start
leased() { ip -4 -j addr show dev "$1" | jq -r '.[0].addr_info[].local' | grep -q '^192\.0\.2\.1[0-5][0-9]$'; }
problem() { report lan problem; }
says() { [[ $(problem) =~ $1 ]]; }
check_says() { if wait_for 20 says "$2"; then pass "$1"; else fail "$1" "$(problem)"; fi; }
clean() { [ "$(state lan)" = running ] && [ -z "$(problem)" ]; }
on_card() { ip -4 addr flush dev eth0; "$@" >>$root/clients 2>&1; wait_for 30 leased eth0; }
# A client of the same name and interface in another namespace is none of this card's.
ip link add other type veth peer name eth0 netns guest
ip link set other up
ip -n guest link set eth0 up
ip netns exec guest busybox udhcpc -i eth0 -f -t 1000 -T 100 -s /bin/true >/dev/null 2>&1 &
check client-none eval 'ip addr add 192.0.2.5/24 dev eth0; ip route replace default via 192.0.2.1; client start lan; wait_for 10 clean'
client stop lan
check_client() {	# PROGRAM START...: it is named; what we say to do leaves a client that works on the bridge
	local name=$1 fix
	shift
	check "$name-lease" on_card "$@"
	check "$name-start" client start lan
	check "$name-moved" wait_for 10 leased br0
	check_says "$name-named" "the DHCP client $name \(pid [0-9]+\) works on eth0"
	fix=$(report lan fix)
	matches "$name-fix" "^kill [0-9]+ && $name .*br0\$" "$fix"
	kill -0 "$(sed -n 's/^kill \([0-9]*\) .*/\1/p' <<<"$fix")" && pass "$name-runs" || fail "$name-runs" "$fix"
	check "$name-done" sh -c "${fix/udhcpc/busybox udhcpc -s $root/udhcpc}" >>$root/clients 2>&1
	if wait_for 30 clean; then pass "$name-quiet"; else fail "$name-quiet" "$(problem)"; fi
	check "$name-on-bridge" wait_for 30 leased br0
	check "$name-ping" wait_for 10 ping4
	client stop lan
	check "$name-back" wait_for 10 leased eth0
	end_clients
}
end_clients() {
	local pid
	for pid in $(pgrep -x 'dhclient|dhcpcd|busybox'); do
		[ "$(stat -c %i /proc/$pid/net/dev 2>/dev/null)" = "$(stat -c %i /proc/self/net/dev)" ] && grep -qzE 'dhc' /proc/$pid/cmdline && kill $pid
	done
	wait_for 10 no_clients
}
no_clients() { ! pgrep -x 'dhclient|dhcpcd' >/dev/null; }
check_client udhcpc busybox udhcpc -i eth0 -b -s $root/udhcpc
if need dhclient dhclient; then
	mkdir -p /etc/dhcp
	check_client dhclient dhclient -4 eth0
fi
if need dhcpcd dhcpcd; then
	check_client dhcpcd dhcpcd -4 eth0
	ip addr add 192.0.2.5/24 dev eth0
	ip route replace default via 192.0.2.1
	dhcpcd -4 >>$root/clients 2>&1
	check dhcpcd-all-start client start lan
	check_says dhcpcd-all-named 'the DHCP client dhcpcd \(pid [0-9]+\) works on eth0.*it looks after all interfaces'
	client stop lan
	end_clients
fi
ip addr flush dev eth0
nets_done
