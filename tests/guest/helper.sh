#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Unmodified QEMU, started by users without privileges, gets its network from the helper: leases from a real dnsmasq,
# guests that see each other and guests that must not, users who are refused, nothing left after a kill.
suite=guest.helper
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lab.bash"
lab_enter "$@"

mac1=52:54:00:77:13:11 mac2=52:54:00:77:13:12
gateway=10.77.13.1
bridge_capture=$lab/br0.pcap

lab_bridge br0 $gateway/24 || { fail lab 'no bridge'; exit 1; }
lab_dnsmasq br0 10.77.13.20 10.77.13.90 || { fail lab 'dnsmasq does not start'; exit 1; }

# Both ways to name a helper: as an option of its own, and as a command line that goes through a shell.
netdev_bridge=bridge,id=n0,br=br0,helper=$helper
netdev_tap="tap,id=n0,helper=$helper_setuid --br=br0"

# A guest that does not come up would fail every check after it; one reason is enough.
up() {	# NAME
	if guest_ready "$1"; then return; fi
	fail "$phase-$1-boot" "$(guest_log "$1")"
	exit 1
}

both() {	# DEVICE1 DEVICE2: two guests, started side by side
	capture_start $bridge_capture br0 || { fail "$phase-capture" 'tcpdump does not start'; exit 1; }
	guest_start one 4201 "$1" $mac1 "$netdev_bridge"
	guest_start two 4202 "$2" $mac2 "$netdev_tap"
	up one
	up two
}

# What holds for each guest of each phase.
guest() {	# NAME MAC UID DRIVER
	local lease tap
	lease=$(guest_said "$1" lease | sed 's/^lease \([^ ]*\) .*/\1/')
	matches "$phase-$1-driver" "$2 $4" "$(guest_said "$1" eth0)"
	matches "$phase-$1-lease" '^10\.77\.13\.[2-9][0-9]$' "$lease"
	equal "$phase-$1-lease-dnsmasq" "$lease" "$(lab_lease "$2")"
	wait_for 10 capture_has_lease $bridge_capture "$2"
	equal "$phase-$1-lease-capture" "$lease" "$(capture_lease $bridge_capture "$2" | cut -d' ' -f1)"
	equal "$phase-$1-ping" "ping $gateway ok" "$(guest_said "$1" ping)"
	check "$phase-$1-ping-capture" wait_for 10 capture_has $bridge_capture "icmp[icmptype] == icmp-echoreply and ether dst $2"
	equal "$phase-$1-no-privileges" '' "$(guest_powerless "$1" "$3")"
	tap=$(guest_tap "$1")
	check "$phase-$1-port" grep -qx "$tap" <(lab_ports br0)
}

# The tap of the second guest is where a frame between the two would arrive. A ping of ours, sent after the guest's,
# shows that the capture has seen everything up to then.
neighbour_frames() {	# frames of guest one that reached guest two
	busybox ping -c 1 -W 5 "$address2" >/dev/null 2>&1 || { echo 'the gateway cannot reach guest two'; return; }
	wait_for 10 capture_has $tap_capture "icmp and src host $gateway and dst host $address2" || { echo 'the capture is blind'; return; }
	capture_show $tap_capture "ether src $mac1" | wc -l
}

addresses() { address1=$(lab_lease $mac1) address2=$(lab_lease $mac2); }

killed() {
	guest_kill one
	guest_kill two
	check "$phase-taps-gone" wait_for 10 no_taps
	capture_stop $bridge_capture
}

# --- Two users, each allowed by a file that only this user's group can read, as QEMU's manual proposes.
phase=shared
world_policy "include /etc/guestnet/4201.conf
include /etc/guestnet/4202.conf"
for uid in 4201 4202; do
	echo 'allow br0' >"/etc/guestnet/$uid.conf"
	chown 0:$uid "/etc/guestnet/$uid.conf"
	chmod 640 "/etc/guestnet/$uid.conf"
done

both virtio-net-pci e1000
guest one $mac1 4201 virtio_net
guest two $mac2 4202 e1000

addresses
tap_capture=$lab/two.pcap
capture_start $tap_capture "$(guest_tap two)"
check shared-neighbour guest_run one "ping -c 1 -W 5 $address2"
matches shared-neighbour-capture '^[1-9]' "$(neighbour_frames)"
capture_stop $tap_capture

# A third user, whom no file allows: QEMU must fail, say why, and leave nothing.
guest_start three 4203 virtio-net-pci 52:54:00:77:13:13 "$netdev_bridge"
if wait_for 60 guest_ended three; then
	reap "${guest_pid[three]}"
	equal refused-status 1 $?
else
	fail refused-status 'QEMU runs'
	guest_kill three
fi
matches refused-message 'access denied by acl file' "$(guest_log three)"
equal refused-no-tap 2 "$(taps | wc -l)"
check refused-others-stay guest_run one "ping -c 1 -W 5 $gateway"
killed

# --- Again with the devices exchanged, and a policy that keeps the guests apart.
phase=isolated
world_policy 'allow br0 user=4201,4202 isolated'
both e1000 virtio-net-pci
guest one $mac1 4201 e1000
guest two $mac2 4202 virtio_net

addresses
capture_start $tap_capture "$(guest_tap two)"
isolated() { bridge -d -j link show dev "$(guest_tap "$1")" | jq '.[0].isolated'; }
equal isolated-one-flag true "$(isolated one)"
equal isolated-two-flag true "$(isolated two)"
# Broadcast (the question for the address), then unicast (the answer is already known), then multicast.
check isolated-neighbour guest_run one "! ping -c 1 -W 2 $address2"
check isolated-neighbour-unicast guest_run one "arp -s $address2 $mac2 && ! ping -c 1 -W 2 $address2"
# Sending needs a link-local address that is past duplicate address detection (flags 0x80: permanent, not tentative).
address_is_ready='n=0; until grep -q "^fe80.* 80 *eth0" /proc/net/if_inet6 || [ $n = 200 ]; do usleep 50000; n=$((n + 1)); done'
guest_run one "$address_is_ready; ping6 -c 1 -W 2 -I eth0 ff02::1" >/dev/null
equal isolated-neighbour-capture 0 "$(neighbour_frames)"
check isolated-neighbour-sent wait_for 10 capture_has $bridge_capture "icmp[icmptype] == icmp-echo and ether src $mac1 and dst host $address2"
check isolated-neighbour-sent6 wait_for 10 capture_has $bridge_capture "icmp6[icmp6type] == icmp6-echo and ether src $mac1"
# The same guests on the same ports do reach each other without the flag: nothing else kept them apart.
bridge link set dev "$(guest_tap one)" isolated off
check isolated-control guest_run one "ping -c 1 -W 5 $address2"
capture_stop $tap_capture
killed
