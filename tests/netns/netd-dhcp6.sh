#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# DHCPv6 with a real dnsmasq and a real client: hosts known by their DUID, whatever Ethernet address they have, or by that
# address; options of the network and of both kinds of hosts; a range; options alone for guests that make their own addresses; changes live.
# Namespaces: this one is the host; "guest" is a guest that is now one and now another.

suite=netd-dhcp6
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup dhclient

uuid=00:04:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00
lab=('[Address]' Address=10.85.1.1/24 Address=fd85::1/64
	'[DHCP]' Range=fd85::100-fd85::1ff NTP=fd85::123 SendOption=23:ipv6address:fd85::53,fd85::54
	SendOption=dhcpv6:24:domain:lab.example,other.example SendOption=dhcpv6:41:string:EST5EDT SendOption=dhcpv6:65001:uint32:70000
	'[DNS]' Domain=lab.internal)
own=00:04:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:10
hosts=('[Host]' ClientID=$uuid Name=byduid Address=fd85::7
	'[Host]' ClientID=$own Name=own Address=fd85::6 SendOption=dhcpv6:24:domain:duid.example SendOption=dhcpv6:65001:uint32:6
	'[Host]' MACAddress=52:54:00:85:00:08 Name=bymac Address=fd85::8 SendOption=dhcpv6:24:domain:own.example SendOption=dhcpv6:65001:uint32:8)
network lab "${lab[@]}" "${hosts[@]}"
netd_start
check up wait_for 30 settled

cat >$root/dhclient.conf <<'S'
option dhcp6.site code 65001 = unsigned integer 32;
option dhcp6.timezone code 41 = text;
also request dhcp6.site, dhcp6.timezone, dhcp6.domain-search, dhcp6.name-servers, dhcp6.sntp-servers;
S
cat >$root/dhclient-script <<'S'
#!/bin/sh
case $reason in
BOUND6|REBIND6|RENEW6)
	echo "ip=$new_ip6_address dns=$new_dhcp6_name_servers search=$new_dhcp6_domain_search zone=$new_dhcp6_timezone site=$new_dhcp6_site" >"$LEASE";;
