#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks whose prefix was chosen for them, and a LAN or a VPN that has the same one: they get out of its way, at once while
# they are idle, when the last guest leaves, or when somebody says so; and stay where they are then.
# Namespaces: this one is the host; "guest" asks for its address; "internet" is behind up0, "lan" behind lan0.

suite=netd-renumber
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

bridge=gn-home
home() { network home '[Network]' Mode=nat "$@"; }
ip netns add lan
ip link add lan0 type veth peer name eth0 netns lan
ip link set lan0 up
ip -n lan link set eth0 up
ip -n lan link set lo up
wait_for 30 has_carrier lan
dhcp_guest
ip netns exec guest sysctl -qw net.ipv6.conf.eth0.accept_dad=0
serve internet 7777
serve lan 7777
serve guest 7777

at4() { report home addresses | tr ' ' '\n' | grep -v :; }
at6() { report home addresses | tr ' ' '\n' | grep :; }
prefix() { at4 | cut -d. -f1-3; }
said() { [[ $(report home problem) == *"$1"* ]]; }
fix() { report home fix; }
is_at() { [ "$(prefix)" = "$1" ]; }
moved() { [ -n "$(prefix)" ] && ! is_at "$1" && settled; }
unplug() { ip link set port0 nomaster; }
leases() { lease_options=(-x hostname:web); lease; [[ $address == "$(prefix)".* && $router == "$(prefix)".1 ]]; }
forwarded() { [[ $(asked internet 198.51.100.2 8080) == *' guest' ]]; }
lan() { ip addr "$1" "$2.200/24" dev lan0; ip -n lan addr "$1" "$2.9/24" dev eth0; }
answers() { [[ $(asked "$1" "$2" 7777) == *" $3" ]]; }
of_other() { report other addresses; cat $root/run/other.pid 2>/dev/null; }

home '[Forward]' Listen=tcp:8080 To=web:7777
network other '[Network]' Mode=nat '[Address]' Address=auto
netd_start
check up wait_for 30 settled
first=$(prefix)
other=$(of_other)
plug
check first-lease leases
check first-flow answers guest 198.51.100.1 internet
check first-forward wait_for 20 forwarded
unplug

check first-settled wait_for 30 settled
repairs=$(report home repairs)

# A LAN with the same prefix, while nobody is there. The host reaches who is in it, and so do guests.
lan add "$first"
check idle-moved wait_for 30 moved "$first"
second=$(prefix)
equal idle-state 'running ' "$(report home state) $(report home problem)"
equal idle-no-repair "$repairs" "$(report home repairs)"
equal idle-other "$other" "$(of_other)"
check idle-host-reaches-lan wait_for 20 answers host "$first.9" lan
plug
check idle-lease leases
check idle-flow answers guest 198.51.100.1 internet
check idle-guest-reaches-lan answers guest "$first.9" lan
check idle-forward-follows wait_for 20 forwarded
# What is gone from the lease file counts a moment later.
only_lease() { [ "$(client leases home --json | jq -r '.[].address' | grep -v :)" = "$(cut -d' ' -f1 $root/lease)" ]; }
check idle-leases wait_for 20 only_lease
unplug

# Once moved it stays: when the route goes, and when it comes again.
lan del "$first"
check gone-settled wait_for 30 settled
check gone-stays is_at "$second"
lan add "$first"
check again-settled wait_for 30 settled
check again-stays is_at "$second"

# With a guest: nothing of it is cut off, and the status says what will be.
plug
check guest-lease leases
lan add "$second"
check guest-told wait_for 30 said 'the network moves to another prefix when its last guest has left, or at once with guestnet renumber'
equal guest-state degraded "$(report home state)"
equal guest-fix 'guestnet renumber home' "$(fix)"
check guest-flows answers guest 198.51.100.1 internet
check guest-stays is_at "$second"
# A route to the guest itself: then nothing of it passes, and that is said with the way out.
guest=$(cut -d' ' -f1 $root/lease)
echo 1 >/proc/sys/net/ipv4/conf/$bridge/rp_filter
ip route add "$guest/32" dev lan0
client why "$guest" 198.51.100.1:7777 --json >$tmp/why
equal guest-why "the packet is dropped by rp_filter of $bridge: the way back to $guest is lan0" "$(jq -r .reason $tmp/why)"
equal guest-why-fix 'guestnet renumber home' "$(jq -r .fix $tmp/why)"
echo 0 >/proc/sys/net/ipv4/conf/$bridge/rp_filter
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
client why "$guest" 198.51.100.1:7777 --json >$tmp/why
equal guest-why-answer "the answer goes to lan0: a route of the host's leads there, and not to the network home" "$(jq -r .reason $tmp/why)"
equal guest-why-answer-fix 'guestnet renumber home' "$(jq -r .fix $tmp/why)"
ip route del "$guest/32" dev lan0
equal guest-why-passes passes "$(client why "$guest" 198.51.100.1:7777 --json | jq -r .verdict)"
# Nor when the daemon comes back meanwhile.
netd_kill
netd_start
check guest-restart-told wait_for 30 said 'when its last guest has left'
check guest-restart-stays is_at "$second"
check guest-restart-flows answers guest 198.51.100.1 internet
unplug
check left-moved wait_for 30 moved "$second"
third=$(prefix)
check left-elsewhere test "$third" != "$first"
check left-host-reaches-lan wait_for 20 answers host "$second.9" lan

