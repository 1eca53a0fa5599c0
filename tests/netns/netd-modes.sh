#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What each Mode= lets through, with real packets: nat with a fixed address, route, open, bridge; Uplink=; and changes of
# all that while a guest talks.
# Namespaces: this one is the host; "internet" is behind up0 and has routes to what is routed; "other" is behind up1.

suite=netd-modes
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

ip netns add other
ip link add up1 type veth peer name eth0 netns other
ip addr add 203.0.113.2/24 dev up1
ip link set up1 up
ip -n other addr add 203.0.113.1/24 dev eth0
ip -n other link set eth0 up
ip -n other route add 10.81.1.0/24 via 203.0.113.2
for net in 10.81.1.0/24 10.83.1.0/24; do ip -n internet route add $net via 198.51.100.2; done
for net in fd81::/64 fd83::/64 fd84::/64; do ip -n internet -6 route add $net via 2001:db8:51::2; done

network r '[Network]' Mode=route '[Address]' Address=10.81.1.1/24 Address=fd81::1/64
network n '[Network]' Mode=nat NATAddress=198.51.100.77 NATAddress=2001:db8:51::77 NATPorts=20000-20099 \
	'[Address]' Address=10.82.1.1/24 Address=fd82::1/64
network o '[Network]' Mode=open '[Address]' Address=10.83.1.1/24 Address=fd83::1/64
network p '[Network]' Mode=nat NAT66=no '[Address]' Address=10.84.1.1/24 Address=fd84::1/64
network b '[Network]' Mode=bridge Bridge=br0
netd_start
failed() { [ "$(state "$1")" = failed ]; }
check bridge-missing wait_for 30 failed b
matches bridge-missing-text 'there is no bridge br0' "$(report b problem)"
world_bridge br0
ip addr add 192.0.2.2/24 dev br0
before=$(ip -d -j link show br0 | jq -c '.[0] | del(.operstate, .flags, .linkinfo.info_data.gc_timer)')
check up wait_for 30 settled
i=0
for n in r n o p; do i=$((i + 1)); guest g$n gn-$n 10.8$i.1.5 fd8$i::5; done
ip addr add 198.51.100.77/32 dev up0
ip addr add 2001:db8:51::77/128 dev up0 nodad
for ns in gr gn go gp internet other host; do serve $ns 7777; done

# --- route -------------------------------------------------------------------------------------
equal route-out 10.81.1.5 "$(seen gr 198.51.100.1 7777)"
equal route-out6 fd81::5 "$(seen gr 2001:db8:51::1 7777)"
equal route-in 198.51.100.1 "$(seen internet 10.81.1.5 7777)"
equal route-in6 2001:db8:51::1 "$(seen internet fd81::5 7777)"
check route-no-host refused gr 198.51.100.2 7777
check route-ping-gateway in_ns gr busybox ping -c 1 -W 5 10.81.1.1
# --- nat with a fixed address ------------------------------------------------------------------
equal nat-address 198.51.100.77 "$(seen gn 198.51.100.1 7777)"
equal nat-address6 2001:db8:51::77 "$(seen gn 2001:db8:51::1 7777)"
nat_ping() { in_ns gn busybox ping -c 1 -W 5 198.51.100.1; }
check nat-ping nat_ping
matches nat-ports ' 200[0-9][0-9] ' "$(asked gn 198.51.100.1 7777)"
matches nat-ports-udp '^198.51.100.77 200[0-9][0-9] ' "$(asked gn 198.51.100.1 7777 udp)"
matches nat-ports6 '^2001:db8:51::77 200[0-9][0-9] ' "$(asked gn 2001:db8:51::1 7777 udp)"
ip -n internet route add 10.82.1.0/24 via 198.51.100.2
check nat-not-in refused internet 10.82.1.5 7777
# --- NAT66=no ----------------------------------------------------------------------------------
equal nat66-no-v4 198.51.100.2 "$(seen gp 198.51.100.1 7777)"
equal nat66-no-out fd84::5 "$(seen gp 2001:db8:51::1 7777)"
equal nat66-no-in 2001:db8:51::1 "$(seen internet fd84::5 7777)"
# --- open --------------------------------------------------------------------------------------
equal open-out 10.83.1.5 "$(seen go 198.51.100.1 7777)"
equal open-in 198.51.100.1 "$(seen internet 10.83.1.5 7777)"
equal open-in6 2001:db8:51::1 "$(seen internet fd83::5 7777)"
equal open-host 10.83.1.5 "$(seen go 198.51.100.2 7777)"
equal open-no-rules '' "$(nft list table inet guestnet | grep gn-o)"
# --- networks do not reach each other, whatever their modes ------------------------------------
check between-nat-route refused gn 10.81.1.5 7777
check between-route-nat refused gr 10.82.1.5 7777
check between-route-nat6 refused gr fd82::5 7777
check between-nat-route6 refused gn fd84::5 7777
check between-open-nat refused go 10.82.1.5 7777
# An invented source of another network is answered nowhere.
in_ns gn ip addr add 10.81.1.9/32 dev eth0
forged() { in_ns gn "$seen_tool" ask tcp 198.51.100.1 7777 10.81.1.9; }
if forged; then fail forged "a forged source was answered"; else pass forged; fi

