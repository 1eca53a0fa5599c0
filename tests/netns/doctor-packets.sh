#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What guestnet doctor finds stops packets, and what it says to do lets them pass: for each fault that is about packets a
# lease, a ping or a connection that fails while it is there, and passes after `doctor --fix` or after the printed command.
# Namespaces: this one is the host; "internet" is outside; "guest" and "other" are guests of default.

suite=doctor-packets
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/packets.bash"
packets_setup

passes healthy gets_lease
passes healthy-out gets_out

# --- firewalls of others ----------------------------------------------------------------------
nft 'add table inet strange; add chain inet strange in { type filter hook input priority 5; }; add rule inet strange in udp dport 67 drop'
stops request firewalls gets_lease
equal request-printed 'nft insert rule inet strange in iifname "gn-default" udp dport 67 accept' "$(printed firewalls)"
do_printed firewalls
passes request-mended gets_lease
nft 'delete table inet strange; add table inet strange; add chain inet strange out { type filter hook output priority 5; policy drop; }'
nft 'add rule inet strange out tcp dport 1-65535 accept; add rule inet strange out tcp sport 1-65535 accept; add rule inet strange out meta l4proto { icmp, ipv6-icmp } accept; add rule inet strange out udp sport 53 accept'
stops reply firewalls gets_lease
do_printed firewalls
passes reply-mended gets_lease
nft 'delete table inet strange; add table inet strange; add chain inet strange through { type filter hook forward priority 5; }; add rule inet strange through tcp dport 400-8000 reject'
stops out firewalls gets_out
do_printed firewalls
passes out-mended gets_out
# Rules that know devices by their group: the network card's, and the bridge's.
nft 'delete table inet strange; add table inet strange; add chain inet strange through { type filter hook forward priority 5; }; add rule inet strange through oifgroup 77 drop'
passes group-of-none gets_out
ip link set up0 group 77
stops group firewalls gets_out
matches group-says 'packets to the outside are dropped by rule 1 of chain through in table inet strange: oifgroup 77 drop' "$(evidence firewalls)"
equal group-printed 'nft insert rule inet strange through iifname "gn-default" oifname "up0" accept' "$(printed firewalls)"
do_printed firewalls
passes group-mended gets_out
ip link set up0 group default
nft 'delete table inet strange; add table inet strange; add chain inet strange in { type filter hook input priority 5; }; add rule inet strange in iifgroup 78 udp dport 67 drop'
ip link set gn-default group 78
stops group-request firewalls gets_lease
do_printed firewalls
passes group-request-mended gets_lease
ip link set gn-default group default
nft 'delete table inet strange'
# The answers, of which the one who opened the way out has not thought.
nft 'table inet strange { chain through { type filter hook forward priority 5; policy drop; iifname "gn-default" accept; }; }'
stops answer firewalls gets_out
equal answer-printed 'nft add rule inet strange through iifname "up0" oifname "gn-default" ct state established,related accept' "$(printed firewalls)"
do_printed firewalls
passes answer-mended gets_out
# Before the packet is routed.
nft 'delete table inet strange; table inet strange { chain before { type filter hook prerouting priority raw; ip saddr 10.0.0.0/8 tcp dport 1-65535 drop; }; }'
stops before firewalls gets_out
do_printed firewalls
passes before-mended gets_out
# Addresses that are nobody's are dropped by many, and are no way out.
nft 'delete table inet strange; table inet strange { chain through { type filter hook forward priority 5; ip daddr { 192.0.2.0/24, 203.0.113.0/24 } drop; ip6 daddr 2001:db8::/36 ip6 saddr != fd82::/64 drop; }; }'
passes bogons gets_out
# Lists that are longer than what is read of one (LIMIT_WHY_ELEMENTS): the kernel is asked who is in them.
longer_list() {	# ID TYPE ELEMENT-FORMAT RULE ELEMENT...: of nobody that matters, then with the elements, too
	local id=$1
	{
		printf 'delete table inet strange\ntable inet strange {\n %s\n chain through { type filter hook forward priority 5; %s; }\n}\n' "$2" "$4"
		seq 0 19999 | awk -v format="$3" 'BEGIN { printf "add element inet strange listed {" } { printf format ",", int($1 / 100), $1 % 100 * 2 } END { print "}" }'
	} >$tmp/list
	nft -f $tmp/list
	passes $id gets_out
	matches $id-why ': passes' "$(client why 10.82.1.200 198.51.100.1:7777)"
	nft "add element inet strange listed { $5 }"
	stops $id-in firewalls gets_out
	matches $id-says 'packets to the outside are dropped by rule 1 of chain through in table inet strange: ' "$(evidence firewalls)"
	matches $id-why-in 'dropped by rule 1 of chain through' "$(client why 10.82.1.200 198.51.100.1:7777)"
	do_printed firewalls
	passes $id-mended gets_out
}
longer_list list 'set listed { type ipv4_addr; }' 11.0.%d.%d 'ip daddr @listed drop' '198.41.0.4, 198.51.100.1'
longer_list ranges 'set listed { type ipv4_addr; flags interval; }' 11.0.%d.%d 'ip daddr @listed drop' '198.0.0.0/8'
longer_list parts 'set listed { type ipv4_addr . inet_service; flags interval; }' '11.0.%d.%d . 1-70' 'ip daddr . tcp dport @listed drop' \
	'198.0.0.0/8 . 400-8000'
