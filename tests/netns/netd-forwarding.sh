#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Forwarding belongs to the host: it keeps its own IPv6 route by router advertisements, interfaces that were taken out of
# forwarding stay out, systemd-sysctl is told, and with ForwardGuard=yes the host routes for us alone.
# Namespaces: this one is the host; "guest" has a veth port on the bridge; "internet" is behind the uplink and sends
# router advertisements; "lan" is behind a third interface.

suite=netd-forwarding
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_folders

bridge=gn-default
network() {	# LINE...: the network's file
	printf '%s\n' '[Network]' 'Mode=nat' "Bridge=$bridge" "$@" '[Address]' 'Address=10.70.1.1/24' 'Address=fd70::1/64' \
		'[DNS]' 'Enable=no' >$root/vendor/networks/default.network
}
teardown() { netd --teardown; }
value() { cat "/proc/sys/net/$1"; }
is() { [ "$(value "$1")" = "$2" ]; }
put() { echo "$2" >"/proc/sys/net/$1"; }

# The neighbourhood
for name in internet guest lan; do ip netns add $name || exit 1; done
ip link add up0 type veth peer name eth0 netns internet
ip link add lan0 type veth peer name eth0 netns lan
ip link add port0 type veth peer name eth0 netns guest
ip addr add 198.51.100.2/24 dev up0
ip addr add 192.0.2.1/24 dev lan0
ip addr add 2001:db8:2::1/64 dev lan0 nodad
for name in internet guest lan; do
	ip netns exec $name sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0
	ip -n $name link set lo up
	ip -n $name link set eth0 up
done
put ipv6/conf/up0/accept_dad 0
ip link set up0 up
ip link set lan0 up
ip -n internet addr add 198.51.100.1/24 dev eth0
ip -n internet addr add 2001:db8:51::1/64 dev eth0
ip -n internet route add 192.0.2.0/24 via 198.51.100.2
ip -n lan addr add 192.0.2.5/24 dev eth0
ip -n lan addr add 2001:db8:2::5/64 dev eth0
ip -n lan route add default via 192.0.2.1
ip -n lan route add default via 2001:db8:2::1
ip -n guest addr add 10.70.1.5/24 dev eth0
ip -n guest addr add fd70::5/64 dev eth0
plug() {
	ip link set port0 master $bridge up
	ip -n guest route replace default via 10.70.1.1
	ip -n guest -6 route replace default via fd70::1
}
ip netns exec internet busybox nc -ll -p 7777 -e cat >/dev/null 2>&1 &
ip netns exec internet dnsmasq --conf-file=/dev/null --no-daemon --port=0 --interface=eth0 --enable-ra \
	--dhcp-range=2001:db8:51::,ra-only,64 --ra-param=eth0,4,60 --pid-file= --user=root >$root/ra.log 2>&1 &
flow() { [ "$(echo hello | timeout 5 ip netns exec "$1" busybox nc -w 3 "$2" 7777 2>/dev/null)" = hello ]; }
no_flow() { ! flow "$@"; }
guest_works() { flow guest 198.51.100.1 && flow guest 2001:db8:51::1; }
has_route() { ip -6 route show default dev up0 proto ra | grep -q via; }
own_address() { ip -6 -j addr show dev up0 scope global dynamic | jq -r '.[0].addr_info[0].local // empty'; }
has_address() { [ -n "$(own_address)" ]; }

# Before us the host is a host.
put ipv4/ip_forward 0
put ipv6/conf/all/forwarding 0
check uplink-before wait_for 60 eval 'has_route && has_address'
equal uplink-takes-them 1 "$(value ipv6/conf/up0/accept_ra)"
ip -n internet -6 route replace 2001:db8:2::/64 via "$(own_address)"

