#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet why against real packets: in situations that a seeded generator makes up (foreign chains and policies, sets and
# maps, rules of iptables, rules for frames, br_netfilter, routes, rp_filter, forwarding, isolated ports, translated targets), what
# it says must be what a packet meets. SITUATIONS=250, SEED=n repeats a run.
# Namespaces: this one is the host, with networks a and b of guestnetd's; guests a1, a2 and b1; x and y are outside, behind
# uplinks of their own.
suite=why
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
need all nft jq bridge busybox iptables-nft || exit 0
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
# The sanitised program is slow to start, and no other.
situations=${SITUATIONS:-$([ -n "${SUITE_PREFIX-}" ] && echo 60 || echo 250)}
echo "seed $SEED (SEED=$SEED repeats the same situations)"

# The host's networks, made by the daemon; then it is ended, so that nothing mends what is broken here.
root=$world/netd
mkdir -p $root/{etc/networks,vendor/networks,state,run}
export GUESTNET_BUS=unix:path=$root/run/bus.sock
for n in 1 2; do
	printf '%s\n' '[Network]' 'Mode=nat' '[Address]' "Address=10.1.$n.1/24" "Address=fd00:1:$n::1/64" '[DHCP]' 'Enable=no' '[DNS]' \
		'Enable=no' >$root/etc/networks/$([ $n = 1 ] && echo north || echo south).network
done
printf '%s\n' 1 >/proc/sys/net/ipv4/ip_forward
"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run \
	--service-user=65534 >$root/log 2>&1 &
netd_pid=$!
running() { [ "$("$BIN/guestnet" status --json 2>/dev/null | jq -r '[.[].state] | unique | join(" ")' 2>/dev/null)" = running ]; }
wait_for 30 running || { fail daemon "$(tail -n 3 $root/log)"; exit 1; }
kill -9 $netd_pid
reap $netd_pid

mkdir -p /run/netns
# Ports have shorter names than bridges: what is left of a longer one must not be compared.
guest() {	# NAME BRIDGE ADDRESS4 ADDRESS6 GATEWAY4 GATEWAY6
	ip netns add $1 && ip link add p-$1 type veth peer name eth0 netns $1 || exit 1
	echo 0 >/proc/sys/net/ipv6/conf/p-$1/accept_dad
	ip netns exec $1 sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
	ip link set p-$1 master $2 up
	printf '%s\n' 'link set lo up' 'link set eth0 up' "addr add $3/24 dev eth0" "addr add $4/64 dev eth0 nodad" \
		"route add default via $5" "route add default via $6" | ip -n $1 -batch -
}
guest a1 gn-north 10.1.1.2 fd00:1:1::2 10.1.1.1 fd00:1:1::1
guest a2 gn-north 10.1.1.3 fd00:1:1::3 10.1.1.1 fd00:1:1::1
guest b1 gn-south 10.1.2.2 fd00:1:2::2 10.1.2.1 fd00:1:2::1
outside() {	# NAME NUMBER
	ip netns add $1 && ip link add up$2 type veth peer name eth0 netns $1 || exit 1
	printf '%s\n' 'link set lo up' 'link set eth0 up' "addr add 198.51.$2.1/24 dev eth0" "addr add fd00:9:$2::1/64 dev eth0 nodad" \
		"route add default via 198.51.$2.2" "route add default via fd00:9:$2::2" | ip -n $1 -batch -
	printf '%s\n' "link set up$2 up" "addr add 198.51.$2.2/24 dev up$2" "addr add fd00:9:$2::2/64 dev up$2 nodad" | ip -batch -
}
outside x 1
outside y 2
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding

declare -A v4=([a1]=10.1.1.2 [a2]=10.1.1.3 [b1]=10.1.2.2 [x]=198.51.1.1 [y]=198.51.2.1)
declare -A v6=([a1]=fd00:1:1::2 [a2]=fd00:1:1::3 [b1]=fd00:1:2::2 [x]=fd00:9:1::1 [y]=fd00:9:2::1)
declare -A uplink=([x]=up1 [y]=up2)
host4=(10.1.1.1 10.1.2.1 198.51.1.2 198.51.2.2)
host6=(fd00:1:1::1 fd00:1:2::1 fd00:9:1::2 fd00:9:2::2)
ports=(53 7001 7002)
coproc REACH { exec "$world/tools/reach" 53,7001,7002 host=/proc/$$/ns/net a1=/run/netns/a1 a2=/run/netns/a2 b1=/run/netns/b1 \
	x=/run/netns/x y=/run/netns/y 2>$tmp/reach.log; }
