#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# DHCPChecksum=, with real guests: a virtio card, an e1000, and the boot firmware of both (iPXE, which verifies
# checksums), by each way that this kernel has; and by none, which these need not suffer from: QEMU itself finishes what
# it copies to a virtio card, and the kernel what goes to an e1000. tests/netns/netd-checksum.sh has those who do.
suite=guest.netd-checksum
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lab.bash"
. "$(dirname "$0")/netd.bash"
netd_enter "$@"
world_policy 'allow default user=4201'

way() {	# NAME: puts it in force
	mkdir -p $netd_root/etc/networks/default.network.d
	printf '[Network]\nDHCPChecksum=%s\n' "$1" >$netd_root/etc/networks/default.network.d/way.conf
	[ -z "${netd_pid-}" ] || kill -HUP "$netd_pid"
}
in_force() { netd_settled && [ "$("$BIN/guestnet" status default --json | jq -r '.[0].checksum')" = "$1" ]; }

capture=$lab/default.pcap
way off
netd_start || { fail up "$(tail -n 5 $netd_root/log)"; exit 1; }
capture_start $capture $netd_bridge udp port 67 or udp port 68
guest_start virtio 4201 virtio-net-pci 52:54:00:77:13:41 "bridge,id=n0,br=default,helper=$helper"
guest_start e1000 4201 e1000 52:54:00:77:13:42 "bridge,id=n0,br=default,helper=$helper"
for guest in virtio e1000; do
	guest_ready $guest || { fail $guest-boot "$(guest_log $guest)"; exit 1; }
	matches off-$guest '^lease [0-9.]+ ' "$(guest_said $guest lease)"
done

# iPXE: the card's own option ROM is what the machine boots by; no kernel, no disk. It asks for an address first.
has_rom() {	# ROM
	local folder
	for folder in /usr/lib/ipxe/qemu /usr/share/ipxe/qemu /usr/share/ipxe /usr/share/qemu; do
		[ -e "$folder/$1" ] && return
	done
	return 1
}
boots=0
firmware() {	# ID DEVICE ROM
	local mac pid
	has_rom "$3" || { skip "$1" "no option ROM $3 for QEMU"; return; }
	mac=$(printf '52:54:00:77:14:%02x' $((boots += 1)))
	setpriv --reuid=4201 --regid=4201 --clear-groups qemu-system-x86_64 -M pc -accel tcg -m 64 -nodefaults -no-user-config \
		-display none -boot n -netdev "bridge,id=n0,br=default,helper=$helper" -device "$2,netdev=n0,mac=$mac" \
		</dev/null >$lab/firmware.log 2>&1 &
	pid=$!
	if wait_for 90 capture_has_lease $capture "$mac"; then pass "$1"
	else fail "$1" "no lease; $(capture_show $capture "ether host $mac" | wc -l) frames; $(tail -n 3 $lab/firmware.log)"; fi
	ended $pid
}

for name in nft tc queue; do
	way $name
	offered() { in_force $name || [ "$(netd_state)" = degraded ]; }
	wait_for 30 offered
	if ! in_force $name; then
		skip $name "$("$BIN/guestnet" status default --json | jq -r '.[0].checksum_reason')"
		continue
	fi
	pass $name
	for guest in virtio e1000; do
		check $name-$guest guest_run $guest 'udhcpc -f -n -q -i eth0 -s /bin/true -t 20 -T 1'
	done
	firmware $name-ipxe-virtio virtio-net-pci efi-virtio.rom
	firmware $name-ipxe-e1000 e1000 efi-e1000.rom
done
for guest in virtio e1000; do guest_stop $guest; done
capture_stop $capture
ended "$netd_pid"
exit 0
