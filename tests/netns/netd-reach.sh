#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What guests may not begin, and from where they may not be reached, with real packets: DenyOut=, AllowOut=, DenyIn=, AllowIn= of
# networks and of single guests, both families, TCP, UDP and ICMP; changed while flows are there; evaded by nothing that is said
# not to; explained by `guestnet why`; put back.
# Namespaces: "one" and "two" are guests of f (NAT), "far" is one of its peer g (routed), "internet" is outside.

suite=netd-reach
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

ip -n internet addr add 192.168.7.1/24 dev eth0
ip -n internet addr add fd77::1/64 dev eth0 nodad
ip addr add 192.168.7.2/24 dev up0
ip addr add fd77::2/64 dev up0 nodad
f=('[Network]' Mode=nat Peer=g '[Address]' Address=10.86.1.1/24 Address=fd86::1/64)
one=('[Host]' MACAddress=52:54:00:86:00:01 Name=one Address=10.86.1.5 Address=fd86::5)
two=('[Host]' MACAddress=52:54:00:86:00:02 Name=two Address=10.86.1.6 Address=fd86::6)
g=('[Network]' Mode=route Peer=f '[Address]' Address=10.87.1.1/24 Address=fd87::1/64)
network f "${f[@]}" "${one[@]}" "${two[@]}"
network g "${g[@]}"
netd_start
check up wait_for 30 settled
guest one gn-f 10.86.1.5 fd86::5
guest two gn-f 10.86.1.6 fd86::6
guest far gn-g 10.87.1.5 fd87::5
ip -n one link set eth0 address 52:54:00:86:00:01
ip -n two link set eth0 address 52:54:00:86:00:02
ip -n internet route add 10.87.1.0/24 via 198.51.100.2
ip -n internet -6 route add fd87::/64 via 2001:db8:51::2
for port in 443 80 53; do serve internet $port; done
for ns in one two far; do serve $ns 22; serve $ns 80; done

# ID ANSWER GUEST ADDRESS PORT [udp]...: who answers, "" for nobody?
row() { equal "$1" "$2" "$(asked "${@:3}" | cut -d' ' -f3)"; }
# The whole table at once: ID, then lines "ANSWER NAMESPACE ADDRESS PORT [udp]", - for nobody.
table() {
	local id=$1 answer rest
	while read -r answer rest; do
		[ -n "$answer" ] || continue
		[ "$answer" = - ] && answer=
		# shellcheck disable=SC2086 # words
		row "$id: $rest" "$answer" $rest
	done
}
pings() { in_ns "$1" busybox ping -q -c 1 -W 2 "$2" >/dev/null 2>&1; }
silent() { ! pings "$@"; }

# --- nothing is said -----------------------------------------------------------------------------
table open <<'T'
internet one 198.51.100.1 443
internet one 2001:db8:51::1 443
internet two 192.168.7.1 80
far one 10.87.1.5 22
one far fd86::5 22
far internet 10.87.1.5 80
T
equal no-sets '' "$(nft list table inet guestnet | grep -E 'outdeny|rules_out')"

# --- one guest: nothing beyond its network but one port of one address -----------------------------
network f "${f[@]}" "${one[@]}" DenyOut=any 'AllowOut=192.168.7.1 tcp:443' 'AllowOut=fd77::1 tcp:443' "${two[@]}"
check one-reloaded netd_reload
table one <<'T'
- one 198.51.100.1 443
- one 2001:db8:51::1 443
- one 198.51.100.1 53 udp
- one 2001:db8:51::1 53 udp
- one 192.168.7.1 80
internet one 192.168.7.1 443
internet one fd77::1 443
- one fd77::1 80
- one 192.168.7.1 443 udp
- one 10.87.1.5 22
- one fd87::5 22
two one 10.86.1.6 22
two one fd86::6 22
one far 10.86.1.5 22
one far fd86::5 22
internet two 198.51.100.1 443
internet two 2001:db8:51::1 53 udp
far two 10.87.1.5 22
T
check one-no-ping silent one 198.51.100.1
check one-no-ping6 silent one 2001:db8:51::1
check one-gateway pings one 10.86.1.1
check one-gateway6 pings one fd86::1
check two-ping pings two 198.51.100.1

# --- `why`, and what is shown -----------------------------------------------------------------------
why() { client why "$@" --json | jq -r '.verdict + ": " + .reason'; }
file=$root/etc/networks/f.network
equal why-one "stopped: the packet is rejected: DenyOut= of this guest's [Host] in the network f: DenyOut=any, $file:12" \
	"$(why 10.86.1.5 198.51.100.1:443)"