longer_list map 'map listed { type ipv4_addr : verdict; }' '11.0.%d.%d : accept' 'ip daddr vmap @listed' '198.41.0.4 : drop, 198.51.100.1 : drop'
nft 'delete table inet strange'
# Rules for frames: of the bridge's, and of a port's.
frames_of() { nft "delete table $1 strange" 2>/dev/null; nft "table $1 strange { chain frames { $2; }; }"; }
forgets() { ip -n guest neigh flush all >/dev/null 2>&1; ip neigh flush dev gn-default >/dev/null 2>&1; }
says_of_frames() { matches $1 "^network default: ($2) .* are dropped by $3\$" "$(evidence firewalls)"; }
# From guest to guest: of those that the host has heard of.
between() { pings guest 10.82.1.200; }
heard() { pings guest 10.82.1.1; pings other 10.82.1.1; }
check frames-between-before wait_for 20 between
check frames-heard wait_for 20 heard
frames_of bridge 'type filter hook forward priority 0; policy drop; ether type arp accept'
stops frames-between firewalls between
equal frames-between-says 'network default: packets from guest to guest (ports port0 and port-other) are dropped by the policy of chain frames in table bridge strange' \
	"$(evidence firewalls)"
equal frames-between-judged note "$(of_check firewalls verdict)"
equal frames-between-printed 'nft add rule bridge strange frames iifname { "port0", "port-other" } oifname { "port0", "port-other" } accept' \
	"$(printed firewalls)"
check frames-between-lease wait_for 20 gets_lease
do_printed firewalls
passes frames-between-mended between
frames_of bridge 'type filter hook forward priority 0; ether type arp drop'
between_anew() { ip -n guest neigh flush all >/dev/null 2>&1; between; }
stops frames-between-arp firewalls between_anew
do_printed firewalls
passes frames-between-arp-mended between_anew
# Those that the bridge itself keeps apart are no matter of the rules'.
frames_of bridge 'type filter hook forward priority 0; policy drop'
for port in port0 port-other; do bridge link set dev $port isolated on; done
passes frames-between-isolated gets_lease
for port in port0 port-other; do bridge link set dev $port isolated off; done
frames_of bridge 'type filter hook input priority 0; udp dport 67 drop'
stops frame-request firewalls gets_lease
says_of_frames frame-request-says "guests' DHCP requests" '.*rule 1 of chain frames in table bridge strange: udp dport 67 drop'
equal frame-request-printed 'nft insert rule bridge strange frames iifname { "port0", "port-other" } udp dport 67 accept' "$(printed firewalls)"
do_printed firewalls
passes frame-request-mended gets_lease
frames_of bridge 'type filter hook output priority 0; oifname "port0" udp sport 67 drop'
stops frame-reply firewalls gets_lease
equal frame-reply-says 'network default: DHCP replies to guests (port port0) are dropped by rule 1 of chain frames in table bridge strange: oifname "port0" udp sport 67 drop' \
	"$(evidence firewalls)"
