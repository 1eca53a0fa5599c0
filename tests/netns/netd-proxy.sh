#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests behind a Wi-Fi card, as if bridged (ProxyARP=), with real packets: the host answers for their addresses, for all of
# those and for nobody else; entries that go are put back, on other LANs there are none, others' stay.
# Namespaces: this one is the host, with the card wlan0; "ap" is the access point, a bridge that takes frames from wlan0 of
# the card's own address alone (tests/vm/wifi.sh has the kernel's 802.11 in its place); "router", with a world behind it,
# and "peer" are on its LAN; "guest" is a guest.

suite=netd-proxy
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_folders dhclient

card=02:00:00:00:00:05
for ns in ap router peer; do ip netns add $ns; ip -n $ns link set lo up; done
ip -n ap link add lan0 type bridge
ip -n ap link set lan0 up
if [ -z "${RADIOS-}" ]; then
	ip link add wlan0 address $card type veth peer name sta netns ap
	ip -n ap link set sta master lan0 up
	# What an access point does: a station is known by one address.
	ip netns exec ap nft "add table bridge ap; add chain bridge ap in { type filter hook prerouting priority 0; };
		add rule bridge ap in iifname sta ether saddr != $card counter drop"
fi
for ns in router peer; do
	ip -n $ns link add eth0 type veth peer name $ns netns ap
	ip -n ap link set $ns master lan0 up
	ip -n $ns link set eth0 up
done
# Two radios, given to this namespace by tests/vm/wifi.sh, and a network without a password between them.
connected() { ip -j link show wlan0 | jq -e '.[0].operstate == "UP"'; }
if [ -n "${RADIOS-}" ]; then
	check radios wait_for 60 ip link show wlan1
	card=$(ip -j link show wlan0 | jq -r '.[0].address')
	iw phy phy1 set netns name ap
	printf 'network={\nssid="lan"\nkey_mgmt=NONE\nscan_ssid=1\n}\n' >$root/wpa0
	printf 'network={\nssid="lan"\nkey_mgmt=NONE\nmode=2\nfrequency=2412\n}\n' >$root/wpa2
	in_ns ap wpa_supplicant -D nl80211 -i wlan1 -b lan0 -c $root/wpa2 >$root/wpa2.log 2>&1 &
	wpa_supplicant -D nl80211 -i wlan0 -c $root/wpa0 >$root/wpa0.log 2>&1 &
	if wait_for 60 connected; then pass connected; else fail connected "$(tail -n 20 $root/wpa*.log)"; exit 1; fi
	ip -n ap link set wlan1 master lan0
fi
ip link set wlan0 up
home() {
	ip addr replace 192.168.1.5/24 dev wlan0
	ip addr replace fd12:3456::5/64 dev wlan0 nodad
	ip route replace default via 192.168.1.1
	ip -6 route replace default via fd12:3456::1
}
leave() { ip addr flush dev wlan0 scope global; }
home
ip -n router addr add 192.168.1.1/24 dev eth0
ip -n router addr add fd12:3456::1/64 dev eth0 nodad
ip -n router addr add 198.51.100.1/32 dev lo
ip -n router addr add 2001:db8:51::1/128 dev lo nodad
ip -n peer addr add 192.168.1.10/24 dev eth0
ip -n peer addr add fd12:3456::10/64 dev eth0 nodad
ip -n peer route add default via 192.168.1.1
for ns in router peer; do wait_for 30 has_carrier $ns; done

# ADDRESS: does somebody on the LAN say that it is there, and is it the card? Who is not there is asked for three times.
answered() { in_ns peer busybox arping -f -c 3 -w 3 -I eth0 "$1" | grep -qi "$card"; }
not_answered() { ! answered "$1"; }
entries() { ip -j neigh show proxy | jq -r '.[] | select(.dev == "wlan0") | .dst' | sort -V; }
n_entries() { [ "$(entries | wc -l)" = "$1" ]; }
all_entries() { n_entries 44; }
no_entries() { n_entries 0; }
problem() { report lan problem; }
lan=('[Network]' Mode=route Uplink=wlan0 ProxyARP=yes '[Address]' Address=192.168.1.193/27 Address=fd12:3456::a00:1/124
	'[DHCP]' Range=192.168.1.200-192.168.1.222 Range=fd12:3456::a00:8-fd12:3456::a00:f)

# --- a bridge does not do: the access point takes nothing from a guest of its own --------------------
serve peer 7777
world_bridge br9
if [ -n "${RADIOS-}" ]; then
	matches bridged-fails 'not supported|Invalid|not allow' "$(ip link set wlan0 master br9 2>&1)"
else
	ip link set wlan0 master br9
	ip netns add bridged
	ip link add port9 type veth peer name eth0 netns bridged
	ip link set port9 master br9 up
	ip -n bridged addr add 192.168.1.77/24 dev eth0
	ip -n bridged link set eth0 up
	wait_for 30 has_carrier bridged
	check bridged-fails refused bridged 192.168.1.10 7777
	matches bridged-dropped 'packets [1-9]' "$(ip netns exec ap nft list table bridge ap)"
	ip link set wlan0 nomaster
	ip netns del bridged
