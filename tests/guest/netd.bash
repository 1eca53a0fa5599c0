# SPDX-License-Identifier: GPL-2.0-or-later
# A guestnetd in the private world of tests/guest/lab.bash, with an uplink to an "internet" namespace and a "guest"
# namespace whose eth0 is a veth port of the default network. Sourced after lab.bash, whose lab_missing then looks for what
# this needs, too; used after lab_setup.
#
#   netd_enter "$@"               for a suite: lab_enter, and the neighbourhood
#   netd_neighbourhood            both namespaces, the uplink, and servers in "internet": UDP echo and TCP on port 7000,
#                                 a TCP greeting on 7777, a file of 8 MiB by HTTP on 80
#   netd_start   netd_kill        the daemon; netd_pid is its process
#   netd_state [NETWORK]   netd_running   netd_settled
#   netd_guest                    the namespace "guest" gets its port and a lease; sets netd_address
#   netd_plug                     puts its port on the bridge again
#   netd_connects                 a new connection from "guest" to "internet" works
#   flow_start   flow_phase NAME   flow_report NAME
#                                 a UDP echo every millisecond and a TCP connection every ten, from "guest" to "internet"
#   NETD_ARGS                     more options of guestnetd

netd_root=$world/netd
netd_bridge=gn-default
netd_internet=198.51.100.1
export GUESTNET_BUS=unix:path=$netd_root/run/bus.sock

lab_programs+=(nft "$BIN/guestnetd")
netd_enter() {
	lab_enter "$@"
	netd_neighbourhood || { fail neighbourhood 'the namespaces cannot be set up'; exit 1; }
}

netd_neighbourhood() {
	mkdir -p /run/netns $netd_root/{etc/networks,vendor/networks,state,run} $netd_root/www || return
	cp "$top"/netd/networks/*.network $netd_root/vendor/networks/
	ip netns add internet && ip netns add guest || return
	ip link add up0 type veth peer name eth0 netns internet || return
	ip addr add 198.51.100.2/24 dev up0
	ip link set up0 up
	ip route add default via $netd_internet
	ip -n internet addr add $netd_internet/24 dev eth0
	ip -n internet link set eth0 up
	ip -n internet link set lo up
	dd if=/dev/urandom of=$netd_root/www/file bs=1M count=8 2>/dev/null
	ip netns exec internet busybox nc -ll -p 7777 -e /bin/echo hello >/dev/null 2>&1 &
	ip netns exec internet busybox httpd -f -p 80 -h $netd_root/www >/dev/null 2>&1 &
	ip netns exec internet $world/tools/netd-flow serve 7000 &
}

netd_options=(--config-root=$netd_root/etc --vendor-root=$netd_root/vendor --state-root=$netd_root/state
	--run-root=$netd_root/run --service-user=65534)
netd_start() {
	"$BIN/guestnetd" "${netd_options[@]}" ${NETD_ARGS-} >>$netd_root/log 2>&1 &
	netd_pid=$!
	wait_for 20 netd_running
}
netd_kill() {
	kill -9 $netd_pid
	reap $netd_pid
}
netd_state() { "$BIN/guestnet" status "${1:-default}" --json 2>/dev/null | jq -r '.[0].state'; }
netd_running() { [ "$(netd_state "$@")" = running ]; }
# Another process is asked, so it notes that the table has an owner.
netd_settled() { netd_running && [ -z "$("$BIN/guestnetd" "${netd_options[@]}" --plan 2>&1 | grep -v '^note: table-owned')" ]; }

netd_plug() { ip link set port0 master $netd_bridge; }

netd_guest() {
	ip link add port0 type veth peer name eth0 netns guest || return
	netd_plug && ip link set port0 up
	ip -n guest link set eth0 address 52:54:00:77:13:31
	ip -n guest link set eth0 up
	ip -n guest link set lo up
	cat >$netd_root/udhcpc <<-END
		#!/bin/sh
		[ "\$1" = bound ] || exit 0
		ip addr flush dev \$interface scope global
		ip addr add \$ip/\$mask dev \$interface
		ip route replace default via \$router
		echo "\$ip" >$netd_root/lease
	END
	chmod 755 $netd_root/udhcpc
	netd_lease
}
# Asks until there is one.
netd_lease() {
	rm -f $netd_root/lease
	timeout 60 ip netns exec guest busybox udhcpc -i eth0 -f -q -n -t 60 -T 1 -A 1 -s $netd_root/udhcpc >/dev/null 2>&1
	read -r netd_address <$netd_root/lease
}

netd_connects() {
	[ "$(timeout 3 ip netns exec guest busybox nc -w 2 $netd_internet 7777 </dev/null 2>/dev/null)" = hello ]
}

flow_start() {
	mkfifo $netd_root/flow.in
	exec {flow_held}<>$netd_root/flow.in	# what is said before anybody reads is kept
	ip netns exec guest $world/tools/netd-flow flow $netd_internet 7000 <>$netd_root/flow.in >$netd_root/flow.out &
	flow_pid=$!
}
flow_phase() { echo "$1" 1<>$netd_root/flow.in; }
# After the next phase has begun: sets flow_sent flow_lost flow_connects flow_failed flow_gap.
flow_report() {
	local name word
	wait_for 30 grep -q "^$1 " $netd_root/flow.out || return
	read -r name word flow_sent word flow_lost word flow_connects word flow_failed word flow_gap \
		<<<"$(grep "^$1 " $netd_root/flow.out | tail -n 1)"
}
