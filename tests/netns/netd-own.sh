#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks of unprivileged users' own: who makes them and how many, what they can be, who uses them, and what is left.
suite=netd-own
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
eval "tap_$(declare -f refused)"
. "$(dirname "$0")/nets.bash"
nets_setup setpriv
# Where the helper looks for the daemon, by a path that is compiled in.
run=/run/guestnet
mkdir $run && rmdir $root/run && ln -s $run $root/run
roots+=(--helper=$helper)
echo "alice:x:$alice:$alice::/:/bin/sh" >>/etc/passwd
own=$root/state/networks
install -m 755 "$BIN/guestnet" $world/tools/guestnet

as() { setpriv --reuid="$1" --regid="$1" --clear-groups timeout 60 $world/tools/guestnet "${@:2}"; }
# says ID STATUS REGEX UID ARGUMENT...: what the client says to this user, and how it ends.
says() {
	local id=$1 want=$2 regex=$3 out status
	out=$(as "${@:4}" 2>&1)
	status=$?
	if ! [[ $status =~ ^$want$ ]]; then fail "$id" "status $status, not $want: $out"; else matches "$id" "$regex" "$out"; fi
}
defines() { says "$1" "$2" "$3" "$4" define - "$5" <<<"$6"; }	# ID STATUS REGEX UID NETWORK TEXT
there() { client list --names | grep -c "^$1\." ; }
lab_is() { [ "$(report $alice.lab state)" = "$1" ]; }

# --- Nobody may whom no rule names ----------------------------------------------------------------
world_policy 'allow all'
netd_start
says no-rule 4 "uid $alice may have no networks of its own: no rule .own. is for it .*/etc/guestnet/bridge.conf the line: own networks=1 user=$alice" $alice create lab
equal no-rule-nothing 0 "$(there $alice)"
equal no-rule-no-file '' "$(ls $own 2>/dev/null)"
world_policy 'own user=alice
deny all user=alice'
says denied 4 "uid $alice may have no networks of its own: /etc/guestnet/bridge.conf:2 denies it" $alice create lab
world_policy 'own user=alice oops'
says broken-policy 4 'bridge.conf:1: unknown word "oops"' $alice create lab

# --- A user makes one, and it is a network --------------------------------------------------------
world_policy "allow all
own networks=2 max=1 user=alice"
says created 0 "$alice.lab is yours: -netdev bridge,br=$alice.lab" $alice create lab
check running wait_for 30 lab_is running
check settled wait_for 30 settled
equal file-of-the-daemon '0 644' "$(stat -c '%u %a' "$own/$alice.lab.network")"
matches listed "$alice.lab +running +nat +gn-$alice.lab .* alice" "$(as $bob list)"
equal owner "$alice" "$(report $alice.lab owner)"
matches owner-shown 'owner +alice' "$(client status $alice.lab)"
matches addresses '10\.[0-9.]+/24 fd[0-9a-f:]+/64' "$(report $alice.lab addresses)"
says twice 1 "$alice.lab is there already" $alice create lab
says create-file 2 'net.xml: what is the network to be called\? The file is' $alice create net.xml
says create-empty 2 '"" cannot be the name of a network' $alice create ''
equal create-file-nothing 1 "$(there $alice)"
bridge=gn-$alice.lab
dhcp_guest
serve internet 7777
plug
# Asks for a router anew, and is heard now.
ip -n guest link set eth0 down
ip -n guest link set eth0 up
check lease lease
equal way-out 198.51.100.2 "$(seen guest 198.51.100.1 7777)"
slaac() { ip -n guest -6 route show default proto ra | grep -q fe80 && ip -n guest -6 -o addr show dev eth0 scope global -tentative | grep -q fd; }
check slaac wait_for 30 slaac
equal way-out-6 2001:db8:51::2 "$(seen guest 2001:db8:51::1 7777)"
matches leases 52:54:00:13:00:01 "$(as $alice leases $alice.lab)"
says policy-why 0 'may.* use 4201.lab.*bridge.conf:2' $alice policy why $alice.lab
says policy-why-other 4 "none can allow it: it is uid $alice's own network" $bob policy why $alice.lab
says policy-list 0 'may have 2 networks of their own: .*bridge.conf:2' $alice policy list

