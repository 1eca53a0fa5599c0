#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Packets that test a policy's edges, sent for real, IPv4 and IPv6: what the host's link-local addresses answer, guests of
# one bridge where bridged packets pass the firewall (br_netfilter), segments without a connection, duplicate addresses,
# a way that is too narrow, and networks that are none of ours. Others are in netd-kernel.sh, netd-flows.sh, netd-modes.sh.
# Namespaces: this one is the host; "a1" and "a2" are on the network a, "b1" on b, "o1" on a bridge that is not ours;
# "internet" is behind the uplink, and "far" behind it and a link of 1300 bytes.
suite=netd-probes
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
command -v tcpdump >/dev/null || { skip all 'not installed: tcpdump'; exit 0; }
nets_setup
probe=$world/tools/probe raw=$world/tools/raw-probe

network a '[Network]' '[Address]' 'Address=10.70.1.1/24' 'Address=fd70::1/64'
network b '[Network]' '[Address]' 'Address=10.70.2.1/24' 'Address=fd72::1/64'
netd_start
check up wait_for 30 settled
guest a1 gn-a 10.70.1.5 fd70::5
guest a2 gn-a 10.70.1.6 fd70::6
guest b1 gn-b 10.70.2.5 fd72::5
world_bridge br-other
ip addr add 10.71.1.1/24 dev br-other
ip addr add fd71::1/64 dev br-other nodad
guest o1 br-other 10.71.1.5 fd71::5
# The world knows the way to everybody: what does not arrive was not stopped by that.
ip -n internet route add 10.64.0.0/10 via 198.51.100.2
ip -n internet route add fd00::/8 via 2001:db8:51::2
ip netns add far
ip -n internet link add narrow type veth peer name eth0 netns far
ip -n internet link set narrow mtu 1300 up
ip -n internet addr add 203.0.113.1/24 dev narrow
ip -n internet addr add 2001:db8:99::1/64 dev narrow nodad
ip -n far addr add 203.0.113.2/24 dev eth0
ip -n far addr add 2001:db8:99::2/64 dev eth0 nodad
ip -n far link set eth0 mtu 1300 up
ip -n far route add default via 203.0.113.1
ip -n far route add default via 2001:db8:99::1
in_ns internet sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
check settled wait_for 30 settled

# Bridged packets pass the rules of iptables' families here, or this proves nothing about br_netfilter.
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
	echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
	echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
	nft 'add table inet probe; add chain inet probe forward { type filter hook forward priority 10; }
		add rule inet probe forward iifname gn-a oifname gn-a counter'
	serve a2 7000
	equal bridged4 10.70.1.5 "$(seen a1 10.70.1.6 7000)"
	equal bridged4-udp 10.70.1.5 "$(seen a1 10.70.1.6 7000 udp)"
	equal bridged6 fd70::5 "$(seen a1 fd70::6 7000)"
	equal bridged6-udp fd70::5 "$(seen a1 fd70::6 7000 udp)"
	passed=$(nft list table inet probe | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	matches bridged-passed-the-rules '^([4-9]|[1-9][0-9]+)$' "${passed:-0}"
	# A guest that speaks in another one's name is the bridge's business, not the firewall's; one that speaks in the
	# name of somebody outside is not heard.
	nft delete table inet probe
else
	skip bridged 'the kernel has no br_netfilter'
fi

# Link-local addresses of the host, all that a guest can name, on ports where the host listens.
for port in 22 2222 8080; do serve host $port; done
link_local() { ip -6 -j addr show "$@" | jq -r '.[].addr_info[]? | select(.scope == "link") | .local' | sort -u; }
own=$(link_local dev gn-a)
matches link-local-own '^fe80::' "$own"
sweep() {	# ADDRESS: a line for each port that answers
	local port answer
	for port in 22 2222 8080; do
		answer=$(in_ns a1 timeout 4 $probe ask tcp - 0 "$1%eth0" $port x 2>&1)
		case $answer in refused | unreachable | silence | '') ;; *) echo "$1 $port: $answer" ;; esac
	done
}
sweeps=''
for address in $(link_local); do
	sweep "$address" >>$root/sweep &
	sweeps+="$! "
done
# shellcheck disable=SC2086 # a list
reap $sweeps
equal link-local-sweep '' "$(cat $root/sweep)"
equal link-local-refused refused "$(in_ns a1 $probe ask tcp - 0 "$own%eth0" 2222 x)"
equal link-local-udp refused "$(in_ns a1 $probe ask udp - 0 "$own%eth0" 2222 x)"
equal link-local-ping pong "$(in_ns a1 $probe ping "$own%eth0")"
equal link-local-other-bridge '' "$(sweep "$(link_local dev gn-b)")"
check host-listens reaches host ::1 2222