equal why-one6 "stopped: the packet is rejected: DenyOut= of this guest's [Host] in the network f: DenyOut=any, $file:12" \
	"$(why fd86::5 '[2001:db8:51::1]:443')"
equal why-one-allowed 'passes: ' "$(why 10.86.1.5 192.168.7.1:443)"
equal why-one-ping stopped "$(why 10.86.1.5 198.51.100.1 | cut -d: -f1)"
equal why-two 'passes: ' "$(why 10.86.1.6 198.51.100.1:443)"
equal json "[{\"guest\":\"one\",\"address\":\"52:54:00:86:00:01\",\"key\":\"AllowOut\",\"value\":\"192.168.7.1 tcp:443\",\"place\":\"$file:13\",\"why\":\"\"}]" \
	"$(client status f --json | jq -c '[.[0].rules[1]]')"
matches printed $'\n  rule       one: DenyOut=any\n  rule       one: AllowOut=192.168.7.1 tcp:443\n' "$(client status f)"

# --- evasion: another address of its own changes nothing; for another Ethernet address see below ----
ip -n one addr add 10.86.1.99/24 dev eth0
ip -n one addr add fd86::99/64 dev eth0 nodad
from() { in_ns one "$seen_tool" ask tcp "$2" 443 "$1" | cut -d' ' -f3; }
equal other-address '' "$(from 10.86.1.99 198.51.100.1)"
equal other-address6 '' "$(from fd86::99 2001:db8:51::1)"
equal other-address-allowed internet "$(from 10.86.1.99 192.168.7.1)"
ip -n one addr del 10.86.1.99/24 dev eth0
ip -n one addr del fd86::99/64 dev eth0
# What is too short to have ports has none that anything could be said of, and what comes in parts is put together first.
in_ns internet nft -f - <<'N'
table inet counting {
	set seen { type mark; flags dynamic; }
	chain input {
		type filter hook input priority 0;
		meta l4proto 253 ip daddr 198.51.100.1 meta mark set 4
		meta l4proto 253 ip6 daddr 2001:db8:51::1 meta mark set 6
		meta l4proto 254 meta mark set 1
		meta mark != 0 update @seen { meta mark }
	}
}
N
arrived() { in_ns internet nft list set inet counting seen | grep -q "0x0*$1[ ,}]"; }
raw() { in_ns "$1" "$world/tools/raw-probe" ip "${@:2}"; }
for size in 0 1 3 4 100; do
	raw one 198.51.100.1 253 $size
	raw one 2001:db8:51::1 253 $size
done
raw two 198.51.100.1 254 4
check short-other wait_for 20 arrived 1
if arrived 4 || arrived 6; then fail short 'a packet without ports has left'; else pass short; fi
big() { in_ns "$1" busybox ping -q -c 1 -W 2 -s 4000 "$2" >/dev/null 2>&1; }
check fragments-other big two 198.51.100.1
if big one 198.51.100.1; then fail fragments 'it has left'; else pass fragments; fi

# --- all guests: not the LAN, but the Internet; one of them all the same; ports -------------------------
network f "${f[0]}" Mode=nat Peer=g DenyOut=192.168.0.0/16 DenyOut=fd77::/16 DenyOut=udp:53 'AllowOut=198.51.100.1 udp:53' 'DenyOut=192.168.7.0/24 tcp:443' \
	"${f[@]:3}" "${one[@]}" 'AllowOut=192.168.7.1 tcp:443-444' "${two[@]}" 'DenyOut=198.51.100.0/24 tcp:80'
check all-reloaded netd_reload
table all <<'T'
internet one 198.51.100.1 443
internet one 2001:db8:51::1 443
internet one 192.168.7.1 443
- one 192.168.7.1 80
- one fd77::1 443
- two 192.168.7.1 443
- two 192.168.7.1 80
- two fd77::1 80
- two 198.51.100.1 80
internet two 198.51.100.1 443
internet two 198.51.100.1 53 udp
- two 2001:db8:51::1 53 udp
internet one 2001:db8:51::1 53
far one 10.87.1.5 22
T
equal why-all "stopped: the packet is rejected: DenyOut= of all guests in the network f: DenyOut=192.168.0.0/16, $file:4" "$(why 10.86.1.6 192.168.7.1:80)"
equal why-all6 "stopped: the packet is rejected: DenyOut= of all guests in the network f: DenyOut=udp:53, $file:6" "$(client why fd86::6 '[2001:db8:51::1]:53' --protocol udp --json | jq -r '.verdict + ": " + .reason')"

