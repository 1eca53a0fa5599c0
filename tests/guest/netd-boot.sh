#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Booting from the network: each kind of client is told its file; SeaBIOS with QEMU's iPXE, on virtio and on e1000, fetches
# a script and a file of 400 kB by TFTP from us, and on Mode=bridge from somebody else's server.

suite=netd-boot
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netns/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/../netns/nets.bash"
nets_setup

tftp=$world/tftp
mkdir -p $tftp/efi
dd if=/dev/urandom of=$tftp/big bs=1000 count=400 2>/dev/null
printf '#!ipxe\nimgfetch tftp://${next-server}/big\nimgstat\nshell\n' >$tftp/boot.ipxe
for file in pxelinux.0 efi/grubx64.efi efi/grubaa64.efi other.0; do echo "$file" >$tftp/$file; done
chmod 755 $world
boot=('[Address]' Address=10.95.1.1/24 Address=fd95::1/64 '[Boot]' TFTPRoot=$tftp File=other.0 File=bios:pxelinux.0
	File=uefi-x86_64:efi/grubx64.efi File=uefi-arm64:efi/grubaa64.efi File=http-x86_64:http://10.95.1.1/x.efi
	File=http-arm64:http://10.95.1.1/a.efi File=ipxe:boot.ipxe)
network boot "${boot[@]}"
netd_start
check up wait_for 30 settled
guest g gn-boot - -
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
echo "file=$boot_file server=$siaddr" >$LEASE
S
chmod 755 $root/udhcpc
told() {	# OPTION...: what a client is told that says these of itself
	rm -f $root/lease
	LEASE=$root/lease timeout 60 ip netns exec g busybox udhcpc -i eth0 -f -q -n -t 40 -T 1 -A 1 -s $root/udhcpc "$@" >/dev/null 2>&1
	cat $root/lease 2>/dev/null
}
equal any 'file=other.0 server=10.95.1.1' "$(told)"
equal bios 'file=pxelinux.0 server=10.95.1.1' "$(told -x 0x5d:0000)"
equal uefi 'file=efi/grubx64.efi server=10.95.1.1' "$(told -x 0x5d:0007)"
equal uefi-9 'file=efi/grubx64.efi server=10.95.1.1' "$(told -x 0x5d:0009)"
equal uefi-arm64 'file=efi/grubaa64.efi server=10.95.1.1' "$(told -x 0x5d:000b)"
equal http 'file=http://10.95.1.1/x.efi server=10.95.1.1' "$(told -x 0x5d:0010)"
equal http-arm64 'file=http://10.95.1.1/a.efi server=10.95.1.1' "$(told -x 0x5d:0013)"
equal ipxe 'file=boot.ipxe server=10.95.1.1' "$(told -x 0x5d:0000 -x 0xaf:00)"
fetch() { ip netns exec g timeout 30 busybox tftp -g -r "$1" -l $root/got 10.95.1.1 && cmp -s $root/got $tftp/"$1"; }
check tftp fetch big
# What is not there, or cannot be read, is told when the file is read; leases are given out all the same.
degraded() { [ "$(state boot)" = degraded ]; }
chmod 600 $tftp/pxelinux.0
client reload >/dev/null
check unreadable wait_for 30 degraded
matches unreadable-text 'File=: .*pxelinux.0: the user of dnsmasq' "$(report boot problem)"
rm $tftp/pxelinux.0
client reload >/dev/null
missing() { [[ $(report boot problem) == *pxelinux.0:\ No\ such\ file* ]]; }
check missing wait_for 30 missing
matches missing-lease 'server=10.95.1.1' "$(told)"
echo pxelinux.0 >$tftp/pxelinux.0
netd_reload
equal mended running "$(state boot)"
# Files of another host: guests are told of that one, and nothing is looked for here.
network boot '[Address]' Address=10.95.1.1/24 '[Boot]' Server=192.0.2.7 File=there.0 File=uefi-x86_64:there.efi
netd_reload
equal server 'file=there.0 server=192.0.2.7' "$(told)"
equal server-uefi 'file=there.efi server=192.0.2.7' "$(told -x 0x5d:0007)"
network boot "${boot[@]}"
netd_reload

if ! command -v qemu-system-x86_64 >/dev/null; then
	skip ipxe-virtio "not installed: qemu-system-x86_64"
	nets_done
	exit 0
fi
# A guest without a disk: its firmware asks the network. iPXE says on the serial line what it has fetched, and how much.
said() { tr -d '\r' <$root/serial | sed 's/\x1b\[[0-9;]*[a-zA-Z]//g'; }
fetched() { said | grep -q 'boot.ipxe : [0-9]* bytes \[script\]' && said | grep -q 'big : 400000 bytes'; }
boots() {	# ID BRIDGE MODEL
	local pid
	ip tuntap add tap-boot mode tap
	ip link set tap-boot master "$2" up
	: >$root/serial
	qemu-system-x86_64 -machine pc,accel=tcg,graphics=off -m 128 -display none -serial file:$root/serial -monitor none -no-user-config \
		-boot n -netdev tap,id=n0,ifname=tap-boot,script=no,downscript=no -device "$3,netdev=n0,mac=52:54:00:95:00:0$((++n))" \
		>$root/qemu.log 2>&1 </dev/null &
	pid=$!
	if wait_for 120 fetched; then
		pass "$1"
	else
		fail "$1" "$(tail -n 3 $root/qemu.log | tr '\n' ' ') $(said | grep -v '^ *$' | tail -n 5 | tr '\n' ' ')"
	fi
	ended $pid
	ip link del tap-boot
}
n=0
boots ipxe-virtio gn-boot virtio-net-pci
boots ipxe-e1000 gn-boot e1000

# --- Mode=bridge: somebody else's DHCP and TFTP ------------------------------------------------
world_bridge br0
network lan '[Network]' Mode=bridge Bridge=br0
netd_reload
ip netns add office
ip link add port-office type veth peer name eth0 netns office
ip link set port-office master br0 up
ip -n office addr add 192.0.2.1/24 dev eth0
ip -n office link set eth0 up
cat >$root/office.conf <<S
port=0
no-resolv
bind-interfaces
interface=eth0
no-ping
dhcp-authoritative
log-facility=-
dhcp-range=192.0.2.100,192.0.2.199,1h
dhcp-leasefile=$root/office.leases
enable-tftp
tftp-root=$tftp
dhcp-match=set:ipxe,175
dhcp-boot=tag:ipxe,boot.ipxe
S
ip netns exec office dnsmasq -k -C $root/office.conf --pid-file= --user=root >$root/office.log 2>&1 &
office_pid=$!
boots bridge-virtio br0 virtio-net-pci
boots bridge-e1000 br0 e1000
ended $office_pid
nets_done
