#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet doctor: on a healthy host it finds nothing; each fault that is planted is found, by its check and by no other;
# and when what it says is done, it is gone.
suite=doctor
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
need all nft jq bridge busybox dnsmasq || exit 0

root=$world/netd
mkdir -p $root/{etc/networks,vendor/networks,state,run}
cp "$top"/netd/networks/default.network $root/vendor/networks/
export GUESTNET_BUS=unix:path=$root/run/bus.sock
start_netd() {
	"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run \
		--service-user=65534 >$root/log 2>&1 &
	netd_pid=$!
	running() { [ "$("$BIN/guestnet" status default --json 2>/dev/null | jq -r '.[0].state' 2>/dev/null)" = running ]; }
	wait_for 60 running || { fail daemon "$(tail -n 3 $root/log)"; exit 1; }
}
# A host with a way out, the helper in its place, a policy.
ip link add up0 type veth peer name up1
ip addr add 198.51.100.2/24 dev up0
ip link set up0 up
ip link set up1 up
ip route add default via 198.51.100.1
installed=$(world_path PATH_HELPER)
world_replace "$(dirname "$installed")" 2>/dev/null
install -m 755 "$BIN/guestnet-bridge-helper" "$installed" && setcap cap_net_admin=p "$installed"
world_policy 'allow default'
# There may be no vhost-net here.
mknod -m 666 /dev/vhost-net c 10 238
start_netd

doctor() { "$BIN/guestnet" doctor --json "$@" 2>&1; }
# What is not well, as CHECK:VERDICT, sorted.
found() { doctor | jq -r '.[] | select(.verdict != "ok") | "\(.check):\(.verdict)"' 2>&1 | sort -u | tr '\n' ' '; }
evidence() { doctor | jq -r --arg check "$1" '.[] | select(.check == $check) | .evidence'; }
healthy() { [ -z "$(found)" ]; }

check healthy wait_for 20 healthy
"$BIN/guestnet" doctor >$tmp/out
equal healthy-status 0 $?
equal healthy-lines "$(doctor | jq length)" "$(grep -c '^ok ' $tmp/out)"

# planted ID CHECK:VERDICT REGEX: exactly that is found, and its evidence says what.
planted() {
	equal "$1" "$2 " "$(found)"
	matches "$1-evidence" "$3" "$(evidence "${2%%:*}")"
}
# mended ID COMMAND...: nothing is found any more.
mended() {
	local id=$1
	shift
	"$@"
	equal "$id" '' "$(found)"
}
fixed() { mended "$1" "$BIN/guestnet" doctor --fix --json >/dev/null; equal "$1" '' "$(found)"; }

chmod 600 /dev/net/tun
planted tun-mode tun:problem 'mode 600'
"$BIN/guestnet" doctor >$tmp/out
equal degraded-status 5 $?
fixed tun-mode-fixed
mv /dev/net/tun /dev/net/away
planted tun-missing tun:problem 'No such file'
mknod -m 666 /dev/net/tun c 1 3
planted tun-other tun:problem 'not the device that makes taps'
mended tun-missing-mended mv /dev/net/away /dev/net/tun
touch $tmp/none
mount --bind $tmp/none /usr/sbin/dnsmasq
planted dnsmasq-missing dnsmasq:problem 'nobody to give guests addresses'
mended dnsmasq-missing-mended umount /usr/sbin/dnsmasq

cp --remove-destination "$BIN/guestnet-bridge-helper" "$installed"
planted helper-lost helper:problem 'neither its file capability'
fixed helper-lost-fixed
planted_nnp() { setpriv --no-new-privs "$BIN/guestnet" doctor --json | jq -r '.[] | select(.check == "helper") | .verdict'; }
equal helper-no-new-privs note "$(planted_nnp)"
mv "$installed" "$installed.away"
planted helper-missing helper:problem 'No such file'
mended helper-missing-mended mv "$installed.away" "$installed"
mount -o remount,nosuid "$(dirname "$installed")"
planted helper-nosuid helper:problem 'mounted nosuid'
mended helper-nosuid-mended mount -o remount,suid "$(dirname "$installed")"

