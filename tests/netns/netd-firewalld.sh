#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd beside firewalld, a real one on a message bus of its own: ours first, theirs first, reloaded, restarted, the bus
# restarted. Each time a new lease and a new flow. Without our zone, without permission, and with Coexist=no.
# Namespaces: this one is the host; "guest" has a veth port on the bridge; "internet" is behind the host's uplink.

suite=netd-firewalld
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
for program in dnsmasq busybox nft jq firewalld firewall-cmd dbus-daemon; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done

root=$world/netd
bridge=gn-default
mkdir -p $root/{etc/networks,vendor/networks,state,run}
printf '%s\n' '[Network]' 'Mode=nat' "Bridge=$bridge" '[Address]' 'Address=10.70.1.1/24' 'Address=fd70::1/64' \
	>$root/vendor/networks/default.network
export GUESTNET_BUS=unix:path=$root/run/bus.sock
roots=(--config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run --service-user=65534)
client() { "$BIN/guestnet" "$@"; }
start_netd() {
	"$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 &
	netd_pid=$!
	wait_for 20 test -S $root/run/bus.sock
}
stop_netd() { kill $netd_pid; wait $netd_pid; rm -f $root/run/bus.sock; }
teardown() { "$BIN/guestnetd" "${roots[@]}" --teardown; }
status() { client status default --json 2>/dev/null | jq -r ".[0].$1"; }
is() { [ "$(status state)" = "$1" ]; }
settled() { is running && [ -z "$("$BIN/guestnetd" "${roots[@]}" --plan 2>&1 | grep -v '^note: table-owned')" ]; }

# The bus, and firewalld on it.
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$root/bus
cat >$root/bus.conf <<E
<busconfig><type>session</type><listen>unix:path=$root/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
E
start_bus() {
	dbus-daemon --config-file=$root/bus.conf --nofork --nosyslog --nopidfile >>$root/buslog 2>&1 &
	bus_pid=$!
	wait_for 20 test -S $root/bus
}
stop_bus() { kill -9 $bus_pid; wait $bus_pid 2>/dev/null; rm -f $root/bus; }
mkdir -p /etc/firewalld/zones
rm -f /etc/firewalld/zones/*
zone() { cp "$top/firewalld/guestnet.xml" /etc/firewalld/zones/; }
start_firewalld() {
	firewalld --nofork --nopid --log-target file --log-file $root/firewalld.log >>$root/firewalld.out 2>&1 &
	firewalld_pid=$!
	wait_for 60 firewall-cmd --state
}
stop_firewalld() { kill $firewalld_pid; wait $firewalld_pid; }
zone_of() { firewall-cmd --get-zone-of-interface=$bridge 2>&1; }
in_zone() { [ "$(zone_of)" = "$1" ]; }

# The neighbourhood
mkdir -p /run/netns
ip netns add internet && ip netns add guest || exit 1
ip link add up0 type veth peer name eth0 netns internet
ip addr add 198.51.100.2/24 dev up0
ip addr add 2001:db8:51::2/64 dev up0 nodad
ip link set up0 up
ip -n internet addr add 198.51.100.1/24 dev eth0
ip -n internet addr add 2001:db8:51::1/64 dev eth0 nodad
ip -n internet link set eth0 up
ip netns exec internet busybox nc -ll -p 7777 -e cat >/dev/null 2>&1 &
ip link add port0 type veth peer name eth0 netns guest
ip -n guest link set eth0 address 52:54:00:13:00:01 up
ip -n guest link set lo up
ip -n guest addr add fd70::5/64 dev eth0 nodad
ip -n guest route add default via fd70::1
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev $interface scope global permanent to 10.70.1.0/24
ip addr add $ip/$mask dev $interface
ip route replace default via $router
echo "$ip" >$LEASE
S
chmod 755 $root/udhcpc
plug() { ip link set port0 master $bridge up; }
lease() {
	rm -f $root/lease
	LEASE=$root/lease timeout 10 ip netns exec guest busybox udhcpc -i eth0 -f -q -n -t 10 -T 1 -A 1 -s $root/udhcpc >/dev/null 2>&1
	[ -s $root/lease ]
}
flow() { [ "$(echo hello | timeout 5 ip netns exec guest busybox nc -w 3 "$1" 7777 2>/dev/null)" = hello ]; }
works() { lease && flow 198.51.100.1 && flow 2001:db8:51::1 && ip netns exec guest busybox ping -c 1 -W 2 10.70.1.1; }
checked() {	# ID: the bridge is in our zone, a new lease, new flows, nothing to complain about
	check "$1-zone" wait_for 60 in_zone guestnet
	if wait_for 30 works && wait_for 20 settled; then pass "$1"; else fail "$1" "$(status state): $(status problem)"; fi
}

# Ours first; there is no bus either.
start_netd
check alone wait_for 20 settled
plug
check alone-works wait_for 20 works
start_bus
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
check stopped wait_for 60 in_zone 'no zone'
client start default
plug
checked started-again

# Theirs first; the daemon killed in between.
kill -9 $netd_pid; wait $netd_pid 2>/dev/null; rm -f $root/run/bus.sock
firewall-cmd --zone=public --change-interface=$bridge >/dev/null
start_netd
checked theirs-first
# The bus goes and comes, with firewalld.
stop_bus
stop_firewalld
start_bus
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
check coexist-no wait_for 60 in_zone 'no zone'
blocked() { is degraded && [[ $(status problem) =~ ^'blocked by filter_'(INPUT|FORWARD)' of inet firewalld'$ ]]; }
check coexist-no-said wait_for 20 blocked
rm $root/etc/networks/default.network.d/coexist.conf
kill -HUP $netd_pid
checked coexist-yes

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

stop_netd
check stays in_zone guestnet
teardown
equal teardown 'no zone' "$(zone_of)"
stop_firewalld
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
