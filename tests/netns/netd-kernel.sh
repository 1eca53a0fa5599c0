#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon's kernel side with a real kernel, in private namespaces: what is applied is what nft and ip see, it
# converges from everything, and packets between namespaces go where the policy says and nowhere else.
#
# Two NAT networks a and b, an isolated one i; guests are namespaces on veths; `wan` is the rest of the world.
. "$(dirname "$0")/../lib.sh"
DRIVER=${DRIVER:-${BIN%/bin}/tests/netns/kernel-driver}
probe=${PROBE:-$top/build/tests/probe}

if [ "${1-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { skip all "needs root"; exit 0; }
	for tool in nft ip bridge jq; do
		command -v $tool >/dev/null || { skip all "$tool is not installed"; exit 0; }
	done
	exec unshare -n -m --propagation private bash "$0" inside
fi

mount -t tmpfs tmpfs /run
mount -t sysfs sysfs /sys 2>/dev/null
tmp=/run/test
mkdir -p $tmp
ip link set lo up
declare -a started=()
trap 'for p in "${started[@]}"; do kill $p 2>/dev/null; done' EXIT

a="a=gn-a,10.64.1.1/24,fd00:a::1/64"
b="b=gn-b,10.65.0.1/20,fd00:b::1/64"
i="i=gn-i,10.66.1.1/24,fd00:1::1/64,isolated"
nets=("$a" "$b" "$i")

# The sanitised programs run as on a kernel whose tables have no owner, the others as on this one.
[ "${SUITE_PREFIX-}" != asan. ] || PLAIN_TABLES=1
plain=()
[ -z "${PLAIN_TABLES-}" ] || plain=(env "LD_PRELOAD=$top/build/tests/plain-tables.so"
	"ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0")
driver() { "${plain[@]}" "$DRIVER" "$@"; }
converged() { matches "$1" '^passes=[01] ' "$(driver apply "${nets[@]}" 2>&1 | tail -1)"; }
settle() { driver apply "${nets[@]}" >/dev/null; }
nothing_to_do() { equal "$1" "" "$(driver plan "${nets[@]}" 2>&1 | grep -v -e '^rules:$' -e table-adopt)"; }

# --- what is applied is what others see ---------------------------------------------------------
matches up '^passes=1 ' "$(driver apply "${nets[@]}" | tail -1)"
nothing_to_do second-pass-is-empty
equal bridge "up 52:54:00:01:00:00 1500 0 0 guestnet net=a a" "$(ip -d -j link show gn-a | jq -r '.[0] |
	[(if .flags | index("UP") then "up" else "down" end), .address, .mtu, .linkinfo.info_data.stp_state,
	.linkinfo.info_data.forward_delay, .ifalias, .altnames[0]] | join(" ")')"
equal addresses "10.64.1.1/24 fd00:a::1/64" "$(ip -j addr show gn-a | jq -r '[.[0].addr_info[] | select(.scope == "global") |
	"\(.local)/\(.prefixlen)"] | join(" ")')"
equal forwarding "1 1" "$(cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding | xargs)"

# The description printed, read by nft: the same table as ours, but for flags and elements.
rules() { sed -e '/^\tflags/d' -e '/^$/d'; }
nft -t list table inet guestnet | rules >$tmp/ours
driver rules "${nets[@]}" >$tmp/text
cp $tmp/ours /run/ours; cp $tmp/text /run/text
unshare -n sh -c 'nft -f /run/text && nft -t list table inet guestnet' | rules >$tmp/theirs
# nft writes two ports of one header in the order of the header.
canonical() { sed -e 's/udp sport 68 udp dport 67/udp dport 67 udp sport 68/' "$1"; }
equal text-is-the-table "$(canonical $tmp/theirs)" "$(canonical $tmp/ours)"
# With everything that some network may use: the kernel takes it, reads back as sent, and nft can list it.
matches features-up '^passes=1 ' "$(FEATURES=1151 driver apply "${nets[@]}" | tail -1)"
equal features-second-pass-is-empty "" "$(FEATURES=1151 driver plan "${nets[@]}" 2>&1 | grep -v -e '^rules:$' -e table-adopt)"
nft list table inet guestnet >$tmp/all
for rule in 'dnat ip to ip daddr . meta l4proto . th dport map @forwardat4' 'fib daddr type local dnat ip to meta l4proto . th dport map @forward4' \
	'oifname @uplinked oifname . iifname != @uplink reject' 'iifname != @bridges oifname . ip daddr & 255.255.255.0 @routed24 accept' \
	'snat ip to iifname map @nataddr4' 'iifname . oifname @peer return'; do
	check "features-listed-${#rule}" grep -qF "$rule" $tmp/all
