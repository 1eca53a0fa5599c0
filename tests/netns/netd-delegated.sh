#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IPv6 prefixes that were delegated to the host: networks have a /64 of them, guests make addresses of that and have some by DHCPv6,
# which nobody translates; another prefix takes its place, or none, and guests know. By a route, as DHCPv6 clients say it, by
# guestnet delegate, for a time, and by real clients of a real router.
# Namespaces: this one is the host; "guest" asks for its addresses; "internet" is behind up0, and delegates.

suite=netd-delegated
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup dhclient
bridge=gn-home
dhcp_guest
in_ns guest sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
in_ns internet sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
# The router upstream sends what it may delegate to the host.
ip -n internet route add 2001:db8:1000::/36 via 2001:db8:51::2
serve internet 7777
serve guest 7777

home() { network home '[Network]' Mode=nat "$@" '[Address]' Address=auto Address=delegated '[DHCP]' Range=::100-::1ff; }
# As systemd-networkd and dhcpcd do.
delegate() { ip -6 route replace unreachable "$1" proto dhcp metric 1024; }
revoke() { ip -6 route del unreachable "$1" proto dhcp; }
delegated() { report "${1-home}" addresses | tr ' ' '\n' | grep ^2001:; }
is_delegated() { [[ $(delegated "${2-home}") == "$1"* ]]; }
problem() { report "${1-home}" problem; }
waits() { [[ $(report home state) == degraded && $(problem) == 'waiting for a delegated IPv6 prefix: '* ]]; }
# What the guest has of this prefix: MADE, by itself; or GIVEN, by DHCPv6.
guest_has() { ip -n guest -6 -o addr show dev eth0 scope global | grep -F " inet6 $1" | grep -q "${@:2}"; }
prefix_of() { local address=${1%/64}; echo "${address%::1}:"; }
made() { guest_has "$(prefix_of "$(delegated)")" -v -e deprecated -e /128; }
is_deprecated() { guest_has "$1" deprecated; }
own() { ip -n guest -6 -j addr show dev eth0 scope global | jq -r --arg prefix "$1" '[.[].addr_info[]?.local // empty | select(startswith($prefix))][0]'; }

home
check config netd --check
netd_start
check waiting wait_for 30 waits
equal waiting-kind not-delegated "$(report home problem_kind)"
equal waiting-delegated '' "$(report home delegated)"
plug
check waiting-lease lease
has_ula() { guest_has fd -v deprecated; }
check waiting-ula wait_for 30 has_ula
equal waiting-nat 198.51.100.2 "$(seen guest 198.51.100.1 7777)"
"$BIN/guestnet" doctor --json >$tmp/doctor
equal waiting-doctor problem "$(jq -r '.[] | select(.check == "delegated") | .verdict' $tmp/doctor)"

# Flows that have nothing to do with it, from here to the end.
ip -n internet route add "$(own fd | cut -d: -f1-4)::/64" via 2001:db8:51::2
check waiting-own-prefix wait_for 20 eval '[ "$(seen guest 2001:db8:51::1 7777)" = "$(own fd)" ]'
in_ns internet "$world/tools/netd-flow" serve 7778 >/dev/null 2>&1 &
wait_for 20 listens internet 7778
mkfifo $tmp/flow4 $tmp/flow6
exec 7<>$tmp/flow4 8<>$tmp/flow6
in_ns guest "$world/tools/netd-flow" flow 198.51.100.1 7778 <&7 >$tmp/out4 2>&1 &
flow4_pid=$!
in_ns guest "$world/tools/netd-flow" talk 2001:db8:51::1 7778 <&8 >$tmp/out6 2>&1 &
flow6_pid=$!
phase() { echo "$1" | tee /dev/fd/7 >&8; }
phase comes

