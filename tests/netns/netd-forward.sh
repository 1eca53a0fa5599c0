#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports of the host that lead to guests, with real packets: from outside, from the host itself, from other networks' guests
# and from neighbours and the guest itself by the host's address; by name, Ethernet address and address; following the lease; withdrawn.
# Namespaces: this one is the host; "web" and "peer" are guests of f, "far" of g, "lone" of the isolated i.

suite=netd-forward
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

ip addr add 198.51.100.3/24 dev up0
f=('[Network]' Mode=nat HostAccess=all '[Address]' Address=10.86.1.1/24 Address=fd86::1/64
	'[DHCP]' Range=10.86.1.100-10.86.1.199	# guests with addresses of their own have others
	'[Host]' MACAddress=52:54:00:86:00:01 Name=web Address=10.86.1.5 Address=fd86::5
	'[Host]' MACAddress=52:54:00:86:00:09 Name=away)
forwards=('[Forward]' Listen=tcp:8080 To=web:80 '[Forward]' Listen=udp:5000-5003 To=52:54:00:86:00:01:6000
	'[Forward]' Listen=tcp:198.51.100.3:9090 To=10.86.1.6:80 '[Forward]' 'Listen=tcp:[2001:db8:51::2]:9443' 'To=[fd86::6]:80'
	'[Forward]' Listen=tcp:8081 To=roamer:80 '[Forward]' Listen=tcp:8083 To=Away:80)
network f "${f[@]}" "${forwards[@]}"
network g '[Address]' Address=10.87.1.1/24 Address=fd87::1/64
network i '[Network]' Mode=isolated '[Address]' Address=10.88.1.1/24
netd_start
check up wait_for 30 settled
guest web gn-f 10.86.1.5 fd86::5
guest peer gn-f 10.86.1.6 fd86::6
guest far gn-g 10.87.1.5 fd87::5
guest lone gn-i 10.88.1.5 -
for ns in web peer; do serve $ns 80; done
serve web 6002; serve web 6003
serve host 22

# ID GUEST NAMESPACE ADDRESS PORT [udp]: who answers?
answers() { equal "$1" "$2" "$(asked "${@:3}" | cut -d' ' -f3)"; }
answers outside web internet 198.51.100.2 8080
equal outside-source 198.51.100.1 "$(seen internet 198.51.100.2 8080)"
answers outside6 web internet 2001:db8:51::2 8080
equal outside-source6 2001:db8:51::1 "$(seen internet 2001:db8:51::2 8080)"
answers range-udp web internet 198.51.100.2 5002 udp
answers listen-address peer internet 198.51.100.3 9090
answers listen-address6 peer internet 2001:db8:51::2 9443
check listen-address-only refused internet 198.51.100.2 9090
check not-forwarded refused internet 198.51.100.2 8082
answers host web host 198.51.100.2 8080
answers host-loopback web host 127.0.0.1 8080
answers host6 web host 2001:db8:51::2 8080
answers host-udp web host 198.51.100.2 5002 udp
answers other-network web far 198.51.100.2 8080
answers other-network6 web far 2001:db8:51::2 8080
answers other-network-udp web far 198.51.100.2 5003 udp
answers other-network-udp6 web far 2001:db8:51::2 5003 udp
answers outside-udp6 web internet 2001:db8:51::2 5002 udp
answers host-udp6 web host 2001:db8:51::2 5002 udp
answers other-network-gateway web far 10.87.1.1 8080
answers hairpin web peer 198.51.100.2 8080
answers hairpin6 web peer 2001:db8:51::2 8080
answers hairpin-gateway web peer 10.86.1.1 8080
answers hairpin-udp web peer 198.51.100.2 5002 udp
answers hairpin-udp6 web peer 2001:db8:51::2 5002 udp
# Where br_netfilter shows bridged packets to the rules, neighbours talk without a translation of the source; else, and at
# one's own forward, what comes back must not have a guest's address as its source.
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
	for n in iptables ip6tables; do echo 0 >/proc/sys/net/bridge/bridge-nf-call-$n; done
