#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode=bridge with Uplink=: the host's network card becomes a port, and what was on it moves to the bridge: kept when the
# gateway answers, undone when it does not, when nobody says that it is good, or when the daemon is killed at any step.
# Namespaces: this one is the host, with eth0; "gw" is the LAN's switch, gateway, DHCP server and router; "guest" has a
# veth port on the bridge.

suite=netd-uplink
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/lan.bash"
lan_setup strace

# The host, with about everything that can be on a card.
host_up() {
	ip addr flush dev eth0
	ip link set eth0 down
	ip link set eth0 up
	ip addr add 192.0.2.5/24 brd + dev eth0
	ip addr add 192.0.2.6/24 dev eth0 label eth0:1
	ip addr add 192.0.2.77/24 dev eth0 valid_lft 3600 preferred_lft 1800
	ip addr add 198.18.9.1 peer 198.18.9.2/32 dev eth0
	ip addr add 2001:db8:2::5/64 dev eth0 nodad
	ip route add default via 192.0.2.1 dev eth0 src 192.0.2.5 metric 100
	ip route add 198.18.5.1 dev eth0 scope link
	ip route add 198.18.6.0/24 via 198.18.5.1
	ip route add 198.18.0.0/24 via 192.0.2.1 table 77
	ip route add 198.18.1.0/24 via 192.0.2.1 mtu 1400 advmss 1300
	ip route add 198.18.2.0/24 nexthop via 192.0.2.1 dev eth0 weight 2 nexthop via 192.0.2.2 dev eth0 weight 1
	ip route add 198.18.3.0/24 via 203.0.113.9 dev eth0 onlink
	ip route add 198.18.4.0/24 via inet6 2001:db8:2::1 dev eth0
	ip -6 route add 2001:db8:77::/48 via 2001:db8:2::1 metric 50
	ip -6 route add 2001:db8:78::/48 via 2001:db8:2::1 mtu 1400 table 77
}
host_up
check ra-before wait_for 30 has_ra
remember
mac=$(ip -j link show eth0 | jq -r '.[0].address')

lan ConfirmTimeout=10s
netd_start

# A flow of the host goes on during the move.
mkfifo $root/phases
"$world/tools/netd-flow" flow 192.0.2.1 7000 <$root/phases >$root/flow &
flow_pid=$!
exec 7<>$root/phases
echo before >&7
busybox usleep 100000
echo move >&7
check start client start lan
check flow-after wait_for 10 ping4
check flow-after6 wait_for 10 ping6
echo after >&7
equal state running "$(state lan)"
check is-port bridged
equal mac "$mac" "$(ip -j link show br0 | jq -r '.[0].address')"
equal nothing-on-card '[]' "$(ip -j addr show dev eth0 | jq -c '.[0].addr_info')"
check_moved moved
equal no-route-by-card '' "$(ip route show table all dev eth0 | grep -v '^multicast')"
equal plan-empty '' "$(plan)"
equal kept kept "$(phase)"
equal accept-ra '2 0' "$(cat /proc/sys/net/ipv6/conf/br0/accept_ra /proc/sys/net/ipv6/conf/eth0/accept_ra | tr '\n' ' ' | sed 's/ $//')"
equal nf-call '0 0' "$(ip -d -j link show br0 | jq -r '.[0].linkinfo.info_data | "\(.nf_call_iptables) \(.nf_call_ip6tables)"')"
equal no-rule '' "$(nft list ruleset | grep br0)"

# A guest is a host of the LAN.
ip link add port0 type veth peer name eth0 netns guest
ip link set port0 master br0 up
ip -n guest link set eth0 up
printf '#!/bin/sh\n[ "$1" = bound ] && ip addr add $ip/24 dev $interface && echo $ip >%s\n' $root/lease >$root/udhcpc
chmod 755 $root/udhcpc
ip netns exec guest busybox udhcpc -i eth0 -f -q -n -t 20 -T 1 -A 1 -s $root/udhcpc >/dev/null 2>&1
matches guest-lease '^192\.0\.2\.1[0-5][0-9]$' "$(cat $root/lease)"
check guest-to-lan ip netns exec guest busybox ping -c1 -W2 192.0.2.1
check guest-to-host ip netns exec guest busybox ping -c1 -W2 192.0.2.5
guest_ra() { ip -n guest -6 addr show dev eth0 scope global | grep -q inet6; }
check guest-ra wait_for 20 guest_ra

# What is lost comes back; what somebody puts on the card comes to the bridge.
put_right() { kept && moved && [ "$(ip -j addr show dev eth0 | jq -c '.[0].addr_info')" = '[]' ]; }
check_right() { if wait_for 20 put_right; then pass "$1"; else fail "$1" "$(cat $root/diff; report lan problem)"; fi; }
ip addr del 192.0.2.5/24 dev br0
check_right address-lost
ip route del default via 192.0.2.1
check_right route-lost
ip link set eth0 nomaster
check_right card-pulled-off
ip link del br0
check_right bridge-deleted
ip link set port0 master br0 up
ip addr del 192.0.2.77/24 dev br0
ip addr add 192.0.2.77/24 dev eth0 valid_lft 7200 preferred_lft 7200	# a DHCP client that renews
check_right lease-renewed
matches lease-longer '^(7[01][0-9][0-9]|7200)$' "$(ip -j addr show dev br0 | jq -r '.[0].addr_info[] | select(.local == "192.0.2.77") | .valid_life_time')"