# Forwarding goes on, and the host keeps its route.
network
netd_start
check started wait_for 30 settled
plug
equal forwarding4 1 "$(value ipv4/ip_forward)"
equal forwarding6 1 "$(value ipv6/conf/all/forwarding)"
equal uplink-goes-on-taking-them 2 "$(value ipv6/conf/up0/accept_ra)"
check uplink-kept has_route
equal bridge-takes-none 0 "$(value ipv6/conf/$bridge/accept_ra)"
ip -6 route del default dev up0 proto ra
check uplink-route-comes-again wait_for 60 has_route
check guest-flows wait_for 20 guest_works
equal snippet 'net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1' "$(grep -v '^#' $root/run/sysctl.conf)"
# Without the guard the host routes for everybody.
check open4 wait_for 20 flow lan 198.51.100.1
check open6 wait_for 20 flow lan 2001:db8:51::1

# An interface that was taken out of forwarding stays out, whoever turns the host's switch.
put ipv4/conf/lan0/forwarding 0
put ipv6/conf/lan0/forwarding 0
# A repair shows that the daemon has looked since.
ip link set $bridge down
check taken-out wait_for 20 eval "ip link show $bridge up | grep -q . && settled"
put ipv4/ip_forward 0
put ipv6/conf/all/forwarding 0
check switched-on wait_for 20 eval 'is ipv4/ip_forward 1 && is ipv6/conf/all/forwarding 1 && settled'
equal stays-out4 0 "$(value ipv4/conf/lan0/forwarding)"
equal stays-out6 0 "$(value ipv6/conf/lan0/forwarding)"
equal others-go-on 11 "$(value ipv4/conf/up0/forwarding)$(value ipv6/conf/up0/forwarding)"
check out-guest-flows wait_for 20 guest_works
check uplink-survived-it wait_for 60 has_route
# New interfaces do not forward: ours do.
put ipv4/conf/default/forwarding 0
put ipv6/conf/default/forwarding 0
ip link del $bridge
check bridge-again wait_for 20 eval "is ipv4/conf/$bridge/forwarding 1 && is ipv6/conf/$bridge/forwarding 1 && settled"
plug
check bridge-again-flows wait_for 20 guest_works
put ipv4/conf/default/forwarding 1
put ipv6/conf/default/forwarding 1
put ipv4/conf/lan0/forwarding 1
put ipv6/conf/lan0/forwarding 1
check taken-in wait_for 20 flow lan 198.51.100.1

# The guard: nothing between others, not even what had begun before; everything of ours.
ip netns exec internet $world/tools/netd-flow serve 7778 >/dev/null 2>&1 &
mkfifo $root/talk
exec 7<>$root/talk
ip netns exec lan $world/tools/netd-flow talk 198.51.100.1 7778 <$root/talk >$root/talked 7>&- &
said() {	# LINE heard|lost: the fate of one more line of the one long flow
	echo "$1" >&7
	wait_for 6 grep -q "^$1 " $root/talked
	grep -qx "$1 $2" $root/talked
}
check long-flow said before heard
check long-flow-again said once-more heard
network ForwardGuard=yes
kill -HUP $netd_pid
guarded() { nft list set inet guestnet guard | grep -q 'ipv4, ipv6'; }
check guarded wait_for 20 guarded
check guard-flows wait_for 20 guest_works
check guard-closed4 no_flow lan 198.51.100.1
check guard-closed6 no_flow lan 2001:db8:51::1
check guard-long-flow said guarded lost
matches guard-why 'the host routes for its networks only \(ForwardGuard=yes\)' "$(client why 192.0.2.5 198.51.100.1:7777 --json 2>&1 | jq -r .reason)"
equal guard-last 'meta nfproto @guard drop' "$(nft list chain inet guestnet from_bridge | grep -v '}' | tail -n 1 | sed 's/^[ \t]*//')"
# It is known beyond the daemon that the host did not forward before us.
netd_kill
netd_start
check guard-restarted wait_for 30 settled
check guard-restarted-there guarded
check guard-restarted-flows wait_for 20 guest_works
check guard-restarted-closed no_flow lan 198.51.100.1
network
kill -HUP $netd_pid
check guard-gone wait_for 20 eval '! guarded'
check guard-gone-open wait_for 20 flow lan 198.51.100.1
check guard-gone-long-flow said afterwards heard
exec 7>&-

