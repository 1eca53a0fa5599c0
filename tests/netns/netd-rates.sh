#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# [Bandwidth] and the rates of [Port]: far more is sent than may pass, both ways, IPv4 and IPv6, and the bytes that have
# arrived are counted: a limit says how many these can be at most, however slow this machine is. What is lost comes back,
# what others have put there stays, what the file does not say any more goes.
# Namespaces: this one is the host; "one" and "two" are guests; "internet" is behind up0.

suite=netd-rates
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup tc

base=('[Network]' Mode=route 'Ports=port-*' '[Address]' Address=10.92.1.1/24 Address=fd92::1/64 '[DHCP]' Enable=no '[DNS]' Enable=no)
rates() { network g "${base[@]}" "$@"; check "reload-$1$2" netd_reload; }
pour=$world/tools/netd-pour
declare -A address=([one4]=10.92.1.11 [one6]=fd92::11 [two4]=10.92.1.12 [two6]=fd92::12 [internet4]=198.51.100.1 [internet6]=2001:db8:51::1)
now_us() { echo "${EPOCHREALTIME/./}"; }
received() { in_ns "$1" cat /sys/class/net/eth0/statistics/rx_bytes; }
# FROM TO FAMILY: 6 MB at once; sets $got, the bytes that have arrived until no more come, and $took, in microseconds.
flood() {
	local before begin now last=-1
	before=$(received "$2")
	begin=$(now_us)
	in_ns "$1" "$pour" "${address[$2$3]}" 9 5000 1200
	for _ in {1..40}; do
		now=$(received "$2")
		[ "$now" != $last ] || break
		last=$now
		sleep 0.05
	done
	got=$((now - before))
	took=$(($(now_us) - begin))
}
# ID FROM TO RATE BUCKET: in bytes. No more than a full bucket, and what the time has added to it; and not nothing. What
# waits in a queue is no more than that, either.
limited() {
	local family
	for family in 4 6; do
		flood "$2" "$3" $family
		if [ $got -gt 30000 ] && [ $got -le $(($5 + $4 * took / 1000000 + 20000)) ]; then
			pass "$1-v$family"
		else
			fail "$1-v$family" "$got bytes in $took us at $4 bytes per second, with $5 at once"
		fi
		sleep 0.3	# something is in the bucket again
	done
}
unlimited() {	# ID FROM TO: more than any limit here lets pass.
	flood "$2" "$3" 4
	if [ $got -gt 2000000 ]; then pass "$1"; else fail "$1" "$got bytes"; fi
}
queue() { tc qdisc show dev "$1" root; }
has_queue() { [[ $(queue "$1") == "qdisc tbf 676e: "*" rate $2 "* ]]; }
no_queue() { [[ $(queue "$1") != *tbf* ]]; }
drops() { tc -s -j qdisc show dev "$1" root | jq '.[0].drops'; }
port_rates() { "$@" "$BIN/guestnet" ports g --json | jq -c '.[] | select(.port == "port-one") | .rates | [.to_guest, .from_guest]'; }
has_limit() { nft list set "$1" guestnet "$2" | grep -qF "\"$3\" limit rate over $4"; }
no_limit() { ! nft list set "$1" guestnet "$2" 2>/dev/null | grep -qF "\"$3\""; }

network g "${base[@]}"
netd_start
check up wait_for 30 settled
guest one gn-g ${address[one4]} ${address[one6]}
guest two gn-g ${address[two4]} ${address[two6]}
ip -n internet route add 10.92.1.0/24 via 198.51.100.2
ip -n internet route add fd92::/64 via 2001:db8:51::2
check as-declared wait_for 20 settled
arrives() { [ "$(asked internet "$1" 7777)" != "" ]; }
for name in one two; do serve $name 7777; done
for to in one4 one6 two4 two6; do wait_for 20 arrives "${address[$to]}"; done
unlimited without-limit-to internet one
unlimited without-limit-from one internet
equal status-none '' "$(report g bandwidth)"
equal ports-rates-none '[0,0]' "$(port_rates)"

# --- of the network: to all guests, from all guests -----------------------------------------------
if ! tc qdisc add dev up0 root tbf rate 1gbit burst 1mb limit 1mb 2>/dev/null; then
	skip all "the kernel has no tbf (CONFIG_NET_SCH_TBF)"
	nets_done
	exit 0
