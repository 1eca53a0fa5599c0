#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd beside firewalld, a real one on a message bus of its own: ours first, theirs first, reloaded, restarted, the bus
# restarted. Each time a new lease and a new flow. Without our zone, without permission, and with Coexist=no.
# Namespaces: this one is the host; "guest" has a veth port on the bridge; "internet" is behind the host's uplink.

suite=netd-firewalld
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_setup firewalld firewall-cmd dbus-daemon busctl

bridge=gn-default
printf '%s\n' '[Network]' 'Mode=nat' "Bridge=$bridge" '[Address]' 'Address=10.70.1.1/24' 'Address=fd70::1/64' \
	>$root/vendor/networks/default.network
teardown() { netd --teardown; }
settled() { is running && plan_is_empty; }

# The bus, and firewalld on it.
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$root/bus
mkdir -p /etc/firewalld/zones /etc/firewalld/policies
rm -f /etc/firewalld/zones/* /etc/firewalld/policies/*
zone() { cp "$top/firewalld/guestnet.xml" /etc/firewalld/zones/; cp "$top/firewalld/guestnet-in.xml" /etc/firewalld/policies/; }
# What is asked again and again is asked over the bus: firewall-cmd, a Python program, takes 50 times as long.
on_bus() { busctl --address=$DBUS_SYSTEM_BUS_ADDRESS "$1" org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 "${@:2}" 2>&1; }
# It is through with its start; one that lacks the zone that our policy names calls itself failed, and works.
runs() { [[ $(on_bus get-property org.fedoraproject.FirewallD1 state) == 's "'@(RUNNING|FAILED)'"' ]]; }
start_firewalld() {
	firewalld --nofork --nopid --log-target file --log-file $root/firewalld.log >>$root/firewalld.out 2>&1 &
	firewalld_pid=$!
	wait_for 60 runs
}
stop_firewalld() { kill $firewalld_pid; reap $firewalld_pid; }
zone_of() { on_bus call org.fedoraproject.FirewallD1.zone getZoneOfInterface s $bridge; }
in_zone() { [ "$(zone_of)" = "s \"$1\"" ]; }	# '': in none

ip netns exec internet busybox nc -ll -p 7777 -e cat >/dev/null 2>&1 &
dhcp_guest
ip -n guest addr add fd70::5/64 dev eth0 nodad
ip -n guest route add default via fd70::1
lease_s=10
works() { lease && flow 198.51.100.1 && flow 2001:db8:51::1 && ip netns exec guest busybox ping -c 1 -W 2 10.70.1.1; }
checked() {	# ID: the bridge is in our zone, a new lease, new flows, nothing to complain about
	check "$1-zone" wait_for 60 in_zone guestnet
	if wait_for 30 works && wait_for 20 settled; then pass "$1"; else fail "$1" "$(status state): $(status problem)"; fi
}

# Ours first; there is no bus either.
netd_start
check alone wait_for 20 settled
plug
check alone-works wait_for 20 works
bus_start
zone
start_firewalld
checked ours-first
matches zone-target 'target: ACCEPT' "$(firewall-cmd --info-zone=guestnet 2>&1)"
check not-permanent sh -c '! grep -r gn-default /etc/firewalld/zones'

# Reloaded and restarted.
firewall-cmd --reload >/dev/null
checked reloaded
firewall-cmd --complete-reload >/dev/null
checked reloaded-completely
stop_firewalld
check theirs-gone-works wait_for 20 works
start_firewalld
checked restarted
# Somebody flushes everything: ours come back by themselves, theirs when it is started again (a reload fails then).
nft flush ruleset
check flushed wait_for 20 works
stop_firewalld
start_firewalld
checked flushed-restarted

# Stopped: nothing stays with them. Started again: back.
client stop default
check stopped wait_for 60 in_zone ''
client start default
plug
checked started-again

# Theirs first; the daemon killed in between.
netd_kill
firewall-cmd --zone=public --change-interface=$bridge >/dev/null
netd_start
checked theirs-first
# The bus goes and comes, with firewalld.
bus_stop
stop_firewalld
bus_start
start_firewalld
checked bus-restarted
# One that lost its bus left its rules behind, and wrote them once more.
stop_firewalld
nft delete table inet firewalld 2>/dev/null
start_firewalld
checked cleaned

# Coexist=no: it is the administrator's.
mkdir -p $root/etc/networks/default.network.d
printf '%s\n' '[Network]' 'Coexist=no' >$root/etc/networks/default.network.d/coexist.conf
kill -HUP $netd_pid
check coexist-no wait_for 60 in_zone ''
blocked() { is degraded && [[ $(status problem) =~ ^'blocked by filter_'(INPUT|FORWARD)' of inet firewalld'$ ]]; }
check coexist-no-said wait_for 20 blocked
rm $root/etc/networks/default.network.d/coexist.conf
kill -HUP $netd_pid
checked coexist-yes

# What others begin: with guests of a routed network, and guests with the host.
serve guest 7000
serve host 2222
ip -n internet route add 10.70.1.0/24 via 198.51.100.2
ip -n internet route add fd70::/64 via 2001:db8:51::2
inward() { reaches internet "$address" 7000 && reaches internet fd70::5 7000; }
is_shut() { refused internet "$address" 7000 && refused internet fd70::5 7000; }
mode() {	# LINE...
	printf '%s\n' '[Network]' "$@" "Bridge=$bridge" '[Address]' 'Address=10.70.1.1/24' 'Address=fd70::1/64' >$root/vendor/networks/default.network
	kill -HUP $netd_pid
	plug
	wait_for 20 settled
}
check in-nat is_shut
mode Mode=route
check in-route wait_for 20 inward
rm /etc/firewalld/policies/guestnet-in.xml
firewall-cmd --reload >/dev/null
checked in-reloaded
check in-without-policy is_shut
zone
firewall-cmd --reload >/dev/null
check in-route-again wait_for 20 inward
mode Mode=open
check in-open wait_for 20 inward
mode Mode=nat HostAccess=all
check in-nat-again wait_for 20 is_shut
check host-all refused guest 10.70.1.1 2222
firewall-cmd --zone=guestnet --add-port=2222/tcp >/dev/null
check host-all-added wait_for 20 reaches guest 10.70.1.1 2222
mode Mode=nat
check host-gateway wait_for 20 refused guest 10.70.1.1 2222

# Without our zone its own one that trusts does.
rm /etc/firewalld/zones/guestnet.xml
stop_firewalld
start_firewalld
check no-zone wait_for 60 in_zone trusted
check no-zone-works wait_for 30 works
zone
firewall-cmd --reload >/dev/null
checked zone-found

# A firewalld that refuses is in the way, and that is said; its end is the end of that.
firewall-cmd --panic-on >/dev/null
client stop default
client start default
plug
refused() { is degraded && [[ $(status problem) == *"firewalld does not take $bridge into zone guestnet: PANIC_MODE"* ]]; }
check refused wait_for 60 refused
firewall-cmd --panic-off >/dev/null
firewall-cmd --reload >/dev/null
checked refused-no-more

netd_stop
check stays in_zone guestnet
teardown
equal teardown 's ""' "$(zone_of)"
stop_firewalld
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
