#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# As doctor-packets, for what other programs and other guests do: a name server that holds port 53, a dnsmasq that is not
# there, two guests with one MAC address, the old iptables. What doctor says is compared word by word.
# Namespaces: this one is the host; "internet" is outside; "guest", "other" and "twin" are guests of default.

suite=doctor-others
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
. "$(dirname "$0")/packets.bash"
packets_setup
plug_all() { for port in port0 port-other; do ip link set $port master gn-default; done; }
service_pid() { cut -d' ' -f1 $root/run/dnsmasq/default.pid; }
passes healthy gets_lease

# --- port 53: a dnsmasq for the whole system, which serves another interface and has all addresses -----------------
holds() { ss -Hulnp 'sport = 53' | grep -q "pid=$holder,"; }
system_dns() { dnsmasq --keep-in-foreground --conf-file=$tmp/system.conf --pid-file= --user=root >/dev/null 2>&1 & holder=$!; wait_for 20 holds; }
printf '[Address]\nAddress=10.82.1.1/24\n[Host]\nName=printer\nMACAddress=52:54:00:13:00:99\nAddress=10.82.1.99\n' >$root/etc/networks/default.network
client reload
domain=$(sed -n 's/^domain=\([^,]*\).*/\1/p' $root/run/dnsmasq/default.conf)
resolves() { in_ns guest timeout 3 busybox nslookup -type=a printer.$domain 10.82.1.1 2>&1 | grep -q 'Address: 10.82.1.99'; }
passes names resolves
client stop default
printf 'no-resolv\nno-hosts\ninterface=up0\nno-dhcp-interface=up0\n' >$tmp/system.conf
system_dns
client start default >/dev/null 2>&1
plug_all
stops dns networks resolves
lines="bind-interfaces; except-interface=gn-default; except-interface=lo"
equal dns-says "network default is degraded: TCP port 53 of 10.82.1.1 is held by dnsmasq (pid $holder): guests get addresses, but no names \
from this host; stop it, or set [DNS] Enable=no. Or let that dnsmasq leave it alone, by three lines in its configuration and a restart: $lines" \
	"$(evidence networks)"
equal dns-kind held-by-dnsmasq "$(report default problem_kind)"
equal dns-printed "kill $holder" "$(printed networks)"
check dns-lease-meanwhile wait_for 20 gets_lease
# The command it prints.
do_printed networks
reap $holder
passes dns-mended resolves
# The three lines.
client stop default
system_dns
client start default >/dev/null 2>&1
plug_all
stops dns-again networks resolves
ended $holder
sed 's/; /\n/g' <<<"$lines" >>$tmp/system.conf
system_dns
passes dns-lines resolves
check dns-lines-both holds
ended $holder

# --- no dnsmasq ---------------------------------------------------------------------------------------------------
mkdir $root/sbin
mount --rbind /usr/sbin $root/sbin
mount -t tmpfs tmpfs /usr/sbin
ln -s $root/sbin/* /usr/sbin/
rm /usr/sbin/dnsmasq
kill "$(service_pid)"
ip -n guest addr flush dev eth0 scope global
stops missing 'dnsmasq networks' gets_lease
equal missing-says '/usr/sbin/dnsmasq: No such file or directory: there is nobody to give guests addresses' "$(evidence dnsmasq)"
equal missing-printed 'apt-get install dnsmasq-base # or: dnf install dnsmasq' "$(printed dnsmasq)"
# What the package would bring.
ln -s $root/sbin/dnsmasq /usr/sbin/
client start default >/dev/null 2>&1
passes missing-mended gets_lease

# --- two guests with one MAC address ------------------------------------------------------------------------------
mac=$(ip -n other -j link show eth0 | jq -r '.[0].address')
guest twin gn-default 10.82.1.201 -
ip -n twin link set eth0 down
ip -n twin link set eth0 address "$mac"
ip -n twin link set eth0 up
ip -n twin route replace default via 10.82.1.1
sees_twins() { pings other 10.82.1.1; pings twin 10.82.1.1; finds networks; }
check twins-seen wait_for 20 sees_twins
# Who has spoken last gets the other's packets.
pings_other() { pings twin 10.82.1.1; pings host 10.82.1.200; }
stops twins networks pings_other
matches twins-says "^network default is degraded: two guests have the MAC address $mac: one on port port-(other|twin), one on port port-(other|twin)" \
	"$(evidence networks)"
# An address of its own.
ip -n twin link set eth0 down
ip link set port-twin nomaster
check twins-over wait_for 20 healthy
ip -n twin link set eth0 address 52:54:00:13:00:77
ip link set port-twin master gn-default
ip -n twin link set eth0 up
passes twins-mended pings_other

# --- the old iptables: docker turns its FORWARD chain to DROP -------------------------------------------------------
if need legacy iptables-legacy && iptables-legacy -P FORWARD ACCEPT 2>/dev/null; then
	passes legacy-before gets_out
	iptables-legacy -P FORWARD DROP
	stops legacy legacy-iptables gets_out
	equal legacy-says 'the old iptables drops what guests of default send to the outside, or the answers (table filter, chain FORWARD): no rule of it accepts that' \
		"$(evidence legacy-iptables)"
	equal legacy-printed 'iptables-legacy -I FORWARD -i gn-default -j ACCEPT; iptables-legacy -I FORWARD -o gn-default -j ACCEPT' \
		"$(printed legacy-iptables)"
	do_printed legacy-iptables
	# That there are rules beside nftables is still said.
	judged() { [ "$(doctor | jq -r '.[] | select(.check == "legacy-iptables") | .verdict')" = note ]; }
	check legacy-mended wait_for 20 judged
	check legacy-mended-packet wait_for 20 gets_out
	# Rules that cannot be judged count neither way.
	iptables-legacy -F FORWARD
	iptables-legacy -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
	iptables-legacy -A FORWARD -i gn-default -p tcp --dport 7777 -j ACCEPT
	check legacy-unsure wait_for 20 judged
	check legacy-unsure-packet wait_for 20 gets_out
	# A reject in a chain of its own, before which nothing accepts.
	iptables-legacy -P FORWARD ACCEPT
	iptables-legacy -F FORWARD
	iptables-legacy -N strange
	iptables-legacy -A FORWARD -i else0 -j ACCEPT
	iptables-legacy -A FORWARD -j strange
	iptables-legacy -A strange ! -i lo -j REJECT
	stops legacy-chain legacy-iptables gets_out
	equal legacy-chain-judged problem "$(of_check legacy-iptables verdict)"
	iptables-legacy -I strange -i gn+ -j ACCEPT
	iptables-legacy -I strange -o gn+ -j ACCEPT
	check legacy-chain-mended wait_for 20 judged
	check legacy-chain-mended-packet wait_for 20 gets_out
	iptables-legacy -F
	iptables-legacy -X
	passes legacy-gone gets_out
else
	skip legacy 'the kernel has no iptables-legacy'
fi
nets_done