# --- what reaches guests ---------------------------------------------------------------------------
g=("${g[@]:0:3}" DenyIn=any AllowIn=tcp:22 'AllowIn=198.51.100.0/24 icmp' "${g[@]:3}")
network g "${g[@]}"
network f "${f[@]}" "${one[@]}" DenyIn=198.51.100.0/24 'AllowIn=any tcp:22' "${two[@]}" '[Forward]' Listen=tcp:8022 To=one:22 \
	'[Forward]' Listen=tcp:8080 To=one:80 '[Forward]' Listen=tcp:8081 To=two:80
check in-reloaded netd_reload
table in <<'T'
far internet 10.87.1.5 22
- internet 10.87.1.5 80
far internet fd87::5 22
- internet fd87::5 80
- one 10.87.1.5 80
- two fd87::5 80
far two fd87::5 22
internet far 198.51.100.1 80
internet far 2001:db8:51::1 443
far host 10.87.1.5 80
one internet 198.51.100.2 8022
- internet 198.51.100.2 8080
two internet 198.51.100.2 8081
one host 198.51.100.2 8080
one far 10.86.1.5 80
two one 10.86.1.6 80
one two 10.86.1.5 80
one two fd86::5 80
T
check in-ping pings internet 10.87.1.5
check in-ping6 silent internet fd87::5
equal why-in "stopped: the packet is rejected: DenyIn= of all guests in the network g: DenyIn=any, $root/etc/networks/g.network:4" "$(why 198.51.100.1 10.87.1.5:80)"
equal why-in-guest "stopped: the packet is rejected: DenyIn= of this guest's [Host] in the network f: DenyIn=198.51.100.0/24, $file:12" \
	"$(why 198.51.100.1 198.51.100.2:8080)"
equal why-in-allowed 'passes: ' "$(why 198.51.100.1 10.87.1.5:22)"

# --- following a lease -------------------------------------------------------------------------------
network f "${f[@]}" "${one[@]}" "${two[@]}"
network g "${g[@]}" '[Host]' MACAddress=52:54:00:87:00:09 Name=roamer 'AllowIn=198.51.100.0/24 tcp:80'
check roamer-reloaded netd_reload
matches roamer-unknown $'\n  rule       roamer: AllowIn=198\\.51\\.100\\.0/24 tcp:80: no lease and no \\[Host\\] says what address that guest has\n' "$(client status g)"
guest roam gn-g - -
ip -n roam link set eth0 address 52:54:00:87:00:09
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
ip route replace default via $router
S
chmod 755 $root/udhcpc
timeout 40 ip netns exec roam busybox udhcpc -i eth0 -f -q -n -t 30 -T 1 -A 1 -s $root/udhcpc >/dev/null 2>&1
roamer=$(ip -n roam -4 -j addr show dev eth0 | jq -r '.[0].addr_info[0].local')
for port in 22 80 81; do serve roam $port; done
check roamer-found wait_for 20 reaches internet $roamer 80
row roamer-all roam internet $roamer 22
row roamer-other '' internet $roamer 81
row roamer-not-far '' internet 10.87.1.5 80
equal roamer-told "$roamer" "$(client status g --json | jq -r '.[0].rules[] | select(.guest == "roamer") | .address')"

# --- changed and withdrawn, while others go on --------------------------------------------------------
network g "${g[@]:0:3}" '[Address]' Address=10.87.1.1/24 Address=fd87::1/64
network f "${f[@]}" "${one[@]}" "${two[@]}" '[Forward]' Listen=tcp:7000 To=one
check free netd_reload
for ns in internet one far; do
	in_ns $ns busybox nc -ll -p 7000 -e cat >/dev/null 2>&1 &
	wait_for 20 listens $ns 7000
