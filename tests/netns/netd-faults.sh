#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd under faults: killed at any point of its work, its messages refused one after the other, everything broken at
# once, a program that works against it, events lost. Afterwards everything is as declared, nothing is left over,
# and a new lease and a new flow work.
# Namespaces: this one is the host; "guest" has a veth port on the bridge; "internet" is behind the host's uplink.

suite=netd-faults
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
# The sanitised programs run as on a kernel whose tables have no owner, the others as on this one.
[ "${SUITE_PREFIX-}" != asan. ] || export PLAIN_TABLES=1
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_setup strace
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "seed $SEED (SEED=$SEED repeats the same order)"

# The kernel gives 128 inotify instances to a user (fs.inotify.max_user_instances), in all namespaces together, and each dnsmasq takes
# one: a hundred of them are a user's whom no other suite has.
service=4271
[ -z "${SUITE_PREFIX-}" ] || service=4272
roots=("${roots[@]/service-user=65534/service-user=$service}")
etc=$root/etc/networks
cp "$top"/netd/networks/default.network $root/vendor/networks/
printf '[Address]\nAddress=10.98.1.1/24\n' >$etc/second.network
mkdir -p /run/systemd/journal
"$world/tools/observe-journal" /run/systemd/journal/socket >$root/journal &
journal_pid=$!
wait_for 5 test -S /run/systemd/journal/socket
start_netd() {	# [PROGRAM...]: what it is run by
	rm -f $root/run/bus.sock
	journal_from=$(($(stat -c %s $root/journal) + 1))
	"$@" "$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 3>&- 7>&- &
	netd_pid=$!
	started() { [ -S $root/run/bus.sock ] || ! kill -0 $netd_pid; }
	wait_for 20 started
}
running() { is running && is running second; }
settled() { running && plan_is_empty; }
services() { grep -lx dnsmasq /proc/[0-9]*/comm 2>/dev/null | wc -l; }
bridges() { ip -o link show type bridge | wc -l; }
# Nothing twice, nothing left over.
n_networks=2
whole() { settled && [ "$(services)" = $n_networks ] && [ "$(bridges)" = $n_networks ] && [ "$(nft list tables | grep -c 'inet guestnet')" = 1 ]; }
described() { printf '%s; %s dnsmasq, %s bridges, plan: %s' "$(state default) $(state second)" "$(services)" "$(bridges)" "$(plan | head -5)"; }
check_whole() {	# ID
	if wait_for "${2:-20}" whole; then pass "$1"; else fail "$1" "$(described)"; fi
}

ip netns exec internet busybox nc -ll -p 7777 -e /bin/cat >/dev/null 2>&1 &

dhcp_guest
bridge=gn-default
works() { plug && lease && flow; }
check_works() { if wait_for 45 works; then pass "$1"; else fail "$1" "$(described)"; fi; }

# Killed at the N-th call of a kind, on the way up; started again, it must get everything whole. Points lie closer at the
# beginning. The last round is one that the daemon lives through.
nothing() { [ "$(services)" = 0 ] && [ "$(bridges)" = 0 ] && ! nft list tables | grep -q 'inet guestnet'; }
clear_all() { netd --teardown >/dev/null 2>&1; nothing; }
end_netd() { kill $netd_pid 2>/dev/null; reap $netd_pid; }
# LeakSanitizer does not work below ptrace.
trace=(env "ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" strace -qq -o /dev/null -e)
tracee() { cat /proc/$1/task/$1/children 2>/dev/null; }
end_traced() {	# PID: of the tracer
	local child=$(tracee $1)
	[ -z "$child" ] || kill -9 $child
	reap $1
}
exec 3>&2 2>/dev/null		# the shell tells of each that was killed
bad=0 rounds=0 killed=0
for call in sendto:6 sendto:8 sendto:10 sendto:12 sendto:13 sendto:14 sendto:15 sendto:16 sendto:18 sendto:21 sendto:25 sendto:30 clone,clone3,fork,vfork:1 rename:1 rename:2 rename:3 openat:60 openat:90 write:1 write:3; do
	clear_all || { bad=$((bad + 1)); echo "before $call: not clear: $(described)"; }
	rm -f $root/run/bus.sock
	"${trace[@]}" "inject=${call%:*}:signal=KILL:when=${call##*:}" "$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 &
	pid=$!
	ended_or_up() { ! kill -0 $pid || [ -S $root/run/bus.sock ]; }
	wait_for 10 ended_or_up
	kill -0 $pid 2>/dev/null || killed=$((killed + 1))
	end_traced $pid
	start_netd
	rounds=$((rounds + 1))
	if ! wait_for 20 whole; then
		bad=$((bad + 1))
		echo "killed at $call: $(described)"
	fi
	end_netd
