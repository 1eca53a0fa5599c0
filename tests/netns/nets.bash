# SPDX-License-Identifier: GPL-2.0-or-later
# What the suites about kinds of networks share: a daemon in a private world, guests as namespaces, servers that say whom
# they see. Sourced after tests/lib.sh and world.bash.
#
#   nets_setup               roots, the namespace "internet" behind up0 (198.51.100.1, 2001:db8:51::1; the host is .2)
#   network NAME [TEXT...]   writes NAME.network, a line for each argument; none: removes it
#   netd_start, netd_stop, netd_reload (and waits until all is as declared)
#   guest NAME BRIDGE ADDRESS4 ADDRESS6	a namespace with a port; - for no address. Default routes to .1 and ::1
#   serve NAMESPACE PORT     answers by TCP and UDP with the address and port that it sees, and NAMESPACE
#   asked NAMESPACE ADDRESS PORT [udp]	what the server answered: "ADDRESS PORT NAMESPACE"; "" when there was no answer
#   seen NAMESPACE ADDRESS PORT [udp]	the address that it saw

root=$world/netd
roots=(--config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run --service-user=65534)
export GUESTNET_BUS=unix:path=$root/run/bus.sock

nets_setup() {
	local program
	for program in dnsmasq busybox nft jq; do
		command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
	done
	mkdir -p $root/{etc/networks,vendor/networks,state,run} /run/netns
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
}
network() {
	local name=$1
	shift
	[ $# -gt 0 ] || { rm -f "$root/etc/networks/$name.network"; return; }
	printf '%s\n' "$@" >"$root/etc/networks/$name.network"
}
client() { "$BIN/guestnet" "$@"; }
report() { client status "$1" --json 2>/dev/null | jq -r ".[0].$2"; }
state() { report "$1" state; }
all_running() { [ -z "$(client status --json 2>/dev/null | jq -r '.[] | select(.state != "running" and .state != "stopped") | .name')" ]; }
plan() { "$BIN/guestnetd" "${roots[@]}" --plan 2>&1 | grep -v '^note: table-owned'; }
settled() { all_running && [ -z "$(plan)" ]; }
netd_start() {
	"$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 &
	netd_pid=$!
	wait_for 30 test -S $root/run/bus.sock
}
netd_stop() { ended $netd_pid; }
netd_reload() {
	client reload >/dev/null
	wait_for 30 settled
}
guest() {
	ip netns add "$1"
	ip link add "port-$1" type veth peer name eth0 netns "$1"
	ip link set "port-$1" master "$2" up
	ip -n "$1" link set lo up
	[ "$4" = - ] || in_ns "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/autoconf'
	ip -n "$1" link set eth0 up
	if [ "$3" != - ]; then
		ip -n "$1" addr add "$3/24" dev eth0
		ip -n "$1" route add default via "${3%.*}.1"
	fi
	if [ "$4" != - ]; then
		ip -n "$1" addr add "$4/64" dev eth0 nodad
		ip -n "$1" route add default via "${4%::*}::1"
	fi
}
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
	grep -E 'ERROR|Sanitizer|Assertion' $root/log && fail log "$(grep -E 'ERROR|Sanitizer|Assertion' $root/log | head -3)"
	:
}
