#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# [Port]: what ports of guests may not do, with frames that no guest should send, and with what every guest has to say; by
# leases of a real dnsmasq; switched on and off while a guest talks; with the rules flushed, the port pulled, the daemon
# killed. And taps of the helper: under the rules from their first frame on, or not there at all.
# Namespaces: this one is the host; "web", "db" and "evil" are guests; "internet" is behind up0.

suite=netd-guards
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

declare -A mac=([web]=52:54:00:91:00:01 [db]=52:54:00:91:00:02 [evil]=52:54:00:91:00:03 [new]=52:54:00:91:00:04)
base=('[Network]' Mode=nat 'Ports=port-*' MACAddress=52:54:00:91:00:fe '[Address]' Address=10.91.1.1/24 Address=fd91::1/64
	'[DHCP]' Range=10.91.1.100-10.91.1.199 Range=fd91::100-fd91::1ff
	'[Host]' MACAddress=${mac[db]} Name=db Address=10.91.1.7 Address=fd91::7)
# Guests that forge are noticed as twins, which is no matter here: all is as planned.
as_planned() { [ -z "$(plan)" ]; }
reload() { client reload >/dev/null && wait_for 30 as_planned; }
guards() { network g "${base[@]}" '[Port]' "$@"; check "reload-$1" reload; }
has_table() { nft list table bridge guestnet; }
has_element() { nft list set bridge guestnet "$1" | grep -qF -- "$2"; }
no_element() { ! has_element "$@"; }
guards_of() { client ports g --json | jq -c --arg port "$1" '.[] | select(.port == $port) | .guards'; }
why() { equal "why-$1" "$2" "$(client why "${@:3}" --json | jq -r .reason)"; }
forge() { "$world/tools/forge-frame" "$1:eth0" "$2:eth0" "${mac[$1]}" "${@:3}"; }
passes() { equal "$1" passed "$(forge "${@:2}")"; }
drops() { equal "$1" dropped "$(forge "${@:2}")"; }
card() {	# NAME: a guest that has no address yet
	guest "$1" gn-g - -
	ip -n "$1" link set eth0 down
	ip -n "$1" link set eth0 address "${mac[$1]}"
	ip -n "$1" link set eth0 up
}
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
ip route replace default via $router
echo $ip >$LEASE
S
chmod 755 $root/udhcpc
lease() {	# NAME [OPTION...]: prints the address
	rm -f $root/lease
	LEASE=$root/lease timeout 40 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 30 -T 1 -A 1 -s $root/udhcpc "${@:2}" \
		>/dev/null 2>&1
	cat $root/lease
}

mkdir -p /run/guestnet
ln -s $root/run/tap.sock /run/guestnet/tap.sock
roots+=(--helper=$helper)
network g "${base[@]}"
netd_start
check up wait_for 30 settled
if ! nft add table bridge probe 2>/dev/null; then
	skip all "the kernel has no rules for bridges"
	nets_done
	exit 0
fi
nft delete table bridge probe
for name in web db evil; do card $name; done
web=$(lease web)
matches lease '^10\.91\.1\.1[0-9][0-9]$' "$web"
serve internet 7777

# --- without [Port] ------------------------------------------------------------------------------
if has_table >/dev/null 2>&1; then fail unused-no-table; else pass unused-no-table; fi
equal unused-no-group 0 "$(link port-web '.group | if . == "default" then 0 else . end')"
seen_all() { [ "$(forge evil web type ${mac[evil]} 0x88b5)" = passed ] && [ "$(forge evil db type ${mac[evil]} 0x88b5)" = passed ]; }
wait_for 20 seen_all
passes unguarded-ra evil web ra ${mac[evil]} fe80::bad
passes unguarded-arp evil db arp ${mac[evil]} ${mac[evil]} "$web" 10.91.1.7
passes unguarded-bpdu evil db bpdu ${mac[evil]}