# --- it comes -------------------------------------------------------------------------------------
dnsmasq_of() { cut -d' ' -f1 $root/run/dnsmasq/home.pid; }
# Others that look alike are none.
ip -6 route add unreachable 2001:db8:1100::/56 proto static
ip -6 route add 2001:db8:1100::/56 proto dhcp dev up0 metric 2000
ip -6 route add unreachable 2001:db8:1100::/72 proto dhcp
delegate 2001:db8:1200::/56
check comes wait_for 30 is_delegated 2001:db8:12
# Nothing of what follows is without that.
is_delegated 2001:db8:12 || exit 1
check comes-settled wait_for 30 settled
equal comes-problem '' "$(problem)"
equal comes-delegated 2001:db8:1200::/56 "$(report home delegated)"
revoke 2001:db8:1100::/72
ip -6 route del 2001:db8:1100::/56 dev up0
check comes-made wait_for 30 made
first=$(delegated)
of_first=$(prefix_of "$first")
guest6=$(own "$of_first")
check comes-way-out wait_for 20 eval '[ "$(seen guest 2001:db8:51::1 7777)" = "$guest6" ]'
equal comes-udp "$guest6" "$(seen guest 2001:db8:51::1 7777 udp)"
check comes-from-outside reaches internet "$guest6" 7777
equal comes-nat 198.51.100.2 "$(seen guest 198.51.100.1 7777)"
check comes-doctor eval '[ "$("$BIN/guestnet" doctor --json | jq -r ".[] | select(.check == \"delegated\") | .verdict")" = ok ]'
matches comes-status 'delegated  2001:db8:1200::/56' "$(client status home)"
# The rest of the prefix leads nowhere, and a guest has its own /64 of it.
other=2001:db8:1200:fe:
[ "$of_first" != $other ] || other=2001:db8:1200:fd:
matches comes-rest 'No route to host' "$(ip -6 route get ${other}:1 2>&1)"
ip -n guest addr add ${other}:9/128 dev eth0 nodad
if in_ns guest "$seen_tool" ask tcp 2001:db8:51::1 7777 ${other}:9 >/dev/null; then fail comes-forged 'a forged source was answered'; else pass comes-forged; fi
ip -n guest addr del ${other}:9/128 dev eth0

# By DHCPv6, too.
cat >$root/dhclient-script <<'S'
#!/bin/sh
[ -z "$new_ip6_address" ] || echo "$new_ip6_address" >"$LEASE"
S
chmod 755 $root/dhclient-script
ask() {
	rm -f $root/lease6 $root/dhclient.leases
	timeout 30 ip netns exec guest dhclient -6 -1 -e LEASE=$root/lease6 -cf /dev/null -lf $root/dhclient.leases \
		-pf $root/dhclient.pid -sf $root/dhclient-script eth0 >$root/dhclient.log 2>&1
	[ ! -s $root/dhclient.pid ] || kill "$(cat $root/dhclient.pid)" 2>/dev/null
	cat $root/lease6 2>/dev/null || tail -n 3 $root/dhclient.log
}
matches comes-dhcp6 "^${of_first}:1[0-9a-f]{2}$" "$(ask)"

# --- it stays: at a renewal, beside another one, over a restart ------------------------------------
serial=$(dnsmasq_of)
delegate 2001:db8:1200::/56
delegate 2001:db8:1000::/56
check stays-settled wait_for 30 settled
equal stays "$first" "$(delegated)"
equal stays-dnsmasq "$serial" "$(dnsmasq_of)"
netd_kill
netd_start
check restart-settled wait_for 30 settled
equal restart-stays "$first" "$(delegated)"
equal restart-dnsmasq "$serial" "$(dnsmasq_of)"
revoke 2001:db8:1000::/56

# --- another one ------------------------------------------------------------------------------------
phase another
printf '%s\n' 'route del unreachable 2001:db8:1200::/56 proto dhcp' 'route add unreachable 2001:db8:1340::/60 proto dhcp' >$tmp/batch
ip -6 -batch $tmp/batch
check another wait_for 30 is_delegated 2001:db8:1340:
check another-settled wait_for 30 settled
check another-made wait_for 30 made
check another-over wait_for 30 is_deprecated "$of_first"
check another-way-out wait_for 20 eval '[[ $(seen guest 2001:db8:51::1 7777) == 2001:db8:1340:* ]]'
check another-router eval 'ip -n guest -6 route show default | grep -q "proto ra"'
matches another-dhcp6 "^$(prefix_of "$(delegated)"):1[0-9a-f]{2}$" "$(ask)"
# Another one while nobody looks.
second=$(prefix_of "$(delegated)")
netd_kill
revoke 2001:db8:1340::/60
delegate 2001:db8:1400::/48
netd_start
check unseen wait_for 30 is_delegated 2001:db8:1400:
check unseen-settled wait_for 30 settled
check unseen-made wait_for 30 made
check unseen-over wait_for 30 is_deprecated "$second"

