#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Taps of other programs on a bridge of ours, such as libvirt's vnet0: kept with their options, and left to who moves them.
suite=netd-ports
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
for program in dnsmasq jq; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done
root=$world/netd
mkdir -p $root/{etc/networks,vendor/networks,state,run}
export GUESTNET_BUS=unix:path=$root/run/bus.sock
cat >$root/etc/networks/lab.network <<'FILE'
[Network]
Mode=isolated
[Address]
Address=10.33.0.1/24
FILE
"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run --service-user=65534 >>$root/log 2>&1 &
netd_pid=$!
running() { [[ $("$BIN/guestnet" status lab --json 2>/dev/null) == *'"state":"running"'* ]]; }
check up wait_for 30 running
bridge=gn-lab

tap() { ip tuntap add "$1" mode tap && ip link set "$1" master "$2" up && bridge link set dev "$1" isolated on; }
on() { [ "$(link "$1" .master)" = "$2" ]; }
kept() { on "$1" $bridge && [ "$(link "$1" '.linkinfo.info_slave_data.isolated')" = true ] && [ "$(link "$1" '.flags | index("UP") != null')" = true ]; }
ports() { [ "$("$BIN/guestnet" status lab --json | jq '.[0].ports')" = "$1" ]; }
ip link add br9 type bridge
ip link set br9 up
tap vnet0 $bridge
tap tap7 $bridge
tap vnet3 br9
check seen wait_for 30 ports 2

# A name of bytes that are no UTF-8, which D-Bus would not take.
ip link add $'t\xe9' type veth peer name peer0
ip link set $'t\xe9' master $bridge
check name-counted wait_for 30 ports 3
ip link del peer0

# Pulled off, the bridge deleted: back with its options.
ip link set vnet0 nomaster
check pulled wait_for 30 kept vnet0
ip link del $bridge
check bridge-deleted wait_for 30 kept vnet0
check bridge-deleted-running wait_for 30 running
equal other-name null "$(link tap7 .master)"
# Moved by its owner, who takes it off first. The daemon is stopped meanwhile: on a busy machine it would put the port back in between.
kill -STOP $netd_pid
ip link set vnet0 nomaster
ip link set vnet0 master br9
kill -CONT $netd_pid
ip tuntap add vnet1 mode tap
ip link set vnet1 master $bridge up
wait_for 30 ports 1
ip link del vnet1
check later wait_for 30 ports 0
check moved on vnet0 br9
check elsewhere on vnet3 br9
# Another pattern, by a reload; and none.
echo '[Network]
Ports=tap?' >>$root/etc/networks/lab.network
ip link set tap7 master $bridge
check reload "$BIN/guestnet" reload
wait_for 30 ports 1
ip link set tap7 nomaster
check pattern wait_for 30 on tap7 $bridge
sed -i 's/^Ports=.*/Ports=none/' $root/etc/networks/lab.network
check reload-none "$BIN/guestnet" reload
ip link del $bridge
check none-running wait_for 30 running
check none wait_for 30 on tap7 null

# A port with a VLAN, as the helper marks it, is not set up without.
vlan_tap=gn4201_9
vlans() { bridge -j vlan show dev "$1" | jq -r '.[0].vlans[] | "\(.vlan) \(.flags // [] | join(" "))"'; }
is_up() { [ "$(link "$1" '.flags | index("UP") != null')" = true ]; }
in_vlan() { on $vlan_tap $bridge && is_up $vlan_tap && [ "$(vlans $vlan_tap)" = '10 PVID Egress Untagged' ]; }
is_down() { ! is_up $vlan_tap; }
said() { "$BIN/guestnet" status lab --json | jq -r '.[0].problem' | grep -qF "$vlan_tap is for VLAN 10, and its bridge does not filter VLANs (ip link set $bridge type bridge vlan_filtering 1): it is down"; }
# A bridge of somebody else's may have a name that a terminal obeys.
ip link add $'br\e[1m' type bridge
ip tuntap add tapx mode tap
ip link set tapx alias "guestnet uid=4201 pid=0 net=x"
ip link set tapx master $'br\e[1m'
matches foreign-name '^br.x1b\[1m +tapx ' "$("$BIN/guestnet" ports | grep tapx)"
ip link del tapx
ip link del $'br\e[1m'
ip tuntap add $vlan_tap mode tap
ip link set $vlan_tap alias "guestnet uid=4201 pid=0 net=$bridge vlan=10"
# The alias alone moves nothing: it falls off, as a guest's port does.
ip link set $vlan_tap master $bridge
ip link set $vlan_tap nomaster
check vlan-unfiltered wait_for 30 said
check vlan-unfiltered-down is_down
if ip link set $bridge type bridge vlan_filtering 1 2>/dev/null; then
	check vlan-filtered wait_for 30 in_vlan
	# Its own other VLAN, and none.
	for default in 5 0; do
		ip link set $bridge type bridge vlan_default_pvid $default
		ip link set $vlan_tap nomaster
		check vlan-default-$default wait_for 30 in_vlan
	done
	# A bridge made anew does not filter.
	ip link del $bridge
	check vlan-bridge-unfiltered wait_for 30 said
	check vlan-bridge-unfiltered-down is_down
	ip link set $bridge type bridge vlan_filtering 1
	check vlan-bridge-filtered wait_for 30 in_vlan
else
	skip vlan-filtered 'the kernel has no VLAN filtering; tests/vm/netd.sh has one that does'
fi
ip link del $vlan_tap