equal frame-reply-printed 'nft insert rule bridge strange frames oifname "port0" udp sport 67 accept' "$(printed firewalls)"
do_printed firewalls
passes frame-reply-mended gets_lease
# Whoever lets pass only IP has forgotten how guests find their gateway.
frames_of bridge 'type filter hook prerouting priority 0; policy drop; ether type ip accept; ether type ip6 accept'
gets_out_anew() { forgets; gets_out; }
forgets
stops frame-arp firewalls gets_out_anew
says_of_frames frame-arp-says "guests' ARP requests" '.*the policy of chain frames in table bridge strange'
do_printed firewalls
passes frame-arp-mended gets_out_anew
# All of it: one rule, one finding, one command.
check frame-all-known wait_for 20 gets_out
frames_of bridge 'type filter hook input priority 0; policy drop'
stops frame-all firewalls gets_out
says_of_frames frame-all-says "guests' DHCP requests, guests' ARP requests, guests' packets to the outside" '.*the policy of chain frames in table bridge strange'
equal frame-all-printed 'nft add rule bridge strange frames iifname { "port0", "port-other" } accept' "$(printed firewalls)"
equal frame-all-once 1 "$(doctor | jq '[.[] | select(.check == "firewalls")] | length')"
do_printed firewalls
passes frame-all-mended gets_out
# Who may have which address: a guest that has its own is not blamed.
mac=$(ip -n guest -j link show eth0 | jq -r '.[0].address') own=$(ip -n guest -j -4 addr show eth0 | jq -r '.[0].addr_info[0].local')
frames_of bridge "type filter hook prerouting priority 0; iifname port0 ether saddr != $mac drop; iifname port0 ip saddr != { 0.0.0.0, $own } drop; iifname port0 arp saddr ip != { 0.0.0.0, $own } drop"
passes frame-own gets_out
# At the port, and where the packets leave the host.
nft 'delete table bridge strange'
frames_of netdev 'type filter hook ingress device port0 priority 0; udp dport 67 drop'
stops port-request firewalls gets_lease
equal port-request-says 'network default: guests'\'' DHCP requests (port port0) are dropped by rule 1 of chain frames in table netdev strange: udp dport 67 drop' \
	"$(evidence firewalls)"
