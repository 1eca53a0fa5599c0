#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every key that can change while guests run does so without a packet lost, but for a moment where that cannot be: each is given
# another value in turn while a guest sends a packet every millisecond and begins a connection every ten, by IPv4 and by IPv6;
# of what another network's guest sends to it as often, nothing ever arrives, though rules are made anew; and what that one sends to
# the outside always does. And the network isolated as it is shipped, for a guest whose first device is a macvtap.
# Namespaces: this one is the host; "talker" is a guest of n, "stranger" of another network; "internet" is behind up0.

suite=netd-live
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup
cp "$top/netd/networks/isolated.network" $root/vendor/networks/
mkdir -p $root/tftp
touch $root/tftp/{pxelinux.0,other.0}
chmod -R a+rX $root

# n with these lines: LINE|LINE... of [Network], and other sections.
declare_n() {
	local network rest
	IFS='|' read -ra network <<<"$1"
	IFS='|' read -ra rest <<<"$2"
	network n '[Network]' "${network[@]}" '[Address]' Address=10.94.1.1/24 Address=fd94::1/64 "${rest[@]}"
}
declare_n '' ''
network other '[Network]' Peer=n '[Address]' Address=10.95.1.1/24 Address=fd95::1/64
network strange '[Address]' Address=10.93.1.1/24 Address=fd93::1/64
netd_start
check up wait_for 30 settled
guest talker gn-n 10.94.1.5 fd94::5
in_ns internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens internet 7778
guest stranger gn-strange 10.93.1.5 fd93::5
in_ns talker "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens talker 7778
serve internet 7777
check reaches wait_for 60 reaches talker 198.51.100.1 7777
check reaches6 wait_for 60 reaches talker 2001:db8:51::1 7777
mkfifo $tmp/flow4 $tmp/flow6 $tmp/none4 $tmp/none6 $tmp/beside4 $tmp/beside6
exec 7<>$tmp/flow4 8<>$tmp/flow6 5<>$tmp/none4 6<>$tmp/none6 9<>$tmp/beside4 {beside6}<>$tmp/beside6
in_ns talker "$world/tools/netd-flow" flow 198.51.100.1 7778 <&7 >$tmp/out4 2>&1 &
flow4_pid=$!
in_ns talker "$world/tools/netd-flow" flow 2001:db8:51::1 7778 <&8 >$tmp/out6 2>&1 &
flow6_pid=$!
in_ns stranger "$world/tools/netd-flow" flow 198.51.100.1 7778 <&9 >$tmp/outside4 2>&1 &
beside4_pid=$!
in_ns stranger "$world/tools/netd-flow" flow 2001:db8:51::1 7778 <&$beside6 >$tmp/outside6 2>&1 &
beside6_pid=$!
phase() { for fd in 7 8 9 $beside6; do echo "$1" >&$fd; done; }
in_ns stranger "$world/tools/netd-flow" flow 10.94.1.5 7778 <&5 >$tmp/nothing4 2>&1 &
none4_pid=$!
in_ns stranger "$world/tools/netd-flow" flow fd94::5 7778 <&6 >$tmp/nothing6 2>&1 &
none6_pid=$!
forbidden() { echo "$1" >&5; echo "$1" >&6; }
mac=$(ip -n talker -j link show eth0 | jq -r '.[0].address')
# With NAT66=no guests are known by their own addresses.
ip -n internet route add fd94::/64 via 2001:db8:51::2
table_handle() { nft -j list tables | jq -r '.nftables[].table? | select(.name == "guestnet") | .handle'; }
phase quiet
forbidden sent-all-the-time
before=$(table_handle)

