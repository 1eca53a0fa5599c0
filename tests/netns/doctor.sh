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
mended tun-missing-mended mv /dev/net/away /dev/net/tun

cp --remove-destination "$BIN/guestnet-bridge-helper" "$installed"
planted helper-lost helper:problem 'neither its file capability'
fixed helper-lost-fixed
planted_nnp() { setpriv --no-new-privs "$BIN/guestnet" doctor --json | jq -r '.[] | select(.check == "helper") | .verdict'; }
equal helper-no-new-privs note "$(planted_nnp)"
mv "$installed" "$installed.away"
planted helper-missing helper:problem 'No such file'
mended helper-missing-mended mv "$installed.away" "$installed"

world_policy 'allow defualt isolted'
planted policy-wrong policy:problem 'isolted'
world_policy 'allow nobridge'
planted policy-no-bridge policy:note 'no bridge nobridge'
world_policy 'allow up0'
planted policy-not-a-bridge policy:problem 'up0 is not a bridge'
world_policy 'allow default'
chmod 666 $policy_file
planted policy-writable policy:problem "$policy_file"
mended policy-mended world_policy 'allow default'

# Firewalls of others, and whether what is said to help does.
nft 'add table inet strange; add chain inet strange in { type filter hook input priority 5; }; add rule inet strange in iifname "gn-*" udp dport 67 drop'
planted firewall-request firewalls:problem "DHCP requests are dropped by rule 1 of chain in in table inet strange: iifname .gn-\*. .*th dport 67 drop"
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

mkdir /run/NetworkManager
planted networkmanager networkmanager:problem 'NetworkManager runs'
mended networkmanager-mended sh -c 'mkdir -p /etc/NetworkManager/conf.d && echo >/etc/NetworkManager/conf.d/guestnet.conf'
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
wait $netd_pid 2>/dev/null
planted daemon daemon:problem 'does not answer'
# What only root may see is said to be skipped, not well.
equal unprivileged skipped "$(setpriv --reuid $alice --clear-groups "$BIN/guestnet" doctor --json |
	jq -r '.[] | select(.check == "firewalls") | .verdict' | head -n 1)"