world_policy 'allow defualt isolted'
planted policy-wrong policy:problem 'isolted'
world_policy 'allow nobridge'
planted policy-no-bridge policy:note 'no bridge nobridge, and no network of that name .there is gn-default.'
world_policy 'allow up0'
planted policy-not-a-bridge policy:problem 'up0 is not a bridge'
world_policy 'allow default'
chmod 666 $policy_file
planted policy-writable policy:problem "$policy_file"
mended policy-mended world_policy 'allow default'
chmod 600 $policy_file
planted policy-unreadable policy:problem 'mode 600: the helper reads it as its caller'
mended policy-unreadable-mended sh -c "$(doctor | jq -r '.[] | select(.check == "policy") | .fix')"
mv $policy_file $policy_file.away
planted policy-missing policy:problem 'No such file'
mended policy-missing-mended mv $policy_file.away $policy_file

# Firewalls of others, and whether what is said to help does.
nft 'add table inet strange; add chain inet strange in { type filter hook input priority 5; }; add rule inet strange in iifname "gn-*" udp dport 67 drop'
planted firewall-request firewalls:problem "DHCP requests are dropped by rule 1 of chain in in table inet strange: iifname .gn-\*. udp dport 67 drop$"
nft 'flush chain inet strange in; add chain inet strange out { type filter hook output priority 5; policy drop; }; add rule inet strange out tcp dport 1-65535 accept'
nft 'add rule inet strange out meta l4proto { icmp, ipv6-icmp } accept'
planted firewall-reply firewalls:problem 'DHCP replies to guests are dropped by the policy of chain out in table inet strange'
nft 'delete table inet strange'
healthy_again() { wait_for 20 healthy; }
check firewall-gone healthy_again
nft 'add table inet strange; add chain inet strange through { type filter hook forward priority 5; }; add rule inet strange through tcp dport 443 reject'
planted firewall-out firewalls:problem 'packets to the outside are dropped by rule 1 of chain through'
nft 'delete table inet strange'
check firewall-out-gone healthy_again

# A tap as QEMU leaves it with script=no.
ip tuntap add dev lonely mode tap
planted tap-lonely taps:problem 'tap lonely is down and on no bridge'
equal tap-told '["lonely"]' "$("$BIN/guestnet" status --json | jq -c '[.[].stray_taps[]]')"
equal tap-told-where default "$("$BIN/guestnet" list --json | jq -r '.[] | select(.stray_taps != []).name')"
fixed tap-adopted
equal tap-adopted-where gn-default "$(ip -j link show lonely | jq -r '.[0].master')"
ip link delete lonely
ip tuntap add dev vpn0 mode tun
equal tun-is-no-tap '' "$(found)"
ip link delete vpn0

# A bridge that keeps its ports silent.
ip link add br9 type bridge stp_state 1 forward_delay 1500
planted stp stp:problem 'bridge br9 uses STP: a new port says nothing for 30 s'
mended stp-mended sh -c "$(doctor | jq -r '.[] | select(.check == "stp") | .fix')"
ip link add small type veth peer name small1
ip link set small mtu 1400 master br9
ip link set br9 mtu 1500 2>/dev/null
planted mtu mtu:problem 'port small has an MTU of 1400, its bridge br9 one of 1500'
fixed mtu-fixed
ip link delete small
ip link delete br9

# One that another bridge tells its delay: this one has none of its own.
ip netns add far
ip link add br9 type bridge stp_state 1 forward_delay 200
ip link add port9 type veth peer name port0 netns far
ip -n far link add brf type bridge stp_state 1 forward_delay 3000 priority 0
ip -n far link set port0 master brf up
ip -n far link set brf up
ip link set port9 master br9 up
ip link set br9 up
follows() { [ "$(cat /sys/class/net/br9/bridge/forward_delay)" = 3000 ]; }
check stp-follows wait_for 30 follows
planted stp-not-root stp:problem 'another bridge is the root and sets its forward delay: a new port says nothing for 60 s'
ip link del br9
ip netns del far
check stp-gone wait_for 20 healthy

# What stays inside a bridge is shown to a firewall that drops it.
sysctl -qw net.bridge.bridge-nf-call-iptables=1
nft 'add table inet strange; add chain inet strange through { type filter hook forward priority 5; }; add rule inet strange through udp sport 68 drop'
planted bridge-netfilter bridge-netfilter:problem 'br_netfilter shows .* gn-default, and it is dropped by rule 1 of chain through'
mended bridge-netfilter-mended sh -c "$(doctor | jq -r '.[] | select(.check == "bridge-netfilter") | .fix')"
nft 'delete table inet strange'

