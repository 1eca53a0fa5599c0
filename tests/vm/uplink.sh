#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode=bridge with Uplink= beside those who manage network cards: the real systemd-networkd and the real NetworkManager, in a
# Debian system of its own with network cards. card0 and card3 are networkd's, card1 and card4 NetworkManager's, card2 is
# nobody's; there are three LANs in the namespace "lan", with a DHCP server and a router.
#
# First boot: of the first two we say whose they are, and what we print is written: the bridges are theirs, and guests of ours
# are on them. The third moves to a bridge of ours. They leave that, and our taps, alone. Second: all of it is so after a
# reboot; and cards that a network is to have from the start, and that are theirs, are theirs.
suite=vm.uplink
packages=dbus,polkitd,udev,network-manager
nics=(-nic none)
for n in 0 1 2; do
	nics+=(-netdev "hubport,id=card$n,hubid=$n" -device "virtio-net-pci,netdev=card$n,mac=52:54:00:00:01:0$n"
		-netdev "hubport,id=lan$n,hubid=$n" -device "virtio-net-pci,netdev=lan$n,mac=52:54:00:00:02:0$n")
done
for n in 3 4; do
	nics+=(-netdev "hubport,id=card$n,hubid=$((n - 3))" -device "virtio-net-pci,netdev=card$n,mac=52:54:00:00:01:0$n")
done
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/system.bash"
system_modules+=' virtio_net'

devices() { printf 'sys-subsystem-net-devices-%s.device ' lan0 lan1 lan2 card2; }
# For the system: names for the cards, the LANs before anybody asks them for an address.
prepare() {
	BIN=build/usr/bin prefix=/usr DESTDIR=$root bash tools/install >"$work/install" 2>&1 || { fail install "$(cat "$work/install")"; exit 1; }
	local units=$root/etc/systemd/system networkd=$root/etc/systemd/network n
	mkdir -p "$networkd" "$root/etc/NetworkManager/conf.d"
	for n in 0 1 2 3 4; do
		printf '[Match]\nPermanentMACAddress=52:54:00:00:01:0%d\n[Link]\nName=card%d\n' $n $n >"$networkd/10-card$n.link"
		printf '[Match]\nPermanentMACAddress=52:54:00:00:02:0%d\n[Link]\nName=lan%d\n' $n $n >"$networkd/10-lan$n.link"
	done
	printf '[Match]\nName=card3\n[Network]\nDHCP=ipv4\n' >"$networkd/20-card3.network"
	cat >"$root/guestnet/lan" <<-'S'
		#!/bin/bash
		ip netns add lan
		for n in 0 1 2; do
			ip link set lan$n netns lan
			ip -n lan addr add 192.0.$n.1/24 dev lan$n
			ip -n lan link set lan$n up
			dhcp+=(--dhcp-range=192.0.$n.100,192.0.$n.150,1h --interface=lan$n)
		done
		ip netns exec lan dnsmasq --conf-file=/dev/null --port=0 --bind-interfaces --no-ping "${dhcp[@]}" \
			--dhcp-leasefile=/run/lan.leases --user=root --pid-file=
		# Nobody manages this one; what it has stands in a script.
		ip addr add 192.0.2.7/24 dev card2
		ip link set card2 up
		ip route add default via 192.0.2.1 metric 2000
	S
	cat >"$units/lan.service" <<-S
		[Unit]
		DefaultDependencies=no
		Wants=$(devices)
		After=$(devices)
		Before=network-pre.target guestnetd.service systemd-networkd.service NetworkManager.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/bash /guestnet/lan
	S
	ln -sf ../lan.service "$units/multi-user.target.wants/"
	rm "$units/systemd-networkd.service"
	ln -sf ../../../../usr/lib/systemd/system/systemd-networkd.service "$units/multi-user.target.wants/"
	printf '[Match]\nName=card0\n\n[Network]\nDHCP=ipv4\nAddress=198.51.100.7/24\n\n[Route]\nGateway=198.51.100.1\nDestination=198.18.0.0/16\n' >"$networkd/20-card.network"
	# Of all devices only the cards matter here.
	mkdir -p "$units/systemd-udev-trigger.service.d"
	printf '[Service]\nExecStart=\nExecStart=udevadm trigger --type=devices --action=add --subsystem-match=net\n' \
		>"$units/systemd-udev-trigger.service.d/net.conf"
	for n in e2scrub_reap.service e2scrub_all.timer fstrim.timer NetworkManager-dispatcher.service systemd-rfkill.socket \
		systemd-rfkill.service systemd-logind.service NetworkManager-wait-online.service systemd-hostnamed.service; do
		ln -sf /dev/null "$units/$n"
	done
	# Somebody who has all there is managed.
	printf '[Match]\nName=gn*\n[Network]\nDHCP=yes\n' >"$networkd/99-all.network"
	printf '[device-others]\nmatch-device=interface-name:card0;interface-name:card2;interface-name:card3;interface-name:br0\nmanaged=0\n' >"$root/etc/NetworkManager/conf.d/others.conf"
}
system_enter

