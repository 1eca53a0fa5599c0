#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Prefixes behind guests, [Route], with real packets: sources that are believed and no others, translated as the network's
# own, for the host, neighbours, peers and outside; kept, live changed, withdrawn; somebody else's route is said and stays.
# Namespaces: this one is the host; "router" and "other" are guests of f and lead to "behind" and "beyond"; "peer" is a
# guest of f, "far" of the peer g, "lone" of h; "inner" of the isolated i, where "door" leads to "cellar".

suite=netd-route
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

f=('[Address]' Address=10.96.1.1/24 Address=fd96::1/64)
routes=('[Route]' Destination=10.50.0.0/16 Gateway=10.96.1.5 '[Route]' Destination=fd50::/48 Gateway=fd96::5
	'[Route]' Destination=10.51.0.0/16 Gateway=10.96.1.6 Metric=9 '[Route]' Destination=10.51.7.0/24 Gateway=10.96.1.5)
i=('[Network]' Mode=isolated '[Address]' Address=10.99.1.1/24
	'[Route]' Destination=10.59.0.0/16 Gateway=10.99.1.5 Advertise=yes)
network f '[Network]' Peer=g "${f[@]}" "${routes[@]}"
network g '[Network]' Peer=f '[Address]' Address=10.97.1.1/24 Address=fd97::1/64
network h '[Address]' Address=10.98.1.1/24 Address=fd98::1/64
network i "${i[@]}"
netd_start
check up wait_for 30 settled

guest router gn-f 10.96.1.5 fd96::5
guest other gn-f 10.96.1.6 fd96::6
guest peer gn-f 10.96.1.7 fd96::7
guest far gn-g 10.97.1.5 fd97::5
guest lone gn-h 10.98.1.5 fd98::5
guest door gn-i 10.99.1.5 -
behind() {	# NAME ROUTER ADDRESS4 ADDRESS6: what a router leads to; - for no address
	local address
	ip netns add "$1"
	ip link add inside netns "$2" type veth peer name eth0 netns "$1"
	in_ns "$2" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	ip -n "$2" link set inside up
	ip -n "$1" link set eth0 up
	ip -n "$1" link set lo up
	ip -n "$2" addr add "${3%.*}.1/24" dev inside
	ip -n "$1" addr add "$3/24" dev eth0
	ip -n "$1" route add default via "${3%.*}.1"
	wait_for 30 has_carrier "$1"
	[ "$4" = - ] && return
	ip -n "$2" addr add "${4%::*}::1/64" dev inside nodad
	ip -n "$1" addr add "$4/64" dev eth0 nodad
	ip -n "$1" route add default via "${4%::*}::1"
}
behind behind router 10.50.0.9 fd50::9
behind beyond other 10.51.0.9 fd51::9
behind cellar door 10.59.0.9 -
for ns in internet behind beyond cellar peer far lone; do serve $ns 7777; done

# --- a network of mode nat ---------------------------------------------------------------------
equal out 198.51.100.2 "$(seen behind 198.51.100.1 7777)"
equal out6 2001:db8:51::2 "$(seen behind 2001:db8:51::1 7777)"
equal out-udp 198.51.100.2 "$(seen behind 198.51.100.1 7777 udp)"
equal host 10.96.1.1 "$(seen host 10.50.0.9 7777)"
equal host6 fd96::1 "$(seen host fd50::9 7777)"
equal neighbour 10.96.1.7 "$(seen peer 10.50.0.9 7777)"
equal neighbour6 fd96::7 "$(seen peer fd50::9 7777)"
equal neighbour-back 10.50.0.9 "$(seen behind 10.96.1.7 7777)"
equal peer-there 10.97.1.5 "$(seen far 10.50.0.9 7777)"
equal peer-there6 fd97::5 "$(seen far fd50::9 7777)"
equal peer-back 10.50.0.9 "$(seen behind 10.97.1.5 7777)"
equal two-routers 10.51.0.9 "$(seen beyond 10.97.1.5 7777)"
check gateway-ping in_ns behind busybox ping -c 1 -W 5 10.96.1.1
check others-refused refused lone 10.50.0.9 7777
check others-refused6 refused behind fd98::5 7777
ip -n internet route add 10.50.0.0/16 via 198.51.100.2
ip -n internet route add fd50::/48 via 2001:db8:51::2
check nat-not-in refused internet 10.50.0.9 7777
in_ns behind ip addr add 10.52.0.9/32 dev eth0
ip -n router route add 10.52.0.0/16 dev inside
forged() { in_ns behind "$seen_tool" ask tcp 198.51.100.1 7777 10.52.0.9; }
if forged; then fail forged "a source that is in no [Route] was answered"; else pass forged; fi
spoofed() { ip -n lone addr add 10.50.0.77/32 dev eth0; in_ns lone "$seen_tool" ask tcp 198.51.100.1 7777 10.50.0.77; }
if spoofed; then fail spoofed "another network's guest was answered with such a source"; else pass spoofed; fi

