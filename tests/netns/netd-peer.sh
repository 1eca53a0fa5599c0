#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks that reach each other because both want it, and no others; TCP to where packets must be smaller.
# Namespaces: this one is the host; "ga", "gb" and "gc" are guests of a, b and c; "internet" is behind up0, whose MTU is 1400.

suite=netd-peer
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

a=('[Address]' Address=10.91.1.1/24 Address=fd91::1/64)
b=('[Address]' Address=10.92.1.1/24 Address=fd92::1/64)
network a "${a[@]}"
network b '[Network]' Mode=route "${b[@]}"
network c '[Network]' Peer=a '[Address]' Address=10.93.1.1/24 Address=fd93::1/64
netd_start
check up wait_for 30 settled
guest ga gn-a 10.91.1.5 fd91::5
guest gb gn-b 10.92.1.5 fd92::5
guest gc gn-c 10.93.1.5 fd93::5
for ns in ga gb gc; do serve $ns 80; done
check before refused ga 10.92.1.5 80
matches one-sided-named 'Peer=a: network a does not name this one' "$(report c problem)"
network a '[Network]' Peer=b "${a[@]}"
netd_reload
check one-sided refused ga 10.92.1.5 80
network b '[Network]' Mode=route Peer=a "${b[@]}"
netd_reload
equal there 10.91.1.5 "$(seen ga 10.92.1.5 80)"
equal back 10.92.1.5 "$(seen gb 10.91.1.5 80)"
equal there6 fd91::5 "$(seen ga fd92::5 80)"
equal back6 fd92::5 "$(seen gb fd91::5 80)"
check others refused gc 10.91.1.5 80
check others6 refused ga fd93::5 80
in_ns gc ip addr add 10.92.1.9/32 dev eth0
forged() { in_ns gc "$seen_tool" ask tcp 10.91.1.5 80 10.92.1.9; }
if forged; then fail forged "a forged source was answered"; else pass forged; fi
# Taken away: what goes on ends, too.
in_ns gb busybox nc -ll -p 7000 -e cat >/dev/null 2>&1 &
wait_for 20 listens gb 7000
mkfifo $tmp/long.in
exec 9<>$tmp/long.in
in_ns ga busybox nc 10.92.1.5 7000 <&9 >$tmp/long.out 2>/dev/null &
echo hello >&9
check long-flow wait_for 20 grep -q hello $tmp/long.out
network b '[Network]' Mode=route "${b[@]}"
netd_reload
check withdrawn refused ga 10.92.1.5 80
: >$tmp/long.out
echo again >&9
if wait_for 2 grep -q again $tmp/long.out; then fail withdrawn-flow "the flow goes on"; else pass withdrawn-flow; fi

# --- MSS: a SYN leaves with what the way out can carry -----------------------------------------
if command -v tcpdump >/dev/null; then
	ip link set up0 mtu 1400
	ip -n internet link set eth0 mtu 1400
	serve internet 7777
	in_ns internet timeout 60 tcpdump -lnn -i eth0 'tcp[tcpflags] & tcp-syn != 0 or (ip6 and tcp)' >$tmp/syn 2>/dev/null &
	capture_pid=$!
	mss() { asked "$1" "$2" 7777 >/dev/null; grep -o "$3.*Flags \[S\].*mss [0-9]*" $tmp/syn | grep -o 'mss [0-9]*' | head -n 1; }
	captured() { [ -n "$(mss ga 198.51.100.1 198.51.100.2)" ]; }
	wait_for 20 captured
	equal mss 'mss 1360' "$(mss ga 198.51.100.1 198.51.100.2)"
	captured6() { [ -n "$(mss ga 2001:db8:51::1 2001:db8:51::2)" ]; }
	wait_for 20 captured6
	ip -n internet route add 10.92.1.0/24 via 198.51.100.2
	captured_route() { [ -n "$(mss gb 198.51.100.1 10.92.1.5)" ]; }
	wait_for 20 captured_route
	equal mss-route 'mss 1360' "$(mss gb 198.51.100.1 10.92.1.5)"
	equal mss6 'mss 1340' "$(mss ga 2001:db8:51::1 2001:db8:51::2)"
	ended $capture_pid
else
	skip mss "tcpdump is not installed"
fi
nets_done