fi
tc qdisc delete dev up0 root
rates '[Bandwidth]' ToGuestsRate=8M
check to-all-queue has_queue gn-g 8Mbit
limited to-all internet one 1000000 65536
check to-all-dropped test "$(drops gn-g)" -gt 100
unlimited to-all-not-among one two
unlimited to-all-not-from one internet
equal status-to 'all guests: to 8M' "$(report g bandwidth)"
rates '[Bandwidth]' ToGuestsRate=8M ToGuestsBurstBytes=2M ToGuestsPeakRate=16M
check peak-queue has_queue gn-g '8Mbit burst 2Mb peakrate 16Mbit'
limited peak internet one 2000000 65536
equal status-peak 'all guests: to 8M (at most 16M)' "$(report g bandwidth)"
rates '[Port]' ToGuestRate=40G FromGuestRate=35G
equal ports-rates-fast '[40000000000,35000000000]' "$(port_rates)"
rates '[Bandwidth]' ToGuestsRate=40G ToGuestsPeakRate=90G
matches fast-queue '^qdisc tbf 676e: .* rate 40Gbit .* peakrate 90Gbit ' "$(queue gn-g)"
rates '[Bandwidth]' FromGuestsRate=4M FromGuestsBurstBytes=100K
check from-all-no-queue no_queue gn-g
check from-all-limit has_limit inet rate gn-g '500000 bytes/second burst 100 kbytes'
limited from-all one internet 500000 602400
unlimited from-all-not-among one two
unlimited from-all-not-to internet one

# --- of each guest --------------------------------------------------------------------------------
rates '[Port]' ToGuestRate=4M FromGuestRate=2M
check to-each-queue has_queue port-one 4Mbit
check from-each-limit has_limit bridge portrate port-two 250
equal ports-rates '[4000000,2000000]' "$(port_rates)"
equal ports-rates-unprivileged '[4000000,null]' "$(port_rates setpriv --reuid $alice --clear-groups)"
matches ports-row 'port-one .* to 4M, from 2M' "$(client ports g | grep port-one)"
matches ports-head 'GUARDS +RATES$' "$(client ports g | head -n 1)"
limited to-each internet one 500000 65536
check to-each-dropped test "$(drops port-one)" -gt 100
limited to-each-among one two 500000 65536
limited from-each two internet 250000 315536
equal status-each 'each guest: to 4M, from 2M' "$(report g bandwidth)"

# Its own bucket: one that is empty does not empty the other.
flood one internet 4
check own-bucket wait_for 5 arrives "${address[two4]}"

# --- a guest that comes later, one that goes; no repairs -------------------------------------------
before=$(report g repairs)
guest three gn-g 10.92.1.13 fd92::13
address[three4]=10.92.1.13 address[three6]=fd92::13
check late-queue wait_for 10 has_queue port-three 4Mbit
check late-limit wait_for 10 has_limit bridge portrate port-three 250
limited late-to internet three 500000 65536
ip link delete port-three
check gone wait_for 10 no_limit bridge portrate port-three
check gone-settled wait_for 10 settled
equal no-repairs "$before" "$(report g repairs)"

# --- what is lost comes back ------------------------------------------------------------------------
rates '[Bandwidth]' ToGuestsRate=8M FromGuestsRate=4M '[Port]' ToGuestRate=4M FromGuestRate=2M
ip tuntap add dev port-tap mode tap
ip link set port-tap master gn-g up
check tap-queue wait_for 10 has_queue port-tap 4Mbit
tc qdisc delete dev port-one root
check lost-port wait_for 10 has_queue port-one 4Mbit
tc qdisc delete dev gn-g root
check lost-bridge wait_for 10 has_queue gn-g 8Mbit
tc qdisc change dev gn-g root handle 676e: tbf rate 80mbit burst 64kb latency 50ms
check changed wait_for 10 has_queue gn-g 8Mbit
nft flush ruleset 2>/dev/null
check flushed-bridge wait_for 10 has_limit inet rate gn-g 500
check flushed-port wait_for 10 has_limit bridge portrate port-one 250
ip link set port-tap nomaster
is_port() { [ "$(link port-tap .master)" = gn-g ]; }
check pulled wait_for 10 is_port
check pulled-queue wait_for 10 has_queue port-tap 4Mbit
check pulled-limit wait_for 10 has_limit bridge portrate port-tap 250
ip link delete gn-g
check deleted-bridge wait_for 20 has_queue gn-g 8Mbit
check deleted-port wait_for 10 is_port
for name in one two; do ip link set port-$name master gn-g; done
check deleted-port-queue wait_for 10 has_queue port-one 4Mbit
check deleted-settled wait_for 20 settled
for to in one4 one6; do wait_for 20 arrives "${address[$to]}"; done
limited repaired-to internet one 500000 65536
limited repaired-from one internet 250000 315536

# --- one that is foreign stays, and is named --------------------------------------------------------
tc qdisc replace dev port-two root handle 1: tbf rate 1gbit burst 1mb limit 1mb
named() { [[ $(report g problem) == *'another program has put a queue at port-two'* ]]; }
check foreign-named wait_for 10 named
equal foreign-state degraded "$(report g state)"
equal foreign-fix 'tc qdisc delete dev port-two root' "$(report g fix)"
matches foreign-stays '^qdisc tbf 1: .* rate 1Gbit ' "$(queue port-two)"
tc qdisc delete dev port-two root
check foreign-gone wait_for 10 has_queue port-two 4Mbit
check foreign-over wait_for 10 settled