# A guest that does not see its host.
if ip link add link up0 name mv0 type macvtap 2>/dev/null; then
	planted macvtap macvtap:note 'its guest and this host cannot reach each other'
	mended macvtap-mended ip link del mv0
else
	skip macvtap 'this kernel has no macvtap'
fi

# Two guests with one address; a route that leads where the network is; somebody else at port 53.
for name in one two; do
	ip netns add $name
	ip link add port-$name type veth peer name eth0 netns $name
	ip -n $name link set eth0 address 52:54:00:00:00:01
	ip -n $name link set eth0 up
	ip link set port-$name master gn-default up
done
gateway=$(ip -4 -j addr show dev gn-default | jq -r '.[0].addr_info[0].local')
talk() { for name in one two; do ip netns exec $name busybox arping -q -c 1 -w 1 -I eth0 "$gateway" >/dev/null 2>&1; done; }
twins() { talk; [[ $("$BIN/guestnet" status default --json | jq -r '.[0].problem') == *'two guests have the MAC'* ]]; }
check twins-seen wait_for 60 twins
planted twins networks:problem 'two guests have the MAC address 52:54:00:00:00:01: one on port port-'
for name in one two; do ip netns del $name; done
check twins-gone wait_for 60 healthy
# Without a guest the network would be elsewhere before anybody has read this.
ip link add port-idle type veth peer name idle
ip link set port-idle master gn-default up
ip route add "${gateway%.*}.128/25" via 198.51.100.1
overlaps() { [[ $("$BIN/guestnet" status default --json | jq -r '.[0].problem') == *'the host has a route to'* ]]; }
check overlap-seen wait_for 20 overlaps
planted overlap networks:problem "the host has a route to ${gateway%.*}.128/25 by up0, which is inside .*: what is sent to guests .* goes there; the network moves to another prefix when its last guest has left, or at once with guestnet renumber"
ip route del "${gateway%.*}.128/25"
check overlap-gone wait_for 20 healthy
ip link del port-idle
printf 'port=53\nno-resolv\nno-hosts\nlog-facility=-\n' >$tmp/system.conf
system_dnsmasq() {
	dnsmasq -k -C $tmp/system.conf --pid-file= --user=root >/dev/null 2>&1 &
	system_pid=$!
}
# It was there first: at the boot, say.
ended $netd_pid
kill "$(cut -d' ' -f1 $root/run/dnsmasq/default.pid)"
port_is_free() { ! ss -Huln 'sport = 53' | grep -q .; }
check port-free wait_for 20 port_is_free
system_dnsmasq
wait_for 20 sh -c "ss -Huln 'sport = 53' | grep -q ."
"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run \
	--service-user=65534 >>$root/log 2>&1 &
netd_pid=$!
held() { [[ $("$BIN/guestnet" status default --json | jq -r '.[0].problem') == *'held by dnsmasq'* ]]; }
check port-held-seen wait_for 30 held
planted port-held networks:problem "port 53 of $gateway is held by dnsmasq .pid $system_pid.: .*three lines .*bind-interfaces; except-interface=gn-default; except-interface=lo"
# And what it says, done.
doctor | jq -r '.[] | select(.check == "networks") | .evidence' | sed 's/.*restart: //; s/; /\n/g' >>$tmp/system.conf
ended $system_pid
system_dnsmasq
check port-held-mended wait_for 60 healthy
ended $system_pid

# A network whose replies nobody completes, as its file says.
mkdir -p $root/etc/networks/default.network.d
printf '[Network]\nDHCPChecksum=off\n' >$root/etc/networks/default.network.d/off.conf
"$BIN/guestnet" reload
planted checksum checksum:problem 'nothing completes the checksums of DHCP replies here; a guest on vhost or veth'
# Where no addresses are given out there are no replies.
printf '[Network]\nDHCPChecksum=off\n[DHCP]\nEnable=no\n' >$root/etc/networks/default.network.d/off.conf
"$BIN/guestnet" reload
equal checksum-unneeded none "$("$BIN/guestnet" status default --json | jq -r '.[0].checksum')"
check checksum-unneeded-well healthy_again
rm -r $root/etc/networks/default.network.d
"$BIN/guestnet" reload
check checksum-mended healthy_again