hear() { read -rt 60 -u "${REACH[0]}" heard || { fail reach "$(cat $tmp/reach.log)"; exit 1; }; }
hear
# packet NAME SOURCE DESTINATION PORT PROTOCOL MILLISECONDS: sets $heard.
packet() { echo "$*" >&"${REACH[1]}" && hear; }

# Everybody has spoken once: the bridges and the host know where everybody is.
say() { ip netns exec $1 busybox ping -c 1 -W 2 $2 >/dev/null 2>&1; }
for guest in a1 a2 b1 x y; do
	for address in "${host4[@]}" "${host6[@]}"; do
		case $guest-$address in
		a?-10.1.1.1 | a?-fd00:1:1::1 | b1-10.1.2.1 | b1-fd00:1:2::1 | x-198.51.1.2 | x-fd00:9:1::2 | y-198.51.2.2 | y-fd00:9:2::2)
			say $guest $address
			;;
		esac
	done
done
say a1 ${v4[a2]}
say a1 ${v6[a2]}
# What is known of neighbours stays known, however long this takes, and whatever becomes of ARP; the bridges' ports too.
for space in '' a1 a2 b1 x y; do
	ip ${space:+-n $space} -j neigh show | jq -r '.[] | select(.lladdr) | "neigh replace \(.dst) lladdr \(.lladdr) dev \(.dev) nud permanent"' |
		ip ${space:+-n $space} -batch -
done
declare -A macs=()
for guest in a1 a2 b1; do
	macs[$guest]=$(ip -n $guest -j link show dev eth0 | jq -r '.[0].address')
	bridge fdb replace ${macs[$guest]} dev p-$guest master static
done
ip link set p-a2 group 77
# br_netfilter, where this kernel has it.
calls=/proc/sys/net/bridge/bridge-nf-call-

# --- The generator

