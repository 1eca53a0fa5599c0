#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real libvirt beside guestnetd, in a Debian system of its own: both with their own networks, whatever starts first;
# import of libvirt's network; its verbs beside ours; libvirt's network as a link to ours, with a guest of libvirt's, and back;
# a user's own libvirt (session mode), whose guest gets its tap through our helper.
#
# Guests of libvirt's are QEMU without KVM, with nothing in them but the firmware: it asks for an address, finds nothing to
# boot there, and rests until its guest is reset; two that begin again and again leave nothing to the rest of the machine.
# Others are namespaces with a port.
suite=vm.libvirt
packages=libvirt-daemon-system,libvirt-daemon-config-network,libvirt-clients,qemu-system-x86,iptables,libxml2-utils
memory=1200
. "$(dirname "$0")/../lib.sh"
prepare() {
	# There are no guests to wait for.
	ln -sf /dev/null "$root/etc/systemd/system/libvirt-guests.service"
	# Sockets of QEMU's want a file system that has such.
	echo 'tmpfs /var/lib/libvirt/qemu tmpfs mode=751 0 0' >>"$root/etc/fstab"
	mkdir -p "$root/guestnet/tests/ctl"
	cp tests/vm/virsh.bash "$root/guestnet/tests/vm/"
	cp tests/ctl/virsh.tsv "$root/guestnet/tests/ctl/"
}
. "$(dirname "$0")/system.bash"
system_enter
. tests/vm/virsh.bash

SECONDS=0
note() { echo "${SECONDS} s: $*"; }
export LIBVIRT_DEFAULT_URI=qemu:///system
work=/run/work
mkdir -p $work
explain() { systemctl status guestnetd libvirtd --no-pager -l; journalctl -b -u guestnetd -u libvirtd --no-pager | tail -n 30; }
running() { [ "$(state "$@")" = running ]; }
plan_is_empty() { [ -z "$(guestnetd --plan 2>&1 | grep -v '^note: table-owned')" ]; }
active() { virsh net-info "$1" 2>/dev/null | grep -q '^Active: *yes'; }
gone() { ! ip link show dev "$1"; }
there() { ip link show dev "$1"; }

essential install install_guestnet
essential enable systemctl enable --now guestnetd
essential running wait_for 60 running
essential libvirt wait_for 120 virsh net-list
note 'guestnetd and libvirtd run'

# The neighbourhood: "internet" is behind the uplink; a guest is a namespace with a port on a bridge.
internet
cat >$work/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev $interface scope global
ip addr add $ip/$mask dev $interface
[ -z "$router" ] || ip route replace default via $router
echo $ip >$LEASE
S
chmod 755 $work/udhcpc
guest() {	# NAME NUMBER
	ip netns add "$1"
	ip link add "port-$1" type veth peer name eth0 netns "$1"
	ip link set "port-$1" up
	ip -n "$1" link set eth0 address 52:54:00:13:00:0"$2" up
}
plug() { ip link set "port-$1" master "$2"; }	# NAME BRIDGE
lease() {	# NAME [OPTION...]: asks until it has one
	rm -f "$work/$1"
	LEASE=$work/$1 timeout 40 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 20 -T 2 -A 1 -s $work/udhcpc "${@:2}" >/dev/null 2>&1
	[ -s "$work/$1" ]
}
address() { cat "$work/$1" 2>/dev/null; }
flow() { [ "$(echo hello | timeout 10 ip netns exec "$1" busybox nc -w 5 198.51.100.1 7777 2>/dev/null)" = hello ]; }
guest ours 1
guest theirs 2

# works ID: both networks give a lease and the way out.
works() {
	check "$1-running" wait_for 60 running
	plug ours gn-default
	plug theirs virbr0
	check "$1-ours-lease" lease ours
	matches "$1-ours-address" '^10\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.' "$(address ours)"
	check "$1-ours-flow" wait_for 20 flow ours
	check "$1-theirs-lease" lease theirs
	matches "$1-theirs-address" '^192\.168\.122\.' "$(address theirs)"
	check "$1-theirs-flow" wait_for 20 flow theirs
	check "$1-plan-empty" wait_for 20 plan_is_empty
}

# --- Both with their own, whatever starts first.
virsh net-autostart default >/dev/null
essential theirs-starts virsh net-start default
works ours-first
systemctl restart libvirtd
wait_for 60 virsh net-list
works libvirtd-restarted
systemctl stop guestnetd
check teardown guestnetd --teardown
check theirs-alone lease theirs
check theirs-alone-flow flow theirs
systemctl start guestnetd
works theirs-first
note 'both work, whatever starts first'

