# SPDX-License-Identifier: GPL-2.0-or-later
# What the suites about kinds of networks share: a daemon in a private world, guests as namespaces, servers that say whom
# they see. Sourced after tests/lib.sh and world.bash.
#
#   nets_setup [PROGRAM...]  skips the suite where a program is missing; roots, the namespace "internet" behind up0
#                            (198.51.100.1, 2001:db8:51::1; the host is .2)
#   nets_folders [PROGRAM...]	the same without a neighbourhood
#   network NAME [TEXT...]   writes NAME.network, a line for each argument; none: removes it
#   netd_start [OPTION...], netd_stop, netd_kill, netd_reload (and waits until all is as declared)
#   bus_start, bus_stop      a system bus of its own, where everybody may do everything: unix:path=$root/bus
#   guest NAME BRIDGE ADDRESS4 ADDRESS6	a namespace with a port; - for no address. Default routes to .1 and ::1
#   dhcp_guest               the namespace "guest" with port0, which `plug` puts on $bridge; `lease` asks as udhcpc does, with
#                            "${lease_options[@]}", for $lease_s at most, and sets $address $router $dns
#   flow [ADDRESS]           a new connection from there to port 7777, where something sends back what it gets
#   serve NAMESPACE PORT     answers by TCP and UDP with the address and port that it sees, and NAMESPACE
#   asked NAMESPACE ADDRESS PORT [udp]	what the server answered: "ADDRESS PORT NAMESPACE"; "" when there was no answer
#   seen NAMESPACE ADDRESS PORT [udp]	the address that it saw

root=$world/netd
roots=(--config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run --service-user=65534)
export GUESTNET_BUS=unix:path=$root/run/bus.sock