one_of() { local -n list=$1; chosen=${list[RANDOM % ${#list[@]}]}; }
chance() { [ $((RANDOM % 100)) -lt "$1" ]; }
# either PERCENT THIS THAT: sets $either. In a subshell it would not be what the seed says: each has a RANDOM of its own.
either() { either=$3; ! chance "$1" || either=$2; }
interfaces=('"gn-north"' '"gn-south"' '"up1"' '"up2"' '"gn-*"' '"up*"' '{ "gn-north", "up1" }' '!= "gn-north"' '!= "up2"')
sources=(10.1.1.2 10.1.1.0/24 '!= 10.1.1.0/24' 10.1.0.0/16 198.51.1.1 '{ 10.1.1.3, 198.51.0.0/16 }' '10.1.1.2-10.1.1.3' '@some4')
sources6=(fd00:1:1::2 fd00:1:1::/64 '!= fd00:1::/32' 'fd00:9::/32' '{ fd00:1:2::2, fd00:9:1::/64 }')
numbers=(53 7001 7002 '7000-7001' '{ 53, 7002 }' '!= 7001' '@someports')
verdicts=(accept drop reject drop accept 'jump sub' 'goto sub' return 'counter drop' continue)
xt_matches=('-m state --state NEW' '-m conntrack --ctstate NEW' '-m conntrack --ctstate RELATED,ESTABLISHED' '-m conntrack ! --ctstate NEW'
	'-p udp --dport 7001' '-p tcp --dport 7001:7002' '-p tcp -m multiport --dports 53,7002' '-m state --state NEW'
	'-m addrtype --dst-type LOCAL' '-m addrtype ! --dst-type LOCAL' '-m comment --comment some' '-i gn-north' '-o gn-south' '-i up+' '-s 10.1.1.0/24' '! -d 198.51.0.0/16'
	'-m physdev --physdev-is-bridged' '-m mark --mark 0x1' '-m mark ! --mark 0x1' '-p tcp --syn')

# some_rule HOOK: a rule of nft, in $made.
some_rule() {
	local rule=
	chance 40 && [ $1 != output ] && [ $1 != postrouting ] && { one_of interfaces; rule+=" iifname $chosen"; }
	chance 30 && [ $1 != input ] && [ $1 != prerouting ] && { one_of interfaces; rule+=" oifname $chosen"; }
	either 50 saddr daddr
	if chance 30; then one_of sources; rule+=" ip $either $chosen"
	elif chance 20; then one_of sources6; rule+=" ip6 $either $chosen"; fi
	either 50 udp tcp
	if chance 30; then one_of numbers; rule+=" $either dport $chosen"
	elif chance 15; then rule+=" meta l4proto { tcp, udp }"
	elif chance 15; then one_of numbers; rule+=" th dport $chosen"; fi
	either 50 new established,related
	chance 20 && rule+=" ct state $either"
	if chance 10 && [[ $rule != *ip6* ]]; then rule+=' ip saddr . th dport @pairs'; fi
	if chance 12; then rule+=' th dport vmap { 53 : accept, 7001 : drop, 7002 : jump sub }'
	else one_of verdicts; rule+=" $chosen"; fi
	# Not at every hook there is an answer.
	[ $1 = prerouting ] || [ $1 = postrouting ] && rule=${rule/reject/drop}
	made=$rule
}
some_table() {
	local hooks=(forward forward forward input output prerouting postrouting) hook n
	echo 'table inet foreign {'
	echo '	set some4 { type ipv4_addr; flags interval; elements = { 10.1.2.0/24, 198.51.2.1 }; }'
	echo '	set someports { type inet_service; elements = { 53, 7001 }; }'
	echo '	set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.1.1.0/24 . 7001-7002, 198.51.1.1 . 53 }; }'
	echo '	chain sub {'
	for ((n = RANDOM % 3; n > 0; n--)); do
		some_rule sub
		made=${made//jump sub/accept} made=${made//goto sub/drop} made=${made//reject/drop}
		echo "		$made"
	done
	echo '	}'
	one_of hooks; hook=$chosen
	either 25 drop accept
	echo "	chain one { type filter hook $hook priority $((RANDOM % 21 - 10)); policy $either;"
	for ((n = RANDOM % 5; n > 0; n--)); do some_rule $hook; echo "		$made"; done
	echo '	}'
	if chance 30; then
		one_of hooks; hook=$chosen
		echo "	chain two { type filter hook $hook priority $((RANDOM % 21 - 10)); policy accept;"
		for ((n = RANDOM % 3; n > 0; n--)); do some_rule $hook; echo "		$made"; done
		echo '	}'
	fi
	if chance 20; then
		echo '	chain targets { type nat hook prerouting priority dstnat;'
		chance 50 && echo '		iifname "up1" udp dport 7001 dnat ip to 10.1.1.2:7002'
		chance 50 && echo '		ip daddr 198.51.2.1 tcp dport 7002 dnat ip to 198.51.1.1:7001'
		chance 50 && echo '		meta l4proto tcp dnat ip to ip daddr . tcp dport map { 198.51.1.2 . 7001 : 10.1.2.2 . 53 }'
		echo '	}'
	fi
	echo '}'
}
# For frames: what nft can say of them on every kernel.
some_frames() {
	local hooks=(prerouting forward forward input output postrouting) ports=(p-a1 p-a2 p-b1 '{ p-a1, p-b1 }' 'p-*') hook n rule
	local verdicts=(accept drop drop continue 'counter drop' 'jump sub')
	either 50 "ether saddr ${macs[a1]} drop" 'ether type ip6 drop'
	printf '%s\n' 'table bridge foreign {' "	set known { type ifname . ether_addr; elements = { \"p-a1\" . ${macs[a1]}, \"p-a2\" . ${macs[b1]} }; }" \
		'	chain sub {' "		iifname p-a1 ip saddr . ether saddr { 10.1.1.2 . ${macs[a1]} } return" \
		"		$either" '	}'
	one_of hooks; hook=$chosen
	either 15 drop accept
	echo "	chain one { type filter hook $hook priority $((RANDOM % 21 - 10)); policy $either;"
	for ((n = 1 + RANDOM % 3; n > 0; n--)); do
		rule=
		one_of ports
		case $hook in
		prerouting | input) chance 60 && rule+=" iifname $chosen" ;;
		output | postrouting) chance 60 && rule+=" oifname $chosen" ;;
		*) either 50 iifname oifname; chance 60 && rule+=" $either $chosen" ;;
		esac
		either 50 saddr daddr
		case $((RANDOM % 8)) in
		0) rule+=" ether $either ${macs[a1]}" ;;
		1) rule+=' ether type ip' ;;
		2) one_of sources; [[ $chosen = *@* ]] || rule+=" ip $either $chosen" ;;
		3) either 50 udp tcp; rule+=" $either dport 7001" ;;
		4) [ $hook = output ] || [ $hook = postrouting ] || rule+=' iifname . ether saddr @known' ;;
		5) [ $hook = output ] || [ $hook = postrouting ] || rule+=' iifgroup 77' ;;
		esac
		one_of verdicts
		echo "		$rule $chosen"
	done
	printf '%s\n' '	}' '}'
}
some_iptables() {
	local n chains=(FORWARD FORWARD INPUT OUTPUT USER)
	echo '*filter'
	either 25 DROP ACCEPT
	echo ":FORWARD $either [0:0]"
	echo ':USER - [0:0]'
	chance 50 && echo '-A FORWARD -j USER'
	for ((n = 1 + RANDOM % 3; n > 0; n--)); do
		one_of chains
		local chain=$chosen
		one_of xt_matches
		# Where a packet has no such device, iptables takes no such option.
		[ $chain = INPUT ] && [[ $chosen == *'-o '* ]] && continue
		[ $chain = OUTPUT ] && [[ $chosen == *'-i '* ]] && continue
		[ $chain = OUTPUT ] && [[ $chosen == *physdev* ]] && continue
		either 50 ACCEPT REJECT
		either 60 DROP $either
		echo "-A $chain $chosen -j $either"
	done
	echo COMMIT
}