# By hand, while the guest is there: it keeps its link, and has its new address when it asks.
plug
check hand-lease leases
index=$(cat /sys/class/net/port0/ifindex)
lan add "$third"
check hand-told wait_for 30 said 'or at once with guestnet renumber'
out=$(client renumber home 2>&1)
equal hand-status 0 $?
fourth=$(prefix)
equal hand-says "home: $(report home addresses)
1 port is on it: a guest that has an address already reaches nobody until it asks for another one, when its lease
is about to end, or when its network is set up anew (its link taken down and up, or a reboot)." "$out"
check hand-moved test "$fourth" != "$third"
check hand-settled wait_for 30 settled
equal hand-link "$index $bridge" "$(cat /sys/class/net/port0/ifindex) $(basename "$(readlink /sys/class/net/port0/master)")"
check hand-new-lease leases
check hand-flow answers guest 198.51.100.1 internet
check hand-forward wait_for 20 forwarded
check hand-host-reaches-lan wait_for 20 answers host "$third.9" lan
# Without a need, too.
check wish client renumber home
check wish-moved moved "$fourth"
check wish-lease leases
fourth=$(prefix)
unplug

# The next daemon, and the next boot, find it where it is.
netd_kill
netd_start
check restart-settled wait_for 30 settled
check restart-stays is_at "$fourth"
netd_stop
netd --teardown
rm -rf $root/run/*
netd_start
check boot-settled wait_for 30 settled
check boot-stays is_at "$fourth"
client stop home
client start home
check started-elsewhere eval '! is_at "$first" && ! is_at "$second" && ! is_at "$third"'
fourth=$(prefix)

equal other-untouched "$other" "$(of_other)"

# A VPN to all of 10.0.0.0/8; one that takes everything in two halves moves nobody.
check vpn-settled wait_for 30 settled
repairs=$(report home repairs)
ip route add 0.0.0.0/1 dev lan0
ip route add 128.0.0.0/1 dev lan0
ip route add 10.0.0.0/8 dev lan0
check vpn-moved wait_for 30 moved "$fourth"
fifth=$(prefix)
equal vpn-no-repair "$repairs" "$(report home repairs)"
check vpn-elsewhere eval '[[ $fifth == 172.* ]]'
ip route del 0.0.0.0/1 dev lan0
ip route del 128.0.0.0/1 dev lan0
# From one VPN to another and back: then it has found a place for both.
ip route del 10.0.0.0/8 dev lan0
ip route add 172.16.0.0/12 dev lan0
check vpn2-moved wait_for 30 moved "$fifth"
sixth=$(prefix)
check vpn2-elsewhere eval '[[ $sixth == 192.168.* ]]'
ip route del 172.16.0.0/12 dev lan0
ip route add 10.0.0.0/8 dev lan0
check vpn-again wait_for 30 settled
check vpn-again-stays is_at "$sixth"
# No place is left at all.
ip route add 172.16.0.0/12 dev lan0
ip route add 192.168.0.0/16 dev lan0
check full-told wait_for 30 said 'as soon as there is one that nothing leads to'
check full-stays is_at "$sixth"
equal full-by-hand 1 "$(client renumber home >$tmp/out 2>&1; echo $?)"
check full-by-hand-says grep -q 'stays where it is: there is no other prefix that nothing leads to' $tmp/out
ip route del 10.0.0.0/8 dev lan0
ip route del 172.16.0.0/12 dev lan0
ip route del 192.168.0.0/16 dev lan0
check free-settled wait_for 30 settled

# IPv6 alone, when that is in the way; by hand, because a guest is there, which is told what is over.
plug
has_ula() { ip -n guest -6 addr show dev eth0 scope global | grep -F " $(at6 | sed 's/::1.*//'):" | grep -qv deprecated; }
check ula-before wait_for 30 has_ula
ula=$(at6)
ip route add "${ula%::1*}::/64" dev lan0
check ula-told wait_for 30 said 'when its last guest has left'
check ula-by-hand client renumber home
check ula-moved eval '[ -n "$(at6)" ] && [ "$(at6)" != "$ula" ] && settled'
check ula-alone is_at "$sixth"
check ula-guest wait_for 30 has_ula
check ula-over wait_for 30 eval 'ip -n guest -6 addr show dev eth0 deprecated | grep -qF " ${ula%::1*}:"'
check ula-router eval 'ip -n guest -6 route show default | grep -q "proto ra"'
unplug

# A tap that is there before its guest is nobody's until somebody has it open.
home '[Tap]' Name=tap-home User=0
check tap-declared netd_reload
before=$(prefix)
lan add "$before"
check tap-moved wait_for 30 moved "$before"
mkfifo $tmp/hold
"$world/tools/tap-hold" tap-home <>$tmp/hold >$tmp/held 2>&1 &
holder=$!
check tap-held wait_for 20 grep -q held $tmp/held
before=$(prefix)
lan add "$before"
check tap-told wait_for 30 said 'the network moves to another prefix when its last guest has left'
check tap-stays is_at "$before"
ended $holder
check tap-left wait_for 30 moved "$before"

# Renumber=never: only by hand.
home '[Address]' Renumber=never
check never-declared netd_reload
never=$(prefix)
lan add "$never"
check never-told wait_for 30 said '; guestnet renumber moves the network to another prefix'
equal never-fix 'guestnet renumber home' "$(fix)"
netd_kill
netd_start
check never-restart-told wait_for 30 said '; guestnet renumber moves the network to another prefix'
check never-stays is_at "$never"
check never-by-hand client renumber home
check never-moved moved "$never"

# What cannot be asked for.
refused() { equal "$1-status" "$2" "$(client renumber "$3" >$tmp/out 2>&1; echo $?)"; check "$1-says" grep -qF "$4" $tmp/out; }
network fixed '[Network]' Mode=nat '[Address]' Address=10.97.1.1/24
client reload >/dev/null
refused fixed 1 fixed 'the addresses of network fixed are written in its file: guestnet edit fixed'
client stop other
refused stopped 1 other 'network other is not up: its prefix is chosen when it starts: guestnet start other'
refused unknown 3 nobody nobody
nets_done