# A second card
ip link add eth1 type veth peer name other
ip link set eth1 up; ip link set other up
ip link set eth1 master br0

# The daemon comes and goes; then everything goes back.
kill -9 $netd_pid; reap $netd_pid
equal left-alone-when-killed kept "$(phase)"
check left-bridged bridged
netd_start 7>&-
check adopted wait_for 20 kept
equal adopted-plan '' "$(plan)"
ip link set eth1 nomaster
check stop client stop lan
check_restored stop-restores
equal stop-state stopped "$(state lan)"
check stop-flow wait_for 10 ping4
check stop-ra wait_for 20 has_ra
echo end >&7
exec 7>&-
reap $flow_pid
cat $root/flow

# On trial: somebody has to say that it is good.
lan ConfirmTimeout=1s
client reload
check confirm-nothing eval '! client confirm lan'

# The gateway does not answer any more: what the bridge asks is dropped.
silence
say start lan >$root/said
matches gateway-silent 'the gateway 192.0.2.1 did not answer any more' "$(cat $root/said)"
check_restored gateway-silent-undone
check gateway-silent-failed failed
nft delete table bridge t
# Nor did it before.
in_gw nft add table bridge t
in_gw nft add chain bridge t c '{ type filter hook input priority 0; }'
in_gw nft add rule bridge t c ether type arp drop
in_gw nft add rule bridge t c icmpv6 type nd-neighbor-solicit drop
said=$(say start lan)
matches gateway-silent-before 'does not answer now' "$said"
check_restored gateway-silent-before-untouched
in_gw nft delete table bridge t
client stop lan

# On trial: somebody has to say that it is good.
lan ConfirmTimeout=1s
client reload
tried() {	# ANSWER: what is typed; a terminal is where it is asked
	script -qec "\"$BIN/guestnet\" start lan" /dev/null <<<"$1"
}
if need terminal script && mkdir /dev/pts && mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && ln -s pts/ptmx /dev/ptmx; then
	lan ConfirmTimeout=20s; client reload
	matches ask-yes 'keep this\? reverting in [12]?[0-9] s' "$(tried y)"
	check ask-yes-kept kept
	client stop lan
	matches ask-no 'everything is as before' "$(tried n)"
	check_restored ask-no-undone
	lan ConfirmTimeout=1s; client reload
	mkfifo $root/silence
	script -qec "\"$BIN/guestnet\" start lan" /dev/null <>$root/silence >/dev/null
	check_restored ask-nobody-undone
	client stop lan
fi