fi
ip link del br9

# --- the guest is in the LAN ------------------------------------------------------------------------
network lan "${lan[@]}"
network other '[Network]' Mode=route '[Address]' Address=10.91.1.1/24
netd_start
check up wait_for 30 settled
equal running running "$(state lan)"
equal no-problem '' "$(problem)"
check entries all_entries
# shellcheck disable=SC2034 # plug
bridge=gn-lan
dhcp_guest
plug
if lease; then pass lease; else fail lease "$(tail -n 5 $root/log)"; fi
matches lease-address '^192\.168\.1\.2(0[0-9]|1[0-9]|2[0-2])$' "${address-}"
equal lease-router 192.168.1.193 "${router-}"
# IPv6: an address by DHCPv6, alone, and the way by router advertisement.
cat >$root/dhclient-script <<'S'
#!/bin/sh
[ "$reason" = BOUND6 ] || exit 0
ip addr replace "$new_ip6_address/128" dev eth0 nodad
echo "$new_ip6_address" >"$LEASE"
S
chmod 755 $root/dhclient-script
touch $root/dhclient.leases
sure() { ip -n guest -6 addr show dev eth0 scope link -tentative | grep -q inet6; }
wait_for 20 sure
timeout 30 ip netns exec guest dhclient -6 -1 -e LEASE=$root/lease6 -cf /dev/null -lf $root/dhclient.leases \
	-pf $root/dhclient.pid -sf $root/dhclient-script eth0 >$root/dhclient.log 2>&1
[ ! -s $root/dhclient.pid ] || ended "$(cat $root/dhclient.pid)"
guest4=${address-192.168.1.200} guest6=$(cat $root/lease6 2>/dev/null || echo fd12:3456::a00:9)
matches lease6-address '^fd12:3456::a00:[89a-f] ' "$guest6 $(tail -n 3 $root/dhclient.log)"
advertised() { ip -n guest -6 route show default | grep -q 'via fe80'; }
check lease6-router wait_for 20 advertised
for ns in guest router; do serve $ns 7777; done
reachable() {	# ID: both ways, in both families
	check "$1-in" wait_for 20 reaches peer "$guest4" 7777
	equal "$1-in-as" 192.168.1.10 "$(seen peer "$guest4" 7777)"
	equal "$1-out-as" "$guest4" "$(seen guest 192.168.1.10 7777)"
	equal "$1-beyond-as" "$guest4" "$(seen guest 198.51.100.1 7777)"
	check "$1-in6" wait_for 20 reaches peer $guest6 7777
	equal "$1-in6-as" fd12:3456::10 "$(seen peer $guest6 7777)"
	equal "$1-out6-as" $guest6 "$(seen guest fd12:3456::10 7777)"
	equal "$1-beyond6-as" $guest6 "$(seen guest 2001:db8:51::1 7777)"
	equal "$1-udp-as" 192.168.1.10 "$(seen peer "$guest4" 7777 udp)"
}
for filter in 1 2 0; do
	for where in all wlan0 gn-lan; do echo $filter >/proc/sys/net/ipv4/conf/$where/rp_filter; done
	ip -n peer neigh flush dev eth0
	reachable rp-filter-$filter
done
check ping in_ns peer busybox ping -c 1 -W 5 "$guest4"
check ping6 in_ns peer busybox ping -6 -c 1 -W 5 $guest6
host_to_guest() { reaches host "$guest4" 7777 && reaches host $guest6 7777; }
check host-to-guest host_to_guest
check gateway6-from-lan in_ns peer busybox ping -6 -c 1 -W 5 fd12:3456::a00:1

# --- and for nobody else does the host answer -------------------------------------------------------
check answered-guest answered "$guest4"
check answered-nobody-yet answered 192.168.1.221
ip -n peer route add 10.91.1.0/24 dev eth0
ip -n peer route add 10.99.0.0/16 dev eth0
ip route add 10.99.0.0/16 via 10.91.1.9 dev gn-other
check answered-other-network not_answered 10.91.1.5
check answered-behind not_answered 10.99.0.5
check answered-lan not_answered 192.168.1.77
equal proxy-arp-off 0 "$(cat /proc/sys/net/ipv4/conf/wlan0/proxy_arp)"

# --- what goes is put back --------------------------------------------------------------------------
ip neigh del proxy "$guest4" dev wlan0
ip neigh del proxy $guest6 dev wlan0
# The kernel says nothing of that; anything else is reason to look.
ip link add nudge type veth peer name nudge0
check repaired-deleted wait_for 20 all_entries
reachable repaired
ip link set wlan0 down
ip link set wlan0 up
home
check repaired-down wait_for 20 all_entries
wait_for 30 settled
reachable down-up
echo 0 >/proc/sys/net/ipv6/conf/wlan0/proxy_ndp
ndp_on() { [ "$(cat /proc/sys/net/ipv6/conf/wlan0/proxy_ndp)" = 1 ]; }
check repaired-ndp wait_for 20 ndp_on
check idle wait_for 30 plan_is_empty

