#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The services of guestnetd's networks when something is in their way: a dnsmasq that is deaf, one that cannot start, ports
# that another program holds, networks without guests.
# Namespaces: this one is the host; "guest" has a veth port on the bridge.

suite=netd-services
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_folders ss
etc=$root/etc/networks
printf '[Address]\nAddress=10.98.1.1/24\n' >$etc/default.network
bridge=gn-default gateway=10.98.1.1
run_netd() {	# DNSMASQ
	rm -f $root/run/bus.sock
	"$BIN/guestnetd" "${roots[@]}" --dnsmasq="$1" >>$root/log 2>&1 &
	netd_pid=$!
}
start_netd() {	# [DNSMASQ]
	run_netd "${1:-/usr/sbin/dnsmasq}"
	wait_for 20 test -S $root/run/bus.sock
}
# With its dnsmasq, which would stay.
end_all() {
	local pid
	pid=$(service_pid)
	kill $netd_pid
	reap $netd_pid
	kill "$pid"
	wait_for 20 test ! -d "/proc/$pid"
}
service_pid() { cut -d' ' -f1 $root/run/dnsmasq/default.pid; }
problem_has() { [[ $(status problem) =~ $1 ]]; }

ip link set lo up
dhcp_guest
lease_s=10
leased() {	# [DNS]: and that name server
	plug
	lease && { [ -z "${1-}" ] || [ "${dns:-none}" = "$1" ]; }
}
resolves() { ip netns exec guest busybox nslookup -type=a version.bind "$gateway" 2>&1 | grep -q 'Address.*'$gateway; }
serves() { is running && leased $gateway && resolves; }

# A dnsmasq that starts while its bridge has another name: it finds no interface, and nothing later tells it of one. The
# daemon is stopped meanwhile, so that the name comes back only when it has its sockets.
mkdir -m 777 $root/open
cat >$root/dnsmasq-late <<S
#!/bin/sh
if mkdir $root/open/first 2>/dev/null; then
	until test -e $root/open/go; do sleep 0.02; done
fi
exec /usr/sbin/dnsmasq "\$@"
S
chmod 755 $root/dnsmasq-late
run_netd $root/dnsmasq-late
wait_for 20 test -d $root/open/first
kill -STOP $netd_pid
ip link set $bridge name gn-other
touch $root/open/go
deaf_socket() { ss -Hulnp 'sport = 67' | grep -q dnsmasq && [ "$(ss -Huln 'sport = 53' | grep -c "$gateway:53")" = 0 ]; }
check deaf-before wait_for 20 deaf_socket
deaf_pid=$(pgrep -x dnsmasq)
kill -CONT $netd_pid
check deaf-served wait_for 30 serves
another() { [ "$(service_pid)" != "$deaf_pid" ]; }
check deaf-restarted another
matches deaf-socket "0.0.0.0%$bridge:67" "$(ss -Huln 'sport = 67')"

# Once it listens it is left alone, whatever happens to the bridge.
pid=$(service_pid)
ip link set $bridge name gn-other
ip addr flush dev gn-other scope global 2>/dev/null || ip addr flush dev $bridge scope global
check not-deaf wait_for 20 serves
equal not-deaf-same "$pid" "$(service_pid)"
end_all

# One that cannot start: the start says so, and why; the network is there without it; and it is over when it can.
cat >$root/dnsmasq-fails <<S
#!/bin/sh
test -e $root/fixed && exec /usr/sbin/dnsmasq "\$@"
echo "dnsmasq: cannot find my glasses" >&2
exit 5
S
chmod 755 $root/dnsmasq-fails
start_netd $root/dnsmasq-fails
client stop default
out=$(client start default 2>&1); status=$?
matches start-fails '^[1-9]' $status
matches start-reason 'exited with status 5.*cannot find my glasses' "$out"
equal start-degraded degraded "$(status state)"
matches start-problem 'cannot find my glasses' "$(status problem)"
check start-bridge ip -4 addr show dev $bridge to $gateway
touch $root/fixed
check start-over wait_for 40 serves
equal start-no-problem '' "$(status problem)"
client stop default
# A start that returns is one that serves.
check start client start default
check start-serves leased
equal start-running running "$(status state)"
end_all