# --- RAGuard, DHCPGuard, BPDUGuard; a flow goes on -----------------------------------------------
flow=$world/tools/netd-flow
in_ns internet $flow serve 7779 &
flow_server=$!
wait_for 20 listens internet 7779
mkfifo $root/phases
exec {held}<>$root/phases	# what is said before anybody reads is kept
in_ns web $flow flow 198.51.100.1 7779 <>$root/phases >$root/flow &
flow_client=$!
phase() { echo "$1" 1<>$root/phases; }
reported() { grep -q "^$1 " $root/flow; }
# What was forged before these guards were there has moved the host's idea of where the guest is.
in_ns web busybox ping -c 1 -W 5 10.91.1.1 >/dev/null
phase before
guards RAGuard=yes DHCPGuard=yes BPDUGuard=yes
check table has_table
phase guarded
drops ra evil web ra ${mac[evil]} fe80::bad
drops redirect evil web redirect ${mac[evil]} fe80::bad
drops ra-option evil web ra-option ${mac[evil]} fe80::bad
drops ra-hidden evil web ra-hidden ${mac[evil]} fe80::bad
drops ra-tagged evil web ra-tagged ${mac[evil]} fe80::bad
drops dhcp-server evil web udp ${mac[evil]} 10.91.1.9 67 255.255.255.255 68
drops dhcp6-server evil web udp ${mac[evil]} fe80::bad 547 ff02::1 546
drops bpdu evil web bpdu ${mac[evil]}
passes dhcp-client evil web udp ${mac[evil]} 0.0.0.0 68 255.255.255.255 67
passes udp evil web udp ${mac[evil]} 10.91.1.9 9 255.255.255.255 9
passes udp6 evil web udp ${mac[evil]} fe80::bad 9 ff02::1 9
passes arp evil db arp ${mac[evil]} ${mac[evil]} 10.91.1.99 10.91.1.7
passes mac evil web udp 52:54:00:00:99:99 10.91.1.9 9 255.255.255.255 9
why dhcp "the packet is dropped: only DHCP servers send to this port: [Port] DHCPGuard= of the network g" "$web" 198.51.100.1:68 --protocol udp
passes other-protocol evil web type ${mac[evil]} 0x88b5
passes own-again evil web udp ${mac[evil]} 10.91.1.99 9 255.255.255.255 9
ping6_large() { in_ns web busybox ping -6 -c 1 -W 5 -s 4000 fe80::5054:ff:fe91:fe%eth0; }
check fragments wait_for 20 ping6_large
equal lease-again "$web" "$(lease web)"

# --- MACBinding ----------------------------------------------------------------------------------
guards MACBinding=yes
for name in web db evil; do check bound-$name wait_for 20 has_element mac "\"port-$name\" . ${mac[$name]}"; done
passes mac-own evil web udp ${mac[evil]} 10.91.1.9 9 255.255.255.255 9
drops mac-other evil web udp 52:54:00:00:99:99 10.91.1.9 9 255.255.255.255 9
# As if it had been learned before there was a rule.
ip neigh replace 10.91.1.9 lladdr 52:54:00:00:99:99 dev gn-g nud permanent
bridge fdb replace 52:54:00:00:99:99 dev port-evil master static
why mac "the packet is dropped: this is not the Ethernet address of the port: [Port] MACBinding= of the network g" 10.91.1.9 198.51.100.1:80
ip neigh del 10.91.1.9 dev gn-g
bridge fdb del 52:54:00:00:99:99 dev port-evil master
drops mac-neighbour evil db udp ${mac[web]} 10.91.1.9 9 255.255.255.255 9
drops release-of-another evil web release ${mac[evil]} ${mac[web]}
passes ra-allowed-again evil web ra ${mac[evil]} fe80::bad
# A new guest may begin with any address but those that somebody has.
ip netns add new
ip link add port-new type veth peer name eth0 address ${mac[web]} netns new
ip link set port-new master gn-g up
ip -n new link set eth0 up
mac[new]=${mac[web]}
equal new-as-neighbour lost "$(timeout 20 "$world/tools/forge-frame" new:eth0 evil:eth0 ${mac[web]} udp ${mac[web]} 10.91.1.9 9 255.255.255.255 9)"
mac[new]=52:54:00:91:00:04
# With its own it may speak.
new_speaks() { [ "$(forge new evil udp ${mac[new]} 10.91.1.98 9 255.255.255.255 9)" = passed ]; }
check new-speaks wait_for 20 new_speaks
drops new-as-gateway new evil udp 52:54:00:91:00:fe 10.91.1.1 9 255.255.255.255 9
check bound-new wait_for 20 has_element mac "\"port-new\" . ${mac[new]}"
ip link del port-new
check forgotten wait_for 20 no_element mac '"port-new"'
ip netns del new