# --- bridge: its ports, and nothing else -------------------------------------------------------
equal bridge-as-it-was "$before" "$(ip -d -j link show br0 | jq -c '.[0] | del(.operstate, .flags, .linkinfo.info_data.gc_timer)')"
equal bridge-address 192.0.2.2 "$(ip -4 -j addr show dev br0 | jq -r '.[0].addr_info[0].local')"
world_policy "allow br0 isolated"
hold tap --uid $alice $helper --br=br0
tap=$reply_tap
back() { [ "$(link "$tap" .master)" = br0 ] && [ "$(link "$tap" .linkinfo.info_slave_data.isolated)" = true ]; }
check bridge-port wait_for 20 back
ip link set "$tap" nomaster
check bridge-port-pulled wait_for 20 back
release tap
check bridge-stop client stop b
check bridge-stays ip link show br0
check bridge-start client start b
check bridge-running wait_for 20 settled

# --- live changes: a guest of n talks all the time ---------------------------------------------
in_ns internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens internet 7778
mkfifo $tmp/flow.in
exec {held}<>$tmp/flow.in	# what is said before anybody reads is kept
in_ns gn "$world/tools/netd-flow" flow 198.51.100.1 7778 <>$tmp/flow.in >$tmp/flow.out 2>&1 &
flow_pid=$!
phase() { echo "$1" 1<>$tmp/flow.in; }
phase quiet
check uplink-before reaches gr 198.51.100.1 7777
phase uplink
# The first Uplink= makes the table anew: with the rules that it needs.
network r '[Network]' Mode=route Uplink=up1 '[Address]' Address=10.81.1.1/24 Address=fd81::1/64
check uplink-reload netd_reload
check uplink-other-way refused gr 198.51.100.1 7777
matches uplink-why 'its network leaves by its Uplink= only' "$(client why 10.81.1.5 198.51.100.1:7777 --json 2>&1 | jq -r .reason)"
equal uplink-out 10.81.1.5 "$(seen gr 203.0.113.1 7777)"
equal uplink-in 203.0.113.1 "$(seen other 10.81.1.5 7777)"
check uplink-not-in refused internet 10.81.1.5 7777
check uplink-not-in6 refused internet fd81::5 7777
phase uplink-gone
network r '[Network]' Mode=route '[Address]' Address=10.81.1.1/24 Address=fd81::1/64
netd_reload
equal uplink-gone 10.81.1.5 "$(seen gr 198.51.100.1 7777)"
phase mode
network r '[Network]' Mode=nat '[Address]' Address=10.81.1.1/24 Address=fd81::1/64
netd_reload
equal to-nat 198.51.100.2 "$(seen gr 198.51.100.1 7777)"
check to-nat-not-in refused internet 10.81.1.5 7777
network r '[Network]' Mode=isolated '[Address]' Address=10.81.1.1/24 Address=fd81::1/64
netd_reload
check to-isolated refused gr 198.51.100.1 7777
check to-isolated6 refused gr 2001:db8:51::1 7777
network r '[Network]' Mode=open '[Address]' Address=10.81.1.1/24 Address=fd81::1/64
netd_reload
equal to-open 198.51.100.1 "$(seen internet 10.81.1.5 7777)"
network r '[Network]' Mode=route '[Address]' Address=10.81.1.1/24 Address=fd81::1/64
netd_reload
equal to-route 198.51.100.1 "$(seen internet 10.81.1.5 7777)"
phase end
four_phases() { [ "$(grep -c sent $tmp/flow.out)" -ge 4 ]; }
check flow-reported wait_for 30 four_phases
# A lost packet would be one of a thousand each second.
equal flow-unharmed '' "$(grep sent $tmp/flow.out | grep -v ' lost 0 connects [0-9]* failed 0 ')"
ended $flow_pid
# A fixed address that is another now: flows under the old one end.
network n '[Network]' Mode=nat NATAddress=198.51.100.2 '[Address]' Address=10.82.1.1/24 Address=fd82::1/64
netd_reload
equal nat-address-changed 198.51.100.2 "$(seen gn 198.51.100.1 7777)"
if [ -r /proc/net/nf_conntrack ]; then
	equal nat-address-flows '' "$(grep 'src=10.82.1.5.*dst=198.51.100.77' /proc/net/nf_conntrack)"
fi
# A range of addresses, of both families, and ports.
for n in 7 8 9; do ip addr add 198.51.100.7$n/32 dev up0 2>/dev/null; ip addr add 2001:db8:51::7$n/128 dev up0 nodad 2>/dev/null; done
network n '[Network]' Mode=nat NATAddress=198.51.100.77-198.51.100.79 NATAddress=2001:db8:51::77-2001:db8:51::79 NATPorts=30000-30999 \
	'[Address]' Address=10.82.1.1/24 Address=fd82::1/64
netd_reload
matches nat-range '^198.51.100.7[789] 30[0-9][0-9][0-9] ' "$(asked gn 198.51.100.1 7777)"
matches nat-range6 '^2001:db8:51::7[789] 30[0-9][0-9][0-9] ' "$(asked gn 2001:db8:51::1 7777 udp)"
nets_done