# Routes of others that lead where the network is: named as long as they are there, and also at the start.
status() { client status default --json 2>/dev/null | jq -r ".[0].$1"; }
equal_to_none() { [ "$(status state) $(status problem)" = 'running ' ]; }
told() { [ "$(status state)" = "$1" ] && [[ $(status problem) == *"$2"* ]]; }
ip route add 10.0.0.0/8 dev lan0
check route-wider wait_for 20 told running 'the host has a route to 10.0.0.0/8 by lan0, and this network is a part of that'
check route-wider-flows wait_for 20 guest_works
ip route add 10.70.1.128/25 dev lan0
check route-inside wait_for 20 told degraded 'the host has a route to 10.70.1.128/25 by lan0, which is inside 10.70.1.0/24'
equal route-fix 'guestnet edit default' "$(status fix)"
ip route del 10.0.0.0/8 dev lan0
netd_kill
netd_start
check route-at-start wait_for 20 told degraded 10.70.1.128/25
ip route del 10.70.1.128/25 dev lan0
# In a table that only rules lead to: it may matter, and is no fault of the network's.
ip route add 10.70.1.0/25 dev lan0 table 77
check route-table wait_for 20 told running 'routing table 77 has a route to 10.70.1.0/25 by lan0, and this network is 10.70.1.0/24: where a rule'
ip route del 10.70.1.0/25 dev lan0 table 77
check route-table-gone wait_for 20 equal_to_none
ip route add fd70::/48 dev lan0
check route-wider6 wait_for 20 told running 'fd70::/48 by lan0'
ip route del fd70::/48 dev lan0
# An interface that goes takes its routes along, and the kernel does not tell.
ip link add gone0 type veth peer name gone1
ip link set gone0 up
ip link set gone1 up
ip route add 10.70.1.64/26 dev gone0
check route-before wait_for 20 told degraded 10.70.1.64/26
ip route add 172.30.0.0/24 dev lan0
ip link set gone0 mtu 1400
check route-among-others told degraded 10.70.1.64/26
ip link del gone0
check route-gone wait_for 20 equal_to_none

equal status-forwarding 'ipv4 ipv6' "$(status forwarding)"

# Nobody needs it: forwarding stays, and nothing is told to turn it on again.
client stop default
equal stopped-status-forwarding '' "$(status forwarding)"
equal stopped-forwards 1 "$(value ipv4/ip_forward)"
equal stopped-snippet '' "$(grep -v '^#' $root/run/sysctl.conf)"
netd_stop
teardown
equal teardown-forwards 1 "$(value ipv4/ip_forward)"

# The next boot: forwarding is off, nothing has been advertised yet. The interface is remembered.
rm -rf $root/run/*
put ipv4/ip_forward 0
put ipv6/conf/all/forwarding 0
put ipv6/conf/up0/accept_ra 0
ip -6 route flush proto ra
ip -6 addr flush dev up0 scope global
put ipv6/conf/up0/accept_ra 1
netd_start
check boot-started wait_for 30 settled
equal boot-remembered 2 "$(value ipv6/conf/up0/accept_ra)"
netd_stop
teardown

# A host that is a router already: its switches are its own, and there is nothing to guard.
rm -rf $root/run/*
put ipv4/ip_forward 1
put ipv6/conf/all/forwarding 1
put ipv6/conf/up0/accept_ra 1
network ForwardGuard=yes
netd_start
check router-started wait_for 30 settled
plug
check router-flows wait_for 20 guest_works
equal router-accept-ra 1 "$(value ipv6/conf/up0/accept_ra)"
check router-unguarded eval '! guarded'
check router-open wait_for 20 flow lan 198.51.100.1
netd_stop
teardown
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
