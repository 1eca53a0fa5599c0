#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# DHCPChecksum=: with every way that the kernel has, strict clients get an address: behind a veth, behind a tap that
# takes frames with unfinished checksums (as vhost does), and behind one that does not (e1000, firmware). Without one they
# get none. What others break is repaired, what belongs to others stays, and nothing is left over.
# Namespaces: this one is the host; "veth", "vhost" and "plain" have a port on the bridge each.

suite=netd-checksum
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
for program in dnsmasq busybox nft jq iptables-nft tc; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done

root=$world/netd
etc=$root/etc/networks
bridge=gn-default
mkdir -p $etc $root/{vendor/networks,state,run}
export GUESTNET_BUS=unix:path=$root/run/bus.sock
roots=(--config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run --service-user=65534)
netd() { "$BIN/guestnetd" "${roots[@]}" "$@"; }
network() { printf '%s\n' '[Network]' "DHCPChecksum=$1" '[Address]' 'Address=10.70.1.1/24' >$etc/default.network; }
start_netd() {
	rm -f $root/run/bus.sock
	"$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 &
	netd_pid=$!
	wait_for 20 test -S $root/run/bus.sock
}
status() { "$BIN/guestnet" status default --json 2>/dev/null | jq -r ".[0].$1"; }
# said NAME VALUE: without jq, which takes longer than all the rest of a look.
said() { [[ $("$BIN/guestnet" status default --json 2>/dev/null) == *"\"$1\":\"$2\""* ]]; }
plan() { netd --plan 2>&1 | grep -v '^note: table-owned'; }
settled() { said state running && [ -z "$(plan)" ]; }
report() { printf '%s, checksum %s (%s), problem "%s", plan: %s' "$(status state)" "$(status checksum)" "$(status checksum_reason)" \
	"$(status problem)" "$(plan | head -5)"; }
check_settled() { if wait_for 30 settled; then pass "$1"; else fail "$1" "$(report)"; fi; }
reload() { kill -HUP $netd_pid; }

# The clients
mkdir -p /run/netns
for name in veth vhost plain; do
	ip netns add $name && ip -n $name link set lo up || exit 1
done
ip link add port0 type veth peer name eth0 netns veth
ip -n veth link set eth0 address 52:54:00:13:00:01 up
plug() {	# the ports on the bridge, as it is now
	ip link set port0 master $bridge up
	[ -z "${tap_pids-}" ] || kill $tap_pids
	$world/tools/tap-guest $bridge /run/netns/vhost eth0 unfinished >$root/tap1 & tap_pids=$!
	$world/tools/tap-guest $bridge /run/netns/plain eth0 finished >$root/tap2 & tap_pids+=" $!"
	plugged() { grep -q ready $root/tap1 && grep -q ready $root/tap2; }
	wait_for 20 plugged
}
strict() { ip netns exec "$1" $world/tools/strict-dhcp eth0 "${2:-20}"; }	# NAMESPACE [SECONDS]
all_strict() {	# ID
	local name out
	for name in veth vhost plain; do
		out=$(strict $name)
		matches "$1-$name" '^lease 10\.70\.1\.[0-9]+$' "$out"
	done
}
# One that looks at the kernel's mark beside the frame, or does not look at the checksum at all.
tolerant() { ip netns exec veth busybox udhcpc -i eth0 -f -q -n -t 20 -T 1 -s /bin/true; }

clsact() { tc qdisc show dev $bridge clsact | grep -c clsact; }
our_filters() { tc filter show dev $bridge egress 2>/dev/null | grep -c 'csum (udp)'; }
nothing_of() {	# nft|tc|queue: the traces of a way that is not in force
	case $1 in
	nft) ! nft list ruleset 2>/dev/null | grep -E 'GUESTNET|oifname.*CHECKSUM' ;;
	tc) [ "$(clsact)" = 0 ] || [ "$(our_filters)" = 0 ] ;;
	queue) ! nft list tables | grep guestnet-dhcp ;;
	esac
}
there_is() {
	case $1 in
	nft) iptables-nft -t mangle -S GUESTNET | grep -q -- "-o $bridge -p udp .*CHECKSUM" ;;
	tc) [ "$(our_filters)" = 1 ] ;;
	queue) nft list table ip guestnet-dhcp | grep -E 'queue|NFQUEUE' ;;
	esac
}

network off
start_netd
check_settled up
plug || fail taps "$(cat $root/tap1 $root/tap2)"