fi
equal hairpin-source 10.86.1.1 "$(seen peer 198.51.100.2 8080)"
equal hairpin-source6 fd86::1 "$(seen peer 2001:db8:51::2 8080)"
own() {	# ID: does a guest reach itself by the host's addresses?
	local kind port address
	for kind in tcp udp; do
		port=8080
		[ $kind = udp ] && port=5002
		for address in 198.51.100.2 2001:db8:51::2 10.86.1.1 fd86::1; do
			answers $1-$kind-$address web web $address $port $kind
		done
	done
}
own own
equal own-source 10.86.1.1 "$(seen web 198.51.100.2 8080)"
equal own-source6 fd86::1 "$(seen web 2001:db8:51::2 8080)"
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
	for n in iptables ip6tables; do echo 1 >/proc/sys/net/bridge/bridge-nf-call-$n; done
	answers hairpin-bridged web peer 198.51.100.2 8080
	answers hairpin-bridged-udp6 web peer 2001:db8:51::2 5002 udp
	# A guest's own forward is translated before the bridge has decided, which then never sends a frame back where it came from.
	equal own-bridged '' "$(asked web 198.51.100.2 8080)"
	equal own-bridged-udp6 '' "$(asked web 2001:db8:51::2 5002 udp)"
	why_own() { client why 10.86.1.5 198.51.100.2:8080 --json | jq -r '.verdict + " " + .reason'; }
	matches own-bridged-why '^stopped br_netfilter has it translated before bridge gn-f decides' "$(why_own)"
	for n in iptables ip6tables; do echo 0 >/proc/sys/net/bridge/bridge-nf-call-$n; done
	equal own-again-why 'passes ' "$(why_own)"
	answers own-again web web 198.51.100.2 8080
	for n in iptables ip6tables; do echo 1 >/proc/sys/net/bridge/bridge-nf-call-$n; done
else
	skip hairpin-bridged 'the kernel has no br_netfilter'
fi
check isolated refused lone 10.88.1.1 8080
check straight-in refused internet 10.86.1.5 80
# Forwards at 127.0.0.1 open nothing else of the host's to guests, not even with HostAccess=all.
in_ns peer ip route add 127.0.0.2/32 via 10.86.1.1 2>/dev/null
in_ns peer sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet'
answers hostaccess host peer 198.51.100.2 22
check loopback-closed refused peer 127.0.0.2 22

# --- by name, following the lease --------------------------------------------------------------
check roamer-nobody refused internet 198.51.100.2 8081
matches roamer-nobody-told $'\n  forward    tcp:8081 to roamer:80: no lease and no \\[Host\\] says what address that guest has\n' "$(client status f)"
client stop f
matches stopped-told '^.tcp:8080: the network is not up' "$(client status f --json | jq -c '.[0].forwards[0] | "\(.listen): \(.why)"')"
client start f
for ns in web peer; do ip link set port-$ns master gn-f; done
check started-again wait_for 30 settled
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
ip route replace default via $router
S
chmod 755 $root/udhcpc
roam() {	# NAMESPACE [NAME [MAC]]: a guest that calls itself so, or roamer
	guest "$1" gn-f - -
	if [ -n "${3-}" ]; then
		ip -n "$1" link set eth0 down
		ip -n "$1" link set eth0 address "$3" up
	fi
	timeout 40 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 30 -T 1 -A 1 -x hostname:"${2-roamer}" -s $root/udhcpc >/dev/null 2>&1
	serve "$1" 80
}
answered_by() { [ "$(asked internet 198.51.100.2 "${2-8081}" | cut -d' ' -f3)" = "$1" ]; }
roam first
check roamer-found wait_for 30 answered_by first
ip netns del first
roam second
check roamer-followed wait_for 30 answered_by second
# No forward to a [Host] leads to another who calls himself so.
address_of() { ip -n "$1" -4 -j addr show dev eth0 | jq -r '.[0].addr_info[0].local'; }
leased() { client leases f --json | jq -e --arg address "$(address_of "$1")" '.[] | select(.address == $address)' >/dev/null; }
name_is() { in_ns web busybox nslookup -type=a away.f.internal 10.86.1.1 2>&1 | sed -n '/Name:/,$p' | grep -q " $(address_of "$1")\$"; }
roam liar AWAY
check liar-leased wait_for 30 leased liar
check liar-refused refused internet 198.51.100.2 8083
roam away whatever 52:54:00:86:00:09
check away-found wait_for 30 answered_by away 8083
check away-named wait_for 30 name_is away
for ns in liar away; do ip netns del $ns; done
# What is said of them.
told() { report f "forwards[] | select(.listen == \"$1\") | $2"; }	# LISTEN WHAT
equal told-name 'web:80 10.86.1.5 fd86::5 ' "$(told tcp:8080 '[.to, .addresses[], .why] | join(" ")')"
equal told-mac '52:54:00:86:00:01:6000 10.86.1.5 fd86::5 ' "$(told udp:5000-5003 '[.to, .addresses[], .why] | join(" ")')"
equal told-listen-address '["10.86.1.6"]' "$(told tcp:198.51.100.3:9090 '.addresses | tojson')"
equal told-address6 '[fd86::6]:80 fd86::6 ' "$(told 'tcp:[2001:db8:51::2]:9443' '[.to, .addresses[], .why] | join(" ")')"
second=$(ip -n second -4 -j addr show dev eth0 | jq -r '.[0].addr_info[0].local')
equal told-roamer "$second" "$(told tcp:8081 '.addresses | join(" ")')"
printed=$(client status f)
matches printed-name $'\n  forward    tcp:8080 to web:80, now 10\\.86\\.1\\.5 fd86::5\n' "$printed"
matches printed-roamer $'\n  forward    tcp:8081 to roamer:80, now '"$second"$'\n' "$printed"

