#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A network of several hosts ([Tunnel]), with real packets: guests on the second host are given leases by the first, and reach
# each other and what lies behind, over IPv4 and over IPv6; whatever is broken is put back, hosts come and go without a
# packet lost, and what another program says of a tunnel is left alone.
# Namespaces: this one is the first host, "hostb" and "hostc" are others, each with a guestnetd of its own; under0 is what
# lies between them. "a1" is a guest here, "b1" and "c1" are guests there.

suite=netd-tunnel
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_folders bridge

ip link add x0 type vxlan id 1 dstport 4789 2>/dev/null || { skip all "this kernel has no VXLAN (CONFIG_VXLAN)"; exit 0; }
ip link del x0

# --- hosts, and what lies between them ----------------------------------------------------------------
ip netns add wire
ip -n wire link add lan0 type bridge
ip -n wire link set lan0 up
host_at() {	# NAMESPACE NUMBER: its interface under0
	[ "$1" = host ] || { ip netns add "$1"; ip -n "$1" link set lo up; }
	if [ "$1" = host ]; then ip link add under0 type veth peer name "u$2" netns wire; else ip link add "u$2" netns wire type veth peer name under0 netns "$1"; fi
	ip -n wire link set "u$2" master lan0 up
	in_ns "$1" ip addr add "192.0.2.$2/24" dev under0
	in_ns "$1" ip addr add "2001:db8::$2/64" dev under0 nodad
	in_ns "$1" ip link set under0 up
}
host_at host 1
host_at hostb 2
host_at hostc 3
fails() { ! "$@"; }
sees() { in_ns host busybox ping -c 1 -W 1 "$1" >/dev/null 2>&1; }
wait_for 20 sees 192.0.2.2
wait_for 20 sees 2001:db8::3