# --- said and unsaid while a guest talks to what reaches it either way -------------------------------
mkfifo $tmp/flow
exec 7<>$tmp/flow
in_ns guest "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens guest 7778
in_ns host "$world/tools/netd-flow" flow "$guest4" 7778 <&7 >$tmp/out 2>&1 &
flow_pid=$!
echo 'without' >&7
network lan "${lan[@]/ProxyARP=yes/ProxyARP=no}"
client reload >/dev/null		# the LAN is an overlap now, and a note says so
check live-no wait_for 30 no_entries
check live-withdrawn not_answered "$guest4"
echo 'with' >&7
network lan "${lan[@]}"
netd_reload
check live-yes all_entries
echo 'end' >&7
reported() { grep -q '^with ' $tmp/out; }
wait_for 20 reported
kill $flow_pid
exec 7>&-
for phase in without with; do
	matches "live-uncut-$phase" "$phase sent [1-9][0-9]* lost 0 connects [1-9][0-9]* failed 0" "$(grep "^$phase " $tmp/out)"
done
reachable live

# --- entries of others: not ours to change ----------------------------------------------------------
ip neigh add proxy 192.168.1.50 dev wlan0
small=("${lan[@]/193\/27/193\/28}")
network lan "${small[@]/192.168.1.222/192.168.1.206}"
netd_reload
check smaller n_entries 29
network lan
netd_reload
equal foreign-stays 192.168.1.50 "$(entries)"
ip neigh add proxy 192.168.1.210 dev wlan0
network lan "${lan[@]}"
netd_reload
check bigger n_entries 45	# that one among them, and the one outside
protocol() { ip -j neigh show proxy | jq -r ".[] | select(.dst == \"$1\") | .protocol"; }
equal foreign-inside null "$(protocol 192.168.1.210)"
client stop lan >/dev/null
equal stopped $'192.168.1.50\n192.168.1.210' "$(entries)"
check withdrawn not_answered "$guest4"
ip neigh del proxy 192.168.1.50 dev wlan0
ip neigh del proxy 192.168.1.210 dev wlan0
client start lan >/dev/null
check started wait_for 20 all_entries
netd_kill
netd_start
check adopted all_entries
wait_for 30 settled
plug
reachable restarted

# --- another LAN, and one where the network would take the host's own -------------------------------
degraded() { [ "$(state lan)" = degraded ]; }
failed() { [ "$(state lan)" = failed ]; }
running() { is running lan; }
leave
ip addr add 10.7.7.5/24 dev wlan0
check elsewhere wait_for 20 degraded
matches elsewhere-text 'wlan0 is on no LAN that .* is a part of' "$(problem)"
check elsewhere-none wait_for 20 no_entries
leave
ip addr add 192.168.1.200/24 dev wlan0
check own-inside wait_for 20 failed
matches own-inside-text '192.168.1.200, on the LAN of wlan0, .* inside 192.168.1.192/27' "$(problem)"
check own-inside-none no_entries
leave
home
check home-again wait_for 20 running
check home-again-entries wait_for 20 all_entries
ip route replace default via 192.168.1.201 dev wlan0
check gateway-inside wait_for 20 failed
matches gateway-inside-text '192.168.1.201, on the LAN of wlan0, .* gateway' "$(problem)"
check gateway-inside-none no_entries
# The way to the gateway is the LAN's again.
matches gateway-inside-way 'dev wlan0' "$(ip route get 192.168.1.201)"
ip route replace default via 192.168.1.1 dev wlan0
check gateway-outside wait_for 20 running
check gateway-outside-entries wait_for 20 all_entries
wait_for 30 settled
reachable again

# --- what a file may not say ------------------------------------------------------------------------
refuses() {	# ID TEXT LINE...
	local id=$1 text=$2
	shift 2
	network bad "$@"
	matches "$id" "$text" "$(client check bad $root/etc/networks/bad.network 2>&1; netd --plan 2>&1)"
	network bad
}
refuses no-uplink 'ProxyARP=yes needs one Uplink=' '[Network]' Mode=route ProxyARP=yes '[Address]' Address=192.168.9.1/27
refuses auto 'ProxyARP=yes needs an Address=' '[Network]' Mode=route Uplink=wlan0 ProxyARP=yes
refuses nat 'ProxyARP= has no meaning with Mode=nat' '[Network]' Uplink=wlan0 ProxyARP=yes
refuses wide '/24 to /30' '[Network]' Mode=route Uplink=wlan0 ProxyARP=yes '[Address]' Address=192.168.8.1/23

nets_done
check teardown-none no_entries
