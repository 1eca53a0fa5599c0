#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet doctor about network cards of the host: one on a bridge that is for guests alone; and of Mode=bridge with Uplink=
# all that can become of the move. Each fault is found by its own check and by no other; what is said to help does.
# Namespaces: this one is the host, with eth0; "gw" is the LAN with its gateway, "guest" is on no network at first.
#
# All devices of a namespace are virtual. A network card has an entry "device" in /sys: one is mounted over that of eth1.

suite=doctor-cards
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/lan.bash"
lan_setup
lan_card
installed=$(world_path PATH_HELPER)
world_replace "$(dirname "$installed")" 2>/dev/null
install -m 755 "$BIN/guestnet-bridge-helper" "$installed" && setcap cap_net_admin=p "$installed"
world_policy 'allow all'
mknod -m 666 /dev/vhost-net c 10 238
for n in iptables ip6tables; do
	[ ! -e /proc/sys/net/bridge/bridge-nf-call-$n ] || echo 0 >/proc/sys/net/bridge/bridge-nf-call-$n
done
check ra-before wait_for 30 has_ra
remember

doctor() { "$BIN/guestnet" doctor --json 2>&1; }
found() { doctor | jq -r '.[] | select(.verdict != "ok") | "\(.check):\(.verdict)"' 2>&1 | sort -u | tr '\n' ' '; }
of() { doctor | jq -r --arg check "$1" ".[] | select(.check == \$check) | .$2"; }	# CHECK MEMBER
healthy() { [ -z "$(found)" ]; }
finds() { [ "$(found)" = "$1 " ]; }
# planted ID CHECK:VERDICT REGEX: exactly that is found, and its evidence says what.
planted() {
	if wait_for 15 finds "$2"; then pass "$1"; else fail "$1" "want '$2', found '$(found)'"; fi
	matches "$1-evidence" "$3" "$(of "${2%%:*}" evidence)"
}
fixed() { if wait_for 15 healthy; then pass "$1"; else fail "$1" "found '$(found)' $(doctor | jq -r '.[].evidence' | grep .)"; fi; }
# What is printed for it, by a shell that has `guestnet` in its path.
mkdir $root/path
ln -s "$BIN/guestnet" $root/path/
say_and_do() { PATH=$root/path:$PATH sh -c "$(of "$1" fix)" >/dev/null 2>&1; }

# --- a card on a bridge that is for guests alone -----------------------------------------------
printf '#!/bin/sh\n[ "$1" = bound ] && echo $ip >%s\n' $root/lease >$root/udhcpc
chmod 755 $root/udhcpc
ip netns add office
ip link add eth1 type veth peer name desk netns office
ip -n office link set desk up
ip link set eth1 up
leaks() { rm -f $root/lease; timeout 20 ip netns exec office busybox udhcpc -i desk -f -q -n -t "$1" -T 1 -A 1 -s $root/udhcpc >/dev/null 2>&1; [ -s $root/lease ]; }
kept_apart() { ! leaks 3; }

network inner '[Network]' Mode=nat '[Address]' Address=10.99.1.1/24 Address=fd99::1/64
netd_start
check up wait_for 30 settled
fixed healthy
ip link set eth1 master gn-inner
equal port-of-a-guest '' "$(found)"
ip link set eth1 nomaster
mkdir -p $root/card/device
mount --bind $root/card /sys/devices/virtual/net/eth1 || exit 1
fixed card-elsewhere
ip link set eth1 master gn-inner
planted stray-card stray-card:problem 'network card eth1 is a port of gn-inner, the bridge of network inner .Mode=nat.: our DHCP server answers the LAN'
check stray-card-leaks leaks 15
matches stray-card-lease '^10\.99\.1\.' "$(cat $root/lease)"
say_and_do stray-card
fixed stray-card-fixed
check stray-card-apart kept_apart
# What lies on it leads there, too.
ip link add link eth1 name upper1 type macvlan mode bridge
ip link set upper1 master gn-inner up
planted stray-upper stray-card:problem 'network card upper1 is a port'
ip link del upper1
fixed stray-upper-gone
# A port of the card that leads to a guest is a guest's.
echo pf0vf1 >$root/card/phys_port_name
ip link set eth1 master gn-inner
equal representor '' "$(found)"
ip link set eth1 nomaster
umount /sys/devices/virtual/net/eth1