# --- Inside.
report() { guestnet status "$1" --json 2>/dev/null | jq -r ".[0].$2"; }
running() { [ "$(state "$1")" = running ]; }
declare_network() {	# NAME LINE...
	printf '%s\n' '[Network]' Mode=bridge "${@:2}" >"/etc/guestnet/networks/$1.network"
	guestnet reload
}
no_port() { [ -e "/sys/class/net/$1" ] && [ ! -e "/sys/class/net/$1/master" ]; }
addresses() {	# CARD: a line for each
	local address
	while read -r _ _ _ address _; do echo "${address%/*}"; done < <(ip -4 -o addr show dev "$1")
}
leased() { addresses "$1" | grep -q '^192\.0\.[012]\.1[0-5][0-9]$'; }
bare() { [ -z "$(addresses "$1")" ]; }
reaches() { busybox ping -c1 -W2 -I "$1" "192.0.$2.1" >/dev/null 2>&1; }
cat >/run/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] && echo $ip >/run/lease
S
chmod 755 /run/udhcpc
lease() {	# NAMESPACE
	rm -f /run/lease
	timeout 40 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 20 -T 2 -A 1 -s /run/udhcpc >/dev/null 2>&1
	[ -s /run/lease ]
}
# A guest of a network: a namespace with a port that is called like a tap of ours, and a tap by the helper.
declare -A tap=()
guest() {	# ID NETWORK BRIDGE
	local held
	ip netns add "$2"
	ip link add "gn99_$2" type veth peer name eth0 netns "$2"
	ip link set "gn99_$2" master "$3" up
	ip -n "$2" link set eth0 up
	exec {held}> >(launch-helper /usr/libexec/guestnet-bridge-helper --br="$3" >"/run/tap-$2" 2>&1)
	wait_for 30 test -s "/run/tap-$2"
	tap[$2]=$(jq -r .tap "/run/tap-$2")
	[ "${tap[$2]}" != null ] || cat "/run/tap-$2"
	check "$1-lease" lease "$2"
}
check_left_alone() {	# ID NETWORK CARD BRIDGE
	check "$1-card" port_of "$3" "$4"
	check "$1-port" port_of "gn99_$2" "$4"
	check "$1-tap" port_of "${tap[$2]}" "$4"
	equal "$1-tap-addresses" '' "$(addresses "${tap[$2]}")"
}
nm_state() { nmcli -g DEVICE,STATE device | sed -n "s/^$1://p"; }
explain() {
	systemctl status guestnetd --no-pager -l
	journalctl -b -u guestnetd -u systemd-networkd -u NetworkManager --no-pager | tail -n 40
	ip addr
	guestnet status
}
# written ID OWNER NETWORK CARD NAME BRIDGE: who has the card is said; what is to be written is, by a shell; then the bridge is
# theirs, called so, with all that the card had.
written() {
	declare_network "$3" "Uplink=$4" "${@:7}"
	guestnet start "$3" >/guestnet/out 2>&1
	matches "$1-said" "$2 manages $4" "$(cat /guestnet/out)"
	matches "$1-says-what" "Bridge=$5 in the place of Uplink=$4" "$(cat /guestnet/out)"
	check "$1-untouched" leased "$4"
	report "$3" fix >/guestnet/fix
	if sh -e /guestnet/fix >/guestnet/out 2>&1; then pass "$1-written"; else fail "$1-written" "$(cat /guestnet/fix /guestnet/out)"; fi
	declare_network "$3" "Bridge=$5"
	guestnet start "$3"
	essential "$1-moved" wait_for 90 leased "$5"
	check_theirs "$1" "$3" "$4" "$5"
}
check_theirs() {	# ID NETWORK CARD BRIDGE
	local n=${3#card}
	check "$1-port" port_of "$3" "$4"
	check "$1-bare" wait_for 20 bare "$3"
	check "$1-reaches" wait_for 20 reaches "$4" "$n"
	matches "$1-address" "198\.51\.10$n\.7" "$(addresses "$4")"
	matches "$1-route" "via 198\.51\.10$n\.1 dev $4" "$(ip route show "198.1$((8 + n)).0.0/16")"
	check "$1-running" wait_for 30 running "$2"
}
check_refused() {	# ID OWNER NETWORK CARD
	check "$1-leased" wait_for 60 leased "$4"
	matches "$1-said" "^$2 manages $4" "$(report "$3" problem)"
	check "$1-no-port" no_port "$4"
}
check_ours() {	# ID
	equal "$1-address" 192.0.2.7 "$(addresses gn-own)"
	check "$1-port" port_of card2 gn-own
	check "$1-bare" bare card2
	check "$1-reaches" wait_for 20 reaches gn-own 2
}
at() { echo "$1 at $(cut -d. -f1 /proc/uptime) s"; }

if [ ! -e /guestnet/installed ]; then
	touch /guestnet/installed
	at start
	check install sh -c 'systemd-sysusers && systemd-tmpfiles --create guestnet.conf'
	printf 'allow all user=root\n' >>/etc/guestnet/bridge.conf
	check enable systemctl enable --now guestnetd
	guestnet stop default
	guestnet autostart default --disable
	at installed

	essential networkd-lease wait_for 60 leased card0
	written networkd systemd-networkd net card0 br0 br0 Bridge=br0
	guest networkd net br0
	at networkd

	essential nm-lease wait_for 90 leased card1
	old=$(nmcli -g GENERAL.CONNECTION device show card1)
	nmcli connection modify "$old" +ipv4.addresses 198.51.101.7/24 +ipv4.routes '198.19.0.0/16 198.51.101.1'
	nmcli device reapply card1 >/dev/null
	# Its own name would be one that NetworkManager is told to leave alone.
	written nm NetworkManager man card1 br-man br-man
	guest nm man br-man
	at NetworkManager

	# A real card on a bridge that is for guests alone: guestnetd and doctor say so, and doctor says it once.
	guestnet start default
	ip link set card2 master gn-default
	stray() { guestnet doctor --json | jq -r '.[] | select(.verdict != "ok" and (.evidence | contains("card2"))) | .check'; }
	stray_told() { [ "$(state default)" = degraded ] && [ "$(stray)" = stray-card ]; }
	check stray-card wait_for 20 stray_told
	equal stray-card-kind port-physical "$(report default problem_kind)"
	guestnet doctor --json | jq -r '.[] | select(.check == "stray-card") | .fix' >/guestnet/fix
	sh /guestnet/fix
	stray_gone() { [ "$(state default)" = running ] && [ -z "$(stray)" ]; }
	check stray-card-fixed wait_for 20 stray_gone
	guestnet stop default

	declare_network own Uplink=card2
	essential ours-moved wait_for 60 running own
	check_ours ours
	# A second card that nobody has named, on the bridge of one: told once, too, and what is printed helps.
	ip link set card3 master gn-own
	second() { guestnet doctor --json | jq -r '.[] | select(.verdict != "ok" and (.evidence | contains("network own"))) | .check'; }
	second_told() { [ "$(report own problem_kind)" = port-second ] && [ "$(second)" = card-loop ]; }
	check second-card wait_for 20 second_told
	guestnet doctor --json | jq -r '.[] | select(.check == "card-loop") | .fix' >/guestnet/fix
	sh /guestnet/fix
	second_gone() { running own && [ -z "$(second)" ] && no_port card3; }
	check second-card-fixed wait_for 20 second_gone
	guest ours own gn-own

	# They read everything again, and start again.
	networkctl reload
	networkctl reconfigure br0 card0
	systemctl restart systemd-networkd NetworkManager
	check networkd-again wait_for 60 leased br0
	check nm-again wait_for 60 leased br-man
	for n in "networkd-again net card0 br0" "nm-again man card1 br-man" "ours-again own card2 gn-own"; do check_left_alone $n; done
	check_ours ours-again
	matches networkd-leaves-ours unmanaged "$(networkctl list gn-own --no-legend)"
	equal nm-leaves-ours unmanaged "$(nm_state gn-own)"
	check lease-again lease own
	declare_network late3 Uplink=card3
	declare_network late4 Uplink=card4
	at first
	restart
fi

# --- After the reboot.
at second
head -n 4 /run/NetworkManager/devices/*
essential networkd-boot wait_for 60 leased br0
essential nm-boot wait_for 90 leased br-man
essential ours-boot wait_for 60 running own
check_theirs networkd-boot net card0 br0
check_theirs nm-boot man card1 br-man
check_ours ours-boot
check_refused networkd-late systemd-networkd late3 card3
check_refused nm-late NetworkManager late4 card4
guest networkd-boot net br0
guest nm-boot man br-man
guest ours-boot own gn-own
for n in "networkd-boot-guests net card0 br0" "nm-boot-guests man card1 br-man" "ours-boot-guests own card2 gn-own"; do check_left_alone $n; done
matches networkd-leaves-ours-boot unmanaged "$(networkctl list gn-own --no-legend)"
equal nm-leaves-ours-boot unmanaged "$(nm_state gn-own)"
# Given back, with both of them looking on.
check stop guestnet stop own
equal stop-address 192.0.2.7 "$(addresses card2)"
check stop-reaches wait_for 20 reaches card2 2
at end
finish