done
in_ns internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens internet 7778
open_flow() {	# NAME NAMESPACE PROTOCOL ADDRESS PORT
	mkfifo "$tmp/$1.in"
	exec {held}<>"$tmp/$1.in"	# what is said before anybody reads is kept
	: >"$tmp/$1.got"
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_ns "$2" bash -c '
		exec 5<>"/dev/$1/$2/$3" || exit
		trap "" PIPE
		while IFS= read -r line <&5; do printf "%s\n" "$line" >>"$4.got"; done &
		while IFS= read -r line; do printf "%s\n" "$line" >&5; done' \
		- "$3" "$4" "$5" "$tmp/$1" <>"$tmp/$1.in" >/dev/null 2>&1 3>&- 7>&- &
}
say() { printf '%s\n' "$2" 1<>"$tmp/$1.in"; }
heard() { grep -qx "$2" "$tmp/$1.got"; }
talks() { say "$1" "$2"; wait_for 2 heard "$1" "$2"; }
flows=(one one6 one-lan two two6 in in6 out-of-far forward)
open_flow one one tcp 198.51.100.1 7000
open_flow one6 one tcp 2001:db8:51::1 7000
open_flow one-lan one tcp 192.168.7.1 7000
open_flow two two tcp 198.51.100.1 7000
open_flow two6 two tcp 2001:db8:51::1 7000
open_flow in internet tcp 10.87.1.5 7000
open_flow in6 internet tcp fd87::5 7000
open_flow out-of-far far tcp 198.51.100.1 7000
open_flow forward internet tcp 198.51.100.2 7000
for flow in "${flows[@]}"; do check "begun-$flow" wait_for 20 talks $flow begun; done
mkfifo $tmp/flow.in
exec 8<>$tmp/flow.in
in_ns two "$world/tools/netd-flow" flow 198.51.100.1 7778 <&8 >$tmp/flow.out 2>&1 &
echo begin >&8
echo change >&8
network f "${f[@]}" "${one[@]}" DenyOut=any AllowOut=192.168.7.0/24 "${two[@]}" '[Forward]' Listen=tcp:7000 To=one
network g "${g[@]:0:3}" DenyIn=2001:db8::/32 DenyIn=fd77::/16 '[Address]' Address=10.87.1.1/24 Address=fd87::1/64
check denied netd_reload
equal ended '' "$(grep -E '(src=10.86.1.5 dst=198.51.100.1|src=fd86:.*:0005 dst=2001:|dst=fd87:.*:0005) .*dport=7000 .*ASSURED' /proc/net/nf_conntrack)"
for flow in one-lan two two6 in out-of-far forward; do check "goes-on-$flow" talks $flow denied; done
for flow in one one6 in6; do
	if talks $flow again; then fail "silent-$flow" 'it goes on'; else pass "silent-$flow"; fi
done
# Less is denied: nothing ends.
network f "${f[@]}" "${one[@]}" DenyOut=198.51.100.0/24 "${two[@]}" '[Forward]' Listen=tcp:7000 To=one
network g "${g[@]:0:3}" '[Address]' Address=10.87.1.1/24 Address=fd87::1/64
check less netd_reload
for flow in one-lan two two6 in out-of-far forward; do check "less-$flow" talks $flow less; done
echo end >&8
reported() { [ "$(grep -c sent $tmp/flow.out)" -ge 2 ]; }
check flow-reported wait_for 30 reported
equal flow-unharmed '' "$(grep sent $tmp/flow.out | grep -v ' lost 0 connects [0-9]* failed 0 ')"

# --- put back; taken over by the next daemon; errors ------------------------------------------------------
sets() { nft -j list table inet guestnet | jq -cS '[.nftables[].set? | select(. != null) | select(.elem and (.name | test("^(out|in)"))) | {name, elem}]'; }
declared=$(sets)
handle() { nft -j list tables | jq -r '.nftables[].table? | select(.name == "guestnet") | .handle'; }
before=$(handle)
netd_kill
netd_start
check restarted wait_for 30 settled
equal restarted-adopted "$before" "$(handle)"
netd_kill
nft delete table inet guestnet
netd_start
check repaired wait_for 30 settled
equal repaired-sets "$declared" "$(sets)"
netd_kill
nft add element inet guestnet outallow4 '{ "gn-f" . 198.51.100.1-198.51.100.9 . 0-255 . 0-65535 }'
netd_start
check forged wait_for 30 settled
equal forged-removed "$declared" "$(sets)"
netd_kill
nft add element inet guestnet outguestallow4 '{ "gn-f" . 52:54:00:86:00:01 . 198.51.100.0/30 . 0-255 . 0-65535 }'
netd_start
check forged-guest wait_for 30 settled
equal forged-guest-removed "$declared" "$(sets)"
row forged-refused '' one 198.51.100.1 443