# What is there for sure can be deleted; all in one, since programs are slow to start.
no_rules='add table inet foreign; delete table inet foreign; add table bridge foreign; delete table bridge foreign; add table ip filter; delete table ip filter'
# All but the rules, which disturb() replaces.
reset() {
	for family in '' 6; do [ ! -e ${calls}ip${family}tables ] || echo 0 >${calls}ip${family}tables; done
	[ ! -e ${calls}iptables ] || ip link set gn-north type bridge nf_call_iptables 0 nf_call_ip6tables 0
	echo 1 >/proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	for device in all gn-north gn-south up1 up2; do echo 0 >/proc/sys/net/ipv4/conf/$device/rp_filter; done
	printf '%s\n' 'rule del pref 99' 'route flush table 99' 'route del 198.51.2.1/32' 'route del 198.51.1.1/32' | ip -force -batch - 2>/dev/null
	ip route del fd00:9:2::1/128 2>/dev/null
	printf 'link set dev p-a1 isolated off\nlink set dev p-a2 isolated off\n' | bridge -batch -
}
text() { local words; IFS= read -rd '' words <"$1"; what+=$words; }
# Breaks something, and says what in $what.
disturb() {
	local kinds=(blackhole unreachable prohibit) devices=(gn-north gn-south up1 up2 all)
	local rules=$no_rules$'\n' iptables=
	what=
	if chance 60; then some_table >$tmp/table; text $tmp/table; fi
	rules+=$what
	if chance 25; then some_iptables >$tmp/iptables; text $tmp/iptables; iptables=$tmp/iptables; fi
	if chance 25; then some_frames >$tmp/frames; text $tmp/frames; rules+=$(<$tmp/frames); fi
	nft -f - <<<"$rules" 2>>$tmp/bad || echo "$rules" >>$tmp/bad
	[ -z "$iptables" ] || iptables-nft-restore $iptables 2>>$tmp/bad || cat $iptables >>$tmp/bad
	if [ -e ${calls}iptables ] && chance 40; then
		if chance 60; then what+=' bridge-nf-call'; echo 1 >${calls}iptables; echo 1 >${calls}ip6tables
		else what+=' gn-north nf_call'; ip link set gn-north type bridge nf_call_iptables 1 nf_call_ip6tables 1; fi
	fi
	if chance 8; then what+=' ip_forward=0'; echo 0 >/proc/sys/net/ipv4/ip_forward; fi
	if chance 5; then what+=' ipv6 forwarding=0'; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding; fi
	if chance 8; then one_of devices; [ $chosen = all ] || { what+=" $chosen/forwarding=0"; echo 0 >/proc/sys/net/ipv4/conf/$chosen/forwarding; }; fi
	if chance 30; then
		one_of devices
		local n=$((RANDOM % 3))
		what+=" $chosen/rp_filter=$n"
		echo $n >/proc/sys/net/ipv4/conf/$chosen/rp_filter
		# Out by one uplink, expected back by the other.
		if chance 70; then
			what+=' asymmetric'
			printf '%s\n' 'rule add pref 99 iif gn-north lookup 99' 'route replace 198.51.1.0/24 dev up1 table 99' \
				'route replace 198.51.1.1/32 dev up2' | ip -batch -
		fi
	fi
	if chance 10; then one_of kinds; what+=" 198.51.2.1 $chosen"; ip route add $chosen 198.51.2.1/32; fi
	if chance 4; then what+=' fd00:9:2::1 blackhole'; ip route add blackhole fd00:9:2::1/128; fi
	if chance 25; then what+=' a1 isolated'; bridge link set dev p-a1 isolated on; fi
	if chance 25; then what+=' a2 isolated'; bridge link set dev p-a2 isolated on; fi
}
# A packet: sets $from $source $target $port $protocol.
choose_packet() {
	local names=(a1 a1 a2 b1 x y host) others=(a1 a2 b1 x x y host) protocols=(udp tcp) to family=4
	one_of protocols; protocol=$chosen
	one_of ports; port=$chosen
	chance 30 && family=6
	one_of names; from=$chosen
	one_of others; to=$chosen
	# What is bridged is asked for more often where something is done to it.
	[[ $what == *'bridge'* || $what == *nf_call* ]] && chance 50 && from=a1 to=a2
	[ $to != $from ] || to=x
	[ $to != $from ] || to=a1
	# From elsewhere it would come in where the host does not expect it, which is not what is asked.
	if [[ $what == *asymmetric* ]] && [ $family = 4 ] && { [ $from = x ] || [ $to = x ]; }; then from=a1 to=x; fi
	local -n addresses=v$family hosts=host$family
	if [ $to = host ]; then one_of hosts; target=$chosen; else target=${addresses[$to]}; fi
	if [ $from = host ]; then
		# The address that the host would take by itself.
		source=${hosts[0]}
		[[ ! $(ip route get $target 2>/dev/null) =~ \ src\ ([^ ]+) ]] || source=${BASH_REMATCH[1]}
	else
		source=${addresses[$from]}
	fi
}