# What changes, lines of [Network], other sections. Each row takes away what the one before it has brought.
n_rows=0 wrong=''
while IFS=';' read -r label lines sections; do
	[ -n "$label" ] || continue
	n_rows=$((n_rows + 1))
	phase "$label"
	sections=${sections//@ROOT@/$root}
	declare_n "$lines" "${sections//@MAC@/$mac}"
	# Another process that plans does not know that a guest has brought the network up.
	if [ "$label" = Autostart ]; then client reload >/dev/null; wait_for 30 all_running; else netd_reload; fi ||
		wrong+=" $label: $(report n problem);"
done <<'ROWS'
AlternativeName;AlternativeName=virbr7;
MTU;MTU=1400;
HostAccess;HostAccess=all;
HostAccess-none;HostAccess=none;
Coexist;Coexist=no;
ForwardGuard;ForwardGuard=yes;
Uplink;Uplink=up0;
NATPorts;NATPorts=1024-64000;
Peer;Peer=other;
DHCPChecksum;DHCPChecksum=off;
Ports;Ports=none;
Autostart;Autostart=on-demand|IdleTimeout=1h;
StartServices;StartServices=on-demand;
Address;;Address=10.94.2.1/24|Address=fd94:2::1/64
DHCP-Enable;;[DHCP]|Enable=no
Range;;[DHCP]|Range=10.94.1.100-10.94.1.120|Range=fd94::100-fd94::1ff
LeaseTime;;[DHCP]|LeaseTime=5h
OnlyHosts;;[DHCP]|OnlyHosts=yes
Identity;;[DHCP]|Identity=client-id|[Host]|ClientID=01:02|Address=10.94.1.7
Router;;[DHCP]|Router=no
NTP;;[DHCP]|NTP=10.94.1.1
SendOption;;[DHCP]|SendOption=66:string:x
DNS-Enable;;[DNS]|Enable=no
Domain;;[DNS]|Domain=other.internal
Forwarder;;[DNS]|Forwarder=9.9.9.9|Forwarder=a.example none
DNS-Host;;[DNS]|Host=10.94.1.9 printer
TXT;;[DNS]|TXT=a.internal words
SRV;;[DNS]|SRV=_x._tcp.a.internal b.internal 80
Host;;[Host]|MACAddress=52:54:00:94:00:01|Name=web|Address=10.94.1.8|Address=fd94::8
Host-LeaseTime;;[Host]|MACAddress=52:54:00:94:00:01|Name=web|LeaseTime=1h
Host-SendOption;;[Host]|MACAddress=52:54:00:94:00:01|SendOption=66:string:x
Forward;;[Forward]|Listen=tcp:8080|To=10.94.1.5:80|[Forward]|Listen=udp:198.51.100.2:9000-9009|To=10.94.1.5
Forward-To;;[Forward]|Listen=tcp:8080|To=10.94.1.6:81|[Forward]|Listen=tcp:[2001:db8:51::2]:80|To=[fd94::5]
Route;;[Route]|Destination=10.60.0.0/16|Gateway=10.94.1.5|[Route]|Destination=fd60::/48|Gateway=fd94::5
Route-changed;;[Route]|Destination=10.60.0.0/16|Gateway=10.94.1.6|Metric=7|Advertise=yes
TFTPRoot;;[Boot]|TFTPRoot=@ROOT@/tftp|File=pxelinux.0
File;;[Boot]|TFTPRoot=@ROOT@/tftp|File=other.0|File=ipxe:http://10.94.1.1/x
Server;;[Boot]|Server=10.94.1.5|File=pxelinux.0
moment-NATAddress;NATAddress=198.51.100.2|NATAddress=2001:db8:51::2;
moment-NATAddress-gone;;
moment-NAT66;NAT66=no;
moment-NAT66-again;;
Tap;;[Tap]|Name=tap-live|User=0
Tap-MultiQueue;;[Tap]|Name=tap-live|User=0|MultiQueue=yes
Isolated;Ports=port-*;[Port]|Isolated=yes
MACBinding;Ports=port-*;[Port]|MACBinding=yes
AddressBinding;Ports=port-*;[Host]|MACAddress=@MAC@|Address=10.94.1.5|Address=fd94::5|[Port]|AddressBinding=lease
RAGuard;Ports=port-*;[Port]|RAGuard=yes
DHCPGuard;Ports=port-*;[Port]|DHCPGuard=yes|BPDUGuard=yes
FromGuestRate;Ports=port-*;[Port]|FromGuestRate=100M|[Bandwidth]|FromGuestsRate=100M
FromGuestRate-changed;Ports=port-*;[Port]|FromGuestRate=200M|FromGuestBurstBytes=1M|[Bandwidth]|FromGuestsRate=200M
ToGuestRate;Ports=port-*;[Port]|ToGuestRate=100M|[Bandwidth]|ToGuestsRate=100M
ToGuestRate-changed;Ports=port-*;[Port]|ToGuestRate=200M|ToGuestPeakRate=1G|[Bandwidth]|ToGuestsRate=200M|ToGuestsBurstBytes=1M
moment-queue-gone;;
Bridge;Bridge=gn-renamed;
Bridge-again;Bridge=gn-third|Peer=other;[Forward]|Listen=udp:9000|To=10.94.1.5
all-gone;;
ROWS
phase end
forbidden end
equal declared '' "$wrong"
check rows test "$n_rows" -ge 54
# The phase before the first, quiet, and a phase for each row.
all_told() {
	local out
	for out in $tmp/{out,outside}{4,6}; do [ "$(grep -c sent $out)" -ge $((n_rows + 2)) ] || return; done
}
check told wait_for 30 all_told
# Two kinds of change cannot be without one. Guests that are seen under another address from now on: their flows begin anew
# (netd/model/flows.c), and what was under way is lost: what the server has not read yet, as long as a flow beside this one, which
# nothing happens to, waits for it; and what a processor has not come to, for which 20 ms are given (seen were 0 to 10 packets, with
# five processes for each processor). And a queue that goes: the kernel waits until nobody uses it any more, and drops what comes
# meanwhile (net/sched/sch_generic.c:dev_deactivate_many(): a grace period of RCU or more; seen were 0 to 17). A connection that
# begins then takes another second.
a_moment() {	# FLOW BESIDE
	awk 'NR == FNR { waited[$1] = $11; next }
		/^moment-/ { limit = $1 == "moment-queue-gone" ? 50 : waited[$1] + 20 }
		/^moment-/ && ($5 > limit || $9 > limit / 10 + 1) { print $0 ", beside it gap " waited[$1] }' "$2" "$1"
}
equal moment '' "$(a_moment $tmp/out4 $tmp/outside4)$(a_moment $tmp/out6 $tmp/outside6)"
unharmed() { grep sent "$1" | grep -v -e ^before "${@:2}" | grep -v ' lost 0 connects [0-9]* failed 0 ' | tr '\n' ';'; }
equal unharmed '' "$(unharmed $tmp/out4 -e ^moment-)"
equal unharmed6 '' "$(unharmed $tmp/out6 -e ^moment-)"
equal beside '' "$(unharmed $tmp/outside4)"
equal beside6 '' "$(unharmed $tmp/outside6)"
for pid in $flow4_pid $flow6_pid $beside4_pid $beside6_pid; do ended $pid; done
none_told() { grep -q sent-all $tmp/nothing4 && grep -q sent-all $tmp/nothing6; }
check forbidden-told wait_for 30 none_told
# All that was sent is lost, and no connection came about.
arrived() { awk '/^sent-all/ && ($3 < 1000 || $3 != $5 || $7 != $9)' "$1"; }
equal forbidden '' "$(arrived $tmp/nothing4)"
equal forbidden6 '' "$(arrived $tmp/nothing6)"
check forbidden-anew test "$before" != "$(table_handle)"
ended $none4_pid
ended $none6_pid

# A device that is up is renamed since Linux 6.2.
# --- what guests must notice: their gateway has another Ethernet address ---------------------------
network n '[Network]' MACAddress=52:54:00:94:94:94 '[Address]' Address=10.94.1.1/24 Address=fd94::1/64
check mac-changed netd_reload
ip -n talker neigh flush dev eth0
check mac-works reaches talker 198.51.100.1 7777
check mac-works6 reaches talker 2001:db8:51::1 7777
# --- Uplink= with Mode=nat ------------------------------------------------------------------------
ip netns add elsewhere
ip link add up1 type veth peer name eth0 netns elsewhere
ip addr add 203.0.113.2/24 dev up1
ip addr add 2001:db8:52::2/64 dev up1 nodad
ip link set up1 up
ip -n elsewhere addr add 203.0.113.1/24 dev eth0
ip -n elsewhere addr add 2001:db8:52::1/64 dev eth0 nodad
ip -n elsewhere link set eth0 up
serve elsewhere 7777
equal any-way 203.0.113.2 "$(seen talker 203.0.113.1 7777)"
network n '[Network]' MACAddress=52:54:00:94:94:94 Uplink=up0 '[Address]' Address=10.94.1.1/24 Address=fd94::1/64
netd_reload
equal uplink-nat 198.51.100.2 "$(seen talker 198.51.100.1 7777)"
equal uplink-nat6 2001:db8:51::2 "$(seen talker 2001:db8:51::1 7777)"
check uplink-nat-only refused talker 203.0.113.1 7777
check uplink-nat-only6 refused talker 2001:db8:52::1 7777

# --- the network isolated, as it is shipped: the second device of a guest on a macvtap ---------------
equal isolated-waits stopped "$(state isolated)"
ip netns add macguest
ip link add link up0 name eth1 netns macguest type macvlan mode bridge
ip -n macguest addr add 198.51.100.9/24 dev eth1
ip -n macguest link set eth1 up
serve host 7779
equal macvtap-out 198.51.100.9 "$(seen macguest 198.51.100.1 7777)"
check macvtap-no-host refused macguest 198.51.100.2 7779
check isolated-start client start isolated
check isolated-running wait_for 20 settled
gateway=$(ip -4 -j addr show dev gn-isolated | jq -r '.[0].addr_info[0].local')
gateway6=$(ip -6 -j addr show dev gn-isolated scope global | jq -r '.[0].addr_info[0].local')
ip link add port-iso type veth peer name eth0 netns macguest
ip link set port-iso master gn-isolated up
ip -n macguest link set eth0 up
ip -n macguest addr add "${gateway%.*}.77/24" dev eth0
ip -n macguest addr add "${gateway6%::*}::77/64" dev eth0 nodad
equal isolated-reaches-host "${gateway%.*}.77" "$(seen macguest $gateway 7779)"
equal isolated-reaches-host6 "${gateway6%::*}::77" "$(seen macguest $gateway6 7779)"
serve macguest 7780
equal host-reaches-guest $gateway "$(seen host "${gateway%.*}.77" 7780)"
equal isolated-still-out 198.51.100.9 "$(seen macguest 198.51.100.1 7777)"
ip -n macguest route add 203.0.113.0/24 via $gateway
check isolated-no-way-out refused macguest 203.0.113.1 7777
nets_done