# Nothing is done: those who verify get nothing, others do. Without this, the rest proves nothing.
equal off-status off "$(status checksum)"
matches off-reason 'veth or vhost' "$(status checksum_reason)"
equal off-problem '' "$(status problem)"
matches off-veth '^no lease, [1-9][0-9]* answers with a wrong checksum$' "$(strict veth 3)"
matches off-vhost '^no lease, [1-9][0-9]* answers with a wrong checksum$' "$(strict vhost 3)"
matches off-plain '^lease ' "$(strict plain)"
check off-tolerant tolerant
for way in nft tc queue; do check off-nothing-$way nothing_of $way; done

offered=''
for way in nft tc queue; do
	network $way
	reload
	taken() { said checksum $way && settled; }
	refused() { said state degraded && said checksum off; }
	decided() { taken || refused; }
	wait_for 30 decided
	if ! taken; then
		matches $way-refused "veth or vhost.*$way: ." "$(status problem)"
		check $way-refused-leaves-nothing nothing_of $way
		skip $way "$(status checksum_reason)"
		continue
	fi
	pass $way
	offered+="$way "
	equal $way-reason '' "$(status checksum_reason)"
	check $way-there there_is $way
	for other in nft tc queue; do [ $other = $way ] || check $way-nothing-of-$other nothing_of $other; done
	all_strict $way
	# The daemon goes and comes.
	kill -9 $netd_pid; reap $netd_pid
	check $way-killed-tolerant tolerant
	start_netd
	check_settled $way-restarted
	matches $way-restarted-veth '^lease ' "$(strict veth)"
done
echo "ways that this kernel offers: $offered"
# At least one beside nft, or auto and the listener were never tried.
matches offered 'queue' "$offered"

# repaired ID WAY COMMAND...: what others break.
repaired() {
	local id=$1 way=$2 out
	shift 2
	out=$("$@" 2>&1) || { fail "$id" "could not disturb: $out"; return; }
	again() { there_is $way && settled; }
	if wait_for 30 again; then pass "$id"; else fail "$id" "$(report)"; fi
	matches "$id-veth" '^lease ' "$(strict veth)"
}
if [[ $offered == *nft* ]]; then
	network nft; reload; wait_for 30 there_is nft
	iptables-nft -t mangle -A POSTROUTING -o eth9 -j MARK --set-mark 7
	iptables-nft -t mangle -N THEIRS
	repaired nft-rules-flushed nft iptables-nft -t mangle -F GUESTNET
	no_jump() { nft delete rule ip mangle POSTROUTING handle "$(nft -a list chain ip mangle POSTROUTING | sed -n 's/.*jump GUESTNET.*handle //p')"; }
	repaired nft-jump-gone nft no_jump
	theirs() { iptables-nft -t mangle -S | grep -v GUESTNET; }
	theirs >$root/theirs
	repaired nft-flushed nft iptables-nft -t mangle -F
	iptables-nft -t mangle -A POSTROUTING -o eth9 -j MARK --set-mark 7
	# A change of ours that is not ours any more.
	spoil() { nft replace rule ip mangle GUESTNET handle "$(nft -a list chain ip mangle GUESTNET | sed -n 's/.*comment "guestnet".*handle //p' | head -n 1)" \
		oifname $bridge udp sport 67 counter comment '"guestnet"'; }
	repaired nft-rule-replaced nft spoil
	network off; reload
	check nft-off wait_for 30 nothing_of nft
	check_settled nft-off-settled
	equal nft-theirs "$(cat $root/theirs)" "$(theirs)"
	# A chain of ours that others use is left, and nothing is tried for ever.
	network nft; reload; wait_for 30 there_is nft
	iptables-nft -t mangle -A THEIRS -j GUESTNET
	network off; reload
	jump_is_gone() { ! iptables-nft -t mangle -S POSTROUTING | grep -q GUESTNET; }
	check nft-shared-jump-goes wait_for 30 jump_is_gone
	check_settled nft-shared-settled
	check nft-shared-stays iptables-nft -t mangle -S GUESTNET
	iptables-nft -t mangle -F THEIRS
	check nft-shared-goes-then wait_for 30 nothing_of nft
	nft delete table ip mangle