esac
S
chmod 755 $root/dhclient-script
# become DUID MAC: another guest, that has never had a lease. The DUID as dhclient writes it into its file.
become() {
	[ ! -e /sys/class/net/port-guest ] || ip link del port-guest
	[ ! -e /run/netns/guest ] || ip netns del guest
	guest guest gn-lab - -
	ip -n guest link set eth0 down
	ip -n guest link set eth0 address "$2"
	in_ns guest sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
	ip -n guest link set eth0 up
	printf 'default-duid "%s";\n' "$(sed 's/^/\\x/; s/:/\\x/g' <<<"$1" | while IFS= read -r text; do
		for byte in ${text//\\x/ }; do printf '\\%03o' $((16#$byte)); done; done)" >$root/dhclient.leases
	wait_for 20 eval 'ip -n guest -6 addr show dev eth0 scope link | grep -q inet6'
}
# dhclient's -S asks for options alone.
ask() {	# [OPTION...]: what was told is in $told
	rm -f $root/lease
	timeout 30 ip netns exec guest dhclient -6 "$@" -1 -e LEASE=$root/lease -cf $root/dhclient.conf -lf $root/dhclient.leases \
		-pf $root/dhclient.pid -sf $root/dhclient-script eth0 >$root/dhclient.log 2>&1
	[ ! -s $root/dhclient.pid ] || kill "$(cat $root/dhclient.pid)" 2>/dev/null
	told=$(cat $root/lease 2>/dev/null || tail -n 3 $root/dhclient.log)
}
# What a guest has given back another one may have; a lease that goes on is the first one's (another MAC is another IAID).
release() { timeout 20 ip netns exec guest dhclient -6 -r -cf $root/dhclient.conf -lf $root/dhclient.leases -pf $root/dhclient.pid \
	-sf $root/dhclient-script eth0 >/dev/null 2>&1; }
leased() { client leases lab --json | jq -r ".[] | select(.address == \"$1\") | \"\(.name) \(.client_id)\""; }

become $uuid 52:54:00:85:00:01
ask
matches duid '^ip=fd85::7 ' "$told"
matches option-addresses ' dns=fd85::53 fd85::54 ' "$told"
matches option-domains ' search=lab\.example\.? other\.example\.? ' "$told"
matches option-string ' zone=EST5EDT ' "$told"
matches option-number ' site=70000$' "$told"
equal duid-lease "byduid $uuid" "$(leased fd85::7)"
matches duid-name 'fd85::7' "$(in_ns guest busybox nslookup -type=aaaa byduid.lab.internal fd85::1 2>&1)"
release
# The DUID tells who it is, not the Ethernet address.
become $uuid 52:54:00:85:00:02
ask
matches duid-other-mac '^ip=fd85::7 ' "$told"
release
become 00:04:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:01 52:54:00:85:00:01
ask
matches range '^ip=fd85::1[0-9a-f]{2} ' "$told"
become 00:04:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:02 52:54:00:85:00:08
ask
matches mac '^ip=fd85::8 ' "$told"
matches host-option-domains ' search=own\.example\.? ' "$told"
matches host-option-number ' site=8$' "$told"
matches host-option-others ' zone=EST5EDT ' "$told"
# A host's own options by its DUID; one that begins like it is another one.
become $own 52:54:00:85:00:07
ask
matches duid-option '^ip=fd85::6 .* search=duid\.example\.? .* site=6$' "$told"
equal duid-option-lease "own $own" "$(leased fd85::6)"
release
become $own:00 52:54:00:85:00:06
ask
matches duid-option-longer '^ip=fd85::1[0-9a-f]{2} .* search=lab\.example\.? other\.example\.? .* site=70000$' "$told"

# --- changed live: dnsmasq goes on ----------------------------------------------------------------
pid() { cut -d' ' -f1 $root/run/dnsmasq/lab.pid; }
before=$(pid)
changed=("${lab[@]/EST5EDT/CET-1}")
network lab "${changed[@]/other.example/third.example}" "${hosts[@]/fd85::7/fd85::9}"
check reload netd_reload
become $uuid 52:54:00:85:00:03
ask
matches live-address '^ip=fd85::9 ' "$told"
release
matches live-option-domains ' search=lab\.example\.? third\.example\.? ' "$told"
matches live-option-string ' zone=CET-1 ' "$told"
equal live-same-process "$before" "$(pid)"
become $own 52:54:00:85:00:0b
ask
matches live-duid-option '^ip=fd85::6 .* search=duid\.example\.? ' "$told"
release
# Nobody but known guests.
network lab "${lab[@]/NTP=/OnlyHosts=yes
NTP=}" "${hosts[@]}"
check only-hosts netd_reload
become $uuid 52:54:00:85:00:04
ask
matches only-hosts-known '^ip=fd85::7 ' "$told"
become 00:04:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:03 52:54:00:85:00:05
ask
if [[ $told == ip=* ]]; then fail only-hosts-unknown "$told"; else pass only-hosts-unknown; fi

# --- no range: guests make their addresses, and are told the rest ---------------------------------
network lab '[Address]' Address=10.85.1.1/24 Address=fd85::1/64 '[DHCP]' SendOption=dhcpv6:24:domain:alone.example
check stateless netd_reload
become $uuid 52:54:00:85:00:06
in_ns guest sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/autoconf'
ip -n guest link set eth0 down
ip -n guest link set eth0 up
own_address() { ip -n guest -6 -j addr show dev eth0 scope global | jq -e '.[0].addr_info[] | select(.local == "fd85::5054:ff:fe85:6")' >/dev/null; }
check stateless-address wait_for 20 own_address
sed -i 's/BOUND6|/BOUND6|INFO6|/' $root/dhclient-script
ask -S
matches stateless-option 'ip= .* search=alone\.example\.? ' "$told"