done
# Features that nobody uses any more do no harm, and a table without them is made anew.
nothing_to_do features-left
driver teardown >/dev/null 2>&1 || nft delete table inet guestnet 2>/dev/null
settle
equal features-gone "" "$(nft list table inet guestnet | grep -E 'prerouting|@peer|natports')"
matches elements '"gn-b" \. 10.65.0.0' "$(nft list set inet guestnet source20)"
matches elements-name '\{ "gn-[abi]", "gn-[abi]",' "$(nft list set inet guestnet bridges | tr -s '\n\t ' ' ')"

# --- disturbances -------------------------------------------------------------------------------
# What nft and ip see: the driver's own word is not enough.
facts() {
	nft -t list table inet guestnet | tee $tmp/table | rules
	grep -w dormant $tmp/table
	nft -j list sets inet 2>/dev/null | jq -c '.nftables[].set? // empty | select(.table == "guestnet") |
		[.name, (.elem // [] | map(tostring) | sort)]'
	nft list table ip mangle | grep -v -e '^#' -e '^$' -e XT
	ip -d -j link | jq -c '.[] | select(.ifname | startswith("gn-")) | [.ifname, .ifalias, .address, .mtu, .altnames,
		(.flags | index("UP") != null), .linkinfo.info_data.stp_state, .linkinfo.info_data.forward_delay]' | sort
	ip -j addr | jq -c '.[] | select(.ifname | startswith("gn-")) | [.ifname, ([.addr_info[] |
		select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort)]' | sort
	cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
}
facts >$tmp/facts 2>/dev/null
disturb() {	# ID COMMAND...: it changes something that can be seen; afterwards everything is as it was
	local id=$1
	shift
	"$@" >/dev/null 2>&1
	facts 2>/dev/null | cmp -s - $tmp/facts && fail "$id-disturbs" "nothing has changed"
	converged "$id"
	if facts 2>/dev/null | diff $tmp/facts - >$tmp/diff; then pass "$id-done"; else fail "$id-done" "$(cat $tmp/diff)"; fi
}
disturb flush nft flush ruleset
disturb table-deleted nft delete table inet guestnet
disturb rule-added nft insert rule inet guestnet forward accept
disturb rule-deleted sh -c 'nft -a list chain inet guestnet from_bridge | sed -n "s/.*iifname @bridges goto stray # handle //p" |
	xargs nft delete rule inet guestnet from_bridge handle'
disturb policy-changed nft chain inet guestnet forward '{ policy drop; }'
disturb rule-inverted sh -c 'h=$(nft -a list chain inet guestnet from_guest | sed -n "s/.*ct state invalid drop # handle //p");
	nft replace rule inet guestnet from_guest handle $h ct state established drop'
disturb chain-flushed nft flush chain inet guestnet to_host
disturb element-added nft add element inet guestnet hostopen '{ "gn-a" }'
disturb element-deleted nft delete element inet guestnet nat '{ "gn-a" }'
disturb set-flushed nft flush set inet guestnet source24
# A table with persist does not take the flag.
driver apply "${nets[@]}" | grep -q owner=1 || disturb dormant nft add table inet guestnet '{ flags dormant; }'
disturb foreign-table sh -c 'nft delete table inet guestnet; nft add table inet guestnet; nft add chain inet guestnet forward'
disturb bridge-deleted ip link del gn-a
disturb bridge-down ip link set gn-b down
disturb address-deleted ip addr del 10.64.1.1/24 dev gn-a
disturb mtu ip link set gn-a mtu 1400
disturb mac ip link set gn-a address 52:54:00:99:99:99
disturb stp ip link set gn-a type bridge stp_state 1
disturb altname ip link property del dev gn-a altname a
disturb ip_forward sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
disturb ip6_forward sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'
disturb mangle-flushed nft flush table ip mangle
disturb mangle-deleted nft delete table ip mangle
disturb jump-deleted nft flush chain ip mangle POSTROUTING
disturb everything sh -c 'nft flush ruleset; ip link del gn-a; ip link set gn-b down; echo 0 >/proc/sys/net/ipv4/ip_forward'

