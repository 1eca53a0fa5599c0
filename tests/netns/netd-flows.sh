#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd and the flows that the kernel remembers: what the present rules would not have made ends with the repair or
# with the change of the configuration; nothing else does.
# Namespaces: this one is the host; "guest" has a port on the managed bridge, "other" one on a bridge that is not ours;
# "internet" is behind the host's uplink and knows no way back to private addresses.

suite=netd-flows
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
# The sanitised programs run as on a kernel whose tables have no owner, the others as on this one.
[ "${SUITE_PREFIX-}" != asan. ] || export PLAIN_TABLES=1
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_setup tcpdump
[ -r /proc/net/nf_conntrack ] || { skip all "the kernel does not show its flows"; exit 0; }

network() {	# HOSTACCESS
	printf '%s\n' '[Network]' 'Mode=nat' 'Bridge=gn-default' "HostAccess=$1" '[Address]' 'Address=10.70.1.1/24' \
		'Address=fd70::1/64' >$root/etc/networks/default.network
}
reload() { kill -HUP $netd_pid; }

world_bridge br-other
ip addr add 10.71.1.1/24 dev br-other

# Long-lived flows: a shell with one open socket that sends each line it is given; what comes back is in a file.
declare -A flow_pid=()
open_flow() {	# NAME NAMESPACE PROTOCOL ADDRESS PORT
	rm -f "$tmp/$1.in" "$tmp/$1.got" "$tmp/$1.end"
	mkfifo "$tmp/$1.in"
	exec {held}<>"$tmp/$1.in"	# what is said before anybody reads is kept
	: >"$tmp/$1.got"
	# shellcheck disable=SC2016 # expanded by the inner shell
	ip netns exec "$2" bash -c '
		exec 5<>"/dev/$1/$2/$3" || exit
		trap "" PIPE
		(while IFS= read -r line <&5; do printf "%s\n" "$line" >>"$4.got"; done; : >"$4.end") &
		while IFS= read -r line; do printf "%s\n" "$line" >&5; done' \
		- "$3" "$4" "$5" "$tmp/$1" <>"$tmp/$1.in" 2>/dev/null &
	flow_pid[$1]=$!
}
say() { printf '%s\n' "$2" 1<>"$tmp/$1.in"; }				# NAME TEXT
heard() { grep -qx "$2" "$tmp/$1.got"; }				# NAME TEXT
# What the server sees: "SOURCE > DESTINATION" and the payload of every packet.
ip netns exec internet tcpdump -lnA -i eth0 'udp port 7778' >$root/wire 2>/dev/null &
ip netns exec internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
ip netns exec internet busybox nc -ll -p 7779 -e cat >/dev/null 2>&1 &
busybox nc -ll -p 2222 -e cat >/dev/null 2>&1 &
source_of() {	# TEXT: the source address of the packet with that text
	awk -v text="$1" '/ IP6? / { source = $3 } index($0, text) { sub(/\.[0-9]+$/, "", source); print source; exit }' $root/wire
}
on_wire() { [ -n "$(source_of "$1")" ]; }
# sent FROM NAME TEXT ID: one packet of the flow; it leaves with that source.
sent() {
	say "$2" "$3"
	wait_for 10 on_wire "$3"
	equal "$4" "$1" "$(source_of "$3")"
}
remembered() { grep -q "$1" /proc/net/nf_conntrack; }
forgotten() { ! remembered "$1"; }
capturing() { say probe probe; on_wire probe; }

network gateway
netd_start
check up wait_for 10 settled
guest guest gn-default 10.70.1.5 fd70::5
guest other br-other 10.71.1.5 fd71::5
open_flow probe internet udp 198.51.100.2 7778
check capture wait_for 10 capturing
# A neighbour that is not known yet costs what is sent first.
check reached6 wait_for 30 ip netns exec guest busybox ping -6 -c 1 -W 1 2001:db8:51::1