# Killed at each step of the move; what comes after completes it.
lan ConfirmTimeout=10s Autostart=yes
end_netd() { kill $netd_pid 2>/dev/null; reap $netd_pid; }
end_netd
clear_all() { "$BIN/guestnetd" "${roots[@]}" --teardown >>$root/log 2>&1; wait_for 10 restored; }
trace=(env "ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" strace -f -qq -o /dev/null -e)
rm -f $root/run/lan.wanted
exec 8>&2 2>/dev/null		# the shell tells of each that was killed
bad=0 killed=0 between=0
for point in openat:lan.card.new rename:1 sendto:12 sendto:18 sendto:24 sendto:30 sendto:36 sendto:42 sendto:48 sendto:54 sendto:60 sendto:66 sendto:72 sendto:80 sendto:90 sendto:100; do
	clear_all || { bad=$((bad + 1)); echo "before $point: not clear: $(cat $root/diff)"; }
	rm -f $root/run/bus.sock $root/run/lan.wanted
	what=${point%%:*} when=${point#*:}
	[ $what = openat ] && when=80
	"${trace[@]}" "inject=$what:signal=KILL:when=$when" "$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 &
	pid=$!
	over() { ! kill -0 $pid || [ -S $root/run/bus.sock ]; }
	wait_for 20 over
	kill -0 $pid || killed=$((killed + 1))
	child=$(cat /proc/$pid/task/$pid/children)
	[ -z "$child" ] || kill -9 $child
	reap $pid
	[ -e $root/run/lan.card ] && between=$((between + 1))
	rm -f $root/run/bus.sock
	netd_start
	if ! wait_for 15 put_right; then
		bad=$((bad + 1))
		echo "killed at $point: $(state lan) $(report lan problem) $(cat $root/diff)"
	fi
	end_netd
done
exec 2>&8 8>&-
equal killed-converges 0 $bad
matches killed-happened '^([6-9]|1[0-9])$' $killed
echo "killed in $killed rounds, $between of them with a file that was left"

# One message after the other refused: all of it is moved in the end, or, until then, all of it is on the card.
bad=0
exec 8>&2 2>/dev/null
for n in 20 26 32 38 44 50; do
	clear_all || { bad=$((bad + 1)); echo "before message $n: not clear: $(cat $root/diff)"; }
	rm -f $root/run/bus.sock $root/run/lan.wanted
	"${trace[@]}" "inject=sendto:error=EPERM:when=$n" "$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 &
	pid=$!
	over() { ! kill -0 $pid || [ -S $root/run/bus.sock ]; }
	wait_for 20 over
	if ! kill -0 $pid; then
		reap $pid
		rm -f $root/run/bus.sock
		"${trace[@]}" "trace=none" "$BIN/guestnetd" "${roots[@]}" >>$root/log 2>&1 &
		pid=$!
	fi
	if ! wait_for 15 put_right; then
		bad=$((bad + 1))
		echo "message $n refused: $(state lan) $(report lan problem) $(cat $root/diff)"
	fi
	child=$(cat /proc/$pid/task/$pid/children)
	[ -z "$child" ] || kill $child
	reap $pid
done
exec 2>&8 8>&-
equal refused-converges 0 $bad

# The time of a trial is over while no daemon is there: everything goes back.
clear_all
lan ConfirmTimeout=4s Autostart=no
rm -f $root/run/bus.sock
netd_start
begin_trial() {
	silence
	client start lan >/dev/null 2>&1 &
	client_pid=$!
	wait_for 10 bridged
}
begin_trial
check trial-begun bridged
kill -9 $netd_pid; reap $netd_pid
rm -f $root/run/bus.sock
wait_for 10 eval "[ \$(cut -d. -f1 /proc/uptime) -gt $(($(cut -d. -f1 /proc/uptime) + 4)) ]"
netd_start
ended $client_pid
check_restored trial-over-without-daemon
nft delete table bridge t
check trial-over-failed failed
# One that is told to end undoes it first.
lan ConfirmTimeout=60s; client reload
begin_trial
check trial-before-end bridged
end_netd
ended $client_pid
nft delete table bridge t
same_as_before
equal trial-ended-by-end '' "$(cat $root/diff)"
rm -f $root/run/bus.sock
netd_start

# Cards that are somebody else's, or no cards.
refused_with() { client stop lan; said=$(say start lan); matches "$1" "$2" "$said"; }
nic=$(cat /sys/class/net/eth0/ifindex 2>/dev/null || ip -j link show eth0 | jq '.[0].ifindex')
mkdir -p /run/systemd/netif/links /run/NetworkManager/devices
printf 'ADMIN_STATE=configured\n' >/run/systemd/netif/links/$nic
refused_with networkd 'systemd-networkd manages eth0'
matches networkd-says-what 'networkctl reload' "$(report lan fix)"
printf 'ADMIN_STATE=unmanaged\n' >/run/systemd/netif/links/$nic
client stop lan
check unmanaged client start lan
printf '[device]\nmanaged=true\n' >/run/NetworkManager/devices/$nic
ip addr add 192.0.2.99/24 dev br0
owner_said() { [ "$(state lan)" = degraded ] && [[ $(report lan problem) == *"NetworkManager manages eth0"* ]]; }
check owner-came-later wait_for 10 owner_said
ip addr del 192.0.2.99/24 dev br0
printf '[device]\nmanaged=true\n' >/run/NetworkManager/devices/$nic
refused_with networkmanager 'NetworkManager manages eth0'
matches networkmanager-says-what 'nmcli connection add type bridge' "$(report lan fix)"
client stop lan
rm /run/NetworkManager/devices/$nic
check_restored owners-untouched
ip link add eth2 type veth peer name other2
ip link add other0 type bridge
ip link set eth2 master other0
network lan '[Network]' Mode=bridge Uplink=eth2 Bridge=br0 Autostart=no; client reload
refused_with port-of-another 'eth2 is a port of other0 already'
network lan '[Network]' Mode=bridge Uplink=lo Bridge=br0 Autostart=no; client reload
refused_with loopback 'loopback'
network lan '[Network]' Mode=bridge Uplink=other0 Bridge=br0 Autostart=no; client reload
refused_with a-bridge 'other0 is no network card but a bridge'
network lan '[Network]' Mode=bridge Uplink=nothing Bridge=br0 Autostart=no; client reload
refused_with missing 'there is no interface nothing'
network lan; client reload

# virsh's words; and a file that goes takes the move with it.
check iface-bridge client iface-bridge eth0 br0
check iface-bridge-kept bridged
equal iface-bridge-autostart true "$(client status br0 --json | jq -r '.[0].autostart')"
check iface-unbridge client iface-unbridge br0
check_restored iface-unbridge-restores
lan; client reload
check start-again client start lan
network lan; client reload
check_restored file-gone
lan; client reload
client start lan
nets_done
check_restored teardown-restores