nets_folders() {
	need all dnsmasq busybox nft jq "$@" || exit 0
	mkdir -p $root/{etc/networks,vendor/networks,state,run} /run/netns
}
nets_setup() {
	nets_folders "$@"
	ip netns add internet || exit 1
	ip link add up0 type veth peer name eth0 netns internet
	ip addr add 198.51.100.2/24 dev up0
	ip addr add 2001:db8:51::2/64 dev up0 nodad
	ip link set up0 up
	ip route add default via 198.51.100.1
	ip -n internet addr add 198.51.100.1/24 dev eth0
	ip -n internet addr add 2001:db8:51::1/64 dev eth0 nodad
	ip -n internet link set eth0 up
	ip -n internet link set lo up
	ip -6 route add default via 2001:db8:51::1
	wait_for 30 has_carrier internet
}
# The kernel looks at carriers when it comes to it; until then IPv6 is not there.
has_carrier() { ip -n "$1" link show dev eth0 | grep -q 'state UP'; }
network() {
	local name=$1
	shift
	[ $# -gt 0 ] || { rm -f "$root/etc/networks/$name.network"; return; }
	printf '%s\n' "$@" >"$root/etc/networks/$name.network"
}
netd() { "$BIN/guestnetd" "${roots[@]}" "$@"; }
client() { "$BIN/guestnet" "$@"; }
report() { "$BIN/guestnet" status "$1" --json 2>/dev/null | jq -r ".[0].$2"; }
status() { report default "$1"; }
state() { report "${1:-default}" state; }
# What is asked again and again starts one process and no more.
is() {	# STATE [NETWORK]
	local text
	text=$("$BIN/guestnet" status "${2:-default}" --json 2>/dev/null)
	[[ $text == *"\"state\":\"$1\""* ]]
}
all_running() {
	local text
	text=$("$BIN/guestnet" status --json 2>/dev/null)
	text=${text//\"state\":\"running\"/} text=${text//\"state\":\"stopped\"/}
	[[ $text == \[* && $text != *'"state":'* ]]
}
# Another process is asked, so it notes that the table has an owner.
plan() { "$BIN/guestnetd" "${roots[@]}" --plan 2>&1 | grep -v '^note: table-owned'; }
plan_is_empty() {
	local text
	text=$("$BIN/guestnetd" "${roots[@]}" --plan 2>&1)
	while [[ $text == 'note: table-owned'* ]]; do
		[[ $text == *$'\n'* ]] || return 0
		text=${text#*$'\n'}
	done
	[ -z "$text" ]
}
settled() { all_running && plan_is_empty; }
netd_start() {
	rm -f $root/run/bus.sock
	"$BIN/guestnetd" "${roots[@]}" "$@" >>$root/log 2>&1 3>&- 7>&- &
	netd_pid=$!
	wait_for 30 test -S $root/run/bus.sock
}
netd_stop() { ended $netd_pid; }
netd_kill() {
	kill -9 $netd_pid
	reap $netd_pid
	:
}
netd_reload() {
	client reload >/dev/null
	wait_for 30 settled
}
bus_start() {
	cat >$root/bus.conf <<-E
		<busconfig><type>session</type><listen>unix:path=$root/bus</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
	E
	dbus-daemon --config-file=$root/bus.conf --nofork --nosyslog --nopidfile >>$root/buslog 2>&1 &
	bus_pid=$!
	wait_for 20 test -S $root/bus
}
bus_stop() {
	kill -9 $bus_pid
	reap $bus_pid
	rm -f $root/bus
}
guest() {
	ip netns add "$1"
	ip link add "port-$1" type veth peer name eth0 netns "$1"
	ip link set "port-$1" master "$2" up
	ip -n "$1" link set lo up
	# Its routes are said here: one that an advertisement brings first is in their way, and goes when the guest becomes a router.
	[ "$4" = - ] || in_ns "$1" sh -c 'cd /proc/sys/net/ipv6/conf/eth0 && echo 0 | tee autoconf accept_ra_defrtr >/dev/null'
	ip -n "$1" link set eth0 up
	if [ "$3" != - ]; then
		ip -n "$1" addr add "$3/24" dev eth0
		ip -n "$1" route add default via "${3%.*}.1"
	fi
	if [ "$4" != - ]; then
		ip -n "$1" addr add "$4/64" dev eth0 nodad
		ip -n "$1" route add default via "${4%::*}::1"
	fi
	wait_for 30 has_carrier "$1"
}
dhcp_guest() {
	ip netns add guest || exit 1
	ip link add port0 type veth peer name eth0 netns guest
	ip link set port0 up
	ip -n guest link set eth0 address 52:54:00:13:00:01 up
	ip -n guest link set lo up
	cat >$root/udhcpc <<-'S'
		#!/bin/sh
		[ "$1" = bound ] || exit 0
		ip -4 addr flush dev $interface scope global
		ip addr add $ip/$mask dev $interface
		ip route replace default via $router
		echo "$ip $router $dns" >$LEASE
	S
	chmod 755 $root/udhcpc
}
plug() { ip link set port0 master $bridge up; }
lease_s=20 lease_options=()
lease() {
	rm -f $root/lease
	LEASE=$root/lease timeout $lease_s ip netns exec guest busybox udhcpc -i eth0 -f -q -n -t $lease_s -T 1 -A 1 \
		"${lease_options[@]}" -s $root/udhcpc >/dev/null 2>&1
	# shellcheck disable=SC2034 # the suites look at them
	[ -s $root/lease ] && read -r address router dns <$root/lease
}
flow() { [[ $(echo hello | timeout 3 ip netns exec guest busybox nc -w 2 "${1:-198.51.100.1}" 7777 2>/dev/null) == *hello* ]]; }
in_ns() {	# NAMESPACE COMMAND...: "host" is this one
	local ns=$1
	shift
	if [ "$ns" = host ]; then "$@"; else ip netns exec "$ns" "$@"; fi
}
seen_tool=$world/tools/netd-seen
serve() {
	in_ns "$1" "$seen_tool" serve "$2" "$1" >/dev/null 2>&1 &
	wait_for 20 listens "$1" "$2"
}
listens() { in_ns "$1" ss -Hltn "sport = :$2" | grep -q .; }
asked() { in_ns "$1" "$seen_tool" ask "${4:-tcp}" "$2" "$3"; }
seen() { asked "$@" | cut -d" " -f1; }
reaches() { asked "$@" >/dev/null; }
refused() { ! reaches "$@"; }
nets_done() {
	netd_stop
	check teardown "$BIN/guestnetd" "${roots[@]}" --teardown
	grep -E -A 40 'ERROR|Sanitizer|Assertion' $root/log && fail log "$(grep -E 'ERROR|Sanitizer|Assertion' $root/log | head -3)"
	:
}
