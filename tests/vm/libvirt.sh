#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real libvirt beside guestnetd, in a Debian system of its own: both with their own networks, whatever starts first;
# import of libvirt's network; libvirt's network as a link to ours, and back. Guests are namespaces with a port.
suite=vm.libvirt
packages=libvirt-daemon-system,libvirt-daemon-config-network,libvirt-clients,qemu-system-x86,iptables,libxml2-utils
memory=1200
. "$(dirname "$0")/../lib.sh"
prepare() {
	# There are no guests to wait for.
	ln -sf /dev/null "$root/etc/systemd/system/libvirt-guests.service"
}
. "$(dirname "$0")/system.bash"
system_enter

SECONDS=0
note() { echo "${SECONDS} s: $*"; }
export LIBVIRT_DEFAULT_URI=qemu:///system
work=/run/work
mkdir -p $work
explain() { systemctl status guestnetd libvirtd --no-pager -l; journalctl -b -u guestnetd -u libvirtd --no-pager | tail -n 30; }
state() { guestnet status "$1" --json 2>/dev/null | jq -r '.[0].state'; }
running() { [ "$(state "${1:-default}")" = running ]; }
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
ip netns add internet
ip link add up0 type veth peer name eth0 netns internet
ip addr add 198.51.100.2/24 dev up0
ip link set up0 up
ip route add default via 198.51.100.1
ip -n internet addr add 198.51.100.1/24 dev eth0
ip -n internet link set eth0 up
ip netns exec internet busybox nc -ll -p 7777 -e /bin/cat &
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
lease() {	# NAME: asks until it has one
	rm -f "$work/$1"
	LEASE=$work/$1 timeout 40 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 20 -T 2 -A 1 -s $work/udhcpc >/dev/null 2>&1
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

# --- libvirt's network as a link to ours.
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
# It stays a link when libvirtd comes back.
systemctl restart libvirtd
wait_for 60 virsh net-list
check restarted-active active default
check restarted-running wait_for 30 running
check unlink guestnet libvirt-unlink default
equal unlinked "$before" "$(look)"
check unlinked-active active default
plug theirs virbr0
check unlinked-lease lease theirs
plug ours gn-default
check unlinked-ours lease ours
note 'link and unlink'
finish