done
equal kill-up-converges 0 $bad
check kill-up-happened test $killed -ge 8
echo "killed on the way up in $killed of $rounds rounds"

# Killed while it reads files again: one network's has gone, another one's has come with its bridge's name, and a third has other
# addresses. The prefix that a network has chosen stays, and so does a tap that was made before.
exec 3>&2 2>/dev/null
printf '[Tap]\nName=tap0\nUser=65534\n' >>$etc/second.network
come() { rm -f $etc/come*.network; printf '[Network]\nBridge=gn-come\n[Address]\nAddress=10.98.2.1/24\n' >$etc/come$1.network; }
come 0
n_networks=3
start_netd
wait_for 20 whole || echo "before the reloads: $(described)"
kept() { ip -4 -o addr show dev gn-default | awk '{ print $4 }'; cat /sys/class/net/tap0/ifindex; }
kept_before=$(kept)
traced() { ! grep -qx 'TracerPid:.0' /proc/$netd_pid/status; }
bad=0 killed=0 round=0
for call in sendto:1 sendto:4 sendto:7 sendto:10 sendto:14 clone,clone3,fork,vfork:1 rename:1 rename:3; do
	"${trace[@]}" "inject=${call%:*}:signal=KILL:when=${call##*:}" -p $netd_pid &
	pid=$!
	wait_for 5 traced
	round=$((round + 1))
	come $((round % 2))
	sed -i "s/^Address=.*/Address=10.98.1$((round % 2)).1\/24/" $etc/second.network
	kill -HUP $netd_pid
	ended_or_whole() { ! kill -0 $netd_pid || whole; }
	wait_for 10 ended_or_whole
	if ! kill -0 $netd_pid; then
		killed=$((killed + 1))
		reap $netd_pid
		start_netd
	else
		kill $pid
	fi
	reap $pid
	if ! wait_for 20 whole || [ "$(kept)" != "$kept_before" ] || [ -n "$(find $root/state $root/run -name '*.new')" ]; then
		bad=$((bad + 1))
		echo "killed at $call of a reload: $(described); $(kept)"
	fi
done
end_netd
rm $etc/come*.network
printf '[Address]\nAddress=10.98.1.1/24\n' >$etc/second.network
n_networks=2
exec 2>&3 3>&-
equal kill-reload-converges 0 $bad
check kill-reload-happened test $killed -ge 6

# Killed while it takes things down, then on with it: nothing is left.
bad=0 killed=0
for n in 6 8 9 10 11 12 13 14 16 18; do
	start_netd
	wait_for 20 whole || bad=$((bad + 1))
	end_netd
	"${trace[@]}" "inject=sendto:signal=KILL:when=$n" "$BIN/guestnetd" "${roots[@]}" --teardown >>$root/log 2>&1 || killed=$((killed + 1))
	if ! clear_all; then
		bad=$((bad + 1))
		echo "killed at $n while taking down: $(described)"
	fi
done
equal kill-down-converges 0 $bad
exec 2>&3 3>&-
check kill-down-happened test $killed -ge 3

# One message after the other refused. Whatever it was: tried again, and whole.
bad=0
for n in 7 9 11 13 15 17 19 21 24; do
	clear_all
	start_netd "${trace[@]}" "inject=sendto:error=EPERM:when=$n"
	if ! kill -0 $netd_pid 2>/dev/null; then	# it could not begin: what a service manager does then
		reap $netd_pid
		start_netd
	fi
	# A way to complete checksums whose probe was refused is asked for again by a pass that something else is the reason for.
	wait_for 8 whole || client reload >/dev/null 2>&1
	if ! wait_for 20 whole; then
		bad=$((bad + 1))
		echo "message $n refused: $(described)"
	fi
	child=$(tracee $netd_pid)
	grep -qx strace /proc/$netd_pid/comm && kill $child
	wait_for 5 test ! -d /proc/${child%% *}
	end_netd
done
equal refused-converges 0 $bad

# One network fails beside a healthy one: its bridge's name is taken by something else, then is free again.
clear_all
ip link add gn-second type bridge
start_netd
second_failed() { [ "$(state default)" = running ] && [ "$(state second)" = failed ]; }
check one-fails wait_for 10 second_failed
check_works one-fails-others-work
ip link del gn-second
check_whole one-fails-over