# --- over ---------------------------------------------------------------------------------------------
third=$(prefix_of "$(delegated)")
revoke 2001:db8:1400::/48
check over wait_for 30 waits
check over-guest wait_for 30 is_deprecated "$third"
equal over-address '' "$(delegated)"
equal over-nat 198.51.100.2 "$(seen guest 198.51.100.1 7777)"
phase over

# --- two networks, one of them by number; what does not fit is said ----------------------------------
network work '[Network]' Mode=route '[Address]' Address=10.98.1.1/24 Address=delegated:1
network third '[Network]' Mode=open '[Address]' Address=10.99.1.1/24 Address=delegated
client reload >/dev/null
delegate 2001:db8:1500::/63
check two wait_for 30 is_delegated 2001:db8:1500:1::1/64 work
check two-home wait_for 30 is_delegated 2001:db8:1500::1/64
full() { [[ $(problem third) == 'what was delegated to the host is a /63, and no /64 of it is left for this network' ]]; }
check two-full wait_for 30 full
guest worker gn-work 10.98.1.5 2001:db8:1500:1::5
check two-route wait_for 20 eval '[ "$(seen worker 2001:db8:51::1 7777)" = 2001:db8:1500:1::5 ]'
serve worker 7777
check two-from-outside reaches internet 2001:db8:1500:1::5 7777
check two-apart refused guest 2001:db8:1500:1::5 7777
revoke 2001:db8:1500::/63
delegate 2001:db8:1600::/56
check three wait_for 30 settled
check three-number is_delegated 2001:db8:1600:1::1/64 work
guest opener gn-third 10.99.1.5 "$(delegated third | sed 's|::1/64|::5|')"
check three-open wait_for 20 eval '[[ $(seen opener 2001:db8:51::1 7777) == 2001:db8:1600:* ]]'
equal three-different 3 "$(for name in home work third; do delegated $name; done | sort -u | wc -l)"
revoke 2001:db8:1600::/56
network work
network third
client reload >/dev/null
check one-again wait_for 30 waits