do_printed firewalls
passes port-request-mended gets_lease
frames_of netdev 'type filter hook ingress devices = { up0 } priority 0; meta protocol ip tcp sport 400-8000 drop'
stops card-answer firewalls gets_out
matches card-answer-says 'answers from the outside to guests are dropped by rule 1 of chain frames in table netdev strange: ' "$(evidence firewalls)"
matches card-answer-why 'the answer is dropped by rule 1 of chain frames in table netdev strange' "$(client why 10.82.1.200 198.51.100.1:7777)"
# An accept there would let everything in.
equal card-answer-printed '' "$(printed firewalls)"
nft 'delete table netdev strange'
# Where addresses are not ours to give out nobody asks us for one.
network default '[Address]' Address=10.82.1.1/24 '[DHCP]' Enable=no
client reload
nft 'table inet strange { chain in { type filter hook input priority 5; udp dport 67 drop; }; }; table bridge strange { chain frames { type filter hook input priority 0; udp dport 67 drop; }; }'
passes no-dhcp gets_out
nft 'delete table bridge strange'
network default '[Address]' Address=10.82.1.1/24
client reload
stops no-dhcp-over firewalls gets_lease
# Names.
resolves() { in_ns guest timeout 3 busybox nslookup -type=a localhost 10.82.1.1 2>&1 | grep -q '^Server'; }
nft 'delete table inet strange'
passes names resolves
nft 'table inet strange { chain in { type filter hook input priority 5; meta l4proto { tcp, udp } th dport 53 reject; }; }'
stops names-stopped firewalls resolves
do_printed firewalls
passes names-mended resolves
# IPv6 alone.
network default '[Address]' Address=10.82.1.1/24 Address=fd82::1/64
client reload
ip -n guest addr add fd82::5/64 dev eth0 nodad
ip -n guest route replace default via fd82::1
gets_out6() { in_ns guest "$seen_tool" ask tcp 2001:db8:51::1 7777 >/dev/null 2>&1; }
nft 'delete table inet strange'
passes six gets_out6
nft 'table ip6 strange { chain through { type filter hook forward priority 5; ip6 saddr fd82::/64 drop; }; }'
stops six-stopped firewalls gets_out6
do_printed firewalls
passes six-mended gets_out6
nft 'delete table ip6 strange'
# Who lets nothing of ICMPv6 in, or out, has forgotten how guests find their gateway; who lets only that of neighbours has not.
gets_out6_anew() { ip -n guest neigh flush all >/dev/null 2>&1; ip neigh flush dev gn-default >/dev/null 2>&1; gets_out6; }
closed='policy drop; ct state established,related accept; meta l4proto { tcp, udp, icmp } accept'
known='iifname "gn-default" meta l4proto { tcp, udp, icmp } accept'
of_neighbours='icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } ip6 hoplimit 255 accept'
nft "table inet strange { chain in { type filter hook input priority 5; $known; $closed; }; }"
stops neighbours firewalls gets_out6_anew
equal neighbours-printed 'nft add rule inet strange in iifname "gn-default" meta l4proto ipv6-icmp accept' "$(printed firewalls)"
do_printed firewalls
passes neighbours-mended gets_out6_anew
nft "delete table inet strange; table inet strange { chain out { type filter hook output priority 5; $closed; }; }"
stops advertisements firewalls gets_out6_anew
do_printed firewalls
passes advertisements-mended gets_out6_anew
nft "delete table inet strange; table inet strange { chain in { type filter hook input priority 5; $known; $closed; $of_neighbours; }; chain out { type filter hook output priority 5; $closed; $of_neighbours; }; }"
passes neighbours-alone gets_out6_anew
nft 'delete table inet strange'
# Behind a gateway with the last address there is no guest, but before it.
network edge '[Address]' Address=10.84.1.254/24 '[DHCP]' Enable=no
client reload
edge() { is running edge; }
check edge-up wait_for 20 edge
strictness=$(cat /proc/sys/net/ipv4/conf/all/rp_filter)
echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter
passes edge gets_out
echo $strictness >/proc/sys/net/ipv4/conf/all/rp_filter
network edge
client reload
# Routes for guests alone, or for the host alone.
ip route del default
ip route add default via 198.51.100.1 table 99
ip rule add pref 99 iif gn-default lookup 99
gets_far() { in_ns guest "$seen_tool" ask tcp 203.0.113.9 7777 >/dev/null 2>&1; }
ip -n internet addr add 203.0.113.9/32 dev lo
passes routes-for-guests gets_far
ip rule del pref 99
ip route flush table 99
ip route add default via 198.51.100.1
ip rule add pref 99 from 10.82.1.0/24 prohibit
stops routes-for-host firewalls gets_far
equal routes-for-host-says 'network default: the host has a way to the outside, and its routes have none for what comes from guests: a rule (ip rule) or rp_filter refuses it (guestnet why 10.82.1.2 198.41.0.4:443 says which)' \
	"$(evidence firewalls)"