# --- an owner -----------------------------------------------------------------------------------
if driver apply "${nets[@]}" | grep -q owner=1; then
	mkfifo $tmp/hold
	driver hold "${nets[@]}" <$tmp/hold >$tmp/held & holder=$!
	started+=($holder)
	exec 9<>$tmp/hold
	check hold wait_for 10 grep -q passes= $tmp/held
	nft flush ruleset 2>/dev/null
	check owned-survives-flush nft list chain inet guestnet forward
	nft insert rule inet guestnet forward accept 2>$tmp/error && fail owned-is-closed || pass owned-is-closed
	matches second-owner 'table.owned' "$(driver plan "${nets[@]}" 2>&1)"
	kill -9 $holder; reap $holder
	exec 9>&-
	check orphan-stays nft list chain inet guestnet forward
	matches adopted table-adopt "$(driver plan "${nets[@]}")"
	converged adopted-then
else
	skip owner "this kernel has no tables with owner and persist"
fi

# --- other programs in ip mangle ------------------------------------------------------------------
if command -v iptables-nft >/dev/null; then
	iptables-nft -t mangle -A POSTROUTING -o eth9 -j MARK --set-mark 7
	settle
	matches iptables-theirs 'eth9 .*MARK' "$(iptables-nft -t mangle -S POSTROUTING | tr '\n' ' ')"
	matches iptables-ours 'GUESTNET -o gn-a -p udp .*CHECKSUM' "$(iptables-nft -t mangle -S GUESTNET 2>&1 | tr '\n' ' ')"
	iptables-nft -t mangle -F
	converged iptables-flush
	nothing_to_do iptables-flush-done
else
	skip iptables "iptables is not installed"
fi

# --- events -----------------------------------------------------------------------------------------
mkfifo $tmp/watch
driver watch <$tmp/watch >$tmp/events & started+=($!)
exec 8<>$tmp/watch
check watch wait_for 10 grep -q ready $tmp/events
ip link add gn-z type bridge
check event-link wait_for 10 grep -q 'dirty=[0-9a-f]*[13579bdf] ' $tmp/events
nft add table ip zz
check event-rules wait_for 10 grep -q 'dirty=1[0-9a-f] .*by=nft pid=known' $tmp/events
echo 0 >/proc/sys/net/ipv4/ip_forward
check event-sysctl wait_for 10 grep -Eq 'dirty=1?[89a-f] ' $tmp/events
nft delete table ip zz
ip link del gn-z
exec 8>&-
mkfifo $tmp/watch2
QUEUE=2304 driver watch <$tmp/watch2 >$tmp/lost & watcher=$!
started+=($watcher)
exec 8<>$tmp/watch2
wait_for 10 grep -q ready $tmp/lost
kill -STOP $watcher
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do ip link add gn-z type bridge; ip link del gn-z; done
kill -CONT $watcher
check event-lost wait_for 10 grep -q 'dirty=3f .*lost=1' $tmp/lost
exec 8>&-
# The queue has been full: what was dropped is known when it has been read to the end, however often it is read until then.
mkfifo $tmp/watch3
driver congest <$tmp/watch3 >$tmp/congested & started+=($!)
exec 8<>$tmp/watch3
wait_for 10 grep -q ready $tmp/congested
for n in $(seq 1000); do echo "addr add 10.70.0.1/32 dev lo"; echo "addr del 10.70.0.1/32 dev lo"; done | ip -batch -
echo >&8
wait_for 10 grep -q first $tmp/congested
ip link add gn-z type bridge
ip link del gn-z
echo >&8
check event-lost-later wait_for 10 grep -q rest $tmp/congested
equal event-lost-both 'ready;first lost=1 some=1;rest lost=1 some=1;' "$(tr '\n' ';' <$tmp/congested)"
exec 8>&-
converged after-events

