#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Booting from the network over IPv6: UEFI (OVMF) fetches a program by TFTP from us, starts it, and then another one by HTTP
# from behind us; iPXE, on a network that has IPv6 alone and no Range=, a script and a file of 400 kB. What each kind of
# client is told is in netns/netd-dhcp6.

suite=netd-boot6
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netns/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/../netns/nets.bash"
nets_setup qemu-system-x86_64

# A program for UEFI, 400 kB of it: says TEXT (letters and blanks) on the console, and that it failed, so that the firmware goes
# on with its next way to boot.
le() {	# SIZE NUMBER...: as they are in memory, the lowest byte first
	local size=$1 n i
	shift
	for n; do for ((i = 0; i < size; i++)); do printf "\\x$(printf %02x $((n >> 8 * i & 255)))"; done; done
}
program() {	# TEXT
	local i
	printf MZ
	head -c 58 /dev/zero
	le 4 64
	# The file's header, the optional one with an image of three pages, six empty directories; one section.
	printf 'PE\0\0'
	le 2 0x8664 1; le 4 0 0 0; le 2 0xa0 0x22
	le 2 0x20b 0; le 4 0x1000 0 0 0x1000 0x1000; le 8 0; le 4 0x1000 0x200; le 2 0 0 0 0 0 0; le 4 0 0x3000 0x200 0; le 2 10 0
	le 8 0 0 0 0; le 4 0 6; le 8 0 0 0 0 0 0
	printf '.text\0\0\0'
	le 4 0x1000 0x1000 0x1000 0x200 0 0; le 2 0 0; le 4 0x60000020
	head -c $((0x200 - 64 - 24 - 0xa0 - 40)) /dev/zero
	# ConOut->OutputString(ConOut, text); return EFI_ABORTED; from 0x28 on the text.
	printf '\x48\x83\xec\x28\x48\x8b\x4a\x40\x48\x8d\x15\x19\0\0\0\xff\x51\x08\x48\x83\xc4\x28\x48\xb8\x15\0\0\0\0\0\0\x80\xc3\0\0\0\0\0\0\0'
	for ((i = 0; i < ${#1}; i++)); do printf '%s\0' "${1:i:1}"; done
	printf '\r\0\n\0\0\0'
	head -c 400000 /dev/zero
}

tftp=$world/tftp
mkdir -p $tftp/efi $world/web
chmod 755 $world
program 'this came by TFTP' >$tftp/efi/tftp.efi
program 'this came by HTTP' >$world/web/http.efi
dd if=/dev/urandom of=$tftp/big bs=1000 count=400 2>/dev/null
printf '#!ipxe\nimgfetch tftp://[fd96::1]/big\nimgstat\nshell\n' >$tftp/boot.ipxe
touch $tftp/{pxelinux.0,other.0}
in_ns internet busybox httpd -p '[2001:db8:51::1]:8080' -h $world/web || exit 1
network boot '[Address]' Address=10.95.1.1/24 Address=fd95::1/64 '[DHCP]' Range=fd95::100-fd95::1ff '[Boot]' TFTPRoot=$tftp \
	File=other.0 File=bios:pxelinux.0 File=uefi-x86_64:efi/tftp.efi File=http-x86_64:http://[2001:db8:51::1]:8080/http.efi
network ipxe '[Address]' Address=fd96::1/64 '[Boot]' TFTPRoot=$tftp File=bios:pxelinux.0 File=ipxe:boot.ipxe
netd_start
check up wait_for 30 settled

# What they say on their serial lines.
said() { tr -d '\r' <$root/serial-"$1" | sed 's/\x1b\[[0-9;]*[a-zA-Z]//g'; }
says() { said "$1" | grep -q "$2"; }
boot() {	# NETWORK OPTION...: a guest without a disk, in the background as $pid; its firmware asks the network
	ip tuntap add "tap-$1" mode tap
	ip link set "tap-$1" master "gn-$1" up
	: >$root/serial-"$1"
	qemu-system-x86_64 -display none -serial file:$root/serial-"$1" -monitor none -no-user-config -nodefaults \
		-netdev tap,id=n0,ifname=tap-"$1",script=no,downscript=no "${@:2}" >$root/qemu-"$1".log 2>&1 </dev/null &
	pid=$!
}
hears() {	# ID NETWORK TEXT
	if wait_for 120 says "$2" "$3"; then
		pass "$1"
	else
		fail "$1" "$(tail -n 3 $root/qemu-"$2".log | tr '\n' ' ') $(said "$2" | grep -v '^ *$' | tail -n 5 | tr '\n' ' '); QEMU: $(pgrep -fc "ifname=tap-$2")"
	fi
}

boot ipxe -machine pc,accel=tcg,graphics=off -m 128 -boot n -device virtio-net-pci,netdev=n0,mac=52:54:00:96:00:01
ipxe=$pid
for code in /usr/share/OVMF/OVMF_CODE{_4M,}.fd /usr/share/edk2/ovmf/OVMF_CODE.fd; do [ ! -r $code ] || break; done
if [ -r $code ]; then
	# It remembers where it booted from; without random numbers it has no network. Without PXE over IPv4 it is there in 10 s. It
	# waits 5 s for a web server and no longer, which a busy machine may take: then it ends in its shell, and is started anew.
	for attempt in 1 2 3; do
		cp ${code/CODE/VARS} $root/vars
		boot boot -machine q35,accel=tcg,graphics=off -m 256 -drive if=pflash,format=raw,readonly=on,file=$code \
			-drive if=pflash,format=raw,file=$root/vars -fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=n -device virtio-rng-pci \
			-device virtio-net-pci,netdev=n0,mac=52:54:00:95:00:01,romfile=,bootindex=1
		uefi=$pid
		wait_for 120 says boot 'this came by HTTP\|Shell>'
		[ $attempt -lt 3 ] && says boot 'Shell>' || break
		ended $uefi
		ip link del tap-boot
	done
	hears uefi-tftp boot 'this came by TFTP'
	matches uefi-tftp-file 'NBP filename is efi/tftp.efi' "$(said boot)"
	matches uefi-tftp-address 'Station IP address is FD95:0:0:0:0:0:0:1' "$(said boot)"
	hears uefi-http boot 'this came by HTTP'
	matches uefi-http-address 'Station IPv6 address is FD95:0:0:0:0:0:0:1' "$(said boot)"
	ended $uefi
else
	skip uefi-tftp 'not installed: the firmware (package ovmf)'
fi
hears ipxe-script ipxe 'boot.ipxe : [0-9]* bytes \[script\]'
hears ipxe-file ipxe 'big : 400000 bytes'
# It has made its address by itself.
matches ipxe-address 'fd96::5054:ff:fe96:1/64' "$(said ipxe)"
ended $ipxe
nets_done