# Segments without a connection: they do not leave, with whatever address.
tcpdump -i up0 -n -U --immediate-mode -Z root -w $root/up0.pcap 2>$root/tcpdump.log &
capture=$!
wait_for 20 grep -q 'listening on' $root/tcpdump.log
on_wire() { tcpdump -Z root -nr $root/up0.pcap "$@" 2>/dev/null | grep -q .; }
for family in 4 6; do
	[ $family = 4 ] && { from=10.70.1.5 to=198.51.100.1 ip=ip; } || { from=fd70::5 to=2001:db8:51::1 ip=ip6; }
	for flags in R F FA RA SA; do
		in_ns a1 $raw segment $from 4321 $to 7777 $flags
	done
	# What comes after them on the same way is there, so they would be.
	in_ns a1 $raw segment $from 4322 $to 7778 S
	if ! wait_for 20 on_wire $ip and tcp dst port 7778; then fail stray$family 'the capture is blind'
	elif on_wire $ip and tcp dst port 7777; then fail stray$family "$(tcpdump -Z root -nr $root/up0.pcap $ip and tcp dst port 7777 2>/dev/null | head -3)"
	else pass stray$family; fi
	# Whatever has left has the host's address.
	if on_wire "$ip" and src host $from; then fail private-source$family 'a private address has left'; else pass private-source$family; fi
done
ended $capture

# Neighbours: a guest finds its gateway, and is told when an address is somebody's already.
in_ns a1 ip neigh flush all
check neighbour4 in_ns a1 $probe ping 10.70.1.1
equal neighbour6 pong "$(in_ns a1 $probe ping fd70::1)"
resolved() { in_ns a1 ip -6 neigh show fd70::1 | grep -q lladdr; }
check neighbour6-resolved resolved
flags() { ip -n "$1" -6 -j addr show dev eth0 | jq -r --arg a "$2" '.[0].addr_info[] | select(.local == $a) | if .dadfailed then "dadfailed" elif .tentative then "tentative" else "valid" end'; }
is_flag() { [ "$(flags "$1" "$2")" = "$3" ]; }
ip -n a1 addr add fd70::77/64 dev eth0
check dad-free wait_for 20 is_flag a1 fd70::77 valid
ip -n a1 addr add fd70::6/64 dev eth0
check dad-other-guest wait_for 20 is_flag a1 fd70::6 dadfailed
ip -n a1 addr add fd70::1/64 dev eth0
check dad-gateway wait_for 20 is_flag a1 fd70::1 dadfailed
ip -n a1 addr del fd70::6/64 dev eth0
ip -n a1 addr del fd70::1/64 dev eth0

# A way that is too narrow, behind the NAT: the guest learns of it. The same at the host itself.
equal path-mtu4 1300 "$(in_ns a1 $raw mtu 203.0.113.2 9 1400)"
equal path-mtu6 1300 "$(in_ns a1 $raw mtu 2001:db8:99::2 9 1400)"
ip link set up0 mtu 1290
equal uplink-mtu4 1290 "$(in_ns b1 $raw mtu 198.51.100.1 9 1400)"
equal uplink-mtu6 1290 "$(in_ns b1 $raw mtu 2001:db8:51::1 9 1400)"
ip link set up0 mtu 1500

# Networks that are none of ours are as the kernel has them: forwarded both ways, the host open to them.
serve o1 7001
serve internet 7002
check unmanaged-to-host reaches o1 10.71.1.1 2222
check unmanaged-to-host6 reaches o1 fd71::1 2222
equal unmanaged-out 10.71.1.5 "$(seen o1 198.51.100.1 7002)"
equal unmanaged-out6 fd71::5 "$(seen o1 2001:db8:51::1 7002)"
equal unmanaged-in 198.51.100.1 "$(seen internet 10.71.1.5 7001)"
# And what is asked of them by guests of ours goes as if they were the world; the other way nothing goes.
equal unmanaged-from-ours 10.71.1.1 "$(seen a1 10.71.1.5 7001)"
serve a1 7003
check unmanaged-to-ours refused o1 10.70.1.5 7003
check unmanaged-to-ours6 refused o1 fd70::5 7003

nets_done
exit 0
