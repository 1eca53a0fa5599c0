#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet-ifup and guestnet-ifdown: on taps made here, and called by a real QEMU.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
need all jq setpriv || exit 0

ifup=$world/tools/guestnet-ifup
ifdown=$world/tools/guestnet-ifdown
install -m 755 "$BIN/guestnet-ifup" $ifup && ln -s guestnet-ifup $ifdown || exit 1

world_bridge br7
ip link property add dev br7 altname default
ip link set br7 mtu 1400
world_bridge lab
world_bridge big
ip link set big mtu 9000

tap() {	# NAME [OPTION...]: a fresh tap
	ip link del "$1" 2>/dev/null
	ip tuntap add "$1" mode tap "${@:2}"
}

# state TAP: bridge, up, MTU, how IPv6 addresses are made, addresses, how the MAC begins
state() {
	printf '%s ' "$(link "$1" '.master // "-", (.flags | if index("UP") then "up" else "down" end), .mtu, .inet6_addr_gen_mode, .address[0:2]' | tr '\n' ' ' | sed 's/ $//')"
	ip -6 -j addr show dev "$1" | jq -r '[.[].addr_info // [] | .[]] | length'
}

# port DEVICE: bridge, up
port() { link "$1" '"\(.master // "-") \(.flags | if index("UP") then "up" else "down" end)"'; }

# does ID WANT COMMAND...: succeeds and says nothing; then tap0's state is WANT.
does() {
	local id=$1 want=$2 said status
	shift 2
	said=$("$@" 2>&1 </dev/null)
	status=$?
	if [ $status != 0 ] || [ -n "$said" ]; then
		fail "$id" "status $status: $said"
	else
		equal "$id" "$want" "$(state tap0)"
	fi
}

# refuses ID REGEX COMMAND...: status 1, one line on stderr that matches, nothing on stdout.
refuses() {
	local id=$1 regex=$2 status
	shift 2
	"$@" >$tmp/out 2>$tmp/err </dev/null
	status=$?
	if [ $status != 1 ] || [ -s $tmp/out ] || [ "$(wc -l <$tmp/err)" != 1 ]; then
		fail "$id" "status $status: $(cat $tmp/out $tmp/err)"
	else
		matches "$id" "$regex" "$(<$tmp/err)"
	fi
}

tap tap0
before=$(state tap0)
does up "br7 up 1400 none fe 0" $ifup tap0
does up_again "br7 up 1400 none fe 0" $ifup tap0
does up_elsewhere "big up 9000 none fe 0" env GUESTNET_NETWORK=big $ifup tap0
does down "- down 9000 none fe 0" $ifdown tap0
does down_again "- down 9000 none fe 0" $ifdown tap0
does up_after_down "br7 up 1400 none fe 0" $ifup tap0
matches before '^- down 1500 eui64 .. 0$' "$before"

tap tap0
does network "lab up 1500 none fe 0" env GUESTNET_NETWORK=lab $ifup tap0
tap tap0
does bridge "lab up 1500 none fe 0" env GUESTNET_BRIDGE=lab $ifup tap0
tap tap0
does network_before_bridge "lab up 1500 none fe 0" env GUESTNET_BRIDGE=big GUESTNET_NETWORK=lab $ifup tap0
tap tap0
ip link set br7 down
does bridge_down "br7 up 1400 none fe 0" $ifup tap0
ip link set br7 up
ip link del tap0
check down_gone $ifdown tap0
check down_never $ifdown nosuchtap

# A bridge whose address is not pinned keeps it when the tap comes and goes.
ip link add loose type bridge
ip link add p0 address 02:00:00:00:00:05 type veth peer name p1
ip link set p0 master loose
ip link set loose up
tap tap0
ip link set tap0 address 02:00:00:00:00:01
GUESTNET_NETWORK=loose $ifup tap0
equal bridge_address 02:00:00:00:00:05 "$(link loose .address)"
ip link del loose
ip link del p0

# Refused
tap tap0
refuses no_network 'guestnet-ifup: there is no network or bridge nowhere: .*GUESTNET_NETWORK' env GUESTNET_NETWORK=nowhere $ifup tap0
equal no_network_state "- down" "$(port tap0)"
refuses bad_network '"a/b" cannot be the name of a network' env GUESTNET_NETWORK=a/b $ifup tap0
refuses not_a_bridge "lo is not a bridge" env GUESTNET_NETWORK=lo $ifup tap0
refuses escaped 'name of a network' env GUESTNET_NETWORK=$'x\e[1m' $ifup tap0
check escaped_bytes bash -c '! grep -q $'"'\\e'"" $tmp/err"
refuses no_tap 'there is no tap nosuchtap' $ifup nosuchtap
refuses bad_tap '"\.\./x" cannot be the name of a tap' $ifup ../x
refuses no_argument 'want one argument' $ifup
refuses two_arguments 'want one argument' $ifup tap0 tap1
ip link add v0 type veth peer name v1
refuses veth 'v0 is not a tap \(veth\)' $ifup v0
refuses veth_down 'guestnet-ifdown: v0 is not a tap \(veth\)' $ifdown v0
refuses loopback 'lo is not a tap \(a network card\)' $ifup lo
refuses bridge_as_tap 'lab is not a tap \(bridge\)' $ifdown lab
equal veth_state "- down" "$(port v0)"
ip tuntap add tun7 mode tun
refuses tun 'tun7 is not a tap \(a tun' $ifup tun7
ip link del tun7
refuses no_capability 'Operation not permitted: this needs CAP_NET_ADMIN.*-netdev bridge,helper=' \
	setpriv --reuid $alice --regid $alice --clear-groups $ifup tap0