# --- ports of the host that lead to what is behind a guest ---------------------------------------
network f '[Network]' Peer=g "${f[@]}" "${routes[@]}" '[Forward]' Listen=tcp:8050 To=10.50.0.9:7777 '[Forward]' Listen=tcp:8050 'To=[fd50::9]:7777' \
	'[Forward]' Listen=udp:8051 To=10.51.0.9:7777
matches forward-clash 'takes the port of the one in line' "$(netd --check 2>&1)"
network f '[Network]' Peer=g "${f[@]}" "${routes[@]}" '[Forward]' Listen=tcp:8050 To=10.50.0.9:7777 '[Forward]' Listen=tcp:8056 'To=[fd50::9]:7777' \
	'[Forward]' Listen=udp:8051 To=10.51.0.9:7777
check forward-added netd_reload
answers() { equal "$1" "$2" "$(asked "${@:3}" | cut -d' ' -f3)"; }
answers forward-outside behind internet 198.51.100.2 8050
answers forward-outside6 behind internet 2001:db8:51::2 8056
answers forward-outside-udp beyond internet 198.51.100.2 8051 udp
answers forward-host behind host 198.51.100.2 8050
answers forward-loopback behind host 127.0.0.1 8050
answers forward-neighbour behind peer 198.51.100.2 8050
answers forward-neighbour6 behind peer 2001:db8:51::2 8056
answers forward-other-network behind lone 198.51.100.2 8050
equal forward-source 198.51.100.1 "$(seen internet 198.51.100.2 8050)"
equal forward-told '["10.50.0.9"] ["fd50::9"] ["10.51.0.9"]' "$(report f 'forwards[].addresses | tojson' | tr '\n' ' ' | sed 's/ $//')"
network f '[Network]' Peer=g "${f[@]}" "${routes[@]}"
check forward-removed netd_reload
check forward-withdrawn refused internet 198.51.100.2 8050
equal routes-told '[{"destination":"10.50.0.0/16","gateway":"10.96.1.5","metric":0,"advertise":false},{"destination":"10.51.0.0/16","gateway":"10.96.1.6","metric":9,"advertise":false}]' \
	"$(client status f --json | jq -c '[.[0].routes[0, 2]]')"
matches routes-printed $'\n  route      10\\.59\\.0\\.0/16 by 10\\.99\\.1\\.5, told to guests\n' "$(client status i)"