# --- Mode=bridge with Uplink= --------------------------------------------------------------------
network inner
lan ConfirmTimeout=2s
netd_reload
fixed uplink-declared
# On trial: whoever sees that all is well says so.
lan ConfirmTimeout=60s
client reload
silence
client start lan >/dev/null 2>&1 &
client_pid=$!
planted trial card-trial:note 'network lan: eth0 is in br0 on trial: it is undone unless the gateway 192.0.2.1 answers'
nft delete table bridge t
say_and_do card-trial
fixed trial-confirmed
ended $client_pid
equal trial-kept kept "$(phase)"
check trial-ping wait_for 10 ping4
client stop lan
check_restored trial-stopped
# Undone, because the gateway did not answer.
lan ConfirmTimeout=1s
client reload
silence
client start lan >/dev/null 2>&1
planted undone card-trial:problem 'network lan was undone: the gateway 192.0.2.1 did not answer any more with eth0 in br0: everything is on eth0 as before'
check undone-ping ping4
nft delete table bridge t
say_and_do card-trial
fixed undone-fixed
check undone-bridged bridged
check undone-fixed-ping ping4
# A guest's packet to the LAN fails while the card is away.
ip link add port0 type veth peer name eth0 netns guest
ip link set port0 master br0 up
ip -n guest addr add 192.0.2.90/24 dev eth0
ip -n guest link set eth0 up
guest_out() { ip netns exec guest busybox ping -c1 -W1 192.0.2.1 >/dev/null 2>&1; }
guest_cut() { ! guest_out; }
check guest-out wait_for 10 guest_out
ip link set eth0 netns office
planted lost card-lost:problem 'network lan: the network card eth0 is gone: guests on br0 reach only each other'
check lost-guest guest_cut
ip -n office link set eth0 netns $$
fixed lost-back
check lost-back-guest wait_for 20 guest_out
ip link del port0
client stop lan

# Another program has the card: before it was moved, and after.
nic=$(cat /sys/class/net/eth0/ifindex)
mkdir -p /run/systemd/netif/links
printf 'ADMIN_STATE=configured\n' >/run/systemd/netif/links/$nic
client start lan >/dev/null 2>&1
planted owner card-owner:problem 'network lan: systemd-networkd manages eth0, and would take it back: let it make the bridge'
matches owner-fix 'networkctl reload' "$(of card-owner fix)"
client stop lan
printf 'ADMIN_STATE=unmanaged\n' >/run/systemd/netif/links/$nic
fixed owner-gone
client start lan >/dev/null
printf 'ADMIN_STATE=configured\n' >/run/systemd/netif/links/$nic
ip addr add 192.0.2.99/24 dev br0
planted owner-later card-owner:problem 'systemd-networkd manages eth0'
rm -r /run/systemd
ip addr del 192.0.2.99/24 dev br0
fixed owner-later-gone
client stop lan
check_restored owner-stopped
# What is not moved at all.
network lan '[Network]' Mode=bridge Uplink=nothing Bridge=br0 Autostart=no
client reload
client start lan >/dev/null 2>&1
planted refused card-trial:problem 'network lan has not got its network card: there is no interface nothing'
client stop lan
lan ConfirmTimeout=10s
client reload
fixed refused-gone

# A second card.
ip link add eth2 address 02:00:00:00:00:06 type veth peer name host2 netns gw
ip -n gw link set host2 master lan0 up
lan ConfirmTimeout=10s Uplink=eth2
client reload >/dev/null 2>&1
planted loop card-loop:problem 'network lan: .*lan.network:[0-9]+: Uplink=eth2 is a second network card: .*say STP=yes'
equal loop-fix 'guestnet edit lan' "$(of card-loop fix)"
equal loop-kind file-second "$(report lan problem_kind)"
lan ConfirmTimeout=10s Uplink=eth2 STP=yes
client reload
fixed loop-guarded
ip addr add 192.0.2.66/24 dev eth2
client start lan >/dev/null 2>&1
second_refused() { [ "$(report lan uplink_state)" = second ]; }
check second-refused wait_for 20 second_refused
# This network speaks STP, as its file says.
equal second 'card-loop:problem stp:note ' "$(found)"
matches second-evidence 'network lan: Uplink=eth2: eth2 has an address, 192.0.2.66' "$(of card-loop evidence)"
ip addr del 192.0.2.66/24 dev eth2
second_in() { [ "$(master eth2)" = br0 ] && finds stp:note; }
check second-in wait_for 20 second_in
ip link set eth2 netns office
planted second-lost 'card-lost:problem stp:note' 'network lan: the second network card eth2 is gone$'
equal second-lost-state second-gone "$(report lan uplink_state)"
ip -n office link set eth2 netns $$
check second-back wait_for 20 second_in
client stop lan
nets_done
check_restored teardown-restores