fi
if [[ $offered == *tc* ]]; then
	network tc; reload; wait_for 30 there_is tc
	check tc-quiet sh -c "tc filter show dev $bridge egress | grep -q continue"
	repaired tc-clsact-deleted tc tc qdisc del dev $bridge clsact
	repaired tc-filter-deleted tc tc filter del dev $bridge egress
	ip link del $bridge
	check_settled tc-bridge-deleted
	check tc-bridge-deleted-there there_is tc
	plug
	matches tc-bridge-deleted-veth '^lease ' "$(strict veth)"
	# Others may use our clsact; then it stays, with what is theirs.
	tc filter add dev $bridge ingress protocol ip pref 7 u32 match u32 0 0 flowid 1:1
	network off; reload
	check tc-off wait_for 30 nothing_of tc
	equal tc-theirs-stays 1 "$(clsact)"
	matches tc-theirs 'pref 7 ' "$(tc filter show dev $bridge ingress)"
	# Theirs was first: it is used, and not deleted.
	tc qdisc del dev $bridge clsact
	tc qdisc add dev $bridge clsact
	network tc; reload
	check tc-beside wait_for 30 there_is tc
	network off; reload
	check tc-beside-off wait_for 30 nothing_of tc
	check_settled tc-beside-settled
	equal tc-beside-stays 1 "$(clsact)"
	tc qdisc del dev $bridge clsact
	# Ours alone goes.
	network tc; reload; wait_for 30 there_is tc
	network off; reload
	no_clsact() { [ "$(clsact)" = 0 ]; }
	check tc-gone wait_for 30 no_clsact
	# A filter of another program in the very place, with our shape and without our mark, is not ours.
	tc qdisc add dev $bridge clsact
	tc filter add dev $bridge egress protocol ip pref 26478 u32 match ip protocol 17 0xff action csum udp
	reload
	check_settled tc-unmarked
	equal tc-unmarked-stays 1 "$(our_filters)"
	tc qdisc del dev $bridge clsact
fi
network queue; reload; wait_for 30 there_is queue
repaired queue-table-deleted queue nft delete table ip guestnet-dhcp
repaired queue-rules-flushed queue nft flush chain ip guestnet-dhcp replies
repaired queue-jump-flushed queue nft flush chain ip guestnet-dhcp postrouting
unhook() { nft 'delete table ip guestnet-dhcp; add table ip guestnet-dhcp; add chain ip guestnet-dhcp postrouting'; }
repaired queue-unhooked queue unhook
# Many packets at once, and a listener that sleeps: nothing waits for it for ever.
kill -STOP $netd_pid
timeout 3 ip netns exec veth $world/tools/strict-dhcp eth0 1 >/dev/null
kill -CONT $netd_pid
matches queue-after-sleep '^lease ' "$(strict veth)"
# Another network that needs the queue goes, and comes again: this one's replies pass through it all the while.
printf '%s\n' '[Network]' DHCPChecksum=queue '[Address]' Address=10.71.1.1/24 >$etc/other.network
reload
other() { "$BIN/guestnet" "$1" other >/dev/null 2>&1; }
other_is() { [[ $("$BIN/guestnet" status other --json) == *"\"state\":\"$1\""* ]]; }
check queue-other wait_for 30 other_is running
check queue-other-stops other stop
matches queue-other-stopped '^lease ' "$(strict veth)"
check queue-other-starts other start
matches queue-other-started '^lease ' "$(strict veth)"
rm $etc/other.network
reload

# What is first and works, and why not one before it.
network auto; reload
first=${offered%% *}
auto() { said checksum $first && settled; }
check auto wait_for 30 auto
matches auto-veth '^lease ' "$(strict veth)"
printf '%s\n' '[Network]' 'DHCPChecksum=nftables' >$etc/default.network
reload
wrong() { [[ $(status problem) == *default.network:2:*nft,\ tc,\ queue* ]]; }
check wrong-word wait_for 20 wrong

# Down: nothing is left.
network auto; reload
check_settled back
kill $netd_pid; reap $netd_pid

# What the kernel has refused is asked for again: by a pass that something else is the reason for, once a while has passed.
read -r first second _ <<<"$offered"
if [ "$first" = nft ] && [ -n "$second" ]; then
	export NO_CHECKSUM=1 MODULES_CAME=$root/came
	complete=$BIN
	world_preload plain-modules.so guestnetd
	nft delete table ip mangle	# rules of ours that are there would be the answer
	start_netd
	on() { said checksum $1 && there_is $1; }
	check again-without wait_for 30 on $second
	matches again-reason '^nft: the kernel refuses the target CHECKSUM' "$(status checksum_reason)"
	touch $MODULES_CAME
	something() { ip addr flush dev $bridge scope global; wait_for 2 on nft; }
	check again-asked wait_for 30 something
	equal again-reason-gone '' "$(status checksum_reason)"
	check again-nothing-else nothing_of $second
	check_settled again-settled
	kill $netd_pid; reap $netd_pid
	BIN=$complete
fi
check teardown netd --teardown
for way in nft queue; do check teardown-$way nothing_of $way; done
equal teardown-rules '' "$(nft list ruleset | grep -iE 'guestnet')"
# shellcheck disable=SC2086 # two of them
kill $tap_pids
grep -E 'ERROR: |runtime error' $root/log && fail log "$(grep -E 'ERROR: |runtime error' $root/log | head -3)"
exit 0