# --- an isolated network: the host, and guests who are told by DHCP -----------------------------
equal isolated-host 10.99.1.1 "$(seen host 10.59.0.9 7777)"
check isolated-no-way-out refused cellar 198.51.100.1 7777
guest inner gn-i - -
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
set -- $staticroutes
while [ $# -ge 2 ]; do ip route replace $1 via $2; shift 2; done
S
chmod 755 $root/udhcpc
timeout 40 ip netns exec inner busybox udhcpc -i eth0 -f -q -n -t 30 -T 1 -A 1 -O staticroutes -s $root/udhcpc >/dev/null 2>&1
check advertised reaches inner 10.59.0.9 7777
equal advertised-no-way-out '' "$(ip -n inner route show default)"

# --- kept: removed one by one, flushed, the bridge down, gone; the daemon killed ----------------
table() { { ip route show proto 71; ip -6 route show proto 71; } | sed "s/ linkdown//; s/ *$//"; }
declared=$(table)
equal installed 5 "$(wc -l <<<"$declared")"
whole() { [ "$(table)" = "$declared" ] && settled; }
ip route del 10.50.0.0/16
check removed wait_for 20 whole
ip -6 route del fd50::/48
check removed6 wait_for 20 whole
ip route flush proto 71
ip -6 route flush proto 71
check flushed wait_for 20 whole
ip link set gn-f down
check down wait_for 20 whole
ip link del gn-f
check bridge-gone wait_for 20 whole
for ns in router other peer; do ip link set port-$ns master gn-f; done
check bridge-gone-works wait_for 20 reaches behind 198.51.100.1 7777
ip addr flush dev gn-f scope global
check addresses-gone wait_for 20 whole
equal addresses-gone-works 10.50.0.9 "$(seen behind 10.97.1.5 7777)"
kill -9 $netd_pid; reap $netd_pid; rm -f $root/run/bus.sock
ip monitor route >$tmp/events &
events_pid=$!
listening() { ip route add 192.0.2.77/32 dev lo; ip route del 192.0.2.77/32 dev lo; grep -q 'Deleted.*192.0.2.77' $tmp/events; }
wait_for 10 listening
netd_start
check restarted wait_for 30 whole
ended $events_pid
equal restarted-untouched '' "$(grep -E '10\.5|fd50' $tmp/events)"

# --- somebody else's -----------------------------------------------------------------------------
ip route replace 10.50.0.0/16 via 198.51.100.1 dev up0
said() { [[ $(report f problem) == *"$1"* ]]; }
check foreign-said wait_for 20 said 'a route to 10.50.0.0/16 by up0 that is not ours: it comes before'
equal foreign-degraded degraded "$(state f)"
equal foreign-stays 'via 198.51.100.1' "$(ip route show 10.50.0.0/16 | grep -o 'via [0-9.]*')"
ip route del 10.50.0.0/16 via 198.51.100.1
check foreign-gone wait_for 20 whole
ip route add 10.51.0.0/16 metric 3 via 198.51.100.1
check foreign-before wait_for 20 said 'a route to 10.51.0.0/16 by up0'
ip route del 10.51.0.0/16 metric 3
check foreign-before-gone wait_for 20 whole
# A second way of the same metric makes one route of both, which is not ours alone.
ip -6 route append fd50::/48 via fd96::6 dev gn-f
check two-ways wait_for 20 said 'a route to fd50::/48'
ip -6 route del fd50::/48 via fd96::6 dev gn-f
check two-ways-gone wait_for 20 whole
ip route add 10.55.0.0/16 via 10.96.1.5 proto 71
ip route add 10.54.0.0/16 via 198.51.100.1 proto 71
whole_but_one() { [ "$(table | grep -v "^10.54")" = "$declared" ]; }
check unwanted-goes wait_for 20 whole_but_one
equal elsewhere-stays 1 "$(ip route show 10.54.0.0/16 | wc -l)"
ip route del 10.54.0.0/16

# --- live: other routes, another gateway, while a host behind a guest talks ----------------------
in_ns internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens internet 7778
mkfifo $tmp/flow.in
exec 8<>$tmp/flow.in
in_ns behind "$world/tools/netd-flow" flow 198.51.100.1 7778 <&8 >$tmp/flow.out 2>&1 &
flow_pid=$!
echo quiet >$tmp/flow.in
reaches behind 198.51.100.1 7777
echo added >$tmp/flow.in
network f '[Network]' Peer=g "${f[@]}" "${routes[@]}" '[Route]' Destination=10.40.0.0/14 Gateway=10.96.1.6
check added netd_reload
equal added-there 1 "$(ip route show 10.40.0.0/14 proto 71 | wc -l)"
echo taken >$tmp/flow.in
network f '[Network]' Peer=g "${f[@]}" "${routes[@]}"
netd_reload
equal taken-gone '' "$(ip route show 10.40.0.0/14)"
# The other guest leads there, too: both ways are good while the host changes from one to the other.
ip -n other route add 10.50.0.0/16 via 10.96.1.5
ip -n other -6 route add fd50::/48 via fd96::5
echo gateway >$tmp/flow.in
network f '[Network]' Peer=g "${f[@]}" "${routes[@]/#Gateway=*.5/Gateway=10.96.1.6}"
netd_reload
equal gateway-changed 'via 10.96.1.6' "$(ip route show 10.50.0.0/16 | grep -o 'via [0-9.]*')"
network f '[Network]' Peer=g "${f[@]}" "${routes[@]/#Gateway=fd96::5/Gateway=fd96::6}"
netd_reload
equal gateway6-changed 'via fd96::6' "$(ip -6 route show fd50::/48 | grep -o 'via [0-9a-f:]*')"
equal gateway-back 'via 10.96.1.5' "$(ip route show 10.50.0.0/16 | grep -o 'via [0-9.]*')"
echo end >$tmp/flow.in
reported() { [ "$(grep -c sent $tmp/flow.out)" -ge 4 ]; }
check flow-reported wait_for 30 reported
equal flow-unharmed '' "$(grep sent $tmp/flow.out | grep -v ' lost 0 connects [0-9]* failed 0 ')"

# By the link-local address of a guest; and with Mode=open, whose routes are kept though no rule is about them.
ended $flow_pid
network f '[Network]' Peer=g "${f[@]}" "${routes[@]}" '[Route]' Destination=fd51::/48 \
	Gateway="$(ip -n other -6 -j addr show dev eth0 scope link | jq -r '[.[0].addr_info[].local // empty][0]')"
check link-local netd_reload
equal link-local-host fd96::1 "$(seen host fd51::9 7777)"
equal link-local-out 2001:db8:51::2 "$(seen beyond 2001:db8:51::1 7777)"
network f '[Network]' Mode=open "${f[@]}" "${routes[@]}"
check open netd_reload
equal open-host 10.96.1.1 "$(seen host 10.50.0.9 7777)"
equal open-in 198.51.100.1 "$(seen internet 10.50.0.9 7777)"
ip route del 10.50.0.0/16
open_whole() { ip route show 10.50.0.0/16 proto 71 | grep -q 10.96.1.5; }
check open-kept wait_for 20 open_whole

# --- Mode=route: reached from outside ------------------------------------------------------------
network f '[Network]' Mode=route Peer=g "${f[@]}" "${routes[@]}"
netd_reload
equal routed-out 10.50.0.9 "$(seen behind 198.51.100.1 7777)"
equal routed-out6 fd50::9 "$(seen behind 2001:db8:51::1 7777)"
equal routed-in 198.51.100.1 "$(seen internet 10.50.0.9 7777)"
equal routed-in6 2001:db8:51::1 "$(seen internet fd50::9 7777)"

# --- withdrawn: the route, the sources and what goes on ------------------------------------------
in_ns internet busybox nc -ll -p 7000 -e cat >/dev/null 2>&1 &
wait_for 20 listens internet 7000
mkfifo $tmp/long.in
exec 9<>$tmp/long.in
in_ns behind busybox nc 198.51.100.1 7000 <&9 >$tmp/long.out 2>/dev/null &
echo hello >&9
check long-flow wait_for 20 grep -q hello $tmp/long.out
network f '[Network]' Mode=route Peer=g "${f[@]}"
netd_reload
equal withdrawn '' "$(table | grep gn-f)"
check withdrawn-refused refused behind 198.51.100.1 7777
: >$tmp/long.out
echo again >&9
if wait_for 2 grep -q again $tmp/long.out; then fail withdrawn-flow "the flow goes on"; else pass withdrawn-flow; fi
if [ -r /proc/net/nf_conntrack ]; then equal withdrawn-flows '' "$(grep 'src=10\.50\..*dst=198' /proc/net/nf_conntrack)"; fi
check stop client stop i
equal stopped '' "$(table)"
nets_done