# A flow that began while our nat chain was missing and another one was there (a chain without a rule that translates
# does not make the kernel remember flows); and one of somebody else, likewise.
netd_kill
nft delete table inet guestnet
nft 'table ip foreign { chain post { type nat hook postrouting priority 50; oifname "none" masquerade; }; }'
nft 'table ip6 foreign { chain post { type nat hook postrouting priority 50; oifname "none" masquerade; }; }'
open_flow bare guest udp 198.51.100.1 7778
open_flow bare6 guest udp 2001:db8:51::1 7778
open_flow foreign other udp 198.51.100.1 7778
sent 10.70.1.5 bare bare-1 bare-before
sent fd70::5 bare6 bare6-1 bare6-before
sent 10.71.1.5 foreign foreign-1 foreign-before
# From now on these are masqueraded too, but for those that are remembered.
nft 'add rule ip foreign post ip saddr 10.71.1.0/24 oifname "up0" masquerade'
for name in 10.70.1.5 10.71.1.5 fd70:.*:0005; do check "begun-${name%%:*}" remembered "src=$name"; done
netd_start
check repaired wait_for 10 settled
sent 198.51.100.2 bare bare-2 bare-after
sent 2001:db8:51::2 bare6 bare6-2 bare6-after
check bare-answered wait_for 10 remembered 'udp .*src=10.70.1.5 dst=198.51.100.1 sport=[0-9]* dport=7778 src=198.51.100.1 dst=198.51.100.2 '
sent 10.71.1.5 foreign foreign-2 foreign-survives

# One that was masqueraded goes on through a repair.
port_before=$(grep -o 'src=10.70.1.5 .*dport=7778 .*src=198.51.100.1 .* dport=[0-9]*' /proc/net/nf_conntrack)
netd_kill
nft delete table inet guestnet
netd_start
check repaired-again wait_for 10 settled
sent 198.51.100.2 bare bare-4 masqueraded-survives
equal masqueraded-same "${port_before##* }" "$(grep -o 'src=10.70.1.5 .*dport=7778 .*src=198.51.100.1 .* dport=[0-9]*' /proc/net/nf_conntrack | sed 's/.* //')"

# HostAccess=all, and then no more: connections to the host end, others do not.
network all
reload
hostopen() { nft list set inet guestnet hostopen | grep -q gn-default; }
check host-open wait_for 10 hostopen
open_flow host guest tcp 10.70.1.1 2222
open_flow host6 guest tcp fd70::1 2222
open_flow uplink guest tcp 198.51.100.2 2222
open_flow web guest tcp 198.51.100.1 7779
for name in host host6 uplink web; do
	say $name hello
	check "established-$name" wait_for 10 heard $name hello
done
busybox nc -ll -p 2223 -e cat >/dev/null 2>&1 &
open_flow "to-guest" internet tcp 198.51.100.2 2223
say to-guest hello
check established-outside wait_for 10 heard to-guest hello
network gateway
reload
host_closed() { ! hostopen; }
check host-closed wait_for 10 host_closed
check settled-closed wait_for 10 settled
for name in host host6 uplink; do
	check "ended-$name" wait_for 10 test -e "$tmp/$name.end"
	say $name again
done
check forgotten-host wait_for 5 forgotten 'tcp .*src=10.70.1.5 dst=10.70.1.1 .*dport=2222'
check listener-survives sh -c '[ "$(echo hello | busybox nc -w 2 127.0.0.1 2222)" = hello ]'
for name in web to-guest; do
	say $name again
	check "survives-$name" wait_for 10 heard $name again
done

# A network that goes: nothing of its flows stays.
say foreign foreign-3
wait_for 10 on_wire foreign-3
check remembered-guest remembered 'src=10.70.1.5 '
"$BIN/guestnet" stop default
check forgotten-guest wait_for 5 forgotten 'src=10.70.1.5 dst=198.51.100'
check remembered-foreign remembered 'src=10.71.1.5 '

netd_stop
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
