#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# DHCP and DNS as a network's file has them, with a real dnsmasq and real clients: known guests, several ranges, options,
# DHCPv6, names and records, servers split by domain; and changes of all that, for which dnsmasq is not started anew.
# Namespaces: this one is the host; "web", "db" and "new" are guests; "internet" has the DNS server of corp.example.

suite=netd-dhcp
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

lab=('[Address]' Address=10.85.1.1/24 Address=fd85::1/64
	'[DHCP]' Range=10.85.1.100-10.85.1.100 Range=10.85.1.110-10.85.1.110 Range=fd85::100-fd85::1ff
	NTP=10.85.1.1 SendOption=26:uint16:1400 SendOption=66:string:boot.server
	'[DNS]' Domain=lab.internal 'Forwarder=corp.example 198.51.100.1:5353' 'Forwarder=secret.example none'
	'Host=10.85.1.9 printer' 'TXT=lab.internal a text, with a comma' 'SRV=_ldap._tcp.lab.internal printer.lab.internal 389 1 2'
	'[Host]' MACAddress=52:54:00:85:00:01 Name=web Address=10.85.1.5 Address=fd85::5 SendOption=3:ipv4address:10.85.1.253)
rm -f /etc/resolv.conf
echo 'nameserver 198.51.100.1' >/etc/resolv.conf
network lab "${lab[@]}"
network quick '[Address]' Address=10.84.1.1/24
netd_start
check up wait_for 30 settled
# Whoever asks once, as soon as it is there, and waits three seconds is answered: no port waits for a forward delay, and no
# address is probed first.
guest eager gn-quick - -
LEASE=$root/eager timeout 20 ip netns exec eager busybox udhcpc -i eth0 -f -q -n -t 1 -T 3 -A 0 -s /bin/true >/dev/null 2>&1
equal first-request 0 $?
ip netns del eager
n=0
for name in web db new; do
	n=$((n + 1))
	guest $name gn-lab - -
	ip -n $name link set eth0 down
	ip -n $name link set eth0 address 52:54:00:85:00:0$n
	ip -n $name link set eth0 up
done
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
echo "ip=$ip router=$router ntp=$ntpsrv mtu=$mtu tftp=$tftp host=$hostname domain=$domain lease=$lease dns=$dns" >$LEASE
S
chmod 755 $root/udhcpc
ask() {	# NAMESPACE [OPTION...]: asks until there is an answer; what was told is in $told
	rm -f $root/lease
	ip -n "$1" addr flush dev eth0 scope global
	LEASE=$root/lease timeout 40 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 30 -T 1 -A 1 -O ntpsrv -O mtu -O tftp \
		"${@:2}" -s $root/udhcpc >/dev/null 2>&1
	told=$(cat $root/lease 2>/dev/null)
}
dns() { ip netns exec web busybox nslookup -type="${2:-a}" "$1" 10.85.1.1 2>&1; }

ask web
matches host-address '^ip=10.85.1.5 ' "$told"
matches host-router 'router=10.85.1.253 ' "$told"
matches host-name 'host=web' "$told"
matches option-network 'mtu=1400 tftp=boot.server ' "$told"
matches option-ntp 'ntp=10.85.1.1 ' "$told"
ask db
first=$told
matches range-router 'router=10.85.1.1 ' "$told"
ask new
matches ranges '10.85.1.100 .*10.85.1.110 |10.85.1.110 .*10.85.1.100 ' "$first $told"
ask6() { in_ns "$1" "$world/tools/netd-dhcp6" eth0 "$(ip -n "$1" -j link show eth0 | jq -r '.[0].address')"; }
equal host-address6 fd85::5 "$(ask6 web)"
matches range6 '^fd85::1[0-9a-f][0-9a-f]$' "$(ask6 db)"
ask web
matches dns-host '10.85.1.9' "$(dns printer.lab.internal)"
matches dns-static '10.85.1.5' "$(dns web.lab.internal)"
matches dns-static6 'fd85::5' "$(dns web.lab.internal aaaa)"
matches dns-txt 'a text, with a comma' "$(dns lab.internal txt)"
matches dns-srv '1 2 389 printer.lab.internal' "$(dns _ldap._tcp.lab.internal srv)"
# Who is asked for a domain's names: a server of its own, nobody.
cat >$root/corp.conf <<'S'
port=5353
no-resolv
no-hosts
bind-interfaces
listen-address=198.51.100.1
host-record=www.corp.example,192.0.2.80
host-record=www.secret.example,192.0.2.81
S
ip netns exec internet dnsmasq -k -C $root/corp.conf --pid-file= >/dev/null 2>&1 &
corp_pid=$!
wait_for 20 eval 'ip netns exec internet ss -Hlun "sport = :5353" | grep -q .'
corp() { dns www.corp.example | grep -q 192.0.2.80; }
check dns-split wait_for 20 corp
if dns www.secret.example | grep -q 192.0.2; then fail dns-nobody "somebody answered"; else pass dns-nobody; fi
# The host's own servers are asked for all others, but not who has an address of the network: one of them may ask us.
cat >$root/world.conf <<'S'
no-resolv
no-hosts
bind-interfaces
listen-address=198.51.100.1
host-record=www.world.example,192.0.2.90
ptr-record=77.1.85.10.in-addr.arpa,elsewhere.example
ptr-record=77.2.85.10.in-addr.arpa,elsewhere.example
S
ip netns exec internet dnsmasq -k -C $root/world.conf --pid-file= >/dev/null 2>&1 &
world_pid=$!
wait_for 20 eval 'ip netns exec internet ss -Hlun "sport = :53" | grep -q .'
world() { dns www.world.example | grep -q 192.0.2.90; }
check dns-world wait_for 20 world
matches dns-reverse-elsewhere elsewhere.example "$(dns 77.2.85.10.in-addr.arpa ptr)"
if dns 77.1.85.10.in-addr.arpa ptr | grep -q elsewhere; then fail dns-reverse "another server was asked"; else pass dns-reverse; fi
matches dns-reverse-known web.lab.internal "$(dns 5.1.85.10.in-addr.arpa ptr)"