# --- Import: libvirt's network as ours, with its addresses, under another name.
check import guestnet import --libvirt default --name moved
equal import-lines 'Mode=nat Bridge=virbr0 Address=192.168.122.1/24 Range=192.168.122.2-192.168.122.254' \
	"$(grep -E '^(Mode|Bridge|Address|Range|Autostart)=' /etc/guestnet/networks/moved.network | tr '\n' ' ' | sed 's/ $//')"
equal import-mac "$(cat /sys/class/net/virbr0/address)" "$(sed -n 's/^MACAddress=//p' /etc/guestnet/networks/moved.network)"
matches import-missing 'Network not found|failed to get network' "$(guestnet import --libvirt nothing 2>&1)"
virsh net-destroy default >/dev/null
check import-reload guestnet reload
moved() { running moved; }
check import-runs wait_for 60 moved
plug theirs virbr0
check import-lease lease theirs
matches import-address '^192\.168\.122\.' "$(address theirs)"
check import-flow wait_for 20 flow theirs
rm /etc/guestnet/networks/moved.network
guestnet reload
check import-gone wait_for 30 gone virbr0
check import-back virsh net-start default
note 'import'

# --- libvirt's verbs and ours.
twins_run
note 'verbs'

# --- libvirt's network as a link to ours.
# domain NAME MAC INTERFACE-TYPE SOURCE: a guest that only asks for an address, once each time it begins.
domain() {
	cat <<-XML
		<domain type='qemu'>
		  <name>$1</name>
		  <memory unit='MiB'>48</memory>
		  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>
		  <devices>
		    <emulator>/usr/bin/qemu-system-x86_64</emulator>
		    <interface type='$3'><source $4/><mac address='$2'/><model type='virtio'/></interface>
		    <controller type='usb' model='none'/>
		    <memballoon model='none'/>
		  </devices>
		</domain>
	XML
}
# When the lease of a MAC address of ours ends; 0: there is none. Each time that its guest asks, it is later.
lease_end() {
	local lease last=0
	while IFS= read -rd '}' lease; do
		[[ $lease == *"\"mac\":\"$1\""* && $lease =~ \"expires\":([0-9]+) ]] || continue
		[ "${BASH_REMATCH[1]}" -le $last ] || last=${BASH_REMATCH[1]}
	done < <(guestnet leases default --json)
	echo $last
}
asked_after() { [ "$(lease_end "$1")" -gt "$2" ]; }	# MAC TIME
# asks ID MAC GUEST: it begins again, and gets an address of ours again.
asks() {
	local end
	end=$(lease_end "$2")
	virsh reset "$3" >/dev/null
	check "$1" wait_for 120 asked_after "$2" "$end"
}
tap_of() { virsh "${@:2}" domiflist "$1" | awk '$2 == "bridge" || $2 == "network" { print $1 }'; }
on_bridge() { port_of "$1" gn-default; }
domain_log() { tail -n 3 /var/log/libvirt/qemu/*.log "$@" 2>/dev/null; }
mac=52:54:00:13:00:09
look() { virsh net-dumpxml --inactive default; virsh net-info default; }
before=$(look)
check link guestnet libvirt-link default
equal link-bridge 'bridge gn-default' "$(virsh net-dumpxml default | xmllint --xpath 'concat(//forward/@mode, " ", //bridge/@name)' -)"
check link-active active default
matches link-autostart 'Autostart: +yes' "$(virsh net-info default)"
check link-old-bridge gone virbr0
plug theirs gn-default
check link-lease lease theirs
matches link-address '^10\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.' "$(address theirs)"
domain web $mac network "network='default'" >$work/web.xml
out=$(virsh create $work/web.xml 2>&1) || fail guest-starts "$out"
tap=$(tap_of web)
check guest-port wait_for 20 on_bridge "$tap"
# In the meantime a user's own libvirt, in session mode: its guest gets its tap from our helper, which stands in the user's
# qemu.conf. What udev does elsewhere:
chmod 666 /dev/net/tun
useradd --home-dir /run/alice --create-home --groups kvm alice
install -d -m 700 -o alice /run/user-alice
install -d -o alice /run/alice/.config /run/alice/.config/libvirt
echo 'bridge_helper = "/usr/libexec/guestnet-bridge-helper"' >/run/alice/.config/libvirt/qemu.conf
session() { runuser -u alice -- env HOME=/run/alice XDG_RUNTIME_DIR=/run/user-alice virsh -c qemu:///session "$@"; }
domain box 52:54:00:13:00:0b bridge "bridge='default'" >/run/alice/box.xml
out=$(session create /run/alice/box.xml 2>&1) || fail session-starts "$out"
box=$(ip -j -d link show master gn-default | jq -r '.[] | select((.ifalias // "") | startswith("guestnet uid=")) | .ifname')
matches session-tap "^gn$(id -u alice)_[0-9]+\$" "$box"
equal session-listed "$box bridge default" "$(session domiflist box | awk '$2 == "bridge" { print $1, $2, $3 }')"
equal session-owner "$(id -u alice) default" "$(guestnet ports default --json | jq -r --arg tap "$box" '.[] | select(.port == $tap) | "\(.uid) \(.network)"')"
# And one with two queues, moved by the kernel: a program that needs no more than open fds.
modprobe vhost_net && chmod 666 /dev/vhost-net
setpriv --reuid=alice --regid=alice --init-groups guestnet exec default --queues 2 --mac 52:54:00:13:00:0c -- qemu-system-x86_64 \
	-sandbox on,spawn=deny -M pc -m 48 -nodefaults -no-user-config -display none -boot n >$work/queues.log 2>&1 &
queues=$!
queues_line() { tr '\0' ' ' <"/proc/$queues/cmdline"; }
queues_run() { [[ $(queues_line) = qemu-system-* ]]; }
wait_for 60 queues_run
matches vhost-line 'tap,id=gn0,fds=[0-9]+:[0-9]+,vhost=on,vhostfds=[0-9]+:[0-9]+ -device virtio-net-pci,.*,mq=on,vectors=6' \
	"$(queues_line) $(cat $work/queues.log)"
vhost_threads() { [ "$(cat /proc/[0-9]*/comm | grep -c "^vhost-$queues\$")" = 2 ]; }
check vhost-threads wait_for 30 vhost_threads
check vhost-lease wait_for 120 asked_after 52:54:00:13:00:0c 0
ended $queues
check guest-lease wait_for 120 asked_after $mac 0
check session-lease wait_for 120 asked_after 52:54:00:13:00:0b 0
note "guests of both libvirts have leases of ours"

# The network stays a link when libvirtd comes back, and the guest does not notice; nor when the bridge goes, and is mended.
systemctl restart libvirtd
wait_for 60 virsh net-list
check restarted-active active default
check restarted-running wait_for 30 running
equal restarted-guest running "$(virsh domstate web 2>&1 | head -n 1)"
index=$(cat /sys/class/net/gn-default/ifindex)
ip link delete gn-default
check mended-bridge wait_for 30 there gn-default
check mended-port wait_for 30 on_bridge "$tap"
check mended-session-port wait_for 30 on_bridge "$box"
equal mended-index "$index" "$(cat /sys/class/net/gn-default/ifindex)"
asks mended-lease $mac web
check mended-active active default
# While a guest is there, the network is not taken from under it.
matches unlink-in-use 'running guests have 1 interface on' "$(guestnet libvirt-unlink default 2>&1)"
check guest-ends virsh destroy web
gone_tap() { gone "$tap"; }
check guest-tap-gone wait_for 20 gone_tap
session destroy box >/dev/null
note 'the guests have seen libvirtd restart, and the bridge deleted'

# Who may not is told so, in the helper's words inside libvirt's.
echo 'deny default user=alice' >>/etc/guestnet/bridge.conf
matches session-denied 'access denied by acl file' "$(session create /run/alice/box.xml 2>&1)"
sed -i '/^deny default/d' /etc/guestnet/bridge.conf
# Ours in the place of QEMU's own, instead, and nothing in the user's configuration.
rm /run/alice/.config/libvirt/qemu.conf
kill "$(cat /run/user-alice/libvirt/libvirtd.pid)"
check divert env libexecdir=/usr/libexec /usr/libexec/guestnet-divert
out=$(session create /run/alice/box.xml 2>&1) || fail diverted-starts "$out"
matches diverted-tap "^gn$(id -u alice)_[0-9]+ bridge default\$" "$(session domiflist box | awk '$2 == "bridge" { print $1, $2, $3 }')"
session destroy box >/dev/null
note 'session mode'
check unlink guestnet libvirt-unlink default
equal unlinked "$before" "$(look)"
check unlinked-active active default
plug theirs virbr0
check unlinked-lease lease theirs
plug ours gn-default
check unlinked-ours lease ours
note 'link and unlink'

finish