# --- a network whose guests make all addresses themselves: its dnsmasq follows -----------------------
# What the guest "lone" is told of a prefix_of(): lines "VALID PREFERRED".
told_of() { sed -n "s|.* ${1}:/64, Flags .*, valid time \([0-9]*\)s, pref. time \([0-9]*\)s\$|\1 \2|p" $root/adverts; }
lone_made() { ip -n lone -6 -o addr show dev eth0 scope global | grep -F " inet6 $1" | grep -qv -e deprecated; }
lone_over() { ip -n lone -6 -o addr show dev eth0 scope global | grep -F " inet6 $1" | grep -q deprecated; }
# Again, and not only once; and nobody says anything else of it any more.
over_again() { [ "$(told_of "$1" | grep -c ' 0$')" -ge 3 ] && [[ $(told_of "$1" | tail -n 1) == *' 0' ]]; }
lone_dnsmasq() { cut -d' ' -f1 $root/run/dnsmasq/lone.pid; }
tcpdump_pid=
if need follows tcpdump; then
	network lone '[Network]' Mode=nat '[Address]' Address=10.97.1.1/24 Address=fd97::1/64 Address=delegated
	client reload >/dev/null
	is_waiting() { [[ $(problem lone) == 'waiting for a delegated IPv6 prefix: '* ]]; }
	check follows-waits wait_for 30 is_waiting
	guest lone gn-lone - -
	in_ns lone sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
	in_ns lone tcpdump -i eth0 -n -l -v --immediate-mode -Z root 'icmp6 and ip6[40] == 134' >$root/adverts 2>$root/tcpdump.log &
	tcpdump_pid=$!
	wait_for 20 grep -q 'listening on' $root/tcpdump.log
	check follows-own wait_for 30 lone_made fd97:
	lone_serial=$(lone_dnsmasq)
	delegate 2001:db8:1610::/60
	check follows wait_for 30 is_delegated 2001:db8:161 lone
	lone_first=$(prefix_of "$(delegated lone)")
	check follows-made wait_for 30 lone_made "$lone_first"
	check follows-way-out wait_for 20 eval '[[ $(seen lone 2001:db8:51::1 7777) == 2001:db8:161* ]]'
	printf '%s\n' 'route del unreachable 2001:db8:1610::/60 proto dhcp' 'route add unreachable 2001:db8:1620::/60 proto dhcp' >$tmp/batch
	ip -6 -batch $tmp/batch
	check follows-another wait_for 30 is_delegated 2001:db8:162 lone
	lone_second=$(prefix_of "$(delegated lone)")
	check follows-another-made wait_for 30 lone_made "$lone_second"
	check follows-another-over wait_for 30 lone_over "$lone_first"
	revoke 2001:db8:1620::/60
	check follows-over wait_for 30 is_waiting
	check follows-over-guest wait_for 30 lone_over "$lone_second"
	check follows-over-first wait_for 90 over_again "$lone_first"
	check follows-over-second wait_for 90 over_again "$lone_second"
	equal follows-dnsmasq "$lone_serial" "$(lone_dnsmasq)"
	check follows-own-stays lone_made fd97:
fi