# --- what boots: option 59, by what the client says it is (61; iPXE by its user class, 15) ---------
folder=$world/tftp
mkdir -p $folder/efi
touch $folder/{other.0,pxelinux.0,boot.ipxe,efi/x.efi,efi/a.efi}
boot=('[Address]' Address=10.85.1.1/24 Address=fd85::1/64 '[Boot]' TFTPRoot=$folder File=other.0 File=bios:pxelinux.0
	File=uefi-x86_64:efi/x.efi File=uefi-arm64:efi/a.efi File=http-x86_64:http://[fd85::1]/x.efi File=http-arm64:http://boot.example/a.efi)
network lab "${boot[@]}" File=ipxe:boot.ipxe '[DHCP]' Range=fd85::100-fd85::1ff
check boot netd_reload
booted() { in_ns guest $world/tools/netd-dhcp6 eth0 52:54:00:85:00:09 6:003b "$@"; }
here=tftp://[fd85::1]
equal boot-any "$here/other.0 -" "$(booted)"
equal boot-unknown "$here/other.0 -" "$(booted 61:0700)"
equal boot-bios "$here/pxelinux.0 -" "$(booted 61:0000)"
equal boot-uefi "$here/efi/x.efi -" "$(booted 61:0007)"
equal boot-uefi-9 "$here/efi/x.efi -" "$(booted 61:0009)"
equal boot-uefi-list "$here/efi/x.efi -" "$(booted 61:00060007)"
equal boot-uefi-arm64 "$here/efi/a.efi -" "$(booted 61:000b)"
equal boot-http 'http://[fd85::1]/x.efi HTTPClient' "$(booted 61:0010)"
equal boot-http-arm64 'http://boot.example/a.efi HTTPClient' "$(booted 61:0013)"
equal boot-ipxe "$here/boot.ipxe -" "$(booted 61:0007 15:000469505845)"
# What is not there is said by who only checks, too.
rm $folder/pxelinux.0
out=$("$BIN/guestnetd" "${roots[@]}" --check 2>&1)
equal boot-check-status 1 $?
matches boot-check 'lab.network:[0-9]+: \[Boot\] File=: .*/pxelinux.0: No such file' "$out"
touch $folder/pxelinux.0
# Of another host, and with no address of a range: who makes its own asks for this alone.
network lab '[Address]' Address=10.85.1.1/24 Address=fd85::1/64 '[Boot]' Server=10.9.0.69 Server=2001:db8::69 File=uefi-x86_64:there.efi
check boot-server netd_reload
sed -i '/^also request/s/;/, dhcp6.bootfile-url; send dhcp6.client-arch-type 7;/; s/^also/option dhcp6.bootfile-url code 59 = text;\
option dhcp6.client-arch-type code 61 = array of unsigned integer 16;\n&/' $root/dhclient.conf
sed -i 's/ site=/ url=$new_dhcp6_bootfile_url&/' $root/dhclient-script
ask -S
matches boot-stateless ' url=tftp://\[2001:db8::69\]/there.efi ' "$told"
# UEFI takes no file without an address: where IPv4 does not lead there, nothing would boot, and that is said.
network lab '[Address]' Address=fd85::1/64 '[Boot]' TFTPRoot=$folder File=uefi-x86_64:efi/x.efi
check boot-nobody netd_reload
matches boot-nobody-said 'UEFI boots with an address of DHCPv6 alone' "$(report lab problem)"
matches boot-nobody-doctor 'network lab is running: .*write a Range= of IPv6' "$(client doctor | grep 'network lab')"
network lab '[Address]' Address=fd85::1/64 '[Boot]' TFTPRoot=$folder File=uefi-x86_64:efi/x.efi '[DHCP]' Range=fd85::100-fd85::1ff
check boot-somebody netd_reload
equal boot-somebody-said '' "$(report lab problem)"
nets_done
