#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Taps that a network's file declares: made before their guests, owned by a user or a group, kept on the bridge, and
# nobody else's touched. And taps of others, left on no bridge, that are taken in.
suite=netd-taps
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

echo "alice:x:$alice:$alice::/:/bin/sh" >>/etc/passwd
echo "teachers:x:4250:" >>/etc/group
lab=('[Network]' Mode=isolated '[Address]' Address=10.34.0.1/24)
network lab "${lab[@]}" '[Tap]' Name=tap0 User=alice '[Tap]' Name=tap1 Group=teachers '[Tap]' Name=tap2 User=$bob MultiQueue=yes
netd_start
check up wait_for 30 settled

on() { [ "$(link "$1" .master)" = "$2" ] && [ "$(link "$1" '.flags | index("UP") != null')" = true ]; }
# DEVICE OWNER: as the kernel says it.
owned() { [ "$(link "$1" '"\(.linkinfo.info_data.user // "") \(.linkinfo.info_data.group // "") \(.linkinfo.info_data.persist)"')" = "$2" ]; }
kept() { on "$1" gn-lab && owned "$1" "$2"; }
check made kept tap0 'alice  true'
check made-group kept tap1 ' teachers true'
check made-queues kept tap2 "$bob  true"
matches made-address '^fe:' "$(link tap0 .address)"
equal made-no-ipv6 '' "$(ip -6 -o addr show dev tap0)"

# hold NAME UID[:GID] ARGUMENT...: opens as that user; $held is what came of it.
hold() {
	local as=$2 name=$1
	shift 2
	rm -f "$tmp/$name.in" "$tmp/$name.out"
	mkfifo "$tmp/$name.in"
	"$launch_as" "$as" "$world/tools/tap-hold" "$@" <>"$tmp/$name.in" >"$tmp/$name.out" 2>&1 &
	holders[$name]=$!
	wait_for 20 test -s "$tmp/$name.out"
	held=$(cat "$tmp/$name.out")
}
declare -A holders=()
launch_as=$tmp/as
cat >$launch_as <<'S'
#!/bin/sh
as=$1
shift
exec setpriv --reuid="${as%:*}" --regid="${as#*:}" --clear-groups --inh-caps=-all --bounding-set=-all "$@"
S
chmod 755 $launch_as
let_go() { ended "${holders[$1]}"; }

hold a $alice:$alice tap0
equal owner-opens held "$held"
hold b $alice:$alice tap0
equal owner-opens-once EBUSY "$held"
equal port-owner $alice "$(client ports lab --json | jq -r '.[] | select(.port == "tap0") | .uid')"
let_go a
hold b $bob:$bob tap0
equal stranger-refused EPERM "$held"
hold b $bob:4250 tap1
equal member-opens held "$held"
let_go b
hold b $bob:$bob tap2
equal one-queue-refused EINVAL "$held"
hold b $bob:$bob tap2 queue
hold c $bob:$bob tap2 queue
equal several-queues held "$held"
let_go b
let_go c

# --- What others do to them, and whether it is undone --------------------------------------------
ip link set tap0 nomaster
check pulled wait_for 30 kept tap0 'alice  true'
ip link set tap0 down
check down wait_for 30 kept tap0 'alice  true'
ip link del tap0
check deleted wait_for 30 kept tap0 'alice  true'
ip link del gn-lab
check bridge-deleted wait_for 30 kept tap0 'alice  true'
check bridge-deleted-settled wait_for 30 settled
# A guest's own user takes it over or lets it go: put right when the guest is gone, and told of until then.
hold a $alice:$alice tap0 owner=$carol drop
equal taken held "$held"
busy() { [[ $(report lab problem) == *"tap0 is not as its section"* ]]; }
check taken-said wait_for 30 busy
equal taken-degraded degraded "$(state lab)"
let_go a
check taken-back wait_for 30 kept tap0 'alice  true'
check taken-settled wait_for 30 settled
# The daemon dies in between; what was done meanwhile is undone by the next one.
kill -9 $netd_pid
reap $netd_pid
ip link del tap1
ip link set tap0 nomaster down
netd_start
check restart wait_for 30 settled
check restart-pulled kept tap0 'alice  true'
check restart-deleted kept tap1 ' teachers true'

# --- The file changes -----------------------------------------------------------------------------
ifindex=$(link tap0 .ifindex)
network lab "${lab[@]}" '[Tap]' Name=tap0 User=$bob '[Tap]' Name=tap1 User=alice
netd_reload
check other-owner kept tap0 "$bob  true"
equal other-owner-same "$ifindex" "$(link tap0 .ifindex)"
check group-becomes-user kept tap1 'alice  true'
equal section-gone 0 "$(ip link show tap2 2>/dev/null | wc -l)"
# Another network's; and one that is used does not go under its guest.
network two '[Network]' Mode=isolated '[Address]' Address=10.35.0.1/24 '[Tap]' Name=tap1 User=alice
hold a $bob:$bob tap0
network lab "${lab[@]}"
netd_reload
check moved on tap1 gn-two
check in-use-stays on tap0 gn-lab
matches in-use-said 'no section .Tap. declares tap tap0 any more' "$(report lab problem)"
let_go a
gone() { ! ip link show "$1" >/dev/null 2>&1; }
check in-use-goes wait_for 30 gone tap0
client stop two
check stopped gone tap1
client start two
check started wait_for 30 on tap1 gn-two
network two
netd_reload

# --- What is wrong --------------------------------------------------------------------------------
network lab "${lab[@]}" '[Tap]' Name=tap0 User=nobodyknows '[Tap]' Name=tap1 User=alice
client reload
degraded() { [ "$(state lab)" = degraded ]; }
check unknown wait_for 30 degraded
matches unknown-text 'lab.network:5: tap tap0 is not made: there is no user nobodyknows' "$(report lab problem)"
check unknown-others wait_for 30 on tap1 gn-lab
check unknown-none gone tap0
matches unknown-check 'lab.network:5: tap tap0' "$("$BIN/guestnetd" "${roots[@]}" --check 2>&1)"
ip link add tap0 type veth peer name tap0p
echo "nobodyknows:x:4260:4260::/:/bin/sh" >>/etc/passwd
client reload
foreign() { [[ $(report lab problem) == *"interface tap0 already that is not the tap"* ]]; }
check foreign wait_for 30 foreign
equal foreign-untouched "null veth" "$(link tap0 '"\(.master) \(.linkinfo.info_kind)"')"
ip link del tap0
check foreign-gone wait_for 30 kept tap0 'nobodyknows  true'
# No device file to make them from: told, tried again, and the network goes on.
mv /dev/net/tun /dev/net/away
ip link del tap0
no_device() { [[ $(report lab problem) == *tap0*/dev/net/tun* ]]; }
check no-device wait_for 30 no_device
ip link set gn-lab down
check no-device-goes-on wait_for 30 sh -c 'ip link show gn-lab | grep -q UP'
mv /dev/net/away /dev/net/tun
check no-device-mended wait_for 60 kept tap0 'nobodyknows  true'
wrong() {	# ID REGEX LINE...
	network bad '[Network]' Mode=isolated '[Address]' Address=10.36.0.1/24 "${@:3}"
	matches "wrong-$1" "$2" "$("$BIN/guestnetd" "${roots[@]}" --check 2>&1)"
	network bad
}
wrong nobody 'bad.network:5: this .Tap. has no User= and no Group=' '[Tap]' Name=x0
wrong name 'bad.network:5: this .Tap. has no Name=' '[Tap]' User=alice
wrong long 'bad.network:6: .*Name=' '[Tap]' Name=sixteen-byteslong User=alice
wrong twice 'bad.network:8: this .Tap. has the Name= of the one in line 5' '[Tap]' Name=x0 User=alice '[Tap]' Name=x0 User=alice
wrong other 'lab.network.*Name=tap0 is that of a .Tap. of network bad' '[Tap]' Name=tap0 User=alice
wrong bridge 'gn-lab.*of network' '[Tap]' Name=gn-lab User=alice
wrong demand 'Autostart=on-demand exclude' '[Network]' Autostart=on-demand '[Tap]' Name=x0 User=alice

# --- A tap that QEMU left with script=no -----------------------------------------------------------
ip tuntap add dev lonely mode tap
ip tuntap add dev vpn0 mode tun
check stray wait_for 30 sh -c "'$BIN/guestnet' status | grep -q 'tap lonely is down and on no bridge'"
equal stray-tun '' "$(client status | grep vpn0)"
matches stray-fix 'guestnet adopt lonely lab' "$(client status)"
repaired=$(client status lab --json | jq '.[0].repairs')
check adopt client adopt lonely lab
equal adopt-no-repair "$repaired" "$(client status lab --json | jq '.[0].repairs')"
check adopted on lonely gn-lab
ip link set lonely nomaster
check adopted-kept wait_for 30 on lonely gn-lab
equal adopted-said '' "$(client status | grep lonely)"
fails() { if "$@" 2>$tmp/err; then return 1; fi; }
check adopt-again fails client adopt lonely lab
matches adopt-again-text 'a port of ours already' "$(cat $tmp/err)"
check adopt-tun fails client adopt vpn0 lab
check adopt-bridge fails client adopt gn-lab lab
client adopt nothing lab 2>$tmp/err; equal adopt-none 3 $?
matches adopt-none-text 'there is no interface nothing' "$(cat $tmp/err)"
check adopt-nowhere fails client adopt lonely nowhere
check adopt-denied fails setpriv --reuid=$alice --clear-groups "$BIN/guestnet" adopt lonely lab

nets_done
check teardown-removes gone tap0
check teardown-keeps-adopted link lonely .ifindex
