#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The helper against time and against its own users: quotas under parallel starts, restrictions while a neighbour
# floods, bridges that go away or change names under it, and holders who do what they can with a tap.
# Everything is counted by tests/tools/storm, which listens to the kernel by itself.
suite=helper-race
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || { fail world 'the private namespaces cannot be set up'; exit 1; }
need all ip bridge || exit 0
if [ -n "${HELPER_MODE-}" ]; then helper=$helper_setuid; fi	# HELPER_MODE=setuid: the other way of being privileged

# One storm for all: ask COMMAND... sets $answer.
coproc STORM { exec "$world/tools/storm" --uid $alice "$helper" br0 2>"$tmp/storm.log"; }
ask() {
	echo "$*" >&"${STORM[1]}" && read -rt 180 -u "${STORM[0]}" answer || {
		fail storm "no answer to '$*': $(cat "$tmp/storm.log")"
		exit 1
	}
}
is() {	# ID WANT COMMAND...
	local id=$1 want=$2
	shift 2
	ask "$@"
	equal "$id" "$want" "$answer"
}
# like ID REGEX COMMAND...: with the seed, so that a failure can be repeated.
like() {
	local id=$1 want=$2
	shift 2
	ask "$@"
	matches "$id" "$want" "$answer"
}
tap_of() { taps | grep "^gn$1_" | head -n 1; }
delete_taps() { for tap in $(taps); do ip link delete "$tap"; done; }

# --- Quota

world_bridge br0
ip link property add dev br0 altname other
world_policy 'allow br0 max=8'
wrong=
for round in {1..10}; do
	ask close all
	ask start 64
	[ "$answer" = 'got 8 refused 56 failed 0 stopped 0' ] || wrong+=" $answer;"
	ask count
	[ "$answer" = 'taps 8 ports 8 slots 8 most 1' ] || wrong+=" $answer;"
done
equal parallel '' "$wrong"
ask events
is refused 'got 0 refused 40 failed 0 stopped 0' start 40
like refused-no-device '^made 0 gone 0 ports 0 ' events
ask close 3
is one-more 'got 1 refused 63 failed 0 stopped 0' start 64
is one-more-kernel 'taps 8 ports 8 slots 8 most 1' count
ask bridge other
is other-name 'got 0 refused 8 failed 0 stopped 0' start 8
ask bridge br0
is second-user-before 'uid 4202' uid $bob
is second-user 'got 8 refused 56 failed 0 stopped 0' start 64
ask uid $alice
is first-user-after 'got 0 refused 8 failed 0 stopped 0' start 8
ask close all

# What holders do with their fds
ask start 64
ask dup
ask close 0
is dup-counts 'got 0 refused 16 failed 0 stopped 0' start 16
ask undup
is dup-closed 'got 1 refused 15 failed 0 stopped 0' start 16
ip link set "$(tap_of $alice)" nomaster
is pulled-off 'got 0 refused 16 failed 0 stopped 0' start 16
is pulled-off-kernel 'taps 8 ports 7 slots 8 most 1' count
ask persist 1
ask persist 0
ask close 0
is persist-unset 'got 1 refused 15 failed 0 stopped 0' start 16
ask persist 1
ask close all
is persist-counts 'got 0 refused 16 failed 0 stopped 0' start 16
like persist-kernel '^taps 8 ports [78] slots 8 most 1$' count
delete_taps
is persist-deleted 'got 8 refused 8 failed 0 stopped 0' start 16
ask close all
is quota-nothing-left 'taps 0 ports 0 slots 0 most 0' count