# --- Its owner uses it, and nobody else -----------------------------------------------------------
granted attach --uid $alice $helper --br=$alice.lab
granted attach-by-bridge --uid $alice $helper --br=gn-$alice.lab
launch --uid $alice $helper_plain --br=$alice.lab
equal attach-by-daemon '0 true' "$reply_status $reply_fd"
check attach-by-daemon-gone wait_for 20 no_taps
hold tap --uid $alice $helper --br=$alice.lab
equal port "gn-$alice.lab" "$(link "$reply_tap" .master)"
launch --uid $alice $helper --br=$alice.lab
matches port-quota 'has all the 1 tap on .* that /etc/guestnet/bridge.conf:2 allows' "$reply_stderr"
release tap
for way in $helper $helper_plain; do
	tap_refused "stranger-${way%/*}" "uid $bob may not use bridge .$alice.lab.: it is uid $alice's own network, which no rule lets anybody else use" --uid $bob $way --br=$alice.lab
done
granted root-attaches $helper --br=$alice.lab
for verb in start stop restart undefine; do
	says "stranger-$verb" 4 "network $alice.lab is uid $alice's own: uid $bob may not call ${verb^} .action org.guestnet1.(manage|define).," $bob $verb $alice.lab
done
defines stranger-define 4 "network $alice.lab is uid $alice's own: uid $bob may not" $bob $alice.lab '[Network]'
says stranger-autostart 4 "network $alice.lab is uid $alice's own" $bob autostart $alice.lab
defines stranger-foreign 4 'root and members of the group guestnet may' $bob lab '[Network]'
says owner-autostart 4 "uid $alice may not call SetAutostart .action org.guestnet1.define.: root and members of the group guestnet may" $alice autostart lab
says owner-short 4 "root and members of the group guestnet may, and its own network is called $alice.lab" $alice stop lab
defines owner-everybodys 4 'root and members of the group guestnet may' $alice lab '[Network]'
equal stranger-nothing "$alice.lab" "$(client list --names)"
check stranger-as-it-was lab_is running

# --- It is changed while a guest is on it ---------------------------------------------------------
check way-before reaches guest 198.51.100.1 7777
ifindex=$(link $bridge .ifindex)
defines changed 0 '' $alice $alice.lab $'[Network]\nMode=isolated\n[Port]\nRAGuard=yes'
check changed-settled wait_for 30 settled
equal changed-same "$ifindex $bridge" "$(link $bridge .ifindex) $(link port0 .master)"
equal changed-mode isolated "$(report $alice.lab mode)"
check changed-no-way refused guest 198.51.100.1 7777
check changed-no-way-6 refused guest 2001:db8:51::1 7777
check changed-lease lease
cat >$tmp/editor <<-'S'
	#!/bin/sh
	sed -i s/isolated/nat/ "$1"
S
chmod 755 $tmp/editor
EDITOR=$tmp/editor says edited 0 "$alice.lab.network is changed, and in force" $alice edit $alice.lab
check edited-settled wait_for 30 settled
check edited-lease lease
check edited-way wait_for 30 reaches guest 198.51.100.1 7777
# What a user may not say changes nothing.
before=$(cat "$own/$alice.lab.network")
for text in Uplink=up0 Bridge=gn-other AlternativeName=default Peer=default NATAddress=198.51.100.2 Mode=route HostAccess=all ForwardGuard=yes; do
	defines "refused-${text%%=*}" 1 "standard input:2: $text: .*a user's own network" $alice $alice.lab $'[Network]\n'"$text"