# Port 53 is another program's: one that has it on all addresses, or only on this one. Guests get addresses and are
# told of no name server that is none; the full service comes back when the port is free.
other_dns() { /usr/sbin/dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root "$@" & holder=$!; }
holds() { ss -Htlnp "sport = $1" | grep -q "pid=$holder,"; }
for kind in wildcard bound; do
	if [ $kind = bound ]; then other_dns --bind-interfaces --listen-address=$gateway; else other_dns; fi
	wait_for 20 holds 53
	start_netd
	is_degraded() { is degraded && leased none; }
	check dns-$kind-lease wait_for 20 is_degraded
	matches dns-$kind-holder "port 53 of $gateway is held by dnsmasq .pid $holder.: .*Enable=no" "$(status problem)"
	equal dns-$kind-fix "kill $holder" "$(status fix)"
	equal dns-$kind-not-ours 0 "$(ss -Hulnp 'sport = 53' | grep -c "pid=$(service_pid),")"
	ended $holder
	check dns-$kind-over wait_for 40 serves
	equal dns-$kind-no-problem '' "$(status problem)"
	end_all
done

# Port 67 is: names for those who have an address, and none for the others. Seen by a daemon that may not look into the
# files of root's processes: it can say whose it is.
other_dns --port=0 --dhcp-range=192.0.2.2,192.0.2.9
held() { ss -Hulnp 'sport = 67' | grep -q "pid=$holder,"; }
wait_for 20 held
chown -R 65534:65534 $root/state $root/run
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin,+net_raw,+net_bind_service \
	--ambient-caps=-all,+net_admin,+net_raw,+net_bind_service \
	"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run >>$root/log 2>&1 &
netd_pid=$!
check dhcp-degraded wait_for 20 is degraded
matches dhcp-holder 'UDP port 67 is held by a program of uid 0: ' "$(status problem)"
ip link set port0 master $bridge
ip -n guest addr flush dev eth0 scope global
ip -n guest addr add 10.98.1.77/24 dev eth0
check dhcp-resolves wait_for 20 resolves
ended $holder
check dhcp-over wait_for 40 serves
end_all

# A container may have a guestnetd whose files have the same names. Its dnsmasq is seen from here, and is not taken for ours.
ip netns add container
mkfifo $root/hold
ip netns exec container busybox sh -c 'read -r line' x --conf-file=$root/run/dnsmasq/default.conf <>$root/hold &
theirs=$!
is_theirs() { grep -q busybox /proc/$theirs/comm /proc/$theirs/cmdline && [ "$(stat -Lc %i /proc/$theirs/ns/net)" != "$(stat -Lc %i /proc/self/ns/net)" ]; }
wait_for 20 is_theirs
start_netd
check elsewhere-serves wait_for 20 serves
if [ "$(service_pid)" != $theirs ] && kill -0 $theirs; then pass elsewhere-left-alone; else fail elsewhere-left-alone "$(service_pid) is ours, $theirs theirs"; fi
end_all
check elsewhere-still-there kill -0 $theirs
ended $theirs
# Nor is one of a user's who calls it so: a daemon that may end no process of theirs would wait for it.
setpriv --reuid 65533 --regid 65533 --clear-groups busybox sh -c 'read -r line' x --conf-file=$root/run/dnsmasq/default.conf <>$root/hold &
theirs=$!
users_own() { grep -q busybox /proc/$theirs/comm /proc/$theirs/cmdline && grep -q '^Uid:.65533' /proc/$theirs/status; }
wait_for 20 users_own
start_netd
check users-serves wait_for 20 serves
check users-left-alone kill -0 $theirs
end_all
ended $theirs

# On demand: a network without ports has no dnsmasq; with the first port it serves, and goes on when that is gone.
ip link set port0 nomaster
printf '[Network]\nStartServices=on-demand\n[Address]\nAddress=10.98.1.1/24\n' >$etc/default.network
start_netd
no_service() { ! pgrep -x dnsmasq; }
check demand-running wait_for 20 is running
check demand-none no_service
client stop default
check demand-start client start default
check demand-none-started no_service
check demand-lease leased $gateway
check demand-serves wait_for 20 serves
pid=$(service_pid)
ip link set port0 nomaster
wait_for 20 is running
check demand-stays kill -0 "$pid"
end_all

grep -E 'ERROR: |runtime error' $root/log && fail log "$(grep -E 'ERROR: |runtime error' $root/log | head -3)"
exit 0