# --- a change cuts nobody; a daemon that is killed leaves all in force ------------------------------
flow=$world/tools/netd-flow
ip netns exec internet "$flow" serve 7000 >/dev/null 2>&1 &
wait_for 20 listens internet 7000
mkfifo $root/phases
exec 5<>$root/phases
ip netns exec one "$flow" flow 198.51.100.1 7000 <&5 >$root/flow 2>&1 5>&- &
flow_pid=$!
echo change >&5
sleep 0.5
rates '[Bandwidth]' ToGuestsRate=80M FromGuestsRate=40M '[Port]' ToGuestRate=40M FromGuestRate=20M
check live-queue has_queue gn-g 80Mbit
check live-limit has_limit bridge portrate port-one 2500
echo end >&5
wait_for 20 grep -q '^change sent' $root/flow
matches live-flow 'change sent [1-9][0-9]+ lost 0 connects [1-9][0-9]* failed 0 ' "$(<$root/flow)"
ended $flow_pid
exec 5>&-
netd_kill
check killed has_queue gn-g 80Mbit
network g "${base[@]}" '[Port]' ToGuestRate=8M
netd_start
check restarted wait_for 20 settled
check restarted-queue has_queue port-one 8Mbit
check restarted-gone no_queue gn-g

# --- on a bridge of others, where the ports are ours --------------------------------------------------
ip link add br9 type bridge
ip link set br9 up
network b '[Network]' Mode=bridge Bridge=br9 '[Tap]' Name=tap-b User=0 '[Port]' ToGuestRate=4M FromGuestRate=2M
check bridge-reload netd_reload
check bridge-queue wait_for 10 has_queue tap-b 4Mbit
check bridge-limit wait_for 10 has_limit bridge portrate tap-b 250
check bridge-alone no_queue br9
network b
check bridge-gone netd_reload

# --- and goes --------------------------------------------------------------------------------------
network g "${base[@]}"
check reload-none netd_reload
check removed-port no_queue port-one
check removed-limit no_limit bridge portrate port-one
equal ports-rates-removed '[0,0]' "$(port_rates)"
matches ports-head-removed 'GUARDS$' "$(client ports g | head -n 1)"
unlimited removed internet one
# What others put there while we have none is nobody's business.
tc qdisc replace dev port-two root handle 1: tbf rate 1gbit burst 1mb limit 1mb
check others-alone wait_for 10 settled
matches others-stay '^qdisc tbf 1: ' "$(queue port-two)"
tc qdisc delete dev port-two root
rates '[Bandwidth]' ToGuestsRate=8M '[Port]' ToGuestRate=4M
check stop client stop g
check stopped-port no_queue port-one

# --- a kernel without queues and limits ---------------------------------------------------------------
# It says what is missing, and all else is as ever; once the modules are there, a reload is enough.
netd_stop
netd --teardown
export NO_QUEUES=1 NO_LIMITS=1 MODULES_CAME=$root/came
world_preload plain-modules.so guestnetd
network g "${base[@]}" '[Bandwidth]' ToGuestsRate=8M FromGuestsRate=4M '[Port]' ToGuestRate=4M FromGuestRate=2M RAGuard=yes
network h '[Network]' Mode=nat '[Address]' Address=10.93.1.1/24
netd_start
client start g
lacking() { [ "$(report g state)" = degraded ] && [ "$(report h state)" = running ]; }
has_guard() { nft list set bridge guestnet ra | grep -q elements; }
check without-others-run wait_for 30 lacking
matches without-queue 'what goes to guests is not limited: .*CONFIG_NET_SCH_TBF' "$(report g problem)"
matches without-limit 'what comes from guests is not limited: .*CONFIG_NFT_LIMIT' "$(report g problem)"
equal without-problem-of-others '' "$(report h problem)"
for name in one two; do ip link set port-$name master gn-g; done
for to in one4 one6; do check without-$to wait_for 20 arrives "${address[$to]}"; done
check without-guard has_guard
unlimited without-to internet one
unlimited without-from one internet
equal without-state degraded "$(report g state)"
equal without-repairs 0 "$(report g repairs)"
touch $MODULES_CAME
check came netd_reload
equal came-problem '' "$(report g problem)"
check came-queue has_queue gn-g 8Mbit
check came-queue-port has_queue port-one 4Mbit
check came-limit has_limit inet rate gn-g 500
check came-limit-port has_limit bridge portrate port-one 250
limited came-to internet one 500000 65536
limited came-from one internet 250000 315536

nets_done