done
for text in 'Address]/Address=198.51.100.7/24' 'DNS]/Domain=example.com' 'DNS]/Forwarder=198.51.100.9' 'Boot]/TFTPRoot=/etc' 'Tap]/Name=tap0' \
	'Route]/Destination=0.0.0.0/0'; do
	defines "refused-${text%%]*}" 1 "standard input:2: ${text#*/}: .*a user's own network" $alice $alice.lab "[${text/\//$'\n'}"
done
defines refused-long 1 'longer than 4096 bytes' $alice $alice.lab "$(printf '#%4096d' 0)"
for name in ../lab ../../lab lab/x '' a.b.network~ 12345678; do
	defines "refused-name-$name" '[1-4]' . $alice "$alice.$name" '[Network]'
done
defines refused-terminal 1 "standard input:2: a control character" $alice $alice.lab $'[Network]\n# \e[2J'
# What stands behind the number is no name, and no line of the log.
says refused-forged '[1-4]' . $bob stop $bob.x$'\nguestnetd: forged'
matches refused-forged-log "Stop to network $bob.x.x0aguestnetd: forged" "$(cat $root/log)"
equal refused-forged-line '' "$(grep '^guestnetd: forged' $root/log)"
equal refused-nothing "$before" "$(cat "$own/$alice.lab.network")"
equal refused-no-file "$alice.lab.network $alice.lab.network~" "$(ls $own | tr '\n' ' ' | sed 's/ $//')"

# --- As many as the rule says ---------------------------------------------------------------------
says second 0 'is yours' $alice create two
says third 4 "uid $alice has all the 2 networks of its own that /etc/guestnet/bridge.conf:2 allows .$alice.lab, $alice.two.: guestnet undefine removes one" $alice create three
equal third-nothing 2 "$(there $alice)"
defines third-change 0 '' $alice $alice.two $'[Network]\nAutostart=no'
says removed 0 '' $alice undefine $alice.two
says another 0 'is yours' $alice create three
says another-removed 0 '' $alice undefine $alice.three
world_policy "allow all
own networks=2 max=1 user=alice
own networks=3 user=$carol"
pids=()
for ((i = 0; i < 64; i++)); do
	as $carol create n$i >"$tmp/create.$i" 2>&1 &
	pids+=($!)
done
reap "${pids[@]}"
equal parallel 3 "$(there $carol)"
equal parallel-files 3 "$(ls $own/$carol.*.network | wc -l)"
equal parallel-told '3 61' "$(grep -l 'is yours' $tmp/create.* | wc -l) $(grep -l 'has all the 3 networks of its own that .*:3 allows' $tmp/create.* | wc -l)"
check parallel-settled wait_for 60 settled

says nobody 4 'you are uid 65534 here, which stands for everybody who has no uid where guestnetd runs' 65534 create x
# What a user is in user namespaces is somebody in the policy's eyes, and there are thousands of them.
world_policy "allow all
own networks=3"
echo "carol:100000:65536" >>/etc/subuid
says subordinate 4 'uid 101000 may have no networks of its own: it is one that a user has in user namespaces' 101000 create x
says subordinate-first 4 'uid 100000 may have no' 100000 create x
says subordinate-last 4 'uid 165535 may have no' 165535 create x
says not-subordinate 0 'is yours' 165536 create x
check not-subordinate-removed client undefine 165536.x