# --- told, for a time ----------------------------------------------------------------------------------
check told client delegate 2001:db8:1680::/56 6000
check told-comes is_delegated 2001:db8:16
check told-made wait_for 30 made
matches told-route '^unreachable 2001:db8:1680::/56 ' "$(ip -6 route show proto dhcp)"
told=$(delegated)
# What is left of that is what guests hear, and dnsmasq by the host's address, which only the daemon's end leaves to itself.
left_of_lone() { ip -6 -j addr show dev gn-lone | jq '[.[].addr_info[]? | select(.local | startswith("2001:")) | .preferred_life_time][0]'; }
is_left() { local left; left=$(left_of_lone); [ "${left:-null}" != null ] && [ "$left" -gt "$1" ] && [ "$left" -le "$2" ]; }
hears() { local heard; heard=$(told_of "$1" | tail -n 1); heard=${heard#* }; [ "${heard:-0}" -gt "$2" ] && [ "$heard" -le "$3" ]; }
# dnsmasq's interval is a quarter of a minute at first, and ten minutes later: then a guest that comes up asks.
hears_next() { wait_for 30 hears "$@" || { ip -n lone link set eth0 down && ip -n lone link set eth0 up && wait_for 60 hears "$@"; }; }
if [ "$tcpdump_pid" ]; then
	lone_told=$(prefix_of "$(delegated lone)")
	check ends is_left 5900 6000
	check ends-lease wait_for 60 hears "$lone_told" 3599 3600
	check ends-sooner client delegate 2001:db8:1680::/56 2400
	check ends-sooner-address is_left 2300 2400
	check ends-sooner-guest hears_next "$lone_told" 2300 2400
	check ends-made wait_for 30 lone_made "$lone_told"
	# Passes see no difference in it, and say it no second time.
	was_left=$(left_of_lone)
	counts() { is_left 2200 $((was_left - 1)); }
	check ends-counts wait_for 20 counts
	was_left=$(left_of_lone)
	netd_reload
	check ends-counts-on wait_for 20 counts
	check ends-short client delegate 2001:db8:1680::/56 300
	check ends-short-address is_left 1700 1800
	check ends-never client delegate 2001:db8:1680::/56
	equal ends-never-address 4294967295 "$(left_of_lone)"
	check ends-again client delegate 2001:db8:1680::/56 6000
	check ends-again-address is_left 5900 6000
	# One that others have put there anew has it, too.
	ip addr del "$(delegated lone)" dev gn-lone
	check ends-repaired wait_for 20 is_left 5900 6000
	netd_kill
	ip -6 addr change "$(sed -n 's/^lone [^ ]* [^ ]* //p' $root/state/subnets)/64" dev gn-lone preferred_lft 1
	check ends-alone wait_for 60 lone_over "$lone_told"
	netd_start
	check ends-restart wait_for 30 is_left 5900 6000
	check ends-restart-made wait_for 60 lone_made "$lone_told"
	equal ends-dnsmasq "$lone_serial" "$(lone_dnsmasq)"
	ended $tcpdump_pid
	network lone
	client reload >/dev/null
fi
told_fails() { equal "$1" "$2" "$(client delegate "${@:4}" >$tmp/out 2>&1; echo $?)"; matches "$1-says" "$3" "$(cat $tmp/out)"; }
told_fails told-word 2 'foo: want an IPv6 prefix' foo
told_fails told-short 2 'want an IPv6 prefix with a length from 16 to 64' 2001:db8:1680::/65
told_fails told-host 2 'the prefix of this length is 2001:db8:1680::/56' 2001:db8:1680::1/56
told_fails told-v4 2 'want an IPv6 prefix' 10.0.0.0/24
told_fails told-local 2 'no host of a network can have addresses' fe80::/64
told_fails told-number 2 'want a number of seconds' 2001:db8:1680::/56 soon
told_fails told-nobody 3 'nobody has said' 2001:db8:1700::/56 0
delegate 2001:db8:1700::/56
told_fails told-other 1 'a route of another program says already' 2001:db8:1700::/56
told_fails told-foreign 3 'nobody has said' 2001:db8:1700::/56 0
check told-foreign-stays eval 'ip -6 route show proto dhcp | grep -q 2001:db8:1700::/56'
revoke 2001:db8:1700::/56
# Its route may go, and comes again with the next renewal; over a restart it stays, with its end, which comes while a guest is there.
revoke 2001:db8:1680::/56
check told-lost wait_for 30 waits
check told-again client delegate 2001:db8:1680::/56 6
equal told-again-same "$told" "$(delegated)"
netd_kill
netd_start
check told-restart wait_for 20 is_delegated 2001:db8:16
check told-restart-made wait_for 30 made
check told-over wait_for 30 waits
check told-over-guest wait_for 30 is_deprecated "$(prefix_of "$told")"
equal told-over-route '' "$(ip -6 route show proto dhcp type unreachable)"
check told-forever client delegate 2001:db8:1680::/56
check told-forever-comes is_delegated 2001:db8:16
check told-end client delegate 2001:db8:1680::/56 0
check told-ended waits
equal told-file '' "$(cat $root/run/delegated)"

# --- a real router, and real clients ------------------------------------------------------------------
upstream() {	# PREFIX/LENGTH [INTERFACE PREFIX-THERE]
	cat >$root/dhcpd.conf <<-S
		default-lease-time 600;
		preferred-lifetime 300;
		subnet6 ${3-2001:db8:51::}/64 { prefix6 ${1%/*} ${1%/*} /${1#*/}; }
	S
	: >$root/dhcpd.leases
	# A copy: a profile of AppArmor is for the path, and knows no such folders.
	cp "$(command -v dhcpd)" $root/dhcpd
	in_ns internet $root/dhcpd -6 -f -q -cf $root/dhcpd.conf -lf $root/dhcpd.leases -pf $root/dhcpd.pid --no-pid "${2-eth0}" >>$root/dhcpd.log 2>&1 &
	upstream_pid=$!
	wait_for 20 eval 'in_ns internet ss -Hlun "sport = :547" | grep -q .'
}
# dhclient's own hook, and nothing else of its script.
printf '#!/bin/sh\nPATH=%s:$PATH\n' "$BIN" | cat - "$top/doc/examples/dhclient-exit-hook" >$root/dhclient-hook
chmod 755 $root/dhclient-hook
host_dhclient() { timeout 60 dhclient -6 -P "$@" -e GUESTNET_BUS=$GUESTNET_BUS -cf /dev/null -lf $root/host.leases -pf $root/host.pid -sf $root/dhclient-hook up0 >>$root/host.log 2>&1; }
if need real dhcpd dhclient; then
	upstream 2001:db8:1700::/56
	check real-dhclient host_dhclient -1
	check real-dhclient-comes wait_for 30 is_delegated 2001:db8:17
	equal real-dhclient-whole 2001:db8:1700::/56 "$(report home delegated)"
	check real-dhclient-time eval '[ $(($(cut -d" " -f2 $root/run/delegated) / 1000000 - $(cut -d. -f1 /proc/uptime))) -gt 400 ]'
	check real-dhclient-made wait_for 30 made
	check real-dhclient-way-out wait_for 20 eval '[[ $(seen guest 2001:db8:51::1 7777) == 2001:db8:17* ]]'
	check real-dhclient-release host_dhclient -r
	check real-dhclient-over wait_for 30 waits
	ended $upstream_pid
fi
if need real-dhcpcd dhcpd dhcpcd; then
	upstream 2001:db8:1800::/56
	printf '%s\n' duid noipv6rs ipv6only 'interface up0' 'ia_pd 1 -' >$root/dhcpcd.conf
	dhcpcd -B -f $root/dhcpcd.conf up0 >$root/dhcpcd.log 2>&1 &
	dhcpcd_pid=$!
	check real-dhcpcd-comes wait_for 60 is_delegated 2001:db8:18
	check real-dhcpcd-made wait_for 30 made
	check real-dhcpcd-way-out wait_for 20 eval '[[ $(seen guest 2001:db8:51::1 7777) == 2001:db8:18* ]]'
	dhcpcd -f $root/dhcpcd.conf -k up0 >>$root/dhcpcd.log 2>&1
	check real-dhcpcd-over wait_for 30 waits
	ended $dhcpcd_pid
	ended $upstream_pid
fi

# systemd-networkd thinks that what it finds on a card of its own is its own: this one has nothing else to do. Without udev it starts
# where /sys cannot be written.
networkd=/usr/lib/systemd/systemd-networkd
[ -x $networkd ] || networkd=/lib/systemd/systemd-networkd
if need real-networkd dhcpd $networkd; then
	ip link add wan0 type veth peer name eth1 netns internet
	ip -n internet addr add 2001:db8:52::1/64 dev eth1 nodad
	ip -n internet link set eth1 up
	ip link set wan0 up
	wait_for 30 eval 'ip -n internet link show dev eth1 | grep -q "state UP"'
	upstream 2001:db8:1900::/56 eth1 2001:db8:52::
	mkdir -p /run/systemd/network /run/systemd/netif
	printf '%s\n' '[Match]' Name=wan0 '[Network]' DHCP=ipv6 IPv6AcceptRA=no '[DHCPv6]' WithoutRA=solicit UseAddress=no >/run/systemd/network/wan0.network
	unshare --mount sh -c 'mount --bind /sys /sys && mount -o remount,ro,bind /sys && exec "$0"' $networkd >$root/networkd.log 2>&1 &
	networkd_pid=$!
	check real-networkd-comes wait_for 60 is_delegated 2001:db8:19
	check real-networkd-made wait_for 30 made
	check real-networkd-way-out wait_for 20 eval '[[ $(seen guest 2001:db8:51::1 7777) == 2001:db8:19* ]]'
	ended $networkd_pid
	check real-networkd-over wait_for 30 waits
	ended $upstream_pid
fi

# Whoever had nothing to do with it has lost nothing.
phase end
told() { grep -q ^over $tmp/out4 && grep -q ^end $tmp/out6; }
check unharmed-told wait_for 30 told
equal unharmed '' "$(grep sent $tmp/out4 | grep -v ' lost 0 connects [0-9]* failed 0 ' | tr '\n' ';')"
equal unharmed-own-prefix '' "$(grep -v heard $tmp/out6)"
ended $flow4_pid
ended $flow6_pid
nets_done