ip rule del pref 99
passes routes-mended gets_far
# What others begin with guests that have addresses of their own.
network default '[Network]' Mode=route '[Address]' Address=10.82.1.1/24
client reload
serve other 7778
ip -n internet route add 10.82.1.0/24 via 198.51.100.2
gets_in() { in_ns internet timeout 3 "$seen_tool" ask tcp 10.82.1.200 7778 >/dev/null 2>&1; }
passes in gets_in
nft 'table inet strange { chain through { type filter hook forward priority 5; policy drop; ct state established,related accept; iifname "gn-default" accept; }; }'
stops in-closed firewalls gets_in
equal in-closed-says 'network default: connections that others begin with guests are dropped by the policy of chain through in table inet strange' \
	"$(evidence firewalls)"
equal in-closed-judged note "$(of_check firewalls verdict)"
equal in-closed-printed 'nft add rule inet strange through iifname "up0" oifname "gn-default" accept' "$(printed firewalls)"
do_printed firewalls
passes in-mended gets_in
nft 'delete table inet strange'
network default '[Address]' Address=10.82.1.1/24
client reload
# What the kernel says of an address decides: ufw asks that before it lets anybody in.
if command -v iptables-nft >/dev/null; then
	iptables-nft -N not-local
	iptables-nft -A not-local -m addrtype --dst-type LOCAL -j RETURN
	iptables-nft -A not-local -m addrtype --dst-type BROADCAST -j RETURN
	iptables-nft -A not-local -j DROP
	iptables-nft -A INPUT -j not-local
	passes not-local gets_lease
	# A rule that is not understood may have let it pass: no more than a note, and why does not know either.
	iptables-nft -F not-local
	iptables-nft -A not-local -p udp -m iprange --src-range 0.0.0.0-10.82.1.255 -j ACCEPT
	iptables-nft -A not-local -p udp --dport 67 -j DROP
	noted() { [ "$(of_check firewalls verdict)" = note ]; }
	check doubtful wait_for 20 noted
	check doubtful-packet wait_for 20 gets_lease
	iptables-nft -A not-local -p icmp -m iprange --src-range 1.1.1.1-1.1.1.2 -j DROP
	iptables-nft -A not-local -p icmp -j DROP
	matches why-certain 'does not pass' "$(client why 10.82.1.200 10.82.1.1 2>&1)"
	iptables-nft -I not-local -p icmp -m iprange --src-range 10.82.1.1-10.82.1.255 -j ACCEPT
	check why-doubtful-packet wait_for 20 pings other 10.82.1.1
	matches why-doubtful 'iprange' "$(client why 10.82.1.200 10.82.1.1 2>&1 | head -n 2)"
	iptables-nft -F INPUT
	iptables-nft -F not-local
	iptables-nft -X not-local
	# A chain with a name that nft cannot say.
	iptables-nft -N reject
	iptables-nft -A INPUT -i gn-default -p udp -g reject
	iptables-nft -A reject -j REJECT
	stops unsaid firewalls gets_lease
	equal unsaid-printed 'nft insert rule ip filter INPUT iifname "gn-default" udp dport 67 accept' "$(printed firewalls)"
	do_printed firewalls
	do_printed firewalls
	passes unsaid-mended gets_lease
	iptables-nft -F
	iptables-nft -X
else
	skip not-local 'not installed: iptables-nft'
fi