# --- AddressBinding ------------------------------------------------------------------------------
phase bound
guards AddressBinding=lease
check leased has_element address4 "${mac[web]} . $web"
check host has_element address4 "${mac[db]} . 10.91.1.7"
equal ports-bound '["MACBinding","AddressBinding"]' "$(guards_of port-web)"
check host6 has_element address6 "${mac[db]} . fd91::7"
passes bound-source web db udp ${mac[web]} "$web" 9 255.255.255.255 9
passes bound-arp web db arp ${mac[web]} ${mac[web]} "$web" 10.91.1.7
passes bound-probe evil web arp ${mac[evil]} ${mac[evil]} 0.0.0.0 10.91.1.77
passes bound-dhcp evil web udp ${mac[evil]} 0.0.0.0 68 255.255.255.255 67
passes bound-link-local evil web udp ${mac[evil]} fe80::bad 9 ff02::1 9
passes bound-dad evil web ns ${mac[evil]} :: fe80::bad
passes bound-na evil web na ${mac[evil]} fe80::bad fe80::bad
passes bound-host6 db web udp ${mac[db]} fd91::7 9 ff02::1 9
passes bound-na6 db web na ${mac[db]} fd91::7 fd91::7
passes bound-made db web udp ${mac[db]} fd91::5054:ff:fe91:2 9 ff02::1 9
drops forged-source evil web udp ${mac[evil]} "$web" 9 255.255.255.255 9
why nobody "the packet is dropped: 10.91.1.77 is not an address of any guest: [Port] AddressBinding= of the network g" 10.91.1.77 198.51.100.1:80
why bridged "the packet is dropped: 10.91.1.77 is not an address of any guest: [Port] AddressBinding= of the network g" 10.91.1.77 "$web:80"
ip neigh replace 10.91.1.77 lladdr ${mac[evil]} dev gn-g nud permanent
why forged "the packet is dropped: 10.91.1.77 is not an address of the port port-evil: [Port] AddressBinding= of the network g" 10.91.1.77 198.51.100.1:80
ip neigh del 10.91.1.77 dev gn-g
in_ns web busybox ping -c 1 -W 5 10.91.1.1 >/dev/null
why bound "" "$web" 198.51.100.1:7777
drops forged-gateway evil web udp ${mac[evil]} 10.91.1.1 9 255.255.255.255 9
drops forged-nowhere evil web udp ${mac[evil]} 0.0.0.0 9 255.255.255.255 9
drops forged-arp evil web arp ${mac[evil]} ${mac[evil]} "$web" 10.91.1.7
drops forged-arp-sender web db arp ${mac[web]} ${mac[evil]} "$web" 10.91.1.7
drops forged-arp-gateway web db arp ${mac[web]} ${mac[web]} 10.91.1.1 10.91.1.7
drops forged-source6 evil web udp ${mac[evil]} fd91::7 9 ff02::1 9
drops forged-na evil web na ${mac[evil]} fe80::bad fd91::7
drops forged-na-gateway evil web na ${mac[evil]} fe80::bad fe80::5054:ff:fe91:fe
drops forged-dad evil web ns ${mac[evil]} :: fd91::7
drops forged-link-local evil web udp ${mac[evil]} fe80::5054:ff:fe91:fe 9 ff02::1 9
drops forged-hidden evil web ra-hidden ${mac[evil]} fd91::7
drops twice-tagged evil web twice-tagged ${mac[evil]} 10.91.1.1
drops forged-protocol evil web type ${mac[evil]} 0x88b5
# A lease: there before the guest uses it, gone when it is given back.
evil=$(lease evil)
check given has_element address4 "${mac[evil]} . $evil"
check given-used reaches evil 198.51.100.1 7777
passes given-source evil web udp ${mac[evil]} "$evil" 9 255.255.255.255 9
drops given-other evil web udp ${mac[evil]} 10.91.1.180 9 255.255.255.255 9
equal db 10.91.1.7 "$(lease db)"
check db-used reaches db 198.51.100.1 7777
nft monitor >$root/monitor 2>&1 &
monitor=$!
changed() { nft add table inet probe; nft delete table inet probe; grep -q 'delete table inet probe' $root/monitor; }
wait_for 20 changed
ip -n evil addr flush dev eth0 scope global
: >$root/monitor
in_ns evil timeout 20 busybox udhcpc -i eth0 -f -n -t 30 -T 1 -A 1 -R -s $root/udhcpc -p $root/pid >/dev/null 2>&1 &
udhcpc=$!
wait_for 20 test -s $root/pid
has_lease() { ip -n evil -4 addr show dev eth0 | grep -q inet; }
wait_for 20 has_lease
kill -USR2 "$(cat $root/pid)"
check released wait_for 20 no_element address4 "${mac[evil]} . $evil"
check released-one-element wait_for 20 grep -q 'delete element bridge guestnet address4' $root/monitor
equal released-nothing-else "" "$(grep -vE 'element bridge guestnet (address4|address6)|probe|^# new generation' $root/monitor | grep guestnet)"
kill $udhcpc $monitor 2>/dev/null
reap $udhcpc $monitor
drops released-source evil web udp ${mac[evil]} "$evil" 9 255.255.255.255 9
ip -n evil addr flush dev eth0 scope global