# --- a port is put back -------------------------------------------------------------------------------
ip link add tap-p type veth peer name tap-q
ip link set tap-p alias "guestnet uid=4201 pid=1 net=gn-a isolated macs=52:54:00:00:00:77,52:54:00:00:00:78"
ip link set tap-p master gn-a up
bridge link set dev tap-p isolated on
ip link set tap-p nomaster
driver apply "${nets[@]}" >/dev/null
equal port-back "gn-a true true" "$(ip -d -j link show tap-p | jq -r '.[0] | "\(.master) \(.linkinfo.info_slave_data.isolated) \(.flags | index("UP") != null)"')"
# Sticky, as the helper made them: what another port sends with such an address moves nothing.
equal port-back-bound '52:54:00:00:00:77 static sticky; 52:54:00:00:00:78 static sticky' "$(bridge -j fdb show br gn-a |
	jq -r '[.[] | select(.ifname == "tap-p" and (.mac | startswith("52:54:00:00:00:7"))) | "\(.mac) \(.state) \(.flags | join(","))"] | unique | join("; ")')"
ip link del tap-p

# --- packets --------------------------------------------------------------------------------------------
guest() {	# NAME BRIDGE IPV4/LENGTH IPV6/LENGTH GATEWAY4 GATEWAY6
	ip netns add $1
	ip link add v-$1 type veth peer name eth0 netns $1
	ip link set v-$1 master $2 up
	ip -n $1 link set lo up
	ip -n $1 link set eth0 up
	ip -n $1 addr add $3 dev eth0
	ip -n $1 addr add $4 dev eth0 nodad
	ip -n $1 route add default via $5
	ip -n $1 route add default via $6 dev eth0
}
guest ga gn-a 10.64.1.2/24 fd00:a::2/64 10.64.1.1 fd00:a::1
guest ga2 gn-a 10.64.1.3/24 fd00:a::3/64 10.64.1.1 fd00:a::1
guest gb gn-b 10.65.0.2/20 fd00:b::2/64 10.65.0.1 fd00:b::1
guest gi gn-i 10.66.1.2/24 fd00:1::2/64 10.66.1.1 fd00:1::1
ip netns add wan
ip link add up0 type veth peer name eth0 netns wan
ip link set up0 up
ip addr add 192.0.2.1/24 dev up0
ip addr add 2001:db8::1/64 dev up0 nodad
ip -n wan link set lo up
ip -n wan link set eth0 up
ip -n wan addr add 192.0.2.2/24 dev eth0
ip -n wan addr add 2001:db8::2/64 dev eth0 nodad
# The world knows the way to our networks: what does not arrive was not stopped by that.
ip -n wan route add 10.64.0.0/10 via 192.0.2.1
ip -n wan route add fd00::/16 via 2001:db8::1
settle

serve() {	# NAMESPACE PORT: its log is $tmp/log-NAMESPACE-PORT
	if [ $1 = host ]; then $probe serve $2 >$tmp/log-$1-$2 & else ip netns exec $1 $probe serve $2 >$tmp/log-$1-$2 & fi
	started+=($!)
	wait_for 10 grep -q ready $tmp/log-$1-$2
}
from() { local ns=$1; shift; if [ $ns = host ]; then $probe ask "$@" x; else ip netns exec $ns $probe ask "$@" x; fi; }
serve wan 7
serve wan 111
serve ga 7
serve ga2 7
serve gb 7
serve gi 7
serve host 53
serve host 7

# NAT, both families, both protocols; a low source port becomes a high one.
matches nat4-udp '^192.0.2.1 [0-9]+$' "$(from ga udp - 0 192.0.2.2 7)"
matches nat4-tcp '^192.0.2.1 [0-9]+$' "$(from ga tcp - 0 192.0.2.2 7)"
matches nat6-udp '^2001:db8::1 [0-9]+$' "$(from ga udp - 0 2001:db8::2 7)"
matches nat6-tcp '^2001:db8::1 [0-9]+$' "$(from gb tcp - 0 2001:db8::2 7)"
high() { local answer; answer=$(from ga "$@"); set -- $answer; [ "${2:-0}" -ge 1024 ] || { echo "$answer"; return 1; }; }
check source-port4 high udp - 700 192.0.2.2 111
check source-port4-tcp high tcp - 701 192.0.2.2 111
check source-port6 high udp - 702 2001:db8::2 111
matches host-from-bridge-address '^192.0.2.1 [0-9]+$' "$(from host udp 10.64.1.1 0 192.0.2.2 7)"