# --- another Ethernet address is another guest, unless its port is bound to one (netd-guards.sh) ----------------
ip -n one link set eth0 address 52:54:00:86:00:99
check other-mac-is-another wait_for 20 reaches one 198.51.100.1 443
ip -n one link set eth0 address 52:54:00:86:00:01
refused_again() { refused one 198.51.100.1 443 && reaches one 192.168.7.1 80; }
check own-mac-again wait_for 20 refused_again

# --- with Mode=open, of which no other rule speaks ---------------------------------------------------------------
network f "${f[@]}" "${one[@]}" "${two[@]}"
network g
h=('[Network]' Mode=open)
wide=('[Address]' Address=10.88.1.1/24 Address=fd88::1/64 '[Host]' MACAddress=52:54:00:88:00:01 Name=wide Address=10.88.1.5 Address=fd88::5)
network h "${h[@]}" "${wide[@]}"
check wide-reloaded netd_reload
guest wide gn-h 10.88.1.5 fd88::5
guest wider gn-h 10.88.1.6 fd88::6
ip -n wide link set eth0 address 52:54:00:88:00:01
ip -n internet route add 10.88.1.0/24 via 198.51.100.2
ip -n internet -6 route add fd88::/64 via 2001:db8:51::2
for ns in wide wider; do serve $ns 22; serve $ns 80; done
wide_open() {
	table "$1" <<'T'
internet wide 192.168.7.1 80
internet wide fd77::1 80
internet wider 2001:db8:51::1 443
wide internet 10.88.1.5 80
wider internet fd88::6 80
wide one 10.88.1.5 22
T
}
wide_open wide-open
equal wide-no-rules '' "$(nft list table inet guestnet | grep invalid,)"
in_ns wide busybox nc -ll -p 7000 -e cat >/dev/null 2>&1 &
wait_for 20 listens wide 7000
open_flow wide wide tcp 192.168.7.1 7000
open_flow wide-far wide tcp 198.51.100.1 7000
open_flow wide-in internet tcp 10.88.1.5 7000
for flow in wide wide-far wide-in; do check "begun-$flow" wait_for 20 talks $flow begun; done
network h "${h[@]}" DenyOut=192.168.0.0/16 DenyOut=fd77::/16 DenyIn=any AllowIn=tcp:22 "${wide[@]}" DenyOut=udp 'AllowOut=192.168.7.1 tcp:443' 'AllowIn=198.51.100.0/24 tcp:7000'
check wide-denied netd_reload
table wide <<'T'
- wide 192.168.7.1 80
internet wide 192.168.7.1 443
- wider 192.168.7.1 443
- wider fd77::1 443
internet wider 198.51.100.1 53 udp
- wide 198.51.100.1 53 udp
- wide 2001:db8:51::1 53 udp
internet wide 198.51.100.1 443
wider wide 10.88.1.6 80
wider wide fd88::6 80
wide internet 10.88.1.5 22
- internet 10.88.1.5 80
wide internet fd88::5 22
- internet fd88::6 80
wide one 10.88.1.5 22
- one 10.88.1.5 80
wide host 10.88.1.5 80
T
check wide-ping pings wide 198.51.100.1
check wide-no-ping silent wide 192.168.7.1
check wide-host pings wide 10.88.1.1
equal wide-why "stopped: the packet is rejected: DenyOut= of all guests in the network h: DenyOut=192.168.0.0/16, $root/etc/networks/h.network:3" "$(why 10.88.1.6 192.168.7.1:80)"
for flow in wide-far wide-in; do check "goes-on-$flow" talks $flow denied; done
if talks wide again; then fail silent-wide 'it goes on'; else pass silent-wide; fi
# Frames of one bridge, where the rules for IP are shown them, are among guests all the same.
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
	echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
	row wide-bridged wider wide 10.88.1.6 80
	echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
fi
network h "${h[@]}" "${wide[@]}"
check wide-again netd_reload
wide_open wide-open-again
# Nothing that these lists are about: no packet leaves an isolated network, and what a bridge passes on is no packet of the host's.
for mode in isolated bridge; do
	printf '%s\n' '[Network]' Mode=$mode Bridge=gn-x DenyOut=any >$root/etc/networks/x.network
	matches mode-$mode "DenyOut.*Mode=$mode|Mode=$mode.*DenyOut" "$("$BIN/guestnetd" "${roots[@]}" --check 2>&1)"
done
network x

nets_done
