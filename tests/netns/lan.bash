# SPDX-License-Identifier: GPL-2.0-or-later
# What the suites about the host's network card in a bridge share. Sourced after tests/lib.sh, world.bash and nets.bash.
#
#   lan_setup [PROGRAM...]   skips the suite where a program is missing; the namespaces "gw", the LAN's switch, gateway, DHCP
#                            server and router, and "guest"; eth0 is the host's card on that LAN
#   lan_card                 the card is up, with an address of both families and a way out
#   picture DEVICE           what is on an interface
#   remember                 what is on eth0 now is what it has to get back
#   lan LINE...              the network "lan", with eth0 in br0
#   moved, kept, restored    is it so? check_moved, check_restored ID [SECONDS] wait for it
#   silence                  the gateway does not answer what the bridge asks, until `nft delete table bridge t`
in_gw() { ip netns exec gw "$@"; }

lan_setup() {
	nets_folders "$@"
	ip netns add gw && ip netns add guest || exit 1
	ip link add eth0 address 02:00:00:00:00:05 type veth peer name host netns gw
	ip -n gw link add lan0 type bridge
	ip -n gw link set host master lan0 up
	ip -n gw addr add 192.0.2.1/24 dev lan0
	ip -n gw addr add 192.0.2.2/24 dev lan0
	ip -n gw addr add 2001:db8:2::1/64 dev lan0 nodad
	ip -n gw link set lo up
	ip -n gw link set lan0 up
	in_gw sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	in_gw dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=lan0 --bind-interfaces --no-ping \
		--dhcp-range=192.0.2.100,192.0.2.150,1h --dhcp-range=2001:db8:2::,ra-only,64,1h --enable-ra --ra-param=lan0,10 \
		--dhcp-leasefile=$root/gw.leases --pid-file= --user=root >$root/gw.log 2>&1 &
	in_gw "$world/tools/netd-flow" serve 7000 >/dev/null 2>&1 &
}

lan_card() {
	ip link set eth0 up
	ip addr add 192.0.2.5/24 brd + dev eth0
	ip addr add 2001:db8:2::5/64 dev eth0 nodad
	ip route add default via 192.0.2.1 dev eth0
}

# What is on an interface, without what changes by itself. A label is the interface's own.
picture() {	# DEVICE
	ip -j addr show dev "$1" | jq -S --arg dev "$1" '.[0].addr_info | map(del(.valid_life_time, .preferred_life_time, .tentative) |
		.label |= (if . then sub("^" + $dev; "DEV") else . end) | del(.protocol)) | sort_by(.local)'
	ip -j route show table all | jq -S --arg dev "$1" 'map(select(.dev == $dev or
		(.nexthops // [] | any(.dev == $dev)))) | map(del(.expires, .dev, .flags) | .nexthops |= (if . then map(del(.dev)) else . end)) |
		map(select((.type // "unicast") != "multicast" and (.table // "main") != "local")) | sort_by(.dst, .metric, .table)'
}
has_ra() { ip -6 route show default proto ra dev "${1:-eth0}" | grep -q . && ip -6 addr show dev "${1:-eth0}" mngtmpaddr | grep -q inet6; }
remember() { picture eth0 >$root/before; }
same_as_before() { picture eth0 >$root/now; diff $root/before $root/now >$root/diff; }
master() { ip -j link show "$1" | jq -r '.[0].master // "none"'; }
bridged() { [ "$(master eth0)" = br0 ]; }
free() { ! bridged && ! ip link show br0 >/dev/null 2>&1; }
restored() { free && same_as_before && [ ! -e $root/run/lan.card ]; }
check_restored() { if wait_for "${2:-30}" restored; then pass "$1"; else fail "$1" "$(cat $root/diff; ls $root/run)"; fi; }

say() { "$BIN/guestnet" "$@" 2>&1; }
ping4() { busybox ping -c1 -W1 192.0.2.1; }
ping6() { busybox ping -6 -c1 -W1 2001:db8:2::1; }
lan() { network lan '[Network]' Mode=bridge Uplink=eth0 Bridge=br0 Autostart=no "$@"; }
phase() { sed -n 's/^phase //p' $root/run/lan.card 2>/dev/null; }
kept() { [ "$(phase)" = kept ] && [ "$(state lan)" = running ]; }
failed() { [ "$(state lan)" = failed ]; }
moved() { bridged && picture br0 >$root/moved && diff $root/before $root/moved >$root/diff; }
check_moved() {
	if wait_for "${2:-30}" moved; then pass "$1"; else fail "$1" "$(state lan) $(report lan problem) $(cat $root/diff; ip -br link; tail -n 3 $root/log)"; fi
}
silence() {
	nft add table bridge t
	nft add chain bridge t c '{ type filter hook output priority 0; }'
	nft add rule bridge t c oifname eth0 ether type arp drop
}