# --- changes, without a new start of dnsmasq ---------------------------------------------------
pid() { cut -d' ' -f1 $root/run/dnsmasq/lab.pid; }
before=$(pid)
network lab "${lab[@]//10.85.1.253/10.85.1.252}" '[Host]' MACAddress=52:54:00:85:00:03 Name=fresh Address=10.85.1.7
check reload netd_reload
ask new
matches live-host '^ip=10.85.1.7 .*host=fresh ' "$told"
ask web
matches live-option 'router=10.85.1.252 ' "$told"
matches live-name '10.85.1.7' "$(dns fresh.lab.internal)"
check live-old-name eval 'dns web.lab.internal | grep -q 10.85.1.5'
equal live-same-process "$before" "$(pid)"
# And away again.
network lab "${lab[@]//printer/plotter}"
netd_reload
if dns printer.lab.internal | grep -q 10.85.1.9; then fail live-name-gone "it is still known"; else pass live-name-gone; fi
matches live-name-new 10.85.1.9 "$(dns plotter.lab.internal)"
# What is in the configuration itself needs a new start; leases stay.
check live-restarted eval '[ "$(pid)" != "$before" ]'
leases_has_web() { client leases lab --json | jq -e '.[] | select(.name == "web")'; }
check leases-stay wait_for 20 leases_has_web
before=$(pid)
kill -9 $netd_pid; reap $netd_pid; rm -f $root/run/bus.sock
netd_start
check restarted-settled wait_for 30 settled
equal restarted-adopted "$before" "$(pid)"
# Nobody but known guests.
network lab "${lab[@]/\[DNS\]/OnlyHosts=yes
[DNS]}"
netd_reload
only=$(sed -n '/^dhcp-range=.*static/p' $root/run/dnsmasq/lab.conf)
matches only-hosts-written '10.85.1.0,static' "$only"
ask web
matches only-hosts-known '^ip=10.85.1.5 ' "$told"
unknown() { LEASE=$root/lease timeout 5 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 3 -T 1 -A 1 -s $root/udhcpc; }
if unknown db >/dev/null 2>&1; then fail only-hosts-unknown "an unknown guest got an address"; else pass only-hosts-unknown; fi
ended $corp_pid
ended $world_pid

# --- lease times, guests told apart by what they say they are, nobody who answers DNS -----------
network lab '[Address]' Address=10.85.1.1/24 Address=fd85::1/64 '[DHCP]' Identity=client-id LeaseTime=2h \
	'[Host]' ClientID=01:aa:bb:cc Name=byid Address=10.85.1.20 LeaseTime=5h \
	'[Host]' ClientID=some-text Address=10.85.1.21 SendOption=3:ipv4address:10.85.1.251 '[DNS]' Enable=no Forwarder=192.0.2.53
check client-id netd_reload
ask web
matches lease-time ' lease=7200 ' "$told"
matches dns-off ' dns=192.0.2.53$' "$told"
ask db -C -x 0x3d:01aabbcc
matches client-id-address '^ip=10.85.1.20 .*host=byid ' "$told"
matches host-lease-time ' lease=18000 ' "$told"
ask new -C -x 0x3d:736f6d652d74657874
matches client-id-text '^ip=10.85.1.21 ' "$told"
matches client-id-option ' router=10.85.1.251 ' "$told"
ask new -C -x 0x3d:736f6d652d746578742d32
matches client-id-longer ' router=10.85.1.1 ' "$told"
if in_ns web busybox nslookup web.lab.internal 10.85.1.1 2>&1 | grep -q Name:; then fail dns-off-silent "somebody answered"; else pass dns-off-silent; fi
# A guest's own address by router advertisements.
in_ns web sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/autoconf'
ip -n web link set eth0 down; ip -n web link set eth0 up
slaac() { ip -n web -6 -j addr show dev eth0 scope global | jq -e '.[0].addr_info[] | select(.local == "fd85::5054:ff:fe85:1")' >/dev/null; }
check slaac wait_for 20 slaac
slaac_router() { ip -n web -6 route show default proto ra | grep -q fe80; }
check slaac-router wait_for 20 slaac_router
# --- a host where IPv6 is turned off: IPv4 works, and status says what does not ------------------
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
check off-told wait_for 20 is degraded lab
matches off-text 'IPv6 is off on gn-lab .*fd85::1/64' "$(report lab problem)"
ask web
matches off-lease '^ip=10.85.1' "$told"
network auto '[Address]' Address=auto
check off-start client reload
check off-running wait_for 20 is running auto
matches off-running-text 'IPv6 is off on gn-auto' "$(report auto problem)"
# A kernel that was started with ipv6.disable=1 has no such values either.
netd_kill
mount -t tmpfs tmpfs /proc/sys/net/ipv6
network bare '[Address]' Address=auto
netd_start
check off-bare wait_for 20 is running bare
equal off-bare-plan '' "$(plan | grep -v '^note: address-off')"
equal off-bare-service '' "$(grep enable-ra $root/run/dnsmasq/bare.conf)"
ended $netd_pid
umount /proc/sys/net/ipv6
netd_start
echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6
check off-over wait_for 30 settled
matches off-over-address ' fd85::1/64 ' "$(ip -o -6 addr show dev gn-lab)"
nets_done