# A bridge that leads to nobody who gives out addresses, and then to somebody.
ip netns add office
world_bridge br8
ip link add port-office type veth peer name eth0 netns office
ip link set port-office master br8 up
ip -n office addr add 192.0.2.1/24 dev eth0
ip -n office link set eth0 up
printf '[Network]\nMode=bridge\nBridge=br8\n' >$root/etc/networks/lan.network
"$BIN/guestnet" reload
planted no-answer dhcp-answer:note 'network lan: nobody answers DHCP on br8'
printf 'port=0\nno-resolv\nbind-interfaces\ninterface=eth0\nno-ping\ndhcp-authoritative\ndhcp-range=192.0.2.100,192.0.2.199,1h\ndhcp-leasefile=%s\n' \
	$tmp/office.leases >$tmp/office.conf
ip netns exec office dnsmasq -k -C $tmp/office.conf --pid-file= --user=root >/dev/null 2>&1 &
office_pid=$!
check answer wait_for 20 healthy
equal answer-took-nothing '' "$(cat $tmp/office.leases 2>/dev/null)"
ended $office_pid
rm $root/etc/networks/lan.network
"$BIN/guestnet" reload
ip link del br8
check answer-gone wait_for 20 healthy

mkdir /run/NetworkManager
planted networkmanager networkmanager:problem 'NetworkManager runs'
# What is said to help can be given to a shell.
check fixes-are-commands sh -nc "$(doctor | jq -r '.[] | select(.fix != "") | .fix')"
mended networkmanager-mended sh -c 'mkdir -p /etc/NetworkManager/conf.d && echo >/etc/NetworkManager/conf.d/90-guestnet.conf'
rm -r /run/NetworkManager
rm /dev/vhost-net
planted vhost vhost:note 'no /dev/vhost-net'
mknod -m 666 /dev/vhost-net c 10 238

# A network that somebody stopped; one whose file is wrong.
"$BIN/guestnet" stop default
planted stopped networks:problem 'default starts by itself, and is stopped'
"$BIN/guestnet" start default
check stopped-mended healthy_again
echo '[Netwrok]' >$root/etc/networks/broken.network
"$BIN/guestnet" reload
planted broken-file networks:problem 'broken.network:1'
rm $root/etc/networks/broken.network
"$BIN/guestnet" reload
check broken-file-mended healthy_again

# Without the daemon, what it would say is missing, and nothing else is wrong with a host that it has left alone.
kill -9 $netd_pid
reap $netd_pid
asks=(card-loop card-lost card-owner card-trial checksum delegated dhcp-answer firewalls networks stray-card)
equal unknown "${asks[*]/%/:skipped} " "$(found | tr ' ' '\n' | grep :skipped | tr '\n' ' ')"
matches unknown-evidence '^every network is as its file says. guestnetd does not answer$' "$(evidence networks)"
found() { doctor | jq -r '.[] | select(.verdict != "ok" and .verdict != "skipped") | "\(.check):\(.verdict)"' 2>&1 | sort -u | tr '\n' ' '; }
planted daemon daemon:problem 'does not answer'
# Here no service manager could start it, and --fix does not try.
equal daemon-fix 'guestnetd & false' "$(doctor | jq -r '.[] | select(.check == "daemon") | "\(.fix) \(.safe)"')"
matches daemon-says 'start it: guestnetd, as root' "$("$BIN/guestnet" list 2>&1)"
# Without it nobody turns forwarding on again; who has written it down is named.
echo 'net.ipv4.ip_forward = 0' >/etc/sysctl.d/10-strange.conf
echo 0 >/proc/sys/net/ipv4/ip_forward
equal forwarding 'daemon:problem forwarding:problem ' "$(found)"
matches forwarding-evidence 'ip_forward is 0: no guest gets out ./etc/sysctl.d/10-strange.conf:1 says so.' "$(evidence forwarding)"
sh -c "$(doctor | jq -r '.[] | select(.check == "forwarding") | .fix')" >/dev/null
equal forwarding-mended 'daemon:problem ' "$(found)"
if command -v iptables-legacy >/dev/null && iptables-legacy -A INPUT -p tcp --dport 1 -j DROP 2>/dev/null; then
	equal legacy 'daemon:problem legacy-iptables:note ' "$(found)"
else
	skip legacy 'no iptables-legacy here'
fi
# What only root may see is said to be skipped, not well.
equal unprivileged 'skipped: reading all firewall rules needs CAP_NET_ADMIN: call it as root' \
	"$(setpriv --reuid $alice --clear-groups "$BIN/guestnet" doctor --json |
		jq -r '.[] | select(.check == "firewalls") | "\(.verdict): \(.evidence)"' | head -n 1)"