equal no_capability_state "- down" "$(port tap0)"
GUESTNET_NETWORK=lab $ifup tap0
refuses no_capability_down 'cannot take tap0 off its network: Operation not permitted' \
	setpriv --reuid $alice --regid $alice --clear-groups $ifdown tap0
equal no_capability_down_state "lab up 1500 none fe 0" "$(state tap0)"

install -m 4755 $ifup $world/setuid/guestnet-ifup
refuses setuid 'must not be set-user-ID' setpriv --reuid $alice --regid $alice --clear-groups $world/setuid/guestnet-ifup tap0
install -m 755 $ifup $world/cap/guestnet-ifup
setcap cap_net_admin=ep $world/cap/guestnet-ifup
refuses file_capability 'must not be set-user-ID or have file capabilities' \
	setpriv --reuid $alice --regid $alice --clear-groups $world/cap/guestnet-ifup tap0

# What fails half-way is taken back: this tap is busy with something else.
tap tap0
if ip link add link tap0 name mv0 type macvlan 2>/dev/null; then
	refuses half_way 'failed to add interface tap0 to bridge .br7.: Device or resource busy' $ifup tap0
	equal half_way_state "- down" "$(port tap0)"
	ip link del mv0
else
	skip half_way "this kernel has no macvlan"
fi

matches help 'Usage: guestnet-ifup TAP.*GUESTNET_NETWORK' "$($ifup --help)"
matches version '^guestnet-ifup [0-9.]+$' "$($ifup --version)"
matches version_down '^guestnet-ifdown [0-9.]+$' "$($ifdown --version)"

# All of it is one datagram, and nothing is waited for.
tap tap0
if [[ $BIN == *asan* ]]; then
	skip one_datagram "the leak sanitiser does not work under a tracer"
elif need one_datagram strace; then
	strace -f -o $tmp/trace -e trace=sendto,sendmsg,nanosleep,clock_nanosleep,poll,select $ifup tap0
	equal one_datagram "1 of 3 changes, 0 waits" "$(grep -c NEWLINK $tmp/trace) of $(grep -c 'sendto\|sendmsg' $tmp/trace) changes, $(grep -c 'sleep\|poll\|select' $tmp/trace) waits"
fi
ip link del tap0

# QEMU calls the scripts before it answers on its monitor, and again while it ends.

# qemu [setpriv-OPTION...] -- NETDEV: starts it, $qemu is its pid; ready when it has answered.
qemu() {
	local as=()
	while [ "$1" != -- ]; do as+=("$1"); shift; done
	rm -f $tmp/qmp.in $tmp/qmp.out
	mkfifo $tmp/qmp.in
	setpriv "${as[@]}" -- qemu-system-x86_64 -machine none -nodefaults -display none -S -qmp stdio -netdev "$2" \
		<$tmp/qmp.in >$tmp/qmp.out 2>$tmp/err &
	qemu=$!
	exec {qmp}<>$tmp/qmp.in
	echo '{"execute": "qmp_capabilities"}' >&$qmp
	wait_for 60 answered_or_gone
}
answered_or_gone() { grep -q '"return"' $tmp/qmp.out || ! kill -0 $qemu; }
answered() { grep -q '"return"' $tmp/qmp.out || { cat $tmp/err; false; }; }

# qemu_quit: has it end in order; $status is its exit status.
qemu_quit() {
	echo '{"execute": "quit"}' >&$qmp
	reap $qemu
	status=$?
	exec {qmp}>&-
}
silent() { ! grep guestnet-if $tmp/err; }

if need qemu qemu-system-x86_64; then
	tap tap0
	export GUESTNET_NETWORK=lab
	qemu --no-new-privs -- tap,id=n0,ifname=tap0,script=$ifup,downscript=$ifdown
	unset GUESTNET_NETWORK
	check qemu_starts answered
	equal qemu_up "lab up 1500 none fe 0" "$(state tap0)"
	qemu_quit
	equal qemu_down "0 - down 1500 none fe 0" "$status $(state tap0)"
	check qemu_quiet silent
	ip link del tap0

	# A tap that QEMU makes by itself, as an ordinary user with an ambient capability.
	qemu --reuid $alice --regid $alice --clear-groups --inh-caps +net_admin --ambient-caps +net_admin -- \
		tap,id=n0,ifname=tap1,script=$ifup,downscript=$ifdown
	check qemu_user_starts answered
	equal qemu_user_up "br7 up 1400 none fe 0" "$(state tap1)"
	qemu_quit
	check qemu_user_quiet silent
	check qemu_user_gone wait_for 20 no_taps

	# Killed, nothing can be called; the tap goes all the same.
	qemu --no-new-privs -- tap,id=n0,ifname=tap1,script=$ifup,downscript=$ifdown
	equal qemu_killed_up "br7 up 1400 none fe 0" "$(state tap1)"
	kill -KILL $qemu
	reap $qemu
	exec {qmp}>&-
	check qemu_killed_gone wait_for 20 no_taps

	# The user owns the tap but may not put it anywhere: QEMU does not start, and says why.
	tap tap0 user $alice
	qemu --reuid $alice --regid $alice --clear-groups -- tap,id=n0,ifname=tap0,script=$ifup,downscript=no
	reap $qemu
	equal qemu_refused_status 1 $?
	exec {qmp}>&-
	matches qemu_refused 'guestnet-ifup: failed to add interface tap0.*CAP_NET_ADMIN.*network script .* failed' "$(<$tmp/err)"
	ip link del tap0
fi
check no_tap_left no_taps
