#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Rules with vlan=: the port is in that VLAN and in no other, shown by the kernel's tables and by frames. In a machine of
# its own, since not every kernel has bridge VLAN filtering.
# vm-tools: send-frame.c
[ -e /etc/guestnet-vm ] || exec "$(dirname "$0")/run" "$0" "$@"
suite=vm.vlan
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../guest/lab.bash"
world_enter "$@"
lab_setup || { fail world 'the private namespaces cannot be set up'; exit 1; }
[ -x "$launch" ] || { fail launch 'launch-helper is not built'; exit 1; }

send() { "$world/tools/send-frame" "$@"; }
broadcast=ff:ff:ff:ff:ff:ff
outside=52:54:00:77:13:e0	# sends from the ports' far ends
guest=52:54:00:77:13:a1 bound=52:54:00:77:13:b1 bound2=52:54:00:77:13:b2 other=52:54:00:77:13:cc

# A port of br0 whose far end is a device of ours, captured: PORT VID FLAGS..., on top of nothing.
port() {	# NAME [VID FLAG...]...
	local name=$1
	shift
	ip link add "p$name" type veth peer name "e$name" && ip link set "p$name" master br0 && ip link set "p$name" up &&
		ip link set "e$name" up || return
	if [ $# -gt 0 ]; then bridge vlan del dev "p$name" vid 1 || return; fi
	while [ $# -gt 0 ]; do
		# shellcheck disable=SC2086 # flags are words
		bridge vlan add dev "p$name" vid $1 || return
		shift
	done
	capture_start $lab/$name "e$name"
}

# The VLANs of a port, as "10 PVID Egress Untagged", one a line.
vlans() { bridge -j vlan show dev "$1" | jq -r '.[0].vlans[] | "\(.vlan) \(.flags // [] | join(" "))"'; }

# Frames carry a text each. seen WHERE TEXT [FILTER...]: whether it came out there.
seen() { capture_show "$lab/$1" -A "${@:3}" | grep -qF "$2"; }
arrives() { check "$1" wait_for 20 seen "$2" "$3" "${@:4}"; }

# stays_out ID WHERE TEXT: not seen there. A second frame, sent after it and from where it must pass, says that the
# capture has come this far.
marks=0
stays_out() {
	local mark=mark$((marks += 1)). vid
	for vid in 1 10 20; do send et $outside $broadcast $vid $mark; done
	if ! wait_for 20 seen "$2" $mark; then fail "$1" 'the capture is blind'
	elif seen "$2" "$3"; then fail "$1" "$3 came out at $2"
	else pass "$1"; fi
}

world_bridge br0 vlan_filtering 1 && world_bridge br1 || { fail bridge 'no bridge with VLAN filtering'; exit 1; }
port 1 && port 10 '10 pvid untagged' && port 20 '20 pvid untagged' && port t 1 10 20 || { fail ports 'no ports'; exit 1; }
before=$(vlans br0)

world_policy "allow br0 user=4201 vlan=10
allow br0 user=4202 vlan=20
allow br0 user=4203 vlan=10 macs=$bound,$bound2
allow br0 user=4204 vlan=10 isolated
allow br0 user=4205
allow br0 user=4206 vlan=1
allow br0 user=4207 vlan=4094
allow br0 user=4208 macs=$bound
allow br1 vlan=10"

# --- One guest in VLAN 10.
hold one --uid 4201 $helper --br=br0
one=$reply_tap
equal granted 0, "$reply_status,$reply_stderr"
equal table '10 PVID Egress Untagged' "$(vlans "$one")"
matches alias 'vlan=10' "$(link "$one" .ifalias)"
equal bridge-untouched "$before" "$(vlans br0)"
send "${hold_pid[one]}" $guest $broadcast 0 plain.
arrives out-same 10 plain.
arrives out-trunk t plain. -e vlan 10
stays_out out-other 20 plain.
stays_out out-default 1 plain.

# What the guest tags itself goes nowhere: not into another VLAN, not into the default one.
send "${hold_pid[one]}" $guest $broadcast 20 tagged20.
send "${hold_pid[one]}" $guest $broadcast 1 tagged1.
stays_out tagged-other 20 tagged20.
stays_out tagged-default 1 tagged1.
stays_out tagged-other-trunk t tagged20.
stays_out tagged-default-trunk t tagged1.

# And the way in.
capture_start $lab/one "$one"
send e10 $outside $broadcast 0 in10.
arrives in-same one in10.
send e20 $outside $broadcast 0 in20.
stays_out in-other one in20.
send e1 $outside $broadcast 0 in1.
stays_out in-default one in1.

# --- A second user's guest in VLAN 20, on the same bridge.
hold two --uid 4202 $helper --br=br0
two=$reply_tap
equal second-table '20 PVID Egress Untagged' "$(vlans "$two")"
capture_start $lab/two "$two"
send "${hold_pid[one]}" $guest $broadcast 0 neighbour1.
stays_out second-apart two neighbour1.
send "${hold_pid[two]}" $guest $broadcast 0 neighbour2.
arrives second-out 20 neighbour2.
stays_out second-apart-back one neighbour2.
release one
release two
capture_stop $lab/one
capture_stop $lab/two

# --- With addresses: static entries in that VLAN only, and a locked port.
# Entries of a MAC address on a port, as "VLAN STATE".
entries() { bridge -j fdb show br br0 | jq -r --arg port "$1" --arg mac "$2" '.[] | select(.ifname == $port and .mac == $mac) | "\(.vlan) \(.state)"'; }
hold one --uid 4203 $helper --br=br0
one=$reply_tap
equal macs-granted 0, "$reply_status,$reply_stderr"
equal macs-table '10 PVID Egress Untagged' "$(vlans "$one")"
equal macs-entry '10 static' "$(entries "$one" $bound)"
equal macs-entry-second '10 static' "$(entries "$one" $bound2)"
equal macs-locked 'true' "$(bridge -d -j link show dev "$one" | jq '.[0].locked')"
equal macs-learning 'false' "$(bridge -d -j link show dev "$one" | jq '.[0].learning')"
capture_start $lab/one "$one"
send "${hold_pid[one]}" $bound $broadcast 0 honest.
arrives macs-out 10 honest.
send "${hold_pid[one]}" $bound2 $broadcast 0 honest2.
arrives macs-out-second 10 honest2.
stays_out macs-out-other 20 honest.
send "${hold_pid[one]}" $other $broadcast 0 spoofed.
stays_out macs-spoofed 10 spoofed.
equal macs-spoofed-not-learned '' "$(entries "$one" $other)"
send "${hold_pid[one]}" $bound $broadcast 20 spoofed20.
stays_out macs-spoofed-vlan 20 spoofed20.
send e10 $outside $bound 0 unicast.
arrives macs-in one unicast.
send e20 $outside $bound 0 unicast20.
stays_out macs-in-other one unicast20.
send e10 $outside $other 0 stranger.
stays_out macs-in-stranger one stranger.
# Another port that uses the address, in the same VLAN or not, does not get it.
send e10 $bound $broadcast 0 thief10.
send e20 $bound $broadcast 0 thief20.
equal macs-not-stolen '10 static' "$(entries "$one" $bound)"
release one
capture_stop $lab/one
equal macs-entries-gone '' "$(entries "$one" $bound)"

# --- Other rules.
hold one --uid 4204 $helper --br=br0
equal isolated '10 PVID Egress Untagged true' "$(vlans "$reply_tap") $(bridge -d -j link show dev "$reply_tap" | jq '.[0].isolated')"
release one
hold one --uid 4205 $helper --br=br0
equal none '1 PVID Egress Untagged' "$(vlans "$reply_tap")"
release one
hold one --uid 4206 $helper --br=br0
equal same-as-default '1 PVID Egress Untagged' "$(vlans "$reply_tap")"
release one
hold one --uid 4207 $helper --br=br0
equal last '4094 PVID Egress Untagged' "$(vlans "$reply_tap")"
release one

# Addresses without a VLAN, on a bridge that filters: bound in the VLAN that the port is in by default.
hold one --uid 4208 $helper --br=br0
one=$reply_tap
equal macs-only-granted 0, "$reply_status,$reply_stderr"
equal macs-only-table '1 PVID Egress Untagged' "$(vlans "$one")"
matches macs-only-entry '(^|[[:space:]])1 static' "$(entries "$one" $bound)"
send "${hold_pid[one]}" $bound $broadcast 0 default.
arrives macs-only-out 1 default.
send "${hold_pid[one]}" $other $broadcast 0 spoofed1.
stays_out macs-only-spoofed 1 spoofed1.
stays_out macs-only-out-other 10 default.
release one

# --- Bridges with another default VLAN, or none.
for default in 0 10 30; do
	ip link set br0 type bridge vlan_default_pvid $default
	hold one --uid 4201 $helper --br=br0
	equal default-$default '10 PVID Egress Untagged' "$(vlans "$reply_tap")"
	release one
done
check taps-gone wait_for 10 no_taps

# --- A bridge that does not filter is left as it is, and the guest gets nothing.
refused unfiltered 'vlan=10, but the bridge does not filter VLANs' --uid 4201 $helper --br=br1
equal unfiltered-untouched 0 "$(link br1 .linkinfo.info_data.vlan_filtering)"