# --- somebody of the host at the same port -----------------------------------------------------
equal no-listener '' "$(report f problem)"
"$seen_tool" serve 5001 host >/dev/null 2>&1 &
listener_pid=$!
wait_for 20 listens host 5001
client reload >/dev/null
named_udp() { [[ $(report f problem) == *udp:500*netd-seen* ]]; }
check listener-named-udp wait_for 30 named_udp
ended $listener_pid
client reload >/dev/null
unnamed() { [ -z "$(report f problem)" ]; }
check listener-gone wait_for 30 unnamed
serve host 8080
client reload >/dev/null
named() { [[ $(report f problem) == *tcp:8080*netd-seen*8080* ]]; }
check listener-named wait_for 30 named
equal listener-running running "$(state f)"
answers listener-loses web internet 198.51.100.2 8080

# --- changed and withdrawn, while others go on -------------------------------------------------
in_ns web "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
in_ns peer busybox nc -ll -p 7000 -e cat >/dev/null 2>&1 &
wait_for 20 listens web 7778; wait_for 20 listens peer 7000
network f "${f[@]}" "${forwards[@]}" '[Forward]' Listen=udp:7778 To=web '[Forward]' Listen=tcp:7778 To=web '[Forward]' Listen=tcp:7000 To=10.86.1.6
check added netd_reload
mkfifo $tmp/flow.in $tmp/long.in
exec 8<>$tmp/flow.in 9<>$tmp/long.in	# so that no writer waits for a reader that has ended
in_ns internet "$world/tools/netd-flow" flow 198.51.100.2 7778 <&8 >$tmp/flow.out 2>&1 &
flow_pid=$!
in_ns internet busybox nc 198.51.100.2 7000 <&9 >$tmp/long.out 2>/dev/null &
long_pid=$!
echo begin >$tmp/flow.in
echo hello >$tmp/long.in
check long-flow wait_for 30 grep -q hello $tmp/long.out
echo change >$tmp/flow.in
# 7000 goes, 8080 leads elsewhere.
network f "${f[@]}" "${forwards[@]/To=web:80/To=10.86.1.6:80}" '[Forward]' Listen=udp:7778 To=web '[Forward]' Listen=tcp:7778 To=web
check changed netd_reload
answers changed-target peer internet 198.51.100.2 8080
gone() { ! kill -0 $long_pid 2>/dev/null; }
again() { echo again >$tmp/long.in; gone; }
check withdrawn-ends wait_for 30 again
check withdrawn refused internet 198.51.100.2 7000
echo end >$tmp/flow.in
reported() { [ "$(grep -c sent $tmp/flow.out)" -ge 2 ]; }
check flow-reported wait_for 30 reported
equal flow-unharmed '' "$(grep sent $tmp/flow.out | grep -v ' lost 0 connects [0-9]* failed 0 ')"
ended $flow_pid
# A restarted daemon takes the forwards over as they are.
handle() { nft -j list tables | jq -r '.nftables[].table? | select(.name == "guestnet") | .handle'; }
before=$(handle)
kill -9 $netd_pid; reap $netd_pid; rm -f $root/run/bus.sock
netd_start
check restarted wait_for 30 settled
equal restarted-adopted "$before" "$(handle)"
answers restarted-forward peer internet 198.51.100.2 8080
check restarted-roamer wait_for 30 answered_by second
nets_done