# Without the capability it says so; wrong words are usage errors.
answer=$(setpriv --reuid $alice --clear-groups "$BIN/guestnet" why 10.1.1.2 10.1.2.2 2>&1)
equal denied-status 4 $?
matches denied 'CAP_NET_ADMIN: call it as root' "$answer"
for words in '10.1.1.2 10.1.2.2:0' '10.1.1.2 fd00::1' '10.1.1.2 10.1.2.2 --protocol tcp' '10.1.1.2 10.1.2.2:1 --protocol icmp' \
	'10.1.1.2 10.1.2.2:1 --protocol quic' '10.1.1.2 host' '10.1.1.2'; do
	"$BIN/guestnet" why $words >$tmp/out 2>&1
	equal "usage-${words//[^0-9a-z]/-}" 2 $?
done
"$BIN/guestnet" why 10.1.1.2 nobody:1 >$tmp/out 2>&1
equal not-found 3 $?
answer=$("$BIN/guestnet" why 10.1.1.2 10.1.2.2)
equal stopped-status 1 $?
matches stopped 'does not pass.*only answers come in' "$(tr '\n' ' ' <<<"$answer")"
"$BIN/guestnet" why host 10.1.1.2 >$tmp/out
equal passes-status 0 $?

# A translation of one family, in a table of both, leaves the other one's packets alone.
nft -f - <<<'table inet foreign { chain targets { type nat hook prerouting priority dstnat; udp dport 7001 dnat ip to 10.1.1.2:7002; }; }'
matches nat-of-one-family 'now to 10\.1\.1\.2' "$("$BIN/guestnet" why 198.51.1.1 198.51.2.1:7001 --protocol udp --json)"
equal nat-of-the-other passes "$("$BIN/guestnet" why fd00:9:1::1 '[fd00:9:2::1]:7001' --protocol udp --json | jq -r .verdict)"
nft delete table inet foreign