# Within one network: bridged, no address changed. Between networks: refused. From outside: refused.
equal same-network 10.64.1.2 "$(from ga udp - 0 10.64.1.3 7 | cut -d' ' -f1)"
for family in 4 6; do
	[ $family = 4 ] && { b_=10.65.0.2 a_=10.64.1.2 i_=10.66.1.2 gw=10.64.1.1 other=10.65.0.1 up=192.0.2.1 wan_=192.0.2.2 gi_=10.66.1.1; } ||
		{ b_=fd00:b::2 a_=fd00:a::2 i_=fd00:1::2 gw=fd00:a::1 other=fd00:b::1 up=2001:db8::1 wan_=2001:db8::2 gi_=fd00:1::1; }
	equal network-to-network$family refused "$(from ga udp - 0 $b_ 7)"
	equal network-to-network$family-tcp refused "$(from gb tcp - 0 $a_ 7)"
	equal outside-to-network$family refused "$(from wan udp - 0 $a_ 7)"
	equal network-to-isolated$family refused "$(from ga udp - 0 $i_ 7)"
	# The gateway: DNS and ping, and nothing else of the host; no other address of it.
	equal gateway-dns$family $a_ "$(from ga udp - 0 $gw 53 | cut -d' ' -f1)"
	equal gateway-dns$family-tcp $a_ "$(from ga tcp - 0 $gw 53 | cut -d' ' -f1)"
	equal gateway-ping$family pong "$(ip netns exec ga $probe ping $gw)"
	equal gateway-other-port$family refused "$(from ga udp - 0 $gw 7)"
	equal gateway-other-port$family-tcp refused "$(from ga tcp - 0 $gw 7)"
	equal other-gateway$family refused "$(from ga udp - 0 $other 53)"
	equal uplink-address$family refused "$(from ga udp - 0 $up 53)"
	equal host-to-guest$family ${gw} "$(from host udp - 0 $a_ 7 | cut -d' ' -f1)"
	equal isolated-dns$family $i_ "$(from gi udp - 0 $gi_ 53 | cut -d' ' -f1)"
done

# What must not arrive: sent, then a datagram that does arrive, over the same way; the log has only that one.
arrives_alone() {	# ID LOG COMMAND...: forged datagrams carry "forged"
	local id=$1 log=$2
	shift 2
	"$@"
	ip netns exec ga $probe send - 0 192.0.2.2 7 marker-$id
	if ! wait_for 10 grep -q "marker-$id " $tmp/log-wan-7; then fail "$id" "the marker does not arrive"; return; fi
	if grep -q "forged-$id " $tmp/$log; then fail "$id" "it arrived: $(grep "forged-$id " $tmp/$log)"; else pass "$id"; fi
}
# In the world's name, to the address that another guest's flow has, or seems to have.
into_flow() {	# WORLD TARGET GUEST TEXT
	local length=32
	[[ $1 != *:* ]] || length=128
	ip -n ga addr add $1/$length dev eth0 $([ $length = 32 ] || echo nodad)
	ip netns exec ga $probe send $1 7 $2 4000 $4
	ip -n ga addr del $1/$length dev eth0
	from host udp - 0 $3 4000 >/dev/null	# answered: what came before is in the log
}
forge() { ip netns exec $1 $probe send $2 0 $3 7 forged-$4; }
ip -n ga addr add 10.65.0.9/32 dev eth0
ip -n ga addr add 10.64.2.9/32 dev eth0
serve gb 4000
ip -n ga addr add fd00:b::9/128 dev eth0 nodad
ip -n ga addr add fd00:a:1::9/128 dev eth0 nodad
for filter in 0 2; do
	for f in all default gn-a gn-b up0; do echo $filter >/proc/sys/net/ipv4/conf/$f/rp_filter; done
	arrives_alone forged-network-$filter log-wan-7 forge ga 10.65.0.9 192.0.2.2 forged-network-$filter
	arrives_alone forged-subnet-$filter log-wan-7 forge ga 10.64.2.9 192.0.2.2 forged-subnet-$filter
	arrives_alone forged-network6-$filter log-wan-7 forge ga fd00:b::9 2001:db8::2 forged-network6-$filter
	arrives_alone forged-subnet6-$filter log-wan-7 forge ga fd00:a:1::9 2001:db8::2 forged-subnet6-$filter
	# Into another network's flow: gb has one open with the world; ga speaks in the world's name to its NAT port.
	matches flow-$filter '^192.0.2.1 4000$' "$(from gb udp - 4000 192.0.2.2 7)"
	arrives_alone forged-flow-$filter log-gb-4000 into_flow 192.0.2.2 192.0.2.1 10.65.0.2 forged-forged-flow-$filter
	arrives_alone forged-peer-$filter log-gb-4000 into_flow 192.0.2.2 10.65.0.2 10.65.0.2 forged-forged-peer-$filter
	matches flow6-$filter '^2001:db8::1 4000$' "$(from gb udp - 4000 2001:db8::2 7)"
	arrives_alone forged-flow6-$filter log-gb-4000 into_flow 2001:db8::2 2001:db8::1 fd00:b::2 forged-forged-flow6-$filter
	arrives_alone forged-peer6-$filter log-gb-4000 into_flow 2001:db8::2 fd00:b::2 fd00:b::2 forged-forged-peer6-$filter