# Helpers that stand still somewhere: a slot they have counts, one they have not is somebody else's. In some rounds
# one must have stood still with a slot, or nothing was tested.
held_by_stopped=0 wrong=
for round in {1..48}; do
	[ $round -le 12 ] || [ $held_by_stopped = 0 ] || break
	ask stop 24 8
	[[ $answer =~ ^got\ ([0-9]+)\ refused\ [0-9]+\ failed\ 0\ stopped\ [0-9]+$ ]] || wrong+=" $answer;"
	got=${BASH_REMATCH[1]-0}
	ask count
	[[ $answer =~ ^taps\ ([0-9]+)\ ports\ [0-9]+\ slots\ 8\ most\ 1$ ]] || wrong+=" $answer;"
	if [ "$got" -lt 8 ]; then held_by_stopped=$((held_by_stopped + 1)); fi
	if [ $((round % 2)) = 0 ]; then
		ask resume
		[[ $answer =~ ^got\ ([0-9]+)\ refused\ [0-9]+\ failed\ 0\ stopped\ 0$ ]] || wrong+=" $answer;"
		got=$((got + BASH_REMATCH[1]))
		ask count
		[ "$got $answer" = '8 taps 8 ports 8 slots 8 most 1' ] || wrong+=" after resume: $got $answer;"
	else
		ask kill
		ask count
		[ "$answer" = "taps $got ports $got slots $got most $((got > 0))" ] || wrong+=" after kill: $got $answer;"
		ask start 16
		[[ $answer == "got $((8 - got)) refused $((8 + got)) "* ]] || wrong+=" start after kill: $answer;"
	fi
	ask close all
done
equal stopped '' "$wrong${wrong:+ ($(tail -n 1 "$tmp/storm.log"))}"
matches stopped-with-slot '^[1-9]' $held_by_stopped

world_policy 'allow br0'
is default 'got 64 refused 16 failed 0 stopped 0' start 80
ask close all
is default-nothing-left 'taps 0 ports 0 slots 0 most 0' count
like events-complete '^made [0-9]+ gone [0-9]+ ports [0-9]+ bad 0$' events

# --- Restrictions while a neighbour floods

neighbour=52:54:00:0b:ad:01
own=52:54:00:00:00:21
ip link add n0 type veth peer name n1
ip link set n1 master br0
ip link set n1 up
ip link set n0 up

flooded() {	# ID TIMES POLICY OWN EXPECT REGEX: a flood by veth, then one by a tap of another user
	local id=$1 times=$2 policy=$3 own_mac=$4 option=$5 regex=$6 kind
	world_policy "$policy"
	for kind in if tap; do
		ask expect none
		if [ $kind = tap ]; then
			ask uid $bob
			is "$id-tap-neighbour" 'got 1 refused 0 failed 0 stopped 0' start 1
			ask uid $alice
			ask flood tap 0 $neighbour $own
		else
			ask flood if n0 $neighbour $own
		fi
		ask events
		ask expect "$option"
		like "$id-$kind" "$regex" attach "$times" $neighbour "$own_mac"
		ask unflood
		# Each tap is seen up on the bridge, and never without its restrictions.
		ask events
		matches "$id-$kind-events" "^made $times gone $times ports ([0-9]+) bad 0$" "$answer"
		[[ $answer =~ ports\ ([0-9]+) ]]
		check "$id-$kind-ports" [ "${BASH_REMATCH[1]-0}" -ge "$times" ]
		ask close all
	done
}
bridge link set dev n1 isolated on
flooded isolated 100 'allow br0 isolated' - isolated \
	'^got 100 failed 0 wrong 0; everybody 0 group 0 own 0 nobody 0; '
bridge link set dev n1 isolated off
# Frames to everybody and to its own address are its own to read; what it sends gets through from its own address only.
flooded macs 100 "allow br0 user=$alice macs=$own
allow br0 user=$bob" $own locked \
	'^got 100 failed 0 wrong 0; everybody [1-9][0-9]* group [0-9]+ own [1-9][0-9]* nobody 0; source own 100 foreign 0$'
# Without restrictions all of it can be read, and any source gets through: the two above saw what there was to see.
flooded free 3 'allow br0' $own none \
	'^got 3 failed 0 wrong 0; everybody [1-9][0-9]* group [1-9][0-9]* own [1-9][0-9]* nobody [1-9][0-9]*; source own 3 foreign 60$'

