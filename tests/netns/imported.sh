#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody's networks of libvirt, imported and started as they are: NAT, isolated, routed, PXE and bridged. On each a guest
# asks for an address and finds what that kind of network promises; nothing of the documents is lost without a word.
# Namespaces: this one is the host; "internet" is behind up0, "lan" has the DHCP server of br0; the guests are "nat1",
# "nat2", "alone1", "alone2", "routed1", "boot1" and "bridged1".

suite=imported
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

mkdir -p $root/tftp $root/xml
head -c 20000 /dev/urandom >$root/tftp/pxelinux.0
chmod -R a+rX $root
cat >$root/xml/nat.xml <<'X'
<network connections='1'>
  <name>nat</name>
  <uuid>3e3fce45-4f53-4fa7-bb32-11f34168b82b</uuid>
  <forward mode='nat'>
    <nat ipv6='yes'><port start='20000' end='29999'/></nat>
  </forward>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='52:54:00:b0:0b:01'/>
  <mtu size='1400'/>
  <domain name='example.internal' localOnly='yes'/>
  <dns>
    <txt name='note' value='some words'/>
    <host ip='192.168.122.2'><hostname>gateway</hostname></host>
  </dns>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.128' end='192.168.122.254'><lease expiry='2' unit='hours'/></range>
      <host mac='52:54:00:cc:00:01' name='known' ip='192.168.122.45'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='fd00:122::1' prefix='64'/>
  <route address='10.122.0.0' prefix='16' gateway='192.168.122.45' metric='3'/>
</network>
X
cat >$root/xml/isolated.xml <<'X'
<network>
  <name>isolated</name>
  <bridge name='virbr1'/>
  <ip address='192.168.152.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.152.2' end='192.168.152.254'/></dhcp>
  </ip>
  <ip family='ipv6' address='fd00:152::1' prefix='64'/>
</network>
X
cat >$root/xml/routed.xml <<'X'
<network>
  <name>routed</name>
  <forward dev='up0' mode='route'><interface dev='up0'/></forward>
  <bridge name='virbr2' stp='on' delay='0'/>
  <ip address='203.0.113.129' netmask='255.255.255.128'>
    <dhcp><range start='203.0.113.140' end='203.0.113.200'/></dhcp>
  </ip>
  <ip family='ipv6' address='2001:db8:ca2:2::1' prefix='64'/>
</network>
X
cat >$root/xml/pxe.xml <<X
<network>
  <name>pxe</name>
  <forward mode='nat'/>
  <bridge name='virbr3' stp='on' delay='0'/>
  <ip address='192.168.124.1' netmask='255.255.255.0'>
    <tftp root='$root/tftp'/>
    <dhcp>
      <range start='192.168.124.2' end='192.168.124.254'/>
      <bootp file='pxelinux.0'/>
    </dhcp>
  </ip>
</network>
X
cat >$root/xml/bridged.xml <<'X'
<network>
  <name>bridged</name>
  <forward mode='bridge'/>
  <bridge name='br0'/>
</network>
X

# The bridge of the LAN is there before; a server of the LAN gives out addresses on it.
ip netns add lan
ip link add br0 type bridge
ip link add lan0 type veth peer name eth0 netns lan
ip link set lan0 master br0 up
ip link set br0 up
ip -n lan addr add 172.30.0.1/24 dev eth0
ip -n lan link set eth0 up
ip netns exec lan dnsmasq -k -C /dev/null --port=0 --bind-interfaces --interface=eth0 --dhcp-range=172.30.0.50,172.30.0.99 \
	--no-ping --dhcp-leasefile=$root/lan.leases --pid-file= --user=root >/dev/null 2>&1 &
lan_pid=$!

for name in nat isolated routed pxe bridged; do
	out=$(client import $root/xml/$name.xml --output $root/etc/networks/$name.network 2>&1)
	matches import-$name 'silently dropped 0' "$out"
done
netd_start
check up wait_for 30 settled
for name in nat isolated routed pxe bridged; do equal running-$name running "$(state $name)"; done

cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
[ -n "$router" ] && ip route replace default via $router
echo "ip=$ip router=$router dns=$dns mtu=$mtu domain=$domain host=$hostname boot=${bootfile:-$boot_file} next=$siaddr lease=$lease" >$LEASE
S
chmod 755 $root/udhcpc
ask() {	# NAMESPACE BRIDGE [MAC]: a guest that asks; what it was told is in $told
	guest "$1" "$2" - -
	[ $# -lt 3 ] || { ip -n "$1" link set eth0 down; ip -n "$1" link set eth0 address "$3"; ip -n "$1" link set eth0 up; }
	rm -f $root/lease
	LEASE=$root/lease timeout 40 ip netns exec "$1" busybox udhcpc -i eth0 -f -q -n -t 30 -T 1 -A 1 -O mtu -O bootfile \
		-x hostname:"$1" -s $root/udhcpc >/dev/null 2>&1
	told=$(cat $root/lease 2>/dev/null)
}
address() { ip -n "$1" -4 -j addr show dev eth0 | jq -r '.[0].addr_info[] | select(.scope == "global").local'; }
address6() { ip -n "$1" -6 -j addr show dev eth0 scope global | jq -r '[.[0].addr_info[]? | select(.tentative != true)][0].local // empty'; }
has_address6() { [ -n "$(address6 "$1")" ]; }
dns() { in_ns "$1" busybox nslookup -type="${3:-a}" "$2" "${4:-192.168.122.1}" 2>&1; }
ip -n internet route add 203.0.113.128/25 via 198.51.100.2
ip -n internet -6 route add 2001:db8:ca2:2::/64 via 2001:db8:51::2
serve internet 7777

# --- NAT ---------------------------------------------------------------------------------------
ask nat1 virbr0
matches nat-lease '^ip=192.168.122.(1[3-9]|12[89]|2)[0-9]* router=192.168.122.1 dns=192.168.122.1 mtu=1400 domain=example.internal ' "$told"
matches nat-lease-time 'lease=7200' "$told"
ask nat2 virbr0 52:54:00:cc:00:01
matches nat-host '^ip=192.168.122.45 .*host=known' "$told"
serve nat1 7777; serve nat2 7777
equal nat-out 198.51.100.2 "$(seen nat1 198.51.100.1 7777)"
matches nat-ports ' 2[0-9][0-9][0-9][0-9] ' "$(asked nat1 198.51.100.1 7777)"
check nat-slaac wait_for 20 has_address6 nat1
equal nat-mtu6 1400 "$(in_ns nat1 cat /proc/sys/net/ipv6/conf/eth0/mtu)"
equal nat-out6 2001:db8:51::2 "$(seen nat1 2001:db8:51::1 7777)"
equal nat-neighbour "$(address nat1)" "$(seen nat1 192.168.122.45 7777)"
ip -n internet route add 192.168.122.0/24 via 198.51.100.2
check nat-not-in refused internet 192.168.122.45 7777
matches nat-names 192.168.122.45 "$(dns nat1 known.example.internal)"
matches nat-names-lease "$(address nat1)" "$(dns nat2 nat1.example.internal)"
matches nat-records 'some words' "$(dns nat1 note txt)"
matches nat-dns-host 192.168.122.2 "$(dns nat1 gateway.example.internal)"
equal nat-mac 52:54:00:b0:0b:01 "$(link virbr0 .address)"
equal nat-route 'via 192.168.122.45' "$(ip route show 10.122.0.0/16 metric 3 | grep -o 'via [0-9.]*')"
# --- isolated ----------------------------------------------------------------------------------
ask alone1 virbr1
matches isolated-lease '^ip=192.168.152.[0-9]+ router= ' "$told"
ask alone2 virbr1
serve alone2 7777
equal isolated-neighbour "$(address alone1)" "$(seen alone1 "$(address alone2)" 7777)"
check isolated-slaac wait_for 20 has_address6 alone1
check isolated-gateway in_ns alone1 busybox ping -c 1 -W 5 192.168.152.1
ip -n alone1 route add default via 192.168.152.1
check isolated-no-way-out refused alone1 198.51.100.1 7777
check isolated-no-nat-network refused alone1 192.168.122.45 7777
matches isolated-names "$(address alone2)" "$(dns alone1 alone2 a 192.168.152.1)"
# --- routed ------------------------------------------------------------------------------------
ask routed1 virbr2
matches routed-lease '^ip=203.0.113.1[4-9][0-9] router=203.0.113.129 |^ip=203.0.113.200 ' "$told"
serve routed1 7777
equal routed-out "$(address routed1)" "$(seen routed1 198.51.100.1 7777)"
equal routed-in 198.51.100.1 "$(seen internet "$(address routed1)" 7777)"
check routed-slaac wait_for 20 has_address6 routed1
equal routed-out6 "$(address6 routed1)" "$(seen routed1 2001:db8:51::1 7777)"
equal routed-in6 2001:db8:51::1 "$(seen internet "$(address6 routed1)" 7777)"
# --- PXE ---------------------------------------------------------------------------------------
ask boot1 virbr3
matches pxe-lease '^ip=192.168.124.[0-9]+ .*boot=pxelinux.0 next=192.168.124.1 ' "$told"
check pxe-fetched in_ns boot1 busybox tftp -g -l $root/fetched -r pxelinux.0 192.168.124.1
check pxe-whole cmp $root/fetched $root/tftp/pxelinux.0
equal pxe-out 198.51.100.2 "$(seen boot1 198.51.100.1 7777)"
# --- bridged -----------------------------------------------------------------------------------
ask bridged1 br0
matches bridged-lease '^ip=172.30.0.[5-9][0-9] router=172.30.0.1 ' "$told"
check bridged-lan in_ns bridged1 busybox ping -c 1 -W 5 172.30.0.1
check bridged-policy client qemu bridged
ended $lan_pid

# --- as libvirt's words have it ------------------------------------------------------------------
client net-list >$root/list 2>&1
matches virsh-list 'nat +running +nat +virbr0 +2 ' "$(cat $root/list)"
matches virsh-leases '192.168.122.45 +52:54:00:cc:00:01 +known ' "$(client net-dhcp-leases nat 2>&1)"
nets_done