# A hundred networks, each with its dnsmasq: they come, are repaired, and go, and the two others never notice.
many=${SUITE_PREFIX:+20} many=${many:-100}
many_up() { [ "$(services)" = $((many + 2)) ] && [ "$(bridges)" = $((many + 2)) ] && settled; }
many_report() { printf '%s dnsmasq, %s bridges, plan: %s' "$(services)" "$(bridges)" "$(plan | head -3)"; }
for i in $(seq $many); do printf '[Address]\nAddress=10.200.%d.1/24\nAddress=fd99:%d::1/64\n' $i $i >$etc/many$i.network; done
kill -HUP $netd_pid
if wait_for 120 many_up; then pass many-up; else fail many-up "$(many_report)"; fi
nft flush ruleset 2>/dev/null
ip link del gn-many7
ip addr flush dev gn-many9 scope global
if wait_for 60 many_up; then pass many-repaired; else fail many-repaired "$(many_report)"; fi
check_works many-others-work
# What is repaired for all of them is one line.
echo 0 >/proc/sys/net/ipv4/ip_forward
check many-one-line wait_for 10 grep -Eq "[0-9]{2,} networks repaired" $root/journal
rm $etc/many*.network
kill -HUP $netd_pid
check_whole many-gone 120

# Everything at once. A flow that was opened before must go on by itself.
ip netns exec internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
mkfifo $root/talk
exec 7<>$root/talk
ip netns exec guest "$world/tools/netd-flow" talk 198.51.100.1 7778 <$root/talk >$root/talked 7>&- &
long_flow() {
	local line=line-$EPOCHREALTIME
	echo "$line" >&7
	wait_for 4 grep -q "^$line " $root/talked
	grep -qx "$line heard" $root/talked
}
check everything-flow-before wait_for 10 long_flow
drops=0
shrink() { "$world/tools/netd-shrink" $netd_pid "$1"; }
# Counted while the socket is there, so before the daemon is killed, and at the end.
count_drops() { drops=$((drops + $(shrink drops))); }
bridge=gn-default
other=$root/second.network
disturb() {
	case $1 in
	0) nft flush ruleset ;;
	1) nft delete table inet guestnet ;;
	2) iptables-nft -t mangle -F ;;
	3) echo 0 >/proc/sys/net/ipv4/ip_forward ;;
	4) echo 0 >/proc/sys/net/ipv6/conf/all/forwarding ;;
	5) ip addr flush dev $bridge scope global ;;
	6) ip link set $bridge down ;;
	7) ip link set $bridge mtu 1400 ;;
	8) ip link set $bridge address 52:54:00:00:00:99 ;;
	9) ip link set $bridge type bridge stp_state 1 ;;
	10) ip link property del dev $bridge altname default ;;
	11) ip link set $bridge name gn-other$((RANDOM % 2)) ;;
	12) kill -9 "$(cut -d' ' -f1 $root/run/dnsmasq/default.pid)" ;;
	13) rm -f $root/state/dnsmasq/default.leases ;;
	14) ip link del $bridge ;;
	15) ip link set port0 nomaster ;;
	16) ip route flush dev $bridge ;;
	17) ip addr add 172.31.7.1/24 dev $bridge ;;
	18) ip addr del 172.31.7.1/24 dev $bridge ;;
	19) kill -HUP $netd_pid ;;
	20) count_drops; kill -9 $netd_pid; reap $netd_pid; start_netd ;;
	21) mv $etc/second.network $other ;;
	22) mv $other $etc/second.network ;;
	23)	# only the first of these events has room
		shrink 1
		kill -STOP $netd_pid
		seq 20 | sed 's/.*/link add ev& type bridge/' | ip -batch -
		ip addr flush dev $bridge scope global
		seq 20 | sed 's/.*/link del ev&/' | ip -batch -
		kill -CONT $netd_pid ;;
	24) shrink $((4 << 20)) ;;
	esac >/dev/null 2>&1
}
disturbances=25
echo "everything at once: seed $SEED"
end=$((SECONDS + ${STORM_SECONDS:-$([ -n "${SUITE_PREFIX-}" ] && echo 15 || echo 60)})) n=0
# Each of them happens; after the first round, in the order of the seed.
declare -A done_once=()
while [ $SECONDS -lt $end ] || [ ${#done_once[@]} -lt $disturbances ]; do
	which=$((RANDOM % disturbances))
	[ $SECONDS -lt $end ] || [ -z "${done_once[$which]-}" ] || continue
	disturb $which
	done_once[$which]=1
	n=$((n + 1))
	[ $((RANDOM % 4)) = 0 ] && wait_for 1 test $((RANDOM % 8)) = 0
	[ $((RANDOM % 10)) = 0 ] && wait_for 3 plan_is_empty
done
echo "$n disturbances"
count_drops
matches everything-enobufs '^[1-9]' $drops
# What nobody but its maker can take back: somebody else's address, a file.
ip addr del 172.31.7.1/24 dev $bridge 2>/dev/null
[ ! -e $other ] || mv $other $etc/second.network
kill -HUP $netd_pid
check_whole everything-converges 40
check_works everything-works
check everything-flow-after wait_for 20 long_flow
equal everything-no-strays '' "$(ip -o link | grep -oE 'gn-other[0-9]|ev[0-9]+')"
shrink $((4 << 20)) >/dev/null

# A fight: another process takes the address away as soon as it is there.
repairs() { client status default --json | jq '.[0].repairs'; }
said() { grep -c 'undoes what is repaired' $root/journal; }
# The storm may have been a fight, too, and one that goes on is said only once. A new daemon knows of none.
fights_over() { [ "$(awk '/undoes what is repaired/ { n = 1 } /nothing undoes the repairs/ { n = 0 } END { print n + 0 }' <(tail -c +$journal_from $root/journal))" = 0 ]; }
peace() { fights_over && whole && [ "$(client status default --json | jq -r '.[0].problem')" = "" ]; }
check peace wait_for 60 peace
said_before=$(said)
client monitor --json >$root/conflicts &
conflicts_pid=$!
heard() { client restart second >/dev/null; [ -s $root/conflicts ]; }	# until it listens
check fight-heard wait_for 30 heard
wait_for 20 whole
gateway=$(ip -4 -j addr show dev $bridge | jq -r '.[0].addr_info[0].local')
ip -o monitor address dev $bridge >$root/fight &
monitor_pid=$!
cat >$root/fighter <<'S'
while :; do ip addr del $1/24 dev $2 2>/dev/null; done
S
bash $root/fighter $gateway $bridge &
fighter_pid=$!
fight_said() { [ "$(said)" -gt "$said_before" ]; }
check fight-noticed wait_for 60 fight_said
# Of all lines: with one after the other, jq's status is what the last one is.
conflict_told() { jq -es 'any(.[]; .event == "conflict-seen" and has("process") and has("pid"))' $root/conflicts; }
check fight-signal wait_for 20 conflict_told
# From then on about once a second: what is counted is the number of its repairs, and that they are not all at once.
added() { grep -c "inet $gateway" <(grep -v Deleted $root/fight); }
before=$(added) from=$SECONDS
more() { [ "$(added)" -ge $((before + 6)) ]; }
wait_for 30 more
took=$((SECONDS - from))
equal fight-logged-once 1 $(($(said) - said_before))
equal fight-names-somebody '' "$(grep -aE 'undoes what is repaired.*(was *, |pid 0\b|nobody)' $root/journal)"
if [ $took -ge 3 ]; then pass fight-slowed; else fail fight-slowed "6 repairs within $took s"; fi
ended $fighter_pid
ended $monitor_pid
ended $conflicts_pid
check_whole fight-over
check fight-over-said wait_for 30 fights_over
check_works fight-works

# Another one, by a program whose name the kernel knows.
cat >$root/flusher <<'S'
while :; do nft flush ruleset 2>/dev/null; done
S
check peace-again wait_for 60 peace
said_before=$(said)
bash $root/flusher &
fighter_pid=$!
check fight-by-nft wait_for 60 fight_said
ended $fighter_pid
matches fight-names 'was nft, pid [0-9]+' "$(grep 'undoes what is repaired' $root/journal | tail -n 1)"
check_whole fight-by-nft-over
# What is logged says which network it is about.
matches journal-fields 'NETWORK=default .*BRIDGE=gn-default ' "$(grep -A 6 'network default repaired' $root/journal | tail -n 7 | tr '\n' ' ')"

# Lost events: devices come, change and go while the daemon sleeps, until its queue overflows; among them, something is
# broken. The kernel counts what it has dropped.
stop_resume() {
	kill -STOP $netd_pid
	seq 100 | sed 's/.*/link add dev ev& type bridge/' | ip -batch - >/dev/null 2>&1
	awk 'BEGIN { for (i = 0; i < 24000; i++) print "link set dev ev7 mtu", 1000 + i % 400 }' | ip -batch - >/dev/null 2>&1
	ip addr flush dev $bridge scope global
	nft flush ruleset 2>/dev/null
	seq 100 | sed 's/.*/link del dev ev&/' | ip -batch - >/dev/null 2>&1
	awk 'NR > 1 { n += $9 } END { print n + 0 }' /proc/net/netlink >$root/drops
	kill -CONT $netd_pid
}
stop_resume
matches events-were-lost '^[1-9]' "$(cat $root/drops)"
check_whole events-lost 40
check_works events-lost-works

# Ends.
end_netd
check teardown netd --teardown
check nothing-left nothing
ended $journal_pid
grep -E 'ERROR: |runtime error' $root/log && fail log "$(grep -E 'ERROR: |runtime error' $root/log | head -3)"
exit 0