done
ip -n gi route replace 192.0.2.2/32 via 10.66.1.1
arrives_alone isolated-out log-wan-7 forge gi - 192.0.2.2 isolated-out
arrives_alone isolated-out6 log-wan-7 forge gi - 2001:db8::2 isolated-out6

# Flows: those of one address and no others.
from ga udp 10.64.1.2 4500 192.0.2.2 7 >/dev/null
from gb udp 10.65.0.2 4501 192.0.2.2 7 >/dev/null
matches flows-deleted '^[1-9][0-9]*$' "$(driver sweep 10.64.1.2 2>&1)"
equal flows-gone 0 "$(driver sweep 10.64.1.2 2>&1)"
matches flows-of-others '^[1-9][0-9]*$' "$(driver sweep 10.65.0.2 2>&1)"
matches flow-begins-anew '^192.0.2.1 [0-9]+$' "$(from ga udp 10.64.1.2 4500 192.0.2.2 7)"

# HostAccess: everything, nothing.
nets=("$a,open" "$b,closed" "$i")
converged host-access
equal host-open 10.64.1.2 "$(from ga udp 10.64.1.2 0 10.64.1.1 7 | cut -d' ' -f1)"
matches host-closed '^silence$' "$(from gb udp - 0 10.65.0.1 53)"
nets=("$a" "$b" "$i")
converged host-access-back
equal host-gateway refused "$(from ga udp 10.64.1.2 0 10.64.1.1 7)"

# One network goes: its rules, address and bridge are gone, the others' are untouched.
before=$(nft -j list set inet guestnet source24 | jq -S '[.nftables[].set.elem? // empty] | flatten | map(tostring) | map(select(contains("gn-a")))')
nets=("$a" "$i")
driver apply "${nets[@]}" >/dev/null
nothing_to_do network-removed
equal network-removed-link "" "$(ip -j link show gn-b 2>/dev/null | jq -r '.[].ifname?')"
equal network-removed-elements 0 "$(nft list table inet guestnet | grep -c gn-b)"
equal others-untouched "$before" "$(nft -j list set inet guestnet source24 | jq -S '[.nftables[].set.elem? // empty] | flatten | map(tostring) | map(select(contains("gn-a")))')"
matches others-work '^192.0.2.1 [0-9]+$' "$(from ga udp 10.64.1.2 0 192.0.2.2 7)"

# --- every change refused once ---------------------------------------------------------------------------
nets=()
driver apply >/dev/null
equal all-gone 0 "$(ip -j link | jq '[.[] | select(.ifname | startswith("gn-"))] | length')"
check faults driver faults "$a" "$i"
if ip link add vxlan-test type vxlan id 9 dstport 4790 2>/dev/null; then
	ip link del vxlan-test
	check faults-tunnel driver faults "$a,tunnel"
else
	skip faults-tunnel 'the kernel has no VXLAN'
fi
exit 0