# --- A daemon dies, the machine starts anew -------------------------------------------------------
netd_kill
netd_start
check again wait_for 60 settled
equal again-all 4 "$(client list --names | wc -l)"
check again-way reaches guest 198.51.100.1 7777
says again-quota 4 'has all the 3 networks' $carol create more
addresses=$(report $alice.lab addresses)
netd_stop
"$BIN/guestnetd" "${roots[@]}" --teardown
rm -rf ${run:?}/*
netd_start
check reboot wait_for 60 settled
equal reboot-all 4 "$(client list --names | wc -l)"
equal reboot-addresses "$addresses" "$(report $alice.lab addresses)"
plug
check reboot-lease lease
check reboot-way wait_for 30 reaches guest 198.51.100.1 7777

# --- It makes way for the host's routes, whoever is on it ------------------------------------------
hold tap --uid $alice $helper --br=$alice.lab
before=$(report $alice.lab addresses)
v4=$(sed 's,\.[0-9]*/.*,.0/24,' <<<"$before")
ip link add vpn0 type veth peer name vpn1
ip link set vpn1 up
ip link set vpn0 up
ip route add "$v4" dev vpn0 metric 5
moved() { [ "$(report $alice.lab addresses | cut -d' ' -f1)" != "${before%% *}" ]; }
check makes-way wait_for 30 moved
check makes-way-settled wait_for 30 settled
equal makes-way-route vpn0 "$(ip -j route get "${v4%.0/24}.77" | jq -r '.[0].dev')"
equal makes-way-stays "gn-$alice.lab" "$(link "$reply_tap" .master)"
release tap
ip link del vpn0
plug
check makes-way-lease lease
check makes-way-flow wait_for 30 reaches guest 198.51.100.1 7777

# --- On demand, for its owner alone ---------------------------------------------------------------
defines on-demand 0 '' $alice $alice.lab $'[Network]\nAutostart=on-demand\nIdleTimeout=1s'
says on-demand-stopped 0 '' $alice stop $alice.lab
check down lab_is stopped
tap_refused demand-stranger "it is uid $alice's own network" --uid $bob $helper_plain --br=$alice.lab
tap_refused demand-stranger-direct "it is uid $alice's own network" --uid $bob $helper --br=$alice.lab
check demand-still-down lab_is stopped
says policy-why-down 3 'may.* use 4201.lab.*bridge.conf:2' $alice policy why $alice.lab
hold tap --uid $alice $helper_plain --br=$alice.lab
equal demand "0 gn-$alice.lab" "$reply_status $(link "$reply_tap" .master)"
release tap

# --- The rule goes; what is there can be taken away, and nothing else -----------------------------
defines always 0 '' $alice $alice.lab '[Network]'
world_policy 'allow all'
tap_refused gone-attach "it is a network of your own, and no rule .own. is for you" --uid $alice $helper --br=$alice.lab
says gone-start 4 "uid $alice may have no networks of its own" $alice start $alice.lab
defines gone-define 4 "uid $alice may have no networks of its own" $alice $alice.lab '[Network]'
says gone-stop 0 '' $alice stop $alice.lab
says gone-undefine 0 '' $alice undefine $alice.lab
equal gone-left '' "$(find $root/state $run -name "*$alice.lab*")"
check gone-bridge wait_for 30 sh -c "! ip link show $bridge 2>/dev/null"

# --- What an administrator says of them -----------------------------------------------------------
world_policy 'own networks=2 user=alice'
mkdir $root/etc/networks/$alice.lab.network.d
printf '[Network]\nDenyOut=198.51.100.1 tcp:7777\n' >$root/etc/networks/$alice.lab.network.d/no.conf
says dropin-created 0 'is yours' $alice create lab
check dropin-settled wait_for 30 settled
plug
check dropin-lease lease
check dropin-holds refused guest 198.51.100.1 7777
says dropin-undefine 0 '' $alice undefine $alice.lab
says dropin-again 0 'is yours' $alice create lab
check dropin-again-settled wait_for 30 settled
check dropin-still refused guest 198.51.100.1 7777
rm -r $root/etc/networks/$alice.lab.network.d
# A file elsewhere has no such name, and hides nothing that would be everybody's then.
printf '[Network]\n' >$root/etc/networks/$bob.x.network
client reload >$tmp/reload 2>&1
matches name-taken "$bob.x.network: a number and a dot in front are for networks of users' own" "$(cat $tmp/reload)"
rm $root/etc/networks/$bob.x.network
client reload
check removed-by-root client undefine $alice.lab
equal removed-all 0 "$(there $alice)"
nets_done