# A rule that stops a packet is printed as nft lists it, so that it can be found there.
listed() {	# ID PROTOCOL RULE [TARGET]
	local target=${4:-10.1.1.2}
	[ "$2" = icmp ] || target+=:7001
	nft "add table inet foreign; add chain inet foreign out { type filter hook output priority 0; }; add rule inet foreign out $3"
	equal "listed-$1" "rule 1 of chain out in table inet foreign: $(nft list chain inet foreign out | sed -n 's/^\t*\(.*drop\)$/\1/p')" \
		"$("$BIN/guestnet" why host "$target" --protocol "$2" --json | jq -r '.reason | sub(".* is dropped by "; "")')"
	nft delete table inet foreign
}
listed udp udp 'udp dport 7001 drop'
listed not udp 'udp dport != 7002 drop'
listed any-header udp 'meta l4proto udp th dport 7001 drop'
listed range tcp 'oifname "gn-north" tcp dport 7000-7002 drop'
listed icmp icmp 'icmp type echo-request drop'
listed icmp-not icmp 'icmp type != destination-unreachable drop'
listed icmp-range icmp 'icmp type 5-8 drop'
listed icmpv6 icmp 'icmpv6 type echo-request drop' fd00:1:1::2
listed protocol tcp 'meta l4proto tcp ip daddr 10.1.1.2 drop'

# The old iptables cannot be judged: that is said where it has rules, with the tables; empty ones do nothing.
if command -v iptables-legacy >/dev/null && iptables-legacy -S >/dev/null 2>&1; then
	legacy() { "$BIN/guestnet" why host ${1:-10.1.1.2} --json | jq -r '.verdict + ": " + .reason'; }
	equal legacy-empty 'passes: ' "$(legacy)"
	iptables-legacy -t nat -A PREROUTING -j ACCEPT
	matches legacy-rules '^unsure: the old iptables has rules in its tables .nat., .*iptables-legacy-save' "$(legacy)"
	equal legacy-other-family 'passes: ' "$(legacy fd00:1:1::2)"
	iptables-legacy -P FORWARD DROP
	matches legacy-policy '^unsure: .*(filter, nat|nat, filter)' "$(legacy)"
	iptables-legacy -t nat -F
	iptables-legacy -P FORWARD ACCEPT
	equal legacy-empty-again 'passes: ' "$(legacy)"
else
	skip legacy 'no iptables-legacy, or the kernel has none'
fi

agreed=0 passing=0 bridged=0 framed=0 wrong=
echo "set up after $SECONDS s"
for ((i = 1; i <= situations; i++)); do
	reset
	disturb
	choose_packet
	target_text=$target:$port
	[[ $target == *:* ]] && target_text="[$target]:$port"
	answer=$("$BIN/guestnet" why $source "$target_text" --protocol $protocol --json 2>&1)
	verdict=none
	[[ ! $answer =~ \"verdict\":\ ?\"([a-z]+)\" ]] || verdict=${BASH_REMATCH[1]}
	packet $from $source $target $port $protocol 60
	# A busy machine may be slow with what does arrive.
	[ $verdict != passes ] || [ $heard = yes ] || packet $from $source $target $port $protocol 3000
	[ $heard = yes ] && passing=$((passing + 1))
	[[ $answer == *br_netfilter* ]] && bridged=$((bridged + 1))
	[[ $answer == *'table bridge foreign'* ]] && framed=$((framed + 1))
	case $verdict-$heard in
	passes-yes | stopped-no) agreed=$((agreed + 1)) ;;
	*)
		wrong+="$i "
		printf 'situation %d: %s %s -> %s %s: why says %s, the packet %s\n%s\n%s\n' $i $from $source "$target_text" $protocol \
			"$verdict" $heard "$what" "$answer"
		;;
	esac
done
reset
if [ $agreed = $situations ]; then pass agrees; else fail agrees "$agreed of $situations; not: $wrong(seed $SEED)"; fi
# Both answers came often enough to mean something.
check some-pass test $passing -ge $((situations / 10))
check some-frames test $framed -ge $((situations / 40))
[ ! -e ${calls}iptables ] || check some-bridged test $bridged -ge $((situations / 40))
check some-do-not test $passing -le $((situations * 9 / 10))
[ ! -s $tmp/bad ] || fail generator "$(head -n 3 $tmp/bad)"
echo "why agrees with the packet $agreed/$situations (seed $SEED), $passing of them pass; rules for frames decided $framed, br_netfilter showed $bridged"