# What another host sends by a tunnel: a guest there, which speaks first.
if ip link add x0 type vxlan id 1 dstport 4789 2>/dev/null; then
	ip link del x0
	lab() { network lab '[Network]' Mode=nat '[Address]' Address=10.61.0.1/24 '[Tunnel]' VNI=61 Remote=198.51.100.1 "$@"; client reload; }
	there() {	# PORT
		ip -n internet link del vx0 2>/dev/null
		ip -n internet link add vx0 address 52:54:00:61:00:09 type vxlan id 61 dstport "$1" local 198.51.100.1 remote 198.51.100.2
		ip -n internet addr add 10.61.0.9/24 dev vx0
		ip -n internet link set vx0 up
	}
	there 4789
	lab
	passes tunnel-healthy pings internet 10.61.0.1
	nft 'add table inet strange; add chain inet strange in { type filter hook input priority 5; }; add rule inet strange in udp dport 4789 drop'
	stops tunnel firewalls pings internet 10.61.0.1
	matches tunnel-says '^network lab: what 198\.51\.100\.1 sends by the tunnel \(UDP port 4789\) is dropped by rule 1 of chain in in table inet strange: .*dport 4789 drop$' \
		"$(evidence firewalls)"
	equal tunnel-printed 'nft insert rule inet strange in iifname "up0" ip saddr 198.51.100.1 udp dport 4789 accept' "$(printed firewalls)"
	do_printed firewalls
	passes tunnel-mended pings internet 10.61.0.1
	# A port of its own; an accept of flows that are known does not let it in.
	nft 'delete table inet strange; add table inet strange; add chain inet strange in { type filter hook input priority 5; }'
	nft 'add rule inet strange in ct state established,related accept; add rule inet strange in iifname "up0" udp dport != 4789 drop'
	there 4790
	lab DestinationPort=4790
	stops tunnel-port firewalls pings internet 10.61.0.1
	equal tunnel-port-printed 'nft insert rule inet strange in iifname "up0" ip saddr 198.51.100.1 udp dport 4790 accept' "$(printed firewalls)"
	do_printed firewalls
	passes tunnel-port-mended pings internet 10.61.0.1
	nft 'delete table inet strange'
	# Over IPv6.
	over() { network lab '[Network]' Mode=nat '[Address]' Address=10.61.0.1/24 '[Tunnel]' VNI=61 "$@"; client reload; }
	# It has seen nobody yet; nor does the host, which asks a neighbour once more by itself, and is so seen.
	there_by() {	# OPTION...
		ip neigh flush dev gn-lab
		ip -n internet link del vx0 2>/dev/null
		ip -n internet link add vx0 address 52:54:00:61:00:09 type vxlan id 61 dstport 4789 "$@"
		ip -n internet addr add 10.61.0.9/24 dev vx0
		ip -n internet link set vx0 up
	}
	strange() { nft "add table inet strange; add chain inet strange in { type filter hook input priority 5; }; add rule inet strange in $1"; }
	there_by local 2001:db8:51::1 remote 2001:db8:51::2
	over Remote=2001:db8:51::1
	passes tunnel6-healthy pings internet 10.61.0.1
	strange 'udp dport 4789 drop'
	stops tunnel6 firewalls pings internet 10.61.0.1
	matches tunnel6-says '^network lab: what 2001:db8:51::1 sends by the tunnel \(UDP port 4789\) is dropped by rule 1 of chain in in table inet strange: ' \
		"$(evidence firewalls)"
	equal tunnel6-printed 'nft insert rule inet strange in iifname "up0" ip6 saddr 2001:db8:51::1 udp dport 4789 accept' "$(printed firewalls)"
	do_printed firewalls
	passes tunnel6-mended pings internet 10.61.0.1
	nft 'delete table inet strange'
	# A group: what is for all hosts, and what is for this one; a neighbour stands for whoever is in it.
	for group in 239.1.1.61 ff05::61; do
		six=${group//[!:]/}
		six=${six:+6}
		there_by group "$group" dev eth0
		over Group="$group" Interface=up0
		passes group$six-tunnel-healthy pings internet 10.61.0.1
		strange 'udp dport 4789 meta pkttype multicast drop'
		there_by group "$group" dev eth0
		stops group$six-tunnel firewalls pings internet 10.61.0.1
		matches group$six-tunnel-says "^network lab: what another host, such as [0-9a-f.:]+[.:]3, sends to $group by the tunnel \\(UDP port 4789\\) is dropped by rule 1 of chain in in table inet strange: " \
			"$(evidence firewalls)"
		equal group$six-tunnel-printed 'nft insert rule inet strange in iifname "up0" udp dport 4789 accept' "$(printed firewalls)"
		do_printed firewalls
		passes group$six-tunnel-mended pings internet 10.61.0.1
		nft 'delete table inet strange'
		strange 'udp dport 4789 meta pkttype host drop'
		stops group$six-tunnel-host firewalls pings internet 10.61.0.1
		matches group$six-tunnel-host-says ', sends to this one by the tunnel ' "$(evidence firewalls)"
		do_printed firewalls
		passes group$six-tunnel-host-mended pings internet 10.61.0.1
		nft 'delete table inet strange'
	done
	network lab
	client reload
	ip -n internet link del vx0
else
	skip tunnel 'this kernel has no VXLAN (CONFIG_VXLAN)'
fi

# What stays inside the bridge.
plain_bridge() { echo "$1" >/proc/sys/net/bridge/bridge-nf-call-iptables; }
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
	nft 'add table inet strange; add chain inet strange through { type filter hook forward priority 5; }; add rule inet strange through udp sport 68 drop; add rule inet strange through ip protocol icmp drop'
	plain_bridge 1
	stops bridged bridge-netfilter pings guest 10.82.1.200
	do_printed bridge-netfilter
	passes bridged-mended pings guest 10.82.1.200
	# What another one's bridge drops is its own to drop: docker's with icc=false.
	plain_bridge 1
	ip link add docker0 type bridge
	nft 'delete table inet strange; table inet strange { chain through { type filter hook forward priority 5; iifname "docker0" oifname "docker0" drop; }; }'
	passes bridged-docker pings guest 10.82.1.200
	ip link del docker0
	plain_bridge 0
	nft 'delete table inet strange'
else
	skip bridged 'the kernel has no br_netfilter'
fi

# --- taps -------------------------------------------------------------------------------------
chmod 600 /dev/net/tun
attaches() { setpriv --reuid=$alice --clear-groups "$launch" --no-hold "$installed" --br=gn-default </dev/null 2>/dev/null | grep -q '"status":0,'; }
stops tun tun attaches
do_fix
passes tun-mended attaches
# A tap as QEMU leaves it with script=no: what its guest sends goes nowhere.
ip netns add alone
ip link add aside type bridge
"$world/tools/tap-guest" aside /run/netns/alone eth0 finished >$tmp/tap-guest 2>&1 &
tap_pid=$!
wait_for 20 grep -q ready $tmp/tap-guest
tap=$(ip -j link show master aside | jq -r '.[0].ifname')
ip link set "$tap" nomaster down
ip link del aside
ip -n alone link set eth0 up
alone_gets_lease() { timeout 4 ip netns exec alone busybox udhcpc -i eth0 -f -q -n -t 3 -T 1 -A 1 -s /bin/true >/dev/null 2>&1; }
stops tap taps alone_gets_lease
do_fix
passes tap-mended alone_gets_lease
ended $tap_pid

# --- bridges ----------------------------------------------------------------------------------
# A port that says nothing yet, and one that takes no large packets.
ip link add br9 type bridge stp_state 1 forward_delay 1500
ip addr add 10.9.9.1/24 dev br9
ip link set br9 up
ip netns add far
ip link add port9 type veth peer name eth0 netns far
ip -n far addr add 10.9.9.2/24 dev eth0
ip -n far link set eth0 up
ip link set port9 master br9 up
stops stp stp pings far 10.9.9.1
do_printed stp
equal stp-delay 0 "$(cat /sys/class/net/br9/bridge/forward_delay)"
# The port that waited talks at once, not after one more delay; and so does one that comes.
equal stp-state 3 "$(cat /sys/class/net/port9/brport/state)"
passes stp-mended pings far 10.9.9.1
ip link set port9 down
ip link set port9 up
forwards() { [ "$(cat /sys/class/net/port9/brport/state)" = 3 ]; }
check stp-mended-new wait_for 5 forwards
ip link set port9 mtu 1400
ip link set br9 mtu 1500
stops mtu mtu pings host 10.9.9.2 -s 1472
check mtu-small pings host 10.9.9.2 -s 1300
do_fix
passes mtu-mended pings host 10.9.9.2 -s 1472
ip netns del far
ip link del br9

# Nobody answers where addresses are not ours to give out.
ip netns add office
world_bridge br8
ip link add port-office type veth peer name eth0 netns office
ip link set port-office master br8 up
ip -n office addr add 192.0.2.1/24 dev eth0
ip -n office link set eth0 up
network lan '[Network]' Mode=bridge Bridge=br8
client reload
ip link set port0 master br8
stops no-answer dhcp-answer gets_lease
printf 'port=0\nno-resolv\nbind-interfaces\ninterface=eth0\nno-ping\ndhcp-authoritative\ndhcp-range=192.0.2.100,192.0.2.199,1h\ndhcp-leasefile=%s\n' \
	$tmp/office.leases >$tmp/office.conf
ip netns exec office dnsmasq -k -C $tmp/office.conf --pid-file= --user=root >/dev/null 2>&1 &
office_pid=$!
passes no-answer-mended gets_lease
ended $office_pid
network lan
client reload
plug
ip link del br8

# A guest that does not see its host.
if ip link add link up0 name mv0 type macvtap mode bridge 2>/dev/null; then
	ip netns add mv
	ip link add link up0 name mv1 type macvtap mode bridge
	ip link set mv1 netns mv
	ip -n mv addr add 198.51.100.9/24 dev mv1
	ip -n mv link set mv1 up
	check macvtap-outside wait_for 20 pings mv 198.51.100.1
	stops macvtap macvtap pings mv 198.51.100.2
	do_printed macvtap
	host=$(report isolated addresses | cut -d/ -f1)
	ip link add port-mv type veth peer name eth1 netns mv
	ip link set port-mv master gn-isolated up
	ip -n mv addr add "${host%.*}.77/24" dev eth1
	ip -n mv link set eth1 up
	check macvtap-mended wait_for 20 pings mv "$host"
	ip link del mv0
	client stop isolated
else
	skip macvtap 'this kernel has no macvtap'
fi

# --- networks ---------------------------------------------------------------------------------
# A route that leads where the guests are.
pings_other() { pings host 10.82.1.200; }
check other pings_other
ip route add 10.82.1.128/25 via 198.51.100.1
stops overlap networks pings_other
ip route del 10.82.1.128/25
passes overlap-gone pings_other
# Replies that nobody completes: a client that reads raw frames takes none.
strict() { in_ns guest "$world/tools/strict-dhcp" eth0 3 >/dev/null; }
mkdir -p $root/etc/networks/default.network.d
printf '[Network]\nDHCPChecksum=off\n' >$root/etc/networks/default.network.d/off.conf
client reload
stops checksum checksum strict
rm -r $root/etc/networks/default.network.d
client reload
passes checksum-mended strict
# One that somebody stopped.
client stop default
stops stopped networks gets_lease
do_fix
ip link set port0 master gn-default
passes stopped-mended gets_lease
# Forwarding that somebody turned off while nobody looks after it.
check before-forwarding wait_for 20 gets_out
netd_kill
echo 0 >/proc/sys/net/ipv4/ip_forward
equal forwarding 'daemon forwarding ' "$(found)"
if gets_out; then fail forwarding-packet 'it passes'; else pass forwarding-packet; fi
do_printed forwarding
check forwarding-mended-packet wait_for 20 gets_out