# A neighbour that uses the address itself keeps nobody from it.
world_policy "allow br0 macs=$own"
ask expect none
ask flood if n0 $own $own
ask expect locked
like macs-taken '^got 100 failed 0 wrong 0; .* source own 100 foreign 0$' attach 100 $neighbour $own
ask unflood
ask expect none
ask close all
ip link delete n0
is flood-nothing-left 'taps 0 ports 0 slots 0 most 0' count

# --- Bridges that come, go and change names

index() { cat "/sys/class/net/$1/ifindex"; }
words() { tr ' ' '\n' | grep -E '^[0-9]+$' | sort; }
masters() { ask masters; [[ $answer == *lost* ]] && fail "$1" "$answer"; words <<<"$answer" >"$tmp/masters"; }

# Deleted and made again: a port is never on a bridge that had not the name. "bad" is there all the time.
world_policy 'allow good max=100'
ip link add bad type bridge
ask bridge good
ask masters
while :; do
	# Deleting takes the kernel long: the bridge stays for about as long, or hardly a helper ever meets it.
	printf '%s\n' 'link add good type bridge'
	printf 'link set good up\n%.0s' {1..300}
	printf '%s\n' 'link delete good'
done | ip -force -batch - >/dev/null 2>&1 &
churn_pid=$!
for round in {1..8}; do
	ask churn 400 16
	[[ $answer != 'got 0 '* && $answer != *' failed 0 '* ]] && break
done
matches recreate '^got [1-9][0-9]* refused 0 failed [1-9][0-9]* stopped 0: failed to ' "$answer"
ended $churn_pid
ip link delete good 2>/dev/null
masters recreate-masters
ask named good
check recreate-some test -s "$tmp/masters"
equal recreate-only-good '' "$(comm -23 "$tmp/masters" <(words <<<"$answer") | tr '\n' ' ')"
is recreate-nothing-left 'taps 0 ports 0 slots 0 most 0' count

# Two bridges exchange the name asked for. What is allowed, and how, follows the bridge: it has another name that stays.
world_policy 'allow granted max=100 isolated
allow good
deny refused'
ip link add good type bridge
ip link property add dev good altname granted
ip link property add dev bad altname refused
granted=$(index good) refused=$(index bad)
ask expect isolated
ask events
while :; do
	printf '%s\n' 'link set granted name spare' 'link set refused name good' 'link set refused name spare2' 'link set granted name good'
done | ip -force -batch - >/dev/null 2>&1 &
churn_pid=$!
for round in {1..8}; do
	ask churn 400 16
	[[ $answer != 'got 0 '* && $answer != *' failed 0 '* ]] && break
done
matches exchange '^got [1-9][0-9]* refused 0 failed [1-9][0-9]* stopped 0: ' "$answer"
ended $churn_pid
masters exchange-masters
equal exchange-master "$granted" "$(cat "$tmp/masters")"
check exchange-both-exist test "$granted" != "$refused"
like exchange-options '^made .* ports [1-9][0-9]* bad 0$' events
is exchange-nothing-left 'taps 0 ports 0 slots 0 most 0' count
ask expect none
ip link delete granted
ip link delete refused

# --- The address of a bridge

# The holder of a tap may change the tap's address, and a bridge that nobody pinned follows it.
address() { cat "/sys/class/net/$1/address"; }
ip link add loose type bridge
ip link set loose up
world_policy 'allow all'
for bridge in br0 loose; do
	ask bridge $bridge
	is address-$bridge-tap 'got 1 refused 0 failed 0 stopped 0' start 1
	before=$(address $bridge)
	like address-$bridge-abuse '^address ok,' abuse 0
	[ $bridge = loose ] || equal address-pinned "$before" "$(address $bridge)"
	[ $bridge != loose ] || equal address-loose-follows 00:00:00:00:00:02 "$(address $bridge)"
	ask close all
	[ $bridge = loose ] || equal address-pinned-after "$before" "$(address $bridge)"
done
is nothing-left 'taps 0 ports 0 slots 0 most 0' count