# --- disturbances: never without -------------------------------------------------------------------
phase disturbed
nft flush ruleset 2>/dev/null
check flushed wait_for 20 as_planned
drops flushed-source evil web udp ${mac[evil]} "$web" 9 255.255.255.255 9
drops flushed-mac evil web udp ${mac[web]} "$web" 9 255.255.255.255 9
ip link set port-evil group 0
check group wait_for 20 as_planned
drops group-source evil web udp ${mac[evil]} "$web" 9 255.255.255.255 9
kill -KILL $netd_pid
reap $netd_pid
drops killed-source evil web udp ${mac[evil]} "$web" 9 255.255.255.255 9
netd_start
check restarted wait_for 30 as_planned
check restarted-bound has_element mac "\"port-web\" . ${mac[web]}"
drops restarted-source evil web udp ${mac[evil]} "$web" 9 255.255.255.255 9
passes restarted-own web db udp ${mac[web]} "$web" 9 255.255.255.255 9

# --- off again: and the flow saw nothing of all this ----------------------------------------------
phase off
network g "${base[@]}"
check reload-off reload
passes off evil web udp ${mac[evil]} 10.91.1.99 9 255.255.255.255 9
if has_table >/dev/null 2>&1; then fail off-no-table; else pass off-no-table; fi
equal ports-off '[]' "$(guards_of port-web)"
equal off-no-group 0 "$(link port-web '.group | if . == "default" then 0 else . end')"
phase end
wait_for 20 reported off
ended $flow_client
ended $flow_server
for phase in before guarded bound off; do
	matches flow-$phase "^$phase sent [0-9]+ lost 0 connects [0-9]+ failed 0 " "$(grep "^$phase " $root/flow)"
done

# --- Isolated --------------------------------------------------------------------------------------
serve db 7777
check together reaches web 10.91.1.7 7777
network g "${base[@]}" '[Port]' Isolated=yes
check reload-isolated reload
equal isolated true "$(link port-web .linkinfo.info_slave_data.isolated)"
check isolated-apart refused web 10.91.1.7 7777
equal isolated-frame lost "$(forge web db udp ${mac[web]} "$web" 9 255.255.255.255 9)"
in_ns web busybox ping -c 1 -W 5 10.91.1.1 >/dev/null
in_ns db busybox ping -c 1 -W 5 10.91.1.1 >/dev/null
why isolated "the ports port-web and port-db are isolated from each other: [Port] Isolated= of the network g" "$web" 10.91.1.7:7777
check isolated-out reaches web 198.51.100.1 7777
# By way of the gateway: with a route to the neighbour that leads there.
ip -n web route add 10.91.1.7/32 via 10.91.1.1
check isolated-gateway refused web 10.91.1.7 7777
ip -n web route del 10.91.1.7/32
network g "${base[@]}"
check reload-together reload
equal together-again false "$(link port-web .linkinfo.info_slave_data.isolated)"
check together-reaches reaches web 10.91.1.7 7777

# --- taps of the helper ------------------------------------------------------------------------------
# Their owner has the group and the isolation from the moment there is a tap; the helper alone cannot promise the rest.
world_policy "allow all user=$alice"
guards RAGuard=yes Isolated=yes
matches marker '^guestnet net=g group=[0-9]+ isolated guards=R$' "$(link gn-g .ifalias)"
group=$(link gn-g .ifalias | sed -n 's/.*group=\([0-9]*\).*/\1/p')
hold tap --uid $alice $helper --br=gn-g
equal tap "0 true gn-g $group true" "$reply_status $reply_fd $(link "$reply_tap" '"\(.master) \(.group) \(.linkinfo.info_slave_data.isolated)"')"
equal ports '["Isolated","RAGuard"]' "$(guards_of "$reply_tap")"
matches ports-text "^g +$reply_tap .* IR\$" "$(client ports g | grep -F "$reply_tap")"
if [[ $(link "$reply_tap" .ifalias) == *isolated* ]]; then fail tap-alias "$(link "$reply_tap" .ifalias)"; else pass tap-alias; fi
network g "${base[@]}" '[Port]' RAGuard=yes
check reload-tap reload
equal tap-together false "$(link "$reply_tap" .linkinfo.info_slave_data.isolated)"
ip link set "$reply_tap" nomaster
on_bridge() { [ "$(link "$reply_tap" '"\(.master) \(.group)"')" = "gn-g $group" ]; }
check tap-put-back wait_for 20 on_bridge
release tap
# The daemon stopped: nobody can promise what the network's file asks for.
netd_stop
launch --uid $alice $helper --br=gn-g
equal tap-alone '1 false' "$reply_status $reply_fd"
matches tap-alone-why 'guards its ports .*guestnetd, and that cannot be asked' "$reply_stderr"
netd_start
check up-again wait_for 30 as_planned
nets_done