# The daemons of the others: folders of their own.
declare -A there=()
there_network() {	# HOST NAME LINE...: without lines it goes
	local folder=$root/$1/etc/networks name=$2
	mkdir -p "$folder" "$root/$1"/{vendor/networks,state,run}
	shift 2
	[ $# -gt 0 ] || { rm -f "$folder/$name.network"; return; }
	printf '%s\n' "$@" >"$folder/$name.network"
}
there_roots() { echo "--config-root=$root/$1/etc --vendor-root=$root/$1/vendor --state-root=$root/$1/state --run-root=$root/$1/run --service-user=65534"; }
there_start() {
	rm -f "$root/$1/run/bus.sock"
	# shellcheck disable=SC2046 # words
	in_ns "$1" "$BIN/guestnetd" $(there_roots "$1") >>"$root/log-$1" 2>&1 3>&- 7>&- &
	there[$1]=$!
	wait_for 30 test -S "$root/$1/run/bus.sock"
}
there_client() { local host=$1; shift; GUESTNET_BUS=unix:path=$root/$host/run/bus.sock in_ns "$host" "$BIN/guestnet" "$@"; }
there_state() { there_client "$1" status lab --json 2>/dev/null | jq -r '.[0].state'; }
there_runs() { [ "$(there_state "$1")" = running ]; }

# --- guests, each in the namespace of a name on a port of a host's bridge -------------------------------
guest_on() {	# HOST NAME
	ip netns add "$2"
	ip link add "p-$2" type veth peer name eth0 netns "$2"
	[ "$1" = host ] || ip link set "p-$2" netns "$1"
	ip -n "$2" link set lo up
	ip -n "$2" link set eth0 up
	plug_in "$@"
}
plug_in() { in_ns "$1" ip link set "p-$2" master gn-lab up; }
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip -4 addr flush dev $interface scope global
ip addr add $ip/$mask dev $interface
ip route replace default via $router
echo "$ip $mtu" >$LEASE
S
chmod 755 $root/udhcpc
# A lease by DHCP: its address and its MTU, "" for none.
lease_of() {
	rm -f "$root/lease-$1"
	LEASE=$root/lease-$1 timeout 20 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 20 -T 1 -A 1 -O mtu -s $root/udhcpc >/dev/null 2>&1
	cat "$root/lease-$1" 2>/dev/null
}
has6() { ip -n "$1" -6 -o addr show dev eth0 scope global -tentative | grep -q inet6; }
address6() { ip -n "$1" -6 -j addr show dev eth0 scope global | jq -r '[.[0].addr_info[].local][0]'; }
pings() { in_ns "$1" busybox ping -c 1 -W 1 "$2" >/dev/null 2>&1; }

# The first host serves; on the others the network is the first one's.
here() { network lab '[Network]' Mode=nat '[Address]' Address=10.61.0.1/24 Address=fd61::1/64 '[Tunnel]' VNI=61 "$@"; }
over=192.0.2
here Remote=$over.2
there_network hostb lab '[Network]' Mode=bridge '[Tunnel]' VNI=61 Remote=$over.1
netd_start
there_start hostb
check up wait_for 30 settled
check up-there wait_for 30 there_runs hostb

on_bridge() {	# HOST: is the tunnel a port of the bridge, and up?
	in_ns "$1" ip -d -j link show dev gv-lab 2>/dev/null | jq -e '.[0] | .master == "gn-lab" and (.flags | index("UP")) and .linkinfo.info_data.id == 61' >/dev/null
}
remotes() { in_ns "$1" bridge -j fdb show dev gv-lab | jq -r '.[] | select(.mac == "00:00:00:00:00:00") | .dst' | sort | tr '\n' ' '; }
check made on_bridge host
check made-there on_bridge hostb
equal made-mark 'guestnet net=lab tunnel remotes' "$(link gv-lab .ifalias)"
equal made-remotes "$over.2 " "$(remotes host)"
equal made-mtu '1450 1450' "$(link gv-lab .mtu) $(link gn-lab .mtu)"
equal made-no-ipv6 '' "$(ip -6 -o addr show dev gv-lab)"
equal made-port gv-lab "$(client ports lab --json | jq -r '.[].port')"

# --- a guest of the second host is one of the first -----------------------------------------------------
guest_on host a1
guest_on hostb b1
lease_a=$(lease_of a1) lease_b=$(lease_of b1)
matches lease-there '^10\.61\.0\.[0-9]+ 1450$' "$lease_b"
matches lease-here '^10\.61\.0\.[0-9]+ 1450$' "$lease_a"
a1=${lease_a% *} b1=${lease_b% *}
check advertised-there wait_for 20 has6 b1
check advertised-here wait_for 20 has6 a1
equal advertised-mtu 1450 "$(in_ns b1 cat /proc/sys/net/ipv6/conf/eth0/mtu)"
check ping-there wait_for 20 pings a1 "$b1"
check ping-here wait_for 20 pings b1 "$a1"
check ping6-there wait_for 20 pings a1 "$(address6 b1)"
check ping6-here wait_for 20 pings b1 "$(address6 a1)"
check ping-gateway wait_for 20 pings b1 10.61.0.1
differ() { [ "$(link gn-lab .address)" != "$(in_ns hostb cat /sys/class/net/gn-lab/address)" ]; }
check mac-there differ
equal no-address-there '' "$(in_ns hostb ip -o addr show dev gn-lab scope global)"

# --- whatever is broken is put back -----------------------------------------------------------------------
through() { pings a1 "$b1" && pings b1 "$(address6 a1)"; }
fixed() { on_bridge host && [ "$(remotes host)" = "$over.2 " ]; }
repaired() { check "repaired-$1" wait_for 30 fixed; check "repaired-$1-through" wait_for 30 through; check "repaired-$1-settled" wait_for 30 settled; }
ip link del gv-lab
repaired deleted
ip link set gv-lab nomaster
repaired pulled
ip link set gv-lab down
repaired down
ip link set gv-lab mtu 1400
mtu_fixed() { [ "$(link gv-lab .mtu)" = 1450 ]; }
check repaired-mtu wait_for 30 mtu_fixed
bridge fdb del 00:00:00:00:00:00 dev gv-lab dst $over.2
repaired entry
bridge fdb append 00:00:00:00:00:00 dev gv-lab dst $over.9
repaired entry-more
ip link set gv-lab type vxlan nolearning ttl 5
learns() { [ "$(link gv-lab '.linkinfo.info_data | "\(.learning) \(.ttl)"')" = "$1" ]; }
check repaired-learning wait_for 30 learns 'true 0'
bridge link set dev gv-lab isolated on learning off
as_a_port() { [ "$(bridge -d -j link show dev gv-lab | jq -r '.[0] | "\(.isolated) \(.learning)"')" = "$1" ]; }
check repaired-options wait_for 30 as_a_port 'false true'
ip link set gv-lab alias ''
marked() { [ "$(link gv-lab .ifalias)" = 'guestnet net=lab tunnel remotes' ]; }
check repaired-mark wait_for 30 marked
ip link del gn-lab
repaired_bridge() { plug_in host a1 2>/dev/null; fixed; }
check repaired-bridge wait_for 30 repaired_bridge
repaired bridge
# Another number: only a new device has it.
ip link del gv-lab; ip link add gv-lab type vxlan id 9 dstport 4789 2>/dev/null
foreign() { [[ $(report lab problem) == *"interface gv-lab already that is not this network's tunnel"* ]]; }
if wait_for 10 foreign; then ip link del gv-lab; fi	# else it was quicker, and the second command failed
repaired foreign

# --- what the way takes -----------------------------------------------------------------------------------
ip link set under0 mtu 1400
tight() { [[ $(report lab problem) == *'packets of up to 1450 bytes'*'1350 is what passes by under0'*'say MTU=1350 on all hosts'* ]]; }
check tight wait_for 30 tight
equal tight-state degraded "$(state lab)"
ip link set under0 mtu 1500
check tight-no-more wait_for 30 settled
equal tight-no-problem '' "$(report lab problem)"
ip route add 192.0.2.2/32 dev under0 mtu 1300
check tight-route wait_for 30 eval '[[ $(report lab problem) == *"1250 is what passes by under0"* ]]'
ip route del 192.0.2.2/32
check tight-route-no-more wait_for 30 settled
ip addr del 192.0.2.1/24 dev under0
lost() { [[ $(report lab problem) == *'no route to 192.0.2.2'* ]]; }
check lost wait_for 30 lost
ip addr add 192.0.2.1/24 dev under0
check lost-no-more wait_for 30 settled
check lost-no-more-through wait_for 30 through

# --- the same list on all hosts; an address that moves from host to host; one to send from --------------------
has_remotes() { [ "$(remotes host)" = "$1" ]; }
here Remote=$over.1 Remote=$over.2 Remote=$over.77
netd_reload
equal own-left-out "$over.2 $over.77 " "$(remotes host)"
bridge fdb append 00:00:00:00:00:00 dev gv-lab dst $over.1
check own-taken-out wait_for 30 has_remotes "$over.2 $over.77 "
check own-nothing-to-do settled
ip addr add $over.77/32 dev under0
check own-come wait_for 30 has_remotes "$over.2 "
ip addr del $over.77/32 dev under0
check own-gone wait_for 30 has_remotes "$over.2 $over.77 "
check own-through through
here Remote=$over.2 Local=$over.8
client reload >/dev/null
homeless() { [[ $(report lab problem) == "Local=$over.8 of section [Tunnel] is no address of this host"* ]]; }
check local-missing wait_for 30 homeless
equal local-missing-state degraded "$(state lab)"
if through; then fail local-missing-through 'it passes'; else pass local-missing-through; fi
ip addr add $over.8/24 dev under0
check local-there wait_for 30 settled
equal local-there-no-problem '' "$(report lab problem)"
check local-there-through wait_for 30 through
here Remote=$over.2
netd_reload
ip addr del $over.8/24 dev under0
check local-any-through wait_for 30 through

# --- it stays while nobody looks after it, and is taken up again -------------------------------------------
ifindex=$(link gv-lab .ifindex)
netd_stop
check stopped-stays fixed
check stopped-through through
netd_start
check restarted wait_for 30 settled
equal restarted-same "$ifindex" "$(link gv-lab .ifindex)"
netd_kill
bridge fdb del 00:00:00:00:00:00 dev gv-lab dst $over.2
ip link set gv-lab nomaster
netd_start
repaired killed
equal killed-same "$ifindex" "$(link gv-lab .ifindex)"

# --- a third host comes and goes while guests of the others talk to each other -----------------------------
mkfifo $tmp/flow
exec 7<>$tmp/flow
in_ns b1 "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens b1 7778
in_ns a1 "$world/tools/netd-flow" flow "$b1" 7778 <&7 >$tmp/out 2>&1 &
flow_pid=$!
echo 'more' >&7
there_network hostc lab '[Network]' Mode=bridge '[Tunnel]' VNI=61 Remote=$over.1 Remote=$over.2
there_network hostb lab '[Network]' Mode=bridge '[Tunnel]' VNI=61 Remote=$over.1 Remote=$over.3
here Remote=$over.2 Remote=$over.3
netd_reload
there_client hostb reload >/dev/null
there_start hostc
check third-up wait_for 30 there_runs hostc
equal third-remotes "$over.2 $over.3 " "$(remotes host)"
equal third-remotes-there "$over.1 $over.3 " "$(remotes hostb)"
guest_on hostc c1
c1=$(lease_of c1)
matches third-lease '^10\.61\.0\.[0-9]+ 1450$' "$c1"
check third-ping wait_for 20 pings b1 "${c1% *}"
check third-ping-here wait_for 20 pings a1 "${c1% *}"
# What a host that is no remote any more has taught goes with it, and nothing else. Its cable is pulled, so that nothing is taught
# anew: it still counts us among its own, and its bridge tells of its multicast groups for a while.
behind() { bridge -j fdb show dev gv-lab | jq -r --arg host "$1" '.[] | select(.dst == $host and .mac != "00:00:00:00:00:00") | .mac' | sort | paste -sd' '; }
mac_of() { in_ns "$1" cat /sys/class/net/eth0/address; }
learnt() { [[ " $(behind "$1") " == *" $(mac_of "$2") "* ]]; }
check learnt wait_for 20 learnt $over.3 c1
ip -n wire link set u3 down
bridge fdb add 02:00:00:00:00:77 dev gv-lab dst $over.3
echo 'fewer' >&7
here Remote=$over.2
netd_reload
check fewer fixed
equal fewer-forgotten 02:00:00:00:00:77 "$(behind $over.3)"
check fewer-others learnt $over.2 b1
bridge fdb del 02:00:00:00:00:77 dev gv-lab dst $over.3
ip -n wire link set u3 up
equal fewer-same "$ifindex" "$(link gv-lab .ifindex)"
echo 'end' >&7
reported() { grep -q '^fewer ' $tmp/out; }
wait_for 20 reported
kill $flow_pid
exec 7>&-
for phase in more fewer; do
	matches "live-uncut-$phase" "$phase sent [1-9][0-9]* lost 0 connects [1-9][0-9]* failed 0" "$(grep "^$phase " $tmp/out)"
done

# --- rules for guests' ports are about guests here ----------------------------------------------------------
guard=('[Port]' DHCPGuard=yes RAGuard=yes)
network lab '[Network]' Mode=nat 'Ports=p-*' '[Address]' Address=10.61.0.1/24 Address=fd61::1/64 '[Tunnel]' VNI=61 Remote=$over.2 Remote=$over.3 "${guard[@]}" MACBinding=yes
there_network hostb lab '[Network]' Mode=bridge '[Tunnel]' VNI=61 Remote=$over.1 Remote=$over.3 "${guard[@]}"
netd_reload
there_client hostb reload >/dev/null
guarded() { [ "$(in_ns "$1" ip -d -j link show dev "$2" | jq -r '.[0].group')" != default ]; }
check guards-here wait_for 30 guarded host p-a1
check guards-there wait_for 30 there_runs hostb
check guards-not-tunnel fails guarded host gv-lab
check guards-not-tunnel-there fails guarded hostb gv-lab
# Leases and advertisements of the first host pass by the tunnel, and two Ethernet addresses are behind it.
ip -n b1 addr flush dev eth0 scope global
matches guards-lease '^10\.61\.0\.[0-9]+ 1450$' "$(lease_of b1)"
in_ns b1 sh -c 'ip link set eth0 down; ip link set eth0 up'
check guards-advertised wait_for 20 has6 b1
ip -n b1 addr replace "$b1/24" dev eth0
check guards-through wait_for 20 pings a1 "$b1"
check guards-through-third wait_for 20 pings a1 "${c1% *}"
here Remote=$over.2
netd_reload

# --- over IPv6 ---------------------------------------------------------------------------------------------
over=2001:db8:
here Remote=$over:2 Local=$over:1
there_network hostb lab '[Network]' Mode=bridge '[Tunnel]' VNI=61 Remote=$over:1
netd_reload
there_client hostb reload >/dev/null
equal v6-remotes "$over:2 " "$(remotes host)"
equal v6-mtu '1430 1430' "$(link gv-lab .mtu) $(link gn-lab .mtu)"
equal v6-local $over:1 "$(link gv-lab .linkinfo.info_data.local6)"
check v6-through wait_for 30 through
matches v6-lease '^10\.61\.0\.[0-9]+ 1430$' "$(lease_of b1)"
ip link del gv-lab
in_ns hostb ip link del gv-lab
fixed() { on_bridge host && on_bridge hostb && [ "$(remotes host)" = "$over:2 " ] && [ "$(remotes hostb)" = "$over:1 " ]; }
repaired v6

# --- a group that all hosts hear ----------------------------------------------------------------------------
for group in 239.1.1.61 ff05::61; do
	family=${group//[!:]/}
	id=group${family:+6}
	here Group=$group Interface=under0
	there_network hostb lab '[Network]' Mode=bridge '[Tunnel]' VNI=61 Group=$group Interface=under0
	netd_reload
	there_client hostb reload >/dev/null
	check $id-there wait_for 30 there_runs hostb
	equal $id-remotes "$group " "$(remotes host)"
	matches $id-lease '^10\.61\.0\.[0-9]+ 14[35]0$' "$(lease_of b1)"
	check $id-through wait_for 30 through
	bridge fdb del 00:00:00:00:00:00 dev gv-lab dst $group via under0
	fixed() { on_bridge host && [ "$(remotes host)" = "$group " ]; }
	repaired $id-entry
	ip link del gv-lab
	repaired $id-deleted
done
ip link set under0 mtu 1400
check group-tight wait_for 30 eval '[[ $(report lab problem) == *"1330 is what passes by under0"* ]]'
no_steps() { [ -z "$(plan | grep -v '^note: tunnel-tight')" ]; }
check group-tight-nothing-to-do wait_for 30 no_steps
ip link set under0 mtu 1500
check group-tight-no-more wait_for 30 settled
equal group-mtu 1430 "$(link gv-lab .mtu)"

# --- another program fills the forwarding table ------------------------------------------------------------
here MacLearning=no Local=192.0.2.1
netd_reload
equal filled-mark 'guestnet net=lab tunnel' "$(link gv-lab .ifalias)"
check filled-learning learns 'false 0'
equal filled-options 'false false' "$(bridge -d -j link show dev gv-lab | jq -r '.[0] | "\(.isolated) \(.learning)"')"
equal filled-empty '' "$(remotes host)"
there_network hostb lab '[Network]' Mode=bridge '[Tunnel]' VNI=61 Remote=192.0.2.1
there_client hostb reload >/dev/null
bridge fdb append 00:00:00:00:00:00 dev gv-lab dst 192.0.2.2
mac_b=$(in_ns b1 cat /sys/class/net/eth0/address)
bridge fdb add "$mac_b" dev gv-lab dst 192.0.2.2 self extern_learn
ip link set gv-lab down
check filled-down wait_for 30 on_bridge host
wait_for 30 settled
equal filled-kept '192.0.2.2 ' "$(remotes host)"
check filled-through wait_for 30 pings a1 "$b1"
# A list in the file is all of the list.
here Remote=192.0.2.2 Remote=192.0.2.3
bridge fdb append 00:00:00:00:00:00 dev gv-lab dst 192.0.2.77
netd_reload
equal listed '192.0.2.2 192.0.2.3 ' "$(remotes host)"
here MacLearning=no
netd_reload
equal unlisted '' "$(remotes host)"

# --- two networks change their numbers with each other --------------------------------------------------------
second() { network two '[Network]' Mode=nat '[Address]' Address=10.62.0.1/24 '[Tunnel]' Remote=192.0.2.2 "$@"; }
refusals() { grep -c 'already exists' $root/log; }
numbers() { echo "$(link gv-lab .linkinfo.info_data.id) $(link gv-two .linkinfo.info_data.id)"; }
here Remote=192.0.2.2
second VNI=62
netd_reload
equal numbers '61 62' "$(numbers)"
refused=$(refusals)
here VNI=62 Remote=192.0.2.2
second VNI=61
netd_reload
equal numbers-changed '62 61' "$(numbers)"
equal numbers-at-once "$refused" "$(refusals)"
network two '[Network]' Mode=nat '[Address]' Address=10.62.0.1/24 '[Tunnel]' VNI=62 Remote=2001:db8::2
netd_reload
equal numbers-of-two-families '62 62' "$(numbers)"
network two
here Remote=192.0.2.2
netd_reload

# --- it goes with its network -------------------------------------------------------------------------------
gone() { ! ip link show gv-lab >/dev/null 2>&1; }
client stop lab >/dev/null
check stop-gone wait_for 20 gone
client start lab >/dev/null
check start-made wait_for 20 on_bridge host
ip link add vxlan7 type vxlan id 7 dstport 4789
network lab '[Network]' Mode=nat '[Address]' Address=10.61.0.1/24
netd_reload
check section-gone gone
equal section-gone-mtu 1500 "$(link gn-lab .mtu)"
here Remote=192.0.2.2
netd_reload
check section-again on_bridge host

nets_done
check teardown-gone gone
check foreign-stays ip link show vxlan7
for host in "${!there[@]}"; do ended "${there[$host]}"; done
